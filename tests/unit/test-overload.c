/* SPDX-License-Identifier: Apache-2.0 */
/* How deep is inspected: when a worker steps down and comes back, and what
 * holds at each depth: sums are exact, and no drop becomes an allow.
 *
 * The counter of cycles is the test's, so nothing depends on the machine.
 *
 * Each test names the change that must make it fail ("Mutation"). */

#include "engine/internal.h"
#include "rig.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

/* A worker that has batches of 32 packets, of which inspection takes so many
 * cycles at each depth; a cycle is a nanosecond. */
struct line {
    struct insp_depth_worker worker;
    struct insp_depth_config config;
    uint64_t now, cycles;
    uint64_t every;    /* ns from batch to batch. */
    unsigned int most; /* Furthest down so far. */
    unsigned int changes;
    unsigned int jumps;         /* Of more than one step. */
    uint64_t at[INSP_N_DEPTHS]; /* How long at each depth. */
};

static void
line_init(struct line *l, uint32_t budget_percent)
{
    memset(l, 0, sizeof *l);
    l->config.budget_ppm = budget_percent * 10000;
    l->config.last = INSP_DEPTH_PORTS;
    l->now = 100 * SECOND;
    l->every = 20000;
}

static enum insp_depth
one_batch(struct line *l, const uint64_t cost[INSP_N_DEPTHS])
{
    struct insp_depth_worker *d = &l->worker;
    unsigned int before = INSP_READ(d->depth);
    enum insp_depth depth = INSP_DEPTH_FULL;
    unsigned int after;

    if (d->skip) {
        d->skip--;
        l->cycles += cost[INSP_DEPTH_FULL];
    } else {
        uint64_t from = l->cycles;

        depth = insp_depth_of_batch(d, &l->config, 32, l->now);
        l->cycles += cost[depth];
        insp_depth_measured(d, &l->config, 32, from, l->cycles, l->now);
    }
    after = INSP_READ(d->depth);
    l->changes += after != before;
    l->jumps += after > before + 1;
    l->most = INSP_MAX(l->most, after);
    l->at[depth] += l->every;
    return depth;
}

static void
run(struct line *l, uint64_t ns, const uint64_t cost[INSP_N_DEPTHS])
{
    for (uint64_t end = l->now + ns; l->now < end; l->now += l->every) {
        uint64_t from = l->cycles;

        one_batch(l, cost);
        l->cycles = from + INSP_MAX(l->every, l->cycles - from);
    }
}

static enum insp_depth
now_at(const struct line *l)
{
    return (enum insp_depth) INSP_READ(l->worker.depth);
}

/* Of a batch, in ns. */
static const uint64_t light[INSP_N_DEPTHS] = { 4000, 4000, 4000, 1000 };
static const uint64_t flood[INSP_N_DEPTHS] = { 18000, 17000, 12000, 2000 };

static void
test_under_the_budget(void)
{
    struct line l;

    line_init(&l, 50);
    run(&l, 60 * SECOND, light);
    UNIT_EQ(l.most, INSP_DEPTH_FULL);
    UNIT_EQ(INSP_READ(l.worker.share_ppm) / 10000, 20);
}

/* Mutation: let one window be enough; take two steps at once. */
static void
test_steps_down_one_by_one(void)
{
    struct line l;

    line_init(&l, 50);
    run(&l, SECOND, light);
    run(&l, 90 * MS, flood);
    UNIT_EQ(l.most, INSP_DEPTH_FULL);
    run(&l, 500 * MS, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
    UNIT_EQ(l.changes, 3);
    UNIT_EQ(l.jumps, 0);
    CU_ASSERT(INSP_READ(l.worker.excess_ppm) > 500000);
}

/* Mutation: never step back because it is calm. */
static void
test_comes_back_by_itself(void)
{
    struct line l;

    line_init(&l, 50);
    run(&l, 5 * SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
    l.every = 60000;
    run(&l, 1500 * MS, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_KNOWN);
    run(&l, 2500 * MS, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_FULL);
    l.changes = 0;
    run(&l, 60 * SECOND, flood);
    UNIT_EQ(l.changes, 0);
}

/* A load that stays is left alone: what the step above would take is known,
 * and tried but seldom.  Mutation: do not double the patience; foresee what is
 * taken now. */
static void
test_does_not_swing(void)
{
    struct line l;

    line_init(&l, 50);
    run(&l, 600 * SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
    CU_ASSERT(l.changes < 40);
    CU_ASSERT(l.at[INSP_DEPTH_PORTS] > 595 * SECOND);
}

/* Other traffic, of which the step above would take less than is remembered:
 * found out by trying.  Mutation: wait for ever instead of 'patience'. */
static void
test_tries_what_it_does_not_know(void)
{
    static const uint64_t other[INSP_N_DEPTHS] = { 8000, 8000, 8000, 7000 };
    struct line l;

    line_init(&l, 50);
    run(&l, SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
    run(&l, 30 * SECOND, other);
    UNIT_EQ(now_at(&l), INSP_DEPTH_FULL);
}

/* Where nothing helps it stays down.  Mutation: try although this step is over
 * the budget, too. */
static void
test_stays_where_nothing_helps(void)
{
    static const uint64_t all[INSP_N_DEPTHS] = { 19000, 19000, 19000, 19000 };
    struct line l;

    line_init(&l, 50);
    run(&l, 100 * SECOND, all);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
    UNIT_EQ(l.changes, 3);
}

/* Mutation: forget 'last' in decide(), or in insp_depth_of_batch(). */
static void
test_goes_no_further_than_it_may(void)
{
    struct line l;

    line_init(&l, 50);
    l.config.last = INSP_DEPTH_KNOWN;
    run(&l, 5 * SECOND, flood);
    UNIT_EQ(l.most, INSP_DEPTH_KNOWN);
    UNIT_EQ(now_at(&l), INSP_DEPTH_KNOWN);

    /* Rules came: the very next batch is inspected for them. */
    l.config.last = INSP_DEPTH_FULL;
    UNIT_EQ(one_batch(&l, flood), INSP_DEPTH_FULL);
    run(&l, 5 * SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_FULL);
}

/* Mutation: look at the budget in decide() alone. */
static void
test_no_budget(void)
{
    struct line l;

    line_init(&l, 0);
    run(&l, 10 * SECOND, flood);
    UNIT_EQ(l.most, INSP_DEPTH_FULL);

    line_init(&l, 50);
    run(&l, 5 * SECOND, flood);
    l.config.budget_ppm = 0;
    UNIT_EQ(one_batch(&l, flood), INSP_DEPTH_FULL);
    run(&l, 5 * SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_FULL);

    /* And there is one again. */
    l.config.budget_ppm = 500000;
    run(&l, SECOND, flood);
    UNIT_EQ(now_at(&l), INSP_DEPTH_PORTS);
}

/* A worker that has had nothing to do begins anew.  Mutation: leave the gap
 * out of insp_depth_seen(). */
static void
test_a_gap_ends_it(void)
{
    struct line l;

    line_init(&l, 50);
    run(&l, 5 * SECOND, flood);
    UNIT_EQ(insp_depth_seen(&l.worker, l.now), INSP_DEPTH_PORTS);
    l.now += 2 * SECOND;
    l.cycles += 2 * SECOND;
    UNIT_EQ(insp_depth_seen(&l.worker, l.now), INSP_DEPTH_FULL);
    UNIT_EQ(one_batch(&l, light), INSP_DEPTH_FULL);
    run(&l, 5 * SECOND, light);
    UNIT_EQ(now_at(&l), INSP_DEPTH_FULL);
}

/* What no packet takes: a thread that was put aside in the middle of one, a
 * counter that goes back.  Mutation: leave CYCLES_MAX out; count 'after' less
 * 'before' whatever they are. */
static void
test_odd_readings(void)
{
    struct line l;

    line_init(&l, 50);
    for (int i = 0; i < 200; i++) {
        run(&l, 40 * MS, light);
        insp_depth_measured(&l.worker, &l.config, 1, l.cycles,
                            l.cycles + 30 * MS, l.now);
        run(&l, 40 * MS, light);
        insp_depth_measured(&l.worker, &l.config, 32, l.cycles,
                            l.cycles - 5000, l.now);
        l.cycles -= i == 50 ? 60 * MS : 0;
    }
    UNIT_EQ(l.most, INSP_DEPTH_FULL);
}

/* ------------------------------------------------------------------------ */
/* The whole engine, without threads, by clocks of ours. */

struct bed {
    struct insp_host host;
    struct insp_inspector_config inspector;
    struct insp_engine_config config;
    struct insp_engine *engine;
    struct insp_context there, back;
    struct rig_rules r;
    uint32_t version;
    uint64_t now, cycles, cost;
    uint64_t turn_ns;    /* When the control thread has its turn. */
    unsigned int n_read; /* Of the counter. */
    char log[4096];

    /* Of all records. */
    uint64_t packets, bytes;
    uint64_t remainder[INSP_REASON_CATCH_ALL + 1];
    uint64_t connections, apps;
    struct insp_record_sensor sensor;
};

static void
bed_log(void *bed, enum insp_log_level level, const char *text)
{
    struct bed *b = bed;

    if (level <= INSP_LOG_INFO &&
        strlen(b->log) + strlen(text) + 2 < sizeof b->log) {
        strcat(strcat(b->log, text), "\n");
    }
}

static uint64_t
bed_ns(void *bed)
{
    return ((struct bed *) bed)->now;
}

static int
bed_random(void *bed, void *bytes, size_t size)
{
    (void) bed;
    memset(bytes, 0x5a, size);
    return 0;
}

/* Every second reading is the end of a batch. */
#define COST UINT64_C(18000)

static uint64_t
bed_cycles(void *bed)
{
    struct bed *b = bed;

    b->cycles += b->n_read++ & 1 ? b->cost : 0;
    return b->cycles;
}

static void
bed_take_records(struct bed *b)
{
    struct insp_record record;

    while (insp_engine_next_record(b->engine, &record)) {
        switch ((enum insp_record_type) record.type) {
        case INSP_RECORD_CONNECTION:
            b->connections += record.conn.end_reason != INSP_END_NONE;
            b->packets += record.conn.packets[0] + record.conn.packets[1];
            b->bytes += record.conn.bytes[0] + record.conn.bytes[1];
            break;
        case INSP_RECORD_REMAINDER:
            b->remainder[record.remainder.reason] += record.remainder.packets;
            b->packets += record.remainder.packets;
            b->bytes += record.remainder.bytes;
            break;
        case INSP_RECORD_APP: b->apps++; break;
        case INSP_RECORD_SENSOR: b->sensor = record.sensor; break;
        case INSP_RECORD_LOSS:
        case INSP_RECORD_PORT:
        case INSP_RECORD_PORT_GONE:
        case INSP_RECORD_RESTART:
        case INSP_N_RECORD_TYPES: break;
        }
        insp_record_uninit(&record);
    }
}

static void
bed_turn(struct bed *b)
{
    (void) insp_engine_turn(b->engine);
    bed_take_records(b);
}

static void
bed_apply(struct bed *b)
{
    if (b->r.n) {
        rig_freeze(&b->r, ++b->version, &b->inspector);
    }
    CU_ASSERT(insp_engine_apply(b->engine, &b->config) != 0);
    bed_turn(b);
}

static void
bed_open(struct bed *b, enum insp_mode mode)
{
    memset(b, 0, sizeof *b);
    b->host = (struct insp_host){
        .aux = b,
        .log = bed_log,
        .monotonic_ns = bed_ns,
        .wall_ns = bed_ns,
        .random = bed_random,
        .cycles = bed_cycles,
    };
    b->now = 1000 * SECOND;
    b->inspector = make_inspector();
    b->inspector.mode = mode;
    b->inspector.cycle_budget_ppm = 500000;
    b->inspector.statistics_interval_ms = 1000;
    b->config = make_config(&b->inspector);
    b->there = pair_context(VM1, VM2);
    b->back = pair_context(VM2, VM1);
    CU_ASSERT_FATAL(!insp_engine_create_passive(&b->host, &b->engine));
    bed_apply(b);
}

static uint8_t
bed_send(struct bed *b, bool reply, const struct spec *spec)
{
    return run_one_at(b->engine, reply ? &b->back : &b->there, spec, b->now)
        .kind;
}

static uint8_t
bed_tcp(struct bed *b, bool reply, uint8_t flags, uint16_t client,
        uint16_t service)
{
    struct spec spec = tcp(reply, flags, service);

    *(reply ? &spec.dst_port : &spec.src_port) = client;
    return bed_send(b, reply, &spec);
}

static struct insp_inspector *
bed_inspector(const struct bed *b)
{
    return &b->engine->inspectors[0];
}

/* Time passes in which inspection takes 'percent' of it: a packet takes always
 * the same, and there are fewer or more. */
static void
bed_pass(struct bed *b, uint64_t ns, unsigned int percent)
{
    uint64_t gap = 100 * COST / percent;

    b->cost = COST;
    for (uint64_t end = b->now + ns; b->now < end;) {
        b->now += gap;
        b->cycles += gap - (bed_inspector(b)->depths[0].skip ? 0 : COST);
        (void) bed_tcp(b, false, INSP_TCP_ACK, 999, 999);
        if (b->now >= b->turn_ns) {
            b->turn_ns = b->now + 20 * MS;
            bed_turn(b);
        }
    }
    b->cost = 0;
}

/* Overload until it is at that depth; then no time passes. */
static void
bed_sink(struct bed *b, enum insp_depth depth)
{
    for (int i = 0; i < 100; i++) {
        bed_pass(b, 10 * MS, 90);
        if (INSP_READ(bed_inspector(b)->depths[0].depth) == depth) {
            break;
        }
    }
    UNIT_EQ(INSP_READ(bed_inspector(b)->depths[0].depth), depth);
}

static struct insp_inspector_stats
bed_stats(struct bed *b)
{
    return stats(b->engine);
}

/* Ends all, and checks the sums. */
static void
bed_close(struct bed *b)
{
    struct insp_inspector_stats s = bed_stats(b);
    enum insp_turn turn;

    insp_engine_end(b->engine);
    do {
        b->now += 10 * MS;
        turn = insp_engine_turn(b->engine);
        bed_take_records(b);
    } while (turn != INSP_TURN_ENDED);
    UNIT_EQ(b->packets, s.inspected_packets);
    UNIT_EQ(b->bytes, s.inspected_bytes);
    UNIT_EQ(s.seen_packets, s.inspected_packets);
    UNIT_EQ(s.seen_bytes, s.inspected_bytes);
    insp_engine_destroy(b->engine, 0);
    insp_binding_unref(b->inspector.binding);
}

static struct spec
udp(uint16_t client, uint16_t service)
{
    struct spec spec = tcp(false, 0, service);

    spec.proto = INSP_PROTO_UDP;
    spec.src_port = client;
    return spec;
}

/* Every packet is in a record, once, with its bytes, whatever the depth is and
 * while it changes.  Mutation: in count_sum(), count one packet a sum; in
 * add(), forget the bytes of the first; do not count at depth KNOWN. */
static void
test_sums_are_exact(void)
{
    static const enum insp_mode modes[] = { INSP_MODE_TAP, INSP_MODE_INLINE };
    static struct bed b;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(modes); i++) {
        struct insp_inspector_stats s;

        bed_open(&b, modes[i]);
        for (unsigned int k = 0; k < 320; k++) {
            struct spec spec = udp((uint16_t) (1000 + k), 53);

            for (unsigned int j = 0; j < 20; j++) {
                spec.src_port = (uint16_t) (k * 20 + j);
                spec.payload_size = (uint16_t) (j * 3);
                spec.frag = j == 7 ? 0x2000 : j == 8 ? 5 : 0;
                spec.proto = j & 1 ? INSP_PROTO_TCP : INSP_PROTO_UDP;
                spec.tcp_flags = INSP_TCP_SYN;
                (void) bed_send(&b, j & 2, &spec);
            }
            bed_pass(&b, 100 * MS, k / 40 % 2 ? 5 : 95);
        }
        s = bed_stats(&b);
        for (unsigned int depth = 1; depth < INSP_N_DEPTHS; depth++) {
            CU_ASSERT(s.packets_at[depth] > 100);
            CU_ASSERT(s.depth_ns[depth] > 100 * MS);
        }
        CU_ASSERT(s.table.begun > 100);
        bed_close(&b);
        CU_ASSERT(b.remainder[INSP_REMAINDER_OVERLOAD] > 1000);
        UNIT_EQ(b.remainder[INSP_REASON_CATCH_ALL], 0);
    }
}

/* At depth PORTS each packet is in the remainder that it belongs to.
 * Mutation: let the first reason of a batch stand for all of it. */
static void
test_ports_are_told_apart(void)
{
    static struct made made[INSP_BATCH_MAX];
    struct insp_verdict verdicts[INSP_BATCH_MAX];
    struct insp_frame frames[INSP_BATCH_MAX];
    static struct bed b;
    uint64_t before;

    bed_open(&b, INSP_MODE_TAP);
    bed_sink(&b, INSP_DEPTH_PORTS);
    before = bed_stats(&b).table.begun;
    for (unsigned int i = 0; i < INSP_BATCH_MAX; i++) {
        struct spec spec = udp((uint16_t) (1000 + i), 4000);
        size_t size;

        spec.payload_size = (uint16_t) i;
        spec_make(&made[i], &spec);
        size = made[i].size;
        if (i % 8 == 1) { /* 4 of 32: ARP. */
            made[i].bytes[13] = 6;
        } else if (i % 8 == 2) { /* 4: nobody's. */
            made[i].bytes[12] = 0x88, made[i].bytes[13] = (uint8_t) i;
        } else if (i % 8 == 3) { /* 4: cut off. */
            made[i].size = 20;
        } else if (i % 16 == 4) { /* Some are fragments. */
            made[i].bytes[21] = 9;
        }
        frames[i] =
            (struct insp_frame){ made[i].bytes, (uint32_t) made[i].size,
                                 (uint32_t) size, NULL };
    }
    CU_ASSERT(insp_worker_run(b.engine, 0, &b.there, frames, INSP_BATCH_MAX,
                              b.now, verdicts));
    UNIT_EQ(bed_stats(&b).table.connections, 1);
    bed_close(&b);
    UNIT_EQ(b.remainder[INSP_REMAINDER_ARP], 4);
    UNIT_EQ(b.remainder[INSP_REMAINDER_NON_IP], 4);
    UNIT_EQ(b.remainder[INSP_REMAINDER_MALFORMED], 4);
    UNIT_EQ(b.remainder[INSP_REMAINDER_STALE_PORT], 0);
    CU_ASSERT(b.remainder[INSP_REMAINDER_OVERLOAD] >= 20);
    UNIT_EQ(b.connections, before);
}

/* What holds of the firewall: all that it drops at full depth it drops at
 * every depth, and what is established passes both ways, although its answers
 * by themselves would not.  Mutation: at depth KNOWN look nothing up; let
 * last_depth() return PORTS; skip judging for inline inspectors, too. */
static void
test_no_drop_becomes_an_allow(void)
{
    static struct bed b;
    struct spec fragment = udp(5000, 53);

    bed_open(&b, INSP_MODE_INLINE);
    rig_rule(&b.r, "web", 2, INSP_DIRECTION_BOTH, INSP_ACTION_ALLOW, "vm:one",
             "vm:two", "tcp/80")
        ->priority = 3000;
    rig_rule(&b.r, "no", 2, INSP_DIRECTION_BOTH, INSP_ACTION_RESET, "", "",
             "tcp/23")
        ->priority = 2000;
    rig_rule(&b.r, "rest", 2, INSP_DIRECTION_BOTH, INSP_ACTION_DROP, "", "",
             "any");
    bed_apply(&b);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 1, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(bed_tcp(&b, true, INSP_TCP_SYN | INSP_TCP_ACK, 1, 80),
            INSP_VERDICT_ALLOW);
    bed_sink(&b, INSP_DEPTH_KNOWN);
    bed_pass(&b, SECOND, 90);
    UNIT_EQ(bed_stats(&b).depth, INSP_DEPTH_KNOWN);
    UNIT_EQ(bed_stats(&b).depth_last, INSP_DEPTH_KNOWN);

    /* Known. */
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_ACK, 1, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(bed_tcp(&b, true, INSP_TCP_ACK, 1, 80), INSP_VERDICT_ALLOW);
    /* New: the same, by itself... */
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 2, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 2, 81), INSP_VERDICT_DROP);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 2, 23), INSP_VERDICT_RESET);
    UNIT_EQ(bed_tcp(&b, true, INSP_TCP_SYN, 80, 3000), INSP_VERDICT_DROP);
    /* ... so that what answers nobody known is dropped. */
    UNIT_EQ(bed_tcp(&b, true, INSP_TCP_ACK, 2, 80), INSP_VERDICT_DROP);
    UNIT_EQ(bed_send(&b, false, &fragment), INSP_VERDICT_DROP);
    UNIT_EQ(bed_stats(&b).table.connections, 2);
    bed_close(&b);
    CU_ASSERT(b.connections <= 2);
}

/* Another VM that takes the address of one is not what is known of that.
 * Mutation: leave is_superseded() out of insp_table_find(). */
static void
test_nobody_inherits_what_is_known(void)
{
    static struct bed b;
    struct spec spec = tcp(false, INSP_TCP_ACK, 80);

    bed_open(&b, INSP_MODE_INLINE);
    b.there.zone = (struct insp_zone){ .kind = INSP_ZONE_EXPLICIT };
    rig_rule(&b.r, "one", 2, INSP_DIRECTION_FROM_VM, INSP_ACTION_ALLOW,
             "vm:one", "", "")
        ->priority = 2000;
    rig_rule(&b.r, "rest", 2, INSP_DIRECTION_FROM_VM, INSP_ACTION_DROP, "", "",
             "");
    bed_apply(&b);
    UNIT_EQ(bed_send(&b, false, &spec), INSP_VERDICT_ALLOW);
    bed_sink(&b, INSP_DEPTH_KNOWN);
    UNIT_EQ(bed_send(&b, false, &spec), INSP_VERDICT_ALLOW);
    b.there.in_port = VM2;
    UNIT_EQ(bed_send(&b, false, &spec), INSP_VERDICT_DROP);
    bed_close(&b);
}

/* fail_mode decides of what no rule drops.  Mutation: leave 'fail_closed' out
 * of last_depth(). */
static void
test_fail_mode(void)
{
    for (int closed = 0; closed < 2; closed++) {
        static struct bed b;
        struct spec spec = udp(5, 6);

        bed_open(&b, INSP_MODE_INLINE);
        b.inspector.fail_mode = closed ? INSP_FAIL_CLOSED : INSP_FAIL_OPEN;
        bed_apply(&b);
        UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 1, 80), INSP_VERDICT_ALLOW);
        bed_sink(&b, closed ? INSP_DEPTH_KNOWN : INSP_DEPTH_PORTS);
        bed_pass(&b, SECOND, 90);
        UNIT_EQ(bed_stats(&b).depth,
                closed ? INSP_DEPTH_KNOWN : INSP_DEPTH_PORTS);
        UNIT_EQ(bed_tcp(&b, false, INSP_TCP_ACK, 1, 80), INSP_VERDICT_ALLOW);
        UNIT_EQ(bed_send(&b, false, &spec),
                closed ? INSP_VERDICT_DROP : INSP_VERDICT_ALLOW);
        bed_close(&b);
    }
}

/* A tap touches nothing, and judges nothing that it does not keep.  Mutation:
 * take the mode from the action alone in last_depth(). */
static void
test_tap(void)
{
    static struct bed b;
    uint64_t judged;
    struct insp_policy *policy;

    bed_open(&b, INSP_MODE_TAP);
    rig_rule(&b.r, "no", 2, INSP_DIRECTION_BOTH, INSP_ACTION_DROP, "", "",
             "tcp/23");
    bed_apply(&b);
    bed_sink(&b, INSP_DEPTH_KNOWN);
    policy = insp_binding_policy(b.inspector.binding);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 2, 23), INSP_VERDICT_ALLOW);
    bed_sink(&b, INSP_DEPTH_PORTS);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 2, 23), INSP_VERDICT_ALLOW);
    insp_policy_counters(policy, 0, &judged, &(uint64_t){ 0 });
    UNIT_EQ(judged, 0);
    UNIT_EQ(bed_stats(&b).verdicts[INSP_VERDICT_ALLOW],
            bed_stats(&b).inspected_packets);
    bed_close(&b);
}

/* Mutation: let last_depth() return KNOWN whatever rules look at. */
static void
test_rules_that_read_are_read_for(void)
{
    static struct bed b;

    bed_open(&b, INSP_MODE_INLINE);
    rig_rule(&b.r, "no", 2, INSP_DIRECTION_BOTH, INSP_ACTION_DROP, "", "",
             "app:ssh");
    bed_apply(&b);
    bed_pass(&b, 3 * SECOND, 95);
    UNIT_EQ(bed_stats(&b).depth, INSP_DEPTH_FULL);
    UNIT_EQ(bed_stats(&b).depth_last, INSP_DEPTH_FULL);
    CU_ASSERT(bed_stats(&b).share_ppm > 900000);
    bed_close(&b);
}

/* A redirect goes on.  Mutation: allow what is not known without judging. */
static void
test_redirects_go_on(void)
{
    static const struct insp_function_config function = {
        .name = "f",
        .id = 9,
        .slot = 4,
        .flight_timeout_ms = 1000,
        .fail_mode = INSP_FAIL_CLOSED,
    };
    static struct bed b;
    const struct insp_way way = { 9, 0 };

    bed_open(&b, INSP_MODE_INLINE);
    rig_rule(&b.r, "f", 4, INSP_DIRECTION_BOTH, INSP_ACTION_REDIRECT, "", "",
             "tcp/80");
    b.inspector.functions = &function;
    b.inspector.n_functions = 1;
    b.inspector.flight_limit = 100;
    b.there.ways = &way;
    b.there.n_ways = 1;
    b.there.rest = "deliver";
    b.there.rest_size = 7;
    bed_apply(&b);
    bed_sink(&b, INSP_DEPTH_KNOWN);
    /* It is down, and closed. */
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 1, 80), INSP_VERDICT_DROP);
    insp_engine_set_function_port(b.engine, 9, INSP_FUNCTION_UP);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 1, 80), INSP_VERDICT_REDIRECT);
    UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, 1, 81), INSP_VERDICT_ALLOW);
    bed_close(&b);
}

static const uint8_t question[] =
    "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";

/* A question by DNS. */
static void
ask(struct bed *b, uint16_t client)
{
    struct spec spec = udp(client, 53);
    struct insp_verdict verdict;
    struct made made;

    spec.payload_size = sizeof question - 1;
    spec_make(&made, &spec);
    memcpy(made.bytes + made.size - spec.payload_size, question,
           spec.payload_size);
    (void) insp_worker_run(b->engine, 0, &b->there,
                           &(struct insp_frame){ made.bytes,
                                                 (uint32_t) made.size,
                                                 (uint32_t) made.size, NULL },
                           1, b->now, &verdict);
}

/* Mutation: read whatever the depth is in insp_reads(). */
static void
test_what_is_said_is_not_read(void)
{
    static struct bed b;

    bed_open(&b, INSP_MODE_TAP);
    ask(&b, 1000);
    bed_sink(&b, INSP_DEPTH_CONNECTIONS);
    ask(&b, 1001);
    ask(&b, 1003);
    bed_pass(&b, 5 * SECOND, 1);
    UNIT_EQ(bed_stats(&b).depth, INSP_DEPTH_FULL);
    ask(&b, 1002);
    ask(&b, 1001); /* And is read again, if it goes on. */
    bed_close(&b);
    UNIT_EQ(b.apps, 3);
    UNIT_EQ(b.connections, 5);
}

static unsigned int
count(const char *text, const char *what)
{
    unsigned int n = 0;

    while ((text = strstr(text, what))) {
        n++;
        text++;
    }
    return n;
}

/* What operator and collector see.  Mutation: look at worker 0 alone; log each
 * change. */
static void
test_it_is_told(void)
{
    struct insp_inspector_stats s;
    static struct bed b;

    bed_open(&b, INSP_MODE_TAP);
    bed_pass(&b, 2 * SECOND, 10);
    UNIT_STR_EQ(b.log, "");
    UNIT_EQ(b.sensor.depth, INSP_DEPTH_FULL);
    bed_sink(&b, INSP_DEPTH_PORTS);
    bed_pass(&b, 2 * SECOND, 90);
    s = bed_stats(&b);
    UNIT_EQ(s.depth, INSP_DEPTH_PORTS);
    UNIT_EQ(s.shallow_workers, 1);
    UNIT_EQ(s.share_ppm / 10000, 90);
    CU_ASSERT(s.depth_since_ns > 1000 * SECOND && s.depth_since_ns < b.now);
    UNIT_EQ(b.sensor.depth, INSP_DEPTH_PORTS);
    CU_ASSERT(b.sensor.shallow_packets > 10000);
    CU_ASSERT(strstr(b.log, "inspector main: inspection depth ports, was "
                            "known: inspection took 9") != NULL);
    CU_ASSERT(strstr(b.log, "of a worker's cycles, cycle-budget is 50.0 %") !=
              NULL);

    /* Idle: nobody has to come by for it to be over. */
    for (int i = 0; i < 30; i++) {
        b.now += 100 * MS;
        bed_turn(&b);
    }
    s = bed_stats(&b);
    UNIT_EQ(s.depth, INSP_DEPTH_FULL);
    UNIT_EQ(s.shallow_workers, 0);
    CU_ASSERT(strstr(b.log, "inspection depth full, was ports") != NULL);

    /* Up and down for minutes: not a line each. */
    b.log[0] = '\0';
    for (int i = 0; i < 40; i++) {
        bed_sink(&b, INSP_DEPTH_PORTS);
        b.now += 1500 * MS;
        bed_turn(&b);
    }
    CU_ASSERT(count(b.log, "\n") < 25);
    CU_ASSERT(count(b.log, "\n") > 5);
    bed_close(&b);
}

/* The table is full of connections that stay: accounting is exact, and the
 * firewall drops what it dropped. */
static void
test_a_full_table_is_exact(void)
{
    static struct bed b;
    struct insp_inspector_stats s;

    bed_open(&b, INSP_MODE_INLINE);
    b.inspector.flow_limit = 64;
    rig_rule(&b.r, "no", 2, INSP_DIRECTION_BOTH, INSP_ACTION_DROP, "", "",
             "tcp/23");
    bed_apply(&b);
    /* No turn of the control thread comes between: it cannot keep up. */
    for (unsigned int i = 0; i < 20000; i++) {
        UNIT_EQ(bed_tcp(&b, false, INSP_TCP_SYN, (uint16_t) i,
                        i % 7 ? 80 : 23),
                i % 7 ? INSP_VERDICT_ALLOW : INSP_VERDICT_DROP);
    }
    s = bed_stats(&b);
    CU_ASSERT(s.table.refused[INSP_REMAINDER_TABLE_FULL] > 19000);
    bed_close(&b);
    UNIT_EQ(b.remainder[INSP_REMAINDER_TABLE_FULL] +
                (b.packets - b.remainder[INSP_REMAINDER_TABLE_FULL]),
            20000);
    CU_ASSERT(b.remainder[INSP_REMAINDER_TABLE_FULL] > 19000);
}

UNIT_MAIN("overload", UNIT_TEST(test_under_the_budget),
          UNIT_TEST(test_steps_down_one_by_one),
          UNIT_TEST(test_comes_back_by_itself), UNIT_TEST(test_does_not_swing),
          UNIT_TEST(test_tries_what_it_does_not_know),
          UNIT_TEST(test_stays_where_nothing_helps),
          UNIT_TEST(test_goes_no_further_than_it_may),
          UNIT_TEST(test_no_budget), UNIT_TEST(test_a_gap_ends_it),
          UNIT_TEST(test_odd_readings), UNIT_TEST(test_sums_are_exact),
          UNIT_TEST(test_ports_are_told_apart),
          UNIT_TEST(test_no_drop_becomes_an_allow),
          UNIT_TEST(test_nobody_inherits_what_is_known),
          UNIT_TEST(test_fail_mode), UNIT_TEST(test_tap),
          UNIT_TEST(test_rules_that_read_are_read_for),
          UNIT_TEST(test_redirects_go_on),
          UNIT_TEST(test_what_is_said_is_not_read), UNIT_TEST(test_it_is_told),
          UNIT_TEST(test_a_full_table_is_exact))
