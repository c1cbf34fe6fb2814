/* SPDX-License-Identifier: Apache-2.0 */
/* How much metadata is sent: when a step is taken and taken back, and that
 * sums over aggregates are exact.  Mutations that make it fail: count a
 * connection twice in add(); match a sum that has been taken; judge by the
 * window alone, without the recent rate (one burst runs through all steps). */

#include <stdlib.h>

#include "engine/aggregate.h"
#include "engine/step.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

struct line {
    struct insp_stepper stepper;
    struct insp_step_config config;
    uint64_t now, wire, inspected;
    unsigned int most; /* Highest step so far. */
};

/* What a step leaves of metadata, in per mille. */
static const unsigned int leaves[INSP_N_STEPS] = { 1000, 600, 400, 50, 5 };

static void
run(struct line *l, unsigned int seconds, uint64_t traffic, uint64_t metadata)
{
    for (unsigned int i = 0; i < seconds; i++) {
        l->now += SECOND;
        l->inspected += traffic;
        l->wire += metadata * leaves[l->stepper.step] / 1000;
        insp_stepper_turn(&l->stepper, &l->config, l->now, l->wire,
                          l->inspected);
        l->most = INSP_MAX(l->most, (unsigned int) l->stepper.step);
    }
}

static void
test_under_budget(void)
{
    struct line l = { .config = { INSP_STEP_FULL, 10000, 1000000 } };

    run(&l, 600, 100000000, 700000); /* 0.7 % of 100 MB/s. */
    UNIT_EQ(l.most, INSP_STEP_FULL);
}

static void
test_floor(void)
{
    struct line l = { .config = { INSP_STEP_FULL, 10000, 1000000 } };

    run(&l, 600, 1000, 12000); /* Much, but little. */
    UNIT_EQ(l.most, INSP_STEP_FULL);
}

static void
test_over_budget(void)
{
    struct line l = { .config = { INSP_STEP_FULL, 10000, 1000000 } };
    uint64_t sent, allowed;

    run(&l, 300, 100000000, 10000000); /* 10 %. */
    CU_ASSERT(l.stepper.step == INSP_STEP_AGGREGATES);
    insp_stepper_window(&l.stepper, &l.config, &sent, &allowed);
    CU_ASSERT(sent <= allowed);
    UNIT_EQ(allowed, 60000000);

    /* It comes back by itself, a step a minute, and stays. */
    run(&l, 600, 100000000, 400000);
    UNIT_EQ(l.stepper.step, INSP_STEP_FULL);
}

/* From nothing to a flood of short connections: no minute of it is over.
 * Mutation: step by step alone. */
static void
test_flood(void)
{
    for (uint64_t part = 20; part <= 250; part += 10) { /* Per mille. */
        struct line l = { .config = { INSP_STEP_FULL, 10000, 1000 } };
        uint64_t sent, allowed;

        run(&l, 70, 0, 0);
        run(&l, 60, 100000000, 100000 * part);
        for (int i = 0; i < 120; i++) {
            insp_stepper_window(&l.stepper, &l.config, &sent, &allowed);
            CU_ASSERT(sent <= allowed);
            run(&l, 1, 100000000, 100000 * part);
        }
    }
}

static void
test_burst(void)
{
    struct line l = { .config = { INSP_STEP_FULL, 10000, 1000000 } };

    run(&l, 100, 100000000, 600000);
    run(&l, 1, 0, 80000000); /* A spool that was drained. */
    run(&l, 100, 100000000, 600000);
    CU_ASSERT(l.most <= INSP_STEP_LEAN);
}

static void
test_level_and_no_budget(void)
{
    struct line l = { .config = { INSP_STEP_CONNECTIONS, 10000, 1000000 } };
    struct line none = { .config = { INSP_STEP_FULL, 0, 0 } };

    run(&l, 200, 100000000, 1000);
    UNIT_EQ(l.stepper.step, INSP_STEP_CONNECTIONS);
    l.config.level = INSP_STEP_FULL;
    run(&l, 300, 100000000, 1000);
    UNIT_EQ(l.stepper.step, INSP_STEP_FULL);
    run(&none, 300, 1, 100000000);
    UNIT_EQ(none.most, INSP_STEP_FULL);
}

static void
test_another_uplink(void)
{
    struct line l = { .config = { INSP_STEP_FULL, 10000, 1000000 } };

    run(&l, 100, 100000000, 600000);
    l.wire = 0; /* Its counter begins anew. */
    run(&l, 100, 100000000, 600000);
    UNIT_EQ(l.most, INSP_STEP_FULL);
    UNIT_STR_EQ(insp_step_word(INSP_STEP_TOTALS), "totals");
}

/* ------------------------------------------------------------------------ */

static struct insp_record_connection
connection(unsigned int i)
{
    struct insp_record_connection c;

    memset(&c, 0, sizeof c);
    c.ip_version = 4;
    c.proto = i % 3 ? INSP_PROTO_TCP : INSP_PROTO_UDP;
    c.addr[0][15] = (uint8_t) (i * 7 % 40);
    c.addr[1][15] = (uint8_t) (i * 11 % 50);
    c.l4_port[0] = (uint16_t) (1024 + i);
    c.l4_port[1] = i % 2 ? 80 : 443;
    c.port_id[0] = 1 + i % 4;
    c.port_id[1] = 5 + i % 5;
    c.packets[0] = i;
    c.packets[1] = 3 * i;
    c.bytes[0] = 100 * i;
    c.bytes[1] = 1000 * i;
    c.start_ns = 1000 + i;
    c.end_ns = 5000 + i;
    c.n_connections = i % 4 != 0;
    c.tcp_flags[0] = (uint8_t) (1u << i % 8);
    return c;
}

struct sums {
    uint64_t packets, bytes, connections;
};

static void
count(struct sums *s, const struct insp_record_connection *c)
{
    s->packets += c->packets[0] + c->packets[1];
    s->bytes += c->bytes[0] + c->bytes[1];
    s->connections += c->n_connections;
}

static void
test_sums(void)
{
    for (int step = INSP_STEP_AGGREGATES; step <= INSP_STEP_TOTALS; step++) {
        struct insp_aggregates a = { .n = 0 };
        struct sums in = { 0, 0, 0 }, out = { 0, 0, 0 };
        struct insp_record_connection c;
        unsigned int n_records = 0, n_refused = 0;

        for (unsigned int i = 0; i < 200000; i++) {
            c = connection(i);
            count(&in, &c);
            if (!insp_aggregates_add(&a, &c, (enum insp_step) step)) {
                n_refused++;
                count(&out, &c);
            }
            /* Some are taken in between, as when the ring is full. */
            if (i % 5000 == 4999) {
                for (int j = 0; j < 7 && insp_aggregates_take(&a, &c); j++) {
                    count(&out, &c);
                    n_records++;
                }
            }
        }
        while (insp_aggregates_take(&a, &c)) {
            count(&out, &c);
            n_records++;
            UNIT_EQ(c.end_reason, INSP_END_AGGREGATED);
            UNIT_EQ(c.l4_port[0], 0);
            CU_ASSERT(c.start_ns <= c.end_ns);
        }
        UNIT_EQ(out.packets, in.packets);
        UNIT_EQ(out.bytes, in.bytes);
        UNIT_EQ(out.connections, in.connections);
        UNIT_EQ(n_refused, 0);
        CU_ASSERT(n_records < 7000 && n_records > 20);
        insp_aggregates_uninit(&a);
    }
}

static void
test_apart(void)
{
    struct insp_aggregates a = { .n = 0 };
    struct insp_record_connection c = connection(6), got;

    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_AGGREGATES));
    c.app = 9;
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_AGGREGATES));
    c.verdict = INSP_VERDICT_REDIRECT;
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_AGGREGATES));
    memcpy(c.rule, "web", 4);
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_AGGREGATES));
    c.addr[1][0]++;
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_AGGREGATES));
    UNIT_EQ(a.n, 5);
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_TOTALS));
    UNIT_EQ(a.n, 6);
    CU_ASSERT(insp_aggregates_take(&a, &got));
    UNIT_EQ(got.step, INSP_STEP_TOTALS);
    UNIT_EQ(got.addr[1][15], 0);
    CU_ASSERT(insp_aggregates_take(&a, &got));
    UNIT_STR_EQ(got.rule, "web");
    insp_aggregates_uninit(&a);
}

static void
test_full(void)
{
    struct insp_aggregates a = { .n = 0 };
    struct insp_record_connection c = connection(1);

    for (unsigned int i = 0; i < INSP_AGGREGATES_MAX; i++) {
        c.port_id[0] = i;
        CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_TOTALS));
    }
    c.port_id[0] = INSP_AGGREGATES_MAX;
    CU_ASSERT(!insp_aggregates_add(&a, &c, INSP_STEP_TOTALS));
    c.port_id[0] = 5;
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_TOTALS));
    insp_aggregates_uninit(&a);
}

/* The ring has hardly room for long: what is taken is never all. */
static void
test_never_empty(void)
{
    struct insp_aggregates a = { .n = 0 };
    struct insp_record_connection c = connection(1), got;
    unsigned int n_in = 0, n_out = 0;

    for (unsigned int i = 0; i < 20000; i++) {
        c.port_id[0] = i;
        n_in += insp_aggregates_add(&a, &c, INSP_STEP_TOTALS);
        if (a.n > 100) {
            CU_ASSERT(insp_aggregates_take(&a, &got));
            n_out++;
        }
    }
    while (insp_aggregates_take(&a, &got)) {
        n_out++;
    }
    UNIT_EQ(n_out, n_in);
    CU_ASSERT(insp_aggregates_add(&a, &c, INSP_STEP_TOTALS));
    insp_aggregates_uninit(&a);
}

UNIT_MAIN("metadata", UNIT_TEST(test_under_budget), UNIT_TEST(test_floor),
          UNIT_TEST(test_over_budget), UNIT_TEST(test_flood),
          UNIT_TEST(test_burst), UNIT_TEST(test_level_and_no_budget),
          UNIT_TEST(test_another_uplink), UNIT_TEST(test_sums),
          UNIT_TEST(test_apart), UNIT_TEST(test_full),
          UNIT_TEST(test_never_empty))
