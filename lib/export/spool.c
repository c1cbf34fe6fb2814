/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * This file opens, keeps the lists of blocks and segments, marks how far all
 * is finished, and closes; spool-write.c appends and writes, spool-read.c
 * reads back, spool-finish.c lets go of what is acknowledged or dropped,
 * spool-recover.c finds what an earlier process has left; spool-private.h
 * draws how all of it hangs together.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/spool-private.h"

#define MS               UINT64_C(1000000)
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

void
insp_spool_segment_name(uint64_t number, char name[INSP_SPOOL_NAME_SIZE])
{
    snprintf(name, INSP_SPOOL_NAME_SIZE, "%020llu.ipfix",
             (unsigned long long) number);
}

void
insp_spool_remove_segment(struct insp_spool *s,
                          struct insp_spool_segment *segment)
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
        insp_spool_stop_writing(s);
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
        insp_spool_remove_segment(s, b->segment);
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
            insp_spool_remove_segment(s, g);
        }
    }
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
    insp_spool_stop_writing(s);
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

/* Marks. */

static struct insp_spool_position
position(struct insp_spool *s)
{
    struct insp_spool_position p = { s->next_number, 0, 0 };

    insp_spool_move_front(s);
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
