/* SPDX-License-Identifier: Apache-2.0 */
/* Layout
 * ======
 *
 * Which bit an entry of a policy gets; see layout.c for why.
 *
 * Above:    rule/build.c.          Below:  rule/frozen.h.
 * Threads:  no state.
 * Memory:   a list of words while it works.
 * Time:     a sort.
 * Fails:    the budget's error.
 */

#ifndef INSP_RULE_LAYOUT_H
#define INSP_RULE_LAYOUT_H 1

#include "rule/frozen.h"

enum insp_blank {
    INSP_BLANK_SOURCE = 1,
    INSP_BLANK_DESTINATION = 2,
    INSP_BLANK_SERVICE = 4,
};

/* An entry while the policy is built. */
struct insp_laid {
    const struct insp_service *service; /* The first; NULL: a blank. */
    const struct insp_term *ends[2];    /* The same for terms. */
    uint32_t bit;
    uint16_t rank;
    uint8_t segment;
    uint8_t blanks; /* Of the reading. */
    bool reverse;
    bool no_vm;
};

/* Sorts the entries into the order of their bits but for whole words, gives
 * them their bits, and says what shape their vectors have.  Each 64 entries
 * from the first on are a word. */
void insp_lay_out(struct insp_laid *, size_t n, struct insp_shape *,
                  struct insp_budget *);

#endif /* rule/layout.h */
