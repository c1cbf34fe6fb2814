/* Rows
 * ====
 *
 * The straight line of a configuration row: from the database to the engine
 * to the view that translation reads, and its state back.
 *
 *     rows changed -> config/ -> engine apply -> in force? -> view published
 *                                                   |
 *                                       status.c: state, errors, cur_cfg
 *
 * Above:    hooks.h (the functions that it declares are here), appctl.c.
 * Below:    ports.h, view.h, test-policy.h, config/config.h.
 * Threads:  the main thread, which polls ports: when nothing has changed, a
 *           turn costs a comparison or two.
 * Memory:   as Open vSwitch allocates.
 * Time:     a change is in force some milliseconds later; the main thread
 *           does not wait for it.
 * Fails:    a fault is in 'faults' of its row and goes to its status.
 */

#ifndef OVSEXT_ROWS_H
#define OVSEXT_ROWS_H 1

#include "base/faults.h"
#include "config/config.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/uuid.h"
#include "ovs-ext/ports.h"

struct ovsrec_bridge;

/* An Inspector row. */
struct ovsext_inspector {
    struct uuid uuid;
    char *name;                         /* As written, whatever it is. */
    struct insp_config_inspector config;
    struct insp_faults faults;          /* Not in force because of... */
    struct insp_faults warnings;        /* In force, but... */
    struct insp_faults bridge_faults;   /* Not on this bridge because... */
    char *bridges;                      /* "br-int, br-ex": in force there. */
    unsigned int n_bridges;             /* How many of them. */
    bool referenced;                    /* By any bridge at all. */
    int64_t next_cfg;
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
    struct insp_engine *engine;         /* NULL before the first inspector. */
    struct ovsdb_idl *idl;              /* The same. */
    struct ovsext_ports ports;
    struct ovsext_inspector *inspectors;    /* Sorted by name. */
    size_t n_inspectors;
    struct ovsext_uplink *uplinks;          /* Sorted by name. */
    size_t n_uplinks;
    char *error;                        /* Why there is no engine, or NULL. */
    uint64_t serial;                    /* Raised when rows are in force. */
    bool all_in_force;                  /* Nothing waits for the engine. */
};

/* The rows as they were read last. */
struct ovsext_rows *ovsext_rows(void);

/* Why automatic or explicit inspection cannot work on a bridge, as the
 * operator is told, or NULL. */
const char *ovsext_bridge_fault(const struct ovsrec_bridge *);

const struct ovsext_inspector *ovsext_inspector_by_name(const char *name);

#endif /* ovs-ext/rows.h */
