/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Of rules and address sets there may be many, and they change only with the
 * configuration: their status is composed when it is another one than was
 * written, or when the database has lost it (status does not survive its
 * restart).  All that are in error are told of before cur_cfg advances, and of
 * the others as many as the database takes quickly; the rest follows, so that
 * neither cur_cfg nor anybody else has to wait for ten thousand times
 * "active". */

#include <config.h>

#include "ovs-ext/status-part.h"

#include "lib/vswitch-idl.h"
#include "ovs-ext/row-policy.h"
#include "ovs-ext/status.h"
#include "smap.h"

#define ROWS_A_TURN 1000 /* That are not in error. */

/* Of one turn of writing. */
static bool is_thorough;
static unsigned int room; /* Rows that may still be written... */
static bool are_more;     /* ... and whether some had to wait. */

static void
compose_row(const struct ovsext_row *row, struct smap *status)
{
    smap_init(status);
    smap_add(status, "state", row->status.state);
    ovsext_status_put_text(status, "error", row->status.error);
    ovsext_status_put_text(status, "warning", row->status.warning);
    if (row->status.version) {
        smap_add_format(status, "version", "%" PRIu32, row->status.version);
    }
}

/* Which rows of many are written now. */
enum portion {
    PORTION_ERRORS, /* Those in error, however many. */
    PORTION_OTHERS, /* The others, as long as there is room. */
};

/* Whether the status of a row is to be written; then composes it. */
static bool
is_due(const struct hmap *rows, const struct uuid *uuid,
       const struct smap *written, enum portion portion, struct smap *status)
{
    struct ovsext_row *row;

    if (!is_thorough && !smap_is_empty(written)) {
        return false;
    }
    row = ovsext_row_find(rows, uuid);
    if (!row || !row->status.state ||
        (row->status.written == row->status.stamp &&
         !smap_is_empty(written)) ||
        (portion == PORTION_ERRORS) != (row->status.error != NULL)) {
        return false;
    }
    if (portion == PORTION_OTHERS) {
        if (!room) {
            are_more = true;
            return false;
        }
        room--;
    }
    row->status.writing = row->status.stamp;
    compose_row(row, status);
    return true;
}

static void
write_rules(const struct ovsext_told *told, enum portion portion)
{
    const struct hmap *rules = &told->policies->rules.rules;
    const struct ovsrec_inspect_rule *row;
    struct smap status;

    OVSREC_INSPECT_RULE_FOR_EACH(row, told->idl)
    {
        if (is_due(rules, &row->header_.uuid, &row->status, portion,
                   &status)) {
            ovsrec_inspect_rule_set_status(row, &status);
            smap_destroy(&status);
        }
    }
}

static void
write_sets(const struct ovsext_told *told, enum portion portion)
{
    const struct hmap *sets = &told->policies->rules.sets;
    const struct ovsrec_inspect_address_set *row;
    struct smap status;

    OVSREC_INSPECT_ADDRESS_SET_FOR_EACH(row, told->idl)
    {
        if (is_due(sets, &row->header_.uuid, &row->status, portion, &status)) {
            ovsrec_inspect_address_set_set_status(row, &status);
            smap_destroy(&status);
        }
    }
}

bool
ovsext_status_rows_write(const struct ovsext_told *told, bool thorough)
{
    is_thorough = thorough;
    room = ROWS_A_TURN;
    are_more = false;
    write_rules(told, PORTION_ERRORS);
    write_sets(told, PORTION_ERRORS);
    write_sets(told, PORTION_OTHERS);
    write_rules(told, PORTION_OTHERS);
    return are_more;
}

static void
note_row(struct ovsext_row_status *status, bool is_written)
{
    if (is_written) {
        status->written = status->writing;
    } else {
        status->writing = status->written;
    }
}

void
ovsext_status_rows_note(struct ovsext_policies *policies, bool is_written)
{
    struct ovsext_rule *rule;
    struct ovsext_set *set;

    HMAP_FOR_EACH (rule, row.node, &policies->rules.rules) {
        note_row(&rule->row.status, is_written);
    }
    HMAP_FOR_EACH (set, row.node, &policies->rules.sets) {
        note_row(&set->row.status, is_written);
    }
}
