/* SPDX-License-Identifier: Apache-2.0 */
/* Ext
 * ===
 *
 * Follows the chain of IPv6 extension headers, and the authentication header
 * of IPv4, to the protocol behind it.
 *
 * Above:    packet/ip4.h, packet/ip6.h.    Below:  base/cursor.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     bounded: eight headers.
 * Fails:    IP_TRUNCATED, EXT_DEPTH; FRAGMENT ends the chain.
 *
 * RFC 8200, 4302, 6946.
 */

#ifndef INSP_PACKET_EXT_H
#define INSP_PACKET_EXT_H 1

#include "base/cursor.h"
#include "packet/packet.h"

enum {
    INSP_EXT_MAX = 8,

    INSP_EXT_HOP_BY_HOP = 0,
    INSP_EXT_ROUTING = 43,
    INSP_EXT_FRAGMENT = 44,
    INSP_EXT_AH = 51,
    INSP_EXT_DESTINATION = 60,
};

/* True when 'proto' is a header that another protocol stands behind.  ESP
 * hides what follows and "no next header" has nothing, so both are protocols
 * in their own right; so is mobility, as for Open vSwitch. */
static inline bool
insp_ext_is(uint8_t proto, uint8_t ip_version)
{
    if (ip_version == 4) {
        return proto == INSP_EXT_AH;
    }
    return proto == INSP_EXT_HOP_BY_HOP || proto == INSP_EXT_ROUTING ||
           proto == INSP_EXT_FRAGMENT || proto == INSP_EXT_AH ||
           proto == INSP_EXT_DESTINATION;
}

/* Walks from the header that 'p->proto' names, at 'c', to the one behind the
 * last extension header, or behind the fragment header of a later fragment;
 * '*size' is how far that was.  (A cursor by value: one that the common path
 * had to keep in memory, for the sake of this call, would slow it down.) */
enum insp_packet_fact insp_ext_skip(struct insp_packet *, struct insp_cursor c,
                                    size_t *size);

#endif /* packet/ext.h */
