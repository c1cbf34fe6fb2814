/* SPDX-License-Identifier: Apache-2.0 */
/* Service functions, as rows
 * ==========================
 *
 * Keeps the rows of Inspect_Function parsed, and decides which are in force:
 * each serves one inspector, has a slot of it to itself, and ports that serve
 * nothing else.
 *
 * Above:    row-policy.c, status.c.   Below:  row-rule.h, rows.h.
 * Threads:  the configuration thread.
 * Memory:   some hundred bytes each.
 * Time:     none.
 * Fails:    a fault is in the status of its row; of two that want the same,
 *           the second by name has it.
 */

#ifndef OVSEXT_ROW_FUNCTION_H
#define OVSEXT_ROW_FUNCTION_H 1

#include "ovs-ext/row-rule.h"
#include "ovs-ext/rows.h"

struct ovsext_function_row {
    struct ovsext_row row;
    struct insp_config_function config; /* base.id is kept over parsing. */

    /* As decided last. */
    const struct ovsext_inspector *inspector; /* In the rows at hand. */
    struct insp_faults faults;                /* Those of the row included. */
    struct insp_faults warnings;
    bool in_force;
};

struct ovsext_functions {
    struct hmap rows;                    /* struct ovsext_function_row. */
    struct ovsext_function_row **sorted; /* By name. */
    size_t n;
    uint32_t last_id;
    unsigned int turn;
};

void ovsext_functions_init(struct ovsext_functions *);
void ovsext_functions_read(struct ovsext_functions *,
                           const struct ovsdb_idl *);

/* Decides which are in force, with the inspectors and ports of 'rows', where
 * a copy of each function is put for others to read. */
void ovsext_functions_decide(struct ovsext_functions *,
                             const struct ovsdb_idl *, struct ovsext_rows *);

/* Whether a port of that name is a VM's. */
bool ovsext_is_vm_port(const struct ovsext_port_list *, const char *name);
void ovsext_functions_destroy(struct ovsext_functions *);

#endif /* ovs-ext/row-function.h */
