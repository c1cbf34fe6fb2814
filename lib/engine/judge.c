/* SPDX-License-Identifier: Apache-2.0 */
/* Judging.
 *
 * A direction of a connection is judged once a version of the policy: what
 * came of it stays in the direction's own line (insp_judgement_pack), so that
 * the next packets only compare the version.
 *
 * Slot 2 is stateful.  It judges the direction of who began the connection;
 * the other direction gets the same.  All other slots judge each direction
 * for itself.  Where it is not known who began (picked up in mid-stream, or a
 * translation was forgotten on the way), a drop does not hold when a rule
 * allows the other reading; that no rule forbids it is not enough, or every
 * drop of a service could be got round by speaking first.
 *
 * What a connection speaks and which server it asks for may be a rule's
 * business: when that becomes known, read.c has both directions judged again.
 * Another worker may just then be judging by what was known before, and store
 * what comes of it later.  So it is counted how often there was more ('told'):
 * who finds after storing that it was more often than before judging, has both
 * judged again too.
 *
 * The copies of a flood are one connection with many destinations, so each is
 * judged by itself; so is a packet that goes elsewhere than its connection.
 *
 * A packet without a connection is judged by itself, and what the rules let
 * pass then follows the inspector's fail_mode: a full table never turns a
 * drop into an allow. */

#include "engine/path.h"

#define FIREWALL (1u << INSP_SLOT_FIREWALL)

static bool
is_port_pickup(const struct insp_batch *b, uint32_t port, uint64_t first_ns)
{
    uint64_t since_ns = port ? insp_snapshot_port_since(b->snapshot, port) : 0;

    return since_ns && first_ns < since_ns + b->inspector->pickup_ns;
}

/* Whether who sent first need not be who began. */
static bool
may_be_either_way(const struct insp_batch *b, const struct insp_conn *conn)
{
    uint8_t state = INSP_READ(conn->state);
    uint64_t first_ns;

    if (state & INSP_CONN_NAT_SPLIT) {
        return true;
    }
    if (conn->key.proto == INSP_PROTO_TCP && !(state & INSP_CONN_MIDSTREAM)) {
        return false;
    }
    first_ns = insp_conn_first_ns(conn);
    return first_ns < b->inspector->pickup_until_ns ||
           is_port_pickup(b, INSP_READ(conn->flow[0].port), first_ns) ||
           is_port_pickup(b, INSP_READ(conn->flow[1].port), first_ns);
}

static bool
is_refused(const struct insp_judgement *j)
{
    return j->verdict != INSP_VERDICT_ALLOW;
}

/* Of slot 2. */
static bool
is_allowed_by_rule(const struct insp_judgement *j)
{
    return !is_refused(j) && j->rule;
}

/* Slot 2 for a packet of the direction that answers: what the beginner's
 * direction got, if that was judged under this version. */
static void
judge_initiator(const struct insp_batch *b, const struct insp_conn *conn,
                const struct insp_subject *subject,
                struct insp_judgement *firewall)
{
    uint64_t word = INSP_READ(conn->flow[conn->initiator].judgement);
    struct insp_subject reverse;

    if (insp_judgement_version(word) == b->inspector->version) {
        insp_judgement_unpack(word, firewall);
    } else {
        insp_subject_reverse(subject, &reverse);
        insp_policy_judge(b->inspector->binding, &reverse, FIREWALL, firewall);
    }
}

static void
judge_direction(const struct insp_batch *b, const struct insp_item *item,
                const struct insp_subject *subject,
                const struct insp_conn *conn, struct insp_judgement *j)
{
    const struct insp_binding *binding = b->inspector->binding;
    struct insp_judgement firewall;

    if (item->side == conn->initiator) {
        insp_policy_judge(binding, subject, INSP_ALL_SLOTS, j);
        if (is_refused(j) && may_be_either_way(b, conn)) {
            struct insp_subject reverse;

            insp_subject_reverse(subject, &reverse);
            insp_policy_judge(binding, &reverse, FIREWALL, &firewall);
            if (is_allowed_by_rule(&firewall)) {
                insp_policy_judge(binding, subject, INSP_ALL_SLOTS & ~FIREWALL,
                                  j);
            }
        }
        return;
    }

    insp_policy_judge(binding, subject, INSP_ALL_SLOTS & ~FIREWALL, j);
    judge_initiator(b, conn, subject, &firewall);
    if (is_refused(&firewall) && may_be_either_way(b, conn)) {
        struct insp_judgement own;

        insp_policy_judge(binding, subject, FIREWALL, &own);
        if (is_allowed_by_rule(&own)) {
            firewall = own;
        }
    }
    if (is_refused(&firewall)) {
        j->verdict = firewall.verdict;
        j->rule = firewall.rule;
        j->slots = 0;
        j->as_to_vm = 0;
    }
}

void
insp_judge_anew(struct insp_conn *conn)
{
    atomic_fetch_add_explicit(&conn->flow[0].told, 1, memory_order_seq_cst);
    for (unsigned int side = 0; side < 2; side++) {
        atomic_store_explicit(&conn->flow[side].judgement, 0,
                              memory_order_seq_cst);
    }
}

/* The protocol, and the name of the server: what the connection says itself,
 * else what DNS has told who began it. */
static void
tell_what_was_read(const struct insp_batch *b, const struct insp_conn *conn,
                   struct insp_subject *subject,
                   char name[INSP_APP_NAME_MAX + 1])
{
    const struct insp_dialogs *dialogs = b->inspector->dialogs;

    subject->app = INSP_READ(conn->app);
    insp_dialog_name(dialogs, conn, name);
    if (!name[0]) {
        (void) insp_dialogs_find_name(dialogs, conn, b->now_ns, name);
    }
    subject->name = name;
}

static void
note_alert(const struct insp_batch *b, const struct insp_item *item,
           struct insp_conn *conn, const struct insp_judgement *j)
{
    if (j->alert) {
        atomic_store_explicit(&conn->flow[item->side].alert, j->alert,
                              memory_order_relaxed);
        insp_table_report_soon(b->inspector->table, conn);
    }
}

static void
judge_connection(struct insp_batch *b, const struct insp_item *item,
                 const struct insp_frame *frame, struct insp_conn *conn,
                 struct insp_judgement *j)
{
    struct insp_flow *flow = &conn->flow[item->side];
    char name[INSP_APP_NAME_MAX + 1];
    struct insp_subject subject;
    uint8_t told =
        atomic_load_explicit(&conn->flow[0].told, memory_order_acquire);

    insp_subject_init(&subject, &item->packet, frame->data, b->ctx->in_port,
                      item->out_port);
    if (b->inspector->reads_apps) {
        tell_what_was_read(b, conn, &subject, name);
    }
    if (b->ctx->flags & INSP_CONTEXT_FLOOD) {
        insp_policy_judge(b->inspector->binding, &subject, INSP_ALL_SLOTS, j);
    } else {
        judge_direction(b, item, &subject, conn, j);
    }
    if (INSP_UNLIKELY(insp_goes_elsewhere(b, item, conn))) {
        note_alert(b, item, conn, j);
        return;
    }
    atomic_store_explicit(&flow->judgement,
                          insp_judgement_pack(j, b->inspector->version),
                          memory_order_seq_cst);
    if (atomic_load_explicit(&conn->flow[0].told, memory_order_seq_cst) !=
        told) {
        insp_judge_anew(conn);
    }
    note_alert(b, item, conn, j);
}

/* Whether it may be what some rule refuses, and looks otherwise because its
 * sender wants that: such a packet has no other use (RFC 7112). */
static bool
hides(const struct insp_batch *b, const struct insp_item *item)
{
    return item->packet.is_hidden && b->inspector->policy &&
           insp_policy_refuses(b->inspector->policy);
}

/* What no rule can be held against, for want of a whole packet or of the one
 * that began it, is in the inspector's fail_mode; frames that are no IP pass
 * unless a rule drops them. */
static void
judge_alone(const struct insp_batch *b, const struct insp_item *item,
            const struct insp_frame *frame, struct insp_judgement *j)
{
    struct insp_subject subject;

    if (b->inspector->binding) {
        insp_subject_init(&subject, &item->packet, frame->data,
                          b->ctx->in_port, item->out_port);
        insp_policy_judge(b->inspector->binding, &subject, INSP_ALL_SLOTS, j);
    }
    if (!is_refused(j) && INSP_UNLIKELY(hides(b, item))) {
        *j = (struct insp_judgement){ .verdict = INSP_VERDICT_DROP };
    }
    if (!is_refused(j) && b->inspector->fail_closed &&
        item->why != INSP_REMAINDER_ARP &&
        item->why != INSP_REMAINDER_NON_IP) {
        j->verdict = INSP_VERDICT_DROP;
    }
}

void
insp_judge(struct insp_batch *b, const struct insp_item *item,
           const struct insp_frame *frame, struct insp_conn *conn,
           struct insp_judgement *j)
{
    uint64_t word;

    *j = (struct insp_judgement){ .verdict = INSP_VERDICT_ALLOW };
    if (!conn) {
        judge_alone(b, item, frame, j);
    } else if (b->inspector->binding) {
        word = INSP_READ(conn->flow[item->side].judgement);
        if (INSP_LIKELY(insp_judgement_version(word) ==
                            b->inspector->version &&
                        !(b->ctx->flags & INSP_CONTEXT_FLOOD) &&
                        !insp_goes_elsewhere(b, item, conn))) {
            insp_judgement_unpack(word, j);
        } else {
            judge_connection(b, item, frame, conn, j);
        }
    }
}
