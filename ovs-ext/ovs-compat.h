/* OVS compat
 * ==========
 *
 * What differs between the versions of Open vSwitch that the extension
 * builds with.  The only file with an #if on OVSEXT_OVS_VERSION, which the
 * integration defines (30100 for 3.1).
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

#if OVSEXT_OVS_VERSION < 30100 || OVSEXT_OVS_VERSION >= 30200
#error "this version of Open vSwitch is not supported"
#endif

/* No batch holds more packets. */
#define OVSEXT_BATCH_MAX NETDEV_MAX_BURST

/* Puts a packet that stays back into the batch that is being walked by
 * DP_PACKET_BATCH_REFILL_FOR_EACH. */
static inline void
ovsext_batch_keep(struct dp_packet_batch *batch, struct dp_packet *packet,
                  size_t i)
{
    dp_packet_batch_refill(batch, packet, i);
}

#endif /* ovs-ext/ovs-compat.h */
