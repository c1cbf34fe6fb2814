/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a socket an option, one TLS context for all.  Whoever is too
 * many is let go before a byte is read. */

#include <config.h>

#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "credentials.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_listen);

#define ACCEPTS_PER_TURN 32

static const struct collector_options *options;
static const struct collector_peer_config *peer_config;
static struct collector_credentials credentials;
static struct collector_owner owner;
static int fds[COLLECTOR_LISTENERS_MAX];

static char *
address_text(const struct sockaddr_storage *ss)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in4 = (const struct sockaddr_in *) ss;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) ss;

    if (ss->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        return xasprintf("[%s]:%u", host, ntohs(in6->sin6_port));
    }
    inet_ntop(AF_INET, &in4->sin_addr, host, sizeof host);
    return xasprintf("%s:%u", host, ntohs(in4->sin_port));
}

static int
open_socket(const struct collector_listen_option *l)
{
    sa_family_t family = l->address.ss_family;
    char *text = address_text(&l->address);
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        (family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one)) ||
        bind(fd, (const struct sockaddr *) &l->address, l->address_size) ||
        listen(fd, 128)) {
        ovs_fatal(errno, "%s: cannot listen on %s", l->target, text);
    }
    VLOG_INFO("listening on %s", text);
    free(text);
    return fd;
}

void
collector_listen_open(const struct collector_options *o,
                      const struct collector_peer_config *config)
{
    struct insp_tls_config tls = o->tls;

    options = o;
    peer_config = config;
    if (!o->n_listen) {
        return;
    }
    tls.server = true;
    tls.alpn = o->journal ? INSP_FRAME_ALPN : NULL;
    if (!collector_credentials_init(&credentials, &tls)) {
        ovs_fatal(0, "%s", credentials.fault);
    }
    for (size_t i = 0; i < o->n_listen; i++) {
        fds[i] = open_socket(&o->listen[i]);
    }
}

static void
set_keepalive(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } settings[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 30 },
        { IPPROTO_TCP, TCP_KEEPINTVL, 10 },
        { IPPROTO_TCP, TCP_KEEPCNT, 3 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (setsockopt(fd, settings[i].level, settings[i].name,
                       &settings[i].value, sizeof settings[i].value)) {
            VLOG_WARN_ONCE("cannot set a keepalive option: %s",
                           ovs_strerror(errno));
        }
    }
}

static void
take(int fd, const char *address)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct collector_peer *peer;

    if (collector_peers_count()->now >= options->max_connections) {
        VLOG_WARN_RL(&rl,
                     "%s: refused: there are %u connections, and "
                     "--max-connections is that",
                     address, options->max_connections);
        close(fd);
        collector_peers_count_refusal();
    } else if (set_nonblocking(fd)) {
        close(fd);
    } else {
        set_keepalive(fd);
        peer = collector_peer_create(peer_config, credentials.context, fd,
                                     address, NULL);
        if (peer) {
            collector_peers_add(peer, &owner);
        }
    }
}

static void
accept_from(int listener, const char *target)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage ss;
        socklen_t size = sizeof ss;
        int fd = accept(listener, (struct sockaddr *) &ss, &size);
        char *address;

        if (fd < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                VLOG_WARN_RL(&rl, "%s: accept: %s", target,
                             ovs_strerror(errno));
            }
            return;
        }
        address = address_text(&ss);
        take(fd, address);
        free(address);
    }
}

void
collector_listen_run(void)
{
    if (options->n_listen && collector_credentials_run(&credentials)) {
        collector_peers_recheck(&owner, credentials.context);
    }
    for (size_t i = 0; i < options->n_listen; i++) {
        accept_from(fds[i], options->listen[i].target);
    }
}

void
collector_listen_wait(void)
{
    for (size_t i = 0; i < options->n_listen; i++) {
        poll_fd_wait(fds[i], POLLIN);
    }
    if (options->n_listen) {
        collector_credentials_wait(&credentials);
    }
}

const char *
collector_listen_fault(void)
{
    return credentials.fault;
}

void
collector_listen_close(void)
{
    for (size_t i = 0; i < options->n_listen; i++) {
        close(fds[i]);
    }
    collector_credentials_uninit(&credentials);
}
