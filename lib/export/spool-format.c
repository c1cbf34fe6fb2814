/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The first 39 bytes of a head are the same but for two lengths, the time and
 * the ordinal; 16 of them, the template, serve as the mark by which a head is
 * found again behind damage.  Chance does not make one: the checksum of the
 * whole head decides.
 */

#include "export/spool-format.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "export/ipfix.h"
#include "record/fields.h"

#define MAGIC         0x4953504c /* "ISPL" */
#define TEMPLATE      65535
#define MARK_OFFSET   INSP_IPFIX_HEADER_SIZE
#define MARK_SIZE     16
#define SET_OFFSET    (MARK_OFFSET + MARK_SIZE)
#define VALUE_OFFSET  (SET_OFFSET + 7) /* Set header, long length. */
#define CRC_SIZE      4
#define SMALLEST_HEAD (VALUE_OFFSET + 8 + CRC_SIZE)

_Static_assert(VALUE_OFFSET + 64 + 12 * INSP_SPOOL_RUNS_MAX +
                       24 * INSP_SPOOL_SUMS_MAX + CRC_SIZE <=
                   INSP_SPOOL_HEAD_MAX,
               "any head of a block fits");
_Static_assert(VALUE_OFFSET + 64 + 2 * 256 + CRC_SIZE <= INSP_SPOOL_HEAD_MAX,
               "any head of a segment fits");

static const uint8_t mark[MARK_SIZE] = {
    0,
    2,
    0,
    MARK_SIZE,
    TEMPLATE >> 8,
    TEMPLATE & 0xff,
    0,
    1,
    0x80,
    INSP_SPOOL_ELEMENT,
    0xff,
    0xff,
    (uint8_t) ((uint32_t) INSP_PEN >> 24),
    (uint8_t) ((uint32_t) INSP_PEN >> 16),
    (uint8_t) ((uint32_t) INSP_PEN >> 8),
    (uint8_t) INSP_PEN,
};

static void
put_short_text(struct insp_put *put, const char *text)
{
    size_t n = strnlen(text, 255);

    insp_put_u8(put, (uint8_t) n);
    insp_put_bytes(put, text, n);
}

static void
put_value(struct insp_put *put, const struct insp_spool_head *h)
{
    insp_put_be32(put, MAGIC);
    insp_put_be16(put, INSP_SPOOL_VERSION);
    insp_put_u8(put, (uint8_t) h->kind);
    insp_put_u8(put, 0);
    insp_put_be32(put, h->body_size);
    insp_put_be32(put, h->body_crc);
    if (h->kind == INSP_SPOOL_SEGMENT) {
        insp_put_be64(put, h->number);
        insp_put_be32(put, h->incarnation);
        insp_put_be64(put, h->made_ns);
        put_short_text(put, h->sensor);
        put_short_text(put, h->uplink);
        return;
    }
    insp_put_be32(put, h->incarnation);
    insp_put_be64(put, h->made_ns);
    insp_put_be32(put, h->n_records);
    insp_put_be16(put, h->n_runs);
    insp_put_be16(put, h->n_sums);
    for (unsigned int i = 0; i < h->n_runs; i++) {
        insp_put_be64(put, h->runs[i].first);
        insp_put_be32(put, h->runs[i].count);
    }
    for (unsigned int i = 0; i < h->n_sums; i++) {
        insp_put_be32(put, h->sums[i].inspector);
        insp_put_be32(put, h->sums[i].records);
        insp_put_be64(put, h->sums[i].packets);
        insp_put_be64(put, h->sums[i].bytes);
    }
}

static void
put_length(uint8_t *at, size_t length)
{
    at[0] = (uint8_t) (length >> 8);
    at[1] = (uint8_t) length;
}

void
insp_spool_head_put(struct insp_put *put, const struct insp_spool_head *h,
                    uint32_t ordinal)
{
    uint8_t *start = put->at;
    size_t size;

    insp_put_be16(put, INSP_IPFIX_VERSION);
    insp_put_be16(put, 0);
    insp_put_be32(put, (uint32_t) (h->made_ns / 1000000000));
    insp_put_be32(put, ordinal);
    insp_put_be32(put, INSP_SPOOL_DOMAIN);
    insp_put_bytes(put, mark, sizeof mark);
    insp_put_be16(put, TEMPLATE);
    insp_put_be16(put, 0);
    insp_put_u8(put, 255);
    insp_put_be16(put, 0);
    put_value(put, h);
    if (put->full || insp_put_left(put) < CRC_SIZE) {
        put->full = true;
        return;
    }
    size = (size_t) (put->at - start) + CRC_SIZE;
    put_length(start + 2, size);
    put_length(start + SET_OFFSET + 2, size - SET_OFFSET);
    put_length(start + VALUE_OFFSET - 2, size - VALUE_OFFSET);
    insp_put_be32(put, insp_crc32c(0, start, size - CRC_SIZE));
}

static void
parse_short_text(struct insp_cursor *c, char text[256])
{
    size_t n = insp_cursor_u8(c);

    insp_cursor_copy(c, text, n);
    text[n] = '\0';
}

static bool
parse_block(struct insp_cursor *c, struct insp_spool_head *h)
{
    uint64_t by_runs = 0, by_sums = 0;

    h->incarnation = insp_cursor_be32(c);
    h->made_ns = insp_cursor_be64(c);
    h->n_records = insp_cursor_be32(c);
    h->n_runs = insp_cursor_be16(c);
    h->n_sums = insp_cursor_be16(c);
    if (c->failed || h->n_runs > INSP_SPOOL_RUNS_MAX ||
        h->n_sums > INSP_SPOOL_SUMS_MAX || !h->n_records ||
        h->n_records > INSP_SPOOL_RECORDS_MAX) {
        return false;
    }
    for (unsigned int i = 0; i < h->n_runs; i++) {
        struct insp_spool_run *run = &h->runs[i];

        run->first = insp_cursor_be64(c);
        run->count = insp_cursor_be32(c);
        by_runs += run->count;
        if (!run->count || run->first > UINT64_MAX - run->count) {
            return false;
        }
    }
    for (unsigned int i = 0; i < h->n_sums; i++) {
        struct insp_spool_sum *sum = &h->sums[i];

        sum->inspector = insp_cursor_be32(c);
        sum->records = insp_cursor_be32(c);
        sum->packets = insp_cursor_be64(c);
        sum->bytes = insp_cursor_be64(c);
        by_sums += sum->records;
    }
    return !c->failed && by_runs == h->n_records && by_sums == h->n_records;
}

static bool
parse_value(struct insp_cursor *c, struct insp_spool_head *h)
{
    uint8_t kind = insp_cursor_u8(c);

    (void) insp_cursor_u8(c);
    h->body_size = insp_cursor_be32(c);
    h->body_crc = insp_cursor_be32(c);
    if (h->body_size > INSP_SPOOL_BODY_MAX) {
        return false;
    }
    if (kind == INSP_SPOOL_SEGMENT) {
        h->kind = INSP_SPOOL_SEGMENT;
        h->number = insp_cursor_be64(c);
        h->incarnation = insp_cursor_be32(c);
        h->made_ns = insp_cursor_be64(c);
        parse_short_text(c, h->sensor);
        parse_short_text(c, h->uplink);
        return !c->failed;
    }
    h->kind = INSP_SPOOL_BLOCK;
    return kind == INSP_SPOOL_BLOCK && parse_block(c, h);
}

enum insp_spool_parsed
insp_spool_head_parse(const void *bytes, size_t n, struct insp_spool_head *h,
                      size_t *size)
{
    struct insp_cursor c = insp_cursor(bytes, n), value;
    uint16_t version = insp_cursor_be16(&c);
    const uint8_t *start = bytes;

    *size = insp_cursor_be16(&c);
    if (c.failed) {
        return INSP_SPOOL_PART;
    } else if (version != INSP_IPFIX_VERSION || *size < SMALLEST_HEAD ||
               *size > INSP_SPOOL_HEAD_MAX) {
        return INSP_SPOOL_DAMAGED;
    } else if (*size > n) {
        return INSP_SPOOL_PART;
    }
    value = insp_cursor(start, *size - CRC_SIZE);
    insp_cursor_skip(&value, VALUE_OFFSET);
    if (memcmp(start + MARK_OFFSET, mark, sizeof mark) ||
        insp_cursor_be32(&value) != MAGIC ||
        insp_be32(start + *size - CRC_SIZE) !=
            insp_crc32c(0, start, *size - CRC_SIZE)) {
        return INSP_SPOOL_DAMAGED;
    }
    if (insp_cursor_be16(&value) != INSP_SPOOL_VERSION) {
        return INSP_SPOOL_ALIEN;
    }
    return parse_value(&value, h) && !insp_cursor_left(&value)
               ? INSP_SPOOL_WHOLE
               : INSP_SPOOL_DAMAGED;
}

bool
insp_spool_head_find(const uint8_t *bytes, size_t n, size_t *at)
{
    for (size_t i = *at; i + MARK_OFFSET + MARK_SIZE <= n; i++) {
        if (bytes[i + MARK_OFFSET + 3] == mark[3] &&
            !memcmp(bytes + i + MARK_OFFSET, mark, sizeof mark)) {
            *at = i;
            return true;
        }
    }
    return false;
}
