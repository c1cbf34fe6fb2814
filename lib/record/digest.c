/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A context a hash.  OpenSSL begins anew in one that has done the same hash
 * before without asking for the algorithm or for memory.
 */

#include <openssl/err.h>
#include <openssl/evp.h>

#include "record/digest.h"

static EVP_MD_CTX *
begin(enum insp_hash hash)
{
    static const char *const names[INSP_N_HASHES] = {
        [INSP_MD5] = "MD5",
        [INSP_SHA1] = "SHA1",
        [INSP_SHA256] = "SHA256",
    };
    EVP_MD *md = EVP_MD_fetch(NULL, names[hash], NULL);
    EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;

    if (context && !EVP_DigestInit_ex2(context, md, NULL)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    EVP_MD_free(md); /* The context has it. */
    return context;
}

bool
insp_digest(struct insp_digests *d, enum insp_hash hash, const void *bytes,
            size_t size, uint8_t *digest)
{
    EVP_MD_CTX *context = d->contexts[hash];

    if (!context) {
        context = d->contexts[hash] = begin(hash);
    }
    if (!context || !EVP_DigestUpdate(context, bytes, size) ||
        !EVP_DigestFinal_ex(context, digest, NULL) ||
        !EVP_DigestInit_ex2(context, NULL, NULL)) {
        EVP_MD_CTX_free(context);
        d->contexts[hash] = NULL;
        ERR_clear_error();
        return false;
    }
    return true;
}

void
insp_digests_uninit(struct insp_digests *d)
{
    for (unsigned int i = 0; i < INSP_N_HASHES; i++) {
        EVP_MD_CTX_free(d->contexts[i]);
        d->contexts[i] = NULL;
    }
}

char *
insp_hex_put(char *to, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}
