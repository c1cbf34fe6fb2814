/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: from the tables to the ring. */

#include "engine/path.h"
#include "flow/tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct insp_record *
begin(struct insp_engine *engine, enum insp_record_type type,
      uint32_t inspector)
{
    struct insp_record *record = insp_ring_reserve(engine->ring);

    if (record) {
        memset(record, 0, sizeof *record);
        record->type = (uint8_t) type;
        record->inspector = inspector;
        record->time_ns = engine->host.wall_ns(engine->host.aux);
    }
    return record;
}

/* Like begin(), but waits: the exporter always drains. */
static struct insp_record *
begin_waiting(struct insp_engine *engine, enum insp_record_type type)
{
    struct insp_record *record;

    while (!(record = begin(engine, type, 0))) {
        insp_drain_wake(engine->drain);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return record;
}

static uint64_t
wall(const struct insp_engine *engine, uint64_t monotonic_ns)
{
    return monotonic_ns + INSP_READ(engine->wall_offset_ns);
}

static bool
is_vm(const struct insp_engine *engine, uint32_t port_id)
{
    const struct insp_known_port *port = insp_ports_find(engine, port_id);

    return port && port->role == INSP_PORT_VM;
}

/* Unlike an index into the table, it is not used again: the time of the
 * first packet is in it.  53 bits, so that JSON readers keep it whole. */
static uint64_t
flow_id(const struct insp_engine *engine, uint32_t index, uint64_t first_ns)
{
    uint64_t id = insp_hash_fold(first_ns ^ engine->flow_id_secret,
                                 index ^ UINT64_C(0x9e3779b97f4a7c15));

    return id & ((UINT64_C(1) << 53) - 1);
}

/* What the record says of the rules: the judgement of who began, unless only
 * the other direction's has anything to say. */
static void
fill_judgement(const struct insp_engine *engine,
               const struct insp_inspector *inspector,
               const struct insp_conn *conn,
               struct insp_record_connection *out)
{
    uint64_t word = INSP_READ(conn->flow[conn->initiator].judgement);
    uint64_t other = INSP_READ(conn->flow[!conn->initiator].judgement);
    const struct insp_rule_total *rule;
    struct insp_judgement j;

    insp_judgement_unpack(word, &j);
    if (other && (!word || (!j.rule && !j.slots))) {
        word = other;
        insp_judgement_unpack(word, &j);
    }
    out->policy_version = insp_judgement_version(word);
    out->verdict = j.slots ? INSP_VERDICT_REDIRECT : j.verdict;
    if (inspector->config.mode == INSP_MODE_TAP) {
        out->verdict = INSP_VERDICT_ALLOW;
    }
    rule = insp_rules_find(engine, j.rule);
    if (rule) {
        out->slot = rule->slot;
        memcpy(out->rule, rule->name, sizeof out->rule);
    }
}

static void
fill_hosts(const struct insp_inspector *inspector,
           struct insp_record_connection *out)
{
    for (unsigned int i = 0; inspector->leases && i < 2; i++) {
        const char *name =
            insp_leases_name_of(inspector->leases, out->port_id[i],
                                out->addr[i], out->end_ns);

        /* The rest is zero. */
        memcpy(out->host[i], name, strnlen(name, sizeof out->host[i] - 1));
    }
}

void
insp_report_fill(const struct insp_engine *engine,
                 const struct insp_inspector *inspector,
                 const struct insp_conn *conn, uint32_t index,
                 struct insp_record_connection *out)
{
    uint64_t first_ns = insp_conn_first_ns(conn);
    uint64_t server_us, client_us;

    memset(out, 0, sizeof *out);
    out->flow_id = flow_id(engine, index, first_ns);
    out->start_ns = wall(engine, first_ns);
    out->end_ns = wall(engine, insp_conn_last_ns(conn));
    out->zone = conn->key.zone;
    out->ip_version = conn->key.ip_version;
    out->proto = conn->key.proto;
    out->icmp_type = conn->icmp_type;
    out->icmp_code = conn->icmp_code;
    out->state = INSP_READ(conn->state);
    out->app = INSP_READ(conn->app);
    out->end_reason = conn->end_reason;
    fill_judgement(engine, inspector, conn, out);
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int side = i ^ conn->initiator;
        const struct insp_flow *flow = &conn->flow[side];

        memcpy(out->addr[i], conn->key.addr[side], 16);
        out->l4_port[i] = conn->key.port[side];
        out->port_id[i] = INSP_READ(flow->port);
        out->retransmitted[i] = INSP_READ(flow->retransmitted);
        out->out_of_order[i] = INSP_READ(flow->out_of_order);
        out->tcp_flags[i] = INSP_READ(flow->tcp_flags);
    }
    out->intra_host =
        is_vm(engine, out->port_id[0]) && is_vm(engine, out->port_id[1]);
    fill_hosts(inspector, out);
    if (insp_conn_rtt(conn, &server_us, &client_us)) {
        out->rtt_us[0] = (uint32_t) INSP_MIN(client_us, UINT32_MAX);
        out->rtt_us[1] = (uint32_t) INSP_MIN(server_us, UINT32_MAX);
    }
}

/* What one side sent, its port received and the other one got. */
static void
add_port_stats(struct insp_engine *engine, uint32_t from, uint32_t to,
               uint64_t packets, uint64_t bytes)
{
    struct insp_known_port *port = insp_ports_find(engine, from);

    if (port) {
        port->stats.in_packets += packets;
        port->stats.in_bytes += bytes;
    }
    port = insp_ports_find(engine, to);
    if (port) {
        port->stats.out_packets += packets;
        port->stats.out_bytes += bytes;
    }
}

static void
fill_connection(struct insp_engine *engine,
                const struct insp_inspector *inspector,
                const struct insp_conn_report *report,
                struct insp_record_connection *out)
{
    insp_report_fill(engine, inspector, report->conn, report->index, out);
    out->end_reason = (uint8_t) report->reason;
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int side = i ^ report->conn->initiator;

        out->packets[i] = report->packets[side];
        out->bytes[i] = report->bytes[side];
        add_port_stats(engine, out->port_id[i], out->port_id[!i],
                       out->packets[i], out->bytes[i]);
    }
}

static void
fill_remainder(struct insp_engine *engine,
               const struct insp_conn_report *report,
               struct insp_record_remainder *out)
{
    const struct insp_conn *conn = report->conn;

    out->start_ns = wall(engine, INSP_READ(conn->flow[0].first_ns));
    out->end_ns = wall(engine, INSP_READ(conn->flow[0].last_ns));
    out->packets = report->packets[0];
    out->bytes = report->bytes[0];
    insp_key_remainder_ports(&conn->key, &out->port_id[0], &out->port_id[1]);
    out->zone = conn->key.zone;
    out->ethertype = conn->key.port[0];
    out->reason = conn->key.proto;
    add_port_stats(engine, out->port_id[0], out->port_id[1], out->packets,
                   out->bytes);
}

/* Of an event's connection what its record shares with others. */
static void
fill_event(const struct insp_engine *engine,
           const struct insp_inspector *inspector,
           const struct insp_event_report *event,
           struct insp_record_connection *out)
{
    const struct insp_key *key = event->key;

    memset(out, 0, sizeof *out);
    out->flow_id = flow_id(engine, event->index, event->first_ns);
    out->start_ns = wall(engine, event->first_ns);
    out->end_ns = wall(engine, event->ended_ns);
    out->zone = key->zone;
    out->ip_version = key->ip_version;
    out->proto = key->proto;
    out->app = event->conn_app;
    out->state = event->conn_state;
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int side = i ^ event->initiator;

        memcpy(out->addr[i], key->addr[side], 16);
        out->l4_port[i] = key->port[side];
        out->port_id[i] = event->port_id[side];
    }
    out->intra_host =
        is_vm(engine, out->port_id[0]) && is_vm(engine, out->port_id[1]);
    fill_hosts(inspector, out);
}

/* An alert is a record of the connection that counts nothing, so that sums
 * over all records stay what they are. */
static void
report_alert(struct insp_engine *engine,
             const struct insp_inspector *inspector,
             const struct insp_conn_report *report, uint32_t number)
{
    const struct insp_rule_total *rule = insp_rules_find(engine, number);
    struct insp_record *record =
        begin(engine, INSP_RECORD_CONNECTION, inspector->config.id);

    insp_report_fill(engine, inspector, report->conn, report->index,
                     &record->conn);
    record->conn.end_reason = INSP_END_NONE;
    record->conn.alert = 1;
    memset(record->conn.rule, 0, sizeof record->conn.rule);
    if (rule) {
        record->conn.slot = rule->slot;
        memcpy(record->conn.rule, rule->name, sizeof record->conn.rule);
    }
    insp_ring_commit(engine->ring);
}

#define AGGREGATES_NS UINT64_C(10000000000)
#define INVENTORY_NS  UINT64_C(60000000000)

/* What one report of a table can become: one alert a direction, itself, and
 * a service. */
#define RECORDS_MAX 4

static bool
has_room(struct insp_engine *engine)
{
    if (insp_ring_count(engine->ring) + RECORDS_MAX <=
        insp_ring_capacity(engine->ring)) {
        return true;
    }
    insp_drain_wake(engine->drain);
    return false;
}

static void
commit_app(struct insp_engine *engine, const struct insp_inspector *inspector,
           const struct insp_record_connection *conn, uint64_t time_ns,
           struct insp_values *values)
{
    struct insp_record *record =
        begin(engine, INSP_RECORD_APP, inspector->config.id);

    record->time_ns = time_ns;
    record->app.conn = *conn;
    record->app.conn.step = (uint8_t) inspector->stepper.step;
    record->app.values = values;
    insp_ring_commit(engine->ring);
}

/* Where no port is known, as in a capture, everybody may be a server. */
static bool
may_serve(const struct insp_engine *engine, uint32_t port_id)
{
    return !port_id ? !engine->n_ports : is_vm(engine, port_id);
}

/* Takes notice of who answers in 'conn'; 'event' may be NULL. */
static void
see_service(struct insp_engine *engine, struct insp_inspector *inspector,
            const struct insp_record_connection *conn,
            const struct insp_event_report *event)
{
    struct insp_values *news = NULL;

    if (!insp_inventory_is_service(conn) ||
        !may_serve(engine, conn->port_id[1])) {
        return;
    }
    if (!inspector->inventory) {
        inspector->inventory =
            insp_inventory_create(&inspector->table_config.secret);
    }
    if (inspector->inventory) {
        news = insp_inventory_see(inspector->inventory, conn, event);
    }
    if (news) {
        commit_app(engine, inspector, conn, conn->end_ns, news);
    }
}

/* The client's: its MAC tells, also behind a relay. */
static uint32_t
port_of_lease(struct insp_engine *engine, const struct insp_lease *lease,
              const struct insp_record_connection *conn)
{
    uint32_t port_id = insp_snapshot_port_of_mac(
        atomic_load_explicit(&engine->snapshot, memory_order_relaxed),
        lease->mac);

    return port_id ? port_id : conn->port_id[lease->kind == INSP_LEASE_GIVEN];
}

/* A VM that hands out leases names nobody, nor can it speak for another one:
 * what it says would stand in others' records. */
static void
see_lease(struct insp_engine *engine, struct insp_inspector *inspector,
          const struct insp_record_connection *conn,
          const struct insp_event_report *event)
{
    struct insp_lease lease;
    uint32_t port_id;

    if (!insp_lease_read(event, &lease)) {
        return;
    }
    port_id = port_of_lease(engine, &lease, conn);
    if (is_vm(engine, conn->port_id[0]) &&
        (lease.kind == INSP_LEASE_GIVEN || port_id != conn->port_id[0])) {
        return;
    }
    if (!inspector->leases) {
        inspector->leases =
            insp_leases_create(&inspector->table_config.secret);
    }
    if (inspector->leases) {
        insp_leases_note(inspector->leases, port_id, &lease, conn->end_ns);
    }
}

/* What readers have found. */
static bool
report_events(struct insp_engine *engine, struct insp_inspector *inspector,
              struct insp_dialogs *dialogs)
{
    struct insp_event_report event;

    for (;;) {
        struct insp_record_connection conn;
        struct insp_values *values;

        /* Room first, as for connections. */
        if (!has_room(engine)) {
            return false;
        }
        if (!insp_dialogs_next(dialogs, &event)) {
            return true;
        }
        fill_event(engine, inspector, &event, &conn);
        see_lease(engine, inspector, &conn, &event);
        see_service(engine, inspector, &conn, &event);
        if (inspector->stepper.step >= INSP_STEP_CONNECTIONS) {
            continue;
        }
        values = insp_values_create((enum insp_app) event.app, event.is_cut,
                                    event.values, event.size, event.more,
                                    event.more_size);
        if (values) {
            commit_app(engine, inspector, &conn, conn.end_ns, values);
        } else {
            insp_log(&engine->host, INSP_LOG_ERROR,
                     "no memory for a record: it is lost");
        }
    }
}

static void
commit_connection(struct insp_engine *engine,
                  const struct insp_inspector *inspector,
                  const struct insp_record_connection *conn)
{
    struct insp_record *record =
        begin(engine, INSP_RECORD_CONNECTION, inspector->config.id);

    record->conn = *conn;
    insp_ring_commit(engine->ring);
}

/* By itself, or in a sum; what was refused always by itself. */
static void
report_connection(struct insp_engine *engine, struct insp_inspector *inspector,
                  struct insp_record_connection *conn)
{
    enum insp_step step = inspector->stepper.step;

    conn->step = (uint8_t) step;
    conn->n_connections = conn->end_reason != INSP_END_NONE;
    if (step >= INSP_STEP_AGGREGATES && conn->verdict != INSP_VERDICT_DROP &&
        conn->verdict != INSP_VERDICT_RESET &&
        insp_aggregates_add(&inspector->aggregates, conn, step)) {
        return;
    }
    conn->step = (uint8_t) INSP_MIN(step, INSP_STEP_CONNECTIONS);
    commit_connection(engine, inspector, conn);
}

static bool
report_connections(struct insp_engine *engine,
                   struct insp_inspector *inspector, struct insp_table *table,
                   struct insp_dialogs *dialogs)
{
    struct insp_conn_report report;

    for (;;) {
        struct insp_record *record;

        /* Room first: a report that was taken cannot be given back. */
        if (!has_room(engine)) {
            return false;
        }
        if (!insp_table_next_report(table, &report)) {
            return true;
        }
        if (report.final) {
            insp_dialog_end(dialogs, report.conn);
        }
        for (unsigned int side = 0; side < 2; side++) {
            if (report.alert[side]) {
                report_alert(engine, inspector, &report, report.alert[side]);
            }
        }
        if (insp_key_is_remainder(&report.conn->key)) {
            record =
                begin(engine, INSP_RECORD_REMAINDER, inspector->config.id);
            fill_remainder(engine, &report, &record->remainder);
            insp_ring_commit(engine->ring);
        } else {
            struct insp_record_connection conn;

            fill_connection(engine, inspector, &report, &conn);
            see_service(engine, inspector, &conn, NULL);
            report_connection(engine, inspector, &conn);
        }
    }
}

bool
insp_report_aggregates(struct insp_engine *engine,
                       struct insp_inspector *inspector, uint64_t now_ns,
                       bool now)
{
    struct insp_record_connection conn;

    if (!now && now_ns < inspector->aggregates_due_ns &&
        inspector->stepper.step >= INSP_STEP_AGGREGATES) {
        return true;
    }
    while (has_room(engine)) {
        if (!insp_aggregates_take(&inspector->aggregates, &conn)) {
            inspector->aggregates_due_ns = now_ns + AGGREGATES_NS;
            return true;
        }
        commit_connection(engine, inspector, &conn);
    }
    return false;
}

/* What was found first, then who has ended, then what that has set free. */
bool
insp_report_table(struct insp_engine *engine, struct insp_inspector *inspector,
                  struct insp_table *table, struct insp_dialogs *dialogs)
{
    return report_events(engine, inspector, dialogs) &&
           report_connections(engine, inspector, table, dialogs) &&
           report_events(engine, inspector, dialogs);
}

bool
insp_report_stale(struct insp_engine *engine, struct insp_inspector *inspector,
                  uint64_t now_ns)
{
    struct insp_record_connection conn;

    if (!inspector->inventory || now_ns < inspector->inventory_due_ns) {
        return true;
    }
    while (has_room(engine)) {
        uint64_t since_ns = wall(engine, now_ns) - INSP_LISTENER_STALE_NS;
        struct insp_values *values =
            insp_inventory_take(inspector->inventory, 0, since_ns, &conn);

        if (!values) {
            inspector->inventory_due_ns = now_ns + INVENTORY_NS;
            return true;
        }
        commit_app(engine, inspector, &conn, wall(engine, now_ns), values);
    }
    return false;
}

bool
insp_report_catch_all(struct insp_engine *engine,
                      struct insp_inspector *inspector, uint64_t now_ns)
{
    struct insp_record *record;
    struct insp_tally sum;

    insp_inspector_sum(inspector, &sum);
    if (sum.catch_all_packets == inspector->catch_all_reported[0]) {
        inspector->catch_all_since_ns = now_ns;
        return true;
    }
    record = begin(engine, INSP_RECORD_REMAINDER, inspector->config.id);
    if (!record) {
        return false;
    }
    record->remainder.start_ns = wall(engine, inspector->catch_all_since_ns);
    record->remainder.end_ns = wall(engine, now_ns);
    record->remainder.reason = INSP_REASON_CATCH_ALL;
    record->remainder.packets =
        sum.catch_all_packets - inspector->catch_all_reported[0];
    record->remainder.bytes =
        sum.catch_all_bytes - inspector->catch_all_reported[1];
    insp_ring_commit(engine->ring);
    inspector->catch_all_reported[0] = sum.catch_all_packets;
    inspector->catch_all_reported[1] = sum.catch_all_bytes;
    inspector->catch_all_since_ns = now_ns;
    return true;
}

bool
insp_report_sensor(struct insp_engine *engine,
                   struct insp_inspector *inspector)
{
    struct insp_table_stats table;
    struct insp_record_sensor *out;
    struct insp_record *record;
    struct insp_tally sum;

    record = begin(engine, INSP_RECORD_SENSOR, inspector->config.id);
    if (!record) {
        return false;
    }
    insp_inspector_sum(inspector, &sum);
    (void) insp_inspector_sum_tables(engine, inspector, &table);
    out = &record->sensor;
    out->seen_packets = sum.seen_packets;
    out->seen_bytes = sum.seen_bytes;
    out->inspected_packets = sum.inspected_packets;
    out->inspected_bytes = sum.inspected_bytes;
    out->skipped_packets = insp_sum(sum.skipped, INSP_N_SKIPS);
    out->lost_packets = insp_sum(sum.lost, INSP_N_LOSTS);
    out->dropped_packets =
        sum.verdicts[INSP_VERDICT_DROP] + sum.verdicts[INSP_VERDICT_RESET];
    out->begun = table.begun;
    out->ended = insp_sum(table.ended, INSP_N_ENDS);
    out->evicted = table.ended[INSP_END_EVICTED] + table.ended[INSP_END_QUOTA];
    out->connections = table.connections;
    out->flow_limit = table.flow_limit;
    out->incarnation = engine->incarnation;
    out->depth = (uint8_t) inspector->depth;
    for (int i = INSP_DEPTH_FULL + 1; i < INSP_N_DEPTHS; i++) {
        out->shallow_packets +=
            insp_packets_at(inspector, (enum insp_depth) i);
    }
    insp_ring_commit(engine->ring);
    return true;
}

void
insp_report_port(struct insp_engine *engine, const struct insp_port *port)
{
    struct insp_port *copy = malloc(sizeof *copy);
    struct insp_record *record;

    if (!copy) {
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "no memory for the identity of port %s", port->name);
        return;
    }
    *copy = *port;
    record = begin_waiting(engine, INSP_RECORD_PORT);
    record->port = copy;
    insp_ring_commit(engine->ring);
}

static void
report_listeners_gone(struct insp_engine *engine,
                      struct insp_inspector *inspector, uint32_t port_id)
{
    struct insp_record_connection conn;
    struct insp_values *values;

    while ((values = insp_inventory_take(inspector->inventory, port_id, 0,
                                         &conn))) {
        struct insp_record *record = begin_waiting(engine, INSP_RECORD_APP);

        record->inspector = inspector->config.id;
        record->app.conn = conn;
        record->app.values = values;
        insp_ring_commit(engine->ring);
    }
}

void
insp_report_port_gone(struct insp_engine *engine, uint32_t id)
{
    struct insp_record *record;

    for (size_t i = 0; i < engine->n_places; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->inventory) {
            report_listeners_gone(engine, inspector, id);
        }
    }
    record = begin_waiting(engine, INSP_RECORD_PORT_GONE);
    record->port_id = id;
    insp_ring_commit(engine->ring);
}
