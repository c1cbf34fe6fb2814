/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A sorted array of runs with a gap between any two.  What is added swallows
 * all that it touches: of
 *
 *      [----)    [--)  [---)         [--)
 *
 * and [------------) from the first one's middle, one run is made in the
 * place of the first that it touches, and what lies behind moves up.  The
 * usual case, the next number, only moves an end.
 *
 * When gaps close, the room that their runs had is given back: otherwise who
 * makes and closes them in one stream after the other would be bounded by
 * none of what is counted. */

#include "intervals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first run whose end is at or behind 'number', or 'n'. */
static size_t
find(const struct collector_intervals *set, uint64_t number)
{
    size_t low = 0, high = set->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->runs[middle].end < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
collector_intervals_has(const struct collector_intervals *set, uint64_t number)
{
    size_t i = find(set, number);

    /* The run may only touch it. */
    i += i < set->n && set->runs[i].end == number;
    return i < set->n && set->runs[i].first <= number;
}

#define FEWEST 4 /* Runs that there is room for. */

static int
make_room(struct collector_intervals *set, size_t most)
{
    size_t more = set->allocated ? 2 * set->allocated : FEWEST;
    struct collector_interval *runs;

    if (set->n >= most) {
        return ENOSPC;
    } else if (set->n < set->allocated) {
        return 0;
    }
    runs = realloc(set->runs, more * sizeof *runs);
    if (!runs) {
        return ENOMEM;
    }
    set->runs = runs;
    set->allocated = more;
    return 0;
}

static void
give_back(struct collector_intervals *set)
{
    size_t less = set->allocated;
    struct collector_interval *runs;

    while (less > FEWEST && set->n < less / 4) {
        less /= 2;
    }
    if (less < set->allocated) {
        runs = realloc(set->runs, less * sizeof *runs);
        if (runs) {
            set->runs = runs;
            set->allocated = less;
        }
    }
}

static int
insert(struct collector_intervals *set, size_t most, size_t at, uint64_t first,
       uint64_t end)
{
    int error = make_room(set, most);

    if (!error) {
        memmove(set->runs + at + 1, set->runs + at,
                (set->n - at) * sizeof *set->runs);
        set->runs[at] = (struct collector_interval){ first, end };
        set->n++;
    }
    return error;
}

int
collector_intervals_add(struct collector_intervals *set, size_t most,
                        uint64_t first, uint64_t end, uint64_t *fresh)
{
    size_t at = find(set, first), behind = at;
    uint64_t here = 0;

    *fresh = end - first;
    if (at == set->n || set->runs[at].first > end) {
        return insert(set, most, at, first, end);
    }
    for (; behind < set->n && set->runs[behind].first <= end; behind++) {
        const struct collector_interval *run = &set->runs[behind];
        uint64_t from = INSP_MAX(run->first, first);
        uint64_t to = INSP_MIN(run->end, end);

        here += to - from;
    }
    set->runs[at].first = INSP_MIN(set->runs[at].first, first);
    set->runs[at].end = INSP_MAX(set->runs[behind - 1].end, end);
    memmove(set->runs + at + 1, set->runs + behind,
            (set->n - behind) * sizeof *set->runs);
    set->n -= behind - at - 1;
    give_back(set);
    *fresh -= here;
    return 0;
}

void
collector_intervals_uninit(struct collector_intervals *set)
{
    free(set->runs);
    memset(set, 0, sizeof *set);
}
