/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The first byte says how many follow and how small the second one may be:
 * that excludes overlong forms, surrogates and what is beyond Unicode (the
 * table of RFC 3629, section 4).
 */

#include <string.h>

#include "base/utf8.h"

size_t
insp_utf8_size(const uint8_t *at, const uint8_t *end)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t size;

    if (at >= end) {
        return 0;
    } else if (at[0] < 0x80) {
        return 1;
    } else if (at[0] >= 0xc2 && at[0] <= 0xdf) {
        size = 2;
    } else if (at[0] >= 0xe0 && at[0] <= 0xef) {
        size = 3;
        low = at[0] == 0xe0 ? 0xa0 : low;
        high = at[0] == 0xed ? 0x9f : high;
    } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        size = 4;
        low = at[0] == 0xf0 ? 0x90 : low;
        high = at[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if ((size_t) (end - at) < size || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

void
insp_utf8_clean(char *to, size_t size, const char *from)
{
    const uint8_t *at = (const uint8_t *) from;
    const uint8_t *end = at + strlen(from);
    size_t left = size - 1;

    while (at < end) {
        size_t n = insp_utf8_size(at, end);
        const char *out = n ? (const char *) at : "\xef\xbf\xbd";
        size_t n_out = n ? n : 3;

        if (n_out > left) {
            break;
        }
        memcpy(to, out, n_out);
        to += n_out;
        left -= n_out;
        at += n ? n : 1;
    }
    *to = '\0';
}
