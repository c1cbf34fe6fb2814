/* SPDX-License-Identifier: Apache-2.0 */
/* IPFIX reader
 * ============
 *
 * Reads the IPFIX messages of one transport session back into records.  The
 * bytes are a stranger's: every length is checked, what is kept is bounded,
 * elements and templates that mean nothing to us are skipped and counted.
 *
 *     while (insp_ipfix_frame(bytes, n, &size) == INSP_IPFIX_WHOLE) {
 *         if (!insp_ipfix_read(r, bytes, size)) ... fault, close
 *         while ((got = insp_ipfix_next(r, &item)) != INSP_IPFIX_END) {
 *             if (got == INSP_IPFIX_FAULT) ... close
 *         }
 *     }
 *
 * Above:    the collector.         Below:  record/fields.h, base/cursor.h.
 * Threads:  a reader belongs to one thread.
 * Memory:   at most INSP_IPFIX_FIELDS_MAX template fields (16 bytes each),
 *           what else the limits below say, and, with the first record of a
 *           protocol, 512 kB.
 * Time:     proportional to the message.
 * Fails:    create with ENOMEM; read and next with a sentence
 *           (insp_ipfix_fault()), after which the session must be closed.
 */

#ifndef INSP_EXPORT_IPFIX_READ_H
#define INSP_EXPORT_IPFIX_READ_H 1

#include "record/fields.h"

#define INSP_IPFIX_TEMPLATES_MAX 8192   /* In all domains of a session. */
#define INSP_IPFIX_FIELDS_MAX    262144 /* Of all templates. */
#define INSP_IPFIX_DOMAINS_MAX   256

enum insp_ipfix_framing {
    INSP_IPFIX_WHOLE, /* A whole message of '*size' bytes. */
    INSP_IPFIX_PART,  /* More bytes are needed. */
    INSP_IPFIX_ALIEN, /* No IPFIX. */
};

/* How much of a stream the message at its front is. */
enum insp_ipfix_framing insp_ipfix_frame(const void *bytes, size_t n,
                                         size_t *size);

enum insp_ipfix_got {
    INSP_IPFIX_END,       /* Of the message. */
    INSP_IPFIX_RECORD,    /* 'record': a line of its own. */
    INSP_IPFIX_PORT,      /* 'port' of domain 'record.inspector'. */
    INSP_IPFIX_PORT_GONE, /* 'record.port_id'. */
    INSP_IPFIX_EXPORTER,  /* 'exporter'. */
    INSP_IPFIX_FAULT,
};

/* Fields that the message does not have are zero.  What 'record' owns is the
 * reader's, and valid until the next call. */
struct insp_ipfix_item {
    struct insp_record record;
    struct insp_port port;
    struct insp_exporter exporter;
};

struct insp_ipfix_counts {
    uint64_t messages;
    uint64_t records;      /* Data records that were understood. */
    uint64_t unknown;      /* Data records of a template that is not
                            * ours. */
    uint64_t unknown_sets; /* Sets whose template was never sent. */
    uint64_t lost;         /* Data records that are missing by the
                            * sequence numbers. */
};

struct insp_ipfix_reader;

int insp_ipfix_reader_create(struct insp_ipfix_reader **) INSP_MUST_USE;

/* Begins with a message, which is borrowed until END.  False: fault. */
bool insp_ipfix_read(struct insp_ipfix_reader *, const void *message,
                     size_t size) INSP_MUST_USE;
enum insp_ipfix_got insp_ipfix_next(struct insp_ipfix_reader *,
                                    struct insp_ipfix_item *) INSP_MUST_USE;

const char *insp_ipfix_fault(const struct insp_ipfix_reader *);
const struct insp_ipfix_counts *insp_ipfix_counts(
    const struct insp_ipfix_reader *);

void insp_ipfix_reader_destroy(struct insp_ipfix_reader *);

#endif /* export/ipfix-read.h */
