/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Workers throw packets of few connections, in both directions, at one table,
 * several of them at the same connection at once; they leave and come back as
 * other threads with the same slots.  Meanwhile the control thread maintains,
 * takes reports (sometimes it stops early), evicts (the table is too small
 * for all keys), moves owners, ends ports and flushes.  At the end the sum of
 * all reports must be what the workers counted, to the packet and the byte,
 * and the table must be empty.
 *
 *     stress-table [SECONDS [THREADS [SEED]]]
 *
 * Meant for the thread sanitizer; speaks TAP. */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/plain.h"
#include "flow/table.h"
#include "flow/tcp.h"

enum {
    MAX_THREADS = 32,
    N_KEYS = 48,
    BATCH = 32,
    STORM_KEYS = 100000,
    NARROW_KEYS = 200,
    FLOW_LIMIT = 512,
};
#define ROUND_NS UINT64_C(200000000)


struct worker {
    struct insp_table *table;
    struct insp_epoch *epoch;
    const struct insp_hash_key *secret;
    _Atomic bool *stop;
    pthread_t thread;
    uint64_t random;
    uint64_t packets; /* Handed to the successor with the slot. */
    uint64_t bytes;
    uint64_t lost;
    uint16_t slot;
    bool narrow;
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

static uint32_t
hash_of(const struct insp_key *key, const struct insp_hash_key *secret,
        bool narrow)
{
    uint32_t hash = insp_key_hash(key, secret);

    return narrow ? hash & 7 : hash;
}

/* Few keys are hot, some are a storm of new ones. */
static unsigned int
make_key(struct worker *w, struct insp_key *key, uint8_t *proto)
{
    uint64_t *random = &w->random;
    bool storm = !random_below(random, 16);
    uint32_t n =
        storm ? random_below(random, w->narrow ? NARROW_KEYS : STORM_KEYS) +
                    N_KEYS
              : random_below(random, N_KEYS);
    uint8_t a[4] = { 10, (uint8_t) (n >> 16), (uint8_t) (n >> 8),
                     (uint8_t) n };
    uint8_t b[4] = { 10, 255, 0, 1 };
    struct insp_zone zone = { .kind = INSP_ZONE_EXPLICIT, .a = n & 1 };
    bool back = !storm && random_below(random, 2);

    *proto = n % 3 ? INSP_PROTO_TCP : INSP_PROTO_UDP;
    return back ? insp_key_from_tuple(key, 4, *proto, b, a, 80, 1000, &zone)
                : insp_key_from_tuple(key, 4, *proto, a, b, 1000, 80, &zone);
}

/* The short way, where it is open. */
static bool
count_plain(struct worker *w, const struct insp_key *key, uint32_t hash,
            unsigned int side, const struct insp_flow_packet *packet)
{
    struct insp_plain_batch batch = {
        .zone = &key->zone,
        .in_port = packet->in_port,
        .worker = packet->worker,
    };
    struct insp_noted noted = {
        .now_ns = packet->now_ns,
        .hash = hash,
        .side = (uint8_t) side,
        .is_plain = !packet->is_tcp || packet->tcp_flags == INSP_TCP_ACK,
        .is_tcp = packet->is_tcp,
        .tcp_flags = packet->tcp_flags,
        .kind = insp_key_kind(4, key->proto),
        .addr4 = { insp_key_half(key, 12), insp_key_half(key, 28) },
        .ports = insp_key_ports(key->port[0], key->port[1]),
        .tcp_seq = packet->tcp_seq,
        .payload_size = packet->payload_size,
        .wire_size = packet->wire_size,
    };

    insp_plain_set_table(&batch, w->table);
    insp_plain_prefetch_bucket(&batch, hash);
    insp_plain_prefetch(w->table, &noted, 1);
    if (!insp_plain_count(&batch, &noted, 0, 1, &w->bytes)) {
        return false;
    }
    w->packets++;
    return true;
}

static void
one_packet(struct worker *w, uint64_t now)
{
    static const uint8_t flags[] = {
        INSP_TCP_SYN,
        INSP_TCP_SYN | INSP_TCP_ACK,
        INSP_TCP_ACK,
        INSP_TCP_ACK | INSP_TCP_PSH,
        INSP_TCP_ACK,
        INSP_TCP_ACK,
        INSP_TCP_FIN | INSP_TCP_ACK,
        INSP_TCP_RST,
    };
    struct insp_flow_packet packet = { .now_ns = now, .worker = w->slot };
    struct insp_key key;
    struct insp_conn *conn;
    enum insp_remainder why;
    uint8_t proto;
    unsigned int side = make_key(w, &key, &proto);
    uint32_t hash = hash_of(&key, w->secret, w->narrow);

    packet.wire_size = 60 + random_below(&w->random, 1440);
    /* Mostly the port that belongs to the side, at times another. */
    packet.in_port = 1 + side + 2 * !random_below(&w->random, 2000);
    packet.is_tcp = proto == INSP_PROTO_TCP;
    packet.tcp_flags = random_below(&w->random, 64)
                           ? INSP_TCP_ACK
                           : flags[random_below(&w->random, 8)];
    packet.tcp_seq = random_below(&w->random, 100000);
    packet.payload_size = random_below(&w->random, 1000);

    if (count_plain(w, &key, hash, side, &packet)) {
        return;
    }
    conn = insp_table_get(w->table, &key, hash, side, &packet, &why);
    if (!conn) {
        struct insp_zone zone = key.zone;

        insp_key_remainder(&key, why, 0x0800, packet.in_port, 0, &zone);
        hash = hash_of(&key, w->secret, w->narrow);
        side = 0;
        conn = insp_table_get_remainder(w->table, &key, hash, &packet);
    }
    if (conn) {
        insp_table_count(w->table, conn, side, &packet);
        w->packets++;
        w->bytes += packet.wire_size;
    } else {
        w->lost++;
    }
}

static void *
worker_main(void *aux)
{
    struct worker *w = aux;
    uint32_t life = 50 + random_below(&w->random, 400);

    while (life-- && !atomic_load_explicit(w->stop, memory_order_relaxed)) {
        uint64_t now = now_ns();

        insp_epoch_enter(w->epoch, w->slot);
        for (int i = 0; i < BATCH; i++) {
            one_packet(w, now);
        }
        insp_epoch_leave(w->epoch, w->slot);
        if (!random_below(&w->random, 8)) {
            sched_yield();
        }
    }
    return NULL;
}

/* A slot's threads, one after the other: the join is the edge that hands the
 * slot over. */
static void *
slot_main(void *aux)
{
    struct worker *w = aux;

    while (!atomic_load_explicit(w->stop, memory_order_relaxed)) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, worker_main, w)) {
            return w;
        }
        pthread_join(thread, NULL);
    }
    return NULL;
}

struct sums {
    uint64_t packets;
    uint64_t bytes;
    uint64_t interim;
    uint64_t final;
};

static void
take_reports(struct insp_table *t, struct sums *sums, uint32_t up_to)
{
    struct insp_conn_report report;

    while (up_to-- && insp_table_next_report(t, &report)) {
        uint64_t server;
        uint64_t client;

        (void) insp_conn_rtt(report.conn, &server, &client);
        sums->packets += report.packets[0] + report.packets[1];
        sums->bytes += report.bytes[0] + report.bytes[1];
        sums->final += report.final;
        sums->interim += !report.final;
    }
}

static bool
is_dead_port(const void *aux, uint32_t port)
{
    return port == *(const uint32_t *) aux;
}

static void
control_turn(struct insp_table *t, struct sums *sums, uint64_t *random,
             bool narrow)
{
    static struct insp_conn_copy copies[16];
    struct insp_table_stats stats;

    insp_table_maintain(t, now_ns());
    take_reports(t, sums, random_below(random, 4) ? UINT32_MAX : 3);
    if (!random_below(random, 50)) {
        uint32_t port = 1 + random_below(random, 4);

        insp_table_end_ports(t, is_dead_port, &port);
    }
    if (!random_below(random, narrow ? 4 : 100)) {
        insp_table_flush(t);
    }
    if (!random_below(random, 10)) {
        uint32_t at = 0;

        while (insp_table_list(t, &at, copies, 16)) {
            continue;
        }
        insp_table_get_stats(t, &stats);
    }
}

/* With the workers gone: how many live entries are there twice, or cannot be
 * found. */
static unsigned int
count_misplaced(struct insp_table *t, struct insp_epoch *epoch,
                const struct insp_hash_key *secret, bool narrow)
{
    static struct insp_conn_copy copies[FLOW_LIMIT];
    unsigned int n_bad = 0;
    uint32_t at = 0;
    size_t n = insp_table_list(t, &at, copies, FLOW_LIMIT);

    insp_epoch_enter(epoch, 0);
    for (size_t i = 0; i < n; i++) {
        const struct insp_key *key = &copies[i].conn.key;
        struct insp_flow_packet packet = { .wire_size = 0 };
        enum insp_remainder why;
        const struct insp_conn *found;

        for (size_t j = 0; j < i; j++) {
            n_bad += insp_key_equal(key, &copies[j].conn.key);
        }
        /* Any that was not there would be another life. */
        found = insp_table_get(t, key, hash_of(key, secret, narrow), 0,
                               &packet, &why);
        n_bad += !found || found->life != copies[i].conn.life;
    }
    insp_epoch_leave(epoch, 0);
    return n_bad;
}

static bool
check(const char *name, bool holds)
{
    static int n;

    printf("%sok %d - stress-table: %s\n", holds ? "" : "not ", ++n, name);
    return holds;
}

static bool
judge(struct insp_table *t, const struct worker *workers, int n_workers,
      const struct sums *sums)
{
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t lost = 0;
    uint64_t ended = 0;
    struct insp_table_stats stats;
    bool ok = true;

    for (int i = 0; i < n_workers; i++) {
        packets += workers[i].packets;
        bytes += workers[i].bytes;
        lost += workers[i].lost;
    }
    insp_table_get_stats(t, &stats);
    for (int i = 0; i < INSP_N_ENDS; i++) {
        printf("# ended %s: %llu\n", insp_end_reason_word(i),
               (unsigned long long) stats.ended[i]);
        ended += stats.ended[i];
    }
    printf("# counted %llu packets, %llu bytes; reported %llu, %llu in %llu "
           "interim and %llu final reports; %llu foreign, %llu owner moves, "
           "%llu refused\n",
           (unsigned long long) packets, (unsigned long long) bytes,
           (unsigned long long) sums->packets,
           (unsigned long long) sums->bytes,
           (unsigned long long) sums->interim,
           (unsigned long long) sums->final,
           (unsigned long long) stats.foreign_packets,
           (unsigned long long) stats.owner_moves,
           (unsigned long long) (stats.refused[INSP_REMAINDER_TABLE_FULL] +
                                 stats.refused[INSP_REMAINDER_QUOTA]));
    ok &= check("packets", packets && packets == sums->packets);
    ok &= check("bytes", bytes == sums->bytes);
    ok &= check("one final report an entry",
                stats.begun == sums->final && ended == sums->final);
    ok &= check("empty", insp_table_is_empty(t) && !stats.connections &&
                             !stats.remainders && !stats.half_open &&
                             insp_table_n_free(t) == stats.flow_limit);
    ok &= check("nothing lost", !lost);
    ok &= check("owners moved", n_workers < 2 || stats.owner_moves);
    return ok;
}

int
main(int argc, char *argv[])
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    int n = argc > 2 ? atoi(argv[2]) : 4;
    uint64_t random = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    struct insp_table_config config = {
        .flow_limit = FLOW_LIMIT,
        .port_quota = 400,
        .idle_timeout_ns = 300000000,
        .active_timeout_ns = 100000000,
        .half_open_timeout_ns = 200000000,
        .closed_linger_ns = 50000000,
        .secret = { { 0x9ae16a3b2f90404f, 0xc949c7defebc1fa5,
                      0x7b1fa2d3c4e58697, 0xd6e8feb86659fd93 } },
    };
    static struct insp_epoch epoch;
    static struct worker workers[MAX_THREADS];
    static _Atomic bool stop;
    struct sums sums = { 0 };
    struct insp_table *t;
    uint64_t end;
    unsigned int n_misplaced = 0;
    struct insp_table_stats stats;
    bool ok = true;

    if (n < 1 || n > MAX_THREADS) {
        (void) fprintf(stderr, "usage: stress-table [SECONDS [THREADS"
                               " [SEED]]]\n");
        return 2;
    }
    insp_epoch_init(&epoch);
    if (insp_table_create(&config, &epoch, &t)) {
        return 2;
    }
    random = random * 2 + 1;
    for (int i = 0; i < n; i++) {
        workers[i] = (struct worker){
            .table = t,
            .epoch = &epoch,
            .secret = &config.secret,
            .stop = &stop,
            .slot = (uint16_t) (i * 3),
            .random = random * 977 + (uint64_t) i * 7919 + 12345,
        };
    }
    end = now_ns() + (uint64_t) (seconds * 1e9);
    for (bool narrow = false; now_ns() < end; narrow = !narrow) {
        uint64_t round_end = now_ns() + ROUND_NS;

        atomic_store_explicit(&stop, false, memory_order_relaxed);
        for (int i = 0; i < n; i++) {
            workers[i].narrow = narrow;
            if (pthread_create(&workers[i].thread, NULL, slot_main,
                               &workers[i])) {
                return 2;
            }
        }
        while (now_ns() < round_end) {
            struct timespec nap = { 0, narrow ? 20000 : 1000000 };

            control_turn(t, &sums, &random, narrow);
            (void) nanosleep(&nap, NULL);
        }
        atomic_store_explicit(&stop, true, memory_order_relaxed);
        for (int i = 0; i < n; i++) {
            void *failed;

            pthread_join(workers[i].thread, &failed);
            ok &= !failed;
        }
        insp_table_maintain(t, now_ns());
        n_misplaced += count_misplaced(t, &epoch, &config.secret, narrow);
        insp_table_flush(t);
    }
    insp_table_flush(t);
    for (int i = 0; i < 4; i++) {
        insp_table_maintain(t, now_ns());
        take_reports(t, &sums, UINT32_MAX);
    }
    ok &= judge(t, workers, n, &sums);
    insp_table_get_stats(t, &stats);
    n_misplaced += (unsigned int) stats.misplaced;
    ok &= check("every live entry once, and found", !n_misplaced);
    printf("# %u misplaced\n1..7\n", n_misplaced);
    insp_table_destroy(t);
    return ok ? 0 : 1;
}
