/* SPDX-License-Identifier: Apache-2.0 */
/* Cursor
 * ======
 *
 * The only way to read bytes that a stranger wrote.  A read past the end
 * gives zero, leaves nothing to read and sets 'failed', which stays set: a
 * parser may read a whole header and ask once, and a loop that goes on while
 * anything is left ends.
 *
 * Above:    every parser.          Below:  compiler.h.
 * Threads:  a cursor belongs to one thread.
 * Memory:   borrows the bytes; valid as long as they are.
 * Time:     none.
 * Fails:    by 'failed'.
 */

#ifndef INSP_BASE_CURSOR_H
#define INSP_BASE_CURSOR_H 1

#include <string.h>

#include "base/compiler.h"

struct insp_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct insp_cursor
insp_cursor(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    return (struct insp_cursor){ at, size ? at + size : at, false };
}

static inline size_t
insp_cursor_left(const struct insp_cursor *c)
{
    return (size_t) (c->end - c->at);
}

/* Returns the next 'size' bytes and passes them, or NULL. */
static inline const uint8_t *
insp_cursor_take(struct insp_cursor *c, size_t size)
{
    const uint8_t *at = c->at;

    if (INSP_UNLIKELY(c->failed || insp_cursor_left(c) < size)) {
        c->failed = true;
        c->at = c->end;
        return NULL;
    }
    c->at = size ? at + size : at;
    if (size && !at) {
        __builtin_unreachable(); /* Callers need not ask twice. */
    }
    return at;
}

static inline bool
insp_cursor_skip(struct insp_cursor *c, size_t size)
{
    return insp_cursor_take(c, size) != NULL;
}

/* A cursor over the next 'size' bytes alone, which 'c' passes. */
static inline struct insp_cursor
insp_cursor_sub(struct insp_cursor *c, size_t size)
{
    const uint8_t *at = insp_cursor_take(c, size);

    return at ? insp_cursor(at, size)
              : (struct insp_cursor){ c->end, c->end, true };
}

static inline uint8_t
insp_cursor_u8(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 1);

    return b ? b[0] : 0;
}

/* Forgets what lies more than 'size' bytes ahead. */
static inline void
insp_cursor_limit(struct insp_cursor *c, size_t size)
{
    if (insp_cursor_left(c) > size) {
        c->end = c->at + size;
    }
}

/* Big-endian numbers, in host order, from bytes that were taken before. */
static inline uint16_t
insp_be16(const uint8_t *b)
{
    return (uint16_t) (b[0] << 8 | b[1]);
}

static inline uint32_t
insp_be32(const uint8_t *b)
{
    return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 |
           (uint32_t) b[2] << 8 | b[3];
}

/* The next big-endian numbers, in host order. */
static inline uint16_t
insp_cursor_be16(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 2);

    return b ? insp_be16(b) : 0;
}

static inline uint32_t
insp_cursor_be32(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 4);

    return b ? insp_be32(b) : 0;
}

static inline uint64_t
insp_cursor_be64(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 8);

    return b ? (uint64_t) insp_be32(b) << 32 | insp_be32(b + 4) : 0;
}

/* Copies the next 'size' bytes to 'to', zeros when there are fewer. */
static inline void
insp_cursor_copy(struct insp_cursor *c, void *to, size_t size)
{
    const uint8_t *b = insp_cursor_take(c, size);

    if (b) {
        memcpy(to, b, size);
    } else {
        memset(to, 0, size);
    }
}

#endif /* base/cursor.h */
