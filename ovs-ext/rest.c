/* SPDX-License-Identifier: Apache-2.0 */
/* How it works:
 *
 *     struct header        always: the sum of port uses, the input port
 *     struct metadata      only when an action can see it
 *     struct tracked       only when connection tracking has set it
 *     tunnel               only when the packet came by one, without options
 *     actions              to the end
 *
 * Most rests are one output and take 16 bytes.  A walk over the actions, which
 * goes into nested lists, finds out whether more is needed and adds up the
 * uses of all ports that are named.  On return the walk is done again: another
 * sum means that some port is not what it was.
 *
 * Left behind: the options of a Geneve tunnel that the packet came by, and
 * the connection that tracking has cached.  A datapath flow that matches on
 * them after a recirculation in the rest does not see them. */

#include <config.h>

#include "ovs-ext/rest.h"

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "ovs-ext/action-codec.h"
#include "ovs-ext/ovs-compat.h"
#include "ovs-ext/port-use.h"
#include "packets.h"

#define MAX_DEPTH 12

enum header_flags {
    HAS_METADATA = 1 << 0,
    HAS_TRACKED = 1 << 1,
    HAS_TUNNEL = 1 << 2,
};

/* None of these has padding: rests are compared as bytes. */
struct header {
    uint32_t uses;
    odp_port_t in_port;
    uint32_t flags;
};
BUILD_ASSERT_DECL(sizeof(struct header) == 12);

struct metadata {
    uint32_t recirc_id;
    uint32_t dp_hash;
    uint32_t skb_priority;
    uint32_t pkt_mark;
    odp_port_t orig_in_port;
};
BUILD_ASSERT_DECL(sizeof(struct metadata) == 20);

struct tracked {
    uint8_t state;
    uint8_t is_ipv6;
    uint16_t zone;
    uint32_t mark;
    uint32_t label[4];
    uint32_t tuple[10];
};
BUILD_ASSERT_DECL(sizeof(struct tracked) == 64);
BUILD_ASSERT_DECL(sizeof(struct ovs_key_ct_tuple_ipv6) <= 40);

#define TUNNEL_SIZE offsetof(struct flow_tnl, metadata)

struct survey {
    uint32_t uses;
    bool has_metadata;
    bool has_ct;
    bool too_deep;
};

static void survey_list(struct survey *, const struct nlattr *, size_t size,
                        int depth);

static void
survey_nested(struct survey *survey, const struct nlattr *nested, int depth)
{
    survey_list(survey, nl_attr_get(nested), nl_attr_get_size(nested),
                depth + 1);
}

/* An action with attributes of which some are lists: what is in one of
 * 'types' (bits). */
static void
survey_attributes(struct survey *survey, const struct nlattr *nested,
                  uint32_t types, int depth)
{
    const struct nlattr *a;
    size_t left;

    NL_NESTED_FOR_EACH(a, left, nested)
    {
        if (nl_attr_type(a) < 32 && types & 1u << nl_attr_type(a)) {
            survey_nested(survey, a, depth);
        }
    }
}

/* Another inspector's action: it comes to the redirect lists in it, and to an
 * answer. */
static void
survey_inspect(struct survey *survey, const struct nlattr *inspect, int depth)
{
    const struct ovsext_reset *reset = ovsext_attr_reset(inspect);
    const struct nlattr *a;
    size_t left;

    survey->has_metadata = true;
    if (reset) {
        survey->uses += ovsext_port_use(reset->port);
    }
    NL_NESTED_FOR_EACH(a, left, inspect)
    {
        if (nl_attr_type(a) == OVSEXT_ATTR_REDIRECT) {
            survey_attributes(survey, a, 1u << OVSEXT_REDIRECT_ATTR_ACTIONS,
                              depth);
        }
    }
}

static void
survey_action(struct survey *survey, const struct nlattr *a, int depth)
{
    const int type = nl_attr_type(a);

    switch ((enum ovs_action_attr) type) {
    case OVS_ACTION_ATTR_OUTPUT:
        survey->uses += ovsext_port_use(nl_attr_get_odp_port(a));
        break;

    case OVS_ACTION_ATTR_TUNNEL_PUSH: {
        const struct ovs_action_push_tnl *push = nl_attr_get(a);

        survey->uses += ovsext_port_use(push->out_port);
        survey->has_metadata = true;
        break;
    }

    case OVS_ACTION_ATTR_TUNNEL_POP:
        survey->uses += ovsext_port_use(nl_attr_get_odp_port(a));
        survey->has_metadata = true;
        break;

    case OVS_ACTION_ATTR_CLONE: survey_nested(survey, a, depth); break;

    case OVS_ACTION_ATTR_SAMPLE:
        survey_attributes(survey, a, 1u << OVS_SAMPLE_ATTR_ACTIONS, depth);
        break;

    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
        survey_attributes(
            survey, a,
            1u << OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER |
                1u << OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
            depth);
        break;

    case OVS_ACTION_ATTR_INSPECT: survey_inspect(survey, a, depth); break;

    case OVS_ACTION_ATTR_CT:
        survey->has_ct = true;
        survey->has_metadata = true;
        break;

    /* What the packet alone decides. */
    case OVS_ACTION_ATTR_POP_VLAN:
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_POP_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
    case OVS_ACTION_ATTR_PUSH_ETH:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_PUSH_NSH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_TRUNC:
    case OVS_ACTION_ATTR_METER:
    case OVS_ACTION_ATTR_DROP: break; OVSEXT_CASE_NEWER_ACTIONS
    case OVS_ACTION_ATTR_UNSPEC:
    case OVS_ACTION_ATTR_USERSPACE:
    case OVS_ACTION_ATTR_SET:
    case OVS_ACTION_ATTR_SET_MASKED:
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_HASH:
    case OVS_ACTION_ATTR_LB_OUTPUT:
    case OVS_ACTION_ATTR_CT_CLEAR:
    case __OVS_ACTION_ATTR_MAX:
    default: survey->has_metadata = true; break;
    }
}

static void
survey_list(struct survey *survey, const struct nlattr *actions, size_t size,
            int depth)
{
    const struct nlattr *a;
    size_t left;

    if (depth > MAX_DEPTH) {
        survey->too_deep = true;
        return;
    }
    NL_ATTR_FOR_EACH(a, left, actions, size)
    {
        survey_action(survey, a, depth);
    }
}

static void *
put(struct ovsext_rest *rest, const void *data, size_t size)
{
    char *to = (char *) rest->bytes + rest->size;

    rest->size += size;
    return rest->size <= sizeof rest->bytes ? memcpy(to, data, size) : NULL;
}

static void
put_metadata(struct ovsext_rest *rest, const struct pkt_metadata *md)
{
    struct metadata metadata = {
        .recirc_id = md->recirc_id,
        .dp_hash = md->dp_hash,
        .skb_priority = md->skb_priority,
        .pkt_mark = md->pkt_mark,
        .orig_in_port = md->orig_in_port,
    };

    put(rest, &metadata, sizeof metadata);
    if (md->ct_state) {
        struct tracked tracked = {
            .state = md->ct_state,
            .is_ipv6 = md->ct_orig_tuple_ipv6,
            .zone = md->ct_zone,
            .mark = md->ct_mark,
        };

        memcpy(tracked.label, &md->ct_label, sizeof tracked.label);
        if (md->ct_orig_tuple_ipv6) {
            memcpy(tracked.tuple, &md->ct_orig_tuple.ipv6,
                   sizeof md->ct_orig_tuple.ipv6);
        } else {
            memcpy(tracked.tuple, &md->ct_orig_tuple.ipv4,
                   sizeof md->ct_orig_tuple.ipv4);
        }
        put(rest, &tracked, sizeof tracked);
    }
    if (flow_tnl_dst_is_set(&md->tunnel)) {
        put(rest, &md->tunnel, TUNNEL_SIZE);
    }
}

void
ovsext_rest_make(struct ovsext_rest *rest, const struct dp_packet *packet,
                 const struct nlattr *actions, size_t size)
{
    const struct pkt_metadata *md = &packet->md;
    struct survey survey = { .uses = ovsext_port_use(md->in_port.odp_port) };
    struct header header = { .in_port = md->in_port.odp_port };

    survey_list(&survey, actions, size, 0);
    rest->has_metadata = survey.has_metadata;
    rest->has_ct = survey.has_ct;
    rest->size = 0;
    if (survey.too_deep) {
        rest->size = INSP_REST_MAX + 1;
        return;
    }

    header.uses = survey.uses;
    if (survey.has_metadata) {
        header.flags = (HAS_METADATA | (md->ct_state ? HAS_TRACKED : 0) |
                        (flow_tnl_dst_is_set(&md->tunnel) ? HAS_TUNNEL : 0));
    }
    put(rest, &header, sizeof header);
    if (survey.has_metadata) {
        put_metadata(rest, md);
    }
    put(rest, actions, size);
}

bool
ovsext_rest_same(const struct dp_packet *a, const struct dp_packet *b)
{
    struct ovsext_rest x, y;

    x.size = y.size = 0;
    put_metadata(&x, &a->md);
    put_metadata(&y, &b->md);
    return x.size == y.size && !memcmp(x.bytes, y.bytes, x.size);
}

/* Bytes before the actions. */
static size_t
prefix_size(const struct header *header)
{
    return (sizeof *header +
            (header->flags & HAS_METADATA ? sizeof(struct metadata) : 0) +
            (header->flags & HAS_TRACKED ? sizeof(struct tracked) : 0) +
            (header->flags & HAS_TUNNEL ? TUNNEL_SIZE : 0));
}

const struct nlattr *
ovsext_rest_open(const void *bytes, size_t size, size_t *actions_size)
{
    const struct header *header = bytes;
    const struct nlattr *actions;
    struct survey survey;
    size_t prefix;

    if (size < sizeof *header || size < prefix_size(header)) {
        return NULL;
    }
    prefix = prefix_size(header);
    actions = (const void *) ((const char *) bytes + prefix);
    *actions_size = size - prefix;

    memset(&survey, 0, sizeof survey);
    survey.uses = ovsext_port_use(header->in_port);
    survey_list(&survey, actions, *actions_size, 0);
    return survey.uses == header->uses ? actions : NULL;
}

static void
restore_tracked(struct pkt_metadata *md, const struct tracked *tracked)
{
    md->ct_state = tracked->state;
    md->ct_orig_tuple_ipv6 = tracked->is_ipv6;
    md->ct_zone = tracked->zone;
    md->ct_mark = tracked->mark;
    memcpy(&md->ct_label, tracked->label, sizeof md->ct_label);
    if (tracked->is_ipv6) {
        memcpy(&md->ct_orig_tuple.ipv6, tracked->tuple,
               sizeof md->ct_orig_tuple.ipv6);
    } else {
        memcpy(&md->ct_orig_tuple.ipv4, tracked->tuple,
               sizeof md->ct_orig_tuple.ipv4);
    }
}

void
ovsext_rest_restore(const void *bytes, struct dp_packet *packet)
{
    const struct header *header = bytes;
    const char *p = (const char *) bytes + sizeof *header;
    struct pkt_metadata *md = &packet->md;

    pkt_metadata_init(md, header->in_port);
    pkt_metadata_init_conn(md);
    if (header->flags & HAS_METADATA) {
        const struct metadata *metadata = (const void *) p;

        md->recirc_id = metadata->recirc_id;
        md->dp_hash = metadata->dp_hash;
        md->skb_priority = metadata->skb_priority;
        md->pkt_mark = metadata->pkt_mark;
        md->orig_in_port = metadata->orig_in_port;
        p += sizeof *metadata;
    }
    if (header->flags & HAS_TRACKED) {
        restore_tracked(md, (const void *) p);
        p += sizeof(struct tracked);
    }
    if (header->flags & HAS_TUNNEL) {
        memset(&md->tunnel.metadata, 0, offsetof(struct tun_metadata, opts));
        memcpy(&md->tunnel, p, TUNNEL_SIZE);
    }
}
