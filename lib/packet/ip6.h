/* SPDX-License-Identifier: Apache-2.0 */
/* Ip6
 * ===
 *
 * The IPv6 header and the extension headers behind it.
 *
 * Above:    packet/packet.c.       Below:  base/cursor.h, packet/ext.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded: eight extension headers.
 * Fails:    IP_TRUNCATED, IP_MALFORMED, IP_LENGTH, EXT_DEPTH, FRAGMENT.
 *
 * RFC 8200, 2675.
 */

#ifndef INSP_PACKET_IP6_H
#define INSP_PACKET_IP6_H 1

#include "base/cursor.h"
#include "packet/ext.h"
#include "packet/packet.h"

/* Like insp_ip4_parse(). */
static inline enum insp_packet_fact
insp_ip6_parse(struct insp_packet *p, struct insp_cursor *c, size_t wire_left,
               size_t *left)
{
    const uint8_t *ip = insp_cursor_take(c, 40);
    enum insp_packet_fact fact = INSP_PACKET_OK;
    size_t size;

    if (INSP_UNLIKELY(!ip)) {
        return INSP_PACKET_IP_TRUNCATED;
    }
    if (INSP_UNLIKELY(ip[0] >> 4 != 6)) {
        return INSP_PACKET_IP_MALFORMED;
    }
    p->ip_version = 6;
    p->src = ip + 8;
    p->dst = ip + 24;
    p->proto = ip[6];
    p->ttl = ip[7];

    /* A jumbogram keeps its length in a hop-by-hop option and has none here:
     * then it ends with the frame. */
    size = insp_be16(ip + 4);
    wire_left -= 40;
    if (INSP_UNLIKELY(!size && p->proto == INSP_EXT_HOP_BY_HOP)) {
        size = wire_left;
    }
    if (INSP_UNLIKELY(size > wire_left)) {
        return INSP_PACKET_IP_LENGTH;
    }
    insp_cursor_limit(c, size);

    if (INSP_UNLIKELY(insp_ext_is(p->proto, 6))) {
        size_t skipped;

        fact = insp_ext_skip(p, *c, &skipped);
        insp_cursor_skip(c, skipped);
        size -= skipped;
    }
    *left = size;
    return fact;
}

#endif /* packet/ip6.h */
