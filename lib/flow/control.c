/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One turn of insp_table_maintain():
 *
 *     1. has the grace period of the last ticket passed?
 *     2. take in: the born stack, then the attention stack
 *     3. if it had passed: give moved directions to their new owners, and
 *        make what was in limbo ready to be reported
 *     4. turn the wheel; evict
 *     5. a new ticket for all that was unlinked meanwhile
 *
 * The order of 1, 2 and 3 matters.  A worker pushes an entry to the born or
 * the attention stack before it leaves the epoch.  So when the ticket has
 * passed in 1, every push of an entry in limbo has been made, and 2 takes it
 * off the stack: an entry that becomes ready in 3 is on no stack, and nobody
 * holds it.
 *
 * An entry can be on the attention stack before it is known from the born
 * stack: then it is taken in from there, and met again later without effect.
 *
 * The wheel holds each live entry at the time at which it may be due.  Packets
 * do not touch the wheel; when an entry comes out, its last packet is looked
 * at and it ends, is reported, or goes back in.
 */

#include <string.h>

#include "flow/table-private.h"

#define MAX_VISITS 65536 /* Of the wheel, in one turn. */

/* How long 'conn' may be without a packet, and what it has ended by then. */
static uint64_t
patience(const struct insp_table *t, uint8_t state,
         enum insp_end_reason *reason)
{
    if (state & INSP_CONN_CLOSED) {
        *reason = INSP_END_CLOSED;
        return t->config.closed_linger_ns;
    }
    if (state & INSP_CONN_HALF_OPEN) {
        *reason = INSP_END_HALF_OPEN;
        return t->config.half_open_timeout_ns;
    }
    *reason = INSP_END_IDLE;
    return t->config.idle_timeout_ns;
}

/* The first tick at which 'ns' is past.  Beyond what 32 bits can compare,
 * the wheel's horizon comes first anyway. */
static uint32_t
tick_after(const struct insp_table *t, uint64_t ns)
{
    uint64_t now = t->now >> INSP_TICK_SHIFT;
    uint64_t due = (ns >> INSP_TICK_SHIFT) + 1;

    return (uint32_t) (due > now ? now + INSP_MIN(due - now, INT32_MAX) : now);
}

void
insp_control_arm(struct insp_table *t, uint32_t index)
{
    const struct insp_conn *conn = &t->conns[index];
    enum insp_end_reason reason;
    uint64_t timeout = patience(t, INSP_READ(conn->state), &reason);
    uint32_t due = tick_after(t, insp_conn_last_ns(conn) + timeout);

    if (t->active_ticks) {
        uint32_t report = t->reported_tick[index] + t->active_ticks;

        due = (int32_t) (report - due) < 0 ? report : due;
    }
    t->stage[index] = INSP_STAGE_LIVE;
    insp_wheel_add(&t->wheel, index, due);
}

/* ------------------------------------------------------------------------ */
/* Ending. */

static void
unlink_entry(struct insp_table *t, struct insp_conn *conn)
{
    _Atomic uint64_t *bucket = insp_bucket_of(t, conn->hash);
    uint32_t me = insp_index_of(t, conn) + 1;
    uint32_t next = INSP_READ(conn->next);
    uint64_t head = atomic_load_explicit(bucket, memory_order_acquire);
    uint32_t at;

    while ((uint32_t) head == me) {
        if (atomic_compare_exchange_weak_explicit(
                bucket, &head, insp_stack_next_tag(head) | next,
                memory_order_acq_rel, memory_order_acquire)) {
            return;
        }
    }
    /* Not at the head, nor ever again: only this thread takes entries out,
     * so those before it stay, and stay linked. */
    for (at = (uint32_t) head; at;) {
        struct insp_conn *before = &t->conns[at - 1];

        at = atomic_load_explicit(&before->next, memory_order_acquire);
        if (at == me) {
            atomic_store_explicit(&before->next, next, memory_order_release);
            return;
        }
    }
    INSP_COUNT(t->misplaced, 1);
}

void
insp_control_end(struct insp_table *t, uint32_t index,
                 enum insp_end_reason reason)
{
    struct insp_conn *conn = &t->conns[index];
    enum insp_pool_id pool = insp_pool_of(t, index);
    uint8_t old = atomic_fetch_or_explicit(&conn->state, INSP_CONN_ENDING,
                                           memory_order_acq_rel);

    /* The only reason for which a worker ends an entry. */
    if (old & INSP_CONN_ENDING) {
        reason = INSP_END_SUPERSEDED;
    }
    insp_conn_not_half_open(t, conn);
    unlink_entry(t, conn);
    insp_wheel_remove(&t->wheel, index);
    insp_ilist_remove(t->half, index);
    if (pool == INSP_POOL_CONNS) {
        insp_ilist_remove(t->by_port, index);
        t->port_live[conn->quota_slot]--;
    }
    conn->end_reason = (uint8_t) reason;
    t->stage[index] = INSP_STAGE_ENDED;
    insp_ilist_push_back(t->due, insp_due_head(t, INSP_DUE_ENDED), index);
    INSP_COUNT(t->n_live[pool], (uint32_t) -1);
    INSP_COUNT(t->ended[reason], 1);
}

/* ------------------------------------------------------------------------ */
/* Taking in. */

static void
take_in_entry(struct insp_table *t, uint32_t index)
{
    struct insp_conn *conn = &t->conns[index];
    enum insp_pool_id pool = insp_pool_of(t, index);

    if (t->stage[index] != INSP_STAGE_NONE) {
        return;
    }
    insp_ilist_init(t->due, index);
    insp_ilist_init(t->half, index);
    insp_ilist_init(t->by_port, index);
    if (pool == INSP_POOL_CONNS) {
        insp_ilist_push_back(t->by_port, t->n_entries + conn->quota_slot,
                             index);
        t->port_live[conn->quota_slot]++;
    }
    if (INSP_READ(conn->state) & INSP_CONN_HALF_OPEN) {
        insp_ilist_push_back(t->half, t->n_entries, index);
    }
    t->reported_tick[index] = insp_tick(insp_conn_last_ns(conn));
    memset(&t->reported_sums[index], 0, sizeof t->reported_sums[index]);
    INSP_COUNT(t->begun, 1);
    INSP_COUNT(t->n_live[pool], 1);
    INSP_COUNT(t->n_held[pool], 1);
    insp_control_arm(t, index);
}

/* Begins to move a direction to the worker that claims it. */
static void
move_owner(struct insp_table *t, uint32_t index)
{
    struct insp_conn *conn = &t->conns[index];
    uint16_t claim = atomic_exchange_explicit(&conn->claim, UINT16_MAX,
                                              memory_order_relaxed);
    uint8_t side = claim & 1;
    uint16_t worker = claim >> 1;
    uint16_t owner;

    if (claim == UINT16_MAX || t->n_moves == INSP_MOVES_MAX) {
        return; /* It will claim again if it is serious. */
    }
    owner = INSP_READ(conn->flow[side].owner);
    if (owner == worker || owner >= INSP_MOVING_OWNER) {
        return;
    }
    atomic_store_explicit(&conn->flow[side].owner, INSP_MOVING_OWNER,
                          memory_order_relaxed);
    t->moves[t->n_moves++] = (struct insp_move){ index, worker, side };
}

static void
finish_moves(struct insp_table *t)
{
    for (unsigned int i = 0; i < t->n_moving; i++) {
        const struct insp_move *move = &t->moving[i];
        struct insp_flow *flow = &t->conns[move->index].flow[move->side];

        /* Release: see struct insp_flow. */
        atomic_store_explicit(&flow->owner, move->worker,
                              memory_order_release);
    }
    INSP_COUNT(t->owner_moves, t->n_moving);
    t->n_moving = 0;
}

/* 'index' is on no list and not on the wheel. */
static void
report_interim(struct insp_table *t, uint32_t index)
{
    t->stage[index] = INSP_STAGE_INTERIM;
    insp_ilist_push_back(t->due, insp_due_head(t, INSP_DUE_INTERIM), index);
}

static bool
has_alert(const struct insp_conn *conn)
{
    return INSP_READ(conn->flow[0].alert) || INSP_READ(conn->flow[1].alert);
}

static void
attend(struct insp_table *t, uint32_t index)
{
    struct insp_conn *conn = &t->conns[index];
    /* From here on it may be pushed again. */
    uint8_t state =
        atomic_fetch_and_explicit(&conn->state, (uint8_t) ~INSP_CONN_ATTENTION,
                                  memory_order_acq_rel);

    take_in_entry(t, index);
    if (t->stage[index] == INSP_STAGE_ENDED) {
        return;
    }
    if (state & INSP_CONN_ENDING) {
        insp_control_end(t, index, INSP_END_SUPERSEDED);
        return;
    }
    if (t->stage[index] == INSP_STAGE_LIVE && has_alert(conn)) {
        insp_wheel_remove(&t->wheel, index);
        report_interim(t, index);
    } else if (t->stage[index] == INSP_STAGE_LIVE &&
               state & INSP_CONN_CLOSED) {
        insp_wheel_remove(&t->wheel, index);
        insp_control_arm(t, index);
    }
    move_owner(t, index);
}

void
insp_control_take_in(struct insp_table *t)
{
    uint32_t at = insp_stack_take_oldest_first(&t->born);
    uint32_t below;

    for (; at != INSP_STACK_END; at = below) {
        below = insp_stack_below(&t->born, at);
        take_in_entry(t, at);
    }
    at = insp_stack_take_all(&t->attention);
    for (; at != INSP_STACK_END; at = below) {
        below = insp_stack_below(&t->attention, at);
        attend(t, at);
    }
}

/* ------------------------------------------------------------------------ */

/* 'index' came off the wheel. */
static void
visit(struct insp_table *t, uint32_t index)
{
    const struct insp_conn *conn = &t->conns[index];
    uint8_t state = INSP_READ(conn->state);
    enum insp_end_reason reason;
    uint64_t timeout = patience(t, state, &reason);

    if (t->now >= insp_conn_last_ns(conn) + timeout) {
        insp_control_end(t, index, reason);
        return;
    }
    if (!insp_ilist_is_alone(t->half, index)) {
        insp_ilist_remove(t->half, index);
        if (state & INSP_CONN_HALF_OPEN) {
            insp_ilist_push_back(t->half, t->n_entries, index);
        }
    }
    if (t->active_ticks &&
        insp_tick(t->now) - t->reported_tick[index] >= t->active_ticks) {
        report_interim(t, index);
        return;
    }
    insp_control_arm(t, index);
}

void
insp_table_maintain(struct insp_table *t, uint64_t now_ns)
{
    uint32_t ended = insp_due_head(t, INSP_DUE_ENDED);
    uint32_t limbo = insp_due_head(t, INSP_DUE_LIMBO);
    bool passed = t->waiting && insp_epoch_passed(t->epoch, t->ticket);

    if (!t->now) { /* Nobody told the time before. */
        t->wheel.tick = insp_tick(now_ns) - INSP_WHEEL_SLOTS;
    }
    t->now = now_ns;
    insp_report_recycle(t);
    insp_control_take_in(t);
    if (passed) {
        finish_moves(t);
        insp_ilist_splice(t->due, insp_due_head(t, INSP_DUE_READY), limbo);
        t->waiting = false;
    }
    for (int i = 0; i < MAX_VISITS; i++) {
        uint32_t index = insp_wheel_pop(&t->wheel, insp_tick(now_ns));

        if (index == INSP_WHEEL_NONE) {
            break;
        }
        visit(t, index);
    }
    insp_evict(t);
    if (!t->waiting && (t->n_moves || !insp_ilist_is_alone(t->due, ended))) {
        insp_ilist_splice(t->due, limbo, ended);
        for (unsigned int i = 0; i < t->n_moves; i++) {
            t->moving[i] = t->moves[i];
        }
        t->n_moving = t->n_moves;
        t->n_moves = 0;
        t->ticket = insp_epoch_ticket(t->epoch);
        t->waiting = true;
    }
}

uint64_t
insp_table_due_ns(const struct insp_table *t)
{
    /* Of the wheel it had too many visits to make. */
    if (t->waiting || t->n_moves || t->wheel.tick != insp_tick(t->now)) {
        return t->now;
    }
    return ((t->now >> INSP_TICK_SHIFT) + 1 + insp_wheel_calm(&t->wheel))
           << INSP_TICK_SHIFT;
}
