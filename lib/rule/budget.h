/* SPDX-License-Identifier: Apache-2.0 */
/* Budget
 * ======
 *
 * How much memory the freezing of a policy may take, what it frees on the
 * way included.  An allocation that fails leaves its error here, so that the
 * builder asks once at the end of a step.
 *
 * Above:    rule/.                 Below:  base/compiler.h.
 * Threads:  a budget belongs to one thread.
 * Memory:   see the limit.
 * Time:     none.
 * Fails:    NULL, and 'error': ENOMEM, or E2BIG above the limit.
 */

#ifndef INSP_RULE_BUDGET_H
#define INSP_RULE_BUDGET_H 1

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define INSP_BUDGET_MAX ((size_t) 1 << 30)

struct insp_budget {
    size_t used;
    int error;
};

/* False when 'n' things of 'size' bytes are too much. */
static inline bool
insp_budget_take(struct insp_budget *budget, size_t n, size_t size)
{
    if (budget->error) {
        return false;
    }
    if (n > (INSP_BUDGET_MAX - budget->used) / size) {
        budget->error = E2BIG;
        return false;
    }
    budget->used += n * size;
    return true;
}

/* Zeroed; never of no bytes. */
static inline void *
insp_budget_alloc(struct insp_budget *budget, size_t n, size_t size)
{
    void *at = NULL;

    if (insp_budget_take(budget, n, size)) {
        at = calloc(n ? n : 1, size);
        if (!at) {
            budget->error = ENOMEM;
        }
    }
    return at;
}

/* Makes room for 'n' more things in the array '*at', of which 'count' of
 * '*room' are used.  The new ones are not zeroed. */
static inline bool
insp_budget_grow(struct insp_budget *budget, void *at, size_t count, size_t n,
                 size_t *room, size_t size)
{
    size_t more = INSP_MAX(INSP_MAX(*room, n), 64);
    void *old;
    void *new;

    if (*room - count >= n) {
        return !budget->error;
    }
    if (!insp_budget_take(budget, more, size)) {
        return false;
    }
    memcpy(&old, at, sizeof old);
    new = realloc(old, (*room + more) * size);
    if (!new) {
        budget->error = ENOMEM;
        return false;
    }
    memcpy(at, &new, sizeof new);
    *room += more;
    return true;
}

#endif /* rule/budget.h */
