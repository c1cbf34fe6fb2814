/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of TLS, DTLS and QUIC make of bytes.
 *
 * The handshakes are real ones (hellos.h); those of DTLS are the same in
 * fragments, and packets of QUIC are sealed here with libcrypto's own AES-GCM,
 * which has nothing in common with how the reader opens them.  What is
 * expected was compared with tshark's and OpenSSL's view of the same bytes.
 *
 * Mutations: count blocks of AES from 1; forget 'left' between two calls; look
 * at the second server name; take a HelloRetryRequest for a ServerHello; do
 * not sort pieces of CRYPTO; let a Certificate push a ServerHello out. */

#include <openssl/evp.h>

#include "app/quic-crypto.h"
#include "hellos.h"
#include "talk.h"

#define TCP INSP_PROTO_TCP
#define UDP INSP_PROTO_UDP

struct bytes {
    size_t size;
    uint8_t at[20000];
};

static void
add(struct bytes *b, const void *bytes, size_t size)
{
    CU_ASSERT_FATAL(b->size + size <= sizeof b->at);
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

static void
add_be(struct bytes *b, uint64_t value, size_t size)
{
    while (size--) {
        uint8_t byte = (uint8_t) (value >> (8 * size));

        add(b, &byte, 1);
    }
}

static void
add_hex(struct bytes *b, const char *hex)
{
    unsigned int byte;

    for (; *hex; hex += *hex == ' ' ? 1 : 2) {
        if (*hex != ' ') {
            CU_ASSERT_EQUAL_FATAL(sscanf(hex, "%2x", &byte), 1);
            add_be(b, byte, 1);
        }
    }
}

static struct bytes
from_hex(const char *hex)
{
    struct bytes b = { .size = 0 };

    add_hex(&b, hex);
    return b;
}

static void
say(struct talk *t, unsigned int side, const struct bytes *b)
{
    talk_say(t, side, b->at, b->size);
}

/* ------------------------------------------------------------------------ */
/* TLS. */

#define ALPNS " client_alpns=h2 client_alpns=http/1.1"
#define SIGNATURES                                                            \
    " (raw)=040305030603080708080809080a080b08040805080604010501060103030203" \
    "0301020103020202040205020602"
#define GROUPS " (raw)=001d0017001e00190018"
#define POINTS " (raw)=000102"

#define CLIENT_13                                                             \
    "tls sni=a.example client_handshake.version=TLS 1.3" ALPNS                \
    " (raw)=740303030304026832"                                               \
    " (raw)=130213031301c02bc00a00ff"                                         \
    " (raw)=0000000b000a0023001000160017000d002b002d00330015"                 \
    " (raw)=001d0017001e0019001801000101010201030104" POINTS SIGNATURES
#define SERVER_13                                                             \
    " version=TLS 1.3 server_handshake.cipher=4866"                           \
    " server_handshake.group=29 cipher=TLS_AES_256_GCM_SHA384"                \
    " (raw)=030303041302 (raw)=002b0033"
#define CLIENT_12                                                             \
    "tls sni=a.example client_handshake.version=TLS 1.2" ALPNS                \
    " (raw)=740303030303026832 (raw)=c02bc00a00ff"                            \
    " (raw)=0000000b000a0023001000160017000d" GROUPS POINTS SIGNATURES
#define CHOSEN_12                                                             \
    " version=TLS 1.2 server_alpns=h2 server_handshake.cipher=49195"          \
    " cipher=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
#define SERVER_12 CHOSEN_12 " (raw)=03030303c02b (raw)=ff01000b002300100017"

static const size_t segments[] = { 0, 1, 7, 100 };

/* Each side speaks once; whatever the segments, the same comes of it. */
static void
expect_tls(const char *client, const char *server, const char *expected,
           const char *name)
{
    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        struct talk t;

        talk_begin(&t, TCP, 40000, 443);
        t.segment = segments[i];
        talk_hex(&t, 0, client);
        talk_hex(&t, 1, server);
        UNIT_STR_EQ(talk_end(&t), expected);
        UNIT_STR_EQ(t.name, name);
        UNIT_EQ(t.app, INSP_APP_TLS);
    }
}

static void
test_tls(void)
{
    expect_tls(HELLO_13_CLIENT, HELLO_13_SERVER, CLIENT_13 SERVER_13 "\n",
               "a.example");
    expect_tls(HELLO_12_CLIENT, HELLO_12_SERVER,
               CLIENT_12 SERVER_12 " (raw)=" HELLO_LEAF "\n", "a.example");
    expect_tls(HELLO_10_CLIENT, HELLO_10_SERVER,
               "tls sni=a.example client_handshake.version=TLSv1" ALPNS
               " (raw)=740303010301026832 (raw)=c00a00ff"
               " (raw)=0000000b000a0023001000160017" GROUPS POINTS
               " version=TLSv1 server_alpns=h2 server_handshake.cipher=49162"
               " cipher=TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
               " (raw)=03010301c00a (raw)=ff01000b0023001000160017"
               " (raw)=" HELLO_LEAF "\n",
               "a.example");
    expect_tls(HELLO_12_AGAIN_CLIENT, HELLO_12_AGAIN_SERVER,
               "tls sni=a.example client_handshake.version=TLS 1.2" ALPNS
               " (raw)=740303030303026832 (raw)=c02bc00a00ff"
               " (raw)=0000000b000a0023001000160017000d0015" GROUPS POINTS
                   SIGNATURES CHOSEN_12 " session_resumed=1"
               " (raw)=03030303c02b (raw)=ff0100100017\n",
               "a.example");
}

/* The answer is not of TLS, is an alert, or never comes. */
static void
test_tls_refused(void)
{
    static const char *const nothing[] = {
        "",       "485454502f312e3120343030", "1503010002", "150303000201 70",
        "160303", "17030300200102030405",
    };
    struct talk t;

    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        expect_tls(HELLO_13_CLIENT, nothing[i], CLIENT_13 "\n", "a.example");
    }
    expect_tls(HELLO_13_CLIENT, "15030300020228", CLIENT_13 " alert=40\n",
               "a.example");
    /* A warning about the name, then the hello. */
    expect_tls(HELLO_13_CLIENT, "15030300020170" HELLO_13_SERVER,
               CLIENT_13 SERVER_13 "\n", "a.example");
    /* SSL 3, refused. */
    expect_tls("16030000 2d 01000029 0300"
               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"
               "1f 00 0002 0004 01 00",
               "15030000020228",
               "tls client_handshake.version=SSLv3 (raw)=74000300030000"
               " (raw)=0004 alert=40\n",
               "");
    /* The server's side alone. */
    talk_begin(&t, TCP, 40000, 443);
    talk_hex(&t, 1, HELLO_12_SERVER);
    UNIT_STR_EQ(talk_end(&t), "tls" SERVER_12 " (raw)=" HELLO_LEAF "\n");
    /* Its middle. */
    talk_begin(&t, TCP, 40000, 443);
    talk_hex(&t, 0, "1703030020 0102030405060708090a0b0c0d0e0f");
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_TLS);
}

static void
test_ssl2(void)
{
    static const char hello[] = "802e 01 0301 0015 0000 0010"
                                "000004 010080 00000a 000005 0700c0 060040"
                                "0000ff"
                                "000102030405060708090a0b0c0d0e0f";

    expect_tls(hello, "1503010002022f",
               "tls client_handshake.version=TLSv1 (raw)=74040301030100"
               " (raw)=0004000a000500ff alert=47\n",
               "");
    expect_tls(hello, "8013 04 00 00 0002 0000 0000 0010 0102030405060708",
               "tls client_handshake.version=TLSv1 (raw)=74040301030100"
               " (raw)=0004000a000500ff version=SSLv2\n",
               "");
}

/* Cuts the messages of the records in 'hex' into records of 'size'. */
static struct bytes
recut(const char *hex, size_t size)
{
    struct bytes in = from_hex(hex), messages = { .size = 0 },
                 out = { .size = 0 };

    for (size_t at = 0; at + 5 < in.size;) {
        size_t n = (size_t) in.at[at + 3] << 8 | in.at[at + 4];

        if (in.at[at] != 22) {
            break;
        }
        add(&messages, in.at + at + 5, n);
        at += 5 + n;
    }
    for (size_t at = 0; at < messages.size; at += size) {
        size_t n = INSP_MIN(size, messages.size - at);

        add_be(&out, 0x160303, 3);
        add_be(&out, n, 2);
        add(&out, messages.at + at, n);
    }
    return out;
}

static void
test_tls_records(void)
{
    static const size_t sizes[] = { 5, 6, 16, 100, 185, 16000 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof segments / sizeof segments[0]; k++) {
            struct bytes client = recut(HELLO_12_CLIENT, sizes[i]);
            struct bytes server =
                recut(HELLO_12_SERVER, INSP_MAX(sizes[i], 16));
            struct talk t;

            talk_begin(&t, TCP, 40000, 443);
            t.segment = segments[k];
            say(&t, 0, &client);
            say(&t, 1, &server);
            UNIT_STR_EQ(talk_end(&t),
                        CLIENT_12 SERVER_12 " (raw)=" HELLO_LEAF "\n");
        }
    }
}

/* A ClientHello's body: version 1.2, no session, these ciphers; then 'n' bytes
 * of extensions that are given. */
static struct bytes
body(const char *ciphers, const struct bytes *extensions)
{
    struct bytes b = { .size = 0 };

    add_be(&b, 0x0303, 2);
    for (int i = 0; i < 32; i++) {
        add_be(&b, (uint64_t) i, 1);
    }
    add_be(&b, 0, 1);
    add_be(&b, strlen(ciphers) / 2, 2);
    add_hex(&b, ciphers);
    add_be(&b, 0x0100, 2);
    add_be(&b, extensions->size, 2);
    add(&b, extensions->at, extensions->size);
    return b;
}

static struct bytes
message(uint8_t type, const struct bytes *content)
{
    struct bytes b = { .size = 0 };

    add_be(&b, type, 1);
    add_be(&b, content->size, 3);
    add(&b, content->at, content->size);
    return b;
}

static struct bytes
record(const struct bytes *content)
{
    struct bytes b = { .size = 0 };

    add_be(&b, 0x160301, 3);
    add_be(&b, content->size, 2);
    add(&b, content->at, content->size);
    return b;
}

/* With GREASE, an encrypted hello, and a key of ML-KEM: 'size' bytes of it. */
static struct bytes
post_quantum(size_t size)
{
    struct bytes extensions = { .size = 0 };

    add_hex(&extensions, "1a1a0000"
                         "002b0007062a2a03040303"
                         "0000000f000d00000a70712e6578616d706c65"
                         "0010000e000c02683208687474702f312e31");
    add_be(&extensions, 0x0033, 2);
    add_be(&extensions, size + 6, 2);
    add_be(&extensions, size + 4, 2);
    add_be(&extensions, 0x11ec, 2);
    add_be(&extensions, size, 2);
    for (size_t i = 0; i < size; i++) {
        add_be(&extensions, i & 0xff, 1);
    }
    add_hex(&extensions, "fe0d000400010001"
                         "000a0004000211ec"
                         "0000000c000a0000077365636f6e642e");
    return body("3a3a13011302", &extensions);
}

#define POST_QUANTUM                                                          \
    " (raw)=3a3a13011302 (raw)=1a1a002b000000100033fe0d000a0000"              \
    " (raw)=11ec\n"

static void
test_tls_post_quantum(void)
{
    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        struct bytes b = post_quantum(1700), m = message(1, &b),
                     hello = record(&m);
        struct talk t;

        talk_begin(&t, TCP, 40000, 443);
        t.segment = segments[i];
        say(&t, 0, &hello);
        UNIT_STR_EQ(talk_end(&t),
                    "tls sni=pq.example client_handshake.version=TLS 1.3" ALPNS
                    " ech=1 (raw)=740303030304026832" POST_QUANTUM);
        UNIT_STR_EQ(t.name, "pq.example");
    }
}

/* The server asks for another key first: the second hello of the client says
 * nothing new, and the answer to it is the answer. */
static void
test_tls_retry(void)
{
    struct bytes retry = from_hex(
        "0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
        "00130200000c002b000203040033000200 17");
    struct bytes m, r;
    struct talk t;

    for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
        m = message(2, &retry);
        r = record(&m);
        add_hex(&r, "140303000101");
        talk_begin(&t, TCP, 40000, 443);
        t.segment = segments[i];
        talk_hex(&t, 0, HELLO_13_CLIENT);
        say(&t, 1, &r);
        talk_hex(&t, 0, "140303000101" HELLO_13_CLIENT);
        talk_hex(&t, 1, HELLO_13_SERVER);
        UNIT_STR_EQ(talk_end(&t), CLIENT_13 SERVER_13 "\n");
    }
}

/* Bytes are missing for good: what was understood before goes out. */
static void
test_tls_cut(void)
{
    struct bytes client = from_hex(HELLO_12_CLIENT);
    struct bytes server = from_hex(HELLO_12_SERVER);

    for (size_t n = 0; n < client.size; n++) {
        struct talk t;

        talk_begin(&t, TCP, 40000, 443);
        talk_say(&t, 0, client.at, n);
        talk_fin(&t, 0);
        UNIT_STR_EQ(talk_end(&t), "");
    }
    for (size_t n = 0; n < server.size; n++) {
        struct talk t;
        const char *text;

        talk_begin(&t, TCP, 40000, 443);
        say(&t, 0, &client);
        talk_say(&t, 1, server.at, n);
        talk_fin(&t, 1);
        text = talk_end(&t);
        CU_ASSERT(!strncmp(text, CLIENT_12, sizeof CLIENT_12 - 1));
    }
}

/* Lengths that lie, in every place of a hello: no name that is not there. */
static void
test_tls_lies(void)
{
    struct bytes client = from_hex(HELLO_12_CLIENT);

    for (size_t at = 9; at < client.size; at++) {
        struct bytes lie = client;
        struct talk t;

        lie.at[at] = 0xff;
        talk_begin(&t, TCP, 40000, 443);
        say(&t, 0, &lie);
        talk_hex(&t, 1, HELLO_12_SERVER);
        (void) talk_end(&t);
        if (t.name[0]) {
            UNIT_EQ(strlen(t.name), 9);
        }
    }
    /* Longer than any hello may be. */
    expect_tls("1603014000 01003fff 0303", "", "", "");
}

/* Others are left to others, whoever speaks first. */
static void
test_foreign(void)
{
    static const char *const words[] = {
        "474554202f20485454502f312e310d0a0d0a",       /* HTTP. */
        "5353482d322e302d4f70656e5353485f392e320d0a", /* SSH. */
        "160300000a352e352e3500010000002f556b",       /* MySQL. */
        "0300002b26e00000000000436f6f6b69653a20",     /* RDP. */
        "0000005dff534d4272000000001843c8",           /* SMB. */
        "3c5d000001000001000000000000076578616d706c6503636f6d00",
        "16030100",
        "1603010005 0b",
        "160301002a 01 000020 0303",
        "160301002a 01 010200 0303",
        "160301002a 03 000026 0303",
        "150301000303",
        "1703030010 00",
        "8080 01 0003 0000 0000 0000 0000",
        "80800101010101010101",
        "802e 01 0301 0014 0000 0010 000004010080",
        "00000000000000000000000000000000",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (unsigned int side = 0; side < 2; side++) {
            struct talk t;

            talk_begin(&t, TCP, 40000, 443);
            talk_hex(&t, side, words[i]);
            (void) talk_end(&t);
            CU_ASSERT(t.app != INSP_APP_TLS);
            talk_begin(&t, UDP, 40000, 443);
            talk_hex(&t, side, words[i]);
            (void) talk_end(&t);
            CU_ASSERT(t.app != INSP_APP_DTLS && t.app != INSP_APP_QUIC);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* DTLS. */

/* The message of TLS that begins at 'at', as one of DTLS 1.2. */
static struct bytes
datagram_body(const struct bytes *tls, size_t at)
{
    struct bytes b = { .size = 0 };
    size_t n = (size_t) tls->at[at + 2] << 8 | tls->at[at + 3];
    const uint8_t *from = tls->at + at + 4;

    if (tls->at[at] == 11) {
        add(&b, from, n);
        return b;
    }
    add_be(&b, 0xfefd, 2);
    add(&b, from + 2, 33u + from[34]);
    if (tls->at[at] == 1) {
        add_be(&b, 0, 1); /* No cookie. */
    }
    add(&b, from + 35 + from[34], n - 35 - from[34]);
    return b;
}

/* A record with the bytes [from, to) of a message. */
static void
add_fragment(struct bytes *to, uint8_t type, uint16_t number,
             const struct bytes *b, size_t from, size_t end)
{
    add_be(to, 0x16fefd, 3);
    add_be(to, number, 8);
    add_be(to, 12 + end - from, 2);
    add_be(to, type, 1);
    add_be(to, b->size, 3);
    add_be(to, number, 2);
    add_be(to, from, 3);
    add_be(to, end - from, 3);
    add(to, b->at + from, end - from);
}

#define DTLS_CLIENT                                                           \
    "tls sni=a.example client_handshake.version=DTLS 1.2" ALPNS               \
    " (raw)=6403fefdfefd026832 (raw)=c02bc00a00ff"                            \
    " (raw)=0000000b000a0023001000160017000d" GROUPS POINTS SIGNATURES
#define DTLS_SERVER                                                           \
    " version=DTLS 1.2 server_alpns=h2 server_handshake.cipher=49195"         \
    " cipher=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"                         \
    " (raw)=fefdfefdc02b (raw)=ff01000b002300100017"

struct flight {
    struct bytes client, server, certificate;
};

static void
get_flight(struct flight *f)
{
    struct bytes client = from_hex(HELLO_12_CLIENT);
    struct bytes server = recut(HELLO_12_SERVER, 16000);
    size_t hello = 4 + ((size_t) server.at[7] << 8 | server.at[8]);

    f->client = datagram_body(&client, 5);
    f->server = datagram_body(&server, 5);
    f->certificate = datagram_body(&server, 5 + hello);
}

/* The i-th of fragments of 'step' bytes. */
static void
say_fragment(struct talk *t, unsigned int side, uint8_t type, uint16_t number,
             const struct bytes *b, size_t step, size_t i)
{
    struct bytes datagram = { .size = 0 };

    add_fragment(&datagram, type, number, b, i * step,
                 INSP_MIN(b->size, (i + 1) * step));
    say(t, side, &datagram);
}

static void
test_dtls(void)
{
    static struct flight f;
    struct bytes datagram = { .size = 0 };
    struct talk t;

    get_flight(&f);
    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, f.client.size, 0);
    talk_hex(&t, 1,
             "16fefd0000000000000000000f 03000003000000000000000003"
             "fefd00"); /* HelloVerifyRequest. */
    say_fragment(&t, 0, 1, 1, &f.client, f.client.size, 0);
    add_fragment(&datagram, 2, 1, &f.server, 0, f.server.size);
    add_fragment(&datagram, 11, 2, &f.certificate, 0, f.certificate.size);
    say(&t, 1, &datagram);
    UNIT_STR_EQ(talk_end(&t),
                DTLS_CLIENT DTLS_SERVER " (raw)=" HELLO_LEAF "\n");
    UNIT_STR_EQ(t.name, "a.example");
    UNIT_EQ(t.app, INSP_APP_DTLS);
}

/* In fragments, from the front and from the back, each sent twice. */
static void
test_dtls_fragments(void)
{
    static struct flight f;

    get_flight(&f);
    for (size_t step = 30; step < 500; step += 31) {
        for (int back = 0; back < 2; back++) {
            struct talk t;

            talk_begin(&t, UDP, 40000, 4433);
            for (size_t k = 0, n = (f.client.size + step - 1) / step; k < n;
                 k++) {
                say_fragment(&t, 0, 1, 0, &f.client, step,
                             back ? n - 1 - k : k);
                say_fragment(&t, 0, 1, 0, &f.client, step,
                             back ? n - 1 - k : k);
            }
            say_fragment(&t, 1, 2, 0, &f.server, f.server.size, 0);
            for (size_t k = 0, n = (f.certificate.size + step - 1) / step;
                 k < n; k++) {
                say_fragment(&t, 1, 11, 1, &f.certificate, step,
                             back ? n - 1 - k : k);
            }
            UNIT_STR_EQ(talk_end(&t),
                        DTLS_CLIENT DTLS_SERVER " (raw)=" HELLO_LEAF "\n");
        }
    }
}

/* The Certificate overtakes the ServerHello; nothing overtakes anything, but
 * the server has no certificate; it refuses. */
static void
test_dtls_orders(void)
{
    static struct flight f;
    static const struct bytes done = { .size = 0 };
    struct talk t;

    get_flight(&f);
    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, 5000, 0);
    say_fragment(&t, 1, 11, 1, &f.certificate, 5000, 0);
    say_fragment(&t, 1, 2, 0, &f.server, 5000, 0);
    UNIT_STR_EQ(talk_end(&t),
                DTLS_CLIENT " (raw)=" HELLO_LEAF DTLS_SERVER "\n");

    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, 5000, 0);
    say_fragment(&t, 1, 2, 0, &f.server, 5000, 0);
    say_fragment(&t, 1, 14, 1, &done, 5000, 0);
    say_fragment(&t, 1, 11, 1, &f.certificate, 5000, 0);
    UNIT_STR_EQ(talk_end(&t), DTLS_CLIENT DTLS_SERVER "\n");

    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, 5000, 0);
    talk_hex(&t, 1, "15fefd00000000000000000002 0246");
    UNIT_STR_EQ(talk_end(&t), DTLS_CLIENT " alert=70\n");

    /* Parts of both by turns: the ServerHello goes first, and what was left
     * out for it is sent again. */
    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, 5000, 0);
    say_fragment(&t, 1, 11, 1, &f.certificate, 300, 0);
    say_fragment(&t, 1, 2, 0, &f.server, 50, 0);
    say_fragment(&t, 1, 11, 1, &f.certificate, 300, 1);
    say_fragment(&t, 1, 2, 0, &f.server, 50, 1);
    say_fragment(&t, 1, 11, 1, &f.certificate, 300, 1);
    say_fragment(&t, 1, 11, 1, &f.certificate, 300, 0);
    UNIT_STR_EQ(talk_end(&t),
                DTLS_CLIENT DTLS_SERVER " (raw)=" HELLO_LEAF "\n");

    /* Hangs in the air: fragments of a message that never comes whole. */
    talk_begin(&t, UDP, 40000, 4433);
    say_fragment(&t, 0, 1, 0, &f.client, 100, 1);
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_DTLS);

    /* Its middle. */
    talk_begin(&t, UDP, 40000, 4433);
    talk_hex(&t, 1,
             "17fefd0001000000000005 0012 0102030405060708090a0b0c0d0e"
             "0f101112");
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_DTLS);
}

/* STUN first, between the same ports (RFC 5764); what follows it may also be
 * nothing that anybody knows, and the connection stays STUN's.  Mutations:
 * stop at STUN; call it unknown. */
static void
test_dtls_behind_stun(void)
{
    static struct flight f;
    struct talk t;

    get_flight(&f);
    talk_begin(&t, UDP, 40000, 50000);
    for (unsigned int i = 0; i < 6; i++) {
        talk_hex(&t, i & 1, "0001 0000 2112a442 000102030405060708090a0b");
    }
    UNIT_EQ(t.conn->app, INSP_APP_STUN);
    say_fragment(&t, 0, 1, 0, &f.client, 5000, 0);
    say_fragment(&t, 1, 2, 0, &f.server, 5000, 0);
    say_fragment(&t, 1, 11, 1, &f.certificate, 5000, 0);
    UNIT_STR_EQ(talk_end(&t),
                DTLS_CLIENT DTLS_SERVER " (raw)=" HELLO_LEAF "\n");
    UNIT_EQ(t.app, INSP_APP_DTLS);

    talk_begin(&t, UDP, 40000, 50000);
    talk_hex(&t, 0, "0001 0000 2112a442 000102030405060708090a0b");
    for (unsigned int i = 0; i < 100; i++) {
        talk_hex(&t, i & 1, "90 7f 00 01 02 03 04 05");
    }
    UNIT_STR_EQ(talk_end(&t), "");
    UNIT_EQ(t.app, INSP_APP_STUN);
}

static void
test_dtls13(void)
{
    struct bytes b, datagram = { .size = 0 };
    struct talk t;

    b = from_hex("fefd"
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d"
                 "1e1f 00 00 0002 1301 0100 0009 002b0005 04fefcfefd");
    add_fragment(&datagram, 1, 0, &b, 0, b.size);
    talk_begin(&t, UDP, 40000, 4433);
    say(&t, 0, &datagram);
    datagram.size = 0;
    b = from_hex("fefd"
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d"
                 "1e1f 00 1301 00 0006 002b0002 fefc");
    add_fragment(&datagram, 2, 0, &b, 0, b.size);
    say(&t, 1, &datagram);
    UNIT_STR_EQ(talk_end(&t),
                "tls client_handshake.version=DTLS 1.3 (raw)=6400fefdfefc00"
                " (raw)=1301 (raw)=002b version=DTLS 1.3"
                " server_handshake.cipher=4865 cipher=TLS_AES_128_GCM_SHA256"
                " (raw)=fefdfefc1301 (raw)=002b\n");
}

/* ------------------------------------------------------------------------ */
/* QUIC. */

static const uint8_t cid[] = {
    0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08
};

static void
expect_bytes(const uint8_t *bytes, const char *hex)
{
    struct bytes b = from_hex(hex);

    CU_ASSERT(!memcmp(bytes, b.at, b.size));
}

/* RFC 9001, appendix A.1; RFC 9369, appendix A.1. */
static void
test_quic_keys(void)
{
    struct insp_quic_keys keys;

    insp_quic_derive(INSP_QUIC_V1, cid, sizeof cid, false, &keys);
    expect_bytes(keys.key, "1f369613dd76d5467730efcbe3b1a22d");
    expect_bytes(keys.iv, "fa044b2f42a3fd3b46fb255c");
    expect_bytes(keys.hp, "9f50449e04a0e810283a1e9933adedd2");
    insp_quic_derive(INSP_QUIC_V1, cid, sizeof cid, true, &keys);
    expect_bytes(keys.key, "cf3a5331653c364c88f0f379b6067e37");
    expect_bytes(keys.iv, "0ac1493ca1905853b0bba03e");
    expect_bytes(keys.hp, "c206b8d9b9f0f37644430b490eeaa314");
    insp_quic_derive(INSP_QUIC_V2, cid, sizeof cid, false, &keys);
    expect_bytes(keys.key, "8b1a0bc121284290a29e0971b5cd045d");
    expect_bytes(keys.iv, "91f73e2351d8fa91660e909f");
    expect_bytes(keys.hp, "45b95e15235d6f45a6b19cbcb0294ba9");
    insp_quic_derive(INSP_QUIC_V2, cid, sizeof cid, true, &keys);
    expect_bytes(keys.key, "82db637861d55e1d011f19ea71d5d2a7");
    expect_bytes(keys.iv, "dd13c276499c0249d3310652");
    expect_bytes(keys.hp, "edf6d05c83121201b436e16877593c3a");
    CU_ASSERT(!insp_quic_is_known(0));
    CU_ASSERT(!insp_quic_is_known(0x51303436));
}

/* One call of libcrypto's AES: GCM with its tag, or ECB of one block. */
static void
encrypt(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv,
        const struct bytes *head, const uint8_t *text, size_t size,
        uint8_t *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;

    CU_ASSERT_EQUAL_FATAL(EVP_EncryptInit_ex(c, cipher, NULL, key, iv), 1);
    if (head) {
        EVP_EncryptUpdate(c, NULL, &n, head->at, (int) head->size);
    }
    EVP_EncryptUpdate(c, out, &n, text, (int) size);
    if (head) {
        EVP_EncryptFinal_ex(c, out + n, &n);
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + size);
    }
    EVP_CIPHER_CTX_free(c);
}

struct initial {
    uint32_t version;
    bool is_server;
    uint16_t number;
    struct bytes keyed; /* Connection id that keys are made of, */
    struct bytes dcid;  /* and the one in the packet. */
    struct bytes token;
};

static struct initial
initial(void)
{
    struct initial i = { .version = INSP_QUIC_V1 };

    add(&i.keyed, cid, sizeof cid);
    i.dcid = i.keyed;
    return i;
}

/* Appends an Initial packet with these frames; RFC 9001, section 5.4. */
static void
seal(struct bytes *to, const struct initial *i, const struct bytes *frames)
{
    struct insp_quic_keys keys;
    struct bytes head = { .size = 0 };
    uint8_t sealed[4096], mask[16], nonce[12];
    unsigned int type = i->version == INSP_QUIC_V2 ? 1 : 0;

    insp_quic_derive(i->version, i->keyed.at, i->keyed.size, i->is_server,
                     &keys);
    add_be(&head, 0xc1 | type << 4, 1);
    add_be(&head, i->version, 4);
    add_be(&head, i->dcid.size, 1);
    add(&head, i->dcid.at, i->dcid.size);
    add_be(&head, 0, 1);
    add_be(&head, 0x4000 | i->token.size, 2);
    add(&head, i->token.at, i->token.size);
    add_be(&head, 0x4000 | (2 + frames->size + 16), 2);
    add_be(&head, i->number, 2);
    memcpy(nonce, keys.iv, sizeof nonce);
    nonce[10] ^= (uint8_t) (i->number >> 8);
    nonce[11] ^= (uint8_t) i->number;
    CU_ASSERT_FATAL(frames->size + 16 <= sizeof sealed);
    encrypt(EVP_aes_128_gcm(), keys.key, nonce, &head, frames->at,
            frames->size, sealed);
    encrypt(EVP_aes_128_ecb(), keys.hp, NULL, NULL, sealed + 2, 16, mask);
    head.at[0] ^= mask[0] & 15;
    head.at[head.size - 2] ^= mask[1];
    head.at[head.size - 1] ^= mask[2];
    add(to, head.at, head.size);
    add(to, sealed, frames->size + 16);
}

static void
add_crypto(struct bytes *to, const struct bytes *b, size_t from, size_t end)
{
    add_be(to, 6, 1);
    add_be(to, 0x4000 | from, 2);
    add_be(to, 0x4000 | (end - from), 2);
    add(to, b->at + from, end - from);
}

static void
pad(struct bytes *b, size_t size)
{
    while (b->size < size) {
        add_be(b, 0, 1);
    }
}

/* Says an Initial packet in a datagram of its own. */
static void
say_initial(struct talk *t, unsigned int side, const struct initial *i,
            const struct bytes *frames)
{
    struct bytes datagram = { .size = 0 };

    seal(&datagram, i, frames);
    say(t, side, &datagram);
}

#define QUIC_CLIENT(VERSION)                                                  \
    "quic version=" VERSION " sni=example.com client_alpns=alpn"              \
    " (raw)=71030303030404616c706e (raw)=13011302"                            \
    " (raw)=0000ff01000a001000050033002b000d002d001c0039"                     \
    " (raw)=001d00170018 (raw)=0403050306030203080408050806"
#define QUIC_SERVER                                                           \
    " server_handshake.cipher=4865 server_handshake.group=29"                 \
    " cipher=TLS_AES_128_GCM_SHA256"                                          \
    " (raw)=030303041301 (raw)=0033002b\n"

static struct bytes
sample_frames(void)
{
    struct bytes b = from_hex(HELLO_QUIC_CRYPTO);

    pad(&b, 1162);
    return b;
}

/* ACK, a ServerHello in CRYPTO, PADDING. */
static struct bytes
server_frames(void)
{
    struct bytes b = from_hex(
        "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cf"
        "c79825df566dc5430b9a045a1200130100002e00330024001d00209d3c940d89690b"
        "84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304");

    pad(&b, 1150);
    return b;
}

/* RFC 9001, appendix A.2 and A.3: the packets of the text. */
static void
test_quic_sample(void)
{
    struct bytes frames = sample_frames(), datagram = { .size = 0 };
    struct bytes clear = { .size = 0 };
    struct insp_quic_keys keys;
    struct initial i = initial();
    struct talk t;

    insp_quic_derive(INSP_QUIC_V1, cid, sizeof cid, true, &keys);
    datagram = from_hex(HELLO_QUIC_SERVER);
    clear.size =
        insp_quic_open(&keys, datagram.at, 18, datagram.size, clear.at);
    UNIT_EQ(clear.size, 99);
    CU_ASSERT(!memcmp(clear.at, server_frames().at, 99));
    memset(clear.at, 0, clear.size);
    UNIT_EQ(insp_quic_open_plain(&keys, datagram.at, 18, datagram.size,
                                 clear.at),
            99);
    CU_ASSERT(!memcmp(clear.at, server_frames().at, 99));
    /* Too short for a sample. */
    UNIT_EQ(insp_quic_open(&keys, datagram.at, 18, 18 + 19, clear.at), 0);

    talk_begin(&t, UDP, 40000, 443);
    i.number = 2;
    datagram.size = 0;
    seal(&datagram, &i, &frames);
    say(&t, 0, &datagram);
    talk_hex(&t, 1, HELLO_QUIC_SERVER);
    UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") QUIC_SERVER);
    UNIT_STR_EQ(t.name, "example.com");
    UNIT_EQ(t.app, INSP_APP_QUIC);
}

static void
test_quic_versions(void)
{
    static const struct {
        uint32_t version;
        const char *expected;
    } cases[] = {
        { INSP_QUIC_V1, QUIC_CLIENT("1") QUIC_SERVER },
        { INSP_QUIC_V2, QUIC_CLIENT("2") QUIC_SERVER },
        { INSP_QUIC_DRAFT_29, QUIC_CLIENT("draft-29") QUIC_SERVER },
    };
    struct bytes frames = sample_frames(), answer = server_frames();
    struct talk t;

    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct initial i = initial();

        talk_begin(&t, UDP, 40000, 443);
        i.version = cases[k].version;
        say_initial(&t, 0, &i, &frames);
        i.is_server = true;
        i.dcid.size = 0;
        say_initial(&t, 1, &i, &answer);
        UNIT_STR_EQ(talk_end(&t), cases[k].expected);
    }
    /* The server goes on with another version (RFC 9369, section 4). */
    {
        struct initial i = initial();

        talk_begin(&t, UDP, 40000, 443);
        say_initial(&t, 0, &i, &frames);
        i.version = INSP_QUIC_V2;
        i.is_server = true;
        say_initial(&t, 1, &i, &answer);
        UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") QUIC_SERVER);
    }
}

/* A hello of 1.8 KB in two packets, in pieces in any order, the first
 * 'n_first' of them in the first packet, with PING and PADDING in between. */
static void
test_quic_scattered(void)
{
    static const struct {
        size_t n, n_first;
        uint8_t order[20];
    } deals[] = {
        { 2, 1, { 0, 1 } },
        { 2, 1, { 1, 0 } },
        { 5, 3, { 4, 2, 0, 3, 1 } },
        { 11, 6, { 10, 1, 4, 7, 0, 3, 9, 2, 5, 8, 6 } },
        { 16, 8, { 1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 14 } },
        { 20, 19, { 1, 3, 5, 7, 9,  11, 13, 15, 17, 0,
                    2, 4, 6, 8, 10, 12, 14, 16, 19, 18 } },
    };
    struct bytes b = post_quantum(1700), hello = message(1, &b);

    for (size_t k = 0; k < sizeof deals / sizeof deals[0]; k++) {
        size_t n = deals[k].n, step = (hello.size + n - 1) / n;
        struct bytes frames[2] = { { .size = 0 }, { .size = 0 } };
        struct initial i = initial();
        struct talk t;

        for (size_t at = 0; at < n; at++) {
            struct bytes *to = &frames[at >= deals[k].n_first];
            size_t from = deals[k].order[at] * step;

            add_crypto(to, &hello, from, INSP_MIN(from + step, hello.size));
            add_be(to, at % 3 ? 0x0100 : 0, 2);
        }
        talk_begin(&t, UDP, 40000, 443);
        say_initial(&t, 0, &i, &frames[0]);
        if (k % 2) {
            say_initial(&t, 0, &i, &frames[0]); /* Sent again. */
        }
        i.number = 258;
        say_initial(&t, 0, &i, &frames[1]);
        UNIT_STR_EQ(talk_end(&t),
                    "quic version=1 sni=pq.example" ALPNS
                    " ech=1 (raw)=710303030304026832" POST_QUANTUM);
        UNIT_STR_EQ(t.name, "pq.example");
    }
}

/* The server has the client come again; whoever has not seen that finds the
 * new keys in what comes. */
static void
test_quic_retry(void)
{
    struct bytes hello = from_hex(HELLO_QUIC_CRYPTO);
    struct bytes half[2] = { { .size = 0 }, { .size = 0 } };
    struct bytes answer = server_frames();

    memmove(hello.at, hello.at + 4, hello.size -= 4);
    add_crypto(&half[0], &hello, 0, 100);
    add_crypto(&half[1], &hello, 100, hello.size);
    pad(&half[0], 1000);
    pad(&half[1], 1000);
    for (int seen = 0; seen < 2; seen++) {
        struct initial i = initial();
        struct bytes other = from_hex("f067a5502a4262b5");
        struct talk t;

        talk_begin(&t, UDP, 40000, 443);
        say_initial(&t, 0, &i, &half[0]);
        if (seen) {
            talk_hex(&t, 1,
                     "ff00000001 00 08f067a5502a4262b5 746f6b656e"
                     "04a265ba2eff4d829058fb3f0f2496ba");
        }
        i.keyed = i.dcid = other;
        add_hex(&i.token, "746f6b656e");
        say_initial(&t, 0, &i, &half[0]);
        say_initial(&t, 0, &i, &half[1]);
        i.is_server = true;
        i.token.size = 0;
        say_initial(&t, 1, &i, &answer);
        UNIT_STR_EQ(talk_end(&t), seen ? QUIC_CLIENT("1 retry=1") QUIC_SERVER
                                       : QUIC_CLIENT("1") QUIC_SERVER);
    }
}

/* The same when the client's hello was whole before. */
static void
test_quic_late_retry(void)
{
    struct bytes frames = sample_frames(), answer = server_frames();
    struct initial i = initial();
    struct talk t;

    talk_begin(&t, UDP, 40000, 443);
    say_initial(&t, 0, &i, &frames);
    talk_hex(&t, 1,
             "ff00000001 00 08f067a5502a4262b5 746f6b656e"
             "04a265ba2eff4d829058fb3f0f2496ba");
    i.keyed = from_hex("f067a5502a4262b5");
    i.is_server = true;
    say_initial(&t, 1, &i, &answer);
    UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") " retry=1" QUIC_SERVER);
}

/* Nothing comes of a list of versions, of a version that is not known, of a
 * packet that cannot be opened or is not of these frames. */
static void
test_quic_nothing(void)
{
    struct bytes frames = sample_frames(), wrong, datagram = { .size = 0 };
    struct initial i = initial();
    struct talk t;

    talk_begin(&t, UDP, 40000, 443);
    talk_hex(&t, 0, "caaaaaaaaa 088394c8f03e515708 00 00 4010");
    UNIT_EQ(INSP_READ(t.conn->app), INSP_APP_NONE);
    talk_hex(&t, 1, "9000000000 00 088394c8f03e515708 1a2a3a4a 00000001");
    UNIT_EQ(INSP_READ(t.conn->app), INSP_APP_QUIC);
    say_initial(&t, 0, &i, &frames);
    UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") "\n");

    seal(&datagram, &i, &frames);
    for (size_t at = 5; at < 60; at++) {
        wrong = datagram;
        wrong.at[at] ^= 0x55;
        talk_begin(&t, UDP, 40000, 443);
        say(&t, 0, &wrong);
        (void) talk_end(&t);
        CU_ASSERT(!t.name[0] || at >= 22);
    }
    /* A frame that an Initial packet cannot have (STREAM). */
    wrong = frames;
    wrong.at[wrong.size - 1] = 8;
    talk_begin(&t, UDP, 40000, 443);
    say_initial(&t, 0, &i, &wrong);
    UNIT_STR_EQ(talk_end(&t), "");
    /* Not captured whole. */
    for (size_t n = 1; n < datagram.size; n += 7) {
        talk_begin(&t, UDP, 40000, 443);
        talk_say(&t, 0, datagram.at, n);
        UNIT_STR_EQ(talk_end(&t), "");
    }
}

/* Packets in one datagram, with others of the handshake and noise behind. */
static void
test_quic_coalesced(void)
{
    struct bytes hello = from_hex(HELLO_QUIC_CRYPTO), datagram = { .size = 0 };
    struct bytes half[2] = { { .size = 0 }, { .size = 0 } };
    struct bytes answer = server_frames();
    struct initial i = initial();
    struct talk t;

    memmove(hello.at, hello.at + 4, hello.size -= 4);
    add_crypto(&half[0], &hello, 120, hello.size);
    add_crypto(&half[1], &hello, 0, 120);
    seal(&datagram, &i, &half[0]);
    add_hex(&datagram, "d000000001 088394c8f03e515708 00 4018"
                       "000102030405060708090a0b0c0d0e0f1011121314151617");
    i.number = 1;
    seal(&datagram, &i, &half[1]);
    add_hex(&datagram, "0000000000");
    talk_begin(&t, UDP, 40000, 443);
    say(&t, 0, &datagram);
    datagram.size = 0;
    i.is_server = true;
    i.number = 0;
    seal(&datagram, &i, &answer);
    add_hex(&datagram, "e000000001 00 00 4018"
                       "000102030405060708090a0b0c0d0e0f1011121314151617");
    say(&t, 1, &datagram);
    UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") QUIC_SERVER);

    /* The handshake is over before the server's hello was understood. */
    datagram.size = 0;
    i.is_server = false;
    seal(&datagram, &i, &half[0]);
    seal(&datagram, &i, &half[1]);
    talk_begin(&t, UDP, 40000, 443);
    say(&t, 0, &datagram);
    talk_hex(&t, 1, "4001020304050607");
    UNIT_EQ(INSP_READ(t.conn->flow[0].reads), INSP_READS_DONE);
    UNIT_EQ(INSP_READ(t.conn->flow[1].reads), INSP_READS_DONE);
    UNIT_STR_EQ(talk_end(&t), QUIC_CLIENT("1") "\n");
}

/* Any number of packets that cannot be opened ends it. */
static void
test_quic_flood(void)
{
    struct bytes frames = sample_frames();
    struct initial i = initial();
    struct talk t;

    talk_begin(&t, UDP, 40000, 443);
    i.keyed.at[0] ^= 1;
    for (int k = 0; k < 40; k++) {
        i.number = (uint16_t) k;
        say_initial(&t, 0, &i, &frames);
    }
    UNIT_EQ(INSP_READ(t.conn->flow[0].reads), INSP_READS_DONE);
    UNIT_STR_EQ(talk_end(&t), "");
}

UNIT_MAIN("app tls", UNIT_TEST(test_tls), UNIT_TEST(test_tls_refused),
          UNIT_TEST(test_ssl2), UNIT_TEST(test_tls_records),
          UNIT_TEST(test_tls_post_quantum), UNIT_TEST(test_tls_retry),
          UNIT_TEST(test_tls_cut), UNIT_TEST(test_tls_lies),
          UNIT_TEST(test_foreign), UNIT_TEST(test_dtls),
          UNIT_TEST(test_dtls_fragments), UNIT_TEST(test_dtls_orders),
          UNIT_TEST(test_dtls_behind_stun), UNIT_TEST(test_dtls13),
          UNIT_TEST(test_quic_keys), UNIT_TEST(test_quic_sample),
          UNIT_TEST(test_quic_versions), UNIT_TEST(test_quic_scattered),
          UNIT_TEST(test_quic_retry), UNIT_TEST(test_quic_late_retry),
          UNIT_TEST(test_quic_nothing), UNIT_TEST(test_quic_coalesced),
          UNIT_TEST(test_quic_flood))
