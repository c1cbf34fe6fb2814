/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     queue, urgent, spool --fill()--> unacknowledged + out --> socket
 *
 * A record's number is given when it is pushed.  fill() encodes runs of
 * records with numbers that follow one another into one buffer, 'out'; each
 * run is one message.  To a receiver that acknowledges it goes in a frame
 * with its numbers, and its records are kept until they are acknowledged;
 * with any other one they count as sent when the socket has taken the last
 * byte of 'out'.  When the connection breaks before that, they go back to
 * the front of the queue that they came from and are encoded anew for the
 * next connection, since IPFIX templates, sequence numbers and identities
 * belong to a connection.
 *
 * Alerts go past the others when there are many of these ('urgent'); with
 * few there would only be more and shorter runs.  When something is in the
 * spool, what is fresh gets half of 'out' first, and the spool what is left:
 * neither starves the other, and the spool empties faster than it fills,
 * which it does only with what is left over of the same traffic.
 *
 * A LOSS record is numbered like any other for a receiver that acknowledges.
 * For others it is a note of the uplink's own and is in none of the sums:
 * when it cannot be sent, its figures go back to where they came from.
 *
 * All queues are in the order of their numbers, at any time, which is how the
 * floor is known: the lowest number that may still come.
 *
 * What goes past lower numbers leaves a hole in what the collector has, and
 * that keeps book of every hole.  So these jumps are counted, in two halves:
 * of the older half the holes are closed when the floor has come to its end.
 * While both are full, records go in the order of their numbers, the disk's
 * first ("orderly"): alerts wait then, and there are never more holes than
 * INSP_FRAME_GAPS_MAX.  What was urgent when it came to the disk stands there
 * behind what it would have gone past; so there is a bound on that, too.
 */

#include <stdlib.h>

#include "export/json.h"
#include "export/uplink-private.h"

#define LINGER         (20 * INSP_UPLINK_MS) /* Wait for company. */
#define LINGER_RECORDS 128                   /* So many are company enough. */
#define RUN_MAX        512
#define HURRY_RECORDS  2048 /* Alerts go past so many, */
#define HURRY_MOST     4096 /* but no more of them than this. */
#define FILLS_PER_TURN 16

_Static_assert(INSP_UPLINK_OUT_SIZE >=
                       INSP_IPFIX_ROOM_MAX + INSP_FRAME_MESSAGE_SIZE &&
                   INSP_UPLINK_OUT_SIZE >=
                       INSP_JSON_LINE_MAX + INSP_FRAME_MESSAGE_SIZE &&
                   INSP_UPLINK_OUT_SIZE <= INSP_FRAME_RECORDS_MAX,
               "any record fits into an empty buffer, and that into a frame");

/* What is lost. */

void
insp_uplink_add_loss(struct insp_uplink *u, uint32_t inspector,
                     const struct insp_record_loss *loss)
{
    struct insp_uplink_loss *l = u->losses;

    while (l < u->losses + u->n_losses && l->inspector != inspector) {
        l++;
    }
    if (l == u->losses + INSP_UPLINK_N_LOSSES) {
        l--; /* More ids than can be: to the last */
    } else if (l == u->losses + u->n_losses) {
        *l =
            (struct insp_uplink_loss){ inspector, { .since_ns = UINT64_MAX } };
        u->n_losses++;
    }
    l->sums.records += loss->records;
    l->sums.packets += loss->packets;
    l->sums.bytes += loss->bytes;
    l->sums.since_ns = INSP_MIN(l->sums.since_ns, loss->since_ns);
}

void
insp_uplink_add_lost(struct insp_uplink *u, uint32_t incarnation,
                     uint64_t first, uint64_t count)
{
    struct insp_frame_run *last = u->n_lost ? &u->lost[u->n_lost - 1] : NULL;

    if (!first || !count) {
        return;
    }
    if (last && last->incarnation == incarnation &&
        last->first + last->count == first) {
        last->count += count;
        return;
    }
    if (u->n_lost == INSP_UPLINK_N_LOST) {
        /* The floor tells of it. */
        memmove(u->lost, u->lost + 1, --u->n_lost * sizeof *u->lost);
    }
    u->lost[u->n_lost++] =
        (struct insp_frame_run){ incarnation, first, count };
}

void
insp_uplink_let_go(struct insp_uplink *u, const struct insp_queued *item)
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
    } else if (r->type == INSP_RECORD_LOSS) {
        loss = r->loss; /* What it told of is untold again. */
        loss.records += item->number != 0;
    }
    insp_uplink_add_loss(u, r->inspector, &loss);
    insp_uplink_add_lost(u, u->incarnation, item->number, 1);
    u->dropped += item->number != 0;
    insp_uplink_let_go(u, item);
}

/* Memory. */

size_t
insp_uplink_in_memory(const struct insp_uplink *u)
{
    return u->queue.n + u->urgent.n + u->kept.records.n;
}

/* To disk, or else it is lost. */
static void
put_away(struct insp_uplink *u, const struct insp_queued *item)
{
    if (insp_uplink_spool(u, item, u->host->monotonic_ns(u->host->aux))) {
        insp_uplink_let_go(u, item);
    } else {
        drop(u, item);
    }
}

void
insp_uplink_make_room(struct insp_uplink *u, size_t limit)
{
    while (insp_uplink_in_memory(u) >= limit) {
        struct insp_queue *q = u->queue.n ? &u->queue : &u->urgent;

        if (!q->n) {
            return; /* All is on its way. */
        }
        put_away(u, insp_queue_peek(q));
        insp_queue_pop(q);
    }
}

static void
produce(struct insp_uplink *u, struct insp_queued *item)
{
    struct insp_queue *q;

    item->is_urgent =
        item->record.type == INSP_RECORD_LOSS ||
        (item->record.type == INSP_RECORD_CONNECTION &&
         item->record.conn.alert && u->queue.n >= HURRY_RECORDS &&
         u->urgent.n < HURRY_MOST);
    q = item->is_urgent ? &u->urgent : &u->queue;
    item->number = u->next_number++;
    u->produced++;
    insp_uplink_make_room(u, u->limit);
    if (!insp_queue_push(q, item)) { /* No memory at all. */
        put_away(u, item);
    }
}

void
insp_uplink_push(struct insp_uplink *u, const struct insp_record *record,
                 struct insp_identity *const ports[2], uint64_t now_ns)
{
    struct insp_queued item = { .record = *record,
                                .port = { ports[0], ports[1] },
                                .since_ns = now_ns };

    insp_directory_ref(ports[0]);
    insp_directory_ref(ports[1]);
    if (record->type == INSP_RECORD_APP) {
        insp_values_ref(record->app.values);
    }
    if (!u->queue.n) {
        u->linger_until = now_ns + LINGER;
    }
    u->last_report_ns = record->time_ns;
    produce(u, &item);
}

/* What was on its way goes back. */
void
insp_uplink_land(struct insp_uplink *u)
{
    const struct insp_queued *item;

    if (u->is_framed) {
        u->resent += u->kept.n_open;
    }
    while ((item = insp_unacknowledged_newest(&u->kept))) {
        struct insp_queue *q = item->is_urgent ? &u->urgent : &u->queue;

        if (item->is_done) {
            insp_uplink_let_go(u, item);
        } else if (!item->number) {
            insp_uplink_add_loss(u, item->record.inspector,
                                 &item->record.loss);
        } else if (!insp_queue_push_front(q, item)) {
            put_away(u, item);
        }
        insp_unacknowledged_drop_newest(&u->kept);
    }
    if (u->spool) {
        insp_spool_rewind(u->spool);
    }
    u->out_size = 0;
}

/* Encoding. */

/* Names first, then templates, so that the receiver knows at once who is
 * calling. */
void
insp_uplink_introduce(struct insp_uplink *u)
{
    struct insp_put put = insp_put(u->out, INSP_UPLINK_OUT_SIZE);
    uint64_t wall = u->host->wall_ns(u->host->aux);
    size_t begun = 0;

    insp_ipfix_writer_reset(u->writer, u->sensor);
    if (u->is_framed && !u->is_welcome) {
        struct insp_frame_hello hello = {
            .version = INSP_FRAME_VERSION,
            .format = u->config.format == INSP_UPLINK_IPFIX ? INSP_FRAME_IPFIX
                                                            : INSP_FRAME_JSON,
            .incarnation = u->incarnation,
            .next = u->next_number,
        };

        memcpy(hello.sensor, u->sensor,
               INSP_MIN(sizeof hello.sensor, sizeof u->sensor));
        memcpy(hello.uplink, u->config.name,
               INSP_MIN(sizeof hello.uplink, sizeof u->config.name));
        insp_frame_put_hello(&put, &hello);
    } else if (u->config.format == INSP_UPLINK_IPFIX) {
        if (u->is_framed) {
            begun = insp_frame_begin_message(&put);
        }
        for (unsigned int i = 0; i < u->config.n_inspectors; i++) {
            if (!insp_ipfix_open(u->writer, &put, wall,
                                 u->config.inspectors[i])) {
                break; /* Later, with its first record. */
            }
        }
        insp_ipfix_finish(u->writer, &put);
        if (u->is_framed) {
            struct insp_frame_message m = {
                .run = { u->incarnation, u->next_number, 0 },
                .floor = 1,
            };

            insp_frame_end_message(&put, begun, &m);
        }
    }
    u->out_size = insp_put_size(&put);
}

static bool
encode(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
       const struct insp_record *record, const struct insp_port *const ports[])
{
    return u->config.format == INSP_UPLINK_IPFIX
               ? insp_ipfix_put(u->writer, put, wall, record, ports)
               : insp_json_put(put, u->sensor, record, ports);
}

static bool
encode_queued(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
              const struct insp_queued *item)
{
    const struct insp_port *const ports[2] = {
        item->port[0] ? &item->port[0]->port : NULL,
        item->port[1] ? &item->port[1]->port : NULL,
    };

    return encode(u, put, wall, &item->record, ports);
}

/* A message: what goes around its records. */
struct wrap {
    struct insp_put *put;
    size_t before; /* Bytes in 'put'. */
    size_t begun;
    struct insp_frame_run run;
    uint64_t since_ns;
};

static bool
begin_wrap(const struct insp_uplink *u, struct insp_put *put, struct wrap *w)
{
    *w = (struct wrap){ .put = put, .before = insp_put_size(put) };
    if (u->is_framed) {
        if (insp_put_left(put) < INSP_FRAME_MESSAGE_SIZE) {
            return false;
        }
        w->begun = insp_frame_begin_message(put);
    }
    return true;
}

/* Jumps. */

#define HALF_OF_JUMPS (INSP_FRAME_GAPS_MAX / 2)

static bool
is_orderly(const struct insp_uplink *u)
{
    return u->is_framed && u->jumps[1].n >= HALF_OF_JUMPS &&
           u->floor < u->jumps[0].end;
}

/* Whether a lower number than that of 'run' is still to be sent. */
static bool
is_jump(const struct insp_uplink *u, const struct insp_frame_run *run)
{
    const struct insp_queued *item = insp_queue_peek(&u->queue);

    return run->incarnation == u->incarnation &&
           run->first != u->behind_last &&
           ((item && item->number < run->first) ||
            (u->lowest_spooled && u->lowest_spooled < run->first &&
             insp_uplink_has_spooled(u)));
}

static void
note_jump(struct insp_uplink *u, const struct insp_frame_run *run)
{
    if (!run->count) {
        return;
    }
    if (is_jump(u, run)) {
        if (u->jumps[1].n >= HALF_OF_JUMPS && u->floor >= u->jumps[0].end) {
            u->jumps[0] = u->jumps[1];
            u->jumps[1].n = 0;
        }
        u->jumps[1].n++;
        u->jumps[1].end = run->first + run->count;
    }
    u->behind_last = run->first + run->count;
}

/* Returns how many records are in it. */
static uint64_t
end_wrap(struct insp_uplink *u, struct wrap *w, bool is_spooled)
{
    size_t head = u->is_framed ? INSP_FRAME_MESSAGE_SIZE : 0;

    w->put->full = false; /* What did not fit has not been written. */
    if (u->is_framed) {
        struct insp_frame_message m = { .run = w->run };

        insp_ipfix_finish(u->writer, w->put);
        if (!w->run.count) {
            m.run =
                (struct insp_frame_run){ u->incarnation, u->next_number, 0 };
        }
        m.floor = m.run.incarnation == u->incarnation
                      ? INSP_MIN(u->floor, m.run.first)
                      : 1;
        if (insp_put_size(w->put) == w->before + head) {
            w->put->at = w->put->start + w->before; /* Nothing. */
        } else {
            /* Templates alone are a message too: they will not come again. */
            insp_frame_end_message(w->put, w->begun, &m);
        }
    }
    if (w->run.count) {
        insp_unacknowledged_close(&u->kept, &w->run,
                                  insp_put_size(w->put) - w->before,
                                  w->since_ns, is_spooled);
    }
    return w->run.count;
}

/* Whether more may be on its way. */
static bool
may_send(const struct insp_uplink *u)
{
    return !u->is_framed ||
           (u->is_welcome && (!u->kept.bytes || u->kept.bytes < u->credit));
}

/* The same of what stays in memory meanwhile. */
static bool
may_send_fresh(const struct insp_uplink *u)
{
    size_t most = u->limit / 2;

    return may_send(u) &&
           u->kept.records.n < (u->is_framed ? most : INSP_MIN(most, RUN_MAX));
}

static bool
follows(const struct wrap *w, uint32_t incarnation, uint64_t number)
{
    return !w->run.count ||
           (w->run.incarnation == incarnation &&
            w->run.first + w->run.count == number && w->run.count < RUN_MAX);
}

static void
add_to_wrap(struct wrap *w, uint32_t incarnation, uint64_t number,
            uint64_t since_ns)
{
    if (!w->run.count++) {
        w->run.incarnation = incarnation;
        w->run.first = number;
        w->since_ns = since_ns;
    }
}

/* One run from 'q'.  False: there is no more to do. */
static bool
put_run(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
        struct insp_queue *q)
{
    const struct insp_queued *item = insp_queue_peek(q);
    struct wrap w;

    if (!item || !may_send_fresh(u) || !begin_wrap(u, put, &w)) {
        return false;
    }
    for (; item && may_send_fresh(u) &&
           follows(&w, u->incarnation, item->number) &&
           insp_unacknowledged_has_room(&u->kept) &&
           encode_queued(u, put, wall, item);
         item = insp_queue_peek(q)) {
        add_to_wrap(&w, u->incarnation, item->number, item->since_ns);
        insp_unacknowledged_add(&u->kept, item);
        insp_queue_pop(q);
    }
    note_jump(u, &w.run);
    return end_wrap(u, &w, false) > 0;
}

/* One run from the spool. */
static bool
put_spooled(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
            uint64_t now)
{
    const struct insp_spooled *item;
    struct wrap w;

    if (!u->spool || !may_send(u) || !(item = insp_spool_peek(u->spool)) ||
        !insp_unacknowledged_has_room(&u->kept) || !begin_wrap(u, put, &w)) {
        return false;
    }
    for (; item && follows(&w, item->incarnation, item->number) &&
           encode(u, put, wall, &item->record, item->port);
         item = insp_spool_peek(u->spool)) {
        add_to_wrap(&w, item->incarnation, item->number, now);
        insp_spool_pass(u->spool);
    }
    return end_wrap(u, &w, true) > 0;
}

/* Filling. */

static void
put_gone(struct insp_uplink *u, struct insp_put *put, uint64_t wall)
{
    struct wrap w;

    if (u->n_gone && begin_wrap(u, put, &w)) {
        for (; u->n_gone; u->n_gone--) {
            (void) insp_ipfix_gone(u->writer, put, wall,
                                   u->gone[u->n_gone - 1]);
        }
        (void) end_wrap(u, &w, false);
    }
}

/* As notes; or as records like any other. */
static void
put_losses(struct insp_uplink *u, struct insp_put *put, uint64_t wall,
           uint64_t now)
{
    for (; u->n_losses; u->n_losses--) {
        const struct insp_uplink_loss *loss = &u->losses[u->n_losses - 1];
        struct insp_queued note = {
            .record = { .type = INSP_RECORD_LOSS,
                        .inspector = loss->inspector,
                        .time_ns = wall },
            .since_ns = now,
            .is_urgent = true,
        };
        struct wrap w;

        note.record.loss = loss->sums;
        if (u->is_framed) {
            if (!insp_queue_has_room(&u->urgent)) {
                return;
            }
            note.number = u->next_number++;
            u->produced++;
            (void) !insp_queue_push(&u->urgent, &note);
        } else if (!insp_unacknowledged_has_room(&u->kept) ||
                   !begin_wrap(u, put, &w) ||
                   !encode_queued(u, put, wall, &note)) {
            return;
        } else {
            insp_unacknowledged_add(&u->kept, &note);
            add_to_wrap(&w, u->incarnation, 0, now);
            (void) end_wrap(u, &w, false);
        }
    }
}

static void
put_lost(struct insp_uplink *u, struct insp_put *put)
{
    for (; u->is_framed && u->n_lost; u->n_lost--) {
        if (insp_put_left(put) < INSP_UPLINK_OUT_SIZE / 2) {
            return;
        }
        insp_frame_put_lost(put, &u->lost[u->n_lost - 1]);
    }
}

/* The queue whose turn it is. */
static struct insp_queue *
next_queue(struct insp_uplink *u)
{
    const struct insp_queued *first = insp_queue_peek(&u->queue);
    const struct insp_queued *urgent = insp_queue_peek(&u->urgent);

    return urgent &&
                   (!first || !is_orderly(u) || urgent->number < first->number)
               ? &u->urgent
               : &u->queue;
}

static void
put_fresh(struct insp_uplink *u, struct insp_put *put, uint64_t wall)
{
    /* The spool's turn; unless it has nothing that can be read now. */
    while ((!is_orderly(u) || !insp_uplink_has_spooled(u) ||
            !insp_put_size(put)) &&
           put_run(u, put, wall, next_queue(u))) {
        continue;
    }
}

/* The first one would never fit. */
static void
drop_unfit(struct insp_uplink *u)
{
    struct insp_queue *q = next_queue(u);
    const struct insp_spooled *item;

    if (q->n && may_send_fresh(u)) {
        drop(u, insp_queue_peek(q));
        insp_queue_pop(q);
    } else if (!q->n && may_send(u) && u->spool &&
               (item = insp_spool_peek(u->spool))) {
        struct insp_record_loss loss = {
            .records = 1,
            .since_ns = u->host->wall_ns(u->host->aux),
        };

        insp_uplink_add_loss(u, item->record.inspector, &loss);
        insp_uplink_add_lost(u, item->incarnation, item->number, 1);
        u->dropped +=
            insp_spool_finish(u->spool, item->incarnation, item->number, 1);
    }
}

static void
note_order(struct insp_uplink *u)
{
    bool was = u->has_been_orderly;

    u->has_been_orderly = is_orderly(u);
    if (u->has_been_orderly && !was) {
        insp_log(u->host, INSP_LOG_INFO,
                 "uplink %s: records have gone past others %u times; until "
                 "those are through, alerts wait for their turn",
                 u->config.name, INSP_FRAME_GAPS_MAX);
    }
}

static void
fill(struct insp_uplink *u, uint64_t wall, uint64_t now)
{
    struct insp_put put = insp_put(u->out, INSP_UPLINK_OUT_SIZE);
    uint8_t *end = put.end;

    put_gone(u, &put, wall);
    put_lost(u, &put);
    put_losses(u, &put, wall, now);
    note_order(u);
    if (insp_uplink_has_spooled(u)) {
        put.end = put.start + INSP_UPLINK_OUT_SIZE / 2;
        if (!is_orderly(u)) {
            put_fresh(u, &put, wall);
        }
        put.end = end;
        put.full = false;
        while (put_spooled(u, &put, wall, now)) {
            continue;
        }
    }
    put_fresh(u, &put, wall);
    insp_ipfix_finish(u->writer, &put);
    u->out_size = insp_put_size(&put);
    if (!u->out_size) {
        drop_unfit(u);
    }
    insp_queue_trim(&u->queue);
    insp_queue_trim(&u->urgent);
}

/* Acknowledged, or as good as. */

static uint64_t
forget(struct insp_uplink *u, const struct insp_frame_run *run)
{
    struct insp_acknowledged got =
        insp_unacknowledged_acknowledge(&u->kept, run);
    const struct insp_queued *item;

    if (got.n_spooled) {
        got.n += insp_spool_finish(u->spool, run->incarnation, run->first,
                                   run->count);
    }
    while ((item = insp_unacknowledged_oldest(&u->kept))) {
        u->is_lost_told |= item->record.type == INSP_RECORD_RESTART;
        insp_uplink_let_go(u, item);
        insp_unacknowledged_drop_oldest(&u->kept);
    }
    return got.n;
}

void
insp_uplink_acknowledge(struct insp_uplink *u,
                        const struct insp_frame_run *run)
{
    u->acknowledged += forget(u, run);
}

static void
note_sent(struct insp_uplink *u)
{
    const struct insp_message *m;

    while ((m = insp_unacknowledged_message(&u->kept))) {
        struct insp_frame_run run = m->run;
        uint64_t n = forget(u, &run);

        u->sent += run.first ? n : 0; /* A note is none. */
    }
}

/* Sending. */

bool
insp_uplink_write_out(struct insp_uplink *u, uint64_t now)
{
    switch (u->out_size ? insp_tls_write(u->tls, u->out, u->out_size)
                        : INSP_TLS_OK) {
    case INSP_TLS_OK: break;
    case INSP_TLS_WANT_WRITE: u->want_write = true; return false;
    case INSP_TLS_WANT_READ: return false;
    case INSP_TLS_CLOSED:
    case INSP_TLS_FAILED: insp_uplink_broken(u, now); return false;
    }
    if (!u->is_framed) {
        note_sent(u);
    }
    u->out_size = 0;
    return true;
}

bool
insp_uplink_is_due(const struct insp_uplink *u, uint64_t now)
{
    if ((u->n_gone || (u->is_framed && u->n_lost)) && !u->queue.n) {
        return true;
    }
    if (may_send(u) && insp_uplink_has_spooled(u)) {
        return true;
    }
    return may_send_fresh(u) &&
           (u->urgent.n || (u->queue.n ? u->queue.n >= LINGER_RECORDS ||
                                             now >= u->linger_until
                                       : u->n_losses > 0));
}

static void
find_floor(struct insp_uplink *u)
{
    uint64_t floor =
        insp_unacknowledged_lowest(&u->kept, u->incarnation, u->next_number);
    const struct insp_queued *item = insp_queue_peek(&u->queue);

    if (item) {
        floor = INSP_MIN(floor, item->number);
    }
    item = insp_queue_peek(&u->urgent);
    if (item) {
        floor = INSP_MIN(floor, item->number);
    }
    if (u->lowest_spooled && insp_uplink_held(u)) {
        floor = INSP_MIN(floor, u->lowest_spooled);
    }
    u->floor = floor;
}

void
insp_uplink_send(struct insp_uplink *u, uint64_t now)
{
    uint64_t wall = u->host->wall_ns(u->host->aux);

    u->want_write = false;
    find_floor(u);
    for (unsigned int i = 0; i < FILLS_PER_TURN; i++) {
        if (!insp_uplink_write_out(u, now) || !insp_uplink_is_due(u, now)) {
            return;
        }
        fill(u, wall, now);
    }
    (void) insp_uplink_write_out(u, now);
}
