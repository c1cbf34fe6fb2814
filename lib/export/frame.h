/* SPDX-License-Identifier: Apache-2.0 */
/* Frame
 * =====
 *
 * What an uplink and a collector say to each other around the records, so
 * that none is lost and none counts twice: Documentation/uplink.md describes
 * it for whoever writes the other end.  Spoken when both have chosen
 * INSP_FRAME_ALPN in the TLS handshake, and only then.
 *
 *     sensor                                 collector
 *       HELLO    format, who, incarnation -->
 *                                         <-- WELCOME  credit
 *       MESSAGE  first, count, bytes      -->
 *                                         <-- ACK      first, count
 *       LOST     first, count             -->
 *                              CLOSE: why, from either end
 *
 * A record's number is counted from 1, for each sensor, uplink and
 * incarnation (a random number of the process that made the record).
 *
 * Above:    uplink.c, the collector.   Below:  base/cursor.h, base/put.h.
 * Threads:  no state.
 * Memory:   none; what is read borrows the bytes that it was read from.
 * Time:     none.
 * Fails:    reading with what is wrong, in words; writing by 'put->full'.
 */

#ifndef INSP_EXPORT_FRAME_H
#define INSP_EXPORT_FRAME_H 1

#include "base/cursor.h"
#include "base/put.h"

#define INSP_FRAME_ALPN        "ovs-inspect/1"
#define INSP_FRAME_VERSION     1
#define INSP_FRAME_HEADER_SIZE 8
#define INSP_FRAME_BODY_MAX    (128 * 1024)
#define INSP_FRAME_MAX         (INSP_FRAME_HEADER_SIZE + INSP_FRAME_BODY_MAX)
#define INSP_FRAME_NAME_SIZE   256   /* With the NUL. */
#define INSP_FRAME_WHY_SIZE    512   /* With the NUL. */
#define INSP_FRAME_FIRST_MS    10000 /* The first frame of either end. */

/* Of a MESSAGE, before the records: its own header, and incarnation, count,
 * first and floor. */
#define INSP_FRAME_MESSAGE_SIZE (INSP_FRAME_HEADER_SIZE + 24)
#define INSP_FRAME_RECORDS_MAX  (INSP_FRAME_MAX - INSP_FRAME_MESSAGE_SIZE)

/* Of numbers, below the highest that was sent, that a sensor has yet to send:
 * the collector keeps book of each gap. */
#define INSP_FRAME_GAPS_MAX 8192

enum insp_frame_type {
    INSP_FRAME_HELLO = 1,
    INSP_FRAME_WELCOME,
    INSP_FRAME_MESSAGE,
    INSP_FRAME_ACK,
    INSP_FRAME_CLOSE,
    INSP_FRAME_LOST,
};

enum insp_frame_format {
    INSP_FRAME_IPFIX,
    INSP_FRAME_JSON,
};

struct insp_frame_hello {
    uint16_t version;
    enum insp_frame_format format;
    uint32_t incarnation; /* Of the process that speaks. */
    uint64_t next;        /* What its next record will be. */
    char sensor[INSP_FRAME_NAME_SIZE];
    char uplink[INSP_FRAME_NAME_SIZE];
};

struct insp_frame_welcome {
    uint16_t version;
    uint32_t credit; /* So many bytes of MESSAGE frames may be on the way
                      * without an ACK; one may always be. */
};

/* A run of records: 'first' to 'first' + 'count' - 1. */
struct insp_frame_run {
    uint32_t incarnation; /* Of the process that made them. */
    uint64_t first;
    uint64_t count;
};

struct insp_frame_message {
    struct insp_frame_run run; /* 'count' 0: templates and
                                * identities alone. */
    uint64_t floor;            /* No record below it will come any
                                * more; at most 'first'. */
    const uint8_t *bytes;      /* Whole IPFIX messages, or lines. */
    size_t size;
};

struct insp_uplink_frame {
    enum insp_frame_type type;
    union {
        struct insp_frame_hello hello;
        struct insp_frame_welcome welcome;
        struct insp_frame_message message;
        struct insp_frame_run ack;
        struct insp_frame_run lost;
        char why[INSP_FRAME_WHY_SIZE]; /* Of a CLOSE: one line of text. */
    };
};

/* Reading. */

enum insp_frame_extent {
    INSP_FRAME_WHOLE, /* A whole frame of '*size' bytes. */
    INSP_FRAME_PART,  /* More bytes are needed. */
    INSP_FRAME_ALIEN, /* No frame: an unknown type, or one too large. */
};

/* How much of a stream the frame at its front is. */
enum insp_frame_extent insp_frame_extent(const void *bytes, size_t n,
                                         size_t *size);

/* Reads the whole frame of 'size' bytes.  Returns NULL, or what is wrong with
 * it.  Names and reasons are UTF-8 without control characters afterwards, and
 * names are not empty; numbers do not wrap around. */
const char *insp_frame_read(const void *bytes, size_t size,
                            struct insp_uplink_frame *) INSP_MUST_USE;

/* Writing. */

void insp_frame_put_hello(struct insp_put *, const struct insp_frame_hello *);
void insp_frame_put_welcome(struct insp_put *,
                            const struct insp_frame_welcome *);
void insp_frame_put_ack(struct insp_put *, const struct insp_frame_run *);
void insp_frame_put_lost(struct insp_put *, const struct insp_frame_run *);
void insp_frame_put_close(struct insp_put *, const char *why);

/* A MESSAGE, around what an encoder writes: begin; encode into 'put'; end,
 * with the numbers, which may be known only then, and what begin returned.
 * 'bytes' and 'size' are not looked at.  When begin did not fit, 'put' is
 * full, and end does nothing. */
size_t insp_frame_begin_message(struct insp_put *);
void insp_frame_end_message(struct insp_put *, size_t begun,
                            const struct insp_frame_message *);

#endif /* export/frame.h */
