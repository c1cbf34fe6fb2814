/* SPDX-License-Identifier: Apache-2.0 */
/* TCP
 * ===
 *
 * Follows a TCP connection (RFC 9293): flags, handshake, retransmissions,
 * gaps, end.
 *
 * Above:    flow/count.c, record/.     Below:  flow/table.h.
 * Threads:  insp_tcp_follow() by a worker; insp_conn_rtt() by any.
 * Memory:   none.
 * Time:     the packet's.
 * Fails:    never; what does not fit is counted.
 */

#ifndef INSP_FLOW_TCP_H
#define INSP_FLOW_TCP_H 1

#include "flow/table.h"

/* Round trip times of the handshake, in microseconds: from here to the
 * server (SYN to SYN ACK) and from here to the client (SYN ACK to ACK).
 * Returns false and sets both to 0 when the handshake was not clean: not seen
 * whole, or with a segment seen twice, so that it is unknown which of them
 * was answered (P. Karn, C. Partridge, 1987). */
bool insp_conn_rtt(const struct insp_conn *, uint64_t *server_us,
                   uint64_t *client_us);

/* Worker: all that is not the common case of insp_tcp_follow(). */
void insp_tcp_follow_slowly(struct insp_table *, struct insp_conn *,
                            unsigned int side, const struct insp_flow_packet *,
                            bool is_owner);

/* Worker: 'packet' has been counted on 'side' of 'conn' by its owner.  In an
 * established connection that nobody is closing, a segment without a new flag
 * only moves the sequence on; as SYN, FIN and RST are not in it, its payload
 * is its length. */
static inline void
insp_tcp_follow(struct insp_table *t, struct insp_conn *conn,
                unsigned int side, const struct insp_flow_packet *packet)
{
    struct insp_flow *flow = &conn->flow[side];
    uint8_t flags = packet->tcp_flags;
    uint8_t seen = INSP_READ(flow->tcp_flags);

    if (INSP_LIKELY(packet->tcp_seq == INSP_READ(flow->seq_next) &&
                    INSP_READ(conn->state) & INSP_CONN_ESTABLISHED &&
                    !((flags & (INSP_TCP_SYN | INSP_TCP_RST)) |
                      (seen & INSP_TCP_FIN) | (flags & ~seen)))) {
        atomic_store_explicit(&flow->seq_next,
                              packet->tcp_seq + packet->payload_size,
                              memory_order_relaxed);
    } else {
        insp_tcp_follow_slowly(t, conn, side, packet, true);
    }
}

#endif /* flow/tcp.h */
