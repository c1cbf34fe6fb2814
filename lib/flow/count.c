/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The owner of a direction counts with two loads and two stores on a line of
 * its own.  Any other worker counts by atomic addition on the cold line, and
 * says every 64th time that it would like to own the direction; the control
 * thread moves it (table.h says why that is safe).  The first packet of a
 * direction takes it by compare and swap, and, if it is the second direction,
 * answers the connection.
 */

#include "flow/table-private.h"
#include "flow/tcp.h"

#define CLAIM_EVERY 64 /* A power of two. */

/* The first packet of the answering direction: 'flow' is the caller's now. */
static void
answer(struct insp_table *t, struct insp_conn *conn, struct insp_flow *flow,
       const struct insp_flow_packet *packet)
{
    uint8_t bits = INSP_CONN_ANSWERED;

    atomic_store_explicit(&flow->first_ns, packet->now_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&flow->port, packet->in_port, memory_order_relaxed);
    if (conn->key.proto != INSP_PROTO_TCP) {
        bits |= INSP_CONN_ESTABLISHED;
    }
    if (packet->nat_split) {
        bits |= INSP_CONN_NAT_SPLIT;
    }
    atomic_fetch_or_explicit(&conn->state, bits, memory_order_relaxed);
    insp_conn_not_half_open(t, conn);
}

static void
count_foreign(struct insp_table *t, struct insp_conn *conn, unsigned int side,
              const struct insp_flow_packet *packet, uint64_t packets,
              uint64_t bytes)
{
    struct insp_flow *flow = &conn->flow[side];
    uint64_t n;

    n = atomic_fetch_add_explicit(&conn->foreign_packets[side], packets,
                                  memory_order_relaxed);
    atomic_fetch_add_explicit(&conn->foreign_bytes[side], bytes,
                              memory_order_relaxed);
    /* Whoever stores last wins; the times of two batches hardly differ. */
    if (packet->now_ns > INSP_READ(flow->last_ns)) {
        atomic_store_explicit(&flow->last_ns, packet->now_ns,
                              memory_order_relaxed);
    }
    INSP_COUNT(t->workers[packet->worker].foreign_packets, packets);
    if (n / CLAIM_EVERY != (n + packets) / CLAIM_EVERY) {
        atomic_store_explicit(&conn->claim,
                              (uint16_t) (packet->worker << 1 | side),
                              memory_order_relaxed);
        (void) insp_conn_raise(t, conn, 0);
    }
}

static inline void
count_as_owner(struct insp_table *t, struct insp_conn *conn, unsigned int side,
               const struct insp_flow_packet *packet)
{
    struct insp_flow *flow = &conn->flow[side];

    INSP_COUNT(flow->packets, 1);
    INSP_COUNT(flow->bytes, packet->wire_size);
    atomic_store_explicit(&flow->last_ns, packet->now_ns,
                          memory_order_relaxed);
    if (packet->is_tcp && !insp_key_is_remainder(&conn->key)) {
        insp_tcp_follow(t, conn, side, packet);
    }
}

/* Not (yet) the owner: takes what nobody owns, or counts foreign. */
static INSP_NOINLINE void
count_slowly(struct insp_table *t, struct insp_conn *conn, unsigned int side,
             const struct insp_flow_packet *packet)
{
    struct insp_flow *flow = &conn->flow[side];
    uint16_t owner = INSP_NO_OWNER;

    if (INSP_READ(flow->owner) == INSP_NO_OWNER &&
        atomic_compare_exchange_strong_explicit(
            &flow->owner, &owner, packet->worker, memory_order_acquire,
            memory_order_relaxed)) {
        answer(t, conn, flow, packet);
        count_as_owner(t, conn, side, packet);
        return;
    }
    count_foreign(t, conn, side, packet, 1, packet->wire_size);
    if (packet->is_tcp && !insp_key_is_remainder(&conn->key)) {
        insp_tcp_follow_slowly(t, conn, side, packet, false);
    }
}

uint32_t
insp_table_index(const struct insp_table *t, const struct insp_conn *conn)
{
    return insp_index_of(t, conn);
}

void
insp_table_report_soon(struct insp_table *t, struct insp_conn *conn)
{
    (void) insp_conn_raise(t, conn, 0);
}

void
insp_table_count(struct insp_table *t, struct insp_conn *conn,
                 unsigned int side, const struct insp_flow_packet *packet)
{
    /* Acquire: goes on from where the last owner stopped. */
    uint16_t owner =
        atomic_load_explicit(&conn->flow[side].owner, memory_order_acquire);

    if (INSP_LIKELY(owner == packet->worker)) {
        count_as_owner(t, conn, side, packet);
    } else {
        count_slowly(t, conn, side, packet);
    }
}

/* A remainder has one side, which is owned from the beginning. */
void
insp_table_count_sum(struct insp_table *t, struct insp_conn *conn,
                     const struct insp_flow_packet *packet, uint64_t packets,
                     uint64_t bytes)
{
    struct insp_flow *flow = &conn->flow[0];

    /* Acquire: as in insp_table_count(). */
    if (INSP_LIKELY(atomic_load_explicit(&flow->owner, memory_order_acquire) ==
                    packet->worker)) {
        INSP_COUNT(flow->packets, packets);
        INSP_COUNT(flow->bytes, bytes);
        atomic_store_explicit(&flow->last_ns, packet->now_ns,
                              memory_order_relaxed);
    } else {
        count_foreign(t, conn, 0, packet, packets, bytes);
    }
}
