/* SPDX-License-Identifier: Apache-2.0 */
/* Put
 * ===
 *
 * A bounded write cursor.  A write that does not fit writes nothing and sets
 * 'full', which stays set, so an encoder may write a whole message and ask
 * once.
 *
 * Above:    the encoders.          Below:  compiler.h.
 * Threads:  a put belongs to one thread.
 * Memory:   borrows the buffer.
 * Time:     none.
 * Fails:    by 'full'.
 */

#ifndef INSP_BASE_PUT_H
#define INSP_BASE_PUT_H 1

#include <string.h>

#include "base/compiler.h"

struct insp_put {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool full;
};

static inline struct insp_put
insp_put(void *buffer, size_t size)
{
    uint8_t *start = buffer;

    return (struct insp_put){ start, start, start + size, false };
}

static inline size_t
insp_put_size(const struct insp_put *p)
{
    return (size_t) (p->at - p->start);
}

static inline size_t
insp_put_left(const struct insp_put *p)
{
    return (size_t) (p->end - p->at);
}

/* Room for 'size' bytes, to be filled by the caller, or NULL. */
static inline uint8_t *
insp_put_reserve(struct insp_put *p, size_t size)
{
    uint8_t *at = p->at;

    if (INSP_UNLIKELY(p->full || insp_put_left(p) < size)) {
        p->full = true;
        return NULL;
    }
    p->at = at + size;
    return at;
}

static inline void
insp_put_bytes(struct insp_put *p, const void *bytes, size_t size)
{
    uint8_t *to = insp_put_reserve(p, size);

    if (to && size) {
        memcpy(to, bytes, size);
    }
}

/* The low 'size' bytes of 'value', most significant first; 'size' 1 to 8. */
static inline void
insp_put_be(struct insp_put *p, uint64_t value, size_t size)
{
    uint8_t *to = insp_put_reserve(p, size);

    for (size_t i = size; to && i-- > 0; value >>= 8) {
        to[i] = (uint8_t) value;
    }
}

static inline void
insp_put_u8(struct insp_put *p, uint8_t value)
{
    uint8_t *to = insp_put_reserve(p, 1);

    if (to) {
        *to = value;
    }
}

static inline void
insp_put_be16(struct insp_put *p, uint16_t value)
{
    insp_put_be(p, value, 2);
}

static inline void
insp_put_be32(struct insp_put *p, uint32_t value)
{
    insp_put_be(p, value, 4);
}

static inline void
insp_put_be64(struct insp_put *p, uint64_t value)
{
    insp_put_be(p, value, 8);
}

static inline void
insp_put_text(struct insp_put *p, const char *text)
{
    insp_put_bytes(p, text, strlen(text));
}

#endif /* base/put.h */
