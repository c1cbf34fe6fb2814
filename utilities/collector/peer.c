/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     HANDSHAKE --> UNNAMED --> NAMED --> CLOSING
 *
 * A peer that has finished the handshake has a credential of ours.  It is
 * NAMED when it has said which sensor it is, in a HELLO, in the first options
 * record of IPFIX or in the first line of JSON, and its credential is for that
 * name; then it is told so (see insp_tls_accept()).  Nothing is written
 * before.
 *
 * Who speaks frames is told why it is let go, and has LINGER_MS to read that:
 * a socket that is closed with bytes unread takes back what it has sent.
 */

#include <config.h>

#include "peer.h"

#include <poll.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "peer-private.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_peer);

/* A flood of strangers must not fill the disk with complaints. */
static struct vlog_rate_limit refusals = VLOG_RATE_LIMIT_INIT(120, 240);
struct vlog_rate_limit collector_peer_closings =
    VLOG_RATE_LIMIT_INIT(120, 240);

#define HANDSHAKE_MS   10000
#define LINGER_MS      2000
#define IDENTITIES     16384
#define READS_PER_TURN 8

struct collector_peer *
collector_peer_create(const struct collector_peer_config *config,
                      struct insp_tls_context *context, int fd,
                      const char *address, const char *expected)
{
    struct insp_tls *tls = insp_tls_create(context, fd, NULL);
    struct collector_peer *p;

    if (!tls) {
        return NULL;
    }
    p = xzalloc(sizeof *p);
    p->config = config;
    p->address = xstrdup(address);
    p->expected = xstrdup(expected ? expected : "");
    p->is_dialled = expected != NULL;
    p->tls = tls;
    p->lag_ms = -1;
    p->since_ms = time_wall_msec();
    p->deadline = time_msec() + HANDSHAKE_MS;
    return p;
}

/* A name that a stranger gave, fit for one line of a log. */
static char *
printable(const char *name)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_printable(&s, name, strlen(name));
    return ds_steal_cstr(&s);
}

enum collector_peer_end
collector_peer_refuse(struct collector_peer *p, const char *format, ...)
{
    enum collector_peer_end end;
    const char *why = p->why;
    va_list args;

    va_start(args, format);
    vsnprintf(p->why, sizeof p->why, format, args);
    va_end(args);
    if (p->state == PEER_NAMED) {
        VLOG_WARN_RL(&collector_peer_closings,
                     "%s: sensor '%s' is cut off: %s", p->address, p->shown,
                     why);
    } else {
        VLOG_WARN_RL(&refusals, "%s: refused: %s", p->address, why);
    }
    if (p->sensor) {
        p->sensor->cut_off++;
        ovs_strlcpy(p->sensor->last_error, why, sizeof p->sensor->last_error);
    }
    end = p->state == PEER_NAMED ? PEER_CLOSED : PEER_REFUSED;
    if (p->has_frames) {
        p->n_acks = 0;
        collector_peer_put_close(p, why);
        if (collector_peer_flush(p)) {
            p->state = PEER_CLOSING;
            p->end_as = end;
            p->deadline = time_msec() + LINGER_MS;
            p->pending = false;
        }
    }
    return end;
}

static enum collector_peer_end
tls_ended(struct collector_peer *p)
{
    p->has_frames = false; /* Nobody is there to be told. */
    if (p->state != PEER_NAMED) {
        return collector_peer_refuse(
            p, "%s%s", insp_tls_error(p->tls),
            p->state == PEER_UNNAMED ? " before it said who it is" : "");
    }
    VLOG_INFO_RL(&collector_peer_closings, "%s: sensor '%s' disconnected: %s",
                 p->address, p->shown, insp_tls_error(p->tls));
    ovs_strlcpy(p->why, insp_tls_error(p->tls), sizeof p->why);
    return PEER_CLOSED;
}

/* Its name is known and its own. */
static enum collector_peer_end
let_in(struct collector_peer *p, const char *name, const char *shown)
{
    char protocol[64], subject[256];

    p->sensor = collector_sensors_find(name);
    if (!p->sensor) {
        return collector_peer_refuse(p, "too many sensors");
    }
    insp_tls_get_protocol(p->tls, protocol, sizeof protocol);
    insp_tls_get_peer(p->tls, subject, sizeof subject);
    VLOG_INFO_RL(&collector_peer_closings,
                 "%s: sensor '%s' connected, %s, %s%s", p->address, shown,
                 protocol, subject, p->has_frames ? ", acknowledged" : "");
    p->state = PEER_NAMED;
    p->shown = xstrdup(shown);
    p->sensor->n_connected++;
    p->sensor->connects++;
    insp_tls_accept(p->tls);
    return PEER_ALIVE;
}

enum collector_peer_end
collector_peer_take_name(struct collector_peer *p, const char *name)
{
    enum collector_peer_end end = PEER_ALIVE;
    char subject[256];
    char *shown;

    if (p->state == PEER_NAMED && !strcmp(p->sensor->name, name)) {
        return PEER_ALIVE;
    }
    shown = printable(name);
    insp_tls_get_peer(p->tls, subject, sizeof subject);
    if (p->state == PEER_NAMED) {
        end = collector_peer_refuse(p, "it calls itself '%s' now", shown);
    } else if (!name[0]) {
        end = collector_peer_refuse(p, "it has no sensor name");
    } else if (insp_tls_token(p->tls)
                   ? !insp_tls_peer_is(p->tls, name)
                   : !p->config->any_name && !insp_tls_peer_is(p->tls, name)) {
        end = collector_peer_refuse(
            p,
            "it calls itself sensor '%s', but its %s (%s) is "
            "not for that name",
            shown, insp_tls_token(p->tls) ? "token" : "certificate", subject);
    } else if (p->expected[0] && strcmp(p->expected, name)) {
        end = collector_peer_refuse(p, "it is sensor '%s', and not '%s'",
                                    shown, p->expected);
    } else {
        end = let_in(p, name, shown);
    }
    free(shown);
    return end;
}

static enum collector_peer_end
read_stream(struct collector_peer *p, struct collector_sink *sink)
{
    enum collector_peer_end end;
    size_t taken;

    if (p->has_frames) {
        return collector_peer_read_frames(p, sink);
    }
    end = collector_peer_read_records(p, p->buffer, p->n, sink, &taken);
    p->n -= taken;
    memmove(p->buffer, p->buffer + taken, p->n);
    return end;
}

static bool
is_reading(const struct collector_peer *p)
{
    return p->state == PEER_UNNAMED || p->state == PEER_NAMED;
}

static enum collector_peer_end
receive(struct collector_peer *p, struct collector_sink *sink)
{
    enum collector_peer_end end = read_stream(p, sink);

    for (unsigned int i = 0; end == PEER_ALIVE && is_reading(p); i++) {
        size_t n;

        if (p->pending || i >= READS_PER_TURN) {
            p->pending = true;
            return PEER_ALIVE;
        }
        switch (insp_tls_read(p->tls, p->buffer + p->n,
                              PEER_BUFFER_SIZE - p->n, &n)) {
        case INSP_TLS_OK: break;
        case INSP_TLS_WANT_READ: return PEER_ALIVE;
        case INSP_TLS_WANT_WRITE: p->want_write = true; return PEER_ALIVE;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED: return tls_ended(p);
        }
        p->n += n;
        end = read_stream(p, sink);
        if (p->n && !p->deadline) {
            p->deadline = time_msec() + PEER_MESSAGE_MS;
        }
    }
    return end;
}

static enum collector_peer_end
handshake(struct collector_peer *p)
{
    switch (insp_tls_handshake(p->tls)) {
    case INSP_TLS_OK:
        p->state = PEER_UNNAMED;
        p->has_frames = !strcmp(insp_tls_alpn(p->tls), INSP_FRAME_ALPN);
        /* Without frames it may have nothing to say yet. */
        p->deadline = p->has_frames ? time_msec() + INSP_FRAME_FIRST_MS : 0;
        p->buffer = xmalloc(PEER_BUFFER_SIZE);
        if (insp_ipfix_reader_create(&p->reader) ||
            insp_directory_create(IDENTITIES, &p->directory)) {
            return collector_peer_refuse(p, "out of memory");
        }
        return PEER_ALIVE;
    case INSP_TLS_WANT_READ: return PEER_ALIVE;
    case INSP_TLS_WANT_WRITE: p->want_write = true; return PEER_ALIVE;
    case INSP_TLS_CLOSED:
    case INSP_TLS_FAILED: break;
    }
    return tls_ended(p);
}

/* Lets it read why: until it closes, or takes too long. */
static enum collector_peer_end
linger(struct collector_peer *p)
{
    bool is_open = collector_peer_flush(p) && time_msec() < p->deadline;

    for (unsigned int i = 0; is_open && i < READS_PER_TURN; i++) {
        size_t n;

        switch (insp_tls_read(p->tls, p->buffer, PEER_BUFFER_SIZE, &n)) {
        case INSP_TLS_OK: break;
        case INSP_TLS_WANT_READ:
        case INSP_TLS_WANT_WRITE: return PEER_ALIVE;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED: is_open = false; break;
        }
    }
    return is_open ? PEER_ALIVE : p->end_as;
}

static void
count_wire(struct collector_peer *p)
{
    if (p->sensor) {
        uint64_t lost = insp_ipfix_counts(p->reader)->lost;
        uint64_t wire = insp_tls_received(p->tls);

        p->sensor->bytes += wire - p->wire_counted;
        p->sensor->lost += lost - p->lost;
        p->wire_counted = wire;
        p->lost = lost;
    }
}

static enum collector_peer_end
too_late(struct collector_peer *p)
{
    if (p->state == PEER_HANDSHAKE) {
        return collector_peer_refuse(p, "no TLS handshake in %d s",
                                     HANDSHAKE_MS / 1000);
    } else if (p->has_frames && !p->has_said_hello) {
        return collector_peer_refuse(p, "no HELLO in %d s",
                                     INSP_FRAME_FIRST_MS / 1000);
    }
    return collector_peer_refuse(p, "a message did not end in %d s",
                                 PEER_MESSAGE_MS / 1000);
}

/* It is we who do not read. */
static bool
is_blocked(const struct collector_peer *p, const struct collector_sink *sink)
{
    return p->pending &&
           (!collector_sink_has_room(sink) || p->n_acks >= PEER_ACKS_MAX);
}

enum collector_peer_end
collector_peer_run(struct collector_peer *p, struct collector_sink *sink)
{
    enum collector_peer_end end = PEER_ALIVE;

    if (p->state == PEER_CLOSING) {
        p->want_write = false;
        return linger(p);
    } else if (is_blocked(p, sink)) {
        /* No time runs against the peer. */
        if (p->deadline) {
            p->deadline = time_msec() + PEER_MESSAGE_MS;
        }
        return PEER_ALIVE;
    }
    p->want_write = p->pending = false;
    if (p->state == PEER_HANDSHAKE) {
        end = handshake(p);
    }
    if (end == PEER_ALIVE && is_reading(p)) {
        end = receive(p, sink);
        count_wire(p);
        p->stream = NULL;
    }
    if (end == PEER_ALIVE && !collector_peer_flush(p)) {
        end = tls_ended(p);
    }
    if (end == PEER_ALIVE && p->state != PEER_CLOSING && p->deadline &&
        !p->pending && time_msec() >= p->deadline) {
        end = too_late(p);
    }
    return p->state == PEER_CLOSING ? PEER_ALIVE : end;
}

void
collector_peer_wait(struct collector_peer *p,
                    const struct collector_sink *sink)
{
    bool is_ready = p->pending && !is_blocked(p, sink);

    if (is_ready) {
        poll_immediate_wake();
    } else if (!p->pending || p->want_write) {
        poll_fd_wait(insp_tls_fd(p->tls), (p->pending ? 0 : POLLIN) |
                                              (p->want_write ? POLLOUT : 0));
    }
    if (p->deadline && !p->pending) {
        poll_timer_wait_until(p->deadline);
    }
}

void
collector_peer_recheck(struct collector_peer *p,
                       const struct insp_tls_context *context)
{
    char why[512];

    if (is_reading(p) && !insp_tls_recheck(p->tls, context, why, sizeof why)) {
        enum collector_peer_end end = collector_peer_refuse(p, "%s", why);

        if (p->state != PEER_CLOSING) {
            p->state = PEER_CLOSING;
            p->end_as = end;
            p->deadline = time_msec();
        }
    }
}

void
collector_peer_bye(struct collector_peer *p, const char *why)
{
    if (p->has_frames && is_reading(p)) {
        collector_peer_put_close(p, why);
        ignore(collector_peer_flush(p));
    }
}

const struct collector_sensor *
collector_peer_sensor(const struct collector_peer *p)
{
    return p->sensor;
}

const char *
collector_peer_why(const struct collector_peer *p)
{
    return p->why;
}

bool
collector_peer_is_accepted(const struct collector_peer *p)
{
    return p->sensor != NULL;
}

bool
collector_peer_is_stranger(const struct collector_peer *p)
{
    return p->state == PEER_HANDSHAKE;
}

void
collector_peer_get_stats(const struct collector_peer *p,
                         struct collector_peer_stats *s)
{
    static const char *const formats[] = { "?", "ipfix", "json" };

    s->address = p->address;
    s->format = formats[p->format];
    s->uplink = p->uplink;
    s->incarnation = p->incarnation;
    s->is_dialled = p->is_dialled;
    insp_tls_get_protocol(p->tls, s->protocol, sizeof s->protocol);
    insp_tls_get_peer(p->tls, s->subject, sizeof s->subject);
    s->expires = p->state == PEER_HANDSHAKE ? 0 : insp_tls_peer_expiry(p->tls);
    s->since_ms = p->since_ms;
    s->records = p->records;
    s->duplicates = p->duplicates;
    s->unacknowledged = 0;
    for (size_t i = 0; i < p->n_acks; i++) {
        s->unacknowledged += p->acks[i].run.count;
    }
    s->bytes = insp_tls_received(p->tls);
    s->lost = p->lost;
    s->lag_ms = p->lag_ms;
}

void
collector_peer_destroy(struct collector_peer *p)
{
    if (p) {
        if (p->sensor) {
            p->sensor->n_connected--;
        }
        insp_tls_destroy(p->tls);
        insp_ipfix_reader_destroy(p->reader);
        insp_directory_destroy(p->directory);
        free(p->buffer);
        free(p->address);
        free(p->expected);
        free(p->shown);
        free(p);
    }
}
