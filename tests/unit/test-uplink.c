/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/drain.c, uplink*.c, tls.c: one way out, to a receiver that does
 * not acknowledge (test-delivery.c has one that does). */

#include "unit.h"

#include "uplink-rig.h"

/* Tests. */

/* All records arrive, once, with their identities, soon; over both formats.
 * Mutation: send a record before the identity that it names. */
static void
good_way(enum insp_uplink_format format, const char *protocols)
{
    struct fixture f;
    struct insp_uplink_status s;
    unsigned int took;

    begin(&f);
    f.config.format = format;
    strcpy(f.config.protocols, protocols);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 2000);
    s = status(&f);
    UNIT_STR_EQ(s.state, "active");
    UNIT_STR_EQ(s.last_error, "");
    CU_ASSERT(strstr(s.peer, "CN=collector") != NULL);
    CU_ASSERT(!strncmp(s.protocol, protocols[0] ? protocols : "TLSv1.3", 7));
    UNIT_EQ(s.connects, 1);

    push_port(&f, 1, false);
    push_connections(&f, 0, 1);
    took = run(&f, UNTIL_RECEIVED, 1, 2000);
    CU_ASSERT(took < PATIENCE * 200);
    push_connections(&f, 1, 19999);
    run(&f, UNTIL_RECEIVED, 20000, 5000);
    UNIT_STR_EQ(f.server->sensor, "sensor-1");
    UNIT_EQ(f.server->bad, 0);
    s = status(&f);
    UNIT_EQ(s.produced, 20000);
    UNIT_EQ(s.sent, 20000);
    UNIT_EQ(s.dropped, 0);
    CU_ASSERT(s.wire_bytes > 20000 * 100);
    if (format == INSP_UPLINK_IPFIX) {
        UNIT_EQ(f.server->n_named, 20000);
        for (unsigned int i = 0; i < 20000; i++) {
            CU_ASSERT_FATAL(f.server->seen[i] == 1);
        }
    }
    end(&f);
}

static void
test_ipfix(void)
{
    good_way(INSP_UPLINK_IPFIX, "");
}

static void
test_json(void)
{
    good_way(INSP_UPLINK_JSON, "");
}

static void
test_tls12(void)
{
    good_way(INSP_UPLINK_IPFIX, "TLSv1.2");
}

/* Each fault says what it is, in words that name the operator's own things,
 * and loses nothing.
 * Mutation: SSL_VERIFY_NONE in tls.c. */
static void
expect_error(struct fixture *f, const char *expected)
{
    struct insp_uplink_status s;

    insp_drain_set_uplinks(f->drain, &f->config, 1);
    push_connections(f, 0, 10);
    run(f, UNTIL_ERROR, 0, 3000);
    s = status(f);
    CU_ASSERT(!s.is_connected);
    UNIT_EQ(s.sent, 0);
    UNIT_EQ(s.queued, 10);
    if (!strstr(s.last_error, expected)) {
        CU_FAIL("another error");
        printf("# \"%s\", not \"%s\"\n", s.last_error, expected);
    }
    for (unsigned int i = 0; i < 50; i++) {
        turn(f);
    }
    UNIT_EQ(status(f).sent, 0);
    UNIT_EQ(f->server->n_records, 0);
    end(f);
}

static void
test_wrong_ca(void)
{
    struct fixture f;
    struct pki other;

    begin(&f);
    pki_create(&other);
    strcpy(f.config.ca_cert, pki_path(&other, "ca.pem"));
    expect_error(&f, "certificate verify failed: ");
    pki_remove(&other);
}

static void
test_wrong_host(void)
{
    struct fixture f;

    begin(&f);
    pki_issue(&f.pki, "server", "collector", "DNS:elsewhere,IP:127.0.0.2");
    server_stop(f.server);
    server_start(f.server, &f.pki, "server", "ca.pem");
    expect_error(&f, "certificate verify failed: it is not for '127.0.0.1'");
}

static void
test_host_name(void)
{
    struct fixture f;

    begin(&f);
    strcpy(f.config.targets[0].host, "localhost");
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    end(&f);
}

static void
test_key_mismatch(void)
{
    struct fixture f;
    char expected[600];

    begin(&f);
    strcpy(f.config.private_key, pki_path(&f.pki, "server.key"));
    snprintf(expected, sizeof expected,
             "private key %s does not match certificate %s",
             f.config.private_key, f.config.certificate);
    expect_error(&f, expected);
}

static void
test_missing_file(void)
{
    struct fixture f;
    char expected[600];

    begin(&f);
    strcpy(f.config.certificate, "/nonexistent/c.pem");
    snprintf(expected, sizeof expected,
             "cannot read certificate %s: No such "
             "file or directory",
             f.config.certificate);
    expect_error(&f, expected);
}

static void
test_bad_protocols(void)
{
    struct fixture f;

    begin(&f);
    strcpy(f.config.protocols, "TLSv1,TLSv1.1");
    expect_error(&f, "neither TLSv1.2 nor TLSv1.3");
}

static void
test_nobody_there(void)
{
    struct fixture f;

    begin(&f);
    server_stop(f.server);
    expect_error(&f, "cannot connect: Connection refused");
}

/* With TLS 1.3 the refusal comes after the client's handshake has ended: no
 * record may have gone out before that.
 * Mutation: become active without waiting for the server. */
static void
test_refused(void)
{
    struct fixture f;
    struct pki other;

    begin(&f);
    pki_create(&other);
    pki_save(&f.pki, "other-ca.pem", NULL, other.ca);
    server_stop(f.server);
    server_start(f.server, &f.pki, "server", "other-ca.pem");
    expect_error(&f, "refused by the other end: ");
    pki_remove(&other);
}

/* A collector that hangs up as soon as it knows who is calling: the back-off
 * grows, and nothing is taken for sent. */
static void
test_flapping(void)
{
    struct fixture f;
    uint64_t until;

    begin(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, 10);
    f.server->says_yes = false;
    for (until = now_ns() + 1500000000;
         now_ns() < until ||
         (f.server->n_accepted < 3 &&
          now_ns() < until + PATIENCE * UINT64_C(1500000000));) {
        turn(&f);
        if (f.server->tls && f.server->sensor[0]) {
            f.server->sensor[0] = '\0';
            server_hang_up(f.server);
        }
    }
    UNIT_EQ(status(&f).sent, 0);
    CU_ASSERT(f.server->n_accepted >= 3);
    CU_ASSERT(f.server->n_accepted <= 8);
    end(&f);
}

/* The collector dies and comes back: forwarding knows nothing of it, and
 * records flow within 2 s; those that had not been handed over come then.
 * Mutation: double the back-off without a limit. */
static void
test_comes_back(void)
{
    struct fixture f;
    uint64_t until, tried = 0, longest = 0, looked = now_ns(), late = 0;
    unsigned int took;

    begin(&f);
    push_port(&f, 1, false);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, 100);
    run(&f, UNTIL_RECEIVED, 100, 3000);

    server_stop(f.server);
    for (until = now_ns() + 4000000000; now_ns() < until;) {
        uint64_t since, now;

        turn(&f);
        now = now_ns();
        late = INSP_MAX(late, now - looked);
        looked = now;
        since = status(&f).since_ns;
        longest = tried ? INSP_MAX(longest, since - tried) : longest;
        tried = since;
    }
    UNIT_STR_EQ(status(&f).state, "backoff");
    longest = INSP_MAX(longest, f.host.wall_ns(f.host.aux) - tried);
    /* It tries once a second, as soon as it has a turn. */
    CU_ASSERT(longest < 1300000000 + 2 * late);
    push_connections(&f, 100, 1000);
    server_start(f.server, &f.pki, "server", "ca.pem");
    took = run(&f, UNTIL_RECEIVED, 1100, 4000);
    CU_ASSERT(took < PATIENCE * 2000);
    UNIT_EQ(f.server->n_named, 1100); /* The identity came again. */
    for (unsigned int i = 0; i < 1100; i++) {
        CU_ASSERT_FATAL(f.server->seen[i] == 1);
    }
    UNIT_EQ(status(&f).connects, 2);
    UNIT_EQ(f.server->bad, 0);
    end(&f);
}

/* Broken in the middle of a message: what was not wholly handed over goes
 * again.
 * Mutation: leave land() out of disconnect(). */
static void
test_broken_in_flight(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    f.server->is_deaf = true;
    push_connections(&f, 0, 60000);
    for (unsigned int i = 0; i < 200; i++) {
        turn(&f);
    }
    s = status(&f);
    CU_ASSERT(s.queued > 0);
    CU_ASSERT(s.sent > 0);
    server_hang_up(f.server);
    f.server->is_deaf = false;
    run(&f, UNTIL_SENT, 60000, 5000);
    UNIT_EQ(status(&f).sent, 60000);
    /* What the socket had taken from us and nobody read is lost; what comes
     * after it is all there, once. */
    run(&f, UNTIL_RECEIVED, 60000 - s.sent, 5000);
    for (uint64_t i = s.sent; i < 60000; i++) {
        CU_ASSERT_FATAL(f.server->seen[i] == 1);
    }
    UNIT_EQ(f.server->bad, 0);
    end(&f);
}

/* The queue drops its oldest, counts them, and says so.
 * Mutation: drop the newest. */
static void
test_overflow(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin(&f);
    server_stop(f.server);
    f.config.queue_limit = 1000;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    push_connections(&f, 0, 5000);
    for (unsigned int i = 0; i < 20; i++) {
        turn(&f);
    }
    s = status(&f);
    UNIT_EQ(s.produced, 5000);
    UNIT_EQ(s.queued, 1000);
    UNIT_EQ(s.dropped, 4000);
    server_start(f.server, &f.pki, "server", "ca.pem");
    run(&f, UNTIL_RECEIVED, 1001, 5000);
    UNIT_EQ(f.server->lost_records, 4000);
    UNIT_EQ(f.server->lost_packets, 4000 * 9);
    for (unsigned int i = 0; i < 5000; i++) {
        CU_ASSERT_FATAL(f.server->seen[i] == (i >= 4000));
    }
    UNIT_EQ(status(&f).sent, 1000);
    end(&f);
}

/* A reader that does not read never holds up a turn.
 * Mutation: make the socket blocking. */
static void
test_slow_reader(void)
{
    struct fixture f;
    struct insp_uplink_status s;

    begin(&f);
    f.config.queue_limit = 2000;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    f.server->is_deaf = true;
    f.longest_turn_ns = 0;
    for (unsigned int i = 0; i < 120; i++) {
        push_connections(&f, i * 1000, 1000);
        turn(&f);
    }
    CU_ASSERT(f.longest_turn_ns < PATIENCE * UINT64_C(100000000));
    s = status(&f);
    UNIT_STR_EQ(s.state, "active");
    CU_ASSERT(s.dropped > 0);
    f.server->is_deaf = false;
    run(&f, UNTIL_SENT, 120000, 5000);
    s = status(&f);
    UNIT_EQ(s.queued, 0);
    run(&f, UNTIL_RECEIVED, s.sent + 1, 5000);
    UNIT_EQ(f.server->lost_records, s.dropped);
    UNIT_EQ(f.server->bad, 0);
    end(&f);
}

/* The record of a detached port carries its identity, however long it waits
 * and whatever else comes and goes meanwhile.
 * Mutation: free it in insp_directory_gone(). */
static void
test_detached_port(void)
{
    struct fixture f;

    begin(&f);
    server_stop(f.server);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    for (uint32_t id = 1; id <= 3000; id++) {
        struct insp_record r;

        push_port(&f, id, false);
        some_ordinary(&r, id);
        r.conn.port_id[0] = id;
        push(&f, &r);
        push_port(&f, id, true);
    }
    for (unsigned int i = 0; i < 20; i++) {
        turn(&f);
    }
    server_start(f.server, &f.pki, "server", "ca.pem");
    run(&f, UNTIL_RECEIVED, 3000, 5000);
    UNIT_EQ(f.server->n_named, 3000);
    end(&f);
}

/* Certificates are read again: a repaired pair connects at once, and one that
 * is replaced under a running connection serves the next one. */
static void
test_replaced_certificate(void)
{
    struct fixture f;
    struct insp_uplink_status s;
    unsigned int took;

    begin(&f);
    unlink(f.config.private_key);
    f.config.max_backoff_ms = 60000;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ERROR, 0, 3000);
    for (uint64_t until = now_ns() + 3000000000; now_ns() < until;) {
        turn(&f); /* The back-off grows. */
    }
    pki_issue(&f.pki, "client", "sensor-1", NULL);
    took = run(&f, UNTIL_ACTIVE, 0, 4000);
    CU_ASSERT(took < PATIENCE * 2000);

    /* A half that does not fit: said so, but the connection stays. */
    pki_issue(&f.pki, "other", "sensor-1", NULL);
    CU_ASSERT(!rename(pki_path(&f.pki, "other.key"), f.config.private_key));
    run(&f, UNTIL_ERROR, 0, 4000);
    s = status(&f);
    CU_ASSERT(strstr(s.last_error, "does not match") != NULL);
    UNIT_STR_EQ(s.state, "active");
    CU_ASSERT(!rename(pki_path(&f.pki, "other.pem"), f.config.certificate));
    for (uint64_t until = now_ns() + PATIENCE * UINT64_C(2500000000);
         status(&f).last_error[0] && now_ns() < until;) {
        turn(&f);
    }
    UNIT_STR_EQ(status(&f).last_error, "");
    push_connections(&f, 0, 10);
    run(&f, UNTIL_RECEIVED, 10, 2000);
    UNIT_EQ(status(&f).connects, 1);
    end(&f);
}

/* Unchanged: the connection stays.  Changed: a new one, and what was queued
 * stays.  Another inspector's records are not for it. */
static void
test_configuration(void)
{
    struct fixture f;
    struct insp_record r;
    struct insp_uplink_config both[2];

    begin(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    for (unsigned int i = 0; i < 20; i++) {
        turn(&f);
    }
    UNIT_EQ(status(&f).connects, 1);
    some_ordinary(&r, 1);
    r.inspector = 2;
    push(&f, &r);
    turn(&f);
    UNIT_EQ(status(&f).produced, 0);

    server_stop(f.server);
    push_connections(&f, 10, 50);
    turn(&f);
    f.config.queue_limit = 40;
    both[0] = f.config;
    both[1] = f.config;
    strcpy(both[1].name, "v");
    insp_drain_set_uplinks(f.drain, both, 2);
    turn(&f);
    UNIT_EQ(insp_drain_get_status(f.drain, NULL, 0), 2);
    UNIT_EQ(status(&f).queued + status(&f).dropped + status(&f).sent, 50);
    CU_ASSERT(status(&f).queued <= 40);
    insp_drain_set_uplinks(f.drain, NULL, 0);
    turn(&f);
    UNIT_EQ(insp_drain_get_status(f.drain, NULL, 0), 0);
    end(&f);
}

/* At the end what is queued is still sent, if that takes not too long. */
struct last_words {
    struct server *server;
    _Atomic bool stop;
};

static void *
serve(void *aux)
{
    struct last_words *w = aux;

    while (!w->stop) {
        server_step(w->server);
        usleep(1000);
    }
    server_step(w->server);
    return NULL;
}

static void
test_destroy_sends(void)
{
    struct fixture f;
    struct last_words words;
    pthread_t thread;

    begin(&f);
    words.server = f.server;
    words.stop = false;
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    run(&f, UNTIL_ACTIVE, 0, 3000);
    CU_ASSERT_FATAL(!pthread_create(&thread, NULL, serve, &words));
    push_connections(&f, 0, 5000);
    insp_drain_destroy(f.drain, PATIENCE * 3000);
    words.stop = true;
    pthread_join(thread, NULL);
    for (uint64_t until = now_ns() + PATIENCE * UINT64_C(1000000000);
         f.server->tls && now_ns() < until;) {
        server_step(f.server); /* What it has not read yet. */
    }
    UNIT_EQ(f.server->n_records, 5000);
    UNIT_STR_EQ(f.server->error, "closed by the other end");
    CU_ASSERT_FATAL(!insp_drain_create(&f.host, f.ring, "s", &f.drain));
    end(&f);
}

/* Threads as they are in the switch: one turns, one produces, one asks and
 * reconfigures (for the thread sanitizer). */
struct threads {
    struct fixture *f;
    _Atomic bool stop;
};

static void *
turner(void *aux)
{
    struct threads *t = aux;

    while (!t->stop) {
        insp_drain_turn(t->f->drain, 50);
    }
    return NULL;
}

static void *
asker(void *aux)
{
    struct threads *t = aux;

    for (unsigned int i = 0; !t->stop; i++) {
        struct insp_uplink_config config = t->f->config;
        struct insp_uplink_status s[2];

        if (insp_drain_get_status(t->f->drain, s, 2) &&
            s[0].produced != s[0].sent + s[0].queued + s[0].dropped) {
            abort();
        }
        if (i % 50 == 49) {
            config.max_backoff_ms = i;
            insp_drain_set_uplinks(t->f->drain, &config, 1);
            insp_drain_set_sensor(t->f->drain, i & 1 ? "a" : "b");
        }
        usleep(2000);
    }
    return NULL;
}

static void
test_threads(void)
{
    struct fixture f;
    struct threads t = { &f, false };
    pthread_t threads[2];
    uint64_t pushed = 0;

    begin(&f);
    insp_drain_set_uplinks(f.drain, &f.config, 1);
    CU_ASSERT_FATAL(!pthread_create(&threads[0], NULL, turner, &t));
    CU_ASSERT_FATAL(!pthread_create(&threads[1], NULL, asker, &t));
    for (uint64_t until = now_ns() + 1500000000; now_ns() < until;) {
        if (insp_ring_count(f.ring) < 1000) {
            push_connections(&f, pushed, 50);
            pushed += 50;
        }
        server_step(f.server);
        usleep(1000);
    }
    t.stop = true;
    insp_drain_wake(f.drain);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    for (unsigned int i = 0; i < 5; i++) {
        turn(&f);
    }
    UNIT_EQ(status(&f).produced, pushed);
    end(&f);
}

/* Records of protocols share their values between uplinks: each arrives at the
 * one that takes them, the other one drops all but its last hundred, and a
 * record that is nothing is not sent.  (Leaks are for the sanitizer to find.)
 * Mutation: do not take a reference in insp_uplink_push(). */
static void
test_protocols(void)
{
    enum {
        N = 3000
    };
    struct insp_uplink_config configs[2];
    struct insp_uplink_status s[2];
    struct fixture f;
    uint64_t state = 21;

    begin(&f);
    configs[0] = configs[1] = f.config;
    strcpy(configs[1].name, "nobody");
    strcpy(configs[1].targets[0].host, "127.0.0.2");
    configs[1].targets[0].port = 1;
    configs[1].queue_limit = 100;
    insp_drain_set_uplinks(f.drain, configs, 2);
    run(&f, UNTIL_ACTIVE, 0, 2000);
    push_port(&f, 1, false);
    for (unsigned int i = 0; i <= N; i++) {
        struct insp_record r;

        some_ordinary(&r, i);
        r.type = INSP_RECORD_APP;
        r.app.values = i ? some_values(&state) : NULL;
        push(&f, &r);
    }
    run(&f, UNTIL_RECEIVED, N, 5000);
    UNIT_EQ(f.server->n_records, N);
    UNIT_EQ(f.server->bad, 0);
    UNIT_EQ(insp_drain_get_status(f.drain, s, 2), 2);
    UNIT_EQ(s[0].produced, N);
    UNIT_EQ(s[0].sent, N);
    UNIT_EQ(s[1].dropped, N - 100);
    UNIT_EQ(s[1].queued, 100);
    end(&f);
}

UNIT_MAIN("uplink", UNIT_TEST(test_ipfix), UNIT_TEST(test_json),
          UNIT_TEST(test_tls12), UNIT_TEST(test_wrong_ca),
          UNIT_TEST(test_wrong_host), UNIT_TEST(test_host_name),
          UNIT_TEST(test_key_mismatch), UNIT_TEST(test_missing_file),
          UNIT_TEST(test_bad_protocols), UNIT_TEST(test_nobody_there),
          UNIT_TEST(test_refused), UNIT_TEST(test_flapping),
          UNIT_TEST(test_comes_back), UNIT_TEST(test_broken_in_flight),
          UNIT_TEST(test_overflow), UNIT_TEST(test_slow_reader),
          UNIT_TEST(test_detached_port), UNIT_TEST(test_replaced_certificate),
          UNIT_TEST(test_protocols), UNIT_TEST(test_configuration),
          UNIT_TEST(test_destroy_sends), UNIT_TEST(test_threads))
