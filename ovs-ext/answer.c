/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a token bucket for each worker, which only that worker
 * touches; the frames are insp_refuse()'s.  The one to the source is the only
 * thing that the packet path ever takes from the heap, which is why there is a
 * bucket at all.
 *
 * The source is addressed by the MAC that its port is known to have: a router
 * between it and the inspector may have put its own into the frame.  Nothing
 * is said to a source whose address was translated on the way: it has never
 * heard of the connection that the inspector sees. */

#include <config.h>

#include "ovs-ext/answer.h"

#include "dp-packet.h"
#include "dpif-netdev.h"
#include "flow.h"
#include "odp-util.h"
#include "ovs-ext/action-codec.h"
#include "ovs-ext/ovs-compat.h"
#include "ovs-ext/worker-map.h"
#include "packet/refuse.h"
#include "packets.h"

#define NS_PER_S     UINT64_C(1000000000)
#define NS_PER_TOKEN (NS_PER_S / OVSEXT_ANSWER_RATE)

/* 'empty_ns' is when the bucket would have been empty, had it been filling
 * since; a full one is a second's worth behind now. */
static struct bucket {
    uint64_t empty_ns;
} OVS_ALIGNED_VAR(CACHE_LINE_SIZE) buckets[OVSEXT_MAX_WORKERS];

bool
ovsext_answer_allowed(unsigned int worker, uint64_t now_ns)
{
    struct bucket *bucket = &buckets[worker];

    if (now_ns > NS_PER_S && bucket->empty_ns < now_ns - NS_PER_S) {
        bucket->empty_ns = now_ns - NS_PER_S;
    }
    if (bucket->empty_ns + NS_PER_TOKEN > now_ns) {
        return false;
    }
    bucket->empty_ns += NS_PER_TOKEN;
    return true;
}

/* A packet without Ethernet header came by a tunnel; nobody is at hand. */
static size_t
refuse(const struct dp_packet *packet, enum insp_refuse_to to,
       uint8_t out[INSP_REFUSE_MAX])
{
    const size_t size = dp_packet_size(packet);
    struct insp_packet parsed;

    if (packet->packet_type != htonl(PT_ETH) ||
        insp_packet_parse(&parsed, dp_packet_data(packet), size, size) !=
            INSP_PACKET_OK) {
        return 0;
    }
    return insp_refuse(&parsed, dp_packet_data(packet), to, out);
}

struct dp_packet *
ovsext_answer_source(const struct dp_packet *packet,
                     const struct ovsext_reset *reset)
{
    uint8_t out[INSP_REFUSE_MAX];
    struct dp_packet *answer;
    size_t size;

    if (packet->md.ct_state & (CS_SRC_NAT | CS_DST_NAT)) {
        return NULL;
    }
    size = refuse(packet, INSP_REFUSE_TO_SOURCE, out);
    if (!size) {
        return NULL;
    }
    answer = dp_packet_clone_data_with_headroom(out, size, DP_NETDEV_HEADROOM);
    if (!eth_addr_is_zero(reset->mac)) {
        struct eth_header *eth = dp_packet_data(answer);

        eth->eth_dst = reset->mac;
    }
    pkt_metadata_init(&answer->md, ODPP_NONE);
    parse_tcp_flags(answer, NULL, NULL, NULL);
    if (reset->tci) {
        eth_push_vlan(answer, htons(ETH_TYPE_VLAN_8021Q), reset->tci);
    }
    return answer;
}

bool
ovsext_answer_destination(struct dp_packet *packet)
{
    uint8_t out[INSP_REFUSE_MAX];
    size_t size = refuse(packet, INSP_REFUSE_TO_DESTINATION, out);

    if (!size || size > dp_packet_size(packet)) {
        return false;
    }
    memcpy(dp_packet_data(packet), out, size);
    dp_packet_set_size(packet, size);
    dp_packet_reset_cutlen(packet);

    /* All checksums are in the frame, and all it was is gone. */
    ovsext_forget_offload(packet);
    parse_tcp_flags(packet, NULL, NULL, NULL);
    return true;
}
