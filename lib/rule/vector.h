/* SPDX-License-Identifier: Apache-2.0 */
/* Vector
 * ======
 *
 * Sets of entries of a policy, as bits.  A summary has one bit for each word
 * of 64 entries and says whether that word has any, so that vectors are
 * intersected by their summaries first.
 *
 *     dense    summary | all words                     (scratch, wildcards)
 *     sparse   summary | ranks | the words that are not zero, in order
 *
 * A rank is how many words of a sparse vector belong to earlier words of the
 * summary.  Sparse vectors live in a pool; a vector's name is its offset
 * there, equal vectors have one name, and the name of the empty one is 0.
 *
 * Above:    rule/.                 Below:  rule/budget.h.
 * Threads:  a pool that is no longer added to may be read by any thread.
 * Memory:   the pool's, bounded by the budget.
 * Time:     add: by the number of words that are not zero.
 * Fails:    the budget's error; the name is 0 then.
 */

#ifndef INSP_RULE_VECTOR_H
#define INSP_RULE_VECTOR_H 1

#include "rule/budget.h"

#define INSP_VECTOR_EMPTY 0

struct insp_shape {
    uint32_t n_words;
    uint32_t n_sums; /* Words of a summary. */
    uint32_t head;   /* Words of summary and ranks. */
};

struct insp_pool {
    uint64_t *at;
    size_t n;
    size_t room;
    uint32_t *seen; /* While building: names by hash; 0: none. */
    size_t n_seen;
    size_t seen_mask;
    struct insp_shape shape;
};

struct insp_shape insp_shape(uint32_t n_entries);

/* A dense vector with nothing in it; free() it. */
uint64_t *insp_dense_create(struct insp_budget *, const struct insp_shape *);
void insp_dense_clear(uint64_t *dense, const struct insp_shape *);

static inline void
insp_dense_set(uint64_t *dense, const struct insp_shape *shape, uint32_t i)
{
    dense[i / 4096] |= UINT64_C(1) << i / 64 % 64;
    dense[shape->n_sums + i / 64] |= UINT64_C(1) << i % 64;
}

static inline void
insp_dense_unset(uint64_t *dense, const struct insp_shape *shape, uint32_t i)
{
    uint64_t *word = &dense[shape->n_sums + i / 64];

    *word &= ~(UINT64_C(1) << i % 64);
    if (!*word) {
        dense[i / 4096] &= ~(UINT64_C(1) << i / 64 % 64);
    }
}

void insp_pool_init(struct insp_pool *, const struct insp_shape *,
                    struct insp_budget *);
/* The name of the vector that has what 'dense' has. */
uint32_t insp_pool_add(struct insp_pool *, const uint64_t *dense,
                       struct insp_budget *);
/* Adds what vector 'name' has to 'dense'. */
void insp_pool_expand(const struct insp_pool *, uint32_t name,
                      uint64_t *dense);
/* The end of building: no more is added. */
void insp_pool_seal(struct insp_pool *);
void insp_pool_uninit(struct insp_pool *);

/* Without a call: the compiler's own is one where it may not assume that the
 * processor can count. */
static inline uint32_t
insp_bits_in(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) +
        (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t) (x * UINT64_C(0x0101010101010101) >> 56);
}

/* The words that summary word 'sum' of a sparse vector stands for. */
static inline const uint64_t *
insp_sparse_words(const uint64_t *sparse, const struct insp_shape *shape,
                  uint32_t sum)
{
    uint16_t rank;

    memcpy(&rank, (const char *) (sparse + shape->n_sums) + sum * sizeof rank,
           sizeof rank);
    return sparse + shape->head + rank;
}

#endif /* rule/vector.h */
