/* SPDX-License-Identifier: Apache-2.0 */
/* Listen
 * ======
 *
 * Where sensors that dial come in.
 *
 * Above:    main.c.                Below:  peers.h, credentials.h, options.h.
 * Threads:  one.
 * Memory:   fixed.
 * Time:     a turn takes at most so many connections a listener.
 * Fails:    open by the end of the process, with a sentence.
 */

#ifndef COLLECTOR_LISTEN_H
#define COLLECTOR_LISTEN_H 1

#include "options.h"
#include "peers.h"

/* Borrows the options. */
void collector_listen_open(const struct collector_options *,
                           const struct collector_peer_config *);
void collector_listen_run(void);
void collector_listen_wait(void);

/* What is wrong with the files as they are now; "": nothing. */
const char *collector_listen_fault(void);
void collector_listen_close(void);

#endif /* listen.h */
