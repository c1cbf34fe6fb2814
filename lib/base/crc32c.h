/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C
 * =======
 *
 * The checksum of iSCSI (RFC 3720, appendix B.4; Castagnoli's polynomial):
 * finds what a disk or a crash has done to bytes.  No defence against who
 * means it.
 *
 * Above:    what keeps bytes on a disk.   Below:  compiler.h.
 * Threads:  any.
 * Memory:   none.
 * Time:     1 ns for 10 bytes where the processor has an instruction for it.
 * Fails:    never.
 */

#ifndef INSP_BASE_CRC32C_H
#define INSP_BASE_CRC32C_H 1

#include "base/compiler.h"

/* 'crc' is 0, or what the bytes before these gave. */
uint32_t insp_crc32c(uint32_t crc, const void *bytes, size_t size);

#endif /* base/crc32c.h */
