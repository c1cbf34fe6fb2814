/* SPDX-License-Identifier: Apache-2.0 */
/* Path
 * ====
 *
 * What the stages of the packet path hand to each other: a batch, an item
 * of it, and a judgement in the one word that a connection keeps.
 *
 * Above:    engine/worker.c, judge.c, redirect.c, report.c, overload.c.
 * Below:    engine/internal.h.
 * Threads:  a batch belongs to its worker.
 * Memory:   on the worker's stack.
 * Time:     the batch's.
 * Fails:    never.
 */

#ifndef INSP_ENGINE_PATH_H
#define INSP_ENGINE_PATH_H 1

#include "engine/internal.h"
#include "flow/plain.h"

/* A packet on the long way through the stages. */
struct insp_item {
    uint64_t now_ns; /* When it came. */
    struct insp_packet packet;
    struct insp_key key;
    uint32_t hash;
    enum insp_remainder why;
    uint8_t side;
    bool has_connection; /* Else it is a remainder for 'why'. */
    uint32_t out_port;   /* Of the context, or by the MAC address. */
};

struct insp_batch {
    const struct insp_snapshot *snapshot;
    const struct insp_snapshot_inspector *inspector;
    const struct insp_context *ctx;
    uint64_t now_ns;
    struct insp_worker_place *place;
    uint16_t worker;
    bool stale; /* A port of the context is gone. */
    bool tap;
    uint8_t depth; /* enum insp_depth. */
    struct insp_plain_batch plain;
    uint64_t changed; /* Words of 'tally' that are not 0. */
    struct insp_tally tally;
};

/* Adds 'n' to MEMBER of the tally of batch 'b'. */
#define INSP_TALLY(B, MEMBER, N)                                              \
    ((B)->changed |= INSP_TALLY_BIT(&(B)->tally.MEMBER, &(B)->tally),         \
     (B)->tally.MEMBER += (N))

/* version | rule | verdict | slots | as_to_vm */
#define INSP_JUDGEMENT_VERSION_SHIFT 38
#define INSP_JUDGEMENT_RULE_SHIFT    18
#define INSP_JUDGEMENT_OUTCOME       0x3ffff /* All below the rule. */
_Static_assert(INSP_VERSION_BITS + INSP_JUDGEMENT_VERSION_SHIFT == 64 &&
                   INSP_RULE_NUMBER_BITS + INSP_JUDGEMENT_RULE_SHIFT ==
                       INSP_JUDGEMENT_VERSION_SHIFT,
               "a judgement is one word");

static inline uint64_t
insp_judgement_pack(const struct insp_judgement *j, uint32_t version)
{
    return (uint64_t) version << INSP_JUDGEMENT_VERSION_SHIFT |
           (uint64_t) j->rule << INSP_JUDGEMENT_RULE_SHIFT |
           (uint64_t) j->verdict << 16 | (uint64_t) j->slots << 8 |
           j->as_to_vm;
}

static inline uint32_t
insp_judgement_version(uint64_t word)
{
    return (uint32_t) (word >> INSP_JUDGEMENT_VERSION_SHIFT);
}

/* All but the alert. */
static inline void
insp_judgement_unpack(uint64_t word, struct insp_judgement *j)
{
    j->rule =
        (uint32_t) (word >> INSP_JUDGEMENT_RULE_SHIFT) & INSP_RULE_NUMBER_MAX;
    j->verdict = (uint8_t) (word >> 16 & 3);
    j->slots = (uint8_t) (word >> 8);
    j->as_to_vm = (uint8_t) word;
    j->alert = 0;
}

/* Why a packet of which nothing but its beginning could be read has no
 * connection. */
static inline enum insp_remainder
insp_remainder_of_fact(enum insp_packet_fact fact)
{
    return fact == INSP_PACKET_ARP      ? INSP_REMAINDER_ARP
           : fact == INSP_PACKET_NON_IP ? INSP_REMAINDER_NON_IP
                                        : INSP_REMAINDER_MALFORMED;
}

/* What the judgement of a direction must be, in the bits of '*mask', so that
 * the version that is in force has already let the connection pass, to no
 * function; or there are no rules, whatever those said that are gone.  Never
 * of copies of a flood, each of which is judged. */
static inline void
insp_judgement_passes(const struct insp_batch *b, uint64_t *word,
                      uint64_t *mask)
{
    *word = *mask = 0;
    if (b->ctx->flags & INSP_CONTEXT_FLOOD) {
        *word = 1;
    } else if (b->inspector->binding) {
        *word = (uint64_t) b->inspector->version
                << INSP_JUDGEMENT_VERSION_SHIFT;
        *mask = UINT64_MAX << INSP_JUDGEMENT_VERSION_SHIFT |
                INSP_JUDGEMENT_OUTCOME;
    }
}

static inline bool
insp_is_allowed(const struct insp_batch *b, const struct insp_item *item,
                const struct insp_conn *conn)
{
    return (INSP_READ(conn->flow[item->side].judgement) &
            b->plain.judgement_mask) == b->plain.judgement;
}

/* An action in a flow knows where a packet goes by its MAC address alone,
 * which whoever sends it chooses for each.  One that goes elsewhere than the
 * connection is known to go may have been let pass for the sake of that; so
 * it is judged by itself. */
static inline bool
insp_goes_elsewhere(const struct insp_batch *b, const struct insp_item *item,
                    const struct insp_conn *conn)
{
    return b->plain.by_mac &&
           insp_conn_goes_elsewhere(conn, item->side, item->out_port);
}

/* Worker (worker.c): what makes a packet of this batch go the short way. */
void insp_plain_begin(struct insp_batch *);

/* Worker (judge.c): what the rules say of a packet that has been counted;
 * there are rules, or it has no connection ('conn' is NULL). */
void insp_judge(struct insp_batch *, const struct insp_item *,
                const struct insp_frame *, struct insp_conn *,
                struct insp_judgement *);

/* Worker (judge.c): what rules look at has changed, so both directions are to
 * be judged again. */
void insp_judge_anew(struct insp_conn *);

/* Whether a packet of 'conn' has anything for its readers.  '*expected' is the
 * sequence number that its direction was to go on with: to be asked before the
 * packet is counted; -1: not known. */
static inline bool
insp_reads(const struct insp_batch *b, const struct insp_item *item,
           const struct insp_conn *conn, int64_t *expected)
{
    const struct insp_packet *packet = &item->packet;
    const struct insp_flow *flow = &conn->flow[item->side];

    if (!insp_dialog_wants(conn, item->side, packet->payload_size,
                           packet->tcp_flags) ||
        INSP_UNLIKELY(b->depth >= INSP_DEPTH_CONNECTIONS) ||
        (packet->proto != INSP_PROTO_TCP && packet->proto != INSP_PROTO_UDP &&
         packet->proto != INSP_PROTO_GRE) ||
        !b->inspector->dialogs) {
        return false;
    }
    *expected =
        INSP_READ(flow->packets) ? (int64_t) INSP_READ(flow->seq_next) : -1;
    return true;
}

/* Worker (read.c): shows the payload to the readers; to be called when the
 * packet has been counted. */
void insp_read(struct insp_batch *, const struct insp_item *,
               const struct insp_frame *, const struct insp_flow_packet *,
               struct insp_conn *, int64_t expected);

/* Worker (redirect.c): sends a packet to the functions of the judgement's
 * slots: the verdict is REDIRECT to the first that takes it, or what follows
 * from the fail_mode of those that do not. */
void insp_redirect(struct insp_batch *, const struct insp_item *,
                   const struct insp_frame *, const struct insp_judgement *,
                   struct insp_verdict *);

/* Worker (overload.c): inspects a batch at depth PORTS: all are allowed. */
void insp_count_by_port(struct insp_batch *, const struct insp_frame *,
                        size_t n);

const struct insp_snapshot_inspector *insp_snapshot_find(
    const struct insp_snapshot *, uint32_t id);

#endif /* engine/path.h */
