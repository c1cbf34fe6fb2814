/* SPDX-License-Identifier: Apache-2.0 */
/* Port use
 * ========
 *
 * How often the port behind each number of a datapath has changed.  What a
 * packet goes on with after a function names ports by number; a number may
 * have passed to another tenant's port while the packet was away.
 *
 *     at send:    keep the sum of the uses of all numbers that are named
 *     at return:  another sum now: some number is no longer the same port
 *
 * Uses only grow, so equal sums mean equal uses (but for 2^32 changes within
 * the time that a packet stays away).
 *
 * Above:    lib/dpif.c of Open vSwitch, by way of hooks.h; rest.c.
 * Below:    libopenvswitch.
 * Threads:  any.
 * Memory:   256 KiB, of which only what is used is ever touched.
 * Time:     none.
 * Fails:    never.  Numbers that are equal modulo 65,536, and those of
 *           several datapaths, share a use: then a packet may be dropped
 *           that need not be.
 */

#ifndef OVSEXT_PORT_USE_H
#define OVSEXT_PORT_USE_H 1

#include <stdint.h>

#include "openvswitch/types.h"

uint32_t ovsext_port_use(odp_port_t);

#endif /* ovs-ext/port-use.h */
