/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Slot s holds what is due at the ticks t with t % n_slots == s.  'tick' is
 * the last one that was emptied; adds go to the n_slots - 1 slots after it, so
 * a slot never mixes two rounds.
 *
 *      tick                    tick + n_slots - 1 (the horizon)
 *       |  +1  +2  +3  ...      |
 *
 * A bit says of each slot whether something may be in it, so that a caller who
 * comes seldom gets over the empty ones in a few steps.  The bit is set when
 * something is added, and taken away when the slot is met empty.
 *
 * When the caller was away for more than a round, every slot is visited once
 * and no more.
 */

#include "base/wheel.h"

#include <string.h>

void
insp_wheel_init(struct insp_wheel *w, struct insp_ilink *links,
                uint64_t *filled, uint32_t first_slot, uint32_t n_slots,
                uint32_t now)
{
    w->links = links;
    w->filled = filled;
    memset(filled, 0, INSP_WHEEL_WORDS(n_slots) * sizeof *filled);
    w->first_slot = first_slot;
    w->mask = n_slots - 1;
    w->tick = now;
    for (uint32_t i = 0; i < n_slots; i++) {
        insp_ilist_init(links, first_slot + i);
    }
}

void
insp_wheel_add(struct insp_wheel *w, uint32_t i, uint32_t due)
{
    int32_t ahead = (int32_t) (due - w->tick);
    uint32_t by = ahead < 1 ? 1 : INSP_MIN((uint32_t) ahead, w->mask);
    uint32_t slot = (w->tick + by) & w->mask;

    w->filled[slot / 64] |= UINT64_C(1) << slot % 64;
    insp_ilist_push_back(w->links, w->first_slot + slot, i);
}

void
insp_wheel_remove(struct insp_wheel *w, uint32_t i)
{
    insp_ilist_remove(w->links, i);
}

/* How many slots from 'slot' on have nothing in them for sure: to the end of
 * its word at most. */
static uint32_t
count_empty(const struct insp_wheel *w, uint32_t slot)
{
    uint64_t rest = w->filled[slot / 64] >> slot % 64;

    return rest ? (uint32_t) __builtin_ctzll(rest)
                : INSP_MIN(64 - slot % 64, w->mask + 1 - slot);
}

uint32_t
insp_wheel_pop(struct insp_wheel *w, uint32_t now)
{
    if ((int32_t) (now - w->tick) > (int32_t) w->mask + 1) {
        w->tick = now - (w->mask + 1);
    }
    while ((int32_t) (now - w->tick) > 0) {
        uint32_t slot = (w->tick + 1) & w->mask;
        uint32_t n = count_empty(w, slot), i;

        if (n) {
            w->tick += INSP_MIN(n, now - w->tick);
            continue;
        }
        i = w->links[w->first_slot + slot].next;
        if (i != w->first_slot + slot) {
            insp_ilist_remove(w->links, i);
            return i;
        }
        w->filled[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        w->tick++;
    }
    return INSP_WHEEL_NONE;
}

uint32_t
insp_wheel_calm(const struct insp_wheel *w)
{
    uint32_t calm = 0;

    while (calm <= w->mask) {
        uint32_t n = count_empty(w, (w->tick + 1 + calm) & w->mask);

        calm += n;
        if (!n) {
            break;
        }
    }
    return INSP_MIN(calm, w->mask + 1);
}
