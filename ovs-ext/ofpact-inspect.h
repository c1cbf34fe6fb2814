/* SPDX-License-Identifier: Apache-2.0 */
/* Ofpact inspect
 * ==============
 *
 * The OpenFlow action "inspect" as Open vSwitch holds it in memory.
 *
 * Above:    include/openvswitch/ofp-actions.h of the patched tree, and only
 *           that: it needs the types that are declared there.
 * Below:    nothing.
 * Threads:  no state.
 * Memory:   a plain value inside a list of actions.
 * Time:     none.
 * Fails:    never.
 */

#ifndef OVSEXT_OFPACT_INSPECT_H
#define OVSEXT_OFPACT_INSPECT_H 1

enum ovsext_ofpact_flags {
    OVSEXT_OFPACT_TAP = 1 << 0,        /* "tap": verdicts do not count. */
    OVSEXT_OFPACT_ZONE = 1 << 1,       /* "zone=NUMBER": 'zone'. */
    OVSEXT_OFPACT_ZONE_FIELD = 1 << 2, /* "zone=FIELD": 'zone_src'. */
};

/* OFPACT_INSPECT. */
struct ofpact_inspect {
    struct ofpact ofpact;
    uint16_t flags; /* OVSEXT_OFPACT_*. */
    uint32_t id;    /* Inspector.id, not 0. */
    uint32_t zone;
    struct mf_subfield zone_src; /* At most 32 bits. */
};

#endif /* ovs-ext/ofpact-inspect.h */
