/* SPDX-License-Identifier: Apache-2.0 */
/* Text
 * ====
 *
 * The words that stand before a colon in a term or a service, for parse.c and
 * print.c alike.
 *
 * Above:    rule/.                 Below:  rule/rule.h.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_RULE_TEXT_H
#define INSP_RULE_TEXT_H 1

#include "rule/rule.h"

/* Room of struct insp_port for what an id: term names; a longer one would
 * match nothing. */
#define INSP_ID_TEXT_MAX (INSP_EXTRA_SIZE - 2)

static inline const char *
insp_term_prefix(enum insp_term_kind kind)
{
    switch (kind) {
    case INSP_TERM_IFACE: return "iface:";
    case INSP_TERM_VM: return "vm:";
    case INSP_TERM_PORT: return "port:";
    case INSP_TERM_SET: return "set:";
    case INSP_TERM_ID: return "id:";
    case INSP_TERM_ANY:
    case INSP_TERM_PREFIX:
    case INSP_TERM_MAC: break;
    }
    return NULL;
}

static inline bool
insp_addr_is_ip4(const uint8_t addr[16])
{
    bool zeros = true;

    for (int i = 0; i < 10; i++) {
        zeros &= !addr[i];
    }
    return zeros && addr[10] == 0xff && addr[11] == 0xff;
}

#endif /* rule/text.h */
