/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * An element is an identifier, a length and contents (X.690, section 8.1).
 * The length is one byte below 128, or the number of the bytes that say it; no
 * protocol needs more than four of those, leading zeros included, which some
 * encoders write.
 */

#include "app/ber.h"

enum insp_ber_state
insp_ber_look(const struct insp_cursor *at, struct insp_ber_head *head)
{
    struct insp_cursor c = *at;
    uint8_t first;

    if (c.failed) {
        return INSP_BER_BAD;
    }
    head->tag = insp_cursor_u8(&c);
    if ((head->tag & 0x1f) == 0x1f && !c.failed) {
        return INSP_BER_BAD;
    }
    first = insp_cursor_u8(&c);
    if (c.failed) {
        return INSP_BER_SHORT;
    }
    head->head_size = 2;
    head->size = first;
    if (first & 0x80) {
        unsigned int n = first & 0x7f;

        if (!n || n > 4) {
            return INSP_BER_BAD;
        }
        head->size = 0;
        for (unsigned int i = 0; i < n; i++) {
            head->size = head->size << 8 | insp_cursor_u8(&c);
        }
        if (c.failed) {
            return INSP_BER_SHORT;
        }
        head->head_size = (uint8_t) (2 + n);
    }
    return INSP_BER_OK;
}

bool
insp_ber_next(struct insp_cursor *c, uint8_t *tag, struct insp_cursor *body)
{
    struct insp_ber_head head = { 0, 0, 0 };

    if (insp_ber_look(c, &head) != INSP_BER_OK) {
        c->failed = true;
        *body = insp_cursor(c->end, 0);
        body->failed = true;
        return false;
    }
    insp_cursor_skip(c, head.head_size);
    *tag = head.tag;
    *body = insp_cursor_sub(c, (size_t) head.size);
    return !body->failed;
}

bool
insp_ber_open(struct insp_cursor *c, uint8_t tag, struct insp_cursor *body)
{
    uint8_t found = 0;

    if (!insp_ber_next(c, &found, body)) {
        return false;
    }
    if (found != tag) {
        c->failed = body->failed = true;
        return false;
    }
    return true;
}

bool
insp_ber_option(struct insp_cursor *c, uint8_t tag, struct insp_cursor *body)
{
    if (c->failed || !insp_cursor_left(c) || *c->at != tag) {
        return false;
    }
    return insp_ber_open(c, tag, body);
}

bool
insp_ber_enter(struct insp_cursor *c, uint8_t tag)
{
    struct insp_ber_head head;

    if (insp_ber_look(c, &head) != INSP_BER_OK || head.tag != tag) {
        c->failed = true;
        return false;
    }
    return insp_cursor_skip(c, head.head_size);
}

bool
insp_ber_number(const struct insp_cursor *body, int64_t *number)
{
    struct insp_cursor c = *body;
    size_t n = insp_cursor_left(&c);
    uint64_t value;

    if (c.failed || !n || n > 8) {
        return false;
    }
    value = *c.at & 0x80 ? UINT64_MAX : 0;
    while (n--) {
        value = value << 8 | insp_cursor_u8(&c);
    }
    *number = (int64_t) value;
    return true;
}

bool
insp_ber_uint(struct insp_cursor *c, uint8_t tag, uint64_t *number)
{
    struct insp_cursor body;
    size_t n;

    if (!insp_ber_open(c, tag, &body)) {
        return false;
    }
    n = insp_cursor_left(&body);
    if (n == 9 && !*body.at) {
        (void) insp_cursor_u8(&body); /* Sign of a 64-bit one. */
        n--;
    } else if (!n || n > 8 || *body.at & 0x80) {
        c->failed = true;
        return false;
    }
    *number = 0;
    while (n--) {
        *number = *number << 8 | insp_cursor_u8(&body);
    }
    return true;
}

/* Appends ".N", or "N" at the beginning. */
static bool
put_arc(char *text, size_t size, size_t *at, uint64_t arc)
{
    char digits[21];
    size_t n = 0;

    do {
        digits[n++] = (char) ('0' + arc % 10);
        arc /= 10;
    } while (arc);
    if (*at + n + 2 > size) {
        return false;
    }
    if (*at) {
        text[(*at)++] = '.';
    }
    while (n--) {
        text[(*at)++] = digits[n];
    }
    return true;
}

size_t
insp_ber_oid_text(const struct insp_cursor *body, char *text, size_t size)
{
    struct insp_cursor c = *body;
    uint64_t arc = 0;
    size_t at = 0;

    while (insp_cursor_left(&c) && !c.failed) {
        uint8_t byte = insp_cursor_u8(&c);

        if (arc >> 57) {
            break;
        }
        arc = arc << 7 | (byte & 0x7f);
        if (byte & 0x80) {
            continue;
        }
        if (!at) {
            uint64_t top = INSP_MIN(arc / 40, 2);

            if (!put_arc(text, size, &at, top)) {
                break;
            }
            arc -= top * 40;
        }
        if (!put_arc(text, size, &at, arc)) {
            break;
        }
        arc = 0;
    }
    if (size) {
        text[at] = '\0';
    }
    return at;
}
