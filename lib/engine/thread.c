/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's threads, and who waits for them, have in common. */

#include <pthread.h>
#include <signal.h>

#include "engine/internal.h"

/* Signals are for the program's own threads, except those by which a thread
 * learns that it has crashed. */
void
insp_thread_begin(void)
{
    sigset_t blocked;

    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

struct timespec
insp_deadline(uint64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t) (ms / 1000);
    until.tv_nsec += (long) (ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return until;
}
