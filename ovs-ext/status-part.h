/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of status
 * ===============
 *
 * What status.c has of the tables of which there may be many rows, and of
 * service functions.
 *
 * Above:    status.c.              Below:  row-policy.h, engine/engine.h.
 * Threads:  the configuration thread.
 * Memory:   as Open vSwitch allocates.
 * Time:     with nothing new, a comparison a row.
 * Fails:    never.
 */

#ifndef OVSEXT_STATUS_PART_H
#define OVSEXT_STATUS_PART_H 1

#include <stdbool.h>

struct ovsext_policies;
struct ovsext_told;
struct smap;

/* Adds a text from an operator's or a peer's words, if there is any.  The
 * database takes UTF-8 only; what has been cut or was none is mended. */
void ovsext_status_put_text(struct smap *, const char *key, const char *text);

/* Rules and sets, in the transaction that is open.  'thorough': all that are
 * not written; else those only that the database has lost.  Returns true if
 * there are more than a transaction should have. */
bool ovsext_status_rows_write(const struct ovsext_told *, bool thorough);

/* What was on its way is there, or is not. */
void ovsext_status_rows_note(struct ovsext_policies *, bool is_written);

/* Functions.  Look returns true if one is in another state; it looks when it
 * is time to, or 'now'. */
bool ovsext_status_functions_look(const struct ovsext_told *, bool now);
void ovsext_status_functions_write(const struct ovsext_told *, bool refresh);
long long int ovsext_status_functions_next(void);
void ovsext_status_functions_exit(void);

#endif /* ovs-ext/status-part.h */
