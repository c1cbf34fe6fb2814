/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: it does not.  It compares. */

#include "judge-reference.h"

#include <string.h>

#include "app/app.h"

static const struct insp_port *
port_of(const struct reference *r, uint32_t id)
{
    for (size_t i = 0; id && i < r->n_ports; i++) {
        if (r->ports[i].id == id) {
            return &r->ports[i];
        }
    }
    return NULL;
}

static bool
is_vm(const struct reference *r, uint32_t id)
{
    const struct insp_port *port = port_of(r, id);

    return port && port->role == INSP_PORT_VM;
}

static bool
is_mapped(const uint8_t addr[16])
{
    static const uint8_t start[12] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
    };

    return !memcmp(addr, start, 12);
}

static bool
in_prefix(const uint8_t addr[16], const uint8_t prefix[16],
          unsigned int length)
{
    /* IPv4 and IPv6 do not mix. */
    if (is_mapped(addr) != (is_mapped(prefix) && length >= 96)) {
        return false;
    }
    for (unsigned int bit = 0; bit < length; bit++) {
        if ((addr[bit / 8] ^ prefix[bit / 8]) & 0x80 >> bit % 8) {
            return false;
        }
    }
    return true;
}

static bool
in_set(const struct reference *r, const uint8_t addr[16], const char *name)
{
    for (size_t i = 0; i < r->n_sets; i++) {
        const struct insp_address_set *set = &r->sets[i];

        for (size_t j = 0; !strcmp(set->name, name) && j < set->n; j++) {
            if (in_prefix(addr, set->addresses[j].addr,
                          set->addresses[j].prefix_length)) {
                return true;
            }
        }
    }
    return false;
}

static bool
has_extra(const struct insp_port *port, const char *pair)
{
    const char *line = port->extra;

    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        if ((size_t) (end - line) == strlen(pair) &&
            !memcmp(line, pair, strlen(pair))) {
            return true;
        }
    }
    return false;
}

/* Without the "!". */
static bool
names_end(const struct reference *r, const struct insp_term *term,
          const struct insp_subject *s, const struct insp_subject_end *end)
{
    const struct insp_port *port = port_of(r, end->port_id);
    bool has_address = s->kind != INSP_SUBJECT_ARP;

    switch ((enum insp_term_kind) term->kind) {
    case INSP_TERM_ANY: return true;
    case INSP_TERM_PREFIX:
        return has_address &&
               in_prefix(end->addr, term->addr, term->prefix_length);
    case INSP_TERM_MAC: return !memcmp(end->mac, term->mac, 6);
    case INSP_TERM_IFACE: return port && !strcmp(port->iface_id, term->text);
    case INSP_TERM_VM: return port && !strcmp(port->vm_id, term->text);
    case INSP_TERM_PORT: return port && !strcmp(port->name, term->text);
    case INSP_TERM_SET: return has_address && in_set(r, end->addr, term->text);
    case INSP_TERM_ID: return port && has_extra(port, term->text);
    }
    return false;
}

static bool
matches_end(const struct reference *r, const struct insp_term *terms, size_t n,
            const struct insp_subject *s, const struct insp_subject_end *end)
{
    bool has_positive = false;
    bool matches = false;

    for (size_t i = 0; i < n; i++) {
        if (!terms[i].negated) {
            has_positive = true;
            matches |= names_end(r, &terms[i], s, end);
        }
    }
    matches |= !has_positive;
    for (size_t i = 0; i < n; i++) {
        if (terms[i].negated && names_end(r, &terms[i], s, end)) {
            matches = false;
        }
    }
    return matches;
}

/* "a.b", or "*.b", which is what ends in ".b". */
static bool
names_server(const char *text, const char *name)
{
    size_t size = name ? strlen(name) : 0;
    size_t n = strlen(text);

    if (!size || size > INSP_APP_NAME_MAX) {
        return false;
    }
    return text[0] == '*'
               ? size >= n - 1 && !strcmp(name + size - (n - 1), text + 1)
               : !strcmp(name, text);
}

static bool
names_service(const struct insp_service *service, const struct insp_subject *s)
{
    bool ip = s->kind == INSP_SUBJECT_IP;
    uint16_t value = s->destination.l4_port;

    switch ((enum insp_service_kind) service->kind) {
    case INSP_SERVICE_ANY: return ip;
    case INSP_SERVICE_PORTS:
    case INSP_SERVICE_ICMP:
        return ip && s->proto == service->proto && value >= service->first &&
               value <= service->last;
    case INSP_SERVICE_PROTO: return ip && s->proto == service->proto;
    case INSP_SERVICE_ARP: return s->kind == INSP_SUBJECT_ARP;
    case INSP_SERVICE_ND: return s->kind == INSP_SUBJECT_ND;
    case INSP_SERVICE_APP: return ip && s->app == service->app;
    case INSP_SERVICE_SNI: return ip && names_server(service->text, s->name);
    }
    return false;
}

static bool
matches_service(const struct insp_rule *rule, const struct insp_subject *s)
{
    if (!rule->n_services) {
        return s->kind == INSP_SUBJECT_IP;
    }
    for (size_t i = 0; i < rule->n_services; i++) {
        if (names_service(&rule->services[i], s)) {
            return true;
        }
    }
    return false;
}

/* As it is written. */
static bool
matches_forward(const struct reference *r, const struct insp_rule *rule,
                bool from_vm, const struct insp_subject *s)
{
    if (s->kind == INSP_SUBJECT_OTHER) {
        return false;
    }
    if (rule->direction ==
        (from_vm ? INSP_DIRECTION_TO_VM : INSP_DIRECTION_FROM_VM)) {
        return false;
    }
    return matches_end(r, rule->sources, rule->n_sources, s, &s->source) &&
           matches_end(r, rule->destinations, rule->n_destinations, s,
                       &s->destination) &&
           matches_service(rule, s);
}

static bool
matches(const struct reference *r, const struct insp_rule *rule, bool from_vm,
        const struct insp_subject *s)
{
    bool a = is_vm(r, s->source.port_id);
    bool b = is_vm(r, s->destination.port_id);
    struct insp_subject back = {
        .source = s->destination,
        .destination = s->source,
        .kind = s->kind,
        .proto = s->proto,
        .app = s->app,
        .name = s->name,
    };

    if (from_vm ? !a : !b) {
        /* Between two that are no VMs: rules for both, once. */
        if (a || b || !from_vm || rule->direction != INSP_DIRECTION_BOTH) {
            return false;
        }
    }
    return matches_forward(r, rule, from_vm, s) ||
           (rule->symmetric && matches_forward(r, rule, !from_vm, &back));
}

static bool
is_before(const struct insp_rule *a, const struct insp_rule *b)
{
    return a->priority != b->priority ? a->priority > b->priority
                                      : strcmp(a->name, b->name) < 0;
}

static const struct insp_rule *
first_match(const struct reference *r, unsigned int slot, bool from_vm,
            const struct insp_subject *s)
{
    const struct insp_rule *first = NULL;

    for (size_t i = 0; i < r->n_rules; i++) {
        const struct insp_rule *rule = &r->rules[i];

        if (rule->slot == slot && (!first || is_before(rule, first)) &&
            matches(r, rule, from_vm, s)) {
            first = rule;
        }
    }
    return first;
}

void
reference_judge(const struct reference *r, const struct insp_subject *s,
                uint32_t slots, struct insp_judgement *j, uint64_t *met)
{
    uint32_t redirect = 0;
    uint32_t allow = 0;

    *j = (struct insp_judgement){ .verdict = INSP_VERDICT_ALLOW };
    for (unsigned int slot = 0; slot < INSP_N_SLOTS; slot++) {
        const struct insp_rule *rules[2] = { NULL, NULL };

        if (!(slots & 1u << slot)) {
            continue;
        }
        for (int to_vm = 0; to_vm < 2; to_vm++) {
            const struct insp_rule *rule = first_match(r, slot, !to_vm, s);

            rules[to_vm] = rule;
            if (!rule) {
                continue;
            }
            if (met && !(to_vm && rule == rules[0])) {
                met[rule - r->rules]++;
            }
            if (!j->alert &&
                (rule->log || rule->action == INSP_ACTION_ALERT)) {
                j->alert = rule->number;
            }
            if (rule->action == INSP_ACTION_DROP ||
                rule->action == INSP_ACTION_RESET) {
                j->verdict = rule->action == INSP_ACTION_DROP
                                 ? INSP_VERDICT_DROP
                                 : INSP_VERDICT_RESET;
                j->rule = rule->number;
                j->slots = j->as_to_vm = 0;
                return;
            }
            if (slot == 2 && rule->action == INSP_ACTION_ALLOW && !allow) {
                allow = rule->number;
            }
        }
        for (int to_vm = 0; slot >= 4 && to_vm < 2; to_vm++) {
            uint8_t bit = (uint8_t) (1u << (slot - 4));

            if (rules[to_vm] && rules[to_vm]->action == INSP_ACTION_REDIRECT &&
                !(j->slots & bit)) {
                j->slots |= bit;
                j->as_to_vm |= to_vm ? bit : 0;
                redirect = redirect ? redirect : rules[to_vm]->number;
            }
        }
    }
    j->rule = redirect ? redirect : allow;
}

void
reference_explain(const struct reference *r, const struct insp_subject *s,
                  struct insp_slot_matches matched[INSP_N_SLOTS])
{
    for (unsigned int slot = 0; slot < INSP_N_SLOTS; slot++) {
        const struct insp_rule *from = first_match(r, slot, true, s);
        const struct insp_rule *to = first_match(r, slot, false, s);

        matched[slot].from_vm = from ? from->number : 0;
        matched[slot].to_vm = to ? to->number : 0;
    }
}
