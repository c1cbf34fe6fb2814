/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The last certificate of the chain is the CA's, when the other end sends it:
 * one that has signed itself.  It must be one that the rest of the chain
 * verifies with, under the name that was dialled, or else the next connection
 * would fail with a file that nobody has written by hand.
 *
 * The file appears whole and never replaces one: a temporary file beside it
 * gets its name by link(), which fails when there is one already.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "export/tls-bootstrap.h"
#include "export/tls-private.h"

static bool
write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR) {
            return false;
        } else if (n > 0) {
            bytes += n;
            size -= (size_t) n;
        }
    }
    return !fsync(fd);
}

static bool
write_file(const char *path, X509 *ca)
{
    size_t n = strlen(path);
    char *temporary = malloc(n + sizeof ".XXXXXX");
    BIO *memory = BIO_new(BIO_s_mem());
    bool good = false;
    int error = ENOMEM, fd;

    if (temporary && memory && PEM_write_bio_X509(memory, ca) == 1) {
        char *bytes;
        long size = BIO_get_mem_data(memory, &bytes);

        memcpy(temporary, path, n);
        memcpy(temporary + n, ".XXXXXX", sizeof ".XXXXXX");
        fd = mkstemp(temporary);
        error = errno;
        if (fd >= 0) {
            good =
                write_all(fd, bytes, (size_t) size) && !link(temporary, path);
            error = errno;
            close(fd);
            unlink(temporary);
        }
    }
    BIO_free(memory);
    free(temporary);
    errno = error;
    return good;
}

static bool
expect(X509_VERIFY_PARAM *param, const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];

    if (!host[0]) {
        return true;
    }
    return inet_pton(AF_INET, host, address) == 1 ||
                   inet_pton(AF_INET6, host, address) == 1
               ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
               : X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool
verifies(STACK_OF(X509) * chain, X509 *ca, const char *host, char *text,
         size_t size)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    bool good = false;

    if (!store || !c || X509_STORE_add_cert(store, ca) != 1 ||
        X509_STORE_CTX_init(c, store, sk_X509_value(chain, 0), chain) != 1 ||
        X509_STORE_CTX_set_default(c, "ssl_server") != 1 ||
        !expect(X509_STORE_CTX_get0_param(c), host)) {
        insp_tls_say(text, size, "out of memory for TLS");
    } else {
        good = X509_verify_cert(c) == 1;
        if (!good) {
            insp_tls_words_refusal(c, host, text, size);
        }
    }
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    return good;
}

bool
insp_tls_bootstrap(STACK_OF(X509) * chain, const char *host, const char *path,
                   char *text, size_t size)
{
    int n = chain ? sk_X509_num(chain) : 0;
    X509 *ca = n > 0 ? sk_X509_value(chain, n - 1) : NULL;
    char subject[128];

    if (!ca || n < 2 || X509_self_signed(ca, 1) != 1 || !X509_check_ca(ca)) {
        return insp_tls_say(text, size,
                            "bootstrap: the other end does not send its CA "
                            "certificate: copy it to %s by hand, or append it "
                            "to the other end's certificate file",
                            path);
    } else if (!verifies(chain, ca, host, text, size)) {
        return false;
    }
    insp_tls_words_subject(ca, subject, sizeof subject);
    if (!write_file(path, ca)) {
        return insp_tls_say(text, size, "bootstrap: cannot write %s: %s", path,
                            strerror(errno));
    }
    insp_tls_say(text, size,
                 "bootstrap: the other end's CA (%s) is trusted from now on, "
                 "see %s; connect again to be verified",
                 subject, path);
    return true;
}
