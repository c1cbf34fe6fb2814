/* SPDX-License-Identifier: Apache-2.0 */
/* Memory
 * ======
 *
 * How much the machine still has, asked before much of it is taken: a kernel
 * promises more than it has, and ends a process when it must give it.
 *
 * Above:    engine/apply.c, ovs-inspectctl.     Below:  compiler.h.
 * Threads:  no state; reads files of /proc, so never on the packet path.
 * Memory:   none.
 * Time:     none.
 * Fails:    never: what cannot be found out counts as unlimited.
 */

#ifndef INSP_BASE_MEMORY_H
#define INSP_BASE_MEMORY_H 1

#include "base/compiler.h"

struct insp_memory {
    uint64_t available; /* Bytes, of the machine or of the control
                         * group, whichever has less. */
    bool is_group;      /* It is the control group that has less. */
    uint64_t locked;    /* Bytes that this process has locked. */
    uint64_t lockable;  /* ... and may lock besides; UINT64_MAX when
                         * new memory is not locked, or unlimited. */
};

void insp_memory_read(struct insp_memory *);

/* Whether 'need' bytes more can be had, when 'promised' bytes have been
 * promised to others already that do not use them yet.  A sixteenth of what is
 * available stays for the rest of the machine.  If not, the figures are in
 * 'why', as the end of a sentence that says how much is needed. */
bool insp_memory_allows(const struct insp_memory *, uint64_t need,
                        uint64_t promised, char *why, size_t size);

/* Bytes of a mapping that have not been touched yet, so that the kernel still
 * owes them. */
uint64_t insp_memory_untouched(const void *map, size_t size);

/* "1.5 GiB" */
#define INSP_MEMORY_TEXT_SIZE 24
const char *insp_memory_text(uint64_t bytes, char text[INSP_MEMORY_TEXT_SIZE]);

#endif /* base/memory.h */
