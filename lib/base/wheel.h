/* SPDX-License-Identifier: Apache-2.0 */
/* Wheel
 * =====
 *
 * A timer wheel: which of many elements are due.  Time is in ticks of the
 * caller's choice (32 bits, may wrap).  An element is never given out before
 * its tick, except one that is due beyond the wheel's horizon (n_slots - 1
 * ticks): that comes early, and the caller, who knows the time, adds it
 * again.  So elements whose due time moves on with every packet need no
 * touch until they come out.
 *
 * Above:    flow/.                 Below:  base/ilist.h.
 * Threads:  a wheel belongs to one thread.
 * Memory:   the caller's array of links (base/ilist.h), and a bit a slot.
 * Time:     the caller's.
 * Fails:    never.
 */

#ifndef INSP_BASE_WHEEL_H
#define INSP_BASE_WHEEL_H 1

#include "base/ilist.h"

#define INSP_WHEEL_NONE UINT32_MAX

struct insp_wheel {
    struct insp_ilink *links;
    uint32_t first_slot; /* links[first_slot + s]: head of slot s. */
    uint32_t mask;       /* n_slots - 1. */
    uint32_t tick;       /* All up to this one has been given out. */
    uint64_t *filled;    /* A bit a slot; 0: there is nothing in it. */
};

/* Words of 'filled' for so many slots. */
#define INSP_WHEEL_WORDS(N_SLOTS) (((N_SLOTS) + 63) / 64)

/* 'n_slots' is a power of two, 4 at least; 'links' has that many elements
 * from 'first_slot' on. */
void insp_wheel_init(struct insp_wheel *, struct insp_ilink *links,
                     uint64_t *filled, uint32_t first_slot, uint32_t n_slots,
                     uint32_t now);

/* 'i' must be in no list.  What is due already comes with the next tick. */
void insp_wheel_add(struct insp_wheel *, uint32_t i, uint32_t due);

/* Does nothing when 'i' is in no list. */
void insp_wheel_remove(struct insp_wheel *, uint32_t i);

/* The next element that is due at 'now', taken out, or INSP_WHEEL_NONE. */
uint32_t insp_wheel_pop(struct insp_wheel *, uint32_t now) INSP_MUST_USE;

/* How many ticks after the last one that was given out nothing comes for
 * sure; n_slots at most. */
uint32_t insp_wheel_calm(const struct insp_wheel *);

#endif /* base/wheel.h */
