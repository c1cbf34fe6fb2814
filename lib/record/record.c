/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Words for the small enumerations, and the pointers that a record owns.
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

const uint32_t *
insp_record_port_ids(const struct insp_record *record)
{
    switch ((enum insp_record_type) record->type) {
    case INSP_RECORD_CONNECTION:
    case INSP_RECORD_APP: return record->conn.port_id;
    case INSP_RECORD_REMAINDER: return record->remainder.port_id;
    case INSP_RECORD_SENSOR:
    case INSP_RECORD_LOSS:
    case INSP_RECORD_PORT:
    case INSP_RECORD_PORT_GONE:
    case INSP_RECORD_RESTART:
    case INSP_N_RECORD_TYPES: break;
    }
    return NULL;
}

void
insp_record_uninit(struct insp_record *record)
{
    if (record->type == INSP_RECORD_PORT) {
        free(record->port);
        record->port = NULL;
    } else if (record->type == INSP_RECORD_APP) {
        insp_values_unref(record->app.values);
        record->app.values = NULL;
    }
}

const char *
insp_step_word(enum insp_step step)
{
    static const char *const words[INSP_N_STEPS] = {
#define INSP_STEP(NAME, WORD, TEXT) [INSP_STEP_##NAME] = WORD,
#include "record/step.def"
#undef INSP_STEP
    };

    return (unsigned int) step < INSP_N_STEPS ? words[step] : "?";
}

const char *
insp_depth_word(enum insp_depth depth)
{
    static const char *const words[INSP_N_DEPTHS] = {
#define INSP_DEPTH(NAME, WORD, TEXT) [INSP_DEPTH_##NAME] = WORD,
#include "record/depth.def"
#undef INSP_DEPTH
    };

    return (unsigned int) depth < INSP_N_DEPTHS ? words[depth] : "?";
}
