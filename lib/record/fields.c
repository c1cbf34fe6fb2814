/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * record.def is included once for each shape.  A macro that is defined to
 * give a row puts it into the table, the rest of the file vanishes.
 * Connections have two shapes, which share INSP_CONN and differ in INSP_CONN4
 * and INSP_CONN6; protocols likewise, and all four share INSP_HEAD and
 * INSP_TAIL.
 */

#include "record/fields.h"

#define ROW(STRUCT, NAME, MEMBER, KIND, PARAM, PEN, ID, LENGTH, MEANING,      \
            OBJECT, KEY, WHEN, TEXT)                                          \
    {                                                                         \
        .name = #NAME,                                                        \
        .key = KEY,                                                           \
        .pen = PEN,                                                           \
        .id = ID,                                                             \
        .length = LENGTH,                                                     \
        .offset = offsetof(STRUCT, MEMBER),                                   \
        .size = sizeof(((STRUCT *) NULL)->MEMBER),                            \
        .kind = INSP_KIND_##KIND,                                             \
        .param = PARAM,                                                       \
        .meaning = INSP_MEANING_##MEANING,                                    \
        .object = INSP_OBJECT_##OBJECT,                                       \
        .when = INSP_WHEN_##WHEN,                                             \
        .json = ",\"" KEY "\":",                                              \
        .json_size = sizeof(KEY) > 1 ? sizeof(KEY) + 2 : 0,                   \
        .text = TEXT,                                                         \
    },

#define VAR               INSP_FIELD_VAR /* As record.def spells it. */
#define RECORD_ROW(...)   ROW(struct insp_record, __VA_ARGS__)
#define PORT_ROW(...)     ROW(struct insp_port, __VA_ARGS__)
#define EXPORTER_ROW(...) ROW(struct insp_exporter, __VA_ARGS__)

#define INSP_HEAD  RECORD_ROW
#define INSP_HEAD4 RECORD_ROW
#define INSP_CONN  RECORD_ROW
#define INSP_CONN4 RECORD_ROW
#define INSP_TAIL  RECORD_ROW
static const struct insp_field connection_ip4[] = {
#include "record/record.def"
};

#define INSP_HEAD  RECORD_ROW
#define INSP_HEAD6 RECORD_ROW
#define INSP_CONN  RECORD_ROW
#define INSP_CONN6 RECORD_ROW
#define INSP_TAIL  RECORD_ROW
static const struct insp_field connection_ip6[] = {
#include "record/record.def"
};

#define INSP_HEAD     RECORD_ROW
#define INSP_HEAD4    RECORD_ROW
#define INSP_PROTOCOL RECORD_ROW
#define INSP_TAIL     RECORD_ROW
static const struct insp_field app_ip4[] = {
#include "record/record.def"
};

#define INSP_HEAD     RECORD_ROW
#define INSP_HEAD6    RECORD_ROW
#define INSP_PROTOCOL RECORD_ROW
#define INSP_TAIL     RECORD_ROW
static const struct insp_field app_ip6[] = {
#include "record/record.def"
};

#define INSP_REMAIN RECORD_ROW
static const struct insp_field remainder_fields[] = {
#include "record/record.def"
};

#define INSP_SENSOR RECORD_ROW
static const struct insp_field sensor[] = {
#include "record/record.def"
};

#define INSP_LOSS RECORD_ROW
static const struct insp_field loss[] = {
#include "record/record.def"
};

#define INSP_RESTART RECORD_ROW
static const struct insp_field restart[] = {
#include "record/record.def"
};

#define INSP_PORT PORT_ROW
static const struct insp_field port[] = {
#include "record/record.def"
};

#define INSP_GONE RECORD_ROW
static const struct insp_field port_gone[] = {
#include "record/record.def"
};

#define INSP_EXPORTER EXPORTER_ROW
static const struct insp_field exporter[] = {
#include "record/record.def"
};

#define SHAPE(ID, NAME, EVENT, FIELDS, N_SCOPE, MARK_PEN, MARK_ID)            \
    [INSP_SHAPE_##ID] = {                                                     \
        .name = NAME,                                                         \
        .event_type = EVENT,                                                  \
        .fields = FIELDS,                                                     \
        .n_fields = INSP_ARRAY_SIZE(FIELDS),                                  \
        .template_id = 256 + INSP_SHAPE_##ID,                                 \
        .n_scope = N_SCOPE,                                                   \
        .mark_pen = MARK_PEN,                                                 \
        .mark_id = MARK_ID,                                                   \
    }

#define APP_SHAPE(ID, NAME, FIELDS, ALSO_ID)                                  \
    [INSP_SHAPE_##ID] = {                                                     \
        .name = NAME,                                                         \
        .event_type = "",                                                     \
        .fields = FIELDS,                                                     \
        .n_fields = INSP_ARRAY_SIZE(FIELDS),                                  \
        .mark_pen = INSP_PEN,                                                 \
        .mark_id = 60,                                                        \
        .also_id = ALSO_ID,                                                   \
    }

const struct insp_shape insp_shapes[INSP_N_SHAPES] = {
    SHAPE(CONNECTION_IP4, "connection, IPv4", "flow", connection_ip4, 0, 0, 8),
    SHAPE(CONNECTION_IP6, "connection, IPv6", "flow", connection_ip6, 0, 0,
          27),
    SHAPE(REMAINDER, "remainder", "inspect_remainder", remainder_fields, 0,
          INSP_PEN, 20),
    SHAPE(SENSOR, "sensor", "inspect_stats", sensor, 0, INSP_PEN, 30),
    SHAPE(LOSS, "loss", "inspect_loss", loss, 0, INSP_PEN, 40),
    SHAPE(PORT, "identity", NULL, port, 1, 0, 347),
    SHAPE(PORT_GONE, "identity gone", NULL, port_gone, 1, INSP_PEN, 55),
    SHAPE(EXPORTER, "exporter", NULL, exporter, 1, INSP_PEN, 50),
    APP_SHAPE(APP_IP4, "protocol, IPv4", app_ip4, 8),
    APP_SHAPE(APP_IP6, "protocol, IPv6", app_ip6, 27),
    SHAPE(RESTART, "restart", "inspect_restart", restart, 0, INSP_PEN, 44),
};

const struct insp_json_place insp_json_places[INSP_N_OBJECTS] = {
    [INSP_OBJECT_TOP] = { "", INSP_OBJECT_TOP },
    [INSP_OBJECT_FLOW] = { "flow", INSP_OBJECT_TOP },
    [INSP_OBJECT_TCP] = { "tcp", INSP_OBJECT_TOP },
    [INSP_OBJECT_REMAINDER] = { "remainder", INSP_OBJECT_TOP },
    [INSP_OBJECT_STATS] = { "stats", INSP_OBJECT_TOP },
    [INSP_OBJECT_LOSS] = { "loss", INSP_OBJECT_TOP },
    [INSP_OBJECT_RESTART] = { "restart", INSP_OBJECT_TOP },
    [INSP_OBJECT_INSPECT] = { "inspect", INSP_OBJECT_TOP },
    [INSP_OBJECT_RTT] = { "rtt_us", INSP_OBJECT_INSPECT },
    [INSP_OBJECT_ALERT] = { "alert", INSP_OBJECT_TOP },
};

const char *
insp_word(enum insp_words words, uint64_t value)
{
    switch (words) {
    case INSP_WORDS_END:
        return value < INSP_N_ENDS
                   ? insp_end_reason_word((enum insp_end_reason) value)
                   : NULL;
    case INSP_WORDS_REMAINDER:
        return value < INSP_N_REMAINDERS
                   ? insp_remainder_word((enum insp_remainder) value)
               : value == INSP_REASON_CATCH_ALL ? "catch-all"
                                                : NULL;
    case INSP_WORDS_VERDICT:
        return value <= INSP_VERDICT_REDIRECT
                   ? insp_verdict_word((enum insp_verdict_kind) value)
                   : NULL;
    case INSP_WORDS_ROLE:
        return value <= INSP_PORT_OTHER
                   ? insp_port_role_word((enum insp_port_role) value)
                   : NULL;
    case INSP_WORDS_STEP:
        return value && value < INSP_N_STEPS
                   ? insp_step_word((enum insp_step) value)
                   : NULL;
    case INSP_WORDS_DEPTH:
        return value < INSP_N_DEPTHS ? insp_depth_word((enum insp_depth) value)
                                     : NULL;
    case INSP_WORDS_PATH: return value ? "intra-host" : "crossing";
    case INSP_WORDS_ALERT:
        return value == INSP_VERDICT_DROP || value == INSP_VERDICT_RESET
                   ? "blocked"
                   : "allowed";
    case INSP_WORDS_APP:
        return value > INSP_APP_NONE && value < INSP_N_APPS
                   ? insp_app_word((enum insp_app) value)
                   : NULL;
    case INSP_WORDS_NONE: break;
    }
    return NULL;
}

static bool
has_fields(const struct insp_values *values)
{
    return values && values->app > INSP_APP_UNKNOWN &&
           values->app < INSP_N_APPS_TOLD;
}

enum insp_shape_id
insp_record_shape(const struct insp_record *record)
{
    switch ((enum insp_record_type) record->type) {
    case INSP_RECORD_APP:
        return !has_fields(record->app.values) ? INSP_N_SHAPES
               : record->conn.ip_version == 4  ? INSP_SHAPE_APP_IP4
                                               : INSP_SHAPE_APP_IP6;
    case INSP_RECORD_CONNECTION:
        return record->conn.ip_version == 4 ? INSP_SHAPE_CONNECTION_IP4
                                            : INSP_SHAPE_CONNECTION_IP6;
    case INSP_RECORD_REMAINDER: return INSP_SHAPE_REMAINDER;
    case INSP_RECORD_SENSOR: return INSP_SHAPE_SENSOR;
    case INSP_RECORD_LOSS: return INSP_SHAPE_LOSS;
    case INSP_RECORD_RESTART: return INSP_SHAPE_RESTART;
    case INSP_RECORD_PORT: return INSP_SHAPE_PORT;
    case INSP_RECORD_PORT_GONE: return INSP_SHAPE_PORT_GONE;
    case INSP_N_RECORD_TYPES: break;
    }
    return INSP_N_SHAPES;
}
