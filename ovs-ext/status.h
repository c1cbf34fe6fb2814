/* Status
 * ======
 *
 * Writes back to the database what has become of the rows: status,
 * statistics, is_connected, cur_cfg.
 *
 * Above:    ovs-ext/rows.c.        Below:  rows.h, engine/engine.h.
 * Threads:  the main thread.
 * Memory:   as Open vSwitch allocates.
 * Time:     a change of state within a second, at once after a change of
 *           the configuration; counters as often as those of ports
 *           (Open_vSwitch other_config:stats-update-interval, 5 s).
 * Fails:    a transaction that fails is tried again a second later.
 */

#ifndef OVSEXT_STATUS_H
#define OVSEXT_STATUS_H 1

#include <stdbool.h>

struct ovsext_rows;
struct ovsext_inspector;
struct insp_inspector_stats;

void ovsext_status_run(struct ovsext_rows *);
void ovsext_status_wait(const struct ovsext_rows *);
void ovsext_status_exit(void);

/* "active", "unused", "disabled" or "error"; 'stats' may be NULL. */
const char *ovsext_inspector_state(const struct ovsext_inspector *,
                                   const struct insp_inspector_stats *);

/* Everything that is wrong with an inspector, or NULL; the caller frees. */
char *ovsext_inspector_error(const struct ovsext_inspector *,
                             const struct insp_inspector_stats *);

#endif /* ovs-ext/status.h */
