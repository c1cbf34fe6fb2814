/* Policy
 * ======
 *
 * What an inspector decides of a packet: a frozen list of matches on the
 * service (protocol and destination port of the initiator's direction) with
 * a verdict and a version.  No rule, no match: allow.
 *
 * Above:    engine/.               Below:  flow/key.h.
 * Threads:  immutable once made; any thread reads.
 * Memory:   one allocation.
 * Time:     proportional to the number of rules.
 * Fails:    insp_policy_create(), with ENOMEM.
 */

#ifndef INSP_RULE_POLICY_H
#define INSP_RULE_POLICY_H 1

#include "flow/key.h"

enum insp_verdict_kind {
    INSP_VERDICT_ALLOW,
    INSP_VERDICT_DROP,
    INSP_VERDICT_RESET,
    INSP_VERDICT_REDIRECT,
};

struct insp_verdict {
    uint8_t kind;                       /* enum insp_verdict_kind. */
    uint8_t slot;                       /* REDIRECT: 4 to 11. */
};

struct insp_policy_rule {
    uint8_t proto;
    uint16_t port_first;                /* 0 to 65535: any. */
    uint16_t port_last;
    struct insp_verdict verdict;
};

struct insp_policy;

int insp_policy_create(const struct insp_policy_rule *, size_t n,
                       uint32_t version, struct insp_policy **) INSP_MUST_USE;
uint32_t insp_policy_version(const struct insp_policy *);

/* Worker: the first rule that matches decides. */
struct insp_verdict insp_policy_judge(const struct insp_policy *,
                                      uint8_t proto, uint16_t service_port);

void insp_policy_destroy(struct insp_policy *);

#endif /* rule/policy.h */
