/* SPDX-License-Identifier: Apache-2.0 */
/* Encap
 * =====
 *
 * The cookie that names a packet's flight, put into the packet and taken out
 * again, for functions that leave it alone:
 *
 *     vlan   one more tag in front, 802.1Q, whose VLAN id is the cookie
 *     nsh    an Ethernet header with the MACs of the frame, a network service
 *            header (RFC 8300) whose service path is the cookie, the frame
 *
 * Above:    action-run.c.   Below:  libopenvswitch.
 * Threads:  no state.
 * Memory:   the packet's headroom.  A packet on the heap that has none gets
 *           some from there, as Open vSwitch does it for any tag that is
 *           pushed; one of a device's pool does not.
 * Time:     none.
 * Fails:    push: false, and the packet is as it was, when there is no room
 *           or when hardware is still to compute a checksum in a place that
 *           would move.
 */

#ifndef OVSEXT_ENCAP_H
#define OVSEXT_ENCAP_H 1

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

struct dp_packet;

bool ovsext_encap_push(struct dp_packet *, enum insp_encap, uint32_t cookie);

/* Takes it out and returns the cookie; 0: the packet has none and is as it
 * was. */
uint32_t ovsext_encap_pop(struct dp_packet *, enum insp_encap);

#endif /* ovs-ext/encap.h */
