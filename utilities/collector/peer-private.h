/* SPDX-License-Identifier: Apache-2.0 */
/* Peer, inside
 * ============
 *
 * What the files of a peer share: peer.c has its life, peer-records.c turns
 * its bytes into lines, peer-frames.c has what is acknowledged.
 *
 * Above:    peer*.c alone.         Below:  peer.h, lib/export.
 * Threads:  one.
 * Memory:   see peer.h.
 * Time:     see peer.h.
 * Fails:    by an end that is not PEER_ALIVE, already logged.
 */

#ifndef COLLECTOR_PEER_PRIVATE_H
#define COLLECTOR_PEER_PRIVATE_H 1

#include "export/directory.h"
#include "export/frame.h"
#include "export/ipfix-read.h"
#include "openvswitch/compiler.h"
#include "openvswitch/vlog.h"
#include "peer.h"

#define PEER_BUFFER_SIZE (INSP_FRAME_MAX + 1)
#define PEER_OUT_SIZE    8192
#define PEER_ACKS_MAX    256
#define PEER_CREDIT      (4 * 1024 * 1024)
#define PEER_MESSAGE_MS  30000 /* From its first byte to its last. */

enum peer_state {
    PEER_HANDSHAKE,
    PEER_UNNAMED,
    PEER_NAMED,
    PEER_CLOSING, /* It has been told why; it is not read any more. */
};

enum peer_format {
    PEER_UNKNOWN,
    PEER_IPFIX,
    PEER_JSON
};

/* A run that may be acknowledged when the journal has reached 'ticket'. */
struct peer_ack {
    struct insp_frame_run run;
    uint64_t ticket;
};

struct collector_peer {
    const struct collector_peer_config *config;
    char *address;
    char *expected;
    char *shown; /* The sensor's name, fit for the log. */
    struct insp_tls *tls;
    enum peer_state state;
    enum peer_format format;
    bool is_dialled;
    bool want_write;
    bool pending;           /* Something may be left to do that the socket
                             * does not know of. */
    long long int deadline; /* Of the state, or the message; 0: none. */
    long long int since_ms;
    struct collector_sensor *sensor;
    uint64_t records;
    uint64_t duplicates;
    uint64_t lost;
    uint64_t wire_counted;
    long long int lag_ms;
    enum collector_peer_end end_as; /* When CLOSING is over. */
    char why[512];                  /* Of its end. */

    uint8_t *buffer; /* PEER_BUFFER_SIZE. */
    size_t n;
    struct insp_ipfix_reader *reader;
    size_t message_size; /* Of what the reader reads; or 0. */
    struct insp_directory *directory;

    /* Frames. */
    bool has_frames;
    bool has_said_hello;
    char uplink[INSP_FRAME_NAME_SIZE];
    uint32_t incarnation;
    size_t frame_size;                 /* Of the MESSAGE in work; or 0. */
    struct insp_frame_run run;         /* Of it, */
    struct insp_frame_message message; /* and what is left of it. */
    struct collector_stream *stream;   /* Of it; borrowed for a turn. */
    struct peer_ack acks[PEER_ACKS_MAX];
    size_t n_acks;
    uint8_t out[PEER_OUT_SIZE];
    size_t n_out;
    size_t n_sending; /* Of 'out': what TLS has been given. */
};

/* peer.c */
extern struct vlog_rate_limit collector_peer_closings;

enum collector_peer_end collector_peer_refuse(struct collector_peer *,
                                              const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* It says that it is sensor 'name'. */
enum collector_peer_end collector_peer_take_name(struct collector_peer *,
                                                 const char *name);

/* peer-records.c: reads whole messages, or lines, at the front of 'n' bytes
 * while the sink has room ('pending' is set when it has not).  '*taken' is how
 * many bytes that were; they may go. */
enum collector_peer_end collector_peer_read_records(struct collector_peer *,
                                                    const uint8_t *bytes,
                                                    size_t n,
                                                    struct collector_sink *,
                                                    size_t *taken);

/* peer-frames.c */
enum collector_peer_end collector_peer_read_frames(struct collector_peer *,
                                                   struct collector_sink *);

/* Of the record that comes next in the MESSAGE: its number, to be written
 * ('*is_fresh') or here already.  Ends when it cannot be. */
enum collector_peer_end collector_peer_next_number(struct collector_peer *,
                                                   uint64_t *number,
                                                   bool *is_fresh);
void collector_peer_put_close(struct collector_peer *, const char *why);

/* Sends what waits in 'out', as far as that goes.  False: the connection is
 * over. */
bool collector_peer_flush(struct collector_peer *);

#endif /* peer-private.h */
