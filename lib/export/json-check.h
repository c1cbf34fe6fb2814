/* SPDX-License-Identifier: Apache-2.0 */
/* JSON check
 * ==========
 *
 * Tells whether a line that a stranger sent is one JSON object, and nothing
 * but that, and whose it says that it is.
 *
 * Above:    the collector, tests.  Below:  base/cursor.h, utf8.h.
 * Threads:  no state.
 * Memory:   none; nesting is bounded.
 * Time:     proportional to the line.
 * Fails:    with what is wrong, in words.
 */

#ifndef INSP_EXPORT_JSON_CHECK_H
#define INSP_EXPORT_JSON_CHECK_H 1

#include "record/record.h"

#define INSP_JSON_DEPTH_MAX 16

struct insp_json_line {
    char sensor[INSP_NAME_SIZE]; /* inspect.sensor; "": none. */
};

/* Checks the 'size' bytes at 'line' (without a newline) against RFC 8259, in
 * UTF-8.  Returns NULL when they are one object, else what is wrong.
 * "inspect" and its "sensor" may stand there only once, so that no other
 * reader can take another one for it. */
const char *insp_json_check(const char *line, size_t size,
                            struct insp_json_line *) INSP_MUST_USE;

#endif /* export/json-check.h */
