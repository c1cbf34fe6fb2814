/* SPDX-License-Identifier: Apache-2.0 */
/* Progress
 * ========
 *
 * How far a file has been read, on a terminal: one line on stderr that is
 * written over and over, and is gone in the end.
 *
 * Above:    main.c.                Below:  base/compiler.h.
 * Threads:  one: the line is the process's.
 * Memory:   none.
 * Time:     the monotonic clock.
 * Fails:    never.
 */

#ifndef PROBE_PROGRESS_H
#define PROBE_PROGRESS_H 1

#include "base/compiler.h"

/* How long something takes: monotonic, of the machine and not of packets. */
uint64_t probe_clock_ns(void);

/* Shows nothing when it is not wanted, or stderr is no terminal. */
void probe_progress_begin(bool is_wanted);

/* 'offset' of 'size' bytes (0: not known).  May be called often. */
void probe_progress(uint64_t offset, uint64_t size, uint64_t packets);

/* Before anything else is written. */
void probe_progress_clear(void);

#endif /* probe/progress.h */
