/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * add-rule is load-rules with one line.  Every line is read and checked
 * before the database is opened; then all of them are one transaction, so
 * that one new version of the policy comes of it, or none.
 *
 *     lines --> settings, checked --> rows of Inspect_Rule
 *                                     + Inspector.rules
 *
 * A rule belongs to the inspectors that refer to it.  del-rule takes it from
 * one, and destroys it when that was the last. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/json.h"
#include "ovs-compat.h"
#include "util.h"

#define MAX_TOLD 20 /* Bad lines that are told one by one. */

/* What is to be done with a rule of a name that there is already. */
enum existing {
    EXISTING_REFUSE,
    EXISTING_KEEP,
    EXISTING_REPLACE
};

/* Rules to be added to an inspector. */
struct load {
    const char *inspector;
    enum existing existing;
    bool prune; /* The rest of its rules go. */
    struct settings *rules;
    size_t n, n_allocated;
    struct shash lines; /* Where a name stands, by name. */
    struct sset names;
    struct raised raised;
    size_t n_pruned;
};

static void
load_init(struct load *load, const char *inspector)
{
    memset(load, 0, sizeof *load);
    load->inspector = inspector;
    load->existing = (option("replace")     ? EXISTING_REPLACE
                      : option("may-exist") ? EXISTING_KEEP
                                            : EXISTING_REFUSE);
    load->prune = option("prune") != NULL;
    shash_init(&load->lines);
    sset_init(&load->names);
    raised_init(&load->raised);
    if (option("replace") && option("may-exist")) {
        fail_usage("either --replace or --may-exist");
    }
}

static void
load_destroy(struct load *load)
{
    for (size_t i = 0; i < load->n; i++) {
        settings_destroy(&load->rules[i]);
    }
    free(load->rules);
    shash_destroy(&load->lines);
    sset_destroy(&load->names);
    raised_destroy(&load->raised);
}

static struct settings *
load_room(struct load *load)
{
    if (load->n == load->n_allocated) {
        load->rules =
            x2nrealloc(load->rules, &load->n_allocated, sizeof *load->rules);
    }
    return &load->rules[load->n++];
}

static bool
refers_to(const struct ovsrec_inspector *inspector,
          const struct ovsrec_inspect_rule *rule)
{
    for (size_t i = 0; i < inspector->n_rules; i++) {
        if (inspector->rules[i] == rule) {
            return true;
        }
    }
    return false;
}

static bool
is_used(const struct ovsrec_inspect_rule *rule,
        const struct ovsrec_inspector *except)
{
    const struct ovsrec_inspector *inspector;

    OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
    {
        if (inspector != except && refers_to(inspector, rule)) {
            return true;
        }
    }
    return false;
}

static void
remove_rule(const struct ovsrec_inspector *inspector,
            const struct ovsrec_inspect_rule *rule)
{
    ovsrec_inspector_update_rules_delvalue(inspector, rule);
    if (!is_used(rule, inspector)) {
        ovsrec_inspect_rule_delete(rule);
    }
}

/* Rules that the inspector has and nobody has named. */
static void
prune(struct load *load, const struct ovsrec_inspector *inspector)
{
    load->n_pruned = 0;
    for (size_t i = 0; i < inspector->n_rules; i++) {
        if (!sset_contains(&load->names, inspector->rules[i]->name)) {
            remove_rule(inspector, inspector->rules[i]);
            load->n_pruned++;
        }
    }
}

/* The inspectors that 'load' concerns: its own, and who shares its rules. */
static void
raise_users(struct load *load, const struct ovsrec_inspector *own)
{
    const struct ovsrec_inspector *inspector;

    raise_next_cfg(&load->raised, own);
    OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
    {
        for (size_t i = 0; inspector != own && i < inspector->n_rules; i++) {
            if (sset_contains(&load->names, inspector->rules[i]->name)) {
                raise_next_cfg(&load->raised, inspector);
                break;
            }
        }
    }
}

static void
compose_rule(const struct load *load, const struct ovsrec_inspector *inspector,
             const struct settings *rule, const struct shash *existing,
             const struct shash *attached)
{
    const char *name = settings_get(rule, "name");
    const struct ovsrec_inspect_rule *row = shash_find_data(existing, name);

    if (row && load->existing == EXISTING_REFUSE) {
        fail("there is a rule named \"%s\" already (see --may-exist and "
             "--replace)",
             name);
    }
    if (!row) {
        row = ovsrec_inspect_rule_insert(the_txn);
        settings_write(rule, &row->header_);
    } else if (load->existing == EXISTING_REPLACE) {
        settings_write(rule, &row->header_);
    }
    if (!shash_find(attached, name)) {
        ovsrec_inspector_update_rules_addvalue(inspector, row);
    }
}

static void
compose_load(void *load_)
{
    struct load *load = load_;
    const struct ovsrec_inspector *inspector;
    struct shash existing = SHASH_INITIALIZER(&existing);
    struct shash attached = SHASH_INITIALIZER(&attached);
    const struct ovsrec_inspect_rule *row;

    inspector = need_inspector(load->inspector);
    OVSREC_INSPECT_RULE_FOR_EACH(row, the_idl)
    {
        shash_add(&existing, row->name, row);
    }
    for (size_t i = 0; i < inspector->n_rules; i++) {
        shash_add(&attached, inspector->rules[i]->name, NULL);
    }
    if (load->prune) {
        prune(load, inspector);
    }
    for (size_t i = 0; i < load->n; i++) {
        compose_rule(load, inspector, &load->rules[i], &existing, &attached);
    }
    raise_users(load, inspector);
    shash_destroy(&existing);
    shash_destroy(&attached);
}

static void
carry_out(struct load *load, const char *comment)
{
    db_monitor();
    db_transact(compose_load, load, &load->raised, "%s", comment);
    if (!option("no-wait")) {
        await_raised(&load->raised);
        report_rows(&kind_rule, &load->names);
        if (load->n_pruned) {
            printf("%" PRIuSIZE " other rules of inspector %s are gone\n",
                   load->n_pruned, load->inspector);
        }
    }
    db_close();
}

void
command_add_rule(int argc, char *argv[])
{
    struct load load;
    struct settings *rule;
    char *error;

    load_init(&load, argv[1]);
    rule = load_room(&load);
    error = settings_init(rule, &kind_rule, (const char *const *) argv + 2,
                          argc - 2);
    if (error) {
        fail_usage("%s", error);
    }
    error = settings_check(rule);
    if (error) {
        fail("rule %s: %s", settings_get(rule, "name"), error);
    }
    sset_add(&load.names, settings_get(rule, "name"));
    carry_out(&load, "add-rule");
    load_destroy(&load);
}

/* Reads one line; returns what is wrong with it, or NULL. */
static char *
load_line(struct load *load, const char *line, unsigned int number)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct settings *rule;
    char *error = NULL;

    if (!line_words(line, &words)) {
        error = xstrdup("a quote is not closed");
    } else if (words.n) {
        const char *name = words.names[0];
        const struct shash_node *node = shash_find(&load->lines, name);

        rule = load_room(load);
        error = settings_init(rule, &kind_rule,
                              (const char *const *) words.names, words.n);
        if (!error && node) {
            error = xasprintf("rule %s: stands in line %" PRIuPTR " already",
                              name, (uintptr_t) node->data);
        }
        if (!error) {
            char *fault = settings_check(rule);

            error = fault ? xasprintf("rule %s: %s", name, fault) : NULL;
            free(fault);
        }
        shash_add_once(&load->lines, name, (void *) (uintptr_t) number);
        sset_add(&load->names, name);
    }
    svec_destroy(&words);
    return error;
}

/* All of them, or none: fails when a line is bad. */
static void
load_file(struct load *load, const char *file)
{
    bool standard = !strcmp(file, "-");
    FILE *stream = standard ? stdin : fopen(file, "r");
    const char *shown = standard ? "standard input" : file;
    struct ds errors = DS_EMPTY_INITIALIZER;
    struct ds line = DS_EMPTY_INITIALIZER;
    unsigned int number = 0, n_bad = 0;

    if (!stream) {
        fail("%s: %s", file, ovs_strerror(errno));
    }
    while (!ds_get_line(&line, stream)) {
        char *error = load_line(load, ds_cstr(&line), ++number);

        if (error && n_bad++ < MAX_TOLD) {
            ds_put_format(&errors, "%s%s:%u: %s", errors.length ? "\n" : "",
                          shown, number, error);
        }
        free(error);
    }
    if (ferror(stream)) {
        fail("%s: %s", shown, ovs_strerror(errno));
    }
    if (n_bad > MAX_TOLD) {
        ds_put_format(&errors, "\nand %u more", n_bad - MAX_TOLD);
    }
    if (n_bad) {
        fail("%s\nnothing has been changed", ds_cstr(&errors));
    }
    ds_destroy(&line);
    ds_destroy(&errors);
    if (!standard) {
        fclose(stream);
    }
}

void
command_load_rules(int argc OVS_UNUSED, char *argv[])
{
    struct load load;

    load_init(&load, argv[1]);
    load_file(&load, argv[2]);
    carry_out(&load, "load-rules");
    load_destroy(&load);
}

/* del-rule */
struct removal {
    const char *inspector;
    char **names;
    size_t n;
    size_t n_removed;
    struct raised raised;
};

static void
compose_removal(void *removal_)
{
    struct removal *removal = removal_;
    const struct ovsrec_inspector *inspector;

    inspector = need_inspector(removal->inspector);
    removal->n_removed = 0;
    for (size_t i = 0; i < removal->n; i++) {
        const struct ovsdb_idl_row *row =
            find_row(&kind_rule, removal->names[i]);
        const struct ovsrec_inspect_rule *rule;

        rule =
            row ? ovsrec_inspect_rule_get_for_uuid(the_idl, &row->uuid) : NULL;
        if (rule && refers_to(inspector, rule)) {
            remove_rule(inspector, rule);
            removal->n_removed++;
        } else if (!option("if-exists")) {
            fail("inspector \"%s\" has no rule named \"%s\"",
                 removal->inspector, removal->names[i]);
        }
    }
    if (removal->n_removed) {
        raise_next_cfg(&removal->raised, inspector);
    }
}

void
command_del_rule(int argc, char *argv[])
{
    struct removal removal = {
        .inspector = argv[1],
        .names = argv + 2,
        .n = argc - 2,
    };

    raised_init(&removal.raised);
    db_monitor();
    db_transact(compose_removal, &removal, &removal.raised, "del-rule");
    if (!option("no-wait")) {
        await_raised(&removal.raised);
        printf("%" PRIuSIZE " rule%s of inspector %s gone\n",
               removal.n_removed, removal.n_removed == 1 ? "" : "s",
               removal.inspector);
    }
    raised_destroy(&removal.raised);
    db_close();
}

/* rules */
struct listed {
    struct settings settings;
    const struct ovsdb_idl_row *row;
    long slot, priority;
};

static long
number_or(const struct settings *s, const char *key, long def)
{
    const char *text = settings_get(s, key);

    return text ? strtol(text, NULL, 10) : def;
}

/* In the order in which they are looked at; lib/config/columns.def has the
 * defaults. */
static int
compare_listed(const void *a_, const void *b_)
{
    const struct listed *a = a_, *b = b_;

    if (a->slot != b->slot) {
        return a->slot < b->slot ? -1 : 1;
    } else if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    return strcmp(settings_get(&a->settings, "name"),
                  settings_get(&b->settings, "name"));
}

static struct listed *
list_rules(const struct ovsrec_inspector *inspector)
{
    struct listed *list = xcalloc(inspector->n_rules, sizeof *list);

    for (size_t i = 0; i < inspector->n_rules; i++) {
        struct settings *s = &list[i].settings;

        list[i].row = &inspector->rules[i]->header_;
        settings_init_from_row(s, &kind_rule, list[i].row);
        list[i].slot = number_or(s, "slot", 2);
        list[i].priority = number_or(s, "priority", 1000);
    }
    if (inspector->n_rules) {
        qsort(list, inspector->n_rules, sizeof *list, compare_listed);
    }
    return list;
}

static void
print_rule(const struct listed *rule, const struct json *counters)
{
    const char *warning = row_status(&kind_rule, rule->row, "warning");
    struct ds line = DS_EMPTY_INITIALIZER;

    settings_print(&rule->settings, &line);
    ds_put_cstr(&line, "    # ");
    if (counters) {
        ds_put_format(&line, "judged %.0f, dropped %.0f",
                      json_number_of(counters, "judged"),
                      json_number_of(counters, "dropped"));
    } else {
        put_row_state(&kind_rule, rule->row, &line);
    }
    if (warning) {
        ds_put_format(&line, "; %s", warning);
    }
    puts(ds_cstr(&line));
    ds_destroy(&line);
}

static struct json *
rule_to_json(const struct listed *rule, const struct json *counters)
{
    struct json *object = row_to_json(&kind_rule, rule->row);

    if (counters) {
        json_object_put(object, "judged",
                        json_integer_create(
                            json_number_of(counters, "judged")));
        json_object_put(object, "dropped",
                        json_integer_create(
                            json_number_of(counters, "dropped")));
    }
    return object;
}

static void
show_rules(const struct ovsrec_inspector *inspector, const struct json *answer,
           struct json *array)
{
    struct shash counters = SHASH_INITIALIZER(&counters);
    struct listed *rules = list_rules(inspector);

    for (size_t i = 0; answer && i < list_size(answer); i++) {
        const struct json *rule = list_at(answer, i);

        shash_add_once(&counters, json_text_of(rule, "name"), rule);
    }
    for (size_t i = 0; i < inspector->n_rules; i++) {
        const char *name = settings_get(&rules[i].settings, "name");
        const struct json *its = shash_find_data(&counters, name);

        if (array) {
            json_array_add(array, rule_to_json(&rules[i], its));
        } else {
            print_rule(&rules[i], its);
        }
        settings_destroy(&rules[i].settings);
    }
    free(rules);
    shash_destroy(&counters);
}

void
command_rules(int argc, char *argv[])
{
    static const struct listing listing = {
        "inspect/rules",
        "rules",
        show_rules,
    };

    list_inspectors(&listing, argc > 1 ? argv[1] : NULL);
}
