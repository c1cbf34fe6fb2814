/* SPDX-License-Identifier: Apache-2.0 */
/* Unacknowledged
 * ==============
 *
 * The messages that have been sent, or are being sent, and the records in
 * them, until the other end has said that they are safe; or until the
 * connection breaks and they go back to where they came from.
 *
 *     add, add, ... close            one message
 *     acknowledge(run)               any run, in any order, more than once
 *     oldest, drop_oldest            those that are through
 *     newest, drop_newest            all, when the connection is lost
 *
 * A message of records from the spool has numbers but no records here: those
 * are still on the disk.
 *
 * Above:    uplink-send.c.         Below:  queue.h, frame.h.
 * Threads:  one.
 * Memory:   a copy of each record, 64 bytes a message.
 * Time:     an acknowledgement in the order of sending costs what it
 *           acknowledges; another one also looks at each message.
 * Fails:    has_room() says so beforehand.
 */

#ifndef INSP_EXPORT_UNACKNOWLEDGED_H
#define INSP_EXPORT_UNACKNOWLEDGED_H 1

#include "export/frame.h"
#include "export/queue.h"

struct insp_message {
    struct insp_frame_run run;
    size_t size;       /* On the wire. */
    uint64_t since_ns; /* Of its oldest record. */
    uint64_t n_open;   /* Records that are not acknowledged. */
    bool is_spooled;   /* Its records are in the spool. */
};

struct insp_unacknowledged {
    struct insp_queue records;
    struct insp_message *messages; /* A ring; room is 0 or a power of 2. */
    size_t room;
    size_t first;
    size_t n;
    size_t n_added;     /* Records since the last close. */
    size_t bytes;       /* Of messages that are open. */
    uint64_t n_open;    /* Records that are not acknowledged, */
    uint64_t n_spooled; /* how many of them are in the spool, */
    uint64_t n_notes;   /* and how many have no number. */
};

void insp_unacknowledged_init(struct insp_unacknowledged *);

/* True when one more record, and the message it is in, can be added. */
bool insp_unacknowledged_has_room(struct insp_unacknowledged *);

/* Takes the record over into the message that is being made.  There must be
 * room. */
void insp_unacknowledged_add(struct insp_unacknowledged *,
                             const struct insp_queued *);

/* Ends the message.  With 'is_spooled' nothing has been added. */
void insp_unacknowledged_close(struct insp_unacknowledged *,
                               const struct insp_frame_run *, size_t size,
                               uint64_t since_ns, bool is_spooled);

/* What a run acknowledges that was open: records from memory and from the
 * spool. */
struct insp_acknowledged {
    uint64_t n;
    uint64_t n_spooled;
};
struct insp_acknowledged insp_unacknowledged_acknowledge(
    struct insp_unacknowledged *, const struct insp_frame_run *);

/* The oldest message, or NULL. */
const struct insp_message *insp_unacknowledged_message(
    const struct insp_unacknowledged *);

/* The oldest record if its message is through, or NULL. */
const struct insp_queued *insp_unacknowledged_oldest(
    struct insp_unacknowledged *);
void insp_unacknowledged_drop_oldest(struct insp_unacknowledged *);

/* The newest record, or NULL; with the last one the messages are gone. */
const struct insp_queued *insp_unacknowledged_newest(
    struct insp_unacknowledged *);
void insp_unacknowledged_drop_newest(struct insp_unacknowledged *);

/* The lowest number of 'incarnation' that is open, or 'otherwise'; and since
 * when the oldest message is open, or 'otherwise'. */
uint64_t insp_unacknowledged_lowest(const struct insp_unacknowledged *,
                                    uint32_t incarnation, uint64_t otherwise);
uint64_t insp_unacknowledged_since(const struct insp_unacknowledged *,
                                   uint64_t otherwise);

void insp_unacknowledged_uninit(struct insp_unacknowledged *);

#endif /* export/unacknowledged.h */
