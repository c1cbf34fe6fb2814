/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Log messages go to vlog as module "inspect", rate-limited: an uplink that
 * is refused again and again must not fill a disk.  vlog and the clocks may
 * be used by threads that Open vSwitch has not made. */

#include <config.h>

#include "ovs-ext/host.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"

VLOG_DEFINE_THIS_MODULE(inspect);

static void
host_log(void *aux OVS_UNUSED, enum insp_log_level level, const char *message)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);

    switch (level) {
    case INSP_LOG_ERROR: VLOG_ERR_RL(&rl, "%s", message); break;
    case INSP_LOG_WARN: VLOG_WARN_RL(&rl, "%s", message); break;
    case INSP_LOG_INFO: VLOG_INFO_RL(&rl, "%s", message); break;
    case INSP_LOG_DEBUG: VLOG_DBG("%s", message); break;
    }
}

static uint64_t
host_monotonic_ns(void *aux OVS_UNUSED)
{
    return ovsext_monotonic_ns();
}

static uint64_t
host_wall_ns(void *aux OVS_UNUSED)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t) now.tv_sec * UINT64_C(1000000000) +
           (uint64_t) now.tv_nsec;
}

static int
host_random(void *aux OVS_UNUSED, void *bytes, size_t size)
{
    uint8_t *p = bytes;

    while (size) {
        ssize_t n = getrandom(p, size, 0);

        if (n < 0 && errno != EINTR) {
            return errno;
        } else if (n > 0) {
            p += n;
            size -= n;
        }
    }
    return 0;
}

void
ovsext_host_init(struct insp_host *host)
{
    *host = (struct insp_host){
        .log = host_log,
        .monotonic_ns = host_monotonic_ns,
        .wall_ns = host_wall_ns,
        .random = host_random,
    };
}
