/* SPDX-License-Identifier: Apache-2.0 */
/* Address
 * =======
 *
 * Which quad an IP address has: the union of the quads of all prefixes, of
 * rules and of sets, that cover it.
 *
 * Above:    rule/.                 Below:  rule/label.h.
 * Threads:  immutable once made; any thread reads.
 * Memory:   8 bytes for each border of an IPv4 prefix (there are two at
 *           most), 20 for IPv6; a quad for each combination of labels.
 * Time:     look-up: a binary search in lines of 16 borders and in a table
 *           of their first ones; for IPv4 an index into that table leaves one
 *           step or two of it where addresses are spread evenly.
 * Fails:    the budget's error.
 *
 * IPv4 and IPv6 do not mix: ::/0 covers no ::ffff:a.b.c.d.
 */

#ifndef INSP_RULE_ADDRESS_H
#define INSP_RULE_ADDRESS_H 1

#include "rule/label.h"

#define INSP_BORDERS_A_LINE 16

typedef unsigned __int128 insp_uint128;

struct insp_addresses {
    uint32_t *borders4; /* Ascending from 0; whole lines. */
    uint32_t *lines4;   /* The first border of each line. */
    uint32_t *quads4;   /* From border to next: index of 'quads'. */
    size_t n_lines4;
    uint32_t *index4; /* By bucket of addresses: the line in which
                       * it begins; one more than there are. */
    uint32_t base4;   /* First address of bucket 0... */
    uint32_t n_buckets4;
    unsigned int shift4; /* ... and log2 of how many each has. */
    insp_uint128 *borders6;
    insp_uint128 *lines6;
    uint32_t *quads6;
    size_t n_lines6;
    struct insp_quad *quads; /* 0: the empty one. */
};

void insp_addresses_create(struct insp_addresses *, const struct insp_labels *,
                           const struct insp_address_set *sets, size_t n_sets,
                           struct insp_pool *, struct insp_budget *);
void insp_addresses_uninit(struct insp_addresses *);

static inline uint64_t
insp_address_half(const uint8_t *at)
{
    uint64_t x;

    memcpy(&x, at, sizeof x);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* Of n ascending values the last one that is not above 'x'; the first is not
 * above it.  Without a branch that depends on the values. */
#define INSP_LAST_NOT_ABOVE(VALUES, N, X)                                     \
    ({                                                                        \
        size_t at_ = 0;                                                       \
                                                                              \
        for (size_t n_ = (N); n_ > 1; n_ -= n_ / 2) {                         \
            at_ += (VALUES)[at_ + n_ / 2] <= (X) ? n_ / 2 : 0;                \
        }                                                                     \
        at_;                                                                  \
    })

/* The line with the last border that is not above 'x'. */
static inline size_t
insp_addresses_line4(const struct insp_addresses *a, uint32_t x)
{
    uint32_t bucket = x > a->base4 ? (x - a->base4) >> a->shift4 : 0;
    size_t first;

    bucket = INSP_MIN(bucket, a->n_buckets4 - 1);
    first = a->index4[bucket];
    return first + INSP_LAST_NOT_ABOVE(a->lines4 + first,
                                       a->index4[bucket + 1] - first + 1, x);
}

static inline const struct insp_quad *
insp_addresses_find(const struct insp_addresses *a, const uint8_t addr[16])
{
    uint64_t high = insp_address_half(addr);
    uint64_t low = insp_address_half(addr + 8);
    size_t line;

    if (!high && low >> 32 == 0xffff) {
        uint32_t x = (uint32_t) low;

        line = INSP_BORDERS_A_LINE * insp_addresses_line4(a, x);
        line +=
            INSP_LAST_NOT_ABOVE(a->borders4 + line, INSP_BORDERS_A_LINE, x);
        return &a->quads[a->quads4[line]];
    } else {
        insp_uint128 x = (insp_uint128) high << 64 | low;

        line = INSP_BORDERS_A_LINE *
               INSP_LAST_NOT_ABOVE(a->lines6, a->n_lines6, x);
        line +=
            INSP_LAST_NOT_ABOVE(a->borders6 + line, INSP_BORDERS_A_LINE, x);
        return &a->quads[a->quads6[line]];
    }
}

#endif /* rule/address.h */
