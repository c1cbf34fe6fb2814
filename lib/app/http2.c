/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * HTTP/2 in clear (RFC 9113), known by the client's preface or, behind an
 * upgrade, by the server's first frame, which must be SETTINGS:
 *
 *     frame: length 24 | type 8 | flags 8 | stream 32 | payload
 *
 * Header blocks (HEADERS, PUSH_PROMISE, CONTINUATION) go to HPACK as they
 * come; a block ends a message's header, and the flag END_STREAM its stream's
 * direction.  DATA is counted and passed; of other frames RST_STREAM matters.
 *
 * A stream is a record, with the stream's number as its tag, from the
 * request's HEADERS (or the promise to push) to the end of the response.  As
 * many are followed at a time as events may be open in a connection; when one
 * more begins, that with the lowest number goes out as it is.  A response to
 * a request that was not seen has a record of its own: so has stream 1 behind
 * an upgrade, whose request was HTTP/1.
 *
 * HPACK has a memory: when bytes are missing, or what it reads makes no sense,
 * the direction cannot be read any more.
 */

#include "app/hpack.h"

#define STREAMS      INSP_EVENTS_OPEN
#define FRAME_HEAD   9
#define PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_SIZE (sizeof PREFACE - 1)
#define SETTING      6
#define SETTINGS_MAX 64
#define NO_SLOT      STREAMS
#define STREAM_MASK  0x7fffffff

enum type {
    TYPE_DATA,
    TYPE_HEADERS,
    TYPE_PRIORITY,
    TYPE_RST_STREAM,
    TYPE_SETTINGS,
    TYPE_PUSH_PROMISE,
    TYPE_PING,
    TYPE_GOAWAY,
    TYPE_WINDOW_UPDATE,
    TYPE_CONTINUATION,
};

enum {
    FLAG_END_STREAM = 0x01, /* Of SETTINGS and PING: ACK. */
    FLAG_END_HEADERS = 0x04,
    FLAG_PADDED = 0x08,
    FLAG_PRIORITY = 0x20,
};

enum step {
    STEP_BEGIN, /* At the preface, or the first frame. */
    STEP_FRAME,
    STEP_BLOCK_HEAD, /* At what stands before a header block. */
    STEP_BLOCK,
    STEP_DATA_HEAD, /* At the size of the padding. */
};

struct side {
    uint32_t stream; /* Of the frame, or of the header block. */
    uint32_t left;   /* Bytes of the frame's payload. */
    uint16_t status; /* Of the response whose header is read. */
    uint8_t step;
    uint8_t type;
    uint8_t flags;
    uint8_t padding;
    bool is_client;
    bool has_settings; /* The first frame has been seen. */
    bool in_block;     /* CONTINUATION must follow. */
    bool is_request;   /* The header block is. */
    bool ends_stream;  /* The header block does. */
};

struct state {
    struct side side[2];
    uint32_t stream[STREAMS]; /* Those that are followed; 0: free. */
    uint32_t highest[2];      /* Of even ones (pushed), of odd ones. */
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "must fit");

/* Of one direction, borrowed. */
struct memory {
    struct insp_hpack hpack;
    uint64_t length[STREAMS]; /* DATA, by place in 'stream'. */
};

_Static_assert(sizeof(struct memory) <= 448, "must be a small block");

/* What every function works on. */
struct turn {
    struct insp_reading *r;
    struct state *s;
    struct side *side;       /* That speaks. */
    struct memory *request;  /* Of the client's direction, ... */
    struct memory *response; /* ... of the server's. */
};

/* ------------------------------------------------------------------------ */
/* Detection. */

static enum insp_guess
guess_preface(const struct insp_reading *r)
{
    size_t n = INSP_MIN(r->size, PREFACE_SIZE);

    if (n && memcmp(r->bytes, PREFACE, n)) {
        return INSP_GUESS_NO;
    }
    return n == PREFACE_SIZE ? INSP_GUESS_YES : INSP_GUESS_MAYBE;
}

/* SETTINGS (RFC 9113, section 6.5), with something in it or another frame of
 * the connection behind it. */
static enum insp_guess
guess_settings(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint32_t length = (uint32_t) insp_cursor_u8(&c) << 16;
    uint8_t type, flags;
    uint32_t stream, next;

    length |= insp_cursor_be16(&c);
    if (length % SETTING || length > SETTINGS_MAX * SETTING) {
        return INSP_GUESS_NO;
    }
    type = insp_cursor_u8(&c);
    flags = insp_cursor_u8(&c);
    stream = insp_cursor_be32(&c);
    if (c.failed) {
        return r->size < 4 || type == TYPE_SETTINGS ? INSP_GUESS_MAYBE
                                                    : INSP_GUESS_NO;
    }
    if (type != TYPE_SETTINGS || flags || stream) {
        return INSP_GUESS_NO;
    }
    if (length) {
        uint16_t setting = insp_cursor_be16(&c);

        return c.failed                     ? INSP_GUESS_MAYBE
               : setting && setting <= 0x10 ? INSP_GUESS_YES
                                            : INSP_GUESS_NO;
    }
    next = insp_cursor_be32(&c);
    insp_cursor_skip(&c, 1);
    stream = insp_cursor_be32(&c);
    return c.failed ? INSP_GUESS_MAYBE
           : !stream && (next == TYPE_SETTINGS ||
                         next == (4 << 8 | TYPE_WINDOW_UPDATE))
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    enum insp_guess guess;

    if (!r->is_stream) {
        return INSP_GUESS_NO;
    }
    guess = guess_preface(r);
    return guess == INSP_GUESS_NO ? guess_settings(r) : guess;
}

/* ------------------------------------------------------------------------ */
/* Streams. */

static unsigned int
slot_of(const struct state *s, uint32_t stream)
{
    unsigned int i = 0;

    while (i < STREAMS && s->stream[i] != stream) {
        i++;
    }
    return i;
}

static struct insp_event *
event_of(const struct turn *t, uint32_t stream)
{
    return insp_event_find(t->r, INSP_APP_HTTP, stream);
}

/* The stream's record goes out. */
static void
end_stream(const struct turn *t, uint32_t stream, bool is_whole)
{
    unsigned int i = slot_of(t->s, stream);
    struct insp_event *e = event_of(t, stream);

    if (i == NO_SLOT || !stream) {
        return;
    }
    if (t->request->length[i]) {
        insp_event_uint(e, INSP_FIELD_HTTP_REQUEST_LENGTH,
                        t->request->length[i]);
    }
    if (is_whole || t->response->length[i]) {
        insp_event_uint(e, INSP_FIELD_HTTP_LENGTH, t->response->length[i]);
    }
    t->s->stream[i] = 0;
    insp_event_end(t->r, e);
}

/* A place for one more. */
static unsigned int
make_room(const struct turn *t)
{
    const uint32_t *stream = t->s->stream;
    unsigned int i = slot_of(t->s, 0);

    if (i == NO_SLOT) {
        i = 0;
        for (unsigned int j = 1; j < STREAMS; j++) {
            i = stream[j] < stream[i] ? j : i;
        }
        end_stream(t, stream[i], false);
    }
    return i;
}

static struct insp_hpack *
hpack_of(const struct turn *t)
{
    return &(t->side->is_client ? t->request : t->response)->hpack;
}

/* A header block begins: of a stream that is followed, or has been, or from
 * now on is.  Numbers only rise (RFC 9113, section 5.1.1). */
static void
begin_block(const struct turn *t)
{
    uint32_t stream = t->side->stream, *highest = &t->s->highest[stream & 1];
    struct insp_event *e;
    unsigned int i;

    insp_hpack_begin(hpack_of(t));
    t->side->status = 0;
    t->side->in_block = true;
    if (stream <= *highest) {
        return;
    }
    *highest = stream;
    i = make_room(t);
    t->s->stream[i] = stream;
    t->request->length[i] = t->response->length[i] = 0;
    e = insp_event_begin(t->r, INSP_APP_HTTP, stream);
    insp_event_text(e, INSP_FIELD_HTTP_PROTOCOL, "HTTP/2");
    insp_event_uint(e, INSP_FIELD_HTTP2_STREAM, stream);
}

/* The header block is complete. */
static void
end_block(const struct turn *t)
{
    struct side *side = t->side;

    side->in_block = false;
    if (side->ends_stream && !side->is_client && !side->is_request) {
        end_stream(t, side->stream, true);
    }
}

static void
set_status(const struct turn *t, struct insp_event *e,
           const struct insp_hpack_field *field)
{
    unsigned int status = 0;

    if (field->size != 3) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        if (field->value[i] < '0' || field->value[i] > '9') {
            return;
        }
        status = status * 10 + (field->value[i] - '0');
    }
    t->side->status = (uint16_t) status;
    insp_event_uint(e, INSP_FIELD_HTTP_STATUS, status);
    /* Interim responses have one as well: the last one counts. */
    if (insp_event_has(e, INSP_FIELD_HTTP_METHOD)) {
        insp_event_uint(e, INSP_FIELD_HTTP_LATENCY,
                        insp_event_age_us(t->r, e));
    }
}

static void
set_field(const struct turn *t, const struct insp_hpack_field *field)
{
    struct insp_event *e = event_of(t, t->side->stream);
    bool is_request = t->side->is_request;

    if (!e) {
        return;
    }
    if (field->header == INSP_HTTP_METHOD && is_request) {
        insp_http_set_text(e, INSP_FIELD_HTTP_METHOD, field->value,
                           field->size, INSP_HTTP_METHOD_MAX);
    } else if (field->header == INSP_HTTP_PATH && is_request) {
        insp_http_set_text(e, INSP_FIELD_HTTP_URL, field->value, field->size,
                           INSP_HTTP_URL_MAX);
    } else if (field->header == INSP_HTTP_STATUS && !is_request) {
        set_status(t, e, field);
    } else {
        /* Trailers have no status of their own. */
        insp_http_set(e, field->header,
                      is_request ? 0u : INSP_MAX(t->side->status, 1u),
                      field->value, field->size);
    }
}

/* ------------------------------------------------------------------------ */
/* Frames. */

/* What the reading of frames comes to. */
enum went {
    WENT_ON,
    WENT_OUT, /* Of bytes. */
    WENT_WRONG,
};

/* The rest of the frame is of no interest. */
static enum went
pass_frame(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    size_t left = insp_cursor_left(c);

    if (side->left > left) {
        insp_reading_pass(t->r, side->left - left);
    }
    insp_cursor_skip(c, INSP_MIN((size_t) side->left, left));
    side->left = 0;
    side->step = STEP_FRAME;
    return WENT_ON;
}

/* A frame of DATA, without its padding. */
static enum went
count_data(const struct turn *t, struct insp_cursor *c, uint32_t size)
{
    const struct side *side = t->side;
    struct memory *memory = side->is_client ? t->request : t->response;
    unsigned int i = slot_of(t->s, side->stream);

    if (i != NO_SLOT && side->stream) {
        memory->length[i] += size;
        if (side->flags & FLAG_END_STREAM && !side->is_client) {
            end_stream(t, side->stream, true);
        }
    }
    return pass_frame(t, c);
}

/* The size of the padding comes first (section 6.1). */
static enum went
read_data_head(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    uint8_t padding;

    if (!side->left) {
        return WENT_WRONG;
    }
    if (!insp_cursor_left(c)) {
        return WENT_OUT;
    }
    padding = insp_cursor_u8(c);
    side->left--;
    return padding > side->left ? WENT_WRONG
                                : count_data(t, c, side->left - padding);
}

/* What stands before the header block (sections 6.2, 6.6). */
static enum went
read_block_head(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    uint8_t flags = side->flags;
    bool is_promise = side->type == TYPE_PUSH_PROMISE;
    uint32_t size = (flags & FLAG_PADDED ? 1 : 0) + (is_promise ? 4 : 0) +
                    (!is_promise && flags & FLAG_PRIORITY ? 5 : 0);

    if (side->left < size) {
        return WENT_WRONG;
    }
    if (insp_cursor_left(c) < size) {
        return WENT_OUT;
    }
    side->left -= size;
    side->padding = flags & FLAG_PADDED ? insp_cursor_u8(c) : 0;
    if (is_promise) {
        side->stream = insp_cursor_be32(c) & STREAM_MASK;
    } else if (flags & FLAG_PRIORITY) {
        insp_cursor_skip(c, 5);
    }
    if (side->padding > side->left || !side->stream) {
        return WENT_WRONG;
    }
    side->is_request = side->is_client || is_promise;
    side->ends_stream = !is_promise && flags & FLAG_END_STREAM;
    side->step = STEP_BLOCK;
    begin_block(t);
    return WENT_ON;
}

/* A value may be cut anywhere: then what there is of it is kept, in memory
 * that is borrowed for so long. */
static unsigned int
place_of_value(const struct turn *t)
{
    return t->side->is_client ? 2 : 3;
}

static void
take_value(const struct turn *t, const struct insp_hpack *hpack,
           uint8_t *value)
{
    size_t size = insp_hpack_kept(hpack);

    if (size) {
        const uint8_t *kept =
            insp_reading_memory(t->r, place_of_value(t), size);

        memcpy(value, kept, size);
        insp_reading_free_memory(t->r, place_of_value(t));
    }
}

static void
keep_value(const struct turn *t, struct insp_hpack *hpack,
           const uint8_t *value)
{
    size_t size = insp_hpack_kept(hpack);
    uint8_t *kept =
        size ? insp_reading_memory(t->r, place_of_value(t), size) : NULL;

    if (kept) {
        memcpy(kept, value, size);
    } else if (size) {
        insp_hpack_forget(hpack);
    }
}

static enum went
read_block(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    struct insp_hpack *hpack = hpack_of(t);
    uint8_t value[INSP_HPACK_VALUE_MAX];
    size_t size =
        INSP_MIN((size_t) side->left - side->padding, insp_cursor_left(c));
    struct insp_cursor block = insp_cursor_sub(c, size);
    struct insp_hpack_field field;
    enum insp_hpack_result result;

    side->left -= (uint32_t) size;
    take_value(t, hpack, value);
    while ((result = insp_hpack_next(hpack, &block, value, &field)) ==
           INSP_HPACK_FIELD) {
        set_field(t, &field);
    }
    keep_value(t, hpack, value);
    if (result == INSP_HPACK_BAD) {
        return WENT_WRONG;
    }
    if (side->left > side->padding) {
        return WENT_OUT;
    }
    if (side->flags & FLAG_END_HEADERS) {
        if (!insp_hpack_is_whole(hpack)) {
            return WENT_WRONG;
        }
        end_block(t);
    }
    return pass_frame(t, c);
}

/* Whether a frame may stand where it does. */
static bool
may_follow(struct side *side)
{
    if (!side->has_settings) { /* Section 3.4. */
        side->has_settings = true;
        return side->type == TYPE_SETTINGS && !side->stream;
    }
    return side->in_block == (side->type == TYPE_CONTINUATION);
}

static enum went
read_frame_head(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    uint32_t stream;

    if (insp_cursor_left(c) < FRAME_HEAD) {
        return WENT_OUT;
    }
    side->left = (uint32_t) insp_cursor_u8(c) << 16;
    side->left |= insp_cursor_be16(c);
    side->type = insp_cursor_u8(c);
    side->flags = insp_cursor_u8(c);
    stream = insp_cursor_be32(c) & STREAM_MASK;
    /* Promised headers go on by the number of another stream. */
    if (!side->in_block) {
        side->stream = stream;
    }
    if (!may_follow(side)) {
        return WENT_WRONG;
    }
    switch (side->type) {
    case TYPE_DATA:
        if (!(side->flags & FLAG_PADDED)) {
            return count_data(t, c, side->left);
        }
        side->step = STEP_DATA_HEAD;
        return WENT_ON;
    case TYPE_HEADERS: side->step = STEP_BLOCK_HEAD; return WENT_ON;
    case TYPE_PUSH_PROMISE:
        if (side->is_client) {
            return WENT_WRONG;
        }
        side->step = STEP_BLOCK_HEAD;
        return WENT_ON;
    case TYPE_CONTINUATION:
        side->padding = 0;
        side->step = STEP_BLOCK;
        return WENT_ON;
    case TYPE_RST_STREAM: end_stream(t, side->stream, false); break;
    default: break;
    }
    return pass_frame(t, c);
}

/* Only the client says the preface. */
static enum went
read_begin(const struct turn *t, struct insp_cursor *c)
{
    struct side *side = t->side;
    size_t n = INSP_MIN(insp_cursor_left(c), PREFACE_SIZE);

    if (n && c->at[0] == (uint8_t) PREFACE[0]) {
        if (memcmp(c->at, PREFACE, n)) {
            return WENT_WRONG;
        }
        if (n < PREFACE_SIZE) {
            return WENT_OUT;
        }
        insp_cursor_skip(c, n);
        side->is_client = true;
    }
    side->step = STEP_FRAME;
    return WENT_ON;
}

static enum went
read_step(const struct turn *t, struct insp_cursor *c)
{
    switch ((enum step) t->side->step) {
    case STEP_BEGIN: return read_begin(t, c);
    case STEP_FRAME: return read_frame_head(t, c);
    case STEP_DATA_HEAD: return read_data_head(t, c);
    case STEP_BLOCK_HEAD: return read_block_head(t, c);
    case STEP_BLOCK: return read_block(t, c);
    }
    return WENT_WRONG;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct state *s = r->state;
    struct turn t = {
        .r = r,
        .s = s,
        .side = &s->side[r->side],
        .request = insp_reading_memory(r, 0, sizeof *t.request),
        .response = insp_reading_memory(r, 1, sizeof *t.response),
    };
    enum went went = WENT_ON;

    if (!t.request || !t.response) {
        insp_reading_stop(r);
        return r->size;
    }
    while (went == WENT_ON && insp_cursor_left(&c)) {
        went = read_step(&t, &c);
    }
    if (went == WENT_WRONG ||
        (r->is_last && t.side->has_settings && !t.side->is_client)) {
        insp_reading_stop(r);
    }
    return r->size - insp_cursor_left(&c);
}

const struct insp_reader insp_reader_http2 = {
    .detect = detect,
    .read = read_bytes,
};
