/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The connection table with packets made by hand and a clock that is a
 * variable.  'struct bench' sums what was counted and what was reported; most
 * tests end with bench_close(), which flushes and compares the two. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow/quota.h"
#include "flow/table.h"
#include "flow/tcp.h"
#include "unit.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
#define SYN    INSP_TCP_SYN
#define ACK    INSP_TCP_ACK
#define FIN    INSP_TCP_FIN
#define RST    INSP_TCP_RST
#define PSH    INSP_TCP_PSH

struct bench {
    struct insp_epoch epoch;
    struct insp_table *t;
    struct insp_table_config config;
    uint64_t now;
    struct insp_zone zone;
    uint16_t worker;
    uint32_t in_port;
    uint32_t seq;
    uint32_t payload;

    uint64_t packets; /* Counted. */
    uint64_t bytes;
    uint64_t reported_packets;
    uint64_t reported_bytes;
    uint64_t n_interim;
    uint64_t n_final;
    uint64_t n_by_reason[INSP_N_ENDS];
    enum insp_remainder why; /* Of the last one that got no connection. */
    struct insp_conn last;   /* Of the last report. */
    struct insp_conn_report report;
    uint64_t ended_at; /* When the last final report came. */
};

static void
bench_open(struct bench *b, uint32_t flow_limit)
{
    memset((void *) b, 0, sizeof *b);
    insp_epoch_init(&b->epoch);
    b->config = (struct insp_table_config){
        .flow_limit = flow_limit,
        .half_open_limit = flow_limit,
        .idle_timeout_ns = 10 * SECOND,
        .active_timeout_ns = 60 * SECOND,
        .secret = { { 0x9ae16a3b2f90404f, 0xc949c7defebc1fa5,
                      0x7b1fa2d3c4e58697, 0xd6e8feb86659fd93 } },
    };
    b->now = 1000 * SECOND;
    b->in_port = 1;
    b->payload = 0;
}

static void
bench_create(struct bench *b)
{
    CU_ASSERT_EQUAL_FATAL(insp_table_create(&b->config, &b->epoch, &b->t), 0);
}

static void
take_reports(struct bench *b)
{
    while (insp_table_next_report(b->t, &b->report)) {
        const struct insp_conn_report *r = &b->report;

        b->reported_packets += r->packets[0] + r->packets[1];
        b->reported_bytes += r->bytes[0] + r->bytes[1];
        b->n_interim += !r->final;
        b->n_final += r->final;
        b->n_by_reason[r->reason] += r->final;
        b->ended_at = r->final ? b->now : b->ended_at;
        memcpy((void *) &b->last, r->conn, sizeof b->last);
    }
}

static void
maintain(struct bench *b)
{
    insp_table_maintain(b->t, b->now);
    take_reports(b);
}

/* Twice: what ended in one turn is reported after the next. */
static void
settle(struct bench *b)
{
    for (int i = 0; i < 3; i++) {
        maintain(b);
    }
}

static void
wait_ns(struct bench *b, uint64_t ns)
{
    uint64_t end = b->now + ns;

    while (b->now < end) {
        b->now += INSP_MIN(50 * MS, end - b->now);
        maintain(b);
    }
}

/* One packet from a to b; NULL: it was counted as a remainder. */
static struct insp_conn *
send_proto(struct bench *b, uint8_t proto, uint32_t src, uint16_t src_port,
           uint32_t dst, uint16_t dst_port, uint8_t flags)
{
    uint8_t s[4] = { 10, (uint8_t) (src >> 16), (uint8_t) (src >> 8),
                     (uint8_t) src };
    uint8_t d[4] = { 10, (uint8_t) (dst >> 16), (uint8_t) (dst >> 8),
                     (uint8_t) dst };
    struct insp_flow_packet packet = {
        .now_ns = b->now,
        .wire_size = 60 + b->payload,
        .in_port = b->in_port,
        .payload_size = b->payload,
        .tcp_seq = b->seq,
        .worker = b->worker,
        .tcp_flags = flags,
        .is_tcp = proto == INSP_PROTO_TCP,
    };
    struct insp_key key;
    unsigned int side = insp_key_from_tuple(&key, 4, proto, s, d, src_port,
                                            dst_port, &b->zone);
    uint32_t hash = insp_key_hash(&key, &b->config.secret);
    struct insp_conn *conn;
    struct insp_conn *counted;

    insp_epoch_enter(&b->epoch, b->worker);
    conn = insp_table_get(b->t, &key, hash, side, &packet, &b->why);
    counted = conn;
    if (!conn) {
        insp_key_remainder(&key, b->why, 0x0800, b->in_port, 9, &b->zone);
        hash = insp_key_hash(&key, &b->config.secret);
        counted = insp_table_get_remainder(b->t, &key, hash, &packet);
        side = 0;
    }
    if (counted) {
        insp_table_count(b->t, counted, side, &packet);
        b->packets++;
        b->bytes += packet.wire_size;
    }
    insp_epoch_leave(&b->epoch, b->worker);
    return conn;
}

static struct insp_conn *
send_tcp(struct bench *b, uint32_t src, uint32_t dst, uint8_t flags)
{
    return send_proto(b, INSP_PROTO_TCP, src, src == 1 ? 40000 : 80, dst,
                      src == 1 ? 80 : 40000, flags);
}

static struct insp_conn *
send_udp(struct bench *b, uint32_t src, uint32_t dst)
{
    return send_proto(b, INSP_PROTO_UDP, src, 5000, dst, 5000, 0);
}

/* Address 1 is the client, 2 the server. */
static struct insp_conn *
handshake(struct bench *b)
{
    b->in_port = 1;
    b->seq = 100;
    (void) send_tcp(b, 1, 2, SYN);
    b->in_port = 2;
    b->seq = 500;
    (void) send_tcp(b, 2, 1, SYN | ACK);
    b->in_port = 1;
    b->seq = 101;
    return send_tcp(b, 1, 2, ACK);
}

static struct insp_table_stats
stats(const struct bench *b)
{
    struct insp_table_stats s;

    insp_table_get_stats(b->t, &s);
    return s;
}

static void
bench_close(struct bench *b)
{
    struct insp_table_stats s;

    insp_table_flush(b->t);
    settle(b);
    s = stats(b);
    UNIT_EQ(b->reported_packets, b->packets);
    UNIT_EQ(b->reported_bytes, b->bytes);
    CU_ASSERT(insp_table_is_empty(b->t));
    UNIT_EQ(s.connections, 0);
    UNIT_EQ(s.remainders, 0);
    UNIT_EQ(s.half_open, 0);
    UNIT_EQ(s.begun, b->n_final);
    UNIT_EQ(s.misplaced, 0);
    UNIT_EQ(insp_table_n_free(b->t), b->config.flow_limit);
    insp_table_destroy(b->t);
}

/* Keys. */

static void
test_key_is_the_same_both_ways(void)
{
    static const uint8_t a[16] = { 0x20, 1, [15] = 1 };
    static const uint8_t c[16] = { 0x20, 1, [15] = 2 };
    static const uint8_t versions[] = { 4, 6 };
    struct insp_zone zone = { .kind = INSP_ZONE_PAIR, .a = 3, .b = 4 };

    for (size_t i = 0; i < 2; i++) {
        const uint8_t *x = a + (versions[i] == 4 ? 12 : 0);
        const uint8_t *y = c + (versions[i] == 4 ? 12 : 0);
        struct insp_key there;
        struct insp_key back;
        unsigned int side;

        memset(&there, 0xff, sizeof there);
        memset(&back, 0x55, sizeof back);
        side = insp_key_from_tuple(&there, versions[i], 6, x, y, 1, 2, &zone);
        UNIT_EQ(side, 0);
        side = insp_key_from_tuple(&back, versions[i], 6, y, x, 2, 1, &zone);
        UNIT_EQ(side, 1);
        CU_ASSERT(insp_key_equal(&there, &back));
        CU_ASSERT(!memcmp(&there, &back, sizeof there));

        /* One address, two ports: the ports decide. */
        UNIT_EQ(insp_key_from_tuple(&there, versions[i], 6, x, x, 9, 7, &zone),
                1);
        UNIT_EQ(insp_key_from_tuple(&back, versions[i], 6, x, x, 7, 9, &zone),
                0);
        CU_ASSERT(insp_key_equal(&there, &back));
        UNIT_EQ(insp_key_from_tuple(&there, versions[i], 6, x, x, 7, 7, &zone),
                0);
    }
}

static void
test_key_tells_apart(void)
{
    static const uint8_t a[16] = { 10, 0, 0, 1 };
    static const uint8_t c[16] = { 10, 0, 0, 2 };
    struct insp_hash_key secret = { { 0x9ae16a3b2f90404f, 5, 6, 7 } };
    struct insp_zone zone = { .kind = INSP_ZONE_PORT, .a = 3 };
    struct insp_key key;

    for (uint8_t version = 4; version <= 6; version += 2) {
        (void) insp_key_from_tuple(&key, version, 6, a, c, 1, 2, &zone);
        for (size_t i = 0; i < sizeof key; i++) {
            struct insp_key other = key;

            ((uint8_t *) &other)[i] ^= 1;
            CU_ASSERT_FALSE(insp_key_equal(&key, &other));
            if (version == 4 && i < 32 && i % 16 < 12) {
                continue; /* The same in all addresses of IPv4. */
            }
            CU_ASSERT(insp_key_hash(&key, &secret) !=
                      insp_key_hash(&other, &secret));
        }
    }
    (void) insp_key_from_tuple(&key, 4, 6, a, c, 1, 2, &zone);
    UNIT_EQ(key.addr[0][10], 0xff);
    UNIT_EQ(key.addr[0][11], 0xff);
    UNIT_EQ(key.addr[0][15], 1);
}

/* Keys that differ in little fall into places as if by lot: of 65,536 in as
 * many places 36.8 % stay empty, and none has more than a dozen. */
static void
test_hash_spreads(void)
{
    static uint8_t places[4][65536];
    struct insp_hash_key secret = { { 0x243f6a8885a308d3, 0x13198a2e03707344,
                                      0xa4093822299f31d0,
                                      0x082efa98ec4e6c89 } };
    struct insp_zone zone = { .kind = INSP_ZONE_PAIR, .a = 3, .b = 4 };

    memset(places, 0, sizeof places);
    for (uint32_t i = 0; i < 65536; i++) {
        uint8_t near[16] = { 10, 0, (uint8_t) (i >> 8), (uint8_t) i };
        static const uint8_t far[16] = { 10, 9, 0, 1 };
        struct insp_zone other = { .kind = INSP_ZONE_PORT, .a = i };
        struct insp_key key;

        (void) insp_key_from_tuple(&key, 4, 6, near, far, 40000, 80, &zone);
        places[0][insp_key_hash(&key, &secret) & 0xffff]++;
        (void) insp_key_from_tuple(&key, 6, 6, near, far, 40000, 80, &zone);
        places[1][insp_key_hash(&key, &secret) & 0xffff]++;
        near[2] = near[3] = 1;
        (void) insp_key_from_tuple(&key, 4, 17, near, far, (uint16_t) i, 53,
                                   &zone);
        places[2][insp_key_hash(&key, &secret) & 0xffff]++;
        (void) insp_key_from_tuple(&key, 4, 6, near, far, 40000, 80, &other);
        places[3][insp_key_hash(&key, &secret) & 0xffff]++;
    }
    for (unsigned int k = 0; k < 4; k++) {
        unsigned int empty = 0, most = 0;

        for (unsigned int i = 0; i < 65536; i++) {
            empty += !places[k][i];
            most = INSP_MAX(most, (unsigned int) places[k][i]);
        }
        CU_ASSERT(empty > 23500 && empty < 24700);
        CU_ASSERT(most <= 12);
    }
}

static void
test_key_of_icmp(void)
{
    static const uint8_t a[4] = { 10, 0, 0, 1 };
    static const uint8_t c[4] = { 10, 0, 0, 2 };
    struct insp_packet request = { .src = a,
                                   .dst = c,
                                   .ip_version = 4,
                                   .proto = INSP_PROTO_ICMP,
                                   .icmp_type = 8,
                                   .icmp_id = 77 };
    struct insp_packet reply = { .src = c,
                                 .dst = a,
                                 .ip_version = 4,
                                 .proto = INSP_PROTO_ICMP,
                                 .icmp_type = 0,
                                 .icmp_id = 77 };
    struct insp_zone zone = { .kind = INSP_ZONE_EXPLICIT };
    struct insp_key x;
    struct insp_key y;

    UNIT_EQ(insp_key_from_packet(&x, &request, &zone), 0);
    UNIT_EQ(insp_key_from_packet(&y, &reply, &zone), 1);
    CU_ASSERT(insp_key_equal(&x, &y));
    UNIT_EQ(x.port[0], 77);
    UNIT_EQ(x.port[1], 77);
    request.icmp_id = 78;
    (void) insp_key_from_packet(&y, &request, &zone);
    CU_ASSERT_FALSE(insp_key_equal(&x, &y));

    /* Another query, or the other end's, is of another connection. */
    request.icmp_id = 77;
    request.icmp_type = 13;
    (void) insp_key_from_packet(&y, &request, &zone);
    CU_ASSERT_FALSE(insp_key_equal(&x, &y));
    reply.icmp_type = 14;
    (void) insp_key_from_packet(&x, &reply, &zone);
    CU_ASSERT(insp_key_equal(&x, &y));
    UNIT_EQ(insp_key_asker(&x), 0);
    reply.icmp_type = 13;
    (void) insp_key_from_packet(&x, &reply, &zone);
    CU_ASSERT_FALSE(insp_key_equal(&x, &y));
    UNIT_EQ(insp_key_asker(&x), 1);

    reply.icmp_type = 3; /* Unreachable: type and code. */
    reply.icmp_code = 1;
    reply.icmp_id = 0;
    (void) insp_key_from_packet(&y, &reply, &zone);
    UNIT_EQ(y.port[0], 0x301);
    UNIT_EQ(y.port[1], 0x301);

    request.proto = INSP_PROTO_ICMPV6;
    request.icmp_type = 129;
    (void) insp_key_from_packet(&y, &request, &zone);
    UNIT_EQ(y.port[0], 77);
    request.icmp_type = 135;
    (void) insp_key_from_packet(&y, &request, &zone);
    UNIT_EQ(y.port[0], 135 << 8);
}

/* What goes the other way, of each type that has an identifier. */
static void
test_icmp_reverse(void)
{
    static const uint8_t queries4[] = { 8, 13, 15, 17, 42 };
    static const uint8_t answers4[] = { 0, 14, 16, 18, 43 };
    static const uint8_t queries6[] = { 128, 160 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(queries4); i++) {
        UNIT_EQ(insp_icmp_query(1, queries4[i]), queries4[i]);
        UNIT_EQ(insp_icmp_query(1, answers4[i]), queries4[i]);
        UNIT_EQ(insp_icmp_reverse(1, queries4[i]), answers4[i]);
        UNIT_EQ(insp_icmp_reverse(1, answers4[i]), queries4[i]);
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(queries6); i++) {
        UNIT_EQ(insp_icmp_query(58, queries6[i] + 1), queries6[i]);
        UNIT_EQ(insp_icmp_reverse(58, queries6[i]), queries6[i] + 1);
        UNIT_EQ(insp_icmp_reverse(58, queries6[i] + 1), queries6[i]);
    }
    UNIT_EQ(insp_icmp_query(1, 3), 0);
    UNIT_EQ(insp_icmp_reverse(1, 3), 3);
    UNIT_EQ(insp_icmp_reverse(58, 8), 8);
    UNIT_EQ(insp_icmp_reverse(58, 135), 135);
}

static void
test_key_of_remainder(void)
{
    struct insp_zone zone = { .kind = INSP_ZONE_BRIDGE, .a = 5, .vlan = 9 };
    struct insp_key key;
    uint32_t in_port;
    uint32_t out_port;

    insp_key_remainder(&key, INSP_REMAINDER_ARP, 0x0806, 70000, 3, &zone);
    insp_key_remainder_ports(&key, &in_port, &out_port);
    UNIT_EQ(in_port, 70000);
    UNIT_EQ(out_port, 3);
    UNIT_EQ(key.port[0], 0x0806);
    UNIT_EQ(key.zone.vlan, 9);
    CU_ASSERT(insp_key_is_remainder(&key));
    UNIT_STR_EQ(insp_remainder_word(key.proto), "arp");
    UNIT_STR_EQ(insp_end_reason_word(INSP_END_QUOTA), "quota");
}

static void
test_zones_keep_apart(void)
{
    static struct bench b;
    struct insp_conn *one;
    struct insp_conn *two;

    bench_open(&b, 100);
    bench_create(&b);
    b.zone.a = 1;
    one = send_udp(&b, 1, 2);
    b.zone.a = 2;
    two = send_udp(&b, 1, 2);
    CU_ASSERT(one && two && one != two);
    CU_ASSERT_PTR_EQUAL(send_udp(&b, 2, 1), two);
    b.zone.vlan = 7;
    CU_ASSERT_PTR_NOT_EQUAL(send_udp(&b, 1, 2), two);
    settle(&b);
    UNIT_EQ(stats(&b).connections, 3);
    bench_close(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_FLUSHED], 3);
}

/* Handshake and TCP. */

static void
test_handshake_and_round_trip(void)
{
    static struct bench b;
    struct insp_conn *conn;
    uint64_t server;
    uint64_t client;

    bench_open(&b, 100);
    bench_create(&b);
    b.seq = 100;
    conn = send_tcp(&b, 1, 2, SYN);
    UNIT_EQ(stats(&b).half_open, 1);
    CU_ASSERT(conn->state & INSP_CONN_HALF_OPEN);
    b.now += 3 * MS;
    b.in_port = 2;
    b.seq = 500;
    CU_ASSERT_PTR_EQUAL(send_tcp(&b, 2, 1, SYN | ACK), conn);
    UNIT_EQ(stats(&b).half_open, 0);
    CU_ASSERT(conn->state & INSP_CONN_ANSWERED);
    CU_ASSERT_FALSE(conn->state & INSP_CONN_ESTABLISHED);
    CU_ASSERT_FALSE(insp_conn_rtt(conn, &server, &client));
    b.now += 5 * MS;
    b.in_port = 1;
    b.seq = 101;
    (void) send_tcp(&b, 1, 2, ACK);
    CU_ASSERT(conn->state & INSP_CONN_ESTABLISHED);
    CU_ASSERT_FALSE(conn->state & INSP_CONN_MIDSTREAM);
    CU_ASSERT(insp_conn_rtt(conn, &server, &client));
    UNIT_EQ(server, 3000);
    UNIT_EQ(client, 5000);
    UNIT_EQ(conn->flow[conn->initiator].tcp_flags, SYN | ACK);
    UNIT_EQ(conn->flow[conn->initiator].port, 1);
    UNIT_EQ(conn->flow[!conn->initiator].port, 2);
    bench_close(&b);
    UNIT_EQ(b.report.packets[b.last.initiator], 2);
    UNIT_EQ(b.report.packets[!b.last.initiator], 1);
}

static void
test_round_trip_unknown_after_repeated_syn(void)
{
    static struct bench b;
    struct insp_conn *conn;
    uint64_t server;
    uint64_t client;

    bench_open(&b, 100);
    bench_create(&b);
    b.seq = 100;
    (void) send_tcp(&b, 1, 2, SYN);
    b.now += SECOND;
    conn = handshake(&b);
    CU_ASSERT(conn->state & INSP_CONN_ESTABLISHED);
    UNIT_EQ(conn->flow[conn->initiator].retransmitted, 1);
    CU_ASSERT_FALSE(insp_conn_rtt(conn, &server, &client));
    bench_close(&b);
}

static void
test_midstream(void)
{
    static struct bench b;
    struct insp_conn *conn;
    uint64_t server;
    uint64_t client;
    uint64_t first;

    bench_open(&b, 100);
    bench_create(&b);
    conn = send_tcp(&b, 1, 2, ACK | PSH);
    CU_ASSERT(conn->state & INSP_CONN_MIDSTREAM);
    b.in_port = 2;
    (void) send_tcp(&b, 2, 1, ACK);
    CU_ASSERT(conn->state & INSP_CONN_ESTABLISHED);
    CU_ASSERT_FALSE(insp_conn_rtt(conn, &server, &client));

    /* A SYN ACK says that the other side began. */
    conn = send_proto(&b, INSP_PROTO_TCP, 7, 80, 8, 1234, SYN | ACK);
    UNIT_EQ(conn->key.port[conn->initiator], 1234);
    first = insp_conn_first_ns(conn);
    CU_ASSERT(first > 0);
    b.now += MS;
    (void) send_proto(&b, INSP_PROTO_TCP, 8, 1234, 7, 80, ACK);
    CU_ASSERT(conn->flow[conn->initiator].first_ns > first);
    UNIT_EQ(insp_conn_first_ns(conn), first);

    /* A reset in answer to a stray segment establishes nothing. */
    conn = send_proto(&b, INSP_PROTO_TCP, 3, 1, 4, 2, ACK);
    (void) send_proto(&b, INSP_PROTO_TCP, 4, 2, 3, 1, RST);
    CU_ASSERT_FALSE(conn->state & INSP_CONN_ESTABLISHED);
    CU_ASSERT(conn->state & INSP_CONN_CLOSED);
    bench_close(&b);
}

static void
test_retransmissions_and_gaps(void)
{
    static struct bench b;
    struct insp_conn *conn;
    struct insp_flow *flow;

    bench_open(&b, 100);
    bench_create(&b);
    conn = handshake(&b);
    flow = &conn->flow[conn->initiator];
    b.payload = 1000;
    b.seq = 101;
    (void) send_tcp(&b, 1, 2, ACK);
    b.seq = 1101;
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->retransmitted, 0);
    UNIT_EQ(flow->seq_next, 2101);
    (void) send_tcp(&b, 1, 2, ACK); /* 1101 again. */
    UNIT_EQ(flow->retransmitted, 1);
    b.seq = 1601; /* Half of it again. */
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->retransmitted, 2);
    UNIT_EQ(flow->seq_next, 2601);
    UNIT_EQ(flow->out_of_order, 0);
    b.seq = 3601; /* A gap of 1000. */
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->out_of_order, 1);
    UNIT_EQ(flow->seq_next, 4601);
    b.payload = 0;
    b.seq = 4600; /* Keep-alives. */
    (void) send_tcp(&b, 1, 2, ACK);
    b.payload = 1;
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->retransmitted, 2);
    UNIT_EQ(flow->seq_next, 4601);

    /* Across the wrap of the sequence. */
    atomic_store(&flow->seq_next, 0xffffff00);
    b.seq = 0xffffff00;
    b.payload = 1000;
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->retransmitted, 2);
    (void) send_tcp(&b, 1, 2, ACK);
    UNIT_EQ(flow->retransmitted, 3);
    UNIT_EQ(flow->out_of_order, 1);
    bench_close(&b);
}

static void
test_closing_by_fin(void)
{
    static struct bench b;
    struct insp_conn *conn;
    uint64_t closed_at;

    bench_open(&b, 100);
    bench_create(&b);
    conn = handshake(&b);
    settle(&b);
    (void) send_tcp(&b, 1, 2, FIN | ACK);
    b.in_port = 2;
    (void) send_tcp(&b, 2, 1, ACK); /* Half-closed. */
    CU_ASSERT_FALSE(conn->state & INSP_CONN_CLOSED);
    (void) send_tcp(&b, 2, 1, FIN | ACK);
    CU_ASSERT_FALSE(conn->state & INSP_CONN_CLOSED);
    b.in_port = 1;
    (void) send_tcp(&b, 1, 2, ACK);
    CU_ASSERT(conn->state & INSP_CONN_CLOSED);
    closed_at = b.now;
    wait_ns(&b, 900 * MS);
    UNIT_EQ(b.n_final, 0);
    wait_ns(&b, 300 * MS); /* The linger is 1 s. */
    UNIT_EQ(b.n_by_reason[INSP_END_CLOSED], 1);
    CU_ASSERT(b.ended_at - closed_at <= 1200 * MS);
    UNIT_EQ(b.reported_packets, 7);
    bench_close(&b);
}

static void
test_closing_by_reset(void)
{
    static struct bench b;
    struct insp_conn *conn;

    bench_open(&b, 100);
    bench_create(&b);
    conn = send_tcp(&b, 1, 2, SYN);
    b.in_port = 2;
    (void) send_tcp(&b, 2, 1, RST | ACK);
    CU_ASSERT(conn->state & INSP_CONN_CLOSED);
    wait_ns(&b, 1200 * MS);
    UNIT_EQ(b.n_by_reason[INSP_END_CLOSED], 1);
    bench_close(&b);
}

/* Superseding. */

static void
test_syn_supersedes_closed(void)
{
    static struct bench b;
    struct insp_conn *old;
    struct insp_conn *new;

    bench_open(&b, 100);
    bench_create(&b);
    old = handshake(&b);
    CU_ASSERT_PTR_EQUAL(send_tcp(&b, 1, 2, SYN), old); /* Still open. */
    (void) send_tcp(&b, 1, 2, RST);
    CU_ASSERT_PTR_EQUAL(send_tcp(&b, 1, 2, ACK), old); /* No SYN. */
    new = send_tcp(&b, 1, 2, SYN);
    CU_ASSERT(new &&new != old);
    CU_ASSERT_PTR_EQUAL(send_tcp(&b, 1, 2, ACK), new);
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_SUPERSEDED], 1);
    UNIT_EQ(b.reported_packets, 6);
    UNIT_EQ(stats(&b).connections, 1);
    bench_close(&b);
}

static void
test_moved_address_supersedes(void)
{
    static struct bench b;
    static const uint8_t kinds[] = { INSP_ZONE_EXPLICIT, INSP_ZONE_BRIDGE,
                                     INSP_ZONE_PAIR, INSP_ZONE_PORT };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(kinds); i++) {
        struct insp_conn *old;
        struct insp_conn *moved;
        bool names_ports = i >= 2;

        bench_open(&b, 100);
        b.zone.kind = kinds[i];
        b.zone.a = 1;
        bench_create(&b);
        old = send_udp(&b, 1, 2);
        b.in_port = 2;
        CU_ASSERT_PTR_EQUAL(send_udp(&b, 2, 1), old); /* Other side. */
        b.in_port = 0;
        CU_ASSERT_PTR_EQUAL(send_udp(&b, 1, 2), old); /* Unknown port. */
        b.in_port = 3;
        moved = send_udp(&b, 1, 2);
        CU_ASSERT((moved == old) == names_ports);
        settle(&b);
        UNIT_EQ(b.n_by_reason[INSP_END_SUPERSEDED], !names_ports);
        if (!names_ports) {
            UNIT_EQ(b.last.flow[b.last.initiator].port, 1);
            UNIT_EQ(b.reported_packets, 3);
        }
        bench_close(&b);
    }
}

/* An entry superseded before the control thread has heard of it at all. */
static void
test_superseded_before_taken_in(void)
{
    static struct bench b;

    bench_open(&b, 100);
    bench_create(&b);
    for (int i = 0; i < 60; i++) {
        b.in_port = 1 + i % 2;
        CU_ASSERT_PTR_NOT_NULL(send_udp(&b, 1, 2));
    }
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_SUPERSEDED], 59);
    UNIT_EQ(b.reported_packets, 59);
    bench_close(&b);
}

/* Grace. */

static void
test_no_report_while_a_worker_is_inside(void)
{
    static struct bench b;
    struct insp_flow_packet packet = { .wire_size = 60, .worker = 5 };
    struct insp_conn *conn;

    bench_open(&b, 100);
    bench_create(&b);
    conn = send_udp(&b, 1, 2);
    settle(&b);
    insp_epoch_enter(&b.epoch, 5); /* Found it, and is slow. */
    insp_table_flush(b.t);
    settle(&b);
    settle(&b);
    UNIT_EQ(b.n_final, 0);
    packet.now_ns = b.now;
    insp_table_count(b.t, conn, 0, &packet);
    b.packets++;
    b.bytes += 60;
    insp_epoch_leave(&b.epoch, 5);
    settle(&b);
    UNIT_EQ(b.n_final, 1);
    UNIT_EQ(b.reported_packets, 2);
    bench_close(&b);
}

static void
test_not_recycled_before_it_is_reported(void)
{
    static struct bench b;
    struct insp_conn_report report;

    bench_open(&b, 4);
    bench_create(&b);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_PTR_NOT_NULL(send_udp(&b, 10 + i, 2));
    }
    insp_table_flush(b.t);
    for (int i = 0; i < 5; i++) {
        insp_table_maintain(b.t, b.now);
    }
    CU_ASSERT_PTR_NULL(send_udp(&b, 20, 2));
    UNIT_EQ(b.why, INSP_REMAINDER_TABLE_FULL);
    CU_ASSERT(insp_table_next_report(b.t, &report));
    CU_ASSERT_PTR_NULL(send_udp(&b, 20, 2)); /* The caller reads it. */
    UNIT_EQ(report.packets[0] + report.packets[1], 1);
    b.reported_packets++;
    b.reported_bytes += 60;
    b.n_final++;
    insp_table_maintain(b.t, b.now);
    CU_ASSERT_PTR_NOT_NULL(send_udp(&b, 20, 2));
    UNIT_EQ(stats(&b).refused[INSP_REMAINDER_TABLE_FULL], 2);
    take_reports(&b);
    bench_close(&b);
}

/* Ownership. */

static void
test_foreign_packets_and_owner_move(void)
{
    static struct bench b;
    struct insp_conn *conn;
    struct insp_flow *flow;

    bench_open(&b, 100);
    bench_create(&b);
    b.worker = 1;
    conn = send_udp(&b, 1, 2);
    flow = &conn->flow[conn->initiator];
    UNIT_EQ(flow->owner, 1);
    b.worker = 2;
    for (int i = 0; i < 63; i++) {
        (void) send_udp(&b, 1, 2);
    }
    settle(&b);
    UNIT_EQ(flow->owner, 1); /* Not serious yet. */
    (void) send_udp(&b, 1, 2);
    insp_epoch_enter(&b.epoch, 1); /* The owner is at work. */
    insp_table_maintain(b.t, b.now);
    UNIT_EQ(flow->owner, INSP_MOVING_OWNER);
    insp_table_maintain(b.t, b.now);
    UNIT_EQ(flow->owner, INSP_MOVING_OWNER); /* Until it leaves. */
    insp_epoch_leave(&b.epoch, 1);
    (void) send_udp(&b, 1, 2);
    UNIT_EQ(flow->packets, 1);
    UNIT_EQ(conn->foreign_packets[conn->initiator], 65);
    insp_table_maintain(b.t, b.now);
    UNIT_EQ(flow->owner, 2);
    (void) send_udp(&b, 1, 2);
    UNIT_EQ(flow->packets, 2);
    UNIT_EQ(stats(&b).foreign_packets, 65);
    UNIT_EQ(stats(&b).owner_moves, 1);

    b.worker = 3; /* Answers: owns its own. */
    (void) send_udp(&b, 2, 1);
    UNIT_EQ(conn->flow[!conn->initiator].owner, 3);
    CU_ASSERT(conn->state & INSP_CONN_ESTABLISHED);
    bench_close(&b);
    UNIT_EQ(b.report.packets[b.last.initiator], 67);
}

/* Time. */

static void
test_idle_is_precise(void)
{
    static struct bench b;
    static const uint64_t idle[] = { 300 * MS, SECOND, 17 * SECOND,
                                     40 * SECOND };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(idle); i++) {
        uint64_t last;

        bench_open(&b, 100);
        b.config.idle_timeout_ns = idle[i];
        b.config.active_timeout_ns = 0;
        bench_create(&b);
        b.now += 123456789 * (i + 1);
        maintain(&b);
        for (int j = 0; j < 20; j++) { /* Kept alive for a while. */
            (void) send_udp(&b, 1, 2);
            wait_ns(&b, idle[i] * 9 / 10);
        }
        UNIT_EQ(b.n_final, 0);
        (void) send_udp(&b, 1, 2);
        last = b.now;
        while (!b.n_final && b.now < last + 2 * idle[i]) {
            b.now += 10 * MS;
            maintain(&b);
        }
        UNIT_EQ(b.n_by_reason[INSP_END_IDLE], 1);
        CU_ASSERT(b.ended_at >= last + idle[i]);
        CU_ASSERT(b.ended_at <= last + idle[i] + 100 * MS);
        bench_close(&b);
    }
}

static void
test_interim_reports_add_up(void)
{
    static struct bench b;
    struct insp_conn *conn;

    bench_open(&b, 100);
    b.config.active_timeout_ns = 2 * SECOND;
    bench_create(&b);
    maintain(&b);
    for (int i = 0; i < 104; i++) {
        conn = send_udp(&b, 1, 2);
        CU_ASSERT_PTR_NOT_NULL(conn);
        (void) send_udp(&b, 2, 1);
        wait_ns(&b, 100 * MS);
    }
    UNIT_EQ(b.n_interim, 5); /* In 10.4 s. */
    UNIT_EQ(b.n_final, 0);
    CU_ASSERT(b.reported_packets < b.packets);
    CU_ASSERT(b.reported_packets + 50 > b.packets);
    wait_ns(&b, 11 * SECOND);
    UNIT_EQ(b.n_by_reason[INSP_END_IDLE], 1);
    CU_ASSERT(b.n_interim <= 6); /* None without packets. */
    bench_close(&b);
}

/* A report that nobody takes for long must not lose its entry's end. */
static void
test_interim_not_taken(void)
{
    static struct bench b;

    bench_open(&b, 100);
    b.config.active_timeout_ns = SECOND;
    bench_create(&b);
    (void) send_udp(&b, 1, 2);
    for (int i = 0; i < 100; i++) {
        b.now += 50 * MS;
        (void) send_udp(&b, 1, 2);
        insp_table_maintain(b.t, b.now);
    }
    insp_table_flush(b.t); /* While it waits. */
    settle(&b);
    UNIT_EQ(b.n_interim, 0);
    UNIT_EQ(b.n_final, 1);
    bench_close(&b);
}

static void
test_counters_beyond_32_bits(void)
{
    static struct bench b;
    struct insp_conn *conn;
    const uint64_t many = UINT64_C(5) << 40;

    bench_open(&b, 100);
    b.config.active_timeout_ns = SECOND;
    bench_create(&b);
    conn = send_udp(&b, 1, 2);
    maintain(&b);
    for (int i = 0; i < 3; i++) {
        INSP_COUNT(conn->flow[conn->initiator].packets, many);
        INSP_COUNT(conn->flow[conn->initiator].bytes, many << 10);
        b.packets += many;
        b.bytes += many << 10;
        wait_ns(&b, 1100 * MS);
        UNIT_EQ(b.reported_packets, b.packets);
    }
    UNIT_EQ(b.n_interim, 3);
    bench_close(&b);
}

static void
test_half_open_times_out(void)
{
    static struct bench b;
    uint64_t last;

    bench_open(&b, 100);
    bench_create(&b);
    (void) send_tcp(&b, 1, 2, SYN);
    wait_ns(&b, 4 * SECOND);
    (void) send_tcp(&b, 1, 2, SYN); /* It tries again. */
    last = b.now;
    wait_ns(&b, 4900 * MS);
    UNIT_EQ(b.n_final, 0);
    wait_ns(&b, 200 * MS);
    UNIT_EQ(b.n_by_reason[INSP_END_HALF_OPEN], 1);
    CU_ASSERT(b.ended_at <= last + 5100 * MS);
    UNIT_EQ(stats(&b).half_open, 0);
    bench_close(&b);
}

/* Limits. */

static void
test_remainder(void)
{
    static struct bench b;
    struct insp_flow_packet packet = { .wire_size = 42, .in_port = 7 };
    struct insp_key key;
    struct insp_conn *conn = NULL;
    uint32_t hash;

    bench_open(&b, 100);
    bench_create(&b);
    packet.now_ns = b.now;
    packet.is_tcp = true; /* As for a stale port's segment. */
    packet.tcp_flags = RST;
    insp_key_remainder(&key, INSP_REMAINDER_STALE_PORT, 0x0800, 7, 8, &b.zone);
    hash = insp_key_hash(&key, &b.config.secret);
    for (int i = 0; i < 3; i++) {
        conn = insp_table_get_remainder(b.t, &key, hash, &packet);
        CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
        insp_table_count(b.t, conn, 0, &packet);
        b.packets++;
        b.bytes += 42;
    }
    CU_ASSERT_FALSE(conn->state & INSP_CONN_CLOSED); /* No connection. */
    settle(&b);
    UNIT_EQ(stats(&b).remainders, 1);
    UNIT_EQ(stats(&b).connections, 0);
    UNIT_EQ(stats(&b).half_open, 0);
    wait_ns(&b, 11 * SECOND);
    UNIT_EQ(b.n_by_reason[INSP_END_IDLE], 1);
    UNIT_EQ(b.reported_packets, 3);
    bench_close(&b);
}

static void
test_remainder_reserve(void)
{
    static struct bench b;
    struct insp_flow_packet packet = { .wire_size = 42 };
    unsigned int n = 0;

    bench_open(&b, 10);
    bench_create(&b);
    packet.now_ns = b.now;
    for (uint32_t i = 0; i < 3000; i++) {
        struct insp_key key;
        struct insp_conn *conn;

        insp_key_remainder(&key, INSP_REMAINDER_ARP, 0x0806, i, 0, &b.zone);
        conn = insp_table_get_remainder(
            b.t, &key, insp_key_hash(&key, &b.config.secret), &packet);
        if (conn) {
            insp_table_count(b.t, conn, 0, &packet);
            b.packets++;
            b.bytes += 42;
            n++;
        }
    }
    UNIT_EQ(n, 1024);
    CU_ASSERT_PTR_NOT_NULL(send_udp(&b, 1, 2)); /* Not at the cost of these. */
    settle(&b);
    UNIT_EQ(stats(&b).remainders, 1024);
    bench_close(&b);
}

static void
test_half_open_limit(void)
{
    static struct bench b;
    unsigned int n = 0;

    bench_open(&b, 10000);
    b.config.half_open_limit = 80;
    bench_create(&b);
    (void) handshake(&b);
    for (uint32_t i = 0; i < 200; i++) {
        b.now += MS;
        n += send_proto(&b, INSP_PROTO_TCP, 1000 + i, 1, 2, 80, SYN) != NULL;
    }
    UNIT_EQ(n, 80);
    UNIT_EQ(stats(&b).half_open, 80);
    UNIT_EQ(b.why, INSP_REMAINDER_TABLE_FULL);
    UNIT_EQ(stats(&b).refused[INSP_REMAINDER_TABLE_FULL], 120);
    CU_ASSERT_PTR_NOT_NULL(send_udp(&b, 1, 2)); /* No half-open class. */
    settle(&b);
    UNIT_EQ(stats(&b).half_open, 60); /* A quarter made free... */
    UNIT_EQ(b.n_by_reason[INSP_END_EVICTED], 20);
    /* ... of the oldest: those of 1000 to 1019 begin anew now. */
    UNIT_EQ(b.last.key.addr[b.last.initiator][15], (1019 & 0xff));
    CU_ASSERT_PTR_NOT_NULL(
        send_proto(&b, INSP_PROTO_TCP, 5000, 1, 2, 80, SYN));
    bench_close(&b);
}

static void
test_quota_isolates_ports(void)
{
    static struct bench b;
    struct insp_conn *first;
    unsigned int n = 0;

    bench_open(&b, 1000);
    b.config.port_quota = 100;
    bench_create(&b);
    b.in_port = 5; /* The neighbour. */
    for (uint32_t i = 0; i < 100; i++) {
        CU_ASSERT_PTR_NOT_NULL(
            send_proto(&b, INSP_PROTO_UDP, 100 + i, 1, 2, 1, 0));
    }
    CU_ASSERT_PTR_NULL(send_proto(&b, INSP_PROTO_UDP, 99, 1, 2, 1, 0));
    UNIT_EQ(b.why, INSP_REMAINDER_QUOTA);
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_QUOTA], 6);
    first = NULL;
    b.in_port = 6; /* The greedy one. */
    for (uint32_t i = 0; i < 50; i++) {
        b.now += MS;
        (void) send_proto(&b, INSP_PROTO_UDP, 1000 + i, 1, 2, 1, 0);
    }
    for (uint32_t i = 0; i < 500; i++) {
        b.now += MS;
        n += send_proto(&b, INSP_PROTO_TCP, 2000 + i, 1, 2, 1, SYN) != NULL;
    }
    UNIT_EQ(n, 50);
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_QUOTA], 6 + 6);
    UNIT_EQ(b.last.flow[b.last.initiator].port, 6);
    UNIT_EQ(b.last.key.proto, INSP_PROTO_TCP); /* Half-open ones first. */
    UNIT_EQ(stats(&b).connections, 94 + 94);
    UNIT_EQ(b.n_by_reason[INSP_END_EVICTED], 0);
    UNIT_EQ(stats(&b).refused[INSP_REMAINDER_QUOTA], 451);
    /* Room for more, and no more than that. */
    for (uint32_t i = 0; i < 6; i++) {
        first = send_proto(&b, INSP_PROTO_TCP, 3000 + i, 1, 2, 1, SYN);
        CU_ASSERT_PTR_NOT_NULL(first);
    }
    CU_ASSERT_PTR_NULL(send_proto(&b, INSP_PROTO_TCP, 3009, 1, 2, 1, SYN));
    bench_close(&b);
}

/* A port over its quota whose reports nobody takes must not lose all. */
static void
test_quota_does_not_evict_twice(void)
{
    static struct bench b;

    bench_open(&b, 1000);
    b.config.port_quota = 64;
    bench_create(&b);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            (void) send_proto(&b, INSP_PROTO_UDP, 100 + i, 1, 2, 1, 0);
        }
        insp_table_maintain(b.t, b.now);
    }
    UNIT_EQ(stats(&b).ended[INSP_END_QUOTA], 4);
    take_reports(&b);
    bench_close(&b);
}

static void
test_quota_counts_exactly(void)
{
    static _Atomic uint64_t slots[INSP_QUOTA_SLOTS + 1];
    static uint32_t slot_of[65537];
    uint64_t n_used = 0;
    bool over;

    for (uint32_t port = 1; port <= 65536; port++) {
        slot_of[port] = insp_quota_take(slots, port, 2, &over);
        CU_ASSERT_FALSE(over);
        CU_ASSERT(slot_of[port] != INSP_QUOTA_NONE);
        UNIT_EQ(insp_quota_take(slots, port, 2, &over), slot_of[port]);
        CU_ASSERT_FALSE(over);
        (void) insp_quota_take(slots, port, 2, &over);
        CU_ASSERT(over);
    }
    for (uint32_t port = 1; port <= 65536; port++) {
        UNIT_EQ(insp_quota_count(slots, slot_of[port]), 2);
        insp_quota_put(slots, slot_of[port]);
        insp_quota_put(slots, slot_of[port]);
    }
    for (uint32_t i = 0; i <= INSP_QUOTA_SLOTS; i++) {
        n_used += atomic_load(&slots[i]) != 0;
    }
    UNIT_EQ(n_used, 0);
    UNIT_EQ(insp_quota_take(slots, 0, 1, &over), INSP_QUOTA_NONE);
    (void) insp_quota_take(slots, 0, 1, &over);
    CU_ASSERT_FALSE(over); /* No port, no quota. */
}

static void
test_eviction_ahead_of_need(void)
{
    static struct bench b;

    bench_open(&b, 320);
    bench_create(&b);
    b.in_port = 1; /* Small, and oldest. */
    for (uint32_t i = 0; i < 20; i++) {
        (void) send_proto(&b, INSP_PROTO_UDP, 100 + i, 1, 2, 1, 0);
    }
    b.in_port = 2; /* Big. */
    for (uint32_t i = 0; i < 280; i++) {
        b.now += MS;
        (void) send_proto(&b, INSP_PROTO_UDP, 1000 + i, 1, 2, 1, 0);
    }
    maintain(&b);
    UNIT_EQ(b.n_final, 0); /* 20 free: just enough. */
    (void) send_proto(&b, INSP_PROTO_UDP, 5000, 1, 2, 1, 0);
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_EVICTED], 21);
    UNIT_EQ(insp_table_n_free(b.t), 40); /* An eighth. */
    UNIT_EQ(b.last.flow[b.last.initiator].port, 2);

    /* Half-open ones go first, whoever's they are. */
    b.in_port = 3;
    for (uint32_t i = 0; i < 30; i++) {
        b.now += MS;
        (void) send_proto(&b, INSP_PROTO_TCP, 2000 + i, 1, 2, 1, SYN);
    }
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_EVICTED], 21 + 30);
    UNIT_EQ(stats(&b).half_open, 0);
    UNIT_EQ(stats(&b).ended[INSP_END_EVICTED], 21 + 30);
    bench_close(&b);
}

static void
test_port_0_and_tiny_limits(void)
{
    static struct bench b;

    for (uint32_t limit = 0; limit < 20; limit++) {
        bench_open(&b, limit);
        b.config.half_open_limit = 0;
        b.config.port_quota = 1 + limit / 4;
        bench_create(&b);
        for (uint32_t i = 0; i < 100; i++) {
            b.in_port = i % 3;
            (void) send_proto(&b, INSP_PROTO_UDP, 100 + i, 1, 2, 1, 0);
            (void) send_proto(&b, INSP_PROTO_TCP, 100 + i, 1, 2, 1, SYN);
            if (i % 5 == 0) {
                maintain(&b);
            }
        }
        bench_close(&b);
    }
}

static void
test_syn_flood_of_a_million(void)
{
    static struct bench b;
    uint64_t begun = 0;
    size_t size;

    bench_open(&b, 65536);
    b.config.half_open_limit = 0; /* The default: a quarter. */
    bench_create(&b);
    size = insp_table_size(&b.config);
    (void) handshake(&b);
    for (uint32_t i = 0; i < 1000000; i++) {
        b.in_port = 3;
        begun += send_proto(&b, INSP_PROTO_TCP, 16 + i, (uint16_t) (i * 7), 2,
                            80, SYN) != NULL;
        if (i % 2000 == 0) {
            b.now += MS;
            maintain(&b);
            CU_ASSERT(stats(&b).connections <= 65536);
            CU_ASSERT(stats(&b).half_open <= 65536 / 4);
        }
    }
    UNIT_EQ(stats(&b).bytes, size);
    CU_ASSERT(begun > 900000); /* Kept up by evicting the oldest. */
    b.in_port = 1;
    b.seq = 101;
    CU_ASSERT(send_tcp(&b, 1, 2, ACK)->state & INSP_CONN_ESTABLISHED);
    UNIT_EQ(b.packets, 1000004);
    bench_close(&b);
    CU_ASSERT(b.n_by_reason[INSP_END_EVICTED] > 900000);
}

static void
test_long_chain_is_bounded(void)
{
    static struct bench b;
    unsigned int n = 0;

    bench_open(&b, 1000);
    bench_create(&b);
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t a[4] = { 10, 0, 0, (uint8_t) i };
        uint8_t c[4] = { 10, 0, 1, 0 };
        struct insp_flow_packet packet = { .now_ns = b.now, .wire_size = 60 };
        struct insp_key key;
        struct insp_conn *conn;
        unsigned int side =
            insp_key_from_tuple(&key, 4, INSP_PROTO_UDP, a, c, 1, 1, &b.zone);

        /* As if somebody knew the secret of the hash. */
        conn = insp_table_get(b.t, &key, 42, side, &packet, &b.why);
        if (conn) {
            insp_table_count(b.t, conn, side, &packet);
            b.packets++;
            b.bytes += 60;
            n++;
        }
    }
    UNIT_EQ(n, 64);
    UNIT_EQ(b.why, INSP_REMAINDER_TABLE_FULL);
    /* Unlink from the head, the middle and the end of the chain. */
    bench_close(&b);
}

static void
test_memory_that_is_not_there(void)
{
    static struct insp_epoch epoch;
    struct insp_table_config config = { .flow_limit = UINT32_MAX };
    struct insp_table *t = (void *) &epoch;

    insp_epoch_init(&epoch);
    UNIT_EQ(insp_table_create(&config, &epoch, &t), ENOMEM);
    CU_ASSERT_PTR_NULL(t);
    config.flow_limit = 3000000000;
    UNIT_EQ(insp_table_create(&config, &epoch, &t), ENOMEM);
    CU_ASSERT(insp_table_size(&config) > UINT64_C(3000000000) * 256);
    insp_table_destroy(NULL);
}

/* Ports that go away. */

static bool
is_port(const void *aux, uint32_t port)
{
    return port == *(const uint32_t *) aux;
}

static void
test_end_ports(void)
{
    static struct bench b;
    struct insp_flow_packet packet = { .wire_size = 42, .in_port = 4 };
    struct insp_key key;
    uint32_t dead = 9;
    struct insp_conn *stays;

    bench_open(&b, 100);
    bench_create(&b);
    b.in_port = 1;
    stays = send_udp(&b, 1, 2); /* Ports 1 and 2. */
    b.in_port = 2;
    (void) send_udp(&b, 2, 1);
    b.in_port = 9;
    (void) send_udp(&b, 3, 2); /* Comes from 9. */
    b.in_port = 1;
    (void) send_udp(&b, 1, 4);
    b.in_port = 9;
    (void) send_udp(&b, 4, 1); /* Answered by 9. */
    b.in_port = 1;
    b.zone = (struct insp_zone){ .kind = INSP_ZONE_PAIR, .a = 1, .b = 9 };
    (void) send_udp(&b, 1, 5); /* Sent to 9, no answer. */
    b.zone = (struct insp_zone){ .kind = INSP_ZONE_PAIR, .a = 9, .b = 11 };
    (void) send_udp(&b, 1, 5);
    b.zone = (struct insp_zone){ .kind = INSP_ZONE_EXPLICIT, .a = 9 };
    (void) send_udp(&b, 1, 5); /* 9 is a zone's number. */
    packet.now_ns = b.now;
    insp_key_remainder(&key, INSP_REMAINDER_ARP, 0x0806, 4, 9, &b.zone);
    insp_table_count(b.t,
                     insp_table_get_remainder(
                         b.t, &key, insp_key_hash(&key, &b.config.secret),
                         &packet),
                     0, &packet);
    b.packets++;
    b.bytes += 42;

    insp_table_end_ports(b.t, is_port, &dead);
    settle(&b);
    UNIT_EQ(b.n_by_reason[INSP_END_DETACHED], 5);
    UNIT_EQ(stats(&b).connections, 2);
    UNIT_EQ(stats(&b).remainders, 0);
    b.zone.a = 0;
    CU_ASSERT_PTR_EQUAL(send_udp(&b, 1, 2), stays);
    bench_close(&b);
}

static void
test_list_copies(void)
{
    static struct bench b;
    struct insp_conn_copy copies[7];
    uint32_t at = 0;
    size_t total = 0;
    size_t n;

    bench_open(&b, 100);
    bench_create(&b);
    for (uint32_t i = 0; i < 20; i++) {
        (void) send_udp(&b, 100 + i, 2);
    }
    b.worker = 4;
    (void) send_udp(&b, 100, 2); /* Foreign. */
    settle(&b);
    while ((n = insp_table_list(b.t, &at, copies, 7))) {
        for (size_t i = 0; i < n; i++) {
            const struct insp_conn *conn = &copies[i].conn;

            total += conn->flow[0].packets + conn->flow[1].packets;
            UNIT_EQ(copies[i].packets[0] + copies[i].packets[1],
                    conn->flow[0].packets + conn->flow[1].packets);
            UNIT_EQ(conn->key.proto, INSP_PROTO_UDP);
        }
    }
    UNIT_EQ(total, 21);
    bench_close(&b);
}

/* Fragments. */

static void
test_fragments(void)
{
    static struct bench b;
    static const uint8_t a[16] = { 10, 0, 0, 1 };
    static const uint8_t c[16] = { 10, 0, 0, 2 };
    struct insp_packet first = { .src = a,
                                 .dst = c,
                                 .ip_version = 4,
                                 .proto = INSP_PROTO_UDP,
                                 .frag_id = 77,
                                 .src_port = 1111,
                                 .dst_port = 2222 };
    struct insp_packet later = { .src = a,
                                 .dst = c,
                                 .ip_version = 4,
                                 .proto = INSP_PROTO_UDP,
                                 .frag_id = 77 };
    struct insp_packet other = later;
    struct insp_zone elsewhere = { .a = 1 };

    bench_open(&b, 100);
    bench_create(&b);
    CU_ASSERT_FALSE(insp_table_fragment_find(b.t, &later, &b.zone, b.now));
    insp_table_fragment_note(b.t, &first, &b.zone, b.now);
    CU_ASSERT(insp_table_fragment_find(b.t, &later, &b.zone, b.now));
    UNIT_EQ(later.src_port, 1111);
    UNIT_EQ(later.dst_port, 2222);
    CU_ASSERT_FALSE(insp_table_fragment_find(b.t, &other, &elsewhere, b.now));
    other.frag_id = 78;
    CU_ASSERT_FALSE(insp_table_fragment_find(b.t, &other, &b.zone, b.now));
    other.frag_id = 77;
    other.proto = INSP_PROTO_TCP;
    CU_ASSERT_FALSE(insp_table_fragment_find(b.t, &other, &b.zone, b.now));
    CU_ASSERT(
        insp_table_fragment_find(b.t, &later, &b.zone, b.now + 29 * SECOND));
    CU_ASSERT(insp_table_fragment_find(b.t, &later, &b.zone, b.now - SECOND));
    CU_ASSERT_FALSE(
        insp_table_fragment_find(b.t, &later, &b.zone, b.now + 31 * SECOND));

    /* IPv6: a later fragment may stand behind another next header. */
    first.ip_version = 6;
    first.proto = INSP_PROTO_ICMPV6;
    first.icmp_type = 128;
    first.icmp_code = 3;
    first.icmp_id = 999;
    insp_table_fragment_note(b.t, &first, &b.zone, b.now);
    later.ip_version = 6;
    later.proto = 60;
    CU_ASSERT(insp_table_fragment_find(b.t, &later, &b.zone, b.now));
    UNIT_EQ(later.proto, INSP_PROTO_ICMPV6);
    UNIT_EQ(later.icmp_type, 128);
    UNIT_EQ(later.icmp_code, 3);
    UNIT_EQ(later.icmp_id, 999);
    bench_close(&b);
}

/* More first fragments than the table holds: the newest are found. */
static void
test_fragments_overflow(void)
{
    static struct bench b;
    static const uint8_t a[4] = { 10, 0, 0, 1 };
    unsigned int n = 0;

    bench_open(&b, 100);
    bench_create(&b);
    for (uint32_t id = 0; id < 100000; id++) {
        struct insp_packet p = { .src = a,
                                 .dst = a,
                                 .ip_version = 4,
                                 .proto = INSP_PROTO_UDP,
                                 .frag_id = id,
                                 .src_port = (uint16_t) id };

        insp_table_fragment_note(b.t, &p, &b.zone, b.now);
        p.src_port = 0;
        CU_ASSERT(insp_table_fragment_find(b.t, &p, &b.zone, b.now));
        CU_ASSERT(p.src_port == (uint16_t) id);
        b.now += MS / 10;
    }
    for (uint32_t id = 0; id < 100000; id++) {
        struct insp_packet p = { .src = a,
                                 .dst = a,
                                 .ip_version = 4,
                                 .proto = INSP_PROTO_UDP,
                                 .frag_id = id };

        n += insp_table_fragment_find(b.t, &p, &b.zone, b.now);
    }
    UNIT_EQ(n, 8192);
    bench_close(&b);
}

UNIT_MAIN("flow", UNIT_TEST(test_key_is_the_same_both_ways),
          UNIT_TEST(test_key_tells_apart), UNIT_TEST(test_hash_spreads),
          UNIT_TEST(test_key_of_icmp), UNIT_TEST(test_icmp_reverse),
          UNIT_TEST(test_key_of_remainder), UNIT_TEST(test_zones_keep_apart),
          UNIT_TEST(test_handshake_and_round_trip),
          UNIT_TEST(test_round_trip_unknown_after_repeated_syn),
          UNIT_TEST(test_midstream), UNIT_TEST(test_retransmissions_and_gaps),
          UNIT_TEST(test_closing_by_fin), UNIT_TEST(test_closing_by_reset),
          UNIT_TEST(test_syn_supersedes_closed),
          UNIT_TEST(test_moved_address_supersedes),
          UNIT_TEST(test_superseded_before_taken_in),
          UNIT_TEST(test_no_report_while_a_worker_is_inside),
          UNIT_TEST(test_not_recycled_before_it_is_reported),
          UNIT_TEST(test_foreign_packets_and_owner_move),
          UNIT_TEST(test_idle_is_precise),
          UNIT_TEST(test_interim_reports_add_up),
          UNIT_TEST(test_interim_not_taken),
          UNIT_TEST(test_counters_beyond_32_bits),
          UNIT_TEST(test_half_open_times_out), UNIT_TEST(test_remainder),
          UNIT_TEST(test_remainder_reserve), UNIT_TEST(test_half_open_limit),
          UNIT_TEST(test_quota_isolates_ports),
          UNIT_TEST(test_quota_does_not_evict_twice),
          UNIT_TEST(test_quota_counts_exactly),
          UNIT_TEST(test_eviction_ahead_of_need),
          UNIT_TEST(test_port_0_and_tiny_limits),
          UNIT_TEST(test_syn_flood_of_a_million),
          UNIT_TEST(test_long_chain_is_bounded),
          UNIT_TEST(test_memory_that_is_not_there), UNIT_TEST(test_end_ports),
          UNIT_TEST(test_list_copies), UNIT_TEST(test_fragments),
          UNIT_TEST(test_fragments_overflow))
