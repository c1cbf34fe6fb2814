/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A sentence is added whole or not at all: half a sentence could say the
 * opposite.  Room for the closing "; ..." is never given away.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/faults.h"

static const char more[] = "; ...";

void
insp_faults_init(struct insp_faults *faults)
{
    memset(faults, 0, sizeof *faults);
}

void
insp_fault(struct insp_faults *faults, const char *format, ...)
{
    char *at = faults->text + faults->length;
    size_t room = sizeof faults->text - faults->length - (sizeof more - 1);
    const char *between = faults->length ? "; " : "";
    size_t skip = strlen(between);
    va_list args;
    int n;

    faults->n++;
    if (faults->full) {
        return;
    }
    if (room > skip) {
        va_start(args, format);
        n = vsnprintf(at + skip, room - skip, format, args);
        va_end(args);
        if (n >= 0 && (size_t) n < room - skip) {
            memcpy(at, between, skip);
            faults->length += skip + (size_t) n;
            return;
        }
    }
    /* The first sentence alone may be too long: then the dots stand alone. */
    memcpy(at, faults->length ? more : more + 2,
           faults->length ? sizeof more : sizeof more - 2);
    faults->length += strlen(at);
    faults->full = true;
}
