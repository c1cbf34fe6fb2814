/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Memcached's protocols (protocol.txt and protocol-binary.txt of its source),
 * over TCP, and over UDP with eight bytes in front (request, number, how many,
 * zero).
 *
 * Text: lines; behind a line that stores, or that brings a value, so many
 * bytes as it says.
 *
 *     get a b \r\n          -->   VALUE a 0 5 \r\n hello \r\n END \r\n
 *     set a 0 60 5 \r\n hello \r\n   -->   STORED \r\n
 *
 * Binary: 24 bytes of head with the sizes of what follows, and a number that
 * comes back with the answer.
 *
 * One record a command: its name, its first key, how it ended, and when.
 * Values are passed, and so are the credentials of SASL, which are values.
 * Text answers come in the order of the commands; a command that says that it
 * wants none has none.  Meta commands may ask for silence on one outcome only
 * (flag "q"), behind which nobody knows whose answer comes: reading stops.
 *
 * Detected by a whole line of a known command, or a whole head, and checked in
 * all parts.
 */

#include "app/data.h"
#include "app/event.h"

#define LINE_MAX    2048 /* A key has 250 bytes; many may be got. */
#define KEY_MAX     250
#define KEY_SHOWN   64
#define VALUE_MAX   (1024u * 1024 * 1024)
#define WORD_MAX    16
#define UDP_HEAD    8
#define BINARY_HEAD 24

struct state {
    uint8_t client; /* 1 + its side; 0: not known. */
    bool is_binary;
    bool stops;          /* With the answers that are due. */
    uint32_t n_commands; /* Text: tag of the next one. */
    uint32_t n_answers;
    uint32_t n_hits; /* Of the answer that is being read. */
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Lines and words. */

/* Up to "\n", which is passed too; without it and the "\r" before it. */
static bool
read_line(struct insp_cursor *c, struct insp_cursor *line)
{
    size_t left = INSP_MIN(insp_cursor_left(c), LINE_MAX);
    const uint8_t *end = left ? memchr(c->at, '\n', left) : NULL;

    if (!end) {
        return false;
    }
    *line = insp_cursor_sub(c, (size_t) (end - c->at) + 1);
    line->end -= line->end - line->at > 1 && end[-1] == '\r' ? 2 : 1;
    return true;
}

static bool
is_word(const struct insp_cursor *word, const char *text)
{
    size_t size = strlen(text);

    return insp_cursor_left(word) == size && !memcmp(word->at, text, size);
}

/* Returns false for what is no number of at most 20 digits. */
static bool
read_number(struct insp_cursor word, uint64_t *number)
{
    size_t left = insp_cursor_left(&word);
    uint64_t n = 0;

    for (size_t i = 0; i < left; i++) {
        if (!insp_is_digit(word.at[i])) {
            return false;
        }
        n = n * 10 + (uint64_t) (word.at[i] - '0');
    }
    *number = n;
    return left && left <= 20;
}

/* Also one below zero. */
static bool
is_number(struct insp_cursor word)
{
    uint64_t n;

    if (insp_cursor_left(&word) && word.at[0] == '-') {
        insp_cursor_skip(&word, 1);
    }
    return read_number(word, &n);
}

static bool
is_key(const struct insp_cursor *word)
{
    size_t left = insp_cursor_left(word);

    if (!left || left > KEY_MAX) {
        return false;
    }
    for (size_t i = 0; i < left; i++) {
        if (word->at[i] <= 0x20 || word->at[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Text commands. */

enum shape {
    GETS,        /* Keys. */
    TOUCHES,     /* Time, keys. */
    STORES,      /* Key, flags, time, size, ... */
    COUNTS,      /* Key, number, ... */
    DELETES,     /* Key, ... */
    META,        /* Key, flags. */
    META_STORES, /* Key, size, flags. */
    META_ALONE,  /* Nothing. */
    ASKS,        /* Perhaps words. */
};

struct command {
    const char *word;
    enum shape shape;
};

static const struct command commands[] = {
    { "get", GETS },       { "gets", GETS },      { "gat", TOUCHES },
    { "gats", TOUCHES },   { "set", STORES },     { "add", STORES },
    { "replace", STORES }, { "append", STORES },  { "prepend", STORES },
    { "cas", STORES },     { "incr", COUNTS },    { "decr", COUNTS },
    { "touch", COUNTS },   { "delete", DELETES }, { "mg", META },
    { "md", META },        { "ma", META },        { "me", META },
    { "ms", META_STORES }, { "mn", META_ALONE },  { "stats", ASKS },
    { "version", ASKS },   { "flush_all", ASKS }, { "verbosity", ASKS },
};

static const struct command *
find_command(struct insp_cursor word)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(commands); i++) {
        if (is_word(&word, commands[i].word)) {
            return &commands[i];
        }
    }
    return NULL;
}

struct text {
    const struct command *command;
    struct insp_cursor key;
    uint32_t n_keys;
    uint64_t value_size;
    bool has_value;
    bool is_silent; /* There is no answer. */
    bool may_be_silent;
};

static void
read_keys(struct insp_cursor *line, struct text *t)
{
    while (insp_cursor_left(line)) {
        struct insp_cursor word = insp_cursor_word(line);

        if (insp_cursor_left(&word)) {
            t->n_keys++;
        }
    }
}

/* Flags of a meta command: each a letter, perhaps with a text. */
static void
read_flags(struct insp_cursor *line, struct text *t)
{
    while (insp_cursor_left(line)) {
        struct insp_cursor flag = insp_cursor_word(line);

        t->may_be_silent |= is_word(&flag, "q");
    }
}

/* What the line says; false for what is no command. */
static bool
read_text(struct insp_cursor line, struct text *t)
{
    struct insp_cursor word = insp_cursor_word(&line), last;
    bool good = true;

    *t = (struct text){ .command = find_command(word) };
    if (!t->command) {
        return false;
    }
    if (t->command->shape == TOUCHES) {
        good = is_number(insp_cursor_word(&line));
    }
    if (t->command->shape != ASKS && t->command->shape != META_ALONE) {
        t->key = insp_cursor_word(&line);
        t->n_keys = 1;
        good &= is_key(&t->key);
    }
    switch (t->command->shape) {
    case GETS:
    case TOUCHES: read_keys(&line, t); return good;
    case STORES:
        good &=
            read_number(insp_cursor_word(&line), &t->value_size); /* Flags. */
        good &= is_number(insp_cursor_word(&line));
        good &= read_number(insp_cursor_word(&line), &t->value_size);
        t->has_value = true;
        break;
    case COUNTS: good &= is_number(insp_cursor_word(&line)); break;
    case META_STORES:
        good &= read_number(insp_cursor_word(&line), &t->value_size);
        t->has_value = true;
        read_flags(&line, t);
        return good && t->value_size <= VALUE_MAX;
    case META: read_flags(&line, t); return good;
    case META_ALONE: return good && !insp_cursor_left(&line);
    case DELETES:
    case ASKS: break;
    }
    /* "noreply" stands last; "cas" has a number before it. */
    for (int i = 0; i < 4 && insp_cursor_left(&line); i++) {
        last = insp_cursor_word(&line);
        t->is_silent = is_word(&last, "noreply");
    }
    return good && !insp_cursor_left(&line) && t->value_size <= VALUE_MAX;
}

static void
put_text(struct insp_event *e, const struct text *t)
{
    insp_event_text(e, INSP_FIELD_MEMCACHED_PROTOCOL, "text");
    insp_event_text(e, INSP_FIELD_MEMCACHED_COMMAND, t->command->word);
    if (t->n_keys) {
        insp_event_bytes(e, INSP_FIELD_MEMCACHED_KEY, t->key.at,
                         INSP_MIN(insp_cursor_left(&t->key), KEY_SHOWN));
    }
    if (t->n_keys > 1) {
        insp_event_uint(e, INSP_FIELD_MEMCACHED_KEYS, t->n_keys);
    }
    if (t->has_value) {
        insp_event_uint(e, INSP_FIELD_MEMCACHED_SIZE, t->value_size);
    }
}

/* ------------------------------------------------------------------------ */
/* Binary messages. */

enum {
    MAGIC_REQUEST = 0x80,
    MAGIC_RESPONSE = 0x81,
    OP_GET = 0x00,
    OP_STAT = 0x10,
};

static const char *const op_words[] = {
    "get",       "set",       "add",
    "replace",   "delete",    "incr",
    "decr",      "quit",      "flush",
    "getq",      "noop",      "version",
    "getk",      "getkq",     "append",
    "prepend",   "stat",      "setq",
    "addq",      "replaceq",  "deleteq",
    "incrq",     "decrq",     "quitq",
    "flushq",    "appendq",   "prependq",
    "verbosity", "touch",     "gat",
    "gatq",      NULL,        "sasl_list_mechs",
    "sasl_auth", "sasl_step", "gatk",
    "gatkq",
};

static bool
is_quiet(uint8_t op)
{
    return op == 0x09 || op == 0x0d || (op >= 0x11 && op <= 0x1a) ||
           op == 0x1e || op == 0x24;
}

/* How long the extras of a request are; -1: they may be left out. */
static int
extras_size(uint8_t op)
{
    switch (op) {
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x11:
    case 0x12:
    case 0x13: return 8;
    case 0x05:
    case 0x06:
    case 0x15:
    case 0x16: return 20;
    case 0x08:
    case 0x18: return -1;
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x23:
    case 0x24: return 4;
    default: return 0;
    }
}

struct binary {
    uint8_t magic;
    uint8_t op;
    uint8_t extras;
    uint8_t type;
    uint16_t key;
    uint16_t status; /* Of a request: where it is kept. */
    uint32_t body;
    uint32_t opaque;
};

static bool
read_binary(struct insp_cursor *c, struct binary *b)
{
    b->magic = insp_cursor_u8(c);
    b->op = insp_cursor_u8(c);
    b->key = insp_cursor_be16(c);
    b->extras = insp_cursor_u8(c);
    b->type = insp_cursor_u8(c);
    b->status = insp_cursor_be16(c);
    b->body = insp_cursor_be32(c);
    b->opaque = insp_cursor_be32(c);
    insp_cursor_skip(c, 8);
    return !c->failed;
}

static bool
is_op(uint8_t op)
{
    return op < INSP_ARRAY_SIZE(op_words) && op_words[op];
}

/* Good enough to go on with. */
static bool
is_binary(const struct binary *b, uint8_t magic)
{
    return b->magic == magic && b->body <= VALUE_MAX && b->key <= KEY_MAX &&
           b->extras <= 20 && (uint32_t) b->extras + b->key <= b->body;
}

/* Good enough to be sure. */
static bool
is_sure_binary(const struct binary *b)
{
    int extras = is_op(b->op) ? extras_size(b->op) : 0;

    if (!is_op(b->op) || b->type ||
        (extras >= 0 ? b->extras != extras : b->extras && b->extras != 4)) {
        return false;
    }
    if (b->op <= 0x03 || b->op == 0x09 || b->op == 0x0c || b->op == 0x0d) {
        return b->key > 0;
    }
    return true;
}

static const char *
status_word(uint16_t status)
{
    switch (status) {
    case 0x0000: return "OK";
    case 0x0001: return "NOT_FOUND";
    case 0x0002: return "EXISTS";
    case 0x0003: return "TOO_LARGE";
    case 0x0004: return "INVALID";
    case 0x0005: return "NOT_STORED";
    case 0x0006: return "NON_NUMERIC";
    case 0x0007: return "WRONG_SERVER";
    case 0x0008:
    case 0x0020: return "AUTH_ERROR";
    case 0x0009:
    case 0x0021: return "AUTH_CONTINUE";
    case 0x0081: return "UNKNOWN_COMMAND";
    case 0x0082: return "OUT_OF_MEMORY";
    case 0x0083: return "NOT_SUPPORTED";
    case 0x0084: return "INTERNAL_ERROR";
    case 0x0085: return "BUSY";
    case 0x0086: return "TEMPORARY_FAILURE";
    default: return "UNKNOWN";
    }
}

/* Many clients leave the number 0: the command helps to tell. */
static uint32_t
binary_tag(const struct binary *b)
{
    return b->opaque ^ (uint32_t) b->op << 24;
}

static void
read_binary_request(struct insp_reading *r, const struct binary *b,
                    struct insp_cursor body)
{
    struct insp_event *e =
        insp_event_begin(r, INSP_APP_MEMCACHED, binary_tag(b));
    const uint8_t *key;

    insp_event_text(e, INSP_FIELD_MEMCACHED_PROTOCOL, "binary");
    insp_event_text(e, INSP_FIELD_MEMCACHED_COMMAND,
                    is_op(b->op) ? op_words[b->op] : "unknown");
    insp_cursor_skip(&body, b->extras);
    key = insp_cursor_take(&body, INSP_MIN(b->key, KEY_SHOWN));
    if (key && b->key) {
        insp_event_bytes(e, INSP_FIELD_MEMCACHED_KEY, key,
                         INSP_MIN(b->key, KEY_SHOWN));
    }
    if (b->body > (uint32_t) b->extras + b->key && b->op < 0x20) {
        insp_event_uint(e, INSP_FIELD_MEMCACHED_SIZE,
                        b->body - b->extras - b->key);
    }
    if (is_quiet(b->op)) {
        insp_event_end(r, e);
    }
}

static void
read_binary_response(struct insp_reading *r, const struct binary *b)
{
    struct insp_event *e =
        insp_event_find(r, INSP_APP_MEMCACHED, binary_tag(b));

    if (b->op == OP_STAT && b->body && !b->status) {
        return; /* More of it follows. */
    }
    insp_event_text(e, INSP_FIELD_MEMCACHED_STATUS, status_word(b->status));
    if (b->op == OP_GET || b->op == 0x0c) {
        insp_event_uint(e, INSP_FIELD_MEMCACHED_HITS, !b->status);
    }
    insp_event_uint(e, INSP_FIELD_MEMCACHED_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

/* ------------------------------------------------------------------------ */
/* Detection. */

/* The beginning of a command's name, or the whole of it. */
static bool
begins_command(const struct insp_cursor *word, bool is_whole)
{
    size_t n = insp_cursor_left(word);

    for (size_t i = 0; i < INSP_ARRAY_SIZE(commands); i++) {
        size_t size = strlen(commands[i].word);

        if ((is_whole || n > size ? n == size : n > 0) &&
            !memcmp(word->at, commands[i].word, n)) {
            return true;
        }
    }
    return false;
}

static enum insp_guess
guess_text(struct insp_cursor c)
{
    struct insp_cursor line, word;
    struct text t;

    if (read_line(&c, &line)) {
        return read_text(line, &t) ? INSP_GUESS_YES : INSP_GUESS_NO;
    }
    if (insp_cursor_left(&c) > LINE_MAX / 4) {
        return INSP_GUESS_NO;
    }
    line = c;
    word = insp_cursor_word(&line);
    return begins_command(&word, insp_cursor_left(&line) > 0)
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

static enum insp_guess
guess_request(struct insp_cursor c)
{
    struct binary b;

    if (!insp_cursor_left(&c)) {
        return INSP_GUESS_NO;
    }
    if (c.at[0] != MAGIC_REQUEST) {
        return guess_text(c);
    }
    if (!read_binary(&c, &b)) {
        return INSP_GUESS_MAYBE;
    }
    return is_binary(&b, MAGIC_REQUEST) && is_sure_binary(&b) ? INSP_GUESS_YES
                                                              : INSP_GUESS_NO;
}

struct datagram {
    uint16_t request;
    uint16_t number;
    struct insp_cursor rest;
};

static bool
read_datagram_head(const struct insp_reading *r, struct datagram *d)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint16_t total, reserved;

    d->request = insp_cursor_be16(&c);
    d->number = insp_cursor_be16(&c);
    total = insp_cursor_be16(&c);
    reserved = insp_cursor_be16(&c);
    d->rest = c;
    return !c.failed && !reserved && d->number < total;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct datagram d;

    if (r->is_stream) {
        return guess_request(insp_cursor(r->bytes, r->size));
    }
    return r->proto == 17 && read_datagram_head(r, &d) && !d.number &&
                   guess_request(d.rest) == INSP_GUESS_YES
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Text, reading. */

static bool
read_text_request(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), line, body;
    const uint8_t *from = c.at;
    struct insp_event *e;
    struct text t;

    if (s->stops) {
        insp_reading_stop_side(r);
        return false;
    }
    if (!read_line(&c, &line)) {
        if (insp_cursor_left(&c) >= LINE_MAX) {
            insp_reading_stop(r);
        }
        return false;
    }
    if (!read_text(line, &t)) {
        insp_reading_stop(r); /* "quit", and what is none. */
        return false;
    }
    if (!insp_frames_take(f, (size_t) (c.at - from),
                          t.has_value ? t.value_size + 2 : 0, 0, &body)) {
        return false;
    }
    e = insp_event_begin(r, INSP_APP_MEMCACHED, s->n_commands);
    put_text(e, &t);
    if (t.is_silent || t.may_be_silent) {
        insp_event_end(r, e);
        s->stops |= t.may_be_silent;
        if (s->stops && s->n_answers == s->n_commands) {
            insp_reading_stop(r);
        }
        return true;
    }
    s->n_commands++;
    return true;
}

/* What a line of the server means. */
enum answer {
    ANSWER_VALUE, /* A value follows, and then more. */
    ANSWER_MORE,  /* More lines follow. */
    ANSWER_LAST,
    ANSWER_LAST_VALUE, /* A value follows, and that is all. */
    ANSWER_BAD,
};

static enum answer
read_answer(struct insp_cursor line, struct insp_cursor *word, uint64_t *size)
{
    *word = insp_cursor_word(&line);
    *size = 0;
    if (is_word(word, "VALUE")) {
        (void) insp_cursor_word(&line);
        (void) insp_cursor_word(&line);
        return read_number(insp_cursor_word(&line), size) && *size <= VALUE_MAX
                   ? ANSWER_VALUE
                   : ANSWER_BAD;
    }
    if (is_word(word, "VA")) {
        return read_number(insp_cursor_word(&line), size) && *size <= VALUE_MAX
                   ? ANSWER_LAST_VALUE
                   : ANSWER_BAD;
    }
    if (is_word(word, "STAT") || is_word(word, "ITEM")) {
        return ANSWER_MORE;
    }
    return insp_cursor_left(word) ? ANSWER_LAST : ANSWER_BAD;
}

/* "STORED"; of a number, which is a value, no more than that it is one. */
static void
put_status(struct insp_event *e, struct insp_cursor word)
{
    size_t n = 0, left = INSP_MIN(insp_cursor_left(&word), WORD_MAX);

    while (n < left &&
           ((word.at[n] >= 'A' && word.at[n] <= 'Z') || word.at[n] == '_')) {
        n++;
    }
    if (n) {
        insp_event_bytes(e, INSP_FIELD_MEMCACHED_STATUS, word.at, n);
    } else {
        insp_event_text(e, INSP_FIELD_MEMCACHED_STATUS, "NUMBER");
    }
}

static void
end_answer(struct insp_reading *r, struct insp_event *e,
           struct insp_cursor word)
{
    struct state *s = r->state;

    put_status(e, word);
    if (s->n_hits) {
        insp_event_uint(e, INSP_FIELD_MEMCACHED_HITS, s->n_hits);
        s->n_hits = 0;
    }
    insp_event_uint(e, INSP_FIELD_MEMCACHED_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

static bool
read_text_response(struct insp_reading *r, struct insp_frames *f)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_frames_cursor(f), line, word, body;
    const uint8_t *from = c.at;
    enum answer answer;
    uint64_t size;

    if (!read_line(&c, &line)) {
        if (insp_cursor_left(&c) >= LINE_MAX) {
            insp_reading_stop(r);
        }
        return false;
    }
    answer = read_answer(line, &word, &size);
    if (answer == ANSWER_BAD) {
        insp_reading_stop(r); /* Out of step. */
        return false;
    }
    if (answer == ANSWER_VALUE || answer == ANSWER_LAST_VALUE) {
        s->n_hits++;
        size += 2;
    }
    if (!insp_frames_take(f, (size_t) (c.at - from), size, 0, &body)) {
        return false;
    }
    if (answer != ANSWER_VALUE && answer != ANSWER_MORE &&
        s->n_answers != s->n_commands) {
        end_answer(r, insp_event_find(r, INSP_APP_MEMCACHED, s->n_answers),
                   word);
        s->n_answers++;
        if (s->stops && s->n_answers == s->n_commands) {
            insp_reading_stop(r);
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static bool
read_binary_message(struct insp_reading *r, struct insp_frames *f,
                    bool is_client)
{
    struct insp_cursor c = insp_frames_cursor(f), body;
    struct binary b;

    if (!read_binary(&c, &b)) {
        return false;
    }
    if (!is_binary(&b, is_client ? MAGIC_REQUEST : MAGIC_RESPONSE)) {
        insp_reading_stop(r); /* Out of step. */
        return false;
    }
    if (!insp_frames_take(f, BINARY_HEAD, b.body,
                          is_client ? (size_t) b.extras + b.key : 0, &body)) {
        return false;
    }
    if (is_client) {
        read_binary_request(r, &b, body);
    } else {
        read_binary_response(r, &b);
    }
    return true;
}

static size_t
read_stream(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_frames f = { .r = r };
    bool is_client, goes_on = true;

    if (!s->client && r->size) {
        s->client = (uint8_t) (1 + r->side);
        struct insp_cursor c = insp_frames_cursor(&f);

        s->is_binary = insp_cursor_u8(&c) == MAGIC_REQUEST;
    }
    is_client = s->client == 1 + r->side;
    while (goes_on && !r->stop && f.at < r->size) {
        goes_on = s->is_binary ? read_binary_message(r, &f, is_client)
                  : is_client  ? read_text_request(r, &f)
                               : read_text_response(r, &f);
    }
    return f.at;
}

/* A request is one datagram, and of an answer the first one is looked at. */
static void
read_datagram(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor line, word;
    struct insp_event *e;
    struct datagram d;
    struct binary b;
    struct text t;
    uint64_t size;

    if (!read_datagram_head(r, &d) || d.number || !insp_cursor_left(&d.rest)) {
        return;
    }
    if (!s->client) {
        s->client = (uint8_t) (1 + r->side);
    }
    if (d.rest.at[0] == MAGIC_REQUEST || d.rest.at[0] == MAGIC_RESPONSE) {
        if (!read_binary(&d.rest, &b)) {
            return;
        }
        if (is_binary(&b, MAGIC_REQUEST)) {
            read_binary_request(r, &b, d.rest);
        } else if (is_binary(&b, MAGIC_RESPONSE)) {
            read_binary_response(r, &b);
        }
        return;
    }
    if (!read_line(&d.rest, &line)) {
        return;
    }
    if (s->client == 1 + r->side) {
        if (read_text(line, &t)) {
            e = insp_event_begin(r, INSP_APP_MEMCACHED, d.request);
            put_text(e, &t);
            if (t.is_silent) {
                insp_event_end(r, e);
            }
        }
        return;
    }
    e = insp_event_find(r, INSP_APP_MEMCACHED, d.request);
    if (read_answer(line, &word, &size) != ANSWER_BAD) {
        end_answer(r, e, word);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    if (r->is_stream) {
        return read_stream(r);
    }
    read_datagram(r);
    return r->size;
}

const struct insp_reader insp_reader_memcached = {
    .detect = detect,
    .read = read_bytes,
};
