/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/spool*.c and watermark.c: what is appended comes back as it was,
 * once, in order, whatever happens to the process and the disk; and every
 * record is in one sum.
 *
 * Speed: test_speed prints records a second and bytes a record. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* unshare() */
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "base/crc32c.h"
#include "export/spool-format.h"
#include "export/spool.h"
#include "record/fields.h"
#include "records.h"

#define MS UINT64_C(1000000)

/* A host whose clock stands unless it is set. */

static uint64_t clock_ns = 1000 * MS;
static char last_log[512];

static void
keep_log(void *aux, enum insp_log_level level, const char *message)
{
    (void) aux;
    (void) level;
    snprintf(last_log, sizeof last_log, "%s", message);
}

static uint64_t
tell_time(void *aux)
{
    (void) aux;
    return clock_ns;
}

static int
give_random(void *aux, void *bytes, size_t size)
{
    (void) aux;
    memset(bytes, 7, size);
    return 0;
}

static const struct insp_host host = { NULL,      keep_log,    tell_time,
                                       tell_time, give_random, NULL };

/* A disk that takes 'left' bytes more, in pieces. */

static uint64_t left = UINT64_MAX;
static size_t piece = SIZE_MAX;
static unsigned int n_syncs;

static ssize_t
faulty_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t n;

    if (!left) {
        errno = ENOSPC;
        return -1;
    }
    n = pwrite(fd, bytes, INSP_MIN(INSP_MIN(size, piece), left), offset);
    left -= n > 0 ? (uint64_t) n : 0;
    return n;
}

static int
count_sync(int fd)
{
    (void) fd;
    n_syncs++;
    return 0;
}

static const struct insp_spool_io faulty = { faulty_pwrite, count_sync };

/* A folder of its own for each test. */

static char top[] = "/tmp/test-spool-XXXXXX";
static struct insp_directory *directory;
static struct insp_identity *identities[4];
static char why[512];

static void
empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
            unlinkat(dirfd(dir), entry->d_name, 0)) {
            char deeper[1024];

            snprintf(deeper, sizeof deeper, "%s/%s", path, entry->d_name);
            empty_folder(deeper);
            rmdir(deeper);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static void
begin(void)
{
    uint64_t state = 1;

    strcpy(top, "/tmp/test-spool-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
    CU_ASSERT_FATAL(!insp_directory_create(0, &directory));
    identities[0] = NULL;
    for (uint32_t id = 1; id < 4; id++) {
        struct insp_port port;

        some_port(&state, &port, id);
        identities[id] = insp_directory_add(directory, &port);
    }
    left = UINT64_MAX;
    piece = SIZE_MAX;
    clock_ns = 1000 * MS;
}

static void
end(void)
{
    insp_directory_destroy(directory);
    empty_folder(top);
    CU_ASSERT(!rmdir(top));
}

static int
try_open(struct insp_spool **s, uint32_t incarnation, uint64_t max_bytes)
{
    struct insp_spool_config config = {
        .dir = top,
        .uplink = "up",
        .sensor = "s",
        .max_bytes = max_bytes,
        .incarnation = incarnation,
        .io = &faulty,
    };

    return insp_spool_open(&host, &config, s, why, sizeof why);
}

static struct insp_spool *
open_spool(uint32_t incarnation, uint64_t max_bytes)
{
    struct insp_spool *s;

    if (try_open(&s, incarnation, max_bytes)) {
        CU_FAIL_FATAL("open");
    }
    return s;
}

static struct insp_spool_counts
counts_of(const struct insp_spool *s)
{
    struct insp_spool_counts c;

    insp_spool_count(s, &c);
    return c;
}

static bool
sums_hold(const struct insp_spool *s)
{
    struct insp_spool_counts c = counts_of(s);

    return c.appended + c.recovered == c.finished + c.held + c.dropped &&
           c.dropped == c.dropped_full + c.dropped_damaged &&
           c.passed <= c.held;
}

static struct insp_queued
queued(const struct insp_record *r)
{
    const uint32_t *ids = insp_record_port_ids(r);
    struct insp_queued item = { .record = *r };

    for (unsigned int i = 0; ids && i < 2; i++) {
        item.port[i] = identities[ids[i] % 4];
    }
    return item;
}

static enum insp_spool_answer
append_ordinary(struct insp_spool *s, uint64_t number)
{
    struct insp_record r;
    struct insp_queued item;

    some_ordinary(&r, number);
    item = queued(&r);
    return insp_spool_append(s, &item, number, clock_ns);
}

/* Reads all there is; true when the numbers rise by one from 'first' to
 * 'last', each with its own record. */
static bool
reads_back(struct insp_spool *s, uint64_t first, uint64_t last)
{
    const struct insp_spooled *item;

    while ((item = insp_spool_peek(s))) {
        if (item->number != first++ ||
            item->record.conn.flow_id != item->number ||
            item->record.conn.bytes[1] != 4000 || !item->port[0] ||
            item->port[0]->id != item->record.conn.port_id[0] ||
            strcmp(item->port[1]->name, identities[2]->port.name)) {
            return false;
        }
        insp_spool_pass(s);
    }
    return first == last + 1;
}

static unsigned int
n_files(void)
{
    char path[64];
    struct dirent *entry;
    unsigned int n = 0;
    DIR *dir;

    snprintf(path, sizeof path, "%s/up", top);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        n += strstr(entry->d_name, ".ipfix") != NULL;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* With INSP_SPOOL_CORPUS in the environment segments are put there, for
 * tests/fuzz/corpus/spool. */
static void
keep(const char *name, const uint8_t *bytes, size_t size)
{
    const char *folder = getenv("INSP_SPOOL_CORPUS");
    char path[512];
    FILE *file;

    if (folder) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        file = fopen(path, "wb");
        CU_ASSERT_FATAL(file && fwrite("\0", 1, 1, file) == 1 &&
                        fwrite(bytes, 1, size, file) == size);
        fclose(file);
    }
}

static size_t
line_of(const struct insp_record *r, const struct insp_port *const ports[2],
        char *line)
{
    struct insp_put put = insp_put(line, INSP_JSON_LINE_MAX);

    CU_ASSERT(insp_json_put(&put, "s", r, ports));
    return insp_put_size(&put);
}

/* Any record comes back with the same line, in this process or the next.
 * Mutation: let queued() exchange the identities. */
static void
round_trip(uint32_t incarnation)
{
    enum {
        N = 3000
    };
    struct insp_record *records = calloc(N, sizeof *records);
    char *lines[2] = { malloc(INSP_JSON_LINE_MAX),
                       malloc(INSP_JSON_LINE_MAX) };
    const struct insp_spooled *back;
    struct insp_spool *s;
    uint64_t state = 99, number = 17, types = 0;
    unsigned int wrong = 0;

    begin();
    s = open_spool(5, 1 << 30);
    for (unsigned int i = 0; i < N; i++) {
        struct insp_queued item;

        some_record(&state, &records[i]);
        item = queued(&records[i]);
        number += i % 50 == 0;
        UNIT_EQ(insp_spool_append(s, &item, number++, clock_ns),
                INSP_SPOOL_KEPT);
        types |= UINT64_C(1) << records[i].type;
    }
    UNIT_EQ(types, (1 << INSP_N_RECORD_TYPES) - 1 - (1 << INSP_RECORD_PORT) -
                       (1 << INSP_RECORD_PORT_GONE));
    if (incarnation != 5) {
        insp_spool_close(s);
        s = open_spool(incarnation, 1 << 30);
        UNIT_EQ(counts_of(s).recovered, N);
    }
    number = 17;
    for (unsigned int i = 0; i < N; i++) {
        struct insp_queued item = queued(&records[i]);
        const struct insp_port *const ports[2] = {
            item.port[0] ? &item.port[0]->port : NULL,
            item.port[1] ? &item.port[1]->port : NULL,
        };
        const uint32_t *ids;
        size_t size;

        number += i % 50 == 0;
        back = insp_spool_peek(s);
        CU_ASSERT_PTR_NOT_NULL_FATAL(back);
        size = line_of(&records[i], ports, lines[0]);
        ids = insp_record_port_ids(&back->record);
        wrong += back->number != number++ || back->incarnation != 5 ||
                 size != line_of(&back->record, back->port, lines[1]) ||
                 memcmp(lines[0], lines[1], size) != 0;
        for (unsigned int j = 0; ids && j < 2; j++) {
            wrong += incarnation == 5
                         ? ids[j] != insp_record_port_ids(&records[i])[j]
                         : ids[j] && ids[j] < 0x80000000;
            wrong += back->port[j] && back->port[j]->id != ids[j];
        }
        insp_spool_pass(s);
    }
    UNIT_EQ(wrong, 0);
    CU_ASSERT_PTR_NULL(insp_spool_peek(s));
    UNIT_EQ(counts_of(s).passed, N);
    UNIT_EQ(insp_spool_finish(s, 6, 0, UINT64_MAX), 0);
    UNIT_EQ(insp_spool_finish(s, 5, 0, UINT64_MAX), N);
    CU_ASSERT(sums_hold(s));
    UNIT_EQ(counts_of(s).held, 0);
    UNIT_EQ(n_files(), 0);
    insp_spool_close(s);
    for (unsigned int i = 0; i < N; i++) {
        insp_record_uninit(&records[i]);
    }
    free(records);
    free(lines[0]);
    free(lines[1]);
    end();
}

static void
test_round_trip(void)
{
    round_trip(5);
}

static void
test_next_process(void)
{
    round_trip(6);
}

/* One record of every protocol's shape in a segment, for the corpus. */
static void
test_kinds(void)
{
    static uint8_t bytes[1 << 16];
    uint64_t state = 4, n = 0;
    struct insp_spool *s;
    char path[96];
    ssize_t size;
    int fd;

    begin();
    s = open_spool(3, 1 << 20);
    while (n < 12) {
        struct insp_record r;
        struct insp_queued item;

        some_record(&state, &r);
        item = queued(&r);
        UNIT_EQ(insp_spool_append(s, &item, ++n * 10, clock_ns),
                INSP_SPOOL_KEPT);
        insp_record_uninit(&r);
    }
    insp_spool_close(s);
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 1);
    fd = open(path, O_RDONLY);
    size = read(fd, bytes, sizeof bytes);
    close(fd);
    CU_ASSERT_FATAL(size > 0);
    keep("kinds", bytes, (size_t) size);
    s = open_spool(4, 1 << 20);
    for (n = 0; insp_spool_peek(s); n++) {
        insp_spool_pass(s);
    }
    UNIT_EQ(n, 12);
    insp_spool_close(s);
    end();
}

/* What has no line of its own is not taken. */
static void
test_unfit(void)
{
    struct insp_queued item = { .record = { .type = INSP_RECORD_PORT_GONE } };
    struct insp_spool *s;

    begin();
    s = open_spool(1, 1 << 20);
    UNIT_EQ(insp_spool_append(s, &item, 1, clock_ns), INSP_SPOOL_UNFIT);
    item.record.type = INSP_RECORD_PORT;
    UNIT_EQ(insp_spool_append(s, &item, 1, clock_ns), INSP_SPOOL_UNFIT);
    item.record.type = 200;
    UNIT_EQ(insp_spool_append(s, &item, 1, clock_ns), INSP_SPOOL_UNFIT);
    UNIT_EQ(counts_of(s).appended, 0);
    CU_ASSERT_PTR_NULL(insp_spool_peek(s));
    insp_spool_close(s);
    end();
}

/* Finished in any order; a rewind gives what is left, in order.
 * Mutation: let insp_spool_rewind() keep 'passed'. */
static void
test_rewind(void)
{
    struct insp_spool *s;
    const struct insp_spooled *item;
    uint64_t expected = 0;

    begin();
    s = open_spool(1, 1 << 24);
    for (uint64_t n = 1; n <= 5000; n++) {
        UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_KEPT);
    }
    for (unsigned int i = 0; i < 3000; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(insp_spool_peek(s));
        insp_spool_pass(s);
    }
    UNIT_EQ(counts_of(s).passed, 3000);
    UNIT_EQ(insp_spool_finish(s, 1, 2990, 20), 20); /* Ten not yet passed. */
    UNIT_EQ(insp_spool_finish(s, 1, 2990, 20), 0);
    UNIT_EQ(counts_of(s).passed, 2989);
    UNIT_EQ(insp_spool_finish(s, 1, 1, 100), 100);
    UNIT_EQ(insp_spool_finish(s, 1, 0, 0), 0);
    item = insp_spool_peek(s);
    UNIT_EQ(item ? item->number : 0, 3010);
    UNIT_EQ(insp_spool_finish(s, 1, 3010, 1), 1); /* That very one. */
    item = insp_spool_peek(s);
    UNIT_EQ(item ? item->number : 0, 3011);
    CU_ASSERT(sums_hold(s));
    insp_spool_rewind(s);
    UNIT_EQ(counts_of(s).passed, 0);
    for (expected = 101; (item = insp_spool_peek(s)); expected++) {
        expected += expected == 2990 ? 21 : 0;
        UNIT_EQ(item->number, expected);
        insp_spool_pass(s);
    }
    UNIT_EQ(expected, 5001);
    UNIT_EQ(append_ordinary(s, 5001), INSP_SPOOL_KEPT);
    CU_ASSERT(reads_back(s, 5001, 5001));
    UNIT_EQ(insp_spool_finish(s, 1, 0, 6000), 5001 - 121);
    UNIT_EQ(counts_of(s).held, 0);
    CU_ASSERT(sums_hold(s));
    insp_spool_close(s);
    end();
}

/* Written 500 ms after the first, synced a second after that. */
static void
test_policy(void)
{
    struct insp_spool *s;

    begin();
    s = open_spool(1, 1 << 24);
    UNIT_EQ(insp_spool_wait(s, clock_ns), UINT64_MAX);
    UNIT_EQ(append_ordinary(s, 1), INSP_SPOOL_KEPT);
    UNIT_EQ(insp_spool_wait(s, clock_ns), clock_ns + 500 * MS);
    clock_ns += 499 * MS;
    insp_spool_run(s, clock_ns);
    UNIT_EQ(n_files(), 0);
    clock_ns += MS;
    insp_spool_run(s, clock_ns);
    UNIT_EQ(n_files(), 1);
    n_syncs = 0;
    UNIT_EQ(insp_spool_wait(s, clock_ns), clock_ns + 1000 * MS);
    clock_ns += 999 * MS;
    insp_spool_run(s, clock_ns);
    UNIT_EQ(n_syncs, 0);
    clock_ns += MS;
    insp_spool_run(s, clock_ns);
    UNIT_EQ(n_syncs, 2); /* The file and its name. */
    UNIT_EQ(insp_spool_wait(s, clock_ns), UINT64_MAX);
    insp_spool_close(s);
    end();
}

/* A child appends and says how far it has flushed; killed at any moment, the
 * next process finds all of that, no more than was appended, and no half
 * record.
 * Mutation: let parse_at()'s caller take a block that is longer than its
 * file. */
static void
append_until_killed(int out)
{
    struct insp_spool *s;

    piece = 3000; /* More moments in the middle of a write. */
    if (try_open(&s, 1, 1 << 26)) {
        _exit(1);
    }
    for (uint64_t n = 1;; n++) {
        if (append_ordinary(s, n) != INSP_SPOOL_KEPT) {
            _exit(2);
        }
        if (n % 37 == 0 &&
            (!insp_spool_flush(s) || write(out, &n, sizeof n) < 0)) {
            _exit(3);
        }
    }
}

static void
test_kill(void)
{
    enum {
        ROUNDS = 220
    };
    uint64_t state = 5;
    unsigned int wrong = 0, torn = 0, none = 0;

    begin();
    for (unsigned int round = 0; round < ROUNDS && !wrong; round++) {
        uint64_t flushed = 0, n;
        struct insp_spool_counts c;
        struct insp_spool *s;
        char path[64];
        int pipes[2], status;
        pid_t child;

        CU_ASSERT_FATAL(!pipe(pipes));
        child = fork();
        if (!child) {
            close(pipes[0]);
            append_until_killed(pipes[1]);
        }
        close(pipes[1]);
        if (read(pipes[0], &flushed, sizeof flushed) < 0) {
            wrong++;
        }
        usleep((useconds_t) (some_random(&state) % 4000));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        wrong += !WIFSIGNALED(status);
        while (read(pipes[0], &n, sizeof n) == (ssize_t) sizeof n) {
            flushed = n;
        }
        close(pipes[0]);
        s = open_spool(2, 1 << 26);
        c = counts_of(s);
        torn += c.torn_bytes != 0;
        none += !flushed;
        wrong += c.recovered < flushed || c.damaged_blocks != 0;
        wrong += !reads_back(s, 1, c.recovered);
        wrong += insp_spool_finish(s, 1, 1, c.recovered) != c.recovered;
        wrong += !sums_hold(s) || counts_of(s).held != 0;
        wrong += n_files() != 0;
        insp_spool_close(s);
        snprintf(path, sizeof path, "%s/up", top);
        empty_folder(path);
    }
    UNIT_EQ(wrong, 0);
    CU_ASSERT(none < ROUNDS / 10);
    printf("# %u of %d kills tore a write\n", torn, ROUNDS);
    end();
}

/* A small segment: four blocks of ten records. */
static size_t
small_segment(uint8_t *bytes, size_t size, char path[96])
{
    struct insp_spool *s = open_spool(1, 1 << 24);
    ssize_t n;
    int fd;

    for (uint64_t number = 1; number <= 40; number++) {
        UNIT_EQ(append_ordinary(s, number), INSP_SPOOL_KEPT);
        if (number % 10 == 0) {
            CU_ASSERT(insp_spool_flush(s));
        }
    }
    insp_spool_close(s);
    snprintf(path, 96, "%s/up/%020d.ipfix", top, 1);
    fd = open(path, O_RDONLY);
    n = read(fd, bytes, size);
    close(fd);
    CU_ASSERT_FATAL(n > 0 && n < (ssize_t) size);
    return (size_t) n;
}

static void
store_segment(const char *path, const uint8_t *bytes, size_t size)
{
    char folder[64], watermark[96];
    int fd;

    snprintf(folder, sizeof folder, "%s/up", top);
    snprintf(watermark, sizeof watermark, "%s/watermark", folder);
    unlink(watermark);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, bytes, size) == (ssize_t) size);
    close(fd);
}

/* Cut anywhere, whole blocks are left. */
static void
test_truncated(void)
{
    static uint8_t bytes[1 << 16];
    size_t size, heads[6], n_heads = 0, step;
    struct insp_spool_head *head = malloc(sizeof *head);
    unsigned int wrong = 0;
    char path[96];

    begin();
    size = small_segment(bytes, sizeof bytes, path);
    for (size_t at = 0; at < size && n_heads < 6;) {
        size_t head_size = 0;

        UNIT_EQ(insp_spool_head_parse(bytes + at, size - at, head, &head_size),
                INSP_SPOOL_WHOLE);
        at += head_size + head->body_size;
        heads[n_heads++] = at;
    }
    UNIT_EQ(n_heads, 5);
    UNIT_EQ(heads[4], size);
    keep("blocks", bytes + heads[0], size - heads[0]);
    for (size_t cut = 0; cut <= size && !wrong; cut += step) {
        uint64_t whole = 0;
        struct insp_spool *s;

        for (size_t i = 1; i < 5; i++) {
            whole += heads[i] <= cut ? 10 : 0;
        }
        store_segment(path, bytes, cut);
        s = open_spool(2, 1 << 24);
        wrong += counts_of(s).recovered != whole;
        wrong += !reads_back(s, 1, whole) || !sums_hold(s);
        insp_spool_close(s);
        unlink(path);
        /* The types of elements are long, and all alike. */
        step = cut > 200 && cut + 200 < heads[0] ? 97 : 1;
    }
    UNIT_EQ(wrong, 0);
    free(head);
    end();
}

/* A flipped bit costs one block at most, is noticed, and is counted.
 * Mutation: do not compare the checksum in load(). */
static void
test_flipped(void)
{
    static uint8_t bytes[1 << 16];
    uint64_t state = 3;
    unsigned int wrong = 0, n_damaged = 0, n_lost = 0;
    size_t size;
    char path[96];

    begin();
    size = small_segment(bytes, sizeof bytes, path);
    for (unsigned int round = 0; round < 1500 && !wrong; round++) {
        size_t at = some_random(&state) % size;
        uint8_t bit = (uint8_t) (1 << some_random(&state) % 8);
        const struct insp_spooled *item;
        uint64_t n = 0, last = 0;
        struct insp_spool_counts c;
        struct insp_spool *s;

        bytes[at] ^= bit;
        store_segment(path, bytes, size);
        s = open_spool(2, 1 << 24);
        for (; (item = insp_spool_peek(s)); n++) {
            wrong += item->number <= last ||
                     item->record.conn.flow_id != item->number;
            last = item->number;
            insp_spool_pass(s);
        }
        c = counts_of(s);
        wrong += (n != 40 && n != 30) || !sums_hold(s);
        wrong += n == 30 && !c.damaged_blocks && !c.torn_bytes;
        n_damaged += n != 40;
        n_lost += c.dropped == 10;
        insp_spool_close(s);
        unlink(path);
        bytes[at] ^= bit;
    }
    UNIT_EQ(wrong, 0);
    CU_ASSERT(n_damaged > 100 && n_lost > 100);
    end();
}

/* Damage in the middle of two blocks, and what is told of it. */
static void
test_damaged(void)
{
    static uint8_t bytes[1 << 16];
    struct insp_record_loss loss;
    uint32_t inspector, incarnation;
    uint64_t first, count;
    struct insp_spool_head *head = malloc(sizeof *head);
    struct insp_spool *s;
    const struct insp_spooled *item;
    size_t size, at = 0, n;
    char path[96];

    begin();
    size = small_segment(bytes, sizeof bytes, path);
    keep("connections", bytes, size);
    bytes[size - 10] ^= 1;
    store_segment(path, bytes, size);
    s = open_spool(2, 1 << 24);
    UNIT_EQ(counts_of(s).recovered, 40);
    CU_ASSERT(reads_back(s, 1, 30));
    UNIT_EQ(counts_of(s).dropped_damaged, 10);
    UNIT_EQ(counts_of(s).damaged_blocks, 1);
    CU_ASSERT(insp_spool_next_lost(s, &incarnation, &first, &count));
    UNIT_EQ(incarnation, 1);
    UNIT_EQ(first, 31);
    UNIT_EQ(count, 10);
    CU_ASSERT(!insp_spool_next_lost(s, &incarnation, &first, &count));
    CU_ASSERT(insp_spool_next_loss(s, &inspector, &loss));
    UNIT_EQ(inspector, 1);
    UNIT_EQ(loss.records, 10);
    UNIT_EQ(loss.packets, 90);
    UNIT_EQ(loss.bytes, 45000);
    CU_ASSERT(!insp_spool_next_loss(s, &inspector, &loss));
    insp_spool_close(s);

    /* Zeros over the end of the second block and the head of the third. */
    unlink(path);
    bytes[size - 10] ^= 1;
    for (unsigned int i = 0; i < 3; i++) {
        UNIT_EQ(insp_spool_head_parse(bytes + at, size - at, head, &n),
                INSP_SPOOL_WHOLE);
        at += n + head->body_size;
    }
    memset(bytes + at - 50, 0, 100);
    store_segment(path, bytes, size);
    s = open_spool(2, 1 << 24);
    UNIT_EQ(counts_of(s).recovered, 30);
    UNIT_EQ(counts_of(s).damaged_blocks, 1);
    for (count = 0; (item = insp_spool_peek(s)); count++) {
        UNIT_EQ(item->number, count < 10 ? count + 1 : count + 21);
        insp_spool_pass(s);
    }
    UNIT_EQ(count, 20);
    UNIT_EQ(counts_of(s).damaged_blocks, 2);
    UNIT_EQ(counts_of(s).dropped_damaged, 10);
    CU_ASSERT(sums_hold(s));
    insp_spool_close(s);
    keep("damaged", bytes, size);
    free(head);
    end();
}

/* A full disk: kept whole in memory, said, readable, and it goes on.
 * Mutation: let write_sealed() forget the block when it fails. */
static void
test_full(void)
{
    uint64_t n = 1, kept = 0, said = 0;
    struct insp_spool *s;

    begin();
    s = open_spool(1, 1 << 26);
    left = 700000;
    while (n < 100000) {
        if (append_ordinary(s, n) != INSP_SPOOL_KEPT) {
            said = n;
            break;
        }
        n++;
    }
    CU_ASSERT(said > 0);
    CU_ASSERT(strstr(insp_spool_error(s), "No space left on device") != NULL);
    CU_ASSERT(!insp_spool_flush(s));
    kept = n - 1;
    UNIT_EQ(counts_of(s).appended, kept);
    UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_NO_ROOM);
    CU_ASSERT(reads_back(s, 1, kept)); /* Memory included. */
    CU_ASSERT(sums_hold(s));
    left = UINT64_MAX;
    UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_NO_ROOM); /* Not tried yet. */
    clock_ns += 1001 * MS;
    insp_spool_run(s, clock_ns);
    UNIT_STR_EQ(insp_spool_error(s), "");
    for (; n < kept + 3000; n++) {
        UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_KEPT);
    }
    insp_spool_rewind(s);
    CU_ASSERT(reads_back(s, 1, n - 1));
    insp_spool_close(s);
    s = open_spool(2, 1 << 26);
    UNIT_EQ(counts_of(s).recovered, n - 1);
    UNIT_EQ(counts_of(s).damaged_blocks, 0);
    CU_ASSERT(reads_back(s, 1, n - 1));

    /* Not even a file can be begun; the oldest makes room. */
    left = 0;
    for (n = 1; append_ordinary(s, n) == INSP_SPOOL_KEPT; n++) {
        continue;
    }
    CU_ASSERT(n > 100);
    CU_ASSERT(insp_spool_drop_oldest(s));
    left = UINT64_MAX;
    clock_ns += 1001 * MS;
    UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_KEPT);
    CU_ASSERT(sums_hold(s));
    insp_spool_close(s);
    end();
}

/* The same with the kernel's own answers. */
static int
fill_small_disk(bool is_mounted)
{
    struct insp_spool_config config = { .dir = top,
                                        .uplink = "up",
                                        .sensor = "s",
                                        .max_bytes = 1 << 26,
                                        .incarnation = 1 };
    uint64_t n = 1, kept;
    struct insp_spool *s;

    if (is_mounted && (unshare(CLONE_NEWNS) ||
                       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
                       mount("none", top, "tmpfs", 0, "size=2m"))) {
        return 77;
    } else if (!is_mounted) {
        struct rlimit most = { 1000000, 1000000 };

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &most);
    }
    if (insp_spool_open(&host, &config, &s, why, sizeof why)) {
        return 1;
    }
    while (append_ordinary(s, n) == INSP_SPOOL_KEPT) {
        n++;
    }
    kept = n - 1;
    if (!insp_spool_error(s)[0] || !reads_back(s, 1, kept) || !sums_hold(s)) {
        return 2;
    }
    insp_spool_finish(s, 1, 1, kept);
    clock_ns += 1001 * MS;
    for (; n <= kept + 2000; n++) {
        if (append_ordinary(s, n) != INSP_SPOOL_KEPT) {
            return 3;
        }
    }
    return insp_spool_flush(s) && reads_back(s, kept + 1, n - 1) ? 0 : 4;
}

static void
small_disk(bool is_mounted)
{
    int status = 0;
    pid_t child;

    begin();
    child = fork();
    if (!child) {
        _exit(fill_small_disk(is_mounted));
    }
    waitpid(child, &status, 0);
    CU_ASSERT(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        unit_skip("may not mount a file system");
    } else {
        UNIT_EQ(WEXITSTATUS(status), 0);
    }
    end();
}

static void
test_full_tmpfs(void)
{
    small_disk(true);
}

static void
test_full_rlimit(void)
{
    small_disk(false);
}

/* The bound holds; what goes is the oldest, counted to the packet.
 * Mutation: drop the newest segment. */
static void
test_limit(void)
{
    uint64_t lost = 0, next = 1, first, count, max = 1 << 20;
    struct insp_record_loss loss;
    uint32_t inspector, incarnation;
    struct insp_spool_counts c;
    struct insp_spool *s;

    begin();
    s = open_spool(1, max);
    for (uint64_t n = 1; n <= 20000; n++) {
        UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_KEPT);
        if (n % 100 == 0) {
            c = counts_of(s);
            CU_ASSERT(c.bytes <= max + (300 << 10));
            CU_ASSERT(sums_hold(s));
        }
        if (n == 9000) {
            insp_spool_peek(s); /* In the middle of what will go. */
        }
    }
    CU_ASSERT(insp_spool_flush(s));
    c = counts_of(s);
    CU_ASSERT(c.bytes <= max && c.bytes > max / 2);
    CU_ASSERT(c.dropped_full > 5000 && c.dropped == c.dropped_full);
    while (insp_spool_next_lost(s, &incarnation, &first, &count)) {
        UNIT_EQ(first, next);
        next += count;
        lost += count;
    }
    UNIT_EQ(lost, c.dropped);
    CU_ASSERT(insp_spool_next_loss(s, &inspector, &loss));
    UNIT_EQ(loss.records, c.dropped);
    UNIT_EQ(loss.packets, 9 * c.dropped);
    UNIT_EQ(loss.bytes, 4500 * c.dropped);
    CU_ASSERT(reads_back(s, c.dropped + 1, 20000));
    UNIT_EQ(counts_of(s).passed, c.held);

    /* Dropped while they are on their way. */
    insp_spool_set_limit(s, 1);
    CU_ASSERT(insp_spool_drop_oldest(s));
    CU_ASSERT(sums_hold(s));
    UNIT_EQ(counts_of(s).passed, counts_of(s).held);
    while (insp_spool_drop_oldest(s)) {
        continue;
    }
    UNIT_EQ(counts_of(s).held, 0);
    UNIT_EQ(counts_of(s).passed, 0);
    CU_ASSERT(sums_hold(s));
    UNIT_EQ(n_files(), 0);
    insp_spool_close(s);
    end();
}

/* What is on its way is not dropped as long as anything else can be.
 * Mutation: let oldest_at_rest() return s->oldest. */
static void
test_limit_on_the_way(void)
{
    uint64_t first, count, least = UINT64_MAX;
    uint32_t incarnation;
    struct insp_spool *s;

    begin();
    s = open_spool(1, 1 << 20);
    for (uint64_t n = 1; n <= 20000; n++) {
        UNIT_EQ(append_ordinary(s, n), INSP_SPOOL_KEPT);
        if (n <= 10) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(insp_spool_peek(s));
            insp_spool_pass(s);
        }
    }
    CU_ASSERT(counts_of(s).dropped_full > 5000);
    while (insp_spool_next_lost(s, &incarnation, &first, &count)) {
        least = INSP_MIN(least, first);
    }
    CU_ASSERT(least > 10);
    UNIT_EQ(insp_spool_finish(s, 1, 1, 10), 10);
    CU_ASSERT(sums_hold(s));
    insp_spool_rewind(s);
    CU_ASSERT(insp_spool_peek(s)->number > 10);
    insp_spool_close(s);
    end();
}

/* One process a folder. */
static void
test_lock(void)
{
    struct insp_spool *a, *b;

    begin();
    a = open_spool(1, 1 << 20);
    UNIT_EQ(try_open(&b, 2, 1 << 20), EWOULDBLOCK);
    CU_ASSERT(strstr(why, "in use by another process") != NULL);
    insp_spool_close(a);
    b = open_spool(2, 1 << 20);
    insp_spool_close(b);
    end();
}

static void
try_place(const char *dir, const char *uplink, const char *sentence)
{
    struct insp_spool_config config = {
        .dir = dir, .uplink = uplink, .sensor = "s", .max_bytes = 1 << 20
    };
    struct insp_spool *s;

    why[0] = '\0';
    if (!insp_spool_open(&host, &config, &s, why, sizeof why)) {
        insp_spool_close(s);
    }
    if (!strstr(why, sentence) || (!sentence[0] && why[0])) {
        UNIT_STR_EQ(why, sentence);
    }
}

/* Nothing outside of the folder is touched, and nothing in it that is not a
 * file of ours. */
static void
test_places(void)
{
    char path[128], outside[128];
    struct insp_spool *s;
    struct stat st;
    int fd;

    begin();
    snprintf(outside, sizeof outside, "%s/outside", top);
    CU_ASSERT(!mkdir(outside, 0700));
    snprintf(path, sizeof path, "%s/linked", top);
    CU_ASSERT(!symlink(outside, path));
    try_place(top, "linked", "is no folder, or a link");
    snprintf(path, sizeof path, "%s/file", top);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    try_place(top, "file", "is no folder, or a link");
    try_place(path, "up", "Not a directory");
    try_place("/nowhere/at/all", "up",
              "spool_dir '/nowhere/at/all': No such file or directory");
    try_place(top, "", "name");
    try_place(top, "../a/b", "");
    snprintf(path, sizeof path, "%s/%%2E.%%2Fa%%2Fb", top);
    CU_ASSERT(!stat(path, &st));
    UNIT_EQ(st.st_mode & 0777, 0700);
    if (geteuid()) {
        CU_ASSERT(!chmod(path, 0500));
        try_place(top, "../a/b", "cannot be written");
        CU_ASSERT(!chmod(path, 0700));
    } else {
        CU_ASSERT(!chown(path, 12345, 12345));
        try_place(top, "../a/b", "belongs to user 12345");
    }

    snprintf(path, sizeof path, "%s/up", top);
    CU_ASSERT(!mkdir(path, 0755));
    snprintf(outside, sizeof outside, "%s/outside/secret", top);
    fd = open(outside, O_WRONLY | O_CREAT, 0600);
    CU_ASSERT(write(fd, "secret", 6) == 6);
    close(fd);
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 4);
    CU_ASSERT(!symlink(outside, path));
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 5);
    CU_ASSERT(!mkfifo(path, 0600));
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 6);
    CU_ASSERT(!mkdir(path, 0700));
    s = open_spool(1, 1 << 20);
    UNIT_EQ(counts_of(s).alien_segments, 3); /* Link, pipe, folder. */
    UNIT_EQ(append_ordinary(s, 1), INSP_SPOOL_KEPT);
    CU_ASSERT(insp_spool_flush(s));
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 7);
    CU_ASSERT(!stat(path, &st));
    UNIT_EQ(st.st_mode & 07777, 0600);
    snprintf(path, sizeof path, "%s/up", top);
    CU_ASSERT(!stat(path, &st));
    UNIT_EQ(st.st_mode & 07777, 0700);
    insp_spool_close(s);
    CU_ASSERT(!stat(outside, &st));
    UNIT_EQ(st.st_size, 6);

    /* A watermark that is a link is refused. */
    snprintf(path, sizeof path, "%s/up/watermark", top);
    CU_ASSERT(!unlink(path));
    CU_ASSERT(!symlink(outside, path));
    CU_ASSERT(try_open(&s, 1, 1 << 20) != 0);
    CU_ASSERT(strstr(why, "watermark") != NULL);
    end();
}

static void
seal_head(uint8_t *head)
{
    size_t size = (size_t) (head[2] << 8 | head[3]);
    uint32_t crc = insp_crc32c(0, head, size - 4);

    for (unsigned int i = 0; i < 4; i++) {
        head[size - 1 - i] = (uint8_t) (crc >> 8 * i);
    }
}

/* A version that is not ours stays as it is. */
static void
test_alien(void)
{
    static uint8_t bytes[1 << 16];
    struct insp_spool *s;
    struct stat st;
    size_t size;
    char path[96];

    begin();
    size = small_segment(bytes, sizeof bytes, path);
    UNIT_EQ(bytes[39 + 5], INSP_SPOOL_VERSION);
    bytes[39 + 5] = INSP_SPOOL_VERSION + 1;
    seal_head(bytes);
    store_segment(path, bytes, size);
    s = open_spool(2, 1 << 20);
    UNIT_EQ(counts_of(s).alien_segments, 1);
    UNIT_EQ(counts_of(s).alien_bytes, size);
    UNIT_EQ(counts_of(s).recovered, 0);
    CU_ASSERT(strstr(insp_spool_error(s), "another version") != NULL);
    UNIT_EQ(append_ordinary(s, 1), INSP_SPOOL_KEPT);
    CU_ASSERT(reads_back(s, 1, 1));
    insp_spool_close(s);
    CU_ASSERT(!stat(path, &st));
    UNIT_EQ(st.st_size, size);
    end();
}

/* A record type of a newer build costs itself, and shifts no number.
 * Mutation: leave out skip_unknown(). */
static void
test_newer(void)
{
    static uint8_t bytes[1 << 16];
    const struct insp_shape *sensor = &insp_shapes[INSP_SHAPE_SENSOR];
    const uint64_t expected[] = { 1, 3, 4, 6 };
    const struct insp_spooled *item;
    struct insp_spool_head *head = malloc(sizeof *head);
    size_t size, at = 0, head_size = 0, n = 0;
    struct insp_spool *s;
    struct insp_queued q;
    char path[96];
    int fd;

    begin();
    s = open_spool(1, 1 << 20);
    for (uint64_t number = 1; number <= 7; number++) {
        struct insp_record r;

        some_ordinary(&r, number);
        if (number == 2 || number == 5 || number == 7) {
            memset(&r, 0, sizeof r);
            r.type = INSP_RECORD_SENSOR;
            r.inspector = number == 5 ? 2 : 1;
        }
        q = queued(&r);
        UNIT_EQ(insp_spool_append(s, &q, number, clock_ns), INSP_SPOOL_KEPT);
    }
    insp_spool_close(s);
    snprintf(path, sizeof path, "%s/up/%020d.ipfix", top, 1);
    fd = open(path, O_RDONLY);
    size = (size_t) read(fd, bytes, sizeof bytes);
    close(fd);
    UNIT_EQ(insp_spool_head_parse(bytes, size, head, &head_size),
            INSP_SPOOL_WHOLE);
    at = head_size + head->body_size;
    UNIT_EQ(insp_spool_head_parse(bytes + at, size - at, head, &head_size),
            INSP_SPOOL_WHOLE);
    for (size_t i = at + head_size; i + 8 < size; i++) {
        uint8_t spec[2] = { (uint8_t) (0x80 | sensor->mark_id >> 8),
                            (uint8_t) sensor->mark_id };

        if (!memcmp(bytes + i, spec, 2) && !bytes[i + 2] &&
            bytes[i + 6] == (INSP_PEN >> 8 & 0xff) &&
            bytes[i + 7] == (INSP_PEN & 0xff)) {
            bytes[i] = 0xbf;
            n++;
        }
    }
    UNIT_EQ(n, 2); /* Two inspectors. */
    head->body_crc = insp_crc32c(0, bytes + at + head_size, head->body_size);
    for (unsigned int i = 0; i < 4; i++) {
        bytes[at + 39 + 12 + i] = (uint8_t) (head->body_crc >> (24 - 8 * i));
    }
    seal_head(bytes + at);
    store_segment(path, bytes, size);
    keep("newer", bytes, size);
    s = open_spool(2, 1 << 20);
    UNIT_EQ(counts_of(s).recovered, 7);
    for (n = 0; (item = insp_spool_peek(s)) && n < 5; n++) {
        UNIT_EQ(item->number, expected[n % 4]);
        UNIT_EQ(item->record.conn.flow_id, item->number);
        insp_spool_pass(s);
    }
    UNIT_EQ(n, 4);
    UNIT_EQ(counts_of(s).dropped_damaged, 3);
    CU_ASSERT(sums_hold(s));
    insp_spool_close(s);
    free(head);
    end();
}

/* The next process goes on where the last one stored that it was.
 * Mutation: let position() leave out the record. */
static void
test_mark(void)
{
    struct insp_watermark_values mark = { .incarnation = 1,
                                          .produced = 5000,
                                          .acknowledged = 1234,
                                          .report_ns = 77 };
    const struct insp_watermark_values *previous;
    struct insp_spool *s;
    pid_t child;
    int status;

    begin();
    child = fork();
    if (!child) {
        s = open_spool(1, 1 << 24);
        for (uint64_t n = 1; n <= 5000; n++) {
            if (append_ordinary(s, n)) {
                _exit(1);
            }
        }
        if (!insp_spool_flush(s) || !reads_back(s, 1, 5000) ||
            insp_spool_finish(s, 1, 1, 1234) != 1234 ||
            insp_spool_finish(s, 1, 2000, 10) != 10) {
            _exit(2);
        }
        insp_spool_mark(s, &mark);
        _exit(0); /* Not closed. */
    }
    waitpid(child, &status, 0);
    UNIT_EQ(WEXITSTATUS(status), 0);
    s = open_spool(2, 1 << 24);
    previous = insp_spool_previous(s);
    UNIT_EQ(previous->incarnation, 1);
    UNIT_EQ(previous->produced, 5000);
    UNIT_EQ(previous->acknowledged, 1234);
    UNIT_EQ(previous->report_ns, 77);
    UNIT_EQ(previous->time_ns, clock_ns);
    UNIT_EQ(counts_of(s).recovered, 5000 - 1234);
    UNIT_EQ(counts_of(s).again, 10);
    CU_ASSERT(reads_back(s, 1235, 5000));
    UNIT_EQ(insp_spool_finish(s, 1, 1, 5000), 5000 - 1234);
    mark.incarnation = 2;
    insp_spool_mark(s, &mark);
    UNIT_EQ(append_ordinary(s, 1), INSP_SPOOL_KEPT);
    insp_spool_close(s);
    s = open_spool(3, 1 << 24);
    UNIT_EQ(insp_spool_previous(s)->incarnation, 2);
    UNIT_EQ(counts_of(s).recovered, 1);
    UNIT_EQ(counts_of(s).again, 0);
    insp_spool_close(s);
    end();
}

/* A slot that is torn or damaged in any byte leaves the one before it. */
static void
test_watermark(void)
{
    struct insp_watermark_values v = { .incarnation = 9 }, last;
    uint8_t slot[INSP_WATERMARK_SLOT];
    struct insp_watermark w;
    uint64_t generation;
    unsigned int wrong = 0;
    int folder;

    begin();
    folder = open(top, O_RDONLY | O_DIRECTORY);
    CU_ASSERT(!insp_watermark_open(&w, folder, "w", &last));
    UNIT_EQ(last.incarnation, 0);
    for (v.produced = 1; v.produced <= 7; v.produced++) {
        v.dropped = UINT64_MAX - v.produced;
        v.position.record = (uint32_t) v.produced;
        CU_ASSERT(!insp_watermark_store(&w, &v));
    }
    insp_watermark_close(&w);
    CU_ASSERT(insp_watermark_store(&w, &v) != 0);
    CU_ASSERT(!insp_watermark_open(&w, folder, "w", &last));
    UNIT_EQ(last.produced, 7);
    UNIT_EQ(last.dropped, UINT64_MAX - 7);
    UNIT_EQ(last.position.record, 7);
    CU_ASSERT(pread(w.fd, slot, sizeof slot, INSP_WATERMARK_SLOT) ==
              INSP_WATERMARK_SLOT);
    for (unsigned int i = 0; i < INSP_WATERMARK_SLOT; i++) {
        slot[i] ^= 4;
        wrong += insp_watermark_parse(slot, &generation, &v);
        slot[i] ^= 4;
    }
    UNIT_EQ(wrong, 0);
    CU_ASSERT(insp_watermark_parse(slot, &generation, &v));
    UNIT_EQ(generation, 7);
    memset(slot + 50, 0, 50);
    CU_ASSERT(pwrite(w.fd, slot, sizeof slot, INSP_WATERMARK_SLOT) > 0);
    insp_watermark_close(&w);
    CU_ASSERT(!insp_watermark_open(&w, folder, "w", &last));
    UNIT_EQ(last.produced, 6);
    insp_watermark_close(&w);
    close(folder);
    end();
}

/* RFC 3720, appendix B.4, and every way to cut it. */
static void
test_crc(void)
{
    uint8_t bytes[32] = { 0 };

    UNIT_EQ(insp_crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    UNIT_EQ(insp_crc32c(0, bytes, 32), 0x62a8ab43);
    for (unsigned int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t) i;
    }
    UNIT_EQ(insp_crc32c(0, bytes, 32), 0x46dd794e);
    UNIT_EQ(insp_crc32c(0, "123456789", 9), 0xe3069283);
    for (unsigned int i = 0; i <= 32; i++) {
        UNIT_EQ(insp_crc32c(insp_crc32c(0, bytes, i), bytes + i, 32 - i),
                0x46dd794e);
    }
}

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Anything in any order: random calls, sums checked after each. */
static void
test_random_walk(void)
{
    enum {
        STEPS = 6000
    };
    struct insp_watermark_values mark = { .incarnation = 1 };
    uint64_t state = 77, number = 1, got = 0, held;
    uint32_t incarnation = 1;
    struct insp_spool *s;
    unsigned int wrong = 0;

    begin();
    s = open_spool(incarnation, 1 << 20);
    for (unsigned int i = 0; i < STEPS && !wrong; i++) {
        uint64_t n = some_random(&state) % 60;
        const struct insp_spooled *item;

        switch (some_random(&state) % 12) {
        case 0: left = some_random(&state) % 200000; break;
        case 1: left = UINT64_MAX; break;
        case 2: insp_spool_rewind(s); break;
        case 3: (void) insp_spool_flush(s); break;
        case 4:
            insp_spool_mark(s, &mark);
            held = counts_of(s).appended + counts_of(s).recovered;
            if (some_random(&state) % 20 == 0) {
                insp_spool_close(s);
                s = open_spool(++incarnation, 1 << 20);
                wrong += insp_spool_previous(s)->beyond > held ||
                         counts_of(s).again > held;
                number = 1;
            }
            break;
        case 5:
            clock_ns += some_random(&state) % 2000 * MS;
            insp_spool_run(s, clock_ns);
            break;
        case 6:
            (void) insp_spool_finish(s, incarnation - (uint32_t) (n % 2),
                                     some_random(&state) % (number + 1), n);
            break;
        case 7:
        case 8:
            while (n-- && (item = insp_spool_peek(s))) {
                wrong += item->record.conn.flow_id != item->number;
                got++;
                if (n % 3 == 0) {
                    insp_spool_finish(s, item->incarnation, item->number, 1);
                } else {
                    insp_spool_pass(s);
                }
            }
            break;
        default:
            for (n *= 10; n--; number++) {
                if (append_ordinary(s, number) != INSP_SPOOL_KEPT) {
                    break;
                }
            }
            break;
        }
        wrong += !sums_hold(s);
    }
    UNIT_EQ(wrong, 0);
    CU_ASSERT(got > 1000);
    left = UINT64_MAX;
    insp_spool_close(s);
    end();
}

static void
test_speed(void)
{
    enum {
        N = 100000
    };
    double t[3];
    struct insp_spool *s;
    struct insp_spool_counts c;

    begin();
    s = open_spool(1, 1 << 30);
    t[0] = seconds();
    for (uint64_t n = 1; n <= N; n++) {
        (void) !append_ordinary(s, n);
    }
    (void) insp_spool_flush(s);
    t[1] = seconds();
    c = counts_of(s);
    CU_ASSERT(reads_back(s, 1, N));
    t[2] = seconds();
    printf("# append %.0f records/s, read %.0f records/s, %.1f bytes a "
           "record\n",
           N / (t[1] - t[0]), N / (t[2] - t[1]), (double) c.bytes / N);
    CU_ASSERT(c.bytes < 300ULL * N);
    insp_spool_close(s);
    end();
}

UNIT_MAIN("spool", UNIT_TEST(test_crc), UNIT_TEST(test_watermark),
          UNIT_TEST(test_round_trip), UNIT_TEST(test_next_process),
          UNIT_TEST(test_kinds), UNIT_TEST(test_unfit), UNIT_TEST(test_rewind),
          UNIT_TEST(test_policy), UNIT_TEST(test_kill),
          UNIT_TEST(test_truncated), UNIT_TEST(test_flipped),
          UNIT_TEST(test_damaged), UNIT_TEST(test_full),
          UNIT_TEST(test_full_tmpfs), UNIT_TEST(test_full_rlimit),
          UNIT_TEST(test_limit), UNIT_TEST(test_limit_on_the_way),
          UNIT_TEST(test_lock), UNIT_TEST(test_places), UNIT_TEST(test_alien),
          UNIT_TEST(test_newer), UNIT_TEST(test_mark),
          UNIT_TEST(test_random_walk), UNIT_TEST(test_speed))
