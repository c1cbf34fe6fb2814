/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * 'now' counts tickets.  A worker announces the value it saw when it went
 * in.  Ticket T is passed when every slot is 0 (outside) or above T.
 *
 * Why that is enough.  The control thread unlinks, fences, then reads the
 * slots; a worker writes its slot, fences, then reads shared pointers.  Of
 * two sequentially consistent fences one is first.  If it is the worker's,
 * the control thread sees the slot and waits.  If it is the control thread's,
 * the worker sees the pointer already unlinked.  That holds also when the
 * worker announces an old 'now': then it is only waited for needlessly.
 *
 * The same goes for 'n_slots', which a worker raises before it announces
 * itself: whoever must see the slot sees that there is one.  Few of the many
 * slots are ever entered, and a control thread with little to do asks often.
 *
 * The acquire in insp_epoch_passed() pairs with the release in
 * insp_epoch_leave() (or with the next enter, which comes after it): all that
 * a worker wrote while it was inside is visible once the ticket has passed.
 */

#include "base/epoch.h"

void
insp_epoch_init(struct insp_epoch *e)
{
    atomic_init(&e->now, 1);
    atomic_init(&e->n_slots, 0);
    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        atomic_init(&e->slots[i].entered, 0);
    }
}

void
insp_epoch_widen(struct insp_epoch *e, unsigned int slot)
{
    unsigned int n = atomic_load_explicit(&e->n_slots, memory_order_relaxed);

    while (n <= slot && !atomic_compare_exchange_weak_explicit(
                            &e->n_slots, &n, slot + 1, memory_order_seq_cst,
                            memory_order_relaxed)) {
        continue;
    }
}

uint64_t
insp_epoch_ticket(struct insp_epoch *e)
{
    uint64_t ticket;

    ticket = atomic_fetch_add_explicit(&e->now, 1, memory_order_seq_cst);
    insp_epoch_fence();
    return ticket;
}

bool
insp_epoch_passed(const struct insp_epoch *e, uint64_t ticket)
{
    unsigned int n = atomic_load_explicit(&e->n_slots, memory_order_acquire);

    for (unsigned int i = 0; i < n; i++) {
        uint64_t entered =
            atomic_load_explicit(&e->slots[i].entered, memory_order_acquire);

        if (entered && entered <= ticket) {
            return false;
        }
    }
    return true;
}
