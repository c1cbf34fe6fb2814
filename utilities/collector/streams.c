/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A hash table of chains and a list in the order of birth.  'covered' holds
 * every number of which the fate is known, whatever it is, and so usually one
 * run from 1 on; the counters say how many had which fate, counted when a
 * number enters the set and never again.
 *
 * Gaps cost memory, and who sends chooses where they are.  Of one stream too
 * many are refused.  Of all streams of a sensor, those that were not used for
 * longest are forgotten: they are of incarnations that ended with gaps that
 * nobody will close, and refusing would shut that sensor out for ever. */

#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_CHAINS 4096

struct collector_streams {
    struct collector_stream *chains[N_CHAINS];
    struct collector_stream *first;
    struct collector_stream **end;
    size_t n;
    uint64_t uses;
    bool is_bounded;
};

struct collector_streams *
collector_streams_create(void)
{
    struct collector_streams *s = calloc(1, sizeof *s);

    if (s) {
        s->end = &s->first;
    }
    return s;
}

void
collector_streams_bound(struct collector_streams *s)
{
    s->is_bounded = true;
}

/* FNV-1a.  Names are those of sensors that have proved who they are. */
static uint32_t
hash_text(uint32_t hash, const char *text)
{
    for (; *text; text++) {
        hash = (hash ^ (uint8_t) *text) * 16777619;
    }
    return (hash ^ 0xff) * 16777619;
}

static struct collector_stream **
chain_of(struct collector_streams *s, const char *sensor, const char *uplink,
         uint32_t incarnation)
{
    uint32_t hash = hash_text(hash_text(2166136261, sensor), uplink);

    hash = (hash ^ incarnation) * 2654435761;
    return &s->chains[hash >> 20];
}

static bool
is_of(const struct collector_stream *stream, const char *sensor,
      const char *uplink)
{
    return !strcmp(stream->sensor, sensor) && !strcmp(stream->uplink, uplink);
}

struct collector_stream *
collector_streams_find(struct collector_streams *s, const char *sensor,
                       const char *uplink, uint32_t incarnation)
{
    struct collector_stream *stream;

    for (stream = *chain_of(s, sensor, uplink, incarnation); stream;
         stream = stream->chain) {
        if (stream->incarnation == incarnation &&
            is_of(stream, sensor, uplink)) {
            stream->used = ++s->uses;
            return stream;
        }
    }
    return NULL;
}

static void
free_stream(struct collector_stream *stream)
{
    if (stream) {
        if (stream->share) {
            stream->share->n_runs -= stream->covered.n;
            if (!--stream->share->n_streams) {
                free(stream->share);
            }
        }
        collector_intervals_uninit(&stream->covered);
        free(stream->sensor);
        free(stream->uplink);
        free(stream);
    }
}

static void
forget(struct collector_streams *s, struct collector_stream *old)
{
    struct collector_stream **at;

    at = chain_of(s, old->sensor, old->uplink, old->incarnation);
    while (*at != old) {
        at = &(*at)->chain;
    }
    *at = old->chain;
    for (at = &s->first; *at != old;) {
        at = &(*at)->next;
    }
    *at = old->next;
    if (s->end == &old->next) {
        s->end = at;
    }
    s->n--;
    free_stream(old);
}

/* The one of some streams that was used least recently. */
struct crowd {
    struct collector_stream *oldest;
    size_t n;
};

static struct collector_share *
share_of(const struct collector_streams *s, const char *sensor)
{
    for (const struct collector_stream *i = s->first; i; i = i->next) {
        if (!strcmp(i->sensor, sensor)) {
            return i->share;
        }
    }
    return calloc(1, sizeof(struct collector_share));
}

static void
count_in(struct crowd *crowd, struct collector_stream *stream)
{
    if (!crowd->n++ || stream->used < crowd->oldest->used) {
        crowd->oldest = stream;
    }
}

/* A sensor names its uplinks as it likes: so it has a bound as well, and does
 * not push out what is known of others. */
static void
make_room(struct collector_streams *s, const char *sensor, const char *uplink)
{
    struct crowd all = { NULL, 0 }, of_sensor = all, of_uplink = all;

    for (struct collector_stream *i = s->first; i; i = i->next) {
        count_in(&all, i);
        if (!strcmp(i->sensor, sensor)) {
            count_in(&of_sensor, i);
        }
        if (is_of(i, sensor, uplink)) {
            count_in(&of_uplink, i);
        }
    }
    if (of_uplink.n >= COLLECTOR_INCARNATIONS_MAX) {
        forget(s, of_uplink.oldest);
    } else if (of_sensor.n >= COLLECTOR_STREAMS_OF_SENSOR_MAX) {
        forget(s, of_sensor.oldest);
    } else if (all.n >= COLLECTOR_STREAMS_MAX) {
        forget(s, all.oldest);
    }
}

struct collector_stream *
collector_streams_get(struct collector_streams *s, const char *sensor,
                      const char *uplink, uint32_t incarnation)
{
    struct collector_stream *stream, **chain;

    stream = collector_streams_find(s, sensor, uplink, incarnation);
    if (stream) {
        return stream;
    }
    make_room(s, sensor, uplink);
    stream = calloc(1, sizeof *stream);
    if (stream) {
        stream->share = share_of(s, sensor);
        stream->sensor = strdup(sensor);
        stream->uplink = strdup(uplink);
    }
    if (stream && stream->share) {
        stream->share->n_streams++;
    }
    if (!stream || !stream->share || !stream->sensor || !stream->uplink) {
        free_stream(stream);
        return NULL;
    }
    stream->all = s;
    stream->incarnation = incarnation;
    stream->floor = 1;
    stream->used = ++s->uses;
    chain = chain_of(s, sensor, uplink, incarnation);
    stream->chain = *chain;
    *chain = stream;
    *s->end = stream;
    s->end = &stream->next;
    s->n++;
    return stream;
}

bool
collector_stream_has(const struct collector_stream *s, uint64_t number)
{
    return collector_intervals_has(&s->covered, number);
}

/* Others of the same sensor, until its runs are few enough. */
static void
forget_others(const struct collector_stream *s)
{
    while (s->share->n_runs > COLLECTOR_RUNS_OF_SENSOR_MAX) {
        struct crowd others = { NULL, 0 };

        for (struct collector_stream *i = s->all->first; i; i = i->next) {
            if (i != s && i->share == s->share) {
                count_in(&others, i);
            }
        }
        if (!others.n) {
            return;
        }
        s->share->forgotten++;
        forget(s->all, others.oldest);
    }
}

static int
add(struct collector_stream *s, uint64_t first, uint64_t end, uint64_t *fresh)
{
    size_t most = s->all->is_bounded ? COLLECTOR_RUNS_MAX : SIZE_MAX;
    size_t before = s->covered.n;
    int error = collector_intervals_add(&s->covered, most, first, end, fresh);

    s->share->n_runs += s->covered.n - before;
    if (s->covered.n > before && s->all->is_bounded) {
        forget_others(s);
    }
    return error;
}

int
collector_stream_cover(struct collector_stream *s, uint64_t first,
                       uint64_t end)
{
    uint64_t fresh;

    return add(s, first, end, &fresh);
}

int
collector_stream_take_run(struct collector_stream *s, uint64_t first,
                          uint64_t end)
{
    uint64_t fresh;
    int error = add(s, first, end, &fresh);

    s->records += error ? 0 : fresh;
    return error;
}

int
collector_stream_take(struct collector_stream *s, uint64_t number)
{
    return collector_stream_take_run(s, number, number + 1);
}

int
collector_stream_lose(struct collector_stream *s, uint64_t first, uint64_t end)
{
    uint64_t fresh;
    int error = add(s, first, end, &fresh);

    s->lost += error ? 0 : fresh;
    return error;
}

int
collector_stream_raise(struct collector_stream *s, uint64_t floor)
{
    uint64_t fresh;
    int error;

    if (floor <= s->floor) {
        return 0;
    }
    /* From 1, not from the old floor: one run, whatever came below. */
    error = add(s, 1, floor, &fresh);
    if (!error) {
        s->floor = floor;
        s->missing += fresh;
    }
    return error;
}

uint64_t
collector_stream_outstanding(const struct collector_stream *s, size_t *n_gaps)
{
    const struct collector_intervals *c = &s->covered;
    uint64_t n = 0, at = 1;

    *n_gaps = 0;
    for (size_t i = 0; i < c->n; i++) {
        *n_gaps += c->runs[i].first > at;
        n += c->runs[i].first - at;
        at = c->runs[i].end;
    }
    return n;
}

size_t
collector_streams_count(const struct collector_streams *s)
{
    return s->n;
}

struct collector_stream *
collector_streams_first(const struct collector_streams *s)
{
    return s->first;
}

void
collector_streams_destroy(struct collector_streams *s)
{
    if (s) {
        while (s->first) {
            struct collector_stream *next = s->first->next;

            free_stream(s->first);
            s->first = next;
        }
        free(s);
    }
}
