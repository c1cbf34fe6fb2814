/* SPDX-License-Identifier: Apache-2.0 */
/* BER
 * ===
 *
 * Reads what ASN.1 has put into bytes: identifier, length, contents.  Only
 * what protocols of the wire use: identifiers of one byte and definite
 * lengths, in BER's forms of them (X.690, section 8.1), so that DER is read
 * as well.
 *
 *     struct insp_cursor list;
 *
 *     if (insp_ber_open(&c, INSP_BER_SEQUENCE, &list)
 *         && insp_ber_uint(&list, INSP_BER_INTEGER, &version)) {
 *
 * Above:    readers.               Below:  base/cursor.h.
 * Threads:  as the cursor.
 * Memory:   borrows the bytes.
 * Time:     none.
 * Fails:    by false; the cursor has failed then, and gives no more.
 */

#ifndef INSP_APP_BER_H
#define INSP_APP_BER_H 1

#include "base/cursor.h"

enum {
    INSP_BER_BOOLEAN = 0x01,
    INSP_BER_INTEGER = 0x02,
    INSP_BER_BITS = 0x03,
    INSP_BER_OCTETS = 0x04,
    INSP_BER_NULL = 0x05,
    INSP_BER_OID = 0x06,
    INSP_BER_ENUM = 0x0a,
    INSP_BER_SEQUENCE = 0x30,
    INSP_BER_SET = 0x31,

    INSP_BER_APPLICATION = 0x40, /* Class... */
    INSP_BER_CONTEXT = 0x80,
    INSP_BER_CONSTRUCTED = 0x20, /* ... and form, to be added. */
};

struct insp_ber_head {
    uint8_t tag;
    uint8_t head_size;
    uint64_t size; /* Of the contents. */
};

enum insp_ber_state {
    INSP_BER_BAD,
    INSP_BER_SHORT, /* More bytes are needed. */
    INSP_BER_OK,
};

/* Identifier and length alone; passes nothing. */
enum insp_ber_state insp_ber_look(const struct insp_cursor *,
                                  struct insp_ber_head *);

/* The next element, whole; 'body' is a cursor over its contents. */
bool insp_ber_next(struct insp_cursor *, uint8_t *tag,
                   struct insp_cursor *body);
/* The same, which must be a 'tag'. */
bool insp_ber_open(struct insp_cursor *, uint8_t tag,
                   struct insp_cursor *body);
/* The same, when it is a 'tag'; else nothing is passed and nothing fails. */
bool insp_ber_option(struct insp_cursor *, uint8_t tag,
                     struct insp_cursor *body);

/* Passes the head of a 'tag' alone: what stands in it is next, and its end may
 * not be there. */
bool insp_ber_enter(struct insp_cursor *, uint8_t tag);

/* Numbers that are not negative and have at most 64 bits. */
bool insp_ber_uint(struct insp_cursor *, uint8_t tag, uint64_t *);
/* Of contents; at most 64 bits, with their sign. */
bool insp_ber_number(const struct insp_cursor *body, int64_t *);

/* An object identifier's contents as "1.3.6.1", cut at 'size' with the zero;
 * returns the length. */
size_t insp_ber_oid_text(const struct insp_cursor *body, char *text,
                         size_t size);

#endif /* app/ber.h */
