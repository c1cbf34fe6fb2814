/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by number, for the control thread: connections remember the number of
 * the rule that judged them, and may be reported when that rule's policy has
 * long been replaced.  A number's name stays until the number is given to
 * another rule, and what the rule counted under each version is added up. */

#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

static struct insp_rule_total *
reach(struct insp_engine *engine, uint32_t number)
{
    if (number >= engine->n_rules) {
        uint32_t n = INSP_MAX(64, engine->n_rules);
        struct insp_rule_total *rules;

        while (n <= number) {
            n *= 2;
        }
        rules = realloc(engine->rules, n * sizeof *rules);
        if (!rules) {
            return NULL;
        }
        memset(&rules[engine->n_rules], 0,
               (n - engine->n_rules) * sizeof *rules);
        engine->rules = rules;
        engine->n_rules = n;
    }
    return &engine->rules[number];
}

void
insp_rules_note(struct insp_engine *engine, const struct insp_policy *policy)
{
    for (size_t i = 0; i < insp_policy_n_rules(policy); i++) {
        const struct insp_policy_rule *rule = insp_policy_rule(policy, i);
        struct insp_rule_total *total = reach(engine, rule->number);

        if (total && strcmp(total->name, rule->name)) {
            memset(total, 0, sizeof *total);
            memcpy(total->name, rule->name, sizeof total->name);
        }
        if (total) {
            total->slot = rule->slot;
        }
    }
}

void
insp_rules_fold(struct insp_engine *engine, const struct insp_policy *policy)
{
    for (size_t i = 0; i < insp_policy_n_rules(policy); i++) {
        const struct insp_policy_rule *rule = insp_policy_rule(policy, i);
        struct insp_rule_total *total = reach(engine, rule->number);
        uint64_t judged, dropped;

        if (total && !strcmp(total->name, rule->name)) {
            insp_policy_counters(policy, i, &judged, &dropped);
            total->judged += judged;
            total->dropped += dropped;
        }
    }
}

const struct insp_rule_total *
insp_rules_find(const struct insp_engine *engine, uint32_t number)
{
    return number && number < engine->n_rules && engine->rules[number].name[0]
               ? &engine->rules[number]
               : NULL;
}
