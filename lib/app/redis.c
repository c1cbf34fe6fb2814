/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * RESP 2 and 3 ("Redis serialization protocol specification"): lines that
 * begin with a type, strings that say their length, aggregates that say how
 * many values follow.  A command is an array of strings:
 *
 *     *2 \r\n $3 \r\n GET \r\n $1 \r\n k \r\n        --> ":", "$", "*", ...
 *     ^ args  ^ name, read     ^ passed
 *
 * The name is read, arguments are counted and passed, whatever their length:
 * keys, values and passwords are never looked at, but for the first argument
 * of CLIENT, which may turn the answers off.  Answers come in the order of the
 * commands.  Of an answer the type is told, of an error its first word; its
 * values are walked over with a stack of how many are still to come.
 *
 * Reading stops where the order of answers ends: with SUBSCRIBE and its like,
 * MONITOR, replication, CLIENT REPLY.
 *
 * Detected by a command in the form of an array, or "PING" as a line.
 */

#include "app/data.h"
#include "app/event.h"

#define LINE_MAX   1024 /* Of what is no string. */
#define NAME_MAX   32
#define ARGS_MAX   1048576   /* As the server has it. */
#define STRING_MAX 536870912 /* proto-max-bulk-len. */
#define DEPTH_MAX  8
#define ERROR_MAX  32

struct state {
    uint8_t client;         /* 1 + its side; 0: not known. */
    bool stops;             /* With the next answer. */
    bool has_name;          /* Of the command that is being read. */
    bool is_client_command; /* It is CLIENT. */
    uint8_t depth;          /* Aggregates that the answer is inside. */
    uint8_t attributes;     /* Which of them are attributes: a bit each. */
    uint32_t n_args;        /* Strings of the command to come. */
    uint32_t n_commands;    /* Tag of the next one. */
    uint32_t n_answers;
    uint32_t left[DEPTH_MAX]; /* Values to come in each aggregate. */
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Lines. */

enum line {
    LINE_NONE, /* Not there yet. */
    LINE_OK,
    LINE_BAD,
};

/* Up to "\r\n", which is passed too. */
static enum line
read_line(struct insp_cursor *c, struct insp_cursor *line)
{
    size_t left = INSP_MIN(insp_cursor_left(c), LINE_MAX);
    const uint8_t *end = left ? memchr(c->at, '\n', left) : NULL;
    size_t size;

    if (!end) {
        return left == LINE_MAX ? LINE_BAD : LINE_NONE;
    }
    size = (size_t) (end - c->at);
    *line = insp_cursor_sub(c, size + 1);
    if (!size || end[-1] != '\r') {
        return LINE_BAD;
    }
    line->end -= 2;
    return LINE_OK;
}

/* A number that fills the line; -1 is -1, what is none is -2. */
static int64_t
read_number(struct insp_cursor line)
{
    size_t left = insp_cursor_left(&line);
    int64_t n = 0;

    if (left == 2 && line.at[0] == '-' && line.at[1] == '1') {
        return -1;
    }
    if (!left || left > 18) {
        return -2;
    }
    for (size_t i = 0; i < left; i++) {
        if (!insp_is_digit(line.at[i])) {
            return -2;
        }
        n = n * 10 + (line.at[i] - '0');
    }
    return n;
}

static bool
is_of_name(uint8_t c)
{
    return insp_is_letter(c) || insp_is_digit(c) || c == '.' || c == '_' ||
           c == '-' || c == '|';
}

/* ------------------------------------------------------------------------ */
/* Detection. */

/* How far 'c' goes on like a number in front of "\r\n": MAYBE at its end. */
static enum insp_guess
guess_number(struct insp_cursor *c, char type, int64_t max, int64_t *number)
{
    struct insp_cursor line;

    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    if (insp_cursor_u8(c) != type) {
        return INSP_GUESS_NO;
    }
    switch (read_line(c, &line)) {
    case LINE_NONE:
        for (size_t i = 0; i < insp_cursor_left(c); i++) {
            if (i > 7 || (!insp_is_digit(c->at[i]) && c->at[i] != '\r')) {
                return INSP_GUESS_NO;
            }
        }
        return INSP_GUESS_MAYBE;
    case LINE_BAD: return INSP_GUESS_NO;
    case LINE_OK: break;
    }
    *number = read_number(line);
    return *number >= 1 && *number <= max ? INSP_GUESS_YES : INSP_GUESS_NO;
}

static enum insp_guess
guess_command(struct insp_cursor c)
{
    int64_t n_args, size;
    enum insp_guess guess = guess_number(&c, '*', ARGS_MAX, &n_args);
    size_t n;

    if (guess == INSP_GUESS_YES) {
        guess = guess_number(&c, '$', NAME_MAX, &size);
    }
    if (guess != INSP_GUESS_YES) {
        return guess;
    }
    n = INSP_MIN(insp_cursor_left(&c), (size_t) size);
    for (size_t i = 0; i < n; i++) {
        if (!is_of_name(c.at[i]) || (!i && !insp_is_letter(c.at[0]))) {
            return INSP_GUESS_NO;
        }
    }
    return n == (size_t) size ? INSP_GUESS_YES : INSP_GUESS_MAYBE;
}

/* What nobody but the server says, when the client was not heard. */
static bool
is_answer(struct insp_cursor c)
{
    static const char *const answers[] = {
        "+PONG\r\n",   "-NOAUTH ", "-WRONGPASS ",
        "-WRONGTYPE ", "-MOVED ",  "-DENIED Redis ",
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(answers); i++) {
        size_t size = strlen(answers[i]);

        if (insp_cursor_left(&c) >= size && !memcmp(c.at, answers[i], size)) {
            return true;
        }
    }
    return false;
}

/* A line instead of an array: of who began, because servers of other
 * protocols (NATS) say the same. */
static bool
is_ping(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    return !r->side &&
           (insp_begins(c, "PING\r\n", 6) || insp_begins(c, "ping\r\n", 6));
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (is_ping(r) || is_answer(c)) {
        return INSP_GUESS_YES;
    }
    return guess_command(c);
}

/* ------------------------------------------------------------------------ */
/* Commands. */

static bool
is_in(const char *name, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* Those behind which answers do not follow commands one by one. */
static bool
ends_order(const char *name)
{
    static const char *const names[] = {
        "SUBSCRIBE",   "PSUBSCRIBE",   "SSUBSCRIBE",
        "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
        "MONITOR",     "SYNC",         "PSYNC",
    };

    return is_in(name, names, INSP_ARRAY_SIZE(names));
}

/* Returns false for what is no name. */
static bool
begin_command(struct insp_reading *r, const uint8_t *text, size_t size,
              uint64_t n_args)
{
    struct state *s = r->state;
    char name[NAME_MAX + 1];
    struct insp_event *e;

    if (!size || size > NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_of_name(text[i])) {
            return false;
        }
        name[i] =
            (char) (text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
    }
    name[size] = '\0';
    e = insp_event_begin(r, INSP_APP_REDIS, s->n_commands++);
    insp_event_bytes(e, INSP_FIELD_REDIS_COMMAND, name, size);
    insp_event_uint(e, INSP_FIELD_REDIS_ARGS, n_args);
    s->is_client_command = !strcmp(name, "CLIENT");
    s->stops |= ends_order(name);
    return true;
}

static bool
is_reply(struct insp_cursor c)
{
    static const char word[] = "REPLY";

    if (insp_cursor_left(&c) != sizeof word - 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof word - 1; i++) {
        if ((c.at[i] & 0xdf) != (uint8_t) word[i]) {
            return false;
        }
    }
    return true;
}

/* CLIENT REPLY: it may have no answer itself, and what follows neither. */
static void
end_without_answer(struct insp_reading *r)
{
    struct state *s = r->state;

    insp_event_end(r, insp_event_find(r, INSP_APP_REDIS, --s->n_commands));
    s->stops = true;
    if (s->n_answers == s->n_commands) {
        insp_reading_stop(r);
    }
}

/* A command that a person types: words in a line. */
static bool
read_inline(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor name = insp_cursor_word(&line), rest = line;
    uint64_t n_args = 0;

    if (!insp_cursor_left(&name)) {
        return true;
    }
    while (insp_cursor_left(&rest)) {
        struct insp_cursor word = insp_cursor_word(&rest);

        n_args += insp_cursor_left(&word) > 0;
    }
    if (!begin_command(r, name.at, insp_cursor_left(&name), n_args)) {
        return false;
    }
    if (s->is_client_command && is_reply(insp_cursor_word(&line))) {
        end_without_answer(r);
    }
    s->is_client_command = false;
    return true;
}

static bool
read_array(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    int64_t n = read_number(line);

    if (n > ARGS_MAX || n < -1) {
        return false;
    }
    s->n_args = n > 0 ? (uint32_t) n : 0;
    s->has_name = false;
    s->is_client_command = false;
    return true;
}

/* One string of a command.  NONE: more is needed. */
static enum line
read_argument(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), line, body;
    const uint8_t *from = c.at;
    bool looks = !s->has_name || s->is_client_command;
    uint32_t n_behind = s->n_args - 1;
    enum line got = read_line(&c, &line);
    int64_t size;

    if (got != LINE_OK) {
        return got;
    }
    if (insp_cursor_u8(&line) != '$' || (size = read_number(line)) < 0 ||
        size > STRING_MAX || (!s->has_name && size > NAME_MAX)) {
        return LINE_BAD;
    }
    if (!insp_frames_take(f, (size_t) (c.at - from), (uint64_t) size + 2,
                          looks ? NAME_MAX : 0, &body)) {
        return LINE_NONE;
    }
    insp_cursor_limit(&body, (size_t) size);
    s->n_args--;
    if (!s->has_name) {
        s->has_name = true;
        return begin_command(r, body.at, insp_cursor_left(&body), n_behind)
                   ? LINE_OK
                   : LINE_BAD;
    }
    if (s->is_client_command) {
        s->is_client_command = false;
        if (is_reply(body)) {
            end_without_answer(r);
        }
    }
    return LINE_OK;
}

static enum line
read_of_client(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), line;
    const uint8_t *from = c.at;
    enum line got;
    bool good;

    if (s->n_args) {
        return read_argument(r, f);
    }
    got = read_line(&c, &line);
    if (got != LINE_OK) {
        return got;
    }
    f->at += (size_t) (c.at - from);
    if (insp_cursor_left(&line) && line.at[0] == '*') {
        insp_cursor_skip(&line, 1);
        good = read_array(r, line);
    } else {
        good = read_inline(r, line);
    }
    return good ? LINE_OK : LINE_BAD;
}

/* ------------------------------------------------------------------------ */
/* Answers. */

static const char *
type_word(uint8_t type, bool is_null)
{
    if (is_null) {
        return "null";
    }
    switch (type) {
    case '+': return "string";
    case '-':
    case '!': return "error";
    case ':': return "integer";
    case '$': return "bulk";
    case '*': return "array";
    case '_': return "null";
    case ',': return "double";
    case '#': return "boolean";
    case '(': return "number";
    case '=': return "verbatim";
    case '%': return "map";
    case '~': return "set";
    case '>': return "push";
    default: return NULL;
    }
}

static void
put_error(struct insp_event *e, struct insp_cursor c)
{
    size_t n = 0, left = INSP_MIN(insp_cursor_left(&c), ERROR_MAX);

    while (n < left && ((c.at[n] >= 'A' && c.at[n] <= 'Z') ||
                        insp_is_digit(c.at[n]) || c.at[n] == '_')) {
        n++;
    }
    if (n) {
        insp_event_bytes(e, INSP_FIELD_REDIS_ERROR, c.at, n);
    }
}

/* The answer to the oldest command begins: its type is all of interest. */
static void
begin_answer(struct insp_reading *r, const char *word, uint8_t type,
             struct insp_cursor error)
{
    struct state *s = r->state;
    struct insp_event *e;

    if (type == '|' || (type == '>' && !s->stops)) {
        return; /* Attributes; what nobody asked for. */
    }
    if (s->n_answers != s->n_commands) {
        e = insp_event_find(r, INSP_APP_REDIS, s->n_answers++);
        insp_event_text(e, INSP_FIELD_REDIS_REPLY, word);
        if (type == '-' || type == '!') {
            put_error(e, error);
        }
        insp_event_uint(e, INSP_FIELD_REDIS_LATENCY, insp_event_age_us(r, e));
        insp_event_end(r, e);
    }
    if (s->stops && s->n_answers == s->n_commands) {
        insp_reading_stop(r);
    }
}

/* A value is complete, and with it the aggregates that it was the last of. */
static void
end_value(struct state *s)
{
    while (s->depth) {
        if (s->left[s->depth - 1]) {
            s->left[s->depth - 1]--;
        }
        if (s->left[s->depth - 1]) {
            return;
        }
        s->depth--;
        if (s->attributes & 1 << s->depth) {
            /* In front of a value, not one itself. */
            s->attributes &= (uint8_t) ~(1 << s->depth);
            return;
        }
    }
}

static bool
begin_aggregate(struct state *s, uint8_t type, int64_t n)
{
    bool is_pairs = type == '%' || type == '|';

    if (s->depth == DEPTH_MAX) {
        return false;
    }
    if (n <= 0) {
        if (type != '|') {
            end_value(s);
        }
        return true;
    }
    if (type == '|') {
        s->attributes |= (uint8_t) (1 << s->depth);
    }
    s->left[s->depth++] = (uint32_t) (is_pairs ? 2 * n : n);
    return true;
}

static bool
is_string(uint8_t type)
{
    return type == '$' || type == '!' || type == '=';
}

static bool
is_aggregate(uint8_t type)
{
    return type == '*' || type == '%' || type == '~' || type == '>' ||
           type == '|';
}

static enum line
read_of_server(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), line, text;
    const uint8_t *from = c.at;
    enum line got = read_line(&c, &line);
    size_t head = (size_t) (c.at - from);
    bool is_first = !s->depth;
    int64_t n = 0;
    uint8_t type;
    const char *word;

    if (got != LINE_OK) {
        return got;
    }
    type = insp_cursor_u8(&line);
    text = line;
    if (is_string(type) || is_aggregate(type)) {
        n = read_number(line);
        if (n < -1 || n > STRING_MAX) {
            return LINE_BAD;
        }
    }
    word = type_word(type, n < 0);
    if (!word && type != '|') {
        return LINE_BAD;
    }
    if (is_string(type) && n >= 0) {
        if (!insp_frames_take(f, head, (uint64_t) n + 2,
                              is_first && type == '!' ? ERROR_MAX : 0,
                              &text)) {
            return LINE_NONE;
        }
    } else {
        f->at += head;
    }
    if (is_first) {
        begin_answer(r, word, type, text);
    }
    if (is_aggregate(type)) {
        return begin_aggregate(s, type, n) ? LINE_OK : LINE_BAD;
    }
    end_value(s);
    return LINE_OK;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_frames f = { .r = r };
    enum line got = LINE_OK;

    if (!s->client && r->size) {
        bool is_server = is_answer(insp_cursor(r->bytes, r->size));

        s->client = (uint8_t) (1 + (is_server ? !r->side : r->side));
    }
    while (got == LINE_OK && !r->stop && f.at < r->size) {
        if (s->client != 1 + r->side) {
            got = read_of_server(r, &f);
        } else if (s->stops && !s->n_args) {
            insp_reading_stop_side(r);
            break;
        } else {
            got = read_of_client(r, &f);
        }
    }
    if (got == LINE_BAD) {
        insp_reading_stop(r); /* Out of step. */
    }
    return f.at;
}

const struct insp_reader insp_reader_redis = {
    .detect = detect,
    .read = read_bytes,
};
