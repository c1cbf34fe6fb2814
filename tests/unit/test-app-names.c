/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of DNS, mDNS, LLMNR, DHCP, NTP, SNMP, syslog and SIP make
 * of bytes.  The dialogs are those of tests/fuzz/make-corpus-names.py; what
 * they say was looked at with tshark as well.
 *
 * Mutations, each noticed here: names that follow a pointer without counting;
 * answers found by their number alone; the second message of a transfer that
 * makes a record; GROUPED_MAX of 1; options of EDNS that are read on when one
 * is too long; a question about NetBIOS that is DNS; a body of SIP that is not
 * passed; the rest of a long line that is a message.
 */

#include "talk.h"

struct said {
    unsigned int side;
    const char *hex;
};

static const struct said dns_a[] = {
    { 0, "12340120000100000000000103777777076578616d706c6503636f6d00000100"
         "0100002904d000008000000b0008000700011800c00002" },
    { 1, "123481a0000100030000000103777777076578616d706c6503636f6d00000100"
         "01c00c000500010000012c000603776562c010c02d000100010000003c0004c0"
         "000207c02d001c00010000003c001020010db800000000000000000000000700"
         "00291000000000000000" },
    { 0, NULL },
};

static const struct said dns_many[] = {
    { 0, "000101000001000000000000016104746573740000010001" },
    { 0, "0002010000010000000000000162047465737400000f0001" },
    { 0, "0003010000010000000000000000020001" },
    { 1, "0002818300010000000000000162047465737400000f0001" },
    { 1, "000181800001000100000000014104546573740000010001c00c000100010000"
         "000500040a000001" },
    { 0, NULL },
};

static const struct said dns_types[] = {
    { 0, "000701000001000000000000017404746573740000ff0001" },
    { 1, "000785800001000800000000017404746573740000ff0001c00c000f00010000"
         "00090007000a026d78c00cc00c0010000100000009000d06763d737066310520"
         "2d616c6cc00c0021000100000009000b000100020185026463c00cc00c000600"
         "01000000090020026e73c00c04726f6f74c00c00000001000000020000000300"
         "00000400000005c00c00410001000000090003000100c00c002c000100000009"
         "00040402aabbc00c002e00010000000900140000000000000000000000000000"
         "000000000000c00c00020001000000090007056f2e5c640700" },
    { 0, NULL },
};

static const struct said dns_tcp[] = {
    { 0, "0018000900000001000000000000017a04746573740000fc00010018000a0100"
         "0001000000000000017904746573740000010001" },
    { 1, "003e000984000001000100000000017a04746573740000fc0001c00c00060001"
         "0000003c001a026e73c00c000000000800000001000000010000000100000001"
         "00240009840000000001000000000168017a047465737400000100010000003c"
         "0004000000000018000a81820001000000000000017904746573740000010001" },
    { 0, NULL },
};

static const struct said dns_loop[] = {
    { 0, "000501000001000000000000016c04746573740000050001" },
    { 1, "000581800001000200000000016c04746573740000050001c00c000500010000"
         "00010002c024c03000050001000000010002c032" },
    { 0, NULL },
};

static const struct said mdns_asks[] = {
    { 0, "000000000002000000000000045f697070045f746370056c6f63616c00000c80"
         "01c00c00100001" },
    { 0, NULL },
};

static const struct said mdns_says[] = {
    { 0, "000084000000000100000002045f697070045f746370056c6f63616c00000c00"
         "01000011940005027031c00c027031c00c0021800100000078000c0000000002"
         "7703626f78c01603626f78c016000180010000007800040a000009" },
    { 0, NULL },
};

static const struct said llmnr[] = {
    { 0, "007700000001000000000000077072696e7465720000010001" },
    { 1, "007780000001000100000000077072696e7465720000010001c00c0001000100"
         "00001e00040a000005" },
    { 0, NULL },
};

static const struct said dhcp_asks[] = {
    { 0, "01010600cafe0001000000000000000000000000000000000000000002000000"
         "0a01000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "000000000000000000000000638253633501033d0701020000000a010c03766d"
         "3132040a0000153c0a756468637020312e33363703010306511404000003766d"
         "31076578616d706c65036e657400ff" },
    { 0, NULL },
};

static const struct said dhcp_gives[] = {
    { 0, "02010600cafe000100000000000000000a000015000000000000000002000000"
         "0a01000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000006382536335010536040a000001330400000e103a"
         "04000007080104ffffff0003040a00000106080a0000020a0000030f0c657861"
         "6d706c652e6e657400ff" },
    { 0, NULL },
};

static const struct said dhcpv6[] = {
    { 0, "071234560001000a00030001020000000a010002000e00010001184649990200"
         "00000a02000300280000000000000000000000000005001820010db800000000"
         "000000000000002100000064000000c800190029000000000000000000000000"
         "001a0019000000320000003c3820010db8000000000000000000000021001700"
         "1020010db8000000000000000000000021002700120003766d31076578616d70"
         "6c65036e657400" },
    { 0, NULL },
};

static const struct said dhcpv6_relay[] = {
    { 0, "0d0000000000000000000000000000000000fe80000000000000000000000000"
         "000100090018020000070001000a00030001020000000a01000d00020002" },
    { 0, NULL },
};

static const struct said ntp[] = {
    { 0, "230006ec00000000000000000000000000000000000000000000000000000000"
         "0000000000000000e5b1c0de12345678" },
    { 1, "240206e70000000000000000c0000201e5b1c0de12345678e5b1c0de12345678"
         "e5b1c0df00000000e5b1c0df00000001" },
    { 0, NULL },
};

static const struct said ntp_refuses[] = {
    { 0, "dc0006e700000000000000005241544500000000000000000000000000000000"
         "00000000000000000000000000000000" },
    { 0, NULL },
};

static const struct said ntp_control[] = {
    { 0, "160200010000000000000000" },
    { 1, "168200010000000000000000" },
    { 0, NULL },
};

static const struct said snmp[] = {
    { 0, "302702010104067075626c6963a01a02021267020100020100300e300c06082b"
         "060102010105000500" },
    { 1, "302a02010104067075626c6963a21d020212670201020201013011300f06082b"
         "060102010105000403626f78" },
    { 0, NULL },
};

static const struct said snmp_trap[] = {
    { 0, "303902010004057472617073a42d06092b0601040181f5000040040a00000102"
         "01020201004301053011300f06082b060102010105000403626f78" },
    { 0, NULL },
};

static const struct said snmp_v3[] = {
    { 0, "3038020103300e020163020300ffe30401040201030410300e04000201010201"
         "02040004000400301104000400a00b0201050201000201003000" },
    { 1, "3056020103300e020163020300ffe30401000201030418301604088000000001"
         "0203040201010201020400040004003027040880000000010203040400a81902"
         "0105020100020100300e300c06082b060102010105000500" },
    { 0, "3038020103300e020163020300ffe3040107020103041b301904088000000001"
         "02030402010102010204036f7073040004000406736563726574" },
    { 1, "303d020103300e020163020300ffe3040103020103041b301904088000000001"
         "02030402010102010204036f707304000400040b6d6f726520736563726574" },
    { 0, NULL },
};
static const char *
hear(struct talk *t, uint8_t proto, uint16_t from, uint16_t to,
     const struct said *said, size_t segment)
{
    talk_begin(t, proto, from, to);
    t->segment = segment;
    for (; said->hex; said++) {
        talk_hex(t, said->side, said->hex);
    }
    return talk_end(t);
}

/* The same, whatever the segments. */
static void
hear_tcp(struct talk *t, uint16_t to, const struct said *said,
         const char *expected)
{
    static const size_t segments[] = { 0, 1, 7 };

    for (size_t i = 0; i < 3; i++) {
        UNIT_STR_EQ(hear(t, INSP_PROTO_TCP, 40000, to, said, segments[i]),
                    expected);
    }
}

static void
test_dns(void)
{
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 53, dns_a, 0),
                "dns id=4660 qr=1 opcode=0 rrname=www.example.com rrtype=A "
                "rrclass=IN rd=1 edns.udp_size=1232 edns.do=1 "
                "edns.client_subnet=192.0.2.0/24 latency_us=1000 ra=1 ad=1 "
                "rcode=NOERROR answer_count=3 grouped=CNAME=web.example.com "
                "grouped=A=192.0.2.7 grouped=AAAA=2001:db8::7 ttl=60\n");
    UNIT_EQ(t.app, INSP_APP_DNS);
    /* Told by what is said, wherever it is. */
    UNIT_EQ(strncmp(hear(&t, INSP_PROTO_UDP, 40000, 4000, dns_a, 0),
                    "dns id=4660", 11),
            0);
    /* The answer alone. */
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 53, 40000, dns_a + 1, 0),
                "dns id=4660 qr=1 opcode=0 rrname=www.example.com rrtype=A "
                "rrclass=IN rd=1 ra=1 ad=1 rcode=NOERROR answer_count=3 "
                "grouped=CNAME=web.example.com grouped=A=192.0.2.7 "
                "grouped=AAAA=2001:db8::7 ttl=60\n");
}

static void
test_dns_outstanding(void)
{
    struct talk t;

    UNIT_STR_EQ(
        hear(&t, INSP_PROTO_UDP, 40000, 53, dns_many, 0),
        "dns id=2 qr=1 opcode=0 rrname=b.test rrtype=MX rrclass=IN rd=1 "
        "latency_us=2000 ra=1 rcode=NXDOMAIN answer_count=0\n"
        "dns id=1 qr=1 opcode=0 rrname=a.test rrtype=A rrclass=IN rd=1 "
        "latency_us=4000 ra=1 rcode=NOERROR answer_count=1 "
        "grouped=A=10.0.0.1 ttl=5\n"
        "dns id=3 qr=0 opcode=0 rrname=. rrtype=NS rrclass=IN rd=1\n");
}

static void
test_dns_same_number(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_UDP, 40000, 53);
    /* Asked twice, and another question under the same number. */
    talk_hex(&t, 0, "0001010000010000000000000161047465737400 0001 0001");
    talk_hex(&t, 0, "0001010000010000000000000161047465737400 0001 0001");
    talk_hex(&t, 0, "0001010000010000000000000162047465737400 0001 0001");
    /* An answer without its question, one that nobody asked for. */
    talk_hex(&t, 1, "0001818100000000 00000000");
    talk_hex(&t, 1, "0001818300010000000000000163047465737400 0001 0001");
    talk_hex(&t, 1, "0001818300010000000000000162047465737400 0001 0001");
    UNIT_STR_EQ(
        talk_end(&t),
        "dns id=1 qr=1 opcode=0 rrname=a.test rrtype=A rrclass=IN rd=1 "
        "latency_us=3000 ra=1 rcode=FORMERR answer_count=0\n"
        "dns id=1 qr=1 opcode=0 rrname=c.test rrtype=A rrclass=IN rd=1 "
        "ra=1 rcode=NXDOMAIN answer_count=0\n"
        "dns id=1 qr=1 opcode=0 rrname=b.test rrtype=A rrclass=IN rd=1 "
        "latency_us=3000 ra=1 rcode=NXDOMAIN answer_count=0\n");
}

static void
test_dns_types(void)
{
    struct talk t;

    UNIT_STR_EQ(
        hear(&t, INSP_PROTO_UDP, 40000, 53, dns_types, 0),
        "dns id=7 qr=1 opcode=0 rrname=t.test rrtype=ANY rrclass=IN rd=1 "
        "latency_us=1000 aa=1 ra=1 rcode=NOERROR answer_count=8 "
        "grouped=MX=mx.t.test grouped=TXT=v=spf1 -all "
        "grouped=SRV=1 2 389 dc.t.test "
        "grouped=SOA=ns.t.test root.t.test 1 2 3 4 5 grouped=HTTPS=1 . "
        "grouped=SSHFP=4 2 aabb grouped=NS=o\\.\\\\d\\007 ttl=9\n");
}

/* Two questions in one segment, a transfer of two messages. */
static void
test_dns_tcp(void)
{
    struct talk t;

    hear_tcp(&t, 53, dns_tcp,
             "dns id=9 qr=1 opcode=0 rrname=z.test rrtype=AXFR rrclass=IN "
             "latency_us=1000 aa=1 rcode=NOERROR answer_count=1 "
             "grouped=SOA=ns.z.test . 8 1 1 1 1 ttl=60\n"
             "dns id=10 qr=1 opcode=0 rrname=y.test rrtype=A rrclass=IN rd=1 "
             "latency_us=1000 ra=1 rcode=SERVFAIL answer_count=0\n");
    UNIT_EQ(t.app, INSP_APP_DNS);
}

/* A message of 60000 bytes, 3749 answers, of which the first are read; the
 * next message is found behind it. */
static void
test_dns_long(void)
{
    static const uint8_t head[] = { 0xea, 0x60, 0,    1, 0x80, 0, 0,
                                    1,    0x0e, 0xa5, 0, 0,    0, 0,
                                    1,    'a',  0,    0, 1,    0, 1 };
    static const uint8_t next[] = { 0, 19, 0, 2, 0x80, 3, 0, 1, 0, 0, 0,
                                    0, 0,  0, 1, 'b',  0, 0, 1, 0, 1 };
    static const uint8_t rr[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0,
                                  0,    9,  0, 4, 9, 9, 9, 9 };
    static uint8_t bytes[2 + 60000 + sizeof next];
    size_t at = sizeof head;
    const char *text;
    unsigned int n = 0;
    struct talk t;

    memcpy(bytes, head, sizeof head);
    for (; at + sizeof rr <= 60002; at += sizeof rr) {
        memcpy(bytes + at, rr, sizeof rr);
    }
    memcpy(bytes + 60002, next, sizeof next);
    for (size_t segment = 0; segment < 1500; segment += 1449) {
        talk_begin(&t, INSP_PROTO_TCP, 40000, 53);
        t.segment = segment;
        talk_say(&t, 1, bytes, sizeof bytes);
        text = talk_end(&t);
        UNIT_EQ(strncmp(text, "dns id=1 qr=1 opcode=0 rrname=a rrtype=A ", 41),
                0);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "answer_count=3749 "));
        n = 0;
        for (const char *p = text; (p = strstr(p, "A=9.9.9.9")); p++) {
            n++;
        }
        UNIT_EQ(n, 32);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(text, "dns id=2 qr=1 opcode=0 rrname=b rrtype=A "
                         "rrclass=IN rcode=NXDOMAIN answer_count=0\n"));
    }
}

/* Names that point at themselves and at each other, and nowhere. */
static void
test_dns_loops(void)
{
    struct talk t;

    UNIT_STR_EQ(
        hear(&t, INSP_PROTO_UDP, 40000, 53, dns_loop, 0),
        "dns id=5 qr=1 opcode=0 rrname=l.test rrtype=CNAME rrclass=IN rd=1 "
        "latency_us=1000 ra=1 rcode=NOERROR answer_count=2 ttl=1\n");
    /* An option of EDNS that is longer than the message. */
    talk_begin(&t, INSP_PROTO_UDP, 40000, 53);
    talk_hex(&t, 0,
             "0002010000010000000000010165000001 0001"
             "00002904d0000000000006000affff0102");
    UNIT_STR_EQ(talk_end(&t), "dns id=2 qr=0 opcode=0 rrname=e rrtype=A "
                              "rrclass=IN rd=1 edns.udp_size=1232\n");
    talk_begin(&t, INSP_PROTO_UDP, 40000, 53);
    /* The question itself. */
    talk_hex(&t, 0, "0001010000010000000000000161c00c00010001");
    talk_hex(&t, 0, "000101000001000000000000c00c00010001");
    talk_hex(&t, 0, "000101000001000000000000016100");
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_UNKNOWN);
}

/* "a b", "ü", and bytes that are no letters. */
static void
test_dns_letters(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_UDP, 40000, 53);
    talk_hex(&t, 0,
             "00020100000100000000000003612062 02c3bc 03ff7f00 00"
             "0001 0001");
    UNIT_STR_EQ(talk_end(&t), "dns id=2 qr=0 opcode=0 "
                              "rrname=a b.\\xc3\\xbc.\\255\\127\\000 rrtype=A "
                              "rrclass=IN rd=1\n");
}

static void
test_dns_cut(void)
{
    struct talk t;
    size_t size = strlen(dns_types[1].hex) / 2;
    char hex[1024];

    /* Whatever is missing, what is there is said and nothing else is read. */
    for (size_t n = 0; n <= size; n++) {
        snprintf(hex, sizeof hex, "%.*s", (int) (2 * n), dns_types[1].hex);
        talk_begin(&t, INSP_PROTO_UDP, 40000, 53);
        talk_hex(&t, 0, dns_types[0].hex);
        talk_hex(&t, 1, hex);
        UNIT_EQ(strncmp(talk_end(&t), "dns id=7 qr=", 12), 0);
    }
}

static void
test_mdns(void)
{
    static const char says[] =
        "dns id=0 qr=1 opcode=0 aa=1 rcode=NOERROR answer_count=1 "
        "rrname=_ipp._tcp.local rrtype=PTR rrclass=IN "
        "grouped=PTR=p1._ipp._tcp.local grouped=SRV=0 0 631 box.local "
        "grouped=A=10.0.0.9 ttl=4500\n";
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 5353, 5353, mdns_asks, 0),
                "dns id=0 qr=0 opcode=0 rrname=_ipp._tcp.local rrtype=PTR "
                "rrclass=IN questions=PTR=_ipp._tcp.local "
                "questions=TXT=_ipp._tcp.local\n");
    UNIT_EQ(t.app, INSP_APP_MDNS);
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 5353, 5353, mdns_says, 0), says);
    UNIT_EQ(t.app, INSP_APP_MDNS);
}

static void
test_llmnr(void)
{
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 5355, llmnr, 0),
                "dns id=119 qr=1 opcode=0 rrname=printer rrtype=A "
                "rrclass=IN latency_us=1000 rcode=NOERROR answer_count=1 "
                "grouped=A=10.0.0.5 ttl=30\n");
    UNIT_EQ(t.app, INSP_APP_LLMNR);
}

static void
test_dhcp(void)
{
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 68, 67, dhcp_asks, 0),
                "dhcp type=request id=3405643777 client_mac=020000000a01 "
                "dhcp_type=request client_id=01020000000a01 hostname=vm1 "
                "requested_ip=0a000015 vendor_class_identifier=udhcp 1.36 "
                "param_list=010306 fqdn=vm1.example.net\n");
    UNIT_EQ(t.app, INSP_APP_DHCP);
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 67, 68, dhcp_gives, 0),
                "dhcp type=reply id=3405643777 assigned_ip=0a000015 "
                "client_mac=020000000a01 dhcp_type=ack server_id=0a000001 "
                "lease_time=3600 renewal_time=1800 subnet_mask=ffffff00 "
                "routers=0a000001 dns_servers=0a000002 dns_servers=0a000003 "
                "domain=example.net\n");
}

static void
test_dhcpv6(void)
{
    struct talk t;

    UNIT_STR_EQ(
        hear(&t, INSP_PROTO_UDP, 547, 546, dhcpv6, 0),
        "dhcpv6 type=reply id=1193046 client_duid=00030001020000000a01 "
        "client_mac=020000000a01 server_duid=0001000118464999020000000a02 "
        "addresses=20010db8000000000000000000000021 preferred_lifetime=100 "
        "valid_lifetime=200 prefixes=2001:db8::21/56 "
        "dns_servers=20010db8000000000000000000000021 "
        "fqdn=vm1.example.net\n");
    UNIT_EQ(t.app, INSP_APP_DHCPV6);
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 547, 547, dhcpv6_relay, 0),
                "dhcpv6 type=advertise id=7 "
                "relay.link_address=00000000000000000000000000000000 "
                "relay.peer_address=fe800000000000000000000000000001 "
                "client_duid=00030001020000000a01 client_mac=020000000a01 "
                "status=no_addrs_avail\n");
}

static void
test_ntp(void)
{
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 123, ntp, 0),
                "ntp version=4 mode=3 latency_us=1000 stratum=2 "
                "reference_id=192.0.2.1\n");
    UNIT_EQ(t.app, INSP_APP_NTP);
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 123, 40000, ntp_refuses, 0),
                "ntp version=3 mode=4 stratum=0 reference_id=RATE\n");
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 123, ntp_control, 0),
                "ntp version=2 mode=6 opcode=2 latency_us=1000\n");
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 4000, ntp, 0), "");
}

static void
test_snmp(void)
{
    struct talk t;

    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 161, snmp, 0),
                "snmp version=2 community=public pdu_type=get_request "
                "request_id=4711 vars=1.3.6.1.2.1.1.5.0 "
                "answer_type=response latency_us=1000 error=no_such_name\n");
    UNIT_EQ(t.app, INSP_APP_SNMP);
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 162, snmp_trap, 0),
                "snmp version=1 community=traps pdu_type=trap_v1 "
                "trap_oid=1.3.6.1.4.1.31360.0 trap_address=0a000001 "
                "trap_type=link_down vars=1.3.6.1.2.1.1.5.0\n");
    UNIT_STR_EQ(hear(&t, INSP_PROTO_UDP, 40000, 161, snmp_v3, 0),
                "snmp version=3 pdu_type=get_request request_id=99 "
                "answer_type=report latency_us=1000\n"
                "snmp version=3 usm=ops engine_id=8000000001020304 "
                "encrypted=1 request_id=99 latency_us=1000\n");
}

/* Every length of what fills its datagram: all but the whole are nothing. */
static void
test_exact(void)
{
    static const struct {
        const struct said *said;
        enum insp_app app;
    } whole[] = {
        { snmp, INSP_APP_SNMP },
        { snmp_v3, INSP_APP_SNMP },
        { dhcpv6, INSP_APP_DHCPV6 },
    };
    struct talk t;
    char hex[1024];

    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(whole[i].said->hex) / 2;

        for (size_t n = 1; n <= size; n++) {
            snprintf(hex, sizeof hex, "%.*s", (int) (2 * n),
                     whole[i].said->hex);
            talk_begin(&t, INSP_PROTO_UDP, 40000, 4000);
            talk_hex(&t, 0, hex);
            (void) talk_end(&t);
            if (n == size) {
                UNIT_EQ(t.app, whole[i].app);
            } else if (whole[i].app == INSP_APP_SNMP) {
                UNIT_EQ(t.app, INSP_APP_UNKNOWN);
            }
        }
        talk_begin(&t, INSP_PROTO_UDP, 40000, 4000);
        snprintf(hex, sizeof hex, "%s00", whole[i].said->hex);
        talk_hex(&t, 0, hex);
        (void) talk_end(&t);
        UNIT_EQ(t.app, INSP_APP_UNKNOWN);
    }
}

#define OLD "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"
#define NEW                                                                   \
    "<165>1 2003-10-11T22:14:15.003Z host.example.com evntslog 7 ID47 "       \
    "[a@32473 x=\"]\\\"\" y=\"2\"][b@1 z=\"\"] \xef\xbb\xbf"                  \
    "An event"
#define OLD_SAYS                                                              \
    "syslog facility=auth severity=crit hostname=mymachine program=su "       \
    "pid=12 message='su root' failed\n"
#define NEW_SAYS                                                              \
    "syslog facility=local4 severity=notice hostname=host.example.com "       \
    "program=evntslog pid=7 msgid=ID47 message=An event\n"

static const char *
hear_text(struct talk *t, uint8_t proto, uint16_t to, const char *text,
          size_t segment)
{
    talk_begin(t, proto, 40000, to);
    t->segment = segment;
    talk_text(t, 0, text);
    talk_fin(t, 0);
    return talk_end(t);
}

static void
test_syslog(void)
{
    struct talk t;

    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, OLD, 0), OLD_SAYS);
    UNIT_EQ(t.app, INSP_APP_SYSLOG);
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 5514, NEW, 0), NEW_SAYS);
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, "<0>1 - - - - - -", 0),
                "syslog facility=kern severity=emerg\n");
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514,
                          "<30>2020-01-01T00:00:00.1+01:00 h cron: go", 0),
                "syslog facility=daemon severity=info hostname=h program=cron "
                "message=go\n");
    /* Not beyond 191, not with zeros in front, not binary. */
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, "<192>no: no", 0), "");
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, "<034>no: no", 0), "");
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, "<34>\x01\x02\x03", 0), "");
    UNIT_STR_EQ(hear_text(&t, INSP_PROTO_UDP, 514, "<html>no</html>", 0), "");
}

static void
test_syslog_tcp(void)
{
    static const size_t segments[] = { 0, 1, 7 };
    static char text[6200], *end;
    struct talk t;

    for (size_t i = 0; i < 3; i++) {
        UNIT_STR_EQ(hear_text(&t, INSP_PROTO_TCP, 514,
                              OLD "\n<13>bare: words\r\n<14>just words\n",
                              segments[i]),
                    OLD_SAYS
                    "syslog facility=user severity=notice program=bare "
                    "message=words\n"
                    "syslog facility=user severity=info message=just words\n");
        UNIT_EQ(t.app, INSP_APP_SYSLOG);
        snprintf(text, sizeof text, "%zu %s%zu %s", strlen(NEW), NEW,
                 strlen(OLD), OLD);
        UNIT_STR_EQ(hear_text(&t, INSP_PROTO_TCP, 601, text, segments[i]),
                    NEW_SAYS OLD_SAYS);
        /* A line, and a message with its size, of 3000 bytes; in the line,
         * where no more of it is read, what looks like a message. */
        end = text + sprintf(text, "<13>a: %02041d<13>fake: %0900d\n", 0, 0);
        end += sprintf(end, "3007 <13>b: %03000d", 0);
        strcpy(end, "<13>c: end\n");
        (void) hear_text(&t, INSP_PROTO_TCP, 514, text, segments[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(t.text, "program=b message=0"));
        CU_ASSERT_PTR_NOT_NULL(
            strstr(t.text, "\nsyslog facility=user severity=notice program=c "
                           "message=end\n"));
        UNIT_EQ(strlen(t.text),
                2 * (56 + 256) + strlen("syslog facility=user "
                                        "severity=notice program=c "
                                        "message=end\n"));
    }
}

#define CALL                                                                  \
    "From: \"A\" <sip:a@x.test>;tag=1\r\nt: <sip:b@y.test>\r\n"               \
    "Call-ID: c1@x.test\r\n"
#define INVITE                                                                \
    "INVITE sip:b@y.test SIP/2.0\r\n" CALL "CSeq: 1 INVITE\r\n"               \
    "User-Agent: phone/1\r\nContent-Length: 7\r\n\r\nv=0\r\n\r\n"
#define RINGING "SIP/2.0 180 Ringing\r\n" CALL "CSeq: 1 INVITE\r\nl:0\r\n\r\n"
#define OK                                                                    \
    "SIP/2.0 200 OK\r\n" CALL                                                 \
    "CSeq: 1 INVITE\r\nServer: pbx/2\r\nContent-Length: 0\r\n\r\n"
#define ACK                                                                   \
    "ACK sip:b@y.test SIP/2.0\r\n" CALL                                       \
    "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
#define CALL_SAYS                                                             \
    "version=SIP/2.0 from=\"A\" <sip:a@x.test>;tag=1 to=<sip:b@y.test> "      \
    "call_id=c1@x.test "
#define INVITE_SAYS                                                           \
    "sip method=INVITE uri=sip:b@y.test " CALL_SAYS                           \
    "cseq=1 INVITE user_agent=phone/1"
#define ACK_SAYS "sip method=ACK uri=sip:b@y.test " CALL_SAYS "cseq=1 ACK\n"

static void
test_sip(void)
{
    struct talk t;

    talk_begin(&t, INSP_PROTO_UDP, 5060, 5060);
    talk_text(&t, 0, INVITE);
    talk_text(&t, 0, INVITE);
    talk_text(&t, 1, RINGING);
    talk_text(&t, 1, OK);
    talk_text(&t, 0, ACK);
    talk_text(&t, 0, "\r\n\r\n");
    UNIT_STR_EQ(talk_end(&t),
                INVITE_SAYS " latency_us=3000 server=pbx/2 code=200 "
                            "reason=OK\n" ACK_SAYS);
    UNIT_EQ(t.app, INSP_APP_SIP);

    talk_begin(&t, INSP_PROTO_UDP, 40000, 4000);
    talk_text(&t, 1, OK);
    UNIT_STR_EQ(talk_end(&t), "sip method=INVITE " CALL_SAYS
                              "cseq=1 INVITE server=pbx/2 code=200 "
                              "reason=OK\n");
}

static void
test_sip_tcp(void)
{
    static const size_t segments[] = { 0, 1, 7 };
    struct talk t;

    for (size_t i = 0; i < 3; i++) {
        talk_begin(&t, INSP_PROTO_TCP, 40000, 5060);
        t.segment = segments[i];
        talk_text(&t, 0, "\r\n\r\n" INVITE);
        talk_text(&t, 1, RINGING OK);
        talk_text(&t, 0, ACK INVITE);
        UNIT_STR_EQ(talk_end(&t),
                    INVITE_SAYS " latency_us=1000 server=pbx/2 code=200 "
                                "reason=OK\n" ACK_SAYS INVITE_SAYS "\n");
        UNIT_EQ(t.app, INSP_APP_SIP);
    }
}

/* Of a head that does not end, the beginning is read and no more. */
static void
test_sip_endless(void)
{
    static char text[20000];
    struct talk t;
    size_t at = (size_t) sprintf(text, "INVITE sip:b SIP/2.0\r\nX: ");

    memset(text + at, 'x', sizeof text - 1 - at);
    for (size_t segment = 0; segment < 1500; segment += 1449) {
        UNIT_STR_EQ(hear_text(&t, INSP_PROTO_TCP, 5060, text, segment),
                    "sip method=INVITE uri=sip:b version=SIP/2.0\n");
    }
}

/* What others say. */
static void
test_foreign(void)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "OPTIONS rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "220 mail ESMTP\r\n",
        "250 <a@b> ok\r\n",
        "* OK IMAP4 ready\r\n",
        "USER anonymous\r\n",
        "<?xml version=\"1.0\"?>\r\n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    static const char *const hexes[] = {
        /* TLS hello, NetBIOS name, STUN, DHCP without its magic, zeros. */
        "16030102000100 01fc0303000102030405060708090a0b0c0d0e0f1011121314",
        "807b0110000100000000000020434b"
        "414141414141414141414141414141414141414141414141414141414141"
        "0000210001",
        "000100082112a442000102030405060708090a0b 0006000461626364",
        "0101060000000000000000000000000000000000000000000000000000000000",
        "00000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000000000000000000000000000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    static const enum insp_app ours[] = {
        INSP_APP_DNS,  INSP_APP_MDNS,   INSP_APP_LLMNR,
        INSP_APP_DHCP, INSP_APP_DHCPV6, INSP_APP_NTP,
        INSP_APP_SNMP, INSP_APP_SYSLOG, INSP_APP_SIP,
    };
    static const uint8_t protos[] = { INSP_PROTO_TCP, INSP_PROTO_UDP };
    static const uint16_t ports[] = { 53,  5353, 5355, 67,  547,
                                      123, 161,  514,  5060 };
    struct talk t;

    for (size_t i = 0; i < 2 * INSP_ARRAY_SIZE(ports); i++) {
        uint16_t port = ports[i / 2];

        for (size_t j = 0; j < INSP_ARRAY_SIZE(texts) + INSP_ARRAY_SIZE(hexes);
             j++) {
            talk_begin(&t, protos[i % 2], 40000, port);
            if (j < INSP_ARRAY_SIZE(texts)) {
                talk_text(&t, 0, texts[j]);
            } else {
                talk_hex(&t, 0, hexes[j - INSP_ARRAY_SIZE(texts)]);
            }
            (void) talk_end(&t);
            for (size_t k = 0; k < INSP_ARRAY_SIZE(ours); k++) {
                CU_ASSERT_NOT_EQUAL(t.app, ours[k]);
            }
        }
    }
}

UNIT_MAIN("app names", UNIT_TEST(test_dns), UNIT_TEST(test_dns_outstanding),
          UNIT_TEST(test_dns_same_number), UNIT_TEST(test_dns_types),
          UNIT_TEST(test_dns_tcp), UNIT_TEST(test_dns_long),
          UNIT_TEST(test_dns_loops), UNIT_TEST(test_dns_letters),
          UNIT_TEST(test_dns_cut), UNIT_TEST(test_mdns), UNIT_TEST(test_llmnr),
          UNIT_TEST(test_dhcp), UNIT_TEST(test_dhcpv6), UNIT_TEST(test_ntp),
          UNIT_TEST(test_snmp), UNIT_TEST(test_exact), UNIT_TEST(test_syslog),
          UNIT_TEST(test_syslog_tcp), UNIT_TEST(test_sip),
          UNIT_TEST(test_sip_tcp), UNIT_TEST(test_sip_endless),
          UNIT_TEST(test_foreign))
