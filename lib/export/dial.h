/* Dial
 * ====
 *
 * Opens a TCP connection without waiting for it, one address of a host after
 * the other.
 *
 * Above:    uplink.c.              Below:  POSIX sockets.
 * Threads:  one.
 * Memory:   fixed.
 * Time:     none, but the resolver may take its own when 'host' is a name.
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

/* Looks 'host' up.  False: the sentence is in 'why'. */
bool insp_dial_resolve(struct insp_dial *, const char *host, uint16_t port,
                       char *why, size_t why_size) INSP_MUST_USE;

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

#endif /* export/dial.h */
