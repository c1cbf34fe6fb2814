/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals
 * =========
 *
 * A set of numbers, kept as the runs that it consists of: which records of a
 * stream are here, so that none is taken twice.  In order, it is one run.
 *
 * Above:    streams.c.             Below:  libc.
 * Threads:  none of its own.
 * Memory:   16 bytes a run, and room for at most four times as many.
 * Time:     by halves to find; to add, as many runs as lie behind.
 * Fails:    add, with ENOSPC when it would be too many runs, or ENOMEM; the
 *           set is as it was then.
 */

#ifndef COLLECTOR_INTERVALS_H
#define COLLECTOR_INTERVALS_H 1

#include "base/compiler.h"

struct collector_interval {
    uint64_t first;
    uint64_t end; /* The first number that is not in it. */
};

/* All zero is the empty set. */
struct collector_intervals {
    struct collector_interval *runs; /* In order, none touches the next. */
    size_t n;
    size_t allocated;
};

bool collector_intervals_has(const struct collector_intervals *,
                             uint64_t number);

/* Adds 'first' to 'end' - 1; '*fresh' of them were not in it.  'first' is
 * below 'end'.  A run more is made only while there are fewer than 'most'. */
int collector_intervals_add(struct collector_intervals *, size_t most,
                            uint64_t first, uint64_t end,
                            uint64_t *fresh) INSP_MUST_USE;

void collector_intervals_uninit(struct collector_intervals *);

#endif /* intervals.h */
