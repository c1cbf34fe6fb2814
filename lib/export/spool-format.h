/* SPDX-License-Identifier: Apache-2.0 */
/* Spool format
 * ============
 *
 * What stands in a segment of the spool.  It is an IPFIX file (RFC 5655): a
 * row of IPFIX messages, some of which are ours alone:
 *
 *     head of the segment | types of private elements |
 *     head of a block | messages of its records | head | messages | ...
 *
 * A head is an IPFIX message of observation domain 2^32 - 1 with a template
 * of one element, inspectSpoolHead (octetArray), and a record of it, so that
 * other tools skip it by itself.  The element, in network order:
 *
 *     "ISPL"  u16 version  u8 kind  u8 0  u32 size of the body behind the
 *     message  u32 CRC-32C of the body
 *     segment:  u64 number  u32 incarnation  u64 made (ns since 1970)
 *               u8 n + sensor  u8 n + uplink
 *     block:    u32 incarnation  u64 made (ns)  u32 records  u16 runs  u16
 *               sums  { u64 first number  u32 count }, for each run
 *               { u32 inspector  u32 records  u64 packets  u64 bytes }, for
 *               each sum
 *     u32 CRC-32C of the message up to here
 *
 * The last four bytes are so in every version, which makes a version that is
 * not ours distinguishable from damage.  The n-th data record of a block's
 * body has the n-th number of its runs.  Each body is read as an IPFIX
 * session of its own: templates and identities come again in every block.
 *
 * Above:    spool*.c.
 * Below:    base/crc32c.h, cursor.h, put.h.
 * Threads:  no state.
 * Memory:   the caller's.
 * Time:     proportional to the head.
 * Fails:    put by 'full'; parse by what it returns.
 */

#ifndef INSP_EXPORT_SPOOL_FORMAT_H
#define INSP_EXPORT_SPOOL_FORMAT_H 1

#include "base/put.h"

#define INSP_SPOOL_VERSION 1
#define INSP_SPOOL_ELEMENT 70 /* inspectSpoolHead of INSP_PEN. */
#define INSP_SPOOL_DOMAIN  UINT32_MAX

/* Bounds of a block, checked when it is written and when it is read. */
#define INSP_SPOOL_RUNS_MAX    512
#define INSP_SPOOL_SUMS_MAX    64
#define INSP_SPOOL_RECORDS_MAX 4096
#define INSP_SPOOL_BODY_MAX    (512U << 10)
#define INSP_SPOOL_HEAD_MAX    8192

/* Record numbers 'first' to 'first + count - 1'. */
struct insp_spool_run {
    uint64_t first;
    uint32_t count;
};

/* What the records of one inspector speak of. */
struct insp_spool_sum {
    uint32_t inspector;
    uint32_t records;
    uint64_t packets;
    uint64_t bytes;
};

enum insp_spool_kind {
    INSP_SPOOL_SEGMENT = 1,
    INSP_SPOOL_BLOCK = 2
};

struct insp_spool_head {
    enum insp_spool_kind kind;
    uint32_t body_size;
    uint32_t body_crc;
    uint32_t incarnation;
    uint64_t made_ns;

    uint64_t number; /* Of a segment. */
    char sensor[256];
    char uplink[256];

    uint32_t n_records; /* Of a block. */
    uint16_t n_runs;
    uint16_t n_sums;
    struct insp_spool_run runs[INSP_SPOOL_RUNS_MAX];
    struct insp_spool_sum sums[INSP_SPOOL_SUMS_MAX];
};

/* 'ordinal': how many heads the file has before this one. */
void insp_spool_head_put(struct insp_put *, const struct insp_spool_head *,
                         uint32_t ordinal);

enum insp_spool_parsed {
    INSP_SPOOL_WHOLE,   /* A head of '*size' bytes. */
    INSP_SPOOL_PART,    /* More bytes are needed. */
    INSP_SPOOL_ALIEN,   /* A whole head, of another version. */
    INSP_SPOOL_DAMAGED, /* None. */
};
enum insp_spool_parsed insp_spool_head_parse(const void *bytes, size_t n,
                                             struct insp_spool_head *,
                                             size_t *size);

/* Where in the bytes a head may begin, from '*at' on; moves '*at' there.
 * False: nowhere, except where the last 31 bytes may have the beginning. */
bool insp_spool_head_find(const uint8_t *bytes, size_t n, size_t *at);

#endif /* export/spool-format.h */
