/* SPDX-License-Identifier: Apache-2.0 */
/* Eth
 * ===
 *
 * Ethernet II and up to two VLAN tags: finds the ethertype behind them.  Tags
 * without a VLAN (priority tags) are passed over, up to eight tags in all.
 *
 * Above:    packet/packet.c.       Below:  base/cursor.h, packet/packet.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded: eight tags.
 * Fails:    ETH_TRUNCATED, VLAN_DEPTH.
 *
 * IEEE 802.3, 802.1Q.  A type below 0x600 is the length of an LLC frame,
 * which has no ethertype but behind SNAP (RFC 1042): else it is given 0.
 * Receivers take off priority tags as long as there are any, and some take IP
 * behind SNAP for IP: so what is not seen here would be a way around rules.
 * Inline, like the other parsers of the common packet, so that packet.c
 * becomes one straight line.
 */

#ifndef INSP_PACKET_ETH_H
#define INSP_PACKET_ETH_H 1

#include <string.h>

#include "base/cursor.h"
#include "packet/packet.h"

enum {
    INSP_ETH_MAX_VLANS = 2,
    INSP_ETH_MAX_TAGS = 8,
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

/* Passes a SNAP header: what stands in it, in '*type', 0 when there is none.
 */
static inline enum insp_packet_fact
insp_eth_snap(struct insp_packet *p, struct insp_cursor *c, uint16_t *type)
{
    static const uint8_t head[6] = { 0xaa, 0xaa, 3, 0, 0, 0 };
    size_t left = insp_cursor_left(c);
    const uint8_t *snap = insp_cursor_take(c, INSP_MIN(left, 8u));

    *type = 0;
    if (left && memcmp(snap, head, INSP_MIN(left, sizeof head))) {
        return INSP_PACKET_OK;
    } else if (left < 8) {
        return INSP_PACKET_ETH_TRUNCATED;
    } else if (insp_be16(snap + 6) >= INSP_ETH_MIN_TYPE) {
        *type = insp_be16(snap + 6);
        p->l3_ofs += 8;
    }
    return INSP_PACKET_OK;
}

/* The tags from 'type' on: what stands behind them, in '*type'. */
static inline enum insp_packet_fact
insp_eth_tags(struct insp_packet *p, struct insp_cursor *c, uint16_t *type)
{
    for (int n = 0; insp_eth_is_tag(*type); n++) {
        const uint8_t *tag;
        uint16_t vlan;

        if (n == INSP_ETH_MAX_TAGS) {
            p->is_hidden = true;
            return INSP_PACKET_VLAN_DEPTH;
        }
        tag = insp_cursor_take(c, 4);
        if (!tag) {
            return INSP_PACKET_ETH_TRUNCATED;
        }
        vlan = (uint16_t) ((tag[0] & 0x0f) << 8 | tag[1]);
        if (vlan && p->n_vlans == INSP_ETH_MAX_VLANS) {
            return INSP_PACKET_VLAN_DEPTH;
        }
        if (vlan) {
            p->vlan[p->n_vlans++] = vlan;
        }
        p->l3_ofs += 4;
        *type = insp_be16(tag + 2);
    }
    return INSP_PACKET_OK;
}

static inline enum insp_packet_fact
insp_eth_parse(struct insp_packet *p, struct insp_cursor *c)
{
    const uint8_t *eth = insp_cursor_take(c, 14);
    enum insp_packet_fact fact;
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
    fact = insp_eth_tags(p, c, &type);
    if (INSP_UNLIKELY(fact == INSP_PACKET_OK && type < INSP_ETH_MIN_TYPE)) {
        fact = insp_eth_snap(p, c, &type);
    }
    if (INSP_UNLIKELY(fact != INSP_PACKET_OK)) {
        p->l3_ofs = 0;
        return fact;
    }
    p->ethertype = type;
    return INSP_PACKET_OK;
}

#endif /* packet/eth.h */
