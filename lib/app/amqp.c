/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * AMQP 0-9-1 (and 0-8, 0-9, which look the same on the wire) and AMQP 1.0
 * have eight bytes in common, with which the client begins:
 *
 *     "AMQP" 0 0 9 1                  "AMQP" 0, 3 or 2: TLS, 1 0 0
 *
 * 0-9-1 (specification, section 2.3 and 4.2): frames, closed by 0xce, of type,
 * channel, size; methods are called by two numbers.
 *
 *     server: start --> client: start-ok --> server: tune --> client:
 *     tune-ok, open --> server: open-ok
 *
 * When it is open there is one record; a second one, which goes out with the
 * connection, counts what was published and delivered and names exchanges and
 * queues.  Contents are passed, and so is the answer to the SASL challenge.
 *
 * 1.0 (OASIS, part 2.3 and 2.7, 5.3): frames that begin with their size;
 * performatives are described lists.  The mechanism of SASL and both "open"
 * are read; behind them nothing is.
 */

#include "app/data.h"
#include "app/event.h"

#define HEADER_SIZE  8
#define FRAME_HEAD   7
#define FRAME_END    0xce
#define FRAME_MAX    (128u * 1024 * 1024)
#define SHOWN_START  2048
#define SHOWN        600
#define SHOWN_METHOD 300
#define TEXT_MAX     128
#define FIELDS_MAX   64
#define NAMES_MAX    8

#define TAG_LOGIN 0
#define TAG_USE   1

enum method {
    CONNECTION_START = 10 << 16 | 10,
    CONNECTION_START_OK = 10 << 16 | 11,
    CONNECTION_TUNE = 10 << 16 | 30,
    CONNECTION_TUNE_OK = 10 << 16 | 31,
    CONNECTION_OPEN = 10 << 16 | 40,
    CONNECTION_OPEN_OK = 10 << 16 | 41,
    CONNECTION_CLOSE = 10 << 16 | 50,
    BASIC_CONSUME = 60 << 16 | 20,
    BASIC_PUBLISH = 60 << 16 | 40,
    BASIC_DELIVER = 60 << 16 | 60,
    BASIC_GET = 60 << 16 | 70,
    BASIC_GET_OK = 60 << 16 | 71,
};

struct names {
    uint32_t n;
    uint32_t hashes[NAMES_MAX];
};

struct state {
    uint8_t is_1_0;
    uint8_t wants_tls; /* A bit for each side that has said so. */
    uint8_t opened;    /* 1.0: a bit for each side. */
    bool is_open;      /* 0-9-1. */
    uint8_t client;    /* 1 + its side. */
    uint64_t n_published;
    uint64_t n_delivered;
    struct names exchanges;
    struct names queues;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

struct version {
    uint8_t bytes[4]; /* Behind "AMQP". */
    const char *word;
};

static const struct version versions[] = {
    { { 0, 0, 9, 1 }, "0-9-1" }, { { 1, 1, 0, 9 }, "0-9" },
    { { 1, 1, 8, 0 }, "0-8" },   { { 1, 1, 9, 1 }, "0-9-1" },
    { { 0, 1, 0, 0 }, "1.0" },   { { 2, 1, 0, 0 }, "1.0" },
    { { 3, 1, 0, 0 }, "1.0" },
};

static const struct version *
find_version(const uint8_t *bytes)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(versions); i++) {
        if (!memcmp(bytes, versions[i].bytes, 4)) {
            return &versions[i];
        }
    }
    return NULL;
}

/* connection.start, when the client was not heard. */
static bool
is_start(struct insp_cursor c)
{
    static const uint8_t method[6] = { 0, 10, 0, 10, 0, 9 };
    const uint8_t *b = insp_cursor_take(&c, FRAME_HEAD + sizeof method);

    return b && b[0] == 1 && !insp_be16(b + 1) && !b[3] && !b[4] &&
           !memcmp(b + FRAME_HEAD, method, sizeof method);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    static const uint8_t method[5] = { 1 };
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    const uint8_t *b;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (insp_begins(c, "AMQP", INSP_MIN(r->size, 4))) {
        insp_cursor_skip(&c, 4);
        b = insp_cursor_take(&c, 4);
        return !b                ? INSP_GUESS_MAYBE
               : find_version(b) ? INSP_GUESS_YES
                                 : INSP_GUESS_NO;
    }
    if (is_start(c)) {
        return INSP_GUESS_YES;
    }
    return r->size < FRAME_HEAD + 6 &&
                   insp_begins(c, method, INSP_MIN(r->size, sizeof method))
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Pieces. */

static struct insp_event *
login_event(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_AMQP, TAG_LOGIN);

    return e ? e : insp_event_begin(r, INSP_APP_AMQP, TAG_LOGIN);
}

static void
put_text(struct insp_event *e, enum insp_app_field field,
         struct insp_cursor text)
{
    size_t size = INSP_MIN(insp_cursor_left(&text), TEXT_MAX);

    if (size && !text.failed && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, text.at, size);
    }
}

static struct insp_cursor
read_short(struct insp_cursor *c)
{
    return insp_cursor_sub(c, insp_cursor_u8(c));
}

static struct insp_cursor
read_long(struct insp_cursor *c)
{
    return insp_cursor_sub(c, insp_cursor_be32(c));
}

static bool
is_text(const struct insp_cursor *text, const char *wanted)
{
    return insp_cursor_left(text) == strlen(wanted) &&
           !memcmp(text->at, wanted, strlen(wanted));
}

/* ------------------------------------------------------------------------ */
/* 0-9-1. */

/* Section 4.2.5.5: the value of a field in a table, with RabbitMQ's types. */
static void
skip_field(struct insp_cursor *c, uint8_t type)
{
    switch (type) {
    case 't':
    case 'b':
    case 'B': insp_cursor_skip(c, 1); break;
    case 's':
    case 'u':
    case 'U': insp_cursor_skip(c, 2); break;
    case 'I':
    case 'i':
    case 'f': insp_cursor_skip(c, 4); break;
    case 'D': insp_cursor_skip(c, 5); break;
    case 'L':
    case 'l':
    case 'd':
    case 'T': insp_cursor_skip(c, 8); break;
    case 'S':
    case 'x':
    case 'A':
    case 'F': (void) read_long(c); break;
    case 'V': break;
    default: c->failed = true; break;
    }
}

static void
put_property(struct insp_event *e, bool is_client, struct insp_cursor name,
             struct insp_cursor value)
{
    if (is_text(&name, "product")) {
        put_text(e,
                 is_client ? INSP_FIELD_AMQP_CLIENT_PRODUCT
                           : INSP_FIELD_AMQP_SERVER_PRODUCT,
                 value);
    } else if (is_text(&name, "version")) {
        put_text(e,
                 is_client ? INSP_FIELD_AMQP_CLIENT_VERSION
                           : INSP_FIELD_AMQP_SERVER_VERSION,
                 value);
    } else if (is_client && is_text(&name, "connection_name")) {
        put_text(e, INSP_FIELD_AMQP_CLIENT_NAME, value);
    } else if (!is_client && is_text(&name, "cluster_name")) {
        put_text(e, INSP_FIELD_AMQP_SERVER_CLUSTER, value);
    }
}

static void
read_properties(struct insp_event *e, struct insp_cursor *c, bool is_client)
{
    struct insp_cursor table = read_long(c);

    for (int i = 0; i < FIELDS_MAX && insp_cursor_left(&table); i++) {
        struct insp_cursor name = read_short(&table);
        uint8_t type = insp_cursor_u8(&table);

        if (type == 'S') {
            put_property(e, is_client, name, read_long(&table));
        } else {
            skip_field(&table, type);
        }
        if (table.failed) {
            return;
        }
    }
}

static struct insp_event *
use_event(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_AMQP, TAG_USE);

    if (!e) {
        /* Numbers first: they are looked for each time. */
        e = insp_event_begin(r, INSP_APP_AMQP, TAG_USE);
        insp_event_uint(e, INSP_FIELD_AMQP_PUBLISHED, 0);
        insp_event_uint(e, INSP_FIELD_AMQP_DELIVERED, 0);
    }
    return e;
}

/* FNV-1a: to know again what was named before. */
static uint32_t
hash_of(const struct insp_cursor *text)
{
    uint32_t hash = 2166136261u;

    for (const uint8_t *at = text->at; at < text->end; at++) {
        hash = (hash ^ *at) * 16777619u;
    }
    return hash;
}

static void
put_name(struct insp_event *e, enum insp_app_field field, struct names *names,
         struct insp_cursor name)
{
    uint32_t hash = hash_of(&name);

    if (name.failed || names->n == NAMES_MAX || !insp_cursor_left(&name)) {
        return;
    }
    for (uint32_t i = 0; i < names->n; i++) {
        if (names->hashes[i] == hash) {
            return;
        }
    }
    names->hashes[names->n++] = hash;
    insp_event_bytes(e, field, name.at,
                     INSP_MIN(insp_cursor_left(&name), TEXT_MAX));
}

static void
read_close(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = s->is_open ? use_event(r) : login_event(r);

    insp_event_uint(e, INSP_FIELD_AMQP_CLOSE_CODE, insp_cursor_be16(&c));
    insp_event_end(r, e);
    insp_reading_stop(r);
}

static void
read_login(struct insp_reading *r, uint32_t method, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = login_event(r);

    switch (method) {
    case CONNECTION_START:
        insp_cursor_skip(&c, 2);
        read_properties(e, &c, false);
        put_text(e, INSP_FIELD_AMQP_SERVER_MECHANISMS, read_long(&c));
        break;
    case CONNECTION_START_OK:
        read_properties(e, &c, true);
        put_text(e, INSP_FIELD_AMQP_MECHANISM, read_short(&c));
        break;
    case CONNECTION_TUNE_OK:
        insp_event_uint(e, INSP_FIELD_AMQP_CHANNEL_MAX, insp_cursor_be16(&c));
        insp_event_uint(e, INSP_FIELD_AMQP_FRAME_MAX, insp_cursor_be32(&c));
        insp_event_uint(e, INSP_FIELD_AMQP_HEARTBEAT, insp_cursor_be16(&c));
        break;
    case CONNECTION_OPEN:
        put_text(e, INSP_FIELD_AMQP_VHOST, read_short(&c));
        break;
    case CONNECTION_OPEN_OK:
        insp_event_end(r, e);
        s->is_open = true;
        break;
    default: break;
    }
}

static void
read_use(struct insp_reading *r, uint32_t method, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e;

    switch (method) {
    case BASIC_PUBLISH:
        e = use_event(r);
        insp_event_uint(e, INSP_FIELD_AMQP_PUBLISHED, ++s->n_published);
        insp_cursor_skip(&c, 2);
        put_name(e, INSP_FIELD_AMQP_EXCHANGES, &s->exchanges, read_short(&c));
        break;
    case BASIC_CONSUME:
    case BASIC_GET:
        insp_cursor_skip(&c, 2);
        put_name(use_event(r), INSP_FIELD_AMQP_QUEUES, &s->queues,
                 read_short(&c));
        break;
    case BASIC_DELIVER:
    case BASIC_GET_OK:
        insp_event_uint(use_event(r), INSP_FIELD_AMQP_DELIVERED,
                        ++s->n_delivered);
        break;
    default: break;
    }
}

/* Section 2.3.5. */
static bool
read_frame(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), body;
    uint8_t type = insp_cursor_u8(&c);
    uint32_t size, method, need;

    insp_cursor_skip(&c, 2);
    size = insp_cursor_be32(&c);
    if (c.failed) {
        return false;
    }
    if (!type || type > 8 || size > FRAME_MAX) {
        insp_reading_stop(r); /* Out of step. */
        return false;
    }
    need = type != 1 ? 0 : s->is_open ? SHOWN_METHOD : SHOWN_START;
    /* The frame ends with one byte that its size does not count. */
    if (!insp_frames_take(f, FRAME_HEAD, (uint64_t) size + 1, need, &body)) {
        return false;
    }
    if (type != 1) {
        return true;
    }
    method = insp_cursor_be32(&body);
    if (body.failed) {
        return true;
    }
    if (method == CONNECTION_CLOSE) {
        read_close(r, body);
    } else if (!s->is_open) {
        read_login(r, method, body);
    } else {
        read_use(r, method, body);
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* 1.0. */

struct value {
    uint8_t type;
    struct insp_cursor bytes; /* Behind size and count. */
    uint32_t count;           /* Of lists and maps. */
};

/* Section 1.6 of part 1: the width of a value is in the upper half of its
 * constructor.  Described values inside are not read: false. */
static bool
read_value(struct insp_cursor *c, struct value *v)
{
    static const uint8_t fixed[] = { 0, 1, 2, 4, 8, 16 };
    unsigned int width;

    v->type = insp_cursor_u8(c);
    v->count = 0;
    width = v->type >> 4;
    if (c->failed || width < 4) {
        return false;
    }
    if (width <= 9) {
        v->bytes = insp_cursor_sub(c, fixed[width - 4]);
        return !c->failed;
    }
    v->bytes = insp_cursor_sub(c, width & 1 ? insp_cursor_be32(c)
                                            : insp_cursor_u8(c));
    if (width >= 12) {
        v->count = width & 1 ? insp_cursor_be32(&v->bytes)
                             : insp_cursor_u8(&v->bytes);
    }
    return !c->failed;
}

/* A performative: 0x00, its code as a small or long number, and a list, of
 * which what is shown may be cut. */
static bool
read_performative(struct insp_cursor *c, uint8_t *code)
{
    uint8_t type;

    if (insp_cursor_u8(c) != 0x00) {
        return false;
    }
    type = insp_cursor_u8(c);
    if (type == 0x53) {
        *code = insp_cursor_u8(c);
    } else if (type == 0x80) {
        insp_cursor_skip(c, 7);
        *code = insp_cursor_u8(c);
    } else {
        return false;
    }
    switch (insp_cursor_u8(c)) {
    case 0x45: insp_cursor_limit(c, 0); break;
    case 0xc0: insp_cursor_skip(c, 2); break;
    case 0xd0: insp_cursor_skip(c, 8); break;
    default: return false;
    }
    return !c->failed;
}

static bool
is_string(const struct value *v)
{
    return v->type == 0xa1 || v->type == 0xb1 || v->type == 0xa3 ||
           v->type == 0xb3;
}

static uint64_t
number_of(struct value *v)
{
    uint64_t n = 0;

    while (insp_cursor_left(&v->bytes) && v->type >> 4 <= 8) {
        n = n << 8 | insp_cursor_u8(&v->bytes);
    }
    return n;
}

static void
read_map(struct insp_event *e, struct insp_cursor c, bool is_client)
{
    struct value name, value;

    for (int i = 0;
         i < FIELDS_MAX && read_value(&c, &name) && read_value(&c, &value);
         i++) {
        if (is_string(&name) && is_string(&value)) {
            put_property(e, is_client, name.bytes, value.bytes);
        }
    }
}

/* open: container-id, hostname, max-frame-size, channel-max, idle-time-out,
 * outgoing-locales, incoming-locales, offered-capabilities,
 * desired-capabilities, properties. */
static void
read_open(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    bool is_client = s->client == 1 + r->side;
    struct insp_event *e = login_event(r);
    struct value v;

    for (int i = 0; i < 10 && read_value(&c, &v); i++) {
        if (i == 0 && is_string(&v)) {
            put_text(e,
                     is_client ? INSP_FIELD_AMQP_CLIENT_CONTAINER
                               : INSP_FIELD_AMQP_SERVER_CONTAINER,
                     v.bytes);
        } else if (i == 1 && is_string(&v) && is_client) {
            put_text(e, INSP_FIELD_AMQP_HOSTNAME, v.bytes);
            insp_reading_set_name(r, v.bytes.at, insp_cursor_left(&v.bytes));
        } else if (i == 2 && !is_client && v.type != 0x40) {
            insp_event_uint(e, INSP_FIELD_AMQP_FRAME_MAX, number_of(&v));
        } else if (i == 3 && !is_client && v.type != 0x40) {
            insp_event_uint(e, INSP_FIELD_AMQP_CHANNEL_MAX, number_of(&v));
        } else if (i == 9 && v.type >> 4 >= 12) {
            read_map(e, v.bytes, is_client);
        }
    }
    s->opened |= (uint8_t) (1 << r->side);
    if (s->opened == 3) {
        insp_event_end(r, e);
        insp_reading_stop(r);
    }
}

/* sasl-mechanisms: a symbol, or an array of them; the first is shown. */
static void
read_mechanisms(struct insp_reading *r, struct insp_cursor c)
{
    struct value v;

    if (!read_value(&c, &v)) {
        return;
    }
    if (v.type >> 4 >= 14) {
        uint8_t type = insp_cursor_u8(&v.bytes);

        v.bytes = type == 0xa3   ? read_short(&v.bytes)
                  : type == 0xb3 ? read_long(&v.bytes)
                                 : insp_cursor(NULL, 0);
    }
    put_text(login_event(r), INSP_FIELD_AMQP_SERVER_MECHANISMS, v.bytes);
}

/* close: an error, which is a described list of its own. */
static void
read_close_1_0(struct insp_reading *r, struct insp_cursor c)
{
    struct insp_event *e = login_event(r);
    struct value v;
    uint8_t code;

    if (read_performative(&c, &code) && code == 0x1d && read_value(&c, &v) &&
        is_string(&v)) {
        put_text(e, INSP_FIELD_AMQP_CLOSE_ERROR, v.bytes);
    }
    insp_event_end(r, e);
    insp_reading_stop(r);
}

/* Part 2, section 2.3. */
static bool
read_frame_1_0(struct insp_reading *r, struct insp_frames *f)
{
    struct insp_cursor c = insp_frames_cursor(f), body;
    uint32_t size = insp_cursor_be32(&c);
    uint8_t offset = insp_cursor_u8(&c), code;
    struct value v;

    insp_cursor_skip(&c, 3);
    if (c.failed) {
        return false;
    }
    if (size < 8 || size > FRAME_MAX || offset < 2 || offset * 4u > size) {
        insp_reading_stop(r); /* Out of step. */
        return false;
    }
    if (!insp_frames_take(f, 8, size - 8, SHOWN, &body)) {
        return false;
    }
    insp_cursor_skip(&body, offset * 4u - 8);
    if (!read_performative(&body, &code)) {
        return true; /* An empty one. */
    }
    switch (code) {
    case 0x10: read_open(r, body); break;
    case 0x18: read_close_1_0(r, body); break;
    case 0x40: read_mechanisms(r, body); break;
    case 0x41:
        if (read_value(&body, &v) && is_string(&v)) {
            put_text(login_event(r), INSP_FIELD_AMQP_MECHANISM, v.bytes);
        }
        break;
    default: break;
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

/* "AMQP" and a version: at the beginning of each side, and again behind
 * SASL and TLS. */
static bool
read_header(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f);
    const uint8_t *bytes = insp_cursor_take(&c, HEADER_SIZE);
    const struct version *version;
    struct insp_event *e;

    if (!bytes || memcmp(bytes, "AMQP", 4)) {
        return false;
    }
    version = find_version(bytes + 4);
    e = login_event(r);
    f->at += HEADER_SIZE;
    if (!version) {
        insp_event_end(r, e);
        insp_reading_stop(r); /* A server that knows no such. */
        return false;
    }
    s->is_1_0 = bytes[5] == 1 && !bytes[6] && !bytes[7];
    if (e && !insp_event_has(e, INSP_FIELD_AMQP_VERSION)) {
        insp_event_text(e, INSP_FIELD_AMQP_VERSION, version->word);
    }
    if (s->is_1_0 && bytes[4] == 2) {
        s->wants_tls |= (uint8_t) (1 << r->side);
        if (s->wants_tls == 3) {
            insp_event_end(r, e);
            insp_reading_again(r);
            return false;
        }
    }
    return true;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_frames f = { .r = r };
    bool goes_on = true;

    if (!s->client && r->size) {
        bool is_server = is_start(insp_cursor(r->bytes, r->size));

        s->client = (uint8_t) (1 + (is_server ? !r->side : r->side));
        if (is_server) {
            insp_event_text(login_event(r), INSP_FIELD_AMQP_VERSION, "0-9-1");
        }
    }
    while (goes_on && !r->stop) {
        struct insp_cursor c = insp_frames_cursor(&f);
        size_t n = INSP_MIN(insp_cursor_left(&c), 4);

        if (n && insp_begins(c, "AMQP", n)) {
            goes_on = read_header(r, &f);
        } else {
            goes_on = s->is_1_0 ? read_frame_1_0(r, &f) : read_frame(r, &f);
        }
    }
    return f.at;
}

const struct insp_reader insp_reader_amqp = {
    .detect = detect,
    .read = read_bytes,
};
