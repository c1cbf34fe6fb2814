/* SPDX-License-Identifier: Apache-2.0 */
/* Token
 * =====
 *
 * Push tokens: secrets that a sensor and its collector both know, and the
 * files that hold them.  A line is IDENTITY:SECRET.
 *
 *     # Comment.
 *     sensor-1:8d0c5c1b…          (32 to 128 digits)
 *     sensor-2#2026-11:41f7…
 *
 * IDENTITY travels in the clear and is the sensor's id, in printable ASCII.
 * What follows its last '#' is the generation: a collector that knows the old
 * and the new one takes either, so that the sensor can change in its own time.
 *
 * SECRET is in hexadecimal digits, 16 bytes at the least, as "openssl rand
 * -hex 32" or insp_token_make() write it.  Nothing but digits: a word that
 * somebody has thought of cannot be one, and so 32 digits are 128 bits and
 * not as many as whoever typed them had ideas for.
 *
 * A file that its group or others may read, write or run is refused.
 *
 * Above:    tls.h, programs.       Below:  OpenSSL 3's random numbers.
 * Threads:  any, tokens do not change.
 * Memory:   as many as the file has; all copies of a secret are wiped.
 * Time:     none; finding is by halves.
 * Fails:    with a sentence that holds no secret.
 */

#ifndef INSP_EXPORT_TOKEN_H
#define INSP_EXPORT_TOKEN_H 1

#include "base/compiler.h"

#define INSP_TOKEN_IDENTITY_SIZE 128 /* With the zero at its end. */
#define INSP_TOKEN_SECRET_MIN    16
#define INSP_TOKEN_SECRET_MAX    64

/* IDENTITY:SECRET, as insp_token_make() writes it, and a zero. */
#define INSP_TOKEN_LINE_SIZE (INSP_TOKEN_IDENTITY_SIZE + 65)

struct insp_token {
    char identity[INSP_TOKEN_IDENTITY_SIZE];
    uint8_t secret[INSP_TOKEN_SECRET_MAX];
    size_t size; /* Of the secret. */
};

struct insp_tokens;

/* Reads the file 'path', or the 'size' bytes of one that is called 'name' in
 * sentences.  No tokens at all is no fault.  NULL: the sentence is in 'why'.
 */
struct insp_tokens *insp_tokens_read(const char *path, char *why,
                                     size_t why_size);
struct insp_tokens *insp_tokens_parse(const char *name, const void *bytes,
                                      size_t size, char *why, size_t why_size);

/* The one of that identity, or NULL. */
const struct insp_token *insp_tokens_find(const struct insp_tokens *,
                                          const void *identity, size_t size);

/* Reads the pre_shared_key extension of a ClientHello (RFC 8446, 4.2.11).
 * False: it offers nothing.  Else '*token' is the first one that is known
 * ('tokens' may be NULL: none is), or NULL, and 'offered' its identity or that
 * of the first, made printable. */
bool insp_tokens_match(const struct insp_tokens *tokens, const void *extension,
                       size_t size, const struct insp_token **token,
                       char offered[INSP_TOKEN_IDENTITY_SIZE]);

size_t insp_tokens_count(const struct insp_tokens *);
const struct insp_token *insp_tokens_get(const struct insp_tokens *, size_t i);
void insp_tokens_destroy(struct insp_tokens *); /* Wipes them. */

bool insp_token_is_same(const struct insp_token *, const struct insp_token *);

/* True when the token speaks for 'name': that is its identity, whole or
 * without the generation. */
bool insp_token_is_for(const char *identity, const char *name);

/* A fresh token of 256 bits: the line that belongs into both files, without
 * an end of line.  Wipe it after use. */
bool insp_token_make(const char *identity, char line[INSP_TOKEN_LINE_SIZE],
                     char *why, size_t why_size) INSP_MUST_USE;

#endif /* export/token.h */
