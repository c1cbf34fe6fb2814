/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     | links, shares of small blocks | ... of the largest | small | ... |
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

static const uint32_t sizes[INSP_BLOCK_CLASSES] = INSP_BLOCK_SIZES;

static uint32_t
n_of_class(unsigned int class, uint32_t n_small, uint32_t n_large)
{
    return !class ? n_small : class == 1 ? 2 * n_large : n_large;
}

size_t
insp_store_size(uint32_t n_small, uint32_t n_large)
{
    size_t size = 0;

    for (unsigned int i = 0; i < INSP_BLOCK_CLASSES; i++) {
        uint32_t n = n_of_class(i, n_small, n_large);

        size += links_size(n) + (size_t) n * sizes[i];
    }
    return size;
}

static void
init_class(struct insp_store_class *c, uint8_t *links, uint8_t *blocks,
           uint32_t n, uint32_t size)
{
    c->links = (_Atomic uint32_t *) (void *) links;
    c->share_of = links + (size_t) n * sizeof *c->links;
    c->blocks = blocks;
    c->n = n;
    c->size = size;
    atomic_init(&c->fresh, 0);
    memset((void *) &c->shares, 0, sizeof c->shares);
    insp_stack_init(&c->free, c->links, sizeof *c->links);
}

int
insp_store_init(struct insp_store *s, uint32_t n_small, uint32_t n_large)
{
    uint8_t *links, *blocks;

    s->map_size = insp_store_size(n_small, n_large);
    s->map = mmap(NULL, s->map_size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->map == MAP_FAILED) {
        s->map = NULL;
        return errno;
    }
    links = blocks = s->map;
    for (unsigned int i = 0; i < INSP_BLOCK_CLASSES; i++) {
        blocks += links_size(n_of_class(i, n_small, n_large));
    }
    for (unsigned int i = 0; i < INSP_BLOCK_CLASSES; i++) {
        uint32_t n = n_of_class(i, n_small, n_large);

        init_class(&s->classes[i], links, blocks, n, sizes[i]);
        links += links_size(n);
        blocks += (size_t) n * sizes[i];
    }
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

/* INSP_BLOCK_CLASSES: none is large enough. */
static unsigned int
class_for(size_t need)
{
    unsigned int class = 0;

    while (class < INSP_BLOCK_CLASSES && sizes[class] < need) {
        class ++;
    }
    return class;
}

size_t
insp_block_size_for(size_t need)
{
    unsigned int class = class_for(need);

    return class < INSP_BLOCK_CLASSES ? sizes[class] : 0;
}

size_t
insp_block_size_within(size_t room)
{
    unsigned int class = INSP_BLOCK_CLASSES;

    while (class && sizes[class - 1] > room) {
        class --;
    }
    return class ? sizes[class - 1] : 0;
}

uint32_t
insp_store_take(struct insp_store *s, size_t need, uint8_t share)
{
    unsigned int class = class_for(need);
    struct insp_store_class *c = &s->classes[class];
    uint32_t index;

    if (class == INSP_BLOCK_CLASSES ||
        !insp_share_take(&c->shares, share, c->n)) {
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
    return (index + 1) | (uint32_t) class << INSP_BLOCK_CLASS_SHIFT;
}

void
insp_store_give(struct insp_store *s, uint32_t block)
{
    struct insp_store_class *c = &s->classes[block >> INSP_BLOCK_CLASS_SHIFT];
    uint32_t index = insp_block_index(block);

    insp_share_give(&c->shares, c->share_of[index]);
    insp_stack_push(&c->free, index);
}

uint32_t
insp_store_n(const struct insp_store *s)
{
    uint32_t n = 0;

    for (unsigned int i = 0; i < INSP_BLOCK_CLASSES; i++) {
        n += s->classes[i].n;
    }
    return n;
}

uint32_t
insp_store_used(const struct insp_store *s)
{
    uint32_t n = 0;

    for (unsigned int i = 0; i < INSP_BLOCK_CLASSES; i++) {
        n += INSP_READ(s->classes[i].shares.used);
    }
    return n;
}
