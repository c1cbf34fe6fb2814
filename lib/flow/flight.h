/* SPDX-License-Identifier: Apache-2.0 */
/* Flights
 * =======
 *
 * Packets that are out in a service function.  What a packet goes on with
 * when it comes back (its *context*) is kept here under what can be seen of
 * the packet itself, or under a cookie that travels with it.
 *
 *     worker:   send    count one more in flight under (key, context)
 *               come back   find the context, count one less
 *     control:  maintain    those that stay away longer than the function's
 *                           flight_timeout are given up and counted
 *
 * Packets of one flow direction in one function share an entry as long as
 * their contexts are the same: an entry counts how many are out.  When a
 * change of policy (or of the way to the destination) gives later packets of
 * the same key another context, they get an entry of their own beside it, and
 * a returning packet is told apart by its *fingerprint* (what sets it apart
 * from other packets of its flow: IP id, sequence, checksum, length), of
 * which each entry remembers the last INSP_FLIGHT_PRINTS; one that no entry
 * remembers belongs to the oldest with packets out.
 *
 * Two tenants may use equal addresses through one function.  Without a
 * cookie their packets cannot be told apart, so the second zone is refused
 * (AMBIGUOUS) while packets of the first are out.
 *
 * Returns never exceed entries: a function that duplicates or invents
 * packets finds nothing here.  A duplicate does not take the place of another
 * packet of its flow either, as long as prints of all that are out are
 * remembered.
 *
 * Above:    engine/redirect.c, engine/control.c.
 * Below:    flow/key.h, base/epoch.h, base/stack.h.
 * Threads:  worker functions: any thread inside the epoch.  Control
 *           functions: one thread.  No locks; worker functions allocate
 *           nothing.
 * Memory:   all taken in insp_flights_create(), about 1.2 KB an entry, of
 *           which only those in use are ever touched.
 * Time:     the caller's.
 * Fails:    create with ENOMEM; send with FULL or AMBIGUOUS.
 */

#ifndef INSP_FLOW_FLIGHT_H
#define INSP_FLOW_FLIGHT_H 1

#include <stdatomic.h>

#include "base/epoch.h"
#include "flow/key.h"

#define INSP_FLIGHT_PRINTS      64
#define INSP_FLIGHT_CONTEXT_MAX 832 /* Bytes. */

/* What a packet is found by when it comes back.  No padding: compared and
 * hashed as bytes. */
struct insp_flight_key {
    uint32_t function; /* Its id; never reused in a process. */
    uint8_t arm;       /* By which it is to come back: 0 or 1. */
    uint8_t proto;
    uint16_t vlan;       /* Outer VLAN id with its priority masked. */
    uint8_t mac[2][6];   /* Source, destination. */
    uint8_t addr[2][16]; /* Zeros when it is not IP. */
    uint16_t port[2];    /* Of a fragment, the first one too: 0. */
    uint32_t frag_id;    /* Of a fragment, else 0. */
    uint16_t ethertype;
    uint16_t zero[5];
};
_Static_assert(sizeof(struct insp_flight_key) == 72, "no padding");

/* Of a packet as it goes out, and as it has come back; 'frame' is what it was
 * parsed from. */
void insp_flight_key_init(struct insp_flight_key *, uint32_t function,
                          uint8_t arm, const struct insp_packet *,
                          const void *frame);
uint32_t insp_flight_print(const struct insp_packet *, const void *frame);

struct insp_flights;

int insp_flights_create(uint32_t n, struct insp_epoch *,
                        const struct insp_hash_key *secret,
                        struct insp_flights **) INSP_MUST_USE;
size_t insp_flights_size(uint32_t n); /* Bytes of memory. */

enum insp_flight_result {
    INSP_FLIGHT_OK,
    INSP_FLIGHT_FULL,      /* No entry is free. */
    INSP_FLIGHT_AMBIGUOUS, /* Another zone has packets of that key out. */
};

/* What a packet is found by when it comes back. */
enum insp_flight_by {
    INSP_FLIGHT_BY_KEY,
    INSP_FLIGHT_BY_VLAN, /* A cookie that is a VLAN id. */
    INSP_FLIGHT_BY_COOKIE,
};

/* Worker: one more packet of 'key' is out.  'context' (1 to
 * INSP_FLIGHT_CONTEXT_MAX bytes, compared as bytes) is copied.  'timeout_ns'
 * is the function's.  '*cookie' names the entry: 24 bits, never 0, below
 * INSP_FLIGHT_VLANS by VLAN (FULL when none of those is free).  Only what is
 * found by its key can be AMBIGUOUS. */
#define INSP_FLIGHT_VLANS 4095
enum insp_flight_result insp_flights_send(struct insp_flights *,
                                          const struct insp_flight_key *,
                                          const struct insp_zone *,
                                          const void *context, size_t size,
                                          uint32_t print, uint64_t timeout_ns,
                                          uint64_t now_ns, enum insp_flight_by,
                                          uint32_t *cookie) INSP_MUST_USE;

/* Worker: takes a send back, of a packet that could not leave after all.
 * False when the packet has been given up meanwhile, and counted as lost. */
bool insp_flights_cancel(struct insp_flights *, uint32_t cookie);

/* Worker: a packet has come back.  Copies its context to 'context', which has
 * room for INSP_FLIGHT_CONTEXT_MAX bytes, and returns its size; 0: nothing of
 * that kind is out. */
size_t insp_flights_return(struct insp_flights *,
                           const struct insp_flight_key *, uint32_t print,
                           uint64_t now_ns, void *context) INSP_MUST_USE;

/* The same by the cookie that it carries.  'function' and 'arm' of 'key' must
 * be the entry's; the rest is compared, and '*changed' is true when the
 * function has changed it.  One that it has not changed, and that is back
 * already by its print, is refused, as long as prints of all that are out are
 * remembered. */
size_t insp_flights_return_cookie(struct insp_flights *, uint32_t cookie,
                                  const struct insp_flight_key *,
                                  uint32_t print, uint64_t now_ns,
                                  void *context, bool *changed) INSP_MUST_USE;

/* Control: gives up what has been out for longer than its timeout (at most
 * twice that, packets are counted by the half period), frees entries that
 * nothing has used for a while.  Call it at least every 100 ms. */
void insp_flights_maintain(struct insp_flights *, uint64_t now_ns);

/* Control: packets that maintain gave up, by function, until false. */
bool insp_flights_next_lost(struct insp_flights *, uint32_t *function,
                            uint64_t *packets) INSP_MUST_USE;

/* Control: packets of a function that are out right now, and how many entries
 * are in use in all. */
uint64_t insp_flights_out(const struct insp_flights *, uint32_t function);
uint32_t insp_flights_n_used(const struct insp_flights *);

/* Control, when no worker can come any more. */
void insp_flights_destroy(struct insp_flights *);

#endif /* flow/flight.h */
