/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory
 * =========
 *
 * Which services are there: port, address, protocol and port number of whoever
 * was seen to answer, what it says that it is, which versions it agrees to,
 * and what of that it should not do any more (engine/inventory.def).
 *
 *     answered connection --seen--> listener --news--> record "listener"
 *     what a reader found --told-->
 *
 * Passive: nobody is asked anything, so it is known as far as it was used.
 *
 * Above:    engine/report.c.       Below:  record/record.h.
 * Threads:  the control thread.
 * Memory:   at most INSP_LISTENERS_MAX of 350 bytes, INSP_LISTENERS_OF_PORT of
 *           one port; the one of the same port that was not seen for longest
 *           makes room, so that a VM crowds out none but its own.
 * Time:     wall clock, of the packets.
 * Fails:    when memory is out a service stays unknown for now.
 */

#ifndef INSP_ENGINE_INVENTORY_H
#define INSP_ENGINE_INVENTORY_H 1

#include "app/dialog.h"
#include "record/record.h"

#define INSP_LISTENERS_MAX     65536
#define INSP_LISTENERS_OF_PORT 512

/* Other names of software and protocol are told that often at most: who is
 * spoken to decides what it says of itself. */
#define INSP_LISTENER_TELL_NS  UINT64_C(60000000000)
/* Without a connection for so long it is gone. */
#define INSP_LISTENER_STALE_NS (UINT64_C(7 * 24 * 3600) * 1000000000)

enum insp_severity {
    INSP_SEVERITY_NONE,
    INSP_SEVERITY_LOW,
    INSP_SEVERITY_MEDIUM,
    INSP_SEVERITY_HIGH
};
const char *insp_severity_word(enum insp_severity);

enum insp_weakness {
#define INSP_WEAKNESS(NAME, WORD, SEVERITY, TEXT) INSP_WEAKNESS_##NAME,
#include "engine/inventory.def"
    INSP_N_WEAKNESSES
};
const char *insp_weakness_word(enum insp_weakness);
const char *insp_weakness_text(enum insp_weakness);
/* Of the worst of a set of them, a bit each. */
enum insp_severity insp_weaknesses_severity(uint32_t weaknesses);

/* A service. */
struct insp_listener {
    struct insp_record_connection conn; /* That showed it first, or changed it
                                         * last; nothing counted. */
    uint64_t first_ns, last_ns;
    uint64_t connections; /* That have ended. */
    uint32_t weaknesses;  /* A bit each, enum insp_weakness. */
    char software[64];    /* Valid UTF-8. */
    char versions[64];    /* With ',' between them. */
};

struct insp_inventory;

/* NULL: no memory. */
struct insp_inventory *insp_inventory_create(const struct insp_hash_key *);
void insp_inventory_destroy(struct insp_inventory *);

/* Whether somebody who listens has answered in 'conn'. */
bool insp_inventory_is_service(const struct insp_record_connection *conn);

/* Takes notice of the responder of 'conn', of whom readers have found
 * 'event' (NULL: it is a report of the connection).  Returns a record's values
 * when there is something to tell of it, else NULL. */
struct insp_values *insp_inventory_see(
    struct insp_inventory *, const struct insp_record_connection *conn,
    const struct insp_event_report *event) INSP_MUST_USE;

/* Removes one service of a port that is gone, or, with 'stale_ns', of any port
 * when it was not seen since then.  Returns its record's values and fills
 * 'conn', or NULL: there is none. */
struct insp_values *insp_inventory_take(
    struct insp_inventory *, uint32_t port_id, uint64_t stale_ns,
    struct insp_record_connection *conn) INSP_MUST_USE;

/* Copies up to 'n', in no order; returns how many there are. */
size_t insp_inventory_list(const struct insp_inventory *,
                           struct insp_listener *, size_t n);

#endif /* engine/inventory.h */
