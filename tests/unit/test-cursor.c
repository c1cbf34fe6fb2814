/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: each cursor is read over a buffer of its exact size, so that
 * the address sanitizer sees a byte too far; "sticky failure" is tested for
 * every kind of read by asking it for one byte more than there is. */

#include "base/cursor.h"
#include "base/put.h"

#include <stdlib.h>

#include "unit.h"

static const uint8_t digits[16] = {
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
};

/* A copy of the first 'size' digits, alone in its allocation. */
static uint8_t *
exactly(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy) {
        abort();
    }
    memcpy(copy, digits, size);
    return copy;
}

static void
test_numbers(void)
{
    uint8_t *bytes = exactly(15);
    struct insp_cursor c = insp_cursor(bytes, 15);

    UNIT_EQ(insp_cursor_u8(&c), 0x01);
    UNIT_EQ(insp_cursor_be16(&c), 0x2345);
    UNIT_EQ(insp_cursor_be32(&c), 0x6789abcd);
    UNIT_EQ(insp_cursor_left(&c), 8);
    UNIT_EQ(insp_cursor_be64(&c), (long long) 0xeffedcba98765432);
    UNIT_EQ(insp_cursor_left(&c), 0);
    CU_ASSERT_FALSE(c.failed);
    UNIT_EQ(insp_be16(bytes + 1), 0x2345);
    UNIT_EQ(insp_be32(bytes + 7), 0xeffedcba);
    free(bytes);
}

static void
test_too_short(void)
{
    static const size_t sizes[] = { 1, 2, 4, 8 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(sizes); i++) {
        size_t size = sizes[i] - 1;
        uint8_t *bytes = exactly(size);
        struct insp_cursor c = insp_cursor(bytes, size);
        uint64_t value = i == 0   ? insp_cursor_u8(&c)
                         : i == 1 ? insp_cursor_be16(&c)
                         : i == 2 ? insp_cursor_be32(&c)
                                  : insp_cursor_be64(&c);

        UNIT_EQ(value, 0);
        CU_ASSERT_TRUE(c.failed);
        UNIT_EQ(insp_cursor_left(&c), 0); /* Loops end. */

        /* Stays failed, even for what would fit. */
        CU_ASSERT_PTR_NULL(insp_cursor_take(&c, 0));
        CU_ASSERT_FALSE(insp_cursor_skip(&c, size));
        free(bytes);
    }
}

static void
test_take_and_skip(void)
{
    uint8_t *bytes = exactly(8);
    struct insp_cursor c = insp_cursor(bytes, 8);

    CU_ASSERT_PTR_EQUAL(insp_cursor_take(&c, 3), bytes);
    CU_ASSERT_TRUE(insp_cursor_skip(&c, 2));
    CU_ASSERT_PTR_EQUAL(insp_cursor_take(&c, 3), bytes + 5);
    CU_ASSERT_PTR_EQUAL(insp_cursor_take(&c, 0), bytes + 8);
    CU_ASSERT_FALSE(c.failed);

    c = insp_cursor(bytes, 8);
    CU_ASSERT_PTR_NULL(insp_cursor_take(&c, SIZE_MAX));
    CU_ASSERT_TRUE(c.failed);
    free(bytes);
}

static void
test_nothing(void)
{
    struct insp_cursor c = insp_cursor(NULL, 0);

    UNIT_EQ(insp_cursor_left(&c), 0);
    UNIT_EQ(insp_cursor_u8(&c), 0);
    CU_ASSERT_TRUE(c.failed);
}

static void
test_sub(void)
{
    uint8_t *bytes = exactly(8);
    struct insp_cursor c = insp_cursor(bytes, 8);
    struct insp_cursor sub = insp_cursor_sub(&c, 3);

    UNIT_EQ(insp_cursor_left(&sub), 3);
    UNIT_EQ(insp_cursor_left(&c), 5);
    UNIT_EQ(insp_cursor_be32(&sub), 0);
    CU_ASSERT_TRUE(sub.failed);
    UNIT_EQ(insp_cursor_u8(&c), 0x67);
    CU_ASSERT_FALSE(c.failed);

    sub = insp_cursor_sub(&c, 5);
    CU_ASSERT_TRUE(sub.failed);
    CU_ASSERT_TRUE(c.failed);
    UNIT_EQ(insp_cursor_left(&sub), 0);
    free(bytes);
}

static void
test_limit(void)
{
    uint8_t *bytes = exactly(8);
    struct insp_cursor c = insp_cursor(bytes, 8);

    insp_cursor_limit(&c, 100);
    UNIT_EQ(insp_cursor_left(&c), 8);
    insp_cursor_u8(&c);
    insp_cursor_limit(&c, 2);
    UNIT_EQ(insp_cursor_be16(&c), 0x2345);
    UNIT_EQ(insp_cursor_u8(&c), 0);
    CU_ASSERT_TRUE(c.failed);
    free(bytes);
}

static void
test_copy(void)
{
    uint8_t *bytes = exactly(5);
    struct insp_cursor c = insp_cursor(bytes, 5);
    uint8_t to[4];

    insp_cursor_copy(&c, to, sizeof to);
    CU_ASSERT_FALSE(memcmp(to, digits, sizeof to));
    insp_cursor_copy(&c, to, sizeof to);
    CU_ASSERT_TRUE(c.failed);
    UNIT_EQ(to[0] | to[1] | to[2] | to[3], 0);
    free(bytes);
}

/* The cursor reads what the put wrote. */
static void
test_put(void)
{
    uint8_t buffer[15];
    struct insp_put p = insp_put(buffer, sizeof buffer);
    struct insp_cursor c = insp_cursor(buffer, sizeof buffer);

    insp_put_u8(&p, 0x01);
    insp_put_be16(&p, 0x2345);
    insp_put_be32(&p, 0x6789abcd);
    UNIT_EQ(insp_put_left(&p), 8);
    insp_put_be64(&p, 0xeffedcba98765432);
    UNIT_EQ(insp_put_size(&p), 15);
    CU_ASSERT_FALSE(p.full);
    CU_ASSERT_FALSE(memcmp(insp_cursor_take(&c, 15), digits, 15));

    /* Full: writes nothing, and nothing after. */
    insp_put_u8(&p, 0xff);
    CU_ASSERT_TRUE(p.full);
    UNIT_EQ(insp_put_size(&p), 15);
    insp_put_bytes(&p, NULL, 0);
    CU_ASSERT_TRUE(p.full);

    p = insp_put(buffer, 3);
    insp_put_be32(&p, 1);
    CU_ASSERT_TRUE(p.full);
    UNIT_EQ(insp_put_size(&p), 0);
    UNIT_EQ(buffer[0], 0x01);
    insp_put_text(&p, "a");
    UNIT_EQ(insp_put_size(&p), 0);
}

UNIT_MAIN("cursor", UNIT_TEST(test_numbers), UNIT_TEST(test_too_short),
          UNIT_TEST(test_take_and_skip), UNIT_TEST(test_nothing),
          UNIT_TEST(test_sub), UNIT_TEST(test_limit), UNIT_TEST(test_copy),
          UNIT_TEST(test_put))
