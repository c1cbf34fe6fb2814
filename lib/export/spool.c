/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * This file appends, writes and finishes; spool-read.c reads back,
 * spool-recover.c finds what an earlier process has left; spool-private.h
 * draws how all of it hangs together.
 *
 * A block is written by one pwrite() behind the last whole one.  What a write
 * that failed has left there is cut off, or overwritten by the next: only what
 * lies before 'size' is ever read, and after a crash checksums tell what is
 * whole.  So a block is on the disk or in memory, and never lost in between.
 *
 * Every record that is held has a bit in its block.  It is cleared, so to
 * speak, at one place: insp_spool_let_go().
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "export/spool-private.h"

#define MS               UINT64_C(1000000)
#define LINGER           (500 * MS)  /* Of records in an open block. */
#define RETRY            (1000 * MS) /* On a disk that took nothing. */
#define SYNC             (1000 * MS)
#define MARK             (1000 * MS) /* Of a mark that says nothing new. */
#define SEGMENT_LEAST    (128U << 10)
#define SEGMENT_MOST     (32U << 20)
#define SEGMENTS         8 /* That the bound is divided into. */
#define NAME_IN_PATH_MAX (3 * INSP_NAME_SIZE)

/* Sentences. */

void
insp_spool_fail(struct insp_spool *s, const char *format, ...)
{
    char text[sizeof s->error];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (strcmp(text, s->error)) {
        memcpy(s->error, text, sizeof s->error);
        insp_log(s->host, INSP_LOG_WARN, "spool '%s': %s", s->path, text);
    }
}

static void
recover_from_failure(struct insp_spool *s)
{
    if (s->error[0]) {
        s->error[0] = '\0';
        insp_log(s->host, INSP_LOG_INFO, "spool '%s': goes on", s->path);
    }
}

const char *
insp_spool_error(const struct insp_spool *s)
{
    return s->error;
}

static bool explain(char *why, size_t size, const char *format, ...)
    INSP_PRINTF(3, 4);

static bool
explain(char *why, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return false;
}

/* Blocks and segments. */

struct insp_spool_block *
insp_spool_block_create(const struct insp_spool_head *h)
{
    size_t runs = h->n_runs * sizeof *h->runs;
    size_t sums = h->n_sums * sizeof *h->sums;
    struct insp_spool_block *b =
        calloc(1, sizeof *b + runs + sums + (h->n_records + 7) / 8);

    if (b) {
        b->made_ns = h->made_ns;
        b->body_size = h->body_size;
        b->body_crc = h->body_crc;
        b->incarnation = h->incarnation;
        b->n_records = h->n_records;
        b->n_runs = h->n_runs;
        b->n_sums = h->n_sums;
        b->runs = (struct insp_spool_run *) (b + 1);
        b->sums = (struct insp_spool_sum *) (b->runs + b->n_runs);
        b->finished = (uint8_t *) (b->sums + b->n_sums);
        memcpy(b->runs, h->runs, runs);
        memcpy(b->sums, h->sums, sums);
    }
    return b;
}

void
insp_spool_add_block(struct insp_spool *s, struct insp_spool_block *b)
{
    b->order = s->order++;
    b->older = s->last;
    *(s->last ? &s->last->newer : &s->first) = b;
    s->last = b;
    if (!s->cursor) {
        s->cursor = b;
        s->cursor_at = 0;
    }
    s->front = s->front ? s->front : b;
}

struct insp_spool_segment *
insp_spool_add_segment(struct insp_spool *s, uint64_t number)
{
    struct insp_spool_segment *segment = calloc(1, sizeof *segment);

    if (segment) {
        segment->number = number;
        segment->lo = UINT64_MAX;
        *(s->newest ? &s->newest->next : &s->oldest) = segment;
        s->newest = segment;
        s->counts.segments++;
    }
    return segment;
}

void
insp_spool_put_in(struct insp_spool_block *b,
                  struct insp_spool_segment *segment, uint64_t offset,
                  uint32_t head_size)
{
    b->segment = segment;
    b->offset = offset;
    b->head_size = head_size;
    segment->first = segment->first ? segment->first : b;
    segment->n_blocks++;
    segment->n_held += b->n_records - b->n_finished;
    for (unsigned int i = 0; i < b->n_runs; i++) {
        const struct insp_spool_run *run = &b->runs[i];

        segment->lo = INSP_MIN(segment->lo, run->first);
        segment->hi = INSP_MAX(segment->hi, run->first + run->count - 1);
    }
}

static void
forget_block(struct insp_spool *s, struct insp_spool_block *b)
{
    if (s->cursor == b) {
        s->cursor = b->newer;
        s->cursor_at = 0;
    }
    if (s->front && b->order >= s->front->order) {
        s->beyond -= b->n_finished;
    }
    if (s->front == b) {
        s->front = b->newer;
    }
    if (s->reading.block == b) {
        insp_spool_unload(s);
    }
    *(b->older ? &b->older->newer : &s->first) = b->newer;
    *(b->newer ? &b->newer->older : &s->last) = b->older;
    free(b);
}

static bool
sync_now(struct insp_spool *s)
{
    bool done = true;

    if (s->writing && s->grown && s->io.fdatasync(s->fd)) {
        insp_spool_fail(s, "cannot sync: %s", strerror(errno));
        done = false;
    }
    if (s->named && s->io.fdatasync(s->folder)) {
        insp_spool_fail(s, "cannot sync the folder: %s", strerror(errno));
        done = false;
    }
    s->grown = s->named = false;
    return done;
}

static void
stop_writing(struct insp_spool *s)
{
    if (s->writing) {
        close(s->fd);
        s->fd = -1;
        s->writing = NULL;
        s->grown = false;
    }
}

void
insp_spool_segment_name(uint64_t number, char name[INSP_SPOOL_NAME_SIZE])
{
    snprintf(name, INSP_SPOOL_NAME_SIZE, "%020llu.ipfix",
             (unsigned long long) number);
}

static void
remove_segment(struct insp_spool *s, struct insp_spool_segment *segment)
{
    struct insp_spool_segment **link = &s->oldest, *before = NULL;
    struct insp_spool_block *b = segment->first;
    char name[INSP_SPOOL_NAME_SIZE];

    while (b && b->segment == segment) {
        struct insp_spool_block *newer = b->newer;

        forget_block(s, b);
        b = newer;
    }
    if (s->writing == segment) {
        stop_writing(s);
    }
    if (s->read_segment == segment) {
        insp_spool_close_read(s);
    }
    insp_spool_segment_name(segment->number, name);
    if (unlinkat(s->folder, name, 0) && errno != ENOENT) {
        insp_spool_fail(s, "cannot remove '%s': %s", name, strerror(errno));
    }
    while (*link != segment) {
        before = *link;
        link = &before->next;
    }
    *link = segment->next;
    if (s->newest == segment) {
        s->newest = before;
    }
    s->counts.segments--;
    s->counts.bytes -= segment->size;
    free(segment);
}

void
insp_spool_tidy(struct insp_spool *s, struct insp_spool_block *b)
{
    if (b->segment && !b->segment->n_held) {
        remove_segment(s, b->segment);
    } else if (!b->segment && b->n_finished == b->n_records) {
        forget_block(s, b);
        s->sealed = false;
    }
}

void
insp_spool_remove_empty(struct insp_spool *s)
{
    struct insp_spool_segment *next;

    for (struct insp_spool_segment *g = s->oldest; g; g = next) {
        next = g->next;
        if (!g->n_held) {
            remove_segment(s, g);
        }
    }
}

/* Letting go. */

static bool
is_passed(const struct insp_spool *s, const struct insp_spool_block *b,
          uint32_t record)
{
    return !s->cursor || b->order < s->cursor->order ||
           (b == s->cursor && record < s->cursor_at);
}

void
insp_spool_let_go(struct insp_spool *s, struct insp_spool_block *b,
                  uint32_t record)
{
    b->finished[record / 8] |= (uint8_t) (1 << record % 8);
    b->n_finished++;
    s->beyond++;
    s->counts.held--;
    s->counts.passed -= is_passed(s, b, record);
    if (b->segment) {
        b->segment->n_held--;
    }
}

static void
add_loss(struct insp_spool *s, uint32_t inspector, uint64_t records,
         uint64_t packets, uint64_t bytes)
{
    struct insp_spool_loss *l = s->losses;

    while (l < s->losses + s->n_losses && l->inspector != inspector) {
        l++;
    }
    if (l == s->losses + INSP_SPOOL_SUMS_MAX) {
        l--; /* More ids than can be: to the last. */
    } else if (l == s->losses + s->n_losses) {
        *l = (struct insp_spool_loss){
            inspector, { .since_ns = s->host->wall_ns(s->host->aux) }
        };
        s->n_losses++;
    }
    l->sums.records += records;
    l->sums.packets += packets;
    l->sums.bytes += bytes;
}

static void
note_lost(struct insp_spool *s, uint32_t incarnation, uint64_t first,
          uint64_t count)
{
    struct insp_spool_lost *l =
        &s->lost[(s->lost_first + s->n_lost - 1) % INSP_SPOOL_LOST_MAX];

    if (s->n_lost && l->incarnation == incarnation &&
        l->first + l->count == first) {
        l->count += count;
        return;
    }
    if (s->n_lost == INSP_SPOOL_LOST_MAX) {
        s->lost_first = (s->lost_first + 1) % INSP_SPOOL_LOST_MAX;
        s->n_lost--;
    }
    s->lost[(s->lost_first + s->n_lost++) % INSP_SPOOL_LOST_MAX] =
        (struct insp_spool_lost){ incarnation, first, count };
}

/* The share of 'part' in 'whole' of 'sum', without an overflow. */
static uint64_t
share(uint64_t sum, uint32_t part, uint32_t whole)
{
    return part == whole ? sum
                         : sum / whole * part + sum % whole * part / whole;
}

/* What 'n' records of the block spoke of, which is exact when they are all,
 * and else what they would if all spoke of as much. */
static void
lose(struct insp_spool *s, const struct insp_spool_block *b, uint32_t n)
{
    uint32_t left = n;

    for (unsigned int i = 0; i < b->n_sums && left; i++) {
        const struct insp_spool_sum *sum = &b->sums[i];
        uint32_t part = i + 1 < b->n_sums
                            ? (uint32_t) share(sum->records, n, b->n_records)
                            : INSP_MIN(left, sum->records);

        part = INSP_MIN(part, left);
        if (part) {
            add_loss(s, sum->inspector, part,
                     share(sum->packets, part, sum->records),
                     share(sum->bytes, part, sum->records));
        }
        left -= part;
    }
    if (left) {
        add_loss(s, b->sums[0].inspector, left, 0, 0);
    }
}

static void
drop_some(struct insp_spool *s, struct insp_spool_block *b, uint32_t from,
          uint32_t to, uint64_t *reason)
{
    uint32_t n = 0, at = 0;

    for (unsigned int i = 0; i < b->n_runs; at += b->runs[i++].count) {
        for (uint32_t j = 0; j < b->runs[i].count; j++) {
            if (at + j >= from && at + j < to &&
                !insp_spool_is_finished(b, at + j)) {
                insp_spool_let_go(s, b, at + j);
                note_lost(s, b->incarnation, b->runs[i].first + j, 1);
                n++;
            }
        }
    }
    lose(s, b, n);
    s->counts.dropped += n;
    *reason += n;
}

void
insp_spool_drop_damaged(struct insp_spool *s, struct insp_spool_block *b,
                        uint32_t from, uint32_t to)
{
    drop_some(s, b, from, to, &s->counts.dropped_damaged);
}

static struct insp_spool_segment *
oldest_at_rest(const struct insp_spool *s)
{
    struct insp_spool_segment *g = s->oldest;

    while (g && (!g->first || is_passed(s, g->first, 0))) {
        g = g->next;
    }
    return g ? g : s->oldest;
}

bool
insp_spool_drop_oldest(struct insp_spool *s)
{
    struct insp_spool_segment *segment = oldest_at_rest(s);
    struct insp_spool_block *b;

    if (!segment) {
        return false;
    }
    for (b = segment->first; b && b->segment == segment; b = b->newer) {
        drop_some(s, b, 0, b->n_records, &s->counts.dropped_full);
    }
    remove_segment(s, segment);
    return true;
}

bool
insp_spool_next_loss(struct insp_spool *s, uint32_t *inspector,
                     struct insp_record_loss *loss)
{
    if (!s->n_losses) {
        return false;
    }
    s->n_losses--;
    *inspector = s->losses[s->n_losses].inspector;
    *loss = s->losses[s->n_losses].sums;
    return true;
}

bool
insp_spool_next_lost(struct insp_spool *s, uint32_t *incarnation,
                     uint64_t *first, uint64_t *count)
{
    const struct insp_spool_lost *l = &s->lost[s->lost_first];

    if (!s->n_lost) {
        return false;
    }
    *incarnation = l->incarnation;
    *first = l->first;
    *count = l->count;
    s->lost_first = (s->lost_first + 1) % INSP_SPOOL_LOST_MAX;
    s->n_lost--;
    return true;
}

/* Opening. */

/* A row's name as that of a folder: what could mean something in a path is
 * written as %XX. */
static void
folder_name(const char *uplink, char name[NAME_IN_PATH_MAX])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t n = 0;

    for (const char *c = uplink; *c && n + 4 < NAME_IN_PATH_MAX; c++) {
        if (strchr(plain, *c) && (*c != '.' || n)) {
            name[n++] = *c;
        } else {
            n += (size_t) snprintf(name + n, 4, "%%%02X",
                                   (unsigned int) (unsigned char) *c);
        }
    }
    name[n] = '\0';
}

static bool
open_folder(struct insp_spool *s, const struct insp_spool_config *config,
            char *why, size_t size)
{
    char name[NAME_IN_PATH_MAX];
    struct stat st;
    int dir;

    folder_name(config->uplink, name);
    snprintf(s->path, sizeof s->path, "%s/%s", config->dir, name);
    if (!name[0]) {
        errno = EINVAL;
        return explain(why, size, "a spool needs the name of its uplink");
    }
    if (mkdir(config->dir, 0700) && errno != EEXIST) {
        return explain(why, size, "spool_dir '%s': %s", config->dir,
                       strerror(errno));
    }
    dir = open(config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return explain(why, size, "spool_dir '%s': %s", config->dir,
                       strerror(errno));
    }
    if (!mkdirat(dir, name, 0700) || errno == EEXIST) {
        s->folder =
            openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (s->folder < 0 || fstat(s->folder, &st)) {
        int error = errno;

        close(dir);
        errno = error;
        return explain(why, size, "spool folder '%s': %s", s->path,
                       error == ELOOP || error == ENOTDIR
                           ? "is no folder, or a link"
                           : strerror(error));
    }
    close(dir);
    if (st.st_uid != geteuid()) {
        errno = EPERM;
        return explain(why, size, "spool folder '%s' belongs to user %u",
                       s->path, (unsigned int) st.st_uid);
    }
    if (((st.st_mode & 077) && fchmod(s->folder, 0700)) ||
        faccessat(s->folder, ".", W_OK | X_OK, AT_EACCESS)) {
        return explain(why, size, "spool folder '%s' cannot be written: %s",
                       s->path, strerror(errno));
    }
    if (flock(s->folder, LOCK_EX | LOCK_NB)) {
        return explain(why, size, "spool folder '%s' %s", s->path,
                       errno == EWOULDBLOCK ? "is in use by another process"
                                            : strerror(errno));
    }
    return true;
}

static int
make_types(struct insp_spool *s)
{
    struct insp_put put =
        insp_put(s->room + INSP_SPOOL_HEAD_MAX, INSP_SPOOL_BODY_ROOM);

    insp_ipfix_writer_reset(s->writer, s->sensor);
    if (!insp_ipfix_open(s->writer, &put, s->host->wall_ns(s->host->aux),
                         INSP_SPOOL_DOMAIN)) {
        return ENOMEM;
    }
    insp_ipfix_finish(s->writer, &put);
    s->types_size = insp_put_size(&put);
    s->types = malloc(s->types_size);
    if (!s->types) {
        return ENOMEM;
    }
    memcpy(s->types, put.start, s->types_size);
    return 0;
}

static int
open_all(struct insp_spool *s, const struct insp_spool_config *config,
         char *why, size_t size)
{
    int error;

    errno = 0;
    if (!open_folder(s, config, why, size)) {
        return errno ? errno : EINVAL;
    }
    error = insp_watermark_open(&s->watermark, s->folder, "watermark",
                                &s->previous);
    if (error) {
        explain(why, size, "spool file '%s/watermark': %s", s->path,
                strerror(error));
        return error;
    }
    s->room = malloc(INSP_SPOOL_HEAD_MAX + INSP_SPOOL_BODY_ROOM);
    error = s->room ? insp_ipfix_writer_create(s->sensor, &s->writer) : ENOMEM;
    if (!error) {
        error = make_types(s);
    }
    if (!error) {
        error = insp_spool_recover(s);
    }
    if (error) {
        explain(why, size, "spool folder '%s': %s", s->path, strerror(error));
    }
    return error;
}

static void
destroy(struct insp_spool *s)
{
    stop_writing(s);
    insp_spool_reading_uninit(s);
    while (s->first) {
        forget_block(s, s->first);
    }
    while (s->oldest) {
        struct insp_spool_segment *segment = s->oldest;

        s->oldest = segment->next;
        free(segment);
    }
    insp_watermark_close(&s->watermark);
    insp_ipfix_writer_destroy(s->writer);
    if (s->folder >= 0) {
        close(s->folder);
    }
    free(s->types);
    free(s->room);
    free(s);
}

int
insp_spool_open(const struct insp_host *host,
                const struct insp_spool_config *config, struct insp_spool **sp,
                char *why, size_t why_size)
{
    static const struct insp_spool_io real = { pwrite, fdatasync };
    struct insp_spool *s = calloc(1, sizeof *s);
    int error;

    *sp = NULL;
    if (!s) {
        explain(why, why_size, "no memory for a spool");
        return ENOMEM;
    }
    s->host = host;
    s->io = config->io ? *config->io : real;
    s->incarnation = config->incarnation;
    s->folder = s->fd = s->read_fd = s->watermark.fd = -1;
    snprintf(s->sensor, sizeof s->sensor, "%s", config->sensor);
    snprintf(s->uplink, sizeof s->uplink, "%s", config->uplink);
    error = open_all(s, config, why, why_size);
    if (error) {
        destroy(s);
        return error;
    }
    insp_spool_set_limit(s, config->max_bytes);
    *sp = s;
    return 0;
}

const struct insp_watermark_values *
insp_spool_previous(const struct insp_spool *s)
{
    return &s->previous;
}

void
insp_spool_set_limit(struct insp_spool *s, uint64_t max_bytes)
{
    uint64_t size;

    s->max_bytes = INSP_MAX(max_bytes, INSP_SPOOL_LEAST_BYTES);
    size = s->max_bytes / SEGMENTS;
    s->segment_bytes = INSP_MIN(INSP_MAX(size, SEGMENT_LEAST), SEGMENT_MOST);
    while (s->counts.bytes > s->max_bytes && insp_spool_drop_oldest(s)) {
        continue;
    }
}

/* Writing. */

static bool
write_all(struct insp_spool *s, int fd, const uint8_t *bytes, size_t size,
          uint64_t offset)
{
    while (size) {
        ssize_t n = s->io.pwrite(fd, bytes, size, (off_t) offset);

        if (n > 0) {
            bytes += n;
            size -= (size_t) n;
            offset += (uint64_t) n;
        } else if (!n || errno != EINTR) {
            errno = n ? errno : ENOSPC;
            return false;
        }
    }
    return true;
}

static bool
begin_segment(struct insp_spool *s)
{
    static const int flags =
        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    struct insp_spool_head *head = calloc(1, sizeof *head);
    struct insp_put put = insp_put(s->room, INSP_SPOOL_HEAD_MAX);
    struct insp_spool_segment *segment;
    uint64_t number = s->next_number++;
    char name[INSP_SPOOL_NAME_SIZE];
    bool done = false;
    int fd;

    if (!head) {
        insp_spool_fail(s, "no memory for a segment");
        return false;
    }
    head->kind = INSP_SPOOL_SEGMENT;
    head->body_size = (uint32_t) s->types_size;
    head->body_crc = insp_crc32c(0, s->types, s->types_size);
    head->number = number;
    head->incarnation = s->incarnation;
    head->made_ns = s->host->wall_ns(s->host->aux);
    memcpy(head->sensor, s->sensor, sizeof head->sensor);
    memcpy(head->uplink, s->uplink, sizeof head->uplink);
    insp_spool_head_put(&put, head, 0);
    free(head);

    insp_spool_segment_name(number, name);
    fd = openat(s->folder, name, flags, 0600);
    if (fd < 0) {
        insp_spool_fail(s, "cannot make '%s': %s", name, strerror(errno));
        return false;
    }
    if (!write_all(s, fd, put.start, insp_put_size(&put), 0) ||
        !write_all(s, fd, s->types, s->types_size, insp_put_size(&put))) {
        insp_spool_fail(s, "cannot write: %s", strerror(errno));
    } else if (!(segment = insp_spool_add_segment(s, number))) {
        insp_spool_fail(s, "no memory for a segment");
    } else {
        segment->size = insp_put_size(&put) + s->types_size;
        segment->n_heads = 1;
        s->counts.bytes += segment->size;
        s->writing = segment;
        s->fd = fd;
        s->named = true;
        done = true;
    }
    if (!done) {
        close(fd);
        (void) unlinkat(s->folder, name, 0);
    }
    return done;
}

/* Stops at the bound by dropping the oldest. */
static bool
make_room(struct insp_spool *s, size_t size)
{
    bool begin;

    for (;;) {
        begin = !s->writing || (s->writing->n_blocks &&
                                s->writing->size + size > s->segment_bytes);
        if (s->counts.bytes + size +
                    (begin ? s->types_size + INSP_SPOOL_HEAD_MAX : 0) <=
                s->max_bytes ||
            !insp_spool_drop_oldest(s)) {
            break;
        }
    }
    if (begin) {
        (void) sync_now(s);
        stop_writing(s);
    }
    return s->writing || begin_segment(s);
}

/* Writes the sealed block.  False: not now. */
static bool
write_sealed(struct insp_spool *s, uint64_t now)
{
    struct insp_put put = insp_put(s->room, INSP_SPOOL_HEAD_MAX);
    struct insp_spool_block *b = s->last;
    size_t head_size, size;
    uint8_t *start;

    if (now < s->retry_at) {
        return false;
    }
    s->retry_at = now + RETRY;
    insp_spool_head_put(&put, &s->head, 0);
    head_size = insp_put_size(&put);
    size = head_size + b->body_size;
    if (!make_room(s, size)) {
        return false;
    }
    put = insp_put(s->room, INSP_SPOOL_HEAD_MAX);
    insp_spool_head_put(&put, &s->head, s->writing->n_heads);
    start = s->room + INSP_SPOOL_HEAD_MAX - head_size;
    memmove(start, s->room, head_size);
    if (!write_all(s, s->fd, start, size, s->writing->size)) {
        insp_spool_fail(s, "cannot write: %s", strerror(errno));
        if (ftruncate(s->fd, (off_t) s->writing->size)) {
            stop_writing(s); /* What it ends in now is found torn. */
        }
        return false;
    }
    insp_spool_put_in(b, s->writing, s->writing->size, (uint32_t) head_size);
    s->writing->size += size;
    s->writing->n_heads++;
    s->counts.bytes += size;
    if (!s->grown) {
        s->grown = true;
        s->sync_at = now + SYNC;
    }
    s->sealed = false;
    s->retry_at = 0;
    recover_from_failure(s);
    return true;
}

bool
insp_spool_seal(struct insp_spool *s)
{
    struct insp_spool_block *b;

    insp_ipfix_finish(s->writer, &s->body);
    s->head.body_size = (uint32_t) insp_put_size(&s->body);
    s->head.body_crc = insp_crc32c(0, s->body.start, s->head.body_size);
    b = insp_spool_block_create(&s->head);
    if (!b) {
        insp_spool_fail(s, "no memory for a block");
        return false;
    }
    insp_spool_add_block(s, b);
    s->open = false;
    s->sealed = true;
    s->retry_at = 0;
    return true;
}

static void
begin_block(struct insp_spool *s, uint64_t now)
{
    insp_ipfix_writer_renew(s->writer, s->sensor);
    s->body = insp_put(s->room + INSP_SPOOL_HEAD_MAX, INSP_SPOOL_BODY_ROOM);
    s->head.kind = INSP_SPOOL_BLOCK;
    s->head.incarnation = s->incarnation;
    s->head.made_ns = s->host->wall_ns(s->host->aux);
    s->head.n_records = 0;
    s->head.n_runs = 0;
    s->head.n_sums = 0;
    s->seal_at = now + LINGER;
    s->open = true;
}

static struct insp_spool_sum *
find_sum(struct insp_spool_head *h, uint32_t inspector)
{
    for (unsigned int i = 0; i < h->n_sums; i++) {
        if (h->sums[i].inspector == inspector) {
            return &h->sums[i];
        }
    }
    return NULL;
}

static bool
continues_run(const struct insp_spool_head *h, uint64_t number)
{
    const struct insp_spool_run *run = h->runs + h->n_runs;

    return h->n_runs && run[-1].first + run[-1].count == number;
}

static bool
has_place(struct insp_spool_head *h, uint32_t inspector, uint64_t number)
{
    return h->n_records < INSP_SPOOL_RECORDS_MAX &&
           (h->n_runs < INSP_SPOOL_RUNS_MAX || continues_run(h, number)) &&
           (h->n_sums < INSP_SPOOL_SUMS_MAX || find_sum(h, inspector));
}

static void
note_record(struct insp_spool_head *h, const struct insp_record *r,
            uint64_t number)
{
    struct insp_spool_sum *sum = find_sum(h, r->inspector);

    if (continues_run(h, number)) {
        h->runs[h->n_runs - 1U].count++;
    } else {
        h->runs[h->n_runs++] = (struct insp_spool_run){ number, 1 };
    }
    if (!sum) {
        sum = &h->sums[h->n_sums++];
        *sum = (struct insp_spool_sum){ .inspector = r->inspector };
    }
    sum->records++;
    if (r->type == INSP_RECORD_CONNECTION) {
        sum->packets += r->conn.packets[0] + r->conn.packets[1];
        sum->bytes += r->conn.bytes[0] + r->conn.bytes[1];
    } else if (r->type == INSP_RECORD_REMAINDER) {
        sum->packets += r->remainder.packets;
        sum->bytes += r->remainder.bytes;
    }
    h->n_records++;
}

enum insp_spool_answer
insp_spool_append(struct insp_spool *s, const struct insp_queued *item,
                  uint64_t number, uint64_t now)
{
    const struct insp_record *r = &item->record;
    const struct insp_port *const ports[2] = {
        item->port[0] ? &item->port[0]->port : NULL,
        item->port[1] ? &item->port[1]->port : NULL,
    };

    if (r->type == INSP_RECORD_PORT || r->type == INSP_RECORD_PORT_GONE ||
        insp_record_shape(r) == INSP_N_SHAPES || number == UINT64_MAX) {
        return INSP_SPOOL_UNFIT;
    }
    for (;;) {
        if (s->sealed && !write_sealed(s, now)) {
            return INSP_SPOOL_NO_ROOM;
        }
        if (!s->open) {
            begin_block(s, now);
        }
        if (has_place(&s->head, r->inspector, number) &&
            insp_ipfix_put(s->writer, &s->body, s->head.made_ns, r, ports)) {
            break;
        }
        if (!s->head.n_records) {
            s->open = false;
            return INSP_SPOOL_UNFIT;
        } else if (!insp_spool_seal(s)) {
            return INSP_SPOOL_NO_ROOM;
        }
    }
    note_record(&s->head, r, number);
    s->counts.appended++;
    s->counts.held++;
    if (insp_put_size(&s->body) >=
            INSP_MIN(INSP_SPOOL_BLOCK_BYTES, s->segment_bytes) &&
        insp_spool_seal(s)) {
        (void) write_sealed(s, now);
    }
    return INSP_SPOOL_KEPT;
}

void
insp_spool_run(struct insp_spool *s, uint64_t now)
{
    if (s->open && s->head.n_records && now >= s->seal_at && !s->sealed) {
        (void) insp_spool_seal(s);
    }
    if (s->sealed) {
        (void) write_sealed(s, now);
    }
    if (s->grown && now >= s->sync_at) {
        (void) sync_now(s);
    }
}

uint64_t
insp_spool_wait(const struct insp_spool *s, uint64_t now)
{
    uint64_t until = s->grown ? s->sync_at : UINT64_MAX;

    if (s->sealed) {
        until = INSP_MIN(until, s->retry_at);
    } else if (s->open && s->head.n_records) {
        until = INSP_MIN(until, s->seal_at);
    }
    return INSP_MAX(until, now);
}

bool
insp_spool_flush(struct insp_spool *s)
{
    uint64_t now = s->host->monotonic_ns(s->host->aux);

    if (s->open && s->head.n_records && !insp_spool_seal(s)) {
        return false;
    }
    s->retry_at = 0;
    if (s->sealed && !write_sealed(s, now)) {
        return false;
    }
    return sync_now(s);
}

/* Finishing. */

static void
move_front(struct insp_spool *s)
{
    while (s->front && s->front->n_finished == s->front->n_records) {
        s->beyond -= s->front->n_records;
        s->front = s->front->newer;
    }
}

static uint64_t
finish_block(struct insp_spool *s, struct insp_spool_block *b, uint64_t first,
             uint64_t last)
{
    uint32_t at = 0;
    uint64_t n = 0;

    for (unsigned int i = 0; i < b->n_runs; at += b->runs[i++].count) {
        const struct insp_spool_run *run = &b->runs[i];
        uint64_t lo = INSP_MAX(first, run->first);
        uint64_t hi = INSP_MIN(last, run->first + run->count - 1);

        for (uint64_t number = lo; number <= hi; number++) {
            uint32_t record = at + (uint32_t) (number - run->first);

            if (!insp_spool_is_finished(b, record)) {
                insp_spool_let_go(s, b, record);
                n++;
            }
        }
    }
    s->counts.finished += n;
    return n;
}

static bool
is_in_open(const struct insp_spool *s, uint64_t first, uint64_t last)
{
    for (unsigned int i = 0; s->open && i < s->head.n_runs; i++) {
        const struct insp_spool_run *run = &s->head.runs[i];

        if (first < run->first + run->count && last >= run->first) {
            return true;
        }
    }
    return false;
}

uint64_t
insp_spool_finish(struct insp_spool *s, uint32_t incarnation, uint64_t first,
                  uint64_t count)
{
    uint64_t last = first + INSP_MIN(count - 1, UINT64_MAX - first), n = 0;
    struct insp_spool_segment *next;

    if (!count) {
        return 0;
    }
    for (struct insp_spool_segment *g = s->oldest; g; g = next) {
        struct insp_spool_block *b = g->first;

        next = g->next;
        if (first > g->hi || last < g->lo) {
            continue;
        }
        for (; b && b->segment == g; b = b->newer) {
            if (b->incarnation == incarnation &&
                b->n_finished < b->n_records) {
                n += finish_block(s, b, first, last);
            }
        }
        if (!g->n_held) {
            remove_segment(s, g);
        }
    }
    if (incarnation == s->incarnation && is_in_open(s, first, last) &&
        !s->sealed) {
        (void) insp_spool_seal(s);
    }
    if (s->sealed && incarnation == s->incarnation) {
        n += finish_block(s, s->last, first, last);
        insp_spool_tidy(s, s->last);
    }
    move_front(s);
    return n;
}

/* Marks. */

static struct insp_spool_position
position(struct insp_spool *s)
{
    struct insp_spool_position p = { s->next_number, 0, 0 };

    move_front(s);
    if (s->front && s->front->segment) {
        p.segment = s->front->segment->number;
        p.offset = s->front->offset;
        while (insp_spool_is_finished(s->front, p.record)) {
            p.record++;
        }
    } else if (s->writing) {
        p.segment = s->writing->number;
        p.offset = s->writing->size;
    }
    return p;
}

/* What is in memory only is not found again, and so does not count. */
static uint64_t
beyond(const struct insp_spool *s, const struct insp_spool_position *p)
{
    return s->beyond - p->record - (s->sealed ? s->last->n_finished : 0);
}

static void
store_mark(struct insp_spool *s)
{
    int error = insp_watermark_store(&s->watermark, &s->marked);

    if (error && !s->mark_failed) {
        insp_spool_fail(s, "cannot write 'watermark': %s", strerror(error));
    }
    s->mark_failed = error != 0;
}

void
insp_spool_mark(struct insp_spool *s, const struct insp_watermark_values *v)
{
    struct insp_watermark_values mark = *v;

    mark.position = position(s);
    mark.beyond = beyond(s, &mark.position);
    mark.time_ns = s->marked.time_ns;
    if (s->has_marked && !memcmp(&mark, &s->marked, sizeof mark) &&
        s->host->wall_ns(s->host->aux) - mark.time_ns < MARK) {
        return;
    }
    mark.time_ns = s->host->wall_ns(s->host->aux);
    s->marked = mark;
    s->has_marked = true;
    store_mark(s);
}

void
insp_spool_count(const struct insp_spool *s, struct insp_spool_counts *counts)
{
    const struct insp_spool_block *b = s->front;

    *counts = s->counts;
    counts->bytes += s->open && s->head.n_records ? insp_put_size(&s->body)
                     : s->sealed                  ? s->last->body_size
                                                  : 0;
    while (b && b->n_finished == b->n_records) {
        b = b->newer;
    }
    counts->oldest_ns = b                              ? b->made_ns
                        : s->open && s->head.n_records ? s->head.made_ns
                                                       : 0;
}

void
insp_spool_close(struct insp_spool *s)
{
    if (s) {
        (void) insp_spool_flush(s);
        if (s->has_marked) {
            s->marked.position = position(s);
            s->marked.beyond = beyond(s, &s->marked.position);
            s->marked.time_ns = s->host->wall_ns(s->host->aux);
            store_mark(s);
        }
        destroy(s);
    }
}
