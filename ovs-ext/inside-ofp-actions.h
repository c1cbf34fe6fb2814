/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ofp-actions
 * ==================
 *
 * Becomes part of lib/ofp-actions.c of Open vSwitch, which wants five static
 * functions of each action.  All work is done in action-codec.c.
 *
 * Above:    lib/ofp-actions.c, and only that.   Below:  action-codec.h.
 * Threads:  no state.
 * Memory:   as Open vSwitch does.
 * Time:     none.
 * Fails:    as action-codec.h says.
 */

#ifndef OVSEXT_INSIDE_OFP_ACTIONS_H
#define OVSEXT_INSIDE_OFP_ACTIONS_H 1

static enum ofperr
decode_INSPAST_RAW_INSPECT(const struct ovsext_action_inspect *wire,
                           enum ofp_version version OVS_UNUSED,
                           const struct vl_mff_map *map, uint64_t *tlv_bitmap,
                           struct ofpbuf *out)
{
    return ovsext_ofpact_decode(wire, map, tlv_bitmap,
                                ofpact_put_INSPECT(out));
}

static void
encode_INSPECT(const struct ofpact_inspect *a,
               enum ofp_version version OVS_UNUSED, struct ofpbuf *out)
{
    size_t start = out->size;

    ovsext_ofpact_encode(a, put_INSPAST_INSPECT(out), out);
    pad_ofpat(out, start);
}

static char *OVS_WARN_UNUSED_RESULT
parse_INSPECT(char *arg, const struct ofpact_parse_params *pp)
{
    return ovsext_ofpact_parse(arg, ofpact_put_INSPECT(pp->ofpacts));
}

static void
format_INSPECT(const struct ofpact_inspect *a,
               const struct ofpact_format_params *fp)
{
    ovsext_ofpact_format(a, fp->s);
}

static enum ofperr
check_INSPECT(const struct ofpact_inspect *a,
              const struct ofpact_check_params *cp)
{
    return ovsext_ofpact_check(a, cp->match);
}

#endif /* ovs-ext/inside-ofp-actions.h */
