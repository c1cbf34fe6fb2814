/* SPDX-License-Identifier: Apache-2.0 */
/* Values
 * ======
 *
 * The fields of a protocol's record, as app/event.h puts them one behind the
 * other: what a record of that type refers to.
 *
 *     control thread: create --> ring --> exporter: tidy, ref, unref
 *
 * Above:    record.c, export/, engine/report.c.   Below:  app-fields.h.
 * Threads:  one at a time; the ring passes it on with its record.
 * Memory:   one allocation, bounded by the event that it comes from.
 * Time:     none.
 * Fails:    create and tidy with NULL: memory is out.
 */

#ifndef INSP_RECORD_VALUES_H
#define INSP_RECORD_VALUES_H 1

#include "record/app-fields.h"

struct insp_values {
    uint32_t refs;
    uint32_t size;
    enum insp_app app; /* Whose fields they are. */
    bool is_cut;       /* Something had no room. */
    uint8_t bytes[];   /* See insp_value_next(). */
};

/* With one reference; holds copies of both parts, 'more' behind 'values'.
 * Either may be NULL with a size of 0. */
struct insp_values *insp_values_create(enum insp_app, bool is_cut,
                                       const uint8_t *values, size_t size,
                                       const uint8_t *more,
                                       size_t more_size) INSP_MUST_USE;

/* What values may come to as JSON, keys included: bounds a record in both
 * encodings. */
#define INSP_VALUES_COST_MAX 24576

/* The same as records are made of: in the order of field.def, one value of a
 * field that is no list, texts as UTF-8 (U+FFFD for what is none).  What is
 * not of the protocol or has no valid form is left out, and so is "false";
 * what is too much as well, and then the result is cut.  Tidy values are
 * copied as they are. */
struct insp_values *insp_values_tidy(enum insp_app, bool is_cut,
                                     const uint8_t *values,
                                     size_t size) INSP_MUST_USE;
/* The same for who has asked insp_app_rows() before. */
struct insp_values *insp_values_tidy_rows(const struct insp_app_rows *,
                                          enum insp_app, bool is_cut,
                                          const uint8_t *values,
                                          size_t size) INSP_MUST_USE;

/* Leaves out lists, groups and raw bytes, and cuts texts: what the step
 * "lean" of metadata leaves of a record.  For who has the only reference. */
#define INSP_VALUES_LEAN_TEXT 64
void insp_values_lean(struct insp_values *);

/* NULL is allowed in both. */
void insp_values_ref(struct insp_values *);
void insp_values_unref(struct insp_values *);

#endif /* record/values.h */
