/* SPDX-License-Identifier: Apache-2.0 */
/* NFS, inside
 * ===========
 *
 * What the reader of RPC, NFS 2 and 3 (nfs.c) and that of NFS 4 (nfs4.c)
 * share.
 *
 * Above:    app/nfs.c, nfs4.c.     Below:  app/event.h.
 * Threads:  as a reader.
 * Memory:   the event's.
 * Time:     the reading's.
 * Fails:    never: what is odd is left out.
 */

#ifndef INSP_APP_NFS_PRIVATE_H
#define INSP_APP_NFS_PRIVATE_H 1

#include "app/event.h"

/* The word of a number in a table of words, NULL: it has none. */
#define INSP_NFS_WORD(TABLE, NUMBER)                                          \
    ((NUMBER) < INSP_ARRAY_SIZE(TABLE) ? (TABLE)[NUMBER] : NULL)

/* The word, or the number when that is NULL. */
void insp_nfs_put_word(struct insp_event *, enum insp_app_field,
                       const char *word, uint32_t number);

/* XDR (RFC 4506).  False: it ends before. */
static inline bool
insp_nfs_skip_opaque(struct insp_cursor *c)
{
    uint32_t size = insp_cursor_be32(c);

    insp_cursor_skip(c, size);
    return insp_cursor_skip(c, -size & 3);
}

/* A string, of which the end may not be there. */
bool insp_nfs_put_string(struct insp_event *, enum insp_app_field,
                         struct insp_cursor *);

/* Adds to the record of reads, or of writes, and begins it when there is
 * none. */
void insp_nfs_add_bytes(struct insp_reading *, bool is_write, uint32_t version,
                        uint32_t bytes);

struct insp_nfs4_summary {
    bool is_quiet, moves_data;
};

/* Arguments of a COMPOUND.  The event may be NULL: then nothing is said, and
 * only the summary made. */
void insp_nfs4_read_call(struct insp_event *, struct insp_cursor,
                         struct insp_nfs4_summary *);
/* Its results: bytes that were read and written. */
void insp_nfs4_read_reply(struct insp_reading *, struct insp_cursor);

#endif /* app/nfs-private.h */
