/* SPDX-License-Identifier: Apache-2.0 */
/* Redirecting.
 *
 *     judgement: slots 4, 6     legs: A, B      to A; in flight: [B], rest
 *       comes back from A   ->  legs: B         to B; in flight: [],  rest
 *         comes back from B ->  no leg left     do the rest
 *
 * The *trip* of a packet is what it still has before it: the functions that
 * its verdict names, under the version that judged it, and what its caller
 * wants to do in the end.  A trip says all that it needs by ids and values,
 * so nothing of the snapshot that it began under must stay, and a new version
 * that sends packets the same way makes no other trip of it.
 *
 * Each leg that cannot be taken follows the fail_mode of its function: open
 * goes on to the next, closed drops. */

#include "engine/path.h"
#include "engine/probe.h"
#include "flow/flight.h"

#include <string.h>

struct leg {
    uint32_t function;
    uint8_t arm; /* By which it enters. */
    uint8_t zero[3];
};

/* Compared as bytes: no padding. */
struct trip {
    uint32_t in_port;
    uint32_t out_port;
    struct insp_zone zone;
    uint16_t rest_size;
    uint8_t n_legs;
    uint8_t closed; /* Bit: leg whose function fails closed. */
    struct leg legs[INSP_N_SERVICE_SLOTS];
    uint8_t rest[INSP_REST_MAX];
};
#define TRIP_SIZE(REST_SIZE) (offsetof(struct trip, rest) + (REST_SIZE))
_Static_assert(sizeof(struct trip) ==
                       24 + 8 * INSP_N_SERVICE_SLOTS + INSP_REST_MAX &&
                   sizeof(struct trip) <= INSP_FLIGHT_CONTEXT_MAX,
               "a trip has no padding and fits a flight");

/* Where a packet is when a leg is tried. */
struct place {
    const struct insp_snapshot_inspector *inspector;
    const struct insp_packet *packet;
    const struct insp_frame *frame;
    const struct insp_way *ways;
    size_t n_ways;
    uint64_t now_ns;
    uint16_t worker;
    bool flooded;
    uint64_t missed_open;
    uint64_t missed_closed;
};

enum insp_function_state
insp_function_state(const struct insp_function *f,
                    const struct insp_function_config *config, uint64_t now_ns)
{
    enum insp_function_state port =
        (enum insp_function_state) INSP_READ(f->port_state);
    uint64_t patience_ns;
    uint64_t sent_ns;

    if (port != INSP_FUNCTION_UP) {
        return port;
    }
    if (!config->probe_interval_ms) {
        return INSP_FUNCTION_UP;
    }
    if (!INSP_READ(f->probe_seen)) {
        return INSP_FUNCTION_STARTING;
    }

    /* The function may have stopped right after it returned a probe: then
     * the interval until the next has passed as well. */
    patience_ns =
        (uint64_t) (config->probe_timeout_ms - config->probe_interval_ms) *
        1000000;
    sent_ns = INSP_READ(f->unanswered_ns);
    return sent_ns && now_ns > sent_ns && now_ns - sent_ns > patience_ns
               ? INSP_FUNCTION_PROBES_LOST
               : INSP_FUNCTION_UP;
}

static const struct insp_snapshot_function *
find_function(const struct insp_snapshot_inspector *inspector, uint32_t id)
{
    for (size_t i = 0; i < inspector->n_functions; i++) {
        if (inspector->functions[i].config.id == id) {
            return &inspector->functions[i];
        }
    }
    return NULL;
}

static bool
has_way(const struct place *place, const struct leg *leg)
{
    for (size_t i = 0; i < place->n_ways; i++) {
        if (place->ways[i].function == leg->function &&
            place->ways[i].arm == leg->arm) {
            return true;
        }
    }
    return false;
}

/* Takes the first leg of 'trip'; its context is the trip without it. */
static enum insp_miss
fly(const struct place *place, const struct insp_snapshot_function *f,
    const struct trip *trip, struct insp_verdict *verdict)
{
    static const enum insp_flight_by found_by[] = {
        [INSP_ENCAP_NONE] = INSP_FLIGHT_BY_KEY,
        [INSP_ENCAP_VLAN] = INSP_FLIGHT_BY_VLAN,
        [INSP_ENCAP_NSH] = INSP_FLIGHT_BY_COOKIE,
    };
    const struct leg *leg = &trip->legs[0];
    uint8_t back = f->config.one_armed ? leg->arm : !leg->arm;
    struct insp_flight_key key;
    struct trip rest;

    memset(&rest, 0, offsetof(struct trip, rest));
    rest.in_port = trip->in_port;
    rest.out_port = trip->out_port;
    rest.zone = trip->zone;
    rest.rest_size = trip->rest_size;
    rest.n_legs = trip->n_legs - 1;
    rest.closed = trip->closed >> 1;
    memcpy(rest.legs, &trip->legs[1], rest.n_legs * sizeof rest.legs[0]);
    memcpy(rest.rest, trip->rest, trip->rest_size);

    insp_flight_key_init(&key, leg->function, back, place->packet,
                         place->frame->data);
    switch (insp_flights_send(
        place->inspector->flights, &key, &trip->zone, &rest,
        TRIP_SIZE(rest.rest_size),
        insp_flight_print(place->packet, place->frame->data),
        (uint64_t) f->config.flight_timeout_ms * 1000000, place->now_ns,
        found_by[f->config.encap], &verdict->cookie)) {
    case INSP_FLIGHT_OK: break;
    case INSP_FLIGHT_FULL: return INSP_MISS_FULL;
    case INSP_FLIGHT_AMBIGUOUS: return INSP_MISS_AMBIGUOUS;
    }
    verdict->kind = INSP_VERDICT_REDIRECT;
    verdict->function = leg->function;
    verdict->arm = leg->arm;
    verdict->encap = f->config.encap;
    return INSP_N_MISSES;
}

/* INSP_N_MISSES: it is on its way. */
static enum insp_miss
take_leg(const struct place *place, const struct insp_snapshot_function *f,
         const struct trip *trip, struct insp_verdict *verdict)
{
    if (!f || insp_function_state(f->function, &f->config, place->now_ns) !=
                  INSP_FUNCTION_UP) {
        return INSP_MISS_DOWN;
    }
    if (place->flooded) {
        return INSP_MISS_FLOODED;
    }
    if (!has_way(place, &trip->legs[0])) {
        return INSP_MISS_NO_WAY;
    }
    if (!trip->rest_size) {
        return INSP_MISS_TOO_LONG;
    }
    return fly(place, f, trip, verdict);
}

/* Takes the first leg that can be taken; used up legs leave the trip. */
static void
travel(struct place *place, struct trip *trip, struct insp_verdict *verdict)
{
    while (trip->n_legs) {
        const struct insp_snapshot_function *f =
            find_function(place->inspector, trip->legs[0].function);
        struct insp_function_tally *tally =
            f ? &f->function->tallies[place->worker] : NULL;
        enum insp_miss miss = take_leg(place, f, trip, verdict);

        if (miss == INSP_N_MISSES) {
            INSP_COUNT(tally->in_packets, 1);
            INSP_COUNT(tally->in_bytes, place->frame->wire_size);
            return;
        }
        if (trip->closed & 1) {
            if (tally) {
                INSP_COUNT(tally->refused[miss], 1);
            }
            place->missed_closed++;
            verdict->kind = INSP_VERDICT_DROP;
            return;
        }
        if (tally) {
            INSP_COUNT(tally->bypassed[miss], 1);
        }
        place->missed_open++;
        trip->n_legs--;
        trip->closed >>= 1;
        memmove(&trip->legs[0], &trip->legs[1],
                trip->n_legs * sizeof trip->legs[0]);
    }
    verdict->kind = INSP_VERDICT_ALLOW;
}

/* The functions of the judgement's slots; slots without one pass on. */
static void
plan(const struct insp_batch *b, const struct insp_judgement *j,
     struct trip *trip)
{
    for (unsigned int i = 0; i < INSP_N_SERVICE_SLOTS; i++) {
        const struct insp_snapshot_function *f = b->inspector->by_slot[i];
        struct leg *leg = &trip->legs[trip->n_legs];

        if (!(j->slots & 1u << i) || !f) {
            continue;
        }
        *leg = (struct leg){ .function = f->config.id };
        if (f->config.arms == INSP_ARMS_BY_DIRECTION) {
            leg->arm = j->as_to_vm >> i & 1;
        }
        if (f->config.fail_mode == INSP_FAIL_CLOSED) {
            trip->closed |= (uint8_t) (1u << trip->n_legs);
        }
        trip->n_legs++;
    }
}

void
insp_redirect(struct insp_batch *b, const struct insp_item *item,
              const struct insp_frame *frame, const struct insp_judgement *j,
              struct insp_verdict *verdict)
{
    const struct insp_context *ctx = b->ctx;
    struct place place = {
        .inspector = b->inspector,
        .packet = &item->packet,
        .frame = frame,
        .ways = ctx->ways,
        .n_ways = ctx->n_ways,
        .now_ns = b->now_ns,
        .worker = b->worker,
        .flooded = (ctx->flags & INSP_CONTEXT_FLOOD) != 0,
    };
    struct trip trip;

    verdict->kind = INSP_VERDICT_ALLOW;
    if (item->packet.group) {
        return; /* Judged, not redirected. */
    }
    memset(&trip, 0, offsetof(struct trip, rest));
    trip.in_port = ctx->in_port;
    trip.out_port = ctx->out_port;
    trip.zone = ctx->zone;
    if (ctx->rest_size <= INSP_REST_MAX) {
        trip.rest_size = (uint16_t) ctx->rest_size;
        memcpy(trip.rest, ctx->rest, ctx->rest_size);
    }
    plan(b, j, &trip);
    travel(&place, &trip, verdict);
    INSP_TALLY(b, missed_open, place.missed_open);
    INSP_TALLY(b, missed_closed, place.missed_closed);
}

/* ------------------------------------------------------------------------ */
/* Coming back. */

static size_t
find_trip(const struct insp_return_context *ctx, const struct place *place,
          uint32_t cookie, struct trip *trip, bool *changed)
{
    struct insp_flights *flights = place->inspector->flights;
    struct insp_flight_key key;

    uint32_t print = insp_flight_print(place->packet, place->frame->data);

    *changed = false;
    insp_flight_key_init(&key, ctx->function, ctx->arm, place->packet,
                         place->frame->data);
    return cookie ? insp_flights_return_cookie(flights, cookie, &key, print,
                                               place->now_ns, trip, changed)
                  : insp_flights_return(flights, &key, print, place->now_ns,
                                        trip);
}

static void
come_back(const struct insp_snapshot *snapshot,
          const struct insp_return_context *ctx, struct place *place,
          const struct insp_snapshot_function *f, uint32_t cookie,
          struct insp_return *out)
{
    struct insp_function_tally *tally = &f->function->tallies[place->worker];
    struct trip trip;
    bool changed;

    if (!place->inspector->flights ||
        (f->config.encap != INSP_ENCAP_NONE && !cookie) ||
        !find_trip(ctx, place, cookie, &trip, &changed)) {
        INSP_COUNT(tally->injected, 1);
        INSP_COUNT(tally->lost[INSP_FLIGHT_LOSS_UNSOLICITED], 1);
        return;
    }
    if (changed) {
        INSP_COUNT(tally->changed, 1);
        if (f->config.fail_mode == INSP_FAIL_CLOSED) {
            INSP_COUNT(tally->lost[INSP_FLIGHT_LOSS_CHANGED], 1);
            return;
        }
    }
    INSP_COUNT(tally->out_packets, 1);
    INSP_COUNT(tally->out_bytes, place->frame->wire_size);
    if (trip.out_port && !insp_snapshot_has_port(snapshot, trip.out_port)) {
        atomic_fetch_add_explicit(&place->inspector->inspector->undeliverable,
                                  1, memory_order_relaxed);
        return;
    }
    travel(place, &trip, &out->verdict);
    if (out->verdict.kind == INSP_VERDICT_ALLOW) {
        out->rest_size = trip.rest_size;
        memcpy(out->rest, trip.rest, trip.rest_size);
    }
}

/* True for a probe of the function that it has come back from; it proves
 * something only where it has come through. */
static bool
is_probe(const struct insp_snapshot_function *f,
         const struct insp_packet *packet, const struct insp_frame *frame)
{
    return INSP_UNLIKELY(packet->ethertype == INSP_PROBE_ETHERTYPE) &&
           insp_probe_is_mine(f->function, frame->data, frame->size);
}

static bool
has_come_through(const struct insp_snapshot_function *f,
                 const struct insp_return_context *ctx)
{
    return ctx->arm == (f->config.one_armed ? 0 : 1);
}

void
insp_worker_return(struct insp_engine *engine, unsigned int worker,
                   const struct insp_return_context *ctx,
                   const struct insp_frame *frames, size_t n, uint64_t now_ns,
                   struct insp_return *out)
{
    struct insp_worker_place *at = &engine->places[worker];
    const struct insp_snapshot *snapshot;
    const struct insp_snapshot_function *f = NULL;
    struct insp_tally tally;
    struct place place = {
        .ways = ctx->ways,
        .n_ways = ctx->n_ways,
        .now_ns = now_ns,
        .worker = (uint16_t) worker,
    };

    insp_epoch_enter(&engine->epoch, worker);
    snapshot = atomic_load_explicit(&engine->snapshot, memory_order_acquire);
    place.inspector = insp_snapshot_find(snapshot, ctx->inspector);
    if (place.inspector) {
        f = find_function(place.inspector, ctx->function);
    }
    for (size_t i = 0; i < n; i++) {
        struct insp_packet packet;

        out[i].verdict = (struct insp_verdict){ .kind = INSP_VERDICT_DROP };
        out[i].rest_size = 0;
        if (!f) {
            continue;
        }
        atomic_store_explicit(&at->frame, &frames[i], memory_order_relaxed);
        (void) insp_packet_parse(&packet, frames[i].data, frames[i].size,
                                 frames[i].wire_size);
        place.packet = &packet;
        place.frame = &frames[i];
        if (is_probe(f, &packet, &frames[i])) {
            if (has_come_through(f, ctx)) {
                insp_probe_returned(f->function, worker);
            }
        } else {
            come_back(snapshot, ctx, &place, f,
                      ctx->cookies ? ctx->cookies[i] : 0, &out[i]);
        }
    }
    if (place.inspector && (place.missed_open || place.missed_closed)) {
        memset(&tally, 0, sizeof tally);
        tally.missed_open = place.missed_open;
        tally.missed_closed = place.missed_closed;
        insp_tally_publish(&place.inspector->inspector->tallies[worker],
                           &tally, UINT64_MAX >> (64 - INSP_TALLY_WORDS));
    }
    atomic_store_explicit(&at->frame, NULL, memory_order_relaxed);
    insp_epoch_leave(&engine->epoch, worker);
}

void
insp_worker_cancel(struct insp_engine *engine, unsigned int worker,
                   uint32_t inspector_id, const struct insp_verdict *verdict)
{
    const struct insp_snapshot_inspector *inspector;
    const struct insp_snapshot *snapshot;

    insp_epoch_enter(&engine->epoch, worker);
    snapshot = atomic_load_explicit(&engine->snapshot, memory_order_acquire);
    inspector = insp_snapshot_find(snapshot, inspector_id);
    if (inspector && inspector->flights) {
        const struct insp_snapshot_function *f =
            find_function(inspector, verdict->function);

        /* One that was given up meanwhile counts as that. */
        if (insp_flights_cancel(inspector->flights, verdict->cookie) && f) {
            struct insp_function_tally *tally = &f->function->tallies[worker];

            INSP_COUNT(tally->in_packets, (uint64_t) -1);
            INSP_COUNT(tally->refused[INSP_MISS_NO_WAY], 1);
        }
    }
    insp_epoch_leave(&engine->epoch, worker);
}
