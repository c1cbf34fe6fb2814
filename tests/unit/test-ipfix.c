/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/ipfix.c, ipfix-read.c and directory.c: what is written is RFC
 * 7011 and comes back as it was; what a stranger writes does no harm. */

#include "unit.h"

#include "export/directory.h"
#include "export/ipfix-read.h"
#include "export/ipfix.h"
#include "records.h"

#define WALL UINT64_C(1763855999000000000)

static const struct insp_port *const no_ports[2] = { NULL, NULL };

/* Reads all messages of 'bytes', giving each line to 'lines' (NULL: to
 * nobody).  The directory has the ids of all domains alike, as here. */
struct sink {
    struct insp_ipfix_reader *reader;
    struct insp_directory *directory;
    char sensor[INSP_NAME_SIZE];
    struct insp_put lines;
    unsigned int n_records, n_ports, n_gone, n_exporters, n_messages;
    size_t longest;
    bool same_domain;
    bool is_mutated; /* Identities may be none. */
    const char *fault;
};

static void
sink_init(struct sink *s, void *lines, size_t size)
{
    memset(s, 0, sizeof *s);
    s->lines = insp_put(lines, size);
    CU_ASSERT(!insp_ipfix_reader_create(&s->reader));
    CU_ASSERT(!insp_directory_create(1000, &s->directory));
}

static void
sink_uninit(struct sink *s)
{
    insp_ipfix_reader_destroy(s->reader);
    insp_directory_destroy(s->directory);
}

static void
sink_record(struct sink *s, const struct insp_record *r)
{
    const uint32_t *ids = insp_record_port_ids(r);
    const struct insp_port *ports[2] = { NULL, NULL };

    for (unsigned int i = 0; ids && i < 2; i++) {
        struct insp_identity *e = insp_directory_find(s->directory, ids[i]);

        ports[i] = e ? &e->port : NULL;
    }
    s->n_records++;
    if (s->lines.end > s->lines.start) {
        CU_ASSERT(insp_json_put(&s->lines, s->sensor, r, ports));
    }
}

static bool
sink_feed(struct sink *s, const uint8_t *bytes, size_t n)
{
    size_t size;

    for (; n; bytes += size, n -= size) {
        struct insp_ipfix_item item;
        enum insp_ipfix_got got;

        if (insp_ipfix_frame(bytes, n, &size) != INSP_IPFIX_WHOLE) {
            s->fault = "framing";
            return false;
        }
        s->n_messages++;
        s->longest = INSP_MAX(s->longest, size);
        if (!insp_ipfix_read(s->reader, bytes, size)) {
            s->fault = insp_ipfix_fault(s->reader);
            return false;
        }
        while ((got = insp_ipfix_next(s->reader, &item)) != INSP_IPFIX_END) {
            switch (got) {
            case INSP_IPFIX_RECORD: sink_record(s, &item.record); break;
            case INSP_IPFIX_PORT:
                s->n_ports++;
                CU_ASSERT(insp_directory_add(s->directory, &item.port) ||
                          s->is_mutated);
                break;
            case INSP_IPFIX_PORT_GONE:
                s->n_gone++;
                insp_directory_gone(s->directory, item.record.port_id);
                (void) insp_directory_reap(s->directory);
                break;
            case INSP_IPFIX_EXPORTER:
                s->n_exporters++;
                s->same_domain =
                    item.exporter.inspector == item.record.inspector;
                memcpy(s->sensor, item.exporter.sensor, sizeof s->sensor);
                break;
            case INSP_IPFIX_END:
            case INSP_IPFIX_FAULT:
                s->fault = insp_ipfix_fault(s->reader);
                return false;
            }
        }
    }
    return true;
}

/* JSON of what was read back is JSON of what was written, for every type and
 * edge value.
 * Mutation: round the fraction in insp_ipfix_time() down. */
static void
test_round_trip(void)
{
    enum {
        N = 60,
        ROUNDS = 400,
        LINES = N * INSP_JSON_LINE_MAX
    };
    char *direct = malloc(LINES), *back = malloc(LINES);
    uint8_t *messages = malloc(1 << 20);
    uint64_t state = 42;
    struct insp_ipfix_writer *w;

    CU_ASSERT(!insp_ipfix_writer_create("s", &w));
    for (unsigned int round = 0; round < ROUNDS; round++) {
        struct insp_put put = insp_put(messages, 1 << 20);
        struct insp_put lines = insp_put(direct, LINES);
        struct insp_directory *directory;
        struct sink sink;

        sink_init(&sink, back, LINES);
        insp_ipfix_writer_reset(w, "sensor \"1\"");
        CU_ASSERT(!insp_directory_create(0, &directory));
        for (uint32_t id = 1; id < 4; id++) {
            struct insp_port port;

            some_port(&state, &port, id);
            CU_ASSERT(insp_directory_add(directory, &port) != NULL);
        }
        for (unsigned int i = 0; i < N; i++) {
            const struct insp_port *ports[2] = { NULL, NULL };
            struct insp_record r;
            const uint32_t *ids;

            some_record(&state, &r);
            ids = insp_record_port_ids(&r);
            for (unsigned int j = 0; ids && j < 2; j++) {
                struct insp_identity *e =
                    insp_directory_find(directory, ids[j]);

                ports[j] = e ? &e->port : NULL;
            }
            CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
            CU_ASSERT(insp_json_put(&lines, "sensor \"1\"", &r, ports));
            insp_record_uninit(&r);
        }
        insp_ipfix_finish(w, &put);
        if (!sink_feed(&sink, messages, insp_put_size(&put))) {
            CU_FAIL("our own messages are not understood");
            printf("# %s\n", sink.fault);
        }
        UNIT_EQ(sink.n_records, N);
        UNIT_EQ(insp_ipfix_counts(sink.reader)->lost, 0);
        if (insp_put_size(&lines) != insp_put_size(&sink.lines) ||
            memcmp(direct, back, insp_put_size(&lines))) {
            size_t at = 0, start = 0;

            CU_FAIL("not the same lines");
            while (direct[at] == back[at]) {
                at++;
                start = direct[at - 1] == '\n' ? at : start;
            }
            printf("# %.*s\n# %.*s\n", (int) strcspn(direct + start, "\n"),
                   direct + start, (int) strcspn(back + start, "\n"),
                   back + start);
            round = ROUNDS;
        }
        insp_directory_destroy(directory);
        sink_uninit(&sink);
    }
    insp_ipfix_writer_destroy(w);
    free(direct);
    free(back);
    free(messages);
}

/* Every nanosecond that there can be comes back.
 * Mutation: the era boundary of 2036 taken for 1900. */
static void
test_time(void)
{
    uint64_t state = 7;

    UNIT_EQ(insp_ipfix_time(0), UINT64_C(2208988800) << 32);
    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t ns = some_time(&state);

        if (insp_ipfix_time_back(insp_ipfix_time(ns)) != ns) {
            UNIT_EQ(insp_ipfix_time_back(insp_ipfix_time(ns)), ns);
            break;
        }
    }
    UNIT_EQ(insp_ipfix_time_back(UINT64_C(0x80000000) << 32), 0);
}

static uint32_t
be32(const uint8_t *b)
{
    return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 |
           (uint32_t) b[2] << 8 | b[3];
}

/* The sequence number counts the data records of each domain, options
 * records too (RFC 7011, section 3.1), and begins anew on a new connection.
 * Mutation: do not count identities. */
static void
test_sequence(void)
{
    uint8_t messages[65536];
    struct insp_put put = insp_put(messages, sizeof messages);
    struct insp_ipfix_writer *w;
    struct insp_record r;
    struct insp_port port = { .id = 1, .name = "p" };
    const struct insp_port *const ports[2] = { &port, NULL };
    const uint8_t *third;
    uint32_t sequence;
    struct sink sink;

    CU_ASSERT(!insp_ipfix_writer_create("s", &w));
    some_ordinary(&r, 1);
    sink_init(&sink, NULL, 0);

    CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    insp_ipfix_finish(w, &put);
    UNIT_EQ(be32(messages + 4), WALL / 1000000000);
    UNIT_EQ(be32(messages + 8), 0);
    UNIT_EQ(be32(messages + 12), 1);
    r.inspector = 9;
    CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    r.inspector = 1;
    CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    insp_ipfix_finish(w, &put);
    third = messages;
    for (unsigned int i = 0; i < 2; i++) {
        third += third[2] << 8 | third[3];
    }
    UNIT_EQ(be32(third + 12), 1);
    sequence = be32(third + 8);
    CU_ASSERT(sequence > 30); /* Type information and the like. */
    CU_ASSERT(sink_feed(&sink, messages, insp_put_size(&put)));
    UNIT_EQ(insp_ipfix_counts(sink.reader)->lost, 0);
    UNIT_EQ(sequence, insp_ipfix_counts(sink.reader)->unknown + 3);
    UNIT_EQ(sink.n_messages, 3);
    UNIT_EQ(sink.n_exporters, 2);
    CU_ASSERT(sink.same_domain);
    UNIT_EQ(sink.n_ports, 2); /* Once a domain. */
    UNIT_EQ(sink.n_records, 3);

    /* A message of five records gets lost on the way. */
    put = insp_put(messages, sizeof messages);
    for (unsigned int i = 0; i < 5; i++) {
        CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    }
    insp_ipfix_finish(w, &put);
    put = insp_put(messages, sizeof messages);
    CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    insp_ipfix_finish(w, &put);
    CU_ASSERT(sink_feed(&sink, messages, insp_put_size(&put)));
    UNIT_EQ(insp_ipfix_counts(sink.reader)->lost, 5);

    put = insp_put(messages, sizeof messages);
    insp_ipfix_writer_reset(w, "s");
    CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
    insp_ipfix_finish(w, &put);
    UNIT_EQ(be32(messages + 8), 0);
    UNIT_EQ(messages[17], 3); /* Templates come first. */

    sink_uninit(&sink);
    insp_ipfix_writer_destroy(w);
}

/* No message is longer than it may be, in buffers of any size; a record that
 * does not fit leaves nothing behind.
 * Mutation: leave the room for a set header out of the sum in put(). */
static void
test_bounds(void)
{
    uint8_t *messages = malloc(1 << 20);
    uint64_t state = 3;

    for (size_t size = 0; size < 80000; size += size / 2048 == 8 ? 1 : 997) {
        struct insp_put put = insp_put(messages, size);
        struct insp_ipfix_writer *w;
        uint32_t longest = 0;
        unsigned int n = 0;
        struct sink sink;

        CU_ASSERT(!insp_ipfix_writer_create("s", &w));
        sink_init(&sink, NULL, 0);
        for (;;) {
            struct insp_record r;
            struct insp_port port;
            const struct insp_port *const ports[2] = { &port, &port };
            bool fits;

            some_record(&state, &r);
            if (r.type == INSP_RECORD_APP) {
                longest = INSP_MAX(longest, r.app.values->size);
            }
            some_port(&state, &port,
                      (uint32_t) (1 + some_random(&state) % 50));
            fits = insp_ipfix_put(w, &put, WALL, &r,
                                  insp_record_port_ids(&r) ? ports : no_ports);
            insp_record_uninit(&r);
            if (!fits) {
                break;
            }
            CU_ASSERT_FATAL(put.at <= put.end);
            n++;
        }
        insp_ipfix_finish(w, &put);
        CU_ASSERT(!put.full);
        CU_ASSERT(put.at <= put.end);
        CU_ASSERT(sink_feed(&sink, messages, insp_put_size(&put)));
        UNIT_EQ(sink.n_records, n);
        UNIT_EQ(insp_ipfix_counts(sink.reader)->lost, 0);
        CU_ASSERT(sink.longest <= (longest > 2000 ? INSP_IPFIX_LENGTH_MAX
                                                  : INSP_IPFIX_MESSAGE_MAX));
        CU_ASSERT(n || size < INSP_IPFIX_ROOM_MAX);
        sink_uninit(&sink);
        insp_ipfix_writer_destroy(w);
    }
    free(messages);
}

/* An identity is sent once, told again after a reset, and its end is told to
 * who knows it; thousands of them come and go.
 * Mutation: do not close the gap in known_remove(). */
static void
test_identities(void)
{
    uint8_t *messages = malloc(1 << 20);
    struct insp_ipfix_writer *w;
    struct insp_record r;
    unsigned int n_told = 0, n_gone = 0;
    struct sink sink;

    CU_ASSERT(!insp_ipfix_writer_create("s", &w));
    sink_init(&sink, NULL, 0);
    some_ordinary(&r, 1);
    for (uint32_t id = 1; id <= 5000; id++) {
        struct insp_put put = insp_put(messages, 1 << 20);
        struct insp_port port = { .id = id, .name = "p" };
        const struct insp_port *const ports[2] = { &port, &port };

        for (unsigned int i = 0; i < 2; i++) {
            CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, ports));
        }
        n_told++;
        if (id > 100) {
            n_gone += insp_ipfix_gone(w, &put, WALL, id - 100);
            UNIT_EQ(insp_ipfix_gone(w, &put, WALL, id - 100), 0);
        }
        insp_ipfix_finish(w, &put);
        CU_ASSERT(sink_feed(&sink, messages, insp_put_size(&put)));
    }
    UNIT_EQ(sink.n_ports, n_told);
    UNIT_EQ(n_gone, 4900);
    UNIT_EQ(sink.n_gone, n_gone);
    UNIT_EQ(insp_directory_count(sink.directory), 100);
    UNIT_EQ(insp_ipfix_counts(sink.reader)->lost, 0);
    sink_uninit(&sink);
    insp_ipfix_writer_destroy(w);
    free(messages);
}

/* The directory: an identity stays while something refers to it.
 * Mutation: free it in insp_directory_gone() in any case. */
static void
test_directory(void)
{
    struct insp_directory *d;
    struct insp_identity *e;
    struct insp_port port = { .id = 5, .name = "bad\xff" };

    CU_ASSERT(!insp_directory_create(0, &d));
    e = insp_directory_add(d, &port);
    UNIT_STR_EQ(e->port.name, "bad\xef\xbf\xbd");
    insp_directory_ref(e);
    insp_directory_ref(e);
    insp_directory_gone(d, 5);
    UNIT_EQ(insp_directory_reap(d), 0);
    CU_ASSERT(insp_directory_find(d, 5) == NULL);
    CU_ASSERT(insp_directory_add(d, &port) == NULL);
    UNIT_STR_EQ(e->port.name, "bad\xef\xbf\xbd");
    insp_directory_unref(d, e);
    UNIT_EQ(insp_directory_reap(d), 0);
    insp_directory_unref(d, e);
    UNIT_EQ(insp_directory_count(d), 1);
    UNIT_EQ(insp_directory_reap(d), 5);
    UNIT_EQ(insp_directory_reap(d), 0);
    UNIT_EQ(insp_directory_count(d), 0);
    insp_directory_gone(d, 6);
    insp_directory_unref(d, NULL);

    port.id = 0;
    CU_ASSERT(insp_directory_add(d, &port) == NULL);
    insp_directory_destroy(d);

    /* With a limit, who was not asked for longest goes first. */
    CU_ASSERT(!insp_directory_create(100, &d));
    for (port.id = 1; port.id <= 1000; port.id++) {
        CU_ASSERT(insp_directory_add(d, &port) != NULL);
        CU_ASSERT(insp_directory_find(d, 1) != NULL);
    }
    UNIT_EQ(insp_directory_count(d), 100);
    CU_ASSERT(insp_directory_find(d, 901) == NULL);
    CU_ASSERT(insp_directory_find(d, 902) != NULL);
    insp_directory_destroy(d);
}

/* A message by hand: 'sets' behind a header of domain 1. */
static size_t
message(uint8_t *to, const uint8_t *sets, size_t n)
{
    struct insp_put put = insp_put(to, 65535);

    insp_put_be16(&put, 10);
    insp_put_be16(&put, (uint16_t) (16 + n));
    insp_put_be32(&put, 0);
    insp_put_be32(&put, 0);
    insp_put_be32(&put, 1);
    insp_put_bytes(&put, sets, n);
    return insp_put_size(&put);
}

#define BYTES(...)                                                            \
    (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static void
expect(struct sink *s, const char *fault, const uint8_t *sets, size_t n)
{
    uint8_t bytes[65536];
    bool good;

    s->fault = NULL;
    good = sink_feed(s, bytes, message(bytes, sets, n));
    if (good != !fault || (fault && !strstr(s->fault, fault))) {
        CU_FAIL("not what was expected");
        printf("# expected %s, got %s\n", fault ? fault : "no fault",
               good ? "none" : s->fault);
    }
}

/* Each kind of damage by hand.
 * Mutation: accept a template whose records have no byte (it hangs). */
static void
test_hostile(void)
{
    struct sink s;

    sink_init(&s, NULL, 0);
    expect(&s, NULL, (const uint8_t *) "", 0);
    sink_uninit(&s);

    sink_init(&s, NULL, 0);
    expect(&s, "length of 3", BYTES(0, 2, 0, 3));
    expect(&s, "longer than its message", BYTES(1, 0, 0, 5));
    expect(&s, "reserved", BYTES(0, 4, 0, 4));
    expect(&s, "must be 256", BYTES(0, 2, 0, 12, 0, 255, 0, 1, 0, 4, 0, 1));
    expect(&s, "more than fit", BYTES(0, 2, 0, 12, 1, 0, 0, 2, 0, 4, 0, 1));
    expect(&s, "more than fit",
           BYTES(0, 2, 0, 12, 1, 0, 0xff, 0xff, 0, 4, 0, 1));
    expect(&s, "truncated", BYTES(0, 2, 0, 12, 1, 0, 0, 1, 0x80, 4, 0, 1));
    expect(&s, "without a byte", BYTES(0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 0));
    expect(&s, "0 scope fields",
           BYTES(0, 3, 0, 14, 1, 0, 0, 1, 0, 0, 0, 4, 0, 1));
    expect(&s, "2 scope fields",
           BYTES(0, 3, 0, 14, 1, 0, 0, 1, 0, 2, 0, 4, 0, 1));

    /* Unknown sets are skipped; unknown elements too. */
    expect(&s, NULL, BYTES(1, 0, 0, 8, 1, 2, 3, 4));
    UNIT_EQ(insp_ipfix_counts(s.reader)->unknown_sets, 1);
    expect(&s, NULL,
           BYTES(0, 2, 0, 16, 1, 0, 0, 2, 0, 99, 0, 2, 0, 98, 0, 1, 1, 0, 0,
                 11, 1, 2, 3, 4, 5, 6, 0));
    UNIT_EQ(insp_ipfix_counts(s.reader)->unknown, 2);

    /* Redefined: no.  The same again: yes.  Withdrawn and anew: yes. */
    expect(&s, "redefined", BYTES(0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 1));
    expect(&s, NULL, BYTES(0, 2, 0, 16, 1, 0, 0, 2, 0, 99, 0, 2, 0, 98, 0, 1));
    expect(&s, NULL,
           BYTES(0, 2, 0, 8, 1, 0, 0, 0, 0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 1));
    expect(&s, NULL,
           BYTES(0, 2, 0, 8, 0, 2, 0, 0, 0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4));
    /* An options withdrawal does not touch templates. */
    expect(&s, "redefined",
           BYTES(0, 3, 0, 8, 0, 3, 0, 0, 0, 2, 0, 12, 1, 0, 0, 1, 0, 9, 0, 4));
    /* Now 256 is of sourceIPv4Address alone: a connection, mostly zero. */
    s.n_records = 0;
    expect(&s, NULL, BYTES(1, 0, 0, 9, 10, 0, 0, 1, 0));
    UNIT_EQ(s.n_records, 1);

    /* Variable lengths: short, long, and longer than the set. */
    expect(&s, NULL, BYTES(0, 2, 0, 12, 1, 1, 0, 1, 0, 82, 0xff, 0xff));
    expect(&s, NULL, BYTES(1, 1, 0, 7, 2, 'a', 'b'));
    expect(&s, NULL, BYTES(1, 1, 0, 9, 255, 0, 2, 'a', 'b'));
    expect(&s, "longer than its set", BYTES(1, 1, 0, 7, 9, 'a', 'b'));
    expect(&s, "longer than its set", BYTES(1, 1, 0, 6, 255, 0));

    sink_uninit(&s);
}

/* More templates, and more fields of templates, than are kept. */
static void
test_too_many(void)
{
    static uint8_t many[65000];
    struct insp_put put;
    struct sink s;

    sink_init(&s, NULL, 0);
    for (unsigned int half = 0; half < 2; half++) {
        unsigned int n = half ? INSP_IPFIX_TEMPLATES_MAX / 2 + 1
                              : INSP_IPFIX_TEMPLATES_MAX / 2;

        put = insp_put(many, sizeof many);
        insp_put_be16(&put, 2);
        insp_put_be16(&put, (uint16_t) (4 + n * 8));
        for (unsigned int i = 0; i < n; i++) {
            insp_put_be16(&put, (uint16_t) (1000 + 10000 * half + i));
            insp_put_be16(&put, 1);
            insp_put_be16(&put, 4);
            insp_put_be16(&put, 1);
        }
        expect(&s, half ? "more templates" : NULL, many, insp_put_size(&put));
    }
    sink_uninit(&s);

    sink_init(&s, NULL, 0);
    for (unsigned int i = 0; i <= INSP_IPFIX_FIELDS_MAX / 16000; i++) {
        put = insp_put(many, sizeof many);
        insp_put_be16(&put, 2);
        insp_put_be16(&put, 8 + 16000 * 4);
        insp_put_be16(&put, (uint16_t) (1000 + i));
        insp_put_be16(&put, 16000);
        for (unsigned int j = 0; j < 16000; j++) {
            insp_put_be32(&put, 0x00040001);
        }
        expect(&s, i < INSP_IPFIX_FIELDS_MAX / 16000 ? NULL : "more templates",
               many, insp_put_size(&put));
    }
    sink_uninit(&s);
}

/* A protocol's record by hand: elements of its own, lines that say it better,
 * lines that mean nothing, a protocol that is none. */
static void
test_app_by_hand(void)
{
    static const char lines[] = "version=TLS 1.2\nech=1\nnonsense\n=\n"
                                "server_handshake.cipher=99999999999999999999"
                                "\nclient_alpns=a\\x0ab\\\\\\n\nsni";
    char text[INSP_JSON_LINE_MAX];
    uint8_t bytes[512];
    struct insp_put put = insp_put(bytes, sizeof bytes);
    struct sink s;

    sink_init(&s, text, sizeof text);
    strcpy(s.sensor, "x");
    expect(&s, NULL,
           BYTES(0, 2, 0, 52, 3, 0, 0, 6, 0, 8, 0, 4,    /* address */
                 0x80, 61, 0xff, 0xff, 0, 0, 0x7e, 0xd9, /* record */
                 0x80, 60, 0xff, 0xff, 0, 0, 0x7e, 0xd9, /* fields */
                 0x81, 38, 0xff, 0xff, 0, 0, 0x1a, 0xd7, /* sslServerName */
                 0x80, 187, 0, 8, 0, 0, 0x1a, 0xd7,      /* sslServerCipher */
                 0x80, 62, 0, 1, 0, 0, 0x7e, 0xd9));     /* cut */
    insp_put_be16(&put, 768);
    insp_put_be16(&put, 0);
    insp_put_bytes(&put, "\12\0\0\1\3tls", 8);
    insp_put_u8(&put, sizeof lines - 1);
    insp_put_text(&put, lines);
    insp_put_text(&put, "\7a.b,\xff c");
    insp_put_bytes(&put, "\0\0\0\0\0\0\x13\2\1", 9);
    bytes[3] = (uint8_t) insp_put_size(&put);
    expect(&s, NULL, bytes, insp_put_size(&put));
    *s.lines.at = '\0';
    CU_ASSERT(strstr(text, "\"event_type\":\"tls\",") != NULL);
    CU_ASSERT(strstr(text, "\"tls\":{\"sni\":\"a.b,\xef\xbf\xbd c\","
                           "\"version\":\"TLS 1.2\","
                           "\"client_alpns\":[\"a\\u000ab\\\\\\u000a\"],"
                           "\"server_handshake\":{\"cipher\":4866},"
                           "\"ech\":true},") != NULL);
    CU_ASSERT(strstr(text, "\"cut\":true") != NULL);
    UNIT_EQ(s.n_records, 1);

    memcpy(bytes + 9, "xyz", 3);
    expect(&s, NULL, bytes, insp_put_size(&put));
    UNIT_EQ(s.n_records, 1);
    UNIT_EQ(insp_ipfix_counts(s.reader)->unknown, 1);
    sink_uninit(&s);
}

/* A record with as much as it can hold, of bytes that are longest when they
 * are escaped, goes out in a message of its own and comes back.
 * Mutation: let require() put it behind the introduction. */
static void
test_longest_app(void)
{
    enum {
        ROOM = 20000
    };
    uint8_t *bytes = malloc(ROOM), *messages = malloc(INSP_IPFIX_ROOM_MAX);
    char *direct = malloc(INSP_JSON_LINE_MAX);
    char *back = malloc(INSP_JSON_LINE_MAX);
    static const uint8_t fills[] = { 1, '\\', ',', 'a' };

    for (unsigned int i = 0; i < sizeof fills; i++) {
        struct insp_put put = insp_put(messages, INSP_IPFIX_ROOM_MAX);
        struct insp_put line = insp_put(direct, INSP_JSON_LINE_MAX);
        struct insp_value v = { .field = INSP_FIELD_TLS_CLIENT_ALPNS };
        struct insp_ipfix_writer *w;
        struct insp_record r;
        uint8_t fill[250];
        struct sink sink;
        size_t size = 0;

        memset(fill, fills[i], sizeof fill);
        v.bytes = fill;
        for (v.size = 1; size + 300 < ROOM; v.size = v.size % 250 + 1) {
            size += insp_value_put(bytes + size, ROOM - size, &v);
        }
        some_ordinary(&r, 1);
        r.type = INSP_RECORD_APP;
        r.app.values = insp_values_tidy(INSP_APP_TLS, false, bytes, size);
        CU_ASSERT(r.app.values->is_cut || fills[i] == 'a' || fills[i] == ',');
        CU_ASSERT(!insp_ipfix_writer_create("s", &w));
        CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, no_ports));
        insp_ipfix_finish(w, &put);
        CU_ASSERT(insp_json_put(&line, "s", &r, no_ports));
        sink_init(&sink, back, INSP_JSON_LINE_MAX);
        CU_ASSERT(sink_feed(&sink, messages, insp_put_size(&put)));
        UNIT_EQ(sink.n_messages, 2);
        UNIT_EQ(sink.n_records, 1);
        UNIT_EQ(insp_put_size(&sink.lines), insp_put_size(&line));
        CU_ASSERT(!memcmp(direct, back, insp_put_size(&line)));
        insp_record_uninit(&r);
        sink_uninit(&sink);
        insp_ipfix_writer_destroy(w);
    }
    free(bytes);
    free(messages);
    free(direct);
    free(back);
}

/* Values longer or shorter than ours (reduced-size encoding), enumerations
 * that do not exist, booleans that are none. */
static void
test_foreign_values(void)
{
    char lines[INSP_JSON_LINE_MAX];
    struct sink s;

    sink_init(&s, lines, sizeof lines);
    strcpy(s.sensor, "x");
    expect(&s, NULL,
           BYTES(0, 2, 0, 48, 1, 0, 0, 8, 0, 8, 0, 4, 0, 2, 0, 1, 0, 58, 0, 4,
                 0, 4, 0, 1, 0x80, 3, 0, 1, 0, 0, 0x7e, 0xd9, 0x80, 5, 0, 1, 0,
                 0, 0x7e, 0xd9, 0, 6, 0, 2, 0, 12, 0, 5, 1, 0, 0, 23, 10, 0, 0,
                 1, 7, 0, 1, 0, 0, 6, 200, 2, 0x0f, 0x12, 1, 2, 3, 4, 5));
    *s.lines.at = '\0';
    CU_ASSERT(strstr(lines, "\"src_ip\":\"10.0.0.1\"") != NULL);
    CU_ASSERT(strstr(lines, "\"vlan\":[65535]") != NULL);
    CU_ASSERT(strstr(lines, "\"pkts_toserver\":7") != NULL);
    CU_ASSERT(strstr(lines, "\"verdict\":\"200\"") != NULL);
    CU_ASSERT(strstr(lines, "\"path\":\"crossing\"") != NULL);
    CU_ASSERT(strstr(lines, "\"tcp_flags_ts\":\"12\"") != NULL);
    CU_ASSERT(strstr(lines, "\"dest_ip\":\"0.0.0.0\"") != NULL);
    sink_uninit(&s);
}

/* Our own messages with bytes changed: no crash, no hang, and no more records
 * than bytes.  (The fuzzer goes on where this stops.) */
static void
test_mutated(void)
{
    static uint8_t good[32768], bytes[32768];
    struct insp_put put = insp_put(good, sizeof good);
    struct insp_ipfix_writer *w;
    uint64_t state = 99;
    size_t size;

    CU_ASSERT(!insp_ipfix_writer_create("s", &w));
    for (unsigned int i = 0; i < 20; i++) {
        struct insp_record r;

        some_record(&state, &r);
        CU_ASSERT(insp_ipfix_put(w, &put, WALL, &r, no_ports));
        insp_record_uninit(&r);
    }
    insp_ipfix_finish(w, &put);
    size = insp_put_size(&put);
    for (unsigned int i = 0; i < 3000; i++) {
        struct sink s;

        memcpy(bytes, good, size);
        for (unsigned int j = 0; j < 1 + i % 8; j++) {
            bytes[some_random(&state) % size] =
                (uint8_t) some_number(&state, 8);
        }
        sink_init(&s, NULL, 0);
        s.is_mutated = true;
        (void) sink_feed(&s, bytes, size);
        CU_ASSERT(s.n_records <= size);
        sink_uninit(&s);
    }
    insp_ipfix_writer_destroy(w);
}

static void
test_framing(void)
{
    size_t size;

    CU_ASSERT(insp_ipfix_frame("", 0, &size) == INSP_IPFIX_PART);
    CU_ASSERT(insp_ipfix_frame("\0", 1, &size) == INSP_IPFIX_PART);
    CU_ASSERT(insp_ipfix_frame("\0\12\0", 3, &size) == INSP_IPFIX_PART);
    CU_ASSERT(insp_ipfix_frame("\0\12\0\20", 4, &size) == INSP_IPFIX_PART);
    UNIT_EQ(size, 16);
    CU_ASSERT(insp_ipfix_frame("\0\12\0\17", 4, &size) == INSP_IPFIX_ALIEN);
    CU_ASSERT(insp_ipfix_frame("\0\11\0\20", 4, &size) == INSP_IPFIX_ALIEN);
    CU_ASSERT(insp_ipfix_frame("{", 1, &size) == INSP_IPFIX_ALIEN);
}

UNIT_MAIN("ipfix", UNIT_TEST(test_round_trip), UNIT_TEST(test_time),
          UNIT_TEST(test_sequence), UNIT_TEST(test_bounds),
          UNIT_TEST(test_identities), UNIT_TEST(test_directory),
          UNIT_TEST(test_hostile), UNIT_TEST(test_too_many),
          UNIT_TEST(test_app_by_hand), UNIT_TEST(test_longest_app),
          UNIT_TEST(test_foreign_values), UNIT_TEST(test_mutated),
          UNIT_TEST(test_framing))
