/* SPDX-License-Identifier: Apache-2.0 */
/* File
 * ====
 *
 * Reads the packets of a capture file or of a pipe: pcap and pcapng, of either
 * byte order, any resolution of time, any number of interfaces.
 *
 *     while ((next = probe_file_next(f, &packet)) != PROBE_END) {
 *         PROBE_PACKET: 'packet' is the next one
 *         PROBE_WAIT:   let go of all packets, and probe_file_fill(f)
 *         PROBE_FAILED: probe_file_error(f); there is no more
 *     }
 *
 * Above:    main.c.                Below:  packet.h, base/cursor.h.
 * Threads:  one.
 * Memory:   a buffer of fixed size; packets stand in it, without a copy.
 * Time:     the packets'.
 * Fails:    open with NULL and a reason; next by PROBE_FAILED.
 *
 * draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */

#ifndef PROBE_FILE_H
#define PROBE_FILE_H 1

#include "packet.h"

struct probe_file;

/* "-": stdin.  'error' has 'size' bytes for the reason. */
struct probe_file *probe_file_open(const char *name, char *error, size_t size);

enum probe_next {
    PROBE_PACKET,
    PROBE_WAIT,
    PROBE_END,
    PROBE_FAILED,
};

enum probe_next probe_file_next(struct probe_file *, struct probe_packet *);

/* Reads on; the bytes of all earlier packets are gone.  Waits for a pipe to
 * say something; returns at once when a signal has come. */
void probe_file_fill(struct probe_file *);

/* With the file's name, the packet's number and where it stands. */
const char *probe_file_error(const struct probe_file *);

/* How many bytes have been read, of how many; 0: that is not known. */
uint64_t probe_file_offset(const struct probe_file *);
uint64_t probe_file_size(const struct probe_file *);

void probe_file_close(struct probe_file *);

#endif /* probe/file.h */
