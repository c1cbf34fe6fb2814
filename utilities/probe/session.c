/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     packet --> is a turn due before it? --> batch --> insp_worker_run()
 *                         |
 *                  flush, turn, records
 *
 * Turns are at multiples of TURN_NS of the packets' time, and after so many
 * packets that more could be too many.  Where a capture has a gap, there are
 * some turns in it, for what ends there to be reported with the time at which
 * it has ended; a long gap has no more of them than a short one, and those in
 * which nothing is due are left out.
 *
 * The engine's clock is later than the packets' by SHIFT_NS, so that a capture
 * may begin in 1970: to the engine, 0 is no time. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "packet/eth.h"
#include "session.h"

#define MS            UINT64_C(1000000)
#define SECOND        (1000 * MS)
#define TURN_NS       (10 * MS)
#define TURN_PACKETS  4096 /* No more of them between two turns. */
#define GAP_TURN_NS   SECOND
#define GAP_TURNS     300
#define MUCH_OLDER_NS (10 * SECOND)
#define RESTARTS_MAX  64 /* Each takes a new table. */
#define SHIFT_NS      (3600 * SECOND)
#define TIME_MAX_NS   (UINT64_C(1) << 62) /* Year 2116. */

struct probe_session {
    struct probe_session_config config;
    struct insp_host host;
    struct insp_engine *engine;
    uint64_t random;      /* State of the generator. */
    uint64_t now_ns;      /* Of the last packet or turn. */
    uint64_t turn_ns;     /* Of the last turn. */
    unsigned int n_since; /* Packets since then. */
    bool has_begun;

    struct insp_context context; /* Of the batch. */
    size_t n;
    struct insp_frame frames[INSP_BATCH_MAX];
    uint64_t times_ns[INSP_BATCH_MAX];
    struct probe_session_stats stats;
};

/* ------------------------------------------------------------------------ */
/* The engine's host. */

static void
host_log(void *aux INSP_UNUSED, enum insp_log_level level, const char *message)
{
    if (level <= INSP_LOG_WARN) {
        fprintf(stderr, "ovs-inspect-probe: %s\n", message);
    }
}

static uint64_t
host_monotonic_ns(void *session)
{
    const struct probe_session *s = session;

    return s->now_ns + SHIFT_NS;
}

static uint64_t
host_wall_ns(void *session)
{
    const struct probe_session *s = session;

    return s->now_ns;
}

static int
host_random(void *session, void *bytes, size_t size)
{
    struct probe_session *s = session;
    uint8_t *to = bytes;

    if (s->config.is_secret) {
        struct insp_host host;

        insp_host_stdio(&host, INSP_LOG_WARN);
        return host.random(host.aux, bytes, size);
    }
    for (size_t i = 0; i < size; i++) {
        s->random =
            insp_hash_fold(s->random + i + 1, UINT64_C(0x9e3779b97f4a7c15));
        to[i] = (uint8_t) (s->random >> 32);
    }
    return 0;
}

/* ------------------------------------------------------------------------ */
/* Its life. */

static int
apply(struct probe_session *s)
{
    const struct insp_inspector_config inspector = {
        .name = "probe",
        .id = PROBE_INSPECTOR,
        .enabled = true,
        .mode = INSP_MODE_TAP,
        .flow_limit = s->config.flow_limit,
        .idle_timeout_ms = s->config.idle_timeout_ms,
        .active_timeout_ms = s->config.active_timeout_ms,
        .pickup_time_ms = UINT32_MAX,
        .statistics_interval_ms = UINT32_MAX, /* At the end only. */
    };
    const struct insp_engine_config config = {
        .inspectors = &inspector,
        .n_inspectors = 1,
    };
    struct insp_inspector_stats stats;

    if (!insp_engine_apply(s->engine, &config)) {
        return ENOMEM;
    }
    (void) insp_engine_turn(s->engine);
    return insp_engine_get_stats(s->engine, &stats, 1) && !stats.error[0]
               ? 0
               : ENOMEM;
}

/* With the first packet, so that the engine never meets another time. */
static int
begin(struct probe_session *s)
{
    int error;

    s->random = 0;
    s->has_begun = true;
    error = insp_engine_create_passive(&s->host, &s->engine);
    return error ? error : apply(s);
}

int
probe_session_create(const struct probe_session_config *config,
                     struct probe_session **sessionp)
{
    struct probe_session *s = calloc(1, sizeof *s);

    *sessionp = NULL;
    if (!s) {
        return ENOMEM;
    }
    s->config = *config;
    s->host = (struct insp_host){ .aux = s,
                                  .log = host_log,
                                  .monotonic_ns = host_monotonic_ns,
                                  .wall_ns = host_wall_ns,
                                  .random = host_random };
    s->context.inspector = PROBE_INSPECTOR;
    s->context.times_ns = s->times_ns;
    s->context.zone.kind = INSP_ZONE_EXPLICIT;
    *sessionp = s;
    return 0;
}

/* ------------------------------------------------------------------------ */
/* Batches and turns. */

void
probe_session_flush(struct probe_session *s)
{
    struct insp_verdict verdicts[INSP_BATCH_MAX];

    if (s->n) {
        (void) insp_worker_run(s->engine, 0, &s->context, s->frames, s->n,
                               s->times_ns[s->n - 1], verdicts);
        s->n = 0;
    }
}

static enum insp_turn
turn(struct probe_session *s)
{
    enum insp_turn result = insp_engine_turn(s->engine);
    struct insp_record record;

    while (insp_engine_next_record(s->engine, &record)) {
        s->config.record(s->config.aux, &record);
    }
    return result;
}

static void
turn_at(struct probe_session *s, uint64_t now_ns)
{
    s->now_ns = s->turn_ns = now_ns;
    s->n_since = 0;
    while (turn(s) == INSP_TURN_BUSY) {
        continue;
    }
}

/* The turns that are due before a packet of 'now_ns'. */
static INSP_NOINLINE void
turns_until(struct probe_session *s, uint64_t now_ns)
{
    uint64_t due_ns = now_ns - now_ns % TURN_NS;
    uint64_t gap_ns = s->turn_ns - s->turn_ns % TURN_NS + TURN_NS;
    uint64_t engine_due_ns = 0; /* There were packets. */

    probe_session_flush(s);
    for (int i = 0; i < GAP_TURNS && gap_ns < due_ns; i++) {
        if (gap_ns + SHIFT_NS >= engine_due_ns) {
            turn_at(s, gap_ns);
            engine_due_ns = insp_engine_due_ns(s->engine);
        }
        gap_ns += i ? GAP_TURN_NS : TURN_NS;
    }
    turn_at(s, INSP_MAX(due_ns, s->now_ns));
}

static void
add_engine_stats(struct probe_session *s)
{
    struct probe_session_stats *sum = &s->stats;
    struct insp_inspector_stats stats;

    if (!insp_engine_get_stats(s->engine, &stats, 1)) {
        return;
    }
    sum->begun += stats.table.begun;
    sum->catch_all_packets += stats.catch_all_packets;
    for (int i = 0; i < INSP_N_ENDS; i++) {
        sum->ended[i] += stats.table.ended[i];
    }
    for (int i = 0; i < INSP_N_REMAINDERS; i++) {
        sum->refused[i] += stats.table.refused[i];
    }
    for (int i = 0; i < INSP_N_PACKET_FACTS; i++) {
        sum->facts[i] += stats.facts[i];
    }
    for (int i = 0; i < INSP_N_READER_FACTS; i++) {
        sum->readers[i] += stats.readers.facts[i];
    }
    for (int i = 0; i < INSP_N_APPS; i++) {
        sum->connections[i] += stats.readers.connections[i];
    }
}

void
probe_session_end(struct probe_session *s)
{
    probe_session_flush(s);
    if (s->engine) {
        add_engine_stats(s);
        insp_engine_end(s->engine);
        while (turn(s) != INSP_TURN_ENDED) {
            continue;
        }
        insp_engine_destroy(s->engine, 0);
        s->engine = NULL;
    }
}

/* ------------------------------------------------------------------------ */
/* Packets. */

/* The engine's time cannot go back, so another engine begins when this one's
 * last record is written. */
static void
restart(struct probe_session *s)
{
    s->stats.restarts++;
    probe_session_end(s);
    s->has_begun = false;
}

static int
take_time(struct probe_session *s, uint64_t *time_ns)
{
    *time_ns = INSP_MIN(*time_ns, TIME_MAX_NS);
    if (INSP_UNLIKELY(s->has_begun && *time_ns < s->now_ns)) {
        s->stats.back++;
        if (s->now_ns - *time_ns > MUCH_OLDER_NS &&
            s->stats.restarts < RESTARTS_MAX) {
            restart(s);
        } else {
            *time_ns = s->now_ns;
        }
    }
    if (INSP_UNLIKELY(!s->has_begun)) {
        s->turn_ns = s->now_ns = *time_ns;
        if (!s->stats.packets) {
            s->stats.first_ns = *time_ns;
        }
        return begin(s);
    }
    return 0;
}

/* As the switch has it for an action without zone=: the outer VLAN id. */
static uint16_t
vlan_of(const struct probe_packet *packet)
{
    const uint8_t *eth = packet->bytes;

    if (packet->size >= 16 && insp_eth_is_tag(insp_be16(eth + 12))) {
        return insp_be16(eth + 14) & 0x0fff;
    }
    return 0;
}

int
probe_session_add(struct probe_session *s, const struct probe_packet *packet)
{
    uint64_t time_ns = packet->time_ns;
    uint16_t vlan = vlan_of(packet);
    int error = take_time(s, &time_ns);

    if (INSP_UNLIKELY(error)) {
        return error;
    }
    if (time_ns / TURN_NS != s->turn_ns / TURN_NS ||
        s->n_since == TURN_PACKETS) {
        turns_until(s, time_ns);
    }
    if (INSP_UNLIKELY(vlan != s->context.zone.vlan)) {
        probe_session_flush(s);
        s->context.zone.vlan = vlan;
    }
    s->frames[s->n] = (struct insp_frame){ .data = packet->bytes,
                                           .size = packet->size,
                                           .wire_size = packet->wire_size };
    s->times_ns[s->n++] = time_ns + SHIFT_NS;
    s->now_ns = time_ns;
    s->n_since++;
    s->stats.packets++;
    s->stats.bytes += packet->wire_size;
    s->stats.last_ns = time_ns;
    if (s->n == s->config.batch) {
        probe_session_flush(s);
    }
    return 0;
}

void
probe_session_pass(struct probe_session *s, uint64_t now_ns)
{
    probe_session_flush(s);
    if (s->has_begun && now_ns / TURN_NS > s->turn_ns / TURN_NS &&
        now_ns >= s->now_ns) {
        turns_until(s, now_ns);
    }
}

const struct probe_session_stats *
probe_session_stats(const struct probe_session *s)
{
    return &s->stats;
}

void
probe_session_destroy(struct probe_session *s)
{
    if (s) {
        insp_engine_destroy(s->engine, 0);
        free(s);
    }
}
