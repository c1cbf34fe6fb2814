/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Called once a buffer; looks at the clock, and draws ten times a second.
 * The speed is that of the time since the beginning. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define EVERY_NS UINT64_C(100000000)
#define WIDTH    30

static bool is_on, is_drawn;
static uint64_t begun_ns, drawn_ns;

uint64_t
probe_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

void
probe_progress_begin(bool is_wanted)
{
    is_on = is_wanted && isatty(STDERR_FILENO);
    begun_ns = drawn_ns = probe_clock_ns();
}

void
probe_progress(uint64_t offset, uint64_t size, uint64_t packets)
{
    uint64_t now_ns = is_on ? probe_clock_ns() : 0;
    double mpps;
    char bar[WIDTH + 1];
    size_t done;

    if (!is_on || now_ns - drawn_ns < EVERY_NS) {
        return;
    }
    drawn_ns = now_ns;
    is_drawn = true;
    mpps = (double) packets * 1000 / (double) (now_ns - begun_ns);
    if (!size) {
        fprintf(stderr, "\r\033[K%" PRIu64 " packets, %.2f Mpps", packets,
                mpps);
        return;
    }
    offset = INSP_MIN(offset, size);
    done = (size_t) ((double) offset * WIDTH / (double) size);
    memset(bar, '.', WIDTH);
    memset(bar, '#', done);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %" PRIu64 " packets, %.2f Mpps",
            bar, (double) offset * 100 / (double) size, packets, mpps);
}

void
probe_progress_clear(void)
{
    if (is_drawn) {
        fputs("\r\033[K", stderr);
        is_drawn = false;
    }
}
