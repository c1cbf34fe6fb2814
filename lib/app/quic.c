/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A datagram with a long header of a version that is known is of QUIC (RFC
 * 9000 section 17.2, RFC 9369), and so is a server's list of versions (section
 * 6); its first packets carry TLS's hellos in CRYPTO frames, encrypted with
 * keys that are made from what is in clear (quic-crypto.h):
 *
 *     client: Initial, ... --> CRYPTO frames, put in order --> ClientHello
 *     server: Retry        --> keys are made anew from its connection id
 *             Initial, ... --> the same --> ServerHello --> event ends
 *
 * A hello may lie in several packets, and a packet may hold its pieces in any
 * order, with PING and PADDING in between.  Frames of a packet are believed
 * when all of it is frames that an Initial packet may have (section 17.2.2):
 * that is true of noise about once in 2^100 times.
 *
 * Who sends the first Initial packet that can be opened is the client.  One
 * that cannot be opened with the keys that there are, is tried with keys made
 * from its own connection id: after a Retry or another choice of version that
 * were not seen.
 */

#include "app/hello.h"
#include "app/quic-crypto.h"

enum {
    LONG_HEADER = 0x80,
    FIXED_BIT = 0x40,

    /* Types of packets of version 1; those of version 2 are one higher. */
    INITIAL = 0,
    RETRY = 3,

    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_CRYPTO = 0x06,
    FRAME_CLOSE = 0x1c,

    PACKET_MIN = 20, /* Behind the length: what the sample of
                      * header protection needs. */
    PACKETS_MAX = 8, /* Read of one datagram, */
    TRIES_MAX = 32,  /* of one dialog, */
    FRAMES_MAX = 64, /* CRYPTO frames of one packet. */
    CLEAR_MAX = 9216,

    PARAMETERS_MAX = 64,
    PARAMETER_UA = 0x3129, /* Google's user agent. */
    UA_MAX = 256,
};

struct state {
    uint32_t version[2]; /* That the keys are for; 0: there are none. */
    struct insp_quic_keys keys[2]; /* 0: the client's. */
    uint8_t cid_size;
    uint8_t cid[INSP_QUIC_CID_MAX]; /* That they are made from. */
    uint8_t client;                 /* Side of it. */
    uint8_t n_tries;
    bool has_cid;
    bool has_client; /* Hello. */
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state fits");

/* ------------------------------------------------------------------------ */
/* Packets. */

struct packet {
    uint32_t version;
    uint8_t type; /* As of version 1. */
    uint8_t first;
    struct insp_cursor dcid, scid;
    const uint8_t *bytes; /* From the first one... */
    size_t number_at;     /* ... to the packet number... */
    size_t size;          /* ... and to the end. */
};

/* Section 16. */
static uint64_t
cursor_varint(struct insp_cursor *c)
{
    uint8_t first = insp_cursor_u8(c);
    uint64_t value = first & 0x3f;

    for (unsigned int n = (1u << (first >> 6)) - 1; n; n--) {
        value = value << 8 | insp_cursor_u8(c);
    }
    return value;
}

static struct insp_cursor
cursor_varint_sub(struct insp_cursor *c)
{
    uint64_t size = cursor_varint(c);

    return insp_cursor_sub(c, size > insp_cursor_left(c) ? SIZE_MAX
                                                         : (size_t) size);
}

static struct insp_cursor
cursor_cid(struct insp_cursor *c)
{
    uint8_t size = insp_cursor_u8(c);

    c->failed |= size > INSP_QUIC_CID_MAX;
    return insp_cursor_sub(c, size);
}

/* The next packet with a long header, which 'c' passes: of a version that is
 * known to its end, of others only its head; false: there is none. */
static bool
next_packet(struct insp_cursor *c, struct packet *p)
{
    p->bytes = c->at;
    p->first = insp_cursor_u8(c);
    p->version = insp_cursor_be32(c);
    p->dcid = cursor_cid(c);
    p->scid = cursor_cid(c);
    p->type = p->first >> 4 & 3;
    p->number_at = p->size = 0;
    if (c->failed || !(p->first & LONG_HEADER)) {
        return false;
    }
    if (!insp_quic_is_known(p->version)) {
        return true;
    }
    if (!(p->first & FIXED_BIT)) {
        return false;
    }
    if (p->version == INSP_QUIC_V2) {
        p->type = (uint8_t) (p->type - 1) & 3;
    }
    if (p->type == RETRY) {
        insp_cursor_skip(c, insp_cursor_left(c));
        return true;
    }
    if (p->type == INITIAL) {
        (void) cursor_varint_sub(c); /* Token. */
    }
    p->size = (size_t) cursor_varint(c);
    p->number_at = (size_t) (c->at - p->bytes);
    if (c->failed || p->size < PACKET_MIN) {
        return false;
    }
    return true;
}

/* Goes behind it; false: it is cut off. */
static bool
pass_packet(struct insp_cursor *c, struct packet *p)
{
    if (p->size > insp_cursor_left(c)) {
        return false;
    }
    insp_cursor_skip(c, p->size);
    p->size += p->number_at;
    return true;
}

/* ------------------------------------------------------------------------ */
/* Detection. */

/* A server's list of versions, at least one of which is of QUIC. */
static bool
is_version_list(struct insp_cursor c)
{
    size_t left = insp_cursor_left(&c);
    bool found = false;

    if (!left || left % 4 || left > 256) {
        return false;
    }
    while (insp_cursor_left(&c)) {
        uint32_t version = insp_cursor_be32(&c);

        found |= insp_quic_is_known(version);
    }
    return found;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct packet p;

    if (r->is_stream || !next_packet(&c, &p)) {
        return INSP_GUESS_NO;
    }
    if (!p.version) {
        return is_version_list(c) ? INSP_GUESS_YES : INSP_GUESS_NO;
    }
    return insp_quic_is_known(p.version) ? INSP_GUESS_YES : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Frames. */

struct piece {
    uint32_t at;
    uint32_t size;
    const uint8_t *bytes;
};

struct pieces {
    size_t n;
    struct piece piece[FRAMES_MAX];
};

/* Section 19.3. */
static void
pass_ack(struct insp_cursor *c, bool has_ecn)
{
    uint64_t n;

    (void) cursor_varint(c); /* Largest. */
    (void) cursor_varint(c); /* Delay. */
    n = cursor_varint(c);
    (void) cursor_varint(c); /* First range. */
    while (!c->failed && n--) {
        (void) cursor_varint(c);
        (void) cursor_varint(c);
    }
    for (int i = 0; has_ecn && i < 3; i++) {
        (void) cursor_varint(c);
    }
}

/* Section 19.6.  In the order of their places, so that few holes are
 * remembered on the way. */
static void
add_piece(struct pieces *pieces, struct insp_cursor *c)
{
    uint64_t at = cursor_varint(c);
    struct insp_cursor bytes = cursor_varint_sub(c);
    size_t size = insp_cursor_left(&bytes), i;

    if (c->failed || bytes.failed || at > INSP_READER_WINDOW || !size ||
        size > INSP_READER_WINDOW || pieces->n == FRAMES_MAX) {
        return;
    }
    for (i = pieces->n++; i && pieces->piece[i - 1].at > at; i--) {
        pieces->piece[i] = pieces->piece[i - 1];
    }
    pieces->piece[i] =
        (struct piece){ (uint32_t) at, (uint32_t) size, bytes.at };
}

/* False: these are not the frames of an Initial packet. */
static bool
read_frames(struct insp_cursor c, struct pieces *pieces)
{
    pieces->n = 0;
    if (!insp_cursor_left(&c)) {
        return false;
    }
    while (insp_cursor_left(&c) && !c.failed) {
        uint8_t type = insp_cursor_u8(&c);

        switch (type) {
        case FRAME_PADDING:
        case FRAME_PING: break;
        case FRAME_ACK:
        case FRAME_ACK_ECN: pass_ack(&c, type == FRAME_ACK_ECN); break;
        case FRAME_CRYPTO: add_piece(pieces, &c); break;
        case FRAME_CLOSE:
            (void) cursor_varint(&c);
            (void) cursor_varint(&c);
            (void) cursor_varint_sub(&c);
            break;
        default: return false;
        }
    }
    return !c.failed;
}

/* ------------------------------------------------------------------------ */
/* Hellos. */

static const char *
version_text(uint32_t version)
{
    switch (version) {
    case INSP_QUIC_V1: return "1";
    case INSP_QUIC_V2: return "2";
    default: return "draft-29";
    }
}

static struct insp_event *
event_of(struct insp_reading *r, uint32_t version)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_QUIC, 0);

    if (!e) {
        e = insp_event_begin(r, INSP_APP_QUIC, 0);
        insp_event_text(e, INSP_FIELD_QUIC_VERSION, version_text(version));
    }
    return e;
}

/* Section 18. */
static void
put_parameters(struct insp_event *e, struct insp_cursor c)
{
    for (int i = 0; i < PARAMETERS_MAX && insp_cursor_left(&c); i++) {
        uint64_t id = cursor_varint(&c);
        struct insp_cursor value = cursor_varint_sub(&c);

        insp_cursor_limit(&value, UA_MAX);
        if (id == PARAMETER_UA && !value.failed && insp_cursor_left(&value)) {
            insp_event_bytes(e, INSP_FIELD_QUIC_UA, value.at,
                             insp_cursor_left(&value));
            return;
        }
    }
}

static void
finish(struct insp_reading *r)
{
    insp_event_end(r, insp_event_find(r, INSP_APP_QUIC, 0));
    insp_reading_stop(r);
}

static void
read_client_hello(struct insp_reading *r, struct state *s, uint32_t version,
                  struct insp_cursor body)
{
    struct insp_tls_hello h;
    struct insp_event *e;

    if (!insp_tls_client(&h, body.at, insp_cursor_left(&body), false)) {
        insp_reading_stop(r);
        return;
    }
    s->has_client = true;
    e = event_of(r, version);
    insp_tls_put_client(r, e, &insp_tls_rows_quic, &h, 'q');
    put_parameters(e, h.transport);
    insp_reading_forget(r);
    insp_reading_stop_side(r);
}

/* Whether it was a hello that ends what is read. */
static bool
read_server_hello(struct insp_reading *r, uint32_t version,
                  struct insp_cursor body)
{
    struct insp_tls_hello h;

    if (insp_tls_server(&h, body.at, insp_cursor_left(&body), false)) {
        if (h.is_retry) {
            return false;
        }
        insp_tls_put_server(event_of(r, version), &insp_tls_rows_quic, &h);
    }
    finish(r);
    return true;
}

/* What there is of the handshake, from its beginning.  Returns false when more
 * is needed. */
static bool
read_handshake(struct insp_reading *r, struct state *s, uint32_t version,
               struct insp_cursor c)
{
    for (int i = 0; i < 2; i++) {
        uint8_t type = insp_cursor_u8(&c);
        size_t size = (size_t) insp_cursor_u8(&c) << 16;
        struct insp_cursor body;

        size |= insp_cursor_be16(&c);
        if (!c.failed &&
            (size > INSP_TLS_HELLO_MAX ||
             type != (r->side == s->client ? INSP_TLS_CLIENT_HELLO
                                           : INSP_TLS_SERVER_HELLO))) {
            insp_reading_stop(r);
            return true;
        }
        body = insp_cursor_sub(&c, size);
        if (c.failed) {
            return false;
        }
        if (r->side == s->client) {
            read_client_hello(r, s, version, body);
            return true;
        }
        if (read_server_hello(r, version, body)) {
            return true;
        }
    }
    return false;
}

static void
read_pieces(struct insp_reading *r, struct state *s, uint32_t version,
            const struct pieces *pieces)
{
    struct insp_assembly whole = { NULL, 0 };

    for (size_t i = 0; i < pieces->n; i++) {
        const struct piece *piece = &pieces->piece[i];

        if (i) {
            insp_reading_keep(r, &whole);
        }
        if (!insp_reading_assemble(r, piece->at, piece->bytes, piece->size,
                                   &whole)) {
            return;
        }
    }
    if (whole.size &&
        !read_handshake(r, s, version, insp_cursor(whole.bytes, whole.size))) {
        insp_reading_keep(r, &whole);
    }
}

/* ------------------------------------------------------------------------ */
/* Keys. */

static void
set_cid(struct state *s, const struct insp_cursor *cid)
{
    s->cid_size = (uint8_t) insp_cursor_left(cid);
    memcpy(s->cid, cid->at, s->cid_size);
    s->has_cid = true;
    s->version[0] = s->version[1] = 0;
}

static bool
open_with(const struct insp_quic_keys *keys, const struct packet *p,
          uint8_t clear[CLEAR_MAX], struct pieces *pieces)
{
    size_t n = insp_quic_open(keys, p->bytes, p->number_at, p->size, clear);

    return n && read_frames(insp_cursor(clear, n), pieces);
}

static bool
open_packet(struct insp_reading *r, struct state *s, const struct packet *p,
            uint8_t clear[CLEAR_MAX], struct pieces *pieces)
{
    unsigned int role = s->has_cid && r->side != s->client;
    struct insp_quic_keys keys;

    if (s->has_cid) {
        if (s->version[role] != p->version) {
            insp_quic_derive(p->version, s->cid, s->cid_size, role,
                             &s->keys[role]);
            s->version[role] = p->version;
        }
        if (open_with(&s->keys[role], p, clear, pieces)) {
            return true;
        }
        if (role || (s->cid_size == insp_cursor_left(&p->dcid) &&
                     !memcmp(s->cid, p->dcid.at, s->cid_size))) {
            return false;
        }
    }
    insp_quic_derive(p->version, p->dcid.at, insp_cursor_left(&p->dcid), false,
                     &keys);
    if (!open_with(&keys, p, clear, pieces)) {
        return false;
    }
    insp_reading_forget(r);
    set_cid(s, &p->dcid);
    s->client = r->side;
    s->keys[0] = keys;
    s->version[0] = p->version;
    return true;
}

/* ------------------------------------------------------------------------ */

static void
read_initial(struct insp_reading *r, struct state *s, const struct packet *p)
{
    uint8_t clear[CLEAR_MAX];
    struct pieces pieces;

    if (p->size > sizeof clear) {
        return;
    }
    if (s->n_tries++ == TRIES_MAX) {
        finish(r);
        return;
    }
    if (open_packet(r, s, p, clear, &pieces)) {
        read_pieces(r, s, p->version, &pieces);
    }
}

/* The client begins again, with the connection id that the server has chosen
 * (RFC 9001, section 5.2). */
static void
read_retry(struct insp_reading *r, struct state *s, const struct packet *p)
{
    if (s->has_cid && r->side != s->client && insp_cursor_left(&p->scid)) {
        set_cid(s, &p->scid);
        insp_event_uint(event_of(r, p->version), INSP_FIELD_QUIC_RETRY, 1);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size), first = c;
    struct state *s = r->state;
    struct packet p;

    /* A short header: the handshake is over, or was never seen. */
    if ((insp_cursor_u8(&first) & (LONG_HEADER | FIXED_BIT)) == FIXED_BIT) {
        finish(r);
        return r->size;
    }
    for (int i = 0; i < PACKETS_MAX && insp_cursor_left(&c); i++) {
        if (!next_packet(&c, &p) || !insp_quic_is_known(p.version)) {
            break;
        }
        if (p.type == RETRY) {
            read_retry(r, s, &p);
            break;
        }
        if (!pass_packet(&c, &p)) {
            break;
        }
        if (p.type == INITIAL) {
            read_initial(r, s, &p);
        }
        if (r->stop || r->stop_side) {
            break;
        }
    }
    return r->size;
}

const struct insp_reader insp_reader_quic = {
    .detect = detect,
    .read = read_bytes,
};
