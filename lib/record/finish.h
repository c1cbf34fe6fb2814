/* Finish
 * ======
 *
 * What a protocol's record needs and the packet path must not spend: hashes,
 * certificates, order.  Called once for each record, before it is encoded.
 *
 *     values of the reader --> fingerprints, certificate --> in the order of
 *     field.def, texts valid UTF-8, within their bounds
 *
 * Above:    export/drain.c.   Below:  hello.h, certificate.h, values.h.
 * Threads:  exporter thread.
 * Memory:   some of the record's size, for the time of the call.
 * Time:     microseconds; a certificate takes some ten.
 * Fails:    when memory is out; what cannot be made is left out.
 */

#ifndef INSP_RECORD_FINISH_H
#define INSP_RECORD_FINISH_H 1

#include "record/record.h"

/* Nothing is done to other records.  False: nothing of it is left to send. */
bool insp_record_finish(struct insp_record *);

#endif /* record/finish.h */
