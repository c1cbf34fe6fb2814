/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Who the other end is, is decided in three places.
 *
 * A server looks into the ClientHello before OpenSSL does (RFC 8446, 4.2.11):
 * a client that offers tokens, none of which is known, is refused there with
 * the alert that says so, and a server of tokens alone refuses one that offers
 * none.  OpenSSL would go on to certificates silently.  Then OpenSSL is given
 * the secret, and checks that the client has it too.
 *
 * A certificate is verified by OpenSSL, through our callback, which keeps what
 * was shown and finds the words for what was wrong.  A client with a token
 * comes there only when the server has not taken it: that is always the end,
 * before anything of ours is said.
 *
 * And when the handshake is through, insp_tls_peer_check() asks once more what
 * it has come to: a token that was selected on both sides and no certificate,
 * or a verified certificate and no token.  Nothing else passes, whatever
 * OpenSSL's defaults will be.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <openssl/err.h>

#include "base/cursor.h"
#include "export/tls-private.h"

#define CHAIN_MAX 10

/* Tokens. */

/* As a session that never was: OpenSSL's way to have an external PSK. */
static SSL_SESSION *
session_of(SSL *ssl, const struct insp_token *token)
{
    static const unsigned char suite[2] = { 0x13, 0x02 };
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
    SSL_SESSION *session = SSL_SESSION_new();

    if (cipher && session &&
        SSL_SESSION_set1_master_key(session, token->secret, token->size) ==
            1 &&
        SSL_SESSION_set_cipher(session, cipher) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1) {
        return session;
    }
    SSL_SESSION_free(session);
    return NULL;
}

/* Client: what to offer.  'digest' is that of the suite when the server has
 * chosen one already; there is only one to choose. */
static int
use_token(SSL *ssl, const EVP_MD *digest, const unsigned char **identity,
          size_t *size, SSL_SESSION **session)
{
    const struct insp_tls *t = SSL_get_app_data(ssl);
    const struct insp_token *token = t->context->token;

    *session = NULL;
    if (digest && !EVP_MD_is_a(digest, "SHA2-384")) {
        return 0;
    }
    *session = session_of(ssl, token);
    *identity = (const unsigned char *) token->identity;
    *size = strlen(token->identity);
    return *session != NULL;
}

/* Server: the secret of an identity. */
static int
find_token(SSL *ssl, const unsigned char *identity, size_t size,
           SSL_SESSION **session)
{
    const struct insp_tls *t = SSL_get_app_data(ssl);

    *session = NULL;
    if (!t->token || strlen(t->token->identity) != size ||
        memcmp(t->token->identity, identity, size)) {
        return 1;
    }
    *session = session_of(ssl, t->token);
    return *session != NULL;
}

static int
greet(SSL *ssl, int *alert, void *aux INSP_UNUSED)
{
    struct insp_tls *t = SSL_get_app_data(ssl);
    const struct insp_tls_context *context = t->context;
    const unsigned char *bytes;
    size_t size;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &bytes, &size) == 1) {
        t->offers_token |= insp_tokens_match(context->tokens, bytes, size,
                                             &t->token, t->offered);
    }
    if (t->token && context->peer_name[0] &&
        !insp_token_is_for(t->token->identity, context->peer_name)) {
        insp_tls_say(t->refusal, sizeof t->refusal,
                     "it came with the token '%s', which is not that of '%s'",
                     t->token->identity, context->peer_name);
        *alert = SSL_AD_ACCESS_DENIED;
        return SSL_CLIENT_HELLO_ERROR;
    } else if (t->token || !context->tokens ||
               (!t->offers_token && context->certificates)) {
        return SSL_CLIENT_HELLO_SUCCESS;
    } else if (t->offers_token) {
        insp_tls_say(t->refusal, sizeof t->refusal,
                     "it came with the token '%s', which is not in this end's "
                     "token file: revoked, or never issued",
                     t->offered);
    } else {
        insp_tls_say(t->refusal, sizeof t->refusal,
                     "it came without a token, and this end takes nothing "
                     "else");
    }
    *alert = SSL_AD_UNKNOWN_PSK_IDENTITY;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Certificates. */

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
insp_tls_certificate_is(X509 *certificate, const char *name)
{
    bool found = common_name_is(certificate, name);
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

        if (n->type == GEN_DNS || n->type == GEN_URI) {
            found |= asn1_is(n->d.ia5, name);
        }
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* 'name' is one that insp_tls_peer_is() takes, or, of a server, that of a
 * host. */
static bool
is_expected(X509 *leaf, const char *name, bool server)
{
    return insp_tls_certificate_is(leaf, name) ||
           (server && (X509_check_host(leaf, name, 0,
                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                                       NULL) == 1 ||
                       X509_check_ip_asc(leaf, name, 0) == 1));
}

/* Verifies what 'store' was made for; false: 'why' it must not pass.  A host
 * that a client has dialled stands in the parameters of 'store'. */
static bool
verify(X509_STORE_CTX *store, const struct insp_tls_context *context,
       const char *host, char *why, size_t size)
{
    const char *name = context->peer_name;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    if (X509_verify_cert(store) != 1) {
        insp_tls_words_refusal(store, host, why, size);
        return false;
    }
    if (name[0] && !is_expected(leaf, name, !context->server)) {
        X509_STORE_CTX_set_current_cert(store, leaf);
        X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
        insp_tls_words_refusal(store, name, why, size);
        return false;
    }
    return true;
}

static void
keep_chain(struct insp_tls *t, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);

    if (!t->shown) {
        t->shown = sk_X509_new_null();
    }
    for (int i = 0; t->shown && i < sk_X509_num(chain) && i < CHAIN_MAX; i++) {
        X509 *certificate = sk_X509_value(chain, i);

        if (X509_up_ref(certificate) && !sk_X509_push(t->shown, certificate)) {
            X509_free(certificate);
        }
    }
}

static int
decide(X509_STORE_CTX *store, void *aux INSP_UNUSED)
{
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(store,
                                   SSL_get_ex_data_X509_STORE_CTX_idx());
    struct insp_tls *t = SSL_get_app_data(ssl);
    const struct insp_tls_context *context = t->context;

    keep_chain(t, store);
    if (!context->certificates) {
        char subject[96];

        insp_tls_words_subject(X509_STORE_CTX_get0_cert(store), subject,
                               sizeof subject);
        insp_tls_say(t->refusal, sizeof t->refusal,
                     "it shows a certificate (%s) instead of taking the token "
                     "'%s': it does not know that, or somebody is in between",
                     subject, context->token ? context->token->identity : "");
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    if (context->bootstrap) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return verify(store, context, t->host, t->refusal, sizeof t->refusal);
}

/* Application protocols. */

static int
select_alpn(SSL *ssl INSP_UNUSED, const unsigned char **selected,
            unsigned char *size, const unsigned char *offers,
            unsigned int n_bytes, void *context_)
{
    const struct insp_tls_context *context = context_;
    struct insp_cursor c = insp_cursor(offers, n_bytes);

    while (insp_cursor_left(&c)) {
        size_t n = insp_cursor_u8(&c);
        const uint8_t *name = insp_cursor_take(&c, n);

        if (name && n == context->alpn[0] &&
            !memcmp(name, context->alpn + 1, n)) {
            *selected = context->alpn + 1;
            *size = context->alpn[0];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

void
insp_tls_peer_init(struct insp_tls_context *context)
{
    static const unsigned char session_context[] = "insp";
    SSL_CTX *ctx = context->ctx;

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    SSL_CTX_set_cert_verify_callback(ctx, decide, NULL);
    if (context->server) {
        SSL_CTX_set_session_id_context(ctx, session_context,
                                       sizeof session_context - 1);
        SSL_CTX_set_client_hello_cb(ctx, greet, NULL);
        if (context->tokens) {
            SSL_CTX_set_psk_find_session_callback(ctx, find_token);
        }
        if (context->alpn[0]) {
            SSL_CTX_set_alpn_select_cb(ctx, select_alpn, context);
        }
    } else if (context->token) {
        SSL_CTX_set_psk_use_session_callback(ctx, use_token);
    }
}

/* Server name indication is for host names (RFC 6066, 3). */
static bool
set_sni(SSL *ssl, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    return name[strspn(name, letters)] ||
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

bool
insp_tls_peer_expect(struct insp_tls *t, const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    const char *name = t->context->peer_name;

    if (name[0]) {
        return inet_pton(AF_INET, name, address) == 1 || set_sni(t->ssl, name);
    } else if (!host) {
        return true;
    } else if (!host[0]) {
        return false; /* To OpenSSL it would be any. */
    }
    insp_tls_say(t->host, sizeof t->host, "%s", host);
    if (inet_pton(AF_INET, host, address) == 1 ||
        inet_pton(AF_INET6, host, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           set_sni(t->ssl, host);
}

bool
insp_tls_peer_check(struct insp_tls *t)
{
    const struct insp_tls_context *context = t->context;
    bool selected = SSL_session_reused(t->ssl) == 1;
    X509 *certificate = SSL_get0_peer_certificate(t->ssl);
    const unsigned char *alpn = NULL;
    unsigned int n = 0;

    if (!context->server) {
        t->token = context->token;
    }
    if (t->token && selected && !certificate) {
        insp_tls_say(t->identity, sizeof t->identity, "%s",
                     t->token->identity);
    } else if (context->certificates && !t->token && !selected &&
               certificate && SSL_get_verify_result(t->ssl) == X509_V_OK) {
        insp_tls_words_names(certificate, t->identity, sizeof t->identity);
    } else if (context->server && t->token) {
        return insp_tls_say(t->refusal, sizeof t->refusal,
                            "it came with the token '%s', but not for "
                            "AES-256-GCM and SHA-384",
                            t->token->identity);
    } else {
        return insp_tls_say(t->refusal, sizeof t->refusal,
                            "the handshake has come to an end without the "
                            "credential that it was about");
    }
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    if (n < sizeof t->alpn) {
        memcpy(t->alpn, alpn ? alpn : (const unsigned char *) "", n);
    }
    return true;
}

static bool
recheck_token(const struct insp_tls *t, const struct insp_tls_context *context,
              char *why, size_t size)
{
    const char *identity = t->token->identity;
    const struct insp_token *now =
        context->tokens
            ? insp_tokens_find(context->tokens, identity, strlen(identity))
            : NULL;

    if (!now) {
        return insp_tls_say(why, size, "the token '%s' has been revoked",
                            identity);
    } else if (!insp_token_is_same(t->token, now)) {
        return insp_tls_say(why, size, "the token '%s' has another secret now",
                            identity);
    }
    return !context->server || !context->peer_name[0] ||
           insp_token_is_for(identity, context->peer_name) ||
           insp_tls_say(why, size, "the token '%s' is not that of '%s'",
                        identity, context->peer_name);
}

bool
insp_tls_recheck(const struct insp_tls *t,
                 const struct insp_tls_context *context, char *why,
                 size_t size)
{
    X509_STORE_CTX *store;
    bool good = false;

    if (!t->done) {
        return insp_tls_say(why, size, "the handshake is not over");
    } else if (t->token) {
        return recheck_token(t, context, why, size);
    } else if (!context->certificates) {
        return insp_tls_say(why, size, "certificates are no longer taken");
    }
    ERR_clear_error();
    store = X509_STORE_CTX_new();
    if (!store ||
        X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context->ctx),
                            SSL_get0_peer_certificate(t->ssl),
                            t->shown) != 1 ||
        X509_STORE_CTX_set_default(
            store, context->server ? "ssl_client" : "ssl_server") != 1 ||
        X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store),
                               SSL_get0_param(t->ssl)) != 1) {
        insp_tls_say(why, size, "out of memory for TLS");
    } else {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store),
                                         SSL_CTX_get_security_level(
                                             context->ctx));
        good = verify(store, context, t->host, why, size);
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return good;
}

static bool
is_for(X509 *certificate, const struct insp_token *token, const char *name)
{
    if (!name[0]) {
        return false;
    } else if (token) {
        return insp_token_is_for(token->identity, name);
    }
    return certificate && insp_tls_certificate_is(certificate, name);
}

bool
insp_tls_peer_is(const struct insp_tls *t, const char *name)
{
    return t->done &&
           is_for(SSL_get0_peer_certificate(t->ssl), t->token, name);
}

bool
insp_tls_context_is(const struct insp_tls_context *context, const char *name)
{
    return is_for(SSL_CTX_get0_certificate(context->ctx), context->token,
                  name);
}
