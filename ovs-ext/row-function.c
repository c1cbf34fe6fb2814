/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Functions are looked at in the order of their names.  One is in force when
 * its row has no fault, an inspector has it, and neither its slot nor a port
 * of it belongs to one that came before.  There are eight slots an inspector,
 * so looking at all pairs is no matter.
 *
 * The id stays with the row: a function that moves to another slot is the
 * same one for the packets that are in it. */

#include <config.h>

#include "ovs-ext/row-function.h"

#include "lib/vswitch-idl.h"
#include "ovs-ext/row-inspector.h"
#include "ovs-ext/row-settings.h"
#include "util.h"

void
ovsext_functions_init(struct ovsext_functions *functions)
{
    memset(functions, 0, sizeof *functions);
    hmap_init(&functions->rows);
}

static struct ovsext_row *
create_function(void *functions_)
{
    struct ovsext_functions *functions = functions_;
    struct ovsext_function_row *function = xzalloc(sizeof *function);

    function->config.base.id = ++functions->last_id;
    return &function->row;
}

static void
destroy_function(struct ovsext_functions *functions,
                 struct ovsext_function_row *function)
{
    hmap_remove(&functions->rows, &function->row.node);
    ovsext_row_uninit(&function->row);
    free(function);
}

static void
parse_function(struct ovsext_function_row *function,
               const struct ovsdb_idl_row *idl_row)
{
    uint32_t id = function->config.base.id;
    struct insp_faults faults, warnings;
    struct ovsext_settings settings;

    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    ovsext_settings_read(&settings, idl_row);
    insp_config_function_parse(settings.array, settings.n, &function->config,
                               &faults, &warnings);
    ovsext_settings_destroy(&settings);
    function->config.base.id = id;
    function->config.base.one_armed =
        !strcmp(function->config.input_port, function->config.output_port);
    ovsext_row_parsed(&function->row, &faults, &warnings);
}

static int
compare_names(const void *a_, const void *b_)
{
    const struct ovsext_function_row *const *a = a_;
    const struct ovsext_function_row *const *b = b_;

    return strcmp((*a)->row.name, (*b)->row.name);
}

void
ovsext_functions_read(struct ovsext_functions *functions,
                      const struct ovsdb_idl *idl)
{
    const struct ovsrec_inspect_function *idl_row;
    struct ovsext_function_row *function;
    struct ovsext_row *row;

    functions->turn++;
    OVSREC_INSPECT_FUNCTION_FOR_EACH(idl_row, idl)
    {
        if (ovsext_row_meet(&functions->rows, &idl_row->header_, idl_row->name,
                            functions->turn, create_function, functions,
                            &row)) {
            parse_function(CONTAINER_OF(row, struct ovsext_function_row, row),
                           &idl_row->header_);
        }
    }
    free(functions->sorted);
    functions->sorted =
        xcalloc(hmap_count(&functions->rows), sizeof *functions->sorted);
    functions->n = 0;
    HMAP_FOR_EACH_SAFE(function, row.node, &functions->rows)
    {
        if (function->row.turn != functions->turn) {
            destroy_function(functions, function);
        } else {
            functions->sorted[functions->n++] = function;
        }
    }
    qsort(functions->sorted, functions->n, sizeof *functions->sorted,
          compare_names);
}

bool
ovsext_is_vm_port(const struct ovsext_port_list *ports, const char *name)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct ovsext_port_detail *detail = &ports->details[i];

        if (ports->array[i].role != INSP_PORT_VM) {
            continue;
        }
        for (size_t j = 0; j < detail->n_members; j++) {
            if (!strcmp(detail->members[j], name)) {
                return true;
            }
        }
    }
    return false;
}

/* Finds the inspectors that have each function. */
static void
find_inspectors(struct ovsext_functions *functions,
                const struct ovsdb_idl *idl, const struct ovsext_rows *rows)
{
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows->inspectors[i];
        const struct ovsrec_inspector *idl_row;

        idl_row = ovsrec_inspector_get_for_uuid(idl, &inspector->uuid);
        if (!idl_row || !ovsext_inspector_is_callable(rows, i)) {
            continue;
        }
        for (size_t j = 0; j < idl_row->n_functions; j++) {
            struct ovsext_function_row *function;
            struct ovsext_row *row;

            row = ovsext_row_find(&functions->rows,
                                  &idl_row->functions[j]->header_.uuid);
            if (!row) {
                continue;
            }
            function = CONTAINER_OF(row, struct ovsext_function_row, row);
            if (!function->inspector) {
                function->inspector = inspector;
            } else {
                insp_fault(&function->warnings,
                           "it serves inspector '%s', "
                           "and no other: not '%s'",
                           function->inspector->name, inspector->name);
            }
        }
    }
}

static bool
has_port(const struct ovsext_function_row *function, const char *name)
{
    return !strcmp(function->config.input_port, name) ||
           !strcmp(function->config.output_port, name);
}

/* What one function and one that is in force both want. */
static void
check_against(struct ovsext_function_row *function,
              const struct ovsext_function_row *other)
{
    const struct insp_config_function *config = &function->config;
    struct insp_faults *faults = &function->faults;

    if (function->inspector == other->inspector &&
        config->base.slot == other->config.base.slot) {
        insp_fault(faults, "slot %u has function '%s' already",
                   config->base.slot, other->row.name);
    }
    if (has_port(other, config->input_port)) {
        insp_fault(faults, "port '%s' serves function '%s' already",
                   config->input_port, other->row.name);
    }
    if (!config->base.one_armed && has_port(other, config->output_port)) {
        insp_fault(faults, "port '%s' serves function '%s' already",
                   config->output_port, other->row.name);
    }
}

static void
check_vm_port(struct ovsext_function_row *function, const char *name,
              const struct ovsext_port_list *ports)
{
    if (ovsext_is_vm_port(ports, name)) {
        insp_fault(&function->faults,
                   "port '%s' is a VM port; a function's "
                   "port has neither vm-uuid nor vm-id, and no inspector "
                   "lists it in 'ports'",
                   name);
    }
}

static void
decide(struct ovsext_functions *functions, size_t i,
       const struct ovsext_port_list *ports)
{
    struct ovsext_function_row *function = functions->sorted[i];
    const struct insp_config_function *config = &function->config;

    if (function->row.faults || !config->enabled || !function->inspector) {
        return;
    }
    check_vm_port(function, config->input_port, ports);
    if (!config->base.one_armed) {
        check_vm_port(function, config->output_port, ports);
    }
    for (size_t j = 0; j < i; j++) {
        if (functions->sorted[j]->in_force) {
            check_against(function, functions->sorted[j]);
        }
    }
    function->in_force = !function->faults.n;
}

static void
tell(struct ovsext_function_row *function)
{
    const char *state = (function->faults.n          ? "error"
                         : !function->config.enabled ? "disabled"
                         : !function->inspector      ? "unused"
                                                     : "active");

    ovsext_row_status_set(
        &function->row, "Inspect_Function", state,
        function->faults.n ? xstrdup(function->faults.text) : NULL,
        function->warnings.n ? xstrdup(function->warnings.text) : NULL, 0);
}

/* For the other threads. */
static void
copy(const struct ovsext_function_row *from, struct ovsext_function *to)
{
    to->uuid = from->row.uuid;
    to->name = xstrdup(from->row.name);
    to->config = from->config;
    to->faults = from->faults;
    to->warnings = from->warnings;
    if (from->inspector) {
        to->inspector = xstrdup(from->inspector->name);
        to->inspector_id = from->inspector->config.base.id;
    }
    to->in_force = from->in_force;
}

void
ovsext_functions_decide(struct ovsext_functions *functions,
                        const struct ovsdb_idl *idl, struct ovsext_rows *rows)
{
    for (size_t i = 0; i < functions->n; i++) {
        struct ovsext_function_row *function = functions->sorted[i];

        function->inspector = NULL;
        function->in_force = false;
        insp_faults_init(&function->faults);
        insp_faults_init(&function->warnings);
        if (function->row.faults) {
            insp_fault(&function->faults, "%s", function->row.faults);
        }
        if (function->row.warnings) {
            insp_fault(&function->warnings, "%s", function->row.warnings);
        }
    }
    find_inspectors(functions, idl, rows);

    rows->functions = xcalloc(functions->n, sizeof *rows->functions);
    rows->n_functions = functions->n;
    for (size_t i = 0; i < functions->n; i++) {
        decide(functions, i, rows->ports);
        tell(functions->sorted[i]);
        copy(functions->sorted[i], &rows->functions[i]);
    }
}

void
ovsext_functions_destroy(struct ovsext_functions *functions)
{
    struct ovsext_function_row *function;

    HMAP_FOR_EACH_SAFE(function, row.node, &functions->rows)
    {
        destroy_function(functions, function);
    }
    hmap_destroy(&functions->rows);
    free(functions->sorted);
}
