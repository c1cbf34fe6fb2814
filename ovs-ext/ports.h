/* SPDX-License-Identifier: Apache-2.0 */
/* Ports
 * =====
 *
 * Gives every interface of the switch a port id: one id is one attachment
 * with one identity, and no id is used twice in a process.
 *
 *     same row, same identity, same device    the same id
 *     anything of these new                   a new id, the old one is dead
 *     a row that waits for its device         an id already
 *
 * Above:    ovs-ext/rows.c, ovs-ext/appctl.c.
 * Below:    libopenvswitch: vswitch-idl, netdev; lib/record/record.h.
 * Threads:  struct ovsext_ports belongs to the configuration thread.  A list
 *           does not change any more, so that any thread reads it.
 * Memory:   about 1 kB an interface, and as much in a list; as Open vSwitch
 *           allocates.
 * Time:     update() looks at every row but works on changed ones only.
 * Fails:    never.
 */

#ifndef OVSEXT_PORTS_H
#define OVSEXT_PORTS_H 1

#include "openvswitch/hmap.h"
#include "openvswitch/uuid.h"
#include "ovs-atomic.h"
#include "record/record.h"
#include "sset.h"

struct ovsdb_idl;
struct ovsext_view_builder;

/* An interface, or the members of a bond together. */
struct ovsext_port {
    struct hmap_node node; /* In the set, by 'uuid'. */
    struct uuid uuid;      /* Of the Interface row; of the Port
                            * row if it is a bond. */
    struct insp_port insp;
    struct sset members; /* Names of its netdevs. */
    struct uuid bridge_uuid;
    size_t index; /* In the array for the engine. */

    /* Bytes that its devices had carried when it got its id. */
    bool has_baseline;
    uint64_t baseline;

    /* What update() compares before it looks closer. */
    unsigned int row_seqno;
    unsigned int port_seqno;
    unsigned int generation;
    unsigned int rule_generation;
    uint32_t device;   /* Of all members; 0: none. */
    uint32_t types;    /* What their rows say they are. */
    unsigned int turn; /* Seen in this one. */
};

/* What is not of the engine's concern. */
struct ovsext_port_detail {
    struct uuid bridge_uuid;
    char **members; /* Names of its netdevs. */
    size_t n_members;
    bool has_device;
    uint64_t baseline; /* As in struct ovsext_port. */
};

/* All ports as of one moment. */
struct ovsext_port_list {
    struct ovs_refcount ref_cnt;
    size_t n;
    struct insp_port *array;
    struct ovsext_port_detail *details; /* Of each in 'array'. */
};

struct ovsext_ports {
    struct hmap set;     /* struct ovsext_port. */
    struct hmap bridges; /* Ids by row. */

    /* The same for the engine, without gaps. */
    struct insp_port *array;
    struct ovsext_port **owners;
    size_t n, n_allocated;
    bool has_baselines;            /* All that need one. */
    struct ovsext_port_list *list; /* Made last; NULL: out of date. */

    /* As of the last update(). */
    char *identity_keys;
    char *rule_keys;
    struct sset listed;
    unsigned int generation;      /* Of these but 'rule_keys'... */
    unsigned int rule_generation; /* ... and of that. */
    unsigned int turn;
    uint32_t last_port_id;
    uint32_t last_bridge_id;
};

void ovsext_ports_init(struct ovsext_ports *);

/* Brings the set up to date with the database.  'identity_keys' are the keys
 * of external_ids that records carry, each followed by "\n", 'rule_keys'
 * those that rules look at (others of these make no new id: nobody else has
 * come); 'listed' names or iface-ids that are VM ports whatever their row
 * says; 'devices' is false when no device can have come or gone since the
 * last time.  Returns true when the array has changed. */
bool ovsext_ports_update(struct ovsext_ports *, const struct ovsdb_idl *,
                         const char *identity_keys, const char *rule_keys,
                         const struct sset *listed, bool devices);

/* Notes what VM ports have carried so far, for coverage; a few at a time,
 * because it may take a system call each.  Returns true when it wants to be
 * called again soon. */
bool ovsext_ports_note_baselines(struct ovsext_ports *);

/* The ports as they are now; the caller has a reference. */
struct ovsext_port_list *ovsext_ports_list(struct ovsext_ports *);
struct ovsext_port_list *ovsext_port_list_ref(struct ovsext_port_list *);
void ovsext_port_list_unref(struct ovsext_port_list *);

/* Any thread: bytes that the devices of port 'i' have carried since it got
 * its id; false if they do not say. */
bool ovsext_port_carried(const struct ovsext_port_list *, size_t i,
                         uint64_t *bytes);

/* Forgets all ports, but not which ids have been used. */
void ovsext_ports_clear(struct ovsext_ports *);

/* The id of a bridge, by its row; it has one from its first port on. */
uint32_t ovsext_ports_bridge_id(struct ovsext_ports *, const struct uuid *);

void ovsext_ports_to_view(const struct ovsext_port_list *,
                          struct ovsext_view_builder *);

void ovsext_ports_destroy(struct ovsext_ports *);

#endif /* ovs-ext/ports.h */
