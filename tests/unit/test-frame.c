/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Frames against the bytes that Documentation/uplink.md promises, written out
 * by hand, both ways; then every way that they can be wrong.
 *
 * Mutations that must make it fail: check_run() without its second condition;
 * take_text() without the look at control characters; take_end() that says
 * NULL to bytes left over. */

#include "export/frame.h"

#include "unit.h"

#define ROOM 1024

struct text {
    uint8_t bytes[ROOM];
    size_t size;
};

/* "01 00 ..." as bytes; 'x ends it: what stands in quotes is text. */
static struct text
hex(const char *from)
{
    struct text t = { .size = 0 };

    for (unsigned int b; *from && t.size < ROOM; from++) {
        if (*from == '\'') {
            for (from++; *from != '\''; from++) {
                t.bytes[t.size++] = (uint8_t) *from;
            }
        } else if (*from != ' ') {
            CU_ASSERT_EQUAL_FATAL(sscanf(from, "%2x", &b), 1);
            t.bytes[t.size++] = (uint8_t) b;
            from++;
        }
    }
    return t;
}

/* What 'put' holds must be 'wanted', and must be read as one frame from no
 * fewer bytes. */
static struct insp_uplink_frame
expect(const struct insp_put *put, const char *wanted)
{
    struct text t = hex(wanted);
    struct insp_uplink_frame f;
    size_t size;

    memset(&f, 0, sizeof f);
    CU_ASSERT_FALSE(put->full);
    UNIT_EQ(insp_put_size(put), t.size);
    CU_ASSERT(!memcmp(put->start, t.bytes, t.size));
    for (size_t n = 0; n < t.size; n++) {
        UNIT_EQ(insp_frame_extent(t.bytes, n, &size), INSP_FRAME_PART);
        CU_ASSERT_PTR_NOT_NULL(insp_frame_read(t.bytes, n, &f));
    }
    UNIT_EQ(insp_frame_extent(t.bytes, t.size, &size), INSP_FRAME_WHOLE);
    UNIT_EQ(size, t.size);
    UNIT_EQ(insp_frame_extent(t.bytes, t.size + 9, &size), INSP_FRAME_WHOLE);
    UNIT_EQ(size, t.size);
    CU_ASSERT_PTR_NULL(insp_frame_read(put->start, t.size, &f));
    return f;
}

static const char *
wrong(const char *bytes)
{
    struct text t = hex(bytes);
    struct insp_uplink_frame f;
    const char *why = insp_frame_read(t.bytes, t.size, &f);

    return why ? why : "";
}

static void
test_hello(void)
{
    static const char wanted[] = "01 00 0000 0000001b 0001 01 00 deadbeef"
                                 "0000000100000002 06 'host-1' 03 'soc'";
    struct insp_frame_hello h = { .version = 1,
                                  .format = INSP_FRAME_JSON,
                                  .incarnation = 0xdeadbeef,
                                  .next = 0x100000002,
                                  .sensor = "host-1",
                                  .uplink = "soc" };
    uint8_t room[ROOM];
    struct insp_put put = insp_put(room, sizeof room);
    struct insp_uplink_frame f;

    insp_frame_put_hello(&put, &h);
    f = expect(&put, wanted);
    UNIT_EQ(f.type, INSP_FRAME_HELLO);
    UNIT_EQ(f.hello.version, 1);
    UNIT_EQ(f.hello.format, INSP_FRAME_JSON);
    UNIT_EQ(f.hello.incarnation, 0xdeadbeef);
    UNIT_EQ(f.hello.next, 0x100000002);
    UNIT_STR_EQ(f.hello.sensor, "host-1");
    UNIT_STR_EQ(f.hello.uplink, "soc");

    /* The longest names. */
    memset(h.sensor, 's', sizeof h.sensor - 1);
    memset(h.uplink, 'u', sizeof h.uplink - 1);
    put = insp_put(room, sizeof room);
    insp_frame_put_hello(&put, &h);
    UNIT_EQ(insp_put_size(&put), 8 + 18 + 510);
    CU_ASSERT_PTR_NULL(insp_frame_read(room, insp_put_size(&put), &f));
    UNIT_STR_EQ(f.hello.sensor, h.sensor);
    UNIT_STR_EQ(f.hello.uplink, h.uplink);
}

static void
test_hello_is_wrong(void)
{
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000100000002 05 'host1' 02 'up'"),
                "");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0002 01 00 deadbeef"
                      "0000000100000002 05 'host1' 02 'up'"),
                "a HELLO of a version that is not ours (1)");
    UNIT_STR_EQ(
        wrong("01 00 0000 00000019 0001 02 00 deadbeef"
              "0000000100000002 05 'host1' 02 'up'"),
        "a HELLO with a format that is neither IPFIX (0) nor JSON (1)");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000000000000 05 'host1' 02 'up'"),
                "a HELLO with record number 0");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000100000002 05 'hos' 0a '1' 02 'up'"),
                "a HELLO whose sensor's name is no text");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000100000002 05 'host1' 02 ff00"),
                "a HELLO whose uplink's name is no text");
    UNIT_STR_EQ(wrong("01 00 0000 00000014 0001 01 00 deadbeef"
                      "0000000100000002 00 02 'up'"),
                "a HELLO whose sensor's name is no text");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000100000002 05 'host1' 03 'up'"),
                "a frame is shorter than what it holds");
    UNIT_STR_EQ(wrong("01 00 0000 00000019 0001 01 00 deadbeef"
                      "0000000100000002 05 'host1' 01 'up'"),
                "a frame is longer than what it holds");
    UNIT_STR_EQ(wrong("01 00 0000 00000000"),
                "a frame is shorter than what it holds");
}

static void
test_welcome(void)
{
    struct insp_frame_welcome w = { .version = 1, .credit = 0x00100000 };
    uint8_t room[ROOM];
    struct insp_put put = insp_put(room, sizeof room);
    struct insp_uplink_frame f;

    insp_frame_put_welcome(&put, &w);
    f = expect(&put, "02 00 0000 00000008 0001 0000 00100000");
    UNIT_EQ(f.welcome.version, 1);
    UNIT_EQ(f.welcome.credit, 0x00100000);
    UNIT_STR_EQ(wrong("02 00 0000 00000008 0009 0000 00100000"),
                "a WELCOME of a version that is not ours (1)");
    UNIT_STR_EQ(wrong("02 00 0000 00000004 0001 0000"),
                "a frame is shorter than what it holds");
}

static void
test_message(void)
{
    struct insp_frame_message m = { .run = { 7, 0x200000005, 2 },
                                    .floor = 0x200000001 };
    uint8_t room[ROOM];
    struct insp_put put = insp_put(room, sizeof room);
    struct insp_uplink_frame f;
    size_t begun = insp_frame_begin_message(&put);

    insp_put_text(&put, "{}\n{}\n");
    insp_frame_end_message(&put, begun, &m);
    f = expect(&put, "03 00 0000 0000001e 00000007 00000002"
                     "0000000200000005 0000000200000001"
                     "7b7d0a 7b7d0a");
    UNIT_EQ(f.message.run.incarnation, 7);
    UNIT_EQ(f.message.run.first, 0x200000005);
    UNIT_EQ(f.message.run.count, 2);
    UNIT_EQ(f.message.floor, 0x200000001);
    UNIT_EQ(f.message.size, 6);
    CU_ASSERT(!memcmp(f.message.bytes, "{}\n{}\n", 6));
}

/* The second of two in one buffer, and the largest that there is. */
static void
test_message_bounds(void)
{
    static uint8_t room[2 * INSP_FRAME_MAX];
    struct insp_frame_message m = { .run = { 1, 1, 1 }, .floor = 1 };
    struct insp_put put = insp_put(room, 100 + INSP_FRAME_MAX);
    struct insp_uplink_frame f;
    size_t begun, size;

    insp_put_reserve(&put, 100);
    begun = insp_frame_begin_message(&put);
    UNIT_EQ(begun, 100);
    CU_ASSERT_PTR_NOT_NULL(insp_put_reserve(&put, INSP_FRAME_RECORDS_MAX));
    insp_frame_end_message(&put, begun, &m);
    CU_ASSERT_FALSE(put.full);
    UNIT_EQ(insp_frame_extent(room + 100, INSP_FRAME_MAX, &size),
            INSP_FRAME_WHOLE);
    UNIT_EQ(size, INSP_FRAME_MAX);
    CU_ASSERT_PTR_NULL(insp_frame_read(room + 100, size, &f));
    UNIT_EQ(f.message.size, INSP_FRAME_RECORDS_MAX);

    /* One byte more is alien. */
    room[100 + 7]++;
    UNIT_EQ(insp_frame_extent(room + 100, INSP_FRAME_MAX + 1, &size),
            INSP_FRAME_ALIEN);

    /* No room: nothing is written, at no place. */
    put = insp_put(room, INSP_FRAME_MESSAGE_SIZE - 1);
    memset(room, 0xee, INSP_FRAME_MESSAGE_SIZE);
    begun = insp_frame_begin_message(&put);
    insp_frame_end_message(&put, begun, &m);
    CU_ASSERT_TRUE(put.full);
    UNIT_EQ(room[0], 0xee);
}

static void
test_message_is_wrong(void)
{
    /* No records: only context, whatever the numbers are. */
    UNIT_STR_EQ(wrong("03 00 0000 00000019 00000007 00000000"
                      "0000000000000000 0000000000000009 00"),
                "");
    UNIT_STR_EQ(wrong("03 00 0000 00000019 00000007 00000002"
                      "0000000000000001 0000000000000001 00"),
                "a message of more records than bytes");
    UNIT_STR_EQ(wrong("03 00 0000 00000019 00000007 00000001"
                      "0000000000000000 0000000000000000 00"),
                "a run of records without a beginning, or without any");
    UNIT_STR_EQ(wrong("03 00 0000 00000019 00000007 00000001"
                      "ffffffffffffffff 0000000000000000 00"),
                "a run of records beyond the last number");
    UNIT_STR_EQ(wrong("03 00 0000 00000019 00000007 00000001"
                      "0000000000000005 0000000000000006 00"),
                "a message below its own floor");
    UNIT_STR_EQ(wrong("03 00 0000 00000017 00000007 00000001"
                      "0000000000000005 00000000000000"),
                "a frame is shorter than what it holds");
}

static void
test_ack_and_lost(void)
{
    struct insp_frame_run run = { 0x01020304, 0x1122334455667788, 9 };
    uint8_t room[ROOM];
    struct insp_put put = insp_put(room, sizeof room);
    struct insp_uplink_frame f;

    insp_frame_put_ack(&put, &run);
    f = expect(&put, "04 00 0000 00000010 01020304 00000009"
                     "1122334455667788");
    UNIT_EQ(f.ack.incarnation, run.incarnation);
    UNIT_EQ(f.ack.first, run.first);
    UNIT_EQ(f.ack.count, run.count);

    run.count = 0x8000000000000000;
    put = insp_put(room, sizeof room);
    insp_frame_put_lost(&put, &run);
    f = expect(&put, "06 00 0000 00000018 01020304 00000000"
                     "1122334455667788 8000000000000000");
    UNIT_EQ(f.lost.incarnation, run.incarnation);
    UNIT_EQ(f.lost.first, run.first);
    CU_ASSERT(f.lost.count == run.count);

    UNIT_STR_EQ(wrong("04 00 0000 00000010 01020304 00000000"
                      "1122334455667788"),
                "a run of records without a beginning, or without any");
    UNIT_STR_EQ(wrong("06 00 0000 00000018 01020304 00000000"
                      "1122334455667788 ffffffffffffffff"),
                "a run of records beyond the last number");
    UNIT_STR_EQ(wrong("06 00 0000 00000010 01020304 00000000"
                      "1122334455667788"),
                "a frame is shorter than what it holds");
}

static void
test_close(void)
{
    uint8_t room[ROOM];
    struct insp_put put = insp_put(room, sizeof room);
    struct text t;
    struct insp_uplink_frame f;
    char line[2000];

    insp_frame_put_close(&put, "token revoked");
    f = expect(&put, "05 00 0000 0000000d 'token revoked'");
    UNIT_STR_EQ(f.why, "token revoked");

    /* A stranger's words: no second line, no escape, no half character. */
    t = hex("05 00 0000 0000000d 'a' 0a 1b 'b' c3 c3a4 00 7f e28093 80");
    CU_ASSERT_PTR_NULL(insp_frame_read(t.bytes, t.size, &f));
    UNIT_STR_EQ(f.why, "a??b?\xc3\xa4??\xe2\x80\x93?");

    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    put = insp_put(room, sizeof room);
    insp_frame_put_close(&put, line);
    CU_ASSERT_PTR_NULL(insp_frame_read(room, insp_put_size(&put), &f));
    UNIT_EQ(strlen(f.why), INSP_FRAME_WHY_SIZE - 1);

    t = hex("05 00 0000 00000000");
    CU_ASSERT_PTR_NULL(insp_frame_read(t.bytes, t.size, &f));
    UNIT_STR_EQ(f.why, "");
}

/* Whoever did not negotiate is told by its first bytes. */
static void
test_aliens(void)
{
    /* IPFIX, JSON, TLS, HTTP; a frame of a later version, and such as this
     * version does not have. */
    static const char *const streams[] = {
        "000a 0020 00000000",  "'{\"timestamp\":'",   "16 0301 0200 0100",
        "'GET / HTTP/1.1'",    "07 00 0000 00000000", "01 01 0000 00000000",
        "01 00 0001 00000000", "01 00 0000 00020001", "01 00 0000 ffffffff",
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(streams); i++) {
        struct text t = hex(streams[i]);
        struct insp_uplink_frame f;
        size_t size;

        UNIT_EQ(insp_frame_extent(t.bytes, t.size, &size), INSP_FRAME_ALIEN);
        UNIT_STR_EQ(insp_frame_read(t.bytes, t.size, &f), "no frame");
    }
}

static void
test_no_room(void)
{
    struct insp_frame_hello h = {
        .version = 1, .next = 1, .sensor = "s", .uplink = "u"
    };
    struct insp_frame_welcome w = { .version = 1 };
    struct insp_frame_run run = { 1, 1, 1 };
    uint8_t room[ROOM];

    for (size_t n = 0; n < 60; n++) {
        for (int what = 0; what < 5; what++) {
            struct insp_put put = insp_put(room, n);
            struct insp_uplink_frame f;

            switch (what) {
            case 0: insp_frame_put_hello(&put, &h); break;
            case 1: insp_frame_put_welcome(&put, &w); break;
            case 2: insp_frame_put_ack(&put, &run); break;
            case 3: insp_frame_put_lost(&put, &run); break;
            case 4: insp_frame_put_close(&put, "why"); break;
            }
            UNIT_EQ(put.full, !insp_put_size(&put));
            if (!put.full) {
                CU_ASSERT_PTR_NULL(
                    insp_frame_read(room, insp_put_size(&put), &f));
            }
        }
    }
}

UNIT_MAIN("frame", UNIT_TEST(test_hello), UNIT_TEST(test_hello_is_wrong),
          UNIT_TEST(test_welcome), UNIT_TEST(test_message),
          UNIT_TEST(test_message_bounds), UNIT_TEST(test_message_is_wrong),
          UNIT_TEST(test_ack_and_lost), UNIT_TEST(test_close),
          UNIT_TEST(test_aliens), UNIT_TEST(test_no_room))
