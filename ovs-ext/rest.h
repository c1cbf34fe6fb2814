/* SPDX-License-Identifier: Apache-2.0 */
/* Rest
 * ====
 *
 * What is left to do with a packet that goes to a function, as bytes that the
 * engine keeps and hands back: the rest of the list of actions that it was
 * in, with what of its metadata these can see.
 *
 *     ovsext_rest_make()   before the engine judges packets that may go
 *     ovsext_rest_open()   on return: NULL when a port that it names is not
 *                          the same any more
 *     ovsext_rest_restore() each packet, then run the actions
 *
 * Equal rests are equal bytes, so packets of one flow share one.
 *
 * Above:    action-run.c.
 * Below:    port-use.h, libopenvswitch.
 * Threads:  no state.
 * Memory:   the caller's.
 * Time:     proportional to the actions.
 * Fails:    what does not fit INSP_REST_MAX, or nests too deep to be looked
 *           through, has a size that does not, and the engine lets no packet
 *           go.
 */

#ifndef OVSEXT_REST_H
#define OVSEXT_REST_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

struct dp_packet;
struct nlattr;

struct ovsext_rest {
    bool has_metadata; /* Packets of one batch may differ in it. */
    bool has_ct;       /* Tracks connections. */
    size_t size;       /* > INSP_REST_MAX: it was not made. */
    uint64_t bytes[INSP_REST_MAX / sizeof(uint64_t)];
};

/* Of 'packet', whose actions are the 'size' bytes at 'actions'. */
void ovsext_rest_make(struct ovsext_rest *, const struct dp_packet *,
                      const struct nlattr *actions, size_t size);

/* True if the rest of 'b' is the same as that of 'a' is, when it has
 * metadata. */
bool ovsext_rest_same(const struct dp_packet *a, const struct dp_packet *b);

/* The actions in 'size' bytes that were made by ovsext_rest_make(); NULL:
 * damaged, or a port is no longer the same. */
const struct nlattr *ovsext_rest_open(const void *bytes, size_t size,
                                      size_t *actions_size);

/* Gives a packet that has come back the metadata that it went with. */
void ovsext_rest_restore(const void *bytes, struct dp_packet *);

#endif /* ovs-ext/rest.h */
