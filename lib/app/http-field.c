/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A field of a header (RFC 9112, section 5) goes into the record as it stands,
 * says where the message ends, or is passed over.  What was read of the end is
 * in the side's length and flags; where readers differ in it (see http.c), the
 * record says "ambiguous".
 */

#include "app/http-private.h"

static void
read_length(const struct insp_reading *r, struct insp_http_side *side,
            const struct insp_text *value)
{
    struct insp_cursor c = insp_cursor(value->at, value->size);
    uint64_t length = 0;
    bool is_bad = !value->size;

    while (insp_cursor_left(&c) && insp_text_is_digit(c.at[0])) {
        length = length * 10 + (insp_cursor_u8(&c) - '0');
        if (length >= INSP_HTTP_TO_THE_END) {
            is_bad = true;
            break;
        }
    }
    is_bad |= insp_cursor_left(&c) > 0;
    if (is_bad ||
        (side->flags & INSP_HTTP_HAS_LENGTH && length != side->length)) {
        insp_http_set_ambiguous(r, side);
    }
    if (is_bad) {
        side->flags |= INSP_HTTP_BAD_LENGTH;
    } else if (!(side->flags & INSP_HTTP_HAS_LENGTH)) {
        side->flags |= INSP_HTTP_HAS_LENGTH;
        side->length = length;
    }
}

/* Codings in the order in which they were applied (section 6.1). */
static void
read_codings(const struct insp_reading *r, struct insp_http_side *side,
             const struct insp_text *value)
{
    const uint8_t *at = value->at, *end = at + value->size;

    while (at < end) {
        const uint8_t *comma = memchr(at, ',', (size_t) (end - at));
        struct insp_text coding =
            insp_text_trim(at, (size_t) ((comma ? comma : end) - at));

        at = comma ? comma + 1 : end;
        if (!coding.size) {
            continue;
        }
        if (side->flags & INSP_HTTP_CHUNKED) { /* It must be the last one. */
            insp_http_set_ambiguous(r, side);
        }
        side->flags = (uint8_t) (side->flags & ~INSP_HTTP_CHUNKED);
        side->flags |= INSP_HTTP_CODED;
        if (insp_text_is(coding.at, coding.size, "chunked")) {
            side->flags |= INSP_HTTP_CHUNKED;
        }
    }
}

static void
read_upgrade(struct insp_event *e, struct insp_http_side *side,
             const struct insp_text *value)
{
    if (side->status == 101) {
        insp_http_set_text(e, INSP_FIELD_HTTP_UPGRADE, value->at, value->size,
                           INSP_HTTP_VALUE_MAX);
        if (insp_text_begins(value->at, value->size, "websocket")) {
            side->flags |= INSP_HTTP_OPAQUE;
        }
    }
}

/* A folded value, with a blank for each fold, in 'to'. */
static struct insp_text
unfold(const struct insp_text *value, uint8_t *to, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < value->size && n < max; i++) {
        uint8_t byte = value->at[i];

        if (byte == '\r' || byte == '\n') {
            byte = ' ';
        }
        if (byte != ' ' || !n || to[n - 1] != ' ') {
            to[n++] = byte;
        }
    }
    return (struct insp_text){ to, n };
}

void
insp_http_read_field(const struct insp_reading *r, struct insp_http_side *side,
                     const struct insp_text *line)
{
    const uint8_t *colon = memchr(line->at, ':', line->size);
    size_t name = colon ? (size_t) (colon - line->at) : 0;
    struct insp_event *e = insp_http_event_of(r, side);
    uint8_t unfolded[INSP_HTTP_URL_MAX];
    enum insp_http_header header;
    struct insp_text value;
    bool is_odd = false;

    while (name && insp_text_is_blank(line->at[name - 1])) {
        name--;
        is_odd = true;
    }
    if (!name) {
        return;
    }
    header = insp_http_header_of(line->at, name);
    if (header == INSP_HTTP_OTHER) {
        return;
    }
    value = insp_text_trim(colon + 1,
                           line->size - (size_t) (colon + 1 - line->at));
    if (memchr(colon, '\n', (size_t) (value.at + value.size - colon))) {
        value = unfold(&value, unfolded, sizeof unfolded);
        is_odd = true;
    }
    switch (header) {
    case INSP_HTTP_CONTENT_LENGTH: read_length(r, side, &value); break;
    case INSP_HTTP_TRANSFER_ENCODING: read_codings(r, side, &value); break;
    case INSP_HTTP_UPGRADE: read_upgrade(e, side, &value); return;
    case INSP_HTTP_OTHER:
    case INSP_HTTP_HOST:
    case INSP_HTTP_USER_AGENT:
    case INSP_HTTP_XFF:
    case INSP_HTTP_CONTENT_TYPE:
    case INSP_HTTP_REFERER:
    case INSP_HTTP_LOCATION:
    case INSP_HTTP_SERVER:
    case INSP_HTTP_METHOD:
    case INSP_HTTP_PATH:
    case INSP_HTTP_STATUS:
        insp_http_set(e, header, side->status, value.at, value.size);
        return;
    }
    if (is_odd) {
        insp_http_set_ambiguous(r, side);
    }
}
