/* SPDX-License-Identifier: Apache-2.0 */
/* Output
 * ======
 *
 * The file that lines are appended to.  Only whole lines are ever written;
 * when there is no room, on the disk or in a pipe, lines wait here, and when
 * there is no more room for waiting, whoever has more must wait too.
 *
 * Above:    sink.h, copy.c.        Below:  libopenvswitch (vlog, poll-loop).
 * Threads:  one.
 * Memory:   one buffer.
 * Time:     OVS's time_msec().
 * Fails:    open with a sentence; a full disk is a state, not a failure.
 */

#ifndef COLLECTOR_OUTPUT_H
#define COLLECTOR_OUTPUT_H 1

#include "base/put.h"

struct collector_output;

/* 'path' "-" is standard output; 'is_copy': of a journal.  Returns NULL, and
 * the reason in '*why' (to be freed). */
struct collector_output *collector_output_open(const char *path, bool is_copy,
                                               char **why);

/* Room for another line of COLLECTOR_LINE_ROOM bytes: when false, stop
 * reading. */
bool collector_output_has_room(const struct collector_output *);

/* Where to write the next line; then say that it has been. */
struct insp_put collector_output_begin(struct collector_output *);
void collector_output_commit(struct collector_output *,
                             const struct insp_put *);

/* Writes what can be; opens the file anew when it was moved away.  False: the
 * reader of standard output is gone. */
bool collector_output_run(struct collector_output *);
void collector_output_wait(struct collector_output *);

/* Opens the file anew now. */
void collector_output_reopen(struct collector_output *);

/* Which file it is, and its size.  False: it is none. */
struct collector_output_where {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
};
bool collector_output_where(const struct collector_output *,
                            struct collector_output_where *);

/* Waits until the disk has what was written.  Returns an errno. */
int collector_output_sync(const struct collector_output *);

struct collector_output_stats {
    const char *path;
    uint64_t lines; /* Written. */
    uint64_t bytes;
    uint64_t waiting;    /* Bytes. */
    uint64_t opened;     /* How often a file has been. */
    const char *trouble; /* NULL, or why lines are waiting. */
};
void collector_output_get_stats(const struct collector_output *,
                                struct collector_output_stats *);

/* Writes what is waiting, as far as that goes in a second, and closes. */
void collector_output_close(struct collector_output *);

#endif /* output.h */
