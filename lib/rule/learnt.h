/* SPDX-License-Identifier: Apache-2.0 */
/* Learnt
 * ======
 *
 * Which entries name what was learnt of a packet's connection: the protocol
 * that it speaks ("app:"), the server's name ("sni:").
 *
 * Above:    rule/.                 Below:  rule/vector.h, rule/rule.h.
 * Threads:  immutable once made; any thread reads.
 * Memory:   1 KiB, and some 100 bytes for each name that a rule has.
 * Time:     look-up: a load for the protocol; for the name a pass over its
 *           bytes and at most INSP_SNI_LABELS + 1 hash look-ups, however many
 *           names there are.
 * Fails:    the budget's error.
 */

#ifndef INSP_RULE_LEARNT_H
#define INSP_RULE_LEARNT_H 1

#include "rule/rule.h"
#include "rule/vector.h"

/* A name that rules have, without "*.". */
struct insp_learnt_name {
    uint32_t text; /* Offset in 'texts'. */
    uint32_t size;
    uint32_t exact; /* Vector of a server of this name. */
    uint32_t below; /* Vector of those below it that rules do not name. */
};

struct insp_learnt_slot {
    uint32_t tag;  /* High half of the hash. */
    uint32_t name; /* Index + 1; 0: free. */
};

struct insp_learnt {
    bool any;             /* There is an entry at all. */
    uint32_t by_app[256]; /* Vectors. */
    struct insp_learnt_name *names;
    size_t n_names;
    char *texts;
    struct insp_learnt_slot *slots; /* By hash, a quarter full at most. */
    size_t mask;
};

/* A service that an entry names. */
struct insp_learnt_use {
    const char *text; /* Of a name, without "*."; NULL: 'app'. */
    uint32_t entry;
    uint32_t size;
    uint8_t app;
    bool below; /* There was a "*.". */
};

struct insp_learnt_use insp_learnt_use(const struct insp_service *,
                                       uint32_t entry);
void insp_learnt_create(struct insp_learnt *, struct insp_learnt_use *,
                        size_t n, struct insp_pool *, struct insp_budget *);
/* The vector of a server's name; 'name' may be NULL. */
uint32_t insp_learnt_by_name(const struct insp_learnt *, const char *name);
void insp_learnt_uninit(struct insp_learnt *);

#endif /* rule/learnt.h */
