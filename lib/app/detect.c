/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The readers that the ports suggest are asked first, then all others; the
 * first YES has the connection.  A side about which all say NO has had its
 * chance; when both have, the protocol is unknown, or one that is known by its
 * first words alone.
 */

#include "app/dialog-private.h"

#define GUESS_BYTES     512 /* A side that is still MAYBE by then is not. */
#define GUESS_DATAGRAMS 3

/* Of what prepares for another protocol so many datagrams are looked at. */
#define PREPARED_DATAGRAMS 32

/* Of what was read in part only nobody can say that it is unknown. */
void
insp_turn_set_app(struct insp_turn *t, enum insp_app app)
{
    struct insp_conn *conn = insp_dialog_conn(t->d);

    if (app != INSP_APP_UNKNOWN || INSP_READ(conn->app) != INSP_APP_UNREAD) {
        t->changed |= insp_dialogs_set_app(t->ds, conn, app);
    }
}

void
insp_turn_set_done(struct insp_turn *t, unsigned int side)
{
    struct insp_conn *conn = insp_dialog_conn(t->d);

    t->d->stream[side].is_done = true;
    insp_stream_end(&t->d->stream[side], &t->ds->store);
    insp_dialog_set_reads(conn, side ^ conn->initiator, INSP_READS_DONE);
}

void
insp_turn_say_at_work(const struct insp_turn *t, enum insp_app app)
{
    if (t->payload->at_work) {
        atomic_store_explicit(t->payload->at_work, (uint8_t) app,
                              memory_order_relaxed);
    }
}

/* What has been asked so far. */
struct question {
    const struct insp_turn *turn;
    const struct insp_reading *reading;
    uint64_t asked; /* A bit for each protocol. */
    bool maybe;
};

static bool
ask(struct question *q, enum insp_app app)
{
    enum insp_guess guess;

    if (q->asked >> app & 1 || INSP_READ(q->turn->ds->off[app])) {
        return false;
    }
    q->asked |= UINT64_C(1) << app;
    insp_turn_say_at_work(q->turn, app);
    guess = insp_reader_of(app)->detect(q->reading);
    q->maybe |= guess == INSP_GUESS_MAYBE;
    return guess == INSP_GUESS_YES;
}

/* Who reads these bytes; NONE with '*maybe': more are needed. */
static enum insp_app
detect(const struct insp_turn *t, const struct insp_reading *r, bool *maybe)
{
    struct question q = { .turn = t, .reading = r };

    for (unsigned int side = 2; side-- > 0;) {
        uint64_t apps = insp_apps_at_port(r->port[side]);

        for (; apps; apps &= apps - 1) {
            enum insp_app app = (enum insp_app) __builtin_ctzll(apps);

            if (ask(&q, app)) {
                return app;
            }
        }
    }
    for (int i = INSP_APP_UNKNOWN + 1; i < INSP_N_APPS_READ; i++) {
        if (ask(&q, (enum insp_app) i)) {
            return (enum insp_app) i;
        }
    }
    *maybe = q.maybe;
    return INSP_APP_NONE;
}

/* Finds a way for another protocol, which then goes between the same ports
 * (RFC 5764, section 5.1.2: STUN, then DTLS). */
static bool
prepares(enum insp_app app)
{
    return app == INSP_APP_STUN;
}

/* This side has said what nobody understands. */
static void
give_up(struct insp_turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;
    enum insp_app first = insp_app_by_first(r);

    if (first != INSP_APP_UNKNOWN) {
        insp_turn_set_app(t, first);
        t->stop = r->is_stream || !prepares(first) ||
                  ++d->n_datagrams[r->side] >= PREPARED_DATAGRAMS;
        return;
    }
    if (!r->is_stream && ++d->n_datagrams[r->side] < GUESS_DATAGRAMS) {
        return;
    }
    insp_turn_set_done(t, r->side);
    if (d->stream[!r->side].is_done) {
        if (!prepares(INSP_READ(insp_dialog_conn(d)->app))) {
            insp_turn_set_app(t, INSP_APP_UNKNOWN);
        }
        t->stop = true;
    }
}

bool
insp_turn_is_detected(struct insp_turn *t, const struct insp_reading *r)
{
    struct insp_dialog *d = t->d;
    enum insp_app app;
    bool maybe = false;

    if (d->app != INSP_APP_NONE) {
        /* Its reader may have been switched off since. */
        t->stop = INSP_READ(t->ds->off[d->app]);
        return !t->stop;
    }
    app = detect(t, r, &maybe);
    if (app != INSP_APP_NONE) {
        d->app = (uint8_t) app;
        insp_turn_set_app(t, app);
        return true;
    }
    if (!maybe || !r->is_stream || r->is_last || r->size >= GUESS_BYTES) {
        give_up(t, r);
    }
    return false;
}

void
insp_turn_begin_again(struct insp_turn *t)
{
    struct insp_dialog *d = t->d;
    struct insp_conn *conn = insp_dialog_conn(d);

    d->app = INSP_APP_NONE;
    insp_dialog_give_memory_back(t->ds, d);
    memset(d->state, 0, sizeof d->state);
    for (unsigned int side = 0; side < 2; side++) {
        struct insp_stream *s = &d->stream[side];

        /* Of a side that nobody has followed it is not known where it stands;
         * what a reader of datagrams has put in order was of its own. */
        if (s->is_done || conn->key.proto != INSP_PROTO_TCP) {
            insp_stream_end(s, &t->ds->store);
            *s = (struct insp_stream){ .is_closed = s->is_closed,
                                       .share = s->share,
                                       .end = s->end };
        }
        d->n_datagrams[side] = 0;
        d->after_gap[side] = false;
        insp_dialog_set_reads(conn, side, INSP_READS_ON);
    }
}
