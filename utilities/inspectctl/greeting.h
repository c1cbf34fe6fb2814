/* SPDX-License-Identifier: Apache-2.0 */
/* Greeting
 * ========
 *
 * What a sensor and a collector say to each other before any record.
 *
 * Above:    uplink-test.c.         Below:  export/tls.h, export/frame.h.
 * Threads:  one.
 * Memory:   none.
 * Time:     waits, for some seconds at most.
 * Fails:    by false, with a sentence.
 */

#ifndef INSPECTCTL_GREETING_H
#define INSPECTCTL_GREETING_H 1

#include <stdbool.h>
#include <stddef.h>

struct insp_tls;

struct greeting {
    struct insp_tls *tls; /* Has shaken hands. */
    const char *sensor;
    bool json; /* The format to announce. */
};

/* To be offered in the handshake. */
const char *greeting_alpn(void);

/* True when the sensor is welcome, or nothing speaks against it; 'text' says
 * what was found. */
bool exchange_greetings(const struct greeting *, char *text, size_t size);

#endif /* utilities/inspectctl/greeting.h */
