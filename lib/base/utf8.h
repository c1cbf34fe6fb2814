/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8
 * =====
 *
 * Tells text from bytes that only look like it.  Names of ports and VMs come
 * from a database that anybody with access to it may have filled with
 * anything, and both encodings promise UTF-8.
 *
 * Above:    record/values.c, export/.   Below:  compiler.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never: what is no character has size 0.
 */

#ifndef INSP_BASE_UTF8_H
#define INSP_BASE_UTF8_H 1

#include <string.h>

#include "base/compiler.h"

/* Bytes of the character that begins at 'at' (1 to 4), or 0 when there is
 * none: a stray or missing continuation, an overlong form, a surrogate, or
 * more than 0x10ffff (RFC 3629). */
size_t insp_utf8_size(const uint8_t *at, const uint8_t *end);

/* Bytes of [at, end) up to the first that JSON must not have as it is, or that
 * is not of ASCII: a control, a quote, a backslash, from 0x80 on.  Eight at a
 * time: a byte has its high bit set in the sum exactly where it is one of
 * these, or, harmlessly, behind such a byte. */
static inline size_t
insp_plain_size(const uint8_t *at, const uint8_t *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    const uint8_t *start = at;

    while (end - at >= 8) {
        uint64_t x, quote, slash;

        memcpy(&x, at, sizeof x);
        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';
        if (((x - ones * 0x20) | (quote - ones) | (slash - ones) | x) & high) {
            break;
        }
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' &&
           *at != '\\') {
        at++;
    }
    return (size_t) (at - start);
}

/* Copies the text 'from', with U+FFFD for every byte that is of no
 * character, as far as whole characters fit into 'to'. */
void insp_utf8_clean(char *to, size_t size, const char *from);

#endif /* base/utf8.h */
