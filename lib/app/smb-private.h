/* SPDX-License-Identifier: Apache-2.0 */
/* SMB, inside
 * ===========
 *
 * What the reader of frames (smb.c) and those of what is in them, SMB 1
 * (smb1.c) and SMB 2 and 3 (smb2.c), share.
 *
 * Above:    app/smb.c, smb1.c, smb2.c.     Below:  app/event.h, app/little.h.
 * Threads:  as a reader.
 * Memory:   struct insp_smb is the reader's state.
 * Time:     the reading's.
 * Fails:    never: what is odd is left out.
 */

#ifndef INSP_APP_SMB_PRIVATE_H
#define INSP_APP_SMB_PRIVATE_H 1

#include "app/event.h"
#include "app/little.h"

#define INSP_SMB_TEXT   512 /* Bytes of a name that a record says. */
#define INSP_SMB_OFFERS 16  /* Dialects that are remembered. */

/* All negotiations: what begins in SMB 1 may be answered in SMB 2. */
#define INSP_SMB_TAG_NEGOTIATE UINT32_MAX

/* A file that is being read or written; 'id' is its identifier, hashed. */
struct insp_smb_file {
    uint64_t bytes[2]; /* Read, written. */
    uint32_t id;
    uint32_t unused;
};

struct insp_smb {
    uint64_t offers;  /* SMB 1: names that were offered, 4 bits
                       * each (insp_smb1_dialects[]). */
    uint32_t left[2]; /* By side: bytes of the frame that follow. */
    uint32_t n;       /* Transactions. */
    uint16_t dialect; /* SMB 2's number, or SMB 1's in the table of
                       * names; 0: not known. */
    uint8_t next_file;
    uint8_t next_transfer;
    uint32_t unused[2];
    struct insp_smb_file files[4];
    struct {
        uint32_t tag, file; /* Read or write that waits for an answer. */
    } transfers[8];
};

_Static_assert(sizeof(struct insp_smb) <= INSP_READER_STATE, "too long");

/* Name of a dialect, NULL: unknown. */
const char *insp_smb_dialect_text(uint16_t dialect);
const char *insp_smb1_dialect_text(unsigned int number);

/* A record; its number, its command and, once known, the dialect are set. */
struct insp_event *insp_smb_begin(struct insp_reading *, uint32_t tag,
                                  const char *command);
/* Status, latency and the end of it. */
void insp_smb_end(struct insp_reading *, struct insp_event *,
                  uint32_t nt_status);
void insp_smb_finish(struct insp_reading *, struct insp_event *);

void insp_smb_set_dialect(struct insp_reading *, struct insp_event *,
                          uint16_t dialect);
void insp_smb_put_dialect(struct insp_event *, enum insp_app_field,
                          uint16_t dialect);
/* UTF-16, or bytes. */
void insp_smb_put_text(struct insp_event *, enum insp_app_field,
                       const struct insp_cursor *, bool is_unicode);
/* Who logs in. */
void insp_smb_put_login(struct insp_event *, const struct insp_cursor *token);
void insp_smb_put_disposition(struct insp_event *, uint32_t disposition);
void insp_smb_put_signing(struct insp_event *, bool enabled, bool required);

/* Bytes that are read and written, by file. */
void insp_smb_transfer_begin(struct insp_smb *, uint32_t tag, uint32_t file);
void insp_smb_transfer_end(struct insp_smb *, uint32_t tag, bool is_write,
                           uint32_t bytes);
/* Takes them out of the table; false: there were none. */
bool insp_smb_transferred(struct insp_smb *, uint32_t file, uint64_t bytes[2]);

/* A message of SMB 1, or as much as there is of it. */
void insp_smb1_read(struct insp_reading *, struct insp_cursor message);

/* The same of SMB 2 and 3. */
void insp_smb2_read(struct insp_reading *, struct insp_cursor message);

enum {
    INSP_SMB2_HEAD = 64, /* Bytes. */

    INSP_SMB2_READ = 8, /* Commands that move data. */
    INSP_SMB2_WRITE = 9,
};

struct insp_smb2_head {
    uint32_t status;
    uint16_t command;
    uint32_t flags;
    uint32_t next; /* Offset of the next message, 0: last. */
    uint32_t message;
    uint32_t tree;
    uint64_t session;
};

/* False: it is not complete. */
bool insp_smb2_head_read(struct insp_cursor message, struct insp_smb2_head *);

#endif /* app/smb-private.h */
