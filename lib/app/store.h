/* SPDX-License-Identifier: Apache-2.0 */
/* Store
 * =====
 *
 * Blocks of a few sizes, for what readers must keep: bytes of a stream that
 * are not complete yet, tables, and events.
 *
 * Above:    app/stream.c, event.c, lend.c.     Below:  app/share.h,
 *                                                base/stack.h.
 * Threads:  any; taking and giving back take no lock.
 * Memory:   one mapping, taken in insp_store_create().  A page is the kernel's
 *           until its block is first used, and the block given back last is
 *           the next to be taken.
 * Time:     none.
 * Fails:    create with ENOMEM; take with 0.
 *
 * A block is named by a number that is never 0: its place among those of its
 * size, plus 1, and which size that is in the top bits.
 */

#ifndef INSP_APP_STORE_H
#define INSP_APP_STORE_H 1

#include <stdatomic.h>

#include "app/share.h"
#include "base/stack.h"

/* Whole cache lines.  The largest, a small one and a dialog make 4096; between
 * them stand what a segment holds, and a hello with a key that quantum
 * computers do not break. */
#define INSP_BLOCK_SMALL 448
#define INSP_BLOCK_LARGE 3136
#define INSP_BLOCK_SIZES                                                      \
    {                                                                         \
        INSP_BLOCK_SMALL, 1536, 2048, INSP_BLOCK_LARGE                        \
    }
#define INSP_BLOCK_CLASSES     4
#define INSP_BLOCK_CLASS_SHIFT 30

struct insp_store_class {
    struct insp_stack free;
    _Atomic uint32_t fresh INSP_LINE_ALIGNED; /* Blocks handed out once;
                                               * may run a little over. */
    struct insp_shares shares INSP_LINE_ALIGNED;
    uint32_t n;
    uint32_t size;
    uint8_t *blocks;
    uint8_t *share_of; /* Of each block that is taken. */
    _Atomic uint32_t *links;
};

struct insp_store {
    struct insp_store_class classes[INSP_BLOCK_CLASSES];
    void *map;
    size_t map_size;
};

/* Of the small ones 'n_small'; of those between twice 'n_large' and as many
 * as that, and 'n_large' of the largest. */
size_t insp_store_size(uint32_t n_small, uint32_t n_large);
int insp_store_init(struct insp_store *, uint32_t n_small,
                    uint32_t n_large) INSP_MUST_USE;
void insp_store_uninit(struct insp_store *);

/* The size of the block that 'need' bytes take; 0: none is large enough. */
size_t insp_block_size_for(size_t need);
/* The size of the largest block that is not larger than 'room', or 0. */
size_t insp_block_size_within(size_t room);

/* One that has room for 'need' bytes.  0: there is none left, or none for that
 * share. */
uint32_t insp_store_take(struct insp_store *, size_t need, uint8_t share);
void insp_store_give(struct insp_store *, uint32_t block);

/* How many there are, and how many are taken. */
uint32_t insp_store_n(const struct insp_store *);
uint32_t insp_store_used(const struct insp_store *);

static inline uint32_t
insp_block_index(uint32_t block)
{
    return (block & ((UINT32_C(1) << INSP_BLOCK_CLASS_SHIFT) - 1)) - 1;
}

/* 0: of no block. */
static inline size_t
insp_block_size(uint32_t block)
{
    static const uint16_t sizes[INSP_BLOCK_CLASSES] = INSP_BLOCK_SIZES;

    return block ? sizes[block >> INSP_BLOCK_CLASS_SHIFT] : 0;
}

static inline void *
insp_block_at(const struct insp_store *s, uint32_t block)
{
    const struct insp_store_class *c =
        &s->classes[block >> INSP_BLOCK_CLASS_SHIFT];

    return c->blocks + (size_t) insp_block_index(block) * c->size;
}

#endif /* app/store.h */
