/* SPDX-License-Identifier: Apache-2.0 */
/* Inspectctl
 * ==========
 *
 * What the commands of ovs-inspectctl share: one file a subject.
 *
 *     main.c      command line, help          ask.c      what it answers
 *     database.c  connection, transactions    top.c      the busiest
 *     switch.c    enable, disable             rules.c, functions.c, sets.c
 *     words.c     KEY=VALUE to columns        rows.c     rows by name, lists
 *     generic.c   list, set, create, ...      doctor*.c, size.c
 *
 * Above:    nobody.                Below:  lib/config/, libopenvswitch.
 * Threads:  one.
 * Memory:   as Open vSwitch allocates; what a command takes is freed by the
 *           end of the process at the latest.
 * Time:     waits for ovs-vswitchd at most --timeout seconds, by default 5.
 * Fails:    fail() and fail_usage() end the process with status 1 and 2.
 */

#ifndef INSPECTCTL_H
#define INSPECTCTL_H 1

#include "compiler.h"
#include "config/config.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "svec.h"
#include "table.h"

/* main.c */
OVS_NO_RETURN void fail(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
OVS_NO_RETURN void fail_usage(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);

/* The value of an option of the command line, "" if it takes none; NULL: it
 * was not given. */
const char *option(const char *name);

/* --timeout, or 0. */
unsigned int option_timeout(void);

/* ask.c: what ovs-vswitchd says; the caller frees.  ask() fails if it does
 * not answer, try_to_ask() returns NULL and why not, ask_if_running() NULL. */
char *ask(const char *command, const struct svec *args);
char *try_to_ask(const char *command, const struct svec *args, char **error);
struct json *ask_if_running(const char *command, const struct svec *args);
void ask_set_target(const char *);
const char *ask_get_target(void);
void command_ask(int argc, char *argv[]);

/* Members of a JSON object; of an array, the elements. */
double json_number_of(const struct json *object, const char *key);
const char *json_text_of(const struct json *object, const char *key);
const struct json *json_list_of(const struct json *object, const char *key);

/* top.c */
void command_top(int argc, char *argv[]);

/* database.c */
extern struct ovsdb_idl *the_idl;
extern struct ovsdb_idl_txn *the_txn;

void db_set_remote(const char *);
const char *db_get_remote(void);
void db_open(void);
void db_close(void);
OVS_NO_RETURN void db_exit(int status);

/* Waits until the database has changed since '*seqno'; fails if it has
 * gone. */
void db_wait(unsigned int *seqno);

/* Has what the commands need copied from the server, and waits for it. */
void db_monitor(void);

/* The same, but returns why not, which the caller frees, or NULL. */
char *db_try_monitor(void) OVS_WARN_UNUSED_RESULT;

/* Inspectors whose next_cfg a transaction raises, and to what. */
struct raised {
    struct shash numbers; /* int64_t by name of inspector. */
};

/* Runs compose(aux) in a transaction: again, and 'raised' empty again, when
 * others were quicker. */
void db_transact(void (*compose)(void *aux), void *aux, struct raised *,
                 const char *comment, ...) OVS_PRINTF_FORMAT(4, 5);

void raised_init(struct raised *);
void raised_destroy(struct raised *);
void raise_next_cfg(struct raised *, const struct ovsrec_inspector *);

/* Waits until all of them are in force or refused. */
void await_raised(const struct raised *);

const struct ovsrec_bridge *find_bridge(const char *name);
const struct ovsrec_inspector *find_inspector(const char *name);
const struct ovsrec_inspector *need_inspector(const char *name);

/* switch.c */
void command_switch(int argc, char *argv[]);

/* words.c: a table whose rows are a name and settings. */
struct kind {
    const char *noun;
    const struct ovsdb_idl_table_class *table;
    const char *(*key)(size_t i);
    bool (*check)(const struct insp_setting *, size_t n, struct insp_faults *);
    const char *const (*aliases)[2]; /* Word, column; then NULL. */
};

extern const struct kind kind_rule;
extern const struct kind kind_function;
extern const struct kind kind_set;
extern const struct kind kind_uplink;

/* NULL: no such column. */
const struct ovsdb_idl_column *kind_column(const struct kind *,
                                           const char *name);

/* The settings of one row, "name" first. */
struct settings {
    const struct kind *kind;
    struct insp_setting *array; /* Owned, and so are its texts. */
    size_t n, n_allocated;
};

/* Takes NAME, KEY=VALUE[,VALUE]... and FLAG... in; returns NULL, or what is
 * wrong with them, which the caller frees.  A value with a comma of its own
 * has "\," for it. */
char *settings_init(struct settings *, const struct kind *,
                    const char *const *words, size_t n) OVS_WARN_UNUSED_RESULT;
/* The same of the row's columns as they are. */
void settings_init_from_row(struct settings *, const struct kind *,
                            const struct ovsdb_idl_row *);
void settings_add(struct settings *, const char *key, const char *value);
const char *settings_get(const struct settings *, const char *key);
void settings_destroy(struct settings *);

/* NULL, or all that the inspector would say against it; freed by the
 * caller. */
char *settings_check(const struct settings *);

/* Gives all columns of the row that are settings these values; those that
 * have none their defaults. */
void settings_write(const struct settings *, const struct ovsdb_idl_row *);

/* "NAME KEY=VALUE...": what line_words() takes in. */
void settings_print(const struct settings *, struct ds *);
struct json *settings_to_json(const struct settings *);

/* Words of a line: blanks separate, "..." keeps them, # begins a comment;
 * false: a quote is open. */
bool line_words(const char *line, struct svec *words);

/* rows.c: rows by name. */
const struct ovsdb_idl_row *find_row(const struct kind *, const char *name);
const char *row_name(const struct kind *, const struct ovsdb_idl_row *);
const char *row_status(const struct kind *, const struct ovsdb_idl_row *,
                       const char *key);

/* Says what has become of the rows of these names; fails when one has been
 * refused. */
void report_rows(const struct kind *, const struct sset *names);

/* A list of what inspectors refer to.  show() gets what ovs-vswitchd says of
 * it, or NULL, and adds to 'array', or, if that is NULL, prints. */
struct listing {
    const char *command;
    const char *member;
    void (*show)(const struct ovsrec_inspector *, const struct json *answer,
                 struct json *array);
};

/* Of one inspector, or of all. */
void list_inspectors(const struct listing *, const char *name);
void print_json_list(const char *key, struct json *list); /* Frees it. */
struct json *row_to_json(const struct kind *, const struct ovsdb_idl_row *);
void put_row_state(const struct kind *, const struct ovsdb_idl_row *,
                   struct ds *);

/* rules.c, functions.c, sets.c */
void command_add_rule(int argc, char *argv[]);
void command_del_rule(int argc, char *argv[]);
void command_rules(int argc, char *argv[]);
void command_load_rules(int argc, char *argv[]);
void command_add_function(int argc, char *argv[]);
void command_del_function(int argc, char *argv[]);
void command_functions(int argc, char *argv[]);
void command_swap_slots(int argc, char *argv[]);
void command_add_set(int argc, char *argv[]);
void command_del_set(int argc, char *argv[]);
void command_change_set(int argc, char *argv[]);
void command_sets(int argc, char *argv[]);

/* uplinks.c, uplink-test.c */
const struct ovsrec_inspect_uplink *find_uplink(const char *name);
void command_add_uplink(int argc, char *argv[]);
void command_del_uplink(int argc, char *argv[]);
void command_token(int argc, char *argv[]);
void command_uplink_test(int argc, char *argv[]);

/* size.c */
void command_size(int argc, char *argv[]);

/* generic.c: list, set, create, ... */
void generic_init(void);
void generic_run(int argc, char *argv[], struct shash *local_options,
                 const struct table_style *);

/* member.c: rows of their own that inspectors refer to, such as functions and
 * uplinks.  Several inspectors may refer to one. */
struct member_kind {
    const struct kind *kind;
    const char *a;    /* "a function" */
    const char *word; /* "function" */
    bool (*is_in)(const struct ovsrec_inspector *,
                  const struct ovsdb_idl_row *);
    const struct ovsdb_idl_row *(*insert)(void);
    void (*add)(const struct ovsrec_inspector *, const struct ovsdb_idl_row *);
    void (*remove)(const struct ovsrec_inspector *,
                   const struct ovsdb_idl_row *);
    void (*delete)(const struct ovsdb_idl_row *);
    /* Fails when these settings cannot be had beside others; may be NULL. */
    void (*check_room)(const struct settings *,
                       const struct ovsrec_inspector *);
};

/* All inspectors that refer to it. */
void member_raise_users(const struct member_kind *, struct raised *,
                        const struct ovsdb_idl_row *);

/* "add-WORD INSPECTOR NAME KEY=VALUE...", "del-WORD INSPECTOR NAME". */
void member_add(const struct member_kind *, int argc, char *argv[]);
void member_remove(const struct member_kind *, char *argv[]);

#endif /* utilities/inspectctl/inspectctl.h */
