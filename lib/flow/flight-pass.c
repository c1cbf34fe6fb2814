/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Entries hang in chains under hash buckets as connections do (begin.c): a
 * look-up walks, a new entry is swapped in at the head, and the walk is made
 * again when the head has changed, so that the same (key, zone, context) is
 * never there twice; only the control thread takes entries out.
 *
 * Sending.  At most one zone has packets of a key out.  So where some are
 * out, one more is a compare and swap that finds some out.  Where none are,
 *
 *     1. claim:    claims + 1
 *     2. look at every other zone's entry of that key, from the head again:
 *        claims or packets there?  then take the claim back: ambiguous
 *     3. confirm:  claims - 1, new + 1, in one step
 *
 * All of it is sequentially consistent, so of two workers with two zones at
 * least one comes to 2 after the other's 1 and sees it (both may give way).
 * A claim cannot be taken by a packet that returns.  What carries a cookie is
 * told apart by that and needs no claim.
 *
 * Returning.  One is taken from 'old' before 'new': the packets of a flow
 * come back in their order as a rule.  What the control thread then still
 * finds in 'old' after a period is a packet that certainly stayed away for
 * that long, because fewer have come back in the period than had been out at
 * its beginning.  (The other order would give packets up that are not even
 * late, as long as new ones keep coming.)  The price is that a loss shows
 * only when fewer come back in a period than are believed to be out.
 *
 * Of a key that has several entries with packets out, the print decides, and
 * between two that both know it, or whose last packet had the same (a flow
 * whose packets are all alike), the older entry goes first.  A print
 * is marked when its packet is back, so that it names no other one.  Hence
 * the search begins where the next one is expected, which in a flow that is
 * in order finds it at once.
 *
 * A cookie leads to an entry past the chain, and maybe to one that is free or
 * being filled.  So nothing but the state is read there until it says that
 * packets are out: then the entry is what it is at least until this worker
 * leaves the epoch.
 */

#include <string.h>

#include "flow/flight-private.h"

#define TRIES_MAX 64

/* Walks that must find nothing out before that is believed: while one is on
 * its way, another worker may take the packet that it was to find and leave
 * one where it has been already. */
#define LOOKS 3

static uint32_t
hash_of(const struct insp_flights *f, const struct insp_flight_key *key)
{
    uint64_t hash = insp_hash_words(key, INSP_FLIGHT_KEY_WORDS, &f->secret);

    return (uint32_t) (hash ^ hash >> 32);
}

/* ------------------------------------------------------------------------ */
/* The chain. */

/* The first entry of 'key' at 'at' (index + 1) or behind it, or NULL. */
static struct insp_flight *
find_from(const struct insp_flights *f, uint32_t at, uint32_t hash,
          const struct insp_flight_key *key, unsigned int *depth)
{
    while (at && *depth < INSP_FLIGHT_CHAIN_MAX) {
        struct insp_flight *e = &f->entries[at - 1];

        (*depth)++;
        if (e->hash == hash && !memcmp(&e->key, key, sizeof *key)) {
            return e;
        }
        at = atomic_load_explicit(&e->next, memory_order_acquire);
    }
    return NULL;
}

static struct insp_flight *
find_next(const struct insp_flights *f, const struct insp_flight *e,
          unsigned int *depth)
{
    return find_from(f, atomic_load_explicit(&e->next, memory_order_acquire),
                     e->hash, &e->key, depth);
}

static bool
is_zone(const struct insp_flight *e, const struct insp_zone *zone)
{
    return !memcmp(&e->zone, zone, sizeof *zone);
}

/* Has another zone than that of 'zone' packets of 'key' out, or, with those
 * 'bits' in its state, is about to? */
static bool
is_elsewhere(const struct insp_flights *f, uint32_t hash,
             const struct insp_flight_key *key, const struct insp_zone *zone,
             uint64_t bits)
{
    uint64_t head = atomic_load_explicit(insp_flight_bucket(f, hash),
                                         memory_order_seq_cst);
    unsigned int depth = 0;
    const struct insp_flight *e =
        find_from(f, (uint32_t) head, hash, key, &depth);

    for (; e; e = find_next(f, e, &depth)) {
        if (!is_zone(e, zone) &&
            atomic_load_explicit(&e->state, memory_order_seq_cst) & bits) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/* Prints. */

/* A print in a ring has its lowest bit set as long as its packet is out; then
 * it stays, without it, until it is overwritten.  So one that comes a second
 * time is known for what it is. */
static uint32_t
print_of(uint32_t print)
{
    return print | 1;
}

static void
remember(struct insp_flight *e, uint32_t print)
{
    uint32_t at = atomic_fetch_add_explicit(&e->sent, 1, memory_order_relaxed);

    atomic_store_explicit(&e->prints[at % INSP_FLIGHT_PRINTS], print_of(print),
                          memory_order_relaxed);
    atomic_store_explicit(&e->last, print_of(print), memory_order_relaxed);
}

/* Where the ring of 'e' has 'print', or INSP_FLIGHT_PRINTS. */
static unsigned int
recall(const struct insp_flight *e, uint32_t print)
{
    uint32_t from = INSP_READ(e->taken);

    for (uint32_t i = 0; i < INSP_FLIGHT_PRINTS; i++) {
        uint32_t at = (from + i) % INSP_FLIGHT_PRINTS;

        if (INSP_READ(e->prints[at]) == print_of(print)) {
            return at;
        }
    }
    return INSP_FLIGHT_PRINTS;
}

/* False when another thread was first. */
static bool
forget(struct insp_flight *e, unsigned int at, uint32_t print)
{
    uint32_t its = print_of(print);

    if (at >= INSP_FLIGHT_PRINTS ||
        !atomic_compare_exchange_strong_explicit(&e->prints[at], &its, its - 1,
                                                 memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return false;
    }
    atomic_store_explicit(&e->taken, at + 1, memory_order_relaxed);
    return true;
}

/* Is a packet of this print, which no ring has as being out, one that is back
 * already?  Certain only while what is remembered as being out is just as
 * much as is: not when a ring was too short, nor after a loss. */
static bool
is_duplicate(const struct insp_flight *e, uint32_t print)
{
    unsigned int n_out = 0;
    bool was_here = false;

    for (int i = 0; i < INSP_FLIGHT_PRINTS; i++) {
        uint32_t its = INSP_READ(e->prints[i]);

        n_out += its & 1;
        was_here |= its && its == print_of(print) - 1;
    }
    return was_here && n_out == insp_flight_n_out(INSP_READ(e->state));
}

/* ------------------------------------------------------------------------ */
/* Sending. */

struct sending {
    const struct insp_flight_key *key;
    const struct insp_zone *zone;
    const void *context;
    size_t size;
    uint64_t timeout_ns;
    uint32_t hash;
    enum insp_flight_by by;
};

static uint32_t
pool_take(struct insp_flight_pool *pool)
{
    uint32_t index = insp_stack_pop(&pool->free);

    if (index == INSP_STACK_END && INSP_READ(pool->fresh) < pool->n) {
        uint32_t n =
            atomic_fetch_add_explicit(&pool->fresh, 1, memory_order_relaxed);

        index = n < pool->n ? pool->first + n : INSP_STACK_END;
    }
    return index;
}

/* A free entry, filled, with our claim on it; or NULL. */
static struct insp_flight *
take_spare(struct insp_flights *f, const struct sending *s)
{
    uint32_t index = pool_take(
        &f->pools[s->by == INSP_FLIGHT_BY_VLAN ? INSP_FLIGHT_POOL_VLAN
                                               : INSP_FLIGHT_POOL_ANY]);
    struct insp_flight *e;

    if (index == INSP_STACK_END) {
        return NULL;
    }
    atomic_fetch_add_explicit(&f->n_used, 1, memory_order_relaxed);
    e = &f->entries[index];
    e->hash = s->hash;
    e->key = *s->key;
    e->zone = *s->zone;
    e->size = (uint16_t) s->size;
    memcpy(e->context, s->context, s->size);
    atomic_store_explicit(&e->timeout_ns, s->timeout_ns, memory_order_relaxed);
    atomic_store_explicit(&e->sent, 0, memory_order_relaxed);
    atomic_store_explicit(&e->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&e->last, 0, memory_order_relaxed);
    for (int i = 0; i < INSP_FLIGHT_PRINTS; i++) {
        atomic_store_explicit(&e->prints[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&e->state, INSP_FLIGHT_CLAIM, memory_order_relaxed);
    return e;
}

static void
give_spare_back(struct insp_flights *f, struct insp_flight *e)
{
    uint32_t index = insp_flight_index(f, e);

    atomic_store_explicit(&e->state, INSP_FLIGHT_DEAD, memory_order_relaxed);
    atomic_fetch_sub_explicit(&f->n_used, 1, memory_order_relaxed);
    insp_stack_push(&insp_flight_pool_of(f, index)->free, index);
}

static bool
suits(const struct insp_flights *f, const struct insp_flight *e,
      const struct sending *s)
{
    return e->size == s->size && is_zone(e, s->zone) &&
           !(INSP_READ(e->state) & INSP_FLIGHT_DEAD) &&
           (s->by != INSP_FLIGHT_BY_VLAN ||
            insp_flight_index(f, e) < INSP_FLIGHT_N_VLAN) &&
           !memcmp(e->context, s->context, s->size);
}

enum added {
    ADDED,
    ADDED_CLAIM,
    ADDED_NOTHING_DEAD,
    ADDED_NOTHING_FULL
};

/* Counts one more out where some are, else claims. */
static enum added
add(struct insp_flight *e, bool sure)
{
    uint64_t state = atomic_load_explicit(&e->state, memory_order_relaxed);
    uint64_t more;

    do {
        if (state & INSP_FLIGHT_DEAD) {
            return ADDED_NOTHING_DEAD;
        }
        if (insp_flight_n_new(state) >= INSP_FLIGHT_COUNT_MAX) {
            return ADDED_NOTHING_FULL;
        }
        more = sure || state & INSP_FLIGHT_OUT ? INSP_FLIGHT_NEW
                                               : INSP_FLIGHT_CLAIM;
    } while (!atomic_compare_exchange_weak_explicit(
        &e->state, &state, state + more, memory_order_seq_cst,
        memory_order_relaxed));
    return more == INSP_FLIGHT_NEW ? ADDED : ADDED_CLAIM;
}

/* Makes our claim on 'e' a packet, unless another zone has packets out. */
static enum insp_flight_result
confirm(const struct insp_flights *f, struct insp_flight *e,
        const struct sending *s)
{
    if (s->by == INSP_FLIGHT_BY_KEY &&
        is_elsewhere(f, s->hash, s->key, s->zone, ~INSP_FLIGHT_DEAD)) {
        atomic_fetch_sub_explicit(&e->state, INSP_FLIGHT_CLAIM,
                                  memory_order_seq_cst);
        return INSP_FLIGHT_AMBIGUOUS;
    }
    atomic_fetch_sub_explicit(&e->state, INSP_FLIGHT_CLAIM - INSP_FLIGHT_NEW,
                              memory_order_seq_cst);
    return INSP_FLIGHT_OK;
}

/* The entry of 's' in the chain, begun if need be, with one more packet out
 * that is not sent yet. */
static enum insp_flight_result
book(struct insp_flights *f, const struct sending *s,
     struct insp_flight **entry)
{
    _Atomic uint64_t *bucket = insp_flight_bucket(f, s->hash);
    struct insp_flight *spare = NULL;
    enum insp_flight_result result = INSP_FLIGHT_FULL;

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        uint64_t head = atomic_load_explicit(bucket, memory_order_acquire);
        unsigned int depth = 0;
        struct insp_flight *e =
            find_from(f, (uint32_t) head, s->hash, s->key, &depth);

        while (e && !suits(f, e, s)) {
            e = find_next(f, e, &depth);
        }
        if (e) {
            enum added added = add(e, s->by != INSP_FLIGHT_BY_KEY);

            if (added == ADDED_NOTHING_DEAD) {
                continue;
            }
            *entry = e;
            result = added == ADDED         ? INSP_FLIGHT_OK
                     : added == ADDED_CLAIM ? confirm(f, e, s)
                                            : INSP_FLIGHT_FULL;
            break;
        }
        if (depth >= INSP_FLIGHT_CHAIN_MAX) {
            break;
        }
        if (!spare) {
            /* Asked before, so that a stranger in the wrong zone does not
             * get an entry for nothing. */
            if (s->by == INSP_FLIGHT_BY_KEY &&
                is_elsewhere(f, s->hash, s->key, s->zone, INSP_FLIGHT_OUT)) {
                return INSP_FLIGHT_AMBIGUOUS;
            }
            spare = take_spare(f, s);
            if (!spare) {
                break;
            }
        }
        atomic_store_explicit(&spare->next, (uint32_t) head,
                              memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(
                bucket, &head,
                insp_stack_next_tag(head) | (insp_flight_index(f, spare) + 1),
                memory_order_seq_cst, memory_order_relaxed)) {
            insp_stack_push(&f->born, insp_flight_index(f, spare));
            *entry = spare;
            return confirm(f, spare, s);
        }
    }
    if (spare) {
        give_spare_back(f, spare);
    }
    return result;
}

enum insp_flight_result
insp_flights_send(struct insp_flights *f, const struct insp_flight_key *key,
                  const struct insp_zone *zone, const void *context,
                  size_t size, uint32_t print, uint64_t timeout_ns,
                  uint64_t now_ns, enum insp_flight_by by, uint32_t *cookie)
{
    struct sending s = { .key = key,
                         .zone = zone,
                         .context = context,
                         .size = size,
                         .timeout_ns = timeout_ns,
                         .hash = hash_of(f, key),
                         .by = by };
    struct insp_flight *e = NULL;
    enum insp_flight_result result;

    (void) now_ns; /* Time is told in maintain's periods. */
    *cookie = 0;
    if (!size || size > INSP_FLIGHT_CONTEXT_MAX) {
        return INSP_FLIGHT_FULL;
    }
    result = book(f, &s, &e);
    if (result == INSP_FLIGHT_OK) {
        remember(e, print);
        if (INSP_READ(e->timeout_ns) != timeout_ns) {
            atomic_store_explicit(&e->timeout_ns, timeout_ns,
                                  memory_order_relaxed);
        }
        *cookie = insp_flight_index(f, e) + 1;
    }
    return result;
}

/* ------------------------------------------------------------------------ */
/* Returning. */

/* Counts one less out, of the packets of this period if 'newest' and there
 * are any; false when none are out. */
static bool
take(struct insp_flight *e, bool newest)
{
    uint64_t state = atomic_load_explicit(&e->state, memory_order_acquire);
    uint64_t less;

    do {
        if (!(state & INSP_FLIGHT_OUT)) {
            return false;
        }
        less =
            insp_flight_n_old(state) && !(newest && insp_flight_n_new(state))
                ? INSP_FLIGHT_OLD
                : INSP_FLIGHT_NEW;
    } while (!atomic_compare_exchange_weak_explicit(
        &e->state, &state, state - less, memory_order_seq_cst,
        memory_order_acquire));
    return true;
}

/* Whose a returning packet is, and where that entry remembers it. */
struct owner {
    struct insp_flight *entry;
    unsigned int at; /* INSP_FLIGHT_PRINTS: nowhere. */
};

static void
consider(struct owner *owner, struct insp_flight *e, uint32_t print)
{
    unsigned int at = recall(e, print);

    if (at < INSP_FLIGHT_PRINTS || INSP_READ(e->last) == print_of(print)) {
        *owner = (struct owner){ e, at };
    }
}

/* Without an entry when nothing of 'key' is out.  The chain begins with the
 * newest, so what is found later goes before.  Where there is no choice and
 * more is out than is remembered, the print is not even looked for. */
static struct owner
find_owner(const struct insp_flights *f, const struct insp_flight_key *key,
           uint32_t hash, uint32_t print)
{
    uint64_t head = atomic_load_explicit(insp_flight_bucket(f, hash),
                                         memory_order_acquire);
    struct owner owner = { NULL, INSP_FLIGHT_PRINTS };
    struct insp_flight *oldest = NULL;
    uint64_t n_out = 0;
    bool is_choice = false;
    unsigned int depth = 0;

    for (struct insp_flight *e =
             find_from(f, (uint32_t) head, hash, key, &depth);
         e; e = find_next(f, e, &depth)) {
        uint64_t n = insp_flight_n_out(
            atomic_load_explicit(&e->state, memory_order_acquire));

        if (n) {
            if (oldest) {
                is_choice = true;
                consider(&owner, oldest, print);
            }
            oldest = e;
            n_out = n;
        }
    }
    if (oldest && (is_choice || n_out <= INSP_FLIGHT_PRINTS)) {
        consider(&owner, oldest, print);
    }
    if (!owner.entry) {
        owner.entry = oldest;
    }
    return owner;
}

size_t
insp_flights_return(struct insp_flights *f, const struct insp_flight_key *key,
                    uint32_t print, uint64_t now_ns, void *context)
{
    uint32_t hash = hash_of(f, key);

    (void) now_ns;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        struct owner owner = find_owner(f, key, hash, print);
        struct insp_flight *e = owner.entry;

        if (!e && tries + 1 >= LOOKS) {
            break;
        }
        if (e && owner.at == INSP_FLIGHT_PRINTS && is_duplicate(e, print)) {
            break;
        }
        if (e && take(e, false)) {
            (void) forget(e, owner.at, print);
            memcpy(context, e->context, e->size);
            return e->size;
        }
    }
    return 0;
}

/* The entry of a cookie, if packets are out there. */
static struct insp_flight *
by_cookie(const struct insp_flights *f, uint32_t cookie)
{
    struct insp_flight *e;

    if (!cookie || cookie > f->n_entries) {
        return NULL;
    }
    e = &f->entries[cookie - 1];
    return atomic_load_explicit(&e->state, memory_order_acquire) &
                   INSP_FLIGHT_OUT
               ? e
               : NULL;
}

/* Takes the print of a packet that its cookie has led to; false: it is back
 * already. */
static bool
take_print(struct insp_flight *e, uint32_t print)
{
    for (int tries = 0; tries < LOOKS; tries++) {
        if (forget(e, recall(e, print), print)) {
            return true;
        }
    }
    return !is_duplicate(e, print);
}

size_t
insp_flights_return_cookie(struct insp_flights *f, uint32_t cookie,
                           const struct insp_flight_key *key, uint32_t print,
                           uint64_t now_ns, void *context, bool *changed)
{
    struct insp_flight *e = by_cookie(f, cookie);

    (void) now_ns;
    *changed = false;
    if (!e || e->key.function != key->function || e->key.arm != key->arm) {
        return 0;
    }
    *changed = memcmp(&e->key, key, sizeof *key) != 0;
    if ((!*changed && !take_print(e, print)) || !take(e, false)) {
        return 0;
    }
    memcpy(context, e->context, e->size);
    return e->size;
}

bool
insp_flights_cancel(struct insp_flights *f, uint32_t cookie)
{
    struct insp_flight *e = by_cookie(f, cookie);

    return e && take(e, true);
}
