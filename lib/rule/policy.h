/* SPDX-License-Identifier: Apache-2.0 */
/* Policy
 * ======
 *
 * The rules of an inspector, frozen: what is decided of a packet, and by
 * which rule.
 *
 *     rules + address sets --create--> policy  (a version; immutable)
 *     policy + ports       --create--> binding (who is behind which port)
 *     policy + binding + subject       --judge--> judgement
 *
 * A port that comes or goes makes another binding, not another version: what
 * the other ports' packets get stays as it is.
 *
 * How it is judged (build.c and match.c say how that is found quickly).  In
 * each slot, ascending, the packet is judged as from-vm of its source, then
 * as to-vm of its destination; in each of the two the first match by priority
 * decides, ties by name, and no match passes on.  A from-vm rule looks only
 * at packets whose source port is a VM's, a to-vm rule only at those whose
 * destination port is; one for both directions looks at either, and at
 * packets between two ports that are no VM's.  Drop and reset beat all in
 * the same slot, and end it.
 *
 * Above:    engine/, ovs-ext/.     Below:  rule/rule.h, flow/port.h.
 * Threads:  a policy and a binding are immutable but for their counters, so
 *           any thread reads; references are counted atomically.
 * Memory:   some megabytes for 10,000 rules; judge takes none.
 * Time:     create: well under a second for 10,000 rules and sets of 100,000
 *           addresses.  judge: grows little with the number of rules.
 * Fails:    create with ENOMEM; E2BIG for more than INSP_POLICY_MAX rules, or
 *           more memory than a gigabyte; EINVAL for a slot that is none.
 */

#ifndef INSP_RULE_POLICY_H
#define INSP_RULE_POLICY_H 1

#include "packet/packet.h"
#include "rule/rule.h"

#define INSP_POLICY_MAX 16384 /* Rules of one inspector. */

/* A version fits this many bits, and is never 0. */
#define INSP_VERSION_BITS 26
#define INSP_VERSION_MAX  ((1u << INSP_VERSION_BITS) - 1)

enum insp_verdict_kind {
    INSP_VERDICT_ALLOW,
    INSP_VERDICT_DROP,
    INSP_VERDICT_RESET,
    INSP_VERDICT_REDIRECT,
};

struct insp_policy;
struct insp_binding;

/* Rules need not be sorted.  A set that a rule names and that is not among
 * 'sets' has no address in it.  Nothing is kept of the arguments.  The caller
 * has the first reference. */
int insp_policy_create(const struct insp_rule *rules, size_t n_rules,
                       const struct insp_address_set *sets, size_t n_sets,
                       uint32_t version, struct insp_policy **) INSP_MUST_USE;
uint32_t insp_policy_version(const struct insp_policy *);
/* Whether a judgement may depend on 'app' and 'name' of a subject.  If not,
 * nobody need find them out or judge again when they become known. */
bool insp_policy_reads_apps(const struct insp_policy *);
/* Whether any rule drops or resets. */
bool insp_policy_refuses(const struct insp_policy *);
struct insp_policy *insp_policy_ref(struct insp_policy *);
void insp_policy_unref(struct insp_policy *); /* NULL is fine. */

/* What the policy's rules say of each port; keeps a reference to it. */
int insp_binding_create(struct insp_policy *, const struct insp_port *,
                        size_t n_ports, struct insp_binding **) INSP_MUST_USE;
struct insp_binding *insp_binding_ref(struct insp_binding *);
void insp_binding_unref(struct insp_binding *); /* NULL is fine. */
struct insp_policy *insp_binding_policy(const struct insp_binding *);

/* What the policy's rules name that none of these ports is: "vm:a, port:b and
 * 3 more", as many as fit into 'size' (64 at the least).  Returns how many, 0
 * also when memory is out. */
size_t insp_binding_absent(const struct insp_binding *,
                           const struct insp_port *, size_t n_ports,
                           char *text, size_t size);

/* What rules look at.  Everything in host order but addresses. */
enum insp_subject_kind {
    INSP_SUBJECT_IP,
    INSP_SUBJECT_ARP,
    INSP_SUBJECT_ND,    /* IPv6 neighbour discovery. */
    INSP_SUBJECT_OTHER, /* No rule matches it. */
};

struct insp_subject_end {
    uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d; of an ARP all
                       * zeros, which only any and !... match. */
    uint8_t mac[6];
    uint16_t l4_port; /* ICMP: the type; of the source that of
                       * what goes the other way. */
    uint32_t port_id; /* 0: unknown, no VM. */
};

struct insp_subject {
    struct insp_subject_end source;
    struct insp_subject_end destination;
    uint8_t kind; /* enum insp_subject_kind. */
    uint8_t proto;
    uint8_t app;      /* enum insp_app: what the connection speaks;
                       * INSP_APP_NONE: not known yet. */
    const char *name; /* Of the server, as insp_reading_set_name()
                       * leaves it; NULL or "": not known.  Borrowed
                       * while it is judged. */
};

/* Of a parsed packet; 'frame' is what it was parsed from.  Nothing is known of
 * its connection: 'app' and 'name' are for the caller to fill in. */
void insp_subject_init(struct insp_subject *, const struct insp_packet *,
                       const void *frame, uint32_t in_port, uint32_t out_port);
/* Of the packet that would answer it. */
void insp_subject_reverse(const struct insp_subject *, struct insp_subject *);

struct insp_judgement {
    uint8_t verdict;  /* ALLOW, DROP or RESET. */
    uint8_t slots;    /* ALLOW: to the functions of these slots
                       * first, ascending; bit 0 is slot 4. */
    uint8_t as_to_vm; /* Of these the ones that a to-vm rule alone
                       * names; the others are entered from-vm. */
    uint32_t rule;    /* Number of the rule that decided: that
                       * drops or resets, else the one of the first
                       * slot in 'slots', else an allow of slot 2,
                       * else 0: no rule. */
    uint32_t alert;   /* First rule met that alerts or logs. */
};

/* Worker: judges in the slots of 'slots' (bit n is slot n). */
#define INSP_ALL_SLOTS 0xfff
void insp_policy_judge(const struct insp_binding *,
                       const struct insp_subject *, uint32_t slots,
                       struct insp_judgement *);

/* Any thread: the same judgement, not counted. */
void insp_policy_decide(const struct insp_binding *,
                        const struct insp_subject *, uint32_t slots,
                        struct insp_judgement *);

/* Any thread: which rule matches in each slot, by number, 0: none.  Slots
 * behind a drop are filled in, too. */
struct insp_slot_matches {
    uint32_t from_vm;
    uint32_t to_vm;
};
void insp_policy_explain(const struct insp_binding *,
                         const struct insp_subject *,
                         struct insp_slot_matches matches[INSP_N_SLOTS]);

/* A rule of the policy, in the order in which they are looked at: by slot,
 * priority, name. */
struct insp_policy_rule {
    char name[INSP_NAME_SIZE];
    uint32_t number;
    int32_t priority;
    uint8_t slot;
    uint8_t direction;
    uint8_t action;
};

size_t insp_policy_n_rules(const struct insp_policy *);
const struct insp_policy_rule *insp_policy_rule(const struct insp_policy *,
                                                size_t i);
/* By number; NULL: not in this policy.  For other threads than workers. */
const struct insp_policy_rule *insp_policy_find(const struct insp_policy *,
                                                uint32_t number, size_t *i);

/* Counters of rule 'i'.  Judged: directions of connections, and packets that
 * were judged without one, which it decided, counted by judge.  Dropped:
 * packets.  Worker: count_dropped, by the number in a judgement. */
void insp_policy_count_dropped(const struct insp_policy *, uint32_t number);
void insp_policy_counters(const struct insp_policy *, size_t i,
                          uint64_t *judged, uint64_t *dropped);

#endif /* rule/policy.h */
