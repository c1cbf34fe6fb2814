/* SPDX-License-Identifier: Apache-2.0 */
/* Faults
 * ======
 *
 * What is wrong with a configuration, in sentences for the operator.  A
 * row's faults are gathered, not stopped at the first, and reach
 * status:error of the row unchanged.
 *
 * Above:    config/, rule/, export/.   Below:  compiler.h.
 * Threads:  a list belongs to one thread.
 * Memory:   fixed; what does not fit is replaced by "; ...".
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_FAULTS_H
#define INSP_BASE_FAULTS_H 1

#include "base/compiler.h"

struct insp_faults {
    char text[1024]; /* "" when there are none. */
    size_t length;
    unsigned int n; /* All, those that did not fit included. */
    bool full;      /* Ends in "; ...". */
};

void insp_faults_init(struct insp_faults *);

/* Adds a sentence, separated from the last by "; ". */
void insp_fault(struct insp_faults *, const char *format, ...)
    INSP_PRINTF(2, 3);

#endif /* base/faults.h */
