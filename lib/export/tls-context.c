/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A context is made whole or not at all: everything is read into new objects
 * first, so that a rotation that stops half way leaves the old context alone.
 *
 * Certificate and key are compared when they are loaded, because half of a
 * rotated pair is the most common fault, and OpenSSL's own words for it help
 * nobody.
 *
 * Whatever the operator (or the system's openssl.cnf) allows, there is a
 * floor: TLS 1.2, OpenSSL's security level 2 (112 bits, no SHA-1 signatures),
 * no anonymous, unencrypted, RC4 or 3DES suites, no PSK suites of TLS 1.2.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "export/tls-private.h"

#define DEFAULT_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
#define NEVER           ":!aNULL:!eNULL:!LOW:!EXPORT:!RC4:!DES:!3DES:!MD5:!PSK:!SRP:!DSS"
#define TOKEN_SUITE     "TLS_AES_256_GCM_SHA384"
#define SECURITY_LEVEL  2

static const char *
text_of(const char *s)
{
    return s ? s : "";
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
        return insp_tls_say(why, size, "no %s is configured", what);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return insp_tls_say(why, size, "cannot read %s %s: %s", what, path,
                            strerror(errno));
    }
    close(fd);
    return true;
}

static bool
load_certificate(SSL_CTX *ctx, const char *path, char *why, size_t size)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, path) == 1) {
        return true;
    }
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
        return insp_tls_say(why, size,
                            "certificate %s is too weak (%s): make one with "
                            "at least RSA 2048 or P-256, and SHA-256",
                            path, insp_tls_words_openssl());
    default:
        return insp_tls_say(why, size, "no certificate in %s: %s", path,
                            insp_tls_words_openssl());
    }
}

static bool
load_key(SSL_CTX *ctx, const char *path, const char *certificate, char *why,
         size_t size)
{
    bool encrypted = false, good;
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *key = NULL;

    if (file) {
        FILE *stream = NULL;

        /* A buffer would keep a copy of the key. */
        if (BIO_get_fp(file, &stream) == 1) {
            setvbuf(stream, NULL, _IONBF, 0);
        }
        key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &encrypted);
        BIO_free(file);
    }
    if (!key) {
        return encrypted
                   ? insp_tls_say(why, size,
                                  "private key %s needs a passphrase", path)
                   : insp_tls_say(why, size, "no private key in %s: %s", path,
                                  insp_tls_words_openssl());
    }
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        good = insp_tls_say(why, size,
                            "private key %s does not match certificate %s",
                            path, certificate);
    } else if (SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        good = insp_tls_say(why, size, "cannot use private key %s: %s", path,
                            insp_tls_words_openssl());
    } else {
        good = true;
    }
    EVP_PKEY_free(key);
    return good;
}

static bool
load_ca(struct insp_tls_context *context, const struct insp_tls_config *config,
        char *why, size_t size)
{
    const char *path = text_of(config->ca_cert);

    if (config->bootstrap && !config->server && path[0] &&
        access(path, F_OK) && errno == ENOENT) {
        context->bootstrap = strdup(path);
        return context->bootstrap ||
               insp_tls_say(why, size, "out of memory for TLS");
    }
    if (!is_readable("CA certificate", path, why, size)) {
        return false;
    }
    if (SSL_CTX_load_verify_file(context->ctx, path) != 1) {
        return insp_tls_say(why, size, "no CA certificate in %s: %s", path,
                            insp_tls_words_openssl());
    }
    if (config->server) {
        SSL_CTX_set_client_CA_list(context->ctx,
                                   SSL_load_client_CA_file(path));
    }
    return true;
}

/* Where there is a CRL, all of the chain must be covered by one: a CA without
 * would otherwise be one that nothing can be taken back from. */
static bool
load_crl(SSL_CTX *ctx, const char *path, char *why, size_t size)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_LOOKUP *lookup;

    if (!path[0]) {
        return true;
    } else if (!is_readable("CRL", path, why, size)) {
        return false;
    }
    lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (!lookup || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1) {
        return insp_tls_say(why, size, "no CRL in %s: %s", path,
                            insp_tls_words_openssl());
    }
    X509_STORE_set_flags(store,
                         X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return true;
}

static bool
load_certificates(struct insp_tls_context *context,
                  const struct insp_tls_config *config, char *why, size_t size)
{
    const char *certificate = text_of(config->certificate);
    const char *key = text_of(config->private_key);

    return is_readable("certificate", certificate, why, size) &&
           is_readable("private key", key, why, size) &&
           load_certificate(context->ctx, certificate, why, size) &&
           load_key(context->ctx, key, certificate, why, size) &&
           load_ca(context, config, why, size) &&
           load_crl(context->ctx, text_of(config->crl_file), why, size);
}

/* The one of exactly that identity, or else the last generation of it. */
static const struct insp_token *
token_for(const struct insp_tokens *tokens, const char *wanted)
{
    const struct insp_token *found =
        insp_tokens_find(tokens, wanted, strlen(wanted));

    for (size_t i = insp_tokens_count(tokens); i-- && !found;) {
        const struct insp_token *token = insp_tokens_get(tokens, i);

        if (insp_token_is_for(token->identity, wanted)) {
            found = token;
        }
    }
    return found;
}

static bool
choose_token(struct insp_tls_context *context,
             const struct insp_tls_config *config, char *why, size_t size)
{
    const char *wanted = text_of(config->token_identity);
    size_t n = insp_tokens_count(context->tokens);

    if (wanted[0]) {
        context->token = token_for(context->tokens, wanted);
    } else if (n == 1) {
        context->token = insp_tokens_get(context->tokens, 0);
    }
    return context->token ||
           (wanted[0]
                ? insp_tls_say(why, size, "token file %s has no identity '%s'",
                               config->token_file, wanted)
                : insp_tls_say(why, size,
                               n ? "token file %s has several tokens, and "
                                   "which to use is not said"
                                 : "token file %s has no token",
                               config->token_file));
}

static bool
load_tokens(struct insp_tls_context *context,
            const struct insp_tls_config *config, char *why, size_t size)
{
    if (!config->server && context->certificates) {
        return insp_tls_say(why, size,
                            "both a token file and a certificate are "
                            "configured: one of them must go");
    }
    context->tokens = insp_tokens_read(config->token_file, why, size);
    return context->tokens &&
           (config->server || choose_token(context, config, why, size));
}

static bool
load_files(struct insp_tls_context *context,
           const struct insp_tls_config *config, char *why, size_t size)
{
    bool has_tokens = text_of(config->token_file)[0];

    context->certificates = !has_tokens || text_of(config->certificate)[0] ||
                            text_of(config->private_key)[0];
    return (!has_tokens || load_tokens(context, config, why, size)) &&
           (!context->certificates ||
            load_certificates(context, config, why, size));
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
            return insp_tls_say(why, size,
                                "protocols '%s': '%.*s' is not known",
                                protocols, (int) n, at);
        }
        at += n;
    }
    if (!protocols[strspn(protocols, ", \t")]) {
        has_12 = has_13 = true;
    } else if (!has_12 && !has_13) {
        return insp_tls_say(why, size,
                            "protocols '%s': neither TLSv1.2 nor TLSv1.3",
                            protocols);
    }
    SSL_CTX_set_min_proto_version(ctx,
                                  has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ctx,
                                  has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return true;
}

static bool
set_ciphers(SSL_CTX *ctx, const char *ciphers, const char *suites, char *why,
            size_t size)
{
    char list[1024];
    int n = snprintf(list, sizeof list, "%s%s",
                     ciphers[0] ? ciphers : DEFAULT_CIPHERS, NEVER);

    if (n >= (int) sizeof list || SSL_CTX_set_cipher_list(ctx, list) != 1) {
        return insp_tls_say(why, size, "ciphers '%.100s': %s", ciphers,
                            n < (int) sizeof list
                                ? "none of them is both known and strong"
                                : "too long");
    }
    if (suites[0] && SSL_CTX_set_ciphersuites(ctx, suites) != 1) {
        return insp_tls_say(why, size, "cipher suites '%.100s': %s", suites,
                            insp_tls_words_openssl());
    }
    if (SSL_CTX_get_security_level(ctx) < SECURITY_LEVEL) {
        SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    }
    return true;
}

/* A token needs what only TLS 1.3 has.  A client, and a server of tokens
 * alone, speaks nothing else. */
static bool
set_token_floor(struct insp_tls_context *context, const char *protocols,
                char *why, size_t size)
{
    if (!context->tokens) {
        return true;
    } else if (SSL_CTX_get_max_proto_version(context->ctx) < TLS1_3_VERSION) {
        return insp_tls_say(
            why, size, "protocols '%s': tokens need TLSv1.3 too", protocols);
    }
    return context->certificates ||
           (SSL_CTX_set_min_proto_version(context->ctx, TLS1_3_VERSION) == 1 &&
            SSL_CTX_set_ciphersuites(context->ctx, TOKEN_SUITE) == 1) ||
           insp_tls_say(why, size, "OpenSSL has no " TOKEN_SUITE);
}

static bool
set_names(struct insp_tls_context *context,
          const struct insp_tls_config *config, char *why, size_t size)
{
    const char *alpn = text_of(config->alpn);
    size_t n = strlen(alpn);

    if (n > 255) {
        return insp_tls_say(why, size, "application protocol is too long");
    }
    context->alpn[0] = (uint8_t) n;
    memcpy(context->alpn + 1, alpn, n);
    if (n && !context->server &&
        SSL_CTX_set_alpn_protos(context->ctx, context->alpn,
                                (unsigned int) n + 1)) {
        return insp_tls_say(why, size, "out of memory for TLS");
    }
    context->peer_name = strdup(text_of(config->peer_name));
    return context->peer_name ||
           insp_tls_say(why, size, "out of memory for TLS");
}

static bool
fill(struct insp_tls_context *context, const struct insp_tls_config *config,
     char *why, size_t size)
{
    return set_protocols(context->ctx, text_of(config->protocols), why,
                         size) &&
           set_ciphers(context->ctx, text_of(config->ciphers),
                       text_of(config->ciphersuites), why, size) &&
           load_files(context, config, why, size) &&
           set_token_floor(context, text_of(config->protocols), why, size) &&
           set_names(context, config, why, size);
}

struct insp_tls_context *
insp_tls_context_create(const struct insp_tls_config *config, char *why,
                        size_t size)
{
    struct insp_tls_context *context = calloc(1, sizeof *context);

    ERR_clear_error();
    if (context) {
        context->refs = 1;
        context->server = config->server;
        context->ctx = SSL_CTX_new(config->server ? TLS_server_method()
                                                  : TLS_client_method());
        context->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "insp socket");
    }
    if (!context || !context->ctx || !context->method) {
        insp_tls_say(why, size, "out of memory for TLS");
    } else if (fill(context, config, why, size)) {
        SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context->ctx, 0);
        SSL_CTX_clear_options(context->ctx,
                              SSL_OP_ALLOW_NO_DHE_KEX |
                                  SSL_OP_LEGACY_SERVER_CONNECT |
                                  SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
        SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET |
                                              SSL_OP_NO_COMPRESSION |
                                              SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_mode(context->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                           SSL_MODE_RELEASE_BUFFERS);
        insp_tls_bio_init(context->method);
        insp_tls_peer_init(context);
        return context;
    }
    insp_tls_context_destroy(context);
    return NULL;
}

void
insp_tls_context_destroy(struct insp_tls_context *context)
{
    if (context && !--context->refs) {
        SSL_CTX_free(context->ctx);
        BIO_meth_free(context->method);
        insp_tokens_destroy(context->tokens);
        free(context->peer_name);
        free(context->bootstrap);
        free(context);
    }
}

uint64_t
insp_tls_files_mark(const struct insp_tls_config *config)
{
    const char *const paths[] = { config->private_key, config->certificate,
                                  config->ca_cert, config->crl_file,
                                  config->token_file };
    uint64_t mark = 0;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(paths); i++) {
        struct stat s;
        uint64_t of_file[5] = { 0, 0, 0, 0, 0 };

        if (!stat(text_of(paths[i]), &s)) {
            of_file[0] = (uint64_t) s.st_mtim.tv_sec;
            of_file[1] = (uint64_t) s.st_mtim.tv_nsec;
            of_file[2] = (uint64_t) s.st_ino;
            of_file[3] = (uint64_t) s.st_size + 1;
            of_file[4] = (uint64_t) s.st_mode;
        }
        for (unsigned int j = 0; j < INSP_ARRAY_SIZE(of_file); j++) {
            mark = (mark ^ of_file[j]) * UINT64_C(0x9e3779b97f4a7c15);
            mark ^= mark >> 29;
        }
    }
    return mark;
}

/* The mark is taken before the files are read: one that changes meanwhile has
 * another mark the next time.  Who has verified once, does not go back to
 * believing because a file has vanished. */
enum insp_tls_renewal
insp_tls_context_renew(struct insp_tls_context **context, uint64_t *mark,
                       const struct insp_tls_config *config, char *why,
                       size_t size)
{
    uint64_t now = insp_tls_files_mark(config);
    struct insp_tls_config wanted = *config;
    struct insp_tls_context *fresh;
    size_t n;

    if (now == *mark) {
        return INSP_TLS_SAME;
    }
    *mark = now;
    wanted.bootstrap &= !*context || (*context)->bootstrap;
    fresh = insp_tls_context_create(&wanted, why, size);
    if (fresh) {
        insp_tls_context_destroy(*context);
        *context = fresh;
        return INSP_TLS_RENEWED;
    }
    n = strnlen(why, size);
    if (*context && n < size) {
        snprintf(why + n, size - n, "; what was read before stays in use");
    }
    return INSP_TLS_STALE;
}

static int64_t
expiry(X509 *certificate)
{
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, end) == 1;

    ASN1_TIME_free(epoch);
    return good ? (int64_t) days * 86400 + seconds : 0;
}

int64_t
insp_tls_context_expiry(const struct insp_tls_context *context)
{
    X509 *certificate = SSL_CTX_get0_certificate(context->ctx);

    return certificate ? expiry(certificate) : 0;
}

int64_t
insp_tls_peer_expiry(const struct insp_tls *t)
{
    X509 *certificate = t->done ? SSL_get0_peer_certificate(t->ssl) : NULL;

    return certificate ? expiry(certificate) : 0;
}
