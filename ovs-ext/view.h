/* SPDX-License-Identifier: Apache-2.0 */
/* View
 * ====
 *
 * What translation must know of the configuration: which ports are VM ports,
 * which bridges insert inspection by themselves, which inspectors exist.
 * Frozen when it is published; replaced as a whole.
 *
 *     configuration thread (rows.c)            any thread that translates
 *     -----------------------------            --------------------------
 *     b = ovsext_view_builder_create()         view = ovsext_view_get()
 *     ovsext_view_builder_add_inspector(b..)   ovsext_view_port(view, "vm1")
 *     ovsext_view_builder_add_bridge(b, ...)   ... until it quiesces
 *     ovsext_view_builder_add_port(b, ...)
 *     ovsext_view_publish(b)  (frees 'b')
 *
 * Build the whole view again whenever something may have changed:
 * publishing what is in force already costs a comparison and changes
 * nothing; anything else makes every datapath flow be translated again.
 *
 * Above:    ovs-ext/rows.c (builds), ovs-ext/xlate-inside.h (reads).
 * Below:    libopenvswitch: ovs-rcu, shash.
 * Threads:  builder functions, publish and destroy: one thread at a time,
 *           registered with RCU.  Get and look-ups: any thread that is
 *           registered with RCU; what they return is borrowed until that
 *           thread quiesces.
 * Memory:   by OVS's allocators; an old view is freed after a grace period.
 * Time:     none.
 * Fails:    never (memory: as Open vSwitch does).
 */

#ifndef OVSEXT_VIEW_H
#define OVSEXT_VIEW_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* What stands behind a port. */
enum ovsext_role {
    OVSEXT_ROLE_OTHER,          /* Uplinks, tunnels, internal ports, ... */
    OVSEXT_ROLE_VM,             /* vm-uuid or vm-id, or in Inspector.ports. */
    OVSEXT_ROLE_INFRASTRUCTURE, /* iface-id alone: routers, DHCP. */
};

/* Which outputs an attached inspector inspects by itself. */
enum ovsext_select {
    OVSEXT_SELECT_FLOWS,    /* None: only where a flow says so. */
    OVSEXT_SELECT_VM_TO_VM, /* Both ends are VM ports. */
    OVSEXT_SELECT_VM,       /* At least one end is. */
    OVSEXT_SELECT_ALL,      /* Any. */
};

/* A service function, as translation needs it.  A port that is not on the
 * bridge is none: the list is empty then, and the function down from there.
 * One-armed: both ports are the same. */
#define OVSEXT_MAX_FUNCTIONS 16

struct ovsext_view_function {
    uint32_t id;          /* Function id of the engine. */
    uint8_t encap;        /* enum insp_encap. */
    bool both_arms;       /* Packets may enter by either port. */
    const char *ports[2]; /* Names of interfaces: input, output. */
};

/* An Inspector row. */
struct ovsext_view_inspector {
    uint32_t id;
    bool enabled;     /* False: nothing is inserted for it. */
    bool tap;         /* mode=tap: every action is a tap. */
    bool fail_closed; /* fail_mode=closed. */

    /* Each gets a redirect list for every arm that is entered by. */
    struct ovsext_view_function functions[OVSEXT_MAX_FUNCTIONS];
    size_t n_functions;
};

/* One inspector of a bridge's 'inspectors' column.  Add those that select
 * "flows" too: an explicit action may name only inspectors of its bridge. */
struct ovsext_view_attachment {
    uint32_t id; /* Inspector id. */
    enum ovsext_select select;
};

struct ovsext_view_bridge {
    const char *name;
    uint32_t id; /* Never reused in a process, for zones. */
    const struct ovsext_view_attachment *attachments;
    size_t n_attachments;
};

/* An interface.  VLAN settings are not here: translation reads those of
 * Open vSwitch itself. */
struct ovsext_view_port {
    const char *name; /* Of the netdev. */
    uint32_t id;      /* Port id of the inspector; all members of
                       * a bond have the same one. */
    enum ovsext_role role;
    struct eth_addr mac; /* attached-mac; zeros: unknown. */

    /* Set by publish, for the ports of an inspector's functions; a port
     * serves one function at most. */
    uint32_t function;  /* Id of it, 0: none... */
    uint32_t inspector; /* ... of this inspector. */
    uint8_t arm;        /* 0: its input_port, 1: its output_port. */
    uint8_t encap;      /* enum insp_encap. */
};

struct ovsext_view;
struct ovsext_view_builder;

struct ovsext_view_builder *ovsext_view_builder_create(void);

/* Names are copied.  An id, or a name, that was added before is replaced. */
void ovsext_view_builder_add_inspector(struct ovsext_view_builder *,
                                       const struct ovsext_view_inspector *);
void ovsext_view_builder_add_bridge(struct ovsext_view_builder *,
                                    const char *name, uint32_t id);
/* Adds to a bridge that was added before. */
void ovsext_view_builder_add_bridge_inspector(struct ovsext_view_builder *,
                                              const char *bridge,
                                              uint32_t inspector_id,
                                              enum ovsext_select);
void ovsext_view_builder_add_port(struct ovsext_view_builder *,
                                  const struct ovsext_view_port *);

/* Puts the built view in force and frees the builder.  Returns true if that
 * changed anything; datapath flows are then revalidated, in the next turn of
 * the main thread, which the caller is to wake. */
bool ovsext_view_publish(struct ovsext_view_builder *);

/* Frees the builder without effect. */
void ovsext_view_builder_destroy(struct ovsext_view_builder *);

/* The view in force; never NULL (empty at first). */
const struct ovsext_view *ovsext_view_get(void);

/* Look-ups; NULL: not in the view. */
const struct ovsext_view_inspector *ovsext_view_inspector(
    const struct ovsext_view *, uint32_t id);
const struct ovsext_view_bridge *ovsext_view_bridge(const struct ovsext_view *,
                                                    const char *name);
const struct ovsext_view_port *ovsext_view_port(const struct ovsext_view *,
                                                const char *name);
const struct ovsext_view_attachment *ovsext_view_attachment(
    const struct ovsext_view_bridge *, uint32_t inspector_id);

/* Names this very view; 0: the empty one that is in force at first. */
uint64_t ovsext_view_serial(const struct ovsext_view *);

/* True if there is no inspector at all. */
bool ovsext_view_is_idle(const struct ovsext_view *);

/* True if some bridge inserts inspection by itself. */
bool ovsext_view_inserts(const struct ovsext_view *);

/* Frees everything, at exit. */
void ovsext_view_destroy(void);

#endif /* ovs-ext/view.h */
