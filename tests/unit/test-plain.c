/* SPDX-License-Identifier: Apache-2.0 */
/* The short way of plain packets (packet/plain.h, flow/plain.h) leads where
 * the long way leads.
 *
 * Each test names the change that must make it fail ("Mutation"). */

#include "flow/plain.h"

#include <stdlib.h>

#include "rig.h"

static uint64_t random_state;

static uint32_t
draw(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t) (random_state >> 32) % n;
}

/* ------------------------------------------------------------------------ */
/* Reading. */

/* What 'frame' says to either way is the same; returns whether it is plain. */
static bool
compare_readings(const uint8_t *frame, size_t size, size_t wire_size)
{
    const struct insp_zone zone = {
        .kind = INSP_ZONE_PORT, .a = 7, .b = 1, .vlan = 2
    };
    const struct insp_hash_key secret = { { 1, 22, 333, 4444 } };
    struct insp_plain_batch batch = {
        .zone = &zone,
        .secret = &secret,
        .zone_hash = insp_zone_hash(&zone, &secret),
    };
    struct insp_noted noted = { .hash = 0 };
    struct insp_packet p;
    struct insp_key key;
    unsigned int side;

    if (!insp_plain_note4(&batch, &noted, frame, (uint32_t) size,
                          (uint32_t) wire_size) &&
        !insp_plain_note6(&batch, &noted, frame, (uint32_t) size,
                          (uint32_t) wire_size)) {
        return false;
    }
    UNIT_EQ(insp_packet_parse(&p, frame, size, wire_size), INSP_PACKET_OK);
    side = insp_key_from_packet(&key, &p, &zone);
    UNIT_EQ(noted.side, side);
    UNIT_EQ(noted.hash, insp_key_hash(&key, &secret));
    CU_ASSERT(insp_key_rest_is(&key, noted.ports, noted.kind, &zone));
    CU_ASSERT(noted.addr6[0]
                  ? insp_key_addr6_is(&key, noted.addr6[0], noted.addr6[1])
                  : insp_key_addr4_is(&key, noted.addr4[0], noted.addr4[1]));
    UNIT_EQ(noted.is_tcp, p.proto == INSP_PROTO_TCP);
    UNIT_EQ(noted.tcp_seq, p.tcp_seq);
    UNIT_EQ(noted.tcp_flags, p.tcp_flags);
    UNIT_EQ(noted.payload_size, p.payload_size);
    UNIT_EQ(noted.wire_size, wire_size);
    CU_ASSERT(!p.is_fragment);
    return true;
}

static void
draw_spec(struct spec *s)
{
    *s = tcp(draw(2), INSP_TCP_ACK, (uint16_t) (80 + draw(3)));
    s->is_ip6 = draw(2);
    s->src ^= draw(3);
    s->proto = (uint8_t) (draw(3) ? draw(2) ? INSP_PROTO_TCP : INSP_PROTO_UDP
                                  : draw(256));
    s->tcp_seq = draw(UINT32_MAX);
    s->payload_size = (uint16_t) draw(64);
}

/* Mutation: in insp_plain_read(), forget the limit by total_size, or let
 * fragments pass. */
static void
test_reads_what_the_long_way_reads(void)
{
    unsigned int n_plain = 0;

    random_state = 1;
    for (unsigned int i = 0; i < 400000; i++) {
        struct spec spec;
        struct made made;
        size_t size;

        draw_spec(&spec);
        spec_make(&made, &spec);
        size = made.size;
        for (unsigned int j = draw(4); j > 0; j--) {
            size_t at = draw(2) ? draw((uint32_t) size)
                                : 12 + draw(50); /* Where it matters. */

            made.bytes[at] = (uint8_t) draw(256);
        }
        if (!draw(4)) {
            size = draw((uint32_t) size + 1);
        }
        n_plain += compare_readings(made.bytes, size, size + draw(2) * 30);
    }
    CU_ASSERT(n_plain > 100000);
}

/* Mutation: in insp_plain_read(), do not move on by the tag. */
static void
test_reads_behind_one_tag(void)
{
    const struct spec spec = tcp(true, INSP_TCP_ACK, 80);
    uint8_t frame[260];
    struct made made;

    spec_make(&made, &spec);
    memcpy(frame, made.bytes, 12);
    memcpy(frame + 12, "\x81\0\0\x64", 4);
    memcpy(frame + 16, made.bytes + 12, made.size - 12);
    CU_ASSERT(compare_readings(frame, made.size + 4, made.size + 4));
    frame[12] = 0x88;
    frame[13] = 0xa8;
    CU_ASSERT(!compare_readings(frame, made.size + 4, made.size + 4));
}

static void
test_everything_but_the_plain_is_refused(void)
{
    static const uint8_t flags[] = { INSP_TCP_SYN, INSP_TCP_FIN,
                                     INSP_TCP_RST | INSP_TCP_ACK };
    struct spec spec = tcp(false, INSP_TCP_ACK, 80);
    struct made made;

    spec_make(&made, &spec);
    CU_ASSERT(compare_readings(made.bytes, made.size, made.size));
    for (size_t i = 0; i < made.size; i++) {
        CU_ASSERT(!compare_readings(made.bytes, i, made.size));
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(flags); i++) {
        spec.tcp_flags = flags[i];
        spec_make(&made, &spec);
        CU_ASSERT(!compare_readings(made.bytes, made.size, made.size));
    }
    spec = tcp(false, INSP_TCP_ACK, 80);
    spec.frag = 0x2000;
    spec_make(&made, &spec);
    CU_ASSERT(!compare_readings(made.bytes, made.size, made.size));
    spec.frag = 0;
    spec.proto = INSP_PROTO_ICMP;
    spec_make(&made, &spec);
    CU_ASSERT(!compare_readings(made.bytes, made.size, made.size));
}

/* ------------------------------------------------------------------------ */
/* Two engines meet the same packets; those of the second have two VLAN tags
 * more, which are nothing to a connection and are never plain. */

#define N_CONNECTIONS 60
#define N_BATCHES     20000
#define TAGS          8
#define MS            UINT64_C(1000000)

static uint64_t clock_ns;

static uint64_t
host_ns(void *aux INSP_UNUSED)
{
    return clock_ns;
}

struct meeting {
    struct insp_inspector_config inspector;
    struct insp_engine_config config;
    struct insp_engine *engine[2];
    struct rig_rules rules;
    struct insp_record *records[2];
    size_t n_records[2];
    size_t n_read[2]; /* Records of protocols. */
    uint32_t seq[N_CONNECTIONS][2];
};

static void
meet(struct meeting *m)
{
    struct insp_host host;

    insp_host_stdio(&host, INSP_LOG_ERROR);
    host.wall_ns = host.monotonic_ns = host_ns;
    memset(m, 0, sizeof *m);
    m->inspector = make_inspector();
    m->inspector.statistics_interval_ms = UINT32_MAX;
    m->inspector.flow_limit = N_CONNECTIONS - 8; /* Now and then it is full. */
    m->config = make_config(&m->inspector);
    clock_ns = 3600000 * MS;
    for (unsigned int i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(!insp_engine_create_passive(&host, &m->engine[i]));
    }
}

static void
let_turn(struct meeting *m)
{
    for (unsigned int i = 0; i < 2; i++) {
        struct insp_record record;

        do {
            while (insp_engine_next_record(m->engine[i], &record)) {
                m->n_read[i] += record.type == INSP_RECORD_APP;
                if (record.type != INSP_RECORD_CONNECTION) {
                    insp_record_uninit(&record);
                    continue;
                }
                m->records[i] =
                    realloc(m->records[i],
                            (m->n_records[i] + 1) * sizeof *m->records[i]);
                CU_ASSERT_PTR_NOT_NULL_FATAL(m->records[i]);
                m->records[i][m->n_records[i]++] = record;
            }
        } while (insp_engine_turn(m->engine[i]) == INSP_TURN_BUSY);
    }
}

static void
put_in_force(struct meeting *m, uint32_t version)
{
    rig_rule(&m->rules, "no", 2, INSP_DIRECTION_FROM_VM, INSP_ACTION_DROP, "",
             "", version & 1 ? "tcp/82" : "udp/81");
    rig_freeze(&m->rules, version, &m->inspector);
    for (unsigned int i = 0; i < 2; i++) {
        CU_ASSERT(insp_engine_apply(m->engine[i], &m->config) != 0);
    }
    let_turn(m);
}

/* A packet as it may come: mostly one that goes on where the last one of its
 * direction ended. */
static void
draw_packet(struct meeting *m, bool reply, struct spec *s)
{
    static const uint8_t flags[] = {
        INSP_TCP_SYN, INSP_TCP_SYN | INSP_TCP_ACK, INSP_TCP_FIN | INSP_TCP_ACK,
        INSP_TCP_RST, INSP_TCP_ACK | INSP_TCP_PSH, INSP_TCP_ACK
    };
    uint32_t n = draw(N_CONNECTIONS);
    uint32_t *seq = &m->seq[n][reply];

    *s = tcp(reply, INSP_TCP_ACK, (uint16_t) (80 + n % 3));
    *(reply ? &s->dst_port : &s->src_port) += (uint16_t) n;
    s->proto = n % 5 ? INSP_PROTO_TCP : INSP_PROTO_UDP;
    s->is_ip6 = n % 7 == 1 || n % 7 == 4;
    s->payload_size = (uint16_t) (draw(3) ? 0 : draw(40));
    if (!draw(16)) {
        s->tcp_flags = flags[draw(INSP_ARRAY_SIZE(flags))];
    }
    if (!draw(32)) {
        *seq += draw(3) * 10 - 10;
    }
    if (!draw(64) && !s->is_ip6) {
        s->frag = 0x2000;
    }
    s->tcp_seq = *seq;
    *seq += s->payload_size + !!(s->tcp_flags & (INSP_TCP_SYN | INSP_TCP_FIN));
}

/* A third of the connections speak HTTP, one request after the other. */
static void
fill_in(struct made *made, const struct spec *s)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: one\r\n\r\n";
    uint8_t *payload = made->bytes + made->size - s->payload_size;

    for (uint32_t i = 0; i < s->payload_size && s->src_port % 3 == 1; i++) {
        payload[i] =
            (uint8_t) request[(s->tcp_seq + i) % (sizeof request - 1)];
    }
}

static void
add_tags(struct made *to, const struct made *from)
{
    memcpy(to->bytes, from->bytes, 12);
    memcpy(to->bytes + 12, "\x88\xa8\0\1\x81\0\0\2", TAGS);
    memcpy(to->bytes + 12 + TAGS, from->bytes + 12, from->size - 12);
    to->size = from->size + TAGS;
}

static void
send_batch(struct meeting *m)
{
    struct made made[2][INSP_BATCH_MAX];
    struct insp_frame frames[2][INSP_BATCH_MAX];
    struct insp_verdict verdicts[2][INSP_BATCH_MAX];
    bool reply = draw(2);
    struct insp_context ctx =
        reply ? pair_context(VM2, VM1) : pair_context(VM1, VM2);
    size_t n = draw(3) ? 1 + draw(INSP_BATCH_MAX) : 1;
    unsigned int worker = !draw(12);

    ctx.zone = (struct insp_zone){ .kind = INSP_ZONE_EXPLICIT, .a = 5 };
    if (!draw(100)) {
        ctx.in_port = VM1 + VM2 - ctx.in_port; /* It has moved. */
    }
    for (size_t i = 0; i < n; i++) {
        struct spec spec;

        draw_packet(m, reply, &spec);
        spec_make(&made[0][i], &spec);
        fill_in(&made[0][i], &spec);
        add_tags(&made[1][i], &made[0][i]);
    }
    for (unsigned int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++) {
            uint32_t size = (uint32_t) made[k][i].size;

            frames[k][i] =
                (struct insp_frame){ made[k][i].bytes, size, size, NULL };
        }
        insp_worker_run(m->engine[k], worker, &ctx, frames[k], n, clock_ns,
                        verdicts[k]);
    }
    for (size_t i = 0; i < n; i++) {
        UNIT_EQ(verdicts[0][i].kind, verdicts[1][i].kind);
    }
}

static int
compare_records(const void *a, const void *b)
{
    const struct insp_record_connection *x =
        &((const struct insp_record *) a)->conn;
    const struct insp_record_connection *y =
        &((const struct insp_record *) b)->conn;
    int order = memcmp(x->l4_port, y->l4_port, sizeof x->l4_port);

    if (!order) {
        order = (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
    }
    if (!order) {
        order = (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns);
    }
    return order ? order
                 : (x->packets[0] > y->packets[0]) -
                       (x->packets[0] < y->packets[0]);
}

static void
expect_alike(const struct insp_record_connection *x,
             const struct insp_record_connection *y)
{
    for (unsigned int side = 0; side < 2; side++) {
        UNIT_EQ(x->packets[side], y->packets[side]);
        UNIT_EQ(x->bytes[side] + TAGS * x->packets[side], y->bytes[side]);
        UNIT_EQ(x->retransmitted[side], y->retransmitted[side]);
        UNIT_EQ(x->out_of_order[side], y->out_of_order[side]);
        UNIT_EQ(x->tcp_flags[side], y->tcp_flags[side]);
        UNIT_EQ(x->port_id[side], y->port_id[side]);
        UNIT_EQ(x->rtt_us[side], y->rtt_us[side]);
    }
    UNIT_EQ(x->start_ns, y->start_ns);
    UNIT_EQ(x->end_ns, y->end_ns);
    UNIT_EQ(x->state, y->state);
    UNIT_EQ(x->end_reason, y->end_reason);
    UNIT_EQ(x->verdict, y->verdict);
    UNIT_EQ(x->policy_version, y->policy_version);
    UNIT_EQ(x->app, y->app);
}

/* Mutation: in plain.c, leave out any one question, or do not move seq_next;
 * in run_stages(), let plain packets overtake. */
static void
test_counts_and_judges_as_the_long_way(void)
{
    struct insp_inspector_stats stats[2];
    struct meeting m;
    uint32_t version = 0;

    random_state = 2;
    meet(&m);
    put_in_force(&m, ++version);
    for (unsigned int i = 0; i < N_BATCHES; i++) {
        send_batch(&m);
        clock_ns += draw(3) * MS;
        if (!draw(40)) {
            let_turn(&m);
        }
        if (!draw(2000)) {
            put_in_force(&m, ++version);
        }
    }
    for (unsigned int i = 0; i < 2; i++) {
        memset(&stats[i], 0, sizeof stats[i]);
        UNIT_EQ(insp_engine_get_stats(m.engine[i], &stats[i], 1), 1);
    }
    UNIT_EQ(stats[0].seen_packets, stats[1].seen_packets);
    UNIT_EQ(stats[0].seen_bytes + TAGS * stats[0].seen_packets,
            stats[1].seen_bytes);
    UNIT_EQ(stats[0].inspected_packets, stats[0].seen_packets);
    UNIT_EQ(stats[1].inspected_packets, stats[1].seen_packets);
    UNIT_EQ(stats[0].inspected_bytes, stats[0].seen_bytes);
    for (unsigned int i = 0; i < INSP_N_PACKET_FACTS; i++) {
        UNIT_EQ(stats[0].facts[i], stats[1].facts[i]);
    }
    for (unsigned int i = 0; i < 4; i++) {
        UNIT_EQ(stats[0].verdicts[i], stats[1].verdicts[i]);
    }
    CU_ASSERT(stats[0].verdicts[INSP_VERDICT_DROP] > 1000);

    for (unsigned int i = 0; i < 2000; i++) { /* All become idle and end. */
        clock_ns += 100 * MS;
        let_turn(&m);
    }
    UNIT_EQ(m.n_records[0], m.n_records[1]);
    CU_ASSERT(m.n_records[0] > N_CONNECTIONS);
    UNIT_EQ(m.n_read[0], m.n_read[1]);
    CU_ASSERT(m.n_read[0] > 100);
    for (unsigned int i = 0; i < 2; i++) {
        qsort(m.records[i], m.n_records[i], sizeof *m.records[i],
              compare_records);
    }
    for (size_t i = 0; i < m.n_records[0] && i < m.n_records[1]; i++) {
        expect_alike(&m.records[0][i].conn, &m.records[1][i].conn);
    }
    for (unsigned int i = 0; i < 2; i++) {
        for (size_t j = 0; j < m.n_records[i]; j++) {
            insp_record_uninit(&m.records[i][j]);
        }
        free(m.records[i]);
        insp_engine_destroy(m.engine[i], 0);
    }
    insp_binding_unref(m.inspector.binding);
}

UNIT_MAIN("plain", UNIT_TEST(test_reads_what_the_long_way_reads),
          UNIT_TEST(test_reads_behind_one_tag),
          UNIT_TEST(test_everything_but_the_plain_is_refused),
          UNIT_TEST(test_counts_and_judges_as_the_long_way))
