/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Each name that rules have, with "*." before it or not, is in a hash table
 * once, with the entries that match a server of that very name and those that
 * match the names below it:
 *
 *     rules       names          exact      below
 *     *.b.c  1    b.c            -          1
 *     a.b.c  2    a.b.c          1 2        1
 *     *.c    3    c              -          3
 *             so: c              -          3
 *                 b.c            3          1 3
 *                 a.b.c          1 2 3      1 3
 *
 * What matches below a name matches below the names under it, too, and is put
 * in there when the policy is built, shorter names first.  So the first name
 * found, from the whole one down to its last label, says everything.
 *
 * The hash is made from a name's end to its beginning: one pass gives those
 * of all its suffixes.  Labels in front of the last INSP_SNI_LABELS are in no
 * suffix that a rule may have.
 *
 * A stranger chooses the names that are looked up, but not those that are in
 * the table, which is no more than a quarter full: runs of slots are short,
 * and he cannot make them longer. */

#include "rule/learnt.h"

#include "app/app.h"
#include "base/hash.h"

_Static_assert(INSP_N_APPS <= 256, "by_app has room for every protocol");

static const struct insp_hash_key mixing = {
    { 0x2d358dccaa6c78a5, 0x8bb84b93962eacc9, 0x4b33a62ed433d4a3,
      0x4d5a2da51de1aa47 }
};

/* The hash of the last bytes of a name, going backwards. */
struct tail {
    uint64_t hash;
    uint64_t word; /* Bytes that are not in 'hash' yet. */
    uint32_t size;
};

static inline void
tail_add(struct tail *tail, char c)
{
    tail->word = tail->word << 8 | (uint8_t) c;
    if (++tail->size % 8 == 0) {
        tail->hash =
            insp_hash_fold(tail->word ^ mixing.k[1], tail->hash ^ mixing.k[0]);
        tail->word = 0;
    }
}

static inline uint64_t
tail_hash(const struct tail *tail)
{
    uint64_t hash =
        insp_hash_fold(tail->word ^ mixing.k[2], tail->hash ^ mixing.k[0]);

    return insp_hash_fold(hash ^ mixing.k[3], tail->size ^ mixing.k[1]);
}

static const struct insp_learnt_name *
find(const struct insp_learnt *l, uint64_t hash, const char *text, size_t size)
{
    size_t i = hash & l->mask;

    for (; l->slots[i].name; i = (i + 1) & l->mask) {
        const struct insp_learnt_name *name = &l->names[l->slots[i].name - 1];

        if (l->slots[i].tag == hash >> 32 && name->size == size &&
            !memcmp(l->texts + name->text, text, size)) {
            return name;
        }
    }
    return NULL;
}

/* The vector of a name, and its hash. */
static uint32_t
look_up(const struct insp_learnt *l, const char *name, size_t size,
        uint64_t *hash)
{
    struct tail suffixes[INSP_SNI_LABELS];
    struct tail tail = { .hash = 0 };
    const struct insp_learnt_name *found;
    unsigned int n = 0;

    for (size_t i = size; i-- > 0;) {
        if (name[i] == '.' && n < INSP_SNI_LABELS) {
            suffixes[n++] = tail;
        }
        tail_add(&tail, name[i]);
    }
    *hash = tail_hash(&tail);
    found = find(l, *hash, name, size);
    if (found) {
        return found->exact;
    }
    while (n-- > 0) {
        size_t n_bytes = suffixes[n].size;

        found =
            find(l, tail_hash(&suffixes[n]), name + size - n_bytes, n_bytes);
        if (found) {
            return found->below;
        }
    }
    return INSP_VECTOR_EMPTY;
}

uint32_t
insp_learnt_by_name(const struct insp_learnt *l, const char *name)
{
    size_t size =
        name && l->n_names ? strnlen(name, INSP_APP_NAME_MAX + 1) : 0;
    uint64_t hash;

    return size && size <= INSP_APP_NAME_MAX ? look_up(l, name, size, &hash)
                                             : INSP_VECTOR_EMPTY;
}

struct insp_learnt_use
insp_learnt_use(const struct insp_service *service, uint32_t entry)
{
    struct insp_learnt_use use = { .entry = entry, .app = service->app };

    if (service->kind == INSP_SERVICE_SNI) {
        use.below = service->text[0] == '*' && service->text[1] == '.';
        use.text = service->text + (use.below ? 2 : 0);
        use.size = (uint32_t) strlen(use.text);
    }
    return use;
}

/* Protocols by number, then names, the shorter ones first. */
static int
compare_uses(const void *a_, const void *b_)
{
    const struct insp_learnt_use *a = a_;
    const struct insp_learnt_use *b = b_;

    if (!a->text || !b->text) {
        return a->text ? 1 : b->text ? -1 : a->app - b->app;
    }
    return a->size != b->size ? (a->size < b->size ? -1 : 1)
                              : memcmp(a->text, b->text, a->size);
}

/* How many uses from the first on are of one thing. */
static size_t
count_same(const struct insp_learnt_use *uses, size_t n)
{
    size_t same = 1;

    while (same < n && !compare_uses(&uses[same], uses)) {
        same++;
    }
    return same;
}

static void
add_app(struct insp_learnt *l, const struct insp_learnt_use *uses, size_t n,
        uint64_t *dense, struct insp_pool *pool, struct insp_budget *budget)
{
    for (size_t i = 0; i < n; i++) {
        insp_dense_set(dense, &pool->shape, uses[i].entry);
    }
    l->by_app[uses->app] = insp_pool_add(pool, dense, budget);
    insp_dense_clear(dense, &pool->shape);
}

static void
add_name(struct insp_learnt *l, const struct insp_learnt_use *uses, size_t n,
         uint64_t *dense, struct insp_pool *pool, struct insp_budget *budget)
{
    struct insp_learnt_name *name = &l->names[l->n_names];
    uint64_t hash;
    uint32_t above = look_up(l, uses->text, uses->size, &hash);
    size_t at = hash & l->mask;

    if (l->n_names) {
        name->text = name[-1].text + name[-1].size;
    }
    name->size = uses->size;
    memcpy(l->texts + name->text, uses->text, uses->size);

    insp_pool_expand(pool, above, dense);
    for (size_t i = 0; i < n; i++) {
        if (!uses[i].below) {
            insp_dense_set(dense, &pool->shape, uses[i].entry);
        }
    }
    name->exact = insp_pool_add(pool, dense, budget);
    insp_dense_clear(dense, &pool->shape);

    insp_pool_expand(pool, above, dense);
    for (size_t i = 0; i < n; i++) {
        if (uses[i].below) {
            insp_dense_set(dense, &pool->shape, uses[i].entry);
        }
    }
    name->below = insp_pool_add(pool, dense, budget);
    insp_dense_clear(dense, &pool->shape);

    while (l->slots[at].name) {
        at = (at + 1) & l->mask;
    }
    l->slots[at].tag = (uint32_t) (hash >> 32);
    l->slots[at].name = (uint32_t) ++l->n_names;
}

/* Room for all names. */
static bool
make_room(struct insp_learnt *l, const struct insp_learnt_use *uses, size_t n,
          struct insp_budget *budget)
{
    size_t n_names = 0;
    size_t n_bytes = 0;

    for (size_t i = 0; i < n; i += count_same(uses + i, n - i)) {
        if (uses[i].text) {
            n_names++;
            n_bytes += uses[i].size;
        }
    }
    while (l->mask < 4 * n_names) {
        l->mask = l->mask * 2 + 1;
    }
    l->names = insp_budget_alloc(budget, n_names, sizeof *l->names);
    l->texts = insp_budget_alloc(budget, n_bytes, 1);
    l->slots = insp_budget_alloc(budget, l->mask + 1, sizeof *l->slots);
    return !budget->error;
}

void
insp_learnt_create(struct insp_learnt *l, struct insp_learnt_use *uses,
                   size_t n, struct insp_pool *pool,
                   struct insp_budget *budget)
{
    uint64_t *dense = insp_dense_create(budget, &pool->shape);
    size_t same;

    memset(l, 0, sizeof *l);
    l->any = n > 0;
    if (n) {
        qsort(uses, n, sizeof *uses, compare_uses);
    }
    if (make_room(l, uses, n, budget)) {
        for (size_t i = 0; i < n && !budget->error; i += same) {
            same = count_same(uses + i, n - i);
            if (uses[i].text) {
                add_name(l, uses + i, same, dense, pool, budget);
            } else {
                add_app(l, uses + i, same, dense, pool, budget);
            }
        }
    }
    free(dense);
}

void
insp_learnt_uninit(struct insp_learnt *l)
{
    free(l->names);
    free(l->texts);
    free(l->slots);
}
