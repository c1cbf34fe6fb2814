/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Rules are sorted by slot, priority and name; the place in that order is a
 * rule's rank.  A rule is one entry for each pass in which it is looked at,
 * and one for each reading there:
 *
 *     from-vm              from-vm pass, forward
 *     from-vm, symmetric   and to-vm pass, in reverse
 *     to-vm                the other way round
 *     both                 both passes, forward
 *     both, symmetric      both passes, forward and in reverse
 *
 * Read in reverse, a rule's source terms are about the packet's destination.
 *
 * layout.c gives the entries their bits.
 *
 * Then each thing that rules name gets the vectors of its entries: labels of
 * addresses and identities (label.c, address.c), services (service.c),
 * protocols and server names (learnt.c), and dense ones for the blanks. */

#include "rule/layout.h"

struct build {
    struct insp_policy *policy;
    struct insp_budget budget;
    const struct insp_rule **rules; /* By rank. */
    struct insp_laid *entries;
    size_t n_entries;
    struct insp_labels labels;
    struct insp_service_use *services;
    size_t n_services;
    size_t services_room;
    struct insp_learnt_use *learnt;
    size_t n_learnt;
    size_t learnt_room;
};

static int
compare_rules(const void *a_, const void *b_)
{
    const struct insp_rule *a = *(const struct insp_rule *const *) a_;
    const struct insp_rule *b = *(const struct insp_rule *const *) b_;
    int names;

    if (a->slot != b->slot) {
        return a->slot < b->slot ? -1 : 1;
    }
    if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    names = strcmp(a->name, b->name);
    return names ? names : a->number < b->number ? -1 : a->number > b->number;
}

static void
sort_rules(struct build *b, const struct insp_rule *rules, size_t n)
{
    b->rules = insp_budget_alloc(&b->budget, n, sizeof *b->rules);
    if (b->rules && n) {
        for (size_t i = 0; i < n; i++) {
            b->rules[i] = &rules[i];
        }
        qsort(b->rules, n, sizeof *b->rules, compare_rules);
    }
}

static void
keep_rule(struct insp_policy *p, size_t rank, const struct insp_rule *rule)
{
    struct insp_policy_rule *kept = &p->rules[rank];
    uint32_t i = insp_number_hash(rule->number) & p->numbers_mask;

    memcpy(kept->name, rule->name, sizeof kept->name);
    kept->number = rule->number;
    kept->priority = rule->priority;
    kept->slot = rule->slot;
    kept->direction = rule->direction;
    kept->action = rule->action;
    p->alerts[rank] = rule->log || rule->action == INSP_ACTION_ALERT;
    p->refuses |=
        rule->action == INSP_ACTION_DROP || rule->action == INSP_ACTION_RESET;
    while (p->numbers[i]) {
        i = (i + 1) & p->numbers_mask;
    }
    p->numbers[i] = (uint16_t) (rank + 1);
}

static void
keep_rules(struct build *b, size_t n)
{
    struct insp_policy *p = b->policy;

    p->numbers_mask = 1;
    while (p->numbers_mask < 2 * n) {
        p->numbers_mask = p->numbers_mask * 2 + 1;
    }
    p->rules = insp_budget_alloc(&b->budget, n, sizeof *p->rules);
    p->alerts = insp_budget_alloc(&b->budget, n, sizeof *p->alerts);
    p->counters = insp_budget_alloc(&b->budget, n, sizeof *p->counters);
    p->numbers =
        insp_budget_alloc(&b->budget, p->numbers_mask + 1, sizeof *p->numbers);
    if (!b->budget.error) {
        p->n_rules = n;
        for (size_t i = 0; i < n; i++) {
            keep_rule(p, i, b->rules[i]);
        }
    }
}

/* What a list of terms leaves in, besides what its exceptions take away. */
enum reach {
    REACH_NOTHING, /* "!any". */
    REACH_LISTED,
    REACH_ALL,
};

static enum reach
reach_of(const struct insp_term *terms, size_t n)
{
    bool any = false;
    bool listed = false;

    for (size_t i = 0; i < n; i++) {
        if (terms[i].kind != INSP_TERM_ANY) {
            listed |= !terms[i].negated;
        } else if (terms[i].negated) {
            return REACH_NOTHING;
        } else {
            any = true;
        }
    }
    return any || !listed ? REACH_ALL : REACH_LISTED;
}

static bool
is_any_service(const struct insp_rule *rule)
{
    for (size_t i = 0; i < rule->n_services; i++) {
        if (rule->services[i].kind == INSP_SERVICE_ANY) {
            return true;
        }
    }
    return !rule->n_services;
}

/* The first term that is no exception; NULL: a blank. */
static const struct insp_term *
first_term(const struct insp_term *terms, size_t n)
{
    if (reach_of(terms, n) != REACH_ALL) {
        for (size_t i = 0; i < n; i++) {
            if (!terms[i].negated) {
                return &terms[i];
            }
        }
        return terms; /* "!any". */
    }
    return NULL;
}

static void
add_entry(struct build *b, size_t rank, enum insp_pass pass, bool reverse)
{
    const struct insp_rule *rule = b->rules[rank];
    struct insp_laid *e = &b->entries[b->n_entries++];

    e->rank = (uint16_t) rank;
    e->segment = (uint8_t) insp_segment(rule->slot, pass);
    e->reverse = reverse;
    e->no_vm =
        rule->direction == INSP_DIRECTION_BOTH && pass == INSP_PASS_FROM_VM;
    e->ends[reverse] = first_term(rule->sources, rule->n_sources);
    e->ends[!reverse] = first_term(rule->destinations, rule->n_destinations);
    e->service = is_any_service(rule) ? NULL : rule->services;
    e->blanks = (uint8_t) ((e->ends[0] ? 0 : INSP_BLANK_SOURCE) |
                           (e->ends[1] ? 0 : INSP_BLANK_DESTINATION) |
                           (e->service ? 0 : INSP_BLANK_SERVICE));
}

static void
add_entries(struct build *b)
{
    size_t n = b->policy->n_rules;

    b->entries = insp_budget_alloc(&b->budget, 4 * n, sizeof *b->entries);
    for (size_t i = 0; b->entries && i < n; i++) {
        const struct insp_rule *rule = b->rules[i];

        for (int pass = 0; pass < INSP_N_PASSES; pass++) {
            if (rule->direction != (pass == INSP_PASS_FROM_VM
                                        ? INSP_DIRECTION_TO_VM
                                        : INSP_DIRECTION_FROM_VM)) {
                add_entry(b, i, pass, false);
            }
            if (rule->symmetric &&
                rule->direction != (pass == INSP_PASS_FROM_VM
                                        ? INSP_DIRECTION_FROM_VM
                                        : INSP_DIRECTION_TO_VM)) {
                add_entry(b, i, pass, true);
            }
        }
    }
}

/* Of the 'n' entries of one word. */
static void
keep_word(struct insp_policy *p, const struct insp_laid *entries, size_t n)
{
    struct insp_word *word = &p->words[entries->bit / 64];
    uint8_t last = (uint8_t) (n - 1);

    word->rank = UINT16_MAX;
    for (size_t i = n; i-- > 0;) {
        if (entries[i].segment != entries[last].segment) {
            last = (uint8_t) i;
        }
        word->rank = INSP_MIN(word->rank, entries[i].rank);
        word->segments |= 1u << entries[i].segment;
        p->entries[entries[i].bit] =
            (struct insp_entry){ entries[i].rank, entries[i].segment, last };
    }
    p->segments |= word->segments;
}

static void
keep_entry(struct insp_policy *p, const struct insp_laid *e)
{
    const struct insp_shape *shape = &p->shape;

    p->reverse |= e->reverse;
    if (e->blanks & INSP_BLANK_SOURCE) {
        insp_dense_set(p->any[0], shape, e->bit);
    }
    if (e->blanks & INSP_BLANK_DESTINATION) {
        insp_dense_set(p->any[1], shape, e->bit);
    }
    if (e->blanks & INSP_BLANK_SERVICE) {
        insp_dense_set(p->any_service, shape, e->bit);
    }
    if (e->no_vm) {
        insp_dense_set(p->no_vm, shape, e->bit);
    }
}

static void
keep_entries(struct build *b)
{
    struct insp_policy *p = b->policy;
    const struct insp_shape *shape = &p->shape;

    p->words = insp_budget_alloc(&b->budget, shape->n_words, sizeof *p->words);
    p->entries =
        insp_budget_alloc(&b->budget, 64 * shape->n_words, sizeof *p->entries);
    p->any[0] = insp_dense_create(&b->budget, shape);
    p->any[1] = insp_dense_create(&b->budget, shape);
    p->any_service = insp_dense_create(&b->budget, shape);
    p->no_vm = insp_dense_create(&b->budget, shape);
    p->none = insp_dense_create(&b->budget, shape);
    for (size_t i = 0; !b->budget.error && i < b->n_entries; i++) {
        if (i % 64 == 0) {
            keep_word(p, &b->entries[i], INSP_MIN(b->n_entries - i, 64));
        }
        keep_entry(p, &b->entries[i]);
    }
}

static void
use_terms(struct build *b, const struct insp_laid *e,
          const struct insp_term *terms, size_t n, enum insp_quad_part part)
{
    enum reach reach = reach_of(terms, n);

    for (size_t i = 0; reach != REACH_NOTHING && i < n; i++) {
        const struct insp_term *term = &terms[i];

        if (term->negated) {
            insp_labels_use(&b->labels, term, e->bit,
                            part + INSP_QUAD_NOT_SOURCE, &b->budget);
        } else if (reach == REACH_LISTED) {
            insp_labels_use(&b->labels, term, e->bit, part, &b->budget);
        }
    }
}

/* Both readings are of the same connection. */
static void
use_learnt(struct build *b, const struct insp_laid *e,
           const struct insp_service *service)
{
    /* An entry without a service matches whatever is spoken. */
    if (e->service && insp_budget_grow(&b->budget, &b->learnt, b->n_learnt, 1,
                                       &b->learnt_room, sizeof *b->learnt)) {
        b->learnt[b->n_learnt++] = insp_learnt_use(service, e->bit);
    }
}

static void
use_service(struct build *b, const struct insp_laid *e,
            const struct insp_service *service)
{
    struct insp_service_use use = {
        e->bit,         service->first,     service->last,
        service->proto, INSP_SERVICE_PORTS, e->reverse,
    };

    switch ((enum insp_service_kind) service->kind) {
    case INSP_SERVICE_PORTS:
    case INSP_SERVICE_ICMP: break;
    case INSP_SERVICE_PROTO:
        use.first = 0;
        use.last = UINT16_MAX;
        break;
    case INSP_SERVICE_ARP:
    case INSP_SERVICE_ND: use.kind = service->kind; break;
    case INSP_SERVICE_APP:
    case INSP_SERVICE_SNI: use_learnt(b, e, service); return;
    case INSP_SERVICE_ANY: /* A blank, in the dense vector. */
    default: return;
    }
    if (use.first <= use.last &&
        insp_budget_grow(&b->budget, &b->services, b->n_services, 1,
                         &b->services_room, sizeof *b->services)) {
        b->services[b->n_services++] = use;
    }
}

static void
use_all(struct build *b)
{
    insp_labels_init(&b->labels, &b->budget);
    for (size_t i = 0; !b->budget.error && i < b->n_entries; i++) {
        const struct insp_laid *e = &b->entries[i];
        const struct insp_rule *rule = b->rules[e->rank];

        use_terms(b, e, rule->sources, rule->n_sources,
                  e->reverse ? INSP_QUAD_DESTINATION : INSP_QUAD_SOURCE);
        use_terms(b, e, rule->destinations, rule->n_destinations,
                  e->reverse ? INSP_QUAD_SOURCE : INSP_QUAD_DESTINATION);
        for (size_t j = 0; j < rule->n_services; j++) {
            use_service(b, e, &rule->services[j]);
        }
    }
}

static int
compare_macs(const void *a_, const void *b_)
{
    const struct insp_mac_quad *a = a_;
    const struct insp_mac_quad *b = b_;

    return a->mac < b->mac ? -1 : a->mac > b->mac;
}

static void
keep_macs(struct build *b)
{
    struct insp_policy *p = b->policy;
    size_t n = 0;

    for (size_t i = 0; i < b->labels.n; i++) {
        n += b->labels.labels[i].term->kind == INSP_TERM_MAC;
    }
    p->macs = insp_budget_alloc(&b->budget, n, sizeof *p->macs);
    for (size_t i = 0; p->macs && i < b->labels.n; i++) {
        const struct insp_label *label = &b->labels.labels[i];

        if (label->term->kind == INSP_TERM_MAC) {
            p->macs[p->n_macs++] =
                (struct insp_mac_quad){ insp_mac_number(label->term->mac),
                                        label->quad };
        }
    }
    if (p->n_macs) {
        qsort(p->macs, p->n_macs, sizeof *p->macs, compare_macs);
    }
}

static void
build(struct build *b, const struct insp_rule *rules, size_t n_rules,
      const struct insp_address_set *sets, size_t n_sets)
{
    struct insp_policy *p = b->policy;

    sort_rules(b, rules, n_rules);
    if (!b->budget.error) {
        keep_rules(b, n_rules);
        add_entries(b);
    }
    if (!b->budget.error) {
        insp_lay_out(b->entries, b->n_entries, &p->shape, &b->budget);
        keep_entries(b);
        insp_pool_init(&p->pool, &p->shape, &b->budget);
    }
    if (!b->budget.error) {
        use_all(b);
    }
    if (!b->budget.error) {
        insp_labels_weigh(&b->labels, &p->pool, &b->budget);
        keep_macs(b);
        insp_identities_freeze(&p->identities, &b->labels, &b->budget);
    }
    if (!b->budget.error) {
        insp_addresses_create(&p->addresses, &b->labels, sets, n_sets,
                              &p->pool, &b->budget);
        insp_services_create(&p->services, b->services, b->n_services,
                             &p->pool, &b->budget);
        insp_learnt_create(&p->learnt, b->learnt, b->n_learnt, &p->pool,
                           &b->budget);
        insp_pool_seal(&p->pool);
    }
}

int
insp_policy_create(const struct insp_rule *rules, size_t n_rules,
                   const struct insp_address_set *sets, size_t n_sets,
                   uint32_t version, struct insp_policy **policyp)
{
    struct build b = { .policy = NULL };

    *policyp = NULL;
    if (n_rules > INSP_POLICY_MAX) {
        return E2BIG;
    }
    for (size_t i = 0; i < n_rules; i++) {
        if (rules[i].slot >= INSP_N_SLOTS) {
            return EINVAL;
        }
    }
    b.policy = calloc(1, sizeof *b.policy);
    if (!b.policy) {
        return ENOMEM;
    }
    atomic_init(&b.policy->refs, 1);
    b.policy->version = version;
#ifdef __x86_64__
    b.policy->ways = __builtin_cpu_supports("popcnt") ? INSP_WAY_COUNTS : 0;
#endif
    build(&b, rules, n_rules, sets, n_sets);
    b.policy->ways |= b.policy->learnt.any ? INSP_WAY_LEARNS : 0;
    free(b.rules);
    free(b.entries);
    free(b.services);
    free(b.learnt);
    insp_labels_uninit(&b.labels);
    if (b.budget.error) {
        insp_policy_destroy(b.policy);
        return b.budget.error;
    }
    *policyp = b.policy;
    return 0;
}
