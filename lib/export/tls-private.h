/* SPDX-License-Identifier: Apache-2.0 */
/* TLS, private
 * ============
 *
 * What the files of tls.h share: tls-context.c makes a context of files,
 * tls-peer.c decides about the other end, tls-words.c says it in words, tls.c
 * moves bytes.
 *
 * Above:    tls*.c only.           Below:  token.h, OpenSSL 3.
 * Threads:  see tls.h.
 * Memory:   see tls.h.
 * Time:     see tls.h.
 * Fails:    with sentences.
 */

#ifndef INSP_EXPORT_TLS_PRIVATE_H
#define INSP_EXPORT_TLS_PRIVATE_H 1

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "export/tls.h"
#include "export/token.h"

#define INSP_TLS_SENTENCE 384

struct insp_tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    unsigned int refs; /* The owner's, and one a connection. */
    bool server;
    bool certificates;              /* Has one, and takes them. */
    struct insp_tokens *tokens;     /* NULL: takes none. */
    const struct insp_token *token; /* A client's own. */
    char *peer_name;
    char *bootstrap;   /* Where to write the CA on first sight. */
    uint8_t alpn[256]; /* Its length and it, or 0. */
};

struct insp_tls {
    struct insp_tls_context *context;
    SSL *ssl;
    int fd;
    uint64_t sent;
    uint64_t received;
    bool done; /* The handshake is. */
    bool dead; /* Nothing can be said any more. */
    bool bootstrapped;
    bool offers_token; /* A client has offered one; of this */
    char offered[INSP_TOKEN_IDENTITY_SIZE]; /* identity, made printable. */
    const struct insp_token *token;         /* That it was, in the context. */
    STACK_OF(X509) * shown; /* The other end's chain, its own first. */
    char alpn[256];
    char identity[256];
    char host[256];                  /* A client wants this one. */
    char refusal[INSP_TLS_SENTENCE]; /* Why we do not take the other, */
    char error[INSP_TLS_SENTENCE];   /* and all in all. */
};

/* tls.c */

/* The functions of the method that a connection's BIO has. */
void insp_tls_bio_init(BIO_METHOD *);

/* tls-peer.c */

/* Gives the context its callbacks. */
void insp_tls_peer_init(struct insp_tls_context *);

/* The client's wish becomes the names that a certificate is compared with. */
bool insp_tls_peer_expect(struct insp_tls *, const char *host) INSP_MUST_USE;

/* At the end of the handshake: false, with 'refusal', unless the other end
 * has the credential that this connection is about. */
bool insp_tls_peer_check(struct insp_tls *) INSP_MUST_USE;

bool insp_tls_certificate_is(X509 *, const char *name);

/* tls-words.c */

/* Returns false. */
bool insp_tls_say(char *text, size_t size, const char *format, ...)
    INSP_PRINTF(3, 4);

/* The last thing that OpenSSL says about files. */
const char *insp_tls_words_openssl(void);

void insp_tls_words_subject(X509 *, char *text, size_t size);
void insp_tls_words_names(X509 *, char *text, size_t size);
void insp_tls_words_chain(X509 *, char *text, size_t size);

/* A certificate is refused: what is wrong, and what to do. */
void insp_tls_words_refusal(X509_STORE_CTX *, const char *expected, char *text,
                            size_t size);

/* The connection has failed by what stands in OpenSSL's error queue. */
void insp_tls_words_failure(struct insp_tls *);

#endif /* export/tls-private.h */
