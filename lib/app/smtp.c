/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * SMTP (RFC 5321) and LMTP (RFC 2033): lines.  The server greets, the client
 * commands, and replies come in the order of the commands, which may be many
 * at once (RFC 2920): what was asked is kept in a queue.
 *
 *     220 mail.example ESMTP          <--
 *                                     -->  EHLO client.example
 *     250-mail.example, 250 STARTTLS  <--
 *                                     -->  MAIL FROM:<a>, RCPT TO:<c>, DATA
 *     250, 250, 354                   <--
 *                                     -->  the mail, and a lone dot
 *     250                             <--         ends the record
 *
 * A mail is passed up to the lone dot, line end by line end, and not kept; one
 * that comes in chunks (BDAT, RFC 3030) by its size.  Only "\r\n.\r\n" ends
 * one: who takes less as an end can be told mails that were never sent.
 *
 * After an accepted STARTTLS (RFC 3207) TLS is next.  Lines of a login (RFC
 * 4954) are looked at for a name at most.
 *
 * A greeting alone ("220 ...") is FTP's as well: without a word that says
 * which, the next line of either side decides.
 */

#include "app/line.h"

#define GUESS_LINES 8
#define TEXT_MAX    256
#define HELO_MAX    96
#define RCPTS_MAX   32
#define BAD_MAX     4
#define DIGITS_MAX  12 /* Of a chunk's size. */
#define MAILS       16 /* Numbers of mails: tags of their events. */

enum command {
    COMMAND_OTHER = 1,
    COMMAND_HELO,
    COMMAND_MAIL,
    COMMAND_DATA,
    COMMAND_BODY, /* What DATA or the last BDAT ends with. */
    COMMAND_TLS,
    COMMAND_AUTH,
    COMMAND_RSET,
    COMMAND_QUIT,
};

enum mode {
    MODE_COMMANDS,
    MODE_BODY,
    MODE_LOGIN,
};

struct state {
    uint8_t server; /* 1 + its side; 0: not known. */
    uint8_t mode;   /* What the client's bytes are. */
    uint8_t login;  /* enum insp_login. */
    uint8_t mail;   /* Number of the mail that the client is at. */
    uint8_t n_rcpts;
    uint8_t n_bad;
    bool had_mail;
    bool greeted;
    bool at_line; /* Of a mail: a line begins. */
    bool skips[2];
    uint8_t helo_size;
    uint64_t size; /* Of the mail, so far. */
    struct insp_pending pending;
    uint8_t helo[HELO_MAX];
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

static enum insp_guess
guess_client(struct insp_cursor c)
{
    static const char *const verbs[] = {
        "EHLO ", "HELO ", "LHLO ", "MAIL FROM:", "RCPT TO:",
    };
    enum insp_guess guess = INSP_GUESS_NO;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(verbs); i++) {
        guess = INSP_MAX(guess, insp_line_guess(c, verbs[i]));
    }
    if (guess == INSP_GUESS_YES) {
        struct insp_cursor line = insp_line_first(c);

        guess = insp_cursor_left(&line)                    ? INSP_GUESS_YES
                : memchr(c.at, '\n', insp_cursor_left(&c)) ? INSP_GUESS_NO
                : insp_line_is_text(c)                     ? INSP_GUESS_MAYBE
                                                           : INSP_GUESS_NO;
    }
    return guess;
}

static enum insp_guess
guess_greeting(struct insp_cursor c)
{
    return INSP_MAX(insp_line_guess(c, "220"),
                    INSP_MAX(insp_line_guess(c, "421"),
                             insp_line_guess(c, "554")));
}

static enum insp_guess
guess_server(const struct insp_reading *r, struct insp_cursor c)
{
    enum insp_guess guess = guess_greeting(c);
    struct insp_cursor line;
    bool more;

    if (guess != INSP_GUESS_YES || !insp_line_is_text(c)) {
        return guess == INSP_GUESS_MAYBE ? guess : INSP_GUESS_NO;
    }
    for (int i = 0; i < GUESS_LINES && insp_line_next_whole(&c, &line); i++) {
        unsigned int code = insp_line_reply_code(line, &more);

        if (!code) {
            return INSP_GUESS_NO;
        }
        /* FTP has no 250 so early. */
        if (insp_line_has(line, "SMTP") || insp_line_has(line, "POSTFIX") ||
            insp_reading_at_port(r, INSP_APP_SMTP) || (i && code == 250)) {
            return INSP_GUESS_YES;
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
    return insp_is_digit(c.at[0]) ? guess_server(r, c) : guess_client(c);
}

/* ------------------------------------------------------------------------ */
/* Records. */

/* Of the mail that the client is at. */
static struct insp_event *
mail_event(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_event *e = insp_event_find(r, INSP_APP_SMTP, s->mail);

    if (!e) {
        e = insp_event_begin(r, INSP_APP_SMTP, s->mail);
        if (s->helo_size) {
            insp_event_bytes(e, INSP_FIELD_SMTP_HELO, s->helo, s->helo_size);
        }
    }
    return e;
}

/* What says something of the session has no record of its own when there was
 * a mail. */
static struct insp_event *
session_event(struct insp_reading *r)
{
    const struct state *s = r->state;

    return s->had_mail ? insp_event_find(r, INSP_APP_SMTP, s->mail)
                       : mail_event(r);
}

static void
end_all(struct insp_reading *r)
{
    struct insp_event *e;

    for (int i = 0; i < INSP_EVENTS_OPEN; i++) {
        e = insp_event_oldest(r, INSP_APP_SMTP);
        if (!e) {
            return;
        }
        insp_event_end(r, e);
    }
}

static void
next_mail(struct state *s)
{
    s->mail = (uint8_t) ((s->mail + 1) % MAILS);
    s->had_mail = true;
    s->n_rcpts = 0;
    s->size = 0;
}

/* ------------------------------------------------------------------------ */
/* Commands. */

static void
push(struct insp_reading *r, enum command command)
{
    struct state *s = r->state;

    uint8_t what = (uint8_t) (command * MAILS + s->mail);

    if (!insp_pending_push(&s->pending, what)) {
        /* Replies are missing: the next one is the last command's. */
        memset(&s->pending, 0, sizeof s->pending);
        (void) insp_pending_push(&s->pending, what);
    }
}

/* "<a@b>", or whatever stands in its place, up to a blank. */
static struct insp_cursor
path_of(struct insp_cursor line, size_t size)
{
    const uint8_t *end;

    insp_cursor_skip(&line, size);
    while (insp_cursor_left(&line) && line.at[0] == ' ') {
        insp_cursor_skip(&line, 1);
    }
    if (insp_cursor_left(&line) && line.at[0] == '<' &&
        (end = memchr(line.at, '>', insp_cursor_left(&line)))) {
        line.end = end + 1;
        return line;
    }
    return insp_cursor_word(&line);
}

static void
ask_helo(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor name;

    insp_cursor_skip(&line, 5);
    name = insp_cursor_word(&line);
    s->helo_size = (uint8_t) INSP_MIN(insp_cursor_left(&name), HELO_MAX);
    if (s->helo_size) {
        memcpy(s->helo, name.at, s->helo_size);
        insp_line_set(session_event(r), INSP_FIELD_SMTP_HELO, name, HELO_MAX);
    }
    push(r, COMMAND_HELO);
}

static void
ask_mail(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_event *e = insp_event_find(r, INSP_APP_SMTP, s->mail);

    if (insp_event_has(e, INSP_FIELD_SMTP_MAIL_FROM)) {
        insp_event_end(r, e); /* The last one was refused. */
        next_mail(s);
    }
    insp_line_set(mail_event(r), INSP_FIELD_SMTP_MAIL_FROM,
                  path_of(line, sizeof "MAIL FROM:" - 1), TEXT_MAX);
    push(r, COMMAND_MAIL);
}

static void
ask_rcpt(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;

    if (s->n_rcpts < RCPTS_MAX) {
        s->n_rcpts++;
        insp_line_add(mail_event(r), INSP_FIELD_SMTP_RCPT_TO,
                      path_of(line, sizeof "RCPT TO:" - 1), TEXT_MAX);
    }
    push(r, COMMAND_OTHER);
}

static void
ask_data(struct insp_reading *r)
{
    struct state *s = r->state;

    push(r, COMMAND_DATA);
    s->mode = MODE_BODY;
    s->at_line = true;
}

/* The mail is complete. */
static void
end_body(struct insp_reading *r)
{
    struct state *s = r->state;

    insp_event_uint(insp_event_find(r, INSP_APP_SMTP, s->mail),
                    INSP_FIELD_SMTP_SIZE, s->size);
    push(r, COMMAND_BODY);
    next_mail(s);
    s->mode = MODE_COMMANDS;
}

/* "BDAT SIZE [LAST]"; returns the size. */
static uint64_t
ask_chunk(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor digits;
    uint64_t size = 0;

    (void) insp_cursor_word(&line);
    digits = insp_cursor_word(&line);
    if (!insp_cursor_left(&digits) || insp_cursor_left(&digits) > DIGITS_MAX) {
        insp_reading_stop(r);
        return 0;
    }
    while (insp_cursor_left(&digits)) {
        uint8_t digit = insp_cursor_u8(&digits);

        if (!insp_is_digit(digit)) {
            insp_reading_stop(r);
            return 0;
        }
        size = size * 10 + (uint64_t) (digit - '0');
    }
    s->size += size;
    if (insp_line_is(insp_cursor_word(&line), "LAST")) {
        end_body(r);
    } else {
        push(r, COMMAND_OTHER);
    }
    return size;
}

static void
ask_login(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    struct insp_cursor mechanism, first;
    struct insp_event *e = session_event(r);

    (void) insp_cursor_word(&line);
    mechanism = insp_cursor_word(&line);
    first = insp_cursor_word(&line);
    s->login = (uint8_t) insp_login_of(mechanism);
    insp_line_set(e, INSP_FIELD_SMTP_LOGIN, mechanism, 32);
    if (insp_cursor_left(&first) > 1) {
        insp_login_set_user(e, INSP_FIELD_SMTP_USER,
                            (enum insp_login) s->login, first);
        insp_event_uint(e, INSP_FIELD_SMTP_CLEARTEXT_LOGIN,
                        insp_login_is_clear((enum insp_login) s->login));
    }
    push(r, COMMAND_AUTH);
    s->mode = MODE_LOGIN;
}

static void
ask_reset(struct insp_reading *r)
{
    struct state *s = r->state;

    push(r, COMMAND_RSET);
    if (insp_event_has(insp_event_find(r, INSP_APP_SMTP, s->mail),
                       INSP_FIELD_SMTP_MAIL_FROM)) {
        next_mail(s);
    }
}

/* Returns how many bytes behind the line are to be passed. */
static uint64_t
read_command(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;

    if (insp_line_says(line, "EHLO ") || insp_line_says(line, "HELO ") ||
        insp_line_says(line, "LHLO ")) {
        ask_helo(r, line);
    } else if (insp_line_says(line, "MAIL FROM:")) {
        ask_mail(r, line);
    } else if (insp_line_says(line, "RCPT TO:")) {
        ask_rcpt(r, line);
    } else if (insp_line_is(line, "DATA")) {
        ask_data(r);
    } else if (insp_line_says(line, "BDAT ")) {
        return ask_chunk(r, line);
    } else if (insp_line_is(line, "STARTTLS") ||
               insp_line_is(line, "X-ANONYMOUSTLS")) {
        push(r, COMMAND_TLS);
    } else if (insp_line_says(line, "AUTH ")) {
        ask_login(r, line);
    } else if (insp_line_is(line, "RSET")) {
        ask_reset(r);
    } else if (insp_line_is(line, "QUIT")) {
        push(r, COMMAND_QUIT);
    } else {
        push(r, COMMAND_OTHER);
        if (insp_cursor_left(&line) && !insp_is_letter(line.at[0]) &&
            ++s->n_bad == BAD_MAX) {
            insp_reading_stop(r);
        }
    }
    return 0;
}

/* A response of a login; base64 has no blank, so that what has one is the next
 * command.  Returns as read_command(). */
static uint64_t
read_response(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;

    if (insp_cursor_left(&line) &&
        memchr(line.at, ' ', insp_cursor_left(&line))) {
        s->mode = MODE_COMMANDS;
        return read_command(r, line);
    }
    if (insp_cursor_left(&line) > 1) {
        struct insp_event *e = session_event(r);

        insp_login_set_user(e, INSP_FIELD_SMTP_USER,
                            (enum insp_login) s->login, line);
        insp_event_uint(e, INSP_FIELD_SMTP_CLEARTEXT_LOGIN,
                        insp_login_is_clear((enum insp_login) s->login));
        if (s->login == INSP_LOGIN_LOGIN) {
            s->login = INSP_LOGIN_BEARER; /* The password is next. */
        }
    }
    return 0;
}

/* Passes a mail's bytes; true: its end has come.  Up to two bytes that may be
 * of the end stay. */
static bool
pass_body(struct state *s, struct insp_cursor *c)
{
    size_t left;

    while ((left = insp_cursor_left(c)) > 0) {
        const uint8_t *end;
        size_t n;

        if (s->at_line && c->at[0] == '.') {
            if (left < 3 && (left < 2 || c->at[1] == '\r')) {
                return false;
            }
            if (left >= 3 && c->at[1] == '\r' && c->at[2] == '\n') {
                insp_cursor_skip(c, 3);
                return true;
            }
        }
        end = memchr(c->at, '\n', left);
        n = end                       ? (size_t) (end - c->at) + 1
            : c->at[left - 1] == '\r' ? left - 1
                                      : left;
        if (!n) {
            return false;
        }
        s->at_line = end && end > c->at && end[-1] == '\r';
        s->size += n;
        insp_cursor_skip(c, n);
    }
    return false;
}

static size_t
read_client(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;
    bool *skips = &s->skips[r->side];
    uint64_t pass;

    while (!r->stop && insp_cursor_left(&c)) {
        if (s->mode == MODE_BODY) {
            if (!pass_body(s, &c)) {
                break;
            }
            end_body(r);
            continue;
        }
        if (!insp_line_take(&c, skips, &line)) {
            break;
        }
        pass = s->mode == MODE_LOGIN ? read_response(r, line)
                                     : read_command(r, line);
        if (pass > insp_cursor_left(&c)) {
            insp_reading_pass(r, pass - insp_cursor_left(&c));
            return r->size;
        }
        if (pass) {
            insp_cursor_skip(&c, (size_t) pass);
        }
    }
    return r->size - insp_cursor_left(&c);
}

/* ------------------------------------------------------------------------ */
/* Replies. */

static void
read_greeting(struct insp_reading *r, struct insp_cursor line,
              unsigned int code, bool more)
{
    struct state *s = r->state;
    struct insp_event *e = session_event(r);

    insp_cursor_skip(&line, INSP_MIN(4, insp_cursor_left(&line)));
    insp_line_set(e, INSP_FIELD_SMTP_BANNER, line, TEXT_MAX);
    insp_event_uint(e, INSP_FIELD_SMTP_CODE, code);
    s->greeted = !more;
}

static void
accept_tls(struct insp_reading *r)
{
    insp_event_uint(session_event(r), INSP_FIELD_SMTP_STARTTLS, 1);
    end_all(r);
    insp_reading_again(r);
}

static void
answer(struct insp_reading *r, uint8_t what, unsigned int code)
{
    struct state *s = r->state;
    struct insp_event *e = insp_event_find(r, INSP_APP_SMTP, what % MAILS);

    if (code != 354 && what / MAILS != COMMAND_QUIT) {
        insp_event_uint(e, INSP_FIELD_SMTP_CODE, code);
    }
    switch (what / MAILS) {
    case COMMAND_DATA:
        if (code != 354 && s->mode == MODE_BODY) {
            s->mode = MODE_COMMANDS; /* There will be none. */
        }
        break;
    case COMMAND_BODY: insp_event_end(r, e); break;
    case COMMAND_TLS:
        if (code == 220) {
            accept_tls(r);
        }
        break;
    case COMMAND_AUTH:
        if (s->mode == MODE_LOGIN) {
            s->mode = MODE_COMMANDS;
        }
        break;
    case COMMAND_RSET:
        if (insp_event_has(e, INSP_FIELD_SMTP_MAIL_FROM)) {
            insp_event_end(r, e);
        }
        break;
    case COMMAND_QUIT:
        end_all(r);
        insp_reading_stop(r);
        break;
    default: break;
    }
}

static void
read_reply(struct insp_reading *r, struct insp_cursor line)
{
    struct state *s = r->state;
    uint8_t what = insp_pending_oldest(&s->pending);
    bool more;
    unsigned int code = insp_line_reply_code(line, &more);

    if (!code) {
        insp_reading_stop(r);
    } else if (!s->greeted &&
               (!what || (code == 220 && what / MAILS != COMMAND_TLS))) {
        read_greeting(r, line, code, more);
    } else if (more || (code == 334 && what / MAILS == COMMAND_AUTH)) {
        return; /* Goes on. */
    } else if (what) {
        s->greeted = true;
        insp_pending_pop(&s->pending);
        answer(r, what, code);
    } else if (code == 421) { /* The server leaves. */
        insp_event_uint(insp_event_find(r, INSP_APP_SMTP, s->mail),
                        INSP_FIELD_SMTP_CODE, code);
        end_all(r);
        insp_reading_stop(r);
    }
}

static size_t
read_server(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size), line;

    while (!r->stop && !r->again &&
           insp_line_take(&c, &s->skips[r->side], &line)) {
        read_reply(r, line);
    }
    return r->size - insp_cursor_left(&c);
}

/* ------------------------------------------------------------------------ */
/* Reading. */

/* A mail goes on in any place. */
static size_t
seek(const struct insp_reading *r)
{
    const struct state *s = r->state;
    bool is_server = s->server == 1 + r->side;

    return !is_server && s->mode == MODE_BODY ? 0
                                              : insp_line_seek(r, is_server);
}

/* Bytes are missing.  Behind commands that are, nobody knows whose the replies
 * are; behind replies, the next one is most likely the last command's. */
static void
begin_anew(struct insp_reading *r)
{
    struct state *s = r->state;

    if (s->server == 1 + r->side) {
        insp_pending_keep_last(&s->pending);
        s->greeted = true;
    } else if (s->mode != MODE_BODY) {
        memset(&s->pending, 0, sizeof s->pending);
        s->mode = MODE_COMMANDS;
    }
    if (s->server != 1 + r->side) {
        s->at_line = false;
    }
    s->skips[r->side] = false;
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

const struct insp_reader insp_reader_smtp = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
    .seek = seek,
};
