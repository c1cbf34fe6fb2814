/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The collector's journal in a folder of its own: what was said to be durable
 * must be known again, whatever happened to the file behind it: cut at every
 * byte, written over, a process killed with -9, a disk that was full.  The set
 * of numbers is compared with an array of flags.
 *
 * Mutations that must make it fail: have_written() in commit() although
 * write_at() has failed; collector_journal_begin_file() without the bytes of
 * memory; read_block() that does not look at the checksum;
 * collector_intervals_add() that swallows one run too few. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/journal-private.h"
#include "unit.h"

#define MAX_BYTES COLLECTOR_JOURNAL_MIN

static char folder[64];
static int64_t now;

/* A folder of its own for each test. */
static void
make_folder(void)
{
    /* Thousands of times to a disk would take minutes. */
    snprintf(folder, sizeof folder, "%s/test-journal.XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void
remove_folder(void)
{
    DIR *d = opendir(folder);
    struct dirent *entry;

    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    while ((entry = readdir(d))) {
        unlinkat(dirfd(d), entry->d_name, 0);
    }
    closedir(d);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static struct collector_journal *
reopen_with(uint64_t max_bytes)
{
    char why[512] = "";
    struct collector_journal *j =
        collector_journal_open(folder, max_bytes, why, sizeof why);

    UNIT_STR_EQ(why, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(j);
    return j;
}

static struct collector_journal *
reopen(void)
{
    return reopen_with(MAX_BYTES);
}

static struct collector_stream *
stream_of(struct collector_journal *j, const char *sensor)
{
    return collector_streams_get(collector_journal_streams(j), sensor, "soc",
                                 7);
}

/* Takes the record and writes its line, 'size' bytes long, as a peer does. */
static void
put_line(struct collector_journal *j, const char *sensor, uint64_t number,
         int size)
{
    struct collector_stream *s = stream_of(j, sensor);
    struct insp_put put;
    char line[4096];

    snprintf(line, sizeof line, "{\"s\":\"%s\",\"n\":%llu,\"pad\":\"%*s\"}\n",
             sensor, (unsigned long long) number, size, "");
    UNIT_EQ(collector_stream_take(s, number), 0);
    put = collector_journal_begin(j, sensor, s, number);
    insp_put_text(&put, line);
    collector_journal_commit(j, &put);
}

static bool
has(struct collector_journal *j, const char *sensor, uint64_t number)
{
    return collector_stream_has(stream_of(j, sensor), number);
}

/* How many lines all files have, and that every one is of a record once. */
static unsigned int
count_lines(struct collector_journal *j, const char *sensor)
{
    static uint8_t seen[65536];
    unsigned int n = 0;

    memset(seen, 0, sizeof seen);
    for (uint64_t f = collector_journal_oldest(j);
         f <= collector_journal_newest(j); f++) {
        uint64_t limit;
        int fd = collector_journal_open_file(j, f, &limit);
        struct collector_reader r;
        struct collector_block b;

        CU_ASSERT_FATAL(fd >= 0 && collector_reader_init(&r, fd, limit));
        while (collector_reader_next(&r, &b)) {
            const uint8_t *at = r.lines, *end = r.lines + b.bytes;

            if (b.kind != COLLECTOR_RECORDS || strcmp(b.sensor, sensor)) {
                continue;
            }
            for (uint64_t i = 0; at < end; i++, n++) {
                uint64_t number = b.numbers[0] + i;
                char wanted[64];

                snprintf(wanted, sizeof wanted, "{\"s\":\"%s\",\"n\":%llu,",
                         sensor, (unsigned long long) number);
                CU_ASSERT(!memcmp(at, wanted, strlen(wanted)));
                CU_ASSERT(!seen[number % sizeof seen]++);
                at = (const uint8_t *) memchr(at, '\n', (size_t) (end - at)) +
                     1;
            }
        }
        UNIT_EQ(r.next, limit);
        collector_reader_uninit(&r);
        close(fd);
    }
    return n;
}

/* Numbers. */

static void
test_intervals_are_a_set(void)
{
    enum {
        N = 200
    };

    srand(1);
    for (int round = 0; round < 300; round++) {
        struct collector_intervals set = { .n = 0 };
        bool model[N + 1] = { false };

        for (int i = 0; i < 60; i++) {
            uint64_t first = 1 + (uint64_t) rand() % (N - 20);
            uint64_t end = first + 1 + (uint64_t) rand() % (i % 3 ? 2 : 20);
            uint64_t fresh, wanted = 0;
            size_t runs = 0;

            UNIT_EQ(collector_intervals_add(&set, N, first, end, &fresh), 0);
            CU_ASSERT(set.allocated <= 4 * (set.n + 1));
            for (uint64_t n = first; n < end; n++) {
                wanted += !model[n];
                model[n] = true;
            }
            UNIT_EQ(fresh, wanted);
            for (uint64_t n = 1; n < N; n++) {
                CU_ASSERT(collector_intervals_has(&set, n) == model[n]);
                runs += model[n] && !model[n - 1];
            }
            UNIT_EQ(set.n, runs);
        }
        collector_intervals_uninit(&set);
    }
}

/* Mutations: a make_room() that does not look at 'most' while there is room,
 * a give_back() that does nothing. */
static void
test_intervals_are_bounded(void)
{
    const size_t most = 5000; /* No power of two. */
    struct collector_intervals set = { .n = 0 };
    uint64_t fresh, n;

    for (n = 0; n < most; n++) {
        CU_ASSERT_EQUAL(collector_intervals_add(&set, most, 2 * n + 2,
                                                2 * n + 3, &fresh),
                        0);
    }
    UNIT_EQ(collector_intervals_add(&set, most, 2 * n + 2, 2 * n + 3, &fresh),
            ENOSPC);
    UNIT_EQ(set.n, most);
    CU_ASSERT_FALSE(collector_intervals_has(&set, 2 * n + 2));
    /* What closes a gap has room, and the largest number, too. */
    UNIT_EQ(collector_intervals_add(&set, most, 3, 4, &fresh), 0);
    UNIT_EQ(fresh, 1);
    UNIT_EQ(collector_intervals_add(&set, most, UINT64_MAX - 1, UINT64_MAX,
                                    &fresh),
            0);
    UNIT_EQ(collector_intervals_add(&set, most, 1, UINT64_MAX, &fresh), 0);
    UNIT_EQ(set.n, 1);
    CU_ASSERT(set.allocated <= 4);
    collector_intervals_uninit(&set);
}

static void
test_streams_count(void)
{
    struct collector_streams *all = collector_streams_create();
    struct collector_stream *s = collector_streams_get(all, "a", "u", 1);
    size_t gaps;

    UNIT_EQ(collector_stream_take(s, 1), 0);
    UNIT_EQ(collector_stream_take(s, 5), 0);
    UNIT_EQ(collector_stream_take(s, 9), 0);
    UNIT_EQ(collector_stream_outstanding(s, &gaps), 6);
    UNIT_EQ(gaps, 2);
    /* 5 is here: a sensor that has not heard of it may call it lost. */
    UNIT_EQ(collector_stream_lose(s, 4, 7), 0);
    UNIT_EQ(s->lost, 2);
    UNIT_EQ(collector_stream_raise(s, 9), 0);
    UNIT_EQ(s->missing, 4); /* 2, 3, 7 and 8. */
    UNIT_EQ(s->records + s->lost + s->missing, 9);
    UNIT_EQ(collector_stream_outstanding(s, &gaps), 0);
    UNIT_EQ(collector_stream_raise(s, 3), 0);
    UNIT_EQ(s->floor, 9);
    CU_ASSERT_TRUE(collector_stream_has(s, 2));
    CU_ASSERT_FALSE(collector_stream_has(s, 10));
    collector_streams_destroy(all);
}

static void
test_streams_are_bounded(void)
{
    struct collector_streams *all = collector_streams_create();

    UNIT_EQ(collector_stream_take(collector_streams_get(all, "b", "u", 1), 1),
            0);
    for (uint32_t i = 1; i <= 200; i++) {
        CU_ASSERT_PTR_NOT_NULL(collector_streams_get(all, "a", "u", i));
        /* In use all the time, so it stays. */
        CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "a", "u", 1));
    }
    UNIT_EQ(collector_streams_count(all), COLLECTOR_INCARNATIONS_MAX + 1);
    CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "a", "u", 200));
    CU_ASSERT_PTR_NULL(collector_streams_find(all, "a", "u", 2));
    CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "b", "u", 1));
    CU_ASSERT_PTR_NULL(collector_streams_find(all, "b", "u", 2));
    collector_streams_destroy(all);
}

/* A sensor may call its uplinks whatever it likes, and so does not push out
 * what is known of others.  Mutation: let make_room() not look at sensors. */
static void
test_streams_of_a_sensor_are_bounded(void)
{
    struct collector_streams *all = collector_streams_create();
    char uplink[16];

    CU_ASSERT_PTR_NOT_NULL(collector_streams_get(all, "b", "u", 1));
    for (int i = 0; i <= COLLECTOR_STREAMS_MAX; i++) {
        snprintf(uplink, sizeof uplink, "%d", i);
        CU_ASSERT_PTR_NOT_NULL(collector_streams_get(all, "a", uplink, 1));
    }
    CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "b", "u", 1));
    CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "a", uplink, 1));
    UNIT_EQ(collector_streams_count(all), COLLECTOR_STREAMS_OF_SENSOR_MAX + 1);
    collector_streams_destroy(all);
}

/* Every second number, behind all that are here. */
static int
take_with_gaps(struct collector_stream *s, size_t n)
{
    const struct collector_intervals *c = &s->covered;
    int error = 0;

    for (; !error && n; n--) {
        uint64_t end = c->n ? c->runs[c->n - 1].end : 1;

        error = collector_stream_take(s, end + 1);
    }
    return error;
}

static size_t
bytes_of(const struct collector_streams *all)
{
    const struct collector_stream *s = collector_streams_first(all);
    size_t bytes = 0;

    for (; s; s = s->next) {
        bytes += s->covered.allocated * sizeof *s->covered.runs;
    }
    return bytes;
}

/* Mutation: 'most' in add() that is SIZE_MAX always. */
static void
test_gaps_of_a_stream_are_bounded(void)
{
    struct collector_streams *all = collector_streams_create();
    struct collector_stream *s = collector_streams_get(all, "a", "u", 1);

    collector_streams_bound(all);
    UNIT_EQ(take_with_gaps(s, COLLECTOR_RUNS_MAX), 0);
    UNIT_EQ(take_with_gaps(s, 1), ENOSPC);
    UNIT_EQ(s->covered.n, COLLECTOR_RUNS_MAX);
    UNIT_EQ(s->records, COLLECTOR_RUNS_MAX);
    UNIT_EQ(s->share->n_runs, COLLECTOR_RUNS_MAX);
    /* Nothing that was here is forgotten, and what is missing may come. */
    CU_ASSERT_TRUE(collector_stream_has(s, 2));
    UNIT_EQ(collector_stream_take(s, 1), 0);
    UNIT_EQ(collector_stream_take(s, 3), 0);
    UNIT_EQ(take_with_gaps(s, 1), 0);
    UNIT_EQ(s->share->forgotten, 0);
    collector_streams_destroy(all);
}

/* Who leaves gaps in one incarnation after the other pushes out its own oldest
 * ones.  Mutations: forget_others() that does nothing; that forgets those of
 * other sensors, too; free_stream() that leaves 'n_runs' alone. */
static void
test_gaps_of_a_sensor_are_bounded(void)
{
    struct collector_streams *all = collector_streams_create();
    struct collector_stream *s = collector_streams_get(all, "b", "u", 1);
    const size_t each = COLLECTOR_RUNS_MAX / 4;
    size_t n_left;

    collector_streams_bound(all);
    UNIT_EQ(take_with_gaps(s, 100), 0);
    for (uint32_t i = 1; i <= 64; i++) {
        s = collector_streams_get(all, "a", "u", i);
        UNIT_EQ(take_with_gaps(s, each), 0);
        CU_ASSERT(s->share->n_runs <= COLLECTOR_RUNS_OF_SENSOR_MAX);
        CU_ASSERT(s->covered.n == each);
        CU_ASSERT(bytes_of(all) <= 4 * 16 * COLLECTOR_RUNS_OF_SENSOR_MAX);
        /* In use all the time, so it stays. */
        CU_ASSERT_PTR_NOT_NULL(collector_streams_find(all, "a", "u", 1));
    }
    n_left = COLLECTOR_RUNS_OF_SENSOR_MAX / each;
    UNIT_EQ(collector_streams_count(all), n_left + 1);
    UNIT_EQ(s->share->forgotten, 64 - n_left);
    UNIT_EQ(s->share->n_runs, n_left * each);
    CU_ASSERT_PTR_NULL(collector_streams_find(all, "a", "u", 2));
    s = collector_streams_find(all, "b", "u", 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    UNIT_EQ(s->covered.n, 100);
    UNIT_EQ(s->share->forgotten, 0);

    /* A floor closes them. */
    s = collector_streams_find(all, "a", "u", 64);
    UNIT_EQ(collector_stream_raise(s, UINT64_MAX / 2), 0);
    UNIT_EQ(s->share->n_runs, (n_left - 1) * each + 1);
    collector_streams_destroy(all);
}

/* Blocks. */

static void
test_heads(void)
{
    struct collector_block b = { .kind = COLLECTOR_RECORDS,
                                 .sensor = "a \"b\\\" \xc3\xa4",
                                 .uplink = "soc",
                                 .incarnation = UINT32_MAX,
                                 .floor = 3,
                                 .numbers = { UINT64_MAX - 1, 2 },
                                 .bytes = 3 };
    struct collector_block got;
    uint8_t room[COLLECTOR_HEAD_MAX];
    struct insp_put put = insp_put(room, sizeof room);
    size_t size;

    collector_block_put(&put, &b, "{}\n");
    size = insp_put_size(&put);
    CU_ASSERT_TRUE(collector_block_is_head(room, size));
    UNIT_EQ(collector_block_parse(room, size, &got), size);
    UNIT_STR_EQ(got.sensor, b.sensor);
    UNIT_STR_EQ(got.uplink, b.uplink);
    UNIT_EQ(got.incarnation, b.incarnation);
    UNIT_EQ(got.floor, 3);
    CU_ASSERT(got.numbers[0] == b.numbers[0] && got.numbers[1] == 2);
    UNIT_EQ(got.bytes, 3);
    for (size_t n = 0; n < size; n++) {
        UNIT_EQ(collector_block_parse(room, n, &got), 0);
    }

    /* The longest names, all of it escaped, have room. */
    memset(b.sensor, '"', sizeof b.sensor - 1);
    memset(b.uplink, '\\', sizeof b.uplink - 1);
    put = insp_put(room, sizeof room);
    collector_block_put(&put, &b, "{}\n");
    CU_ASSERT_FALSE(put.full);
    UNIT_EQ(collector_block_parse(room, insp_put_size(&put), &got),
            insp_put_size(&put));
}

/* The journal. */

static void
test_what_is_durable_is_known(void)
{
    struct collector_journal *j;
    uint64_t ticket;

    make_folder();
    j = reopen();
    now = 1000;
    collector_journal_run(j, now);
    UNIT_EQ(collector_journal_wait(j), INT64_MAX);
    put_line(j, "a", 1, 10);
    put_line(j, "a", 2, 10);
    put_line(j, "b", 9, 10);
    collector_journal_note_lost(j, stream_of(j, "a"), 50, 5);
    UNIT_EQ(collector_stream_lose(stream_of(j, "a"), 50, 55), 0);
    ticket = collector_journal_ticket(j);
    CU_ASSERT(collector_journal_durable(j) < ticket);

    /* Not before it is due, and not after. */
    UNIT_EQ(collector_journal_wait(j), now + COLLECTOR_COMMIT_MS);
    collector_journal_run(j, now + COLLECTOR_COMMIT_MS - 1);
    CU_ASSERT(collector_journal_durable(j) < ticket);
    collector_journal_run(j, now + COLLECTOR_COMMIT_MS);
    CU_ASSERT(collector_journal_durable(j) == ticket);
    collector_journal_close(j);

    j = reopen();
    CU_ASSERT(has(j, "a", 1) && has(j, "a", 2) && has(j, "b", 9));
    CU_ASSERT(!has(j, "a", 3) && !has(j, "b", 1) && has(j, "a", 54));
    UNIT_EQ(stream_of(j, "a")->records, 2);
    UNIT_EQ(stream_of(j, "a")->lost, 5);
    UNIT_EQ(count_lines(j, "a"), 2);
    collector_journal_close(j);
    remove_folder();
}

/* What is in a file was taken, whatever bound holds by now: as many gaps as
 * there may be, a floor that closes them, and one record more, which stand in
 * the file in another order.  Mutation: collector_streams_bound() before
 * open_folder(). */
static void
test_gaps_in_a_file_are_known(void)
{
    const uint64_t last = 2 * COLLECTOR_RUNS_MAX;
    struct collector_journal *j;

    make_folder();
    j = reopen_with(16 * MAX_BYTES);
    for (uint64_t n = 2; n <= last; n += 2) {
        put_line(j, "a", n, 1);
        if (n % 1024 == 0) {
            collector_journal_run_now(j, now);
        }
    }
    UNIT_EQ(stream_of(j, "a")->covered.n, COLLECTOR_RUNS_MAX);
    UNIT_EQ(collector_stream_raise(stream_of(j, "a"), last + 1), 0);
    put_line(j, "a", last + 2, 1);
    UNIT_EQ(collector_journal_newest(j), 1);
    collector_journal_close(j);

    j = reopen_with(16 * MAX_BYTES);
    CU_ASSERT(has(j, "a", 1) && has(j, "a", last) && has(j, "a", last + 2));
    CU_ASSERT(!has(j, "a", last + 1));
    UNIT_EQ(stream_of(j, "a")->records, COLLECTOR_RUNS_MAX + 1);
    UNIT_EQ(stream_of(j, "a")->share->n_runs, 2);
    UNIT_EQ(take_with_gaps(stream_of(j, "a"), COLLECTOR_RUNS_MAX), ENOSPC);
    UNIT_EQ(stream_of(j, "a")->covered.n, COLLECTOR_RUNS_MAX);
    collector_journal_close(j);
    remove_folder();
}

/* All gaps that an honest sensor may have left are more than a small file: the
 * next one begins when as much again has been written, and not with each
 * commit.  Mutation: whole_file() that is file_size alone. */
static void
test_gaps_do_not_fill_files(void)
{
    struct collector_journal *j;
    uint64_t number = 1, files;

    make_folder();
    j = reopen();
    for (; number < 2 * INSP_FRAME_GAPS_MAX; number += 2) {
        UNIT_EQ(collector_stream_take(stream_of(j, "a"), number), 0);
    }
    put_line(j, "a", number++, 1000);
    UNIT_EQ(collector_journal_begin_file(j), 0);
    CU_ASSERT(collector_journal_end(j) > MAX_BYTES / 8);
    for (int i = 0; i < 2; i++) {
        files = collector_journal_newest(j);
        for (unsigned int n = 0; n < 100; n++) {
            struct collector_journal_stats s;

            put_line(j, "a", number++, 1000);
            collector_journal_run_now(j, now);
            collector_journal_get_stats(j, &s);
            CU_ASSERT_PTR_NULL(s.trouble);
        }
        UNIT_EQ(collector_journal_newest(j), files);
        collector_journal_close(j);
        j = reopen();
    }
    CU_ASSERT(has(j, "a", number - 1) && has(j, "a", 1) && !has(j, "a", 2));
    collector_journal_close(j);
    remove_folder();
}

static void
test_one_process_has_it(void)
{
    struct collector_journal *j;
    char why[512] = "";

    make_folder();
    j = reopen();
    CU_ASSERT_PTR_NULL(
        collector_journal_open(folder, MAX_BYTES, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "another process has it"));
    collector_journal_close(j);
    CU_ASSERT_PTR_NULL(
        collector_journal_open("/proc/nowhere", MAX_BYTES, why, sizeof why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "cannot make the journal's folder"));
    remove_folder();
}

static uint8_t *
read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 20);

    CU_ASSERT_FATAL(f && bytes);
    *size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

static void
write_all(const char *path, const uint8_t *bytes, size_t size,
          const uint8_t *tail, size_t tail_size)
{
    FILE *f = fopen(path, "wb");

    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, f), size);
    CU_ASSERT(!tail || fwrite(tail, 1, tail_size, f) == tail_size);
    fclose(f);
}

/* Three commits; then the file ends, or becomes nonsense, at every byte. */
static void
test_cut_at_any_byte(void)
{
    static const uint8_t zeros[64], noise[64] = "x\n{\"journal\":{\"sensor";
    struct collector_journal *j;
    uint64_t ends[4];
    size_t size;
    uint8_t *bytes;
    char path[128];

    make_folder();
    snprintf(path, sizeof path, "%s/journal-%020d", folder, 1);
    j = reopen();
    ends[0] = collector_journal_end(j);
    for (uint64_t i = 1; i <= 3; i++) {
        put_line(j, "a", 2 * i - 1, 5);
        put_line(j, "a", 2 * i, 5);
        collector_journal_run_now(j, now);
        ends[i] = collector_journal_end(j);
    }
    collector_journal_close(j);
    bytes = read_all(path, &size);
    UNIT_EQ(size, ends[3]);

    for (size_t cut = 0; cut <= size; cut++) {
        for (int tail = 0; tail < 3; tail++) {
            struct collector_journal_stats s;
            unsigned int n = 0;

            remove_folder();
            CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
            write_all(path, bytes, cut, tail == 1 ? zeros : noise,
                      tail ? sizeof noise : 0);
            j = reopen();
            for (uint64_t i = 1; i <= 3; i++) {
                bool whole = cut >= ends[i];

                UNIT_EQ(has(j, "a", 2 * i), whole);
                n += whole ? 2 : 0;
            }
            collector_journal_get_stats(j, &s);
            UNIT_EQ(s.damaged, 0);
            /* It goes on behind it. */
            put_line(j, "a", 7, 5);
            collector_journal_run_now(j, now);
            UNIT_EQ(count_lines(j, "a"), n + 1);
            collector_journal_close(j);
            j = reopen();
            CU_ASSERT_TRUE(has(j, "a", 7));
            collector_journal_close(j);
        }
    }
    free(bytes);
    remove_folder();
}

/* A byte in the middle costs its block and no other. */
static void
test_damage_in_the_middle(void)
{
    struct collector_journal *j;
    uint64_t ends[4];
    char path[128];
    size_t size;
    uint8_t *bytes;

    make_folder();
    snprintf(path, sizeof path, "%s/journal-%020d", folder, 1);
    j = reopen();
    ends[0] = collector_journal_end(j);
    for (uint64_t i = 1; i <= 3; i++) {
        put_line(j, "a", i, 5);
        collector_journal_run_now(j, now);
        ends[i] = collector_journal_end(j);
    }
    collector_journal_close(j);
    bytes = read_all(path, &size);
    for (size_t at = ends[1]; at < ends[2]; at++) {
        struct collector_journal_stats s;

        bytes[at] ^= 0x20;
        remove_folder();
        CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
        write_all(path, bytes, size, NULL, 0);
        bytes[at] ^= 0x20;
        j = reopen();
        CU_ASSERT(has(j, "a", 1) && !has(j, "a", 2) && has(j, "a", 3));
        collector_journal_get_stats(j, &s);
        UNIT_EQ(s.damaged, ends[2] - ends[1]);
        UNIT_EQ(s.cut, 0);
        collector_journal_close(j);
    }
    free(bytes);
    remove_folder();
}

/* Files begin and go, and nothing is forgotten with them. */
static void
test_files_go(void)
{
    struct collector_journal *j;
    struct collector_journal_stats s;

    make_folder();
    j = reopen();
    for (uint64_t i = 1; i <= 10000; i++) {
        CU_ASSERT_TRUE(collector_journal_has_room(j));
        put_line(j, "a", i, 1000);
        collector_journal_run(j, now += 10);
    }
    collector_journal_run_now(j, now);
    collector_journal_get_stats(j, &s);
    CU_ASSERT(s.bytes <=
              s.max_bytes + s.max_bytes / 8 + COLLECTOR_COMMIT_BYTES);
    CU_ASSERT(s.files > 2 && collector_journal_oldest(j) > 1);
    collector_journal_close(j);

    j = reopen();
    UNIT_EQ(stream_of(j, "a")->records, 10000);
    UNIT_EQ(stream_of(j, "a")->covered.n, 1);
    CU_ASSERT(count_lines(j, "a") >= 3000);
    collector_journal_close(j);
    remove_folder();
}

/* Who reads is behind: nothing that it needs goes, and then nothing more is
 * durable until it has come on. */
static void
test_files_that_are_needed_stay(void)
{
    struct collector_journal *j;
    struct collector_journal_stats s;
    uint64_t i = 0;

    make_folder();
    j = reopen();
    collector_journal_need(j, 1);
    do {
        put_line(j, "a", ++i, 1000);
        collector_journal_run(j, now += 10);
        collector_journal_get_stats(j, &s);
    } while (!s.trouble && i < 20000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.trouble);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.trouble, "output is too far behind"));
    UNIT_EQ(collector_journal_oldest(j), 1);
    while (collector_journal_has_room(j)) {
        put_line(j, "a", ++i, 1000);
    }
    collector_journal_need(j, collector_journal_newest(j));
    CU_ASSERT(collector_journal_oldest(j) > 1);
    collector_journal_run(j, now += 1000);
    CU_ASSERT(collector_journal_durable(j) == collector_journal_ticket(j));
    collector_journal_close(j);
    j = reopen();
    UNIT_EQ(stream_of(j, "a")->records, i);
    collector_journal_close(j);
    remove_folder();
}

static void
limit_files(rlim_t bytes)
{
    struct rlimit l;

    getrlimit(RLIMIT_FSIZE, &l);
    l.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &l);
}

/* At every byte of a commit that the disk may be full. */
static void
test_full_disk(void)
{
    struct collector_journal *j;
    struct collector_journal_stats s;
    uint64_t n = 0;

    signal(SIGXFSZ, SIG_IGN);
    make_folder();
    j = reopen();
    for (unsigned int room = 0; room < 300; room++) {
        uint64_t end = collector_journal_end(j), ticket;
        uint64_t durable = collector_journal_durable(j);

        put_line(j, "a", ++n, 20);
        put_line(j, "b", n, 20);
        ticket = collector_journal_ticket(j);
        CU_ASSERT(durable + 300 < ticket);
        limit_files((rlim_t) end + room);
        collector_journal_run_now(j, now);
        collector_journal_get_stats(j, &s);
        CU_ASSERT_PTR_NOT_NULL(s.trouble);
        CU_ASSERT(collector_journal_durable(j) == durable);
        UNIT_EQ(collector_journal_end(j), end);
        /* Not at once again. */
        CU_ASSERT(collector_journal_wait(j) > now);
        limit_files(RLIM_INFINITY);
        collector_journal_run(j, now += 1000);
        collector_journal_get_stats(j, &s);
        CU_ASSERT_PTR_NULL(s.trouble);
        CU_ASSERT(collector_journal_durable(j) == ticket);
    }
    UNIT_EQ(count_lines(j, "a"), n);
    UNIT_EQ(count_lines(j, "b"), n);

    /* What waits fills memory, and no more. */
    limit_files((rlim_t) collector_journal_end(j));
    while (collector_journal_has_room(j)) {
        put_line(j, "a", ++n, 3000);
        collector_journal_run(j, now += 20);
    }
    CU_ASSERT(n < 3000);
    limit_files(RLIM_INFINITY);
    collector_journal_run(j, now += 1000);
    CU_ASSERT_TRUE(collector_journal_has_room(j));
    UNIT_EQ(count_lines(j, "a"), n);
    collector_journal_close(j);
    remove_folder();
}

/* Writes as fast as it can and says what is durable, until it is killed. */
static void
write_until_killed(int to)
{
    char why[512];
    struct collector_journal *j =
        collector_journal_open(folder, MAX_BYTES, why, sizeof why);
    uint64_t n;

    if (!j) {
        _exit(1);
    }
    for (n = 1; collector_stream_has(stream_of(j, "a"), n); n++) {
    }
    for (;; n++) {
        put_line(j, "a", n, (int) (n % 700));
        if (n % 16 == 0) {
            collector_journal_run_now(j, now);
            if (collector_journal_durable(j) != collector_journal_ticket(j) ||
                write(to, &n, sizeof n) != sizeof n) {
                _exit(1);
            }
        }
    }
}

static void
test_kill_at_any_moment(void)
{
    uint64_t acknowledged = 0;
    int pipes[2];

    make_folder();
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    srand(3);
    for (int round = 0; round < 40; round++) {
        struct collector_journal *j;
        pid_t pid = fork();
        uint64_t n;
        int status;

        CU_ASSERT_FATAL(pid >= 0);
        if (!pid) {
            write_until_killed(pipes[1]);
        }
        /* However slow the disk is, every other one has got somewhere. */
        if (round % 2) {
            struct pollfd said = { .fd = pipes[0], .events = POLLIN };

            CU_ASSERT(poll(&said, 1, 60000) == 1);
        }
        usleep((useconds_t) (5000 + rand() % 30000));
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        CU_ASSERT(WIFSIGNALED(status));
        while (read(pipes[0], &n, sizeof n) == sizeof n) {
            acknowledged = n;
        }
        j = reopen();
        CU_ASSERT(!acknowledged || has(j, "a", acknowledged));
        CU_ASSERT(stream_of(j, "a")->covered.n <= 1);
        CU_ASSERT(stream_of(j, "a")->records >= acknowledged);
        count_lines(j, "a");
        collector_journal_close(j);
    }
    CU_ASSERT(acknowledged > 100);
    close(pipes[0]);
    close(pipes[1]);
    remove_folder();
}

UNIT_MAIN("journal", UNIT_TEST(test_intervals_are_a_set),
          UNIT_TEST(test_intervals_are_bounded), UNIT_TEST(test_streams_count),
          UNIT_TEST(test_streams_are_bounded),
          UNIT_TEST(test_streams_of_a_sensor_are_bounded),
          UNIT_TEST(test_gaps_of_a_stream_are_bounded),
          UNIT_TEST(test_gaps_of_a_sensor_are_bounded), UNIT_TEST(test_heads),
          UNIT_TEST(test_what_is_durable_is_known),
          UNIT_TEST(test_gaps_in_a_file_are_known),
          UNIT_TEST(test_gaps_do_not_fill_files),
          UNIT_TEST(test_one_process_has_it), UNIT_TEST(test_cut_at_any_byte),
          UNIT_TEST(test_damage_in_the_middle), UNIT_TEST(test_files_go),
          UNIT_TEST(test_files_that_are_needed_stay),
          UNIT_TEST(test_full_disk), UNIT_TEST(test_kill_at_any_moment))
