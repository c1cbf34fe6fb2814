/* How it works
 * ------------
 *
 *     queue --fill()--> flight + out --flush()--> socket --> sent
 *       ^                  |
 *       +-- land() <-------+  when the connection breaks
 *
 * fill() moves records from the queue into 'flight' and encodes them into one
 * buffer, 'out'.  When its last byte has been taken by the socket they count
 * as sent.  When the connection breaks before that they go back to the front
 * of the queue and are encoded anew for the next connection, since IPFIX
 * templates, sequence numbers and identities belong to a connection.
 *
 * A LOSS record is a note of the uplink's own and is in none of the sums:
 * when it cannot be sent, its figures go back to where they came from.
 *
 * With TLS 1.3 a client's handshake ends before the server has looked at the
 * client's certificate.  So that a refusal does not swallow records, they are
 * held back until something has come from the server (our collector sends a
 * key update when it has accepted the sensor, others send session tickets),
 * or for twice the time that the handshake took, at least 100 ms.
 *
 * Back-off: from 100 ms, doubling, with up to a quarter of jitter, to
 * max_backoff; to no more than a second in the first 30 s after a connection
 * that worked, so that records flow again soon after a collector's restart.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/dial.h"
#include "export/ipfix.h"
#include "export/json.h"
#include "export/queue.h"
#include "export/tls.h"
#include "export/uplink.h"

#define MS                     UINT64_C(1000000)
#define N_FLIGHT               512
#define OUT_SIZE               98304
#define N_GONE                 64
#define N_LOSSES               (INSP_MAX_INSPECTORS + 1)
#define LINGER                 (20 * MS) /* Wait for company. */
#define LINGER_RECORDS         128       /* That many are company enough. */
#define CONNECT_LIMIT          (5000 * MS)
#define HANDSHAKE_LIMIT        (10000 * MS)
#define CHECK_INTERVAL         (1000 * MS)
#define FILLS_PER_TURN         16
#define FIRST_BACKOFF_MS       100
#define RECENT_BACKOFF_MS      1000
#define RECENT                 (30000 * MS)
#define STEADY                 (5000 * MS) /* Else it begins to flap. */
#define DEFAULT_MAX_BACKOFF_MS 8000
#define DEFAULT_QUEUE_LIMIT    65536

_Static_assert(OUT_SIZE >= INSP_IPFIX_ROOM_MAX &&
                   OUT_SIZE >= INSP_JSON_LINE_MAX,
               "any record fits into an empty buffer");

enum state {
    BACKOFF,
    CONNECTING,
    HANDSHAKE,
    ACTIVE
};

static const char *const state_words[] = { "backoff", "connecting",
                                           "handshake", "active" };

/* What was dropped of one inspector since the last LOSS record. */
struct loss {
    uint32_t inspector;
    struct insp_record_loss sums;
};

struct insp_uplink {
    const struct insp_host *host;
    struct insp_directory *directory;
    struct insp_uplink_config config;
    char sensor[INSP_NAME_SIZE];

    /* Records. */
    struct insp_queue queue;
    struct insp_queued *flight; /* N_FLIGHT: encoded in 'out'. */
    size_t n_flight;
    struct loss losses[N_LOSSES];
    size_t n_losses;
    uint64_t linger_until;
    uint64_t produced, sent, dropped;

    /* Encoder. */
    struct insp_ipfix_writer *writer;
    uint8_t *out;          /* OUT_SIZE. */
    size_t out_size;       /* Being sent; 0: nothing. */
    uint32_t gone[N_GONE]; /* To be told, for IPFIX. */
    size_t n_gone;

    /* Connection. */
    enum state state;
    uint64_t state_since_ns; /* Wall clock. */
    uint64_t deadline;       /* Of the state. */
    struct insp_dial dial;
    int fd; /* While CONNECTING, else -1. */
    struct insp_tls *tls;
    bool want_write;
    bool settling; /* HANDSHAKE is done, see above. */
    uint64_t received_before;
    uint64_t handshake_began;
    uint64_t next_check;
    uint64_t files_mark;
    uint64_t deaf_since;
    uint64_t active_since;
    uint64_t broke_at; /* The last one that worked; 0. */
    uint32_t backoff_ms;
    uint64_t wire_before; /* Of connections that are closed. */
    uint64_t connects;
    char last_error[256];
    char peer[256];
    char protocol[32];
};

static struct insp_tls_config
tls_config(const struct insp_uplink *u)
{
    return (struct insp_tls_config){
        .private_key = u->config.private_key,
        .certificate = u->config.certificate,
        .ca_cert = u->config.ca_cert,
        .protocols = u->config.protocols,
        .ciphers = u->config.ciphers,
    };
}

static void
take_config(struct insp_uplink *u, const struct insp_uplink_config *config,
            const char *sensor)
{
    u->config = *config;
    u->config.n_inspectors =
        INSP_MIN(u->config.n_inspectors, INSP_MAX_INSPECTORS);
    snprintf(u->sensor, sizeof u->sensor, "%s", sensor);
    u->queue.limit =
        config->queue_limit ? config->queue_limit : DEFAULT_QUEUE_LIMIT;
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
    u->fd = -1;
    u->backoff_ms = FIRST_BACKOFF_MS;
    u->state_since_ns = host->wall_ns(host->aux);
    u->flight = malloc(N_FLIGHT * sizeof *u->flight);
    u->out = malloc(OUT_SIZE);
    if (u->flight && u->out) {
        error = insp_ipfix_writer_create(sensor, &u->writer);
    }
    if (error) {
        insp_uplink_destroy(u);
        return error;
    }
    take_config(u, config, sensor);
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

static void
enter(struct insp_uplink *u, enum state state)
{
    u->state = state;
    u->state_since_ns = u->host->wall_ns(u->host->aux);
}

/* Records. */

static void
add_loss(struct insp_uplink *u, uint32_t inspector,
         const struct insp_record_loss *loss)
{
    struct loss *l = u->losses;

    while (l < u->losses + u->n_losses && l->inspector != inspector) {
        l++;
    }
    if (l == u->losses + N_LOSSES) {
        l--; /* More ids than can be: to the last */
    } else if (l == u->losses + u->n_losses) {
        *l = (struct loss){ inspector, { .since_ns = UINT64_MAX } };
        u->n_losses++;
    }
    l->sums.records += loss->records;
    l->sums.packets += loss->packets;
    l->sums.bytes += loss->bytes;
    l->sums.since_ns = INSP_MIN(l->sums.since_ns, loss->since_ns);
}

static void
let_go(struct insp_uplink *u, const struct insp_queued *item)
{
    insp_directory_unref(u->directory, item->port[0]);
    insp_directory_unref(u->directory, item->port[1]);
    if (item->record.type == INSP_RECORD_APP) {
        insp_values_unref(item->record.app.values);
    }
}

static void
drop(struct insp_uplink *u, const struct insp_queued *item)
{
    const struct insp_record *r = &item->record;
    struct insp_record_loss loss = {
        .records = 1,
        .since_ns = u->host->wall_ns(u->host->aux),
    };

    if (r->type == INSP_RECORD_CONNECTION) {
        loss.packets = r->conn.packets[0] + r->conn.packets[1];
        loss.bytes = r->conn.bytes[0] + r->conn.bytes[1];
    } else if (r->type == INSP_RECORD_REMAINDER) {
        loss.packets = r->remainder.packets;
        loss.bytes = r->remainder.bytes;
    }
    add_loss(u, r->inspector, &loss);
    u->dropped++;
    let_go(u, item);
}

static void
drop_oldest(struct insp_uplink *u)
{
    drop(u, insp_queue_peek(&u->queue));
    insp_queue_pop(&u->queue);
}

void
insp_uplink_push(struct insp_uplink *u, const struct insp_record *record,
                 struct insp_identity *const ports[2], uint64_t now_ns)
{
    struct insp_queued item = { *record, { ports[0], ports[1] } };

    insp_directory_ref(ports[0]);
    insp_directory_ref(ports[1]);
    if (record->type == INSP_RECORD_APP) {
        insp_values_ref(record->app.values);
    }
    u->produced++;
    if (!u->queue.n) {
        u->linger_until = now_ns + LINGER;
    }
    while (!insp_queue_push(&u->queue, &item)) {
        if (!u->queue.n) { /* No memory at all. */
            drop(u, &item);
            return;
        }
        drop_oldest(u);
    }
}

/* What was in flight goes back to the queue. */
static void
land(struct insp_uplink *u)
{
    for (size_t i = u->n_flight; i-- > 0;) {
        struct insp_queued *item = &u->flight[i];

        if (item->record.type == INSP_RECORD_LOSS) {
            add_loss(u, item->record.inspector, &item->record.loss);
        } else if (!insp_queue_push_front(&u->queue, item)) {
            drop(u, item);
        }
    }
    u->n_flight = 0;
    u->out_size = 0;
}

/* The connection and its end. */

static void
disconnect(struct insp_uplink *u)
{
    if (u->fd >= 0) {
        close(u->fd);
        u->fd = -1;
    }
    if (u->tls) {
        u->wire_before += insp_tls_sent(u->tls);
        insp_tls_destroy(u->tls);
        u->tls = NULL;
    }
    land(u);
    u->n_gone = 0;
    u->want_write = false;
    u->settling = false;
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

static void fail(struct insp_uplink *u, uint64_t now, const char *format, ...)
    INSP_PRINTF(3, 4);

static void
fail(struct insp_uplink *u, uint64_t now, const char *format, ...)
{
    uint32_t most = u->config.max_backoff_ms ? u->config.max_backoff_ms
                                             : DEFAULT_MAX_BACKOFF_MS;
    char text[sizeof u->last_error];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    if (u->state == ACTIVE &&
        (!u->broke_at || now - u->active_since >= STEADY)) {
        u->broke_at = now;
        u->backoff_ms = FIRST_BACKOFF_MS;
    }
    if (u->state == ACTIVE || strcmp(text, u->last_error)) {
        insp_log(u->host, INSP_LOG_WARN, "uplink %s (%s:%u): %s",
                 u->config.name, u->config.host, u->config.port, text);
    }
    memcpy(u->last_error, text, sizeof u->last_error);
    disconnect(u);
    enter(u, BACKOFF);
    if (u->broke_at && now - u->broke_at < RECENT) {
        most = INSP_MIN(most, RECENT_BACKOFF_MS);
    }
    u->backoff_ms = INSP_MIN(u->backoff_ms, most);
    u->deadline = now + jittered(u, u->backoff_ms * MS);
    u->backoff_ms = INSP_MIN(2 * (uint64_t) u->backoff_ms, most);
}

void
insp_uplink_configure(struct insp_uplink *u,
                      const struct insp_uplink_config *config,
                      const char *sensor)
{
    disconnect(u);
    take_config(u, config, sensor);
    while (u->queue.n > u->queue.limit) {
        drop_oldest(u);
    }
    u->last_error[0] = '\0';
    u->backoff_ms = FIRST_BACKOFF_MS;
    u->broke_at = 0;
    u->deadline = 0;
    enter(u, BACKOFF);
}

static void
connect_next(struct insp_uplink *u, uint64_t now, const char *why)
{
    char text[200];

    snprintf(text, sizeof text, "%s", why);
    u->fd = insp_dial_next(&u->dial, u->config.inactivity_probe_ms, text,
                           sizeof text);
    if (u->fd < 0) {
        fail(u, now, "%s", text);
        return;
    }
    u->deadline = now + CONNECT_LIMIT;
    enter(u, CONNECTING);
}

static void
dial(struct insp_uplink *u)
{
    char why[200];
    bool found = insp_dial_resolve(&u->dial, u->config.host, u->config.port,
                                   why, sizeof why);
    uint64_t now = u->host->monotonic_ns(u->host->aux);

    if (found) {
        connect_next(u, now, "");
    } else {
        fail(u, now, "%s", why);
    }
}

static void
begin_handshake(struct insp_uplink *u, uint64_t now)
{
    struct insp_tls_config config = tls_config(u);
    struct insp_tls_context *context;
    char why[sizeof u->last_error];
    int fd = u->fd;

    u->files_mark = insp_tls_files_mark(&config);
    u->next_check = now + CHECK_INTERVAL;
    context = insp_tls_context_create(&config, why, sizeof why);
    if (!context) {
        fail(u, now, "%s", why);
        return;
    }
    u->fd = -1;
    u->tls = insp_tls_create(context, fd, u->config.host);
    insp_tls_context_destroy(context);
    if (!u->tls) {
        fail(u, now, "cannot begin TLS with '%s'", u->config.host);
        return;
    }
    u->handshake_began = now;
    u->deadline = now + HANDSHAKE_LIMIT;
    enter(u, HANDSHAKE);
}

static void
connecting(struct insp_uplink *u, uint64_t now)
{
    struct pollfd pfd = { u->fd, POLLOUT, 0 };
    char why[200] = "cannot connect: no answer";

    if (poll(&pfd, 1, 0) > 0) {
        if (insp_dial_finish(u->fd, why, sizeof why)) {
            begin_handshake(u, now);
            return;
        }
    } else if (now < u->deadline) {
        return;
    }
    close(u->fd);
    u->fd = -1;
    connect_next(u, now, why);
}

/* Sending. */

/* Templates and names first, so that the receiver knows at once who is
 * calling. */
static void
introduce(struct insp_uplink *u)
{
    struct insp_put put = insp_put(u->out, OUT_SIZE);
    uint64_t wall = u->host->wall_ns(u->host->aux);

    insp_ipfix_writer_reset(u->writer, u->sensor);
    if (u->config.format == INSP_UPLINK_IPFIX) {
        for (unsigned int i = 0; i < u->config.n_inspectors; i++) {
            if (!insp_ipfix_open(u->writer, &put, wall,
                                 u->config.inspectors[i])) {
                break; /* Later, with its first record. */
            }
        }
        insp_ipfix_finish(u->writer, &put);
        u->out_size = insp_put_size(&put);
    }
}

static bool
encode(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
       const struct insp_queued *item)
{
    const struct insp_port *const ports[2] = {
        item->port[0] ? &item->port[0]->port : NULL,
        item->port[1] ? &item->port[1]->port : NULL,
    };

    return u->config.format == INSP_UPLINK_IPFIX
               ? insp_ipfix_put(u->writer, put, wall, &item->record, ports)
               : insp_json_put(put, u->sensor, &item->record, ports);
}

static void
fill(struct insp_uplink *u, uint64_t wall)
{
    struct insp_put put = insp_put(u->out, OUT_SIZE);
    const struct insp_queued *item;

    for (; u->n_gone; u->n_gone--) {
        (void) insp_ipfix_gone(u->writer, &put, wall, u->gone[u->n_gone - 1]);
    }
    for (; u->n_losses && u->n_flight < N_FLIGHT; u->n_losses--) {
        const struct loss *loss = &u->losses[u->n_losses - 1];
        struct insp_queued note = { .record = { .type = INSP_RECORD_LOSS,
                                                .inspector = loss->inspector,
                                                .time_ns = wall } };

        note.record.loss = loss->sums;
        if (!encode(u, &put, wall, &note)) {
            break;
        }
        u->flight[u->n_flight++] = note;
    }
    while ((item = insp_queue_peek(&u->queue)) && u->n_flight < N_FLIGHT) {
        if (encode(u, &put, wall, item)) {
            u->flight[u->n_flight++] = *item;
            insp_queue_pop(&u->queue);
        } else if (put.at == put.start) {
            drop_oldest(u); /* It would never fit. */
        } else {
            break;
        }
    }
    insp_ipfix_finish(u->writer, &put);
    u->out_size = insp_put_size(&put);
    insp_queue_trim(&u->queue);
}

/* Writes what is in 'out'.  False: not all of it could be. */
static bool
flush(struct insp_uplink *u, uint64_t now)
{
    switch (u->out_size ? insp_tls_write(u->tls, u->out, u->out_size)
                        : INSP_TLS_OK) {
    case INSP_TLS_OK: break;
    case INSP_TLS_WANT_WRITE: u->want_write = true; return false;
    case INSP_TLS_WANT_READ: return false;
    case INSP_TLS_CLOSED:
    case INSP_TLS_FAILED:
        fail(u, now, "%s", insp_tls_error(u->tls));
        return false;
    }
    for (size_t i = 0; i < u->n_flight; i++) {
        u->sent += u->flight[i].record.type != INSP_RECORD_LOSS;
        let_go(u, &u->flight[i]);
    }
    u->n_flight = 0;
    u->out_size = 0;
    return true;
}

static bool
is_due(const struct insp_uplink *u, uint64_t now)
{
    return (u->queue.n &&
            (u->queue.n >= LINGER_RECORDS || now >= u->linger_until)) ||
           (!u->queue.n && (u->n_losses || u->n_gone));
}

static void
send_records(struct insp_uplink *u, uint64_t now)
{
    uint64_t wall = u->host->wall_ns(u->host->aux);

    u->want_write = false;
    for (unsigned int i = 0; i < FILLS_PER_TURN; i++) {
        if (!flush(u, now) || !is_due(u, now)) {
            return;
        }
        fill(u, wall);
    }
    (void) flush(u, now);
}

/* Nothing comes from a receiver yet but TLS's own messages.  False: the
 * connection is over. */
static bool
receive(struct insp_uplink *u, uint64_t now)
{
    for (unsigned int i = 0; i < 16; i++) {
        char scratch[512];
        size_t n;

        switch (insp_tls_read(u->tls, scratch, sizeof scratch, &n)) {
        case INSP_TLS_OK: continue;
        case INSP_TLS_WANT_READ: return true;
        case INSP_TLS_WANT_WRITE: u->want_write = true; return true;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED:
            fail(u, now, "%s", insp_tls_error(u->tls));
            return false;
        }
    }
    return true;
}

static void
become_active(struct insp_uplink *u, uint64_t now)
{
    u->settling = false;
    u->connects++;
    u->active_since = now;
    u->linger_until = now;
    u->next_check = now + CHECK_INTERVAL;
    u->last_error[0] = '\0';
    enter(u, ACTIVE);
    insp_log(u->host, INSP_LOG_INFO, "uplink %s (%s:%u): connected, %s",
             u->config.name, u->config.host, u->config.port, u->protocol);
}

static void
handshake(struct insp_uplink *u, uint64_t now)
{
    u->want_write = false;
    if (!u->settling) {
        switch (insp_tls_handshake(u->tls)) {
        case INSP_TLS_OK: break;
        case INSP_TLS_WANT_WRITE: u->want_write = true; /* fall through */
        case INSP_TLS_WANT_READ:
            if (now >= u->deadline) {
                fail(u, now, "no answer to the TLS handshake");
            }
            return;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED:
            fail(u, now, "%s", insp_tls_error(u->tls));
            return;
        }
        insp_tls_get_peer(u->tls, u->peer, sizeof u->peer);
        insp_tls_get_protocol(u->tls, u->protocol, sizeof u->protocol);
        u->settling = true;
        u->received_before = insp_tls_received(u->tls);
        u->deadline = now;
        if (insp_tls_speaks_13(u->tls)) {
            uint64_t took = 2 * (now - u->handshake_began);

            u->deadline += INSP_MIN(INSP_MAX(took, 100 * MS), 1000 * MS);
        }
        introduce(u);
    }
    if (!flush(u, now) && u->state != HANDSHAKE) {
        return;
    }
    if (receive(u, now) && (now >= u->deadline ||
                            insp_tls_received(u->tls) != u->received_before)) {
        become_active(u, now);
        send_records(u, now);
    }
}

/* Once a second: are the files still what they were, is anybody there? */
static void
check(struct insp_uplink *u, uint64_t now)
{
    struct insp_tls_config config = tls_config(u);
    uint64_t mark = insp_tls_files_mark(&config);
    uint32_t limit = INSP_MAX(3 * u->config.inactivity_probe_ms, 3000U);

    u->next_check = now + CHECK_INTERVAL;
    if (mark != u->files_mark) {
        u->files_mark = mark;
        if (u->state == BACKOFF) {
            u->deadline = now;
        } else if (u->state == ACTIVE) {
            struct insp_tls_context *context =
                insp_tls_context_create(&config, u->last_error,
                                        sizeof u->last_error);

            if (context) {
                insp_tls_context_destroy(context);
                u->last_error[0] = '\0';
            } else {
                insp_log(u->host, INSP_LOG_WARN,
                         "uplink %s: %s; the connection that stands is kept, "
                         "the next one will fail",
                         u->config.name, u->last_error);
            }
        }
    }
    if (u->state == ACTIVE && u->config.inactivity_probe_ms) {
        if (!insp_dial_is_deaf(insp_tls_fd(u->tls), limit)) {
            u->deaf_since = 0;
        } else if (!u->deaf_since) {
            u->deaf_since = now;
        } else if (now - u->deaf_since > limit * MS) {
            fail(u, now, "no answer from the other end for %u s",
                 limit / 1000);
        }
    }
}

void
insp_uplink_run(struct insp_uplink *u, uint64_t now)
{
    if (now >= u->next_check) {
        check(u, now);
    }
    switch (u->state) {
    case BACKOFF:
        if (now >= u->deadline) {
            dial(u);
        }
        break;
    case CONNECTING: connecting(u, now); break;
    case HANDSHAKE: handshake(u, now); break;
    case ACTIVE:
        if (receive(u, now)) {
            send_records(u, now);
        }
        break;
    }
}

uint64_t
insp_uplink_wait(const struct insp_uplink *u, uint64_t now, struct pollfd *pfd)
{
    uint64_t until = INSP_MAX(u->next_check, now);

    pfd->fd = -1;
    pfd->events = 0;
    switch (u->state) {
    case BACKOFF: return INSP_MIN(until, u->deadline);
    case CONNECTING:
        pfd->fd = u->fd;
        pfd->events = POLLOUT;
        return INSP_MIN(until, u->deadline);
    case HANDSHAKE: until = INSP_MIN(until, u->deadline); break;
    case ACTIVE:
        if (u->out_size) {
            break; /* The socket says when. */
        } else if (is_due(u, now)) {
            until = now;
        } else if (u->queue.n) {
            until = INSP_MIN(until, u->linger_until);
        }
        break;
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
    } else if (u->n_gone < N_GONE) {
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
    return !u->queue.n && !u->n_flight && !u->n_losses;
}

void
insp_uplink_flush(struct insp_uplink *u)
{
    u->linger_until = 0;
}

void
insp_uplink_get_status(const struct insp_uplink *u,
                       struct insp_uplink_status *s)
{
    size_t n_notes = 0;

    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < u->n_flight; i++) {
        n_notes += u->flight[i].record.type == INSP_RECORD_LOSS;
    }
    memcpy(s->name, u->config.name, sizeof s->name);
    s->is_connected = u->state == ACTIVE;
    snprintf(s->state, sizeof s->state, "%s", state_words[u->state]);
    s->since_ns = u->state_since_ns;
    memcpy(s->last_error, u->last_error, sizeof s->last_error);
    memcpy(s->peer, u->peer, sizeof s->peer);
    memcpy(s->protocol, u->protocol, sizeof s->protocol);
    s->produced = u->produced;
    s->sent = u->sent;
    s->queued = u->queue.n + u->n_flight - n_notes;
    s->dropped = u->dropped;
    s->wire_bytes = u->wire_before + (u->tls ? insp_tls_sent(u->tls) : 0);
    s->connects = u->connects;
    memcpy(s->inspectors, u->config.inspectors, sizeof s->inspectors);
    s->n_inspectors = u->config.n_inspectors;
}

void
insp_uplink_destroy(struct insp_uplink *u)
{
    if (u) {
        disconnect(u);
        for (; u->queue.n; insp_queue_pop(&u->queue)) {
            let_go(u, insp_queue_peek(&u->queue));
        }
        insp_queue_uninit(&u->queue);
        insp_ipfix_writer_destroy(u->writer);
        free(u->flight);
        free(u->out);
        free(u);
    }
}
