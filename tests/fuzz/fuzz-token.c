/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is a token file, or, after a zero, the extension of
 * a ClientHello that offers some, which is matched with a file of two.
 *
 * A file is either taken whole, and then each of its tokens is found by its
 * identity, is long enough, and stands once in the order; or there is a
 * sentence, which holds no part of a secret.  For that, the file is read again
 * with other characters in place of all secrets: the sentence must be the
 * same, or else the secret is in it. */

#include <string.h>

#include "export/token.h"
#include "fuzz.h"

static void
check_tokens(const struct insp_tokens *tokens)
{
    size_t n = insp_tokens_count(tokens);

    for (size_t i = 0; i < n; i++) {
        const struct insp_token *t = insp_tokens_get(tokens, i);
        size_t size = strnlen(t->identity, sizeof t->identity);

        FUZZ_PROMISE(size > 0 && size < sizeof t->identity);
        FUZZ_PROMISE(t->identity[0] != '#');
        FUZZ_PROMISE(t->size >= INSP_TOKEN_SECRET_MIN);
        FUZZ_PROMISE(t->size <= INSP_TOKEN_SECRET_MAX);
        FUZZ_PROMISE(insp_tokens_find(tokens, t->identity, size) == t);
        FUZZ_PROMISE(!insp_tokens_find(tokens, t->identity, 0));
        FUZZ_PROMISE(insp_token_is_for(t->identity, t->identity));
        FUZZ_PROMISE(insp_token_is_same(t, t));
        if (i) {
            FUZZ_PROMISE(strcmp(insp_tokens_get(tokens, i - 1)->identity,
                                t->identity) < 0);
            FUZZ_PROMISE(
                !insp_token_is_same(t, insp_tokens_get(tokens, i - 1)));
        }
    }
}

/* All digits become the same one, all other characters the same other. */
static void
hide_secrets(char *bytes, size_t size)
{
    size_t end = size;

    while (end) {
        size_t begin = end;

        while (begin && bytes[begin - 1] != '\n') {
            begin--;
        }
        for (size_t i = end; i > begin && bytes[i - 1] != ':'; i--) {
            char *c = &bytes[i - 1];

            if (memchr(bytes + begin, ':', end - begin) && *c > ' ' &&
                *c < 0x7f) {
                *c = strchr("0123456789abcdefABCDEF", *c) ? '5' : 'z';
            }
        }
        end = begin ? begin - 1 : 0;
    }
}

static void
check_file(const uint8_t *data, size_t size)
{
    char why[256] = "", again[256] = "";
    struct insp_tokens *tokens =
        insp_tokens_parse("F", data, size, why, sizeof why);

    if (tokens) {
        check_tokens(tokens);
        FUZZ_PROMISE(!why[0]);
    } else {
        char *bytes = malloc(size + 1);

        FUZZ_PROMISE(why[0]);
        if (bytes) {
            memcpy(bytes, data, size);
            hide_secrets(bytes, size);
            tokens = insp_tokens_parse("F", bytes, size, again, sizeof again);
            /* A line before it may fall now, for its secret is no longer
             * random. */
            FUZZ_PROMISE(!tokens);
            FUZZ_PROMISE(!strcmp(why, again) ||
                         strstr(again, ": the secret is not random"));
            free(bytes);
        }
    }
    insp_tokens_destroy(tokens);
}

static void
check_offers(const uint8_t *data, size_t size)
{
    static const char file[] = "s:2b7e151628aed2a6abf7158809cf4f3c\n"
                               "t:3c4fcf098815f7aba6d2ae2816157e2b\n";
    struct insp_tokens *tokens =
        insp_tokens_parse("F", file, strlen(file), (char[1]){ 0 }, 1);
    char offered[INSP_TOKEN_IDENTITY_SIZE];
    const struct insp_token *token;

    FUZZ_PROMISE(tokens);
    if (insp_tokens_match(tokens, data, size, &token, offered)) {
        FUZZ_PROMISE(memchr(offered, '\0', sizeof offered));
        FUZZ_PROMISE(!token || !strcmp(token->identity, offered));
        FUZZ_PROMISE(insp_tokens_match(NULL, data, size, &token, offered));
    }
    FUZZ_PROMISE(!insp_tokens_match(NULL, data, size, &token, offered) ||
                 !token);
    insp_tokens_destroy(tokens);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && !data[0]) {
        check_offers(data + 1, size - 1);
    } else {
        check_file(data, size);
    }
    return 0;
}
