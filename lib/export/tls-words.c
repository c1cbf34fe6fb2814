/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One table says, for what OpenSSL and the other end's alerts have as numbers,
 * what is wrong and what to do about it.  The first row whose number is right
 * and whose conditions are met speaks.  A '$' and a letter stand for what is
 * known: of the certificate that it is about (the other end's when we refuse
 * it, our own when we are refused)
 *
 *     $s subject   $i issuer   $n names   $b begin   $e end of its validity
 *
 * $c the end of the CRL's, $h the name that was expected, $t the identity of
 * the token.
 *
 * An alert tells little (RFC 8446, 6.2), sometimes less than what this end
 * can see for itself: "bad certificate" is what OpenSSL says about one that is
 * not valid yet, so we look at the dates of our own first.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "export/tls-private.h"

enum {
    /* Whose number it is. */
    VERDICT = 1 << 0, /* X509_V_ERR_*, of our verification. */
    ALERT = 1 << 1,   /* SSL_AD_*, from the other end. */
    REASON = 1 << 2,  /* SSL_R_*, of our own. */

    /* Conditions. */
    CLIENT = 1 << 3, /* We are. */
    SERVER = 1 << 4,
    TOKEN = 1 << 5, /* Our credential here. */
    CERTIFICATE = 1 << 6,
    EXPIRED = 1 << 7, /* Our certificate, by our clock. */
    EARLY = 1 << 8,
    OFFERED = 1 << 9, /* The client has a token, and we take none. */
};

struct row {
    unsigned int when;
    int code;
    const char *words;
};

static const struct row rows[] = {
    /* What we have against the other end's certificate. */
    { VERDICT, X509_V_ERR_CERT_HAS_EXPIRED,
      "$s has expired, on $e: it must be renewed, or this clock is wrong" },
    { VERDICT, X509_V_ERR_CERT_NOT_YET_VALID,
      "$s is not valid before $b: one of the clocks may be wrong" },
    { VERDICT, X509_V_ERR_CERT_REVOKED,
      "$s has been revoked by its CA ($i): it needs a new one" },
    { VERDICT, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
      "$s is self-signed: it must be signed by a CA of ca_cert" },
    { VERDICT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
      "$s, a CA, is not in ca_cert" },
    { VERDICT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
      "$s is signed by a CA that is not in ca_cert ($i)" },
    { VERDICT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      "$s is signed by a CA that is not in ca_cert ($i)" },
    { VERDICT, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
      "$s is signed by a CA that is not in ca_cert ($i)" },
    { VERDICT, X509_V_ERR_CERT_SIGNATURE_FAILURE,
      "$s is not signed by the CA of ca_cert, but by another one of the same "
      "name ($i)" },
    { VERDICT, X509_V_ERR_INVALID_CA,
      "$s has signed another certificate, and is not a CA" },
    { VERDICT, X509_V_ERR_INVALID_PURPOSE,
      "$s is not meant for this (extended key usage)" },
    { VERDICT, X509_V_ERR_HOSTNAME_MISMATCH, "it is not for '$h' but for $n" },
    { VERDICT, X509_V_ERR_IP_ADDRESS_MISMATCH,
      "it is not for '$h' but for $n" },
    { VERDICT, X509_V_ERR_UNABLE_TO_GET_CRL,
      "crl_file has no CRL of the CA that has signed $s ($i)" },
    { VERDICT, X509_V_ERR_CRL_HAS_EXPIRED,
      "the CRL of $i in crl_file has expired, on $c: fetch the next one" },
    { VERDICT, X509_V_ERR_CRL_NOT_YET_VALID,
      "the CRL of $i in crl_file is not valid yet: this clock may be wrong" },
    { VERDICT, X509_V_ERR_CRL_SIGNATURE_FAILURE,
      "the CRL in crl_file is not signed by the CA $i" },
    { VERDICT, X509_V_ERR_EE_KEY_TOO_SMALL,
      "the key of $s is too weak: RSA 2048 or P-256 at the least" },
    { VERDICT, X509_V_ERR_CA_KEY_TOO_SMALL,
      "the key of the CA $s is too weak: RSA 2048 or P-256 at the least" },
    { VERDICT, X509_V_ERR_CA_MD_TOO_WEAK,
      "$s is signed with too weak a digest: SHA-256 at the least" },

    /* What the other end has against us. */
    { ALERT | TOKEN | CLIENT, SSL_AD_UNKNOWN_PSK_IDENTITY,
      "it does not know the token '$t': it has been revoked, or its line is "
      "not in the other end's token file" },
    { ALERT | CERTIFICATE | CLIENT, SSL_AD_UNKNOWN_PSK_IDENTITY,
      "it takes tokens only, and this end has a certificate" },
    { ALERT | TOKEN | CLIENT, SSL_AD_ILLEGAL_PARAMETER,
      "its secret for the token '$t' is another one: the same line must be in "
      "both token files" },
    { ALERT | TOKEN | CLIENT, SSL_AD_DECRYPT_ERROR,
      "its secret for the token '$t' is another one: the same line must be in "
      "both token files" },
    { ALERT | TOKEN | CLIENT, SSL_AD_ACCESS_DENIED,
      "it knows the token '$t', and expects another" },
    { ALERT | TOKEN | CLIENT, SSL_AD_PROTOCOL_VERSION,
      "it does not speak TLS 1.3, which a token needs" },
    { ALERT | TOKEN | CLIENT, SSL_AD_HANDSHAKE_FAILURE,
      "it takes no tokens, or not with AES-256-GCM and SHA-384" },
    { ALERT | OFFERED | SERVER, SSL_AD_HANDSHAKE_FAILURE,
      "it came with the token '$t' and takes nothing else, but this end has "
      "no token file" },
    { ALERT | CERTIFICATE | EXPIRED, SSL_AD_CERTIFICATE_EXPIRED,
      "this end's certificate ($s) has expired, on $e: renew it" },
    { ALERT | CERTIFICATE, SSL_AD_CERTIFICATE_EXPIRED,
      "it says that this end's certificate ($s, valid until $e) or its list "
      "of revoked ones has expired: compare the clocks" },
    { ALERT | CERTIFICATE | EARLY, SSL_AD_BAD_CERTIFICATE,
      "this end's certificate ($s) is not valid before $b: one of the clocks "
      "may be wrong" },
    { ALERT | CERTIFICATE, SSL_AD_BAD_CERTIFICATE,
      "this end's certificate is not for the name that it expects, but for "
      "$n, or not valid yet by its clock" },
    { ALERT | CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE,
      "this end's certificate ($s) is not meant for this (extended key "
      "usage)" },
    { ALERT | CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED,
      "this end's certificate ($s) has been revoked: get a new one from $i" },
    { ALERT | CERTIFICATE, SSL_AD_CERTIFICATE_UNKNOWN,
      "it does not take this end's certificate ($s), its log says why" },
    { ALERT | CERTIFICATE, SSL_AD_UNKNOWN_CA,
      "it does not trust the CA of this end's certificate ($i), or has no CRL "
      "of it" },
    { ALERT | CERTIFICATE, SSL_AD_CERTIFICATE_REQUIRED,
      "it wants a certificate, and has got none from this end" },
    { ALERT, SSL_AD_ACCESS_DENIED,
      "it knows this end, and does not let it "
      "in" },
    { ALERT, SSL_AD_PROTOCOL_VERSION,
      "no TLS version in common: this end needs TLS 1.2 or 1.3, see protocols "
      "on both" },
    { ALERT, SSL_AD_INSUFFICIENT_SECURITY,
      "it wants stronger cipher suites, see ciphers on both ends" },
    { ALERT | CERTIFICATE, SSL_AD_HANDSHAKE_FAILURE,
      "no strong cipher suite in common (see ciphers on both ends), or it "
      "does not take this end's kind of credential" },
    { ALERT, SSL_AD_UNRECOGNIZED_NAME, "it is not '$h', it says" },
    { ALERT, SSL_AD_INTERNAL_ERROR,
      "it has a fault of its own, its log says "
      "which" },

    /* What goes wrong on the way to that. */
    { REASON | SERVER, SSL_R_BINDER_DOES_NOT_VERIFY,
      "it came with the token '$t', and its secret is not the one in this "
      "end's token file" },
    { REASON, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
      "it has shown no certificate, and came with no token" },
    { REASON | SERVER | TOKEN, SSL_R_NO_SHARED_CIPHER,
      "it came with the token '$t', but not for AES-256-GCM and SHA-384" },
    { REASON | SERVER, SSL_R_NO_SHARED_CIPHER,
      "it offers only cipher suites that are too weak, or not enabled here "
      "(see ciphers)" },
    { REASON, SSL_R_NO_SHARED_CIPHER, "no cipher suite in common" },
    { REASON, SSL_R_WRONG_CIPHER_RETURNED,
      "it wants a cipher suite that is too weak, or not enabled here" },
    { REASON, SSL_R_UNKNOWN_CIPHER_RETURNED,
      "it wants a cipher suite that is too weak, or not enabled here" },
    { REASON, SSL_R_DH_KEY_TOO_SMALL,
      "its Diffie-Hellman key is too weak: 2048 bits at the least" },
    { REASON | SERVER | TOKEN, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
      "it came with the token '$t', but not for AES-256-GCM and SHA-384" },
    { REASON | SERVER | TOKEN, SSL_R_BAD_EXTENSION,
      "it came with the token '$t', but not for AES-256-GCM and SHA-384" },
    { REASON, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
      "no kind of signature in common, which both ends find strong enough" },
    { REASON, SSL_R_UNSUPPORTED_PROTOCOL,
      "it does not speak TLS 1.2 or newer, or none that is enabled here (see "
      "protocols)" },
    { REASON, SSL_R_VERSION_TOO_LOW,
      "it does not speak TLS 1.2 or newer, or none that is enabled here (see "
      "protocols)" },
    { REASON, SSL_R_WRONG_SSL_VERSION,
      "it does not speak TLS 1.2 or newer, or none that is enabled here (see "
      "protocols)" },
    { REASON, SSL_R_INAPPROPRIATE_FALLBACK,
      "it tried an older TLS version than both ends have: somebody in between "
      "may have made it" },
    { REASON, SSL_R_WRONG_VERSION_NUMBER,
      "it does not speak TLS: is this the right port?" },
    { REASON, SSL_R_HTTP_REQUEST,
      "it speaks plain HTTP: is this the right port?" },
    { REASON, SSL_R_HTTPS_PROXY_REQUEST,
      "it takes this for an HTTP proxy: is this the right port?" },
    { REASON, SSL_R_BAD_PACKET_LENGTH,
      "it does not speak TLS: is this the right port?" },
    { REASON, SSL_R_PACKET_LENGTH_TOO_LONG,
      "it does not speak TLS: is this the right port?" },
    { REASON, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
      "bytes have been changed on the way" },
};

bool
insp_tls_say(char *text, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(text, size, format, args);
    va_end(args);
    return false;
}

const char *
insp_tls_words_openssl(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    return reason ? reason : "unknown error";
}

/* Appends to the zero-terminated 'text'; what is not printable ASCII was
 * written by the other end, and becomes '?'. */
static void
append(char *text, size_t size, const void *bytes_, size_t n_bytes)
{
    const uint8_t *bytes = bytes_;
    size_t n = strlen(text);

    for (size_t i = 0; i < n_bytes && n + 1 < size; i++) {
        text[n++] =
            bytes[i] >= 0x20 && bytes[i] <= 0x7e ? (char) bytes[i] : '?';
    }
    text[n] = '\0';
}

static void
append_text(char *text, size_t size, const char *s)
{
    append(text, size, s, strlen(s));
}

static void
append_name(char *text, size_t size, X509_NAME *name)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes;
    long n;

    if (memory) {
        X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253);
        n = BIO_get_mem_data(memory, &bytes);
        append(text, size, bytes, n > 0 ? (size_t) n : 0);
        BIO_free(memory);
    }
}

static void
append_time(char *text, size_t size, const ASN1_TIME *time)
{
    char shown[32];
    struct tm tm;

    if (time && ASN1_TIME_to_tm(time, &tm) == 1 &&
        strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S UTC", &tm)) {
        append_text(text, size, shown);
    } else {
        append_text(text, size, "an unknown time");
    }
}

void
insp_tls_words_subject(X509 *certificate, char *text, size_t size)
{
    text[0] = '\0';
    append_name(text, size, X509_get_subject_name(certificate));
}

static void
append_item(char *text, size_t size, const ASN1_STRING *item)
{
    const char *comma = text[0] ? ", " : "";

    append_text(text, size, comma);
    append(text, size, ASN1_STRING_get0_data(item),
           (size_t) ASN1_STRING_length(item));
}

static void
append_address(char *text, size_t size, const ASN1_STRING *address)
{
    const uint8_t *a = ASN1_STRING_get0_data(address);
    char shown[64];

    if (ASN1_STRING_length(address) == 4) {
        snprintf(shown, sizeof shown, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    } else if (ASN1_STRING_length(address) == 16) {
        size_t n = 0;

        for (unsigned int i = 0; i < 16; i += 2) {
            n += (size_t) snprintf(shown + n, sizeof shown - n, "%s%x",
                                   i ? ":" : "",
                                   (unsigned int) a[i] << 8 | a[i + 1]);
        }
    } else {
        return;
    }
    append_text(text, size, text[0] ? ", " : "");
    append_text(text, size, shown);
}

/* The common names and the alternative ones; with addresses, which are no
 * one's identity, if 'addresses'. */
static void
append_names(X509 *certificate, bool addresses, char *text, size_t size)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int at = -1;

    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >=
           0) {
        append_item(text, size,
                    X509_NAME_ENTRY_get_data(
                        X509_NAME_get_entry(subject, at)));
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

        if (n->type == GEN_DNS || n->type == GEN_URI) {
            append_item(text, size, n->d.ia5);
        } else if (n->type == GEN_IPADD && addresses) {
            append_address(text, size, n->d.iPAddress);
        }
    }
    GENERAL_NAMES_free(names);
}

void
insp_tls_words_names(X509 *certificate, char *text, size_t size)
{
    text[0] = '\0';
    append_names(certificate, false, text, size);
}

static void
append_fingerprint(char *text, size_t size, X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &n) == 1) {
        for (unsigned int i = 0; i < n; i++) {
            char byte[4];

            snprintf(byte, sizeof byte, "%s%02X", i ? ":" : "", digest[i]);
            append_text(text, size, byte);
        }
    }
}

void
insp_tls_words_chain(X509 *certificate, char *text, size_t size)
{
    char names[256] = "";

    append_names(certificate, true, names, sizeof names);
    text[0] = '\0';
    append_name(text, size, X509_get_subject_name(certificate));
    append_text(text, size, "; issued by ");
    append_name(text, size, X509_get_issuer_name(certificate));
    append_text(text, size, "; valid from ");
    append_time(text, size, X509_get0_notBefore(certificate));
    append_text(text, size, " to ");
    append_time(text, size, X509_get0_notAfter(certificate));
    append_text(text, size, "; SHA-256 ");
    append_fingerprint(text, size, certificate);
    append_text(text, size, "; for ");
    append_text(text, size, names);
}

/* What is known, for the letters. */
struct known {
    X509 *certificate;
    X509_STORE_CTX *store; /* Of a verification. */
    const char *expected;
    const char *token;
};

/* When the newest CRL of the certificate's issuer has run out or will. */
static void
append_next_update(char *text, size_t size, const struct known *k)
{
    STACK_OF(X509_CRL) *crls =
        k->store && k->certificate
            ? X509_STORE_CTX_get1_crls(k->store,
                                       X509_get_issuer_name(k->certificate))
            : NULL;
    const ASN1_TIME *newest = NULL;

    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        const ASN1_TIME *next =
            X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls, i));

        if (next && (!newest || ASN1_TIME_compare(next, newest) > 0)) {
            newest = next;
        }
    }
    append_time(text, size, newest);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

static void
append_known(char *text, size_t size, char letter, const struct known *k)
{
    char value[128] = "";

    if (letter == 'h') {
        append_text(value, sizeof value, k->expected);
    } else if (letter == 't') {
        append_text(value, sizeof value, k->token);
    } else if (letter == 'c') {
        append_next_update(value, sizeof value, k);
    } else if (!k->certificate) {
        append_text(value, sizeof value, "unknown");
    } else if (letter == 's') {
        append_name(value, 96, X509_get_subject_name(k->certificate));
    } else if (letter == 'i') {
        append_name(value, 96, X509_get_issuer_name(k->certificate));
    } else if (letter == 'b') {
        append_time(value, sizeof value, X509_get0_notBefore(k->certificate));
    } else if (letter == 'e') {
        append_time(value, sizeof value, X509_get0_notAfter(k->certificate));
    } else if (letter == 'n') {
        append_names(k->certificate, true, value, sizeof value);
    }
    append_text(text, size, value[0] ? value : "nobody");
}

static bool
append_row(char *text, size_t size, unsigned int when, int code,
           const struct known *k)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(rows); i++) {
        if (rows[i].code == code && (rows[i].when & when) == rows[i].when) {
            for (const char *at = rows[i].words; *at; at++) {
                if (*at == '$') {
                    append_known(text, size, *++at, k);
                } else {
                    append(text, size, at, 1);
                }
            }
            return true;
        }
    }
    return false;
}

void
insp_tls_words_refusal(X509_STORE_CTX *store, const char *expected, char *text,
                       size_t size)
{
    int verdict = X509_STORE_CTX_get_error(store);
    const struct known k = { .certificate =
                                 X509_STORE_CTX_get_current_cert(store),
                             .store = store,
                             .expected = expected,
                             .token = "" };

    snprintf(text, size, "certificate verify failed: ");
    if (!append_row(text, size, VERDICT, verdict, &k)) {
        append_text(text, size, X509_verify_cert_error_string(verdict));
    }
}

static unsigned int
situation(const struct insp_tls *t, X509 *own)
{
    unsigned int when = t->context->server ? SERVER : CLIENT;

    if (t->token || !t->context->certificates) {
        when |= TOKEN;
    } else {
        when |= CERTIFICATE;
        when |= t->offers_token ? OFFERED : 0;
    }
    if (own && X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
        when |= EXPIRED;
    }
    if (own && X509_cmp_current_time(X509_get0_notBefore(own)) > 0) {
        when |= EARLY;
    }
    return when;
}

void
insp_tls_words_failure(struct insp_tls *t)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    bool alert = reason >= SSL_AD_REASON_OFFSET;
    X509 *own = SSL_get_certificate(t->ssl);
    const char *token = t->context->token ? t->context->token->identity
                        : t->token        ? t->token->identity
                                          : t->offered;
    const struct known k = { .certificate = own,
                             .expected = t->host,
                             .token = token };

    if (t->refusal[0]) {
        snprintf(t->error, sizeof t->error, "%s", t->refusal);
        return;
    }
    snprintf(t->error, sizeof t->error, "%s",
             alert ? "refused by the other end: " : "");
    if (!append_row(t->error, sizeof t->error,
                    situation(t, own) | (alert ? ALERT : REASON),
                    alert ? reason - SSL_AD_REASON_OFFSET : reason, &k)) {
        const char *text = ERR_reason_error_string(code);

        append_text(t->error, sizeof t->error, alert ? "" : "TLS: ");
        append_text(t->error, sizeof t->error, text ? text : "unknown error");
    }
}
