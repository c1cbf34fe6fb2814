/* SPDX-License-Identifier: Apache-2.0 */
/* How it works:
 *
 *     batch -> frames[32] -> insp_worker_run() -> verdicts[32]
 *                                                    |
 *         allow: back into the batch   <-------------+
 *         drop: deleted                <-------------+
 *         reset: deleted, or a RST to the destination in its place
 *         redirect: by function and arm, into sub-batches that run the list
 *
 *     out of a function -> frames[32] -> insp_worker_return() -> results[32]
 *                                                    |
 *         allow: those with equal rests, in a row, run it
 *         redirect: as above           <-------------+
 *         else: deleted                <-------------+
 *
 * The batch is first put in order and only then are lists run, because a
 * list may recirculate and come back here.  A packet that leaves the batch
 * is ours, whatever the caller's 'steal' says; hooks.h says how the one
 * caller that frees its packets by itself is dealt with.
 *
 * What is left to do with the batch is kept for packets that are redirected,
 * and nothing is kept when the action has no redirect list.
 *
 * Counters are a line or two a worker, which writes nobody else's: what drops
 * or redirects millions of packets a second on every thread shares nothing. */

#include <config.h>

#include "ovs-ext/action-run.h"

#include <stdatomic.h>

#include "dp-packet.h"
#include "engine/engine.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-util.h"
#include "openvswitch/compiler.h"
#include "ovs-ext/action-codec.h"
#include "ovs-ext/answer.h"
#include "ovs-ext/encap.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/ovs-compat.h"
#include "ovs-ext/rest.h"
#include "ovs-ext/worker-map.h"
#include "ovs-rcu.h"
#include "packets.h"

BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_TAP == (int) INSP_CONTEXT_TAP);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_AUTO == (int) INSP_CONTEXT_AUTO);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_FLOOD == (int) INSP_CONTEXT_FLOOD);
BUILD_ASSERT_DECL((int) OVSEXT_CONTEXT_NAT_SPLIT ==
                  (int) INSP_CONTEXT_NAT_SPLIT);
#define ENGINE_FLAGS                                                          \
    (OVSEXT_CONTEXT_TAP | OVSEXT_CONTEXT_AUTO | OVSEXT_CONTEXT_FLOOD |        \
     OVSEXT_CONTEXT_NAT_SPLIT)

static struct insp_engine *_Atomic engine_in_force;

enum counter {
    N_DROPPED,
    N_RESET,
    N_ANSWERED,
    N_UNANSWERED,
    N_REDIRECTED,
    N_FUNCTION_DOWN,
    N_RETURNED,
    N_REFUSED,
    N_UNDELIVERABLE,
    N_COUNTERS
};

/* By worker, each written by that worker only. */
static struct {
    _Alignas(2 * CACHE_LINE_SIZE) _Atomic uint64_t n[N_COUNTERS];
} counters[OVSEXT_MAX_WORKERS];

/* At most INSP_BATCH_MAX packets of a batch, as the engine sees them. */
struct piece {
    struct insp_frame frames[INSP_BATCH_MAX];
    struct insp_nat_tuple nat[INSP_BATCH_MAX];
    uint8_t pushed[INSP_BATCH_MAX]; /* Bytes lent by push_ethernet(). */
    size_t n;
};

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
        query = (nat->src_port == 8 || nat->src_port == 13 ||
                 nat->src_port == 15 || nat->src_port == 17);
    } else {
        query = nat->src_port == 128;
    }
    if (query && l4 && dp_packet_l4_size(packet) >= 6) {
        port = l4[4] << 8 | l4[5];
    }
    nat->icmp_type = (uint8_t) nat->src_port;
    nat->src_port = port;
    nat->dst_port = port;
}

/* The tuple before translation, if the packet was translated and connection
 * tracking still knows. */
static const struct insp_nat_tuple *
fill_nat(struct insp_nat_tuple *nat, const struct dp_packet *packet)
{
    const struct pkt_metadata *md = &packet->md;

    if (OVS_LIKELY(!(md->ct_state & (CS_SRC_NAT | CS_DST_NAT))) ||
        md->ct_state & CS_RELATED) {
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

/* One run of an action. */
struct run {
    void *dp;
    ovsext_execute_func *execute;
    struct insp_engine *engine;
    unsigned int worker;
    uint64_t now_ns;
    const struct ovsext_context *attr;
    const struct nlattr *inspect;

    /* Two views of the same: the second one is the engine's. */
    struct ovsext_way ways[INSP_MAX_WAYS];
    struct insp_way engine_ways[INSP_MAX_WAYS];
    size_t n_ways;

    /* Where packets go: sub-batches, valid if their bit is set. */
    struct dp_packet_batch *redirects; /* By way. */
    uint32_t used;
    struct dp_packet_batch *answers; /* To the source; NULL: none. */
    bool trunc;
};

static void
count_n(const struct run *run, enum counter which, uint64_t n)
{
    _Atomic uint64_t *counter = &counters[run->worker].n[which];
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static void
count(const struct run *run, enum counter which)
{
    count_n(run, which, 1);
}

static void
tell_ways(struct run *run)
{
    for (size_t i = 0; i < run->n_ways; i++) {
        run->engine_ways[i].function = run->ways[i].function;
        run->engine_ways[i].arm = run->ways[i].arm;
    }
}

static void
find_ways(struct run *run)
{
    run->n_ways = ovsext_attr_ways(run->inspect, run->ways, INSP_MAX_WAYS);
    tell_ways(run);
}

/* Connection tracking asks the datapath flow for the ethertype, which on
 * return would be that of the NSH: where tracking is left to do, functions
 * with an NSH cannot be reached. */
static void
forget_nsh_ways(struct run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_ways; i++) {
        if (run->ways[i].encap != INSP_ENCAP_NSH) {
            run->ways[n++] = run->ways[i];
        }
    }
    run->n_ways = n;
    tell_ways(run);
}

/* The list that a verdict names, or -1. */
static int
way_of(const struct run *run, const struct insp_verdict *verdict)
{
    for (size_t i = 0; i < run->n_ways; i++) {
        if (run->ways[i].function == verdict->function &&
            run->ways[i].arm == verdict->arm) {
            return (int) i;
        }
    }
    return -1;
}

/* False: the packet cannot leave after all and is to be dropped. */
static bool
redirect(struct run *run, const struct insp_verdict *verdict,
         struct dp_packet *packet)
{
    int way = way_of(run, verdict);

    if (way < 0 ||
        !ovsext_encap_push(packet, verdict->encap, verdict->cookie)) {
        insp_worker_cancel(run->engine, run->worker, run->attr->inspector,
                           verdict);
        count(run, N_FUNCTION_DOWN);
        return false;
    }
    if (!(run->used & UINT32_C(1) << way)) {
        run->used |= UINT32_C(1) << way;
        dp_packet_batch_init(&run->redirects[way]);
        run->redirects[way].trunc = run->trunc;
    }
    dp_packet_batch_add(&run->redirects[way], packet);
    count(run, N_REDIRECTED);
    return true;
}

/* True if 'packet' is now what the destination is told. */
static bool
answer(struct run *run, struct dp_packet *packet)
{
    const struct ovsext_reset *reset = ovsext_attr_reset(run->inspect);
    struct dp_packet *to_source = NULL;
    bool to_destination;

    if (!ovsext_answer_allowed(run->worker, run->now_ns)) {
        count(run, N_UNANSWERED);
        return false;
    }
    if (reset) {
        to_source = ovsext_answer_source(packet, reset);
    }
    if (to_source) {
        dp_packet_batch_add(run->answers, to_source);
    }
    to_destination = ovsext_answer_destination(packet);
    if (to_source || to_destination) {
        count(run, N_ANSWERED);
    }
    return to_destination;
}

/* True if 'packet' is to stay in the batch. */
static bool
apply_verdict(struct run *run, const struct insp_verdict *verdict,
              struct dp_packet *packet)
{
    switch ((enum insp_verdict_kind) verdict->kind) {
    case INSP_VERDICT_ALLOW: return true;

    case INSP_VERDICT_RESET:
        count(run, N_RESET);
        if (answer(run, packet)) {
            return true;
        }
        break;

    case INSP_VERDICT_REDIRECT:
        if (redirect(run, verdict, packet)) {
            return false;
        }
        break;

    case INSP_VERDICT_DROP: count(run, N_DROPPED); break;
    }
    dp_packet_delete(packet);
    return false;
}

static void
run_redirects(struct run *run)
{
    for (size_t i = 0; i < run->n_ways; i++) {
        if (run->used & UINT32_C(1) << i) {
            const struct nlattr *list = run->ways[i].list;

            odp_execute_actions(run->dp, &run->redirects[i], true,
                                nl_attr_get(list), nl_attr_get_size(list),
                                run->execute);
            ovsext_batch_destroy(&run->redirects[i]);
        }
    }
}

static void
run_answers(struct run *run)
{
    const struct ovsext_reset *reset = ovsext_attr_reset(run->inspect);
    struct {
        struct nlattr nla;
        odp_port_t port;
    } output = {
        .nla = { .nla_len = sizeof output,
                 .nla_type = OVS_ACTION_ATTR_OUTPUT },
        .port = reset ? reset->port : ODPP_NONE,
    };

    if (!dp_packet_batch_is_empty(run->answers)) {
        odp_execute_actions(run->dp, run->answers, true, &output.nla,
                            sizeof output, run->execute);
    }
    ovsext_batch_destroy(run->answers);
}

static void
apply_verdicts(struct run *run, struct dp_packet_batch *batch,
               const struct insp_verdict *verdicts)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet_batch redirects[INSP_MAX_WAYS];
    struct dp_packet_batch answers;
    struct dp_packet *packet;
    size_t i;

    dp_packet_batch_init(&answers);
    run->redirects = redirects;
    run->answers = &answers;
    run->trunc = batch->trunc;
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        if (apply_verdict(run, &verdicts[i], packet)) {
            ovsext_batch_keep(batch, packet, i);
        }
    }
    run_redirects(run);
    run_answers(run);
}

/* Every worker slot is taken: the packets are lost to inspection.  They pass
 * unless the operator wants to be blind by closing, or nobody can say where
 * they belong. */
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
    if (attr->flags & OVSEXT_CONTEXT_RETURN ||
        (attr->flags & OVSEXT_CONTEXT_FAIL_CLOSED &&
         !(attr->flags & OVSEXT_CONTEXT_TAP))) {
        dp_packet_delete_batch(batch, true);
        dp_packet_batch_refill_init(batch);
    }
}

/* Of the packets, how many in front go on with the same rest. */
static size_t
n_alike(const struct ovsext_rest *rest, struct dp_packet **packets, size_t n)
{
    size_t i = 1;

    while (i < n &&
           (!rest->has_metadata || ovsext_rest_same(packets[0], packets[i]))) {
        i++;
    }
    return i;
}

/* Judges the packets that come from any port but a function's. */
static void
run_judge(struct run *run, struct dp_packet_batch *batch,
          const struct nlattr *actions, size_t actions_size)
{
    const struct ovsext_context *attr = run->attr;
    const bool tap =
        attr->flags & (OVSEXT_CONTEXT_TAP | OVSEXT_CONTEXT_UNKNOWN);
    const size_t size = dp_packet_batch_size(batch);
    struct insp_verdict verdicts[INSP_BATCH_MAX];
    struct ovsext_rest rest;
    struct piece piece;
    bool all_allowed = true;

    if (!tap) {
        find_ways(run);
    }

    /* An id that means nothing on this bridge is told as one that means
     * nothing at all: the engine counts it, and inspects nothing. */
    struct insp_context context = {
        .inspector =
            (attr->flags & OVSEXT_CONTEXT_UNKNOWN ? 0 : attr->inspector),
        .flags = attr->flags & ENGINE_FLAGS,
        .in_port = attr->in_port,
        .out_port = attr->out_port,
        .zone = attr->zone,
        .ways = run->engine_ways,
        .n_ways = run->n_ways,
    };

    for (size_t start = 0; start < size; start += piece.n) {
        struct dp_packet **packets = &batch->packets[start];

        piece.n = MIN(size - start, INSP_BATCH_MAX);
        if (OVS_UNLIKELY(run->n_ways)) {
            ovsext_rest_make(&rest, packets[0], actions, actions_size);
            piece.n = n_alike(&rest, packets, piece.n);
            if (rest.has_ct) {
                forget_nsh_ways(run);
                context.n_ways = run->n_ways;
            }
            context.rest = rest.bytes;
            context.rest_size = rest.size;
        }
        for (size_t i = 0; i < piece.n; i++) {
            fill_frame(&piece, i, packets[i]);
        }
        all_allowed &=
            insp_worker_run(run->engine, run->worker, &context, piece.frames,
                            piece.n, run->now_ns, &verdicts[start]);
        return_pushed(&piece, packets);
    }

    if (OVS_UNLIKELY(!all_allowed) && !tap) {
        apply_verdicts(run, batch, verdicts);
    }
}

/* Packets that go on with the same rest. */
struct party {
    const struct insp_return *result; /* Of the first one. */
    struct dp_packet_batch batch;
};

static void
run_party(struct run *run, struct party *party)
{
    const struct insp_return *result = party->result;
    const struct nlattr *actions;
    struct dp_packet *packet;
    size_t actions_size;
    size_t n;

    if (!result) {
        return;
    }
    party->result = NULL;
    n = dp_packet_batch_size(&party->batch);
    actions = ovsext_rest_open(result->rest, result->rest_size, &actions_size);
    if (!actions) {
        count_n(run, N_UNDELIVERABLE, n);
        insp_engine_count_undeliverable(run->engine, run->attr->inspector, n);
        dp_packet_delete_batch(&party->batch, true);
        ovsext_batch_destroy(&party->batch);
        return;
    }
    count_n(run, N_RETURNED, n);
    DP_PACKET_BATCH_FOR_EACH (i, packet, &party->batch) {
        ovsext_rest_restore(result->rest, packet);
    }
    odp_execute_actions(run->dp, &party->batch, true, actions, actions_size,
                        run->execute);
    ovsext_batch_destroy(&party->batch);
}

static void
join_party(struct run *run, struct party *party,
           const struct insp_return *result, struct dp_packet *packet)
{
    if (party->result &&
        (party->result->rest_size != result->rest_size ||
         memcmp(party->result->rest, result->rest, result->rest_size))) {
        run_party(run, party);
    }
    if (!party->result) {
        party->result = result;
        dp_packet_batch_init(&party->batch);
    }
    dp_packet_batch_add(&party->batch, packet);
}

static void
apply_returns(struct run *run, const struct insp_return *results,
              struct dp_packet **packets, size_t n)
{
    struct dp_packet_batch redirects[INSP_MAX_WAYS];
    struct party party;

    party.result = NULL;
    run->redirects = redirects;
    run->used = 0;
    for (size_t i = 0; i < n; i++) {
        const struct insp_verdict *verdict = &results[i].verdict;

        if (verdict->kind == INSP_VERDICT_ALLOW) {
            join_party(run, &party, &results[i], packets[i]);
        } else if (verdict->kind != INSP_VERDICT_REDIRECT) {
            count(run, N_REFUSED);
            dp_packet_delete(packets[i]);
        } else if (!redirect(run, verdict, packets[i])) {
            dp_packet_delete(packets[i]);
        }
    }
    run_party(run, &party);
    run_redirects(run);
}

/* What a function sends.  All of it leaves the batch, and what follows the
 * action in its list is nothing. */
static void
run_return(struct run *run, struct dp_packet_batch *batch)
{
    const enum insp_encap encap = ovsext_encap_of(run->attr->flags);
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet *packets[INSP_BATCH_MAX];
    struct insp_return results[INSP_BATCH_MAX];
    uint32_t cookies[INSP_BATCH_MAX];
    struct piece piece;

    find_ways(run);
    struct insp_return_context context = {
        .inspector = run->attr->inspector,
        .function = run->attr->in_port,
        .arm = run->attr->out_port,
        .ways = run->engine_ways,
        .n_ways = run->n_ways,
        .cookies = cookies,
    };

    memcpy(packets, batch->packets, size * sizeof *packets);
    dp_packet_batch_refill_init(batch);
    for (size_t start = 0; start < size; start += piece.n) {
        struct dp_packet **some = &packets[start];

        piece.n = MIN(size - start, INSP_BATCH_MAX);
        for (size_t i = 0; i < piece.n; i++) {
            cookies[i] = ovsext_encap_pop(some[i], encap);
            fill_frame(&piece, i, some[i]);
            piece.frames[i].nat = NULL;
        }
        insp_worker_return(run->engine, run->worker, &context, piece.frames,
                           piece.n, run->now_ns, results);
        return_pushed(&piece, some);
        apply_returns(run, results, some, piece.n);
    }
}

static void
run_some(struct run *run, struct dp_packet_batch *batch,
         const struct nlattr *rest, size_t rest_size)
{
    run->n_ways = 0;
    run->used = 0;
    run->trunc = false;
    if (OVS_UNLIKELY(run->attr->flags & OVSEXT_CONTEXT_RETURN)) {
        run_return(run, batch);
    } else {
        run_judge(run, batch, rest, rest_size);
    }
}

/* A batch of more packets than the engine takes, as there are from Open
 * vSwitch 4.0 on.  What stays goes back to the front of the batch, which
 * those that are still to come are always behind. */
static void
run_many(struct run *run, struct dp_packet_batch *batch,
         const struct nlattr *rest, size_t rest_size)
{
    const size_t size = dp_packet_batch_size(batch);
    struct dp_packet_batch some;
    struct dp_packet *packet;
    size_t i;

    dp_packet_batch_init(&some);
    some.trunc = batch->trunc;
    DP_PACKET_BATCH_REFILL_FOR_EACH (i, size, packet, batch) {
        dp_packet_batch_add(&some, packet);
        if (dp_packet_batch_size(&some) == INSP_BATCH_MAX || i + 1 == size) {
            run_some(run, &some, rest, rest_size);
            DP_PACKET_BATCH_FOR_EACH (j, packet, &some) {
                ovsext_batch_keep(batch, packet, i);
            }
            dp_packet_batch_refill_init(&some);
        }
    }
    ovsext_batch_destroy(&some);
}

static void
run(void *dp, struct dp_packet_batch *batch, const struct nlattr *inspect,
    const struct nlattr *rest, size_t rest_size, ovsext_execute_func *execute)
{
    struct run run;

    run.engine = atomic_load_explicit(&engine_in_force, memory_order_acquire);
    run.attr = ovsext_attr_context(inspect);
    if (!run.engine || !run.attr || dp_packet_batch_is_empty(batch)) {
        return;
    }
    run.worker = ovsext_worker_slot();
    if (OVS_UNLIKELY(run.worker == OVSEXT_NO_WORKER)) {
        run_without_worker(run.engine, batch, run.attr);
        return;
    }
    run.dp = dp;
    run.execute = execute;
    run.now_ns = ovsext_monotonic_ns();
    run.inspect = inspect;
    if (OVS_LIKELY(dp_packet_batch_size(batch) <= INSP_BATCH_MAX)) {
        run_some(&run, batch, rest, rest_size);
    } else {
        run_many(&run, batch, rest, rest_size);
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

static uint64_t
sum_of(enum counter which)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < OVSEXT_MAX_WORKERS; i++) {
        sum +=
            atomic_load_explicit(&counters[i].n[which], memory_order_relaxed);
    }
    return sum;
}

void
ovsext_run_get_stats(struct ovsext_run_stats *stats)
{
    stats->dropped = sum_of(N_DROPPED);
    stats->reset = sum_of(N_RESET);
    stats->answered = sum_of(N_ANSWERED);
    stats->unanswered = sum_of(N_UNANSWERED);
    stats->redirected = sum_of(N_REDIRECTED);
    stats->function_down = sum_of(N_FUNCTION_DOWN);
    stats->returned = sum_of(N_RETURNED);
    stats->refused = sum_of(N_REFUSED);
    stats->undeliverable = sum_of(N_UNDELIVERABLE);
}
