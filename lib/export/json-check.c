/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Recursive descent with a bound on the depth.  Each value knows the role
 * that its place gives it; only three places have one.
 */

#include <stdio.h>

#include "base/cursor.h"
#include "base/put.h"
#include "base/utf8.h"
#include "export/json-check.h"

enum role {
    ANY,
    TOP,
    INSPECT,
    SENSOR
};

struct checker {
    struct insp_cursor at;
    unsigned int depth;
    bool has_inspect;
    bool has_sensor;
    struct insp_json_line *line;
    const char *wrong;
};

static bool
bad(struct checker *c, const char *what)
{
    if (!c->wrong) {
        c->wrong = what;
    }
    return false;
}

/* The next byte without passing it; 0 at the end. */
static uint8_t
next(const struct checker *c)
{
    return insp_cursor_left(&c->at) ? *c->at.at : 0;
}

static void
skip_space(struct checker *c)
{
    uint8_t b;

    while ((b = next(c)) == ' ' || b == '\t' || b == '\r' || b == '\n') {
        (void) insp_cursor_skip(&c->at, 1);
    }
}

static bool
accept(struct checker *c, uint8_t byte)
{
    return next(c) == byte && insp_cursor_skip(&c->at, 1);
}

static void
put_character(struct insp_put *put, uint32_t code)
{
    if (code < 0x80) {
        insp_put_u8(put, (uint8_t) code);
    } else if (code < 0x800) {
        insp_put_u8(put, (uint8_t) (0xc0 | code >> 6));
        insp_put_u8(put, (uint8_t) (0x80 | (code & 63)));
    } else if (code < 0x10000) {
        insp_put_u8(put, (uint8_t) (0xe0 | code >> 12));
        insp_put_u8(put, (uint8_t) (0x80 | (code >> 6 & 63)));
        insp_put_u8(put, (uint8_t) (0x80 | (code & 63)));
    } else {
        insp_put_u8(put, (uint8_t) (0xf0 | code >> 18));
        insp_put_u8(put, (uint8_t) (0x80 | (code >> 12 & 63)));
        insp_put_u8(put, (uint8_t) (0x80 | (code >> 6 & 63)));
        insp_put_u8(put, (uint8_t) (0x80 | (code & 63)));
    }
}

static bool
read_hex4(struct checker *c, uint32_t *code)
{
    *code = 0;
    for (unsigned int i = 0; i < 4; i++) {
        uint8_t b = insp_cursor_u8(&c->at);
        uint32_t digit = b >= '0' && b <= '9'   ? b - 48U
                         : b >= 'a' && b <= 'f' ? b - 87U
                         : b >= 'A' && b <= 'F' ? b - 55U
                                                : 16;

        if (digit > 15) {
            return bad(c, "an escape is not hexadecimal");
        }
        *code = *code << 4 | digit;
    }
    return true;
}

static bool
read_escape(struct checker *c, struct insp_put *put)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t b = insp_cursor_u8(&c->at);
    const char *simple = b ? strchr(from, b) : NULL;
    uint32_t code, low;

    if (simple) {
        insp_put_u8(put, (uint8_t) to[simple - from]);
        return true;
    } else if (b != 'u') {
        return bad(c, "an unknown escape");
    } else if (!read_hex4(c, &code)) {
        return false;
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        if (insp_cursor_u8(&c->at) != '\\' || insp_cursor_u8(&c->at) != 'u' ||
            !read_hex4(c, &low) || low < 0xdc00 || low > 0xdfff) {
            return bad(c, "half of a surrogate pair");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return bad(c, "half of a surrogate pair");
    }
    put_character(put, code);
    return true;
}

/* A string, of which what fits goes to 'text', with a NUL.  One that is
 * longer sets '*whole' to false, as one with a NUL in it does. */
static bool
read_string(struct checker *c, char *text, size_t size, bool *whole)
{
    struct insp_put put = insp_put(text, size - 1);

    if (!accept(c, '"')) {
        return bad(c, "a string is missing");
    }
    while (!accept(c, '"')) {
        uint8_t b = next(c);
        size_t n;

        if (b == '\\') {
            (void) insp_cursor_skip(&c->at, 1);
            if (!read_escape(c, &put)) {
                return false;
            }
        } else if (!insp_cursor_left(&c->at)) {
            return bad(c, "a string does not end");
        } else if (b < 0x20) {
            return bad(c, "a control character in a string");
        } else if (!(n = insp_utf8_size(c->at.at, c->at.end))) {
            return bad(c, "a string is not UTF-8");
        } else {
            insp_put_bytes(&put, insp_cursor_take(&c->at, n), n);
        }
    }
    *put.at = '\0';
    *whole = !put.full && !memchr(text, '\0', insp_put_size(&put));
    return true;
}

static bool
skip_digits(struct checker *c)
{
    size_t n = 0;

    for (; next(c) >= '0' && next(c) <= '9'; n++) {
        (void) insp_cursor_skip(&c->at, 1);
    }
    return n || bad(c, "a number without digits");
}

static bool
check_number(struct checker *c)
{
    (void) accept(c, '-');
    if (!accept(c, '0') && !skip_digits(c)) {
        return false;
    }
    if (accept(c, '.') && !skip_digits(c)) {
        return false;
    }
    if (accept(c, 'e') || accept(c, 'E')) {
        if (!accept(c, '+')) {
            (void) accept(c, '-');
        }
        return skip_digits(c);
    }
    return true;
}

static bool
check_word(struct checker *c, const char *word)
{
    const uint8_t *b = insp_cursor_take(&c->at, strlen(word));

    return (b && !memcmp(b, word, strlen(word))) || bad(c, "an unknown word");
}

static bool check_value(struct checker *, enum role);

static bool
check_member(struct checker *c, enum role of)
{
    enum role role = ANY;
    char key[16];
    bool whole;

    if (!read_string(c, key, sizeof key, &whole)) {
        return false;
    }
    if (whole && of == TOP && !strcmp(key, "inspect")) {
        role = INSPECT;
        if (c->has_inspect) {
            return bad(c, "\"inspect\" comes twice");
        }
        c->has_inspect = true;
    } else if (whole && of == INSPECT && !strcmp(key, "sensor")) {
        role = SENSOR;
        if (c->has_sensor) {
            return bad(c, "\"sensor\" comes twice");
        }
        c->has_sensor = true;
    }
    skip_space(c);
    if (!accept(c, ':')) {
        return bad(c, "':' is missing");
    }
    return check_value(c, role);
}

static bool
check_list(struct checker *c, enum role role, uint8_t end)
{
    if (++c->depth > INSP_JSON_DEPTH_MAX) {
        return bad(c, "it is nested too deeply");
    }
    (void) insp_cursor_skip(&c->at, 1);
    skip_space(c);
    if (!accept(c, end)) {
        do {
            skip_space(c);
            if (end == '}' ? !check_member(c, role) : !check_value(c, ANY)) {
                return false;
            }
            skip_space(c);
        } while (accept(c, ','));
        if (!accept(c, end)) {
            return bad(c, end == '}' ? "'}' is missing" : "']' is missing");
        }
    }
    c->depth--;
    return true;
}

static bool
check_value(struct checker *c, enum role role)
{
    char scratch[8];
    bool whole;
    bool good;

    skip_space(c);
    if (role == SENSOR) {
        good = read_string(c, c->line->sensor, sizeof c->line->sensor, &whole);
        return good && (whole || bad(c, "the sensor's name is too long"));
    }
    switch (next(c)) {
    case '{': return check_list(c, role, '}');
    case '[': return check_list(c, ANY, ']');
    case '"': return read_string(c, scratch, sizeof scratch, &whole);
    case 't': return check_word(c, "true");
    case 'f': return check_word(c, "false");
    case 'n': return check_word(c, "null");
    default: return check_number(c);
    }
}

const char *
insp_json_check(const char *line, size_t size, struct insp_json_line *out)
{
    struct checker c = { .at = insp_cursor(line, size), .line = out };

    out->sensor[0] = '\0';
    skip_space(&c);
    if (next(&c) != '{') {
        return "it is not an object";
    }
    if (check_value(&c, TOP)) {
        skip_space(&c);
        if (insp_cursor_left(&c.at)) {
            return "something follows the object";
        }
    }
    return c.wrong;
}
