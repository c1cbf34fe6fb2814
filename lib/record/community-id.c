/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Community ID version 1: SHA-1 over
 *
 *     seed, source, destination, protocol, 0, source port, destination port
 *
 * with the two ends in numeric order, so that both directions of a
 * connection have one identifier, in base64.  ICMP has no ports; its type
 * stands for the source port and, when there is a type that answers it, that
 * one for the destination port.  A type that nothing answers uses the code,
 * and the ends stay as they are.
 *
 * All of that is at most 40 bytes, one SHA-1 block (RFC 3174), so the hash is
 * a single run of the compression function and needs no library, state or
 * memory.
 */

#include "base/cursor.h"
#include "record/record.h"

static uint32_t
rotate(uint32_t x, unsigned int n)
{
    return x << n | x >> (32 - n);
}

/* Words from the sixteenth on are made of those before, in their places. */
#define WORD(I)                                                               \
    ((I) < 16                                                                 \
         ? w[I]                                                               \
         : (w[(I) % 16] = rotate(w[((I) + 13) % 16] ^ w[((I) + 8) % 16] ^     \
                                     w[((I) + 2) % 16] ^ w[(I) % 16],         \
                                 1)))

/* The registers change their names instead of their places. */
#define STEP(A, B, C, D, E, F, K, I)                                          \
    do {                                                                      \
        E += rotate(A, 5) + F(B, C, D) + K + WORD(I);                         \
        B = rotate(B, 30);                                                    \
    } while (0)
#define FIVE_STEPS(F, K, I)                                                   \
    do {                                                                      \
        STEP(a, b, c, d, e, F, K, I);                                         \
        STEP(e, a, b, c, d, F, K, (I) + 1);                                   \
        STEP(d, e, a, b, c, F, K, (I) + 2);                                   \
        STEP(c, d, e, a, b, F, K, (I) + 3);                                   \
        STEP(b, c, d, e, a, F, K, (I) + 4);                                   \
    } while (0)
#define TWENTY_STEPS(F, K, I)                                                 \
    do {                                                                      \
        FIVE_STEPS(F, K, I);                                                  \
        FIVE_STEPS(F, K, (I) + 5);                                            \
        FIVE_STEPS(F, K, (I) + 10);                                           \
        FIVE_STEPS(F, K, (I) + 15);                                           \
    } while (0)

#define CHOOSE(B, C, D)   ((D) ^ ((B) & ((C) ^ (D))))
#define PARITY(B, C, D)   ((B) ^ (C) ^ (D))
#define MAJORITY(B, C, D) (((B) & (C)) | ((D) & ((B) | (C))))

/* SHA-1 of the 'size' bytes in 'block', at most 55, which it pads. */
static void
sha1_of_one_block(uint8_t block[64], size_t size, uint8_t digest[20])
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                      0xc3d2e1f0 };
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    uint32_t w[16];

    memset(block + size, 0, 64 - size);
    block[size] = 0x80;
    block[62] = (uint8_t) (size * 8 >> 8);
    block[63] = (uint8_t) (size * 8);
    for (unsigned int i = 0; i < 16; i++) {
        w[i] = insp_be32(block + 4 * i);
    }
    TWENTY_STEPS(CHOOSE, 0x5a827999, 0);
    TWENTY_STEPS(PARITY, 0x6ed9eba1, 20);
    TWENTY_STEPS(MAJORITY, 0x8f1bbcdc, 40);
    TWENTY_STEPS(PARITY, 0xca62c1d6, 60);
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    for (unsigned int i = 0; i < 20; i++) {
        digest[i] = (uint8_t) (h[i / 4] >> (24 - 8 * (i % 4)));
    }
}

static char *
base64(char *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        size_t n = INSP_MIN(size - i, 3);
        uint32_t bits = (uint32_t) bytes[i] << 16 |
                        (n > 1 ? (uint32_t) bytes[i + 1] << 8 : 0) |
                        (n > 2 ? bytes[i + 2] : 0);

        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = n > 2 ? digits[bits & 63] : '=';
    }
    return to;
}

/* The type that answers 'type' or that it answers, or -1: nothing does. */
static int
icmp_counterpart(uint8_t proto, uint8_t type)
{
    static const uint8_t pairs4[][2] = {
        { 8, 0 }, { 13, 14 }, { 15, 16 }, { 10, 9 }, { 17, 18 }
    };
    static const uint8_t pairs6[][2] = { { 128, 129 }, { 133, 134 },
                                         { 135, 136 }, { 130, 131 },
                                         { 139, 140 }, { 144, 145 } };
    const uint8_t(*pairs)[2] = proto == INSP_PROTO_ICMP ? pairs4 : pairs6;
    size_t n = proto == INSP_PROTO_ICMP ? INSP_ARRAY_SIZE(pairs4)
                                        : INSP_ARRAY_SIZE(pairs6);

    for (size_t i = 0; i < n; i++) {
        if (pairs[i][0] == type) {
            return pairs[i][1];
        } else if (pairs[i][1] == type) {
            return pairs[i][0];
        }
    }
    return -1;
}

void
insp_community_id(const struct insp_record_connection *conn, uint16_t seed,
                  char *text)
{
    size_t addr_size = conn->ip_version == 4 ? 4 : 16;
    const uint8_t *addr[2] = { conn->addr[0] + 16 - addr_size,
                               conn->addr[1] + 16 - addr_size };
    uint32_t port[2] = { conn->l4_port[0], conn->l4_port[1] };
    bool one_way = false, has_ports = true;
    uint8_t block[64], digest[20];
    uint8_t *at = block;
    unsigned int first;
    int order;

    if (conn->ip_version != 4 && conn->ip_version != 6) {
        text[0] = '\0';
        return;
    }
    if (conn->proto == INSP_PROTO_ICMP || conn->proto == INSP_PROTO_ICMPV6) {
        int answer = icmp_counterpart(conn->proto, conn->icmp_type);

        one_way = answer < 0;
        port[0] = conn->icmp_type;
        port[1] = one_way ? conn->icmp_code : (uint32_t) answer;
    } else if (conn->proto != INSP_PROTO_TCP &&
               conn->proto != INSP_PROTO_UDP &&
               conn->proto != INSP_PROTO_SCTP) {
        has_ports = false;
        port[0] = port[1] = 0;
    }

    order = memcmp(addr[0], addr[1], addr_size);
    first = !one_way && (order > 0 || (order == 0 && port[0] > port[1]));

    *at++ = (uint8_t) (seed >> 8);
    *at++ = (uint8_t) seed;
    for (unsigned int i = 0; i < 2; i++, at += addr_size) {
        memcpy(at, addr[first ^ i], addr_size);
    }
    *at++ = conn->proto;
    *at++ = 0;
    for (unsigned int i = 0; has_ports && i < 2; i++) {
        *at++ = (uint8_t) (port[first ^ i] >> 8);
        *at++ = (uint8_t) port[first ^ i];
    }
    sha1_of_one_block(block, (size_t) (at - block), digest);

    *text++ = '1';
    *text++ = ':';
    text = base64(text, digest, sizeof digest);
    *text = '\0';
}
