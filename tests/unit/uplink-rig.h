/* SPDX-License-Identifier: Apache-2.0 */
/* Uplink rig
 * ==========
 *
 * A drain with one uplink, and a collector that runs in the same thread, a
 * step after each turn, so that it can be slow, silent, forgetful, or gone at
 * will.  Real TLS over loopback.
 *
 * Above:    test-uplink.c, test-delivery.c.   Below:  pki.h, records.h.
 * Threads:  one.
 * Memory:   the server's, in begin() to end().
 * Time:     the real clocks.
 * Fails:    by assertion.
 */

#ifndef INSP_TEST_UPLINK_RIG_H
#define INSP_TEST_UPLINK_RIG_H 1

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "export/directory.h"
#include "export/drain.h"
#include "export/frame.h"
#include "export/ipfix-read.h"
#include "export/json-check.h"
#include "export/tls.h"
#include "pki.h"
#include "records.h"

#define N_IDS     200000
#define N_STREAMS 8

/* Records of one incarnation that are safe, by number. */
struct stream {
    uint32_t incarnation;
    uint8_t safe[N_IDS];
    uint8_t lost[N_IDS];
};

struct server {
    struct insp_tls_context *context;
    int listen_fd;
    uint16_t port;
    struct insp_tls *tls;
    bool done;     /* The handshake is. */
    bool is_deaf;  /* Reads nothing. */
    bool says_yes; /* Tells when it has accepted. */
    struct insp_ipfix_reader *reader;
    struct insp_directory *directory;
    uint8_t bytes[1 << 17];
    size_t n;
    char error[256];
    unsigned int n_accepted;

    /* A collector that acknowledges. */
    bool speaks_frames;
    bool holds;        /* Says nothing of what it has. */
    bool is_forgetful; /* Does not even keep it. */
    bool backwards;    /* The last message first. */
    uint32_t credit;
    const char *token_file;
    const char *close_with;  /* Instead of a WELCOME. */
    const uint8_t *nonsense; /* Behind the WELCOME. */
    size_t nonsense_size;
    struct insp_frame_hello hello;
    struct insp_frame_run held[4096];
    size_t n_held;
    struct stream *streams;
    uint64_t n_safe, n_twice, n_lost;
    struct insp_record restart;
    char closed_with[INSP_FRAME_WHY_SIZE];

    /* Over all connections. */
    char sensor[INSP_NAME_SIZE];
    uint64_t n_records, n_lines, n_named;
    uint64_t lost_records, lost_packets;
    uint64_t bad;
    uint8_t seen[N_IDS]; /* By flow id. */
};

struct fixture {
    struct pki pki;
    struct insp_host host;
    struct insp_ring *ring;
    struct insp_drain *drain;
    struct server *server;
    struct insp_uplink_config config;
    uint64_t longest_turn_ns;
};

static inline uint64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

/* The server. */

static inline void
server_hang_up(struct server *s)
{
    insp_tls_destroy(s->tls);
    insp_ipfix_reader_destroy(s->reader);
    insp_directory_destroy(s->directory);
    s->tls = NULL;
    s->reader = NULL;
    s->directory = NULL;
}

static inline void
server_stop(struct server *s)
{
    server_hang_up(s);
    if (s->listen_fd >= 0) {
        close(s->listen_fd);
    }
    s->listen_fd = -1;
    insp_tls_context_destroy(s->context);
    s->context = NULL;
}

static inline void
server_start(struct server *s, const struct pki *p, const char *name,
             const char *ca)
{
    char key[64], certificate[64], why[256];
    struct insp_tls_config config = {
        .ca_cert = pki_path(p, ca),
        .protocols = "",
        .ciphers = "",
        .server = true,
        .alpn = s->speaks_frames ? INSP_FRAME_ALPN : NULL,
    };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(s->port) };
    socklen_t size = sizeof address;
    int one = 1;

    snprintf(key, sizeof key, "%s.key", name);
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    config.private_key = pki_path(p, key);
    config.certificate = pki_path(p, certificate);
    if (s->token_file) {
        config = (struct insp_tls_config){ .token_file = s->token_file,
                                           .alpn = config.alpn,
                                           .server = true };
    }
    s->context = insp_tls_context_create(&config, why, sizeof why);
    CU_ASSERT_FATAL(s->context != NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    CU_ASSERT_FATAL(!bind(s->listen_fd, (struct sockaddr *) &address, size));
    CU_ASSERT_FATAL(!listen(s->listen_fd, 4));
    getsockname(s->listen_fd, (struct sockaddr *) &address, &size);
    s->port = ntohs(address.sin_port);
}

static inline void
server_record(struct server *s, const struct insp_record *r)
{
    s->n_records++;
    if (r->type == INSP_RECORD_RESTART) {
        s->restart = *r;
    } else if (r->type == INSP_RECORD_LOSS) {
        s->lost_records += r->loss.records;
        s->lost_packets += r->loss.packets;
    } else if (r->type == INSP_RECORD_CONNECTION) {
        const struct insp_identity *e =
            insp_directory_find(s->directory, r->conn.port_id[0]);

        s->n_named += e && e->port.name[0] == 't';
        if (r->conn.flow_id < N_IDS) {
            s->seen[r->conn.flow_id]++;
        }
    }
}

/* One message; returns how many records were in it.  Those whose bit in
 * 'old' is set are known already. */
static inline uint64_t
server_message(struct server *s, const uint8_t *bytes, size_t size,
               const uint8_t *old, uint64_t limit)
{
    struct insp_ipfix_item item;
    enum insp_ipfix_got got;
    uint64_t n = 0;

    s->bad += !insp_ipfix_read(s->reader, bytes, size);
    while ((got = insp_ipfix_next(s->reader, &item)) != INSP_IPFIX_END) {
        if (got == INSP_IPFIX_FAULT) {
            s->bad++;
            break;
        } else if (got == INSP_IPFIX_RECORD) {
            if (!old || n >= limit || !old[n]) {
                server_record(s, &item.record);
            }
            n++;
        } else if (got == INSP_IPFIX_PORT) {
            (void) !insp_directory_add(s->directory, &item.port);
        } else if (got == INSP_IPFIX_PORT_GONE) {
            insp_directory_gone(s->directory, item.record.port_id);
            (void) insp_directory_reap(s->directory);
        } else if (got == INSP_IPFIX_EXPORTER) {
            memcpy(s->sensor, item.exporter.sensor, sizeof s->sensor);
        }
    }
    return n;
}

static inline void
server_ipfix(struct server *s)
{
    size_t size;

    while (insp_ipfix_frame(s->bytes, s->n, &size) == INSP_IPFIX_WHOLE) {
        (void) server_message(s, s->bytes, size, NULL, 0);
        s->n -= size;
        memmove(s->bytes, s->bytes + size, s->n);
    }
    s->bad += insp_ipfix_counts(s->reader)->lost;
}

static inline struct stream *
server_stream(struct server *s, uint32_t incarnation)
{
    struct stream *stream = s->streams;

    while (stream->incarnation && stream->incarnation != incarnation) {
        stream++;
        CU_ASSERT_FATAL(stream < s->streams + N_STREAMS);
    }
    stream->incarnation = incarnation;
    return stream;
}

static inline void
server_say(struct server *s, const struct insp_put *put)
{
    s->bad +=
        insp_tls_write(s->tls, put->start, insp_put_size(put)) != INSP_TLS_OK;
}

static inline void
server_acknowledge(struct server *s)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < s->n_held; i++) {
        struct insp_put put = insp_put(bytes, sizeof bytes);

        insp_frame_put_ack(&put,
                           &s->held[s->backwards ? s->n_held - 1 - i : i]);
        server_say(s, &put);
    }
    s->n_held = 0;
}

static inline void
server_records(struct server *s, const struct insp_frame_message *m)
{
    struct stream *stream = server_stream(s, m->run.incarnation);
    const uint8_t *bytes = m->bytes;
    size_t left = m->size, size;
    uint64_t n = 0;

    CU_ASSERT_FATAL(m->run.first + m->run.count < N_IDS);
    s->bad += m->floor > m->run.first;
    if (s->is_forgetful) {
        return;
    }
    for (uint64_t i = 1; i < m->floor; i++) {
        s->bad += !stream->safe[i] && !stream->lost[i];
    }
    while (insp_ipfix_frame(bytes, left, &size) == INSP_IPFIX_WHOLE) {
        n += server_message(s, bytes, size, stream->safe + m->run.first + n,
                            m->run.count - n);
        bytes += size;
        left -= size;
    }
    for (; left && *bytes == '{'; n++) {
        const uint8_t *end = memchr(bytes, '\n', left);

        CU_ASSERT_FATAL(end != NULL);
        s->n_lines += !stream->safe[m->run.first + n];
        left -= (size_t) (end + 1 - bytes);
        bytes = end + 1;
    }
    s->bad += left || n != m->run.count;
    for (uint64_t i = m->run.first; i < m->run.first + m->run.count; i++) {
        s->n_twice += stream->safe[i];
        s->n_safe += !stream->safe[i];
        s->bad += stream->lost[i];
        stream->safe[i] = 1;
    }
    if (m->run.count && !s->holds) {
        CU_ASSERT_FATAL(s->n_held < INSP_ARRAY_SIZE(s->held));
        s->held[s->n_held++] = m->run;
    }
}

static inline void
server_hello(struct server *s, const struct insp_frame_hello *hello)
{
    const struct insp_frame_welcome welcome = { INSP_FRAME_VERSION,
                                                s->credit ? s->credit
                                                          : 1 << 20 };
    uint8_t bytes[1024];
    struct insp_put put = insp_put(bytes, sizeof bytes);

    s->hello = *hello;
    if (s->close_with) {
        insp_frame_put_close(&put, s->close_with);
    } else {
        insp_frame_put_welcome(&put, &welcome);
        insp_put_bytes(&put, s->nonsense, s->nonsense_size);
    }
    server_say(s, &put);
}

static inline void
server_frame(struct server *s, size_t size)
{
    struct insp_uplink_frame frame;

    if (insp_frame_read(s->bytes, size, &frame)) {
        s->bad++;
    } else if (frame.type == INSP_FRAME_HELLO) {
        server_hello(s, &frame.hello);
    } else if (frame.type == INSP_FRAME_MESSAGE) {
        server_records(s, &frame.message);
    } else if (frame.type == INSP_FRAME_CLOSE) {
        memcpy(s->closed_with, frame.why, sizeof s->closed_with);
    } else if (frame.type == INSP_FRAME_LOST) {
        struct stream *stream = server_stream(s, frame.lost.incarnation);

        for (uint64_t i = 0; i < frame.lost.count; i++) {
            s->n_lost += !stream->lost[frame.lost.first + i];
            stream->lost[frame.lost.first + i] = 1;
        }
    } else {
        s->bad++;
    }
}

static inline void
server_frames(struct server *s)
{
    size_t size;

    while (insp_frame_extent(s->bytes, s->n, &size) == INSP_FRAME_WHOLE) {
        server_frame(s, size);
        s->n -= size;
        memmove(s->bytes, s->bytes + size, s->n);
    }
    if (!s->holds) {
        server_acknowledge(s);
    }
}

static inline void
server_json(struct server *s)
{
    uint8_t *end;

    while ((end = memchr(s->bytes, '\n', s->n))) {
        size_t size = (size_t) (end - s->bytes);
        struct insp_json_line line;

        s->bad += insp_json_check((char *) s->bytes, size, &line) != NULL;
        memcpy(s->sensor, line.sensor, sizeof s->sensor);
        s->n_lines++;
        s->n -= size + 1;
        memmove(s->bytes, end + 1, s->n);
    }
}

/* A connection, come in or made; 'host' as TLS has it. */
static inline void
server_take(struct server *s, int fd, const char *host)
{
    CU_ASSERT(!fcntl(fd, F_SETFL, O_NONBLOCK));
    s->tls = insp_tls_create(s->context, fd, host);
    CU_ASSERT(!insp_ipfix_reader_create(&s->reader));
    CU_ASSERT(!insp_directory_create(1000, &s->directory));
    s->done = false;
    s->n = s->n_held = 0;
    s->n_accepted++;
}

static inline void
server_step(struct server *s)
{
    size_t n;

    if (!s->tls && s->listen_fd >= 0) {
        int fd = accept(s->listen_fd, NULL, NULL);

        if (fd >= 0) {
            server_take(s, fd, NULL);
        }
    }
    while (s->tls && !s->is_deaf) {
        enum insp_tls_result r;

        if (!s->done) {
            r = insp_tls_handshake(s->tls);
            s->done = r == INSP_TLS_OK;
            if (s->done && s->says_yes) {
                insp_tls_accept(s->tls);
            }
        } else {
            r = insp_tls_read(s->tls, s->bytes + s->n, sizeof s->bytes - s->n,
                              &n);
            if (r == INSP_TLS_OK) {
                s->n += n;
                if (s->speaks_frames) {
                    server_frames(s);
                } else if (s->n && s->bytes[0] == '{') {
                    server_json(s);
                } else {
                    server_ipfix(s);
                }
            }
        }
        if (r == INSP_TLS_FAILED || r == INSP_TLS_CLOSED) {
            snprintf(s->error, sizeof s->error, "%s", insp_tls_error(s->tls));
            server_hang_up(s);
        } else if (r != INSP_TLS_OK) {
            break;
        }
    }
}

/* The fixture. */

static inline void
quiet(void *aux, enum insp_log_level level, const char *message)
{
    (void) aux;
    (void) level;
    (void) message;
}

static inline void
begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    pki_create(&f->pki);
    pki_issue(&f->pki, "server", "collector", "DNS:localhost,IP:127.0.0.1");
    pki_issue(&f->pki, "client", "sensor-1", NULL);
    insp_host_stdio(&f->host, INSP_LOG_ERROR);
    f->host.log = quiet;
    f->server = calloc(1, sizeof *f->server);
    f->server->streams = calloc(N_STREAMS, sizeof *f->server->streams);
    f->server->listen_fd = -1;
    f->server->says_yes = true;
    server_start(f->server, &f->pki, "server", "ca.pem");
    CU_ASSERT_FATAL(
        !insp_ring_create(sizeof(struct insp_record), 65536, &f->ring));
    CU_ASSERT_FATAL(
        !insp_drain_create(&f->host, f->ring, "sensor-1", &f->drain));
    strcpy(f->config.name, "u");
    strcpy(f->config.targets[0].host, "127.0.0.1");
    strcpy(f->config.private_key, pki_path(&f->pki, "client.key"));
    strcpy(f->config.certificate, pki_path(&f->pki, "client.pem"));
    strcpy(f->config.ca_cert, pki_path(&f->pki, "ca.pem"));
    f->config.targets[0].port = f->server->port;
    f->config.n_targets = 1;
    f->config.inactivity_probe_ms = 5000;
    f->config.inspectors[0] = 1;
    f->config.n_inspectors = 1;
}

static inline void
end(struct fixture *f)
{
    insp_drain_destroy(f->drain, 0);
    insp_ring_destroy(f->ring);
    server_stop(f->server);
    free(f->server->streams);
    free(f->server);
    pki_remove(&f->pki);
}

static inline void
push(struct fixture *f, const struct insp_record *r)
{
    struct insp_record *to = insp_ring_reserve(f->ring);

    CU_ASSERT_FATAL(to != NULL);
    *to = *r;
    insp_ring_commit(f->ring);
}

static inline void
push_port(struct fixture *f, uint32_t id, bool gone)
{
    struct insp_record r = { .type = gone ? INSP_RECORD_PORT_GONE
                                          : INSP_RECORD_PORT };

    if (gone) {
        r.port_id = id;
    } else {
        r.port = calloc(1, sizeof *r.port);
        r.port->id = id;
        snprintf(r.port->name, sizeof r.port->name, "tap%u", id);
    }
    push(f, &r);
}

static inline void
push_connections(struct fixture *f, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        struct insp_record r;

        some_ordinary(&r, i);
        push(f, &r);
    }
    insp_drain_wake(f->drain);
}

static inline struct insp_uplink_status
status(struct fixture *f)
{
    struct insp_uplink_status s;

    memset(&s, 0, sizeof s);
    (void) insp_drain_get_status(f->drain, &s, 1);
    UNIT_EQ(s.produced + s.recovered, s.acknowledged + s.sent +
                                          s.unacknowledged + s.queued +
                                          s.spooled + s.dropped);
    return s;
}

static inline void
turn(struct fixture *f)
{
    uint64_t before = now_ns(), took;

    insp_drain_turn(f->drain, 2);
    took = now_ns() - before;
    f->longest_turn_ns = INSP_MAX(f->longest_turn_ns, took);
    server_step(f->server);
}

enum wanted {
    UNTIL_ACTIVE,
    UNTIL_ERROR,
    UNTIL_SENT,
    UNTIL_ACKNOWLEDGED,
    UNTIL_SPOOLED,
    UNTIL_RECEIVED
};

/* A machine that is busy with other things needs this much longer. */
#define PATIENCE 8

/* Turns until it is so, for PATIENCE times 'limit_ms' at most; returns how
 * many milliseconds it took. */
static inline unsigned int
run(struct fixture *f, enum wanted what, uint64_t n, unsigned int limit_ms)
{
    uint64_t start = now_ns(), ms;

    limit_ms *= PATIENCE;

    do {
        struct insp_uplink_status s;

        turn(f);
        s = status(f);
        ms = (now_ns() - start) / 1000000;
        if ((what == UNTIL_ACTIVE && s.is_connected) ||
            (what == UNTIL_ERROR && s.last_error[0]) ||
            (what == UNTIL_SENT && s.sent + s.dropped >= n) ||
            (what == UNTIL_ACKNOWLEDGED && s.acknowledged >= n) ||
            (what == UNTIL_SPOOLED && s.spooled + s.dropped >= n) ||
            (what == UNTIL_RECEIVED &&
             f->server->n_records + f->server->n_lines >= n)) {
            return (unsigned int) ms;
        }
    } while (ms < limit_ms);
    CU_FAIL("it took too long");
    printf("# waited %u ms for %d (%llu): %s, %s\n", limit_ms, what,
           (unsigned long long) n, status(f).state, status(f).last_error);
    return limit_ms;
}

#endif /* test/uplink-rig.h */
