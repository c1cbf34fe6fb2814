/* SPDX-License-Identifier: Apache-2.0 */
/* Status
 * ======
 *
 * Writes back to the database what has become of the rows: status,
 * statistics, is_connected, cur_cfg.
 *
 * Above:    ovs-ext/rows.c.        Below:  rows.h, engine/engine.h.
 * Threads:  run, wait and exit: the configuration thread.  The others: any
 *           thread that has a reference to the rows.
 * Memory:   as Open vSwitch allocates.
 * Time:     a change of state within a second (of a service function, half
 *           a second), at once after a change of the configuration; counters
 *           as often as those of ports (Open_vSwitch
 *           other_config:stats-update-interval, 5 s).
 * Fails:    a transaction that fails is tried again a second later.
 */

#ifndef OVSEXT_STATUS_H
#define OVSEXT_STATUS_H 1

#include <stdbool.h>
#include <stdint.h>

struct insp_inspector_stats;
struct insp_uplink_status;
struct ovsdb_idl;
struct ovsext_inspector;
struct ovsext_policies;
struct ovsext_rows;
struct ovsext_uplink;

/* What it is to tell of. */
struct ovsext_told {
    struct ovsdb_idl *idl;
    const struct ovsext_rows *rows; /* As read last; NULL: none yet. */
    struct ovsext_policies *policies;
    uint64_t serial;   /* Raised when rows are in force. */
    bool all_in_force; /* Nothing waits for the engine. */
};

void ovsext_status_run(const struct ovsext_told *);
void ovsext_status_wait(void);
void ovsext_status_exit(void);

/* "active", "unused", "disabled" or "error"; 'stats' may be NULL. */
const char *ovsext_inspector_state(const struct ovsext_inspector *,
                                   const struct insp_inspector_stats *);

/* What the uplink says, or why it says nothing; 's' may be NULL. */
const char *ovsext_uplink_state(const struct ovsext_uplink *,
                                const struct insp_uplink_status *s);

/* Everything that is wrong with an inspector, or NULL; the caller frees. */
char *ovsext_inspector_error(const struct ovsext_rows *,
                             const struct ovsext_inspector *,
                             const struct insp_inspector_stats *);

#endif /* ovs-ext/status.h */
