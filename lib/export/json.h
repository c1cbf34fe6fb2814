/* SPDX-License-Identifier: Apache-2.0 */
/* JSON
 * ====
 *
 * A record as one line of JSON with the names that Suricata's EVE has, and
 * our own under "src_vm", "dest_vm" and "inspect".  Any bytes in, valid JSON
 * out.  The collector writes with the same code what it reads from IPFIX, so
 * both formats of an uplink give the same lines.
 *
 * Above:    uplink.c, the collector.   Below:  record/fields.h, utf8.h.
 * Threads:  no state.
 * Memory:   the caller's buffer.
 * Time:     none.
 * Fails:    when the buffer is full, and then writes nothing.
 */

#ifndef INSP_EXPORT_JSON_H
#define INSP_EXPORT_JSON_H 1

#include "base/put.h"
#include "record/record.h"

/* No line is longer. */
#define INSP_JSON_LINE_MAX (12288 + INSP_VALUES_COST_MAX)

/* Appends the line of 'record' and its newline.  'ports' are the identities
 * behind its two port ids, NULL where there is none.  Returns false and
 * writes nothing when there is no room; a record that has no line of its own
 * (PORT, PORT_GONE) writes nothing and returns true.  A protocol's values are
 * tidy (record/values.h). */
bool insp_json_put(struct insp_put *, const char *sensor,
                   const struct insp_record *,
                   const struct insp_port *const ports[2]) INSP_MUST_USE;

/* Appends 'size' bytes as a string with its quotes. */
void insp_json_put_string(struct insp_put *, const char *, size_t size);

#endif /* export/json.h */
