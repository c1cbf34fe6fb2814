/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * OpenSSL between a struct insp_tls and the socket, through a BIO of our own:
 * it counts the bytes on the wire, and a peer that is gone is an error code
 * and not a SIGPIPE, whatever the host program thinks of signals.
 *
 * A write asks OpenSSL for all or nothing: "OK" means that the last encrypted
 * byte has been taken by the socket.  One that fails because the other end has
 * reset the connection looks whether an alert came before that: it says why.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "export/tls-bootstrap.h"
#include "export/tls-private.h"

static int
socket_write(BIO *bio, const char *bytes, int size)
{
    struct insp_tls *t = BIO_get_data(bio);
    ssize_t n;

    do {
        n = send(t->fd, bytes, (size_t) size, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (n > 0) {
        t->sent += (uint64_t) n;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    }
    return (int) n;
}

static int
socket_read(BIO *bio, char *bytes, int size)
{
    struct insp_tls *t = BIO_get_data(bio);
    ssize_t n;

    do {
        n = recv(t->fd, bytes, (size_t) size, 0);
    } while (n < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (n > 0) {
        t->received += (uint64_t) n;
    } else if (n == 0) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_read(bio);
    }
    return (int) n;
}

static long
socket_control(BIO *bio, int command, long number INSP_UNUSED,
               void *pointer INSP_UNUSED)
{
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default: return 0;
    }
}

void
insp_tls_bio_init(BIO_METHOD *method)
{
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
}

struct insp_tls *
insp_tls_create(struct insp_tls_context *context, int fd, const char *host)
{
    struct insp_tls *t = calloc(1, sizeof *t);
    BIO *bio = NULL;

    if (!t) {
        close(fd);
        return NULL;
    }
    ERR_clear_error();
    t->fd = fd;
    t->context = context;
    context->refs++;
    t->ssl = SSL_new(context->ctx);
    if (t->ssl) {
        bio = BIO_new(context->method);
    }
    if (!bio) {
        insp_tls_destroy(t);
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (context->server) {
        SSL_set_accept_state(t->ssl);
    } else {
        SSL_set_connect_state(t->ssl);
        if (!insp_tls_peer_expect(t, host)) {
            insp_tls_destroy(t);
            return NULL;
        }
    }
    return t;
}

static enum insp_tls_result
result(struct insp_tls *t, int code, int error_number)
{
    switch (SSL_get_error(t->ssl, code)) {
    case SSL_ERROR_NONE: return INSP_TLS_OK;
    case SSL_ERROR_WANT_READ: return INSP_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE: return INSP_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        insp_tls_say(t->error, sizeof t->error, "closed by the other end");
        return INSP_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        t->dead = true;
        insp_tls_say(t->error, sizeof t->error, "%s",
                     error_number ? strerror(error_number)
                                  : "closed by the other end");
        return INSP_TLS_CLOSED;
    default:
        t->dead = true;
        if (ERR_GET_REASON(ERR_peek_error()) ==
            SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            insp_tls_say(t->error, sizeof t->error,
                         "closed by the other end%s",
                         t->done ? "" : " during the handshake");
            return INSP_TLS_CLOSED;
        }
        insp_tls_words_failure(t);
        return INSP_TLS_FAILED;
    }
}

enum insp_tls_result
insp_tls_handshake(struct insp_tls *t)
{
    enum insp_tls_result r;
    int code;

    ERR_clear_error();
    errno = 0;
    code = SSL_do_handshake(t->ssl);
    r = result(t, code, errno);
    if (r != INSP_TLS_OK || t->done) {
        return r;
    } else if (!insp_tls_peer_check(t)) {
        insp_tls_say(t->error, sizeof t->error, "%s", t->refusal);
        return INSP_TLS_FAILED;
    }
    t->done = true;
    if (t->context->bootstrap) {
        t->bootstrapped =
            insp_tls_bootstrap(t->shown, t->host, t->context->bootstrap,
                               t->error, sizeof t->error);
        return INSP_TLS_FAILED;
    }
    return INSP_TLS_OK;
}

enum insp_tls_result
insp_tls_read(struct insp_tls *t, void *bytes, size_t size, size_t *n)
{
    int code;

    ERR_clear_error();
    errno = 0;
    code = SSL_read_ex(t->ssl, bytes, size, n);
    return code == 1 ? INSP_TLS_OK : result(t, code, errno);
}

/* The other end is gone: if it has said why, true and the sentence. */
static bool
find_alert(struct insp_tls *t)
{
    char scratch[512];
    size_t n;

    for (unsigned int i = 0; i < 64; i++) {
        ERR_clear_error();
        if (SSL_read_ex(t->ssl, scratch, sizeof scratch, &n) != 1) {
            break;
        }
    }
    if (ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_SSL ||
        ERR_GET_REASON(ERR_peek_error()) < SSL_AD_REASON_OFFSET) {
        return false;
    }
    insp_tls_words_failure(t);
    return true;
}

enum insp_tls_result
insp_tls_write(struct insp_tls *t, const void *bytes, size_t size)
{
    enum insp_tls_result r;
    size_t n;
    int code;

    ERR_clear_error();
    errno = 0;
    code = SSL_write_ex(t->ssl, bytes, size, &n);
    if (code == 1) {
        return INSP_TLS_OK;
    }
    r = result(t, code, errno);
    return r == INSP_TLS_CLOSED && find_alert(t) ? INSP_TLS_FAILED : r;
}

void
insp_tls_accept(struct insp_tls *t)
{
    ERR_clear_error();
    if (t->done && !t->dead && insp_tls_speaks_13(t) &&
        SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) {
        /* If the socket were full, later reads would send it. */
        (void) SSL_do_handshake(t->ssl);
    }
    ERR_clear_error();
}

int
insp_tls_fd(const struct insp_tls *t)
{
    return t->fd;
}

const char *
insp_tls_error(const struct insp_tls *t)
{
    return t->error;
}

bool
insp_tls_speaks_13(const struct insp_tls *t)
{
    return SSL_version(t->ssl) >= TLS1_3_VERSION;
}

uint64_t
insp_tls_sent(const struct insp_tls *t)
{
    return t->sent;
}

uint64_t
insp_tls_received(const struct insp_tls *t)
{
    return t->received;
}

void
insp_tls_get_protocol(const struct insp_tls *t, char *text, size_t size)
{
    snprintf(text, size, "%s %s", SSL_get_version(t->ssl),
             SSL_get_cipher_name(t->ssl));
}

void
insp_tls_get_peer(const struct insp_tls *t, char *text, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    BIO *memory = certificate ? BIO_new(BIO_s_mem()) : NULL;
    int n = 0;

    if (t->done && t->token) {
        snprintf(text, size, "token %s", t->token->identity);
        return;
    }
    if (memory) {
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
        n = BIO_read(memory, text, (int) size - 1);
        BIO_free(memory);
    }
    text[n > 0 ? n : 0] = '\0';
}

const char *
insp_tls_token(const struct insp_tls *t)
{
    return t->done && t->token ? t->token->identity : NULL;
}

const char *
insp_tls_identity(const struct insp_tls *t)
{
    return t->done ? t->identity : "";
}

const char *
insp_tls_alpn(const struct insp_tls *t)
{
    return t->alpn;
}

bool
insp_tls_get_chain(const struct insp_tls *t, unsigned int i, char *text,
                   size_t size)
{
    if (!t->shown || i >= (unsigned int) sk_X509_num(t->shown)) {
        return false;
    }
    insp_tls_words_chain(sk_X509_value(t->shown, (int) i), text, size);
    return true;
}

bool
insp_tls_has_bootstrapped(const struct insp_tls *t)
{
    return t->bootstrapped;
}

/* Closing a socket that holds unread bytes resets the connection, and then
 * the other end may lose what it has not read yet. */
static void
discard_received(int fd)
{
    char scratch[4096];

    (void) shutdown(fd, SHUT_WR);
    for (unsigned int i = 0; i < 16; i++) {
        if (recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0) {
            break;
        }
    }
}

void
insp_tls_destroy(struct insp_tls *t)
{
    if (t) {
        if (t->ssl) {
            ERR_clear_error();
            if (t->done && !t->dead) {
                (void) SSL_shutdown(t->ssl);
            }
            SSL_free(t->ssl);
            ERR_clear_error();
        }
        sk_X509_pop_free(t->shown, X509_free);
        discard_received(t->fd);
        close(t->fd);
        insp_tls_context_destroy(t->context);
        free(t);
    }
}
