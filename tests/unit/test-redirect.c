/* SPDX-License-Identifier: Apache-2.0 */
/* Redirecting, by the whole engine: trips through functions, what becomes of
 * packets when one is down, versions, probes.  How flights are kept is
 * test-flight.c's.
 *
 * Each test names the change that must make it fail ("Mutation"). */

#include "rig.h"

#define A  101 /* Functions. */
#define B  102
#define MS UINT64_C(1000000)

static const struct insp_way all_ways[] = {
    { A, 0 },
    { A, 1 },
    { B, 0 },
    { B, 1 },
};

struct desk {
    struct insp_inspector_config inspector;
    struct insp_engine_config config;
    struct insp_function_config functions[2];
    struct insp_engine *engine;
    struct insp_context there;
    struct insp_context back;
    struct rig_rules r;
    uint32_t version;
    struct insp_return returned;
};

static struct insp_function_config
make_function(uint32_t id, uint8_t slot)
{
    struct insp_function_config f = {
        .id = id,
        .slot = slot,
        .flight_timeout_ms = 200,
    };

    snprintf(f.name, sizeof f.name, "f%u", id);
    return f;
}

static void
desk_apply(struct desk *d)
{
    rig_freeze(&d->r, ++d->version, &d->inspector);
    apply(d->engine, &d->config);
}

static void
desk_open(struct desk *d)
{
    memset(d, 0, sizeof *d);
    d->functions[0] = make_function(A, 4);
    d->functions[1] = make_function(B, 6);
    d->inspector = make_inspector();
    d->inspector.flight_limit = 1024;
    d->inspector.functions = d->functions;
    d->inspector.n_functions = 2;
    d->config = make_config(&d->inspector);
    d->there = pair_context(VM1, VM2);
    d->there.ways = all_ways;
    d->there.n_ways = INSP_ARRAY_SIZE(all_ways);
    d->there.rest = "deliver";
    d->there.rest_size = 7;
    d->back = d->there;
    d->back.in_port = VM2;
    d->back.out_port = VM1;
    d->engine = start(&d->config);
    insp_engine_set_function_port(d->engine, A, INSP_FUNCTION_UP);
    insp_engine_set_function_port(d->engine, B, INSP_FUNCTION_UP);
}

static void
rules_for_both(struct desk *d)
{
    rig_rule(&d->r, "to-a", 4, INSP_DIRECTION_FROM_VM, INSP_ACTION_REDIRECT,
             "vm:one", "", "tcp/80");
    rig_rule(&d->r, "to-b", 6, INSP_DIRECTION_FROM_VM, INSP_ACTION_REDIRECT,
             "vm:one", "", "tcp/80");
}

static void
desk_close(struct desk *d)
{
    insp_engine_destroy(d->engine, 100);
    insp_binding_unref(d->inspector.binding);
}

/* The one packet of these tests, from VM1; 'id' tells them apart. */
static struct spec
numbered(uint16_t id)
{
    struct spec spec = tcp(false, INSP_TCP_ACK, 80);

    spec.ip_id = id;
    spec.tcp_seq = id * 100u;
    return spec;
}

static struct insp_verdict
send_at(struct desk *d, uint16_t id, uint64_t now)
{
    struct spec spec = numbered(id);

    return run_one_at(d->engine, &d->there, &spec, now);
}

static struct insp_verdict
send(struct desk *d, uint16_t id)
{
    return send_at(d, id, now_ns());
}

/* It comes out of 'function' by its second arm. */
static struct insp_verdict
come_back_at(struct desk *d, uint32_t function, uint16_t id, uint64_t now)
{
    struct insp_return_context ctx = {
        .inspector = 1,
        .function = function,
        .arm = 1,
        .ways = all_ways,
        .n_ways = INSP_ARRAY_SIZE(all_ways),
    };
    struct spec spec = numbered(id);
    struct insp_frame in;
    struct made frame;

    spec_make(&frame, &spec);
    in = (struct insp_frame){ frame.bytes, (uint32_t) frame.size,
                              (uint32_t) frame.size, NULL };
    insp_worker_return(d->engine, 1, &ctx, &in, 1, now, &d->returned);
    return d->returned.verdict;
}

static struct insp_verdict
come_back(struct desk *d, uint32_t function, uint16_t id)
{
    return come_back_at(d, function, id, now_ns());
}

static struct insp_function_row
row_of(struct desk *d, uint32_t function)
{
    struct insp_function_row rows[INSP_MAX_FUNCTIONS];
    size_t n =
        insp_engine_functions(d->engine, 1, rows, INSP_MAX_FUNCTIONS, 5000);

    for (size_t i = 0; i < n; i++) {
        if (rows[i].config.id == function) {
            return rows[i];
        }
    }
    CU_FAIL("no such function");
    memset(&rows[0], 0, sizeof rows[0]);
    return rows[0];
}

static void
check_balance(struct desk *d, uint32_t function)
{
    struct insp_function_row row = row_of(d, function);

    UNIT_EQ(row.in_packets + row.injected,
            row.out_packets + insp_sum(row.lost, INSP_N_FLIGHT_LOSSES) +
                row.in_flight);
}

static void
check_to(struct insp_verdict verdict, uint32_t function)
{
    UNIT_EQ(verdict.kind, INSP_VERDICT_REDIRECT);
    UNIT_EQ(verdict.function, function);
}

/* Mutation: in fly(), keep the first leg in 'rest'. */
static void
test_chain_ends_where_it_was_going(void)
{
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), A);
    UNIT_EQ(row_of(&d, A).in_flight, 1);
    check_to(come_back(&d, A, 1), B);
    UNIT_EQ(come_back(&d, B, 1).kind, INSP_VERDICT_ALLOW);
    UNIT_EQ(d.returned.rest_size, 7);
    CU_ASSERT(!memcmp(d.returned.rest, "deliver", 7));

    /* Once only. */
    UNIT_EQ(come_back(&d, B, 1).kind, INSP_VERDICT_DROP);
    UNIT_EQ(come_back(&d, A, 1).kind, INSP_VERDICT_DROP);
    UNIT_EQ(row_of(&d, A).in_packets, 1);
    UNIT_EQ(row_of(&d, A).out_packets, 1);
    UNIT_EQ(row_of(&d, A).injected, 1);
    UNIT_EQ(row_of(&d, A).lost[INSP_FLIGHT_LOSS_UNSOLICITED], 1);
    check_balance(&d, A);
    check_balance(&d, B);
    desk_close(&d);
}

/* Mutation: in plan(), look at slots from the highest. */
static void
test_replies_need_a_rule_of_their_own(void)
{
    struct spec reply = tcp(true, INSP_TCP_ACK, 80);
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    d.r.rules[1].symmetric = true;
    desk_apply(&d);
    check_to(send(&d, 1), A);
    /* Ascending slots in both directions; only B's rule is symmetric. */
    check_to(run_one(d.engine, &d.back, &reply), B);
    desk_close(&d);
}

/* Mutation: in travel(), ignore 'closed'. */
static void
test_down_follows_fail_mode(void)
{
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    insp_engine_set_function_port(d.engine, A, INSP_FUNCTION_LINK_DOWN);
    check_to(send(&d, 1), B); /* Past A. */
    UNIT_EQ(row_of(&d, A).bypassed[INSP_MISS_DOWN], 1);
    UNIT_EQ(row_of(&d, A).in_packets, 0);

    d.functions[0].fail_mode = INSP_FAIL_CLOSED;
    rules_for_both(&d);
    desk_apply(&d);
    UNIT_EQ(send(&d, 2).kind, INSP_VERDICT_DROP);
    UNIT_EQ(row_of(&d, A).refused[INSP_MISS_DOWN], 1);

    /* Down while the packet is in the function before it. */
    insp_engine_set_function_port(d.engine, A, INSP_FUNCTION_UP);
    check_to(send(&d, 3), A);
    insp_engine_set_function_port(d.engine, B, INSP_FUNCTION_NO_PORT);
    UNIT_EQ(come_back(&d, A, 3).kind, INSP_VERDICT_ALLOW);
    UNIT_EQ(d.returned.rest_size, 7);
    UNIT_EQ(row_of(&d, B).bypassed[INSP_MISS_DOWN], 1);

    /* No way to it from here counts the same. */
    d.there.n_ways = 0;
    UNIT_EQ(send(&d, 4).kind, INSP_VERDICT_DROP);
    UNIT_EQ(row_of(&d, A).refused[INSP_MISS_NO_WAY], 1);
    desk_close(&d);
}

/* Mutation: drop 'flooded' from take_leg(), or 'group' from
 * insp_redirect(). */
static void
test_floods_are_not_redirected(void)
{
    struct spec spec = numbered(1);
    struct desk d;

    desk_open(&d);
    d.functions[0].fail_mode = INSP_FAIL_CLOSED;
    rules_for_both(&d);
    desk_apply(&d);
    d.there.flags |= INSP_CONTEXT_FLOOD;
    UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_DROP);
    UNIT_EQ(row_of(&d, A).refused[INSP_MISS_FLOODED], 1);
    memset(spec.dst_mac, 0xff, 6);
    UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_ALLOW);
    desk_close(&d);
}

/* The slots of A and B are swapped while packets are in them.  Mutation: in
 * travel(), look for the functions by slot. */
static void
test_swap_keeps_each_packets_order(void)
{
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), A);
    d.functions[0].slot = 6;
    d.functions[1].slot = 4;
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 2), B);
    check_to(come_back(&d, B, 2), A);

    /* Both are in A now, with different ways to go; 2 comes out first. */
    UNIT_EQ(come_back(&d, A, 2).kind, INSP_VERDICT_ALLOW);
    check_to(come_back(&d, A, 1), B);
    UNIT_EQ(come_back(&d, B, 1).kind, INSP_VERDICT_ALLOW);
    check_balance(&d, A);
    check_balance(&d, B);
    desk_close(&d);
}

/* Mutation: drop the look at out_port in come_back(). */
static void
test_nothing_goes_to_a_port_that_is_gone(void)
{
    struct desk d;
    struct insp_inspector_stats s;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), A);
    check_to(come_back(&d, A, 1), B);
    d.config.n_ports = 1; /* VM2 is detached. */
    apply(d.engine, &d.config);
    UNIT_EQ(come_back(&d, B, 1).kind, INSP_VERDICT_DROP);
    UNIT_EQ(insp_engine_get_stats(d.engine, &s, 1), 1);
    UNIT_EQ(s.undeliverable, 1);
    check_balance(&d, B);
    desk_close(&d);
}

/* Mutation: do not add to 'timed_out' in turn_flights(). */
static void
test_what_stays_away_is_lost(void)
{
    struct insp_function_row row = { .in_packets = 0 };
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), A);
    for (int i = 0; i < 3000 && !row.lost[INSP_FLIGHT_LOSS_TIMEOUT]; i++) {
        usleep(10000);
        row = row_of(&d, A);
    }
    UNIT_EQ(row.lost[INSP_FLIGHT_LOSS_TIMEOUT], 1);
    UNIT_EQ(row.in_flight, 0);
    UNIT_EQ(come_back(&d, A, 1).kind, INSP_VERDICT_DROP);
    check_balance(&d, A);
    desk_close(&d);
}

/* A function that is taken out of its slot still gives back what is in it.
 * Mutation: skip functions without a slot in insp_functions_apply(). */
static void
test_leaving_function_gives_back(void)
{
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), A);
    d.functions[0].slot = INSP_SLOT_LEAVING;
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 2), B);
    check_to(come_back(&d, A, 1), B);
    UNIT_EQ(come_back(&d, B, 1).kind, INSP_VERDICT_ALLOW);
    desk_close(&d);
}

static struct insp_verdict
return_probe(struct desk *d, const uint8_t *probe)
{
    struct insp_return_context ctx = {
        .inspector = 1,
        .function = A,
        .arm = 1,
    };
    struct insp_frame in = { probe, INSP_PROBE_SIZE, INSP_PROBE_SIZE, NULL };

    insp_worker_return(d->engine, 1, &ctx, &in, 1, now_ns(), &d->returned);
    return d->returned.verdict;
}

/* Mutation: in insp_function_state(), forget the interval; do not ask for
 * 'probe_seen'. */
static void
test_probes_say_whether_it_is_up(void)
{
    uint8_t probe[INSP_PROBE_SIZE];
    struct insp_function_row row;
    uint64_t sent_ns = now_ns();
    uint64_t next_ns;
    struct desk d;

    desk_open(&d);
    d.functions[0].probe_interval_ms = 100;
    d.functions[0].probe_timeout_ms = 300;
    rules_for_both(&d);
    desk_apply(&d);
    check_to(send(&d, 1), B); /* Nothing has come back yet. */

    UNIT_EQ(insp_engine_probe(d.engine, A, sent_ns, probe, &next_ns),
            INSP_PROBE_SIZE);
    UNIT_EQ(next_ns, sent_ns + 100 * MS);
    UNIT_EQ(insp_engine_probe(d.engine, A, sent_ns + 99 * MS, probe, &next_ns),
            0);
    probe[40] ^= 1; /* Not ours. */
    probe[30] ^= 1;
    return_probe(&d, probe);
    check_to(send(&d, 2), B);
    probe[40] ^= 1;
    probe[30] ^= 1;
    UNIT_EQ(return_probe(&d, probe).kind, INSP_VERDICT_DROP);
    check_to(send(&d, 3), A);
    row = row_of(&d, A);
    UNIT_EQ(row.probes_sent, 1);
    UNIT_EQ(row.probes_returned, 1);

    /* One that does not come back. */
    UNIT_EQ(insp_engine_probe(d.engine, A, sent_ns + 100 * MS, probe,
                              &next_ns),
            INSP_PROBE_SIZE);
    check_to(send_at(&d, 4, sent_ns + 250 * MS), A);
    check_to(send_at(&d, 5, sent_ns + 350 * MS), B);
    for (int i = 0;
         i < 6000 && row_of(&d, A).state != INSP_FUNCTION_PROBES_LOST; i++) {
        usleep(5000);
    }
    UNIT_EQ(row_of(&d, A).state, INSP_FUNCTION_PROBES_LOST);
    return_probe(&d, probe);
    check_to(send(&d, 6), A);
    desk_close(&d);
}

/* Mutation: let take_leg() go on with a rest that is too long. */
static void
test_too_much_to_keep(void)
{
    static uint8_t rest[INSP_REST_MAX + 1];
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    d.there.rest = rest;
    d.there.rest_size = INSP_REST_MAX;
    check_to(send(&d, 1), A);
    d.there.rest_size = INSP_REST_MAX + 1;
    UNIT_EQ(send(&d, 2).kind, INSP_VERDICT_ALLOW);
    UNIT_EQ(row_of(&d, A).bypassed[INSP_MISS_TOO_LONG], 1);
    UNIT_EQ(row_of(&d, B).bypassed[INSP_MISS_TOO_LONG], 1);
    desk_close(&d);
}

/* Mutation: in insp_worker_cancel(), keep the flight. */
static void
test_cancel_takes_it_back(void)
{
    struct insp_verdict verdict;
    struct desk d;

    desk_open(&d);
    rules_for_both(&d);
    desk_apply(&d);
    verdict = send(&d, 1);
    insp_worker_cancel(d.engine, 0, 1, &verdict);
    UNIT_EQ(row_of(&d, A).in_flight, 0);
    UNIT_EQ(come_back(&d, A, 1).kind, INSP_VERDICT_DROP);
    check_balance(&d, A);
    desk_close(&d);
}

UNIT_MAIN("redirect", UNIT_TEST(test_chain_ends_where_it_was_going),
          UNIT_TEST(test_replies_need_a_rule_of_their_own),
          UNIT_TEST(test_down_follows_fail_mode),
          UNIT_TEST(test_floods_are_not_redirected),
          UNIT_TEST(test_swap_keeps_each_packets_order),
          UNIT_TEST(test_nothing_goes_to_a_port_that_is_gone),
          UNIT_TEST(test_what_stays_away_is_lost),
          UNIT_TEST(test_leaving_function_gives_back),
          UNIT_TEST(test_probes_say_whether_it_is_up),
          UNIT_TEST(test_too_much_to_keep),
          UNIT_TEST(test_cancel_takes_it_back))
