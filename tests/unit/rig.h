/* SPDX-License-Identifier: Apache-2.0 */
/* Rig
 * ===
 *
 * An engine of its own with two VMs on one bridge, for tests that send packets
 * through it and change its configuration.
 *
 * Above:    tests/unit/.           Below:  engine/engine.h, specs.h, unit.h.
 * Threads:  the test's; the engine has its own.
 * Memory:   a test destroys its engine.
 * Time:     the real one, unless a packet is said to come later.
 * Fails:    a test that cannot have an engine fails.
 */

#ifndef INSP_TEST_RIG_H
#define INSP_TEST_RIG_H 1

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "specs.h"
#include "unit.h"

#define VM1 7
#define VM2 8

static inline struct insp_engine *
start(const struct insp_engine_config *config)
{
    struct insp_engine *engine;
    struct insp_host host;
    uint64_t serial;

    insp_host_stdio(&host, INSP_LOG_ERROR);
    if (insp_engine_create(&host, &engine)) {
        CU_FAIL_FATAL("insp_engine_create()");
    }
    serial = insp_engine_apply(engine, config);
    CU_ASSERT_FATAL(serial != 0);
    for (int i = 0; i < 30000 && insp_engine_applied(engine) < serial; i++) {
        usleep(1000);
    }
    UNIT_EQ(insp_engine_applied(engine), serial);
    return engine;
}

static inline void
apply(struct insp_engine *engine, const struct insp_engine_config *config)
{
    uint64_t serial = insp_engine_apply(engine, config);

    for (int i = 0; i < 30000 && insp_engine_applied(engine) < serial; i++) {
        usleep(1000);
    }
    UNIT_EQ(insp_engine_applied(engine), serial);
}

static inline uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static const struct insp_port test_ports[] = {
    { .id = VM1,
      .role = INSP_PORT_VM,
      .mac = { 2, 0, 0, 0, 0, 1 },
      .name = "vm1",
      .bridge = "br0",
      .vm_id = "one" },
    { .id = VM2,
      .role = INSP_PORT_VM,
      .mac = { 2, 0, 0, 0, 0, 2 },
      .name = "vm2",
      .bridge = "br0",
      .vm_id = "two" },
};

static inline struct insp_inspector_config
make_inspector(void)
{
    return (struct insp_inspector_config){
        .name = "main",
        .id = 1,
        .enabled = true,
        .mode = INSP_MODE_INLINE,
        .flow_limit = 4096,
        .active_timeout_ms = 60000,
        .idle_timeout_ms = 30000,
    };
}

static inline struct insp_engine_config
make_config(const struct insp_inspector_config *inspector)
{
    return (struct insp_engine_config){
        .sensor = "test",
        .inspectors = inspector,
        .n_inspectors = 1,
        .ports = test_ports,
        .n_ports = 2,
    };
}

static inline struct insp_context
pair_context(uint32_t in, uint32_t out)
{
    return (struct insp_context){
        .inspector = 1,
        .flags = INSP_CONTEXT_AUTO,
        .in_port = in,
        .out_port = out,
        .zone = { .kind = INSP_ZONE_PAIR, .a = VM1, .b = VM2 },
    };
}

static inline struct spec
tcp(bool reply, uint8_t flags, uint16_t service)
{
    struct spec s = {
        .src_mac = { 2, 0, 0, 0, 0, 1 },
        .dst_mac = { 2, 0, 0, 0, 0, 2 },
        .src = 0x0a000001,
        .dst = 0x0a000002,
        .proto = INSP_PROTO_TCP,
        .src_port = 40000,
        .dst_port = service,
        .tcp_flags = flags,
    };

    if (reply) {
        struct spec r = s;

        r.src = s.dst, r.dst = s.src;
        r.src_port = s.dst_port, r.dst_port = s.src_port;
        memcpy(r.src_mac, s.dst_mac, 6);
        memcpy(r.dst_mac, s.src_mac, 6);
        return r;
    }
    return s;
}

static inline struct insp_verdict
run_one_at(struct insp_engine *engine, const struct insp_context *ctx,
           const struct spec *spec, uint64_t now)
{
    struct insp_verdict verdict;
    struct insp_frame in;
    struct made frame;

    spec_make(&frame, spec);
    in = (struct insp_frame){ frame.bytes, (uint32_t) frame.size,
                              (uint32_t) frame.size, NULL };
    insp_worker_run(engine, 0, ctx, &in, 1, now, &verdict);
    return verdict;
}

static inline struct insp_verdict
run_one(struct insp_engine *engine, const struct insp_context *ctx,
        const struct spec *spec)
{
    return run_one_at(engine, ctx, spec, now_ns());
}

static inline struct insp_inspector_stats
stats(struct insp_engine *engine)
{
    struct insp_inspector_stats s;

    memset(&s, 0, sizeof s);
    UNIT_EQ(insp_engine_get_stats(engine, &s, 1), 1);
    return s;
}

/* Rules from text, for tests that write policies as an operator would. */
struct rig_rules {
    struct insp_rule rules[16];
    size_t n;
    struct insp_faults faults;
};

/* 'terms' are parted by spaces; "" is any. */
static inline struct insp_rule *
rig_rule(struct rig_rules *r, const char *name, uint8_t slot,
         enum insp_direction direction, enum insp_action action,
         const char *source, const char *destination, const char *service)
{
    struct insp_rule *rule = &r->rules[r->n++];
    char text[256];
    char *at, *word;

    memset(rule, 0, sizeof *rule);
    insp_faults_init(&r->faults);
    snprintf(rule->name, sizeof rule->name, "%s", name);
    rule->number = (uint32_t) r->n;
    rule->priority = 1000;
    rule->slot = slot;
    rule->direction = (uint8_t) direction;
    rule->action = (uint8_t) action;
    rule->sources = calloc(8, sizeof *rule->sources);
    rule->destinations = calloc(8, sizeof *rule->destinations);
    rule->services = calloc(8, sizeof *rule->services);
    snprintf(text, sizeof text, "%s", source);
    for (at = text; (word = strtok_r(at, " ", &at));) {
        CU_ASSERT(insp_term_parse(
            word, "source", &rule->sources[rule->n_sources++], &r->faults));
    }
    snprintf(text, sizeof text, "%s", destination);
    for (at = text; (word = strtok_r(at, " ", &at));) {
        CU_ASSERT(insp_term_parse(word, "destination",
                                  &rule->destinations[rule->n_destinations++],
                                  &r->faults));
    }
    snprintf(text, sizeof text, "%s", service);
    for (at = text; (word = strtok_r(at, " ", &at));) {
        CU_ASSERT(insp_service_parse(
            word, "service", &rule->services[rule->n_services++], &r->faults));
    }
    UNIT_STR_EQ(r->faults.text, "");
    CU_ASSERT(insp_rule_check(rule, &r->faults));
    return rule;
}

/* Freezes them, for 'inspector', as this version, and forgets them. */
static inline void
rig_freeze(struct rig_rules *r, uint32_t version,
           struct insp_inspector_config *inspector)
{
    struct insp_policy *policy;

    insp_binding_unref(inspector->binding);
    inspector->binding = NULL;
    if (insp_policy_create(r->rules, r->n, NULL, 0, version, &policy) ||
        insp_binding_create(policy, test_ports, INSP_ARRAY_SIZE(test_ports),
                            &inspector->binding)) {
        CU_FAIL_FATAL("freeze");
    }
    insp_policy_unref(policy);
    for (size_t i = 0; i < r->n; i++) {
        insp_rule_uninit(&r->rules[i]);
    }
    r->n = 0;
}

#endif /* tests/unit/rig.h */
