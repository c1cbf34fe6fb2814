/* SPDX-License-Identifier: Apache-2.0 */
/* lib/record/finish.c and what it is made of: fingerprints, certificates, and
 * values that are in order whatever a reader has put there. */

#include "unit.h"

#include <openssl/err.h>

#include "export/json.h"
#include "pki.h"
#include "record/certificate.h"
#include "record/finish.h"
#include "record/hello.h"
#include "records.h"

static const struct insp_port *const no_ports[2] = { NULL, NULL };

/* Values of a reader, and what becomes of them. */
struct bench {
    struct insp_finisher *finisher;
    struct insp_digests digests;
    uint8_t bytes[32768];
    size_t size;
    struct insp_record record;
    char line[INSP_JSON_LINE_MAX + 1];
};

static struct bench bench;

static void
set_bytes(enum insp_app_field field, const void *bytes, size_t size)
{
    struct insp_value v = { .field = field, .bytes = bytes, .size = size };
    size_t n = insp_value_put(bench.bytes + bench.size,
                              sizeof bench.bytes - bench.size, &v);

    CU_ASSERT(n > 0);
    bench.size += n;
}

static void
set_number(enum insp_app_field field, uint64_t n)
{
    struct insp_value v = { .field = field, .number = n };

    bench.size += insp_value_put(bench.bytes + bench.size,
                                 sizeof bench.bytes - bench.size, &v);
}

static void
set_text(enum insp_app_field field, const char *text)
{
    set_bytes(field, text, strlen(text));
}

/* "1301,1302" as the bytes of a hello; returns how many. */
static size_t
numbers(const char *hex, uint8_t *bytes)
{
    size_t n = 0;

    for (unsigned int x; sscanf(hex, "%4x", &x) == 1; hex += 5) {
        bytes[n++] = (uint8_t) (x >> 8);
        bytes[n++] = (uint8_t) x;
        if (!hex[4]) {
            break;
        }
    }
    return n;
}

static void
set_list(enum insp_app_field field, const char *hex)
{
    uint8_t bytes[512];

    set_bytes(field, bytes, numbers(hex, bytes));
}

/* The line of a record with all that was set. */
static const char *
finished(enum insp_app app)
{
    struct insp_put put = insp_put(bench.line, sizeof bench.line - 1);
    struct insp_record *r = &bench.record;

    if (!bench.finisher) {
        bench.finisher = insp_finisher_create();
    }
    some_ordinary(r, 1);
    r->type = INSP_RECORD_APP;
    r->conn.app = (uint8_t) app;
    r->app.values = insp_values_create(app, false, bench.bytes, bench.size / 2,
                                       bench.bytes + bench.size / 2,
                                       bench.size - bench.size / 2);
    CU_ASSERT(insp_record_finish(bench.finisher, r));
    CU_ASSERT(insp_json_put(&put, "s", r, no_ports));
    *put.at = '\0';
    insp_record_uninit(r);
    bench.size = 0;
    return bench.line;
}

static void
expect(const char *line, const char *part)
{
    if (!strstr(line, part)) {
        CU_FAIL("not there");
        printf("# %s\n# is not in %s", part, line);
    }
}

#define CHROME_CIPHERS                                                        \
    "3a3a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,"  \
    "002f,0035"
#define CHROME_EXTENSIONS                                                     \
    "caca,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,"  \
    "000b,000a,0015,dada"
#define CHROME_SIGNATURES "0403,0804,0401,0503,0805,0501,0806,0601"

/* The same from the last to the first, with GREASE around them. */
static size_t
backwards(const char *hex, uint8_t *bytes)
{
    uint8_t forwards[64];
    size_t n = numbers(hex, forwards);

    memset(bytes, 0x2a, 2);
    for (size_t i = 0; i < n; i += 2) {
        memcpy(bytes + 2 + i, forwards + n - 2 - i, 2);
    }
    memset(bytes + 2 + n, 0xfa, 2);
    return n + 4;
}

/* The vector that FoxIO publishes, with GREASE added, which must not count.
 * Mutations: sort signature algorithms; count GREASE; keep ALPN in the list.
 */
static void
test_ja4(void)
{
    set_bytes(INSP_FIELD_TLS_RAW_CLIENT, "t\3\3\3\3\4\2h2", 9);
    set_list(INSP_FIELD_TLS_RAW_CIPHERS, CHROME_CIPHERS);
    set_list(INSP_FIELD_TLS_RAW_EXTENSIONS, CHROME_EXTENSIONS);
    set_list(INSP_FIELD_TLS_RAW_SIGNATURES, CHROME_SIGNATURES);
    expect(finished(INSP_APP_TLS),
           "\"ja4\":\"t13d1516h2_8daaf6152771_e5627efa2ab1\"");

    /* DTLS has the rows of TLS; no name, no ALPN, no signatures. */
    set_bytes(INSP_FIELD_TLS_RAW_CLIENT, "d\0\xfe\xfd\xfe\xfd\0", 7);
    set_list(INSP_FIELD_TLS_RAW_CIPHERS, "1303,1301,1302");
    expect(finished(INSP_APP_DTLS),
           "\"ja4\":\"dd2i030000_55b375c5d22e_000000000000\"");

    set_bytes(INSP_FIELD_QUIC_RAW_CLIENT, "q\3\3\3\3\4\2h3", 9);
    set_list(INSP_FIELD_QUIC_RAW_CIPHERS, "1301,1302,1303");
    expect(finished(INSP_APP_QUIC), "\"ja4\":\"q13d0300h3_55b375c5d22e_");
}

#define FIREFOX_CIPHERS                                                       \
    "002f,0035,009c,009d,1301,1302,1303,c009,c00a,c013,c014,c02b,c02c,c02f,"  \
    "c030,cca8,cca9"
#define OPENSSL_SIGNATURES                                                    \
    "0403,0503,0603,0807,0808,0809,080a,080b,0804,0805,0806,0401,0501,0601"

/* Fingerprints that Wireshark and others have published with what they are
 * made of (JA4_r): browsers, OpenSSL, Windows, Go; the order of ciphers and
 * extensions must not count, so they are told backwards, with GREASE. */
static void
test_ja4_published(void)
{
    static const struct {
        const char *head;
        const char *ciphers, *extensions, *signatures;
        const char *expected;
    } vectors[] = {
        { "t\3\3\3\3\4\2h2", FIREFOX_CIPHERS,
          "000a,000b,000d,0017,002b,002d,0033,ff01,0000,0010",
          "0403,0503,0804,0805,0806,0401,0501,0601,0203,0201",
          "t13d1710h2_5b57614c22b0_1b18b669d02d" },
        { "t\3\3\3\3\4\2h2",
          "002f,0035,009c,009d,1301,1302,1303,c00a,c013,c014,c02b,c02c,c02f,"
          "c030,cca8,cca9",
          "0005,000a,000b,000d,0012,0017,001b,001c,0022,0023,002b,002d,0033,"
          "fe0d,ff01,0000,0010",
          "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201",
          "t13d1617h2_86a278354501_3cbfd9057e0d" },
        { "t\3\3\3\3\4\0",
          "002f,0035,009c,009d,1301,1302,1303,c009,c00a,c013,c014,c027,c02b,"
          "c02c,c02f,c030,cca8,cca9",
          "000a,000b,000d,0017,0023,002b,002d,0033,ff01,0000",
          "0403,0804,0401,0503,0805,0501,0806,0601,0201",
          "t13d181000_5d04281c6031_78e6aca7449b" },
        { "t\3\3\3\3\4\10http/1.1",
          "002f,0035,003c,003d,009c,009d,1301,1302,c009,c00a,c013,c014,c023,"
          "c024,c027,c028,c02b,c02c,c02f,c030",
          "0005,000a,000b,000d,0017,0023,002b,002d,0031,0033,ff01,0000,0010",
          "0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603",
          "t13d2013h1_2b729b4bf6f3_e24568c0d440" },
        { "t\3\3\3\3\4\0", "00ff,1301,1302,1303",
          "000a,000b,000d,0016,0017,0023,002b,002d,0033,0000",
          OPENSSL_SIGNATURES, "t13d041000_16476d049b0b_78f1d400d464" },
        { "t\3\3\3\3\4\0", "1303",
          "000a,000b,000d,0016,0017,0023,002b,002d,0033,0000",
          "0403,0503,0603,0807,0808,081a,081b,081c,0809,080a,080b,0804,0805,"
          "0806,0401,0501,0601",
          "t13d011000_58070c528ac8_3eb3b556ea2c" },
        { "t\3\3\3\3\4\2h2",
          "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,"
          "cca8,cca9",
          "0005,000a,000b,000d,0012,0017,001b,0023,002b,002d,0033,44cd,fe0d,"
          "ff01,0000,0010",
          CHROME_SIGNATURES, "t13d1516h2_8daaf6152771_d8a2da3f94cd" },
        { "q\3\3\3\3\4\2h3", "1301,1302,1303",
          "000a,000d,002b,002d,0033,0039,0000,0010",
          "0403,0804,0401,0503,0805,0501,0201,0807,0808",
          "q13d0308h3_55b375c5d22e_a06176d7f541" },
    };

    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(vectors); i++) {
        uint8_t ciphers[64], extensions[64], signatures[64];
        struct insp_hello hello = {
            .client = { (const uint8_t *) vectors[i].head,
                        7 + (uint8_t) vectors[i].head[6] },
            .ciphers = { ciphers, backwards(vectors[i].ciphers, ciphers) },
            .extensions = { extensions,
                            backwards(vectors[i].extensions, extensions) },
            .signatures = { signatures,
                            numbers(vectors[i].signatures, signatures) },
        };
        char text[INSP_JA4_SIZE + 1];

        text[insp_ja4(&bench.digests, &hello, text)] = '\0';
        UNIT_STR_EQ(text, vectors[i].expected);
    }
}

/* Versions, and first and last characters of ALPN names, as the document of
 * JA4 has them. */
static void
test_ja4_head(void)
{
    static const struct {
        const char *head;
        size_t size;
        const char *expected;
    } cases[] = {
        { "t\3\3\3\3\4\1h", 8, "t13d0000hh_000000000000_000000000000" },
        { "t\2\3\3\3\3\10http/1.1", 15,
          "t12i0000h1_000000000000_000000000000" },
        { "t\2\3\3\3\2\1\xab", 8, "t11i0000ab_000000000000_000000000000" },
        { "t\2\3\3\3\1\2\xab\xcd", 9, "t10i0000ad_000000000000_000000000000" },
        { "t\2\3\3\3\0\2\x30\xab", 9, "ts3i00003b_000000000000_000000000000" },
        { "t\2\3\3\0\2\4\x30\x31\xab\xcd", 11,
          "ts2i00003d_000000000000_000000000000" },
        { "t\2\3\3\xfe\xff\3\xab\x31\x32", 10,
          "td1i0000a2_000000000000_000000000000" },
        { "t\2\3\3\xfe\xfc\0", 7, "td3i000000_000000000000_000000000000" },
        { "t\0\3\3\7\7\2h2", 9, "t00i000000_000000000000_000000000000" },
        /* It names nothing that is there. */
        { "t\2\3\3\3\4\377h", 8, "t13i0000hh_000000000000_000000000000" },
        { "t\4\3\3\3\4\0", 7, "" },
        { "t\0\3\3\3\4", 6, "" },
    };

    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        struct insp_hello hello = {
            .client = { (const uint8_t *) cases[i].head, cases[i].size },
        };
        char text[INSP_JA4_SIZE + 1] = "";

        text[insp_ja4(&bench.digests, &hello, text)] = '\0';
        UNIT_STR_EQ(text, cases[i].expected);
    }
}

/* More than 99 of anything are 99. */
static void
test_ja4_many(void)
{
    static uint8_t list[20000];
    struct insp_hello hello = {
        .client = { (const uint8_t *) "t\0\3\3\3\4\0", 7 },
        .ciphers = { list, sizeof list },
        .extensions = { list, sizeof list },
        .signatures = { list, sizeof list - 1 },
    };
    char text[INSP_JA4_SIZE + 1];

    CU_ASSERT_FATAL(insp_ja4(&bench.digests, &hello, text) == 36);
    CU_ASSERT(!memcmp(text, "t13i999900_", 11));
}

/* The published examples of JA3; a JA3S that Wireshark makes of a capture. */
static void
test_ja3(void)
{
    const char *line;

    set_bytes(INSP_FIELD_TLS_RAW_CLIENT, "t\1\3\1\3\1\0", 7);
    set_list(INSP_FIELD_TLS_RAW_CIPHERS,
             "002f,0035,0005,000a,c009,c00a,c013,c014,0032,0038,0013,0004");
    set_list(INSP_FIELD_TLS_RAW_EXTENSIONS, "0000,000a,000b");
    set_list(INSP_FIELD_TLS_RAW_GROUPS, "0017,0018,0019");
    set_bytes(INSP_FIELD_TLS_RAW_POINTS, "", 1);
    set_bytes(INSP_FIELD_TLS_RAW_SERVER, "\3\3\3\3\xc0\x2b", 6);
    set_list(INSP_FIELD_TLS_RAW_SERVER_EXTENSIONS, "0000,ff01,000b,0023,0010");
    line = finished(INSP_APP_TLS);
    expect(line, "\"ja3\":{\"hash\":\"ada70206e40642a3e4461f35503241d5\","
                 "\"string\":\"769,47-53-5-10-49161-49162-49171-49172-50-56-"
                 "19-4,0-10-11,23-24-25,0\"}");
    expect(line, "\"ja3s\":{\"hash\":\"2d1eb5817ece335c24904f516ad5da12\","
                 "\"string\":\"771,49195,0-65281-11-35-16\"}");
    CU_ASSERT(strstr(line, "raw") == NULL);

    set_bytes(INSP_FIELD_TLS_RAW_CLIENT, "t\0\3\1\3\1\0", 7);
    set_list(INSP_FIELD_TLS_RAW_CIPHERS,
             "0004,0005,000a,0009,0064,0062,0003,0006,0013,0012,0063");
    expect(finished(INSP_APP_TLS),
           "\"ja3\":{\"hash\":\"de350869b8c85de67a350c8d186f11e6\"");

    /* A hello in the form of SSL 2 has neither. */
    set_bytes(INSP_FIELD_TLS_RAW_CLIENT, "t\4\3\1\3\1\0", 7);
    set_list(INSP_FIELD_TLS_RAW_CIPHERS, "0004");
    CU_ASSERT(strstr(finished(INSP_APP_TLS), "ja3") == NULL);
}

/* HASSH's document names OpenSSH 7.6's client so. */
static void
test_hassh(void)
{
    static const char string[] =
        "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
        "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
        "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"
        "diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha1,"
        "diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,"
        "ext-info-c;chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
        "aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com;"
        "umac-64-etm@openssh.com,umac-128-etm@openssh.com,"
        "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
        "hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,"
        "hmac-sha2-256,hmac-sha2-512,hmac-sha1;none,zlib@openssh.com,zlib";

    set_text(INSP_FIELD_SSH_CLIENT_HASSH_STRING, string);
    expect(finished(INSP_APP_SSH),
           "\"hassh\":{\"hash\":\"06046964c022c6407d15a27b12a6a4fb\"");
    set_text(INSP_FIELD_SSH_SERVER_HASSH_STRING, string);
    expect(finished(INSP_APP_SSH), "\"server\":{\"hassh\":{\"hash\":"
                                   "\"06046964c022c6407d15a27b12a6a4fb\"");
}

/* A certificate's DER. */
static size_t
make_der(const char *name, const char *alternatives, uint8_t *to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = pki_sign(name, key, NULL, NULL, alternatives);
    uint8_t *at = to;
    int size = i2d_X509(certificate, &at);

    X509_free(certificate);
    EVP_PKEY_free(key);
    CU_ASSERT_FATAL(size > 0 && size < 4096);
    return (size_t) size;
}

static void
test_certificate(void)
{
    uint8_t der[4096];
    size_t size = make_der("Foo, \"Bar\" \xc3\xa9",
                           "DNS:a.example,DNS:*.b.example,IP:192.0.2.1,"
                           "IP:2001:db8::1,email:x@y",
                           der);
    uint8_t hash[EVP_MAX_MD_SIZE];
    char text[80] = "\"fingerprint_sha256\":\"";
    const char *line;

    set_bytes(INSP_FIELD_TLS_RAW_CERTIFICATE, der, size);
    line = finished(INSP_APP_TLS);
    expect(line, "\"subject\":\"CN=Foo\\\\, \\\\\\\"Bar\\\\\\\" \xc3\xa9\"");
    expect(line, "\"issuerdn\":\"CN=Foo\\\\, \\\\\\\"Bar\\\\\\\" \xc3\xa9\"");
    expect(line, "\"serial\":\"0");
    expect(line, "\"subjectaltname\":[\"a.example\",\"*.b.example\","
                 "\"192.0.2.1\",\"2001:db8::1\"]");
    expect(line, "\"notbefore\":\"20");
    CU_ASSERT(strstr(line, "\"cut\"") == NULL);
    EVP_Digest(der, size, hash, NULL, EVP_sha256(), NULL);
    for (unsigned int i = 0; i < 8; i++) {
        snprintf(text + strlen(text), 3, "%02x", hash[i]);
    }
    expect(line, text);
    EVP_Digest(der, size, hash, NULL, EVP_sha1(), NULL);
    snprintf(text, sizeof text, "\"fingerprint\":\"%02x:%02x:%02x:", hash[0],
             hash[1], hash[2]);
    expect(line, text);
}

/* Certificates that come again, among more than are kept: each is told with
 * what is its own, as by a finisher that never saw it, whether it can be taken
 * apart or not.
 * Mutation: keep() or the look-up that compares fewer bytes of the SHA-256. */
static void
test_certificates_again(void)
{
    uint8_t first[4096], second[4096], *der;
    size_t size[2] = { make_der("one", "DNS:one.example", first),
                       make_der("two", "DNS:two.example", second) };
    struct insp_finisher *usual =
        bench.finisher ? bench.finisher : insp_finisher_create();
    static char expected[sizeof bench.line];

    for (unsigned int i = 0; i < 1000; i++) {
        /* The signature ends it, so that nearly all are certificates; of some
         * the first bytes say that they are none. */
        unsigned int which = i & 1, change = (unsigned int) (i % 7 * (i % 31));
        size_t at;

        der = which ? second : first;
        at = change % 11 == 5 ? 0 : size[which] - 1 - change % 8;
        der[at] ^= (uint8_t) change;
        set_bytes(INSP_FIELD_TLS_RAW_CERTIFICATE, der, size[which]);
        bench.finisher = insp_finisher_create();
        CU_ASSERT_FATAL(bench.finisher != NULL);
        memcpy(expected, finished(INSP_APP_TLS), sizeof expected);
        insp_finisher_destroy(bench.finisher);
        bench.finisher = usual;
        set_bytes(INSP_FIELD_TLS_RAW_CERTIFICATE, der, size[which]);
        UNIT_STR_EQ(finished(INSP_APP_TLS), expected);
        if (at) {
            expect(bench.line, which ? "two.example" : "one.example");
        }
        der[at] ^= (uint8_t) change;
    }
}

/* Hashes in any order, also of nothing, as they are published (RFC 1321,
 * FIPS 180).
 * Mutation: insp_digest() that does not begin anew. */
static void
test_digests(void)
{
    static const struct {
        enum insp_hash hash;
        size_t size;
        const char *text, *expected;
    } cases[] = {
        { INSP_MD5, 16, "", "d41d8cd98f00b204e9800998ecf8427e" },
        { INSP_SHA1, 20, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { INSP_MD5, 16, "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { INSP_SHA256, 32, "abc",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { INSP_SHA256, 32, "",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    };
    struct insp_digests digests = { { NULL } };

    for (unsigned int i = 0; i < 4 * INSP_ARRAY_SIZE(cases); i++) {
        unsigned int k = i % INSP_ARRAY_SIZE(cases);
        uint8_t bytes[32];
        char text[65] = "";

        CU_ASSERT(insp_digest(&digests, cases[k].hash, cases[k].text,
                              strlen(cases[k].text), bytes));
        *insp_hex_put(text, bytes, cases[k].size) = '\0';
        UNIT_STR_EQ(text, cases[k].expected);
    }
    insp_digests_uninit(&digests);
    insp_digests_uninit(&digests);
}

/* What the tests share goes, and with it what leaks would hide in. */
static void
test_end(void)
{
    insp_finisher_destroy(bench.finisher);
    insp_digests_uninit(&bench.digests);
    insp_finisher_destroy(NULL);
}

/* Names without an end, and DER that is none: no harm, no error left for who
 * asks OpenSSL next.
 * Mutation: no ERR_clear_error(). */
static void
test_hostile_certificate(void)
{
    static struct insp_certificate c;
    char names[4000] = "DNS:x0.example";
    uint8_t der[4096];
    uint64_t state = 5;
    size_t size;

    for (unsigned int i = 1; i < 60; i++) {
        snprintf(names + strlen(names), 40, ",DNS:x%u.example", i);
    }
    size = make_der("many", names, der);
    set_bytes(INSP_FIELD_TLS_RAW_CERTIFICATE, der, size);
    expect(finished(INSP_APP_TLS), "\"cut\":true");

    for (size_t n = 0; n < size; n += 7) {
        CU_ASSERT(!insp_certificate_read(der, n, &c));
    }
    for (unsigned int i = 0; i < 20000; i++) {
        size_t at = some_random(&state) % size;
        uint8_t old = der[at];

        der[at] = (uint8_t) some_number(&state, 8);
        if (insp_certificate_read(der, size, &c)) {
            CU_ASSERT(c.n_names <= INSP_CERTIFICATE_NAMES_MAX);
            CU_ASSERT(memchr(c.subject, '\0', sizeof c.subject) != NULL);
            CU_ASSERT(memchr(c.serial, '\0', sizeof c.serial) != NULL);
        }
        CU_ASSERT(!ERR_peek_error());
        der[at] = old;
    }
    set_bytes(INSP_FIELD_TLS_RAW_CERTIFICATE, "no DER", 6);
    expect(finished(INSP_APP_TLS), "\"fingerprint\":\"");
}

/* In the order of field.def, once what is no list, as UTF-8; what is no
 * value of its kind, of no key or of another protocol is not there.
 * Mutation: take values as they come instead of sort(). */
static void
test_tidy(void)
{
    const char *line;

    set_text(INSP_FIELD_TLS_CLIENT_ALPNS, "h2");
    set_text(INSP_FIELD_TLS_VERSION, "TLS 1.3");
    set_text(INSP_FIELD_TLS_SNI, "first\xff\"");
    set_text(INSP_FIELD_TLS_SNI, "second");
    set_text(INSP_FIELD_HTTP_HOSTNAME, "alien");
    set_text(INSP_FIELD_TLS_CLIENT_ALPNS, "");
    set_text(INSP_FIELD_TLS_CLIENT_ALPNS, "a,b");
    set_number(INSP_FIELD_TLS_ECH, 0);
    set_number(INSP_FIELD_TLS_RESUMED, 7);
    set_number(INSP_FIELD_TLS_CIPHER_NUMBER, 0);
    line = finished(INSP_APP_TLS);
    expect(line,
           "\"event_type\":\"tls\",\"src_ip\":\"10.0.0.1\",\"src_port\":40000,"
           "\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"proto\":\"TCP\","
           "\"community_id\":\"1:3k1SoWXs/FltHw2aBCgUTgbDQF4=\","
           "\"app_proto\":\"tls\","
           "\"tls\":{\"sni\":\"first\xef\xbf\xbd\\\"\","
           "\"version\":\"TLS 1.3\",\"session_resumed\":true,"
           "\"client_alpns\":[\"h2\",\"\",\"a,b\"],"
           "\"server_handshake\":{\"cipher\":0}},"
           "\"inspect\":{\"sensor\":\"s\",\"inspector\":1,"
           "\"zone\":\"pair:1-2\"}}\n");
    expect(finished(INSP_APP_TLS), "\"tls\":{},");

    /* Bytes that are no values end the reading; they are no fault. */
    set_text(INSP_FIELD_TLS_SNI, "a");
    bench.bytes[bench.size++] = 0xff;
    expect(finished(INSP_APP_TLS), "\"tls\":{\"sni\":\"a\"},");
}

static bool
is_in_order(const struct insp_values *values)
{
    const uint8_t *at = values->bytes;
    struct insp_app_run run;

    for (int last = -1;
         insp_app_run_next(&at, values->bytes + values->size, &run);
         last = (int) run.field) {
        uint8_t kind = insp_app_fields[run.field].kind;

        if ((int) run.field <= last ||
            (run.n > 1 && kind != INSP_VALUE_LIST &&
             kind != INSP_VALUE_GROUP && kind != INSP_VALUE_IPS)) {
            return false;
        }
    }
    return at == values->bytes + values->size;
}

/* Tidy values stay what they are, at any cost.
 * Mutation: do not ask is_list(). */
static void
test_tidy_twice(void)
{
    uint64_t state = 11;

    for (unsigned int i = 0; i < 3000; i++) {
        struct insp_values *once = some_values(&state);
        struct insp_values *twice =
            insp_values_tidy(once->app, once->is_cut, once->bytes, once->size);

        CU_ASSERT(is_in_order(once));
        CU_ASSERT(once->size == twice->size && once->is_cut == twice->is_cut &&
                  !memcmp(once->bytes, twice->bytes, once->size));
        insp_values_ref(once);
        insp_values_unref(once);
        insp_values_unref(once);
        insp_values_unref(twice);
    }
    insp_values_ref(NULL);
    insp_values_unref(NULL);
}

/* Records that cannot be finished, and those that need not be. */
static void
test_nothing_to_do(void)
{
    struct insp_record r;

    some_ordinary(&r, 1);
    CU_ASSERT(insp_record_finish(bench.finisher, &r));
    r.type = INSP_RECORD_APP;
    r.app.values = NULL;
    CU_ASSERT(!insp_record_finish(bench.finisher, &r));
    insp_record_uninit(&r);
}

/* What encoders take for granted of field.def: rows of a protocol stand
 * together, keys come once and do not open an object twice, elements can say
 * what the kind needs.
 * Mutation: move a row of "ja3." behind "ja4". */
static void
test_field_table(void)
{
    for (unsigned int i = 0; i < INSP_N_APP_FIELDS; i++) {
        const struct insp_app_field_info *f = &insp_app_fields[i];
        struct insp_app_rows rows = insp_app_rows((enum insp_app) f->app);
        const char *dot = strchr(f->key, '.');
        bool left = false;

        CU_ASSERT(insp_app_rows_have(&rows, (enum insp_app_field) i));
        CU_ASSERT(strlen(f->key) < 64);
        CU_ASSERT(!strpbrk(f->key, "=\n\\\" "));
        CU_ASSERT(!f->key[0] == (f->kind == INSP_VALUE_RAW));
        if (f->id &&
            insp_app_element((enum insp_app_field) i).form == INSP_FORM_NONE) {
            CU_FAIL("an element that is not used");
            printf("# %s.%s: %u/%u\n", insp_app_word((enum insp_app) f->app),
                   f->key, f->pen, f->id);
        }
        for (unsigned int j = i; j-- > rows.first;) {
            const char *key = insp_app_fields[j].key;
            size_t size = dot ? (size_t) (dot - f->key) + 1 : 0;
            bool inside = dot && !strncmp(key, f->key, size);

            if (f->key[0]) {
                CU_ASSERT(strcmp(key, f->key) != 0);
                /* No value is called like an object. */
                CU_ASSERT(!dot || strncmp(key, f->key, size - 1) ||
                          key[size - 1]);
                CU_ASSERT(strncmp(key, f->key, strlen(f->key)) ||
                          key[strlen(f->key)] != '.');
            }
            if (inside && left) {
                CU_FAIL("an object is opened twice");
                printf("# %s\n", f->key);
            }
            left |= !inside;
        }
    }
}

UNIT_MAIN("finish", UNIT_TEST(test_ja4), UNIT_TEST(test_ja4_published),
          UNIT_TEST(test_ja4_head), UNIT_TEST(test_ja4_many),
          UNIT_TEST(test_ja3), UNIT_TEST(test_hassh),
          UNIT_TEST(test_certificate), UNIT_TEST(test_hostile_certificate),
          UNIT_TEST(test_tidy), UNIT_TEST(test_tidy_twice),
          UNIT_TEST(test_nothing_to_do), UNIT_TEST(test_field_table),
          UNIT_TEST(test_certificates_again), UNIT_TEST(test_digests),
          UNIT_TEST(test_end))
