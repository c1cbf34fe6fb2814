/* How it works
 *
 * An array of policies, one an inspector.  The command parses into a policy
 * of its own, replaces the old one only if all of it could be read, and
 * raises the generation; rows.c sees that, puts it in force as it does with
 * any change, and has the command answered, so that a test that got its
 * answer may send packets. */

#include <config.h>

#include "ovs-ext/test-policy.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "unixctl.h"
#include "util.h"

#define MAX_WAITING 8

static struct ovsext_test_policy *policies;
static size_t n_policies;
static unsigned int generation;

static struct {
    struct unixctl_conn *conn;
    unsigned int generation;
} waiting[MAX_WAITING];

static void
clear(struct ovsext_test_policy *policy)
{
    for (size_t i = 0; i < OVSEXT_N_SLOTS; i++) {
        free(policy->function_ports[i]);
    }
    memset(policy, 0, sizeof *policy);
}

/* "tcp/80", "udp/5000-5999", "icmp" */
static bool
parse_service(const char *service, struct insp_policy_rule *rule)
{
    static const struct {
        const char *name;
        uint8_t proto;
    } protos[] = {
        { "tcp", INSP_PROTO_TCP },
        { "udp", INSP_PROTO_UDP },
        { "sctp", INSP_PROTO_SCTP },
        { "icmp", INSP_PROTO_ICMP },
        { "icmp6", INSP_PROTO_ICMPV6 },
    };
    size_t length = strcspn(service, "/");
    int first = 0, last = UINT16_MAX, end = 0;

    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (strlen(protos[i].name) == length
            && !strncmp(protos[i].name, service, length)) {
            if (service[length]) {
                const char *range = service + length + 1;

                if (ovs_scan(range, "%d-%d%n", &first, &last, &end)
                    && end) {
                    /* A range. */
                } else if (ovs_scan(range, "%d%n", &first, &end) && end) {
                    last = first;
                } else {
                    return false;
                }
                if (range[end] || first < 0 || last > UINT16_MAX
                    || first > last) {
                    return false;
                }
            }
            rule->proto = protos[i].proto;
            rule->port_first = first;
            rule->port_last = last;
            return true;
        }
    }
    return false;
}

/* "allow", "drop", "reset", "redirect:SLOT:PORT" */
static bool
parse_verdict(const char *word, struct ovsext_test_policy *policy,
              struct insp_policy_rule *rule)
{
    int slot, n = 0;

    if (!strcmp(word, "allow")) {
        rule->verdict.kind = INSP_VERDICT_ALLOW;
    } else if (!strcmp(word, "drop")) {
        rule->verdict.kind = INSP_VERDICT_DROP;
    } else if (!strcmp(word, "reset")) {
        rule->verdict.kind = INSP_VERDICT_RESET;
    } else if (ovs_scan(word, "redirect:%d:%n", &slot, &n) && n && word[n]
               && slot >= 4 && slot < OVSEXT_N_SLOTS) {
        rule->verdict.kind = INSP_VERDICT_REDIRECT;
        rule->verdict.slot = slot;
        free(policy->function_ports[slot]);
        policy->function_ports[slot] = xstrdup(word + n);
    } else {
        return false;
    }
    return true;
}

static struct ovsext_test_policy *
find_or_add(uint32_t inspector)
{
    for (size_t i = 0; i < n_policies; i++) {
        if (policies[i].inspector == inspector) {
            return &policies[i];
        }
    }
    policies = xrealloc(policies, (n_policies + 1) * sizeof *policies);
    memset(&policies[n_policies], 0, sizeof *policies);
    policies[n_policies].inspector = inspector;
    return &policies[n_policies++];
}

static void
test_policy(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    struct ovsext_test_policy policy;
    unsigned int inspector;
    size_t i;

    memset(&policy, 0, sizeof policy);
    if (!str_to_uint(argv[1], 10, &inspector) || !inspector
        || argc % 2 || argc > 2 + 2 * OVSEXT_TEST_MAX_RULES) {
        unixctl_command_reply_error(
            conn, "needs an inspector's id and pairs of service and verdict");
        return;
    }
    policy.inspector = inspector;
    for (i = 2; i < argc; i += 2) {
        struct insp_policy_rule *rule = &policy.rules[policy.n_rules++];
        bool service_ok = parse_service(argv[i], rule);

        if (!service_ok || !parse_verdict(argv[i + 1], &policy, rule)) {
            char *error = xasprintf("cannot read '%s'",
                                    argv[i + service_ok]);

            unixctl_command_reply_error(conn, error);
            free(error);
            clear(&policy);
            return;
        }
    }
    for (i = 0; i < MAX_WAITING && waiting[i].conn; i++) {
        continue;
    }
    if (i == MAX_WAITING) {
        unixctl_command_reply_error(conn, "too many of these at once");
        clear(&policy);
        return;
    }
    struct ovsext_test_policy *old = find_or_add(inspector);
    clear(old);
    *old = policy;
    waiting[i].conn = conn;
    waiting[i].generation = ++generation;
    poll_immediate_wake();
}

void
ovsext_test_policy_init(void)
{
    if (getenv("OVS_INSPECT_TEST")) {
        unixctl_command_register("inspect/test-policy",
                                 "inspector-id [service verdict]...", 1,
                                 1 + 2 * OVSEXT_TEST_MAX_RULES, test_policy,
                                 NULL);
    }
}

const struct ovsext_test_policy *
ovsext_test_policy_get(uint32_t inspector)
{
    for (size_t i = 0; i < n_policies; i++) {
        if (policies[i].inspector == inspector) {
            return &policies[i];
        }
    }
    return NULL;
}

bool
ovsext_test_policy_is_function(const char *interface)
{
    for (size_t i = 0; i < n_policies; i++) {
        for (size_t j = 0; j < OVSEXT_N_SLOTS; j++) {
            const char *name = policies[i].function_ports[j];

            if (name && !strcmp(name, interface)) {
                return true;
            }
        }
    }
    return false;
}

unsigned int
ovsext_test_policy_generation(void)
{
    return generation;
}

void
ovsext_test_policy_in_force(unsigned int which)
{
    for (size_t i = 0; i < MAX_WAITING; i++) {
        if (waiting[i].conn && waiting[i].generation <= which) {
            unixctl_command_reply(waiting[i].conn, NULL);
            waiting[i].conn = NULL;
        }
    }
}

void
ovsext_test_policy_destroy(void)
{
    for (size_t i = 0; i < n_policies; i++) {
        clear(&policies[i]);
    }
    free(policies);
    policies = NULL;
    n_policies = 0;
}
