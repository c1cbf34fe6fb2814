/* SPDX-License-Identifier: Apache-2.0 */
/* Summary
 * =======
 *
 * What --stats says at the end.
 *
 * Above:    main.c.                Below:  session.h, output.h.
 * Threads:  one.
 * Memory:   the caller's.
 * Time:     the monotonic clock, for the speed.
 * Fails:    never.
 */

#ifndef PROBE_SUMMARY_H
#define PROBE_SUMMARY_H 1

#include "output.h"
#include "session.h"

#define PROBE_UNREAD_LINKS 8

struct probe_summary {
    uint64_t packets;        /* Given to the session. */
    uint64_t unread_packets; /* Of link types that are not read. */
    struct {
        uint32_t link;
        uint64_t packets;
    } unread[PROBE_UNREAD_LINKS]; /* The first of them. */
    uint64_t received, dropped;   /* Live: by libpcap. */
    uint64_t begun_ns, ended_ns;
};

void probe_summary_begin(struct probe_summary *);
void probe_summary_unread(struct probe_summary *, uint32_t link);
void probe_summary_end(struct probe_summary *);

/* "3 of link type 105 (IEEE 802.11)". */
const char *probe_summary_unread_links(const struct probe_summary *,
                                       char *text, size_t size);

void probe_summary_print(const struct probe_summary *,
                         const struct probe_session_stats *,
                         const struct probe_output *);

#endif /* probe/summary.h */
