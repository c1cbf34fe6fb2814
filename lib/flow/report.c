/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A report is the difference between what was counted (owner and foreign) and
 * what was reported before.  Nobody holds an entry whose report is final, so
 * its counters stand still and the sum of its reports is exact.  It goes back
 * to the free stack at the next call, when the caller has read what it wants.
 */

#include <string.h>

#include "flow/table-private.h"

static void
fill(struct insp_table *t, uint32_t index, bool final,
     struct insp_conn_report *report)
{
    struct insp_conn *conn = &t->conns[index];
    struct insp_reported *sums = &t->reported_sums[index];

    report->conn = conn;
    report->index = index;
    report->final = final;
    report->reason = final ? conn->end_reason : INSP_END_NONE;
    for (unsigned int side = 0; side < 2; side++) {
        struct insp_flow *flow = &conn->flow[side];
        uint64_t packets, bytes;

        insp_conn_total(conn, side, &packets, &bytes);
        report->packets[side] = packets - sums->packets[side];
        report->bytes[side] = bytes - sums->bytes[side];
        sums->packets[side] = packets;
        sums->bytes[side] = bytes;
        report->alert[side] =
            atomic_exchange_explicit(&flow->alert, 0, memory_order_relaxed);
    }
}

/* The next interim report is due a whole period after this one was due, not
 * after it was taken, unless it came very late. */
static void
set_next_interim(struct insp_table *t, uint32_t index)
{
    uint32_t now = insp_tick(t->now);
    uint32_t due = t->reported_tick[index] + t->active_ticks;

    t->reported_tick[index] = now - due < t->active_ticks ? due : now;
}

void
insp_report_recycle(struct insp_table *t)
{
    uint32_t index = t->reported;

    if (index != INSP_NO_CONN) {
        enum insp_pool_id pool = insp_pool_of(t, index);

        if (pool == INSP_POOL_CONNS) {
            insp_quota_put(t->quota, t->conns[index].quota_slot);
        }
        t->stage[index] = INSP_STAGE_NONE;
        t->reported = INSP_NO_CONN;
        INSP_COUNT(t->n_held[pool], (uint32_t) -1);
        insp_stack_push(&t->pools[pool].free, index);
    }
}

bool
insp_table_next_report(struct insp_table *t, struct insp_conn_report *report)
{
    uint32_t ready = insp_due_head(t, INSP_DUE_READY);
    uint32_t interim = insp_due_head(t, INSP_DUE_INTERIM);
    uint32_t index;

    insp_report_recycle(t);
    if (!insp_ilist_is_alone(t->due, ready)) {
        index = t->due[ready].next;
        insp_ilist_remove(t->due, index);
        fill(t, index, true, report);
        t->reported = index;
        return true;
    }
    while (!insp_ilist_is_alone(t->due, interim)) {
        index = t->due[interim].next;
        insp_ilist_remove(t->due, index);
        fill(t, index, false, report);
        set_next_interim(t, index);
        insp_control_arm(t, index);
        if (report->packets[0] || report->packets[1]) {
            return true;
        }
    }
    return false;
}

void
insp_table_flush(struct insp_table *t)
{
    insp_control_take_in(t);
    for (int i = 0; i < INSP_N_POOLS; i++) {
        const struct insp_pool *pool = &t->pools[i];
        uint32_t end = pool->first + insp_pool_used(pool);

        for (uint32_t index = pool->first; index < end; index++) {
            if (insp_is_live(t, index)) {
                insp_control_end(t, index, INSP_END_FLUSHED);
            }
        }
    }
}

/* Does a dead port take part in 'conn', by its packets or by its key? */
static bool
has_dead_port(const struct insp_conn *conn,
              bool (*is_dead)(const void *aux, uint32_t port_id),
              const void *aux)
{
    const struct insp_zone *zone = &conn->key.zone;
    uint32_t ports[6];
    unsigned int n = 0;

    ports[n++] = INSP_READ(conn->flow[0].port);
    ports[n++] = INSP_READ(conn->flow[1].port);
    if (zone->kind == INSP_ZONE_PAIR || zone->kind == INSP_ZONE_PORT ||
        zone->kind == INSP_ZONE_GROUP) {
        ports[n++] = zone->a;
    }
    if (zone->kind == INSP_ZONE_PAIR) {
        ports[n++] = zone->b;
    }
    if (insp_key_is_remainder(&conn->key)) {
        insp_key_remainder_ports(&conn->key, &ports[n], &ports[n + 1]);
        n += 2;
    }
    for (unsigned int i = 0; i < n; i++) {
        if (ports[i] && is_dead(aux, ports[i])) {
            return true;
        }
    }
    return false;
}

void
insp_table_end_ports(struct insp_table *t,
                     bool (*is_dead)(const void *aux, uint32_t port_id),
                     const void *aux)
{
    insp_control_take_in(t);
    for (int i = 0; i < INSP_N_POOLS; i++) {
        const struct insp_pool *pool = &t->pools[i];
        uint32_t end = pool->first + insp_pool_used(pool);

        for (uint32_t index = pool->first; index < end; index++) {
            if (insp_is_live(t, index) &&
                has_dead_port(&t->conns[index], is_dead, aux)) {
                insp_control_end(t, index, INSP_END_DETACHED);
            }
        }
    }
}
