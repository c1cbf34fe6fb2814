/* SPDX-License-Identifier: Apache-2.0 */
/* IPFIX
 * =====
 *
 * Writes records as IPFIX messages (RFC 7011) for one connection: templates,
 * type information of private elements (RFC 5610) and the sensor's name
 * first, the identity of a port before the first record that names it, the
 * templates of a protocol before its first record.
 *
 *     insp_ipfix_writer_reset(w)            a new connection
 *     insp_ipfix_open(w, &put, now, id)     introduce an observation domain
 *     while (insp_ipfix_put(w, &put, now, record, ports)) ...
 *     insp_ipfix_finish(w, &put)            'put' holds whole messages
 *     ... send them; then on with an empty 'put'
 *
 * One observation domain an inspector; biflows as RFC 5103 has them.
 *
 * Above:    uplink.c.              Below:  ipfix-app.h, record/fields.h.
 * Threads:  a writer belongs to one thread.
 * Memory:   64 kB, and 16 bytes for each identity that has been sent.
 * Time:     the caller's wall clock.
 * Fails:    create with ENOMEM; put and open by false: there is no room, and
 *           nothing of the record has been written.
 */

#ifndef INSP_EXPORT_IPFIX_H
#define INSP_EXPORT_IPFIX_H 1

#include "base/put.h"
#include "record/record.h"

#define INSP_IPFIX_VERSION     10
#define INSP_IPFIX_HEADER_SIZE 16

/* That we send; only a record that is longer by itself has a longer one, of at
 * most INSP_IPFIX_LENGTH_MAX. */
#define INSP_IPFIX_MESSAGE_MAX 16384
#define INSP_IPFIX_LENGTH_MAX  65535

/* Any record, with all that may have to go before it, fits into that much. */
#define INSP_IPFIX_ROOM_MAX (INSP_IPFIX_MESSAGE_MAX + INSP_IPFIX_LENGTH_MAX)

struct insp_ipfix_writer;

int insp_ipfix_writer_create(const char *sensor,
                             struct insp_ipfix_writer **) INSP_MUST_USE;

/* Forgets all that the last connection was told.  No message may be open. */
void insp_ipfix_writer_reset(struct insp_ipfix_writer *, const char *sensor);

/* The same, for a reader who knows the types of private elements already. */
void insp_ipfix_writer_renew(struct insp_ipfix_writer *, const char *sensor);

/* Introduces 'domain' if that has not been done. */
bool insp_ipfix_open(struct insp_ipfix_writer *, struct insp_put *,
                     uint64_t wall_ns, uint32_t domain) INSP_MUST_USE;

/* Appends 'record' and what must go before it.  'ports' are the identities
 * behind its port ids, NULL where there is none.  PORT and PORT_GONE records
 * are written as they are. */
bool insp_ipfix_put(struct insp_ipfix_writer *, struct insp_put *,
                    uint64_t wall_ns, const struct insp_record *,
                    const struct insp_port *const ports[2]) INSP_MUST_USE;

/* Tells the receiver that 'port_id' will not come again, in all domains that
 * were told of it, as far as there is room.  Returns how many were told, and
 * forgets it in any case. */
unsigned int insp_ipfix_gone(struct insp_ipfix_writer *, struct insp_put *,
                             uint64_t wall_ns, uint32_t port_id);

/* Completes the open message, if there is one. */
void insp_ipfix_finish(struct insp_ipfix_writer *, struct insp_put *);

void insp_ipfix_writer_destroy(struct insp_ipfix_writer *);

/* Nanoseconds since 1970 in NTP's form (RFC 7011, 6.1.9, 6.1.10), and back
 * without loss, from 1970 to 2104. */
uint64_t insp_ipfix_time(uint64_t ns);
uint64_t insp_ipfix_time_back(uint64_t ntp);

#endif /* export/ipfix.h */
