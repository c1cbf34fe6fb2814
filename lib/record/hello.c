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

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/put.h"
#include "record/hello.h"

#define SERVER_NAME      0x0000
#define ALPN             0x0010
#define NUMBERS_MAX      4096 /* As many as a reader can have kept. */
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

/* "4865-4866", GREASE left out. */
static void
put_numbers(struct insp_put *put, const struct insp_bytes *list)
{
    char text[8];
    bool more = false;

    for (size_t i = 0; i + 1 < list->size; i += 2) {
        uint16_t n = number_at(list, i);

        if (!is_grease(n)) {
            snprintf(text, sizeof text, more ? "-%u" : "%u", n);
            insp_put_text(put, text);
            more = true;
        }
    }
}

static void
put_small_numbers(struct insp_put *put, const struct insp_bytes *list)
{
    char text[8];

    for (size_t i = 0; i < list->size; i++) {
        snprintf(text, sizeof text, i ? "-%u" : "%u", list->at[i]);
        insp_put_text(put, text);
    }
}

static void
put_number(struct insp_put *put, uint16_t n)
{
    char text[8];

    snprintf(text, sizeof text, "%u,", n);
    insp_put_text(put, text);
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
    uint16_t at[NUMBERS_MAX];
    size_t n;
};

/* What is not GREASE. */
static void
take_numbers(struct numbers *to, const struct insp_bytes *list)
{
    to->n = 0;
    for (size_t i = 0; i + 1 < list->size && to->n < NUMBERS_MAX; i += 2) {
        uint16_t n = number_at(list, i);

        if (!is_grease(n)) {
            to->at[to->n++] = n;
        }
    }
}

static int
compare(const void *a, const void *b)
{
    return *(const uint16_t *) a - *(const uint16_t *) b;
}

/* "002f,0035" */
static void
put_hex_numbers(struct insp_put *put, const struct numbers *list)
{
    char text[8];

    for (size_t i = 0; i < list->n; i++) {
        snprintf(text, sizeof text, i ? ",%04x" : "%04x", list->at[i]);
        insp_put_text(put, text);
    }
}

/* The first 12 digits of a SHA-256, or zeros for nothing. */
static bool
put_short_hash(struct insp_put *put, const struct insp_put *text)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    char digits[13] = "000000000000";

    if (insp_put_size(text) &&
        (text->full || !EVP_Digest(text->start, insp_put_size(text), hash,
                                   NULL, EVP_sha256(), NULL))) {
        return false;
    }
    for (unsigned int i = 0; insp_put_size(text) && i < 6; i++) {
        snprintf(digits + 2 * i, 3, "%02x", hash[i]);
    }
    insp_put_text(put, digits);
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

struct ja4_work {
    struct numbers ciphers, extensions, signatures;
    char text[2 * 5 * NUMBERS_MAX + 2];
};

static bool
put_ja4(struct insp_put *put, const struct insp_hello *hello,
        struct ja4_work *work)
{
    struct insp_put text = insp_put(work->text, sizeof work->text);

    take_numbers(&work->ciphers, &hello->ciphers);
    take_numbers(&work->extensions, &hello->extensions);
    take_numbers(&work->signatures, &hello->signatures);
    put_ja4_head(put, hello, &work->ciphers, &work->extensions);

    qsort(work->ciphers.at, work->ciphers.n, sizeof work->ciphers.at[0],
          compare);
    put_hex_numbers(&text, &work->ciphers);
    insp_put_u8(put, '_');
    if (!put_short_hash(put, &text)) {
        return false;
    }

    drop_known(&work->extensions);
    qsort(work->extensions.at, work->extensions.n,
          sizeof work->extensions.at[0], compare);
    text = insp_put(work->text, sizeof work->text);
    put_hex_numbers(&text, &work->extensions);
    if (work->extensions.n && work->signatures.n) {
        insp_put_u8(&text, '_');
        put_hex_numbers(&text, &work->signatures);
    }
    insp_put_u8(put, '_');
    return put_short_hash(put, &text);
}

size_t
insp_ja4(const struct insp_hello *hello, char text[INSP_JA4_SIZE])
{
    struct insp_put put = insp_put(text, INSP_JA4_SIZE);
    struct ja4_work *work;
    bool good;

    if (hello->client.size < CLIENT_HEAD ||
        hello->client.at[1] & HAS_FORM_OF_SSL2) {
        return 0;
    }
    work = malloc(sizeof *work);
    good = work && put_ja4(&put, hello, work);
    free(work);
    return good && !put.full ? insp_put_size(&put) : 0;
}

bool
insp_md5(const void *bytes, size_t size, uint8_t hash[16])
{
    return EVP_Digest(bytes, size, hash, NULL, EVP_md5(), NULL);
}

size_t
insp_md5_text(const void *bytes, size_t size, char text[INSP_MD5_SIZE])
{
    uint8_t hash[16];

    if (!insp_md5(bytes, size, hash)) {
        return 0;
    }
    for (unsigned int i = 0; i < 16; i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
    return INSP_MD5_SIZE - 1;
}
