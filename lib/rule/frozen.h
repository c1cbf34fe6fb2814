/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen
 * ======
 *
 * The inside of a policy and of a binding; see build.c for how they come
 * about and match.c for how they are used.
 *
 *     segment   all entries of one slot and one pass (from-vm or to-vm)
 *     entry     a bit: one way to read one rule in one pass
 *     word      64 entries, by segment, and by rank in each segment
 *     rule      by its index, which is its rank: the lower one decides
 *
 * Above:    rule/.                 Below:  rule/policy.h, rule/address.h,
 *                                          rule/service.h, rule/learnt.h.
 * Threads:  immutable but for the counters, which are atomic.
 * Memory:   freed with the last reference.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_RULE_FROZEN_H
#define INSP_RULE_FROZEN_H 1

#include <stdatomic.h>

#include "rule/address.h"
#include "rule/learnt.h"
#include "rule/policy.h"
#include "rule/service.h"

enum insp_pass {
    INSP_PASS_FROM_VM,
    INSP_PASS_TO_VM,
    INSP_N_PASSES
};

#define INSP_N_SEGMENTS (INSP_N_SLOTS * INSP_N_PASSES)

/* All of one pass follow each other, so that a mask of slots is a mask of
 * segments. */
static inline unsigned int
insp_segment(unsigned int slot, enum insp_pass pass)
{
    return pass * INSP_N_SLOTS + slot;
}

struct insp_entry {
    uint16_t rank;
    uint8_t segment;
    uint8_t last; /* Bit of the last entry of that segment in
                   * the same word. */
};

struct insp_word {
    uint32_t segments; /* Mask. */
    uint32_t rank;     /* No entry has a lower one. */
};

struct insp_rule_counters {
    atomic_uint_fast64_t judged;
    atomic_uint_fast64_t dropped;
};

struct insp_mac_quad {
    uint64_t mac;
    struct insp_quad quad;
};

enum insp_way {
    INSP_WAY_COUNTS = 1, /* The processor has an instruction for it. */
    INSP_WAY_LEARNS = 2, /* Rules ask for what was learnt. */
};

struct insp_policy {
    atomic_uint refs;
    uint32_t version;
    size_t n_rules;
    struct insp_policy_rule *rules;
    uint8_t *alerts; /* By index: leaves an alert. */
    struct insp_rule_counters *counters;
    uint16_t *numbers; /* Index + 1 by hash of number; 0: free. */
    uint32_t numbers_mask;

    struct insp_shape shape;
    uint32_t segments; /* Mask of those with an entry. */
    struct insp_word *words;
    struct insp_entry *entries;
    uint8_t ways; /* Of matching: enum insp_way. */
    /* Dense vectors of entries... */
    uint64_t *any[2];      /* ... that no source (destination) term
                            * restricts but exceptions. */
    uint64_t *any_service; /* ... without a service. */
    uint64_t *no_vm;       /* ... for packets between no VMs. */
    uint64_t *none;        /* Empty. */
    bool reverse;          /* Some look at the source's service. */
    bool refuses;          /* Some drop or reset. */

    struct insp_pool pool;
    struct insp_addresses addresses;
    struct insp_mac_quad *macs; /* Ascending. */
    size_t n_macs;
    struct insp_identities identities;
    struct insp_services services;
    struct insp_learnt learnt;
};

struct insp_bound {
    uint32_t port_id; /* 0: free. */
    bool is_vm;
    struct insp_quad quad; /* Of the binding's pool. */
};

struct insp_binding {
    atomic_uint refs;
    struct insp_policy *policy;
    struct insp_pool pool;
    struct insp_bound *slots; /* By hash of port id. */
    uint32_t mask;
};

static inline uint32_t
insp_number_hash(uint32_t number)
{
    number *= 0x9e3779b1u;
    return number ^ number >> 15;
}

#define INSP_RANK_NONE UINT32_MAX

/* Index of the rule of that number; INSP_RANK_NONE: there is none. */
static inline uint32_t
insp_policy_index(const struct insp_policy *p, uint32_t number)
{
    uint32_t i = insp_number_hash(number) & p->numbers_mask;

    for (; p->numbers[i]; i = (i + 1) & p->numbers_mask) {
        if (p->rules[p->numbers[i] - 1].number == number) {
            return p->numbers[i] - 1u;
        }
    }
    return INSP_RANK_NONE;
}

/* A MAC address as a number. */
static inline uint64_t
insp_mac_number(const uint8_t mac[6])
{
    uint32_t high;
    uint16_t low;

    memcpy(&high, mac, sizeof high);
    memcpy(&low, mac + 4, sizeof low);
    return (uint64_t) high << 16 | low;
}

void insp_policy_destroy(struct insp_policy *); /* policy.c */

#endif /* rule/frozen.h */
