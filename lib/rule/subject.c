/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: what a parsed packet says of itself, in the form that rules
 * look at.  Only what was read is taken: a frame that is too short for its
 * MACs has none, and what is neither IP nor ARP is something that no rule
 * matches.  ICMP has its type in the place of the destination's port, and in
 * that of the source's the type that goes the other way, so that the reverse
 * of an answer is the question.  ICMPv6 is neighbour discovery in IPv6 alone:
 * inside IPv4 it would be a way around every rule but one for nd.  What a
 * connection speaks, and with whom, is the same in both directions. */

#include "packet/eth.h"
#include "rule/policy.h"

#define ND_FIRST 133 /* RFC 4861, section 4. */
#define ND_LAST  137

void
insp_subject_init(struct insp_subject *s, const struct insp_packet *p,
                  const void *frame_, uint32_t in_port, uint32_t out_port)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    const uint8_t *frame = frame_;

    memset(s, 0, sizeof *s);
    s->kind = INSP_SUBJECT_OTHER;
    s->source.port_id = in_port;
    s->destination.port_id = out_port;
    if (!p->l3_ofs) {
        return;
    }
    memcpy(s->destination.mac, frame, sizeof s->destination.mac);
    memcpy(s->source.mac, frame + 6, sizeof s->source.mac);
    if (p->ip_version == 4) {
        memcpy(s->source.addr, mapped, sizeof mapped);
        memcpy(s->source.addr + 12, p->src, 4);
        memcpy(s->destination.addr, mapped, sizeof mapped);
        memcpy(s->destination.addr + 12, p->dst, 4);
    } else if (p->ip_version == 6) {
        memcpy(s->source.addr, p->src, 16);
        memcpy(s->destination.addr, p->dst, 16);
    } else {
        s->kind = p->ethertype == INSP_ETHERTYPE_ARP ? INSP_SUBJECT_ARP
                                                     : INSP_SUBJECT_OTHER;
        return;
    }
    s->kind = INSP_SUBJECT_IP;
    s->proto = p->proto;
    if (p->proto == INSP_PROTO_ICMP || p->proto == INSP_PROTO_ICMPV6) {
        s->source.l4_port = insp_icmp_reverse(p->proto, p->icmp_type);
        s->destination.l4_port = p->icmp_type;
        if (p->ip_version == 6 && p->proto == INSP_PROTO_ICMPV6 &&
            p->icmp_type >= ND_FIRST && p->icmp_type <= ND_LAST) {
            s->kind = INSP_SUBJECT_ND;
        }
    } else {
        s->source.l4_port = p->src_port;
        s->destination.l4_port = p->dst_port;
    }
}

void
insp_subject_reverse(const struct insp_subject *s,
                     struct insp_subject *reverse)
{
    struct insp_subject_end source = s->source;

    reverse->source = s->destination;
    reverse->destination = source;
    reverse->kind = s->kind;
    reverse->proto = s->proto;
    reverse->app = s->app;
    reverse->name = s->name;
}
