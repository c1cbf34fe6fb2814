/* SPDX-License-Identifier: Apache-2.0 */
/* Plain packets of established connections
 * ========================================
 *
 * The short way: a plain packet (packet/plain.h) of a connection that is
 * established, that this worker owns, of which nobody reads anything and that
 * the policy in force lets pass, is counted, and that is all.  Whatever is
 * else goes the long way (flow/table.h) and finds everything as it was.
 *
 *     frame -> insp_plain_note4(), 6 -> bucket, entry on their way ->
 *     insp_plain_count(): as many as go, in their order
 *
 * Above:    engine/worker.c.       Below:  flow/key.h, packet/plain.h,
 *                                          flow/table-private.h.
 * Threads:  worker, inside the epoch.
 * Memory:   the caller's; frames must stay until all are counted.
 * Time:     the caller's.
 * Fails:    never: what is not plain is left to the long way.
 */

#ifndef INSP_FLOW_PLAIN_H
#define INSP_FLOW_PLAIN_H 1

#include "flow/table.h"
#include "packet/plain.h"

/* A packet of a batch, on either way. */
struct insp_noted {
    uint64_t now_ns; /* When it came. */
    uint32_t hash;   /* Of its key; set on both ways... */
    uint8_t side;    /* ... as is this. */
    bool is_plain;   /* What follows holds. */
    bool is_tcp;
    uint8_t tcp_flags;
    uint32_t addr4[2];       /* Of side 0 and 1, as on the wire, or */
    const uint8_t *addr6[2]; /* these in the frame; NULL: it is IPv4. */
    uint32_t ports;          /* insp_key_ports() of side 0 and 1. */
    uint32_t kind;           /* insp_key_kind(). */
    uint32_t tcp_seq;
    uint32_t payload_size;
    uint32_t wire_size;
    uint32_t out_port; /* 'by_mac' alone: that of the MAC address. */
};

/* What all packets of a batch have in common. */
struct insp_plain_batch {
    struct insp_table *table;
    const _Atomic uint64_t *buckets;
    uint32_t bucket_mask;
    const struct insp_zone *zone;
    const struct insp_hash_key *secret;
    uint64_t zone_hash;
    uint32_t in_port;
    uint16_t worker;
    bool are_read;           /* Somebody reads payloads. */
    bool by_mac;             /* Where a packet goes, its MAC address says:
                              * then it is asked where others went. */
    uint64_t judgement;      /* What a direction's judgement must be... */
    uint64_t judgement_mask; /* ... in these bits: none, any word;
                              * 1 of none, no word. */
};

/* All but side and addresses, which are there and 'mix'ed. */
static INSP_ALWAYS_INLINE void
insp_plain_note_rest(const struct insp_plain_batch *b,
                     struct insp_noted *noted, const struct insp_plain *p,
                     uint8_t ip_version, uint64_t mix, uint32_t wire_size)
{
    noted->ports = noted->side ? insp_key_ports(p->dst_port, p->src_port)
                               : insp_key_ports(p->src_port, p->dst_port);
    noted->kind = insp_key_kind(ip_version, p->proto);
    noted->hash = insp_key_finish(mix, noted->ports, noted->kind, b->zone_hash,
                                  b->secret);
    noted->is_plain = true;
    noted->is_tcp = p->proto == INSP_PROTO_TCP;
    noted->tcp_flags = p->tcp_flags;
    noted->tcp_seq = p->tcp_seq;
    noted->payload_size = p->payload_size;
    noted->wire_size = wire_size;
}

/* Notes a packet when it is plain and IPv4.  Without a branch: which side
 * sends is as good as random. */
static INSP_ALWAYS_INLINE bool
insp_plain_note4(const struct insp_plain_batch *b, struct insp_noted *noted,
                 const void *frame, uint32_t size, uint32_t wire_size)
{
    uint32_t src, dst, swap;
    struct insp_plain p;

    if (INSP_UNLIKELY(!insp_plain_read(&p, 4, frame, size, wire_size))) {
        return false;
    }
    memcpy(&src, p.addresses, sizeof src);
    memcpy(&dst, p.addresses + 4, sizeof dst);
    noted->side = insp_key_side4(src, dst, p.src_port, p.dst_port);
    swap = (src ^ dst) & -(uint32_t) noted->side;
    src ^= swap;
    dst ^= swap;
    noted->addr4[0] = src;
    noted->addr4[1] = dst;
    noted->addr6[0] = NULL;
    insp_plain_note_rest(b, noted, &p, 4, insp_key_mix4(src, dst), wire_size);
    return true;
}

/* The same of IPv6. */
bool insp_plain_note6(const struct insp_plain_batch *, struct insp_noted *,
                      const void *frame, uint32_t size, uint32_t wire_size);

/* The table, and where its buckets are. */
void insp_plain_set_table(struct insp_plain_batch *, struct insp_table *);

static inline void
insp_plain_prefetch_bucket(const struct insp_plain_batch *b, uint32_t hash)
{
    INSP_PREFETCH(&b->buckets[hash & b->bucket_mask]);
}

/* Brings the entries of 'n' packets nearer, whose buckets are there. */
void insp_plain_prefetch(const struct insp_table *, const struct insp_noted *,
                         size_t n);

/* Counts the plain packets from 'from' on, up to the first that must go the
 * long way; returns its place, or 'n'.  Adds their bytes to '*bytes'. */
size_t insp_plain_count(const struct insp_plain_batch *,
                        const struct insp_noted *, size_t from, size_t n,
                        uint64_t *bytes);

#endif /* flow/plain.h */
