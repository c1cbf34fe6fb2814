/* SPDX-License-Identifier: Apache-2.0 */
/* Names
 * =====
 *
 * What a VM has been told by DNS: that a name has this address.  When the VM
 * then connects to the address, rules can match the name ("sni:" with
 * other_config:dns-names), from the first packet on.
 *
 *     DNS answer --learn--> (VM, its address, the address) -> name
 *                                          |
 *     first packet of a connection --find--+
 *
 * An answer counts for the VM that got it and for nobody else, so that no VM
 * can give another one's connections a name.
 *
 * Above:    app/dialogs.c, engine/judge.c.  Below:  base/hash.h.
 * Threads:  any; a writer that finds an entry being written leaves it, a
 *           reader that finds one so has found nothing.
 * Memory:   one mapping of fixed size; an old name makes room for a new one.
 * Time:     the caller's, monotonic.
 * Fails:    create with ENOMEM; find with false.
 */

#ifndef INSP_APP_NAMES_H
#define INSP_APP_NAMES_H 1

#include "app/app.h"
#include "base/hash.h"

struct insp_names;

struct insp_name_key {
    uint8_t client[16]; /* Addresses as in struct insp_key. */
    uint8_t server[16];
    uint64_t port_id; /* Of the client. */
};

int insp_names_create(uint32_t n, const struct insp_hash_key *,
                      struct insp_names **) INSP_MUST_USE;
void insp_names_destroy(struct insp_names *); /* NULL is fine. */
size_t insp_names_size(const struct insp_names *);

/* 'name' as insp_reading_set_name() leaves it, at most INSP_APP_NAME_MAX. */
void insp_names_learn(struct insp_names *, const struct insp_name_key *,
                      const char *name, size_t size, uint64_t now_ns,
                      uint64_t ttl_ns);

/* 'name' has room for INSP_APP_NAME_MAX + 1. */
bool insp_names_find(const struct insp_names *, const struct insp_name_key *,
                     uint64_t now_ns, char *name);

#endif /* app/names.h */
