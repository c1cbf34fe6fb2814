/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A frame is a header of 8 bytes and a body, every number big-endian:
 *
 *      0     1     2           4                       8
 *     +-----+-----+-----------+-----------------------+------ ...
 *     |type |  0  |     0     |  bytes of the body    |  body
 *     +-----+-----+-----------+-----------------------+------ ...
 *
 * The zeros are checked, so that an alien stream is told from a frame by its
 * first bytes: IPFIX begins with 0, JSON with '{', TLS and HTTP with letters
 * or numbers above the last type.  A body ends where its last member does;
 * what stands behind is a fault, for later versions have a HELLO to ask.
 */

#include "export/frame.h"

#include "base/utf8.h"

static const char *
take_end(const struct insp_cursor *c)
{
    return c->failed             ? "a frame is shorter than what it holds"
           : insp_cursor_left(c) ? "a frame is longer than what it holds"
                                 : NULL;
}

/* All of 'from' as text: no control characters, whole UTF-8.  False when that
 * took a change. */
static bool
take_text(struct insp_cursor *from, char *to, size_t size)
{
    bool good = true;
    size_t n = 0;

    while (insp_cursor_left(from)) {
        size_t length = insp_utf8_size(from->at, from->end);
        size_t bytes = length ? length : 1;

        if (n + bytes >= size) {
            good = false;
            break;
        } else if (!length || *from->at < ' ' || *from->at == 0x7f) {
            to[n++] = '?';
            good = false;
        } else {
            memcpy(to + n, from->at, length);
            n += length;
        }
        insp_cursor_skip(from, bytes);
    }
    to[n] = '\0';
    return good;
}

static bool
take_name(struct insp_cursor *c, char to[INSP_FRAME_NAME_SIZE])
{
    struct insp_cursor name = insp_cursor_sub(c, insp_cursor_u8(c));

    return take_text(&name, to, INSP_FRAME_NAME_SIZE) && to[0];
}

static const char *
read_hello(struct insp_cursor *c, struct insp_frame_hello *h)
{
    uint8_t format;

    h->version = insp_cursor_be16(c);
    if (!c->failed && h->version != INSP_FRAME_VERSION) {
        return "a HELLO of a version that is not ours (1)";
    }
    format = insp_cursor_u8(c);
    if (format > INSP_FRAME_JSON || insp_cursor_u8(c)) {
        return "a HELLO with a format that is neither IPFIX (0) nor JSON (1)";
    }
    h->format = (enum insp_frame_format) format;
    h->incarnation = insp_cursor_be32(c);
    h->next = insp_cursor_be64(c);
    if (!take_name(c, h->sensor) && !c->failed) {
        return "a HELLO whose sensor's name is no text";
    } else if (!take_name(c, h->uplink) && !c->failed) {
        return "a HELLO whose uplink's name is no text";
    } else if (!c->failed && !h->next) {
        return "a HELLO with record number 0";
    }
    return take_end(c);
}

static const char *
read_welcome(struct insp_cursor *c, struct insp_frame_welcome *w)
{
    w->version = insp_cursor_be16(c);
    insp_cursor_skip(c, 2);
    w->credit = insp_cursor_be32(c);
    if (!c->failed && w->version != INSP_FRAME_VERSION) {
        return "a WELCOME of a version that is not ours (1)";
    }
    return take_end(c);
}

static const char *
check_run(const struct insp_frame_run *run)
{
    if (!run->first || !run->count) {
        return "a run of records without a beginning, or without any";
    } else if (run->first > UINT64_MAX - run->count) {
        return "a run of records beyond the last number";
    }
    return NULL;
}

static const char *
read_message(struct insp_cursor *c, struct insp_frame_message *m)
{
    m->run.incarnation = insp_cursor_be32(c);
    m->run.count = insp_cursor_be32(c);
    m->run.first = insp_cursor_be64(c);
    m->floor = insp_cursor_be64(c);
    m->size = insp_cursor_left(c);
    m->bytes = c->at;
    if (c->failed) {
        return take_end(c);
    } else if (!m->run.count) {
        return NULL;
    } else if (m->run.count > m->size) {
        return "a message of more records than bytes";
    } else if (m->floor > m->run.first) {
        return "a message below its own floor";
    }
    return check_run(&m->run);
}

/* An ACK has a count of 32 bits before the number, a LOST one of 64 behind
 * it: what is acknowledged was in memory, what is lost may be a day's. */
static const char *
read_ack(struct insp_cursor *c, struct insp_frame_run *run)
{
    run->incarnation = insp_cursor_be32(c);
    run->count = insp_cursor_be32(c);
    run->first = insp_cursor_be64(c);
    return take_end(c) ? take_end(c) : check_run(run);
}

static const char *
read_lost(struct insp_cursor *c, struct insp_frame_run *run)
{
    run->incarnation = insp_cursor_be32(c);
    insp_cursor_skip(c, 4);
    run->first = insp_cursor_be64(c);
    run->count = insp_cursor_be64(c);
    return take_end(c) ? take_end(c) : check_run(run);
}

enum insp_frame_extent
insp_frame_extent(const void *bytes, size_t n, size_t *size)
{
    struct insp_cursor c = insp_cursor(bytes, n);
    uint8_t type = insp_cursor_u8(&c);
    uint8_t zero = insp_cursor_u8(&c);
    uint16_t zeros = insp_cursor_be16(&c);
    uint32_t body = insp_cursor_be32(&c);

    /* What is not there yet reads as zero, which fits. */
    if ((n && (type < INSP_FRAME_HELLO || type > INSP_FRAME_LOST)) || zero ||
        zeros || body > INSP_FRAME_BODY_MAX) {
        return INSP_FRAME_ALIEN;
    }
    *size = INSP_FRAME_HEADER_SIZE + (size_t) body;
    return c.failed || n < *size ? INSP_FRAME_PART : INSP_FRAME_WHOLE;
}

const char *
insp_frame_read(const void *bytes, size_t size,
                struct insp_uplink_frame *frame)
{
    struct insp_cursor c = insp_cursor(bytes, size);
    size_t whole;

    if (insp_frame_extent(bytes, size, &whole) != INSP_FRAME_WHOLE ||
        whole != size) {
        return "no frame";
    }
    frame->type = (enum insp_frame_type) insp_cursor_u8(&c);
    insp_cursor_skip(&c, INSP_FRAME_HEADER_SIZE - 1);
    switch (frame->type) {
    case INSP_FRAME_HELLO: return read_hello(&c, &frame->hello);
    case INSP_FRAME_WELCOME: return read_welcome(&c, &frame->welcome);
    case INSP_FRAME_MESSAGE: return read_message(&c, &frame->message);
    case INSP_FRAME_ACK: return read_ack(&c, &frame->ack);
    case INSP_FRAME_LOST: return read_lost(&c, &frame->lost);
    case INSP_FRAME_CLOSE:
        /* Whatever it says, it is over. */
        (void) take_text(&c, frame->why, sizeof frame->why);
        return NULL;
    }
    return "no frame";
}

/* Writing. */

static void
put_header(struct insp_put *p, enum insp_frame_type type, size_t body)
{
    insp_put_be32(p, (uint32_t) type << 24);
    insp_put_be32(p, (uint32_t) body);
}

/* All of a frame, or nothing of it. */
static bool
has_room(struct insp_put *p, size_t body)
{
    p->full |= insp_put_left(p) < INSP_FRAME_HEADER_SIZE + body;
    return !p->full;
}

static size_t
name_size(const char *name)
{
    return strnlen(name, INSP_FRAME_NAME_SIZE - 1);
}

static void
put_name(struct insp_put *p, const char *name)
{
    insp_put_u8(p, (uint8_t) name_size(name));
    insp_put_bytes(p, name, name_size(name));
}

void
insp_frame_put_hello(struct insp_put *p, const struct insp_frame_hello *h)
{
    size_t body = 18 + name_size(h->sensor) + name_size(h->uplink);

    if (has_room(p, body)) {
        put_header(p, INSP_FRAME_HELLO, body);
        insp_put_be16(p, h->version);
        insp_put_be16(p, (uint16_t) (h->format << 8));
        insp_put_be32(p, h->incarnation);
        insp_put_be64(p, h->next);
        put_name(p, h->sensor);
        put_name(p, h->uplink);
    }
}

void
insp_frame_put_welcome(struct insp_put *p, const struct insp_frame_welcome *w)
{
    if (has_room(p, 8)) {
        put_header(p, INSP_FRAME_WELCOME, 8);
        insp_put_be16(p, w->version);
        insp_put_be16(p, 0);
        insp_put_be32(p, w->credit);
    }
}

void
insp_frame_put_ack(struct insp_put *p, const struct insp_frame_run *run)
{
    if (has_room(p, 16)) {
        put_header(p, INSP_FRAME_ACK, 16);
        insp_put_be32(p, run->incarnation);
        insp_put_be32(p, (uint32_t) run->count);
        insp_put_be64(p, run->first);
    }
}

void
insp_frame_put_lost(struct insp_put *p, const struct insp_frame_run *run)
{
    if (has_room(p, 24)) {
        put_header(p, INSP_FRAME_LOST, 24);
        insp_put_be32(p, run->incarnation);
        insp_put_be32(p, 0);
        insp_put_be64(p, run->first);
        insp_put_be64(p, run->count);
    }
}

void
insp_frame_put_close(struct insp_put *p, const char *why)
{
    size_t size = strnlen(why, INSP_FRAME_WHY_SIZE - 1);

    if (has_room(p, size)) {
        put_header(p, INSP_FRAME_CLOSE, size);
        insp_put_bytes(p, why, size);
    }
}

size_t
insp_frame_begin_message(struct insp_put *p)
{
    size_t begun = insp_put_size(p);

    insp_put_reserve(p, INSP_FRAME_MESSAGE_SIZE);
    return begun;
}

void
insp_frame_end_message(struct insp_put *p, size_t begun,
                       const struct insp_frame_message *m)
{
    struct insp_put head = insp_put(p->start + begun, INSP_FRAME_MESSAGE_SIZE);

    if (!p->full) {
        put_header(&head, INSP_FRAME_MESSAGE,
                   insp_put_size(p) - begun - INSP_FRAME_HEADER_SIZE);
        insp_put_be32(&head, m->run.incarnation);
        insp_put_be32(&head, (uint32_t) m->run.count);
        insp_put_be64(&head, m->run.first);
        insp_put_be64(&head, m->floor);
    }
}
