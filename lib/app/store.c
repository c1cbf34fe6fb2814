/* How it works
 * ------------
 *
 *     | links, shares of small blocks | of large ones | small | large |
 *
 * These are apart from the blocks, so that whoever takes a block has all
 * of it, and a block that nobody has had yet costs no page.
 */

#include "app/store.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static size_t
links_size(uint32_t n)
{
    size_t size = (size_t) n * (sizeof(_Atomic uint32_t) + 1);

    return (size + 4095) & ~(size_t) 4095;
}

size_t
insp_store_size(uint32_t n_small, uint32_t n_large)
{
    return links_size(n_small) + links_size(n_large) +
           (size_t) n_small * INSP_BLOCK_SMALL +
           (size_t) n_large * INSP_BLOCK_LARGE;
}

static void
init_class(struct insp_store_class *c, uint8_t *links, uint8_t *blocks,
           uint32_t n)
{
    c->links = (_Atomic uint32_t *) (void *) links;
    c->share_of = links + (size_t) n * sizeof *c->links;
    c->blocks = blocks;
    c->n = n;
    atomic_init(&c->fresh, 0);
    memset((void *) &c->shares, 0, sizeof c->shares);
    insp_stack_init(&c->free, c->links, sizeof *c->links);
}

int
insp_store_init(struct insp_store *s, uint32_t n_small, uint32_t n_large)
{
    uint8_t *at;

    s->map_size = insp_store_size(n_small, n_large);
    s->map = mmap(NULL, s->map_size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->map == MAP_FAILED) {
        s->map = NULL;
        return errno;
    }
    at = s->map;
    init_class(&s->small, at, at + links_size(n_small) + links_size(n_large),
               n_small);
    init_class(&s->large, at + links_size(n_small),
               s->small.blocks + (size_t) n_small * INSP_BLOCK_SMALL, n_large);
    return 0;
}

void
insp_store_uninit(struct insp_store *s)
{
    if (s->map) {
        munmap(s->map, s->map_size);
        s->map = NULL;
    }
}

uint32_t
insp_store_take(struct insp_store *s, bool large, uint8_t share)
{
    struct insp_store_class *c = large ? &s->large : &s->small;
    uint32_t index;

    if (!insp_share_take(&c->shares, share, c->n)) {
        return 0;
    }
    index = insp_stack_pop(&c->free);
    if (index == INSP_STACK_END && INSP_READ(c->fresh) < c->n) {
        index = atomic_fetch_add_explicit(&c->fresh, 1, memory_order_relaxed);
        if (index >= c->n) {
            index = INSP_STACK_END;
        }
    }
    if (index == INSP_STACK_END) {
        insp_share_give(&c->shares, share);
        return 0;
    }
    c->share_of[index] = share;
    return (index + 1) | (large ? INSP_BLOCK_IS_LARGE : 0);
}

void
insp_store_give(struct insp_store *s, uint32_t block)
{
    struct insp_store_class *c = block & INSP_BLOCK_IS_LARGE ? &s->large
                                                             : &s->small;
    uint32_t index = (block & ~INSP_BLOCK_IS_LARGE) - 1;

    insp_share_give(&c->shares, c->share_of[index]);
    insp_stack_push(&c->free, index);
}
