/* SPDX-License-Identifier: Apache-2.0 */
/* Streams
 * =======
 *
 * What is known of the records of each sensor, uplink and incarnation: which
 * numbers are here, and what became of the others.
 *
 *     numbers below 'floor' = records + lost + missing, when all is well
 *
 * Above:    journal.c, frames.c, show.c.   Below:  intervals.h,
 *                                                  lib/export/frame.h.
 * Threads:  one.
 * Memory:   bounded: COLLECTOR_STREAMS_MAX in all,
 *           COLLECTOR_STREAMS_OF_SENSOR_MAX of a sensor and
 *           COLLECTOR_INCARNATIONS_MAX of an uplink; the one that was used
 *           least recently makes room.  So it does when the streams of a
 *           sensor come to more than COLLECTOR_RUNS_OF_SENSOR_MAX runs,
 *           which are 8 MiB at the most.
 * Time:     a hash's.
 * Fails:    by NULL or an errno, when memory is out or, with ENOSPC, when
 *           the numbers of a stream would be more than COLLECTOR_RUNS_MAX
 *           runs.
 */

#ifndef COLLECTOR_STREAMS_H
#define COLLECTOR_STREAMS_H 1

#include "base/compiler.h"
#include "export/frame.h"
#include "intervals.h"

#define COLLECTOR_STREAMS_MAX           65536
#define COLLECTOR_INCARNATIONS_MAX      64
#define COLLECTOR_STREAMS_OF_SENSOR_MAX (16 * COLLECTOR_INCARNATIONS_MAX)

/* A gap that is still to be closed costs a run.  An uplink leaves at most
 * INSP_FRAME_GAPS_MAX; a stream may have four times, and a sensor sixteen
 * times as many. */
#define COLLECTOR_RUNS_MAX           (4 * INSP_FRAME_GAPS_MAX)
#define COLLECTOR_RUNS_OF_SENSOR_MAX (16 * INSP_FRAME_GAPS_MAX)

/* What all streams of a sensor come to. */
struct collector_share {
    size_t n_streams;
    size_t n_runs;
    uint64_t forgotten; /* Streams, because there were too many runs. */
};

struct collector_stream {
    struct collector_stream *next; /* Of all; the oldest first. */
    struct collector_stream *chain;
    struct collector_streams *all;
    struct collector_share *share;
    char *sensor;
    char *uplink;
    uint32_t incarnation;
    uint64_t used; /* When, in the order of use. */

    uint64_t floor;                     /* Nothing below it will come. */
    struct collector_intervals covered; /* Here, lost or missing. */
    uint64_t records;                   /* Here. */
    uint64_t lost;                      /* The sensor has said so. */
    uint64_t missing;    /* Below the floor, and neither here nor lost. */
    uint64_t duplicates; /* Came again; since this process began. */
};

struct collector_streams;

struct collector_streams *collector_streams_create(void);

/* At first nothing is refused for its gaps, and nothing is forgotten for
 * them: what is in a journal was taken, and must be known.  From then on what
 * is said above holds. */
void collector_streams_bound(struct collector_streams *);

/* NULL: there is none. */
struct collector_stream *collector_streams_find(struct collector_streams *,
                                                const char *sensor,
                                                const char *uplink,
                                                uint32_t incarnation);

/* Finds or begins it.  Valid until the next one begins.  NULL: no memory. */
struct collector_stream *collector_streams_get(struct collector_streams *,
                                               const char *sensor,
                                               const char *uplink,
                                               uint32_t incarnation);

/* True when it is not to be taken: here already, or known not to come. */
bool collector_stream_has(const struct collector_stream *, uint64_t number);

/* A record that is here now, a run that never will be, a floor; a run whose
 * fate is known, without counting it.  Each returns 0 or a positive errno, and
 * changes nothing then. */
int collector_stream_take(struct collector_stream *,
                          uint64_t number) INSP_MUST_USE;
int collector_stream_take_run(struct collector_stream *, uint64_t first,
                              uint64_t end) INSP_MUST_USE;
int collector_stream_lose(struct collector_stream *, uint64_t first,
                          uint64_t end) INSP_MUST_USE;
int collector_stream_raise(struct collector_stream *,
                           uint64_t floor) INSP_MUST_USE;
int collector_stream_cover(struct collector_stream *, uint64_t first,
                           uint64_t end) INSP_MUST_USE;

/* Numbers below the highest that is here which are still to come, and in how
 * many gaps. */
uint64_t collector_stream_outstanding(const struct collector_stream *,
                                      size_t *n_gaps);

size_t collector_streams_count(const struct collector_streams *);
struct collector_stream *collector_streams_first(
    const struct collector_streams *);

void collector_streams_destroy(struct collector_streams *);

#endif /* streams.h */
