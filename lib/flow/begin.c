/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A bucket is the head of a chain:
 *
 *     | tag | index + 1 | --> newest --> ... --> oldest --> 0
 *
 * Lookup walks from the head and skips what is ENDING.  Insertion walks too,
 * then writes its entry, points it at the head it had read, and swaps the
 * head.  If the head has changed meanwhile, the swap fails and the walk is
 * made again: so a key is never in a chain twice.  The tag counts the
 * changes.
 *
 * Unlinking is the control thread's alone (control.c).  At the head it is a
 * swap too, so it and an insertion cannot both succeed on the same head;
 * further down it is a store to the entry before, which insertion never
 * touches.  An entry that is out of the chain keeps its 'next' until the
 * grace period has passed, so a walk that stands on it finds the way on.
 *
 * The release of a swap and the acquire of the walk make an entry's plain
 * members visible: a swap reads the previous head with acquire, so what was
 * published before is visible through the chain as well.
 */

#include <string.h>

#include "flow/table-private.h"

#define TRIES_MAX 64

static inline struct insp_conn *
find(const struct insp_table *t, uint64_t head, const struct insp_key *key,
     uint32_t hash, unsigned int *depth)
{
    uint32_t at = (uint32_t) head;

    for (*depth = 0; at && *depth < INSP_CHAIN_MAX; (*depth)++) {
        struct insp_conn *conn = &t->conns[at - 1];

        if (INSP_LIKELY(conn->hash == hash &&
                        insp_key_equal(&conn->key, key))) {
            uint8_t state =
                atomic_load_explicit(&conn->state, memory_order_relaxed);

            if (INSP_LIKELY(!(state & INSP_CONN_ENDING))) {
                return conn;
            }
        }
        at = atomic_load_explicit(&conn->next, memory_order_acquire);
    }
    return NULL;
}

/* Would 'packet' begin another connection in the place of 'conn'? */
static inline bool
is_superseded(const struct insp_conn *conn, unsigned int side,
              const struct insp_flow_packet *packet)
{
    uint32_t port = INSP_READ(conn->flow[side].first_ns)
                        ? INSP_READ(conn->flow[side].port)
                        : 0;

    if (INSP_UNLIKELY(port != packet->in_port)) {
        uint8_t kind = conn->key.zone.kind;

        if (port && packet->in_port &&
            (kind == INSP_ZONE_EXPLICIT || kind == INSP_ZONE_BRIDGE)) {
            return true;
        }
    }
    return packet->is_tcp &&
           INSP_UNLIKELY((packet->tcp_flags & (INSP_TCP_SYN | INSP_TCP_ACK)) ==
                         INSP_TCP_SYN) &&
           INSP_READ(conn->state) & INSP_CONN_CLOSED;
}

uint8_t
insp_conn_raise(struct insp_table *t, struct insp_conn *conn, uint8_t bits)
{
    uint8_t old =
        atomic_fetch_or_explicit(&conn->state, bits | INSP_CONN_ATTENTION,
                                 memory_order_acq_rel);

    if (!(old & INSP_CONN_ATTENTION)) {
        insp_stack_push(&t->attention, insp_index_of(t, conn));
    }
    return old;
}

void
insp_conn_not_half_open(struct insp_table *t, struct insp_conn *conn)
{
    uint8_t old = INSP_READ(conn->state);

    /* Whoever takes the bit away counts, so it is counted once. */
    if (old & INSP_CONN_HALF_OPEN) {
        old = atomic_fetch_and_explicit(&conn->state,
                                        (uint8_t) ~INSP_CONN_HALF_OPEN,
                                        memory_order_relaxed);
        if (old & INSP_CONN_HALF_OPEN) {
            atomic_fetch_sub_explicit(&t->half_open, 1, memory_order_relaxed);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Taking an entry. */

static uint32_t
pool_take(struct insp_pool *pool)
{
    uint32_t index = insp_stack_pop(&pool->free);

    if (index == INSP_STACK_END && INSP_READ(pool->fresh) < pool->n) {
        uint32_t n =
            atomic_fetch_add_explicit(&pool->fresh, 1, memory_order_relaxed);

        index = n < pool->n ? pool->first + n : INSP_STACK_END;
    }
    return index;
}

static bool
half_open_take(struct insp_table *t)
{
    if (atomic_fetch_add_explicit(&t->half_open, 1, memory_order_relaxed) >=
        t->config.half_open_limit) {
        atomic_fetch_sub_explicit(&t->half_open, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

/* What a packet is about to begin, and what it has taken for that. */
struct beginning {
    const struct insp_key *key;
    const struct insp_flow_packet *packet;
    uint32_t hash;
    unsigned int side;
    enum insp_pool_id pool;
    enum insp_remainder why; /* When there was none to be had. */
    bool is_half_open;
    uint32_t quota_slot;
};

static void
give_back(struct insp_table *t, const struct beginning *b)
{
    if (b->is_half_open) {
        atomic_fetch_sub_explicit(&t->half_open, 1, memory_order_relaxed);
    }
    if (b->pool == INSP_POOL_CONNS) {
        insp_quota_put(t->quota, b->quota_slot);
    }
}

/* A free entry, with its share of all limits, or NULL. */
static struct insp_conn *
take(struct insp_table *t, struct beginning *b)
{
    uint32_t index;

    if (b->pool == INSP_POOL_CONNS) {
        uint32_t port = b->packet->in_port;
        bool over;

        b->quota_slot =
            insp_quota_take(t->quota, port, t->config.port_quota, &over);
        if (over) {
            atomic_store_explicit(&t->asks[b->quota_slot % INSP_ASKS],
                                  b->quota_slot + 1, memory_order_relaxed);
            b->why = INSP_REMAINDER_QUOTA;
            return NULL;
        }
        if (b->key->proto == INSP_PROTO_TCP) {
            b->is_half_open = half_open_take(t);
            if (!b->is_half_open) {
                insp_quota_put(t->quota, b->quota_slot);
                return NULL;
            }
        }
    }
    index = pool_take(&t->pools[b->pool]);
    if (index == INSP_STACK_END) {
        give_back(t, b);
        return NULL;
    }
    return &t->conns[index];
}

/* Writes all of a free entry except 'link' and 'next', which others may still
 * be looking at through a stack. */
static void
fill(struct insp_conn *conn, const struct beginning *b)
{
    const struct insp_flow_packet *packet = b->packet;
    struct insp_flow *flow = &conn->flow[b->side];
    uint8_t syn = packet->tcp_flags & (INSP_TCP_SYN | INSP_TCP_ACK);
    uint8_t state = 0;

    if (b->is_half_open) {
        state |= INSP_CONN_HALF_OPEN;
        if (!packet->is_tcp || syn != INSP_TCP_SYN) {
            state |= INSP_CONN_MIDSTREAM;
        }
    }
    if (packet->nat_split) {
        state |= INSP_CONN_NAT_SPLIT;
    }
    conn->hash = b->hash;
    conn->key = *b->key;
    atomic_store_explicit(&conn->state, state, memory_order_relaxed);
    conn->initiator = (uint8_t) b->side;
    if (b->is_half_open && packet->is_tcp &&
        syn == (INSP_TCP_SYN | INSP_TCP_ACK)) {
        conn->initiator ^= 1;
    }
    conn->icmp_type = packet->icmp_type;
    if (b->key->query) {
        /* Whoever was seen first: who asks has begun. */
        conn->initiator = insp_key_asker(b->key);
        conn->icmp_type = (uint8_t) b->key->query;
    }
    conn->end_reason = INSP_END_NONE;
    memset((void *) conn->flow, 0, sizeof conn->flow);
    for (int i = 0; i < 2; i++) {
        atomic_store_explicit(&conn->flow[i].owner, INSP_NO_OWNER,
                              memory_order_relaxed);
        atomic_store_explicit(&conn->foreign_packets[i], 0,
                              memory_order_relaxed);
        atomic_store_explicit(&conn->foreign_bytes[i], 0,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&flow->owner, packet->worker, memory_order_relaxed);
    atomic_store_explicit(&flow->first_ns, packet->now_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&flow->last_ns, packet->now_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&flow->port, packet->in_port, memory_order_relaxed);
    atomic_store_explicit(&conn->flow[!b->side].port, packet->out_port,
                          memory_order_relaxed);
    atomic_store_explicit(&conn->ack_ns, 0, memory_order_relaxed);
    conn->life++;
    conn->quota_slot = b->quota_slot;
    atomic_store_explicit(&conn->claim, UINT16_MAX, memory_order_relaxed);
    conn->icmp_code = packet->icmp_code;
    atomic_store_explicit(&conn->app, 0, memory_order_relaxed);
    atomic_store_explicit(&conn->dialog, 0, memory_order_relaxed);
}

/* Finds or begins; the slow half of a lookup. */
static INSP_NOINLINE struct insp_conn *
begin(struct insp_table *t, struct beginning *b)
{
    _Atomic uint64_t *bucket = insp_bucket_of(t, b->hash);
    struct insp_conn *spare = NULL;

    b->why = INSP_REMAINDER_TABLE_FULL;
    b->quota_slot = INSP_QUOTA_NONE;
    b->is_half_open = false;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        uint64_t head = atomic_load_explicit(bucket, memory_order_acquire);
        unsigned int depth;
        struct insp_conn *conn = find(t, head, b->key, b->hash, &depth);

        if (conn) {
            if (b->pool == INSP_POOL_CONNS &&
                is_superseded(conn, b->side, b->packet)) {
                (void) insp_conn_raise(t, conn, INSP_CONN_ENDING);
                continue;
            }
            if (spare) {
                give_back(t, b);
                insp_stack_push(&t->pools[b->pool].free,
                                insp_index_of(t, spare));
            }
            return conn;
        }
        if (depth >= INSP_CHAIN_MAX) {
            break;
        }
        if (!spare) {
            spare = take(t, b);
            if (!spare) {
                break;
            }
            fill(spare, b);
        }
        atomic_store_explicit(&spare->next, (uint32_t) head,
                              memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(
                bucket, &head,
                insp_stack_next_tag(head) | (insp_index_of(t, spare) + 1),
                memory_order_acq_rel, memory_order_relaxed)) {
            insp_stack_push(&t->born, insp_index_of(t, spare));
            return spare;
        }
    }
    if (spare) {
        give_back(t, b);
        insp_stack_push(&t->pools[b->pool].free, insp_index_of(t, spare));
    }
    if (b->pool == INSP_POOL_CONNS) {
        INSP_COUNT(t->workers[b->packet->worker].refused[b->why], 1);
    }
    return NULL;
}

static INSP_NOINLINE struct insp_conn *
get_slowly(struct insp_table *t, const struct insp_key *key, uint32_t hash,
           unsigned int side, const struct insp_flow_packet *packet,
           enum insp_remainder *why)
{
    struct beginning b = { .key = key,
                           .packet = packet,
                           .hash = hash,
                           .side = side,
                           .pool = INSP_POOL_CONNS };
    struct insp_conn *conn = begin(t, &b);

    if (!conn) {
        *why = b.why;
    }
    return conn;
}

struct insp_conn *
insp_table_get(struct insp_table *t, const struct insp_key *key, uint32_t hash,
               unsigned int side, const struct insp_flow_packet *packet,
               enum insp_remainder *why)
{
    uint64_t head =
        atomic_load_explicit(insp_bucket_of(t, hash), memory_order_acquire);
    unsigned int depth;
    struct insp_conn *conn = find(t, head, key, hash, &depth);

    if (INSP_LIKELY(conn && !is_superseded(conn, side, packet))) {
        return conn;
    }
    return get_slowly(t, key, hash, side, packet, why);
}

struct insp_conn *
insp_table_find(struct insp_table *t, const struct insp_key *key,
                uint32_t hash, unsigned int side,
                const struct insp_flow_packet *packet)
{
    uint64_t head =
        atomic_load_explicit(insp_bucket_of(t, hash), memory_order_acquire);
    unsigned int depth;
    struct insp_conn *conn = find(t, head, key, hash, &depth);

    return conn && !is_superseded(conn, side, packet) ? conn : NULL;
}

struct insp_conn *
insp_table_get_remainder(struct insp_table *t, const struct insp_key *key,
                         uint32_t hash, const struct insp_flow_packet *packet)
{
    uint64_t head =
        atomic_load_explicit(insp_bucket_of(t, hash), memory_order_acquire);
    unsigned int depth;
    struct insp_conn *conn = find(t, head, key, hash, &depth);

    if (INSP_UNLIKELY(!conn)) {
        struct beginning b = { .key = key,
                               .packet = packet,
                               .hash = hash,
                               .pool = INSP_POOL_REMAINDERS };

        conn = begin(t, &b);
    }
    return conn;
}
