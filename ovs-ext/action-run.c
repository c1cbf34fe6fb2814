/* How it works:
 *
 *     batch -> frames[32] -> insp_worker_run() -> verdicts[32]
 *                                                    |
 *         allow: back into the batch   <-------------+
 *         drop, reset: deleted         <-------------+
 *         redirect: by slot, into sub-batches that run the slot's list
 *
 * The batch is first put in order and only then are lists run, because a
 * list may recirculate and come back here.  A packet that leaves the batch
 * is ours, whatever the caller's 'steal' says; hooks.h says how the one
 * caller that frees its packets by itself is dealt with.
 *
 * Counters are per process and relaxed: they are touched by packets with a
 * verdict other than allow only. */

#include <config.h>

#include "ovs-ext/action-run.h"

#include <stdatomic.h>

#include "dp-packet.h"
#include "engine/engine.h"
#include "netlink.h"
#include "odp-execute.h"
#include "openvswitch/compiler.h"
#include "ovs-ext/action-codec.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/ovs-compat.h"
#include "ovs-ext/worker-map.h"
#include "ovs-rcu.h"
#include "packets.h"

BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_TAP == (int) INSP_CONTEXT_TAP);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_AUTO == (int) INSP_CONTEXT_AUTO);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_FLOOD == (int) INSP_CONTEXT_FLOOD);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_NAT_SPLIT
                  == (int) INSP_CONTEXT_NAT_SPLIT);
#define ENGINE_FLAGS                                            \
    (OVSEXT_CONTEXT_TAP | OVSEXT_CONTEXT_AUTO                   \
     | OVSEXT_CONTEXT_FLOOD | OVSEXT_CONTEXT_NAT_SPLIT)

static struct insp_engine *_Atomic engine_in_force;
static _Atomic uint64_t n_dropped;
static _Atomic uint64_t n_reset;
static _Atomic uint64_t n_redirected;
static _Atomic uint64_t n_function_down;

/* At most INSP_BATCH_MAX packets of a batch, as the engine sees them. */
struct piece {
    struct insp_frame frames[INSP_BATCH_MAX];
    struct insp_nat_tuple nat[INSP_BATCH_MAX];
    uint8_t pushed[INSP_BATCH_MAX];     /* Bytes lent by push_ethernet(). */
    size_t n;
};

static void
count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ICMP has no ports: connection tracking remembers type and code there.  A
 * query is told by its identifier, which translation leaves alone, as the
 * parser does it. */
static void
fill_icmp_ports(struct insp_nat_tuple *nat, const struct dp_packet *packet)
{
    const uint8_t *l4 = dp_packet_l4(packet);
    uint16_t port = (nat->src_port & 0xff) << 8 | (nat->dst_port & 0xff);
    bool query;

    if (nat->proto == IPPROTO_ICMP) {
        query = (nat->src_port == 8 || nat->src_port == 13
                 || nat->src_port == 15 || nat->src_port == 17);
    } else {
        query = nat->src_port == 128;
    }
    if (query && l4 && dp_packet_l4_size(packet) >= 6) {
        port = l4[4] << 8 | l4[5];
    }
    nat->src_port = port;
    nat->dst_port = port;
}

/* The tuple before translation, if the packet was translated and connection
 * tracking still knows. */
static const struct insp_nat_tuple *
fill_nat(struct insp_nat_tuple *nat, const struct dp_packet *packet)
{
    const struct pkt_metadata *md = &packet->md;

    if (OVS_LIKELY(!(md->ct_state & (CS_SRC_NAT | CS_DST_NAT)))
        || md->ct_state & CS_RELATED) {
        /* An error about a connection has the tuple of that, not its own. */
        return NULL;
    }

    memset(nat, 0, sizeof *nat);
    if (md->ct_orig_tuple_ipv6) {
        const struct ovs_key_ct_tuple_ipv6 *tuple = &md->ct_orig_tuple.ipv6;

        memcpy(nat->src, &tuple->ipv6_src, 16);
        memcpy(nat->dst, &tuple->ipv6_dst, 16);
        nat->src_port = ntohs(tuple->src_port);
        nat->dst_port = ntohs(tuple->dst_port);
        nat->proto = tuple->ipv6_proto;
        nat->ip_version = 6;
    } else {
        const struct ovs_key_ct_tuple_ipv4 *tuple = &md->ct_orig_tuple.ipv4;

        memcpy(nat->src, &tuple->ipv4_src, 4);
        memcpy(nat->dst, &tuple->ipv4_dst, 4);
        nat->src_port = ntohs(tuple->src_port);
        nat->dst_port = ntohs(tuple->dst_port);
        nat->proto = tuple->ipv4_proto;
        nat->ip_version = 4;
    }
    if (nat->proto == IPPROTO_ICMP || nat->proto == IPPROTO_ICMPV6) {
        fill_icmp_ports(nat, packet);
    }
    nat->reply = (md->ct_state & CS_REPLY_DIR) != 0;
    return nat;
}

/* A packet of a tunnel without Ethernet inside: lends it a header of zeros
 * and its ethertype, in its headroom, for as long as the engine looks. */
static uint8_t
push_ethernet(struct dp_packet *packet)
{
    ovs_be16 type = pt_ns_type_be(packet->packet_type);
    struct eth_header *eth;

    if (dp_packet_headroom(packet) < sizeof *eth) {
        return 0;
    }
    eth = dp_packet_push_uninit(packet, sizeof *eth);
    memset(eth, 0, sizeof *eth);
    eth->eth_type = type;
    return sizeof *eth;
}

static void
fill_frame(struct piece *piece, size_t i, struct dp_packet *packet)
{
    struct insp_frame *frame = &piece->frames[i];

    frame->wire_size = dp_packet_size(packet);
    frame->size = frame->wire_size;
    frame->nat = fill_nat(&piece->nat[i], packet);
    piece->pushed[i] = 0;
    if (OVS_UNLIKELY(packet->packet_type != htonl(PT_ETH))) {
        piece->pushed[i] = push_ethernet(packet);
        frame->size = piece->pushed[i] ? dp_packet_size(packet) : 0;
    }
    frame->data = dp_packet_data(packet);
}

static void
return_pushed(const struct piece *piece, struct dp_packet **packets)
{
    for (size_t i = 0; i < piece->n; i++) {
        if (OVS_UNLIKELY(piece->pushed[i])) {
            dp_packet_pull(packets[i], piece->pushed[i]);
        }
    }
}

/* Where the packets of one action go. */
struct outcome {
    const struct nlattr *inspect;
    bool fail_closed;
    bool trunc;
    uint16_t used;                      /* Bits: slots with packets. */
    struct dp_packet_batch *redirects;  /* By slot - FIRST_SLOT. */
};

#define FIRST_SLOT 4
#define N_REDIRECT_SLOTS 8

/* True if 'packet' is to stay in the batch. */
static bool
apply_redirect(struct outcome *outcome, uint8_t slot,
               struct dp_packet *packet)
{
    unsigned int i = slot - FIRST_SLOT;

    if (slot < FIRST_SLOT || i >= N_REDIRECT_SLOTS
        || !ovsext_attr_redirect(outcome->inspect, slot)) {
        count(&n_function_down);
        if (!outcome->fail_closed) {
            return true;
        }
        dp_packet_delete(packet);
        return false;
    }

    if (!(outcome->used & 1u << i)) {
        outcome->used |= 1u << i;
        dp_packet_batch_init(&outcome->redirects[i]);
        outcome->redirects[i].trunc = outcome->trunc;
    }
    dp_packet_batch_add(&outcome->redirects[i], packet);
    count(&n_redirected);
    return false;
}

static bool
apply_verdict(struct outcome *outcome, const struct insp_verdict *verdict,
              struct dp_packet *packet)
{
    switch ((enum insp_verdict_kind) verdict->kind) {
    case INSP_VERDICT_ALLOW:
        return true;

    case INSP_VERDICT_REDIRECT:
        return apply_redirect(outcome, verdict->slot, packet);

    case INSP_VERDICT_RESET:
        count(&n_reset);
        break;

    case INSP_VERDICT_DROP:
        count(&n_dropped);
        break;
    }
    dp_packet_delete(packet);
    return false;
}

static void
run_redirects(struct outcome *outcome, void *dp, ovsext_execute_func *execute)
{
    for (uint8_t i = 0; i < N_REDIRECT_SLOTS; i++) {
        if (outcome->used & 1u << i) {
            const struct nlattr *list = ovsext_attr_redirect(outcome->inspect,
                                                             FIRST_SLOT + i);

            odp_execute_actions(dp, &outcome->redirects[i], true,
                                nl_attr_get(list), nl_attr_get_size(list),
                                execute);
        }
    }
}

static void
apply_verdicts(void *dp, struct dp_packet_batch *batch,
               const struct nlattr *inspect,
               const struct ovsext_context *attr,
               const struct insp_verdict *verdicts,
               ovsext_execute_func *execute)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet_batch redirects[N_REDIRECT_SLOTS];
    struct outcome outcome = {
        .inspect = inspect,
        .fail_closed = attr->flags & OVSEXT_CONTEXT_FAIL_CLOSED,
        .trunc = batch->trunc,
        .redirects = redirects,
    };
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (apply_verdict(&outcome, &verdicts[i], packet)) {
            ovsext_batch_keep(batch, packet, i);
        }
    }
    run_redirects(&outcome, dp, execute);
}

/* Every worker slot is taken: the packets are lost to inspection.  They pass
 * unless the operator wants to be blind by closing. */
static void
run_without_worker(struct insp_engine *engine, struct dp_packet_batch *batch,
                   const struct ovsext_context *attr)
{
    struct dp_packet *packet;
    uint64_t bytes = 0;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        bytes += dp_packet_size(packet);
    }
    insp_engine_count_lost(engine, attr->inspector, INSP_LOST_NO_WORKER,
                           dp_packet_batch_size(batch), bytes);
    if (attr->flags & OVSEXT_CONTEXT_FAIL_CLOSED
        && !(attr->flags & OVSEXT_CONTEXT_TAP)) {
        dp_packet_delete_batch(batch, true);
        dp_packet_batch_init(batch);
    }
}

static void
run(void *dp, struct dp_packet_batch *batch, const struct nlattr *inspect,
    ovsext_execute_func *execute)
{
    const struct ovsext_context *attr = ovsext_attr_context(inspect);
    const size_t size = dp_packet_batch_size(batch);
    struct insp_verdict verdicts[OVSEXT_BATCH_MAX];
    struct insp_context context;
    struct insp_engine *engine;
    unsigned int slot;
    bool all_allowed = true;
    uint64_t now_ns;

    engine = atomic_load_explicit(&engine_in_force, memory_order_acquire);
    if (!engine || !attr || !size) {
        return;
    }
    slot = ovsext_worker_slot();
    if (OVS_UNLIKELY(slot == OVSEXT_NO_WORKER)) {
        run_without_worker(engine, batch, attr);
        return;
    }

    /* An id that means nothing on this bridge is told as one that means
     * nothing at all: the engine counts it, and inspects nothing. */
    context.inspector = (attr->flags & OVSEXT_CONTEXT_UNKNOWN
                         ? 0 : attr->inspector);
    context.flags = attr->flags & ENGINE_FLAGS;
    context.in_port = attr->in_port;
    context.out_port = attr->out_port;
    context.zone = attr->zone;

    now_ns = ovsext_monotonic_ns();
    for (size_t start = 0; start < size; start += INSP_BATCH_MAX) {
        struct dp_packet **packets = &batch->packets[start];
        struct piece piece;

        piece.n = MIN(size - start, INSP_BATCH_MAX);
        for (size_t i = 0; i < piece.n; i++) {
            fill_frame(&piece, i, packets[i]);
        }
        all_allowed &= insp_worker_run(engine, slot, &context, piece.frames,
                                       piece.n, now_ns, &verdicts[start]);
        return_pushed(&piece, packets);
    }

    if (OVS_UNLIKELY(!all_allowed)
        && !(attr->flags & (OVSEXT_CONTEXT_TAP | OVSEXT_CONTEXT_UNKNOWN))) {
        apply_verdicts(dp, batch, inspect, attr, verdicts, execute);
    }
}

void
ovsext_run_set_engine(struct insp_engine *engine)
{
    static bool initialized;

    if (!initialized) {
        initialized = true;
        ovsext_worker_map_init();
    }

    if (engine) {
        atomic_store_explicit(&engine_in_force, engine, memory_order_release);
        ovsext_set_runner(run);
    } else {
        ovsext_set_runner(NULL);
        atomic_store_explicit(&engine_in_force, NULL, memory_order_release);

        /* Threads that run actions are registered with RCU. */
        ovsrcu_synchronize();
    }
}

void
ovsext_run_get_stats(struct ovsext_run_stats *stats)
{
    stats->dropped = atomic_load_explicit(&n_dropped, memory_order_relaxed);
    stats->reset = atomic_load_explicit(&n_reset, memory_order_relaxed);
    stats->redirected = atomic_load_explicit(&n_redirected,
                                             memory_order_relaxed);
    stats->function_down = atomic_load_explicit(&n_function_down,
                                                memory_order_relaxed);
}
