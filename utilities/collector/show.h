/* SPDX-License-Identifier: Apache-2.0 */
/* Show
 * ====
 *
 * collector/show: everything that is known, as text and as JSON; and the
 * totals of --stats-interval.
 *
 * Above:    main.c.                Below:  all of the collector.
 * Threads:  one.
 * Memory:   the answer.
 * Time:     proportional to what there is.
 * Fails:    never.
 */

#ifndef COLLECTOR_SHOW_H
#define COLLECTOR_SHOW_H 1

#include "copy.h"
#include "options.h"
#include "sink.h"

/* Registers the command; all is borrowed.  'copy' may be NULL. */
void collector_show_init(const struct collector_options *,
                         const struct collector_sink *,
                         const struct collector_copy *copy);

/* Logs the totals when they are due. */
void collector_show_log(unsigned int interval_s);

#endif /* show.h */
