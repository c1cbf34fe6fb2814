/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Lists of numbers come as on the wire and are printed, with what RFC 8701
 * calls GREASE left out: values that a client draws at random, so that nobody
 * relies on knowing them all.
 *
 * JA4, as FoxIO specifies it:
 *
 *   t13d1516h2            transport; version; d, i: with or without a server
 *                         name; how many ciphers and extensions; first and
 *                         last character of the first ALPN name
 *   _8daaf6152771         SHA-256 of the ciphers, sorted
 *   _e5627efa2ab1         SHA-256 of the extensions, sorted, without those of
 *                         the name and of ALPN, and of the signature
 *                         algorithms in their order
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/put.h"
#include "record/hello.h"

#define SERVER_NAME      0x0000
#define ALPN             0x0010
#define NUMBERS_MAX      4096 /* As many as a reader can have kept. */
#define FEW              64
#define ROOM             4096 /* Of what most hellos need, and more. */
#define HAS_NAME         1    /* In the head of the client's hello. */
#define HAS_ALPN         2
#define HAS_FORM_OF_SSL2 4
#define CLIENT_HEAD      7
#define SERVER_HEAD      6

static uint16_t
number_at(const struct insp_bytes *bytes, size_t at)
{
    return (uint16_t) (bytes->at[at] << 8 | bytes->at[at + 1]);
}

static bool
is_grease(uint16_t n)
{
    return (n & 0x0f0f) == 0x0a0a && n >> 8 == (n & 0xff);
}

static void
put_decimal(struct insp_put *put, unsigned int n)
{
    char digits[5];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char) ('0' + n % 10);
        n /= 10;
    } while (n);
    insp_put_bytes(put, digits + at, sizeof digits - at);
}

/* "4865-4866", GREASE left out. */
static void
put_numbers(struct insp_put *put, const struct insp_bytes *list)
{
    bool more = false;

    for (size_t i = 0; i + 1 < list->size; i += 2) {
        uint16_t n = number_at(list, i);

        if (!is_grease(n)) {
            if (more) {
                insp_put_u8(put, '-');
            }
            put_decimal(put, n);
            more = true;
        }
    }
}

static void
put_small_numbers(struct insp_put *put, const struct insp_bytes *list)
{
    for (size_t i = 0; i < list->size; i++) {
        if (i) {
            insp_put_u8(put, '-');
        }
        put_decimal(put, list->at[i]);
    }
}

static void
put_number(struct insp_put *put, uint16_t n)
{
    put_decimal(put, n);
    insp_put_u8(put, ',');
}

size_t
insp_ja3(const struct insp_hello *hello, char text[INSP_HELLO_MAX])
{
    struct insp_put put = insp_put(text, INSP_HELLO_MAX);

    if (hello->client.size < CLIENT_HEAD ||
        hello->client.at[1] & HAS_FORM_OF_SSL2) {
        return 0;
    }
    put_number(&put, number_at(&hello->client, 2));
    put_numbers(&put, &hello->ciphers);
    insp_put_u8(&put, ',');
    put_numbers(&put, &hello->extensions);
    insp_put_u8(&put, ',');
    put_numbers(&put, &hello->groups);
    insp_put_u8(&put, ',');
    put_small_numbers(&put, &hello->points);
    return put.full ? 0 : insp_put_size(&put);
}

size_t
insp_ja3s(const struct insp_hello *hello, char text[INSP_HELLO_MAX])
{
    struct insp_put put = insp_put(text, INSP_HELLO_MAX);

    if (hello->server.size < SERVER_HEAD) {
        return 0;
    }
    put_number(&put, number_at(&hello->server, 0));
    put_number(&put, number_at(&hello->server, 4));
    put_numbers(&put, &hello->server_extensions);
    return put.full ? 0 : insp_put_size(&put);
}

/* JA4. */

struct numbers {
    uint16_t *at;
    size_t n;
};

/* What is not GREASE; 'room' is for as many as there can be. */
static void
take_numbers(struct numbers *to, const struct insp_bytes *list,
             uint16_t **room)
{
    *to = (struct numbers){ *room, 0 };
    for (size_t i = 0; i + 1 < list->size && to->n < NUMBERS_MAX; i += 2) {
        uint16_t n = number_at(list, i);

        if (!is_grease(n)) {
            to->at[to->n++] = n;
        }
    }
    *room += to->n;
}

static int
compare(const void *a, const void *b)
{
    return *(const uint16_t *) a - *(const uint16_t *) b;
}

/* A client names some dozen, and they may stand in order already. */
static void
sort(struct numbers *list)
{
    if (list->n > FEW) {
        qsort(list->at, list->n, sizeof list->at[0], compare);
        return;
    }
    for (size_t i = 1; i < list->n; i++) {
        uint16_t n = list->at[i];
        size_t j = i;

        for (; j && list->at[j - 1] > n; j--) {
            list->at[j] = list->at[j - 1];
        }
        list->at[j] = n;
    }
}

/* "002f,0035" */
static void
put_hex_numbers(struct insp_put *put, const struct numbers *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const uint8_t bytes[2] = { (uint8_t) (list->at[i] >> 8),
                                   (uint8_t) list->at[i] };
        uint8_t *to = insp_put_reserve(put, 4 + !!i);

        if (to) {
            if (i) {
                *to++ = ',';
            }
            insp_hex_put((char *) to, bytes, sizeof bytes);
        }
    }
}

/* The first 12 digits of a SHA-256, or zeros for nothing. */
static bool
put_short_hash(struct insp_digests *digests, struct insp_put *put,
               const struct insp_put *text)
{
    char digits[12] = "000000000000";
    uint8_t hash[32];

    if (insp_put_size(text)) {
        if (text->full || !insp_digest(digests, INSP_SHA256, text->start,
                                       insp_put_size(text), hash)) {
            return false;
        }
        insp_hex_put(digits, hash, sizeof digits / 2);
    }
    insp_put_bytes(put, digits, sizeof digits);
    return true;
}

static const char *
version_word(uint16_t version)
{
    switch (version) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    case 0x0002: return "s2";
    case 0xfeff: return "d1";
    case 0xfefd: return "d2";
    case 0xfefc: return "d3";
    default: return "00";
    }
}

static bool
is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

/* First and last character of a name; when one of them is no letter or digit,
 * the first and the last hexadecimal digit. */
static void
put_alpn(struct insp_put *put, const uint8_t *name, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    if (!size) {
        insp_put_text(put, "00");
    } else if (is_alphanumeric(name[0]) && is_alphanumeric(name[size - 1])) {
        insp_put_u8(put, name[0]);
        insp_put_u8(put, name[size - 1]);
    } else {
        insp_put_u8(put, (uint8_t) digits[name[0] >> 4]);
        insp_put_u8(put, (uint8_t) digits[name[size - 1] & 15]);
    }
}

static void
put_ja4_head(struct insp_put *put, const struct insp_hello *hello,
             const struct numbers *ciphers, const struct numbers *extensions)
{
    const uint8_t *head = hello->client.at;
    size_t name_size =
        INSP_MIN((size_t) head[6], hello->client.size - CLIENT_HEAD);
    char text[8];

    insp_put_u8(put, head[0]);
    insp_put_text(put, version_word(number_at(&hello->client, 4)));
    insp_put_u8(put, head[1] & HAS_NAME ? 'd' : 'i');
    snprintf(text, sizeof text, "%02u%02u",
             (unsigned int) INSP_MIN(ciphers->n, 99),
             (unsigned int) INSP_MIN(extensions->n, 99));
    insp_put_text(put, text);
    put_alpn(put, head + CLIENT_HEAD, head[1] & HAS_ALPN ? name_size : 0);
}

/* Takes away the extensions whose values JA4's head has already. */
static void
drop_known(struct numbers *extensions)
{
    size_t n = 0;

    for (size_t i = 0; i < extensions->n; i++) {
        if (extensions->at[i] != SERVER_NAME && extensions->at[i] != ALPN) {
            extensions->at[n++] = extensions->at[i];
        }
    }
    extensions->n = n;
}

/* Bytes for the numbers of 'hello' and for the longer of both texts. */
static size_t
room_for(const struct insp_hello *hello)
{
    size_t n = (hello->ciphers.size + hello->extensions.size +
                hello->signatures.size) /
               2;

    return n * sizeof(uint16_t) + 5 * n + 2;
}

static bool
put_ja4(struct insp_digests *digests, struct insp_put *put,
        const struct insp_hello *hello, uint16_t *room, size_t size)
{
    struct numbers ciphers, extensions, signatures;
    struct insp_put text;
    uint16_t *at = room;

    take_numbers(&ciphers, &hello->ciphers, &at);
    take_numbers(&extensions, &hello->extensions, &at);
    take_numbers(&signatures, &hello->signatures, &at);
    size -= (size_t) (at - room) * sizeof *at;
    put_ja4_head(put, hello, &ciphers, &extensions);

    sort(&ciphers);
    text = insp_put(at, size);
    put_hex_numbers(&text, &ciphers);
    insp_put_u8(put, '_');
    if (!put_short_hash(digests, put, &text)) {
        return false;
    }

    drop_known(&extensions);
    sort(&extensions);
    text = insp_put(at, size);
    put_hex_numbers(&text, &extensions);
    if (extensions.n && signatures.n) {
        insp_put_u8(&text, '_');
        put_hex_numbers(&text, &signatures);
    }
    insp_put_u8(put, '_');
    return put_short_hash(digests, put, &text);
}

size_t
insp_ja4(struct insp_digests *digests, const struct insp_hello *hello,
         char text[INSP_JA4_SIZE])
{
    struct insp_put put = insp_put(text, INSP_JA4_SIZE);
    size_t size = room_for(hello);
    uint16_t here[ROOM / sizeof(uint16_t)], *room = here;
    bool good;

    if (hello->client.size < CLIENT_HEAD ||
        hello->client.at[1] & HAS_FORM_OF_SSL2) {
        return 0;
    }
    if (size > sizeof here) {
        room = malloc(size);
    }
    good = room && put_ja4(digests, &put, hello, room, size);
    if (room != here) {
        free(room);
    }
    return good && !put.full ? insp_put_size(&put) : 0;
}
