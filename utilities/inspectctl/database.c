/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * One connection, one transaction at a time.  A change raises next_cfg of
 * the inspectors that it concerns, in the same transaction; await_raised()
 * returns when ovs-vswitchd has said with cur_cfg that it is in force, or
 * refused, which is in the status of the rows by then.
 *
 *     compose --> commit --> cur_cfg >= next_cfg? --> status
 *        ^           |
 *        +-----------+  another client was quicker */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

#define WAIT_SECONDS 5 /* For ovs-vswitchd to take it up. */

struct ovsdb_idl *the_idl;
struct ovsdb_idl_txn *the_txn;
static const char *db;

void
db_set_remote(const char *remote)
{
    db = remote;
}

const char *
db_get_remote(void)
{
    return db;
}

void
db_exit(int status)
{
    if (the_txn) {
        ovsdb_idl_txn_abort(the_txn);
        ovsdb_idl_txn_destroy(the_txn);
    }
    ovsdb_idl_destroy(the_idl);
    exit(status);
}

void
db_open(void)
{
    the_idl = ovsdb_idl_create_unconnected(&ovsrec_idl_class, false);
    ovsdb_idl_set_remote(the_idl, db, false);
    ovsdb_idl_set_db_change_aware(the_idl, false);
}

/* NULL, or why the database cannot be had; freed by the caller. */
static char *
try_to_wait(unsigned int *seqno)
{
    for (;;) {
        ovsdb_idl_run(the_idl);
        if (!ovsdb_idl_is_alive(the_idl)) {
            return xasprintf(
                "cannot reach the database at %s: is "
                "ovsdb-server running? (%s)",
                db, ovs_retval_to_string(ovsdb_idl_get_last_error(the_idl)));
        }
        if (ovsdb_idl_get_seqno(the_idl) != *seqno) {
            *seqno = ovsdb_idl_get_seqno(the_idl);
            return NULL;
        }
        ovsdb_idl_wait(the_idl);
        poll_block();
    }
}

void
db_wait(unsigned int *seqno)
{
    char *why = try_to_wait(seqno);

    if (why) {
        fail("%s", why);
    }
}

void
db_close(void)
{
    ovsdb_idl_destroy(the_idl);
    the_idl = NULL;
}

static void
monitor_table(const struct ovsdb_idl_table_class *table)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        ovsdb_idl_add_column(the_idl, &table->columns[i]);
    }
}

char *
db_try_monitor(void)
{
    unsigned int seqno = 0;
    char *why;

    db_open();
    ovsdb_idl_add_column(the_idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(the_idl, &ovsrec_bridge_col_datapath_type);
    ovsdb_idl_add_column(the_idl, &ovsrec_bridge_col_inspectors);
    monitor_table(&ovsrec_table_inspector);
    monitor_table(&ovsrec_table_inspect_uplink);
    monitor_table(&ovsrec_table_inspect_rule);
    monitor_table(&ovsrec_table_inspect_function);
    monitor_table(&ovsrec_table_inspect_address_set);
    ovsdb_idl_add_column(the_idl, &ovsrec_open_vswitch_col_external_ids);
    ovsdb_idl_add_column(the_idl, &ovsrec_open_vswitch_col_other_config);
    ovsdb_idl_add_column(the_idl, &ovsrec_open_vswitch_col_dpdk_initialized);
    ovsdb_idl_add_column(the_idl, &ovsrec_open_vswitch_col_ssl);
    ovsdb_idl_add_column(the_idl, &ovsrec_ssl_col_private_key);
    ovsdb_idl_add_column(the_idl, &ovsrec_ssl_col_certificate);
    ovsdb_idl_add_column(the_idl, &ovsrec_ssl_col_ca_cert);
    why = try_to_wait(&seqno);
    if (why) {
        db_close();
    }
    return why;
}

void
db_monitor(void)
{
    char *why = db_try_monitor();

    if (why) {
        fail("%s", why);
    }
}

/* One try; false: others were quicker. */
static bool
try_transaction(void (*compose)(void *aux), void *aux, struct raised *raised,
                const char *comment)
{
    enum ovsdb_idl_txn_status status;

    shash_clear_free_data(&raised->numbers);
    the_txn = ovsdb_idl_txn_create(the_idl);
    ovsdb_idl_txn_add_comment(the_txn, "ovs-inspectctl: %s", comment);
    compose(aux);
    status = ovsdb_idl_txn_commit_block(the_txn);
    if (status != TXN_SUCCESS && status != TXN_UNCHANGED &&
        status != TXN_TRY_AGAIN) {
        const char *error = ovsdb_idl_txn_get_error(the_txn);

        fail("the database refuses: %s",
             error ? error : ovsdb_idl_txn_status_to_string(status));
    }
    ovsdb_idl_txn_destroy(the_txn);
    the_txn = NULL;
    return status != TXN_TRY_AGAIN;
}

void
db_transact(void (*compose)(void *aux), void *aux, struct raised *raised,
            const char *format, ...)
{
    unsigned int seqno = ovsdb_idl_get_seqno(the_idl);
    va_list args;
    char *comment;

    va_start(args, format);
    comment = xvasprintf(format, args);
    va_end(args);
    while (!try_transaction(compose, aux, raised, comment)) {
        db_wait(&seqno);
    }
    free(comment);
}

void
raised_init(struct raised *raised)
{
    shash_init(&raised->numbers);
}

void
raised_destroy(struct raised *raised)
{
    shash_destroy_free_data(&raised->numbers);
}

/* Of one transaction: a second call for an inspector changes nothing. */
void
raise_next_cfg(struct raised *raised, const struct ovsrec_inspector *inspector)
{
    int64_t next = inspector->next_cfg + 1;

    ovsrec_inspector_set_next_cfg(inspector, next);
    free(shash_replace(&raised->numbers, inspector->name,
                       xmemdup(&next, sizeof next)));
}

/* Whether all have been taken up; fails when one has gone. */
static bool
all_taken_up(const struct raised *raised)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &raised->numbers) {
        const struct ovsrec_inspector *inspector = find_inspector(node->name);
        const int64_t *next = node->data;

        if (!inspector) {
            fail("inspector %s has gone meanwhile", node->name);
        } else if (inspector->cur_cfg < *next) {
            return false;
        }
    }
    return true;
}

void
await_raised(const struct raised *raised)
{
    unsigned int seconds = option_timeout();
    long long int deadline;

    deadline = time_msec() + 1000LL * (seconds ? seconds : WAIT_SECONDS);
    ovsdb_idl_enable_reconnect(the_idl);
    for (;;) {
        ovsdb_idl_run(the_idl);
        if (all_taken_up(raised)) {
            return;
        } else if (time_msec() >= deadline) {
            fail("the database has it, but ovs-vswitchd has not taken it up "
                 "in time: is it running, and has it the inspector?");
        }
        ovsdb_idl_wait(the_idl);
        poll_timer_wait_until(deadline);
        poll_block();
    }
}

const struct ovsrec_bridge *
find_bridge(const char *name)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH(bridge, the_idl)
    {
        if (!strcmp(bridge->name, name)) {
            return bridge;
        }
    }
    fail("there is no bridge named \"%s\"", name);
}

const struct ovsrec_inspector *
find_inspector(const char *name)
{
    const struct ovsrec_inspector *inspector;

    OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
    {
        if (!strcmp(inspector->name, name)) {
            return inspector;
        }
    }
    return NULL;
}

const struct ovsrec_inspector *
need_inspector(const char *name)
{
    const struct ovsrec_inspector *inspector = find_inspector(name);

    if (!inspector) {
        fail("there is no inspector named \"%s\"", name);
    }
    return inspector;
}
