/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The newest file that has a checkpoint is read to its end: it says everything
 * that was known.  What stands behind its last whole block was never durable,
 * so that nobody was told of it: it is cut off, and the file goes on there.
 *
 * No bound on gaps holds meanwhile (streams.h): what is in the file was taken,
 * by whatever bound was in force, and a number that is in the file and not
 * known would be written twice.  It costs a tenth of the file at the most: a
 * run has a head of its own there. */

#include "journal-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_OF_MAX  8 /* So many files share the maximum, */
#define FILE_SIZE_MAX (64 * 1024 * 1024)

static bool
file_number(const char *name, uint64_t *file)
{
    const char *digits = name + sizeof COLLECTOR_JOURNAL_PREFIX - 1;

    if (strncmp(name, COLLECTOR_JOURNAL_PREFIX,
                sizeof COLLECTOR_JOURNAL_PREFIX - 1) ||
        strlen(digits) != 20 || strspn(digits, "0123456789") != 20) {
        return false;
    }
    *file = strtoull(digits, NULL, 10);
    return *file && *file < UINT64_MAX;
}

static int
apply(struct collector_journal *j, const struct collector_block *b)
{
    struct collector_stream *s;
    uint64_t first = b->numbers[0], end;
    int error;

    if (b->kind == COLLECTOR_CHECKPOINT ||
        (b->kind == COLLECTOR_RECORDS && !first)) {
        return 0;
    }
    s = collector_streams_get(j->streams, b->sensor, b->uplink,
                              b->incarnation);
    if (!s) {
        return ENOMEM;
    }
    if (b->kind == COLLECTOR_TOTALS) {
        s->records = b->numbers[0];
        s->lost = b->numbers[1];
        s->missing = b->numbers[2];
        s->floor = INSP_MAX(s->floor, b->floor);
        return 0;
    }
    if (!first || !b->numbers[1] ||
        __builtin_add_overflow(first, b->numbers[1], &end)) {
        return EINVAL;
    }
    if (b->kind == COLLECTOR_COVERED) {
        return collector_stream_cover(s, first, end);
    }
    if (b->kind == COLLECTOR_LOST) {
        return collector_stream_lose(s, first, end);
    }
    error = collector_stream_take_run(s, first, end);
    return error ? error : collector_stream_raise(s, b->floor);
}

/* Reads the newest file, and what is known from it. */
static int
recover_file(struct collector_journal *j, uint64_t size, bool *has_checkpoint)
{
    struct collector_reader r;
    struct collector_block b;
    int error = 0;

    *has_checkpoint = false;
    if (!collector_reader_init(&r, j->fd, size)) {
        return ENOMEM;
    }
    while (!error && collector_reader_next(&r, &b)) {
        if (b.kind == COLLECTOR_CHECKPOINT) {
            *has_checkpoint = true;
            j->begun = r.next;
        }
        error = apply(j, &b);
        error = error == EINVAL ? 0 : error;
    }
    j->end = r.next;
    j->cut = size - r.next;
    j->damaged = r.damaged;
    collector_reader_uninit(&r);
    return error;
}

static int
forget_all(struct collector_journal *j)
{
    collector_streams_destroy(j->streams);
    j->streams = collector_streams_create();
    return j->streams ? 0 : ENOMEM;
}

/* From the newest file back to one that has a checkpoint.  Those behind it
 * were being begun when a crash came, and nobody was told that anything is in
 * them; they are put aside, in case it is the disk that has lost it. */
static int
recover(struct collector_journal *j)
{
    while (j->newest && j->newest >= j->oldest) {
        char name[COLLECTOR_JOURNAL_NAME], aside[COLLECTOR_JOURNAL_NAME + 16];
        bool has_checkpoint;
        struct stat s;
        int error;

        collector_journal_name(name, j->newest);
        j->fd = openat(j->folder_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (j->fd < 0 || fstat(j->fd, &s)) {
            return errno;
        }
        error = recover_file(j, (uint64_t) s.st_size, &has_checkpoint);
        if (error) {
            return error;
        } else if (has_checkpoint) {
            /* What was only in the kernel counts from now on. */
            return (j->cut && ftruncate(j->fd, (off_t) j->end)) ||
                           fdatasync(j->fd)
                       ? errno
                       : 0;
        }
        close(j->fd);
        j->fd = -1;
        j->end = 0;
        snprintf(aside, sizeof aside, "%s.unfinished", name);
        if (forget_all(j) ||
            renameat(j->folder_fd, name, j->folder_fd, aside)) {
            return errno;
        }
        j->newest--;
        collector_journal_name(name, j->newest);
        if (!fstatat(j->folder_fd, name, &s, AT_SYMLINK_NOFOLLOW)) {
            j->older_bytes -= INSP_MIN(j->older_bytes, (uint64_t) s.st_size);
        }
    }
    j->oldest = 0;
    return collector_journal_begin_file(j);
}

/* Finds the files.  Those before a gap in the numbers are none of ours. */
static int
find_files(struct collector_journal *j)
{
    DIR *folder = fdopendir(dup(j->folder_fd));
    struct dirent *entry;
    char name[COLLECTOR_JOURNAL_NAME];
    uint64_t file;

    if (!folder) {
        return errno;
    }
    rewinddir(folder);
    while ((entry = readdir(folder))) {
        if (file_number(entry->d_name, &file)) {
            j->newest = INSP_MAX(j->newest, file);
        }
    }
    closedir(folder);
    for (file = j->newest; file; file--) {
        struct stat s;

        collector_journal_name(name, file);
        if (fstatat(j->folder_fd, name, &s, AT_SYMLINK_NOFOLLOW)) {
            break;
        }
        j->oldest = file;
        j->older_bytes += file < j->newest ? (uint64_t) s.st_size : 0;
    }
    return 0;
}

static bool
open_folder(struct collector_journal *j, char *why, size_t size)
{
    int error;

    if (mkdir(j->folder, 0750) && errno != EEXIST) {
        collector_journal_say(why, size,
                              "cannot make the journal's folder %s: %s",
                              j->folder, strerror(errno));
        return false;
    }
    j->folder_fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->folder_fd < 0) {
        collector_journal_say(why, size,
                              "cannot open the journal's folder %s: %s",
                              j->folder, strerror(errno));
        return false;
    }
    j->lock_fd = openat(j->folder_fd, "lock",
                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (j->lock_fd < 0 || flock(j->lock_fd, LOCK_EX | LOCK_NB)) {
        collector_journal_say(
            why, size, "cannot lock the journal %s: %s", j->folder,
            errno == EWOULDBLOCK ? "another process has it" : strerror(errno));
        return false;
    }
    error = find_files(j);
    error = error ? error : recover(j);
    if (error) {
        collector_journal_say(why, size, "cannot take up the journal %s: %s",
                              j->folder, strerror(error));
        return false;
    }
    return true;
}

struct collector_journal *
collector_journal_open(const char *folder, uint64_t max_bytes, char *why,
                       size_t size)
{
    struct collector_journal *j = calloc(1, sizeof *j);

    if (!j) {
        collector_journal_say(why, size, "out of memory for the journal");
        return NULL;
    }
    j->folder_fd = j->lock_fd = j->fd = -1;
    j->due = INT64_MAX;
    j->needed = UINT64_MAX;
    j->max_bytes = max_bytes;
    j->file_size = INSP_MIN(max_bytes / FILES_OF_MAX, FILE_SIZE_MAX);
    j->folder = strdup(folder);
    j->buffer = malloc(COLLECTOR_JOURNAL_BUFFER);
    j->streams = collector_streams_create();
    if (!j->folder || !j->buffer || !j->streams) {
        collector_journal_say(why, size, "out of memory for the journal");
    } else if (open_folder(j, why, size)) {
        collector_streams_bound(j->streams);
        return j;
    }
    collector_journal_close(j);
    return NULL;
}
