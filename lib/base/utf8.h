/* UTF-8
 * =====
 *
 * Tells text from bytes that only look like it.  Names of ports and VMs come
 * from a database that anybody with access to it may have filled with
 * anything, and both encodings promise UTF-8.
 *
 * Above:    record/values.c, export/.   Below:  compiler.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never: what is no character has size 0.
 */

#ifndef INSP_BASE_UTF8_H
#define INSP_BASE_UTF8_H 1

#include "base/compiler.h"

/* Bytes of the character that begins at 'at' (1 to 4), or 0 when there is
 * none: a stray or missing continuation, an overlong form, a surrogate, or
 * more than 0x10ffff (RFC 3629). */
size_t insp_utf8_size(const uint8_t *at, const uint8_t *end);

/* Copies the text 'from', with U+FFFD for every byte that is of no
 * character, as far as whole characters fit into 'to'. */
void insp_utf8_clean(char *to, size_t size, const char *from);

#endif /* base/utf8.h */
