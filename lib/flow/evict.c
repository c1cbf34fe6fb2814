/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Three reasons to make room, each looked at once a turn, each bounded:
 *
 * - A port was refused for its quota: entries of that port end, half-open ones
 *   oldest first, then those idle for longest, until 1/16 of the quota is
 *   free.  No other port pays.
 * - Too many half-open ones: the oldest end, until a quarter of the limit is
 *   free.
 * - Hardly any entry free (1/16): half-open ones oldest first, then the
 *   idlest of the port that has most, until 1/8 is free.
 *
 * "Most" and "idlest" come from samples, as in a clock algorithm: exact for up
 * to SAMPLE entries, near enough above.  Entries that ended already but wait
 * for their report count as room, so a slow reader of reports does not make
 * live connections pay.
 */

#include "flow/table-private.h"

#define SAMPLE        64   /* Entries compared to find the idlest. */
#define BATCH         16   /* Of which so many end at once. */
#define MAX_EVICTIONS 8192 /* In one turn, for one reason. */
#define MAX_SCAN      1024 /* Half-open ones looked at for one port. */

static bool
is_half_open(const struct insp_table *t, uint32_t index)
{
    return INSP_READ(t->conns[index].state) & INSP_CONN_HALF_OPEN;
}

/* Ends up to 'n' half-open entries, oldest first; of one port only unless
 * 'slot' is UINT32_MAX.  Returns how many. */
static uint32_t
evict_half_open(struct insp_table *t, uint32_t n, uint32_t slot,
                enum insp_end_reason reason)
{
    uint32_t head = t->n_entries;
    uint32_t index = t->half[head].next;
    uint32_t n_evicted = 0;

    for (uint32_t seen = 0; index != head && n_evicted < n; seen++) {
        uint32_t next = t->half[index].next;

        if (slot != UINT32_MAX && seen >= MAX_SCAN) {
            break;
        }
        if (!is_half_open(t, index)) {
            insp_ilist_remove(t->half, index); /* Answered since. */
        } else if (slot == UINT32_MAX || t->conns[index].quota_slot == slot) {
            insp_control_end(t, index, reason);
            n_evicted++;
        }
        index = next;
    }
    return n_evicted;
}

/* Ends up to 'n' entries of a port, those that were idle for longest among a
 * sample.  What was looked at goes to the end of the port's list, so that
 * others have their turn next.  Returns how many; 0 when the port has none. */
static uint32_t
evict_idlest(struct insp_table *t, uint32_t slot, uint32_t n,
             enum insp_end_reason reason)
{
    uint32_t head = t->n_entries + slot;
    uint32_t n_sample = INSP_MIN(t->port_live[slot], SAMPLE);
    uint32_t sample[SAMPLE];
    uint64_t since[SAMPLE];

    n = INSP_MIN(n, INSP_MIN(n_sample, BATCH));
    for (uint32_t i = 0; i < n_sample; i++) {
        sample[i] = t->by_port[head].next;
        since[i] = insp_conn_last_ns(&t->conns[sample[i]]);
        insp_ilist_remove(t->by_port, sample[i]);
        insp_ilist_push_back(t->by_port, head, sample[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t idlest = i;
        uint32_t index;

        for (uint32_t j = i + 1; j < n_sample; j++) {
            idlest = since[j] < since[idlest] ? j : idlest;
        }
        index = sample[idlest];
        sample[idlest] = sample[i];
        since[idlest] = since[i];
        insp_control_end(t, index, reason);
    }
    return n;
}

/* Ends 'n' entries of a port, or all that it has. */
static void
evict_of_port(struct insp_table *t, uint32_t slot, uint32_t n,
              enum insp_end_reason reason)
{
    while (n) {
        uint32_t n_evicted = evict_idlest(t, slot, n, reason);

        if (!n_evicted) {
            break;
        }
        n -= n_evicted;
    }
}

static void
evict_for_quota(struct insp_table *t)
{
    uint32_t quota = t->config.port_quota;
    uint32_t room = INSP_MAX(1, quota / 16);

    for (int i = 0; quota && i < INSP_ASKS; i++) {
        uint32_t slot;
        uint32_t n;

        if (!INSP_READ(t->asks[i])) {
            continue;
        }
        slot =
            atomic_exchange_explicit(&t->asks[i], 0, memory_order_relaxed) - 1;
        if (t->port_live[slot] <= quota - room) {
            continue; /* Enough are on their way out. */
        }
        n = INSP_MIN(t->port_live[slot] - (quota - room), MAX_EVICTIONS);
        n -= evict_half_open(t, n, slot, INSP_END_QUOTA);
        evict_of_port(t, slot, n, INSP_END_QUOTA);
    }
}

static void
evict_for_half_open(struct insp_table *t)
{
    uint32_t limit = t->config.half_open_limit;
    uint32_t now = INSP_READ(t->half_open);

    if (now >= INSP_MAX(1, limit - limit / 8)) {
        uint32_t aim = limit - INSP_MAX(1, limit / 4);

        (void) evict_half_open(t, INSP_MIN(now - aim, MAX_EVICTIONS),
                               UINT32_MAX, INSP_END_EVICTED);
    }
}

/* The quota slot of the port that has most entries, from a sample. */
static uint32_t
biggest_port(struct insp_table *t)
{
    uint32_t used = insp_pool_used(&t->pools[INSP_POOL_CONNS]);
    uint32_t biggest = INSP_QUOTA_NONE;

    for (int i = 0; i < SAMPLE && used; i++) {
        /* A step that is coprime to all but multiples of this prime. */
        t->hand = (uint32_t) (((uint64_t) t->hand + 2654435761u) % used);
        if (insp_is_live(t, t->hand)) {
            uint32_t slot = t->conns[t->hand].quota_slot;

            biggest =
                t->port_live[slot] > t->port_live[biggest] ? slot : biggest;
        }
    }
    return biggest;
}

static void
evict_for_room(struct insp_table *t)
{
    uint32_t limit = t->config.flow_limit;
    uint32_t live = INSP_READ(t->n_live[INSP_POOL_CONNS]);
    uint32_t room = limit - live;
    uint32_t n;

    if (room >= INSP_MAX(1, limit / 16)) {
        return;
    }
    n = INSP_MIN(INSP_MAX(1, limit / 8) - room, MAX_EVICTIONS);
    n -= evict_half_open(t, n, UINT32_MAX, INSP_END_EVICTED);
    while (n) {
        uint32_t n_evicted =
            evict_idlest(t, biggest_port(t), n, INSP_END_EVICTED);

        if (!n_evicted) {
            break;
        }
        n -= n_evicted;
    }
}

void
insp_evict(struct insp_table *t)
{
    evict_for_quota(t);
    evict_for_half_open(t);
    evict_for_room(t);
}
