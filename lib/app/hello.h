/* SPDX-License-Identifier: Apache-2.0 */
/* Hello
 * =====
 *
 * What a client and a server say first in TLS, in every clothing that it
 * comes in: the bodies of ClientHello and ServerHello (RFC 8446 section 4.1,
 * RFC 5246 section 7.4.1, RFC 9147 section 5.3), and what of it goes into
 * records.
 *
 * Above:    app/tls.c, dtls.c, quic.c.    Below:  app/event.h.
 * Threads:  any.
 * Memory:   a hello borrows the bytes that it was read from.
 * Time:     none.
 * Fails:    returns false for what is no hello; an extension that is odd is
 *           left out.
 */

#ifndef INSP_APP_HELLO_H
#define INSP_APP_HELLO_H 1

#include "app/event.h"

/* Types of handshake messages. */
enum {
    INSP_TLS_HELLO_REQUEST = 0,
    INSP_TLS_CLIENT_HELLO = 1,
    INSP_TLS_SERVER_HELLO = 2,
    INSP_TLS_HELLO_VERIFY = 3, /* DTLS: HelloVerifyRequest. */
    INSP_TLS_SESSION_TICKET = 4,
    INSP_TLS_CERTIFICATE = 11,
};

/* Types of records. */
enum {
    INSP_TLS_CHANGE_CIPHER = 20,
    INSP_TLS_ALERT = 21,
    INSP_TLS_HANDSHAKE = 22,
    INSP_TLS_DATA = 23,
};

enum {
    INSP_TLS_FATAL = 2
}; /* Level of an alert. */

/* A longer message is not waited for. */
#define INSP_TLS_HELLO_MAX  16000
#define INSP_TLS_EXTENSIONS 128
#define INSP_TLS_LEAF_MAX   8192

struct insp_tls_hello {
    uint16_t version; /* In its head. */
    uint16_t best;    /* With supported_versions: the highest that
                       * is offered, or the one that is chosen. */
    uint16_t cipher;  /* Server: chosen. */
    uint16_t group;   /* Server: of its key_share, or 0. */
    bool has_name;
    bool has_alpn;
    bool ech;
    bool resumed;  /* Server: pre_shared_key. */
    bool is_retry; /* HelloRetryRequest. */
    bool is_ssl2;  /* Had the form of SSL 2. */
    struct insp_cursor session;
    struct insp_cursor ciphers; /* Client; these and all below: contents,
                                 * without their lengths. */
    struct insp_cursor name;
    struct insp_cursor alpn; /* Names, each with its length. */
    struct insp_cursor groups;
    struct insp_cursor points;
    struct insp_cursor signatures;
    struct insp_cursor transport; /* quic_transport_parameters. */
    size_t n_types;
    uint8_t types[2 * INSP_TLS_EXTENSIONS];
};

/* Bodies, behind the head of the handshake message. */
bool insp_tls_client(struct insp_tls_hello *, const uint8_t *body, size_t size,
                     bool is_dtls);
bool insp_tls_server(struct insp_tls_hello *, const uint8_t *body, size_t size,
                     bool is_dtls);

/* The leaf of a Certificate message before TLS 1.3, of which the first bytes
 * suffice; empty: there is none, or it is too long. */
struct insp_cursor insp_tls_leaf(const uint8_t *body, size_t size);

/* Where the parts of a hello go: fields of TLS or of QUIC;
 * INSP_N_APP_FIELDS for what one has not. */
struct insp_tls_rows {
    enum insp_app_field sni, client_version, version, client_alpns,
        server_alpns, cipher_number, cipher, group, resumed, ech, client,
        ciphers, extensions, groups, points, signatures, server,
        server_extensions;
};
extern const struct insp_tls_rows insp_tls_rows_tls;
extern const struct insp_tls_rows insp_tls_rows_quic;

/* 'transport' is JA4's: 't', 'd' or 'q'.  The client's also names what rules
 * match. */
void insp_tls_put_client(struct insp_reading *, struct insp_event *,
                         const struct insp_tls_rows *,
                         const struct insp_tls_hello *, char transport);
void insp_tls_put_server(struct insp_event *, const struct insp_tls_rows *,
                         const struct insp_tls_hello *);

/* "TLS 1.3", as EVE has it; "0x7e02" for what is not known: 'buffer' has room
 * for 24 bytes. */
const char *insp_tls_version(uint16_t version, char *buffer);

/* TLS_AES_128_GCM_SHA256, or NULL. */
const char *insp_tls_cipher(uint16_t number);

/* TLS 1.3 or DTLS 1.3, drafts of it as well: what follows the ServerHello is
 * encrypted. */
bool insp_tls_is_13(uint16_t version);

#endif /* app/hello.h */
