/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Open vSwitch's generic database commands, which its db-ctl-base.c knows how
 * to parse and to run; here is what goes round them: one transaction, tried
 * again until nobody was quicker. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "db-ctl-base.h"
#include "inspectctl.h"
#include "table.h"
#include "util.h"

static const struct ctl_table_class tables[OVSREC_N_TABLES] = {
    [OVSREC_TABLE_BRIDGE].row_ids[0] = { &ovsrec_bridge_col_name, NULL, NULL },
    [OVSREC_TABLE_PORT].row_ids[0] = { &ovsrec_port_col_name, NULL, NULL },
    [OVSREC_TABLE_INTERFACE].row_ids[0] = { &ovsrec_interface_col_name, NULL,
                                            NULL },
    [OVSREC_TABLE_INSPECTOR].row_ids[0] = { &ovsrec_inspector_col_name, NULL,
                                            NULL },
    [OVSREC_TABLE_INSPECT_UPLINK]
        .row_ids[0] = { &ovsrec_inspect_uplink_col_name, NULL, NULL },
    [OVSREC_TABLE_INSPECT_RULE].row_ids[0] = { &ovsrec_inspect_rule_col_name,
                                               NULL, NULL },
    [OVSREC_TABLE_INSPECT_FUNCTION]
        .row_ids[0] = { &ovsrec_inspect_function_col_name, NULL, NULL },
    [OVSREC_TABLE_INSPECT_ADDRESS_SET]
        .row_ids[0] = { &ovsrec_inspect_address_set_col_name, NULL, NULL },
};

void
generic_init(void)
{
    ctl_init(&ovsrec_idl_class, ovsrec_table_classes, tables, NULL, db_exit);
}

static void
begin_outputs(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_init(&commands[i].output);
        commands[i].table = NULL;
    }
}

static void
discard_outputs(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_destroy(&commands[i].output);
        table_destroy(commands[i].table);
        free(commands[i].table);
    }
}

static void
run_prerequisites(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ctl_context ctx;

        if (!commands[i].syntax->prerequisites) {
            continue;
        }
        begin_outputs(&commands[i], 1);
        ctl_context_init(&ctx, &commands[i], the_idl, NULL, NULL, NULL);
        commands[i].syntax->prerequisites(&ctx);
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        ctl_context_done(&ctx, &commands[i]);
    }
}

/* Runs 'each' of a command; false: something it waits for is not there. */
static bool
run_each(struct ctl_command *commands, size_t n,
         struct ovsdb_symbol_table *symtab, bool post)
{
    for (size_t i = 0; i < n; i++) {
        struct ctl_command *c = &commands[i];
        void (*each)(struct ctl_context *) =
            (post ? c->syntax->postprocess : c->syntax->run);
        struct ctl_context ctx;
        bool try_again;

        if (!each) {
            continue;
        }
        ctl_context_init(&ctx, c, the_idl, the_txn, symtab, NULL);
        ctx.last_command = i == n - 1;
        each(&ctx);
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        try_again = ctx.try_again;
        ctl_context_done(&ctx, c);
        if (try_again) {
            return false;
        }
    }
    return true;
}

/* True when the commands have been carried out. */
static bool
try_commands(struct ctl_command *commands, size_t n)
{
    struct ovsdb_symbol_table *symtab = ovsdb_symbol_table_create();
    enum ovsdb_idl_txn_status status = TXN_TRY_AGAIN;

    the_txn = ovsdb_idl_txn_create(the_idl);
    begin_outputs(commands, n);
    if (run_each(commands, n, symtab, false)) {
        status = ovsdb_idl_txn_commit_block(the_txn);
        if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
            run_each(commands, n, symtab, true);
        } else if (status != TXN_TRY_AGAIN) {
            const char *error = ovsdb_idl_txn_get_error(the_txn);

            ctl_fatal("transaction error: %s",
                      error ? error : ovsdb_idl_txn_status_to_string(status));
        }
    }
    if (status == TXN_TRY_AGAIN) {
        ovsdb_idl_txn_abort(the_txn);
        discard_outputs(commands, n);
    }
    ovsdb_idl_txn_destroy(the_txn);
    the_txn = NULL;
    ovsdb_symbol_table_destroy(symtab);
    return status != TXN_TRY_AGAIN;
}

static void
run_commands(struct ctl_command *commands, size_t n,
             const struct table_style *style)
{
    unsigned int seqno = 0;

    db_open();
    run_prerequisites(commands, n);
    do {
        db_wait(&seqno);
    } while (!try_commands(commands, n));

    for (size_t i = 0; i < n; i++) {
        if (commands[i].table) {
            table_print(commands[i].table, style);
        } else {
            fputs(ds_cstr(&commands[i].output), stdout);
        }
        shash_destroy_free_data(&commands[i].options);
    }
    discard_outputs(commands, n);
    free(commands);
    db_close();
}

void
generic_run(int argc, char *argv[], struct shash *local_options,
            const struct table_style *style)
{
    struct ctl_command *commands;
    size_t n_commands;
    char *error;

    error =
        ctl_parse_commands(argc, argv, local_options, &commands, &n_commands);
    if (error) {
        error[strcspn(error, "(;")] = '\0';
        while (*error && error[strlen(error) - 1] == ' ') {
            error[strlen(error) - 1] = '\0';
        }
        fail_usage("%s", error);
    }
    run_commands(commands, n_commands, style);
}
