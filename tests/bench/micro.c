/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     micro [--quick] [--json=FILE] [--max-connections=N]
 *     micro --count=CASE
 *
 * An engine alone, without threads and without a switch: what a packet costs
 * in it, stage by stage.  Connections are between two VMs; both directions
 * carry 64-byte frames, one connection after the other in an order that no
 * prefetcher guesses.
 *
 *     group: an engine with N connections and R rules
 *         row: empty | parse | key | lookup | count | judge | whole | ...
 *             sample: a block of 1,024 frames, made first, then timed
 *
 * Every row of a group gets a block in turn, in an order that turns as well,
 * so whatever else the machine does meets all of them alike.  A row's figure
 * is the median over its blocks.  "empty" touches what a parser touches of the
 * same frames and does nothing with it; every row is also given as a ratio to
 * it, and so is a second row of the very same ("empty, again"), which says
 * what a difference must be to mean anything.  Stages add up: a row does all
 * that the row above does, and the column "own" has what it adds.
 *
 * With --count there are no clocks: CASE is set up, then its packets go
 * through insp_bench_measured(), which is what callgrind is told to count.  Of
 * a second call, so that what is done once is not in it. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ROUNDS_MAX 2048

/* What callgrind counts. */
void insp_bench_measured(struct bench *, insp_bench_work *, size_t batch);

static double
ticks_a_ns(void)
{
    uint64_t from_ns = insp_bench_clock_ns(), from = insp_bench_ticks();

    while (insp_bench_clock_ns() - from_ns < 50 * MS) {
        continue;
    }
    return (double) (insp_bench_ticks() - from) /
           (double) (insp_bench_clock_ns() - from_ns);
}

/* ------------------------------------------------------------------------ */
/* Rows. */

struct row {
    const char *name;
    insp_bench_work *work;
    size_t batch;
    bool counts;               /* It moves what it looks at. */
    const char *below;         /* The row that it adds to, or NULL. */
    double cycles[ROUNDS_MAX]; /* A packet, by block. */
    size_t n;
    double median, low, high;
};

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static void
sum_up(struct row *row)
{
    qsort(row->cycles, row->n, sizeof *row->cycles, compare);
    row->median = row->cycles[row->n / 2];
    row->low = row->cycles[row->n / 4];
    row->high = row->cycles[row->n * 3 / 4];
}

static const struct row *
find_row(const struct row *rows, const char *name)
{
    while (strcmp(rows->name, name)) {
        rows++;
    }
    return rows;
}

static struct options {
    FILE *json;
    bool quick;
    uint32_t max_connections;
    double ticks_a_ns;
} options = { .max_connections = 10000000 };

static void
write_row(const struct bench *b, const struct row *row, double base,
          double own)
{
    const struct setup *s = &b->setup;
    double added = row->median - base;

    fprintf(options.json,
            "{\"bench\":\"micro\",\"row\":\"%s\",\"traffic\":\"%s\","
            "\"batch\":%zu,\"connections\":%u,\"rules\":%u,"
            "\"readers\":%s,\"ns\":%.2f,\"cycles\":%.1f,"
            "\"quartiles\":[%.1f,%.1f],\"own_cycles\":%.1f,"
            "\"added_cycles\":%.1f,\"ratio\":%.3f,\"samples\":%zu",
            row->name, insp_bench_traffic_words[s->traffic], row->batch,
            (unsigned int) s->n_connections, (unsigned int) s->n_rules,
            s->readers ? "true" : "false", row->median / options.ticks_a_ns,
            row->median, row->low, row->high, own, added, row->median / base,
            row->n);
    if (s->n_connections) {
        fprintf(options.json, ",\"bytes_a_connection\":%.0f",
                (double) b->memory / s->n_connections);
    } else if (row->work == insp_bench_whole) {
        fprintf(options.json, ",\"a_second\":%.0f",
                1e9 * options.ticks_a_ns / row->median);
    }
    fprintf(options.json, "}\n");
}

static void
print_row(const struct bench *b, const struct row *rows, const struct row *row)
{
    double base = find_row(rows, "empty")->median;
    double own =
        row->median - (row->below ? find_row(rows, row->below)->median : base);

    printf("  %-16s %5zu %9.1f %9.1f %9.1f %9.1f %8.2f  [%.1f, %.1f]\n",
           row->name, row->batch, row->median / options.ticks_a_ns,
           row->median, own, row->median - base, row->median / base, row->low,
           row->high);
    if (options.json) {
        write_row(b, row, base, own);
    }
}

static void
print_group(const struct bench *b, const char *title)
{
    const struct setup *s = &b->setup;

    printf("\n%s: ", title);
    if (s->n_connections) {
        printf("%u connections, %.0f bytes each, ",
               (unsigned int) s->n_connections,
               (double) b->memory / s->n_connections);
    }
    printf("%s, %u rules, readers %s\n", insp_bench_traffic_words[s->traffic],
           (unsigned int) s->n_rules, s->readers ? "on" : "off");
    printf("  %-16s %5s %9s %9s %9s %9s %8s  %s\n", "", "batch", "ns",
           "cycles", "own", "added", "ratio", "quartiles of cycles");
}

/* Two blocks for each row, beginning with another one each time. */
static void
run_round(struct bench *b, struct row *rows, size_t n_rows, size_t round)
{
    for (size_t k = 0; k < n_rows; k++) {
        struct row *row = &rows[(round + k) % n_rows];
        uint64_t sum = 0;

        for (int i = 0; i < 2; i++) {
            uint64_t from;

            insp_bench_make_block(b, row->counts ? &b->visit : &b->look);
            from = insp_bench_ticks();
            insp_bench_do(b, row->work, row->batch);
            sum += insp_bench_ticks() - from;
        }
        row->cycles[row->n++] = (double) sum / (2 * BLOCK);
    }
}

/* A table makes room when a sixteenth is left, and what is read at a time is
 * a quarter of what it may have. */
static uint32_t
flow_limit_for(const struct setup *setup)
{
    uint32_t n = setup->n_connections;

    return 4096 + (setup->traffic == DNS ? 5 * n : n + n / 4);
}

static void
run_group(const char *title, const struct setup *setup, bool all_stages)
{
    static struct row rows[] = {
        { .name = "empty", .work = insp_bench_nothing, .batch = 32 },
        { .name = "empty, again", .work = insp_bench_nothing, .batch = 32 },
        { .name = "whole",
          .work = insp_bench_whole,
          .batch = 32,
          .counts = true },
        { .name = "whole, alone",
          .work = insp_bench_whole,
          .batch = 1,
          .counts = true },
        { .name = "parse", .work = insp_bench_parse, .batch = 32 },
        { .name = "key",
          .work = insp_bench_key,
          .batch = 32,
          .below = "parse" },
        { .name = "note", .work = insp_bench_note, .batch = 32 },
        { .name = "fetch",
          .work = insp_bench_fetch,
          .batch = 32,
          .below = "note" },
        { .name = "count",
          .work = insp_bench_count,
          .batch = 32,
          .counts = true,
          .below = "fetch" },
    };
    size_t n_rows = all_stages ? INSP_ARRAY_SIZE(rows) : 4;
    size_t rounds = options.quick ? 64 : 512;
    uint32_t flow_limit = flow_limit_for(setup);
    struct bench *b;

    if (setup->n_connections > options.max_connections) {
        return;
    }
    if (insp_bench_needed(flow_limit) > insp_bench_available() / 4 * 3) {
        fprintf(stderr,
                "micro: %u connections: need %zu MiB, and there are %zu: "
                "left out\n",
                (unsigned int) setup->n_connections,
                insp_bench_needed(flow_limit) >> 20,
                insp_bench_available() >> 20);
        return;
    }
    b = insp_bench_create(setup, flow_limit);
    for (size_t i = 0; i < n_rows; i++) {
        rows[i].n = 0;
    }
    b->look = b->visit + insp_bench_blocks_a_pass(b) / 2;
    for (size_t round = 0; round < rounds; round++) {
        run_round(b, rows, n_rows, round);
        insp_bench_turn(b);
    }
    print_group(b, title);
    for (size_t i = 0; i < n_rows; i++) {
        sum_up(&rows[i]);
    }
    for (size_t i = 0; i < n_rows; i++) {
        print_row(b, rows, &rows[i]);
    }
    fflush(stdout);
    insp_bench_destroy(b);
}

/* ------------------------------------------------------------------------ */
/* Two workers at a time. */

#define PASSES 32

/* One of them, and what it sends. */
struct mate {
    struct bench *bench;
    unsigned int worker;
    uint8_t side;
    _Atomic unsigned int *n_ready;
    double cycles; /* A packet. */
    struct insp_frame frames[BLOCK];
    uint8_t bytes[BLOCK][FRAME_ROOM];
};

static void
load(struct mate *mate, const struct bench *b)
{
    memcpy(mate->bytes, b->bytes, sizeof mate->bytes);
    for (size_t i = 0; i < BLOCK; i++) {
        mate->frames[i] = b->frames[i];
        mate->frames[i].data = mate->bytes[i];
    }
    mate->side = b->side;
}

static void *
mate_main(void *mate_)
{
    struct mate *mate = mate_;
    struct bench *b = mate->bench;
    struct insp_verdict verdicts[INSP_BATCH_MAX];
    uint64_t from;

    atomic_fetch_sub(mate->n_ready, 1);
    while (atomic_load(mate->n_ready)) {
        insp_relax();
    }
    from = insp_bench_ticks();
    for (unsigned int pass = 0; pass < PASSES; pass++) {
        for (size_t i = 0; i < BLOCK; i += INSP_BATCH_MAX) {
            (void) insp_worker_run(b->engine, mate->worker,
                                   &b->context[mate->side], &mate->frames[i],
                                   INSP_BATCH_MAX, b->now_ns, verdicts);
        }
    }
    mate->cycles = (double) (insp_bench_ticks() - from) / (PASSES * BLOCK);
    return NULL;
}

/* Cycles a packet of the slower one. */
static double
run_mates(struct mate *mates, unsigned int n)
{
    _Atomic unsigned int n_ready = n;
    double cycles = 0;
    pthread_t threads[2];

    for (unsigned int i = 0; i < n; i++) {
        mates[i].n_ready = &n_ready;
        if (pthread_create(&threads[i], NULL, mate_main, &mates[i])) {
            insp_bench_fail("no thread");
        }
    }
    for (unsigned int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        cycles = INSP_MAX(cycles, mates[i].cycles);
    }
    return cycles;
}

static void
run_two_workers(void)
{
    static struct row rows[] = {
        { .name = "empty", .batch = 32 }, /* One worker: the base. */
        { .name = "own connections", .batch = 32 },
        { .name = "a direction each", .batch = 32 },
        { .name = "the same packets", .batch = 32 },
    };
    const struct setup setup = { 2 * BLOCK, 0, ACKS, true, 0, false };
    struct bench *b = insp_bench_create(&setup, flow_limit_for(&setup));
    struct mate *mates = insp_bench_alloc(2, sizeof *mates);
    size_t rounds = options.quick ? 8 : 40;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        rows[i].n = 0;
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t k = 0; k < INSP_ARRAY_SIZE(rows); k++) {
            size_t way = (round + k) % INSP_ARRAY_SIZE(rows);
            /* Blocks of a round: half of side 0, the other half, then side 1;
             * who begins a direction owns it. */
            uint64_t visits[2] = { 0, way == 1 ? 1 : way == 2 ? 2 : 0 };

            for (unsigned int i = 0; i < 2; i++) {
                insp_bench_make_block(b, &visits[i]);
                mates[i].bench = b;
                mates[i].worker = i;
                load(&mates[i], b);
            }
            (void) run_mates(mates, way ? 2 : 1); /* Owners settle. */
            insp_bench_turn(b);
            insp_bench_turn(b);
            insp_bench_turn(b);
            rows[way].cycles[rows[way].n++] = run_mates(mates, way ? 2 : 1);
            insp_bench_turn(b);
        }
    }
    print_group(b, "two workers");
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        sum_up(&rows[i]);
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        print_row(b, rows, &rows[i]);
    }
    fflush(stdout);
    free(mates);
    insp_bench_destroy(b);
}

/* What nobody answers ends after five seconds. */
static void
let_end(struct bench *b)
{
    struct insp_inspector_stats stats;

    do {
        b->now_ns += 100 * MS;
        insp_bench_turn(b);
        if (!insp_engine_get_stats(b->engine, &stats, 1)) {
            insp_bench_fail("no inspector");
        }
    } while (stats.table.connections ||
             insp_table_n_free(b->batch.inspector->table) <
                 stats.table.flow_limit);
}

static void
run_newborn(uint32_t n_rules, bool readers)
{
    static struct row rows[] = {
        { .name = "empty", .work = insp_bench_nothing, .batch = 32 },
        { .name = "empty, again", .work = insp_bench_nothing, .batch = 32 },
        { .name = "new connection", .work = insp_bench_whole, .batch = 32 },
        { .name = "its end", .batch = 32 },
    };
    const struct setup setup = { .n_rules = n_rules, .readers = readers };
    struct bench *b = insp_bench_create(&setup, 65536);
    size_t rounds = options.quick ? 4 : 24;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        rows[i].n = 0;
    }
    for (size_t round = 0; round < rounds; round++) {
        uint64_t from;

        for (size_t block = 0; block < 32; block++) {
            for (size_t k = 0; k < 3; k++) {
                struct row *row = &rows[(block + k) % 3];

                insp_bench_make_newborn(b);
                from = insp_bench_ticks();
                insp_bench_do(b, row->work, row->batch);
                if (round) { /* The first one gets pages. */
                    row->cycles[row->n++] =
                        (double) (insp_bench_ticks() - from) / BLOCK;
                }
            }
        }
        /* What the control thread has to do for them: it takes them in, ends
         * them, and makes a record each. */
        from = insp_bench_ticks();
        let_end(b);
        if (round) {
            rows[3].cycles[rows[3].n++] =
                (double) (insp_bench_ticks() - from) / (32 * BLOCK);
        }
    }
    print_group(b, "new connections");
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        sum_up(&rows[i]);
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        print_row(b, rows, &rows[i]);
    }
    fflush(stdout);
    insp_bench_destroy(b);
}

static void
run_all(void)
{
    static const uint32_t sizes[] = { 1, 10000, 1000000, 10000000 };
    static const uint32_t rules[] = { 0, 10, 1000, 10000 };
    static const uint32_t ports[] = { 8, 98, 998 };
    static const char *const port_titles[] = { "10 ports", "100 ports",
                                               "1,000 ports" };

    options.ticks_a_ns = ticks_a_ns();
    for (size_t i = 0; i < INSP_ARRAY_SIZE(sizes); i++) {
        run_group("established",
                  &(struct setup){ sizes[i], 0, ACKS, true, 0, false }, true);
    }
    for (size_t i = 1; i < INSP_ARRAY_SIZE(rules); i++) {
        run_group("rules",
                  &(struct setup){ 10000, rules[i], ACKS, true, 0, false },
                  false);
    }
    run_group("ipv6", &(struct setup){ 10000, 0, ACKS6, true, 0, false },
              true);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(ports); i++) {
        run_group(port_titles[i],
                  &(struct setup){ 10000, 0, ACKS, true, ports[i], false },
                  false);
    }
    run_two_workers();
    for (enum traffic t = DATA; t < N_TRAFFICS; t++) {
        run_group("readers on", &(struct setup){ 10000, 0, t, true, 0, false },
                  false);
        run_group("readers off",
                  &(struct setup){ 10000, 0, t, false, 0, false }, false);
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rules); i++) {
        run_newborn(rules[i], true);
    }
    run_newborn(1000, false);
}

/* ------------------------------------------------------------------------ */
/* Instructions. */

INSP_NOINLINE void
insp_bench_measured(struct bench *b, insp_bench_work *work, size_t batch)
{
    insp_bench_do(b, work, batch);
}

static const struct count_case {
    const char *name;
    struct setup setup;
    insp_bench_work *work;
    size_t batch;
} count_cases[] = {
    { "parse", { 2048, 0, ACKS, true, 0, false }, insp_bench_parse, 32 },
    { "key", { 2048, 0, ACKS, true, 0, false }, insp_bench_key, 32 },
    { "note", { 2048, 0, ACKS, true, 0, false }, insp_bench_note, 32 },
    { "fetch", { 2048, 0, ACKS, true, 0, false }, insp_bench_fetch, 32 },
    { "count", { 2048, 0, ACKS, true, 0, false }, insp_bench_count, 32 },
    { "established", { 2048, 0, ACKS, true, 0, false }, insp_bench_whole, 32 },
    { "established-alone",
      { 2048, 0, ACKS, true, 0, false },
      insp_bench_whole,
      1 },
    { "established-1000-rules",
      { 2048, 1000, ACKS, true, 0, false },
      insp_bench_whole,
      32 },
    { "established-by-flow",
      { 2048, 1000, ACKS, true, 0, true },
      insp_bench_whole,
      32 },
    { "established-ipv6",
      { 2048, 0, ACKS6, true, 0, false },
      insp_bench_whole,
      32 },
    { "established-data",
      { 2048, 0, DATA, true, 0, false },
      insp_bench_whole,
      32 },
    { "dns", { 2048, 0, DNS, true, 0, false }, insp_bench_whole, 32 },
    { "new", { 0, 0, ACKS, true, 0, false }, insp_bench_whole, 32 },
    { "new-1000-rules",
      { 0, 1000, ACKS, true, 0, false },
      insp_bench_whole,
      32 },
    { "new-10000-rules",
      { 0, 10000, ACKS, true, 0, false },
      insp_bench_whole,
      32 },
};

static void
run_count(const char *name)
{
    const struct count_case *c = count_cases;
    struct bench *b;

    while (strcmp(c->name, name)) {
        if (++c == count_cases + INSP_ARRAY_SIZE(count_cases)) {
            insp_bench_fail("no such case");
        }
    }
    b = insp_bench_create(&c->setup, flow_limit_for(&c->setup));
    /* The first one warms up. */
    for (int i = 0; i < 2; i++) {
        if (c->setup.n_connections) {
            insp_bench_make_block(b, &b->visit);
        } else {
            insp_bench_make_newborn(b);
        }
        if (i) {
            insp_bench_measured(b, c->work, c->batch);
        } else {
            insp_bench_do(b, c->work, c->batch);
        }
    }
    printf("%d packets\n", BLOCK);
    insp_bench_destroy(b);
}

int
main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (!strncmp(arg, "--json=", 7)) {
            options.json = fopen(arg + 7, "w");
            if (!options.json) {
                insp_bench_fail(strerror(errno));
            }
        } else if (!strcmp(arg, "--quick")) {
            options.quick = true;
        } else if (!strncmp(arg, "--max-connections=", 18)) {
            options.max_connections = (uint32_t) strtoul(arg + 18, NULL, 10);
        } else if (!strncmp(arg, "--count=", 8)) {
            run_count(arg + 8);
            return 0;
        } else {
            fprintf(stderr, "usage: micro [--quick] [--json=FILE] "
                            "[--max-connections=N]\n"
                            "       micro --count=CASE, of:");
            for (size_t k = 0; k < INSP_ARRAY_SIZE(count_cases); k++) {
                fprintf(stderr, " %s", count_cases[k].name);
            }
            fputc('\n', stderr);
            return 2;
        }
    }
    run_all();
    if (options.json && fclose(options.json)) {
        insp_bench_fail(strerror(errno));
    }
    return 0;
}
