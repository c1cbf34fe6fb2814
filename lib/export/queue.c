/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A circular array that doubles.  References are the business of the caller:
 * pushing copies them, popping forgets them.
 */

#include <stdlib.h>

#include "export/queue.h"

void
insp_queue_init(struct insp_queue *q, size_t limit)
{
    *q = (struct insp_queue){ .limit = limit };
}

struct insp_queued *
insp_queue_at(const struct insp_queue *q, size_t i)
{
    return &q->items[(q->first + i) & (q->room - 1)];
}

bool
insp_queue_has_room(struct insp_queue *q)
{
    size_t room = q->room ? 2 * q->room : 64;
    struct insp_queued *items;

    if (q->n >= q->limit) {
        return false;
    } else if (q->n < q->room) {
        return true;
    }
    items = malloc(room * sizeof *items);
    if (!items) {
        return false;
    }
    for (size_t i = 0; i < q->n; i++) {
        items[i] = *insp_queue_at(q, i);
    }
    free(q->items);
    q->items = items;
    q->room = room;
    q->first = 0;
    return true;
}

bool
insp_queue_push(struct insp_queue *q, const struct insp_queued *item)
{
    if (!insp_queue_has_room(q)) {
        return false;
    }
    *insp_queue_at(q, q->n++) = *item;
    return true;
}

bool
insp_queue_push_front(struct insp_queue *q, const struct insp_queued *item)
{
    if (!insp_queue_has_room(q)) {
        return false;
    }
    q->first = (q->first + q->room - 1) & (q->room - 1);
    q->n++;
    *insp_queue_at(q, 0) = *item;
    return true;
}

const struct insp_queued *
insp_queue_peek(const struct insp_queue *q)
{
    return q->n ? insp_queue_at(q, 0) : NULL;
}

void
insp_queue_pop(struct insp_queue *q)
{
    q->first = (q->first + 1) & (q->room - 1);
    q->n--;
}

void
insp_queue_pop_back(struct insp_queue *q)
{
    q->n--;
}

void
insp_queue_trim(struct insp_queue *q)
{
    if (!q->n && q->room > 4096) {
        insp_queue_uninit(q);
    }
}

void
insp_queue_uninit(struct insp_queue *q)
{
    free(q->items);
    insp_queue_init(q, q->limit);
}
