/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * All that the long way would find out for such a packet is asked of two
 * lines, the key's and the direction's: that nothing is new (no flag, no gap,
 * no other port or worker), nothing waits (reader, judgement), nothing ends.
 * Each question has its like in begin.c, count.c, tcp.h or the engine; the
 * order does not matter, because the answer "no" leaves all as it was. */

#include "flow/plain.h"

#include "flow/table-private.h"

#define MANY 65536 /* Connections that no cache of a core holds. */

void
insp_plain_set_table(struct insp_plain_batch *b, struct insp_table *t)
{
    b->table = t;
    b->buckets = t->buckets;
    b->bucket_mask = t->bucket_mask;
}

bool
insp_plain_note6(const struct insp_plain_batch *b, struct insp_noted *noted,
                 const void *frame, uint32_t size, uint32_t wire_size)
{
    const uint8_t *src, *dst;
    struct insp_plain p;

    if (!insp_plain_read(&p, 6, frame, size, wire_size)) {
        return false;
    }
    src = p.addresses;
    dst = p.addresses + 16;
    noted->side = insp_key_side6(src, dst, p.src_port, p.dst_port);
    noted->addr6[0] = noted->side ? dst : src;
    noted->addr6[1] = noted->side ? src : dst;
    insp_plain_note_rest(
        b, noted, &p, 6,
        insp_key_mix6(noted->addr6[0], noted->addr6[1], b->secret), wire_size);
    return true;
}

/* Of a chain: index + 1, or 0. */
static inline uint32_t
first(const struct insp_table *t, uint32_t hash)
{
    return (uint32_t) atomic_load_explicit(insp_bucket_of(t, hash),
                                           memory_order_acquire);
}

static inline void
prefetch(const struct insp_table *t, uint32_t at, unsigned int side)
{
    if (INSP_LIKELY(at)) {
        const struct insp_conn *conn = &t->conns[at - 1];

        INSP_PREFETCH(conn);
        INSP_PREFETCH_WRITE(&conn->flow[side]);
    }
}

void
insp_plain_prefetch(const struct insp_table *t, const struct insp_noted *noted,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        prefetch(t, first(t, noted[i].hash), noted[i].side);
    }
    if (insp_pool_used(&t->pools[INSP_POOL_CONNS]) < MANY) {
        return;
    }
    /* One in four is not the first of its chain. */
    for (size_t i = 0; i < n; i++) {
        uint32_t at = first(t, noted[i].hash);

        if (at && t->conns[at - 1].hash != noted[i].hash) {
            prefetch(t, INSP_READ(t->conns[at - 1].next), noted[i].side);
        }
    }
}

static inline bool
is_key(const struct insp_plain_batch *b, const struct insp_noted *p,
       const struct insp_key *key)
{
    return insp_key_rest_is(key, p->ports, p->kind, b->zone) &&
           (INSP_LIKELY(!p->addr6[0])
                ? insp_key_addr4_is(key, p->addr4[0], p->addr4[1])
                : insp_key_addr6_is(key, p->addr6[0], p->addr6[1]));
}

static inline struct insp_conn *
find(const struct insp_plain_batch *b, const struct insp_noted *p)
{
    const struct insp_table *t = b->table;
    uint32_t at = first(t, p->hash);

    for (unsigned int depth = 0; at && depth < INSP_CHAIN_MAX; depth++) {
        struct insp_conn *conn = &t->conns[at - 1];

        if (INSP_LIKELY(conn->hash == p->hash && is_key(b, p, &conn->key))) {
            return conn;
        }
        at = atomic_load_explicit(&conn->next, memory_order_acquire);
    }
    return NULL;
}

static inline bool
goes_on(const struct insp_conn *conn, const struct insp_flow *flow,
        const struct insp_noted *p)
{
    uint8_t seen = INSP_READ(flow->tcp_flags);

    return !p->is_tcp || (p->tcp_seq == INSP_READ(flow->seq_next) &&
                          INSP_READ(conn->state) & INSP_CONN_ESTABLISHED &&
                          !((seen & INSP_TCP_FIN) | (p->tcp_flags & ~seen)));
}

static inline bool
is_at_rest(const struct insp_plain_batch *b, const struct insp_flow *flow,
           const struct insp_noted *p)
{
    return INSP_READ(flow->port) == b->in_port &&
           (INSP_READ(flow->judgement) & b->judgement_mask) == b->judgement &&
           (!p->payload_size || !b->are_read ||
            INSP_READ(flow->reads) == INSP_READS_DONE);
}

static INSP_ALWAYS_INLINE bool
count(const struct insp_plain_batch *b, const struct insp_noted *p,
      bool by_mac)
{
    struct insp_conn *conn = find(b, p);
    struct insp_flow *flow;

    if (INSP_UNLIKELY(!conn || INSP_READ(conn->state) & INSP_CONN_ENDING)) {
        return false;
    }
    flow = &conn->flow[p->side];
    /* Acquire: goes on from where the last owner stopped. */
    if (INSP_UNLIKELY(atomic_load_explicit(
                          &flow->owner, memory_order_acquire) != b->worker ||
                      !goes_on(conn, flow, p) || !is_at_rest(b, flow, p))) {
        return false;
    }
    if (by_mac && insp_conn_goes_elsewhere(conn, p->side, p->out_port)) {
        return false;
    }
    INSP_COUNT(flow->packets, 1);
    INSP_COUNT(flow->bytes, p->wire_size);
    atomic_store_explicit(&flow->last_ns, p->now_ns, memory_order_relaxed);
    if (p->is_tcp) {
        atomic_store_explicit(&flow->seq_next, p->tcp_seq + p->payload_size,
                              memory_order_relaxed);
    }
    return true;
}

static INSP_ALWAYS_INLINE size_t
count_all(const struct insp_plain_batch *b, const struct insp_noted *noted,
          size_t from, size_t n, bool by_mac, uint64_t *bytes)
{
    uint64_t sum = 0;

    while (from < n && noted[from].is_plain &&
           count(b, &noted[from], by_mac)) {
        sum += noted[from++].wire_size;
    }
    *bytes += sum;
    return from;
}

size_t
insp_plain_count(const struct insp_plain_batch *b,
                 const struct insp_noted *noted, size_t from, size_t n,
                 uint64_t *bytes)
{
    return INSP_UNLIKELY(b->by_mac)
               ? count_all(b, noted, from, n, true, bytes)
               : count_all(b, noted, from, n, false, bytes);
}
