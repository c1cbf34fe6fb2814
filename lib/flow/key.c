/* How it works
 * ------------
 *
 * The side whose address, then port, is the smaller one as a string of bytes
 * is side 0.  Equal sides (a packet from an endpoint to itself) are side 0
 * in both directions.
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

static inline uint64_t
load64(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap64(word);
}

static inline uint32_t
load32(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap32(word);
}

static inline int
compare16(const uint8_t *a, const uint8_t *b)
{
    uint64_t x = load64(a);
    uint64_t y = load64(b);

    if (x == y) {
        x = load64(a + 8);
        y = load64(b + 8);
    }
    return (x > y) - (x < y);
}

static inline void
put_mapped(uint8_t to[16], const uint8_t address[4])
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    memcpy(to, prefix, sizeof prefix);
    memcpy(to + sizeof prefix, address, 4);
}

static inline unsigned int
make_key(struct insp_key *key, uint8_t ip_version, uint8_t proto,
         const uint8_t *src, const uint8_t *dst, uint16_t src_port,
         uint16_t dst_port, const struct insp_zone *zone)
{
    unsigned int side;

    if (INSP_LIKELY(ip_version == 4)) {
        uint64_t from = (uint64_t) load32(src) << 16 | src_port;
        uint64_t to = (uint64_t) load32(dst) << 16 | dst_port;

        side = from > to;
        put_mapped(key->addr[side], src);
        put_mapped(key->addr[!side], dst);
    } else {
        int order = compare16(src, dst);

        side = order > 0 || (!order && src_port > dst_port);
        memcpy(key->addr[side], src, 16);
        memcpy(key->addr[!side], dst, 16);
    }
    key->port[side] = src_port;
    key->port[!side] = dst_port;
    key->zone = *zone;
    key->ip_version = ip_version;
    key->proto = proto;
    key->zero = 0;
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

unsigned int
insp_key_from_packet(struct insp_key *key, const struct insp_packet *packet,
                     const struct insp_zone *zone)
{
    uint16_t src_port = packet->src_port;
    uint16_t dst_port = packet->dst_port;

    if (packet->proto == INSP_PROTO_ICMP ||
        packet->proto == INSP_PROTO_ICMPV6) {
        src_port =
            insp_icmp_has_id(packet->proto, packet->icmp_type)
                ? packet->icmp_id
                : (uint16_t) (packet->icmp_type << 8 | packet->icmp_code);
        dst_port = src_port;
    }
    return make_key(key, packet->ip_version, packet->proto, packet->src,
                    packet->dst, src_port, dst_port, zone);
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
