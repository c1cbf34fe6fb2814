/* SPDX-License-Identifier: Apache-2.0 */
/* Windowed
 * ========
 *
 * What windowed.c sends, and what forward.c writes into it on the way.
 *
 * Above:    tests/system/windowed.c, tests/system/forward.c.
 * Below:    libc.
 * Threads:  one.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef WINDOWED_H
#define WINDOWED_H 1

#include <stddef.h>
#include <stdint.h>

#define WINDOWED_MAGIC 0x77696e646f776564u /* "windowed" */
#define WINDOWED_MARKS 12

/* The payload of a packet, all in host order: it stays on one host. */
struct windowed_payload {
    uint64_t magic;
    uint64_t run;     /* Tells one run from what an earlier left. */
    uint64_t id;      /* The how many-th of the run. */
    uint64_t sent_ns; /* CLOCK_MONOTONIC. */
    uint64_t seq;     /* Within its connection and direction. */
    uint32_t connection;
    uint16_t direction;                /* 0: from end a to end b. */
    uint8_t n_marks;                   /* How many functions it has met... */
    uint8_t marks[WINDOWED_MARKS + 1]; /* ... and which, in order. */
    uint8_t balance[2];                /* Keeps the checksum as it was. */
    uint8_t zero[2];
};
_Static_assert(offsetof(struct windowed_payload, balance) % 2 == 0 &&
                   sizeof(struct windowed_payload) == 64,
               "a checksum sees the balance as one number; no padding");

#endif /* tests/system/windowed.h */
