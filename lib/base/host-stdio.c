/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The host for programs and tests: stderr, the clocks of POSIX, and the
 * kernel's random bytes.  The level is all the state there is; 'aux' points
 * into a table of constants, so a host needs no memory of its own.
 */

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/host.h"

static const struct level {
    enum insp_log_level level;
    const char *word;
} levels[] = {
    { INSP_LOG_ERROR, "error" },
    { INSP_LOG_WARN, "warning" },
    { INSP_LOG_INFO, "info" },
    { INSP_LOG_DEBUG, "debug" },
};

static void
stdio_log(void *aux, enum insp_log_level level, const char *message)
{
    const struct level *up_to = aux;

    if (level <= up_to->level) {
        (void) fprintf(stderr, "%s: %s\n", levels[level].word, message);
    }
}

static uint64_t
read_clock(clockid_t id)
{
    struct timespec now = { 0, 0 };

    (void) clock_gettime(id, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static uint64_t
stdio_monotonic_ns(void *aux INSP_UNUSED)
{
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t
stdio_wall_ns(void *aux INSP_UNUSED)
{
    return read_clock(CLOCK_REALTIME);
}

static int
stdio_random(void *aux INSP_UNUSED, void *bytes, size_t size)
{
    uint8_t *at = bytes;

    while (size) {
        ssize_t n = getrandom(at, size, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        at += n;
        size -= (size_t) n;
    }
    return 0;
}

void
insp_host_stdio(struct insp_host *host, enum insp_log_level level)
{
    *host = (struct insp_host){
        .aux = (void *) (uintptr_t) &levels[level],
        .log = stdio_log,
        .monotonic_ns = stdio_monotonic_ns,
        .wall_ns = stdio_wall_ns,
        .random = stdio_random,
    };
}
