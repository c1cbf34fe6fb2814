/* Store
 * =====
 *
 * Blocks of two sizes, for what readers must keep: bytes of a stream that are
 * not complete yet, and events.
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
 * size, plus 1, and the size in the top bit.
 */

#ifndef INSP_APP_STORE_H
#define INSP_APP_STORE_H 1

#include <stdatomic.h>

#include "app/share.h"
#include "base/stack.h"

#define INSP_BLOCK_SMALL  2048
#define INSP_BLOCK_LARGE  16384
#define INSP_BLOCK_IS_LARGE UINT32_C(0x80000000)

struct insp_store_class {
    struct insp_stack free;
    _Atomic uint32_t fresh INSP_LINE_ALIGNED;   /* Blocks handed out once;
                                                 * may run a little over. */
    struct insp_shares shares INSP_LINE_ALIGNED;
    uint32_t n;
    uint8_t *blocks;
    uint8_t *share_of;                  /* Of each block that is taken. */
    _Atomic uint32_t *links;
};

struct insp_store {
    struct insp_store_class small, large;
    void *map;
    size_t map_size;
};

size_t insp_store_size(uint32_t n_small, uint32_t n_large);
int insp_store_init(struct insp_store *, uint32_t n_small, uint32_t n_large)
    INSP_MUST_USE;
void insp_store_uninit(struct insp_store *);

/* 0: there is none left, or none for that share. */
uint32_t insp_store_take(struct insp_store *, bool large, uint8_t share);
void insp_store_give(struct insp_store *, uint32_t block);

/* How many are taken. */
static inline uint32_t
insp_store_used(const struct insp_store *s)
{
    return INSP_READ(s->small.shares.used) + INSP_READ(s->large.shares.used);
}

static inline size_t
insp_block_size(uint32_t block)
{
    return block & INSP_BLOCK_IS_LARGE ? INSP_BLOCK_LARGE : INSP_BLOCK_SMALL;
}

static inline void *
insp_block_at(const struct insp_store *s, uint32_t block)
{
    uint32_t index = (block & ~INSP_BLOCK_IS_LARGE) - 1;

    return block & INSP_BLOCK_IS_LARGE
               ? s->large.blocks + (size_t) index * INSP_BLOCK_LARGE
               : s->small.blocks + (size_t) index * INSP_BLOCK_SMALL;
}

#endif /* app/store.h */
