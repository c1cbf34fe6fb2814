/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The rows' own words: ovs-vswitchd has judged each of them already, and what
 * it found stands in their status.  Added is what it means and what to do.
 * What ovs-vswitchd cannot know, because it is not there or has not looked
 * yet, shows in cur_cfg and in an empty status. */

#include <config.h>

#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "ovs-compat.h"
#include "smap.h"
#include "util.h"

static const char *
word_of(const struct smap *status, const char *key)
{
    return smap_get_def(status, key, "");
}

void
examine_bridges(void)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH(bridge, the_idl)
    {
        const char *type =
            (bridge->datapath_type[0] ? bridge->datapath_type : "system");

        if (bridge->n_inspectors && strcmp(type, "netdev")) {
            char *advice = xasprintf(
                "ovs-vsctl set Bridge %s datapath_type=netdev (its ports are "
                "attached anew, which interrupts traffic), or take it off: "
                "ovs-inspectctl disable %s",
                bridge->name, bridge->name);

            finding(SEVERITY_ERROR, "datapath", bridge->name, advice,
                    "datapath_type is \"%s\": the kernel forwards its packets "
                    "and nothing of them is inspected",
                    type);
            free(advice);
        }
    }
}

static bool
is_on_a_bridge(const struct ovsrec_inspector *inspector)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH(bridge, the_idl)
    {
        for (size_t i = 0; i < bridge->n_inspectors; i++) {
            if (bridge->inspectors[i] == inspector) {
                return true;
            }
        }
    }
    return false;
}

static void
examine_state(const struct ovsrec_inspector *i)
{
    const char *error = word_of(&i->status, "error");
    const char *warning = word_of(&i->status, "warning");
    const char *absent = word_of(&i->status, "absent");

    if (error[0]) {
        finding(SEVERITY_ERROR, "inspector", i->name,
                strstr(error, "of memory")
                    ? "lower flow_limit (ovs-inspectctl size N says what N "
                      "connections need), or give the host or the service more"
                    : "correct the row; see ovs-vswitchd.conf.db(5)",
                "%s", error);
    }
    if (warning[0]) {
        finding(SEVERITY_WARNING, "inspector", i->name,
                "correct the row; see ovs-vswitchd.conf.db(5)", "%s", warning);
    }
    if (absent[0]) {
        finding(SEVERITY_NOTE, "inspector", i->name,
                "correct the rule if a name is mistyped (ovs-vsctl "
                "--columns=name,external_ids list Interface has what there "
                "is); if such a VM is yet to come, wait",
                "no port is what its rules name: %s", absent);
    }
    if (i->n_enabled && !i->enabled[0]) {
        char *advice =
            xasprintf("ovs-vsctl set Inspector %s enabled=true", i->name);

        finding(SEVERITY_NOTE, "inspector", i->name, advice,
                "it is switched off (enabled=false)");
        free(advice);
    } else if (!is_on_a_bridge(i)) {
        char *advice = xasprintf("ovs-inspectctl enable BRIDGE "
                                 "--inspector=%s",
                                 i->name);

        finding(SEVERITY_WARNING, "inspector", i->name, advice,
                "no bridge names it, so it inspects nothing");
        free(advice);
    } else if (!i->n_uplinks) {
        char *advice = xasprintf("ovs-inspectctl add-uplink %s NAME "
                                 "target=ssl:COLLECTOR",
                                 i->name);

        finding(SEVERITY_NOTE, "inspector", i->name, advice,
                "it has no uplink: what it learns is seen on this host only");
        free(advice);
    }
    if (i->cur_cfg < i->next_cfg) {
        finding(SEVERITY_WARNING, "inspector", i->name,
                "look whether ovs-vswitchd runs and has the inspector; "
                "its log says what it is at",
                "change %" PRId64 " has not been taken up (cur_cfg is %" PRId64
                ")",
                i->next_cfg, i->cur_cfg);
    }
}

static int64_t
statistic(const struct ovsrec_inspector *i, const char *key)
{
    for (size_t k = 0; k < i->n_statistics; k++) {
        if (!strcmp(i->key_statistics[k], key)) {
            return i->value_statistics[k];
        }
    }
    return 0;
}

static void
examine_work(const struct ovsrec_inspector *i)
{
    const char *off = word_of(&i->status, "readers_off");
    const char *step = word_of(&i->status, "metadata");
    int64_t evicted = statistic(i, "connections_evicted_now");
    int64_t lost = statistic(i, "lost_packets");

    if (off[0]) {
        finding(
            SEVERITY_WARNING, "readers", i->name,
            strstr(off, "crashed")
                ? "send the crash report in; move it out of the log "
                  "directory and restart ovs-vswitchd to read them again"
                : "meant?  else: ovs-vsctl remove Inspector NAME other_config "
                  "readers-off",
            "these protocols are not read: %s", off);
    }
    if (step[0] && strcmp(step, "full")) {
        finding(SEVERITY_WARNING, "metadata", i->name,
                "raise other_config:metadata-budget, or accept less (see "
                "metadata-level in ovs-vswitchd.conf.db(5))",
                "records are cut down to the step \"%s\"", step);
    }
    if (evicted) {
        finding(SEVERITY_WARNING, "connections", i->name,
                "raise flow_limit (ovs-inspectctl size says what it costs) "
                "or other_config:port-quota",
                "%" PRId64 " connections had to make room for others",
                evicted);
    }
    if (lost) {
        finding(SEVERITY_WARNING, "packets", i->name,
                "ovs-appctl inspect/stats says why, under \"lost\"",
                "%" PRId64 " packets were seen and not inspected", lost);
    }
}

/* Rules that would touch packets if the inspector were inline. */
static void
examine_tap(const struct ovsrec_inspector *i)
{
    size_t n = 0;

    if (i->mode && !strcmp(i->mode, "inline")) {
        return;
    }
    for (size_t k = 0; k < i->n_rules; k++) {
        const struct ovsrec_inspect_rule *rule = i->rules[k];
        const char *action = rule->action ? rule->action : "allow";

        n += (!rule->n_enabled || rule->enabled[0]) &&
             strcmp(action, "allow") && strcmp(action, "alert");
    }
    if (n) {
        char *advice = xasprintf("ovs-vsctl set Inspector %s mode=inline, if "
                                 "they shall",
                                 i->name);

        finding(SEVERITY_NOTE, "rules", i->name, advice,
                "mode=tap: what %" PRIuSIZE " of its rules drop, reset or "
                "redirect passes all the same",
                n);
        free(advice);
    }
}

/* The counter is the switch's, and so the same in every row. */
static void
examine_unknown_ids(const struct ovsrec_inspector *i)
{
    int64_t n = statistic(i, "unknown_id_packets");

    if (n) {
        finding(SEVERITY_NOTE, "flows", "",
                "compare ovs-ofctl dump-flows BRIDGE | grep 'inspect(' with "
                "ovs-vsctl --columns=name,id list Inspector",
                "%" PRId64
                " packets have met inspect(id=N) with an id that no "
                "inspector had, and passed uninspected",
                n);
    }
}

void
examine_inspectors(void)
{
    const struct ovsrec_inspector *i = ovsrec_inspector_first(the_idl);
    const struct ovsrec_inspector *any = NULL;

    if (!i) {
        finding(SEVERITY_NOTE, "inspector", "",
                "ovs-inspectctl enable BRIDGE --uplink=ssl:COLLECTOR",
                "there is none, so nothing is inspected");
    }
    OVSREC_INSPECTOR_FOR_EACH(i, the_idl)
    {
        examine_state(i);
        examine_work(i);
        examine_tap(i);
        any = i->n_statistics ? i : any;
    }
    if (any) {
        examine_unknown_ids(any);
    }
}

static void
examine_row(const char *check, const char *name, const struct smap *status)
{
    const char *error = word_of(status, "error");

    if (error[0]) {
        finding(SEVERITY_ERROR, check, name,
                "correct the row; the others are in force without it", "%s",
                error);
    }
}

static void
examine_function(const struct ovsrec_inspect_function *f)
{
    const char *state = word_of(&f->status, "state");

    examine_row("function", f->name, &f->status);
    if (!strcmp(state, "no-port") || !strcmp(state, "link-down") ||
        !strcmp(state, "probes-lost")) {
        finding(SEVERITY_ERROR, "function", f->name,
                "see \"A function is down\" in troubleshooting.md",
                "it is down (%s: %s); effect on packets: %s", state,
                word_of(&f->status, "reason"), word_of(&f->status, "effect"));
    }
}

void
examine_policy(void)
{
    const struct ovsrec_inspect_address_set *set;
    const struct ovsrec_inspect_function *function;
    const struct ovsrec_inspect_rule *rule;

    OVSREC_INSPECT_RULE_FOR_EACH(rule, the_idl)
    {
        examine_row("rule", rule->name, &rule->status);
    }
    OVSREC_INSPECT_FUNCTION_FOR_EACH(function, the_idl)
    {
        examine_function(function);
    }
    OVSREC_INSPECT_ADDRESS_SET_FOR_EACH(set, the_idl)
    {
        examine_row("set", set->name, &set->status);
    }
}

/* How bad it is that a port is in this state, for this reason.  What "select"
 * leaves out is meant to be left out. */
static enum severity
severity_of(const char *state, const char *why)
{
    return (!strcmp(state, "blind") ? SEVERITY_ERROR
            : !strcmp(state, "unprotected") && strncmp(why, "select=", 7)
                ? SEVERITY_WARNING
                : SEVERITY_NOTE);
}

/* Ports in equal state for an equal reason are one finding. */
struct group {
    const char *state;
    const char *why;
    struct ds ports;
    unsigned int n;
};

static void
add_port(struct shash *groups, const struct json *port)
{
    const char *state = json_text_of(port, "state");
    const char *why = json_text_of(port, "why");
    char *key = xasprintf("%s %s", state, why);
    struct group *g = shash_find_data(groups, key);

    if (!g) {
        g = xzalloc(sizeof *g);
        g->state = state;
        g->why = why;
        ds_init(&g->ports);
        shash_add(groups, key, g);
    }
    free(key);
    g->n++;
    if (g->n <= 4) {
        ds_put_format(&g->ports, "%s%s", g->n > 1 ? ", " : "",
                      json_text_of(port, "port"));
    } else if (g->n == 5) {
        ds_put_cstr(&g->ports, ", ...");
    }
}

static void
tell_group(const struct group *g)
{
    enum severity severity = severity_of(g->state, g->why);
    const char *advice =
        (severity == SEVERITY_ERROR ? "the bridge needs datapath_type=netdev"
         : !strncmp(g->why, "no inspector", 12)
             ? "ovs-inspectctl enable BRIDGE"
         : severity == SEVERITY_WARNING
             ? "see the inspector's own findings"
             : "nothing, if that is what you meant; ovs-appctl inspect/coverage "
               "has figures for each port");

    finding(severity, "coverage", ds_cstr_ro(&g->ports), advice,
            "%u VM port%s %s: %s", g->n, g->n > 1 ? "s" : "", g->state,
            g->why);
}

void
examine_coverage(void)
{
    struct shash groups = SHASH_INITIALIZER(&groups);
    struct svec args = SVEC_EMPTY_INITIALIZER;
    const struct json *ports;
    struct shash_node *node;
    struct json *answer;

    svec_add(&args, "--json");
    answer = ask_if_running("inspect/coverage", &args);
    svec_destroy(&args);
    ports = answer ? json_list_of(answer, "ports") : NULL;
    if (!ports) {
        json_destroy(answer);
        return;
    }
    for (size_t i = 0; i < list_size(ports); i++) {
        const struct json *port = list_at(ports, i);

        if (strcmp(json_text_of(port, "state"), "protected")) {
            add_port(&groups, port);
        }
    }
    if (!list_size(ports) && ovsrec_inspector_first(the_idl)) {
        finding(SEVERITY_WARNING, "coverage", "",
                "Nova and libvirt write external_ids:vm-uuid or vm-id; for "
                "ports of your own set it, or list them: ovs-vsctl set "
                "Inspector NAME ports=PORT",
                "there is no VM port: no interface says which VM it is of");
    }
    SHASH_FOR_EACH_SAFE(node, &groups)
    {
        struct group *g = node->data;

        tell_group(g);
        ds_destroy(&g->ports);
        free(g);
        shash_delete(&groups, node);
    }
    shash_destroy(&groups);
    json_destroy(answer);
}
