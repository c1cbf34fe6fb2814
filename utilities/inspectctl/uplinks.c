/* SPDX-License-Identifier: Apache-2.0 */
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

static const struct ovsrec_inspect_uplink *
uplink_of(const struct ovsdb_idl_row *row)
{
    return CONTAINER_OF(row, struct ovsrec_inspect_uplink, header_);
}

static bool
is_in(const struct ovsrec_inspector *inspector,
      const struct ovsdb_idl_row *row)
{
    for (size_t i = 0; i < inspector->n_uplinks; i++) {
        if (inspector->uplinks[i] == uplink_of(row)) {
            return true;
        }
    }
    return false;
}

static const struct ovsdb_idl_row *
insert(void)
{
    return &ovsrec_inspect_uplink_insert(the_txn)->header_;
}

static void
add(const struct ovsrec_inspector *inspector, const struct ovsdb_idl_row *row)
{
    ovsrec_inspector_update_uplinks_addvalue(inspector, uplink_of(row));
}

static void
take_away(const struct ovsrec_inspector *inspector,
          const struct ovsdb_idl_row *row)
{
    ovsrec_inspector_update_uplinks_delvalue(inspector, uplink_of(row));
}

static void delete (const struct ovsdb_idl_row *row)
{
    ovsrec_inspect_uplink_delete(uplink_of(row));
}

const struct ovsrec_inspect_uplink *
find_uplink(const char *name)
{
    const struct ovsdb_idl_row *row = find_row(&kind_uplink, name);

    return row ? ovsrec_inspect_uplink_get_for_uuid(the_idl, &row->uuid)
               : NULL;
}

static const struct member_kind member = {
    .kind = &kind_uplink,
    .a = "an uplink",
    .word = "uplink",
    .is_in = is_in,
    .insert = insert,
    .add = add,
    .remove = take_away,
    .delete = delete,
};

void
command_add_uplink(int argc, char *argv[])
{
    member_add(&member, argc, argv);
}

void
command_del_uplink(int argc OVS_UNUSED, char *argv[])
{
    member_remove(&member, argv);
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
    if (write(fd, line, size) != size || write(fd, "\n", 1) != 1 ||
        fsync(fd) || close(fd) || rename(temporary, path)) {
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
           "The collector's token file needs the same line.\n",
           identity, argv[1]);
    free(identity);
}
