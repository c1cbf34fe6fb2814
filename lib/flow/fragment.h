/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments
 * =========
 *
 * Remembers what the first fragment of a packet says of its transport, for
 * the later ones, which do not say it.
 *
 * Above:    flow/table.h.          Below:  base/hash.h, packet/packet.h.
 * Threads:  any, at the same time.
 * Memory:   fixed; zeros are an empty table.
 * Time:     the caller's.
 * Fails:    a lookup may miss (overwritten, too old), never lie: the tag of
 *           64 bits is keyed.
 */

#ifndef INSP_FLOW_FRAGMENT_H
#define INSP_FLOW_FRAGMENT_H 1

#include <stdatomic.h>

#include "flow/key.h"

#define INSP_FRAGMENT_SETS 4096

struct insp_fragment {
    _Atomic uint64_t check; /* tag ^ value. */
    _Atomic uint64_t value; /* 0: empty. */
};

struct insp_fragments {
    struct insp_fragment sets[INSP_FRAGMENT_SETS][2];
};

void insp_fragments_note(struct insp_fragments *, const struct insp_packet *,
                         const struct insp_zone *,
                         const struct insp_hash_key *, uint64_t now_ns);
bool insp_fragments_find(const struct insp_fragments *, struct insp_packet *,
                         const struct insp_zone *,
                         const struct insp_hash_key *, uint64_t now_ns);

#endif /* flow/fragment.h */
