/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a handle for each datapath, kept open between uses because
 * opening one looks at all of its ports.  An open handle is a reference, and
 * the userspace datapath must be freed by the main thread: that holds, from
 * when it stops the upcalls, a lock that freeing unlocks.  So ours may never
 * be the last one.  The main thread says when it is about to close its own;
 * it closes ours first, and until it is done nobody opens another.  It may
 * wait for a grace period in between, so nobody waits for it.
 *
 * "dummy" is the userspace datapath, too, as Open vSwitch's own tests run
 * it. */

#include <config.h>

#include "ovs-ext/datapaths.h"

#include "dp-packet.h"
#include "dpif.h"
#include "flow.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-ext/hooks.h"
#include "ovs-thread.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

#define REOPEN_MS 500

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;

static struct datapath {
    const char *name;
    const char *type;
    struct dpif *dpif; /* NULL: not open. */
    bool in_use;       /* A port was found since begin. */
    long long int reopen_at;
} datapaths[] = {
    { .name = "ovs-netdev", .type = "netdev" },
    { .name = "ovs-dummy", .type = "dummy" },
};

static void
close_handle(struct datapath *d)
{
    dpif_close(d->dpif);
    d->dpif = NULL;
}

/* Asking for one that there is not would be logged each time. */
static bool
is_registered(const char *type)
{
    struct sset types = SSET_INITIALIZER(&types);
    bool found;

    dp_enumerate_types(&types);
    found = sset_contains(&types, type);
    sset_destroy(&types);
    return found;
}

bool
ovsext_datapaths_begin(void) OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (ovs_mutex_trylock(&mutex)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(datapaths); i++) {
        struct datapath *d = &datapaths[i];

        d->in_use = false;
        if (!d->dpif && time_msec() >= d->reopen_at) {
            d->reopen_at = time_msec() + REOPEN_MS;
            if (!is_registered(d->type) ||
                dpif_open(d->name, d->type, &d->dpif)) {
                d->dpif = NULL;
            }
        }
    }
    return true;
}

bool
ovsext_datapaths_find(const char *name, struct ovsext_datapath_port *port)
{
    for (size_t i = 0; i < ARRAY_SIZE(datapaths); i++) {
        struct datapath *d = &datapaths[i];
        struct dpif_port found;

        if (d->dpif && !dpif_port_query_by_name(d->dpif, name, &found)) {
            d->in_use = true;
            port->datapath = i;
            port->number = found.port_no;
            dpif_port_destroy(&found);
            return true;
        }
    }
    return false;
}

int
ovsext_datapaths_output(const struct ovsext_datapath_port *port,
                        struct dp_packet *packet)
{
    struct dpif_execute execute;
    struct ofpbuf actions;
    uint64_t stub[8];
    struct flow flow;
    int error;

    flow_extract(packet, &flow);
    ofpbuf_use_stub(&actions, stub, sizeof stub);
    nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT, port->number);

    memset(&execute, 0, sizeof execute);
    execute.actions = actions.data;
    execute.actions_len = actions.size;
    execute.packet = packet;
    execute.flow = &flow;
    error = dpif_execute(datapaths[port->datapath].dpif, &execute);
    ofpbuf_uninit(&actions);
    return error;
}

void
ovsext_datapaths_end(void) OVS_NO_THREAD_SAFETY_ANALYSIS
{
    for (size_t i = 0; i < ARRAY_SIZE(datapaths); i++) {
        if (!datapaths[i].in_use) {
            close_handle(&datapaths[i]);
        }
    }
    ovs_mutex_unlock(&mutex);
}

static void
close_all(void) OVS_REQUIRES(mutex)
{
    for (size_t i = 0; i < ARRAY_SIZE(datapaths); i++) {
        close_handle(&datapaths[i]);
    }
}

void
ovsext_datapaths_exit(void) OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (!ovs_mutex_trylock(&mutex)) {
        close_all();
        ovs_mutex_unlock(&mutex);
    }
}

void
ovsext_datapath_close_begin(void) OVS_ACQUIRES(mutex)
{
    ovs_mutex_lock(&mutex);
    close_all();
}

void
ovsext_datapath_close_end(void) OVS_RELEASES(mutex)
{
    ovs_mutex_unlock(&mutex);
}
