/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: frames of 64 bytes are made a block at a time, of both
 * directions of each connection, one connection after the other in an order
 * that no prefetcher guesses; then the block is given to what is measured. */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/put.h"
#include "bench.h"

#define VM1 7
#define VM2 8

const char *const insp_bench_traffic_words[N_TRAFFICS] = {
    "tcp acks", "tcp acks of ipv6", "tcp data", "udp", "dns"
};

static bool
is_tcp(enum traffic traffic)
{
    return traffic == ACKS || traffic == ACKS6 || traffic == DATA;
}

void
insp_bench_fail(const char *what)
{
    fprintf(stderr, "micro: %s\n", what);
    exit(EXIT_FAILURE);
}

void *
insp_bench_alloc(size_t n, size_t size)
{
    void *at = calloc(n ? n : 1, size);

    if (!at) {
        insp_bench_fail("out of memory");
    }
    return at;
}

uint64_t
insp_bench_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * SECOND + (uint64_t) t.tv_nsec;
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

size_t
insp_bench_available(void)
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

size_t
insp_bench_needed(uint32_t n_connections)
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
    *terms = term = insp_bench_alloc(1, sizeof *term);
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
    struct insp_rule *rules = insp_bench_alloc(n, sizeof *rules);
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
        r->services = insp_bench_alloc(1, sizeof *r->services);
        r->services->kind = INSP_SERVICE_PORTS;
        r->services->proto = INSP_PROTO_TCP;
        r->services->first = r->services->last =
            services[draw(b, INSP_ARRAY_SIZE(services))];
    }
    if (insp_policy_create(rules, n, NULL, 0, 1, &policy) ||
        insp_binding_create(policy, ports, n_ports, &binding)) {
        insp_bench_fail("the rules cannot be frozen");
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

uint64_t
insp_bench_blocks_a_pass(const struct bench *b)
{
    return ((uint64_t) b->setup.n_connections + BLOCK - 1) / BLOCK;
}

/* One side of all connections sends, then the
 * other, so that nothing is met again while it is still near; but an answer of
 * DNS comes behind its question. */
void
insp_bench_make_block(struct bench *b, uint64_t *visit)
{
    uint64_t n = b->setup.n_connections;
    uint64_t pass = b->setup.traffic == DNS ? 1 : insp_bench_blocks_a_pass(b);
    uint64_t from = (*visit / pass / 2 * pass + *visit % pass) * BLOCK;

    b->side = *visit / pass & 1;
    for (size_t i = 0; i < BLOCK; i++) {
        make_frame(b, i, (from + i) % n * STRIDE % n, b->side, (from + i) / n,
                   INSP_TCP_ACK |
                       (b->setup.traffic == DATA ? INSP_TCP_PSH : 0));
    }
    ++*visit;
}

void
insp_bench_make_newborn(struct bench *b)
{
    b->side = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        make_frame(b, i, b->born++, 0, 0, INSP_TCP_SYN);
    }
}

/* ------------------------------------------------------------------------ */
/* What is done with a block, from frame 'from' on. */

void
insp_bench_nothing(struct bench *b, size_t from, size_t n)
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
            item->hash = insp_key_hash_in(&item->key, b->batch.plain.zone_hash,
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
            insp_bench_fail("a packet is not plain");
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
        insp_bench_fail("a connection is not established");
    }
}

void
insp_bench_parse(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, PARSE);
}

void
insp_bench_key(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, KEY);
}

void
insp_bench_note(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, NOTE);
}

void
insp_bench_fetch(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, FETCH);
}

void
insp_bench_count(struct bench *b, size_t from, size_t n)
{
    do_stages(b, from, n, COUNT);
}

void
insp_bench_whole(struct bench *b, size_t from, size_t n)
{
    struct insp_verdict verdicts[INSP_BATCH_MAX];

    b->sink += insp_worker_run(b->engine, 0, &b->context[b->side],
                               &b->frames[from], n, b->now_ns, verdicts);
}

void
insp_bench_do(struct bench *b, insp_bench_work *work, size_t batch)
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

void
insp_bench_turn(struct bench *b)
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
    struct insp_port *ports = insp_bench_alloc(n, sizeof *ports);

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
        .cycle_budget_ppm = 1000000, /* Measured, and never too much. */
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
        insp_bench_fail("out of memory");
    }
    insp_binding_unref(inspector.binding);
    free(ports);
    insp_bench_turn(b);
    if (!insp_engine_get_stats(b->engine, &stats, 1)) {
        insp_bench_fail("no inspector");
    }
    if (stats.error[0]) {
        insp_bench_fail(stats.error);
    }
    for (unsigned int side = 0; side < 2; side++) {
        struct insp_context *context = &b->context[side];

        context->inspector = 1;
        context->in_port = side ? VM2 : VM1;
        if (b->setup.by_flow) {
            context->zone = (struct insp_zone){ .kind = INSP_ZONE_EXPLICIT };
            continue;
        }
        context->flags = INSP_CONTEXT_AUTO;
        context->out_port = side ? VM1 : VM2;
        context->zone =
            (struct insp_zone){ .kind = INSP_ZONE_PAIR, .a = VM1, .b = VM2 };
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

        for (unsigned int step = 0; step < 3 && is_tcp(b->setup.traffic);
             step++) {
            b->side = step & 1;
            for (size_t i = 0; i < size; i++) {
                make_frame(b, i, c + i, b->side, 0, steps[step]);
            }
            for (size_t i = 0; i < size; i += INSP_BATCH_MAX) {
                insp_bench_whole(b, i, INSP_MIN(size - i, INSP_BATCH_MAX));
            }
        }
        insp_bench_turn(b);
    }
    /* Both directions of every connection once or twice, so that readers know
     * what they will know, and times are set. */
    for (uint64_t i = 0; i < 4 * insp_bench_blocks_a_pass(b) + 8; i++) {
        insp_bench_make_block(b, &b->visit);
        insp_bench_do(b, insp_bench_whole, INSP_BATCH_MAX);
        if (i % 4 == 3) {
            insp_bench_turn(b);
        }
    }
    insp_bench_turn(b);
    if (!insp_engine_get_stats(b->engine, &stats, 1) ||
        stats.table.connections != n) {
        insp_bench_fail("connections are missing");
    }
}

struct bench *
insp_bench_create(const struct setup *setup, uint32_t flow_limit)
{
    struct bench *b = aligned_alloc(64, (sizeof *b + 63) & ~(size_t) 63);
    struct insp_host host = { .aux = b,
                              .log = host_log,
                              .monotonic_ns = host_ns,
                              .wall_ns = host_ns,
                              .random = host_random };
    size_t before;

    if (!b) {
        insp_bench_fail("out of memory");
    }
    memset(b, 0, sizeof *b);
    b->setup = *setup;
    b->now_ns = 3600 * SECOND;
    before = resident();
    if (insp_engine_create_passive(&host, &b->engine)) {
        insp_bench_fail("no engine");
    }
    apply(b, flow_limit);
    if (setup->n_connections) {
        establish(b);
        b->memory = resident() - before;
    }
    return b;
}

void
insp_bench_destroy(struct bench *b)
{
    insp_engine_destroy(b->engine, 0);
    free(b);
}
