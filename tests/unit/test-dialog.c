/* SPDX-License-Identifier: Apache-2.0 */
/* Dialogs: lent, given back, shared by workers; names that DNS has told.
 * Mutations that make it fail: leave the dialog busy after reading; do not
 * look whose a dialog is after getting hold of it; keep a name for another
 * port; forget to give a block back; lend a dialog to who comes late; take any
 * RST or FIN for the end; let a reader that is switched off read on; let a
 * stream have a block that is larger than its room; do not trim open records;
 * forget a record's second block in the sum. */

#include <glob.h>
#include <pthread.h>

#include "app/names.h"
#include "app/store.h"
#include "talk.h"

static const char get[] = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static struct insp_conn *
make_conns(size_t n)
{
    struct insp_conn *conns =
        aligned_alloc(INSP_CACHE_LINE, n * sizeof *conns);

    CU_ASSERT_PTR_NOT_NULL_FATAL(conns);
    memset((void *) conns, 0, n * sizeof *conns);
    for (size_t i = 0; i < n; i++) {
        conns[i].key.ip_version = 4;
        conns[i].key.proto = INSP_PROTO_TCP;
        conns[i].key.port[0] = (uint16_t) (40000 + i);
        conns[i].key.port[1] = 80;
        conns[i].life = 1;
    }
    return conns;
}

static void
say(struct insp_dialogs *ds, struct insp_conn *conn, uint32_t index,
    unsigned int side, uint32_t seq, const char *text)
{
    struct insp_payload p = {
        .bytes = (const uint8_t *) text,
        .captured = strlen(text),
        .size = strlen(text),
        .index = index,
        .tcp_seq = seq,
        .now_ns = 1000000,
    };

    if (insp_dialog_wants(conn, side, (uint32_t) p.size, 0)) {
        (void) insp_dialog_feed(ds, conn, side, &p);
    }
}

static unsigned int
count_events(struct insp_dialogs *ds)
{
    struct insp_event_report report;
    unsigned int n = 0;

    while (insp_dialogs_next(ds, &report)) {
        n++;
    }
    return n;
}

static void
test_limits(void)
{
    static const struct insp_dialogs_config config = { 4, 64, 4 };
    struct insp_conn *conns = make_conns(8);
    struct insp_dialogs_stats stats;
    struct insp_dialogs *ds;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    for (uint32_t i = 0; i < 8; i++) {
        say(ds, &conns[i], i, 0, 1, get);
    }
    insp_dialogs_get_stats(ds, &stats);
    UNIT_EQ(stats.used, 4);
    UNIT_EQ(stats.facts[INSP_READER_NO_DIALOG], 4);
    UNIT_EQ(stats.connections[INSP_APP_HTTP], 4);
    UNIT_EQ(INSP_READ(conns[7].flow[0].reads), INSP_READS_DONE);
    UNIT_EQ(INSP_READ(conns[0].app), INSP_APP_HTTP);

    /* What goes back is lent again. */
    for (uint32_t i = 0; i < 4; i++) {
        insp_dialog_end(ds, &conns[i]);
    }
    UNIT_EQ(count_events(ds), 4);
    conns[7].life++;
    memset((void *) conns[7].flow, 0, sizeof conns[7].flow);
    say(ds, &conns[7], 7, 0, 1, get);
    say(ds, &conns[7], 7, 1, 1, ok);
    insp_dialog_end(ds, &conns[7]);
    UNIT_EQ(count_events(ds), 1);
    insp_dialogs_get_stats(ds, &stats);
    UNIT_EQ(stats.used, 0);
    UNIT_EQ(stats.used_blocks, 0);
    insp_dialogs_destroy(ds);
    free((void *) conns);
}

/* A dialog stays for the server's name, when somebody asks for names. */
static void
test_wanted(void)
{
    static const char hello[] = "\x16\x03\x01\x00\x3e\x01\x00\x00\x3a\x03\x03"
                                "0123456789abcdef0123456789abcdef"
                                "\x00\x00\x02\x00\x2f\x01\x00\x00\x0f"
                                "\x00\x00\x00\x0b\x00\x09\x00\x00\x06"
                                "a.test";
    static const uint8_t alert[] = { 0x15, 3, 3, 0, 2, 2, 40 };

    for (unsigned int wanted = 0; wanted < 2; wanted++) {
        static struct talk t;
        struct insp_dialogs_stats stats;

        talk_begin(&t, INSP_PROTO_TCP, 40000, 443);
        insp_dialogs_want_names(t.dialogs, wanted);
        talk_say(&t, 0, hello, sizeof hello - 1);
        talk_say(&t, 1, alert, sizeof alert);
        UNIT_EQ(INSP_READ(t.conn->app), INSP_APP_TLS);
        insp_dialogs_get_stats(t.dialogs, &stats);
        UNIT_EQ(stats.used, wanted);
        (void) talk_end(&t);
        UNIT_STR_EQ(t.name, wanted ? "a.test" : "");
    }
}

/* A client's hello with a name, and 'padding' bytes of an extension behind. */
static size_t
make_hello(char *to, size_t room, const char *name, size_t padding)
{
    size_t size = strlen(name), more = padding ? padding + 4 : 0;
    size_t lengths[] = { size + more + 56, size + more + 52, size + more + 9,
                         size + 5,         size + 3,         size,
                         padding };
    int b[7][2], n;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(lengths); i++) {
        b[i][0] = (int) (lengths[i] >> 8);
        b[i][1] = (int) (lengths[i] & 255);
    }
    n = snprintf(to, room,
                 "\x16\x03\x01%c%c\x01%c%c%c\x03\x03"
                 "0123456789abcdef0123456789abcdef"
                 "%c%c\x02%c\x2f\x01%c%c%c%c%c%c%c%c%c%c%c%c%s%c\x15%c%c",
                 b[0][0], b[0][1], 0, b[1][0], b[1][1], 0, 0, 0, 0, b[2][0],
                 b[2][1], 0, 0, b[3][0], b[3][1], b[4][0], b[4][1], 0, b[5][0],
                 b[5][1], name, 0, b[6][0], b[6][1]);
    memset(to + n, 0, padding);
    return padding ? (size_t) n + padding : (size_t) n - 4;
}

/* A name that is longer than what a dialog has room for has a block. */
static void
test_long_names(void)
{
    static const size_t sizes[] = { 1, 104, 105, 253 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(sizes); i++) {
        static struct talk t;
        struct insp_dialogs_stats stats;
        size_t size = sizes[i];
        char name[254], hello[512];

        memset(name, 'a', size);
        name[size / 2] = 'z';
        name[size] = '\0';
        talk_begin(&t, INSP_PROTO_TCP, 40000, 443);
        talk_say(&t, 0, hello, make_hello(hello, sizeof hello, name, 0));
        talk_say(&t, 1, "\x15\x03\x03\0\x02\x02\x28", 7);
        insp_dialogs_get_stats(t.dialogs, &stats);
        UNIT_EQ(stats.used, 1);
        UNIT_EQ(stats.used_blocks, size > 104);
        (void) talk_end(&t);
        UNIT_STR_EQ(t.name, name);
    }
}

/* A hello that is longer than what may wait still says its name; what would
 * be computed of all of it is left out, unless it comes in one segment. */
static void
test_long_hello(void)
{
    static const size_t segments[] = { 0, 1460, 500, 7 };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(segments); i++) {
        static struct talk t;
        static char hello[8192];
        const char *text;

        talk_begin(&t, INSP_PROTO_TCP, 40000, 443);
        t.segment = segments[i];
        talk_say(&t, 0, hello,
                 make_hello(hello, sizeof hello, "a.test", 6000));
        talk_say(&t, 1, "\x15\x03\x03\0\x02\x02\x28", 7);
        text = talk_end(&t);
        UNIT_STR_EQ(t.name, "a.test");
        CU_ASSERT(!strncmp(text, "tls sni=a.test ", 15));
        CU_ASSERT(strstr(text, "(raw)") ? !segments[i] : segments[i] > 0);
    }
}

static void
test_off(void)
{
    static const struct insp_dialogs_config config = { 4, 64, 4 };
    struct insp_conn *conns = make_conns(2);
    struct insp_dialogs *ds;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    insp_dialogs_switch(ds, INSP_APP_HTTP, false);
    CU_ASSERT(!insp_dialogs_reads(ds, INSP_APP_HTTP));
    say(ds, &conns[0], 0, 0, 1, get);
    say(ds, &conns[0], 0, 1, 1, ok);
    UNIT_EQ(INSP_READ(conns[0].app), INSP_APP_UNKNOWN);
    insp_dialogs_switch(ds, INSP_APP_HTTP, true);
    say(ds, &conns[1], 1, 0, 1, get);
    UNIT_EQ(INSP_READ(conns[1].app), INSP_APP_HTTP);
    /* Also for what is being read. */
    insp_dialogs_switch(ds, INSP_APP_HTTP, false);
    say(ds, &conns[1], 1, 1, 1, ok);
    UNIT_EQ(INSP_READ(conns[1].flow[0].reads), INSP_READS_DONE);
    UNIT_EQ(count_events(ds), 1);
    insp_dialog_end(ds, &conns[0]);
    insp_dialog_end(ds, &conns[1]);
    UNIT_EQ(count_events(ds), 0);
    insp_dialogs_destroy(ds);
    free((void *) conns);
}

static void
feed(struct insp_dialogs *ds, struct insp_conn *conn, unsigned int side,
     uint32_t seq, uint32_t expected, const char *text, uint8_t flags)
{
    struct insp_payload p = {
        .bytes = (const uint8_t *) text,
        .captured = strlen(text),
        .size = strlen(text),
        .tcp_seq = seq,
        .expected = expected,
        .has_expected = true,
        .tcp_flags = flags,
        .now_ns = 1000000,
    };

    (void) insp_dialog_feed(ds, conn, side, &p);
}

static unsigned int
n_used(const struct insp_dialogs *ds)
{
    struct insp_dialogs_stats stats;

    insp_dialogs_get_stats(ds, &stats);
    return stats.used + stats.used_blocks;
}

/* A worker that has asked whether anybody reads comes late: another one has
 * finished meanwhile, with one side or with both. */
static void
test_late(void)
{
    static const char odd[] =
        "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f";
    static const struct insp_dialogs_config config = { 4, 64, 4 };
    struct insp_conn *conns = make_conns(1);
    struct insp_dialogs *ds;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    feed(ds, conns, 0, 9, 1, "behind", 0);
    UNIT_EQ(n_used(ds), 2);
    feed(ds, conns, 0, 1, 1, odd + 8, 0);
    UNIT_EQ(INSP_READ(conns->flow[0].reads), INSP_READS_DONE);
    UNIT_EQ(n_used(ds), 1); /* What was kept of it is gone. */
    feed(ds, conns, 0, 15, 15, get, 0);
    UNIT_EQ(INSP_READ(conns->app), INSP_APP_NONE);
    feed(ds, conns, 1, 1, 1, odd, 0);
    UNIT_EQ(INSP_READ(conns->app), INSP_APP_UNKNOWN);
    UNIT_EQ(n_used(ds), 0);
    feed(ds, conns, 0, 15, 15, get, 0);
    UNIT_EQ(n_used(ds), 0);
    UNIT_EQ(INSP_READ(conns->app), INSP_APP_UNKNOWN);
    UNIT_EQ(INSP_READ(conns->dialog), 0);
    insp_dialogs_destroy(ds);
    free((void *) conns);
}

/* What no receiver heeds must not hide what follows. */
static void
test_not_heeded(void)
{
    static const struct insp_dialogs_config config = { 4, 64, 4 };
    struct insp_conn *conns = make_conns(3);
    struct insp_dialogs *ds;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    /* The garbage of a keep-alive, in the place of the SYN. */
    feed(ds, &conns[0], 0, 100, 101, "\x16", 0);
    feed(ds, &conns[0], 0, 101, 101, get, 0);
    UNIT_EQ(INSP_READ(conns[0].app), INSP_APP_HTTP);
    /* A RST that is not where it would be believed, with a text. */
    feed(ds, &conns[1], 0, 101, 101, "GET", 0);
    feed(ds, &conns[1], 0, 90, 104, "no such port", INSP_TCP_RST);
    feed(ds, &conns[1], 0, 104, 104, get + 3, 0);
    UNIT_EQ(INSP_READ(conns[1].app), INSP_APP_HTTP);
    /* A FIN of long ago. */
    feed(ds, &conns[2], 0, 101, 101, "GET", 0);
    feed(ds, &conns[2], 0, 90, 104, "", INSP_TCP_FIN);
    feed(ds, &conns[2], 0, 104, 104, get + 3, 0);
    UNIT_EQ(INSP_READ(conns[2].app), INSP_APP_HTTP);
    for (unsigned int i = 0; i < 3; i++) {
        insp_dialog_end(ds, &conns[i]);
    }
    UNIT_EQ(count_events(ds), 3);
    UNIT_EQ(n_used(ds), 0);
    insp_dialogs_destroy(ds);
    free((void *) conns);
}

/* A dialog that was found by an old number is another connection's. */
static void
test_whose(void)
{
    static const struct insp_dialogs_config config = { 1, 64, 4 };
    struct insp_conn *conns = make_conns(2);
    struct insp_dialogs *ds;
    uint32_t old;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    say(ds, &conns[0], 0, 0, 1, get);
    old = INSP_READ(conns[0].dialog);
    insp_dialog_end(ds, &conns[0]);
    say(ds, &conns[1], 1, 0, 1, get);
    UNIT_EQ(INSP_READ(conns[1].dialog), old);
    atomic_store(&conns[0].dialog, old);
    atomic_store(&conns[0].flow[1].reads, INSP_READS_ON);
    UNIT_EQ(count_events(ds), 1);
    say(ds, &conns[0], 0, 1, 1, ok);
    UNIT_EQ(count_events(ds), 0);
    insp_dialog_end(ds, &conns[1]);
    UNIT_EQ(count_events(ds), 1);
    insp_dialogs_destroy(ds);
    free((void *) conns);
}

/* ------------------------------------------------------------------------ */
/* Memory. */

/* What Documentation/protocols.md promises of a transaction reader: between
 * transactions, and while bytes wait or tables are there; of records that are
 * being made, but that one alone may have so much beyond. */
#define PROMISED_IDLE    512
#define PROMISED_READING 4096
#define PROMISED_RECORDS 7168
#define PROMISED_RECORD  3584

struct held {
    size_t reading;
    size_t records;
};

static struct held peak;

static void
look(const struct insp_dialogs *ds, const struct insp_conn *conn)
{
    size_t records, reading = insp_dialogs_held(ds, conn, &records);

    CU_ASSERT(reading <= PROMISED_READING);
    CU_ASSERT(records <= PROMISED_RECORDS);
    if (!INSP_READ(conn->dialog)) {
        UNIT_EQ(reading + records, 0);
    }
    peak.reading = INSP_MAX(peak.reading, reading);
    peak.records = INSP_MAX(peak.records, records);
}

static size_t
held(const struct talk *t)
{
    size_t records;

    return insp_dialogs_held(t->dialogs, t->conn, &records);
}

/* What two sides say, as tests/fuzz/fuzz-app.c has it, to all readers. */
static void
feed_corpus(struct insp_dialogs *ds, struct insp_conn *conn, uint8_t *bytes,
            size_t size)
{
    static const uint8_t protos[] = { INSP_PROTO_TCP, INSP_PROTO_UDP, 47 };
    struct insp_cursor c = insp_cursor(bytes, size);
    uint32_t seq[2] = { 1000, 0xfffffff0 };
    struct insp_event_report report;

    memset((void *) conn, 0, sizeof *conn);
    conn->key.ip_version = 4;
    conn->key.proto = protos[insp_cursor_u8(&c) % 3];
    conn->key.port[0] = 40000;
    conn->key.port[1] = 1234;
    conn->life = 7;
    while (insp_cursor_left(&c) >= 3) {
        uint8_t flags = insp_cursor_u8(&c);
        size_t left = insp_cursor_be16(&c), at = 0;
        unsigned int side = flags & 1;
        const uint8_t *piece;

        left = INSP_MIN(left, insp_cursor_left(&c));
        piece = insp_cursor_take(&c, left);
        /* In small segments, every other hole filled late: so more waits. */
        while (at < left || !left) {
            size_t n = INSP_MIN(left - at, 100);
            struct insp_payload p = {
                .bytes = piece + at,
                .captured = n,
                .size = n,
                .tcp_seq = seq[side] + (uint32_t) at,
                .expected = seq[side],
                .has_expected = true,
                .tcp_flags = flags & 4 && at + n == left ? INSP_TCP_FIN : 0,
                .now_ns = 1000000000,
            };

            if (insp_dialog_wants(conn, side, (uint32_t) n, p.tcp_flags)) {
                (void) insp_dialog_feed(ds, conn, side, &p);
                look(ds, conn);
            }
            at += n;
            if (!left) {
                break;
            }
        }
        seq[side] += (uint32_t) left;
    }
    insp_dialog_end(ds, conn);
    while (insp_dialogs_next(ds, &report)) {
        continue;
    }
}

/* All readers, with what the fuzzers begin with. */
static void
test_held_corpus(void)
{
    static const struct insp_dialogs_config config = { 4, 512, 64 };
    struct insp_conn *conn = make_conns(1);
    struct insp_dialogs *ds;
    struct insp_dialogs_stats stats;
    unsigned int n = 0;
    glob_t files;
    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    memset(&peak, 0, sizeof peak);
    if (!glob(INPUTS "/app-*/*", 0, NULL, &files)) {
        for (size_t i = 0; i < files.gl_pathc; i++) {
            static uint8_t bytes[1 << 18];
            FILE *f = fopen(files.gl_pathv[i], "rb");
            size_t size = f ? fread(bytes, 1, sizeof bytes, f) : 0;

            if (f) {
                fclose(f);
            }
            if (size) {
                feed_corpus(ds, conn, bytes, size);
                n++;
            }
        }
        globfree(&files);
    }
    printf("# %u dialogs: %zu bytes at most, and %zu of records\n", n,
           peak.reading, peak.records);
    CU_ASSERT(n > 50);
    CU_ASSERT(peak.reading > PROMISED_IDLE && peak.records > 0);
    insp_dialogs_get_stats(ds, &stats);
    UNIT_EQ(stats.used, 0);
    UNIT_EQ(stats.used_blocks, 0);
    insp_dialogs_destroy(ds);
    free((void *) conn);
}

/* Whatever comes in whatever order, from both sides at once. */
static void
test_held_worst(void)
{
    static const struct insp_dialogs_config config = { 4, 512, 64 };
    struct insp_conn *conn = make_conns(1);
    struct insp_dialogs *ds;
    uint64_t state = 88172645463325252u;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &ds), 0);
    memset(&peak, 0, sizeof peak);
    for (unsigned int round = 0; round < 300; round++) {
        static const char *const begins[][2] = {
            { get, ok },
            { "GET /a HTTP/1.1\r\nCookie: ", "HTTP/1.1 200 OK\r\nX: " },
            { "\x16\x03\x01\x3f\xff\x01\x01\x3f\xfb\x03\x03 long", "?" },
            { "SSH-2.0-a\r\n", "SSH-2.0-b\r\n" },
            { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "?" },
            { "0\x82\x0f\xff\x02\x01\x01\x60\x82\x0f\xf0\x02\x01\x03", "?" },
        };
        const char *const *begin = begins[round % INSP_ARRAY_SIZE(begins)];
        uint32_t next[2] = { 1, 1 };

        memset((void *) conn->flow, 0, sizeof conn->flow);
        atomic_store(&conn->app, 0);
        conn->life++;
        for (unsigned int side = 0; side < 2; side++) {
            feed(ds, conn, side, 1, 1, begin[side], 0);
            next[side] += (uint32_t) strlen(begin[side]);
            look(ds, conn);
        }
        for (unsigned int i = 0; i < 60; i++) {
            char text[1461];
            unsigned int side, size, ahead;

            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            side = state & 1;
            size = 1 + (state >> 8) % 1460;
            ahead = state >> 20 & 1 ? (state >> 24) % 3000 : 0;
            memset(text, 'a', size);
            text[size] = '\0';
            if (insp_dialog_wants(conn, side, size, 0)) {
                feed(ds, conn, side, next[side] + ahead, next[side], text, 0);
            }
            next[side] += ahead ? 0 : size;
            look(ds, conn);
        }
        insp_dialog_end(ds, conn);
        (void) count_events(ds);
    }
    UNIT_EQ(n_used(ds), 0);
    printf("# %zu bytes at most\n", peak.reading);
    CU_ASSERT(peak.reading > 3600); /* Else the test does not say much. */
    insp_dialogs_destroy(ds);
    free((void *) conn);
}

/* Between transactions there is a dialog and nothing else; one record is open
 * in each; when nobody reads, there is nothing. */
static void
test_held_phases(void)
{
    static struct talk t;
    size_t records;

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    for (unsigned int i = 0; i < 20; i++) {
        talk_text(&t, 0, get);
        UNIT_EQ(insp_dialogs_held(t.dialogs, t.conn, &records), PROMISED_IDLE);
        UNIT_EQ(records, INSP_BLOCK_SMALL);
        talk_text(&t, 1, ok);
        UNIT_EQ(insp_dialogs_held(t.dialogs, t.conn, &records), PROMISED_IDLE);
        UNIT_EQ(records, 0);
    }
    (void) talk_end(&t);

    /* Many requests, each with much to say, and no answer. */
    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    for (unsigned int i = 0; i < 8; i++) {
        char text[1500];

        snprintf(text, sizeof text,
                 "GET /%01000d HTTP/1.1\r\nHost: a.example\r\n"
                 "User-Agent: %0200d\r\n\r\n",
                 7, 7);
        talk_text(&t, 0, text);
        UNIT_EQ(insp_dialogs_held(t.dialogs, t.conn, &records), PROMISED_IDLE);
        CU_ASSERT(records <= PROMISED_RECORDS);
        if (!i) {
            CU_ASSERT(records > 1200 && records <= PROMISED_RECORD);
        }
    }
    CU_ASSERT(records > PROMISED_RECORDS / 2);
    (void) talk_end(&t);

    talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
    insp_dialogs_want_names(t.dialogs, false);
    talk_text(&t, 0, "SSH-1.5-a\r\n");
    CU_ASSERT(held(&t) <= PROMISED_IDLE);
    talk_text(&t, 1, "SSH-1.5-b\r\n");
    UNIT_EQ(held(&t), 0);
    (void) talk_end(&t);
}

#define N_CONNS 64
#define ROUNDS  300

struct stress {
    struct insp_dialogs *ds;
    struct insp_conn *conns;
    pthread_barrier_t barrier;
    unsigned int side;
};

static void *
stress_main(void *stress_)
{
    struct stress *s = stress_;
    unsigned int side = __atomic_fetch_add(&s->side, 1, __ATOMIC_RELAXED);

    for (unsigned int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&s->barrier);
        for (uint32_t i = 0; i < N_CONNS; i++) {
            uint32_t at = side < 2 ? i : N_CONNS - 1 - i;

            /* The third speaks for both sides. */
            say(s->ds, &s->conns[at], at, side < 2 ? side : i & 1,
                1 + (side == 2) * 1000, side % 2 ? ok : get);
        }
        pthread_barrier_wait(&s->barrier);
    }
    return NULL;
}

static void
test_workers(void)
{
    static const struct insp_dialogs_config config = { 40, 256, 16 };
    struct stress s = { .side = 0 };
    struct insp_dialogs_stats stats;
    pthread_t threads[3];
    unsigned int n = 0;

    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &s.ds), 0);
    s.conns = make_conns(N_CONNS);
    pthread_barrier_init(&s.barrier, NULL, 4);
    for (unsigned int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, stress_main, &s);
    }
    for (unsigned int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&s.barrier);
        n += count_events(s.ds); /* While they work. */
        pthread_barrier_wait(&s.barrier);
        for (uint32_t i = 0; i < N_CONNS; i++) {
            insp_dialog_end(s.ds, &s.conns[i]);
            memset((void *) s.conns[i].flow, 0, sizeof s.conns[i].flow);
            atomic_store(&s.conns[i].app, 0);
            s.conns[i].life++;
        }
        n += count_events(s.ds);
    }
    for (unsigned int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    insp_dialogs_get_stats(s.ds, &stats);
    UNIT_EQ(stats.used, 0);
    UNIT_EQ(stats.used_blocks, 0);
    CU_ASSERT(n > ROUNDS);
    printf("# %u events, %llu packets found the dialog busy\n", n,
           (unsigned long long) stats.facts[INSP_READER_BUSY]);
    pthread_barrier_destroy(&s.barrier);
    insp_dialogs_destroy(s.ds);
    free((void *) s.conns);
}

static struct insp_name_key
name_key(unsigned int i)
{
    struct insp_name_key key = { .port_id = 1 + i % 3 };

    memcpy(key.server, &i, sizeof i);
    key.client[15] = 1;
    return key;
}

static void
test_names(void)
{
    static const struct insp_hash_key secret = { { 1, 2, 3, 5 } };
    char name[INSP_APP_NAME_MAX + 1], text[32];
    struct insp_name_key key = name_key(7);
    struct insp_names *names;
    unsigned int n = 0;

    CU_ASSERT_EQUAL_FATAL(insp_names_create(1024, &secret, &names), 0);
    CU_ASSERT(!insp_names_find(names, &key, 5, name));
    insp_names_learn(names, &key, "a.example", 9, 100, 50);
    CU_ASSERT(insp_names_find(names, &key, 149, name));
    UNIT_STR_EQ(name, "a.example");
    CU_ASSERT(!insp_names_find(names, &key, 150, name));
    insp_names_learn(names, &key, "b.example", 9, 200, 50);
    CU_ASSERT(insp_names_find(names, &key, 201, name));
    UNIT_STR_EQ(name, "b.example");
    key.port_id++; /* Another VM's. */
    CU_ASSERT(!insp_names_find(names, &key, 201, name));
    insp_names_learn(names, &key, "", 0, 200, 50);
    CU_ASSERT(!insp_names_find(names, &key, 201, name));

    for (unsigned int i = 0; i < 4096; i++) {
        key = name_key(i);
        snprintf(text, sizeof text, "n%u.example", i);
        insp_names_learn(names, &key, text, strlen(text), 1000 + i, 100000);
    }
    for (unsigned int i = 0; i < 4096; i++) {
        key = name_key(i);
        if (insp_names_find(names, &key, 6000, name)) {
            snprintf(text, sizeof text, "n%u.example", i);
            UNIT_STR_EQ(name, text);
            n++;
        }
    }
    CU_ASSERT(n > 900 && n <= 1024);
    insp_names_destroy(names);
}

/* All at once as one by one, for every port there is.
 * Mutation: has_lane() that looks at three lanes. */
static void
test_ports(void)
{
    unsigned int n = 0;

    for (unsigned int port = 0; port <= UINT16_MAX; port++) {
        uint64_t apps = insp_apps_at_port((uint16_t) port), expected = 0;

        for (unsigned int i = 0; i < INSP_N_APPS_READ; i++) {
            if (insp_app_has_port((enum insp_app) i, (uint16_t) port)) {
                expected |= UINT64_C(1) << i;
                n++;
            }
        }
        UNIT_EQ(apps, expected);
    }
    CU_ASSERT(n > INSP_N_APPS_READ);
}

UNIT_MAIN("dialog", UNIT_TEST(test_ports), UNIT_TEST(test_limits),
          UNIT_TEST(test_wanted), UNIT_TEST(test_long_names),
          UNIT_TEST(test_long_hello), UNIT_TEST(test_off),
          UNIT_TEST(test_whose), UNIT_TEST(test_late),
          UNIT_TEST(test_not_heeded), UNIT_TEST(test_held_corpus),
          UNIT_TEST(test_held_worst), UNIT_TEST(test_held_phases),
          UNIT_TEST(test_workers), UNIT_TEST(test_names))
