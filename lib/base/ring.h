/* SPDX-License-Identifier: Apache-2.0 */
/* Ring
 * ====
 *
 * A bounded queue of elements of one size between two threads.  Elements are
 * written and read in place:
 *
 *     producer                            consumer
 *     --------                            --------
 *     r = insp_ring_reserve(ring)         r = insp_ring_peek(ring)
 *     if r: fill *r                       if r: use *r
 *           insp_ring_commit(ring)              insp_ring_release(ring)
 *
 * Above:    record/, engine/.      Below:  compiler.h.
 * Threads:  one producer, one consumer; any thread may count.
 * Memory:   one allocation, in insp_ring_create().
 * Time:     none.
 * Fails:    create with ENOMEM or EINVAL; reserve with NULL when it is full,
 *           peek with NULL when it is empty.
 */

#ifndef INSP_BASE_RING_H
#define INSP_BASE_RING_H 1

#include <stdatomic.h>

#include "base/compiler.h"

struct insp_ring {
    size_t element_size;
    uint64_t mask; /* Capacity - 1. */

    /* Producer.  Positions only grow; the cached one of the other side saves
     * touching its line for every element. */
    _Atomic uint64_t head INSP_LINE_ALIGNED;
    uint64_t cached_tail;

    /* Consumer. */
    _Atomic uint64_t tail INSP_LINE_ALIGNED;
    uint64_t cached_head;

    uint8_t elements[] INSP_LINE_ALIGNED;
};

/* 'capacity' is rounded up to a power of two.  Elements are aligned to 16
 * bytes when 'element_size' is a multiple of that, and to 8, 4, 2 likewise. */
int insp_ring_create(size_t element_size, size_t capacity,
                     struct insp_ring **) INSP_MUST_USE;

static inline void *
insp_ring_at(struct insp_ring *ring, uint64_t position)
{
    return ring->elements + (position & ring->mask) * ring->element_size;
}

/* Producer: room for the next element, or NULL.  The same room again until
 * it is committed. */
static inline void *
insp_ring_reserve(struct insp_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    if (head - ring->cached_tail > ring->mask) {
        ring->cached_tail =
            atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->cached_tail > ring->mask) {
            return NULL;
        }
    }
    return insp_ring_at(ring, head);
}

/* Producer: hands over the element that was reserved. */
static inline void
insp_ring_commit(struct insp_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* Consumer: the oldest element, or NULL. */
static inline void *
insp_ring_peek(struct insp_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tail == ring->cached_head) {
        ring->cached_head =
            atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail == ring->cached_head) {
            return NULL;
        }
    }
    return insp_ring_at(ring, tail);
}

/* Consumer: gives back the room of the oldest element. */
static inline void
insp_ring_release(struct insp_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* How many were committed, and how many released, since the creation. */
static inline uint64_t
insp_ring_head(const struct insp_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire);
}

static inline uint64_t
insp_ring_tail(const struct insp_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire);
}

/* Elements waiting; to a third thread only an estimate, but never more than
 * the capacity. */
static inline size_t
insp_ring_count(const struct insp_ring *ring)
{
    uint64_t tail = insp_ring_tail(ring);
    uint64_t n = insp_ring_head(ring) - tail;

    return (size_t) INSP_MIN(n, ring->mask + 1);
}

static inline size_t
insp_ring_capacity(const struct insp_ring *ring)
{
    return (size_t) ring->mask + 1;
}

/* Frees; NULL is allowed. */
void insp_ring_destroy(struct insp_ring *);

#endif /* base/ring.h */
