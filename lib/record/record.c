/* How it works
 * ------------
 *
 * Words for the small enumerations, and the one pointer that a record owns.
 */

#include <stdlib.h>

#include "record/record.h"

const char *
insp_verdict_word(enum insp_verdict_kind kind)
{
    switch (kind) {
    case INSP_VERDICT_ALLOW: return "allow";
    case INSP_VERDICT_DROP: return "drop";
    case INSP_VERDICT_RESET: return "reset";
    case INSP_VERDICT_REDIRECT: return "redirect";
    }
    return "unknown";
}

const char *
insp_port_role_word(enum insp_port_role role)
{
    switch (role) {
    case INSP_PORT_VM: return "vm";
    case INSP_PORT_INFRASTRUCTURE: return "infrastructure";
    case INSP_PORT_OTHER: return "other";
    }
    return "unknown";
}

void
insp_record_uninit(struct insp_record *record)
{
    if (record->type == INSP_RECORD_PORT) {
        free(record->port);
        record->port = NULL;
    }
}
