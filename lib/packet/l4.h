/* SPDX-License-Identifier: Apache-2.0 */
/* L4
 * ==
 *
 * The transport headers: TCP, UDP, SCTP, ICMP, ICMPv6.  Any other protocol
 * has no ports and is all payload.
 *
 * Above:    packet/packet.c.       Below:  base/cursor.h, packet/packet.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded.
 * Fails:    L4_TRUNCATED, L4_MALFORMED.
 *
 * RFC 9293, 768, 9260, 792, 4443.
 */

#ifndef INSP_PACKET_L4_H
#define INSP_PACKET_L4_H 1

#include "base/cursor.h"
#include "packet/packet.h"

/* Where the payload begins, and how many of the 'left' bytes it has. */
static inline enum insp_packet_fact
insp_l4_payload(struct insp_packet *p, size_t header_size, size_t left)
{
    p->payload_ofs = (uint16_t) (p->l4_ofs + header_size);
    p->payload_size = (uint32_t) (left - header_size);
    return INSP_PACKET_OK;
}

static inline void
insp_l4_ports(struct insp_packet *p, const uint8_t *h)
{
    p->src_port = insp_be16(h);
    p->dst_port = insp_be16(h + 2);
}

/* The header is not all there.  Ports stand in front, so that a fragment that
 * is as small as can be still has them (RFC 1858); one without is possible in
 * IPv6 (RFC 7112). */
static INSP_NOINLINE enum insp_packet_fact
insp_l4_cut(struct insp_packet *p, struct insp_cursor c, bool has_ports)
{
    const uint8_t *ports = has_ports ? insp_cursor_take(&c, 4) : NULL;

    if (ports) {
        insp_l4_ports(p, ports);
    } else {
        p->is_hidden = p->is_fragment;
    }
    return INSP_PACKET_L4_TRUNCATED;
}

static inline enum insp_packet_fact
insp_tcp_parse(struct insp_packet *p, struct insp_cursor *c, size_t left)
{
    struct insp_cursor start = *c;
    const uint8_t *tcp = insp_cursor_take(c, 20);
    size_t header_size;

    if (INSP_UNLIKELY(!tcp)) {
        return insp_l4_cut(p, start, true);
    }
    insp_l4_ports(p, tcp);
    p->tcp_seq = insp_be32(tcp + 4);
    p->tcp_ack = insp_be32(tcp + 8);
    p->tcp_flags = tcp[13];
    p->tcp_window = insp_be16(tcp + 14);

    header_size = (size_t) (tcp[12] >> 4) * 4;
    if (INSP_UNLIKELY(header_size < 20)) {
        return INSP_PACKET_L4_MALFORMED;
    }
    if (INSP_UNLIKELY(!insp_cursor_skip(c, header_size - 20))) {
        /* The rest was not captured, or is in the next fragment, or cannot
         * be. */
        return header_size <= left || p->is_fragment
                   ? INSP_PACKET_L4_TRUNCATED
                   : INSP_PACKET_L4_MALFORMED;
    }
    return insp_l4_payload(p, header_size, left);
}

static inline enum insp_packet_fact
insp_udp_parse(struct insp_packet *p, struct insp_cursor *c, size_t left)
{
    struct insp_cursor start = *c;
    const uint8_t *udp = insp_cursor_take(c, 8);
    size_t size;

    if (INSP_UNLIKELY(!udp)) {
        return insp_l4_cut(p, start, true);
    }
    insp_l4_ports(p, udp);
    size = insp_be16(udp + 4);
    if (INSP_UNLIKELY(!size && p->ip_version == 6)) {
        size = left; /* A jumbogram (RFC 2675). */
    }
    if (INSP_UNLIKELY(p->is_fragment)) {
        size = INSP_MIN(size, left); /* Of all fragments together. */
    }
    if (INSP_UNLIKELY(size < 8 || size > left)) {
        return INSP_PACKET_L4_MALFORMED;
    }
    return insp_l4_payload(p, 8, size);
}

static inline enum insp_packet_fact
insp_sctp_parse(struct insp_packet *p, struct insp_cursor *c, size_t left)
{
    struct insp_cursor start = *c;
    const uint8_t *sctp = insp_cursor_take(c, 12);

    if (INSP_UNLIKELY(!sctp)) {
        return insp_l4_cut(p, start, true);
    }
    insp_l4_ports(p, sctp);
    return insp_l4_payload(p, 12, left);
}

/* Both versions: every message that was ever defined has eight bytes. */
static inline enum insp_packet_fact
insp_icmp_parse(struct insp_packet *p, struct insp_cursor *c, size_t left)
{
    struct insp_cursor start = *c;
    const uint8_t *icmp = insp_cursor_take(c, 8);

    if (INSP_UNLIKELY(!icmp)) {
        return insp_l4_cut(p, start, false);
    }
    p->icmp_type = icmp[0];
    p->icmp_code = icmp[1];
    if (insp_icmp_has_id(p->proto, p->icmp_type)) {
        p->icmp_id = insp_be16(icmp + 4);
    }
    return insp_l4_payload(p, 8, left);
}

/* 'c' stands at the header that 'p->proto' names and ends with the datagram;
 * 'left' bytes of the datagram were on the wire from there on. */
static inline enum insp_packet_fact
insp_l4_parse(struct insp_packet *p, struct insp_cursor *c, size_t left)
{
    switch (p->proto) {
    case INSP_PROTO_TCP: return insp_tcp_parse(p, c, left);
    case INSP_PROTO_UDP: return insp_udp_parse(p, c, left);
    case INSP_PROTO_SCTP: return insp_sctp_parse(p, c, left);
    case INSP_PROTO_ICMP:
    case INSP_PROTO_ICMPV6: return insp_icmp_parse(p, c, left);
    default: return insp_l4_payload(p, 0, left);
    }
}

#endif /* packet/l4.h */
