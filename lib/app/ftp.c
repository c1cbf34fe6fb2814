/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The control connection of FTP (RFC 959): lines.  Answers come in the order
 * of the commands; one that begins with 1 is followed by another one.  An
 * answer of several lines (section 4.2) ends with the line that has its number
 * and a blank:
 *
 *     -->  RETR a.txt
 *     <--  150 Opening, 226 Done
 *
 * A command begins a record, its last answer ends it; an answer that nobody
 * has asked for, such as the greeting, is a record of its own.  After an
 * accepted AUTH (RFC 4217) TLS is next.  Where the data go is told (PORT,
 * EPRT, PASV and EPSV; RFC 2428), the data are not read.
 *
 * A greeting alone ("220 ...") is SMTP's as well, USER and PASS are POP3's:
 * without a word that says which, the next line of either side decides.
 */

#include "app/line.h"

#define GUESS_LINES 8
#define VERB_MAX    8
#define TEXT_MAX    256
#define LINES_MAX   4 /* Of an answer, that are told. */
#define USER_MAX    64
#define UNASKED     UINT32_MAX

enum command {
    COMMAND_OTHER = 1,
    COMMAND_USER,
    COMMAND_PASS,
    COMMAND_TLS,
    COMMAND_PASSIVE,
    COMMAND_QUIT,
};

struct state {
    uint8_t server; /* 1 + its side; 0: not known. */
    uint8_t n_lines;
    bool skips[2];
    bool greeted;
    bool waited;         /* For the client's first command. */
    bool is_unasked;     /* The answer that is being read. */
    uint16_t code;       /* Of an answer that has more lines; 0: none. */
    uint32_t n_commands; /* Tag of the next one. */
    uint32_t n_answers;
    struct insp_pending pending;
    uint8_t user_size;
    uint8_t user[USER_MAX];
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

/* Commands that nobody else has. */
static bool
is_of_ftp(struct insp_cursor line)
{
    static const char *const lines[] = {
        "SYST",       "FEAT",   "PASV",   "EPSV",     "PWD",
        "XPWD",       "CDUP",   "NLST",   "AUTH TLS", "AUTH SSL",
        "AUTH TLS-C", "TYPE A", "TYPE I",
    };
    static const char *const verbs[] = { "PORT ", "EPRT ", "OPTS ",
                                         "CWD ",  "STOR ", "CLNT " };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(lines); i++) {
        if (insp_line_is(line, lines[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(verbs); i++) {
        if (insp_line_says(line, verbs[i])) {
            return true;
        }
    }
    return false;
}

/* A name or a password: no second word. */
static bool
is_login(struct insp_cursor line)
{
    if (!insp_line_says(line, "USER ") && !insp_line_says(line, "PASS ")) {
        return false;
    }
    insp_cursor_skip(&line, 5);
    return insp_cursor_left(&line) &&
           !memchr(line.at, ' ', insp_cursor_left(&line));
}

/* The beginning of a line: letters, then anything. */
static bool
may_be_command(struct insp_cursor c)
{
    size_t left = INSP_MIN(insp_cursor_left(&c), 3);

    for (size_t i = 0; i < left; i++) {
        if (!insp_is_letter(c.at[i])) {
            return false;
        }
    }
    return true;
}

static enum insp_guess
guess_client(const struct insp_reading *r, struct insp_cursor c)
{
    struct insp_cursor line;

    if (!insp_line_is_text(c) || !may_be_command(c)) {
        return INSP_GUESS_NO;
    }
    for (int i = 0; i < GUESS_LINES && insp_line_next_whole(&c, &line); i++) {
        if (is_of_ftp(line) ||
            (insp_reading_at_port(r, INSP_APP_FTP) && is_login(line))) {
            return INSP_GUESS_YES;
        }
        if (!is_login(line)) {
            return INSP_GUESS_NO;
        }
    }
    return INSP_GUESS_MAYBE;
}

static enum insp_guess
guess_server(const struct insp_reading *r, struct insp_cursor c)
{
    enum insp_guess guess =
        INSP_MAX(insp_line_guess(c, "220"), insp_line_guess(c, "421"));
    struct insp_cursor line;
    bool more, is_first = true;

    if (guess != INSP_GUESS_YES || !insp_line_is_text(c)) {
        return guess == INSP_GUESS_MAYBE ? guess : INSP_GUESS_NO;
    }
    for (int i = 0; i < GUESS_LINES && insp_line_next_whole(&c, &line); i++) {
        unsigned int code = insp_line_reply_code(line, &more);

        if (is_first && !code && i) {
            continue; /* Lines of a greeting need no number. */
        }
        if (!code || code == 250) {
            return INSP_GUESS_NO;
        }
        if (insp_line_has(line, "FTP") || insp_line_has(line, "FILEZILLA") ||
            insp_reading_at_port(r, INSP_APP_FTP) || code == 331 ||
            code == 230 || code == 234) {
            return INSP_GUESS_YES;
        }
        is_first &= more;
    }
    return INSP_GUESS_MAYBE;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    return insp_is_digit(c.at[0]) ? guess_server(r, c) : guess_client(r, c);
}

/* ------------------------------------------------------------------------ */
/* Ports. */

/* The next number, behind what is none; false: there is none more. */
static bool
next_number(struct insp_cursor *c, uint32_t *number)
{
    uint32_t n = 0;

    while (insp_cursor_left(c) && !insp_is_digit(c->at[0])) {
        insp_cursor_skip(c, 1);
    }
    if (!insp_cursor_left(c)) {
        return false;
    }
    while (insp_cursor_left(c) && insp_is_digit(c->at[0])) {
        n = n * 10 + (uint32_t) (insp_cursor_u8(c) - '0');
        if (n > UINT16_MAX) {
            return false;
        }
    }
    *number = n;
    return true;
}

static void
set_port(struct insp_event *e, const char *mode, uint32_t port)
{
    if (port && port <= UINT16_MAX) {
        insp_event_text(e, INSP_FIELD_FTP_MODE, mode);
        insp_event_uint(e, INSP_FIELD_FTP_DYNAMIC_PORT, port);
    }
}

/* "h1,h2,h3,h4,p1,p2", of PORT and of 227. */
static void
set_six(struct insp_event *e, const char *mode, struct insp_cursor text)
{
    uint32_t n[6];

    for (int i = 0; i < 6; i++) {
        if (!next_number(&text, &n[i]) || n[i] > UINT8_MAX) {
            return;
        }
    }
    set_port(e, mode, n[4] << 8 | n[5]);
}

/* "|1|10.0.0.1|5282|", of EPRT, and "(|||5282|)" of 229: the last of the parts
 * that the first character parts. */
static void
set_last(struct insp_event *e, const char *mode, struct insp_cursor text)
{
    size_t size = insp_cursor_left(&text), end;
    struct insp_cursor digits;
    uint32_t port;

    while (size && !insp_is_digit(text.at[size - 1])) {
        size--;
    }
    end = size;
    while (size && insp_is_digit(text.at[size - 1])) {
        size--;
    }
    if (!size || end == size) {
        return;
    }
    digits = insp_cursor(text.at + size, end - size);
    if (next_number(&digits, &port)) {
        set_port(e, mode, port);
    }
}

/* ------------------------------------------------------------------------ */
/* Commands. */

/* Telnet's commands in front of one that interrupts (section 4.1.3). */
static void
skip_telnet(struct insp_cursor *line)
{
    while (insp_cursor_left(line) && line->at[0] >= 0xf0) {
        insp_cursor_skip(line, 1);
    }
}

static enum command
command_of(struct insp_cursor verb, struct insp_cursor rest)
{
    if (insp_line_is(verb, "USER")) {
        return COMMAND_USER;
    }
    if (insp_line_is(verb, "PASS")) {
        return COMMAND_PASS;
    }
    if (insp_line_is(verb, "AUTH")) {
        struct insp_cursor how = insp_cursor_word(&rest);

        return insp_line_says(how, "TLS") || insp_line_says(how, "SSL")
                   ? COMMAND_TLS
                   : COMMAND_OTHER;
    }
    if (insp_line_is(verb, "PASV") || insp_line_is(verb, "EPSV")) {
        return COMMAND_PASSIVE;
    }
    return insp_line_is(verb, "QUIT") ? COMMAND_QUIT : COMMAND_OTHER;
}

static void
keep_user(struct state *s, struct insp_cursor rest)
{
    while (insp_cursor_left(&rest) && rest.at[0] == ' ') {
        insp_cursor_skip(&rest, 1);
    }
    s->user_size = (uint8_t) INSP_MIN(insp_cursor_left(&rest), USER_MAX);
    if (s->user_size) {
        memcpy(s->user, rest.at, s->user_size);
    }
}

static void
read_command(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor verb;
    enum command command;
    struct insp_event *e;
    char name[VERB_MAX];
    size_t size;

    skip_telnet(&line);
    verb = insp_cursor_word(&line);
    size = insp_cursor_left(&verb);
    if (!size && !insp_cursor_left(&line)) {
        return;
    }
    if (size > VERB_MAX || !size || !insp_is_letter(verb.at[0])) {
        size = 0; /* The server answers it all the same. */
    }
    for (size_t i = 0; i < size; i++) {
        name[i] = (char) insp_line_upper(verb.at[i]);
    }
    command = command_of(verb, line);
    e = insp_event_begin(r, INSP_APP_FTP, s->n_commands++);
    if (size) {
        insp_event_bytes(e, INSP_FIELD_FTP_COMMAND, name, size);
    }
    if (command == COMMAND_USER) {
        keep_user(s, line);
    }
    if (size && command != COMMAND_PASS && !insp_line_is(verb, "ACCT")) {
        insp_line_set(e, INSP_FIELD_FTP_COMMAND_DATA, line, TEXT_MAX);
    }
    if (insp_line_is(verb, "PORT")) {
        set_six(e, "active", line);
    } else if (insp_line_is(verb, "EPRT")) {
        set_last(e, "active", line);
    }
    if (!insp_pending_push(&s->pending, (uint8_t) command)) {
        /* Answers are missing: the next one is the last command's. */
        memset(&s->pending, 0, sizeof s->pending);
        (void) insp_pending_push(&s->pending, (uint8_t) command);
        s->n_answers = s->n_commands - 1;
    }
}

static size_t
read_client(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && insp_line_take(&c, &s->skips[r->side], &line)) {
        read_command(r, line);
    }
    return r->size - insp_cursor_left(&c);
}

/* ------------------------------------------------------------------------ */
/* Answers. */

/* The record that an answer belongs to. */
static struct insp_event *
answer_event(struct insp_reading *r)
{
    const struct state *s = r->state;
    bool is_asked = s->pending.n;
    struct insp_event *e =
        insp_event_find(r, INSP_APP_FTP, is_asked ? s->n_answers : UNASKED);

    return e || is_asked ? e : insp_event_begin(r, INSP_APP_FTP, UNASKED);
}

static void
put_line(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;

    if (s->n_lines < LINES_MAX) {
        s->n_lines++;
        insp_line_add(answer_event(r), INSP_FIELD_FTP_REPLY, line, TEXT_MAX);
    }
}

static void
end_login(struct insp_event *e, const struct state *s, bool is_accepted)
{
    if (s->user_size) {
        insp_event_bytes(e, INSP_FIELD_FTP_USER, s->user, s->user_size);
    }
    if (is_accepted) {
        insp_event_uint(e, INSP_FIELD_FTP_CLEARTEXT_LOGIN, 1);
    }
}

/* What only the command's last answer says. */
static void
end_command(struct insp_reading *r, unsigned int code, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_event *e = answer_event(r);
    uint8_t command = s->is_unasked ? 0 : insp_pending_oldest(&s->pending);

    if (command == COMMAND_PASS ||
        (command == COMMAND_USER && code / 100 == 2)) {
        /* 332: the password is right, and an account is wanted. */
        end_login(e, s, code / 100 == 2 || code == 332);
    } else if (command == COMMAND_PASSIVE && code == 227) {
        set_six(e, "passive", line);
    } else if (command == COMMAND_PASSIVE && code == 229) {
        set_last(e, "passive", line);
    }
    if (command) {
        if (!s->waited || s->n_answers) {
            insp_event_uint(e, INSP_FIELD_FTP_LATENCY,
                            insp_event_age_us(r, e));
        }
        insp_pending_pop(&s->pending);
        s->n_answers++;
    }
    insp_event_end(r, e);
    if (command == COMMAND_TLS && (code == 234 || code == 334)) {
        insp_reading_again(r);
    } else if (command == COMMAND_QUIT || code == 421) {
        insp_reading_stop(r);
    }
}

static void
read_reply(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    bool more;
    unsigned int code = insp_line_reply_code(line, &more);
    char digits[3];

    if (s->code && (code != s->code || more)) {
        if (code == s->code) {
            insp_cursor_skip(&line, 4);
        }
        put_line(r, line);
        return;
    }
    if (!code) {
        insp_reading_stop(r); /* Out of step. */
        return;
    }
    if (!s->code) {
        /* Nothing that is asked for is answered with 220 as the first. */
        s->is_unasked = !s->pending.n || (!s->greeted && code == 220);
        s->greeted = true;
    }
    memcpy(digits, line.at, sizeof digits);
    insp_cursor_skip(&line, INSP_MIN(4, insp_cursor_left(&line)));
    put_line(r, line);
    s->code = more ? (uint16_t) code : 0;
    if (more) {
        return;
    }
    s->n_lines = 0;
    insp_event_bytes(answer_event(r), INSP_FIELD_FTP_CODE, digits,
                     sizeof digits);
    if (code >= 200) {
        end_command(r, code, line);
    }
}

/* The server's second answer has told that it is FTP, and the client's first
 * command is shown after it: the answer waits for that. */
static bool
must_wait(struct state *s)
{
    bool waits = s->greeted && !s->code && !s->n_commands && !s->waited;

    s->waited |= waits;
    return waits;
}

static size_t
read_server(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && !r->again) {
        struct insp_cursor before = c;

        if (!insp_line_take(&c, &s->skips[r->side], &line)) {
            break;
        }
        if (must_wait(s)) {
            return r->size - insp_cursor_left(&before);
        }
        read_reply(r, line);
    }
    return r->size - insp_cursor_left(&c);
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static size_t
seek(const struct insp_reading *r)
{
    const struct state *s = r->state;

    return insp_line_seek(r, s->server == 1 + r->side);
}

/* Bytes are missing.  Behind commands that are, nobody knows whose the answers
 * are; behind answers, the next one is most likely the last command's. */
static void
begin_anew(struct insp_reading *r)
{
    struct state *s = r->state;

    if (s->server == 1 + r->side) {
        insp_pending_keep_last(&s->pending);
    } else {
        memset(&s->pending, 0, sizeof s->pending);
    }
    s->n_answers = s->n_commands - s->pending.n;
    s->skips[r->side] = false;
    s->code = 0;
    s->n_lines = 0;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;

    if (r->after_gap) {
        begin_anew(r);
    }

    if (!s->server && r->size) {
        s->server =
            (uint8_t) (1 + (insp_is_digit(r->bytes[0]) ? r->side : !r->side));
    }
    return s->server == 1 + r->side ? read_server(r) : read_client(r);
}

const struct insp_reader insp_reader_ftp = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
    .seek = seek,
};
