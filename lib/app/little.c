/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * UTF-16 (RFC 2781) goes to UTF-8 (RFC 3629) a character at a time; a half of
 * a pair that stands alone is replaced, so that what comes out is well formed
 * whatever came in.
 */

#include "app/little.h"

static const char digits[] = "0123456789abcdef";

struct insp_cursor
insp_little_part(const struct insp_cursor *whole, size_t offset, size_t size)
{
    struct insp_cursor c = *whole;

    insp_cursor_skip(&c, offset);
    return insp_cursor_sub(&c, size);
}

/* The next character; 'c' has at least one unit. */
static uint32_t
next_character(struct insp_cursor *c)
{
    uint32_t unit = insp_little_u16(c), low;
    struct insp_cursor ahead = *c;

    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    low = insp_little_u16(&ahead);
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) {
        return 0xfffd;
    }
    *c = ahead;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static size_t
put_character(uint32_t character, char *text, size_t room)
{
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = character < 0x80      ? 1
               : character < 0x800   ? 2
               : character < 0x10000 ? 3
                                     : 4;

    if (n > room) {
        return 0;
    }
    for (size_t i = n; --i > 0;) {
        text[i] = (char) (0x80 | (character & 0x3f));
        character >>= 6;
    }
    text[0] = (char) (lead[n] | character);
    return n;
}

size_t
insp_little_text(const uint8_t *utf16, size_t size, char *text, size_t room)
{
    struct insp_cursor c = insp_cursor(utf16, size);
    size_t at = 0;

    while (insp_cursor_left(&c) >= 2) {
        uint32_t character = next_character(&c);
        size_t n =
            character ? put_character(character, text + at, room - at) : 0;

        if (!n) {
            break;
        }
        at += n;
    }
    return at;
}

void
insp_guid_text(const uint8_t *guid, bool is_little, char *text)
{
    static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6 };

    for (unsigned int i = 0; i < INSP_GUID_SIZE; i++) {
        uint8_t byte = guid[i < sizeof order && is_little ? order[i] : i];

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *text++ = '-';
        }
        *text++ = digits[byte >> 4];
        *text++ = digits[byte & 15];
    }
}

size_t
insp_hex_text(uint32_t number, char *text)
{
    size_t at = 0;
    int shift = 28;

    text[at++] = '0';
    text[at++] = 'x';
    while (shift && !(number >> shift)) {
        shift -= 4;
    }
    for (; shift >= 0; shift -= 4) {
        text[at++] = digits[number >> shift & 15];
    }
    return at;
}
