/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     <PRI>1 TIME HOST PROGRAM PROCESS MSGID [DATA] MESSAGE       RFC 5424
 *     <PRI>Mmm dd hh:mm:ss HOST PROGRAM[PROCESS]: MESSAGE         RFC 3164
 *
 * The second is what was found in the wild, and the wild leaves out what it
 * likes: what is not there is not said.  Over UDP a datagram is a message,
 * over TCP (RFC 6587) a number of bytes stands in front of each, or a newline
 * (a zero, of some) stands behind it.
 *
 * Of a message HEAD_MAX bytes are looked at; what is longer is passed.
 */

#include "app/event.h"

#define HEAD_MAX    2048
#define MESSAGE_MAX 256
#define WORD_MAX    128
#define TAG_MAX     48

struct syslog_state {
    bool in_line[2]; /* The rest of a line is passed by. */
};
_Static_assert(sizeof(struct syslog_state) <= INSP_READER_STATE, "state");

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits, at most 'max' of them.  Returns how many. */
static unsigned int
read_number(struct insp_cursor *c, unsigned int max, uint32_t *number)
{
    unsigned int n = 0;

    *number = 0;
    while (n < max && insp_cursor_left(c) && is_digit(*c->at)) {
        *number = *number * 10 + (uint32_t) (insp_cursor_u8(c) - '0');
        n++;
    }
    return n;
}

/* "<0>" to "<191>", without zeros in front.  MAYBE: it ends too early. */
static enum insp_guess
read_priority(struct insp_cursor *c, uint32_t *priority)
{
    unsigned int n;
    uint8_t first;

    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    if (insp_cursor_u8(c) != '<') {
        return INSP_GUESS_NO;
    }
    first = insp_cursor_left(c) ? *c->at : '0';
    n = read_number(c, 3, priority);
    if (*priority > 191 || (n > 1 && first == '0')) {
        return INSP_GUESS_NO;
    }
    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    return n && insp_cursor_u8(c) == '>' ? INSP_GUESS_YES : INSP_GUESS_NO;
}

/* Text follows: letters of any language. */
static enum insp_guess
guess_text(struct insp_cursor c)
{
    size_t n = INSP_MIN(insp_cursor_left(&c), 16);

    for (size_t i = 0; i < n; i++) {
        uint8_t byte = insp_cursor_u8(&c);

        if (byte < ' ' && byte != '\t' && byte != '\r' && byte != '\n') {
            return INSP_GUESS_NO;
        }
        if (byte == 0x7f) {
            return INSP_GUESS_NO;
        }
    }
    return n >= 2 ? INSP_GUESS_YES : INSP_GUESS_MAYBE;
}

/* RFC 6587, section 3.4.1: "123 <PRI>...". */
static enum insp_guess
read_count(struct insp_cursor *c, uint32_t *size)
{
    unsigned int n;

    if (insp_cursor_left(c) && *c->at == '0') {
        return INSP_GUESS_NO;
    }
    n = read_number(c, 6, size);
    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    return n && *size >= 5 && insp_cursor_u8(c) == ' ' ? INSP_GUESS_YES
                                                       : INSP_GUESS_NO;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess = INSP_GUESS_YES;
    uint32_t n;

    if (!r->size || (!r->is_stream && r->proto != 17)) {
        return INSP_GUESS_NO;
    }
    if (r->is_stream && is_digit(*c.at)) {
        guess = read_count(&c, &n);
    }
    if (guess == INSP_GUESS_YES) {
        guess = read_priority(&c, &n);
    }
    if (guess == INSP_GUESS_YES) {
        guess = guess_text(c);
    }
    return guess == INSP_GUESS_MAYBE && !r->is_stream ? INSP_GUESS_NO : guess;
}

/* ------------------------------------------------------------------------ */
/* One message. */

static void
put_priority(struct insp_event *e, uint32_t priority)
{
    /* RFC 5424, section 6.2.1, by the names that C has for them. */
    static const char *const facilities[] = {
        "kern",   "user",   "mail",   "daemon", "auth",     "syslog",
        "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
        "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
        "local2", "local3", "local4", "local5", "local6",   "local7",
    };
    static const char *const severities[] = {
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    };

    insp_event_text(e, INSP_FIELD_SYSLOG_FACILITY, facilities[priority >> 3]);
    insp_event_text(e, INSP_FIELD_SYSLOG_SEVERITY, severities[priority & 7]);
}

/* Up to the next blank, which is passed. */
static struct insp_cursor
take_word(struct insp_cursor *c)
{
    size_t left = insp_cursor_left(c), size = left;
    const uint8_t *blank = left ? memchr(c->at, ' ', left) : NULL;
    struct insp_cursor word;

    if (blank) {
        size = (size_t) (blank - c->at);
    }
    word = insp_cursor_sub(c, size);
    if (blank) {
        insp_cursor_skip(c, 1);
    }
    return word;
}

/* "-" is nothing. */
static void
put_word(struct insp_event *e, enum insp_app_field field,
         const struct insp_cursor *word)
{
    size_t size = insp_cursor_left(word);

    if (size && !(size == 1 && *word->at == '-')) {
        insp_event_bytes(e, field, word->at, INSP_MIN(size, WORD_MAX));
    }
}

/* RFC 5424, section 6.3: "-", or elements in brackets, with strings in which
 * a backslash goes before quotes and brackets. */
static void
skip_data(struct insp_cursor *c)
{
    bool quoted = false;

    if (insp_cursor_left(c) && *c->at != '[') {
        (void) take_word(c);
        return;
    }
    while (insp_cursor_left(c)) {
        uint8_t byte = insp_cursor_u8(c);

        if (byte == '\\' && quoted) {
            insp_cursor_skip(c, 1);
        } else if (byte == '"') {
            quoted = !quoted;
        } else if (byte == ']' && !quoted &&
                   (!insp_cursor_left(c) || *c->at != '[')) {
            if (insp_cursor_left(c)) {
                insp_cursor_skip(c, 1);
            }
            return;
        }
    }
}

static void
read_new(struct insp_event *e, struct insp_cursor *c)
{
    static const enum insp_app_field fields[] = {
        INSP_FIELD_SYSLOG_HOSTNAME,
        INSP_FIELD_SYSLOG_PROGRAM,
        INSP_FIELD_SYSLOG_PID,
        INSP_FIELD_SYSLOG_MSGID,
    };

    (void) take_word(c); /* Version. */
    (void) take_word(c); /* Time. */
    for (size_t i = 0; i < INSP_ARRAY_SIZE(fields); i++) {
        struct insp_cursor word = take_word(c);

        put_word(e, fields[i], &word);
    }
    skip_data(c);
    if (insp_cursor_left(c) >= 3 && !memcmp(c->at, "\xef\xbb\xbf", 3)) {
        insp_cursor_skip(c, 3); /* It says that it is UTF-8. */
    }
}

/* "Oct 11 22:14:15 ", or a time as in RFC 3339 in its place. */
static bool
skip_time(struct insp_cursor *c)
{
    const uint8_t *b = c->at;
    size_t left = insp_cursor_left(c);

    if (left >= 16 && is_letter(b[0]) && b[3] == ' ' && b[6] == ' ' &&
        b[9] == ':' && b[12] == ':' && b[15] == ' ') {
        return insp_cursor_skip(c, 16);
    }
    if (left >= 20 && is_digit(b[0]) && b[4] == '-' && b[7] == '-' &&
        b[10] == 'T' && b[13] == ':') {
        (void) take_word(c);
        return true;
    }
    return false;
}

/* "sshd[123]:", "su:"; false: it is none, and nothing is passed. */
static bool
read_program(struct insp_event *e, struct insp_cursor *at)
{
    struct insp_cursor c = *at, name, pid;
    size_t left = insp_cursor_left(&c), n = 0, end;

    while (n < left && n <= TAG_MAX && c.at[n] > ' ' && c.at[n] != ':' &&
           c.at[n] != '[') {
        n++;
    }
    if (!n || n > TAG_MAX || n >= left || c.at[n] == ' ' ||
        !(is_letter(*c.at) || *c.at == '/' || *c.at == '%' || *c.at == '_')) {
        return false;
    }
    name = insp_cursor_sub(&c, n);
    if (insp_cursor_u8(&c) == '[') {
        left = insp_cursor_left(&c);
        for (end = 0; end < left && end < TAG_MAX && c.at[end] != ']'; end++) {
            continue;
        }
        if (end == left || c.at[end] != ']') {
            return false;
        }
        pid = insp_cursor_sub(&c, end);
        insp_cursor_skip(&c, 1);
        put_word(e, INSP_FIELD_SYSLOG_PROGRAM, &name);
        put_word(e, INSP_FIELD_SYSLOG_PID, &pid);
        if (insp_cursor_left(&c) && *c.at == ':') {
            insp_cursor_skip(&c, 1);
        }
    } else {
        put_word(e, INSP_FIELD_SYSLOG_PROGRAM, &name);
    }
    if (insp_cursor_left(&c) && *c.at == ' ') {
        insp_cursor_skip(&c, 1);
    }
    *at = c;
    return true;
}

/* A host stands behind the time only. */
static void
read_old(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor host;

    if (!skip_time(c)) {
        (void) read_program(e, c);
        return;
    }
    if (!read_program(e, c)) {
        host = take_word(c);
        put_word(e, INSP_FIELD_SYSLOG_HOSTNAME, &host);
        (void) read_program(e, c);
    }
}

static void
read_message(struct insp_reading *r, const uint8_t *bytes, size_t size)
{
    struct insp_cursor c = insp_cursor(bytes, size);
    struct insp_event *e;
    uint32_t priority;
    size_t n;

    while (size && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r' ||
                    !bytes[size - 1])) {
        size--;
    }
    insp_cursor_limit(&c, size);
    if (read_priority(&c, &priority) != INSP_GUESS_YES) {
        return;
    }
    e = insp_event_begin(r, INSP_APP_SYSLOG, 0);
    put_priority(e, priority);
    if (insp_cursor_left(&c) > 2 && is_digit(c.at[0]) && c.at[1] == ' ' &&
        (is_digit(c.at[2]) || c.at[2] == '-')) {
        read_new(e, &c);
    } else {
        read_old(e, &c);
    }
    n = INSP_MIN(insp_cursor_left(&c), MESSAGE_MAX);
    if (n) {
        insp_event_bytes(e, INSP_FIELD_SYSLOG_MESSAGE, c.at, n);
    }
    insp_event_end(r, e);
}

/* ------------------------------------------------------------------------ */
/* Many. */

/* Where a line ends, the end included; 0: it does not. */
static size_t
line_size(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' || !bytes[i]) {
            return i + 1;
        }
    }
    return 0;
}

/* A message with its size in front; 0: not all of it is there. */
static size_t
read_counted(struct insp_reading *r, struct insp_cursor c)
{
    size_t all = insp_cursor_left(&c), left;
    uint32_t size;

    if (read_count(&c, &size) != INSP_GUESS_YES) {
        return 0;
    }
    left = insp_cursor_left(&c);
    if (left < INSP_MIN(size, HEAD_MAX) && !r->is_last) {
        return 0;
    }
    read_message(r, c.at, INSP_MIN(size, left));
    if (size > left) {
        insp_reading_pass(r, size - left);
        return all;
    }
    return all - left + size;
}

static size_t
read_line(struct insp_reading *r, struct insp_cursor c)
{
    struct syslog_state *s = r->state;
    size_t left = insp_cursor_left(&c);
    size_t looked = INSP_MIN(left, HEAD_MAX), size = line_size(c.at, looked);

    if (!size && left < HEAD_MAX && !r->is_last && !s->in_line[r->side]) {
        return 0;
    }
    if (!s->in_line[r->side]) {
        read_message(r, c.at, size ? size : looked);
    }
    s->in_line[r->side] = !size;
    return size ? size : looked;
}

static size_t
read_stream(struct insp_reading *r)
{
    struct syslog_state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    if (r->after_gap) {
        s->in_line[r->side] = false; /* A message begins: detect(). */
    }
    while (insp_cursor_left(&c)) {
        struct insp_cursor count = c;
        uint32_t n;
        enum insp_guess guess =
            s->in_line[r->side] ? INSP_GUESS_NO : read_count(&count, &n);
        size_t done;

        if (guess == INSP_GUESS_MAYBE && !r->is_last) {
            break;
        }
        done = guess == INSP_GUESS_YES ? read_counted(r, c) : read_line(r, c);
        if (!done) {
            break;
        }
        insp_cursor_skip(&c, done);
    }
    return r->size - insp_cursor_left(&c);
}

static size_t
read_bytes(struct insp_reading *r)
{
    if (!r->is_stream) {
        read_message(r, r->bytes, r->size);
        return r->size;
    }
    return read_stream(r);
}

const struct insp_reader insp_reader_syslog = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
