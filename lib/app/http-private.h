/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1, inside
 * ==============
 *
 * What the messages of version 1 (http.c) and the fields of their headers
 * (http-field.c) share: what is known of a side's message.
 *
 * Above:    app/http.c, http-field.c.     Below:  app/http.h.
 * Threads:  as a reader.
 * Memory:   the reader's state.
 * Time:     the reading's.
 * Fails:    never.
 */

#ifndef INSP_APP_HTTP_PRIVATE_H
#define INSP_APP_HTTP_PRIVATE_H 1

#include "app/http.h"

#define INSP_HTTP_TO_THE_END (UINT64_MAX / 4) /* No length is as much. */

enum {
    INSP_HTTP_HAS_LENGTH = 1 << 0,
    INSP_HTTP_BAD_LENGTH = 1 << 1,
    INSP_HTTP_CHUNKED = 1 << 2, /* The final coding. */
    INSP_HTTP_CODED = 1 << 3,   /* Any. */
    INSP_HTTP_AMBIGUOUS = 1 << 4,
    INSP_HTTP_OLD = 1 << 5,    /* HTTP/1.0 or older. */
    INSP_HTTP_OPAQUE = 1 << 6, /* Changes to what is not read. */
};

struct insp_http_side {
    uint64_t length; /* Of the body, as it says. */
    uint64_t body;   /* Bytes of it, so far. */
    uint32_t tag;    /* Of the record. */
    uint16_t status; /* 0: request. */
    uint8_t step;    /* Of http.c. */
    uint8_t flags;
    uint8_t n_lost;
    bool has_begun; /* A byte of the response was seen, ... */
    bool is_timed;  /* ... and it was one. */
};

static inline struct insp_event *
insp_http_event_of(const struct insp_reading *r,
                   const struct insp_http_side *side)
{
    return insp_event_find(r, INSP_APP_HTTP, side->tag);
}

static inline void
insp_http_set_ambiguous(const struct insp_reading *r,
                        struct insp_http_side *side)
{
    side->flags |= INSP_HTTP_AMBIGUOUS;
    insp_event_uint(insp_http_event_of(r, side), INSP_FIELD_HTTP_AMBIGUOUS, 1);
}

/* A whole field of a header, or as much of it as is looked at. */
void insp_http_read_field(const struct insp_reading *, struct insp_http_side *,
                          const struct insp_text *line);

#endif /* app/http-private.h */
