/* Requests: what other threads ask of the control thread, which alone may
 * walk a table. */

#include "engine/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_UNTIL_FLUSHED 5
#define LIST_CHUNK 64

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
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (concerns(request, inspector)
            && (!insp_report_catch_all(
                    engine, inspector,
                    engine->host.monotonic_ns(engine->host.aux))
                || !insp_report_sensor(engine, inspector))) {
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
    struct insp_conn copies[LIST_CHUNK];
    uint32_t at = 0;
    size_t n;

    while (request->n < request->max
           && (n = insp_table_list(inspector->table, &at, copies,
                                   LIST_CHUNK))) {
        for (size_t i = 0; i < n && request->n < request->max; i++) {
            const struct insp_conn *conn = &copies[i];
            struct insp_flow_row *row = &request->flows[request->n];
            uint64_t last_ns = insp_conn_last_ns(conn);

            if (insp_key_is_remainder(&conn->key)) {
                continue;
            }
            /* An id needs the entry's place, which a copy has not kept. */
            insp_report_fill(engine, conn, 0, &row->conn);
            row->conn.flow_id = 0;
            for (unsigned int d = 0; d < 2; d++) {
                insp_conn_total(conn, d ^ conn->initiator,
                                &row->conn.packets[d], &row->conn.bytes[d]);
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
           ? &request->ports[low] : NULL;
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
add_unreported(struct insp_request *request, const struct insp_conn *conn)
{
    bool is_remainder = insp_key_is_remainder(&conn->key);

    for (unsigned int side = 0; side < (is_remainder ? 1 : 2); side++) {
        uint64_t packets, bytes;
        uint32_t from = INSP_READ(conn->flow[side].port);
        uint32_t to = INSP_READ(conn->flow[!side].port);
        struct insp_port_stats *row;

        insp_conn_total(conn, side, &packets, &bytes);
        insp_conn_unreported(conn, side, &packets, &bytes);
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
        struct insp_conn copies[LIST_CHUNK];
        uint32_t at = 0;
        size_t n;

        if (!INSP_READ(inspector->id) || !inspector->table) {
            continue;
        }
        while ((n = insp_table_list(inspector->table, &at, copies,
                                    LIST_CHUNK))) {
            for (size_t j = 0; j < n; j++) {
                add_unreported(request, &copies[j]);
            }
        }
    }
    return true;
}

static bool
work_on(struct insp_engine *engine, struct insp_request *request)
{
    switch (request->kind) {
    case INSP_REQUEST_FLUSH:
        return flush(engine, request);
    case INSP_REQUEST_LIST:
        return list(engine, request);
    case INSP_REQUEST_PORT_STATS:
        return port_stats(engine, request);
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

/* Asks and waits; copies the rows out and returns true when it was answered
 * in time. */
static bool
ask(struct insp_engine *engine, enum insp_request_kind kind,
    uint32_t inspector, void *rows, size_t row_size, size_t *n,
    int timeout_ms)
{
    struct insp_request *request = calloc(1, sizeof *request);
    struct timespec until;
    bool answered;

    if (!request) {
        return false;
    }
    request->kind = kind;
    request->inspector = inspector;
    request->holders = 2;
    request->max = *n;
    request->rows = *n ? calloc(*n, row_size) : NULL;
    if (*n && !request->rows) {
        free(request);
        return false;
    }

    until = insp_deadline((uint64_t) timeout_ms);
    pthread_mutex_lock(&engine->mutex);
    request->next = engine->requests;
    engine->requests = request;
    pthread_cond_signal(&engine->wake);
    while (!request->answered
           && pthread_cond_timedwait(&engine->answered, &engine->mutex,
                                     &until) != ETIMEDOUT) {
        continue;
    }
    answered = request->answered;
    if (answered && *n) {
        *n = request->n;
        memcpy(rows, request->rows, request->n * row_size);
    }
    let_go(request);
    pthread_mutex_unlock(&engine->mutex);
    return answered;
}

bool
insp_engine_flush(struct insp_engine *engine, uint32_t inspector,
                  int timeout_ms)
{
    size_t n = 0;

    return ask(engine, INSP_REQUEST_FLUSH, inspector, NULL, 0, &n,
               timeout_ms);
}

size_t
insp_engine_list(struct insp_engine *engine, uint32_t inspector,
                 struct insp_flow_row *rows, size_t n, int timeout_ms)
{
    return ask(engine, INSP_REQUEST_LIST, inspector, rows, sizeof *rows, &n,
               timeout_ms) ? n : 0;
}

size_t
insp_engine_get_port_stats(struct insp_engine *engine,
                           struct insp_port_stats *rows, size_t n)
{
    return ask(engine, INSP_REQUEST_PORT_STATS, 0, rows, sizeof *rows, &n,
               1000) ? n : 0;
}
