/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * GRE is an IP protocol of its own: that its header cannot be is the only
 * reason to doubt it.  Behind a header of four to sixteen bytes stands what
 * the protocol type says: a packet, a frame, or one more header, that of a
 * mirror (ERSPAN) or of PPP (PPTP, which is version 1).  tunnel.c looks into
 * what is carried.
 *
 *     flags (13) | version (3) | protocol type (16)
 *     [checksum (16) | offset (16)] [key (32)] [sequence (32)] [ack (32)]
 *
 * RFC 2784, 2890, 2637 (PPTP), 7637 (NVGRE), 1661 (PPP),
 * draft-foschiano-erspan.
 */

#include "app/tunnel.h"
#include "packet/packet.h"

INSP_TUNNEL_ROWS_STAND(GRE);

#define PROTO_GRE 47

#define FLAG_CHECKSUM 0x8000
#define FLAG_KEY      0x2000
#define FLAG_SEQUENCE 0x1000
#define FLAG_ACK      0x0080 /* Version 1. */
#define ZERO_0        0x4ff8 /* Reserved bits in version 0. */
#define ZERO_1        0xcf78 /* The same in version 1. */

#define TYPE_PPP        0x880b
#define TYPE_ERSPAN_1_2 0x88be
#define TYPE_ERSPAN_3   0x22eb

/* RFC 7637, section 3.2: subnets that have a number of their own. */
#define NVGRE_FIRST 0x001000
#define NVGRE_LAST  0xfffffe

struct head {
    struct insp_tunnel_cargo cargo;
    const char *kind;
    uint16_t type;
    bool has_key, has_sequence, has_erspan;
    uint32_t key;
    uint16_t session, vlan; /* ERSPAN. */
};

/* Version 1 and 2 of the mirror's header: type II and III. */
static bool
read_erspan(struct head *h, struct insp_cursor *c, unsigned int version)
{
    uint16_t word = insp_cursor_be16(c);

    if (word >> 12 != version) {
        return false;
    }
    h->has_erspan = true;
    h->vlan = word & 0x0fff;
    h->session = insp_cursor_be16(c) & 0x03ff;
    h->cargo.network = h->session;
    h->cargo.type = INSP_TUNNEL_ETHERNET;
    if (version == 1) {
        h->kind = "erspan-2";
        insp_cursor_skip(c, 4);
    } else {
        uint16_t flags;

        h->kind = "erspan-3";
        insp_cursor_skip(c, 6);
        flags = insp_cursor_be16(c);
        if ((flags >> 10 & 0x1f) == 2) {
            h->cargo.type = 0; /* IP without a frame; told below. */
        }
        if (flags & 1) {
            insp_cursor_skip(c, 8);
        }
    }
    return !c->failed;
}

/* What IP version stands there. */
static uint16_t
ip_type(struct insp_cursor c)
{
    switch (insp_cursor_u8(&c) >> 4) {
    case 4: return INSP_TUNNEL_IPV4;
    case 6: return INSP_TUNNEL_IPV6;
    default: return 0;
    }
}

/* RFC 1661, section 2 and 6.5, 6.6: with or without address and control, the
 * protocol in one byte or two.  Compressed and encrypted ones are not read. */
static void
read_ppp(struct head *h, struct insp_cursor *c)
{
    struct insp_cursor peek = *c;
    uint16_t protocol;

    if (insp_cursor_be16(&peek) == 0xff03) {
        *c = peek;
    }
    protocol = insp_cursor_u8(c);
    if (!(protocol & 1)) {
        protocol = (uint16_t) (protocol << 8 | insp_cursor_u8(c));
    }
    h->cargo.type = protocol == 0x0021   ? INSP_TUNNEL_IPV4
                    : protocol == 0x0057 ? INSP_TUNNEL_IPV6
                                         : 0;
}

static bool
read_carried(struct head *h, struct insp_cursor *c)
{
    h->cargo.network = h->key;
    h->cargo.type = h->type;
    switch (h->type) {
    case INSP_TUNNEL_ETHERNET:
        if (h->has_key && h->key >> 8 >= NVGRE_FIRST &&
            h->key >> 8 <= NVGRE_LAST && !h->has_sequence) {
            h->kind = "nvgre";
            h->cargo.network = h->key >> 8;
        }
        break;
    case TYPE_PPP: read_ppp(h, c); break;
    case TYPE_ERSPAN_1_2:
        h->kind = "erspan-1";
        h->cargo.type = INSP_TUNNEL_ETHERNET;
        if (h->has_sequence && !read_erspan(h, c, 1)) {
            return false;
        }
        break;
    case TYPE_ERSPAN_3:
        if (!read_erspan(h, c, 2)) {
            return false;
        }
        if (!h->cargo.type) {
            h->cargo.type = ip_type(*c);
        }
        break;
    default: break;
    }
    h->cargo.bytes = c->at;
    h->cargo.size = insp_cursor_left(c);
    return !c->failed;
}

static bool
read_head(const struct insp_reading *r, struct head *h)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint16_t flags = insp_cursor_be16(&c);
    unsigned int version = flags & 7;

    *h = (struct head){ .kind = version ? "pptp" : "gre" };
    h->type = insp_cursor_be16(&c);
    if (version > 1 || flags & (version ? ZERO_1 : ZERO_0)) {
        return false;
    }
    h->has_key = flags & FLAG_KEY;
    h->has_sequence = flags & FLAG_SEQUENCE;
    if (version && (!h->has_key || h->type != TYPE_PPP)) {
        return false;
    }
    if (flags & FLAG_CHECKSUM) {
        insp_cursor_skip(&c, 4);
    }
    if (h->has_key) {
        h->key = insp_cursor_be32(&c);
    }
    if (h->has_sequence) {
        insp_cursor_skip(&c, 4);
    }
    if (version) {
        h->key &= 0xffff; /* The payload's size is above it. */
        if (flags & FLAG_ACK) {
            insp_cursor_skip(&c, 4);
        }
        if (!h->has_sequence) { /* A bare acknowledgement. */
            h->cargo.type = 0;
            return !c.failed;
        }
    }
    return !c.failed && read_carried(h, &c);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct head h;

    return r->proto == PROTO_GRE && read_head(r, &h) ? INSP_GUESS_YES
                                                     : INSP_GUESS_NO;
}

static void
put_head(struct insp_event *e, const struct head *h)
{
    insp_event_text(e, INSP_FIELD_GRE_TYPE, h->kind);
    insp_event_uint(e, INSP_FIELD_GRE_PROTOCOL, h->type);
    if (h->type == TYPE_PPP && h->has_key) {
        insp_event_uint(e, INSP_FIELD_GRE_CALL, h->key);
    } else if (h->has_key) {
        insp_event_uint(e, INSP_FIELD_GRE_KEY, h->key);
    }
    if (!strcmp(h->kind, "nvgre")) {
        insp_event_uint(e, INSP_FIELD_GRE_VSID, h->cargo.network);
    }
    if (h->has_erspan) {
        insp_event_uint(e, INSP_FIELD_GRE_SESSION, h->session);
        insp_event_uint(e, INSP_FIELD_GRE_VLAN, h->vlan);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct head h;
    struct insp_event *e;

    if (read_head(r, &h)) {
        e = insp_tunnel_begin(r, INSP_APP_GRE, &h.cargo);
        if (e) {
            put_head(e, &h);
            insp_tunnel_end(r, e, INSP_FIELD_GRE_INNER_SRC_MAC, &h.cargo);
        }
    }
    return r->size;
}

const struct insp_reader insp_reader_gre = {
    .detect = detect,
    .read = read_bytes,
};
