/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A port id lives in one of WINDOW slots from its home on.  A search looks at
 * the whole window, so a slot can be freed without leaving a gap that ends
 * searches too early.
 *
 *     home
 *      | 7:12 | 0 | 9:3 | 0 | ... |       id:count, 0 is free
 *
 * Claiming is a compare and swap of a free slot.  Two workers may claim two
 * slots for one id when another slot is freed between their searches; so who
 * claims looks again, and gives up the later slot in favour of the earlier.
 * What a third worker has counted on the later slot meanwhile is given back
 * there, and searches find the earlier one first.
 *
 * Ids are given out by the host one after the other, so no stranger can aim
 * at a window; at 65,536 ports half the slots are free, and a full window of
 * 64 does not occur in practice.  If it did, that port would have no quota
 * (INSP_QUOTA_NONE) rather than no connections.
 */

#include "flow/quota.h"

enum {
    WINDOW = 64,
    LINE = INSP_CACHE_LINE / sizeof(uint64_t)
};

static uint32_t
home_of(uint32_t port)
{
    uint64_t mixed = port * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t) (mixed >> 47) & ~(uint32_t) (LINE - 1);
}

static uint32_t
slot_at(uint32_t home, uint32_t i)
{
    return (home + i) & (INSP_QUOTA_SLOTS - 1);
}

/* The first slot of 'port', or INSP_QUOTA_NONE; and the first free one. */
static uint32_t
search(insp_quota_slot *slots, uint32_t port, uint32_t home, uint32_t *free)
{
    *free = INSP_QUOTA_NONE;
    for (uint32_t i = 0; i < WINDOW; i++) {
        uint32_t slot = slot_at(home, i);
        uint64_t value =
            atomic_load_explicit(&slots[slot], memory_order_relaxed);

        if (value >> 32 == port) {
            return slot;
        }
        if (!value && *free == INSP_QUOTA_NONE) {
            *free = slot;
        }
    }
    return INSP_QUOTA_NONE;
}

/* Counts one on 'slot' if it (still) belongs to 'port'. */
static bool
count(insp_quota_slot *slots, uint32_t slot, uint32_t port, uint32_t quota,
      bool *over)
{
    uint64_t value = atomic_load_explicit(&slots[slot], memory_order_relaxed);

    do {
        if (value >> 32 != port) {
            return false;
        }
        if (quota && (uint32_t) value >= quota) {
            *over = true;
            return true;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        &slots[slot], &value, value + 1, memory_order_relaxed,
        memory_order_relaxed));
    return true;
}

/* Makes 'free' a slot of 'port' with nothing counted on it yet.  Returns the
 * earliest slot that 'port' then has. */
static uint32_t
claim(insp_quota_slot *slots, uint32_t port, uint32_t home, uint32_t free)
{
    const uint64_t empty = (uint64_t) port << 32;
    uint64_t value = 0;
    uint32_t slot;
    uint32_t other;

    if (!atomic_compare_exchange_strong_explicit(&slots[free], &value, empty,
                                                 memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return INSP_QUOTA_NONE;
    }
    slot = search(slots, port, home, &other);
    if (slot != free) {
        value = empty;
        (void) atomic_compare_exchange_strong_explicit(&slots[free], &value, 0,
                                                       memory_order_relaxed,
                                                       memory_order_relaxed);
    }
    return slot;
}

uint32_t
insp_quota_take(insp_quota_slot *slots, uint32_t port, uint32_t quota,
                bool *over)
{
    uint32_t home = home_of(port);

    *over = false;
    for (int tries = 0; port && tries < WINDOW; tries++) {
        uint32_t free;
        uint32_t slot = search(slots, port, home, &free);

        if (slot == INSP_QUOTA_NONE) {
            if (free == INSP_QUOTA_NONE) {
                break;
            }
            slot = claim(slots, port, home, free);
        }
        if (slot != INSP_QUOTA_NONE && count(slots, slot, port, quota, over)) {
            return slot;
        }
    }
    atomic_fetch_add_explicit(&slots[INSP_QUOTA_NONE], 1,
                              memory_order_relaxed);
    return INSP_QUOTA_NONE;
}

void
insp_quota_put(insp_quota_slot *slots, uint32_t slot)
{
    uint64_t value =
        atomic_fetch_sub_explicit(&slots[slot], 1, memory_order_relaxed) - 1;

    if (!(uint32_t) value && slot != INSP_QUOTA_NONE) {
        (void) atomic_compare_exchange_strong_explicit(&slots[slot], &value, 0,
                                                       memory_order_relaxed,
                                                       memory_order_relaxed);
    }
}
