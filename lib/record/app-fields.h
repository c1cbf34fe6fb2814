/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol fields
 * ===============
 *
 * app/field.def as records use it: which fields a protocol's record may have,
 * and which of them go out in IPFIX as elements of their own.
 *
 * Above:    values.c, finish.c, export/.   Below:  app/event.h.
 * Threads:  constants; any thread.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_RECORD_APP_FIELDS_H
#define INSP_RECORD_APP_FIELDS_H 1

#include "app/event.h"

/* A protocol's rows of insp_app_fields[], which stand together. */
struct insp_app_rows {
    uint16_t first;
    uint16_t n; /* 0: it has no records. */
};

/* Some protocols have the fields of another one: HTTP/2 those of HTTP, DTLS
 * those of TLS, mDNS and LLMNR those of DNS. */
struct insp_app_rows insp_app_rows(enum insp_app);

static inline bool
insp_app_rows_have(const struct insp_app_rows *rows, enum insp_app_field field)
{
    return (unsigned int) field - rows->first < rows->n;
}

/* INSP_N_APP_FIELDS: the protocol has none of that key. */
enum insp_app_field insp_app_field_by_key(const struct insp_app_rows *,
                                          const void *key, size_t size);

/* How an element of its own says what a field is. */
enum insp_app_form {
    INSP_FORM_NONE,     /* It has none. */
    INSP_FORM_UNSIGNED, /* 0: absent. */
    INSP_FORM_BOOLEAN,  /* 1: true, 2: false, 0: absent. */
    INSP_FORM_TEXT,     /* Several with ',' between; "": absent. */
    INSP_FORM_OCTETS,
    INSP_FORM_ADDRESS, /* 0.0.0.0, ::, 0:0:0:0:0:0: absent. */
    INSP_FORM_SECONDS, /* Since 1970. */
    INSP_FORM_MILLISECONDS,
    INSP_FORM_NANOSECONDS, /* NTP's form. */
};

struct insp_app_element {
    uint8_t form;    /* enum insp_app_form. */
    uint16_t length; /* In IPFIX; INSP_FIELD_VAR: each value says
                      * its own. */
};

/* NONE also for an element that says something else already: in the head of
 * all protocols' records, or in an earlier row of the same protocol. */
struct insp_app_element insp_app_element(enum insp_app_field);

/* Of its record over IPv4 and IPv6. */
static inline uint16_t
insp_app_template_id(enum insp_app app, unsigned int ip_version)
{
    return (uint16_t) (512 + 2 * (unsigned int) app + (ip_version != 4));
}

/* Values of one field, which stand one behind the other. */
struct insp_app_run {
    enum insp_app_field field;
    unsigned int n;
    const uint8_t *start, *end;
};

/* The next run of [*at, end), and moves '*at' behind it. */
bool insp_app_run_next(const uint8_t **at, const uint8_t *end,
                       struct insp_app_run *);

#endif /* record/app-fields.h */
