/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles
 * ======
 *
 * The counter of the processor that is cheapest to read, for how long
 * something takes in relation to something else: ticks of no stated length
 * that never stand still, not even while the thread does.
 *
 * Above:    engine/depth.h.        Below:  compiler.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     its own.  A thread that moves to another processor may find it a
 *           little further back.
 * Fails:    0 for ever on a machine that has none.
 */

#ifndef INSP_BASE_CYCLES_H
#define INSP_BASE_CYCLES_H 1

#include "base/compiler.h"

static inline uint64_t
insp_cycles(void)
{
#if defined __x86_64__ || defined __i386__
    return __builtin_ia32_rdtsc();
#elif defined __aarch64__
    uint64_t ticks;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#elif defined __powerpc64__
    return __builtin_ppc_get_timebase();
#elif defined __riscv && __riscv_xlen == 64
    uint64_t ticks;

    __asm__ volatile("rdtime %0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

#endif /* base/cycles.h */
