/* SPDX-License-Identifier: Apache-2.0 */
/* Digest
 * ======
 *
 * MD5, SHA-1 and SHA-256 of short things, many times over.  What OpenSSL needs
 * to know of a hash is looked up once and kept: that takes longer than to hash
 * some hundred bytes.
 *
 * Above:    hello.h, certificate.h, finish.c.   Below:  base/, OpenSSL.
 * Threads:  a struct insp_digests belongs to one thread.
 * Memory:   OpenSSL's, from the first use of a hash until destroy.
 * Time:     none.
 * Fails:    by false: there is no such hash here, or memory is out.
 */

#ifndef INSP_RECORD_DIGEST_H
#define INSP_RECORD_DIGEST_H 1

#include "base/compiler.h"

enum insp_hash {
    INSP_MD5,    /* 16 bytes: a name for what is public, nothing to rely on. */
    INSP_SHA1,   /* 20 */
    INSP_SHA256, /* 32 */
    INSP_N_HASHES
};

struct insp_digests {
    struct evp_md_ctx_st *contexts[INSP_N_HASHES]; /* NULL: not used yet. */
};

/* All zeros is a good beginning. */
bool insp_digest(struct insp_digests *, enum insp_hash, const void *bytes,
                 size_t size, uint8_t *digest);

void insp_digests_uninit(struct insp_digests *);

/* 'n' bytes as digits, with no zero behind them; returns where they end. */
char *insp_hex_put(char *to, const uint8_t *bytes, size_t n);

#endif /* record/digest.h */
