/* SPDX-License-Identifier: Apache-2.0 */
/* Specs
 * =====
 *
 * Whole IP packets from a list of what varies, for tests that send many of
 * them.  (frames.h builds single frames header by header.)
 *
 * Above:    tests/unit/.           Below:  base/put.h, packet/packet.h.
 * Threads:  no state.
 * Memory:   the caller's buffer.
 * Time:     none.
 * Fails:    never: the buffers are large enough.
 */

#ifndef INSP_TEST_SPECS_H
#define INSP_TEST_SPECS_H 1

#include "base/put.h"
#include "packet/packet.h"

struct made {
    uint8_t bytes[256];
    size_t size;
};

/* What varies; everything else is filled in. */
struct spec {
    uint8_t src_mac[6], dst_mac[6];
    bool is_ip6;       /* fd00::a.b.c.d; no fragments. */
    uint32_t src, dst; /* IPv4, host order. */
    uint8_t proto;
    uint16_t src_port, dst_port; /* ICMP: src_port is the id. */
    uint8_t tcp_flags;
    uint32_t tcp_seq;
    uint16_t ip_id;
    uint16_t frag; /* Flags and offset field. */
    uint16_t payload_size;
};

static inline void
spec_put_l4(struct insp_put *p, const struct spec *s)
{
    switch (s->proto) {
    case INSP_PROTO_TCP:
        insp_put_be16(p, s->src_port);
        insp_put_be16(p, s->dst_port);
        insp_put_be32(p, s->tcp_seq);
        insp_put_be32(p, 1);
        insp_put_u8(p, 5 << 4);
        insp_put_u8(p, s->tcp_flags);
        insp_put_be16(p, 65535);
        insp_put_be32(p, 0);
        break;
    case INSP_PROTO_UDP:
        insp_put_be16(p, s->src_port);
        insp_put_be16(p, s->dst_port);
        insp_put_be16(p, (uint16_t) (8 + s->payload_size));
        insp_put_be16(p, 0);
        break;
    case INSP_PROTO_ICMP:
        insp_put_be32(p, 8 << 24);
        insp_put_be16(p, s->src_port);
        insp_put_be16(p, 1);
        break;
    }
}

static inline void
spec_put_ip4(struct insp_put *p, const struct spec *s, size_t size)
{
    insp_put_be16(p, 0x0800);
    insp_put_be16(p, 0x4500);
    insp_put_be16(p, (uint16_t) (20 + size));
    insp_put_be16(p, s->ip_id);
    insp_put_be16(p, s->frag);
    insp_put_u8(p, 64);
    insp_put_u8(p, s->proto);
    insp_put_be16(p, 0);
    insp_put_be32(p, s->src);
    insp_put_be32(p, s->dst);
}

static inline void
spec_put_ip6(struct insp_put *p, const struct spec *s, size_t size)
{
    insp_put_be16(p, 0x86dd);
    insp_put_be32(p, 0x60000000);
    insp_put_be16(p, (uint16_t) size);
    insp_put_u8(p, s->proto);
    insp_put_u8(p, 64);
    for (unsigned int i = 0; i < 2; i++) {
        insp_put_be64(p, (uint64_t) 0xfd << 56);
        insp_put_be64(p, i ? s->dst : s->src);
    }
}

static inline void
spec_make(struct made *made, const struct spec *s)
{
    struct insp_put p = insp_put(made->bytes, sizeof made->bytes);
    bool later = (s->frag & 0x1fff) != 0;
    size_t l4 = later ? 0 : s->proto == INSP_PROTO_TCP ? 20 : 8;

    insp_put_bytes(&p, s->dst_mac, 6);
    insp_put_bytes(&p, s->src_mac, 6);
    if (s->is_ip6) {
        spec_put_ip6(&p, s, l4 + s->payload_size);
    } else {
        spec_put_ip4(&p, s, l4 + s->payload_size);
    }
    if (!later) {
        spec_put_l4(&p, s);
    }
    for (unsigned int i = 0; i < s->payload_size; i++) {
        insp_put_u8(&p, (uint8_t) i);
    }
    made->size = insp_put_size(&p);
}

#endif /* tests/unit/specs.h */
