/* SPDX-License-Identifier: Apache-2.0 */
/* Dial
 * ====
 *
 * Pull mode: connections that we make to sensors that listen, each made again
 * when it breaks, after a pause that grows with every failure.
 *
 *     PAUSE --> RESOLVING --> CONNECTING --> UP (a peer)
 *       ^           |              |          |
 *       +-----------+--------------+----------+
 *
 * Above:    main.c, show.c.        Below:  peers.h, credentials.h,
 *                                          lib/export/dial.h, resolve.h.
 * Threads:  one.
 * Memory:   fixed, and a TLS context each.
 * Time:     OVS's time_msec(); never waits.
 * Fails:    open by the end of the process, with a sentence; later by trying
 *           again.
 */

#ifndef COLLECTOR_DIAL_H
#define COLLECTOR_DIAL_H 1

#include "options.h"
#include "peers.h"

/* Borrows the options. */
void collector_dial_open(const struct collector_options *,
                         const struct collector_peer_config *);
void collector_dial_run(void);
void collector_dial_wait(void);

struct collector_dial_stats {
    const char *target;
    const char *state;      /* "pause", "resolving", "connecting", "up". */
    const char *last_error; /* "": none since it was up. */
    uint64_t connects;
};
bool collector_dial_get_stats(size_t i, struct collector_dial_stats *);
void collector_dial_close(void);

#endif /* dial.h */
