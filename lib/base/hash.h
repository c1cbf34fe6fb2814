/* SPDX-License-Identifier: Apache-2.0 */
/* Hash
 * ====
 *
 * A keyed hash of a few words, quick enough for every packet and not to be
 * steered by a stranger who does not know the key (128-bit multiply and
 * fold, after the idea of wyhash).
 *
 * Above:    flow/.                 Below:  compiler.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_HASH_H
#define INSP_BASE_HASH_H 1

#include <string.h>

#include "base/compiler.h"

struct insp_hash_key {
    uint64_t k[4]; /* Random, from the host. */
};

static inline uint64_t
insp_hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* 'bytes' are 'n_words' 64-bit words, of any alignment. */
static inline uint64_t
insp_hash_words(const void *bytes, size_t n_words,
                const struct insp_hash_key *key)
{
    const uint8_t *at = bytes;
    uint64_t hash = key->k[0];

    for (; n_words >= 2; n_words -= 2, at += 16) {
        uint64_t pair[2];

        memcpy(pair, at, sizeof pair);
        hash = insp_hash_fold(pair[0] ^ key->k[1], pair[1] ^ hash);
    }
    if (n_words) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        hash = insp_hash_fold(word ^ key->k[2], hash);
    }
    return insp_hash_fold(hash ^ key->k[3], key->k[1]);
}

#endif /* base/hash.h */
