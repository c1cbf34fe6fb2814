/* Peer
 * ====
 *
 * One connection to the collector: the TLS handshake, whose it is, and its
 * records, in either format, to the output.
 *
 * Above:    main.c.                Below:  output.h, lib/export.
 * Threads:  one.
 * Memory:   a buffer of one message, the templates and identities of the
 *           peer, all bounded.
 * Time:     OVS's time_msec(); a handshake or a message that does not come to
 *           its end in time ends the connection.
 * Fails:    by the end of the connection, with one line in the log that says
 *           who and why.
 */

#ifndef COLLECTOR_PEER_H
#define COLLECTOR_PEER_H 1

#include "export/json.h"
#include "export/tls.h"
#include "output.h"

#define COLLECTOR_LINE_MAX                                                    \
    65536 /* Of JSON that a sensor sends; and of
                                         * an IPFIX message. */

/* What is known of all connections of one sensor, past ones too. */
struct collector_sensor {
    char *name;
    unsigned int n_connected;
    uint64_t connects;
    uint64_t records;
    uint64_t bytes;
    uint64_t lost;    /* By sequence numbers. */
    uint64_t last_ms; /* Wall clock; of the last record. */
};

struct collector_peer;

struct collector_peer_config {
    bool any_name; /* --allow-any-sensor-name. */
    /* Finds or begins the sensor of that name; NULL: there are too many. */
    struct collector_sensor *(*find_sensor)(const char *name);
};

/* Takes over 'fd'.  'address' says who it is. */
struct collector_peer *collector_peer_create(
    const struct collector_peer_config *, struct insp_tls_context *, int fd,
    const char *address);

enum collector_peer_end {
    PEER_ALIVE,
    PEER_CLOSED,
    PEER_REFUSED, /* Not let in at all. */
};

/* Does what is due, as far as there is room in the output. */
enum collector_peer_end collector_peer_run(struct collector_peer *,
                                           struct collector_output *);
void collector_peer_wait(struct collector_peer *,
                         const struct collector_output *);

/* NULL until the sensor is known. */
const struct collector_sensor *collector_peer_sensor(
    const struct collector_peer *);
bool collector_peer_is_accepted(const struct collector_peer *);

/* True until its certificate has been checked. */
bool collector_peer_is_stranger(const struct collector_peer *);

struct collector_peer_stats {
    const char *address;
    const char *format; /* "ipfix", "json", "?". */
    char protocol[64];
    char subject[256];
    long long int since_ms; /* Wall clock. */
    uint64_t records;
    uint64_t bytes; /* On the wire. */
    uint64_t lost;
};
void collector_peer_get_stats(const struct collector_peer *,
                              struct collector_peer_stats *);

void collector_peer_destroy(struct collector_peer *);

#endif /* peer.h */
