/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is a frame, behind two bytes that say how much
 * longer than the captured bytes it was on the wire.  It is parsed, the
 * promises of packet/packet.h are checked on the result, and what is a packet
 * of a connection becomes a key, as in the engine.  What packet/plain.h calls
 * plain must be such a packet, and say the same.  Then the frame is cut by
 * one byte and parsed again: less of a packet never tells more. */

#include "packet/packet.h"

#include <string.h>

#include "base/cursor.h"
#include "flow/key.h"
#include "fuzz.h"
#include "packet/plain.h"

/* 'n' bytes at 'at', which may be NULL, lie inside the frame. */
static bool
inside(const uint8_t *frame, size_t size, const uint8_t *at, size_t n)
{
    return !at ||
           (at >= frame && n <= size && (size_t) (at - frame) <= size - n);
}

static void
check_network(const struct insp_packet *p, enum insp_packet_fact fact,
              const uint8_t *frame, size_t size)
{
    size_t n = p->ip_version == 4 ? 4 : 16;

    FUZZ_PROMISE(p->ip_version == 0 || p->ip_version == 4 ||
                 p->ip_version == 6);
    FUZZ_PROMISE(!p->src == !p->ip_version && !p->dst == !p->ip_version);
    FUZZ_PROMISE(inside(frame, size, p->src, n));
    FUZZ_PROMISE(inside(frame, size, p->dst, n));
    FUZZ_PROMISE(p->ip_version || (!p->proto && !p->l4_ofs));
    FUZZ_PROMISE(fact != INSP_PACKET_FRAGMENT || p->is_fragment);
    FUZZ_PROMISE(p->is_fragment || !p->frag_id);
}

static void
check_transport(const struct insp_packet *p, enum insp_packet_fact fact,
                size_t size, size_t wire_size)
{
    bool has_ports = p->proto == INSP_PROTO_TCP ||
                     p->proto == INSP_PROTO_UDP || p->proto == INSP_PROTO_SCTP;

    FUZZ_PROMISE(p->l4_ofs <= size && p->payload_ofs <= size);
    if (fact == INSP_PACKET_OK || fact == INSP_PACKET_FRAGMENT) {
        FUZZ_PROMISE(p->l3_ofs < p->l4_ofs && p->l4_ofs <= p->payload_ofs);
        FUZZ_PROMISE(p->payload_size <= wire_size - p->payload_ofs);
    } else {
        FUZZ_PROMISE(!p->payload_ofs && !p->payload_size);
    }
    FUZZ_PROMISE(has_ports || (!p->src_port && !p->dst_port));
    FUZZ_PROMISE(
        p->proto == INSP_PROTO_TCP ||
        (!p->tcp_seq && !p->tcp_ack && !p->tcp_window && !p->tcp_flags));
}

/* Both directions have one key, and they are the two sides of it. */
static void
check_key(const struct insp_packet *p)
{
    struct insp_zone zone = { .kind = INSP_ZONE_PORT, .a = 7, .vlan = 1 };
    struct insp_packet reply = *p;
    struct insp_key key, reply_key;
    unsigned int side, reply_side;

    reply.src = p->dst;
    reply.dst = p->src;
    reply.src_port = p->dst_port;
    reply.dst_port = p->src_port;
    reply.icmp_type = insp_icmp_reverse(p->proto, p->icmp_type);
    memset(&key, 0xa5, sizeof key);
    memset(&reply_key, 0x5a, sizeof reply_key);
    side = insp_key_from_packet(&key, p, &zone);
    reply_side = insp_key_from_packet(&reply_key, &reply, &zone);
    FUZZ_PROMISE(insp_key_equal(&key, &reply_key));
    FUZZ_PROMISE(side < 2 && reply_side < 2);
    FUZZ_PROMISE(
        side != reply_side ||
        (!memcmp(key.addr[0], key.addr[1], 16) && key.port[0] == key.port[1]));
}

static void
check_plain(const struct insp_packet *p, enum insp_packet_fact fact,
            uint8_t ip_version, const uint8_t *frame, size_t size,
            size_t wire_size)
{
    struct insp_plain plain;

    if (!insp_plain_read(&plain, ip_version, frame, size, wire_size)) {
        return;
    }
    FUZZ_PROMISE(fact == INSP_PACKET_OK && !p->is_fragment);
    FUZZ_PROMISE(p->ip_version == ip_version && p->proto == plain.proto);
    FUZZ_PROMISE(p->src == plain.addresses &&
                 p->dst == plain.addresses + (ip_version == 4 ? 4 : 16));
    FUZZ_PROMISE(p->src_port == plain.src_port &&
                 p->dst_port == plain.dst_port);
    FUZZ_PROMISE(p->payload_size == plain.payload_size);
    FUZZ_PROMISE(p->tcp_seq == plain.tcp_seq &&
                 p->tcp_flags == plain.tcp_flags);
    FUZZ_PROMISE(
        !(plain.tcp_flags & (INSP_TCP_SYN | INSP_TCP_FIN | INSP_TCP_RST)));
}

static enum insp_packet_fact
parse(const uint8_t *frame, size_t size, size_t wire_size)
{
    struct insp_packet p;
    enum insp_packet_fact fact;

    memset(&p, 0xa5, sizeof p); /* Nothing of it may shine through. */
    fact = insp_packet_parse(&p, frame, size, wire_size);
    FUZZ_PROMISE((unsigned int) fact < INSP_N_PACKET_FACTS);
    FUZZ_PROMISE(insp_packet_fact_word(fact)[0] != '?');
    FUZZ_PROMISE(p.l3_ofs <= size && p.n_vlans <= 2);
    FUZZ_PROMISE(p.vlan[0] < 4096 && p.vlan[1] < 4096);
    check_network(&p, fact, frame, size);
    check_transport(&p, fact, size, wire_size);
    if (fact == INSP_PACKET_OK) {
        check_key(&p);
    }
    check_plain(&p, fact, 4, frame, size, wire_size);
    check_plain(&p, fact, 6, frame, size, wire_size);
    return fact;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insp_cursor c = insp_cursor(data, size);
    size_t uncaptured = insp_cursor_be16(&c);
    size_t captured = insp_cursor_left(&c);
    const uint8_t *bytes = insp_cursor_take(&c, captured);
    enum insp_packet_fact fact;

    if (!bytes) {
        return 0;
    }
    fact = parse(bytes, captured, captured + uncaptured);
    if (captured) {
        enum insp_packet_fact cut;
        uint8_t *copy = malloc(captured);

        /* Its own allocation: a sanitizer sees a read of the missing byte. */
        FUZZ_PROMISE(copy != NULL);
        memcpy(copy, bytes, captured - 1);
        cut = parse(copy, captured - 1, captured + uncaptured);
        FUZZ_PROMISE(cut == fact || cut == INSP_PACKET_ETH_TRUNCATED ||
                     cut == INSP_PACKET_IP_TRUNCATED ||
                     cut == INSP_PACKET_L4_TRUNCATED);
        free(copy);
    }
    return 0;
}
