/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz
 * ====
 *
 * What a fuzz target says when a promise of the code is broken: the run
 * stops there, with the sentence, and libFuzzer or the replay keeps the
 * input.
 *
 * Above:    tests/fuzz/fuzz-*.c.    Below:  libc.
 * Threads:  one.
 * Memory:   none.
 * Time:     none.
 * Fails:    by abort().
 */

#ifndef INSP_FUZZ_H
#define INSP_FUZZ_H 1

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_PROMISE(CONDITION)                                               \
    do {                                                                      \
        if (!(CONDITION)) {                                                   \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__,          \
                    __LINE__, #CONDITION);                                    \
            abort();                                                          \
        }                                                                     \
    } while (0)

/* The target: called with one input after another, returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* tests/fuzz/fuzz.h */
