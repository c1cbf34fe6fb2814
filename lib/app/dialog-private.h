/* SPDX-License-Identifier: Apache-2.0 */
/* Dialog, inside
 * ==============
 *
 * What the files that make up a dialog share, and nobody else sees.
 *
 * Above:    app/dialog.c, dialogs.c, lend.c, detect.c, event.c, assemble.c.
 * Below:    app/dialog.h, stream.h.
 * Threads:  a dialog belongs to who holds its 'busy'.
 * Memory:   arrays of fixed size.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_APP_DIALOG_PRIVATE_H
#define INSP_APP_DIALOG_PRIVATE_H 1

#include "app/dialog.h"
#include "app/event.h"
#include "app/names.h"
#include "app/stream.h"

/* What a connection may have of memory while it is read: the dialog, what
 * waits and tables... */
#define INSP_DIALOG_HELD_MAX    4096
/* ... and, beside that, records that are being made: if there is more than one
 * of them, and they are beyond, the oldest go out unfinished. */
#define INSP_DIALOG_RECORDS_MAX (2 * INSP_EVENTS_OPEN * INSP_BLOCK_SMALL)

/* Of a server name so much stands in the dialog; a longer one in a block. */
#define INSP_DIALOG_NAME 104

struct insp_dialog {
    _Atomic uint32_t link; /* Free ones. */
    _Atomic uint32_t busy;
    uint8_t share; /* Whose dialogs and blocks it counts as. */
    _Atomic(struct insp_conn *) conn; /* Whose it is... */
    uint32_t life;                    /* ... in which of its lives; */
    uint32_t index;                   /* its place in the table. */
    uint32_t events;      /* Open ones, oldest first: block, or 0... */
    uint32_t event_bytes; /* ... and how large all their blocks are. */
    uint8_t n_events;
    uint8_t app;            /* enum insp_app that reads; NONE: not known. */
    uint8_t n_datagrams[2]; /* Not understood, by direction. */
    uint32_t last_print;    /* Of the last datagram that may have had
                             * copies, ... */
    uint64_t last_ns;       /* ... and when it came. */
    bool after_gap[2];      /* By direction, like 'stream': 0 is from who
                             * began. */
    struct insp_stream stream[2];
    uint32_t memory[INSP_READING_MEMORIES]; /* Borrowed blocks, or 0. */
    uint64_t state[INSP_READER_STATE / 8];
    _Atomic uint8_t name_size; /* Set once, after... */
    char name[INSP_DIALOG_NAME];
    _Atomic uint32_t name_block; /* ... or a block with it. */
} INSP_LINE_ALIGNED;

_Static_assert(sizeof(struct insp_dialog) == 512, "is what is promised");
_Static_assert(sizeof(struct insp_dialog) + INSP_BLOCK_SMALL +
                       INSP_BLOCK_LARGE <=
                   INSP_DIALOG_HELD_MAX,
               "one side may have the largest block, the other a small one");
_Static_assert(INSP_APP_NAME_MAX <= INSP_BLOCK_SMALL, "a name fits");

struct insp_dialogs {
    struct insp_store store;
    struct insp_dialog *dialogs;
    uint32_t n;
    size_t map_size;
    struct insp_stack free;
    struct insp_stack ended; /* Events; links are those of small blocks. */
    _Atomic uint32_t fresh INSP_LINE_ALIGNED;
    _Atomic uint64_t facts[INSP_N_READER_FACTS] INSP_LINE_ALIGNED;
    _Atomic uint64_t connections[INSP_N_APPS];
    _Atomic bool off[INSP_N_APPS];
    struct insp_shares shares;          /* Of dialogs. */
    _Atomic(struct insp_names *) names; /* NULL: never were kept. */
    _Atomic bool keeps_names;           /* Those that DNS tells. */
    _Atomic bool wants_names; /* Of servers, for as long as connections
                               * live. */

    /* Control thread. */
    uint32_t ready; /* Events taken, oldest first, or
                     * INSP_STACK_END. */
    uint32_t taken; /* Block that was handed out last, or 0. */
};

/* Whose it is, for who holds it. */
static inline struct insp_conn *
insp_dialog_conn(const struct insp_dialog *d)
{
    return atomic_load_explicit(&d->conn, memory_order_relaxed);
}

/* At the beginning of a small block; values behind it. */
struct insp_event {
    struct insp_dialogs *dialogs;
    struct insp_dialog *dialog; /* While it is open. */
    uint64_t begun_ns;
    uint64_t ended_ns;
    uint64_t first_ns;
    struct insp_key key;
    uint32_t block; /* It stands in. */
    uint32_t next;  /* Of the dialog's open ones: block, or 0. */
    uint32_t more;  /* Block with the values that had no room, or
                     * 0. */
    uint32_t tag;
    uint32_t index;
    uint32_t port_id[2];
    uint16_t size;      /* Of 'values'... */
    uint16_t more_size; /* ... and of those in 'more'. */
    uint8_t initiator;
    uint8_t app;
    uint8_t conn_app;   /* Of the connection, when it ended. */
    uint8_t conn_state; /* The same. */
    bool is_cut;
    uint64_t seen; /* Fields, by number % 64: what is not here has
                    * not been set. */
    uint8_t values[];
};

#define INSP_EVENT_ROOM                                                       \
    (INSP_BLOCK_SMALL - offsetof(struct insp_event, values))

static inline void
insp_dialogs_note(struct insp_dialogs *ds, enum insp_reader_fact fact)
{
    atomic_fetch_add_explicit(&ds->facts[fact], 1, memory_order_relaxed);
}

/* What 'conn' speaks; true: that is new. */
static inline bool
insp_dialogs_set_app(struct insp_dialogs *ds, struct insp_conn *conn,
                     enum insp_app app)
{
    if (INSP_READ(conn->app) == app) {
        return false;
    }
    atomic_store_explicit(&conn->app, (uint8_t) app, memory_order_relaxed);
    atomic_fetch_add_explicit(&ds->connections[app], 1, memory_order_relaxed);
    return true;
}

/* How large it is with all that it has borrowed, but for open events... */
size_t insp_dialog_borrowed(const struct insp_dialog *);
/* ... and what a block for that side's bytes may have. */
void insp_dialog_set_room(struct insp_dialog *, unsigned int side);

/* The oldest open event goes out. */
void insp_event_end_oldest(struct insp_dialogs *, struct insp_dialog *,
                           uint64_t now_ns);
/* All open events go out. */
void insp_events_end_all(struct insp_dialogs *, struct insp_dialog *,
                         uint64_t now_ns);

static inline void
insp_dialog_set_reads(struct insp_conn *conn, unsigned int side,
                      enum insp_reads reads)
{
    atomic_store_explicit(&conn->flow[side].reads, (uint8_t) reads,
                          memory_order_relaxed);
}

/* Worker (lend.c): the dialog of 'conn', held, or a new one; NULL: there is
 * none, another worker holds it, or nobody wants any more of 'side'. */
struct insp_dialog *insp_dialog_take(struct insp_dialogs *, struct insp_conn *,
                                     unsigned int side, uint32_t index);
/* Control: the dialog of a connection that has ended, held; NULL: none. */
struct insp_dialog *insp_dialog_take_last(struct insp_dialogs *,
                                          const struct insp_conn *);
void insp_dialog_let_go(struct insp_dialog *);
void insp_dialog_give_memory_back(struct insp_dialogs *, struct insp_dialog *);

/* Worker, control (lend.c): nobody reads any more; the dialog, which is held,
 * is let go and goes back, unless it has a name that is to be kept. */
void insp_dialog_finish(struct insp_dialogs *, struct insp_dialog *,
                        uint64_t now_ns, bool keep_name);

/* A packet on its way through the dialog. */
struct insp_turn {
    struct insp_dialogs *ds;
    struct insp_dialog *d;
    const struct insp_payload *payload;
    bool changed; /* What rules look at. */
    bool stop;
};

/* Detection (detect.c).  Who reads is known, or the bytes are not to be read
 * now: the side has had its chance then, or waits for more. */
bool insp_turn_is_detected(struct insp_turn *, const struct insp_reading *);
void insp_turn_set_app(struct insp_turn *, enum insp_app);
/* Nobody reads this side any more; 0 is who began.  What was kept of it is
 * gone. */
void insp_turn_set_done(struct insp_turn *, unsigned int side);
/* Another protocol begins. */
void insp_turn_begin_again(struct insp_turn *);
/* For whoever must say, after a crash, who was at work. */
void insp_turn_say_at_work(const struct insp_turn *, enum insp_app);

#endif /* app/dialog-private.h */
