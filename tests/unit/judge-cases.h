/* SPDX-License-Identifier: Apache-2.0 */
/* Judge, cases
 * ============
 *
 * Policies and packets at random, from pools so small that matches are
 * common and that rules contradict, nest and overlap (server names, too: one
 * below the other, alone and with "*.").  What is drawn comes
 * from a generator of random numbers or from the bytes of a fuzzer.
 *
 * Above:    tests/unit/test-policy.c, tests/fuzz/fuzz-rule.c.
 * Below:    rule/policy.h.
 * Threads:  a draw belongs to one thread.
 * Memory:   rules and sets are to be given to cases_free().
 * Time:     none.
 * Fails:    aborts when memory is out.
 */

#ifndef INSP_JUDGE_CASES_H
#define INSP_JUDGE_CASES_H 1

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "rule/policy.h"

#define CASES_PORTS 6
#define CASES_SETS  3 /* A fourth is named and does not exist. */

struct draw {
    uint64_t state; /* Of the generator, when 'at' is NULL. */
    const uint8_t *at;
    size_t left;
};

/* 0 to n - 1; 0 when the bytes are at an end. */
static inline unsigned int
draw(struct draw *d, unsigned int n)
{
    uint64_t x;

    if (d->at) {
        if (!d->left) {
            return 0;
        }
        x = *d->at++;
        if (--d->left && n > 256) {
            x = x << 8 | *d->at++;
            d->left--;
        }
        return (unsigned int) (x % n);
    }
    x = d->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (unsigned int) ((x ^ x >> 31) >> 16) % n;
}

static inline void *
cases_alloc(size_t n, size_t size)
{
    void *at = calloc(n ? n : 1, size);

    if (!at) {
        abort();
    }
    return at;
}

static inline void
draw_addr(struct draw *d, uint8_t addr[16])
{
    memset(addr, 0, 16);
    switch (draw(d, 16)) {
    case 0: break; /* :: */
    case 1: memset(addr, 0xff, 16); break;
    case 2:
        addr[10] = addr[11] = 0xff;
        memset(addr + 12, draw(d, 2) ? 0xff : 0, 4);
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        addr[0] = 0xfd;
        addr[13] = (uint8_t) draw(d, 3);
        addr[15] = (uint8_t) draw(d, 8);
        break;
    default:
        addr[10] = addr[11] = 0xff;
        addr[12] = 10;
        addr[14] = (uint8_t) draw(d, 3);
        addr[15] = (uint8_t) draw(d, 8);
    }
}

static inline void
draw_prefix(struct draw *d, uint8_t addr[16], uint8_t *length)
{
    static const uint8_t lengths4[] = { 0, 1, 8, 16, 22, 24, 29, 30, 31, 32 };
    static const uint8_t lengths6[] = { 0,   1,   64,  88,  96,
                                        104, 112, 125, 127, 128 };
    bool ip4;

    draw_addr(d, addr);
    ip4 = !addr[0] && addr[10] == 0xff;
    *length = (uint8_t) (ip4 ? 96 + lengths4[draw(d, sizeof lengths4)]
                             : lengths6[draw(d, sizeof lengths6)]);
    for (unsigned int bit = *length; bit < 128; bit++) {
        addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    }
}

static inline void
draw_mac(struct draw *d, uint8_t mac[6])
{
    memset(mac, 0, 6);
    mac[0] = 2;
    mac[5] = (uint8_t) draw(d, 4);
}

static inline char *
draw_text(struct draw *d, const char *prefix, unsigned int n)
{
    char text[32];
    char *copy;

    snprintf(text, sizeof text, "%s%u", prefix, draw(d, n));
    copy = strdup(text);
    if (!copy) {
        abort();
    }
    return copy;
}

static inline void
draw_term(struct draw *d, struct insp_term *t)
{
    t->negated = !draw(d, 4);
    t->kind = INSP_TERM_PREFIX;
    switch (draw(d, 12)) {
    case 0: t->kind = INSP_TERM_ANY; break;
    case 1:
        t->kind = INSP_TERM_MAC;
        draw_mac(d, t->mac);
        break;
    case 2:
        t->kind = INSP_TERM_IFACE;
        t->text = draw_text(d, "i", CASES_PORTS);
        break;
    case 3:
        t->kind = INSP_TERM_VM;
        t->text = draw_text(d, "v", CASES_PORTS / 2);
        break;
    case 4:
        t->kind = INSP_TERM_PORT;
        t->text = draw_text(d, "p", CASES_PORTS);
        break;
    case 5:
        t->kind = INSP_TERM_ID;
        t->text = draw_text(d, "project=", 3);
        break;
    case 6:
    case 7:
        t->kind = INSP_TERM_SET;
        t->text = draw_text(d, "s", CASES_SETS + 1);
        break;
    default: draw_prefix(d, t->addr, &t->prefix_length);
    }
}

static inline struct insp_term *
draw_terms(struct draw *d, size_t *n)
{
    struct insp_term *terms;

    *n = draw(d, 4) ? draw(d, 3) : draw(d, 6);
    terms = cases_alloc(*n, sizeof *terms);
    for (size_t i = 0; i < *n; i++) {
        draw_term(d, &terms[i]);
    }
    return terms;
}

static inline uint8_t
draw_proto(struct draw *d)
{
    static const uint8_t protos[] = {
        6, 6, 6, 17, 17, 132, 1, 58, 47, 0, 255
    };

    return protos[draw(d, sizeof protos)];
}

static inline uint16_t
draw_l4_port(struct draw *d)
{
    return (uint16_t) (draw(d, 8) ? draw(d, 10) : 65535 - draw(d, 300));
}

#define CASES_NAME_SIZE (INSP_APP_NAME_MAX + 2)

/* Up to four labels of three; now and then as many as a "*." takes, one less
 * or one more, or as many bytes as a name has at most, or one more. */
static inline void
draw_name(struct draw *d, char name[CASES_NAME_SIZE])
{
    static const char *const labels[] = { "a", "b", "cc" };
    unsigned int n = 1 + draw(d, 4);
    size_t size;

    switch (draw(d, 24)) {
    case 0: n = INSP_SNI_LABELS - 1 + draw(d, 3); break;
    case 1:
        n = 2;
        size = INSP_APP_NAME_MAX - 4 + draw(d, 2);
        memset(name, 'a', size);
        name[size] = '\0';
        strcat(name, ".cc");
        return;
    }
    name[0] = '\0';
    for (unsigned int i = 0; i < n; i++) {
        strcat(name, i ? "." : "");
        strcat(name, labels[n > 4 ? 0 : draw(d, 3)]);
    }
}

static inline uint8_t
draw_app(struct draw *d)
{
    static const uint8_t apps[] = {
        INSP_APP_UNKNOWN, INSP_APP_TLS, INSP_APP_TLS,
        INSP_APP_DNS,     INSP_APP_GRE, INSP_N_APPS - 1,
    };

    return apps[draw(d, sizeof apps)];
}

static inline void
draw_sni(struct draw *d, struct insp_service *s)
{
    char name[CASES_NAME_SIZE + 2] = "*.";
    bool below = draw(d, 2);
    unsigned int n_labels = 1;

    s->kind = INSP_SERVICE_SNI;
    do {
        draw_name(d, name + 2);
    } while (strlen(name) > INSP_APP_NAME_MAX);
    for (const char *c = name + 2; *c; c++) {
        n_labels += *c == '.';
    }
    below &= n_labels <= INSP_SNI_LABELS;
    s->text = strdup(name + (below ? 0 : 2));
    if (!s->text) {
        abort();
    }
}

static inline void
draw_service(struct draw *d, struct insp_service *s)
{
    static const uint8_t protos[] = { 6, 6, 17, 132 };

    switch (draw(d, 15)) {
    case 0: s->kind = INSP_SERVICE_ANY; break;
    case 1: s->kind = INSP_SERVICE_ARP; break;
    case 2: s->kind = INSP_SERVICE_ND; break;
    case 3:
        s->kind = INSP_SERVICE_PROTO;
        s->proto = draw_proto(d);
        break;
    case 4:
    case 5:
        s->kind = INSP_SERVICE_ICMP;
        s->proto = draw(d, 2) ? 58 : 1;
        s->first = (uint16_t) draw(d, 3);
        s->last = (uint16_t) (draw(d, 2) ? s->first : 255);
        break;
    case 6:
    case 7:
        s->kind = INSP_SERVICE_APP;
        s->app = draw_app(d);
        break;
    case 8:
    case 9: draw_sni(d, s); break;
    default:
        s->kind = INSP_SERVICE_PORTS;
        s->proto = protos[draw(d, sizeof protos)];
        s->first = draw_l4_port(d);
        s->last = draw_l4_port(d);
        if (s->last < s->first) {
            s->last = s->first;
        }
    }
}

/* In one of 'n_slots' slots from 'slot' on. */
static inline void
draw_rule(struct draw *d, struct insp_rule *r, uint32_t number,
          unsigned int slot, unsigned int n_slots)
{
    static const uint8_t actions[3][5] = {
        { INSP_ACTION_ALERT, INSP_ACTION_ALERT, INSP_ACTION_ALERT,
          INSP_ACTION_ALERT, INSP_ACTION_ALERT },
        { INSP_ACTION_ALLOW, INSP_ACTION_ALLOW, INSP_ACTION_ALERT,
          INSP_ACTION_DROP, INSP_ACTION_RESET },
        { INSP_ACTION_ALLOW, INSP_ACTION_ALERT, INSP_ACTION_REDIRECT,
          INSP_ACTION_REDIRECT, INSP_ACTION_REDIRECT },
    };

    memset(r, 0, sizeof *r);
    r->number = number;
    snprintf(r->name, sizeof r->name, "r%u-%u", draw(d, 3000),
             (unsigned int) number);
    r->priority = (int32_t) draw(d, 7) - 3;
    r->slot = (uint8_t) (slot + draw(d, n_slots));
    r->direction = (uint8_t) draw(d, 3);
    r->action = actions[r->slot == 2 ? 1 : r->slot < 4 ? 0 : 2][draw(d, 5)];
    r->symmetric = !draw(d, 3);
    r->log = !draw(d, 6);
    r->sources = draw_terms(d, &r->n_sources);
    r->destinations = draw_terms(d, &r->n_destinations);
    r->n_services = draw(d, 4);
    r->services = cases_alloc(r->n_services, sizeof *r->services);
    for (size_t i = 0; i < r->n_services; i++) {
        draw_service(d, &r->services[i]);
    }
}

static inline void
draw_set(struct draw *d, struct insp_address_set *set, unsigned int i)
{
    memset(set, 0, sizeof *set);
    snprintf(set->name, sizeof set->name, "s%u", i);
    set->n = draw(d, 6);
    set->addresses = cases_alloc(set->n, sizeof *set->addresses);
    for (size_t j = 0; j < set->n; j++) {
        draw_prefix(d, set->addresses[j].addr,
                    &set->addresses[j].prefix_length);
    }
}

static inline void
draw_port(struct draw *d, struct insp_port *port, unsigned int i)
{
    memset(port, 0, sizeof *port);
    port->id = i * 7 + 1;
    port->role = draw(d, 3)   ? INSP_PORT_VM
                 : draw(d, 2) ? INSP_PORT_OTHER
                              : INSP_PORT_INFRASTRUCTURE;
    snprintf(port->name, sizeof port->name, "p%u", i);
    if (draw(d, 4)) {
        snprintf(port->iface_id, sizeof port->iface_id, "i%u", i);
    }
    snprintf(port->vm_id, sizeof port->vm_id, "v%u", i / 2);
    snprintf(port->extra, sizeof port->extra, "zone=b\nproject=%u\n",
             draw(d, 3));
}

static inline void
draw_end(struct draw *d, struct insp_subject_end *e)
{
    draw_addr(d, e->addr);
    draw_mac(d, e->mac);
    e->l4_port = draw_l4_port(d);
    e->port_id = draw(d, CASES_PORTS + 2) * 7 + 1;
    if (!draw(d, 8)) {
        e->port_id = 0;
    }
}

/* What is known of a packet's connection, whatever its kind. */
static inline void
draw_learnt(struct draw *d, struct insp_subject *s, char name[CASES_NAME_SIZE])
{
    if (draw(d, 4)) {
        s->app = draw_app(d);
    }
    switch (draw(d, 8)) {
    case 0: return;
    case 1: name[0] = '\0'; break;
    case 2:
        snprintf(name, CASES_NAME_SIZE, "%s", draw(d, 2) ? ".a" : "b..a");
        break;
    default: draw_name(d, name);
    }
    s->name = name;
}

/* 'name' is lent to the subject. */
static inline void
draw_subject(struct draw *d, struct insp_subject *s,
             char name[CASES_NAME_SIZE])
{
    memset(s, 0, sizeof *s);
    draw_learnt(d, s, name);
    draw_end(d, &s->source);
    draw_end(d, &s->destination);
    s->proto = draw_proto(d);
    switch (draw(d, 16)) {
    case 0:
        s->kind = INSP_SUBJECT_ARP;
        s->proto = 0;
        s->source.l4_port = s->destination.l4_port = 0;
        memset(s->source.addr, 0, 16);
        memset(s->destination.addr, 0, 16);
        return;
    case 1:
        s->kind = INSP_SUBJECT_ND;
        s->proto = 58;
        s->source.l4_port = 135;
        break;
    case 2: s->kind = INSP_SUBJECT_OTHER; break;
    default: s->kind = INSP_SUBJECT_IP;
    }
    if (s->proto == 1 || s->proto == 58) {
        s->source.l4_port &= 0xff;
        s->destination.l4_port = s->source.l4_port;
    }
}

static inline void
cases_free(struct insp_rule *rules, size_t n_rules,
           struct insp_address_set *sets, size_t n_sets)
{
    for (size_t i = 0; i < n_rules; i++) {
        insp_rule_uninit(&rules[i]);
    }
    for (size_t i = 0; i < n_sets; i++) {
        insp_address_set_uninit(&sets[i]);
    }
    free(rules);
    free(sets);
}

#endif /* tests/unit/judge-cases.h */
