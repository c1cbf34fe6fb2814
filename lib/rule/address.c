/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Every prefix of a rule, and every one of a set that a rule names, becomes
 * an item with its label.  Items in order of start and length are nested like
 * brackets, so one sweep with a stack finds the borders at which the set of
 * covering labels changes:
 *
 *     10.0.0.0/8   A  |-----------------------|
 *     10.1.0.0/16  B      |------|
 *                     A     A+B        A
 *
 * A set of labels is a node: another node and one label more.  A memo from
 * (node, label) to node makes one node of the 100,000 addresses of a set that
 * lie under the same prefixes, so vectors are joined once for each
 * combination and not for each address.  A label that adds nothing adds no
 * node.
 *
 * The index of IPv4 cuts the span from the second line's first border to the
 * last one's into about twice as many buckets as there are lines. */

#include "rule/address.h"

#include "base/hash.h"

struct item {
    insp_uint128 start;
    uint32_t label;
    uint8_t length;
};

struct items {
    struct item *at;
    size_t n;
    size_t room;
};

struct memo {
    uint32_t node;
    uint32_t label;
    uint32_t joined; /* 0: free. */
};

struct frame {
    insp_uint128 start;
    insp_uint128 end;
    uint32_t node;
    uint8_t length;
};

struct sweep {
    const struct insp_labels *labels;
    struct insp_pool *pool;
    struct insp_budget *budget;
    uint64_t *scratch;
    struct insp_quad *nodes;
    size_t n_nodes;
    size_t nodes_room;
    struct memo *memos;
    size_t n_memos;
    size_t memo_mask;

    insp_uint128 *borders; /* Of the family that is swept. */
    uint32_t *border_nodes;
    size_t n;
    struct frame stack[130]; /* One a length, and the bottom. */
    size_t depth;
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_ip4(const uint8_t addr[16], uint8_t length)
{
    return length >= 96 && !memcmp(addr, mapped, sizeof mapped);
}

static void
add_item(struct items family[2], const uint8_t addr[16], uint8_t length,
         uint32_t label, struct insp_budget *budget)
{
    bool ip4 = is_ip4(addr, length);
    struct items *items = &family[!ip4];
    struct item *item;

    if (insp_budget_grow(budget, &items->at, items->n, 1, &items->room,
                         sizeof *items->at)) {
        item = &items->at[items->n++];
        item->start = (insp_uint128) insp_address_half(addr) << 64 |
                      insp_address_half(addr + 8);
        item->label = label;
        item->length = length;
        if (ip4) {
            item->start = (uint32_t) item->start;
            item->length = (uint8_t) (length - 96);
        }
    }
}

static void
gather(struct items family[2], const struct insp_labels *labels,
       const struct insp_address_set *sets, size_t n_sets,
       struct insp_budget *budget)
{
    for (size_t i = 0; i < labels->n; i++) {
        const struct insp_term *term = labels->labels[i].term;

        if (term->kind == INSP_TERM_PREFIX) {
            add_item(family, term->addr, term->prefix_length, (uint32_t) i,
                     budget);
        }
    }
    for (size_t i = 0; !budget->error && i < n_sets; i++) {
        const struct insp_label *label =
            insp_labels_find(labels, INSP_TERM_SET, sets[i].name);

        for (size_t j = 0; label && j < sets[i].n; j++) {
            const struct insp_address *a = &sets[i].addresses[j];

            add_item(family, a->addr, a->prefix_length,
                     (uint32_t) (label - labels->labels), budget);
        }
    }
}

/* Byte 'i' of what items are sorted by, the least significant first. */
static inline unsigned int
sort_byte(const struct item *item, unsigned int i)
{
    return i == 0 ? item->length
                  : (unsigned int) (item->start >> 8 * (i - 1)) & 0xff;
}

/* By start, then by length; those with both the same stay in order.  A pass
 * for each byte in which they differ. */
static void
sort_items(struct items *items, struct insp_budget *budget)
{
    struct item *from = items->at;
    struct item *to = insp_budget_alloc(budget, items->n, sizeof *to);

    for (unsigned int byte = 0; to && byte < 17; byte++) {
        size_t at[256] = { 0 };
        size_t sum = 0;

        for (size_t i = 0; i < items->n; i++) {
            at[sort_byte(&from[i], byte)]++;
        }
        if (at[sort_byte(&from[0], byte)] == items->n) {
            continue;
        }
        for (int i = 0; i < 256; i++) {
            size_t n = at[i];

            at[i] = sum;
            sum += n;
        }
        for (size_t i = 0; i < items->n; i++) {
            to[at[sort_byte(&from[i], byte)]++] = from[i];
        }
        items->at = to;
        to = from;
        from = items->at;
    }
    free(to);
}

static uint64_t
hash_memo(uint32_t node, uint32_t label)
{
    return insp_hash_fold(((uint64_t) node << 32 | label) ^
                              UINT64_C(0x9e3779b97f4a7c15),
                          UINT64_C(0xd1b54a32d192ed03));
}

static struct memo *
find_memo(struct memo *memos, size_t mask, uint32_t node, uint32_t label)
{
    size_t i = hash_memo(node, label);

    while (memos[i & mask].joined &&
           (memos[i & mask].node != node || memos[i & mask].label != label)) {
        i++;
    }
    return &memos[i & mask];
}

static bool
grow_memos(struct sweep *s)
{
    size_t mask = s->memo_mask * 2 + 1;
    struct memo *memos = insp_budget_alloc(s->budget, mask + 1, sizeof *memos);

    if (!memos) {
        return false;
    }
    for (size_t i = 0; s->memos && i <= s->memo_mask; i++) {
        const struct memo *m = &s->memos[i];

        if (m->joined) {
            *find_memo(memos, mask, m->node, m->label) = *m;
        }
    }
    free(s->memos);
    s->memos = memos;
    s->memo_mask = mask;
    return true;
}

/* The node of the labels of 'node' and one more.  A node that is 0 is the
 * empty one, which never results: a label is used. */
static uint32_t
join(struct sweep *s, uint32_t node, uint32_t label)
{
    struct insp_quad quad;
    struct memo *memo;

    if ((2 * s->n_memos >= s->memo_mask && !grow_memos(s)) ||
        s->budget->error) {
        return 0;
    }
    memo = find_memo(s->memos, s->memo_mask, node, label);
    if (memo->joined) {
        return memo->joined;
    }
    quad =
        insp_quad_join(s->pool, &s->nodes[node],
                       &s->labels->labels[label].quad, s->scratch, s->budget);
    memo->node = node;
    memo->label = label;
    memo->joined = node;
    if (memcmp(&quad, &s->nodes[node], sizeof quad) &&
        insp_budget_grow(s->budget, &s->nodes, s->n_nodes, 1, &s->nodes_room,
                         sizeof *s->nodes)) {
        memo->joined = (uint32_t) s->n_nodes;
        s->nodes[s->n_nodes++] = quad;
    }
    s->n_memos += memo->joined != 0;
    return memo->joined;
}

static void
emit(struct sweep *s, insp_uint128 border, uint32_t node)
{
    if (s->n && s->borders[s->n - 1] == border) {
        s->n--;
    }
    if (!s->n || memcmp(&s->nodes[s->border_nodes[s->n - 1]], &s->nodes[node],
                        sizeof s->nodes[node])) {
        s->borders[s->n] = border;
        s->border_nodes[s->n++] = node;
    }
}

static void
pop(struct sweep *s, insp_uint128 last)
{
    insp_uint128 end = s->stack[--s->depth].end;

    if (end != last) {
        emit(s, end + 1, s->stack[s->depth - 1].node);
    }
}

/* Finds the borders of the items of one family with addresses of 'bits'. */
static void
sweep(struct sweep *s, struct items *items, unsigned int bits)
{
    insp_uint128 last = ~(insp_uint128) 0 >> (128 - bits);

    s->n = 0;
    s->borders =
        insp_budget_alloc(s->budget, 2 * items->n + 1, sizeof *s->borders);
    s->border_nodes = insp_budget_alloc(s->budget, 2 * items->n + 1,
                                        sizeof *s->border_nodes);
    if (s->budget->error) {
        return;
    }
    if (items->n) {
        sort_items(items, s->budget);
    }
    s->depth = 1;
    s->stack[0] = (struct frame){ .end = last };
    emit(s, 0, 0);
    for (size_t i = 0; !s->budget->error && i < items->n; i++) {
        const struct item *item = &items->at[i];
        struct frame *top;

        while (s->stack[s->depth - 1].end < item->start) {
            pop(s, last);
        }
        top = &s->stack[s->depth - 1];
        if (s->depth == 1 || top->start != item->start ||
            top->length != item->length) {
            top[1].start = item->start;
            top[1].length = item->length;
            top[1].end = item->length == bits
                             ? item->start
                             : item->start | last >> item->length;
            top[1].node = top->node;
            top++;
            s->depth++;
        }
        top->node = join(s, top->node, item->label);
        emit(s, item->start, top->node);
    }
    while (s->depth > 1) {
        pop(s, last);
    }
}

/* Rounds the borders up to whole lines; the padding is the last address,
 * which belongs to the last border. */
static size_t
freeze4(const struct sweep *s, struct insp_addresses *a)
{
    size_t n_lines = (s->n + INSP_BORDERS_A_LINE - 1) / INSP_BORDERS_A_LINE;
    size_t n = n_lines * INSP_BORDERS_A_LINE;

    a->borders4 = insp_budget_alloc(s->budget, n, sizeof *a->borders4);
    a->quads4 = insp_budget_alloc(s->budget, n, sizeof *a->quads4);
    a->lines4 = insp_budget_alloc(s->budget, n_lines, sizeof *a->lines4);
    for (size_t i = 0; !s->budget->error && i < n; i++) {
        size_t from = INSP_MIN(i, s->n - 1);

        a->borders4[i] = i < s->n ? (uint32_t) s->borders[i] : UINT32_MAX;
        a->quads4[i] = s->border_nodes[from];
        if (i % INSP_BORDERS_A_LINE == 0) {
            a->lines4[i / INSP_BORDERS_A_LINE] = a->borders4[i];
        }
    }
    return n_lines;
}

static void
index4(struct insp_addresses *a, struct insp_budget *budget)
{
    uint32_t last = a->lines4[a->n_lines4 - 1];
    uint32_t line = 0;

    a->base4 = a->lines4[a->n_lines4 > 1];
    while ((last - a->base4) >> a->shift4 >= 2 * a->n_lines4) {
        a->shift4++;
    }
    a->n_buckets4 = ((last - a->base4) >> a->shift4) + 1;
    a->index4 = insp_budget_alloc(budget, a->n_buckets4 + (size_t) 1,
                                  sizeof *a->index4);
    if (!a->index4) {
        return;
    }
    /* Bucket 0 is also what lies before it. */
    for (uint32_t i = 1; i < a->n_buckets4; i++) {
        while (line + 1 < a->n_lines4 &&
               a->lines4[line + 1] <= a->base4 + (i << a->shift4)) {
            line++;
        }
        a->index4[i] = line;
    }
    a->index4[a->n_buckets4] = (uint32_t) a->n_lines4 - 1;
}

static size_t
freeze6(const struct sweep *s, struct insp_addresses *a)
{
    size_t n_lines = (s->n + INSP_BORDERS_A_LINE - 1) / INSP_BORDERS_A_LINE;
    size_t n = n_lines * INSP_BORDERS_A_LINE;

    a->borders6 = insp_budget_alloc(s->budget, n, sizeof *a->borders6);
    a->quads6 = insp_budget_alloc(s->budget, n, sizeof *a->quads6);
    a->lines6 = insp_budget_alloc(s->budget, n_lines, sizeof *a->lines6);
    for (size_t i = 0; !s->budget->error && i < n; i++) {
        size_t from = INSP_MIN(i, s->n - 1);

        a->borders6[i] = i < s->n ? s->borders[i] : ~(insp_uint128) 0;
        a->quads6[i] = s->border_nodes[from];
        if (i % INSP_BORDERS_A_LINE == 0) {
            a->lines6[i / INSP_BORDERS_A_LINE] = a->borders6[i];
        }
    }
    return n_lines;
}

void
insp_addresses_create(struct insp_addresses *a,
                      const struct insp_labels *labels,
                      const struct insp_address_set *sets, size_t n_sets,
                      struct insp_pool *pool, struct insp_budget *budget)
{
    struct items family[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } };
    struct sweep s = { .labels = labels, .pool = pool, .budget = budget };

    memset(a, 0, sizeof *a);
    s.scratch = insp_dense_create(budget, &pool->shape);
    s.memo_mask = 255;
    s.memos = insp_budget_alloc(budget, s.memo_mask + 1, sizeof *s.memos);
    if (insp_budget_grow(budget, &s.nodes, 0, 1, &s.nodes_room,
                         sizeof *s.nodes)) {
        memset(&s.nodes[s.n_nodes++], 0, sizeof *s.nodes);
        gather(family, labels, sets, n_sets, budget);
    }
    for (int i = 0; !budget->error && i < 2; i++) {
        sweep(&s, &family[i], i ? 128 : 32);
        if (!budget->error) {
            *(i ? &a->n_lines6 : &a->n_lines4) =
                i ? freeze6(&s, a) : freeze4(&s, a);
        }
        if (!budget->error && !i) {
            index4(a, budget);
        }
        free(s.borders);
        free(s.border_nodes);
        free(family[i].at);
        family[i].at = NULL;
    }
    a->quads = s.nodes;
    free(family[0].at);
    free(family[1].at);
    free(s.memos);
    free(s.scratch);
}

void
insp_addresses_uninit(struct insp_addresses *a)
{
    free(a->borders4);
    free(a->lines4);
    free(a->quads4);
    free(a->index4);
    free(a->borders6);
    free(a->lines6);
    free(a->quads6);
    free(a->quads);
}
