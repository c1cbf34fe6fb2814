/* The control thread.
 *
 *     staged configuration -> apply
 *     every table: maintain, reports into the ring
 *     ports that died, tables that are leaving, requests, sensor records
 *     what was retired -> freed after its grace period
 *
 * A *round* is a grace period followed by a complete drain of every table.
 * Counting rounds is how this thread knows that something which it ended
 * has been reported, whatever stage it was in. */

#include "engine/internal.h"
#include "flow/flight.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
#define BUSY_WAIT_MS 2
#define CALM_WAIT_MS 20

static bool
turn_tables(struct insp_engine *engine, uint64_t now_ns)
{
    struct insp_leaving_table **at = &engine->leaving;
    bool drained = true;

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->table) {
            insp_table_maintain(inspector->table, now_ns);
            drained &= insp_report_table(engine, inspector,
                                         inspector->table);
        }
    }
    while (*at) {
        struct insp_leaving_table *leaving = *at;

        if (!leaving->ticket
            || !insp_epoch_passed(&engine->epoch, leaving->ticket)) {
            at = &leaving->next;
            continue;
        }
        if (!leaving->flushed) {
            insp_table_flush(leaving->table);
            leaving->flushed = true;
        }
        insp_table_maintain(leaving->table, now_ns);
        drained &= insp_report_table(engine, leaving->inspector,
                                     leaving->table);
        if (insp_table_is_empty(leaving->table)) {
            *at = leaving->next;
            insp_table_destroy(leaving->table);
            free(leaving);
        } else {
            at = &leaving->next;
        }
    }
    return drained;
}

static bool
has_inspectors(const struct insp_engine *engine)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        if (INSP_READ(engine->inspectors[i].id)) {
            return true;
        }
    }
    return false;
}

/* Gives back the places of inspectors whose rows are gone. */
static void
turn_departed(struct insp_engine *engine, uint64_t now_ns)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];
        const struct insp_leaving_table *leaving = engine->leaving;

        if (!INSP_READ(inspector->id) || !inspector->left_round
            || engine->round < inspector->left_round) {
            continue;
        }
        while (leaving && leaving->inspector != inspector) {
            leaving = leaving->next;
        }
        if (!leaving && insp_report_catch_all(engine, inspector, now_ns)
            && insp_report_sensor(engine, inspector)) {
            pthread_mutex_lock(&engine->inspectors_mutex);
            insp_binding_unref(inspector->binding);
            inspector->binding = NULL;
            insp_flights_destroy(inspector->flights);
            inspector->flights = NULL;
            atomic_store_explicit(&inspector->id, 0, memory_order_release);
            pthread_mutex_unlock(&engine->inspectors_mutex);
        }
    }
}

static void
turn_sensor_records(struct insp_engine *engine, uint64_t now_ns)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (!INSP_READ(inspector->id) || inspector->mark != engine->mark
            || now_ns < inspector->next_sensor_ns) {
            continue;
        }
        if (insp_report_catch_all(engine, inspector, now_ns)
            && (!inspector->next_sensor_ns
                || insp_report_sensor(engine, inspector))) {
            uint64_t every = inspector->config.statistics_interval_ms;

            inspector->next_sensor_ns = now_ns + (every ? every : 60000) * MS;
        }
    }
}

static void
turn_round(struct insp_engine *engine, bool drained)
{
    if (drained && engine->round_ticket
        && insp_epoch_passed(&engine->epoch, engine->round_ticket)) {
        engine->round++;
        engine->round_ticket = 0;
    }
    if (!engine->round_ticket) {
        engine->round_ticket = insp_epoch_ticket(&engine->epoch);
    }
}

static void
turn_configuration(struct insp_engine *engine, bool *stopping)
{
    struct insp_staged *staged;
    bool stop;

    pthread_mutex_lock(&engine->mutex);
    staged = engine->staged;
    engine->staged = NULL;
    stop = engine->stop_control;
    pthread_mutex_unlock(&engine->mutex);

    if (stop && !*stopping) {
        insp_apply_nothing(engine);
        *stopping = true;
    } else if (staged && !stop) {
        insp_apply(engine, staged);
    }
    insp_staged_destroy(staged);
}

static void
wait_for_work(struct insp_engine *engine, bool urgent)
{
    struct timespec until = insp_deadline(urgent ? BUSY_WAIT_MS
                                                 : CALM_WAIT_MS);

    pthread_mutex_lock(&engine->mutex);
    if (!engine->staged && !engine->requests) {
        pthread_cond_timedwait(&engine->wake, &engine->mutex, &until);
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* One turn; returns false when there is nothing left to do before the end. */
static bool
turn(struct insp_engine *engine, bool *stopping)
{
    uint64_t now_ns = engine->host.monotonic_ns(engine->host.aux);
    uint64_t pushed = insp_ring_head(engine->ring);
    bool drained;

    engine->wall_offset_ns = engine->host.wall_ns(engine->host.aux) - now_ns;
    turn_configuration(engine, stopping);
    insp_requests_take(engine);
    drained = turn_tables(engine, now_ns);
    turn_round(engine, drained);
    insp_ports_turn(engine);
    insp_functions_turn(engine, now_ns);
    turn_departed(engine, now_ns);
    turn_sensor_records(engine, now_ns);
    insp_requests_turn(engine);
    insp_reclaim(engine);
    pushed = insp_ring_head(engine->ring) - pushed;
    if (pushed) {
        insp_drain_wake(engine->drain);
    }
    if (*stopping
        && (!has_inspectors(engine) || now_ns >= engine->stop_by_ns)) {
        return false;
    }
    wait_for_work(engine, engine->n_dead || engine->leaving || *stopping
                          || engine->working || !drained || pushed > 256);
    return true;
}

void *
insp_control_main(void *engine_)
{
    struct insp_engine *engine = engine_;
    bool stopping = false;

    insp_thread_begin();
    while (turn(engine, &stopping)) {
        continue;
    }
    return NULL;
}
