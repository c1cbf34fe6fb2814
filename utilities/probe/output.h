/* SPDX-License-Identifier: Apache-2.0 */
/* Output
 * ======
 *
 * Records on their way out: those that are wanted, as JSON lines or IPFIX
 * messages into a file, or to a collector.
 *
 * Above:    main.c.                Below:  export/, record/.
 * Threads:  one.
 * Memory:   a buffer of fixed size; the queue of an uplink.
 * Time:     an uplink's is the host's clock, a record's the packet's.
 * Fails:    create with a reason; after that the first fault is kept and
 *           nothing more is written: probe_output_error().
 */

#ifndef PROBE_OUTPUT_H
#define PROBE_OUTPUT_H 1

#include "export/drain.h"

struct probe_output_config {
    const char *file;                        /* NULL: stdout. */
    enum insp_uplink_format format;          /* Of the file. */
    const struct insp_uplink_config *uplink; /* NULL: to the file. */
    const char *sensor;
    const char *only; /* Words with commas; NULL: all. */
    bool may_wait;    /* For a slow collector; else its
                       * queue drops the oldest. */
};

struct probe_output;

/* 'error' has 'size' bytes for the reason; '*is_usage' when 'only' is at
 * fault. */
struct probe_output *probe_output_create(const struct probe_output_config *,
                                         char *error, size_t size,
                                         bool *is_usage);

/* Takes the record, which is the output's to uninit. */
void probe_output_put(struct probe_output *, struct insp_record *);

/* Writes what is in the buffer, lets an uplink do what is due. */
void probe_output_flush(struct probe_output *);

/* NULL: all is well. */
const char *probe_output_error(const struct probe_output *);

/* How many records of which kind were made, wanted or not; false: there is no
 * 'i'th kind. */
bool probe_output_kind(const struct probe_output *, size_t i,
                       const char **word, uint64_t *records);

/* Writes everything, waits for the collector to take it, and frees.  False:
 * that did not work, as 'error' says. */
bool probe_output_close(struct probe_output *, char *error, size_t size);

#endif /* probe/output.h */
