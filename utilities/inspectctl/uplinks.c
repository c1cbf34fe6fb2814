/* How it works
 *
 * Uplinks: rows of Inspect_Uplink, and the inspectors that refer to them.
 * What an uplink does not say of keys comes from the switch's table SSL, so
 * that they are missing only if ovs-vswitchd says so.
 *
 * A token is made here and written to a file that is its owner's alone; it is
 * shown nowhere. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/token.h"
#include "inspectctl.h"
#include "smap.h"
#include "util.h"

static bool
refers_to(const struct ovsrec_inspector *inspector,
          const struct ovsrec_inspect_uplink *uplink)
{
    for (size_t i = 0; i < inspector->n_uplinks; i++) {
        if (inspector->uplinks[i] == uplink) {
            return true;
        }
    }
    return false;
}

/* All inspectors that it serves. */
static void
raise_users(struct raised *raised, const struct ovsrec_inspect_uplink *uplink)
{
    const struct ovsrec_inspector *inspector;

    OVSREC_INSPECTOR_FOR_EACH (inspector, the_idl) {
        if (refers_to(inspector, uplink)) {
            raise_next_cfg(raised, inspector);
        }
    }
}

const struct ovsrec_inspect_uplink *
find_uplink(const char *name)
{
    const struct ovsdb_idl_row *row = find_row(&kind_uplink, name);

    return row ? ovsrec_inspect_uplink_get_for_uuid(the_idl, &row->uuid)
               : NULL;
}

/* add-uplink */
struct addition {
    const char *inspector;
    struct settings settings;
    struct raised raised;
};

static void
compose_addition(void *addition_)
{
    struct addition *addition = addition_;
    const char *name = settings_get(&addition->settings, "name");
    const struct ovsrec_inspector *inspector;
    const struct ovsrec_inspect_uplink *row;

    inspector = need_inspector(addition->inspector);
    row = find_uplink(name);
    if (row && !option("replace") && !option("may-exist")) {
        fail("there is an uplink named \"%s\" already (see --may-exist and "
             "--replace)", name);
    }
    if (!row) {
        row = ovsrec_inspect_uplink_insert(the_txn);
        settings_write(&addition->settings, &row->header_);
    } else if (option("replace")) {
        settings_write(&addition->settings, &row->header_);
        raise_users(&addition->raised, row);
    }
    if (!refers_to(inspector, row)) {
        ovsrec_inspector_update_uplinks_addvalue(inspector, row);
    }
    raise_next_cfg(&addition->raised, inspector);
}

void
command_add_uplink(int argc, char *argv[])
{
    struct addition addition = { .inspector = argv[1] };
    struct sset names = SSET_INITIALIZER(&names);
    char *error;

    if (option("replace") && option("may-exist")) {
        fail_usage("either --replace or --may-exist");
    }
    error = settings_init(&addition.settings, &kind_uplink,
                          (const char *const *) argv + 2, argc - 2);
    if (error) {
        fail_usage("%s", error);
    }
    sset_add(&names, settings_get(&addition.settings, "name"));
    error = settings_check(&addition.settings);
    if (error) {
        fail("uplink %s: %s", settings_get(&addition.settings, "name"),
             error);
    }

    raised_init(&addition.raised);
    db_monitor();
    db_transact(compose_addition, &addition, &addition.raised, "add-uplink");
    if (!option("no-wait")) {
        await_raised(&addition.raised);
        report_rows(&kind_uplink, &names);
    }
    raised_destroy(&addition.raised);
    settings_destroy(&addition.settings);
    sset_destroy(&names);
    db_close();
}

/* del-uplink */
struct removal {
    const char *inspector, *name;
    struct raised raised;
    bool removed;
};

static void
compose_removal(void *removal_)
{
    struct removal *removal = removal_;
    const struct ovsrec_inspector *inspector, *other;
    const struct ovsrec_inspect_uplink *uplink;
    bool shared = false;

    inspector = need_inspector(removal->inspector);
    uplink = find_uplink(removal->name);
    removal->removed = uplink && refers_to(inspector, uplink);
    if (!removal->removed) {
        if (option("if-exists")) {
            return;
        }
        fail("inspector \"%s\" has no uplink named \"%s\"",
             removal->inspector, removal->name);
    }
    OVSREC_INSPECTOR_FOR_EACH (other, the_idl) {
        shared |= other != inspector && refers_to(other, uplink);
    }
    ovsrec_inspector_update_uplinks_delvalue(inspector, uplink);
    if (!shared) {
        ovsrec_inspect_uplink_delete(uplink);
    }
    raise_next_cfg(&removal->raised, inspector);
}

void
command_del_uplink(int argc OVS_UNUSED, char *argv[])
{
    struct removal removal = { .inspector = argv[1], .name = argv[2] };

    raised_init(&removal.raised);
    db_monitor();
    db_transact(compose_removal, &removal, &removal.raised, "del-uplink");
    if (removal.removed && !option("no-wait")) {
        await_raised(&removal.raised);
        printf("uplink %s: gone\n", removal.name);
    }
    raised_destroy(&removal.raised);
    db_close();
}

/* token */
static char *
system_id(void)
{
    const struct ovsrec_open_vswitch *ovs;
    const char *id;
    char *copy;

    db_monitor();
    ovs = ovsrec_open_vswitch_first(the_idl);
    id = ovs ? smap_get(&ovs->external_ids, "system-id") : NULL;
    if (!id) {
        fail("the switch has no external_ids:system-id; name the identity");
    }
    copy = xstrdup(id);
    db_close();
    return copy;
}

/* Whole, or not at all: a switch that reads it meanwhile sees the old one. */
static void
write_token(const char *path, const char *line)
{
    char *temporary = xasprintf("%s.new", path);
    ssize_t size = strlen(line);
    int fd;

    if (!option("replace") && !access(path, F_OK)) {
        fail("%s is there already (see --replace)", path);
    }
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail("%s: %s", temporary, ovs_strerror(errno));
    }
    if (write(fd, line, size) != size || write(fd, "\n", 1) != 1
        || fsync(fd) || close(fd) || rename(temporary, path)) {
        int error = errno;

        unlink(temporary);
        fail("%s: %s", path, ovs_strerror(error));
    }
    free(temporary);
}

void
command_token(int argc, char *argv[])
{
    char *identity = argc > 2 ? xstrdup(argv[2]) : system_id();
    char line[INSP_TOKEN_LINE_SIZE], why[256];

    if (!insp_token_make(identity, line, why, sizeof why)) {
        fail("%s", why);
    }
    write_token(argv[1], line);
    memset(line, 0, sizeof line);
    printf("a token for %s is in %s\n"
           "The collector's token file needs the same line.\n", identity,
           argv[1]);
    free(identity);
}
