/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals: what each end of a refused connection is told, byte by byte where
 * a number decides whether it believes it, and who is never told anything.
 *
 * Every frame is parsed again and its checksums are computed by a second
 * way here, on each case. */

#include "packet/refuse.h"

#include "frames.h"
#include "unit.h"

#define SEQ 0x01020304u
#define ACK 0x05060708u

struct answer {
    uint8_t bytes[INSP_REFUSE_MAX + 8];
    size_t size;
    struct insp_packet packet;
};

static uint16_t
read16(const uint8_t *b)
{
    return (uint16_t) (b[0] * 256 + b[1]);
}

/* By end-around carry at each step; 0xffff for what holds its checksum. */
static uint16_t
ones_sum(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 ? bytes[i] : (uint32_t) bytes[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t) sum;
}

/* Mutation: leave out put_checksum() of either. */
static void
check_sums(const struct answer *a)
{
    const struct insp_packet *p = &a->packet;
    const uint8_t *ip = a->bytes + p->l3_ofs;
    size_t l4_size = a->size - p->l4_ofs;
    uint32_t sum =
        p->proto == INSP_PROTO_ICMP ? 0 : p->proto + (uint32_t) l4_size;

    if (p->ip_version == 4) {
        UNIT_EQ(ones_sum(0, ip, 20), 0xffff);
        UNIT_EQ(read16(ip + 2), a->size - p->l3_ofs);
    } else {
        UNIT_EQ(read16(ip + 4), a->size - p->l3_ofs - 40);
    }
    if (p->proto != INSP_PROTO_ICMP) {
        size_t n = p->ip_version == 4 ? 4 : 16;

        sum = ones_sum(sum, p->src, n);
        sum = ones_sum(sum, p->dst, n);
    }
    UNIT_EQ(ones_sum(sum, a->bytes + p->l4_ofs, l4_size), 0xffff);
}

/* True when there was one. */
static bool
refuse(const struct frame *f, enum insp_refuse_to to, struct answer *a)
{
    struct insp_packet packet;

    (void) insp_packet_parse(&packet, f->bytes, frame_size(f), frame_size(f));
    memset(a, 0xa5, sizeof *a);
    a->size = insp_refuse(&packet, f->bytes, to, a->bytes);
    UNIT_EQ(a->bytes[INSP_REFUSE_MAX], 0xa5);
    if (a->size) {
        CU_ASSERT_FATAL(a->size <= INSP_REFUSE_MAX);
        UNIT_EQ(insp_packet_parse(&a->packet, a->bytes, a->size, a->size),
                INSP_PACKET_OK);
        UNIT_EQ(a->packet.ttl, 64);
        check_sums(a);
    }
    return a->size != 0;
}

static void
check_none(const struct frame *f)
{
    struct answer a;

    CU_ASSERT_FALSE(refuse(f, INSP_REFUSE_TO_SOURCE, &a));
    CU_ASSERT_FALSE(refuse(f, INSP_REFUSE_TO_DESTINATION, &a));
}

static void
tcp4(struct frame *f, uint8_t flags, size_t payload)
{
    frame_begin(f);
    frame_eth(f, 0x0800);
    frame_ip4(f, 6, 20 + payload);
    frame_tcp(f, 1000, 80, flags);
    frame_fill(f, payload);
}

static void
check_reset(const struct answer *a, uint16_t src, uint16_t dst, uint32_t seq,
            uint32_t ack, uint8_t flags)
{
    const struct insp_packet *p = &a->packet;

    UNIT_EQ(p->proto, INSP_PROTO_TCP);
    UNIT_EQ(p->src_port, src);
    UNIT_EQ(p->dst_port, dst);
    UNIT_EQ(p->tcp_seq, seq);
    UNIT_EQ(p->tcp_ack, ack);
    UNIT_EQ(p->tcp_flags, flags);
    UNIT_EQ(p->tcp_window, 0);
    UNIT_EQ(p->payload_size, 0);
    UNIT_EQ(p->payload_ofs - p->l4_ofs, 20);
}

/* ------------------------------------------------------------------------ */

/* Mutation: seq 0, or its seq, to the source; its ack + size to the
 * destination. */
static void
test_established(void)
{
    struct frame f;
    struct answer a;

    tcp4(&f, INSP_TCP_ACK | INSP_TCP_PSH, 11);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, ACK, 0, INSP_TCP_RST);
    UNIT_EQ(a.size, 54);
    CU_ASSERT(!memcmp(a.bytes, "\2\0\0\0\0\1\2\0\0\0\0\2\x8\0", 14));
    CU_ASSERT(!memcmp(a.packet.src, "\12\0\0\2\12\0\0\1", 8));

    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));
    check_reset(&a, 1000, 80, SEQ, ACK, INSP_TCP_RST | INSP_TCP_ACK);
    CU_ASSERT(!memcmp(a.bytes, f.bytes, 14));
    CU_ASSERT(!memcmp(a.packet.src, "\12\0\0\1\12\0\0\2", 8));
}

/* Mutation: SYN or FIN not counted; a RST to the destination of a SYN. */
static void
test_no_ack(void)
{
    struct frame f;
    struct answer a;

    tcp4(&f, INSP_TCP_SYN, 0);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, 0, SEQ + 1, INSP_TCP_RST | INSP_TCP_ACK);
    CU_ASSERT_FALSE(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));

    tcp4(&f, INSP_TCP_SYN, 100); /* Fast open. */
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, 0, SEQ + 101, INSP_TCP_RST | INSP_TCP_ACK);

    tcp4(&f, INSP_TCP_FIN, 7);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, 0, SEQ + 8, INSP_TCP_RST | INSP_TCP_ACK);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));
    check_reset(&a, 1000, 80, SEQ, 0, INSP_TCP_RST);

    tcp4(&f, 0, 0);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, 0, SEQ, INSP_TCP_RST | INSP_TCP_ACK);
}

/* A client in SYN-SENT believes a RST only with its own ACK. */
static void
test_syn_ack(void)
{
    struct frame f;
    struct answer a;

    tcp4(&f, INSP_TCP_SYN | INSP_TCP_ACK, 0);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, ACK, 0, INSP_TCP_RST);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));
    check_reset(&a, 1000, 80, SEQ, ACK, INSP_TCP_RST | INSP_TCP_ACK);
}

/* Mutation: tags to the source as well, or to neither. */
static void
test_tags(void)
{
    struct frame f;
    struct answer a;

    frame_begin(&f);
    frame_eth(&f, 0x88a8);
    frame_vlan(&f, 0x2064, 0x8100);
    frame_vlan(&f, 0x60c8, 0x0800);
    frame_ip4(&f, 6, 20);
    frame_tcp(&f, 1000, 80, INSP_TCP_ACK);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    UNIT_EQ(a.packet.n_vlans, 0);
    UNIT_EQ(a.size, 54);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));
    UNIT_EQ(a.size, 62);
    CU_ASSERT(!memcmp(a.bytes, f.bytes, 22));
}

/* Every sum that a checksum can have.  Mutation: its second fold. */
static void
test_all_sums(void)
{
    struct frame f;
    struct answer a;

    for (uint32_t ack = 0; ack < 0x10000; ack++) {
        tcp4(&f, INSP_TCP_ACK, 0);
        memset(f.bytes + 14 + 12, 0xdf, 8); /* So that it carries. */
        f.bytes[14 + 20 + 10] = (uint8_t) (ack >> 8);
        f.bytes[14 + 20 + 11] = (uint8_t) ack;
        CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    }
}

static void
test_ip6(void)
{
    struct frame f;
    struct answer a;

    frame_begin(&f);
    frame_eth(&f, 0x86dd);
    frame_ip6(&f, 0, 16 + 8 + 20 + 3);
    frame_ext(&f, 60, 16);
    frame_ext(&f, 6, 8);
    frame_tcp(&f, 1000, 80, INSP_TCP_SYN);
    frame_fill(&f, 3);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_reset(&a, 80, 1000, 0, SEQ + 4, INSP_TCP_RST | INSP_TCP_ACK);
    UNIT_EQ(a.size, 14 + 40 + 20);
    UNIT_EQ(a.packet.src[15], 2);
    UNIT_EQ(a.packet.dst[15], 1);
}

/* ------------------------------------------------------------------------ */

static void
check_error(const struct answer *a, const struct frame *f, uint8_t proto,
            uint8_t type, uint8_t code, size_t quoted)
{
    const struct insp_packet *p = &a->packet;

    UNIT_EQ(p->proto, proto);
    UNIT_EQ(p->icmp_type, type);
    UNIT_EQ(p->icmp_code, code);
    UNIT_EQ(p->payload_size, quoted);
    UNIT_EQ(a->size, p->payload_ofs + quoted);
    CU_ASSERT(!memcmp(a->bytes + p->payload_ofs, f->bytes + 14, quoted));
}

/* Mutation: quote the Ethernet header, or Ethernet's padding. */
static void
test_udp(void)
{
    struct frame f;
    struct answer a;

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4(&f, 17, 8 + 5);
    frame_udp(&f, 1000, 53, 8 + 5);
    frame_bytes(&f, "query", 5);
    frame_fill(&f, 13); /* Padding. */
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMP, 3, 3, 20 + 8 + 5);
    CU_ASSERT(!memcmp(a.packet.src, "\12\0\0\2\12\0\0\1", 8));
    CU_ASSERT_FALSE(refuse(&f, INSP_REFUSE_TO_DESTINATION, &a));

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 17, 8 + 1000, 40, 0x4000);
    frame_udp(&f, 1000, 53, 8 + 1000);
    frame_fill(&f, 1000);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMP, 3, 3, 128 - 14 - 20 - 8);
}

static void
test_udp6(void)
{
    struct frame f;
    struct answer a;

    frame_begin(&f);
    frame_eth(&f, 0x86dd);
    frame_ip6(&f, 60, 8 + 8 + 4);
    frame_ext(&f, 17, 8);
    frame_udp(&f, 1000, 53, 8 + 4);
    frame_fill(&f, 4);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMPV6, 1, 4, 40 + 8 + 8 + 4);

    frame_begin(&f);
    frame_eth(&f, 0x86dd);
    frame_ip6(&f, 17, 8 + 333);
    frame_udp(&f, 1000, 53, 8 + 333);
    frame_fill(&f, 333);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMPV6, 1, 4, 128 - 14 - 40 - 8);
}

static void
icmp(struct frame *f, bool is_ip6, uint8_t type)
{
    frame_begin(f);
    frame_eth(f, is_ip6 ? 0x86dd : 0x0800);
    if (is_ip6) {
        frame_ip6(f, 58, 8);
    } else {
        frame_ip4(f, 1, 8);
    }
    frame_icmp(f, type, 0, 7);
}

/* Mutation: answer whatever is not a known error. */
static void
test_icmp(void)
{
    static const uint8_t errors4[] = { 3, 4, 5, 9, 10, 11, 12, 200 };
    static const uint8_t errors6[] = { 1,   2,   3,   4,   100, 127, 130,
                                       133, 135, 136, 137, 143, 200, 255 };
    struct frame f;
    struct answer a;

    icmp(&f, false, 8);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMP, 3, 3, 28);
    icmp(&f, true, 128);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMPV6, 1, 4, 48);
    for (size_t i = 0; i < sizeof errors4; i++) {
        icmp(&f, false, errors4[i]);
        check_none(&f);
    }
    for (size_t i = 0; i < sizeof errors6; i++) {
        icmp(&f, true, errors6[i]);
        check_none(&f);
    }
}

/* ------------------------------------------------------------------------ */

static void
test_reset_is_not_answered(void)
{
    struct frame f;

    tcp4(&f, INSP_TCP_RST, 0);
    check_none(&f);
    tcp4(&f, INSP_TCP_RST | INSP_TCP_ACK, 0);
    check_none(&f);
}

/* Mutation: let any of the conditions of may_answer() go. */
static void
test_no_host(void)
{
    static const struct {
        uint8_t at;
        uint8_t bytes[4];
    } ip4s[] = {
        { 26, { 0, 0, 0, 0 } },         { 26, { 0, 1, 2, 3 } },
        { 26, { 127, 0, 0, 1 } },       { 26, { 224, 0, 0, 1 } },
        { 26, { 240, 0, 0, 1 } },       { 26, { 255, 255, 255, 255 } },
        { 30, { 0, 0, 0, 0 } },         { 30, { 239, 1, 1, 1 } },
        { 30, { 255, 255, 255, 255 } }, { 30, { 127, 0, 0, 1 } },
        { 0, { 1, 0, 0x5e, 0 } },       { 0, { 0xff, 0xff, 0xff, 0xff } },
        { 6, { 3, 0, 0, 0 } },
    };
    struct frame f;

    for (size_t i = 0; i < sizeof ip4s / sizeof ip4s[0]; i++) {
        tcp4(&f, INSP_TCP_ACK, 4);
        memcpy(f.bytes + ip4s[i].at, ip4s[i].bytes, 4);
        check_none(&f);
    }
    for (int way = 0; way < 6; way++) {
        size_t at = way < 3 ? 22 : 38;

        frame_begin(&f);
        frame_eth(&f, 0x86dd);
        frame_ip6(&f, 17, 8);
        frame_udp(&f, 1, 2, 8);
        memset(f.bytes + at, 0, 16);
        f.bytes[at] = way % 3 == 0 ? 0xff : 0;
        f.bytes[at + 15] = way % 3 == 1;
        check_none(&f);
    }
}

/* Mutation: ask only whether it is a fragment; or whether it has ports. */
static void
test_fragments(void)
{
    struct frame f;
    struct answer a;

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 17, 16, 0, 0x2000);
    frame_udp(&f, 1, 2, 600);
    frame_fill(&f, 8);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMP, 3, 3, 36);
    f.bytes[21] = 1; /* Its offset. */
    check_none(&f);

    frame_begin(&f);
    frame_eth(&f, 0x86dd);
    frame_ip6(&f, 60, 8 + 8 + 8);
    frame_ext(&f, 44, 8);
    frame_ext_fragment(&f, 50, 1);
    frame_fill(&f, 8);
    CU_ASSERT_FATAL(refuse(&f, INSP_REFUSE_TO_SOURCE, &a));
    check_error(&a, &f, INSP_PROTO_ICMPV6, 1, 4, 64);
    f.bytes[14 + 40 + 8 + 3] = 9;
    check_none(&f);
}

static void
test_not_ip(void)
{
    struct frame f;

    frame_begin(&f);
    frame_eth(&f, 0x0806);
    frame_fill(&f, 46);
    check_none(&f);
    tcp4(&f, INSP_TCP_ACK, 0);
    for (size_t size = 0; size < 54; size++) {
        f.put.at = f.put.start + size;
        check_none(&f);
    }
    tcp4(&f, INSP_TCP_ACK, 0);
    f.bytes[14 + 20 + 12] = 0x40; /* A header of 16 bytes. */
    check_none(&f);
}

UNIT_MAIN("refuse", UNIT_TEST(test_established), UNIT_TEST(test_no_ack),
          UNIT_TEST(test_syn_ack), UNIT_TEST(test_tags),
          UNIT_TEST(test_all_sums), UNIT_TEST(test_ip6), UNIT_TEST(test_udp),
          UNIT_TEST(test_udp6), UNIT_TEST(test_icmp),
          UNIT_TEST(test_reset_is_not_answered), UNIT_TEST(test_no_host),
          UNIT_TEST(test_fragments), UNIT_TEST(test_not_ip))
