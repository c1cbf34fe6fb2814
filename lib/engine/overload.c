/* SPDX-License-Identifier: Apache-2.0 */
/* Overload: what is done at depth PORTS, and what is told of the depth.
 *
 * At depth PORTS a packet is parsed and counted, and that is all: nothing is
 * looked up, nothing is judged, which is why an inspector whose verdicts count
 * never gets there (apply.c).  The packets of a batch are summed up first, so
 * that a batch costs one look at a remainder, mostly.
 *
 * Workers decide on their depth by themselves (depth.c) and tell nobody.  The
 * control thread looks ten times a second: what it finds is what status, log
 * and records say. */

#include "engine/path.h"

#define LOOK_NS   UINT64_C(100000000)
/* So many lines at once, and one more each so often. */
#define LOG_BURST 10
#define LOG_NS    UINT64_C(6000000000)

/* Packets that are one remainder. */
struct sum {
    enum insp_remainder why;
    uint16_t ethertype;
    uint64_t packets;
    uint64_t bytes;
    uint64_t last_ns;
};

#define SUMS_MAX 4

static enum insp_remainder
reason(const struct insp_batch *b, enum insp_packet_fact fact)
{
    if (INSP_UNLIKELY(b->stale)) {
        return INSP_REMAINDER_STALE_PORT;
    }
    return fact == INSP_PACKET_OK || fact == INSP_PACKET_FRAGMENT
               ? INSP_REMAINDER_OVERLOAD
               : insp_remainder_of_fact(fact);
}

static void
count_sum(struct insp_batch *b, const struct sum *sum)
{
    struct insp_table *table = b->inspector->table;
    const struct insp_context *ctx = b->ctx;
    const struct insp_flow_packet packet = {
        .now_ns = sum->last_ns,
        .in_port = ctx->in_port,
        .out_port = ctx->zone.kind == INSP_ZONE_GROUP ? 0 : ctx->out_port,
        .worker = b->worker,
    };
    struct insp_conn *remainder;
    struct insp_key key;

    insp_key_remainder(&key, sum->why, sum->ethertype, ctx->in_port,
                       ctx->out_port, &ctx->zone);
    remainder = insp_table_get_remainder(
        table, &key,
        insp_key_hash_in(&key, b->plain.zone_hash, &b->inspector->secret),
        &packet);
    if (remainder) {
        insp_table_count_sum(table, remainder, &packet, sum->packets,
                             sum->bytes);
    } else {
        INSP_TALLY(b, catch_all_packets, sum->packets);
        INSP_TALLY(b, catch_all_bytes, sum->bytes);
    }
}

/* Adds a packet to the sum that it belongs to.  When there are too many, the
 * first one goes. */
static void
add(struct insp_batch *b, struct sum *sums, size_t *n, enum insp_remainder why,
    uint16_t ethertype, uint32_t bytes, uint64_t now_ns)
{
    size_t i = 0;

    while (i < *n && (sums[i].why != why || sums[i].ethertype != ethertype)) {
        i++;
    }
    if (i == SUMS_MAX) {
        count_sum(b, &sums[0]);
        i = 0;
        sums[0].packets = sums[0].bytes = 0;
    } else if (i == *n) {
        ++*n;
        sums[i].packets = sums[i].bytes = 0;
    }
    sums[i].why = why;
    sums[i].ethertype = ethertype;
    sums[i].packets++;
    sums[i].bytes += bytes;
    sums[i].last_ns = now_ns;
}

void
insp_count_by_port(struct insp_batch *b, const struct insp_frame *frames,
                   size_t n)
{
    struct sum sums[SUMS_MAX];
    size_t n_sums = 0;

    for (size_t i = 0; i < n; i++) {
        const struct insp_frame *frame = &frames[i];
        struct insp_packet packet;
        enum insp_packet_fact fact;

        atomic_store_explicit(&b->place->frame, frame, memory_order_relaxed);
        fact = insp_packet_parse(&packet, frame->data, frame->size,
                                 frame->wire_size);
        INSP_TALLY(b, facts[fact], 1);
        INSP_TALLY(b, inspected_packets, 1);
        INSP_TALLY(b, inspected_bytes, frame->wire_size);
        add(b, sums, &n_sums, reason(b, fact), packet.ethertype,
            frame->wire_size,
            b->ctx->times_ns ? b->ctx->times_ns[i] : b->now_ns);
    }
    for (size_t i = 0; i < n_sums; i++) {
        count_sum(b, &sums[i]);
    }
    INSP_TALLY(b, verdicts[INSP_VERDICT_ALLOW], n);
}

/* ------------------------------------------------------------------------ */
/* What others are told. */

uint64_t
insp_packets_at(const struct insp_inspector *inspector, enum insp_depth depth)
{
    uint64_t packets = 0;

    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        packets += INSP_READ(inspector->depths[i].packets_at[depth]);
    }
    return packets;
}

/* What the workers are at. */
static void
look(struct insp_inspector *inspector, uint64_t now_ns)
{
    enum insp_depth depth = INSP_DEPTH_FULL;
    unsigned int n_shallow = 0;
    uint32_t share_ppm = 0;

    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        const struct insp_depth_worker *d = &inspector->depths[i];
        enum insp_depth its = insp_depth_seen(d, now_ns);

        its = INSP_MIN(its, inspector->depth_config.last);
        depth = INSP_MAX(depth, its);
        n_shallow += its != INSP_DEPTH_FULL;
        if (now_ns < INSP_READ(d->looked_ns) + INSP_DEPTH_GAP_NS) {
            share_ppm = INSP_MAX(share_ppm, INSP_READ(d->share_ppm));
        }
    }
    if (!inspector->depth_config.budget_ppm) {
        depth = INSP_DEPTH_FULL;
        n_shallow = 0;
        share_ppm = 0;
    }
    if (inspector->depth_turn_ns) {
        inspector->depth_ns[inspector->depth] +=
            now_ns - inspector->depth_turn_ns;
    }
    inspector->depth_turn_ns = now_ns;
    inspector->shallow_workers = n_shallow;
    inspector->share_ppm = share_ppm;
    if (depth != inspector->depth) {
        inspector->depth = depth;
        inspector->depth_since_ns = now_ns;
        inspector->depth_changes++;
    }
}

/* The part that made the worker step down that did so last. */
static uint32_t
find_excess(const struct insp_inspector *inspector)
{
    uint64_t last_ns = 0;
    uint32_t ppm = 0;

    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        const struct insp_depth_worker *d = &inspector->depths[i];
        uint64_t at_ns = INSP_READ(d->excess_ns);

        if (at_ns > last_ns) {
            last_ns = at_ns;
            ppm = INSP_READ(d->excess_ppm);
        }
    }
    return ppm;
}

static void
say_depth(struct insp_engine *engine, struct insp_inspector *inspector)
{
    uint32_t excess = find_excess(inspector) / 1000;
    uint32_t budget = inspector->depth_config.budget_ppm / 1000;
    const char *now = insp_depth_word(inspector->depth);
    const char *was = insp_depth_word(inspector->depth_said);

    if (inspector->depth > inspector->depth_said) {
        insp_log(&engine->host, INSP_LOG_WARN,
                 "inspector %s: inspection depth %s, was %s: inspection took "
                 "%u.%u %% of a worker's cycles, cycle-budget is %u.%u %%",
                 inspector->config.name, now, was, excess / 10, excess % 10,
                 budget / 10, budget % 10);
    } else {
        insp_log(&engine->host, INSP_LOG_INFO,
                 "inspector %s: inspection depth %s, was %s (%u changes)",
                 inspector->config.name, now, was, inspector->depth_changes);
    }
    inspector->depth_said = inspector->depth;
    inspector->depth_changes = 0;
}

/* What is not said for want of a turn is said later, if it still holds. */
static bool
may_say(struct insp_inspector *inspector, uint64_t now_ns)
{
    uint64_t full_ns = LOG_BURST * LOG_NS;

    if (now_ns > full_ns && inspector->depth_log_ns < now_ns - full_ns) {
        inspector->depth_log_ns = now_ns - full_ns;
    }
    if (inspector->depth_log_ns + LOG_NS > now_ns) {
        return false;
    }
    inspector->depth_log_ns += LOG_NS;
    return true;
}

void
insp_overload_turn(struct insp_engine *engine, uint64_t now_ns)
{
    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (!INSP_READ(inspector->id) || inspector->left_round ||
            now_ns < inspector->depth_turn_ns + LOOK_NS) {
            continue;
        }
        pthread_mutex_lock(&engine->inspectors_mutex);
        look(inspector, now_ns);
        pthread_mutex_unlock(&engine->inspectors_mutex);
        if (inspector->depth != inspector->depth_said &&
            may_say(inspector, now_ns)) {
            say_depth(engine, inspector);
        }
    }
}
