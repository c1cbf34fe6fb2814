/* SPDX-License-Identifier: Apache-2.0 */
/* Watermark
 * =========
 *
 * How far an uplink has come, in a small file that outlives the process: what
 * the next one subtracts from to say what a crash has cost.
 *
 *     open (what the last process stored) --> store, at every turn --> close
 *
 * Stored by one write of a hundred bytes into the older of two slots, each
 * with a number and a checksum, so that a store that is cut short costs only
 * itself.  A killed process loses nothing that was stored; a host that loses
 * power loses what the spool's last fdatasync() did not cover.  It is not
 * mapped into memory: a file that somebody cuts short would then end the
 * switch.
 *
 * Above:    spool.c.               Below:  base/crc32c.h, cursor.h, put.h.
 * Threads:  one.
 * Memory:   none.
 * Time:     one write a store.
 * Fails:    open and store with a positive errno.
 */

#ifndef INSP_EXPORT_WATERMARK_H
#define INSP_EXPORT_WATERMARK_H 1

#include "base/compiler.h"

/* All that came before this record of the spool, in the order of its files,
 * is finished. */
struct insp_spool_position {
    uint64_t segment; /* Its number; 0: nothing is known. */
    uint64_t offset;  /* Of the block in it. */
    uint32_t record;  /* Of the block. */
};

/* Records, as in the uplink's status.  The spool keeps 'position', 'beyond'
 * and 'time_ns', the uplink all else. */
struct insp_watermark_values {
    uint32_t incarnation; /* 0: nothing was stored. */
    uint64_t produced;
    uint64_t recovered;
    uint64_t acknowledged;
    uint64_t sent;
    uint64_t spooled;
    uint64_t dropped;
    uint64_t lost;      /* In earlier crashes, and not yet reported. */
    uint64_t report_ns; /* Wall clock: when open connections' counters
                         * were last reported. */
    uint64_t time_ns;   /* Wall clock: when this was stored. */
    struct insp_spool_position position;
    uint64_t beyond; /* Finished out of turn, behind that. */
};

struct insp_watermark {
    int fd; /* -1: closed. */
    uint64_t generation;
};

/* Opens or makes 'name' in the folder.  '*last' is what was stored last, or
 * zeros. */
int insp_watermark_open(struct insp_watermark *, int folder, const char *name,
                        struct insp_watermark_values *last) INSP_MUST_USE;
int insp_watermark_store(struct insp_watermark *,
                         const struct insp_watermark_values *) INSP_MUST_USE;
void insp_watermark_close(struct insp_watermark *);

/* One slot, to and from bytes.  Parse is false for what is none. */
#define INSP_WATERMARK_SLOT 128
void insp_watermark_format(uint8_t slot[INSP_WATERMARK_SLOT],
                           uint64_t generation,
                           const struct insp_watermark_values *);
bool insp_watermark_parse(const uint8_t slot[INSP_WATERMARK_SLOT],
                          uint64_t *generation,
                          struct insp_watermark_values *);

#endif /* export/watermark.h */
