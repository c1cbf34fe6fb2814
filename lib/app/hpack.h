/* SPDX-License-Identifier: Apache-2.0 */
/* HPACK
 * =====
 *
 * Reads header blocks of HTTP/2 (RFC 7541), in pieces of any size, and says
 * those headers that records want.
 *
 * Above:    app/http2.c.           Below:  app/http.h.
 * Threads:  one at a time.
 * Memory:   the caller's: one struct for each direction of a connection, zero
 *           at its beginning, and room for a value while it is read.
 * Time:     some steps for each bit of what is wanted; a header that is one
 *           byte of the block costs hundreds, so only the first
 *           INSP_HPACK_WANTED_MAX of a block are looked up or said.
 * Fails:    by INSP_HPACK_BAD, after which nothing of that direction can be
 *           read any more.
 *
 * The sender's table of past headers may hold 4096 bytes and more.  Of it the
 * newest entries are kept whose headers records want, as far as they have
 * room. One that had no room left is never taken for another: that header is
 * left out.
 */

#ifndef INSP_APP_HPACK_H
#define INSP_APP_HPACK_H 1

#include "app/http.h"

#define INSP_HPACK_PATHS      120
#define INSP_HPACK_TEXTS      200
#define INSP_HPACK_VALUE_MAX  504
#define INSP_HPACK_WANTED_MAX 64

struct insp_hpack {
    /* What stands where in the representation that is being read. */
    uint8_t step;
    uint8_t form;
    uint8_t header; /* enum insp_http_header. */
    bool is_huffman;
    uint8_t shift; /* Of the next byte of a number. */
    uint8_t n_bits;
    uint16_t offset;
    uint32_t number;
    uint32_t left; /* Bytes of the string. */

    /* Huffman code that is not complete. */
    uint32_t code, first;

    uint8_t name_size;
    char name[19]; /* Longer ones are of no interest. */
    uint16_t value_size;

    /* Entries, oldest first. */
    uint16_t paths_size; /* Often new for each request... */
    uint16_t texts_size; /* ... these the same for all. */
    uint8_t n_wanted;    /* Of this block, so far. */
    uint32_t n_entries;  /* Put in so far, those of no interest too. */
    uint8_t paths[INSP_HPACK_PATHS];
    uint8_t texts[INSP_HPACK_TEXTS];
};

struct insp_hpack_field {
    enum insp_http_header header;
    const uint8_t *value; /* Until the next call. */
    size_t size;          /* At most INSP_HPACK_VALUE_MAX. */
};

enum insp_hpack_result {
    INSP_HPACK_MORE,  /* All bytes are read. */
    INSP_HPACK_FIELD, /* A header that records want. */
    INSP_HPACK_BAD,
};

/* A header block begins. */
void insp_hpack_begin(struct insp_hpack *);

/* 'value' has room for INSP_HPACK_VALUE_MAX bytes.  It need be the same in the
 * next call only when insp_hpack_kept() says how many bytes of it. */
enum insp_hpack_result insp_hpack_next(struct insp_hpack *,
                                       struct insp_cursor *, uint8_t *value,
                                       struct insp_hpack_field *);

/* How many bytes there are of a value that goes on with the next bytes. */
size_t insp_hpack_kept(const struct insp_hpack *);
/* They could not be kept: that header is left out. */
void insp_hpack_forget(struct insp_hpack *);

/* Whether a header block may end here. */
bool insp_hpack_is_whole(const struct insp_hpack *);

#endif /* app/hpack.h */
