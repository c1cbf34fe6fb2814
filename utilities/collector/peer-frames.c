/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *      HELLO --> name --> WELCOME
 *      MESSAGE --> numbers that are not here yet --> journal --+
 *      LOST    --------------------------------------> journal +--> ACK
 *
 * A MESSAGE stays at the front of the buffer while its records are taken; what
 * is left of it is counted down in 'message', whose run begins with the next
 * record.  When all are, its run waits with the journal's ticket; one commit
 * later it is durable, and so are all that came before it: runs that touch
 * become one.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/vlog.h"
#include "peer-private.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_frames);

/* Out. */

static struct insp_put
begin_out(struct collector_peer *p)
{
    return insp_put(p->out + p->n_out, sizeof p->out - p->n_out);
}

static void
end_out(struct collector_peer *p, const struct insp_put *put)
{
    p->n_out += insp_put_size(put);
}

bool
collector_peer_flush(struct collector_peer *p)
{
    while (p->n_out) {
        /* TLS wants the same bytes again that it could not send. */
        p->n_sending = p->n_sending ? p->n_sending : p->n_out;
        switch (insp_tls_write(p->tls, p->out, p->n_sending)) {
        case INSP_TLS_OK: break;
        case INSP_TLS_WANT_WRITE: p->want_write = true; return true;
        case INSP_TLS_WANT_READ: return true;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED: return false;
        }
        p->n_out -= p->n_sending;
        memmove(p->out, p->out + p->n_sending, p->n_out);
        p->n_sending = 0;
    }
    return true;
}

void
collector_peer_put_close(struct collector_peer *p, const char *why)
{
    struct insp_put put = begin_out(p);

    insp_frame_put_close(&put, why);
    end_out(p, &put);
}

/* Acknowledging. */

static void
add_ack(struct collector_peer *p, struct insp_frame_run run, uint64_t ticket)
{
    struct peer_ack *last = p->n_acks ? &p->acks[p->n_acks - 1] : NULL;

    run.count = MIN(run.count, UINT32_MAX);
    if (last && last->run.incarnation == run.incarnation &&
        last->run.first + last->run.count == run.first &&
        last->run.count + run.count <= UINT32_MAX) {
        last->run.count += run.count;
        last->ticket = ticket;
    } else {
        p->acks[p->n_acks++] = (struct peer_ack){ run, ticket };
    }
}

void
collector_peer_acknowledge(struct collector_peer *p,
                           const struct collector_sink *sink)
{
    size_t n = 0;

    if (!p->has_frames || p->state != PEER_NAMED) {
        return;
    }
    for (; n < p->n_acks &&
           p->acks[n].ticket <= collector_journal_durable(sink->journal);
         n++) {
        struct insp_put put = begin_out(p);

        insp_frame_put_ack(&put, &p->acks[n].run);
        if (put.full) {
            break;
        }
        end_out(p, &put);
    }
    if (n) {
        p->n_acks -= n;
        memmove(p->acks, p->acks + n, p->n_acks * sizeof *p->acks);
        if (!collector_peer_flush(p)) {
            p->pending = true; /* Its next turn finds out why. */
        }
    }
}

/* In. */

static enum collector_peer_end
take_hello(struct collector_peer *p, const struct insp_frame_hello *h)
{
    struct insp_frame_welcome w = { .version = INSP_FRAME_VERSION,
                                    .credit = PEER_CREDIT };
    enum collector_peer_end end;
    struct insp_put put;

    if (p->has_said_hello) {
        return collector_peer_refuse(p, "a second HELLO");
    }
    end = collector_peer_take_name(p, h->sensor);
    if (end == PEER_ALIVE) {
        p->has_said_hello = true;
        p->format = h->format == INSP_FRAME_JSON ? PEER_JSON : PEER_IPFIX;
        p->incarnation = h->incarnation;
        ovs_strlcpy(p->uplink, h->uplink, sizeof p->uplink);
        p->deadline = 0;
        put = begin_out(p);
        insp_frame_put_welcome(&put, &w);
        end_out(p, &put);
    }
    return end;
}

static enum collector_peer_end
numbers_failed(struct collector_peer *p, int error)
{
    return error == ENOSPC
               ? collector_peer_refuse(
                     p,
                     "more than %d gaps in the record numbers of "
                     "uplink %s, incarnation %08" PRIx32
                     ": those that are missing must come first",
                     COLLECTOR_RUNS_MAX, p->uplink, p->stream->incarnation)
               : collector_peer_refuse(p, "out of memory");
}

/* Of other incarnations, or uplinks. */
static void
say_what_is_forgotten(struct collector_peer *p)
{
    uint64_t forgotten = p->stream->share->forgotten;

    if (forgotten > p->sensor->forgotten) {
        VLOG_WARN_RL(&collector_peer_closings,
                     "%s: sensor '%s' has left more than %d gaps in the "
                     "record numbers of its incarnations: the %" PRIu64
                     " least recently used are forgotten, and what comes "
                     "again of them is written again",
                     p->address, p->shown, COLLECTOR_RUNS_OF_SENSOR_MAX,
                     forgotten - p->sensor->forgotten);
    }
    p->sensor->forgotten = forgotten;
}

static enum collector_peer_end
find_stream(struct collector_peer *p, const struct collector_sink *sink,
            uint32_t incarnation)
{
    p->stream = collector_streams_get(collector_journal_streams(sink->journal),
                                      p->sensor->name, p->uplink, incarnation);
    return p->stream ? PEER_ALIVE : collector_peer_refuse(p, "out of memory");
}

enum collector_peer_end
collector_peer_next_number(struct collector_peer *p, uint64_t *number,
                           bool *is_fresh)
{
    struct insp_frame_run *left = &p->message.run;
    int error = 0;

    if (!left->count) {
        return collector_peer_refuse(
            p, "a message has more records than it says");
    }
    *number = left->first;
    *is_fresh = !collector_stream_has(p->stream, *number);
    if (*is_fresh) {
        error = collector_stream_take(p->stream, *number);
    } else {
        p->stream->duplicates++;
    }
    if (error) {
        return numbers_failed(p, error);
    }
    left->first++;
    left->count--;
    return PEER_ALIVE;
}

/* Goes on with the MESSAGE at the front.  Without 'frame_size' afterwards, it
 * is done. */
static enum collector_peer_end
take_message(struct collector_peer *p, struct collector_sink *sink)
{
    struct insp_frame_message *m = &p->message;
    enum collector_peer_end end;
    size_t taken;

    end = find_stream(p, sink, m->run.incarnation);
    if (end == PEER_ALIVE) {
        end = collector_peer_read_records(p, m->bytes, m->size, sink, &taken);
    }
    if (end != PEER_ALIVE) {
        return end;
    }
    m->bytes += taken;
    m->size -= taken;
    say_what_is_forgotten(p);
    if (p->pending) {
        return PEER_ALIVE;
    } else if (m->size) {
        return collector_peer_refuse(p, "a message ends within a record");
    } else if (m->run.count) {
        return collector_peer_refuse(
            p, "a message has fewer records than it says");
    }
    p->frame_size = 0;
    if (p->run.count) {
        add_ack(p, p->run, collector_journal_ticket(sink->journal));
    }
    return PEER_ALIVE;
}

static enum collector_peer_end
begin_message(struct collector_peer *p, struct collector_sink *sink,
              const struct insp_frame_message *m, size_t size)
{
    enum collector_peer_end end = find_stream(p, sink, m->run.incarnation);
    int error = 0;

    /* Before its records: they are not below it. */
    if (end == PEER_ALIVE && m->run.count) {
        error = collector_stream_raise(p->stream, m->floor);
    }
    p->message = *m;
    p->run = m->run;
    p->frame_size = size;
    return error ? numbers_failed(p, error) : end;
}

static enum collector_peer_end
take_lost(struct collector_peer *p, struct collector_sink *sink,
          const struct insp_frame_run *run)
{
    enum collector_peer_end end = find_stream(p, sink, run->incarnation);
    uint64_t before;
    int error;

    if (end != PEER_ALIVE) {
        return end;
    }
    before = p->stream->lost;
    error =
        collector_stream_lose(p->stream, run->first, run->first + run->count);
    if (error) {
        return numbers_failed(p, error);
    }
    say_what_is_forgotten(p);
    if (p->stream->lost > before) {
        VLOG_WARN_RL(&collector_peer_closings,
                     "%s: sensor '%s', uplink %s: %" PRIu64
                     " records were lost before they could be sent",
                     p->address, p->shown, p->uplink,
                     p->stream->lost - before);
        collector_journal_note_lost(sink->journal, p->stream, run->first,
                                    run->count);
    }
    add_ack(p, *run, collector_journal_ticket(sink->journal));
    return PEER_ALIVE;
}

static enum collector_peer_end
take_frame(struct collector_peer *p, struct collector_sink *sink, size_t size)
{
    struct insp_uplink_frame f;
    const char *wrong = insp_frame_read(p->buffer, size, &f);

    if (wrong) {
        return collector_peer_refuse(p, "%s", wrong);
    } else if (!p->has_said_hello && f.type != INSP_FRAME_HELLO &&
               f.type != INSP_FRAME_CLOSE) {
        return collector_peer_refuse(p, "its first frame is no HELLO");
    }
    switch (f.type) {
    case INSP_FRAME_HELLO: return take_hello(p, &f.hello);
    case INSP_FRAME_MESSAGE: return begin_message(p, sink, &f.message, size);
    case INSP_FRAME_LOST: return take_lost(p, sink, &f.lost);
    case INSP_FRAME_CLOSE:
        return collector_peer_refuse(p, "it closes: %s", f.why);
    case INSP_FRAME_WELCOME:
    case INSP_FRAME_ACK: break;
    }
    return collector_peer_refuse(p, "a frame that only a collector sends");
}

static void
drop_front(struct collector_peer *p, size_t size)
{
    p->n -= size;
    memmove(p->buffer, p->buffer + size, p->n);
}

enum collector_peer_end
collector_peer_read_frames(struct collector_peer *p,
                           struct collector_sink *sink)
{
    for (;;) {
        enum collector_peer_end end = PEER_ALIVE;
        size_t size = p->frame_size;

        if (!collector_sink_has_room(sink) || p->n_acks >= PEER_ACKS_MAX) {
            p->pending = true;
            return PEER_ALIVE;
        }
        if (!size) {
            switch (insp_frame_extent(p->buffer, p->n, &size)) {
            case INSP_FRAME_WHOLE: break;
            case INSP_FRAME_PART: return PEER_ALIVE;
            case INSP_FRAME_ALIEN:
                return collector_peer_refuse(p, "what it sends is no frame");
            }
            end = take_frame(p, sink, size);
        }
        if (end == PEER_ALIVE && p->frame_size) {
            end = take_message(p, sink);
        }
        if (end != PEER_ALIVE || p->pending) {
            return end;
        }
        drop_front(p, size);
        p->deadline = 0;
    }
}
