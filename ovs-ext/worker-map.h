/* SPDX-License-Identifier: Apache-2.0 */
/* Worker map
 * ==========
 *
 * Gives each thread that runs inspect actions a worker slot of the engine,
 * for as long as it lives.
 *
 * Above:    action-run.c, appctl.c.   Below:  base/epoch.h.
 * Threads:  any.  No lock: a slot is claimed and released by one atomic
 *           operation each, and the release orders all that the old holder
 *           did before the first step of the new one.
 * Memory:   fixed.  A thread's first call may allocate what pthreads need
 *           to remember it; no later one does.
 * Time:     none.
 * Fails:    ovsext_worker_slot() with OVSEXT_NO_WORKER when all slots are
 *           taken; the thread asks again at its next batch.
 */

#ifndef OVSEXT_WORKER_MAP_H
#define OVSEXT_WORKER_MAP_H 1

#include "base/epoch.h"

#define OVSEXT_MAX_WORKERS INSP_MAX_WORKERS
#define OVSEXT_NO_WORKER   UINT32_MAX

/* Main thread, once, before any thread asks for a slot. */
void ovsext_worker_map_init(void);

/* The calling thread's slot. */
unsigned int ovsext_worker_slot(void);

/* How many slots are taken. */
unsigned int ovsext_worker_count(void);

/* Async-signal-safe: the slot that the calling thread has, if any; never
 * claims one. */
unsigned int ovsext_worker_slot_if_any(void);

#endif /* ovs-ext/worker-map.h */
