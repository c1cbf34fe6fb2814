/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the OpenFlow side keeps to the habits of the "ct" action: a
 * zone is a number or a subfield, and a subfield travels as an OXM header
 * with offset and width.  The datapath side is a netlink attribute whose
 * first member is the whole context as one struct; text of it is read and
 * written here, and the lists inside by the callers' own functions, so that
 * whatever a datapath list may hold may stand in ours. */

#include <config.h>

#include "ovs-ext/action-codec.h"

#include <ctype.h>
#include <errno.h>

#include "colors.h"
#include "dp-packet.h"
#include "dpif-netdev.h"
#include "netlink.h"
#include "nx-match.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-atomic.h"
#include "ovs-ext/hooks.h"
#include "packets.h"
#include "util.h"
#include "vl-mff-map.h"

BUILD_ASSERT_DECL(sizeof(struct ovsext_action_inspect) == 24);

#define OFPACT_FLAGS                                                          \
    (OVSEXT_OFPACT_TAP | OVSEXT_OFPACT_ZONE | OVSEXT_OFPACT_ZONE_FIELD)

enum ofperr
ovsext_ofpact_decode(const struct ovsext_action_inspect *wire,
                     const struct vl_mff_map *map, uint64_t *tlv_bitmap,
                     struct ofpact_inspect *a)
{
    struct ofpbuf rest = ofpbuf_const_initializer(wire, ntohs(wire->len));

    ofpbuf_pull(&rest, sizeof *wire);
    a->flags = ntohs(wire->flags);
    a->id = ntohl(wire->id);
    if (!a->id || a->flags & ~OFPACT_FLAGS ||
        (a->flags & OVSEXT_OFPACT_ZONE &&
         a->flags & OVSEXT_OFPACT_ZONE_FIELD)) {
        return OFPERR_OFPBAC_BAD_ARGUMENT;
    }

    if (a->flags & OVSEXT_OFPACT_ZONE) {
        a->zone = ntohl(wire->zone);
    } else if (wire->zone) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    if (a->flags & OVSEXT_OFPACT_ZONE_FIELD) {
        enum ofperr error;

        a->zone_src.ofs = ntohs(wire->zone_ofs);
        a->zone_src.n_bits = ntohs(wire->zone_n_bits);
        error = mf_vl_mff_nx_pull_header(&rest, map, &a->zone_src.field, NULL,
                                         tlv_bitmap);
        if (!error) {
            error = ovsext_ofpact_check(a, NULL);
        }
        if (error) {
            return error;
        }
    } else if (wire->zone_ofs || wire->zone_n_bits) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    return is_all_zeros(rest.data, rest.size) ? 0 : OFPERR_NXBRC_MUST_BE_ZERO;
}

void
ovsext_ofpact_encode(const struct ofpact_inspect *a,
                     struct ovsext_action_inspect *wire, struct ofpbuf *out)
{
    wire->flags = htons(a->flags);
    wire->id = htonl(a->id);
    if (a->flags & OVSEXT_OFPACT_ZONE) {
        wire->zone = htonl(a->zone);
    }
    if (a->flags & OVSEXT_OFPACT_ZONE_FIELD) {
        wire->zone_ofs = htons(a->zone_src.ofs);
        wire->zone_n_bits = htons(a->zone_src.n_bits);

        /* May move 'wire'. */
        nx_put_mff_header(out, a->zone_src.field, 0, false);
    }
}

/* Like str_to_u32(), but a number that is too large is a fault, too. */
static char *
parse_u32(const char *name, const char *value, uint32_t min, uint32_t *number)
{
    unsigned long long int n;

    if (!str_to_ullong(value, 0, &n) || n < min || n > UINT32_MAX) {
        return xasprintf("inspect: %s '%s': not a number from %" PRIu32
                         " to %" PRIu32,
                         name, value, min, UINT32_MAX);
    }
    *number = n;
    return NULL;
}

char *
ovsext_ofpact_parse(char *arg, struct ofpact_inspect *a)
{
    char *key, *value;

    while (ofputil_parse_key_value(&arg, &key, &value)) {
        char *error = NULL;

        if (!strcmp(key, "id")) {
            error = parse_u32("id", value, 1, &a->id);
        } else if (!strcmp(key, "tap") && !*value) {
            a->flags |= OVSEXT_OFPACT_TAP;
        } else if (!strcmp(key, "zone") &&
                   a->flags &
                       (OVSEXT_OFPACT_ZONE | OVSEXT_OFPACT_ZONE_FIELD)) {
            error = xstrdup("inspect: more than one zone");
        } else if (!strcmp(key, "zone") && isdigit((unsigned char) *value)) {
            error = parse_u32("zone", value, 0, &a->zone);
            a->flags |= OVSEXT_OFPACT_ZONE;
        } else if (!strcmp(key, "zone")) {
            error = mf_parse_subfield(&a->zone_src, value);
            if (!error && a->zone_src.n_bits > 32) {
                error = xasprintf("inspect: zone %s has %u bits, more than "
                                  "32",
                                  value, a->zone_src.n_bits);
            }
            a->flags |= OVSEXT_OFPACT_ZONE_FIELD;
        } else {
            error =
                xasprintf("invalid argument to \"inspect\" action: `%s'", key);
        }
        if (error) {
            return error;
        }
    }
    return a->id ? NULL : xstrdup("inspect: id is missing");
}

void
ovsext_ofpact_format(const struct ofpact_inspect *a, struct ds *s)
{
    ds_put_format(s, "%sinspect(%s%sid=%s%" PRIu32, colors.paren, colors.end,
                  colors.param, colors.end, a->id);
    if (a->flags & OVSEXT_OFPACT_TAP) {
        ds_put_format(s, ",%stap%s", colors.value, colors.end);
    }
    if (a->flags & OVSEXT_OFPACT_ZONE) {
        ds_put_format(s, ",%szone=%s%" PRIu32, colors.param, colors.end,
                      a->zone);
    } else if (a->flags & OVSEXT_OFPACT_ZONE_FIELD) {
        ds_put_format(s, ",%szone=%s", colors.param, colors.end);
        mf_format_subfield(&a->zone_src, s);
    }
    ds_put_format(s, "%s)%s", colors.paren, colors.end);
}

enum ofperr
ovsext_ofpact_check(const struct ofpact_inspect *a, const struct match *match)
{
    if (!(a->flags & OVSEXT_OFPACT_ZONE_FIELD)) {
        return 0;
    }
    if (a->zone_src.n_bits > 32) {
        return OFPERR_OFPBAC_BAD_SET_LEN;
    }
    return mf_check_src(&a->zone_src, match);
}

const struct ovsext_context *
ovsext_attr_context(const struct nlattr *inspect)
{
    const struct nlattr *first = nl_attr_get(inspect);
    size_t size = nl_attr_get_size(inspect);

    return (size >= NLA_HDRLEN + sizeof(struct ovsext_context) &&
                    nl_attr_type(first) == OVSEXT_ATTR_CONTEXT &&
                    nl_attr_get_size(first) == sizeof(struct ovsext_context)
                ? nl_attr_get(first)
                : NULL);
}

const struct ovsext_reset *
ovsext_attr_reset(const struct nlattr *inspect)
{
    const struct nlattr *a;
    size_t left;

    NL_NESTED_FOR_EACH(a, left, inspect)
    {
        if (nl_attr_type(a) == OVSEXT_ATTR_RESET &&
            nl_attr_get_size(a) == sizeof(struct ovsext_reset)) {
            return nl_attr_get(a);
        }
    }
    return NULL;
}

/* Reads a redirect attribute; false when it is damaged. */
static bool
parse_redirect(const struct nlattr *redirect, struct ovsext_way *way)
{
    const struct nlattr *a;
    size_t left;

    memset(way, 0, sizeof *way);
    NL_NESTED_FOR_EACH(a, left, redirect)
    {
        if (nl_attr_type(a) == OVSEXT_REDIRECT_ATTR_FUNCTION &&
            nl_attr_get_size(a) == sizeof way->function) {
            way->function = nl_attr_get_u32(a);
        } else if (nl_attr_type(a) == OVSEXT_REDIRECT_ATTR_ARM &&
                   nl_attr_get_size(a) == sizeof way->arm) {
            way->arm = nl_attr_get_u8(a);
        } else if (nl_attr_type(a) == OVSEXT_REDIRECT_ATTR_ENCAP &&
                   nl_attr_get_size(a) == sizeof way->encap) {
            way->encap = nl_attr_get_u8(a);
        } else if (nl_attr_type(a) == OVSEXT_REDIRECT_ATTR_ACTIONS) {
            way->list = a;
        }
    }
    return way->function && way->list;
}

size_t
ovsext_attr_ways(const struct nlattr *inspect, struct ovsext_way *ways,
                 size_t max)
{
    const struct nlattr *a;
    size_t left;
    size_t n = 0;

    NL_NESTED_FOR_EACH(a, left, inspect)
    {
        if (n < max && nl_attr_type(a) == OVSEXT_ATTR_REDIRECT &&
            parse_redirect(a, &ways[n]) && nl_attr_get_size(ways[n].list)) {
            n++;
        }
    }
    return n;
}

/* Text of zones, indexed by kind: what 'a' and 'b' are called in it. */
static const struct zone_text {
    const char *name;
    bool has_b;
} zone_texts[INSP_N_ZONE_KINDS] = {
    [INSP_ZONE_EXPLICIT] = { "explicit", false },
    [INSP_ZONE_PAIR] = { "pair", true },
    [INSP_ZONE_PORT] = { "port", false },
    [INSP_ZONE_BRIDGE] = { "bridge", true },
    [INSP_ZONE_GROUP] = { "group", false },
};

static void
format_zone(struct ds *s, const struct insp_zone *zone)
{
    if (zone->kind >= INSP_N_ZONE_KINDS) {
        ds_put_format(s, "kind%" PRIu8, zone->kind);
        return;
    }
    ds_put_format(s, "%s(%" PRIu32, zone_texts[zone->kind].name, zone->a);
    if (zone_texts[zone->kind].has_b) {
        ds_put_format(s, ",%" PRIu32, zone->b);
    }
    if (zone->vlan) {
        ds_put_format(s, ",vlan=%" PRIu16, zone->vlan);
    }
    ds_put_char(s, ')');
}

/* Returns the number of characters, or 0. */
static int
parse_zone(const char *s, struct insp_zone *zone)
{
    for (uint8_t kind = 0; kind < INSP_N_ZONE_KINDS; kind++) {
        const struct zone_text *text = &zone_texts[kind];
        int length = strlen(text->name);
        int n = 0;

        memset(zone, 0, sizeof *zone);
        zone->kind = kind;
        if (strncmp(s, text->name, length) ||
            !ovs_scan(s + length, "(%" SCNi32 "%n", &zone->a, &n)) {
            continue;
        }
        length += n;
        if (text->has_b) {
            if (!ovs_scan(s + length, ",%" SCNi32 "%n", &zone->b, &n)) {
                return 0;
            }
            length += n;
        }
        if (ovs_scan(s + length, ",vlan=%" SCNi16 "%n", &zone->vlan, &n)) {
            length += n;
        }
        return s[length] == ')' ? length + 1 : 0;
    }
    return 0;
}

static const struct flag_text {
    uint32_t flag;
    const char *name;
} flag_texts[] = {
    { OVSEXT_CONTEXT_TAP, "tap" },
    { OVSEXT_CONTEXT_AUTO, "auto" },
    { OVSEXT_CONTEXT_FLOOD, "flood" },
    { OVSEXT_CONTEXT_NAT_SPLIT, "nat_split" },
    { OVSEXT_CONTEXT_FAIL_CLOSED, "fail_closed" },
    { OVSEXT_CONTEXT_UNKNOWN, "unknown" },
};

/* Text of encapsulations, behind a comma. */
static const char *const encap_texts[] = {
    [INSP_ENCAP_NONE] = "",
    [INSP_ENCAP_VLAN] = ",vlan",
    [INSP_ENCAP_NSH] = ",nsh",
};

static const char *
encap_text(uint8_t encap)
{
    return encap < ARRAY_SIZE(encap_texts) ? encap_texts[encap] : ",error";
}

/* Returns the number of characters; none at all is an encapsulation, too. */
static int
parse_encap(const char *s, uint8_t *encap)
{
    for (*encap = ARRAY_SIZE(encap_texts) - 1; *encap; --*encap) {
        if (!strncmp(s, encap_texts[*encap], strlen(encap_texts[*encap]))) {
            break;
        }
    }
    return strlen(encap_texts[*encap]);
}

uint8_t
ovsext_encap_of(uint32_t flags)
{
    return (flags & OVSEXT_CONTEXT_VLAN  ? INSP_ENCAP_VLAN
            : flags & OVSEXT_CONTEXT_NSH ? INSP_ENCAP_NSH
                                         : INSP_ENCAP_NONE);
}

uint32_t
ovsext_encap_flags(uint8_t encap)
{
    return (encap == INSP_ENCAP_VLAN  ? OVSEXT_CONTEXT_VLAN
            : encap == INSP_ENCAP_NSH ? OVSEXT_CONTEXT_NSH
                                      : 0);
}

static void
format_ends(struct ds *s, const struct ovsext_context *context)
{
    if (context->flags & OVSEXT_CONTEXT_RETURN) {
        ds_put_format(s, ",return(%" PRIu32 ",%" PRIu32 "%s)",
                      context->in_port, context->out_port,
                      encap_text(ovsext_encap_of(context->flags)));
        return;
    }
    if (context->in_port) {
        ds_put_format(s, ",in=%" PRIu32, context->in_port);
    }
    if (context->out_port) {
        ds_put_format(s, ",out=%" PRIu32, context->out_port);
    }
    ds_put_cstr(s, ",zone=");
    format_zone(s, &context->zone);
}

static void
format_reset(struct ds *s, const struct ovsext_reset *reset,
             const struct hmap *portno_names)
{
    ds_put_cstr(s, ",reset(");
    odp_portno_name_format(portno_names, reset->port, s);
    if (reset->tci) {
        ds_put_format(s, ",vlan=%d", vlan_tci_to_vid(reset->tci));
    }
    if (!eth_addr_is_zero(reset->mac)) {
        ds_put_format(s, ",mac=" ETH_ADDR_FMT, ETH_ADDR_ARGS(reset->mac));
    }
    ds_put_char(s, ')');
}

static void
format_redirect(struct ds *s, const struct nlattr *a,
                const struct hmap *portno_names)
{
    struct ovsext_way way;

    if (!parse_redirect(a, &way)) {
        ds_put_cstr(s, ",redirect(error)");
        return;
    }
    ds_put_format(s, ",redirect(%" PRIu32 ",%" PRIu8 "%s)(", way.function,
                  way.arm, encap_text(way.encap));
    if (nl_attr_get_size(way.list)) {
        format_odp_actions(s, nl_attr_get(way.list),
                           nl_attr_get_size(way.list), portno_names);
    }
    ds_put_char(s, ')');
}

void
ovsext_format_odp(struct ds *s, const struct nlattr *inspect,
                  const struct hmap *portno_names)
{
    const struct ovsext_context *context = ovsext_attr_context(inspect);
    const struct ovsext_reset *reset;
    const struct nlattr *a;
    size_t left;

    if (!context) {
        ds_put_cstr(s, "inspect(error)");
        return;
    }

    ds_put_format(s, "inspect(id=%" PRIu32, context->inspector);
    format_ends(s, context);
    for (size_t i = 0; i < ARRAY_SIZE(flag_texts); i++) {
        if (context->flags & flag_texts[i].flag) {
            ds_put_format(s, ",%s", flag_texts[i].name);
        }
    }
    reset = ovsext_attr_reset(inspect);
    if (reset) {
        format_reset(s, reset, portno_names);
    }
    NL_NESTED_FOR_EACH(a, left, inspect)
    {
        if (nl_attr_type(a) == OVSEXT_ATTR_REDIRECT) {
            format_redirect(s, a, portno_names);
        }
    }
    ds_put_char(s, ')');
}

/* Returns the number of characters of one flag, or 0. */
static int
parse_flag(const char *s, uint32_t *flags)
{
    size_t length = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

    for (size_t i = 0; i < ARRAY_SIZE(flag_texts); i++) {
        if (strlen(flag_texts[i].name) == length &&
            !strncmp(s, flag_texts[i].name, length)) {
            *flags |= flag_texts[i].flag;
            return length;
        }
    }
    return 0;
}

/* "return(FUNCTION,ARM[,vlan|,nsh])"; returns the number of characters, or
 * 0. */
static int
parse_return(const char *s, struct ovsext_context *context)
{
    uint8_t encap;
    int n = 0;

    if (!ovs_scan(s, "return(%" SCNi32 ",%" SCNi32 "%n", &context->in_port,
                  &context->out_port, &n)) {
        return 0;
    }
    n += parse_encap(s + n, &encap);
    context->flags |= OVSEXT_CONTEXT_RETURN | ovsext_encap_flags(encap);
    return s[n] == ')' && context->in_port ? n + 1 : 0;
}

/* "reset(PORT[,vlan=VID][,mac=MAC])", by number; returns as the above. */
static int
parse_reset(const char *s, struct ovsext_reset *reset)
{
    uint32_t port;
    uint16_t vid;
    int n = 0, length;

    memset(reset, 0, sizeof *reset);
    if (!ovs_scan(s, "reset(%" SCNi32 "%n", &port, &n)) {
        return 0;
    }
    reset->port = u32_to_odp(port);
    if (ovs_scan(s + n, ",vlan=%" SCNi16 "%n", &vid, &length) &&
        vid <= VLAN_VID_MASK) {
        reset->tci = htons(vid | VLAN_CFI);
        n += length;
    }
    if (ovs_scan(s + n, ",mac=" ETH_ADDR_SCAN_FMT "%n",
                 ETH_ADDR_SCAN_ARGS(reset->mac), &length)) {
        n += length;
    }
    return s[n] == ')' ? n + 1 : 0;
}

/* "redirect(FUNCTION,ARM[,vlan|,nsh])(LIST)"; returns the number of
 * characters, 0 if it is something else, or a negative errno. */
static int
parse_redirect_text(const char *s, struct parse_odp_context *context,
                    ovsext_parse_list_func *parse_list, struct ofpbuf *actions)
{
    size_t redirect, list;
    uint32_t function;
    uint8_t arm, encap;
    int n = 0, retval;

    if (!ovs_scan(s, "redirect(%" SCNi32 ",%" SCNi8 "%n", &function, &arm,
                  &n) ||
        !function) {
        return 0;
    }
    n += parse_encap(s + n, &encap);
    if (strncmp(s + n, ")(", 2)) {
        return 0;
    }
    n += 2;
    redirect = nl_msg_start_nested(actions, OVSEXT_ATTR_REDIRECT);
    nl_msg_put_u32(actions, OVSEXT_REDIRECT_ATTR_FUNCTION, function);
    nl_msg_put_u8(actions, OVSEXT_REDIRECT_ATTR_ARM, arm);
    if (encap) {
        nl_msg_put_u8(actions, OVSEXT_REDIRECT_ATTR_ENCAP, encap);
    }
    list = nl_msg_start_nested(actions, OVSEXT_REDIRECT_ATTR_ACTIONS);
    retval = parse_list(context, s + n, actions);
    if (retval < 0) {
        return retval;
    } else if (nl_attr_oversized(actions->size - redirect)) {
        return -E2BIG;
    }
    n += retval;
    nl_msg_end_nested(actions, list);
    nl_msg_end_nested(actions, redirect);
    return s[n] == ')' ? n + 1 : -EINVAL;
}

/* What of an action becomes part of its context; returns the number of
 * characters, or 0. */
static int
parse_context(const char *s, struct ovsext_context *context)
{
    int length = 0;

    if (ovs_scan(s, "id=%" SCNi32 "%n", &context->inspector, &length) ||
        ovs_scan(s, "in=%" SCNi32 "%n", &context->in_port, &length) ||
        ovs_scan(s, "out=%" SCNi32 "%n", &context->out_port, &length)) {
        return length;
    } else if (!strncmp(s, "zone=", 5)) {
        length = parse_zone(s + 5, &context->zone);
        return length ? length + 5 : 0;
    }
    length = parse_return(s, context);
    return length ? length : parse_flag(s, &context->flags);
}

/* Reads an inspect action at the start of 's', which begins with "inspect(".
 * Returns the number of characters or a negative errno. */
int
ovsext_parse_odp(const char *s, struct parse_odp_context *context,
                 ovsext_parse_list_func *parse_list, struct ofpbuf *actions)
{
    struct ovsext_context parsed = { .inspector = 0 };
    size_t inspect, header;
    int n = strlen("inspect(");

    inspect = nl_msg_start_nested(actions, OVS_ACTION_ATTR_INSPECT);
    header = actions->size;
    nl_msg_put_unspec(actions, OVSEXT_ATTR_CONTEXT, &parsed, sizeof parsed);

    while (s[n] != ')') {
        struct ovsext_reset reset;
        int length = parse_reset(s + n, &reset);

        if (length) {
            nl_msg_put_unspec(actions, OVSEXT_ATTR_RESET, &reset,
                              sizeof reset);
        } else {
            length = parse_redirect_text(s + n, context, parse_list, actions);
        }
        if (!length) {
            length = parse_context(s + n, &parsed);
        }
        if (length <= 0) {
            return length ? length : -EINVAL;
        }
        n += length;
        n += strspn(s + n, ", \t\r\n");
    }
    if (!parsed.inspector) {
        return -EINVAL;
    } else if (nl_attr_oversized(actions->size - inspect)) {
        return -E2BIG;
    }

    memcpy((char *) ofpbuf_at_assert(actions, header + NLA_HDRLEN,
                                     sizeof parsed),
           &parsed, sizeof parsed);
    nl_msg_end_nested(actions, inspect);
    return n + 1;
}

static ATOMIC(ovsext_run_func *) runner = NULL;

void
ovsext_set_runner(ovsext_run_func *function)
{
    atomic_store_explicit(&runner, function, memory_order_release);
}

void
ovsext_execute(void *dp, struct dp_packet_batch *batch,
               const struct nlattr *inspect, size_t left,
               ovsext_execute_func *execute)
{
    size_t size = MIN(NLA_ALIGN(inspect->nla_len), left);
    ovsext_run_func *run;

    /* Without 'execute' nothing leaves the switch: such a run only finds out
     * how headers would look, and must have no other effect. */
    atomic_read_explicit(&runner, &run, memory_order_acquire);
    if (run && execute) {
        const void *rest = (const char *) inspect + size;

        run(dp, batch, inspect, rest, left - size, execute);
    }
}

struct dp_packet *
ovsext_help_begin(const struct dpif *dpif, struct dp_packet *packet)
{
    return dpif_is_netdev(dpif) ? dp_packet_clone(packet) : packet;
}

void
ovsext_help_end(struct dp_packet_batch *batch, struct dp_packet *packet)
{
    struct dp_packet *ran;

    DP_PACKET_BATCH_FOR_EACH (i, ran, batch) {
        if (ran != packet) {
            /* The caller may look at what the actions made of it. */
            dp_packet_swap(packet, ran);
            dp_packet_delete(ran);
        }
    }
}
