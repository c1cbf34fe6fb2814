/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: frames are built header by header (frames.h), parsed from an
 * allocation of their exact size, so that the address sanitizer sees a byte
 * too far, and compared field by field.  Every fact that the parser can tell
 * must have been told at least once when the last test runs. */

#include "packet/packet.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>

#include "frames.h"
#include "pcap.h"
#include "unit.h"

static unsigned int n_told[INSP_N_PACKET_FACTS];

/* What a test looks at: borrowed addresses copied, to be valid later. */
struct parsed {
    enum insp_packet_fact fact;
    struct insp_packet p;
    uint8_t src[16];
    uint8_t dst[16];
};

static struct parsed
parse_bytes(const uint8_t *bytes, size_t size, size_t wire_size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct parsed r = { .fact = INSP_PACKET_OK };

    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, size);
    memset(&r.p, 0xa5, sizeof r.p);
    r.fact = insp_packet_parse(&r.p, copy, size, wire_size);
    if (r.p.src) {
        size_t n = r.p.ip_version == 4 ? 4 : 16;

        memcpy(r.src, r.p.src, n);
        memcpy(r.dst, r.p.dst, n);
    }
    n_told[r.fact]++;
    free(copy);
    return r;
}

static struct parsed
parse(const struct frame *f)
{
    if (f->put.full) {
        abort();
    }
    return parse_bytes(f->bytes, frame_size(f), frame_size(f));
}

#define CHECK_FACT(PARSED, FACT)                                              \
    UNIT_STR_EQ(insp_packet_fact_word((PARSED).fact),                         \
                insp_packet_fact_word(INSP_PACKET_##FACT))

/* An Ethernet header and an IPv4 header, for what comes next. */
static void
begin_ip4(struct frame *f, uint8_t proto, size_t size)
{
    frame_begin(f);
    frame_eth(f, 0x0800);
    frame_ip4(f, proto, size);
}

static void
begin_ip6(struct frame *f, uint8_t next, size_t size)
{
    frame_begin(f);
    frame_eth(f, 0x86dd);
    frame_ip6(f, next, size);
}

static void
test_tcp(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 6, 20 + 5);
    frame_tcp(&f, 1000, 80, INSP_TCP_PSH | INSP_TCP_ACK);
    frame_bytes(&f, "hello", 5);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.ethertype, 0x0800);
    UNIT_EQ(r.p.n_vlans, 0);
    UNIT_EQ(r.p.ip_version, 4);
    UNIT_EQ(r.p.proto, INSP_PROTO_TCP);
    UNIT_EQ(r.p.ttl, 64);
    CU_ASSERT_FALSE(memcmp(r.src, "\12\0\0\1", 4));
    CU_ASSERT_FALSE(memcmp(r.dst, "\12\0\0\2", 4));
    CU_ASSERT_FALSE(r.p.is_fragment);
    CU_ASSERT_FALSE(r.p.group);
    UNIT_EQ(r.p.frag_id, 0);
    UNIT_EQ(r.p.l3_ofs, 14);
    UNIT_EQ(r.p.l4_ofs, 34);
    UNIT_EQ(r.p.payload_ofs, 54);
    UNIT_EQ(r.p.payload_size, 5);
    UNIT_EQ(r.p.src_port, 1000);
    UNIT_EQ(r.p.dst_port, 80);
    UNIT_EQ(r.p.tcp_seq, 0x01020304);
    UNIT_EQ(r.p.tcp_ack, 0x05060708);
    UNIT_EQ(r.p.tcp_window, 0x7210);
    UNIT_EQ(r.p.tcp_flags, 0x18);
    UNIT_EQ(r.p.icmp_type, 0);
    UNIT_EQ(r.p.icmp_id, 0);
}

static void
test_tcp_options(void)
{
    struct frame f;
    struct parsed r;

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 6, 60 + 3, 40, 0);
    frame_tcp_full(&f, 1, 2, INSP_TCP_SYN, 40);
    frame_bytes(&f, "abc", 3);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.l4_ofs, 14 + 60);
    UNIT_EQ(r.p.payload_ofs, 14 + 60 + 60);
    UNIT_EQ(r.p.payload_size, 3);
    UNIT_EQ(r.p.src_port, 1);
    UNIT_EQ(r.p.dst_port, 2);
}

static void
test_tcp_malformed(void)
{
    struct frame f;
    struct parsed r;

    /* A header of 16 bytes cannot be. */
    begin_ip4(&f, 6, 20);
    frame_tcp(&f, 1, 2, 0);
    f.bytes[34 + 12] = 4 << 4;
    r = parse(&f);
    CHECK_FACT(r, L4_MALFORMED);
    UNIT_EQ(r.p.dst_port, 2);
    UNIT_EQ(r.p.payload_ofs, 0);

    /* Options that are longer than the datagram, padding or not. */
    begin_ip4(&f, 6, 20 + 4);
    frame_tcp(&f, 1, 2, 0);
    frame_fill(&f, 40);
    f.bytes[34 + 12] = 7 << 4;
    CHECK_FACT(parse(&f), L4_MALFORMED);
    f.bytes[34 + 12] = 6 << 4;
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 0);

    /* The same in a first fragment: they may be in the next one. */
    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 6, 24, 0, 0x2000);
    frame_tcp(&f, 1, 2, 0);
    frame_fill(&f, 4);
    f.bytes[34 + 12] = 7 << 4;
    CHECK_FACT(parse(&f), L4_TRUNCATED);

    /* A datagram that is too short for a header, with padding behind it. */
    begin_ip4(&f, 6, 19);
    frame_tcp(&f, 1, 2, 0);
    CHECK_FACT(parse(&f), L4_TRUNCATED);
}

static void
test_udp(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 17, 8 + 4);
    frame_udp(&f, 53, 5353, 8 + 4);
    frame_fill(&f, 4);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.src_port, 53);
    UNIT_EQ(r.p.dst_port, 5353);
    UNIT_EQ(r.p.payload_ofs, 42);
    UNIT_EQ(r.p.payload_size, 4);
    UNIT_EQ(r.p.tcp_flags, 0);

    /* Shorter than its datagram is legal, longer or under 8 is not. */
    f.bytes[34 + 5] = 10;
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 2);
    f.bytes[34 + 5] = 13;
    CHECK_FACT(parse(&f), L4_MALFORMED);
    f.bytes[34 + 5] = 7;
    CHECK_FACT(parse(&f), L4_MALFORMED);
    f.bytes[34 + 5] = 0;
    CHECK_FACT(parse(&f), L4_MALFORMED);
    f.bytes[34 + 5] = 8;
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 0);

    /* The length of a first fragment is that of the whole. */
    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 17, 16, 0, 0x2000);
    frame_udp(&f, 1, 2, 3000);
    frame_fill(&f, 8);
    r = parse(&f);
    CHECK_FACT(r, OK);
    CU_ASSERT_TRUE(r.p.is_fragment);
    UNIT_EQ(r.p.payload_size, 8);
    f.bytes[34 + 4] = 0;
    f.bytes[34 + 5] = 7;
    CHECK_FACT(parse(&f), L4_MALFORMED);
}

static void
test_sctp(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 132, 12 + 16);
    frame_sctp(&f, 2905, 2906);
    frame_fill(&f, 16);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.src_port, 2905);
    UNIT_EQ(r.p.dst_port, 2906);
    UNIT_EQ(r.p.payload_size, 16);

    begin_ip4(&f, 132, 11);
    frame_sctp(&f, 2905, 2906);
    CHECK_FACT(parse(&f), L4_TRUNCATED);
}

static void
test_icmp(void)
{
    static const struct {
        uint8_t proto, type;
        bool has_id;
    } types[] = {
        { 1, 0, true },     { 1, 8, true },     { 1, 13, true },
        { 1, 14, true },    { 1, 15, true },    { 1, 16, true },
        { 1, 17, true },    { 1, 18, true },    { 1, 42, true },
        { 1, 43, true },    { 1, 3, false },    { 1, 5, false },
        { 1, 11, false },   { 1, 12, false },   { 1, 128, false },
        { 58, 128, true },  { 58, 129, true },  { 58, 160, true },
        { 58, 161, true },  { 58, 8, false },   { 58, 1, false },
        { 58, 135, false }, { 58, 143, false },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(types); i++) {
        struct frame f;
        struct parsed r;

        if (types[i].proto == 1) {
            begin_ip4(&f, 1, 8 + 2);
        } else {
            begin_ip6(&f, 58, 8 + 2);
        }
        frame_icmp(&f, types[i].type, 3, 0xabcd);
        frame_fill(&f, 2);
        r = parse(&f);
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.icmp_type, types[i].type);
        UNIT_EQ(r.p.icmp_code, 3);
        UNIT_EQ(r.p.icmp_id, types[i].has_id ? 0xabcd : 0);
        UNIT_EQ(r.p.payload_size, 2);
        UNIT_EQ(r.p.src_port, 0);
    }
}

/* No ports, all payload; ESP and "no next header" among them. */
static void
test_other_protocols(void)
{
    static const uint8_t protos[] = { 2, 47, 50, 59, 89, 103, 112, 135, 255 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(protos); i++) {
        struct frame f;
        struct parsed r;

        begin_ip4(&f, protos[i], 7);
        frame_fill(&f, 7);
        r = parse(&f);
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.proto, protos[i]);
        UNIT_EQ(r.p.payload_ofs, 34);
        UNIT_EQ(r.p.payload_size, 7);

        begin_ip6(&f, protos[i], 0);
        r = parse(&f);
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.proto, protos[i]);
        UNIT_EQ(r.p.l4_ofs, 54);
        UNIT_EQ(r.p.payload_ofs, 54);
        UNIT_EQ(r.p.payload_size, 0);
    }
}

static void
test_vlan(void)
{
    static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(tpids); i++) {
        struct frame f;
        struct parsed r;

        frame_begin(&f);
        frame_eth(&f, tpids[i]);
        frame_vlan(&f, 0xe000 | 100, 0x0800);
        frame_ip4(&f, 17, 8);
        frame_udp(&f, 1, 2, 8);
        r = parse(&f);
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.n_vlans, 1);
        UNIT_EQ(r.p.vlan[0], 100);
        UNIT_EQ(r.p.vlan[1], 0);
        UNIT_EQ(r.p.l3_ofs, 18);
        UNIT_EQ(r.p.ethertype, 0x0800);

        frame_begin(&f);
        frame_eth(&f, tpids[i]);
        frame_vlan(&f, 0xfff, 0x8100);
        frame_vlan(&f, 0x1001, 0x86dd);
        frame_ip6(&f, 17, 8);
        frame_udp(&f, 1, 2, 8);
        r = parse(&f);
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.n_vlans, 2);
        UNIT_EQ(r.p.vlan[0], 0xfff);
        UNIT_EQ(r.p.vlan[1], 1);
        UNIT_EQ(r.p.l3_ofs, 22);
        UNIT_EQ(r.p.l4_ofs, 62);
        UNIT_EQ(r.p.dst_port, 2);
    }
}

static void
test_vlan_depth(void)
{
    struct frame f;
    struct parsed r;

    frame_begin(&f);
    frame_eth(&f, 0x88a8);
    frame_vlan(&f, 1, 0x8100);
    frame_vlan(&f, 2, 0x8100);
    frame_vlan(&f, 3, 0x0800);
    r = parse(&f);
    CHECK_FACT(r, VLAN_DEPTH);
    UNIT_EQ(r.p.n_vlans, 2);
    UNIT_EQ(r.p.l3_ofs, 0);
}

/* Tags of no VLAN (priority tags) are none: receivers take off any number of
 * them, so an IP packet behind three is one.  Mutation: count them. */
static void
test_priority_tags(void)
{
    for (int n = 1; n <= 9; n++) {
        struct frame f;
        struct parsed r;

        frame_begin(&f);
        frame_eth(&f, 0x8100);
        for (int i = 0; i < n - 1; i++) {
            frame_vlan(&f, i == 2 ? 7 : 0xe000, 0x8100);
        }
        frame_vlan(&f, 0, 0x0800);
        frame_ip4(&f, 17, 8);
        frame_udp(&f, 1000, 53, 8);
        r = parse(&f);
        if (n == 9) {
            CHECK_FACT(r, VLAN_DEPTH);
            UNIT_EQ(r.p.l3_ofs, 0);
            CU_ASSERT_TRUE(r.p.is_hidden);
            continue;
        }
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.n_vlans, n > 3);
        UNIT_EQ(r.p.vlan[0], n > 3 ? 7 : 0);
        UNIT_EQ(r.p.dst_port, 53);
        UNIT_EQ(r.p.l3_ofs, 14 + 4 * n);
        CU_ASSERT_FALSE(r.p.is_hidden);
    }
}

/* IP behind LLC and SNAP (RFC 1042) is IP to some receivers, and to Open
 * vSwitch.  Mutation: do not look behind LLC. */
static void
test_snap(void)
{
    static const uint8_t snap[] = { 0xaa, 0xaa, 3, 0, 0, 0 };

    for (int i = 0; i < 4; i++) {
        struct frame f;
        struct parsed r;

        frame_begin(&f);
        frame_eth(&f, i == 1 ? 0x8100 : 36);
        if (i == 1) {
            frame_vlan(&f, 5, 36);
        }
        frame_bytes(&f, snap, sizeof snap);
        f.bytes[14] ^= i == 2; /* Another LLC. */
        insp_put_be16(&f.put, i == 3 ? 0x05ff : 0x0800);
        frame_ip4(&f, 17, 8);
        frame_udp(&f, 1000, 53, 8);
        r = parse(&f);
        if (i >= 2) {
            CHECK_FACT(r, NON_IP);
            UNIT_EQ(r.p.ethertype, 0);
            UNIT_EQ(r.p.l3_ofs, 14);
            continue;
        }
        CHECK_FACT(r, OK);
        UNIT_EQ(r.p.ethertype, 0x0800);
        UNIT_EQ(r.p.l3_ofs, 22 + 4 * i);
        UNIT_EQ(r.p.dst_port, 53);
    }
}

static void
test_group(void)
{
    struct frame f;

    begin_ip4(&f, 50, 0);
    CU_ASSERT_FALSE(parse(&f).p.group);
    f.bytes[0] |= 1;
    CU_ASSERT_TRUE(parse(&f).p.group);
    memset(f.bytes, 0xff, 6);
    CU_ASSERT_TRUE(parse(&f).p.group);
}

static void
test_arp(void)
{
    struct frame f;
    struct parsed r;

    frame_begin(&f);
    frame_eth(&f, 0x8100);
    frame_vlan(&f, 5, 0x0806);
    frame_fill(&f, 28);
    r = parse(&f);
    CHECK_FACT(r, ARP);
    UNIT_EQ(r.p.ethertype, 0x0806);
    UNIT_EQ(r.p.vlan[0], 5);
    UNIT_EQ(r.p.l3_ofs, 18);
    UNIT_EQ(r.p.ip_version, 0);
    CU_ASSERT_PTR_NULL(r.p.src);
}

static void
test_non_ip(void)
{
    static const struct {
        uint16_t type, ethertype;
    } types[] = {
        { 0x8847, 0x8847 }, /* MPLS. */
        { 0x88cc, 0x88cc }, /* LLDP. */
        { 0x894f, 0x894f }, /* NSH. */
        { 0xffff, 0xffff }, { 0x0600, 0x0600 },
        { 0x05ff, 0 }, /* LLC: a length. */
        { 0x0026, 0 }, /* STP. */
        { 0x0000, 0 },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(types); i++) {
        struct frame f;
        struct parsed r;

        frame_begin(&f);
        frame_eth(&f, types[i].type);
        frame_fill(&f, 46);
        r = parse(&f);
        CHECK_FACT(r, NON_IP);
        UNIT_EQ(r.p.ethertype, types[i].ethertype);
        UNIT_EQ(r.p.l3_ofs, 14);
        UNIT_EQ(r.p.l4_ofs, 0);
    }
}

static void
test_ip4_malformed(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 6, 20);
    frame_tcp(&f, 1, 2, 0);

    f.bytes[14] = 0x44; /* IHL 4. */
    CHECK_FACT(parse(&f), IP_MALFORMED);
    f.bytes[14] = 0x40;
    CHECK_FACT(parse(&f), IP_MALFORMED);
    f.bytes[14] = 0x65; /* Version 6. */
    CHECK_FACT(parse(&f), IP_MALFORMED);
    f.bytes[14] = 0x05;
    r = parse(&f);
    CHECK_FACT(r, IP_MALFORMED);
    UNIT_EQ(r.p.ip_version, 0);

    f.bytes[14] = 0x45;
    f.bytes[17] = 19; /* Total length. */
    CHECK_FACT(parse(&f), IP_MALFORMED);
    f.bytes[14] = 0x46;
    f.bytes[17] = 23;
    CHECK_FACT(parse(&f), IP_MALFORMED);
    f.bytes[17] = 0;
    CHECK_FACT(parse(&f), IP_MALFORMED);
}

static void
test_ip_length(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 17, 8);
    frame_udp(&f, 1, 2, 8);
    f.bytes[17]++;
    r = parse(&f);
    CHECK_FACT(r, IP_LENGTH);
    CU_ASSERT_FALSE(memcmp(r.src, "\12\0\0\1", 4));
    UNIT_EQ(r.p.src_port, 0);

    /* The byte was on the wire: then it is right. */
    r = parse_bytes(f.bytes, frame_size(&f), frame_size(&f) + 1);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 0); /* By UDP's length. */

    begin_ip6(&f, 17, 8);
    frame_udp(&f, 1, 2, 8);
    f.bytes[14 + 5]++;
    r = parse(&f);
    CHECK_FACT(r, IP_LENGTH);
    UNIT_EQ(r.p.proto, 17);
    CHECK_FACT(parse_bytes(f.bytes, frame_size(&f), frame_size(&f) + 1), OK);
}

/* Ethernet fills a frame up to 60 bytes: that is no payload. */
static void
test_padding(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 6, 20);
    frame_tcp(&f, 1, 2, INSP_TCP_ACK);
    frame_fill(&f, 6);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 0);

    begin_ip6(&f, 47, 2);
    frame_fill(&f, 20);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 2);
}

static void
test_ip4_fragments(void)
{
    struct frame f;
    struct parsed r;

    frame_begin(&f); /* First. */
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 6, 24, 0, 0x2000);
    frame_tcp(&f, 7, 8, 0);
    frame_fill(&f, 4);
    r = parse(&f);
    CHECK_FACT(r, OK);
    CU_ASSERT_TRUE(r.p.is_fragment);
    UNIT_EQ(r.p.frag_id, 0x1234);
    UNIT_EQ(r.p.dst_port, 8);
    UNIT_EQ(r.p.payload_size, 4);

    frame_begin(&f); /* One in the middle. */
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 6, 24, 4, 0x2001);
    frame_tcp(&f, 7, 8, 0);
    frame_fill(&f, 4);
    r = parse(&f);
    CHECK_FACT(r, FRAGMENT);
    CU_ASSERT_TRUE(r.p.is_fragment);
    UNIT_EQ(r.p.frag_id, 0x1234);
    UNIT_EQ(r.p.proto, 6);
    UNIT_EQ(r.p.ip_version, 4);
    CU_ASSERT_FALSE(memcmp(r.dst, "\12\0\0\2", 4));
    UNIT_EQ(r.p.src_port, 0);
    UNIT_EQ(r.p.payload_ofs, 38);
    UNIT_EQ(r.p.payload_size, 24);

    frame_begin(&f); /* The last, of one byte. */
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 17, 1, 0, 0x1fff);
    frame_fill(&f, 1);
    r = parse(&f);
    CHECK_FACT(r, FRAGMENT);
    UNIT_EQ(r.p.payload_size, 1);

    /* "Don't fragment" alone, and the reserved bit, are no fragments. */
    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 50, 0, 0, 0xc000);
    r = parse(&f);
    CHECK_FACT(r, OK);
    CU_ASSERT_FALSE(r.p.is_fragment);

    /* A first one without a whole transport header. */
    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 6, 16, 0, 0x2000);
    frame_fill(&f, 16);
    CHECK_FACT(parse(&f), L4_TRUNCATED);
}

static void
test_ip6(void)
{
    struct frame f;
    struct parsed r;

    begin_ip6(&f, 6, 20 + 9);
    frame_tcp(&f, 40000, 443, INSP_TCP_ACK);
    frame_fill(&f, 9);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.ip_version, 6);
    UNIT_EQ(r.p.ttl, 63);
    UNIT_EQ(r.p.proto, 6);
    UNIT_EQ(r.src[0], 0xfd);
    UNIT_EQ(r.src[15], 1);
    UNIT_EQ(r.dst[15], 2);
    UNIT_EQ(r.p.l4_ofs, 54);
    UNIT_EQ(r.p.payload_ofs, 74);
    UNIT_EQ(r.p.payload_size, 9);
    UNIT_EQ(r.p.dst_port, 443);

    f.bytes[14] = 0x45;
    CHECK_FACT(parse(&f), IP_MALFORMED);
}

static void
test_ip6_extensions(void)
{
    struct frame f;
    struct parsed r;

    begin_ip6(&f, 0, 8 + 24 + 16 + 12 + 8 + 8 + 3);
    frame_ext(&f, 43, 8);  /* Hop by hop. */
    frame_ext(&f, 60, 24); /* Routing. */
    frame_ext(&f, 51, 16); /* Destination. */
    frame_ah(&f, 44, 12);
    frame_ext_fragment(&f, 17, 0x0001); /* The first of several. */
    frame_udp(&f, 500, 4500, 1000);
    frame_fill(&f, 3);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.proto, 17);
    CU_ASSERT_TRUE(r.p.is_fragment);
    UNIT_EQ(r.p.frag_id, 0x12345678);
    UNIT_EQ(r.p.l4_ofs, 54 + 8 + 24 + 16 + 12 + 8);
    UNIT_EQ(r.p.dst_port, 4500);
    UNIT_EQ(r.p.payload_size, 3);

    /* One that is longer than the datagram, padding or not. */
    begin_ip6(&f, 60, 8);
    frame_ext(&f, 59, 16);
    CHECK_FACT(parse(&f), IP_TRUNCATED);
    begin_ip6(&f, 60, 0);
    frame_ext(&f, 59, 16);
    CHECK_FACT(parse(&f), IP_TRUNCATED);
}

static void
test_ext_depth(void)
{
    for (size_t n = 7; n <= 9; n++) {
        struct frame f;
        struct parsed r;

        begin_ip6(&f, 60, n * 8);
        for (size_t i = 1; i < n; i++) {
            frame_ext(&f, 60, 8);
        }
        frame_ext(&f, 59, 8);
        r = parse(&f);
        UNIT_EQ(r.fact, n <= 8 ? INSP_PACKET_OK : INSP_PACKET_EXT_DEPTH);
        UNIT_EQ(r.p.l4_ofs, n <= 8 ? 54 + n * 8 : 0);
        UNIT_EQ(r.p.payload_size, 0);
    }
}

static void
test_ip6_fragments(void)
{
    struct frame f;
    struct parsed r;

    begin_ip6(&f, 44, 8 + 8); /* Whole in spite of its header. */
    frame_ext_fragment(&f, 17, 0);
    frame_udp(&f, 1, 2, 8);
    r = parse(&f);
    CHECK_FACT(r, OK);
    CU_ASSERT_FALSE(r.p.is_fragment);
    UNIT_EQ(r.p.frag_id, 0);
    UNIT_EQ(r.p.dst_port, 2);

    begin_ip6(&f, 44, 8 + 16); /* A later one. */
    frame_ext_fragment(&f, 17, 0x0009);
    frame_fill(&f, 16);
    r = parse(&f);
    CHECK_FACT(r, FRAGMENT);
    UNIT_EQ(r.p.frag_id, 0x12345678);
    UNIT_EQ(r.p.proto, 17);
    UNIT_EQ(r.dst[15], 2);
    UNIT_EQ(r.p.payload_ofs, 62);
    UNIT_EQ(r.p.payload_size, 16);

    begin_ip6(&f, 44, 8 + 16); /* The last one. */
    frame_ext_fragment(&f, 6, 0x0100);
    frame_fill(&f, 16);
    r = parse(&f);
    CHECK_FACT(r, FRAGMENT);
    UNIT_EQ(r.p.src_port, 0);
}

static void
test_authentication(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 51, 24 + 20 + 1);
    frame_ah(&f, 6, 24);
    frame_tcp(&f, 1, 2, 0);
    frame_fill(&f, 1);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.proto, 6);
    UNIT_EQ(r.p.l4_ofs, 34 + 24);
    UNIT_EQ(r.p.payload_size, 1);
    UNIT_EQ(r.p.dst_port, 2);

    /* IPv6's extension headers are nothing special in IPv4. */
    begin_ip4(&f, 51, 24 + 8);
    frame_ah(&f, 60, 24);
    frame_ext(&f, 6, 8);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.proto, 60);
    UNIT_EQ(r.p.payload_size, 8);

    begin_ip4(&f, 51, 12);
    frame_ah(&f, 6, 24);
    CHECK_FACT(parse(&f), IP_TRUNCATED);

    begin_ip4(&f, 51, 9 * 12);
    for (int i = 0; i < 9; i++) {
        frame_ah(&f, 51, 12);
    }
    CHECK_FACT(parse(&f), EXT_DEPTH);
}

/* A length of 0 is a jumbogram behind a hop-by-hop header, else nothing. */
static void
test_jumbogram(void)
{
    struct frame f;
    struct parsed r;

    begin_ip6(&f, 0, 0);
    frame_ext(&f, 17, 8);
    frame_udp(&f, 1, 2, 0);
    frame_fill(&f, 100);
    r = parse(&f);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.proto, 17);
    UNIT_EQ(r.p.payload_size, 100);
    r = parse_bytes(f.bytes, frame_size(&f), 100000);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 100000 - 14 - 40 - 8 - 8);

    begin_ip6(&f, 17, 0);
    frame_udp(&f, 1, 2, 8);
    CHECK_FACT(parse(&f), L4_TRUNCATED);
}

/* What a guest hands over for segmentation: as large as IP can be. */
static void
test_large(void)
{
    struct frame f;
    struct parsed r;

    begin_ip4(&f, 6, 65535 - 20);
    frame_tcp(&f, 1, 2, INSP_TCP_ACK);
    r = parse_bytes(f.bytes, frame_size(&f), 14 + 65535);
    CHECK_FACT(r, OK);
    UNIT_EQ(r.p.payload_size, 65535 - 40);
    UNIT_EQ(r.p.payload_ofs, 54);
}

static void
test_sizes(void)
{
    struct frame f;
    struct parsed r;

    CHECK_FACT(parse_bytes((const uint8_t *) "", 0, 0), ETH_TRUNCATED);
    CHECK_FACT(parse_bytes((const uint8_t *) "", 0, 1500), ETH_TRUNCATED);

    /* A wire size below what is there is a mistake of the caller's. */
    begin_ip4(&f, 17, 8);
    frame_udp(&f, 1, 2, 8);
    r = parse_bytes(f.bytes, frame_size(&f), 0);
    CHECK_FACT(r, OK);
}

/* Up to which captured size a frame tells which fact: the last of them is
 * OK. */
struct step {
    size_t below;
    enum insp_packet_fact fact;
};

static void
check_truncation(const struct frame *f, const struct step *steps)
{
    for (size_t size = 0; size <= frame_size(f); size++) {
        const struct step *step = steps;
        struct parsed r = parse_bytes(f->bytes, size, frame_size(f));
        struct parsed real = parse_bytes(f->bytes, size, size);
        enum insp_packet_fact fact = r.fact;

        while (size >= step->below) {
            step++;
        }
        UNIT_EQ(fact * 10000 + size, step->fact * 10000 + size);

        /* A frame that is really so short says the same, or that a length
         * in it is wrong. */
        CU_ASSERT_TRUE(real.fact == fact || size < frame_size(f));
        CU_ASSERT_TRUE(real.fact == fact ||
                       real.fact == INSP_PACKET_IP_LENGTH ||
                       real.fact == INSP_PACKET_L4_MALFORMED);
    }
}

static void
test_truncation_tcp(void)
{
    struct frame f;

    begin_ip4(&f, 6, 32 + 10);
    frame_tcp_full(&f, 1, 2, 0, 12);
    frame_fill(&f, 10);
    check_truncation(&f, (const struct step[]){
                             { 14, INSP_PACKET_ETH_TRUNCATED },
                             { 34, INSP_PACKET_IP_TRUNCATED },
                             { 66, INSP_PACKET_L4_TRUNCATED },
                             { SIZE_MAX, INSP_PACKET_OK },
                         });
}

static void
test_truncation_qinq_options(void)
{
    struct frame f;

    frame_begin(&f);
    frame_eth(&f, 0x88a8);
    frame_vlan(&f, 1, 0x8100);
    frame_vlan(&f, 2, 0x0800);
    frame_ip4_full(&f, 17, 8 + 3, 20, 0);
    frame_udp(&f, 1, 2, 8 + 3);
    frame_fill(&f, 3);
    check_truncation(&f, (const struct step[]){
                             { 22, INSP_PACKET_ETH_TRUNCATED },
                             { 62, INSP_PACKET_IP_TRUNCATED },
                             { 70, INSP_PACKET_L4_TRUNCATED },
                             { SIZE_MAX, INSP_PACKET_OK },
                         });
}

static void
test_truncation_ip6(void)
{
    struct frame f;

    begin_ip6(&f, 0, 8 + 16 + 12 + 12 + 4);
    frame_ext(&f, 60, 8);
    frame_ext(&f, 51, 16);
    frame_ah(&f, 132, 12);
    frame_sctp(&f, 1, 2);
    frame_fill(&f, 4);
    check_truncation(&f, (const struct step[]){
                             { 14, INSP_PACKET_ETH_TRUNCATED },
                             { 54 + 36, INSP_PACKET_IP_TRUNCATED },
                             { 54 + 36 + 12, INSP_PACKET_L4_TRUNCATED },
                             { SIZE_MAX, INSP_PACKET_OK },
                         });
}

static void
test_truncation_icmp6(void)
{
    struct frame f;

    begin_ip6(&f, 58, 8 + 16);
    frame_icmp(&f, 135, 0, 0);
    frame_fill(&f, 16);
    check_truncation(&f, (const struct step[]){
                             { 14, INSP_PACKET_ETH_TRUNCATED },
                             { 54, INSP_PACKET_IP_TRUNCATED },
                             { 62, INSP_PACKET_L4_TRUNCATED },
                             { SIZE_MAX, INSP_PACKET_OK },
                         });
}

static void
test_truncation_fragment(void)
{
    struct frame f;

    begin_ip6(&f, 44, 8 + 16);
    frame_ext_fragment(&f, 17, 0x0009);
    frame_fill(&f, 16);
    check_truncation(&f, (const struct step[]){
                             { 14, INSP_PACKET_ETH_TRUNCATED },
                             { 62, INSP_PACKET_IP_TRUNCATED },
                             { SIZE_MAX, INSP_PACKET_FRAGMENT },
                         });
}

static void
test_words(void)
{
    for (int i = 0; i < INSP_N_PACKET_FACTS; i++) {
        const char *word = insp_packet_fact_word(i);

        CU_ASSERT_TRUE(word && strlen(word) > 1);
        for (int j = 0; j < i; j++) {
            CU_ASSERT_TRUE(strcmp(word, insp_packet_fact_word(j)));
        }
    }
    UNIT_STR_EQ(insp_packet_fact_word(INSP_N_PACKET_FACTS), "?");
}

static void
test_every_fact_was_told(void)
{
    for (int i = 0; i < INSP_N_PACKET_FACTS; i++) {
        if (!n_told[i]) {
            printf("# never told: %s\n", insp_packet_fact_word(i));
        }
        CU_ASSERT_TRUE(n_told[i] > 0);
    }
}

/* Whole and cut, each frame of a capture keeps what packet.h promises. */
static void
check_capture_frame(const struct pcap_frame *frame)
{
    static const size_t snaps[] = { SIZE_MAX, 128, 64, 40 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(snaps); i++) {
        size_t size = INSP_MIN(frame->size, snaps[i]);
        size_t wire_size = INSP_MAX(frame->wire_size, size);
        struct parsed r = parse_bytes(frame->bytes, size, wire_size);
        bool ok = r.p.l4_ofs <= size && r.p.payload_ofs <= size &&
                  r.p.n_vlans <= 2 &&
                  r.p.payload_size <= wire_size - r.p.payload_ofs &&
                  !r.p.src == !r.p.ip_version;

        if (!ok) {
            CU_FAIL("a promise of packet.h is broken");
        }
    }
}

struct captures {
    unsigned int n_files;
    unsigned int n_frames;
};

static void
read_captures(const char *name, struct captures *found)
{
    DIR *folder = opendir(name);
    struct dirent *entry;
    struct pcap pcap;
    struct pcap_frame frame;

    if (folder) {
        while ((entry = readdir(folder))) {
            char path[PATH_MAX];

            if (entry->d_name[0] != '.' &&
                snprintf(path, sizeof path, "%s/%s", name, entry->d_name) <
                    (int) sizeof path) {
                read_captures(path, found);
            }
        }
        closedir(folder);
    } else if (pcap_open(&pcap, name)) {
        found->n_files++;
        while (pcap_next(&pcap, &frame)) {
            found->n_frames++;
            check_capture_frame(&frame);
        }
        pcap_close(&pcap);
    }
}

/* Captures that others made, where there are some: INSP_PCAPS names their
 * folder. */
static void
test_captures(void)
{
    const char *folder = getenv("INSP_PCAPS");
    struct captures found = { 0, 0 };

    memset(n_told, 0, sizeof n_told);
    if (folder && folder[0]) {
        read_captures(folder, &found);
    }
    if (!found.n_files) {
        unit_skip("no folder of captures named by INSP_PCAPS");
        return;
    }
    printf("# %u captures, %u frames, each at four sizes:\n", found.n_files,
           found.n_frames);
    for (int i = 0; i < INSP_N_PACKET_FACTS; i++) {
        printf("#   %-14s %u\n", insp_packet_fact_word(i), n_told[i]);
    }
    CU_ASSERT_TRUE(n_told[INSP_PACKET_OK] > found.n_frames / 4);
}

UNIT_MAIN("packet", UNIT_TEST(test_tcp), UNIT_TEST(test_tcp_options),
          UNIT_TEST(test_tcp_malformed), UNIT_TEST(test_udp),
          UNIT_TEST(test_sctp), UNIT_TEST(test_icmp),
          UNIT_TEST(test_other_protocols), UNIT_TEST(test_vlan),
          UNIT_TEST(test_vlan_depth), UNIT_TEST(test_priority_tags),
          UNIT_TEST(test_snap), UNIT_TEST(test_group), UNIT_TEST(test_arp),
          UNIT_TEST(test_non_ip), UNIT_TEST(test_ip4_malformed),
          UNIT_TEST(test_ip_length), UNIT_TEST(test_padding),
          UNIT_TEST(test_ip4_fragments), UNIT_TEST(test_ip6),
          UNIT_TEST(test_ip6_extensions), UNIT_TEST(test_ext_depth),
          UNIT_TEST(test_ip6_fragments), UNIT_TEST(test_authentication),
          UNIT_TEST(test_jumbogram), UNIT_TEST(test_large),
          UNIT_TEST(test_sizes), UNIT_TEST(test_truncation_tcp),
          UNIT_TEST(test_truncation_qinq_options),
          UNIT_TEST(test_truncation_ip6), UNIT_TEST(test_truncation_icmp6),
          UNIT_TEST(test_truncation_fragment), UNIT_TEST(test_words),
          UNIT_TEST(test_every_fact_was_told), UNIT_TEST(test_captures))
