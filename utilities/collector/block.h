/* SPDX-License-Identifier: Apache-2.0 */
/* Block
 * =====
 *
 * What a journal's file is a row of: a line of JSON that says whose records
 * follow, and as many lines of theirs.
 *
 *     {"journal":{"sensor":"host-1","uplink":"soc","incarnation":1,"floor":1,
 *      "records":[1,2],"bytes":48,"crc32c":"0a1b2c3d"}}           (one line)
 *     {"event_type":"flow", ... }
 *     {"event_type":"flow", ... }
 *
 * Above:    journal.c, copy.c.     Below:  lib/base.
 * Threads:  none of its own.
 * Memory:   a reader has a buffer of one block.
 * Time:     proportional to the bytes.
 * Fails:    by result; what is damaged is passed over, and counted.
 */

#ifndef COLLECTOR_BLOCK_H
#define COLLECTOR_BLOCK_H 1

#include <sys/types.h>

#include "export/frame.h"
#include "export/json.h"

/* Of JSON that a sensor sends, without its newline; and of an IPFIX
 * message. */
#define COLLECTOR_LINE_MAX 65536
#define COLLECTOR_LINE_ROOM                                                   \
    (COLLECTOR_LINE_MAX > INSP_JSON_LINE_MAX ? COLLECTOR_LINE_MAX + 1         \
                                             : INSP_JSON_LINE_MAX)

/* A block is closed when it has as much, and the line that reached it. */
#define COLLECTOR_BLOCK_FULL (256 * 1024)
#define COLLECTOR_BLOCK_MAX  (COLLECTOR_BLOCK_FULL + COLLECTOR_LINE_ROOM)
#define COLLECTOR_HEAD_MAX   2048

enum collector_block_kind {
    COLLECTOR_RECORDS,    /* [first, count]; first 0: without numbers. */
    COLLECTOR_LOST,       /* [first, count]: never came. */
    COLLECTOR_TOTALS,     /* [records, lost, missing] of a stream so far, */
    COLLECTOR_COVERED,    /* [first, count]: and what numbers they had. */
    COLLECTOR_CHECKPOINT, /* [streams]: that was all. */
};

struct collector_block {
    enum collector_block_kind kind;
    char sensor[INSP_FRAME_NAME_SIZE];
    char uplink[INSP_FRAME_NAME_SIZE];
    uint32_t incarnation;
    uint64_t floor;
    uint64_t numbers[3];
    uint64_t bytes; /* Of the lines behind the head. */
    uint32_t crc;
};

/* Writes the head of the block, COLLECTOR_HEAD_MAX bytes at most, with the
 * checksum over itself and the 'bytes' lines at 'lines'. */
void collector_block_put(struct insp_put *, const struct collector_block *,
                         const void *lines);

/* Reads the head at the front of 'n' bytes.  Returns its size, or 0. */
size_t collector_block_parse(const void *bytes, size_t n,
                             struct collector_block *);

/* True when 'line' would be taken for a head. */
bool collector_block_is_head(const void *line, size_t size);

struct collector_reader {
    int fd;           /* Borrowed. */
    uint64_t at;      /* The block that was read last. */
    uint64_t next;    /* Where the next one begins. */
    uint64_t limit;   /* Where the file ends. */
    uint64_t damaged; /* Bytes that were passed over. */
    uint8_t *buffer;
    const uint8_t *lines; /* Of the block. */
};

bool collector_reader_init(struct collector_reader *, int fd, uint64_t limit);

/* The next whole block.  False: there is none up to 'limit', 'next' is where
 * the last one ended. */
bool collector_reader_next(struct collector_reader *,
                           struct collector_block *);
void collector_reader_uninit(struct collector_reader *);

#endif /* block.h */
