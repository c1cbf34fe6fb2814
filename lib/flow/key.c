/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The side whose address, then port, is the smaller one as a string of bytes
 * is side 0.  Equal sides (a packet from an endpoint to itself) are side 0
 * in both directions.
 *
 * A key is written in the words in which it is hashed and compared right
 * after: a load that spans two stores which are still on their way waits for
 * both to reach the cache, which costs more than all the rest.
 */

#include "flow/key.h"

const char *
insp_remainder_word(enum insp_remainder why)
{
    static const char *const words[] = {
#define INSP_REMAINDER(NAME, WORD, TEXT) [INSP_REMAINDER_##NAME] = WORD,
#include "flow/remainder.def"
#undef INSP_REMAINDER
    };

    return why < INSP_N_REMAINDERS ? words[why] : "unknown";
}

/* A word of a key of which the first half in memory is 'first'. */
static inline uint64_t
join(uint32_t first, uint32_t second)
{
    uint32_t halves[2] = { first, second };
    uint64_t word;

    memcpy(&word, halves, sizeof word);
    return word;
}

static inline void
put_word(struct insp_key *key, size_t i, uint64_t word)
{
    memcpy((uint8_t *) key + 8 * i, &word, sizeof word);
}

static inline void
put_address(struct insp_key *key, unsigned int side, const uint8_t address[16])
{
    uint64_t words[2];

    memcpy(words, address, sizeof words);
    put_word(key, 2 * side, words[0]);
    put_word(key, 2 * side + 1, words[1]);
}

_Static_assert(offsetof(struct insp_key, port) == 32 &&
                   offsetof(struct insp_key, zone) == 36 &&
                   sizeof(struct insp_zone) == 12 &&
                   offsetof(struct insp_key, ip_version) == 48 &&
                   offsetof(struct insp_key, proto) == 49,
               "words 4 and 5 are the ports and the zone");

/* The ports of sides 0 and 1, and all that comes behind them. */
static inline void
put_rest(struct insp_key *key, uint16_t port0, uint16_t port1,
         const struct insp_zone *zone, uint8_t ip_version, uint8_t proto)
{
    uint32_t kind = insp_key_kind(ip_version, proto);
    uint32_t words[3];

    memcpy(words, zone, sizeof words);
    put_word(key, 4, join(insp_key_ports(port0, port1), words[0]));
    put_word(key, 5, join(words[1], words[2]));
    memcpy(&key->ip_version, &kind, sizeof kind);
}

static inline unsigned int
make_key4(struct insp_key *key, uint8_t proto, const uint8_t *src,
          const uint8_t *dst, uint16_t src_port, uint16_t dst_port,
          const struct insp_zone *zone)
{
    static const uint8_t prefix[4] = { 0, 0, 0xff, 0xff };
    uint32_t before, from, to;
    bool side;

    memcpy(&before, prefix, sizeof before);
    memcpy(&from, src, sizeof from);
    memcpy(&to, dst, sizeof to);
    side = insp_key_side4(from, to, src_port, dst_port);
    put_word(key, 0, 0);
    put_word(key, 1, join(before, side ? to : from));
    put_word(key, 2, 0);
    put_word(key, 3, join(before, side ? from : to));
    put_rest(key, side ? dst_port : src_port, side ? src_port : dst_port, zone,
             4, proto);
    return side;
}

static inline unsigned int
make_key(struct insp_key *key, uint8_t ip_version, uint8_t proto,
         const uint8_t *src, const uint8_t *dst, uint16_t src_port,
         uint16_t dst_port, const struct insp_zone *zone)
{
    bool side;

    if (INSP_LIKELY(ip_version == 4)) {
        return make_key4(key, proto, src, dst, src_port, dst_port, zone);
    }
    side = insp_key_side6(src, dst, src_port, dst_port);
    put_address(key, side, src);
    put_address(key, !side, dst);
    put_rest(key, side ? dst_port : src_port, side ? src_port : dst_port, zone,
             ip_version, proto);
    return side;
}

unsigned int
insp_key_from_tuple(struct insp_key *key, uint8_t ip_version, uint8_t proto,
                    const uint8_t *src, const uint8_t *dst, uint16_t src_port,
                    uint16_t dst_port, const struct insp_zone *zone)
{
    return make_key(key, ip_version, proto, src, dst, src_port, dst_port,
                    zone);
}

void
insp_key_set_query(struct insp_key *key, unsigned int side, uint8_t type)
{
    uint8_t query = insp_icmp_query(key->proto, type);
    unsigned int asker = side ^ (type != query);

    /* Who talks to himself is side 0 whichever way it goes. */
    if (!query || !memcmp(key->addr[0], key->addr[1], sizeof key->addr[0])) {
        asker = 0;
    }
    key->query = (uint16_t) (asker << 8 | query);
}

static unsigned int
key_from_icmp(struct insp_key *key, const struct insp_packet *packet,
              const struct insp_zone *zone)
{
    uint16_t port =
        insp_icmp_has_id(packet->proto, packet->icmp_type)
            ? packet->icmp_id
            : (uint16_t) (packet->icmp_type << 8 | packet->icmp_code);
    unsigned int side = make_key(key, packet->ip_version, packet->proto,
                                 packet->src, packet->dst, port, port, zone);

    insp_key_set_query(key, side, packet->icmp_type);
    return side;
}

unsigned int
insp_key_from_packet(struct insp_key *key, const struct insp_packet *packet,
                     const struct insp_zone *zone)
{
    if (packet->proto == INSP_PROTO_ICMP ||
        packet->proto == INSP_PROTO_ICMPV6) {
        return key_from_icmp(key, packet, zone);
    }
    return make_key(key, packet->ip_version, packet->proto, packet->src,
                    packet->dst, packet->src_port, packet->dst_port, zone);
}

void
insp_key_remainder(struct insp_key *key, enum insp_remainder why,
                   uint16_t ethertype, uint32_t in_port, uint32_t out_port,
                   const struct insp_zone *zone)
{
    memset(key, 0, sizeof *key);
    memcpy(&key->addr[0][0], &in_port, sizeof in_port);
    memcpy(&key->addr[0][4], &out_port, sizeof out_port);
    key->port[0] = ethertype;
    key->zone = *zone;
    key->proto = (uint8_t) why;
}
