/* SPDX-License-Identifier: Apache-2.0 */
/* Judging, by the whole engine: which direction slot 2 looks at, what a new
 * version does to live connections, what holds without a connection.  What
 * the rules themselves say is test-rule.c's.
 *
 * Each test names the change that must make it fail ("Mutation"). */

#include "frames.h"
#include "rig.h"

#define BOTH INSP_DIRECTION_BOTH
#define FROM INSP_DIRECTION_FROM_VM
#define TO   INSP_DIRECTION_TO_VM

struct desk {
    struct insp_inspector_config inspector;
    struct insp_engine_config config;
    struct insp_engine *engine;
    struct insp_context there;
    struct insp_context back;
    struct rig_rules r;
    uint32_t version;
};

static void
desk_open(struct desk *d)
{
    memset(d, 0, sizeof *d);
    d->inspector = make_inspector();
    d->config = make_config(&d->inspector);
    d->there = pair_context(VM1, VM2);
    d->back = pair_context(VM2, VM1);
    d->engine = start(&d->config);
}

/* Puts the rules that were made since the last time in force. */
static void
desk_apply(struct desk *d)
{
    rig_freeze(&d->r, ++d->version, &d->inspector);
    apply(d->engine, &d->config);
}

static void
desk_close(struct desk *d)
{
    insp_engine_destroy(d->engine, 100);
    insp_binding_unref(d->inspector.binding);
}

static uint8_t
send_tcp(struct desk *d, bool reply, uint8_t flags, uint16_t service)
{
    struct spec spec = tcp(reply, flags, service);

    return run_one(d->engine, reply ? &d->back : &d->there, &spec).kind;
}

/* Mutation: in judge_direction(), judge slot 2 by the packet's own
 * direction. */
static void
test_replies_of_what_is_allowed_pass(void)
{
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "web", 2, BOTH, INSP_ACTION_ALLOW, "", "", "tcp/80")
        ->priority = 2000;
    rig_rule(&d.r, "rest", 2, BOTH, INSP_ACTION_DROP, "", "", "any");
    desk_apply(&d);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_tcp(&d, true, INSP_TCP_SYN | INSP_TCP_ACK, 80),
            INSP_VERDICT_ALLOW);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_ACK, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_DROP);
    UNIT_EQ(send_tcp(&d, true, INSP_TCP_SYN | INSP_TCP_ACK, 81),
            INSP_VERDICT_DROP);
    desk_close(&d);
}

/* Mutation: compare no version in insp_judge(). */
static void
test_new_version_reaches_live_connections(void)
{
    struct insp_flow_row row;
    struct desk d;

    desk_open(&d);
    desk_apply(&d);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_tcp(&d, true, INSP_TCP_SYN | INSP_TCP_ACK, 80),
            INSP_VERDICT_ALLOW);
    UNIT_EQ(insp_engine_list(d.engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.policy_version, 1);
    UNIT_STR_EQ(row.conn.rule, "");

    rig_rule(&d.r, "cut", 2, FROM, INSP_ACTION_RESET, "vm:one", "", "tcp/80");
    desk_apply(&d);
    /* The reply first: it is the initiator's direction that counts. */
    UNIT_EQ(send_tcp(&d, true, INSP_TCP_ACK, 80), INSP_VERDICT_RESET);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_ACK, 80), INSP_VERDICT_RESET);
    UNIT_EQ(insp_engine_list(d.engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.policy_version, 2);
    UNIT_EQ(row.conn.verdict, INSP_VERDICT_RESET);
    UNIT_STR_EQ(row.conn.rule, "cut");
    UNIT_EQ(row.conn.slot, 2);

    desk_apply(&d);
    UNIT_EQ(send_tcp(&d, true, INSP_TCP_ACK, 80), INSP_VERDICT_ALLOW);
    desk_close(&d);
}

/* Mutation: return false from may_be_either_way(); ask is_allowed_by_rule()
 * for no rule. */
static void
test_midstream_is_picked_up_for_a_while(void)
{
    for (int i = 0; i < 2; i++) {
        struct desk d;

        desk_open(&d);
        d.inspector.pickup_time_ms = i ? 0 : 60000;
        rig_rule(&d.r, "web", 2, FROM, INSP_ACTION_ALLOW, "vm:one", "",
                 "tcp/80")
            ->priority = 2000;
        rig_rule(&d.r, "rest", 2, FROM, INSP_ACTION_DROP, "", "", "");
        desk_apply(&d);
        /* The server speaks first, in the middle of a connection. */
        UNIT_EQ(send_tcp(&d, true, INSP_TCP_ACK, 80),
                i ? INSP_VERDICT_DROP : INSP_VERDICT_ALLOW);
        UNIT_EQ(send_tcp(&d, false, INSP_TCP_ACK, 80),
                i ? INSP_VERDICT_DROP : INSP_VERDICT_ALLOW);
        /* That no rule forbids it the other way round is not enough. */
        {
            struct spec udp = tcp(false, 0, 53);

            udp.proto = INSP_PROTO_UDP;
            rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "",
                     "tcp/82 udp/53");
            desk_apply(&d);
            UNIT_EQ(send_tcp(&d, false, INSP_TCP_ACK, 82), INSP_VERDICT_DROP);
            UNIT_EQ(run_one(d.engine, &d.there, &udp).kind, INSP_VERDICT_DROP);
            rig_rule(&d.r, "web", 2, FROM, INSP_ACTION_ALLOW, "vm:one", "",
                     "tcp/80")
                ->priority = 2000;
            rig_rule(&d.r, "rest", 2, FROM, INSP_ACTION_DROP, "", "", "");
            desk_apply(&d);
        }
        /* A SYN says who begins. */
        UNIT_EQ(send_tcp(&d, true, INSP_TCP_SYN, 82), INSP_VERDICT_DROP);
        UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 82), INSP_VERDICT_DROP);
        desk_close(&d);
    }
}

/* Mutation: in judge_alone(), allow whatever fail_mode says; or do not ask
 * the rules. */
static void
test_full_table_never_allows_a_drop(void)
{
    for (int closed = 0; closed < 2; closed++) {
        struct desk d;
        unsigned int n_dropped = 0;
        unsigned int n_passed = 0;

        desk_open(&d);
        d.inspector.flow_limit = 4;
        d.inspector.fail_mode = closed ? INSP_FAIL_CLOSED : INSP_FAIL_OPEN;
        rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "",
                 "tcp/1000-1999");
        desk_apply(&d);
        for (uint16_t i = 0; i < 100; i++) {
            n_passed += send_tcp(&d, false, INSP_TCP_SYN, 3000 + i) ==
                        INSP_VERDICT_ALLOW;
        }
        for (uint16_t i = 0; i < 100; i++) {
            n_dropped += send_tcp(&d, false, INSP_TCP_SYN, 1000 + i) ==
                         INSP_VERDICT_DROP;
        }
        UNIT_EQ(n_dropped, 100);
        if (closed) {
            CU_ASSERT(n_passed < 100);
        } else {
            UNIT_EQ(n_passed, 100);
        }
        desk_close(&d);
    }
}

/* Mutation: in judge_connection(), forget FLOOD; all copies then get what the
 * first one got. */
static void
test_copies_of_a_flood_are_judged_each(void)
{
    struct spec spec = tcp(false, 0, 5000);
    struct insp_context one;
    struct desk d;

    desk_open(&d);
    spec.proto = INSP_PROTO_UDP;
    memset(spec.dst_mac, 0xff, 6);
    rig_rule(&d.r, "quiet", 2, TO, INSP_ACTION_DROP, "", "vm:two", "");
    desk_apply(&d);
    one = d.there;
    one.flags |= INSP_CONTEXT_FLOOD;
    one.zone = (struct insp_zone){ .kind = INSP_ZONE_GROUP, .a = VM1 };
    for (int i = 0; i < 3; i++) {
        one.out_port = 0; /* Out of the host. */
        UNIT_EQ(run_one(d.engine, &one, &spec).kind, INSP_VERDICT_ALLOW);
        one.out_port = VM2;
        UNIT_EQ(run_one(d.engine, &one, &spec).kind, INSP_VERDICT_DROP);
    }
    desk_close(&d);
}

/* Mutation: let insp_judge() cache what a tap has got as ALLOW. */
static void
test_tap_touches_nothing_and_decides_nothing(void)
{
    struct insp_flow_row row;
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "", "tcp/81");
    desk_apply(&d);
    d.there.flags |= INSP_CONTEXT_TAP;
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_ALLOW);
    d.there.flags &= ~(uint32_t) INSP_CONTEXT_TAP;
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_DROP);

    d.inspector.mode = INSP_MODE_TAP;
    apply(d.engine, &d.config);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_ALLOW);
    UNIT_EQ(insp_engine_list(d.engine, 1, &row, 1, 20000), 1);
    UNIT_EQ(row.conn.verdict, INSP_VERDICT_ALLOW);

    /* Without rules, everything passes. */
    d.inspector.mode = INSP_MODE_INLINE;
    desk_apply(&d);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_ALLOW);
    desk_close(&d);
}

/* Mutation: do not count in insp_policy_judge(); drop insp_rules_fold(). */
static void
test_rules_count_over_versions(void)
{
    struct insp_rule_row *rows = NULL;
    struct desk d;
    size_t n;

    desk_open(&d);
    for (int i = 0; i < 3; i++) {
        struct insp_rule *rule =
            rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "", "tcp/81");
        rule->number = 42;
        desk_apply(&d);
        UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_DROP);
        UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_DROP);
    }
    for (int i = 0; i < 6000; i++) {
        free(rows);
        n = insp_engine_rules(d.engine, 1, &rows, 20000);
        CU_ASSERT_FATAL(n == 1);
        if (rows[0].judged == 3 && rows[0].dropped == 6) {
            break; /* Old versions are added later. */
        }
        usleep(5000);
    }
    UNIT_EQ(rows[0].judged, 3);
    UNIT_EQ(rows[0].dropped, 6);
    UNIT_EQ(rows[0].rule.number, 42);
    UNIT_STR_EQ(rows[0].rule.name, "no");
    free(rows);
    desk_close(&d);
}

/* Mutation: in explain(), ask for one slot less. */
static void
test_explain_says_what_judge_does(void)
{
    struct insp_explanation e;
    struct insp_subject subject;
    struct insp_packet packet;
    struct spec spec = tcp(false, INSP_TCP_SYN, 81);
    struct made frame;
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "watch", 3, TO, INSP_ACTION_ALERT, "", "vm:two", "");
    rig_rule(&d.r, "no", 2, FROM, INSP_ACTION_DROP, "vm:one", "", "tcp/81");
    desk_apply(&d);
    spec_make(&frame, &spec);
    UNIT_EQ(insp_packet_parse(&packet, frame.bytes, frame.size, frame.size),
            INSP_PACKET_OK);
    insp_subject_init(&subject, &packet, frame.bytes, VM1, VM2);
    CU_ASSERT(insp_engine_explain(d.engine, 1, &subject, &e, 5000));
    UNIT_EQ(e.version, 1);
    UNIT_EQ(e.judgement.verdict, INSP_VERDICT_DROP);
    UNIT_EQ(e.matches[2].from_vm, e.judgement.rule);
    UNIT_EQ(e.matches[2].to_vm, 0);
    CU_ASSERT(e.matches[3].to_vm != 0);
    UNIT_EQ(e.n_rules, 2);
    CU_ASSERT(!insp_engine_explain(d.engine, 9, &subject, &e, 5000));
    desk_close(&d);
}

/* Mutation: let judge_only() return at once; forget 'lacks_memory'. */
static void
test_drops_hold_without_a_table(void)
{
    struct desk d;

    memset(&d, 0, sizeof d);
    d.inspector = make_inspector();
    d.inspector.flow_limit = 4000000000u; /* No machine has that much. */
    d.config = make_config(&d.inspector);
    d.there = pair_context(VM1, VM2);
    d.back = pair_context(VM2, VM1);
    d.engine = start(&d.config);
    CU_ASSERT(insp_engine_lacks_memory(d.engine));
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_ALLOW);

    rig_rule(&d.r, "no", 2, FROM, INSP_ACTION_DROP, "vm:one", "", "tcp/81");
    desk_apply(&d);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_DROP);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 80), INSP_VERDICT_ALLOW);
    d.there.flags |= INSP_CONTEXT_TAP;
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 81), INSP_VERDICT_ALLOW);
    d.there.flags &= ~INSP_CONTEXT_TAP;
    d.inspector.fail_mode = INSP_FAIL_CLOSED;
    apply(d.engine, &d.config);
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 80), INSP_VERDICT_DROP);
    UNIT_EQ(stats(d.engine).skipped[INSP_SKIP_FAILED], 5);
    UNIT_EQ(stats(d.engine).inspected_packets, 0);

    d.inspector.flow_limit = 1000;
    apply(d.engine, &d.config);
    CU_ASSERT(!insp_engine_lacks_memory(d.engine));
    UNIT_EQ(send_tcp(&d, false, INSP_TCP_SYN, 80), INSP_VERDICT_ALLOW);
    UNIT_EQ(stats(d.engine).inspected_packets, 1);
    desk_close(&d);
}

static uint8_t
send_frame(struct desk *d, bool reply, struct frame *f)
{
    uint32_t size = (uint32_t) frame_size(f);
    struct insp_frame in = { f->bytes, size, size, NULL };
    struct insp_verdict verdict;

    insp_worker_run(d->engine, 0, reply ? &d->back : &d->there, &in, 1,
                    now_ns(), &verdict);
    return verdict.kind;
}

/* Exchanges the ends of a frame of IPv4 or IPv6. */
static void
turn_round(struct frame *f, bool ip6)
{
    size_t n = ip6 ? 16 : 4;
    uint8_t *addresses = f->bytes + 14 + (ip6 ? 8 : 12);
    uint8_t was[16];

    memcpy(was, f->bytes, 6);
    memcpy(f->bytes, f->bytes + 6, 6);
    memcpy(f->bytes + 6, was, 6);
    memcpy(was, addresses, n);
    memcpy(addresses, addresses + n, n);
    memcpy(addresses + n, was, n);
}

static uint8_t
send_icmp(struct desk *d, bool reply, bool ip6, uint8_t type, uint8_t code,
          uint16_t id)
{
    struct frame f;

    frame_begin(&f);
    frame_eth(&f, ip6 ? 0x86dd : 0x0800);
    if (ip6) {
        frame_ip6(&f, INSP_PROTO_ICMPV6, 8);
    } else {
        frame_ip4(&f, INSP_PROTO_ICMP, 8);
    }
    frame_icmp(&f, type, code, id);
    if (reply) {
        turn_round(&f, ip6);
    }
    return send_frame(d, reply, &f);
}

/* What is refused by its type is not let through by a message of another
 * type with the same identifier, nor by one whose identifier looks like that
 * type.  Mutation: let insp_key_set_query() do nothing. */
static void
test_icmp_goes_by_its_type(void)
{
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "",
             "icmp/5 icmp/13 icmp6");
    desk_apply(&d);
    UNIT_EQ(send_icmp(&d, false, false, 8, 0, 0x501), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_icmp(&d, true, false, 0, 0, 0x501), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_icmp(&d, false, false, 13, 0, 0x501), INSP_VERDICT_DROP);
    UNIT_EQ(send_icmp(&d, false, false, 5, 1, 0), INSP_VERDICT_DROP);
    UNIT_EQ(send_icmp(&d, false, false, 8, 0, 0x501), INSP_VERDICT_ALLOW);
    /* Of neighbour discovery no rule speaks. */
    UNIT_EQ(send_icmp(&d, false, true, 135, 0, 0), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_icmp(&d, false, true, 128, 0, 135 << 8), INSP_VERDICT_DROP);
    desk_close(&d);
}

/* Who asks has begun, whoever was seen first.  Mutation: in
 * insp_key_set_query(), do not tell who asks; in fill(), let who sends first
 * have begun. */
static void
test_icmp_is_judged_by_who_asks(void)
{
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "vm:two", "", "icmp/8");
    desk_apply(&d);
    UNIT_EQ(send_icmp(&d, false, false, 8, 0, 7), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_icmp(&d, true, false, 0, 0, 7), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_icmp(&d, true, false, 8, 0, 7), INSP_VERDICT_DROP);
    /* What is an answer to nothing yet opens no way for the question. */
    UNIT_EQ(send_icmp(&d, false, false, 0, 0, 8), INSP_VERDICT_DROP);
    UNIT_EQ(send_icmp(&d, true, false, 8, 0, 8), INSP_VERDICT_DROP);
    desk_close(&d);
}

/* Mutation: in insp_subject_init(), let the source have the type too. */
static void
test_icmp_answers_pass_in_a_new_version(void)
{
    struct desk d;

    desk_open(&d);
    for (int i = 0; i < 2; i++) {
        rig_rule(&d.r, "ping", 2, BOTH, INSP_ACTION_ALLOW, "", "",
                 "icmp/8 icmp6/128")
            ->priority = 2000;
        rig_rule(&d.r, "rest", 2, BOTH, INSP_ACTION_DROP, "", "", "any");
        desk_apply(&d);
        if (!i) {
            UNIT_EQ(send_icmp(&d, false, false, 8, 0, 7), INSP_VERDICT_ALLOW);
            UNIT_EQ(send_icmp(&d, false, true, 128, 0, 7), INSP_VERDICT_ALLOW);
        }
        UNIT_EQ(send_icmp(&d, true, false, 0, 0, 7), INSP_VERDICT_ALLOW);
        UNIT_EQ(send_icmp(&d, true, true, 129, 0, 7), INSP_VERDICT_ALLOW);
    }
    UNIT_EQ(send_icmp(&d, false, false, 13, 0, 7), INSP_VERDICT_DROP);
    desk_close(&d);
}

/* What comes in fragments of IP is not put together: whoever hides behind
 * them is UNREAD from the first one on, also when there is something to read
 * afterwards that nobody understands.  Mutation: return at once from
 * insp_dialog_pass_by(); let insp_turn_set_app() set what it is told. */
static void
test_what_hides_in_fragments(void)
{
    struct spec spec = tcp(false, 0, 4000);
    struct spec back = tcp(true, 0, 4000);
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "", "app:unread");
    desk_apply(&d);
    spec.proto = INSP_PROTO_UDP;
    spec.payload_size = 64; /* Zeros. */
    UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_ALLOW);
    spec.src_port++;
    spec.ip_id = 77;
    spec.frag = 0x2000;
    UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_DROP);
    spec.frag = 9;
    UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_DROP);
    spec.frag = 0;
    back.proto = spec.proto;
    back.payload_size = spec.payload_size;
    back.dst_port = spec.src_port;
    for (int i = 0; i < 8; i++) { /* Until both sides are given up. */
        UNIT_EQ(run_one(d.engine, &d.there, &spec).kind, INSP_VERDICT_DROP);
        UNIT_EQ(run_one(d.engine, &d.back, &back).kind, INSP_VERDICT_DROP);
    }
    UNIT_EQ(stats(d.engine).readers.facts[INSP_READER_FRAGMENT], 2);
    UNIT_EQ(stats(d.engine).readers.connections[INSP_APP_UNREAD], 1);
    UNIT_EQ(stats(d.engine).readers.connections[INSP_APP_UNKNOWN], 0);
    desk_close(&d);
}

/* UDP to port 53, or what its receiver makes that of. */
static void
make_udp(struct frame *f, int how)
{
    static const uint8_t tag[4] = { 0x81, 0, 0, 0 };

    frame_begin(f);
    switch (how) {
    case 0: /* IPv6, behind nine headers. */
        frame_eth(f, 0x86dd);
        frame_ip6(f, 60, 9 * 8 + 8);
        for (int i = 0; i < 9; i++) {
            frame_ext(f, i < 8 ? 60 : INSP_PROTO_UDP, 8);
        }
        break;
    case 1: /* In the second fragment. */
        frame_eth(f, 0x86dd);
        frame_ip6(f, 44, 8 + 8);
        frame_ext_fragment(f, 60, 1);
        frame_ext(f, INSP_PROTO_UDP, 8);
        return;
    case 2:
        frame_eth(f, 0x86dd);
        frame_ip6(f, 44, 8 + 8);
        frame_ext_fragment(f, 60, 1);
        insp_put_be16(&f->put, INSP_PROTO_UDP << 8 | 3);
        frame_fill(f, 6);
        return;
    case 3:
        frame_eth(f, 0x86dd);
        frame_ip6(f, 44, 8);
        frame_ext_fragment(f, INSP_PROTO_UDP, 1);
        return;
    case 4: /* Behind nine priority tags. */
        frame_eth(f, 0x8100);
        for (int i = 0; i < 8; i++) {
            frame_bytes(f, tag + 2, 2);
            frame_bytes(f, tag, 2);
        }
        frame_vlan(f, 0, 0x0800);
        frame_ip4(f, INSP_PROTO_UDP, 8);
        break;
    case 5: /* Behind three. */
        frame_eth(f, 0x8100);
        for (int i = 0; i < 2; i++) {
            frame_bytes(f, tag + 2, 2);
            frame_bytes(f, tag, 2);
        }
        frame_vlan(f, 0, 0x0800);
        frame_ip4(f, INSP_PROTO_UDP, 8);
        break;
    default: /* SNAP. */
        frame_eth(f, 36);
        frame_bytes(f, "\xaa\xaa\3\0\0\0\10\0", 8);
        frame_ip4(f, INSP_PROTO_UDP, 8);
        break;
    }
    frame_udp(f, 1000, 53, 8);
}

/* Where slot 2 drops anything, what may be anything is dropped.  Mutation: in
 * judge_alone(), do not ask for is_hidden. */
static void
test_what_is_hidden_passes_no_firewall(void)
{
    struct frame f;
    struct desk d;

    desk_open(&d);
    for (int drops = 0; drops < 2; drops++) {
        rig_rule(&d.r, "watch", 3, BOTH, INSP_ACTION_ALERT, "", "", "udp/53");
        if (drops) {
            rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "", "udp/53");
        } else {
            rig_rule(&d.r, "yes", 2, BOTH, INSP_ACTION_ALLOW, "", "", "");
        }
        desk_apply(&d);
        for (int how = 0; how < 7; how++) {
            make_udp(&f, how);
            UNIT_EQ(send_frame(&d, false, &f),
                    drops ? INSP_VERDICT_DROP : INSP_VERDICT_ALLOW);
        }
    }
    desk_close(&d);
}

/* The ports stand in the first fragment, if it is no longer than eight bytes;
 * what begins a datagram that is refused needs no more of it.  Mutation: read
 * no ports of a header that is cut. */
static void
test_ports_of_a_tiny_fragment(void)
{
    static const uint8_t protos[] = { INSP_PROTO_TCP, INSP_PROTO_SCTP };
    struct frame f;
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, BOTH, INSP_ACTION_DROP, "", "", "tcp/23 sctp/23");
    desk_apply(&d);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(protos); i++) {
        for (uint16_t port = 22; port < 24; port++) {
            frame_begin(&f);
            frame_eth(&f, 0x0800);
            frame_ip4_full(&f, protos[i], 8, 0, 0x2000);
            insp_put_be16(&f.put, 1000);
            insp_put_be16(&f.put, port);
            frame_fill(&f, 4);
            UNIT_EQ(send_frame(&d, false, &f),
                    port == 23 ? INSP_VERDICT_DROP : INSP_VERDICT_ALLOW);
        }
    }
    desk_close(&d);
}

static uint8_t
send_explicit(struct desk *d, bool reply, uint8_t flags, uint8_t to)
{
    struct spec spec = tcp(reply, flags, 23);
    struct insp_context context = {
        .inspector = 1,
        .in_port = reply ? VM2 : VM1,
        .zone = { .kind = INSP_ZONE_EXPLICIT },
    };

    if (to) {
        spec.dst_mac[5] = to;
    }
    return run_one(d->engine, &context, &spec).kind;
}

/* An action in a flow knows where a packet goes by its MAC address alone,
 * which its sender chooses anew for each: what was allowed to another one is
 * not allowed to this VM.  Mutation: in insp_goes_elsewhere(), return false;
 * in count_by_mac(), do not compare ports. */
static void
test_other_receiver_is_judged_anew(void)
{
    struct desk d;

    desk_open(&d);
    rig_rule(&d.r, "no", 2, TO, INSP_ACTION_DROP, "", "vm:two", "tcp/23");
    desk_apply(&d);
    UNIT_EQ(send_explicit(&d, false, INSP_TCP_SYN, 9), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_explicit(&d, false, INSP_TCP_SYN, 0), INSP_VERDICT_DROP);
    UNIT_EQ(send_explicit(&d, false, INSP_TCP_ACK, 9), INSP_VERDICT_ALLOW);
    UNIT_EQ(send_explicit(&d, false, INSP_TCP_ACK, 0), INSP_VERDICT_DROP);

    /* The same of one that is established, whose packets go the short way. */
    rig_rule(&d.r, "no", 2, TO, INSP_ACTION_DROP, "", "vm:two", "tcp/24");
    desk_apply(&d);
    UNIT_EQ(send_explicit(&d, true, INSP_TCP_SYN | INSP_TCP_ACK, 0),
            INSP_VERDICT_ALLOW);
    for (int i = 0; i < 3; i++) {
        UNIT_EQ(send_explicit(&d, false, INSP_TCP_ACK, 0), INSP_VERDICT_ALLOW);
        UNIT_EQ(send_explicit(&d, true, INSP_TCP_ACK, 0), INSP_VERDICT_ALLOW);
    }
    rig_rule(&d.r, "no", 2, TO, INSP_ACTION_DROP, "", "vm:one", "tcp/23");
    desk_apply(&d);
    for (int i = 0; i < 3; i++) {
        UNIT_EQ(send_explicit(&d, false, INSP_TCP_ACK, 0), INSP_VERDICT_ALLOW);
        UNIT_EQ(send_explicit(&d, false, INSP_TCP_ACK, 1), INSP_VERDICT_DROP);
    }
    desk_close(&d);
}

UNIT_MAIN("judge", UNIT_TEST(test_replies_of_what_is_allowed_pass),
          UNIT_TEST(test_new_version_reaches_live_connections),
          UNIT_TEST(test_midstream_is_picked_up_for_a_while),
          UNIT_TEST(test_full_table_never_allows_a_drop),
          UNIT_TEST(test_copies_of_a_flood_are_judged_each),
          UNIT_TEST(test_tap_touches_nothing_and_decides_nothing),
          UNIT_TEST(test_rules_count_over_versions),
          UNIT_TEST(test_drops_hold_without_a_table),
          UNIT_TEST(test_explain_says_what_judge_does),
          UNIT_TEST(test_icmp_goes_by_its_type),
          UNIT_TEST(test_other_receiver_is_judged_anew),
          UNIT_TEST(test_what_is_hidden_passes_no_firewall),
          UNIT_TEST(test_ports_of_a_tiny_fragment),
          UNIT_TEST(test_what_hides_in_fragments),
          UNIT_TEST(test_icmp_is_judged_by_who_asks),
          UNIT_TEST(test_icmp_answers_pass_in_a_new_version))
