/* SPDX-License-Identifier: Apache-2.0 */
/* Line
 * ====
 *
 * What the readers of protocols that speak in lines of text have in common:
 * one line at a time, also where it is longer than anybody keeps; words in any
 * letters; and who logs in, when that is said in clear.
 *
 * Above:    readers, app/first.c.  Below:  app/data.h.
 * Threads:  the reader's.
 * Memory:   borrows the bytes.
 * Time:     bounded by the bytes that are shown.
 * Fails:    by false, or an empty text.
 */

#ifndef INSP_APP_LINE_H
#define INSP_APP_LINE_H 1

#include "app/data.h"
#include "app/event.h"

/* ------------------------------------------------------------------------ */
/* Words. */

static inline uint8_t
insp_line_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t) (c - 32) : c;
}

/* Begins with 'text', as it stands. */
static inline bool
insp_line_begins(struct insp_cursor c, const char *text)
{
    size_t size = strlen(text);

    return insp_cursor_left(&c) >= size && !memcmp(c.at, text, size);
}

/* Begins with 'text', which is in capital letters, in any. */
bool insp_line_says(struct insp_cursor, const char *text);
/* The same, MAYBE while there are fewer bytes than that. */
enum insp_guess insp_line_guess(struct insp_cursor, const char *text);
/* Is 'text', in any letters. */
bool insp_line_is(struct insp_cursor, const char *text);
/* 'text' is somewhere in its first INSP_LINE_SEARCHED bytes, in any
 * letters. */
#define INSP_LINE_SEARCHED 512
bool insp_line_has(struct insp_cursor, const char *text);

/* Three digits and a blank, a '-', or the line's end; 0: it is no reply as
 * SMTP and FTP have them.  '*more': other lines of it will follow. */
unsigned int insp_line_reply_code(struct insp_cursor line, bool *more);

/* Sets a text that is not set yet, less the blanks around it, cut behind 'max'
 * bytes; an empty one is left out. */
void insp_line_set(struct insp_event *, enum insp_app_field,
                   struct insp_cursor text, size_t max);
void insp_line_set_word(struct insp_event *, enum insp_app_field,
                        const char *word);
/* The same for one more of a LIST. */
void insp_line_add(struct insp_event *, enum insp_app_field,
                   struct insp_cursor text, size_t max);

/* ------------------------------------------------------------------------ */
/* Lines. */

/* The first line, without its end; empty when it is not whole, or not of
 * printable ASCII. */
struct insp_cursor insp_line_first(struct insp_cursor);
/* The same of the line at 'c', which passes it; false: there is none. */
bool insp_line_next_whole(struct insp_cursor *c, struct insp_cursor *line);
/* Whether all bytes, of an unfinished line too, are of text: no controls but
 * '\t', '\r' and '\n'. */
bool insp_line_is_text(struct insp_cursor);

#define INSP_LINE_MAX 1024

/* Takes a line, without its end; one that is longer than INSP_LINE_MAX is cut,
 * and the rest of it is passed, now or when it comes: '*skips', which is the
 * caller's for each side, says that.  False: it is not there yet. */
bool insp_line_take(struct insp_cursor *c, bool *skips,
                    struct insp_cursor *line);

/* Where in what follows a gap a line begins: at once when the bytes look like
 * the first of a reply (three digits) or of a command (letters), else behind
 * the next end of one; r->size: nowhere. */
size_t insp_line_seek(const struct insp_reading *, bool is_server);

/* ------------------------------------------------------------------------ */
/* What was asked and not answered yet, oldest first; what is asked several
 * times in a row takes one place. */

#define INSP_PENDING_MAX 16

struct insp_pending {
    uint8_t first;
    uint8_t n;
    uint8_t what[INSP_PENDING_MAX];
    uint16_t count[INSP_PENDING_MAX];
};

/* False: there is no room. */
bool insp_pending_push(struct insp_pending *, uint8_t what);
/* The oldest one; 0: there is none. */
uint8_t insp_pending_oldest(const struct insp_pending *);
void insp_pending_pop(struct insp_pending *);
/* Forgets all but the last one, of which the next answer is after a gap. */
void insp_pending_keep_last(struct insp_pending *);

/* ------------------------------------------------------------------------ */
/* Logins (RFC 4422): mechanisms that say a secret in clear, and others. */

enum insp_login {
    INSP_LOGIN_NONE,
    INSP_LOGIN_PLAIN,  /* RFC 4616. */
    INSP_LOGIN_LOGIN,  /* Name and password, a line each. */
    INSP_LOGIN_BEARER, /* RFC 7628, and XOAUTH2: a token. */
    INSP_LOGIN_OTHER,  /* The secret is not said. */
};

enum insp_login insp_login_of(struct insp_cursor mechanism);

static inline bool
insp_login_is_clear(enum insp_login login)
{
    return login != INSP_LOGIN_NONE && login != INSP_LOGIN_OTHER;
}

/* Sets who logs in, if that is not known yet, of the client's first response,
 * which is in base64.  What stands behind the name, the password, is not
 * decoded. */
void insp_login_set_user(struct insp_event *, enum insp_app_field,
                         enum insp_login, struct insp_cursor base64);

#endif /* app/line.h */
