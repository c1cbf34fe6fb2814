/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * RFC 3261: a line that asks or answers, headers, an empty line, a body.  Over
 * UDP a datagram is a message, over TCP the header Content-Length says where
 * it ends (section 18.3), and the body is passed.
 *
 * A question begins a record and its final answer, of 200 or more, ends it
 * (section 17); both have the same Call-ID and CSeq, of which the tag is a
 * hash.  An ACK has no answer, its record goes out at once.
 *
 * Empty lines between messages keep connections alive (RFC 5626, section
 * 3.5.1).
 */

#include "app/event.h"

#define HEAD_MAX    INSP_READER_WAIT /* Bytes of headers. */
#define HEADERS_MAX 128
#define METHOD_MAX  32
#define URI_MAX     1024
#define TEXT_MAX    256

#define VERSION "SIP/2.0"

struct sip_state {
    uint16_t looked[2]; /* Bytes without an end of the headers. */
};
_Static_assert(sizeof(struct sip_state) <= INSP_READER_STATE, "state");

struct text {
    const uint8_t *at;
    size_t size;
};

struct message {
    bool is_answer;
    struct text method; /* Of a question... */
    struct text uri;
    struct text code; /* ... or of an answer. */
    struct text reason;
    struct text from, to, call_id, cseq, agent, server;
    uint32_t body_size;
};

static bool
is_text(struct text t, const char *word)
{
    return t.size == strlen(word) && !memcmp(t.at, word, t.size);
}

static uint8_t
lower(uint8_t c)
{
    return (uint8_t) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Section 7.3.1: names of headers in any letter case. */
static bool
is_name(struct text t, const char *name)
{
    if (t.size != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < t.size; i++) {
        if (lower(t.at[i]) != (uint8_t) name[i]) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Is it SIP? */

/* Whether 'word' stands at 'at', in any letter case. */
static enum insp_guess
starts_with(const uint8_t *at, size_t size, const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        if (i == size) {
            return INSP_GUESS_MAYBE;
        }
        if (lower(at[i]) != (uint8_t) word[i]) {
            return INSP_GUESS_NO;
        }
    }
    return INSP_GUESS_YES;
}

/* A method, a blank, an address of SIP or of a telephone. */
static enum insp_guess
guess_question(const uint8_t *at, size_t size)
{
    static const char *const schemes[] = { "sip:", "sips:", "tel:" };
    enum insp_guess best = INSP_GUESS_NO;
    size_t n = 0;

    while (n < size && n <= METHOD_MAX && at[n] >= 'A' && at[n] <= 'Z') {
        n++;
    }
    if (n == size && n && n <= METHOD_MAX) {
        return INSP_GUESS_MAYBE;
    }
    if (n < 3 || n > METHOD_MAX || at[n] != ' ') {
        return INSP_GUESS_NO;
    }
    n++;
    for (size_t i = 0; i < INSP_ARRAY_SIZE(schemes); i++) {
        enum insp_guess guess = starts_with(at + n, size - n, schemes[i]);

        best = INSP_MAX(best, guess);
    }
    return best;
}

static enum insp_guess
guess_line(const uint8_t *at, size_t size)
{
    enum insp_guess answer = starts_with(at, size, "sip/2.0 ");
    enum insp_guess question = guess_question(at, size);

    return INSP_MAX(answer, question);
}

/* Empty lines in front are passed over. */
static size_t
skip_empty(const uint8_t *at, size_t size)
{
    size_t n = 0;

    while (n < size && (at[n] == '\r' || at[n] == '\n')) {
        n++;
    }
    return n;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    size_t n = skip_empty(r->bytes, INSP_MIN(r->size, 8));
    enum insp_guess guess;

    if (!r->size || (!r->is_stream && r->proto != 17)) {
        return INSP_GUESS_NO;
    }
    guess = guess_line(r->bytes + n, r->size - n);
    return guess == INSP_GUESS_MAYBE && !r->is_stream ? INSP_GUESS_NO : guess;
}

/* ------------------------------------------------------------------------ */
/* One message. */

/* The next line, without its end; false: there is none. */
static bool
next_line(struct insp_cursor *c, struct text *line)
{
    size_t left = insp_cursor_left(c);
    const uint8_t *end = left ? memchr(c->at, '\n', left) : NULL;

    if (!left) {
        return false;
    }
    line->size = end ? (size_t) (end - c->at) : left;
    line->at = insp_cursor_take(c, line->size);
    if (end) {
        insp_cursor_skip(c, 1);
    }
    if (line->size && line->at[line->size - 1] == '\r') {
        line->size--;
    }
    return true;
}

/* What stands before 'mark', which is passed; all of it when there is none. */
static struct text
cut(struct text *t, uint8_t mark)
{
    const uint8_t *at = t->size ? memchr(t->at, mark, t->size) : NULL;
    struct text before = *t;

    if (at) {
        before.size = (size_t) (at - t->at);
        t->at = at + 1;
        t->size -= before.size + 1;
    } else {
        t->size = 0;
    }
    return before;
}

static struct text
trim(struct text t)
{
    while (t.size && (*t.at == ' ' || *t.at == '\t')) {
        t.at++;
        t.size--;
    }
    while (t.size && (t.at[t.size - 1] == ' ' || t.at[t.size - 1] == '\t')) {
        t.size--;
    }
    return t;
}

/* METHOD URI SIP/2.0, or SIP/2.0 CODE REASON. */
static bool
read_first_line(struct message *m, struct text line)
{
    struct text first = cut(&line, ' ');

    if (is_text(first, VERSION)) {
        m->is_answer = true;
        m->code = cut(&line, ' ');
        m->reason = line;
        return m->code.size == 3 && m->code.at[0] >= '1' &&
               m->code.at[0] <= '6';
    }
    m->method = first;
    m->uri = cut(&line, ' ');
    return first.size && first.size <= METHOD_MAX && is_text(line, VERSION);
}

static uint32_t
number_of(struct text t)
{
    uint32_t n = 0;

    for (size_t i = 0; i < t.size && i < 8; i++) {
        if (t.at[i] < '0' || t.at[i] > '9') {
            break;
        }
        n = n * 10 + (uint32_t) (t.at[i] - '0');
    }
    return n;
}

/* Section 7.3.3 has short names; the first of several counts. */
static void
read_header(struct message *m, struct text line)
{
    struct text name = trim(cut(&line, ':')), value = trim(line), *to = NULL;

    if (is_name(name, "from") || is_name(name, "f")) {
        to = &m->from;
    } else if (is_name(name, "to") || is_name(name, "t")) {
        to = &m->to;
    } else if (is_name(name, "call-id") || is_name(name, "i")) {
        to = &m->call_id;
    } else if (is_name(name, "cseq")) {
        to = &m->cseq;
    } else if (is_name(name, "user-agent")) {
        to = &m->agent;
    } else if (is_name(name, "server")) {
        to = &m->server;
    } else if (is_name(name, "content-length") || is_name(name, "l")) {
        m->body_size = number_of(value);
    }
    if (to && !to->size) {
        *to = value;
    }
}

static bool
read_message(struct message *m, const uint8_t *bytes, size_t size)
{
    struct insp_cursor c = insp_cursor(bytes, size);
    struct text line;

    memset(m, 0, sizeof *m);
    if (!next_line(&c, &line) || !read_first_line(m, line)) {
        return false;
    }
    for (int i = 0; i < HEADERS_MAX && next_line(&c, &line); i++) {
        if (!line.size) {
            break;
        }
        read_header(m, line);
    }
    return true;
}

static uint32_t
hash(uint32_t seed, struct text t)
{
    for (size_t i = 0; i < t.size; i++) {
        seed = (seed ^ t.at[i]) * 16777619U; /* FNV-1a. */
    }
    return seed;
}

static void
put(struct insp_event *e, enum insp_app_field field, struct text t, size_t max)
{
    if (t.size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, t.at, INSP_MIN(t.size, max));
    }
}

static void
put_headers(struct insp_event *e, const struct message *m)
{
    insp_event_text(e, INSP_FIELD_SIP_VERSION, VERSION);
    put(e, INSP_FIELD_SIP_FROM, m->from, TEXT_MAX);
    put(e, INSP_FIELD_SIP_TO, m->to, TEXT_MAX);
    put(e, INSP_FIELD_SIP_CALL_ID, m->call_id, TEXT_MAX);
    put(e, INSP_FIELD_SIP_CSEQ, m->cseq, TEXT_MAX);
}

static void
say_question(struct insp_reading *r, const struct message *m, uint32_t tag)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SIP, tag);
    bool is_ack = is_text(m->method, "ACK");

    if (e && !is_ack) {
        return; /* Sent again. */
    }
    e = insp_event_begin(r, INSP_APP_SIP, tag);
    put(e, INSP_FIELD_SIP_METHOD, m->method, METHOD_MAX);
    put(e, INSP_FIELD_SIP_URI, m->uri, URI_MAX);
    put_headers(e, m);
    put(e, INSP_FIELD_SIP_USER_AGENT, m->agent, TEXT_MAX);
    if (is_ack) {
        insp_event_end(r, e);
    }
}

static void
say_answer(struct insp_reading *r, const struct message *m, uint32_t tag)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SIP, tag);

    if (m->code.at[0] == '1') {
        return; /* Not the last word. */
    }
    if (e) {
        insp_event_uint(e, INSP_FIELD_SIP_LATENCY, insp_event_age_us(r, e));
    } else {
        struct text method = m->cseq;

        (void) cut(&method, ' ');
        e = insp_event_begin(r, INSP_APP_SIP, tag);
        put(e, INSP_FIELD_SIP_METHOD, trim(method), METHOD_MAX);
        put_headers(e, m);
    }
    put(e, INSP_FIELD_SIP_SERVER, m->server.size ? m->server : m->agent,
        TEXT_MAX);
    put(e, INSP_FIELD_SIP_CODE, m->code, 3);
    put(e, INSP_FIELD_SIP_REASON, m->reason, TEXT_MAX);
    insp_event_end(r, e);
}

static void
say(struct insp_reading *r, const struct message *m)
{
    uint32_t tag = hash(hash(2166136261U, m->call_id), m->cseq);

    if (m->is_answer) {
        say_answer(r, m, tag);
    } else {
        say_question(r, m, tag);
    }
}

/* ------------------------------------------------------------------------ */
/* Many, over TCP. */

/* Where the headers end, the empty line included; 0: not in these bytes, of
 * which 'from' were looked at before. */
static size_t
head_size(const uint8_t *bytes, size_t size, size_t from)
{
    size_t i = from > 3 ? from - 3 : 0;

    for (; i + 1 < size; i++) {
        if (bytes[i] == '\n' && bytes[i + 1] == '\n') {
            return i + 2;
        }
        if (bytes[i] == '\n' && bytes[i + 1] == '\r' && i + 2 < size &&
            bytes[i + 2] == '\n') {
            return i + 3;
        }
    }
    return 0;
}

static size_t
read_stream(struct insp_reading *r)
{
    struct sip_state *s = r->state;
    size_t at = 0;

    while (at < r->size) {
        const uint8_t *bytes = r->bytes + at;
        size_t size = r->size - at, empty = skip_empty(bytes, size), head;
        struct message m;

        if (empty) {
            at += empty;
            s->looked[r->side] = 0;
            continue;
        }
        head = head_size(bytes, INSP_MIN(size, HEAD_MAX), s->looked[r->side]);
        if (!head && size < HEAD_MAX && !r->is_last) {
            s->looked[r->side] = (uint16_t) size;
            return at;
        }
        s->looked[r->side] = 0;
        if (!read_message(&m, bytes, head ? head : size)) {
            insp_reading_stop_side(r);
            return r->size;
        }
        say(r, &m);
        if (!head) {
            insp_reading_stop_side(r);
            return r->size;
        }
        at += head;
        if (m.body_size > r->size - at) {
            insp_reading_pass(r, m.body_size - (r->size - at));
            return r->size;
        }
        at += m.body_size;
    }
    return at;
}

static size_t
read_bytes(struct insp_reading *r)
{
    size_t n;
    struct message m;

    if (r->is_stream || !r->size) {
        return read_stream(r);
    }
    n = skip_empty(r->bytes, r->size);
    if (read_message(&m, r->bytes + n, r->size - n)) {
        say(r, &m);
    }
    return r->size;
}

const struct insp_reader insp_reader_sip = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
