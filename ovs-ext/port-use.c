/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: an array of counters by port number.  A port that goes is
 * counted before it does, so that no packet finds the old sum and the new
 * port; one that comes is counted as well, so that a datapath flow that was
 * composed for the old port, and is still there, sends nothing to a function
 * that would come back to the new one.
 *
 * The increment is sequentially consistent with the reads: a worker that reads
 * the old value has begun its batch before the port can be gone, because the
 * datapath waits for each worker before it lets a port go. */

#include <config.h>

#include "ovs-ext/port-use.h"

#include <stdatomic.h>

#include "flow.h"
#include "ovs-ext/hooks.h"

#define N_USES (UINT32_C(1) << 16)

static _Atomic uint32_t uses[N_USES];

static _Atomic uint32_t *
use_of(odp_port_t port)
{
    return &uses[odp_to_u32(port) % N_USES];
}

void
ovsext_port_changed(odp_port_t port)
{
    atomic_fetch_add_explicit(use_of(port), 1, memory_order_seq_cst);
}

uint32_t
ovsext_port_use(odp_port_t port)
{
    return atomic_load_explicit(use_of(port), memory_order_seq_cst);
}
