/* SPDX-License-Identifier: Apache-2.0 */
/* Sink
 * ====
 *
 * Where lines go: into the journal when there is one, and from there to the
 * output; else straight to the output.
 *
 * Above:    peer*.c.               Below:  journal.h, output.h.
 * Threads:  one.
 * Memory:   none.
 * Time:     none.
 * Fails:    by having no room.
 */

#ifndef COLLECTOR_SINK_H
#define COLLECTOR_SINK_H 1

#include "journal.h"
#include "output.h"

struct collector_sink {
    struct collector_journal *journal; /* Or NULL; */
    struct collector_output *output;   /* then this is not. */
};

static inline bool
collector_sink_has_room(const struct collector_sink *s)
{
    return s->journal ? collector_journal_has_room(s->journal)
                      : collector_output_has_room(s->output);
}

/* Where to write the next line of 'sensor': of record 'number' of 'stream',
 * or, with NULL, of none with a number. */
static inline struct insp_put
collector_sink_begin(struct collector_sink *s, const char *sensor,
                     const struct collector_stream *stream, uint64_t number)
{
    return s->journal
               ? collector_journal_begin(s->journal, sensor, stream, number)
               : collector_output_begin(s->output);
}

static inline void
collector_sink_commit(struct collector_sink *s, const struct insp_put *put)
{
    if (s->journal) {
        collector_journal_commit(s->journal, put);
    } else {
        collector_output_commit(s->output, put);
    }
}

#endif /* sink.h */
