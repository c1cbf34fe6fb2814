/* SPDX-License-Identifier: Apache-2.0 */
/* Uplink, inside
 * ==============
 *
 * What the files of the uplink share: uplink.c connects, uplink-session.c
 * shakes hands and listens to the other end, uplink-send.c moves records,
 * uplink-spool.c is between memory and disk, uplink-status.c tells.
 *
 *     push --> queue, urgent --> unacknowledged + out --> socket
 *                 |   ^                |        ^
 *                 v   +----- land -----+        |
 *               spool --------------------------+
 *
 * Above:    uplink*.c alone.       Below:  as uplink.h.
 * Threads:  one.
 * Memory:   as uplink.h.
 * Time:     as uplink.h.
 * Fails:    as uplink.h.
 */

#ifndef INSP_EXPORT_UPLINK_PRIVATE_H
#define INSP_EXPORT_UPLINK_PRIVATE_H 1

#include "export/dial.h"
#include "export/frame.h"
#include "export/ipfix.h"
#include "export/queue.h"
#include "export/resolve.h"
#include "export/spool.h"
#include "export/tls.h"
#include "export/unacknowledged.h"
#include "export/uplink.h"

#define INSP_UPLINK_MS UINT64_C(1000000)

#define INSP_UPLINK_OUT_SIZE 98304 /* A turn of the socket's. */
#define INSP_UPLINK_IN_SIZE  2048  /* A collector has little to say. */
#define INSP_UPLINK_N_GONE   64
#define INSP_UPLINK_N_LOSSES (INSP_MAX_INSPECTORS + 1)
#define INSP_UPLINK_N_LOST   64

enum insp_uplink_state {
    INSP_UPLINK_BACKOFF,
    INSP_UPLINK_LISTENING,
    INSP_UPLINK_RESOLVING,
    INSP_UPLINK_CONNECTING,
    INSP_UPLINK_HANDSHAKE,
    INSP_UPLINK_ACTIVE
};

/* What was dropped of one inspector since the last LOSS record. */
struct insp_uplink_loss {
    uint32_t inspector;
    struct insp_record_loss sums;
};

struct insp_uplink {
    const struct insp_host *host;
    struct insp_directory *directory;
    struct insp_uplink_config config;
    char sensor[INSP_NAME_SIZE];
    uint32_t incarnation; /* Random, of this uplink's numbers. */

    /* Records in memory. */
    struct insp_queue queue;
    struct insp_queue urgent; /* Goes first. */
    struct insp_unacknowledged kept;
    size_t limit; /* Of all three. */
    uint64_t next_number;
    uint64_t linger_until;
    struct insp_uplink_loss losses[INSP_UPLINK_N_LOSSES];
    size_t n_losses;
    struct insp_frame_run lost[INSP_UPLINK_N_LOST]; /* To be told. */
    size_t n_lost;
    uint64_t last_report_ns; /* Wall clock: of the last record. */

    /* Counts. */
    uint64_t produced, recovered;
    uint64_t acknowledged, sent, dropped;
    uint64_t resent;

    /* On disk; NULL: no spool. */
    struct insp_spool *spool;
    uint64_t lowest_spooled; /* Number of this incarnation; 0: none. */
    uint64_t lost_before;    /* Reported by the restart record, */
    bool is_lost_told;       /* which is safe. */
    struct insp_watermark_values marked;
    uint64_t next_mark;
    uint64_t next_open; /* Try to open it again. */
    char spool_why[256];

    /* Encoder. */
    struct insp_ipfix_writer *writer;
    uint8_t *out;    /* INSP_UPLINK_OUT_SIZE. */
    size_t out_size; /* Being sent; 0: nothing. */
    uint64_t floor;  /* Of the numbers that may still come. */
    struct {
        uint32_t n;
        uint64_t end;      /* Behind the last one. */
    } jumps[2];            /* The older half, the newer. */
    uint64_t behind_last;  /* The number that would continue the last run. */
    bool has_been_orderly; /* At the last fill. */
    uint32_t gone[INSP_UPLINK_N_GONE]; /* To be told, for IPFIX. */
    size_t n_gone;

    /* Connection. */
    enum insp_uplink_state state;
    uint64_t state_since_ns; /* Wall clock. */
    uint64_t deadline;       /* Of the state. */
    unsigned int target;     /* Of config.targets. */
    unsigned int n_tried;    /* In this round. */
    struct insp_resolve *resolve;
    struct insp_dial dial;
    int fd;        /* While CONNECTING, else -1. */
    int listen_fd; /* While a target listens, else -1. */
    struct insp_tls_context *context;
    uint64_t files_mark;
    char files_why[256]; /* What is wrong with the files, or "". */
    struct insp_tls *tls;
    bool want_write;
    bool is_server;   /* The other end has dialled. */
    bool is_settling; /* HANDSHAKE is done, see uplink-session.c. */
    bool is_framed;
    bool is_welcome; /* The collector has said so. */
    uint32_t credit;
    uint8_t in[INSP_UPLINK_IN_SIZE];
    size_t in_size;
    uint64_t received_before;
    uint64_t handshake_began;
    uint64_t next_check;
    uint64_t deaf_since;
    uint64_t active_since;
    uint64_t warned_at;
    uint64_t down_since; /* 0: it is active. */
    uint64_t broke_at;   /* The last one that worked; 0. */
    uint32_t backoff_ms;
    uint64_t wire_before; /* Of connections that are closed. */
    uint64_t connects;
    char last_error[384];
    char peer[256];
    char protocol[64];
};

/* uplink.c */
void insp_uplink_fail(struct insp_uplink *, uint64_t now_ns,
                      const char *format, ...) INSP_PRINTF(3, 4);
void insp_uplink_enter(struct insp_uplink *, enum insp_uplink_state);
void insp_uplink_print_target(const struct insp_uplink_target *, char *,
                              size_t);

/* uplink-session.c: the socket, connected, begins to speak TLS. */
void insp_uplink_begin_session(struct insp_uplink *, int fd, bool is_server,
                               uint64_t now_ns);
void insp_uplink_shake_hands(struct insp_uplink *, uint64_t now_ns);
/* What has come in.  False: the connection is over. */
bool insp_uplink_receive(struct insp_uplink *, uint64_t now_ns);
/* The connection has ended by itself: insp_uplink_fail() with the reason, as
 * far as it can be known. */
void insp_uplink_broken(struct insp_uplink *, uint64_t now_ns);
/* Once a second: are the files still what they were, is anybody there? */
void insp_uplink_check(struct insp_uplink *, uint64_t now_ns);

/* uplink-send.c */
void insp_uplink_introduce(struct insp_uplink *);
/* Writes what is in 'out'.  False: not all of it could be. */
bool insp_uplink_write_out(struct insp_uplink *, uint64_t now_ns);
void insp_uplink_send(struct insp_uplink *, uint64_t now_ns);
bool insp_uplink_is_due(const struct insp_uplink *, uint64_t now_ns);
void insp_uplink_acknowledge(struct insp_uplink *,
                             const struct insp_frame_run *);
/* The connection is gone: what was on its way is to be sent again. */
void insp_uplink_land(struct insp_uplink *);
size_t insp_uplink_in_memory(const struct insp_uplink *);
void insp_uplink_make_room(struct insp_uplink *, size_t limit);
void insp_uplink_let_go(struct insp_uplink *, const struct insp_queued *);
void insp_uplink_add_loss(struct insp_uplink *, uint32_t inspector,
                          const struct insp_record_loss *);
void insp_uplink_add_lost(struct insp_uplink *, uint32_t incarnation,
                          uint64_t first, uint64_t count);

/* uplink-spool.c */
void insp_uplink_open_spool(struct insp_uplink *, uint64_t now_ns);
/* Keeps the record on disk instead of in memory.  False: it cannot. */
bool insp_uplink_spool(struct insp_uplink *, const struct insp_queued *,
                       uint64_t now_ns);
bool insp_uplink_has_spooled(const struct insp_uplink *);
uint64_t insp_uplink_held(const struct insp_uplink *);
void insp_uplink_run_spool(struct insp_uplink *, uint64_t now_ns);
void insp_uplink_mark(struct insp_uplink *, uint64_t now_ns);
/* All that is in memory goes to disk, if it can; and closes it.  '*held' is
 * how many records are on disk then. */
void insp_uplink_close_spool(struct insp_uplink *, uint64_t *held);

#endif /* export/uplink-private.h */
