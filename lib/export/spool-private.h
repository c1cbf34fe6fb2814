/* SPDX-License-Identifier: Apache-2.0 */
/* Spool, inside
 * =============
 *
 * What the files of the spool share.
 *
 *     first -> block <-> block <-> block <-> block <- last      (open one)
 *                |         |         |         |
 *                v         v         v         NULL: in memory, 'sealed'
 *     oldest -> segment -> segment -> segment <- newest, 'writing'
 *
 * Records are appended to the open block, which is no more than bytes and a
 * head.  Sealed, it has its place in the list and can be read; written, it
 * belongs to a segment.  A block stays in the list until its segment goes.
 *
 * Above:    spool*.c alone.
 * Below:    spool.h, spool-format.h, directory.h.
 * Threads:  as spool.h.
 * Memory:   as spool.h.
 * Time:     none.
 * Fails:    as said at each.
 */

#ifndef INSP_EXPORT_SPOOL_PRIVATE_H
#define INSP_EXPORT_SPOOL_PRIVATE_H 1

#include "export/directory.h"
#include "export/ipfix-read.h"
#include "export/ipfix.h"
#include "export/spool-format.h"
#include "export/spool.h"

#define INSP_SPOOL_BLOCK_BYTES (192U << 10) /* When a block is full. */
#define INSP_SPOOL_BODY_ROOM   (INSP_SPOOL_BLOCK_BYTES + INSP_IPFIX_ROOM_MAX)
#define INSP_SPOOL_LOST_MAX    1024

_Static_assert(INSP_SPOOL_BODY_ROOM <= INSP_SPOOL_BODY_MAX,
               "what is written can be read");

struct insp_spool_segment {
    struct insp_spool_segment *next;
    uint64_t number;
    uint64_t size;   /* Of the file, whole blocks. */
    uint64_t lo, hi; /* Numbers in it, of any incarnation. */
    uint64_t n_held; /* Records. */
    uint32_t n_heads;
    uint32_t n_blocks;
    struct insp_spool_block *first; /* And what comes behind it. */
};

struct insp_spool_block {
    struct insp_spool_block *older, *newer;
    struct insp_spool_segment *segment; /* NULL: in memory. */
    uint64_t order;                     /* Rises along the list. */
    uint64_t offset;                    /* Of the head in the file. */
    uint64_t made_ns;
    uint32_t head_size;
    uint32_t body_size;
    uint32_t body_crc;
    uint32_t incarnation;
    uint32_t n_records;
    uint32_t n_finished;
    uint16_t n_runs;
    uint16_t n_sums;
    struct insp_spool_run *runs; /* All in the block's allocation. */
    struct insp_spool_sum *sums;
    uint8_t *finished; /* A bit a record. */
};

/* What was dropped of one inspector and not yet told. */
struct insp_spool_loss {
    uint32_t inspector;
    struct insp_record_loss sums;
};

struct insp_spool_lost {
    uint32_t incarnation;
    uint64_t first;
    uint64_t count;
};

/* The block that is being read. */
struct insp_spool_reading {
    struct insp_spool_block *block; /* NULL: none is loaded. */
    uint8_t *body;                  /* INSP_SPOOL_BODY_MAX. */
    size_t at;                      /* The next message. */
    bool in_message;
    uint32_t decoded; /* Records so far, and those that are nothing to us. */
    uint64_t unknown; /* The reader's count of the latter. */
    unsigned int run; /* That of the item... */
    uint32_t run_at;  /* ... and the place of its first record. */
    struct insp_ipfix_reader *ipfix;
    struct insp_directory *directory;
    struct insp_ipfix_item got; /* 'spooled' refers to it. */
    struct insp_spooled item;
    struct insp_port renamed[2];
    bool has_item;
    uint32_t item_at; /* Its place in the block. */
};

/* Port ids of earlier processes -> numbers of their own. */
struct insp_spool_ports {
    uint64_t *keys; /* incarnation << 32 | id; 0: free. */
    uint32_t *ids;
    size_t mask;
    size_t n;
    uint32_t next;
};

struct insp_spool {
    const struct insp_host *host;
    struct insp_spool_io io;
    char path[512]; /* Of the folder, for sentences. */
    char sensor[256];
    char uplink[256];
    uint32_t incarnation;
    uint64_t max_bytes;
    uint64_t segment_bytes;
    int folder;

    /* What is held. */
    struct insp_spool_block *first, *last;
    struct insp_spool_block *front; /* All before it are finished. */
    uint64_t beyond;                /* Finished ones from it on. */
    struct insp_spool_segment *oldest, *newest;
    uint64_t order;
    struct insp_spool_counts counts;

    /* Writing.  'room' is space for a head, then the body. */
    struct insp_spool_segment *writing; /* Is 'newest'; NULL: none. */
    int fd;                             /* Of 'writing'. */
    uint64_t next_number;
    bool open;         /* A block is begun; 'head' and 'body' are its. */
    bool sealed;       /* 'last' is not written; so are these its. */
    bool grown;        /* The file, since the last fdatasync(). */
    bool named;        /* There is a new one since then. */
    uint64_t seal_at;  /* When the open block is to be written, */
    uint64_t retry_at; /* when the sealed one, */
    uint64_t sync_at;  /* and when fdatasync() is due. */
    struct insp_ipfix_writer *writer;
    uint8_t *types; /* Body of each segment's head. */
    size_t types_size;
    uint8_t *room;
    struct insp_put body;
    struct insp_spool_head head; /* Scratch while recovering. */

    /* Reading. */
    struct insp_spool_block *cursor; /* NULL: behind the last. */
    uint32_t cursor_at;
    struct insp_spool_reading reading;
    struct insp_spool_segment *read_segment;
    int read_fd; /* Of that, -1: none. */
    struct insp_spool_ports ports;

    /* What was dropped. */
    struct insp_spool_loss losses[INSP_SPOOL_SUMS_MAX];
    unsigned int n_losses;
    struct insp_spool_lost lost[INSP_SPOOL_LOST_MAX]; /* A ring. */
    unsigned int lost_first;
    unsigned int n_lost;

    struct insp_watermark watermark;
    struct insp_watermark_values previous;
    struct insp_watermark_values marked;
    char error[256];
    bool has_marked;
    bool mark_failed;
};

/* Says that the sentence holds now, logs it once. */
void insp_spool_fail(struct insp_spool *, const char *format, ...)
    INSP_PRINTF(2, 3);

/* "00000000000000000007.ipfix" */
#define INSP_SPOOL_NAME_SIZE 32
void insp_spool_segment_name(uint64_t number, char name[INSP_SPOOL_NAME_SIZE]);

/* NULL: no memory. */
struct insp_spool_block *insp_spool_block_create(
    const struct insp_spool_head *);

/* Behind the last one. */
void insp_spool_add_block(struct insp_spool *, struct insp_spool_block *);

/* NULL: no memory. */
struct insp_spool_segment *insp_spool_add_segment(struct insp_spool *,
                                                  uint64_t number);

/* It is written there. */
void insp_spool_put_in(struct insp_spool_block *, struct insp_spool_segment *,
                       uint64_t offset, uint32_t head_size);

static inline bool
insp_spool_is_finished(const struct insp_spool_block *b, uint32_t record)
{
    return b->finished[record / 8] >> record % 8 & 1;
}

/* Passes what is finished with 'front'. */
void insp_spool_move_front(struct insp_spool *);

/* Record 'record' of the block, which is held, will be no longer; the caller
 * counts why. */
void insp_spool_let_go(struct insp_spool *, struct insp_spool_block *,
                       uint32_t record);

/* Drops what is held of the block from record 'from' to before 'to': it cannot
 * be read. */
void insp_spool_drop_damaged(struct insp_spool *, struct insp_spool_block *,
                             uint32_t from, uint32_t to);

/* Removes the segment, its file and all its blocks, held or not. */
void insp_spool_remove_segment(struct insp_spool *,
                               struct insp_spool_segment *);

/* Removes the segment of the block, or the block in memory, if nothing of it
 * is held. */
void insp_spool_tidy(struct insp_spool *, struct insp_spool_block *);

/* Removes all segments of which nothing is held. */
void insp_spool_remove_empty(struct insp_spool *);

/* Completes the open block, so that it can be read and written.  False: no
 * memory now. */
bool insp_spool_seal(struct insp_spool *);

/* Closes the segment that is written; the next block begins another. */
void insp_spool_stop_writing(struct insp_spool *);

/* Reads what the folder has.  0 or errno. */
int insp_spool_recover(struct insp_spool *) INSP_MUST_USE;

/* Forgets what is loaded. */
void insp_spool_unload(struct insp_spool *);
void insp_spool_close_read(struct insp_spool *);

/* Frees what reading has taken. */
void insp_spool_reading_uninit(struct insp_spool *);

#endif /* export/spool-private.h */
