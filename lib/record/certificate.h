/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate
 * ===========
 *
 * What a server's certificate says, out of the DER that a reader has kept.
 * The bytes are a stranger's; nothing is verified.
 *
 * Above:    finish.c.         Below:  digest.h, OpenSSL.
 * Threads:  no state.
 * Memory:   OpenSSL's while it reads.
 * Time:     none.
 * Fails:    by false: it is none.
 */

#ifndef INSP_RECORD_CERTIFICATE_H
#define INSP_RECORD_CERTIFICATE_H 1

#include "record/digest.h"

#define INSP_CERTIFICATE_NAMES_MAX 32

/* Texts are ended by a zero; "": not there. */
struct insp_certificate {
    char subject[512]; /* "C=DE, O=Example, CN=example.org" */
    char issuer[512];
    char serial[64];     /* "0A:1B" */
    char not_before[24]; /* "2026-11-22T23:59:59" */
    char not_after[24];
    unsigned int n_names; /* Subject alternative names: DNS names and
                           * addresses. */
    char names[INSP_CERTIFICATE_NAMES_MAX][256];
    bool more_names; /* There were more, or longer ones. */
};

/* SHA-1 as "aa:bb:...". */
#define INSP_FINGERPRINT_SIZE 60
void insp_certificate_fingerprint(const uint8_t sha1[20],
                                  char text[INSP_FINGERPRINT_SIZE]);

bool insp_certificate_read(const uint8_t *der, size_t size,
                           struct insp_certificate *);

#endif /* record/certificate.h */
