/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * VXLAN (RFC 7348) over UDP: eight bytes, of which only the flag I and the
 * number of the network may be set, and an Ethernet frame.  The source port is
 * made from the inner connection, and some senders use 8472 as destination:
 * the ports decide nothing.  VXLAN it is when the reserved bits are zero and
 * the frame carries sound IP or ARP.  tunnel.c looks into the frames.
 *
 *      0        1        2        3        4        5        6        7
 *     +--------+--------+--------+--------+--------+--------+--------+------+
 *     |00001000|           zero           |           VNI            | zero |
 *     +--------+--------+--------+--------+--------+--------+--------+------+
 */

#include "app/tunnel.h"
#include "packet/packet.h"

INSP_TUNNEL_ROWS_STAND(VXLAN);

#define HEAD_SIZE 8
#define FLAG_I    0x08000000

static bool
read_head(const struct insp_reading *r, struct insp_tunnel_cargo *cargo)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint32_t flags = insp_cursor_be32(&c);
    uint32_t vni = insp_cursor_be32(&c);

    if (c.failed || flags != FLAG_I || vni & 0xff) {
        return false;
    }
    *cargo = (struct insp_tunnel_cargo){
        .bytes = c.at,
        .size = insp_cursor_left(&c),
        .type = INSP_TUNNEL_ETHERNET,
        .network = vni >> 8,
    };
    return true;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_tunnel_cargo cargo;

    return r->proto == INSP_PROTO_UDP && read_head(r, &cargo) &&
                   insp_tunnel_is_sound(&cargo)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_tunnel_cargo cargo;
    struct insp_event *e;

    if (read_head(r, &cargo)) {
        e = insp_tunnel_begin(r, INSP_APP_VXLAN, &cargo);
        insp_event_uint(e, INSP_FIELD_VXLAN_VNI, cargo.network);
        insp_tunnel_end(r, e, INSP_FIELD_VXLAN_INNER_SRC_MAC, &cargo);
    }
    return r->size;
}

const struct insp_reader insp_reader_vxlan = {
    .detect = detect,
    .read = read_bytes,
};
