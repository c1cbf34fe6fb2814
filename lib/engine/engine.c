/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: its life, and what other threads ask of it. */

#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "flow/flight.h"

#define RING_CAPACITY 16384

static int
init_random(struct insp_engine *engine)
{
    struct {
        uint64_t secret;
        uint32_t incarnation;
        uint32_t unused;
    } bytes;
    int error = engine->host.random(engine->host.aux, &bytes, sizeof bytes);

    if (!error) {
        engine->flow_id_secret = bytes.secret;
        engine->incarnation = bytes.incarnation;
    }
    return error;
}

static void
init_sync(struct insp_engine *engine)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&engine->mutex, NULL);
    pthread_mutex_init(&engine->inspectors_mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->wake, &attr);
    pthread_cond_init(&engine->answered, &attr);
    pthread_condattr_destroy(&attr);
    insp_epoch_init(&engine->epoch);
}

static int
start(struct insp_engine *engine)
{
    int error;

    error =
        pthread_create(&engine->exporter, NULL, insp_exporter_main, engine);
    if (error) {
        return error;
    }
    engine->exporter_started = true;
    error = pthread_create(&engine->control, NULL, insp_control_main, engine);
    engine->control_started = !error;
    return error;
}

static int
create(const struct insp_host *host, bool is_passive,
       struct insp_engine **enginep)
{
    struct insp_engine *engine;
    struct insp_snapshot *snapshot;
    int error = ENOMEM;

    *enginep = NULL;
    engine = aligned_alloc(INSP_CACHE_LINE, sizeof *engine);
    if (!engine) {
        return ENOMEM;
    }
    memset(engine, 0, sizeof *engine);
    engine->host = *host;
    init_sync(engine);
    engine->inspectors =
        aligned_alloc(INSP_CACHE_LINE,
                      INSP_MAX_INSPECTORS * sizeof *engine->inspectors);
    snapshot = insp_snapshot_create(0);
    atomic_init(&engine->snapshot, snapshot);
    if (engine->inspectors) {
        memset(engine->inspectors, 0,
               INSP_MAX_INSPECTORS * sizeof *engine->inspectors);
    }
    if (engine->inspectors && snapshot) {
        error = init_random(engine);
    }
    if (!error) {
        error = insp_ring_create(sizeof(struct insp_record), RING_CAPACITY,
                                 &engine->ring);
    }
    if (!error) {
        error =
            insp_drain_create(&engine->host, engine->ring, "", &engine->drain);
    }
    if (!error && !is_passive) {
        error = start(engine);
    }
    if (error) {
        insp_engine_destroy(engine, 0);
        return error;
    }
    *enginep = engine;
    return 0;
}

int
insp_engine_create(const struct insp_host *host, struct insp_engine **enginep)
{
    return create(host, false, enginep);
}

int
insp_engine_create_passive(const struct insp_host *host,
                           struct insp_engine **enginep)
{
    return create(host, true, enginep);
}

enum insp_turn
insp_engine_turn(struct insp_engine *engine)
{
    return insp_control_turn(engine);
}

void
insp_engine_end(struct insp_engine *engine)
{
    engine->stop_control = true;
    engine->stop_by_ns = UINT64_MAX;
}

bool
insp_engine_next_record(struct insp_engine *engine, struct insp_record *record)
{
    const struct insp_record *first = insp_ring_peek(engine->ring);

    if (first) {
        *record = *first;
        insp_ring_release(engine->ring);
    }
    return first != NULL;
}

uint64_t
insp_engine_apply(struct insp_engine *engine,
                  const struct insp_engine_config *config)
{
    struct insp_staged *staged = insp_stage(config);
    struct insp_staged *overtaken;
    uint64_t serial;

    if (!staged) {
        return 0;
    }
    pthread_mutex_lock(&engine->mutex);
    serial = staged->serial = ++engine->last_serial;
    overtaken = engine->staged;
    engine->staged = staged;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
    insp_staged_destroy(overtaken);
    return serial;
}

uint64_t
insp_engine_applied(const struct insp_engine *engine)
{
    return atomic_load(&engine->applied);
}

bool
insp_engine_lacks_memory(const struct insp_engine *engine)
{
    return atomic_load(&engine->lacks_memory);
}

struct insp_drain *
insp_engine_drain(struct insp_engine *engine)
{
    return engine->drain;
}

static void
fill_depth(const struct insp_inspector *inspector, uint64_t wall_offset_ns,
           struct insp_inspector_stats *out)
{
    out->depth = inspector->depth;
    out->depth_since_ns = inspector->depth_since_ns
                              ? inspector->depth_since_ns + wall_offset_ns
                              : 0;
    out->depth_last = (enum insp_depth) inspector->depth_config.last;
    out->shallow_workers = inspector->shallow_workers;
    out->share_ppm = inspector->share_ppm;
    out->cycle_budget_ppm = inspector->depth_config.budget_ppm;
    memcpy(out->depth_ns, inspector->depth_ns, sizeof out->depth_ns);
    for (int i = INSP_DEPTH_FULL + 1; i < INSP_N_DEPTHS; i++) {
        out->packets_at[i] = insp_packets_at(inspector, (enum insp_depth) i);
    }
}

static void
get_stats(const struct insp_engine *engine,
          const struct insp_inspector *inspector, uint64_t wall_offset_ns,
          struct insp_inspector_stats *out)
{
    struct insp_tally sum;

    memset(out, 0, sizeof *out);
    insp_inspector_sum(inspector, &sum);
    memcpy(out->name, inspector->config.name, sizeof out->name);
    memcpy(out->error, inspector->error, sizeof out->error);
    out->id = inspector->config.id;
    out->seen_packets = sum.seen_packets;
    out->seen_bytes = sum.seen_bytes;
    out->inspected_packets = sum.inspected_packets;
    out->inspected_bytes = sum.inspected_bytes;
    out->catch_all_packets = sum.catch_all_packets;
    memcpy(out->skipped, sum.skipped, sizeof out->skipped);
    memcpy(out->lost, sum.lost, sizeof out->lost);
    memcpy(out->verdicts, sum.verdicts, sizeof out->verdicts);
    memcpy(out->facts, sum.facts, sizeof out->facts);
    out->evicted_now =
        insp_inspector_sum_tables(engine, inspector, &out->table);
    insp_inspector_sum_readers(engine, inspector, &out->readers);
    if (inspector->binding) {
        const struct insp_policy *policy =
            insp_binding_policy(inspector->binding);

        out->policy_version = insp_policy_version(policy);
        out->policy_rules = (uint32_t) insp_policy_n_rules(policy);
    }
    out->step = inspector->stepper.step;
    out->step_since_ns = inspector->stepper.since_ns
                             ? inspector->stepper.since_ns + wall_offset_ns
                             : 0;
    insp_stepper_window(&inspector->stepper, &inspector->config.metadata,
                        &out->step_sent, &out->step_allowed);
    fill_depth(inspector, wall_offset_ns, out);
    out->missed_open = sum.missed_open;
    out->missed_closed = sum.missed_closed;
    out->undeliverable = INSP_READ(inspector->undeliverable);
    if (inspector->flights) {
        out->flights = insp_flights_n_used(inspector->flights);
    }
}

size_t
insp_engine_get_stats(struct insp_engine *engine,
                      struct insp_inspector_stats *rows, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&engine->inspectors_mutex);
    for (size_t i = 0; i < INSP_MAX_INSPECTORS && n < max; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && !inspector->left_round) {
            get_stats(engine, inspector, INSP_READ(engine->wall_offset_ns),
                      &rows[n++]);
        }
    }
    pthread_mutex_unlock(&engine->inspectors_mutex);
    return n;
}

static void
drain_ring(struct insp_ring *ring)
{
    struct insp_record *record;

    while (ring && (record = insp_ring_peek(ring))) {
        insp_record_uninit(record);
        insp_ring_release(ring);
    }
}

/* Of inspectors that did not get to their end in time. */
static void
let_policies_go(struct insp_engine *engine)
{
    uint64_t ticket = insp_epoch_ticket(&engine->epoch);

    for (size_t i = 0; engine->inspectors && i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (insp_epoch_passed(&engine->epoch, ticket)) {
            insp_binding_unref(inspector->binding);
            insp_flights_destroy(inspector->flights);
        }
    }
}

/* Threads first, then what they shared.  A table that a worker would not
 * let go of in time is left where it is. */
void
insp_engine_destroy(struct insp_engine *engine, int timeout_ms)
{
    if (!engine) {
        return;
    }
    if (engine->control_started) {
        pthread_mutex_lock(&engine->mutex);
        engine->stop_control = true;
        engine->stop_by_ns = engine->host.monotonic_ns(engine->host.aux) +
                             (uint64_t) timeout_ms * 1000000;
        pthread_cond_signal(&engine->wake);
        pthread_mutex_unlock(&engine->mutex);
        pthread_join(engine->control, NULL);
    }
    if (engine->exporter_started) {
        atomic_store(&engine->stop_exporter, true);
        insp_drain_wake(engine->drain);
        pthread_join(engine->exporter, NULL);
    }
    if (engine->drain) {
        insp_drain_destroy(engine->drain, timeout_ms);
    }
    insp_requests_abandon(engine);
    drain_ring(engine->ring);
    insp_ring_destroy(engine->ring);
    insp_staged_destroy(engine->staged);
    insp_reclaim(engine);
    let_policies_go(engine);
    insp_snapshot_destroy(atomic_load(&engine->snapshot));
    insp_functions_destroy(engine);
    for (size_t i = 0; engine->inspectors && i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        insp_aggregates_uninit(&inspector->aggregates);
        insp_inventory_destroy(inspector->inventory);
        insp_leases_destroy(inspector->leases);
    }
    free(engine->rules);
    free(engine->ports);
    free(engine->inspectors);
    pthread_cond_destroy(&engine->wake);
    pthread_cond_destroy(&engine->answered);
    pthread_mutex_destroy(&engine->mutex);
    pthread_mutex_destroy(&engine->inspectors_mutex);
    free(engine);
}
