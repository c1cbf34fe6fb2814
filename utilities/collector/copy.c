/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The journal's lines, without the heads, are one stream of bytes, and the
 * output is a copy of it.  A mark, "this place of the journal is at this size
 * of this file", is written once a second, after the output's bytes are on the
 * disk:
 *
 *      journal  ......|=========|---------------
 *                   mark        |
 *      output   ......|=========|     what stands behind the mark's size is
 *                                     the same as behind its place
 *
 * At the start, what stands there is compared and passed over; the first byte
 * that differs, if somebody else has written to the file, ends that, and from
 * the mark on lines come again: rather twice than never.
 *
 * When the output is opened anew (logrotate), what was written to the old file
 * since the mark is passed over in the same way, by counting, and a mark for
 * the new file is made before its first byte.
 */

#include <config.h>

#include "copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_copy);

#define MARK_MS      1000
#define MARK_NAME    "position"
#define LINES_A_TURN 4096

struct mark {
    struct collector_place place;
    struct collector_output_where where;
};

struct collector_copy {
    struct collector_journal *journal;
    struct collector_output *output;
    char *mark_path;

    int fd; /* Of the file that is read; or -1. */
    struct collector_reader reader;
    struct collector_place at; /* What comes next. */
    struct collector_block block;
    bool has_block; /* 'at.within' of its lines are copied. */

    struct mark mark;         /* As it is on the disk. */
    uint64_t written_at_mark; /* Of the output's bytes. */
    uint64_t opened;          /* Times that the output was, as we know. */
    bool needs_mark;          /* Before anything else. */
    long long int next_mark;
};

/* Reading. */

static void
close_file(struct collector_copy *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        collector_reader_uninit(&c->reader);
    }
    c->fd = -1;
    c->has_block = false;
}

static bool
open_file(struct collector_copy *c)
{
    uint64_t limit, oldest = collector_journal_oldest(c->journal);

    if (c->at.file < oldest) {
        if (c->at.file) {
            VLOG_WARN("the journal's files before %" PRIu64 " are gone; the "
                      "output has a gap",
                      oldest);
        }
        c->at = (struct collector_place){ .file = oldest };
    }
    c->fd = collector_journal_open_file(c->journal, c->at.file, &limit);
    if (c->fd >= 0 && !collector_reader_init(&c->reader, c->fd, limit)) {
        close(c->fd);
        c->fd = -1;
    }
    if (c->fd < 0) {
        return false;
    }
    c->reader.next = c->at.block;
    return true;
}

/* Reads as far as the file goes by now: one that is not the newest any more
 * may have grown since it was looked at last, while the output had no room. */
static void
read_to_its_end(struct collector_copy *c, uint64_t newest)
{
    struct stat s;

    if (c->at.file == newest) {
        c->reader.limit = collector_journal_end(c->journal);
    } else if (!fstat(c->fd, &s)) {
        c->reader.limit = (uint64_t) s.st_size;
    }
}

/* The next block with lines, durable, in this file or the next.  False: there
 * is none yet. */
static bool
next_block(struct collector_copy *c)
{
    uint64_t within = c->at.within;

    for (;;) {
        uint64_t newest = collector_journal_newest(c->journal);

        if (c->fd < 0 && !open_file(c)) {
            return false;
        }
        read_to_its_end(c, newest);
        while (collector_reader_next(&c->reader, &c->block)) {
            bool is_same = c->reader.at == c->at.block;

            c->at.block = c->reader.at;
            if (c->block.kind == COLLECTOR_RECORDS && c->block.bytes) {
                c->at.within = is_same ? MIN(within, c->block.bytes) : 0;
                c->has_block = true;
                return true;
            }
        }
        if (c->at.file >= newest) {
            c->at.block = c->reader.next;
            c->at.within = 0;
            return false;
        }
        close_file(c);
        c->at = (struct collector_place){ .file = c->at.file + 1 };
        within = 0;
        collector_journal_need(c->journal,
                               MIN(c->mark.place.file, c->at.file));
    }
}

static const uint8_t *
rest_of_block(const struct collector_copy *c, size_t *n)
{
    *n = (size_t) (c->block.bytes - c->at.within);
    return c->reader.lines + c->at.within;
}

static void
pass(struct collector_copy *c, size_t n)
{
    c->at.within += n;
    if (c->at.within >= c->block.bytes) {
        c->at.block = c->reader.next;
        c->at.within = 0;
        c->has_block = false;
    }
}

static void
go_to_mark(struct collector_copy *c)
{
    close_file(c);
    c->at = c->mark.place;
}

/* Passes over 'n' bytes. */
static void
skip(struct collector_copy *c, uint64_t n)
{
    while (n && (c->has_block || next_block(c))) {
        size_t left;

        ignore(rest_of_block(c, &left));
        left = MIN(left, n);
        pass(c, left);
        n -= left;
    }
}

/* Marks. */

static bool
read_mark(struct collector_copy *c)
{
    char text[512];
    int fd = open(c->mark_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    struct mark m;

    if (fd >= 0) {
        close(fd);
    }
    text[MAX(n, 0)] = '\0';
    if (n <= 0 ||
        !ovs_scan(text,
                  "{\"position\":{\"file\":%" SCNu64 ",\"block\":%" SCNu64
                  ",\"within\":%" SCNu64 ",\"device\":%" SCNu64
                  ",\"inode\":%" SCNu64 ",\"size\":%" SCNu64 "}}",
                  &m.place.file, &m.place.block, &m.place.within,
                  &m.where.device, &m.where.inode, &m.where.size)) {
        return false;
    }
    c->mark = m;
    return true;
}

static int
write_mark(const struct collector_copy *c, const struct mark *m)
{
    char *fresh = xasprintf("%s.new", c->mark_path);
    char *text =
        xasprintf("{\"position\":{\"file\":%" PRIu64 ",\"block\":%" PRIu64
                  ",\"within\":%" PRIu64 ",\"device\":%" PRIu64
                  ",\"inode\":%" PRIu64 ",\"size\":%" PRIu64 "}}\n",
                  m->place.file, m->place.block, m->place.within,
                  m->where.device, m->where.inode, m->where.size);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    size_t size = strlen(text);
    int error = 0;

    if (fd < 0 || write(fd, text, size) != (ssize_t) size || fdatasync(fd) ||
        rename(fresh, c->mark_path)) {
        error = errno ? errno : ENOSPC;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(text);
    free(fresh);
    return error;
}

/* Everything that was taken has been written: says so. */
static void
make_mark(struct collector_copy *c)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    struct collector_output_stats o;
    struct mark m = { .place = c->at };
    int error;

    c->next_mark = time_msec() + MARK_MS;
    collector_output_get_stats(c->output, &o);
    ignore(collector_output_where(c->output, &m.where));
    if (!c->needs_mark && !memcmp(&m, &c->mark, sizeof m)) {
        return;
    }
    error = collector_output_sync(c->output);
    error = error ? error : write_mark(c, &m);
    if (error) {
        VLOG_WARN_RL(&rl, "%s: cannot write: %s", c->mark_path,
                     ovs_strerror(error));
        return;
    }
    c->mark = m;
    c->written_at_mark = o.bytes;
    c->needs_mark = false;
    collector_journal_need(c->journal, m.place.file);
}

/* The start. */

/* The file of the mark, which logrotate may have given another name. */
static int
open_marked(const struct collector_copy *c, const char *path)
{
    char *folder_name = dir_name(path);
    DIR *folder = opendir(folder_name);
    struct dirent *entry;
    int fd = -1;

    while (folder && fd < 0 && (entry = readdir(folder))) {
        char *name;
        struct stat s;

        if (entry->d_ino != c->mark.where.inode) {
            continue;
        }
        name = xasprintf("%s/%s", folder_name, entry->d_name);
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        if (fd >= 0 &&
            (fstat(fd, &s) || (uint64_t) s.st_dev != c->mark.where.device)) {
            close(fd);
            fd = -1;
        }
        free(name);
    }
    if (folder) {
        closedir(folder);
    }
    free(folder_name);
    return fd;
}

/* Passes over what stands in the marked file behind the mark.  False: what
 * stands there is something else, or gone. */
static bool
skip_what_is_there(struct collector_copy *c, int fd)
{
    uint64_t at = c->mark.where.size;
    uint8_t bytes[16384];
    struct stat s;

    if (fd < 0 || fstat(fd, &s) || (uint64_t) s.st_size < at) {
        return false;
    }
    for (;;) {
        const uint8_t *lines;
        size_t left;
        ssize_t n = pread(fd, bytes, sizeof bytes, (off_t) at);

        if (n <= 0) {
            return n == 0;
        }
        if (!c->has_block && !next_block(c)) {
            return false;
        }
        lines = rest_of_block(c, &left);
        left = MIN(left, (size_t) n);
        if (memcmp(bytes, lines, left)) {
            return false;
        }
        pass(c, left);
        at += left;
    }
}

static void
end_half_line(struct collector_copy *c)
{
    struct collector_output_stats o;
    struct collector_output_where w;
    struct insp_put put;
    char last = '\n';
    int fd;

    if (!collector_output_where(c->output, &w) || !w.size) {
        return;
    }
    collector_output_get_stats(c->output, &o);
    fd = open(o.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && pread(fd, &last, 1, (off_t) (w.size - 1)) == 1 &&
        last != '\n') {
        put = collector_output_begin(c->output);
        insp_put_u8(&put, '\n');
        collector_output_commit(c->output, &put);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void
find_place(struct collector_copy *c)
{
    struct collector_output_stats o;
    bool is_exact = false;
    int fd = -1;

    collector_output_get_stats(c->output, &o);
    c->opened = o.opened;
    if (read_mark(c)) {
        go_to_mark(c);
        if (c->mark.where.inode) {
            fd = open_marked(c, o.path);
            is_exact = skip_what_is_there(c, fd);
        }
        if (!is_exact && c->mark.where.inode) {
            VLOG_WARN("%s: not what was written last; up to a second of "
                      "lines may come twice",
                      o.path);
            go_to_mark(c);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (!is_exact) {
        end_half_line(c);
    }
    c->needs_mark = true;
}

struct collector_copy *
collector_copy_open(struct collector_journal *journal,
                    struct collector_output *output, char **why)
{
    struct collector_copy *c = xzalloc(sizeof *c);
    struct collector_journal_stats j;

    *why = NULL;
    collector_journal_get_stats(journal, &j);
    c->journal = journal;
    c->output = output;
    c->mark_path = xasprintf("%s/" MARK_NAME, j.folder);
    c->fd = -1;
    collector_journal_need(journal, 0);
    find_place(c);
    return c;
}

/* Use. */

/* The output is another file: what the old one did not get comes again. */
static void
follow_reopened(struct collector_copy *c,
                const struct collector_output_stats *o)
{
    c->opened = o->opened;
    go_to_mark(c);
    skip(c, o->bytes - c->written_at_mark);
    c->needs_mark = true;
    c->next_mark = 0;
}

static void
copy_line(struct collector_copy *c)
{
    struct insp_put put = collector_output_begin(c->output);
    size_t left;
    const uint8_t *line = rest_of_block(c, &left);
    const uint8_t *newline = memchr(line, '\n', left);
    size_t size = newline ? (size_t) (newline + 1 - line) : left;

    insp_put_bytes(&put, line, MIN(size, COLLECTOR_LINE_ROOM));
    collector_output_commit(c->output, &put);
    pass(c, size);
}

void
collector_copy_run(struct collector_copy *c)
{
    struct collector_output_stats o;

    collector_output_get_stats(c->output, &o);
    if (o.opened != c->opened) {
        follow_reopened(c, &o);
    }
    if (!o.waiting && time_msec() >= c->next_mark) {
        make_mark(c);
    }
    for (int i = 0; i < LINES_A_TURN && !c->needs_mark &&
                    collector_output_has_room(c->output) &&
                    (c->has_block || next_block(c));
         i++) {
        copy_line(c);
    }
}

uint64_t
collector_copy_behind(const struct collector_copy *c)
{
    uint64_t newest = collector_journal_newest(c->journal);
    uint64_t behind = 0;

    for (uint64_t file = MAX(c->at.file, 1); file <= newest; file++) {
        uint64_t limit = 0;
        int fd = collector_journal_open_file(c->journal, file, &limit);

        if (fd >= 0) {
            close(fd);
            behind +=
                limit - (file == c->at.file ? MIN(c->at.block, limit) : 0);
        }
    }
    return behind;
}

/* True when there is something to copy. */
static bool
has_more(const struct collector_copy *c)
{
    return c->has_block || c->at.file < collector_journal_newest(c->journal) ||
           c->at.block < collector_journal_end(c->journal);
}

void
collector_copy_wait(struct collector_copy *c)
{
    struct collector_output_stats o;

    collector_output_get_stats(c->output, &o);
    if (!o.waiting) {
        poll_timer_wait_until(c->next_mark);
    }
    if (has_more(c) && !c->needs_mark &&
        collector_output_has_room(c->output)) {
        poll_immediate_wake();
    }
}

void
collector_copy_close(struct collector_copy *c)
{
    if (c) {
        struct collector_output_stats o;

        collector_output_get_stats(c->output, &o);
        if (!o.waiting && o.opened == c->opened) {
            make_mark(c);
        }
        close_file(c);
        free(c->mark_path);
        free(c);
    }
}
