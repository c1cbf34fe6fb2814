/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a configuration in force, on the control thread.
 *
 *     1. ports: identities go to the exporter before any record names them
 *     2. inspectors: found or begun by id; another table size or time-out
 *        means another table, the old one is emptied beside it
 *     3. uplinks to the drain
 *     4. a new snapshot, published with one store; what only the old one
 *        referred to waits for a grace period */

#include "engine/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MS UINT64_C(1000000)

static void
retire(struct insp_engine *engine, struct insp_snapshot *snapshot,
       struct insp_binding *binding, bool is_last)
{
    struct insp_retired *retired;

    if (!snapshot && !binding) {
        return;
    }
    retired = malloc(sizeof *retired);
    if (!retired) {
        /* Better a leak than a worker with a dangling pointer. */
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "no memory to retire a snapshot: it is never freed");
        return;
    }
    retired->snapshot = snapshot;
    retired->binding = binding;
    retired->is_last = is_last;
    retired->ticket = insp_epoch_ticket(&engine->epoch);
    retired->next = engine->retired;
    engine->retired = retired;
}

void
insp_reclaim(struct insp_engine *engine)
{
    struct insp_retired **at = &engine->retired;

    while (*at) {
        struct insp_retired *retired = *at;

        if (insp_epoch_passed(&engine->epoch, retired->ticket)) {
            *at = retired->next;
            insp_snapshot_destroy(retired->snapshot);
            if (retired->is_last) {
                insp_rules_fold(engine, insp_binding_policy(retired->binding));
            }
            insp_binding_unref(retired->binding);
            free(retired);
        } else {
            at = &retired->next;
        }
    }
}

static struct insp_inspector *
find_or_claim(struct insp_engine *engine, uint32_t id)
{
    struct insp_inspector *unused = NULL;

    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];
        uint32_t its_id = INSP_READ(inspector->id);

        if (its_id == id) {
            return inspector;
        } else if (!its_id && !unused) {
            unused = inspector;
        }
    }
    if (unused) {
        memset(unused, 0, sizeof *unused);
        unused->since_ns = engine->host.monotonic_ns(engine->host.aux);
        unused->catch_all_since_ns = unused->since_ns;
        engine->n_places =
            INSP_MAX(engine->n_places,
                     (size_t) (unused - engine->inspectors) + 1);
        atomic_store_explicit(&unused->id, id, memory_order_release);
    }
    return unused;
}

static void
make_table_config(struct insp_engine *engine,
                  const struct insp_inspector_config *from,
                  const struct insp_table_config *current,
                  struct insp_table_config *to)
{
    memset(to, 0, sizeof *to);
    to->flow_limit = from->flow_limit;
    to->half_open_limit = from->half_open_limit;
    to->port_quota = from->port_quota;
    to->idle_timeout_ns = from->idle_timeout_ms * MS;
    to->active_timeout_ns = from->active_timeout_ms * MS;
    if (current->flow_limit) {
        to->secret = current->secret;
    } else if (engine->host.random(engine->host.aux, &to->secret,
                                   sizeof to->secret)) {
        insp_log(&engine->host, INSP_LOG_WARN,
                 "no randomness: the flow table's hash can be guessed");
        to->secret.k[0] = engine->host.monotonic_ns(engine->host.aux);
    }
}

static void
leave_table(struct insp_engine *engine, struct insp_inspector *inspector)
{
    struct insp_leaving_table *leaving;

    if (!inspector->table) {
        return;
    }
    leaving = calloc(1, sizeof *leaving);
    if (!leaving) {
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "no memory to replace a flow table: its connections are "
                 "never reported");
    } else {
        leaving->inspector = inspector;
        leaving->table = inspector->table;
        leaving->dialogs = inspector->dialogs;
        leaving->next = engine->leaving;
        engine->leaving = leaving;
    }
    inspector->table = NULL;
    inspector->dialogs = NULL;
}

/* A table, and what its connections are read with. */
static int
create_table(struct insp_engine *engine,
             const struct insp_table_config *config, struct insp_table **table,
             struct insp_dialogs **dialogs)
{
    struct insp_dialogs_config dialogs_config;
    int error = insp_table_create(config, &engine->epoch, table);

    if (!error) {
        insp_dialogs_config_for(config->flow_limit, &dialogs_config);
        error = insp_dialogs_create(&dialogs_config, dialogs);
        if (error) {
            insp_table_destroy(*table);
        }
    }
    return error;
}

/* Bytes that tables have been promised and do not use yet. */
static uint64_t
promised_to_tables(const struct insp_engine *engine)
{
    const struct insp_leaving_table *leaving;
    uint64_t promised = 0;

    for (size_t i = 0; i < engine->n_places; i++) {
        const struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->table) {
            promised += insp_table_untouched(inspector->table) +
                        insp_dialogs_untouched(inspector->dialogs);
        }
    }
    for (leaving = engine->leaving; leaving; leaving = leaving->next) {
        promised += insp_table_untouched(leaving->table) +
                    insp_dialogs_untouched(leaving->dialogs);
    }
    return promised;
}

/* Bytes that the two take. */
static size_t
memory_of(const struct insp_table_config *config)
{
    struct insp_dialogs_config dialogs_config;

    insp_dialogs_config_for(config->flow_limit, &dialogs_config);
    return insp_table_size(config) + insp_dialogs_size(&dialogs_config);
}

/* Whether there is memory for a table, as far as the kernel can say; else why
 * not. */
static bool
is_affordable(const struct insp_engine *engine,
              const struct insp_table_config *config, char *why, size_t size)
{
    struct insp_memory memory;

    insp_memory_read(&memory);
    return insp_memory_allows(&memory, memory_of(config),
                              promised_to_tables(engine), why, size);
}

static void
apply_table(struct insp_engine *engine, struct insp_inspector *inspector,
            const struct insp_inspector_config *config)
{
    struct insp_table_config wanted;
    struct insp_dialogs *dialogs;
    struct insp_table *table;
    char need[INSP_MEMORY_TEXT_SIZE];
    char why[200];
    int error;

    if (!config->enabled && !config->keeps_table) {
        /* Off gives its memory back. */
        leave_table(engine, inspector);
        inspector->error[0] = '\0';
        return;
    }
    make_table_config(engine, config, &inspector->table_config, &wanted);
    if (inspector->table &&
        !memcmp(&wanted, &inspector->table_config, sizeof wanted)) {
        inspector->error[0] = '\0';
        return;
    }
    if (!is_affordable(engine, &wanted, why, sizeof why)) {
        error = ENOMEM;
    } else {
        error = create_table(engine, &wanted, &table, &dialogs);
        snprintf(why, sizeof why, "and there is no such memory: %s",
                 strerror(error));
    }
    if (error) {
        /* The one that works goes on working. */
        snprintf(inspector->error, sizeof inspector->error,
                 "flow_limit %u needs %s of memory, %s%s", wanted.flow_limit,
                 insp_memory_text(memory_of(&wanted), need), why,
                 inspector->table ? "; the previous table stays" : "");
        return;
    }
    inspector->error[0] = '\0';
    leave_table(engine, inspector);
    inspector->table = table;
    inspector->dialogs = dialogs;
    inspector->table_config = wanted;
}

/* Returns the binding that is to be retired once the new snapshot is out;
 * 'is_last' when its policy goes with it. */
static struct insp_binding *
apply_policy(struct insp_engine *engine, struct insp_inspector *inspector,
             const struct insp_inspector_config *config, bool *is_last)
{
    struct insp_binding *old = inspector->binding;
    struct insp_policy *policy;

    if (old == config->binding) {
        return NULL;
    }
    policy = config->binding ? insp_binding_policy(config->binding) : NULL;
    inspector->binding =
        config->binding ? insp_binding_ref(config->binding) : NULL;
    *is_last = old && insp_binding_policy(old) != policy;
    if (policy && (!old || *is_last)) {
        insp_rules_note(engine, policy);
    }
    return old;
}

static void
apply_readers(struct insp_inspector *inspector,
              const struct insp_inspector_config *config)
{
    for (unsigned int i = 0; inspector->dialogs && i < INSP_N_APPS_READ; i++) {
        insp_dialogs_switch(inspector->dialogs, (enum insp_app) i,
                            !(config->readers_off >> i & 1));
    }
    if (inspector->dialogs &&
        insp_dialogs_keep_names(inspector->dialogs, config->dns_names,
                                &inspector->table_config.secret)) {
        snprintf(inspector->error, sizeof inspector->error,
                 "dns-names: not enough memory");
    }
}

/* Where verdicts count, a connection that has been allowed must be found, or
 * its answers could not be told from what somebody begins; and rules that look
 * at what is said need it read. */
static enum insp_depth
last_depth(const struct insp_snapshot_inspector *inspector)
{
    if (inspector->tap || !(inspector->binding || inspector->fail_closed)) {
        return INSP_DEPTH_PORTS;
    }
    return inspector->reads_apps ? INSP_DEPTH_FULL : INSP_DEPTH_KNOWN;
}

static void
add_to_snapshot(struct insp_engine *engine, struct insp_snapshot *snapshot,
                struct insp_inspector *inspector,
                const struct insp_inspector_config *config)
{
    struct insp_snapshot_inspector *out;

    out = &snapshot->inspectors[snapshot->n_inspectors++];
    out->id = config->id;
    out->enabled = config->enabled;
    out->tap = config->mode == INSP_MODE_TAP;
    out->fail_closed = config->fail_mode == INSP_FAIL_CLOSED;
    out->inspector = inspector;
    out->table = inspector->table;
    out->dialogs = inspector->dialogs;
    out->binding = inspector->binding;
    if (out->binding) {
        out->policy = insp_binding_policy(inspector->binding);
        out->version = insp_policy_version(out->policy);
        out->reads_apps = out->dialogs && insp_policy_reads_apps(out->policy);
    }
    if (out->dialogs) {
        insp_dialogs_want_names(out->dialogs, out->reads_apps);
    }
    out->pickup_ns = config->pickup_time_ms * MS;
    out->pickup_until_ns = inspector->since_ns + out->pickup_ns;
    out->secret = inspector->table_config.secret;
    out->depth.budget_ppm = config->cycle_budget_ppm;
    out->depth.last = (uint8_t) last_depth(out);
    inspector->depth_config = out->depth;
    insp_functions_apply(engine, inspector, config, out);
    out->flights = inspector->flights;
}

static void
publish(struct insp_engine *engine, struct insp_snapshot *snapshot)
{
    struct insp_snapshot *old;
    struct insp_leaving_table *leaving;

    old = atomic_exchange_explicit(&engine->snapshot, snapshot,
                                   memory_order_acq_rel);
    retire(engine, old, NULL, false);
    for (leaving = engine->leaving; leaving; leaving = leaving->next) {
        if (!leaving->ticket) {
            leaving->ticket = insp_epoch_ticket(&engine->epoch);
        }
    }
}

/* Inspectors that the configuration no longer names. */
static void
leave_unmarked(struct insp_engine *engine)
{
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        struct insp_inspector *inspector = &engine->inspectors[i];

        if (INSP_READ(inspector->id) && inspector->mark != engine->mark &&
            !inspector->left_round) {
            leave_table(engine, inspector);
            /* The round under way began before the new snapshot. */
            inspector->left_round = engine->round + 2;
        }
    }
}

void
insp_apply_nothing(struct insp_engine *engine)
{
    struct insp_snapshot *snapshot = insp_snapshot_create(0);

    if (snapshot) {
        engine->mark++;
        pthread_mutex_lock(&engine->inspectors_mutex);
        leave_unmarked(engine);
        pthread_mutex_unlock(&engine->inspectors_mutex);
        publish(engine, snapshot);
        insp_functions_leave(engine);
    }
}

void
insp_apply(struct insp_engine *engine, const struct insp_staged *staged)
{
    const struct insp_engine_config *config = &staged->config;
    struct insp_binding *old[INSP_MAX_INSPECTORS];
    bool is_last[INSP_MAX_INSPECTORS] = { false };
    struct insp_snapshot *snapshot;
    size_t n_old = 0;
    bool lacks_memory = false;

    snapshot = insp_snapshot_create(config->n_ports);
    if (!snapshot) {
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "no memory for a snapshot: the previous configuration "
                 "stays in force");
        atomic_store(&engine->applied, staged->serial);
        return;
    }
    engine->mark++;
    insp_drain_set_sensor(engine->drain, config->sensor);
    insp_ports_apply(engine, config->ports, config->n_ports);
    for (size_t i = 0; i < config->n_ports; i++) {
        const struct insp_known_port *known =
            insp_ports_find(engine, config->ports[i].id);

        insp_snapshot_add_port(snapshot, &config->ports[i],
                               known ? known->since_ns : 0);
    }

    pthread_mutex_lock(&engine->inspectors_mutex);
    for (size_t i = 0; i < config->n_inspectors; i++) {
        const struct insp_inspector_config *c = &config->inspectors[i];
        struct insp_inspector *inspector = find_or_claim(engine, c->id);

        if (!inspector) {
            insp_log(&engine->host, INSP_LOG_ERROR,
                     "inspector %u: there are %u already", c->id,
                     INSP_MAX_INSPECTORS);
            continue;
        }
        inspector->mark = engine->mark;
        inspector->left_round = 0;
        apply_table(engine, inspector, c);
        lacks_memory |= inspector->error[0] != '\0';
        apply_readers(inspector, c);
        old[n_old] = apply_policy(engine, inspector, c, &is_last[n_old]);
        n_old += old[n_old] != NULL;
        inspector->config = *c;
        inspector->config.binding = NULL;
        inspector->config.functions = NULL;
        add_to_snapshot(engine, snapshot, inspector, c);
    }
    leave_unmarked(engine);
    pthread_mutex_unlock(&engine->inspectors_mutex);

    insp_drain_set_uplinks(engine->drain, config->uplinks, config->n_uplinks);
    publish(engine, snapshot);
    for (size_t i = 0; i < n_old; i++) {
        retire(engine, NULL, old[i], is_last[i]);
    }
    pthread_mutex_lock(&engine->inspectors_mutex);
    insp_functions_leave(engine);
    pthread_mutex_unlock(&engine->inspectors_mutex);
    atomic_store(&engine->lacks_memory, lacks_memory);
    atomic_store(&engine->applied, staged->serial);
}
