/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A file is read whole, at most FILE_MAX bytes of it, and taken apart line by
 * line into an array that is then sorted by identity: two equal ones stand
 * side by side and are a fault, because a collector could only ever try the
 * one of them.  The array is one of pointers, so that neither growing nor
 * sorting leaves copies of secrets behind.
 *
 * A line is divided at its last colon, so that an identity may have some; a
 * secret has none.
 *
 * Random bytes all look different.  Sixteen of them that have fewer than
 * DISTINCT values are rarer than one in 10^14: it was a person or a broken
 * program who wrote "0000…" or "1234…1234…".
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/cursor.h"
#include "export/token.h"

#define FILE_MAX (1 << 22)
#define DISTINCT 7

struct insp_tokens {
    size_t n;
    size_t room;
    struct insp_token **array; /* In the order of their identities. */
};

static bool say(char *why, size_t size, const char *format, ...)
    INSP_PRINTF(3, 4);

static bool
say(char *why, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return false;
}

/* Not ours to see are blanks at the ends, and a carriage return. */
static struct insp_cursor
trimmed(struct insp_cursor line)
{
    while (line.at < line.end && (*line.at == ' ' || *line.at == '\t')) {
        line.at++;
    }
    while (line.at < line.end &&
           (line.end[-1] == ' ' || line.end[-1] == '\t' ||
            line.end[-1] == '\r')) {
        line.end--;
    }
    return line;
}

static struct insp_cursor
next_line(struct insp_cursor *file)
{
    size_t left = insp_cursor_left(file);
    const uint8_t *end = memchr(file->at, '\n', left);
    struct insp_cursor line =
        insp_cursor_sub(file, end ? (size_t) (end - file->at) : left);

    if (end) {
        insp_cursor_skip(file, 1);
    }
    return trimmed(line);
}

static int
hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static const char *
fault_of_identity(const uint8_t *identity, size_t size)
{
    if (!size || identity[0] == '#') {
        return "there is no identity before the ':'";
    } else if (size >= INSP_TOKEN_IDENTITY_SIZE) {
        return "the identity is longer than 127 characters";
    }
    for (size_t i = 0; i < size; i++) {
        if (identity[i] < 0x20 || identity[i] > 0x7e) {
            return "the identity has characters other than printable ASCII";
        }
    }
    return identity[0] == ' ' || identity[size - 1] == ' '
               ? "the identity begins or ends with a blank"
               : NULL;
}

static bool
looks_made_up(const struct insp_token *token)
{
    uint64_t seen[4] = { 0, 0, 0, 0 };
    unsigned int n = 0;

    for (size_t i = 0; i < token->size; i++) {
        unsigned int word = token->secret[i] / 64;
        uint64_t bit = UINT64_C(1) << token->secret[i] % 64;

        n += !(seen[word] & bit);
        seen[word] |= bit;
    }
    OPENSSL_cleanse(seen, sizeof seen);
    return n < DISTINCT;
}

static const char *
read_secret(struct insp_token *token, struct insp_cursor digits)
{
    size_t n = insp_cursor_left(&digits);
    bool odd = n % 2 != 0;

    for (size_t i = 0; i < n; i++) {
        if (hex_digit(digits.at[i]) < 0) {
            return "the secret is not made of hexadecimal digits";
        }
    }
    if (n < 2 * INSP_TOKEN_SECRET_MIN) {
        return "the secret is shorter than 128 bits (32 hexadecimal digits)";
    } else if (n > 2 * INSP_TOKEN_SECRET_MAX) {
        return "the secret is longer than 512 bits (128 hexadecimal digits)";
    } else if (odd) {
        return "the secret has an odd number of hexadecimal digits";
    }
    for (; insp_cursor_left(&digits); token->size++) {
        int high = hex_digit(insp_cursor_u8(&digits));

        token->secret[token->size] =
            (uint8_t) (high << 4 | hex_digit(insp_cursor_u8(&digits)));
    }
    return looks_made_up(token) ? "the secret is not random" : NULL;
}

/* Returns what is wrong, or NULL. */
static const char *
read_token(struct insp_token *token, struct insp_cursor line)
{
    struct insp_cursor identity = line, secret = line;
    const uint8_t *colon = line.end;
    const char *wrong;

    while (colon > line.at && colon[-1] != ':') {
        colon--;
    }
    if (colon == line.at) {
        return "it is not IDENTITY:SECRET";
    }
    identity.end = colon - 1;
    secret.at = colon;
    identity = trimmed(identity);
    wrong = fault_of_identity(identity.at, insp_cursor_left(&identity));
    if (wrong) {
        return wrong;
    }
    insp_cursor_copy(&identity, token->identity, insp_cursor_left(&identity));
    return read_secret(token, trimmed(secret));
}

static int
compare(const struct insp_token *token, const void *identity, size_t size)
{
    size_t n = strlen(token->identity);
    int order = memcmp(token->identity, identity, INSP_MIN(n, size));

    return order ? order : (n > size) - (n < size);
}

static int
by_identity(const void *a_, const void *b_)
{
    const struct insp_token *const *a = a_, *const *b = b_;

    return compare(*a, (*b)->identity, strlen((*b)->identity));
}

static bool
grow(struct insp_tokens *tokens)
{
    size_t room = tokens->room ? 2 * tokens->room : 4;
    struct insp_token **array;

    if (tokens->n < tokens->room) {
        return true;
    }
    array = realloc(tokens->array, room * sizeof *array);
    if (array) {
        tokens->array = array;
        tokens->room = room;
    }
    return array != NULL;
}

/* Returns what is wrong, or NULL. */
static const char *
add_line(struct insp_tokens *tokens, struct insp_cursor line)
{
    struct insp_token *token;
    const char *wrong;

    if (!insp_cursor_left(&line) || *line.at == '#') {
        return NULL;
    }
    token = grow(tokens) ? calloc(1, sizeof *token) : NULL;
    if (!token) {
        return "out of memory";
    }
    wrong = read_token(token, line);
    if (wrong) {
        OPENSSL_cleanse(token, sizeof *token);
        free(token);
    } else {
        tokens->array[tokens->n++] = token;
    }
    return wrong;
}

static bool
fill(struct insp_tokens *tokens, const char *name, struct insp_cursor file,
     char *why, size_t why_size)
{
    for (size_t n = 1; insp_cursor_left(&file); n++) {
        const char *wrong = add_line(tokens, next_line(&file));

        if (wrong) {
            return say(why, why_size, "token file %s, line %zu: %s", name, n,
                       wrong);
        }
    }
    if (tokens->n) {
        qsort(tokens->array, tokens->n, sizeof *tokens->array, by_identity);
    }
    for (size_t i = 1; i < tokens->n; i++) {
        const char *identity = tokens->array[i]->identity;

        if (!strcmp(identity, tokens->array[i - 1]->identity)) {
            return say(why, why_size,
                       "token file %s: identity '%s' is there twice; a new "
                       "generation of it would be '%s#2'",
                       name, identity, identity);
        }
    }
    return true;
}

struct insp_tokens *
insp_tokens_parse(const char *name, const void *bytes, size_t size, char *why,
                  size_t why_size)
{
    struct insp_tokens *tokens = calloc(1, sizeof *tokens);

    if (!tokens) {
        say(why, why_size, "out of memory for token file %s", name);
    } else if (!fill(tokens, name, insp_cursor(bytes, size), why, why_size)) {
        insp_tokens_destroy(tokens);
        return NULL;
    }
    return tokens;
}

static bool
is_acceptable(int fd, const char *path, size_t *size, char *why,
              size_t why_size)
{
    struct stat s;

    if (fd < 0 || fstat(fd, &s)) {
        return say(why, why_size, "cannot read token file %s: %s", path,
                   strerror(errno));
    } else if (!S_ISREG(s.st_mode)) {
        return say(why, why_size, "token file %s is not an ordinary file",
                   path);
    } else if (s.st_mode & 077) {
        return say(why, why_size,
                   "token file %s is open to others than its owner (mode "
                   "%03o): make a new token, then chmod 600",
                   path, (unsigned int) (s.st_mode & 0777));
    } else if (s.st_size > FILE_MAX) {
        return say(why, why_size, "token file %s is larger than 4 MiB", path);
    }
    *size = (size_t) s.st_size;
    return true;
}

struct insp_tokens *
insp_tokens_read(const char *path, char *why, size_t why_size)
{
    struct insp_tokens *tokens = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t size = 0;

    if (is_acceptable(fd, path, &size, why, why_size)) {
        uint8_t *bytes = malloc(size + 1);
        size_t n = 0;
        ssize_t got = -1;

        while (bytes && n < size &&
               ((got = read(fd, bytes + n, size - n)) > 0 ||
                (got < 0 && errno == EINTR))) {
            n += got > 0 ? (size_t) got : 0;
        }
        if (!bytes || (n < size && got < 0)) {
            say(why, why_size, "cannot read token file %s: %s", path,
                strerror(bytes ? errno : ENOMEM));
        } else {
            tokens = insp_tokens_parse(path, bytes, n, why, why_size);
        }
        if (bytes) {
            OPENSSL_cleanse(bytes, size);
        }
        free(bytes);
    }
    if (fd >= 0) {
        close(fd);
    }
    return tokens;
}

const struct insp_token *
insp_tokens_find(const struct insp_tokens *tokens, const void *identity,
                 size_t size)
{
    size_t low = 0, high = tokens->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(tokens->array[middle], identity, size);

        if (!order) {
            return tokens->array[middle];
        } else if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void
show_identity(char to[INSP_TOKEN_IDENTITY_SIZE], const uint8_t *identity,
              size_t size)
{
    size_t n = INSP_MIN(size, INSP_TOKEN_IDENTITY_SIZE - 1);

    for (size_t i = 0; i < n; i++) {
        to[i] = identity[i] >= 0x20 && identity[i] <= 0x7e ? (char) identity[i]
                                                           : '?';
    }
    to[n] = '\0';
}

bool
insp_tokens_match(const struct insp_tokens *tokens, const void *extension,
                  size_t size, const struct insp_token **token,
                  char offered[INSP_TOKEN_IDENTITY_SIZE])
{
    struct insp_cursor c = insp_cursor(extension, size);
    size_t n_bytes = insp_cursor_be16(&c);
    struct insp_cursor offers = insp_cursor_sub(&c, n_bytes);
    bool any = false;

    *token = NULL;
    while (insp_cursor_left(&offers) && !*token) {
        size_t n = insp_cursor_be16(&offers);
        const uint8_t *identity = insp_cursor_take(&offers, n);

        insp_cursor_skip(&offers, 4); /* Its age: it has none. */
        if (offers.failed) {
            break;
        }
        if (tokens) {
            *token = insp_tokens_find(tokens, identity, n);
        }
        if (!any || *token) {
            show_identity(offered, identity, n);
        }
        any = true;
    }
    return any;
}

size_t
insp_tokens_count(const struct insp_tokens *tokens)
{
    return tokens->n;
}

const struct insp_token *
insp_tokens_get(const struct insp_tokens *tokens, size_t i)
{
    return tokens->array[i];
}

void
insp_tokens_destroy(struct insp_tokens *tokens)
{
    if (tokens) {
        for (size_t i = 0; i < tokens->n; i++) {
            OPENSSL_cleanse(tokens->array[i], sizeof *tokens->array[i]);
            free(tokens->array[i]);
        }
        free(tokens->array);
        free(tokens);
    }
}

bool
insp_token_is_same(const struct insp_token *a, const struct insp_token *b)
{
    return !strcmp(a->identity, b->identity) && a->size == b->size &&
           !CRYPTO_memcmp(a->secret, b->secret, a->size);
}

bool
insp_token_is_for(const char *identity, const char *name)
{
    const char *generation = strrchr(identity, '#');
    size_t n = strlen(name);

    return n && (!strcmp(identity, name) ||
                 (generation && n == (size_t) (generation - identity) &&
                  !memcmp(identity, name, n)));
}

bool
insp_token_make(const char *identity, char line[INSP_TOKEN_LINE_SIZE],
                char *why, size_t why_size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = strlen(identity);
    const char *wrong = fault_of_identity((const uint8_t *) identity, n);
    uint8_t secret[32];

    line[0] = '\0';
    if (wrong) {
        return say(why, why_size, "%s", wrong);
    } else if (RAND_priv_bytes(secret, sizeof secret) != 1) {
        return say(why, why_size, "no random numbers");
    }
    memcpy(line, identity, n);
    line[n++] = ':';
    for (size_t i = 0; i < sizeof secret; i++) {
        line[n++] = digits[secret[i] >> 4];
        line[n++] = digits[secret[i] & 15];
    }
    line[n] = '\0';
    OPENSSL_cleanse(secret, sizeof secret);
    return true;
}
