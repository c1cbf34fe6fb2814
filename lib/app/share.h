/* SPDX-License-Identifier: Apache-2.0 */
/* Share
 * =====
 *
 * How much of a bounded thing each VM has, so that none of them can take all
 * of it: who wants more must have less than what is free.  So one alone may
 * take a half, two a third each, and what n others hold leaves 1 / (n + 1).
 *
 * A VM is known by its port id, folded into a number; two that fold alike
 * share. Port 0 (no VM's; everything in a capture file) is not held to it.
 *
 * Above:    app/store.c, app/lend.c.   Below:  base/compiler.h.
 * Threads:  any; two that take at the same moment may both get the last one
 *           of a share.
 * Memory:   its own.
 * Time:     none.
 * Fails:    take with false.
 */

#ifndef INSP_APP_SHARE_H
#define INSP_APP_SHARE_H 1

#include <stdatomic.h>

#include "base/compiler.h"

#define INSP_SHARES 256

struct insp_shares {
    _Atomic uint32_t used;
    _Atomic uint32_t used_by[INSP_SHARES];
};

static inline uint8_t
insp_share_of(uint32_t port_id)
{
    uint32_t hash = port_id * UINT32_C(0x9e3779b1) >> 16;

    return (uint8_t) (port_id ? 1 + hash % (INSP_SHARES - 1) : 0);
}

/* One of 'n'. */
static inline bool
insp_share_take(struct insp_shares *s, uint8_t share, uint32_t n)
{
    uint32_t used = INSP_READ(s->used);

    if (used >= n || (share && INSP_READ(s->used_by[share]) >= n - used)) {
        return false;
    }
    atomic_fetch_add_explicit(&s->used, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->used_by[share], 1, memory_order_relaxed);
    return true;
}

static inline void
insp_share_give(struct insp_shares *s, uint8_t share)
{
    atomic_fetch_sub_explicit(&s->used, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&s->used_by[share], 1, memory_order_relaxed);
}

#endif /* app/share.h */
