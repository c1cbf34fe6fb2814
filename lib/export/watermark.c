/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     | slot: magic, CRC-32C, generation, values | slot |
 *
 * Store 'n' goes to slot n % 2, so the slot that is overwritten is never the
 * newest.  Open takes the valid slot with the higher generation.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/put.h"
#include "export/watermark.h"

#define MAGIC      0x4f564d31 /* "OVM1": the version as well. */
#define CRC_OFFSET 4
#define CRC_FROM   8 /* To the end of the slot. */

void
insp_watermark_format(uint8_t slot[INSP_WATERMARK_SLOT], uint64_t generation,
                      const struct insp_watermark_values *v)
{
    struct insp_put put = insp_put(slot, INSP_WATERMARK_SLOT);

    memset(slot, 0, INSP_WATERMARK_SLOT);
    insp_put_be32(&put, MAGIC);
    insp_put_be32(&put, 0);
    insp_put_be64(&put, generation);
    insp_put_be32(&put, v->incarnation);
    insp_put_be64(&put, v->produced);
    insp_put_be64(&put, v->recovered);
    insp_put_be64(&put, v->acknowledged);
    insp_put_be64(&put, v->sent);
    insp_put_be64(&put, v->spooled);
    insp_put_be64(&put, v->dropped);
    insp_put_be64(&put, v->lost);
    insp_put_be64(&put, v->report_ns);
    insp_put_be64(&put, v->time_ns);
    insp_put_be64(&put, v->position.segment);
    insp_put_be64(&put, v->position.offset);
    insp_put_be32(&put, v->position.record);
    insp_put_be64(&put, v->beyond);
    put.at = slot + CRC_OFFSET;
    insp_put_be32(&put, insp_crc32c(0, slot + CRC_FROM,
                                    INSP_WATERMARK_SLOT - CRC_FROM));
}

bool
insp_watermark_parse(const uint8_t slot[INSP_WATERMARK_SLOT],
                     uint64_t *generation, struct insp_watermark_values *v)
{
    struct insp_cursor c = insp_cursor(slot, INSP_WATERMARK_SLOT);
    uint32_t magic = insp_cursor_be32(&c);
    uint32_t crc = insp_cursor_be32(&c);

    *generation = insp_cursor_be64(&c);
    v->incarnation = insp_cursor_be32(&c);
    v->produced = insp_cursor_be64(&c);
    v->recovered = insp_cursor_be64(&c);
    v->acknowledged = insp_cursor_be64(&c);
    v->sent = insp_cursor_be64(&c);
    v->spooled = insp_cursor_be64(&c);
    v->dropped = insp_cursor_be64(&c);
    v->lost = insp_cursor_be64(&c);
    v->report_ns = insp_cursor_be64(&c);
    v->time_ns = insp_cursor_be64(&c);
    v->position.segment = insp_cursor_be64(&c);
    v->position.offset = insp_cursor_be64(&c);
    v->position.record = insp_cursor_be32(&c);
    v->beyond = insp_cursor_be64(&c);
    return magic == MAGIC &&
           crc ==
               insp_crc32c(0, slot + CRC_FROM, INSP_WATERMARK_SLOT - CRC_FROM);
}

int
insp_watermark_open(struct insp_watermark *w, int folder, const char *name,
                    struct insp_watermark_values *last)
{
    struct stat st;

    *w = (struct insp_watermark){ .fd = -1 };
    *last = (struct insp_watermark_values){ .incarnation = 0 };
    /* Not to wait for the other end of what turns out to be a pipe. */
    w->fd =
        openat(folder, name,
               O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        return errno;
    } else if (fstat(w->fd, &st) || !S_ISREG(st.st_mode)) {
        insp_watermark_close(w);
        return EINVAL;
    }
    for (unsigned int i = 0; i < 2; i++) {
        uint8_t slot[INSP_WATERMARK_SLOT];
        struct insp_watermark_values v;
        uint64_t generation;

        if (pread(w->fd, slot, sizeof slot, i * INSP_WATERMARK_SLOT) ==
                (ssize_t) sizeof slot &&
            insp_watermark_parse(slot, &generation, &v) &&
            generation > w->generation) {
            w->generation = generation;
            *last = v;
        }
    }
    return 0;
}

int
insp_watermark_store(struct insp_watermark *w,
                     const struct insp_watermark_values *v)
{
    uint8_t slot[INSP_WATERMARK_SLOT];
    ssize_t n;

    if (w->fd < 0) {
        return EBADF;
    }
    insp_watermark_format(slot, w->generation + 1, v);
    n = pwrite(w->fd, slot, sizeof slot,
               (off_t) ((w->generation + 1) % 2 * INSP_WATERMARK_SLOT));
    if (n != (ssize_t) sizeof slot) {
        return n < 0 ? errno : ENOSPC;
    }
    w->generation++;
    return 0;
}

void
insp_watermark_close(struct insp_watermark *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}
