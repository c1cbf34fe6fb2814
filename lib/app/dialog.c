/* How it works
 * ------------
 *
 * A connection has at most one dialog, by number in 'conn->dialog'; a dialog
 * says whose it is.  A worker that has found one by that number and then got
 * hold of it looks again whether it is still the same connection's, because it
 * may have gone back and been lent to another one in between.
 *
 * Detection: the readers that the ports suggest are asked first, then all
 * others; the first YES has the connection.  A side about which all say NO has
 * had its chance; when both have, the protocol is unknown, or one that is
 * known by its first words alone.  What the other side has said before the
 * protocol was known, and what was kept of it, is read first.
 */

#include "app/dialog-private.h"

#include <errno.h>
#include <sys/mman.h>

#define GUESS_BYTES     512 /* A side that is still MAYBE by then is not. */
#define GUESS_DATAGRAMS 3
#define AGAIN_MAX       4   /* Changes of protocol within one packet. */

const char *
insp_reader_fact_word(enum insp_reader_fact fact)
{
    static const char *const words[INSP_N_READER_FACTS] = {
#define INSP_READER_FACT(NAME, WORD, TEXT) [INSP_READER_##NAME] = WORD,
#include "app/reader.def"
#undef INSP_READER_FACT
    };

    return (unsigned int) fact < INSP_N_READER_FACTS ? words[fact] : "?";
}

/* ------------------------------------------------------------------------ */
/* Life. */

void
insp_dialogs_config_for(uint32_t flow_limit, struct insp_dialogs_config *c)
{
    c->n_dialogs = INSP_MAX(flow_limit / 4, 64);
    c->n_small = INSP_MIN(INSP_MAX(flow_limit / 8, 256), 32768);
    c->n_large = INSP_MIN(INSP_MAX(flow_limit / 256, 32), 1024);
}

static size_t
map_size(uint32_t n_dialogs)
{
    size_t size = sizeof(struct insp_dialogs) +
                  (size_t) n_dialogs * sizeof(struct insp_dialog);

    return (size + 4095) & ~(size_t) 4095;
}

size_t
insp_dialogs_size(const struct insp_dialogs_config *c)
{
    return map_size(c->n_dialogs) + insp_store_size(c->n_small, c->n_large);
}

int
insp_dialogs_create(const struct insp_dialogs_config *c,
                    struct insp_dialogs **dsp)
{
    size_t size = map_size(c->n_dialogs);
    struct insp_dialogs *ds;
    int error;

    *dsp = NULL;
    ds = mmap(NULL, size, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ds == MAP_FAILED) {
        return errno;
    }
    error = insp_store_init(&ds->store, c->n_small, c->n_large);
    if (error) {
        munmap(ds, size);
        return error;
    }
    ds->map_size = size;
    ds->dialogs = (struct insp_dialog *) (ds + 1);
    ds->n = c->n_dialogs;
    ds->ready = INSP_STACK_END;
    insp_stack_init(&ds->free, &ds->dialogs[0].link, sizeof ds->dialogs[0]);
    insp_stack_init(&ds->ended, ds->store.small.links,
                    sizeof ds->store.small.links[0]);
    *dsp = ds;
    return 0;
}

void
insp_dialogs_destroy(struct insp_dialogs *ds)
{
    if (ds) {
        insp_store_uninit(&ds->store);
        munmap(ds, ds->map_size);
    }
}

void
insp_dialogs_switch(struct insp_dialogs *ds, enum insp_app app, bool on)
{
    if ((unsigned int) app < INSP_N_APPS) {
        atomic_store_explicit(&ds->off[app], !on, memory_order_relaxed);
    }
}

bool
insp_dialogs_reads(const struct insp_dialogs *ds, enum insp_app app)
{
    return (unsigned int) app < INSP_N_APPS && !INSP_READ(ds->off[app]);
}

void
insp_dialogs_get_stats(const struct insp_dialogs *ds,
                       struct insp_dialogs_stats *stats)
{
    stats->n_dialogs = ds->n;
    stats->used = INSP_READ(ds->used);
    stats->n_blocks = ds->store.small.n + ds->store.large.n;
    stats->used_blocks = INSP_READ(ds->store.used);
    for (unsigned int i = 0; i < INSP_N_READER_FACTS; i++) {
        stats->facts[i] = INSP_READ(ds->facts[i]);
    }
    for (unsigned int i = 0; i < INSP_N_APPS; i++) {
        stats->connections[i] = INSP_READ(ds->connections[i]);
    }
}

/* ------------------------------------------------------------------------ */
/* Lending. */

static bool
hold(struct insp_dialog *d)
{
    return !atomic_exchange_explicit(&d->busy, 1, memory_order_acquire);
}

static void
let_go(struct insp_dialog *d)
{
    atomic_store_explicit(&d->busy, 0, memory_order_release);
}

static void
set_reads(struct insp_conn *conn, unsigned int side, enum insp_reads reads)
{
    atomic_store_explicit(&conn->flow[side].reads, (uint8_t) reads,
                          memory_order_relaxed);
}

/* A new one for 'conn', held; NULL: there is none, or another worker was
 * quicker. */
static struct insp_dialog *
lend(struct insp_dialogs *ds, struct insp_conn *conn, uint32_t index)
{
    uint32_t at = insp_stack_pop(&ds->free), none = 0;
    struct insp_dialog *d;

    if (at == INSP_STACK_END && INSP_READ(ds->fresh) < ds->n) {
        at = atomic_fetch_add_explicit(&ds->fresh, 1, memory_order_relaxed);
    }
    if (at >= ds->n) {
        insp_dialogs_note(ds, INSP_READER_NO_DIALOG);
        set_reads(conn, 0, INSP_READS_DONE);
        set_reads(conn, 1, INSP_READS_DONE);
        return NULL;
    }
    d = &ds->dialogs[at];
    /* Someone who has found it by an old number may hold it for a moment. */
    if (!hold(d)) {
        insp_stack_push(&ds->free, at);
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
    if (!atomic_compare_exchange_strong_explicit(
            &conn->dialog, &none, at + 1, memory_order_release,
            memory_order_relaxed)) {
        atomic_store_explicit(&d->conn, NULL, memory_order_relaxed);
        let_go(d);
        insp_stack_push(&ds->free, at);
        insp_dialogs_note(ds, INSP_READER_BUSY);
        return NULL;
    }
    atomic_fetch_add_explicit(&ds->used, 1, memory_order_relaxed);
    return d;
}

/* Held on return, or NULL. */
static struct insp_dialog *
take(struct insp_dialogs *ds, struct insp_conn *conn, uint32_t index)
{
    uint32_t number =
        atomic_load_explicit(&conn->dialog, memory_order_acquire);
    struct insp_dialog *d;

    if (!number) {
        return lend(ds, conn, index);
    }
    d = &ds->dialogs[number - 1];
    if (!hold(d)) {
        insp_dialogs_note(ds, INSP_READER_BUSY);
        return NULL;
    }
    if (insp_dialog_conn(d) != conn || d->life != conn->life) {
        let_go(d);
        return NULL;
    }
    return d;
}

/* Nobody reads any more; 'd' is held and let go. */
static void
finish(struct insp_dialogs *ds, struct insp_dialog *d, uint64_t now_ns,
       bool keep_name)
{
    struct insp_conn *conn = insp_dialog_conn(d);

    insp_events_end_all(ds, d, now_ns);
    insp_stream_end(&d->stream[0], &ds->store);
    insp_stream_end(&d->stream[1], &ds->store);
    set_reads(conn, 0, INSP_READS_DONE);
    set_reads(conn, 1, INSP_READS_DONE);
    if (keep_name && INSP_READ(d->name_size)) {
        let_go(d);
        return;
    }
    atomic_store_explicit(&conn->dialog, 0, memory_order_relaxed);
    atomic_store_explicit(&d->conn, NULL, memory_order_relaxed);
    let_go(d);
    atomic_fetch_sub_explicit(&ds->used, 1, memory_order_relaxed);
    insp_stack_push(&ds->free, (uint32_t) (d - ds->dialogs));
}

/* ------------------------------------------------------------------------ */
/* Reading. */

/* A packet on its way through the dialog. */
struct turn {
    struct insp_dialogs *ds;
    struct insp_dialog *d;
    const struct insp_payload *payload;
    bool changed;           /* What rules look at. */
    bool stop;
};

static void
set_app(struct turn *t, enum insp_app app)
{
    struct insp_conn *conn = insp_dialog_conn(t->d);

    if (INSP_READ(conn->app) != app) {
        atomic_store_explicit(&conn->app, (uint8_t) app,
                              memory_order_relaxed);
        atomic_fetch_add_explicit(&t->ds->connections[app], 1,
                                  memory_order_relaxed);
        t->changed = true;
    }
}

/* Nobody reads this side any more; 0 is who began. */
static void
set_done(struct insp_dialog *d, unsigned int side)
{
    struct insp_conn *conn = insp_dialog_conn(d);

    d->stream[side].is_done = true;
    set_reads(conn, side ^ conn->initiator, INSP_READS_DONE);
}

/* The first name stays: workers read it without holding the dialog. */
static void
set_name(struct turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;

    if (r->name_size && !INSP_READ(d->name_size)) {
        memcpy(d->name, r->name, r->name_size);
        atomic_store_explicit(&d->name_size, r->name_size,
                              memory_order_release);
        t->changed = true;
    }
}

static enum insp_guess
ask(const struct insp_dialogs *ds, const struct insp_reading *r,
    enum insp_app app)
{
    return INSP_READ(ds->off[app]) ? INSP_GUESS_NO
                                   : insp_reader_of(app)->detect(r);
}

/* Who reads these bytes; NONE with '*maybe': more are needed. */
static enum insp_app
detect(const struct insp_dialogs *ds, const struct insp_reading *r,
       bool *maybe)
{
    enum insp_app app;

    *maybe = false;
    for (unsigned int side = 2; side-- > 0;) {
        for (unsigned int i = 0;
             (app = insp_app_by_port(r->port[side], i)) != INSP_APP_NONE;
             i++) {
            enum insp_guess guess = ask(ds, r, app);

            if (guess == INSP_GUESS_YES) {
                return app;
            }
            *maybe |= guess == INSP_GUESS_MAYBE;
        }
    }
    for (unsigned int i = INSP_APP_UNKNOWN + 1; i < INSP_N_APPS_READ; i++) {
        enum insp_guess guess = ask(ds, r, (enum insp_app) i);

        if (guess == INSP_GUESS_YES) {
            return (enum insp_app) i;
        }
        *maybe |= guess == INSP_GUESS_MAYBE;
    }
    return INSP_APP_NONE;
}

static void
init_reading(const struct turn *t, struct insp_reading *r, unsigned int side,
             const uint8_t *bytes, size_t size, bool is_last)
{
    const struct insp_conn *conn = insp_dialog_conn(t->d);

    memset(r, 0, offsetof(struct insp_reading, name));
    r->bytes = bytes;
    r->size = size;
    r->is_stream = conn->key.proto == INSP_PROTO_TCP;
    r->is_last = is_last;
    r->after_gap = t->d->after_gap[side];
    r->side = (uint8_t) side;
    r->proto = conn->key.proto;
    r->port[0] = conn->key.port[conn->initiator];
    r->port[1] = conn->key.port[!conn->initiator];
    r->now_ns = t->payload->now_ns;
    r->state = t->d->state;
    r->dialog = t->d;
    r->dialogs = t->ds;
}

/* This side has said what nobody understands. */
static void
give_up(struct turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;
    enum insp_app first = insp_app_by_first(r);

    if (first != INSP_APP_UNKNOWN) {
        set_app(t, first);
        t->stop = true;
        return;
    }
    if (!r->is_stream && ++d->n_datagrams[r->side] < GUESS_DATAGRAMS) {
        return;
    }
    set_done(d, r->side);
    if (d->stream[!r->side].is_done) {
        set_app(t, INSP_APP_UNKNOWN);
        t->stop = true;
    }
}

/* Who reads is known, or 0 bytes of the side are done with. */
static bool
is_detected(struct turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;
    enum insp_app app;
    bool maybe;

    if (d->app != INSP_APP_NONE) {
        return true;
    }
    app = detect(t->ds, r, &maybe);
    if (app != INSP_APP_NONE) {
        d->app = (uint8_t) app;
        set_app(t, app);
        return true;
    }
    if (!maybe || !r->is_stream || r->is_last || r->size >= GUESS_BYTES) {
        give_up(t, r);
    }
    return false;
}

/* Another protocol begins. */
static void
begin_again(struct insp_dialog *d)
{
    d->app = INSP_APP_NONE;
    memset(d->state, 0, sizeof d->state);
    for (unsigned int side = 0; side < 2; side++) {
        d->stream[side].is_done = false;
        d->n_datagrams[side] = 0;
        d->after_gap[side] = false;
        set_reads(insp_dialog_conn(d), side, INSP_READS_ON);
    }
}

/* Shows bytes to the reader; returns how many it is done with. */
static size_t
show(struct turn *t, unsigned int side, const uint8_t *bytes, size_t size,
     bool is_last, uint64_t *pass)
{
    struct insp_dialog *d = t->d;
    size_t done = 0;

    *pass = 0;
    for (int i = 0; i < AGAIN_MAX; i++) {
        struct insp_reading r;
        const struct insp_reader *reader;

        init_reading(t, &r, side, bytes + done, size - done, is_last);
        if (!is_detected(t, &r)) {
            return done;
        }
        reader = insp_reader_of((enum insp_app) d->app);
        if (r.after_gap && reader->detect(&r) != INSP_GUESS_YES) {
            return size;
        }
        d->after_gap[side] = false;
        done += INSP_MIN(reader->read(&r), r.size);
        *pass = r.pass;
        set_name(t, &r);
        if (r.stop) {
            t->stop = true;
            return done;
        }
        if (r.stop_side) {
            set_done(d, side);
            if (d->stream[!side].is_done) {
                t->stop = true;
            }
            return size;
        }
        if (!r.again) {
            return done;
        }
        begin_again(d);
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
    return s->is_closed && (int32_t) (s->next + (uint32_t) view->size -
                                      s->end) >= 0;
}

/* The other direction's bytes that came before the protocol was known. */
static void
show_waiting(struct turn *t, unsigned int side)
{
    struct insp_stream *s = &t->d->stream[side];
    struct insp_stream_view view;
    uint64_t pass;
    size_t n;

    insp_stream_look(s, &t->ds->store, &view);
    if (view.size && !s->is_done) {
        n = show(t, side, view.bytes, view.size, is_at_end(s, &view), &pass);
        insp_stream_done(s, &t->ds->store, &view, n, pass);
    }
}

/* Bytes are missing: the reader goes on behind them, or does not. */
static void
mend_gap(struct turn *t, unsigned int side)
{
    struct insp_dialog *d = t->d;
    struct insp_stream *s = &d->stream[side];
    const struct insp_reader *reader =
        insp_reader_of((enum insp_app) d->app);

    insp_dialogs_note(t->ds, INSP_READER_GAP);
    if (d->app != INSP_APP_NONE && reader->resyncs) {
        d->after_gap[side] = true;
        (void) insp_stream_resync(s, &t->ds->store);
        return;
    }
    insp_stream_end(s, &t->ds->store);
    set_done(d, side);
    if (d->stream[!side].is_done) {
        if (d->app == INSP_APP_NONE) {
            set_app(t, INSP_APP_UNKNOWN);
        }
        t->stop = true;
    }
}

static void
read_stream(struct turn *t, unsigned int side)
{
    const struct insp_payload *p = t->payload;
    struct insp_stream *s = &t->d->stream[side];
    bool was_known = t->d->app != INSP_APP_NONE;
    size_t at = 0;

    if (!s->is_begun && p->has_expected &&
        p->tcp_seq - p->expected < INSP_READER_WINDOW) {
        insp_stream_begin(s, p->expected);
    }
    if (p->tcp_flags & (INSP_TCP_FIN | INSP_TCP_RST)) {
        s->is_closed = true;
        s->end = p->tcp_seq + (uint32_t) p->size;
    }
    do {
        struct insp_stream_view view;
        uint64_t pass = 0;
        size_t n = 0, took;
        bool is_last;

        took = insp_stream_push(s, &t->ds->store, p->tcp_seq + (uint32_t) at,
                                p->bytes + INSP_MIN(at, p->captured),
                                p->captured - INSP_MIN(at, p->captured),
                                p->size - at, &view);
        at += took;
        is_last = is_at_end(s, &view) || p->tcp_flags & INSP_TCP_RST;
        if ((view.size && view.is_new) || is_last) {
            n = show(t, side, view.bytes, view.size, is_last, &pass);
        }
        if (t->stop || s->is_done) {
            return;
        }
        insp_stream_done(s, &t->ds->store, &view, n, pass);
        if (!was_known && t->d->app != INSP_APP_NONE) {
            was_known = true;
            show_waiting(t, !side);
        }
        if (s->is_lost) {
            mend_gap(t, side);
        } else if (at < p->size && !took && !n && !pass) {
            insp_dialogs_note(t->ds, INSP_READER_STUCK);
            mend_gap(t, side);
            return;
        }
    } while (at < p->size && !t->stop && !s->is_done);
}

static void
read_datagram(struct turn *t, unsigned int side)
{
    uint64_t pass;

    if (!t->d->stream[side].is_done) {
        (void) show(t, side, t->payload->bytes, t->payload->captured, true,
                    &pass);
    }
}

bool
insp_dialog_feed(struct insp_dialogs *ds, struct insp_conn *conn,
                 unsigned int side, const struct insp_payload *payload)
{
    struct insp_dialog *d = take(ds, conn, payload->index);
    struct turn t = { .ds = ds, .d = d, .payload = payload };

    if (!d) {
        return false;
    }
    if (!INSP_READ(conn->flow[side].reads)) {
        set_reads(conn, side, INSP_READS_ON);
    }
    side ^= conn->initiator;    /* From here on 0 is who began. */
    if (conn->key.proto == INSP_PROTO_TCP) {
        read_stream(&t, side);
    } else {
        read_datagram(&t, side);
    }
    if (t.stop) {
        finish(ds, d, payload->now_ns, true);
    } else {
        let_go(d);
    }
    return t.changed;
}

void
insp_dialog_name(const struct insp_dialogs *ds, const struct insp_conn *conn,
                 char *name)
{
    uint32_t number =
        atomic_load_explicit(&conn->dialog, memory_order_acquire);
    const struct insp_dialog *d = number ? &ds->dialogs[number - 1] : NULL;
    uint8_t size = 0;

    if (d && insp_dialog_conn(d) == conn) {
        size = atomic_load_explicit(&d->name_size, memory_order_acquire);
        memcpy(name, d->name, size);
    }
    name[size] = '\0';
}

void
insp_dialog_end(struct insp_dialogs *ds, struct insp_conn *conn,
                uint32_t index)
{
    struct insp_dialog *d;

    if (!INSP_READ(conn->dialog)) {
        return;
    }
    d = take(ds, conn, index);
    if (d) {
        if (INSP_READ(conn->app) == INSP_APP_NONE) {
            struct turn t = { .ds = ds, .d = d };

            set_app(&t, INSP_APP_UNKNOWN);
        }
        finish(ds, d, insp_conn_last_ns(conn), false);
    }
}
