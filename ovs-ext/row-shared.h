/* SPDX-License-Identifier: Apache-2.0 */
/* Shared rows
 * ===========
 *
 * How a struct ovsext_rows comes to be seen by other threads.
 *
 *     rows = ovsext_rows_create(), filled in, ovsext_rows_show(rows)
 *
 * Above:    rows.c.                Below:  rows.h.
 * Threads:  any; who fills rows in is the only one who knows them.
 * Memory:   as Open vSwitch allocates.
 * Time:     a mutex is held for some instructions.
 * Fails:    never.
 */

#ifndef OVSEXT_ROW_SHARED_H
#define OVSEXT_ROW_SHARED_H 1

#include "ovs-ext/rows.h"

/* Empty; the caller has the first reference. */
struct ovsext_rows *ovsext_rows_create(void);

/* One more reference. */
struct ovsext_rows *ovsext_rows_keep(struct ovsext_rows *);

/* Makes them the ones that ovsext_rows_ref() returns.  NULL: nobody will ask
 * any more. */
void ovsext_rows_show(struct ovsext_rows *);

#endif /* ovs-ext/row-shared.h */
