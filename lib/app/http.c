/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * HTTP/1 (RFC 9112): each side says messages, one behind the other:
 *
 *     START --> HEADER ... --> body --> START
 *                 |
 *                 +--> 1xx: START    101, CONNECT: another protocol
 *
 * A header line is looked at as soon as it is complete and then forgotten, so
 * a header may be as long as it likes (http-field.c reads what a field says);
 * a single line is cut behind INSP_HTTP_LINE_MAX, and the rest of it passed
 * over.  Bodies are not shown at all, but for the last byte, which says that
 * the message is over.
 *
 * Requests are numbered; responses answer them in order (section 9.3.2).  A
 * record, with that number as its tag, begins with the request and ends with
 * the response's last byte.  A response that nobody has asked for, because the
 * request was not seen, has a record of its own.  What a response's length
 * depends on, the method, is kept for the last METHODS_KEPT requests.
 *
 * Length of a body (section 6.3), and where readers differ, which is what
 * request smuggling lives by: a final "chunked" goes before Content-Length;
 * of several different Content-Lengths the first counts; one that is no number
 * is none; a request with another transfer coding than a final "chunked" has
 * the body that Content-Length says, or none; a response with it ends with the
 * connection; blanks before the colon and folded lines are read as if they
 * were allowed.  The record of each says "ambiguous".
 *
 * Behind a gap reading goes on at the next start of a message.  Of requests
 * without an answer the newest is then taken to be the one that is answered,
 * as clients that do not pipeline would have it.
 */

#include "app/http-private.h"

#include <stddef.h>

/* What is read of a line that is longer than INSP_HTTP_LINE_MAX: the end of it
 * is seen again. */
#define LINE_CUT_SIZE (INSP_HTTP_LINE_MAX - 16)

#define CHUNK_LINE_MAX 512
#define METHODS_KEPT   64
#define LOST_MAX       32 /* Shows without a message, then no more. */
#define OTHER_SIZE     16 /* Of what is said instead of an answer. */

#define NO_TAG UINT32_MAX /* Response without a request. */

enum step {
    STEP_START,
    STEP_START_REST, /* Of a start line that was cut. */
    STEP_HEADER,
    STEP_HEADER_REST,
    STEP_BODY,      /* At its last byte. */
    STEP_CHUNK,     /* At a chunk's size. */
    STEP_CHUNK_END, /* Behind its data. */
    STEP_TRAILER,
    STEP_TRAILER_REST,
    STEP_TO_END, /* The body ends with the connection. */
    STEP_LOST,
};

struct state {
    struct insp_http_side side[2];
    uint32_t n_requests;
    uint32_t n_answered;
    uint64_t heads; /* Bit: a request's number % METHODS_KEPT. */
    uint64_t connects;
    uint64_t simples; /* HTTP/0.9. */
    uint8_t client;   /* Side that asks, plus 1; 0: not known. */
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "must fit");

/* ------------------------------------------------------------------------ */
/* Detection. */

static bool
is_client(const struct insp_reading *r, const struct state *s)
{
    return s->client == r->side + 1;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess;

    if (!r->is_stream) {
        return INSP_GUESS_NO;
    }
    /* Empty lines before a message are passed over (section 2.2). */
    for (int i = 0;
         i < 4 && insp_cursor_left(&c) && (c.at[0] == '\r' || c.at[0] == '\n');
         i++) {
        insp_cursor_skip(&c, 1);
    }
    guess = insp_http_guess_response(c.at, insp_cursor_left(&c));
    if (guess == INSP_GUESS_NO) {
        guess = insp_http_guess_request(c.at, insp_cursor_left(&c));
    }
    return guess;
}

static size_t
seek(const struct insp_reading *r)
{
    const struct state *s = r->state;

    if (!r->size) {
        return 0;
    }
    if (!s->client) {
        return detect(r) == INSP_GUESS_YES ? 0 : r->size;
    }
    return is_client(r, s) ? insp_http_seek_request(r->bytes, r->size)
                           : insp_http_seek_response(r->bytes, r->size);
}

/* ------------------------------------------------------------------------ */
/* Lines. */

enum taken {
    TAKEN_NONE, /* It is not complete. */
    TAKEN_LINE,
    TAKEN_CUT, /* Its first LINE_CUT_SIZE bytes. */
};

/* The next line, with its end.  One that 'folds' goes on with the next when
 * that begins with a blank (section 5.2), which has to be seen first. */
static enum taken
take_line(const struct insp_reading *r, struct insp_cursor *c, bool folds,
          struct insp_text *line)
{
    size_t left = insp_cursor_left(c),
           max = INSP_MIN(left, INSP_HTTP_LINE_MAX);
    size_t size = 0;

    do {
        const uint8_t *end =
            size < max ? memchr(c->at + size, '\n', max - size) : NULL;

        if (!end) {
            if (left < INSP_HTTP_LINE_MAX) {
                return TAKEN_NONE;
            }
            *line = (struct insp_text){ c->at, LINE_CUT_SIZE };
            insp_cursor_skip(c, LINE_CUT_SIZE);
            return TAKEN_CUT;
        }
        size = (size_t) (end - c->at) + 1;
        folds = folds && !(size == 1 || (size == 2 && c->at[0] == '\r'));
    } while (folds && size < left &&
             (c->at[size] == ' ' || c->at[size] == '\t'));
    if (folds && size == left && !r->is_last) {
        return TAKEN_NONE;
    }
    *line = (struct insp_text){ c->at, size };
    insp_cursor_skip(c, size);
    return TAKEN_LINE;
}

/* Passes over the rest of a line that was cut; false: there is more of it.
 * 'keep' bytes before its end stay to be seen. */
static bool
skip_line(struct insp_cursor *c, size_t keep, struct insp_text *end_of_line)
{
    size_t left = insp_cursor_left(c);
    const uint8_t *end = memchr(c->at, '\n', left);

    if (!end) {
        insp_cursor_skip(c, left > keep ? left - keep : 0);
        return false;
    }
    *end_of_line = (struct insp_text){ c->at, (size_t) (end - c->at) + 1 };
    insp_cursor_skip(c, end_of_line->size);
    return true;
}

/* ------------------------------------------------------------------------ */
/* Messages. */

static uint64_t
bit_of(uint32_t tag)
{
    return UINT64_C(1) << tag % METHODS_KEPT;
}

static void
set_bit(uint64_t *bits, uint32_t tag, bool on)
{
    *bits = on ? *bits | bit_of(tag) : *bits & ~bit_of(tag);
}

/* Whether the request that a response answers was seen and has that bit. */
static bool
was(const struct state *s, const struct insp_http_side *side, uint64_t bits)
{
    return side->tag != NO_TAG && s->n_requests - side->tag <= METHODS_KEPT &&
           bits & bit_of(side->tag);
}

static void
begin_next(struct insp_http_side *side)
{
    uint8_t n_lost = side->n_lost;

    memset(side, 0, sizeof *side);
    side->n_lost = n_lost;
}

/* A response is over, or nothing more of it can be read. */
static void
end_response(struct insp_reading *r, struct state *s,
             struct insp_http_side *side)
{
    insp_event_end(r, insp_http_event_of(r, side));
    if (side->tag != NO_TAG) {
        s->n_answered = side->tag + 1;
    }
    begin_next(side);
}

/* The body's last byte was seen. */
static void
end_message(struct insp_reading *r, struct state *s,
            struct insp_http_side *side)
{
    struct insp_event *e = insp_http_event_of(r, side);

    if (!is_client(r, s)) {
        insp_event_uint(e, INSP_FIELD_HTTP_LENGTH, side->body);
        end_response(r, s, side);
        return;
    }
    if (side->body) {
        insp_event_uint(e, INSP_FIELD_HTTP_REQUEST_LENGTH, side->body);
    }
    begin_next(side);
}

/* What follows is not understood. */
static void
lose(struct insp_reading *r, struct state *s, struct insp_http_side *side)
{
    if (!is_client(r, s) && side->status) {
        end_response(r, s, side);
    } else {
        begin_next(side);
    }
    side->step = STEP_LOST;
}

/* Another protocol follows; what is open was not answered. */
static void
change_protocol(struct insp_reading *r, bool is_read)
{
    struct insp_event *e;

    while ((e = insp_event_oldest(r, INSP_APP_HTTP)) != NULL) {
        insp_event_end(r, e);
    }
    if (is_read) {
        insp_reading_again(r);
    } else {
        insp_reading_stop(r);
    }
}

/* 'n' bytes, of which some may not have come yet. */
static void
pass(struct insp_reading *r, struct insp_cursor *c, uint64_t n)
{
    size_t left = insp_cursor_left(c);

    if (n > left) {
        insp_reading_pass(r, n - left);
        n = left;
    }
    insp_cursor_skip(c, (size_t) n);
}

static void
begin_body_to_end(struct insp_reading *r, struct insp_http_side *side,
                  struct insp_cursor *c)
{
    side->step = STEP_TO_END;
    side->length = insp_cursor_left(c);
    pass(r, c, side->length + INSP_HTTP_TO_THE_END);
}

/* ------------------------------------------------------------------------ */
/* Start of a message. */

static void
set_version(struct insp_event *e, struct insp_http_side *side,
            const uint8_t *at, size_t size)
{
    insp_http_set_text(e, INSP_FIELD_HTTP_PROTOCOL, at, size,
                       INSP_HTTP_VERSION_MAX);
    if (size < 8 || at[5] == '0' || (at[5] == '1' && at[7] == '0')) {
        side->flags |= INSP_HTTP_OLD;
    }
}

static void
begin_request(struct insp_reading *r, struct state *s,
              struct insp_http_side *side,
              const struct insp_http_request *request)
{
    const uint8_t *method = request->method.at;
    size_t size = request->method.size;
    struct insp_event *e;

    if (s->n_requests == NO_TAG) {
        s->n_requests = s->n_answered = 0;
    }
    side->tag = s->n_requests++;
    side->status = 0;
    set_bit(&s->heads, side->tag, insp_text_is(method, size, "head"));
    set_bit(&s->connects, side->tag, insp_text_is(method, size, "connect"));
    set_bit(&s->simples, side->tag, false);
    e = insp_event_begin(r, INSP_APP_HTTP, side->tag);
    insp_http_set_text(e, INSP_FIELD_HTTP_METHOD, method, size,
                       INSP_HTTP_METHOD_MAX);
    insp_http_set_text(e, INSP_FIELD_HTTP_URL, request->target.at,
                       request->target.size, INSP_HTTP_URL_MAX);
    if (e) {
        insp_http_set_target_host(e, request);
    }
}

static void
begin_response(struct insp_reading *r, struct insp_http_side *side,
               const struct insp_text *line)
{
    struct insp_event *e = insp_http_event_of(r, side);
    struct insp_text reason = insp_text_trim(line->at + 12, line->size - 12);

    side->status =
        (uint16_t) ((line->at[9] - '0') * 100 + (line->at[10] - '0') * 10 +
                    (line->at[11] - '0'));
    if (side->tag == NO_TAG && !e) {
        e = insp_event_begin(r, INSP_APP_HTTP, NO_TAG);
    }
    set_version(e, side, line->at, 8);
    insp_event_uint(e, INSP_FIELD_HTTP_STATUS, side->status);
    /* Interim responses have their own phrase, which is not the answer's. */
    if (side->status >= 200 || side->status == 101) {
        insp_http_set_text(e, INSP_FIELD_HTTP_REASON, reason.at, reason.size,
                           INSP_HTTP_VALUE_MAX);
    }
    side->step = STEP_HEADER;
}

/* A request's line, or as much of it as is looked at. */
static void
read_request_line(struct insp_reading *r, struct state *s,
                  struct insp_http_side *side, const struct insp_text *line,
                  enum taken taken)
{
    struct insp_http_request request = { { NULL, 0 },
                                         { NULL, 0 },
                                         { NULL, 0 } };
    bool may_be;

    if (taken == TAKEN_CUT) {
        request.method.at = line->at;
        request.method.size =
            insp_http_method_size(line->at, line->size, &may_be);
        if (!request.method.size) {
            lose(r, s, side);
            return;
        }
        request.target = insp_text_trim(line->at + request.method.size,
                                        line->size - request.method.size);
        begin_request(r, s, side, &request);
        side->step = STEP_START_REST;
        return;
    }
    if (!insp_http_parse_request(line->at, line->size, &request)) {
        lose(r, s, side);
        return;
    }
    begin_request(r, s, side, &request);
    set_version(insp_http_event_of(r, side), side, request.version.at,
                request.version.size);
    if (request.version.size) {
        side->step = STEP_HEADER;
    } else {
        set_bit(&s->simples, side->tag, true);
        end_message(r, s, side);
    }
}

/* Who says it is known by the first message. */
static void
set_roles(const struct insp_reading *r, struct state *s,
          const struct insp_cursor *c)
{
    if (!s->client) {
        bool is_response =
            insp_http_guess_response(c->at, insp_cursor_left(c)) ==
            INSP_GUESS_YES;

        s->client = (uint8_t) ((is_response ? !r->side : r->side) + 1);
    }
}

/* Who was asked in HTTP may speak something else, and say so. */
static bool
answers_otherwise(const struct insp_reading *r, const struct state *s,
                  const struct insp_cursor *c)
{
    if (s->n_answered || c->at != r->bytes) {
        return false;
    }
    for (unsigned int i = INSP_APP_UNKNOWN + 1; i < INSP_N_APPS_READ; i++) {
        if (i != INSP_APP_HTTP &&
            insp_reader_of((enum insp_app) i)->detect(r) == INSP_GUESS_YES) {
            return true;
        }
    }
    return false;
}

/* The first bytes of what should be a response have come; whether it goes on
 * with a status line. */
static bool
note_response(struct insp_reading *r, struct state *s,
              struct insp_http_side *side, struct insp_cursor *c)
{
    enum insp_guess guess =
        insp_http_guess_response(c->at, insp_cursor_left(c));
    bool is_simple;

    if (guess == INSP_GUESS_NO && answers_otherwise(r, s, c)) {
        change_protocol(r, true);
        return false;
    }
    if (!side->has_begun) {
        side->has_begun = true;
        side->tag = s->n_answered != s->n_requests ? s->n_answered : NO_TAG;
    }
    is_simple = was(s, side, s->simples);
    if (guess == INSP_GUESS_NO && !is_simple) {
        /* Some more bytes may tell what it is. */
        if (s->n_answered || r->size >= OTHER_SIZE || r->is_last) {
            lose(r, s, side);
        }
        return false;
    }
    if (!side->is_timed && side->tag != NO_TAG) {
        struct insp_event *e = insp_http_event_of(r, side);

        insp_event_uint(e, INSP_FIELD_HTTP_LATENCY, insp_event_age_us(r, e));
    }
    side->is_timed = true;
    if (guess == INSP_GUESS_NO) {
        begin_body_to_end(r, side, c);
        return false;
    }
    return true;
}

static bool
read_start(struct insp_reading *r, struct state *s,
           struct insp_http_side *side, struct insp_cursor *c)
{
    struct insp_text line;
    enum taken taken;

    while (insp_cursor_left(c) && (c->at[0] == '\r' || c->at[0] == '\n')) {
        insp_cursor_skip(c, 1);
    }
    if (!insp_cursor_left(c)) {
        return false;
    }
    set_roles(r, s, c);
    if (!is_client(r, s) && !note_response(r, s, side, c)) {
        return side->step == STEP_LOST;
    }
    taken = take_line(r, c, false, &line);
    if (taken == TAKEN_NONE) {
        return false;
    }
    if (is_client(r, s)) {
        read_request_line(r, s, side, &line, taken);
    } else if (insp_http_is_status_line(line.at, line.size)) {
        begin_response(r, side, &line);
        if (taken == TAKEN_CUT) {
            side->step = STEP_START_REST;
        }
    } else {
        lose(r, s, side);
    }
    return true;
}

/* The end of a start line that was cut has a request's version. */
static bool
read_start_rest(struct insp_reading *r, struct insp_http_side *side,
                struct insp_cursor *c)
{
    struct insp_text end;

    if (!skip_line(c, INSP_HTTP_VERSION_MAX + 3, &end)) {
        return false;
    }
    side->step = STEP_HEADER;
    if (!side->status) {
        struct insp_text line = insp_text_trim(end.at, end.size);
        size_t size = insp_http_version_size(line.at, line.size);

        set_version(insp_http_event_of(r, side), side,
                    line.at + line.size - size, size);
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Header. */

static void
begin_body(struct insp_reading *r, struct state *s,
           struct insp_http_side *side, struct insp_cursor *c)
{
    if (side->flags & INSP_HTTP_CHUNKED) {
        side->step = STEP_CHUNK;
    } else if (side->status && (side->flags & INSP_HTTP_CODED ||
                                !(side->flags & INSP_HTTP_HAS_LENGTH))) {
        begin_body_to_end(r, side, c);
    } else if (side->flags & INSP_HTTP_HAS_LENGTH && side->length) {
        side->step = STEP_BODY;
        pass(r, c, side->length - 1);
    } else {
        end_message(r, s, side);
    }
}

/* Section 6.3. */
static bool
end_header(struct insp_reading *r, struct state *s,
           struct insp_http_side *side, struct insp_cursor *c)
{
    unsigned int status = side->status;

    if (side->flags & INSP_HTTP_CODED &&
        (side->flags &
             (INSP_HTTP_HAS_LENGTH | INSP_HTTP_BAD_LENGTH | INSP_HTTP_OLD) ||
         (!status && !(side->flags & INSP_HTTP_CHUNKED)))) {
        insp_http_set_ambiguous(r, side);
    }
    if (status == 101) {
        change_protocol(r, !(side->flags & INSP_HTTP_OPAQUE));
        return false;
    } else if (status / 100 == 1) {
        begin_next(side);
    } else if (status / 100 == 2 && was(s, side, s->connects)) {
        change_protocol(r, true);
        return false;
    } else if (status &&
               (status == 204 || status == 304 || was(s, side, s->heads))) {
        end_message(r, s, side);
    } else {
        begin_body(r, s, side, c);
    }
    return true;
}

static bool
read_header(struct insp_reading *r, struct state *s,
            struct insp_http_side *side, struct insp_cursor *c)
{
    struct insp_text line;
    enum taken taken = take_line(r, c, true, &line);
    bool is_trailer = side->step == STEP_TRAILER;

    if (taken == TAKEN_NONE) {
        return false;
    }
    if (taken == TAKEN_CUT) {
        side->step = is_trailer ? STEP_TRAILER_REST : STEP_HEADER_REST;
    }
    if (!insp_text_trim(line.at, line.size).size && taken == TAKEN_LINE) {
        if (is_trailer) {
            end_message(r, s, side);
            return true;
        }
        return end_header(r, s, side, c);
    }
    if (!is_trailer) {
        insp_http_read_field(r, side, &line);
    }
    return true;
}

static bool
read_header_rest(struct insp_http_side *side, struct insp_cursor *c)
{
    struct insp_text end;

    if (!skip_line(c, 0, &end)) {
        return false;
    }
    side->step = side->step == STEP_TRAILER_REST ? STEP_TRAILER : STEP_HEADER;
    return true;
}

/* ------------------------------------------------------------------------ */
/* Body. */

static bool
read_last_byte(struct insp_reading *r, struct state *s,
               struct insp_http_side *side, struct insp_cursor *c)
{
    if (!insp_cursor_skip(c, 1)) {
        return false;
    }
    side->body = side->length;
    end_message(r, s, side);
    return true;
}

static int
hex_digit(uint8_t c)
{
    return insp_text_is_digit(c) ? c - '0'
           : insp_text_lower(c) >= 'a' && insp_text_lower(c) <= 'f'
               ? insp_text_lower(c) - 'a' + 10
               : -1;
}

/* "SIZE[;EXTENSIONS]" (section 7.1); false: it is none. */
static bool
parse_chunk_size(const struct insp_text *line, uint64_t *size)
{
    struct insp_text text = insp_text_trim(line->at, line->size);
    size_t n = 0;

    *size = 0;
    while (n < text.size && hex_digit(text.at[n]) >= 0) {
        if (*size >= INSP_HTTP_TO_THE_END >> 4) {
            return false;
        }
        *size = *size << 4 | (unsigned int) hex_digit(text.at[n]);
        n++;
    }
    return n && (n == text.size || text.at[n] == ';' ||
                 insp_text_is_blank(text.at[n]));
}

static bool
read_chunk(struct insp_reading *r, struct state *s,
           struct insp_http_side *side, struct insp_cursor *c)
{
    const uint8_t *end =
        memchr(c->at, '\n', INSP_MIN(insp_cursor_left(c), CHUNK_LINE_MAX));
    struct insp_text line;
    uint64_t size;

    if (!end && insp_cursor_left(c) < CHUNK_LINE_MAX) {
        return false;
    }
    line.size = end ? (size_t) (end - c->at) + 1 : CHUNK_LINE_MAX;
    line.at = insp_cursor_take(c, line.size);
    if (!end || !parse_chunk_size(&line, &size) ||
        side->body > INSP_HTTP_TO_THE_END - size) {
        insp_http_set_ambiguous(r, side);
        lose(r, s, side);
        return true;
    }
    if (!size) {
        side->step = STEP_TRAILER;
        return true;
    }
    side->body += size;
    side->step = STEP_CHUNK_END;
    pass(r, c, size);
    return true;
}

static bool
read_chunk_end(struct insp_reading *r, struct state *s,
               struct insp_http_side *side, struct insp_cursor *c)
{
    size_t left = insp_cursor_left(c);

    if (!left || (left == 1 && c->at[0] == '\r')) {
        return false;
    }
    if (c->at[0] == '\r') {
        insp_cursor_skip(c, 1);
    }
    if (insp_cursor_u8(c) != '\n') {
        insp_http_set_ambiguous(r, side);
        lose(r, s, side);
        return true;
    }
    side->step = STEP_CHUNK;
    return true;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static bool
read_step(struct insp_reading *r, struct state *s, struct insp_http_side *side,
          struct insp_cursor *c)
{
    if (!insp_cursor_left(c)) {
        return false;
    }
    switch ((enum step) side->step) {
    case STEP_START: return read_start(r, s, side, c);
    case STEP_START_REST: return read_start_rest(r, side, c);
    case STEP_HEADER:
    case STEP_TRAILER: return read_header(r, s, side, c);
    case STEP_HEADER_REST:
    case STEP_TRAILER_REST: return read_header_rest(side, c);
    case STEP_BODY: return read_last_byte(r, s, side, c);
    case STEP_CHUNK: return read_chunk(r, s, side, c);
    case STEP_CHUNK_END: return read_chunk_end(r, s, side, c);
    case STEP_TO_END: return false;
    case STEP_LOST: insp_cursor_skip(c, insp_cursor_left(c)); return false;
    }
    return false;
}

/* Bytes are missing; a message begins behind them. */
static void
mend(struct insp_reading *r, struct state *s, struct insp_http_side *side)
{
    if (is_client(r, s)) {
        begin_next(side);
        return;
    }
    if (side->step == STEP_BODY) {
        side->body = side->length;
        end_message(r, s, side);
    } else if (side->status || side->step == STEP_TO_END) {
        end_response(r, s, side);
    } else {
        begin_next(side);
    }
    if (s->n_requests - s->n_answered > INSP_EVENTS_OPEN) {
        s->n_answered = s->n_requests - INSP_EVENTS_OPEN;
    }
    while (s->n_requests - s->n_answered > 1) {
        insp_event_end(r, insp_event_find(r, INSP_APP_HTTP, s->n_answered));
        s->n_answered++;
    }
}

/* Nothing follows: a body that ends here, or was broken off. */
static void
end_side(struct insp_reading *r, struct state *s, struct insp_http_side *side)
{
    uint64_t missing = r->pass ? r->pass : r->unpassed;

    switch ((enum step) side->step) {
    case STEP_TO_END:
        side->body = side->length + INSP_HTTP_TO_THE_END - missing;
        break;
    case STEP_BODY: side->body = side->length - 1 - missing; break;
    case STEP_CHUNK_END: side->body -= missing; break;
    case STEP_CHUNK:
    case STEP_TRAILER:
    case STEP_TRAILER_REST: break;
    case STEP_START:
    case STEP_START_REST:
    case STEP_HEADER:
    case STEP_HEADER_REST:
    case STEP_LOST: side = NULL; break;
    }
    if (side) {
        end_message(r, s, side);
    }
    if (s->client && !is_client(r, s)) {
        insp_reading_stop(r);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_http_side *side = &s->side[r->side];
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (r->after_gap) {
        mend(r, s, side);
    }
    if (side->step == STEP_LOST) {
        insp_cursor_skip(&c, seek(r));
        if (insp_cursor_left(&c)) {
            side->step = STEP_START;
        } else if (r->size && ++side->n_lost == LOST_MAX) {
            insp_reading_stop_side(r);
        }
    }
    while (read_step(r, s, side, &c)) {
        continue;
    }
    if (r->is_last && !r->again && !r->stop) {
        end_side(r, s, side);
    }
    return r->size - insp_cursor_left(&c);
}

const struct insp_reader insp_reader_http = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
    .seek = seek,
};
