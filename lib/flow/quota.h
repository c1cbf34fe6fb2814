/* SPDX-License-Identifier: Apache-2.0 */
/* Quota
 * =====
 *
 * How many connections each port has begun and still holds.  Exact for each
 * port id.
 *
 * Above:    flow/begin.c, evict.c, report.c.    Below:  base/compiler.h.
 * Threads:  any may take and put.
 * Memory:   the caller's array of INSP_QUOTA_SLOTS + 1 zeros.
 * Time:     none.
 * Fails:    take says so by '*over'.
 */

#ifndef INSP_FLOW_QUOTA_H
#define INSP_FLOW_QUOTA_H 1

#include <stdatomic.h>

#include "base/compiler.h"

#define INSP_QUOTA_SLOTS (UINT32_C(1) << 17)
#define INSP_QUOTA_NONE  INSP_QUOTA_SLOTS /* No port: no quota. */

/* Port id << 32 | count; 0: free. */
typedef _Atomic uint64_t insp_quota_slot;

/* Counts one more connection of 'port' and returns the slot to put it back
 * to.  Sets '*over' and counts nothing when 'port' holds 'quota' already
 * (0: no quota). */
uint32_t insp_quota_take(insp_quota_slot *slots, uint32_t port, uint32_t quota,
                         bool *over);

/* One connection less; the last one frees the slot. */
void insp_quota_put(insp_quota_slot *slots, uint32_t slot);

static inline uint32_t
insp_quota_count(const insp_quota_slot *slots, uint32_t slot)
{
    return (uint32_t) atomic_load_explicit(&slots[slot], memory_order_relaxed);
}

#endif /* flow/quota.h */
