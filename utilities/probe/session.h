/* SPDX-License-Identifier: Apache-2.0 */
/* Session
 * =======
 *
 * An inspector over a stream of packets: cuts it into batches, lets the engine
 * have its turns at the packets' time, and passes on what it reports.
 *
 *     add(), add(), ... end()  -->  record(), record(), ...
 *
 * Above:    main.c.                Below:  engine/engine.h, packet.h.
 * Threads:  one.
 * Memory:   the engine's.  A packet's bytes are borrowed until flush().
 * Time:     the packets'.  It does not go back: a packet that is a little
 *           older than the one before counts as coming with it; one that is
 *           much older begins anew, with everything reported.
 * Fails:    create and add, with a positive errno.
 *
 * The same packets give the same records, whatever the size of a batch: where
 * turns are depends on the packets alone, and a batch ends at each.
 */

#ifndef PROBE_SESSION_H
#define PROBE_SESSION_H 1

#include "engine/engine.h"
#include "packet.h"

/* Its id in records. */
#define PROBE_INSPECTOR 1

struct probe_session_config {
    unsigned int batch; /* 1 to INSP_BATCH_MAX. */
    uint32_t flow_limit;
    uint32_t idle_timeout_ms;
    uint32_t active_timeout_ms;
    bool is_secret; /* Hashes that nobody can foresee, for
                     * live traffic; else the same ones
                     * in each run. */
    void (*record)(void *aux, struct insp_record *); /* Uninits it. */
    void *aux;
};

/* Sums over all packets. */
struct probe_session_stats {
    uint64_t packets, bytes;
    uint64_t first_ns, last_ns;
    uint64_t back;     /* Older than the one before. */
    uint64_t restarts; /* Much older. */
    uint64_t begun;    /* Connections. */
    uint64_t ended[INSP_N_ENDS];
    uint64_t refused[INSP_N_REMAINDERS];
    uint64_t facts[INSP_N_PACKET_FACTS];
    uint64_t readers[INSP_N_READER_FACTS];
    uint64_t connections[INSP_N_APPS];
    uint64_t catch_all_packets;
};

struct probe_session;

int probe_session_create(const struct probe_session_config *,
                         struct probe_session **) INSP_MUST_USE;

/* Inspects the packet, an Ethernet frame, soon. */
int probe_session_add(struct probe_session *,
                      const struct probe_packet *) INSP_MUST_USE;

/* Inspects all that has been added. */
void probe_session_flush(struct probe_session *);

/* Live traffic: nothing has come until 'now_ns'. */
void probe_session_pass(struct probe_session *, uint64_t now_ns);

/* Reports everything that is open. */
void probe_session_end(struct probe_session *);

const struct probe_session_stats *probe_session_stats(
    const struct probe_session *);

void probe_session_destroy(struct probe_session *);

#endif /* probe/session.h */
