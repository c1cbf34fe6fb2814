/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A dictionary from what a term names to a label, by an open hash, and a list
 * of uses behind each label, newest first.  Weighing turns every list into
 * four vectors of the pool.  Only identities outlive the building: their text
 * is copied, because bindings look ports up in them later. */

#include "rule/label.h"

#include "base/hash.h"

static const struct insp_hash_key mixing = {
    { 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3,
      0x1d8e4e27c47d124f }
};

uint64_t
insp_label_hash(enum insp_term_kind kind, const void *key, size_t size)
{
    uint64_t tail[2] = { 0, (uint64_t) kind << 32 | size };
    size_t n_words = size / 8;
    uint64_t hash = insp_hash_words(key, n_words, &mixing);

    memcpy(tail, (const char *) key + n_words * 8, size % 8);
    return hash ^ insp_hash_words(tail, 2, &mixing);
}

static uint64_t
hash_of(const struct insp_term *term)
{
    uint8_t key[sizeof term->addr + 1];

    switch ((enum insp_term_kind) term->kind) {
    case INSP_TERM_PREFIX:
        memcpy(key, term->addr, sizeof term->addr);
        key[sizeof term->addr] = term->prefix_length;
        return insp_label_hash(INSP_TERM_PREFIX, key, sizeof key);
    case INSP_TERM_MAC:
        return insp_label_hash(INSP_TERM_MAC, term->mac, sizeof term->mac);
    case INSP_TERM_ANY:
    case INSP_TERM_IFACE:
    case INSP_TERM_VM:
    case INSP_TERM_PORT:
    case INSP_TERM_SET:
    case INSP_TERM_ID: break;
    }
    return insp_label_hash(term->kind, term->text, strlen(term->text));
}

static bool
names_the_same(const struct insp_term *a, const struct insp_term *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch ((enum insp_term_kind) a->kind) {
    case INSP_TERM_PREFIX:
        return a->prefix_length == b->prefix_length &&
               !memcmp(a->addr, b->addr, sizeof a->addr);
    case INSP_TERM_MAC: return !memcmp(a->mac, b->mac, sizeof a->mac);
    case INSP_TERM_ANY:
    case INSP_TERM_IFACE:
    case INSP_TERM_VM:
    case INSP_TERM_PORT:
    case INSP_TERM_SET:
    case INSP_TERM_ID: break;
    }
    return !strcmp(a->text, b->text);
}

void
insp_labels_init(struct insp_labels *labels, struct insp_budget *budget)
{
    memset(labels, 0, sizeof *labels);
    labels->mask = 255;
    labels->slots =
        insp_budget_alloc(budget, labels->mask + 1, sizeof *labels->slots);
}

/* The slot of the term's label, or the free one where it would go. */
static size_t
find_slot(const struct insp_labels *labels, const struct insp_term *term,
          uint64_t hash)
{
    size_t i = hash & labels->mask;

    for (; labels->slots[i]; i = (i + 1) & labels->mask) {
        const struct insp_label *label = &labels->labels[labels->slots[i] - 1];

        if (label->hash == hash && names_the_same(label->term, term)) {
            break;
        }
    }
    return i;
}

static bool
grow_slots(struct insp_labels *labels, struct insp_budget *budget)
{
    size_t mask = labels->mask * 2 + 1;
    uint32_t *slots = insp_budget_alloc(budget, mask + 1, sizeof *slots);

    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < labels->n; i++) {
        size_t at = labels->labels[i].hash;

        while (slots[at & mask]) {
            at++;
        }
        slots[at & mask] = (uint32_t) i + 1;
    }
    free(labels->slots);
    labels->slots = slots;
    labels->mask = mask;
    return true;
}

static bool
add_label(struct insp_labels *labels, size_t slot, uint64_t hash,
          const struct insp_term *term, struct insp_budget *budget)
{
    struct insp_label *label;

    if (!insp_budget_grow(budget, &labels->labels, labels->n, 1, &labels->room,
                          sizeof *labels->labels)) {
        return false;
    }
    label = &labels->labels[labels->n++];
    memset(label, 0, sizeof *label);
    label->term = term;
    label->hash = hash;
    label->uses = INSP_LABEL_NONE;
    labels->slots[slot] = (uint32_t) labels->n;
    return true;
}

void
insp_labels_use(struct insp_labels *labels, const struct insp_term *term,
                uint32_t entry, enum insp_quad_part part,
                struct insp_budget *budget)
{
    uint64_t hash = hash_of(term);
    struct insp_label *label;
    struct insp_label_use *use;
    size_t slot;

    if (budget->error ||
        (2 * labels->n >= labels->mask && !grow_slots(labels, budget))) {
        return;
    }
    slot = find_slot(labels, term, hash);
    if ((!labels->slots[slot] &&
         !add_label(labels, slot, hash, term, budget)) ||
        !insp_budget_grow(budget, &labels->uses, labels->n_uses, 1,
                          &labels->uses_room, sizeof *labels->uses)) {
        return;
    }
    label = &labels->labels[labels->slots[slot] - 1];
    use = &labels->uses[labels->n_uses];
    use->entry = entry;
    use->part = (uint8_t) part;
    use->next = label->uses;
    label->uses = (uint32_t) labels->n_uses++;
}

const struct insp_label *
insp_labels_find(const struct insp_labels *labels, enum insp_term_kind kind,
                 const char *text)
{
    struct insp_term term = { .kind = (uint8_t) kind, .text = (char *) text };
    uint32_t found = labels->slots[find_slot(labels, &term, hash_of(&term))];

    return found ? &labels->labels[found - 1] : NULL;
}

void
insp_labels_weigh(struct insp_labels *labels, struct insp_pool *pool,
                  struct insp_budget *budget)
{
    uint64_t *dense[INSP_N_QUAD_PARTS];

    for (int part = 0; part < INSP_N_QUAD_PARTS; part++) {
        dense[part] = insp_dense_create(budget, &pool->shape);
    }
    for (size_t i = 0; !budget->error && i < labels->n; i++) {
        struct insp_label *label = &labels->labels[i];

        for (uint32_t u = label->uses; u != INSP_LABEL_NONE;
             u = labels->uses[u].next) {
            insp_dense_set(dense[labels->uses[u].part], &pool->shape,
                           labels->uses[u].entry);
        }
        for (int part = 0; part < INSP_N_QUAD_PARTS; part++) {
            label->quad.vector[part] =
                insp_pool_add(pool, dense[part], budget);
            insp_dense_clear(dense[part], &pool->shape);
        }
    }
    for (int part = 0; part < INSP_N_QUAD_PARTS; part++) {
        free(dense[part]);
    }
}

void
insp_labels_uninit(struct insp_labels *labels)
{
    free(labels->labels);
    free(labels->uses);
    free(labels->slots);
}

struct insp_quad
insp_quad_join(struct insp_pool *pool, const struct insp_quad *a,
               const struct insp_quad *b, uint64_t *scratch,
               struct insp_budget *budget)
{
    struct insp_quad quad;

    for (int part = 0; part < INSP_N_QUAD_PARTS; part++) {
        uint32_t x = a->vector[part];
        uint32_t y = b->vector[part];

        if (x == y || !y) {
            quad.vector[part] = x;
        } else if (!x) {
            quad.vector[part] = y;
        } else {
            insp_pool_expand(pool, x, scratch);
            insp_pool_expand(pool, y, scratch);
            quad.vector[part] = insp_pool_add(pool, scratch, budget);
            insp_dense_clear(scratch, &pool->shape);
        }
    }
    return quad;
}

static bool
is_identity(const struct insp_label *label)
{
    enum insp_term_kind kind = label->term->kind;

    return kind == INSP_TERM_IFACE || kind == INSP_TERM_VM ||
           kind == INSP_TERM_PORT || kind == INSP_TERM_ID;
}

static void
freeze_label(struct insp_identities *identities,
             const struct insp_label *label, struct insp_budget *budget)
{
    struct insp_identity_label *frozen = &identities->labels[identities->n];
    size_t size = strlen(label->term->text) + 1;
    size_t at = label->hash;

    frozen->text = insp_budget_alloc(budget, size, 1);
    if (!frozen->text) {
        return;
    }
    memcpy(frozen->text, label->term->text, size);
    frozen->hash = label->hash;
    frozen->quad = label->quad;
    frozen->kind = label->term->kind;
    while (identities->slots[at & identities->mask]) {
        at++;
    }
    identities->slots[at & identities->mask] = (uint32_t) ++identities->n;
}

void
insp_identities_freeze(struct insp_identities *identities,
                       const struct insp_labels *labels,
                       struct insp_budget *budget)
{
    size_t n = 0;

    memset(identities, 0, sizeof *identities);
    for (size_t i = 0; i < labels->n; i++) {
        n += is_identity(&labels->labels[i]);
    }
    identities->mask = 1;
    while (identities->mask < 2 * n) {
        identities->mask = identities->mask * 2 + 1;
    }
    identities->labels =
        insp_budget_alloc(budget, n, sizeof *identities->labels);
    identities->slots = insp_budget_alloc(budget, identities->mask + 1,
                                          sizeof *identities->slots);
    for (size_t i = 0; !budget->error && i < labels->n; i++) {
        if (is_identity(&labels->labels[i])) {
            freeze_label(identities, &labels->labels[i], budget);
        }
    }
}

const struct insp_quad *
insp_identities_find(const struct insp_identities *identities,
                     enum insp_term_kind kind, const char *text, size_t size)
{
    uint64_t hash = insp_label_hash(kind, text, size);
    size_t i = hash & identities->mask;

    for (; identities->slots[i]; i = (i + 1) & identities->mask) {
        const struct insp_identity_label *label =
            &identities->labels[identities->slots[i] - 1];

        if (label->hash == hash && label->kind == kind &&
            strlen(label->text) == size && !memcmp(label->text, text, size)) {
            return &label->quad;
        }
    }
    return NULL;
}

void
insp_identities_uninit(struct insp_identities *identities)
{
    for (size_t i = 0; i < identities->n; i++) {
        free(identities->labels[i].text);
    }
    free(identities->labels);
    free(identities->slots);
}
