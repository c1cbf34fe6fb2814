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
#include <time.h>
#include <unistd.h>

#include "base/put.h"
#include "engine/path.h"

#define VM1        7
#define VM2        8
#define BLOCK      1024
#define FRAME_ROOM 128
#define MS         UINT64_C(1000000)
#define SECOND     (1000 * MS)
#define ROUNDS_MAX 2048

enum traffic {
    ACKS,  /* TCP: acknowledgements, 64 bytes each. */
    ACKS6, /* The same in IPv6. */
    DATA, /* TCP: six bytes that no reader knows. */
    UDP,  /* Twelve bytes that no reader knows. */
    DNS,  /* UDP: a question and its answer; a record each time. */
    N_TRAFFICS
};

static const char *const traffic_words[N_TRAFFICS] = {
    "tcp acks", "tcp acks of ipv6", "tcp data", "udp", "dns"
};

static bool
is_tcp(enum traffic traffic)
{
    return traffic == ACKS || traffic == ACKS6 || traffic == DATA;
}

struct setup {
    uint32_t n_connections; /* That are established. */
    uint32_t n_rules;
    enum traffic traffic;
    bool readers;
    uint32_t n_ports; /* Of VMs, besides the two that speak. */
};

/* An engine with connections, and where in them the traffic is. */
struct bench {
    struct setup setup;
    struct insp_engine *engine;
    struct insp_context context[2]; /* By who sends. */
    struct insp_batch batch;        /* For stages by themselves. */
    uint64_t now_ns;
    uint64_t random;
    uint64_t visit; /* Blocks so far, of what is counted... */
    uint64_t look;  /* ... and of what only looks. */
    uint64_t born;  /* Connections begun so far. */
    uint64_t n_records;
    size_t memory; /* Resident, of engine and connections. */
    uint64_t sink;

    struct insp_frame frames[BLOCK];
    uint8_t side; /* Of the whole block. */
    uint8_t bytes[BLOCK][FRAME_ROOM];
};

/* What callgrind counts. */
void insp_bench_measured(struct bench *,
                         void (*work)(struct bench *, size_t, size_t),
                         size_t batch);

static void
fail(const char *what)
{
    fprintf(stderr, "micro: %s\n", what);
    exit(EXIT_FAILURE);
}

static void *
alloc(size_t n, size_t size)
{
    void *at = calloc(n ? n : 1, size);

    if (!at) {
        fail("out of memory");
    }
    return at;
}

static uint64_t
clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * SECOND + (uint64_t) t.tv_nsec;
}

/* Ticks of the time-stamp counter, or nanoseconds where there is none. */
static inline uint64_t
ticks(void)
{
#if defined __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return clock_ns();
#endif
}

static double
ticks_a_ns(void)
{
    uint64_t from_ns = clock_ns(), from = ticks();

    while (clock_ns() - from_ns < 50 * MS) {
        continue;
    }
    return (double) (ticks() - from) / (double) (clock_ns() - from_ns);
}

/* ------------------------------------------------------------------------ */
/* Memory of the machine and of this program. */

static size_t
resident(void)
{
    unsigned long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f) {
        if (fscanf(f, "%lu %lu", &size, &pages) != 2) {
            pages = 0;
        }
        fclose(f);
    }
    return pages * (size_t) sysconf(_SC_PAGESIZE);
}

static size_t
available(void)
{
    char line[128];
    size_t kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");

    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "MemAvailable: %zu", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kib * 1024;
}

static size_t
needed(uint32_t n_connections)
{
    const struct insp_table_config table = { .flow_limit = n_connections };
    struct insp_dialogs_config dialogs;

    insp_dialogs_config_for(n_connections, &dialogs);
    return insp_table_size(&table) + insp_dialogs_size(&dialogs);
}

/* ------------------------------------------------------------------------ */
/* The host: a clock that the bench turns, the same random bytes each time. */

static void
host_log(void *aux INSP_UNUSED, enum insp_log_level level, const char *message)
{
    if (level <= INSP_LOG_WARN) {
        fprintf(stderr, "micro: %s\n", message);
    }
}

static uint64_t
host_ns(void *bench)
{
    return ((const struct bench *) bench)->now_ns;
}

static uint32_t
draw(struct bench *b, uint32_t n)
{
    uint64_t x = b->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t) ((x >> 32) % n);
}

static int
host_random(void *bench, void *bytes, size_t size)
{
    uint8_t *to = bytes;

    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t) draw(bench, 256);
    }
    return 0;
}

/* ------------------------------------------------------------------------ */
/* Rules: prefixes and services as a data centre has them.  All allow, so that
 * what is measured does not depend on who is dropped. */

static void
draw_prefix(struct bench *b, uint32_t net, struct insp_term **terms, size_t *n)
{
    static const uint8_t lengths[] = { 24, 24, 28, 22, 32, 20 };
    uint8_t length = lengths[draw(b, INSP_ARRAY_SIZE(lengths))];
    uint32_t address = net | draw(b, 1 << 22);
    struct insp_term *term;

    if (!draw(b, 4)) {
        return; /* Any. */
    }
    address &= UINT32_MAX << (32 - length);
    *n = 1;
    *terms = term = alloc(1, sizeof *term);
    term->kind = INSP_TERM_PREFIX;
    term->prefix_length = (uint8_t) (96 + length);
    memset(term->addr + 10, 0xff, 2);
    for (unsigned int i = 0; i < 4; i++) {
        term->addr[12 + i] = (uint8_t) (address >> (24 - 8 * i));
    }
}

static const uint16_t services[] = { 443, 80, 5432, 3306, 22, 8080, 6443, 25 };

static struct insp_binding *
make_binding(struct bench *b, const struct insp_port *ports, size_t n_ports)
{
    uint32_t n = b->setup.n_rules;
    struct insp_rule *rules = alloc(n, sizeof *rules);
    struct insp_policy *policy;
    struct insp_binding *binding;

    for (uint32_t i = 0; i < n; i++) {
        struct insp_rule *r = &rules[i];

        snprintf(r->name, sizeof r->name, "rule-%05u", (unsigned int) i);
        r->number = i + 1;
        r->priority = (int32_t) draw(b, 1000);
        r->slot = 2;
        r->action = INSP_ACTION_ALLOW;
        draw_prefix(b, 0x0a000000, &r->sources, &r->n_sources);
        draw_prefix(b, 0x0a400000, &r->destinations, &r->n_destinations);
        r->n_services = 1;
        r->services = alloc(1, sizeof *r->services);
        r->services->kind = INSP_SERVICE_PORTS;
        r->services->proto = INSP_PROTO_TCP;
        r->services->first = r->services->last =
            services[draw(b, INSP_ARRAY_SIZE(services))];
    }
    if (insp_policy_create(rules, n, NULL, 0, 1, &policy) ||
        insp_binding_create(policy, ports, n_ports, &binding)) {
        fail("the rules cannot be frozen");
    }
    insp_policy_unref(policy);
    for (uint32_t i = 0; i < n; i++) {
        insp_rule_uninit(&rules[i]);
    }
    free(rules);
    return binding;
}

/* ------------------------------------------------------------------------ */
/* Frames. */

static void
put_dns(struct insp_put *p, bool reply, uint16_t id)
{
    insp_put_be16(p, id);
    insp_put_be16(p, reply ? 0x8180 : 0x0100);
    insp_put_be16(p, 1);
    insp_put_be16(p, reply);
    insp_put_be32(p, 0);
    insp_put_bytes(p, "\3www\7example\3com\0\0\1\0\1", 21);
    if (reply) {
        insp_put_bytes(p, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3", 16);
    }
}

static void
put_ip(struct insp_put *p, enum traffic traffic, size_t size, uint32_t src,
       uint32_t dst)
{
    uint8_t proto = is_tcp(traffic) ? INSP_PROTO_TCP : INSP_PROTO_UDP;

    if (traffic == ACKS6) {
        insp_put_be16(p, 0x86dd);
        insp_put_be32(p, 0x60000000);
        insp_put_be16(p, (uint16_t) size);
        insp_put_u8(p, proto);
        insp_put_u8(p, 64);
        for (unsigned int i = 0; i < 2; i++) {
            insp_put_be64(p, UINT64_C(0x20010db800000000));
            insp_put_be64(p, i ? dst : src);
        }
    } else {
        insp_put_be16(p, 0x0800);
        insp_put_be16(p, 0x4500);
        insp_put_be16(p, (uint16_t) (20 + size));
        insp_put_be32(p, 0x00004000);
        insp_put_u8(p, 64);
        insp_put_u8(p, proto);
        insp_put_be16(p, 0);
        insp_put_be32(p, src);
        insp_put_be32(p, dst);
    }
}

/* The frame of connection 'c' from 'side', who has sent 'round' before. */
static void
make_frame(struct bench *b, size_t i, uint64_t c, uint8_t side, uint64_t round,
           uint8_t tcp_flags)
{
    enum traffic traffic = b->setup.traffic;
    size_t payload = traffic == DNS             ? side ? 49 : 33
                     : traffic == UDP           ? 12
                     : tcp_flags & INSP_TCP_PSH ? 6
                                                : 0;
    uint32_t client = 0x0a000000 | (uint32_t) (c & 0x3fffff);
    uint32_t server = 0x0a400000 | (uint32_t) (c * 7919 & 0x3fffff);
    uint16_t port = (uint16_t) (1024 + (c >> 22) * 3 + c % 3);
    uint16_t service = traffic == DNS   ? 53
                       : traffic == UDP ? 4000
                                        : services[c % 8];
    size_t l4_size = (is_tcp(traffic) ? 20 : 8) + payload;
    size_t size = 14 + (traffic == ACKS6 ? 40 : 20) + l4_size;
    struct insp_put p = insp_put(b->bytes[i], FRAME_ROOM);

    memset(b->bytes[i], 0, 60);
    insp_put_bytes(
        &p, side ? "\2\0\0\0\0\1\2\0\0\0\0\2" : "\2\0\0\0\0\2\2\0\0\0\0\1",
        12);
    put_ip(&p, traffic, l4_size, side ? server : client,
           side ? client : server);
    insp_put_be16(&p, side ? service : port);
    insp_put_be16(&p, side ? port : service);
    if (is_tcp(traffic)) {
        insp_put_be32(&p, (uint32_t) ((tcp_flags & INSP_TCP_SYN ? 0 : 1) +
                                      round * payload));
        insp_put_be32(&p, 1);
        insp_put_be16(&p, (uint16_t) (0x5000 | tcp_flags));
        insp_put_be16(&p, 65535);
        insp_put_be32(&p, 0);
    } else {
        insp_put_be16(&p, (uint16_t) (8 + payload));
        insp_put_be16(&p, 0);
    }
    if (traffic == DNS) {
        put_dns(&p, side, (uint16_t) round);
    } else if (payload) {
        insp_put_bytes(&p, "\xf1\x07\xe0\x99\x80\xfe\xf1\x07\xe0\x99\x80\xfe",
                       payload);
    }
    size = INSP_MAX(size, 60);
    b->frames[i] = (struct insp_frame){ b->bytes[i], (uint32_t) size,
                                        (uint32_t) size, NULL };
}

/* The order of connections: coprime to any N that is used here, and far from
 * one after the other. */
#define STRIDE UINT64_C(1000000007)

/* Blocks until all connections have sent. */
static uint64_t
blocks_a_pass(const struct bench *b)
{
    return ((uint64_t) b->setup.n_connections + BLOCK - 1) / BLOCK;
}

/* The next block of established traffic, all from one side, so that it is of
 * one context as in a switch.  One side of all connections sends, then the
 * other, so that nothing is met again while it is still near; but an answer of
 * DNS comes behind its question. */
static void
make_block(struct bench *b, uint64_t *visit)
{
    uint64_t n = b->setup.n_connections;
    uint64_t pass = b->setup.traffic == DNS ? 1 : blocks_a_pass(b);
    uint64_t from = (*visit / pass / 2 * pass + *visit % pass) * BLOCK;

    b->side = *visit / pass & 1;
    for (size_t i = 0; i < BLOCK; i++) {
        make_frame(b, i, (from + i) % n * STRIDE % n, b->side, (from + i) / n,
                   INSP_TCP_ACK |
                       (b->setup.traffic == DATA ? INSP_TCP_PSH : 0));
    }
    ++*visit;
}

/* A block of connections that were never seen. */
static void
make_newborn(struct bench *b)
{
    b->side = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        make_frame(b, i, b->born++, 0, 0, INSP_TCP_SYN);
    }
}

/* ------------------------------------------------------------------------ */
/* What is done with a block, from frame 'from' on. */

static void
do_nothing(struct bench *b, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        const uint8_t *at = b->frames[i].data;
        uint64_t words[4];

        memcpy(&words[0], at + 6, 8);
        memcpy(&words[1], at + 22, 8);
        memcpy(&words[2], at + 30, 8);
        memcpy(&words[3], at + 38, 8);
        b->sink += words[0] ^ words[1] ^ words[2] ^ words[3];
    }
}

enum stage {
    PARSE, /* What the long way begins with... */
    KEY,
    NOTE, /* ... and the short way, */
    FETCH,
    COUNT
};

static void
parse(struct bench *b, size_t from, size_t n, bool key)
{
    const struct insp_snapshot_inspector *inspector = b->batch.inspector;
    const struct insp_zone *zone = &b->batch.ctx->zone;
    struct insp_item items[INSP_BATCH_MAX];

    for (size_t i = 0; i < n; i++) {
        const struct insp_frame *f = &b->frames[from + i];
        struct insp_item *item = &items[i];

        b->sink +=
            insp_packet_parse(&item->packet, f->data, f->size, f->wire_size);
        if (key) {
            item->side = (uint8_t) insp_key_from_packet(&item->key,
                                                        &item->packet, zone);
            item->hash =
                insp_key_hash_in(&item->key, b->batch.plain.zone_hash,
                                 &inspector->secret);
            b->sink += item->hash;
        }
    }
}

/* All stages up to 'last', in the order of engine/worker.c. */
static INSP_ALWAYS_INLINE void
do_stages(struct bench *b, size_t from, size_t n, enum stage last)
{
    struct insp_plain_batch *plain = &b->batch.plain;
    struct insp_noted noted[INSP_BATCH_MAX];

    b->batch.ctx = &b->context[b->side];
    insp_plain_begin(&b->batch);
    if (last <= KEY) {
        parse(b, from, n, last == KEY);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct insp_frame *f = &b->frames[from + i];

        noted[i].now_ns = b->now_ns;
        if (!insp_plain_note4(plain, &noted[i], f->data, f->size,
                              f->wire_size) &&
            !insp_plain_note6(plain, &noted[i], f->data, f->size,
                              f->wire_size)) {
            fail("a packet is not plain");
        }
        b->sink += noted[i].hash;
        if (last >= FETCH) {
            insp_plain_prefetch_bucket(plain, noted[i].hash);
        }
    }
    if (last >= FETCH) {
        insp_plain_prefetch(plain->table, noted, n);
    }
    if (last >= COUNT && insp_plain_count(plain, noted, 0, n, &b->sink) < n) {
        fail("a connection is not established");
    }
}

static void
do_parse(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, PARSE);
}

static void
do_key(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, KEY);
}

static void
do_note(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, NOTE);
}

static void
do_fetch(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, FETCH);
}

static void
do_count(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, COUNT);
}

static void
do_whole(struct bench *b, size_t from, size_t n)
{
    struct insp_verdict verdicts[INSP_BATCH_MAX];

    b->sink += insp_worker_run(b->engine, 0, &b->context[b->side],
                               &b->frames[from], n, b->now_ns, verdicts);
}

static void
do_block(struct bench *b, void (*work)(struct bench *, size_t, size_t),
         size_t batch)
{
    for (size_t i = 0; i < BLOCK; i += batch) {
        work(b, i, batch);
    }
}

/* ------------------------------------------------------------------------ */
/* An engine and its connections. */

/* A turn of the control thread, and its records. */
static enum insp_turn
turn(struct bench *b)
{
    enum insp_turn result = insp_engine_turn(b->engine);
    struct insp_record record;

    while (insp_engine_next_record(b->engine, &record)) {
        insp_record_uninit(&record);
        b->n_records++;
    }
    return result;
}

static void
turn_all(struct bench *b)
{
    b->now_ns += MS;
    while (turn(b) == INSP_TURN_BUSY) {
        continue;
    }
}

/* VM1, VM2, and others. */
static struct insp_port *
make_ports(uint32_t n)
{
    struct insp_port *ports = alloc(n, sizeof *ports);

    for (uint32_t i = 0; i < n; i++) {
        struct insp_port *port = &ports[i];

        port->id = VM1 + i;
        port->role = INSP_PORT_VM;
        port->mac[0] = 2;
        port->mac[4] = (uint8_t) ((i + 1) >> 8);
        port->mac[5] = (uint8_t) (i + 1);
        snprintf(port->name, sizeof port->name, "vm%u", (unsigned int) i + 1);
        snprintf(port->vm_id, sizeof port->vm_id, "vm-%u",
                 (unsigned int) i + 1);
        snprintf(port->bridge, sizeof port->bridge, "br0");
    }
    return ports;
}

static void
apply(struct bench *b, uint32_t flow_limit)
{
    uint32_t n_ports = 2 + b->setup.n_ports;
    struct insp_port *ports = make_ports(n_ports);
    struct insp_inspector_config inspector = {
        .name = "bench",
        .id = 1,
        .enabled = true,
        .mode = INSP_MODE_INLINE,
        .flow_limit = flow_limit,
        .half_open_limit = flow_limit,
        .active_timeout_ms = UINT32_MAX,
        .idle_timeout_ms = UINT32_MAX,
        .statistics_interval_ms = UINT32_MAX,
        .readers_off = b->setup.readers ? 0 : UINT64_MAX,
        .cycle_budget_ppm = 1000000,    /* Measured, and never too much. */
    };
    const struct insp_engine_config config = {
        .sensor = "bench",
        .inspectors = &inspector,
        .n_inspectors = 1,
        .ports = ports,
        .n_ports = n_ports,
    };
    struct insp_inspector_stats stats;

    if (b->setup.n_rules) {
        inspector.binding = make_binding(b, ports, n_ports);
    }
    if (!insp_engine_apply(b->engine, &config)) {
        fail("out of memory");
    }
    insp_binding_unref(inspector.binding);
    free(ports);
    turn_all(b);
    if (!insp_engine_get_stats(b->engine, &stats, 1)) {
        fail("no inspector");
    }
    if (stats.error[0]) {
        fail(stats.error);
    }
    for (unsigned int side = 0; side < 2; side++) {
        b->context[side] = (struct insp_context){
            .inspector = 1,
            .flags = INSP_CONTEXT_AUTO,
            .in_port = side ? VM2 : VM1,
            .out_port = side ? VM1 : VM2,
            .zone = { .kind = INSP_ZONE_PAIR, .a = VM1, .b = VM2 },
        };
    }
    b->batch = (struct insp_batch){
        .snapshot = atomic_load(&b->engine->snapshot),
        .ctx = &b->context[0],
        .place = &b->engine->places[0],
    };
    b->batch.inspector = insp_snapshot_find(b->batch.snapshot, 1);
    b->batch.now_ns = b->now_ns;
}

static void
establish(struct bench *b)
{
    static const uint8_t steps[] = { INSP_TCP_SYN, INSP_TCP_SYN | INSP_TCP_ACK,
                                     INSP_TCP_ACK };
    uint32_t n = b->setup.n_connections;
    struct insp_inspector_stats stats;

    for (uint32_t c = 0; c < n; c += BLOCK) {
        size_t size = INSP_MIN(n - c, BLOCK);

        for (unsigned int step = 0; step < 3 && is_tcp(b->setup.traffic); step++) {
            b->side = step & 1;
            for (size_t i = 0; i < size; i++) {
                make_frame(b, i, c + i, b->side, 0, steps[step]);
            }
            for (size_t i = 0; i < size; i += INSP_BATCH_MAX) {
                do_whole(b, i, INSP_MIN(size - i, INSP_BATCH_MAX));
            }
        }
        turn_all(b);
    }
    /* Both directions of every connection once or twice, so that readers know
     * what they will know, and times are set. */
    for (uint64_t i = 0; i < 4 * blocks_a_pass(b) + 8; i++) {
        make_block(b, &b->visit);
        do_block(b, do_whole, INSP_BATCH_MAX);
        if (i % 4 == 3) {
            turn_all(b);
        }
    }
    turn_all(b);
    if (!insp_engine_get_stats(b->engine, &stats, 1) ||
        stats.table.connections != n) {
        fail("connections are missing");
    }
}

static struct bench *
bench_create(const struct setup *setup, uint32_t flow_limit)
{
    struct bench *b = aligned_alloc(64, (sizeof *b + 63) & ~(size_t) 63);
    struct insp_host host = { .aux = b,
                              .log = host_log,
                              .monotonic_ns = host_ns,
                              .wall_ns = host_ns,
                              .random = host_random };
    size_t before;

    if (!b) {
        fail("out of memory");
    }
    memset(b, 0, sizeof *b);
    b->setup = *setup;
    b->now_ns = 3600 * SECOND;
    before = resident();
    if (insp_engine_create_passive(&host, &b->engine)) {
        fail("no engine");
    }
    apply(b, flow_limit);
    if (setup->n_connections) {
        establish(b);
        b->memory = resident() - before;
    }
    return b;
}

static void
bench_destroy(struct bench *b)
{
    insp_engine_destroy(b->engine, 0);
    free(b);
}

/* ------------------------------------------------------------------------ */
/* Rows. */

struct row {
    const char *name;
    void (*work)(struct bench *, size_t, size_t);
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
            row->name, traffic_words[s->traffic], row->batch,
            (unsigned int) s->n_connections, (unsigned int) s->n_rules,
            s->readers ? "true" : "false", row->median / options.ticks_a_ns,
            row->median, row->low, row->high, own, added, row->median / base,
            row->n);
    if (s->n_connections) {
        fprintf(options.json, ",\"bytes_a_connection\":%.0f",
                (double) b->memory / s->n_connections);
    } else if (row->work == do_whole) {
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
    printf("%s, %u rules, readers %s\n", traffic_words[s->traffic],
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

            make_block(b, row->counts ? &b->visit : &b->look);
            from = ticks();
            do_block(b, row->work, row->batch);
            sum += ticks() - from;
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
        { .name = "empty", .work = do_nothing, .batch = 32 },
        { .name = "empty, again", .work = do_nothing, .batch = 32 },
        { .name = "whole", .work = do_whole, .batch = 32, .counts = true },
        { .name = "whole, alone",
          .work = do_whole,
          .batch = 1,
          .counts = true },
        { .name = "parse", .work = do_parse, .batch = 32 },
        { .name = "key", .work = do_key, .batch = 32, .below = "parse" },
        { .name = "note", .work = do_note, .batch = 32 },
        { .name = "fetch", .work = do_fetch, .batch = 32, .below = "note" },
        { .name = "count",
          .work = do_count,
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
    if (needed(flow_limit) > available() / 4 * 3) {
        fprintf(stderr,
                "micro: %u connections: need %zu MiB, and there are %zu: "
                "left out\n",
                (unsigned int) setup->n_connections, needed(flow_limit) >> 20,
                available() >> 20);
        return;
    }
    b = bench_create(setup, flow_limit);
    for (size_t i = 0; i < n_rows; i++) {
        rows[i].n = 0;
    }
    b->look = b->visit + blocks_a_pass(b) / 2;
    for (size_t round = 0; round < rounds; round++) {
        run_round(b, rows, n_rows, round);
        turn_all(b);
    }
    print_group(b, title);
    for (size_t i = 0; i < n_rows; i++) {
        sum_up(&rows[i]);
    }
    for (size_t i = 0; i < n_rows; i++) {
        print_row(b, rows, &rows[i]);
    }
    fflush(stdout);
    bench_destroy(b);
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
    from = ticks();
    for (unsigned int pass = 0; pass < PASSES; pass++) {
        for (size_t i = 0; i < BLOCK; i += INSP_BATCH_MAX) {
            (void) insp_worker_run(b->engine, mate->worker,
                                   &b->context[mate->side], &mate->frames[i],
                                   INSP_BATCH_MAX, b->now_ns, verdicts);
        }
    }
    mate->cycles = (double) (ticks() - from) / (PASSES * BLOCK);
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
            fail("no thread");
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
    const struct setup setup = { 2 * BLOCK, 0, ACKS, true, 0 };
    struct bench *b = bench_create(&setup, flow_limit_for(&setup));
    struct mate *mates = alloc(2, sizeof *mates);
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
                make_block(b, &visits[i]);
                mates[i].bench = b;
                mates[i].worker = i;
                load(&mates[i], b);
            }
            (void) run_mates(mates, way ? 2 : 1); /* Owners settle. */
            turn_all(b);
            turn_all(b);
            turn_all(b);
            rows[way].cycles[rows[way].n++] = run_mates(mates, way ? 2 : 1);
            turn_all(b);
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
    bench_destroy(b);
}

/* What nobody answers ends after five seconds. */
static void
let_end(struct bench *b)
{
    struct insp_inspector_stats stats;

    do {
        b->now_ns += 100 * MS;
        turn_all(b);
        if (!insp_engine_get_stats(b->engine, &stats, 1)) {
            fail("no inspector");
        }
    } while (stats.table.connections ||
             insp_table_n_free(b->batch.inspector->table) <
                 stats.table.flow_limit);
}

static void
run_newborn(uint32_t n_rules, bool readers)
{
    static struct row rows[] = {
        { .name = "empty", .work = do_nothing, .batch = 32 },
        { .name = "empty, again", .work = do_nothing, .batch = 32 },
        { .name = "new connection", .work = do_whole, .batch = 32 },
        { .name = "its end", .batch = 32 },
    };
    const struct setup setup = { .n_rules = n_rules, .readers = readers };
    struct bench *b = bench_create(&setup, 65536);
    size_t rounds = options.quick ? 4 : 24;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        rows[i].n = 0;
    }
    for (size_t round = 0; round < rounds; round++) {
        uint64_t from;

        for (size_t block = 0; block < 32; block++) {
            for (size_t k = 0; k < 3; k++) {
                struct row *row = &rows[(block + k) % 3];

                make_newborn(b);
                from = ticks();
                do_block(b, row->work, row->batch);
                if (round) { /* The first one gets pages. */
                    row->cycles[row->n++] = (double) (ticks() - from) / BLOCK;
                }
            }
        }
        /* What the control thread has to do for them: it takes them in, ends
         * them, and makes a record each. */
        from = ticks();
        let_end(b);
        if (round) {
            rows[3].cycles[rows[3].n++] =
                (double) (ticks() - from) / (32 * BLOCK);
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
    bench_destroy(b);
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
        run_group("established", &(struct setup){ sizes[i], 0, ACKS, true, 0 },
                  true);
    }
    for (size_t i = 1; i < INSP_ARRAY_SIZE(rules); i++) {
        run_group("rules", &(struct setup){ 10000, rules[i], ACKS, true, 0 },
                  false);
    }
    run_group("ipv6", &(struct setup){ 10000, 0, ACKS6, true, 0 }, true);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(ports); i++) {
        run_group(port_titles[i],
                  &(struct setup){ 10000, 0, ACKS, true, ports[i] }, false);
    }
    run_two_workers();
    for (enum traffic t = DATA; t < N_TRAFFICS; t++) {
        run_group("readers on", &(struct setup){ 10000, 0, t, true, 0 }, false);
        run_group("readers off", &(struct setup){ 10000, 0, t, false, 0 }, false);
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rules); i++) {
        run_newborn(rules[i], true);
    }
    run_newborn(1000, false);
}

/* ------------------------------------------------------------------------ */
/* Instructions. */

INSP_NOINLINE void
insp_bench_measured(struct bench *b,
                    void (*work)(struct bench *, size_t, size_t), size_t batch)
{
    do_block(b, work, batch);
}

static const struct count_case {
    const char *name;
    struct setup setup;
    void (*work)(struct bench *, size_t, size_t);
    size_t batch;
} count_cases[] = {
    { "parse", { 2048, 0, ACKS, true, 0 }, do_parse, 32 },
    { "key", { 2048, 0, ACKS, true, 0 }, do_key, 32 },
    { "note", { 2048, 0, ACKS, true, 0 }, do_note, 32 },
    { "fetch", { 2048, 0, ACKS, true, 0 }, do_fetch, 32 },
    { "count", { 2048, 0, ACKS, true, 0 }, do_count, 32 },
    { "established", { 2048, 0, ACKS, true, 0 }, do_whole, 32 },
    { "established-alone", { 2048, 0, ACKS, true, 0 }, do_whole, 1 },
    { "established-1000-rules", { 2048, 1000, ACKS, true, 0 }, do_whole, 32 },
    { "established-ipv6", { 2048, 0, ACKS6, true, 0 }, do_whole, 32 },
    { "established-data", { 2048, 0, DATA, true, 0 }, do_whole, 32 },
    { "dns", { 2048, 0, DNS, true, 0 }, do_whole, 32 },
    { "new", { 0, 0, ACKS, true, 0 }, do_whole, 32 },
    { "new-1000-rules", { 0, 1000, ACKS, true, 0 }, do_whole, 32 },
    { "new-10000-rules", { 0, 10000, ACKS, true, 0 }, do_whole, 32 },
};

static void
run_count(const char *name)
{
    const struct count_case *c = count_cases;
    struct bench *b;

    while (strcmp(c->name, name)) {
        if (++c == count_cases + INSP_ARRAY_SIZE(count_cases)) {
            fail("no such case");
        }
    }
    b = bench_create(&c->setup, flow_limit_for(&c->setup));
    /* The first one warms up. */
    for (int i = 0; i < 2; i++) {
        if (c->setup.n_connections) {
            make_block(b, &b->visit);
        } else {
            make_newborn(b);
        }
        if (i) {
            insp_bench_measured(b, c->work, c->batch);
        } else {
            do_block(b, c->work, c->batch);
        }
    }
    printf("%d packets\n", BLOCK);
    bench_destroy(b);
}

int
main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (!strncmp(arg, "--json=", 7)) {
            options.json = fopen(arg + 7, "w");
            if (!options.json) {
                fail(strerror(errno));
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
        fail(strerror(errno));
    }
    return 0;
}
