/* SPDX-License-Identifier: Apache-2.0 */
/* Rows
 * ====
 *
 * What the database says of the inspectors, read and checked: what commands
 * and status tell of it.
 *
 *     configuration thread             any other thread
 *     --------------------             ----------------
 *     rows changed: read them          rows = ovsext_rows_ref()
 *     build another struct ovsext_rows ... rows->inspectors[i].name ...
 *     publish it                       ovsext_rows_unref(rows)
 *
 * Who has a reference has the rows as they were read at one moment; they do
 * not change and nobody waits for him.
 *
 * Above:    appctl.c, status.c, rows.c (which makes them).
 * Below:    ports.h, config/config.h, engine/engine.h.
 * Threads:  ref and unref: any thread; what is in it is immutable.
 * Memory:   as Open vSwitch allocates; freed with the last reference.
 * Time:     ref and unref hold a mutex for some instructions.
 * Fails:    never; before the first inspector there are no rows in it.
 */

#ifndef OVSEXT_ROWS_H
#define OVSEXT_ROWS_H 1

#include "base/faults.h"
#include "config/config.h"
#include "openvswitch/uuid.h"
#include "ovs-ext/ports.h"

/* A Bridge row. */
struct ovsext_bridge {
    struct uuid uuid;
    char *name;
    uint32_t id;        /* In zones; 0: it has no port. */
    const char *fault;  /* Why nothing can be inspected on
                         * it, or NULL.  Literal. */
    size_t *inspectors; /* Of its column 'inspectors': indexes
                         * of those that there are. */
    size_t n_inspectors;
};

/* An Inspector row. */
struct ovsext_inspector {
    struct uuid uuid;
    char *name; /* As written, whatever it is. */
    struct insp_config_inspector config;
    struct insp_faults faults;        /* Not in force because of... */
    struct insp_faults warnings;      /* In force, but... */
    struct insp_faults bridge_faults; /* Not on this bridge because... */
    struct insp_faults policy_faults; /* Its rules are the last ones that
                                       * could be put in force, because... */
    char *bridges;                    /* "br-int, br-ex": in force there. */
    unsigned int n_bridges;           /* How many of them. */
    bool referenced;                  /* By any bridge at all. */
    int64_t next_cfg;

    /* What becomes its policy. */
    unsigned int n_rules;     /* In force. */
    unsigned int n_bad_rules; /* In error. */
    unsigned int n_functions; /* In force. */
    uint32_t version;         /* Of the policy; 0: none. */
    char *absent;             /* What its rules name and no port is. */
};

/* An Inspect_Function row. */
struct ovsext_function {
    struct uuid uuid;
    char *name;
    struct insp_config_function config; /* base.id is that of the engine:
                                         * one row, one id. */
    struct insp_faults faults;
    struct insp_faults warnings;
    char *inspector;       /* Which it serves, or NULL: none. */
    uint32_t inspector_id; /* The same. */
    bool in_force;
};

/* An Inspect_Uplink row. */
struct ovsext_uplink {
    struct uuid uuid;
    char *name;
    struct insp_config_uplink config;
    struct insp_faults faults;
    struct insp_faults warnings;
};

struct ovsext_rows {
    struct ovs_refcount ref_cnt;
    struct insp_engine *engine;    /* NULL before the first inspector;
                                    * lives until all commands are
                                    * answered. */
    struct ovsext_bridge *bridges; /* All of these sorted by name. */
    size_t n_bridges;
    struct ovsext_inspector *inspectors;
    size_t n_inspectors;
    struct ovsext_function *functions;
    size_t n_functions;
    struct ovsext_uplink *uplinks;
    size_t n_uplinks;
    struct ovsext_port_list *ports; /* Never NULL. */
    char *error;                    /* Why there is no engine, or NULL. */
    int stats_interval_ms;          /* Open_vSwitch other_config. */
};

/* The rows as they were read last; never NULL. */
const struct ovsext_rows *ovsext_rows_ref(void);
void ovsext_rows_unref(const struct ovsext_rows *);

/* NULL: not in it. */
const struct ovsext_inspector *ovsext_rows_inspector(
    const struct ovsext_rows *, const char *name);
const struct ovsext_bridge *ovsext_rows_bridge(const struct ovsext_rows *,
                                               const struct uuid *);

#endif /* ovs-ext/rows.h */
