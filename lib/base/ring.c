/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Two positions that only grow; the element of position p lies at
 * p % capacity.  The release of 'head' publishes an element, the release of
 * 'tail' gives its room back; each side reads the other's position only when
 * its cached copy says full, or empty.
 */

#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
insp_ring_create(size_t element_size, size_t capacity,
                 struct insp_ring **ringp)
{
    struct insp_ring *ring;
    size_t n = 1;
    size_t size;

    *ringp = NULL;
    if (!element_size || !capacity) {
        return EINVAL;
    }
    while (n < capacity) {
        if (n > SIZE_MAX / 2) {
            return ENOMEM;
        }
        n *= 2;
    }
    if (__builtin_mul_overflow(n, element_size, &size) ||
        __builtin_add_overflow(size, sizeof *ring + INSP_CACHE_LINE, &size)) {
        return ENOMEM;
    }
    size &= ~(size_t) (INSP_CACHE_LINE - 1);
    ring = aligned_alloc(INSP_CACHE_LINE, size);
    if (!ring) {
        return ENOMEM;
    }
    memset(ring, 0, sizeof *ring);
    ring->element_size = element_size;
    ring->mask = n - 1;
    *ringp = ring;
    return 0;
}

void
insp_ring_destroy(struct insp_ring *ring)
{
    free(ring);
}
