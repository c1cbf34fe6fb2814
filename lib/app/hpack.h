/* HPACK
 * =====
 *
 * Reads header blocks of HTTP/2 (RFC 7541), in pieces of any size, and says
 * those headers that records want.
 *
 * Above:    app/http2.c.           Below:  app/http.h.
 * Threads:  one at a time.
 * Memory:   the caller's: one struct for each direction of a connection, zero
 *           at its beginning.
 * Time:     some steps for each bit of what is wanted.
 * Fails:    by INSP_HPACK_BAD, after which nothing of that direction can be
 *           read any more.
 *
 * The sender's table of past headers may hold 4096 bytes and more.  Of it are
 * kept: which header each of the newest entries is, and the text of those that
 * records want, as far as it has room.  A text that had no room left is never
 * replaced by another: that header is left out.
 */

#ifndef INSP_APP_HPACK_H
#define INSP_APP_HPACK_H 1

#include "app/http.h"

#define INSP_HPACK_ENTRIES                                                    \
    128                          /* A power of 2: as many as 4096 bytes can
                                     * have (section 4.1). */
#define INSP_HPACK_TEXTS     512 /* A power of 2. */
#define INSP_HPACK_VALUE_MAX 504

/* Texts one behind the other, the oldest overwritten first. */
struct insp_hpack_ring {
    uint16_t end; /* Bytes put so far, wrapping. */
    uint8_t bytes[INSP_HPACK_TEXTS];
};

struct insp_hpack {
    /* What stands where in the representation that is being read. */
    uint8_t step;
    uint8_t form;
    uint8_t header; /* enum insp_http_header. */
    bool is_huffman;
    uint8_t shift; /* Of the next byte of a number. */
    uint32_t number;
    uint32_t left; /* Bytes of the string. */

    /* Huffman code that is not complete. */
    uint32_t code, first;
    uint16_t offset;
    uint8_t n_bits;

    uint8_t name_size;
    uint16_t value_size;
    char name[20]; /* Longer ones are of no interest. */

    uint32_t n_entries; /* Put in so far. */
    uint8_t headers[INSP_HPACK_ENTRIES];
    uint16_t at[INSP_HPACK_ENTRIES]; /* Of the text in its ring. */
    struct insp_hpack_ring paths;    /* Often new for each request... */
    struct insp_hpack_ring texts;    /* ... these the same for all. */
    uint8_t value[INSP_HPACK_VALUE_MAX];
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

enum insp_hpack_result insp_hpack_next(struct insp_hpack *,
                                       struct insp_cursor *,
                                       struct insp_hpack_field *);

/* Whether a header block may end here. */
bool insp_hpack_is_whole(const struct insp_hpack *);

#endif /* app/hpack.h */
