/* SPDX-License-Identifier: Apache-2.0 */
/* Uplink
 * ======
 *
 * One way out: a bounded queue of records, an encoder, and a TLS connection
 * that is made again, with back-off and jitter, whenever it breaks.
 *
 *              +-----------------------------------------------------+
 *              v                                                     |
 *          BACKOFF --time--> RESOLVING --> CONNECTING --> HANDSHAKE --> ACTIVE
 *              |                                           ^            |
 *              +-------> LISTENING ------------------------+            |
 *                            ^------------------------------------------+
 *
 * A receiver that takes the offer of frame.h acknowledges records; those are
 * kept until then, and sent again over the next connection.  Any other one
 * gets plain IPFIX or lines, and what the socket has taken counts as sent.
 *
 * What memory has no room for goes to the spool, oldest first; without one,
 * or when that is full, it is dropped and counted, and a LOSS record says so.
 *
 * Above:    drain.c.               Below:  ipfix.h, json.h, tls.h, frame.h,
 *                                          spool.h, resolve.h, directory.h.
 * Threads:  one.
 * Memory:   queue_limit records, one buffer, and the spool's.
 * Time:     'now_ns' is the host's monotonic clock; never waits, but for the
 *           disk that the spool is on.
 * Fails:    create with ENOMEM; all else by its state.
 */

#ifndef INSP_EXPORT_UPLINK_H
#define INSP_EXPORT_UPLINK_H 1

#include <poll.h>

#include "export/directory.h"
#include "export/drain.h"

struct insp_uplink;

int insp_uplink_create(const struct insp_host *,
                       const struct insp_uplink_config *, const char *sensor,
                       struct insp_directory *,
                       struct insp_uplink **) INSP_MUST_USE;

const struct insp_uplink_config *insp_uplink_config(
    const struct insp_uplink *);

/* A new configuration or sensor name: what is queued and counted stays, the
 * connection is made anew. */
void insp_uplink_configure(struct insp_uplink *,
                           const struct insp_uplink_config *,
                           const char *sensor);

/* True when records of 'inspector' go out here. */
bool insp_uplink_wants(const struct insp_uplink *, uint32_t inspector);

/* Queues a copy.  'ports' are the identities behind its port ids. */
void insp_uplink_push(struct insp_uplink *, const struct insp_record *,
                      struct insp_identity *const ports[2], uint64_t now_ns);

/* The identity of 'port_id' has left the directory. */
void insp_uplink_gone(struct insp_uplink *, uint32_t port_id);

/* What to poll for (fd -1: nothing), and when to come back at the latest. */
uint64_t insp_uplink_wait(const struct insp_uplink *, uint64_t now_ns,
                          struct pollfd *);

/* Does what is due. */
void insp_uplink_run(struct insp_uplink *, uint64_t now_ns);

/* True when all that was pushed has been sent. */
bool insp_uplink_is_empty(const struct insp_uplink *);

/* Stop waiting for company: send at once what is queued. */
void insp_uplink_flush(struct insp_uplink *);

void insp_uplink_get_status(const struct insp_uplink *,
                            struct insp_uplink_status *);

/* Closes and frees.  What is queued goes to the spool; without one it is
 * lost: get the status first. */
void insp_uplink_destroy(struct insp_uplink *);

#endif /* export/uplink.h */
