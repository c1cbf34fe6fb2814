/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: see the table in xlate.h.  "The VLAN of an end" is the tag of
 * the frame on the wire there, else the VLAN that its port gives to frames
 * without one. */

#include <config.h>

#include "ovs-ext/xlate.h"

#include "dpif-netdev.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(inspect_xlate);

static bool
is_vm(const struct ovsext_end *end)
{
    return end->role == OVSEXT_ROLE_VM;
}

bool
ovsext_select(enum ovsext_select select, const struct ovsext_end *in,
              const struct ovsext_end *out)
{
    switch (select) {
    case OVSEXT_SELECT_FLOWS: return false;
    case OVSEXT_SELECT_VM_TO_VM: return is_vm(in) && is_vm(out);
    case OVSEXT_SELECT_VM: return is_vm(in) || is_vm(out);
    case OVSEXT_SELECT_ALL: return true;
    }
    return false;
}

static uint16_t
vlan_of(const struct ovsext_end *end)
{
    return end->vid ? end->vid : end->tag;
}

/* Within one port, only a trunk has VLANs to be told apart. */
static uint16_t
trunk_vlan_of(const struct ovsext_end *end)
{
    return end->is_trunk ? vlan_of(end) : 0;
}

static void
zone_of_pair(struct insp_zone *zone, const struct ovsext_end *a,
             const struct ovsext_end *b)
{
    const struct ovsext_end *low = a->id < b->id ? a : b;
    const struct ovsext_end *high = a->id < b->id ? b : a;

    zone->kind = INSP_ZONE_PAIR;
    zone->a = low->id;
    zone->b = high->id;
    zone->vlan = low->is_trunk ? trunk_vlan_of(low) : trunk_vlan_of(high);
}

static void
zone_of_bridge(struct insp_zone *zone, const struct ovsext_end *in,
               const struct ovsext_end *out, uint32_t bridge_id)
{
    const struct ovsext_end *tunnel = in->is_tunnel ? in : out;

    if (in->is_tunnel && out->is_tunnel && out->id < in->id) {
        tunnel = out;
    }
    zone->kind = INSP_ZONE_BRIDGE;
    zone->a = bridge_id;
    zone->b = tunnel->is_tunnel ? tunnel->key : 0;

    /* A tag goes over a tunnel or a trunk as it is, so that either end can
     * be asked; what goes out is what all rewriting has left. */
    zone->vlan = vlan_of(out);
}

void
ovsext_zone(struct insp_zone *zone, const struct ovsext_end *in,
            const struct ovsext_end *out, uint32_t bridge_id, bool flood)
{
    memset(zone, 0, sizeof *zone);
    if (flood) {
        zone->kind = INSP_ZONE_GROUP;
        zone->a = in->id;
        zone->vlan = vlan_of(in);
    } else if (is_vm(in) && is_vm(out) && in->id != out->id) {
        zone_of_pair(zone, in, out);
    } else if (is_vm(in) || is_vm(out)) {
        const struct ovsext_end *vm = is_vm(in) ? in : out;

        zone->kind = INSP_ZONE_PORT;
        zone->a = vm->id;
        zone->vlan = vlan_of(vm);
    } else {
        zone_of_bridge(zone, in, out, bridge_id);
    }
}

bool
ovsext_has_met(const struct ovsext_frozen *frozen, uint32_t inspector)
{
    for (size_t i = 0; i < OVSEXT_MAX_MET; i++) {
        if (frozen->met[i] == inspector) {
            return true;
        }
    }
    return false;
}

/* The list is in the order of meeting; the oldest is forgotten when there
 * are more than it holds (such a packet may be inspected twice). */
void
ovsext_meet(struct ovsext_frozen *frozen, uint32_t inspector)
{
    if (!ovsext_has_met(frozen, inspector)) {
        memmove(&frozen->met[1], &frozen->met[0],
                (OVSEXT_MAX_MET - 1) * sizeof frozen->met[0]);
        frozen->met[0] = inspector;
    }
}

bool
ovsext_datapath_can_inspect(const struct dpif *dpif)
{
    return dpif_is_netdev(dpif);
}

bool
ovsext_refuse_actions(bool supported, const char *bridge,
                      const struct ofpact *ofpacts, size_t ofpacts_len)
{
    const struct ofpact *a;

    if (supported) {
        return false;
    }
    OFPACT_FOR_EACH_FLATTENED(a, ofpacts, ofpacts_len)
    {
        if (a->type == OFPACT_INSPECT) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

            VLOG_WARN_RL(&rl,
                         "refused an inspect(id=%" PRIu32 ") action: "
                         "inspect needs datapath_type=netdev on bridge %s",
                         ofpact_get_INSPECT(a)->id, bridge);
            return true;
        }
    }
    return false;
}

bool
ovsext_refuse_buckets(bool supported, const char *bridge,
                      const struct ovs_list *buckets)
{
    const struct ofputil_bucket *bucket;

    LIST_FOR_EACH (bucket, list_node, buckets) {
        if (ovsext_refuse_actions(supported, bridge, bucket->ofpacts,
                                  bucket->ofpacts_len)) {
            return true;
        }
    }
    return false;
}
