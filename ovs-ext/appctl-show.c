/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/show, inspect/stats and inspect/uplinks: what the rows say, and
 * beside it what the engine has counted.  An inspector that the engine does
 * not have, because it is in error or on no bridge, has no counters. */

#include <config.h>

#include "base/release.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/appctl-command.h"
#include "ovs-ext/status.h"
#include "ovs-ext/worker-map.h"
#include "timeval.h"
#include "util.h"

static void
put_records(struct ovsext_out *out, const struct insp_uplink_status *s)
{
    ovsext_out_bool(out, "connected", s->is_connected);
    if (s->since_ns) {
        char *since = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z",
                                      s->since_ns / 1000000, true);

        ovsext_out_text(out, "since", since);
        free(since);
    }
    ovsext_out_text(out, "at", s->target);
    ovsext_out_text(out, "last_error", s->last_error);
    if (s->is_connected) {
        ovsext_out_text(out, "peer", s->peer);
        ovsext_out_text(out, "protocol", s->protocol);
        ovsext_out_text(out, "delivery",
                        s->acknowledges ? "acknowledged" : "sent");
    }
    ovsext_out_group(out, "records");
    ovsext_out_number(out, "produced", s->produced);
    ovsext_out_number(out, "recovered", s->recovered);
    ovsext_out_number(out, "acknowledged", s->acknowledged);
    ovsext_out_number(out, "sent", s->sent);
    ovsext_out_number(out, "unacknowledged", s->unacknowledged);
    ovsext_out_number(out, "queued", s->queued);
    ovsext_out_number(out, "spooled", s->spooled);
    ovsext_out_number(out, "dropped", s->dropped);
    ovsext_out_end(out);
    ovsext_out_number(out, "resent", s->resent);
    ovsext_out_number(out, "lost_before", s->lost_before);
    ovsext_out_number(out, "lag_seconds", s->lag_ns / UINT64_C(1000000000));
    ovsext_out_text(out, "spool_error", s->spool_error);
    ovsext_out_number(out, "spool_bytes", s->spool_bytes);
    ovsext_out_number(out, "unacknowledged_bytes", s->unacknowledged_bytes);
    ovsext_out_number(out, "wire_bytes", s->wire_bytes);
    ovsext_out_number(out, "connects", s->connects);
}

static void
put_uplink(struct ovsext_out *out, const struct ovsext_uplink *uplink,
           const struct insp_uplink_status *s)
{
    char target[INSP_MAX_TARGETS * 300];

    insp_config_uplink_print(&uplink->config, "target", target, sizeof target);
    ovsext_out_item(out, "uplink %s", uplink->name);
    if (out->json) {
        ovsext_out_text(out, "name", uplink->name);
    }
    ovsext_out_text(out, "state", ovsext_uplink_state(uplink, s));
    ovsext_out_text(out, "error", uplink->faults.text);
    ovsext_out_text(out, "warning", uplink->warnings.text);
    if (!uplink->faults.n) {
        ovsext_out_text(out, "target", target);
        ovsext_out_text(out, "format",
                        insp_uplink_format_word(uplink->config.base.format));
    }
    if (s) {
        put_records(out, s);
    }
    ovsext_out_end(out);
}

static void
put_uplinks(struct ovsext_out *out, const struct ovsext_rows *rows,
            const struct ovsext_engine_state *state)
{
    ovsext_out_list(out, "uplinks");
    for (size_t i = 0; i < rows->n_uplinks; i++) {
        put_uplink(out, &rows->uplinks[i],
                   ovsext_engine_state_uplink(state, &rows->uplinks[i]));
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
put_policy(struct ovsext_out *out, const struct ovsext_inspector *inspector)
{
    if (!out->json && !inspector->version && !inspector->n_bad_rules) {
        return;
    }
    ovsext_out_group(out, "policy");
    ovsext_out_number(out, "version", inspector->version);
    ovsext_out_number(out, "rules", inspector->n_rules);
    ovsext_out_number(out, "refused_rules", inspector->n_bad_rules);
    ovsext_out_number(out, "functions", inspector->n_functions);
    ovsext_out_end(out);
}

static void
put_traffic(struct ovsext_out *out, const struct insp_inspector_stats *stats)
{
    ovsext_out_group(out, "packets");
    ovsext_out_number(out, "seen", stats->seen_packets);
    ovsext_out_number(out, "inspected", stats->inspected_packets);
    ovsext_out_number(out, "skipped", insp_sum(stats->skipped, INSP_N_SKIPS));
    ovsext_out_number(out, "lost", insp_sum(stats->lost, INSP_N_LOSTS));
    ovsext_out_end(out);
    ovsext_out_group(out, "connections");
    ovsext_out_number(out, "now", stats->table.connections);
    ovsext_out_number(out, "half_open", stats->table.half_open);
    ovsext_out_number(out, "limit", stats->table.flow_limit);
    ovsext_out_number(out, "memory_bytes",
                      stats->table.bytes + stats->readers.bytes);
    ovsext_out_end(out);
}

static void
put_inspector(struct ovsext_out *out, const struct ovsext_rows *rows,
              const struct ovsext_inspector *inspector,
              const struct insp_inspector_stats *stats)
{
    char *error = ovsext_inspector_error(rows, inspector, stats);

    ovsext_out_item(out, "inspector %s", inspector->name);
    if (out->json) {
        ovsext_out_text(out, "name", inspector->name);
    }
    ovsext_out_number(out, "id", inspector->config.base.id);
    ovsext_out_text(out, "state", ovsext_inspector_state(inspector, stats));
    ovsext_out_text(out, "error", error);
    ovsext_out_text(out, "warning", inspector->warnings.text);
    ovsext_out_text(out, "absent", inspector->absent);
    ovsext_out_text(out, "bridges", inspector->bridges);
    put_settings(out, inspector);
    put_policy(out, inspector);
    if (stats) {
        ovsext_out_text(out, "depth", insp_depth_word(stats->depth));
        put_traffic(out, stats);
    }
    ovsext_out_end(out);
    free(error);
}

static void
put_ports(struct ovsext_out *out, const struct ovsext_port_list *ports)
{
    unsigned int n[3] = { 0, 0, 0 };

    for (size_t i = 0; i < ports->n; i++) {
        n[ports->array[i].role]++;
    }
    ovsext_out_group(out, "ports");
    ovsext_out_number(out, "vm", n[INSP_PORT_VM]);
    ovsext_out_number(out, "infrastructure", n[INSP_PORT_INFRASTRUCTURE]);
    ovsext_out_number(out, "other", n[INSP_PORT_OTHER]);
    ovsext_out_end(out);
}

static void
put_unknown_id(struct ovsext_out *out, const struct ovsext_rows *rows)
{
    ovsext_out_number(out, "unknown_id_packets",
                      rows->engine ? insp_engine_unknown_id(rows->engine) : 0);
}

char *
ovsext_answer_show(const struct ovsext_question *q, struct ovsext_out *out)
{
    const struct ovsext_rows *rows = q->rows;
    struct ovsext_engine_state *state = ovsext_engine_state_read(rows);

    ovsext_out_text(out, "error", rows->error);
    if (!rows->n_inspectors) {
        ovsext_out_line(out, "no inspector is configured");
    }
    ovsext_out_list(out, "inspectors");
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];

        if (ovsext_question_concerns(q, inspector)) {
            put_inspector(out, rows, inspector,
                          ovsext_engine_state_inspector(state, inspector));
        }
    }
    ovsext_out_end(out);
    put_uplinks(out, rows, state);
    put_ports(out, rows->ports);
    ovsext_out_number(out, "workers", ovsext_worker_count());
    put_unknown_id(out, rows);
    ovsext_out_text(out, "release", insp_release());
    free(state);
    return NULL;
}

char *
ovsext_answer_uplinks(const struct ovsext_question *q, struct ovsext_out *out)
{
    struct ovsext_engine_state *state = ovsext_engine_state_read(q->rows);

    if (!q->rows->n_uplinks) {
        ovsext_out_line(out, "no uplink is configured");
    }
    put_uplinks(out, q->rows, state);
    free(state);
    return NULL;
}

/* Each term of the conservation sums by itself. */
static void
put_conservation(struct ovsext_out *out, const struct insp_inspector_stats *s)
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
    ovsext_out_number(out, insp_remainder_word(INSP_REMAINDER_TABLE_FULL),
                      table->refused[INSP_REMAINDER_TABLE_FULL]);
    ovsext_out_number(out, insp_remainder_word(INSP_REMAINDER_QUOTA),
                      table->refused[INSP_REMAINDER_QUOTA]);
    ovsext_out_end(out);
    ovsext_out_number(out, "foreign_packets", table->foreign_packets);
    ovsext_out_number(out, "owner_moves", table->owner_moves);
    ovsext_out_number(out, "memory_bytes", table->bytes);
    ovsext_out_end(out);
}

/* What was read, of what, and why some was not. */
static void
put_readers(struct ovsext_out *out, const struct insp_dialogs_stats *readers)
{
    ovsext_out_group(out, "readers");
    ovsext_out_group(out, "connections");
    for (enum insp_app i = INSP_APP_UNREAD; i < INSP_N_APPS; i++) {
        if (readers->connections[i]) {
            ovsext_out_number(out, insp_app_word(i), readers->connections[i]);
        }
    }
    ovsext_out_end(out);
    ovsext_out_group(out, "not_read");
    for (enum insp_reader_fact i = 0; i < INSP_N_READER_FACTS; i++) {
        ovsext_out_number(out, insp_reader_fact_word(i), readers->facts[i]);
    }
    ovsext_out_end(out);
    ovsext_out_number(out, "dialogs", readers->used);
    ovsext_out_number(out, "dialog_limit", readers->n_dialogs);
    ovsext_out_number(out, "blocks", readers->used_blocks);
    ovsext_out_number(out, "block_limit", readers->n_blocks);
    ovsext_out_end(out);
}

static void
put_percent(struct ovsext_out *out, const char *name, uint32_t ppm)
{
    char text[16];

    snprintf(text, sizeof text, "%u.%u", ppm / 10000, ppm / 1000 % 10);
    ovsext_out_text(out, name, text);
}

/* How deep is inspected, and why not deeper. */
static void
put_depth(struct ovsext_out *out, const struct insp_inspector_stats *s)
{
    ovsext_out_group(out, "depth");
    ovsext_out_text(out, "now", insp_depth_word(s->depth));
    ovsext_out_text(out, "at_the_most", insp_depth_word(s->depth_last));
    ovsext_out_number(out, "shallow_workers", s->shallow_workers);
    put_percent(out, "cycles_percent", s->share_ppm);
    put_percent(out, "budget_percent", s->cycle_budget_ppm);
    ovsext_out_group(out, "packets");
    for (enum insp_depth i = INSP_DEPTH_FULL + 1; i < INSP_N_DEPTHS; i++) {
        ovsext_out_number(out, insp_depth_word(i), s->packets_at[i]);
    }
    ovsext_out_end(out);
    ovsext_out_group(out, "milliseconds");
    for (enum insp_depth i = 0; i < INSP_N_DEPTHS; i++) {
        ovsext_out_number(out, insp_depth_word(i), s->depth_ns[i] / 1000000);
    }
    ovsext_out_end(out);
    ovsext_out_end(out);
}

static void
put_metadata(struct ovsext_out *out, const struct insp_inspector_stats *s)
{
    ovsext_out_group(out, "metadata");
    ovsext_out_text(out, "step", insp_step_word(s->step));
    ovsext_out_number(out, "sent_bytes_60s", s->step_sent);
    ovsext_out_number(out, "allowed_bytes_60s", s->step_allowed);
    ovsext_out_end(out);
}

static void
put_packets(struct ovsext_out *out, const struct insp_inspector_stats *s)
{
    ovsext_out_group(out, "verdicts");
    for (enum insp_verdict_kind i = 0; i < ARRAY_SIZE(s->verdicts); i++) {
        ovsext_out_number(out, insp_verdict_word(i), s->verdicts[i]);
    }
    ovsext_out_end(out);
    ovsext_out_group(out, "redirect");
    ovsext_out_number(out, "missed_open", s->missed_open);
    ovsext_out_number(out, "missed_closed", s->missed_closed);
    ovsext_out_number(out, "undeliverable", s->undeliverable);
    ovsext_out_number(out, "flights", s->flights);
    ovsext_out_end(out);
    ovsext_out_group(out, "packets");
    for (enum insp_packet_fact i = 0; i < INSP_N_PACKET_FACTS; i++) {
        ovsext_out_number(out, insp_packet_fact_word(i), s->facts[i]);
    }
    ovsext_out_end(out);
    ovsext_out_number(out, "catch_all_packets", s->catch_all_packets);
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
        ovsext_out_number(out, "policy_rules", s->policy_rules);
        put_conservation(out, s);
        put_packets(out, s);
        put_table_stats(out, &s->table);
        put_readers(out, &s->readers);
        put_depth(out, s);
        put_metadata(out, s);
    }
    ovsext_out_end(out);
}

static void
put_switch(struct ovsext_out *out, const struct ovsext_rows *rows)
{
    struct ovsext_run_stats run;

    ovsext_run_get_stats(&run);
    ovsext_out_group(out, "switch");
    ovsext_out_number(out, "workers", ovsext_worker_count());
    put_unknown_id(out, rows);
    ovsext_out_number(out, "dropped", run.dropped);
    ovsext_out_number(out, "reset", run.reset);
    ovsext_out_number(out, "answered", run.answered);
    ovsext_out_number(out, "unanswered", run.unanswered);
    ovsext_out_number(out, "redirected", run.redirected);
    ovsext_out_number(out, "function_down", run.function_down);
    ovsext_out_number(out, "returned", run.returned);
    ovsext_out_number(out, "refused", run.refused);
    ovsext_out_number(out, "undeliverable", run.undeliverable);
    ovsext_out_end(out);
}

char *
ovsext_answer_stats(const struct ovsext_question *q, struct ovsext_out *out)
{
    const struct ovsext_rows *rows = q->rows;
    struct ovsext_engine_state *state = ovsext_engine_state_read(rows);

    ovsext_out_list(out, "inspectors");
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];

        if (ovsext_question_concerns(q, inspector)) {
            put_stats(out, inspector,
                      ovsext_engine_state_inspector(state, inspector));
        }
    }
    ovsext_out_end(out);
    put_switch(out, rows);
    free(state);
    return NULL;
}
