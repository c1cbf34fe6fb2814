/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * All memory is one mapping, laid out once:
 *
 *     | struct insp_flights | entries | buckets | holds | live |
 *
 * Zeros mean "empty" wherever there are many of a thing, so creation touches
 * one page, and the kernel gives the others when they are first used.  The
 * entries whose number can be a VLAN id come first and are kept for those
 * who ask for such a one; 'n' others follow.
 *
 * A key holds what a function at the second or third layer leaves alone.  A
 * print holds what a packet has to itself: not the TTL, which a router
 * changes, and of TCP not the checksum, which a virtual device leaves to the
 * next one and which another port may find filled in; its sequence numbers
 * tell enough.
 */

#include "flow/flight.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cursor.h"
#include "flow/flight-private.h"

#define COOKIE_MAX UINT32_C(0xffffff)

/* ------------------------------------------------------------------------ */
/* Of a packet. */

/* False when the frame ended inside its Ethernet header. */
static bool
has_macs(const struct insp_packet *packet)
{
    return packet->l3_ofs || packet->n_vlans;
}

void
insp_flight_key_init(struct insp_flight_key *key, uint32_t function,
                     uint8_t arm, const struct insp_packet *packet,
                     const void *frame)
{
    const uint8_t *eth = frame;
    size_t n = packet->ip_version == 4 ? 4 : 16;

    memset(key, 0, sizeof *key);
    key->function = function;
    key->arm = arm;
    key->ethertype = packet->ethertype;
    key->vlan = packet->n_vlans ? packet->vlan[0] & 0x0fff : 0;
    if (has_macs(packet)) {
        memcpy(key->mac[0], eth + 6, 6);
        memcpy(key->mac[1], eth, 6);
    }
    if (packet->src) {
        memcpy(key->addr[0], packet->src, n);
        memcpy(key->addr[1], packet->dst, n);
    }
    if (packet->is_fragment) {
        /* The first fragment of IPv6 and a later one name different headers
         * as what follows, and a later one may have been told the protocol
         * by its first: of neither is that certain when it returns. */
        key->proto = packet->ip_version == 4 ? packet->proto : 0;
        key->frag_id = packet->frag_id;
    } else if (packet->proto == INSP_PROTO_ICMP ||
               packet->proto == INSP_PROTO_ICMPV6) {
        key->proto = packet->proto;
        key->port[0] = (uint16_t) (packet->icmp_type << 8 | packet->icmp_code);
        key->port[1] = packet->icmp_id;
    } else {
        key->proto = packet->proto;
        key->port[0] = packet->src_port;
        key->port[1] = packet->dst_port;
    }
}

/* What the transport header has to tell, when it was read. */
static uint64_t
print_l4(const struct insp_packet *packet, const uint8_t *l4)
{
    if (packet->payload_ofs <= packet->l4_ofs) {
        return 0;
    }
    switch (packet->proto) {
    case INSP_PROTO_TCP:
        return ((uint64_t) packet->tcp_seq << 32 | packet->tcp_ack) ^
               ((uint64_t) packet->tcp_flags << 24 |
                (uint64_t) packet->tcp_window << 8);
    case INSP_PROTO_UDP: return insp_be16(l4 + 6);
    case INSP_PROTO_SCTP: return insp_be32(l4 + 8);
    case INSP_PROTO_ICMP:
    case INSP_PROTO_ICMPV6:
        return (uint64_t) insp_be16(l4 + 2) << 32 | insp_be32(l4 + 4);
    default: return 0;
    }
}

uint32_t
insp_flight_print(const struct insp_packet *packet, const void *frame)
{
    const uint8_t *bytes = frame;
    uint64_t network = packet->frag_id;
    uint64_t print;

    if (packet->ip_version == 4) {
        /* Id, flags and offset. */
        network = insp_be32(bytes + packet->l3_ofs + 4);
    }
    network = network << 32 | packet->payload_size;
    print = print_l4(packet, bytes + packet->l4_ofs);
    /* Any odd constants do: whoever forges prints confuses his own flow. */
    print = insp_hash_fold(print ^ UINT64_C(0x9e3779b97f4a7c15),
                           network ^ UINT64_C(0xc2b2ae3d27d4eb4f));
    return (uint32_t) (print ^ print >> 32);
}

/* ------------------------------------------------------------------------ */
/* Beginning and end. */

struct layout {
    uint64_t n_entries;
    uint64_t n_buckets;
    size_t entries, buckets, holds, live;
    size_t size;
};

/* Says where 'n' elements lie that come next. */
static size_t
place(struct layout *l, uint64_t n, size_t element_size)
{
    size_t at = l->size;

    l->size += (n * element_size + INSP_CACHE_LINE - 1) &
               ~(size_t) (INSP_CACHE_LINE - 1);
    return at;
}

static void
lay_out(struct layout *l, uint32_t n)
{
    memset(l, 0, sizeof *l);
    l->n_entries = (uint64_t) n + INSP_FLIGHT_N_VLAN;
    for (l->n_buckets = 1024; l->n_buckets < l->n_entries * 3 / 2;) {
        l->n_buckets *= 2;
    }
    (void) place(l, 1, sizeof(struct insp_flights));
    l->entries = place(l, l->n_entries, sizeof(struct insp_flight));
    l->buckets = place(l, l->n_buckets, sizeof(uint64_t));
    l->holds = place(l, l->n_entries, sizeof(struct insp_flight_hold));
    l->live = place(l, l->n_entries, sizeof(uint32_t));
}

size_t
insp_flights_size(uint32_t n)
{
    struct layout l;

    lay_out(&l, n);
    return l.size;
}

/* More than a cookie can name, or than the machine has, which the kernel
 * would promise all the same. */
static bool
is_absurd(const struct layout *l)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    return l->n_entries > COOKIE_MAX ||
           (pages > 0 && page > 0 && l->size / (size_t) page > (size_t) pages);
}

static void
init_pools(struct insp_flights *f)
{
    struct insp_flight_pool *vlan = &f->pools[INSP_FLIGHT_POOL_VLAN];
    struct insp_flight_pool *any = &f->pools[INSP_FLIGHT_POOL_ANY];

    vlan->n = INSP_FLIGHT_N_VLAN;
    any->first = INSP_FLIGHT_N_VLAN;
    any->n = f->n_entries - INSP_FLIGHT_N_VLAN;
    for (int i = 0; i < INSP_FLIGHT_N_POOLS; i++) {
        insp_stack_init(&f->pools[i].free, &f->entries->link,
                        sizeof *f->entries);
    }
    insp_stack_init(&f->born, &f->entries->link, sizeof *f->entries);
}

int
insp_flights_create(uint32_t n, struct insp_epoch *epoch,
                    const struct insp_hash_key *secret,
                    struct insp_flights **fp)
{
    struct layout l;
    struct insp_flights *f;
    uint8_t *base;

    *fp = NULL;
    lay_out(&l, n);
    if (is_absurd(&l)) {
        return ENOMEM;
    }
    base = mmap(NULL, l.size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return ENOMEM;
    }
    f = (void *) base;
    f->size = l.size;
    f->epoch = epoch;
    f->secret = *secret;
    f->n_entries = (uint32_t) l.n_entries;
    f->bucket_mask = (uint32_t) (l.n_buckets - 1);
    f->entries = (void *) (base + l.entries);
    f->buckets = (void *) (base + l.buckets);
    f->holds = (void *) (base + l.holds);
    f->live = (void *) (base + l.live);
    init_pools(f);
    *fp = f;
    return 0;
}

void
insp_flights_destroy(struct insp_flights *f)
{
    if (f) {
        (void) munmap(f, f->size);
    }
}
