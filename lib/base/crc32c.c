/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Half a byte at a time by a table of sixteen, which is small enough to be
 * read; eight bytes at a time with SSE 4.2's instruction, asked for when
 * running.  Bits are taken lowest first, so the polynomial is written
 * backwards.
 */

#include <string.h>

#include "base/crc32c.h"

static uint32_t
by_table(uint32_t crc, const uint8_t *bytes, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const uint8_t *bytes, size_t size)
{
    uint64_t c = crc;

    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t eight;

        memcpy(&eight, bytes, sizeof eight);
        c = __builtin_ia32_crc32di(c, eight);
    }
    for (; size; bytes++, size--) {
        c = __builtin_ia32_crc32qi((uint32_t) c, *bytes);
    }
    return (uint32_t) c;
}

static bool
has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#else
#define by_instruction by_table

static bool
has_instruction(void)
{
    return false;
}
#endif

uint32_t
insp_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return ~(has_instruction() ? by_instruction(~crc, bytes, size)
                               : by_table(~crc, bytes, size));
}
