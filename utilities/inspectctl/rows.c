/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * What there is: rows by name, their status, and the lists of rules and
 * functions, which have the database's words on the left and, where
 * ovs-vswitchd answers, what it says of them on the right.  A list that has
 * no answer is still a list. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/json.h"
#include "ovs-compat.h"
#include "ovsdb-data.h"
#include "util.h"

#define MAX_REPORTED 10 /* Faults that are told one by one. */

const char *
row_name(const struct kind *kind, const struct ovsdb_idl_row *row)
{
    const struct ovsdb_idl_column *column = kind_column(kind, "name");
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

    return datum->n ? json_string(datum->keys[0].s) : "";
}

const struct ovsdb_idl_row *
find_row(const struct kind *kind, const char *name)
{
    const struct ovsdb_idl_row *row;

    for (row = ovsdb_idl_first_row(the_idl, kind->table); row;
         row = ovsdb_idl_next_row(row)) {
        if (!strcmp(row_name(kind, row), name)) {
            return row;
        }
    }
    return NULL;
}

const char *
row_status(const struct kind *kind, const struct ovsdb_idl_row *row,
           const char *key)
{
    const struct ovsdb_idl_column *column = kind_column(kind, "status");
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

    for (size_t i = 0; i < datum->n; i++) {
        if (!strcmp(json_string(datum->keys[i].s), key)) {
            return json_string(datum->values[i].s);
        }
    }
    return NULL;
}

static void
report_row(const struct kind *kind, const struct ovsdb_idl_row *row)
{
    const char *version = row_status(kind, row, "version");
    const char *warning = row_status(kind, row, "warning");
    const char *reason = row_status(kind, row, "reason");
    const char *state = row_status(kind, row, "state");

    printf("%s %s: %s%s%s%s%s%s%s\n", kind->noun, row_name(kind, row),
           state ? state : "taken up", version ? ", version " : "",
           version ? version : "", reason ? ": " : "", reason ? reason : "",
           warning ? "; " : "", warning ? warning : "");
}

void
report_rows(const struct kind *kind, const struct sset *names)
{
    bool many = sset_count(names) > 1;
    struct ds faults = DS_EMPTY_INITIALIZER;
    const struct ovsdb_idl_row *row;
    size_t n_faults = 0, n = 0;

    for (row = ovsdb_idl_first_row(the_idl, kind->table); row;
         row = ovsdb_idl_next_row(row)) {
        const char *name = row_name(kind, row);
        const char *error;

        if (!sset_contains(names, name)) {
            continue;
        }
        n++;
        error = row_status(kind, row, "error");
        if (error) {
            if (n_faults++ < MAX_REPORTED) {
                ds_put_format(&faults, "%s%s %s: %s",
                              faults.length ? "\n    " : "", kind->noun, name,
                              error);
            }
        } else if (!many) {
            report_row(kind, row);
        } else if (row_status(kind, row, "warning")) {
            report_row(kind, row);
        }
    }
    if (many) {
        printf("%" PRIuSIZE " %ss in the database, %" PRIuSIZE " of them "
               "refused\n",
               n, kind->noun, n_faults);
    }
    if (n_faults > MAX_REPORTED) {
        ds_put_format(&faults, "\n    and %" PRIuSIZE " more",
                      n_faults - MAX_REPORTED);
    }
    if (n_faults) {
        ds_put_format(&faults,
                      "\n    stays in the database, out of force: "
                      "mend it, or take it away (del-%s)",
                      kind->noun);
        fail("%s", ds_cstr(&faults));
    }
    ds_destroy(&faults);
}

/* Lists. */

/* What ovs-vswitchd says of the inspector, or NULL. */
static const struct json *
find_answer(const struct json *answer, const char *inspector)
{
    const struct json *list =
        answer ? json_list_of(answer, "inspectors") : NULL;

    for (size_t i = 0; list && i < list_size(list); i++) {
        const struct json *one = list_at(list, i);

        if (!strcmp(json_text_of(one, "name"), inspector)) {
            return one;
        }
    }
    return NULL;
}

static void
list_one(const struct listing *listing,
         const struct ovsrec_inspector *inspector, const struct json *answer,
         struct json *list)
{
    const struct json *its = find_answer(answer, inspector->name);
    struct json *array = list ? json_array_create_empty() : NULL;

    if (!list) {
        printf("# inspector %s%s\n", inspector->name,
               answer ? "" : "; ovs-vswitchd does not answer");
    }
    listing->show(inspector, its ? json_list_of(its, listing->member) : NULL,
                  array);
    if (list) {
        struct json *object = json_object_create();

        json_object_put_string(object, "name", inspector->name);
        json_object_put(object, listing->member, array);
        json_array_add(list, object);
    }
}

void
list_inspectors(const struct listing *listing, const char *name)
{
    struct json *list = option("json") ? json_array_create_empty() : NULL;
    struct svec args = SVEC_EMPTY_INITIALIZER;
    const struct ovsrec_inspector *inspector;
    struct json *answer;

    svec_add(&args, "--json");
    if (name) {
        svec_add(&args, name);
    }
    answer = ask_if_running(listing->command, &args);
    db_monitor();
    if (name) {
        list_one(listing, need_inspector(name), answer, list);
    } else {
        OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
        {
            list_one(listing, inspector, answer, list);
        }
    }
    if (list) {
        print_json_list("inspectors", list);
    }
    json_destroy(answer);
    svec_destroy(&args);
    db_close();
}

void
print_json_list(const char *key, struct json *list)
{
    struct json *object = json_object_create();
    char *text;

    json_object_put(object, key, list);
    text = json_to_string(object, JSSF_SORT);
    puts(text);
    free(text);
    json_destroy(object);
}

struct json *
row_to_json(const struct kind *kind, const struct ovsdb_idl_row *row)
{
    static const char *const keys[] = { "state", "error", "warning" };
    struct settings settings;
    struct json *object;

    settings_init_from_row(&settings, kind, row);
    object = settings_to_json(&settings);
    settings_destroy(&settings);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *text = row_status(kind, row, keys[i]);

        if (text) {
            json_object_put_string(object, keys[i], text);
        }
    }
    return object;
}

void
put_row_state(const struct kind *kind, const struct ovsdb_idl_row *row,
              struct ds *ds)
{
    const char *error = row_status(kind, row, "error");
    const char *state = row_status(kind, row, "state");

    ds_put_cstr(ds, error ? "error: " : state ? state : "not in force");
    ds_put_cstr(ds, error ? error : "");
}
