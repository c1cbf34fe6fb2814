/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * For each inspector all that its policy consists of is written down: number
 * and stamp of each rule, stamps of the sets that they name, functions with
 * their ports.  The same as last time: the policy stays.  Anything else: the
 * next version is frozen.  Versions are counted for the process, so that one
 * names the same policy in every inspector's records.
 *
 * A binding is made anew when ports have come or gone.
 *
 * A function that is no longer in force stays, as leaving, for its
 * flight_timeout, so that packets that are in it come back to where they
 * belong.  It goes before its time when somebody else gets a port of it, or
 * when there are too many. */

#include <config.h>

#include "ovs-ext/row-policy.h"

#include <errno.h>

#include "hmapx.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/row-inspector.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_policy);

/* All that goes into the policy of one inspector. */
struct parts {
    struct ovsext_rule **rules; /* Sorted by number. */
    size_t n_rules;
    struct ovsext_set **sets; /* Sorted by stamp. */
    size_t n_sets;
};

void
ovsext_policies_init(struct ovsext_policies *policies)
{
    memset(policies, 0, sizeof *policies);
    ovsext_rules_init(&policies->rules);
    ovsext_functions_init(&policies->functions);
    hmap_init(&policies->by_uuid);
}

void
ovsext_policies_read(struct ovsext_policies *policies,
                     const struct ovsdb_idl *idl)
{
    ovsext_rules_read(&policies->rules, idl);
    ovsext_functions_read(&policies->functions, idl);
}

static struct ovsext_policy *
find_policy(const struct ovsext_policies *policies, const struct uuid *uuid)
{
    struct ovsext_policy *policy;

    HMAP_FOR_EACH_WITH_HASH(policy, node, uuid_hash(uuid), &policies->by_uuid)
    {
        if (uuid_equals(&policy->uuid, uuid)) {
            return policy;
        }
    }
    return NULL;
}

const struct ovsext_policy *
ovsext_policies_find(const struct ovsext_policies *policies,
                     const struct uuid *uuid)
{
    return find_policy(policies, uuid);
}

static void
destroy_policy(struct ovsext_policies *policies, struct ovsext_policy *policy)
{
    hmap_remove(&policies->by_uuid, &policy->node);
    insp_binding_unref(policy->binding);
    free(policy->made_of);
    free(policy);
}

/* Rules. */
static int
compare_rules(const void *a_, const void *b_)
{
    const struct ovsext_rule *const *a = a_;
    const struct ovsext_rule *const *b = b_;
    uint32_t a_number = (*a)->config.base.number;
    uint32_t b_number = (*b)->config.base.number;

    return a_number < b_number ? -1 : a_number > b_number;
}

static int
compare_sets(const void *a_, const void *b_)
{
    const struct ovsext_set *const *a = a_;
    const struct ovsext_set *const *b = b_;

    return a[0]->row.stamp < b[0]->row.stamp
               ? -1
               : a[0]->row.stamp > b[0]->row.stamp;
}

static void
add_set(struct ovsext_set *set, void *sets)
{
    set->row.used = true;
    hmapx_add(sets, set);
}

static void
gather_parts(const struct ovsext_policies *policies,
             const struct ovsrec_inspector *idl_row,
             struct ovsext_inspector *inspector, struct parts *parts)
{
    struct hmapx sets = HMAPX_INITIALIZER(&sets);
    struct hmapx_node *node;

    parts->rules = xcalloc(idl_row->n_rules, sizeof *parts->rules);
    parts->n_rules = 0;
    for (size_t i = 0; i < idl_row->n_rules; i++) {
        struct ovsext_rule *rule;

        rule = ovsext_rules_find(&policies->rules,
                                 &idl_row->rules[i]->header_.uuid);
        if (!rule) {
            continue;
        }
        rule->row.used = true;
        if (ovsext_rule_is_good(rule)) {
            parts->rules[parts->n_rules++] = rule;
            ovsext_rule_sets(&policies->rules, rule, add_set, &sets);
        } else if (rule->config.enabled) {
            inspector->n_bad_rules++;
        }
    }
    qsort(parts->rules, parts->n_rules, sizeof *parts->rules, compare_rules);
    if (inspector->n_bad_rules) {
        insp_fault(&inspector->warnings,
                   "rules: %u of %" PRIuSIZE " in error; "
                   "see status:error of table Inspect_Rule",
                   inspector->n_bad_rules, idl_row->n_rules);
    }

    parts->sets = xcalloc(hmapx_count(&sets), sizeof *parts->sets);
    parts->n_sets = 0;
    HMAPX_FOR_EACH(node, &sets)
    {
        parts->sets[parts->n_sets++] = node->data;
    }
    qsort(parts->sets, parts->n_sets, sizeof *parts->sets, compare_sets);
    hmapx_destroy(&sets);
}

static void
free_parts(struct parts *parts)
{
    free(parts->rules);
    free(parts->sets);
}

/* Functions. */
static bool
is_claimed(const struct ovsext_policies *policies, const char *port)
{
    for (size_t i = 0; i < policies->functions.n; i++) {
        const struct ovsext_function_row *row = policies->functions.sorted[i];

        if (row->in_force && (!strcmp(row->config.input_port, port) ||
                              !strcmp(row->config.output_port, port))) {
            return true;
        }
    }
    return false;
}

static bool
has_function(const struct ovsext_policy *policy, uint32_t id)
{
    for (size_t i = 0; i < policy->n_functions; i++) {
        if (policy->functions[i].id == id) {
            return true;
        }
    }
    return false;
}

static void
add_function(struct ovsext_policy *policy,
             const struct insp_function_config *config, const char *input,
             const char *output, long long int until)
{
    size_t i = policy->n_functions++;

    policy->functions[i] = *config;
    ovs_strlcpy(policy->ports[i][0], input, sizeof policy->ports[i][0]);
    ovs_strlcpy(policy->ports[i][1], output, sizeof policy->ports[i][1]);
    policy->until[i] = until;
}

/* Whether 'old' had function 'i' of 'new', and where it is now. */
static bool
is_as_before(const struct ovsext_policy *old, const struct ovsext_policy *new,
             size_t i)
{
    for (size_t j = 0; j < old->n_functions; j++) {
        if (old->functions[j].id == new->functions[i].id) {
            return !strcmp(old->ports[j][0], new->ports[i][0]) &&
                   !strcmp(old->ports[j][1], new->ports[i][1]);
        }
    }
    return false;
}

/* Adds a function of 'old' that is not in force any more, if there is room
 * and its ports are still its own. */
static void
add_leaving(const struct ovsext_policies *policies,
            const struct ovsext_port_list *ports,
            const struct ovsext_policy *old, size_t i,
            struct ovsext_policy *policy)
{
    struct insp_function_config config = old->functions[i];
    long long int until = old->until[i];

    if (!until) {
        until = time_msec() + config.flight_timeout_ms;
    }
    config.slot = INSP_SLOT_LEAVING;
    if (policy->n_functions < INSP_MAX_FUNCTIONS && time_msec() < until &&
        !has_function(policy, config.id)) {
        const char *input = old->ports[i][0];
        const char *output = old->ports[i][1];

        if (!is_claimed(policies, input) && !is_claimed(policies, output) &&
            !ovsext_is_vm_port(ports, input) &&
            !ovsext_is_vm_port(ports, output)) {
            add_function(policy, &config, input, output, until);
        }
    }
}

/* Which functions the inspector has now, in and out of force.  Returns true
 * if that is another list than before. */
static bool
update_functions(struct ovsext_policies *policies,
                 const struct ovsext_inspector *inspector,
                 const struct ovsext_port_list *ports,
                 struct ovsext_policy *policy)
{
    struct ovsext_policy *old = xmemdup(policy, sizeof *policy);
    bool changed;

    memset(policy->functions, 0, sizeof policy->functions);
    memset(policy->ports, 0, sizeof policy->ports);
    memset(policy->until, 0, sizeof policy->until);
    policy->n_functions = 0;
    for (size_t i = 0; i < policies->functions.n; i++) {
        const struct ovsext_function_row *row = policies->functions.sorted[i];

        if (row->in_force && row->inspector == inspector) {
            add_function(policy, &row->config.base, row->config.input_port,
                         row->config.output_port, 0);
            if (!is_as_before(old, policy, policy->n_functions - 1)) {
                policies->function_came = true;
            }
        }
    }
    policy->n_in_force = policy->n_functions;

    /* In 'old' those in force come before those that have been leaving for a
     * time, which so give way first. */
    for (size_t i = 0; i < old->n_functions; i++) {
        add_leaving(policies, ports, old, i, policy);
    }
    changed =
        old->n_functions != policy->n_functions ||
        memcmp(old->functions, policy->functions, sizeof policy->functions) ||
        memcmp(old->ports, policy->ports, sizeof policy->ports);
    free(old);
    return changed;
}

/* Writes down what a version consists of. */
static void
describe(const struct parts *parts, const struct ovsext_policy *policy,
         struct ofpbuf *b)
{
    for (size_t i = 0; i < parts->n_rules; i++) {
        const struct ovsext_rule *rule = parts->rules[i];
        const uint64_t what[] = { rule->config.base.number, rule->row.stamp };

        ofpbuf_put(b, what, sizeof what);
    }
    for (size_t i = 0; i < parts->n_sets; i++) {
        const uint64_t what[] = { 0, parts->sets[i]->row.stamp };

        ofpbuf_put(b, what, sizeof what);
    }
    for (size_t i = 0; i < policy->n_in_force; i++) {
        ofpbuf_put(b, &policy->functions[i], sizeof policy->functions[i]);
        ofpbuf_put(b, policy->ports[i], sizeof policy->ports[i]);
    }
}

/* Freezing. */
static int
freeze(const struct parts *parts, const struct ovsext_port_list *ports,
       uint32_t version, struct insp_binding **bindingp)
{
    struct insp_rule *rules = xcalloc(parts->n_rules, sizeof *rules);
    struct insp_address_set *sets = xcalloc(parts->n_sets, sizeof *sets);
    struct insp_policy *policy;
    int error;

    for (size_t i = 0; i < parts->n_rules; i++) {
        rules[i] = parts->rules[i]->config.base;
    }
    for (size_t i = 0; i < parts->n_sets; i++) {
        sets[i] = parts->sets[i]->config.base;
    }
    ovsrcu_quiesce_start();
    error = insp_policy_create(rules, parts->n_rules, sets, parts->n_sets,
                               version, &policy);
    if (!error) {
        error = insp_binding_create(policy, ports->array, ports->n, bindingp);
        insp_policy_unref(policy);
    }
    ovsrcu_quiesce_end();
    free(rules);
    free(sets);
    return error;
}

static uint32_t
next_version(struct ovsext_policies *policies)
{
    policies->last_version = policies->last_version % (INSP_VERSION_MAX - 1);
    return ++policies->last_version;
}

static void
set_in_force(struct ovsext_row *row, uint32_t version)
{
    if (!row->version || row->version_stamp != row->stamp) {
        row->version = version;
        row->version_stamp = row->stamp;
    }
}

static void
replace_binding(struct ovsext_policies *policies, struct ovsext_policy *policy,
                struct insp_binding *binding)
{
    insp_binding_unref(policy->binding);
    policy->binding = binding;
    policies->changed = true;
}

static void
note_failure(struct ovsext_policies *policies,
             struct ovsext_inspector *inspector, size_t n_rules, int error)
{
    if (error == ENOMEM) {
        policies->retry = true;
        insp_fault(&inspector->policy_faults,
                   "no memory for %" PRIuSIZE " "
                   "rules; the last ones stay in force",
                   n_rules);
    } else {
        insp_fault(&inspector->policy_faults,
                   "%" PRIuSIZE " rules: an "
                   "inspector takes %d; the last ones stay in force",
                   n_rules, INSP_POLICY_MAX);
    }
}

/* Makes the next version. */
static void
renew(struct ovsext_policies *policies, struct ovsext_inspector *inspector,
      const struct parts *parts, const struct ovsext_port_list *ports,
      struct ovsext_policy *policy)
{
    uint64_t began_ns = ovsext_monotonic_ns();
    uint32_t version = next_version(policies);
    struct insp_binding *binding;
    int error = freeze(parts, ports, version, &binding);

    if (error) {
        note_failure(policies, inspector, parts->n_rules, error);
        return;
    }
    replace_binding(policies, policy, binding);
    policy->version = version;
    policy->n_rules = parts->n_rules;
    for (size_t i = 0; i < parts->n_rules; i++) {
        set_in_force(&parts->rules[i]->row, version);
    }
    for (size_t i = 0; i < parts->n_sets; i++) {
        set_in_force(&parts->sets[i]->row, version);
    }
    VLOG_DBG("froze %" PRIuSIZE " rules in %" PRIu64 " us", parts->n_rules,
             (ovsext_monotonic_ns() - began_ns) / 1000);
}

/* The same version for other ports. */
static void
rebind(struct ovsext_policies *policies, struct ovsext_inspector *inspector,
       const struct ovsext_port_list *ports, struct ovsext_policy *policy)
{
    uint64_t began_ns = ovsext_monotonic_ns();
    struct insp_binding *binding;
    int error;

    ovsrcu_quiesce_start();
    error = insp_binding_create(insp_binding_policy(policy->binding),
                                ports->array, ports->n, &binding);
    ovsrcu_quiesce_end();
    if (error) {
        note_failure(policies, inspector, policy->n_rules, error);
        return;
    }
    replace_binding(policies, policy, binding);
    VLOG_DBG("bound %u rules to %" PRIuSIZE " ports in %" PRIu64 " us",
             policy->n_rules, ports->n,
             (ovsext_monotonic_ns() - began_ns) / 1000);
}

static void
forget_version(struct ovsext_policies *policies, struct ovsext_policy *policy)
{
    if (policy->binding) {
        replace_binding(policies, policy, NULL);
    }
    policy->version = 0;
    policy->n_rules = 0;
    policy->absent[0] = '\0';
}

/* Tells the log as well: a name that is mistyped is an open door. */
static void
find_absent(const struct ovsext_inspector *inspector,
            const struct ovsext_port_list *ports, struct ovsext_policy *policy)
{
    char absent[sizeof policy->absent];
    size_t n = insp_binding_absent(policy->binding, ports->array, ports->n,
                                   absent, sizeof absent);

    if (n && strcmp(absent, policy->absent)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(6, 10);

        VLOG_INFO_RL(&rl, "inspector %s: no port is what its rules name: %s",
                     inspector->name, absent);
    }
    ovs_strlcpy(policy->absent, absent, sizeof policy->absent);
}

/* A redirect to a slot that is empty does nothing. */
static void
check_redirects(const struct ovsext_inspector *inspector,
                const struct parts *parts, const struct ovsext_policy *policy)
{
    uint32_t slots = 0;

    for (size_t i = 0; i < policy->n_in_force; i++) {
        slots |= 1u << policy->functions[i].slot;
    }
    for (size_t i = 0; i < parts->n_rules; i++) {
        struct ovsext_rule *rule = parts->rules[i];

        if (rule->config.base.action == INSP_ACTION_REDIRECT &&
            !(slots & (1u << rule->config.base.slot))) {
            char *text = xasprintf("slot %u of inspector '%s' has no "
                                   "function in force: it passes on",
                                   rule->config.base.slot, inspector->name);
            char *both = ovsext_join_faults(rule->link_warnings, text);

            free(rule->link_warnings);
            rule->link_warnings = both;
        }
    }
}

static void
update_policy(struct ovsext_policies *policies,
              const struct ovsrec_inspector *idl_row,
              struct ovsext_inspector *inspector, struct ovsext_rows *rows,
              bool ports_changed)
{
    struct ovsext_policy *policy = find_policy(policies, &inspector->uuid);
    const struct insp_binding *before = policy ? policy->binding : NULL;
    struct ofpbuf what;
    struct parts parts;

    if (!policy) {
        policy = xzalloc(sizeof *policy);
        policy->uuid = inspector->uuid;
        hmap_insert(&policies->by_uuid, &policy->node,
                    uuid_hash(&policy->uuid));
    }
    policy->turn = policies->turn;
    policies->changed |=
        update_functions(policies, inspector, rows->ports, policy);
    gather_parts(policies, idl_row, inspector, &parts);
    check_redirects(inspector, &parts, policy);

    ofpbuf_init(&what, 256);
    describe(&parts, policy, &what);
    if (!parts.n_rules && !policy->n_functions) {
        forget_version(policies, policy);
    } else if (!policy->binding || what.size != policy->made_of_size ||
               memcmp(what.data, policy->made_of, what.size)) {
        renew(policies, inspector, &parts, rows->ports, policy);
    } else if (ports_changed) {
        rebind(policies, inspector, rows->ports, policy);
    }
    if (policy->binding && policy->binding != before) {
        find_absent(inspector, rows->ports, policy);
    }
    if (!inspector->policy_faults.n) {
        free(policy->made_of);
        policy->made_of_size = what.size;
        policy->made_of = ofpbuf_steal_data(&what);
    }
    ofpbuf_uninit(&what);
    free_parts(&parts);

    inspector->n_rules = policy->n_rules;
    inspector->n_functions = policy->n_in_force;
    inspector->version = policy->version;
    inspector->absent = xstrdup(policy->absent);
}

static const char *
state_of(const struct ovsext_row *row, bool faults, bool enabled)
{
    return (faults                                             ? "error"
            : !enabled                                         ? "disabled"
            : !row->used                                       ? "unused"
            : row->version && row->version_stamp == row->stamp ? "active"
                                                               : "error");
}

static void
tell(struct ovsext_row *row, const char *table, const char *link_faults,
     const char *link_warnings, bool enabled)
{
    const char *state = state_of(row, row->faults || link_faults, enabled);
    char *error =
        ovsext_join_faults(row->faults, nullable_xstrdup(link_faults));

    if (strcmp(state, "active")) {
        row->version = 0;
    }
    if (!error && !strcmp(state, "error")) {
        error = xstrdup("not in force: see status:error of its inspector");
    }
    ovsext_row_status_set(row, table, state, error,
                          ovsext_join_faults(row->warnings,
                                             nullable_xstrdup(link_warnings)),
                          row->version);
}

static void
tell_all(struct ovsext_policies *policies)
{
    struct ovsext_rule *rule;
    struct ovsext_set *set;

    HMAP_FOR_EACH (rule, row.node, &policies->rules.rules) {
        tell(&rule->row, "Inspect_Rule", rule->link_faults,
             rule->link_warnings, rule->config.enabled);
    }
    HMAP_FOR_EACH (set, row.node, &policies->rules.sets) {
        tell(&set->row, "Inspect_Address_Set", NULL, NULL,
             set->config.enabled);
    }
}

static void
begin_update(struct ovsext_policies *policies)
{
    struct ovsext_rule *rule;
    struct ovsext_set *set;

    HMAP_FOR_EACH (rule, row.node, &policies->rules.rules) {
        rule->row.used = false;
        free(rule->link_warnings);
        rule->link_warnings = NULL;
    }
    HMAP_FOR_EACH (set, row.node, &policies->rules.sets) {
        set->row.used = false;
    }
    policies->turn++;
    policies->changed = false;
    policies->function_came = false;
    policies->retry = false;
}

void
ovsext_policies_update(struct ovsext_policies *policies,
                       const struct ovsdb_idl *idl, bool ports_changed,
                       struct ovsext_rows *rows)
{
    struct ovsext_policy *policy;

    ports_changed |= policies->retry;
    begin_update(policies);
    ovsext_functions_decide(&policies->functions, idl, rows);
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        struct ovsext_inspector *inspector = &rows->inspectors[i];
        const struct ovsrec_inspector *idl_row;

        idl_row = ovsrec_inspector_get_for_uuid(idl, &inspector->uuid);
        if (idl_row && ovsext_inspector_is_callable(rows, i)) {
            update_policy(policies, idl_row, inspector, rows, ports_changed);
        }
    }
    HMAP_FOR_EACH_SAFE(policy, node, &policies->by_uuid)
    {
        if (policy->turn != policies->turn) {
            destroy_policy(policies, policy);
            policies->changed = true;
        }
    }
    tell_all(policies);
}

long long int
ovsext_policies_next_leave(const struct ovsext_policies *policies)
{
    const struct ovsext_policy *policy;
    long long int next = LLONG_MAX;

    HMAP_FOR_EACH (policy, node, &policies->by_uuid) {
        for (size_t i = policy->n_in_force; i < policy->n_functions; i++) {
            next = MIN(next, policy->until[i]);
        }
    }
    return next;
}

void
ovsext_policies_in_force(struct ovsext_policies *policies,
                         const struct ovsext_rows *rows)
{
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];
        struct ovsext_policy *policy = find_policy(policies, &inspector->uuid);

        if (policy && policy->told_version != policy->version) {
            policy->told_version = policy->version;
            VLOG_INFO("inspector %s: policy version %" PRIu32 " in force: "
                      "%u rules, %u functions",
                      inspector->name, policy->version, policy->n_rules,
                      policy->n_in_force);
        }
    }
}

void
ovsext_policies_destroy(struct ovsext_policies *policies)
{
    struct ovsext_policy *policy;

    HMAP_FOR_EACH_SAFE(policy, node, &policies->by_uuid)
    {
        destroy_policy(policies, policy);
    }
    hmap_destroy(&policies->by_uuid);
    ovsext_rules_destroy(&policies->rules);
    ovsext_functions_destroy(&policies->functions);
}
