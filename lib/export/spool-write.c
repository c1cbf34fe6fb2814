/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Records go into the open block; sealed when it is full or has waited long
 * enough, it is written by one pwrite() behind the last whole one.  What a
 * write that failed has left there is cut off, or overwritten by the next:
 * only what lies before 'size' is ever read, and after a crash checksums tell
 * what is whole.  So a block is on the disk or in memory, and never lost in
 * between.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "export/spool-private.h"

#define MS     UINT64_C(1000000)
#define LINGER (500 * MS)  /* Of records in an open block. */
#define RETRY  (1000 * MS) /* On a disk that took nothing. */
#define SYNC   (1000 * MS)

/* Segments. */

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

void
insp_spool_stop_writing(struct insp_spool *s)
{
    if (s->writing) {
        close(s->fd);
        s->fd = -1;
        s->writing = NULL;
        s->grown = false;
    }
}

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
        insp_spool_stop_writing(s);
    }
    return s->writing || begin_segment(s);
}

/* Blocks. */

static void
recover_from_failure(struct insp_spool *s)
{
    if (s->error[0]) {
        s->error[0] = '\0';
        insp_log(s->host, INSP_LOG_INFO, "spool '%s': goes on", s->path);
    }
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
            insp_spool_stop_writing(
                s); /* What it ends in now is found torn. */
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

/* Records. */

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

/* Running. */

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
