/* SPDX-License-Identifier: Apache-2.0 */
/* Policies
 * ========
 *
 * Makes the policy of each inspector out of the rows of rules, sets and
 * functions, under a version of its own.
 *
 *     rows changed, and so would the policy      a new version
 *     ports changed                              the same version, bound anew
 *     a function went, packets are in it         it is leaving for a while
 *
 * Above:    rows.c, row-view.c, status.c.
 * Below:    row-rule.h, row-function.h, rule/policy.h.
 * Threads:  the configuration thread.  While a policy is being frozen, which
 *           may take a second, the thread holds up no grace period of RCU.
 * Memory:   that of the policies, and 16 bytes a rule.
 * Time:     nothing is frozen that has not changed.
 * Fails:    a policy that cannot be made leaves the last one in force, and a
 *           fault in the inspector.
 */

#ifndef OVSEXT_ROW_POLICY_H
#define OVSEXT_ROW_POLICY_H 1

#include "ovs-ext/row-function.h"
#include "ovs-ext/row-rule.h"
#include "ovs-ext/rows.h"

/* Of one inspector. */
struct ovsext_policy {
    struct hmap_node node; /* By 'uuid' of its row. */
    struct uuid uuid;
    unsigned int turn;

    struct insp_binding *binding; /* NULL: neither rule nor function. */
    uint32_t version;             /* 0: the same. */
    uint32_t told_version;        /* That the log has told of. */
    unsigned int n_rules;         /* In this version. */
    char absent[512];             /* What they name and no port is, now. */
    unsigned int n_in_force;      /* Functions that are not leaving. */

    /* Those in force first, then those that leave. */
    struct insp_function_config functions[INSP_MAX_FUNCTIONS];
    char ports[INSP_MAX_FUNCTIONS][2][INSP_NAME_SIZE];
    long long int until[INSP_MAX_FUNCTIONS]; /* That it is leaving. */
    size_t n_functions;

    /* What the version was made of, to see whether it is another one. */
    void *made_of;
    size_t made_of_size;
};

struct ovsext_policies {
    struct ovsext_rules rules;
    struct ovsext_functions functions;
    struct hmap by_uuid; /* struct ovsext_policy. */
    uint32_t last_version;
    unsigned int turn;

    /* Of the last update(). */
    bool changed;       /* The engine must be told. */
    bool function_came; /* Or has other ports. */
    bool retry;         /* Memory was out. */
};

void ovsext_policies_init(struct ovsext_policies *);

/* Brings rules, sets and functions up to date. */
void ovsext_policies_read(struct ovsext_policies *, const struct ovsdb_idl *);

/* Makes the policies of the inspectors of 'rows', whose ports are the ones
 * that will be in force with them.  'ports_changed': others than the last
 * time. */
void ovsext_policies_update(struct ovsext_policies *, const struct ovsdb_idl *,
                            bool ports_changed, struct ovsext_rows *);

/* NULL: that inspector has none. */
const struct ovsext_policy *ovsext_policies_find(
    const struct ovsext_policies *, const struct uuid *);

/* When a function will have left, as time_msec(), or LLONG_MAX. */
long long int ovsext_policies_next_leave(const struct ovsext_policies *);

/* Tells the log what has come in force. */
void ovsext_policies_in_force(struct ovsext_policies *,
                              const struct ovsext_rows *);
void ovsext_policies_destroy(struct ovsext_policies *);

#endif /* ovs-ext/row-policy.h */
