/* SPDX-License-Identifier: Apache-2.0 */
/* Leases
 * ======
 *
 * The names that DHCP gives to addresses: what a server has acknowledged to a
 * client that told its name, for as long as the lease lasts.
 *
 *     dhcp, dhcpv6 (reader's event) --note--> (port, address) -> name
 *     connection's record --name_of--> src_host, dest_host
 *
 * A client is known by its MAC: where a VM port has that one, the name is only
 * for what that port sends and receives, so that equal addresses of two
 * tenants do not share one.
 *
 * Above:    engine/report.c.       Below:  app/dialog.h, base/hash.h.
 * Threads:  the control thread.
 * Memory:   5 MB, taken with the first lease; of what has no room the lease
 *           that ends first is forgotten.
 * Time:     wall clock, of the packets.
 * Fails:    create with NULL.
 */

#ifndef INSP_ENGINE_LEASES_H
#define INSP_ENGINE_LEASES_H 1

#include "app/dialog.h"
#include "base/hash.h"
#include "record/record.h"

enum insp_lease_kind {
    INSP_LEASE_ASKED,    /* A client says its name. */
    INSP_LEASE_GIVEN,    /* A server gives it addresses. */
    INSP_LEASE_RETURNED, /* The client gives them back. */
};

struct insp_lease {
    enum insp_lease_kind kind;
    uint32_t id;          /* Of question and answer. */
    uint8_t addrs[8][16]; /* IPv4 as ::ffff:a.b.c.d. */
    unsigned int n_addrs;
    uint8_t mac[6];            /* Of the client; zero: not known. */
    char host[INSP_HOST_SIZE]; /* "": not said. */
    uint32_t seconds;
};

/* What an event says; false: nothing of that. */
bool insp_lease_read(const struct insp_event_report *, struct insp_lease *);

struct insp_leases;
struct insp_leases *insp_leases_create(const struct insp_hash_key *)
    INSP_MUST_USE;
void insp_leases_destroy(struct insp_leases *);

/* 'port_id' is the client's; 0: not known.  The name may have come with the
 * question to which this is the answer. */
void insp_leases_note(struct insp_leases *, uint32_t port_id,
                      const struct insp_lease *, uint64_t now_ns);

/* "": it has none. */
const char *insp_leases_name_of(const struct insp_leases *, uint32_t port_id,
                                const uint8_t addr[16], uint64_t now_ns);

#endif /* engine/leases.h */
