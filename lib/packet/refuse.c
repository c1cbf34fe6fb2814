/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A frame is written front to back with a bounded cursor, its checksums last,
 * over what has been written.
 *
 *     to the source        MACs exchanged | IP, addresses exchanged | RST
 *                                                                   | ICMP
 *     to the destination   MACs, tags     | IP                      | RST
 *
 * Sequence numbers.  The end that gets a RST believes it only at exactly the
 * next number that it expects (RFC 5961, section 3.2).  The source has said
 * that number itself, as its acknowledgement; when it has said none, it waits
 * for a SYN with ACK and believes a RST that acknowledges all that it has
 * sent.  The destination expects the refused segment, which it never gets: so
 * its sequence number is the one.  That one has an ACK if the segment had
 * one, for a destination that is in SYN-SENT itself.
 *
 * The headers are new ones, not copies, so that nothing of the packet's
 * sender steers them: no options, no extension headers; TTL 64, for the host
 * that is pretended would begin with that (IANA's recommended default); DSCP
 * 0, for a refusal is no part of a class that was paid for; an id of 0 with
 * "don't fragment", for such a packet is atomic and its id means nothing (RFC
 * 6864, section 4.1); window 0, for there is none.  ICMP comes from the
 * address that could not be reached, because the switch has none.
 *
 * An ICMP error quotes the packet from its IP header on, as far as it goes
 * and there is room, which is for more than its header and eight bytes (RFC
 * 792) whatever its options.  That needs the whole frame, which a switch has.
 * Of ICMP only queries and replies are answered: everything else is an error,
 * serves the network itself, or is unknown and might be either.
 */

#include "packet/refuse.h"

#include <string.h>

#include "base/cursor.h"
#include "base/put.h"
#include "packet/eth.h"
#include "packet/ext.h"

enum {
    IP4_SIZE = 20,
    IP6_SIZE = 40,
    TCP_SIZE = 20,
    TTL = 64,
    ICMP4_UNREACHABLE = 3,
    ICMP4_PORT = 3,
    ICMP6_UNREACHABLE = 1,
    ICMP6_PORT = 4,
};

/* The longest ICMP header is that of IPv6 with an 8-byte ICMPv6 one; the
 * longest thing that must be quoted is an IPv4 header and eight bytes. */
_Static_assert(14 + IP4_SIZE + 8 + 60 + 8 <= INSP_REFUSE_MAX, "a quotation");
_Static_assert(14 + IP6_SIZE + 8 + IP6_SIZE + 8 <= INSP_REFUSE_MAX,
               "a quotation");
_Static_assert(14 + 4 * INSP_ETH_MAX_TAGS + 8 + IP6_SIZE + TCP_SIZE <=
                   INSP_REFUSE_MAX,
               "a RST");

/* ------------------------------------------------------------------------ */
/* Whether. */

/* One host, by RFC 1122, section 3.2.1.3, and RFC 4291, section 2. */
static bool
is_host(const uint8_t *address, uint8_t ip_version)
{
    static const uint8_t zeros[15];

    if (ip_version == 4) {
        return address[0] && address[0] != 127 && address[0] < 224;
    }
    /* Neither none, nor the loopback address, nor a group. */
    return address[0] != 0xff &&
           (memcmp(address, zeros, sizeof zeros) || address[15] > 1);
}

static bool
is_later_fragment(const struct insp_packet *packet, const uint8_t *frame)
{
    const uint8_t *ip = frame + packet->l3_ofs;
    struct insp_packet walk = { .ip_version = 6 };
    size_t size;

    if (!packet->is_fragment) {
        return false;
    }
    if (packet->ip_version == 4) {
        return insp_be16(ip + 6) & 0x1fff;
    }
    walk.proto = ip[6];
    return insp_ext_skip(&walk,
                         insp_cursor(ip + IP6_SIZE, packet->l4_ofs -
                                                        packet->l3_ofs -
                                                        (size_t) IP6_SIZE),
                         &size) == INSP_PACKET_FRAGMENT;
}

static bool
may_answer(const struct insp_packet *packet, const uint8_t *frame)
{
    /* Neither end may be a group, by neither of its addresses. */
    return packet->ip_version && packet->payload_ofs && !packet->group &&
           !(frame[6] & 1) && is_host(packet->src, packet->ip_version) &&
           is_host(packet->dst, packet->ip_version) &&
           !is_later_fragment(packet, frame);
}

static bool
is_icmp(const struct insp_packet *packet)
{
    return packet->proto == INSP_PROTO_ICMP ||
           packet->proto == INSP_PROTO_ICMPV6;
}

/* ------------------------------------------------------------------------ */
/* How. */

/* Sums words of 16 bits (RFC 1071); 'bytes' begin at an even place. */
static uint32_t
sum_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (; size >= 2; bytes += 2, size -= 2) {
        sum += insp_be16(bytes);
    }
    return size ? sum + (uint32_t) (bytes[0] << 8) : sum;
}

static void
put_checksum(uint8_t *to, uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    to[0] = (uint8_t) (~sum >> 8);
    to[1] = (uint8_t) ~sum;
}

/* Of a transport header with payload, behind addresses and a protocol. */
static void
put_l4_checksum(uint8_t *to, const uint8_t *l4, size_t size,
                const uint8_t *addresses, size_t addresses_size, uint8_t proto)
{
    uint32_t sum =
        sum_words(proto + (uint32_t) size, addresses, addresses_size);

    put_checksum(to, sum_words(sum, l4, size));
}

static void
put_eth(struct insp_put *p, const struct insp_packet *packet,
        const uint8_t *frame, enum insp_refuse_to to)
{
    if (to == INSP_REFUSE_TO_DESTINATION) {
        insp_put_bytes(p, frame, packet->l3_ofs);
    } else {
        insp_put_bytes(p, frame + 6, 6);
        insp_put_bytes(p, frame, 6);
        insp_put_be16(p, packet->ethertype);
    }
}

/* Returns where the addresses stand. */
static const uint8_t *
put_ip(struct insp_put *p, const struct insp_packet *packet, uint8_t proto,
       size_t size, enum insp_refuse_to to)
{
    uint8_t *ip = p->at;
    bool is_back = to == INSP_REFUSE_TO_SOURCE;
    size_t n = packet->ip_version == 4 ? 4 : 16;

    if (packet->ip_version == 4) {
        insp_put_be16(p, 0x4500);
        insp_put_be16(p, (uint16_t) (IP4_SIZE + size));
        insp_put_be32(p, 0x4000);
        insp_put_u8(p, TTL);
        insp_put_u8(p, proto);
        insp_put_be16(p, 0);
    } else {
        insp_put_be32(p, 0x60000000);
        insp_put_be16(p, (uint16_t) size);
        insp_put_u8(p, proto);
        insp_put_u8(p, TTL);
    }
    insp_put_bytes(p, is_back ? packet->dst : packet->src, n);
    insp_put_bytes(p, is_back ? packet->src : packet->dst, n);
    if (packet->ip_version == 4) {
        put_checksum(ip + 10, sum_words(0, ip, IP4_SIZE));
    }
    return p->at - 2 * n;
}

/* What a RST says so that its receiver believes it. */
struct reset {
    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
};

static struct reset
reset_of(const struct insp_packet *packet, enum insp_refuse_to to)
{
    uint8_t flags = packet->tcp_flags;

    if (to == INSP_REFUSE_TO_DESTINATION) {
        return flags & INSP_TCP_ACK
                   ? (struct reset){ packet->tcp_seq, packet->tcp_ack,
                                     INSP_TCP_RST | INSP_TCP_ACK }
                   : (struct reset){ packet->tcp_seq, 0, INSP_TCP_RST };
    }
    return flags & INSP_TCP_ACK
               ? (struct reset){ packet->tcp_ack, 0, INSP_TCP_RST }
               : (struct reset){ 0,
                                 packet->tcp_seq + packet->payload_size +
                                     !!(flags & INSP_TCP_SYN) +
                                     !!(flags & INSP_TCP_FIN),
                                 INSP_TCP_RST | INSP_TCP_ACK };
}

static size_t
refuse_tcp(const struct insp_packet *packet, const uint8_t *frame,
           enum insp_refuse_to to, uint8_t *out)
{
    struct insp_put p = insp_put(out, INSP_REFUSE_MAX);
    struct reset reset = reset_of(packet, to);
    bool is_back = to == INSP_REFUSE_TO_SOURCE;
    size_t addresses_size = packet->ip_version == 4 ? 8 : 32;
    const uint8_t *addresses;
    uint8_t *tcp;

    put_eth(&p, packet, frame, to);
    addresses = put_ip(&p, packet, INSP_PROTO_TCP, TCP_SIZE, to);
    tcp = p.at;
    insp_put_be16(&p, is_back ? packet->dst_port : packet->src_port);
    insp_put_be16(&p, is_back ? packet->src_port : packet->dst_port);
    insp_put_be32(&p, reset.seq);
    insp_put_be32(&p, reset.ack);
    insp_put_u8(&p, TCP_SIZE / 4 << 4);
    insp_put_u8(&p, reset.flags);
    insp_put_be16(&p, 0); /* Window, ... */
    insp_put_be32(&p, 0); /* ... checksum, urgent pointer. */
    put_l4_checksum(tcp + 16, tcp, TCP_SIZE, addresses, addresses_size,
                    INSP_PROTO_TCP);
    return insp_put_size(&p);
}

static size_t
refuse_other(const struct insp_packet *packet, const uint8_t *frame,
             uint8_t *out)
{
    struct insp_put p = insp_put(out, INSP_REFUSE_MAX);
    bool is_ip4 = packet->ip_version == 4;
    size_t room = INSP_REFUSE_MAX - 14u - (is_ip4 ? IP4_SIZE : IP6_SIZE) - 8u;
    size_t quoted =
        (size_t) packet->payload_ofs - packet->l3_ofs + packet->payload_size;
    const uint8_t *addresses;
    uint8_t proto = is_ip4 ? INSP_PROTO_ICMP : INSP_PROTO_ICMPV6;
    uint8_t *icmp;

    quoted = INSP_MIN(quoted, room);
    put_eth(&p, packet, frame, INSP_REFUSE_TO_SOURCE);
    addresses = put_ip(&p, packet, proto, 8 + quoted, INSP_REFUSE_TO_SOURCE);
    icmp = p.at;
    insp_put_u8(&p, is_ip4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE);
    insp_put_u8(&p, is_ip4 ? ICMP4_PORT : ICMP6_PORT);
    insp_put_be16(&p, 0); /* Checksum. */
    insp_put_be32(&p, 0);
    insp_put_bytes(&p, frame + packet->l3_ofs, quoted);
    if (is_ip4) {
        put_checksum(icmp + 2, sum_words(0, icmp, 8 + quoted));
    } else {
        put_l4_checksum(icmp + 2, icmp, 8 + quoted, addresses, 32, proto);
    }
    return insp_put_size(&p);
}

size_t
insp_refuse(const struct insp_packet *packet, const void *frame,
            enum insp_refuse_to to, uint8_t out[INSP_REFUSE_MAX])
{
    if (!may_answer(packet, frame)) {
        return 0;
    }
    if (packet->proto == INSP_PROTO_TCP) {
        uint8_t flags = packet->tcp_flags;

        if (flags & INSP_TCP_RST ||
            (to == INSP_REFUSE_TO_DESTINATION &&
             (flags & (INSP_TCP_SYN | INSP_TCP_ACK)) == INSP_TCP_SYN)) {
            return 0;
        }
        return refuse_tcp(packet, frame, to, out);
    }
    if (to == INSP_REFUSE_TO_DESTINATION ||
        (is_icmp(packet) &&
         !insp_icmp_has_id(packet->proto, packet->icmp_type))) {
        return 0;
    }
    return refuse_other(packet, frame, out);
}
