/* SPDX-License-Identifier: Apache-2.0 */
/* OVS compat
 * ==========
 *
 * What differs between the versions of Open vSwitch whose library the
 * collector is built with; see also ovs-ext/ovs-compat.h.
 *
 * Above:    utilities/collector/.   Below:  libopenvswitch.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef COLLECTOR_OVS_COMPAT_H
#define COLLECTOR_OVS_COMPAT_H 1

#include "compiler.h"
#include "daemon.h"
#include "ovs-ext/sources.h"
#include "util.h"

#if OVSEXT_OVS_VERSION >= 40000
/* Of a function that says whether it went well, to who cannot help it. */
static inline void
ignore(bool x OVS_UNUSED)
{
}
#endif

/* Detaches, with no rights that are for datapaths and hardware. */
static inline void
detach(void)
{
#if OVSEXT_OVS_VERSION >= 30500
    daemonize_start(false, false);
#else
    daemonize_start(false);
#endif
}

#endif /* utilities/collector/ovs-compat.h */
