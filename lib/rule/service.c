/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The ranges of one protocol are borders on the line of its 65536 ports.
 * Going up the line, an entry is in the set from its first port to its last;
 * an entry may be there by several ranges, so it is counted.  Between two
 * borders the set is one pair of vectors.  A page without a border that is
 * like the one before it is that page, so a range of many ports costs
 * little.
 *
 * A whole protocol is its range 0 to 65535; an ICMP type stands in the place
 * of the port. */

#include "rule/service.h"

struct event {
    uint32_t entry;
    uint32_t port; /* Up to 65536. */
    bool begins;
    bool reverse;
};

/* From that port on. */
struct border {
    uint32_t port;
    uint32_t pair;
};

struct line {
    struct insp_services *services;
    struct insp_pool *pool;
    struct insp_budget *budget;
    uint64_t *dense[2];     /* Entries at this port, by 'reverse'. */
    uint32_t *counts;       /* By entry: ranges that cover this port. */
    struct border *borders; /* Ascending; the first is at port 0. */
    size_t n_borders;
    struct event *events;
    size_t n_pairs;
    size_t pairs_room;
    size_t n_cells;
    size_t cells_room;
};

static int
compare_uses(const void *a_, const void *b_)
{
    const struct insp_service_use *a = a_;
    const struct insp_service_use *b = b_;

    return a->kind != b->kind ? a->kind - b->kind : a->proto - b->proto;
}

static int
compare_events(const void *a_, const void *b_)
{
    const struct event *a = a_;
    const struct event *b = b_;

    return a->port != b->port ? (a->port < b->port ? -1 : 1) : 0;
}

/* The pair of what is in the dense vectors now. */
static uint32_t
add_pair(struct line *line)
{
    struct insp_service_pair pair;
    struct insp_service_pair *pairs;

    for (int i = 0; i < 2; i++) {
        pair.vector[i] =
            insp_pool_add(line->pool, line->dense[i], line->budget);
    }
    if (!(pair.vector[0] | pair.vector[1]) ||
        !insp_budget_grow(line->budget, &line->services->pairs, line->n_pairs,
                          1, &line->pairs_room, sizeof pair)) {
        return 0;
    }
    pairs = line->services->pairs;
    pairs[line->n_pairs] = pair;
    return (uint32_t) line->n_pairs++;
}

static void
apply(struct line *line, const struct event *e)
{
    uint64_t *dense = line->dense[e->reverse];

    if (e->begins) {
        if (!line->counts[e->entry]++) {
            insp_dense_set(dense, &line->pool->shape, e->entry);
        }
    } else if (!--line->counts[e->entry]) {
        insp_dense_unset(dense, &line->pool->shape, e->entry);
    }
}

static void
add_border(struct line *line, uint32_t port, uint32_t pair)
{
    line->borders[line->n_borders++] = (struct border){ port, pair };
}

/* Finds 'line->borders'; leaves the dense vectors empty. */
static void
draw(struct line *line, const struct insp_service_use *uses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        line->events[2 * i] = (struct event){ uses[i].entry, uses[i].first,
                                              true, uses[i].reverse };
        line->events[2 * i + 1] =
            (struct event){ uses[i].entry, uses[i].last + 1u, false,
                            uses[i].reverse };
    }
    qsort(line->events, 2 * n, sizeof *line->events, compare_events);
    line->n_borders = 0;
    if (line->events[0].port) {
        add_border(line, 0, 0);
    }
    for (size_t i = 0; i < 2 * n;) {
        uint32_t port = line->events[i].port;

        for (; i < 2 * n && line->events[i].port == port; i++) {
            apply(line, &line->events[i]);
        }
        add_border(line, port, add_pair(line));
    }
}

/* Fills a page; 'border' is the last one before it, and is moved to the last
 * one in it. */
static void
fill_page(const struct line *line, size_t *border, uint32_t first,
          uint32_t cells[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        while (*border + 1 < line->n_borders &&
               line->borders[*border + 1].port <= first + i) {
            ++*border;
        }
        cells[i] = line->borders[*border].pair;
    }
}

/* Whether the page from 'first' on has no border inside. */
static bool
is_plain(const struct line *line, size_t border, uint32_t first)
{
    return border + 1 == line->n_borders ||
           line->borders[border + 1].port >= first + 256;
}

/* Cuts the line into pages. */
static void
cut(struct line *line, uint32_t pages[256])
{
    struct insp_services *s = line->services;
    bool plain = false; /* The page before, and this is its pair. */
    uint32_t pair = 0;
    size_t border = 0;

    for (uint32_t i = 0; i < 256; i++) {
        if (plain && is_plain(line, border, 256 * i) &&
            line->borders[border].pair == pair) {
            pages[i] = pages[i - 1];
        } else if (insp_budget_grow(line->budget, &s->cells, line->n_cells, 1,
                                    &line->cells_room, sizeof *s->cells)) {
            fill_page(line, &border, 256 * i, s->cells[line->n_cells]);
            pages[i] = (uint32_t) line->n_cells++;
            pair = line->borders[border].pair;
            plain = s->cells[pages[i]][0] == pair &&
                    !memcmp(&s->cells[pages[i]][0], &s->cells[pages[i]][1],
                            255 * sizeof pair);
        }
    }
}

/* Of all uses of 'kind', which stand together from 'uses' on. */
static size_t
add_kind(struct line *line, const struct insp_service_use *uses, size_t n,
         uint8_t kind, uint32_t vector[2])
{
    size_t i;

    for (i = 0; i < n && uses[i].kind == kind; i++) {
        insp_dense_set(line->dense[uses[i].reverse], &line->pool->shape,
                       uses[i].entry);
    }
    for (int r = 0; r < 2; r++) {
        vector[r] = insp_pool_add(line->pool, line->dense[r], line->budget);
        insp_dense_clear(line->dense[r], &line->pool->shape);
    }
    return i;
}

static void
add_protos(struct line *line, const struct insp_service_use *uses, size_t n)
{
    struct insp_services *s = line->services;
    uint16_t n_protos = 1;

    while (n && !line->budget->error) {
        size_t same = 1;

        while (same < n && uses[same].proto == uses->proto) {
            same++;
        }
        draw(line, uses, same);
        cut(line, s->pages[n_protos]);
        s->by_proto[uses->proto] = n_protos++;
        uses += same;
        n -= same;
    }
}

void
insp_services_create(struct insp_services *s, struct insp_service_use *uses,
                     size_t n, struct insp_pool *pool,
                     struct insp_budget *budget)
{
    struct line line = { .services = s, .pool = pool, .budget = budget };
    size_t n_ports = 0;
    size_t n_protos = 0;

    memset(s, 0, sizeof *s);
    if (n) {
        qsort(uses, n, sizeof *uses, compare_uses);
    }
    for (; n_ports < n && uses[n_ports].kind == INSP_SERVICE_PORTS;
         n_ports++) {
        n_protos += !n_ports || uses[n_ports].proto != uses[n_ports - 1].proto;
    }
    s->pages = insp_budget_alloc(budget, n_protos + 1, sizeof *s->pages);
    line.dense[0] = insp_dense_create(budget, &pool->shape);
    line.dense[1] = insp_dense_create(budget, &pool->shape);
    line.counts = insp_budget_alloc(budget, 64 * pool->shape.n_words,
                                    sizeof *line.counts);
    line.borders = insp_budget_alloc(budget, 2 * n + 1, sizeof *line.borders);
    line.events = insp_budget_alloc(budget, 2 * n, sizeof *line.events);
    /* Pair 0 has no entry, and page 0 is of protocols that no rule names. */
    if (insp_budget_grow(budget, &s->pairs, 0, 1, &line.pairs_room,
                         sizeof *s->pairs) &&
        insp_budget_grow(budget, &s->cells, 0, 1, &line.cells_room,
                         sizeof *s->cells)) {
        memset(&s->pairs[line.n_pairs++], 0, sizeof *s->pairs);
        memset(s->cells[line.n_cells++], 0, sizeof *s->cells);
    }
    if (!budget->error && n) {
        add_protos(&line, uses, n_ports);
        uses += n_ports;
        n -= n_ports;
        n_ports = add_kind(&line, uses, n, INSP_SERVICE_ARP, s->arp);
        add_kind(&line, uses + n_ports, n - n_ports, INSP_SERVICE_ND, s->nd);
    }
    free(line.dense[0]);
    free(line.dense[1]);
    free(line.counts);
    free(line.borders);
    free(line.events);
}

void
insp_services_uninit(struct insp_services *s)
{
    free(s->pages);
    free(s->cells);
    free(s->pairs);
}
