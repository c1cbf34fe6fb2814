/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Workers send packets of few keys, with several contexts and of two zones,
 * some keys by cookie, and put them into slots that all share; whoever comes
 * to a full slot brings its packet back.  Meanwhile the control thread
 * maintains by a clock that runs a hundred times too fast, so that entries
 * are freed and used again all the time.  Two kinds of rounds take turns:
 *
 *     an honest function brings every packet back, once, before its timeout:
 *         then each return finds a context of its own key and zone, and by
 *         cookie the very one
 *     a rough one loses some, brings some twice, and is slower than the
 *         timeout: then a context is at least one of that key
 *
 * In both, sent = returned + cancelled + lost, and in the end nothing is out
 * and no entry in use.
 *
 *     stress-flight [SECONDS [THREADS [SEED]]]
 *
 * Meant for the thread sanitizer; speaks TAP.  Mutations: confirm() without
 * is_elsewhere(), or add() without a claim (zones); end_period() by load and
 * store (sums); free_limbo() without asking the epoch (contexts, or a report
 * of the sanitizer). */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/flight.h"

enum {
    MAX_THREADS = 32,
    N_KEYS = 6, /* That are hot... */
    N_STORM_KEYS = 400,
    N_ZONES = 2,
    N_VARIANTS = 4,
    N_FUNCTIONS = 3,
    N_SLOTS = 96,
    BATCH = 16,
    LIMIT = 128,
};
#define CLOCK_RATE        100
#define ROUND_NS          UINT64_C(250000000)
#define HONEST_TIMEOUT_NS (UINT64_C(1) << 60)
#define ROUGH_TIMEOUT_NS  UINT64_C(100000000) /* A millisecond of ours. */

struct context {
    uint32_t key;
    uint32_t zone;
    uint32_t variant;
    uint8_t fill[64];
};

struct packet {
    uint32_t key;
    uint32_t zone;
    uint32_t variant;
    uint32_t cookie;
    uint32_t print;
    bool by_cookie;
};

struct bench {
    struct insp_epoch epoch;
    struct insp_flights *flights;
    _Atomic uint64_t slots[N_SLOTS]; /* Packed packets; 0: empty. */
    _Atomic uint64_t clock;
    _Atomic bool stop;
    uint64_t epoch_ns; /* When the clock began. */
    uint64_t lost;
    bool honest;
};

struct worker {
    struct bench *bench;
    pthread_t thread;
    uint64_t random;
    uint64_t sent;
    uint64_t returned;
    uint64_t cancelled;
    uint64_t refused[3];
    uint64_t strange;   /* Contexts of another key, or broken ones... */
    uint64_t astray;    /* ... of another zone... */
    uint64_t missed;    /* ... and none, from an honest function. */
    uint64_t displaced; /* Another context of the right zone: allowed. */
    uint32_t next_print;
    uint16_t slot;
};

static uint64_t
now_ns(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static uint32_t
random_below(uint64_t *state, uint32_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t) (*state >> 32) % n;
}

static uint64_t
pack(const struct packet *p)
{
    return (uint64_t) 1 << 63 | (uint64_t) p->print << 31 |
           (uint64_t) p->cookie << 13 | p->key << 4 | p->zone << 3 |
           p->variant << 1 | p->by_cookie;
}

static struct packet
unpack(uint64_t word)
{
    return (struct packet){ .print = (uint32_t) (word >> 31),
                            .cookie = word >> 13 & 0x3ffff,
                            .key = word >> 4 & 0x1ff,
                            .zone = word >> 3 & 1,
                            .variant = word >> 1 & 3,
                            .by_cookie = word & 1 };
}

/* As flight.h makes them: all bits count, no two are neighbours. */
static uint32_t
print_of(const struct packet *p)
{
    return p->print * UINT32_C(0x9e3779b1);
}

static struct insp_flight_key
make_key(uint32_t n)
{
    struct insp_flight_key key;

    memset(&key, 0, sizeof key);
    key.function = 1 + n % N_FUNCTIONS;
    key.port[0] = (uint16_t) n;
    return key;
}

static size_t
make_context(struct context *c, uint32_t key, uint32_t zone, uint32_t variant)
{
    memset(c, 0, sizeof *c);
    c->key = key;
    c->zone = zone;
    c->variant = variant;
    memset(c->fill, (int) (key * 7 + variant), sizeof c->fill);
    return sizeof *c - variant;
}

/* ------------------------------------------------------------------------ */
/* Workers. */

static bool
send_one(struct worker *w, struct packet *p)
{
    struct bench *b = w->bench;
    uint32_t n = random_below(&w->random, 16)
                     ? random_below(&w->random, N_KEYS)
                     : N_KEYS + random_below(&w->random, N_STORM_KEYS);
    struct insp_flight_key key = make_key(n);
    struct insp_zone zone = { .kind = INSP_ZONE_PORT };
    struct context c;
    enum insp_flight_result result;
    size_t size;

    *p = (struct packet){
        .key = n,
        .zone = random_below(&w->random, N_ZONES),
        .variant = random_below(&w->random, N_VARIANTS),
        .print = (uint32_t) w->slot << 24 | (++w->next_print & 0xffffff),
        .by_cookie = n & 1,
    };
    zone.a = p->zone + 1;
    size = make_context(&c, n, p->zone, p->variant);
    result = insp_flights_send(
        b->flights, &key, &zone, &c, size, print_of(p),
        b->honest ? HONEST_TIMEOUT_NS : ROUGH_TIMEOUT_NS,
        atomic_load_explicit(&b->clock, memory_order_relaxed),
        !p->by_cookie ? INSP_FLIGHT_BY_KEY
        : n & 2       ? INSP_FLIGHT_BY_VLAN
                      : INSP_FLIGHT_BY_COOKIE,
        &p->cookie);
    if (result != INSP_FLIGHT_OK) {
        w->refused[result]++;
        return false;
    }
    w->sent++;
    return true;
}

static void
judge_context(struct worker *w, const struct packet *p, const uint8_t *bytes,
              size_t size, bool changed)
{
    struct context c;
    struct context want;

    memset(&c, 0, sizeof c);
    memcpy(&c, bytes, size < sizeof c ? size : sizeof c);
    if (c.variant >= N_VARIANTS ||
        size != make_context(&want, c.key, c.zone, c.variant) ||
        memcmp(&c, &want, size) || changed != (c.key != p->key) ||
        (changed && (w->bench->honest || !p->by_cookie))) {
        w->strange++;
    } else if (w->bench->honest) {
        w->astray += c.zone != p->zone;
        w->displaced += c.variant != p->variant;
        w->strange += p->by_cookie && c.variant != p->variant;
    }
}

static void
return_one(struct worker *w, const struct packet *p)
{
    struct bench *b = w->bench;
    uint8_t bytes[INSP_FLIGHT_CONTEXT_MAX];
    struct insp_flight_key key = make_key(p->key);
    uint64_t now = atomic_load_explicit(&b->clock, memory_order_relaxed);
    bool changed = false;
    size_t size =
        p->by_cookie
            ? insp_flights_return_cookie(b->flights, p->cookie, &key,
                                         print_of(p), now, bytes, &changed)
            : insp_flights_return(b->flights, &key, print_of(p), now, bytes);

    if (size) {
        w->returned++;
        judge_context(w, p, bytes, size, changed);
    } else {
        w->missed += b->honest;
    }
}

static void
arrive(struct worker *w, uint64_t word)
{
    struct packet p = unpack(word);
    uint32_t luck = w->bench->honest ? 15 : random_below(&w->random, 16);

    if (luck) {
        return_one(w, &p);
    }
    if (luck == 1) {
        return_one(w, &p);
    }
}

static void
one_packet(struct worker *w)
{
    _Atomic uint64_t *slot =
        &w->bench->slots[random_below(&w->random, N_SLOTS)];
    uint64_t word = atomic_exchange_explicit(slot, 0, memory_order_acq_rel);
    struct packet p;

    if (!word && send_one(w, &p)) {
        if (random_below(&w->random, 16)) {
            word =
                atomic_exchange_explicit(slot, pack(&p), memory_order_acq_rel);
        } else {
            w->cancelled += insp_flights_cancel(w->bench->flights, p.cookie);
        }
    }
    if (word) {
        arrive(w, word);
    }
}

static void *
worker_main(void *aux)
{
    struct worker *w = aux;
    struct bench *b = w->bench;

    while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
        insp_epoch_enter(&b->epoch, w->slot);
        for (int i = 0; i < BATCH; i++) {
            one_packet(w);
        }
        insp_epoch_leave(&b->epoch, w->slot);
        if (!random_below(&w->random, 8)) {
            sched_yield();
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */
/* Control. */

static void
turn(struct bench *b)
{
    uint64_t now = b->epoch_ns + (now_ns() - b->epoch_ns) * CLOCK_RATE;
    uint32_t function;
    uint64_t packets;

    atomic_store_explicit(&b->clock, now, memory_order_relaxed);
    insp_flights_maintain(b->flights, now);
    while (insp_flights_next_lost(b->flights, &function, &packets)) {
        b->lost += packets;
    }
    (void) insp_flights_out(b->flights, 1);
}

static bool
run_round(struct bench *b, struct worker *workers, int n)
{
    uint64_t end = now_ns() + ROUND_NS;

    atomic_store_explicit(&b->stop, false, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        if (pthread_create(&workers[i].thread, NULL, worker_main,
                           &workers[i])) {
            exit(2);
        }
    }
    while (now_ns() < end) {
        struct timespec nap = { 0, 200000 };

        turn(b);
        (void) nanosleep(&nap, NULL);
    }
    atomic_store_explicit(&b->stop, true, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    insp_epoch_enter(&b->epoch, workers[0].slot);
    for (int i = 0; i < N_SLOTS; i++) {
        uint64_t word =
            atomic_exchange_explicit(&b->slots[i], 0, memory_order_acq_rel);

        if (word) {
            arrive(&workers[0], word);
        }
    }
    insp_epoch_leave(&b->epoch, workers[0].slot);
    /* What is out is given up, what is idle freed: some seconds of theirs. */
    for (int i = 0; i < 2000 && insp_flights_n_used(b->flights); i++) {
        struct timespec nap = { 0, 500000 };

        turn(b);
        (void) nanosleep(&nap, NULL);
    }
    return !insp_flights_n_used(b->flights);
}

static bool
check(const char *name, bool holds)
{
    static int n;

    printf("%sok %d - stress-flight: %s\n", holds ? "" : "not ", ++n, name);
    return holds;
}

static bool
judge(const struct bench *b, const struct worker *workers, int n)
{
    struct worker sum = { .sent = 0 };
    bool ok = true;

    for (int i = 0; i < n; i++) {
        sum.sent += workers[i].sent;
        sum.returned += workers[i].returned;
        sum.cancelled += workers[i].cancelled;
        sum.strange += workers[i].strange;
        sum.astray += workers[i].astray;
        sum.missed += workers[i].missed;
        sum.displaced += workers[i].displaced;
        for (int j = 0; j < 3; j++) {
            sum.refused[j] += workers[i].refused[j];
        }
    }
    printf("# %llu sent = %llu returned + %llu cancelled + %llu lost; %llu "
           "full, %llu ambiguous; %llu with another context of their zone\n",
           (unsigned long long) sum.sent, (unsigned long long) sum.returned,
           (unsigned long long) sum.cancelled, (unsigned long long) b->lost,
           (unsigned long long) sum.refused[INSP_FLIGHT_FULL],
           (unsigned long long) sum.refused[INSP_FLIGHT_AMBIGUOUS],
           (unsigned long long) sum.displaced);
    ok &=
        check("every packet in one place",
              sum.sent && sum.sent == sum.returned + sum.cancelled + b->lost);
    ok &= check("contexts of their key", !sum.strange);
    ok &= check("contexts of their zone", !sum.astray);
    ok &= check("none is missed", !sum.missed);
    ok &= check("zones collided", sum.refused[INSP_FLIGHT_AMBIGUOUS]);
    printf("# %llu strange, %llu astray, %llu missed\n",
           (unsigned long long) sum.strange, (unsigned long long) sum.astray,
           (unsigned long long) sum.missed);
    return ok;
}

int
main(int argc, char *argv[])
{
    static const struct insp_hash_key secret = {
        { 0x9ae16a3b2f90404f, 0xc949c7defebc1fa5, 0x7b1fa2d3c4e58697,
          0xd6e8feb86659fd93 }
    };
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    int n = argc > 2 ? atoi(argv[2]) : 4;
    uint64_t random = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    static struct worker workers[MAX_THREADS];
    static struct bench b;
    uint64_t end = now_ns() + (uint64_t) (seconds * 1e9);
    bool all_freed = true;
    bool ok;

    if (n < 1 || n > MAX_THREADS) {
        (void) fprintf(stderr, "usage: stress-flight [SECONDS [THREADS"
                               " [SEED]]]\n");
        return 2;
    }
    insp_epoch_init(&b.epoch);
    if (insp_flights_create(LIMIT, &b.epoch, &secret, &b.flights)) {
        return 2;
    }
    b.epoch_ns = now_ns();
    for (int i = 0; i < n; i++) {
        workers[i] = (struct worker){
            .bench = &b,
            .slot = (uint16_t) (i * 3),
            .random = (random * 2 + 1) * 977 + (uint64_t) i * 7919 + 12345,
        };
    }
    do {
        b.honest = !b.honest;
        all_freed &= run_round(&b, workers, n);
    } while (now_ns() < end || b.honest);
    ok = judge(&b, workers, n);
    ok &= check("nothing out and no entry in use",
                all_freed && !insp_flights_out(b.flights, 1));
    printf("1..6\n");
    insp_flights_destroy(b.flights);
    return ok ? 0 : 1;
}
