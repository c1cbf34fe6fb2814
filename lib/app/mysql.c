/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * MySQL's client/server protocol ("Client/Server Protocol" in MySQL's source
 * documentation, "Clients & Utilities, Protocol" in MariaDB's): packets of
 * three bytes of length, lowest first, and a number that begins at 0 with each
 * exchange.
 *
 *     server: greeting (0)
 *     client: login (1), or a request for TLS (1) behind which TLS begins
 *     server: OK, error, or more about authentication
 *     client: command (0)
 *     server: OK (1), error (1), or a result: count (1), columns, rows
 *
 * The login is one record, each command is one, ended by the first packet of
 * its answer.  Passwords, what is exchanged to prove them, values and results
 * are passed.  When the client compresses, nothing is readable behind the
 * login, and reading stops.
 *
 * Detected by the greeting, by the login, or by a query in mid-stream.
 */

#include "app/data.h"
#include "app/event.h"
#include "app/little.h"

#define HEAD_SIZE      4
#define SHOWN_COMMAND  512
#define SHOWN_LOGIN    2048
#define TEXT_MAX       256
#define ATTRIBUTES_MAX 32
#define PARAMETERS_MAX 16

#define TAG_LOGIN UINT32_MAX

/* Capabilities. */
#define CAN_CONNECT_WITH_DB   UINT32_C(0x00000008)
#define CAN_COMPRESS          UINT32_C(0x00000020)
#define CAN_PROTOCOL_41       UINT32_C(0x00000200)
#define CAN_TLS               UINT32_C(0x00000800)
#define CAN_SECURE_CONNECTION UINT32_C(0x00008000)
#define CAN_PLUGIN_AUTH       UINT32_C(0x00080000)
#define CAN_ATTRIBUTES        UINT32_C(0x00100000)
#define CAN_LONG_AUTH         UINT32_C(0x00200000)
#define CAN_ZSTD              UINT32_C(0x04000000)
#define CAN_QUERY_ATTRIBUTES  UINT32_C(0x08000000)

enum phase {
    BEGINNING,
    GREETED, /* The client has its turn to log in. */
    LOGGING_IN,
    COMMANDS,
};

struct state {
    uint8_t phase;
    uint8_t client;        /* Which side. */
    uint8_t answer_number; /* Of the first packet of the answer. */
    bool changes_user;     /* Which takes more than one packet. */
    uint32_t server_caps;
    uint32_t client_caps;
    uint32_t n_commands; /* Tag of the last one. */
    uint32_t n_answers;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

enum {
    COM_QUIT = 0x01,
    COM_INIT_DB = 0x02,
    COM_QUERY = 0x03,
    COM_CHANGE_USER = 0x11,
    COM_BINLOG_DUMP = 0x12,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_SEND_LONG_DATA = 0x18,
    COM_STMT_CLOSE = 0x19,
    COM_BINLOG_DUMP_GTID = 0x1e,
};

static const char *const command_words[] = {
    "sleep",
    "quit",
    "init_db",
    "query",
    "field_list",
    "create_db",
    "drop_db",
    "refresh",
    "shutdown",
    "statistics",
    "process_info",
    "connect",
    "process_kill",
    "debug",
    "ping",
    "time",
    "delayed_insert",
    "change_user",
    "binlog_dump",
    "table_dump",
    "connect_out",
    "register_slave",
    "stmt_prepare",
    "stmt_execute",
    "stmt_send_long_data",
    "stmt_close",
    "stmt_reset",
    "set_option",
    "stmt_fetch",
    "daemon",
    "binlog_dump_gtid",
    "reset_connection",
    "clone",
};

/* ------------------------------------------------------------------------ */
/* Pieces. */

struct head {
    uint32_t size;
    uint8_t number;
};

static bool
read_head(struct insp_cursor *c, struct head *h)
{
    struct insp_cursor all = *c;
    const uint8_t *b = insp_cursor_take(c, HEAD_SIZE);

    if (!b) {
        *c = all;
        return false;
    }
    h->size = b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16;
    h->number = b[3];
    return true;
}

/* "Length-encoded integer". */
static uint64_t
read_length(struct insp_cursor *c)
{
    uint8_t first = insp_cursor_u8(c);
    uint64_t n;

    switch (first) {
    case 0xfc: return insp_little_u16(c);
    case 0xfd:
        n = insp_little_u16(c);
        return n | (uint64_t) insp_cursor_u8(c) << 16;
    case 0xfe: return insp_little_u64(c);
    case 0xfb:
    case 0xff: c->failed = true; return 0;
    default: return first;
    }
}

static struct insp_cursor
read_counted(struct insp_cursor *c)
{
    uint64_t size = read_length(c);

    return insp_cursor_sub(c, (size_t) INSP_MIN(size, SIZE_MAX));
}

static void
put_text(struct insp_event *e, enum insp_app_field field, const uint8_t *text,
         size_t size)
{
    if (text && size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, text, INSP_MIN(size, TEXT_MAX));
    }
}

static void
put_zero_text(struct insp_event *e, enum insp_app_field field,
              struct insp_cursor *c)
{
    size_t size;
    const uint8_t *text = insp_cursor_zero(c, &size);

    put_text(e, field, text, size);
}

/* ------------------------------------------------------------------------ */
/* Detection. */

/* Protocol::HandshakeV10.  MAYBE: what there is of it could be one. */
static enum insp_guess
guess_greeting(struct insp_cursor c, const struct head *h)
{
    size_t left, n = 0;

    if (h->number || h->size < 30 || h->size > 512) {
        return INSP_GUESS_NO;
    }
    left = insp_cursor_left(&c);
    if (!left) {
        return INSP_GUESS_MAYBE;
    }
    if (insp_cursor_u8(&c) != 10) {
        return INSP_GUESS_NO;
    }
    while (n < left - 1 && n < 64 && c.at[n] >= 0x20 && c.at[n] < 0x7f) {
        n++;
    }
    if (n == 64 || (n && !insp_is_digit(c.at[0]))) {
        return INSP_GUESS_NO;
    }
    if (n == left - 1) {
        return INSP_GUESS_MAYBE;
    }
    if (n < 3 || c.at[n]) {
        return INSP_GUESS_NO;
    }
    insp_cursor_skip(&c, n + 1 + 4 + 8);
    if (insp_cursor_u8(&c)) {
        return INSP_GUESS_NO; /* The filler. */
    }
    return c.failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

/* ERR_Packet in place of a greeting: "Host '...' is not allowed". */
static enum insp_guess
guess_refusal(struct insp_cursor c, const struct head *h)
{
    uint16_t code;
    size_t left;

    if (h->number || h->size < 12 || h->size > 512 ||
        (insp_cursor_left(&c) && c.at[0] != 0xff)) {
        return INSP_GUESS_NO;
    }
    if (insp_cursor_left(&c) < h->size) {
        return INSP_GUESS_MAYBE;
    }
    insp_cursor_limit(&c, h->size);
    insp_cursor_skip(&c, 1);
    code = insp_little_u16(&c);
    left = insp_cursor_left(&c);
    return code >= 1000 && code < 5000 && insp_is_printable(c.at, left)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

/* Protocol::HandshakeResponse41 and SSLRequest: zeros in front of the name of
 * the user; MariaDB has its own capabilities in the last four of them. */
static enum insp_guess
guess_login(struct insp_cursor c, const struct head *h)
{
    static const uint8_t zeros[19];
    uint32_t caps;
    const uint8_t *filler;

    if (h->number != 1 || h->size < 32 || h->size > 65535) {
        return INSP_GUESS_NO;
    }
    if (insp_cursor_left(&c) < 32) {
        return INSP_GUESS_MAYBE;
    }
    caps = insp_little_u32(&c);
    insp_cursor_skip(&c, 5);
    filler = insp_cursor_take(&c, sizeof zeros);
    return caps & CAN_PROTOCOL_41 && filler &&
                   !memcmp(filler, zeros, sizeof zeros) &&
                   (h->size > 32 || caps & CAN_TLS)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

/* COM_QUERY, when it is all that there is: the connection is older than what
 * is seen of it. */
static bool
is_query(struct insp_cursor c, const struct head *h)
{
    if (h->number || h->size < 6 || insp_cursor_left(&c) != h->size ||
        insp_cursor_u8(&c) != COM_QUERY) {
        return false;
    }
    if (insp_is_statement(c)) {
        return true;
    }
    /* Without attributes: CLIENT_QUERY_ATTRIBUTES. */
    return insp_cursor_u8(&c) == 0 && insp_cursor_u8(&c) == 1 &&
           insp_is_statement(c);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess greeting, refusal, login;
    struct head h;

    if (!r->is_stream) {
        return INSP_GUESS_NO;
    }
    if (!read_head(&c, &h)) {
        insp_cursor_skip(&c, 2);
        return insp_cursor_u8(&c) ? INSP_GUESS_NO : INSP_GUESS_MAYBE;
    }
    greeting = guess_greeting(c, &h);
    refusal = guess_refusal(c, &h);
    login = guess_login(c, &h);
    if (greeting == INSP_GUESS_YES || refusal == INSP_GUESS_YES ||
        login == INSP_GUESS_YES || is_query(c, &h)) {
        return INSP_GUESS_YES;
    }
    return greeting == INSP_GUESS_MAYBE || refusal == INSP_GUESS_MAYBE ||
                   login == INSP_GUESS_MAYBE
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Login. */

static struct insp_event *
login_event(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_MYSQL, TAG_LOGIN);

    return e ? e : insp_event_begin(r, INSP_APP_MYSQL, TAG_LOGIN);
}

static void
read_greeting(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = login_event(r);
    uint8_t version = insp_cursor_u8(&c), auth_size;

    s->phase = GREETED;
    put_zero_text(e, INSP_FIELD_MYSQL_VERSION, &c);
    insp_event_uint(e, INSP_FIELD_MYSQL_PROTOCOL, version);
    insp_event_uint(e, INSP_FIELD_MYSQL_CONNECTION, insp_little_u32(&c));
    insp_cursor_skip(&c, 8 + 1);
    s->server_caps = insp_little_u16(&c);
    insp_cursor_skip(&c, 1 + 2);
    s->server_caps |= (uint32_t) insp_little_u16(&c) << 16;
    insp_event_uint(e, INSP_FIELD_MYSQL_CAPABILITIES, s->server_caps);
    auth_size = insp_cursor_u8(&c);
    insp_cursor_skip(&c, 10);
    if (s->server_caps & CAN_PLUGIN_AUTH) {
        insp_cursor_skip(&c, auth_size > 21 ? auth_size - 8u : 13u);
        put_zero_text(e, INSP_FIELD_MYSQL_PLUGIN, &c);
    }
}

static bool
is_named(const struct insp_cursor *name, const char *text)
{
    size_t size = strlen(text);

    return insp_cursor_left(name) == size && !memcmp(name->at, text, size);
}

/* "Connection attributes", of performance_schema. */
static void
read_attributes(struct insp_event *e, struct insp_cursor c)
{
    for (int i = 0; i < ATTRIBUTES_MAX && insp_cursor_left(&c); i++) {
        struct insp_cursor name = read_counted(&c), value = read_counted(&c);
        size_t size = insp_cursor_left(&value);

        if (c.failed) {
            return;
        }
        if (is_named(&name, "_client_name")) {
            put_text(e, INSP_FIELD_MYSQL_CLIENT_NAME, value.at, size);
        } else if (is_named(&name, "_client_version")) {
            put_text(e, INSP_FIELD_MYSQL_CLIENT_VERSION, value.at, size);
        } else if (is_named(&name, "program_name")) {
            put_text(e, INSP_FIELD_MYSQL_PROGRAM, value.at, size);
        }
    }
}

/* What proves who the user is: passed. */
static void
skip_proof(struct insp_cursor *c, uint32_t caps)
{
    size_t size;

    if (caps & CAN_LONG_AUTH) {
        (void) read_counted(c);
    } else if (caps & CAN_SECURE_CONNECTION) {
        insp_cursor_skip(c, insp_cursor_u8(c));
    } else {
        (void) insp_cursor_zero(c, &size);
    }
}

/* Protocol::HandshakeResponse320. */
static void
read_old_login(struct insp_event *e, struct insp_cursor c, uint32_t caps)
{
    size_t size;

    insp_event_uint(e, INSP_FIELD_MYSQL_CLIENT_CAPABILITIES, caps);
    insp_cursor_skip(&c, 3);
    put_zero_text(e, INSP_FIELD_MYSQL_USER, &c);
    if (caps & CAN_CONNECT_WITH_DB) {
        (void) insp_cursor_zero(&c, &size);
        put_zero_text(e, INSP_FIELD_MYSQL_DATABASE, &c);
    }
}

static void
read_login(struct insp_reading *r, struct insp_cursor c, uint32_t size)
{
    struct state *s = r->state;
    struct insp_event *e = login_event(r);
    uint32_t caps = insp_little_u16(&c);

    s->phase = LOGGING_IN;
    if (!(caps & CAN_PROTOCOL_41)) {
        s->client_caps = caps;
        read_old_login(e, c, caps);
        return;
    }
    caps |= (uint32_t) insp_little_u16(&c) << 16;
    s->client_caps = caps;
    insp_event_uint(e, INSP_FIELD_MYSQL_TLS, size == 32 && caps & CAN_TLS);
    insp_event_uint(e, INSP_FIELD_MYSQL_CLIENT_CAPABILITIES, caps);
    if (size == 32 && caps & CAN_TLS) {
        insp_event_end(r, e);
        insp_reading_again(r);
        return;
    }
    insp_cursor_skip(&c, 4 + 1 + 23);
    put_zero_text(e, INSP_FIELD_MYSQL_USER, &c);
    skip_proof(&c, caps);
    if (caps & CAN_CONNECT_WITH_DB) {
        put_zero_text(e, INSP_FIELD_MYSQL_DATABASE, &c);
    }
    if (caps & CAN_PLUGIN_AUTH) {
        put_zero_text(e, INSP_FIELD_MYSQL_CLIENT_PLUGIN, &c);
    }
    if (caps & CAN_ATTRIBUTES) {
        read_attributes(e, read_counted(&c));
    }
}

/* ERR_Packet, behind its first byte. */
static void
put_error(struct insp_event *e, struct insp_cursor c)
{
    const uint8_t *state;

    insp_event_text(e, INSP_FIELD_MYSQL_STATUS, "error");
    insp_event_uint(e, INSP_FIELD_MYSQL_ERROR, insp_little_u16(&c));
    if (insp_cursor_u8(&c) == '#') {
        state = insp_cursor_take(&c, 5);
        if (state && insp_is_printable(state, 5)) {
            insp_event_bytes(e, INSP_FIELD_MYSQL_SQLSTATE, state, 5);
        }
    }
}

/* The end of the login, if it is that. */
static void
read_login_answer(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = insp_event_find(r, INSP_APP_MYSQL, TAG_LOGIN);
    uint8_t first = insp_cursor_u8(&c);

    if (c.failed || (first && first != 0xff)) {
        return; /* More about how to authenticate. */
    }
    if (first) {
        put_error(e, c);
    } else {
        insp_event_text(e, INSP_FIELD_MYSQL_STATUS, "ok");
    }
    insp_event_end(r, e);
    s->phase = COMMANDS;
    if (s->client_caps & s->server_caps & (CAN_COMPRESS | CAN_ZSTD)) {
        insp_reading_stop(r);
    }
}

/* ------------------------------------------------------------------------ */
/* Commands. */

/* How long the value of a parameter is: "Binary Protocol Value". */
static void
skip_value(struct insp_cursor *c, uint8_t type)
{
    switch (type) {
    case 0x06: break; /* Null. */
    case 0x01: insp_cursor_skip(c, 1); break;
    case 0x02:
    case 0x0d: insp_cursor_skip(c, 2); break;
    case 0x03:
    case 0x04:
    case 0x09: insp_cursor_skip(c, 4); break;
    case 0x05:
    case 0x08: insp_cursor_skip(c, 8); break;
    case 0x07:
    case 0x0a:
    case 0x0b:
    case 0x0c: insp_cursor_skip(c, insp_cursor_u8(c)); break;
    default: (void) read_counted(c); break;
    }
}

/* COM_QUERY has attributes in front of the statement. */
static bool
skip_attributes(struct insp_cursor *c)
{
    uint64_t n = read_length(c);
    uint8_t types[PARAMETERS_MAX];
    const uint8_t *nulls;

    (void) read_length(c);
    if (c->failed || n > PARAMETERS_MAX) {
        return false;
    }
    if (!n) {
        return true;
    }
    nulls = insp_cursor_take(c, (size_t) (n + 7) / 8);
    if (!nulls || insp_cursor_u8(c) != 1) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        types[i] = insp_cursor_u8(c);
        insp_cursor_skip(c, 1);
        (void) read_counted(c);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!(nulls[i / 8] & 1 << i % 8)) {
            skip_value(c, types[i]);
        }
    }
    return !c->failed;
}

static void
put_statement(struct insp_event *e, struct insp_cursor c)
{
    char words[INSP_WORDS_MAX];
    size_t n = insp_statement_words(c, words);

    if (n) {
        insp_event_bytes(e, INSP_FIELD_MYSQL_STATEMENT, words, n);
    }
}

static bool
has_answer(uint8_t command)
{
    return command != COM_QUIT && command != COM_STMT_SEND_LONG_DATA &&
           command != COM_STMT_CLOSE;
}

static void
read_command(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    uint8_t command = insp_cursor_u8(&c);
    struct insp_event *e;

    if (c.failed || command >= INSP_ARRAY_SIZE(command_words)) {
        insp_reading_stop(r); /* Not what it was taken for. */
        return;
    }
    if (command == COM_STMT_SEND_LONG_DATA || command == COM_STMT_CLOSE) {
        return; /* Of no interest, and unanswered. */
    }
    e = insp_event_begin(r, INSP_APP_MYSQL, s->n_commands);
    s->changes_user = command == COM_CHANGE_USER;
    insp_event_text(e, INSP_FIELD_MYSQL_COMMAND, command_words[command]);
    switch (command) {
    case COM_QUERY:
        if (!(s->client_caps & s->server_caps & CAN_QUERY_ATTRIBUTES) ||
            skip_attributes(&c)) {
            put_statement(e, c);
        }
        break;
    case COM_STMT_PREPARE: put_statement(e, c); break;
    case COM_INIT_DB:
        put_text(e, INSP_FIELD_MYSQL_DATABASE, c.at, insp_cursor_left(&c));
        break;
    case COM_CHANGE_USER:
        put_zero_text(e, INSP_FIELD_MYSQL_USER, &c);
        skip_proof(&c, CAN_SECURE_CONNECTION);
        put_zero_text(e, INSP_FIELD_MYSQL_DATABASE, &c);
        break;
    case COM_BINLOG_DUMP:
    case COM_BINLOG_DUMP_GTID:
        insp_event_end(r, e);
        insp_reading_stop(r); /* Replication: without an end. */
        return;
    default: break;
    }
    if (has_answer(command)) {
        s->n_commands++;
    } else {
        insp_event_end(r, e);
    }
}

/* The first packet that answers a command. */
static void
read_answer(struct insp_reading *r, struct insp_cursor c)
{
    struct state *s = r->state;
    struct insp_event *e = insp_event_find(r, INSP_APP_MYSQL, s->n_answers);
    uint8_t first = insp_cursor_u8(&c);

    if (s->changes_user && first && first != 0xff) {
        return; /* More about how to authenticate. */
    }
    s->changes_user = false;
    s->n_answers++;
    switch (first) {
    case 0x00: insp_event_text(e, INSP_FIELD_MYSQL_STATUS, "ok"); break;
    case 0xff: put_error(e, c); break;
    case 0xfb:
        insp_event_text(e, INSP_FIELD_MYSQL_STATUS, "local_infile");
        break;
    default: insp_event_text(e, INSP_FIELD_MYSQL_STATUS, "result"); break;
    }
    insp_event_uint(e, INSP_FIELD_MYSQL_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static void
read_of_client(struct insp_reading *r, struct insp_cursor body,
               const struct head *h)
{
    struct state *s = r->state;

    if (s->phase == COMMANDS) {
        if (!h->number) {
            read_command(r, body);
        }
        s->answer_number = (uint8_t) (h->number + 1);
    } else if (s->phase == GREETED) {
        read_login(r, body, h->size);
    }
}

static void
read_of_server(struct insp_reading *r, struct insp_cursor body,
               const struct head *h)
{
    struct state *s = r->state;

    switch ((enum phase) s->phase) {
    case BEGINNING:
        if (insp_cursor_left(&body) && body.at[0] == 0xff) {
            struct insp_event *e = login_event(r);

            insp_cursor_skip(&body, 1);
            put_error(e, body);
            insp_event_end(r, e);
            insp_reading_stop(r);
        } else {
            read_greeting(r, body);
        }
        break;
    case GREETED: break;
    case LOGGING_IN: read_login_answer(r, body); break;
    case COMMANDS:
        if (s->n_answers != s->n_commands &&
            (h->number == s->answer_number || s->changes_user)) {
            read_answer(r, body);
        }
        break;
    }
}

/* Which side is the client, and where it stands: by the first packet. */
static void
begin(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct head h;

    if (s->phase != BEGINNING || s->client || !read_head(&c, &h)) {
        return;
    }
    /* 'client' is 1 + the side, so that 0 is not known. */
    if (guess_login(c, &h) == INSP_GUESS_YES) {
        s->client = (uint8_t) (1 + r->side);
        s->phase = GREETED;
        s->server_caps = UINT32_MAX; /* Not seen. */
    } else if (is_query(c, &h)) {
        s->client = (uint8_t) (1 + r->side);
        s->phase = COMMANDS;
        if (c.at[1] == 0) {
            s->server_caps = s->client_caps = CAN_QUERY_ATTRIBUTES;
        }
    } else {
        s->client = (uint8_t) (1 + !r->side);
    }
}

static size_t
how_much(const struct state *s, bool is_client)
{
    if (s->phase == COMMANDS) {
        return is_client ? SHOWN_COMMAND : 9;
    }
    return SHOWN_LOGIN;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_frames f = { .r = r };
    bool is_client;

    begin(r);
    is_client = s->client == 1 + r->side;
    while (!r->stop && !r->again) {
        struct insp_cursor c = insp_frames_cursor(&f), body;
        struct head h;

        if (!read_head(&c, &h) ||
            !insp_frames_take(&f, HEAD_SIZE, h.size, how_much(s, is_client),
                              &body)) {
            break;
        }
        if (is_client) {
            read_of_client(r, body, &h);
        } else {
            read_of_server(r, body, &h);
        }
    }
    return f.at;
}

const struct insp_reader insp_reader_mysql = {
    .detect = detect,
    .read = read_bytes,
};
