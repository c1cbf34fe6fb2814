/* SPDX-License-Identifier: Apache-2.0 */
/* Service functions, as the control thread has them.
 *
 * An object is made when a configuration first names a function, and freed a
 * grace period after the last one that did.  Workers have a copy of its
 * configuration in the snapshot; what changes from packet to packet (whether
 * it is up, its counters) they read and write in the object itself. */

#include "engine/path.h"
#include "engine/probe.h"
#include "flow/flight.h"

#include <stdlib.h>
#include <string.h>

struct insp_function *
insp_functions_find(const struct insp_engine *engine, uint32_t id)
{
    struct insp_function *f = engine->functions;

    while (f && f->id != id) {
        f = f->next;
    }
    return f;
}

static struct insp_function *
begin(struct insp_engine *engine, uint32_t inspector, uint32_t id)
{
    struct insp_function *f = aligned_alloc(INSP_CACHE_LINE, sizeof *f);

    if (!f) {
        insp_log(&engine->host, INSP_LOG_ERROR, "no memory for a function");
        return NULL;
    }
    memset(f, 0, sizeof *f);
    f->id = id;
    f->inspector = inspector;
    f->state = INSP_N_FUNCTION_STATES;
    atomic_store(&f->port_state, INSP_FUNCTION_STARTING);
    if (engine->host.random(engine->host.aux, &f->probe_secret,
                            sizeof f->probe_secret)) {
        f->probe_secret = engine->flow_id_secret;
    }
    f->next = engine->functions;
    engine->functions = f;
    return f;
}

static bool
begin_flights(struct insp_engine *engine, struct insp_inspector *inspector,
              const struct insp_inspector_config *config)
{
    if (!inspector->flights &&
        insp_flights_create(config->flight_limit, &engine->epoch,
                            &inspector->table_config.secret,
                            &inspector->flights)) {
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "inspector %u: no memory for %u flights; its functions are "
                 "down",
                 config->id, config->flight_limit);
        inspector->flights = NULL;
    }
    return inspector->flights != NULL;
}

void
insp_functions_apply(struct insp_engine *engine,
                     struct insp_inspector *inspector,
                     const struct insp_inspector_config *config,
                     struct insp_snapshot_inspector *out)
{
    if (!config->n_functions || !begin_flights(engine, inspector, config)) {
        return;
    }
    for (size_t i = 0;
         i < config->n_functions && out->n_functions < INSP_MAX_FUNCTIONS;
         i++) {
        const struct insp_function_config *c = &config->functions[i];
        struct insp_snapshot_function *to;
        struct insp_function *f = insp_functions_find(engine, c->id);

        f = f ? f : begin(engine, config->id, c->id);
        if (!f) {
            continue;
        }
        f->config = *c;
        f->mark = engine->mark;
        f->left_ticket = 0;
        to = &out->functions[out->n_functions++];
        to->function = f;
        to->config = *c;
        if (c->slot >= INSP_FIRST_SERVICE_SLOT && c->slot < INSP_N_SLOTS) {
            out->by_slot[c->slot - INSP_FIRST_SERVICE_SLOT] = to;
        }
    }
}

void
insp_functions_leave(struct insp_engine *engine)
{
    for (struct insp_function *f = engine->functions; f; f = f->next) {
        if (f->mark != engine->mark && !f->left_ticket) {
            f->left_ticket = insp_epoch_ticket(&engine->epoch);
        }
    }
}

/* Any thread. */
static void
sum_up(const struct insp_function *f, struct insp_function_row *row)
{
    for (size_t i = 0; i < INSP_MAX_WORKERS; i++) {
        const struct insp_function_tally *t = &f->tallies[i];

        row->in_packets += INSP_READ(t->in_packets);
        row->in_bytes += INSP_READ(t->in_bytes);
        row->out_packets += INSP_READ(t->out_packets);
        row->out_bytes += INSP_READ(t->out_bytes);
        row->injected += INSP_READ(t->injected);
        row->changed += INSP_READ(t->changed);
        row->probes_returned += INSP_READ(t->probes_returned);
        for (size_t j = 0; j < INSP_N_FLIGHT_LOSSES; j++) {
            row->lost[j] += INSP_READ(t->lost[j]);
        }
        for (size_t j = 0; j < INSP_N_MISSES; j++) {
            row->bypassed[j] += INSP_READ(t->bypassed[j]);
            row->refused[j] += INSP_READ(t->refused[j]);
        }
    }
}

static const struct insp_inspector *
inspector_of(const struct insp_engine *engine, uint32_t id)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        if (INSP_READ(engine->inspectors[i].id) == id) {
            return &engine->inspectors[i];
        }
    }
    return NULL;
}

void
insp_function_fill(const struct insp_engine *engine,
                   const struct insp_function *f,
                   struct insp_function_row *row)
{
    const struct insp_inspector *inspector =
        inspector_of(engine, f->inspector);

    memset(row, 0, sizeof *row);
    row->inspector = f->inspector;
    row->config = f->config;
    row->state = f->state;
    row->since_ns = f->since_ns;
    row->probes_sent = f->probes_sent;
    sum_up(f, row);
    row->lost[INSP_FLIGHT_LOSS_TIMEOUT] += f->timed_out;
    if (inspector && inspector->flights) {
        row->in_flight = insp_flights_out(inspector->flights, f->id);
    }
}

static void
turn_flights(struct insp_engine *engine, struct insp_flights *flights,
             uint64_t now_ns)
{
    uint64_t packets;
    uint32_t id;

    insp_flights_maintain(flights, now_ns);
    while (insp_flights_next_lost(flights, &id, &packets)) {
        struct insp_function *f = insp_functions_find(engine, id);

        if (f) {
            f->timed_out += packets;
        }
    }
}

static void
note_state(struct insp_engine *engine, struct insp_function *f,
           uint64_t now_ns)
{
    enum insp_function_state state =
        f->config.slot == INSP_SLOT_LEAVING
            ? INSP_FUNCTION_LEAVING
            : insp_function_state(f, &f->config, now_ns);

    if (state == f->state) {
        return;
    }
    f->state = state;
    f->since_ns = engine->host.wall_ns(engine->host.aux);
    insp_log(&engine->host,
             state == INSP_FUNCTION_UP || state == INSP_FUNCTION_STARTING ||
                     state == INSP_FUNCTION_LEAVING
                 ? INSP_LOG_INFO
                 : INSP_LOG_WARN,
             "function %s: %s: %s", f->config.name,
             insp_function_state_word(state), insp_function_state_text(state));
}

void
insp_functions_turn(struct insp_engine *engine, uint64_t now_ns)
{
    struct insp_function **at = &engine->functions;

    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->flights) {
            turn_flights(engine, inspector->flights, now_ns);
        }
    }
    while (*at) {
        struct insp_function *f = *at;

        if (f->left_ticket &&
            insp_epoch_passed(&engine->epoch, f->left_ticket)) {
            pthread_mutex_lock(&engine->inspectors_mutex);
            *at = f->next;
            pthread_mutex_unlock(&engine->inspectors_mutex);
            free(f);
            continue;
        }
        if (!f->left_ticket) {
            note_state(engine, f, now_ns);
        }
        at = &f->next;
    }
}

void
insp_engine_set_function_port(struct insp_engine *engine, uint32_t id,
                              enum insp_function_state state)
{
    struct insp_function *f;

    pthread_mutex_lock(&engine->inspectors_mutex);
    f = insp_functions_find(engine, id);
    if (f && INSP_READ(f->port_state) != state) {
        /* What a port answered before it went down says nothing. */
        atomic_store(&f->probe_seen, false);
        atomic_store(&f->unanswered_ns, 0);
        f->next_probe_ns = 0;
        atomic_store(&f->port_state, (uint8_t) state);
    }
    pthread_mutex_unlock(&engine->inspectors_mutex);
}

void
insp_functions_destroy(struct insp_engine *engine)
{
    while (engine->functions) {
        struct insp_function *f = engine->functions;

        engine->functions = f->next;
        free(f);
    }
}

static const struct {
    const char *word;
    const char *text;
} states[] = {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT) { WORD, TEXT },
#define INSP_MISS(NAME, WORD, TEXT)
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT)
#include "engine/function.def"
};

static const char *const miss_words[] = {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT)
#define INSP_MISS(NAME, WORD, TEXT) WORD,
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT)
#include "engine/function.def"
};

static const char *const loss_words[] = {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT)
#define INSP_MISS(NAME, WORD, TEXT)
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT) WORD,
#include "engine/function.def"
};

const char *
insp_function_state_word(enum insp_function_state state)
{
    return state < INSP_N_FUNCTION_STATES ? states[state].word : "unknown";
}

const char *
insp_function_state_text(enum insp_function_state state)
{
    return state < INSP_N_FUNCTION_STATES ? states[state].text
                                          : "not looked at yet";
}

const char *
insp_miss_word(enum insp_miss miss)
{
    return miss < INSP_N_MISSES ? miss_words[miss] : "?";
}

const char *
insp_flight_loss_word(enum insp_flight_loss loss)
{
    return loss < INSP_N_FLIGHT_LOSSES ? loss_words[loss] : "?";
}
