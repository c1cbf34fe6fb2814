/* SPDX-License-Identifier: Apache-2.0 */
/* Drain
 * =====
 *
 * The exporter thread's loop body: takes records from the ring, keeps the
 * directory of port identities, and feeds every uplink: a bounded queue,
 * an encoder, a TLS connection that is dialled again with back-off and
 * jitter.  The packet path never waits for any of it.
 *
 *     ring -> drain -> uplink queue -> encoder -> TLS -> collector
 *
 * Above:    engine/exporter.c.     Below:  record/record.h, base/ring.h.
 * Threads:  turn() and destroy() on the exporter thread; all others from any
 *           thread (a mutex inside; never the packet path).
 * Memory:   bounded: queue_limit records an uplink, one identity a live port.
 * Time:     the host's clocks.
 * Fails:    create(), with ENOMEM or what eventfd() says.
 */

#ifndef INSP_EXPORT_DRAIN_H
#define INSP_EXPORT_DRAIN_H 1

#include "base/faults.h"
#include "base/host.h"
#include "base/ring.h"
#include "record/record.h"

enum insp_uplink_format {
    INSP_UPLINK_IPFIX,
    INSP_UPLINK_JSON
};

#define INSP_PATH_SIZE      256
#define INSP_MAX_UPLINKS    16
#define INSP_MAX_INSPECTORS 64
#define INSP_MAX_TARGETS    8

/* Where a collector is, or where one is waited for. */
struct insp_uplink_target {
    bool listens; /* "pssl:"; 'host' "": any address. */
    uint16_t port;
    char host[256]; /* Name or address. */
};

/* One row of Inspect_Uplink that is in force. */
struct insp_uplink_config {
    char name[INSP_NAME_SIZE];
    struct insp_uplink_target targets[INSP_MAX_TARGETS];
    unsigned int n_targets; /* The first that answers serves; */
    bool spread;            /* true: each sensor begins with
                             * another one. */
    enum insp_uplink_format format;
    char private_key[INSP_PATH_SIZE];
    char certificate[INSP_PATH_SIZE];
    char ca_cert[INSP_PATH_SIZE];
    bool bootstrap_ca_cert;          /* Take the CA on first sight. */
    char crl_file[INSP_PATH_SIZE];   /* "": none. */
    char token_file[INSP_PATH_SIZE]; /* Instead of the certificates. */
    char peer_name[INSP_NAME_SIZE];  /* Whose certificate it must be; "":
                                      * the host's; listening: anybody's
                                      * that the CA vouches for. */
    char protocols[64];              /* As ssl_protocols of OVS; "": TLS
                                      * 1.2 and later. */
    char ciphers[256];               /* "": forward secret and AEAD. */
    char ciphersuites[256];          /* Of TLS 1.3; "": OpenSSL's. */
    uint32_t max_backoff_ms;         /* Default 8000. */
    uint32_t inactivity_probe_ms;    /* TCP keepalive; 0: none. */
    uint32_t queue_limit;            /* Records; default 65536. */
    char spool_dir[INSP_PATH_SIZE];  /* "": no spool. */
    uint64_t spool_max_bytes;
    uint32_t inspectors[INSP_MAX_INSPECTORS]; /* Ids that feed it. */
    unsigned int n_inspectors;
};

/* In every copy
 *
 *     produced + recovered = acknowledged + sent + unacknowledged + queued
 *                            + spooled + dropped
 *
 * What an uplink says of itself to a receiver that does not acknowledge (LOSS
 * records) is in none of them. */
struct insp_uplink_status {
    char name[INSP_NAME_SIZE];
    bool is_connected;
    bool acknowledges; /* The other end does. */
    char state[16];    /* "backoff", "listening",
                        * "connecting", "handshake",
                        * "active". */
    uint64_t since_ns; /* Wall clock; of the state. */
    char last_error[384];
    char target[300];             /* That it is at. */
    char peer[256];               /* Subject of its certificate. */
    char protocol[64];            /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
    int64_t peer_expiry;          /* Seconds since 1970; 0: none. */
    int64_t expiry;               /* Of our own certificate. */
    uint32_t incarnation;         /* Numbers of records begin with it. */
    uint64_t produced, recovered; /* Records. */
    uint64_t acknowledged, sent, unacknowledged, queued, spooled, dropped;
    uint64_t resent;      /* More than once; not in the sum. */
    uint64_t lost_before; /* In the crash before this start. */
    uint64_t lag_ns;      /* Age of the oldest that is neither
                           * acknowledged nor sent. */
    uint64_t unacknowledged_bytes;
    uint64_t spool_bytes;
    char spool_error[256];
    uint64_t wire_bytes; /* Written to the socket, TLS
                          * included. */
    uint64_t connects;
    uint32_t inspectors[INSP_MAX_INSPECTORS]; /* Ids that feed it. */
    unsigned int n_inspectors;
};

struct insp_drain;

/* 'sensor' is Open_vSwitch.external_ids:system-id, or the host name. */
int insp_drain_create(const struct insp_host *, struct insp_ring *,
                      const char *sensor, struct insp_drain **) INSP_MUST_USE;

/* Replaces the set of uplinks; one whose configuration is unchanged keeps
 * its connection and its queue.  Copies the array. */
void insp_drain_set_uplinks(struct insp_drain *,
                            const struct insp_uplink_config *, size_t n);
void insp_drain_set_sensor(struct insp_drain *, const char *sensor);

/* One turn: waits at most 'timeout_ms' for a socket, a timer or a wake. */
void insp_drain_turn(struct insp_drain *, int timeout_ms);
void insp_drain_wake(struct insp_drain *);

/* Up to 'n' of the uplinks' states; returns how many there are. */
size_t insp_drain_get_status(struct insp_drain *, struct insp_uplink_status *,
                             size_t n);

/* Says good-bye on every connection, after trying for 'timeout_ms' to send
 * what is queued, and frees. */
void insp_drain_destroy(struct insp_drain *, int timeout_ms);

#endif /* export/drain.h */
