/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     uplink-rate TARGET KEY CERTIFICATE CA SENSOR RECORDS [FORMAT]
 *
 * An exporter alone: what the exporter thread of a switch does, with records
 * made here instead of by a control thread.  The ring is filled, the drain has
 * a turn, until RECORDS records of connections have been acknowledged, or,
 * when the collector acknowledges none, sent.  So many are on the way at once
 * as the queue takes without dropping any.
 *
 * Prints one line: records, seconds from the first to the last
 * acknowledgement, nanoseconds of processor that turns took, nanoseconds that
 * making the records took (which in a switch is the control thread's), bytes
 * on the wire, dropped.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "export/drain.h"

#define RING_SIZE   16384
#define QUEUE_LIMIT 262144
#define SECOND      UINT64_C(1000000000)
#define PATIENCE_NS (20 * SECOND)
#define N_PORTS     64

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t) now.tv_sec * SECOND + (uint64_t) now.tv_nsec;
}

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "uplink-rate: %s: %s\n", what, why);
    exit(1);
}

/* A TCP connection between two VMs that has ended; no two are the same. */
static void
make(struct insp_record *r, uint64_t n)
{
    memset(r, 0, sizeof *r);
    r->type = INSP_RECORD_CONNECTION;
    r->inspector = 1;
    r->time_ns = UINT64_C(1763856000000000000) + n * 3000;
    r->conn.flow_id = n * UINT64_C(0x9e3779b97f4a7c15) >> 11;
    r->conn.start_ns = r->time_ns - 1000000 - n % 977 * 1000000;
    r->conn.end_ns = r->time_ns - 1000;
    for (unsigned int i = 0; i < 2; i++) {
        uint8_t *addr = r->conn.addr[i];
        uint64_t vm = (i ? n / N_PORTS : n) % N_PORTS;

        addr[10] = addr[11] = 0xff;
        addr[12] = 10;
        addr[15] = (uint8_t) (vm + 1);
        r->conn.port_id[i] = (uint32_t) vm + 1;
        r->conn.packets[i] = 5 + n % 13;
        r->conn.bytes[i] = 400 + n % 7919;
        r->conn.rtt_us[i] = (uint32_t) (100 + n % 400);
    }
    r->conn.l4_port[0] = (uint16_t) (32768 + n % 28000);
    r->conn.l4_port[1] = n % 3 ? 443 : 80;
    r->conn.zone = (struct insp_zone){ 1, 2, 0, INSP_ZONE_PAIR, 0 };
    r->conn.ip_version = 4;
    r->conn.proto = INSP_PROTO_TCP;
    r->conn.tcp_flags[0] = 0x1b;
    r->conn.tcp_flags[1] = 0x13;
    r->conn.state =
        INSP_CONN_ANSWERED | INSP_CONN_ESTABLISHED | INSP_CONN_CLOSED;
    r->conn.end_reason = INSP_END_CLOSED;
    r->conn.n_connections = 1;
    r->conn.policy_version = 7;
    r->conn.intra_host = true;
}

static void
make_ports(struct insp_ring *ring)
{
    for (unsigned int i = 1; i <= N_PORTS; i++) {
        struct insp_record *r = insp_ring_reserve(ring);
        struct insp_port *port = calloc(1, sizeof *port);

        if (!r || !port) {
            fail("ports", "no memory");
        }
        memset(r, 0, sizeof *r);
        port->id = i;
        port->role = INSP_PORT_VM;
        snprintf(port->name, sizeof port->name, "vnet%u", i);
        snprintf(port->vm_id, sizeof port->vm_id,
                 "00000000-0000-4000-8000-%012u", i);
        r->type = INSP_RECORD_PORT;
        r->port = port;
        insp_ring_commit(ring);
    }
}

struct run {
    struct insp_ring *ring;
    struct insp_drain *drain;
    struct insp_uplink_status status;
    uint64_t wanted, made, turn_ns, make_ns;
};

static void
turn(struct run *run, int timeout_ms)
{
    uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

    insp_drain_turn(run->drain, timeout_ms);
    run->turn_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns;
    if (!insp_drain_get_status(run->drain, &run->status, 1)) {
        fail("uplink", "there is none");
    }
}

static uint64_t
done(const struct run *run)
{
    return run->status.acknowledged + run->status.sent;
}

/* As many as the queue takes now; returns whether it takes more at once. */
static bool
fill(struct run *run)
{
    uint64_t waiting = run->status.queued + run->status.unacknowledged;
    uint64_t room = waiting < QUEUE_LIMIT / 2 ? QUEUE_LIMIT / 2 - waiting : 0;
    uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), n = 0;
    struct insp_record *r;

    while (n < room && run->made < run->wanted &&
           (r = insp_ring_reserve(run->ring))) {
        make(r, run->made++);
        insp_ring_commit(run->ring);
        n++;
    }
    run->make_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns;
    return n > 0;
}

int
main(int argc, char *argv[])
{
    struct insp_uplink_config uplink = { .name = "rate",
                                         .queue_limit = QUEUE_LIMIT,
                                         .max_backoff_ms = 1000,
                                         .inspectors = { 1 },
                                         .n_inspectors = 1 };
    struct insp_faults faults;
    struct insp_host host;
    struct run run = { .wanted = argc > 6 ? strtoull(argv[6], NULL, 10) : 0 };
    uint64_t begin_ns, until_ns, before = 0;

    if (!run.wanted) {
        fail("usage", "uplink-rate ssl:HOST:PORT KEY CERTIFICATE CA SENSOR "
                      "RECORDS [ipfix|json]");
    }
    insp_faults_init(&faults);
    if (!insp_config_targets(argv[1], 4740, &uplink, &faults)) {
        fail(argv[1], faults.text);
    }
    snprintf(uplink.private_key, sizeof uplink.private_key, "%s", argv[2]);
    snprintf(uplink.certificate, sizeof uplink.certificate, "%s", argv[3]);
    snprintf(uplink.ca_cert, sizeof uplink.ca_cert, "%s", argv[4]);
    uplink.format = argc > 7 && !strcmp(argv[7], "json") ? INSP_UPLINK_JSON
                                                         : INSP_UPLINK_IPFIX;
    insp_host_stdio(&host, INSP_LOG_WARN);
    if (insp_ring_create(sizeof(struct insp_record), RING_SIZE, &run.ring) ||
        insp_drain_create(&host, run.ring, argv[5], &run.drain)) {
        fail("drain", "no memory");
    }
    insp_drain_set_uplinks(run.drain, &uplink, 1);
    make_ports(run.ring);
    until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
    do {
        turn(&run, 20);
        if (clock_ns(CLOCK_MONOTONIC) > until_ns) {
            fail(run.status.state, run.status.last_error);
        }
    } while (!run.status.is_connected);

    run.turn_ns = 0;
    begin_ns = clock_ns(CLOCK_MONOTONIC);
    until_ns = begin_ns + PATIENCE_NS;
    while (done(&run) < run.wanted) {
        turn(&run, fill(&run) ? 0 : 20);
        if (done(&run) != before) {
            before = done(&run);
            until_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
        } else if (clock_ns(CLOCK_MONOTONIC) > until_ns) {
            fail("nothing is taken any more", run.status.last_error);
        }
    }
    printf("%" PRIu64 " %.6f %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
           "\n",
           run.wanted,
           (double) (clock_ns(CLOCK_MONOTONIC) - begin_ns) / (double) SECOND,
           run.turn_ns, run.make_ns, run.status.wire_bytes,
           run.status.dropped);
    insp_drain_destroy(run.drain, 1000);
    insp_ring_destroy(run.ring);
    return 0;
}
