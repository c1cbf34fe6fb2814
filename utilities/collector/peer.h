/* SPDX-License-Identifier: Apache-2.0 */
/* Peer
 * ====
 *
 * One connection to the collector: the TLS handshake, whose it is, and its
 * records, in either format, with or without frames, to the sink.
 *
 * Above:    peers.c, show.c.       Below:  sink.h, sensors.h, lib/export.
 * Threads:  one.
 * Memory:   a buffer of one frame, the templates and identities of the
 *           peer, all bounded.
 * Time:     OVS's time_msec(); a handshake or a message that does not come to
 *           its end in time ends the connection.
 * Fails:    by the end of the connection, with one line in the log that says
 *           who and why; who speaks frames is told, too.
 */

#ifndef COLLECTOR_PEER_H
#define COLLECTOR_PEER_H 1

#include "export/tls.h"
#include "sensors.h"
#include "sink.h"

struct collector_peer;

struct collector_peer_config {
    bool any_name; /* --allow-any-sensor-name. */
};

/* Takes over 'fd'.  'address' says who it is.  'expected' is NULL when it has
 * dialled us; when we have, the sensor that it must be, or "". */
struct collector_peer *collector_peer_create(
    const struct collector_peer_config *, struct insp_tls_context *, int fd,
    const char *address, const char *expected);

enum collector_peer_end {
    PEER_ALIVE,
    PEER_CLOSED,
    PEER_REFUSED, /* Not let in at all. */
};

/* Does what is due, as far as there is room in the sink. */
enum collector_peer_end collector_peer_run(struct collector_peer *,
                                           struct collector_sink *);

/* After the journal has been written: acknowledges what is durable now. */
void collector_peer_acknowledge(struct collector_peer *,
                                const struct collector_sink *);
void collector_peer_wait(struct collector_peer *,
                         const struct collector_sink *);

/* The credential files have changed: ends the connection if the other end
 * would not be let in with them. */
void collector_peer_recheck(struct collector_peer *,
                            const struct insp_tls_context *);

/* The collector ends: tells it. */
void collector_peer_bye(struct collector_peer *, const char *why);

/* NULL until the sensor is known. */
const struct collector_sensor *collector_peer_sensor(
    const struct collector_peer *);

/* At its end: why. */
const char *collector_peer_why(const struct collector_peer *);
bool collector_peer_is_accepted(const struct collector_peer *);

/* True until its certificate has been checked. */
bool collector_peer_is_stranger(const struct collector_peer *);

struct collector_peer_stats {
    const char *address;
    const char *format; /* "ipfix", "json", "?". */
    const char *uplink; /* "": no frames. */
    uint32_t incarnation;
    bool is_dialled; /* By us. */
    char protocol[64];
    char subject[256];
    int64_t expires;        /* Its certificate; 0: never. */
    long long int since_ms; /* Wall clock. */
    uint64_t records;
    uint64_t duplicates;
    uint64_t unacknowledged; /* Records that are not durable yet. */
    uint64_t bytes;          /* On the wire. */
    uint64_t lost;
    long long int lag_ms; /* Of the last record, when it came: its age; -1:
                           * not known. */
};
void collector_peer_get_stats(const struct collector_peer *,
                              struct collector_peer_stats *);

void collector_peer_destroy(struct collector_peer *);

#endif /* peer.h */
