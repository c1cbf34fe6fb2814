/* SPDX-License-Identifier: Apache-2.0 */
/* Xlate
 * =====
 *
 * The rules of automatic insertion and of zones, apart from the translation
 * of Open vSwitch that they are applied in: given what is known of the two
 * ends of an output, whether an inspector wants it, and in which zone.
 *
 *     output from IN to OUT          zone
 *     flooded, group address         group(IN, VLAN of IN)
 *     two VM ports                   pair(lower id, higher id[, VLAN])
 *     one VM port                    port(that one, its VLAN)
 *     none                           bridge(bridge id, tunnel key, VLAN)
 *
 * Both directions of a connection must come out in the same zone.  So where
 * the ends differ in what they know (an access port has no tag on the wire, a
 * trunk has), the rule names the end that is asked.
 *
 * Above:    ofproto-dpif-xlate.c of Open vSwitch, inside-xlate.h.
 * Below:    view.h, hooks.h, flow/key.h.
 * Threads:  no state.
 * Memory:   plain values.
 * Time:     none.
 * Fails:    never.
 */

#ifndef OVSEXT_XLATE_H
#define OVSEXT_XLATE_H 1

#include "flow/key.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/view.h"

/* One end of an output. */
struct ovsext_end {
    uint32_t id; /* Port id, 0: none. */
    enum ovsext_role role;
    bool is_tunnel;
    bool is_trunk;       /* Frames may have a tag on the wire. */
    uint16_t tag;        /* Of an access port, or the native VLAN;
                          * 0: none. */
    uint16_t vid;        /* That the frame has there, 0: none. */
    uint32_t key;        /* Of the tunnel. */
    odp_port_t odp_port; /* ODPP_NONE: none. */
    struct eth_addr mac; /* Of the VM; zeros: unknown. */
};

/* The two halves of a 64-bit tunnel key in one. */
static inline uint32_t
ovsext_fold_key(uint64_t key)
{
    return (uint32_t) (key ^ key >> 32);
}

bool ovsext_select(enum ovsext_select, const struct ovsext_end *in,
                   const struct ovsext_end *out);

void ovsext_zone(struct insp_zone *, const struct ovsext_end *in,
                 const struct ovsext_end *out, uint32_t bridge_id, bool flood);

/* The extension's part of struct xlate_ctx; all zeros when a translation
 * begins. */
struct ovsext_ctx {
    struct ovsext_frozen frozen; /* Kept when a translation freezes. */
    int n_floods;                /* > 0: outputs are copies of a flood. */
    int n_mirrors;               /* > 0: outputs feed a mirror. */
    bool composing;              /* Output is part of a redirect list. */
};

/* Whether a packet has met an inspector, and that it has. */
bool ovsext_has_met(const struct ovsext_frozen *, uint32_t inspector);
void ovsext_meet(struct ovsext_frozen *, uint32_t inspector);

#endif /* ovs-ext/xlate.h */
