/* SPDX-License-Identifier: Apache-2.0 */
/* Epoch
 * =====
 *
 * Tells when nobody can still hold a pointer that has been taken out of
 * shared sight (quiescent-state reclaim).  A worker is inside only while it
 * works on a batch: a worker that does not poll is outside and holds nothing
 * up.
 *
 *     worker                          control thread
 *     ------                          --------------
 *     insp_epoch_enter(e, slot)       unlink(x)
 *       ... use shared things ...     ticket = insp_epoch_ticket(e)
 *     insp_epoch_leave(e, slot)       ... later, when
 *                                     insp_epoch_passed(e, ticket): free(x)
 *
 * Above:    flow/table.c, engine/.   Below:  compiler.h.
 * Threads:  enter and leave by the worker that holds 'slot'; ticket and
 *           passed by one control thread.
 * Memory:   fixed; a struct insp_epoch may be embedded.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_EPOCH_H
#define INSP_BASE_EPOCH_H 1

#include <stdatomic.h>

#include "base/compiler.h"

#define INSP_MAX_WORKERS 128

struct insp_epoch_slot {
    /* The epoch in which the worker entered, or 0: outside. */
    _Atomic uint64_t entered;
} INSP_LINE_ALIGNED;

struct insp_epoch {
    _Atomic uint64_t now INSP_LINE_ALIGNED; /* Starts at 1. */
    _Atomic unsigned int n_slots;           /* No slot from here on was ever
                                             * entered. */
    struct insp_epoch_slot slots[INSP_MAX_WORKERS];
};

void insp_epoch_init(struct insp_epoch *);

/* Orders all before against all after it, loads and stores alike.  The
 * thread sanitizer does not know fences; it needs none here, because every
 * edge that it must see also runs over an acquire and a release of 'entered'.
 */
static inline void
insp_epoch_fence(void)
{
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
    atomic_thread_fence(memory_order_seq_cst);
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC diagnostic pop
#endif
}

/* Only now and then is a worker the first of its slot. */
void insp_epoch_widen(struct insp_epoch *, unsigned int slot);

/* The fence makes the announcement visible before any shared pointer is
 * read; its cost is one a batch. */
static inline void
insp_epoch_enter(struct insp_epoch *e, unsigned int slot)
{
    uint64_t now = atomic_load_explicit(&e->now, memory_order_acquire);

    if (INSP_UNLIKELY(
            slot >= atomic_load_explicit(&e->n_slots, memory_order_relaxed))) {
        insp_epoch_widen(e, slot);
    }
    atomic_store_explicit(&e->slots[slot].entered, now, memory_order_seq_cst);
    insp_epoch_fence();
}

static inline void
insp_epoch_leave(struct insp_epoch *e, unsigned int slot)
{
    atomic_store_explicit(&e->slots[slot].entered, 0, memory_order_release);
}

/* Begins a grace period for all that was unlinked before this call. */
uint64_t insp_epoch_ticket(struct insp_epoch *) INSP_MUST_USE;

/* True when every worker that was inside at the ticket has left since. */
bool insp_epoch_passed(const struct insp_epoch *,
                       uint64_t ticket) INSP_MUST_USE;

#endif /* base/epoch.h */
