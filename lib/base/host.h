/* SPDX-License-Identifier: Apache-2.0 */
/* Host
 * ====
 *
 * What the library asks of the program that it lives in: a log, two clocks
 * and randomness.  There is a host in ovs-vswitchd (ovs-ext/host.c), one on
 * stdio for programs and tests (base/host-stdio.c).
 *
 * Above:    everything that reports or reads a clock.   Below:  compiler.h.
 * Threads:  every function of a host may be called from any thread, except
 *           that nothing on the packet path calls log() or random().
 * Memory:   the host outlives all that was given a pointer to it.
 * Time:     monotonic_ns() never goes back; wall_ns() is UTC since 1970.
 * Fails:    random() only, with a positive errno.
 */

#ifndef INSP_BASE_HOST_H
#define INSP_BASE_HOST_H 1

#include "base/compiler.h"

enum insp_log_level {
    INSP_LOG_ERROR,
    INSP_LOG_WARN,
    INSP_LOG_INFO,
    INSP_LOG_DEBUG,
};

struct insp_host {
    void *aux;
    void (*log)(void *aux, enum insp_log_level, const char *message);
    uint64_t (*monotonic_ns)(void *aux);
    uint64_t (*wall_ns)(void *aux);
    int (*random)(void *aux, void *bytes, size_t size);

    /* The counter of base/cycles.h, called on the packet path; NULL: that of
     * the processor. */
    uint64_t (*cycles)(void *aux);
};

/* A host that logs to stderr from 'level' upwards. */
void insp_host_stdio(struct insp_host *, enum insp_log_level level);

void insp_log(const struct insp_host *, enum insp_log_level,
              const char *format, ...) INSP_PRINTF(3, 4);

#endif /* base/host.h */
