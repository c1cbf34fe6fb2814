/* SPDX-License-Identifier: Apache-2.0 */
/* Fields
 * ======
 *
 * record.def as tables: what each kind of record consists of, for everything
 * that writes or reads records.
 *
 * Above:    export/, the collector.   Below:  record/record.h, record.def.
 * Threads:  constants; any thread.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_RECORD_FIELDS_H
#define INSP_RECORD_FIELDS_H 1

#include <string.h>

#include "record/record.h"

/* Enterprise numbers: RFC 5103's for reverse elements, and ours.  32473 is
 * the one that RFC 5612 reserves for examples: there is none of our own. */
#define INSP_PEN_REVERSE 29305
#define INSP_PEN         32473

/* Who sends: the options record that opens each observation domain. */
struct insp_exporter {
    uint32_t inspector;
    char sensor[INSP_NAME_SIZE];
};

/* One template each. */
enum insp_shape_id {
    INSP_SHAPE_CONNECTION_IP4,
    INSP_SHAPE_CONNECTION_IP6,
    INSP_SHAPE_REMAINDER,
    INSP_SHAPE_SENSOR,
    INSP_SHAPE_LOSS,
    INSP_SHAPE_PORT, /* Options templates from here on. */
    INSP_SHAPE_PORT_GONE,
    INSP_SHAPE_EXPORTER,
    INSP_SHAPE_APP_IP4, /* Templates of each protocol begin so. */
    INSP_SHAPE_APP_IP6,
    INSP_SHAPE_RESTART,
    INSP_N_SHAPES
};

enum insp_field_kind {
    /* In both encodings. */
    INSP_KIND_UINT, /* Number. */
    INSP_KIND_WORD, /* Number; in JSON a word. */
    INSP_KIND_BOOL, /* IPFIX 1 and 2; JSON a word. */
    INSP_KIND_TIME, /* Nanoseconds since 1970; IPFIX in the form
                     * of NTP, JSON in that of ISO 8601. */
    INSP_KIND_IP4,  /* Last 4 of 16 bytes. */
    INSP_KIND_IP6,
    INSP_KIND_MAC,
    INSP_KIND_TEXT,    /* char[]. */
    INSP_KIND_KEYS,    /* char[] of lines; in JSON an object. */
    INSP_KIND_L4PORT,  /* Number; IPFIX 0 without transport ports. */
    INSP_KIND_PORT_ID, /* Number; in JSON the identity behind it. */
    INSP_KIND_PROTO,
    INSP_KIND_VLAN, /* In JSON an array. */
    INSP_KIND_ZONE, /* First number of a struct insp_zone; in JSON
                     * the whole of it as text. */
    INSP_KIND_STATE,
    INSP_KIND_TCP_HEX,
    INSP_KIND_HEX16,
    INSP_KIND_APP,        /* Number of a protocol; its word in both. */
    INSP_KIND_APP_FIELDS, /* The values; in JSON an object. */
    INSP_KIND_APP_CUT,

    /* In IPFIX only; the last three are derived and not read back. */
    INSP_KIND_APP_NAME,
    INSP_KIND_TYPECODE, /* Two bytes as they are. */
    INSP_KIND_TEXT_AGAIN,
    INSP_KIND_END_IPFIX,
    INSP_KIND_FIREWALL,

    /* In JSON only, derived. */
    INSP_KIND_EVENT,
    INSP_KIND_SENSOR_NAME,
    INSP_KIND_COMMUNITY,
    INSP_KIND_AGE,
    INSP_KIND_END_EVE,
    INSP_KIND_INTERIM,
    INSP_KIND_TCP_FLAG,
    INSP_KIND_STATE_BIT,
};

/* What the PARAM of WORD and BOOL names. */
enum insp_words {
    INSP_WORDS_NONE,
    INSP_WORDS_END,
    INSP_WORDS_REMAINDER,
    INSP_WORDS_VERDICT,
    INSP_WORDS_ROLE,
    INSP_WORDS_PATH,
    INSP_WORDS_ALERT,
    INSP_WORDS_APP,
    INSP_WORDS_STEP,
    INSP_WORDS_DEPTH,
};

/* The word of a value, or NULL when it has none. */
const char *insp_word(enum insp_words, uint64_t value);

/* Of private elements: RFC 5610's semantics and unit. */
enum insp_meaning {
    INSP_MEANING_NONE,
    INSP_MEANING_ID,
    INSP_MEANING_FLAGS,
    INSP_MEANING_MICROSECONDS,
    INSP_MEANING_TOTAL_PACKETS,
    INSP_MEANING_TOTAL_OCTETS,
    INSP_MEANING_TOTAL_FLOWS,
    INSP_MEANING_FLOWS,
    INSP_MEANING_DELTA_PACKETS,
    INSP_MEANING_DELTA_OCTETS,
    INSP_MEANING_DELTA_RECORDS,
    INSP_N_MEANINGS
};

enum insp_json_when {
    INSP_WHEN_ALWAYS,
    INSP_WHEN_NONZERO,
    INSP_WHEN_TCP,
    INSP_WHEN_PORTS, /* TCP, UDP, SCTP. */
    INSP_WHEN_ICMP,  /* ICMP, ICMPv6. */
    INSP_WHEN_ALERT,
};

enum insp_json_object {
    INSP_OBJECT_TOP,
    INSP_OBJECT_FLOW,
    INSP_OBJECT_TCP,
    INSP_OBJECT_REMAINDER,
    INSP_OBJECT_STATS,
    INSP_OBJECT_LOSS,
    INSP_OBJECT_RESTART,
    INSP_OBJECT_INSPECT,
    INSP_OBJECT_RTT, /* In "inspect". */
    INSP_OBJECT_ALERT,
    INSP_N_OBJECTS
};

/* Key of an object in its parent. */
struct insp_json_place {
    const char *key;
    enum insp_json_object parent;
};
extern const struct insp_json_place insp_json_places[INSP_N_OBJECTS];

#define INSP_FIELD_VAR 65535 /* Length in IPFIX: each value says its own. */

/* A key, its quotes and its colon; a copy of so many bytes, known to the
 * compiler, costs less than one of just as many as there are. */
#define INSP_JSON_KEY 32

struct insp_field {
    const char *name;
    const char *key;              /* "": not in JSON. */
    char json[INSP_JSON_KEY + 2]; /* The same as it is written: ,"key": */
    uint32_t pen;
    uint16_t id;     /* 0: not in IPFIX. */
    uint16_t length; /* In IPFIX. */
    uint16_t offset; /* Of the member. */
    uint16_t size;
    uint8_t kind; /* enum insp_field_kind. */
    uint8_t param;
    uint8_t meaning;   /* enum insp_meaning. */
    uint8_t object;    /* enum insp_json_object. */
    uint8_t when;      /* enum insp_json_when. */
    uint8_t json_size; /* Without the comma; 0: not in JSON. */
    const char *text;  /* For type information. */
};

struct insp_shape {
    const char *name;
    const char *event_type; /* In JSON; NULL: no line of its own. */
    const struct insp_field *fields;
    uint16_t n_fields;
    uint16_t template_id; /* 0: each protocol has its own. */
    uint16_t n_scope;     /* 0: a template, else an options template. */
    /* A template with this element has this shape, unless a later one fits
     * too.  (That of protocols has what a connection's has, and more.) */
    uint16_t mark_id;
    uint32_t mark_pen;
    uint16_t also_id; /* Of IANA, is there too; 0: need not be. */
};
extern const struct insp_shape insp_shapes[INSP_N_SHAPES];

/* The shape of a record; PORT and PORT_GONE too.  INSP_N_SHAPES: it has none,
 * as a protocol's record without values. */
enum insp_shape_id insp_record_shape(const struct insp_record *);

/* An unsigned number of 'size' bytes (1, 2, 4 or 8) in a record. */
static inline uint64_t
insp_member_read(const void *member, size_t size)
{
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    switch (size) {
    case 8: memcpy(&u64, member, 8); return u64;
    case 4: memcpy(&u32, member, 4); return u32;
    case 2: memcpy(&u16, member, 2); return u16;
    default: return *(const uint8_t *) member;
    }
}

static inline bool
insp_proto_has_ports(uint8_t proto)
{
    return (proto == INSP_PROTO_TCP || proto == INSP_PROTO_UDP ||
            proto == INSP_PROTO_SCTP);
}

#endif /* record/fields.h */
