/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Policies at random are frozen, and packets at random judged by them and by
 * the reference, which must agree in everything: verdict, functions, rules,
 * alerts, counters, and the rule that matches in each slot.
 *
 * Mutations that each make it fail: in match.c, leaving out the exceptions,
 * 'no_vm', the source's service, or the comparison of ranks; in build.c,
 * comparing priorities the other way round, or reading a symmetric rule
 * forward in the other pass; in address.c, not going back to the covering
 * prefix, or an index that is one line late; in service.c, ending a range one
 * port early; in vector.h, a wrong mask in insp_bits_in(); in learnt.c,
 * leaving out what is above a name, or looking for the shorter suffixes first;
 * in subject.c, turning a packet round without what was learnt. */

#include <errno.h>

#include "judge-cases.h"
#include "judge-reference.h"
#include "packet/packet.h"
#include "rule/frozen.h"
#include "unit.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct world {
    struct draw draw;
    struct insp_rule *rules;
    size_t n_rules;
    struct insp_address_set *sets;
    struct insp_port ports[CASES_PORTS];
    uint64_t *met;
    struct insp_policy *policy;
    struct insp_binding *binding;
    struct reference reference;
};

static void
world_open(struct world *w, uint64_t seed, size_t n_rules, unsigned int slot,
           unsigned int n_slots)
{
    memset(w, 0, sizeof *w);
    w->draw.state = seed;
    w->n_rules = n_rules;
    w->rules = cases_alloc(n_rules, sizeof *w->rules);
    w->met = cases_alloc(n_rules, sizeof *w->met);
    w->sets = cases_alloc(CASES_SETS, sizeof *w->sets);
    for (size_t i = 0; i < n_rules; i++) {
        draw_rule(&w->draw, &w->rules[i], (uint32_t) i + 1, slot, n_slots);
    }
    for (unsigned int i = 0; i < CASES_SETS; i++) {
        draw_set(&w->draw, &w->sets[i], i);
    }
    for (unsigned int i = 0; i < CASES_PORTS; i++) {
        draw_port(&w->draw, &w->ports[i], i);
    }
    w->reference = (struct reference){
        .rules = w->rules,
        .n_rules = n_rules,
        .sets = w->sets,
        .n_sets = CASES_SETS,
        .ports = w->ports,
        .n_ports = CASES_PORTS,
    };
    CU_ASSERT_EQUAL_FATAL(insp_policy_create(w->rules, n_rules, w->sets,
                                             CASES_SETS, 7, &w->policy),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        insp_binding_create(w->policy, w->ports, CASES_PORTS, &w->binding), 0);
    /* Every other policy is judged as by a processor that cannot count. */
    if (seed % 2) {
        w->policy->ways &= (uint8_t) ~INSP_WAY_COUNTS;
    }
}

static void
check_counters(struct world *w)
{
    for (size_t i = 0; i < w->n_rules; i++) {
        uint64_t judged;
        uint64_t dropped;
        size_t at = SIZE_MAX;

        CU_ASSERT_PTR_NOT_NULL_FATAL(
            insp_policy_find(w->policy, w->rules[i].number, &at));
        insp_policy_counters(w->policy, at, &judged, &dropped);
        UNIT_EQ(judged, w->met[i]);
        UNIT_EQ(dropped, 0);
    }
}

static void
world_close(struct world *w)
{
    check_counters(w);
    insp_policy_unref(w->policy);
    insp_binding_unref(w->binding);
    cases_free(w->rules, w->n_rules, w->sets, CASES_SETS);
    free(w->met);
}

static bool
same_judgement(const struct insp_judgement *a, const struct insp_judgement *b)
{
    return a->verdict == b->verdict && a->slots == b->slots &&
           a->as_to_vm == b->as_to_vm && a->rule == b->rule &&
           a->alert == b->alert;
}

/* One packet; returns false, and says so once, when they differ. */
static bool
compare(struct world *w, bool explain)
{
    struct insp_slot_matches matches[2][INSP_N_SLOTS];
    struct insp_judgement judgements[2];
    struct insp_subject s;
    uint32_t slots = draw(&w->draw, 4) ? INSP_ALL_SLOTS : draw(&w->draw, 4096);
    char name[CASES_NAME_SIZE];

    draw_subject(&w->draw, &s, name);
    memset(&judgements, 0xa5, sizeof judgements);
    insp_policy_judge(w->binding, &s, slots, &judgements[0]);
    reference_judge(&w->reference, &s, slots, &judgements[1], w->met);
    if (!same_judgement(&judgements[0], &judgements[1])) {
        UNIT_EQ(judgements[0].verdict, judgements[1].verdict);
        UNIT_EQ(judgements[0].slots, judgements[1].slots);
        UNIT_EQ(judgements[0].as_to_vm, judgements[1].as_to_vm);
        UNIT_EQ(judgements[0].rule, judgements[1].rule);
        UNIT_EQ(judgements[0].alert, judgements[1].alert);
        return false;
    }
    if (explain) {
        insp_policy_decide(w->binding, &s, slots, &judgements[0]);
        CU_ASSERT(same_judgement(&judgements[0], &judgements[1]));
        insp_policy_explain(w->binding, &s, matches[0]);
        reference_explain(&w->reference, &s, matches[1]);
        if (memcmp(matches[0], matches[1], sizeof matches[0])) {
            CU_FAIL("explain differs");
            return false;
        }
    }
    return true;
}

static void
run_world(uint64_t seed, size_t n_rules, unsigned int slot,
          unsigned int n_slots, unsigned int n_cases)
{
    struct world w;

    world_open(&w, seed, n_rules, slot, n_slots);
    for (unsigned int i = 0; i < n_cases; i++) {
        if (!compare(&w, i % 4 == 0)) {
            printf("# seed %llu, %zu rules, case %u\n",
                   (unsigned long long) seed, n_rules, i);
            break;
        }
    }
    world_close(&w);
}

/* A rule or two, or several, in all slots or few: the most cases. */
static void
test_small(void)
{
    struct draw sizes = { .state = 1 };

    for (uint64_t seed = 1; seed <= (SANITIZED ? 400 : 2000); seed++) {
        run_world(seed, draw(&sizes, 12), 1, 11, 200);
        run_world(seed + 10000, draw(&sizes, 24), 2, 1, 200);
        run_world(seed + 20000, draw(&sizes, 30), 2, 3, 100);
    }
}

/* Several words. */
static void
test_middle(void)
{
    struct draw sizes = { .state = 2 };

    for (uint64_t seed = 1; seed <= (SANITIZED ? 8 : 40); seed++) {
        run_world(seed, 100 + draw(&sizes, 200), 2, 1, 500);
        run_world(seed + 100, 200 + draw(&sizes, 1000), 1, 11, 500);
    }
}

/* Several summaries. */
static void
test_large(void)
{
    for (uint64_t seed = 1; seed <= (SANITIZED ? 2 : 6); seed++) {
        run_world(seed, 1200, 2, 1, 1500);
        run_world(seed + 10, 6000, 3, 3, 200);
    }
}

static struct insp_rule
any_rule(uint32_t number, uint8_t slot, uint8_t action)
{
    struct insp_rule rule = { .number = number,
                              .slot = slot,
                              .action = action };

    snprintf(rule.name, sizeof rule.name, "%05u", (unsigned int) number);
    return rule;
}

static struct insp_subject
tcp_subject(uint32_t source_port, uint32_t destination_port)
{
    struct insp_subject s = { .kind = INSP_SUBJECT_IP,
                              .proto = INSP_PROTO_TCP };

    s.source.addr[10] = s.source.addr[11] = 0xff;
    s.destination.addr[10] = s.destination.addr[11] = 0xff;
    s.source.port_id = source_port;
    s.destination.port_id = destination_port;
    s.destination.l4_port = 80;
    return s;
}

/* No rule passes everything; versions, references and numbers are kept. */
static void
test_empty(void)
{
    struct insp_policy *policy;
    struct insp_binding *binding;
    struct insp_judgement j;
    struct insp_subject s = tcp_subject(1, 2);
    size_t i;

    CU_ASSERT_EQUAL_FATAL(insp_policy_create(NULL, 0, NULL, 0, 41, &policy),
                          0);
    CU_ASSERT_EQUAL_FATAL(insp_binding_create(policy, NULL, 0, &binding), 0);
    UNIT_EQ(insp_policy_version(policy), 41);
    UNIT_EQ(insp_policy_n_rules(policy), 0);
    CU_ASSERT_PTR_EQUAL(insp_binding_policy(binding), policy);
    CU_ASSERT_PTR_NULL(insp_policy_find(policy, 1, &i));
    insp_policy_count_dropped(policy, 1);
    insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
    UNIT_EQ(j.verdict, INSP_VERDICT_ALLOW);
    UNIT_EQ(j.rule, 0);
    CU_ASSERT_PTR_EQUAL(insp_binding_ref(binding), binding);
    CU_ASSERT_PTR_EQUAL(insp_policy_ref(policy), policy);
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    insp_policy_unref(policy);
    insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
    insp_binding_unref(binding);
    insp_binding_unref(NULL);
    insp_policy_unref(NULL);
}

static size_t
absent_of(const struct insp_rule *rules, size_t n_rules,
          const struct insp_port *ports, size_t n_ports, char *text,
          size_t size)
{
    struct insp_policy *policy;
    struct insp_binding *binding;
    size_t n;

    CU_ASSERT_EQUAL_FATAL(
        insp_policy_create(rules, n_rules, NULL, 0, 1, &policy), 0);
    CU_ASSERT_EQUAL_FATAL(
        insp_binding_create(policy, ports, n_ports, &binding), 0);
    n = insp_binding_absent(binding, ports, n_ports, text, size);
    CU_ASSERT(strlen(text) < size);
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    return n;
}

/* Names of rules that no port has, each once.  Mutations: a tick() that does
 * nothing; list_absent() without AND_MORE. */
static void
test_absent_names(void)
{
    char *words[] = { "web", "wbe",          "tap9",
                      "f-1", "project=blue", "project=red" };
    struct insp_term terms[] = {
        { .kind = INSP_TERM_VM, .text = words[0] },
        { .kind = INSP_TERM_VM, .text = words[1] },
        { .kind = INSP_TERM_PORT, .text = words[2], .negated = true },
        { .kind = INSP_TERM_IFACE, .text = words[3] },
        { .kind = INSP_TERM_ID, .text = words[4] },
        { .kind = INSP_TERM_ID, .text = words[5] },
        { .kind = INSP_TERM_PREFIX, .prefix_length = 128 },
    };
    struct insp_service any = { .kind = INSP_SERVICE_ANY };
    struct insp_rule rules[2] = {
        { .name = "a",
          .number = 1,
          .slot = 2,
          .sources = terms,
          .n_sources = INSP_ARRAY_SIZE(terms),
          .services = &any,
          .n_services = 1 },
        { .name = "b",
          .number = 2,
          .slot = 2,
          .destinations = &terms[1],
          .n_destinations = 1,
          .services = &any,
          .n_services = 1 },
    };
    struct insp_port ports[2] = {
        { .id = 1,
          .vm_id = "web",
          .iface_id = "f-1",
          .name = "tap1",
          .extra = "project=blue\n" },
        { .id = 2, .vm_id = "db", .name = "wbe" }, /* Not a VM of it. */
    };
    char text[512];

    UNIT_EQ(absent_of(rules, 2, ports, 2, text, sizeof text), 3);
    UNIT_STR_EQ(text, "vm:wbe, port:tap9, id:project=red");
    UNIT_EQ(absent_of(rules, 2, ports, 0, text, sizeof text), 6);
    UNIT_EQ(absent_of(rules, 2, ports, 2, text, 64), 3);
    UNIT_STR_EQ(text, "vm:wbe, port:tap9, id:project=red");
    UNIT_EQ(absent_of(rules, 2, ports, 2, text, 45), 3);
    UNIT_STR_EQ(text, "vm:wbe, port:tap9 and 1 more");
    UNIT_EQ(absent_of(rules, 2, ports, 2, text, 32), 3);
    UNIT_STR_EQ(text, "3 names");
    strcpy(ports[1].vm_id, "wbe");
    strcpy(ports[1].name, "tap9");
    strcpy(ports[1].extra, "project=red\n");
    UNIT_EQ(absent_of(rules, 2, ports, 2, text, sizeof text), 0);
    UNIT_STR_EQ(text, "");
    UNIT_EQ(absent_of(NULL, 0, ports, 2, text, sizeof text), 0);
}

/* One rule more than the most, a slot that there is not; the most works.
 * Mutation: '>=' in insp_policy_create(). */
static void
test_limits(void)
{
    size_t n = INSP_POLICY_MAX + 1;
    struct insp_rule *rules = cases_alloc(n, sizeof *rules);
    struct insp_policy *policy;
    struct insp_binding *binding;
    struct insp_judgement j;
    struct insp_subject s = tcp_subject(0, 0);

    for (size_t i = 0; i < n; i++) {
        rules[i] = any_rule((uint32_t) i + 1, 2,
                            i + 2 == n ? INSP_ACTION_DROP : INSP_ACTION_ALERT);
        rules[i].symmetric = true;
        rules[i].priority = i + 2 == n ? 1 : 0;
    }
    UNIT_EQ(insp_policy_create(rules, n, NULL, 0, 1, &policy), E2BIG);
    CU_ASSERT_PTR_NULL(policy);
    CU_ASSERT_EQUAL_FATAL(
        insp_policy_create(rules, n - 1, NULL, 0, 1, &policy), 0);
    CU_ASSERT_EQUAL_FATAL(insp_binding_create(policy, NULL, 0, &binding), 0);
    insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
    UNIT_EQ(j.verdict, INSP_VERDICT_DROP);
    UNIT_EQ(j.rule, n - 1);
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    rules[0].slot = INSP_N_SLOTS;
    UNIT_EQ(insp_policy_create(rules, 1, NULL, 0, 1, &policy), EINVAL);
    free(rules);
}

/* Rules are shown in the order in which they are looked at, and a dropped
 * packet is counted at its rule. */
static void
test_order(void)
{
    struct insp_rule rules[5] = {
        any_rule(10, 4, INSP_ACTION_REDIRECT),
        any_rule(20, 2, INSP_ACTION_DROP),
        any_rule(30, 2, INSP_ACTION_ALLOW),
        any_rule(40, 2, INSP_ACTION_ALLOW),
        any_rule(50, 1, INSP_ACTION_ALERT),
    };
    static const uint32_t order[5] = { 50, 40, 20, 30, 10 };
    struct insp_policy *policy;
    uint64_t judged;
    uint64_t dropped;
    size_t at;

    rules[3].priority = INT32_MAX;
    rules[1].priority = -5;
    rules[2].priority = -5;
    CU_ASSERT_EQUAL_FATAL(insp_policy_create(rules, 5, NULL, 0, 1, &policy),
                          0);
    for (size_t i = 0; i < 5; i++) {
        UNIT_EQ(insp_policy_rule(policy, i)->number, order[i]);
        CU_ASSERT_PTR_EQUAL(insp_policy_find(policy, order[i], &at),
                            insp_policy_rule(policy, i));
        UNIT_EQ(at, i);
    }
    insp_policy_count_dropped(policy, 20);
    insp_policy_count_dropped(policy, 20);
    insp_policy_count_dropped(policy, 21);
    insp_policy_counters(policy, 2, &judged, &dropped);
    UNIT_EQ(judged, 0);
    UNIT_EQ(dropped, 2);
    insp_policy_unref(policy);
}

/* A from-vm rule does not look at what comes from no VM. */
static void
test_from_no_vm(void)
{
    struct insp_rule rule = any_rule(1, 2, INSP_ACTION_DROP);
    struct insp_port ports[2] = { { .id = 1, .role = INSP_PORT_VM },
                                  { .id = 2, .role = INSP_PORT_OTHER } };
    struct insp_subject s = tcp_subject(1, 2);
    struct insp_subject back;
    static const uint8_t verdicts[3][2] = {
        [INSP_DIRECTION_BOTH] = { INSP_VERDICT_DROP, INSP_VERDICT_DROP },
        [INSP_DIRECTION_FROM_VM] = { INSP_VERDICT_DROP, INSP_VERDICT_ALLOW },
        [INSP_DIRECTION_TO_VM] = { INSP_VERDICT_ALLOW, INSP_VERDICT_DROP },
    };

    s.app = INSP_APP_TLS;
    s.name = "a.b";
    insp_subject_reverse(&s, &back);
    UNIT_EQ(back.source.l4_port, 80);
    UNIT_EQ(back.destination.port_id, 1);
    UNIT_EQ(back.app, INSP_APP_TLS);
    UNIT_STR_EQ(back.name, "a.b");
    for (uint8_t direction = 0; direction < 3; direction++) {
        struct insp_policy *policy;
        struct insp_binding *binding;
        struct insp_judgement j;

        rule.direction = direction;
        CU_ASSERT_EQUAL_FATAL(
            insp_policy_create(&rule, 1, NULL, 0, 1, &policy), 0);
        CU_ASSERT_EQUAL_FATAL(insp_binding_create(policy, ports, 2, &binding),
                              0);
        insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
        UNIT_EQ(j.verdict, verdicts[direction][0]);
        insp_policy_judge(binding, &back, INSP_ALL_SLOTS, &j);
        UNIT_EQ(j.verdict, verdicts[direction][1]);
        insp_policy_judge(binding, &s, INSP_ALL_SLOTS & ~(1u << 2), &j);
        UNIT_EQ(j.verdict, INSP_VERDICT_ALLOW);
        insp_binding_unref(binding);
        insp_policy_unref(policy);
    }
}

/* A rule for each text, the first one the most important; returns the number
 * of the one that decides, from 1 on. */
static uint32_t
decide_by(const char *const *services, size_t n, uint8_t app, const char *name)
{
    struct insp_rule *rules = cases_alloc(n, sizeof *rules);
    struct insp_service *parsed = cases_alloc(n, sizeof *parsed);
    struct insp_subject s = tcp_subject(0, 0);
    struct insp_policy *policy;
    struct insp_binding *binding;
    struct insp_faults faults;
    struct insp_judgement j;

    insp_faults_init(&faults);
    for (size_t i = 0; i < n; i++) {
        rules[i] = any_rule((uint32_t) i + 1, 2, INSP_ACTION_DROP);
        CU_ASSERT_FATAL(
            insp_service_parse(services[i], "service", &parsed[i], &faults));
        rules[i].services = &parsed[i];
        rules[i].n_services = 1;
    }
    s.app = app;
    s.name = name;
    CU_ASSERT_EQUAL_FATAL(insp_policy_create(rules, n, NULL, 0, 1, &policy),
                          0);
    CU_ASSERT_EQUAL_FATAL(insp_binding_create(policy, NULL, 0, &binding), 0);
    CU_ASSERT(insp_policy_reads_apps(policy));
    for (size_t i = 0; i < n; i++) {
        insp_service_uninit(&parsed[i]); /* Nothing is kept of it. */
    }
    insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    free(parsed);
    free(rules);
    return j.rule;
}

/* What a connection speaks, as soon as it is known. */
static void
test_apps(void)
{
    static const char *const services[] = { "app:unknown", "app:tls",
                                            "app:irc", "sni:a.b" };

    UNIT_EQ(decide_by(services, 4, INSP_APP_NONE, NULL), 0);
    UNIT_EQ(decide_by(services, 4, INSP_APP_UNKNOWN, NULL), 1);
    UNIT_EQ(decide_by(services, 4, INSP_APP_TLS, NULL), 2);
    UNIT_EQ(decide_by(services, 4, INSP_APP_IRC, NULL), 3);
    UNIT_EQ(decide_by(services, 4, INSP_APP_DNS, NULL), 0);
    UNIT_EQ(decide_by(services, 4, INSP_APP_DNS, "a.b"), 4);
    UNIT_EQ(decide_by(services, 4, INSP_APP_NONE, "a.b"), 4);
    UNIT_EQ(decide_by(services, 4, INSP_APP_TLS, "a.b"), 2);
}

#define LABELS16 "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"

/* Which names a rule's name stands for, and that priority decides, not which
 * is the closer one. */
static void
test_names(void)
{
    static const char *const exact[] = { "sni:www.example.com" };
    static const char *const below[] = { "sni:*.example.com" };
    static const char *const deep[] = { "sni:*." LABELS16 };
    static const char *const many[] = {
        "sni:b.c", "sni:*.b.c", "sni:*.c", "sni:x.a.b.c", "sni:*.a.b.c",
    };
    static const char *const close[] = { "sni:*.c", "sni:a.b.c" };
    char name[INSP_APP_NAME_MAX + 2];

    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, "www.example.com"), 1);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_NONE, "www.example.com"), 1);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, "a.www.example.com"), 0);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, "ww.example.com"), 0);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, "www.example.co"), 0);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, "example.com"), 0);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, ""), 0);
    UNIT_EQ(decide_by(exact, 1, INSP_APP_TLS, NULL), 0);

    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, "www.example.com"), 1);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, "a.b.c.example.com"), 1);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, "example.com"), 0);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, "anexample.com"), 0);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, "example.com.net"), 0);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, ".example.com"), 1);

    /* As many labels as there may be, below as many as one likes. */
    UNIT_EQ(decide_by(deep, 1, INSP_APP_TLS, "x." LABELS16), 1);
    UNIT_EQ(decide_by(deep, 1, INSP_APP_TLS, "z.y.x.w.v." LABELS16), 1);
    UNIT_EQ(decide_by(deep, 1, INSP_APP_TLS, LABELS16), 0);

    UNIT_EQ(decide_by(many, 5, INSP_APP_TLS, "b.c"), 1);
    UNIT_EQ(decide_by(many, 5, INSP_APP_TLS, "a.b.c"), 2);
    UNIT_EQ(decide_by(many, 5, INSP_APP_TLS, "x.a.b.c"), 2);
    UNIT_EQ(decide_by(many + 2, 3, INSP_APP_TLS, "x.a.b.c"), 1);
    UNIT_EQ(decide_by(many + 3, 2, INSP_APP_TLS, "x.a.b.c"), 1);
    UNIT_EQ(decide_by(many + 4, 1, INSP_APP_TLS, "x.a.b.c"), 1);
    UNIT_EQ(decide_by(many + 3, 2, INSP_APP_TLS, "y.a.b.c"), 2);
    UNIT_EQ(decide_by(many, 5, INSP_APP_TLS, "q.c"), 3);
    UNIT_EQ(decide_by(many, 5, INSP_APP_TLS, "c"), 0);
    UNIT_EQ(decide_by(close, 2, INSP_APP_TLS, "a.b.c"), 1);

    /* A name as long as there are, and what is none. */
    memset(name, 'a', sizeof name - 1);
    memcpy(name + INSP_APP_NAME_MAX - 12, ".example.com", 13);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, name), 1);
    memcpy(name + INSP_APP_NAME_MAX - 12, "a.example.com", 14);
    UNIT_EQ(decide_by(below, 1, INSP_APP_TLS, name), 0);
}

/* Where nobody asks for what was learnt, nobody need find it out. */
static void
test_reads_apps(void)
{
    struct insp_service services[3] = {
        { .kind = INSP_SERVICE_PORTS, .proto = 6, .last = UINT16_MAX },
        { .kind = INSP_SERVICE_APP, .app = INSP_APP_TLS },
        { .kind = INSP_SERVICE_ANY },
    };
    struct insp_rule rule = any_rule(1, 2, INSP_ACTION_DROP);
    struct insp_policy *policy;
    struct {
        size_t first;
        size_t n;
        bool reads;
    } cases[] = {
        { 0, 1, false },
        { 0, 2, true },
        { 1, 1, true },
        { 1, 2, false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rule.services = services + cases[i].first;
        rule.n_services = cases[i].n;
        CU_ASSERT_EQUAL_FATAL(
            insp_policy_create(&rule, 1, NULL, 0, 1, &policy), 0);
        UNIT_EQ(insp_policy_reads_apps(policy), cases[i].reads);
        insp_policy_unref(policy);
    }
}

/* A name for each rule, and each finds its own.
 * Mutation: in learnt.c, find() that gives up at the first slot. */
static void
test_many_names(void)
{
    size_t n = SANITIZED ? 2000 : INSP_POLICY_MAX;
    struct insp_rule *rules = cases_alloc(n, sizeof *rules);
    struct insp_service *services = cases_alloc(n, sizeof *services);
    char(*texts)[32] = cases_alloc(n, sizeof *texts);
    struct insp_subject s = tcp_subject(0, 0);
    struct insp_policy *policy;
    struct insp_binding *binding;
    struct insp_judgement j;
    char name[48];

    for (size_t i = 0; i < n; i++) {
        rules[i] = any_rule((uint32_t) i + 1, 2, INSP_ACTION_DROP);
        snprintf(texts[i], sizeof *texts, "%sh%zu.d%zu.net", i % 3 ? "" : "*.",
                 i, i % 100);
        services[i].kind = INSP_SERVICE_SNI;
        services[i].text = texts[i];
        rules[i].services = &services[i];
        rules[i].n_services = 1;
    }
    CU_ASSERT_EQUAL_FATAL(insp_policy_create(rules, n, NULL, 0, 1, &policy),
                          0);
    CU_ASSERT_EQUAL_FATAL(insp_binding_create(policy, NULL, 0, &binding), 0);
    s.name = name;
    for (size_t i = 0; i < n; i++) {
        const char *text = texts[i] + (i % 3 ? 0 : 2);

        snprintf(name, sizeof name, "%s", text);
        insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
        UNIT_EQ(j.rule, i % 3 ? i + 1 : 0);
        snprintf(name, sizeof name, "www.%s", text);
        insp_policy_judge(binding, &s, INSP_ALL_SLOTS, &j);
        UNIT_EQ(j.rule, i % 3 ? 0 : i + 1);
    }
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    free(rules);
    free(services);
    free(texts);
}

/* What a policy may not hold is refused, not attempted: sets of which every
 * address is in another combination. */
static void
test_too_large(void)
{
    size_t n_sets = 400;
    size_t n_addresses = 4000;
    struct insp_rule *rules = cases_alloc(INSP_POLICY_MAX, sizeof *rules);
    struct insp_term *terms = cases_alloc(n_sets, sizeof *terms);
    struct insp_address_set *sets = cases_alloc(n_sets, sizeof *sets);
    struct draw d = { .state = 3 };
    struct insp_policy *policy;

    if (SANITIZED) {
        unit_skip("takes a gigabyte, which a sanitizer multiplies");
        free(rules);
        free(terms);
        free(sets);
        return;
    }
    for (size_t i = 0; i < n_sets; i++) {
        snprintf(sets[i].name, sizeof sets[i].name, "s%zu", i);
        terms[i].kind = INSP_TERM_SET;
        terms[i].text = sets[i].name;
        sets[i].addresses =
            cases_alloc(n_addresses, sizeof *sets[i].addresses);
        for (unsigned int j = 0; j < 100000; j++) {
            if (sets[i].n < n_addresses && !draw(&d, 20)) {
                struct insp_address *a = &sets[i].addresses[sets[i].n++];

                a->addr[0] = 0xfd;
                a->addr[13] = (uint8_t) (j >> 16);
                a->addr[14] = (uint8_t) (j >> 8);
                a->addr[15] = (uint8_t) j;
                a->prefix_length = 128;
            }
        }
    }
    for (uint32_t i = 0; i < INSP_POLICY_MAX; i++) {
        rules[i] = any_rule(i + 1, 2, INSP_ACTION_ALLOW);
        rules[i].symmetric = true;
        rules[i].sources = &terms[i % n_sets];
        rules[i].n_sources = 1;
    }
    UNIT_EQ(insp_policy_create(rules, INSP_POLICY_MAX, sets, n_sets, 1,
                               &policy),
            E2BIG);
    CU_ASSERT_PTR_NULL(policy);
    insp_policy_unref(policy);
    for (size_t i = 0; i < n_sets; i++) {
        insp_address_set_uninit(&sets[i]);
    }
    free(rules);
    free(terms);
    free(sets);
}

/* Frames to subjects: MACs, mapped addresses, ICMP types, what is ND. */
static void
test_subject(void)
{
    uint8_t frame[14 + 40 + 8] = {
        2,           0,        0,
        0,           0,        2,
        2,           0,        0,
        0,           0,        1,
        0x86,        0xdd,     0x60,
        0,           0,        0,
        0,           8,        INSP_PROTO_ICMPV6,
        255,         0xfd,     [37] = 1,
        [38] = 0xfd, [53] = 2, [54] = 135,
    };
    struct insp_packet p;
    struct insp_subject s;

    UNIT_EQ(insp_packet_parse(&p, frame, sizeof frame, sizeof frame),
            INSP_PACKET_OK);
    insp_subject_init(&s, &p, frame, 4, 5);
    UNIT_EQ(s.kind, INSP_SUBJECT_ND);
    UNIT_EQ(s.source.mac[5], 1);
    UNIT_EQ(s.destination.mac[5], 2);
    UNIT_EQ(s.source.addr[15], 1);
    UNIT_EQ(s.destination.addr[15], 2);
    UNIT_EQ(s.source.port_id, 4);
    UNIT_EQ(s.destination.port_id, 5);
    for (int type = 128; type < 144; type++) {
        frame[54] = (uint8_t) type;
        insp_packet_parse(&p, frame, sizeof frame, sizeof frame);
        insp_subject_init(&s, &p, frame, 4, 5);
        UNIT_EQ(s.kind, type >= 133 && type <= 137 ? INSP_SUBJECT_ND
                                                   : INSP_SUBJECT_IP);
        UNIT_EQ(s.source.l4_port, type == 128   ? 129
                                  : type == 129 ? 128
                                                : type);
        UNIT_EQ(s.destination.l4_port, type);
    }
    /* ARP and the rest have no addresses; a cut frame not even MACs. */
    frame[12] = 0x08;
    frame[13] = 0x06;
    insp_packet_parse(&p, frame, sizeof frame, sizeof frame);
    insp_subject_init(&s, &p, frame, 4, 5);
    UNIT_EQ(s.kind, INSP_SUBJECT_ARP);
    UNIT_EQ(s.source.mac[5], 1);
    frame[13] = 0x07;
    insp_packet_parse(&p, frame, sizeof frame, sizeof frame);
    insp_subject_init(&s, &p, frame, 4, 5);
    UNIT_EQ(s.kind, INSP_SUBJECT_OTHER);
    insp_packet_parse(&p, frame, 11, 11);
    insp_subject_init(&s, &p, frame, 4, 5);
    UNIT_EQ(s.kind, INSP_SUBJECT_OTHER);
    UNIT_EQ(s.source.mac[5], 0);
}

/* IPv4: mapped addresses; ICMPv6 inside IPv4 is not ND, which no rule but
 * one for nd would see. */
static void
test_subject_ip4(void)
{
    uint8_t frame[14 + 20 + 20] = {
        2,    0,    0,           0, 0, 2,  2,  0, 0, 0, 0,    1,
        0x08, 0x00, 0x45,        0, 0, 40, 0,  0, 0, 0, 64,   INSP_PROTO_TCP,
        0,    0,    10,          0, 0, 1,  10, 0, 0, 2, 0x9c, 0x40,
        0,    80,   [46] = 0x50,
    };
    static const uint8_t source[16] = {
        [10] = 0xff, [11] = 0xff, 10, 0, 0, 1
    };
    struct insp_packet p;
    struct insp_subject s;

    UNIT_EQ(insp_packet_parse(&p, frame, sizeof frame, sizeof frame),
            INSP_PACKET_OK);
    insp_subject_init(&s, &p, frame, 1, 2);
    UNIT_EQ(s.kind, INSP_SUBJECT_IP);
    UNIT_EQ(s.proto, INSP_PROTO_TCP);
    CU_ASSERT(!memcmp(s.source.addr, source, 16));
    UNIT_EQ(s.destination.addr[15], 2);
    UNIT_EQ(s.source.l4_port, 40000);
    UNIT_EQ(s.destination.l4_port, 80);
    frame[23] = INSP_PROTO_ICMPV6;
    frame[34] = 135;
    insp_packet_parse(&p, frame, sizeof frame, sizeof frame);
    insp_subject_init(&s, &p, frame, 1, 2);
    UNIT_EQ(s.kind, INSP_SUBJECT_IP);
    UNIT_EQ(s.destination.l4_port, 135);
}

UNIT_MAIN("policy", UNIT_TEST(test_empty), UNIT_TEST(test_absent_names),
          UNIT_TEST(test_limits), UNIT_TEST(test_order),
          UNIT_TEST(test_from_no_vm), UNIT_TEST(test_apps),
          UNIT_TEST(test_names), UNIT_TEST(test_reads_apps),
          UNIT_TEST(test_many_names), UNIT_TEST(test_subject),
          UNIT_TEST(test_subject_ip4), UNIT_TEST(test_small),
          UNIT_TEST(test_middle), UNIT_TEST(test_large),
          UNIT_TEST(test_too_large))
