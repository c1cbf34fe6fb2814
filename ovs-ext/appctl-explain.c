/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/explain: the engine says which rule matches in each slot and what
 * it would decide; here that is told slot by slot, with the state of the
 * functions as it is now.  What the engine decides is not decided again: only
 * what follows from a function that is down is, because that is looked up
 * when a packet is sent to it.
 *
 *     slot 2 (firewall)
 *         from_vm: rule web (priority 100, both): allow
 *         decision: passes on
 *     slot 4 (function ips, up)
 *         from_vm: rule to-ips (priority 10, from-vm): redirect
 *         decision: goes to function ips, entering as from-vm */

#include <config.h>

#include "ovs-ext/appctl-command.h"
#include "ovs-ext/appctl-packet.h"
#include "ovs-ext/status.h"
#include "util.h"

/* Where the packet has got to. */
struct walk {
    const struct insp_explanation *e;
    bool ended;     /* Dropped: later slots are not met. */
    struct ds path; /* Functions that it goes through. */
    char *end;      /* What ended it, or NULL. */
};

static const struct insp_policy_rule *
find_rule(const struct insp_explanation *e, uint32_t number)
{
    for (size_t i = 0; number && i < e->n_rules; i++) {
        if (e->rules[i].number == number) {
            return &e->rules[i];
        }
    }
    return NULL;
}

static const struct insp_function_row *
find_function(const struct insp_explanation *e, unsigned int slot)
{
    for (size_t i = 0; i < e->n_functions; i++) {
        if (e->functions[i].config.slot == slot) {
            return &e->functions[i];
        }
    }
    return NULL;
}

static void
put_match(struct ovsext_out *out, const char *key,
          const struct insp_policy_rule *rule)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    if (!rule) {
        if (!out->json) {
            ovsext_out_text(out, key, "no rule matches");
        }
        return;
    }
    if (out->json) {
        ovsext_out_group(out, key);
        ovsext_out_text(out, "rule", rule->name);
        ovsext_out_number(out, "priority", rule->priority);
        ovsext_out_text(out, "direction",
                        insp_direction_word(rule->direction));
        ovsext_out_text(out, "action", insp_action_word(rule->action));
        ovsext_out_end(out);
        return;
    }
    ds_put_format(&text, "rule %s (priority %" PRId32 ", %s): %s", rule->name,
                  rule->priority, insp_direction_word(rule->direction),
                  insp_action_word(rule->action));
    ovsext_out_text(out, key, ds_cstr(&text));
    ds_destroy(&text);
}

static bool
refuses(const struct insp_policy_rule *rule)
{
    return rule && (rule->action == INSP_ACTION_DROP ||
                    rule->action == INSP_ACTION_RESET);
}

/* A function that is down: by its fail_mode. */
static char *
decide_down(struct walk *walk, const struct insp_function_row *f)
{
    const char *word = insp_function_state_word(f->state);
    const char *text = insp_function_state_text(f->state);

    if (f->config.fail_mode == INSP_FAIL_OPEN) {
        return xasprintf("function %s is down (%s: %s), fail_mode=open: "
                         "bypasses it",
                         f->config.name, word, text);
    }
    walk->ended = true;
    walk->end = xasprintf("drop, function %s is down and fail_mode=closed",
                          f->config.name);
    return xasprintf("function %s is down (%s: %s), fail_mode=closed: "
                     "dropped",
                     f->config.name, word, text);
}

static char *
decide_redirect(struct walk *walk, unsigned int slot,
                const struct insp_function_row *f)
{
    unsigned int bit = 1u << (slot - INSP_FIRST_SERVICE_SLOT);
    bool as_to_vm = walk->e->judgement.as_to_vm & bit;

    if (!f) {
        return xstrdup("redirect, but no function is in this slot: passes "
                       "on");
    } else if (f->state != INSP_FUNCTION_UP) {
        return decide_down(walk, f);
    }
    ds_put_format(&walk->path, "%sfunction %s",
                  walk->path.length ? ", then " : "", f->config.name);
    return xasprintf("goes to function %s, entering by its %s_port as %s",
                     f->config.name,
                     as_to_vm && f->config.arms == INSP_ARMS_BY_DIRECTION
                         ? "output"
                         : "input",
                     as_to_vm ? "to-vm" : "from-vm");
}

/* What happens in a slot, as a sentence that the caller frees. */
static char *
decide(struct walk *walk, unsigned int slot,
       const struct insp_policy_rule *from, const struct insp_policy_rule *to,
       const struct insp_function_row *f)
{
    const struct insp_judgement *j = &walk->e->judgement;

    if (walk->ended) {
        return xstrdup("not reached");
    } else if ((refuses(from) || refuses(to)) &&
               j->verdict != INSP_VERDICT_ALLOW) {
        const struct insp_policy_rule *by = find_rule(walk->e, j->rule);

        walk->ended = true;
        walk->end = xasprintf("%s, by rule %s", insp_verdict_word(j->verdict),
                              by ? by->name : "?");
        return xstrdup(j->verdict == INSP_VERDICT_RESET
                           ? "refused: dropped, and the sender is told"
                           : "dropped");
    } else if (slot >= INSP_FIRST_SERVICE_SLOT &&
               j->slots & (1u << (slot - INSP_FIRST_SERVICE_SLOT))) {
        return decide_redirect(walk, slot, f);
    }
    return xstrdup(slot ? "passes on" : "is counted, passes on");
}

static const char *
slot_word(unsigned int slot)
{
    switch (slot) {
    case 0: return "metering";
    case INSP_SLOT_REPUTATION: return "reputation";
    case INSP_SLOT_FIREWALL: return "firewall";
    case INSP_SLOT_SIGNATURES: return "signatures";
    }
    return "no function";
}

/* Of a slot in which nothing matches, one line; of one that has no function
 * either, none. */
static bool
is_empty(const struct insp_explanation *e, unsigned int slot)
{
    return slot >= INSP_FIRST_SERVICE_SLOT && !e->matches[slot].from_vm &&
           !e->matches[slot].to_vm && !find_function(e, slot);
}

static void
put_slot(struct ovsext_out *out, struct walk *walk, unsigned int slot)
{
    const struct insp_slot_matches *m = &walk->e->matches[slot];
    const struct insp_policy_rule *from = find_rule(walk->e, m->from_vm);
    const struct insp_policy_rule *to = find_rule(walk->e, m->to_vm);
    const struct insp_function_row *f = find_function(walk->e, slot);
    char *decision = decide(walk, slot, from, to, f);
    char *what = (f ? xasprintf("function %s, %s", f->config.name,
                                insp_function_state_word(f->state))
                    : xstrdup(slot_word(slot)));

    if (!out->json && !from && !to) {
        ovsext_out_line(out, "slot %u (%s): %s%s", slot, what,
                        slot && !walk->ended ? "no rule matches, " : "",
                        decision);
    } else {
        ovsext_out_item(out, "slot %u (%s)", slot, what);
        if (out->json) {
            ovsext_out_number(out, "slot", slot);
            if (f) {
                ovsext_out_text(out, "function", f->config.name);
                ovsext_out_text(out, "state",
                                insp_function_state_word(f->state));
                ovsext_out_text(out, "reason",
                                insp_function_state_text(f->state));
            }
        }
        put_match(out, "from_vm", from);
        put_match(out, "to_vm", to);
        ovsext_out_text(out, "decision", decision);
        ovsext_out_end(out);
    }
    free(decision);
    free(what);
}

static void
put_verdict(struct ovsext_out *out, const struct walk *walk)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    if (walk->path.length) {
        ds_put_format(&text, "redirect, to %s", ds_cstr_ro(&walk->path));
        ds_put_format(&text, walk->end ? "; then %s" : ", then on",
                      walk->end ? walk->end : "");
    } else if (walk->end) {
        ds_put_cstr(&text, walk->end);
    } else {
        const struct insp_policy_rule *by;

        by = find_rule(walk->e, walk->e->judgement.rule);
        ds_put_cstr(&text, "allow");
        ds_put_format(&text, by ? ", by rule %s" : ", by no rule",
                      by ? by->name : "");
    }
    ovsext_out_text(out, "verdict", ds_cstr(&text));
    ds_destroy(&text);
}

static void
put_end(struct ovsext_out *out, const char *key, const struct insp_port *port)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    if (!port) {
        ds_put_cstr(&text, "none");
    } else {
        ds_put_format(&text, "%s on %s (port %" PRIu32 ", %s", port->name,
                      port->bridge, port->id, insp_port_role_word(port->role));
        if (port->vm_id[0] || port->iface_id[0]) {
            ds_put_format(&text, " %s",
                          port->vm_id[0] ? port->vm_id : port->iface_id);
        }
        ds_put_char(&text, ')');
    }
    ovsext_out_text(out, key, ds_cstr(&text));
    ds_destroy(&text);
}

static void
put_explanation(struct ovsext_out *out, const struct ovsext_packet *packet,
                const struct insp_explanation *e)
{
    struct walk walk = { .e = e, .path = DS_EMPTY_INITIALIZER };
    const struct insp_policy_rule *alert;
    struct ds text = DS_EMPTY_INITIALIZER;
    unsigned int n_empty = 0;

    ovsext_packet_format(packet, &text);
    ovsext_out_text(out, "packet", ds_cstr(&text));
    put_end(out, "in", packet->in);
    put_end(out, "out", packet->out);
    ovsext_out_text(out, "assumed", ds_cstr_ro(&packet->assumed));
    ovsext_out_number(out, "policy_version", e->version);

    ovsext_out_list(out, "slots");
    for (unsigned int slot = 0; slot < INSP_N_SLOTS; slot++) {
        if (!out->json && is_empty(e, slot)) {
            n_empty++;
        } else {
            put_slot(out, &walk, slot);
        }
    }
    ovsext_out_end(out);
    if (n_empty) {
        ovsext_out_line(out, "%u more slots: no function, no rule matches",
                        n_empty);
    }

    put_verdict(out, &walk);
    alert = find_rule(e, e->judgement.alert);
    if (alert) {
        ovsext_out_text(out, "alert", alert->name);
    }
    if (e->tap || out->json) {
        ovsext_out_bool(out, "tap", e->tap);
    }
    if (e->tap) {
        ovsext_out_text(out, "note",
                        "mode=tap: nothing of this is carried "
                        "out, every packet passes");
    }
    ds_destroy(&text);
    ds_destroy(&walk.path);
    free(walk.end);
}

/* Why the engine had no answer. */
static char *
no_answer(const struct ovsext_question *q)
{
    struct ovsext_engine_state *state = ovsext_engine_state_read(q->rows);
    const char *is;
    char *error;

    is = ovsext_inspector_state(
        q->inspector, ovsext_engine_state_inspector(state, q->inspector));
    error =
        (!strcmp(is, "active")
             ? xstrdup("the inspector did not answer in time")
             : xasprintf("inspector \"%s\" is not in force: %s%s",
                         q->inspector->name, is,
                         !strcmp(is, "unused") ? ", no bridge has it" : ""));
    free(state);
    return error;
}

char *
ovsext_answer_explain(const struct ovsext_question *q, struct ovsext_out *out)
{
    struct insp_explanation *e = xzalloc(sizeof *e);
    struct ovsext_packet packet;
    char *error;

    error = ovsext_packet_read(&packet, &q->words, q->rows->ports);
    if (!error) {
        if (q->rows->engine && q->inspector->n_bridges &&
            insp_engine_explain(q->rows->engine, q->id, &packet.subject, e,
                                OVSEXT_ANSWER_MS)) {
            ovsext_out_text(out, "inspector", q->inspector->name);
            put_explanation(out, &packet, e);
        } else {
            error = no_answer(q);
        }
    }
    ovsext_packet_destroy(&packet);
    free(e);
    return error;
}
