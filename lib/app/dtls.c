/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A datagram that begins with a record of the handshake in epoch 0, which
 * begins with a hello, is of DTLS (RFC 6347 section 4.1, RFC 9147 section 4).
 * So is one of records of data that fill it, when the dialog is met in its
 * middle.
 *
 * What is read is what tls.c reads, and its records are those of TLS; but a
 * message comes in fragments, each in one record, in any order:
 *
 *     type | length (3) | message's number (2) | offset (3) | size (3) | bytes
 *
 * A message in one fragment is read where it is.  Otherwise one message a side
 * is put together at a time: a ServerHello before a Certificate, and the later
 * of two hellos of a client.  What is left out for it comes again, if it was
 * needed: fragments are sent again until they are answered.
 *
 * A HelloVerifyRequest is passed over; the second hello that follows it says
 * the same as the first.
 */

#include "app/hello.h"

enum {
    RECORD_HEAD = 13,
    FRAGMENT_HEAD = 12,
    RECORDS_MAX = 16,   /* Read of one datagram, */
    FRAGMENTS_MAX = 16, /* and of one record. */
    LENGTH_MAX = 65536, /* Of a message. */
};

struct state {
    struct {
        uint32_t length;
        uint16_t number;
        uint8_t type; /* 0: no message is being put together. */
    } part[2];
    bool has_client; /* Hello. */
    bool has_server;
    bool has_certificate;
    uint8_t session_size; /* Offered by the client. */
    uint8_t session[32];
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state fits");

struct record {
    uint8_t type;
    uint16_t epoch;
    struct insp_cursor content;
};

/* A record with its whole head; false: there is none. */
static bool
next_record(struct insp_cursor *c, struct record *record)
{
    uint8_t minor;

    record->type = insp_cursor_u8(c);
    if (insp_cursor_u8(c) != 0xfe) {
        return false;
    }
    minor = insp_cursor_u8(c);
    record->epoch = insp_cursor_be16(c);
    insp_cursor_skip(c, 6); /* Sequence number. */
    record->content = insp_cursor_sub(c, insp_cursor_be16(c));
    return !c->failed && (minor == 0xff || minor == 0xfd);
}

struct fragment {
    uint8_t type;
    uint16_t number;
    uint32_t length; /* Of the message. */
    uint32_t offset;
    uint32_t size;
    const uint8_t *bytes;
};

static uint32_t
cursor_be24(struct insp_cursor *c)
{
    uint32_t high = insp_cursor_u8(c);

    return high << 16 | insp_cursor_be16(c);
}

static bool
next_fragment(struct insp_cursor *c, struct fragment *f)
{
    f->type = insp_cursor_u8(c);
    f->length = cursor_be24(c);
    f->number = insp_cursor_be16(c);
    f->offset = cursor_be24(c);
    f->size = cursor_be24(c);
    f->bytes = insp_cursor_take(c, f->size);
    return f->bytes && f->length <= LENGTH_MAX && f->offset <= f->length &&
           f->size <= f->length - f->offset;
}

/* ------------------------------------------------------------------------ */
/* Detection. */

static enum insp_guess
detect_data(struct record record, struct insp_cursor rest)
{
    bool is_good = true;

    for (int i = 0; is_good && i < RECORDS_MAX; i++) {
        is_good = record.type >= INSP_TLS_CHANGE_CIPHER &&
                  record.type <= INSP_TLS_DATA + 2 && record.epoch &&
                  insp_cursor_left(&record.content) > 16;
        if (!is_good || !insp_cursor_left(&rest)) {
            break;
        }
        is_good = next_record(&rest, &record);
    }
    return is_good ? INSP_GUESS_YES : INSP_GUESS_NO;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct record record;
    struct fragment f;

    if (r->is_stream || !next_record(&c, &record)) {
        return INSP_GUESS_NO;
    }
    if (record.epoch) {
        return detect_data(record, c);
    }
    if (record.type != INSP_TLS_HANDSHAKE ||
        !next_fragment(&record.content, &f) ||
        f.type < INSP_TLS_CLIENT_HELLO || f.type > INSP_TLS_HELLO_VERIFY ||
        (f.type != INSP_TLS_HELLO_VERIFY && f.length < 36)) {
        return INSP_GUESS_NO;
    }
    return INSP_GUESS_YES;
}

/* ------------------------------------------------------------------------ */
/* Messages. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_TLS, 0);

    return e ? e : insp_event_begin(r, INSP_APP_TLS, 0);
}

static void
finish(struct insp_reading *r)
{
    insp_event_end(r, insp_event_find(r, INSP_APP_TLS, 0));
    insp_reading_stop(r);
}

static void
read_client_hello(struct insp_reading *r, struct state *s, const uint8_t *body,
                  size_t size)
{
    struct insp_tls_hello h;

    if (!insp_tls_client(&h, body, size, true)) {
        return;
    }
    s->has_client = true;
    s->session_size = (uint8_t) insp_cursor_left(&h.session);
    if (s->session_size) {
        memcpy(s->session, h.session.at, s->session_size);
    }
    insp_tls_put_client(r, event_of(r), &insp_tls_rows_tls, &h, 'd');
    insp_reading_stop_side(r);
}

static void
read_server_hello(struct insp_reading *r, struct state *s, const uint8_t *body,
                  size_t size)
{
    struct insp_tls_hello h;
    size_t session;

    if (!insp_tls_server(&h, body, size, true) || h.is_retry) {
        return;
    }
    s->has_server = true;
    session = insp_cursor_left(&h.session);
    if (!insp_tls_is_13(h.best)) {
        h.resumed = session && session == s->session_size &&
                    !memcmp(h.session.at, s->session, session);
    }
    insp_tls_put_server(event_of(r), &insp_tls_rows_tls, &h);
    if (insp_tls_is_13(h.best) || h.resumed || s->has_certificate) {
        finish(r);
    }
}

/* Also of the first bytes of the message: the leaf is enough. */
static bool
read_certificate(struct insp_reading *r, struct state *s, const uint8_t *body,
                 size_t size)
{
    struct insp_cursor leaf = insp_tls_leaf(body, size);

    if (!insp_cursor_left(&leaf)) {
        return false;
    }
    insp_event_bytes(event_of(r), INSP_FIELD_TLS_RAW_CERTIFICATE, leaf.at,
                     insp_cursor_left(&leaf));
    s->has_certificate = true;
    return true;
}

/* Whether a message of that type is still of interest. */
static bool
is_wanted(const struct state *s, uint8_t type)
{
    switch (type) {
    case INSP_TLS_CLIENT_HELLO: return !s->has_client;
    case INSP_TLS_SERVER_HELLO: return !s->has_server;
    case INSP_TLS_CERTIFICATE: return !s->has_certificate;
    default: return false;
    }
}

/* 'body' is the whole of it, or the beginning. */
static bool
read_body(struct insp_reading *r, struct state *s, uint8_t type,
          const uint8_t *body, size_t size, size_t length)
{
    if (type == INSP_TLS_CERTIFICATE) {
        bool is_read = read_certificate(r, s, body, INSP_MIN(size, length));

        if ((is_read || size >= length) && s->has_server) {
            finish(r);
        }
        return is_read || size >= length;
    }
    if (size < length) {
        return false;
    }
    if (type == INSP_TLS_CLIENT_HELLO) {
        read_client_hello(r, s, body, length);
    } else {
        read_server_hello(r, s, body, length);
    }
    return true;
}

/* Whether this fragment's message is the one that is put together on its side:
 * it begins one when there is none, or when it goes before that one. */
static bool
has_place(struct insp_reading *r, struct state *s, const struct fragment *f)
{
    uint8_t type = s->part[r->side].type;

    if (type == f->type && s->part[r->side].number == f->number &&
        s->part[r->side].length == f->length) {
        return true;
    }
    if (f->length > INSP_READER_WINDOW && f->type != INSP_TLS_CERTIFICATE) {
        return false;
    }
    if (type && (f->type > type ||
                 (f->type == type && f->number <= s->part[r->side].number))) {
        return false;
    }
    insp_reading_forget(r);
    s->part[r->side].type = f->type;
    s->part[r->side].number = f->number;
    s->part[r->side].length = f->length;
    return true;
}

static void
read_fragment(struct insp_reading *r, struct state *s,
              const struct fragment *f)
{
    struct insp_assembly whole;

    if (!is_wanted(s, f->type)) {
        /* Behind a ServerHello: an answer without a certificate, or with one
         * that was not understood. */
        if (s->has_server && f->type > INSP_TLS_HELLO_VERIFY) {
            if (f->type == INSP_TLS_SESSION_TICKET) {
                insp_event_uint(event_of(r), INSP_FIELD_TLS_RESUMED, 1);
            }
            /* A Certificate that is on its way in parts comes before the rest
             * of its flight. */
            if (s->part[r->side].type != INSP_TLS_CERTIFICATE) {
                finish(r);
            }
        }
        return;
    }
    if (f->size == f->length) {
        (void) read_body(r, s, f->type, f->bytes, f->size, f->length);
        return;
    }
    if (!has_place(r, s, f) ||
        !insp_reading_assemble(r, f->offset, f->bytes, f->size, &whole)) {
        return;
    }
    if (read_body(r, s, f->type, whole.bytes, whole.size, f->length)) {
        insp_reading_forget(r);
        s->part[r->side].type = 0;
    } else {
        insp_reading_keep(r, &whole);
    }
}

/* ------------------------------------------------------------------------ */

static void
read_record(struct insp_reading *r, struct state *s, struct record *record)
{
    struct fragment f;

    switch (record->type) {
    case INSP_TLS_HANDSHAKE:
        for (int i = 0; i < FRAGMENTS_MAX && !r->stop && !r->stop_side &&
                        insp_cursor_left(&record->content);
             i++) {
            if (!next_fragment(&record->content, &f)) {
                return;
            }
            read_fragment(r, s, &f);
        }
        break;
    case INSP_TLS_ALERT: {
        uint8_t level = insp_cursor_u8(&record->content);
        uint8_t what = insp_cursor_u8(&record->content);

        if (!record->content.failed && level == INSP_TLS_FATAL) {
            insp_event_uint(event_of(r), INSP_FIELD_TLS_ALERT, what);
            finish(r);
        }
        break;
    }
    case INSP_TLS_CHANGE_CIPHER:
        if (s->has_server) {
            if (!s->part[r->side].type) {
                insp_event_uint(event_of(r), INSP_FIELD_TLS_RESUMED, 1);
            }
            finish(r);
        }
        break;
    default: break;
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct state *s = r->state;
    struct record record;

    for (int i = 0; i < RECORDS_MAX && next_record(&c, &record); i++) {
        if (record.epoch) {
            /* Encrypted: the handshake is over, or was never seen. */
            finish(r);
            break;
        }
        read_record(r, s, &record);
        if (r->stop || r->stop_side) {
            break;
        }
    }
    return r->size;
}

const struct insp_reader insp_reader_dtls = {
    .detect = detect,
    .read = read_bytes,
};
