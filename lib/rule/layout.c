/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Entries get their bits by likeness: first those with the same blanks (no
 * source, no destination, no service), of these the ones with like sources
 * and destinations, of these the ones with the same service.  So what a given
 * packet may match stands in few words, and the summaries rule out the
 * others; by rank it would be spread over all of them.  Slot and pass are no
 * matter in this: a word has entries of many segments, and inside it they are
 * sorted by segment and rank, so that the lowest bit of a segment is the one
 * that counts.  Words come by the lowest rank in them: those that cannot
 * better what was found are passed by. */

#include "rule/layout.h"

static int
compare_services(const struct insp_service *a, const struct insp_service *b)
{
    return a->proto != b->proto          ? a->proto - b->proto
           : a->kind != b->kind          ? a->kind - b->kind
           : a->kind == INSP_SERVICE_APP ? a->app - b->app
           : a->kind == INSP_SERVICE_SNI ? strcmp(a->text, b->text)
                                         : a->first - b->first;
}

static int
compare_terms(const struct insp_term *a, const struct insp_term *b)
{
    if (a->kind != b->kind) {
        return a->kind - b->kind;
    }
    return a->text ? strcmp(a->text, b->text)
           : a->kind == INSP_TERM_MAC
               ? memcmp(a->mac, b->mac, sizeof a->mac)
               : memcmp(a->addr, b->addr, sizeof a->addr);
}

static int
compare_ranks(const void *a_, const void *b_)
{
    const struct insp_laid *a = a_;
    const struct insp_laid *b = b_;

    return a->rank - b->rank;
}

/* Segments in the order in which they are judged. */
static unsigned int
order_of(const struct insp_laid *e)
{
    return e->segment % INSP_N_SLOTS * INSP_N_PASSES +
           e->segment / INSP_N_SLOTS;
}

static int
compare_in_word(const void *a, const void *b)
{
    int order = (int) order_of(a) - (int) order_of(b);

    return order ? order : compare_ranks(a, b);
}

/* By likeness. */
static int
compare_entries(const void *a_, const void *b_)
{
    const struct insp_laid *a = a_;
    const struct insp_laid *b = b_;
    int order = a->blanks - b->blanks;

    for (int i = 0; !order && i < 2; i++) {
        if (a->ends[i]) {
            order = compare_terms(a->ends[i], b->ends[i]);
        }
    }
    if (!order && a->service) {
        order = compare_services(a->service, b->service);
    }
    return order ? order : compare_in_word(a, b);
}

struct run {
    struct insp_laid *entries;
    size_t n;
    uint16_t rank; /* The lowest. */
};

static int
compare_runs(const void *a_, const void *b_)
{
    const struct run *a = a_;
    const struct run *b = b_;

    return a->rank != b->rank ? a->rank - b->rank
                              : compare_in_word(a->entries, b->entries);
}

void
insp_lay_out(struct insp_laid *entries, size_t n, struct insp_shape *shape,
             struct insp_budget *budget)
{
    size_t n_words = (n + 63) / 64;
    struct run *words = insp_budget_alloc(budget, n_words, sizeof *words);

    if (words && n_words) {
        qsort(entries, n, sizeof *entries, compare_entries);
        for (size_t i = 0; i < n_words; i++) {
            struct run *w = &words[i];

            w->entries = entries + 64 * i;
            w->n = INSP_MIN(n - 64 * i, 64);
            w->rank = UINT16_MAX;
            qsort(w->entries, w->n, sizeof *w->entries, compare_in_word);
            for (size_t j = 0; j < w->n; j++) {
                w->rank = INSP_MIN(w->rank, w->entries[j].rank);
            }
        }
        qsort(words, n_words, sizeof *words, compare_runs);
        for (size_t i = 0; i < n_words; i++) {
            for (size_t j = 0; j < words[i].n; j++) {
                words[i].entries[j].bit = (uint32_t) (64 * i + j);
            }
        }
    }
    *shape = insp_shape((uint32_t) (64 * n_words));
    free(words);
}
