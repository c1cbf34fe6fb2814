/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Service functions: rows of Inspect_Function, and the inspectors that refer
 * to them.  swap-slots exchanges the slots of two in one transaction, which
 * makes one new version of the policy, so that no packet ever meets both in
 * one slot.
 *
 *     function a: slot 4 --+  +--> slot 5
 *                           ><
 *     function b: slot 5 --+  +--> slot 4 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/json.h"
#include "ovs-compat.h"
#include "util.h"

static const struct ovsrec_inspect_function *
function_of(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct ovsrec_inspect_function, header_);
}

static bool
is_in(const struct ovsrec_inspector *inspector,
      const struct ovsdb_idl_row *row)
{
    for (size_t i = 0; i < inspector->n_functions; i++) {
        if (inspector->functions[i] == function_of(row)) {
            return true;
        }
    }
    return false;
}

static const struct ovsdb_idl_row *
insert(void)
{
    return &ovsrec_inspect_function_insert(the_txn)->header_;
}

static void
add(const struct ovsrec_inspector *inspector, const struct ovsdb_idl_row *row)
{
    ovsrec_inspector_update_functions_addvalue(inspector, function_of(row));
}

static void
take_away(const struct ovsrec_inspector *inspector,
          const struct ovsdb_idl_row *row)
{
    ovsrec_inspector_update_functions_delvalue(inspector, function_of(row));
}

static void delete (const struct ovsdb_idl_row *row)
{
    ovsrec_inspect_function_delete(function_of(row));
}

static const struct ovsrec_inspect_function *
find_function(const char *name)
{
    const struct ovsdb_idl_row *row = find_row(&kind_function, name);

    return row ? ovsrec_inspect_function_get_for_uuid(the_idl, &row->uuid)
               : NULL;
}

static const struct ovsrec_inspect_function *
need_function(const char *name)
{
    const struct ovsrec_inspect_function *function = find_function(name);

    if (!function) {
        fail("there is no function named \"%s\"", name);
    }
    return function;
}

static bool
is_enabled(const struct ovsrec_inspect_function *function)
{
    return !function->n_enabled || function->enabled[0];
}

static bool
has_port(const struct ovsrec_inspect_function *function, const char *port)
{
    return port &&
           (!strcmp(function->input_port, port) ||
            (function->output_port && !strcmp(function->output_port, port)));
}

/* Fails when another function has the slot, or a port: ovs-vswitchd would
 * decide by name, and might refuse the one that works now. */
static void
check_room(const struct settings *s, const struct ovsrec_inspector *inspector)
{
    const char *enabled = settings_get(s, "enabled");
    const char *name = settings_get(s, "name");
    const struct ovsrec_inspect_function *other;

    if (enabled && strcmp(enabled, "true")) {
        return;
    }
    OVSREC_INSPECT_FUNCTION_FOR_EACH(other, the_idl)
    {
        if (!strcmp(other->name, name) || !is_enabled(other)) {
            continue;
        }
        if (is_in(inspector, &other->header_) &&
            other->slot == strtol(settings_get(s, "slot"), NULL, 10)) {
            fail("function %s: slot %" PRId64 " has function '%s' already",
                 name, other->slot, other->name);
        }
        if (has_port(other, settings_get(s, "input_port")) ||
            has_port(other, settings_get(s, "output_port"))) {
            fail("function %s: function '%s' is behind that port already",
                 name, other->name);
        }
    }
}

static const struct member_kind member = {
    .kind = &kind_function,
    .a = "a function",
    .word = "function",
    .is_in = is_in,
    .insert = insert,
    .add = add,
    .remove = take_away,
    .delete = delete,
    .check_room = check_room,
};

void
command_add_function(int argc, char *argv[])
{
    member_add(&member, argc, argv);
}

void
command_del_function(int argc OVS_UNUSED, char *argv[])
{
    member_remove(&member, argv);
}

/* swap-slots */
struct swap {
    char **names;
    struct raised raised;
};

static void
compose_swap(void *swap_)
{
    struct swap *swap = swap_;
    const struct ovsrec_inspect_function *a = need_function(swap->names[0]);
    const struct ovsrec_inspect_function *b = need_function(swap->names[1]);
    int64_t slot = a->slot;

    ovsrec_inspect_function_verify_slot(a);
    ovsrec_inspect_function_verify_slot(b);
    ovsrec_inspect_function_set_slot(a, b->slot);
    ovsrec_inspect_function_set_slot(b, slot);
    member_raise_users(&member, &swap->raised, &a->header_);
    member_raise_users(&member, &swap->raised, &b->header_);
}

void
command_swap_slots(int argc OVS_UNUSED, char *argv[])
{
    struct swap swap = { .names = argv + 1 };
    struct sset names = SSET_INITIALIZER(&names);

    if (!strcmp(argv[1], argv[2])) {
        fail_usage("swap-slots needs two functions, not one twice");
    }
    raised_init(&swap.raised);
    db_monitor();
    db_transact(compose_swap, &swap, &swap.raised, "swap-slots");
    if (!option("no-wait")) {
        await_raised(&swap.raised);
        for (int i = 1; i <= 2; i++) {
            const struct ovsrec_inspect_function *f = need_function(argv[i]);

            printf("function %s: slot %" PRId64 "\n", f->name, f->slot);
            sset_add(&names, f->name);
        }
        report_rows(&kind_function, &names);
    }
    sset_destroy(&names);
    raised_destroy(&swap.raised);
    db_close();
}

/* functions */
static int
compare_functions(const void *a_, const void *b_)
{
    const struct ovsrec_inspect_function *const *a = a_;
    const struct ovsrec_inspect_function *const *b = b_;

    return ((*a)->slot != (*b)->slot ? ((*a)->slot < (*b)->slot ? -1 : 1)
                                     : strcmp((*a)->name, (*b)->name));
}

/* What ovs-vswitchd says of a function, or NULL. */
static const struct json *
find_live(const struct json *answer, const char *name)
{
    for (size_t i = 0; answer && i < list_size(answer); i++) {
        const struct json *one = list_at(answer, i);

        if (!strcmp(json_text_of(one, "name"), name)) {
            return one;
        }
    }
    return NULL;
}

static double
sum_of(const struct json *object, const char *key)
{
    const struct json *group = shash_find_data(json_object(object), key);
    const struct shash_node *node;
    double sum = 0;

    if (group && group->type == JSON_OBJECT) {
        SHASH_FOR_EACH (node, json_object(group)) {
            sum += json_number_of(group, node->name);
        }
    }
    return sum;
}

static void
put_live(struct ds *line, const struct json *live)
{
    ds_put_format(line, "\n    # %s since %s (%s): %s",
                  json_text_of(live, "state"), json_text_of(live, "since"),
                  json_text_of(live, "reason"), json_text_of(live, "effect"));
    ds_put_format(line,
                  "\n    # in %.0f, injected %.0f, out %.0f, lost %.0f, "
                  "in flight %.0f, bypassed %.0f, refused %.0f",
                  json_number_of(live, "in"), json_number_of(live, "injected"),
                  json_number_of(live, "out"), sum_of(live, "lost"),
                  json_number_of(live, "in_flight"), sum_of(live, "bypassed"),
                  sum_of(live, "refused"));
}

static void
print_function(const struct ovsrec_inspect_function *f,
               const struct json *live)
{
    const struct ovsdb_idl_row *row = &f->header_;
    const char *warning = row_status(&kind_function, row, "warning");
    struct ds line = DS_EMPTY_INITIALIZER;
    struct settings settings;

    settings_init_from_row(&settings, &kind_function, row);
    settings_print(&settings, &line);
    if (live) {
        put_live(&line, live);
    } else {
        ds_put_cstr(&line, "\n    # ");
        put_row_state(&kind_function, row, &line);
    }
    if (warning) {
        ds_put_format(&line, "\n    # warning: %s", warning);
    }
    puts(ds_cstr(&line));
    settings_destroy(&settings);
    ds_destroy(&line);
}

static void
show_functions(const struct ovsrec_inspector *inspector,
               const struct json *answer, struct json *array)
{
    size_t n = inspector->n_functions;
    const struct ovsrec_inspect_function **order;

    order = xmemdup(inspector->functions, n * sizeof *order);
    if (n) {
        qsort(order, n, sizeof *order, compare_functions);
    }
    for (size_t i = 0; i < n; i++) {
        const struct json *live = find_live(answer, order[i]->name);

        if (array) {
            struct json *object =
                row_to_json(&kind_function, &order[i]->header_);

            if (live) {
                json_object_put(object, "live", json_deep_clone(live));
            }
            json_array_add(array, object);
        } else {
            print_function(order[i], live);
        }
    }
    free(order);
}

void
command_functions(int argc, char *argv[])
{
    static const struct listing listing = {
        "inspect/functions",
        "functions",
        show_functions,
    };

    list_inspectors(&listing, argc > 1 ? argv[1] : NULL);
}
