/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A connection has at most one dialog, by number in 'conn->dialog'; a dialog
 * says whose it is.  A worker that has found one by that number and then got
 * hold of it looks again whether it is still the same connection's, because it
 * may have gone back and been lent to another one in between.
 *
 * A worker that found no number may be late as well: another one may have been
 * lent a dialog and have finished with it meanwhile.  That it has, stands in
 * 'reads', which is written before the number goes, so whoever has taken the
 * number's place looks there again.
 */

#include "app/dialog-private.h"

#include <sched.h>

/* A reader is done with a packet within a microsecond or two, so it is worth
 * looking again that long: what a packet says that is passed by is lost, and
 * with it perhaps all that the connection tells. */
#define LOOKS_MAX 400

static bool
hold(struct insp_dialog *d)
{
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (!INSP_READ(d->busy) &&
            !atomic_exchange_explicit(&d->busy, 1, memory_order_acquire)) {
            return true;
        }
        insp_relax();
    }
    return false;
}

void
insp_dialog_let_go(struct insp_dialog *d)
{
    atomic_store_explicit(&d->busy, 0, memory_order_release);
}

static uint32_t
take_free(struct insp_dialogs *ds, uint8_t share)
{
    uint32_t at;

    if (!insp_share_take(&ds->shares, share, ds->n)) {
        return INSP_STACK_END;
    }
    at = insp_stack_pop(&ds->free);
    if (at == INSP_STACK_END && INSP_READ(ds->fresh) < ds->n) {
        at = atomic_fetch_add_explicit(&ds->fresh, 1, memory_order_relaxed);
    }
    if (at >= ds->n) {
        insp_share_give(&ds->shares, share);
        return INSP_STACK_END;
    }
    return at;
}

static void
give_free(struct insp_dialogs *ds, uint8_t share, uint32_t at)
{
    insp_share_give(&ds->shares, share);
    insp_stack_push(&ds->free, at);
}

/* A new one for 'conn', held; NULL: there is none, or another worker was
 * quicker. */
static struct insp_dialog *
lend(struct insp_dialogs *ds, struct insp_conn *conn, uint32_t index)
{
    uint8_t share = insp_share_of(INSP_READ(conn->flow[conn->initiator].port));
    uint32_t at = take_free(ds, share), none = 0;
    struct insp_dialog *d;

    if (at == INSP_STACK_END) {
        insp_dialogs_note(ds, INSP_READER_NO_DIALOG);
        (void) insp_dialogs_set_app(ds, conn, INSP_APP_UNREAD);
        insp_dialog_set_reads(conn, 0, INSP_READS_DONE);
        insp_dialog_set_reads(conn, 1, INSP_READS_DONE);
        return NULL;
    }
    d = &ds->dialogs[at];
    /* Someone who has found it by an old number may hold it for a moment. */
    if (!hold(d)) {
        give_free(ds, share, at);
        insp_dialogs_note(ds, INSP_READER_BUSY);
        return NULL;
    }
    atomic_store_explicit(&d->conn, conn, memory_order_relaxed);
    d->life = conn->life;
    d->index = index;
    memset((uint8_t *) d + offsetof(struct insp_dialog, events), 0,
           offsetof(struct insp_dialog, name_size) -
               offsetof(struct insp_dialog, events));
    atomic_store_explicit(&d->name_size, 0, memory_order_relaxed);
    d->share = share;
    d->stream[0].share = share;
    d->stream[1].share = share;
    if (!atomic_compare_exchange_strong_explicit(&conn->dialog, &none, at + 1,
                                                 memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        atomic_store_explicit(&d->conn, NULL, memory_order_relaxed);
        insp_dialog_let_go(d);
        give_free(ds, share, at);
        insp_dialogs_note(ds, INSP_READER_BUSY);
        return NULL;
    }
    return d;
}

/* The one that has that number, held, if it is the connection's. */
static struct insp_dialog *
find(struct insp_dialogs *ds, const struct insp_conn *conn, uint32_t number)
{
    struct insp_dialog *d = &ds->dialogs[number - 1];

    if (!hold(d)) {
        insp_dialogs_note(ds, INSP_READER_BUSY);
        return NULL;
    }
    if (insp_dialog_conn(d) != conn || d->life != conn->life) {
        insp_dialog_let_go(d);
        return NULL;
    }
    return d;
}

struct insp_dialog *
insp_dialog_take(struct insp_dialogs *ds, struct insp_conn *conn,
                 unsigned int side, uint32_t index)
{
    uint32_t number =
        atomic_load_explicit(&conn->dialog, memory_order_acquire);
    struct insp_dialog *d =
        number ? find(ds, conn, number) : lend(ds, conn, index);

    if (d && INSP_READ(conn->flow[side].reads) == INSP_READS_DONE) {
        if (number) {
            insp_dialog_let_go(d);
        } else {
            insp_dialog_finish(ds, d, 0, false);
        }
        return NULL;
    }
    return d;
}

void *
insp_reading_memory(struct insp_reading *r, unsigned int i, size_t size)
{
    struct insp_store *store = &r->dialogs->store;
    uint32_t *block;

    if (i >= INSP_READING_MEMORIES) {
        return NULL;
    }
    block = &r->dialog->memory[i];
    if (!*block) {
        size_t left = INSP_DIALOG_HELD_MAX - insp_dialog_borrowed(r->dialog);

        *block = insp_block_size_for(size) <= left
                     ? insp_store_take(store, size, r->dialog->share)
                     : 0;
        if (!*block) {
            insp_dialogs_note(r->dialogs, INSP_READER_NO_BLOCK);
            return NULL;
        }
        memset(insp_block_at(store, *block), 0, size);
    }
    return size <= insp_block_size(*block) ? insp_block_at(store, *block)
                                           : NULL;
}

size_t
insp_dialog_borrowed(const struct insp_dialog *d)
{
    size_t size = sizeof *d + insp_block_size(INSP_READ(d->name_block)) +
                  insp_block_size(d->stream[0].block) +
                  insp_block_size(d->stream[1].block);

    for (unsigned int i = 0; i < INSP_READING_MEMORIES; i++) {
        size += insp_block_size(d->memory[i]);
    }
    return size;
}

/* While it grows a stream has two blocks, for as long as it takes to copy. */
void
insp_dialog_set_room(struct insp_dialog *d, unsigned int side)
{
    size_t others =
        insp_dialog_borrowed(d) - insp_block_size(d->stream[side].block);

    d->stream[side].room = (uint16_t) (INSP_DIALOG_HELD_MAX - others);
}

static void
free_memory(struct insp_dialogs *ds, struct insp_dialog *d, unsigned int i)
{
    if (d->memory[i]) {
        insp_store_give(&ds->store, d->memory[i]);
        d->memory[i] = 0;
    }
}

void
insp_reading_free_memory(struct insp_reading *r, unsigned int i)
{
    free_memory(r->dialogs, r->dialog, i);
}

void
insp_dialog_give_memory_back(struct insp_dialogs *ds, struct insp_dialog *d)
{
    for (unsigned int i = 0; i < INSP_READING_MEMORIES; i++) {
        free_memory(ds, d, i);
    }
}

static void
give_name_back(struct insp_dialogs *ds, struct insp_dialog *d)
{
    uint32_t block = INSP_READ(d->name_block);

    if (block) {
        atomic_store_explicit(&d->name_block, 0, memory_order_relaxed);
        insp_store_give(&ds->store, block);
    }
}

void
insp_dialog_finish(struct insp_dialogs *ds, struct insp_dialog *d,
                   uint64_t now_ns, bool keep_name)
{
    struct insp_conn *conn = insp_dialog_conn(d);
    uint8_t share;

    insp_events_end_all(ds, d, now_ns);
    insp_stream_end(&d->stream[0], &ds->store);
    insp_stream_end(&d->stream[1], &ds->store);
    insp_dialog_give_memory_back(ds, d);
    insp_dialog_set_reads(conn, 0, INSP_READS_DONE);
    insp_dialog_set_reads(conn, 1, INSP_READS_DONE);
    if (keep_name && INSP_READ(d->name_size) && INSP_READ(ds->wants_names)) {
        insp_dialog_let_go(d);
        return;
    }
    /* Release: who finds no number finds 'reads' done. */
    atomic_store_explicit(&conn->dialog, 0, memory_order_release);
    atomic_store_explicit(&d->conn, NULL, memory_order_relaxed);
    share = d->share;
    give_name_back(ds, d);
    insp_dialog_let_go(d);
    give_free(ds, share, (uint32_t) (d - ds->dialogs));
}

/* Without getting hold of it.  The size is loaded before it is looked whether
 * the dialog is still the connection's: so a size that is not 0 was of this
 * connection, and then the dialog, with the name in it, stays its own until
 * that ends.  Had it been of the next one, the number would be gone by now. */
void
insp_dialog_name(const struct insp_dialogs *ds, const struct insp_conn *conn,
                 char *name)
{
    uint32_t number =
        atomic_load_explicit(&conn->dialog, memory_order_acquire);
    const struct insp_dialog *d = number ? &ds->dialogs[number - 1] : NULL;
    uint8_t size = 0;
    uint32_t block;

    if (d) {
        size = atomic_load_explicit(&d->name_size, memory_order_acquire);
        if (insp_dialog_conn(d) != conn || INSP_READ(conn->dialog) != number) {
            size = 0;
        }
        block = INSP_READ(d->name_block);
        if (size <= sizeof d->name) {
            memcpy(name, d->name, size);
        } else if (block) {
            memcpy(name, insp_block_at(&ds->store, block), size);
        } else {
            size = 0; /* It goes, because nobody wants names now. */
        }
    }
    name[size] = '\0';
}

struct insp_dialog *
insp_dialog_take_last(struct insp_dialogs *ds, const struct insp_conn *conn)
{
    uint32_t number = INSP_READ(conn->dialog);
    struct insp_dialog *d = number ? &ds->dialogs[number - 1] : NULL;

    /* Nobody has this connection any more, but someone may have found the
     * dialog by the number that another one had for it, for a moment. */
    while (d && !hold(d)) {
        sched_yield();
    }
    return d;
}
