/* SPDX-License-Identifier: Apache-2.0 */
/* Live
 * ====
 *
 * Reads the packets of an interface, through libpcap.
 *
 * Above:    main.c.                Below:  packet.h, file.h.
 * Threads:  one; stop() from a signal handler.
 * Memory:   a buffer of fixed size; packets are borrowed until recycle().
 * Time:     the packets'.
 * Fails:    open with NULL and a reason; next by PROBE_FAILED.
 */

#ifndef PROBE_LIVE_H
#define PROBE_LIVE_H 1

#include "file.h"

struct probe_live;

/* False: built without libpcap, and open always fails. */
bool probe_live_is_built(void);

struct probe_live *probe_live_open(const char *interface, uint32_t snaplen,
                                   const char *filter, char *error,
                                   size_t size);

/* PROBE_WAIT: nothing has come for a while, or the buffer is full: let go of
 * all packets and recycle().  PROBE_END: stopped. */
enum probe_next probe_live_next(struct probe_live *, struct probe_packet *);
void probe_live_recycle(struct probe_live *);
const char *probe_live_error(const struct probe_live *);

/* A time before which no packet will come any more. */
uint64_t probe_live_passed_ns(void);

/* Ends what is waited for. */
void probe_live_stop(void);

/* Packets that came, and those that were lost before they could be read. */
void probe_live_count(struct probe_live *, uint64_t *received,
                      uint64_t *dropped);
void probe_live_close(struct probe_live *);

#endif /* probe/live.h */
