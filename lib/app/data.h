/* SPDX-License-Identifier: Apache-2.0 */
/* Data
 * ====
 *
 * What the readers of databases and brokers have in common: messages that
 * begin with their length, of which the first bytes are looked at and the rest
 * is passed; texts that end with a zero; and of SQL no more than its words.
 *
 * Above:    readers.               Below:  app/app.h.
 * Threads:  the reader's.
 * Memory:   borrows the bytes.
 * Time:     bounded by the bytes that are shown.
 * Fails:    by false, or an empty text.
 */

#ifndef INSP_APP_DATA_H
#define INSP_APP_DATA_H 1

#include "app/app.h"

/* Where the reading of a stream of messages stands. */
struct insp_frames {
    struct insp_reading *r;
    size_t at; /* Done with so many of r->bytes. */
};

/* Bytes that follow what is done with. */
static inline struct insp_cursor
insp_frames_cursor(const struct insp_frames *f)
{
    const uint8_t *bytes = f->r->bytes; /* NULL: there are none. */

    return insp_cursor(bytes ? bytes + f->at : bytes, f->r->size - f->at);
}

/* Takes a message that has 'head' bytes, which are there, and a body of 'size'
 * bytes.  '*body' is the first 'need' bytes of it, or all when it is shorter;
 * what has not come yet of the rest will be passed.  Returns false, and takes
 * nothing, while some of the 'need' are missing. */
static inline bool
insp_frames_take(struct insp_frames *f, size_t head, uint64_t size,
                 size_t need, struct insp_cursor *body)
{
    struct insp_cursor c = insp_frames_cursor(f);
    size_t want = (size_t) INSP_MIN(size, need), left;

    if (!insp_cursor_skip(&c, head)) {
        return false;
    }
    left = insp_cursor_left(&c);
    if (left < want && !f->r->is_last) {
        return false;
    }
    *body = c;
    insp_cursor_limit(body, want);
    if (left < size) {
        insp_reading_pass(f->r, size - left);
        f->at = f->r->size;
    } else {
        f->at += head + (size_t) size;
    }
    return true;
}

/* The next word of a line, which blanks part; empty at its end. */
static inline struct insp_cursor
insp_cursor_word(struct insp_cursor *line)
{
    size_t n = 0;

    while (insp_cursor_left(line) && line->at[0] == ' ') {
        insp_cursor_skip(line, 1);
    }
    while (n < insp_cursor_left(line) && line->at[n] != ' ') {
        n++;
    }
    return insp_cursor_sub(line, n);
}

/* Up to the next zero, which is passed too; NULL when there is none. */
static inline const uint8_t *
insp_cursor_zero(struct insp_cursor *c, size_t *size)
{
    const uint8_t *from = c->at, *zero;
    size_t left = insp_cursor_left(c);

    *size = 0;
    zero = left && !c->failed ? memchr(from, 0, left) : NULL;
    if (!zero) {
        c->failed = true;
        return NULL;
    }
    *size = (size_t) (zero - from);
    return insp_cursor_take(c, *size + 1);
}

static inline bool
insp_is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
insp_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Whether 'size' bytes are there, and are these. */
static inline bool
insp_begins(struct insp_cursor c, const void *bytes, size_t size)
{
    const uint8_t *b = insp_cursor_take(&c, size);

    return b && !memcmp(b, bytes, size);
}

/* Printable ASCII without controls, and not empty. */
static inline bool
insp_is_printable(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return size > 0;
}

/* The first words of a statement, into 'words'; returns how long they are.
 * They end before the first thing that is neither a plain word nor '*', so
 * that no value of the user's is among them; a comment in front is passed. */
#define INSP_WORDS_MAX 64
size_t insp_statement_words(struct insp_cursor, char words[INSP_WORDS_MAX]);

/* Whether it begins with one of the usual verbs. */
bool insp_is_statement(struct insp_cursor);

#endif /* app/data.h */
