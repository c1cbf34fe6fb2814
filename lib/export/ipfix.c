/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     message: | header | set: header, record, record, ... | set ... |
 *
 * A message belongs to one observation domain.  It stays open while records
 * of that domain come and there is room; a set stays open while records of
 * one template come.  Room is asked for once, before anything is written, for
 * the most that a record and all its company can take; so nothing is ever
 * taken back.
 *
 * A buffer may receive several messages, one behind the other: when the
 * domain changes, or when one has reached INSP_IPFIX_MESSAGE_MAX.
 *
 * A protocol has two templates, over IPv4 and IPv6: the rows of its shape, and
 * then every element that app/field.def names for it.  There are too many of
 * them for all to be sent ahead, so each goes out when it is first needed.
 *
 * "Known" is the set of (domain, port id) whose identity the receiver has: an
 * open-addressed hash.  When it cannot grow, identities are simply sent
 * again.
 */

#include <errno.h>
#include <stdlib.h>

#include "export/ipfix-app.h"
#include "export/ipfix.h"
#include "record/fields.h"

#define TEMPLATE_SET         2
#define OPTIONS_TEMPLATE_SET 3
#define SET_HEADER           4
#define TYPE_TEMPLATE        (256 + INSP_SHAPE_APP_IP4)
#define NTP_1970             2208988800U

#define WORD_MAX 32 /* Of a protocol. */

_Static_assert(2 * INSP_VALUES_COST_MAX + 8192 < INSP_IPFIX_LENGTH_MAX,
               "a protocol's values fit, as elements and as lines");

struct domain {
    uint32_t id;
    uint32_t sequence;              /* Data records sent. */
    uint8_t told[INSP_N_APPS_TOLD]; /* Templates: 1 IPv4, 2 IPv6. */
};

/* A protocol's values, encoded. */
struct app_bytes {
    const uint8_t *lines;
    size_t n_lines;
    const uint8_t *elements;
    size_t n_elements;
};

struct insp_ipfix_writer {
    char sensor[INSP_NAME_SIZE];
    size_t worst[INSP_N_SHAPES]; /* Bytes of a record. */
    size_t introduction;         /* Bytes at most. */
    struct insp_ipfix_app app;
    uint8_t *scratch; /* INSP_IPFIX_LENGTH_MAX: values, encoded. */

    struct domain *domains; /* Introduced on this connection. */
    size_t n_domains;
    size_t room_domains;

    uint64_t *known; /* domain << 32 | port id; 0: free. */
    size_t known_mask;
    size_t n_known;

    uint8_t *message; /* Start of the open one, or NULL. */
    uint8_t *set;     /* Start of the open one, or NULL. */
    uint16_t set_id;
    struct domain *current; /* Of the open message. */
    uint32_t n_records;     /* In the open message. */
    bool types_sent;
};

uint64_t
insp_ipfix_time(uint64_t ns)
{
    uint64_t fraction = ns % 1000000000;

    return (ns / 1000000000 + NTP_1970) << 32 |
           ((fraction << 32) + 999999999) / 1000000000;
}

uint64_t
insp_ipfix_time_back(uint64_t ntp)
{
    uint64_t seconds = ntp >> 32;

    /* Era 0 of NTP ends in 2036. */
    seconds += seconds >= 0x80000000 ? 0 : UINT64_C(1) << 32;
    if (seconds < NTP_1970) {
        return 0;
    }
    return (seconds - NTP_1970) * 1000000000 +
           ((ntp & UINT32_MAX) * 1000000000 >> 32);
}

/* The room has been asked for when these are called. */
static inline uint8_t *
store(uint8_t *to, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0; value >>= 8) {
        to[i] = (uint8_t) value;
    }
    return to + size;
}

static inline uint8_t *
store_uint(uint8_t *to, uint64_t value, size_t size)
{
    uint64_t be64 = __builtin_bswap64(value);
    uint32_t be32 = __builtin_bswap32((uint32_t) value);
    uint16_t be16 = __builtin_bswap16((uint16_t) value);

    switch (size) {
    case 8: memcpy(to, &be64, 8); break;
    case 4: memcpy(to, &be32, 4); break;
    case 2: memcpy(to, &be16, 2); break;
    case 1: *to = (uint8_t) value; break;
    default: return store(to, value, size);
    }
    return to + size;
}

static uint8_t *
store_text(uint8_t *to, const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    if (length < 255) {
        *to++ = (uint8_t) length;
    } else {
        *to++ = 255;
        to = store(to, length, 2);
    }
    memcpy(to, text, length);
    return to + length;
}

static uint8_t
end_reason_of_ipfix(uint8_t reason)
{
    static const uint8_t codes[INSP_N_ENDS] = {
#define INSP_END(NAME, WORD, IPFIX, TEXT) IPFIX,
#include "flow/end.def"
#undef INSP_END
    };

    return reason < INSP_N_ENDS ? codes[reason] : 0;
}

/* IANA firewallEvent: 2 flow deleted, 3 denied, 5 update. */
static uint8_t
firewall_event(const struct insp_record_connection *conn)
{
    return conn->verdict == INSP_VERDICT_DROP ||
                   conn->verdict == INSP_VERDICT_RESET
               ? 3
           : conn->end_reason == INSP_END_NONE ? 5
                                               : 2;
}

static uint8_t *
store_bytes(uint8_t *to, const uint8_t *bytes, size_t size)
{
    if (size) {
        memcpy(to, bytes, size);
    }
    return to + size;
}

/* 'app' is that of a protocol's record, else NULL. */
static uint8_t *
store_fields(uint8_t *to, const struct insp_shape *shape, const void *base,
             const struct app_bytes *app)
{
    const struct insp_record *record = base; /* Of connections only. */
    const char *word;

    for (unsigned int i = 0; i < shape->n_fields; i++) {
        const struct insp_field *field = &shape->fields[i];
        const uint8_t *member = (const uint8_t *) base + field->offset;

        if (!field->id) {
            continue;
        }
        switch ((enum insp_field_kind) field->kind) {
        case INSP_KIND_UINT:
        case INSP_KIND_WORD:
        case INSP_KIND_PORT_ID:
        case INSP_KIND_PROTO:
        case INSP_KIND_VLAN:
        case INSP_KIND_ZONE:
        case INSP_KIND_STATE:
        case INSP_KIND_TCP_HEX:
        case INSP_KIND_HEX16:
            to = store_uint(to, insp_member_read(member, field->size),
                            field->length);
            break;
        case INSP_KIND_L4PORT:
            to = store_uint(to,
                            insp_proto_has_ports(record->conn.proto)
                                ? insp_member_read(member, field->size)
                                : 0,
                            field->length);
            break;
        case INSP_KIND_BOOL: *to++ = *member ? 1 : 2; break;
        case INSP_KIND_TIME:
            to = store_uint(to, insp_ipfix_time(insp_member_read(member, 8)),
                            8);
            break;
        case INSP_KIND_IP4:
            memcpy(to, member + 12, 4);
            to += 4;
            break;
        case INSP_KIND_IP6:
        case INSP_KIND_MAC:
        case INSP_KIND_TYPECODE:
            memcpy(to, member, field->length);
            to += field->length;
            break;
        case INSP_KIND_TEXT:
        case INSP_KIND_TEXT_AGAIN:
        case INSP_KIND_KEYS:
            to = store_text(to, (const char *) member, field->size);
            break;
        case INSP_KIND_APP:
            word = insp_word(INSP_WORDS_APP, *member);
            to = store_text(to, word ? word : "", WORD_MAX - 1);
            break;
        case INSP_KIND_APP_NAME:
            to = store_text(to, insp_app_word(record->app.values->app),
                            WORD_MAX - 1);
            break;
        case INSP_KIND_APP_CUT:
            *to++ = record->app.values->is_cut ? 1 : 2;
            break;
        case INSP_KIND_APP_FIELDS:
            *to++ = 255;
            to = store(to, app->n_lines, 2);
            to = store_bytes(to, app->lines, app->n_lines);
            break;
        case INSP_KIND_END_IPFIX: *to++ = end_reason_of_ipfix(*member); break;
        case INSP_KIND_FIREWALL: *to++ = firewall_event(&record->conn); break;
        case INSP_KIND_EVENT:
        case INSP_KIND_SENSOR_NAME:
        case INSP_KIND_COMMUNITY:
        case INSP_KIND_AGE:
        case INSP_KIND_END_EVE:
        case INSP_KIND_INTERIM:
        case INSP_KIND_TCP_FLAG:
        case INSP_KIND_STATE_BIT: break;
        }
    }
    return app ? store_bytes(to, app->elements, app->n_elements) : to;
}

static void
set_end(struct insp_ipfix_writer *w, struct insp_put *put)
{
    if (w->set) {
        /* Padding is shorter than any record of ours. */
        while ((put->at - w->set) % 4) {
            insp_put_u8(put, 0);
        }
        (void) store(w->set + 2, (uint64_t) (put->at - w->set), 2);
        w->set = NULL;
    }
}

static void
set_begin(struct insp_ipfix_writer *w, struct insp_put *put, uint16_t id)
{
    if (w->set && w->set_id == id) {
        return;
    }
    set_end(w, put);
    w->set = put->at;
    w->set_id = id;
    insp_put_be16(put, id);
    insp_put_be16(put, 0);
}

void
insp_ipfix_finish(struct insp_ipfix_writer *w, struct insp_put *put)
{
    if (w->message) {
        set_end(w, put);
        (void) store(w->message + 2, (uint64_t) (put->at - w->message), 2);
        w->current->sequence += w->n_records;
        w->message = NULL;
    }
}

static void
message_begin(struct insp_ipfix_writer *w, struct insp_put *put,
              uint64_t wall_ns, struct domain *domain)
{
    w->message = put->at;
    w->current = domain;
    w->n_records = 0;
    insp_put_be16(put, INSP_IPFIX_VERSION);
    insp_put_be16(put, 0);
    insp_put_be32(put, (uint32_t) (wall_ns / 1000000000));
    insp_put_be32(put, domain->sequence);
    insp_put_be32(put, domain->id);
}

static void
put_specifier(struct insp_put *put, uint32_t pen, uint16_t id, uint16_t length)
{
    insp_put_be16(put, pen ? 0x8000 | id : id);
    insp_put_be16(put, length);
    if (pen) {
        insp_put_be32(put, pen);
    }
}

static uint16_t
count_elements(const struct insp_shape *shape)
{
    uint16_t n = 0;

    for (unsigned int i = 0; i < shape->n_fields; i++) {
        n += shape->fields[i].id != 0;
    }
    return n;
}

static void
put_specifiers(struct insp_put *put, const struct insp_shape *shape)
{
    for (unsigned int i = 0; i < shape->n_fields; i++) {
        const struct insp_field *field = &shape->fields[i];

        if (field->id) {
            put_specifier(put, field->pen, field->id, field->length);
        }
    }
}

static void
put_template(struct insp_put *put, const struct insp_shape *shape)
{
    insp_put_be16(put, shape->template_id);
    insp_put_be16(put, count_elements(shape));
    if (shape->n_scope) {
        insp_put_be16(put, shape->n_scope);
    }
    put_specifiers(put, shape);
}

static uint16_t
count_app_elements(const struct insp_ipfix_writer *w, enum insp_app app)
{
    const struct insp_app_rows *rows = &w->app.rows[app];
    uint16_t n = 0;

    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        n += w->app.elements[i].form != INSP_FORM_NONE;
    }
    return n;
}

/* That of a protocol: its shape, and its own elements. */
static void
put_app_template(const struct insp_ipfix_writer *w, struct insp_put *put,
                 uint16_t id, const struct insp_shape *shape,
                 enum insp_app app)
{
    const struct insp_app_rows *rows = &w->app.rows[app];

    insp_put_be16(put, id);
    insp_put_be16(put, (uint16_t) (count_elements(shape) +
                                   count_app_elements(w, app)));
    put_specifiers(put, shape);
    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        const struct insp_app_field_info *info = &insp_app_fields[i];

        if (w->app.elements[i].form != INSP_FORM_NONE) {
            put_specifier(put, info->pen, info->id, w->app.elements[i].length);
        }
    }
}

/* RFC 5610, section 3.9: what a private element is. */
static const struct {
    uint16_t id;
    uint16_t length;
} type_fields[] = {
    { 346, 4 },              /* privateEnterpriseNumber, scope */
    { 303, 2 },              /* informationElementId, scope */
    { 339, 1 },              /* informationElementDataType */
    { 344, 1 },              /* informationElementSemantics */
    { 345, 2 },              /* informationElementUnits */
    { 342, 8 },              /* informationElementRangeBegin */
    { 343, 8 },              /* informationElementRangeEnd */
    { 341, INSP_FIELD_VAR }, /* informationElementName */
    { 340, INSP_FIELD_VAR }, /* informationElementDescription */
};

static void
put_type_template(struct insp_put *put)
{
    insp_put_be16(put, TYPE_TEMPLATE);
    insp_put_be16(put, INSP_ARRAY_SIZE(type_fields));
    insp_put_be16(put, 2);
    for (size_t i = 0; i < INSP_ARRAY_SIZE(type_fields); i++) {
        put_specifier(put, 0, type_fields[i].id, type_fields[i].length);
    }
}

/* As IANA numbers informationElementDataType. */
static uint8_t
data_type(const struct insp_field *field)
{
    switch ((int) field->kind) {
    case INSP_KIND_APP_CUT:
    case INSP_KIND_BOOL: return 11;
    case INSP_KIND_MAC: return 12;
    case INSP_KIND_APP_FIELDS:
    case INSP_KIND_APP_NAME:
    case INSP_KIND_TEXT:
    case INSP_KIND_KEYS: return 13;
    case INSP_KIND_TIME: return 17;
    default: break;
    }
    return field->length == 1   ? 1
           : field->length == 2 ? 2
           : field->length == 4 ? 3
                                : 4;
}

/* informationElementSemantics and informationElementUnits. */
static const struct {
    uint8_t semantics;
    uint16_t unit;
} meanings[INSP_N_MEANINGS] = {
    [INSP_MEANING_NONE] = { 0, 0 },
    [INSP_MEANING_ID] = { 4, 0 },
    [INSP_MEANING_FLAGS] = { 5, 0 },
    [INSP_MEANING_MICROSECONDS] = { 1, 7 },
    [INSP_MEANING_TOTAL_PACKETS] = { 2, 3 },
    [INSP_MEANING_TOTAL_OCTETS] = { 2, 2 },
    [INSP_MEANING_TOTAL_FLOWS] = { 2, 4 },
    [INSP_MEANING_FLOWS] = { 1, 4 },
    [INSP_MEANING_DELTA_PACKETS] = { 3, 3 },
    [INSP_MEANING_DELTA_OCTETS] = { 3, 2 },
    [INSP_MEANING_DELTA_RECORDS] = { 3, 12 },
};

/* True when a row of an earlier shape has described the element. */
static bool
is_described(unsigned int n_shapes, const struct insp_field *field)
{
    for (unsigned int i = 0; i < n_shapes; i++) {
        for (unsigned int j = 0; j < insp_shapes[i].n_fields; j++) {
            const struct insp_field *f = &insp_shapes[i].fields[j];

            if (f->pen == field->pen && f->id == field->id) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t
put_types(struct insp_put *put)
{
    uint32_t n = 0;

    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        for (unsigned int j = 0; j < insp_shapes[i].n_fields; j++) {
            const struct insp_field *f = &insp_shapes[i].fields[j];

            if (f->pen != INSP_PEN || is_described(i, f)) {
                continue;
            }
            insp_put_be32(put, f->pen);
            insp_put_be16(put, f->id);
            insp_put_u8(put, data_type(f));
            insp_put_u8(put, meanings[f->meaning].semantics);
            insp_put_be16(put, meanings[f->meaning].unit);
            insp_put_be64(put, 0);
            insp_put_be64(put, 0);
            insp_put_u8(put, (uint8_t) strlen(f->name));
            insp_put_text(put, f->name);
            insp_put_u8(put, (uint8_t) strlen(f->text));
            insp_put_text(put, f->text);
            n++;
        }
    }
    return n;
}

static void
introduce(struct insp_ipfix_writer *w, struct insp_put *put)
{
    struct insp_exporter exporter = { .inspector = w->current->id };

    /* What the private elements are stands before the first template that
     * has them: some receivers look only then. */
    set_begin(w, put, OPTIONS_TEMPLATE_SET);
    put_type_template(put);
    if (!w->types_sent) {
        w->types_sent = true;
        set_begin(w, put, TYPE_TEMPLATE);
        w->n_records += put_types(put);
    }
    set_begin(w, put, TEMPLATE_SET);
    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        if (!insp_shapes[i].n_scope && insp_shapes[i].template_id) {
            put_template(put, &insp_shapes[i]);
        }
    }
    set_begin(w, put, OPTIONS_TEMPLATE_SET);
    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        if (insp_shapes[i].n_scope) {
            put_template(put, &insp_shapes[i]);
        }
    }

    memcpy(exporter.sensor, w->sensor, sizeof exporter.sensor);
    set_begin(w, put, insp_shapes[INSP_SHAPE_EXPORTER].template_id);
    put->at = store_fields(put->at, &insp_shapes[INSP_SHAPE_EXPORTER],
                           &exporter, NULL);
    w->n_records++;
}

/* The most bytes that a row takes, a protocol's values not counted. */
static size_t
worst_of(const struct insp_field *field)
{
    switch ((int) field->kind) {
    case INSP_KIND_APP:
    case INSP_KIND_APP_NAME: return WORD_MAX;
    case INSP_KIND_APP_FIELDS: return 3;
    default: break;
    }
    return !field->id                        ? 0
           : field->length == INSP_FIELD_VAR ? 3U + field->size
                                             : field->length;
}

/* Upper bounds come from the same tables as the bytes. */
int
insp_ipfix_writer_create(const char *sensor, struct insp_ipfix_writer **wp)
{
    struct insp_ipfix_writer *w = calloc(1, sizeof *w);
    struct domain domain = { .id = 0 };
    struct insp_put put;

    *wp = NULL;
    if (!w) {
        return ENOMEM;
    }
    w->scratch = malloc(INSP_IPFIX_LENGTH_MAX);
    if (!w->scratch) {
        free(w);
        return ENOMEM;
    }
    insp_ipfix_app_init(&w->app);
    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        for (unsigned int j = 0; j < insp_shapes[i].n_fields; j++) {
            w->worst[i] += worst_of(&insp_shapes[i].fields[j]);
        }
    }
    put = insp_put(w->scratch, INSP_IPFIX_LENGTH_MAX);
    message_begin(w, &put, 0, &domain);
    introduce(w, &put);
    w->introduction = insp_put_size(&put) + INSP_NAME_SIZE + 16;
    if (put.full || w->introduction + 2 * (w->worst[INSP_SHAPE_PORT] + 8) +
                            w->worst[INSP_SHAPE_CONNECTION_IP6] + 64 >
                        INSP_IPFIX_MESSAGE_MAX) {
        insp_ipfix_writer_destroy(w);
        return EMSGSIZE;
    }
    insp_ipfix_writer_reset(w, sensor);
    *wp = w;
    return 0;
}

void
insp_ipfix_writer_reset(struct insp_ipfix_writer *w, const char *sensor)
{
    size_t length = strnlen(sensor, sizeof w->sensor - 1);

    memset(w->sensor, 0, sizeof w->sensor);
    memcpy(w->sensor, sensor, length);
    w->n_domains = 0;
    w->types_sent = false;
    w->message = NULL;
    w->set = NULL;
    w->current = NULL;
    if (w->known) {
        memset(w->known, 0, (w->known_mask + 1) * sizeof *w->known);
        w->n_known = 0;
    }
}

void
insp_ipfix_writer_renew(struct insp_ipfix_writer *w, const char *sensor)
{
    insp_ipfix_writer_reset(w, sensor);
    w->types_sent = true;
}

static struct domain *
find_domain(struct insp_ipfix_writer *w, uint32_t id)
{
    if (w->current && w->current->id == id) {
        return w->current;
    }
    for (size_t i = 0; i < w->n_domains; i++) {
        if (w->domains[i].id == id) {
            return &w->domains[i];
        }
    }
    return NULL;
}

static struct domain *
add_domain(struct insp_ipfix_writer *w, uint32_t id)
{
    if (w->n_domains == w->room_domains) {
        size_t room = 2 * w->room_domains + 8;
        struct domain *domains = realloc(w->domains, room * sizeof *domains);

        if (!domains) {
            return NULL;
        }
        w->domains = domains;
        w->room_domains = room;
    }
    w->domains[w->n_domains] = (struct domain){ .id = id };
    return &w->domains[w->n_domains++];
}

/* Makes sure that a message of domain 'id' is open, with room for 'size' more
 * bytes. */
static bool
require(struct insp_ipfix_writer *w, struct insp_put *put, uint64_t wall_ns,
        uint32_t id, size_t size)
{
    struct domain *domain = find_domain(w, id);
    size_t introduction = domain ? 0 : w->introduction;

    if (w->message && domain == w->current &&
        (size_t) (put->at - w->message) + size <= INSP_IPFIX_MESSAGE_MAX &&
        size <= insp_put_left(put)) {
        return true;
    }
    insp_ipfix_finish(w, put);
    if (size > INSP_IPFIX_LENGTH_MAX - INSP_IPFIX_HEADER_SIZE ||
        insp_put_left(put) <
            2 * INSP_IPFIX_HEADER_SIZE + introduction + size) {
        return false;
    }
    w->current = NULL; /* add_domain() may move it. */
    if (!domain) {
        domain = add_domain(w, id);
        if (!domain) {
            return false;
        }
    }
    message_begin(w, put, wall_ns, domain);
    if (introduction) {
        introduce(w, put);
        if ((size_t) (put->at - w->message) + size > INSP_IPFIX_MESSAGE_MAX) {
            insp_ipfix_finish(w, put);
            message_begin(w, put, wall_ns, domain);
        }
    }
    return true;
}

static size_t
known_place(const struct insp_ipfix_writer *w, uint64_t key)
{
    size_t at = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (at &= w->known_mask; w->known[at] && w->known[at] != key;
         at = (at + 1) & w->known_mask) {
        continue;
    }
    return at;
}

static bool
known_has(const struct insp_ipfix_writer *w, uint64_t key)
{
    return w->known && w->known[known_place(w, key)];
}

static void
known_add(struct insp_ipfix_writer *w, uint64_t key)
{
    if (!w->known || w->n_known > w->known_mask / 2) {
        size_t old_size = w->known ? w->known_mask + 1 : 0;
        uint64_t *old = w->known;
        size_t size = old ? 2 * old_size : 64;
        uint64_t *known = calloc(size, sizeof *known);

        if (!known && (!old || w->n_known >= w->known_mask)) {
            return;
        } else if (known) {
            w->known = known;
            w->known_mask = size - 1;
            for (size_t i = 0; i < old_size; i++) {
                if (old[i]) {
                    known[known_place(w, old[i])] = old[i];
                }
            }
            free(old);
        }
    }
    w->known[known_place(w, key)] = key;
    w->n_known++;
}

/* Removes and closes the gap, so that no probe sequence is broken. */
static void
known_remove(struct insp_ipfix_writer *w, uint64_t key)
{
    size_t at = known_place(w, key);

    w->known[at] = 0;
    w->n_known--;
    for (at = (at + 1) & w->known_mask; w->known[at];
         at = (at + 1) & w->known_mask) {
        uint64_t moved = w->known[at];

        w->known[at] = 0;
        w->known[known_place(w, moved)] = moved;
    }
}

bool
insp_ipfix_open(struct insp_ipfix_writer *w, struct insp_put *put,
                uint64_t wall_ns, uint32_t domain)
{
    return find_domain(w, domain) || require(w, put, wall_ns, domain, 0);
}

static void
put_shaped(struct insp_ipfix_writer *w, struct insp_put *put,
           enum insp_shape_id id, const void *base)
{
    const struct insp_shape *shape = &insp_shapes[id];

    set_begin(w, put, shape->template_id);
    put->at = store_fields(put->at, shape, base, NULL);
    w->n_records++;
}

/* Encodes the values, so that their size is known before anything of the
 * record is written. */
static struct app_bytes
encode_values(struct insp_ipfix_writer *w, const struct insp_values *values)
{
    struct insp_put put = insp_put(w->scratch, INSP_IPFIX_LENGTH_MAX);
    struct app_bytes app = { .lines = put.at };

    insp_ipfix_app_put_lines(&w->app, &put, values);
    app.n_lines = insp_put_size(&put);
    app.elements = put.at;
    insp_ipfix_app_put_elements(&w->app, &put, values);
    app.n_elements = insp_put_size(&put) - app.n_lines;
    return app;
}

/* The most that a protocol's template takes, with its set. */
static size_t
app_template_size(const struct insp_ipfix_writer *w,
                  const struct insp_shape *shape, enum insp_app app)
{
    return 2 * (SET_HEADER + 3) + 4 +
           8U * (count_elements(shape) + (size_t) count_app_elements(w, app));
}

static void
put_app(struct insp_ipfix_writer *w, struct insp_put *put,
        enum insp_shape_id id, const struct insp_record *record,
        const struct app_bytes *bytes)
{
    const struct insp_shape *shape = &insp_shapes[id];
    enum insp_app app = record->app.values->app;
    uint16_t template_id =
        insp_app_template_id(app, id == INSP_SHAPE_APP_IP4 ? 4 : 6);
    uint8_t bit = id == INSP_SHAPE_APP_IP4 ? 1 : 2;

    if (!(w->current->told[app] & bit)) {
        set_begin(w, put, TEMPLATE_SET);
        put_app_template(w, put, template_id, shape, app);
        w->current->told[app] |= bit;
    }
    set_begin(w, put, template_id);
    put->at = store_fields(put->at, shape, record, bytes);
    w->n_records++;
}

bool
insp_ipfix_put(struct insp_ipfix_writer *w, struct insp_put *put,
               uint64_t wall_ns, const struct insp_record *record,
               const struct insp_port *const ports[2])
{
    enum insp_shape_id id = insp_record_shape(record);
    uint64_t domain = (uint64_t) record->inspector << 32;
    bool is_app = id == INSP_SHAPE_APP_IP4 || id == INSP_SHAPE_APP_IP6;
    bool tell[2] = { false, false };
    struct app_bytes app;
    size_t size;

    if (id == INSP_N_SHAPES) {
        return true;
    }
    size = w->worst[id] + SET_HEADER + 3;
    if (is_app) {
        app = encode_values(w, record->app.values);
        size +=
            app.n_lines + app.n_elements +
            app_template_size(w, &insp_shapes[id], record->app.values->app);
    }
    for (unsigned int i = 0; i < 2; i++) {
        tell[i] = ports[i] && !known_has(w, domain | ports[i]->id) &&
                  (!i || ports[i] != ports[0]);
        size += tell[i] ? w->worst[INSP_SHAPE_PORT] + SET_HEADER + 3 : 0;
    }
    if (!require(w, put, wall_ns, record->inspector, size)) {
        return false;
    }
    for (unsigned int i = 0; i < 2; i++) {
        if (tell[i]) {
            put_shaped(w, put, INSP_SHAPE_PORT, ports[i]);
            known_add(w, domain | ports[i]->id);
        }
    }
    if (is_app) {
        put_app(w, put, id, record, &app);
    } else {
        put_shaped(w, put, id,
                   id == INSP_SHAPE_PORT ? (const void *) record->port
                                         : record);
    }
    return true;
}

unsigned int
insp_ipfix_gone(struct insp_ipfix_writer *w, struct insp_put *put,
                uint64_t wall_ns, uint32_t port_id)
{
    struct insp_record record = { .type = INSP_RECORD_PORT_GONE,
                                  .time_ns = wall_ns,
                                  .port_id = port_id };
    unsigned int n = 0;

    for (size_t i = 0; i < w->n_domains; i++) {
        uint64_t key = (uint64_t) w->domains[i].id << 32 | port_id;

        if (!known_has(w, key)) {
            continue;
        }
        known_remove(w, key);
        record.inspector = w->domains[i].id;
        if (require(w, put, wall_ns, record.inspector,
                    w->worst[INSP_SHAPE_PORT_GONE] + SET_HEADER + 3)) {
            put_shaped(w, put, INSP_SHAPE_PORT_GONE, &record);
            n++;
        }
    }
    return n;
}

void
insp_ipfix_writer_destroy(struct insp_ipfix_writer *w)
{
    if (w) {
        free(w->domains);
        free(w->known);
        free(w->scratch);
        free(w);
    }
}
