/* Dialog, inside
 * ==============
 *
 * What dialog.c and event.c share, and nobody else sees.
 *
 * Above:    app/dialog.c, event.c.     Below:  app/dialog.h, stream.h.
 * Threads:  a dialog belongs to who holds its 'busy'.
 * Memory:   arrays of fixed size.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_APP_DIALOG_PRIVATE_H
#define INSP_APP_DIALOG_PRIVATE_H 1

#include "app/dialog.h"
#include "app/event.h"
#include "app/stream.h"

struct insp_dialog {
    _Atomic uint32_t link;      /* Free ones. */
    _Atomic uint32_t busy;
    _Atomic(struct insp_conn *) conn;   /* Whose it is... */
    uint32_t life;              /* ... in which of its lives; */
    uint32_t index;             /* its place in the table. */
    uint32_t events;            /* Open ones, oldest first: block, or 0. */
    uint8_t n_events;
    uint8_t app;                /* enum insp_app that reads; NONE: not known. */
    uint8_t n_datagrams[2];     /* Not understood, by direction. */
    bool after_gap[2];          /* By direction, like 'stream': 0 is from who
                                 * began. */
    struct insp_stream stream[2];
    uint64_t state[INSP_READER_STATE / 8];
    _Atomic uint8_t name_size;  /* Set once, after... */
    char name[INSP_APP_NAME_MAX];
} INSP_LINE_ALIGNED;

struct insp_dialogs {
    struct insp_store store;
    struct insp_dialog *dialogs;
    uint32_t n;
    size_t map_size;
    struct insp_stack free;
    struct insp_stack ended;    /* Events; links are those of small blocks. */
    _Atomic uint32_t fresh INSP_LINE_ALIGNED;
    _Atomic uint64_t facts[INSP_N_READER_FACTS] INSP_LINE_ALIGNED;
    _Atomic uint64_t connections[INSP_N_APPS];
    _Atomic bool off[INSP_N_APPS];
    _Atomic uint32_t used;

    /* Control thread. */
    uint32_t ready;             /* Events taken, oldest first, or
                                 * INSP_STACK_END. */
    uint32_t taken;             /* Block that was handed out last, or 0. */
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
    uint64_t begun_ns;
    uint64_t ended_ns;
    uint64_t first_ns;
    struct insp_key key;
    uint32_t block;             /* It stands in. */
    uint32_t next;              /* Of the dialog's open ones: block, or 0. */
    uint32_t more;              /* Large block with the values that had no
                                 * room, or 0. */
    uint32_t tag;
    uint32_t index;
    uint32_t port_id[2];
    uint16_t size;              /* Of 'values'... */
    uint16_t more_size;         /* ... and of those in 'more'. */
    uint8_t initiator;
    uint8_t app;
    bool is_cut;
    uint8_t values[];
};

#define INSP_EVENT_ROOM (INSP_BLOCK_SMALL - offsetof(struct insp_event, values))

static inline void
insp_dialogs_note(struct insp_dialogs *ds, enum insp_reader_fact fact)
{
    atomic_fetch_add_explicit(&ds->facts[fact], 1, memory_order_relaxed);
}

/* All open events go out. */
void insp_events_end_all(struct insp_dialogs *, struct insp_dialog *,
                         uint64_t now_ns);

#endif /* app/dialog-private.h */
