/* SPDX-License-Identifier: Apache-2.0 */
/* Packet
 * ======
 *
 * Reads a frame from Ethernet up to the transport header: 802.1Q and 802.1ad
 * tags, ARP, IPv4 with options, IPv6 with extension headers, fragments, TCP,
 * UDP, SCTP, ICMP, ICMPv6, and any other IP protocol by number.
 *
 * Above:    flow/, engine/worker.c.    Below:  base/cursor.h, packet.def.
 * Threads:  no state; any thread.
 * Memory:   none; addresses are borrowed from the frame.
 * Time:     bounded: two tags, eight extension headers.
 * Fails:    never: what is odd is an enum insp_packet_fact.
 *
 * RFC 791, 8200, 9293, 768, 9260, 792, 4443; IEEE 802.1Q.
 */

#ifndef INSP_PACKET_PACKET_H
#define INSP_PACKET_PACKET_H 1

#include "base/compiler.h"

enum insp_packet_fact {
#define INSP_PACKET_FACT(NAME, WORD, TEXT) INSP_PACKET_##NAME,
#include "packet/packet.def"
#undef INSP_PACKET_FACT
    INSP_N_PACKET_FACTS
};

/* "ok", "arp", ... */
const char *insp_packet_fact_word(enum insp_packet_fact);

enum {
    INSP_PROTO_ICMP = 1,
    INSP_PROTO_TCP = 6,
    INSP_PROTO_UDP = 17,
    INSP_PROTO_GRE = 47,
    INSP_PROTO_ICMPV6 = 58,
    INSP_PROTO_SCTP = 132,
};

enum insp_tcp_flag { /* As on the wire. */
    INSP_TCP_FIN = 0x01,
    INSP_TCP_SYN = 0x02,
    INSP_TCP_RST = 0x04,
    INSP_TCP_PSH = 0x08,
    INSP_TCP_ACK = 0x10,
    INSP_TCP_URG = 0x20,
    INSP_TCP_ECE = 0x40,
    INSP_TCP_CWR = 0x80,
};

/* Everything is in host order except addresses, which stand in the frame.
 * Offsets are from the start of the frame.  What the fact says was not
 * reached is zero (NULL for addresses). */
struct insp_packet {
    const uint8_t *src; /* 4 or 16 bytes, by 'ip_version'. */
    const uint8_t *dst;
    uint16_t ethertype; /* Behind the VLAN tags. */
    uint16_t vlan[2];   /* VLAN ids, outer first; priority tags have
                         * none. */
    uint8_t n_vlans;
    uint8_t ip_version; /* 4, 6, or 0: not IP. */
    uint8_t proto;      /* Behind IPv6 extension headers. */
    uint8_t ttl;        /* IPv4 TTL or IPv6 hop limit. */

    bool is_fragment; /* Of any kind, the first included. */
    bool is_hidden;   /* It goes deeper than is looked, or its
                       * transport header is in a later fragment:
                       * to its receiver it may be anything. */
    bool group;       /* Destination MAC is broadcast or multicast. */
    uint32_t frag_id; /* IPv4 identification, IPv6 fragment id. */

    uint16_t l3_ofs;
    uint16_t l4_ofs;
    uint16_t payload_ofs;  /* Behind the transport header. */
    uint32_t payload_size; /* By the IP lengths, so padding is not in
                            * it; may exceed what was captured. */

    uint16_t src_port; /* TCP, UDP, SCTP. */
    uint16_t dst_port;
    uint32_t tcp_seq;
    uint32_t tcp_ack;
    uint16_t tcp_window;
    uint8_t tcp_flags;
    uint8_t icmp_type; /* ICMP and ICMPv6. */
    uint8_t icmp_code;
    uint16_t icmp_id; /* Of echo and the like; else 0. */
};

/* True for the queries of ICMP and ICMPv6 and their replies, which carry an
 * identifier: echo, timestamp, information, address mask (RFC 792, 950),
 * echo (RFC 4443), extended echo (RFC 8335). */
static inline bool
insp_icmp_has_id(uint8_t proto, uint8_t type)
{
    return proto == INSP_PROTO_ICMP
               ? type == 0 || type == 8 || (type >= 13 && type <= 18) ||
                     type == 42 || type == 43
               : type == 128 || type == 129 || type == 160 || type == 161;
}

/* The type of the query that such a message is or answers; 0: neither. */
static inline uint8_t
insp_icmp_query(uint8_t proto, uint8_t type)
{
    if (!insp_icmp_has_id(proto, type)) {
        return 0;
    }
    return type == 0                 ? 8
           : type > 12 && type <= 18 ? (uint8_t) ((type - 1) | 1)
                                     : type & 0xfe;
}

/* The type of what goes the other way: of what answers a query, or of the
 * query that it answers; of anything else its own. */
static inline uint8_t
insp_icmp_reverse(uint8_t proto, uint8_t type)
{
    uint8_t query = insp_icmp_query(proto, type);

    return !query          ? type
           : type != query ? query
           : query == 8    ? 0
                           : (uint8_t) (query + 1);
}

/* Parses the 'size' bytes at 'frame', all of a packet that was 'wire_size'
 * bytes long (size < wire_size: a truncated capture). */
enum insp_packet_fact insp_packet_parse(struct insp_packet *,
                                        const void *frame, size_t size,
                                        size_t wire_size);

#endif /* packet/packet.h */
