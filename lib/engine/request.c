/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: what other threads ask of the control thread, which alone may
 * walk a table. */

#include "engine/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_UNTIL_FLUSHED 5
#define LIST_CHUNK           64

static bool
concerns(const struct insp_request *request,
         const struct insp_inspector *inspector)
{
    uint32_t id = INSP_READ(inspector->id);

    return id && (!request->inspector || request->inspector == id);
}

/* Answered when enough rounds have passed that everything which was alive
 * when it began has been reported; the sensor's own sums come last. */
static bool
flush(struct insp_engine *engine, struct insp_request *request)
{
    uint64_t now_ns;

    if (!request->begun) {
        for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
            struct insp_inspector *inspector = &engine->inspectors[i];

            if (concerns(request, inspector) && inspector->table) {
                insp_table_flush(inspector->table);
            }
        }
        request->begun = true;
        request->round = engine->round + ROUNDS_UNTIL_FLUSHED;
        return false;
    }
    if (engine->round < request->round) {
        return false;
    }
    now_ns = engine->host.monotonic_ns(engine->host.aux);
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (concerns(request, inspector) &&
            (!insp_report_aggregates(engine, inspector, now_ns, true) ||
             !insp_report_catch_all(engine, inspector, now_ns) ||
             !insp_report_sensor(engine, inspector))) {
            return false;
        }
    }
    return true;
}

static void
list_table(struct insp_engine *engine, const struct insp_inspector *inspector,
           struct insp_request *request)
{
    uint64_t now_ns = engine->host.monotonic_ns(engine->host.aux);
    struct insp_conn_copy copies[LIST_CHUNK];
    uint32_t at = 0;
    size_t n;

    while (request->n < request->max &&
           (n = insp_table_list(inspector->table, &at, copies, LIST_CHUNK))) {
        for (size_t i = 0; i < n && request->n < request->max; i++) {
            const struct insp_conn *conn = &copies[i].conn;
            struct insp_flow_row *row = &request->flows[request->n];
            uint64_t last_ns = insp_conn_last_ns(conn);

            if (insp_key_is_remainder(&conn->key)) {
                continue;
            }
            /* An id needs the entry's place, which a copy has not kept. */
            insp_report_fill(engine, inspector, conn, 0, &row->conn);
            row->conn.flow_id = 0;
            for (unsigned int d = 0; d < 2; d++) {
                unsigned int side = d ^ conn->initiator;

                row->conn.packets[d] = INSP_READ(conn->flow[side].packets);
                row->conn.bytes[d] = INSP_READ(conn->flow[side].bytes);
            }
            row->idle_ns = now_ns > last_ns ? now_ns - last_ns : 0;
            request->n++;
        }
    }
}

static bool
list(struct insp_engine *engine, struct insp_request *request)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (concerns(request, inspector) && inspector->table) {
            list_table(engine, inspector, request);
        }
    }
    return true;
}

static struct insp_port_stats *
row_of_port(struct insp_request *request, uint32_t id)
{
    /* Rows are in the order of ids. */
    size_t low = 0, high = request->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (request->ports[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < request->n && request->ports[low].id == id
               ? &request->ports[low]
               : NULL;
}

static int
compare_ids(const void *a_, const void *b_)
{
    const struct insp_port_stats *a = a_;
    const struct insp_port_stats *b = b_;

    return a->id < b->id ? -1 : a->id > b->id;
}

/* Adds what live entries have counted and not reported yet. */
static void
add_unreported(struct insp_request *request, const struct insp_conn_copy *copy)
{
    const struct insp_conn *conn = &copy->conn;
    bool is_remainder = insp_key_is_remainder(&conn->key);

    for (unsigned int side = 0; side < (is_remainder ? 1 : 2); side++) {
        uint64_t packets = copy->packets[side];
        uint64_t bytes = copy->bytes[side];
        uint32_t from = INSP_READ(conn->flow[side].port);
        uint32_t to = INSP_READ(conn->flow[!side].port);
        struct insp_port_stats *row;

        if (is_remainder) {
            insp_key_remainder_ports(&conn->key, &from, &to);
        }
        row = row_of_port(request, from);
        if (row) {
            row->in_packets += packets;
            row->in_bytes += bytes;
        }
        row = row_of_port(request, to);
        if (row) {
            row->out_packets += packets;
            row->out_bytes += bytes;
        }
    }
}

static bool
port_stats(struct insp_engine *engine, struct insp_request *request)
{
    for (size_t i = 0; engine->ports && i <= engine->ports_mask; i++) {
        const struct insp_known_port *port = &engine->ports[i];

        if (port->stats.id && !port->dead && request->n < request->max) {
            request->ports[request->n++] = port->stats;
        }
    }
    qsort(request->ports, request->n, sizeof *request->ports, compare_ids);

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];
        struct insp_conn_copy copies[LIST_CHUNK];
        uint32_t at = 0;
        size_t n;

        if (!INSP_READ(inspector->id) || !inspector->table) {
            continue;
        }
        while (
            (n = insp_table_list(inspector->table, &at, copies, LIST_CHUNK))) {
            for (size_t j = 0; j < n; j++) {
                add_unreported(request, &copies[j]);
            }
        }
    }
    return true;
}

static size_t
n_rules_of(const struct insp_inspector *inspector)
{
    return inspector->binding
               ? insp_policy_n_rules(insp_binding_policy(inspector->binding))
               : 0;
}

static void
list_rules_of(const struct insp_engine *engine,
              const struct insp_inspector *inspector,
              struct insp_request *request)
{
    size_t n = n_rules_of(inspector);

    for (size_t i = 0; i < n; i++) {
        const struct insp_policy *policy =
            insp_binding_policy(inspector->binding);
        struct insp_rule_row *row = &request->rules[request->n++];
        const struct insp_rule_total *total;

        row->inspector = INSP_READ(inspector->id);
        row->rule = *insp_policy_rule(policy, i);
        insp_policy_counters(policy, i, &row->judged, &row->dropped);
        total = insp_rules_find(engine, row->rule.number);
        if (total) {
            row->judged += total->judged;
            row->dropped += total->dropped;
        }
    }
}

static bool
list_rules(struct insp_engine *engine, struct insp_request *request)
{
    size_t n = 0;

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        if (concerns(request, &engine->inspectors[i])) {
            n += n_rules_of(&engine->inspectors[i]);
        }
    }
    request->rows = n ? calloc(n, sizeof *request->rules) : NULL;
    for (size_t i = 0; request->rows && i < INSP_MAX_INSPECTORS; i++) {
        if (concerns(request, &engine->inspectors[i])) {
            list_rules_of(engine, &engine->inspectors[i], request);
        }
    }
    return true;
}

/* By inspector and slot; those that leave come last. */
static int
compare_functions(const void *a_, const void *b_)
{
    const struct insp_function_row *a = a_;
    const struct insp_function_row *b = b_;

    if (a->inspector != b->inspector) {
        return a->inspector < b->inspector ? -1 : 1;
    }
    return (int) a->config.slot - (int) b->config.slot;
}

static size_t
fill_functions(struct insp_engine *engine, uint32_t inspector,
               struct insp_function_row *rows, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&engine->inspectors_mutex);
    for (const struct insp_function *f = engine->functions; f && n < max;
         f = f->next) {
        if (!f->left_ticket && (!inspector || f->inspector == inspector)) {
            insp_function_fill(engine, f, &rows[n++]);
        }
    }
    pthread_mutex_unlock(&engine->inspectors_mutex);
    qsort(rows, n, sizeof *rows, compare_functions);
    return n;
}

static void
add_matching_rule(const struct insp_policy *policy, uint32_t number,
                  struct insp_explanation *e)
{
    size_t i;
    const struct insp_policy_rule *rule =
        number ? insp_policy_find(policy, number, &i) : NULL;

    if (rule && e->n_rules < INSP_ARRAY_SIZE(e->rules)) {
        e->rules[e->n_rules++] = *rule;
    }
}

static bool
explain(struct insp_engine *engine, struct insp_request *request)
{
    struct insp_explanation *e = request->explanation;

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];
        const struct insp_policy *policy;

        if (!request->inspector || !concerns(request, inspector)) {
            continue;
        }
        request->n = 1;
        e->tap = inspector->config.mode == INSP_MODE_TAP;
        e->n_functions = fill_functions(engine, request->inspector,
                                        e->functions, INSP_MAX_FUNCTIONS);
        if (!inspector->binding) {
            continue;
        }
        policy = insp_binding_policy(inspector->binding);
        e->version = insp_policy_version(policy);
        insp_policy_explain(inspector->binding, &request->subject, e->matches);
        insp_policy_decide(inspector->binding, &request->subject,
                           INSP_ALL_SLOTS, &e->judgement);
        for (size_t j = 0; j < INSP_N_SLOTS; j++) {
            add_matching_rule(policy, e->matches[j].from_vm, e);
            if (e->matches[j].to_vm != e->matches[j].from_vm) {
                add_matching_rule(policy, e->matches[j].to_vm, e);
            }
        }
    }
    return true;
}

static bool
list_listeners(const struct insp_engine *engine, struct insp_request *request)
{
    size_t n = 0;

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (concerns(request, inspector)) {
            n += insp_inventory_list(inspector->inventory, NULL, 0);
        }
    }
    request->rows = n ? calloc(n, sizeof *request->listeners) : NULL;
    for (size_t i = 0; request->rows && i < INSP_MAX_INSPECTORS; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (concerns(request, inspector)) {
            request->n += insp_inventory_list(inspector->inventory,
                                              request->listeners + request->n,
                                              n - request->n);
        }
    }
    return true;
}

static bool
work_on(struct insp_engine *engine, struct insp_request *request)
{
    switch (request->kind) {
    case INSP_REQUEST_FLUSH: return flush(engine, request);
    case INSP_REQUEST_LIST: return list(engine, request);
    case INSP_REQUEST_PORT_STATS: return port_stats(engine, request);
    case INSP_REQUEST_RULES: return list_rules(engine, request);
    case INSP_REQUEST_FUNCTIONS:
        request->n = fill_functions(engine, request->inspector,
                                    request->functions, request->max);
        return true;
    case INSP_REQUEST_EXPLAIN: return explain(engine, request);
    case INSP_REQUEST_LISTENERS: return list_listeners(engine, request);
    }
    return true;
}

static void
let_go(struct insp_request *request)
{
    if (!--request->holders) {
        free(request->rows);
        free(request);
    }
}

void
insp_requests_take(struct insp_engine *engine)
{
    struct insp_request *request, *next;

    pthread_mutex_lock(&engine->mutex);
    for (request = engine->requests; request; request = next) {
        next = request->next;
        request->next = engine->working;
        engine->working = request;
    }
    engine->requests = NULL;
    pthread_mutex_unlock(&engine->mutex);
}

void
insp_requests_turn(struct insp_engine *engine)
{
    struct insp_request **at = &engine->working;

    while (*at) {
        struct insp_request *request = *at;

        if (!work_on(engine, request)) {
            at = &request->next;
            continue;
        }
        *at = request->next;
        pthread_mutex_lock(&engine->mutex);
        request->answered = true;
        pthread_cond_broadcast(&engine->answered);
        let_go(request);
        pthread_mutex_unlock(&engine->mutex);
    }
}

void
insp_requests_abandon(struct insp_engine *engine)
{
    struct insp_request *request, *next;

    insp_requests_take(engine);
    for (request = engine->working; request; request = next) {
        next = request->next;
        let_go(request);
    }
    engine->working = NULL;
}

static struct insp_request *
begin_request(enum insp_request_kind kind, uint32_t inspector, size_t max,
              size_t row_size)
{
    struct insp_request *request = calloc(1, sizeof *request);

    if (request) {
        request->kind = kind;
        request->inspector = inspector;
        request->holders = 2;
        request->max = max;
        request->rows = max ? calloc(max, row_size) : NULL;
        if (max && !request->rows) {
            free(request);
            return NULL;
        }
    }
    return request;
}

/* Puts 'request' and waits.  When it was answered in time, returns how many
 * rows there are and takes them out of it for the caller to free; else
 * '*rows' is NULL.  'request' is gone. */
static bool
ask(struct insp_engine *engine, struct insp_request *request, void **rows,
    size_t *n, int timeout_ms)
{
    struct timespec until = insp_deadline((uint64_t) timeout_ms);
    bool answered;

    *rows = NULL;
    *n = 0;
    if (!request) {
        return false;
    }
    pthread_mutex_lock(&engine->mutex);
    request->next = engine->requests;
    engine->requests = request;
    pthread_cond_signal(&engine->wake);
    while (!request->answered &&
           pthread_cond_timedwait(&engine->answered, &engine->mutex, &until) !=
               ETIMEDOUT) {
        continue;
    }
    answered = request->answered;
    if (answered) {
        *rows = request->rows;
        *n = request->n;
        request->rows = NULL;
    }
    let_go(request);
    pthread_mutex_unlock(&engine->mutex);
    return answered;
}

/* The same with the rows copied to where there is room for them. */
static size_t
ask_for(struct insp_engine *engine, enum insp_request_kind kind,
        uint32_t inspector, void *to, size_t row_size, size_t max,
        int timeout_ms)
{
    void *rows;
    size_t n;

    if (ask(engine, begin_request(kind, inspector, max, row_size), &rows, &n,
            timeout_ms) &&
        n) {
        memcpy(to, rows, n * row_size);
    }
    free(rows);
    return n;
}

bool
insp_engine_flush(struct insp_engine *engine, uint32_t inspector,
                  int timeout_ms)
{
    void *rows;
    size_t n;

    return ask(engine, begin_request(INSP_REQUEST_FLUSH, inspector, 0, 0),
               &rows, &n, timeout_ms);
}

size_t
insp_engine_list(struct insp_engine *engine, uint32_t inspector,
                 struct insp_flow_row *rows, size_t n, int timeout_ms)
{
    return ask_for(engine, INSP_REQUEST_LIST, inspector, rows, sizeof *rows, n,
                   timeout_ms);
}

size_t
insp_engine_get_port_stats(struct insp_engine *engine,
                           struct insp_port_stats *rows, size_t n)
{
    return ask_for(engine, INSP_REQUEST_PORT_STATS, 0, rows, sizeof *rows, n,
                   1000);
}

size_t
insp_engine_rules(struct insp_engine *engine, uint32_t inspector,
                  struct insp_rule_row **rowsp, int timeout_ms)
{
    void *rows;
    size_t n;

    (void) ask(engine, begin_request(INSP_REQUEST_RULES, inspector, 0, 0),
               &rows, &n, timeout_ms);
    *rowsp = rows;
    return n;
}

size_t
insp_engine_listeners(struct insp_engine *engine, uint32_t inspector,
                      struct insp_listener **listeners, int timeout_ms)
{
    void *rows;
    size_t n;

    (void) ask(engine, begin_request(INSP_REQUEST_LISTENERS, inspector, 0, 0),
               &rows, &n, timeout_ms);
    *listeners = rows;
    return n;
}

size_t
insp_engine_functions(struct insp_engine *engine, uint32_t inspector,
                      struct insp_function_row *rows, size_t n, int timeout_ms)
{
    return ask_for(engine, INSP_REQUEST_FUNCTIONS, inspector, rows,
                   sizeof *rows, n, timeout_ms);
}

bool
insp_engine_explain(struct insp_engine *engine, uint32_t inspector,
                    const struct insp_subject *subject,
                    struct insp_explanation *explanation, int timeout_ms)
{
    struct insp_request *request =
        begin_request(INSP_REQUEST_EXPLAIN, inspector, 1, sizeof *explanation);
    void *rows;
    size_t n;

    if (request) {
        request->subject = *subject;
        if (subject->name) {
            snprintf(request->name, sizeof request->name, "%s", subject->name);
            request->subject.name = request->name;
        }
    }
    if (ask(engine, request, &rows, &n, timeout_ms) && n) {
        memcpy(explanation, rows, sizeof *explanation);
    }
    free(rows);
    return n > 0;
}
