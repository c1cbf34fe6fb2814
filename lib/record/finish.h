/* SPDX-License-Identifier: Apache-2.0 */
/* Finish
 * ======
 *
 * What a protocol's record needs and the packet path must not spend: hashes,
 * certificates, order.  Called once for each record, before it is encoded.
 *
 *     values of the reader --> fingerprints, certificate --> in the order of
 *     field.def, texts valid UTF-8, within their bounds
 *
 * Above:    export/drain.c.   Below:  hello.h, certificate.h.
 * Threads:  a finisher belongs to one thread.
 * Memory:   what certificates say, at most 128 of them; room for a record.
 * Time:     microseconds; a certificate takes some ten the first time.
 * Fails:    create with NULL, and when memory is out; what cannot be made
 *           is left out.
 */

#ifndef INSP_RECORD_FINISH_H
#define INSP_RECORD_FINISH_H 1

#include "record/record.h"

/* What is worth keeping from one record to the next. */
struct insp_finisher *insp_finisher_create(void) INSP_MUST_USE;

/* Nothing is done to other records.  False: nothing of it is left to send. */
bool insp_record_finish(struct insp_finisher *, struct insp_record *);

void insp_finisher_destroy(struct insp_finisher *);

#endif /* record/finish.h */
