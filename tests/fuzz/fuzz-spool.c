/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is a segment file of the spool, behind one byte:
 * when that is odd, checksums are made right first, so that what they guard
 * is reached as well; when its second bit is set, the beginning is also a
 * watermark.  Whatever the bytes are, opening, reading, finishing and
 * appending go on, the sums hold, and what is appended comes back.
 *
 * tests/fuzz/corpus/spool is made by
 *     INSP_SPOOL_CORPUS=tests/fuzz/corpus/spool test-spool */

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "export/spool-format.h"
#include "export/spool.h"
#include "fuzz.h"
#include "record/fields.h"

#define BODY_CRC 51 /* Its offset in a head. */

static void
say_nothing(void *aux, enum insp_log_level level, const char *message)
{
    (void) aux;
    (void) level;
    FUZZ_PROMISE(message[0]);
}

static uint64_t
tell_time(void *aux)
{
    (void) aux;
    return UINT64_C(1763855999000000000);
}

static int
give_random(void *aux, void *bytes, size_t size)
{
    (void) aux;
    memset(bytes, 0, size);
    return 0;
}

static int
sync_nothing(int fd)
{
    (void) fd;
    return 0;
}

static void
store32(uint8_t *to, uint32_t value)
{
    for (unsigned int i = 4; i-- > 0; value >>= 8) {
        to[i] = (uint8_t) value;
    }
}

static void
mend(uint8_t *bytes, size_t n)
{
    for (size_t at = 0; insp_spool_head_find(bytes, n, &at); at++) {
        size_t size = (size_t) (bytes[at + 2] << 8 | bytes[at + 3]);
        uint32_t body;

        if (size < 59 || size > n - at) {
            continue;
        }
        body = (uint32_t) bytes[at + BODY_CRC - 4] << 24 |
               (uint32_t) bytes[at + BODY_CRC - 3] << 16 |
               (uint32_t) bytes[at + BODY_CRC - 2] << 8 |
               bytes[at + BODY_CRC - 1];
        if (body <= n - at - size) {
            store32(bytes + at + BODY_CRC,
                    insp_crc32c(0, bytes + at + size, body));
        }
        store32(bytes + at + size - 4, insp_crc32c(0, bytes + at, size - 4));
    }
}

static void
check_sums(const struct insp_spool *s)
{
    struct insp_spool_counts c;

    insp_spool_count(s, &c);
    FUZZ_PROMISE(c.appended + c.recovered == c.finished + c.held + c.dropped);
    FUZZ_PROMISE(c.dropped == c.dropped_full + c.dropped_damaged);
    FUZZ_PROMISE(c.passed <= c.held);
}

static uint64_t
read_all(struct insp_spool *s, bool finish)
{
    const struct insp_spooled *item;
    uint64_t n = 0;

    while ((item = insp_spool_peek(s))) {
        uint64_t number = item->number;

        FUZZ_PROMISE(insp_record_shape(&item->record) != INSP_N_SHAPES);
        FUZZ_PROMISE(item == insp_spool_peek(s));
        for (unsigned int i = 0; i < 2; i++) {
            FUZZ_PROMISE(!item->port[i] || item->port[i]->id);
        }
        n++;
        if (finish && n % 3) {
            FUZZ_PROMISE(insp_spool_finish(s, item->incarnation, number, 1) >
                         0);
        } else {
            insp_spool_pass(s);
        }
        check_sums(s);
    }
    return n;
}

static void
use(const struct insp_host *host, const struct insp_spool_config *config)
{
    struct insp_watermark_values mark = { .incarnation = 2 };
    struct insp_queued item = { .record = { .type = INSP_RECORD_LOSS,
                                            .inspector = 1 } };
    struct insp_spool_counts c;
    struct insp_spool *s;
    char why[256];
    uint64_t n;

    FUZZ_PROMISE(!insp_spool_open(host, config, &s, why, sizeof why));
    check_sums(s);
    n = read_all(s, false);
    insp_spool_count(s, &c);
    FUZZ_PROMISE(n == c.held && n == c.passed);
    insp_spool_rewind(s);
    FUZZ_PROMISE(insp_spool_append(s, &item, 7, 0) == INSP_SPOOL_KEPT);
    FUZZ_PROMISE(read_all(s, true) >= 1);
    insp_spool_mark(s, &mark);
    insp_spool_rewind(s);
    (void) insp_spool_peek(s);
    while (insp_spool_drop_oldest(s)) {
        check_sums(s);
    }
    check_sums(s);
    insp_spool_close(s);
}

static void
store(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    FUZZ_PROMISE(fd >= 0 && write(fd, bytes, size) == (ssize_t) size);
    close(fd);
}

/* Removes the folder and its files. */
static void
clear(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        (void) !unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct insp_spool_io io = { pwrite, sync_nothing };
    const struct insp_host host = { NULL,      say_nothing, tell_time,
                                    tell_time, give_random, NULL };
    /* In memory where there is such a place: it is ten times as fast. */
    char top[] = "/dev/shm/fuzz-spool-XXXXXX", folder[64], path[128];
    const struct insp_spool_config config = { .dir = top,
                                              .uplink = "u",
                                              .sensor = "s",
                                              .max_bytes = 1 << 20,
                                              .incarnation = 2,
                                              .io = &io };
    uint8_t *bytes;

    if (!size || size > 1 << 18) {
        return 0;
    }
    bytes = malloc(size);
    if (!mkdtemp(top)) {
        strcpy(top, "/tmp/fuzz-spool-XXXXXX");
        FUZZ_PROMISE(mkdtemp(top));
    }
    FUZZ_PROMISE(bytes);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1) {
        mend(bytes, size - 1);
    }
    snprintf(folder, sizeof folder, "%s/u", top);
    FUZZ_PROMISE(!mkdir(folder, 0700));
    snprintf(path, sizeof path, "%s/%020d.ipfix", folder, 3);
    store(path, bytes, size - 1);
    if (data[0] & 2) {
        if (data[0] & 1 && size > INSP_WATERMARK_SLOT) {
            store32(bytes, 0x4f564d31);
            store32(bytes + 4,
                    insp_crc32c(0, bytes + 8, INSP_WATERMARK_SLOT - 8));
        }
        snprintf(path, sizeof path, "%s/watermark", folder);
        store(path, bytes, size - 1);
    }
    use(&host, &config);
    clear(folder);
    rmdir(top);
    free(bytes);
    return 0;
}
