/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: token files as operators write them, good and bad, each with
 * the sentence that says what is wrong; and that no secret is ever in one. */

#include "unit.h"

#include "export/token.h"

#define SECRET_1                                                              \
    "2b7e151628aed2a6abf7158809cf4f3c00112233445566778899aabbccddeeff"
#define SECRET_2                                                              \
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b0123456789abcdef"

static void
test_token_files(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "sensor-1", "token file F, line 1: it is not IDENTITY:SECRET" },
        { "\n# x\nsensor-1:", "token file F, line 3: the secret is shorter "
                              "than 128 bits (32 hexadecimal digits)" },
        { "a:2b7e151628aed2a6abf7158809cf4f",
          "token file F, line 1: the secret is shorter than 128 bits (32 "
          "hexadecimal digits)" },
        { "a:2b7e151628aed2a6abf7158809cf4f3c0",
          "token file F, line 1: the secret has an odd number of hexadecimal "
          "digits" },
        { "a:" SECRET_1 SECRET_2 "00",
          "token file F, line 1: the secret is longer than 512 bits (128 "
          "hexadecimal digits)" },
        { "a:correct horse battery staple and more of that",
          "token file F, line 1: the secret is not made of hexadecimal "
          "digits" },
        { "a:00000000000000000000000000000000",
          "token file F, line 1: the secret is not random" },
        { "a:12341234123412341234123412341234",
          "token file F, line 1: the secret is not random" },
        { "a:0102030405060102030405060102030405060102",
          "token file F, line 1: the secret is not random" },
        { ":" SECRET_1,
          "token file F, line 1: there is no identity before the ':'" },
        { "a\tb:" SECRET_1, "token file F, line 1: the identity has "
                            "characters other than printable ASCII" },
        { "a:" SECRET_1 "\nb:" SECRET_1 "\na:" SECRET_2,
          "token file F: identity 'a' is there twice; a new generation of it "
          "would be 'a#2'" },
    };
    char why[512], line[INSP_TOKEN_LINE_SIZE], text[256];
    struct insp_tokens *tokens;
    const struct insp_token *t;

    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        CU_ASSERT_PTR_NULL(insp_tokens_parse(
            "F", cases[i].text, strlen(cases[i].text), why, sizeof why));
        UNIT_STR_EQ(why, cases[i].why);
    }
    snprintf(text, sizeof text, "#c\r\n b:c :%s \n\na#1: %s\t\r\na:%s%s",
             "00112233445566778899AABBCCDDEEFF", SECRET_1, SECRET_1, SECRET_2);
    tokens = insp_tokens_parse("F", text, strlen(text), why, sizeof why);
    CU_ASSERT_FATAL(tokens != NULL);
    UNIT_EQ(insp_tokens_count(tokens), 3);
    UNIT_STR_EQ(insp_tokens_get(tokens, 0)->identity, "a");
    UNIT_EQ(insp_tokens_get(tokens, 0)->size, 64);
    UNIT_STR_EQ(insp_tokens_get(tokens, 1)->identity, "a#1");
    t = insp_tokens_find(tokens, "b:c", 3);
    CU_ASSERT_FATAL(t != NULL);
    UNIT_EQ(t->size, 16);
    UNIT_EQ(t->secret[1], 0x11);
    UNIT_EQ(t->secret[15], 0xff);
    CU_ASSERT_PTR_NULL(insp_tokens_find(tokens, "b:", 2));
    CU_ASSERT_PTR_NULL(insp_tokens_find(tokens, "b:c\0", 4));
    CU_ASSERT_PTR_NULL(insp_tokens_find(tokens, "", 0));
    insp_tokens_destroy(tokens);

    CU_ASSERT_FATAL(insp_token_make("sensor 1", line, why, sizeof why));
    UNIT_EQ(strlen(line), 8 + 1 + 64);
    tokens = insp_tokens_parse("F", line, strlen(line), why, sizeof why);
    CU_ASSERT_FATAL(tokens != NULL);
    UNIT_EQ(insp_tokens_get(tokens, 0)->size, 32);
    insp_tokens_destroy(tokens);
    memset(text, 'i', 128);
    text[128] = '\0';
    CU_ASSERT(!insp_token_make(text, line, why, sizeof why));
    UNIT_STR_EQ(why, "the identity is longer than 127 characters");
    text[127] = '\0';
    CU_ASSERT(insp_token_make(text, line, why, sizeof why));
    UNIT_EQ(strlen(line), INSP_TOKEN_LINE_SIZE - 1);
}

UNIT_MAIN("token", UNIT_TEST(test_token_files))
