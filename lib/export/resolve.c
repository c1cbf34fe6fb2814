/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * getaddrinfo() takes as long as the resolver likes and cannot be told to
 * stop.  So it runs in a detached thread, and what the two share is counted:
 * whoever lets go last frees it.  The result is written before 'state' says
 * so, and read after.
 */

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "export/resolve.h"

#define STACK_SIZE (256 * 1024)

struct insp_resolve {
    _Atomic unsigned int refs;
    _Atomic int state; /* enum insp_resolved. */
    int event_fd;
    uint16_t port;
    char host[256];
    struct insp_dial found;
    char why[200];
};

static void
release(struct insp_resolve *r)
{
    if (atomic_fetch_sub(&r->refs, 1) == 1) {
        close(r->event_fd);
        free(r);
    }
}

static int
look_up(struct insp_resolve *r, int flags)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | flags };
    struct addrinfo *list = NULL;
    char service[8];
    int error;

    snprintf(service, sizeof service, "%u", r->port);
    error = getaddrinfo(r->host, service, &hints, &list);
    if (error) {
        snprintf(r->why, sizeof r->why, "cannot find host '%.100s': %s",
                 r->host,
                 error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return error;
    }
    for (struct addrinfo *a = list; a && r->found.n < INSP_DIAL_ADDRESSES;
         a = a->ai_next) {
        if (a->ai_addrlen <= sizeof r->found.addresses[0]) {
            memcpy(&r->found.addresses[r->found.n], a->ai_addr, a->ai_addrlen);
            r->found.sizes[r->found.n++] = a->ai_addrlen;
        }
    }
    freeaddrinfo(list);
    return 0;
}

static void
conclude(struct insp_resolve *r, int error)
{
    uint64_t one = 1;

    atomic_store(&r->state, error ? INSP_RESOLVE_FAILED : INSP_RESOLVE_OK);
    (void) !write(r->event_fd, &one, sizeof one);
}

static void *
resolver(void *r_)
{
    struct insp_resolve *r = r_;

    conclude(r, look_up(r, AI_ADDRCONFIG));
    release(r);
    return NULL;
}

/* Signals are the program's; the thread inherits that none comes to it. */
static int
begin_thread(struct insp_resolve *r)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int error = pthread_attr_init(&attr);

    if (error) {
        return error;
    }
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&r->refs, 1);
    error = pthread_create(&thread, &attr, resolver, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (error) {
        release(r);
    }
    return error;
}

struct insp_resolve *
insp_resolve_begin(const char *host, uint16_t port, char *why, size_t why_size)
{
    struct insp_resolve *r = calloc(1, sizeof *r);
    int error = 0;

    if (!r) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    atomic_init(&r->refs, 1);
    atomic_init(&r->state, INSP_RESOLVE_WAIT);
    r->port = port;
    snprintf(r->host, sizeof r->host, "%s", host);
    r->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->event_fd < 0) {
        error = errno;
        free(r);
    } else if (!look_up(r, AI_NUMERICHOST)) {
        conclude(r, 0);
    } else {
        error = begin_thread(r);
        if (error) {
            release(r);
        }
    }
    if (error) {
        snprintf(why, why_size, "cannot look up '%.100s': %s", host,
                 strerror(error));
        return NULL;
    }
    return r;
}

int
insp_resolve_fd(const struct insp_resolve *r)
{
    return r->event_fd;
}

enum insp_resolved
insp_resolve_finish(struct insp_resolve *r, struct insp_dial *dial, char *why,
                    size_t why_size)
{
    enum insp_resolved state = (enum insp_resolved) atomic_load(&r->state);

    if (state == INSP_RESOLVE_WAIT) {
        return state;
    } else if (state == INSP_RESOLVE_OK) {
        *dial = r->found;
        if (!dial->n) {
            state = INSP_RESOLVE_FAILED;
            snprintf(why, why_size, "host '%.100s' has no address", r->host);
        }
    } else {
        snprintf(why, why_size, "%s", r->why);
    }
    release(r);
    return state;
}

void
insp_resolve_cancel(struct insp_resolve *r)
{
    if (r) {
        release(r);
    }
}
