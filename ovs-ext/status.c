/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Once a second, and whenever rows have come in force, all status columns
 * are composed anew and written; the database layer drops what is equal to
 * what is there, so that a quiet switch writes nothing.  What always moves
 * (counters, seconds since...) is composed only when the counters are due,
 * and repeated in between.
 *
 * Rules and sets, of which there may be many, are in status-row.c, functions
 * in status-function.c.
 *
 * Status is composed from the rows as read last, so nothing is written while
 * the engine still works on them: what is in the database is in force. */

#include <config.h>

#include "ovs-ext/status.h"

#include "base/utf8.h"
#include "dirs.h"
#include "engine/engine.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/crash.h"
#include "ovs-ext/row-policy.h"
#include "ovs-ext/rows.h"
#include "ovs-ext/status-part.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_status);

#define STATUS_MS         1000
#define MIN_STATISTICS_MS 5000

static struct ovsdb_idl_txn *txn;
static long long int status_at;     /* When to compose status again. */
static long long int statistics_at; /* When to compose counters again. */
static uint64_t status_serial;      /* Of the rows that it told of last. */
static uint64_t committing_serial;  /* Of those that 'txn' tells of. */
static bool is_wanted;              /* There is something to tell. */
static bool are_more;               /* Rows had to wait for the next turn. */
static bool all_written;            /* No row waits, but for those that the
                                     * database has lost. */

/* When an uplink's connection came and went last, by name. */
struct history {
    bool known;
    bool is_connected;
    long long int connected_at; /* 0: never. */
    long long int disconnected_at;
    long long int sec_since_connect; /* As written last. */
    long long int sec_since_disconnect;
    uint64_t seen_in; /* Serial of rows. */
};
static struct shash histories = SHASH_INITIALIZER(&histories);

void
ovsext_status_put_text(struct smap *status, const char *key, const char *text)
{
    char clean[2048];

    if (text && *text) {
        insp_utf8_clean(clean, sizeof clean, text);
        smap_add(status, key, clean);
    }
}

static void
add_fault_text(struct ds *ds, const char *text)
{
    if (text && *text) {
        ds_put_format(ds, "%s%s", ds->length ? "; " : "", text);
    }
}

char *
ovsext_inspector_error(const struct ovsext_rows *rows,
                       const struct ovsext_inspector *inspector,
                       const struct insp_inspector_stats *stats)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    add_fault_text(&ds, inspector->faults.text);
    add_fault_text(&ds, inspector->bridge_faults.text);
    add_fault_text(&ds, inspector->policy_faults.text);
    add_fault_text(&ds, stats ? stats->error : NULL);
    if (inspector->referenced) {
        add_fault_text(&ds, rows->error);
    }
    return ds.length ? ds_steal_cstr(&ds) : NULL;
}

const char *
ovsext_inspector_state(const struct ovsext_inspector *inspector,
                       const struct insp_inspector_stats *stats)
{
    if (inspector->faults.n) {
        return "error";
    } else if (!inspector->config.base.enabled) {
        return "disabled";
    } else if (!inspector->referenced) {
        return "unused";
    } else if (!inspector->n_bridges || !stats || stats->error[0]) {
        return "error";
    }
    return "active";
}

static void
put_readers_off(struct smap *status, const struct ovsext_inspector *inspector)
{
    uint64_t off = inspector->config.base.readers_off;
    uint64_t crashed = ovsext_crash_readers();
    char words[256], more[256];

    if (off) {
        insp_apps_print(off, words, sizeof words);
    }
    if (crashed) {
        insp_apps_print(crashed, more, sizeof more);
        smap_add_format(status, "readers_off", "%s%s%s (crashed: see %s)",
                        off ? words : "", off ? ", " : "", more, ovs_logdir());
    } else if (off) {
        smap_add(status, "readers_off", words);
    }
}

static void
compose_inspector(const struct ovsext_rows *rows,
                  const struct ovsext_inspector *inspector,
                  const struct insp_inspector_stats *stats,
                  struct smap *status)
{
    char *error = ovsext_inspector_error(rows, inspector, stats);

    smap_init(status);
    smap_add(status, "state", ovsext_inspector_state(inspector, stats));
    ovsext_status_put_text(status, "error", error);
    ovsext_status_put_text(status, "warning", inspector->warnings.text);
    ovsext_status_put_text(status, "absent", inspector->absent);
    ovsext_status_put_text(status, "bridges", inspector->bridges);
    if (stats) {
        smap_add_format(status, "policy_version", "%" PRIu32,
                        stats->policy_version);
        smap_add(status, "depth", insp_depth_word(stats->depth));
        smap_add(status, "metadata", insp_step_word(stats->step));
        put_readers_off(status, inspector);
    }
    free(error);
}

/* Connections whose protocol became known. */
static int64_t
n_read(const struct insp_dialogs_stats *readers)
{
    return insp_sum(readers->connections + INSP_APP_UNKNOWN + 1,
                    INSP_N_APPS - INSP_APP_UNKNOWN - 1);
}

static void
set_inspector_statistics(const struct ovsrec_inspector *row,
                         const struct ovsext_rows *rows,
                         const struct insp_inspector_stats *stats)
{
    const struct {
        const char *key;
        int64_t value;
    } counters[] = {
        { "seen_packets", stats->seen_packets },
        { "seen_bytes", stats->seen_bytes },
        { "inspected_packets", stats->inspected_packets },
        { "inspected_bytes", stats->inspected_bytes },
        { "skipped_packets", insp_sum(stats->skipped, INSP_N_SKIPS) },
        { "lost_packets", insp_sum(stats->lost, INSP_N_LOSTS) },
        { "dropped_packets", stats->verdicts[INSP_VERDICT_DROP] +
                                 stats->verdicts[INSP_VERDICT_RESET] },
        { "redirected_packets", stats->verdicts[INSP_VERDICT_REDIRECT] },
        { "shallow_packets", insp_sum(stats->packets_at, INSP_N_DEPTHS) },
        { "shallow_seconds", (insp_sum(stats->depth_ns, INSP_N_DEPTHS) -
                              stats->depth_ns[INSP_DEPTH_FULL]) /
                                 UINT64_C(1000000000) },
        { "connections", stats->table.connections },
        { "connections_begun", stats->table.begun },
        { "connections_ended", insp_sum(stats->table.ended, INSP_N_ENDS) },
        { "connections_evicted", stats->table.ended[INSP_END_EVICTED] +
                                     stats->table.ended[INSP_END_QUOTA] },
        { "connections_evicted_now", stats->evicted_now },
        { "connections_read", n_read(&stats->readers) },
        { "connections_unknown",
          stats->readers.connections[INSP_APP_UNKNOWN] },
        { "memory_bytes", stats->table.bytes + stats->readers.bytes },
        { "unknown_id_packets", insp_engine_unknown_id(rows->engine) },
    };
    const char *keys[ARRAY_SIZE(counters)];
    int64_t values[ARRAY_SIZE(counters)];

    for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
        keys[i] = counters[i].key;
        values[i] = counters[i].value;
    }
    ovsrec_inspector_set_statistics(row, keys, values, ARRAY_SIZE(counters));
}

static void
set_uplink_statistics(const struct ovsrec_inspect_uplink *row,
                      const struct insp_uplink_status *s)
{
    const char *keys[] = { "produced",       "recovered",
                           "acknowledged",   "sent",
                           "unacknowledged", "queued",
                           "spooled",        "dropped",
                           "resent",         "unacknowledged_bytes",
                           "spool_bytes",    "wire_bytes",
                           "connects" };
    const int64_t values[] = { s->produced,       s->recovered,
                               s->acknowledged,   s->sent,
                               s->unacknowledged, s->queued,
                               s->spooled,        s->dropped,
                               s->resent,         s->unacknowledged_bytes,
                               s->spool_bytes,    s->wire_bytes,
                               s->connects };

    BUILD_ASSERT(ARRAY_SIZE(keys) == ARRAY_SIZE(values));
    ovsrec_inspect_uplink_set_statistics(row, keys, values, ARRAY_SIZE(keys));
}

static void
compose_history(const char *name, const struct insp_uplink_status *s,
                bool refresh, uint64_t serial, struct smap *status)
{
    struct history *h = shash_find_data(&histories, name);
    long long int now = time_msec();

    if (!h) {
        h = xzalloc(sizeof *h);
        shash_add(&histories, name, h);
    }
    h->seen_in = serial;
    if (!h->known || h->is_connected != s->is_connected) {
        if (s->is_connected) {
            h->connected_at = now;
        } else if (h->known) {
            h->disconnected_at = now;
        }
        h->known = true;
        h->is_connected = s->is_connected;
        refresh = true;
    }
    if (refresh) {
        h->sec_since_connect = (now - h->connected_at) / 1000;
        h->sec_since_disconnect = (now - h->disconnected_at) / 1000;
    }
    if (h->connected_at) {
        smap_add_format(status, "sec_since_connect", "%lld",
                        h->sec_since_connect);
    }
    if (h->disconnected_at) {
        smap_add_format(status, "sec_since_disconnect", "%lld",
                        h->sec_since_disconnect);
    }
}

static void
put_expiry(struct smap *status, const char *key, int64_t at)
{
    if (at) {
        char *text = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", at * 1000, true);

        smap_add_nocopy(status, xstrdup(key), text);
    }
}

const char *
ovsext_uplink_state(const struct ovsext_uplink *uplink,
                    const struct insp_uplink_status *s)
{
    return (uplink->faults.n                    ? "error"
            : !uplink->config.enabled           ? "disabled"
            : !uplink->config.base.n_inspectors ? "unused"
            : !s                                ? "starting"
                                                : s->state);
}

/* 's' is NULL when the uplink is not in force. */
static void
compose_uplink(const struct ovsext_uplink *uplink,
               const struct insp_uplink_status *s, bool refresh,
               uint64_t serial, struct smap *status)
{
    const char *state = ovsext_uplink_state(uplink, s);

    smap_init(status);
    ovsext_status_put_text(status, "state", state);
    ovsext_status_put_text(status, "error", uplink->faults.text);
    ovsext_status_put_text(status, "warning", uplink->warnings.text);
    if (s && strcmp(state, "error")) {
        ovsext_status_put_text(status, "last_error", s->last_error);
        ovsext_status_put_text(status, "target", s->target);
        ovsext_status_put_text(status, "spool_error", s->spool_error);
        put_expiry(status, "certificate_expires", s->expiry);
        if (s->is_connected) {
            ovsext_status_put_text(status, "peer", s->peer);
            ovsext_status_put_text(status, "protocol", s->protocol);
            put_expiry(status, "peer_expires", s->peer_expiry);
            smap_add(status, "delivery",
                     s->acknowledges ? "acknowledged" : "sent");
        }
        smap_add_format(status, "lag_seconds", "%" PRIu64,
                        s->lag_ns / UINT64_C(1000000000));
        if (s->lost_before) {
            smap_add_format(status, "lost_before", "%" PRIu64, s->lost_before);
        }
        compose_history(uplink->name, s, refresh, serial, status);
    }
}

static const struct insp_inspector_stats *
stats_of(const struct insp_inspector_stats *all, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == id) {
            return &all[i];
        }
    }
    return NULL;
}

static const struct insp_uplink_status *
uplink_status_of(const struct insp_uplink_status *all, size_t n,
                 const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(all[i].name, name)) {
            return &all[i];
        }
    }
    return NULL;
}

static void
write_inspectors(const struct ovsext_told *told, bool refresh)
{
    const struct ovsext_rows *rows = told->rows;
    static struct insp_inspector_stats all[INSP_MAX_INSPECTORS];
    size_t n = 0;

    if (rows->engine) {
        n = insp_engine_get_stats(rows->engine, all, INSP_MAX_INSPECTORS);
        n = MIN(n, INSP_MAX_INSPECTORS);
    }
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];
        const struct insp_inspector_stats *stats = NULL;
        const struct ovsrec_inspector *row;
        struct smap status;

        row = ovsrec_inspector_get_for_uuid(told->idl, &inspector->uuid);
        if (!row) {
            continue;
        }
        if (inspector->n_bridges) {
            stats = stats_of(all, n, inspector->config.base.id);
        }
        compose_inspector(rows, inspector, stats, &status);
        ovsrec_inspector_set_status(row, &status);
        smap_destroy(&status);
        if (!stats) {
            /* Nobody counts: what there was is not how it is. */
            ovsrec_inspector_set_statistics(row, NULL, NULL, 0);
        } else if (refresh) {
            set_inspector_statistics(row, rows, stats);
        }
        if (row->cur_cfg != inspector->next_cfg) {
            ovsrec_inspector_set_cur_cfg(row, inspector->next_cfg);
        }
    }
}

static void
write_uplinks(const struct ovsext_told *told, bool refresh)
{
    const struct ovsext_rows *rows = told->rows;
    static struct insp_uplink_status all[INSP_MAX_UPLINKS];
    struct shash_node *node;
    size_t n = 0;

    if (rows->engine) {
        n = insp_drain_get_status(insp_engine_drain(rows->engine), all,
                                  INSP_MAX_UPLINKS);
        n = MIN(n, INSP_MAX_UPLINKS);
    }
    for (size_t i = 0; i < rows->n_uplinks; i++) {
        const struct ovsext_uplink *uplink = &rows->uplinks[i];
        const struct insp_uplink_status *s = NULL;
        const struct ovsrec_inspect_uplink *row;
        struct smap status;

        row = ovsrec_inspect_uplink_get_for_uuid(told->idl, &uplink->uuid);
        if (!row) {
            continue;
        }
        if (!uplink->faults.n && uplink->config.enabled &&
            uplink->config.base.n_inspectors) {
            s = uplink_status_of(all, n, uplink->name);
        }
        compose_uplink(uplink, s, refresh, told->serial, &status);
        ovsrec_inspect_uplink_set_status(row, &status);
        ovsrec_inspect_uplink_set_is_connected(row, s && s->is_connected);
        smap_destroy(&status);
        if (s && refresh) {
            set_uplink_statistics(row, s);
        }
    }
    SHASH_FOR_EACH_SAFE(node, &histories)
    {
        if (((struct history *) node->data)->seen_in != told->serial) {
            free(node->data);
            shash_delete(&histories, node);
        }
    }
}

static void
begin_writing(const struct ovsext_told *told)
{
    bool refresh = time_msec() >= statistics_at;

    if (refresh) {
        statistics_at = time_msec() +
                        MAX(told->rows->stats_interval_ms, MIN_STATISTICS_MS);
    }
    status_at = time_msec() + STATUS_MS;
    committing_serial = told->serial;
    txn = ovsdb_idl_txn_create(told->idl);
    write_inspectors(told, refresh);
    write_uplinks(told, refresh);
    ovsext_status_functions_write(told, refresh);
    all_written &= committing_serial == status_serial;
    are_more = ovsext_status_rows_write(told, !all_written);
}

static void
go_on_writing(const struct ovsext_told *told)
{
    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn);

    if (status == TXN_INCOMPLETE) {
        return;
    }
    ovsdb_idl_txn_destroy(txn);
    txn = NULL;
    if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        status_serial = committing_serial;
        all_written = !are_more;
        ovsext_status_rows_note(told->policies, true);
    } else {
        VLOG_DBG("status not written (%s), trying again",
                 ovsdb_idl_txn_status_to_string(status));
        status_serial = told->serial;
        status_at = time_msec() + STATUS_MS;
        ovsext_status_rows_note(told->policies, false);
        are_more = false;
        all_written = false;
    }
}

void
ovsext_status_run(const struct ovsext_told *told)
{
    bool is_new = status_serial != told->serial;

    is_wanted = told->all_in_force &&
                (told->rows->n_inspectors || told->rows->n_uplinks ||
                 told->rows->n_functions ||
                 !hmap_is_empty(&told->policies->rules.rules) ||
                 !hmap_is_empty(&told->policies->rules.sets) || is_new);
    if (!txn && told->all_in_force) {
        is_new |= ovsext_status_functions_look(told, is_new);
        if (is_new || are_more || time_msec() >= status_at) {
            begin_writing(told);
        }
    }
    if (txn) {
        go_on_writing(told);
    }
    if (!txn && told->all_in_force &&
        (are_more || status_serial != told->serial)) {
        poll_immediate_wake();
    }
}

void
ovsext_status_wait(void)
{
    if (txn) {
        ovsdb_idl_txn_wait(txn);
    } else if (is_wanted) {
        poll_timer_wait_until(MIN(ovsext_status_functions_next(), status_at));
    }
}

void
ovsext_status_exit(void)
{
    struct shash_node *node;

    if (txn) {
        ovsdb_idl_txn_destroy(txn);
        txn = NULL;
    }
    SHASH_FOR_EACH (node, &histories) {
        free(node->data);
    }
    shash_destroy(&histories);
    ovsext_status_functions_exit();
}
