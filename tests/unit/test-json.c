/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/json.c and json-check.c: lines with EVE's names, valid JSON
 * whatever the bytes. */

#include "unit.h"

#include "base/utf8.h"
#include "export/json-check.h"
#include "export/json.h"
#include "records.h"

static const struct insp_port *const no_ports[2] = { NULL, NULL };

static const char *
line_of(const struct insp_record *r, const struct insp_port *const ports[2])
{
    static char line[INSP_JSON_LINE_MAX + 1];
    struct insp_put put = insp_put(line, sizeof line - 1);

    CU_ASSERT(insp_json_put(&put, "sensor-1", r, ports));
    *put.at = '\0';
    return line;
}

static void
ordinary_ports(struct insp_port ports[2])
{
    memset(ports, 0, 2 * sizeof *ports);
    ports[0].id = 1;
    ports[0].mac[0] = 0x52;
    ports[0].mac[5] = 0x0a;
    strcpy(ports[0].name, "tap1");
    strcpy(ports[0].bridge, "br-int");
    strcpy(ports[0].iface_id, "if-1");
    strcpy(ports[0].vm_id, "vm-1");
    strcpy(ports[0].extra, "project=blue\nrole=web\n");
    ports[1].id = 2;
    ports[1].vlan = 12;
    ports[1].role = INSP_PORT_OTHER;
    strcpy(ports[1].name, "tap2");
}

/* The whole line, letter by letter: what a reader of EVE finds where.
 * Mutation: swap the two sides of pkts_* in record.def. */
static void
test_connection(void)
{
    struct insp_record r;
    struct insp_port ports[2];
    const struct insp_port *const both[2] = { &ports[0], &ports[1] };

    static const char expected[] =
        "{\"timestamp\":\"2025-11-22T23:59:59.123456+0000\","
        "\"flow_id\":4711,\"event_type\":\"flow\","
        "\"src_ip\":\"10.0.0.1\",\"src_port\":40000,"
        "\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"proto\":\"TCP\","
        "\"community_id\":\"1:3k1SoWXs/FltHw2aBCgUTgbDQF4=\","
        "\"flow\":{\"pkts_toserver\":5,\"pkts_toclient\":4,"
        "\"bytes_toserver\":500,\"bytes_toclient\":4000,"
        "\"start\":\"2025-11-22T23:59:50.000001+0000\","
        "\"end\":\"2025-11-22T23:59:58.999999+0000\",\"age\":8,"
        "\"state\":\"closed\",\"reason\":\"timeout\",\"interim\":false},"
        "\"tcp\":{\"tcp_flags\":\"1b\",\"tcp_flags_ts\":\"1b\","
        "\"tcp_flags_tc\":\"13\",\"fin\":true,\"syn\":true,\"psh\":true,"
        "\"ack\":true},"
        "\"src_vm\":{\"id\":\"vm-1\",\"iface\":\"if-1\",\"port\":\"tap1\","
        "\"bridge\":\"br-int\",\"mac\":\"52:00:00:00:00:0a\",\"role\":\"vm\","
        "\"keys\":{\"project\":\"blue\",\"role\":\"web\"}},"
        "\"dest_vm\":{\"port\":\"tap2\",\"vlan\":12,\"role\":\"other\"},"
        "\"inspect\":{\"sensor\":\"sensor-1\",\"inspector\":1,"
        "\"verdict\":\"allow\",\"zone\":\"pair:1-2\",\"connections\":0,"
        "\"policy\":7,"
        "\"path\":\"intra-host\",\"end\":\"closed\","
        "\"retransmits_toserver\":0,\"retransmits_toclient\":0,"
        "\"rtt_us\":{\"client\":120,\"server\":340}}}\n";
    const char *line;

    some_ordinary(&r, 4711);
    ordinary_ports(ports);
    line = line_of(&r, both);
    if (strcmp(line, expected)) {
        CU_FAIL("another line");
        printf("# %s# %s", line, expected);
    }
}

static void
test_protocols(void)
{
    struct insp_record r;
    const char *line;

    some_ordinary(&r, 1);
    r.conn.proto = INSP_PROTO_ICMP;
    r.conn.icmp_type = 8;
    r.conn.zone.vlan = 100;
    r.conn.state = INSP_CONN_NAT_SPLIT;
    r.conn.end_reason = INSP_END_NONE;
    line = line_of(&r, no_ports);
    CU_ASSERT(strstr(line, "\"proto\":\"ICMP\",") != NULL);
    CU_ASSERT(strstr(line, "\"icmp_type\":8,\"icmp_code\":0") != NULL);
    CU_ASSERT(strstr(line, "app_proto") == NULL);
    CU_ASSERT(strstr(line, "\"vlan\":[100]") != NULL);
    CU_ASSERT(strstr(line, "\"state\":\"new\",\"reason\":\"active\","
                           "\"interim\":true") != NULL);
    CU_ASSERT(strstr(line, "\"nat_split\":true") != NULL);
    CU_ASSERT(strstr(line, "src_port") == NULL);
    CU_ASSERT(strstr(line, "\"tcp\"") == NULL);
    CU_ASSERT(strstr(line, "src_vm") == NULL);

    r.conn.proto = 47;
    CU_ASSERT(strstr(line_of(&r, no_ports), "\"proto\":\"47\"") != NULL);
    r.conn.proto = INSP_PROTO_ICMPV6;
    CU_ASSERT(strstr(line_of(&r, no_ports), "\"proto\":\"IPv6-ICMP\"") !=
              NULL);
}

static void
test_addresses(void)
{
    static const struct {
        uint8_t addr[16];
        const char *text;
    } cases[] = {
        { { 0 }, "\"::\"" },
        { { [15] = 1 }, "\"::1\"" },
        { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, "\"2001:db8::1\"" },
        { { 0xfe, 0x80, [8] = 2, [11] = 0xff, 0xfe, [15] = 9 },
          "\"fe80::200:ff:fe00:9\"" },
        /* RFC 5952, 4.2.2 and 4.2.3: one zero group is not shortened, and
         * the first of two equal runs is. */
        { { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 },
          "\"2001:db8:0:1:1:1:1:1\"" },
        { { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 },
          "\"2001:db8::1:0:0:1\"" },
        { { 0x20, 1, [9] = 1 }, "\"2001::1:0:0:0\"" },
        { { 0, 1 }, "\"1::\"" },
    };
    struct insp_record r;

    some_ordinary(&r, 1);
    r.conn.ip_version = 6;
    for (size_t i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        char expected[80];

        memcpy(r.conn.addr[0], cases[i].addr, 16);
        snprintf(expected, sizeof expected, "\"src_ip\":%s,", cases[i].text);
        if (!strstr(line_of(&r, no_ports), expected)) {
            CU_FAIL("not the text of RFC 5952");
            printf("# %s in %s", expected, line_of(&r, no_ports));
        }
    }
}

static void
test_times(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000+0000" },
        { UINT64_C(951782399999999999), "2000-02-28T23:59:59.999999+0000" },
        { UINT64_C(951782400000000000), "2000-02-29T00:00:00.000000+0000" },
        { UINT64_C(951868800000000999), "2000-03-01T00:00:00.000000+0000" },
        { UINT64_C(1735689599000000000), "2024-12-31T23:59:59.000000+0000" },
        { UINT64_C(4102444800000000000), "2100-01-01T00:00:00.000000+0000" },
        { UINT64_C(4107542400000000000), "2100-03-01T00:00:00.000000+0000" },
    };
    struct insp_record r;

    some_ordinary(&r, 1);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        r.time_ns = cases[i].ns;
        CU_ASSERT(strstr(line_of(&r, no_ports), cases[i].text) != NULL);
    }
}

/* Mutation: write bytes below 0x20 as they are. */
static void
test_hostile_names(void)
{
    struct insp_record r;
    struct insp_port ports[2];
    const struct insp_port *const both[2] = { &ports[0], &ports[1] };
    struct insp_json_line facts;
    const char *line;

    some_ordinary(&r, 1);
    ordinary_ports(ports);
    strcpy(ports[0].name, "a\"b\\c\n\x01\xff\xc3\xa9\x7f");
    strcpy(ports[0].extra, "k\"=v\n\nno-equals\n=empty\nlast=\xed\xa0\x80");
    line = line_of(&r, both);
    CU_ASSERT(strstr(line, "\"port\":\"a\\\"b\\\\c\\u000a\\u0001\xef\xbf\xbd"
                           "\xc3\xa9\x7f\"") != NULL);
    CU_ASSERT(strstr(line,
                     "\"keys\":{\"k\\\"\":\"v\",\"\":\"empty\","
                     "\"last\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}") !=
              NULL);
    CU_ASSERT(!insp_json_check(line, strlen(line) - 1, &facts));
    UNIT_STR_EQ(facts.sensor, "sensor-1");
}

/* Any record, any identity: one valid object on one line, shorter than the
 * limit. */
static void
test_random(void)
{
    uint64_t state = 1;

    for (unsigned int i = 0; i < 20000; i++) {
        struct insp_json_line facts;
        struct insp_record r;
        struct insp_port ports[2];
        const struct insp_port *const both[2] = { &ports[0], &ports[1] };
        const char *line, *wrong;
        size_t size;

        some_record(&state, &r);
        some_port(&state, &ports[0], 1);
        some_port(&state, &ports[1], 2);
        line = line_of(&r, both);
        insp_record_uninit(&r);
        size = strlen(line);
        wrong = insp_json_check(line, size - 1, &facts);
        if (wrong || memchr(line, '\n', size) != line + size - 1) {
            CU_FAIL("not a line of JSON");
            printf("# %s: %s", wrong ? wrong : "newline", line);
            break;
        }
    }
}

/* The longest line there can be. */
static void
test_longest(void)
{
    struct insp_record r;
    struct insp_port ports[2];
    const struct insp_port *const both[2] = { &ports[0], &ports[1] };
    char sensor[INSP_NAME_SIZE], line[INSP_JSON_LINE_MAX];
    struct insp_put put = insp_put(line, sizeof line);

    memset(&r, 0xff, sizeof r);
    memset(ports, 1, sizeof ports);
    memset(sensor, 1, sizeof sensor - 1);
    sensor[sizeof sensor - 1] = '\0';
    r.type = INSP_RECORD_CONNECTION;
    r.conn.intra_host = true;
    r.conn.proto = 6;
    for (unsigned int i = 0; i < 2; i++) {
        ports[i].role = INSP_PORT_VM;
        ports[i].name[INSP_NAME_SIZE - 1] = '\0';
        ports[i].bridge[INSP_NAME_SIZE - 1] = '\0';
        ports[i].iface_id[INSP_NAME_SIZE - 1] = '\0';
        ports[i].vm_id[INSP_NAME_SIZE - 1] = '\0';
        ports[i].extra[0] = '=';
        ports[i].extra[INSP_EXTRA_SIZE - 1] = '\0';
    }
    CU_ASSERT(insp_json_put(&put, sensor, &r, both));
}

/* No room: nothing is written, for every size that is too small. */
static void
test_no_room(void)
{
    struct insp_record r;
    char line[2048];
    size_t whole;

    some_ordinary(&r, 1);
    whole = strlen(line_of(&r, no_ports));
    for (size_t size = 0; size < whole; size++) {
        struct insp_put put = insp_put(line, size);

        CU_ASSERT(!insp_json_put(&put, "sensor-1", &r, no_ports));
        UNIT_EQ(insp_put_size(&put), 0);
    }
}

/* Mutation: accept a number with a leading zero. */
static void
test_check(void)
{
    static const char *const good[] = {
        "{}",
        " { } ",
        "{\"a\":1}",
        "{\"a\":[1,2,{\"b\":null}]}",
        "{\"a\":-0.5e+10,\"b\":true,\"c\":false}",
        "{\"a\":\"\\u00e9\\n\"}",
        "{\"a\":\"\\ud83d\\ude00\"}",
        "{\"\":\"\xc3\xa9\"}",
    };
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{\"a\":\"\x01\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\ud83d\"}",
        "{\"a\":\"\\ude00\"}",
        "{\"a\":\"}",
        "{} {}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":'b'}",
        "{\"inspect\":{\"sensor\":\"a\"},\"inspect\":{}}",
        "{\"inspect\":{\"sensor\":\"a\",\"sensor\":\"b\"}}",
        "{\"inspect\":{\"sensor\":\"a\",\"s\\u0065nsor\":\"b\"}}",
        "{\"inspect\":{\"sensor\":1}}",
        "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}",
    };
    struct insp_json_line line;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(good); i++) {
        const char *wrong = insp_json_check(good[i], strlen(good[i]), &line);

        if (wrong) {
            CU_FAIL("valid, but refused");
            printf("# %s: %s\n", good[i], wrong);
        }
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(bad); i++) {
        if (!insp_json_check(bad[i], strlen(bad[i]), &line)) {
            CU_FAIL("invalid, but accepted");
            printf("# %s\n", bad[i]);
        }
    }
    CU_ASSERT(!insp_json_check("{\"inspect\":{\"sensor\":\"\\u0068 1\"}}", 33,
                               &line));
    UNIT_STR_EQ(line.sensor, "h 1");
    CU_ASSERT(!insp_json_check("{\"x\":{\"inspect\":{\"sensor\":\"h\"}}}", 32,
                               &line));
    UNIT_STR_EQ(line.sensor, "");
    CU_ASSERT(insp_json_check("{\"a\":1}\0{}", 10, &line) != NULL);
}

/* Eight at a time as one by one, wherever the byte stands that is not plain.
 * Mutation: insp_plain_size() without the comparison with 0x20. */
static void
test_plain_size(void)
{
    uint8_t text[40];

    for (unsigned int size = 0; size <= sizeof text; size++) {
        for (unsigned int at = 0; at < size; at++) {
            for (unsigned int c = 0; c < 256; c++) {
                bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

                memset(text, at % 2 ? '!' : 0x7f, sizeof text);
                text[at] = (uint8_t) c;
                UNIT_EQ(insp_plain_size(text, text + size), plain ? size : at);
            }
        }
    }
}

static void
test_utf8(void)
{
    char text[8];

    insp_utf8_clean(text, sizeof text, "ab\xffz");
    UNIT_STR_EQ(text, "ab\xef\xbf\xbdz");
    insp_utf8_clean(text, sizeof text, "abcdef\xc3\xa9");
    UNIT_STR_EQ(text, "abcdef");
    insp_utf8_clean(text, sizeof text, "\xc3");
    UNIT_STR_EQ(text, "\xef\xbf\xbd");
    insp_utf8_clean(text, sizeof text, "");
    UNIT_STR_EQ(text, "");
}

UNIT_MAIN("json", UNIT_TEST(test_connection), UNIT_TEST(test_protocols),
          UNIT_TEST(test_addresses), UNIT_TEST(test_times),
          UNIT_TEST(test_hostile_names), UNIT_TEST(test_random),
          UNIT_TEST(test_longest), UNIT_TEST(test_no_room),
          UNIT_TEST(test_check), UNIT_TEST(test_plain_size),
          UNIT_TEST(test_utf8))
