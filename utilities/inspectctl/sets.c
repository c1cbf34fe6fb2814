/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Address sets are nobody's: rules name them ("set:NAME").  So a change
 * concerns the inspectors that have a rule which does, and those are waited
 * for.  Single addresses are added and taken away as such, so that two who
 * do it at the same time do not undo each other's work. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/json.h"
#include "util.h"

struct change {
    struct settings settings; /* Name and addresses. */
    const char *name;
    bool remove; /* The addresses go. */
    bool done;   /* There was something to do. */
    struct raised raised;
};

static void
add_file(struct settings *settings, const char *file)
{
    bool standard = !strcmp(file, "-");
    FILE *stream = standard ? stdin : fopen(file, "r");
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct ds line = DS_EMPTY_INITIALIZER;

    if (!stream) {
        fail("%s: %s", file, ovs_strerror(errno));
    }
    while (!ds_get_line(&line, stream)) {
        if (!line_words(ds_cstr(&line), &words)) {
            fail("%s: a quote is not closed: %s", file, ds_cstr(&line));
        }
    }
    if (ferror(stream)) {
        fail("%s: %s", file, ovs_strerror(errno));
    }
    for (size_t i = 0; i < words.n; i++) {
        settings_add(settings, "addresses", words.names[i]);
    }
    svec_destroy(&words);
    ds_destroy(&line);
    if (!standard) {
        fclose(stream);
    }
}

/* NAME ADDRESS..., where @FILE stands for the words in it. */
static void
change_init(struct change *change, int argc, char *argv[])
{
    struct settings *settings = &change->settings;
    char *error;

    memset(change, 0, sizeof *change);
    raised_init(&change->raised);
    error =
        settings_init(settings, &kind_set, (const char *const *) argv + 1, 1);
    if (error) {
        fail_usage("%s", error);
    }
    change->name = settings_get(settings, "name");
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] == '@') {
            add_file(settings, argv[i] + 1);
        } else {
            settings_add(settings, "addresses", argv[i]);
        }
    }
    error = settings_check(settings);
    if (error) {
        fail("set %s: %s", change->name, error);
    }
}

static void
change_destroy(struct change *change)
{
    settings_destroy(&change->settings);
    raised_destroy(&change->raised);
}

/* "set:NAME" or "!set:NAME" */
static bool
names_set(char **terms, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const char *term = terms[i] + (terms[i][0] == '!');

        if (!strncmp(term, "set:", 4) && !strcmp(term + 4, name)) {
            return true;
        }
    }
    return false;
}

static bool
uses_set(const struct ovsrec_inspector *inspector, const char *name)
{
    for (size_t i = 0; i < inspector->n_rules; i++) {
        const struct ovsrec_inspect_rule *rule = inspector->rules[i];

        if (names_set(rule->source, rule->n_source, name) ||
            names_set(rule->destination, rule->n_destination, name)) {
            return true;
        }
    }
    return false;
}

static void
raise_users(struct change *change)
{
    const struct ovsrec_inspector *inspector;

    change->done = true;
    OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
    {
        if (uses_set(inspector, change->name)) {
            raise_next_cfg(&change->raised, inspector);
        }
    }
}

static const struct ovsrec_inspect_address_set *
find_set(const char *name)
{
    const struct ovsdb_idl_row *row = find_row(&kind_set, name);

    return row ? ovsrec_inspect_address_set_get_for_uuid(the_idl, &row->uuid)
               : NULL;
}

static const struct ovsrec_inspect_address_set *
need_set(const char *name)
{
    const struct ovsrec_inspect_address_set *set = find_set(name);

    if (!set) {
        fail("there is no set named \"%s\"", name);
    }
    return set;
}

static void
compose_add(void *change_)
{
    struct change *change = change_;
    const struct ovsrec_inspect_address_set *row = find_set(change->name);

    if (row && option("may-exist")) {
        return;
    } else if (row && !option("replace")) {
        fail("there is a set named \"%s\" already (see --may-exist and "
             "--replace)",
             change->name);
    } else if (!row) {
        row = ovsrec_inspect_address_set_insert(the_txn);
    }
    settings_write(&change->settings, &row->header_);
    raise_users(change);
}

static void
compose_del(void *change_)
{
    struct change *change = change_;
    const struct ovsrec_inspect_address_set *row = find_set(change->name);

    if (row) {
        ovsrec_inspect_address_set_delete(row);
        raise_users(change);
    } else if (!option("if-exists")) {
        need_set(change->name);
    }
}

static bool
has_address(const struct ovsrec_inspect_address_set *set, const char *address)
{
    for (size_t i = 0; i < set->n_addresses; i++) {
        if (!strcmp(set->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static void
compose_addresses(void *change_)
{
    struct change *change = change_;
    const struct ovsrec_inspect_address_set *set = need_set(change->name);

    for (size_t i = 0; i < change->settings.n; i++) {
        const struct insp_setting *s = &change->settings.array[i];

        if (strcmp(s->key, "addresses")) {
            continue;
        } else if (!change->remove) {
            ovsrec_inspect_address_set_update_addresses_addvalue(set,
                                                                 s->value);
        } else if (has_address(set, s->value)) {
            ovsrec_inspect_address_set_update_addresses_delvalue(set,
                                                                 s->value);
        } else if (!option("if-exists")) {
            fail("set \"%s\" has no address \"%s\"", change->name, s->value);
        }
    }
    raise_users(change);
}

static void
carry_out(struct change *change, void (*compose)(void *), const char *comment)
{
    struct sset names = SSET_INITIALIZER(&names);

    db_monitor();
    db_transact(compose, change, &change->raised, "%s %s", comment,
                change->name);
    if (!option("no-wait")) {
        await_raised(&change->raised);
        if (find_set(change->name)) {
            sset_add(&names, change->name);
            report_rows(&kind_set, &names);
        } else if (change->done) {
            printf("set %s: gone\n", change->name);
        }
    }
    sset_destroy(&names);
    db_close();
}

void
command_add_set(int argc, char *argv[])
{
    struct change change;

    if (option("replace") && option("may-exist")) {
        fail_usage("either --replace or --may-exist");
    }
    change_init(&change, argc, argv);
    carry_out(&change, compose_add, argv[0]);
    change_destroy(&change);
}

void
command_del_set(int argc, char *argv[])
{
    struct change change;

    change_init(&change, argc, argv);
    carry_out(&change, compose_del, argv[0]);
    change_destroy(&change);
}

/* add-address, del-address */
void
command_change_set(int argc, char *argv[])
{
    struct change change;

    change_init(&change, argc, argv);
    change.remove = !strcmp(argv[0], "del-address");
    carry_out(&change, compose_addresses, argv[0]);
    change_destroy(&change);
}

/* sets */
static int
compare_sets(const void *a_, const void *b_)
{
    const struct ovsrec_inspect_address_set *const *a = a_;
    const struct ovsrec_inspect_address_set *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

static void
print_set(const struct ovsrec_inspect_address_set *set)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    struct settings settings;

    settings_init_from_row(&settings, &kind_set, &set->header_);
    settings_print(&settings, &line);
    ds_put_format(&line, "    # %" PRIuSIZE " addresses, ", set->n_addresses);
    put_row_state(&kind_set, &set->header_, &line);
    puts(ds_cstr(&line));
    settings_destroy(&settings);
    ds_destroy(&line);
}

void
command_sets(int argc, char *argv[])
{
    const struct ovsrec_inspect_address_set *set, **order = NULL;
    struct json *list = option("json") ? json_array_create_empty() : NULL;
    size_t n = 0, allocated = 0;

    db_monitor();
    if (argc > 1) {
        need_set(argv[1]);
    }
    OVSREC_INSPECT_ADDRESS_SET_FOR_EACH(set, the_idl)
    {
        if (argc > 1 && strcmp(set->name, argv[1])) {
            continue;
        }
        if (n == allocated) {
            order = x2nrealloc(order, &allocated, sizeof *order);
        }
        order[n++] = set;
    }
    if (n) {
        qsort(order, n, sizeof *order, compare_sets);
    }
    for (size_t i = 0; i < n; i++) {
        if (list) {
            json_array_add(list, row_to_json(&kind_set, &order[i]->header_));
        } else {
            print_set(order[i]);
        }
    }
    if (list) {
        print_json_list("sets", list);
    }
    free(order);
    db_close();
}
