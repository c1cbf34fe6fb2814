/* SPDX-License-Identifier: Apache-2.0 */
/* Action codec
 * ============
 *
 * The action in its three forms: OpenFlow on the wire, text, and the
 * attribute that the datapath carries.
 *
 *     inspect(id=1,tap,zone=reg6[0..15])               OpenFlow text
 *     inspect(id=1,in=3,out=4,zone=pair(3,4),auto,reset(1),redirect(9,0)(7))
 *     inspect(id=1,return(9,1,vlan),redirect(11,0)(8)) datapath text
 *
 * A datapath attribute holds a fixed context, which needs no parsing when it
 * runs; where a connection that is reset came from; and for each arm of each
 * function that packets may enter by a list of actions that sends them there:
 *
 *     OVS_ACTION_ATTR_INSPECT
 *       OVSEXT_ATTR_CONTEXT    struct ovsext_context
 *       OVSEXT_ATTR_RESET      struct ovsext_reset   (at most once)
 *       OVSEXT_ATTR_REDIRECT   (any number)
 *         OVSEXT_REDIRECT_ATTR_FUNCTION  u32
 *         OVSEXT_REDIRECT_ATTR_ARM       u8
 *         OVSEXT_REDIRECT_ATTR_ENCAP     u8, if it is not none
 *         OVSEXT_REDIRECT_ATTR_ACTIONS   nested OVS_ACTION_ATTR_*
 *
 * The second form is what is done with a packet that comes in by a port of a
 * function: here 'in_port' is the function's id and 'out_port' the arm.
 *
 * Above:    inside-ofp-actions.h, inside-xlate.h, action-run.c.
 * Below:    libopenvswitch, lib/flow/key.h.
 * Threads:  no state.
 * Memory:   as Open vSwitch does.
 * Time:     none.
 * Fails:    parsers with a text, an OpenFlow error or -EINVAL.
 */

#ifndef OVSEXT_ACTION_CODEC_H
#define OVSEXT_ACTION_CODEC_H 1

#include "engine/engine.h"
#include "flow/key.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/types.h"

struct dp_packet_batch;
struct ds;
struct match;
struct nlattr;
struct vl_mff_map;

/* Our OpenFlow experimenter ("INSP"), and the type of our one action. */
#define OVSEXT_VENDOR_ID 0x494e5350

/* The action on the wire.  When OVSEXT_OFPACT_ZONE_FIELD is set, the OXM
 * header of the field follows, padded with zeros to 8 bytes. */
struct ovsext_action_inspect {
    ovs_be16 type;    /* OFPAT_VENDOR. */
    ovs_be16 len;     /* 24 or 32. */
    ovs_be32 vendor;  /* OVSEXT_VENDOR_ID. */
    ovs_be16 subtype; /* 1. */
    ovs_be16 flags;   /* OVSEXT_OFPACT_*; others must be zero. */
    ovs_be32 id;
    ovs_be32 zone;        /* OVSEXT_OFPACT_ZONE. */
    ovs_be16 zone_ofs;    /* OVSEXT_OFPACT_ZONE_FIELD: first bit... */
    ovs_be16 zone_n_bits; /* ... and number of bits. */
};

enum ofperr ovsext_ofpact_decode(const struct ovsext_action_inspect *,
                                 const struct vl_mff_map *,
                                 uint64_t *tlv_bitmap,
                                 struct ofpact_inspect *);
/* 'wire' is the action's header as put by Open vSwitch, at the end of 'out'.
 * Appends what follows it. */
void ovsext_ofpact_encode(const struct ofpact_inspect *,
                          struct ovsext_action_inspect *wire,
                          struct ofpbuf *out);
char *ovsext_ofpact_parse(char *arg,
                          struct ofpact_inspect *) OVS_WARN_UNUSED_RESULT;
void ovsext_ofpact_format(const struct ofpact_inspect *, struct ds *);
enum ofperr ovsext_ofpact_check(const struct ofpact_inspect *,
                                const struct match *);

enum ovsext_attr {
    OVSEXT_ATTR_UNSPEC,
    OVSEXT_ATTR_CONTEXT,
    OVSEXT_ATTR_REDIRECT,
    OVSEXT_ATTR_RESET,
};

enum ovsext_redirect_attr {
    OVSEXT_REDIRECT_ATTR_UNSPEC,
    OVSEXT_REDIRECT_ATTR_FUNCTION,
    OVSEXT_REDIRECT_ATTR_ARM,
    OVSEXT_REDIRECT_ATTR_ENCAP,
    OVSEXT_REDIRECT_ATTR_ACTIONS,
};

enum ovsext_context_flags {
    /* The same values as enum insp_context_flag. */
    OVSEXT_CONTEXT_TAP = 0x01,
    OVSEXT_CONTEXT_AUTO = 0x02,
    OVSEXT_CONTEXT_FLOOD = 0x04,
    OVSEXT_CONTEXT_NAT_SPLIT = 0x08,

    /* Only between translation and action-run.c. */
    OVSEXT_CONTEXT_FAIL_CLOSED = 0x100, /* What cannot be done: drop. */
    OVSEXT_CONTEXT_UNKNOWN = 0x200,     /* No such inspector here. */
    OVSEXT_CONTEXT_RETURN = 0x400,      /* Out of a function... */
    OVSEXT_CONTEXT_VLAN = 0x800,        /* ... with its cookie in a tag, */
    OVSEXT_CONTEXT_NSH = 0x1000,        /* ... in a header of RFC 8300. */
};

/* No padding: attributes are compared as bytes. */
struct ovsext_context {
    uint32_t inspector; /* Inspector.id. */
    uint32_t flags;     /* OVSEXT_CONTEXT_*. */
    uint32_t in_port;   /* Inspector's port ids; 0: none. */
    uint32_t out_port;
    struct insp_zone zone;
};
BUILD_ASSERT_DECL(sizeof(struct ovsext_context) == 28);

/* Where an answer to the sender of a packet goes.  No padding. */
struct ovsext_reset {
    odp_port_t port;     /* That the packet came in by. */
    ovs_be16 tci;        /* Of the frame there; 0: no tag. */
    struct eth_addr mac; /* Of the sender; zeros: unknown. */
};
BUILD_ASSERT_DECL(sizeof(struct ovsext_reset) == 12);

/* An enum insp_encap as flags of a context, and out of these. */
uint32_t ovsext_encap_flags(uint8_t encap);
uint8_t ovsext_encap_of(uint32_t flags);

/* The context of an attribute, or NULL when it is damaged. */
const struct ovsext_context *ovsext_attr_context(const struct nlattr *);

/* NULL: there is none. */
const struct ovsext_reset *ovsext_attr_reset(const struct nlattr *);

/* One arm of a function and the list that sends there, which is not empty. */
struct ovsext_way {
    uint32_t function;
    uint8_t arm;
    uint8_t encap; /* enum insp_encap. */
    const struct nlattr *list;
};

/* All of them, as many as fit 'n'; returns how many. */
size_t ovsext_attr_ways(const struct nlattr *, struct ovsext_way *, size_t n);

/* Who runs inspect actions in this process; NULL: nobody, they do nothing.
 * Set before there are packets.  'rest' is what follows the action in its
 * list. */
typedef void ovsext_run_func(void *dp, struct dp_packet_batch *,
                             const struct nlattr *inspect,
                             const struct nlattr *rest, size_t rest_size,
                             void (*)(void *dp, struct dp_packet_batch *,
                                      const struct nlattr *, bool steal));
void ovsext_set_runner(ovsext_run_func *);

#endif /* ovs-ext/action-codec.h */
