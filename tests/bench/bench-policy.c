/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     bench-policy N_RULES [N_JUDGED [N_ADDRESSES [BLANKS [LEARNT]]]]
 *
 * Freezes N rules as a data centre might have them (prefixes, ten sets of
 * N_ADDRESSES addresses, port ranges, identities, exceptions, some in
 * reverse, most in the firewall, a fifth in slots 4 to 7) and judges packets
 * of which many match something.  Of the rules, BLANKS per cent have any
 * source, as many any destination, as many any service: the more, the more
 * rules match one packet.  Instead of ports LEARNT per cent of those with a
 * service have a server name, each its own, every fourth one with a "*.", or
 * one in ten a protocol; then every packet's connection has both.  Prints
 * what creating, binding 1,000 ports and judging one packet took of a
 * processor.  To count instructions:
 *
 *     valgrind --tool=callgrind --toggle-collect=insp_policy_judge ... */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/app.h"
#include "rule/policy.h"

#define N_PORTS 1000
#define N_SETS  10

struct bench {
    uint64_t state;
    uint32_t blanks; /* Per cent... */
    uint32_t learnt; /* ... and this. */
    struct insp_rule *rules;
    struct insp_address_set sets[N_SETS];
    struct insp_port *ports;
};

static uint32_t
draw(struct bench *b, uint32_t n)
{
    uint64_t x = b->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t) ((x >> 32) % n);
}

static void *
alloc(size_t n, size_t size)
{
    void *at = calloc(n ? n : 1, size);

    if (!at) {
        exit(2);
    }
    return at;
}

static uint64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* A host of 10.0.0.0/9, or of fd00::/16 one time in eight. */
static void
draw_host(struct bench *b, uint8_t addr[16])
{
    memset(addr, 0, 16);
    if (!draw(b, 8)) {
        addr[0] = 0xfd;
        addr[5] = (uint8_t) draw(b, 64);
        addr[14] = (uint8_t) draw(b, 4);
        addr[15] = (uint8_t) draw(b, 256);
    } else {
        addr[10] = addr[11] = 0xff;
        addr[12] = 10;
        addr[13] = (uint8_t) draw(b, 128);
        addr[14] = (uint8_t) draw(b, 256);
        addr[15] = (uint8_t) draw(b, 256);
    }
}

static void
draw_term(struct bench *b, struct insp_term *t)
{
    static const uint8_t lengths[] = { 8, 4, 0, 8, 8, 6, 16 };
    char text[INSP_NAME_SIZE];
    unsigned int host_bits;

    t->kind = INSP_TERM_PREFIX;
    switch (draw(b, 10)) {
    case 0:
        t->kind = INSP_TERM_SET;
        snprintf(text, sizeof text, "set%u", draw(b, N_SETS));
        t->text = strdup(text);
        break;
    case 1:
        t->kind = INSP_TERM_VM;
        snprintf(text, sizeof text, "vm%u", draw(b, N_PORTS));
        t->text = strdup(text);
        break;
    case 2:
        t->kind = INSP_TERM_ID;
        snprintf(text, sizeof text, "project=%u", draw(b, 50));
        t->text = strdup(text);
        break;
    default:
        draw_host(b, t->addr);
        host_bits = lengths[draw(b, sizeof lengths)];
        t->prefix_length = (uint8_t) (128 - host_bits);
        for (unsigned int i = 0; i < host_bits; i++) {
            t->addr[15 - i / 8] &= (uint8_t) ~(1u << i % 8);
        }
    }
}

static struct insp_term *
draw_terms(struct bench *b, size_t *n)
{
    struct insp_term *terms;

    *n = draw(b, 100) < b->blanks ? 0 : 1 + draw(b, 2);
    terms = alloc(*n, sizeof *terms);
    for (size_t i = 0; i < *n; i++) {
        draw_term(b, &terms[i]);
        terms[i].negated = i == 1 && !draw(b, 4);
    }
    return terms;
}

static void
draw_service(struct bench *b, struct insp_service *s)
{
    static const uint16_t ports[] = { 22,   25,   53,   80,   123,  443,
                                      3306, 5432, 6443, 8080, 8443, 9200 };

    s->kind = INSP_SERVICE_PORTS;
    s->proto = draw(b, 3) ? 6 : 17;
    if (draw(b, 4)) {
        s->first = s->last = ports[draw(b, sizeof ports / sizeof *ports)];
    } else {
        s->first = (uint16_t) (1024 * (1 + draw(b, 60)));
        s->last = (uint16_t) (s->first + draw(b, 3000));
    }
}

#define NAME_SIZE 42 /* With two bytes to spare in front. */

/* Of rule 'number'. */
static void
put_name(char *name, uint32_t number)
{
    snprintf(name, NAME_SIZE - 2, "www%u.shop%u.example.com",
             (unsigned int) number, (unsigned int) number % 500);
}

static void
draw_learnt(struct bench *b, struct insp_service *s, uint32_t number)
{
    char text[NAME_SIZE] = "*.";

    if (!draw(b, 10)) {
        s->kind = INSP_SERVICE_APP;
        s->app = (uint8_t) (INSP_APP_UNKNOWN +
                            draw(b, INSP_N_APPS - INSP_APP_UNKNOWN));
    } else {
        s->kind = INSP_SERVICE_SNI;
        put_name(text + 2, number);
        s->text = strdup(text + (number % 4 ? 2 : 0));
    }
}

static void
draw_rule(struct bench *b, struct insp_rule *r, uint32_t number)
{
    r->number = number;
    snprintf(r->name, sizeof r->name, "rule-%05u", (unsigned int) number);
    r->priority = (int32_t) draw(b, 1000);
    r->slot = (uint8_t) (draw(b, 5) ? 2 : 4 + draw(b, 4));
    r->direction = (uint8_t) draw(b, 3);
    r->action = r->slot > 2  ? INSP_ACTION_REDIRECT
                : draw(b, 3) ? INSP_ACTION_ALLOW
                             : INSP_ACTION_DROP;
    r->symmetric = !draw(b, 20);
    r->sources = draw_terms(b, &r->n_sources);
    r->destinations = draw_terms(b, &r->n_destinations);
    r->n_services = draw(b, 100) < b->blanks ? 0 : 1 + draw(b, 2);
    if (!r->n_sources && !r->n_destinations) {
        r->n_services += !r->n_services;
    }
    r->services = alloc(r->n_services, sizeof *r->services);
    for (size_t i = 0; i < r->n_services; i++) {
        if (b->learnt && draw(b, 100) < b->learnt) {
            draw_learnt(b, &r->services[i], number);
        } else {
            draw_service(b, &r->services[i]);
        }
    }
}

static void
draw_all(struct bench *b, uint32_t n_rules, size_t n_addresses)
{
    b->rules = alloc(n_rules, sizeof *b->rules);
    b->ports = alloc(N_PORTS, sizeof *b->ports);
    for (uint32_t i = 0; i < n_rules; i++) {
        draw_rule(b, &b->rules[i], i + 1);
    }
    for (unsigned int i = 0; i < N_SETS; i++) {
        struct insp_address_set *set = &b->sets[i];

        snprintf(set->name, sizeof set->name, "set%u", i);
        set->n = n_addresses;
        set->addresses = alloc(set->n, sizeof *set->addresses);
        for (size_t j = 0; j < set->n; j++) {
            draw_host(b, set->addresses[j].addr);
            set->addresses[j].prefix_length = 128;
        }
    }
    for (unsigned int i = 0; i < N_PORTS; i++) {
        struct insp_port *port = &b->ports[i];

        port->id = i + 1;
        snprintf(port->name, sizeof port->name, "tap%u", i);
        snprintf(port->iface_id, sizeof port->iface_id, "iface%u", i);
        snprintf(port->vm_id, sizeof port->vm_id, "vm%u", i);
        snprintf(port->extra, sizeof port->extra, "project=%u\n", i % 50);
    }
}

static void
draw_subject(struct bench *b, struct insp_subject *s)
{
    struct insp_service service = { .kind = 0 };

    memset(s, 0, sizeof *s);
    s->kind = INSP_SUBJECT_IP;
    draw_host(b, s->source.addr);
    do {
        draw_host(b, s->destination.addr);
    } while (s->source.addr[0] != s->destination.addr[0]);
    s->source.port_id = 1 + draw(b, N_PORTS);
    s->destination.port_id = 1 + draw(b, N_PORTS);
    draw_service(b, &service);
    s->proto = service.proto;
    s->source.l4_port = (uint16_t) (32768 + draw(b, 28000));
    s->destination.l4_port = service.first;
}

/* A name of a rule, or a name below one, or one that no rule has. */
static void
draw_known(struct bench *b, struct insp_subject *s, uint32_t n_rules,
           char name[NAME_SIZE])
{
    unsigned int front = draw(b, 2) ? 0 : 2;

    memcpy(name, "a.", 2);
    put_name(name + front, draw(b, 2 * n_rules));
    s->app =
        (uint8_t) (INSP_APP_UNKNOWN + draw(b, INSP_N_APPS - INSP_APP_UNKNOWN));
    s->name = name;
}

static void
destroy_all(struct bench *b, uint32_t n_rules)
{
    for (uint32_t i = 0; i < n_rules; i++) {
        insp_rule_uninit(&b->rules[i]);
    }
    for (unsigned int i = 0; i < N_SETS; i++) {
        insp_address_set_uninit(&b->sets[i]);
    }
    free(b->rules);
    free(b->ports);
}

int
main(int argc, char *argv[])
{
    uint32_t n_rules = argc > 1 ? (uint32_t) atoi(argv[1]) : 1000;
    uint32_t n_judged = argc > 2 ? (uint32_t) atoi(argv[2]) : 1000000;
    size_t n_addresses = argc > 3 ? (size_t) atol(argv[3]) : 100000;
    enum {
        N_SUBJECTS = 4096
    };
    struct insp_subject *subjects = alloc(N_SUBJECTS, sizeof *subjects);
    char(*names)[NAME_SIZE] = alloc(N_SUBJECTS, sizeof *names);
    struct bench b = { .state = 42 };
    uint32_t n_verdicts[4] = { 0, 0, 0, 0 };
    uint32_t n_matched = 0;
    struct insp_policy *policy;
    struct insp_binding *binding;
    uint64_t begun, created, bound, judged;

    b.blanks = argc > 4 ? (uint32_t) atoi(argv[4]) : 5;
    b.learnt = argc > 5 ? (uint32_t) atoi(argv[5]) : 0;
    draw_all(&b, n_rules, n_addresses);
    for (unsigned int i = 0; i < N_SUBJECTS; i++) {
        draw_subject(&b, &subjects[i]);
        if (b.learnt) {
            draw_known(&b, &subjects[i], n_rules, names[i]);
        }
    }
    begun = now_ns();
    if (insp_policy_create(b.rules, n_rules, b.sets, N_SETS, 1, &policy)) {
        return 1;
    }
    created = now_ns();
    if (insp_binding_create(policy, b.ports, N_PORTS, &binding)) {
        return 1;
    }
    bound = now_ns();
    for (uint32_t i = 0; i < n_judged; i++) {
        struct insp_judgement j;

        insp_policy_judge(binding, &subjects[i % N_SUBJECTS], INSP_ALL_SLOTS,
                          &j);
        n_verdicts[j.verdict & 3]++;
        n_matched += j.rule != 0;
    }
    judged = now_ns();
    printf("rules %u, create %.1f ms, bind %.1f ms, judge %.1f ns, "
           "matched %.0f %%, dropped %.0f %%\n",
           (unsigned int) n_rules, (double) (created - begun) / 1e6,
           (double) (bound - created) / 1e6,
           (double) (judged - bound) / n_judged, 100. * n_matched / n_judged,
           100. * n_verdicts[INSP_VERDICT_DROP] / n_judged);
    insp_binding_unref(binding);
    insp_policy_unref(policy);
    destroy_all(&b, n_rules);
    free(subjects);
    free(names);
    return 0;
}
