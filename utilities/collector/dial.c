/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: one automaton a --connect.  Each has a TLS context of its own,
 * because with tokens a client must say whose token it uses.  A host name is
 * not compared with the certificate, a sensor is behind whatever NAT or proxy
 * there is; who answers is asked by the peer, which knows it by the name in
 * its HELLO. */

#include <config.h>

#include "dial.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "credentials.h"
#include "export/resolve.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_dial);

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 8000
#define CONNECT_MS   10000
#define KEEPALIVE_MS 30000

enum state {
    PAUSE,
    RESOLVING,
    CONNECTING,
    UP
};

struct dialer {
    struct collector_owner owner; /* First: a dialer is an owner. */
    const struct collector_connect_option *option;
    struct collector_credentials credentials;
    enum state state;
    long long int until; /* Of the state; UP: none. */
    long long int pause; /* That comes after the next failure. */
    struct insp_resolve *resolve;
    struct insp_dial dial;
    int fd;
    char last_error[512];
    uint64_t connects;
};

static const struct collector_peer_config *peer_config;
static struct dialer *dialers;
static size_t n_dialers;

static void
pause_dialer(struct dialer *d)
{
    long long int jitter = random_range((uint32_t) (d->pause / 2 + 1));

    d->state = PAUSE;
    d->until = time_msec() + d->pause / 2 + jitter;
    d->pause = MIN(2 * d->pause, PAUSE_MAX_MS);
}

static void
fail(struct dialer *d, const char *why)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(30, 60);

    if (strcmp(d->last_error, why)) {
        ovs_strlcpy(d->last_error, why, sizeof d->last_error);
        VLOG_WARN_RL(&rl, "%s: %s; trying again", d->option->target, why);
    }
    pause_dialer(d);
}

static void
ended(struct collector_owner *owner, const struct collector_peer *peer)
{
    struct dialer *d = (struct dialer *) owner;

    ovs_strlcpy(d->last_error, collector_peer_why(peer), sizeof d->last_error);
    if (collector_peer_is_accepted(peer)) {
        d->pause = PAUSE_MIN_MS;
    }
    pause_dialer(d);
}

static void
try_next(struct dialer *d)
{
    char why[256];

    d->fd = insp_dial_next(&d->dial, KEEPALIVE_MS, why, sizeof why);
    if (d->fd < 0) {
        fail(d, why);
    } else {
        d->state = CONNECTING;
        d->until = time_msec() + CONNECT_MS;
    }
}

static void
begin(struct dialer *d)
{
    char why[256];

    d->resolve =
        insp_resolve_begin(d->option->host, d->option->port, why, sizeof why);
    if (d->resolve) {
        d->state = RESOLVING;
        d->until = time_msec() + CONNECT_MS;
    } else {
        fail(d, why);
    }
}

static void
resolving(struct dialer *d)
{
    char why[256];

    switch (insp_resolve_finish(d->resolve, &d->dial, why, sizeof why)) {
    case INSP_RESOLVE_WAIT:
        if (time_msec() >= d->until) {
            insp_resolve_cancel(d->resolve);
            d->resolve = NULL;
            fail(d, "no answer from the resolver");
        }
        break;
    case INSP_RESOLVE_OK:
        d->resolve = NULL;
        try_next(d);
        break;
    case INSP_RESOLVE_FAILED:
        d->resolve = NULL;
        fail(d, why);
        break;
    }
}

static void
connecting(struct dialer *d)
{
    struct pollfd pfd = { d->fd, POLLOUT, 0 };
    struct collector_peer *peer;
    char why[256];
    int fd = d->fd;

    if (poll(&pfd, 1, 0) <= 0) {
        if (time_msec() >= d->until) {
            close(fd);
            d->fd = -1;
            try_next(d);
        }
        return;
    }
    if (!insp_dial_finish(fd, why, sizeof why)) {
        close(fd);
        d->fd = -1;
        ovs_strlcpy(d->last_error, why, sizeof d->last_error);
        try_next(d);
        return;
    }
    d->fd = -1;
    peer = collector_peer_create(peer_config, d->credentials.context, fd,
                                 d->option->target, d->option->sensor);
    if (peer) {
        d->state = UP;
        d->connects++;
        collector_peers_add(peer, &d->owner);
    } else {
        fail(d, "out of memory");
    }
}

static void
init(struct dialer *d, const struct collector_options *o,
     const struct collector_connect_option *option)
{
    struct insp_tls_config tls = o->tls;

    d->owner.ended = ended;
    d->option = option;
    d->fd = -1;
    d->pause = PAUSE_MIN_MS;
    tls.alpn = o->journal ? INSP_FRAME_ALPN : NULL;
    tls.token_identity = option->sensor;
    if (!collector_credentials_init(&d->credentials, &tls)) {
        ovs_fatal(0, "--connect=%s: %s", option->target, d->credentials.fault);
    }
}

void
collector_dial_open(const struct collector_options *o,
                    const struct collector_peer_config *config)
{
    peer_config = config;
    n_dialers = o->n_connect;
    dialers = xcalloc(n_dialers + 1, sizeof *dialers);
    for (size_t i = 0; i < n_dialers; i++) {
        init(&dialers[i], o, &o->connect[i]);
    }
}

void
collector_dial_run(void)
{
    for (size_t i = 0; i < n_dialers; i++) {
        struct dialer *d = &dialers[i];

        if (collector_credentials_run(&d->credentials)) {
            collector_peers_recheck(&d->owner, d->credentials.context);
            d->until = d->state == PAUSE ? 0 : d->until;
        }
        if (d->state == PAUSE && time_msec() >= d->until) {
            begin(d);
        }
        if (d->state == RESOLVING) {
            resolving(d);
        }
        if (d->state == CONNECTING) {
            connecting(d);
        }
    }
}

void
collector_dial_wait(void)
{
    for (size_t i = 0; i < n_dialers; i++) {
        struct dialer *d = &dialers[i];

        collector_credentials_wait(&d->credentials);
        if (d->state != UP) {
            poll_timer_wait_until(d->until);
        }
        if (d->state == RESOLVING) {
            poll_fd_wait(insp_resolve_fd(d->resolve), POLLIN);
        } else if (d->state == CONNECTING) {
            poll_fd_wait(d->fd, POLLOUT);
        }
    }
}

bool
collector_dial_get_stats(size_t i, struct collector_dial_stats *s)
{
    static const char *const states[] = { "pause", "resolving", "connecting",
                                          "up" };

    if (i >= n_dialers) {
        return false;
    }
    s->target = dialers[i].option->target;
    s->state = states[dialers[i].state];
    s->last_error = dialers[i].last_error;
    s->connects = dialers[i].connects;
    return true;
}

void
collector_dial_close(void)
{
    for (size_t i = 0; i < n_dialers; i++) {
        struct dialer *d = &dialers[i];

        if (d->resolve) {
            insp_resolve_cancel(d->resolve);
        }
        if (d->fd >= 0) {
            close(d->fd);
        }
        collector_credentials_uninit(&d->credentials);
    }
    free(dialers);
    dialers = NULL;
    n_dialers = 0;
}
