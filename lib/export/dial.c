/* How it works
 * ------------
 *
 * An address in figures is never looked up, so an uplink that names one does
 * not depend on a resolver.  Keepalive probes find out about a peer that died
 * while nothing was being sent; while something is, insp_dial_is_deaf() asks
 * the kernel how long ago the last acknowledgement came.
 */

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "export/dial.h"

bool
insp_dial_resolve(struct insp_dial *d, const char *host, uint16_t port,
                  char *why, size_t why_size)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char service[8];
    int error;

    snprintf(service, sizeof service, "%u", port);
    error = getaddrinfo(host, service, &hints, &list);
    if (error) {
        hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
        error = getaddrinfo(host, service, &hints, &list);
    }
    d->n = d->next = 0;
    if (error) {
        snprintf(why, why_size, "cannot find host '%s': %s", host,
                 error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return false;
    }
    for (struct addrinfo *a = list; a && d->n < INSP_DIAL_ADDRESSES;
         a = a->ai_next) {
        if (a->ai_addrlen <= sizeof d->addresses[0]) {
            memcpy(&d->addresses[d->n], a->ai_addr, a->ai_addrlen);
            d->sizes[d->n++] = a->ai_addrlen;
        }
    }
    freeaddrinfo(list);
    return d->n > 0;
}

static void
set_option(int fd, int level, int name, int value)
{
    /* Without them the connection works, it only notices less. */
    (void) setsockopt(fd, level, name, &value, sizeof value);
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
            set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
            if (keepalive_ms) {
                int seconds =
                    (int) INSP_MIN(INSP_MAX((keepalive_ms + 999) / 1000, 1U),
                                   32767U);

                set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
                set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
                set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
                set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
            }
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
