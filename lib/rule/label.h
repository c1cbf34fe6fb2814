/* SPDX-License-Identifier: Apache-2.0 */
/* Label
 * =====
 *
 * What terms of rules name (a prefix, a MAC, a set, an identity), each once,
 * with the entries that name it: as source or as destination, to match it or
 * to except it.  Those are four vectors, a quad.
 *
 * Above:    rule/.                 Below:  rule/vector.h, rule/rule.h.
 * Threads:  while building, one thread; what is frozen may be read by any.
 * Memory:   the budget's; keys are borrowed from the rules.
 * Time:     a hash look-up a term.
 * Fails:    the budget's error.
 */

#ifndef INSP_RULE_LABEL_H
#define INSP_RULE_LABEL_H 1

#include "rule/rule.h"
#include "rule/vector.h"

enum insp_quad_part {
    INSP_QUAD_SOURCE, /* Entries whose source terms match it... */
    INSP_QUAD_DESTINATION,
    INSP_QUAD_NOT_SOURCE, /* ... and whose source terms except it. */
    INSP_QUAD_NOT_DESTINATION,
    INSP_N_QUAD_PARTS
};

/* Names of vectors in a pool. */
struct insp_quad {
    uint32_t vector[INSP_N_QUAD_PARTS];
};

static inline bool
insp_quad_is_empty(const struct insp_quad *q)
{
    return !(q->vector[0] | q->vector[1] | q->vector[2] | q->vector[3]);
}

#define INSP_LABEL_NONE UINT32_MAX

struct insp_label_use {
    uint32_t entry;
    uint32_t next; /* INSP_LABEL_NONE: the last. */
    uint8_t part;
};

struct insp_label {
    const struct insp_term *term; /* The first that named it. */
    uint64_t hash;
    uint32_t uses;         /* First; INSP_LABEL_NONE: none. */
    struct insp_quad quad; /* Since insp_labels_weigh(). */
};

struct insp_labels {
    struct insp_label *labels;
    size_t n;
    size_t room;
    struct insp_label_use *uses;
    size_t n_uses;
    size_t uses_room;
    uint32_t *slots; /* Label + 1 by hash; 0: free. */
    size_t mask;
};

/* A hash of what a term of that kind names; of text for kinds with text. */
uint64_t insp_label_hash(enum insp_term_kind, const void *key, size_t size);

void insp_labels_init(struct insp_labels *, struct insp_budget *);
void insp_labels_use(struct insp_labels *, const struct insp_term *,
                     uint32_t entry, enum insp_quad_part,
                     struct insp_budget *);
/* The label of a term of that kind and text. */
const struct insp_label *insp_labels_find(const struct insp_labels *,
                                          enum insp_term_kind,
                                          const char *text);
/* Makes the quads. */
void insp_labels_weigh(struct insp_labels *, struct insp_pool *,
                       struct insp_budget *);
void insp_labels_uninit(struct insp_labels *);

/* The union of two. */
struct insp_quad insp_quad_join(struct insp_pool *, const struct insp_quad *,
                                const struct insp_quad *, uint64_t *scratch,
                                struct insp_budget *);

/* The labels of identities, without the rules. */
struct insp_identity_label {
    char *text;
    uint64_t hash;
    struct insp_quad quad;
    uint8_t kind; /* enum insp_term_kind. */
};

struct insp_identities {
    struct insp_identity_label *labels;
    size_t n;
    uint32_t *slots; /* As above. */
    size_t mask;
};

void insp_identities_freeze(struct insp_identities *,
                            const struct insp_labels *, struct insp_budget *);
/* NULL: no rule names it.  'text' need not end in a zero. */
const struct insp_quad *insp_identities_find(const struct insp_identities *,
                                             enum insp_term_kind,
                                             const char *text, size_t size);
void insp_identities_uninit(struct insp_identities *);

#endif /* rule/label.h */
