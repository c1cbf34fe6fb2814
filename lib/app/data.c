/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A statement is not parsed.  Keywords and names are words of letters, digits
 * and '_' that begin with a letter or '_'; literals begin with a quote, a
 * digit, a sign, a colon or a dollar.  What comes before the first of these,
 * before punctuation and before an operator, is harmless and says enough:
 *
 *     SELECT name FROM users WHERE id = 4711
 *    |------------------------------|
 */

#include "app/data.h"

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_of_word(uint8_t c)
{
    return insp_is_letter(c) || insp_is_digit(c) || c == '_';
}

/* Blanks, brackets and comments. */
static void
skip_front(struct insp_cursor *c)
{
    while (insp_cursor_left(c)) {
        uint8_t next = c->at[0];

        if (is_blank(next) || next == '(') {
            insp_cursor_skip(c, 1);
        } else if (next == '/' && insp_cursor_left(c) > 3 && c->at[1] == '*' &&
                   c->at[2] != '!') {
            insp_cursor_skip(c, 3);
            while (insp_cursor_left(c) &&
                   !(c->at[0] == '/' && c->at[-1] == '*')) {
                insp_cursor_skip(c, 1);
            }
            insp_cursor_skip(c, insp_cursor_left(c) ? 1 : 0);
        } else {
            return;
        }
    }
}

static size_t
word_size(struct insp_cursor c)
{
    size_t left = insp_cursor_left(&c), n = 0;

    if (left && c.at[0] == '*') {
        return 1;
    }
    if (!left || insp_is_digit(c.at[0])) {
        return 0;
    }
    while (n < left && is_of_word(c.at[n])) {
        n++;
    }
    return n;
}

size_t
insp_statement_words(struct insp_cursor c, char words[INSP_WORDS_MAX])
{
    size_t size = 0, n;

    if (c.failed) {
        return 0;
    }
    skip_front(&c);
    while ((n = word_size(c)) > 0 &&
           n + (size ? 1 : 0) <= INSP_WORDS_MAX - size) {
        const uint8_t *word = insp_cursor_take(&c, n);

        if (insp_cursor_left(&c) && c.at[0] == '\'') {
            break; /* N'...', X'...', E'...'. */
        }
        if (size) {
            words[size++] = ' ';
        }
        memcpy(words + size, word, n);
        size += n;
        if (insp_cursor_left(&c) && !is_blank(c.at[0])) {
            break;
        }
        while (insp_cursor_left(&c) && is_blank(c.at[0])) {
            insp_cursor_skip(&c, 1);
        }
    }
    return size;
}

static bool
is_word(const uint8_t *word, size_t size, const char *text)
{
    for (size_t i = 0; i < size; i++) {
        if ((word[i] & 0xdf) != (uint8_t) text[i]) {
            return false; /* Also where 'text' ends. */
        }
    }
    return !text[size];
}

bool
insp_is_statement(struct insp_cursor c)
{
    static const char *const verbs[] = {
        "SELECT",    "INSERT",   "UPDATE", "DELETE",     "REPLACE", "BEGIN",
        "COMMIT",    "ROLLBACK", "START",  "SET",        "SHOW",    "CREATE",
        "DROP",      "ALTER",    "USE",    "CALL",       "WITH",    "TRUNCATE",
        "EXPLAIN",   "GRANT",    "COPY",   "DEALLOCATE", "FETCH",   "DECLARE",
        "SAVEPOINT", "RELEASE",  "LISTEN", "LOCK",       "VACUUM",  "ANALYZE",
    };
    size_t n;

    if (c.failed) {
        return false;
    }
    skip_front(&c);
    n = word_size(c);
    for (size_t i = 0; n && i < INSP_ARRAY_SIZE(verbs); i++) {
        if (is_word(c.at, n, verbs[i])) {
            return true;
        }
    }
    return false;
}
