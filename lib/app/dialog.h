/* SPDX-License-Identifier: Apache-2.0 */
/* Dialog
 * ======
 *
 * What is known of a connection while its bytes are read: the protocol, as
 * soon as the bytes say it, the reader's state, both streams, open events.
 *
 *     payload --> stream (in order) --> detect, then read --> events
 *                                           |
 *                                           +--> app, server name: rules
 *
 * A dialog is lent to a connection with its first payload, and goes back when
 * its reader wants no more (unless it holds a server name) or when the
 * connection ends.
 *
 * Above:    engine/.               Below:  app/event.h, app/stream.h,
 *                                          flow/table.h.
 * Threads:  feed() by a worker inside the epoch; two that have a direction
 *           each do not wait for each other: who comes second passes its
 *           packet by, counted as "busy".  end() and next() by the control
 *           thread.
 * Memory:   all taken in insp_dialogs_create().
 * Time:     the packet's.
 * Fails:    create with ENOMEM; otherwise by a counted fact.
 */

#ifndef INSP_APP_DIALOG_H
#define INSP_APP_DIALOG_H 1

#include "app/app.h"
#include "flow/table.h"

enum insp_reader_fact {
#define INSP_READER_FACT(NAME, WORD, TEXT) INSP_READER_##NAME,
#include "app/reader.def"
#undef INSP_READER_FACT
    INSP_N_READER_FACTS
};

const char *insp_reader_fact_word(enum insp_reader_fact);

struct insp_dialogs_config {
    uint32_t n_dialogs;
    uint32_t n_small; /* Blocks, see insp_store_init(). */
    uint32_t n_large;
};

/* What a table of 'flow_limit' connections is given. */
void insp_dialogs_config_for(uint32_t flow_limit,
                             struct insp_dialogs_config *);

size_t insp_dialogs_size(const struct insp_dialogs_config *);
/* Bytes that the kernel still owes (base/memory.h). */
uint64_t insp_dialogs_untouched(const struct insp_dialogs *);
int insp_dialogs_create(const struct insp_dialogs_config *,
                        struct insp_dialogs **) INSP_MUST_USE;
void insp_dialogs_destroy(struct insp_dialogs *);

/* Worker: whether 'side' of the connection has anything to be read in a packet
 * with that payload. */
static inline bool
insp_dialog_wants(const struct insp_conn *conn, unsigned int side,
                  uint32_t payload_size, uint8_t tcp_flags)
{
    uint8_t reads = INSP_READ(conn->flow[side].reads);

    return reads != INSP_READS_DONE &&
           (payload_size ||
            (reads && tcp_flags & (INSP_TCP_FIN | INSP_TCP_RST)));
}

/* A packet's payload. */
struct insp_payload {
    const uint8_t *bytes; /* 'captured' of 'size'. */
    size_t captured;
    size_t size;
    uint32_t index;    /* Of the connection, in its table. */
    uint32_t tcp_seq;  /* Of the first byte of the payload. */
    uint32_t expected; /* What was expected in its place, when the
                        * direction has had packets before. */
    bool has_expected;
    uint8_t tcp_flags;
    _Atomic uint8_t *at_work; /* Where it is to be said which reader is at
                               * work (enum insp_app); NULL: nowhere. */
    bool may_be_copy;         /* Of a datagram that was read already, for
                               * another receiver of a group. */
    uint64_t now_ns;
};

/* Worker: reads.  Returns true when what rules look at has changed: the
 * protocol or the server name has become known. */
bool insp_dialog_feed(struct insp_dialogs *, struct insp_conn *,
                      unsigned int side, const struct insp_payload *);

/* Worker: a payload is in fragments of IP, which are not put together, so that
 * a connection of which nothing is known yet is UNREAD.  Returns as feed(). */
bool insp_dialog_pass_by(struct insp_dialogs *, struct insp_conn *);

/* Worker, control: the server name, of at most INSP_APP_NAME_MAX bytes; "":
 * not known.  'name' has room for it and a zero. */
void insp_dialog_name(const struct insp_dialogs *, const struct insp_conn *,
                      char *name);

/* Control: whether anybody asks for server names.  If not, they go with what
 * else is known when a reader is done. */
void insp_dialogs_want_names(struct insp_dialogs *, bool);

/* Control: names that DNS gives to addresses are kept, or are not. */
int insp_dialogs_keep_names(struct insp_dialogs *, bool on,
                            const struct insp_hash_key *) INSP_MUST_USE;

/* Worker: the name under which who began the connection was told the address
 * of who answers; false: none is known.  'name' as above. */
bool insp_dialogs_find_name(const struct insp_dialogs *,
                            const struct insp_conn *, uint64_t now_ns,
                            char *name);

/* Control: the connection has ended, and nobody holds it: what is open goes
 * out. */
void insp_dialog_end(struct insp_dialogs *, struct insp_conn *);

/* What was found, in the order in which it was. */
struct insp_event_report {
    const struct insp_key *key;
    uint32_t index;      /* Of the connection... */
    uint64_t first_ns;   /* ... and when it began. */
    uint64_t ended_ns;   /* When the event was complete. */
    uint32_t port_id[2]; /* By side of the key. */
    uint8_t initiator;   /* Side of the key. */
    uint8_t app;         /* enum insp_app: whose fields they are... */
    uint8_t conn_app;    /* ... and what the connection speaks, */
    uint8_t conn_state;  /* and enum insp_conn_state bits of it. */
    bool is_cut;
    const uint8_t *values; /* See insp_value_next(). */
    size_t size;
    const uint8_t *more; /* The same, behind them; or NULL. */
    size_t more_size;
};

/* Control: the next event, valid until the next call; false: none now. */
bool insp_dialogs_next(struct insp_dialogs *,
                       struct insp_event_report *) INSP_MUST_USE;

/* Any thread. */
struct insp_dialogs_stats {
    uint32_t n_dialogs, used;
    uint32_t n_blocks, used_blocks; /* Of all sizes. */
    size_t bytes;                   /* Of memory. */
    uint64_t facts[INSP_N_READER_FACTS];
    uint64_t connections[INSP_N_APPS]; /* By what they turned out to be. */
};
void insp_dialogs_get_stats(const struct insp_dialogs *,
                            struct insp_dialogs_stats *);

/* Bytes of memory that are the connection's at this moment: the dialog, what
 * waits, and tables; '*records': those that are being made.  0: it has none.
 * For tests, when nobody feeds it. */
size_t insp_dialogs_held(const struct insp_dialogs *, const struct insp_conn *,
                         size_t *records);

/* Any thread: one protocol is not to be read any more, or is again. */
void insp_dialogs_switch(struct insp_dialogs *, enum insp_app, bool on);
bool insp_dialogs_reads(const struct insp_dialogs *, enum insp_app);

#endif /* app/dialog.h */
