/* SPDX-License-Identifier: Apache-2.0 */
/* Crash
 * =====
 *
 * When the process crashes, writes down where and, if it was inspecting a
 * packet, which: to inspect-crash.PID.txt in the log directory and to
 * stderr.  What Open vSwitch does about a crash happens afterwards.
 *
 * Above:    ovs-ext/rows.c.        Below:  engine/engine.h, worker-map.h,
 *                                          libunwind.
 * Threads:  init and set: main thread.  The handler: the one that crashes.
 * Memory:   fixed.
 * Time:     some milliseconds, once.
 * Fails:    silently, part by part: a crash report must not crash.
 */

#ifndef OVSEXT_CRASH_H
#define OVSEXT_CRASH_H 1

#include <stdint.h>

struct insp_engine;

/* After Open vSwitch has set up its own handlers. */
void ovsext_crash_init(void);

/* Readers that were at work when an earlier process crashed, a bit by enum
 * insp_app: they are to be left off. */
uint64_t ovsext_crash_readers(void);

/* Whose packets to look at; NULL: nobody's. */
void ovsext_crash_set_engine(struct insp_engine *);

#endif /* ovs-ext/crash.h */
