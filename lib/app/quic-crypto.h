/* SPDX-License-Identifier: Apache-2.0 */
/* QUIC's cryptography
 * ===================
 *
 * The keys of Initial packets, which everyone can make who has seen the
 * client's first packet, and the packets in clear (RFC 9001, section 5; RFC
 * 9369).
 *
 * Above:    app/quic.c.            Below:  base/cursor.h, libcrypto.
 * Threads:  any.
 * Memory:   the caller's; libcrypto is used only where it takes none.
 * Time:     2 to 3 us for keys; 1 us for a packet, 20 us where the processor
 *           has no instructions for AES.
 * Fails:    returns false for a packet that is too short.
 *
 * A packet's tag is not checked: what comes out for a wrong key is noise, and
 * the caller believes only frames that are valid to the last byte.
 */

#ifndef INSP_APP_QUIC_CRYPTO_H
#define INSP_APP_QUIC_CRYPTO_H 1

#include "base/cursor.h"

enum {
    INSP_QUIC_V1 = 0x00000001,
    INSP_QUIC_V2 = 0x6b3343cf,
    INSP_QUIC_DRAFT_29 = 0xff00001d,

    INSP_QUIC_CID_MAX = 20,
    INSP_QUIC_TAG = 16,
};

/* Of one direction. */
struct insp_quic_keys {
    uint8_t key[16];
    uint8_t iv[12];
    uint8_t hp[16]; /* Of header protection. */
};

/* From the connection id that the client made up for the server.  'version' is
 * one that insp_quic_is_known() says yes to. */
bool insp_quic_is_known(uint32_t version);
void insp_quic_derive(uint32_t version, const uint8_t *cid, size_t cid_size,
                      bool is_server, struct insp_quic_keys *);

/* 'packet' reaches from its first byte to the end of its payload, of which the
 * packet number, at 'number_at', is the first; 'clear' has room for all of
 * it.  Returns the size of what is in clear, 0: it is too short. */
size_t insp_quic_open(const struct insp_quic_keys *, const uint8_t *packet,
                      size_t number_at, size_t size, uint8_t *clear);
/* The same without the processor's own AES; for tests. */
size_t insp_quic_open_plain(const struct insp_quic_keys *,
                            const uint8_t *packet, size_t number_at,
                            size_t size, uint8_t *clear);

#endif /* app/quic-crypto.h */
