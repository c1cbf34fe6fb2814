/* SPDX-License-Identifier: Apache-2.0 */
/* Host
 * ====
 *
 * The library's view of ovs-vswitchd: its log, clocks and randomness.
 *
 * Above:    ovs-ext/rows.c.        Below:  base/host.h, libopenvswitch.
 * Threads:  any.
 * Memory:   none.
 * Time:     CLOCK_MONOTONIC and CLOCK_REALTIME, whatever "time/stop" says:
 *           the packet path reads the same ones.
 * Fails:    random() only, with a positive errno.
 */

#ifndef OVSEXT_HOST_H
#define OVSEXT_HOST_H 1

#include "base/host.h"

void ovsext_host_init(struct insp_host *);

#endif /* ovs-ext/host.h */
