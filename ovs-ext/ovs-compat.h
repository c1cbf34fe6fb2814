/* SPDX-License-Identifier: Apache-2.0 */
/* OVS compat
 * ==========
 *
 * What differs between the versions of Open vSwitch that the extension
 * builds with.  With its likes of the programs (utilities/NAME/ovs-compat.h)
 * the only file with an #if on OVSEXT_OVS_VERSION, which the integration
 * defines (30100 for 3.1).
 *
 * Above:    ovs-ext/.              Below:  libopenvswitch.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    at compile time, for a version that nobody has looked at.
 */

#ifndef OVSEXT_OVS_COMPAT_H
#define OVSEXT_OVS_COMPAT_H 1

#include "dp-packet.h"
#include "odp-execute.h"
#include "ovs-ext/sources.h"

#if OVSEXT_OVS_VERSION < 30100 || OVSEXT_OVS_VERSION >= 40100
#error "this version of Open vSwitch is not supported"
#endif

/* Labels for a switch over the actions of the datapath: those that came after
 * 3.1, which the userspace datapath never runs. */
#if OVSEXT_OVS_VERSION >= 30500
#define OVSEXT_CASE_NEWER_ACTIONS                                             \
    case OVS_ACTION_ATTR_DEC_TTL:                                             \
    case OVS_ACTION_ATTR_PSAMPLE:
#else
#define OVSEXT_CASE_NEWER_ACTIONS
#endif

/* Puts a packet that stays back into the batch that is being walked by
 * DP_PACKET_BATCH_REFILL_FOR_EACH. */
static inline void
ovsext_batch_keep(struct dp_packet_batch *batch, struct dp_packet *packet,
                  size_t i OVS_UNUSED)
{
#if OVSEXT_OVS_VERSION >= 40000
    dp_packet_batch_add(batch, packet);
#else
    dp_packet_batch_refill(batch, packet, i);
#endif
}

/* For a batch of one's own whose packets are gone: from 4.0 on one has no
 * limit, and may have grown, such as by segments of a large packet. */
static inline void
ovsext_batch_destroy(struct dp_packet_batch *batch OVS_UNUSED)
{
#if OVSEXT_OVS_VERSION >= 40000
    dp_packet_batch_destroy(batch);
#endif
}

/* The hash of the packet is of another frame than it is now. */
static inline void
ovsext_forget_hash(struct dp_packet *packet)
{
#if OVSEXT_OVS_VERSION >= 40000
    packet->has_hash = false;
#else
    *dp_packet_ol_flags_ptr(packet) &= ~DP_PACKET_OL_RSS_HASH;
#endif
}

/* The packet is another one now, of the same flow, and complete. */
static inline void
ovsext_forget_offload(struct dp_packet *packet)
{
#if OVSEXT_OVS_VERSION >= 40000
    bool has_hash = packet->has_hash;

    dp_packet_reset_offload(packet);
    packet->has_hash = has_hash;
    dp_packet_set_tso_segsz(packet, 0);
#else
    *dp_packet_ol_flags_ptr(packet) &=
        ~(DP_PACKET_OL_SUPPORTED_MASK & ~DP_PACKET_OL_RSS_HASH);
#endif
}

/* True if the packet's output has a checksum to write, or segments to make,
 * in headers that it must find for that. */
static inline bool
ovsext_has_offload(const struct dp_packet *packet)
{
#if OVSEXT_OVS_VERSION >= 40000
    return (dp_packet_ip_checksum_partial(packet) ||
            dp_packet_l4_checksum_partial(packet) ||
            dp_packet_tunnel(packet) || dp_packet_get_tso_segsz(packet));
#elif OVSEXT_OVS_VERSION >= 30500
    /* That a checksum may be left to the output is said of every packet whose
     * checksum is known to be good, too. */
    return ((dp_packet_hwol_tx_ip_csum(packet) &&
             !dp_packet_ip_checksum_good(packet)) ||
            (dp_packet_hwol_l4_mask(packet) &&
             !dp_packet_l4_checksum_good(packet)) ||
            *dp_packet_ol_flags_ptr(packet) &
                (DP_PACKET_OL_TX_OUTER_IP_CKSUM |
                 DP_PACKET_OL_TX_OUTER_UDP_CKSUM | DP_PACKET_OL_TX_TCP_SEG));
#else
    return (dp_packet_hwol_tx_l4_checksum(packet) ||
            dp_packet_hwol_is_tso(packet));
#endif
}

/* Where the last sample is among the actions of a translation, whose context
 * only that file knows; UINT32_MAX: there is none.  Whatever moves or removes
 * actions must put it right. */
#if OVSEXT_OVS_VERSION >= 30500
#define OVSEXT_GET_OBSERVED(CTX) ((CTX)->xout->last_observe_offset)
#define OVSEXT_SET_OBSERVED(CTX, OFFSET)                                      \
    ((void) ((CTX)->xout->last_observe_offset = (OFFSET)))
#else
#define OVSEXT_GET_OBSERVED(CTX)         UINT32_MAX
#define OVSEXT_SET_OBSERVED(CTX, OFFSET) ((void) (CTX), (void) (OFFSET))
#endif

#endif /* ovs-ext/ovs-compat.h */
