/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     | written | whole lines that wait      | room ... |
 *     0         start                        end        BUFFER_SIZE
 *
 * A regular file gets all that waits in one write().  When the disk takes
 * only a part of it, the file is cut back to the last whole line, so that
 * what stands in it is valid at any moment, also after a crash.  A pipe gets
 * at most PIPE_BUF bytes when poll() says that it has room for as much, so
 * that a slow reader never blocks the daemon, whatever flags the descriptor
 * has.
 *
 * A copy of a journal (copy.c) is exact, byte for byte: half a line that a
 * crash has left is continued, and lines that wait when the file is opened
 * anew are dropped, to be copied again into the new one.
 *
 * Once a second the name is looked up: when it is another file by now, or
 * none (logrotate), the file is opened anew.  That needs no signal; the
 * "vlog/reopen" that logrotate's script sends is not in the way.
 */

#include <config.h>

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_output);

#define BUFFER_SIZE (1024 * 1024)
#define RETRY_MS    1000

struct collector_output {
    char *path; /* NULL: standard output. */
    int fd;
    bool is_copy;
    uint64_t opened; /* How often. */
    bool is_regular;
    dev_t device;
    ino_t inode;

    uint8_t *buffer;
    size_t start;
    size_t end;
    uint64_t lines_waiting;

    long long int retry_at; /* After trouble. */
    long long int next_look;
    char *trouble; /* NULL: none. */
    bool gone;     /* Nobody reads any more. */
    uint64_t lines;
    uint64_t bytes;
};

static int
open_file(struct collector_output *o)
{
    int fd = o->path ? open(o->path,
                            O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
                                O_NONBLOCK | O_NOCTTY,
                            0640)
                     : STDOUT_FILENO;
    struct stat s;
    char last;

    if (fd < 0 && o->path && (errno == ENXIO || errno == EACCES)) {
        /* A named pipe, or a file that may be written but not read. */
        fd = open(o->path,
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
                      O_NOCTTY,
                  0640);
    }
    if (fd < 0 || fstat(fd, &s)) {
        return errno;
    }
    o->fd = fd;
    o->is_regular = S_ISREG(s.st_mode);
    o->device = s.st_dev;
    o->inode = s.st_ino;
    o->opened++;
    if (!o->is_copy && o->path && o->is_regular && s.st_size > 0 &&
        pread(fd, &last, 1, s.st_size - 1) == 1 && last != '\n') {
        /* Somebody else's half line; ours begin on lines of their own. */
        ignore(write(fd, "\n", 1));
    }
    return 0;
}

struct collector_output *
collector_output_open(const char *path, bool is_copy, char **why)
{
    struct collector_output *o = xzalloc(sizeof *o);
    int error;

    o->path = strcmp(path, "-") ? abs_file_name(NULL, path) : NULL;
    o->fd = -1;
    o->is_copy = is_copy;
    o->buffer = xmalloc(BUFFER_SIZE);
    error = open_file(o);
    if (error) {
        *why = xasprintf("cannot open %s: %s", o->path, ovs_strerror(error));
        free(o->path);
        free(o->buffer);
        free(o);
        return NULL;
    }
    o->next_look = time_msec() + RETRY_MS;
    return o;
}

static size_t
room(const struct collector_output *o)
{
    return BUFFER_SIZE - (o->end - o->start);
}

bool
collector_output_has_room(const struct collector_output *o)
{
    return room(o) >= COLLECTOR_LINE_ROOM;
}

struct insp_put
collector_output_begin(struct collector_output *o)
{
    if (BUFFER_SIZE - o->end < COLLECTOR_LINE_ROOM) {
        memmove(o->buffer, o->buffer + o->start, o->end - o->start);
        o->end -= o->start;
        o->start = 0;
    }
    return insp_put(o->buffer + o->end, BUFFER_SIZE - o->end);
}

void
collector_output_commit(struct collector_output *o, const struct insp_put *put)
{
    o->end += insp_put_size(put);
    o->lines_waiting++;
}

static void
set_trouble(struct collector_output *o, const char *why)
{
    o->retry_at = time_msec() + RETRY_MS;
    if (!o->trouble || strcmp(o->trouble, why)) {
        VLOG_WARN("%s: cannot write: %s; sensors have to wait until it goes "
                  "on",
                  o->path ? o->path : "standard output", why);
        free(o->trouble);
        o->trouble = xstrdup(why);
    }
}

static void
clear_trouble(struct collector_output *o)
{
    if (o->trouble) {
        VLOG_INFO("%s: writing goes on",
                  o->path ? o->path : "standard output");
        free(o->trouble);
        o->trouble = NULL;
    }
}

static void
consume(struct collector_output *o, size_t n)
{
    const uint8_t *at = o->buffer + o->start, *end = at + n;

    while (at < end && (at = memchr(at, '\n', (size_t) (end - at)))) {
        at++;
        o->lines++;
        o->lines_waiting--;
    }
    o->bytes += n;
    o->start += n;
    if (o->start == o->end) {
        o->start = o->end = 0;
    }
}

/* Cuts what of 'n' bytes behind 'size' is no whole line off the file again.
 * Returns how many bytes stay. */
static size_t
cut(struct collector_output *o, off_t size, size_t n)
{
    const uint8_t *start = o->buffer + o->start;
    const uint8_t *last = memrchr(start, '\n', n);
    size_t keep = last ? (size_t) (last - start) + 1 : 0;

    return ftruncate(o->fd, size + (off_t) keep) ? n : keep;
}

static void
write_file(struct collector_output *o)
{
    size_t n = o->end - o->start;
    off_t size = lseek(o->fd, 0, SEEK_END);
    ssize_t done = write(o->fd, o->buffer + o->start, n);

    if (done < 0) {
        set_trouble(o, ovs_strerror(errno));
    } else if ((size_t) done < n) {
        consume(o, size >= 0 ? cut(o, size, (size_t) done) : (size_t) done);
        set_trouble(o, ovs_strerror(ENOSPC));
    } else {
        clear_trouble(o);
        consume(o, n);
    }
}

static void
write_pipe(struct collector_output *o)
{
    while (o->end > o->start) {
        struct pollfd pfd = { o->fd, POLLOUT, 0 };
        size_t n = MIN(o->end - o->start, PIPE_BUF);
        ssize_t done;

        if (poll(&pfd, 1, 0) <= 0) {
            return; /* A slow reader is no trouble. */
        }
        done = write(o->fd, o->buffer + o->start, n);
        if (done < 0) {
            if (errno == EPIPE) {
                o->gone = true;
            } else if (errno != EAGAIN && errno != EINTR) {
                set_trouble(o, ovs_strerror(errno));
            }
            return;
        }
        clear_trouble(o);
        consume(o, (size_t) done);
    }
}

void
collector_output_reopen(struct collector_output *o)
{
    int old = o->fd;
    int error;

    if (!o->path) {
        return;
    }
    error = open_file(o);
    if (error) {
        /* The old file takes the lines meanwhile. */
        set_trouble(o, ovs_strerror(error));
    } else {
        VLOG_INFO("%s: opened anew", o->path);
        close(old);
        if (o->is_copy) {
            o->start = o->end = 0;
            o->lines_waiting = 0;
        }
    }
}

static void
look(struct collector_output *o)
{
    struct stat s;

    o->next_look = time_msec() + RETRY_MS;
    if (o->path && o->is_regular &&
        (stat(o->path, &s) || s.st_dev != o->device || s.st_ino != o->inode)) {
        collector_output_reopen(o);
    }
}

bool
collector_output_run(struct collector_output *o)
{
    if (time_msec() >= o->next_look) {
        look(o);
    }
    if (o->end > o->start && (!o->trouble || time_msec() >= o->retry_at)) {
        if (o->is_regular) {
            write_file(o);
        } else {
            write_pipe(o);
        }
    }
    return !o->gone;
}

void
collector_output_wait(struct collector_output *o)
{
    poll_timer_wait_until(o->next_look);
    if (o->end == o->start) {
        return;
    } else if (o->trouble) {
        poll_timer_wait_until(o->retry_at);
    } else if (o->is_regular) {
        poll_immediate_wake();
    } else {
        poll_fd_wait(o->fd, POLLOUT);
    }
}

bool
collector_output_where(const struct collector_output *o,
                       struct collector_output_where *w)
{
    struct stat s;

    if (!o->is_regular || fstat(o->fd, &s)) {
        memset(w, 0, sizeof *w);
        return false;
    }
    w->device = (uint64_t) s.st_dev;
    w->inode = (uint64_t) s.st_ino;
    w->size = (uint64_t) s.st_size;
    return true;
}

int
collector_output_sync(const struct collector_output *o)
{
    return o->is_regular && fdatasync(o->fd) ? errno : 0;
}

void
collector_output_get_stats(const struct collector_output *o,
                           struct collector_output_stats *s)
{
    s->path = o->path ? o->path : "-";
    s->lines = o->lines;
    s->bytes = o->bytes;
    s->waiting = o->end - o->start;
    s->opened = o->opened;
    s->trouble = o->trouble;
}

void
collector_output_close(struct collector_output *o)
{
    if (o) {
        for (int i = 0; i < 20 && o->end > o->start && !o->gone; i++) {
            o->retry_at = 0;
            collector_output_run(o);
            if (o->end > o->start) {
                /* A file is always "ready": then it is only the time. */
                struct pollfd pfd = { o->is_regular ? -1 : o->fd, POLLOUT, 0 };

                ignore(poll(&pfd, 1, 50) >= 0);
            }
        }
        if (o->end > o->start && !o->is_copy) {
            VLOG_ERR("%s: %" PRIu64 " lines could not be written any more",
                     o->path ? o->path : "standard output", o->lines_waiting);
        }
        if (o->path) {
            close(o->fd);
        }
        free(o->path);
        free(o->buffer);
        free(o->trouble);
        free(o);
    }
}
