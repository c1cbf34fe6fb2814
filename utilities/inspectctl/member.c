/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * A row that inspectors refer to is made, changed or taken away in one
 * transaction with the reference, and every inspector that has it is raised:
 * it must say that it has read the change.  A row to which nobody refers any
 * more goes, too. */

#include <config.h>

#include <stdio.h>

#include "inspectctl.h"
#include "util.h"

void
member_raise_users(const struct member_kind *m, struct raised *raised,
                   const struct ovsdb_idl_row *row)
{
    const struct ovsrec_inspector *inspector;

    OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
    {
        if (m->is_in(inspector, row)) {
            raise_next_cfg(raised, inspector);
        }
    }
}

struct addition {
    const struct member_kind *member;
    const char *inspector;
    struct settings settings;
    struct raised raised;
};

static void
compose_addition(void *addition_)
{
    struct addition *addition = addition_;
    const struct member_kind *m = addition->member;
    const char *name = settings_get(&addition->settings, "name");
    const struct ovsrec_inspector *inspector;
    const struct ovsdb_idl_row *row;

    inspector = need_inspector(addition->inspector);
    row = find_row(m->kind, name);
    if (row && !option("replace") && !option("may-exist")) {
        fail("there is %s named \"%s\" already (see --may-exist and "
             "--replace)",
             m->a, name);
    }
    if (m->check_room && (!row || option("replace"))) {
        m->check_room(&addition->settings, inspector);
    }
    if (!row) {
        row = m->insert();
        settings_write(&addition->settings, row);
    } else if (option("replace")) {
        settings_write(&addition->settings, row);
        member_raise_users(m, &addition->raised, row);
    }
    if (!m->is_in(inspector, row)) {
        m->add(inspector, row);
    }
    raise_next_cfg(&addition->raised, inspector);
}

void
member_add(const struct member_kind *m, int argc, char *argv[])
{
    struct addition addition = { .member = m, .inspector = argv[1] };
    struct sset names = SSET_INITIALIZER(&names);
    char *error;

    if (option("replace") && option("may-exist")) {
        fail_usage("either --replace or --may-exist");
    }
    error = settings_init(&addition.settings, m->kind,
                          (const char *const *) argv + 2, argc - 2);
    if (error) {
        fail_usage("%s", error);
    }
    sset_add(&names, settings_get(&addition.settings, "name"));
    error = settings_check(&addition.settings);
    if (error) {
        fail("%s %s: %s", m->word, settings_get(&addition.settings, "name"),
             error);
    }

    raised_init(&addition.raised);
    db_monitor();
    db_transact(compose_addition, &addition, &addition.raised, "%s", argv[0]);
    if (!option("no-wait")) {
        await_raised(&addition.raised);
        report_rows(m->kind, &names);
    }
    raised_destroy(&addition.raised);
    settings_destroy(&addition.settings);
    sset_destroy(&names);
    db_close();
}

struct removal {
    const struct member_kind *member;
    const char *inspector, *name;
    struct raised raised;
    bool removed;
};

static void
compose_removal(void *removal_)
{
    struct removal *removal = removal_;
    const struct member_kind *m = removal->member;
    const struct ovsrec_inspector *inspector, *other;
    const struct ovsdb_idl_row *row;
    bool shared = false;

    inspector = need_inspector(removal->inspector);
    row = find_row(m->kind, removal->name);
    removal->removed = row && m->is_in(inspector, row);
    if (!removal->removed) {
        if (option("if-exists")) {
            return;
        }
        fail("inspector \"%s\" has no %s named \"%s\"", removal->inspector,
             m->word, removal->name);
    }
    OVSREC_INSPECTOR_FOR_EACH(other, the_idl)
    {
        shared |= other != inspector && m->is_in(other, row);
    }
    m->remove(inspector, row);
    if (!shared) {
        m->delete (row);
    }
    raise_next_cfg(&removal->raised, inspector);
}

void
member_remove(const struct member_kind *m, char *argv[])
{
    struct removal removal = { .member = m,
                               .inspector = argv[1],
                               .name = argv[2] };

    raised_init(&removal.raised);
    db_monitor();
    db_transact(compose_removal, &removal, &removal.raised, "%s", argv[0]);
    if (removal.removed && !option("no-wait")) {
        await_raised(&removal.raised);
        printf("%s %s: gone\n", m->word, removal.name);
    }
    raised_destroy(&removal.raised);
    db_close();
}
