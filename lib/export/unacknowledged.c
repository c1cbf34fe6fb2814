/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     messages   [ first 1, 3 records ][ first 4, 2 ][ spooled, 100 ]
 *     records    [ 1  2  3               4  5      ]
 *
 * Two queues side by side: a message's records are the next ones of the queue
 * of records, as many as its run counts (none, if they are in the spool).  An
 * acknowledged record is marked; it leaves when it has come to the front, so
 * that acknowledgements may come in any order.
 *
 * Of a message from the spool only the number of open records is kept.  An
 * end that acknowledged the same part of it twice would be believed; it
 * could as well have acknowledged what it does not have.
 */

#include <stdlib.h>

#include "export/unacknowledged.h"

void
insp_unacknowledged_init(struct insp_unacknowledged *u)
{
    memset(u, 0, sizeof *u);
    insp_queue_init(&u->records, SIZE_MAX);
}

static struct insp_message *
message_at(const struct insp_unacknowledged *u, size_t i)
{
    return &u->messages[(u->first + i) & (u->room - 1)];
}

bool
insp_unacknowledged_has_room(struct insp_unacknowledged *u)
{
    size_t room = u->room ? 2 * u->room : 64;
    struct insp_message *messages;

    if (u->n < u->room) {
        return insp_queue_has_room(&u->records);
    }
    messages = malloc(room * sizeof *messages);
    if (!messages) {
        return false;
    }
    for (size_t i = 0; i < u->n; i++) {
        messages[i] = *message_at(u, i);
    }
    free(u->messages);
    u->messages = messages;
    u->room = room;
    u->first = 0;
    return insp_queue_has_room(&u->records);
}

void
insp_unacknowledged_add(struct insp_unacknowledged *u,
                        const struct insp_queued *item)
{
    u->n_added += insp_queue_push(&u->records, item);
}

void
insp_unacknowledged_close(struct insp_unacknowledged *u,
                          const struct insp_frame_run *run, size_t size,
                          uint64_t since_ns, bool is_spooled)
{
    *message_at(u, u->n++) = (struct insp_message){
        .run = *run,
        .size = size,
        .since_ns = since_ns,
        .n_open = run->count,
        .is_spooled = is_spooled,
    };
    u->n_added = 0;
    u->bytes += size;
    u->n_open += run->count;
    u->n_spooled += is_spooled ? run->count : 0;
    u->n_notes += run->first ? 0 : run->count;
}

/* How much of 'm' is in 'run'. */
static uint64_t
overlap(const struct insp_message *m, const struct insp_frame_run *run,
        uint64_t *first)
{
    uint64_t end =
        INSP_MIN(m->run.first + m->run.count, run->first + run->count);

    *first = INSP_MAX(m->run.first, run->first);
    return m->run.incarnation == run->incarnation && *first < end
               ? end - *first
               : 0;
}

static uint64_t
mark(struct insp_unacknowledged *u, size_t from, uint64_t n)
{
    uint64_t marked = 0;

    for (size_t i = from; i < from + n; i++) {
        struct insp_queued *item = insp_queue_at(&u->records, i);

        marked += !item->is_done;
        item->is_done = true;
    }
    return marked;
}

static void
pop_message(struct insp_unacknowledged *u)
{
    u->first = (u->first + 1) & (u->room - 1);
    u->n--;
}

struct insp_acknowledged
insp_unacknowledged_acknowledge(struct insp_unacknowledged *u,
                                const struct insp_frame_run *run)
{
    struct insp_acknowledged got = { 0, 0 };
    uint64_t left = run->count;
    size_t at = 0; /* First record of the message. */

    for (size_t i = 0; i < u->n && left; i++) {
        struct insp_message *m = message_at(u, i);
        uint64_t first, n = overlap(m, run, &first);

        left -= n;
        if (n && m->is_spooled) {
            n = INSP_MIN(n, m->n_open);
            got.n_spooled += n;
        } else if (n) {
            n = mark(u, at + (size_t) (first - m->run.first), n);
            got.n += n;
        }
        if (n) {
            m->n_open -= n;
            u->n_notes -= m->run.first ? 0 : n;
            u->bytes -= m->n_open ? 0 : m->size;
        }
        at += m->is_spooled ? 0 : (size_t) m->run.count;
    }
    u->n_open -= got.n + got.n_spooled;
    u->n_spooled -= got.n_spooled;
    return got;
}

const struct insp_message *
insp_unacknowledged_message(const struct insp_unacknowledged *u)
{
    return u->n ? message_at(u, 0) : NULL;
}

const struct insp_queued *
insp_unacknowledged_oldest(struct insp_unacknowledged *u)
{
    /* Spooled ones that are through have nothing to hand out. */
    while (u->n && message_at(u, 0)->is_spooled && !message_at(u, 0)->n_open) {
        pop_message(u);
    }
    return u->n && !message_at(u, 0)->is_spooled && !message_at(u, 0)->n_open
               ? insp_queue_peek(&u->records)
               : NULL;
}

void
insp_unacknowledged_drop_oldest(struct insp_unacknowledged *u)
{
    struct insp_message *m = message_at(u, 0);

    insp_queue_pop(&u->records);
    m->run.first++;
    if (!--m->run.count) {
        pop_message(u);
    }
    insp_queue_trim(&u->records);
}

const struct insp_queued *
insp_unacknowledged_newest(struct insp_unacknowledged *u)
{
    if (u->records.n) {
        return insp_queue_at(&u->records, u->records.n - 1);
    }
    u->first = u->n = u->n_added = u->bytes = 0;
    u->n_open = u->n_spooled = u->n_notes = 0;
    insp_queue_trim(&u->records);
    return NULL;
}

void
insp_unacknowledged_drop_newest(struct insp_unacknowledged *u)
{
    insp_queue_pop_back(&u->records);
}

uint64_t
insp_unacknowledged_lowest(const struct insp_unacknowledged *u,
                           uint32_t incarnation, uint64_t otherwise)
{
    uint64_t lowest = otherwise;

    for (size_t i = 0; i < u->n; i++) {
        const struct insp_message *m = message_at(u, i);

        if (m->n_open && m->run.incarnation == incarnation) {
            lowest = INSP_MIN(lowest, m->run.first);
        }
    }
    return lowest;
}

uint64_t
insp_unacknowledged_since(const struct insp_unacknowledged *u,
                          uint64_t otherwise)
{
    for (size_t i = 0; i < u->n; i++) {
        if (message_at(u, i)->n_open) {
            return INSP_MIN(message_at(u, i)->since_ns, otherwise);
        }
    }
    return otherwise;
}

void
insp_unacknowledged_uninit(struct insp_unacknowledged *u)
{
    insp_queue_uninit(&u->records);
    free(u->messages);
    memset(u, 0, sizeof *u);
}
