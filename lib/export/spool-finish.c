/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Every record that is held has a bit in its block.  It is cleared, so to
 * speak, at one place: insp_spool_let_go().  Why it is let go, acknowledged or
 * dropped, its caller counts.
 *
 * What is dropped is told twice, by inspector and by number.  The sums of a
 * block are divided when not all of its records are dropped, for what each of
 * them spoke of is known to those alone who read the block.
 */

#include "export/spool-private.h"

/* Letting go. */

static bool
is_passed(const struct insp_spool *s, const struct insp_spool_block *b,
          uint32_t record)
{
    return !s->cursor || b->order < s->cursor->order ||
           (b == s->cursor && record < s->cursor_at);
}

void
insp_spool_let_go(struct insp_spool *s, struct insp_spool_block *b,
                  uint32_t record)
{
    b->finished[record / 8] |= (uint8_t) (1 << record % 8);
    b->n_finished++;
    s->beyond++;
    s->counts.held--;
    s->counts.passed -= is_passed(s, b, record);
    if (b->segment) {
        b->segment->n_held--;
    }
}

static void
add_loss(struct insp_spool *s, uint32_t inspector, uint64_t records,
         uint64_t packets, uint64_t bytes)
{
    struct insp_spool_loss *l = s->losses;

    while (l < s->losses + s->n_losses && l->inspector != inspector) {
        l++;
    }
    if (l == s->losses + INSP_SPOOL_SUMS_MAX) {
        l--; /* More ids than can be: to the last. */
    } else if (l == s->losses + s->n_losses) {
        *l = (struct insp_spool_loss){
            inspector, { .since_ns = s->host->wall_ns(s->host->aux) }
        };
        s->n_losses++;
    }
    l->sums.records += records;
    l->sums.packets += packets;
    l->sums.bytes += bytes;
}

static void
note_lost(struct insp_spool *s, uint32_t incarnation, uint64_t first,
          uint64_t count)
{
    struct insp_spool_lost *l =
        &s->lost[(s->lost_first + s->n_lost - 1) % INSP_SPOOL_LOST_MAX];

    if (s->n_lost && l->incarnation == incarnation &&
        l->first + l->count == first) {
        l->count += count;
        return;
    }
    if (s->n_lost == INSP_SPOOL_LOST_MAX) {
        s->lost_first = (s->lost_first + 1) % INSP_SPOOL_LOST_MAX;
        s->n_lost--;
    }
    s->lost[(s->lost_first + s->n_lost++) % INSP_SPOOL_LOST_MAX] =
        (struct insp_spool_lost){ incarnation, first, count };
}

/* The share of 'part' in 'whole' of 'sum', without an overflow. */
static uint64_t
share(uint64_t sum, uint32_t part, uint32_t whole)
{
    return part == whole ? sum
                         : sum / whole * part + sum % whole * part / whole;
}

/* What 'n' records of the block spoke of, which is exact when they are all,
 * and else what they would if all spoke of as much. */
static void
lose(struct insp_spool *s, const struct insp_spool_block *b, uint32_t n)
{
    uint32_t left = n;

    for (unsigned int i = 0; i < b->n_sums && left; i++) {
        const struct insp_spool_sum *sum = &b->sums[i];
        uint32_t part = i + 1 < b->n_sums
                            ? (uint32_t) share(sum->records, n, b->n_records)
                            : INSP_MIN(left, sum->records);

        part = INSP_MIN(part, left);
        if (part) {
            add_loss(s, sum->inspector, part,
                     share(sum->packets, part, sum->records),
                     share(sum->bytes, part, sum->records));
        }
        left -= part;
    }
    if (left) {
        add_loss(s, b->sums[0].inspector, left, 0, 0);
    }
}

static void
drop_some(struct insp_spool *s, struct insp_spool_block *b, uint32_t from,
          uint32_t to, uint64_t *reason)
{
    uint32_t n = 0, at = 0;

    for (unsigned int i = 0; i < b->n_runs; at += b->runs[i++].count) {
        for (uint32_t j = 0; j < b->runs[i].count; j++) {
            if (at + j >= from && at + j < to &&
                !insp_spool_is_finished(b, at + j)) {
                insp_spool_let_go(s, b, at + j);
                note_lost(s, b->incarnation, b->runs[i].first + j, 1);
                n++;
            }
        }
    }
    lose(s, b, n);
    s->counts.dropped += n;
    *reason += n;
}

void
insp_spool_drop_damaged(struct insp_spool *s, struct insp_spool_block *b,
                        uint32_t from, uint32_t to)
{
    drop_some(s, b, from, to, &s->counts.dropped_damaged);
}

static struct insp_spool_segment *
oldest_at_rest(const struct insp_spool *s)
{
    struct insp_spool_segment *g = s->oldest;

    while (g && (!g->first || is_passed(s, g->first, 0))) {
        g = g->next;
    }
    return g ? g : s->oldest;
}

bool
insp_spool_drop_oldest(struct insp_spool *s)
{
    struct insp_spool_segment *segment = oldest_at_rest(s);
    struct insp_spool_block *b;

    if (!segment) {
        return false;
    }
    for (b = segment->first; b && b->segment == segment; b = b->newer) {
        drop_some(s, b, 0, b->n_records, &s->counts.dropped_full);
    }
    insp_spool_remove_segment(s, segment);
    return true;
}

bool
insp_spool_next_loss(struct insp_spool *s, uint32_t *inspector,
                     struct insp_record_loss *loss)
{
    if (!s->n_losses) {
        return false;
    }
    s->n_losses--;
    *inspector = s->losses[s->n_losses].inspector;
    *loss = s->losses[s->n_losses].sums;
    return true;
}

bool
insp_spool_next_lost(struct insp_spool *s, uint32_t *incarnation,
                     uint64_t *first, uint64_t *count)
{
    const struct insp_spool_lost *l = &s->lost[s->lost_first];

    if (!s->n_lost) {
        return false;
    }
    *incarnation = l->incarnation;
    *first = l->first;
    *count = l->count;
    s->lost_first = (s->lost_first + 1) % INSP_SPOOL_LOST_MAX;
    s->n_lost--;
    return true;
}

/* Finishing. */

void
insp_spool_move_front(struct insp_spool *s)
{
    while (s->front && s->front->n_finished == s->front->n_records) {
        s->beyond -= s->front->n_records;
        s->front = s->front->newer;
    }
}

static uint64_t
finish_block(struct insp_spool *s, struct insp_spool_block *b, uint64_t first,
             uint64_t last)
{
    uint32_t at = 0;
    uint64_t n = 0;

    for (unsigned int i = 0; i < b->n_runs; at += b->runs[i++].count) {
        const struct insp_spool_run *run = &b->runs[i];
        uint64_t lo = INSP_MAX(first, run->first);
        uint64_t hi = INSP_MIN(last, run->first + run->count - 1);

        for (uint64_t number = lo; number <= hi; number++) {
            uint32_t record = at + (uint32_t) (number - run->first);

            if (!insp_spool_is_finished(b, record)) {
                insp_spool_let_go(s, b, record);
                n++;
            }
        }
    }
    s->counts.finished += n;
    return n;
}

static bool
is_in_open(const struct insp_spool *s, uint64_t first, uint64_t last)
{
    for (unsigned int i = 0; s->open && i < s->head.n_runs; i++) {
        const struct insp_spool_run *run = &s->head.runs[i];

        if (first < run->first + run->count && last >= run->first) {
            return true;
        }
    }
    return false;
}

uint64_t
insp_spool_finish(struct insp_spool *s, uint32_t incarnation, uint64_t first,
                  uint64_t count)
{
    uint64_t last = first + INSP_MIN(count - 1, UINT64_MAX - first), n = 0;
    struct insp_spool_segment *next;

    if (!count) {
        return 0;
    }
    for (struct insp_spool_segment *g = s->oldest; g; g = next) {
        struct insp_spool_block *b = g->first;

        next = g->next;
        if (first > g->hi || last < g->lo) {
            continue;
        }
        for (; b && b->segment == g; b = b->newer) {
            if (b->incarnation == incarnation &&
                b->n_finished < b->n_records) {
                n += finish_block(s, b, first, last);
            }
        }
        if (!g->n_held) {
            insp_spool_remove_segment(s, g);
        }
    }
    if (incarnation == s->incarnation && is_in_open(s, first, last) &&
        !s->sealed) {
        (void) insp_spool_seal(s);
    }
    if (s->sealed && incarnation == s->incarnation) {
        n += finish_block(s, s->last, first, last);
        insp_spool_tidy(s, s->last);
    }
    insp_spool_move_front(s);
    return n;
}
