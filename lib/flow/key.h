/* SPDX-License-Identifier: Apache-2.0 */
/* Key
 * ===
 *
 * What tells one connection from another: zone, IP version, protocol, and
 * the two sides (address and port) in canonical order, so that both
 * directions have one key.  The direction of a packet is the side that sent
 * it: 0 or 1.
 *
 * Above:    flow/table.h, engine/.   Below:  packet/packet.h, base/hash.h.
 * Threads:  no state.
 * Memory:   plain values without padding: may be compared with memcmp().
 * Time:     none.
 * Fails:    never.
 *
 * ICMP and ICMPv6: for queries and replies (echo, timestamp, ...) both ports
 * are the identifier, and 'query' is the type of the query, with bit 8 set
 * when side 1 asks; for all others both ports are type << 8 | code.  So no
 * message is of the connection of one that a rule may tell from it.  IPv4
 * addresses are stored as ::ffff:a.b.c.d.
 */

#ifndef INSP_FLOW_KEY_H
#define INSP_FLOW_KEY_H 1

#include <string.h>

#include "base/hash.h"
#include "packet/packet.h"

enum insp_zone_kind {
    INSP_ZONE_EXPLICIT, /* a: zone= of the action, else tunnel key or
                         * 0; vlan: VLAN id. */
    INSP_ZONE_PAIR,     /* a < b: port ids; vlan: of a trunk. */
    INSP_ZONE_PORT,     /* a: port id; vlan: the port's. */
    INSP_ZONE_BRIDGE,   /* a: bridge id; b: tunnel key; vlan. */
    INSP_ZONE_GROUP,    /* a: port id of the sender; vlan. */
    INSP_N_ZONE_KINDS
};

struct insp_zone {
    uint32_t a;
    uint32_t b;
    uint16_t vlan;
    uint8_t kind; /* enum insp_zone_kind. */
    uint8_t zero;
};

struct insp_key {
    uint8_t addr[2][16];
    uint16_t port[2];
    struct insp_zone zone;
    uint8_t ip_version; /* 4, 6; 0: a remainder, see below. */
    uint8_t proto;
    uint16_t query; /* ICMP, see below; else 0. */
};

#define INSP_KEY_WORDS 6 /* 64-bit words, and four bytes more. */
_Static_assert(sizeof(struct insp_key) == 52, "no padding");

static inline uint64_t
insp_key_word(const struct insp_key *key, size_t i)
{
    uint64_t word;

    memcpy(&word, (const uint8_t *) key + 8 * i, sizeof word);
    return word;
}

static inline uint32_t
insp_key_half(const struct insp_key *key, size_t offset)
{
    uint32_t half;

    memcpy(&half, (const uint8_t *) key + offset, sizeof half);
    return half;
}

/* What the zone contributes to the hashes of all keys in it. */
static inline uint64_t
insp_zone_hash(const struct insp_zone *zone,
               const struct insp_hash_key *secret)
{
    uint64_t word;
    uint32_t rest;

    memcpy(&word, zone, sizeof word);
    memcpy(&rest, (const uint8_t *) zone + sizeof word, sizeof rest);
    return insp_hash_fold(word ^ secret->k[0], rest ^ secret->k[1]);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "words of a key are put together below");

/* The four bytes of both ports, and those of IP version and protocol, as they
 * stand in a key. */
static inline uint32_t
insp_key_ports(uint16_t port0, uint16_t port1)
{
    return (uint32_t) port1 << 16 | port0;
}

static inline uint32_t
insp_key_kind(uint8_t ip_version, uint8_t proto)
{
    return (uint32_t) proto << 8 | ip_version;
}

/* Of IPv6 addresses, side 0 first, and the same of IPv4. */
static inline uint64_t
insp_key_mix6(const uint8_t *side0, const uint8_t *side1,
              const struct insp_hash_key *secret)
{
    uint64_t a[2], b[2], mix;

    memcpy(a, side0, sizeof a);
    memcpy(b, side1, sizeof b);
    mix = insp_hash_fold(a[0] ^ secret->k[0], a[1] ^ secret->k[1]);
    return insp_hash_fold(b[0] ^ mix, b[1] ^ secret->k[3]);
}

static inline uint64_t
insp_key_mix4(uint32_t side0, uint32_t side1)
{
    return (uint64_t) side0 << 32 | side1;
}

/* The hash of a key from its addresses, mixed, and all else. */
static inline uint32_t
insp_key_finish(uint64_t addresses, uint32_t ports, uint32_t kind,
                uint64_t zone_hash, const struct insp_hash_key *secret)
{
    uint64_t rest = (uint64_t) kind << 32 | ports;
    uint64_t hash = insp_hash_fold(addresses ^ secret->k[2], rest ^ zone_hash);

    hash = insp_hash_fold(hash ^ secret->k[3], secret->k[1]);
    return (uint32_t) (hash ^ hash >> 32);
}

/* 'zone_hash' is that of key->zone. */
static inline uint32_t
insp_key_hash_in(const struct insp_key *key, uint64_t zone_hash,
                 const struct insp_hash_key *secret)
{
    uint64_t addresses =
        INSP_LIKELY(key->ip_version == 4)
            ? insp_key_mix4(insp_key_half(key, 12), insp_key_half(key, 28))
            : insp_key_mix6(key->addr[0], key->addr[1], secret);

    return insp_key_finish(addresses,
                           insp_key_half(key, offsetof(struct insp_key, port)),
                           insp_key_half(key, 48), zone_hash, secret);
}

static inline uint32_t
insp_key_hash(const struct insp_key *key, const struct insp_hash_key *secret)
{
    return insp_key_hash_in(key, insp_zone_hash(&key->zone, secret), secret);
}

/* Word by word: a call of memcmp() would cost more than the comparison. */
static inline bool
insp_key_equal(const struct insp_key *a, const struct insp_key *b)
{
    uint64_t differs = insp_key_word(a, 0) ^ insp_key_word(b, 0);
    uint32_t x;
    uint32_t y;

    differs |= insp_key_word(a, 1) ^ insp_key_word(b, 1);
    differs |= insp_key_word(a, 2) ^ insp_key_word(b, 2);
    differs |= insp_key_word(a, 3) ^ insp_key_word(b, 3);
    differs |= insp_key_word(a, 4) ^ insp_key_word(b, 4);
    differs |= insp_key_word(a, 5) ^ insp_key_word(b, 5);
    memcpy(&x, (const uint8_t *) a + 8 * INSP_KEY_WORDS, sizeof x);
    memcpy(&y, (const uint8_t *) b + 8 * INSP_KEY_WORDS, sizeof y);
    return !(differs | (x ^ y));
}

/* Whether all of 'key' but the addresses is this. */
static inline bool
insp_key_rest_is(const struct insp_key *key, uint32_t ports, uint32_t kind,
                 const struct insp_zone *zone)
{
    uint64_t zone_rest;
    uint32_t zone_first;

    memcpy(&zone_first, zone, sizeof zone_first);
    memcpy(&zone_rest, (const uint8_t *) zone + 4, sizeof zone_rest);
    return !(
        (insp_key_half(key, offsetof(struct insp_key, port)) ^ ports) |
        (insp_key_half(key, offsetof(struct insp_key, zone)) ^ zone_first) |
        (insp_key_half(key, 48) ^ kind) | (insp_key_word(key, 5) ^ zone_rest));
}

/* Whether these are its IPv4 addresses, as they stand in memory. */
static inline bool
insp_key_addr4_is(const struct insp_key *key, uint32_t side0, uint32_t side1)
{
    return !((insp_key_half(key, 12) ^ side0) |
             (insp_key_half(key, 28) ^ side1));
}

static inline bool
insp_key_addr6_is(const struct insp_key *key, const uint8_t *side0,
                  const uint8_t *side1)
{
    uint64_t a[2], b[2];

    memcpy(a, side0, sizeof a);
    memcpy(b, side1, sizeof b);
    return !((insp_key_word(key, 0) ^ a[0]) | (insp_key_word(key, 1) ^ a[1]) |
             (insp_key_word(key, 2) ^ b[0]) | (insp_key_word(key, 3) ^ b[1]));
}

/* The side that sends, of two IPv4 endpoints whose addresses are as on the
 * wire: the rule of key.c. */
static inline bool
insp_key_side4(uint32_t src, uint32_t dst, uint16_t src_port,
               uint16_t dst_port)
{
    return ((uint64_t) __builtin_bswap32(src) << 16 | src_port) >
           ((uint64_t) __builtin_bswap32(dst) << 16 | dst_port);
}

/* The same of IPv6; 'src' and 'dst' are 16 bytes. */
static inline bool
insp_key_side6(const uint8_t *src, const uint8_t *dst, uint16_t src_port,
               uint16_t dst_port)
{
    uint64_t a[2], b[2];
    size_t i;

    memcpy(a, src, sizeof a);
    memcpy(b, dst, sizeof b);
    i = a[0] == b[0];
    return a[i] == b[i] ? src_port > dst_port
                        : __builtin_bswap64(a[i]) > __builtin_bswap64(b[i]);
}

/* Why a packet has no connection.  A remainder is kept in the connection
 * table under a key with ip_version 0, proto = the reason, port[0] = the
 * ethertype, addr[0][0..3] and addr[0][4..7] = port ids in and out (host
 * order, see insp_key_remainder_ports()), and always direction 0. */
enum insp_remainder {
#define INSP_REMAINDER(NAME, WORD, TEXT) INSP_REMAINDER_##NAME,
#include "flow/remainder.def"
#undef INSP_REMAINDER
    INSP_N_REMAINDERS
};

const char *insp_remainder_word(enum insp_remainder);

/* The key of a packet that parsed as INSP_PACKET_OK, and the side (0 or 1)
 * that sent it. */
unsigned int insp_key_from_packet(struct insp_key *,
                                  const struct insp_packet *,
                                  const struct insp_zone *);

/* The same from a tuple that connection tracking remembers: the original
 * direction before NAT.  Addresses are 4 or 16 bytes by 'ip_version'.
 * Returns the side that sent the *original* direction. */
unsigned int insp_key_from_tuple(struct insp_key *, uint8_t ip_version,
                                 uint8_t proto, const uint8_t *src,
                                 const uint8_t *dst, uint16_t src_port,
                                 uint16_t dst_port, const struct insp_zone *);

/* Adds to the key of a tuple of ICMP what its message asks or answers; 'side'
 * has sent it.  (insp_key_from_packet() has done so.) */
void insp_key_set_query(struct insp_key *, unsigned int side, uint8_t type);

/* The side that asks, of a key with a query. */
static inline uint8_t
insp_key_asker(const struct insp_key *key)
{
    return key->query >> 8;
}

void insp_key_remainder(struct insp_key *, enum insp_remainder,
                        uint16_t ethertype, uint32_t in_port,
                        uint32_t out_port, const struct insp_zone *);

static inline bool
insp_key_is_remainder(const struct insp_key *key)
{
    return !key->ip_version;
}

static inline void
insp_key_remainder_ports(const struct insp_key *key, uint32_t *in_port,
                         uint32_t *out_port)
{
    memcpy(in_port, &key->addr[0][0], sizeof *in_port);
    memcpy(out_port, &key->addr[0][4], sizeof *out_port);
}

#endif /* flow/key.h */
