/* SPDX-License-Identifier: Apache-2.0 */
/* PKI for tests
 * =============
 *
 * Certificates on the spot: an authority, and what it signs and revokes, as
 * PEM files in a directory of the test's own.
 *
 * Above:    meet.h, test-uplink.c.   Below:  OpenSSL 3.
 * Threads:  one.
 * Memory:   the files; pki_remove() removes them.
 * Time:     certificates are valid for an hour, or as they are asked for: no
 *           test sets a clock.
 * Fails:    by assertion.
 */

#ifndef INSP_TEST_PKI_H
#define INSP_TEST_PKI_H 1

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct pki {
    char dir[64];
    EVP_PKEY *ca_key;
    X509 *ca;
};

static inline void
pki_extend(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CU_ASSERT_FATAL(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A certificate of 'name' for 'key' by 'issuer' (NULL: itself), valid 'from'
 * and 'to' so many seconds from now. */
static inline X509 *
pki_sign_for(const char *name, EVP_PKEY *key, X509 *issuer,
             EVP_PKEY *issuer_key, const char *alternatives, long from,
             long to)
{
    static long serial;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               (const unsigned char *) name, -1, -1, 0);
    X509_set_issuer_name(certificate,
                         issuer ? X509_get_subject_name(issuer) : subject);
    if (!issuer) {
        pki_extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (alternatives) {
        pki_extend(certificate, NID_subject_alt_name, alternatives);
    }
    CU_ASSERT_FATAL(X509_sign(certificate, issuer_key ? issuer_key : key,
                              EVP_sha256()) > 0);
    return certificate;
}

static inline X509 *
pki_sign(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
         const char *alternatives)
{
    return pki_sign_for(name, key, issuer, issuer_key, alternatives, -60,
                        3600);
}

static inline const char *
pki_path(const struct pki *p, const char *file)
{
    static char paths[8][384];
    static unsigned int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", p->dir, file);
    return path;
}

static inline void
pki_save(const struct pki *p, const char *file, EVP_PKEY *key,
         X509 *certificate)
{
    FILE *f = fopen(pki_path(p, file), "w");

    CU_ASSERT_FATAL(f != NULL);
    if (key) {
        PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    }
    if (certificate) {
        PEM_write_X509(f, certificate);
    }
    fclose(f);
}

static inline void
pki_save_pair(const struct pki *p, const char *name, EVP_PKEY *key,
              X509 *certificate)
{
    char file[64];

    snprintf(file, sizeof file, "%s.key", name);
    pki_save(p, file, key, NULL);
    snprintf(file, sizeof file, "%s.pem", name);
    pki_save(p, file, NULL, certificate);
}

/* NAME.key and NAME.pem, signed by the authority, valid 'from' and 'to' so
 * many seconds from now. */
static inline void
pki_issue_for(const struct pki *p, const char *name, const char *cn,
              const char *alternatives, long from, long to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate =
        pki_sign_for(cn, key, p->ca, p->ca_key, alternatives, from, to);

    pki_save_pair(p, name, key, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static inline void
pki_issue(const struct pki *p, const char *name, const char *cn,
          const char *alternatives)
{
    pki_issue_for(p, name, cn, alternatives, -60, 3600);
}

/* The same, signed by itself. */
static inline void
pki_issue_alone(const struct pki *p, const char *name, const char *cn,
                const char *alternatives)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = pki_sign(cn, key, NULL, NULL, alternatives);

    pki_save_pair(p, name, key, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static inline X509 *
pki_load(const struct pki *p, const char *file)
{
    FILE *f = fopen(pki_path(p, file), "r");
    X509 *certificate = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

    CU_ASSERT_FATAL(certificate != NULL);
    fclose(f);
    return certificate;
}

/* The authority's CRL as 'file', valid 'from' and 'to' so many seconds from
 * now; the 'revoked' are files of certificates, the last one is NULL. */
static inline void
pki_revoke(const struct pki *p, const char *file, long from, long to,
           const char *const *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, from);
    FILE *f;

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(p->ca));
    X509_CRL_set1_lastUpdate(crl, time);
    for (; *revoked; revoked++) {
        X509 *certificate = pki_load(p, *revoked);
        X509_REVOKED *entry = X509_REVOKED_new();

        X509_REVOKED_set_serialNumber(entry,
                                      X509_get_serialNumber(certificate));
        X509_REVOKED_set_revocationDate(entry, time);
        X509_CRL_add0_revoked(crl, entry);
        X509_free(certificate);
    }
    X509_gmtime_adj(time, to);
    X509_CRL_set1_nextUpdate(crl, time);
    X509_CRL_sort(crl);
    CU_ASSERT_FATAL(X509_CRL_sign(crl, p->ca_key, EVP_sha256()) > 0);
    f = fopen(pki_path(p, file), "w");
    CU_ASSERT_FATAL(f != NULL);
    PEM_write_X509_CRL(f, crl);
    fclose(f);
    ASN1_TIME_free(time);
    X509_CRL_free(crl);
}

/* Text as 'file', for its owner only: such as tokens. */
static inline void
pki_write(const struct pki *p, const char *file, const char *text)
{
    FILE *f;

    unlink(pki_path(p, file));
    f = fopen(pki_path(p, file), "w");
    CU_ASSERT_FATAL(f != NULL);
    fchmod(fileno(f), 0600);
    fputs(text, f);
    fclose(f);
}

/* An authority of that name, saved as ca.pem. */
static inline void
pki_create_named(struct pki *p, const char *name)
{
    strcpy(p->dir, "/tmp/insp-pki-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(p->dir) != NULL);
    p->ca_key = EVP_EC_gen("P-256");
    p->ca = pki_sign(name, p->ca_key, NULL, NULL, NULL);
    pki_save(p, "ca.pem", NULL, p->ca);
}

static inline void
pki_create(struct pki *p)
{
    pki_create_named(p, "test authority");
}

static inline void
pki_remove(struct pki *p)
{
    DIR *dir = opendir(p->dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            unlink(pki_path(p, entry->d_name));
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(p->dir);
    X509_free(p->ca);
    EVP_PKEY_free(p->ca_key);
}

#endif /* tests/unit/pki.h */
