/* How it works
 * ------------
 *
 * OpenSSL between a struct insp_tls and the socket, through a BIO of our own:
 * it counts the bytes on the wire, and a peer that is gone is an error code
 * and not a SIGPIPE, whatever the host program thinks of signals.
 *
 * A write asks OpenSSL for all or nothing: "OK" means that the last encrypted
 * byte has been taken by the socket.
 *
 * Certificate and key are compared when they are loaded, because half of a
 * rotated pair is the most common fault, and OpenSSL's own words for it help
 * nobody.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "export/tls.h"

struct insp_tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    unsigned int refs; /* The owner's, and one a connection. */
    bool server;
};

struct insp_tls {
    struct insp_tls_context *context;
    SSL *ssl;
    int fd;
    uint64_t sent;
    uint64_t received;
    bool done; /* The handshake is. */
    bool dead; /* Nothing can be said any more. */
    char host[256];
    char error[256];
};

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

static const char *
openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    return reason ? reason : "unknown error";
}

static bool say(char *why, size_t size, const char *format, ...)
    INSP_PRINTF(3, 4);

static bool
say(char *why, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return false;
}

/* An encrypted key must not make a daemon ask its terminal. */
static int
no_passphrase(char *buffer INSP_UNUSED, int size INSP_UNUSED,
              int for_writing INSP_UNUSED, void *aux)
{
    *(bool *) aux = true;
    return -1;
}

static bool
is_readable(const char *what, const char *path, char *why, size_t size)
{
    int fd;

    if (!path[0]) {
        return say(why, size, "no %s is configured", what);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return say(why, size, "cannot read %s %s: %s", what, path,
                   strerror(errno));
    }
    close(fd);
    return true;
}

static bool
load_key(SSL_CTX *ctx, const struct insp_tls_config *config, char *why,
         size_t size)
{
    bool encrypted = false, good;
    BIO *file = BIO_new_file(config->private_key, "r");
    EVP_PKEY *key = NULL;

    if (file) {
        key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &encrypted);
        BIO_free(file);
    }
    if (!key) {
        return encrypted ? say(why, size, "private key %s needs a passphrase",
                               config->private_key)
                         : say(why, size, "no private key in %s: %s",
                               config->private_key, openssl_reason());
    }
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        good = say(why, size, "private key %s does not match certificate %s",
                   config->private_key, config->certificate);
    } else if (SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        good = say(why, size, "cannot use private key %s: %s",
                   config->private_key, openssl_reason());
    } else {
        good = true;
    }
    EVP_PKEY_free(key);
    return good;
}

static bool
load_files(SSL_CTX *ctx, const struct insp_tls_config *config, char *why,
           size_t size)
{
    if (!is_readable("certificate", config->certificate, why, size) ||
        !is_readable("private key", config->private_key, why, size) ||
        !is_readable("CA certificate", config->ca_cert, why, size)) {
        return false;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, config->certificate) != 1) {
        return say(why, size, "no certificate in %s: %s", config->certificate,
                   openssl_reason());
    }
    if (!load_key(ctx, config, why, size)) {
        return false;
    }
    if (SSL_CTX_load_verify_file(ctx, config->ca_cert) != 1) {
        return say(why, size, "no CA certificate in %s: %s", config->ca_cert,
                   openssl_reason());
    }
    if (config->server) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->ca_cert);

        SSL_CTX_set_client_CA_list(ctx, names);
    }
    return true;
}

/* The word list that Open vSwitch's ssl_protocols has.  Versions that are too
 * old may stand in it and are not offered. */
static bool
set_protocols(SSL_CTX *ctx, const char *protocols, char *why, size_t size)
{
    bool has_12 = false, has_13 = false;
    const char *at = protocols;

    while (*(at += strspn(at, ", \t"))) {
        size_t n = strcspn(at, ", \t");
        bool and_later = n > 1 && at[n - 1] == '+';
        size_t word = and_later ? n - 1 : n;

        if (word == 7 && !strncmp(at, "TLSv1.2", 7)) {
            has_12 = true;
            has_13 |= and_later;
        } else if (word == 7 && !strncmp(at, "TLSv1.3", 7)) {
            has_13 = true;
        } else if ((word == 5 && !strncmp(at, "TLSv1", 5)) ||
                   (word == 7 && !strncmp(at, "TLSv1.1", 7))) {
            has_12 |= and_later;
            has_13 |= and_later;
        } else {
            return say(why, size, "protocols '%s': '%.*s' is not known",
                       protocols, (int) n, at);
        }
        at += n;
    }
    if (!protocols[strspn(protocols, ", \t")]) {
        has_12 = has_13 = true;
    } else if (!has_12 && !has_13) {
        return say(why, size, "protocols '%s': neither TLSv1.2 nor TLSv1.3",
                   protocols);
    }
    SSL_CTX_set_min_proto_version(ctx,
                                  has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ctx,
                                  has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return true;
}

struct insp_tls_context *
insp_tls_context_create(const struct insp_tls_config *config, char *why,
                        size_t size)
{
    struct insp_tls_context *context = calloc(1, sizeof *context);
    bool good = false;

    ERR_clear_error();
    if (context) {
        context->refs = 1;
        context->server = config->server;
        context->ctx = SSL_CTX_new(config->server ? TLS_server_method()
                                                  : TLS_client_method());
        context->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "insp socket");
    }
    if (!context || !context->ctx || !context->method) {
        say(why, size, "out of memory for TLS");
    } else if (set_protocols(context->ctx, config->protocols, why, size) &&
               load_files(context->ctx, config, why, size)) {
        good = true;
        if (config->ciphers[0] &&
            SSL_CTX_set_cipher_list(context->ctx, config->ciphers) != 1) {
            good = say(why, size, "ciphers '%s': %s", config->ciphers,
                       openssl_reason());
        }
    }
    if (!good) {
        insp_tls_context_destroy(context);
        return NULL;
    }

    BIO_meth_set_write(context->method, socket_write);
    BIO_meth_set_read(context->method, socket_read);
    BIO_meth_set_ctrl(context->method, socket_control);
    SSL_CTX_set_verify(
        context->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context->ctx, 0);
    SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET |
                                          SSL_OP_NO_COMPRESSION |
                                          SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    return context;
}

void
insp_tls_context_destroy(struct insp_tls_context *context)
{
    if (context && !--context->refs) {
        SSL_CTX_free(context->ctx);
        BIO_meth_free(context->method);
        free(context);
    }
}

uint64_t
insp_tls_files_mark(const struct insp_tls_config *config)
{
    const char *const paths[] = { config->private_key, config->certificate,
                                  config->ca_cert };
    uint64_t mark = 0;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(paths); i++) {
        struct stat s;
        uint64_t of_file[4] = { 0, 0, 0, 0 };

        if (!stat(paths[i], &s)) {
            of_file[0] = (uint64_t) s.st_mtim.tv_sec;
            of_file[1] = (uint64_t) s.st_mtim.tv_nsec;
            of_file[2] = (uint64_t) s.st_ino;
            of_file[3] = (uint64_t) s.st_size + 1;
        }
        for (unsigned int j = 0; j < 4; j++) {
            mark = (mark ^ of_file[j]) * UINT64_C(0x9e3779b97f4a7c15);
            mark ^= mark >> 29;
        }
    }
    return mark;
}

static bool
expect_host(SSL *ssl, const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, address) == 1 ||
        inet_pton(AF_INET6, host, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
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
    if (context->server) {
        SSL_set_accept_state(t->ssl);
    } else {
        SSL_set_connect_state(t->ssl);
        snprintf(t->host, sizeof t->host, "%s", host);
        if (!expect_host(t->ssl, host)) {
            insp_tls_destroy(t);
            return NULL;
        }
    }
    return t;
}

static void
describe_failure(struct insp_tls *t)
{
    long verdict = SSL_get_verify_result(t->ssl);
    int reason = ERR_GET_REASON(ERR_peek_error());

    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH ||
        verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        say(t->error, sizeof t->error,
            "certificate verify failed: it is not for '%s' (%s)", t->host,
            X509_verify_cert_error_string(verdict));
    } else if (verdict != X509_V_OK) {
        say(t->error, sizeof t->error, "certificate verify failed: %s",
            X509_verify_cert_error_string(verdict));
    } else if (reason >= SSL_AD_REASON_OFFSET) {
        say(t->error, sizeof t->error, "refused by the other end: %s",
            ERR_reason_error_string(ERR_peek_error()));
    } else {
        const char *text = ERR_reason_error_string(ERR_peek_error());

        say(t->error, sizeof t->error, "TLS: %s",
            text ? text : "unknown error");
    }
}

static enum insp_tls_result
result(struct insp_tls *t, int code, int error_number)
{
    switch (SSL_get_error(t->ssl, code)) {
    case SSL_ERROR_NONE: return INSP_TLS_OK;
    case SSL_ERROR_WANT_READ: return INSP_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE: return INSP_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        say(t->error, sizeof t->error, "closed by the other end");
        return INSP_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        t->dead = true;
        say(t->error, sizeof t->error, "%s",
            error_number ? strerror(error_number) : "closed by the other end");
        return INSP_TLS_CLOSED;
    default:
        t->dead = true;
        if (ERR_GET_REASON(ERR_peek_error()) ==
            SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            say(t->error, sizeof t->error, "closed by the other end%s",
                t->done ? "" : " during the handshake");
            return INSP_TLS_CLOSED;
        }
        describe_failure(t);
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
    t->done |= r == INSP_TLS_OK;
    return r;
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

enum insp_tls_result
insp_tls_write(struct insp_tls *t, const void *bytes, size_t size)
{
    size_t n;
    int code;

    ERR_clear_error();
    errno = 0;
    code = SSL_write_ex(t->ssl, bytes, size, &n);
    return code == 1 ? INSP_TLS_OK : result(t, code, errno);
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

    if (memory) {
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
        n = BIO_read(memory, text, (int) size - 1);
        BIO_free(memory);
    }
    text[n > 0 ? n : 0] = '\0';
}

/* Exactly: a NUL inside a certificate's name must not cut it short. */
static bool
asn1_is(const ASN1_STRING *string, const char *name)
{
    size_t size = (size_t) ASN1_STRING_length(string);

    return size == strlen(name) &&
           !memcmp(ASN1_STRING_get0_data(string), name, size);
}

static bool
common_name_is(X509 *certificate, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool found = false;
    int at = -1;

    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >=
           0) {
        found |=
            asn1_is(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)),
                    name);
    }
    return found;
}

bool
insp_tls_peer_is(const struct insp_tls *t, const char *name)
{
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    GENERAL_NAMES *names;
    bool found;

    if (!certificate || !name[0]) {
        return false;
    }
    found = common_name_is(certificate, name);
    names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

        if (n->type == GEN_DNS || n->type == GEN_URI) {
            found |= asn1_is(n->d.ia5, name);
        }
    }
    GENERAL_NAMES_free(names);
    return found;
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
        discard_received(t->fd);
        close(t->fd);
        insp_tls_context_destroy(t->context);
        free(t);
    }
}
