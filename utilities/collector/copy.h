/* SPDX-License-Identifier: Apache-2.0 */
/* Copy
 * ====
 *
 * Follows a journal and appends its lines to the output, each once, also when
 * this process is killed at any moment: what has been copied until when is
 * kept in the journal's folder, and compared with what stands in the output
 * when it begins.  When the whole host stops, at most a second's lines come
 * twice.
 *
 * Above:    main.c.                Below:  journal.h, output.h.
 * Threads:  one.
 * Memory:   a block.
 * Time:     OVS's time_msec(); once a second it waits for the disk.
 * Fails:    open with a sentence; later it tries again, and says so.
 */

#ifndef COLLECTOR_COPY_H
#define COLLECTOR_COPY_H 1

#include "journal.h"
#include "output.h"

struct collector_copy;

/* Both are borrowed.  NULL: a sentence, to be freed, is in '*why'. */
struct collector_copy *collector_copy_open(struct collector_journal *,
                                           struct collector_output *,
                                           char **why);

/* Copies what is durable, as far as the output has room.  Before and after
 * it, collector_output_run(). */
void collector_copy_run(struct collector_copy *);
void collector_copy_wait(struct collector_copy *);

/* Bytes of the journal that it has not come to. */
uint64_t collector_copy_behind(const struct collector_copy *);

/* Writes down where it is, and frees. */
void collector_copy_close(struct collector_copy *);

#endif /* copy.h */
