/* SPDX-License-Identifier: Apache-2.0 */
/* An engine to measure
 * ====================
 *
 * An engine alone, with connections between two VMs, and what can be done with
 * a block of their frames.
 *
 * Above:   tests/bench/micro.c
 * Below:   engine, base
 * Threads: one at a time for a struct bench; insp_worker_run() as it allows.
 * Memory:  a bench is the caller's, until insp_bench_destroy().
 * Time:    insp_bench_create() establishes every connection: a microsecond
 *          each.  Work is what is measured: no clock, no allocation.
 * Fails:   whatever goes wrong ends the program, with a sentence. */

#ifndef INSP_TESTS_BENCH_H
#define INSP_TESTS_BENCH_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/path.h"

#define BLOCK      1024
#define FRAME_ROOM 128
#define MS         UINT64_C(1000000)
#define SECOND     (1000 * MS)

enum traffic {
    ACKS,  /* TCP: acknowledgements, 64 bytes each. */
    ACKS6, /* The same in IPv6. */
    DATA,  /* TCP: six bytes that no reader knows. */
    UDP,   /* Twelve bytes that no reader knows. */
    DNS,   /* UDP: a question and its answer; a record each time. */
    N_TRAFFICS
};

extern const char *const insp_bench_traffic_words[N_TRAFFICS];

struct setup {
    uint32_t n_connections; /* That are established. */
    uint32_t n_rules;
    enum traffic traffic;
    bool readers;
    uint32_t n_ports; /* Of VMs, besides the two that speak. */
    bool by_flow; /* The action stands in a flow, and was not inserted: where a
                   * packet goes, its MAC address says. */
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

void insp_bench_fail(const char *what);
/* Zeros. */
void *insp_bench_alloc(size_t n, size_t size);
uint64_t insp_bench_clock_ns(void);

/* Ticks of the time-stamp counter, or nanoseconds where there is none. */
static inline uint64_t
insp_bench_ticks(void)
{
#if defined __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return insp_bench_clock_ns();
#endif
}

/* Bytes that the machine can still give, and that an engine would take. */
size_t insp_bench_available(void);
size_t insp_bench_needed(uint32_t n_connections);

struct bench *insp_bench_create(const struct setup *, uint32_t flow_limit);
void insp_bench_destroy(struct bench *);
/* A turn of the control thread, a millisecond later, until nothing is due. */
void insp_bench_turn(struct bench *);

/* Blocks until all connections have sent. */
uint64_t insp_bench_blocks_a_pass(const struct bench *);
/* The next block of established traffic, all from one side, so that it is of
 * one context as in a switch. */
void insp_bench_make_block(struct bench *, uint64_t *visit);
/* A block of connections that were never seen. */
void insp_bench_make_newborn(struct bench *);

/* What can be done with the 'n' frames from frame 'from' on: touch what a
 * parser touches of them; each stage of engine/worker.c with all those before
 * it; all of it. */
typedef void insp_bench_work(struct bench *, size_t from, size_t n);
insp_bench_work insp_bench_nothing;
insp_bench_work insp_bench_parse;
insp_bench_work insp_bench_key;
insp_bench_work insp_bench_note;
insp_bench_work insp_bench_fetch;
insp_bench_work insp_bench_count;
insp_bench_work insp_bench_whole;

/* It with the whole block, 'batch' frames at a time. */
void insp_bench_do(struct bench *, insp_bench_work *, size_t batch);

#endif /* bench.h */
