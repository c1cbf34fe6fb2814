/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Keepalive probes find out about a peer that died while nothing was being
 * sent; while something is, insp_dial_is_deaf() asks the kernel how long ago
 * the last acknowledgement came.
 *
 * Who listens on no address in particular listens on the IPv6 one, which is
 * IPv4's as well, or on IPv4's where there is no IPv6.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "export/dial.h"

static void
set_option(int fd, int level, int name, int value)
{
    /* Without them the connection works, it only notices less. */
    (void) setsockopt(fd, level, name, &value, sizeof value);
}

static void
set_options(int fd, uint32_t keepalive_ms)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (keepalive_ms) {
        int seconds =
            (int) INSP_MIN(INSP_MAX((keepalive_ms + 999) / 1000, 1U), 32767U);

        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    }
}

int
insp_dial_next(struct insp_dial *d, uint32_t keepalive_ms, char *why,
               size_t why_size)
{
    while (d->next < d->n) {
        const struct sockaddr_storage *a = &d->addresses[d->next];
        int fd = socket(a->ss_family,
                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd >= 0) {
            set_options(fd, keepalive_ms);
            if (!connect(fd, (const struct sockaddr *) a,
                         d->sizes[d->next++]) ||
                errno == EINPROGRESS) {
                return fd;
            }
        } else {
            d->next++;
        }
        snprintf(why, why_size, "cannot connect: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
    return -1;
}

bool
insp_dial_finish(int fd, char *why, size_t why_size)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)) {
        error = errno;
    }
    if (error) {
        snprintf(why, why_size, "cannot connect: %s", strerror(error));
    }
    return !error;
}

bool
insp_dial_is_deaf(int fd, uint32_t limit_ms)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    int waiting = 0;

    memset(&info, 0, sizeof info);
    return !ioctl(fd, SIOCOUTQ, &waiting) && waiting > 0 &&
           !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) &&
           info.tcpi_last_ack_recv > limit_ms;
}

static bool
make_address(const char *host, uint16_t port, struct sockaddr_storage *to,
             socklen_t *size)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *) to;
    struct sockaddr_in *four = (struct sockaddr_in *) to;

    memset(to, 0, sizeof *to);
    if (!host[0] || inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        *size = sizeof *six;
    } else if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        *size = sizeof *four;
    } else {
        return false;
    }
    return true;
}

static int
try_listen(const struct sockaddr_storage *address, socklen_t size, bool both)
{
    int fd = socket(address->ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0) {
        return -1;
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->ss_family == AF_INET6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
    }
    if (!bind(fd, (const struct sockaddr *) address, size) && !listen(fd, 8)) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int
insp_dial_listen(const char *host, uint16_t port, char *why, size_t why_size)
{
    struct sockaddr_storage address;
    socklen_t size;
    int fd;

    if (!make_address(host, port, &address, &size)) {
        snprintf(why, why_size, "'%.100s' is no address", host);
        return -1;
    }
    fd = try_listen(&address, size, !host[0]);
    if (fd < 0 && !host[0] && make_address("0.0.0.0", port, &address, &size)) {
        fd = try_listen(&address, size, false);
    }
    if (fd < 0) {
        snprintf(why, why_size, "cannot listen on port %u: %s", port,
                 strerror(errno));
    }
    return fd;
}

int
insp_dial_accept(int listen_fd, uint32_t keepalive_ms, char *who,
                 size_t who_size)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    char text[INET6_ADDRSTRLEN] = "?";
    uint16_t port = 0;
    int fd = accept(listen_fd, (struct sockaddr *) &from, &size);

    if (fd < 0) {
        return -1;
    } else if (fcntl(fd, F_SETFL, O_NONBLOCK) ||
               fcntl(fd, F_SETFD, FD_CLOEXEC)) {
        close(fd);
        return -1;
    }
    set_options(fd, keepalive_ms);
    if (from.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *) &from;

        inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
        port = ntohs(four->sin_port);
    } else if (from.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *) &from;

        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        port = ntohs(six->sin6_port);
    }
    snprintf(who, who_size, "%s port %u", text, port);
    return fd;
}
