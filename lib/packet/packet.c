/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: one line from the frame to the payload, each parser taking
 * its header from the same cursor and leaving it at the next one.
 *
 *     eth [vlan [vlan]] -+- ip4 [options] [AH] -+- tcp | udp | sctp | icmp
 *                        +- ip6 [extensions] ---+- anything else
 *                        +- arp, non-ip
 *
 * Two lengths are kept apart all the way: what was captured bounds the
 * cursor, what was on the wire judges the length fields.  They differ only
 * for a truncated capture.  The network header moves the end of the cursor to
 * the end of the datagram, so nothing above it can read Ethernet's padding.
 *
 * The parsers are inline: an untagged TCP segment without options takes no
 * call and no taken branch but the dispatch on the protocol. */

#include "packet/packet.h"

#include "packet/eth.h"
#include "packet/ip4.h"
#include "packet/ip6.h"
#include "packet/l4.h"

enum insp_packet_fact
insp_packet_parse(struct insp_packet *p, const void *frame, size_t size,
                  size_t wire_size)
{
    struct insp_cursor c = insp_cursor(frame, size);
    enum insp_packet_fact fact;
    size_t left;

    *p = (struct insp_packet){ .src = NULL };
    fact = insp_eth_parse(p, &c);
    if (INSP_UNLIKELY(fact != INSP_PACKET_OK)) {
        return fact;
    }

    left = INSP_MAX(size, wire_size) - p->l3_ofs;
    if (INSP_LIKELY(p->ethertype == INSP_ETHERTYPE_IPV4)) {
        fact = insp_ip4_parse(p, &c, left, &left);
    } else if (p->ethertype == INSP_ETHERTYPE_IPV6) {
        fact = insp_ip6_parse(p, &c, left, &left);
    } else {
        return p->ethertype == INSP_ETHERTYPE_ARP ? INSP_PACKET_ARP
                                                  : INSP_PACKET_NON_IP;
    }

    if (INSP_LIKELY(fact == INSP_PACKET_OK)) {
        p->l4_ofs = (uint16_t) (c.at - (const uint8_t *) frame);
        return insp_l4_parse(p, &c, left);
    }
    if (fact == INSP_PACKET_FRAGMENT) {
        p->l4_ofs = (uint16_t) (c.at - (const uint8_t *) frame);
        insp_l4_payload(p, 0, left);
    }
    p->is_hidden = fact == INSP_PACKET_EXT_DEPTH ||
                   (fact == INSP_PACKET_IP_TRUNCATED && p->is_fragment);
    return fact;
}

const char *
insp_packet_fact_word(enum insp_packet_fact fact)
{
    static const char *const words[INSP_N_PACKET_FACTS] = {
#define INSP_PACKET_FACT(NAME, WORD, TEXT) [INSP_PACKET_##NAME] = WORD,
#include "packet/packet.def"
#undef INSP_PACKET_FACT
    };

    return (unsigned int) fact < INSP_N_PACKET_FACTS ? words[fact] : "?";
}
