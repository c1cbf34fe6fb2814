/* SPDX-License-Identifier: Apache-2.0 */
/* Inside xlate
 * ============
 *
 * Becomes part of ofproto/ofproto-dpif-xlate.c of Open vSwitch: what must see
 * the context of a translation.  The rules that need none are in xlate.c.
 *
 *     hook                         called by
 *     ovsext_xlate_action          do_xlate_actions: an explicit action
 *     ovsext_output_begin, _end    compose_output_action__
 *     ovsext_refuse_output         check_output_prerequisites
 *     ovsext_take_input,           xlate_actions: what comes out of a
 *       ovsext_put_return          function
 *     ovsext_copy_begin, _end      what translates a copy of the packet:
 *                                  buckets, clone, patch ports
 *     ovsext_freeze                finish_freezing__
 *     ovsext_ct_cleared, _again    ct_clear; ct in another zone
 *
 * Besides, hooks of one line change ctx->inspect: 'n_floods' while NORMAL or
 * FLOOD goes from port to port, 'n_mirrors' while a mirror is fed, 'frozen'
 * when a translation thaws or tries two branches.
 *
 * Above:    ofproto/ofproto-dpif-xlate.c, and only that.
 * Below:    xlate.h, view.h, action-codec.h.
 * Threads:  any that translates: handlers, revalidators, PMDs, main.
 * Memory:   as translation does.
 * Time:     none.
 * Fails:    a translation that cannot inspect drops the packet.
 */

#ifndef OVSEXT_INSIDE_XLATE_H
#define OVSEXT_INSIDE_XLATE_H 1

static void compose_output_action__(struct xlate_ctx *, ofp_port_t,
                                    const struct xlate_bond_recirc *,
                                    bool check_stp, bool is_last_action,
                                    bool truncate);

/* The two ends. */

static uint16_t
ovsext_flow_vid(const struct flow *flow)
{
    return (flow->vlans[0].tci & htons(VLAN_CFI)
                ? vlan_tci_to_vid(flow->vlans[0].tci)
                : 0);
}

/* What the port, and the settings of its bundle, say of an end. */
static void
ovsext_end_of_xport(struct ovsext_end *end, const struct ovsext_view *view,
                    const struct xport *xport)
{
    const struct ovsext_view_port *port =
        ovsext_view_port(view, netdev_get_name(xport->netdev));
    const struct xbundle *xbundle = xport->xbundle;

    memset(end, 0, sizeof *end);
    if (port) {
        end->id = port->id;
        end->role = port->role;
        end->mac = port->mac;
    }
    end->odp_port = xport->is_tunnel ? ODPP_NONE : xport->odp_port;
    end->is_tunnel = xport->is_tunnel;
    end->is_trunk = true;
    if (xbundle && xbundle->vlan_mode != PORT_VLAN_TRUNK) {
        end->tag = xbundle->vlan;
        end->is_trunk = (xbundle->vlan_mode != PORT_VLAN_ACCESS &&
                         xbundle->vlan_mode != PORT_VLAN_DOT1Q_TUNNEL);
    }
}

/* The end that the packet came in by: a port of the datapath, whatever
 * in_port says by now, and the frame as it was there, whatever has been done
 * to it since, also before recirculation. */
static void
ovsext_ingress(struct xlate_ctx *ctx, const struct ovsext_view *view,
               struct ovsext_end *end)
{
    const struct ovsext_frozen *frozen = &ctx->inspect.frozen;
    struct uuid uuid = ctx->xin->xport_uuid;
    const struct xport *xport;

    if (frozen->flags & OVSEXT_FROZEN_INGRESS) {
        memcpy(uuid.parts, frozen->in_xport, sizeof uuid.parts);
    }
    xport = xport_lookup_by_uuid(ctx->xcfg, &uuid);
    if (!xport) {
        memset(end, 0, sizeof *end);
        end->odp_port = ODPP_NONE;
        return;
    }
    ovsext_end_of_xport(end, view, xport);
    if (frozen->flags & OVSEXT_FROZEN_INGRESS) {
        end->vid = frozen->in_vid;
        end->key = frozen->in_key;
    } else {
        const struct flow *flow = ctx->xin->upcall_flow;

        ctx->wc->masks.vlans[0].tci |= htons(VLAN_VID_MASK | VLAN_CFI);
        end->vid = ovsext_flow_vid(flow);
        if (end->is_tunnel) {
            ctx->wc->masks.tunnel.tun_id = OVS_BE64_MAX;
            end->key = ovsext_fold_key(ntohll(flow->tunnel.tun_id));
        }
    }
}

/* The end that the packet is about to go out by, as it is now. */
static void
ovsext_egress(struct xlate_ctx *ctx, const struct ovsext_view *view,
              const struct xport *xport, struct ovsext_end *end)
{
    const struct flow *flow = &ctx->xin->flow;

    ovsext_end_of_xport(end, view, xport);
    end->vid = ovsext_flow_vid(flow);
    if (end->is_tunnel) {
        end->key = ovsext_fold_key(ntohll(flow->tunnel.tun_id));
    }
}

/* Flooded, or sent to a group address. */
static bool
ovsext_is_flood(struct xlate_ctx *ctx)
{
    const struct flow *flow = &ctx->xin->flow;

    if (ctx->inspect.n_floods ||
        ctx->inspect.frozen.flags & OVSEXT_FROZEN_FLOOD) {
        return true;
    }
    if (flow->packet_type != htonl(PT_ETH)) {
        return false;
    }
    ctx->wc->masks.dl_dst.ea[0] |= 1;
    return eth_addr_is_multicast(flow->dl_dst);
}

/* The datapath action. */

/* The ports of a bridge that are functions', found once for each view by a
 * walk over all of its ports.  Kept in the bridge, whose ports do not change
 * as long as it is in use, and freed with it. */
struct ovsext_function_port {
    uint32_t function;
    uint8_t arm;
    ofp_port_t ofp_port;
};

struct ovsext_function_ports {
    uint64_t serial; /* Of the view. */
    size_t n;
    struct ovsext_function_port ports[];
};

static struct ovsext_function_ports *
ovsext_find_function_ports(const struct xbridge *xbridge,
                           const struct ovsext_view *view)
{
    struct ovsext_function_ports *found = xzalloc(sizeof *found);
    size_t allocated = 0;
    const struct xport *xport;

    found->serial = ovsext_view_serial(view);
    HMAP_FOR_EACH (xport, ofp_node, &xbridge->xports) {
        const struct ovsext_view_port *port =
            ovsext_view_port(view, netdev_get_name(xport->netdev));

        if (!port || !port->function) {
            continue;
        }
        if (found->n == allocated) {
            allocated = allocated * 2 + 4;
            found = xrealloc(found, sizeof *found +
                                        allocated * sizeof found->ports[0]);
        }
        found->ports[found->n++] = (struct ovsext_function_port){
            .function = port->function,
            .arm = port->arm,
            .ofp_port = xport->ofp_port,
        };
    }
    return found;
}

static const struct ovsext_function_ports *
ovsext_function_ports(const struct xbridge *xbridge_,
                      const struct ovsext_view *view)
{
    struct xbridge *xbridge = CONST_CAST(struct xbridge *, xbridge_);
    struct ovsext_function_ports *old, *found;

    atomic_read_explicit(&xbridge->inspect_ports, &old, memory_order_acquire);
    if (old && old->serial == ovsext_view_serial(view)) {
        return old;
    }
    found = ovsext_find_function_ports(xbridge, view);
    if ((!old || old->serial < found->serial) &&
        atomic_compare_exchange_strong_explicit(&xbridge->inspect_ports, &old,
                                                found, memory_order_acq_rel,
                                                memory_order_relaxed)) {
        if (old) {
            ovsrcu_postpone(free, old);
        }
    } else {
        /* Somebody else's is newer: this one serves one translation. */
        ovsrcu_postpone(free, found);
    }
    return found;
}

/* A redirect list for 'arm' of 'function', or none when nothing can be output
 * to it: the function is down then. */
static void
ovsext_put_redirect(struct xlate_ctx *ctx,
                    const struct ovsext_view_function *function, uint8_t arm,
                    ofp_port_t port)
{
    size_t redirect, list, body;

    redirect = nl_msg_start_nested(ctx->odp_actions, OVSEXT_ATTR_REDIRECT);
    nl_msg_put_u32(ctx->odp_actions, OVSEXT_REDIRECT_ATTR_FUNCTION,
                   function->id);
    nl_msg_put_u8(ctx->odp_actions, OVSEXT_REDIRECT_ATTR_ARM, arm);
    if (function->encap) {
        nl_msg_put_u8(ctx->odp_actions, OVSEXT_REDIRECT_ATTR_ENCAP,
                      function->encap);
    }
    list = nl_msg_start_nested(ctx->odp_actions, OVSEXT_REDIRECT_ATTR_ACTIONS);
    body = ctx->odp_actions->size;
    compose_output_action__(ctx, port, NULL, true, false, false);
    if (ctx->odp_actions->size == body) {
        xlate_report(ctx, OFT_WARN,
                     "function %" PRIu32 " is down: port %s is "
                     "no output",
                     function->id, function->ports[arm]);
        nl_msg_reset_size(ctx->odp_actions, redirect);
    } else if (nl_attr_oversized(ctx->odp_actions->size - redirect)) {
        nl_msg_reset_size(ctx->odp_actions, redirect);
    } else {
        nl_msg_end_nested(ctx->odp_actions, list);
        nl_msg_end_nested(ctx->odp_actions, redirect);
    }
}

/* The lists of one function, by the ports that it has on this bridge. */
static void
ovsext_put_function(struct xlate_ctx *ctx,
                    const struct ovsext_function_ports *ports,
                    const struct ovsext_view_function *function)
{
    struct flow old_flow = ctx->xin->flow;
    struct flow old_base_flow = ctx->base_flow;

    for (uint8_t arm = 0; arm < 1 + function->both_arms; arm++) {
        size_t i;

        for (i = 0; i < ports->n; i++) {
            if (ports->ports[i].function == function->id &&
                ports->ports[i].arm == arm) {
                break;
            }
        }
        if (i == ports->n) {
            xlate_report(ctx, OFT_WARN,
                         "function %" PRIu32 " is down: port %s "
                         "is not on this bridge",
                         function->id,
                         function->ports[arm] ? function->ports[arm] : "");
            continue;
        }
        ovsext_put_redirect(ctx, function, arm, ports->ports[i].ofp_port);
        ctx->xin->flow = old_flow;
        ctx->base_flow = old_base_flow;
    }
}

/* Composes the outputs to the functions as parts of the inspect action, and
 * leaves no trace of them in the translation: the packet that they get is the
 * one that the destination would, and it goes on from here if the verdict is
 * another.  No mirror, and no counter of sFlow or NetFlow, sees them. */
static void
ovsext_put_redirects(struct xlate_ctx *ctx, const struct ovsext_view *view,
                     const struct ovsext_view_inspector *inspector)
{
    const struct ovsext_function_ports *ports;
    uint32_t old_n_outputs = ctx->sflow_n_outputs;
    odp_port_t old_odp_port = ctx->sflow_odp_port;
    ofp_port_t old_iface = ctx->nf_output_iface;
    mirror_mask_t old_mirrors = ctx->mirrors;
    uint32_t old_observed = OVSEXT_GET_OBSERVED(ctx);
    int old_snaplen = ctx->mirror_snaplen;

    if (!inspector->n_functions) {
        return;
    }
    ports = ovsext_function_ports(ctx->xbridge, view);
    ctx->inspect.composing = true;
    ctx->mirrors = ~(mirror_mask_t) 0;
    ctx->mirror_snaplen = 0;
    for (size_t i = 0; i < inspector->n_functions; i++) {
        ovsext_put_function(ctx, ports, &inspector->functions[i]);
    }
    ctx->inspect.composing = false;
    ctx->sflow_n_outputs = old_n_outputs;
    ctx->sflow_odp_port = old_odp_port;
    ctx->nf_output_iface = old_iface;
    ctx->mirrors = old_mirrors;
    ctx->mirror_snaplen = old_snaplen;
    OVSEXT_SET_OBSERVED(ctx, old_observed);
}

/* Where an answer to the sender goes, as long as that is a plain port: back
 * by it, with the tag that the frame had there. */
static void
ovsext_put_reset(struct xlate_ctx *ctx, const struct ovsext_end *in)
{
    struct ovsext_reset reset;

    if (in->odp_port != ODPP_NONE) {
        reset.port = in->odp_port;
        reset.tci = in->vid ? htons(in->vid | VLAN_CFI) : 0;
        reset.mac = in->mac;
        nl_msg_put_unspec(ctx->odp_actions, OVSEXT_ATTR_RESET, &reset,
                          sizeof reset);
    }
}

static void
ovsext_put(struct xlate_ctx *ctx, struct ovsext_context *context,
           const struct ovsext_view *view,
           const struct ovsext_view_inspector *inspector,
           const struct ovsext_end *in)
{
    size_t inspect =
        nl_msg_start_nested(ctx->odp_actions, OVS_ACTION_ATTR_INSPECT);
    size_t size;

    if (ctx->inspect.frozen.flags & OVSEXT_FROZEN_NAT_SPLIT) {
        context->flags |= OVSEXT_CONTEXT_NAT_SPLIT;
    }
    if (inspector && inspector->fail_closed) {
        context->flags |= OVSEXT_CONTEXT_FAIL_CLOSED;
    }
    nl_msg_put_unspec(ctx->odp_actions, OVSEXT_ATTR_CONTEXT, context,
                      sizeof *context);
    if (inspector && !(context->flags & OVSEXT_CONTEXT_TAP)) {
        ovsext_put_reset(ctx, in);
    }

    /* Copies of a flood are never redirected: so many lists would not fit. */
    size = ctx->odp_actions->size;
    if (inspector &&
        !(context->flags & (OVSEXT_CONTEXT_TAP | OVSEXT_CONTEXT_FLOOD))) {
        ovsext_put_redirects(ctx, view, inspector);
    }
    if (nl_attr_oversized(ctx->odp_actions->size - inspect)) {
        xlate_report_error(ctx,
                           "redirect lists are too long: functions of "
                           "inspector %" PRIu32 " count as down",
                           context->inspector);
        nl_msg_reset_size(ctx->odp_actions, size);
    }
    nl_msg_end_nested(ctx->odp_actions, inspect);
}

/* An explicit action. */

static void
ovsext_explicit_zone(struct xlate_ctx *ctx, const struct ofpact_inspect *oi,
                     struct insp_zone *zone)
{
    const struct flow *flow = &ctx->xin->flow;

    zone->kind = INSP_ZONE_EXPLICIT;
    if (oi->flags & OVSEXT_OFPACT_ZONE) {
        zone->a = oi->zone;
    } else if (oi->flags & OVSEXT_OFPACT_ZONE_FIELD) {
        union mf_subvalue ones;

        /* What a recirculation has brought back is part of its id. */
        zone->a = mf_get_subfield(&oi->zone_src, flow);
        if (!ctx->xin->frozen_state ||
            !mf_is_frozen_metadata(oi->zone_src.field)) {
            memset(&ones, 0xff, sizeof ones);
            mf_write_subfield_flow(&oi->zone_src, &ones, &ctx->wc->masks);
        }
    } else {
        const struct xport *xport =
            get_ofp_port(ctx->xbridge, flow->in_port.ofp_port);

        /* The VLAN in which NORMAL would see the packet, so that a frame
         * from a trunk and one from an access port are in the same. */
        ctx->wc->masks.vlans[0].tci |= htons(VLAN_VID_MASK | VLAN_CFI);
        zone->vlan = ovsext_flow_vid(flow);
        if (!zone->vlan && xport && xport->xbundle &&
            xport->xbundle->vlan_mode != PORT_VLAN_TRUNK) {
            zone->vlan = xport->xbundle->vlan;
        }
        if (flow_tnl_dst_is_set(&flow->tunnel)) {
            ctx->wc->masks.tunnel.tun_id = OVS_BE64_MAX;
            zone->a = ovsext_fold_key(ntohll(flow->tunnel.tun_id));
        }
    }
}

static void
ovsext_xlate_action(struct xlate_ctx *ctx, const struct ofpact_inspect *oi)
{
    const struct ovsext_view *view = ovsext_view_get();
    const struct ovsext_view_inspector *inspector = NULL;
    struct ovsext_context context;
    struct ovsext_end in;

    if (!ctx->xbridge->support.inspect) {
        /* Flows of this kind are refused, but groups, patch ports and
         * packet-out come by other doors. */
        xlate_report_error(ctx,
                           "inspect needs datapath_type=netdev on bridge "
                           "%s: dropped",
                           ctx->xbridge->name);
        ctx->error = XLATE_FORWARDING_DISABLED;
        return;
    }

    /* The inspector is to see what has been made of the packet up to here. */
    xlate_commit_actions(ctx);

    ovsext_ingress(ctx, view, &in);
    memset(&context, 0, sizeof context);
    context.inspector = oi->id;
    context.in_port = in.id;
    ovsext_explicit_zone(ctx, oi, &context.zone);

    if (ovsext_view_attachment(ovsext_view_bridge(view, ctx->xbridge->name),
                               oi->id)) {
        inspector = ovsext_view_inspector(view, oi->id);
    }
    if (!inspector) {
        xlate_report(ctx, OFT_WARN,
                     "no inspector of bridge %s has id "
                     "%" PRIu32 ": nothing is inspected",
                     ctx->xbridge->name, oi->id);
        context.flags |= OVSEXT_CONTEXT_UNKNOWN;
    } else if (!(oi->flags & OVSEXT_OFPACT_TAP)) {
        ovsext_meet(&ctx->inspect.frozen, oi->id);
    }
    if (oi->flags & OVSEXT_OFPACT_TAP || !inspector || inspector->tap) {
        context.flags |= OVSEXT_CONTEXT_TAP;
    }
    ovsext_put(ctx, &context, view, inspector, &in);
}

/* Automatic insertion. */

struct ovsext_output {
    struct ovsext_frozen frozen;
    size_t start;      /* Of all that was inserted. */
    size_t nest;       /* Of a clone() that is still open, if... */
    size_t body;       /* Of the output itself. */
    uint32_t observed; /* Last sample before all that. */
    bool inserted;
    bool nested; /* ... this is true. */
};

/* True if nothing is ever inserted before the output that is being
 * composed. */
static bool
ovsext_is_exempt(const struct xlate_ctx *ctx)
{
    return (!ctx->xbridge->support.inspect || ctx->inspect.composing ||
            ctx->inspect.n_mirrors ||
            ctx->inspect.frozen.flags & OVSEXT_FROZEN_MIRROR
            /* After recirculation for a bond: inspected before it. */
            || (ctx->rule && rule_dpif_is_internal(ctx->rule)));
}

static void
ovsext_insert(struct xlate_ctx *ctx, struct ovsext_output *output,
              const struct ovsext_view *view,
              const struct ovsext_view_inspector *inspector,
              const struct ovsext_context *template,
              const struct ovsext_end *in)
{
    struct ovsext_context context = *template;

    context.inspector = inspector->id;
    if (inspector->tap) {
        context.flags |= OVSEXT_CONTEXT_TAP;
    } else if (!output->nested) {
        /* A verdict is on this copy of the packet alone. */
        output->nest =
            nl_msg_start_nested(ctx->odp_actions, OVS_ACTION_ATTR_CLONE);
        output->nested = true;
    }
    xlate_report(ctx, OFT_DETAIL,
                 "inspector %" PRIu32 " inspects this output%s", inspector->id,
                 inspector->tap ? " (tap)" : "");
    ovsext_put(ctx, &context, view, inspector, in);
    ovsext_meet(&ctx->inspect.frozen, inspector->id);
    output->inserted = true;
}

/* True if 'inspector', attached with 'select', is to inspect the output. */
static bool
ovsext_wants(const struct xlate_ctx *ctx,
             const struct ovsext_view_inspector *inspector,
             enum ovsext_select select, const struct ovsext_end *in,
             const struct ovsext_end *out)
{
    return (inspector && inspector->enabled &&
            !ovsext_has_met(&ctx->inspect.frozen, inspector->id) &&
            ovsext_select(select, in, out));
}

/* Begins the output to 'xport', for which all changes have been committed:
 * emits the actions of the inspectors that want it, in a clone() as soon as
 * one of them may drop the packet. */
static struct ovsext_output
ovsext_output_begin(struct xlate_ctx *ctx, const struct xport *xport)
{
    struct ovsext_output output = { .frozen = ctx->inspect.frozen };
    const struct ovsext_view *view = ovsext_view_get();
    const struct ovsext_view_bridge *bridge;
    struct ovsext_context context;
    struct ovsext_end in, out;
    bool flood;

    output.start = output.body = ctx->odp_actions->size;
    output.observed = OVSEXT_GET_OBSERVED(ctx);
    if (!ovsext_view_inserts(view) || ovsext_is_exempt(ctx)) {
        return output;
    }
    bridge = ovsext_view_bridge(view, ctx->xbridge->name);
    if (!bridge || !bridge->n_attachments) {
        return output;
    }

    ovsext_ingress(ctx, view, &in);
    ovsext_egress(ctx, view, xport, &out);
    flood = ovsext_is_flood(ctx);
    memset(&context, 0, sizeof context);
    context.flags = (OVSEXT_CONTEXT_AUTO | (flood ? OVSEXT_CONTEXT_FLOOD : 0));
    context.in_port = in.id;
    context.out_port = out.id;
    ovsext_zone(&context.zone, &in, &out, bridge->id, flood);

    for (size_t i = 0; i < bridge->n_attachments; i++) {
        const struct ovsext_view_attachment *attachment =
            &bridge->attachments[i];
        const struct ovsext_view_inspector *inspector =
            ovsext_view_inspector(view, attachment->id);

        if (ovsext_wants(ctx, inspector, attachment->select, &in, &out)) {
            ovsext_insert(ctx, &output, view, inspector, &context, &in);
        }
    }
    output.body = ctx->odp_actions->size;
    return output;
}

static void
ovsext_output_cancel(struct xlate_ctx *ctx, const struct ovsext_output *output)
{
    nl_msg_reset_size(ctx->odp_actions, output->start);
    OVSEXT_SET_OBSERVED(ctx, output->observed);
}

/* True if no more than the reason for a drop was composed, as from Open
 * vSwitch 4.0 on for a tunnel without a route or a neighbour: in a clone of
 * its own, or by itself where nothing follows. */
static bool
ovsext_only_drops(const struct ofpbuf *actions, size_t start)
{
    const struct nlattr *a;
    size_t left;

    if (actions->size <= start) {
        return false;
    }
    NL_ATTR_FOR_EACH(a, left, ofpbuf_at_assert(actions, start, NLA_HDRLEN),
                     actions->size - start)
    {
        const struct nlattr *in = a;

        if (nl_attr_type(a) == OVS_ACTION_ATTR_CLONE &&
            nl_attr_get_size(a) >= NLA_HDRLEN) {
            in = nl_attr_get(a);
        }
        if (nl_attr_type(in) != OVS_ACTION_ATTR_DROP) {
            return false;
        }
    }
    return true;
}

static void
ovsext_output_end(struct xlate_ctx *ctx, const struct ovsext_output *output)
{
    size_t size = ctx->odp_actions->size;

    ctx->inspect.frozen = output->frozen;
    if (!output->inserted) {
        return;
    }
    if (ovsext_only_drops(ctx->odp_actions, output->body)) {
        char *actions = ctx->odp_actions->data;

        /* The reason stays. */
        memmove(actions + output->start, actions + output->body,
                size - output->body);
        nl_msg_reset_size(ctx->odp_actions,
                          output->start + size - output->body);
        OVSEXT_SET_OBSERVED(ctx, output->observed);
    } else if (size == output->body) {
        /* No output after all, such as when a tunnel has no route. */
        ovsext_output_cancel(ctx, output);
    } else if (output->nested &&
               nl_attr_oversized(size - output->nest - NLA_HDRLEN)) {
        xlate_report_error(ctx, "actions of an inspected output are too "
                                "long: dropped");
        ovsext_output_cancel(ctx, output);
    } else if (output->nested) {
        nl_msg_end_nested(ctx->odp_actions, output->nest);
    }
}

/* Function ports take no part in switching. */

/* The port if it is a function's, else NULL. */
static const struct ovsext_view_port *
ovsext_function_of(const struct xport *xport)
{
    const struct ovsext_view_port *port =
        ovsext_view_port(ovsext_view_get(), netdev_get_name(xport->netdev));

    return port && port->function ? port : NULL;
}

static bool
ovsext_refuse_output(const struct xlate_ctx *ctx, const struct xport *xport)
{
    if (ctx->inspect.composing || !ovsext_function_of(xport)) {
        return false;
    }
    xlate_report(ctx, OFT_DETAIL,
                 "port %s belongs to a function, skipping "
                 "output",
                 netdev_get_name(xport->netdev));
    return true;
}

/* True if the packet has come in by a function's port: it reaches no flow
 * table. */
static bool
ovsext_take_input(const struct xlate_ctx *ctx, const struct xport *xport)
{
    return (xport && !ctx->xin->ofpacts && !ctx->rule &&
            ovsext_function_of(xport));
}

/* What comes out of a function has its own context with the engine, so one
 * datapath flow is enough for all of an ethertype: forgets what translation
 * has matched on so far (NetFlow wants much). */
static void
ovsext_mask_return(struct xlate_ctx *ctx)
{
    struct flow_wildcards *wc = ctx->wc;

    flow_wildcards_init_catchall(wc);
    WC_MASK_FIELD(wc, packet_type);
    WC_MASK_FIELD(wc, in_port);
    WC_MASK_FIELD(wc, dl_type);
    WC_MASK_FIELD(wc, recirc_id);
    if (is_ip_any(&ctx->xin->flow)) {
        WC_MASK_FIELD_MASK(wc, nw_frag, FLOW_NW_FRAG_MASK);
    }

    /* Unless a bit is matched, the datapath matches the whole tag. */
    wc->masks.vlans[0].tci |= htons(VLAN_CFI);
    tnl_wc_init(&ctx->xin->flow, wc);
    wc->masks.tunnel.metadata.tab = ctx->xin->flow.tunnel.metadata.tab;
}

static const char *
ovsext_refuse_return(const struct xlate_ctx *ctx, const struct xport *xport,
                     const struct ovsext_view_inspector *inspector)
{
    if (!inspector) {
        return "has no inspector";
    } else if (!ctx->xbridge->support.inspect) {
        return "is on a datapath that cannot inspect";
    } else if (ctx->xin->frozen_state) {
        return "has become a function's while packets recirculated";
    } else if (xport->config & (OFPUTIL_PC_NO_RECV | OFPUTIL_PC_PORT_DOWN) ||
               !xport_stp_forward_state(xport) ||
               !xport_rstp_forward_state(xport)) {
        return "is not to receive";
    }
    return NULL;
}

/* The one action for what comes out of a function: the engine knows what was
 * sent there, and what is left to do with it. */
static void
ovsext_put_return(struct xlate_ctx *ctx, const struct xport *xport)
{
    const struct ovsext_view *view = ovsext_view_get();
    const struct ovsext_view_port *port = ovsext_function_of(xport);
    const struct ovsext_view_inspector *inspector = NULL;
    struct ovsext_context context;
    const char *refused;
    size_t inspect;

    if (port) {
        inspector = ovsext_view_inspector(view, port->inspector);
    }
    ovsext_mask_return(ctx);
    refused = ovsext_refuse_return(ctx, xport, inspector);
    if (refused) {
        xlate_report(ctx, OFT_DETAIL,
                     "port %s belongs to a function and %s: "
                     "dropped",
                     netdev_get_name(xport->netdev), refused);
        ctx->error = XLATE_FORWARDING_DISABLED;
        return;
    }

    xlate_report(ctx, OFT_DETAIL,
                 "port %s belongs to function %" PRIu32 ": "
                 "what it returns goes on, all else is dropped",
                 netdev_get_name(xport->netdev), port->function);
    memset(&context, 0, sizeof context);
    context.inspector = port->inspector;
    context.flags = OVSEXT_CONTEXT_RETURN | ovsext_encap_flags(port->encap);
    context.in_port = port->function;
    context.out_port = port->arm;
    inspect = nl_msg_start_nested(ctx->odp_actions, OVS_ACTION_ATTR_INSPECT);
    nl_msg_put_unspec(ctx->odp_actions, OVSEXT_ATTR_CONTEXT, &context,
                      sizeof context);
    ovsext_put_redirects(ctx, view, inspector);
    nl_msg_end_nested(ctx->odp_actions, inspect);
}

/* Copies.
 *
 * Open vSwitch translates a bucket, a patch port or a clone() in place where
 * all that its actions do can be undone by later ones.  A drop cannot: so
 * when such a part turns out to hold an inspect action that may drop, its
 * datapath actions are put into a clone() after the fact, and translation
 * goes on from the packet as it was before.  What the copy has met, the rest
 * has not. */
struct ovsext_copy {
    struct ovsext_frozen frozen;
    struct flow base_flow;
    size_t start;
    uint32_t observed;
    bool pending_encap;
    bool pending_decap;
    struct ofpbuf *encap_data;
};

static void
ovsext_copy_begin(struct xlate_ctx *ctx, struct ovsext_copy *copy)
{
    copy->frozen = ctx->inspect.frozen;
    copy->base_flow = ctx->base_flow;
    copy->start = ctx->odp_actions->size;
    copy->observed = OVSEXT_GET_OBSERVED(ctx);
    copy->pending_encap = ctx->pending_encap;
    copy->pending_decap = ctx->pending_decap;
    copy->encap_data = ctx->encap_data ? ofpbuf_clone(ctx->encap_data) : NULL;
}

static bool
ovsext_may_drop(const struct ofpbuf *actions, size_t start)
{
    const struct nlattr *a;
    size_t left;

    if (actions->size <= start) {
        return false;
    }
    NL_ATTR_FOR_EACH(a, left, ofpbuf_at_assert(actions, start, NLA_HDRLEN),
                     actions->size - start)
    {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_INSPECT &&
            !(ovsext_attr_context(a)->flags & OVSEXT_CONTEXT_TAP)) {
            return true;
        }
    }
    return false;
}

static void
ovsext_copy_end(struct xlate_ctx *ctx, struct ovsext_copy *copy)
{
    struct ofpbuf *actions = ctx->odp_actions;
    size_t size;

    ctx->inspect.frozen = copy->frozen;
    if (!ovsext_may_drop(actions, copy->start)) {
        ofpbuf_delete(copy->encap_data);
        return;
    }

    size = actions->size - copy->start;
    if (nl_attr_oversized(size)) {
        xlate_report_error(ctx, "actions of an inspected copy are too long: "
                                "dropped");
        nl_msg_reset_size(actions, copy->start);
        OVSEXT_SET_OBSERVED(ctx, copy->observed);
    } else {
        const uint32_t observed = OVSEXT_GET_OBSERVED(ctx);
        uint8_t *start;

        if (observed != UINT32_MAX && observed >= copy->start) {
            OVSEXT_SET_OBSERVED(ctx, observed + NLA_HDRLEN);
        }
        ofpbuf_put_zeros(actions, NLA_HDRLEN);
        start = ofpbuf_at_assert(actions, copy->start, size);
        memmove(start + NLA_HDRLEN, start, size);
        actions->size = copy->start;
        nl_msg_start_nested(actions, OVS_ACTION_ATTR_CLONE);
        actions->size += size;
        nl_msg_end_nested(actions, copy->start);
    }

    ctx->base_flow = copy->base_flow;
    ctx->pending_encap = copy->pending_encap;
    ctx->pending_decap = copy->pending_decap;
    ofpbuf_delete(ctx->encap_data);
    ctx->encap_data = copy->encap_data;
}

/* Recirculation. */

static struct ovsext_frozen
ovsext_freeze(struct xlate_ctx *ctx)
{
    const struct ovsext_view *view = ovsext_view_get();
    struct ovsext_frozen frozen = ctx->inspect.frozen;

    if (!ovsext_view_inserts(view)) {
        return frozen;
    }
    if (!(frozen.flags & OVSEXT_FROZEN_INGRESS)) {
        struct ovsext_end in;

        ovsext_ingress(ctx, view, &in);
        BUILD_ASSERT(sizeof frozen.in_xport ==
                     sizeof ctx->xin->xport_uuid.parts);
        memcpy(frozen.in_xport, ctx->xin->xport_uuid.parts,
               sizeof frozen.in_xport);
        frozen.in_vid = in.vid;
        frozen.in_key = in.key;
        frozen.flags |= OVSEXT_FROZEN_INGRESS;
    }
    if (ctx->inspect.n_floods) {
        frozen.flags |= OVSEXT_FROZEN_FLOOD;
    }
    if (ctx->inspect.n_mirrors) {
        frozen.flags |= OVSEXT_FROZEN_MIRROR;
    }
    return frozen;
}

/* The packet is about to lose what connection tracking knows of it. */
static void
ovsext_ct_cleared(struct xlate_ctx *ctx)
{
    const uint8_t nat = CS_SRC_NAT | CS_DST_NAT;

    if (ovsext_view_is_idle(ovsext_view_get())) {
        return;
    }
    ctx->wc->masks.ct_state |= nat;
    if (ctx->xin->flow.ct_state & nat) {
        ctx->inspect.frozen.flags |= OVSEXT_FROZEN_NAT_SPLIT;
    }
}

/* Tracking it in another zone overwrites that, too. */
static void
ovsext_ct_again(struct xlate_ctx *ctx, uint16_t zone)
{
    if (ctx->conntracked && !ovsext_view_is_idle(ovsext_view_get())) {
        ctx->wc->masks.ct_zone = UINT16_MAX;
        if (ctx->xin->flow.ct_zone != zone) {
            ovsext_ct_cleared(ctx);
        }
    }
}

#endif /* ovs-ext/inside-xlate.h */
