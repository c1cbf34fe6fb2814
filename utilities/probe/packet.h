/* SPDX-License-Identifier: Apache-2.0 */
/* Packet
 * ======
 *
 * A packet of a capture, on its way from who reads it to the inspector, and
 * what is made of it when it has no Ethernet header.
 *
 * Above:    main.c, file.c, live.c.   Below:  base/compiler.h.
 * Threads:  one.
 * Memory:   the bytes belong to who has read them.
 * Time:     nanoseconds since 1970, as captured.
 * Fails:    by false: a link type that is not read.
 */

#ifndef PROBE_PACKET_H
#define PROBE_PACKET_H 1

#include "base/compiler.h"

/* That many bytes in front of every packet are free to be written to. */
#define PROBE_HEADROOM 16

/* No capture has larger packets, as no reader of captures takes them. */
#define PROBE_PACKET_MAX 262144

struct probe_packet {
    uint8_t *bytes; /* 'size' of 'wire_size'. */
    uint32_t size;
    uint32_t wire_size;
    uint32_t link; /* LINKTYPE_*, as capture files number it. */
    uint64_t time_ns;
};

/* Nothing that is sent is longer: such a length is damaged. */
#define PROBE_WIRE_MAX 0x3fffffff

/* 'wire_size' as a capture has it, whatever that is. */
static inline void
probe_packet_set_wire_size(struct probe_packet *packet, uint32_t wire_size)
{
    packet->wire_size =
        INSP_MIN(INSP_MAX(wire_size, packet->size), PROBE_WIRE_MAX);
}

/* Cuts the packet as if no more than 'n' bytes of it had been captured. */
static inline void
probe_packet_cut(struct probe_packet *packet, uint32_t n)
{
    packet->size = INSP_MIN(packet->size, n);
}

bool probe_link_is_read(uint32_t link);

/* "Ethernet"; "link type 147" for one without a name here. */
const char *probe_link_name(uint32_t link, char *buffer, size_t size);

/* Puts an Ethernet header in the place of what the packet has instead of it.
 * False: its link type is not read.
 *
 * How bytes are counted: an Ethernet frame as it was on the wire, without what
 * adapters strip (preamble, checksum).  Any other packet as the frame that it
 * would have been: 14 bytes and all from the network header on.  So the same
 * traffic counts the same, whether it was captured on an interface, on "any"
 * or in a tunnel. */
bool probe_packet_to_ethernet(struct probe_packet *);

#endif /* probe/packet.h */
