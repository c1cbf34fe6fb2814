/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a row
 * =================
 *
 * A database row as the list of keys and values that config/ parses.
 *
 *     column of one value      "flow_limit" = "1000"
 *     column that is a set     "source" = "10.0.0.1", "source" = "vm:x", ...
 *     pair of other_config     "other_config:port-quota" = "5"
 *
 * Above:    row-inspector.c, row-rule.c, row-function.c.
 * Below:    libopenvswitch: ovsdb-idl; config/config.h.
 * Threads:  the configuration thread.
 * Memory:   the list is the caller's; most texts are those of the row, so it
 *           is of use as long as the row is not changed.
 * Time:     none.
 * Fails:    never.
 */

#ifndef OVSEXT_ROW_SETTINGS_H
#define OVSEXT_ROW_SETTINGS_H 1

#include "config/config.h"

struct ovsdb_idl_row;

struct ovsext_settings {
    struct insp_setting *array;
    size_t n, n_allocated;
    char **owned; /* Texts to be freed with it. */
    size_t n_owned, n_owned_allocated;
};

void ovsext_settings_read(struct ovsext_settings *,
                          const struct ovsdb_idl_row *);

/* Borrows both texts. */
void ovsext_settings_add(struct ovsext_settings *, const char *key,
                         const char *value);
bool ovsext_settings_have(const struct ovsext_settings *, const char *key);
void ovsext_settings_destroy(struct ovsext_settings *);

#endif /* ovs-ext/row-settings.h */
