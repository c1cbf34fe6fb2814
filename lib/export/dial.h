/* SPDX-License-Identifier: Apache-2.0 */
/* Dial
 * ====
 *
 * Opens a TCP connection without waiting for it, one address of a host after
 * the other; or listens for one.
 *
 * Above:    uplink.c, resolve.h.   Below:  POSIX sockets.
 * Threads:  no state but the caller's.
 * Memory:   fixed.
 * Time:     none; never waits.
 * Fails:    with a sentence.
 */

#ifndef INSP_EXPORT_DIAL_H
#define INSP_EXPORT_DIAL_H 1

#include <sys/socket.h>

#include "base/compiler.h"

#define INSP_DIAL_ADDRESSES 8

struct insp_dial {
    struct sockaddr_storage addresses[INSP_DIAL_ADDRESSES];
    socklen_t sizes[INSP_DIAL_ADDRESSES];
    unsigned int n;
    unsigned int next;
};

/* Starts to connect to the next address.  Returns a socket that becomes
 * writable when that is decided, or -1: there is none left ('why' says what
 * became of the last one). */
int insp_dial_next(struct insp_dial *, uint32_t keepalive_ms, char *why,
                   size_t why_size);

/* True when the connection stands; else 'why'. */
bool insp_dial_finish(int fd, char *why, size_t why_size) INSP_MUST_USE;

/* True when bytes wait to be acknowledged and nothing has been heard of the
 * other end for 'limit_ms'.  A reader that is only slow does answer.  Right
 * after a pause it is true for a moment: ask again. */
bool insp_dial_is_deaf(int fd, uint32_t limit_ms);

/* A socket that listens on 'host', an address, or on all if it is "".  -1: the
 * sentence is in 'why'. */
int insp_dial_listen(const char *host, uint16_t port, char *why,
                     size_t why_size);

/* The next connection that has come in, and where it is from; -1: none. */
int insp_dial_accept(int listen_fd, uint32_t keepalive_ms, char *who,
                     size_t who_size);

#endif /* export/dial.h */
