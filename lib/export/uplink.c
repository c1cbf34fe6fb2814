/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The state machine: from a target to a socket on which TLS can begin.
 *
 * Targets are tried in their order, or, spread, from the one on that a hash
 * of the sensor's name points at, so that many sensors are divided among
 * collectors that are equal, and each has its own order when one of these is
 * away.  One that does not answer is followed by the next at once; when none
 * does, there is a pause.  A connection that breaks is first made again where
 * it was best.
 *
 * The pause: from 100 ms, doubling, with up to a quarter of jitter, to
 * max_backoff; to no more than a second in the first 30 s after a connection
 * that worked, so that records flow again soon after a collector's restart.
 *
 * A target that listens keeps its socket from one connection to the next: a
 * collector that comes while another one is served waits in its queue.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/uplink-private.h"

#define MS                     INSP_UPLINK_MS
#define RESOLVE_LIMIT          (10000 * MS)
#define CONNECT_LIMIT          (5000 * MS)
#define FIRST_BACKOFF_MS       100
#define RECENT_BACKOFF_MS      1000
#define RECENT                 (30000 * MS)
#define GUEST_WARNINGS         (10000 * MS) /* At most one in that time. */
#define STEADY                 (5000 * MS)  /* Else it begins to flap. */
#define DEFAULT_MAX_BACKOFF_MS 8000
#define NO_MARK                UINT64_MAX /* That of no files at all is 0. */
#define DEFAULT_QUEUE_LIMIT    65536

/* Targets. */

void
insp_uplink_print_target(const struct insp_uplink_target *t, char *text,
                         size_t size)
{
    bool bracket = strchr(t->host, ':') != NULL;
    const char *open = bracket ? "[" : "", *close = bracket ? "]" : "";

    if (!t->listens) {
        snprintf(text, size, "ssl:%s%s%s:%u", open, t->host, close, t->port);
    } else {
        snprintf(text, size, "pssl:%u%s%s%s%s", t->port, t->host[0] ? ":" : "",
                 open, t->host, close);
    }
}

static unsigned int
best_target(const struct insp_uplink *u)
{
    uint32_t hash = 2166136261; /* FNV-1a: the same in each process. */

    if (!u->config.spread || !u->config.n_targets) {
        return 0;
    }
    for (const char *p = u->sensor; *p; p++) {
        hash = (hash ^ (uint8_t) *p) * 16777619;
    }
    return (hash ^ hash >> 16) % u->config.n_targets;
}

static struct insp_uplink_target *
target_of(struct insp_uplink *u)
{
    return &u->config.targets[u->target];
}

/* A life. */

static void
take_config(struct insp_uplink *u, const struct insp_uplink_config *config,
            const char *sensor)
{
    u->config = *config;
    u->config.n_inspectors =
        INSP_MIN(u->config.n_inspectors, INSP_MAX_INSPECTORS);
    u->config.n_targets = INSP_MIN(u->config.n_targets, INSP_MAX_TARGETS);
    u->limit = config->queue_limit ? config->queue_limit : DEFAULT_QUEUE_LIMIT;
    snprintf(u->sensor, sizeof u->sensor, "%s", sensor);
    u->target = best_target(u);
    u->n_tried = 0;
}

int
insp_uplink_create(const struct insp_host *host,
                   const struct insp_uplink_config *config, const char *sensor,
                   struct insp_directory *directory, struct insp_uplink **up)
{
    struct insp_uplink *u = calloc(1, sizeof *u);
    int error = ENOMEM;

    *up = NULL;
    if (!u) {
        return ENOMEM;
    }
    u->host = host;
    u->directory = directory;
    u->fd = u->listen_fd = -1;
    u->files_mark = NO_MARK;
    u->backoff_ms = FIRST_BACKOFF_MS;
    u->state_since_ns = host->wall_ns(host->aux);
    u->next_number = 1;
    insp_queue_init(&u->queue, SIZE_MAX);
    insp_queue_init(&u->urgent, SIZE_MAX);
    insp_unacknowledged_init(&u->kept);
    u->out = malloc(INSP_UPLINK_OUT_SIZE);
    if (u->out) {
        error = insp_ipfix_writer_create(sensor, &u->writer);
    }
    if (!error) {
        error =
            host->random(host->aux, &u->incarnation, sizeof u->incarnation);
        u->incarnation += !u->incarnation; /* 0 stands for none. */
    }
    if (error) {
        insp_uplink_destroy(u);
        return error;
    }
    take_config(u, config, sensor);
    u->down_since = host->monotonic_ns(host->aux);
    insp_uplink_open_spool(u, host->monotonic_ns(host->aux));
    *up = u;
    return 0;
}

const struct insp_uplink_config *
insp_uplink_config(const struct insp_uplink *u)
{
    return &u->config;
}

bool
insp_uplink_wants(const struct insp_uplink *u, uint32_t inspector)
{
    for (unsigned int i = 0; i < u->config.n_inspectors; i++) {
        if (u->config.inspectors[i] == inspector) {
            return true;
        }
    }
    return false;
}

void
insp_uplink_enter(struct insp_uplink *u, enum insp_uplink_state state)
{
    u->state = state;
    u->state_since_ns = u->host->wall_ns(u->host->aux);
}

/* The connection and its end. */

static void
disconnect(struct insp_uplink *u)
{
    insp_resolve_cancel(u->resolve);
    u->resolve = NULL;
    if (u->fd >= 0) {
        close(u->fd);
        u->fd = -1;
    }
    if (u->tls) {
        u->wire_before += insp_tls_sent(u->tls);
        insp_tls_destroy(u->tls);
        u->tls = NULL;
    }
    insp_uplink_land(u);
    u->n_gone = 0;
    u->in_size = 0;
    u->want_write = false;
    u->is_settling = u->is_framed = u->is_welcome = false;
    u->deaf_since = 0;
    u->peer[0] = u->protocol[0] = '\0';
}

static uint64_t
jittered(const struct insp_uplink *u, uint64_t ns)
{
    uint32_t random = 0;

    /* Without randomness there is no jitter; that harms nobody. */
    (void) u->host->random(u->host->aux, &random, sizeof random);
    return ns - (ns / 4 * (random >> 16) >> 16);
}

static void
pause_a_while(struct insp_uplink *u, uint64_t now)
{
    uint32_t most = u->config.max_backoff_ms ? u->config.max_backoff_ms
                                             : DEFAULT_MAX_BACKOFF_MS;

    if (u->broke_at && now - u->broke_at < RECENT) {
        most = INSP_MIN(most, RECENT_BACKOFF_MS);
    }
    u->backoff_ms = INSP_MIN(u->backoff_ms, most);
    u->deadline = now + jittered(u, u->backoff_ms * MS);
    u->backoff_ms = INSP_MIN(2 * (uint64_t) u->backoff_ms, most);
}

/* Where to go from here, and when. */
static void
choose_next(struct insp_uplink *u, bool was_active, uint64_t now)
{
    u->deadline = now;
    if (was_active) {
        u->target = best_target(u);
        pause_a_while(u, now);
    } else if (++u->n_tried < u->config.n_targets) {
        u->target = (u->target + 1) % u->config.n_targets;
    } else {
        u->target = best_target(u);
        u->n_tried = 0;
        pause_a_while(u, now);
    }
}

void
insp_uplink_fail(struct insp_uplink *u, uint64_t now, const char *format, ...)
{
    bool was_active = u->state == INSP_UPLINK_ACTIVE;
    char text[sizeof u->last_error], target[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    if (was_active) {
        u->down_since = now;
    }
    if (was_active && (!u->broke_at || now - u->active_since >= STEADY)) {
        u->broke_at = now;
        u->backoff_ms = FIRST_BACKOFF_MS;
    }
    if (was_active || strcmp(text, u->last_error)) {
        /* Whoever can reach the port can fail there as often as he likes. */
        bool is_noise = u->listen_fd >= 0 && !was_active &&
                        now - u->warned_at < GUEST_WARNINGS;

        insp_uplink_print_target(target_of(u), target, sizeof target);
        insp_log(u->host, is_noise ? INSP_LOG_DEBUG : INSP_LOG_WARN,
                 "uplink %s (%s): %s", u->config.name, target, text);
        u->warned_at = is_noise ? u->warned_at : now;
    }
    memcpy(u->last_error, text, sizeof u->last_error);
    disconnect(u);
    if (u->listen_fd >= 0) {
        insp_uplink_enter(u, INSP_UPLINK_LISTENING);
    } else {
        insp_uplink_enter(u, INSP_UPLINK_BACKOFF);
        choose_next(u, was_active, now);
    }
}

static void
stop_listening(struct insp_uplink *u)
{
    if (u->listen_fd >= 0) {
        close(u->listen_fd);
        u->listen_fd = -1;
    }
}

static void
forget_files(struct insp_uplink *u)
{
    insp_tls_context_destroy(u->context);
    u->context = NULL;
    u->files_mark = NO_MARK;
    u->files_why[0] = '\0';
}

/* What is in it stays there, for whoever opens it next; here it is gone. */
static void
leave_spool(struct insp_uplink *u)
{
    uint64_t held;

    insp_uplink_close_spool(u, &held);
    u->dropped += held;
    if (held) {
        insp_log(u->host, INSP_LOG_WARN,
                 "uplink %s: %llu records stay behind in %s/%s",
                 u->config.name, (unsigned long long) held,
                 u->config.spool_dir, u->config.name);
    }
}

void
insp_uplink_configure(struct insp_uplink *u,
                      const struct insp_uplink_config *config,
                      const char *sensor)
{
    bool moves = strcmp(u->config.spool_dir, config->spool_dir) != 0;
    uint64_t now = u->host->monotonic_ns(u->host->aux);

    disconnect(u);
    u->down_since = now;
    stop_listening(u);
    forget_files(u);
    if (moves) {
        leave_spool(u);
    }
    take_config(u, config, sensor);
    if (moves) {
        u->spool_why[0] = '\0';
        insp_uplink_open_spool(u, now);
    } else if (u->spool) {
        insp_spool_set_limit(u->spool, u->config.spool_max_bytes);
    }
    insp_uplink_make_room(u, u->limit + 1);
    u->last_error[0] = '\0';
    u->backoff_ms = FIRST_BACKOFF_MS;
    u->broke_at = 0;
    u->deadline = 0;
    insp_uplink_enter(u, INSP_UPLINK_BACKOFF);
}

/* From a target to a socket. */

static void
connect_next(struct insp_uplink *u, uint64_t now, const char *why)
{
    char text[200];

    snprintf(text, sizeof text, "%s", why);
    u->fd = insp_dial_next(&u->dial, u->config.inactivity_probe_ms, text,
                           sizeof text);
    if (u->fd < 0) {
        insp_uplink_fail(u, now, "%s", text);
        return;
    }
    u->deadline = now + CONNECT_LIMIT;
    insp_uplink_enter(u, INSP_UPLINK_CONNECTING);
}

static void
resolving(struct insp_uplink *u, uint64_t now)
{
    char why[200];

    switch (insp_resolve_finish(u->resolve, &u->dial, why, sizeof why)) {
    case INSP_RESOLVE_WAIT:
        if (now >= u->deadline) {
            insp_uplink_fail(u, now,
                             "cannot find host '%s': no answer from the "
                             "resolver",
                             target_of(u)->host);
        }
        break;
    case INSP_RESOLVE_OK:
        u->resolve = NULL;
        connect_next(u, now, "");
        break;
    case INSP_RESOLVE_FAILED:
        u->resolve = NULL;
        insp_uplink_fail(u, now, "%s", why);
        break;
    }
}

static void
connecting(struct insp_uplink *u, uint64_t now)
{
    struct pollfd pfd = { u->fd, POLLOUT, 0 };
    char why[200] = "cannot connect: no answer";
    int fd = u->fd;

    if (poll(&pfd, 1, 0) > 0) {
        if (insp_dial_finish(u->fd, why, sizeof why)) {
            u->fd = -1;
            insp_uplink_begin_session(u, fd, false, now);
            return;
        }
    } else if (now < u->deadline) {
        return;
    }
    close(u->fd);
    u->fd = -1;
    connect_next(u, now, why);
}

static void
listening(struct insp_uplink *u, uint64_t now)
{
    char who[80];
    int fd = insp_dial_accept(u->listen_fd, u->config.inactivity_probe_ms, who,
                              sizeof who);

    if (fd >= 0) {
        insp_log(u->host, INSP_LOG_DEBUG, "uplink %s: %s has dialled",
                 u->config.name, who);
        insp_uplink_begin_session(u, fd, true, now);
    }
}

static void
set_out(struct insp_uplink *u, uint64_t now)
{
    const struct insp_uplink_target *t = target_of(u);
    char why[200];

    if (!u->config.n_targets) {
        u->deadline = UINT64_MAX;
    } else if (t->listens) {
        u->listen_fd = insp_dial_listen(t->host, t->port, why, sizeof why);
        if (u->listen_fd < 0) {
            insp_uplink_fail(u, now, "%s", why);
        } else {
            insp_uplink_enter(u, INSP_UPLINK_LISTENING);
        }
    } else {
        u->resolve = insp_resolve_begin(t->host, t->port, why, sizeof why);
        if (!u->resolve) {
            insp_uplink_fail(u, now, "%s", why);
            return;
        }
        u->deadline = now + RESOLVE_LIMIT;
        insp_uplink_enter(u, INSP_UPLINK_RESOLVING);
        resolving(u, now); /* An address is there already. */
    }
}

void
insp_uplink_run(struct insp_uplink *u, uint64_t now)
{
    if (now >= u->next_check) {
        insp_uplink_check(u, now);
    }
    switch (u->state) {
    case INSP_UPLINK_BACKOFF:
        if (now >= u->deadline) {
            set_out(u, now);
        }
        break;
    case INSP_UPLINK_LISTENING: listening(u, now); break;
    case INSP_UPLINK_RESOLVING: resolving(u, now); break;
    case INSP_UPLINK_CONNECTING: connecting(u, now); break;
    case INSP_UPLINK_HANDSHAKE: insp_uplink_shake_hands(u, now); break;
    case INSP_UPLINK_ACTIVE:
        if (insp_uplink_receive(u, now)) {
            insp_uplink_send(u, now);
        }
        break;
    }
    insp_uplink_run_spool(u, now);
}

static uint64_t
wait_active(const struct insp_uplink *u, uint64_t now, uint64_t until)
{
    if (u->out_size) {
        return until; /* The socket says when. */
    } else if (insp_uplink_is_due(u, now)) {
        return now;
    } else if (u->queue.n && u->linger_until > now) {
        return INSP_MIN(until, u->linger_until);
    }
    return until;
}

uint64_t
insp_uplink_wait(const struct insp_uplink *u, uint64_t now, struct pollfd *pfd)
{
    uint64_t until = INSP_MAX(u->next_check, now);

    if (u->spool) {
        until = INSP_MIN(until, insp_spool_wait(u->spool, now));
    }
    *pfd = (struct pollfd){ .fd = -1, .events = POLLIN };
    switch (u->state) {
    case INSP_UPLINK_BACKOFF: return INSP_MIN(until, u->deadline);
    case INSP_UPLINK_LISTENING: pfd->fd = u->listen_fd; return until;
    case INSP_UPLINK_RESOLVING:
        pfd->fd = insp_resolve_fd(u->resolve);
        return INSP_MIN(until, u->deadline);
    case INSP_UPLINK_CONNECTING:
        pfd->fd = u->fd;
        pfd->events = POLLOUT;
        return INSP_MIN(until, u->deadline);
    case INSP_UPLINK_HANDSHAKE: until = INSP_MIN(until, u->deadline); break;
    case INSP_UPLINK_ACTIVE: until = wait_active(u, now, until); break;
    }
    pfd->fd = insp_tls_fd(u->tls);
    pfd->events = (short) (POLLIN | (u->want_write ? POLLOUT : 0));
    return until;
}

void
insp_uplink_gone(struct insp_uplink *u, uint32_t port_id)
{
    if (!u->tls || u->config.format != INSP_UPLINK_IPFIX) {
        return;
    } else if (u->n_gone < INSP_UPLINK_N_GONE) {
        u->gone[u->n_gone++] = port_id;
    } else {
        /* The receiver forgets by itself when it has heard of too many. */
        struct insp_put none = insp_put(u->out, 0);

        (void) insp_ipfix_gone(u->writer, &none, 0, port_id);
    }
}

bool
insp_uplink_is_empty(const struct insp_uplink *u)
{
    return !insp_uplink_in_memory(u) && !u->n_losses;
}

void
insp_uplink_flush(struct insp_uplink *u)
{
    u->linger_until = 0;
}

static void
clear(struct insp_uplink *u, struct insp_queue *q)
{
    for (; q->n; insp_queue_pop(q)) {
        insp_uplink_let_go(u, insp_queue_peek(q));
    }
    insp_queue_uninit(q);
}

void
insp_uplink_destroy(struct insp_uplink *u)
{
    if (u) {
        disconnect(u);
        stop_listening(u);
        forget_files(u);
        insp_uplink_close_spool(u, NULL);
        clear(u, &u->queue);
        clear(u, &u->urgent);
        insp_unacknowledged_uninit(&u->kept);
        insp_ipfix_writer_destroy(u->writer);
        free(u->out);
        free(u);
    }
}
