/* SPDX-License-Identifier: Apache-2.0 */
/* Service
 * =======
 *
 * Which entries name the service of a packet: by protocol and destination
 * port (or ICMP type), and for entries that are read in reverse by the source
 * port.
 *
 * Above:    rule/.                 Below:  rule/vector.h, rule/rule.h.
 * Threads:  immutable once made; any thread reads.
 * Memory:   1 KiB for each protocol that a rule names, and for each page of
 *           256 ports in which they differ.
 * Time:     look-up: three loads.
 * Fails:    the budget's error.
 */

#ifndef INSP_RULE_SERVICE_H
#define INSP_RULE_SERVICE_H 1

#include "rule/rule.h"
#include "rule/vector.h"

/* Names of vectors: entries by a value in the destination, in the source. */
struct insp_service_pair {
    uint32_t vector[2];
};

struct insp_services {
    uint16_t by_proto[256];          /* Index of 'pages'. */
    uint32_t (*pages)[256];          /* By high byte: index of 'cells'. */
    uint32_t (*cells)[256];          /* By low byte: index of 'pairs'. */
    struct insp_service_pair *pairs; /* 0: no entry. */
    uint32_t arp[2];                 /* Vectors; direction is no matter. */
    uint32_t nd[2];
};

/* A service that an entry names. */
struct insp_service_use {
    uint32_t entry;
    uint16_t first;
    uint16_t last;
    uint8_t proto;
    uint8_t kind; /* PORTS, ARP or ND; others become PORTS. */
    bool reverse;
};

void insp_services_create(struct insp_services *, struct insp_service_use *,
                          size_t n, struct insp_pool *, struct insp_budget *);
void insp_services_uninit(struct insp_services *);

static inline const struct insp_service_pair *
insp_services_find(const struct insp_services *s, uint8_t proto, uint16_t port)
{
    uint32_t page = s->pages[s->by_proto[proto]][port >> 8];

    return &s->pairs[s->cells[page][port & 0xff]];
}

#endif /* rule/service.h */
