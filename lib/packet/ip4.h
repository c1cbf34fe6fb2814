/* SPDX-License-Identifier: Apache-2.0 */
/* Ip4
 * ===
 *
 * The IPv4 header with its options, and its idea of fragments.
 *
 * Above:    packet/packet.c.       Below:  base/cursor.h, packet/ext.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded: eight authentication headers.
 * Fails:    IP_TRUNCATED, IP_MALFORMED, IP_LENGTH, EXT_DEPTH, FRAGMENT.
 *
 * RFC 791.
 */

#ifndef INSP_PACKET_IP4_H
#define INSP_PACKET_IP4_H 1

#include "base/cursor.h"
#include "packet/ext.h"
#include "packet/packet.h"

/* 'c' stands at the header and ends with the frame; 'wire_left' bytes of the
 * frame were on the wire from there on.  When it returns OK or FRAGMENT, 'c'
 * stands behind the header and ends with the datagram, so that padding is
 * out of reach, and '*left' is what the datagram says is left of it. */
static inline enum insp_packet_fact
insp_ip4_parse(struct insp_packet *p, struct insp_cursor *c, size_t wire_left,
               size_t *left)
{
    const uint8_t *ip = insp_cursor_take(c, 20);
    size_t header_size, total_size;
    uint16_t fragment;

    if (INSP_UNLIKELY(!ip)) {
        return INSP_PACKET_IP_TRUNCATED;
    }
    header_size = (size_t) (ip[0] & 0x0f) * 4;
    total_size = insp_be16(ip + 2);
    if (INSP_UNLIKELY(ip[0] >> 4 != 4 || header_size < 20 ||
                      total_size < header_size)) {
        return INSP_PACKET_IP_MALFORMED;
    }
    p->ip_version = 4;
    p->src = ip + 12;
    p->dst = ip + 16;
    p->proto = ip[9];
    p->ttl = ip[8];
    if (INSP_UNLIKELY(total_size > wire_left)) {
        return INSP_PACKET_IP_LENGTH;
    }
    insp_cursor_limit(c, total_size - 20);
    if (INSP_UNLIKELY(!insp_cursor_skip(c, header_size - 20))) {
        return INSP_PACKET_IP_TRUNCATED;
    }
    *left = total_size - header_size;

    fragment = insp_be16(ip + 6);
    if (INSP_UNLIKELY(fragment & 0x3fff)) {
        p->is_fragment = true;
        p->frag_id = insp_be16(ip + 4);
        if (fragment & 0x1fff) {
            return INSP_PACKET_FRAGMENT;
        }
    }
    if (INSP_UNLIKELY(p->proto == INSP_EXT_AH)) {
        size_t size;
        enum insp_packet_fact fact = insp_ext_skip(p, *c, &size);

        insp_cursor_skip(c, size);
        *left -= size;
        return fact;
    }
    return INSP_PACKET_OK;
}

#endif /* packet/ip4.h */
