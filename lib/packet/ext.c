/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: every extension header has at least eight bytes, of which the
 * first names the next header and the second tells the length, in one of
 * three units (8 bytes, 4 bytes for AH, fixed for the fragment header).  So
 * the walk takes eight bytes, decides, and takes the rest.  A fragment header
 * with an offset ends it: what follows is the middle of something. */

#include "packet/ext.h"

/* Bytes of the header that begins with 'h', of which 8 have been taken. */
static size_t
ext_size(uint8_t proto, const uint8_t *h)
{
    switch (proto) {
    case INSP_EXT_FRAGMENT: return 8;
    case INSP_EXT_AH: return ((size_t) h[1] + 2) * 4;
    default: return ((size_t) h[1] + 1) * 8;
    }
}

/* An "atomic" fragment, whole in spite of its header, is no fragment (RFC
 * 6946).  Returns true for a later one. */
static bool
ext_fragment(struct insp_packet *p, const uint8_t *h)
{
    uint16_t offset_flags = insp_be16(h + 2);

    if (offset_flags & 0xfff9) {
        p->is_fragment = true;
        p->frag_id = insp_be32(h + 4);
    }
    return offset_flags & 0xfff8;
}

INSP_NOINLINE enum insp_packet_fact
insp_ext_skip(struct insp_packet *p, struct insp_cursor c, size_t *size)
{
    const uint8_t *start = c.at;

    *size = 0;
    for (int n = 0; insp_ext_is(p->proto, p->ip_version); n++) {
        const uint8_t *h;
        uint8_t proto = p->proto;

        if (n == INSP_EXT_MAX) {
            return INSP_PACKET_EXT_DEPTH;
        }
        h = insp_cursor_take(&c, 8);
        if (!h || !insp_cursor_skip(&c, ext_size(proto, h) - 8)) {
            return INSP_PACKET_IP_TRUNCATED;
        }
        p->proto = h[0];
        *size = (size_t) (c.at - start);
        if (proto == INSP_EXT_FRAGMENT && ext_fragment(p, h)) {
            return INSP_PACKET_FRAGMENT;
        }
    }
    return INSP_PACKET_OK;
}
