/* SPDX-License-Identifier: Apache-2.0 */
/* Resolve
 * =======
 *
 * Looks a host's addresses up without waiting for the resolver: a name is
 * handed to a thread that does nothing else, and whoever asked looks from
 * time to time, or polls.  An address needs no thread and is there at once.
 *
 *     begin -> fd, poll -> finish
 *           \-> cancel: the thread is left to itself and frees what is left
 *
 * Above:    uplink.c, the tools.   Below:  dial.h, POSIX threads.
 * Threads:  one, and one of its own for each look-up of a name.
 * Memory:   one allocation a look-up.
 * Time:     none; never waits.
 * Fails:    with a sentence.
 */

#ifndef INSP_EXPORT_RESOLVE_H
#define INSP_EXPORT_RESOLVE_H 1

#include "export/dial.h"

struct insp_resolve;

/* NULL: the sentence is in 'why'. */
struct insp_resolve *insp_resolve_begin(const char *host, uint16_t port,
                                        char *why, size_t why_size);

/* Becomes readable when it is finished. */
int insp_resolve_fd(const struct insp_resolve *);

enum insp_resolved {
    INSP_RESOLVE_WAIT,
    INSP_RESOLVE_OK,
    INSP_RESOLVE_FAILED
};

/* Fills the addresses in, or says why there are none; in both cases 'r' is
 * gone. */
enum insp_resolved insp_resolve_finish(struct insp_resolve *,
                                       struct insp_dial *, char *why,
                                       size_t why_size);

void insp_resolve_cancel(struct insp_resolve *);

#endif /* export/resolve.h */
