/* Plain packets of established connections
 * ========================================
 *
 * The short way: a plain packet (packet/plain.h) of a connection that is
 * established, that this worker owns, of which nobody reads anything and that
 * the policy in force lets pass, is counted, and that is all.  Whatever is
 * else goes the long way (flow/table.h) and finds everything as it was.
 *
 *     frame -> insp_plain_note() -> bucket, entry on their way ->
 *     insp_plain_count(): as many as go, in their order
 *
 * Above:    engine/worker.c.       Below:  flow/key.h, packet/plain.h,
 *                                          flow/table-private.h.
 * Threads:  worker, inside the epoch.
 * Memory:   the caller's.
 * Time:     the caller's.
 * Fails:    never: what is not plain is left to the long way.
 */

#ifndef INSP_FLOW_PLAIN_H
#define INSP_FLOW_PLAIN_H 1

#include "flow/table.h"
#include "packet/plain.h"

/* A packet of a batch, on either way. */
struct insp_noted {
    uint64_t now_ns;            /* When it came. */
    uint32_t hash;              /* Of its key; set on both ways... */
    uint8_t side;               /* ... as is this. */
    bool is_plain;              /* What follows holds. */
    uint8_t proto;
    uint8_t tcp_flags;
    uint32_t addr[2];           /* Of side 0 and 1, as on the wire. */
    uint32_t ports;             /* The first four bytes of insp_key's. */
    uint32_t tcp_seq;
    uint32_t payload_size;
    uint32_t wire_size;
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
    bool are_read;              /* Somebody reads payloads. */
    uint64_t judgement;         /* What a direction's judgement must be... */
    uint64_t judgement_mask;    /* ... in these bits; 1, 0: never. */
};

/* Notes a packet when it is plain. */
static INSP_ALWAYS_INLINE bool
insp_plain_note(const struct insp_plain_batch *b, struct insp_noted *noted,
                const void *frame, uint32_t size, uint32_t wire_size)
{
    struct insp_plain p;
    uint32_t swap, addr[2], ports;

    if (!insp_plain_read(&p, frame, size, wire_size)) {
        return false;
    }
    noted->side = insp_key_side4(p.src, p.dst, p.src_port, p.dst_port);
    swap = -(uint32_t) noted->side; /* All bits, or none. */
    addr[0] = p.src ^ ((p.src ^ p.dst) & swap);
    addr[1] = p.dst ^ ((p.src ^ p.dst) & swap);
    ports = insp_key_ports(p.src_port, p.dst_port);
    ports = noted->side ? ports << 16 | ports >> 16 : ports;
    noted->hash =
        insp_key_hash4(addr, ports, p.proto, b->zone_hash, b->secret);
    memcpy(noted->addr, addr, sizeof noted->addr);
    noted->ports = ports;
    noted->is_plain = true;
    noted->proto = p.proto;
    noted->tcp_flags = p.tcp_flags;
    noted->tcp_seq = p.tcp_seq;
    noted->payload_size = p.payload_size;
    noted->wire_size = wire_size;
    return true;
}

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
