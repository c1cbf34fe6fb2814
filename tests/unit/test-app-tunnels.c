/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of tunnels, and what is known by its first words make of
 * bytes. */

#include "talk.h"

#define PROTO_GRE 47

/* Between 10.0.0.1 and 10.0.0.2. */
#define UDP_53      "4500001c00010000401166ce0a0000010a0000021388003500080000"
#define UDP_53_BACK "4500001c00010000401166ce0a0000020a0000010035138800080000"
#define TCP_80                                                                \
    "4500002800010000400666cd0a0000010a000002"                                \
    "9c40005000000001000000005002200000000000"
#define PING      "4500001c00010000400166de0a0000010a0000020800000000070001"
#define LATER     "4500001c00010010401166be0a0000010a0000023132333435363738"
#define PROTO_250 "450000140001000040fa65ed0a0000010a000002"
#define PING_6                                                                \
    "6000000000083a4020010db8000000000000000000000001"                        \
    "20010db80000000000000000000000028000000000070001"

#define ETH      "020000000002020000000001"
#define ETH_BACK "020000000001020000000002"
#define ARP                                                                   \
    "ffffffffffff020000000001"                                                \
    "0806"                                                                    \
    "00010800060400010200000000010a000001"                                    \
    "0000000000000a000002"

#define MACS "inner.src_mac=020000000001 inner.dest_mac=020000000002 "
#define IPS_UDP                                                               \
    "inner.src_ip=0a000001 inner.src_port=5000 inner.dest_ip=0a000002 "       \
    "inner.dest_port=53 inner.proto=UDP\n"
#define IPS_TCP                                                               \
    "inner.src_ip=0a000001 inner.src_port=40000 inner.dest_ip=0a000002 "      \
    "inner.dest_port=80 inner.proto=TCP\n"
#define IPS_PING                                                              \
    "inner.src_ip=0a000001 inner.dest_ip=0a000002 inner.proto=ICMP "          \
    "inner.icmp_type=8 inner.icmp_code=0\n"

/* One datagram, alone. */
static enum insp_app
one(struct talk *t, uint8_t proto, unsigned int side, const char *hex)
{
    talk_begin(t, proto, 40000, 1234);
    talk_hex(t, side, hex);
    talk_end(t);
    return t->app;
}

static enum insp_app
one_text(struct talk *t, uint8_t proto, unsigned int side, uint16_t port,
         const void *text, size_t size)
{
    talk_begin(t, proto, 40000, port);
    talk_say(t, side, text, size);
    if (proto == INSP_PROTO_TCP) {
        talk_fin(t, side); /* Whoever waits for more has all of it. */
    }
    talk_end(t);
    return t->app;
}

/* ------------------------------------------------------------------------ */
/* VXLAN. */

static void
test_vxlan(void)
{
    static struct talk t;

    talk_begin(&t, INSP_PROTO_UDP, 50000, 4789);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" UDP_53);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" UDP_53);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" TCP_80);
    /* The answer is of the same inner connection; another network is not. */
    talk_hex(&t, 1, "0800000000006400" ETH_BACK "0800" UDP_53_BACK);
    talk_hex(&t, 0, "0800000000006500" ETH "0800" UDP_53);
    talk_hex(&t, 0,
             "0800000000006400" ETH "8100000581000006"
             "0800" PING);
    talk_hex(&t, 0, "0800000000006400" ETH "86dd" PING_6);
    talk_hex(&t, 0, "0800000000006400" ARP);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" LATER);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" PROTO_250);
    /* Not what it was taken for. */
    talk_hex(&t, 0, "0c00000000006400" ETH "0800" TCP_80);
    talk_hex(&t, 0, "08000000");
    UNIT_STR_EQ(talk_end(&t),
                "vxlan vni=100 " MACS IPS_UDP "vxlan vni=100 " MACS IPS_TCP
                "vxlan vni=101 " MACS IPS_UDP "vxlan vni=100 " MACS
                "inner.vlan=5 inner.customer_vlan=6 " IPS_PING
                "vxlan vni=100 " MACS
                "inner.src_ip=20010db8000000000000000000000001 "
                "inner.dest_ip=20010db8000000000000000000000002 "
                "inner.proto=IPv6-ICMP inner.icmp_type=128 "
                "inner.icmp_code=0\n"
                "vxlan vni=100 inner.src_mac=020000000001 "
                "inner.dest_mac=ffffffffffff inner.ether_type=2054\n"
                "vxlan vni=100 " MACS "inner.src_ip=0a000001 "
                "inner.dest_ip=0a000002 inner.proto=250\n");
    UNIT_EQ(t.app, INSP_APP_VXLAN);
}

static void
test_vxlan_only(void)
{
    static struct talk t;

    UNIT_EQ(one(&t, INSP_PROTO_UDP, 1, "0800000000006400" ARP),
            INSP_APP_VXLAN);
    /* Flags, zeros, a group that sends, no IP, a false sum, TCP. */
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0c00000000006400" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0800010000006400" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0800000000006401" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0,
                "0800000000006400"
                "020000000002030000000001"
                "0800" UDP_53),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0800000000006400" ETH "1234" UDP_53),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0,
                "0800000000006400" ETH "0800"
                "4500001c00010000401166cf0a0000010a0000021388003500080000"),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_TCP, 0, "0800000000006400" ARP),
            INSP_APP_UNKNOWN);
    /* A sum that a network card would have filled in. */
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0,
                "0800000000006400" ETH "0800"
                "4500001c00010000401100000a0000010a0000021388003500080000"),
            INSP_APP_VXLAN);
}

/* More inner connections than are remembered, and more than are told. */
static void
test_tunnel_bounds(void)
{
    static struct talk t;
    unsigned int n = 0;
    char hex[256];

    talk_begin(&t, INSP_PROTO_UDP, 50000, 4789);
    talk_hex(&t, 0, "0800000000006400" ETH "0800" UDP_53);
    for (int i = 0; i < 100; i++) {
        snprintf(hex, sizeof hex,
                 "0800000000006400" ETH "0800"
                 "4500001c00010000401100000a0000010a000002%04x003500080000",
                 6000 + i);
        talk_hex(&t, 0, hex);
        t.now_ns -= 1000000;
    }
    /* Forgotten, and a second later new again. */
    t.now_ns += 1000000000;
    talk_hex(&t, 0, "0800000000006400" ETH "0800" UDP_53);
    talk_end(&t);
    for (const char *at = t.text; (at = strchr(at, '\n')); at++) {
        n++;
    }
    UNIT_EQ(n, 64 + 1);
}

/* ------------------------------------------------------------------------ */
/* Geneve. */

static void
test_geneve(void)
{
    static struct talk t;

    talk_begin(&t, INSP_PROTO_UDP, 50000, 6081);
    talk_hex(&t, 0, "0000655800000a00" ETH "0800" UDP_53);
    talk_hex(&t, 0,
             "0340655800000b00"
             "01028001"
             "00000007"
             "ff010000" ETH "0800" TCP_80);
    talk_hex(&t, 0, "0000080000000c00" PING);
    talk_hex(&t, 0, "000086dd00000c00" PING_6);
    UNIT_STR_EQ(talk_end(&t), "geneve vni=10 protocol_type=25944 " MACS IPS_UDP
                              "geneve vni=11 protocol_type=25944 critical=1 "
                              "options=0102/80 options=ff01/00 " MACS IPS_TCP
                              "geneve vni=12 protocol_type=2048 " IPS_PING
                              "geneve vni=12 protocol_type=34525 "
                              "inner.src_ip=20010db8000000000000000000000001 "
                              "inner.dest_ip=20010db8000000000000000000000002 "
                              "inner.proto=IPv6-ICMP inner.icmp_type=128 "
                              "inner.icmp_code=0\n");
    UNIT_EQ(t.app, INSP_APP_GENEVE);

    /* Version, reserved bits, protocol, an option that is longer than all. */
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "4000655800000a00" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0001655800000a00" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0000655800000a01" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0000655900000a00" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0,
                "0100655800000a00"
                "01028001" ARP),
            INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "0000655800000a00" ARP),
            INSP_APP_GENEVE);
}

/* ------------------------------------------------------------------------ */
/* GRE. */

static void
test_gre(void)
{
    static struct talk t;

    talk_begin(&t, PROTO_GRE, 0, 0);
    talk_hex(&t, 0, "00000800" UDP_53);
    talk_hex(&t, 1, "00000800" UDP_53_BACK);
    talk_hex(&t, 0, "b000 86dd 12340000 00000007 00000001" PING_6);
    talk_hex(&t, 0, "2000 6558 00002a00" ETH "0800" TCP_80);
    talk_hex(&t, 0, "2000 6558 12345601" ETH "0800" TCP_80);
    /* MPLS: no more than that it is there. */
    talk_hex(&t, 0, "0000 8847 00001140" UDP_53);
    talk_hex(&t, 0, "0000 8847 00002140" UDP_53);
    UNIT_STR_EQ(talk_end(&t),
                "gre type=gre protocol_type=2048 " IPS_UDP
                "gre type=gre protocol_type=34525 key=7 "
                "inner.src_ip=20010db8000000000000000000000001 "
                "inner.dest_ip=20010db8000000000000000000000002 "
                "inner.proto=IPv6-ICMP inner.icmp_type=128 "
                "inner.icmp_code=0\n"
                "gre type=gre protocol_type=25944 key=10752 " MACS IPS_TCP
                "gre type=nvgre protocol_type=25944 key=305419777 "
                "vsid=1193046 " MACS IPS_TCP
                "gre type=gre protocol_type=34887\n");
    UNIT_EQ(t.app, INSP_APP_GRE);
}

static void
test_gre_mirror(void)
{
    static struct talk t;

    talk_begin(&t, PROTO_GRE, 0, 0);
    talk_hex(&t, 0, "0000 88be" ETH "0800" PING);
    talk_hex(&t, 0,
             "1000 88be 00000001"
             "10140043 00000001" ETH "0800" UDP_53);
    talk_hex(&t, 0,
             "1000 22eb 00000001"
             "20150044 00000000 00000001"
             "0102030405060708" ETH "0800" UDP_53);
    talk_hex(&t, 0,
             "1000 22eb 00000001"
             "20150045 00000000 00000800" UDP_53);
    UNIT_STR_EQ(
        talk_end(&t),
        "gre type=erspan-1 protocol_type=35006 " MACS IPS_PING
        "gre type=erspan-2 protocol_type=35006 session_id=67 vlan=20 " MACS
            IPS_UDP
        "gre type=erspan-3 protocol_type=8939 session_id=68 vlan=21 " MACS
            IPS_UDP
        "gre type=erspan-3 protocol_type=8939 session_id=69 vlan=21 " IPS_UDP);

    talk_begin(&t, PROTO_GRE, 0, 0);
    talk_hex(&t, 0, "3081 880b 00671780 00000001 00000002 ff030021" TCP_80);
    talk_hex(&t, 1, "2081 880b 00001780 00000001");
    talk_hex(&t, 0, "3001 880b 00671781 00000002 21" UDP_53);
    UNIT_STR_EQ(talk_end(&t),
                "gre type=pptp protocol_type=34827 call_id=6016 " IPS_TCP
                "gre type=pptp protocol_type=34827 call_id=6016\n"
                "gre type=pptp protocol_type=34827 call_id=6017 " IPS_UDP);
}

static void
test_gre_only(void)
{
    static struct talk t;

    /* Another protocol; version 2; a route; cut short; a false mirror. */
    UNIT_EQ(one(&t, INSP_PROTO_UDP, 0, "00000800" UDP_53), INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, PROTO_GRE, 0, "00020800" UDP_53), INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, PROTO_GRE, 0, "40000800" UDP_53), INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, PROTO_GRE, 0, "200008000000"), INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, PROTO_GRE, 0, "000022eb10000000"), INSP_APP_UNKNOWN);
    UNIT_EQ(one(&t, PROTO_GRE, 0, "00000800"), INSP_APP_GRE);
}

/* Every byte of it missing, and every byte changed. */
static void
test_torture(void)
{
    static const struct {
        uint8_t proto;
        const char *hex;
    } all[] = {
        { INSP_PROTO_UDP, "0800000000006400" ETH "8100000581000006"
                          "0800" TCP_80 },
        { INSP_PROTO_UDP, "0800000000006400" ARP },
        { INSP_PROTO_UDP, "0340655800000b00"
                          "01028001"
                          "00000007"
                          "ff010000" ETH "0800" TCP_80 },
        { INSP_PROTO_UDP, "000086dd00000c00" PING_6 },
        { PROTO_GRE, "b000 86dd 12340000 00000007 00000001" PING_6 },
        { PROTO_GRE, "1000 22eb 00000001"
                     "20150044 00000000 00000001"
                     "0102030405060708" ETH "0800" UDP_53 },
        { PROTO_GRE, "3081 880b 00671780 00000001 00000002 ff030021" TCP_80 },
    };
    static struct talk t;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint8_t bytes[256], good;
        size_t n = 0;
        unsigned int byte;

        for (const char *at = all[i].hex; *at; at += 2) {
            at += *at == ' ';
            CU_ASSERT_EQUAL_FATAL(sscanf(at, "%2x", &byte), 1);
            bytes[n++] = (uint8_t) byte;
        }
        for (size_t j = 1; j < n; j++) {
            talk_begin(&t, all[i].proto, 40000, 1234);
            talk_say(&t, 0, bytes, n);
            talk_say(&t, 0, bytes, j);
            good = bytes[j];
            for (unsigned int change = 1; change < 256; change <<= 1) {
                bytes[j] = (uint8_t) (good ^ change);
                talk_say(&t, 1, bytes, n);
            }
            bytes[j] = good;
            talk_end(&t);
            CU_ASSERT(t.app == INSP_APP_VXLAN || t.app == INSP_APP_GENEVE ||
                      t.app == INSP_APP_GRE);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* First words. */

struct first {
    enum insp_app app;
    uint8_t proto;
    uint8_t side;
    uint16_t port;
    const char *text;
    size_t size;
};

#define TCP(APP, SIDE, TEXT)                                                  \
    {                                                                         \
        INSP_APP_##APP, INSP_PROTO_TCP, SIDE, 1234, TEXT, sizeof(TEXT) - 1    \
    }
#define UDP(APP, SIDE, TEXT)                                                  \
    {                                                                         \
        INSP_APP_##APP, INSP_PROTO_UDP, SIDE, 1234, TEXT, sizeof(TEXT) - 1    \
    }
#define PORT(APP, NUMBER, SIDE, TEXT)                                         \
    {                                                                         \
        INSP_APP_##APP, INSP_PROTO_TCP, SIDE, NUMBER, TEXT, sizeof(TEXT) - 1  \
    }

#define MARKER                                                                \
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
#define ZEROS_8 "\0\0\0\0\0\0\0\0"

static const struct first firsts[] = {
    TCP(MQTT, 0, "\x10\x10\0\4MQTT\4\2\0\x3c\0\4till"),
    TCP(UNKNOWN, 0, "\x10\x10\0\4MQTX\4\2\0\x3c\0\4till"),
    TCP(RFB, 1, "RFB 003.008\n"),
    TCP(UNKNOWN, 1, "RFB 003.008"),
    TCP(BGP, 0, MARKER "\0\x1d\1\4\xfd\xe8\0\xb4\x0a\0\0\1\0"),
    TCP(BGP, 0, MARKER "\0\x13\4"),
    TCP(UNKNOWN, 0, MARKER "\0\x12\4"),
    TCP(RTSP, 0, "OPTIONS rtsp://cam/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    UDP(TFTP, 0, "\0\1boot.img\0octet\0"),
    UDP(UNKNOWN, 0, "\0\1boot.img\0bytes\0"),
    UDP(IKE, 0,
        "abcdefgh" ZEROS_8 "\x21\x20\x22\x08\0\0\0\0\0\0\0\x20"
        "1234"),
    UDP(IKE, 0,
        "\0\0\0\0"
        "abcdefgh"
        "ijklmnop"
        "\x2e\x20\x23\x20\0\0\0\1\0\0\0\x1c"),
    UDP(UNKNOWN, 0,
        "abcdefgh" ZEROS_8 "\x21\x20\x22\x08\0\0\0\0\0\0\0\x21"
        "1234"),
    UDP(WIREGUARD, 1,
        "\3\0\0\0"
        "0123456789012345678901234567890123456789"
        "01234567890123456789"),
    UDP(UNKNOWN, 1,
        "\3\0\0\0"
        "0123456789012345678901234567890123456789"
        "0123456789012345678"),
    UDP(OPENVPN, 0,
        "\x38"
        "abcdefgh"
        "\0\0\0\0\0"),
    TCP(OPENVPN, 0,
        "\0\x0e\x38"
        "abcdefgh"
        "\0\0\0\0\0"),
    UDP(STUN, 0,
        "\0\1\0\0\x21\x12\xa4\x42"
        "abcdefghijkl"),
    UDP(UNKNOWN, 0,
        "\0\1\0\4\x21\x12\xa4\x42"
        "abcdefghijkl"),
    TCP(BITTORRENT, 0,
        "\x13"
        "BitTorrent protocol" ZEROS_8),
    UDP(BITTORRENT, 0,
        "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa"
        "1:y1:qe"),
    TCP(IRC, 0, "NICK bob\r\nUSER bob 0 * :Bob\r\n"),
    TCP(IRC, 1, ":irc.example NOTICE * :*** Looking up\r\n"),
    TCP(UNKNOWN, 0, "NICK bob\r\n"),
    TCP(RSYNC, 1, "@RSYNCD: 31.0\n"),
    TCP(NATS, 1, "INFO {\"server_id\":\"x\"} \r\n"),
    TCP(ISCSI, 0,
        "\x43\x87\0\0\0\0\0\x20" ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8
        "InitiatorName=iqn.1993-08.org.debian:01:a\0"),
    TCP(CEPH, 1, "ceph v2\n\x10\0\1\0\0\0\0\0\0\0"),
    TCP(OVSDB, 0, "{\"id\":0,\"method\":\"monitor_cond\",\"params\":[]}"),
    TCP(UNKNOWN, 0, "{\"id\":0,\"method\":\"sum\",\"params\":[]}"),
    TCP(OPENFLOW, 0, "\4\0\0\x10\0\0\0\1\0\1\0\x08\0\0\0\x10"),
    PORT(OPENFLOW, 6653, 0, "\1\0\0\x08\0\0\0\1"),
    UDP(RADIUS, 0,
        "\1\7\0\x19"
        "0123456789012345"
        "\1\5"
        "bob"),
    UDP(UNKNOWN, 0,
        "\1\7\0\x19"
        "0123456789012345"
        "\1\6"
        "bob"),
    UDP(SSDP, 0, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"),
    TCP(TDS, 0,
        "\x12\1\0\x1a\0\0\1\0\0\0\x0b\0\6\1\0\x11\0\1\xff"
        "\x11\0\0\0\0\0\0"),
    TCP(TNS, 0,
        "\0\x38\0\0\1\0\0\0\1\x3a\1\x2c\0\0\x20\0\x7f\xff\xc6\x0e\0"
        "\0\1\0\0\x1e\0\x3a\0\0\0\0\0\0(CONNECT_DATA=(SID=x))"),
    TCP(CASSANDRA, 0, "\4\0\0\0\5\0\0\0\0"),
    TCP(CASSANDRA, 0,
        "\4\0\0\0\1\0\0\0\x16\0\1\0\x0b"
        "CQL_VERSION"
        "\0\5"
        "3.0.0"),
    TCP(ZOOKEEPER, 0,
        "\0\0\0\x2c\0\0\0\0" ZEROS_8 "\0\0\x75\x30" ZEROS_8
        "\0\0\0\x10" ZEROS_8 ZEROS_8),
};

static void
test_first(void)
{
    static struct talk t;

    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        const struct first *f = &firsts[i];

        UNIT_STR_EQ(insp_app_word(one_text(&t, f->proto, f->side, f->port,
                                           f->text, f->size)),
                    insp_app_word(f->app));
        UNIT_STR_EQ(t.text, "");
    }
}

/* No read beyond the end, wherever it is. */
static void
test_first_cut(void)
{
    static struct talk t;

    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        const struct first *f = &firsts[i];

        for (size_t n = 1; n < f->size; n++) {
            one_text(&t, f->proto, f->side, f->port, f->text, n);
        }
    }
}

/* Chance has no name; nor has what begins with small numbers. */
static void
test_noise(void)
{
    static const uint16_t ports[] = { 21, 25, 110, 143, 1194, 6653, 6667 };
    static struct talk t;
    uint64_t seed = 88172645463325252u;
    uint8_t bytes[148];

    for (int i = 0; i < 30000; i++) {
        size_t size = 16 + (size_t) (i % 133);

        for (size_t j = 0; j < sizeof bytes; j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[j] = (uint8_t) (seed >> 32);
            if (i & 1 && j < 3) {
                bytes[j] &= 3;
            }
        }
        one_text(&t, i & 2 ? INSP_PROTO_TCP : INSP_PROTO_UDP, i >> 2 & 1,
                 ports[i % 7], bytes, size);
        UNIT_STR_EQ(insp_app_word(t.app),
                    insp_app_word(t.app > INSP_APP_UNKNOWN &&
                                          t.app < INSP_APP_VXLAN
                                      ? t.app
                                      : INSP_APP_UNKNOWN));
    }
}

UNIT_MAIN("app tunnels", UNIT_TEST(test_vxlan), UNIT_TEST(test_vxlan_only),
          UNIT_TEST(test_tunnel_bounds), UNIT_TEST(test_geneve),
          UNIT_TEST(test_gre), UNIT_TEST(test_gre_mirror),
          UNIT_TEST(test_gre_only), UNIT_TEST(test_torture),
          UNIT_TEST(test_first), UNIT_TEST(test_first_cut),
          UNIT_TEST(test_noise))
