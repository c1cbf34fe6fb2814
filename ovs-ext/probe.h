/* SPDX-License-Identifier: Apache-2.0 */
/* Probe
 * =====
 *
 * Looks after the ports of service functions: whether they are there and have
 * a link, and sends the probe frames that the engine wants to send.
 *
 * Above:    rows.c.
 * Below:    engine/engine.h, datapaths.h, libopenvswitch: netdev.
 * Threads:  the configuration thread, for all of it.
 * Memory:   by Open vSwitch's allocators.
 * Time:     carriers are looked at every OVSEXT_PROBE_LOOK_MS at most.
 * Fails:    a port that cannot be asked counts as not there.
 */

#ifndef OVSEXT_PROBE_H
#define OVSEXT_PROBE_H 1

#include <stddef.h>
#include <stdint.h>

struct insp_engine;

#define OVSEXT_PROBE_LOOK_MS 200

/* A function and the names of its input and output port; one-armed: both are
 * the same, or the second is NULL. */
struct ovsext_probe_target {
    uint32_t function;
    const char *ports[2];
};

/* Tells the engine of ports and links, and outputs the probes that are due.
 * Call it as soon as a target has changed, and when ovsext_probe_wait() has
 * woken. */
void ovsext_probe_run(struct insp_engine *, const struct ovsext_probe_target *,
                      size_t n);

/* Wakes poll_block() when it is to run again. */
void ovsext_probe_wait(void);

void ovsext_probe_exit(void);

#endif /* ovs-ext/probe.h */
