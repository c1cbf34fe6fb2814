/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One turn of insp_flights_maintain():
 *
 *     1. has the grace period of the last ticket passed?  then what is in
 *        limbo is free
 *     2. take in what was born
 *     3. every live entry: when its period is over, what is still in 'old' is
 *        given up, and 'new' becomes 'old', in one step.  When nothing has
 *        been out for IDLE_NS (or, when entries run short, since the last
 *        turn) it is marked dead, which fails if a worker has come
 *        meanwhile, and unlinked
 *     4. a ticket for all that was unlinked
 *
 * As a period is the timeout, a packet is given up after once to twice that
 * time.  A worker pushes an entry to 'born' before it leaves the epoch, and
 * an entry dies only after it was taken in, so a free one is on no stack.
 *
 * An entry whose losses were not asked for does not die.
 */

#include <string.h>

#include "flow/flight-private.h"

#define IDLE_NS UINT64_C(5000000000)

static void
push(struct insp_flights *f, uint32_t *list, uint32_t index)
{
    f->holds[index].next = *list;
    *list = index + 1;
}

/* ------------------------------------------------------------------------ */

static void
take_in(struct insp_flights *f, uint64_t now_ns)
{
    uint32_t at = insp_stack_take_all(&f->born);

    while (at != INSP_STACK_END) {
        uint32_t below = insp_stack_below(&f->born, at);
        const struct insp_flight *e = &f->entries[at];

        f->holds[at] = (struct insp_flight_hold){
            .due_ns = now_ns + INSP_READ(e->timeout_ns),
            .used_ns = now_ns,
        };
        f->live[f->n_live++] = at;
        at = below;
    }
}

static void
unlink_entry(struct insp_flights *f, struct insp_flight *e)
{
    _Atomic uint64_t *bucket = insp_flight_bucket(f, e->hash);
    uint32_t me = insp_flight_index(f, e) + 1;
    uint32_t next = INSP_READ(e->next);
    uint64_t head = atomic_load_explicit(bucket, memory_order_acquire);
    uint32_t at;

    while ((uint32_t) head == me) {
        if (atomic_compare_exchange_weak_explicit(
                bucket, &head, insp_stack_next_tag(head) | next,
                memory_order_seq_cst, memory_order_acquire)) {
            return;
        }
    }
    /* Not at the head, nor ever again: others are only put before it, and
     * only this thread takes any out. */
    for (at = (uint32_t) head; at;) {
        struct insp_flight *before = &f->entries[at - 1];

        at = atomic_load_explicit(&before->next, memory_order_acquire);
        if (at == me) {
            atomic_store_explicit(&before->next, next, memory_order_release);
            return;
        }
    }
}

/* False when a worker is using it. */
static bool
end(struct insp_flights *f, uint32_t index)
{
    struct insp_flight *e = &f->entries[index];
    uint64_t nothing = 0;

    if (!atomic_compare_exchange_strong_explicit(
            &e->state, &nothing, INSP_FLIGHT_DEAD, memory_order_seq_cst,
            memory_order_relaxed)) {
        return false;
    }
    unlink_entry(f, e);
    push(f, &f->ended, index);
    return true;
}

static void
end_period(struct insp_flights *f, uint32_t index, uint64_t now_ns)
{
    struct insp_flight *e = &f->entries[index];
    struct insp_flight_hold *hold = &f->holds[index];
    uint64_t state = atomic_load_explicit(&e->state, memory_order_relaxed);
    uint64_t aged;

    do {
        aged = (state & ~INSP_FLIGHT_OUT) |
               insp_flight_n_new(state) * INSP_FLIGHT_OLD;
    } while (!atomic_compare_exchange_weak_explicit(
        &e->state, &state, aged, memory_order_seq_cst, memory_order_relaxed));
    hold->due_ns = now_ns + INSP_READ(e->timeout_ns);
    hold->lost += insp_flight_n_old(state);
    if (hold->lost && !hold->is_on_lost) {
        hold->is_on_lost = true;
        push(f, &f->lost, index);
    }
}

/* An entry is kept for the next packet of its flow while there are plenty;
 * when they run short, those with nothing out are free at once. */
static uint64_t
patience(const struct insp_flights *f)
{
    uint32_t plenty = INSP_MIN(f->pools[INSP_FLIGHT_POOL_ANY].n,
                               f->pools[INSP_FLIGHT_POOL_VLAN].n);

    return INSP_READ(f->n_used) < plenty / 4 ? IDLE_NS : 0;
}

/* Returns false when that was the end of it. */
static bool
visit(struct insp_flights *f, uint32_t index, uint64_t now_ns)
{
    const struct insp_flight *e = &f->entries[index];
    struct insp_flight_hold *hold = &f->holds[index];
    uint32_t sent = INSP_READ(e->sent);

    if (now_ns >= hold->due_ns) {
        end_period(f, index, now_ns);
    }
    if (INSP_READ(e->state) || hold->sent != sent || hold->is_on_lost) {
        hold->sent = sent;
        hold->used_ns = now_ns;
        return true;
    }
    return now_ns - hold->used_ns < patience(f) || !end(f, index);
}

static void
free_limbo(struct insp_flights *f)
{
    while (f->limbo) {
        uint32_t index = f->limbo - 1;

        f->limbo = f->holds[index].next;
        insp_stack_push(&insp_flight_pool_of(f, index)->free, index);
        atomic_fetch_sub_explicit(&f->n_used, 1, memory_order_relaxed);
    }
}

void
insp_flights_maintain(struct insp_flights *f, uint64_t now_ns)
{
    uint32_t n = 0;

    if (f->limbo && insp_epoch_passed(f->epoch, f->ticket)) {
        free_limbo(f);
    }
    take_in(f, now_ns);
    for (uint32_t i = 0; i < f->n_live; i++) {
        if (visit(f, f->live[i], now_ns)) {
            f->live[n++] = f->live[i];
        }
    }
    f->n_live = n;
    if (f->ended && !f->limbo) {
        f->limbo = f->ended;
        f->ended = 0;
        f->ticket = insp_epoch_ticket(f->epoch);
    }
}

/* ------------------------------------------------------------------------ */

bool
insp_flights_next_lost(struct insp_flights *f, uint32_t *function,
                       uint64_t *packets)
{
    uint32_t at = f->lost;
    uint32_t *link = &f->lost;

    *packets = 0;
    if (!at) {
        return false;
    }
    *function = f->entries[at - 1].key.function;
    for (; at; at = *link) {
        struct insp_flight_hold *hold = &f->holds[at - 1];

        if (f->entries[at - 1].key.function == *function) {
            *packets += hold->lost;
            hold->lost = 0;
            hold->is_on_lost = false;
            *link = hold->next;
        } else {
            link = &hold->next;
        }
    }
    return true;
}

/* An entry with packets out is what it is until this thread ends it; of any
 * other one only the state is read, for a worker may be filling it. */
static uint64_t
pool_out(const struct insp_flights *f, const struct insp_flight_pool *pool,
         uint32_t function)
{
    uint32_t n = insp_flight_pool_used(pool);
    uint64_t out = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct insp_flight *e = &f->entries[pool->first + i];
        uint64_t n_out = insp_flight_n_out(
            atomic_load_explicit(&e->state, memory_order_acquire));

        if (n_out && e->key.function == function) {
            out += n_out;
        }
    }
    return out;
}

uint64_t
insp_flights_out(const struct insp_flights *f, uint32_t function)
{
    uint64_t out = 0;

    for (int i = 0; i < INSP_FLIGHT_N_POOLS; i++) {
        out += pool_out(f, &f->pools[i], function);
    }
    return out;
}

uint32_t
insp_flights_n_used(const struct insp_flights *f)
{
    return INSP_READ(f->n_used);
}
