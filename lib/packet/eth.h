/* SPDX-License-Identifier: Apache-2.0 */
/* Eth
 * ===
 *
 * Ethernet II and up to two VLAN tags: finds the ethertype behind them.
 *
 * Above:    packet/packet.c.       Below:  base/cursor.h, packet/packet.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded: two tags.
 * Fails:    ETH_TRUNCATED, VLAN_DEPTH.
 *
 * IEEE 802.3, 802.1Q.  A type below 0x600 is the length of an LLC frame,
 * which has no ethertype: it is given 0.  Inline, like the other parsers of
 * the common packet, so that packet.c becomes one straight line.
 */

#ifndef INSP_PACKET_ETH_H
#define INSP_PACKET_ETH_H 1

#include "base/cursor.h"
#include "packet/packet.h"

enum {
    INSP_ETH_MAX_VLANS = 2,
    INSP_ETH_MIN_TYPE = 0x0600,

    INSP_ETHERTYPE_IPV4 = 0x0800,
    INSP_ETHERTYPE_ARP = 0x0806,
    INSP_ETHERTYPE_VLAN = 0x8100,
    INSP_ETHERTYPE_IPV6 = 0x86dd,
    INSP_ETHERTYPE_QINQ = 0x88a8,
    INSP_ETHERTYPE_QINQ_OLD = 0x9100,
};

static inline bool
insp_eth_is_tag(uint16_t type)
{
    return type == INSP_ETHERTYPE_VLAN || type == INSP_ETHERTYPE_QINQ ||
           type == INSP_ETHERTYPE_QINQ_OLD;
}

static inline enum insp_packet_fact
insp_eth_parse(struct insp_packet *p, struct insp_cursor *c)
{
    const uint8_t *eth = insp_cursor_take(c, 14);
    uint16_t type;

    if (INSP_UNLIKELY(!eth)) {
        return INSP_PACKET_ETH_TRUNCATED;
    }
    p->group = eth[0] & 1;
    p->l3_ofs = 14;
    type = insp_be16(eth + 12);
    if (INSP_LIKELY(type == INSP_ETHERTYPE_IPV4)) {
        p->ethertype = type;
        return INSP_PACKET_OK;
    }
    while (insp_eth_is_tag(type)) {
        const uint8_t *tag;

        if (p->n_vlans == INSP_ETH_MAX_VLANS) {
            p->l3_ofs = 0;
            return INSP_PACKET_VLAN_DEPTH;
        }
        tag = insp_cursor_take(c, 4);
        if (!tag) {
            p->l3_ofs = 0;
            return INSP_PACKET_ETH_TRUNCATED;
        }
        p->vlan[p->n_vlans++] = (uint16_t) ((tag[0] & 0x0f) << 8 | tag[1]);
        p->l3_ofs += 4;
        type = insp_be16(tag + 2);
    }
    p->ethertype = type < INSP_ETH_MIN_TYPE ? 0 : type;
    return INSP_PACKET_OK;
}

#endif /* packet/eth.h */
