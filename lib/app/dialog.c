/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A segment goes through its direction's stream; what is in order there is
 * shown to the reader, who is found first (detect.c).  What the other side has
 * said before the protocol was known, and what was kept of it, is read then.
 * A datagram is shown as it is.
 */

#include "app/dialog-private.h"

#define AGAIN_MAX   4 /* Changes of protocol within one packet. */
#define PRINT_BYTES 128
#define COPY_NS     UINT64_C(20000000)

/* The first name stays: workers read it without holding the dialog. */
static void
set_name(struct insp_turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;
    char *to = d->name;

    if (r->name_size && !INSP_READ(d->name_size)) {
        if (r->name_size > sizeof d->name) {
            uint32_t block =
                insp_store_take(&t->ds->store, r->name_size, d->share);

            if (!block) {
                insp_dialogs_note(t->ds, INSP_READER_NO_BLOCK);
                return;
            }
            to = insp_block_at(&t->ds->store, block);
            atomic_store_explicit(&d->name_block, block, memory_order_relaxed);
        }
        memcpy(to, r->name, r->name_size);
        atomic_store_explicit(&d->name_size, r->name_size,
                              memory_order_release);
        t->changed = true;
    }
}

static void
init_reading(const struct insp_turn *t, struct insp_reading *r,
             unsigned int side, const uint8_t *bytes, size_t size,
             bool is_last)
{
    const struct insp_conn *conn = insp_dialog_conn(t->d);

    memset(r, 0, offsetof(struct insp_reading, name));
    r->bytes = bytes;
    r->size = size;
    r->is_stream = conn->key.proto == INSP_PROTO_TCP;
    r->is_last = is_last;
    r->after_gap = t->d->after_gap[side];
    r->unpassed = t->d->stream[side].pass;
    r->side = (uint8_t) side;
    r->proto = conn->key.proto;
    r->port[0] = conn->key.port[conn->initiator];
    r->port[1] = conn->key.port[!conn->initiator];
    r->now_ns = t->payload->now_ns;
    r->state = t->d->state;
    r->dialog = t->d;
    r->dialogs = t->ds;
}

/* How many of the bytes that follow a gap must be left out. */
static size_t
seek(const struct insp_reader *reader, const struct insp_reading *r)
{
    return reader->seek                          ? reader->seek(r)
           : reader->detect(r) == INSP_GUESS_YES ? 0
                                                 : r->size;
}

/* Shows bytes to the reader; returns how many it is done with. */
static size_t
show(struct insp_turn *t, unsigned int side, const uint8_t *bytes, size_t size,
     bool is_last, uint64_t *pass)
{
    struct insp_dialog *d = t->d;
    size_t done = 0;

    *pass = 0;
    for (int i = 0; i < AGAIN_MAX; i++) {
        struct insp_reading r;
        const struct insp_reader *reader;
        size_t n;

        init_reading(t, &r, side, done ? bytes + done : bytes, size - done,
                     is_last);
        if (!insp_turn_is_detected(t, &r)) {
            return done;
        }
        reader = insp_reader_of((enum insp_app) d->app);
        if (r.after_gap) {
            n = seek(reader, &r);
            if (n >= r.size) {
                return size;
            }
            r.bytes += n;
            r.size -= n;
            done += n;
        }
        d->after_gap[side] = false;
        insp_turn_say_at_work(t, (enum insp_app) d->app);
        n = reader->read(&r);
        done += INSP_MIN(n, r.size);
        *pass = r.pass;
        set_name(t, &r);
        if (r.stop) {
            t->stop = true;
            return done;
        }
        if (r.stop_side) {
            insp_turn_set_done(t, side);
            if (d->stream[!side].is_done) {
                t->stop = true;
            }
            return size;
        }
        if (!r.again) {
            return done;
        }
        insp_turn_begin_again(t);
        *pass = 0;
        if (done == size) {
            return done;
        }
    }
    return done;
}

static bool
is_at_end(const struct insp_stream *s, const struct insp_stream_view *view)
{
    return s->is_closed && s->next + (uint32_t) view->size == s->end;
}

/* The other direction's bytes that came before the protocol was known. */
static void
show_waiting(struct insp_turn *t, unsigned int side)
{
    struct insp_stream *s = &t->d->stream[side];
    struct insp_stream_view view;
    uint64_t pass;
    size_t n;

    insp_stream_look(s, &t->ds->store, &view);
    if (view.size && !s->is_done) {
        n = show(t, side, view.bytes, view.size, is_at_end(s, &view), &pass);
        if (!t->stop && !s->is_done) {
            insp_stream_done(s, &t->ds->store, &view, n, pass);
        }
    }
}

/* Bytes are missing: the reader goes on behind them, or does not. */
static void
mend_gap(struct insp_turn *t, unsigned int side)
{
    struct insp_dialog *d = t->d;
    struct insp_stream *s = &d->stream[side];
    const struct insp_reader *reader = insp_reader_of((enum insp_app) d->app);

    insp_dialogs_note(t->ds, INSP_READER_GAP);
    if (d->app != INSP_APP_NONE && reader->resyncs) {
        d->after_gap[side] = true;
        (void) insp_stream_resync(s, &t->ds->store);
        return;
    }
    insp_turn_set_done(t, side);
    if (d->stream[!side].is_done) {
        if (d->app == INSP_APP_NONE) {
            insp_turn_set_app(t, INSP_APP_UNKNOWN);
        }
        t->stop = true;
    }
}

/* Where the first segment that is read belongs. */
static void
begin_stream(struct insp_stream *s, const struct insp_payload *p)
{
    if (p->has_expected && p->tcp_seq - p->expected < INSP_READER_WINDOW) {
        insp_stream_begin(s, p->expected);
    }
}

/* A keep-alive may have a byte of garbage, in a place that was acknowledged
 * long ago (RFC 9293, section 3.8.4).  A stream that has begun knows it as
 * old. */
static bool
is_keep_alive(const struct insp_stream *s, const struct insp_payload *p)
{
    return !s->is_begun && p->has_expected && p->size == 1 &&
           p->tcp_seq + 1 == p->expected &&
           !(p->tcp_flags & (INSP_TCP_SYN | INSP_TCP_FIN | INSP_TCP_RST));
}

/* Of a RST only one that stands right behind what has come ends the
 * connection for sure: RFC 5961, section 3.2. */
static void
note_end(struct insp_stream *s, const struct insp_payload *p, size_t size)
{
    uint32_t have = s->next + (s->block ? s->size : 0);

    if (p->tcp_flags & INSP_TCP_FIN ||
        (p->tcp_flags & INSP_TCP_RST && s->is_begun && p->tcp_seq == have)) {
        s->is_closed = true;
        s->end = p->tcp_seq + (uint32_t) size;
    }
}

static void
read_stream(struct insp_turn *t, unsigned int side)
{
    const struct insp_payload *p = t->payload;
    struct insp_stream *s = &t->d->stream[side];
    bool was_known = t->d->app != INSP_APP_NONE;
    /* What a RST carries is a text for people (RFC 9293, section 3.5.3). */
    size_t size = p->tcp_flags & INSP_TCP_RST ? 0 : p->size;
    size_t at = 0;

    if (is_keep_alive(s, p)) {
        return;
    }
    if (!s->is_begun) {
        begin_stream(s, p);
    }
    note_end(s, p, size);
    do {
        struct insp_stream_view view;
        uint32_t seq = p->tcp_seq + (uint32_t) at;
        uint64_t pass = 0;
        size_t n = 0, took;
        bool is_last;

        /* What comes in order goes past the block. */
        if (s->block || (s->is_begun && seq != s->next)) {
            insp_dialog_set_room(t->d, side);
        }
        s->resyncs = t->d->app != INSP_APP_NONE &&
                     insp_reader_of((enum insp_app) t->d->app)->resyncs;
        took = insp_stream_push(s, &t->ds->store, seq,
                                p->bytes + INSP_MIN(at, p->captured),
                                p->captured - INSP_MIN(at, p->captured),
                                size - at, &view);
        at += took;
        is_last = is_at_end(s, &view);
        if ((view.size && view.is_new) || is_last) {
            n = show(t, side, view.bytes, view.size, is_last, &pass);
        }
        if (t->stop || s->is_done) {
            return;
        }
        /* What is left of the packet is kept, and the reader may have borrowed
         * some. */
        if (!s->block && n < view.size && pass < view.size - n) {
            insp_dialog_set_room(t->d, side);
        }
        insp_stream_done(s, &t->ds->store, &view, n, pass);
        if (!was_known && t->d->app != INSP_APP_NONE) {
            was_known = true;
            show_waiting(t, !side);
        }
        if (s->is_lost) {
            mend_gap(t, side);
            show_waiting(t, side);
        } else if (at < size && !took && !n && !pass) {
            insp_dialogs_note(t->ds, INSP_READER_STUCK);
            mend_gap(t, side);
            return;
        }
    } while (at < size && !t->stop && !s->is_done);
}

/* Copies of a flood come one behind the other, each for its own receiver. */
static bool
is_copy(struct insp_dialog *d, const struct insp_payload *p)
{
    uint32_t print = (uint32_t) p->size;
    bool again;

    for (size_t i = 0; i < INSP_MIN(p->captured, PRINT_BYTES); i++) {
        print = (print ^ p->bytes[i]) * UINT32_C(0x01000193);
    }
    again = print == d->last_print && p->now_ns - d->last_ns < COPY_NS;
    d->last_print = print;
    d->last_ns = p->now_ns;
    return again;
}

static void
read_datagram(struct insp_turn *t, unsigned int side)
{
    uint64_t pass;

    if (t->payload->may_be_copy && is_copy(t->d, t->payload)) {
        return;
    }
    if (!t->d->stream[side].is_done) {
        (void) show(t, side, t->payload->bytes, t->payload->captured, true,
                    &pass);
    }
}

/* Open records are larger than they may be: the oldest go out as they are. */
static void
trim(struct insp_turn *t)
{
    while (t->d->event_bytes > INSP_DIALOG_RECORDS_MAX && t->d->n_events > 1) {
        insp_event_end_oldest(t->ds, t->d, t->payload->now_ns);
    }
}

bool
insp_dialog_feed(struct insp_dialogs *ds, struct insp_conn *conn,
                 unsigned int side, const struct insp_payload *payload)
{
    struct insp_dialog *d = insp_dialog_take(ds, conn, side, payload->index);
    struct insp_turn t = { .ds = ds, .d = d, .payload = payload };

    if (!d) {
        return INSP_READ(conn->app) == INSP_APP_UNREAD;
    }
    if (!INSP_READ(conn->flow[side].reads)) {
        insp_dialog_set_reads(conn, side, INSP_READS_ON);
    }
    side ^= conn->initiator; /* From here on 0 is who began. */
    if (conn->key.proto == INSP_PROTO_TCP) {
        read_stream(&t, side);
    } else {
        read_datagram(&t, side);
    }
    insp_turn_say_at_work(&t, INSP_APP_NONE);
    if (t.stop) {
        insp_dialog_finish(ds, d, payload->now_ns, true);
    } else {
        trim(&t);
        insp_dialog_let_go(d);
    }
    return t.changed;
}

bool
insp_dialog_pass_by(struct insp_dialogs *ds, struct insp_conn *conn)
{
    uint8_t none = INSP_APP_NONE;

    insp_dialogs_note(ds, INSP_READER_FRAGMENT);
    if (!atomic_compare_exchange_strong_explicit(
            &conn->app, &none, INSP_APP_UNREAD, memory_order_relaxed,
            memory_order_relaxed)) {
        return false;
    }
    atomic_fetch_add_explicit(&ds->connections[INSP_APP_UNREAD], 1,
                              memory_order_relaxed);
    return true;
}

/* What came behind holes that nothing will fill any more. */
static void
read_rest(struct insp_turn *t, unsigned int side)
{
    struct insp_stream *s = &t->d->stream[side];

    for (int i = 0;
         i <= INSP_STREAM_RANGES && s->n_ranges && !s->is_done && !t->stop;
         i++) {
        mend_gap(t, side);
        show_waiting(t, side);
    }
}

void
insp_dialog_end(struct insp_dialogs *ds, struct insp_conn *conn)
{
    struct insp_payload none = { .now_ns = insp_conn_last_ns(conn) };
    struct insp_turn t = { .ds = ds, .payload = &none };

    t.d = insp_dialog_take_last(ds, conn);
    if (!t.d) {
        return;
    }
    for (unsigned int side = 0; side < 2; side++) {
        read_rest(&t, side);
    }
    if (INSP_READ(conn->app) == INSP_APP_NONE) {
        insp_turn_set_app(&t, INSP_APP_UNKNOWN);
    }
    insp_dialog_finish(ds, t.d, none.now_ns, false);
}
