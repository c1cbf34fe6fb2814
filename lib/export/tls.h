/* SPDX-License-Identifier: Apache-2.0 */
/* TLS
 * ===
 *
 * A TLS connection over a non-blocking socket, both ends authenticated: by
 * certificates, or by a push token, which is a secret that both know (TLS 1.3
 * external PSK with ECDHE, RFC 8446, 2.2; AES-256-GCM and SHA-384 only).  TLS
 * 1.2 at the least; no tickets, no resumption, no early data, no
 * renegotiation.  Either end of it: who dials is the client, who listens the
 * server, and either may be sensor or collector.
 *
 * A client has one kind of credential.  With a token it takes nothing else: a
 * server that shows a certificate instead of taking the token is refused,
 * whoever signed it.  A server may have both kinds, each client then uses its
 * own; with a token file and no certificate it takes tokens only.
 *
 * Above:    uplink.c, the collector.   Below:  token.h, OpenSSL 3.
 * Threads:  a context and its connections belong to one thread.
 * Memory:   OpenSSL's; a context lives as long as its last connection.
 *           Secrets are wiped when it goes.
 * Time:     none, but OpenSSL compares certificates with the wall clock; never
 *           waits for a peer.
 * Fails:    create with a sentence for the operator; handshake, read and
 *           write by result, with a sentence from insp_tls_error().  No
 *           sentence ever holds a secret.
 */

#ifndef INSP_EXPORT_TLS_H
#define INSP_EXPORT_TLS_H 1

#include "base/compiler.h"

/* A string that is NULL is as good as "". */
struct insp_tls_config {
    const char *private_key; /* Paths of PEM files.  All three "" means: */
    const char *certificate; /* tokens only. */
    const char *ca_cert;
    const char *protocols; /* "TLSv1.2,TLSv1.3"; "": these two. */
    const char *ciphers;   /* Of TLS 1.2; "": forward secret and AEAD. */
    bool server;

    const char *ciphersuites;   /* Of TLS 1.3; "": OpenSSL's default. */
    const char *crl_file;       /* PEM, a CRL of each CA; "": no check. */
    const char *token_file;     /* See token.h; "": no tokens. */
    const char *token_identity; /* A client's, when the file has several; */
                                /* without a generation: the last one. */

    /* Who alone is right, by a name for insp_tls_peer_is(); "": whoever has a
     * good credential.  Of a client it takes the place of the 'host' of
     * insp_tls_create(), for SNI too, and may also be a host's. */
    const char *peer_name;

    /* Of the application protocol.  A client offers it, a server selects it
     * if it is offered; without it the connection stands as well. */
    const char *alpn;

    /* Client: if there is no file 'ca_cert', take the other end's CA on first
     * sight (see insp_tls_has_bootstrapped()).  Who can stand in between then,
     * only then, is believed for ever: like Open vSwitch's bootstrap. */
    bool bootstrap;
};

struct insp_tls_context;

/* Reads the files.  Returns NULL and a sentence in 'why' when one cannot be
 * read, or the key is not that of the certificate. */
struct insp_tls_context *insp_tls_context_create(
    const struct insp_tls_config *, char *why, size_t why_size);
void insp_tls_context_destroy(struct insp_tls_context *);

/* Changes when one of the files does (or appears, or vanishes). */
uint64_t insp_tls_files_mark(const struct insp_tls_config *);

enum insp_tls_renewal {
    INSP_TLS_SAME,    /* The files are what they were. */
    INSP_TLS_RENEWED, /* '*context' is new: insp_tls_recheck() sessions. */
    INSP_TLS_STALE,   /* The files are faulty, see 'why'; '*context' stays. */
};

/* Rotation.  When the files are not those of '*mark', makes '*context' anew
 * from them and destroys the old one (its connections go on); a faulty set,
 * such as half of a new pair, leaves what was, NULL at the start.  Writes
 * 'why' only for STALE, once a change: to see the last sentence, keep it. */
enum insp_tls_renewal insp_tls_context_renew(struct insp_tls_context **context,
                                             uint64_t *mark,
                                             const struct insp_tls_config *,
                                             char *why, size_t why_size);

/* When our own certificate expires, in seconds since 1970; 0: none. */
int64_t insp_tls_context_expiry(const struct insp_tls_context *);

/* True when the other end would find 'name' with insp_tls_peer_is(): our own
 * certificate is for it, or our token. */
bool insp_tls_context_is(const struct insp_tls_context *, const char *name);

enum insp_tls_result {
    INSP_TLS_OK,
    INSP_TLS_WANT_READ,  /* Call again when the socket is readable, */
    INSP_TLS_WANT_WRITE, /* or writable. */
    INSP_TLS_CLOSED,     /* The other end has closed. */
    INSP_TLS_FAILED,
};

struct insp_tls;

/* Takes over the connected socket 'fd', in case of failure (NULL: out of
 * memory) too.  A client says whom it wants to talk to: 'host', a name or an
 * address, which the certificate must be for.  NULL: any that the CA has
 * signed; then ask insp_tls_identity() who it is, as one does who dials into a
 * sensor behind NAT.  For a server 'host' is nothing. */
struct insp_tls *insp_tls_create(struct insp_tls_context *, int fd,
                                 const char *host);

/* OK: the other end is authenticated, as far as this one can know (see
 * insp_tls_accept()). */
enum insp_tls_result insp_tls_handshake(struct insp_tls *);

/* Up to 'size' bytes into 'bytes'; OK: '*n' of them, at least one. */
enum insp_tls_result insp_tls_read(struct insp_tls *, void *bytes, size_t size,
                                   size_t *n);

/* OK when all has been encrypted and given to the socket; after WANT_* call
 * it again with the same bytes. */
enum insp_tls_result insp_tls_write(struct insp_tls *, const void *bytes,
                                    size_t size);

/* Server, TLS 1.3: tells the client that it has been accepted, with a message
 * that means nothing else (a key update).  Without it a client cannot know
 * that the server has checked its certificate: its own handshake ends before
 * that. */
void insp_tls_accept(struct insp_tls *);

/* False when the other end would be refused if it came now, under a context
 * made of what the files are now; 'why' then says the reason: token revoked or
 * changed, certificate revoked, expired, of a CA that is no longer trusted. */
bool insp_tls_recheck(const struct insp_tls *, const struct insp_tls_context *,
                      char *why, size_t why_size) INSP_MUST_USE;

int insp_tls_fd(const struct insp_tls *);
const char *insp_tls_error(const struct insp_tls *);
bool insp_tls_speaks_13(const struct insp_tls *);
uint64_t insp_tls_sent(const struct insp_tls *);     /* Bytes on the */
uint64_t insp_tls_received(const struct insp_tls *); /* wire. */

/* After the handshake: the application protocol that was selected, or "". */
const char *insp_tls_alpn(const struct insp_tls *);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384". */
void insp_tls_get_protocol(const struct insp_tls *, char *, size_t);

/* After the handshake: the subject of the other's certificate, or "token
 * IDENTITY". */
void insp_tls_get_peer(const struct insp_tls *, char *, size_t);

/* After the handshake: the identity of the token that both ends have used, or
 * NULL when certificates were. */
const char *insp_tls_token(const struct insp_tls *);

/* After the handshake, who the other end has proved to be: the token's
 * identity, or the names of its certificate, with ", " between them. */
const char *insp_tls_identity(const struct insp_tls *);

/* True when 'name' is exactly one of them: the common name of the other's
 * certificate, one of its alternative DNS names or URIs, or the identity of
 * the token, with or without its generation ("#2", see token.h). */
bool insp_tls_peer_is(const struct insp_tls *, const char *name);

/* When the other's certificate expires, in seconds since 1970; 0: it used a
 * token. */
int64_t insp_tls_peer_expiry(const struct insp_tls *);

/* Describes, on one line, the certificate that the other end has shown at
 * place 'i' of its chain, 0 being its own, also when it was refused.  False:
 * there are no more. */
bool insp_tls_get_chain(const struct insp_tls *, unsigned int i, char *text,
                        size_t size);

/* True when insp_tls_handshake() has failed only because this was the first
 * sight: the file 'ca_cert' is there now, insp_tls_error() says whose, and the
 * next connection, with a new context, is verified. */
bool insp_tls_has_bootstrapped(const struct insp_tls *);

/* Says good-bye, if that is possible without waiting, and closes. */
void insp_tls_destroy(struct insp_tls *);

#endif /* export/tls.h */
