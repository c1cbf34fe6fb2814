/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * POP3 (RFC 1939): lines.  The server greets, answers come in the order of the
 * commands and begin with "+OK" or "-ERR"; that of CAPA, and of AUTH without a
 * mechanism, has more lines, up to a lone dot.
 *
 *     <--  +OK ready
 *     -->  USER bob            <--  +OK
 *     -->  PASS ...            <--  +OK      ends the record, and the reading
 *
 * What is of interest is who logs in, and how: after that nothing more is
 * read.  A refused login ends a record too, and another one may follow.  After
 * an accepted STLS (RFC 2595) TLS is next.
 *
 * A greeting that only says "+OK" may be anybody's: then the client's words,
 * or the server's next ones, decide.
 */

#include "app/line.h"

#define GUESS_LINES 8
#define TEXT_MAX    256
#define USER_MAX    128
#define LOGINS_MAX  16 /* Refused ones; nobody needs more of them. */

enum command {
    COMMAND_OTHER = 1,
    COMMAND_LIST, /* With an answer of several lines. */
    COMMAND_LOGIN,
    COMMAND_TLS,
    COMMAND_QUIT,
};

struct state {
    uint8_t server; /* 1 + its side; 0: not known. */
    uint8_t login;  /* enum insp_login of AUTH. */
    uint8_t n_logins;
    bool responds; /* The client's lines are those of AUTH. */
    bool greeted;
    bool has_asked; /* The client. */
    bool waited;    /* For that. */
    bool in_list;   /* The server's lines are those of a list. */
    bool skips[2];
    struct insp_pending pending;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

/* "<1896.697170952@mail.example>" at its end: for APOP. */
static bool
has_stamp(struct insp_cursor line)
{
    return insp_cursor_left(&line) > 8 && line.end[-1] == '>' &&
           insp_line_has(line, "@") && insp_line_has(line, "<");
}

/* A whole line that begins with it. */
static enum insp_guess
guess_answer(struct insp_cursor c, const char *word)
{
    struct insp_cursor line = insp_line_first(c);
    enum insp_guess guess = insp_line_guess(c, word);

    return guess == INSP_GUESS_YES && !insp_cursor_left(&line)
               ? INSP_GUESS_MAYBE
               : guess;
}

static enum insp_guess
guess_server(const struct insp_reading *r, struct insp_cursor c)
{
    enum insp_guess guess = insp_line_guess(c, "+OK");
    struct insp_cursor line = insp_line_first(c);

    if (guess != INSP_GUESS_YES) {
        return guess;
    }
    if (insp_line_has(line, "POP") || has_stamp(line) ||
        (insp_reading_at_port(r, INSP_APP_POP3) && insp_cursor_left(&line))) {
        return INSP_GUESS_YES;
    }
    insp_cursor_skip(&c, 3);
    guess = insp_line_guess(c, " ");
    if (guess == INSP_GUESS_NO || !insp_line_is_text(c)) {
        return INSP_GUESS_NO;
    }
    if (!insp_line_next_whole(&c, &line) || !insp_cursor_left(&c)) {
        return INSP_GUESS_MAYBE;
    }
    return INSP_MAX(guess_answer(c, "+OK"), guess_answer(c, "-ERR"));
}

/* "APOP NAME DIGEST", and what nobody else says. */
static bool
is_of_pop3(struct insp_cursor line)
{
    static const char *const lines[] = { "CAPA", "STLS", "UIDL", "STAT" };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(lines); i++) {
        if (insp_line_is(line, lines[i])) {
            return true;
        }
    }
    return insp_line_says(line, "APOP ") && insp_cursor_left(&line) > 38 &&
           line.end[-33] == ' ';
}

/* What others say too. */
static bool
is_login(struct insp_cursor line)
{
    if (!insp_line_says(line, "USER ") && !insp_line_says(line, "PASS ") &&
        !insp_line_says(line, "AUTH ")) {
        return false;
    }
    insp_cursor_skip(&line, 5);
    return insp_cursor_left(&line) &&
           !memchr(line.at, ' ', insp_cursor_left(&line));
}

static enum insp_guess
guess_client(const struct insp_reading *r, struct insp_cursor c)
{
    struct insp_cursor line;
    size_t left = INSP_MIN(insp_cursor_left(&c), 4);

    for (size_t i = 0; i < left; i++) {
        if (!insp_is_letter(c.at[i])) {
            return INSP_GUESS_NO;
        }
    }
    if (!insp_line_is_text(c)) {
        return INSP_GUESS_NO;
    }
    for (int i = 0; i < GUESS_LINES && insp_line_next_whole(&c, &line); i++) {
        if (is_of_pop3(line) ||
            (insp_reading_at_port(r, INSP_APP_POP3) && is_login(line))) {
            return INSP_GUESS_YES;
        }
        if (!is_login(line)) {
            return INSP_GUESS_NO;
        }
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
    return c.at[0] == '+' ? guess_server(r, c) : guess_client(r, c);
}

/* ------------------------------------------------------------------------ */
/* Commands. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_POP3, 0);

    return e ? e : insp_event_begin(r, INSP_APP_POP3, 0);
}

static void
push(struct insp_reading *r, enum command command)
{
    struct state *s = r->state;

    s->has_asked = true;
    if (!insp_pending_push(&s->pending, (uint8_t) command)) {
        insp_reading_stop(r); /* Out of step. */
    }
}

/* A response of AUTH, or what stands in its place behind the mechanism. */
static void
read_response(struct insp_reading *r, struct insp_cursor base64)
{
    struct state *s = r->state;
    enum insp_login login = (enum insp_login) s->login;
    struct insp_event *e = event_of(r);

    if (insp_cursor_left(&base64) <= 1) {
        return; /* Empty, or "*", which breaks off. */
    }
    insp_login_set_user(e, INSP_FIELD_POP3_USER, login, base64);
    insp_event_uint(e, INSP_FIELD_POP3_CLEARTEXT_LOGIN,
                    insp_login_is_clear(login));
    if (login == INSP_LOGIN_LOGIN) {
        s->login = INSP_LOGIN_BEARER; /* The password is next. */
    }
}

static void
ask_login(struct insp_reading *r, struct insp_cursor rest)
{
    struct state *s = r->state;
    struct insp_cursor mechanism = insp_cursor_word(&rest);
    struct insp_event *e = event_of(r);

    insp_line_set_word(e, INSP_FIELD_POP3_COMMAND, "AUTH");
    insp_line_set(e, INSP_FIELD_POP3_LOGIN, mechanism, 32);
    s->login = (uint8_t) insp_login_of(mechanism);
    read_response(r, insp_cursor_word(&rest));
    s->responds = true;
    push(r, COMMAND_LOGIN);
}

static void
read_command(struct insp_reading *r, struct insp_cursor line)
{
    struct insp_cursor rest = line, verb = insp_cursor_word(&rest);
    struct insp_event *e;

    if (insp_line_is(verb, "USER")) {
        insp_line_set(event_of(r), INSP_FIELD_POP3_USER, rest, USER_MAX);
        push(r, COMMAND_OTHER);
    } else if (insp_line_is(verb, "PASS")) {
        e = event_of(r);
        insp_line_set_word(e, INSP_FIELD_POP3_COMMAND, "PASS");
        insp_event_uint(e, INSP_FIELD_POP3_CLEARTEXT_LOGIN, 1);
        push(r, COMMAND_LOGIN);
    } else if (insp_line_is(verb, "APOP")) {
        e = event_of(r);
        insp_line_set_word(e, INSP_FIELD_POP3_COMMAND, "APOP");
        insp_line_set(e, INSP_FIELD_POP3_USER, insp_cursor_word(&rest),
                      USER_MAX);
        insp_event_uint(e, INSP_FIELD_POP3_CLEARTEXT_LOGIN, 0);
        push(r, COMMAND_LOGIN);
    } else if (insp_line_is(verb, "AUTH") && insp_cursor_left(&rest)) {
        ask_login(r, rest);
    } else if (insp_line_is(verb, "STLS")) {
        push(r, COMMAND_TLS);
    } else if (insp_line_is(verb, "CAPA") || insp_line_is(verb, "AUTH")) {
        push(r, COMMAND_LIST);
    } else {
        push(r, insp_line_is(verb, "QUIT") ? COMMAND_QUIT : COMMAND_OTHER);
    }
}

static size_t
read_client(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && insp_line_take(&c, &s->skips[r->side], &line)) {
        if (s->responds) {
            read_response(r, line);
        } else {
            read_command(r, line);
        }
    }
    return r->size - insp_cursor_left(&c);
}

/* ------------------------------------------------------------------------ */
/* Answers. */

static void
end_login(struct insp_reading *r, bool is_ok)
{
    struct state *s = r->state;
    struct insp_event *e = event_of(r);

    insp_line_set_word(e, INSP_FIELD_POP3_STATUS, is_ok ? "OK" : "ERR");
    insp_event_end(r, e);
    if (is_ok || ++s->n_logins == LOGINS_MAX) {
        insp_reading_stop(r);
    }
}

static void
accept_tls(struct insp_reading *r)
{
    struct insp_event *e = event_of(r);

    insp_line_set_word(e, INSP_FIELD_POP3_COMMAND, "STLS");
    insp_line_set_word(e, INSP_FIELD_POP3_STATUS, "OK");
    insp_event_uint(e, INSP_FIELD_POP3_STARTTLS, 1);
    insp_event_end(r, e);
    insp_reading_again(r);
}

static void
answer(struct insp_reading *r, bool is_ok)
{
    struct state *s = r->state;
    uint8_t command = insp_pending_oldest(&s->pending);

    insp_pending_pop(&s->pending);
    switch (command) {
    case COMMAND_LIST: s->in_list = is_ok; break;
    case COMMAND_LOGIN:
        s->responds = false;
        end_login(r, is_ok);
        break;
    case COMMAND_TLS:
        if (is_ok) {
            accept_tls(r);
        }
        break;
    case COMMAND_QUIT:
        insp_event_end(r, insp_event_find(r, INSP_APP_POP3, 0));
        insp_reading_stop(r);
        break;
    default: break;
    }
}

static void
read_reply(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    bool is_ok = insp_line_begins(line, "+OK");

    if (s->in_list) {
        s->in_list = !insp_line_is(line, ".");
        return;
    }
    if (insp_line_begins(line, "+ ") || insp_line_is(line, "+")) {
        return; /* A response of AUTH is wanted. */
    }
    if (!is_ok && !insp_line_begins(line, "-ERR")) {
        insp_reading_stop(r); /* A mail, or out of step. */
        return;
    }
    if (!s->greeted) {
        insp_cursor_skip(&line, is_ok ? 3 : 4);
        insp_line_set(event_of(r), INSP_FIELD_POP3_BANNER, line, TEXT_MAX);
    } else {
        answer(r, is_ok);
    }
    s->greeted = true;
}

/* The server's second answer has told that it is POP3, and the client's first
 * command is shown after it: the answer waits for that. */
static bool
must_wait(struct state *s)
{
    bool waits = s->greeted && !s->has_asked && !s->waited;

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

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;

    if (!s->server && r->size) {
        s->server = (uint8_t) (1 + (r->bytes[0] == '+' ? r->side : !r->side));
    }
    return s->server == 1 + r->side ? read_server(r) : read_client(r);
}

const struct insp_reader insp_reader_pop3 = {
    .detect = detect,
    .read = read_bytes,
};
