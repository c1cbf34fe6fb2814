/* SPDX-License-Identifier: Apache-2.0 */
/* Text
 * ====
 *
 * What readers write: numbers, addresses and escaped bytes as text, into a
 * bounded buffer.
 *
 * Above:    readers.               Below:  base/put.h.
 * Threads:  a put belongs to one thread.
 * Memory:   borrows the buffer.
 * Time:     none.
 * Fails:    by 'full' of the put.
 */

#ifndef INSP_APP_TEXT_H
#define INSP_APP_TEXT_H 1

#include "base/cursor.h"
#include "base/put.h"

static inline void
insp_text_uint(struct insp_put *p, uint64_t n)
{
    uint8_t digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (uint8_t) ('0' + n % 10);
        n /= 10;
    } while (n);
    insp_put_bytes(p, digits + at, sizeof digits - at);
}

static inline char
insp_text_digit(unsigned int n)
{
    return "0123456789abcdef"[n & 15];
}

/* Hexadecimal digits, two a byte; what has no room is left out. */
static inline void
insp_text_hex(struct insp_put *p, const uint8_t *bytes, size_t size)
{
    size = INSP_MIN(size, insp_put_left(p) / 2);
    for (size_t i = 0; i < size; i++) {
        insp_put_u8(p, (uint8_t) insp_text_digit(bytes[i] >> 4));
        insp_put_u8(p, (uint8_t) insp_text_digit(bytes[i]));
    }
}

static inline void
insp_text_ip4(struct insp_put *p, const uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        if (i) {
            insp_put_u8(p, '.');
        }
        insp_text_uint(p, ip[i]);
    }
}

/* A group of an IPv6 address, without leading zeros. */
static inline void
insp_text_group(struct insp_put *p, unsigned int group)
{
    for (int shift = 12; shift >= 0; shift -= 4) {
        if (!shift || group >> shift) {
            insp_put_u8(p, (uint8_t) insp_text_digit(group >> shift));
        }
    }
}

/* As RFC 5952 has it: the longest run of zero groups, when there are two or
 * more of them, is "::"; IPv4 inside ::ffff:0:0/96 with dots. */
static inline void
insp_text_ip6(struct insp_put *p, const uint8_t ip[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    int run = 0, best = 1, from = -1, i = 0;

    if (!memcmp(ip, mapped, sizeof mapped)) {
        insp_put_text(p, "::ffff:");
        insp_text_ip4(p, ip + 12);
        return;
    }
    for (int g = 0; g < 8; g++) {
        run = insp_be16(ip + 2 * g) ? 0 : run + 1;
        if (run > best) {
            best = run;
            from = g - run + 1;
        }
    }
    while (i < 8) {
        if (i == from) {
            insp_put_text(p, "::");
            i += best;
            continue;
        }
        if (i && i != from + best) {
            insp_put_u8(p, ':');
        }
        insp_text_group(p, insp_be16(ip + 2 * i));
        i++;
    }
}

/* Labels with their size in front, as a name with dots (RFC 1035, section 3.1;
 * no pointers). */
static inline void
insp_text_labels(struct insp_put *p, struct insp_cursor *c)
{
    uint8_t size;

    while ((size = insp_cursor_u8(c)) && size <= 63) {
        const uint8_t *label = insp_cursor_take(c, size);

        if (!label) {
            break;
        }
        if (insp_put_size(p)) {
            insp_put_u8(p, '.');
        }
        insp_put_bytes(p, label, size);
    }
}

#endif /* app/text.h */
