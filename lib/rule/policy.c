/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * What is neither building (build.c) nor judging (match.c): the life of a
 * policy, and the look into it.  References are counted; whoever gives back
 * the last one frees it. */

#include "rule/frozen.h"

uint32_t
insp_policy_version(const struct insp_policy *policy)
{
    return policy->version;
}

bool
insp_policy_reads_apps(const struct insp_policy *policy)
{
    return policy->learnt.any;
}

bool
insp_policy_refuses(const struct insp_policy *policy)
{
    return policy->refuses;
}

struct insp_policy *
insp_policy_ref(struct insp_policy *policy)
{
    atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
    return policy;
}

size_t
insp_policy_n_rules(const struct insp_policy *policy)
{
    return policy->n_rules;
}

const struct insp_policy_rule *
insp_policy_rule(const struct insp_policy *policy, size_t i)
{
    return &policy->rules[i];
}

const struct insp_policy_rule *
insp_policy_find(const struct insp_policy *policy, uint32_t number, size_t *i)
{
    uint32_t index = insp_policy_index(policy, number);

    if (index == INSP_RANK_NONE) {
        return NULL;
    }
    *i = index;
    return &policy->rules[index];
}

void
insp_policy_count_dropped(const struct insp_policy *policy, uint32_t number)
{
    uint32_t index = insp_policy_index(policy, number);

    if (index != INSP_RANK_NONE) {
        atomic_fetch_add_explicit(&policy->counters[index].dropped, 1,
                                  memory_order_relaxed);
    }
}

void
insp_policy_counters(const struct insp_policy *policy, size_t i,
                     uint64_t *judged, uint64_t *dropped)
{
    *judged = INSP_READ(policy->counters[i].judged);
    *dropped = INSP_READ(policy->counters[i].dropped);
}

void
insp_policy_unref(struct insp_policy *policy)
{
    if (policy && atomic_fetch_sub_explicit(&policy->refs, 1,
                                            memory_order_acq_rel) == 1) {
        insp_policy_destroy(policy);
    }
}

/* Also of one that was not built to the end. */
void
insp_policy_destroy(struct insp_policy *policy)
{
    free(policy->rules);
    free(policy->alerts);
    free(policy->counters);
    free(policy->numbers);
    free(policy->words);
    free(policy->entries);
    free(policy->any[0]);
    free(policy->any[1]);
    free(policy->any_service);
    free(policy->no_vm);
    free(policy->none);
    insp_pool_uninit(&policy->pool);
    insp_addresses_uninit(&policy->addresses);
    free(policy->macs);
    insp_identities_uninit(&policy->identities);
    insp_services_uninit(&policy->services);
    insp_learnt_uninit(&policy->learnt);
    free(policy);
}
