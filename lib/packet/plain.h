/* SPDX-License-Identifier: Apache-2.0 */
/* Plain
 * =====
 *
 * The packet that nearly all are: TCP without SYN, FIN or RST, or UDP, in IPv4
 * without options or IPv6 without extension headers, no fragment, whole as far
 * as its headers go, with at most one VLAN tag.  Of such a packet only what an
 * established connection asks for is read; any other goes through
 * packet/packet.h.
 *
 * Above:    flow/plain.c, engine/worker.c.
 * Below:    base/cursor.h, packet/eth.h.
 * Threads:  no state.
 * Memory:   none; addresses are borrowed from the frame.
 * Time:     bounded; no loop.
 * Fails:    by false: not plain.  What is plain is INSP_PACKET_OK to
 *           insp_packet_parse(), with the same fields.
 *
 * RFC 791, 8200, 768, 9293; IEEE 802.1Q.
 */

#ifndef INSP_PACKET_PLAIN_H
#define INSP_PACKET_PLAIN_H 1

#include <string.h>

#include "base/cursor.h"
#include "packet/eth.h"
#include "packet/packet.h"

struct insp_plain {
    const uint8_t *addresses; /* Source, then destination: 4 or 16 bytes. */
    uint16_t src_port;        /* In host order, as all that follows. */
    uint16_t dst_port;
    uint32_t tcp_seq; /* UDP: 0. */
    uint32_t payload_size;
    uint8_t tcp_flags; /* UDP: 0. */
    uint8_t proto;
};

/* TCP with 'left' bytes from its header to the end of the datagram, of which
 * 'c' has what was captured. */
static INSP_ALWAYS_INLINE bool
insp_plain_tcp(struct insp_plain *p, struct insp_cursor *c, size_t left)
{
    const uint8_t *tcp = insp_cursor_take(c, 20);
    size_t header_size;

    if (INSP_UNLIKELY(
            !tcp || tcp[13] & (INSP_TCP_SYN | INSP_TCP_FIN | INSP_TCP_RST))) {
        return false;
    }
    header_size = (size_t) (tcp[12] >> 4) * 4;
    p->tcp_flags = tcp[13];
    p->src_port = insp_be16(tcp);
    p->dst_port = insp_be16(tcp + 2);
    p->tcp_seq = insp_be32(tcp + 4);
    p->payload_size = (uint32_t) (left - header_size);
    return INSP_LIKELY(header_size >= 20 &&
                       header_size - 20 <= insp_cursor_left(c));
}

static INSP_ALWAYS_INLINE bool
insp_plain_udp(struct insp_plain *p, struct insp_cursor *c, size_t left)
{
    const uint8_t *udp = insp_cursor_take(c, 8);
    size_t size;

    if (INSP_UNLIKELY(!udp)) {
        return false;
    }
    size = insp_be16(udp + 4);
    p->tcp_flags = 0;
    p->src_port = insp_be16(udp);
    p->dst_port = insp_be16(udp + 2);
    p->tcp_seq = 0;
    p->payload_size = (uint32_t) (size - 8);
    return INSP_LIKELY(size >= 8 && size <= left);
}

/* 'c' stands at the network header of the frame, of which 'left' bytes were
 * on the wire from there on; returns how many are left of the datagram behind
 * that header, and has 'c' end with it, or returns a negative number. */
static INSP_ALWAYS_INLINE int
insp_plain_ip4(struct insp_plain *p, struct insp_cursor *c, size_t left)
{
    const uint8_t *ip = insp_cursor_take(c, 20);
    size_t size;

    if (INSP_UNLIKELY(!ip)) {
        return -1;
    }
    size = insp_be16(ip + 2);
    if (INSP_UNLIKELY(ip[0] != 0x45 || size < 20 || size > left ||
                      insp_be16(ip + 6) & 0x3fff)) {
        return -1;
    }
    p->proto = ip[9];
    p->addresses = ip + 12;
    insp_cursor_limit(c, size - 20);
    return (int) size - 20;
}

static INSP_ALWAYS_INLINE int
insp_plain_ip6(struct insp_plain *p, struct insp_cursor *c, size_t left)
{
    const uint8_t *ip = insp_cursor_take(c, 40);
    size_t size;

    if (INSP_UNLIKELY(!ip)) {
        return -1;
    }
    size = insp_be16(ip + 4);
    if (INSP_UNLIKELY(ip[0] >> 4 != 6 || size + 40 > left)) {
        return -1;
    }
    p->proto = ip[6];
    p->addresses = ip + 8;
    insp_cursor_limit(c, size);
    return (int) size;
}

/* Whether a frame may be of anything but IPv4 without a tag. */
static inline bool
insp_plain_is_odd(const void *frame, size_t size)
{
    struct insp_cursor c = insp_cursor(frame, size);
    const uint8_t *eth = insp_cursor_take(&c, 14);

    return eth && insp_be16(eth + 12) != INSP_ETHERTYPE_IPV4;
}

/* Reads a packet of that IP version (4 or 6, a constant), of which 'size' of
 * 'wire_size' bytes are at 'frame'; on false what is in '*p' means nothing. */
static INSP_ALWAYS_INLINE bool
insp_plain_read(struct insp_plain *p, uint8_t ip_version, const void *frame,
                size_t size, size_t wire_size)
{
    struct insp_cursor c = insp_cursor(frame, size);
    const uint8_t *eth = insp_cursor_take(&c, 14);
    const uint8_t *tag;
    uint16_t type;
    size_t left;
    int rest;

    if (INSP_UNLIKELY(!eth)) {
        return false;
    }
    left = INSP_MAX(size, wire_size) - 14;
    type = insp_be16(eth + 12);
    if (INSP_UNLIKELY(type == INSP_ETHERTYPE_VLAN)) {
        tag = insp_cursor_take(&c, 4);
        if (!tag) {
            return false;
        }
        type = insp_be16(tag + 2);
        left -= 4;
    }
    if (type !=
        (ip_version == 4 ? INSP_ETHERTYPE_IPV4 : INSP_ETHERTYPE_IPV6)) {
        return false;
    }
    rest = ip_version == 4 ? insp_plain_ip4(p, &c, left)
                           : insp_plain_ip6(p, &c, left);
    if (INSP_UNLIKELY(rest < 0)) {
        return false;
    }
    return p->proto == INSP_PROTO_TCP   ? insp_plain_tcp(p, &c, (size_t) rest)
           : p->proto == INSP_PROTO_UDP ? insp_plain_udp(p, &c, (size_t) rest)
                                        : false;
}

#endif /* packet/plain.h */
