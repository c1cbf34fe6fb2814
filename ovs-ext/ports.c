/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * A set of nodes keyed by the uuid of the row, and beside it the array that
 * the engine takes, kept without gaps: the last one moves into the place of
 * one that goes.
 *
 * update() walks Bridge -> Port -> Interface.  For each it asks three cheap
 * questions: has the row been changed (the IDL keeps a number a row), has
 * the Port row, is the device the same one (ifindex; present or not)?  Only
 * if one says yes, or if the lists of keys and ports have changed, the
 * identity is put together again and compared.  A difference of any kind,
 * and a device that went or was replaced, makes a new id.  A port that waits
 * for its device has one already, so that the first packet finds it known.
 * Nodes that the walk has not met are dead.
 *
 * Other threads read a list, a copy that is made when somebody wants one and
 * something has changed since the last one was made. */

#include <config.h>

#include "ovs-ext/ports.h"

#include "config/config.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/view.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_ports);

#define BASELINES_A_TURN 64

struct bridge_id {
    struct hmap_node node; /* In 'bridges', by 'uuid'. */
    struct uuid uuid;
    uint32_t id;
};

void
ovsext_ports_init(struct ovsext_ports *ports)
{
    memset(ports, 0, sizeof *ports);
    hmap_init(&ports->set);
    hmap_init(&ports->bridges);
    sset_init(&ports->listed);
    ports->identity_keys = xstrdup("");
    ports->rule_keys = xstrdup("");
}

uint32_t
ovsext_ports_bridge_id(struct ovsext_ports *ports, const struct uuid *uuid)
{
    uint32_t hash = uuid_hash(uuid);
    struct bridge_id *bridge;

    HMAP_FOR_EACH_WITH_HASH(bridge, node, hash, &ports->bridges)
    {
        if (uuid_equals(&bridge->uuid, uuid)) {
            return bridge->id;
        }
    }
    bridge = xmalloc(sizeof *bridge);
    bridge->uuid = *uuid;
    bridge->id = ++ports->last_bridge_id;
    hmap_insert(&ports->bridges, &bridge->node, hash);
    return bridge->id;
}

static struct ovsext_port *
find_port(const struct ovsext_ports *ports, const struct uuid *uuid)
{
    struct ovsext_port *port;

    HMAP_FOR_EACH_WITH_HASH(port, node, uuid_hash(uuid), &ports->set)
    {
        if (uuid_equals(&port->uuid, uuid)) {
            return port;
        }
    }
    return NULL;
}

/* Which device stands behind a name: 0 for none, else a value that another
 * device of the same name has not. */
static uint32_t
device_of(const char *name)
{
    struct netdev *netdev = netdev_from_name(name);
    uint32_t device = 0;

    if (netdev) {
        int ifindex = netdev_get_ifindex(netdev);

        device =
            hash_string(netdev_get_type(netdev), ifindex > 0 ? ifindex : 0) |
            1;
        netdev_close(netdev);
    }
    return device;
}

/* Copies what fits; a newline would end the pair too early. */
static void
put_extra(struct insp_port *insp, const char *key, const char *value)
{
    size_t used = strlen(insp->extra);
    size_t size = sizeof insp->extra - used;
    int length = snprintf(insp->extra + used, size, "%s=%s\n", key, value);
    char *p;

    if (length < 0 || (size_t) length >= size) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_WARN_RL(&rl,
                     "interface %s: external_ids:%s left out, identity "
                     "is longer than %d bytes",
                     insp->name, key, INSP_EXTRA_SIZE - 1);
        insp->extra[used] = '\0';
        return;
    }
    for (p = insp->extra + used; p < insp->extra + used + length - 1; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
}

/* All 'keys' but those that are among 'others'. */
static void
put_extras(struct insp_port *insp, const struct smap *external_ids,
           const char *keys, const char *others)
{
    while (*keys) {
        size_t length = strcspn(keys, "\n");
        char *key = xmemdup0(keys, length);
        const char *value = smap_get(external_ids, key);

        if (value && !insp_config_has_key(others, key)) {
            put_extra(insp, key, value);
        }
        free(key);
        keys += length;
        keys += *keys == '\n';
    }
}

static bool
is_access(const struct ovsrec_port *row)
{
    return row->n_tag && *row->tag > 0 && *row->tag < 4095 &&
           (!row->vlan_mode || !strcmp(row->vlan_mode, "access") ||
            !strcmp(row->vlan_mode, "dot1q-tunnel"));
}

/* The member of a bond that says who is behind it, and any other port's
 * only interface: the first that names a VM, else the first that names
 * anything, else the first. */
static const struct ovsrec_interface *
speaker_of(const struct ovsrec_port *row)
{
    static const char *const keys[] = { "vm-uuid", "vm-id", "iface-id" };
    size_t i, j;

    for (i = 0; i < ARRAY_SIZE(keys); i++) {
        for (j = 0; j < row->n_interfaces; j++) {
            if (smap_get(&row->interfaces[j]->external_ids, keys[i])) {
                return row->interfaces[j];
            }
        }
    }
    return row->interfaces[0];
}

/* Puts together who is behind a port; everything but the id. */
static void
describe(struct ovsext_ports *ports, const struct ovsrec_bridge *bridge,
         const struct ovsrec_port *row, struct insp_port *insp)
{
    const struct ovsrec_interface *iface = speaker_of(row);
    const struct smap *ids = &iface->external_ids;
    const char *name = row->n_interfaces > 1 ? row->name : iface->name;
    const char *iface_id = smap_get(ids, "iface-id");
    const char *vm_id = smap_get(ids, "vm-uuid");
    const char *mac = smap_get(ids, "attached-mac");
    struct eth_addr ea;

    memset(insp, 0, sizeof *insp);
    if (!vm_id) {
        vm_id = smap_get(ids, "vm-id");
    }
    insp->bridge_id = ovsext_ports_bridge_id(ports, &bridge->header_.uuid);
    insp->vlan = is_access(row) ? *row->tag : 0;
    if (mac && eth_addr_from_string(mac, &ea)) {
        memcpy(insp->mac, ea.ea, sizeof insp->mac);
    }
    ovs_strlcpy(insp->name, name, sizeof insp->name);
    ovs_strlcpy(insp->bridge, bridge->name, sizeof insp->bridge);
    ovs_strlcpy(insp->iface_id, iface_id ? iface_id : "",
                sizeof insp->iface_id);
    ovs_strlcpy(insp->vm_id, vm_id ? vm_id : "", sizeof insp->vm_id);
    put_extras(insp, ids, ports->identity_keys, "");
    put_extras(insp, ids, ports->rule_keys, ports->identity_keys);

    if (vm_id || sset_contains(&ports->listed, name) ||
        sset_contains(&ports->listed, iface->name) ||
        (iface_id && sset_contains(&ports->listed, iface_id))) {
        insp->role = INSP_PORT_VM;
    } else {
        insp->role = iface_id ? INSP_PORT_INFRASTRUCTURE : INSP_PORT_OTHER;
    }
}

/* The next one who wants a list needs another. */
static void
forget_list(struct ovsext_ports *ports)
{
    ovsext_port_list_unref(ports->list);
    ports->list = NULL;
}

/* Takes a port out of the array, if it is in. */
static void
detach(struct ovsext_ports *ports, struct ovsext_port *port)
{
    size_t last;

    if (!port->insp.id) {
        return;
    }
    forget_list(ports);
    last = --ports->n;
    ports->array[port->index] = ports->array[last];
    ports->owners[port->index] = ports->owners[last];
    ports->owners[port->index]->index = port->index;
    VLOG_DBG("port id %" PRIu32 " of %s ends", port->insp.id, port->insp.name);
    port->insp.id = 0;
}

static void
attach(struct ovsext_ports *ports, struct ovsext_port *port)
{
    if (ports->n == ports->n_allocated) {
        size_t n = MAX(64, 2 * ports->n_allocated);

        ports->array = xrealloc(ports->array, n * sizeof *ports->array);
        ports->owners = xrealloc(ports->owners, n * sizeof *ports->owners);
        ports->n_allocated = n;
    }
    forget_list(ports);
    port->insp.id = ++ports->last_port_id;
    port->has_baseline = false;
    port->baseline = 0;
    ports->has_baselines = false;
    port->index = ports->n++;
    ports->array[port->index] = port->insp;
    ports->owners[port->index] = port;
    VLOG_DBG("port id %" PRIu32 " is %s on %s (%s)", port->insp.id,
             port->insp.name, port->insp.bridge,
             insp_port_role_word(port->insp.role));
}

static bool
same_members(const struct sset *members, const struct ovsrec_port *row)
{
    size_t i;

    if (sset_count(members) != row->n_interfaces) {
        return false;
    }
    for (i = 0; i < row->n_interfaces; i++) {
        if (!sset_contains(members, row->interfaces[i]->name)) {
            return false;
        }
    }
    return true;
}

/* Newest change of any of the rows that describe() reads, besides the Port
 * row itself.  Sums would do as well; a maximum can hide no change, because
 * the numbers only grow. */
static unsigned int
seqno_of(const struct ovsdb_idl_row *row)
{
    unsigned int inserted =
        ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT);
    unsigned int modified =
        ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_MODIFY);

    return MAX(inserted, modified);
}

static uint32_t
devices_of(const struct ovsrec_port *row)
{
    uint32_t all = 0;
    size_t i;

    for (i = 0; i < row->n_interfaces; i++) {
        uint32_t device = device_of(row->interfaces[i]->name);

        if (row->n_interfaces == 1) {
            return device;
        } else if (device) {
            all = hash_add(all, device) | 1;
        }
    }
    return all;
}

static uint32_t
types_of(const struct ovsrec_port *row)
{
    uint32_t all = 0;
    size_t i;

    for (i = 0; i < row->n_interfaces; i++) {
        all = hash_string(row->interfaces[i]->type, all);
    }
    return all;
}

static unsigned int
interfaces_seqno(const struct ovsrec_port *row)
{
    unsigned int seqno = 0;
    size_t i;

    for (i = 0; i < row->n_interfaces; i++) {
        seqno = MAX(seqno, seqno_of(&row->interfaces[i]->header_));
    }
    return seqno;
}

static struct ovsext_port *
add_port(struct ovsext_ports *ports, const struct uuid *uuid)
{
    struct ovsext_port *port = xzalloc(sizeof *port);

    port->uuid = *uuid;
    sset_init(&port->members);
    hmap_insert(&ports->set, &port->node, uuid_hash(uuid));
    return port;
}

/* Gives the port another id, and the identity that goes with it. */
static void
renew(struct ovsext_ports *ports, struct ovsext_port *port,
      const struct insp_port *insp, const struct ovsrec_port *row)
{
    size_t i;

    detach(ports, port);
    port->insp = *insp;
    sset_clear(&port->members);
    for (i = 0; i < row->n_interfaces; i++) {
        sset_add(&port->members, row->interfaces[i]->name);
    }
    attach(ports, port);
}

/* Rules look at more of an identity that is the same, or at less. */
static bool
refresh(struct ovsext_ports *ports, struct ovsext_port *port,
        const struct insp_port *insp)
{
    port->rule_generation = ports->rule_generation;
    if (!memcmp(insp, &port->insp, sizeof *insp)) {
        return false;
    }
    port->insp = *insp;
    ports->array[port->index] = *insp;
    forget_list(ports);
    return true;
}

static bool
update_port(struct ovsext_ports *ports, const struct ovsrec_bridge *bridge,
            const struct ovsrec_port *row, bool devices)
{
    const struct uuid *uuid =
        (row->n_interfaces > 1 ? &row->header_.uuid
                               : &row->interfaces[0]->header_.uuid);
    unsigned int row_seqno = interfaces_seqno(row);
    unsigned int port_seqno = seqno_of(&row->header_);
    struct ovsext_port *port = find_port(ports, uuid);
    struct insp_port insp;
    uint32_t device, types;
    bool changed = false;
    bool same = false;

    if (!port) {
        port = add_port(ports, uuid);
        device = devices_of(row);
    } else {
        device = devices ? devices_of(row) : port->device;
        same =
            (port->row_seqno == row_seqno && port->port_seqno == port_seqno &&
             port->generation == ports->generation && port->device == device &&
             uuid_equals(&port->bridge_uuid, &bridge->header_.uuid));
        port->turn = ports->turn;
        if (same && port->rule_generation == ports->rule_generation) {
            return false;
        }
    }

    describe(ports, bridge, row, &insp);
    insp.id = port->insp.id;
    if (same) {
        return refresh(ports, port, &insp);
    }
    types = types_of(row);
    if (!port->insp.id || memcmp(&insp, &port->insp, sizeof insp) ||
        (port->device && port->device != device) || port->types != types ||
        !same_members(&port->members, row)) {
        renew(ports, port, &insp, row);
        changed = true;
    }
    if (!port->device != !device) {
        ports->has_baselines = false;
        forget_list(ports);
    }
    port->bridge_uuid = bridge->header_.uuid;
    port->row_seqno = row_seqno;
    port->port_seqno = port_seqno;
    port->generation = ports->generation;
    port->rule_generation = ports->rule_generation;
    port->device = device;
    port->types = types;
    port->turn = ports->turn;
    return changed;
}

static void
destroy_port(struct ovsext_ports *ports, struct ovsext_port *port)
{
    hmap_remove(&ports->set, &port->node);
    sset_destroy(&port->members);
    free(port);
}

bool
ovsext_ports_update(struct ovsext_ports *ports, const struct ovsdb_idl *idl,
                    const char *identity_keys, const char *rule_keys,
                    const struct sset *listed, bool devices)
{
    const struct ovsrec_bridge *bridge;
    struct ovsext_port *port;
    struct bridge_id *id;
    bool changed = false;
    size_t i;

    ports->turn++;
    if (strcmp(ports->identity_keys, identity_keys) ||
        !sset_equals(&ports->listed, listed)) {
        free(ports->identity_keys);
        ports->identity_keys = xstrdup(identity_keys);
        sset_destroy(&ports->listed);
        sset_clone(&ports->listed, listed);
        ports->generation++;
    }
    if (strcmp(ports->rule_keys, rule_keys)) {
        free(ports->rule_keys);
        ports->rule_keys = xstrdup(rule_keys);
        ports->rule_generation++;
    }

    OVSREC_BRIDGE_FOR_EACH(bridge, idl)
    {
        for (i = 0; i < bridge->n_ports; i++) {
            const struct ovsrec_port *row = bridge->ports[i];

            /* A patch port is no port of the datapath. */
            if (row->n_interfaces &&
                strcmp(row->interfaces[0]->type, "patch")) {
                changed |= update_port(ports, bridge, row, devices);
            }
        }
    }
    HMAP_FOR_EACH_SAFE(port, node, &ports->set)
    {
        if (port->turn != ports->turn) {
            detach(ports, port);
            destroy_port(ports, port);
            changed = true;
        }
    }
    HMAP_FOR_EACH_SAFE(id, node, &ports->bridges)
    {
        if (!ovsrec_bridge_get_for_uuid(idl, &id->uuid)) {
            hmap_remove(&ports->bridges, &id->node);
            free(id);
        }
    }
    return changed;
}

/* All that a device has carried since it began. */
static bool
add_counters(const char *name, uint64_t *bytes)
{
    struct netdev *netdev = netdev_from_name(name);
    struct netdev_stats stats;
    bool any = false;

    if (netdev) {
        any = !netdev_get_stats(netdev, &stats);
        if (any) {
            *bytes += stats.rx_bytes + stats.tx_bytes;
        }
        netdev_close(netdev);
    }
    return any;
}

bool
ovsext_ports_note_baselines(struct ovsext_ports *ports)
{
    unsigned int budget = BASELINES_A_TURN;
    size_t i;

    if (ports->has_baselines) {
        return false;
    }
    for (i = 0; i < ports->n; i++) {
        struct ovsext_port *port = ports->owners[i];
        const char *name;

        if (port->has_baseline || port->insp.role != INSP_PORT_VM ||
            !port->device) {
            continue;
        }
        if (!budget--) {
            return true;
        }
        port->baseline = 0;
        SSET_FOR_EACH(name, &port->members)
        {
            add_counters(name, &port->baseline);
        }
        port->has_baseline = true;
    }
    ports->has_baselines = true;
    forget_list(ports);
    return false;
}

static void
describe_members(const struct ovsext_port *port,
                 struct ovsext_port_detail *detail)
{
    const char *name;

    detail->members =
        xcalloc(sset_count(&port->members), sizeof *detail->members);
    SSET_FOR_EACH(name, &port->members)
    {
        detail->members[detail->n_members++] = xstrdup(name);
    }
    detail->bridge_uuid = port->bridge_uuid;
    detail->has_device = port->device != 0;
    detail->baseline = port->baseline;
}

struct ovsext_port_list *
ovsext_ports_list(struct ovsext_ports *ports)
{
    if (!ports->list) {
        struct ovsext_port_list *list = xzalloc(sizeof *list);

        ovs_refcount_init(&list->ref_cnt);
        list->n = ports->n;
        list->array = xcalloc(list->n, sizeof *list->array);
        list->details = xcalloc(list->n, sizeof *list->details);
        for (size_t i = 0; i < list->n; i++) {
            list->array[i] = ports->array[i];
            describe_members(ports->owners[i], &list->details[i]);
        }
        ports->list = list;
    }
    return ovsext_port_list_ref(ports->list);
}

struct ovsext_port_list *
ovsext_port_list_ref(struct ovsext_port_list *list)
{
    ovs_refcount_ref(&list->ref_cnt);
    return list;
}

void
ovsext_port_list_unref(struct ovsext_port_list *list)
{
    if (!list || ovs_refcount_unref(&list->ref_cnt) != 1) {
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        for (size_t j = 0; j < list->details[i].n_members; j++) {
            free(list->details[i].members[j]);
        }
        free(list->details[i].members);
    }
    free(list->array);
    free(list->details);
    free(list);
}

bool
ovsext_port_carried(const struct ovsext_port_list *list, size_t i,
                    uint64_t *bytes)
{
    const struct ovsext_port_detail *detail = &list->details[i];
    bool any = false;

    *bytes = 0;
    for (size_t j = 0; detail->has_device && j < detail->n_members; j++) {
        any |= add_counters(detail->members[j], bytes);
    }
    *bytes -= MIN(*bytes, detail->baseline);
    return any;
}

void
ovsext_ports_clear(struct ovsext_ports *ports)
{
    struct ovsext_port *port;

    forget_list(ports);
    HMAP_FOR_EACH_SAFE(port, node, &ports->set)
    {
        destroy_port(ports, port);
    }
    ports->n = 0;
}

static enum ovsext_role
role_in_view(enum insp_port_role role)
{
    switch (role) {
    case INSP_PORT_VM: return OVSEXT_ROLE_VM;
    case INSP_PORT_INFRASTRUCTURE: return OVSEXT_ROLE_INFRASTRUCTURE;
    case INSP_PORT_OTHER: break;
    }
    return OVSEXT_ROLE_OTHER;
}

void
ovsext_ports_to_view(const struct ovsext_port_list *list,
                     struct ovsext_view_builder *builder)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct ovsext_port_detail *detail = &list->details[i];
        struct ovsext_view_port view = {
            .id = list->array[i].id,
            .role = role_in_view(list->array[i].role),
        };

        memcpy(view.mac.ea, list->array[i].mac, sizeof view.mac.ea);
        for (size_t j = 0; j < detail->n_members; j++) {
            view.name = detail->members[j];
            ovsext_view_builder_add_port(builder, &view);
        }
    }
}

void
ovsext_ports_destroy(struct ovsext_ports *ports)
{
    struct bridge_id *bridge;

    ovsext_ports_clear(ports);
    HMAP_FOR_EACH_POP(bridge, node, &ports->bridges)
    {
        free(bridge);
    }
    hmap_destroy(&ports->set);
    hmap_destroy(&ports->bridges);
    sset_destroy(&ports->listed);
    free(ports->identity_keys);
    free(ports->rule_keys);
    free(ports->array);
    free(ports->owners);
}
