/* SPDX-License-Identifier: Apache-2.0 */
/* Directory
 * =========
 *
 * Port id -> identity.  An identity stays until its port is gone *and* the
 * last record that names it has left every queue, so that the record of a
 * detached port still says whose it was.
 *
 *     PORT       -> insp_directory_add()
 *     record     -> insp_directory_find(), insp_directory_ref()
 *     sent       -> insp_directory_unref()
 *     PORT_GONE  -> insp_directory_gone()
 *     each turn  -> insp_directory_reap()
 *
 * Above:    drain.c, uplink.c, the collector.
 * Below:    record/record.h, utf8.h.
 * Threads:  one.
 * Memory:   one entry a live port, and one for each dead one that a queued
 *           record names; with a limit, never more than that many.
 * Time:     none.
 * Fails:    create with ENOMEM; add with NULL: the port stays unknown.
 */

#ifndef INSP_EXPORT_DIRECTORY_H
#define INSP_EXPORT_DIRECTORY_H 1

#include "record/record.h"

struct insp_identity {
    struct insp_port port;       /* Texts are valid UTF-8. */
    struct insp_identity *chain; /* Others of the same bucket. */
    struct insp_identity *newer; /* Order of use. */
    struct insp_identity *older;
    uint32_t refs;
    bool gone;
};

struct insp_directory;

/* 'limit' 0: none.  With a limit the identity that was not looked up for
 * longest makes room, and there must be no references. */
int insp_directory_create(size_t limit,
                          struct insp_directory **) INSP_MUST_USE;

/* Takes in a copy of 'port'; one with the same id is replaced in place.
 * Returns NULL for id 0, for one that is gone and not yet reaped (ids are
 * never used again), and when memory is out. */
struct insp_identity *insp_directory_add(struct insp_directory *,
                                         const struct insp_port *);

/* The identity of 'id', or NULL: unknown, or gone. */
struct insp_identity *insp_directory_find(struct insp_directory *,
                                          uint32_t id);

/* NULL is allowed in both. */
void insp_directory_ref(struct insp_identity *);
void insp_directory_unref(struct insp_directory *, struct insp_identity *);

/* No record that comes after this names 'id'. */
void insp_directory_gone(struct insp_directory *, uint32_t id);

/* Frees one identity that is gone and no longer referred to and returns its
 * port id, or 0 when there is none left to free. */
uint32_t insp_directory_reap(struct insp_directory *);

size_t insp_directory_count(const struct insp_directory *);

void insp_directory_destroy(struct insp_directory *);

#endif /* export/directory.h */
