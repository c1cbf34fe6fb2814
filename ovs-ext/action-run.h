/* SPDX-License-Identifier: Apache-2.0 */
/* Action run
 * ==========
 *
 * Runs an inspect action: batch in, batch out.  Hands the packets to the
 * engine and does what its verdicts say: keep, delete, answer, or send by a
 * redirect list of the action; and goes on with those that a function sends
 * back.
 *
 * Above:    lib/odp-execute.c of Open vSwitch, by way of hooks.h; rows.c.
 * Below:    engine/engine.h, action-codec.h, rest.h, encap.h, answer.h,
 *           worker-map.h.
 * Threads:  init, set and counters: main thread.  The action itself: any.
 * Memory:   the stack, about 40 KB for what comes out of a function; for
 *           what answer.h and encap.h say, the heap.
 * Time:     one monotonic clock reading a batch.
 * Fails:    never; what cannot be inspected is counted as lost.
 */

#ifndef OVSEXT_ACTION_RUN_H
#define OVSEXT_ACTION_RUN_H 1

#include <stdint.h>
#include <time.h>

struct insp_engine;

/* The clock of the packet path.  The engine's host must use it as well: it
 * is not the one of timeval.h, which tests may stop. */
static inline uint64_t
ovsext_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * UINT64_C(1000000000) +
           (uint64_t) now.tv_nsec;
}

/* From now on inspect actions run on 'engine'; NULL: they do nothing.  When
 * it returns, no thread uses the engine that was set before. */
void ovsext_run_set_engine(struct insp_engine *);

/* What became of packets by verdict, since the process began. */
struct ovsext_run_stats {
    uint64_t dropped;       /* Verdict drop. */
    uint64_t reset;         /* Verdict reset: gone as well... */
    uint64_t answered;      /* ... and the ends were told... */
    uint64_t unanswered;    /* ... or not, because of the rate limit. */
    uint64_t redirected;    /* Sent by a redirect list. */
    uint64_t function_down; /* Could not be after all, for want of room
                             * for an encapsulation: dropped. */
    uint64_t returned;      /* Came back and went on. */
    uint64_t refused;       /* Came out of a function, but nothing of
                             * the kind had gone in. */
    uint64_t undeliverable; /* Came back to a port that is gone. */
};
void ovsext_run_get_stats(struct ovsext_run_stats *);

#endif /* ovs-ext/action-run.h */
