/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A line ends with "\n"; a "\r" in front of that is not of it.  What is in
 * base64 is decoded a character at a time, and no further than the name that
 * is asked for, so that no byte of a password is ever in memory of ours.
 */

#include "app/line.h"

#define USER_MAX 128

/* ------------------------------------------------------------------------ */
/* Words. */

bool
insp_line_says(struct insp_cursor c, const char *text)
{
    size_t size = strlen(text), n = 0;

    while (n < size && n < insp_cursor_left(&c) &&
           insp_line_upper(c.at[n]) == (uint8_t) text[n]) {
        n++;
    }
    return n == size;
}

enum insp_guess
insp_line_guess(struct insp_cursor c, const char *text)
{
    size_t n = strlen(text), left = insp_cursor_left(&c);

    for (size_t i = 0; i < n && i < left; i++) {
        if (insp_line_upper(c.at[i]) != (uint8_t) text[i]) {
            return INSP_GUESS_NO;
        }
    }
    return left < n ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

bool
insp_line_is(struct insp_cursor c, const char *text)
{
    return insp_cursor_left(&c) == strlen(text) && insp_line_says(c, text);
}

bool
insp_line_has(struct insp_cursor c, const char *text)
{
    size_t size = strlen(text), left;

    insp_cursor_limit(&c, INSP_LINE_SEARCHED);
    left = insp_cursor_left(&c);
    for (size_t i = 0; i + size <= left; i++) {
        size_t n = 0;

        while (n < size && insp_line_upper(c.at[i + n]) == (uint8_t) text[n]) {
            n++;
        }
        if (n == size) {
            return true;
        }
    }
    return false;
}

unsigned int
insp_line_reply_code(struct insp_cursor line, bool *more)
{
    unsigned int code = 0;

    *more = false;
    for (int i = 0; i < 3; i++) {
        uint8_t c = insp_cursor_u8(&line);

        if (!insp_is_digit(c)) {
            return 0;
        }
        code = code * 10 + (unsigned int) (c - '0');
    }
    if (insp_cursor_left(&line)) {
        uint8_t c = insp_cursor_u8(&line);

        *more = c == '-';
        if (c != '-' && c != ' ') {
            return 0;
        }
    }
    return code >= 100 ? code : 0;
}

void
insp_line_add(struct insp_event *e, enum insp_app_field field,
              struct insp_cursor text, size_t max)
{
    size_t size;

    while (insp_cursor_left(&text) && text.at[0] <= ' ') {
        insp_cursor_skip(&text, 1);
    }
    size = insp_cursor_left(&text);
    while (size && text.at[size - 1] <= ' ') {
        size--;
    }
    if (size) {
        insp_event_bytes(e, field, text.at, INSP_MIN(size, max));
    }
}

void
insp_line_set(struct insp_event *e, enum insp_app_field field,
              struct insp_cursor text, size_t max)
{
    if (!insp_event_has(e, field)) {
        insp_line_add(e, field, text, max);
    }
}

void
insp_line_set_word(struct insp_event *e, enum insp_app_field field,
                   const char *word)
{
    if (!insp_event_has(e, field)) {
        insp_event_text(e, field, word);
    }
}

/* ------------------------------------------------------------------------ */
/* Lines. */

bool
insp_line_is_text(struct insp_cursor c)
{
    for (const uint8_t *at = c.at; at < c.end; at++) {
        if ((*at < 0x20 || *at == 0x7f) && *at != '\t' && *at != '\r' &&
            *at != '\n') {
            return false;
        }
    }
    return true;
}

bool
insp_line_next_whole(struct insp_cursor *c, struct insp_cursor *line)
{
    size_t left = INSP_MIN(insp_cursor_left(c), INSP_LINE_SEARCHED);
    const uint8_t *end = left ? memchr(c->at, '\n', left) : NULL;

    if (!end) {
        return false;
    }
    *line = insp_cursor_sub(c, (size_t) (end - c->at) + 1);
    line->end--;
    if (insp_cursor_left(line) && line->end[-1] == '\r') {
        line->end--;
    }
    return true;
}

struct insp_cursor
insp_line_first(struct insp_cursor c)
{
    struct insp_cursor line;

    if (!insp_line_next_whole(&c, &line)) {
        return insp_cursor(NULL, 0);
    }
    for (const uint8_t *at = line.at; at < line.end; at++) {
        if ((*at < 0x20 || *at == 0x7f) && *at != '\t') {
            return insp_cursor(NULL, 0);
        }
    }
    return line;
}

/* Up to the next end of a line; false: that has not come. */
static bool
skip_rest(struct insp_cursor *c)
{
    size_t left = insp_cursor_left(c);
    const uint8_t *end = left ? memchr(c->at, '\n', left) : NULL;

    insp_cursor_skip(c, end ? (size_t) (end - c->at) + 1 : left);
    return end;
}

bool
insp_line_take(struct insp_cursor *c, bool *skips, struct insp_cursor *line)
{
    size_t left;
    const uint8_t *end;

    if (*skips && !skip_rest(c)) {
        return false;
    }
    *skips = false;
    left = INSP_MIN(insp_cursor_left(c), INSP_LINE_MAX);
    end = left ? memchr(c->at, '\n', left) : NULL;
    if (!end) {
        if (left < INSP_LINE_MAX) {
            return false;
        }
        *line = insp_cursor_sub(c, left);
        *skips = !skip_rest(c);
        return true;
    }
    *line = insp_cursor_sub(c, (size_t) (end - c->at) + 1);
    line->end--;
    if (insp_cursor_left(line) && line->end[-1] == '\r') {
        line->end--;
    }
    return true;
}

size_t
insp_line_seek(const struct insp_reading *r, bool is_server)
{
    const uint8_t *end = r->size ? memchr(r->bytes, '\n', r->size) : NULL;
    size_t n = 0;

    while (n < r->size && n < 3 &&
           (is_server ? insp_is_digit(r->bytes[n])
                      : insp_is_letter(r->bytes[n]))) {
        n++;
    }
    return n == 3 ? 0 : end ? (size_t) (end - r->bytes) + 1 : r->size;
}

/* ------------------------------------------------------------------------ */
/* What was asked. */

bool
insp_pending_push(struct insp_pending *p, uint8_t what)
{
    unsigned int last = (p->first + p->n - 1u) % INSP_PENDING_MAX;

    if (p->n && p->what[last] == what && p->count[last] < UINT16_MAX) {
        p->count[last]++;
        return true;
    }
    if (p->n == INSP_PENDING_MAX) {
        return false;
    }
    last = (p->first + p->n++) % INSP_PENDING_MAX;
    p->what[last] = what;
    p->count[last] = 1;
    return true;
}

uint8_t
insp_pending_oldest(const struct insp_pending *p)
{
    return p->n ? p->what[p->first] : 0;
}

void
insp_pending_pop(struct insp_pending *p)
{
    if (p->n && !--p->count[p->first]) {
        p->first = (uint8_t) ((p->first + 1) % INSP_PENDING_MAX);
        p->n--;
    }
}

void
insp_pending_keep_last(struct insp_pending *p)
{
    unsigned int last = (p->first + p->n - 1u) % INSP_PENDING_MAX;

    if (p->n) {
        p->first = (uint8_t) last;
        p->n = 1;
        p->count[last] = 1;
    }
}

/* ------------------------------------------------------------------------ */
/* Logins. */

enum insp_login
insp_login_of(struct insp_cursor mechanism)
{
    if (!insp_cursor_left(&mechanism)) {
        return INSP_LOGIN_NONE;
    }
    if (insp_line_is(mechanism, "PLAIN")) {
        return INSP_LOGIN_PLAIN;
    }
    if (insp_line_is(mechanism, "LOGIN")) {
        return INSP_LOGIN_LOGIN;
    }
    if (insp_line_is(mechanism, "XOAUTH2") ||
        insp_line_is(mechanism, "OAUTHBEARER")) {
        return INSP_LOGIN_BEARER;
    }
    return INSP_LOGIN_OTHER;
}

/* Of a character of base64 (RFC 4648, section 4); 64: it is none. */
static unsigned int
sextet(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A' + 0u
           : c >= 'a' && c <= 'z' ? c - 'a' + 26u
           : insp_is_digit(c)     ? c - '0' + 52u
           : c == '+'             ? 62u
           : c == '/'             ? 63u
                                  : 64u;
}

/* The bytes behind 'n_zeros' zeros and up to the next one. */
static size_t
decode(struct insp_cursor base64, unsigned int n_zeros, uint8_t user[USER_MAX])
{
    unsigned int bits = 0, n_bits = 0;
    size_t size = 0;

    while (insp_cursor_left(&base64) && size < USER_MAX) {
        unsigned int value = sextet(insp_cursor_u8(&base64));
        uint8_t byte;

        if (value == 64) {
            break;
        }
        bits = (bits << 6 | value) & 0xffff;
        n_bits += 6;
        if (n_bits < 8) {
            continue;
        }
        n_bits -= 8;
        byte = (uint8_t) (bits >> n_bits);
        if (!byte) {
            if (!n_zeros--) {
                break;
            }
        } else if (!n_zeros) {
            user[size++] = byte;
        }
    }
    return size;
}

void
insp_login_set_user(struct insp_event *e, enum insp_app_field field,
                    enum insp_login login, struct insp_cursor base64)
{
    uint8_t user[USER_MAX];
    size_t size;

    if ((login != INSP_LOGIN_PLAIN && login != INSP_LOGIN_LOGIN) ||
        insp_event_has(e, field)) {
        return;
    }
    /* PLAIN: for whom, zero, who, zero, password. */
    size = decode(base64, login == INSP_LOGIN_PLAIN, user);
    if (size) {
        insp_event_bytes(e, field, user, size);
    }
}
