/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A vector is written at the end of the pool first and then looked for among
 * those that are there, by a hash of its words; when it is there already, the
 * end of the pool moves back.  The empty vector is the first one, so that its
 * name is 0.  Ranks fit 16 bits: a policy has at most 16384 rules of four
 * entries each. */

#include "rule/vector.h"

#include "base/hash.h"

static const struct insp_hash_key mixing = {
    { 0x8c63a1f0d2b4e795, 0xd1b54a32d192ed03, 0x9fb21c651e98df25,
      0xa0761d6478bd642f }
};

struct insp_shape
insp_shape(uint32_t n_entries)
{
    struct insp_shape shape;

    shape.n_words = (n_entries + 63) / 64;
    shape.n_sums = (shape.n_words + 63) / 64;
    shape.head = shape.n_sums + (shape.n_sums + 3) / 4;
    return shape;
}

uint64_t *
insp_dense_create(struct insp_budget *budget, const struct insp_shape *shape)
{
    return insp_budget_alloc(budget, shape->n_sums + shape->n_words,
                             sizeof(uint64_t));
}

void
insp_dense_clear(uint64_t *dense, const struct insp_shape *shape)
{
    for (uint32_t a = 0; a < shape->n_sums; a++) {
        for (uint64_t sum = dense[a]; sum; sum &= sum - 1) {
            dense[shape->n_sums + 64 * a + __builtin_ctzll(sum)] = 0;
        }
        dense[a] = 0;
    }
}

void
insp_pool_init(struct insp_pool *pool, const struct insp_shape *shape,
               struct insp_budget *budget)
{
    memset(pool, 0, sizeof *pool);
    pool->shape = *shape;
    pool->seen_mask = 255;
    pool->seen =
        insp_budget_alloc(budget, pool->seen_mask + 1, sizeof *pool->seen);
    /* A policy without entries still has the empty vector. */
    if (pool->seen && insp_budget_grow(budget, &pool->at, 0, shape->head + 1,
                                       &pool->room, sizeof *pool->at)) {
        pool->n = shape->head + 1;
        memset(pool->at, 0, pool->n * sizeof *pool->at);
    }
}

/* Writes the vector behind the end; returns its size in words. */
static size_t
write_sparse(struct insp_pool *pool, const uint64_t *dense)
{
    const struct insp_shape *shape = &pool->shape;
    uint64_t *sparse = pool->at + pool->n;
    uint16_t rank = 0;

    memset(sparse, 0, shape->head * sizeof *sparse);
    for (uint32_t a = 0; a < shape->n_sums; a++) {
        sparse[a] = dense[a];
        memcpy((char *) (sparse + shape->n_sums) + a * sizeof rank, &rank,
               sizeof rank);
        for (uint64_t sum = dense[a]; sum; sum &= sum - 1) {
            sparse[shape->head + rank++] =
                dense[shape->n_sums + 64 * a + __builtin_ctzll(sum)];
        }
    }
    return shape->head + rank;
}

static size_t
sparse_size(const struct insp_pool *pool, uint32_t name)
{
    const struct insp_shape *shape = &pool->shape;
    const uint64_t *sparse = pool->at + name;
    size_t size = shape->head;

    for (uint32_t a = 0; a < shape->n_sums; a++) {
        size += insp_bits_in(sparse[a]);
    }
    return size;
}

/* Where the vector that was written last is, or would be, in 'seen'. */
static size_t
find_seen(const struct insp_pool *pool, uint64_t hash, size_t size)
{
    const uint64_t *sparse = pool->at + pool->n;
    size_t i = hash & pool->seen_mask;

    for (; pool->seen[i]; i = (i + 1) & pool->seen_mask) {
        /* Equal summaries are equal sizes, and stand first. */
        if (!memcmp(pool->at + pool->seen[i], sparse,
                    pool->shape.head * sizeof *sparse) &&
            !memcmp(pool->at + pool->seen[i], sparse, size * sizeof *sparse)) {
            break;
        }
    }
    return i;
}

static bool
grow_seen(struct insp_pool *pool, struct insp_budget *budget)
{
    size_t mask = pool->seen_mask * 2 + 1;
    uint32_t *seen = insp_budget_alloc(budget, mask + 1, sizeof *seen);

    if (!seen) {
        return false;
    }
    for (size_t i = 0; i <= pool->seen_mask; i++) {
        uint32_t name = pool->seen[i];

        if (name) {
            size_t at = insp_hash_words(pool->at + name,
                                        sparse_size(pool, name), &mixing);

            while (seen[at & mask]) {
                at++;
            }
            seen[at & mask] = name;
        }
    }
    free(pool->seen);
    pool->seen = seen;
    pool->seen_mask = mask;
    return true;
}

static bool
is_empty(const uint64_t *dense, const struct insp_shape *shape)
{
    uint64_t any = 0;

    for (uint32_t a = 0; a < shape->n_sums; a++) {
        any |= dense[a];
    }
    return !any;
}

uint32_t
insp_pool_add(struct insp_pool *pool, const uint64_t *dense,
              struct insp_budget *budget)
{
    const struct insp_shape *shape = &pool->shape;
    size_t size;
    size_t i;

    if (budget->error || is_empty(dense, shape) ||
        (2 * pool->n_seen >= pool->seen_mask && !grow_seen(pool, budget)) ||
        !insp_budget_grow(budget, &pool->at, pool->n,
                          shape->head + shape->n_words, &pool->room,
                          sizeof *pool->at)) {
        return INSP_VECTOR_EMPTY;
    }
    size = write_sparse(pool, dense);
    i = find_seen(pool, insp_hash_words(pool->at + pool->n, size, &mixing),
                  size);
    if (!pool->seen[i]) {
        pool->seen[i] = (uint32_t) pool->n;
        pool->n_seen++;
        pool->n += size;
    }
    return pool->seen[i];
}

void
insp_pool_expand(const struct insp_pool *pool, uint32_t name, uint64_t *dense)
{
    const struct insp_shape *shape = &pool->shape;
    const uint64_t *sparse = pool->at + name;
    const uint64_t *word = sparse + shape->head;

    for (uint32_t a = 0; a < shape->n_sums; a++) {
        dense[a] |= sparse[a];
        for (uint64_t sum = sparse[a]; sum; sum &= sum - 1) {
            dense[shape->n_sums + 64 * a + __builtin_ctzll(sum)] |= *word++;
        }
    }
}

void
insp_pool_seal(struct insp_pool *pool)
{
    uint64_t *at = realloc(pool->at, pool->n * sizeof *at);

    if (at) {
        pool->at = at;
        pool->room = pool->n;
    }
    free(pool->seen);
    pool->seen = NULL;
}

void
insp_pool_uninit(struct insp_pool *pool)
{
    free(pool->at);
    free(pool->seen);
}
