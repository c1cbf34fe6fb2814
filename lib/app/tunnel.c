/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The cargo is parsed as far as its ports, and what names its connection
 * (network, addresses, ports, protocol, the lower end first so that both
 * directions are one) is hashed.  The last INSP_TUNNEL_SEEN hashes are kept
 * with the outer connection, in a ring: one that is not among them is new.
 *
 * A tunnel that has more connections at the same time than that would say
 * "new" again and again; therefore at most NEW_A_SECOND are said of an outer
 * connection in a second, and those that find no room are not said.  The
 * hash has no secret: who finds two connections with the same hash hides one
 * of his own from the record of the tunnel, not from the counters.
 *
 * Tunnels in tunnels are looked into once.
 */

#include "app/tunnel.h"

#include "base/hash.h"
#include "packet/eth.h"
#include "packet/ip4.h"
#include "packet/ip6.h"
#include "packet/l4.h"

_Static_assert(sizeof(struct insp_tunnel_state) <= INSP_READER_STATE,
               "a state is no longer than is lent");

#define NEW_A_SECOND 64
#define SECOND_NS    UINT64_C(1000000000)

/* A capture that was cut leaves less than the lengths inside it say; how long
 * the packet was is not known here, so any length will do. */
#define ANY_SIZE 65535

static enum insp_packet_fact
parse_ip(struct insp_packet *p, const struct insp_tunnel_cargo *cargo)
{
    struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);
    size_t left = ANY_SIZE;
    enum insp_packet_fact fact;

    *p = (struct insp_packet){ .ethertype = cargo->type };
    if (cargo->type == INSP_TUNNEL_IPV4) {
        fact = insp_ip4_parse(p, &c, left, &left);
    } else if (cargo->type == INSP_TUNNEL_IPV6) {
        fact = insp_ip6_parse(p, &c, left, &left);
    } else {
        return INSP_PACKET_NON_IP;
    }
    if (fact == INSP_PACKET_OK) {
        p->l4_ofs = (uint16_t) (c.at - cargo->bytes);
        fact = insp_l4_parse(p, &c, left);
    }
    return fact;
}

static enum insp_packet_fact
parse(struct insp_packet *p, const struct insp_tunnel_cargo *cargo)
{
    if (cargo->size > ANY_SIZE) {
        *p = (struct insp_packet){ .ethertype = 0 };
        return INSP_PACKET_ETH_TRUNCATED;
    }
    return cargo->type == INSP_TUNNEL_ETHERNET
               ? insp_packet_parse(p, cargo->bytes, cargo->size, ANY_SIZE)
               : parse_ip(p, cargo);
}

/* ------------------------------------------------------------------------ */
/* Soundness. */

/* RFC 1071; 0 stands where the checksum is left to a network card. */
static bool
has_good_checksum(const struct insp_tunnel_cargo *cargo, size_t l3_ofs)
{
    struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);
    const uint8_t *ip;
    uint32_t sum = 0;
    size_t size;

    insp_cursor_skip(&c, l3_ofs);
    ip = insp_cursor_take(&c, 20);
    if (!ip) {
        return false;
    }
    if (!insp_be16(ip + 10)) {
        return true;
    }
    size = (size_t) (ip[0] & 0x0f) * 4;
    c = insp_cursor(ip, 20 + insp_cursor_left(&c));
    for (size_t i = 0; i < size; i += 2) {
        sum += insp_cursor_be16(&c);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return !c.failed && (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* RFC 826: of IPv4 over Ethernet. */
static bool
is_sound_arp(const struct insp_tunnel_cargo *cargo, size_t l3_ofs)
{
    static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };
    struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);
    const uint8_t *arp;

    insp_cursor_skip(&c, l3_ofs);
    arp = insp_cursor_take(&c, 28);
    return arp && !memcmp(arp, head, sizeof head) && !arp[6] && arp[7] &&
           arp[7] <= 10;
}

bool
insp_tunnel_is_sound(const struct insp_tunnel_cargo *cargo)
{
    struct insp_packet p;
    enum insp_packet_fact fact = parse(&p, cargo);

    if (cargo->type == INSP_TUNNEL_ETHERNET) {
        struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);
        const uint8_t *eth = insp_cursor_take(&c, 12);

        if (!eth || eth[6] & 1) {
            return false; /* A group does not send. */
        }
    }
    switch (fact) {
    case INSP_PACKET_OK:
    case INSP_PACKET_FRAGMENT:
    case INSP_PACKET_L4_TRUNCATED:
        return p.ip_version == 6 || has_good_checksum(cargo, p.l3_ofs);
    case INSP_PACKET_ARP: return is_sound_arp(cargo, p.l3_ofs);
    default: return false;
    }
}

/* ------------------------------------------------------------------------ */
/* What is new. */

/* What names an inner connection; no padding. */
struct name {
    uint8_t end[2][18]; /* Address and port. */
    uint16_t vlan[2];
    uint16_t type;
    uint8_t proto;
    uint8_t zero;
    uint32_t network;
    uint32_t icmp_id;
    uint32_t zeros;
};
_Static_assert(sizeof(struct name) == 56, "whole words, no padding");

static void
name_end(uint8_t *end, const uint8_t *address, size_t size, uint16_t port)
{
    memcpy(end, address, size);
    end[16] = (uint8_t) (port >> 8);
    end[17] = (uint8_t) port;
}

static uint32_t
hash_of(const struct insp_tunnel_cargo *cargo, const struct insp_packet *p)
{
    static const struct insp_hash_key key = {
        { UINT64_C(0x9ae16a3b2f90404f), UINT64_C(0xc3a5c85c97cb3127),
          UINT64_C(0xb492b66fbe98f273), UINT64_C(0x9fb21c651e98df25) }
    };
    struct name name = { .type = p->ethertype, .network = cargo->network };
    uint64_t hash;

    if (p->ip_version) {
        size_t size = p->ip_version == 4 ? 4 : 16;

        name_end(name.end[0], p->src, size, p->src_port);
        name_end(name.end[1], p->dst, size, p->dst_port);
        name.proto = p->proto;
        name.vlan[0] = p->vlan[0];
        name.vlan[1] = p->vlan[1];
        name.icmp_id = p->icmp_id;
    } else if (cargo->type == INSP_TUNNEL_ETHERNET) {
        struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);

        insp_cursor_copy(&c, name.end[0], 6);
        insp_cursor_copy(&c, name.end[1], 6);
        name.vlan[0] = p->vlan[0];
        name.vlan[1] = p->vlan[1];
    }
    if (memcmp(name.end[0], name.end[1], sizeof name.end[0]) > 0) {
        uint8_t end[sizeof name.end[0]];

        memcpy(end, name.end[0], sizeof end);
        memcpy(name.end[0], name.end[1], sizeof end);
        memcpy(name.end[1], end, sizeof end);
    }
    hash = insp_hash_words(&name, sizeof name / 8, &key);
    return (uint32_t) (hash ^ hash >> 32) | 1;
}

static bool
is_seen(const struct insp_tunnel_state *s, uint32_t hash)
{
    for (unsigned int i = 0; i < INSP_TUNNEL_SEEN; i++) {
        if (s->seen[i] == hash) {
            return true;
        }
    }
    return false;
}

/* Whether one more may be new in this second. */
static bool
may_be_new(struct insp_tunnel_state *s, uint64_t now_ns)
{
    if (now_ns - s->second_ns >= SECOND_NS) {
        s->second_ns = now_ns;
        s->n_second = 0;
    }
    if (s->n_second == NEW_A_SECOND) {
        return false;
    }
    s->n_second++;
    return true;
}

/* Facts by which an inner connection can be told. */
static bool
is_readable(enum insp_packet_fact fact, const struct insp_packet *p)
{
    switch (fact) {
    case INSP_PACKET_OK:
    case INSP_PACKET_ARP:
    case INSP_PACKET_NON_IP: return true;
    case INSP_PACKET_L4_TRUNCATED: return p->src_port || p->dst_port;
    default: return false;
    }
}

struct insp_event *
insp_tunnel_begin(struct insp_reading *r, enum insp_app app,
                  const struct insp_tunnel_cargo *cargo)
{
    struct insp_tunnel_state *s = r->state;
    struct insp_packet p;
    uint32_t hash;

    if (!is_readable(parse(&p, cargo), &p)) {
        return NULL;
    }
    hash = hash_of(cargo, &p);
    if (is_seen(s, hash) || !may_be_new(s, r->now_ns)) {
        return NULL;
    }
    s->seen[s->at] = hash;
    s->at = (uint16_t) ((s->at + 1) % INSP_TUNNEL_SEEN);
    return insp_event_begin(r, app, 0);
}

/* ------------------------------------------------------------------------ */
/* Fields. */

/* Names of protocols as EVE writes them. */
static const char *
proto_word(uint8_t proto)
{
    switch (proto) {
    case INSP_PROTO_ICMP: return "ICMP";
    case 2: return "IGMP";
    case INSP_PROTO_TCP: return "TCP";
    case INSP_PROTO_UDP: return "UDP";
    case 47: return "GRE";
    case 50: return "ESP";
    case INSP_PROTO_ICMPV6: return "IPv6-ICMP";
    case INSP_PROTO_SCTP: return "SCTP";
    default: return NULL;
    }
}

static void
put_proto(struct insp_event *e, enum insp_app_field field, uint8_t proto)
{
    const char *word = proto_word(proto);
    char digits[3];
    size_t n = 0;

    if (word) {
        insp_event_text(e, field, word);
        return;
    }
    if (proto >= 100) {
        digits[n++] = (char) ('0' + proto / 100);
    }
    if (proto >= 10) {
        digits[n++] = (char) ('0' + proto / 10 % 10);
    }
    digits[n++] = (char) ('0' + proto % 10);
    insp_event_bytes(e, field, digits, n);
}

static enum insp_app_field
row(enum insp_app_field first, enum insp_tunnel_row which)
{
    return (enum insp_app_field)((unsigned int) first + which);
}

static void
put_frame(struct insp_event *e, enum insp_app_field first,
          const struct insp_tunnel_cargo *cargo, const struct insp_packet *p)
{
    struct insp_cursor c = insp_cursor(cargo->bytes, cargo->size);
    const uint8_t *eth = insp_cursor_take(&c, 12);

    if (!eth) {
        return;
    }
    insp_event_bytes(e, row(first, INSP_INNER_SRC_MAC), eth + 6, 6);
    insp_event_bytes(e, row(first, INSP_INNER_DEST_MAC), eth, 6);
    if (p->n_vlans) {
        insp_event_uint(e, row(first, INSP_INNER_VLAN), p->vlan[0]);
    }
    if (p->n_vlans > 1) {
        insp_event_uint(e, row(first, INSP_INNER_VLAN2), p->vlan[1]);
    }
    if (!p->ip_version) {
        insp_event_uint(e, row(first, INSP_INNER_TYPE), p->ethertype);
    }
}

static bool
has_ports(const struct insp_packet *p)
{
    return p->proto == INSP_PROTO_TCP || p->proto == INSP_PROTO_UDP ||
           p->proto == INSP_PROTO_SCTP;
}

static void
put_packet(struct insp_event *e, enum insp_app_field first,
           const struct insp_packet *p)
{
    size_t size = p->ip_version == 4 ? 4 : 16;

    insp_event_bytes(e, row(first, INSP_INNER_SRC_IP), p->src, size);
    if (has_ports(p)) {
        insp_event_uint(e, row(first, INSP_INNER_SRC_PORT), p->src_port);
    }
    insp_event_bytes(e, row(first, INSP_INNER_DEST_IP), p->dst, size);
    if (has_ports(p)) {
        insp_event_uint(e, row(first, INSP_INNER_DEST_PORT), p->dst_port);
    }
    put_proto(e, row(first, INSP_INNER_PROTO), p->proto);
    if (p->proto == INSP_PROTO_ICMP || p->proto == INSP_PROTO_ICMPV6) {
        insp_event_uint(e, row(first, INSP_INNER_ICMP_TYPE), p->icmp_type);
        insp_event_uint(e, row(first, INSP_INNER_ICMP_CODE), p->icmp_code);
    }
}

void
insp_tunnel_end(struct insp_reading *r, struct insp_event *e,
                enum insp_app_field first,
                const struct insp_tunnel_cargo *cargo)
{
    struct insp_packet p;

    if (!e) {
        return;
    }
    (void) parse(&p, cargo);
    if (cargo->type == INSP_TUNNEL_ETHERNET) {
        put_frame(e, first, cargo, &p);
    }
    if (p.ip_version) {
        put_packet(e, first, &p);
    }
    insp_event_end(r, e);
}
