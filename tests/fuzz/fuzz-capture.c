/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: the input is a capture file.  What the probe's reader makes of
 * it must lie within its buffer, be no larger than it says, and end: with the
 * file or with a reason.  Each packet is given an Ethernet header, and all of
 * it is read and overwritten, so that a sanitizer sees where it reaches. */

#include "build-config.h" /* First: memfd_create() is an extension. */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "probe/file.h"

static void
take(struct probe_packet *packet)
{
    FUZZ_PROMISE(packet->size <= PROBE_PACKET_MAX);
    FUZZ_PROMISE(packet->wire_size >= packet->size);
    if (probe_packet_to_ethernet(packet)) {
        FUZZ_PROMISE(packet->wire_size >= packet->size);
        memset(packet->bytes, 0xa5, packet->size);
    } else {
        FUZZ_PROMISE(!probe_link_is_read(packet->link));
    }
}

static void
read_all(struct probe_file *f, size_t size)
{
    struct probe_packet packet;
    size_t n_fills = 0;

    for (;;) {
        switch (probe_file_next(f, &packet)) {
        case PROBE_PACKET: take(&packet); break;
        case PROBE_WAIT:
            /* One for each buffer, one for the end of the file. */
            FUZZ_PROMISE(n_fills++ <= size / 4096 + 2);
            probe_file_fill(f);
            break;
        case PROBE_END: FUZZ_PROMISE(probe_file_offset(f) == size); return;
        case PROBE_FAILED:
            FUZZ_PROMISE(probe_file_error(f)[0]);
            FUZZ_PROMISE(probe_file_offset(f) <= size);
            return;
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char name[64], error[512] = "";
    struct probe_file *f;

    if (fd < 0) {
        fd = memfd_create("capture", 0);
        FUZZ_PROMISE(fd >= 0);
    }
    FUZZ_PROMISE(!ftruncate(fd, 0));
    FUZZ_PROMISE(pwrite(fd, data, size, 0) == (ssize_t) size);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    f = probe_file_open(name, error, sizeof error);
    if (f) {
        read_all(f, size);
        probe_file_close(f);
    } else {
        FUZZ_PROMISE(error[0]);
    }
    return 0;
}
