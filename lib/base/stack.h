/* SPDX-License-Identifier: Apache-2.0 */
/* Stack
 * =====
 *
 * A lock-free stack of entries of one array, named by their index.  Each
 * entry lends a 32-bit link; an entry may be on several stacks at once if it
 * lends a link to each.
 *
 *     head: | tag | index + 1 | ---> entry ---> entry ---> 0
 *
 * Above:    flow/.                 Below:  compiler.h.
 * Threads:  any number may push, pop and take all, at the same time.  What
 *           was written to an entry before its push is visible after its pop.
 * Memory:   the caller's array, which must stay mapped; zeros are a valid,
 *           empty stack once insp_stack_init() has told it the links.
 * Time:     none.
 * Fails:    never; pop and take-all give INSP_STACK_END when it is empty.
 *
 * The tag changes with every push and pop, so that a pop which slept between
 * reading head and link fails instead of installing an old link (the "ABA"
 * fault).  It would take exactly 2^32 operations in that moment to deceive it.
 */

#ifndef INSP_BASE_STACK_H
#define INSP_BASE_STACK_H 1

#include <stdatomic.h>

#include "base/compiler.h"

#define INSP_STACK_END UINT32_MAX

struct insp_stack {
    _Atomic uint64_t head;
    uint8_t *links; /* The link of entry 0... */
    size_t stride;  /* ... and how far to that of entry 1. */
} INSP_LINE_ALIGNED;

/* 'first_link' is the link of entry 0; 'stride' the size of an entry. */
static inline void
insp_stack_init(struct insp_stack *s, _Atomic uint32_t *first_link,
                size_t stride)
{
    atomic_init(&s->head, 0);
    s->links = (uint8_t *) first_link;
    s->stride = stride;
}

static inline _Atomic uint32_t *
insp_stack_link(const struct insp_stack *s, uint32_t index)
{
    return (_Atomic uint32_t *) (void *) (s->links + index * s->stride);
}

static inline uint64_t
insp_stack_next_tag(uint64_t head)
{
    return ((head >> 32) + 1) << 32;
}

/* Pushes entries that are linked already, from 'first' down to 'last'. */
static inline void
insp_stack_push_chain(struct insp_stack *s, uint32_t first, uint32_t last)
{
    uint64_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
    uint64_t new_head;

    do {
        atomic_store_explicit(insp_stack_link(s, last), (uint32_t) head,
                              memory_order_relaxed);
        new_head = insp_stack_next_tag(head) | (first + 1);
    } while (!atomic_compare_exchange_weak_explicit(&s->head, &head, new_head,
                                                    memory_order_release,
                                                    memory_order_relaxed));
}

static inline void
insp_stack_push(struct insp_stack *s, uint32_t index)
{
    insp_stack_push_chain(s, index, index);
}

/* Says that 'below' lies under 'index' (or INSP_STACK_END), for a chain that
 * is to be pushed. */
static inline void
insp_stack_join(struct insp_stack *s, uint32_t index, uint32_t below)
{
    atomic_store_explicit(insp_stack_link(s, index), below + 1,
                          memory_order_relaxed);
}

static inline uint32_t
insp_stack_pop(struct insp_stack *s)
{
    uint64_t head = atomic_load_explicit(&s->head, memory_order_acquire);

    while ((uint32_t) head) {
        uint32_t index = (uint32_t) head - 1;
        uint32_t below = atomic_load_explicit(insp_stack_link(s, index),
                                              memory_order_relaxed);

        if (atomic_compare_exchange_weak_explicit(
                &s->head, &head, insp_stack_next_tag(head) | below,
                memory_order_acquire, memory_order_acquire)) {
            return index;
        }
    }
    return INSP_STACK_END;
}

/* Empties the stack and returns its top; insp_stack_below() gives the rest.
 * Read what lies below an entry before anyone may push the entry again. */
static inline uint32_t
insp_stack_take_all(struct insp_stack *s)
{
    uint64_t head = atomic_load_explicit(&s->head, memory_order_relaxed);

    while ((uint32_t) head) {
        if (atomic_compare_exchange_weak_explicit(
                &s->head, &head, insp_stack_next_tag(head),
                memory_order_acquire, memory_order_relaxed)) {
            return (uint32_t) head - 1;
        }
    }
    return INSP_STACK_END;
}

static inline uint32_t
insp_stack_below(const struct insp_stack *s, uint32_t index)
{
    return atomic_load_explicit(insp_stack_link(s, index),
                                memory_order_relaxed) -
           1;
}

/* Empties the stack, turns what was on it upside down, and returns the entry
 * that was pushed first; insp_stack_below() gives the one after. */
static inline uint32_t
insp_stack_take_oldest_first(struct insp_stack *s)
{
    uint32_t at = insp_stack_take_all(s), first = INSP_STACK_END;

    while (at != INSP_STACK_END) {
        uint32_t below = insp_stack_below(s, at);

        insp_stack_join(s, at, first);
        first = at;
        at = below;
    }
    return first;
}

static inline bool
insp_stack_is_empty(const struct insp_stack *s)
{
    return !(uint32_t) atomic_load_explicit(&s->head, memory_order_relaxed);
}

#endif /* base/stack.h */
