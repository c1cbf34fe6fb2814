/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One turn: take over a new configuration, empty the ring into the queues of
 * the uplinks, let each uplink do what is due, forget identities that nothing
 * refers to any more, publish the state, and then wait.
 *
 * Everything but three things belongs to the exporter thread alone and has
 * no lock.  The mutex guards those three: the configuration that others have
 * left for the next turn, the copy of the state that they may read, and
 * nothing for longer than a copy takes, so that a resolver or a slow disk
 * never holds up who asks.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "export/drain.h"
#include "export/uplink.h"
#include "record/finish.h"

#define MS            UINT64_C(1000000)
#define RING_PER_TURN 8192

struct uplink_set {
    struct insp_uplink_config configs[INSP_MAX_UPLINKS];
    size_t n;
};

struct insp_drain {
    const struct insp_host *host;
    struct insp_ring *ring;
    int event_fd;

    /* The exporter thread's. */
    struct insp_directory *directory;
    struct insp_finisher *finisher;
    struct insp_uplink *uplinks[INSP_MAX_UPLINKS];
    size_t n_uplinks;
    char sensor[INSP_NAME_SIZE];

    pthread_mutex_t mutex;
    struct uplink_set *next; /* NULL: nothing new. */
    bool has_next_sensor;
    char next_sensor[INSP_NAME_SIZE];
    struct insp_uplink_status status[INSP_MAX_UPLINKS];
    size_t n_status;
};

int
insp_drain_create(const struct insp_host *host, struct insp_ring *ring,
                  const char *sensor, struct insp_drain **dp)
{
    struct insp_drain *d = calloc(1, sizeof *d);
    int error;

    *dp = NULL;
    if (!d) {
        return ENOMEM;
    }
    d->host = host;
    d->ring = ring;
    snprintf(d->sensor, sizeof d->sensor, "%s", sensor);
    d->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->event_fd < 0) {
        error = errno;
        free(d);
        return error;
    }
    d->finisher = insp_finisher_create();
    error = d->finisher ? insp_directory_create(0, &d->directory) : ENOMEM;
    if (!error) {
        error = pthread_mutex_init(&d->mutex, NULL);
    }
    if (error) {
        insp_directory_destroy(d->directory);
        insp_finisher_destroy(d->finisher);
        close(d->event_fd);
        free(d);
        return error;
    }
    *dp = d;
    return 0;
}

void
insp_drain_wake(struct insp_drain *d)
{
    uint64_t one = 1;

    /* It fails only when a wake-up is pending already. */
    (void) !write(d->event_fd, &one, sizeof one);
}

void
insp_drain_set_uplinks(struct insp_drain *d,
                       const struct insp_uplink_config *configs, size_t n)
{
    struct uplink_set *set = calloc(1, sizeof *set), *old;

    if (!set) {
        insp_log(d->host, INSP_LOG_ERROR,
                 "out of memory: the uplinks stay as they were");
        return;
    }
    set->n = INSP_MIN(n, INSP_MAX_UPLINKS);
    if (set->n) {
        memcpy(set->configs, configs, set->n * sizeof *configs);
    }
    if (n > set->n) {
        insp_log(d->host, INSP_LOG_ERROR,
                 "%zu uplinks are more than %d: the last ones are not used", n,
                 INSP_MAX_UPLINKS);
    }
    pthread_mutex_lock(&d->mutex);
    old = d->next;
    d->next = set;
    pthread_mutex_unlock(&d->mutex);
    free(old);
    insp_drain_wake(d);
}

void
insp_drain_set_sensor(struct insp_drain *d, const char *sensor)
{
    pthread_mutex_lock(&d->mutex);
    snprintf(d->next_sensor, sizeof d->next_sensor, "%s", sensor);
    d->has_next_sensor = true;
    pthread_mutex_unlock(&d->mutex);
    insp_drain_wake(d);
}

size_t
insp_drain_get_status(struct insp_drain *d, struct insp_uplink_status *status,
                      size_t n)
{
    size_t n_status;

    pthread_mutex_lock(&d->mutex);
    n_status = d->n_status;
    if (INSP_MIN(n, n_status)) {
        memcpy(status, d->status, INSP_MIN(n, n_status) * sizeof *status);
    }
    pthread_mutex_unlock(&d->mutex);
    return n_status;
}

static void
publish(struct insp_drain *d)
{
    pthread_mutex_lock(&d->mutex);
    for (size_t i = 0; i < d->n_uplinks; i++) {
        insp_uplink_get_status(d->uplinks[i], &d->status[i]);
    }
    d->n_status = d->n_uplinks;
    pthread_mutex_unlock(&d->mutex);
}

/* Both have been zeroed before they were filled in: what differs nowhere is
 * the same; a difference that means nothing costs a connection. */
static bool
is_same(const struct insp_uplink_config *a, const struct insp_uplink_config *b)
{
    return !memcmp(a, b, sizeof *a);
}

static void
dismiss(struct insp_drain *d, struct insp_uplink *u)
{
    struct insp_uplink_status s;

    uint64_t n;

    insp_uplink_get_status(u, &s);
    n = s.queued + s.unacknowledged;
    if (n && (!insp_uplink_config(u)->spool_dir[0] || s.spool_error[0])) {
        insp_log(d->host, INSP_LOG_WARN,
                 "uplink %s is removed with %llu records that were not sent",
                 s.name, (unsigned long long) n);
    }
    insp_uplink_destroy(u);
}

/* Puts 'set' in force; uplinks are recognised by their names. */
static void
set_uplinks(struct insp_drain *d, const struct uplink_set *set)
{
    struct insp_uplink *uplinks[INSP_MAX_UPLINKS];
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++) {
        const struct insp_uplink_config *config = &set->configs[i];
        struct insp_uplink *u = NULL;

        for (size_t j = 0; j < d->n_uplinks && !u; j++) {
            if (d->uplinks[j] &&
                !strcmp(insp_uplink_config(d->uplinks[j])->name,
                        config->name)) {
                u = d->uplinks[j];
                d->uplinks[j] = NULL;
            }
        }
        if (u && !is_same(insp_uplink_config(u), config)) {
            insp_uplink_configure(u, config, d->sensor);
        } else if (!u && insp_uplink_create(d->host, config, d->sensor,
                                            d->directory, &u)) {
            insp_log(d->host, INSP_LOG_ERROR, "uplink %s: out of memory",
                     config->name);
            continue;
        }
        uplinks[n++] = u;
    }
    for (size_t j = 0; j < d->n_uplinks; j++) {
        if (d->uplinks[j]) {
            dismiss(d, d->uplinks[j]);
        }
    }
    memcpy(d->uplinks, uplinks, n * sizeof *uplinks);
    d->n_uplinks = n;
}

static void
take_configuration(struct insp_drain *d)
{
    struct uplink_set *set;
    bool renamed;

    pthread_mutex_lock(&d->mutex);
    set = d->next;
    d->next = NULL;
    renamed = d->has_next_sensor && strcmp(d->sensor, d->next_sensor);
    if (renamed) {
        memcpy(d->sensor, d->next_sensor, sizeof d->sensor);
    }
    d->has_next_sensor = false;
    pthread_mutex_unlock(&d->mutex);

    for (size_t i = 0; renamed && i < d->n_uplinks; i++) {
        struct insp_uplink_config config = *insp_uplink_config(d->uplinks[i]);

        insp_uplink_configure(d->uplinks[i], &config, d->sensor);
    }
    if (set) {
        set_uplinks(d, set);
        free(set);
    }
}

static void
distribute(struct insp_drain *d, const struct insp_record *r, uint64_t now)
{
    struct insp_identity *ports[2] = { NULL, NULL };
    const uint32_t *ids = insp_record_port_ids(r);

    for (unsigned int i = 0; ids && i < 2; i++) {
        ports[i] = insp_directory_find(d->directory, ids[i]);
    }
    for (size_t i = 0; i < d->n_uplinks; i++) {
        if (insp_uplink_wants(d->uplinks[i], r->inspector)) {
            insp_uplink_push(d->uplinks[i], r, ports, now);
        }
    }
}

static void
empty_ring(struct insp_drain *d, uint64_t now)
{
    for (unsigned int i = 0; i < RING_PER_TURN; i++) {
        struct insp_record *r = insp_ring_peek(d->ring);

        if (!r) {
            return;
        }
        if (r->type == INSP_RECORD_PORT) {
            if (!insp_directory_add(d->directory, r->port)) {
                insp_log(d->host, INSP_LOG_WARN,
                         "the identity of port %u (%s) is not known: its "
                         "records will not name it",
                         r->port->id, r->port->name);
            }
        } else if (r->type == INSP_RECORD_PORT_GONE) {
            insp_directory_gone(d->directory, r->port_id);
        } else if (insp_record_finish(d->finisher, r)) {
            distribute(d, r, now);
        } else {
            insp_log(d->host, INSP_LOG_ERROR,
                     "no memory for a record: it is lost");
        }
        insp_record_uninit(r);
        insp_ring_release(d->ring);
    }
}

static uint64_t
now_of(const struct insp_drain *d)
{
    return d->host->monotonic_ns(d->host->aux);
}

static void
work(struct insp_drain *d)
{
    uint64_t now = now_of(d);
    uint32_t gone;

    empty_ring(d, now);
    for (size_t i = 0; i < d->n_uplinks; i++) {
        insp_uplink_run(d->uplinks[i], now);
        now = now_of(d);
    }
    while ((gone = insp_directory_reap(d->directory)) != 0) {
        for (size_t i = 0; i < d->n_uplinks; i++) {
            insp_uplink_gone(d->uplinks[i], gone);
        }
    }
    publish(d);
}

/* Waits for a socket, a time, a wake-up, but at most 'timeout_ms'. */
static void
wait(struct insp_drain *d, int timeout_ms)
{
    struct pollfd pfds[INSP_MAX_UPLINKS + 1];
    uint64_t now = now_of(d);
    uint64_t until = now + (uint64_t) INSP_MAX(timeout_ms, 0) * MS;
    uint64_t wakes;

    for (size_t i = 0; i < d->n_uplinks; i++) {
        uint64_t due = insp_uplink_wait(d->uplinks[i], now, &pfds[i + 1]);

        until = INSP_MIN(until, due);
    }
    if (insp_ring_count(d->ring)) {
        until = now;
    }
    pfds[0] = (struct pollfd){ d->event_fd, POLLIN, 0 };
    (void) poll(pfds, d->n_uplinks + 1,
                until > now ? (int) ((until - now + MS - 1) / MS) : 0);
    if (pfds[0].revents) {
        (void) !read(d->event_fd, &wakes, sizeof wakes);
    }
}

void
insp_drain_turn(struct insp_drain *d, int timeout_ms)
{
    take_configuration(d);
    work(d);
    wait(d, timeout_ms);
}

static bool
is_empty(const struct insp_drain *d)
{
    for (size_t i = 0; i < d->n_uplinks; i++) {
        if (!insp_uplink_is_empty(d->uplinks[i])) {
            return false;
        }
    }
    return !insp_ring_count(d->ring);
}

void
insp_drain_destroy(struct insp_drain *d, int timeout_ms)
{
    uint64_t until;

    if (!d) {
        return;
    }
    until = now_of(d) + (uint64_t) INSP_MAX(timeout_ms, 0) * MS;
    take_configuration(d);
    do {
        for (size_t i = 0; i < d->n_uplinks; i++) {
            insp_uplink_flush(d->uplinks[i]);
        }
        work(d);
        if (is_empty(d)) {
            break;
        }
        wait(d, 20);
    } while (now_of(d) < until);

    for (size_t i = 0; i < d->n_uplinks; i++) {
        dismiss(d, d->uplinks[i]);
    }
    for (struct insp_record *r; (r = insp_ring_peek(d->ring));
         insp_ring_release(d->ring)) {
        insp_record_uninit(r);
    }
    insp_directory_destroy(d->directory);
    insp_finisher_destroy(d->finisher);
    pthread_mutex_destroy(&d->mutex);
    close(d->event_fd);
    free(d->next);
    free(d);
}
