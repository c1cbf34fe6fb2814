/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A connection that begins with a record of the handshake, which begins with a
 * hello, speaks TLS (RFC 8446 section 5.1, RFC 5246 section 6.2).  So does one
 * that begins with a hello in the form of SSL 2 (RFC 5246, appendix E.2), and
 * one that is met in its middle and begins with a record of data.
 *
 *     client: ClientHello           --> event begins, side is done
 *     server: HelloRetryRequest         (passed over)
 *             ServerHello           --> 1.3: event ends
 *             Certificate           --> event ends
 *             anything else         --> event ends; a ticket or
 *                                       ChangeCipherSpec: session resumed
 *             fatal alert           --> event ends
 *
 * Messages and records are cut independently of each other.  A message that
 * lies in one record is read where it is; one that does not is put together on
 * the stack once all of it has come.  The rest of a record whose first
 * messages are read is remembered as 'left' of its side.
 *
 * Of a client's hello that is longer than what may be waited for, and does not
 * come in one segment, the first HELLO_CUT bytes are read, for the name; what
 * is computed of all its extensions (JA3, JA4) is left out then.  A
 * certificate that is longer is left out.
 */

#include "app/hello.h"

enum {
    RECORD_HEAD = 5,
    RECORD_MAX = 16384 + 256, /* RFC 8446, section 5.2. */
    MESSAGE_HEAD = 4,
    RECORDS_MAX = 64, /* That one message may be cut into. */
    HELLO_CUT = INSP_READER_WAIT - MESSAGE_HEAD - RECORDS_MAX * RECORD_HEAD,
    SSL2_HEAD = 11,
    SSL2_SERVER_HELLO = 4,
    SSL2_CIPHERS = 128,
};

struct state {
    uint16_t left[2]; /* Of the record of the handshake that the
                       * shown bytes lie in. */
    uint16_t version; /* That was chosen. */
    bool has_client;  /* Hello. */
    bool has_server;
    bool is_ssl2;
    uint8_t session_size; /* Offered by the client. */
    uint8_t session[32];
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state fits");

/* ------------------------------------------------------------------------ */
/* Detection. */

/* Whether the next byte is there and is not in [low, high]. */
static bool
differs(struct insp_cursor *c, uint8_t low, uint8_t high)
{
    uint8_t byte = insp_cursor_u8(c);

    return !c->failed && (byte < low || byte > high);
}

/* A message whose head is cut: the next record must follow. */
static enum insp_guess
detect_pieces(struct insp_cursor c, size_t size)
{
    if (differs(&c, INSP_TLS_CLIENT_HELLO, INSP_TLS_SERVER_HELLO)) {
        return INSP_GUESS_NO;
    }
    insp_cursor_skip(&c, size - 1);
    if (differs(&c, INSP_TLS_HANDSHAKE, INSP_TLS_HANDSHAKE) ||
        differs(&c, 3, 3)) {
        return INSP_GUESS_NO;
    }
    return c.failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

static enum insp_guess
detect_hello(struct insp_cursor c, size_t size)
{
    uint16_t length;
    uint8_t type, major;

    if (size < MESSAGE_HEAD + 2) {
        return detect_pieces(c, size);
    }
    type = insp_cursor_u8(&c);
    if (!c.failed && type != INSP_TLS_CLIENT_HELLO &&
        type != INSP_TLS_SERVER_HELLO) {
        return INSP_GUESS_NO;
    }
    if (differs(&c, 0, 0)) {
        return INSP_GUESS_NO;
    }
    length = insp_cursor_be16(&c);
    major = insp_cursor_u8(&c);
    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    if (length < 36 ||
        (major != 3 && (major != 0x7f || type != INSP_TLS_SERVER_HELLO))) {
        return INSP_GUESS_NO;
    }
    return INSP_GUESS_YES;
}

static enum insp_guess
detect_record(struct insp_cursor c)
{
    uint8_t type = insp_cursor_u8(&c);
    uint16_t size;

    if ((!c.failed && (type < INSP_TLS_ALERT || type > INSP_TLS_DATA)) ||
        differs(&c, 3, 3) || differs(&c, 0, 4)) {
        return INSP_GUESS_NO;
    }
    size = insp_cursor_be16(&c);
    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    if (!size || size > RECORD_MAX) {
        return INSP_GUESS_NO;
    }
    switch (type) {
    case INSP_TLS_HANDSHAKE: return detect_hello(c, size);
    case INSP_TLS_ALERT:
        if (size != 2 || differs(&c, 1, INSP_TLS_FATAL)) {
            return INSP_GUESS_NO;
        }
        return c.failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
    default:
        /* The least that a cipher with authentication makes of a byte. */
        return size > 16 ? INSP_GUESS_YES : INSP_GUESS_NO;
    }
}

/* RFC 6101, appendix E.1: lengths that must sum up make it certain. */
static enum insp_guess
detect_ssl2(struct insp_cursor c)
{
    uint8_t first = insp_cursor_u8(&c), size = insp_cursor_u8(&c);
    uint16_t version, ciphers, session, challenge;

    if (differs(&c, INSP_TLS_CLIENT_HELLO, INSP_TLS_CLIENT_HELLO)) {
        return INSP_GUESS_NO;
    }
    version = insp_cursor_be16(&c);
    ciphers = insp_cursor_be16(&c);
    session = insp_cursor_be16(&c);
    challenge = insp_cursor_be16(&c);
    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    if ((version != 2 && (version < 0x0300 || version > 0x0304)) || !ciphers ||
        ciphers % 3 || session > 32 || challenge < 16 || challenge > 32 ||
        ((size_t) (first & 0x7f) << 8 | size) !=
            SSL2_HEAD - 2u + ciphers + session + challenge) {
        return INSP_GUESS_NO;
    }
    return INSP_GUESS_YES;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size), first = c;

    if (!r->is_stream) {
        return INSP_GUESS_NO;
    }
    return insp_cursor_u8(&first) & 0x80 ? detect_ssl2(c) : detect_record(c);
}

/* ------------------------------------------------------------------------ */
/* Messages out of records. */

enum step {
    GOT,
    MORE, /* Bytes are missing. */
    STOP, /* What follows is not read. */
};

/* In what is shown: a byte, and how much of its record of the handshake
 * begins with it; 0: a record begins. */
struct place {
    struct insp_cursor c;
    size_t left;
};

/* Goes into the record that begins here, which must be one of the
 * handshake. */
static enum step
enter_record(struct place *p)
{
    uint8_t type = insp_cursor_u8(&p->c), major = insp_cursor_u8(&p->c);

    insp_cursor_skip(&p->c, 1);
    p->left = insp_cursor_be16(&p->c);
    if (p->c.failed) {
        return MORE;
    }
    return type == INSP_TLS_HANDSHAKE && major == 3 && p->left &&
                   p->left <= RECORD_MAX
               ? GOT
               : STOP;
}

/* Passes 'size' bytes of the handshake, and copies them when 'to' is not
 * NULL. */
static enum step
pass(struct place *p, size_t size, uint8_t *to)
{
    for (int n_records = 0; size;) {
        size_t n = INSP_MIN(size, p->left);
        const uint8_t *bytes = insp_cursor_take(&p->c, n);

        if (!bytes) {
            return MORE;
        }
        if (to) {
            memcpy(to, bytes, n);
            to += n;
        }
        size -= n;
        p->left -= n;
        if (size) {
            enum step step =
                n_records++ < RECORDS_MAX ? enter_record(p) : STOP;

            if (step != GOT) {
                return step;
            }
        }
    }
    return GOT;
}

/* The next 'size' bytes of the handshake, where they are or in 'room'; passes
 * them when they have all come. */
static enum step
take(struct place *p, size_t size, uint8_t *room, const uint8_t **bytes)
{
    struct place from = *p;
    enum step step = from.left ? GOT : enter_record(&from);

    if (step != GOT) {
        return step;
    }
    *p = from;
    step = pass(p, size, NULL);
    *bytes = from.c.at;
    if (step == GOT && size > from.left) {
        *bytes = room;
        (void) pass(&from, size, room);
    }
    return step;
}

/* Whether no more bytes of the message that begins here will be shown, until
 * some are done with. */
static bool
is_full(const struct place *p)
{
    return insp_cursor_left(&p->c) + MESSAGE_HEAD >= INSP_READER_WAIT;
}

/* ------------------------------------------------------------------------ */
/* What they say. */

/* The record of the handshake, whoever of both has begun it. */
static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_TLS, 0);

    return e ? e : insp_event_begin(r, INSP_APP_TLS, 0);
}

static enum step
finish(struct insp_reading *r)
{
    insp_event_end(r, insp_event_find(r, INSP_APP_TLS, 0));
    return STOP;
}

static void
client_said(struct insp_reading *r, struct state *s,
            const struct insp_tls_hello *h, bool is_cut)
{
    struct insp_tls_rows rows = insp_tls_rows_tls;

    if (is_cut) {
        rows.client = rows.ciphers = rows.extensions = rows.groups =
            rows.points = rows.signatures = INSP_N_APP_FIELDS;
    }
    s->has_client = true;
    s->session_size = (uint8_t) insp_cursor_left(&h->session);
    if (s->session_size) {
        memcpy(s->session, h->session.at, s->session_size);
    }
    insp_tls_put_client(r, event_of(r), &rows, h, 't');
}

static enum step
read_client_hello(struct insp_reading *r, struct state *s, const uint8_t *body,
                  size_t size, bool is_cut)
{
    struct insp_tls_hello h;

    if (!s->has_client) {
        if (!insp_tls_client(&h, body, size, false)) {
            return STOP;
        }
        client_said(r, s, &h, is_cut);
    }
    insp_reading_stop_side(r);
    return GOT;
}

static enum step
read_server_hello(struct insp_reading *r, struct state *s, const uint8_t *body,
                  size_t size)
{
    struct insp_tls_hello h;
    size_t session;

    if (s->has_server || !insp_tls_server(&h, body, size, false)) {
        return STOP;
    }
    if (h.is_retry) {
        return GOT;
    }
    s->has_server = true;
    s->version = h.best;
    session = insp_cursor_left(&h.session);
    /* In 1.3 the session's number means nothing. */
    if (!insp_tls_is_13(h.best)) {
        h.resumed = session && session == s->session_size &&
                    !memcmp(h.session.at, s->session, session);
    }
    insp_tls_put_server(event_of(r), &insp_tls_rows_tls, &h);
    return insp_tls_is_13(h.best) || h.resumed ? finish(r) : GOT;
}

static enum step
read_hello(struct insp_reading *r, struct place *p, uint8_t type, size_t size)
{
    struct state *s = r->state;
    struct place begin = *p;
    uint8_t room[INSP_TLS_HELLO_MAX];
    const uint8_t *body;
    bool is_cut = size > sizeof room;
    enum step step = is_cut ? MORE : take(p, size, room, &body);

    if (step == MORE && is_full(&begin)) {
        is_cut = true;
        size = HELLO_CUT;
        *p = begin;
        step = take(p, size, room, &body);
    }
    if (step != GOT) {
        return step;
    }
    return type == INSP_TLS_CLIENT_HELLO
               ? read_client_hello(r, s, body, size, is_cut)
           : is_cut ? STOP
                    : read_server_hello(r, s, body, size);
}

/* Of a chain only the leaf is waited for. */
static enum step
read_certificate(struct insp_reading *r, struct place *p, size_t size)
{
    struct insp_cursor leaf;
    struct place begin = *p, head = *p;
    uint8_t room[6 + INSP_TLS_LEAF_MAX];
    const uint8_t *body;
    enum step step;
    size_t want;

    if (size < 6) {
        return finish(r);
    }
    step = take(&head, 6, room, &body);
    if (step != GOT) {
        return step;
    }
    want = 6 + ((size_t) body[3] << 16) + insp_be16(body + 4);
    if (want > size || want > sizeof room) {
        return finish(r);
    }
    step = take(p, want, room, &body);
    if (step == MORE && is_full(&begin)) {
        return finish(r);
    }
    if (step != GOT) {
        return step;
    }
    leaf = insp_tls_leaf(body, want);
    if (insp_cursor_left(&leaf)) {
        insp_event_bytes(event_of(r), INSP_FIELD_TLS_RAW_CERTIFICATE, leaf.at,
                         insp_cursor_left(&leaf));
    }
    return finish(r);
}

static enum step
read_message(struct insp_reading *r, struct state *s, struct place *p)
{
    uint8_t room[MESSAGE_HEAD];
    const uint8_t *head;
    enum step step = take(p, MESSAGE_HEAD, room, &head);
    size_t size;

    if (step != GOT) {
        return step;
    }
    size = ((size_t) head[1] << 16) + insp_be16(head + 2);
    switch (head[0]) {
    case INSP_TLS_HELLO_REQUEST: return size ? STOP : GOT;
    case INSP_TLS_CLIENT_HELLO:
    case INSP_TLS_SERVER_HELLO: return read_hello(r, p, head[0], size);
    case INSP_TLS_CERTIFICATE:
        return s->has_server ? read_certificate(r, p, size) : STOP;
    case INSP_TLS_SESSION_TICKET:
        if (s->has_server) {
            insp_event_uint(event_of(r), INSP_FIELD_TLS_RESUMED, 1);
        }
        return finish(r);
    default: return finish(r);
    }
}

static enum step
read_alert(struct insp_reading *r, struct insp_cursor c, size_t size)
{
    uint8_t level = insp_cursor_u8(&c), what = insp_cursor_u8(&c);

    if (size != 2) {
        return STOP; /* Encrypted. */
    }
    if (level == INSP_TLS_FATAL) {
        insp_event_uint(event_of(r), INSP_FIELD_TLS_ALERT, what);
        return finish(r);
    }
    return GOT;
}

/* A record that is not of the handshake, whole. */
static enum step
read_other(struct insp_reading *r, struct state *s, uint8_t type,
           struct place *p, size_t size)
{
    struct insp_cursor content;

    if (type == INSP_TLS_DATA || size > RECORD_MAX) {
        return STOP;
    }
    content = insp_cursor_sub(&p->c, size);
    if (content.failed) {
        return MORE;
    }
    if (type == INSP_TLS_ALERT) {
        return read_alert(r, content, size);
    }
    if (type != INSP_TLS_CHANGE_CIPHER) {
        return STOP;
    }
    /* Behind a HelloRetryRequest it means nothing (RFC 8446, appendix
     * D.4). */
    if (!s->has_server) {
        return GOT;
    }
    insp_event_uint(event_of(r), INSP_FIELD_TLS_RESUMED, 1);
    return finish(r);
}

/* ------------------------------------------------------------------------ */
/* SSL 2. */

static void
read_ssl2_client(struct insp_reading *r, struct state *s, struct insp_cursor c,
                 uint16_t version)
{
    struct insp_tls_hello h = { .version = version,
                                .best = version,
                                .is_ssl2 = true };
    uint8_t ciphers[2 * SSL2_CIPHERS];
    size_t n = 0, size = insp_cursor_be16(&c);

    insp_cursor_skip(&c, 4);
    c = insp_cursor_sub(&c, size);
    while (insp_cursor_left(&c) >= 3 && n < sizeof ciphers) {
        const uint8_t *cipher = insp_cursor_take(&c, 3);

        if (!cipher[0]) { /* Else one of SSL 2's own. */
            memcpy(ciphers + n, cipher + 1, 2);
            n += 2;
        }
    }
    h.ciphers = insp_cursor(ciphers, n);
    s->is_ssl2 = true;
    client_said(r, s, &h, false);
    insp_reading_stop_side(r);
}

/* A record of SSL 2: a client's hello, or the answer to one. */
static enum step
read_ssl2(struct insp_reading *r, struct state *s, struct place *p)
{
    size_t size = insp_cursor_be16(&p->c) & 0x7fff;
    struct insp_cursor c = insp_cursor_sub(&p->c, size);
    uint8_t type = insp_cursor_u8(&c);

    if (size > INSP_TLS_HELLO_MAX) {
        return STOP;
    }
    if (p->c.failed) {
        return MORE;
    }
    if (type == INSP_TLS_CLIENT_HELLO && !s->has_client) {
        uint16_t version = insp_cursor_be16(&c);

        read_ssl2_client(r, s, c, version);
        return GOT;
    }
    if (type == SSL2_SERVER_HELLO && s->is_ssl2) {
        insp_event_text(event_of(r), INSP_FIELD_TLS_VERSION, "SSLv2");
        return finish(r);
    }
    return STOP;
}

/* ------------------------------------------------------------------------ */

/* One message, or one record of another kind. */
static enum step
read_next(struct insp_reading *r, struct state *s, struct place *p)
{
    struct insp_cursor c = p->c;
    uint8_t type = insp_cursor_u8(&c);
    size_t size;

    if (p->left || (!c.failed && type == INSP_TLS_HANDSHAKE)) {
        return read_message(r, s, p);
    }
    if (type & 0x80) {
        return read_ssl2(r, s, p);
    }
    if (differs(&c, 3, 3)) {
        return STOP;
    }
    insp_cursor_skip(&c, 1);
    size = insp_cursor_be16(&c);
    if (c.failed) {
        return MORE;
    }
    p->c = c;
    return read_other(r, s, type, p, size);
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct place p = { insp_cursor(r->bytes, r->size), s->left[r->side] };

    for (;;) {
        struct place before = p;
        enum step step = read_next(r, s, &p);

        if (step == STOP) {
            insp_reading_stop(r);
            return r->size;
        }
        if (r->stop_side) {
            return r->size;
        }
        if (step == MORE) {
            s->left[r->side] = (uint16_t) before.left;
            return (size_t) (before.c.at - r->bytes);
        }
    }
}

const struct insp_reader insp_reader_tls = {
    .detect = detect,
    .read = read_bytes,
};
