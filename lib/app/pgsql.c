/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * PostgreSQL's frontend/backend protocol 3 (PostgreSQL documentation, part
 * VII, "Frontend/Backend Protocol", sections "Message Flow" and "Message
 * Formats").  A message is a letter, four bytes of length that count
 * themselves, and its contents; only the client's first ones have no letter.
 *
 *     client: [TLS? -> one byte: S, N] startup
 *     server: R (authentication) ... S (parameters) K (process) Z
 *     client: Q                               a simple query
 *             P B D E ... S                   a round of the extended protocol
 *     server: T D D D C, E or 1 2 ..., and Z  when it is ready for the next
 *
 * The login is one record, and so is each question, ended by the Z that
 * answers it; a client may ask several at once, which are answered in order.
 * Rows are counted by their heads, and passed, as are copies, parameters,
 * passwords and what else proves who the user is.
 *
 * Detected by the client's first message, by the server's first one, or by a
 * simple query in mid-stream.
 */

#include "app/data.h"
#include "app/event.h"

#define HEAD_SIZE      5
#define SHOWN          512
#define SHOWN_START    2048
#define TEXT_MAX       128
#define STARTUP_MAX    10000 /* MAX_STARTUP_PACKET_LENGTH. */
#define MESSAGE_MAX    0x40000000
#define PARAMETERS_MAX 32
#define PARAMETER_MAX  64 /* Of a name, in detection. */

#define TAG_LOGIN UINT32_MAX

#define CODE_CANCEL UINT32_C(80877102)
#define CODE_TLS    UINT32_C(80877103)
#define CODE_GSS    UINT32_C(80877104)

enum phase {
    BEGINNING,
    ASKED_TLS, /* The server answers with one byte. */
    ASKED_GSS,
    STARTED, /* Until the first Z. */
    QUESTIONS,
};

struct state {
    uint8_t phase;
    uint8_t client; /* 1 + its side; 0: not known. */
    bool asks_sasl; /* The next 'p' names the mechanism. */
    bool in_round;  /* Of the extended protocol, before its S. */
    uint32_t n_questions;
    uint32_t n_answers;
    uint64_t n_rows;
    uint64_t rows_size;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

static bool
is_version(uint32_t code)
{
    return code >> 16 == 3 && (code & 0xffff) <= 9;
}

/* A name of a parameter, in front of its value. */
static bool
is_parameter(struct insp_cursor c)
{
    size_t size;
    const uint8_t *name = insp_cursor_zero(&c, &size);

    if (!name || size < 2 || size > PARAMETER_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!insp_is_letter(name[i]) && !insp_is_digit(name[i]) &&
            name[i] != '_' && name[i] != '.') {
            return false;
        }
    }
    return insp_is_letter(name[0]) || name[0] == '_';
}

static enum insp_guess
guess_start(struct insp_cursor c)
{
    uint32_t size, code;
    size_t left;

    if (insp_cursor_left(&c) < 8) {
        for (size_t i = 0; i < 2 && i < insp_cursor_left(&c); i++) {
            if (c.at[i]) {
                return INSP_GUESS_NO;
            }
        }
        return INSP_GUESS_MAYBE;
    }
    size = insp_cursor_be32(&c);
    code = insp_cursor_be32(&c);
    if ((size == 8 && (code == CODE_TLS || code == CODE_GSS)) ||
        (size >= 16 && size <= 268 && code == CODE_CANCEL)) {
        return INSP_GUESS_YES;
    }
    if (size < 16 || size > STARTUP_MAX || !is_version(code)) {
        return INSP_GUESS_NO;
    }
    insp_cursor_limit(&c, size - 8);
    if (is_parameter(c)) {
        return INSP_GUESS_YES;
    }
    left = insp_cursor_left(&c);
    return left < INSP_MIN(size - 8, PARAMETER_MAX + 1) &&
                   (!left || insp_is_printable(c.at, left))
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

/* The server's first message: how to authenticate. */
static enum insp_guess
guess_authentication(struct insp_cursor c)
{
    static const char sasl[] = "SCRAM-SHA-256";
    uint32_t size, code;
    const uint8_t *name;

    if (insp_cursor_left(&c) < 9) {
        return insp_cursor_left(&c) && c.at[0] == 'R' &&
                       (insp_cursor_left(&c) < 2 || !c.at[1])
                   ? INSP_GUESS_MAYBE
                   : INSP_GUESS_NO;
    }
    if (insp_cursor_u8(&c) != 'R') {
        return INSP_GUESS_NO;
    }
    size = insp_cursor_be32(&c);
    code = insp_cursor_be32(&c);
    if ((size == 8 && (code == 0 || code == 3 || code == 7 || code == 9)) ||
        (size == 12 && code == 5)) {
        return INSP_GUESS_YES;
    }
    if (size < 24 || size > 256 || code != 10) {
        return INSP_GUESS_NO;
    }
    name = insp_cursor_take(&c, sizeof sasl - 1);
    if (!name) {
        return INSP_GUESS_MAYBE;
    }
    return memcmp(name, sasl, sizeof sasl - 1) ? INSP_GUESS_NO
                                               : INSP_GUESS_YES;
}

/* A simple query that is all there is. */
static bool
is_query(struct insp_cursor c)
{
    size_t left = insp_cursor_left(&c);

    return left > HEAD_SIZE + 4 && insp_cursor_u8(&c) == 'Q' &&
           insp_cursor_be32(&c) == left - 1 && !c.end[-1] &&
           insp_is_statement(c);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (is_query(c)) {
        return INSP_GUESS_YES;
    }
    guess = guess_start(c);
    return guess == INSP_GUESS_NO ? guess_authentication(c) : guess;
}

/* ------------------------------------------------------------------------ */
/* Login. */

static struct insp_event *
login_event(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_PGSQL, TAG_LOGIN);

    return e ? e : insp_event_begin(r, INSP_APP_PGSQL, TAG_LOGIN);
}

static void
put_text(struct insp_event *e, enum insp_app_field field, const uint8_t *text,
         size_t size)
{
    if (text && size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, text, INSP_MIN(size, TEXT_MAX));
    }
}

static bool
is_named(const uint8_t *name, size_t size, const char *text)
{
    return size == strlen(text) && !memcmp(name, text, size);
}

static void
read_startup(struct insp_reading *r, uint32_t code, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = login_event(r);
    char version[3] = { (char) ('0' + (code >> 16)), '.',
                        (char) ('0' + (code & 0xffff)) };

    s->phase = STARTED;
    insp_event_bytes(e, INSP_FIELD_PGSQL_PROTOCOL, version, sizeof version);
    for (int i = 0; i < PARAMETERS_MAX; i++) {
        size_t name_size, size;
        const uint8_t *name = insp_cursor_zero(&c, &name_size);
        const uint8_t *value = insp_cursor_zero(&c, &size);

        if (!name_size || !value) {
            return;
        }
        if (is_named(name, name_size, "user")) {
            put_text(e, INSP_FIELD_PGSQL_USER, value, size);
        } else if (is_named(name, name_size, "database")) {
            put_text(e, INSP_FIELD_PGSQL_DATABASE, value, size);
        } else if (is_named(name, name_size, "application_name")) {
            put_text(e, INSP_FIELD_PGSQL_APPLICATION, value, size);
        } else if (is_named(name, name_size, "replication")) {
            put_text(e, INSP_FIELD_PGSQL_REPLICATION, value, size);
        }
    }
}

/* The client's messages without a letter. */
static bool
read_first(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), body;
    uint32_t size = insp_cursor_be32(&c), code;
    struct insp_event *e;

    if (c.failed) {
        return false;
    }
    if (size < 8 || size > STARTUP_MAX) {
        insp_reading_stop(r);
        return false;
    }
    if (!insp_frames_take(f, 4, size - 4, SHOWN_START, &body)) {
        return false;
    }
    code = insp_cursor_be32(&body);
    e = login_event(r);
    if (code == CODE_TLS || code == CODE_GSS) {
        s->phase = code == CODE_TLS ? ASKED_TLS : ASKED_GSS;
        put_text(e, INSP_FIELD_PGSQL_REQUEST,
                 (const uint8_t *) (code == CODE_TLS ? "ssl_request"
                                                     : "gssenc_request"),
                 code == CODE_TLS ? 11 : 14);
        return true;
    }
    if (code == CODE_CANCEL) {
        put_text(e, INSP_FIELD_PGSQL_REQUEST,
                 (const uint8_t *) "cancel_request", 14);
        insp_event_uint(e, INSP_FIELD_PGSQL_PROCESS, insp_cursor_be32(&body));
        insp_event_end(r, e);
        insp_reading_stop(r); /* It has no answer. */
        return false;
    }
    if (!is_version(code)) {
        insp_reading_stop(r);
        return false;
    }
    read_startup(r, code, body);
    return true;
}

/* The one byte that answers the wish for encryption. */
static bool
read_agreement(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f);
    struct insp_event *e = login_event(r);
    uint8_t answer = insp_cursor_u8(&c);

    if (c.failed) {
        return false;
    }
    if (answer == 'E') {
        s->phase = STARTED; /* An error, in the form of a message. */
        return true;
    }
    f->at++;
    if (answer == 'N') {
        insp_event_uint(e, INSP_FIELD_PGSQL_ENCRYPTED, 0);
        s->phase = BEGINNING;
        return true;
    }
    insp_event_uint(e, INSP_FIELD_PGSQL_ENCRYPTED, 1);
    insp_event_end(r, e);
    if (answer == 'S' && s->phase == ASKED_TLS) {
        insp_reading_again(r);
    } else {
        insp_reading_stop(r); /* GSS, which nobody reads. */
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/* Questions. */

static const char *
question_word(uint8_t type)
{
    switch (type) {
    case 'Q': return "query";
    case 'P': return "parse";
    case 'B': return "bind";
    case 'D': return "describe";
    case 'E': return "execute";
    case 'C': return "close";
    case 'F': return "function_call";
    case 'S': return "sync";
    default: return NULL;
    }
}

static void
put_statement(struct insp_event *e, struct insp_cursor c)
{
    char words[INSP_WORDS_MAX];
    size_t n = insp_statement_words(c, words);

    if (n && !insp_event_has(e, INSP_FIELD_PGSQL_QUERY)) {
        insp_event_bytes(e, INSP_FIELD_PGSQL_QUERY, words, n);
    }
}

static void
read_question(struct insp_reading *r, uint8_t type, struct insp_cursor c)
{
    struct state *s = r->state;
    const char *word = question_word(type);
    struct insp_event *e;
    size_t size;

    if (!word) {
        return; /* Copies, and the like. */
    }
    if (s->in_round) {
        e = insp_event_find(r, INSP_APP_PGSQL, s->n_questions);
    } else {
        e = insp_event_begin(r, INSP_APP_PGSQL, s->n_questions);
        insp_event_text(e, INSP_FIELD_PGSQL_REQUEST, word);
    }
    if (type == 'Q') {
        put_statement(e, c);
    } else if (type == 'P') {
        (void) insp_cursor_zero(&c, &size); /* Of the statement's name. */
        put_statement(e, c);
    }
    s->in_round = type != 'Q' && type != 'F' && type != 'S';
    if (!s->in_round) {
        s->n_questions++;
    }
}

static void
read_of_client(struct insp_reading *r, uint8_t type, struct insp_cursor c)
{
    struct state *s = r->state;
    size_t size;
    const uint8_t *name;

    if (type == 'X') {
        insp_reading_stop(r);
    } else if (type == 'p') {
        name = s->asks_sasl ? insp_cursor_zero(&c, &size) : NULL;
        if (name && insp_is_printable(name, size)) {
            put_text(insp_event_find(r, INSP_APP_PGSQL, TAG_LOGIN),
                     INSP_FIELD_PGSQL_MECHANISM, name, size);
        }
        s->asks_sasl = false;
    } else {
        read_question(r, type, c);
    }
}

/* ------------------------------------------------------------------------ */
/* Answers. */

static const char *
authentication_word(uint32_t code)
{
    switch (code) {
    case 0: return "none";
    case 2: return "kerberos";
    case 3: return "cleartext_password";
    case 5: return "md5_password";
    case 7: return "gss";
    case 9: return "sspi";
    case 10: return "sasl";
    default: return NULL;
    }
}

static void
read_authentication(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = login_event(r);
    uint32_t code = insp_cursor_be32(&c);
    const char *word = authentication_word(code);

    s->asks_sasl = code == 10;
    if (word && !c.failed &&
        !insp_event_has(e, INSP_FIELD_PGSQL_AUTHENTICATION)) {
        insp_event_text(e, INSP_FIELD_PGSQL_AUTHENTICATION, word);
    }
}

/* What the server answers to now. */
static struct insp_event *
answered(struct insp_reading *r)
{
    const struct state *s = r->state;

    return s->phase == STARTED
               ? login_event(r)
               : insp_event_find(r, INSP_APP_PGSQL, s->n_answers);
}

/* ErrorResponse: fields, each a letter and a text. */
static void
read_error(struct insp_reading *r, struct insp_cursor c)
{
    const struct state *s = r->state;
    struct insp_event *e = answered(r);
    uint8_t letter;
    size_t size;

    while ((letter = insp_cursor_u8(&c)) != 0) {
        const uint8_t *text = insp_cursor_zero(&c, &size);

        if (letter == 'V') {
            put_text(e, INSP_FIELD_PGSQL_SEVERITY, text, size);
        } else if (letter == 'C') {
            put_text(e, INSP_FIELD_PGSQL_CODE, text, size);
        }
    }
    if (s->phase == STARTED) {
        insp_event_uint(e, INSP_FIELD_PGSQL_LATENCY, insp_event_age_us(r, e));
        insp_event_end(r, e);
        insp_reading_stop(r); /* The server hangs up. */
    }
}

static void
read_parameter(struct insp_reading *r, struct insp_cursor c)
{
    const struct state *s = r->state;
    size_t size;
    const uint8_t *name = insp_cursor_zero(&c, &size), *value;

    if (s->phase == STARTED && name &&
        is_named(name, size, "server_version")) {
        value = insp_cursor_zero(&c, &size);
        put_text(login_event(r), INSP_FIELD_PGSQL_SERVER_VERSION, value, size);
    }
}

/* ReadyForQuery. */
static void
read_ready(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_event *e = answered(r);

    if (s->n_rows) {
        insp_event_uint(e, INSP_FIELD_PGSQL_ROWS, s->n_rows);
        insp_event_uint(e, INSP_FIELD_PGSQL_SIZE, s->rows_size);
    }
    s->n_rows = s->rows_size = 0;
    insp_event_uint(e, INSP_FIELD_PGSQL_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
    if (s->phase == STARTED) {
        s->phase = QUESTIONS;
    } else if (s->n_answers != s->n_questions) {
        s->n_answers++;
    }
}

static void
read_of_server(struct insp_reading *r, uint8_t type, uint32_t size,
               struct insp_cursor c)
{
    struct state *s = r->state;
    size_t tag_size;
    const uint8_t *tag;

    switch (type) {
    case 'D':
        s->n_rows++;
        s->rows_size += size;
        break;
    case 'R': read_authentication(r, c); break;
    case 'S': read_parameter(r, c); break;
    case 'K':
        if (s->phase == STARTED) {
            insp_event_uint(login_event(r), INSP_FIELD_PGSQL_PROCESS,
                            insp_cursor_be32(&c));
        }
        break;
    case 'C':
        tag = insp_cursor_zero(&c, &tag_size);
        put_text(answered(r), INSP_FIELD_PGSQL_COMPLETED, tag, tag_size);
        break;
    case 'E': read_error(r, c); break;
    case 'Z': read_ready(r); break;
    default: break;
    }
}

/* ------------------------------------------------------------------------ */
/* Reading. */

/* How much of a message's body is looked at. */
static size_t
how_much(bool is_client, uint8_t type)
{
    if (is_client) {
        return type == 'Q' || type == 'P' || type == 'p' ? SHOWN : 0;
    }
    return type == 'R' || type == 'S' || type == 'K' || type == 'C' ||
                   type == 'E'
               ? SHOWN
               : 0;
}

static bool
read_message(struct insp_reading *r, struct insp_frames *f, bool is_client)
{
    struct insp_cursor c = insp_frames_cursor(f), body;
    uint8_t type = insp_cursor_u8(&c);
    uint32_t size = insp_cursor_be32(&c);

    if (c.failed) {
        return false;
    }
    if (size < 4 || size > MESSAGE_MAX ||
        (!insp_is_letter(type) && !insp_is_digit(type))) {
        insp_reading_stop(r); /* Out of step. */
        return false;
    }
    if (!insp_frames_take(f, HEAD_SIZE, size - 4, how_much(is_client, type),
                          &body)) {
        return false;
    }
    if (is_client) {
        read_of_client(r, type, body);
    } else {
        read_of_server(r, type, size, body);
    }
    return true;
}

/* Which side is the client, and where it stands: by the first message. */
static void
begin(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (s->client) {
        return;
    }
    if (is_query(c)) {
        s->client = (uint8_t) (1 + r->side);
        s->phase = QUESTIONS;
    } else if (guess_start(c) == INSP_GUESS_YES) {
        s->client = (uint8_t) (1 + r->side);
    } else {
        s->client = (uint8_t) (1 + !r->side);
        s->phase = STARTED;
    }
}

static bool
read_one(struct insp_reading *r, struct insp_frames *f)
{
    const struct state *s = r->state;
    bool is_client = s->client == 1 + r->side;

    switch ((enum phase) s->phase) {
    case BEGINNING: return is_client && read_first(r, f);
    case ASKED_TLS:
    case ASKED_GSS: return !is_client && read_agreement(r, f);
    case STARTED:
    case QUESTIONS: break;
    }
    return read_message(r, f, is_client);
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_frames f = { .r = r };

    if (!r->size) {
        return 0;
    }
    begin(r);
    while (!r->stop && !r->again && read_one(r, &f)) {
        continue;
    }
    return f.at;
}

const struct insp_reader insp_reader_pgsql = {
    .detect = detect,
    .read = read_bytes,
};
