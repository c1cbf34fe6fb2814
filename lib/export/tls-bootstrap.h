/* SPDX-License-Identifier: Apache-2.0 */
/* TLS bootstrap
 * =============
 *
 * Trust on first use, as Open vSwitch has it: the other end's CA certificate
 * becomes a file that all later connections are verified against.
 *
 * Above:    tls.c.                 Below:  OpenSSL 3, a directory.
 * Threads:  any.
 * Memory:   none that stays.
 * Time:     that of writing a small file, once.
 * Fails:    with a sentence.
 */

#ifndef INSP_EXPORT_TLS_BOOTSTRAP_H
#define INSP_EXPORT_TLS_BOOTSTRAP_H 1

#include <openssl/x509.h>

#include "base/compiler.h"

/* True: the CA of 'chain' is in the file 'path', which was not there.  Always
 * writes 'text'. */
bool insp_tls_bootstrap(STACK_OF(X509) * chain, const char *host,
                        const char *path, char *text, size_t size);

#endif /* export/tls-bootstrap.h */
