/* SPDX-License-Identifier: Apache-2.0 */
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

#define MS           UINT64_C(1000000)
#define BUSY_WAIT_MS 2
#define CALM_WAIT_MS 20

static bool
turn_tables(struct insp_engine *engine, uint64_t now_ns)
{
    struct insp_leaving_table **at = &engine->leaving;
    bool drained = true;

    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->table) {
            insp_table_maintain(inspector->table, now_ns);
            drained &= insp_report_table(engine, inspector, inspector->table,
                                         inspector->dialogs);
        }
    }
    while (*at) {
        struct insp_leaving_table *leaving = *at;
        bool reported;

        if (!leaving->ticket ||
            !insp_epoch_passed(&engine->epoch, leaving->ticket)) {
            at = &leaving->next;
            continue;
        }
        if (!leaving->flushed) {
            insp_table_flush(leaving->table);
            leaving->flushed = true;
        }
        insp_table_maintain(leaving->table, now_ns);
        reported = insp_report_table(engine, leaving->inspector,
                                     leaving->table, leaving->dialogs);
        drained &= reported;
        if (reported && insp_table_is_empty(leaving->table)) {
            /* At once for whoever asks: it is counted in one of the two. */
            pthread_mutex_lock(&engine->inspectors_mutex);
            *at = leaving->next;
            insp_inspector_fold_table(leaving);
            pthread_mutex_unlock(&engine->inspectors_mutex);
            insp_table_destroy(leaving->table);
            insp_dialogs_destroy(leaving->dialogs);
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
    for (size_t i = 0; i < engine->n_places; i++) {
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
    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];
        const struct insp_leaving_table *leaving = engine->leaving;

        if (!INSP_READ(inspector->id) || !inspector->left_round ||
            engine->round < inspector->left_round) {
            continue;
        }
        while (leaving && leaving->inspector != inspector) {
            leaving = leaving->next;
        }
        if (!leaving &&
            insp_report_aggregates(engine, inspector, now_ns, true) &&
            insp_report_catch_all(engine, inspector, now_ns) &&
            insp_report_sensor(engine, inspector)) {
            pthread_mutex_lock(&engine->inspectors_mutex);
            insp_aggregates_uninit(&inspector->aggregates);
            insp_inventory_destroy(inspector->inventory);
            inspector->inventory = NULL;
            insp_leases_destroy(inspector->leases);
            inspector->leases = NULL;
            insp_binding_unref(inspector->binding);
            inspector->binding = NULL;
            insp_flights_destroy(inspector->flights);
            inspector->flights = NULL;
            atomic_store_explicit(&inspector->id, 0, memory_order_release);
            pthread_mutex_unlock(&engine->inspectors_mutex);
        }
    }
}

/* wire / inspected of a against b; all counters are below 2^63. */
static bool
is_more(uint64_t wire_a, uint64_t inspected_a, uint64_t wire_b,
        uint64_t inspected_b)
{
    return (unsigned __int128) wire_a * (inspected_b + 1) >=
           (unsigned __int128) wire_b * (inspected_a + 1);
}

/* Of the uplink that sends most for what it is sent of: its bytes, and what
 * the inspectors that feed it have inspected. */
static void
find_worst_uplink(const struct insp_engine *engine, uint32_t id,
                  const struct insp_uplink_status *uplinks, size_t n,
                  uint64_t *wire, uint64_t *inspected)
{
    *wire = 0;
    *inspected = 0;
    for (size_t i = 0; i < n; i++) {
        bool feeds = false;
        uint64_t sum = 0;

        for (unsigned int j = 0; j < uplinks[i].n_inspectors; j++) {
            feeds |= uplinks[i].inspectors[j] == id;
        }
        for (size_t j = 0; feeds && j < engine->n_places; j++) {
            const struct insp_inspector *inspector = &engine->inspectors[j];
            uint32_t its_id = INSP_READ(inspector->id);

            for (unsigned int k = 0; its_id && k < uplinks[i].n_inspectors;
                 k++) {
                if (uplinks[i].inspectors[k] == its_id) {
                    struct insp_tally tally;

                    insp_inspector_sum(inspector, &tally);
                    sum += tally.inspected_bytes;
                }
            }
        }
        if (feeds && is_more(uplinks[i].wire_bytes, sum, *wire, *inspected)) {
            *wire = uplinks[i].wire_bytes;
            *inspected = sum;
        }
    }
}

/* How much metadata each inspector is to send. */
static void
turn_steps(struct insp_engine *engine, uint64_t now_ns)
{
    struct insp_uplink_status uplinks[INSP_MAX_UPLINKS];
    size_t n;

    if (now_ns < engine->steps_due_ns) {
        return;
    }
    engine->steps_due_ns = now_ns + 1000 * MS;
    n = insp_drain_get_status(engine->drain, uplinks, INSP_MAX_UPLINKS);
    n = INSP_MIN(n, INSP_MAX_UPLINKS);
    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];
        enum insp_step before = inspector->stepper.step;
        uint64_t wire, inspected;

        if (!INSP_READ(inspector->id) || inspector->left_round) {
            continue;
        }
        find_worst_uplink(engine, inspector->config.id, uplinks, n, &wire,
                          &inspected);
        pthread_mutex_lock(&engine->inspectors_mutex);
        insp_stepper_turn(&inspector->stepper, &inspector->config.metadata,
                          now_ns, wire, inspected);
        pthread_mutex_unlock(&engine->inspectors_mutex);
        if (inspector->stepper.step != before) {
            insp_log(&engine->host, INSP_LOG_INFO,
                     "inspector %s: metadata step %s, was %s",
                     inspector->config.name,
                     insp_step_word(inspector->stepper.step),
                     insp_step_word(before));
        }
    }
}

static void
turn_sums(struct insp_engine *engine, uint64_t now_ns)
{
    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id)) {
            (void) insp_report_aggregates(engine, inspector, now_ns, false);
            (void) insp_report_stale(engine, inspector, now_ns);
        }
    }
}

static void
turn_sensor_records(struct insp_engine *engine, uint64_t now_ns)
{
    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (!INSP_READ(inspector->id) || inspector->mark != engine->mark ||
            now_ns < inspector->next_sensor_ns) {
            continue;
        }
        if (insp_report_catch_all(engine, inspector, now_ns) &&
            (!inspector->next_sensor_ns ||
             insp_report_sensor(engine, inspector))) {
            uint64_t every = inspector->config.statistics_interval_ms;

            inspector->next_sensor_ns = now_ns + (every ? every : 60000) * MS;
        }
    }
}

static void
turn_round(struct insp_engine *engine, bool drained)
{
    if (drained && engine->round_ticket &&
        insp_epoch_passed(&engine->epoch, engine->round_ticket)) {
        engine->round++;
        engine->round_ticket = 0;
    }
    if (!engine->round_ticket) {
        engine->round_ticket = insp_epoch_ticket(&engine->epoch);
    }
}

static void
turn_configuration(struct insp_engine *engine)
{
    struct insp_staged *staged;
    bool stop;

    pthread_mutex_lock(&engine->mutex);
    staged = engine->staged;
    engine->staged = NULL;
    stop = engine->stop_control;
    pthread_mutex_unlock(&engine->mutex);

    if (stop && !engine->stopping) {
        insp_apply_nothing(engine);
        engine->stopping = true;
    } else if (staged && !stop) {
        insp_apply(engine, staged);
    }
    insp_staged_destroy(staged);
}

static void
wait_for_work(struct insp_engine *engine, bool urgent)
{
    struct timespec until =
        insp_deadline(urgent ? BUSY_WAIT_MS : CALM_WAIT_MS);

    pthread_mutex_lock(&engine->mutex);
    if (!engine->staged && !engine->requests) {
        pthread_cond_timedwait(&engine->wake, &engine->mutex, &until);
    }
    pthread_mutex_unlock(&engine->mutex);
}

enum insp_turn
insp_control_turn(struct insp_engine *engine)
{
    uint64_t now_ns = engine->host.monotonic_ns(engine->host.aux);
    uint64_t pushed = insp_ring_head(engine->ring);
    bool drained;

    atomic_store_explicit(&engine->wall_offset_ns,
                          engine->host.wall_ns(engine->host.aux) - now_ns,
                          memory_order_relaxed);
    turn_configuration(engine);
    insp_requests_take(engine);
    drained = turn_tables(engine, now_ns);
    turn_round(engine, drained);
    insp_ports_turn(engine);
    insp_functions_turn(engine, now_ns);
    turn_steps(engine, now_ns);
    insp_overload_turn(engine, now_ns);
    turn_sums(engine, now_ns);
    turn_departed(engine, now_ns);
    turn_sensor_records(engine, now_ns);
    insp_requests_turn(engine);
    insp_reclaim(engine);
    pushed = insp_ring_head(engine->ring) - pushed;
    if (pushed && engine->exporter_started) {
        insp_drain_wake(engine->drain);
    }
    if (engine->stopping &&
        (!has_inspectors(engine) || now_ns >= engine->stop_by_ns)) {
        return INSP_TURN_ENDED;
    }
    return engine->n_dead || engine->leaving || engine->stopping ||
                   engine->working || !drained || pushed > 256
               ? INSP_TURN_BUSY
               : INSP_TURN_CALM;
}

/* Metadata steps follow uplinks, which a passive engine has none of; functions
 * and ports have no part in it, either. */
uint64_t
insp_engine_due_ns(const struct insp_engine *engine)
{
    uint64_t due_ns = UINT64_MAX;

    if (engine->leaving || engine->stopping || engine->functions ||
        engine->n_ports) {
        return 0;
    }
    for (size_t i = 0; i < engine->n_places; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (!INSP_READ(inspector->id)) {
            continue;
        } else if (!inspector->table || inspector->left_round ||
                   inspector->stepper.step >= INSP_STEP_AGGREGATES) {
            return 0;
        }
        due_ns = INSP_MIN(due_ns, insp_table_due_ns(inspector->table));
        due_ns = INSP_MIN(due_ns, inspector->next_sensor_ns);
        if (inspector->inventory) {
            due_ns = INSP_MIN(due_ns, inspector->inventory_due_ns);
        }
    }
    return due_ns;
}

void *
insp_control_main(void *engine_)
{
    struct insp_engine *engine = engine_;
    enum insp_turn turn;

    insp_thread_begin();
    while ((turn = insp_control_turn(engine)) != INSP_TURN_ENDED) {
        wait_for_work(engine, turn == INSP_TURN_BUSY);
    }
    return NULL;
}
