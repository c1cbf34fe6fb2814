/* SPDX-License-Identifier: Apache-2.0 */
/* Hello
 * =====
 *
 * Fingerprints of TLS hellos, which are the same wherever the hello came
 * from: TLS, DTLS or QUIC.
 *
 *   JA3, JA3S  version, ciphers, extensions, groups, point formats, as decimal
 *              numbers; and its MD5
 *   JA4        FoxIO's, of the client: "t13d1516h2_8daaf6152771_e5627efa2ab1"
 *
 * Above:    finish.c.         Below:  digest.h.
 * Threads:  the digests belong to one.
 * Memory:   the caller's; of a hello with very many numbers a copy.
 * Time:     none.
 * Fails:    by an empty text.
 */

#ifndef INSP_RECORD_HELLO_H
#define INSP_RECORD_HELLO_H 1

#include "record/digest.h"

struct insp_bytes {
    const uint8_t *at;
    size_t size;
};

/* Numbers as on the wire, GREASE included; see the rows in app/tls.def. */
struct insp_hello {
    struct insp_bytes client; /* Head of the client's hello. */
    struct insp_bytes ciphers;
    struct insp_bytes extensions;
    struct insp_bytes groups;
    struct insp_bytes points;
    struct insp_bytes signatures;
    struct insp_bytes server; /* Head of the server's hello. */
    struct insp_bytes server_extensions;
};

#define INSP_HELLO_MAX 8192 /* Of a string; longer ones are none. */
#define INSP_JA4_SIZE  40

/* Each returns the size of what it writes, 0: there is none. */
size_t insp_ja3(const struct insp_hello *, char text[INSP_HELLO_MAX]);
size_t insp_ja3s(const struct insp_hello *, char text[INSP_HELLO_MAX]);
size_t insp_ja4(struct insp_digests *, const struct insp_hello *,
                char text[INSP_JA4_SIZE]);

#endif /* record/hello.h */
