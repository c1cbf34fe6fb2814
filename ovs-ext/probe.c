/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: ports are looked up in the datapaths that can inspect, and
 * links are asked of the devices.  A probe is output by the datapath past all
 * flows, and comes back by the function's other port like any packet of it. */

#include <config.h>

#include "ovs-ext/probe.h"

#include "dp-packet.h"
#include "engine/engine.h"
#include "flow.h"
#include "netdev-provider.h"
#include "odp-util.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/datapaths.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_probe);

#define NS_PER_MS UINT64_C(1000000)
#define BUSY_MS   10

static long long int wake_at = LLONG_MAX;

static bool
has_carrier(const char *name)
{
    struct netdev *netdev = netdev_from_name(name);
    bool carrier = netdev && netdev_get_carrier(netdev);

    netdev_close(netdev);
    return carrier;
}

/* In what state the ports are; fills '*input' when the one that packets enter
 * by is there. */
static enum insp_function_state
look(const struct ovsext_probe_target *target,
     struct ovsext_datapath_port *input, bool *has_input)
{
    const char *const *ports = target->ports;
    struct ovsext_datapath_port other;
    bool two_armed = ports[0] && ports[1] && strcmp(ports[0], ports[1]);

    *has_input = ports[0] && ovsext_datapaths_find(ports[0], input);
    if (!*has_input ||
        (two_armed && !ovsext_datapaths_find(ports[1], &other))) {
        return INSP_FUNCTION_NO_PORT;
    }
    return (has_carrier(ports[0]) && (!two_armed || has_carrier(ports[1]))
                ? INSP_FUNCTION_UP
                : INSP_FUNCTION_LINK_DOWN);
}

static void
output(const struct ovsext_datapath_port *port, const uint8_t *frame,
       size_t size)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct dp_packet *packet;
    int error;

    packet = dp_packet_clone_data_with_headroom(frame, size, 0);
    pkt_metadata_init(&packet->md, ODPP_NONE);
    error = ovsext_datapaths_output(port, packet);
    if (error) {
        VLOG_WARN_RL(&rl, "cannot send a probe to port %" PRIu32 ": %s",
                     odp_to_u32(port->number), ovs_strerror(error));
    }
    dp_packet_delete(packet);
}

/* Sends the function's probe if it is due, and notes when the next one is.
 * 'input' is NULL if it has nowhere to go: then it is lost, as it should be
 * counted. */
static void
probe(struct insp_engine *engine, uint32_t function,
      const struct ovsext_datapath_port *input)
{
    const uint64_t now_ns = ovsext_monotonic_ns();
    uint64_t next_ns = UINT64_MAX;
    uint8_t frame[INSP_PROBE_SIZE];
    size_t size;

    size = insp_engine_probe(engine, function, now_ns, frame, &next_ns);
    if (size && input) {
        output(input, frame, size);
    }
    if (next_ns != UINT64_MAX) {
        uint64_t ms =
            (next_ns > now_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS
                              : 1);

        wake_at = MIN(wake_at, time_msec() + (long long int) ms);
    }
}

void
ovsext_probe_run(struct insp_engine *engine,
                 const struct ovsext_probe_target *targets, size_t n)
{
    if (!n) {
        ovsext_probe_exit();
        return;
    }
    if (!ovsext_datapaths_begin()) {
        wake_at = time_msec() + BUSY_MS;
        return;
    }
    wake_at = time_msec() + OVSEXT_PROBE_LOOK_MS;
    for (size_t i = 0; i < n; i++) {
        struct ovsext_datapath_port input;
        enum insp_function_state state;
        bool has_input;

        state = look(&targets[i], &input, &has_input);
        insp_engine_set_function_port(engine, targets[i].function, state);
        probe(engine, targets[i].function, has_input ? &input : NULL);
    }
    ovsext_datapaths_end();
}

void
ovsext_probe_wait(void)
{
    if (wake_at != LLONG_MAX) {
        poll_timer_wait_until(wake_at);
    }
}

void
ovsext_probe_exit(void)
{
    ovsext_datapaths_exit();
    wake_at = LLONG_MAX;
}
