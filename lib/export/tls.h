/* TLS
 * ===
 *
 * A TLS connection over a non-blocking socket, both ends authenticated by
 * certificate.  TLS 1.2 at the least; no tickets, no resumption, no early
 * data, no renegotiation.  Either end of it: the uplink dials, the collector
 * listens.
 *
 * Above:    uplink.c, the collector.   Below:  OpenSSL 3.
 * Threads:  a context and its connections belong to one thread.
 * Memory:   OpenSSL's; a context lives as long as its last connection.
 * Time:     none; never waits.
 * Fails:    create with a sentence for the operator; handshake, read and
 *           write by result, with a sentence from insp_tls_error().
 */

#ifndef INSP_EXPORT_TLS_H
#define INSP_EXPORT_TLS_H 1

#include "base/compiler.h"

struct insp_tls_config {
    const char *private_key; /* Paths of PEM files. */
    const char *certificate;
    const char *ca_cert;
    const char *protocols; /* "TLSv1.2,TLSv1.3"; "": these two. */
    const char *ciphers;   /* Of TLS 1.2; "": OpenSSL's default. */
    bool server;
};

struct insp_tls_context;

/* Reads the files.  Returns NULL and a sentence in 'why' when one cannot be
 * read, or the key is not that of the certificate. */
struct insp_tls_context *insp_tls_context_create(
    const struct insp_tls_config *, char *why, size_t why_size);
void insp_tls_context_destroy(struct insp_tls_context *);

/* Changes when one of the files does (or appears, or vanishes). */
uint64_t insp_tls_files_mark(const struct insp_tls_config *);

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
 * address, which the certificate must be for. */
struct insp_tls *insp_tls_create(struct insp_tls_context *, int fd,
                                 const char *host);

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

int insp_tls_fd(const struct insp_tls *);
const char *insp_tls_error(const struct insp_tls *);
bool insp_tls_speaks_13(const struct insp_tls *);
uint64_t insp_tls_sent(const struct insp_tls *);     /* Bytes on the */
uint64_t insp_tls_received(const struct insp_tls *); /* wire. */

/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; the subject of the other's certificate. */
void insp_tls_get_protocol(const struct insp_tls *, char *, size_t);
void insp_tls_get_peer(const struct insp_tls *, char *, size_t);

/* True when 'name' is exactly the common name of the other's certificate, or
 * one of its alternative DNS names or URIs. */
bool insp_tls_peer_is(const struct insp_tls *, const char *name);

/* Says good-bye, if that is possible without waiting, and closes. */
void insp_tls_destroy(struct insp_tls *);

#endif /* export/tls.h */
