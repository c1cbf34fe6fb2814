/* SPDX-License-Identifier: Apache-2.0 */
/* Flights: what is sent comes back with its own context, once, or is given up
 * after its time, and every packet is in exactly one place.  One thread; the
 * races are stress-flight's. */

#include "flow/flight.h"

#include <errno.h>
#include <stdlib.h>

#include "frames.h"
#include "unit.h"

#define MS      UINT64_C(1000000)
#define TIMEOUT (100 * MS)
#define LIMIT   256

static const struct insp_hash_key secret = {
    { 0x9ae16a3b2f90404f, 0xc949c7defebc1fa5, 0x7b1fa2d3c4e58697,
      0xd6e8feb86659fd93 }
};
static const struct insp_zone zone1 = { .kind = INSP_ZONE_PORT, .a = 1 };
static const struct insp_zone zone2 = { .kind = INSP_ZONE_PORT, .a = 2 };

struct bench {
    struct insp_epoch epoch;
    struct insp_flights *flights;
    uint64_t now;
    uint64_t lost;
};

static void
begin(struct bench *b, uint32_t n)
{
    memset(b, 0, sizeof *b);
    insp_epoch_init(&b->epoch);
    b->now = 1000 * MS;
    CU_ASSERT_FATAL(!insp_flights_create(n, &b->epoch, &secret, &b->flights));
}

static void
end(struct bench *b)
{
    insp_flights_destroy(b->flights);
}

/* Time passes, in turns of 10 ms. */
static void
pass(struct bench *b, uint64_t ns)
{
    for (uint64_t until = b->now + ns; b->now < until;) {
        uint32_t function;
        uint64_t packets;

        b->now += 10 * MS;
        insp_flights_maintain(b->flights, b->now);
        while (insp_flights_next_lost(b->flights, &function, &packets)) {
            b->lost += packets;
        }
    }
}

static struct insp_flight_key
key_of(uint32_t function, uint32_t n)
{
    struct insp_flight_key key;

    memset(&key, 0, sizeof key);
    key.function = function;
    key.port[0] = (uint16_t) n;
    key.port[1] = (uint16_t) (n >> 16);
    return key;
}

/* Returns the cookie, or minus an enum insp_flight_result. */
static int
send_by(struct bench *b, const struct insp_flight_key *key,
        const struct insp_zone *zone, const char *context, uint32_t print,
        enum insp_flight_by by)
{
    uint32_t cookie;
    enum insp_flight_result result;

    insp_epoch_enter(&b->epoch, 0);
    result =
        insp_flights_send(b->flights, key, zone, context, strlen(context) + 1,
                          print, TIMEOUT, b->now, by, &cookie);
    insp_epoch_leave(&b->epoch, 0);
    return result == INSP_FLIGHT_OK ? (int) cookie : -(int) result;
}

static int
send(struct bench *b, const struct insp_flight_key *key,
     const struct insp_zone *zone, const char *context, uint32_t print)
{
    return send_by(b, key, zone, context, print, INSP_FLIGHT_BY_KEY);
}

/* The context of a returning packet, or "". */
static const char *
come_back(struct bench *b, const struct insp_flight_key *key, uint32_t print)
{
    static char context[INSP_FLIGHT_CONTEXT_MAX];
    size_t size;

    insp_epoch_enter(&b->epoch, 0);
    size = insp_flights_return(b->flights, key, print, b->now, context);
    insp_epoch_leave(&b->epoch, 0);
    if (!size) {
        return "";
    }
    UNIT_EQ(size, strlen(context) + 1);
    return context;
}

static const char *
come_back_print(struct bench *b, int cookie, const struct insp_flight_key *key,
                uint32_t print, bool *changed)
{
    static char context[INSP_FLIGHT_CONTEXT_MAX];
    size_t size;

    insp_epoch_enter(&b->epoch, 0);
    size = insp_flights_return_cookie(b->flights, (uint32_t) cookie, key,
                                      print, b->now, context, changed);
    insp_epoch_leave(&b->epoch, 0);
    return size ? context : "";
}

static const char *
come_back_cookie(struct bench *b, int cookie,
                 const struct insp_flight_key *key, bool *changed)
{
    return come_back_print(b, cookie, key, 1, changed);
}

/* ------------------------------------------------------------------------ */

/* Mutation: a return that does not count down. */
static void
test_there_and_back(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    struct insp_flight_key other = key_of(7, 2);

    begin(&b, LIMIT);
    UNIT_STR_EQ(come_back(&b, &key, 1), "");
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    CU_ASSERT(send(&b, &key, &zone1, "one", 2) > 0);
    CU_ASSERT(send(&b, &other, &zone1, "other", 1) > 0);
    UNIT_EQ(insp_flights_n_used(b.flights), 2);
    UNIT_EQ(insp_flights_out(b.flights, 7), 3);
    UNIT_EQ(insp_flights_out(b.flights, 8), 0);
    UNIT_STR_EQ(come_back(&b, &key, 2), "one");
    UNIT_STR_EQ(come_back(&b, &other, 1), "other");
    UNIT_STR_EQ(come_back(&b, &other, 1), "");
    UNIT_STR_EQ(come_back(&b, &key, 999), "one"); /* Changed on its way. */
    UNIT_STR_EQ(come_back(&b, &key, 1), "");
    UNIT_EQ(insp_flights_out(b.flights, 7), 0);
    pass(&b, 1000 * MS);
    UNIT_EQ(b.lost, 0);
    end(&b);
}

static void
test_keys_differ(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    struct insp_flight_key other;

    begin(&b, LIMIT);
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    other = key;
    other.function = 8;
    UNIT_STR_EQ(come_back(&b, &other, 1), "");
    other = key;
    other.arm = 1;
    UNIT_STR_EQ(come_back(&b, &other, 1), "");
    other = key;
    other.mac[1][5] = 1;
    UNIT_STR_EQ(come_back(&b, &other, 1), "");
    other = key;
    other.ethertype = 1;
    UNIT_STR_EQ(come_back(&b, &other, 1), "");
    UNIT_STR_EQ(come_back(&b, &key, 1), "one");
    end(&b);
}

static void
test_context_sizes(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    static char big[INSP_FLIGHT_CONTEXT_MAX + 1];

    begin(&b, LIMIT);
    memset(big, 'x', sizeof big - 1);
    UNIT_EQ(send(&b, &key, &zone1, big, 1), -INSP_FLIGHT_FULL);
    big[sizeof big - 2] = '\0';
    CU_ASSERT(send(&b, &key, &zone1, big, 1) > 0);
    /* A beginning of it is another context. */
    CU_ASSERT(send(&b, &key, &zone1, big + 5, 2) > 0);
    UNIT_EQ(insp_flights_n_used(b.flights), 2);
    UNIT_STR_EQ(come_back(&b, &key, 2), big + 5);
    UNIT_STR_EQ(come_back(&b, &key, 1), big);
    end(&b);
}

/* ------------------------------------------------------------------------ */
/* Time. */

/* Mutation: give up 'new' as well at the end of a period, or never. */
static void
test_lost(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    pass(&b, 10 * MS);
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT(send(&b, &key, &zone1, "one", i) > 0);
    }
    UNIT_STR_EQ(come_back(&b, &key, 0), "one");
    pass(&b, TIMEOUT);
    UNIT_EQ(b.lost, 0);
    UNIT_EQ(insp_flights_out(b.flights, 7), 4);
    UNIT_STR_EQ(come_back(&b, &key, 1), "one"); /* Late, not too late. */
    pass(&b, TIMEOUT + 20 * MS);
    UNIT_EQ(b.lost, 3);
    UNIT_EQ(insp_flights_out(b.flights, 7), 0);
    UNIT_STR_EQ(come_back(&b, &key, 2), "");
    end(&b);
}

/* A function that keeps 32 packets, each for less than the timeout, loses
 * none.  Mutation: return takes from 'new' first. */
static void
test_queue_is_not_lost(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    uint32_t sent = 0;
    uint32_t back = 0;

    begin(&b, LIMIT);
    for (int turn = 0; turn < 200; turn++) {
        for (int i = 0; i < 32; i++) {
            CU_ASSERT(send(&b, &key, &zone1, "one", ++sent) > 0);
        }
        while (back + 32 < sent) {
            UNIT_STR_EQ(come_back(&b, &key, ++back), "one");
        }
        pass(&b, 10 * MS);
    }
    while (back < sent) {
        UNIT_STR_EQ(come_back(&b, &key, ++back), "one");
    }
    UNIT_STR_EQ(come_back(&b, &key, 1), "");
    UNIT_EQ(b.lost, 0);
    end(&b);
}

/* Losses of a flow that goes on are told in the end, all of them. */
static void
test_one_in_ten_lost(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    uint32_t sent = 0;

    begin(&b, LIMIT);
    for (int turn = 0; turn < 300; turn++) {
        for (int i = 0; i < 10; i++) {
            CU_ASSERT(send(&b, &key, &zone1, "one", ++sent) > 0);
            if (i) {
                UNIT_STR_EQ(come_back(&b, &key, sent), "one");
            }
        }
        pass(&b, 10 * MS);
        UNIT_EQ(b.lost + insp_flights_out(b.flights, 7), turn + 1);
    }
    CU_ASSERT(b.lost > 100);
    pass(&b, 3 * TIMEOUT);
    UNIT_EQ(b.lost, 300);
    end(&b);
}

static void
test_lost_by_function(void)
{
    struct bench b;
    uint32_t function;
    uint64_t packets;
    uint64_t by_function[4] = { 0 };
    int n = 0;

    begin(&b, LIMIT);
    for (uint32_t i = 0; i < 60; i++) {
        struct insp_flight_key key = key_of(1 + i % 3, i);

        CU_ASSERT(send(&b, &key, &zone1, "one", i) > 0);
        if (i % 3 == 2) {
            CU_ASSERT(send(&b, &key, &zone1, "one", i) > 0);
        }
    }
    UNIT_EQ(insp_flights_out(b.flights, 3), 40);
    for (int i = 0; i < 30; i++) {
        b.now += 10 * MS;
        insp_flights_maintain(b.flights, b.now);
    }
    for (; insp_flights_next_lost(b.flights, &function, &packets); n++) {
        CU_ASSERT_FATAL(function >= 1 && function <= 3);
        by_function[function] += packets;
    }
    UNIT_EQ(n, 3);
    UNIT_EQ(by_function[1], 20);
    UNIT_EQ(by_function[2], 20);
    UNIT_EQ(by_function[3], 40);
    end(&b);
}

/* Mutation: no idle time; entries that are never given back, or that stay in
 * their chain. */
#define FEW (LIMIT / 8) /* Not short of entries. */

static void
test_idle_entries_are_freed(void)
{
    struct bench b;
    struct insp_flight_key same = key_of(7, 1);

    begin(&b, LIMIT);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < FEW; i++) {
            struct insp_flight_key key = key_of(7, i + (uint32_t) round * FEW);

            CU_ASSERT(send(&b, &key, &zone1, "one", i) > 0);
            UNIT_STR_EQ(come_back(&b, &key, i), "one");
        }
        UNIT_EQ(insp_flights_n_used(b.flights), FEW);
        pass(&b, 2000 * MS);
        UNIT_EQ(insp_flights_n_used(b.flights), FEW);
        pass(&b, 5000 * MS);
        UNIT_EQ(insp_flights_n_used(b.flights), 0);
    }
    for (int round = 0; round < 3; round++) {
        CU_ASSERT(send(&b, &same, &zone1, "one", 1) > 0);
        CU_ASSERT(send(&b, &same, &zone1, "two", 2) > 0);
        UNIT_STR_EQ(come_back(&b, &same, 1), "one");
        pass(&b, 7000 * MS);
        UNIT_EQ(insp_flights_n_used(b.flights), 0);
    }
    end(&b);
}

/* Mutation: free without a grace period. */
static void
test_grace(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    UNIT_STR_EQ(come_back(&b, &key, 1), "one");
    insp_epoch_enter(&b.epoch, 5);
    pass(&b, 10000 * MS);
    UNIT_EQ(insp_flights_n_used(b.flights), 1);
    insp_epoch_leave(&b.epoch, 5);
    pass(&b, 100 * MS);
    UNIT_EQ(insp_flights_n_used(b.flights), 0);
    end(&b);
}

static void
test_full(void)
{
    struct bench b;
    struct insp_flight_key key;

    begin(&b, 10);
    for (uint32_t i = 0; i < 10; i++) {
        key = key_of(7, i);
        CU_ASSERT(send(&b, &key, &zone1, "one", 1) >= INSP_FLIGHT_VLANS);
    }
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    key = key_of(7, 11);
    UNIT_EQ(send(&b, &key, &zone1, "one", 1), -INSP_FLIGHT_FULL);
    UNIT_EQ(insp_flights_n_used(b.flights), 10);
    pass(&b, 8000 * MS);
    UNIT_EQ(b.lost, 11);
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    end(&b);
}

/* ------------------------------------------------------------------------ */
/* Contexts and zones of one key. */

/* The two policies of a change: 20 of each out, which come back in any
 * order, some never.  Mutation: take from the oldest without the print. */
static void
test_version_change(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    srand(1);
    for (int round = 0; round < 200; round++) {
        uint32_t order[40];
        int lost[2] = { 0, 0 };

        begin(&b, LIMIT);
        for (uint32_t i = 0; i < 40; i++) {
            CU_ASSERT(send(&b, &key, &zone1, i < 20 ? "old" : "new", 100 + i) >
                      0);
            order[i] = i;
        }
        UNIT_EQ(insp_flights_n_used(b.flights), 2);
        for (uint32_t i = 39; i > 0; i--) {
            uint32_t j = (uint32_t) rand() % (i + 1);
            uint32_t swap = order[i];

            order[i] = order[j];
            order[j] = swap;
        }
        for (uint32_t i = 0; i < 40; i++) {
            bool is_old = order[i] < 20;

            if (rand() % 8) {
                UNIT_STR_EQ(come_back(&b, &key, 100 + order[i]),
                            is_old ? "old" : "new");
            } else {
                lost[is_old]++;
            }
        }
        UNIT_EQ(insp_flights_out(b.flights, 7), lost[0] + lost[1]);
        pass(&b, 3 * TIMEOUT);
        UNIT_EQ(b.lost, lost[0] + lost[1]);
        end(&b);
    }
}

/* A print that was taken names no later packet.  Mutation: no forget(). */
static void
test_print_is_forgotten(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    CU_ASSERT(send(&b, &key, &zone1, "old", 1) > 0);
    CU_ASSERT(send(&b, &key, &zone1, "old", 2) > 0);
    UNIT_STR_EQ(come_back(&b, &key, 1), "old");
    CU_ASSERT(send(&b, &key, &zone1, "new", 1) > 0);
    UNIT_STR_EQ(come_back(&b, &key, 1), "new");
    UNIT_STR_EQ(come_back(&b, &key, 2), "old");
    end(&b);
}

static void
test_unknown_print_is_the_oldest(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    CU_ASSERT(send(&b, &key, &zone1, "old", 0) > 0);
    CU_ASSERT(send(&b, &key, &zone1, "new", 5) > 0);
    CU_ASSERT(send(&b, &key, &zone1, "newer", 6) > 0);
    UNIT_STR_EQ(come_back(&b, &key, 9), "old");
    UNIT_STR_EQ(come_back(&b, &key, 9), "new");
    UNIT_STR_EQ(come_back(&b, &key, 9), "newer");
    UNIT_STR_EQ(come_back(&b, &key, 9), "");
    end(&b);
}

/* Mutation: no is_elsewhere(). */
static void
test_zones(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    UNIT_EQ(send(&b, &key, &zone2, "two", 1), -INSP_FLIGHT_AMBIGUOUS);
    UNIT_EQ(insp_flights_n_used(b.flights), 1);
    CU_ASSERT(send(&b, &key, &zone1, "another", 2) > 0);
    UNIT_STR_EQ(come_back(&b, &key, 1), "one");
    UNIT_EQ(send(&b, &key, &zone2, "two", 1), -INSP_FLIGHT_AMBIGUOUS);
    UNIT_STR_EQ(come_back(&b, &key, 2), "another");

    /* The first zone's entries are still there, with nothing out. */
    CU_ASSERT(send(&b, &key, &zone2, "two", 3) > 0);
    UNIT_EQ(send(&b, &key, &zone1, "one", 1), -INSP_FLIGHT_AMBIGUOUS);
    UNIT_STR_EQ(come_back(&b, &key, 1), "two");
    UNIT_STR_EQ(come_back(&b, &key, 1), "");

    /* Equal contexts do not make it one zone. */
    CU_ASSERT(send(&b, &key, &zone1, "two", 3) > 0);
    UNIT_EQ(send(&b, &key, &zone2, "two", 3), -INSP_FLIGHT_AMBIGUOUS);
    pass(&b, 3 * TIMEOUT);
    UNIT_EQ(b.lost, 1);
    CU_ASSERT(send(&b, &key, &zone2, "two", 3) > 0);
    end(&b);
}

/* A hundred contexts of one key: refused, not followed for ever. */
static void
test_long_chain(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    int n = 0;

    begin(&b, LIMIT);
    for (int i = 0; i < 100; i++) {
        char context[32];

        snprintf(context, sizeof context, "context %d", i);
        n += send(&b, &key, &zone1, context, (uint32_t) i) > 0;
    }
    CU_ASSERT(n >= 32 && n < 100);
    for (uint32_t i = 0; i < (uint32_t) n; i++) {
        char context[32];

        snprintf(context, sizeof context, "context %u", i);
        UNIT_STR_EQ(come_back(&b, &key, i), context);
    }
    pass(&b, 6000 * MS);
    UNIT_EQ(insp_flights_n_used(b.flights), 0);
    end(&b);
}

/* ------------------------------------------------------------------------ */
/* Cookies. */

/* Mutation: compare neither function nor arm; do not ask what is out. */
static void
test_cookie(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    struct insp_flight_key back = key;
    bool changed = true;
    int cookie;

    begin(&b, LIMIT);
    cookie = send(&b, &key, &zone1, "one", 1);
    CU_ASSERT(cookie > 0 && cookie < 1 << 24);
    CU_ASSERT(send(&b, &key, &zone1, "one", 2) == cookie);
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &key, &changed), "one");
    CU_ASSERT_FALSE(changed);
    back.function = 8;
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &back, &changed), "");
    back.function = 7;
    back.arm = 1;
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &back, &changed), "");
    back.arm = 0;
    back.addr[0][3] = 9;
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &back, &changed), "one");
    CU_ASSERT(changed);
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, 0, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, cookie + 1, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, 0xffffff, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, -1, &key, &changed), "");
    end(&b);
}

/* A second one of the same print is not what is still out, unless so many are
 * out that not all are remembered.  Mutation: let is_duplicate() return false,
 * or not compare how many are out. */
static void
test_cookie_of_duplicates(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    bool changed;
    int cookie = 0;

    begin(&b, LIMIT);
    for (uint32_t i = 1; i <= 20; i++) {
        cookie =
            send_by(&b, &key, &zone1, "one", 2 * i, INSP_FLIGHT_BY_COOKIE);
    }
    for (uint32_t i = 1; i <= 20; i++) {
        UNIT_STR_EQ(come_back_print(&b, cookie, &key, 2 * i, &changed), "one");
        UNIT_STR_EQ(come_back_print(&b, cookie, &key, 2 * i, &changed), "");
    }

    /* One that stays out while many pass it. */
    CU_ASSERT(send_by(&b, &key, &zone1, "one", 98, INSP_FLIGHT_BY_COOKIE) > 0);
    for (uint32_t i = 200; i < 400; i++) {
        CU_ASSERT(send_by(&b, &key, &zone1, "one", 2 * i,
                          INSP_FLIGHT_BY_COOKIE) > 0);
        UNIT_STR_EQ(come_back_print(&b, cookie, &key, 2 * i, &changed), "one");
    }
    UNIT_STR_EQ(come_back_print(&b, cookie, &key, 98, &changed), "one");
    UNIT_STR_EQ(come_back_print(&b, cookie, &key, 98, &changed), "");
    end(&b);
}

/* A flow whose packets are all alike comes back in its order.  Mutation: do
 * not ask for the last print in consider(). */
static void
test_all_alike_keep_order(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);

    begin(&b, LIMIT);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT(send(&b, &key, &zone1, "old", 5) > 0);
    }
    for (int i = 0; i < 100; i++) {
        CU_ASSERT(send(&b, &key, &zone1, "new", 5) > 0);
    }
    for (int i = 0; i < 200; i++) {
        UNIT_STR_EQ(come_back(&b, &key, 5), i < 100 ? "old" : "new");
    }
    end(&b);
}

/* When entries run short, those with nothing out are free soon.  Mutation:
 * let patience() return IDLE_NS. */
static void
test_idle_entries_make_room(void)
{
    struct bench b;

    begin(&b, LIMIT);
    for (uint32_t i = 0; i < 20 * LIMIT; i++) {
        struct insp_flight_key key = key_of(7, i);

        CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
        UNIT_STR_EQ(come_back(&b, &key, 1), "one");
        if (i % (LIMIT / 4) == 0) {
            pass(&b, 20 * MS);
        }
    }
    end(&b);
}

/* Zones that a cookie tells apart.  Mutation: ask for other zones always. */
static void
test_cookie_of_zones(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    bool changed;
    int first;
    int second;

    begin(&b, LIMIT);
    first = send_by(&b, &key, &zone1, "one", 1, INSP_FLIGHT_BY_COOKIE);
    second = send_by(&b, &key, &zone2, "two", 1, INSP_FLIGHT_BY_COOKIE);
    CU_ASSERT(first > 0 && second > 0 && first != second);
    UNIT_STR_EQ(come_back_cookie(&b, second, &key, &changed), "two");
    UNIT_STR_EQ(come_back_cookie(&b, second, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, first, &key, &changed), "one");
    end(&b);
}

/* Mutation: do not look at the entry's function when it is used again. */
static void
test_stale_cookie(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    struct insp_flight_key next = key_of(8, 1);
    bool changed;
    int cookie;

    begin(&b, LIMIT);
    cookie = send(&b, &key, &zone1, "one", 1);
    pass(&b, 6000 * MS);
    UNIT_EQ(b.lost, 1);
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &key, &changed), "");
    CU_ASSERT(send(&b, &next, &zone2, "two", 1) == cookie);
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &key, &changed), "");
    UNIT_STR_EQ(come_back_cookie(&b, cookie, &next, &changed), "two");
    end(&b);
}

/* Every VLAN id once, to those who need one, whatever zones they are of.
 * Mutation: one pool for all; or 4095 of them. */
static void
test_vlans(void)
{
    static bool seen[INSP_FLIGHT_VLANS];
    struct bench b;
    struct insp_flight_key key;
    bool changed;
    int first;

    begin(&b, 8000);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < 5000; i++) {
        key = key_of(7, i);
        CU_ASSERT(send(&b, &key, &zone1, "any", 1) >= INSP_FLIGHT_VLANS);
    }
    for (uint32_t i = 0; i < INSP_FLIGHT_VLANS - 1; i++) {
        int cookie;

        key = key_of(9, i);
        cookie = send_by(&b, &key, &zone1, "vlan", 1, INSP_FLIGHT_BY_VLAN);
        CU_ASSERT_FATAL(cookie > 0 && cookie < INSP_FLIGHT_VLANS);
        CU_ASSERT_FALSE(seen[cookie]);
        seen[cookie] = true;
    }
    key = key_of(9, 5000);
    UNIT_EQ(send_by(&b, &key, &zone1, "vlan", 1, INSP_FLIGHT_BY_VLAN),
            -INSP_FLIGHT_FULL);
    CU_ASSERT(send(&b, &key, &zone1, "any", 1) >= INSP_FLIGHT_VLANS);
    pass(&b, 8000 * MS);
    UNIT_EQ(insp_flights_n_used(b.flights), 0);

    first = send_by(&b, &key, &zone1, "one", 1, INSP_FLIGHT_BY_VLAN);
    CU_ASSERT(first > 0);
    CU_ASSERT(send_by(&b, &key, &zone1, "one", 1, INSP_FLIGHT_BY_VLAN) ==
              first);
    CU_ASSERT(send_by(&b, &key, &zone2, "two", 1, INSP_FLIGHT_BY_VLAN) > 0);
    UNIT_STR_EQ(come_back_cookie(&b, first, &key, &changed), "one");
    end(&b);
}

/* Mutation: cancel takes from what is older. */
static void
test_cancel(void)
{
    struct bench b;
    struct insp_flight_key key = key_of(7, 1);
    int cookie;

    begin(&b, LIMIT);
    pass(&b, 10 * MS);
    CU_ASSERT(send(&b, &key, &zone1, "one", 1) > 0);
    pass(&b, TIMEOUT + 20 * MS);
    cookie = send(&b, &key, &zone1, "one", 2);
    UNIT_EQ(insp_flights_out(b.flights, 7), 2);
    CU_ASSERT(insp_flights_cancel(b.flights, (uint32_t) cookie));
    UNIT_EQ(insp_flights_out(b.flights, 7), 1);
    pass(&b, TIMEOUT);
    UNIT_EQ(b.lost, 1);
    CU_ASSERT_FALSE(insp_flights_cancel(b.flights, (uint32_t) cookie));
    CU_ASSERT_FALSE(insp_flights_cancel(b.flights, 0));
    UNIT_EQ(insp_flights_out(b.flights, 7), 0);
    end(&b);
}

static void
test_create(void)
{
    struct insp_epoch epoch;
    struct insp_flights *flights;

    insp_epoch_init(&epoch);
    UNIT_EQ(insp_flights_create(UINT32_MAX, &epoch, &secret, &flights),
            ENOMEM);
    CU_ASSERT_PTR_NULL(flights);
    UNIT_EQ(insp_flights_create(0xffffff, &epoch, &secret, &flights), ENOMEM);
    CU_ASSERT(insp_flights_size(2000) - insp_flights_size(1000) < 1400 * 1000);
    insp_flights_destroy(NULL);
}

/* ------------------------------------------------------------------------ */
/* Keys and prints of packets. */

static void
make(const struct frame *f, struct insp_flight_key *key, uint32_t *print)
{
    struct insp_packet packet;

    (void) insp_packet_parse(&packet, f->bytes, frame_size(f), frame_size(f));
    memset(key, 0xa5, sizeof *key);
    insp_flight_key_init(key, 0x11223344, 1, &packet, f->bytes);
    *print = insp_flight_print(&packet, f->bytes);
}

static void
tcp(struct frame *f, uint16_t src_port)
{
    frame_begin(f);
    frame_eth(f, 0x8100);
    frame_vlan(f, 0xe064, 0x0800);
    frame_ip4(f, 6, 20);
    frame_tcp(f, src_port, 80, 0x10);
}

static void
test_key_of_packet(void)
{
    struct frame f;
    struct insp_flight_key key, again;
    uint32_t print, print_again;

    tcp(&f, 1000);
    make(&f, &key, &print);
    UNIT_EQ(key.function, 0x11223344);
    UNIT_EQ(key.arm, 1);
    UNIT_EQ(key.vlan, 100);
    UNIT_EQ(key.ethertype, 0x0800);
    UNIT_EQ(key.proto, 6);
    UNIT_EQ(key.port[0], 1000);
    UNIT_EQ(key.port[1], 80);
    UNIT_EQ(key.mac[0][5], 1);
    UNIT_EQ(key.mac[1][5], 2);
    UNIT_EQ(key.addr[0][3], 1);
    UNIT_EQ(key.addr[1][3], 2);
    UNIT_EQ(key.zero[0], 0);

    /* What a function may change: priority, TTL, checksums. */
    f.bytes[14] = 0x20;
    f.bytes[18 + 8]--;
    f.bytes[18 + 10] ^= 0x5a;
    f.bytes[18 + 20 + 16] ^= 0x5a;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key));
    UNIT_EQ(print, print_again);

    /* What sets a packet apart: id, sequence, length. */
    f.bytes[18 + 5]++;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key) && print != print_again);
    tcp(&f, 1000);
    f.bytes[18 + 20 + 7]++;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key) && print != print_again);

    tcp(&f, 1001);
    make(&f, &again, &print_again);
    CU_ASSERT(memcmp(&key, &again, sizeof key));
}

/* First and later fragments are of one key.  Mutation: ports of the first. */
static void
test_key_of_fragments(void)
{
    struct frame f;
    struct insp_flight_key key, again;
    uint32_t print, print_again;

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4_full(&f, 17, 24, 0, 0x2000);
    frame_udp(&f, 1, 2, 600);
    frame_fill(&f, 16);
    make(&f, &key, &print);
    UNIT_EQ(key.frag_id, 0x1234);
    UNIT_EQ(key.port[0], 0);
    f.bytes[21] = 3;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key));
    CU_ASSERT(print != print_again);

    frame_begin(&f);
    frame_eth(&f, 0x86dd);
    frame_ip6(&f, 44, 8 + 8 + 16);
    frame_ext_fragment(&f, 60, 1);
    frame_ext(&f, 17, 8);
    frame_udp(&f, 1, 2, 600);
    frame_fill(&f, 8);
    make(&f, &key, &print);
    UNIT_EQ(key.frag_id, 0x12345678);
    f.bytes[14 + 40 + 3] = 9;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key));
}

static void
test_key_of_others(void)
{
    struct frame f;
    struct insp_flight_key key, again;
    uint32_t print, print_again;

    frame_begin(&f);
    frame_eth(&f, 0x0800);
    frame_ip4(&f, 1, 8);
    frame_icmp(&f, 8, 0, 77);
    make(&f, &key, &print);
    UNIT_EQ(key.port[0], 8 << 8);
    UNIT_EQ(key.port[1], 77);
    f.bytes[14 + 20 + 7]++;
    make(&f, &again, &print_again);
    CU_ASSERT(!memcmp(&key, &again, sizeof key) && print != print_again);

    frame_begin(&f);
    frame_eth(&f, 0x0806);
    frame_fill(&f, 28);
    make(&f, &key, &print);
    UNIT_EQ(key.ethertype, 0x0806);
    UNIT_EQ(key.mac[0][5], 1);
    UNIT_EQ(key.addr[0][0], 0);
    for (size_t size = 0; size < 54; size++) {
        tcp(&f, 1);
        f.put.at = f.put.start + size;
        make(&f, &key, &print);
        UNIT_EQ(key.function, 0x11223344);
    }
}

UNIT_MAIN("flight", UNIT_TEST(test_there_and_back),
          UNIT_TEST(test_keys_differ), UNIT_TEST(test_context_sizes),
          UNIT_TEST(test_lost), UNIT_TEST(test_queue_is_not_lost),
          UNIT_TEST(test_one_in_ten_lost), UNIT_TEST(test_lost_by_function),
          UNIT_TEST(test_idle_entries_are_freed), UNIT_TEST(test_grace),
          UNIT_TEST(test_full), UNIT_TEST(test_version_change),
          UNIT_TEST(test_print_is_forgotten),
          UNIT_TEST(test_unknown_print_is_the_oldest), UNIT_TEST(test_zones),
          UNIT_TEST(test_long_chain), UNIT_TEST(test_cookie),
          UNIT_TEST(test_cookie_of_duplicates),
          UNIT_TEST(test_all_alike_keep_order),
          UNIT_TEST(test_idle_entries_make_room),
          UNIT_TEST(test_cookie_of_zones), UNIT_TEST(test_stale_cookie),
          UNIT_TEST(test_vlans), UNIT_TEST(test_cancel),
          UNIT_TEST(test_create), UNIT_TEST(test_key_of_packet),
          UNIT_TEST(test_key_of_fragments), UNIT_TEST(test_key_of_others))
