/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to the view
 * ================
 *
 * Tells translation (view.h) of what the engine has.
 *
 * Above:    rows.c.                Below:  rows.h, row-policy.h, view.h.
 * Threads:  the configuration thread.
 * Memory:   that of the view.
 * Time:     some hundred nanoseconds a port.
 * Fails:    never.
 */

#ifndef OVSEXT_ROW_VIEW_H
#define OVSEXT_ROW_VIEW_H 1

#include "ovs-ext/row-policy.h"
#include "ovs-ext/rows.h"

/* Publishes a view of 'rows' with the functions of 'policies'.  Returns true
 * if it is another one than before. */
bool ovsext_rows_publish_view(const struct ovsext_rows *,
                              const struct ovsext_policies *);

#endif /* ovs-ext/row-view.h */
