/* Plain
 * =====
 *
 * The packet that nearly all are: TCP without SYN, FIN or RST, or UDP, in IPv4
 * without options, no fragment, whole as far as its headers go, with at most
 * one VLAN tag.  Of such a packet only what an established connection asks
 * for is read; any other goes through packet/packet.h.
 *
 * Above:    flow/plain.c, engine/worker.c.
 * Below:    base/cursor.h, packet/eth.h.
 * Threads:  no state.
 * Memory:   plain values.
 * Time:     bounded; no loop.
 * Fails:    by false: not plain.  What is plain is INSP_PACKET_OK to
 *           insp_packet_parse(), with the same fields.
 *
 * RFC 791, 768, 9293; IEEE 802.1Q.
 */

#ifndef INSP_PACKET_PLAIN_H
#define INSP_PACKET_PLAIN_H 1

#include <string.h>

#include "base/cursor.h"
#include "packet/eth.h"
#include "packet/packet.h"

struct insp_plain {
    uint32_t src;               /* As on the wire. */
    uint32_t dst;
    uint16_t src_port;          /* In host order, as all that follows. */
    uint16_t dst_port;
    uint32_t tcp_seq;           /* UDP: 0. */
    uint32_t payload_size;
    uint8_t tcp_flags;          /* UDP: 0. */
    uint8_t proto;
};

/* TCP with 'left' bytes from its header to the end of the datagram, of which
 * 'c' has what was captured. */
static INSP_ALWAYS_INLINE bool
insp_plain_tcp(struct insp_plain *p, struct insp_cursor *c, size_t left)
{
    const uint8_t *tcp = insp_cursor_take(c, 20);
    size_t header_size;

    if (INSP_UNLIKELY(!tcp || tcp[13] & (INSP_TCP_SYN | INSP_TCP_FIN |
                                         INSP_TCP_RST))) {
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

/* Reads a packet of which 'size' of 'wire_size' bytes are at 'frame'; on false
 * what is in '*p' means nothing. */
static INSP_ALWAYS_INLINE bool
insp_plain_read(struct insp_plain *p, const void *frame, size_t size,
                size_t wire_size)
{
    struct insp_cursor c = insp_cursor(frame, size);
    const uint8_t *eth = insp_cursor_take(&c, 14 + 20);
    const uint8_t *ip = eth + 14;
    size_t left, total_size;

    if (INSP_UNLIKELY(!eth)) {
        return false;
    }
    left = INSP_MAX(size, wire_size) - 14;
    if (INSP_UNLIKELY(insp_be16(eth + 12) != INSP_ETHERTYPE_IPV4)) {
        if (insp_be16(eth + 12) != INSP_ETHERTYPE_VLAN ||
            insp_be16(eth + 16) != INSP_ETHERTYPE_IPV4 ||
            !insp_cursor_skip(&c, 4)) {
            return false;
        }
        ip += 4;
        left -= 4;
    }
    total_size = insp_be16(ip + 2);
    if (INSP_UNLIKELY(ip[0] != 0x45 || total_size < 20 || total_size > left ||
                      insp_be16(ip + 6) & 0x3fff)) {
        return false;
    }
    left = total_size - 20;
    insp_cursor_limit(&c, left);
    memcpy(&p->src, ip + 12, sizeof p->src);
    memcpy(&p->dst, ip + 16, sizeof p->dst);
    p->proto = ip[9];
    return p->proto == INSP_PROTO_TCP   ? insp_plain_tcp(p, &c, left)
           : p->proto == INSP_PROTO_UDP ? insp_plain_udp(p, &c, left)
                                        : false;
}

#endif /* packet/plain.h */
