/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A packet is first looked up in each dimension on its own (addresses, MACs,
 * ports of the switch, service), which gives vectors of entries: what this
 * packet's source address matches, and so on.  An entry matches when
 *
 *     source   any, or by address or MAC or identity, and by no exception
 *     and destination   the same
 *     and service       any, or by the destination's or the source's value,
 *                       or by what was learnt of the connection
 *
 * find() intersects the three, first the summaries, then the words that have
 * something in all of them, and takes the lowest bit of each segment of a
 * word.  A word is passed by when its segments are not wanted, or when all
 * have a match already and the lowest rank in the word is no lower.
 *
 * find() is there twice, because processors that count bits by an instruction
 * save a fifth by it, and compilers may not assume them; and each of the two
 * twice, so that what was learnt costs nothing where nothing was learnt, or
 * no rule asks for it.
 *
 * Nothing depends on how many rules there are but the number of summaries (1
 * for 4096 entries, at most 16) and of words (at most 1024), of which few have
 * anything for a given packet.  The worst case, rules that share addresses
 * and services in all combinations but that of this packet, intersects every
 * word once: some 100,000 instructions for 16384 symmetric rules. */

#include "rule/frozen.h"

/* Vectors that a packet has in the dimensions, as they stand in pools. */
enum {
    BY_ADDRESS,
    BY_MAC,
    BY_PORT,
    N_BY
};

/* Of the service. */
enum {
    SERVICE_FORWARD,
    SERVICE_REVERSE,
    N_SERVICE,
    LEARNT_APP = N_SERVICE, /* With 'learnt' alone. */
    LEARNT_NAME,
    N_SERVICE_LEARNT
};

struct sight {
    const uint64_t *any[2]; /* Dense. */
    const uint64_t *by[2][N_BY];
    const uint64_t *any_service; /* Dense. */
    const uint64_t *service[N_SERVICE_LEARNT];
    const uint64_t *but[2 * N_BY];
    unsigned int n_but;
    uint32_t segments; /* Mask: which to look at. */
    bool no_vm;
};

struct found {
    uint32_t segments; /* Mask: which have a match. */
    uint16_t rank[INSP_N_SEGMENTS];
};

/* What the quad says of an end: 'side' is 0 for the source. */
static inline void
look(struct sight *sight, const struct insp_pool *pool,
     const struct insp_quad *quad, int side, int by)
{
    uint32_t but = quad->vector[side + INSP_QUAD_NOT_SOURCE];

    sight->by[side][by] = pool->at + quad->vector[side];
    if (but) {
        sight->but[sight->n_but++] = pool->at + but;
    }
}

static const struct insp_quad *
find_mac(const struct insp_policy *p, const uint8_t mac_[6])
{
    uint64_t mac = insp_mac_number(mac_);
    size_t low = 0;
    size_t high = p->n_macs;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (p->macs[middle].mac == mac) {
            return &p->macs[middle].quad;
        }
        if (p->macs[middle].mac < mac) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &p->addresses.quads[0];
}

/* The slot of a port, or a free one, which is no VM and nothing else. */
static inline const struct insp_bound *
find_port(const struct insp_binding *binding, uint32_t port_id)
{
    uint32_t i = insp_number_hash(port_id) & binding->mask;

    while (binding->slots[i].port_id && binding->slots[i].port_id != port_id) {
        i = (i + 1) & binding->mask;
    }
    return &binding->slots[i];
}

static inline void
look_at_end(struct sight *sight, const struct insp_binding *binding,
            const struct insp_subject_end *end, const struct insp_bound *port,
            bool has_address, int side)
{
    const struct insp_policy *p = binding->policy;
    const struct insp_quad *nothing = &p->addresses.quads[0];

    sight->any[side] = p->any[side];
    look(sight, &p->pool,
         has_address ? insp_addresses_find(&p->addresses, end->addr) : nothing,
         side, BY_ADDRESS);
    look(sight, &p->pool, p->n_macs ? find_mac(p, end->mac) : nothing, side,
         BY_MAC);
    look(sight, &binding->pool, &port->quad, side, BY_PORT);
}

static inline void
look_at_service(struct sight *sight, const struct insp_policy *p,
                const struct insp_subject *s)
{
    const struct insp_services *services = &p->services;
    uint32_t forward = INSP_VECTOR_EMPTY;
    uint32_t reverse = INSP_VECTOR_EMPTY;

    sight->any_service = p->none;
    if (INSP_LIKELY(s->kind == INSP_SUBJECT_IP)) {
        sight->any_service = p->any_service;
        forward =
            insp_services_find(services, s->proto, s->destination.l4_port)
                ->vector[0];
        if (p->reverse) {
            reverse = insp_services_find(services, s->proto, s->source.l4_port)
                          ->vector[1];
        }
    } else if (s->kind == INSP_SUBJECT_ARP) {
        forward = services->arp[0];
        reverse = services->arp[1];
    } else if (s->kind == INSP_SUBJECT_ND) {
        forward = services->nd[0];
        reverse = services->nd[1];
    }
    sight->service[SERVICE_FORWARD] = p->pool.at + forward;
    sight->service[SERVICE_REVERSE] = p->pool.at + reverse;
}

/* False: nothing is known of the connection. */
static bool
look_at_learnt(struct sight *sight, const struct insp_policy *p,
               const struct insp_subject *s)
{
    uint32_t app = INSP_VECTOR_EMPTY;
    uint32_t name = INSP_VECTOR_EMPTY;

    if (s->kind == INSP_SUBJECT_IP) {
        app = p->learnt.by_app[s->app];
        name = insp_learnt_by_name(&p->learnt, s->name);
    }
    sight->service[LEARNT_APP] = p->pool.at + app;
    sight->service[LEARNT_NAME] = p->pool.at + name;
    return app | name;
}

/* False: there is nothing to look for in these slots. */
static inline bool
look_at(struct sight *sight, const struct insp_binding *binding,
        const struct insp_subject *s, uint32_t slots)
{
    const struct insp_policy *p = binding->policy;
    const struct insp_bound *source = find_port(binding, s->source.port_id);
    const struct insp_bound *destination =
        find_port(binding, s->destination.port_id);
    bool has_address =
        s->kind == INSP_SUBJECT_IP || s->kind == INSP_SUBJECT_ND;

    sight->no_vm = !source->is_vm && !destination->is_vm;
    slots &= INSP_ALL_SLOTS;
    sight->segments =
        p->segments &
        ((destination->is_vm ? slots << INSP_PASS_TO_VM * INSP_N_SLOTS : 0) |
         (source->is_vm || sight->no_vm ? slots : 0));
    if (!sight->segments || s->kind == INSP_SUBJECT_OTHER) {
        return false;
    }
    sight->n_but = 0;
    look_at_end(sight, binding, &s->source, source, has_address, 0);
    look_at_end(sight, binding, &s->destination, destination, has_address, 1);
    look_at_service(sight, p, s);
    return true;
}

/* Words of entries of which each dimension has some, by summary 'a'. */
static INSP_ALWAYS_INLINE uint64_t
summarise(const struct sight *s, uint32_t a, int n_service)
{
    uint64_t service = s->any_service[a];
    uint64_t source = s->any[0][a] | s->by[0][BY_ADDRESS][a] |
                      s->by[0][BY_MAC][a] | s->by[0][BY_PORT][a];
    uint64_t destination = s->any[1][a] | s->by[1][BY_ADDRESS][a] |
                           s->by[1][BY_MAC][a] | s->by[1][BY_PORT][a];

    for (int i = 0; i < n_service; i++) {
        service |= s->service[i][a];
    }
    return source & destination & service;
}

/* What a sparse vector has in the words of one summary word. */
struct part {
    uint64_t sum;
    const uint64_t *words;
};

/* All that matters in the words of summary word 'a'. */
struct parts {
    struct part by[2][N_BY];
    struct part service[N_SERVICE_LEARNT];
    struct part but[2 * N_BY];
    unsigned int n_but; /* Without the empty ones. */
};

static inline struct part
part_of(const uint64_t *sparse, const struct insp_shape *shape, uint32_t a)
{
    return (struct part){ sparse[a], insp_sparse_words(sparse, shape, a) };
}

static INSP_ALWAYS_INLINE void
gather(struct parts *parts, const struct sight *s,
       const struct insp_shape *shape, uint32_t a, int n_service)
{
    for (int side = 0; side < 2; side++) {
        for (int by = 0; by < N_BY; by++) {
            parts->by[side][by] = part_of(s->by[side][by], shape, a);
        }
    }
    for (int i = 0; i < n_service; i++) {
        parts->service[i] = part_of(s->service[i], shape, a);
    }
    parts->n_but = 0;
    for (unsigned int i = 0; i < s->n_but; i++) {
        if (s->but[i][a]) {
            parts->but[parts->n_but++] = part_of(s->but[i], shape, a);
        }
    }
}

static INSP_ALWAYS_INLINE uint64_t
word_of(const struct part *part, uint64_t bit, bool can_count)
{
    uint64_t before = part->sum & (bit - 1);

    return part->sum & bit
               ? part->words[can_count
                                 ? (uint32_t) __builtin_popcountll(before)
                                 : insp_bits_in(before)]
               : 0;
}

/* Entries of the word at 'at' that match; 'bit' is its summary. */
static INSP_ALWAYS_INLINE uint64_t
intersect(const struct sight *s, const struct parts *parts, uint32_t at,
          uint64_t bit, bool can_count, int n_service)
{
    uint64_t match = s->any[0][at] |
                     word_of(&parts->by[0][BY_ADDRESS], bit, can_count) |
                     word_of(&parts->by[0][BY_MAC], bit, can_count) |
                     word_of(&parts->by[0][BY_PORT], bit, can_count);

    match &= s->any[1][at] |
             word_of(&parts->by[1][BY_ADDRESS], bit, can_count) |
             word_of(&parts->by[1][BY_MAC], bit, can_count) |
             word_of(&parts->by[1][BY_PORT], bit, can_count);
    if (match) {
        uint64_t service = s->any_service[at];

        for (int i = 0; i < n_service; i++) {
            service |= word_of(&parts->service[i], bit, can_count);
        }
        match &= service;
    }
    for (unsigned int i = 0; match && i < parts->n_but; i++) {
        match &= ~word_of(&parts->but[i], bit, can_count);
    }
    return match;
}

/* Takes the lowest match of each segment of a word. */
static inline void
take(const struct insp_entry *entries, uint64_t match, uint32_t wanted,
     struct found *found)
{
    while (match) {
        struct insp_entry e = entries[__builtin_ctzll(match)];
        uint32_t segment = 1u << e.segment;

        if (wanted & segment && (!(found->segments & segment) ||
                                 e.rank < found->rank[e.segment])) {
            found->segments |= segment;
            found->rank[e.segment] = e.rank;
        }
        match &= -UINT64_C(2) << e.last;
    }
}

/* Whether all segments of 'mask' have a match that ranks before 'rank'. */
static inline bool
is_through(const struct found *found, uint32_t mask, uint32_t rank)
{
    if (mask & ~found->segments) {
        return false;
    }
    for (; mask; mask &= mask - 1) {
        if (found->rank[__builtin_ctz(mask)] > rank) {
            return false;
        }
    }
    return true;
}

/* The lowest rank that matches, for each segment. */
static INSP_ALWAYS_INLINE void
find_with(const struct sight *s, const struct insp_policy *p,
          struct found *found, bool can_count, bool learnt)
{
    int n_service = learnt ? N_SERVICE_LEARNT : N_SERVICE;
    uint32_t n_sums = p->shape.n_sums;
    struct parts parts;

    for (uint32_t a = 0; a < n_sums; a++) {
        uint64_t sum = summarise(s, a, n_service);

        if (sum) {
            gather(&parts, s, &p->shape, a, n_service);
        }
        for (; sum; sum &= sum - 1) {
            uint32_t w = 64 * a + (uint32_t) __builtin_ctzll(sum);
            const struct insp_word *word = &p->words[w];
            uint64_t match;

            if (is_through(found, word->segments & s->segments, word->rank)) {
                continue;
            }
            match = intersect(s, &parts, n_sums + w, sum & -sum, can_count,
                              n_service);
            if (INSP_UNLIKELY(s->no_vm)) {
                match &= p->no_vm[n_sums + w];
            }
            if (match) {
                take(p->entries + 64 * w, match, s->segments, found);
            }
        }
    }
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void
find_counting(const struct sight *s, const struct insp_policy *p,
              struct found *found)
{
    find_with(s, p, found, true, false);
}

__attribute__((target("popcnt"))) static void
find_learnt_counting(const struct sight *s, const struct insp_policy *p,
                     struct found *found)
{
    find_with(s, p, found, true, true);
}
#else
#define find_counting        find_plainly
#define find_learnt_counting find_learnt_plainly
#endif

static void
find_plainly(const struct sight *s, const struct insp_policy *p,
             struct found *found)
{
    find_with(s, p, found, false, false);
}

static void
find_learnt_plainly(const struct sight *s, const struct insp_policy *p,
                    struct found *found)
{
    find_with(s, p, found, false, true);
}

/* Where rules ask for what was learnt, or the processor cannot count. */
static void
find_otherwise(struct sight *sight, const struct insp_policy *p,
               const struct insp_subject *s, struct found *found)
{
    if (p->ways & INSP_WAY_LEARNS && look_at_learnt(sight, p, s)) {
        if (p->ways & INSP_WAY_COUNTS) {
            find_learnt_counting(sight, p, found);
        } else {
            find_learnt_plainly(sight, p, found);
        }
    } else if (p->ways & INSP_WAY_COUNTS) {
        find_counting(sight, p, found);
    } else {
        find_plainly(sight, p, found);
    }
}

static inline void
find(struct sight *sight, const struct insp_policy *p,
     const struct insp_subject *s, struct found *found)
{
    found->segments = 0;
    if (INSP_LIKELY(p->ways == INSP_WAY_COUNTS)) {
        find_counting(sight, p, found);
    } else {
        find_otherwise(sight, p, s, found);
    }
}

/* The rule of that rank was met in a slot. */
static inline void
meet(const struct insp_policy *p, uint32_t rank, bool count,
     struct insp_judgement *j)
{
    if (count) {
        atomic_fetch_add_explicit(&p->counters[rank].judged, 1,
                                  memory_order_relaxed);
    }
    if (!j->alert && p->alerts[rank]) {
        j->alert = p->rules[rank].number;
    }
}

/* What one rule says in a slot.  False: the packet is not judged further. */
static inline bool
apply(const struct insp_policy *p, uint32_t rank, enum insp_pass pass,
      uint32_t *allowed, struct insp_judgement *j)
{
    const struct insp_policy_rule *rule = &p->rules[rank];
    uint8_t bit;

    switch ((enum insp_action) rule->action) {
    case INSP_ACTION_DROP:
    case INSP_ACTION_RESET:
        j->verdict = rule->action == INSP_ACTION_DROP ? INSP_VERDICT_DROP
                                                      : INSP_VERDICT_RESET;
        j->slots = 0;
        j->as_to_vm = 0;
        j->rule = rule->number;
        return false;
    case INSP_ACTION_ALLOW:
        if (rule->slot == INSP_SLOT_FIREWALL && !*allowed) {
            *allowed = rule->number;
        }
        return true;
    case INSP_ACTION_REDIRECT:
        if (rule->slot < INSP_FIRST_SERVICE_SLOT) {
            return true;
        }
        bit = (uint8_t) (1u << (rule->slot - INSP_FIRST_SERVICE_SLOT));
        if (!j->slots) {
            j->rule = rule->number;
        }
        if (pass == INSP_PASS_TO_VM && !(j->slots & bit)) {
            j->as_to_vm |= bit;
        }
        j->slots |= bit;
        return true;
    case INSP_ACTION_ALERT: break;
    }
    return true;
}

static inline bool
judge_slot(const struct insp_policy *p, const struct found *found,
           unsigned int slot, bool count, uint32_t *allowed,
           struct insp_judgement *j)
{
    uint32_t met = INSP_RANK_NONE;

    for (int pass = 0; pass < INSP_N_PASSES; pass++) {
        unsigned int segment = insp_segment(slot, pass);

        if (found->segments >> segment & 1) {
            uint32_t rank = found->rank[segment];

            if (rank != met) {
                meet(p, rank, count, j);
            }
            if (!apply(p, rank, pass, allowed, j)) {
                return false;
            }
            met = rank;
        }
    }
    return true;
}

static inline void
judge(const struct insp_binding *binding, const struct insp_subject *subject,
      uint32_t slots, bool count, struct insp_judgement *j)
{
    const struct insp_policy *p = binding->policy;
    uint32_t allowed = 0;
    struct sight sight;
    struct found found;
    uint32_t met;

    memset(j, 0, sizeof *j);
    j->verdict = INSP_VERDICT_ALLOW;
    if (!look_at(&sight, binding, subject, slots)) {
        return;
    }
    find(&sight, p, subject, &found);
    met = (found.segments | found.segments >> INSP_N_SLOTS) & INSP_ALL_SLOTS;
    for (; met; met &= met - 1) {
        if (!judge_slot(p, &found, (unsigned int) __builtin_ctz(met), count,
                        &allowed, j)) {
            return;
        }
    }
    if (!j->rule) {
        j->rule = allowed;
    }
}

void
insp_policy_judge(const struct insp_binding *binding,
                  const struct insp_subject *subject, uint32_t slots,
                  struct insp_judgement *j)
{
    judge(binding, subject, slots, true, j);
}

void
insp_policy_decide(const struct insp_binding *binding,
                   const struct insp_subject *subject, uint32_t slots,
                   struct insp_judgement *j)
{
    judge(binding, subject, slots, false, j);
}

static uint32_t
number_in(const struct insp_policy *p, const struct found *found,
          unsigned int segment)
{
    return found->segments >> segment & 1
               ? p->rules[found->rank[segment]].number
               : 0;
}

void
insp_policy_explain(const struct insp_binding *binding,
                    const struct insp_subject *subject,
                    struct insp_slot_matches matches[INSP_N_SLOTS])
{
    const struct insp_policy *p = binding->policy;
    struct sight sight;
    struct found found = { .segments = 0 };

    if (look_at(&sight, binding, subject, INSP_ALL_SLOTS)) {
        find(&sight, p, subject, &found);
    }
    for (unsigned int slot = 0; slot < INSP_N_SLOTS; slot++) {
        matches[slot].from_vm =
            number_in(p, &found, insp_segment(slot, INSP_PASS_FROM_VM));
        matches[slot].to_vm =
            number_in(p, &found, insp_segment(slot, INSP_PASS_TO_VM));
    }
}
