/* SPDX-License-Identifier: Apache-2.0 */
/* Spool
 * =====
 *
 * The records of one uplink that memory has no room for, on a disk: oldest
 * first, within a bound, across crashes and builds.
 *
 *     append --> block in memory --> segment file --> peek, pass --> finish
 *                   (run: written)      (recovered by the next open)
 *
 * A record is *held* from its append until it is finished (acknowledged, sent
 * or dropped).  peek() and pass() read on without finishing, so what a
 * receiver has yet to acknowledge stays held; rewind() begins again with the
 * oldest that is held.  A segment goes when all its records are finished.
 * In every moment
 *
 *     appended + recovered = finished + held + dropped
 *
 * Files: DIR/UPLINK/ (0700, locked by flock() while open) holds 'watermark'
 * and one NUMBER.ipfix (0600) a segment.  Each is an IPFIX file (RFC 5655)
 * that other tools can read; each block of it has templates, identities,
 * record numbers and checksums of its own, so that one that is damaged costs
 * itself only (spool-format.h).  A segment of a version that is not ours is
 * left alone and counted.
 *
 * When it is safe: a record survives kill -9 from the moment that its block
 * is written: when it is full (some 190 kB), 500 ms after its first record
 * (run()), or at flush().  It survives a loss of power after fdatasync(): when
 * a segment is full, and otherwise once a second while there is something new
 * (run()).  Nothing waits for longer than the disk does; a disk that hangs
 * holds up the thread that called.
 *
 * A full disk: the block stays in memory, whole, and can still be read;
 * append says NO_ROOM, and goes on by itself when there is room again (tried
 * once a second, by run() or append()).  drop_oldest() makes room.
 *
 * Above:    uplink.c.       Below:  ipfix.h, ipfix-read.h, spool-format.h,
 *                                   watermark.h.
 * Threads:  one; not that of packets.
 * Memory:   1.2 MB, and about 150 bytes a block (190 kB of file).
 * Time:     the host's clocks; 'now_ns' is the monotonic one.
 *           Open reads one head for each 190 kB of the files.
 * Fails:    open with an errno and a sentence; append by what it returns;
 *           all else goes on, and insp_spool_error() says what is wrong.
 */

#ifndef INSP_EXPORT_SPOOL_H
#define INSP_EXPORT_SPOOL_H 1

#include <sys/types.h>

#include "base/host.h"
#include "export/queue.h"
#include "export/watermark.h"

#define INSP_SPOOL_LEAST_BYTES (UINT64_C(1) << 20)

struct insp_spool;

/* How bytes come onto the disk; as the functions of these names. */
struct insp_spool_io {
    ssize_t (*pwrite)(int fd, const void *, size_t, off_t);
    int (*fdatasync)(int fd);
};

struct insp_spool_config {
    const char *dir;      /* spool_dir; is made when its parent exists. */
    const char *uplink;   /* Name of the row; of the folder in 'dir'. */
    const char *sensor;   /* Written into segments, for people. */
    uint64_t max_bytes;   /* Of all segments; INSP_SPOOL_LEAST_BYTES or
                           * more. */
    uint32_t incarnation; /* Of this process: of what is appended. */
    const struct insp_spool_io *io; /* NULL: the real one. */
};

/* Opens the folder and recovers what is in it: heads of blocks are read, not
 * their records.  On failure 'why' says what is wrong, quoting the path:
 * cannot be written, is in use by another process, is somebody else's, ... */
int insp_spool_open(const struct insp_host *, const struct insp_spool_config *,
                    struct insp_spool **, char *why,
                    size_t why_size) INSP_MUST_USE;

/* What the last process stored by insp_spool_mark(), or zeros. */
const struct insp_watermark_values *insp_spool_previous(
    const struct insp_spool *);

/* A lower bound drops the oldest segments. */
void insp_spool_set_limit(struct insp_spool *, uint64_t max_bytes);

enum insp_spool_answer {
    INSP_SPOOL_KEPT,
    INSP_SPOOL_NO_ROOM, /* Not now: the disk takes nothing. */
    INSP_SPOOL_UNFIT,   /* Never: no line of its own (PORT, PORT_GONE), or
                         * too long for a block. */
};

/* Takes a copy, with the identities; the caller's references stay the
 * caller's.  'number' is the record's in this incarnation; each is appended
 * at most once; in the order of the numbers costs least. */
enum insp_spool_answer insp_spool_append(struct insp_spool *,
                                         const struct insp_queued *,
                                         uint64_t number,
                                         uint64_t now_ns) INSP_MUST_USE;

/* A record that was read back.  Borrowed until the next call of any function
 * here but count(); what it owns is the spool's (take a reference of
 * 'record.app.values' to keep them).  A port id means something in its
 * process only: those of another incarnation are given new numbers, from 2^31
 * upwards, the same one for the same port, so that they can be sent beside
 * today's. */
struct insp_spooled {
    struct insp_record record;
    const struct insp_port *port[2]; /* NULL: unknown. */
    uint32_t incarnation;
    uint64_t number;
};

/* The oldest that was not passed since the last rewind, or NULL when there is
 * none.  What cannot be read (damage, a record type of a newer build) is
 * dropped and counted here. */
const struct insp_spooled *insp_spool_peek(struct insp_spool *);

/* The one that was peeked at is on its way. */
void insp_spool_pass(struct insp_spool *);

/* The connection broke: all that are held, from the oldest. */
void insp_spool_rewind(struct insp_spool *);

/* Records 'first' to 'first + count - 1' of 'incarnation' need not be held
 * any longer.  Returns how many of them were held: 0 to 'count'. */
uint64_t insp_spool_finish(struct insp_spool *, uint32_t incarnation,
                           uint64_t first, uint64_t count);

/* Drops the oldest segment of which nothing is on its way (what is may have
 * arrived, and would be counted as dropped and come nevertheless), or the
 * oldest of all when there is none such.  False: there is no segment. */
bool insp_spool_drop_oldest(struct insp_spool *);

/* What was dropped here since it was last asked, for LOSS records (by
 * inspector) and LOST frames (by number).  False: nothing more.  The numbers
 * of what was damaged so that not even they can be read are unknown, and when
 * there are more than 1024 ranges the oldest is forgotten. */
bool insp_spool_next_loss(struct insp_spool *, uint32_t *inspector,
                          struct insp_record_loss *);
bool insp_spool_next_lost(struct insp_spool *, uint32_t *incarnation,
                          uint64_t *first, uint64_t *count);

/* At every turn: writes what has waited long enough.  wait() says when there
 * will be something to do (UINT64_MAX: not before the next append). */
void insp_spool_run(struct insp_spool *, uint64_t now_ns);
uint64_t insp_spool_wait(const struct insp_spool *, uint64_t now_ns);

/* Writes all that was appended, and onto the disk itself.  False: it would
 * not. */
bool insp_spool_flush(struct insp_spool *);

/* At every turn: stores the uplink's counts and how far the spool is
 * finished ('position' and 'time_ns' are filled in here). */
void insp_spool_mark(struct insp_spool *,
                     const struct insp_watermark_values *);

struct insp_spool_counts {
    uint64_t appended;
    uint64_t recovered; /* Found by open(), but for those that were finished
                         * in turn. */
    uint64_t again;     /* Of these, the last process had finished so many out
                         * of turn; its marks count them already. */
    uint64_t finished;
    uint64_t held;            /* 'passed' and what is yet to be read. */
    uint64_t passed;          /* Since the last rewind, and not finished. */
    uint64_t dropped;         /* For one of these: */
    uint64_t dropped_full;    /* - the oldest, to stay within the bound; */
    uint64_t dropped_damaged; /* - not readable. */

    uint64_t bytes; /* Of all segments, and what is in memory. */
    uint64_t segments;
    uint64_t damaged_blocks; /* Those with a broken head hold an unknown
                              * number of records that are in no sum. */
    uint64_t torn_bytes;     /* Cut off by open(): a write that was cut
                              * short. */
    uint64_t alien_segments; /* Of another version: left alone. */
    uint64_t alien_bytes;
    uint64_t oldest_ns; /* Wall clock: when the oldest held one was made,
                         * about (that of its block); 0: none. */
};
void insp_spool_count(const struct insp_spool *, struct insp_spool_counts *);

/* What is wrong at present ("no space left on device: ..."), or "". */
const char *insp_spool_error(const struct insp_spool *);

/* Flushes, stores the last mark again, unlocks and frees.  What is held stays
 * on the disk for the next open(). */
void insp_spool_close(struct insp_spool *);

#endif /* export/spool.h */
