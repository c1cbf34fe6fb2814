/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A message is formatted on the stack, so that a log line costs no memory,
 * and cut at 1,023 bytes.  The host adds time, level and the rest.
 */

#include <stdarg.h>
#include <stdio.h>

#include "base/host.h"

void
insp_log(const struct insp_host *host, enum insp_log_level level,
         const char *format, ...)
{
    char message[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (n < 0) {
        message[0] = '\0';
    }
    host->log(host->aux, level, message);
}
