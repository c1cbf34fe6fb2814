/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the tag goes in as any tag of Open vSwitch does, so that its
 * offsets of layers stay right.  The NSH frame is written here, because the
 * push_nsh() of Open vSwitch wants a packet without Ethernet header: a base
 * header and a service path header of four bytes each, metadata type 2 with
 * none (RFC 8300, section 2.5), next protocol Ethernet.  What comes back may
 * have metadata of either type, which is skipped by its length, and another
 * service index.
 *
 * What came back was hashed, if at all, by what stood in front: the hash
 * goes. */

#include <config.h>

#include "ovs-ext/encap.h"

#include "dp-packet.h"
#include "flow.h"
#include "ovs-ext/ovs-compat.h"
#include "packets.h"

#define NSH_ETHERTYPE     0x894f
#define NSH_SIZE          8
#define NSH_NEXT_ETHERNET 3
#define NSH_MD_TYPE_2     2
#define NSH_TTL           63
#define NSH_WORDS_MASK    0x3f /* Of the second byte. */
#define NSH_VERSION_MASK  0xc0 /* Of the first one. */
#define NSH_FIRST_INDEX   255

static bool
make_room(struct dp_packet *packet, size_t size)
{
    if (dp_packet_headroom(packet) >= size) {
        return true;
    }
    if (packet->source != DPBUF_MALLOC && packet->source != DPBUF_STUB) {
        return false;
    }
    dp_packet_prealloc_headroom(packet, size);
    return true;
}

static bool
push_vlan(struct dp_packet *packet, uint32_t cookie)
{
    if (!make_room(packet, VLAN_HEADER_LEN)) {
        return false;
    }
    eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q),
                  htons(cookie & VLAN_VID_MASK));
    return true;
}

static bool
push_nsh_frame(struct dp_packet *packet, uint32_t cookie)
{
    const size_t size = sizeof(struct eth_header) + NSH_SIZE;
    const struct eth_header *inner;
    struct eth_header *outer;
    uint8_t *nsh;

    if (ovsext_has_offload(packet) || !make_room(packet, size)) {
        return false;
    }
    inner = dp_packet_data(packet);
    outer = dp_packet_push_uninit(packet, size);
    outer->eth_dst = inner->eth_dst;
    outer->eth_src = inner->eth_src;
    outer->eth_type = htons(NSH_ETHERTYPE);
    nsh = (uint8_t *) (outer + 1);
    nsh[0] = NSH_TTL >> 2;
    nsh[1] = (uint8_t) (NSH_TTL << 6) | NSH_SIZE / 4;
    nsh[2] = NSH_MD_TYPE_2;
    nsh[3] = NSH_NEXT_ETHERNET;
    nsh[4] = (uint8_t) (cookie >> 16);
    nsh[5] = (uint8_t) (cookie >> 8);
    nsh[6] = (uint8_t) cookie;
    nsh[7] = NSH_FIRST_INDEX;

    dp_packet_reset_offsets(packet);
    packet->l3_ofs = sizeof *outer;
    return true;
}

bool
ovsext_encap_push(struct dp_packet *packet, enum insp_encap encap,
                  uint32_t cookie)
{
    switch (encap) {
    case INSP_ENCAP_NONE: return true;
    case INSP_ENCAP_VLAN: return push_vlan(packet, cookie);
    case INSP_ENCAP_NSH: return push_nsh_frame(packet, cookie);
    }
    return false;
}

/* After something in front has gone. */
static void
look_again(struct dp_packet *packet)
{
    parse_tcp_flags(packet, NULL, NULL, NULL);
    ovsext_forget_hash(packet);
}

static uint32_t
pop_vlan(struct dp_packet *packet)
{
    const struct vlan_eth_header *veh = dp_packet_data(packet);
    uint32_t cookie;

    if (dp_packet_size(packet) < sizeof *veh ||
        veh->veth_type != htons(ETH_TYPE_VLAN_8021Q)) {
        return 0;
    }
    cookie = vlan_tci_to_vid(veh->veth_tci);
    if (cookie) {
        eth_pop_vlan(packet);
        look_again(packet);
    }
    return cookie;
}

static uint32_t
pop_nsh_frame(struct dp_packet *packet)
{
    const struct eth_header *outer = dp_packet_data(packet);
    const size_t size = dp_packet_size(packet);
    const uint8_t *nsh = (const uint8_t *) (outer + 1);
    size_t words, prefix;
    uint32_t cookie;

    if (size < sizeof *outer + NSH_SIZE ||
        outer->eth_type != htons(NSH_ETHERTYPE)) {
        return 0;
    }
    words = nsh[1] & NSH_WORDS_MASK;
    prefix = sizeof *outer + words * 4;
    if (nsh[0] & NSH_VERSION_MASK || words < NSH_SIZE / 4 ||
        nsh[3] != NSH_NEXT_ETHERNET ||
        size < prefix + sizeof(struct eth_header)) {
        return 0;
    }
    cookie = (uint32_t) nsh[4] << 16 | (uint32_t) nsh[5] << 8 | nsh[6];
    if (cookie) {
        dp_packet_pull(packet, prefix);
        look_again(packet);
    }
    return cookie;
}

uint32_t
ovsext_encap_pop(struct dp_packet *packet, enum insp_encap encap)
{
    if (packet->packet_type != htonl(PT_ETH)) {
        return 0;
    }
    switch (encap) {
    case INSP_ENCAP_NONE: return 0;
    case INSP_ENCAP_VLAN: return pop_vlan(packet);
    case INSP_ENCAP_NSH: return pop_nsh_frame(packet);
    }
    return 0;
}
