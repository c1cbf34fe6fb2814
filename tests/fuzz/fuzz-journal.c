/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the first byte says what the rest is.  'i': operations on a
 * set of numbers, which is compared with an array of flags.  Anything else: a
 * file of the collector's journal, as a crash, a disk or somebody's hand has
 * left it; it is read to its end, and every block that is found must be whole
 * by a look of our own. */

#define _GNU_SOURCE 1

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "collector/block.h"
#include "collector/intervals.h"
#include "fuzz.h"

#define N_NUMBERS 256

static void
check_intervals(const uint8_t *data, size_t size)
{
    struct collector_intervals set = { .n = 0 };
    bool model[N_NUMBERS + 2] = { false };

    for (; size >= 2; data += 2, size -= 2) {
        uint64_t first = 1 + data[0], fresh, wanted = 0;
        uint64_t end = first + 1 + data[1] % 16;
        size_t runs = 0;

        end = end > N_NUMBERS + 1 ? N_NUMBERS + 1 : end;
        FUZZ_PROMISE(
            !collector_intervals_add(&set, N_NUMBERS, first, end, &fresh));
        for (uint64_t n = first; n < end; n++) {
            wanted += !model[n];
            model[n] = true;
        }
        FUZZ_PROMISE(fresh == wanted);
        for (uint64_t n = 1; n <= N_NUMBERS; n++) {
            runs += model[n] && !model[n - 1];
            FUZZ_PROMISE(collector_intervals_has(&set, n) == model[n]);
        }
        FUZZ_PROMISE(set.n == runs && set.n <= set.allocated &&
                     set.allocated <= 4 * (set.n + 1));
    }
    collector_intervals_uninit(&set);
}

static void
check_block(const struct collector_reader *r, const struct collector_block *b,
            const uint8_t *data, size_t size)
{
    size_t block = (size_t) (r->next - r->at);
    struct insp_put put;
    uint8_t *again = malloc(COLLECTOR_HEAD_MAX);

    FUZZ_PROMISE(again && r->at < r->next && r->next <= size);
    FUZZ_PROMISE(b->bytes <= COLLECTOR_BLOCK_MAX && b->bytes < block);
    FUZZ_PROMISE(
        !memcmp(r->lines, data + r->next - b->bytes, (size_t) b->bytes));
    FUZZ_PROMISE(memchr(b->sensor, '\0', sizeof b->sensor));
    FUZZ_PROMISE(memchr(b->uplink, '\0', sizeof b->uplink));
    /* What is written of it reads the same. */
    put = insp_put(again, COLLECTOR_HEAD_MAX);
    collector_block_put(&put, b, r->lines);
    FUZZ_PROMISE(!put.full);
    FUZZ_PROMISE(collector_block_is_head(again, insp_put_size(&put)));
    free(again);
}

static void
check_file(const uint8_t *data, size_t size)
{
    struct collector_reader r;
    struct collector_block b;
    uint64_t last = 0;
    int fd = memfd_create("journal", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t) size ||
        !collector_reader_init(&r, fd, size)) {
        abort();
    }
    while (collector_reader_next(&r, &b)) {
        FUZZ_PROMISE(r.at >= last);
        last = r.next;
        check_block(&r, &b, data, size);
    }
    FUZZ_PROMISE(r.next == last && r.damaged <= size);
    collector_reader_uninit(&r);
    close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'i') {
        check_intervals(data + 1, size - 1);
    } else {
        check_file(data, size);
    }
    return 0;
}
