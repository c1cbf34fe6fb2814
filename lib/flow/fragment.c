/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A tag (keyed hash of zone, addresses, protocol and IP id) chooses a set of
 * two entries.  An entry is two words that are written one after the other
 * without a lock:
 *
 *     check = tag ^ value         value = ports << 32 | proto << 24 | time
 *
 * A reader takes both and accepts them only if check ^ value is the tag it
 * looks for.  Words of two different writers do not fit together, so a torn
 * entry is a miss, as an overwritten one is.  (R. Hyatt, T. Mann: "A lockless
 * transposition table implementation for parallel search", 2002.)
 */

#include "flow/fragment.h"

/* Time is counted in 2^24 ns, about 17 ms, and wraps after three days. */
#define TIME_SHIFT 24
#define TIME_MASK  UINT32_C(0xffffff)
#define LIFE       ((uint32_t) (UINT64_C(30000000000) >> TIME_SHIFT))

static uint64_t
tag_of(const struct insp_packet *packet, const struct insp_zone *zone,
       const struct insp_hash_key *secret)
{
    struct {
        uint8_t src[16];
        uint8_t dst[16];
        struct insp_zone zone;
        uint32_t id;
        uint32_t proto;
        uint32_t ip_version;
    } key;
    size_t size = packet->ip_version == 4 ? 4 : 16;

    _Static_assert(sizeof key == 56, "no padding");
    memset(&key, 0, sizeof key);
    memcpy(key.src, packet->src, size);
    memcpy(key.dst, packet->dst, size);
    key.zone = *zone;
    key.id = packet->frag_id;
    /* IPv6 fragments of one packet may name different next headers; the first
     * one's counts (RFC 8200, 4.5) and is found in the value. */
    key.proto = packet->ip_version == 4 ? packet->proto : 0;
    key.ip_version = packet->ip_version;
    return insp_hash_words(&key, sizeof key / 8, secret);
}

static uint32_t
time_of(uint64_t now_ns)
{
    return (uint32_t) (now_ns >> TIME_SHIFT) & TIME_MASK;
}

/* Two workers' clocks may be a batch apart, so what was noted "just ahead" is
 * as good as what was noted just now. */
static bool
is_live(uint64_t value, uint32_t now)
{
    uint32_t age = (now - (uint32_t) value) & TIME_MASK;

    return value && (age <= LIFE || age >= TIME_MASK - LIFE);
}

static bool
is_icmp(const struct insp_packet *packet)
{
    return packet->proto == INSP_PROTO_ICMP ||
           packet->proto == INSP_PROTO_ICMPV6;
}

void
insp_fragments_note(struct insp_fragments *fragments,
                    const struct insp_packet *packet,
                    const struct insp_zone *zone,
                    const struct insp_hash_key *secret, uint64_t now_ns)
{
    uint64_t tag = tag_of(packet, zone, secret);
    struct insp_fragment *set = fragments->sets[tag % INSP_FRAGMENT_SETS];
    uint32_t now = time_of(now_ns);
    uint64_t ports = (uint64_t) packet->src_port << 16 | packet->dst_port;
    uint64_t values[2];
    uint64_t value;
    unsigned int way;

    if (is_icmp(packet)) {
        ports = (uint64_t) packet->icmp_type << 24 |
                (uint64_t) packet->icmp_code << 16 | packet->icmp_id;
    }
    for (way = 0; way < 2; way++) {
        uint64_t check = INSP_READ(set[way].check);

        values[way] = INSP_READ(set[way].value);
        if ((check ^ values[way]) == tag || !is_live(values[way], now)) {
            break;
        }
    }
    if (way == 2) {
        way = ((now - (uint32_t) values[0]) & TIME_MASK) <
              ((now - (uint32_t) values[1]) & TIME_MASK);
    }
    value = ports << 32 | (uint64_t) packet->proto << 24 | now;
    atomic_store_explicit(&set[way].value, value, memory_order_relaxed);
    atomic_store_explicit(&set[way].check, tag ^ value, memory_order_relaxed);
}

bool
insp_fragments_find(const struct insp_fragments *fragments,
                    struct insp_packet *packet, const struct insp_zone *zone,
                    const struct insp_hash_key *secret, uint64_t now_ns)
{
    uint64_t tag = tag_of(packet, zone, secret);
    const struct insp_fragment *set =
        fragments->sets[tag % INSP_FRAGMENT_SETS];

    for (unsigned int way = 0; way < 2; way++) {
        uint64_t check = INSP_READ(set[way].check);
        uint64_t value = INSP_READ(set[way].value);
        uint32_t ports = (uint32_t) (value >> 32);

        if ((check ^ value) != tag || !is_live(value, time_of(now_ns))) {
            continue;
        }
        packet->proto = (uint8_t) (value >> 24);
        if (is_icmp(packet)) {
            packet->icmp_type = (uint8_t) (ports >> 24);
            packet->icmp_code = (uint8_t) (ports >> 16);
            packet->icmp_id = (uint16_t) ports;
        } else {
            packet->src_port = (uint16_t) (ports >> 16);
            packet->dst_port = (uint16_t) ports;
        }
        return true;
    }
    return false;
}
