/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: packet path, configuration, identities, verdicts, sums.
 *
 * Each test names the change that must make it fail ("Mutation"). */

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "frames.h"
#include "rig.h"

/* Mutation: count 'inspected' in run_stages() instead of inspect(). */
static void
test_counts_each_packet_once(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context there = pair_context(VM1, VM2);
    struct insp_context back = pair_context(VM2, VM1);
    struct insp_flow_row row;
    struct insp_inspector_stats s;
    struct spec spec;

    spec = tcp(false, INSP_TCP_SYN, 80);
    run_one(engine, &there, &spec);
    spec = tcp(true, INSP_TCP_SYN | INSP_TCP_ACK, 80);
    run_one(engine, &back, &spec);
    spec = tcp(false, INSP_TCP_ACK, 80);
    run_one(engine, &there, &spec);

    s = stats(engine);
    UNIT_EQ(s.seen_packets, 3);
    UNIT_EQ(s.inspected_packets, 3);
    UNIT_EQ(s.seen_bytes, 3 * 54);
    UNIT_EQ(s.inspected_bytes, 3 * 54);
    UNIT_EQ(s.facts[INSP_PACKET_OK], 3);
    UNIT_EQ(insp_engine_list(engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.packets[0], 2);
    UNIT_EQ(row.conn.packets[1], 1);
    UNIT_EQ(row.conn.port_id[0], VM1);
    UNIT_EQ(row.conn.port_id[1], VM2);
    UNIT_EQ(row.conn.l4_port[1], 80);
    CU_ASSERT(row.conn.intra_host);
    CU_ASSERT(row.conn.state & INSP_CONN_ESTABLISHED);
    insp_engine_destroy(engine, 100);
}

/* Mutation: do not mark an unknown id as such in insp_worker_run(). */
static void
test_unknown_id_passes_and_is_counted(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, INSP_TCP_SYN, 80);

    ctx.inspector = 99;
    UNIT_EQ(run_one(engine, &ctx, &spec).kind, INSP_VERDICT_ALLOW);
    UNIT_EQ(insp_engine_unknown_id(engine), 1);
    UNIT_EQ(stats(engine).seen_packets, 0);
    insp_engine_destroy(engine, 100);
}

/* Mutation: ignore 'enabled' in insp_worker_run(). */
static void
test_disabled_skips_at_once(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, INSP_TCP_SYN, 80);
    struct insp_inspector_stats s;

    run_one(engine, &ctx, &spec);
    inspector.enabled = false;
    apply(engine, &config);
    run_one(engine, &ctx, &spec);
    s = stats(engine);
    UNIT_EQ(s.seen_packets, 2);
    UNIT_EQ(s.inspected_packets, 1);
    UNIT_EQ(s.skipped[INSP_SKIP_DISABLED], 1);
    insp_engine_destroy(engine, 100);
}

/* Looks until 'n' connections have been ended by a flush, for half a minute;
 * what was begun must never be less than in the look before. */
static void
watch_until_flushed(struct insp_engine *engine, uint64_t n)
{
    struct insp_inspector_stats s = stats(engine);

    for (int i = 0; i < 30000 && s.table.ended[INSP_END_FLUSHED] < n; i++) {
        uint64_t begun = s.table.begun;

        usleep(1000);
        s = stats(engine);
        CU_ASSERT(s.table.begun >= begun);
    }
    UNIT_EQ(s.table.begun, n);
    UNIT_EQ(s.table.ended[INSP_END_FLUSHED], n);
}

/* Counters are an inspector's, however many tables it has had: they go on
 * with a new flow_limit and after it was off.  Mutation: assign 'past' in
 * insp_inspector_fold_table(), or do not add the tables that leave. */
static void
test_counters_never_go_back(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);

    for (uint16_t i = 1; i <= 3; i++) {
        struct spec spec = tcp(false, INSP_TCP_SYN, i);

        run_one(engine, &ctx, &spec);
        inspector.flow_limit += 100;
        apply(engine, &config);
        watch_until_flushed(engine, i);
        inspector.enabled = false;
        apply(engine, &config);
        UNIT_EQ(stats(engine).table.begun, i);
        UNIT_EQ(stats(engine).table.bytes, 0);
        UNIT_EQ(stats(engine).table.flow_limit, inspector.flow_limit);
        inspector.enabled = true;
        apply(engine, &config);
        UNIT_EQ(stats(engine).table.begun, i);
        UNIT_EQ(stats(engine).seen_packets, i);
    }
    insp_engine_destroy(engine, 100);
}

static uint64_t
made_room(const struct insp_inspector_stats *s)
{
    return s->table.ended[INSP_END_EVICTED] + s->table.ended[INSP_END_QUOTA];
}

/* Of those that had to make room, which are an inspector's, it is told how
 * many were in the table in force.  Mutation: take 'evicted_now' when all
 * tables have been added. */
static void
test_evicted_now_is_of_this_table(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct insp_engine *engine;
    struct insp_inspector_stats s;
    uint64_t before;

    inspector.flow_limit = 1000;
    engine = start(&config);
    for (uint16_t i = 1; i <= 3000; i++) {
        struct spec spec = tcp(false, INSP_TCP_SYN, i);

        run_one(engine, &ctx, &spec);
    }
    /* The control thread makes room, a step after the other. */
    before = 0;
    s = stats(engine);
    for (int i = 0; i < 500 && (!before || made_room(&s) > before); i++) {
        before = made_room(&s);
        usleep(20000);
        s = stats(engine);
    }
    CU_ASSERT(before > 0);
    UNIT_EQ(s.evicted_now, made_room(&s));
    inspector.flow_limit = 1100;
    apply(engine, &config);
    s = stats(engine);
    CU_ASSERT(made_room(&s) >= before);
    UNIT_EQ(s.evicted_now, 0);
    inspector.enabled = false; /* Without any. */
    apply(engine, &config);
    s = stats(engine);
    CU_ASSERT(made_room(&s) >= before);
    UNIT_EQ(s.evicted_now, 0);
    insp_engine_destroy(engine, 100);
}

/* Mutation: let port_is_stale() return false. */
static void
test_dead_port_inherits_nothing(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, INSP_TCP_SYN, 80);
    struct insp_flow_row row;

    run_one(engine, &ctx, &spec);
    UNIT_EQ(insp_engine_list(engine, 1, &row, 1, 20000), 1);
    config.n_ports = 1; /* VM2 is detached. */
    apply(engine, &config);
    run_one(engine, &ctx, &spec); /* By a flow that is still there. */
    for (int i = 0; i < 15000 && insp_engine_list(engine, 1, &row, 1, 20000);
         i++) {
        usleep(2000);
    }
    UNIT_EQ(insp_engine_list(engine, 1, &row, 1, 20000), 0);
    CU_ASSERT(stats(engine).table.ended[INSP_END_DETACHED] >= 1);
    UNIT_EQ(stats(engine).inspected_packets, 2);
    UNIT_EQ(stats(engine).table.begun, 2);
    insp_engine_destroy(engine, 100);
}

/* A flow's own action in a zone without ports: the far end's VM is known by
 * its MAC.  Mutation: drop the look-up in describe(). */
static void
test_explicit_action_knows_destination_by_mac(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = { .inspector = 1, .in_port = VM1 };
    struct spec spec = tcp(false, INSP_TCP_SYN, 80);
    struct insp_flow_row row;

    run_one(engine, &ctx, &spec);
    UNIT_EQ(insp_engine_list(engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.port_id[1], VM2);
    insp_engine_destroy(engine, 100);
}

/* Mutation: skip insp_table_fragment_note(). */
static void
test_fragments_follow_their_first(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, 0, 80);
    struct insp_flow_row row;

    spec.proto = INSP_PROTO_UDP;
    spec.ip_id = 77;
    spec.payload_size = 64;
    spec.frag = 0x2000;
    run_one(engine, &ctx, &spec);
    spec.frag = 9;
    run_one(engine, &ctx, &spec);
    spec.ip_id = 78; /* Its first one never came. */
    run_one(engine, &ctx, &spec);
    UNIT_EQ(insp_engine_list(engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.packets[0], 2);
    UNIT_EQ(stats(engine).facts[INSP_PACKET_FRAGMENT], 2);
    UNIT_EQ(stats(engine).table.remainders, 1);
    insp_engine_destroy(engine, 100);
}

/* Mutation: use the packet's own addresses although 'nat' is given. */
static void
test_nat_key_is_the_original_tuple(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, INSP_TCP_SYN, 8080);
    struct insp_nat_tuple nat = {
        .src = { 10, 0, 0, 1 },
        .dst = { 192, 0, 2, 9 },
        .src_port = 40000,
        .dst_port = 80,
        .ip_version = 4,
        .proto = INSP_PROTO_TCP,
    };
    struct insp_flow_row rows[2];
    struct insp_verdict verdict;
    struct insp_frame in;
    struct made frame;

    spec_make(&frame, &spec);
    in = (struct insp_frame){ frame.bytes, (uint32_t) frame.size,
                              (uint32_t) frame.size, &nat };
    insp_worker_run(engine, 0, &ctx, &in, 1, now_ns(), &verdict);
    ctx = pair_context(VM2, VM1);
    spec = tcp(true, INSP_TCP_SYN | INSP_TCP_ACK, 8080);
    spec_make(&frame, &spec);
    nat.reply = true;
    insp_worker_run(engine, 0, &ctx, &in, 1, now_ns(), &verdict);

    UNIT_EQ(insp_engine_list(engine, 1, rows, 2, 20000), 1);
    UNIT_EQ(rows[0].conn.l4_port[1], 80);
    UNIT_EQ(rows[0].conn.addr[1][12], 192);
    UNIT_EQ(rows[0].conn.packets[0], 1);
    UNIT_EQ(rows[0].conn.packets[1], 1);
    insp_engine_destroy(engine, 100);
}

/* A ping whose source is translated: 10.0.0.1 to 10.0.0.2 by 192.0.2.9, which
 * is what the packets say.  Mutation: forget icmp_type in the tuple, or
 * insp_key_set_query() in set_connection_key(). */
static void
test_nat_of_a_ping(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct insp_nat_tuple nat = {
        .src = { 10, 0, 0, 1 },
        .dst = { 10, 0, 0, 2 },
        .src_port = 7,
        .dst_port = 7,
        .ip_version = 4,
        .proto = INSP_PROTO_ICMP,
        .icmp_type = 8,
    };
    struct insp_flow_row rows[4];
    struct insp_verdict verdict;

    for (int i = 0; i < 4; i++) {
        struct insp_frame in;
        struct frame f;

        /* The last one is of another query, and not translated. */
        frame_begin(&f);
        frame_eth(&f, 0x0800);
        frame_ip4(&f, INSP_PROTO_ICMP, 8);
        frame_icmp(&f, i == 3 ? 13 : i & 1 ? 0 : 8, 0, 7);
        nat.reply = i & 1;
        in = (struct insp_frame){ f.bytes, (uint32_t) frame_size(&f),
                                  (uint32_t) frame_size(&f),
                                  i == 3 ? NULL : &nat };
        insp_worker_run(engine, 0, &ctx, &in, 1, now_ns(), &verdict);
    }
    UNIT_EQ(insp_engine_list(engine, 1, rows, 4, 20000), 2);
    for (int i = 0; i < 2; i++) {
        bool is_ping = rows[i].conn.icmp_type == 8;

        UNIT_EQ(rows[i].conn.icmp_type, is_ping ? 8 : 13);
        UNIT_EQ(rows[i].conn.packets[0], is_ping ? 2 : 1);
        UNIT_EQ(rows[i].conn.packets[1], is_ping ? 1 : 0);
    }
    insp_engine_destroy(engine, 100);
}

/* An absurd table is refused in words and the old one goes on.
 * Mutation: leave_table() before insp_table_create(). */
static void
test_absurd_flow_limit(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct insp_context ctx = pair_context(VM1, VM2);
    struct spec spec = tcp(false, INSP_TCP_SYN, 80);

    inspector.flow_limit = 4000000000u;
    apply(engine, &config);
    CU_ASSERT(strstr(stats(engine).error, "flow_limit 4000000000") != NULL);
    run_one(engine, &ctx, &spec);
    UNIT_EQ(stats(engine).inspected_packets, 1);
    inspector.flow_limit = 1000;
    apply(engine, &config);
    UNIT_STR_EQ(stats(engine).error, "");
    UNIT_EQ(stats(engine).table.flow_limit, 1000);
    insp_engine_destroy(engine, 100);
}

/* Sums over ports after a flush equal what was inspected, with workers on
 * both directions of the same connections, a configuration that keeps
 * changing and statistics that are read all the while (for the thread
 * sanitizer).  Mutation: forget a packet of 32 in run_stages(). */
#define STRESS_WORKERS 4
#define STRESS_BATCHES 4000

struct stress {
    struct insp_engine *engine;
    unsigned int worker;
    uint64_t bytes;
};

static void *
stress_main(void *stress_)
{
    struct stress *stress = stress_;
    unsigned int seed = stress->worker + 1;

    for (int batch = 0; batch < STRESS_BATCHES; batch++) {
        bool reply = rand_r(&seed) & 1;
        struct insp_context ctx =
            reply ? pair_context(VM2, VM1) : pair_context(VM1, VM2);
        struct insp_verdict verdicts[8];
        struct insp_frame in[8];
        struct made frames[8];

        for (int i = 0; i < 8; i++) {
            struct spec spec = tcp(reply, INSP_TCP_ACK, 80);
            uint16_t *client = reply ? &spec.dst_port : &spec.src_port;

            *client = (uint16_t) (1024 + rand_r(&seed) % 64);
            spec.tcp_flags = rand_r(&seed) % 50 ? INSP_TCP_ACK : INSP_TCP_SYN;
            spec.payload_size = (uint16_t) (rand_r(&seed) % 64);
            spec_make(&frames[i], &spec);
            in[i] = (struct insp_frame){ frames[i].bytes,
                                         (uint32_t) frames[i].size,
                                         (uint32_t) frames[i].size, NULL };
            stress->bytes += frames[i].size;
        }
        insp_worker_run(stress->engine, stress->worker, &ctx, in, 8, now_ns(),
                        verdicts);
    }
    return NULL;
}

/* Somebody who looks all the while, and has counted how often. */
struct onlooker {
    struct insp_engine *engine;
    _Atomic bool stop;
    unsigned int n_looks;
};

static void *
onlooker_main(void *onlooker_)
{
    struct onlooker *o = onlooker_;

    while (!atomic_load(&o->stop)) {
        struct insp_inspector_stats s[2];
        struct insp_port_stats ports[2];
        struct insp_flow_row rows[4];

        o->n_looks += insp_engine_get_stats(o->engine, s, 2) == 1;
        (void) insp_engine_get_port_stats(o->engine, ports, 2);
        (void) insp_engine_unknown_id(o->engine);
        (void) insp_engine_lacks_memory(o->engine);
        (void) insp_engine_applied(o->engine);
        (void) insp_engine_list(o->engine, 0, rows, 4, 10);
    }
    return NULL;
}

static void
test_sums_under_stress(void)
{
    struct insp_inspector_config inspector = make_inspector();
    struct insp_engine_config config = make_config(&inspector);
    struct insp_engine *engine = start(&config);
    struct onlooker onlooker = { .engine = engine };
    struct stress stress[STRESS_WORKERS];
    pthread_t threads[STRESS_WORKERS], looks;
    struct insp_port_stats ports[2];
    struct insp_inspector_stats s;
    uint64_t bytes = 0;

    pthread_create(&looks, NULL, onlooker_main, &onlooker);
    for (unsigned int i = 0; i < STRESS_WORKERS; i++) {
        stress[i] = (struct stress){ engine, i, 0 };
        pthread_create(&threads[i], NULL, stress_main, &stress[i]);
    }
    for (int i = 0; i < 20; i++) {
        inspector.flow_limit = 1000 + 100 * (i % 3);
        apply(engine, &config);
        insp_engine_flush(engine, 1, 20000);
    }
    for (unsigned int i = 0; i < STRESS_WORKERS; i++) {
        pthread_join(threads[i], NULL);
        bytes += stress[i].bytes;
    }
    atomic_store(&onlooker.stop, true);
    pthread_join(looks, NULL);
    CU_ASSERT(onlooker.n_looks > 0);
    CU_ASSERT(insp_engine_flush(engine, 1, 20000));
    s = stats(engine);
    UNIT_EQ(s.seen_packets, STRESS_WORKERS * STRESS_BATCHES * 8);
    UNIT_EQ(s.inspected_packets, s.seen_packets);
    UNIT_EQ(s.inspected_bytes, bytes);
    UNIT_EQ(insp_engine_get_port_stats(engine, ports, 2), 2);
    UNIT_EQ(ports[0].in_packets + ports[1].in_packets, s.inspected_packets);
    UNIT_EQ(ports[0].in_bytes + ports[1].in_bytes, bytes);
    UNIT_EQ(ports[0].out_bytes + ports[1].out_bytes, bytes);
    insp_engine_destroy(engine, 1000);
}

/* A client may choose where its sequence begins: so that what is expected is
 * 0, too.  What comes behind the first segment must not be taken for it.
 * Mutations: take an expected 0 for "not known"; let an acknowledgement from
 * nowhere say what is expected. */
static void
test_overtaken_first_segment(void)
{
    static const char text[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
    static const uint32_t isn[] = { UINT32_MAX, 7 };

    for (unsigned int i = 0; i < 2; i++) {
        struct insp_inspector_config inspector = make_inspector();
        struct insp_engine_config config = make_config(&inspector);
        struct insp_engine *engine = start(&config);
        struct insp_context ctx = pair_context(VM1, VM2);
        struct spec spec = tcp(false, INSP_TCP_SYN, 22);

        spec.tcp_seq = isn[i];
        run_one(engine, &ctx, &spec);
        spec.tcp_flags = INSP_TCP_ACK;
        spec.tcp_seq = isn[i] + 1 + i; /* Not the next one the second time. */
        run_one(engine, &ctx, &spec);
        for (unsigned int n = 0; n < 2; n++) {
            bool first = n == !i; /* In order the second time. */
            size_t from = first ? 0 : 1, to = first ? 1 : strlen(text);
            struct insp_verdict verdict;
            struct insp_frame frame;
            struct made made;

            spec.tcp_seq = isn[i] + 1 + (uint32_t) from;
            spec.payload_size = (uint16_t) (to - from);
            spec_make(&made, &spec);
            memcpy(made.bytes + made.size - (to - from), text + from,
                   to - from);
            frame = (struct insp_frame){ made.bytes, (uint32_t) made.size,
                                         (uint32_t) made.size, NULL };
            insp_worker_run(engine, 0, &ctx, &frame, 1, now_ns(), &verdict);
        }
        UNIT_EQ(stats(engine).readers.connections[INSP_APP_SSH], 1);
        inspector.enabled = false;
        apply(engine, &config);
        UNIT_EQ(stats(engine).readers.connections[INSP_APP_SSH], 1);
        watch_until_flushed(engine, 1);
        UNIT_EQ(stats(engine).readers.connections[INSP_APP_SSH], 1);
        insp_engine_destroy(engine, 100);
    }
}

UNIT_MAIN("engine", UNIT_TEST(test_counts_each_packet_once),
          UNIT_TEST(test_unknown_id_passes_and_is_counted),
          UNIT_TEST(test_disabled_skips_at_once),
          UNIT_TEST(test_counters_never_go_back),
          UNIT_TEST(test_evicted_now_is_of_this_table),
          UNIT_TEST(test_dead_port_inherits_nothing),
          UNIT_TEST(test_explicit_action_knows_destination_by_mac),
          UNIT_TEST(test_fragments_follow_their_first),
          UNIT_TEST(test_nat_key_is_the_original_tuple),
          UNIT_TEST(test_nat_of_a_ping), UNIT_TEST(test_absurd_flow_limit),
          UNIT_TEST(test_overtaken_first_segment),
          UNIT_TEST(test_sums_under_stress))
