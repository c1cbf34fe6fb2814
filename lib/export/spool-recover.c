/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Files are taken in the order of their numbers.  In each, heads are read one
 * after the other, their bodies skipped; what stands between two heads that
 * belong together is damage.  Behind damage the next head is found by its
 * mark.  When there is none, what is left is the torn end of a write and is
 * cut off.  Bodies are looked at when they are read.
 *
 * What the watermark says is finished is not counted as recovered, and files
 * of which nothing else is left are removed.  Writing goes on in a new file.
 *
 * The files are a stranger's: nothing but a regular file of the right name is
 * opened, no link is followed, and what is kept is bounded by the file's size
 * and BLOCKS_MAX.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export/spool-private.h"

#define WINDOW       65536
#define BLOCKS_MAX   65536 /* In a segment. */
#define SEGMENTS_MAX 65536

struct numbers {
    uint64_t *at;
    size_t n;
    size_t room;
};

/* A file, and the part of it that is in memory. */
struct view {
    int fd;
    uint64_t size;
    uint8_t *window; /* WINDOW bytes. */
    uint64_t offset; /* Of them. */
    size_t n;
    size_t want; /* How much to read at once. */
};

/* True for "00000000000000000007.ipfix". */
static bool
is_segment_name(const char *name, uint64_t *number)
{
    char again[INSP_SPOOL_NAME_SIZE];

    *number = strtoull(name, NULL, 10);
    insp_spool_segment_name(*number, again);
    return !strcmp(name, again) && *number && *number < UINT64_MAX / 2;
}

static bool
add_number(struct numbers *numbers, uint64_t number)
{
    if (numbers->n == numbers->room) {
        size_t room = 2 * numbers->room + 64;
        uint64_t *at = realloc(numbers->at, room * sizeof *at);

        if (!at) {
            return false;
        }
        numbers->at = at;
        numbers->room = room;
    }
    numbers->at[numbers->n++] = number;
    return true;
}

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int
list_segments(struct insp_spool *s, struct numbers *numbers)
{
    int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    uint64_t number;
    int error = 0;

    if (!dir) {
        error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    while (!error && (entry = readdir(dir))) {
        if (is_segment_name(entry->d_name, &number) &&
            numbers->n < SEGMENTS_MAX && !add_number(numbers, number)) {
            error = ENOMEM;
        }
    }
    closedir(dir);
    if (numbers->n) {
        qsort(numbers->at, numbers->n, sizeof *numbers->at, compare_numbers);
    }
    return error;
}

/* Makes the window begin at 'offset'; as much of it as there is. */
static bool
look(struct view *v, uint64_t offset)
{
    size_t most = (size_t) INSP_MIN(v->size - offset, v->want);

    if (v->n && offset >= v->offset &&
        offset + INSP_MIN(most, INSP_SPOOL_HEAD_MAX) <= v->offset + v->n) {
        return true;
    }
    v->offset = offset;
    v->n = 0;
    while (v->n < most) {
        ssize_t n = pread(v->fd, v->window + v->n, most - v->n,
                          (off_t) (offset + v->n));

        if (n > 0) {
            v->n += (size_t) n;
        } else if (!n || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static enum insp_spool_parsed
parse_at(struct view *v, uint64_t offset, struct insp_spool_head *h,
         size_t *size)
{
    size_t at;

    if (!look(v, offset)) {
        return INSP_SPOOL_DAMAGED;
    }
    at = (size_t) (offset - v->offset);
    return insp_spool_head_parse(v->window + at, v->n - at, h, size);
}

/* The next place, from '*offset' on, where a head may begin. */
static bool
find_head(struct view *v, uint64_t *offset)
{
    v->want = WINDOW;
    while (*offset < v->size && look(v, *offset)) {
        size_t at = (size_t) (*offset - v->offset);

        if (insp_spool_head_find(v->window, v->n, &at)) {
            *offset = v->offset + at;
            return true;
        } else if (v->offset + v->n >= v->size) {
            return false;
        }
        *offset = INSP_MAX(*offset + 1, v->offset + v->n - 31);
        v->n = 0;
    }
    return false;
}

/* Marks what the last process has finished. */
static void
apply_position(const struct insp_spool *s, struct insp_spool_block *b,
               uint64_t number, uint64_t offset)
{
    const struct insp_spool_position *p = &s->previous.position;
    uint32_t n =
        number < p->segment || (number == p->segment && offset < p->offset)
            ? b->n_records
        : number == p->segment && offset == p->offset
            ? INSP_MIN(p->record, b->n_records)
            : 0;

    for (uint32_t i = 0; i < n; i++) {
        b->finished[i / 8] |= (uint8_t) (1 << i % 8);
    }
    b->n_finished = n;
}

static bool
take_block(struct insp_spool *s, struct insp_spool_segment *segment,
           uint64_t offset, size_t head_size)
{
    struct insp_spool_block *b = insp_spool_block_create(&s->head);

    if (!b) {
        return false;
    }
    apply_position(s, b, segment->number, offset);
    insp_spool_add_block(s, b);
    insp_spool_put_in(b, segment, offset, (uint32_t) head_size);
    s->beyond += b->n_finished;
    s->counts.recovered += b->n_records - b->n_finished;
    s->counts.held += b->n_records - b->n_finished;
    return true;
}

static void
cut(struct insp_spool *s, struct view *v, uint64_t offset)
{
    s->counts.torn_bytes += v->size - offset;
    if (ftruncate(v->fd, (off_t) offset)) {
        return; /* It will be found torn again. */
    }
    v->size = offset;
}

/* 0 or ENOMEM. */
static int
scan(struct insp_spool *s, struct view *v, struct insp_spool_segment *segment)
{
    uint64_t offset = 0;

    while (offset < v->size) {
        size_t size = 0;
        enum insp_spool_parsed parsed = parse_at(v, offset, &s->head, &size);
        uint64_t end = offset + size + s->head.body_size;

        if (parsed == INSP_SPOOL_WHOLE && end <= v->size) {
            if (s->head.kind == INSP_SPOOL_BLOCK) {
                if (segment->n_blocks >= BLOCKS_MAX) {
                    break;
                } else if (!take_block(s, segment, offset, size)) {
                    return ENOMEM;
                }
            }
            segment->n_heads++;
            /* Small blocks several at once, of large ones the heads alone. */
            v->want = end - offset < WINDOW / 4 ? WINDOW : INSP_SPOOL_HEAD_MAX;
            offset = end;
        } else {
            uint64_t next = offset + 1;

            if (!find_head(v, &next)) {
                cut(s, v, offset);
                break;
            }
            s->counts.damaged_blocks += parsed != INSP_SPOOL_WHOLE;
            offset = next;
        }
    }
    segment->size = v->size;
    return 0;
}

static int
take_file(struct insp_spool *s, struct view *v, uint64_t number)
{
    struct insp_spool_segment *segment;
    size_t size;
    int error;

    if (parse_at(v, 0, &s->head, &size) == INSP_SPOOL_ALIEN) {
        s->counts.alien_segments++;
        s->counts.alien_bytes += v->size;
        return 0;
    }
    segment = insp_spool_add_segment(s, number);
    if (!segment) {
        return ENOMEM;
    }
    error = scan(s, v, segment);
    s->counts.bytes += segment->size;
    return error;
}

static int
take_number(struct insp_spool *s, uint8_t *window, uint64_t number)
{
    struct view v = { .window = window, .want = INSP_SPOOL_HEAD_MAX };
    char name[INSP_SPOOL_NAME_SIZE];
    struct stat st;
    int error = 0;

    s->next_number = INSP_MAX(s->next_number, number + 1);
    insp_spool_segment_name(number, name);
    v.fd =
        openat(s->folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (v.fd < 0 || fstat(v.fd, &st) || !S_ISREG(st.st_mode)) {
        s->counts.alien_segments++; /* Not our doing; not our business. */
    } else {
        v.size = (uint64_t) st.st_size;
        error = take_file(s, &v, number);
    }
    if (v.fd >= 0) {
        close(v.fd);
    }
    return error;
}

static void
report(struct insp_spool *s)
{
    const struct insp_spool_counts *c = &s->counts;

    if (c->recovered || c->damaged_blocks || c->torn_bytes) {
        insp_log(s->host, INSP_LOG_INFO,
                 "spool '%s': recovered %llu records in %llu segments; %llu "
                 "damaged blocks, %llu torn bytes",
                 s->path, (unsigned long long) c->recovered,
                 (unsigned long long) c->segments,
                 (unsigned long long) c->damaged_blocks,
                 (unsigned long long) c->torn_bytes);
    }
    if (c->alien_segments) {
        insp_spool_fail(s,
                        "%llu segments are of another version of the format, "
                        "or no files: left alone",
                        (unsigned long long) c->alien_segments);
    }
}

int
insp_spool_recover(struct insp_spool *s)
{
    struct numbers numbers = { NULL, 0, 0 };
    uint8_t *window = malloc(WINDOW);
    int error = window ? list_segments(s, &numbers) : ENOMEM;

    s->next_number = INSP_MAX(s->previous.position.segment, 1);
    if (s->next_number > UINT64_MAX / 2) {
        s->next_number = 1;
    }
    for (size_t i = 0; !error && i < numbers.n; i++) {
        error = take_number(s, window, numbers.at[i]);
    }
    free(numbers.at);
    free(window);
    if (error) {
        return error;
    }
    s->counts.again = INSP_MIN(s->previous.beyond, s->counts.recovered);
    insp_spool_remove_empty(s);
    report(s);
    return 0;
}
