/* SPDX-License-Identifier: Apache-2.0 */
/* Judge, the reference
 * ====================
 *
 * What a policy decides, found the slow and obvious way: every rule in turn,
 * every term of it, by the words of rule/rule.h and rule/policy.h and by
 * nothing of the inside of lib/rule/.
 *
 * Above:    tests/unit/test-policy.c, tests/fuzz/fuzz-rule.c.
 * Below:    rule/policy.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     proportional to rules, terms and addresses of sets.
 * Fails:    never.
 */

#ifndef INSP_JUDGE_REFERENCE_H
#define INSP_JUDGE_REFERENCE_H 1

#include "rule/policy.h"

struct reference {
    const struct insp_rule *rules; /* In any order. */
    size_t n_rules;
    const struct insp_address_set *sets;
    size_t n_sets;
    const struct insp_port *ports;
    size_t n_ports;
};

/* 'met' has a place for each rule, to which 1 is added when the rule was the
 * first match somewhere; or is NULL. */
void reference_judge(const struct reference *, const struct insp_subject *,
                     uint32_t slots, struct insp_judgement *, uint64_t *met);
void reference_explain(const struct reference *, const struct insp_subject *,
                       struct insp_slot_matches[INSP_N_SLOTS]);

#endif /* tests/unit/judge-reference.h */
