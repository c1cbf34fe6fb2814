/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * OpenSSL takes the certificate apart.  What it gives is copied into texts of
 * a fixed size, cut where it is longer; names are written as RFC 2253 escapes
 * them, so that a comma in one cannot pretend to begin another.
 */

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "record/certificate.h"

void
insp_certificate_fingerprint(const uint8_t sha1[20],
                             char text[INSP_FINGERPRINT_SIZE])
{
    for (unsigned int i = 0; i < 20; i++) {
        text = insp_hex_put(text, sha1 + i, 1);
        *text++ = i < 19 ? ':' : '\0';
    }
}

static void
copy(char *to, size_t room, const char *text, size_t size)
{
    size = INSP_MIN(size, room - 1);
    memcpy(to, text, size);
    to[size] = '\0';
}

static void
read_name(const X509_NAME *name, char *to, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long size;

    to[0] = '\0';
    if (bio && name &&
        X509_NAME_print_ex(bio, name, 0,
                           XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN |
                               ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL |
                               ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        size = BIO_get_mem_data(bio, &text);
        if (size > 0 && text) {
            copy(to, room, text, (size_t) size);
        }
    }
    BIO_free(bio);
}

/* As much of it as there is room for; RFC 5280 allows 20 bytes. */
static void
read_serial(const ASN1_INTEGER *serial, char *to, size_t room)
{
    int n = serial ? ASN1_STRING_length(serial) : 0;
    const uint8_t *bytes = n > 0 ? ASN1_STRING_get0_data(serial) : NULL;

    to[0] = '\0';
    for (size_t i = 0; bytes && i < (size_t) n && 3 * (i + 1) <= room; i++) {
        snprintf(to + 3 * i - (i > 0), room - 3 * i + (i > 0),
                 i ? ":%02X" : "%02X", bytes[i]);
    }
}

static void
read_time(const ASN1_TIME *time, char *to, size_t room)
{
    struct tm tm;

    to[0] = '\0';
    if (time && ASN1_TIME_to_tm(time, &tm)) {
        snprintf(to, room, "%04u-%02u-%02uT%02u:%02u:%02u",
                 (unsigned int) (tm.tm_year + 1900) % 10000,
                 (unsigned int) (tm.tm_mon + 1) % 100,
                 (unsigned int) tm.tm_mday % 100,
                 (unsigned int) tm.tm_hour % 100,
                 (unsigned int) tm.tm_min % 100,
                 (unsigned int) tm.tm_sec % 100);
    }
}

static void
read_alternative(const GENERAL_NAME *name, struct insp_certificate *c)
{
    char *to = c->names[c->n_names];
    const ASN1_STRING *text;
    const uint8_t *bytes;
    int type, n;

    text = GENERAL_NAME_get0_value(name, &type);
    if ((type != GEN_DNS && type != GEN_IPADD) || !text) {
        return;
    }
    n = ASN1_STRING_length(text);
    bytes = ASN1_STRING_get0_data(text);
    if (type == GEN_DNS && n > 0 && (size_t) n < sizeof c->names[0]) {
        copy(to, sizeof c->names[0], (const char *) bytes, (size_t) n);
    } else if (type == GEN_IPADD && (n == 4 || n == 16)) {
        if (!inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, to,
                       sizeof c->names[0])) {
            return;
        }
    } else {
        c->more_names = true;
        return;
    }
    c->n_names++;
}

static void
read_alternatives(const X509 *x509, struct insp_certificate *c)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int n = names ? sk_GENERAL_NAME_num(names) : 0;

    for (int i = 0; i < n; i++) {
        if (c->n_names == INSP_CERTIFICATE_NAMES_MAX) {
            c->more_names = true;
            break;
        }
        read_alternative(sk_GENERAL_NAME_value(names, i), c);
    }
    GENERAL_NAMES_free(names);
}

bool
insp_certificate_read(const uint8_t *der, size_t size,
                      struct insp_certificate *c)
{
    const uint8_t *at = der;
    X509 *x509 = d2i_X509(NULL, &at, (long) INSP_MIN(size, 1 << 20));

    c->n_names = 0;
    c->more_names = false;
    if (x509) {
        read_name(X509_get_subject_name(x509), c->subject, sizeof c->subject);
        read_name(X509_get_issuer_name(x509), c->issuer, sizeof c->issuer);
        read_serial(X509_get0_serialNumber(x509), c->serial, sizeof c->serial);
        read_time(X509_get0_notBefore(x509), c->not_before,
                  sizeof c->not_before);
        read_time(X509_get0_notAfter(x509), c->not_after, sizeof c->not_after);
        read_alternatives(x509, c);
        X509_free(x509);
    }
    /* What OpenSSL thinks of it is nobody's business: the next who asks for
     * an error is the connection to the collector. */
    ERR_clear_error();
    return x509 != NULL;
}
