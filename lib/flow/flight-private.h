/* SPDX-License-Identifier: Apache-2.0 */
/* Flights, inside
 * ===============
 *
 * What the files of the flights share, and nobody else sees.
 *
 * Above:    flow/flight.c, flight-pass.c, flight-control.c.
 * Below:    flow/flight.h, base/stack.h.
 * Threads:  grouped by who writes: see the structs.
 * Memory:   one mapping, laid out in flight.c.
 * Time:     the caller's.
 * Fails:    never.
 */

#ifndef INSP_FLOW_FLIGHT_PRIVATE_H
#define INSP_FLOW_FLIGHT_PRIVATE_H 1

#include "base/stack.h"
#include "flow/flight.h"

#define INSP_FLIGHT_CHAIN_MAX 64 /* Entries that a look-up visits. */
#define INSP_FLIGHT_KEY_WORDS 9
_Static_assert(sizeof(struct insp_flight_key) == 8 * INSP_FLIGHT_KEY_WORDS,
               "the hash covers all of a key");

/* The state of an entry, one word, so that every step is one compare and
 * swap:
 *
 *     | dead 1 | claims 8 | old 27 | new 27 |
 *
 * new and old: packets that are out, since this period and since the one
 * before.  claims: workers that are about to send where nothing was out.
 * dead: out of use, for good; nothing else is set then. */
#define INSP_FLIGHT_COUNT_BITS 27
#define INSP_FLIGHT_NEW        UINT64_C(1)
#define INSP_FLIGHT_OLD        (INSP_FLIGHT_NEW << INSP_FLIGHT_COUNT_BITS)
#define INSP_FLIGHT_CLAIM      (INSP_FLIGHT_OLD << INSP_FLIGHT_COUNT_BITS)
#define INSP_FLIGHT_DEAD       (UINT64_C(1) << 63)
#define INSP_FLIGHT_OUT        (INSP_FLIGHT_CLAIM - 1) /* Both counts. */

/* So that every worker's claim may still become a packet. */
#define INSP_FLIGHT_COUNT_MAX (INSP_FLIGHT_OLD - 1 - INSP_MAX_WORKERS)
_Static_assert(INSP_MAX_WORKERS < 256, "claims have 8 bits");

static inline uint64_t
insp_flight_n_new(uint64_t state)
{
    return state & (INSP_FLIGHT_OLD - 1);
}

static inline uint64_t
insp_flight_n_old(uint64_t state)
{
    return (state & INSP_FLIGHT_OUT) >> INSP_FLIGHT_COUNT_BITS;
}

static inline uint64_t
insp_flight_n_out(uint64_t state)
{
    return insp_flight_n_new(state) + insp_flight_n_old(state);
}

struct insp_flight {
    _Atomic uint64_t state;
    _Atomic uint32_t next; /* In the chain: index + 1. */

    /* Written when the entry begins. */
    uint32_t hash;
    struct insp_flight_key key;
    struct insp_zone zone;
    uint16_t size; /* Of the context. */

    _Atomic uint32_t link; /* Free or born stack. */
    _Atomic uint64_t timeout_ns;

    /* Hints: exact as long as one thread at a time sends and takes. */
    _Atomic uint32_t sent;  /* Prints that were ever written... */
    _Atomic uint32_t taken; /* ... and where the next is expected. */
    _Atomic uint32_t last;  /* The last one, forgotten or not. */
    _Atomic uint32_t prints[INSP_FLIGHT_PRINTS]; /* 0: none; odd: out. */

    uint8_t context[INSP_FLIGHT_CONTEXT_MAX];
} INSP_LINE_ALIGNED;

/* Free entries: used ones first, so that few are touched, then ones that
 * nobody has had yet. */
struct insp_flight_pool {
    struct insp_stack free;
    _Atomic uint32_t fresh INSP_LINE_ALIGNED; /* How many were handed out;
                                               * may run a little over. */
    uint32_t first;                           /* Index of the first. */
    uint32_t n;
};

enum insp_flight_pool_id {
    INSP_FLIGHT_POOL_VLAN, /* Whose index, plus one, is a VLAN id. */
    INSP_FLIGHT_POOL_ANY,
    INSP_FLIGHT_N_POOLS
};
#define INSP_FLIGHT_N_VLAN (INSP_FLIGHT_VLANS - 1)

/* What the control thread knows of an entry. */
struct insp_flight_hold {
    uint64_t due_ns;  /* When its period ends. */
    uint64_t used_ns; /* When something was last out, or sent. */
    uint64_t lost;    /* Given up and not told yet. */
    uint32_t sent;    /* As it was then. */
    uint32_t next;    /* Index + 1, in the list that it is on. */
    bool is_on_lost;  /* That list is 'lost'. */
};

struct insp_flights {
    /* Written at creation. */
    struct insp_flight *entries;
    _Atomic uint64_t *buckets; /* tag << 32 | index + 1; 0: empty. */
    uint32_t bucket_mask;
    uint32_t n_entries;
    struct insp_epoch *epoch;
    struct insp_hash_key secret;
    size_t size;

    /* Written by workers. */
    struct insp_flight_pool pools[INSP_FLIGHT_N_POOLS];
    struct insp_stack born;

    /* Written by any. */
    _Atomic uint32_t n_used INSP_LINE_ALIGNED;

    /* Control thread. */
    struct insp_flight_hold *holds INSP_LINE_ALIGNED;
    uint32_t *live; /* Indices of those that may be sent to... */
    uint32_t n_live;
    uint32_t lost;  /* Lists, by struct insp_flight_hold: to be told... */
    uint32_t ended; /* ... unlinked since the last ticket... */
    uint32_t limbo; /* ... and waiting for it to pass. */
    uint64_t ticket;
};

static inline uint32_t
insp_flight_index(const struct insp_flights *f, const struct insp_flight *e)
{
    return (uint32_t) (e - f->entries);
}

static inline struct insp_flight_pool *
insp_flight_pool_of(struct insp_flights *f, uint32_t index)
{
    return &f->pools[index < INSP_FLIGHT_N_VLAN ? INSP_FLIGHT_POOL_VLAN
                                                : INSP_FLIGHT_POOL_ANY];
}

/* How many entries of a pool were ever used. */
static inline uint32_t
insp_flight_pool_used(const struct insp_flight_pool *pool)
{
    uint32_t fresh = INSP_READ(pool->fresh);

    return INSP_MIN(fresh, pool->n);
}

static inline _Atomic uint64_t *
insp_flight_bucket(const struct insp_flights *f, uint32_t hash)
{
    return &f->buckets[hash & f->bucket_mask];
}

#endif /* flow/flight-private.h */
