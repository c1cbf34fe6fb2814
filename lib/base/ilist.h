/* SPDX-License-Identifier: Apache-2.0 */
/* Index list
 * ==========
 *
 * Doubly linked lists of small numbers.  All lists of one kind share one
 * array of links: the first elements are the members, further ones serve as
 * list heads.  An element is in at most one list of an array.
 *
 *     links: | 0 | 1 | 2 | ... | n - 1 | head | head | ...
 *
 * Above:    base/wheel.h, flow/.   Below:  compiler.h.
 * Threads:  an array belongs to one thread.
 * Memory:   the caller's array; 8 bytes an element.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_ILIST_H
#define INSP_BASE_ILIST_H 1

#include "base/compiler.h"

struct insp_ilink {
    uint32_t next;
    uint32_t prev;
};

/* Makes 'i' an empty list, or an element that is in no list. */
static inline void
insp_ilist_init(struct insp_ilink *links, uint32_t i)
{
    links[i].next = i;
    links[i].prev = i;
}

/* True when the list 'i' is empty, or the element 'i' in no list. */
static inline bool
insp_ilist_is_alone(const struct insp_ilink *links, uint32_t i)
{
    return links[i].next == i;
}

/* 'i' must be in no list. */
static inline void
insp_ilist_push_back(struct insp_ilink *links, uint32_t head, uint32_t i)
{
    uint32_t last = links[head].prev;

    links[i].next = head;
    links[i].prev = last;
    links[last].next = i;
    links[head].prev = i;
}

/* Does nothing when 'i' is in no list. */
static inline void
insp_ilist_remove(struct insp_ilink *links, uint32_t i)
{
    links[links[i].prev].next = links[i].next;
    links[links[i].next].prev = links[i].prev;
    insp_ilist_init(links, i);
}

/* Moves all of list 'from' to the end of list 'to'. */
static inline void
insp_ilist_splice(struct insp_ilink *links, uint32_t to, uint32_t from)
{
    if (!insp_ilist_is_alone(links, from)) {
        uint32_t first = links[from].next;
        uint32_t last = links[from].prev;

        links[first].prev = links[to].prev;
        links[links[to].prev].next = first;
        links[last].next = to;
        links[to].prev = last;
        insp_ilist_init(links, from);
    }
}

#endif /* base/ilist.h */
