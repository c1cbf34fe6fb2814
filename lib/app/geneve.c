/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Geneve (RFC 8926) over UDP: eight bytes, options, and a frame or packet.
 * The source port is made from the inner connection.  Geneve it is when the
 * version is 0, reserved bits are zero, the options fill exactly what the
 * header says they do, and sound Ethernet, IPv4 or IPv6 follows.  tunnel.c
 * looks into what is carried.
 *
 *     version (2) | options, words (6) | O C zero (6) | protocol type (16)
 *     VNI (24)                                        | zero (8)
 *     options: class (16) | type (8) | zero (3) | words (5) | value
 */

#include "app/tunnel.h"
#include "packet/packet.h"

INSP_TUNNEL_ROWS_STAND(GENEVE);

#define FLAG_CRITICAL 0x40
#define FLAGS_ZERO    0x3f
#define OPTIONS_SHOWN 16

struct head {
    struct insp_tunnel_cargo cargo;
    struct insp_cursor options;
    bool critical;
};

/* Section 3.5: each is four bytes and what they say; all fit exactly. */
static bool
are_options(struct insp_cursor c)
{
    while (insp_cursor_left(&c)) {
        const uint8_t *option = insp_cursor_take(&c, 4);

        if (!option || !insp_cursor_skip(&c, (option[3] & 0x1fu) * 4)) {
            return false;
        }
    }
    return true;
}

/* Section 3.4. */
static bool
read_head(const struct insp_reading *r, struct head *h)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint8_t first = insp_cursor_u8(&c);
    uint8_t flags = insp_cursor_u8(&c);
    uint16_t type = insp_cursor_be16(&c);
    uint32_t vni = insp_cursor_be32(&c);

    h->options = insp_cursor_sub(&c, (first & 0x3fu) * 4);
    if (c.failed || first >> 6 || flags & FLAGS_ZERO || vni & 0xff ||
        (type != INSP_TUNNEL_ETHERNET && type != INSP_TUNNEL_IPV4 &&
         type != INSP_TUNNEL_IPV6)) {
        return false;
    }
    h->critical = flags & FLAG_CRITICAL;
    h->cargo = (struct insp_tunnel_cargo){
        .bytes = c.at,
        .size = insp_cursor_left(&c),
        .type = type,
        .network = vni >> 8,
    };
    return are_options(h->options);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct head h;

    return r->proto == INSP_PROTO_UDP && read_head(r, &h) &&
                   insp_tunnel_is_sound(&h.cargo)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

static void
put_options(struct insp_event *e, struct insp_cursor c)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < OPTIONS_SHOWN && insp_cursor_left(&c); i++) {
        const uint8_t *option = insp_cursor_take(&c, 4);
        char text[7];

        if (!option) {
            return;
        }
        text[0] = digits[option[0] >> 4];
        text[1] = digits[option[0] & 15];
        text[2] = digits[option[1] >> 4];
        text[3] = digits[option[1] & 15];
        text[4] = '/';
        text[5] = digits[option[2] >> 4];
        text[6] = digits[option[2] & 15];
        insp_event_bytes(e, INSP_FIELD_GENEVE_OPTIONS, text, sizeof text);
        insp_cursor_skip(&c, (option[3] & 0x1fu) * 4);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct head h;
    struct insp_event *e;

    if (!read_head(r, &h)) {
        return r->size;
    }
    e = insp_tunnel_begin(r, INSP_APP_GENEVE, &h.cargo);
    insp_event_uint(e, INSP_FIELD_GENEVE_VNI, h.cargo.network);
    insp_event_uint(e, INSP_FIELD_GENEVE_PROTOCOL, h.cargo.type);
    if (h.critical) {
        insp_event_uint(e, INSP_FIELD_GENEVE_CRITICAL, 1);
    }
    put_options(e, h.options);
    insp_tunnel_end(r, e, INSP_FIELD_GENEVE_INNER_SRC_MAC, &h.cargo);
    return r->size;
}

const struct insp_reader insp_reader_geneve = {
    .detect = detect,
    .read = read_bytes,
};
