/* Test policy
 * ===========
 *
 * Verdicts for tests of the seam, by service, until the rules tables of the
 * database give them.  There is none, and no command to set one, unless
 * OVS_INSPECT_TEST is in the environment when ovs-vswitchd starts.
 *
 *     inspect/test-policy 1 tcp/81 drop tcp/82 reset udp/53 redirect:4:fn
 *
 * Above:    ovs-ext/rows.c.        Below:  view.h, rule/policy.h.
 * Threads:  the main thread.
 * Memory:   as Open vSwitch allocates.
 * Time:     none.
 * Fails:    a command that cannot be read changes nothing and says why.
 */

#ifndef OVSEXT_TEST_POLICY_H
#define OVSEXT_TEST_POLICY_H 1

#include "openvswitch/util.h"
#include "ovs-ext/view.h"
#include "rule/policy.h"

struct unixctl_conn;

#define OVSEXT_TEST_MAX_RULES 16

struct ovsext_test_policy {
    uint32_t inspector;
    struct insp_policy_rule rules[OVSEXT_TEST_MAX_RULES];
    size_t n_rules;
    char *function_ports[OVSEXT_N_SLOTS];
};

/* Registers the commands if tests are on. */
void ovsext_test_policy_init(void);

/* The policy of an inspector, or NULL. */
const struct ovsext_test_policy *ovsext_test_policy_get(uint32_t inspector);

/* Whether some policy redirects to that interface. */
bool ovsext_test_policy_is_function(const char *interface);

/* Changes with every command. */
unsigned int ovsext_test_policy_generation(void);

/* Answers the commands whose policies are in force now. */
void ovsext_test_policy_in_force(unsigned int generation);

void ovsext_test_policy_destroy(void);

#endif /* ovs-ext/test-policy.h */
