/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/uplink*.c, unacknowledged.c: to a collector that acknowledges, no
 * record is lost on the way and none counts twice, whatever becomes of
 * connections, collectors, disks and the process. */

#include "unit.h"

#include <sys/wait.h>

#include "uplink-rig.h"

#include "export/spool.h"
#include "export/token.h"
#include "export/unacknowledged.h"

static void
begin_framed(struct fixture *f)
{
    begin(f);
    server_stop(f->server);
    f->server->speaks_frames = true;
    server_start(f->server, &f->pki, "server", "ca.pem");
}

static void
turns(struct fixture *f, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        turn(f);
        (void) status(f);
    }
}

/* Turns for so long, the last one after that. */
static void
turns_for(struct fixture *f, unsigned int ms)
{
    uint64_t until = now_ns() + ms * UINT64_C(1000000);

    while (now_ns() < until) {
        turn(f);
    }
    turn(f);
}

/* Turns until nothing waits, and fifty more. */
static void
come_to_rest(struct fixture *f)
{
    uint64_t until = now_ns() + PATIENCE * UINT64_C(1000000000);
    struct insp_uplink_status s = status(f);

    while (s.unacknowledged + s.queued + s.spooled && now_ns() < until) {
        turn(f);
        s = status(f);
    }
    turns(f, 50);
}

/* Flow ids 'first' to 'first' + 'n' - 1 have each come, once. */
static void
check_seen(const struct fixture *f, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++) {
        CU_ASSERT_FATAL(f->server->seen[i] == 1);
    }
    UNIT_EQ(f->server->bad, 0);
}

/* The bookkeeping by itself: any order, parts, again, and nonsense.
 * Mutation: count a record again that is done already. */
static void
test_unacknowledged(void)
{
    struct insp_unacknowledged u;
    struct insp_queued item;
    struct insp_acknowledged got;
    struct insp_frame_run run = { 7, 1, 3 };

    memset(&item, 0, sizeof item);
    insp_unacknowledged_init(&u);
    for (uint64_t first = 1; first < 600; first += 3) {
        for (uint64_t i = first; i < first + 3; i++) {
            CU_ASSERT_FATAL(insp_unacknowledged_has_room(&u));
            item.number = i;
            insp_unacknowledged_add(&u, &item);
        }
        run.first = first;
        insp_unacknowledged_close(&u, &run, 100, first, false);
    }
    UNIT_EQ(u.n_open, 600);
    UNIT_EQ(u.bytes, 20000);
    run = (struct insp_frame_run){ 8, 1, 600 };
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n, 0);
    run = (struct insp_frame_run){ 7, 601, UINT64_MAX - 601 };
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n, 0);
    run = (struct insp_frame_run){ 7, 5, 4 }; /* The end of one, the next. */
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n, 4);
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n, 0);
    CU_ASSERT(!insp_unacknowledged_oldest(&u));
    UNIT_EQ(insp_unacknowledged_lowest(&u, 7, 9999), 1);
    UNIT_EQ(u.n_open, 596);
    UNIT_EQ(u.bytes, 20000);
    run = (struct insp_frame_run){ 7, 0, 5 };
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n, 4);
    for (uint64_t i = 1; i <= 6; i++) {
        const struct insp_queued *oldest = insp_unacknowledged_oldest(&u);

        CU_ASSERT_FATAL(oldest != NULL);
        UNIT_EQ(oldest->number, i);
        insp_unacknowledged_drop_oldest(&u);
    }
    UNIT_EQ(insp_unacknowledged_lowest(&u, 7, 9999), 7);
    UNIT_EQ(u.bytes, 19800);

    run = (struct insp_frame_run){ 3, 10, 50 };
    CU_ASSERT_FATAL(insp_unacknowledged_has_room(&u));
    insp_unacknowledged_close(&u, &run, 10, 0, true);
    run.count = 20;
    got = insp_unacknowledged_acknowledge(&u, &run);
    UNIT_EQ(got.n_spooled, 20);
    UNIT_EQ(u.n_spooled, 30);
    UNIT_EQ(insp_unacknowledged_newest(&u)->number, 600);
    while (insp_unacknowledged_newest(&u)) {
        insp_unacknowledged_drop_newest(&u);
    }
    UNIT_EQ(u.n_open, 0);
    UNIT_EQ(u.bytes, 0);
    insp_unacknowledged_uninit(&u);
}

/* All are acknowledged, and the collector knows whose they are.
 * Mutation: count as acknowledged what was only sent. */
static void
good_way(enum insp_uplink_format format)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    f.config.format = format;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    CU_ASSERT(status(&f).acknowledges);
    push_port(&f, 1, false);
    push_connections(&f, 0, 5000);
    run(&f, UNTIL_ACKNOWLEDGED, 5000, 5000);
    s = status(&f);
    UNIT_EQ(s.acknowledged, 5000);
    UNIT_EQ(s.sent, 0);
    UNIT_EQ(s.unacknowledged, 0);
    UNIT_EQ(s.unacknowledged_bytes, 0);
    UNIT_EQ(s.resent, 0);
    UNIT_EQ(f.server->n_safe, 5000);
    UNIT_EQ(f.server->n_twice, 0);
    UNIT_EQ(f.server->n_records + f.server->n_lines, 5000);
    UNIT_STR_EQ(f.server->hello.sensor, "sensor-1");
    UNIT_STR_EQ(f.server->hello.uplink, "u");
    UNIT_EQ(f.server->hello.incarnation, s.incarnation);
    UNIT_EQ(f.server->hello.format, format == INSP_UPLINK_JSON);
    UNIT_EQ(f.server->bad, 0);
    end(&f);
}

static void
test_acknowledged(void)
{
    good_way(INSP_UPLINK_IPFIX);
    good_way(INSP_UPLINK_JSON);
}

/* What the collector has but has not said so of comes again, with the same
 * numbers, and counts once.
 * Mutation: give it new numbers; or leave insp_uplink_land() out. */
static void
test_resent(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    push_port(&f, 1, false);
    f.server->holds = true;
    push_connections(&f, 0, 3000);
    run(&f, UNTIL_RECEIVED, 3000, 5000);
    s = status(&f);
    UNIT_EQ(s.acknowledged, 0);
    UNIT_EQ(s.unacknowledged, 3000);
    CU_ASSERT(s.unacknowledged_bytes > 100000);
    server_hang_up(f.server);
    f.server->holds = false;
    push_connections(&f, 3000, 1000);
    run(&f, UNTIL_ACKNOWLEDGED, 4000, 5000);
    UNIT_EQ(f.server->n_safe, 4000);
    UNIT_EQ(f.server->n_twice, 3000);
    UNIT_EQ(status(&f).resent, 3000);
    UNIT_EQ(f.server->n_named, 4000);
    check_seen(&f, 0, 4000);
    end(&f);
}

/* A collector that dies again and again, with and without what it had read,
 * under load.
 * Mutation: release what was sent instead of what was acknowledged. */
static void
test_dies_often(void)
{
    struct fixture f;
    uint64_t pushed = 0, state = 5;

    begin_framed(&f);
    f.server->credit = 200000;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    for (unsigned int i = 0; i < 100; i++) {
        push_connections(&f, pushed, 200);
        pushed += 200;
        f.server->holds = some_random(&state) % 3 == 0;
        f.server->is_forgetful = some_random(&state) % 4 == 0;
        f.server->backwards = some_random(&state) % 2 == 0;
        turns(&f, 1 + (unsigned int) (some_random(&state) % 30));
        server_hang_up(f.server);
        f.server->holds = f.server->is_forgetful = false;
    }
    run(&f, UNTIL_ACKNOWLEDGED, pushed, 20000);
    UNIT_EQ(f.server->n_safe, pushed);
    UNIT_EQ(status(&f).acknowledged, pushed);
    check_seen(&f, 0, pushed);
    end(&f);
}

/* No more is on its way than the collector has asked for; one message always
 * is.
 * Mutation: ignore the credit. */
static void
test_credit(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    f.server->credit = 50000;
    f.server->holds = true;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    push_connections(&f, 0, 20000);
    turns(&f, 50);
    s = status(&f);
    CU_ASSERT(s.unacknowledged > 0);
    CU_ASSERT(s.unacknowledged_bytes < 50000 + 98304);
    CU_ASSERT(s.queued > 15000);
    server_hang_up(f.server);
    f.server->holds = false;
    f.server->credit = 1;
    run(&f, UNTIL_ACKNOWLEDGED, 20000, 10000);
    check_seen(&f, 0, 20000);
    end(&f);
}

/* Acknowledgements in the wrong order.
 * Mutation: let the oldest go, whichever is acknowledged. */
static void
test_any_order(void)
{
    struct fixture f;

    begin_framed(&f);
    f.server->backwards = true;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    push_connections(&f, 0, 30000);
    run(&f, UNTIL_ACKNOWLEDGED, 30000, 10000);
    UNIT_EQ(f.server->n_twice, 0);
    check_seen(&f, 0, 30000);
    end(&f);
}

/* Memory is bounded while nothing is acknowledged; what was dropped is told,
 * by number and in a record that is acknowledged like any other.
 * Mutation: count what is on its way out of the limit. */
static void
test_overflow(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    f.config.queue_limit = 1000;
    f.server->holds = true;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    for (unsigned int i = 0; i < 10; i++) {
        push_connections(&f, i * 500, 500);
        turns(&f, 5);
        CU_ASSERT(status(&f).queued + status(&f).unacknowledged <= 1000);
    }
    s = status(&f);
    CU_ASSERT(s.dropped >= 4000);
    server_hang_up(f.server);
    f.server->holds = false;
    turns(&f, 200);
    run(&f, UNTIL_ACKNOWLEDGED, 1000, 10000);
    come_to_rest(&f);
    s = status(&f);
    UNIT_EQ(s.unacknowledged + s.queued, 0);
    UNIT_EQ(f.server->n_safe, s.acknowledged);
    UNIT_EQ(f.server->lost_records, s.dropped);
    UNIT_EQ(f.server->n_lost, s.dropped);
    UNIT_EQ(f.server->bad, 0);
    end(&f);
}

/* An alert does not wait behind a long queue.
 * Mutation: queue it like any other. */
static void
test_alert_first(void)
{
    struct fixture f;
    struct insp_record r;

    begin_framed(&f);
    server_stop(f.server);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, 30000);
    some_ordinary(&r, 100000);
    r.conn.alert = 1;
    push(&f, &r);
    for (unsigned int i = 0; i < 10; i++) {
        turn(&f);
    }
    server_start(f.server, &f.pki, "server", "ca.pem");
    f.server->credit = 10000;
    f.server->holds = true;
    run(&f, UNTIL_RECEIVED, 1, 5000);
    UNIT_EQ(f.server->seen[100000], 1);
    server_hang_up(f.server);
    f.server->holds = false;
    f.server->credit = 0;
    run(&f, UNTIL_ACKNOWLEDGED, 30001, 10000);
    check_seen(&f, 0, 30000);
    end(&f);
}

/* Holes in what is safe of the only incarnation. */
static size_t
count_holes(const struct fixture *f)
{
    const struct stream *s = f->server->streams;
    size_t holes = 0, open = 0;

    for (uint64_t i = 1; i < N_IDS; i++) {
        if (s->safe[i]) {
            holes += open;
            open = 0;
        } else {
            open = 1;
        }
    }
    return holes;
}

/* When every second record is an alert that goes past the others, there are
 * as many holes as alerts; but no more than a collector must bear.
 * Mutations: is_orderly() that is always false; floor that is not compared in
 * it, so that it stays so for ever. */
static void
test_holes_are_bounded(void)
{
    const uint64_t n = 120000, n_before = 3000;
    uint64_t flow = n_before;
    struct insp_record r;
    struct fixture f;
    size_t most = 0;

    begin_framed(&f);
    f.config.queue_limit = N_IDS;
    server_stop(f.server);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, n_before);
    for (unsigned int i = 0; i < 10; i++) {
        turn(&f);
    }
    server_start(f.server, &f.pki, "server", "ca.pem");
    f.server->credit = 20000;
    for (unsigned int i = 0; i < 20000 && status(&f).acknowledged < flow;
         i++) {
        size_t holes;

        for (; flow < n_before + 800 * (i + 1) && flow < n_before + n;
             flow++) {
            some_ordinary(&r, flow);
            r.conn.alert = flow & 1;
            push(&f, &r);
        }
        turn(&f);
        holes = count_holes(&f);
        most = INSP_MAX(most, holes);
    }
    UNIT_EQ(status(&f).acknowledged, flow);
    check_seen(&f, 0, flow);
    CU_ASSERT(most > INSP_FRAME_GAPS_MAX / 2);
    CU_ASSERT(most <= INSP_FRAME_GAPS_MAX);

    /* It is over: an alert goes first again. */
    f.server->is_deaf = true;
    push_connections(&f, flow, 20000);
    some_ordinary(&r, N_IDS - 1);
    r.conn.alert = 1;
    push(&f, &r);
    for (unsigned int i = 0; i < 10; i++) {
        turn(&f);
    }
    f.server->is_deaf = false;
    for (unsigned int i = 0; i < 2000 && !f.server->seen[N_IDS - 1]; i++) {
        turn(&f);
    }
    UNIT_EQ(f.server->seen[N_IDS - 1], 1);
    CU_ASSERT(status(&f).acknowledged < flow + 15000);
    end(&f);
}

/* The first target that answers serves, at once; afterwards the best one is
 * looked for again.
 * Mutation: stay with the first one. */
static void
test_failover(void)
{
    unsigned int took, at[2] = { 0, 0 };
    struct fixture f;

    begin_framed(&f);
    f.config.max_backoff_ms = 60000;
    f.config.targets[2] = f.config.targets[0];
    f.config.targets[1] = f.config.targets[0];
    f.config.targets[0].port = 1;
    strcpy(f.config.targets[1].host, "no-such-host.invalid");
    f.config.n_targets = 3;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    took = run(&f, UNTIL_ACTIVE, 0, 9000);
    CU_ASSERT(took < PATIENCE * 9000);
    CU_ASSERT(strstr(status(&f).target, "ssl:127.0.0.1:") != NULL);
    push_connections(&f, 0, 100);
    run(&f, UNTIL_ACKNOWLEDGED, 100, 2000);

    /* Spread: where it begins depends on the sensor, and on nothing else. */
    f.config.targets[0] = f.config.targets[2];
    f.config.targets[1] = f.config.targets[2];
    strcpy(f.config.targets[0].host, "127.0.0.2");
    f.config.spread = true;
    for (unsigned int i = 0; i < 30; i++) {
        struct insp_uplink_status s;
        char name[16];

        snprintf(name, sizeof name, "sensor-%u", i);
        insp_drain_set_sensor(f.drain, name);
        f.config.max_backoff_ms = 60000 + i;
        insp_drain_set_uplinks(f.drain, &f.config, 1);
        insp_drain_turn(f.drain, 0);
        s = status(&f);
        at[strstr(s.target, "127.0.0.2") != NULL]++;
        if (i == 29) {
            CU_ASSERT(at[0] > 8 && at[1] > 2);
        }
    }
    end(&f);
}

static int
dial_back(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *) &address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The collector dials; whoever has no credential is refused and does not keep
 * others out.
 * Mutation: be the client of TLS here as well. */
static void
test_pull(void)
{
    struct insp_tls_config config;
    struct fixture f;
    char why[200];
    uint16_t port;
    int fd;

    begin_framed(&f);
    port = f.server->port; /* It was free a moment ago. */
    server_stop(f.server);
    config = (struct insp_tls_config){
        .private_key = pki_path(&f.pki, "server.key"),
        .certificate = pki_path(&f.pki, "server.pem"),
        .ca_cert = pki_path(&f.pki, "ca.pem"),
        .peer_name = "sensor-1",
        .alpn = INSP_FRAME_ALPN,
    };
    pki_issue(&f.pki, "client", "sensor-1", "DNS:sensor-1");
    f.config.targets[0] =
        (struct insp_uplink_target){ .listens = true, .port = port };
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    turns(&f, 3);
    UNIT_STR_EQ(status(&f).state, "listening");
    fd = dial_back(port);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(write(fd, "GET / HTTP/1.0\r\n\r\n", 18) == 18);
    run(&f, UNTIL_ERROR, 0, 3000);
    close(fd);
    UNIT_STR_EQ(status(&f).state, "listening");

    for (unsigned int i = 0; i < 3; i++) {
        f.server->context = insp_tls_context_create(&config, why, sizeof why);
        CU_ASSERT_FATAL(f.server->context != NULL);
        fd = dial_back(port);
        CU_ASSERT_FATAL(fd >= 0);
        server_take(f.server, fd, "127.0.0.1");
        push_connections(&f, i * 100, 100);
        run(&f, UNTIL_ACKNOWLEDGED, (i + 1) * 100, 5000);
        server_hang_up(f.server);
        insp_tls_context_destroy(f.server->context);
        f.server->context = NULL;
    }
    check_seen(&f, 0, 300);
    end(&f);
}

/* A token instead of certificates; one that has been revoked is refused, with
 * the reason, and ends the session.
 * Mutation: leave insp_tls_recheck() out of the uplink's collector. */
static void
test_token(void)
{
    char line[INSP_TOKEN_LINE_SIZE], other[INSP_TOKEN_LINE_SIZE], why[200];
    struct fixture f;

    begin_framed(&f);
    CU_ASSERT_FATAL(insp_token_make("sensor-1", line, why, sizeof why));
    CU_ASSERT_FATAL(insp_token_make("sensor-1", other, why, sizeof why));
    server_stop(f.server);
    pki_write(&f.pki, "token", line);
    pki_write(&f.pki, "tokens", line);
    f.server->token_file = pki_path(&f.pki, "tokens");
    server_start(f.server, &f.pki, "server", "ca.pem");
    strcpy(f.config.token_file, pki_path(&f.pki, "token"));
    f.config.private_key[0] = f.config.certificate[0] = '\0';
    f.config.ca_cert[0] = '\0';
    CU_ASSERT(!chmod(f.config.token_file, 0644));
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ERROR, 0, 3000);
    CU_ASSERT(!strstr(status(&f).last_error, line + 9));
    CU_ASSERT(!chmod(f.config.token_file, 0600));
    push_connections(&f, 0, 100);
    run(&f, UNTIL_ACKNOWLEDGED, 100, 5000);
    CU_ASSERT(strstr(status(&f).peer, "sensor-1") != NULL);

    /* Another one here: the session ends, and the next one is refused. */
    pki_write(&f.pki, "token", other);
    run(&f, UNTIL_ERROR, 0, 5000);
    CU_ASSERT(f.server->closed_with[0] != '\0');
    push_connections(&f, 100, 100);
    turns(&f, 300);
    UNIT_EQ(status(&f).is_connected, false);
    CU_ASSERT(status(&f).last_error[0] != '\0');
    pki_write(&f.pki, "token", line);
    run(&f, UNTIL_ACKNOWLEDGED, 200, 9000);
    check_seen(&f, 0, 200);
    end(&f);
}

/* The collector's certificate is revoked under a session.
 * Mutation: read the CRL for new sessions only. */
static void
test_revoked(void)
{
    static const char *const nobody[] = { NULL };
    static const char *const server[] = { "server.pem", NULL };
    struct fixture f;

    begin_framed(&f);
    pki_revoke(&f.pki, "crl.pem", -60, 3600, nobody);
    strcpy(f.config.crl_file, pki_path(&f.pki, "crl.pem"));
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    pki_revoke(&f.pki, "crl.pem", -60, 3600, server);
    push_connections(&f, 0, 10);
    run(&f, UNTIL_ERROR, 0, 5000);
    CU_ASSERT(strstr(status(&f).last_error, "revoked") != NULL);
    CU_ASSERT(strstr(f.server->closed_with, "revoked") != NULL);
    turns(&f, 100);
    UNIT_EQ(status(&f).is_connected, false);
    pki_issue(&f.pki, "server", "collector", "DNS:localhost,IP:127.0.0.1");
    server_stop(f.server);
    server_start(f.server, &f.pki, "server", "ca.pem");
    run(&f, UNTIL_ACKNOWLEDGED, 10, 9000);
    check_seen(&f, 0, 10);
    end(&f);
}

/* Not one of the files is there: said so, and read when they are.
 * Mutation: begin with the mark that no files have. */
static void
test_no_files(void)
{
    struct fixture f;

    begin_framed(&f);
    unlink(f.config.private_key);
    unlink(f.config.certificate);
    strcpy(f.config.ca_cert, pki_path(&f.pki, "later.pem"));
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ERROR, 0, 3000);
    CU_ASSERT(strstr(status(&f).last_error, "No such file") != NULL);
    pki_issue(&f.pki, "client", "sensor-1", NULL);
    CU_ASSERT(!link(pki_path(&f.pki, "ca.pem"), f.config.ca_cert));
    run(&f, UNTIL_ACTIVE, 0, 4000);
    end(&f);
}

/* What a collector says in refusing stands in the status; nonsense from it
 * ends the connection and harms nothing. */
static void
test_refused(void)
{
    static const struct {
        uint8_t bytes[64];
        size_t size;
    } nonsense[] = {
        { { 4, 0, 0, 0, 0, 0, 0, 0 }, 8 },          /* Too short. */
        { { 9, 0, 0, 0, 0, 0, 0, 0 }, 8 },          /* Unknown. */
        { { 4, 0, 0, 0, 0xff, 0xff, 0xff, 0 }, 8 }, /* Too long. */
        { { 5, 0, 0, 0, 0, 1, 0, 0 }, 64 },         /* Ends nowhere. */
        { { 2, 0, 0, 0, 0, 0, 0, 8, 0, 1 }, 16 },   /* Another WELCOME. */
        { { 6, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0, 1 },
          32 }, /* A sensor's. */
    };
    struct fixture f;

    begin_framed(&f);
    f.server->close_with = "sensor id 'x' is not that of the credential";
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ERROR, 0, 3000);
    CU_ASSERT(strstr(status(&f).last_error, f.server->close_with) != NULL);
    f.server->close_with = NULL;
    push_connections(&f, 0, 100);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(nonsense); i++) {
        f.server->nonsense = nonsense[i].bytes;
        f.server->nonsense_size = nonsense[i].size;
        turns(&f, 400);
    }
    f.server->nonsense_size = 0;
    f.server->bad = 0;
    server_hang_up(f.server);
    run(&f, UNTIL_ACKNOWLEDGED, 100, 9000);
    check_seen(&f, 0, 100);
    end(&f);
}

/* The spool. */

static void
use_spool(struct fixture *f)
{
    strcpy(f->config.spool_dir, pki_path(&f->pki, "spool"));
    f->config.spool_max_bytes = UINT64_C(1) << 30;
}

static void
remove_spool(struct fixture *f)
{
    char command[400];

    snprintf(command, sizeof command, "rm -rf %s", f->config.spool_dir);
    CU_ASSERT(!system(command));
}

/* What memory has no room for comes from the disk, once, whether the
 * collector acknowledges or not.
 * Mutation: forget insp_spool_rewind() in insp_uplink_land(). */
static void
through_spool(bool framed)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    server_stop(f.server);
    f.server->speaks_frames = framed;
    f.config.queue_limit = 400;
    use_spool(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_port(&f, 1, false);
    push_connections(&f, 0, 20000);
    turns(&f, 20);
    s = status(&f);
    UNIT_EQ(s.produced, 20000);
    UNIT_EQ(s.dropped, 0);
    CU_ASSERT(s.spooled >= 19600);
    CU_ASSERT(s.spool_bytes > 0);
    f.server->holds = framed;
    server_start(f.server, &f.pki, "server", "ca.pem");
    if (framed) {
        run(&f, UNTIL_RECEIVED, 2000, 9000);
        server_hang_up(f.server);
        f.server->holds = false;
    }
    push_connections(&f, 20000, 1000);
    run(&f, framed ? UNTIL_ACKNOWLEDGED : UNTIL_SENT, 21000, 20000);
    run(&f, UNTIL_RECEIVED, 21000, 3000);
    s = status(&f);
    UNIT_EQ(s.acknowledged + s.sent, 21000);
    UNIT_EQ(s.spooled + s.queued + s.unacknowledged, 0);
    UNIT_EQ(f.server->n_named, 21000);
    check_seen(&f, 0, 21000);
    remove_spool(&f);
    end(&f);
}

static void
test_spool(void)
{
    through_spool(true);
    through_spool(false);
}

static void
start_again(struct fixture *f)
{
    CU_ASSERT_FATAL(
        !insp_drain_create(&f->host, f->ring, "sensor-1", &f->drain));
    insp_drain_set_uplinks(f->drain, &f->config, 1);
}

/* An orderly end loses nothing: what was in memory, on its way and on disk
 * comes from the next process, with its old numbers.
 * Mutation: do not spool what is left in insp_uplink_close_spool(). */
static void
test_restart(void)
{
    struct fixture f;
    struct insp_uplink_status s;
    uint32_t incarnation;

    begin_framed(&f);
    f.config.queue_limit = 2000;
    f.server->holds = true;
    f.server->credit = 300000;
    use_spool(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    push_port(&f, 1, false);
    push_connections(&f, 0, 6000);
    turns(&f, 50);
    s = status(&f);
    CU_ASSERT(s.unacknowledged > 0 && s.queued > 0 && s.spooled > 0);
    incarnation = s.incarnation;
    insp_drain_destroy(f.drain, 0);
    server_hang_up(f.server);
    f.server->holds = false;

    start_again(&f);
    run(&f, UNTIL_ACKNOWLEDGED, 6001, 20000);
    s = status(&f);
    UNIT_EQ(s.recovered, 6000);
    UNIT_EQ(s.lost_before, 0);
    UNIT_EQ(f.server->restart.restart.lost, 0);
    UNIT_EQ(f.server->restart.restart.recovered, 6000);
    UNIT_EQ(f.server->restart.restart.previous, incarnation);
    UNIT_EQ(f.server->n_named, 6000);
    check_seen(&f, 0, 6000);
    remove_spool(&f);
    end(&f);
}

/* Killed: what had been written comes, and what is missing is told exactly.
 * Mutation: leave 'recovered' out of lost_in_crash(). */
static void
test_killed(void)
{
    struct fixture f;
    struct insp_uplink_status s;
    uint64_t n_seen = 0;
    pid_t child;
    int code;

    begin_framed(&f);
    server_stop(f.server);
    f.config.queue_limit = 1000;
    use_spool(&f);
    child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (!child) {
        insp_drain_set_uplinks(f.drain, &f.config, 1);
        push_port(&f, 1, false);
        push_connections(&f, 0, 5000);
        run(&f, UNTIL_SPOOLED, 5000, 3000);
        turns_for(&f, 700);              /* All is written. */
        push_connections(&f, 5000, 300); /* These wait for company. */
        turn(&f);
        _exit(0); /* As good as a kill: nothing is put in order. */
    }
    CU_ASSERT(waitpid(child, &code, 0) == child);
    server_start(f.server, &f.pki, "server", "ca.pem");
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 5000);
    s = status(&f);
    CU_ASSERT(s.recovered >= 5000);
    CU_ASSERT(s.lost_before > 0);
    UNIT_EQ(s.recovered + s.lost_before, 5300);
    run(&f, UNTIL_ACKNOWLEDGED, s.recovered + 1, 20000);
    for (unsigned int i = 0; i < 5300; i++) {
        CU_ASSERT(f.server->seen[i] <= 1);
        n_seen += f.server->seen[i];
    }
    UNIT_EQ(n_seen + f.server->restart.restart.lost, 5300);
    UNIT_EQ(f.server->restart.restart.recovered, s.recovered);
    CU_ASSERT(f.server->restart.restart.since_ns <= f.server->restart.time_ns);
    UNIT_EQ(f.server->bad, 0);
    remove_spool(&f);
    end(&f);
}

/* Over spool_max_bytes the oldest go, and are told of.
 * Mutation: do not ask insp_spool_next_loss(). */
static void
test_spool_full(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin_framed(&f);
    server_stop(f.server);
    f.config.queue_limit = 400;
    use_spool(&f);
    f.config.spool_max_bytes = INSP_SPOOL_LEAST_BYTES;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    for (unsigned int i = 0; i < 10; i++) {
        push_connections(&f, i * 2000, 2000);
        turns(&f, 5);
    }
    /* All of it, and written: the last block can drop a segment, too. */
    run(&f, UNTIL_SPOOLED, 20000, 3000);
    turns_for(&f, 700);
    s = status(&f);
    CU_ASSERT(s.dropped > 0);
    CU_ASSERT(s.spool_bytes <= INSP_SPOOL_LEAST_BYTES + (UINT64_C(1) << 19));
    server_start(f.server, &f.pki, "server", "ca.pem");
    run(&f, UNTIL_ACKNOWLEDGED, s.produced - s.dropped, 20000);
    come_to_rest(&f);
    s = status(&f);
    UNIT_EQ(f.server->n_safe, s.acknowledged);
    UNIT_EQ(f.server->lost_records, s.dropped);
    UNIT_EQ(f.server->seen[0], 0);
    UNIT_EQ(f.server->seen[19999], 1);
    UNIT_EQ(f.server->bad, 0);
    remove_spool(&f);
    end(&f);
}

/* Without the disk an uplink still sends, and says what is wrong. */
static void
test_no_disk(void)
{
    struct fixture f;

    begin_framed(&f);
    strcpy(f.config.spool_dir, "/proc/no/such/folder");
    f.config.spool_max_bytes = INSP_SPOOL_LEAST_BYTES;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, 100);
    run(&f, UNTIL_ACKNOWLEDGED, 100, 5000);
    CU_ASSERT(strstr(status(&f).spool_error, "/proc/no/such") != NULL);
    end(&f);
}

UNIT_MAIN("delivery", UNIT_TEST(test_unacknowledged),
          UNIT_TEST(test_acknowledged), UNIT_TEST(test_resent),
          UNIT_TEST(test_dies_often), UNIT_TEST(test_credit),
          UNIT_TEST(test_any_order), UNIT_TEST(test_overflow),
          UNIT_TEST(test_alert_first), UNIT_TEST(test_holes_are_bounded),
          UNIT_TEST(test_failover), UNIT_TEST(test_pull),
          UNIT_TEST(test_token), UNIT_TEST(test_revoked),
          UNIT_TEST(test_no_files), UNIT_TEST(test_refused),
          UNIT_TEST(test_spool), UNIT_TEST(test_restart),
          UNIT_TEST(test_killed), UNIT_TEST(test_spool_full),
          UNIT_TEST(test_no_disk))
