/* How it works
 *
 * A command that the engine can answer at once (show, stats, uplinks) is
 * answered in its callback.  One that the control thread must answer (flows,
 * coverage, flush) becomes a job: a thread that asks, waits and, when it has
 * its rows, wakes the main thread, which alone may look up names and write
 * the reply.  The main thread never waits for the engine. */

#include <config.h>

#include "ovs-ext/appctl.h"

#include <arpa/inet.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/out.h"
#include "ovs-ext/rows.h"
#include "ovs-ext/status.h"
#include "ovs-ext/worker-map.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "unixctl.h"
#include "util.h"

#define DEFAULT_FLOWS 1000          /* Rows without --limit. */
#define MAX_FLOWS 100000            /* Rows that --limit may ask for. */
#define MAX_JOBS 8
#define ANSWER_MS 5000              /* That the engine may take. */
#define FLUSH_MS 30000

/* What the words of a command line come down to. */
struct request {
    bool json;
    bool sort;                      /* The busiest first. */
    unsigned int limit;
    const char *name;               /* Of an inspector, or NULL: all. */
    uint32_t inspector;             /* Its id; 0: all. */
};

struct job {
    struct unixctl_conn *conn;      /* NULL: this place is free. */
    pthread_t thread;
    void (*ask)(struct job *);      /* On the thread. */
    void (*answer)(struct job *);   /* On the main thread. */
    struct request request;
    struct insp_engine *engine;
    atomic_bool done;

    /* What ask() got. */
    bool ok;
    void *rows;
    size_t n, n_max;
};

static struct job jobs[MAX_JOBS];
static struct seq *jobs_seq;
static uint64_t jobs_seen;

static void
reply_free(struct unixctl_conn *conn, char *reply)
{
    unixctl_command_reply(conn, reply);
    free(reply);
}

static void OVS_PRINTF_FORMAT(2, 3)
reply_error(struct unixctl_conn *conn, const char *format, ...)
{
    va_list args;
    char *error;

    va_start(args, format);
    error = xvasprintf(format, args);
    va_end(args);
    unixctl_command_reply_error(conn, error);
    free(error);
}

static void
finish(struct unixctl_conn *conn, struct ovsext_out *out)
{
    reply_free(conn, ovsext_out_finish(out));
}

/* Reads "[--json] [--limit=N] [--sort] [INSPECTOR]" in any order; replies
 * and returns false if it cannot. */
static bool
parse_request(struct unixctl_conn *conn, int argc, const char *argv[],
              struct request *request)
{
    memset(request, 0, sizeof *request);
    request->limit = DEFAULT_FLOWS;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const struct ovsext_inspector *inspector;

        if (!strcmp(word, "--json")) {
            request->json = true;
        } else if (!strcmp(word, "--sort")) {
            request->sort = true;
        } else if (!strncmp(word, "--limit=", 8)) {
            if (!str_to_uint(word + 8, 10, &request->limit)
                || !request->limit || request->limit > MAX_FLOWS) {
                reply_error(conn, "%s: not a number from 1 to %d", word,
                            MAX_FLOWS);
                return false;
            }
        } else if (word[0] == '-') {
            reply_error(conn, "%s: unknown option", word);
            return false;
        } else {
            inspector = ovsext_inspector_by_name(word);
            if (!inspector) {
                reply_error(conn, "no inspector is called \"%s\"", word);
                return false;
            }
            request->name = inspector->name;
            request->inspector = inspector->config.base.id;
        }
    }
    return true;
}

static bool
concerns(const struct request *request,
         const struct ovsext_inspector *inspector)
{
    return !request->name || !strcmp(request->name, inspector->name);
}

/* All that the engine says of its inspectors and uplinks now. */
struct engine_state {
    struct insp_inspector_stats inspectors[INSP_MAX_INSPECTORS];
    size_t n_inspectors;
    struct insp_uplink_status uplinks[INSP_MAX_UPLINKS];
    size_t n_uplinks;
};

static const struct engine_state *
read_engine_state(void)
{
    static struct engine_state state;
    struct insp_engine *engine = ovsext_rows()->engine;

    state.n_inspectors = state.n_uplinks = 0;
    if (engine) {
        state.n_inspectors = MIN(INSP_MAX_INSPECTORS,
                                 insp_engine_get_stats(engine,
                                                       state.inspectors,
                                                       INSP_MAX_INSPECTORS));
        state.n_uplinks = MIN(INSP_MAX_UPLINKS,
                              insp_drain_get_status(insp_engine_drain(engine),
                                                    state.uplinks,
                                                    INSP_MAX_UPLINKS));
    }
    return &state;
}

/* NULL when the engine does not have it. */
static const struct insp_inspector_stats *
stats_of(const struct engine_state *state,
         const struct ovsext_inspector *inspector)
{
    for (size_t i = 0; inspector->n_bridges && i < state->n_inspectors; i++) {
        if (state->inspectors[i].id == inspector->config.base.id) {
            return &state->inspectors[i];
        }
    }
    return NULL;
}

static const struct insp_uplink_status *
uplink_status_of(const struct engine_state *state,
                 const struct ovsext_uplink *uplink)
{
    for (size_t i = 0; i < state->n_uplinks; i++) {
        if (!strcmp(state->uplinks[i].name, uplink->name)) {
            return &state->uplinks[i];
        }
    }
    return NULL;
}

/* inspect/uplinks, and a part of inspect/show. */
static void
put_uplinks(struct ovsext_out *out, const struct engine_state *state)
{
    const struct ovsext_rows *rows = ovsext_rows();

    ovsext_out_list(out, "uplinks");
    for (size_t i = 0; i < rows->n_uplinks; i++) {
        const struct ovsext_uplink *uplink = &rows->uplinks[i];
        const struct insp_uplink_status *s;
        char target[300];

        s = uplink_status_of(state, uplink);
        insp_config_uplink_print(&uplink->config, "target", target,
                                 sizeof target);
        ovsext_out_item(out, "uplink %s", uplink->name);
        if (out->json) {
            ovsext_out_text(out, "name", uplink->name);
        }
        ovsext_out_text(out, "state", uplink->faults.n ? "error"
                        : !uplink->config.enabled ? "disabled"
                        : !uplink->config.base.n_inspectors ? "unused"
                        : s ? s->state : "starting");
        ovsext_out_text(out, "error", uplink->faults.text);
        ovsext_out_text(out, "warning", uplink->warnings.text);
        if (!uplink->faults.n) {
            ovsext_out_text(out, "target", target);
            ovsext_out_text(out, "format", insp_uplink_format_word(
                                               uplink->config.base.format));
        }
        if (s) {
            ovsext_out_bool(out, "connected", s->is_connected);
            ovsext_out_text(out, "last_error", s->last_error);
            if (s->is_connected) {
                ovsext_out_text(out, "peer", s->peer);
                ovsext_out_text(out, "protocol", s->protocol);
            }
            ovsext_out_group(out, "records");
            ovsext_out_number(out, "produced", s->produced);
            ovsext_out_number(out, "sent", s->sent);
            ovsext_out_number(out, "queued", s->queued);
            ovsext_out_number(out, "dropped", s->dropped);
            ovsext_out_end(out);
            ovsext_out_number(out, "wire_bytes", s->wire_bytes);
            ovsext_out_number(out, "connects", s->connects);
        }
        ovsext_out_end(out);
    }
    ovsext_out_end(out);
}

static void
put_settings(struct ovsext_out *out, const struct ovsext_inspector *inspector)
{
    const char *key;
    char value[300];

    ovsext_out_group(out, "settings");
    for (size_t i = 0; (key = insp_config_inspector_key(i)); i++) {
        if (strcmp(key, "name") && strcmp(key, "id")) {
            insp_config_inspector_print(&inspector->config, key, value,
                                        sizeof value);
            ovsext_out_text(out, key, value);
        }
    }
    ovsext_out_end(out);
}

static void
put_inspector(struct ovsext_out *out,
              const struct ovsext_inspector *inspector,
              const struct insp_inspector_stats *stats)
{
    char *error = ovsext_inspector_error(inspector, stats);

    ovsext_out_item(out, "inspector %s", inspector->name);
    if (out->json) {
        ovsext_out_text(out, "name", inspector->name);
    }
    ovsext_out_number(out, "id", inspector->config.base.id);
    ovsext_out_text(out, "state", ovsext_inspector_state(inspector, stats));
    ovsext_out_text(out, "error", error);
    ovsext_out_text(out, "warning", inspector->warnings.text);
    ovsext_out_text(out, "bridges", inspector->bridges);
    put_settings(out, inspector);
    if (stats) {
        ovsext_out_group(out, "packets");
        ovsext_out_number(out, "seen", stats->seen_packets);
        ovsext_out_number(out, "inspected", stats->inspected_packets);
        ovsext_out_number(out, "skipped",
                          insp_sum(stats->skipped, INSP_N_SKIPS));
        ovsext_out_number(out, "lost", insp_sum(stats->lost, INSP_N_LOSTS));
        ovsext_out_end(out);
        ovsext_out_group(out, "connections");
        ovsext_out_number(out, "now", stats->table.connections);
        ovsext_out_number(out, "half_open", stats->table.half_open);
        ovsext_out_number(out, "limit", stats->table.flow_limit);
        ovsext_out_number(out, "memory_bytes", stats->table.bytes);
        ovsext_out_end(out);
    }
    ovsext_out_end(out);
    free(error);
}

static void
put_ports(struct ovsext_out *out)
{
    const struct ovsext_rows *rows = ovsext_rows();
    unsigned int n[3] = { 0, 0, 0 };

    for (size_t i = 0; i < rows->ports.n; i++) {
        n[rows->ports.array[i].role]++;
    }
    ovsext_out_group(out, "ports");
    ovsext_out_number(out, "vm", n[INSP_PORT_VM]);
    ovsext_out_number(out, "infrastructure", n[INSP_PORT_INFRASTRUCTURE]);
    ovsext_out_number(out, "other", n[INSP_PORT_OTHER]);
    ovsext_out_end(out);
}

static void
command_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    const struct ovsext_rows *rows = ovsext_rows();
    const struct engine_state *state;
    struct request request;
    struct ovsext_out out;

    if (!parse_request(conn, argc, argv, &request)) {
        return;
    }
    state = read_engine_state();
    ovsext_out_init(&out, request.json);
    ovsext_out_text(&out, "error", rows->error);
    if (!rows->n_inspectors) {
        ovsext_out_line(&out, "no inspector is configured");
    }
    ovsext_out_list(&out, "inspectors");
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        if (concerns(&request, &rows->inspectors[i])) {
            put_inspector(&out, &rows->inspectors[i],
                          stats_of(state, &rows->inspectors[i]));
        }
    }
    ovsext_out_end(&out);
    put_uplinks(&out, state);
    put_ports(&out);
    ovsext_out_number(&out, "workers", ovsext_worker_count());
    ovsext_out_number(&out, "unknown_id_packets",
                      rows->engine ? insp_engine_unknown_id(rows->engine)
                                   : 0);
    finish(conn, &out);
}

static void
command_uplinks(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux OVS_UNUSED)
{
    struct request request;
    struct ovsext_out out;

    if (!parse_request(conn, argc, argv, &request)) {
        return;
    }
    ovsext_out_init(&out, request.json);
    if (!ovsext_rows()->n_uplinks) {
        ovsext_out_line(&out, "no uplink is configured");
    }
    put_uplinks(&out, read_engine_state());
    finish(conn, &out);
}

/* Each term of the conservation sums by itself. */
static void
put_conservation(struct ovsext_out *out,
                 const struct insp_inspector_stats *s)
{
    ovsext_out_number(out, "seen_packets", s->seen_packets);
    ovsext_out_number(out, "seen_bytes", s->seen_bytes);
    ovsext_out_number(out, "inspected_packets", s->inspected_packets);
    ovsext_out_number(out, "inspected_bytes", s->inspected_bytes);
    ovsext_out_group(out, "skipped");
    for (enum insp_skip i = 0; i < INSP_N_SKIPS; i++) {
        ovsext_out_number(out, insp_skip_word(i), s->skipped[i]);
    }
    ovsext_out_end(out);
    ovsext_out_group(out, "lost");
    for (enum insp_lost i = 0; i < INSP_N_LOSTS; i++) {
        ovsext_out_number(out, insp_lost_word(i), s->lost[i]);
    }
    ovsext_out_end(out);
}

static void
put_table_stats(struct ovsext_out *out, const struct insp_table_stats *table)
{
    ovsext_out_group(out, "table");
    ovsext_out_number(out, "connections", table->connections);
    ovsext_out_number(out, "flow_limit", table->flow_limit);
    ovsext_out_number(out, "half_open", table->half_open);
    ovsext_out_number(out, "remainders", table->remainders);
    ovsext_out_number(out, "begun", table->begun);
    ovsext_out_group(out, "ended");
    for (enum insp_end_reason i = INSP_END_NONE + 1; i < INSP_N_ENDS; i++) {
        ovsext_out_number(out, insp_end_reason_word(i), table->ended[i]);
    }
    ovsext_out_end(out);
    ovsext_out_group(out, "refused");
    ovsext_out_number(out,
                      insp_remainder_word(INSP_REMAINDER_TABLE_FULL),
                      table->refused[INSP_REMAINDER_TABLE_FULL]);
    ovsext_out_number(out, insp_remainder_word(INSP_REMAINDER_QUOTA),
                      table->refused[INSP_REMAINDER_QUOTA]);
    ovsext_out_end(out);
    ovsext_out_number(out, "foreign_packets", table->foreign_packets);
    ovsext_out_number(out, "owner_moves", table->owner_moves);
    ovsext_out_number(out, "memory_bytes", table->bytes);
    ovsext_out_end(out);
}

static void
put_stats(struct ovsext_out *out, const struct ovsext_inspector *inspector,
          const struct insp_inspector_stats *s)
{
    ovsext_out_item(out, "inspector %s", inspector->name);
    if (out->json) {
        ovsext_out_text(out, "name", inspector->name);
    }
    ovsext_out_text(out, "state", ovsext_inspector_state(inspector, s));
    if (s) {
        ovsext_out_number(out, "policy_version", s->policy_version);
        put_conservation(out, s);
        ovsext_out_group(out, "verdicts");
        for (enum insp_verdict_kind i = 0; i < ARRAY_SIZE(s->verdicts);
             i++) {
            ovsext_out_number(out, insp_verdict_word(i), s->verdicts[i]);
        }
        ovsext_out_end(out);
        ovsext_out_group(out, "packets");
        for (enum insp_packet_fact i = 0; i < INSP_N_PACKET_FACTS; i++) {
            ovsext_out_number(out, insp_packet_fact_word(i), s->facts[i]);
        }
        ovsext_out_end(out);
        ovsext_out_number(out, "catch_all_packets", s->catch_all_packets);
        put_table_stats(out, &s->table);
    }
    ovsext_out_end(out);
}

static void
command_stats(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    const struct ovsext_rows *rows = ovsext_rows();
    const struct engine_state *state;
    struct ovsext_run_stats run;
    struct request request;
    struct ovsext_out out;

    if (!parse_request(conn, argc, argv, &request)) {
        return;
    }
    state = read_engine_state();
    ovsext_run_get_stats(&run);
    ovsext_out_init(&out, request.json);
    ovsext_out_list(&out, "inspectors");
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        if (concerns(&request, &rows->inspectors[i])) {
            put_stats(&out, &rows->inspectors[i],
                      stats_of(state, &rows->inspectors[i]));
        }
    }
    ovsext_out_end(&out);
    ovsext_out_group(&out, "switch");
    ovsext_out_number(&out, "workers", ovsext_worker_count());
    ovsext_out_number(&out, "unknown_id_packets",
                      rows->engine ? insp_engine_unknown_id(rows->engine)
                                   : 0);
    ovsext_out_number(&out, "dropped", run.dropped);
    ovsext_out_number(&out, "reset", run.reset);
    ovsext_out_number(&out, "redirected", run.redirected);
    ovsext_out_number(&out, "function_down", run.function_down);
    ovsext_out_end(&out);
    finish(conn, &out);
}

/* Jobs. */
static void *
run_job(void *job_)
{
    struct job *job = job_;

    /* It holds nothing that RCU protects, and it may wait for long. */
    ovsrcu_quiesce_start();
    job->ask(job);
    atomic_store(&job->done, true);
    seq_change(jobs_seq);
    return NULL;
}

static void
begin_job(struct unixctl_conn *conn, const struct request *request,
          size_t n_max, void (*ask)(struct job *),
          void (*answer)(struct job *))
{
    struct insp_engine *engine = ovsext_rows()->engine;

    for (size_t i = 0; engine && i < MAX_JOBS; i++) {
        struct job *job = &jobs[i];

        if (!job->conn) {
            memset(job, 0, sizeof *job);
            job->conn = conn;
            job->ask = ask;
            job->answer = answer;
            job->request = *request;
            job->request.name = NULL;
            job->engine = engine;
            job->n_max = n_max;
            job->thread = ovs_thread_create("inspect_ask", run_job, job);
            return;
        }
    }
    unixctl_command_reply_error(conn, engine
                                ? "too many commands at once, try again"
                                : "no inspector is in force");
}

void
ovsext_appctl_run(void)
{
    jobs_seen = seq_read(jobs_seq);
    for (size_t i = 0; i < MAX_JOBS; i++) {
        struct job *job = &jobs[i];

        if (job->conn && atomic_load(&job->done)) {
            xpthread_join(job->thread, NULL);
            if (job->ok) {
                job->answer(job);
            } else {
                unixctl_command_reply_error(
                    job->conn, "the inspector did not answer in time");
            }
            free(job->rows);
            job->conn = NULL;
        }
    }
}

void
ovsext_appctl_wait(void)
{
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (jobs[i].conn) {
            seq_wait(jobs_seq, jobs_seen);
            return;
        }
    }
}

void
ovsext_appctl_exit(void)
{
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (jobs[i].conn) {
            xpthread_join(jobs[i].thread, NULL);
            unixctl_command_reply_error(jobs[i].conn,
                                        "ovs-vswitchd is exiting");
            free(jobs[i].rows);
            jobs[i].conn = NULL;
        }
    }
}

/* Port ids to identities, for as long as a reply is being written. */
struct names {
    struct hmap by_id;
    struct name *array;
};

struct name {
    struct hmap_node node;
    const struct ovsext_port *port;
};

static void
names_init(struct names *names)
{
    const struct ovsext_ports *ports = &ovsext_rows()->ports;

    hmap_init(&names->by_id);
    hmap_reserve(&names->by_id, ports->n);
    names->array = xcalloc(ports->n, sizeof *names->array);
    for (size_t i = 0; i < ports->n; i++) {
        names->array[i].port = ports->owners[i];
        hmap_insert(&names->by_id, &names->array[i].node,
                    hash_int(ports->array[i].id, 0));
    }
}

static const struct insp_port *
names_find(const struct names *names, uint32_t id)
{
    const struct name *name;

    HMAP_FOR_EACH_WITH_HASH (name, node, hash_int(id, 0), &names->by_id) {
        if (name->port->insp.id == id) {
            return &name->port->insp;
        }
    }
    return NULL;
}

static void
names_destroy(struct names *names)
{
    hmap_destroy(&names->by_id);
    free(names->array);
}

/* inspect/flows */
static int
compare_busy(const void *a_, const void *b_)
{
    const struct insp_record_connection *a
        = &((const struct insp_flow_row *) a_)->conn;
    const struct insp_record_connection *b
        = &((const struct insp_flow_row *) b_)->conn;
    uint64_t a_bytes = a->bytes[0] + a->bytes[1];
    uint64_t b_bytes = b->bytes[0] + b->bytes[1];

    return a_bytes > b_bytes ? -1 : a_bytes < b_bytes;
}

static void
ask_flows(struct job *job)
{
    struct insp_flow_row *rows = calloc(job->n_max, sizeof *rows);

    if (!rows) {
        return;
    }
    job->rows = rows;
    job->n = insp_engine_list(job->engine, job->request.inspector, rows,
                              job->n_max, ANSWER_MS);
    if (job->request.sort) {
        qsort(rows, job->n, sizeof *rows, compare_busy);
    }
    job->ok = true;
}

static const char *
flow_state(const struct insp_record_connection *conn)
{
    if (conn->state & INSP_CONN_CLOSED) {
        return "closed";
    } else if (conn->state & INSP_CONN_ESTABLISHED) {
        return "established";
    } else if (conn->state & INSP_CONN_ANSWERED) {
        return "answered";
    }
    return "new";
}

static const char *
proto_name(uint8_t proto, char buffer[8])
{
    switch (proto) {
    case INSP_PROTO_ICMP: return "icmp";
    case INSP_PROTO_TCP: return "tcp";
    case INSP_PROTO_UDP: return "udp";
    case INSP_PROTO_ICMPV6: return "icmp6";
    case INSP_PROTO_SCTP: return "sctp";
    }
    snprintf(buffer, 8, "ip/%u", proto);
    return buffer;
}

static bool
has_ports(uint8_t proto)
{
    return proto == INSP_PROTO_TCP || proto == INSP_PROTO_UDP
           || proto == INSP_PROTO_SCTP;
}

static void
format_address(const struct insp_record_connection *conn, int side,
               char text[INET6_ADDRSTRLEN])
{
    const uint8_t *addr = conn->addr[side];

    if (conn->ip_version == 4) {
        inet_ntop(AF_INET, addr + 12, text, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
    }
}

/* What a person would call the end of a connection. */
static const char *
end_name(const struct insp_port *port)
{
    return !port ? "-" : port->vm_id[0] ? port->vm_id : port->name;
}

static void
put_end(struct ovsext_out *out, const char *key,
        const struct insp_port *port, uint32_t id)
{
    if (!id) {
        return;
    }
    ovsext_out_group(out, key);
    ovsext_out_number(out, "port_id", id);
    if (port) {
        ovsext_out_text(out, "vm_id", port->vm_id);
        ovsext_out_text(out, "iface_id", port->iface_id);
        ovsext_out_text(out, "port", port->name);
        ovsext_out_text(out, "bridge", port->bridge);
        ovsext_out_text(out, "role", insp_port_role_word(port->role));
    }
    ovsext_out_end(out);
}

static void
put_flow_line(struct ovsext_out *out, const struct insp_flow_row *row,
              const struct insp_port *const ends[2])
{
    const struct insp_record_connection *conn = &row->conn;
    const char *open = conn->ip_version == 6 ? "[" : "";
    const char *close = conn->ip_version == 6 ? "]" : "";
    char address[2][INET6_ADDRSTRLEN];
    char ports[2][8] = { "", "" };
    char proto[8];

    for (int i = 0; i < 2; i++) {
        format_address(conn, i, address[i]);
        if (has_ports(conn->proto)) {
            snprintf(ports[i], sizeof ports[i], ":%u", conn->l4_port[i]);
        }
    }
    ovsext_out_line(out, "%s %s%s%s%s > %s%s%s%s, %s > %s, "
                    "packets %"PRIu64"/%"PRIu64", bytes %"PRIu64"/%"PRIu64
                    ", %s, age %.1fs, idle %.1fs%s%s",
                    proto_name(conn->proto, proto),
                    open, address[0], close, ports[0],
                    open, address[1], close, ports[1],
                    end_name(ends[0]), end_name(ends[1]),
                    conn->packets[0], conn->packets[1],
                    conn->bytes[0], conn->bytes[1], flow_state(conn),
                    (conn->end_ns - conn->start_ns + row->idle_ns) / 1e9,
                    row->idle_ns / 1e9,
                    conn->verdict ? ", " : "",
                    conn->verdict ? insp_verdict_word(conn->verdict) : "");
}

static void
put_flow_object(struct ovsext_out *out, const struct insp_flow_row *row,
                const struct insp_port *const ends[2])
{
    const struct insp_record_connection *conn = &row->conn;
    char address[INET6_ADDRSTRLEN];
    char proto[8];

    ovsext_out_item(out, " ");
    ovsext_out_text(out, "proto", proto_name(conn->proto, proto));
    format_address(conn, 0, address);
    ovsext_out_text(out, "src_ip", address);
    format_address(conn, 1, address);
    ovsext_out_text(out, "dest_ip", address);
    if (has_ports(conn->proto)) {
        ovsext_out_number(out, "src_port", conn->l4_port[0]);
        ovsext_out_number(out, "dest_port", conn->l4_port[1]);
    } else if (conn->proto == INSP_PROTO_ICMP
               || conn->proto == INSP_PROTO_ICMPV6) {
        ovsext_out_number(out, "icmp_type", conn->icmp_type);
        ovsext_out_number(out, "icmp_code", conn->icmp_code);
    }
    put_end(out, "src", ends[0], conn->port_id[0]);
    put_end(out, "dest", ends[1], conn->port_id[1]);
    ovsext_out_number(out, "pkts_toserver", conn->packets[0]);
    ovsext_out_number(out, "pkts_toclient", conn->packets[1]);
    ovsext_out_number(out, "bytes_toserver", conn->bytes[0]);
    ovsext_out_number(out, "bytes_toclient", conn->bytes[1]);
    ovsext_out_text(out, "state", flow_state(conn));
    ovsext_out_text(out, "verdict", insp_verdict_word(conn->verdict));
    ovsext_out_number(out, "policy_version", conn->policy_version);
    ovsext_out_bool(out, "intra_host", conn->intra_host);
    ovsext_out_number(out, "start_ms", conn->start_ns / 1000000);
    ovsext_out_number(out, "idle_ms", row->idle_ns / 1000000);
    ovsext_out_end(out);
}

static void
answer_flows(struct job *job)
{
    const struct insp_flow_row *rows = job->rows;
    size_t n = MIN(job->n, job->request.limit);
    struct ovsext_out out;
    struct names names;

    names_init(&names);
    ovsext_out_init(&out, job->request.json);
    ovsext_out_list(&out, "flows");
    for (size_t i = 0; i < n; i++) {
        const struct insp_port *const ends[2] = {
            names_find(&names, rows[i].conn.port_id[0]),
            names_find(&names, rows[i].conn.port_id[1]),
        };

        if (out.json) {
            put_flow_object(&out, &rows[i], ends);
        } else {
            put_flow_line(&out, &rows[i], ends);
        }
    }
    ovsext_out_end(&out);
    if (out.json) {
        ovsext_out_bool(&out, "complete", job->n <= job->request.limit);
    } else if (job->n > job->request.limit) {
        ovsext_out_line(&out, "there are more; --limit=N shows up to N, "
                        "%d at most", MAX_FLOWS);
    }
    names_destroy(&names);
    finish(job->conn, &out);
}

static void
command_flows(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct request request;

    if (parse_request(conn, argc, argv, &request)) {
        /* One more than wanted tells whether there are more. */
        begin_job(conn, &request,
                  request.sort ? MAX_FLOWS + 1 : request.limit + 1, ask_flows,
                  answer_flows);
    }
}

/* inspect/flush */
static void
ask_flush(struct job *job)
{
    job->ok = insp_engine_flush(job->engine, job->request.inspector,
                                FLUSH_MS);
}

static void
answer_flush(struct job *job)
{
    unixctl_command_reply(job->conn, job->request.json
                          ? "{\"flushed\":true}" : NULL);
}

static void
command_flush(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct request request;

    if (parse_request(conn, argc, argv, &request)) {
        begin_job(conn, &request, 0, ask_flush, answer_flush);
    }
}

/* inspect/coverage */
static void
ask_coverage(struct job *job)
{
    job->rows = calloc(job->n_max, sizeof(struct insp_port_stats));
    if (job->rows) {
        job->n = insp_engine_get_port_stats(job->engine, job->rows,
                                            job->n_max);
        job->ok = true;
    }
}

/* What of a port's traffic the inspectors of its bridge should see. */
enum reach {
    REACH_NONE,
    REACH_FLOWS,                    /* What flows say. */
    REACH_VM_TO_VM,
    REACH_ALL,                      /* All of a VM port's. */
};

struct coverage {
    const char *state;
    const char *why;
    uint64_t carried;
    uint64_t inspected;
};

/* Returns what the bridge's inspectors reach, and if that is nothing, why. */
static enum reach
reach_of(const struct ovsrec_bridge *bridge, const struct engine_state *state,
         const char **why)
{
    const struct ovsext_rows *rows = ovsext_rows();
    enum reach reach = REACH_NONE;

    *why = "no inspector on its bridge";
    for (size_t i = 0; i < bridge->n_inspectors; i++) {
        for (size_t j = 0; j < rows->n_inspectors; j++) {
            const struct ovsext_inspector *inspector = &rows->inspectors[j];
            enum reach its = REACH_ALL;

            if (!uuid_equals(&inspector->uuid,
                             &bridge->inspectors[i]->header_.uuid)) {
                continue;
            }
            if (strcmp(ovsext_inspector_state(inspector,
                                              stats_of(state, inspector)),
                       "active")) {
                *why = inspector->config.base.enabled
                       ? "its inspector is in error; see status:error"
                       : "its inspector is disabled";
                continue;
            }
            switch (inspector->config.select) {
            case INSP_SELECT_FLOWS: its = REACH_FLOWS; break;
            case INSP_SELECT_VM_TO_VM: its = REACH_VM_TO_VM; break;
            case INSP_SELECT_VM:
            case INSP_SELECT_ALL: break;
            }
            reach = MAX(reach, its);
        }
    }
    return reach;
}

static void
judge_coverage(struct coverage *c, const struct ovsrec_bridge *bridge,
               const struct engine_state *state)
{
    const char *fault = ovsext_bridge_fault(bridge);
    const char *why;
    enum reach reach;

    if (fault) {
        c->state = "blind";
        c->why = fault;
        return;
    }
    reach = reach_of(bridge, state, &why);
    c->why = NULL;
    if (reach == REACH_NONE) {
        c->state = "unprotected";
        c->why = why;
    } else if (!c->carried && reach > REACH_FLOWS) {
        c->state = "protected";
    } else if (!c->inspected) {
        c->state = "unprotected";
        c->why = (reach == REACH_FLOWS
                  ? "select=flows, and no flow has had it inspected"
                  : reach == REACH_VM_TO_VM
                  ? "select=vm-to-vm, and it has not talked to a VM here"
                  : "it has carried packets of which none was inspected");
    } else if (c->inspected >= c->carried) {
        c->state = "protected";
    } else {
        c->state = "partly";
        c->why = (reach == REACH_FLOWS
                  ? "select=flows, and flows have a part of it inspected"
                  : reach == REACH_VM_TO_VM
                  ? "select=vm-to-vm: the rest was not between VMs here, was "
                    "flooded to it, or came before the inspector was on"
                  : "packets that flows drop, or that were carried while the "
                    "inspector was off, are not inspected");
    }
}

static int
compare_stats(const void *a_, const void *b_)
{
    const struct insp_port_stats *a = a_, *b = b_;

    return a->id < b->id ? -1 : a->id > b->id;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct ovsext_port *const *a = a_;
    const struct ovsext_port *const *b = b_;
    int order = strcmp((*a)->insp.bridge, (*b)->insp.bridge);

    return order ? order : strcmp((*a)->insp.name, (*b)->insp.name);
}

static void
put_coverage(struct ovsext_out *out, const struct ovsext_port *port,
             const struct coverage *c)
{
    const struct insp_port *insp = &port->insp;

    if (!out->json) {
        ovsext_out_line(out, "%s on %s (%s): %s, %"PRIu64" of %"PRIu64
                        " bytes inspected%s%s", insp->name, insp->bridge,
                        insp->vm_id[0] ? insp->vm_id : insp->iface_id[0]
                        ? insp->iface_id : "listed", c->state, c->inspected,
                        c->carried, c->why ? "; " : "", c->why ? c->why : "");
        return;
    }
    ovsext_out_item(out, " ");
    ovsext_out_text(out, "port", insp->name);
    ovsext_out_text(out, "bridge", insp->bridge);
    ovsext_out_text(out, "vm_id", insp->vm_id);
    ovsext_out_text(out, "iface_id", insp->iface_id);
    ovsext_out_number(out, "port_id", insp->id);
    ovsext_out_text(out, "state", c->state);
    ovsext_out_text(out, "why", c->why);
    ovsext_out_number(out, "forwarded_bytes", c->carried);
    ovsext_out_number(out, "inspected_bytes", c->inspected);
    ovsext_out_end(out);
}

static void
put_all_coverage(struct ovsext_out *out, struct insp_port_stats *stats,
                 size_t n_stats)
{
    const struct ovsext_rows *rows = ovsext_rows();
    const struct engine_state *state = read_engine_state();
    struct ovsext_port **ports;
    size_t n = 0;

    if (n_stats) {
        qsort(stats, n_stats, sizeof *stats, compare_stats);
    }
    ports = xcalloc(rows->ports.n, sizeof *ports);
    for (size_t i = 0; i < rows->ports.n; i++) {
        if (rows->ports.array[i].role == INSP_PORT_VM) {
            ports[n++] = rows->ports.owners[i];
        }
    }
    qsort(ports, n, sizeof *ports, compare_ports);

    ovsext_out_list(out, "ports");
    for (size_t i = 0; i < n; i++) {
        struct insp_port_stats key = { .id = ports[i]->insp.id };
        const struct insp_port_stats *s;
        const struct ovsrec_bridge *bridge;
        struct coverage c;

        s = n_stats ? bsearch(&key, stats, n_stats, sizeof *stats,
                              compare_stats) : NULL;
        bridge = ovsrec_bridge_get_for_uuid(rows->idl,
                                            &ports[i]->bridge_uuid);
        if (bridge) {
            memset(&c, 0, sizeof c);
            c.inspected = s ? s->in_bytes + s->out_bytes : 0;
            ovsext_port_carried(ports[i], &c.carried);
            judge_coverage(&c, bridge, state);
            put_coverage(out, ports[i], &c);
        }
    }
    ovsext_out_end(out);
    if (!n) {
        ovsext_out_line(out, rows->n_inspectors
                        ? "no VM port: none has external_ids:vm-uuid or "
                          "vm-id, and Inspector.ports lists none"
                        : "no inspector is configured");
    }
    free(ports);
}

static void
answer_coverage(struct job *job)
{
    struct ovsext_out out;

    ovsext_out_init(&out, job->request.json);
    put_all_coverage(&out, job->rows, job->n);
    finish(job->conn, &out);
}

static void
command_coverage(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *aux OVS_UNUSED)
{
    const struct ovsext_rows *rows = ovsext_rows();
    struct request request;
    struct ovsext_out out;

    if (!parse_request(conn, argc, argv, &request)) {
        return;
    }
    if (rows->engine && rows->ports.n) {
        begin_job(conn, &request, rows->ports.n, ask_coverage,
                  answer_coverage);
    } else {
        ovsext_out_init(&out, request.json);
        put_all_coverage(&out, NULL, 0);
        finish(conn, &out);
    }
}

void
ovsext_appctl_init(void)
{
    jobs_seq = seq_create();
    unixctl_command_register("inspect/show", "[--json] [inspector]", 0, 2,
                             command_show, NULL);
    unixctl_command_register("inspect/stats", "[--json] [inspector]", 0, 2,
                             command_stats, NULL);
    unixctl_command_register("inspect/uplinks", "[--json]", 0, 1,
                             command_uplinks, NULL);
    unixctl_command_register("inspect/flows",
                             "[--json] [--sort] [--limit=N] [inspector]", 0,
                             4, command_flows, NULL);
    unixctl_command_register("inspect/coverage", "[--json]", 0, 1,
                             command_coverage, NULL);
    unixctl_command_register("inspect/flush", "[--json] [inspector]", 0, 2,
                             command_flush, NULL);
}
