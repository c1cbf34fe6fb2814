/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/rules and inspect/functions: the engine's rows, inspector by
 * inspector, beside what the configuration says of them.  They are those in
 * force: what has been refused is in status:error of its own row, and here
 * only counted. */

#include <config.h>

#include <time.h>

#include "ovs-ext/action-run.h"
#include "ovs-ext/appctl-command.h"
#include "ovs-ext/status.h"
#include "util.h"

/* One line of text, or one object. */
static void
put_rule(struct ovsext_out *out, const struct insp_rule_row *row)
{
    const struct insp_policy_rule *rule = &row->rule;

    if (!out->json) {
        ovsext_out_line(out,
                        "slot %u, priority %" PRId32 ", %s (%s): %s, "
                        "judged %" PRIu64 ", dropped %" PRIu64,
                        rule->slot, rule->priority, rule->name,
                        insp_direction_word(rule->direction),
                        insp_action_word(rule->action), row->judged,
                        row->dropped);
        return;
    }
    ovsext_out_item(out, " ");
    ovsext_out_number(out, "slot", rule->slot);
    ovsext_out_number(out, "priority", rule->priority);
    ovsext_out_text(out, "name", rule->name);
    ovsext_out_text(out, "direction", insp_direction_word(rule->direction));
    ovsext_out_text(out, "action", insp_action_word(rule->action));
    ovsext_out_number(out, "number", rule->number);
    ovsext_out_number(out, "judged", row->judged);
    ovsext_out_number(out, "dropped", row->dropped);
    ovsext_out_end(out);
}

static void
put_heading(struct ovsext_out *out, const struct ovsext_inspector *inspector,
            const struct insp_inspector_stats *stats)
{
    ovsext_out_item(out, "inspector %s", inspector->name);
    if (out->json) {
        ovsext_out_text(out, "name", inspector->name);
    }
    ovsext_out_text(out, "state", ovsext_inspector_state(inspector, stats));
    ovsext_out_text(out, "error", inspector->policy_faults.text);
    if (stats) {
        ovsext_out_number(out, "policy_version", stats->policy_version);
    }
}

/* Returns an error text or NULL. */
static char *
put_rules(struct ovsext_out *out, struct insp_engine *engine,
          const struct ovsext_inspector *inspector,
          const struct insp_inspector_stats *stats)
{
    struct insp_rule_row *rows = NULL;
    size_t n = 0;

    if (stats) {
        n = insp_engine_rules(engine, inspector->config.base.id, &rows,
                              OVSEXT_ANSWER_MS);
        if (!n && stats->policy_rules) {
            free(rows);
            return xstrdup("the inspector did not answer in time");
        }
    }
    put_heading(out, inspector, stats);
    if (inspector->n_bad_rules) {
        ovsext_out_number(out, "refused_rules", inspector->n_bad_rules);
    }
    ovsext_out_list(out, "rules");
    for (size_t i = 0; i < n; i++) {
        put_rule(out, &rows[i]);
    }
    ovsext_out_end(out);
    if (!n) {
        ovsext_out_line(out, "no rule is in force");
    }
    ovsext_out_end(out);
    free(rows);
    return NULL;
}

/* "2026-11-23T21:41:43Z" */
static void
format_time(uint64_t ns, char text[32])
{
    time_t seconds = ns / 1000000000;
    struct tm tm;

    if (!ns || !gmtime_r(&seconds, &tm) ||
        !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        text[0] = '\0';
    }
}

/* What happens to packets that a rule sends to a function. */
static const char *
effect_of(const struct insp_function_row *row,
          const struct ovsext_inspector *inspector)
{
    if (row->config.slot == INSP_SLOT_LEAVING) {
        return "packets are no longer sent to it";
    } else if (inspector->config.base.mode == INSP_MODE_TAP) {
        return "mode=tap: packets are not sent to it";
    } else if (row->state == INSP_FUNCTION_UP) {
        return "packets go through it";
    }
    return (row->config.fail_mode == INSP_FAIL_OPEN ? "packets bypass it"
                                                    : "packets are dropped");
}

static const struct ovsext_function *
find_function(const struct ovsext_rows *rows, uint32_t id)
{
    for (size_t i = 0; i < rows->n_functions; i++) {
        if (rows->functions[i].config.base.id == id) {
            return &rows->functions[i];
        }
    }
    return NULL;
}

static void
put_function_settings(struct ovsext_out *out,
                      const struct insp_function_row *row,
                      const struct ovsext_function *function)
{
    if (function) {
        ovsext_out_text(out, "input_port", function->config.input_port);
        ovsext_out_text(out, "output_port", function->config.output_port);
    }
    ovsext_out_text(out, "arms", insp_arms_word(row->config.arms));
    ovsext_out_text(out, "fail_mode",
                    insp_fail_mode_word(row->config.fail_mode));
    ovsext_out_text(out, "encap", insp_encap_word(row->config.encap));
}

static void
put_misses(struct ovsext_out *out, const char *key,
           const uint64_t counters[INSP_N_MISSES])
{
    ovsext_out_group(out, key);
    for (enum insp_miss i = 0; i < INSP_N_MISSES; i++) {
        ovsext_out_number(out, insp_miss_word(i), counters[i]);
    }
    ovsext_out_end(out);
}

/* in + injected = out + lost + in_flight. */
static void
put_function_counters(struct ovsext_out *out,
                      const struct insp_function_row *row)
{
    ovsext_out_number(out, "in", row->in_packets);
    ovsext_out_number(out, "injected", row->injected);
    ovsext_out_number(out, "out", row->out_packets);
    ovsext_out_group(out, "lost");
    for (enum insp_flight_loss i = 0; i < INSP_N_FLIGHT_LOSSES; i++) {
        ovsext_out_number(out, insp_flight_loss_word(i), row->lost[i]);
    }
    ovsext_out_end(out);
    ovsext_out_number(out, "in_flight", row->in_flight);
    ovsext_out_number(out, "in_bytes", row->in_bytes);
    ovsext_out_number(out, "out_bytes", row->out_bytes);
    put_misses(out, "bypassed", row->bypassed);
    put_misses(out, "refused", row->refused);
    ovsext_out_group(out, "probes");
    ovsext_out_number(out, "sent", row->probes_sent);
    ovsext_out_number(out, "returned", row->probes_returned);
    ovsext_out_end(out);
}

static void
put_function(struct ovsext_out *out, const struct ovsext_rows *rows,
             const struct ovsext_inspector *inspector,
             const struct insp_function_row *row)
{
    bool leaving = row->config.slot == INSP_SLOT_LEAVING;
    char since[32];

    if (leaving) {
        ovsext_out_item(out, "leaving: function %s", row->config.name);
    } else {
        ovsext_out_item(out, "slot %u: function %s", row->config.slot,
                        row->config.name);
    }
    if (out->json) {
        ovsext_out_text(out, "name", row->config.name);
        if (!leaving) {
            ovsext_out_number(out, "slot", row->config.slot);
        }
    }
    format_time(row->since_ns, since);
    ovsext_out_text(out, "state", insp_function_state_word(row->state));
    ovsext_out_text(out, "reason", insp_function_state_text(row->state));
    ovsext_out_text(out, "since", since);
    ovsext_out_text(out, "effect", effect_of(row, inspector));
    put_function_settings(out, row, find_function(rows, row->config.id));
    put_function_counters(out, row);
    ovsext_out_end(out);
}

/* Returns an error text or NULL. */
static char *
put_functions(struct ovsext_out *out, const struct ovsext_rows *rows,
              const struct ovsext_inspector *inspector,
              const struct insp_inspector_stats *stats)
{
    struct insp_function_row functions[INSP_MAX_FUNCTIONS];
    size_t n = 0;

    if (stats) {
        n = insp_engine_functions(rows->engine, inspector->config.base.id,
                                  functions, ARRAY_SIZE(functions),
                                  OVSEXT_ANSWER_MS);
        if (!n && inspector->n_functions) {
            return xstrdup("the inspector did not answer in time");
        }
    }
    put_heading(out, inspector, stats);
    ovsext_out_list(out, "functions");
    for (size_t i = 0; i < MIN(n, ARRAY_SIZE(functions)); i++) {
        put_function(out, rows, inspector, &functions[i]);
    }
    ovsext_out_end(out);
    if (!n) {
        ovsext_out_line(out, "no function is in force");
    }
    ovsext_out_end(out);
    return NULL;
}

static char *
answer_policy(const struct ovsext_question *q, struct ovsext_out *out,
              bool functions)
{
    const struct ovsext_rows *rows = q->rows;
    struct ovsext_engine_state *state = ovsext_engine_state_read(rows);
    char *error = NULL;

    if (!rows->n_inspectors) {
        ovsext_out_line(out, "no inspector is configured");
    }
    ovsext_out_list(out, "inspectors");
    for (size_t i = 0; i < rows->n_inspectors && !error; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];
        const struct insp_inspector_stats *stats =
            ovsext_engine_state_inspector(state, inspector);

        if (!ovsext_question_concerns(q, inspector)) {
            continue;
        }
        error = functions ? put_functions(out, rows, inspector, stats)
                          : put_rules(out, rows->engine, inspector, stats);
    }
    ovsext_out_end(out);
    free(state);
    return error;
}

char *
ovsext_answer_rules(const struct ovsext_question *q, struct ovsext_out *out)
{
    return answer_policy(q, out, false);
}

char *
ovsext_answer_functions(const struct ovsext_question *q,
                        struct ovsext_out *out)
{
    return answer_policy(q, out, true);
}
