/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * MongoDB's wire protocol ("MongoDB Wire Protocol" in its manual) and BSON
 * (bsonspec.org), all with the lowest byte first.  A message is a head of four
 * numbers and, since version 3.6, a command as a document:
 *
 *     size | request | answers to | opcode
 *     OP_MSG: flags, 0, { find: "users", filter: ..., $db: "shop" }
 *
 * The first element of the document names the command, and by its text the
 * collection.  Of other elements those are looked at that say where it goes
 * or how it ended; filters, documents and what proves who the user is are
 * stepped over by their sizes.  Only the first part of a message is shown: an
 * answer whose end is not among it is one with results, and so no error.
 * What the server says of an error is cut before the first value in it.
 *
 * OP_QUERY and OP_REPLY (drivers still begin with them), the older opcodes
 * that write, and OP_COMPRESSED, of which no more than its head can be read.
 */

#include "app/data.h"
#include "app/event.h"
#include "app/little.h"

#define HEAD_SIZE    16
#define HEAD_MIN     (HEAD_SIZE + 9) /* Of the first that is seen. */
#define SHOWN        INSP_READER_WAIT
#define MESSAGE_MAX  (48 * 1024 * 1024 + 16384)
#define ELEMENTS_MAX 64
#define SECTIONS_MAX 8
#define TEXT_MAX     128

enum {
    OP_REPLY = 1,
    OP_UPDATE = 2001,
    OP_INSERT = 2002,
    OP_QUERY = 2004,
    OP_GET_MORE = 2005,
    OP_DELETE = 2006,
    OP_KILL_CURSORS = 2007,
    OP_COMPRESSED = 2012,
    OP_MSG = 2013,
};

#define MSG_CHECKSUM     UINT32_C(0x00000001)
#define MSG_MORE_TO_COME UINT32_C(0x00000002)
#define MSG_EXHAUST      UINT32_C(0x00010000)

struct head {
    uint32_t size;
    uint32_t request;
    uint32_t answers;
    uint32_t opcode;
};

static void
read_head(struct insp_cursor *c, struct head *h)
{
    h->size = insp_little_u32(c);
    h->request = insp_little_u32(c);
    h->answers = insp_little_u32(c);
    h->opcode = insp_little_u32(c);
}

static const char *
opcode_word(uint32_t opcode)
{
    switch (opcode) {
    case OP_REPLY: return "reply";
    case OP_UPDATE: return "update";
    case OP_INSERT: return "insert";
    case OP_QUERY: return "query";
    case OP_GET_MORE: return "get_more";
    case OP_DELETE: return "delete";
    case OP_KILL_CURSORS: return "kill_cursors";
    case OP_COMPRESSED: return "compressed";
    case OP_MSG: return "msg";
    default: return NULL;
    }
}

/* ------------------------------------------------------------------------ */
/* BSON. */

enum {
    TYPE_DOUBLE = 0x01,
    TYPE_TEXT = 0x02,
    TYPE_DOCUMENT = 0x03,
    TYPE_ARRAY = 0x04,
    TYPE_BOOL = 0x08,
    TYPE_INT32 = 0x10,
    TYPE_INT64 = 0x12,
};

struct element {
    uint8_t type;
    const uint8_t *name;
    size_t name_size;
    struct insp_cursor value; /* Of a text without size and zero. */
};

static bool
is_type(uint8_t type)
{
    return (type >= 0x01 && type <= 0x13) || type == 0x7f || type == 0xff;
}

/* How long a value is, whose size does not stand in front of it. */
static size_t
fixed_size(uint8_t type)
{
    switch (type) {
    case TYPE_DOUBLE:
    case 0x09: /* Date. */
    case 0x11: /* Timestamp. */
    case TYPE_INT64: return 8;
    case TYPE_INT32: return 4;
    case TYPE_BOOL: return 1;
    case 0x07: return 12; /* Object id. */
    case 0x13: return 16; /* Decimal. */
    default: return 0;    /* Null, undefined, min, max. */
    }
}

/* The next element of a document whose size is passed; false at its end, or
 * at the end of what is shown. */
static bool
next_element(struct insp_cursor *c, struct element *e)
{
    size_t size;

    e->type = insp_cursor_u8(c);
    if (c->failed || !is_type(e->type)) {
        return false;
    }
    e->name = insp_cursor_zero(c, &e->name_size);
    switch (e->type) {
    case TYPE_TEXT:
    case 0x0d: /* Code. */
    case 0x0e: /* Symbol. */
        size = insp_little_u32(c);
        if (!size) {
            return false;
        }
        e->value = insp_cursor_sub(c, size - 1);
        insp_cursor_skip(c, 1);
        break;
    case TYPE_DOCUMENT:
    case TYPE_ARRAY:
    case 0x0f: /* Code with a scope. */
        size = insp_little_u32(c);
        if (size < 5) {
            return false;
        }
        /* Of the last one there may be less than all. */
        e->value = *c;
        insp_cursor_limit(&e->value, size - 4);
        insp_cursor_skip(c, size - 4);
        break;
    case 0x05: /* Binary. */
        size = insp_little_u32(c);
        e->value = *c;
        insp_cursor_skip(c, 1);
        insp_cursor_skip(c, size);
        break;
    case 0x0b: /* Regular expression. */
        (void) insp_cursor_zero(c, &size);
        (void) insp_cursor_zero(c, &size);
        e->value = *c;
        break;
    case 0x0c: /* Pointer. */
        size = insp_little_u32(c);
        insp_cursor_skip(c, size);
        insp_cursor_skip(c, 12);
        e->value = *c;
        break;
    default: e->value = insp_cursor_sub(c, fixed_size(e->type)); break;
    }
    return e->name != NULL;
}

/* The document that begins here, without its size. */
static struct insp_cursor
document(struct insp_cursor c)
{
    uint32_t size = insp_little_u32(&c);

    insp_cursor_limit(&c, size > 4 ? size - 4 : 0);
    return c;
}

static bool
is_named(const struct element *e, const char *name)
{
    return e->name_size == strlen(name) &&
           !memcmp(e->name, name, e->name_size);
}

/* Of any type of number; 'double' by its exponent and mantissa, as far as it
 * is a whole number that is not negative. */
static uint64_t
number_of(const struct element *e)
{
    struct insp_cursor c = e->value;
    uint64_t bits, exponent, mantissa;

    switch (e->type) {
    case TYPE_BOOL: return insp_cursor_u8(&c);
    case TYPE_INT32: return insp_little_u32(&c);
    case TYPE_INT64: return insp_little_u64(&c);
    case TYPE_DOUBLE: break;
    default: return 0;
    }
    bits = insp_little_u64(&c);
    exponent = bits >> 52 & 0x7ff;
    mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    return bits >> 63 || exponent < 1023 || exponent > 1023 + 52
               ? 0
               : mantissa >> (1023 + 52 - exponent);
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

static void
put_element(struct insp_event *e, enum insp_app_field field,
            const struct element *element)
{
    if (element->type == TYPE_TEXT) {
        put_text(e, field, element->value);
    }
}

/* ------------------------------------------------------------------------ */
/* Detection. */

/* A document with an element whose name is a word; empty ones do not tell. */
static enum insp_guess
guess_document(struct insp_cursor c, uint64_t max)
{
    uint32_t size = insp_little_u32(&c);
    uint8_t type = insp_cursor_u8(&c);

    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    if (size < 8 || size > max || !is_type(type)) {
        return INSP_GUESS_NO;
    }
    for (size_t i = 0; i < 64 && i < insp_cursor_left(&c); i++) {
        uint8_t b = c.at[i];

        if (!b) {
            return i ? INSP_GUESS_YES : INSP_GUESS_NO;
        }
        if (!insp_is_letter(b) && !insp_is_digit(b) && b != '$' && b != '_') {
            return INSP_GUESS_NO;
        }
    }
    return insp_cursor_left(&c) < 64 ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
}

/* "shop.users": a namespace, and a zero. */
static enum insp_guess
guess_namespace(struct insp_cursor *c)
{
    const uint8_t *from = c->at;
    size_t left = insp_cursor_left(c), size;

    if (!insp_cursor_zero(c, &size)) {
        return left < 256 && (!left || insp_is_printable(from, left))
                   ? INSP_GUESS_MAYBE
                   : INSP_GUESS_NO;
    }
    return insp_is_printable(from, size) && memchr(from, '.', size)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

static enum insp_guess
guess_body(struct insp_cursor c, const struct head *h)
{
    uint32_t flags = insp_little_u32(&c);
    enum insp_guess guess;

    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    switch (h->opcode) {
    case OP_MSG:
        if (flags & ~(MSG_CHECKSUM | MSG_MORE_TO_COME | MSG_EXHAUST)) {
            return INSP_GUESS_NO;
        }
        if (insp_cursor_u8(&c) != 0) {
            return INSP_GUESS_NO;
        }
        return guess_document(c, h->size);
    case OP_QUERY:
        if (flags & ~UINT32_C(0xff) || h->answers) {
            return INSP_GUESS_NO;
        }
        guess = guess_namespace(&c);
        insp_cursor_skip(&c, 8);
        return guess == INSP_GUESS_YES ? guess_document(c, h->size) : guess;
    case OP_REPLY:
        if (flags & ~UINT32_C(0x0f) || !h->answers) {
            return INSP_GUESS_NO;
        }
        insp_cursor_skip(&c, 16);
        return guess_document(c, h->size);
    case OP_COMPRESSED:
        /* The opcode inside, how much it is, and by what. */
        if (!opcode_word(flags)) {
            return INSP_GUESS_NO;
        }
        flags = insp_little_u32(&c);
        if (insp_cursor_u8(&c) > 3 || flags > MESSAGE_MAX) {
            return INSP_GUESS_NO;
        }
        return c.failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
    default: return flags || h->answers ? INSP_GUESS_NO : guess_namespace(&c);
    }
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct head h;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (r->size < HEAD_SIZE) {
        uint32_t size = insp_little_u32(&c);

        if (c.failed) {
            return INSP_GUESS_MAYBE;
        }
        return size < HEAD_MIN || size > MESSAGE_MAX ? INSP_GUESS_NO
                                                     : INSP_GUESS_MAYBE;
    }
    read_head(&c, &h);
    if (h.size < HEAD_MIN || h.size > MESSAGE_MAX || !opcode_word(h.opcode) ||
        h.opcode == OP_KILL_CURSORS) {
        return INSP_GUESS_NO;
    }
    insp_cursor_limit(&c, h.size - HEAD_SIZE);
    return guess_body(c, &h);
}

/* ------------------------------------------------------------------------ */
/* Requests. */

/* { application: { name: }, driver: { name:, version: }, ... } */
static void
read_client(struct insp_event *e, struct insp_cursor c)
{
    struct element part, item;

    for (int i = 0; i < ELEMENTS_MAX && next_element(&c, &part); i++) {
        struct insp_cursor inside = part.value;
        bool is_driver = is_named(&part, "driver");

        if (part.type != TYPE_DOCUMENT ||
            (!is_driver && !is_named(&part, "application"))) {
            continue;
        }
        for (int j = 0; j < ELEMENTS_MAX && next_element(&inside, &item);
             j++) {
            if (is_named(&item, "name")) {
                put_element(e,
                            is_driver ? INSP_FIELD_MONGODB_DRIVER
                                      : INSP_FIELD_MONGODB_APPLICATION,
                            &item);
            } else if (is_driver && is_named(&item, "version")) {
                put_element(e, INSP_FIELD_MONGODB_DRIVER_VERSION, &item);
            }
        }
    }
}

/* The first element's text is the collection, but in commands about users
 * and roles. */
static bool
is_about_users(const struct element *first)
{
    for (size_t i = 0; i + 4 <= first->name_size; i++) {
        const uint8_t *at = first->name + i;

        if (!memcmp(at + 1, "ser", 3) && (at[0] == 'u' || at[0] == 'U')) {
            return true;
        }
        if (!memcmp(at + 1, "ole", 3) && (at[0] == 'r' || at[0] == 'R')) {
            return true;
        }
    }
    return false;
}

static void
read_command(struct insp_event *e, struct insp_cursor c)
{
    struct element element;

    for (int i = 0; i < ELEMENTS_MAX && next_element(&c, &element); i++) {
        if (!i) {
            struct insp_cursor name =
                insp_cursor(element.name, element.name_size);

            put_text(e, INSP_FIELD_MONGODB_COMMAND, name);
            if (!is_about_users(&element)) {
                put_element(e, INSP_FIELD_MONGODB_COLLECTION, &element);
            }
        } else if (is_named(&element, "$db")) {
            put_element(e, INSP_FIELD_MONGODB_DATABASE, &element);
        } else if (is_named(&element, "collection")) {
            put_element(e, INSP_FIELD_MONGODB_COLLECTION, &element);
        } else if (is_named(&element, "mechanism")) {
            put_element(e, INSP_FIELD_MONGODB_MECHANISM, &element);
        } else if (is_named(&element, "client") &&
                   element.type == TYPE_DOCUMENT) {
            read_client(e, element.value);
        }
    }
}

/* "shop.users" in two. */
static bool
read_namespace(struct insp_event *e, struct insp_cursor *c)
{
    size_t size;
    const uint8_t *text = insp_cursor_zero(c, &size);
    const uint8_t *dot = text && size ? memchr(text, '.', size) : NULL;
    size_t before;

    if (!dot) {
        return false;
    }
    before = (size_t) (dot - text);
    put_text(e, INSP_FIELD_MONGODB_DATABASE, insp_cursor(text, before));
    if (size - before == 5 && !memcmp(dot, ".$cmd", 5)) {
        return true;
    }
    put_text(e, INSP_FIELD_MONGODB_COLLECTION,
             insp_cursor(dot + 1, size - before - 1));
    return false;
}

/* Where the document with the command stands among the sections of OP_MSG. */
static bool
find_body(struct insp_cursor *c)
{
    for (int i = 0; i < SECTIONS_MAX && insp_cursor_left(c); i++) {
        uint8_t kind = insp_cursor_u8(c);
        struct insp_cursor size;

        if (!kind) {
            return true;
        }
        if (kind != 1) {
            return false;
        }
        size = *c;
        insp_cursor_skip(c, insp_little_u32(&size));
    }
    return false;
}

static void
put_compressor(struct insp_event *e, struct insp_cursor c)
{
    static const char *const words[] = { "noop", "snappy", "zlib", "zstd" };
    uint8_t id;

    insp_cursor_skip(&c, 8);
    id = insp_cursor_u8(&c);
    if (!c.failed && id < INSP_ARRAY_SIZE(words)) {
        insp_event_text(e, INSP_FIELD_MONGODB_COMPRESSOR, words[id]);
    }
}

static void
read_request(struct insp_reading *r, const struct head *h,
             struct insp_cursor c)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_MONGODB, h->request);
    bool is_answered = true;
    uint32_t flags;

    insp_event_uint(e, INSP_FIELD_MONGODB_REQUEST, h->request);
    insp_event_text(e, INSP_FIELD_MONGODB_OPCODE, opcode_word(h->opcode));
    if (h->opcode == OP_COMPRESSED) {
        put_compressor(e, c);
        return;
    }
    flags = insp_little_u32(&c);
    switch (h->opcode) {
    case OP_MSG:
        is_answered = !(flags & MSG_MORE_TO_COME);
        if (find_body(&c)) {
            read_command(e, document(c));
        }
        break;
    case OP_QUERY:
        if (read_namespace(e, &c)) {
            insp_cursor_skip(&c, 8);
            read_command(e, document(c));
        } else {
            insp_event_text(e, INSP_FIELD_MONGODB_COMMAND, "find");
        }
        break;
    default:
        is_answered = h->opcode == OP_GET_MORE;
        (void) read_namespace(e, &c);
        break;
    }
    if (!is_answered) {
        insp_event_end(r, e);
    }
}

/* ------------------------------------------------------------------------ */
/* Replies. */

/* What the server says of an error, before it quotes something. */
static void
put_message(struct insp_event *e, const struct element *element)
{
    struct insp_cursor text = element->value;
    size_t n = 0, left = insp_cursor_left(&text);

    if (element->type != TYPE_TEXT) {
        return;
    }
    while (n < left && text.at[n] != '{' && text.at[n] != '"' &&
           text.at[n] != '\'' && text.at[n] != '`' && text.at[n] != ':') {
        n++;
    }
    while (n && text.at[n - 1] == ' ') {
        n--;
    }
    insp_cursor_limit(&text, n);
    put_text(e, INSP_FIELD_MONGODB_ERRMSG, text);
}

static void
read_answer(struct insp_event *e, struct insp_cursor c)
{
    struct element element;

    for (int i = 0; i < ELEMENTS_MAX && next_element(&c, &element); i++) {
        if (is_named(&element, "ok")) {
            insp_event_uint(e, INSP_FIELD_MONGODB_OK,
                            number_of(&element) != 0);
        } else if (is_named(&element, "cursor")) {
            insp_event_uint(e, INSP_FIELD_MONGODB_OK, 1);
        } else if (is_named(&element, "code")) {
            insp_event_uint(e, INSP_FIELD_MONGODB_CODE, number_of(&element));
        } else if (is_named(&element, "codeName")) {
            put_element(e, INSP_FIELD_MONGODB_CODE_NAME, &element);
        } else if (is_named(&element, "errmsg")) {
            put_message(e, &element);
        } else if (is_named(&element, "maxWireVersion")) {
            insp_event_uint(e, INSP_FIELD_MONGODB_WIRE_VERSION,
                            number_of(&element));
        }
    }
}

static void
read_reply(struct insp_reading *r, const struct head *h, struct insp_cursor c)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_MONGODB, h->answers);

    if (!e) {
        return;
    }
    insp_cursor_skip(&c, 4);
    if (h->opcode == OP_MSG && find_body(&c)) {
        read_answer(e, document(c));
    } else if (h->opcode == OP_REPLY) {
        insp_cursor_skip(&c, 16);
        read_answer(e, document(c));
    }
    insp_event_uint(e, INSP_FIELD_MONGODB_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_frames f = { .r = r };

    while (!r->stop) {
        struct insp_cursor c = insp_frames_cursor(&f), body;
        struct head h;

        read_head(&c, &h);
        if (c.failed) {
            break;
        }
        if (h.size < HEAD_SIZE || h.size > MESSAGE_MAX ||
            !opcode_word(h.opcode)) {
            insp_reading_stop(r); /* Out of step. */
            break;
        }
        if (!insp_frames_take(&f, HEAD_SIZE, h.size - HEAD_SIZE, SHOWN,
                              &body)) {
            break;
        }
        if (h.answers || h.opcode == OP_REPLY) {
            read_reply(r, &h, body);
        } else {
            read_request(r, &h, body);
        }
    }
    return f.at;
}

const struct insp_reader insp_reader_mongodb = {
    .detect = detect,
    .read = read_bytes,
};
