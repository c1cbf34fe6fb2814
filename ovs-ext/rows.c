/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The rows are read over a connection of our own to the database server, not
 * over the one of bridge.c: there, every change of ours (an interface's
 * external_ids, a counter's reset) would make Open vSwitch configure all of
 * its bridges again.  bridge.c's connection keeps one column of ours,
 * Inspector.name, and when there is a first row in it the configuration
 * thread begins, which owns our connection; a switch without an inspector is
 * as it was.
 *
 * It is a thread of its own because reading ten thousand rules, or four
 * thousand ports, takes longer than the main thread may stay away from the
 * ports that it polls.  The main thread is woken when there is another view,
 * and that is all that it has to do with it.
 *
 * One turn:
 *
 *     waiting for the engine?   in force yet: publish the view, go on
 *                               not yet: look again in a millisecond
 *     rows or devices changed?  read all rows, freeze the policies that are
 *                               new, hand them to the engine, wait
 *     probes                    (probe.c)
 *     status                    (status.c)
 *
 * Rows are not read again while the engine works on the last ones, so that
 * the view never names a port id that the engine does not know.  The other
 * way round holds as well: ids that have died stay in datapath flows until
 * revalidation is through, and the engine counts their packets as
 * remainders.  Functions are the other way about: the view knows a new one
 * before the engine judges to it, so that there is a way to it by then.
 *
 * What other threads see is a struct ovsext_rows, made anew by each reading
 * and counted by references. */

#include <config.h>

#include "ovs-ext/rows.h"

#include <errno.h>
#include <unistd.h>

#include "connectivity.h"
#include "engine/engine.h"
#include "latch.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/appctl.h"
#include "ovs-ext/crash.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/host.h"
#include "ovs-ext/probe.h"
#include "ovs-ext/row-inspector.h"
#include "ovs-ext/row-policy.h"
#include "ovs-ext/row-shared.h"
#include "ovs-ext/row-view.h"
#include "ovs-ext/status.h"
#include "ovs-ext/view.h"
#include "ovs-thread.h"
#include "ovsdb-idl-provider.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_rows);

#define RETRY_MS          1000 /* After memory was out. */
#define AGAIN_MS          5000 /* After it was out for a table. */
#define EXIT_FLUSH_MS     1000 /* For last records at exit. */
#define STATS_INTERVAL_MS 5000 /* If the database does not say. */

/* The main thread's. */
static char *remote;
static bool started;
static pthread_t thread;
static struct latch exit_latch;
static struct seq *view_seq; /* Changes with the view. */
static uint64_t view_seen;

/* The configuration thread's; the main thread's when that has ended. */
static struct ovsdb_idl *idl;
static struct insp_engine *engine;
static struct ovsext_ports ports;
static struct ovsext_policies policies;
static struct ovsext_rows *rows;    /* As read last; NULL at first. */
static struct ovsext_rows *in_view; /* That the view was made of. */
static uint64_t rows_serial;        /* Raised when rows are in force. */
static struct ovsext_probe_target *targets; /* With texts of 'in_view'. */
static size_t n_targets;

/* What was read last. */
static unsigned int idl_seqno;
static uint64_t device_seqno;

/* What is on its way to the engine, or 0; when to try again, or 0. */
static uint64_t pending_serial;
static long long int retry_at;

/* What the engine got last, to see whether there is anything new. */
static struct {
    char sensor[INSP_NAME_SIZE];
    struct insp_inspector_config inspectors[INSP_MAX_INSPECTORS];
    size_t n_inspectors;
    struct insp_uplink_config uplinks[INSP_MAX_UPLINKS];
    size_t n_uplinks;
    bool valid;
} applied;

/* Reading. */
static void
read_switch(struct ovsext_rows *new)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(idl);

    new->stats_interval_ms = STATS_INTERVAL_MS;
    if (ovs) {
        new->stats_interval_ms =
            smap_get_int(&ovs->other_config, "stats-update-interval",
                         STATS_INTERVAL_MS);
    }
}

static bool
read_ports(struct ovsext_rows *new, bool devices)
{
    char *keys = ovsext_identity_keys(new);
    struct sset listed;
    bool changed;

    ovsext_listed_ports(idl, &listed);
    if (new->n_inspectors) {
        changed = ovsext_ports_update(&ports, idl, keys, policies.rules.keys,
                                      &listed, devices);
        ovsext_ports_note_baselines(&ports);
    } else {
        changed = ports.n > 0;
        ovsext_ports_clear(&ports);
    }
    for (size_t i = 0; i < new->n_bridges; i++) {
        struct ovsext_bridge *bridge = &new->bridges[i];

        bridge->id = ovsext_ports_bridge_id(&ports, &bridge->uuid);
    }
    new->ports = ovsext_ports_list(&ports);
    ovsext_check_listed_ports(new, idl);
    sset_destroy(&listed);
    free(keys);
    return changed;
}

/* To the engine. */
static bool
start_engine(struct ovsext_rows *new)
{
    struct insp_host host;
    int error;

    if (engine) {
        return true;
    }
    ovsext_host_init(&host);
    error = insp_engine_create(&host, &engine);
    if (error) {
        engine = NULL;
        new->error =
            xasprintf("the inspector cannot start: %s", ovs_strerror(error));
        VLOG_ERR("%s", new->error);
        return false;
    }
    ovsext_run_set_engine(engine);
    ovsext_crash_set_engine(engine);
    return true;
}

/* Off; but its table stays as it was, so that the connections in it do not
 * end for a slip of the pen.  One that had been switched off has none. */
static void
keep_disabled(struct insp_inspector_config *config)
{
    for (size_t i = 0; applied.valid && i < applied.n_inspectors; i++) {
        if (applied.inspectors[i].id == config->id) {
            *config = applied.inspectors[i];
        }
    }
    config->keeps_table |= config->enabled;
    config->enabled = false;
}

static size_t
make_inspectors(const struct ovsext_rows *new,
                struct insp_inspector_config *configs)
{
    size_t n = 0;

    for (size_t i = 0; i < new->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &new->inspectors[i];
        struct insp_inspector_config *config = &configs[n];
        const struct ovsext_policy *policy;

        if (!ovsext_inspector_is_callable(new, i)) {
            continue;
        }
        *config = inspector->config.base;
        config->readers_off |= ovsext_crash_readers();
        if (inspector->faults.n) {
            keep_disabled(config);
        }
        policy = ovsext_policies_find(&policies, &inspector->uuid);
        config->binding = policy ? policy->binding : NULL;
        config->functions = policy ? policy->functions : NULL;
        config->n_functions = policy ? policy->n_functions : 0;
        n++;
    }
    return n;
}

static size_t
make_uplinks(const struct ovsext_rows *new, struct insp_uplink_config *configs)
{
    size_t n = 0;

    for (size_t i = 0; i < new->n_uplinks &&n < INSP_MAX_UPLINKS; i++) {
        const struct ovsext_uplink *uplink = &new->uplinks[i];

        if (!uplink->faults.n && uplink->config.enabled &&
            uplink->config.base.n_inspectors) {
            configs[n++] = uplink->config.base;
        }
    }
    return n;
}

static void
read_sensor(char *sensor, size_t size)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(idl);
    const char *id = ovs ? smap_get(&ovs->external_ids, "system-id") : NULL;

    memset(sensor, 0, size);
    if (id && *id) {
        ovs_strlcpy(sensor, id, size);
    } else if (gethostname(sensor, size - 1)) {
        ovs_strlcpy(sensor, "unnamed", size);
    }
}

static bool
is_applied(const struct insp_engine_config *config)
{
    return applied.valid && !strcmp(applied.sensor, config->sensor) &&
           applied.n_inspectors == config->n_inspectors &&
           applied.n_uplinks == config->n_uplinks &&
           !memcmp(applied.inspectors, config->inspectors,
                   config->n_inspectors * sizeof *config->inspectors) &&
           !memcmp(applied.uplinks, config->uplinks,
                   config->n_uplinks * sizeof *config->uplinks);
}

static void
note_applied(const struct insp_engine_config *config)
{
    memcpy(applied.sensor, config->sensor, sizeof applied.sensor);
    memcpy(applied.inspectors, config->inspectors,
           config->n_inspectors * sizeof *config->inspectors);
    memcpy(applied.uplinks, config->uplinks,
           config->n_uplinks * sizeof *config->uplinks);
    applied.n_inspectors = config->n_inspectors;
    applied.n_uplinks = config->n_uplinks;
    applied.valid = true;
}

static void
publish_view(const struct ovsext_rows *which)
{
    if (ovsext_rows_publish_view(which, &policies)) {
        seq_change(view_seq);
    }
}

/* Hands what has been read to the engine, if it is new. */
static void
apply(struct ovsext_rows *new, bool ports_changed)
{
    static struct insp_inspector_config inspectors[INSP_MAX_INSPECTORS];
    static struct insp_uplink_config uplinks[INSP_MAX_UPLINKS];
    struct insp_engine_config config;

    memset(&config, 0, sizeof config);
    memset(inspectors, 0, sizeof inspectors);
    memset(uplinks, 0, sizeof uplinks);
    config.inspectors = inspectors;
    config.n_inspectors = make_inspectors(new, inspectors);
    config.uplinks = uplinks;
    config.n_uplinks = make_uplinks(new, uplinks);
    config.ports = new->ports->array;
    config.n_ports = new->ports->n;
    read_sensor(config.sensor, sizeof config.sensor);

    if (!ports_changed && !policies.changed && is_applied(&config)) {
        /* In force already, but for the view. */
        pending_serial = insp_engine_applied(engine);
        return;
    }
    if (policies.function_came && in_view) {
        publish_view(in_view);
    }
    pending_serial = insp_engine_apply(engine, &config);
    if (!pending_serial) {
        new->error = xstrdup("no memory for a new configuration; the last "
                             "one stays in force");
        VLOG_ERR("%s", new->error);
        applied.valid = false;
        retry_at = time_msec() + RETRY_MS;
        return;
    }
    note_applied(&config);
}

static void
reread(void)
{
    uint64_t began_ns = ovsext_monotonic_ns();
    bool devices = seq_read(connectivity_seq_get()) != device_seqno;
    struct ovsext_rows *new = ovsext_rows_create();
    bool ports_changed;

    idl_seqno = ovsdb_idl_get_seqno(idl);
    device_seqno = seq_read(connectivity_seq_get());
    retry_at = 0;

    read_switch(new);
    ovsext_read_inspectors(new, idl);
    ovsext_policies_read(&policies, idl);
    ports_changed = read_ports(new, devices);
    VLOG_DBG("read rows, %" PRIuSIZE " of rules and sets anew, %" PRIuSIZE
             " ports, in %" PRIu64 " us",
             policies.rules.n_parsed, ports.n,
             (ovsext_monotonic_ns() - began_ns) / 1000);

    ovsext_policies_update(&policies, idl, ports_changed, new);
    if (policies.retry) {
        retry_at = time_msec() + RETRY_MS;
    }
    if (engine || new->n_inspectors) {
        if (start_engine(new)) {
            apply(new, ports_changed);
        } else {
            retry_at = time_msec() + RETRY_MS;
        }
    }
    new->engine = engine;
    ovsext_log_faults(rows, new);
    ovsext_rows_show(new);
    ovsext_rows_unref(rows);
    rows = new;
    rows_serial++;
    VLOG_DBG("handed rows over after %" PRIu64 " us",
             (ovsext_monotonic_ns() - began_ns) / 1000);
}

static bool
must_reread(void)
{
    return ovsdb_idl_get_seqno(idl) != idl_seqno ||
           seq_read(connectivity_seq_get()) != device_seqno || !ports.list ||
           (retry_at && time_msec() >= retry_at) ||
           time_msec() >= ovsext_policies_next_leave(&policies);
}

/* In force. */
static void
set_targets(const struct ovsext_rows *which)
{
    free(targets);
    targets = xcalloc(which->n_functions, sizeof *targets);
    n_targets = 0;
    for (size_t i = 0; i < which->n_functions; i++) {
        const struct ovsext_function *function = &which->functions[i];

        if (function->in_force) {
            targets[n_targets++] = (struct ovsext_probe_target){
                .function = function->config.base.id,
                .ports = { function->config.input_port,
                           function->config.output_port },
            };
        }
    }
}

static void
go_in_force(void)
{
    pending_serial = 0;
    publish_view(rows);
    ovsext_rows_unref(in_view);
    in_view = ovsext_rows_keep(rows);
    ovsext_policies_in_force(&policies, rows);
    set_targets(in_view);
    rows_serial++;
    if (insp_engine_lacks_memory(engine)) {
        /* What another inspector has given back comes late. */
        applied.valid = false;
        retry_at = time_msec() + AGAIN_MS;
    }
}

/* The thread. */
static void
tell_status(void)
{
    const struct ovsext_told told = {
        .idl = idl,
        .rows = rows,
        .policies = &policies,
        .serial = rows_serial,
        .all_in_force = rows && !pending_serial,
    };

    ovsext_status_run(&told);
}

static void
run_turn(void)
{
    ovsdb_idl_run(idl);
    if (!ovsdb_idl_has_ever_connected(idl)) {
        return;
    }
    if (pending_serial && insp_engine_applied(engine) >= pending_serial) {
        go_in_force();
    }
    if (!pending_serial && must_reread()) {
        reread();
    }
    if (ovsext_ports_note_baselines(&ports)) {
        poll_immediate_wake();
    }
    if (engine) {
        ovsext_probe_run(engine, targets, n_targets);
    }
    tell_status();
}

static void
wait_turn(void)
{
    ovsdb_idl_wait(idl);
    latch_wait(&exit_latch);
    if (pending_serial) {
        poll_timer_wait(1);
    } else if (ovsdb_idl_has_ever_connected(idl)) {
        long long int leave = ovsext_policies_next_leave(&policies);

        if (must_reread()) {
            poll_immediate_wake();
        }
        seq_wait(connectivity_seq_get(), device_seqno);
        if (retry_at) {
            poll_timer_wait_until(retry_at);
        }
        if (leave != LLONG_MAX) {
            poll_timer_wait_until(leave);
        }
    }
    if (n_targets) {
        ovsext_probe_wait();
    }
    ovsext_status_wait();
}

/* Columns that we only write must not report themselves as changes. */
static void
monitor_output(const struct ovsdb_idl_column *column)
{
    ovsdb_idl_add_column(idl, column);
    ovsdb_idl_omit_alert(idl, column);
}

/* What others keep in external_ids is no change of ours. */
static void
monitor_all(const struct ovsdb_idl_column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(columns[i].name, "external_ids")) {
            ovsdb_idl_add_column(idl, &columns[i]);
        }
    }
}

static void
connect_database(void)
{
    idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_external_ids);
    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_other_config);
    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_ssl);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_private_key);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_certificate);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_ca_cert);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_bootstrap_ca_cert);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_datapath_type);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_ports);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_inspectors);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_interfaces);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_tag);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_vlan_mode);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_type);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_external_ids);
    monitor_all(ovsrec_inspector_columns, OVSREC_INSPECTOR_N_COLUMNS);
    monitor_all(ovsrec_inspect_uplink_columns,
                OVSREC_INSPECT_UPLINK_N_COLUMNS);
    monitor_all(ovsrec_inspect_rule_columns, OVSREC_INSPECT_RULE_N_COLUMNS);
    monitor_all(ovsrec_inspect_function_columns,
                OVSREC_INSPECT_FUNCTION_N_COLUMNS);
    monitor_all(ovsrec_inspect_address_set_columns,
                OVSREC_INSPECT_ADDRESS_SET_N_COLUMNS);
    monitor_output(&ovsrec_inspector_col_status);
    monitor_output(&ovsrec_inspector_col_statistics);
    monitor_output(&ovsrec_inspector_col_cur_cfg);
    monitor_output(&ovsrec_inspect_uplink_col_status);
    monitor_output(&ovsrec_inspect_uplink_col_statistics);
    monitor_output(&ovsrec_inspect_uplink_col_is_connected);
    monitor_output(&ovsrec_inspect_rule_col_status);
    monitor_output(&ovsrec_inspect_function_col_status);
    monitor_output(&ovsrec_inspect_function_col_statistics);
    monitor_output(&ovsrec_inspect_address_set_col_status);
    idl_seqno = ovsdb_idl_get_seqno(idl);
}

static void *
run_thread(void *aux OVS_UNUSED)
{
    connect_database();
    while (!latch_is_set(&exit_latch)) {
        run_turn();
        wait_turn();
        poll_block();
    }
    ovsext_probe_exit();
    ovsext_status_exit();
    ovsdb_idl_destroy(idl);
    idl = NULL;
    return NULL;
}

/* The main thread. */
static void
omit_all(struct ovsdb_idl *bridge_idl, const struct ovsdb_idl_column *columns,
         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (&columns[i] != &ovsrec_inspector_col_name) {
            ovsdb_idl_omit(bridge_idl, &columns[i]);
        }
    }
}

void
ovsext_bridge_init(struct ovsdb_idl *bridge_idl, const char *remote_)
{
    struct ovsext_rows *none = ovsext_rows_create();

    omit_all(bridge_idl, ovsrec_inspector_columns, OVSREC_INSPECTOR_N_COLUMNS);
    omit_all(bridge_idl, ovsrec_inspect_uplink_columns,
             OVSREC_INSPECT_UPLINK_N_COLUMNS);
    omit_all(bridge_idl, ovsrec_inspect_rule_columns,
             OVSREC_INSPECT_RULE_N_COLUMNS);
    omit_all(bridge_idl, ovsrec_inspect_function_columns,
             OVSREC_INSPECT_FUNCTION_N_COLUMNS);
    omit_all(bridge_idl, ovsrec_inspect_address_set_columns,
             OVSREC_INSPECT_ADDRESS_SET_N_COLUMNS);
    ovsdb_idl_omit(bridge_idl, &ovsrec_bridge_col_inspectors);

    remote = xstrdup(remote_);
    view_seq = seq_create();
    latch_init(&exit_latch);
    ovsext_ports_init(&ports);
    ovsext_policies_init(&policies);
    none->ports = ovsext_ports_list(&ports);
    ovsext_rows_show(none);
    ovsext_rows_unref(none);
    ovsext_appctl_init();
    ovsext_crash_init();
}

void
ovsext_bridge_run(struct ovsdb_idl *bridge_idl)
{
    view_seen = seq_read(view_seq);
    ovsext_appctl_run();
    if (!started && ovsrec_inspector_first(bridge_idl)) {
        started = true;
        thread = ovs_thread_create("inspect-config", run_thread, NULL);
    }
}

void
ovsext_bridge_wait(struct ovsdb_idl *bridge_idl OVS_UNUSED)
{
    ovsext_appctl_wait();
    seq_wait(view_seq, view_seen);
}

static void
stop_thread(void)
{
    if (started) {
        latch_set(&exit_latch);
        xpthread_join(thread, NULL);
        started = false;
    }
    latch_destroy(&exit_latch);
}

void
ovsext_exit(void)
{
    ovsext_appctl_exit();
    stop_thread();
    ovsext_run_set_engine(NULL);
    ovsext_crash_set_engine(NULL);
    if (engine) {
        insp_engine_destroy(engine, EXIT_FLUSH_MS);
        engine = NULL;
    }
    ovsext_rows_show(NULL);
    ovsext_rows_unref(in_view);
    ovsext_rows_unref(rows);
    in_view = rows = NULL;
    ovsext_ports_destroy(&ports);
    ovsext_policies_destroy(&policies);
    ovsext_view_destroy();
    seq_destroy(view_seq);
    free(targets);
    free(remote);
    remote = NULL;
}
