/* SPDX-License-Identifier: Apache-2.0 */
/* Stream
 * ======
 *
 * The bytes of one direction of a TCP connection, put in order.
 *
 * What comes in order and is read at once is never copied.  What is not, waits
 * in a block: bytes that the reader needs more of, and segments behind a hole.
 * Of bytes that come twice the first are kept, whatever the second say; so
 * does a receiver that has read them already (RFC 9293, section 3.10.7.4).
 *
 * Above:    app/dialog.c.          Below:  app/store.h.
 * Threads:  one at a time.
 * Memory:   one block, as large as it must be, while something waits.
 * Time:     none.
 * Fails:    never: a gap that cannot be waited for makes it 'lost'.
 */

#ifndef INSP_APP_STREAM_H
#define INSP_APP_STREAM_H 1

#include "app/store.h"

#define INSP_STREAM_RANGES 8

/* So many segments that cannot be kept may come, too far ahead or behind too
 * many holes, before what is missing counts as lost: the hole may be filled
 * meanwhile, and a byte that no receiver would take makes nobody blind.  Who
 * can go on behind a gap does so at once instead, unless what comes is farther
 * ahead than receivers allow. */
#define INSP_STREAM_FAR_MAX 8
#define INSP_STREAM_FAR     (1 << 20)

struct insp_stream {
    uint64_t pass;    /* Bytes at 'next' that nobody wants. */
    uint32_t next;    /* Sequence number of the first byte that the reader
                       * is not done with. */
    uint32_t block;   /* Bytes from 'next' on, or 0. */
    uint16_t size;    /* How many of them are in order. */
    uint8_t n_ranges; /* Behind a hole, ascending, apart: 'range'. */
    uint8_t n_far;    /* Segments that were not kept, since the last one
                       * that was in order. */
    bool is_begun;
    bool is_lost;   /* Bytes are missing for good. */
    bool resyncs;   /* Its reader goes on behind them; the caller's. */
    bool is_done;   /* Nobody wants any more of it. */
    bool is_closed; /* FIN; its place is 'end'. */
    uint8_t share;  /* Whose blocks it takes; the caller's. */
    uint16_t room;  /* How large a block may be; the caller's. */
    uint32_t end;
    struct {
        uint16_t from, to; /* In the block. */
    } range[INSP_STREAM_RANGES];
};

/* Bytes that are in order: where the reader stands. */
struct insp_stream_view {
    const uint8_t *bytes;
    size_t size;
    size_t missing; /* Behind them: on the wire, but not captured. */
    bool is_new;    /* More than before the last push. */
};

/* The stream begins with the byte 'seq'. */
void insp_stream_begin(struct insp_stream *, uint32_t seq);

/* Takes 'captured' of the 'size' bytes of a segment that begins with 'seq';
 * returns how many of the 'size' it took: when that is less, the rest is to be
 * pushed again after reading, unless the stream is lost.  '*view' is what can
 * be read now, valid until the next call; it may lie in 'bytes'.  Call
 * insp_stream_done() after each time, with how many of them are not needed any
 * more and how many behind them shall be passed. */
size_t insp_stream_push(struct insp_stream *, struct insp_store *,
                        uint32_t seq, const uint8_t *bytes, size_t captured,
                        size_t size, struct insp_stream_view *view);
void insp_stream_done(struct insp_stream *, struct insp_store *,
                      const struct insp_stream_view *, size_t n,
                      uint64_t pass);

/* What is in order in the block; without new bytes. */
void insp_stream_look(const struct insp_stream *, const struct insp_store *,
                      struct insp_stream_view *);

/* The stream goes on behind the hole, with what has come since: returns false
 * when nothing has. */
bool insp_stream_resync(struct insp_stream *, struct insp_store *);

/* Gives the block back. */
void insp_stream_end(struct insp_stream *, struct insp_store *);

#endif /* app/stream.h */
