/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     salt, connection id --HKDF-Extract--> initial secret
 *         --HKDF-Expand-Label "client in"--> secret of a direction
 *             --HKDF-Expand-Label--> key, iv, hp
 *
 * Every output is at most one block of SHA-256, so an Expand is one HMAC (RFC
 * 5869, section 2.3).  HMAC hashes its key's two pads first; the state behind
 * them is kept, since three outputs come of one secret.
 *
 * AES-GCM encrypts in counter mode, the first block of text with counter 2
 * (NIST SP 800-38D, section 7.1).
 *
 * libcrypto's own HKDF, HMAC and EVP allocate for each use.  The functions of
 * SHA-256 and AES underneath, which it calls deprecated, do not; but its AES
 * without EVP uses no instructions of the processor for it, so these are used
 * here where there are any.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "app/quic-crypto.h"

#include <openssl/aes.h>
#include <openssl/sha.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/put.h"

enum {
    SECRET = SHA256_DIGEST_LENGTH,
    BLOCK = SHA256_CBLOCK,
    SAMPLE = 16
};

/* Behind the pads of a key. */
struct hmac {
    SHA256_CTX inner, outer;
};

/* Keys are at most a block long here. */
static void
hmac_begin(struct hmac *h, const uint8_t *key, size_t size)
{
    uint8_t pad[BLOCK];

    for (size_t i = 0; i < BLOCK; i++) {
        pad[i] = 0x36 ^ (i < size ? key[i] : 0);
    }
    SHA256_Init(&h->inner);
    SHA256_Update(&h->inner, pad, sizeof pad);
    for (size_t i = 0; i < BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    SHA256_Init(&h->outer);
    SHA256_Update(&h->outer, pad, sizeof pad);
}

static void
hmac(const struct hmac *h, const void *text, size_t size, uint8_t out[SECRET])
{
    SHA256_CTX c = h->inner;

    SHA256_Update(&c, text, size);
    SHA256_Final(out, &c);
    c = h->outer;
    SHA256_Update(&c, out, SECRET);
    SHA256_Final(out, &c);
}

/* HKDF-Expand-Label (RFC 8446, section 7.1) without a context. */
static void
expand(const struct hmac *secret, const char *label, uint8_t *to, size_t size)
{
    uint8_t info[64], out[SECRET];
    struct insp_put p = insp_put(info, sizeof info);
    size_t n = strlen(label);

    insp_put_be(&p, size, 2);
    insp_put_u8(&p, (uint8_t) (6 + n));
    insp_put_bytes(&p, "tls13 ", 6);
    insp_put_bytes(&p, label, n);
    insp_put_u8(&p, 0); /* Size of the context. */
    insp_put_u8(&p, 1); /* Number of the block of output. */
    hmac(secret, info, insp_put_size(&p), out);
    memcpy(to, out, size);
}

/* What the versions differ in. */
static const struct version {
    uint32_t version;
    uint8_t salt[20];
    const char *key, *iv, *hp;
} versions[] = {
    { INSP_QUIC_V1, /* RFC 9001, section 5.2. */
      { 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
        0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
      "quic key",
      "quic iv",
      "quic hp" },
    { INSP_QUIC_V2, /* RFC 9369, section 3.3. */
      { 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
        0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 },
      "quicv2 key",
      "quicv2 iv",
      "quicv2 hp" },
    { INSP_QUIC_DRAFT_29, /* draft-ietf-quic-tls-29, section 5.2. */
      { 0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
        0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99 },
      "quic key",
      "quic iv",
      "quic hp" },
};

static const struct version *
find(uint32_t version)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i].version == version) {
            return &versions[i];
        }
    }
    return NULL;
}

bool
insp_quic_is_known(uint32_t version)
{
    return find(version) != NULL;
}

void
insp_quic_derive(uint32_t version, const uint8_t *cid, size_t cid_size,
                 bool is_server, struct insp_quic_keys *keys)
{
    const struct version *v = find(version);
    uint8_t secret[SECRET];
    struct hmac h;

    if (!v) {
        memset(keys, 0, sizeof *keys);
        return;
    }
    hmac_begin(&h, v->salt, sizeof v->salt);
    hmac(&h, cid, cid_size, secret);
    hmac_begin(&h, secret, sizeof secret);
    expand(&h, is_server ? "server in" : "client in", secret, sizeof secret);
    hmac_begin(&h, secret, sizeof secret);
    expand(&h, v->key, keys->key, sizeof keys->key);
    expand(&h, v->iv, keys->iv, sizeof keys->iv);
    expand(&h, v->hp, keys->hp, sizeof keys->hp);
}

/* ------------------------------------------------------------------------ */
/* AES-128. */

enum {
    BATCH = 8,
    ROUNDS = 10
};

#ifdef __x86_64__

/* The processor's own instructions: twenty times as fast. */
#define HARDWARE __attribute__((target("aes,sse2")))

struct rounds {
    __m128i key[ROUNDS + 1];
};

HARDWARE static __m128i
next_key(__m128i key, __m128i assist)
{
    for (int i = 0; i < 3; i++) {
        key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    }
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

/* FIPS 197, section 5.2. */
HARDWARE static void
expand_rounds(struct rounds *r, const uint8_t key[16])
{
    __m128i k = _mm_loadu_si128((const __m128i *) (const void *) key);

#define NEXT(I, CONSTANT)                                                     \
    r->key[I] = k;                                                            \
    k = next_key(k, _mm_aeskeygenassist_si128(k, CONSTANT))
    NEXT(0, 0x01);
    NEXT(1, 0x02);
    NEXT(2, 0x04);
    NEXT(3, 0x08);
    NEXT(4, 0x10);
    NEXT(5, 0x20);
    NEXT(6, 0x40);
    NEXT(7, 0x80);
    NEXT(8, 0x1b);
    NEXT(9, 0x36);
#undef NEXT
    r->key[ROUNDS] = k;
}

/* All blocks go through each round together: one does not wait for another. */
HARDWARE static void
encrypt_hardware(const struct rounds *r, uint8_t blocks[BATCH][16])
{
    __m128i *at = (__m128i *) (void *) blocks, b[BATCH];

    for (int i = 0; i < BATCH; i++) {
        b[i] = _mm_xor_si128(_mm_loadu_si128(at + i), r->key[0]);
    }
    for (int round = 1; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++) {
            b[i] = _mm_aesenc_si128(b[i], r->key[round]);
        }
    }
    for (int i = 0; i < BATCH; i++) {
        _mm_storeu_si128(at + i, _mm_aesenclast_si128(b[i], r->key[ROUNDS]));
    }
}

static bool
has_hardware(void)
{
    return __builtin_cpu_supports("aes");
}

#else

struct rounds {
    uint8_t none;
};

static void
expand_rounds(struct rounds *r, const uint8_t *key)
{
    r->none = *key;
}

static void
encrypt_hardware(const struct rounds *r, uint8_t blocks[BATCH][16])
{
    (void) r;
    (void) blocks;
}

static bool
has_hardware(void)
{
    return false;
}

#endif

struct aes {
    bool hardware;
    union {
        struct rounds rounds;
        AES_KEY key;
    };
};

static void
aes_begin(struct aes *a, const uint8_t key[16], bool may_use_hardware)
{
    a->hardware = may_use_hardware && has_hardware();
    if (a->hardware) {
        expand_rounds(&a->rounds, key);
    } else {
        AES_set_encrypt_key(key, 128, &a->key);
    }
}

/* The first 'n' blocks are wanted. */
static void
aes_encrypt(const struct aes *a, uint8_t blocks[BATCH][16], size_t n)
{
    if (a->hardware) {
        encrypt_hardware(&a->rounds, blocks);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        AES_encrypt(blocks[i], blocks[i], &a->key);
    }
}

/* Counter mode, as GCM has it. */
static void
decrypt(const struct aes *a, const uint8_t iv[12], uint64_t number,
        const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t counter[16], stream[BATCH][16];
    const uint8_t *flat = stream[0];

    memcpy(counter, iv, 12);
    for (int i = 0; i < 8; i++) {
        counter[4 + i] ^= (uint8_t) (number >> (56 - 8 * i));
    }
    for (uint32_t block = 2; size; block += BATCH) {
        size_t n = INSP_MIN(size, sizeof stream);

        for (uint32_t k = 0; k < BATCH; k++) {
            for (int i = 0; i < 4; i++) {
                counter[12 + i] = (uint8_t) ((block + k) >> (24 - 8 * i));
            }
            memcpy(stream[k], counter, sizeof counter);
        }
        aes_encrypt(a, stream, (n + 15) / 16);
        for (size_t i = 0; i < n; i++) {
            out[i] = in[i] ^ flat[i];
        }
        in += n;
        out += n;
        size -= n;
    }
}

static size_t
open_packet(const struct insp_quic_keys *keys, const uint8_t *packet,
            size_t number_at, size_t size, uint8_t *clear, bool hardware)
{
    struct insp_cursor c = insp_cursor(packet, size);
    uint8_t first = insp_cursor_u8(&c), mask[BATCH][16] = { { 0 } };
    const uint8_t *number, *sample, *payload;
    uint32_t n = 0;
    size_t number_size, left;
    struct aes aes;

    /* The sample is taken as if the number were four bytes long (RFC 9001,
     * section 5.4.2). */
    if (number_at) {
        insp_cursor_skip(&c, number_at - 1);
    }
    number = insp_cursor_take(&c, 4);
    sample = insp_cursor_take(&c, sizeof mask[0]);
    if (!number || !sample) {
        return 0;
    }
    memcpy(mask[0], sample, sizeof mask[0]);
    aes_begin(&aes, keys->hp, hardware);
    aes_encrypt(&aes, mask, 1);
    number_size = 1u + ((first ^ mask[0][0]) & 3);
    for (size_t i = 0; i < number_size; i++) {
        n = n << 8 | (uint8_t) (number[i] ^ mask[0][1 + i]);
    }
    c = insp_cursor(packet, size);
    insp_cursor_skip(&c, number_at + number_size);
    left = insp_cursor_left(&c);
    payload = insp_cursor_take(&c, left);
    if (!payload || left <= INSP_QUIC_TAG) {
        return 0;
    }
    /* Initial packets are few: a number is never so high that it would not
     * have been sent whole. */
    aes_begin(&aes, keys->key, hardware);
    decrypt(&aes, keys->iv, n, payload, left - INSP_QUIC_TAG, clear);
    return left - INSP_QUIC_TAG;
}

size_t
insp_quic_open(const struct insp_quic_keys *keys, const uint8_t *packet,
               size_t number_at, size_t size, uint8_t *clear)
{
    return open_packet(keys, packet, number_at, size, clear, true);
}

size_t
insp_quic_open_plain(const struct insp_quic_keys *keys, const uint8_t *packet,
                     size_t number_at, size_t size, uint8_t *clear)
{
    return open_packet(keys, packet, number_at, size, clear, false);
}
