/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and address sets, as rows
 * ===============================
 *
 * Keeps the rows of Inspect_Rule and Inspect_Address_Set parsed, and what is
 * to be said of them.  A row that has not changed is not parsed again, and one
 * that says the same again (after a restart of the database) is the same.
 *
 * A rule's number is given to its row: the same as long as the row exists,
 * and not given again before all others have been.
 *
 * Above:    row-policy.c, status.c.   Below:  row-settings.h, rule/rule.h.
 * Threads:  the configuration thread.
 * Memory:   some hundred bytes a rule, and its terms.
 * Time:     read() looks at each row's number of changes.
 * Fails:    a fault is in the status of its row.
 */

#ifndef OVSEXT_ROW_RULE_H
#define OVSEXT_ROW_RULE_H 1

#include "config/config.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_row;
struct ovsext_settings;

/* What the columns of a row's status say. */
struct ovsext_row_status {
    const char *state; /* A literal. */
    char *error;       /* NULL: none. */
    char *warning;
    uint32_t version; /* 0: none. */
    uint64_t stamp;   /* Raised by each change. */
    uint64_t written; /* The one in the database... */
    uint64_t writing; /* ... and on its way there. */
};

/* What rows of each table have in common. */
struct ovsext_row {
    struct hmap_node node; /* By 'uuid'. */
    struct uuid uuid;
    char *name;         /* As written, whatever it is. */
    unsigned int seqno; /* Of the row when it was read. */
    char *text;         /* Its settings, as parsed. */
    size_t text_size;
    unsigned int turn; /* Seen in this one. */
    uint64_t stamp;    /* Another for each time that it was
                        * parsed, in any table. */
    char *faults;      /* Of the row by itself, or NULL. */
    char *warnings;
    struct ovsext_row_status status;

    /* Since when it is in force as it stands. */
    uint32_t version;       /* 0: it is not. */
    uint64_t version_stamp; /* 'stamp' that is in force. */
    bool used;              /* By something in force. */
};

struct ovsext_set {
    struct ovsext_row row;
    struct insp_config_set config;
};

struct ovsext_rule {
    struct ovsext_row row;
    struct insp_config_rule config;
    bool has_sets;       /* Some term names one. */
    char *link_faults;   /* Of the sets that it names. */
    char *link_warnings; /* Of the inspectors that use it. */
};

struct ovsext_rules {
    struct hmap rules; /* struct ovsext_rule, row.node. */
    struct hmap sets;  /* struct ovsext_set, row.node. */
    struct shash sets_by_name;
    char *keys;             /* That rules name by id:, each
                             * followed by "\n". */
    unsigned long *numbers; /* Bitmap of those that are taken. */
    uint32_t last_number;
    unsigned int turn;
    size_t n_parsed; /* By the last read(). */
};

void ovsext_rules_init(struct ovsext_rules *);
void ovsext_rules_read(struct ovsext_rules *, const struct ovsdb_idl *);
struct ovsext_rule *ovsext_rules_find(const struct ovsext_rules *,
                                      const struct uuid *);
void ovsext_rules_destroy(struct ovsext_rules *);

/* Whether it is to be part of a policy. */
bool ovsext_rule_is_good(const struct ovsext_rule *);

/* Calls 'each' with every set that a good rule names. */
void ovsext_rule_sets(const struct ovsext_rules *, const struct ovsext_rule *,
                      void (*each)(struct ovsext_set *, void *aux), void *aux);

/* For rows of any table. */
struct ovsext_row *ovsext_row_find(const struct hmap *, const struct uuid *);

/* Finds the row in 'rows', or adds what 'create' makes.  Returns true if it
 * is to be read: it is new, or something of it has changed. */
bool ovsext_row_meet(struct hmap *rows, const struct ovsdb_idl_row *,
                     const char *name, unsigned int turn,
                     struct ovsext_row *(*create)(void *aux), void *aux,
                     struct ovsext_row **);
/* Whether the settings are others than those that were parsed last. */
bool ovsext_row_differs(struct ovsext_row *, const struct ovsext_settings *);
void ovsext_row_parsed(struct ovsext_row *, const struct insp_faults *faults,
                       const struct insp_faults *warnings);
void ovsext_row_uninit(struct ovsext_row *);

/* 'error' and 'warning' are taken over. */
void ovsext_row_status_set(struct ovsext_row *, const char *table,
                           const char *state, char *error, char *warning,
                           uint32_t version);

/* Two texts as one, or NULL; 'b' is freed. */
char *ovsext_join_faults(const char *a, char *b);

#endif /* ovs-ext/row-rule.h */
