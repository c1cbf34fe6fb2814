/* SPDX-License-Identifier: Apache-2.0 */
/* IPFIX of protocols
 * ==================
 *
 * A protocol's values as the bytes of elements, and back.  A field that has
 * an element goes there; one that has none, or whose value the element cannot
 * say exactly (zero, a comma in a list), goes into inspectAppFields:
 *
 *     ja3.hash=b386946a5a44d1ddcc843bc75336dfce
 *     client_alpns=h2
 *     client_alpns=http/1.1
 *
 * A backslash escapes itself, a newline as "\n", other control bytes as
 * "\x00".  When a field stands in both, the lines are right.
 *
 * Above:    ipfix.c, ipfix-read.c.   Below:  record/app-fields.h, base/put.h.
 * Threads:  no state.
 * Memory:   the caller's.
 * Time:     none.
 * Fails:    by what is left out, and 'full'.
 */

#ifndef INSP_EXPORT_IPFIX_APP_H
#define INSP_EXPORT_IPFIX_APP_H 1

#include "base/put.h"
#include "record/app-fields.h"
#include "record/values.h"

/* What app-fields.h says, looked up once. */
struct insp_ipfix_app {
    struct insp_app_rows rows[INSP_N_APPS_TOLD];
    struct insp_app_element elements[INSP_N_APP_FIELDS];
};
void insp_ipfix_app_init(struct insp_ipfix_app *);

/* Of tidy values: the text of inspectAppFields, and the elements of all rows
 * that have one, in their order. */
void insp_ipfix_app_put_lines(const struct insp_ipfix_app *, struct insp_put *,
                              const struct insp_values *);
void insp_ipfix_app_put_elements(const struct insp_ipfix_app *,
                                 struct insp_put *,
                                 const struct insp_values *);

/* Back again, from a stranger: appends to 'values' what insp_values_tidy()
 * makes a record of.  'seen' are the fields that the lines had, which are not
 * to be taken from elements.  'text' is scratch of 'size' bytes or more. */
struct insp_ipfix_app_seen {
    bool field[INSP_N_APP_FIELDS];
};
void insp_ipfix_app_read_lines(const struct insp_app_rows *,
                               const uint8_t *bytes, size_t size,
                               uint8_t *text, struct insp_put *values,
                               struct insp_ipfix_app_seen *seen);
void insp_ipfix_app_read_element(const struct insp_ipfix_app *,
                                 enum insp_app_field, const uint8_t *bytes,
                                 size_t size, struct insp_put *values);

#endif /* export/ipfix-app.h */
