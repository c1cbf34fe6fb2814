/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Settings go in as an operator writes them; what comes out, or what is
 * complained of, is compared word by word.  Deliberate mutations that each
 * make a test here fail: insp_config_uint() without the strspn() check
 * (test_numbers); "return true" at the top of is_host_name()
 * (test_target_faults); a walk over the list instead of over the columns
 * (test_defaults); stopping at the first fault (test_all_faults); two words
 * of a direction exchanged (test_rule_values); a list that ends at its first
 * value (test_lists); ">=" for its limit (test_long_lists); reads_well() that
 * is always true (test_cross_checks); one_armed not asked for by check_arms()
 * (test_function); a set that keeps its addresses when it is disabled
 * (test_set). */

#include "config/config.h"

#include "unit.h"

static struct insp_faults faults, warnings;
static struct insp_config_inspector inspector;
static struct insp_config_uplink uplink;
static struct insp_config_rule rule;
static struct insp_config_function function;
static struct insp_config_set set;

#define SETTINGS(...) ((const struct insp_setting[]){ __VA_ARGS__ })
#define N_SETTINGS(...)                                                       \
    (sizeof SETTINGS(__VA_ARGS__) / sizeof(struct insp_setting))

static bool
parse_inspector(const struct insp_setting *settings, size_t n)
{
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    return insp_config_inspector_parse(settings, n, &inspector, &faults,
                                       &warnings);
}

static bool
parse_uplink(const struct insp_setting *settings, size_t n)
{
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    return insp_config_uplink_parse(settings, n, &uplink, &faults, &warnings);
}

static bool
parse_rule(const struct insp_setting *settings, size_t n)
{
    insp_config_rule_uninit(&rule);
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    return insp_config_rule_parse(settings, n, &rule, &faults, &warnings);
}

static bool
parse_function(const struct insp_setting *settings, size_t n)
{
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    return insp_config_function_parse(settings, n, &function, &faults,
                                      &warnings);
}

static bool
parse_set(const struct insp_setting *settings, size_t n)
{
    insp_config_set_uninit(&set);
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    return insp_config_set_parse(settings, n, &set, &faults, &warnings);
}

/* What every row needs, and then what the test is about. */
#define INSPECTOR(...)                                                        \
    parse_inspector(SETTINGS({ "name", "i1" }, { "id", "1" }, __VA_ARGS__),   \
                    N_SETTINGS({ "name", "i1" }, { "id", "1" }, __VA_ARGS__))
#define UPLINK_BASE                                                           \
    { "name", "u1" }, { "private_key", "/k" }, { "certificate", "/c" },       \
    {                                                                         \
        "ca_cert", "/a"                                                       \
    }
#define UPLINK(...)                                                           \
    parse_uplink(SETTINGS(UPLINK_BASE, __VA_ARGS__),                          \
                 N_SETTINGS(UPLINK_BASE, __VA_ARGS__))
#define RULE(...)                                                             \
    parse_rule(SETTINGS({ "name", "r1" }, __VA_ARGS__),                       \
               N_SETTINGS({ "name", "r1" }, __VA_ARGS__))
#define FUNCTION_BASE                                                         \
    { "name", "f1" }, { "slot", "4" },                                        \
    {                                                                         \
        "input_port", "p-in"                                                  \
    }
#define FUNCTION(...)                                                         \
    parse_function(SETTINGS(FUNCTION_BASE, __VA_ARGS__),                      \
                   N_SETTINGS(FUNCTION_BASE, __VA_ARGS__))
#define SET(...)                                                              \
    parse_set(SETTINGS({ "name", "s1" }, __VA_ARGS__),                        \
              N_SETTINGS({ "name", "s1" }, __VA_ARGS__))

static void
test_defaults(void)
{
    CU_ASSERT(parse_inspector(SETTINGS({ "name", "i1" }, { "id", "7" }), 2));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "");
    UNIT_STR_EQ(inspector.base.name, "i1");
    UNIT_EQ(inspector.base.id, 7);
    UNIT_EQ(inspector.base.enabled, true);
    UNIT_EQ(inspector.base.mode, INSP_MODE_TAP);
    UNIT_EQ(inspector.base.fail_mode, INSP_FAIL_OPEN);
    UNIT_EQ(inspector.select, INSP_SELECT_VM_TO_VM);
    UNIT_EQ(inspector.base.flow_limit, 262144);
    UNIT_EQ(inspector.base.half_open_limit, 0);
    UNIT_EQ(inspector.base.port_quota, 0);
    UNIT_EQ(inspector.base.active_timeout_ms, 60000);
    UNIT_EQ(inspector.base.idle_timeout_ms, 60000);
    UNIT_EQ(inspector.base.pickup_time_ms, 60000);
    UNIT_EQ(inspector.base.statistics_interval_ms, 10000);
    UNIT_STR_EQ(inspector.identity_keys, "");
    UNIT_EQ(inspector.base.flight_limit, 16384);
    CU_ASSERT_PTR_NULL(inspector.base.binding);
    UNIT_EQ(inspector.base.n_functions, 0);

    CU_ASSERT(UPLINK({ "target", "ssl:collector" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(uplink.enabled, true);
    UNIT_EQ(uplink.base.n_targets, 1);
    UNIT_STR_EQ(uplink.base.targets[0].host, "collector");
    UNIT_EQ(uplink.base.targets[0].port, 4740);
    UNIT_EQ(uplink.base.targets[0].listens, false);
    UNIT_EQ(uplink.base.spread, false);
    UNIT_EQ(uplink.base.bootstrap_ca_cert, false);
    UNIT_STR_EQ(uplink.base.token_file, "");
    UNIT_STR_EQ(uplink.base.spool_dir, "");
    UNIT_EQ(uplink.base.spool_max_bytes, 1073741824);
    UNIT_EQ(uplink.base.format, INSP_UPLINK_IPFIX);
    UNIT_STR_EQ(uplink.base.private_key, "/k");
    UNIT_STR_EQ(uplink.base.certificate, "/c");
    UNIT_STR_EQ(uplink.base.ca_cert, "/a");
    UNIT_EQ(uplink.base.max_backoff_ms, 8000);
    UNIT_EQ(uplink.base.inactivity_probe_ms, 5000);
    UNIT_EQ(uplink.base.queue_limit, 65536);
    UNIT_STR_EQ(uplink.base.protocols, "");
}

static void
test_values(void)
{
    CU_ASSERT(INSPECTOR(
        { "enabled", "false" }, { "mode", "inline" }, { "select", "flows" },
        { "fail_mode", "closed" }, { "flow_limit", "100000000" },
        { "active_timeout", "86400" }, { "idle_timeout", "1" },
        { "pickup_time", "0" }, { "other_config:half-open-limit", "5" },
        { "other_config:port-quota", "6" },
        { "other_config:statistics-interval", "1" },
        { "other_config:flight-limit", "64" },
        { "other_config:identity-keys", "project, security-groups  a" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(inspector.base.enabled, false);
    UNIT_EQ(inspector.base.mode, INSP_MODE_INLINE);
    UNIT_EQ(inspector.select, INSP_SELECT_FLOWS);
    UNIT_EQ(inspector.base.fail_mode, INSP_FAIL_CLOSED);
    UNIT_EQ(inspector.base.flow_limit, 100000000);
    UNIT_EQ(inspector.base.active_timeout_ms, 86400000);
    UNIT_EQ(inspector.base.idle_timeout_ms, 1000);
    UNIT_EQ(inspector.base.pickup_time_ms, 0);
    UNIT_EQ(inspector.base.half_open_limit, 5);
    UNIT_EQ(inspector.base.port_quota, 6);
    UNIT_EQ(inspector.base.statistics_interval_ms, 1000);
    UNIT_EQ(inspector.base.flight_limit, 64);
    UNIT_STR_EQ(inspector.identity_keys, "project\nsecurity-groups\na\n");
    CU_ASSERT(insp_config_has_key(inspector.identity_keys, "a"));
    CU_ASSERT(insp_config_has_key(inspector.identity_keys, "project"));
    CU_ASSERT(!insp_config_has_key(inspector.identity_keys, "proj"));
    CU_ASSERT(!insp_config_has_key(inspector.identity_keys, "roject"));
    CU_ASSERT(!insp_config_has_key("", ""));

    CU_ASSERT(UPLINK({ "target", "ssl:10.0.0.1:6514" }, { "format", "json" },
                     { "enabled", "false" }, { "max_backoff", "1000" },
                     { "inactivity_probe", "0" },
                     { "other_config:queue-limit", "64" },
                     { "other_config:ssl-protocols", "TLSv1.2,TLSv1.3" },
                     { "other_config:ssl-ciphers", "HIGH" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(uplink.enabled, false);
    UNIT_EQ(uplink.base.format, INSP_UPLINK_JSON);
    UNIT_STR_EQ(uplink.base.targets[0].host, "10.0.0.1");
    UNIT_EQ(uplink.base.targets[0].port, 6514);
    UNIT_EQ(uplink.base.max_backoff_ms, 1000);
    UNIT_EQ(uplink.base.inactivity_probe_ms, 0);
    UNIT_EQ(uplink.base.queue_limit, 64);
    UNIT_STR_EQ(uplink.base.protocols, "TLSv1.2,TLSv1.3");
    UNIT_STR_EQ(uplink.base.ciphers, "HIGH");
}

static void
test_numbers(void)
{
    static const char *const bad[] = {
        "x",
        "",
        " 5",
        "5 ",
        "+5",
        "-5",
        "5x",
        "0x10",
        "1e3",
        "0",
        "100000001",
        "18446744073709551616",
        "99999999999999999999999",
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(bad); i++) {
        char said[200];

        CU_ASSERT(!INSPECTOR({ "flow_limit", bad[i] }));
        snprintf(said, sizeof said,
                 "flow_limit '%s': not a whole number "
                 "from 1 to 100000000",
                 bad[i]);
        UNIT_STR_EQ(faults.text, said);
        UNIT_EQ(inspector.base.flow_limit, 262144);
    }
    CU_ASSERT(!INSPECTOR({ "other_config:flight-limit", "63" }));
    CU_ASSERT(!INSPECTOR({ "other_config:flight-limit", "1000001" }));
    UNIT_STR_EQ(faults.text, "other_config:flight-limit '1000001': not a "
                             "whole number from 64 to 1000000");
    CU_ASSERT(INSPECTOR({ "flow_limit", "007" }));
    UNIT_EQ(inspector.base.flow_limit, 7);

    CU_ASSERT(!UPLINK({ "target", "ssl:c" }, { "inactivity_probe", "999" }));
    UNIT_STR_EQ(faults.text, "inactivity_probe '999': not 0, nor a whole "
                             "number from 1000 to 3600000");
    CU_ASSERT(!parse_inspector(
        SETTINGS({ "name", "i" }, { "id", "4294967296" }), 2));
    UNIT_STR_EQ(faults.text, "id '4294967296': not a whole number from 1 to "
                             "4294967295");
    CU_ASSERT(
        parse_inspector(SETTINGS({ "name", "i" }, { "id", "4294967295" }), 2));
    UNIT_EQ(inspector.base.id, UINT32_MAX);
}

static void
test_words(void)
{
    CU_ASSERT(!INSPECTOR({ "mode", "Tap" }));
    UNIT_STR_EQ(faults.text, "mode 'Tap': not one of tap, inline");
    CU_ASSERT(!INSPECTOR({ "select", "" }));
    UNIT_STR_EQ(faults.text, "select '': not one of vm-to-vm, vm, all, flows");
    CU_ASSERT(!INSPECTOR({ "enabled", "yes" }));
    UNIT_STR_EQ(faults.text, "enabled 'yes': neither true nor false");
    CU_ASSERT(!UPLINK({ "target", "ssl:c:1" }, { "format", "syslog" }));
    UNIT_STR_EQ(faults.text, "format 'syslog': not one of ipfix, json");
    UNIT_STR_EQ(insp_select_word(INSP_SELECT_ALL), "all");
    UNIT_STR_EQ(insp_mode_word(INSP_MODE_INLINE), "inline");
    UNIT_STR_EQ(insp_fail_mode_word(INSP_FAIL_CLOSED), "closed");
    UNIT_STR_EQ(insp_uplink_format_word(INSP_UPLINK_JSON), "json");
}

static void
test_all_faults(void)
{
    CU_ASSERT(!parse_inspector(SETTINGS({ "flow_limit", "x" }, { "mode", "y" },
                                        { "idle_timeout", "0" }),
                               3));
    UNIT_EQ(faults.n, 5);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "name: must be set"));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "id: must be set"));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "flow_limit 'x': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "mode 'y': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "idle_timeout '0': "));
}

static void
test_names(void)
{
    char name[65];

    memset(name, 'n', 64);
    name[64] = '\0';
    CU_ASSERT(!parse_inspector(SETTINGS({ "name", name }, { "id", "1" }), 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "longer than 63 bytes"));
    name[63] = '\0';
    CU_ASSERT(parse_inspector(SETTINGS({ "name", name }, { "id", "1" }), 2));
    UNIT_STR_EQ(inspector.base.name, name);
    CU_ASSERT(!parse_inspector(SETTINGS({ "name", "" }, { "id", "1" }), 2));
    UNIT_STR_EQ(faults.text, "name: is empty");
    CU_ASSERT(
        !parse_inspector(SETTINGS({ "name", "a\nb" }, { "id", "1" }), 2));
    UNIT_STR_EQ(faults.text, "name: has control characters in it");
}

static void
test_unknown_keys(void)
{
    CU_ASSERT(INSPECTOR({ "other_config:flow-limt", "5" }, { "status", "x" },
                        { "external_ids", "y" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "other_config:flow-limt: no such setting");
}

static void
test_keys_too_long(void)
{
    char keys[300];

    memset(keys, 'k', sizeof keys - 1);
    keys[sizeof keys - 1] = '\0';
    CU_ASSERT(!INSPECTOR({ "other_config:identity-keys", keys }));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "longer than 254 bytes"));
    UNIT_STR_EQ(inspector.identity_keys, "");
    keys[254] = '\0';
    CU_ASSERT(INSPECTOR({ "other_config:identity-keys", keys }));
    UNIT_EQ(strlen(inspector.identity_keys), 255);
}

static void
test_limits(void)
{
    CU_ASSERT(!INSPECTOR({ "flow_limit", "10" },
                         { "other_config:half-open-limit", "11" }));
    UNIT_STR_EQ(faults.text, "other_config:half-open-limit '11': more than "
                             "flow_limit, which is 10");
}

/* A token stands in for certificates: they need not be set, and must not.
 * Mutation: ask for them all the same. */
static void
test_token(void)
{
    CU_ASSERT(parse_uplink(SETTINGS({ "name", "u" }, { "target", "ssl:c" },
                                    { "token_file", "/t" }),
                           3));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(uplink.base.token_file, "/t");
    UNIT_STR_EQ(uplink.base.private_key, "");
    CU_ASSERT(!UPLINK({ "target", "ssl:c" }, { "token_file", "/t" }));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        faults.text, "certificate: cannot be set beside token_file, which "
                     "stands in for certificates"));
    CU_ASSERT(!parse_uplink(SETTINGS({ "name", "u" }, { "target", "ssl:c" },
                                     { "token_file", "/t" },
                                     { "bootstrap_ca_cert", "true" }),
                            4));
    CU_ASSERT(UPLINK({ "target", "ssl:c" }, { "crl_file", "/t" }));
    UNIT_STR_EQ(uplink.base.crl_file, "/t");
}

/* Mutation: keep spool_max_bytes in 32 bits. */
static void
test_spool(void)
{
    CU_ASSERT(UPLINK({ "target", "ssl:c" }, { "spool_dir", "/s" },
                     { "spool_max_bytes", "1099511627776" }));
    UNIT_STR_EQ(uplink.base.spool_dir, "/s");
    UNIT_EQ(uplink.base.spool_max_bytes, UINT64_C(1099511627776));
    CU_ASSERT(!UPLINK({ "target", "ssl:c" }, { "spool_dir", "s" }));
    UNIT_STR_EQ(faults.text, "spool_dir 's': must begin with '/'");
    CU_ASSERT(!UPLINK({ "target", "ssl:c" }, { "spool_max_bytes", "1000" }));
}

static void
test_certificates(void)
{
    CU_ASSERT(
        !parse_uplink(SETTINGS({ "name", "u" }, { "target", "ssl:c" }), 2));
    UNIT_STR_EQ(faults.text, "private_key: must be set, here or in table SSL; "
                             "certificate: must be set, here or in table SSL; "
                             "ca_cert: must be set, here or in table SSL");
    CU_ASSERT(!UPLINK({ "target", "ssl:c" },
                      { "other_config:ssl-protocols", "TLSv1.3,TLSv1.1" }));
    UNIT_STR_EQ(faults.text, "other_config:ssl-protocols 'TLSv1.1': neither "
                             "TLSv1.2 nor TLSv1.3");
}

static void
test_targets(void)
{
    static const struct {
        const char *target, *host;
        unsigned int port;
    } good[] = {
        { "ssl:c", "c", 4740 },
        { "ssl:collector.example.com", "collector.example.com", 4740 },
        { "ssl:collector.example.com:1", "collector.example.com", 1 },
        { "ssl:192.0.2.1:65535", "192.0.2.1", 65535 },
        { "ssl:[2001:db8::1]", "2001:db8::1", 4740 },
        { "ssl:[2001:db8::1]:6514", "2001:db8::1", 6514 },
        { "ssl:[fe80::1%eth0]:6514", "fe80::1%eth0", 6514 },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(good); i++) {
        CU_ASSERT(UPLINK({ "target", good[i].target }));
        UNIT_STR_EQ(faults.text, "");
        UNIT_STR_EQ(uplink.base.targets[0].host, good[i].host);
        UNIT_EQ(uplink.base.targets[0].port, good[i].port);
    }
}

/* In their order, which is that of trying.
 * Mutation: sort them. */
static void
test_several_targets(void)
{
    char text[200];

    CU_ASSERT(UPLINK({ "target", "ssl:b, ssl:[::1]:7,ssl:a:5" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(uplink.base.n_targets, 3);
    UNIT_STR_EQ(uplink.base.targets[1].host, "::1");
    UNIT_STR_EQ(uplink.base.targets[2].host, "a");
    CU_ASSERT(insp_config_uplink_print(&uplink, "target", text, sizeof text));
    UNIT_STR_EQ(text, "ssl:b:4740,ssl:[::1]:7,ssl:a:5");

    CU_ASSERT(UPLINK({ "target", "pssl:" }));
    UNIT_EQ(uplink.base.targets[0].listens, true);
    UNIT_EQ(uplink.base.targets[0].port, 4740);
    UNIT_STR_EQ(uplink.base.targets[0].host, "");
    CU_ASSERT(UPLINK({ "target", "pssl:5:[::1]" }));
    UNIT_STR_EQ(uplink.base.targets[0].host, "::1");
    CU_ASSERT(UPLINK({ "target", "pssl:5:10.0.0.1" }));
    CU_ASSERT(insp_config_uplink_print(&uplink, "target", text, sizeof text));
    UNIT_STR_EQ(text, "pssl:5:10.0.0.1");
}

static void
test_target_faults(void)
{
    static const struct {
        const char *target, *fault;
    } bad[] = {
        { "tcp:10.0.0.1:4739",
          "target 'tcp:10.0.0.1:4739': a plain uplink "
          "cannot be configured; records go over TLS only: ssl:HOST:PORT" },
        { "udp:10.0.0.1:4739",
          "target 'udp:10.0.0.1:4739': a plain uplink "
          "cannot be configured; records go over TLS only: ssl:HOST:PORT" },
        { "ptcp:4740",
          "target 'ptcp:4740': a plain uplink "
          "cannot be configured; records go over TLS only: ssl:HOST:PORT" },
        { "pssl:x", "target 'pssl:x': port 'x' is not a whole number from 1 "
                    "to 65535" },
        { "pssl:0", "target 'pssl:0': port '0' is not a whole number from 1 "
                    "to 65535" },
        { "pssl:1:c", "target 'pssl:1:c': 'c' is no address to listen on: "
                      "pssl:PORT:ADDRESS" },
        { "pssl:1:[::1]:2", "target 'pssl:1:[::1]:2': something stands "
                            "behind the address" },
        { "pssl:1,ssl:a", "target 'pssl:1,ssl:a': what listens for the "
                          "collector must be the only one" },
        { "ssl:a,", "target '': not ssl:HOST:PORT" },
        { "ssl:a,tcp:b",
          "target 'tcp:b': a plain uplink "
          "cannot be configured; records go over TLS only: ssl:HOST:PORT" },
        { "ssl:1,ssl:2,ssl:3,ssl:4,ssl:5,ssl:6,ssl:7,ssl:8,ssl:9",
          "target 'ssl:9': one too many; 8 is the most" },
        { "", "target '': not ssl:HOST:PORT" },
        { "collector:4740", "target 'collector:4740': not ssl:HOST:PORT" },
        { "unix:/x", "target 'unix:/x': not ssl:HOST:PORT" },
        { "ssl:", "target 'ssl:': '' is no host name" },
        { "ssl::4740", "target 'ssl::4740': '' is no host name" },
        { "ssl:a b:1", "target 'ssl:a b:1': 'a b' is no host name" },
        { "ssl:c:", "target 'ssl:c:': port '' is not a whole number from 1 "
                    "to 65535" },
        { "ssl:c:0", "target 'ssl:c:0': port '0' is not a whole number from "
                     "1 to 65535" },
        { "ssl:c:65536", "target 'ssl:c:65536': port '65536' is not a whole "
                         "number from 1 to 65535" },
        { "ssl:c:+1", "target 'ssl:c:+1': port '+1' is not a whole number "
                      "from 1 to 65535" },
        { "ssl:2001:db8::1:5", "target 'ssl:2001:db8::1:5': an IPv6 address "
                               "stands in brackets: ssl:[ADDRESS]:PORT" },
        { "ssl:[2001:db8::1", "target 'ssl:[2001:db8::1': ']' is missing" },
        { "ssl:[10.0.0.1]:5", "target 'ssl:[10.0.0.1]:5': '10.0.0.1' is no "
                              "IPv6 address" },
        { "ssl:[::1]5", "target 'ssl:[::1]5': port '5' is not a whole "
                        "number from 1 to 65535" },
    };
    char longer[600];

    for (size_t i = 0; i < INSP_ARRAY_SIZE(bad); i++) {
        CU_ASSERT(!UPLINK({ "target", bad[i].target }));
        UNIT_STR_EQ(faults.text, bad[i].fault);
    }
    CU_ASSERT(!UPLINK({ "target", "ssl:c" }, { "format", "json" }));
    UNIT_STR_EQ(faults.text, "target 'ssl:c': the port must be named for "
                             "this format: ssl:HOST:PORT");
    memset(longer, 'h', sizeof longer);
    memcpy(longer, "ssl:", 4);
    longer[sizeof longer - 1] = '\0';
    CU_ASSERT(!UPLINK({ "target", longer }));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "host name is too long"));
    CU_ASSERT(!parse_uplink(SETTINGS(UPLINK_BASE), 4));
    UNIT_STR_EQ(faults.text, "target: must be set");
}

static void
test_rule_defaults(void)
{
    CU_ASSERT(parse_rule(SETTINGS({ "name", "r1" }), 1));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "");
    UNIT_STR_EQ(rule.base.name, "r1");
    UNIT_EQ(rule.enabled, true);
    UNIT_EQ(rule.base.priority, 1000);
    UNIT_EQ(rule.base.slot, INSP_SLOT_FIREWALL);
    UNIT_EQ(rule.base.direction, INSP_DIRECTION_BOTH);
    UNIT_EQ(rule.base.action, INSP_ACTION_ALLOW);
    UNIT_EQ(rule.base.symmetric, false);
    UNIT_EQ(rule.base.log, false);
    UNIT_EQ(rule.base.n_sources, 0);
    UNIT_EQ(rule.base.n_destinations, 0);
    UNIT_EQ(rule.base.n_services, 0);

    CU_ASSERT(!parse_rule(NULL, 0));
    UNIT_STR_EQ(faults.text, "name: must be set");
}

static void
test_rule_values(void)
{
    CU_ASSERT(RULE({ "enabled", "false" }, { "priority", "65535" },
                   { "slot", "11" }, { "direction", "to-vm" },
                   { "action", "redirect" }, { "symmetric", "true" },
                   { "log", "true" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(rule.enabled, false);
    UNIT_EQ(rule.base.priority, 65535);
    UNIT_EQ(rule.base.slot, 11);
    UNIT_EQ(rule.base.direction, INSP_DIRECTION_TO_VM);
    UNIT_EQ(rule.base.action, INSP_ACTION_REDIRECT);
    UNIT_EQ(rule.base.symmetric, true);
    UNIT_EQ(rule.base.log, true);

    CU_ASSERT(RULE({ "priority", "0" }, { "direction", "from-vm" },
                   { "action", "reset" }));
    UNIT_EQ(rule.base.priority, 0);
    UNIT_EQ(rule.base.slot, 2);
    UNIT_EQ(rule.base.direction, INSP_DIRECTION_FROM_VM);
    UNIT_EQ(rule.base.action, INSP_ACTION_RESET);

    /* The rule's own words and the parser's are the same ones. */
    for (unsigned int i = 0; i <= INSP_DIRECTION_TO_VM; i++) {
        CU_ASSERT(RULE({ "direction", insp_direction_word(i) }));
        UNIT_EQ(rule.base.direction, i);
    }
    for (unsigned int i = 0; i <= INSP_ACTION_ALERT; i++) {
        CU_ASSERT(RULE({ "action", insp_action_word(i) },
                       { "slot", i == INSP_ACTION_REDIRECT ? "4" : "2" }));
        UNIT_EQ(rule.base.action, i);
    }
}

static void
test_rule_faults(void)
{
    CU_ASSERT(!RULE({ "priority", "65536" }, { "direction", "in" },
                    { "action", "pass" }, { "log", "1" }, { "slot", "12" }));
    UNIT_EQ(faults.n, 5);
    UNIT_STR_EQ(faults.text,
                "priority '65536': not a whole number from 0 to 65535; "
                "slot 12: there are slots 0 to 11; "
                "direction 'in': not one of both, from-vm, to-vm; "
                "action 'pass': not one of allow, drop, reset, redirect, "
                "alert; log '1': neither true nor false");
    CU_ASSERT(!RULE({ "slot", "two" }));
    UNIT_STR_EQ(faults.text, "slot 'two': not a whole number from 0 to 11");
    CU_ASSERT(!RULE({ "slot", "-1" }));
    UNIT_STR_EQ(faults.text, "slot '-1': not a whole number from 0 to 11");
    CU_ASSERT(!RULE({ "slot", "4294967298" }));
    UNIT_STR_EQ(faults.text, "slot 4294967298: there are slots 0 to 11");
    CU_ASSERT(RULE({ "other_config:acton", "drop" }));
    UNIT_STR_EQ(warnings.text, "other_config:acton: no such setting");
}

static void
test_lists(void)
{
    CU_ASSERT(RULE({ "source", "10.0.0.0/8" }, { "source", "!10.1.0.0/16" },
                   { "source", "vm:v" }, { "destination", "set:s" },
                   { "service", "tcp/80" }, { "service", "udp/5-7" },
                   { "action", "drop" }));
    UNIT_STR_EQ(faults.text, "");
    CU_ASSERT_EQUAL_FATAL(rule.base.n_sources, 3);
    UNIT_EQ(rule.base.sources[0].kind, INSP_TERM_PREFIX);
    UNIT_EQ(rule.base.sources[0].prefix_length, 104);
    UNIT_EQ(rule.base.sources[1].negated, true);
    UNIT_EQ(rule.base.sources[2].kind, INSP_TERM_VM);
    UNIT_STR_EQ(rule.base.sources[2].text, "v");
    CU_ASSERT_EQUAL_FATAL(rule.base.n_destinations, 1);
    UNIT_EQ(rule.base.destinations[0].kind, INSP_TERM_SET);
    CU_ASSERT_EQUAL_FATAL(rule.base.n_services, 2);
    UNIT_EQ(rule.base.services[0].first, 80);
    UNIT_EQ(rule.base.services[1].last, 7);

    /* Every bad value is named; the good ones between do not hide it. */
    CU_ASSERT(!RULE({ "source", "10.0.0.0/33" }, { "source", "vm:v" },
                    { "source", "nobody" }, { "destination", "" },
                    { "service", "tcp/70000" }));
    UNIT_EQ(faults.n, 4);
    UNIT_EQ(rule.base.n_sources, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "source '10.0.0.0/33': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "source 'nobody': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "destination '': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "service 'tcp/70000': "));
}

static void
test_long_lists(void)
{
    static struct insp_setting settings[10242] = { { "name", "r1" } };

    for (size_t i = 1; i < INSP_ARRAY_SIZE(settings); i++) {
        settings[i] = (struct insp_setting){ "destination", "10.0.0.1" };
    }
    CU_ASSERT(parse_rule(settings, 10241));
    UNIT_STR_EQ(faults.text, "");
    UNIT_EQ(rule.base.n_destinations, 10240);
    CU_ASSERT(!parse_rule(settings, 10242));
    UNIT_STR_EQ(faults.text,
                "destination: has 10241 values; 10240 is the most");
    UNIT_EQ(rule.base.n_destinations, 0);

    for (size_t i = 1; i < INSP_ARRAY_SIZE(settings); i++) {
        settings[i].key = "addresses";
    }
    CU_ASSERT(parse_set(settings, 10242));
    UNIT_EQ(set.base.n, 10241);
}

/* What follows from two values is said only when both read well. */
static void
test_cross_checks(void)
{
    CU_ASSERT(!RULE({ "slot", "5" }, { "action", "drop" }));
    UNIT_EQ(faults.n, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "slot 5"));
    CU_ASSERT(!RULE({ "action", "redirect" }));
    UNIT_EQ(faults.n, 1);
    CU_ASSERT(!RULE({ "slot", "0" }));
    UNIT_EQ(faults.n, 1);
    CU_ASSERT(!RULE({ "slot", "x" }, { "action", "redirect" }));
    UNIT_STR_EQ(faults.text, "slot 'x': not a whole number from 0 to 11");
    CU_ASSERT(!RULE({ "slot", "5" }, { "action", "deny" }));
    UNIT_EQ(faults.n, 1);

    CU_ASSERT(
        !FUNCTION({ "probe_interval", "3000" }, { "probe_timeout", "x" }));
    UNIT_STR_EQ(faults.text, "probe_timeout 'x': not a whole number from 40 "
                             "to 7200000");
    CU_ASSERT(!parse_function(
        SETTINGS({ "name", "f" }, { "arms", "by-direction" }), 2));
    UNIT_STR_EQ(faults.text, "slot: must be set; input_port: must be set");
}

/* Protocols and server names are services like others; a protocol that there
 * is none of is a fault of the row, not a rule that matches nothing. */
static void
test_learnt_services(void)
{
    CU_ASSERT(RULE({ "service", "app:tls" }, { "service", "tcp/443" },
                   { "service", "sni:*.Example.com" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "");
    CU_ASSERT(!RULE({ "service", "app:https" }));
    UNIT_EQ(faults.n, 1);
    CU_ASSERT(strstr(faults.text, "service 'app:https': no such protocol: "
                                  "there are http, http2, ") == faults.text);
    UNIT_STR_EQ(warnings.text, "");
}

static void
test_function(void)
{
    CU_ASSERT(parse_function(SETTINGS(FUNCTION_BASE), 3));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "");
    UNIT_STR_EQ(function.base.name, "f1");
    UNIT_EQ(function.enabled, true);
    UNIT_EQ(function.base.slot, 4);
    UNIT_STR_EQ(function.input_port, "p-in");
    UNIT_STR_EQ(function.output_port, "p-in");
    UNIT_EQ(function.base.one_armed, true);
    UNIT_EQ(function.base.arms, INSP_ARMS_FIXED);
    UNIT_EQ(function.base.fail_mode, INSP_FAIL_OPEN);
    UNIT_EQ(function.base.encap, INSP_ENCAP_NONE);
    UNIT_EQ(function.base.flight_timeout_ms, 15000);
    UNIT_EQ(function.base.probe_interval_ms, 500);
    UNIT_EQ(function.base.probe_timeout_ms, 2000);

    CU_ASSERT(FUNCTION({ "output_port", "p-out" }, { "arms", "by-direction" },
                       { "fail_mode", "closed" }, { "encap", "nsh" },
                       { "flight_timeout", "100" }, { "probe_interval", "0" },
                       { "probe_timeout", "40" }, { "enabled", "false" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(function.output_port, "p-out");
    UNIT_EQ(function.base.one_armed, false);
    UNIT_EQ(function.base.arms, INSP_ARMS_BY_DIRECTION);
    UNIT_EQ(function.base.fail_mode, INSP_FAIL_CLOSED);
    UNIT_EQ(function.base.encap, INSP_ENCAP_NSH);
    UNIT_EQ(function.base.flight_timeout_ms, 100);
    UNIT_EQ(function.base.probe_interval_ms, 0);
    UNIT_EQ(function.base.probe_timeout_ms, 40);
    UNIT_EQ(function.enabled, false);

    CU_ASSERT(FUNCTION({ "output_port", "p-in" }));
    UNIT_EQ(function.base.one_armed, true);
    CU_ASSERT(FUNCTION({ "output_port", "" }));
    UNIT_STR_EQ(function.output_port, "p-in");
    UNIT_EQ(function.base.one_armed, true);
    UNIT_STR_EQ(insp_arms_word(INSP_ARMS_BY_DIRECTION), "by-direction");
    UNIT_STR_EQ(insp_encap_word(INSP_ENCAP_VLAN), "vlan");
}

static void
test_function_faults(void)
{
    static const char *const built_in[] = { "0", "1", "2", "3" };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(built_in); i++) {
        char said[100];

        CU_ASSERT(
            !parse_function(SETTINGS({ "name", "f" }, { "slot", built_in[i] },
                                     { "input_port", "p" }),
                            3));
        snprintf(said, sizeof said,
                 "slot %s is built in: service functions "
                 "go to slots 4 to 11",
                 built_in[i]);
        UNIT_STR_EQ(faults.text, said);
    }
    CU_ASSERT(!parse_function(
        SETTINGS({ "name", "f" }, { "slot", "12" }, { "input_port", "" }), 3));
    UNIT_STR_EQ(faults.text, "slot 12: there are slots 0 to 11; "
                             "input_port: is empty");
    CU_ASSERT(!FUNCTION({ "arms", "by-direction" }));
    UNIT_STR_EQ(faults.text, "arms 'by-direction': 'p-in' is the only port; "
                             "output_port must be set to another one");
    CU_ASSERT(!FUNCTION({ "probe_interval", "1001" }));
    UNIT_STR_EQ(faults.text, "probe_timeout '2000': must be at least 2002, "
                             "twice the probe_interval");
    CU_ASSERT(FUNCTION({ "probe_interval", "1000" }));
    CU_ASSERT(!FUNCTION({ "probe_interval", "19" }));
    UNIT_STR_EQ(faults.text, "probe_interval '19': not 0, nor a whole number "
                             "from 20 to 3600000");
    CU_ASSERT(FUNCTION({ "probe_interval", "3600000" },
                       { "probe_timeout", "7200000" }));
    CU_ASSERT(!FUNCTION({ "flight_timeout", "99" }, { "encap", "gre" }));
    UNIT_STR_EQ(faults.text, "encap 'gre': not one of none, vlan, nsh; "
                             "flight_timeout '99': not a whole number from "
                             "100 to 3600000");
    CU_ASSERT(FUNCTION({ "other_config:x", "y" }));
    UNIT_STR_EQ(warnings.text, "other_config:x: no such setting");
}

static void
test_set(void)
{
    CU_ASSERT(SET({ "addresses", "10.0.0.0/8" }, { "addresses", "::1" }));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(set.base.name, "s1");
    UNIT_EQ(set.enabled, true);
    CU_ASSERT_EQUAL_FATAL(set.base.n, 2);
    UNIT_EQ(set.base.addresses[0].prefix_length, 104);
    UNIT_EQ(set.base.addresses[1].prefix_length, 128);

    CU_ASSERT(!SET({ "addresses", "vm:x" }, { "addresses", "10.0.0.1" },
                   { "addresses", "300.0.0.1" }));
    UNIT_EQ(faults.n, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "addresses 'vm:x': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, "addresses '300.0.0.1': "));

    CU_ASSERT(SET({ "enabled", "false" }, { "addresses", "10.0.0.1" }));
    UNIT_EQ(set.enabled, false);
    UNIT_EQ(set.base.n, 0);
    CU_ASSERT(parse_set(SETTINGS({ "name", "s1" }), 1));
    UNIT_EQ(set.base.n, 0);
}

static void
test_keys(void)
{
    static const char *const rule_keys[] = {
        "name",      "enabled",   "priority",    "slot",
        "direction", "source",    "destination", "service",
        "action",    "symmetric", "log",         NULL,
    };
    static const char *const set_keys[] = {
        "name",
        "enabled",
        "addresses",
        NULL,
    };
    size_t i;

    for (i = 0; rule_keys[i]; i++) {
        UNIT_STR_EQ(insp_config_rule_key(i), rule_keys[i]);
    }
    CU_ASSERT_PTR_NULL(insp_config_rule_key(i));
    for (i = 0; set_keys[i]; i++) {
        UNIT_STR_EQ(insp_config_set_key(i), set_keys[i]);
    }
    CU_ASSERT_PTR_NULL(insp_config_set_key(i));
    UNIT_STR_EQ(insp_config_function_key(0), "name");
    UNIT_STR_EQ(insp_config_function_key(10), "probe_timeout");
    CU_ASSERT_PTR_NULL(insp_config_function_key(11));
}

/* What is printed parses to the same. */
static void
test_print(void)
{
    struct insp_config_inspector first;
    struct insp_config_uplink first_uplink;
    static char text[32][512];
    struct insp_setting settings[32];
    size_t n;

    CU_ASSERT(INSPECTOR({ "mode", "inline" }, { "idle_timeout", "90" },
                        { "enabled", "false" },
                        { "other_config:identity-keys", "a b" }));
    first = inspector;
    for (n = 0; insp_config_inspector_key(n); n++) {
        settings[n].key = insp_config_inspector_key(n);
        settings[n].value = text[n];
        CU_ASSERT(insp_config_inspector_print(&inspector, settings[n].key,
                                              text[n], sizeof text[n]));
    }
    CU_ASSERT(parse_inspector(settings, n));
    UNIT_STR_EQ(faults.text, "");
    UNIT_STR_EQ(warnings.text, "");
    CU_ASSERT(!memcmp(&first, &inspector, sizeof first));

    CU_ASSERT(UPLINK({ "target", "ssl:[::1]:5" }, { "format", "json" }));
    first_uplink = uplink;
    for (n = 0; insp_config_uplink_key(n); n++) {
        settings[n].key = insp_config_uplink_key(n);
        settings[n].value = text[n];
        CU_ASSERT(insp_config_uplink_print(&uplink, settings[n].key, text[n],
                                           sizeof text[n]));
    }
    CU_ASSERT(parse_uplink(settings, n));
    UNIT_STR_EQ(faults.text, "");
    CU_ASSERT(!memcmp(&first_uplink, &uplink, sizeof uplink));
    CU_ASSERT(!insp_config_uplink_print(&uplink, "no", text[0], 5));
    CU_ASSERT(!insp_config_uplink_print(&uplink, "status", text[0], 5));
}

/* Every fault at once, each as long as can be: the text stays in bounds. */
static void
test_overflow(void)
{
    static char words[2000];
    struct insp_setting settings[64];
    size_t n;

    memset(words, 'w', sizeof words - 1);
    for (n = 0; insp_config_inspector_key(n); n++) {
        settings[n].key = insp_config_inspector_key(n);
        settings[n].value = words;
    }
    CU_ASSERT(!parse_inspector(settings, n));
    CU_ASSERT(strlen(faults.text) < sizeof faults.text);
    UNIT_EQ(faults.n, n);
    for (n = 0; insp_config_uplink_key(n); n++) {
        settings[n].key = insp_config_uplink_key(n);
        settings[n].value = words;
    }
    CU_ASSERT(!parse_uplink(settings, n));
    CU_ASSERT(strlen(faults.text) < sizeof faults.text);
    for (n = 0; insp_config_rule_key(n); n++) {
        settings[n].key = insp_config_rule_key(n);
        settings[n].value = words;
    }
    CU_ASSERT(!parse_rule(settings, n));
    CU_ASSERT(strlen(faults.text) < sizeof faults.text);
    UNIT_EQ(faults.n, n);
    for (n = 0; insp_config_function_key(n); n++) {
        settings[n].key = insp_config_function_key(n);
        settings[n].value = words;
    }
    CU_ASSERT(!parse_function(settings, n));
    CU_ASSERT(strlen(faults.text) < sizeof faults.text);
    UNIT_EQ(faults.n, n);
}

/* Frees what the last test has left, for the leak check. */
static void
test_free(void)
{
    insp_config_rule_uninit(&rule);
    insp_config_set_uninit(&set);
}

UNIT_MAIN("config", UNIT_TEST(test_defaults), UNIT_TEST(test_values),
          UNIT_TEST(test_numbers), UNIT_TEST(test_words),
          UNIT_TEST(test_all_faults), UNIT_TEST(test_names),
          UNIT_TEST(test_unknown_keys), UNIT_TEST(test_keys_too_long),
          UNIT_TEST(test_limits), UNIT_TEST(test_token), UNIT_TEST(test_spool),
          UNIT_TEST(test_certificates), UNIT_TEST(test_targets),
          UNIT_TEST(test_several_targets), UNIT_TEST(test_target_faults),
          UNIT_TEST(test_rule_defaults), UNIT_TEST(test_rule_values),
          UNIT_TEST(test_rule_faults), UNIT_TEST(test_lists),
          UNIT_TEST(test_long_lists), UNIT_TEST(test_cross_checks),
          UNIT_TEST(test_learnt_services), UNIT_TEST(test_function),
          UNIT_TEST(test_function_faults), UNIT_TEST(test_set),
          UNIT_TEST(test_keys), UNIT_TEST(test_print),
          UNIT_TEST(test_overflow), UNIT_TEST(test_free))
