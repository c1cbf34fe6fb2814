/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler
 * ========
 *
 * The few words that C lacks, spelt once for gcc and clang.
 *
 * Above:    everything.            Below:  nothing.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_COMPILER_H
#define INSP_BASE_COMPILER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSP_LIKELY(X)     __builtin_expect(!!(X), 1)
#define INSP_UNLIKELY(X)   __builtin_expect(!!(X), 0)
#define INSP_MUST_USE      __attribute__((warn_unused_result))
#define INSP_PRINTF(F, A)  __attribute__((format(printf, F, A)))
#define INSP_UNUSED        __attribute__((unused))
#define INSP_NOINLINE      __attribute__((noinline))
#define INSP_ALWAYS_INLINE inline __attribute__((always_inline))
#define INSP_PACKED        __attribute__((packed))

#define INSP_CACHE_LINE   64
#define INSP_LINE_ALIGNED __attribute__((aligned(INSP_CACHE_LINE)))

/* 'ADDR' is about to be read, or written. */
#define INSP_PREFETCH(ADDR)       __builtin_prefetch((ADDR), 0, 3)
#define INSP_PREFETCH_WRITE(ADDR) __builtin_prefetch((ADDR), 1, 3)

/* While waiting for another core, for some cycles. */
static inline void
insp_relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

#define INSP_ARRAY_SIZE(A) (sizeof(A) / sizeof((A)[0]))
#define INSP_MIN(A, B)     ((A) < (B) ? (A) : (B))
#define INSP_MAX(A, B)     ((A) > (B) ? (A) : (B))

/* One thread writes, any reads: an increment without a read-modify-write
 * instruction.  Never use it on a counter that two threads write. */
#define INSP_COUNT(COUNTER, N)                                                \
    atomic_store_explicit(                                                    \
        &(COUNTER),                                                           \
        atomic_load_explicit(&(COUNTER), memory_order_relaxed) + (N),         \
        memory_order_relaxed)
#define INSP_READ(COUNTER)                                                    \
    atomic_load_explicit(&(COUNTER), memory_order_relaxed)

#endif /* base/compiler.h */
