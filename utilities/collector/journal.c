/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * In memory:
 *
 *     | whole blocks      | room for a head | lines of the open block | room
 *     0                   sealed                                      end
 *
 * A block is sealed when its head is written: at a ticket, when the next line
 * does not continue it, when it is full.  A commit writes all whole blocks
 * behind the last durable byte of the newest file, with one pwrite() and one
 * fdatasync(); only then the memory is free again, so that a write that failed
 * half way is made again from its beginning.  After an fdatasync() that failed
 * nobody knows what the kernel still has of the file: the same bytes go into
 * a new one.
 *
 * A new file begins with all that is known of the streams, then has what is in
 * memory at that time, of which the streams know already, and then says that
 * this was a checkpoint.  Before that is on the disk the file does not count.
 * So the newest file with a checkpoint says everything, and older ones may go.
 * What a file begins with does not count as its size, and it becomes at least
 * twice as long: however many gaps sensors have left, no more than as many
 * bytes again are written for them.
 */

#include "journal-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_MS 1000

void
collector_journal_say(char *to, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(to, size, format, args);
    va_end(args);
}

void
collector_journal_name(char name[COLLECTOR_JOURNAL_NAME], uint64_t file)
{
    snprintf(name, COLLECTOR_JOURNAL_NAME,
             COLLECTOR_JOURNAL_PREFIX "%020" PRIu64, file);
}

/* Trouble. */

static void
in_trouble(struct collector_journal *j, const char *what, int error)
{
    collector_journal_say(j->trouble, sizeof j->trouble, "%s: %s", what,
                          strerror(error));
    j->due = j->now_ms + RETRY_MS;
}

/* In memory. */

static size_t
lines_at(const struct collector_journal *j)
{
    return j->sealed + COLLECTOR_HEAD_MAX;
}

static void
seal(struct collector_journal *j)
{
    uint8_t head[COLLECTOR_HEAD_MAX];
    struct insp_put put = insp_put(head, sizeof head);
    const uint8_t *lines = j->buffer + lines_at(j);

    if (!j->open.numbers[1]) {
        return;
    }
    j->open.bytes = j->open_size;
    collector_block_put(&put, &j->open, lines);
    memcpy(j->buffer + j->sealed, head, insp_put_size(&put));
    memmove(j->buffer + j->sealed + insp_put_size(&put), lines, j->open_size);
    j->sealed += insp_put_size(&put) + j->open_size;
    j->put += insp_put_size(&put) + j->open_size;
    j->open.numbers[1] = 0;
    j->open_size = 0;
}

bool
collector_journal_has_room(const struct collector_journal *j)
{
    /* Two heads: the open block may have to be sealed first. */
    return lines_at(j) + j->open_size + COLLECTOR_HEAD_MAX +
               COLLECTOR_LINE_ROOM <=
           COLLECTOR_JOURNAL_BUFFER;
}

static void
become_due(struct collector_journal *j)
{
    if (!j->sealed && !j->open.numbers[1]) {
        j->due = j->now_ms + COLLECTOR_COMMIT_MS;
    }
}

static void
set_block(struct collector_block *b, enum collector_block_kind kind,
          const char *sensor, const struct collector_stream *stream)
{
    memset(b, 0, sizeof *b);
    b->kind = kind;
    snprintf(b->sensor, sizeof b->sensor, "%s", sensor);
    if (stream) {
        snprintf(b->uplink, sizeof b->uplink, "%s", stream->uplink);
        b->incarnation = stream->incarnation;
        b->floor = stream->floor;
    }
}

static bool
continues(const struct collector_journal *j, const char *sensor,
          const struct collector_stream *stream, uint64_t number)
{
    const struct collector_block *b = &j->open;

    return b->numbers[1] && j->open_size < COLLECTOR_BLOCK_FULL &&
           (stream ? b->numbers[0] && b->numbers[0] + b->numbers[1] == number
                   : !b->numbers[0]) &&
           b->incarnation == (stream ? stream->incarnation : 0) &&
           !strcmp(b->sensor, sensor) &&
           !strcmp(b->uplink, stream ? stream->uplink : "");
}

struct insp_put
collector_journal_begin(struct collector_journal *j, const char *sensor,
                        const struct collector_stream *stream, uint64_t number)
{
    if (!continues(j, sensor, stream, number)) {
        seal(j);
        set_block(&j->open, COLLECTOR_RECORDS, sensor, stream);
        j->open.numbers[0] = stream ? number : 0;
    }
    return insp_put(j->buffer + lines_at(j) + j->open_size,
                    COLLECTOR_LINE_ROOM);
}

void
collector_journal_commit(struct collector_journal *j,
                         const struct insp_put *put)
{
    become_due(j);
    j->open.numbers[1]++;
    j->open_size += insp_put_size(put);
}

void
collector_journal_note_lost(struct collector_journal *j,
                            const struct collector_stream *stream,
                            uint64_t first, uint64_t count)
{
    become_due(j);
    seal(j);
    set_block(&j->open, COLLECTOR_LOST, stream->sensor, stream);
    j->open.numbers[0] = first;
    j->open.numbers[1] = count;
    seal(j);
}

uint64_t
collector_journal_ticket(struct collector_journal *j)
{
    seal(j);
    return j->put;
}

uint64_t
collector_journal_durable(const struct collector_journal *j)
{
    return j->durable;
}

/* To the disk. */

static int
write_at(int fd, uint64_t at, const uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t n = pwrite(fd, bytes, size, (off_t) at);

        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n <= 0) {
            return n < 0 ? errno : ENOSPC;
        }
        bytes += n;
        size -= (size_t) n;
        at += (uint64_t) n;
    }
    return 0;
}

/* Writes blocks without lines, through a small buffer. */
struct notes {
    int fd;
    int error;
    uint64_t at;
    size_t n;
    uint8_t bytes[64 * 1024];
};

static void
write_notes(struct notes *n)
{
    if (!n->error) {
        n->error = write_at(n->fd, n->at, n->bytes, n->n);
        n->at += n->n;
        n->n = 0;
    }
}

static void
note(struct notes *n, const struct collector_block *b)
{
    struct insp_put put;

    if (sizeof n->bytes - n->n < COLLECTOR_HEAD_MAX) {
        write_notes(n);
    }
    if (!n->error) {
        put = insp_put(n->bytes + n->n, sizeof n->bytes - n->n);
        collector_block_put(&put, b, "");
        n->n += insp_put_size(&put);
    }
}

static void
note_streams(const struct collector_journal *j, struct notes *n)
{
    const struct collector_stream *s = collector_streams_first(j->streams);
    struct collector_block b;

    for (; s; s = s->next) {
        set_block(&b, COLLECTOR_TOTALS, s->sensor, s);
        b.numbers[0] = s->records;
        b.numbers[1] = s->lost;
        b.numbers[2] = s->missing;
        note(n, &b);
        b.kind = COLLECTOR_COVERED;
        for (size_t i = 0; i < s->covered.n; i++) {
            b.numbers[0] = s->covered.runs[i].first;
            b.numbers[1] = s->covered.runs[i].end - s->covered.runs[i].first;
            note(n, &b);
        }
    }
}

/* Writes all that a new file begins with, see above; '*size' is how much it
 * was. */
static int
write_beginning(const struct collector_journal *j, int fd, uint64_t *size)
{
    struct notes *n = calloc(1, sizeof *n);
    struct collector_block b;
    int error;

    if (!n) {
        return ENOMEM;
    }
    n->fd = fd;
    note_streams(j, n);
    write_notes(n);
    if (!n->error) {
        n->error = write_at(fd, n->at, j->buffer, j->sealed);
        n->at += j->sealed;
    }
    set_block(&b, COLLECTOR_CHECKPOINT, "", NULL);
    b.numbers[0] = collector_streams_count(j->streams);
    note(n, &b);
    write_notes(n);
    *size = n->at;
    error = n->error;
    free(n);
    return error ? error : fdatasync(fd) ? errno : 0;
}

static void
have_written(struct collector_journal *j, uint64_t end)
{
    j->end = end;
    j->durable += j->sealed;
    j->sealed = 0;
    j->commits++;
    j->due = INT64_MAX;
    j->trouble[0] = '\0';
}

int
collector_journal_begin_file(struct collector_journal *j)
{
    char name[COLLECTOR_JOURNAL_NAME];
    uint64_t size = 0;
    int fd, error;

    collector_journal_name(name, j->newest + 1);
    fd = openat(j->folder_fd, name,
                O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return errno;
    }
    error = write_beginning(j, fd, &size);
    if (!error && fsync(j->folder_fd)) {
        error = errno;
    }
    if (error) {
        close(fd);
        unlinkat(j->folder_fd, name, 0);
        return error;
    }
    if (j->fd >= 0) {
        close(j->fd);
        j->older_bytes += j->end;
    }
    j->fd = fd;
    j->newest++;
    j->oldest = j->oldest ? j->oldest : j->newest;
    j->suspect = false;
    j->begun = size;
    have_written(j, size);
    return 0;
}

static void
remove_old(struct collector_journal *j)
{
    while (j->oldest < j->newest && j->oldest < j->needed &&
           j->older_bytes + j->end > j->max_bytes) {
        char name[COLLECTOR_JOURNAL_NAME];
        struct stat s;

        collector_journal_name(name, j->oldest);
        if (!fstatat(j->folder_fd, name, &s, AT_SYMLINK_NOFOLLOW)) {
            uint64_t size = (uint64_t) s.st_size;

            j->older_bytes -= INSP_MIN(size, j->older_bytes);
            if (unlinkat(j->folder_fd, name, 0)) {
                break;
            }
        }
        j->oldest++;
    }
}

static uint64_t
whole_file(const struct collector_journal *j)
{
    return j->begun + INSP_MAX(j->begun, j->file_size);
}

/* True when who reads is so far behind that there is no room for more. */
static bool
is_full(const struct collector_journal *j)
{
    return j->older_bytes + j->end > j->max_bytes + 2 * whole_file(j);
}

static void
commit(struct collector_journal *j)
{
    int error;

    if (is_full(j)) {
        in_trouble(j, "the output is too far behind, and the journal is full",
                   ENOSPC);
        return;
    }
    if (j->suspect || j->end >= whole_file(j)) {
        error = collector_journal_begin_file(j);
        if (!error) {
            remove_old(j);
            return;
        } else if (j->suspect) {
            in_trouble(j, "cannot begin another file", error);
            return;
        }
    }
    error = write_at(j->fd, j->end, j->buffer, j->sealed);
    if (error) {
        j->suspect = ftruncate(j->fd, (off_t) j->end) != 0;
        in_trouble(j, "cannot write", error);
    } else if (fdatasync(j->fd)) {
        error = errno;
        j->suspect = true;
        (void) !ftruncate(j->fd, (off_t) j->end);
        in_trouble(j, "cannot write to the disk (fdatasync)", error);
    } else {
        have_written(j, j->end + j->sealed);
    }
}

void
collector_journal_run_now(struct collector_journal *j, int64_t now_ms)
{
    j->now_ms = now_ms;
    seal(j);
    if (j->sealed) {
        commit(j);
    }
}

void
collector_journal_run(struct collector_journal *j, int64_t now_ms)
{
    j->now_ms = now_ms;
    if ((j->sealed || j->open.numbers[1]) &&
        (now_ms >= j->due || (!j->trouble[0] && j->sealed + j->open_size >=
                                                    COLLECTOR_COMMIT_BYTES))) {
        collector_journal_run_now(j, now_ms);
    }
}

int64_t
collector_journal_wait(const struct collector_journal *j)
{
    if (!j->sealed && !j->open.numbers[1]) {
        return INT64_MAX;
    }
    return !j->trouble[0] && j->sealed + j->open_size >= COLLECTOR_COMMIT_BYTES
               ? j->now_ms
               : j->due;
}

/* For who reads. */

uint64_t
collector_journal_oldest(const struct collector_journal *j)
{
    return j->oldest;
}

uint64_t
collector_journal_newest(const struct collector_journal *j)
{
    return j->newest;
}

int
collector_journal_open_file(const struct collector_journal *j, uint64_t file,
                            uint64_t *limit)
{
    char name[COLLECTOR_JOURNAL_NAME];
    struct stat s;
    int fd;

    collector_journal_name(name, file);
    fd = openat(j->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        *limit = file == j->newest ? j->end
                 : fstat(fd, &s)   ? 0
                                   : (uint64_t) s.st_size;
    }
    return fd;
}

uint64_t
collector_journal_end(const struct collector_journal *j)
{
    return j->end;
}

void
collector_journal_need(struct collector_journal *j, uint64_t file)
{
    j->needed = file;
    remove_old(j);
}

struct collector_streams *
collector_journal_streams(struct collector_journal *j)
{
    return j->streams;
}

void
collector_journal_get_stats(const struct collector_journal *j,
                            struct collector_journal_stats *s)
{
    s->folder = j->folder;
    s->files = j->newest - j->oldest + 1;
    s->bytes = j->older_bytes + j->end;
    s->max_bytes = j->max_bytes;
    s->waiting = j->sealed + j->open_size;
    s->commits = j->commits;
    s->cut = j->cut;
    s->damaged = j->damaged;
    s->trouble = j->trouble[0] ? j->trouble : NULL;
}

void
collector_journal_close(struct collector_journal *j)
{
    if (j) {
        if (j->fd >= 0) {
            collector_journal_run_now(j, j->now_ms);
            close(j->fd);
        }
        if (j->lock_fd >= 0) {
            close(j->lock_fd);
        }
        if (j->folder_fd >= 0) {
            close(j->folder_fd);
        }
        collector_streams_destroy(j->streams);
        free(j->folder);
        free(j->buffer);
        free(j);
    }
}
