/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials
 * ===========
 *
 * A TLS context that follows its files: looks at them once a second, makes it
 * anew when they are a whole set again, says so.
 *
 * Above:    listen.c, dial.c.      Below:  lib/export/tls.h, vlog.
 * Threads:  one.
 * Memory:   a context.
 * Time:     OVS's time_msec().
 * Fails:    create with a sentence; a faulty set later leaves what was.
 */

#ifndef COLLECTOR_CREDENTIALS_H
#define COLLECTOR_CREDENTIALS_H 1

#include "export/tls.h"

struct collector_credentials {
    struct insp_tls_config config;
    struct insp_tls_context *context;
    uint64_t mark;
    long long int next_look;
    char fault[512]; /* Of the files as they are now; "": none. */
};

/* 'config' is copied, its strings are not.  False: 'fault' says why. */
bool collector_credentials_init(struct collector_credentials *,
                                const struct insp_tls_config *);

/* True when the context is a new one: ask who is connected again. */
bool collector_credentials_run(struct collector_credentials *);
void collector_credentials_wait(const struct collector_credentials *);
void collector_credentials_uninit(struct collector_credentials *);

#endif /* credentials.h */
