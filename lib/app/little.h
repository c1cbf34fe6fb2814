/* SPDX-License-Identifier: Apache-2.0 */
/* Little
 * ======
 *
 * What protocols of Windows have in common on the wire: numbers with the
 * lowest byte first, texts of 16-bit units, GUIDs.
 *
 * Above:    readers.               Below:  base/cursor.h.
 * Threads:  as the cursor.
 * Memory:   borrows the bytes; texts go to where the caller says.
 * Time:     none.
 * Fails:    by the cursor's 'failed'; texts are cut.
 */

#ifndef INSP_APP_LITTLE_H
#define INSP_APP_LITTLE_H 1

#include "base/cursor.h"

static inline uint16_t
insp_little_16(const uint8_t *b)
{
    return (uint16_t) (b[0] | b[1] << 8);
}

static inline uint32_t
insp_little_32(const uint8_t *b)
{
    return b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 |
           (uint32_t) b[3] << 24;
}

static inline uint16_t
insp_little_u16(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 2);

    return b ? insp_little_16(b) : 0;
}

static inline uint32_t
insp_little_u32(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 4);

    return b ? insp_little_32(b) : 0;
}

static inline uint64_t
insp_little_u64(struct insp_cursor *c)
{
    const uint8_t *b = insp_cursor_take(c, 8);

    return b ? insp_little_32(b) | (uint64_t) insp_little_32(b + 4) << 32 : 0;
}

/* 'size' bytes at 'offset' of 'whole', as messages say where their parts
 * stand; failed and empty when they are not there. */
struct insp_cursor insp_little_part(const struct insp_cursor *whole,
                                    size_t offset, size_t size);

/* UTF-16 of 'size' bytes as UTF-8, up to its end, a zero, or as much as has
 * room in 'room' bytes without cutting a character; returns how much that is.
 * Units that are no character become U+FFFD. */
size_t insp_little_text(const uint8_t *utf16, size_t size, char *text,
                        size_t room);

#define INSP_GUID_SIZE      16
#define INSP_GUID_TEXT_SIZE 36

/* "01234567-89ab-cdef-0123-456789abcdef" without a zero behind it; of a GUID
 * whose first three numbers stand with the lowest byte first, or last. */
void insp_guid_text(const uint8_t *guid, bool is_little, char *text);

/* "0x0123": lower case, without zeros in front; returns the length, at most
 * INSP_HEX_TEXT_SIZE. */
#define INSP_HEX_TEXT_SIZE 10
size_t insp_hex_text(uint32_t number, char *text);

#endif /* app/little.h */
