/* Policy: a short list, searched in order; see policy.h. */

#include "rule/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct insp_policy {
    uint32_t version;
    size_t n;
    struct insp_policy_rule rules[];
};

int
insp_policy_create(const struct insp_policy_rule *rules, size_t n,
                   uint32_t version, struct insp_policy **policyp)
{
    struct insp_policy *policy = malloc(sizeof *policy + n * sizeof *rules);

    *policyp = policy;
    if (!policy) {
        return ENOMEM;
    }
    policy->version = version;
    policy->n = n;
    if (n) {
        memcpy(policy->rules, rules, n * sizeof *rules);
    }
    return 0;
}

uint32_t
insp_policy_version(const struct insp_policy *policy)
{
    return policy->version;
}

struct insp_verdict
insp_policy_judge(const struct insp_policy *policy, uint8_t proto,
                  uint16_t service_port)
{
    for (size_t i = 0; i < policy->n; i++) {
        const struct insp_policy_rule *rule = &policy->rules[i];

        if (rule->proto == proto && service_port >= rule->port_first
            && service_port <= rule->port_last) {
            return rule->verdict;
        }
    }
    return (struct insp_verdict) { INSP_VERDICT_ALLOW, 0 };
}

void
insp_policy_destroy(struct insp_policy *policy)
{
    free(policy);
}
