/* How it works
 * ------------
 *
 *     HANDSHAKE --> UNNAMED --> NAMED
 *
 * A peer that has finished the handshake has a certificate of ours.  It is
 * NAMED when it has said which sensor it is, in the first options record of
 * IPFIX or in the first line of JSON, and its certificate is for that name;
 * then it is told so (see insp_tls_accept()).  Nothing is written before.
 *
 * Its bytes are read into one buffer; whole messages at its front are turned
 * into lines, one record at a time, and whenever the output has no room the
 * reader stops in the middle of a message and the socket is not read: the
 * kernel's window closes, and the sensor's queue takes what comes.
 */

#include <config.h>

#include "peer.h"

#include <poll.h>
#include <stdlib.h>

#include "export/directory.h"
#include "export/ipfix-read.h"
#include "export/json-check.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_peer);

/* A flood of strangers must not fill the disk with complaints. */
static struct vlog_rate_limit refusals = VLOG_RATE_LIMIT_INIT(120, 240);
static struct vlog_rate_limit closings = VLOG_RATE_LIMIT_INIT(120, 240);

#define BUFFER_SIZE    (COLLECTOR_LINE_MAX + 1)
#define HANDSHAKE_MS   10000
#define MESSAGE_MS     30000 /* From its first byte to its last. */
#define IDENTITIES     16384
#define READS_PER_TURN 8

enum state {
    HANDSHAKE,
    UNNAMED,
    NAMED
};
enum format {
    UNKNOWN,
    IPFIX,
    JSON
};

struct collector_peer {
    const struct collector_peer_config *config;
    char *address;
    char *shown; /* The sensor's name, fit for the log. */
    struct insp_tls *tls;
    enum state state;
    enum format format;
    bool want_write;
    bool pending;           /* Something may be left to do that
                                         * the socket does not know of. */
    long long int deadline; /* Of the state, or the message. */
    long long int since_ms;
    struct collector_sensor *sensor;
    uint64_t records;
    uint64_t lost;

    uint8_t *buffer; /* BUFFER_SIZE. */
    size_t n;
    size_t message_size; /* Being read by the reader; or 0. */
    struct insp_ipfix_reader *reader;
    struct insp_directory *directory;
    uint64_t wire_counted;
};

struct collector_peer *
collector_peer_create(const struct collector_peer_config *config,
                      struct insp_tls_context *context, int fd,
                      const char *address)
{
    struct insp_tls *tls = insp_tls_create(context, fd, NULL);
    struct collector_peer *p;

    if (!tls) {
        return NULL;
    }
    p = xzalloc(sizeof *p);
    p->config = config;
    p->address = xstrdup(address);
    p->tls = tls;
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

static enum collector_peer_end refuse(struct collector_peer *p,
                                      const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

static enum collector_peer_end
refuse(struct collector_peer *p, const char *format, ...)
{
    va_list args;
    char *why;

    va_start(args, format);
    why = xvasprintf(format, args);
    va_end(args);
    if (p->state == NAMED) {
        VLOG_WARN_RL(&closings, "%s: sensor '%s' is cut off: %s", p->address,
                     p->shown, why);
    } else {
        VLOG_WARN_RL(&refusals, "%s: refused: %s", p->address, why);
    }
    free(why);
    return p->state == NAMED ? PEER_CLOSED : PEER_REFUSED;
}

static enum collector_peer_end
tls_ended(struct collector_peer *p)
{
    if (p->state != NAMED) {
        return refuse(p, "%s%s", insp_tls_error(p->tls),
                      p->state == UNNAMED ? " before it said who it is" : "");
    }
    VLOG_INFO_RL(&closings, "%s: sensor '%s' disconnected: %s", p->address,
                 p->shown, insp_tls_error(p->tls));
    return PEER_CLOSED;
}

/* The peer says that it is sensor 'name'. */
static enum collector_peer_end
take_name(struct collector_peer *p, const char *name)
{
    enum collector_peer_end end = PEER_ALIVE;
    char *shown;

    if (p->state == NAMED && !strcmp(p->sensor->name, name)) {
        return PEER_ALIVE;
    }
    shown = printable(name);
    if (p->state == NAMED) {
        end = refuse(p, "it calls itself '%s' now", shown);
    } else if (!name[0]) {
        end = refuse(p, "it has no sensor name");
    } else if (!p->config->any_name && !insp_tls_peer_is(p->tls, name)) {
        char subject[256];

        insp_tls_get_peer(p->tls, subject, sizeof subject);
        end = refuse(p,
                     "it calls itself sensor '%s', but its certificate "
                     "(%s) is not for that name",
                     shown, subject);
    } else {
        p->sensor = p->config->find_sensor(name);
        if (!p->sensor) {
            end = refuse(p, "too many sensors");
        } else {
            char protocol[64];

            insp_tls_get_protocol(p->tls, protocol, sizeof protocol);
            VLOG_INFO_RL(&closings, "%s: sensor '%s' connected, %s",
                         p->address, shown, protocol);
            p->state = NAMED;
            p->shown = xstrdup(shown);
            p->sensor->n_connected++;
            p->sensor->connects++;
            insp_tls_accept(p->tls);
        }
    }
    free(shown);
    return end;
}

static void
count_record(struct collector_peer *p)
{
    p->records++;
    p->sensor->records++;
    p->sensor->last_ms = time_wall_msec();
}

/* IPFIX. */

static void
write_record(struct collector_peer *p, const struct insp_record *r,
             struct collector_output *output)
{
    const uint32_t *ids = insp_record_port_ids(r);
    const struct insp_port *ports[2] = { NULL, NULL };
    struct insp_put put = collector_output_begin(output);

    for (unsigned int i = 0; ids && i < 2; i++) {
        struct insp_identity *e = insp_directory_find(p->directory, ids[i]);

        ports[i] = e ? &e->port : NULL;
    }
    if (insp_json_put(&put, p->sensor->name, r, ports)) {
        collector_output_commit(output, &put);
    }
    count_record(p);
}

static enum collector_peer_end
read_item(struct collector_peer *p, enum insp_ipfix_got got,
          const struct insp_ipfix_item *item, struct collector_output *output)
{
    switch (got) {
    case INSP_IPFIX_EXPORTER: return take_name(p, item->exporter.sensor);
    case INSP_IPFIX_FAULT: return refuse(p, "%s", insp_ipfix_fault(p->reader));
    case INSP_IPFIX_PORT:
    case INSP_IPFIX_PORT_GONE:
    case INSP_IPFIX_RECORD:
        if (p->state != NAMED) {
            return refuse(p, "it sends records before its sensor name");
        } else if (got == INSP_IPFIX_RECORD) {
            write_record(p, &item->record, output);
        } else if (got == INSP_IPFIX_PORT) {
            ignore(insp_directory_add(p->directory, &item->port));
        } else {
            insp_directory_gone(p->directory, item->record.port_id);
            ignore(insp_directory_reap(p->directory));
        }
        break;
    case INSP_IPFIX_END: break;
    }
    return PEER_ALIVE;
}

static void
drop_front(struct collector_peer *p, size_t size)
{
    p->n -= size;
    memmove(p->buffer, p->buffer + size, p->n);
}

/* Reads whole messages while the output has room. */
static enum collector_peer_end
read_ipfix(struct collector_peer *p, struct collector_output *output)
{
    for (;;) {
        struct insp_ipfix_item item;
        size_t size;

        if (!p->message_size) {
            switch (insp_ipfix_frame(p->buffer, p->n, &size)) {
            case INSP_IPFIX_WHOLE: break;
            case INSP_IPFIX_PART: return PEER_ALIVE;
            case INSP_IPFIX_ALIEN:
                return refuse(p, "neither IPFIX nor JSON lines");
            }
            if (!insp_ipfix_read(p->reader, p->buffer, size)) {
                return refuse(p, "%s", insp_ipfix_fault(p->reader));
            }
            p->message_size = size;
        }
        for (;;) {
            enum insp_ipfix_got got;
            enum collector_peer_end end;

            if (!collector_output_has_room(output)) {
                p->pending = true;
                return PEER_ALIVE;
            }
            got = insp_ipfix_next(p->reader, &item);
            if (got == INSP_IPFIX_END) {
                break;
            }
            end = read_item(p, got, &item, output);
            if (end != PEER_ALIVE) {
                return end;
            }
        }
        drop_front(p, p->message_size);
        p->message_size = 0;
        p->deadline = 0;
    }
}

/* JSON. */

static enum collector_peer_end
read_json(struct collector_peer *p, struct collector_output *output)
{
    uint8_t *at = p->buffer, *end = p->buffer + p->n, *newline;
    enum collector_peer_end state = PEER_ALIVE;

    while (state == PEER_ALIVE &&
           (newline = memchr(at, '\n', (size_t) (end - at)))) {
        size_t size = (size_t) (newline - at);
        struct insp_json_line line;
        const char *wrong;

        if (!collector_output_has_room(output)) {
            p->pending = true;
            break;
        }
        wrong = insp_json_check((const char *) at, size, &line);
        state = wrong ? refuse(p, "a line that is no JSON: %s", wrong)
                      : take_name(p, line.sensor);
        if (state == PEER_ALIVE) {
            struct insp_put put = collector_output_begin(output);

            insp_put_bytes(&put, at, size + 1);
            collector_output_commit(output, &put);
            count_record(p);
            p->deadline = 0;
        }
        at = newline + 1;
    }
    drop_front(p, (size_t) (at - p->buffer));
    if (state == PEER_ALIVE && p->n >= COLLECTOR_LINE_MAX && !p->pending) {
        state = refuse(p, "a line longer than %d bytes", COLLECTOR_LINE_MAX);
    }
    return state;
}

static enum collector_peer_end
read_records(struct collector_peer *p, struct collector_output *output)
{
    if (!p->n) {
        return PEER_ALIVE;
    }
    if (p->format == UNKNOWN) {
        p->format = p->buffer[0] == '{' ? JSON : IPFIX;
    }
    return p->format == JSON ? read_json(p, output) : read_ipfix(p, output);
}

static enum collector_peer_end
receive(struct collector_peer *p, struct collector_output *output)
{
    enum collector_peer_end end = read_records(p, output);

    for (unsigned int i = 0; end == PEER_ALIVE; i++) {
        size_t n;

        if (p->pending || i >= READS_PER_TURN) {
            p->pending = true;
            return PEER_ALIVE;
        }
        switch (
            insp_tls_read(p->tls, p->buffer + p->n, BUFFER_SIZE - p->n, &n)) {
        case INSP_TLS_OK: break;
        case INSP_TLS_WANT_READ: return PEER_ALIVE;
        case INSP_TLS_WANT_WRITE: p->want_write = true; return PEER_ALIVE;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED: return tls_ended(p);
        }
        p->n += n;
        end = read_records(p, output);
        if (p->n && !p->deadline) {
            p->deadline = time_msec() + MESSAGE_MS;
        }
    }
    return end;
}

static enum collector_peer_end
handshake(struct collector_peer *p)
{
    switch (insp_tls_handshake(p->tls)) {
    case INSP_TLS_OK:
        p->state = UNNAMED;
        p->deadline = 0; /* It may have nothing to say yet. */
        p->buffer = xmalloc(BUFFER_SIZE);
        if (insp_ipfix_reader_create(&p->reader) ||
            insp_directory_create(IDENTITIES, &p->directory)) {
            return refuse(p, "out of memory");
        }
        return PEER_ALIVE;
    case INSP_TLS_WANT_READ: return PEER_ALIVE;
    case INSP_TLS_WANT_WRITE: p->want_write = true; return PEER_ALIVE;
    case INSP_TLS_CLOSED:
    case INSP_TLS_FAILED: break;
    }
    return tls_ended(p);
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

enum collector_peer_end
collector_peer_run(struct collector_peer *p, struct collector_output *output)
{
    enum collector_peer_end end = PEER_ALIVE;
    bool was_blocked = p->pending && !collector_output_has_room(output);

    if (was_blocked) {
        /* It is we who do not read: no time runs against the peer. */
        if (p->deadline) {
            p->deadline = time_msec() + MESSAGE_MS;
        }
        return PEER_ALIVE;
    }
    p->want_write = p->pending = false;
    if (p->state == HANDSHAKE) {
        end = handshake(p);
    }
    if (end == PEER_ALIVE && p->state != HANDSHAKE) {
        end = receive(p, output);
        count_wire(p);
    }
    if (end == PEER_ALIVE && p->deadline && !p->pending &&
        time_msec() >= p->deadline) {
        end = p->state == HANDSHAKE
                  ? refuse(p, "no TLS handshake in %d s", HANDSHAKE_MS / 1000)
                  : refuse(p, "a message did not end in %d s",
                           MESSAGE_MS / 1000);
    }
    return end;
}

void
collector_peer_wait(struct collector_peer *p,
                    const struct collector_output *output)
{
    if (p->pending) {
        if (collector_output_has_room(output)) {
            poll_immediate_wake();
        }
        return;
    }
    poll_fd_wait(insp_tls_fd(p->tls), POLLIN | (p->want_write ? POLLOUT : 0));
    if (p->deadline) {
        poll_timer_wait_until(p->deadline);
    }
}

const struct collector_sensor *
collector_peer_sensor(const struct collector_peer *p)
{
    return p->sensor;
}

bool
collector_peer_is_accepted(const struct collector_peer *p)
{
    return p->state == NAMED;
}

bool
collector_peer_is_stranger(const struct collector_peer *p)
{
    return p->state == HANDSHAKE;
}

void
collector_peer_get_stats(const struct collector_peer *p,
                         struct collector_peer_stats *s)
{
    static const char *const formats[] = { "?", "ipfix", "json" };

    s->address = p->address;
    s->format = formats[p->format];
    insp_tls_get_protocol(p->tls, s->protocol, sizeof s->protocol);
    insp_tls_get_peer(p->tls, s->subject, sizeof s->subject);
    s->since_ms = p->since_ms;
    s->records = p->records;
    s->bytes = insp_tls_received(p->tls);
    s->lost = p->lost;
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
        free(p->shown);
        free(p);
    }
}
