/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * RFC 5905, section 7.3: 48 bytes, then extensions and a digest.  An answer
 * (mode 4) repeats the time at which the question (mode 3) was sent: that is
 * how both are told to be one transaction.  Peers and broadcasts are a record
 * each.
 *
 * Control messages (mode 6, RFC 9327; mode 7, of the reference implementation
 * alone) are known by their sequence; one question may have many answers, of
 * which the first ends the record and the others are passed by.
 *
 * The first byte is all the magic there is, so the port must agree with it.
 */

#include "app/event.h"
#include "app/text.h"

#define PORT         123
#define HEAD_SIZE    48
#define CONTROL_SIZE 12
#define PRIVATE_SIZE 8

enum {
    MODE_CLIENT = 3,
    MODE_SERVER = 4,
    MODE_CONTROL = 6,
    MODE_PRIVATE = 7,
};

static unsigned int
mode_of(const uint8_t *bytes)
{
    return bytes[0] & 7;
}

/* Poll is an exponent from 4 to 17, precision a negative one; both are sent as
 * 0 by simple clients. */
static bool
is_time(const uint8_t *b, size_t size)
{
    unsigned int version = b[0] >> 3 & 7;

    return size >= HEAD_SIZE && size % 4 == 0 && version >= 1 &&
           version <= 4 && b[1] <= 16 && (b[2] <= 17 || b[2] >= 0xf8) &&
           (!b[3] || b[3] >= 0xc0 || mode_of(b) == MODE_CLIENT);
}

/* Mode 6 has as many bytes as it says behind its head, mode 7 as many items of
 * as many bytes, of one of the implementations 0, 2 and 3. */
static bool
is_control(const uint8_t *b, size_t size)
{
    unsigned int version = b[0] >> 3 & 7;
    size_t n_items, item;

    if (!version || version > 4) {
        return false;
    }
    if (mode_of(b) == MODE_CONTROL) {
        return size >= CONTROL_SIZE && !(b[0] & 0xc0) &&
               CONTROL_SIZE + (size_t) insp_be16(b + 10) <= size;
    }
    n_items = insp_be16(b + 4) & 0xfff;
    item = insp_be16(b + 6) & 0xfff;
    return (!b[2] || b[2] == 2 || b[2] == 3) &&
           PRIVATE_SIZE + n_items * item <= size;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    bool is;

    if (r->proto != 17 || r->size < PRIVATE_SIZE ||
        (r->port[0] != PORT && r->port[1] != PORT)) {
        return INSP_GUESS_NO;
    }
    switch (mode_of(r->bytes)) {
    case 0: is = false; break;
    case MODE_CONTROL:
    case MODE_PRIVATE: is = is_control(r->bytes, r->size); break;
    default: is = is_time(r->bytes, r->size); break;
    }
    return is ? INSP_GUESS_YES : INSP_GUESS_NO;
}

/* RFC 5905, section 7.3: four letters of a clock or, of stratum 0, of a
 * refusal; else an address, or a part of the digest of one. */
static void
put_reference(struct insp_event *e, uint8_t stratum, const uint8_t *id)
{
    char text[16];
    struct insp_put p = insp_put(text, sizeof text);

    if (!insp_be32(id)) {
        return;
    }
    if (stratum > 1) {
        insp_text_ip4(&p, id);
    } else {
        for (int i = 0; i < 4 && id[i]; i++) {
            insp_put_u8(&p, id[i]);
        }
    }
    insp_event_bytes(e, INSP_FIELD_NTP_REFERENCE, text, insp_put_size(&p));
}

static struct insp_event *
begin(struct insp_reading *r, uint32_t tag)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_NTP, tag);

    insp_event_uint(e, INSP_FIELD_NTP_VERSION, r->bytes[0] >> 3 & 7);
    insp_event_uint(e, INSP_FIELD_NTP_MODE, mode_of(r->bytes));
    return e;
}

/* Of the time at 'at'. */
static uint32_t
tag_of(const struct insp_reading *r, size_t at)
{
    return insp_be32(r->bytes + at) * 31 ^ insp_be32(r->bytes + at + 4);
}

static void
read_time(struct insp_reading *r)
{
    unsigned int mode = mode_of(r->bytes);
    struct insp_event *e = NULL;

    if (mode == MODE_CLIENT) {
        uint32_t tag = tag_of(r, 40); /* When it was sent. */

        if (!insp_event_find(r, INSP_APP_NTP, tag)) {
            (void) begin(r, tag);
        }
        return;
    }
    if (mode == MODE_SERVER) {
        e = insp_event_find(r, INSP_APP_NTP, tag_of(r, 24));
    }
    if (e) {
        insp_event_uint(e, INSP_FIELD_NTP_LATENCY, insp_event_age_us(r, e));
    } else {
        e = begin(r, 0);
    }
    insp_event_uint(e, INSP_FIELD_NTP_STRATUM, r->bytes[1]);
    put_reference(e, r->bytes[1], r->bytes + 12);
    insp_event_end(r, e);
}

/* Mode 6: response, error, more, operation; sequence.  Mode 7: response and
 * more are in the first byte; sequence, implementation, request. */
static void
read_control(struct insp_reading *r)
{
    const uint8_t *b = r->bytes;
    bool is_private = mode_of(b) == MODE_PRIVATE;
    bool is_answer = (is_private ? b[0] : b[1]) & 0x80;
    uint8_t opcode = is_private ? b[3] : b[1] & 31;
    uint32_t tag =
        is_private ? 0x70000000U | opcode : 0x60000000U | insp_be16(b + 2);
    struct insp_event *e = insp_event_find(r, INSP_APP_NTP, tag);

    if (is_answer && e) {
        insp_event_uint(e, INSP_FIELD_NTP_LATENCY, insp_event_age_us(r, e));
        insp_event_end(r, e);
    } else if (!is_answer && !e) {
        e = begin(r, tag);
        insp_event_uint(e, INSP_FIELD_NTP_OPCODE, opcode);
    }
}

static size_t
read_datagram(struct insp_reading *r)
{
    if (detect(r) == INSP_GUESS_YES) {
        if (mode_of(r->bytes) >= MODE_CONTROL) {
            read_control(r);
        } else {
            read_time(r);
        }
    }
    return r->size;
}

const struct insp_reader insp_reader_ntp = {
    .detect = detect,
    .read = read_datagram,
};
