/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path.
 *
 *     frames -> plain? ---------> hash --> (bucket, entry on their way) ->
 *               else parse, key     count and allow; or else the long way:
 *                                   connection or remainder -> count -> read
 *                                   -> verdict
 *
 * Each stage is a loop over the batch, so that what the next stage touches is
 * fetched while this one still works on other packets.  The short way
 * (flow/plain.h) is that of nearly all packets: whatever it does not take goes
 * the long way, in its turn, so that packets are counted and judged in the
 * order in which they came.  The worker is inside the epoch from the first
 * line to the last, which keeps the snapshot, its tables and their entries in
 * place. */

#include "base/cycles.h"
#include "engine/path.h"

#include <string.h>

const struct insp_snapshot_inspector *
insp_snapshot_find(const struct insp_snapshot *snapshot, uint32_t id)
{
    for (size_t i = 0; i < snapshot->n_inspectors; i++) {
        if (snapshot->inspectors[i].id == id) {
            return &snapshot->inspectors[i];
        }
    }
    return NULL;
}

static bool
port_is_stale(const struct insp_snapshot *snapshot, uint32_t id)
{
    return id && !insp_snapshot_has_port(snapshot, id);
}

static bool
is_fragment_of_known(const struct insp_batch *b, struct insp_item *item)
{
    return insp_table_fragment_find(b->inspector->table, &item->packet,
                                    &b->ctx->zone, item->now_ns);
}

/* Why the packet can have no connection, or INSP_N_REMAINDERS: it can. */
static enum insp_remainder
remainder_of(const struct insp_batch *b, struct insp_item *item,
             enum insp_packet_fact fact)
{
    if (INSP_UNLIKELY(b->stale)) {
        return INSP_REMAINDER_STALE_PORT;
    }
    if (INSP_LIKELY(fact == INSP_PACKET_OK)) {
        return INSP_N_REMAINDERS;
    }
    if (fact == INSP_PACKET_FRAGMENT) {
        return is_fragment_of_known(b, item) ? INSP_N_REMAINDERS
                                             : INSP_REMAINDER_FRAGMENT;
    }
    return insp_remainder_of_fact(fact);
}

static void
set_remainder_key(const struct insp_batch *b, struct insp_item *item)
{
    item->has_connection = false;
    item->side = 0;
    insp_key_remainder(&item->key, item->why, item->packet.ethertype,
                       b->ctx->in_port, b->ctx->out_port, &b->ctx->zone);
    item->hash = insp_key_hash_in(&item->key, b->plain.zone_hash,
                                  &b->inspector->secret);
}

static void
set_connection_key(const struct insp_batch *b, struct insp_item *item,
                   const struct insp_nat_tuple *nat)
{
    item->has_connection = true;
    if (INSP_UNLIKELY(nat != NULL)) {
        item->side = (uint8_t) insp_key_from_tuple(
            &item->key, nat->ip_version, nat->proto, nat->src, nat->dst,
            nat->src_port, nat->dst_port, &b->ctx->zone);
        if (nat->proto == INSP_PROTO_ICMP || nat->proto == INSP_PROTO_ICMPV6) {
            insp_key_set_query(&item->key, item->side, nat->icmp_type);
        }
        item->side ^= nat->reply;
    } else {
        item->side = (uint8_t) insp_key_from_packet(&item->key, &item->packet,
                                                    &b->ctx->zone);
    }
    item->hash = insp_key_hash_in(&item->key, b->plain.zone_hash,
                                  &b->inspector->secret);
}

static void
set_frame(const struct insp_batch *b, const struct insp_frame *frame)
{
    atomic_store_explicit(&b->place->frame, frame, memory_order_relaxed);
}

static void
parse(struct insp_batch *b, struct insp_item *item,
      const struct insp_frame *frame)
{
    enum insp_packet_fact fact;

    fact = insp_packet_parse(&item->packet, frame->data, frame->size,
                             frame->wire_size);
    INSP_TALLY(b, facts[fact], 1);
    item->why = remainder_of(b, item, fact);
    if (INSP_LIKELY(item->why == INSP_N_REMAINDERS)) {
        if (INSP_UNLIKELY(item->packet.is_fragment) &&
            fact == INSP_PACKET_OK) {
            insp_table_fragment_note(b->inspector->table, &item->packet,
                                     &b->ctx->zone, item->now_ns);
        }
        set_connection_key(b, item, frame->nat);
    } else {
        set_remainder_key(b, item);
    }
}

/* A plain packet for the long way. */
static void
parse_plain(struct insp_batch *b, const struct insp_noted *noted,
            struct insp_item *item, const struct insp_frame *frame)
{
    enum insp_packet_fact fact;

    fact = insp_packet_parse(&item->packet, frame->data, frame->size,
                             frame->wire_size);
    INSP_TALLY(b, facts[fact], 1);
    item->now_ns = noted->now_ns;
    item->why = INSP_N_REMAINDERS;
    item->has_connection = true;
    item->side = (uint8_t) insp_key_from_packet(&item->key, &item->packet,
                                                &b->ctx->zone);
    item->hash = noted->hash;
}

static void
describe(const struct insp_batch *b, struct insp_item *item,
         const struct insp_frame *frame, struct insp_flow_packet *out)
{
    const struct insp_packet *packet = &item->packet;

    out->now_ns = item->now_ns;
    out->wire_size = frame->wire_size;
    out->in_port = b->ctx->in_port;
    out->out_port = b->ctx->out_port;
    out->payload_size = packet->payload_size;
    out->tcp_seq = packet->tcp_seq;
    out->worker = b->worker;
    out->tcp_flags = packet->tcp_flags;
    out->icmp_type = packet->icmp_type;
    out->icmp_code = packet->icmp_code;
    out->is_tcp = packet->proto == INSP_PROTO_TCP && packet->payload_ofs;
    out->nat_split = (b->ctx->flags & INSP_CONTEXT_NAT_SPLIT) != 0;

    /* A flow's own inspect action does not know where the packet will go;
     * the VM that has the destination address does. */
    if (!out->out_port && frame->size >= 6 && !packet->group) {
        out->out_port = insp_snapshot_port_of_mac(b->snapshot, frame->data);
    }
    item->out_port = out->out_port;

    /* Copies to a group are one connection: its other end is no port. */
    if (b->ctx->zone.kind == INSP_ZONE_GROUP) {
        out->out_port = 0;
        if (frame->size >= 6 && !packet->group) {
            out->out_port =
                insp_snapshot_port_of_mac(b->snapshot, frame->data);
        }
    }
}

/* What is to happen to a packet that was judged. */
static struct insp_verdict
decide(struct insp_batch *b, const struct insp_item *item,
       const struct insp_frame *frame, struct insp_conn *conn)
{
    struct insp_verdict verdict = { .kind = INSP_VERDICT_ALLOW };
    struct insp_judgement j;

    if (INSP_LIKELY(conn && insp_is_allowed(b, item, conn) &&
                    !insp_goes_elsewhere(b, item, conn))) {
        return verdict;
    }
    if (b->tap && !conn && b->depth >= INSP_DEPTH_KNOWN) {
        return verdict;
    }
    insp_judge(b, item, frame, conn, &j);
    if (b->tap) {
        return verdict;
    }
    verdict.kind = j.verdict;
    if (j.verdict != INSP_VERDICT_ALLOW) {
        if (j.rule) {
            insp_policy_count_dropped(b->inspector->policy, j.rule);
        }
    } else if (j.slots) {
        insp_redirect(b, item, frame, &j, &verdict);
    }
    return verdict;
}

static struct insp_verdict
inspect(struct insp_batch *b, struct insp_item *item,
        const struct insp_frame *frame)
{
    struct insp_table *table = b->inspector->table;
    struct insp_conn *conn = NULL;
    struct insp_conn *remainder = NULL;
    struct insp_flow_packet packet;
    struct insp_verdict verdict;
    int64_t expected;
    bool reads;

    describe(b, item, frame, &packet);
    if (item->has_connection) {
        if (INSP_LIKELY(b->depth < INSP_DEPTH_KNOWN)) {
            conn = insp_table_get(table, &item->key, item->hash, item->side,
                                  &packet, &item->why);
        } else {
            item->why = INSP_REMAINDER_OVERLOAD;
            conn = insp_table_find(table, &item->key, item->hash, item->side,
                                   &packet);
        }
        if (!conn) {
            set_remainder_key(b, item);
        }
    }
    if (!conn) {
        packet.is_tcp = false;
        remainder =
            insp_table_get_remainder(table, &item->key, item->hash, &packet);
    }
    reads = conn && insp_reads(b, item, conn, &expected);
    if (conn || remainder) {
        insp_table_count(table, conn ? conn : remainder, item->side, &packet);
    } else {
        INSP_TALLY(b, catch_all_packets, 1);
        INSP_TALLY(b, catch_all_bytes, frame->wire_size);
    }
    INSP_TALLY(b, inspected_packets, 1);
    INSP_TALLY(b, inspected_bytes, frame->wire_size);
    if (INSP_UNLIKELY(reads)) {
        insp_read(b, item, frame, &packet, conn, expected);
    }

    verdict = decide(b, item, frame, conn);
    INSP_TALLY(b, verdicts[verdict.kind], 1);
    return verdict;
}

void
insp_plain_begin(struct insp_batch *b)
{
    struct insp_plain_batch *plain = &b->plain;
    const struct insp_snapshot_inspector *inspector = b->inspector;

    insp_plain_set_table(plain, inspector->table);
    plain->zone = &b->ctx->zone;
    plain->secret = &inspector->secret;
    plain->zone_hash = insp_zone_hash(&b->ctx->zone, &inspector->secret);
    plain->in_port = b->ctx->in_port;
    plain->worker = b->worker;
    plain->are_read = inspector->dialogs != NULL;
    plain->by_mac = b->ctx->zone.kind == INSP_ZONE_EXPLICIT &&
                    !b->ctx->out_port && inspector->binding;
    insp_judgement_passes(b, &plain->judgement, &plain->judgement_mask);
}

/* What is not plain IPv4: IPv6, or the first half of the long way. */
static INSP_NOINLINE void
note_other(struct insp_batch *b, struct insp_noted *noted,
           struct insp_item *item, const struct insp_frame *frame)
{
    if (!b->stale && !frame->nat &&
        insp_plain_is_odd(frame->data, frame->size) &&
        insp_plain_note6(&b->plain, noted, frame->data, frame->size,
                         frame->wire_size)) {
        return;
    }
    item->now_ns = noted->now_ns;
    parse(b, item, frame);
    noted->is_plain = false;
    noted->hash = item->hash;
    noted->side = item->side;
}

/* The second half, also for what turned out to be more than plain. */
static INSP_NOINLINE void
go_on_slowly(struct insp_batch *b, const struct insp_noted *noted,
             struct insp_item *item, const struct insp_frame *frame,
             struct insp_verdict *verdict)
{
    set_frame(b, frame);
    if (noted->is_plain) {
        parse_plain(b, noted, item, frame);
    }
    *verdict = inspect(b, item, frame);
}

static void
note(struct insp_batch *b, struct insp_noted *noted, struct insp_item *items,
     const struct insp_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct insp_frame *frame = &frames[i];

        set_frame(b, frame);
        noted[i].now_ns = b->ctx->times_ns ? b->ctx->times_ns[i] : b->now_ns;
        if (INSP_UNLIKELY(b->stale || frame->nat ||
                          !insp_plain_note4(&b->plain, &noted[i], frame->data,
                                            frame->size, frame->wire_size))) {
            note_other(b, &noted[i], &items[i], frame);
        }
        insp_plain_prefetch_bucket(&b->plain, noted[i].hash);
    }
}

/* Where plain packets go, as describe() does it for others. */
static INSP_NOINLINE void
note_out_ports(const struct insp_batch *b, struct insp_noted *noted,
               const struct insp_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *mac = frames[i].data;

        if (noted[i].is_plain) {
            noted[i].out_port =
                mac[0] & 1 ? 0 : insp_snapshot_port_of_mac(b->snapshot, mac);
        }
    }
}

/* All stages for a batch that is to be inspected. */
static bool
run_stages(struct insp_batch *b, const struct insp_frame *frames, size_t n,
           struct insp_verdict *verdicts)
{
    struct insp_noted noted[INSP_BATCH_MAX];
    struct insp_item items[INSP_BATCH_MAX];
    bool all_allowed = true;
    uint64_t bytes = 0;
    size_t done = 0;

    noted[0].hash = 0; /* Of an empty batch. */
    note(b, noted, items, frames, n);
    if (INSP_UNLIKELY(b->plain.by_mac)) {
        note_out_ports(b, noted, frames, n);
    }
    insp_plain_prefetch(b->inspector->table, noted, n);
    for (size_t i = 0; i < n; i++) {
        size_t from = i;

        i = insp_plain_count(&b->plain, noted, from, n, &bytes);
        done += i - from;
        if (i < n) {
            go_on_slowly(b, &noted[i], &items[i], &frames[i], &verdicts[i]);
            all_allowed &= verdicts[i].kind == INSP_VERDICT_ALLOW;
        }
    }
    INSP_TALLY(b, facts[INSP_PACKET_OK], done);
    INSP_TALLY(b, inspected_packets, done);
    INSP_TALLY(b, inspected_bytes, bytes);
    INSP_TALLY(b, verdicts[INSP_VERDICT_ALLOW], done);
    return all_allowed;
}

/* An inspector that got no table counts nothing, but its drops hold: as with a
 * full one, each packet is judged by itself. */
static INSP_NOINLINE bool
judge_only(struct insp_batch *b, const struct insp_frame *frames, size_t n,
           struct insp_verdict *verdicts)
{
    bool all_allowed = true;

    if (b->tap || (!b->inspector->binding && !b->inspector->fail_closed)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        struct insp_item item = { .now_ns = b->now_ns };
        struct insp_flow_packet packet;
        enum insp_packet_fact fact;

        set_frame(b, &frames[i]);
        fact = insp_packet_parse(&item.packet, frames[i].data, frames[i].size,
                                 frames[i].wire_size);
        item.why = fact == INSP_PACKET_OK || fact == INSP_PACKET_FRAGMENT
                       ? INSP_REMAINDER_TABLE_FULL
                       : remainder_of(b, &item, fact);
        describe(b, &item, &frames[i], &packet);
        verdicts[i] = decide(b, &item, &frames[i], NULL);
        all_allowed &= verdicts[i].kind == INSP_VERDICT_ALLOW;
    }
    return all_allowed;
}

static uint64_t
read_cycles(const struct insp_engine *engine)
{
    return INSP_UNLIKELY(engine->host.cycles != NULL)
               ? engine->host.cycles(engine->host.aux)
               : insp_cycles();
}

/* As deep as there is time for, and measured: see depth.h. */
static INSP_NOINLINE bool
run_measured(struct insp_engine *engine, struct insp_batch *b,
             struct insp_depth_worker *d, const struct insp_frame *frames,
             size_t n, struct insp_verdict *verdicts)
{
    const struct insp_depth_config *config = &b->inspector->depth;
    uint64_t before = read_cycles(engine);
    bool all_allowed = true;

    b->depth = (uint8_t) insp_depth_of_batch(d, config, n, b->now_ns);
    b->plain.are_read &= b->depth < INSP_DEPTH_CONNECTIONS;
    if (b->depth < INSP_DEPTH_PORTS) {
        all_allowed = run_stages(b, frames, n, verdicts);
    } else {
        insp_count_by_port(b, frames, n);
    }
    insp_depth_measured(d, config, n, before, read_cycles(engine), b->now_ns);
    return all_allowed;
}

bool
insp_worker_run(struct insp_engine *engine, unsigned int worker,
                const struct insp_context *ctx,
                const struct insp_frame *frames, size_t n, uint64_t now_ns,
                struct insp_verdict *verdicts)
{
    struct insp_depth_worker *d;
    struct insp_batch b = { .ctx = ctx,
                            .now_ns = now_ns,
                            .place = &engine->places[worker],
                            .worker = (uint16_t) worker };
    bool all_allowed = true;
    uint64_t bytes = 0;

    memset(verdicts, 0, n * sizeof *verdicts); /* Allowed. */
    insp_epoch_enter(&engine->epoch, worker);
    b.snapshot = atomic_load_explicit(&engine->snapshot, memory_order_acquire);
    b.inspector = insp_snapshot_find(b.snapshot, ctx->inspector);
    if (INSP_UNLIKELY(!b.inspector)) {
        atomic_fetch_add_explicit(&engine->unknown_id, n,
                                  memory_order_relaxed);
        insp_epoch_leave(&engine->epoch, worker);
        return true;
    }

    for (size_t i = 0; i < n; i++) {
        INSP_PREFETCH(frames[i].data);
        bytes += frames[i].wire_size;
    }
    INSP_TALLY(&b, seen_packets, n);
    INSP_TALLY(&b, seen_bytes, bytes);
    b.tap = b.inspector->tap || ctx->flags & INSP_CONTEXT_TAP;
    if (INSP_UNLIKELY(!b.inspector->enabled)) {
        INSP_TALLY(&b, skipped[INSP_SKIP_DISABLED], n);
    } else if (INSP_UNLIKELY(!b.inspector->table)) {
        INSP_TALLY(&b, skipped[INSP_SKIP_FAILED], n);
        all_allowed = judge_only(&b, frames, n, verdicts);
    } else {
        b.stale = port_is_stale(b.snapshot, ctx->in_port) ||
                  port_is_stale(b.snapshot, ctx->out_port);
        insp_plain_begin(&b);
        d = &b.inspector->inspector->depths[worker];
        if (INSP_LIKELY(d->skip)) {
            d->skip--;
            all_allowed = run_stages(&b, frames, n, verdicts);
        } else {
            all_allowed = run_measured(engine, &b, d, frames, n, verdicts);
        }
    }
    insp_tally_publish(&b.inspector->inspector->tallies[worker], &b.tally,
                       b.changed);
    set_frame(&b, NULL);
    insp_epoch_leave(&engine->epoch, worker);
    return all_allowed;
}

const struct insp_frame *
insp_engine_current_frame(const struct insp_engine *engine,
                          unsigned int worker)
{
    return worker < INSP_MAX_WORKERS
               ? atomic_load_explicit(&engine->places[worker].frame,
                                      memory_order_relaxed)
               : NULL;
}

enum insp_app
insp_engine_current_app(const struct insp_engine *engine, unsigned int worker)
{
    return worker < INSP_MAX_WORKERS
               ? (enum insp_app) INSP_READ(engine->places[worker].app)
               : INSP_APP_NONE;
}
