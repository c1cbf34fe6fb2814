/* SPDX-License-Identifier: Apache-2.0 */
/* Inspectors, uplinks and bridges, as rows
 * ========================================
 *
 * Reads what is said of them into a new struct ovsext_rows.
 *
 * Above:    rows.c, row-policy.c, row-view.c.
 * Below:    rows.h, row-settings.h, config/config.h.
 * Threads:  the configuration thread.
 * Memory:   of the rows.
 * Time:     some microseconds a row; there are few.
 * Fails:    a fault is in the row.
 */

#ifndef OVSEXT_ROW_INSPECTOR_H
#define OVSEXT_ROW_INSPECTOR_H 1

#include "ovs-ext/rows.h"
#include "sset.h"

struct ovsdb_idl;

/* Fills inspectors, uplinks and bridges. */
void ovsext_read_inspectors(struct ovsext_rows *, const struct ovsdb_idl *);

/* Whether flows can call inspector 'i' by its id, even if it does nothing
 * then. */
bool ovsext_inspector_is_callable(const struct ovsext_rows *, size_t i);

/* The keys of external_ids that any inspector wants, each followed by "\n";
 * the caller frees. */
char *ovsext_identity_keys(const struct ovsext_rows *);

/* The names in the inspectors' columns 'ports'; initializes 'listed'. */
void ovsext_listed_ports(const struct ovsdb_idl *, struct sset *listed);

/* Warns of those that there are not in 'rows'. */
void ovsext_check_listed_ports(struct ovsext_rows *, const struct ovsdb_idl *);

/* Tells the log of faults that were not there in 'old', NULL: at all. */
void ovsext_log_faults(const struct ovsext_rows *old,
                       const struct ovsext_rows *new);

#endif /* ovs-ext/row-inspector.h */
