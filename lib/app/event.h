/* SPDX-License-Identifier: Apache-2.0 */
/* Event
 * =====
 *
 * What a reader has found and a record will say: a list of fields with their
 * values, begun at one packet and ended at this one or a later one.
 *
 *     begin --> set fields --> end --> control thread --> record
 *                  (open)
 *
 * An open event waits with its connection for what is missing, such as the
 * answer to a question, and goes out as it is when the connection ends.
 *
 * Above:    readers, engine/report.c.     Below:  app/app.h, app/dialog.h.
 * Threads:  worker, or control thread, that is reading the connection.
 * Memory:   blocks from a bounded store; when that is empty there is no event
 *           (begin returns NULL, counted), and all functions take NULL for
 *           that and do nothing.  At most INSP_EVENTS_OPEN are open in one
 *           connection: the oldest goes out to make room.
 * Time:     the reading's.
 * Fails:    never; values that have no room are left out, and the record says
 *           that it was cut.
 */

#ifndef INSP_APP_EVENT_H
#define INSP_APP_EVENT_H 1

#include "app/app.h"

struct insp_event;

#define INSP_EVENTS_OPEN 8

/* Begins a record of the protocol 'app', which may be another one than the
 * reader's.  'tag' tells open events of one connection apart, such as a
 * transaction's number. */
struct insp_event *insp_event_begin(struct insp_reading *, enum insp_app,
                                    uint32_t tag);

/* The open event with that tag, or with any; the oldest one.  NULL: none. */
struct insp_event *insp_event_find(const struct insp_reading *, enum insp_app,
                                   uint32_t tag);
struct insp_event *insp_event_oldest(const struct insp_reading *,
                                     enum insp_app);

/* Fields.  Setting one of UINT, BOOL or TIME again replaces it; texts of LIST,
 * GROUP and IPS are added in order, others are not set again. */
void insp_event_uint(struct insp_event *, enum insp_app_field, uint64_t);
void insp_event_bytes(struct insp_event *, enum insp_app_field,
                      const void *bytes, size_t size);
void insp_event_text(struct insp_event *, enum insp_app_field, const char *);
/* "KEY=bytes" for GROUP. */
void insp_event_pair(struct insp_event *, enum insp_app_field, const char *key,
                     const void *bytes, size_t size);
/* Whether it has been set. */
bool insp_event_has(const struct insp_event *, enum insp_app_field);

/* Microseconds since the event began. */
uint64_t insp_event_age_us(const struct insp_reading *,
                           const struct insp_event *);

/* The record goes out.  The event is the reader's no longer. */
void insp_event_end(struct insp_reading *, struct insp_event *);

/* Fields that stand one behind the other: the form in which events keep them
 * and records carry them. */
struct insp_value {
    enum insp_app_field field;
    uint64_t number;      /* UINT, BOOL, TIME. */
    const uint8_t *bytes; /* All others; not ended by a zero. */
    size_t size;
};

/* The next one of [*at, end), and moves '*at' behind it; false at the end. */
bool insp_value_next(const uint8_t **at, const uint8_t *end,
                     struct insp_value *);
#define INSP_VALUE_HEAD 4 /* Field and size, in front of each. */

/* Appends one to a buffer that has 'left' bytes; returns how many it took, 0:
 * there was not enough room.  Its bytes may stand there already, behind room
 * for the head. */
size_t insp_value_put(uint8_t *to, size_t left, const struct insp_value *);

/* The same, for a value that was read at 'to' or behind it, which may
 * overlap. */
size_t insp_value_move(uint8_t *to, const struct insp_value *);

/* Table of the fields. */
struct insp_app_field_info {
    const char *key;
    const char *text;
    uint32_t pen;
    uint16_t id;
    uint8_t app;  /* enum insp_app: in whose record it stands. */
    uint8_t kind; /* enum insp_value_kind. */
};
extern const struct insp_app_field_info insp_app_fields[INSP_N_APP_FIELDS];

#endif /* app/event.h */
