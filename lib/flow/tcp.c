/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A segment takes part in an established connection nearly always: then it
 * brings no new flag and continues where the last one ended, and all that
 * happens is that 'seq_next' moves on (insp_tcp_follow(), in the header, so
 * that counting has it without a call).  Everything else is
 * looked at here, where the state turns:
 *
 *     SYN -->          begun, half-open
 *     <-- SYN ACK      answered (count.c)
 *     ACK -->          established; its time gives the round trip
 *     FIN both ways, then an ACK, or RST either way: closed
 *
 * A sequence number behind 'seq_next' is a segment seen again (or one that
 * was overtaken: a switch cannot tell), one ahead of it leaves a gap.  When
 * several workers carry one direction, each sees only a part of the sequence,
 * so gaps are not counted there.
 */

#include "flow/tcp.h"

#include "flow/table-private.h"

static uint64_t
total_packets(const struct insp_conn *conn, unsigned int side)
{
    return INSP_READ(conn->flow[side].packets) +
           INSP_READ(conn->foreign_packets[side]);
}

/* 'packet' does not begin at 'seq_next'. */
static void
follow_oddity(const struct insp_conn *conn, struct insp_flow *flow,
              unsigned int side, const struct insp_flow_packet *packet,
              uint32_t end)
{
    uint32_t next = INSP_READ(flow->seq_next);
    uint32_t size = end - packet->tcp_seq;

    if (packet->tcp_flags & INSP_TCP_RST) {
        return; /* Its sequence need not continue anything. */
    }
    if (INSP_READ(flow->packets) == 1) {
        atomic_store_explicit(&flow->seq_next, end, memory_order_relaxed);
        return;
    }
    if (!size) {
        return; /* An acknowledgement, old or of what was not seen here, or a
                 * keep-alive: it is in nobody's way, wherever it says it is,
                 * and the next segment tells whether there is a gap. */
    }
    if ((int32_t) (packet->tcp_seq - next) > 0) {
        uint16_t gaps = INSP_READ(flow->out_of_order);

        if (gaps < UINT16_MAX && !INSP_READ(conn->foreign_packets[side])) {
            atomic_store_explicit(&flow->out_of_order, (uint16_t) (gaps + 1),
                                  memory_order_relaxed);
        }
        atomic_store_explicit(&flow->seq_next, end, memory_order_relaxed);
        return;
    }
    if (size == 1 && end == next &&
        !(packet->tcp_flags & (INSP_TCP_SYN | INSP_TCP_FIN))) {
        return; /* A keep-alive with its byte of garbage. */
    }
    INSP_COUNT(flow->retransmitted, 1);
    if ((int32_t) (end - next) > 0) {
        atomic_store_explicit(&flow->seq_next, end, memory_order_relaxed);
    }
}

/* The third step: established, and if each side has sent what it had to, once,
 * its time is worth keeping. */
static void
establish(struct insp_conn *conn, const struct insp_flow_packet *packet,
          bool has_times)
{
    uint8_t old = atomic_fetch_or_explicit(&conn->state, INSP_CONN_ESTABLISHED,
                                           memory_order_relaxed);

    if (!(old & INSP_CONN_ESTABLISHED) && has_times) {
        atomic_store_explicit(&conn->ack_ns, packet->now_ns,
                              memory_order_relaxed);
    }
}

static void
turn(struct insp_table *t, struct insp_conn *conn, unsigned int side,
     const struct insp_flow_packet *packet)
{
    uint8_t state = INSP_READ(conn->state);
    const struct insp_flow *mine = &conn->flow[side];
    const struct insp_flow *other = &conn->flow[!side];
    uint8_t flags = packet->tcp_flags;
    uint8_t mine_seen = INSP_READ(mine->tcp_flags);
    uint8_t other_seen = INSP_READ(other->tcp_flags);

    if (state & INSP_CONN_CLOSED) {
        return;
    }
    if (flags & INSP_TCP_RST ||
        (mine_seen & other_seen & INSP_TCP_FIN &&
         (flags & (INSP_TCP_ACK | INSP_TCP_FIN)) == INSP_TCP_ACK)) {
        (void) insp_conn_raise(t, conn, INSP_CONN_CLOSED);
        return;
    }
    if (state & INSP_CONN_ESTABLISHED || !(state & INSP_CONN_ANSWERED)) {
        return;
    }
    if (state & INSP_CONN_MIDSTREAM) {
        if (mine_seen & other_seen & INSP_TCP_ACK) {
            establish(conn, packet, false);
        }
    } else if (side == conn->initiator &&
               (flags & (INSP_TCP_SYN | INSP_TCP_ACK)) == INSP_TCP_ACK &&
               (other_seen & (INSP_TCP_SYN | INSP_TCP_ACK)) ==
                   (INSP_TCP_SYN | INSP_TCP_ACK)) {
        establish(conn, packet,
                  total_packets(conn, side) == 2 &&
                      total_packets(conn, !side) == 1);
    }
}

void
insp_tcp_follow_slowly(struct insp_table *t, struct insp_conn *conn,
                       unsigned int side,
                       const struct insp_flow_packet *packet, bool is_owner)
{
    struct insp_flow *flow = &conn->flow[side];
    uint8_t flags = packet->tcp_flags;

    if (flags & ~INSP_READ(flow->tcp_flags)) {
        atomic_fetch_or_explicit(&flow->tcp_flags, flags,
                                 memory_order_relaxed);
    }
    if (is_owner) {
        uint32_t end = packet->tcp_seq + packet->payload_size +
                       !!(flags & INSP_TCP_SYN) + !!(flags & INSP_TCP_FIN);

        if (packet->tcp_seq == INSP_READ(flow->seq_next)) {
            atomic_store_explicit(&flow->seq_next, end, memory_order_relaxed);
        } else {
            follow_oddity(conn, flow, side, packet, end);
        }
    }
    turn(t, conn, side, packet);
}

bool
insp_conn_rtt(const struct insp_conn *conn, uint64_t *server_us,
              uint64_t *client_us)
{
    uint64_t syn = INSP_READ(conn->flow[conn->initiator].first_ns);
    uint64_t syn_ack = INSP_READ(conn->flow[!conn->initiator].first_ns);
    uint64_t ack = INSP_READ(conn->ack_ns);

    *server_us = 0;
    *client_us = 0;
    if (!ack || syn > syn_ack || syn_ack > ack) {
        return false;
    }
    *server_us = (syn_ack - syn) / 1000;
    *client_us = (ack - syn_ack) / 1000;
    return true;
}
