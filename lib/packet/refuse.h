/* SPDX-License-Identifier: Apache-2.0 */
/* Refuse
 * ======
 *
 * Frames that tell the ends of a refused connection that it is over.
 *
 *     TCP   RST to the source, as if the destination had sent it, and RST to
 *           the destination, as if the source had: with the sequence numbers
 *           that each accepts (RFC 9293, section 3.10.7; RFC 5961)
 *     else  ICMP destination unreachable, port unreachable (RFC 792), or
 *           ICMPv6 the same (RFC 4443), to the source only
 *
 * Nothing answers a RST, an ICMP error, a fragment other than the first, a
 * group address, or a source address that is none (RFC 1122, section 3.2.2;
 * RFC 4443, section 2.4).
 *
 * Above:    ovs-ext/action-run.c.  Below:  packet/packet.h, base/put.h.
 * Threads:  no state.
 * Memory:   the caller's buffer.
 * Time:     none.
 * Fails:    returns 0 when nothing may be sent.
 */

#ifndef INSP_PACKET_REFUSE_H
#define INSP_PACKET_REFUSE_H 1

#include "packet/packet.h"

#define INSP_REFUSE_MAX 128 /* Bytes that a frame takes at most. */

enum insp_refuse_to {
    INSP_REFUSE_TO_SOURCE,
    INSP_REFUSE_TO_DESTINATION, /* TCP that has begun only: a SYN has not
                                 * reached it. */
};

/* Fills 'out' with the frame, without FCS, and returns its size.  The frame
 * to the destination has the Ethernet header and VLAN tags of 'frame'; the
 * one to the source has no VLAN tag, its MAC addresses are those of 'frame'
 * exchanged.  'frame' must be whole: no more is known of its size than what
 * its IP header says. */
size_t insp_refuse(const struct insp_packet *, const void *frame,
                   enum insp_refuse_to, uint8_t out[INSP_REFUSE_MAX]);

#endif /* packet/refuse.h */
