/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Each link type that is read has a header of fixed size, from which an
 * Ethernet header is made; that is written over the end of what stands before
 * the network header, where there is always room: the old header itself and
 * PROBE_HEADROOM.
 *
 * The numbers are those of https://www.tcpdump.org/linktypes.html. */

#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "packet.h"
#include "packet/eth.h"

#define ETH_SIZE 14

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,     /* What DLT_RAW is on most systems... */
    LINK_RAW_OPENBSD = 14, /* ... and on this one, in old files. */
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

static const struct link {
    uint32_t number;
    bool is_read;
    uint8_t header_size;
    const char *name;
} links[] = {
    { LINK_ETHERNET, true, ETH_SIZE, "Ethernet" },
    { LINK_SLL, true, 16, "Linux cooked" },
    { LINK_SLL2, true, 20, "Linux cooked v2" },
    { LINK_RAW, true, 0, "raw IP" },
    { LINK_RAW_BSD, true, 0, "raw IP" },
    { LINK_RAW_OPENBSD, true, 0, "raw IP" },
    { LINK_IPV4, true, 0, "raw IPv4" },
    { LINK_IPV6, true, 0, "raw IPv6" },
    { LINK_NULL, true, 4, "BSD loopback" },
    { LINK_LOOP, true, 4, "OpenBSD loopback" },

    { 6, false, 0, "IEEE 802.5 Token Ring" },
    { 8, false, 0, "SLIP" },
    { 9, false, 0, "PPP" },
    { 10, false, 0, "FDDI" },
    { 50, false, 0, "PPP in HDLC framing" },
    { 51, false, 0, "PPPoE" },
    { 100, false, 0, "LLC on ATM" },
    { 104, false, 0, "Cisco HDLC" },
    { 105, false, 0, "IEEE 802.11" },
    { 107, false, 0, "Frame Relay" },
    { 117, false, 0, "OpenBSD pflog" },
    { 119, false, 0, "IEEE 802.11 with a Prism header" },
    { 127, false, 0, "IEEE 802.11 with a radiotap header" },
    { 147, false, 0, "reserved for private use" },
    { 163, false, 0, "IEEE 802.11 with an AVS header" },
    { 187, false, 0, "Bluetooth HCI" },
    { 189, false, 0, "USB" },
    { 195, false, 0, "IEEE 802.15.4" },
    { 201, false, 0, "Bluetooth HCI" },
    { 220, false, 0, "USB" },
    { 227, false, 0, "CAN" },
    { 239, false, 0, "Linux netfilter log" },
    { 240, false, 0, "Hilscher netANALYZER" },
    { 242, false, 0, "IP over InfiniBand" },
    { 247, false, 0, "InfiniBand" },
    { 249, false, 0, "USB" },
    { 252, false, 0, "Wireshark upper PDU" },
    { 253, false, 0, "Linux netlink" },
};

static const struct link *
find(uint32_t number)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(links); i++) {
        if (links[i].number == number) {
            return &links[i];
        }
    }
    return NULL;
}

bool
probe_link_is_read(uint32_t number)
{
    const struct link *link = find(number);

    return link && link->is_read;
}

const char *
probe_link_name(uint32_t number, char *buffer, size_t size)
{
    const struct link *link = find(number);

    if (link) {
        snprintf(buffer, size, "link type %u (%s)", number, link->name);
    } else {
        snprintf(buffer, size, "link type %u", number);
    }
    return buffer;
}

static void
put_type(uint8_t *eth, uint16_t type)
{
    eth[12] = (uint8_t) (type >> 8);
    eth[13] = (uint8_t) type;
}

/* What is known of the addresses of a cooked packet: who has sent it, and
 * whether it was for one or for many. */
static void
put_cooked(uint8_t *eth, uint16_t type, unsigned int packet_type,
           unsigned int address_size, const uint8_t *address)
{
    enum {
        BROADCAST = 1,
        MULTICAST = 2
    };

    if (packet_type == BROADCAST) {
        memset(eth, 0xff, 6);
    } else if (packet_type == MULTICAST) {
        eth[0] = 1;
    }
    if (address_size == 6) {
        memcpy(eth + 6, address, 6);
    }
    put_type(eth, type);
}

/* AF_INET is 2 everywhere; what AF_INET6 is says which system has captured.
 * The number is in the byte order of that one. */
static uint16_t
type_of_family(const uint8_t *header)
{
    uint32_t family = insp_be32(header);

    if (family > UINT16_MAX) {
        family = __builtin_bswap32(family);
    }
    switch (family) {
    case 2: return INSP_ETHERTYPE_IPV4;
    case 10: /* Linux. */
    case 24: /* NetBSD, OpenBSD. */
    case 28: /* FreeBSD. */
    case 30: /* macOS. */ return INSP_ETHERTYPE_IPV6;
    }
    return 0;
}

static uint16_t
type_of_version(const struct probe_packet *packet)
{
    switch (packet->size ? packet->bytes[0] >> 4 : 0) {
    case 4: return INSP_ETHERTYPE_IPV4;
    case 6: return INSP_ETHERTYPE_IPV6;
    }
    return 0;
}

bool
probe_packet_to_ethernet(struct probe_packet *packet)
{
    const struct link *link;
    uint8_t eth[ETH_SIZE] = { 0 };
    const uint8_t *header = packet->bytes;

    if (INSP_LIKELY(packet->link == LINK_ETHERNET)) {
        return true;
    }
    link = find(packet->link);
    if (!link || !link->is_read) {
        return false;
    }
    packet->wire_size =
        ETH_SIZE +
        (packet->wire_size - INSP_MIN(packet->wire_size, link->header_size));
    if (packet->size < link->header_size) {
        packet->size = 0; /* Nothing is known of it. */
        return true;
    }
    switch (packet->link) {
    case LINK_SLL:
        put_cooked(eth, insp_be16(header + 14), insp_be16(header),
                   insp_be16(header + 4), header + 6);
        break;
    case LINK_SLL2:
        put_cooked(eth, insp_be16(header), header[10], header[11],
                   header + 12);
        break;
    case LINK_NULL:
    case LINK_LOOP: put_type(eth, type_of_family(header)); break;
    case LINK_IPV4: put_type(eth, INSP_ETHERTYPE_IPV4); break;
    case LINK_IPV6: put_type(eth, INSP_ETHERTYPE_IPV6); break;
    default: put_type(eth, type_of_version(packet)); break;
    }
    packet->bytes += link->header_size;
    packet->bytes -= ETH_SIZE;
    packet->size += ETH_SIZE;
    packet->size -= link->header_size;
    memcpy(packet->bytes, eth, sizeof eth);
    return true;
}
