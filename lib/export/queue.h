/* SPDX-License-Identifier: Apache-2.0 */
/* Queue
 * =====
 *
 * The records that an uplink has yet to send, oldest first, with references
 * to the identities behind their ports.  It grows as it fills, up to its
 * limit.
 *
 * Above:    uplink-send.c, unacknowledged.h.   Below:  directory.h.
 * Threads:  one.
 * Memory:   up to 'limit' items.
 * Time:     none.
 * Fails:    push when it is full, or memory is out: make room first.
 */

#ifndef INSP_EXPORT_QUEUE_H
#define INSP_EXPORT_QUEUE_H 1

#include "export/directory.h"

struct insp_queued {
    struct insp_record record;
    struct insp_identity *port[2]; /* A reference each, or NULL. */
    uint64_t number;               /* In the order produced, from 1; 0: a
                                    * note of the uplink's own. */
    uint64_t since_ns;             /* In the uplink's hands; monotonic. */
    bool is_urgent;                /* Goes past others. */
    bool is_done;                  /* Acknowledged. */
};

struct insp_queue {
    struct insp_queued *items; /* Room is 0 or a power of two. */
    size_t room;
    size_t first;
    size_t n;
    size_t limit;
};

void insp_queue_init(struct insp_queue *, size_t limit);
bool insp_queue_push(struct insp_queue *,
                     const struct insp_queued *) INSP_MUST_USE;
bool insp_queue_push_front(struct insp_queue *,
                           const struct insp_queued *) INSP_MUST_USE;

/* True when the next push will not fail. */
bool insp_queue_has_room(struct insp_queue *);

/* The oldest, or NULL; valid until the next call. */
const struct insp_queued *insp_queue_peek(const struct insp_queue *);
void insp_queue_pop(struct insp_queue *);

/* The 'i'-th oldest, i < n. */
struct insp_queued *insp_queue_at(const struct insp_queue *, size_t i);
void insp_queue_pop_back(struct insp_queue *);

/* Gives memory back when it is empty. */
void insp_queue_trim(struct insp_queue *);
void insp_queue_uninit(struct insp_queue *);

#endif /* export/queue.h */
