/* SPDX-License-Identifier: Apache-2.0 */
/* Datapaths
 * =========
 *
 * Handles of the datapaths that can inspect, for a thread other than main:
 * whether a port is there, and output to it past all flows.
 *
 *     if (ovsext_datapaths_begin()) {
 *         if (ovsext_datapaths_find("fn1", &port)) {
 *             ovsext_datapaths_output(&port, packet);
 *         }
 *         ovsext_datapaths_end();
 *     }
 *
 * Above:    probe.c; ofproto-dpif.c of Open vSwitch, by way of hooks.h.
 * Below:    libopenvswitch: dpif.
 * Threads:  one, between begin and end; main, which says by the hooks that it
 *           is about to let a datapath go.
 * Memory:   as Open vSwitch does.
 * Time:     a datapath that is not there, or that holds no port that was
 *           found, is not asked for again before some 500 ms have passed.
 * Fails:    find: false.
 */

#ifndef OVSEXT_DATAPATHS_H
#define OVSEXT_DATAPATHS_H 1

#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/types.h"

struct dp_packet;

struct ovsext_datapath_port {
    size_t datapath;
    odp_port_t number;
};

/* Opens what can be opened; false: not now, main is closing one. */
bool ovsext_datapaths_begin(void);

bool ovsext_datapaths_find(const char *name, struct ovsext_datapath_port *);

/* Returns 0 or a positive errno; the packet stays the caller's. */
int ovsext_datapaths_output(const struct ovsext_datapath_port *,
                            struct dp_packet *);

/* Closes those where nothing was found. */
void ovsext_datapaths_end(void);

/* Closes all that main is not closing at the moment. */
void ovsext_datapaths_exit(void);

#endif /* ovs-ext/datapaths.h */
