/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * IMAP (RFC 9051): lines, in which texts may stand that say their length
 * ("literals", section 4.3):
 *
 *     <--  * OK [CAPABILITY IMAP4rev1 ...] ready
 *     -->  a1 LOGIN bob {6}    ... six bytes, and the rest of the line
 *     <--  + go on
 *     <--  a1 OK done          ends the record, and the reading
 *
 * The tag in front of a command comes back with its answer.  What is of
 * interest is who logs in, and how: after that nothing more is read.  A
 * refused login ends a record too, and another one may follow.  After an
 * accepted STARTTLS TLS is next.
 */

#include "app/line.h"

#define TAG_MAX     16
#define TEXT_MAX    256
#define USER_MAX    128
#define LOGINS_MAX  16
#define DIGITS_MAX  9   /* Of a literal's size. */
#define LITERAL_MAX 128 /* One that is looked at. */

enum command {
    COMMAND_NONE,
    COMMAND_OTHER,
    COMMAND_LOGIN,
    COMMAND_AUTHENTICATE,
    COMMAND_TLS,
    COMMAND_LOGOUT,
};

struct state {
    uint8_t server;  /* 1 + its side; 0: not known. */
    uint8_t command; /* The one of interest that is not answered. */
    uint8_t login;   /* enum insp_login of AUTHENTICATE. */
    uint8_t n_logins;
    bool wants_user; /* Of LOGIN, and a literal says it. */
    bool in_command; /* The client's line goes on behind a literal. */
    bool greeted;
    bool skips[2];
    uint32_t literal; /* Bytes of one to come. */
    uint8_t tag_size;
    uint8_t tag[TAG_MAX];
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

static enum insp_guess
guess_server(const struct insp_reading *r, struct insp_cursor c)
{
    enum insp_guess guess = INSP_MAX(insp_line_guess(c, "* OK "),
                                     INSP_MAX(insp_line_guess(c, "* PREAUTH "),
                                              insp_line_guess(c, "* BYE ")));
    struct insp_cursor line = insp_line_first(c);

    if (guess != INSP_GUESS_YES) {
        return guess;
    }
    if (insp_cursor_left(&line) &&
        (insp_line_has(line, "IMAP") || insp_line_has(line, "[CAPABILITY") ||
         insp_reading_at_port(r, INSP_APP_IMAP))) {
        return INSP_GUESS_YES;
    }
    return insp_line_is_text(c) ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
}

static bool
is_of_tag(uint8_t c)
{
    return insp_is_letter(c) || insp_is_digit(c) || c == '.' || c == '_' ||
           c == '-';
}

/* A tag and a command that nobody else has. */
static enum insp_guess
guess_client(struct insp_cursor c)
{
    static const char *const verbs[] = {
        " CAPABILITY", " LOGIN ", " AUTHENTICATE ",
        " STARTTLS",   " ID (",   " ID NIL",
    };
    struct insp_cursor line = insp_line_first(c), rest = c;
    enum insp_guess guess = INSP_GUESS_NO;
    size_t n = 0;

    while (n < insp_cursor_left(&c) && n < TAG_MAX && is_of_tag(c.at[n])) {
        n++;
    }
    if (!n || !insp_line_is_text(c)) {
        return INSP_GUESS_NO;
    }
    insp_cursor_skip(&rest, n);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(verbs); i++) {
        guess = INSP_MAX(guess, insp_line_guess(rest, verbs[i]));
    }
    return guess != INSP_GUESS_YES                    ? guess
           : insp_cursor_left(&line)                  ? INSP_GUESS_YES
           : memchr(c.at, '\n', insp_cursor_left(&c)) ? INSP_GUESS_NO
                                                      : INSP_GUESS_MAYBE;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    return c.at[0] == '*' ? guess_server(r, c) : guess_client(c);
}

/* ------------------------------------------------------------------------ */
/* Parts of lines. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_IMAP, 0);

    return e ? e : insp_event_begin(r, INSP_APP_IMAP, 0);
}

/* "{6}" or "{6+}" at the end of a line, which loses it. */
static bool
literal_of(struct insp_cursor *line, uint32_t *size)
{
    const uint8_t *at = line->end;
    size_t n = 0;

    *size = 0;
    if (insp_cursor_left(line) < 3 || *--at != '}') {
        return false;
    }
    if (at[-1] == '+') {
        at--;
    }
    while (at > line->at && insp_is_digit(at[-1]) && n <= DIGITS_MAX) {
        at--;
        n++;
    }
    if (!n || n > DIGITS_MAX || at == line->at || at[-1] != '{') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        *size = *size * 10 + (uint32_t) (at[i] - '0');
    }
    line->end = at - 1;
    return true;
}

/* A text in quotes, without them, or a word. */
static struct insp_cursor
string_of(struct insp_cursor *line)
{
    struct insp_cursor text;
    size_t n = 1;

    while (insp_cursor_left(line) && line->at[0] == ' ') {
        insp_cursor_skip(line, 1);
    }
    if (!insp_cursor_left(line) || line->at[0] != '"') {
        return insp_cursor_word(line);
    }
    while (n < insp_cursor_left(line) && line->at[n] != '"') {
        n += line->at[n] == '\\' ? 2 : 1;
    }
    n = INSP_MIN(n, insp_cursor_left(line));
    text = insp_cursor_sub(line, n);
    insp_cursor_skip(&text, 1);
    insp_cursor_skip(line, insp_cursor_left(line) ? 1 : 0);
    return text;
}

/* ------------------------------------------------------------------------ */
/* Commands. */

static void
read_response(struct insp_reading *r, struct insp_cursor base64)
{
    struct state *s = r->state;
    enum insp_login login = (enum insp_login) s->login;
    struct insp_event *e = event_of(r);

    if (insp_cursor_left(&base64) <= 1) {
        return; /* Empty, or "*", which breaks off. */
    }
    insp_login_set_user(e, INSP_FIELD_IMAP_USER, login, base64);
    insp_event_uint(e, INSP_FIELD_IMAP_CLEARTEXT_LOGIN,
                    insp_login_is_clear(login));
    if (login == INSP_LOGIN_LOGIN) {
        s->login = INSP_LOGIN_BEARER; /* The password is next. */
    }
}

static enum command
command_of(struct insp_cursor verb)
{
    return insp_line_is(verb, "LOGIN")          ? COMMAND_LOGIN
           : insp_line_is(verb, "AUTHENTICATE") ? COMMAND_AUTHENTICATE
           : insp_line_is(verb, "STARTTLS")     ? COMMAND_TLS
           : insp_line_is(verb, "LOGOUT")       ? COMMAND_LOGOUT
                                                : COMMAND_OTHER;
}

static void
ask_login(struct insp_reading *r, struct insp_cursor rest)
{
    struct state *s = r->state;
    struct insp_cursor all = rest, user = string_of(&rest);
    struct insp_event *e = event_of(r);

    insp_line_set_word(e, INSP_FIELD_IMAP_COMMAND, "LOGIN");
    insp_event_uint(e, INSP_FIELD_IMAP_CLEARTEXT_LOGIN, 1);
    insp_line_set(e, INSP_FIELD_IMAP_USER, user, USER_MAX);
    all = insp_cursor_word(&all);
    s->wants_user = !insp_cursor_left(&all);
}

static void
ask_authenticate(struct insp_reading *r, struct insp_cursor rest)
{
    struct state *s = r->state;
    struct insp_cursor mechanism = string_of(&rest);
    struct insp_event *e = event_of(r);

    insp_line_set_word(e, INSP_FIELD_IMAP_COMMAND, "AUTHENTICATE");
    insp_line_set(e, INSP_FIELD_IMAP_LOGIN, mechanism, 32);
    s->login = (uint8_t) insp_login_of(mechanism);
    read_response(r, insp_cursor_word(&rest));
}

static void
read_command(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor tag = insp_cursor_word(&line);
    enum command command = command_of(insp_cursor_word(&line));

    if (command == COMMAND_OTHER || insp_cursor_left(&tag) > TAG_MAX ||
        !insp_cursor_left(&tag)) {
        return;
    }
    s->command = (uint8_t) command;
    s->tag_size = (uint8_t) insp_cursor_left(&tag);
    memcpy(s->tag, tag.at, s->tag_size);
    if (command == COMMAND_LOGIN) {
        ask_login(r, line);
    } else if (command == COMMAND_AUTHENTICATE) {
        ask_authenticate(r, line);
    }
}

/* Takes a literal, or as much of it as there is; false: more is needed. */
static bool
take_literal(struct insp_reading *r, struct insp_cursor *c)
{
    struct state *s = r->state;
    size_t left = insp_cursor_left(c);

    if (s->wants_user && s->literal <= LITERAL_MAX) {
        if (left < s->literal) {
            return false;
        }
        insp_line_set(event_of(r), INSP_FIELD_IMAP_USER,
                      insp_cursor_sub(c, s->literal), USER_MAX);
        s->literal = 0;
    } else {
        size_t n = INSP_MIN(left, s->literal);

        insp_cursor_skip(c, n);
        s->literal -= (uint32_t) n;
    }
    if (!s->literal) {
        s->wants_user = false;
    }
    return !s->literal;
}

static size_t
read_client(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && insp_cursor_left(&c)) {
        bool goes_on = s->in_command;

        if (s->literal) {
            if (!take_literal(r, &c)) {
                break;
            }
            continue;
        }
        if (!insp_line_take(&c, &s->skips[r->side], &line)) {
            break;
        }
        s->in_command = literal_of(&line, &s->literal);
        if (goes_on) {
            s->wants_user = false; /* Only the first one says that. */
            continue;
        }
        if (s->command == COMMAND_AUTHENTICATE) {
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
end_record(struct insp_reading *r, struct insp_cursor status)
{
    struct insp_event *e = event_of(r);

    insp_line_set(e, INSP_FIELD_IMAP_STATUS, status, 3);
    insp_event_end(r, e);
}

static void
answer(struct insp_reading *r, struct insp_cursor status)
{
    struct state *s = r->state;
    uint8_t command = s->command;
    bool is_ok = insp_line_is(status, "OK");

    s->command = COMMAND_NONE;
    s->wants_user = false;
    switch (command) {
    case COMMAND_LOGIN:
    case COMMAND_AUTHENTICATE:
        end_record(r, status);
        if (is_ok || ++s->n_logins == LOGINS_MAX) {
            insp_reading_stop(r);
        }
        break;
    case COMMAND_TLS:
        if (is_ok) {
            insp_line_set_word(event_of(r), INSP_FIELD_IMAP_COMMAND,
                               "STARTTLS");
            insp_event_uint(event_of(r), INSP_FIELD_IMAP_STARTTLS, 1);
            end_record(r, status);
            insp_reading_again(r);
        }
        break;
    case COMMAND_LOGOUT:
        insp_event_end(r, insp_event_find(r, INSP_APP_IMAP, 0));
        insp_reading_stop(r);
        break;
    default: break;
    }
}

static void
read_greeting(struct insp_reading *r, struct insp_cursor line)
{
    struct insp_event *e = event_of(r);
    struct insp_cursor rest = line;

    (void) insp_cursor_word(&rest);
    (void) insp_cursor_word(&rest);
    insp_line_set(e, INSP_FIELD_IMAP_BANNER, rest, TEXT_MAX);
    if (insp_line_begins(line, "* PREAUTH ")) {
        insp_line_set_word(e, INSP_FIELD_IMAP_COMMAND, "PREAUTH");
        insp_event_end(r, e);
        insp_reading_stop(r);
    } else if (insp_line_begins(line, "* BYE ")) {
        insp_event_end(r, e);
        insp_reading_stop(r);
    }
}

static void
read_reply(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor tag;

    if (!s->greeted && (insp_line_begins(line, "* OK ") ||
                        insp_line_begins(line, "* PREAUTH ") ||
                        insp_line_begins(line, "* BYE "))) {
        s->greeted = true;
        read_greeting(r, line);
        return;
    }
    s->greeted = true;
    tag = insp_cursor_word(&line);
    if (s->command != COMMAND_NONE && insp_cursor_left(&tag) == s->tag_size &&
        !memcmp(tag.at, s->tag, s->tag_size)) {
        answer(r, insp_cursor_word(&line));
    }
}

static size_t
read_server(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && !r->again &&
           insp_line_take(&c, &s->skips[r->side], &line)) {
        uint32_t size;

        read_reply(r, line);
        (void) literal_of(&line, &size);
        if (size > insp_cursor_left(&c)) {
            insp_reading_pass(r, size - insp_cursor_left(&c));
            return r->size;
        }
        if (size) {
            insp_cursor_skip(&c, size);
        }
    }
    return r->size - insp_cursor_left(&c);
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;

    if (!s->server && r->size) {
        s->server = (uint8_t) (1 + (r->bytes[0] == '*' ? r->side : !r->side));
    }
    return s->server == 1 + r->side ? read_server(r) : read_client(r);
}

const struct insp_reader insp_reader_imap = {
    .detect = detect,
    .read = read_bytes,
};
