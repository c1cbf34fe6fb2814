/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Whole messages, or lines, at the front of the bytes become lines, one record
 * at a time.  Whenever the sink has no room this stops, also in the middle of
 * a message: the peer is then not read, the kernel's window closes, and the
 * sensor's queue takes what comes.
 *
 * In a frame every record has a number; what is here already is passed over.
 */

#include <config.h>

#include <stdlib.h>

#include "export/json-check.h"
#include "ovs-compat.h"
#include "peer-private.h"
#include "timeval.h"
#include "util.h"

/* Asks whether the next record is to be written, and counts it. */
static enum collector_peer_end
next_record(struct collector_peer *p, uint64_t *number, bool *is_fresh)
{
    enum collector_peer_end end = PEER_ALIVE;

    *number = 0;
    *is_fresh = true;
    if (p->has_frames) {
        end = collector_peer_next_number(p, number, is_fresh);
    }
    if (end == PEER_ALIVE && *is_fresh) {
        p->records++;
        p->sensor->records++;
        p->sensor->last_ms = (uint64_t) time_wall_msec();
    } else if (end == PEER_ALIVE) {
        p->duplicates++;
        p->sensor->duplicates++;
    }
    return end;
}

/* IPFIX. */

static enum collector_peer_end
write_record(struct collector_peer *p, const struct insp_record *r,
             struct collector_sink *sink)
{
    const uint32_t *ids = insp_record_port_ids(r);
    const struct insp_port *ports[2] = { NULL, NULL };
    enum collector_peer_end end;
    uint64_t number;
    bool is_fresh;

    end = next_record(p, &number, &is_fresh);
    if (end != PEER_ALIVE || !is_fresh) {
        return end;
    }
    for (unsigned int i = 0; ids && i < 2; i++) {
        struct insp_identity *e = insp_directory_find(p->directory, ids[i]);

        ports[i] = e ? &e->port : NULL;
    }

    struct insp_put put =
        collector_sink_begin(sink, p->sensor->name, p->stream, number);

    if (insp_json_put(&put, p->sensor->name, r, ports)) {
        collector_sink_commit(sink, &put);
    }
    if (r->time_ns) {
        p->lag_ms = time_wall_msec() - (long long int) (r->time_ns / 1000000);
    }
    return PEER_ALIVE;
}

static enum collector_peer_end
read_item(struct collector_peer *p, enum insp_ipfix_got got,
          const struct insp_ipfix_item *item, struct collector_sink *sink)
{
    switch (got) {
    case INSP_IPFIX_EXPORTER:
        return collector_peer_take_name(p, item->exporter.sensor);
    case INSP_IPFIX_FAULT:
        return collector_peer_refuse(p, "%s", insp_ipfix_fault(p->reader));
    case INSP_IPFIX_PORT:
    case INSP_IPFIX_PORT_GONE:
    case INSP_IPFIX_RECORD:
        if (p->state != PEER_NAMED) {
            return collector_peer_refuse(
                p, "it sends records before its sensor name");
        } else if (got == INSP_IPFIX_RECORD) {
            return write_record(p, &item->record, sink);
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

/* Begins with the message at the front.  Without 'message_size' afterwards,
 * there is none. */
static enum collector_peer_end
begin_message(struct collector_peer *p, const uint8_t *bytes, size_t n)
{
    size_t size;

    switch (insp_ipfix_frame(bytes, n, &size)) {
    case INSP_IPFIX_WHOLE: break;
    case INSP_IPFIX_PART: return PEER_ALIVE;
    case INSP_IPFIX_ALIEN:
        return collector_peer_refuse(p, "neither IPFIX nor JSON lines");
    }
    if (!insp_ipfix_read(p->reader, bytes, size)) {
        return collector_peer_refuse(p, "%s", insp_ipfix_fault(p->reader));
    }
    p->message_size = size;
    return PEER_ALIVE;
}

static enum collector_peer_end
read_ipfix(struct collector_peer *p, const uint8_t *bytes, size_t n,
           struct collector_sink *sink, size_t *taken)
{
    for (;;) {
        struct insp_ipfix_item item;
        enum collector_peer_end end = PEER_ALIVE;
        enum insp_ipfix_got got;

        if (!p->message_size) {
            end = begin_message(p, bytes + *taken, n - *taken);
        }
        if (end != PEER_ALIVE || !p->message_size) {
            return end;
        }
        do {
            if (!collector_sink_has_room(sink)) {
                p->pending = true;
                return PEER_ALIVE;
            }
            got = insp_ipfix_next(p->reader, &item);
            end = read_item(p, got, &item, sink);
        } while (end == PEER_ALIVE && got != INSP_IPFIX_END);
        if (end != PEER_ALIVE) {
            return end;
        }
        *taken += p->message_size;
        p->message_size = 0;
        p->deadline = 0;
    }
}

/* JSON. */

static enum collector_peer_end
write_line(struct collector_peer *p, const uint8_t *bytes, size_t size,
           struct collector_sink *sink)
{
    struct insp_json_line line;
    const char *wrong = insp_json_check((const char *) bytes, size - 1, &line);
    enum collector_peer_end end;
    struct insp_put put;
    uint64_t number;
    bool is_fresh;

    if (!wrong && collector_block_is_head(bytes, size)) {
        wrong = "it is called \"journal\"";
    }
    end = wrong ? collector_peer_refuse(p, "a line that is no JSON record: %s",
                                        wrong)
                : collector_peer_take_name(p, line.sensor);
    if (end == PEER_ALIVE) {
        end = next_record(p, &number, &is_fresh);
    }
    if (end == PEER_ALIVE && is_fresh) {
        put = collector_sink_begin(sink, p->sensor->name, p->stream, number);
        insp_put_bytes(&put, bytes, size);
        collector_sink_commit(sink, &put);
    }
    return end;
}

static enum collector_peer_end
read_json(struct collector_peer *p, const uint8_t *bytes, size_t n,
          struct collector_sink *sink, size_t *taken)
{
    const uint8_t *at = bytes, *end = bytes + n, *newline;

    while ((newline = memchr(at, '\n', (size_t) (end - at)))) {
        enum collector_peer_end state;

        if (!collector_sink_has_room(sink)) {
            p->pending = true;
            return PEER_ALIVE;
        }
        if (newline - at > COLLECTOR_LINE_MAX) {
            break;
        }
        state = write_line(p, at, (size_t) (newline + 1 - at), sink);
        if (state != PEER_ALIVE) {
            return state;
        }
        p->deadline = 0;
        at = newline + 1;
        *taken = (size_t) (at - bytes);
    }
    return end - at > COLLECTOR_LINE_MAX
               ? collector_peer_refuse(p, "a line longer than %d bytes",
                                       COLLECTOR_LINE_MAX)
               : PEER_ALIVE;
}

enum collector_peer_end
collector_peer_read_records(struct collector_peer *p, const uint8_t *bytes,
                            size_t n, struct collector_sink *sink,
                            size_t *taken)
{
    *taken = 0;
    if (!n) {
        return PEER_ALIVE;
    }
    if (p->format == PEER_UNKNOWN) {
        p->format = bytes[0] == '{' ? PEER_JSON : PEER_IPFIX;
    }
    return p->format == PEER_JSON ? read_json(p, bytes, n, sink, taken)
                                  : read_ipfix(p, bytes, n, sink, taken);
}
