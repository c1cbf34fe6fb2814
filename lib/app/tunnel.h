/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnel
 * ======
 *
 * What the readers of VXLAN, Geneve and GRE have in common: they look into the
 * frames that are carried, and say once of each inner connection that it is
 * there.
 *
 * The packets of an inner connection are counted as what they are on the wire,
 * packets of the outer one: a record of a tunnel carries no counters, so that
 * the sums of all records stay what was inspected.
 *
 * Above:    app/vxlan.c, geneve.c, gre.c.   Below:  app/event.h, packet/.
 * Threads:  the reader's.
 * Memory:   struct insp_tunnel_state, which is the reader's state.
 * Time:     the reading's.
 * Fails:    never: what cannot be parsed is nothing new.
 */

#ifndef INSP_APP_TUNNEL_H
#define INSP_APP_TUNNEL_H 1

#include "app/event.h"

enum {
    INSP_TUNNEL_ETHERNET = 0x6558, /* Transparent Ethernet bridging. */
    INSP_TUNNEL_IPV4 = 0x0800,
    INSP_TUNNEL_IPV6 = 0x86dd,
};

/* The rows "inner.*" of a tunnel's table, from its first one on. */
enum insp_tunnel_row {
    INSP_INNER_SRC_MAC,
    INSP_INNER_DEST_MAC,
    INSP_INNER_VLAN,
    INSP_INNER_VLAN2,
    INSP_INNER_TYPE,
    INSP_INNER_SRC_IP,
    INSP_INNER_SRC_PORT,
    INSP_INNER_DEST_IP,
    INSP_INNER_DEST_PORT,
    INSP_INNER_PROTO,
    INSP_INNER_ICMP_TYPE,
    INSP_INNER_ICMP_CODE,
};

#define INSP_TUNNEL_ROWS_STAND(TUNNEL)                                        \
    _Static_assert((int) INSP_FIELD_##TUNNEL##_INNER_ICMP_CODE -              \
                           (int) INSP_FIELD_##TUNNEL##_INNER_SRC_MAC ==       \
                       (int) INSP_INNER_ICMP_CODE,                            \
                   "rows of inner connections")

/* What is carried. */
struct insp_tunnel_cargo {
    const uint8_t *bytes;
    size_t size;
    uint16_t type;    /* INSP_TUNNEL_ETHERNET or an ethertype. */
    uint32_t network; /* VNI, key or what else keeps apart equal
                       * addresses. */
};

#define INSP_TUNNEL_SEEN 40

struct insp_tunnel_state {
    uint64_t second_ns;              /* When the present second began... */
    uint16_t n_second;               /* ... and how many were new in it. */
    uint16_t at;                     /* Oldest one of 'seen'. */
    uint32_t seen[INSP_TUNNEL_SEEN]; /* Hashes, never 0. */
};

/* Whether it is a frame or packet of IP or ARP that is so well formed that it
 * cannot well be anything else. */
bool insp_tunnel_is_sound(const struct insp_tunnel_cargo *);

/* An event of the protocol 'app' when the cargo is of an inner connection that
 * was not seen lately in the outer one; else NULL.  The reader sets its own
 * fields, then has the inner ones set, which ends the event. */
struct insp_event *insp_tunnel_begin(struct insp_reading *, enum insp_app app,
                                     const struct insp_tunnel_cargo *);
void insp_tunnel_end(struct insp_reading *, struct insp_event *,
                     enum insp_app_field first,
                     const struct insp_tunnel_cargo *);

#endif /* app/tunnel.h */
