/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     next                     next + size
 *      v                        v
 *      |== in order, waiting ===|      |== range ==|    |= range =|
 *      +-- block ----------------------------------------------------
 *
 * The block, when there is one, begins at 'next'.  Bytes go in where nothing
 * stands yet, so the first of two copies stays.  When the reader is done with
 * the front of it, the rest moves down: that happens where bytes had to wait,
 * which is seldom, and is bounded by the block.
 *
 * While bytes are to be passed, holes in them do not matter: 'next' jumps to
 * the end of whatever comes, and what comes late is old.
 */

#include "app/stream.h"

#include <string.h>

#include "app/app.h"

_Static_assert(INSP_READER_WINDOW == INSP_BLOCK_LARGE,
               "a window is the largest block");

void
insp_stream_begin(struct insp_stream *s, uint32_t seq)
{
    s->next = seq;
    s->is_begun = true;
}

void
insp_stream_end(struct insp_stream *s, struct insp_store *store)
{
    if (s->block) {
        insp_store_give(store, s->block);
    }
    s->block = 0;
    s->size = 0;
    s->n_ranges = 0;
    s->n_far = 0;
}

static void
remove_range(struct insp_stream *s, unsigned int i)
{
    s->n_ranges--;
    memmove(&s->range[i], &s->range[i + 1],
            (size_t) (s->n_ranges - i) * sizeof s->range[0]);
}

/* Ranges that have been reached by what is in order. */
static void
absorb(struct insp_stream *s)
{
    while (s->n_ranges && s->range[0].from <= s->size) {
        s->size = INSP_MAX(s->size, s->range[0].to);
        remove_range(s, 0);
    }
}

static bool
add_range(struct insp_stream *s, uint16_t from, uint16_t to)
{
    unsigned int i = 0;

    while (i < s->n_ranges && s->range[i].to < from) {
        i++;
    }
    if (i == s->n_ranges || to < s->range[i].from) {
        if (s->n_ranges == INSP_STREAM_RANGES) {
            return false;
        }
        memmove(&s->range[i + 1], &s->range[i],
                (size_t) (s->n_ranges - i) * sizeof s->range[0]);
        s->n_ranges++;
        s->range[i].from = from;
        s->range[i].to = to;
        return true;
    }
    s->range[i].from = INSP_MIN(s->range[i].from, from);
    s->range[i].to = INSP_MAX(s->range[i].to, to);
    while (i + 1u < s->n_ranges && s->range[i + 1].from <= s->range[i].to) {
        s->range[i].to = INSP_MAX(s->range[i].to, s->range[i + 1].to);
        remove_range(s, i + 1);
    }
    return true;
}

/* A block for 'need' bytes; false: there is none. */
static bool
require(struct insp_stream *s, struct insp_store *store, size_t need)
{
    uint32_t block;

    if (s->block && need <= insp_block_size(s->block)) {
        return true;
    }
    block = insp_store_take(store, need, s->share);
    if (!block) {
        return false;
    }
    if (s->block) {
        memcpy(insp_block_at(store, block), insp_block_at(store, s->block),
               insp_block_size(s->block));
        insp_store_give(store, s->block);
    }
    s->block = block;
    return true;
}

/* Copies to where nothing stands yet in [from, to) of the block. */
static void
fill(const struct insp_stream *s, uint8_t *block, size_t from, size_t to,
     const uint8_t *bytes)
{
    size_t at = INSP_MAX(from, s->size);

    for (unsigned int i = 0; i < s->n_ranges && at < to; i++) {
        if (at < s->range[i].from) {
            size_t end = INSP_MIN(to, s->range[i].from);

            memcpy(block + at, bytes + (at - from), end - at);
        }
        at = INSP_MAX(at, s->range[i].to);
    }
    if (at < to) {
        memcpy(block + at, bytes + (at - from), to - at);
    }
}

/* The segment is left out, as if it had not come, or the stream is lost. */
static size_t
leave_out(struct insp_stream *s, size_t ofs, size_t size)
{
    s->is_lost |= (s->resyncs && ofs < INSP_STREAM_FAR) ||
                  ++s->n_far >= INSP_STREAM_FAR_MAX;
    return s->is_lost ? 0 : size;
}

/* Keeps what begins 'ofs' bytes behind 'next'; returns how much of it. */
static size_t
keep(struct insp_stream *s, struct insp_store *store, size_t ofs,
     const uint8_t *bytes, size_t size)
{
    size_t window = insp_block_size_within(s->room), end;

    if (ofs >= window) {
        /* Full, and its reader wants more: that will not help. */
        return s->size >= window ? 0 : leave_out(s, ofs, size);
    }
    end = INSP_MIN(ofs + size, window);
    if (!require(s, store, end)) {
        s->is_lost = true;
        return 0;
    }
    fill(s, insp_block_at(store, s->block), ofs, end, bytes);
    if (ofs <= s->size) {
        s->size = (uint16_t) INSP_MAX(s->size, end);
        s->n_far = 0;
        absorb(s);
    } else if (!add_range(s, (uint16_t) ofs, (uint16_t) end)) {
        return leave_out(s, ofs, size);
    }
    return end - ofs;
}

/* Moves 'next' on by 'n', and what is kept down. */
static void
advance(struct insp_stream *s, struct insp_store *store, size_t n)
{
    size_t extent = s->n_ranges ? s->range[s->n_ranges - 1].to : s->size;
    uint8_t *block;

    s->next += (uint32_t) n;
    if (!s->block || !n) {
        return;
    }
    if (n >= extent) {
        insp_stream_end(s, store);
        return;
    }
    block = insp_block_at(store, s->block);
    memmove(block, block + n, extent - n);
    s->size = (uint16_t) (s->size > n ? s->size - n : 0);
    while (s->n_ranges && s->range[0].to <= n) {
        remove_range(s, 0);
    }
    for (unsigned int i = 0; i < s->n_ranges; i++) {
        s->range[i].from =
            (uint16_t) (s->range[i].from > n ? s->range[i].from - n : 0);
        s->range[i].to = (uint16_t) (s->range[i].to - n);
    }
    absorb(s);
}

void
insp_stream_look(const struct insp_stream *s, const struct insp_store *store,
                 struct insp_stream_view *view)
{
    view->bytes = s->block ? insp_block_at(store, s->block) : NULL;
    view->size = s->block ? s->size : 0;
    view->missing = 0;
    view->is_new = false;
}

size_t
insp_stream_push(struct insp_stream *s, struct insp_store *store, uint32_t seq,
                 const uint8_t *bytes, size_t captured, size_t size,
                 struct insp_stream_view *view)
{
    int64_t ofs;
    size_t taken = 0, before, kept;

    insp_stream_look(s, store, view);
    if (!s->is_begun) {
        insp_stream_begin(s, seq);
    }
    ofs = (int32_t) (seq - s->next);
    if (ofs < 0) {
        taken = (size_t) -ofs;
        ofs = 0;
    }
    if (s->pass && taken < size) {
        uint64_t end = (uint64_t) ofs + (size - taken);

        if (end <= s->pass) {
            s->next += (uint32_t) end;
            s->pass -= end;
            return size;
        }
        s->next += (uint32_t) s->pass;
        if (s->pass > (uint64_t) ofs) {
            taken += (size_t) (s->pass - (uint64_t) ofs);
            ofs = 0;
        } else {
            ofs -= (int64_t) s->pass;
        }
        s->pass = 0;
    }
    if (taken >= size) {
        return size; /* Nothing that is new. */
    }
    bytes += INSP_MIN(taken, captured);
    captured -= INSP_MIN(taken, captured);
    size -= taken;
    if (!ofs && !s->block) {
        s->n_far = 0;
        *view = (struct insp_stream_view){ bytes, captured, size - captured,
                                           true };
        return taken + size;
    }
    before = view->size;
    kept = keep(s, store, (size_t) ofs, bytes, captured);
    insp_stream_look(s, store, view);
    view->is_new = view->size > before;
    /* What was not captured stays a hole. */
    return kept < captured ? taken + kept : taken + size;
}

/* The view lies in the packet: what is left of it must be kept. */
static void
done_with_packet(struct insp_stream *s, struct insp_store *store,
                 const struct insp_stream_view *view, size_t n, uint64_t pass)
{
    size_t left = view->size - n;
    size_t now = (size_t) INSP_MIN(pass, left + view->missing);
    const uint8_t *bytes = view->bytes + n;

    s->next += (uint32_t) (n + now);
    s->pass = pass - now;
    if (now >= left) {
        s->is_lost |= now < left + view->missing;
        return;
    }
    bytes += now;
    left -= now;
    s->is_lost |= view->missing != 0;
    if (keep(s, store, 0, bytes, left) < left) {
        s->is_lost = true;
    }
}

void
insp_stream_done(struct insp_stream *s, struct insp_store *store,
                 const struct insp_stream_view *view, size_t n, uint64_t pass)
{
    if (!s->block) {
        if (view->bytes) {
            done_with_packet(s, store, view, n, pass);
        }
        return;
    }
    advance(s, store, n);
    if (pass) {
        size_t kept = !s->block     ? 0
                      : s->n_ranges ? s->range[s->n_ranges - 1].to
                                    : s->size;
        size_t now = (size_t) INSP_MIN(pass, kept);

        advance(s, store, now);
        s->pass = pass - now;
    }
}

bool
insp_stream_resync(struct insp_stream *s, struct insp_store *store)
{
    s->is_lost = false;
    s->pass = 0;
    s->n_far = 0;
    if (s->block && s->n_ranges) {
        advance(s, store, s->range[0].from);
        return true;
    }
    insp_stream_end(s, store);
    s->is_begun = false;
    return false;
}
