/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Heads are written with their members in one order and read in the same:
 * there is no other writer.  The checksum is over the head up to itself and
 * over the lines.
 *
 * A reader goes from block to block.  Where it finds none it looks behind it,
 * if there is a head, and else for the next line that begins as a head does,
 * and takes it if its checksum is right; no line of a sensor's can begin so.
 * At the end of a file such a place is a write that a crash has cut off,
 * elsewhere it is damage.
 */

#include "block.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"

static const char opening[] = "{\"journal\":{";

static const struct {
    const char *word;
    unsigned int n_numbers;
} kinds[] = {
    [COLLECTOR_RECORDS] = { "records", 2 },
    [COLLECTOR_LOST] = { "lost", 2 },
    [COLLECTOR_TOTALS] = { "totals", 3 },
    [COLLECTOR_COVERED] = { "covered", 2 },
    [COLLECTOR_CHECKPOINT] = { "checkpoint", 1 },
};

/* Writing. */

static void put_format(struct insp_put *, const char *format, ...)
    INSP_PRINTF(2, 3);

static void
put_format(struct insp_put *put, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    insp_put_text(put, text);
}

/* A name has no control characters; that is checked where it comes in. */
static void
put_name(struct insp_put *put, const char *word, const char *name)
{
    put_format(put, "\"%s\":\"", word);
    for (; *name; name++) {
        if (*name == '"' || *name == '\\') {
            insp_put_u8(put, '\\');
        }
        insp_put_u8(put, (uint8_t) *name);
    }
    insp_put_text(put, "\",");
}

void
collector_block_put(struct insp_put *put, const struct collector_block *b,
                    const void *lines)
{
    size_t begun = insp_put_size(put);
    uint32_t crc;

    insp_put_text(put, opening);
    put_name(put, "sensor", b->sensor);
    put_name(put, "uplink", b->uplink);
    put_format(put,
               "\"incarnation\":%" PRIu32 ",\"floor\":%" PRIu64 ",\"%s\":",
               b->incarnation, b->floor, kinds[b->kind].word);
    for (unsigned int i = 0; i < kinds[b->kind].n_numbers; i++) {
        put_format(put, "%c%" PRIu64, i ? ',' : '[', b->numbers[i]);
    }
    put_format(put, "],\"bytes\":%" PRIu64 ",", b->bytes);
    crc = insp_crc32c(0, put->start + begun, insp_put_size(put) - begun);
    crc = insp_crc32c(crc, lines, (size_t) b->bytes);
    put_format(put, "\"crc32c\":\"%08" PRIx32 "\"}}\n", crc);
}

/* Reading. */

static void
expect(struct insp_cursor *c, const char *text)
{
    size_t size = strlen(text);
    const uint8_t *at = insp_cursor_take(c, size);

    c->failed |= !at || memcmp(at, text, size);
}

static void
take_name(struct insp_cursor *c, const char *word, char *to, size_t size)
{
    size_t n = 0;

    expect(c, "\"");
    expect(c, word);
    expect(c, "\":\"");
    for (uint8_t byte; (byte = insp_cursor_u8(c)) != '"' && !c->failed;) {
        if (byte == '\\') {
            byte = insp_cursor_u8(c);
        }
        if (byte < ' ' || n + 1 >= size) {
            c->failed = true;
            break;
        }
        to[n++] = (char) byte;
    }
    to[n] = '\0';
    expect(c, ",");
}

static uint64_t
take_number(struct insp_cursor *c)
{
    uint64_t n = 0;
    unsigned int digits = 0;

    while (insp_cursor_left(c) && *c->at >= '0' && *c->at <= '9') {
        unsigned int digit = (unsigned int) (insp_cursor_u8(c) - '0');

        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, digit, &n)) {
            c->failed = true;
        }
        digits++;
    }
    c->failed |= !digits;
    return n;
}

static uint32_t
take_hex(struct insp_cursor *c)
{
    uint32_t n = 0;

    for (unsigned int i = 0; i < 8; i++) {
        uint8_t b = insp_cursor_u8(c);

        if (b >= '0' && b <= '9') {
            n = n << 4 | (uint32_t) (b - '0');
        } else if (b >= 'a' && b <= 'f') {
            n = n << 4 | (uint32_t) (b - 'a' + 10);
        } else {
            c->failed = true;
        }
    }
    return n;
}

static void
take_kind(struct insp_cursor *c, struct collector_block *b)
{
    expect(c, "\"");
    for (size_t i = 0; i < INSP_ARRAY_SIZE(kinds); i++) {
        struct insp_cursor trial = *c;

        expect(&trial, kinds[i].word);
        expect(&trial, "\":");
        if (!trial.failed) {
            *c = trial;
            b->kind = (enum collector_block_kind) i;
            for (unsigned int j = 0; j < kinds[i].n_numbers; j++) {
                expect(c, j ? "," : "[");
                b->numbers[j] = take_number(c);
            }
            return;
        }
    }
    c->failed = true;
}

/* Parses the head; '*summed' is how much of it the checksum is over. */
static size_t
parse(const uint8_t *bytes, size_t n, struct collector_block *b,
      size_t *summed)
{
    struct insp_cursor c = insp_cursor(bytes, n);
    uint64_t incarnation;

    memset(b, 0, sizeof *b);
    expect(&c, opening);
    take_name(&c, "sensor", b->sensor, sizeof b->sensor);
    take_name(&c, "uplink", b->uplink, sizeof b->uplink);
    expect(&c, "\"incarnation\":");
    incarnation = take_number(&c);
    expect(&c, ",\"floor\":");
    b->floor = take_number(&c);
    expect(&c, ",");
    take_kind(&c, b);
    expect(&c, "],\"bytes\":");
    b->bytes = take_number(&c);
    expect(&c, ",");
    *summed = (size_t) (c.at - bytes);
    expect(&c, "\"crc32c\":\"");
    b->crc = take_hex(&c);
    expect(&c, "\"}}\n");
    b->incarnation = (uint32_t) incarnation;
    if (c.failed || incarnation > UINT32_MAX ||
        b->bytes > COLLECTOR_BLOCK_MAX) {
        return 0;
    }
    return (size_t) (c.at - bytes);
}

size_t
collector_block_parse(const void *bytes, size_t n, struct collector_block *b)
{
    size_t summed;

    return parse(bytes, n, b, &summed);
}

bool
collector_block_is_head(const void *line, size_t size)
{
    return size >= sizeof opening - 1 &&
           !memcmp(line, opening, sizeof opening - 1);
}

/* A file, block by block. */

bool
collector_reader_init(struct collector_reader *r, int fd, uint64_t limit)
{
    memset(r, 0, sizeof *r);
    r->fd = fd;
    r->limit = limit;
    r->buffer = malloc(COLLECTOR_HEAD_MAX + COLLECTOR_BLOCK_MAX);
    return r->buffer != NULL;
}

static size_t
read_at(const struct collector_reader *r, uint64_t at, uint8_t *to,
        size_t size)
{
    size_t done = 0;

    if (at < r->limit && size > r->limit - at) {
        size = (size_t) (r->limit - at);
    }
    while (at < r->limit && done < size) {
        ssize_t n = pread(r->fd, to + done, size - done, (off_t) (at + done));

        if (n <= 0) {
            break;
        }
        done += (size_t) n;
    }
    return done;
}

/* Reads the block at 'at'.  When it is not whole, '*behind' is where it ends
 * by its own word, or 0. */
static bool
read_block(struct collector_reader *r, uint64_t at, struct collector_block *b,
           uint64_t *behind)
{
    size_t n = read_at(r, at, r->buffer, COLLECTOR_HEAD_MAX);
    size_t summed, size = parse(r->buffer, n, b, &summed);
    size_t lines = (size_t) b->bytes;
    uint32_t crc;

    *behind = size ? at + size + lines : 0;
    if (!size || read_at(r, at + size, r->buffer + COLLECTOR_HEAD_MAX,
                         lines) != lines) {
        return false;
    }
    r->lines = r->buffer + COLLECTOR_HEAD_MAX;
    crc = insp_crc32c(0, r->buffer, summed);
    crc = insp_crc32c(crc, r->lines, lines);
    if (crc != b->crc) {
        return false;
    }
    r->at = at;
    r->next = *behind;
    return true;
}

/* Where a line from 'at' + 1 on may be a head, or the limit. */
static uint64_t
find_head(const struct collector_reader *r, uint64_t at)
{
    const size_t overlap = sizeof opening;

    for (;;) {
        size_t n = read_at(r, at, r->buffer, COLLECTOR_BLOCK_MAX);
        const uint8_t *from = r->buffer, *newline;

        while (
            (newline = memchr(from, '\n', (size_t) (r->buffer + n - from)))) {
            from = newline + 1;
            if (collector_block_is_head(from,
                                        (size_t) (r->buffer + n - from))) {
                return at + (uint64_t) (from - r->buffer);
            }
        }
        if (n <= overlap) {
            return r->limit;
        }
        at += n - overlap;
    }
}

bool
collector_reader_next(struct collector_reader *r, struct collector_block *b)
{
    const uint64_t begun = r->next;
    uint64_t at = begun, behind, ignored;

    while (at < r->limit) {
        if (read_block(r, at, b, &behind) ||
            (behind && read_block(r, behind, b, &ignored))) {
            r->damaged += r->at - begun;
            return true;
        }
        at = find_head(r, at);
    }
    return false;
}

void
collector_reader_uninit(struct collector_reader *r)
{
    free(r->buffer);
    r->buffer = NULL;
}
