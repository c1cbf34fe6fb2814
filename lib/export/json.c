/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A loop over the rows of record.def.  Each row names the object that its key
 * stands in; when that is another one than the row before had, objects are
 * closed and opened on the way from one to the other.  An object none of whose
 * rows has a value is never opened.  Rows of one object stand together, so
 * that no key comes twice.
 *
 * The object of a protocol is a loop over its values, which stand in the
 * order of field.def: the same, only that the objects inside it are named by
 * the keys themselves ("ja3.hash").
 */

#include <stdio.h>

#include "base/utf8.h"
#include "export/json.h"
#include "record/app-fields.h"
#include "record/fields.h"

struct writer {
    struct insp_put *put;
    enum insp_json_object open;
    bool comma; /* Something stands in the open object. */
};

struct context {
    const char *sensor;
    const struct insp_shape *shape;
    const struct insp_record *record; /* NULL for an identity. */
    const struct insp_port *const *ports;
};

static void
put_number(struct insp_put *put, uint64_t value)
{
    uint64_t limit = 10;
    size_t n = 1;
    uint8_t *to;

    while (value >= limit && n < 20) {
        n++;
        limit = n < 20 ? 10 * limit : 0;
    }
    to = insp_put_reserve(put, n);
    while (to && n-- > 0) {
        to[n] = (uint8_t) ('0' + value % 10);
        value /= 10;
    }
}

static void
put_hex(struct insp_put *put, uint64_t value, unsigned int n_digits)
{
    uint8_t *to = insp_put_reserve(put, n_digits);

    for (unsigned int i = n_digits; to && i-- > 0; value >>= 4) {
        to[i] = (uint8_t) "0123456789abcdef"[value & 15];
    }
}

static void
put_decimals(uint8_t *to, unsigned int n_digits, uint64_t value)
{
    for (unsigned int i = n_digits; i-- > 0; value /= 10) {
        to[i] = (uint8_t) ('0' + value % 10);
    }
}

void
insp_json_put_string(struct insp_put *put, const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *) text, *end = at + size;

    insp_put_u8(put, '"');
    while (at < end) {
        const uint8_t *run = at;
        size_t n = 1;

        at += insp_plain_size(at, end);
        insp_put_bytes(put, run, (size_t) (at - run));
        if (at == end) {
            break;
        }
        if (*at == '"' || *at == '\\') {
            insp_put_u8(put, '\\');
            insp_put_u8(put, *at);
        } else if (*at < 0x20) {
            insp_put_text(put, "\\u00");
            put_hex(put, *at, 2);
        } else if ((n = insp_utf8_size(at, end)) != 0) {
            insp_put_bytes(put, at, n);
        } else {
            insp_put_text(put, "\xef\xbf\xbd");
            n = 1;
        }
        at += n;
    }
    insp_put_u8(put, '"');
}

static void
put_word(struct insp_put *put, const char *word)
{
    size_t size = strlen(word);
    uint8_t *to = insp_put_reserve(put, size + 2);

    if (to) {
        *to++ = '"';
        memcpy(to, word, size);
        to[size] = '"';
    }
}

/* A word, or the number as text when it has none. */
static void
put_word_or_number(struct insp_put *put, const char *word, uint64_t value)
{
    if (word) {
        put_word(put, word);
    } else {
        insp_put_u8(put, '"');
        put_number(put, value);
        insp_put_u8(put, '"');
    }
}

/* "2026-11-22T23:59:59.123456+0000".  The date is counted in years that
 * begin in March, so that the leap day comes last (all integer, Gregorian). */
static void
put_time(struct insp_put *put, uint64_t ns)
{
    uint64_t seconds = ns / 1000000000, days = seconds / 86400 + 719468;
    uint64_t era = days / 146097, day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153;
    uint8_t *to = insp_put_reserve(put, 33);

    if (!to) {
        return;
    }
    memcpy(to, "\"0000-00-00T00:00:00.000000+0000\"", 33);
    put_decimals(to + 1, 4, year + era * 400 + (month >= 10));
    put_decimals(to + 6, 2, month < 10 ? month + 3 : month - 9);
    put_decimals(to + 9, 2, of_year - (153 * month + 2) / 5 + 1);
    put_decimals(to + 12, 2, seconds / 3600 % 24);
    put_decimals(to + 15, 2, seconds / 60 % 60);
    put_decimals(to + 18, 2, seconds % 60);
    put_decimals(to + 21, 6, ns / 1000 % 1000000);
}

static void
put_ip4(struct insp_put *put, const uint8_t *addr)
{
    insp_put_u8(put, '"');
    for (unsigned int i = 12; i < 16; i++) {
        put_number(put, addr[i]);
        insp_put_u8(put, i < 15 ? '.' : '"');
    }
}

/* RFC 5952: the longest run of two or more zero groups becomes "::".  An
 * IPv4-mapped address stays hexadecimal: it is IPv6 that was on the wire. */
static void
put_ip6(struct insp_put *put, const uint8_t *addr)
{
    unsigned int run = 8, run_size = 1;

    for (unsigned int i = 0; i < 8; i++) {
        unsigned int n = 0;

        while (i + n < 8 && !addr[2 * (i + n)] && !addr[2 * (i + n) + 1]) {
            n++;
        }
        if (n > run_size) {
            run = i;
            run_size = n;
        }
    }
    insp_put_u8(put, '"');
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int group = (unsigned int) addr[2 * i] << 8 | addr[2 * i + 1];

        if (i == run) {
            insp_put_text(put, "::");
            i += run_size - 1;
            continue;
        }
        if (i && i != run + run_size) {
            insp_put_u8(put, ':');
        }
        put_hex(put, group,
                group > 0xfff  ? 4
                : group > 0xff ? 3
                : group > 0xf  ? 2
                               : 1);
    }
    insp_put_u8(put, '"');
}

static void
put_mac(struct insp_put *put, const uint8_t *mac)
{
    for (unsigned int i = 0; i < 6; i++) {
        insp_put_u8(put, i ? ':' : '"');
        put_hex(put, mac[i], 2);
    }
    insp_put_u8(put, '"');
}

static void
put_zone(struct insp_put *put, const struct insp_zone *zone)
{
    static const char *const words[INSP_N_ZONE_KINDS] = {
        [INSP_ZONE_EXPLICIT] = "explicit", [INSP_ZONE_PAIR] = "pair",
        [INSP_ZONE_PORT] = "port",         [INSP_ZONE_BRIDGE] = "bridge",
        [INSP_ZONE_GROUP] = "group",
    };

    insp_put_u8(put, '"');
    if (zone->kind < INSP_N_ZONE_KINDS) {
        insp_put_text(put, words[zone->kind]);
    } else {
        put_number(put, zone->kind);
    }
    insp_put_u8(put, ':');
    put_number(put, zone->a);
    if (zone->b) {
        insp_put_u8(put, '-');
        put_number(put, zone->b);
    }
    insp_put_u8(put, '"');
}

/* "key=value" lines as an object. */
static void
put_keys(struct insp_put *put, const char *lines, size_t size)
{
    const char *end = lines + strnlen(lines, size);
    char before = '{';

    while (lines < end) {
        const char *line_end = memchr(lines, '\n', (size_t) (end - lines));
        const char *equals;

        line_end = line_end ? line_end : end;
        equals = memchr(lines, '=', (size_t) (line_end - lines));
        if (equals) {
            insp_put_u8(put, (uint8_t) before);
            before = ',';
            insp_json_put_string(put, lines, (size_t) (equals - lines));
            insp_put_u8(put, ':');
            insp_json_put_string(put, equals + 1,
                                 (size_t) (line_end - equals - 1));
        }
        lines = line_end + (line_end < end);
    }
    if (before == '{') {
        insp_put_u8(put, '{');
    }
    insp_put_u8(put, '}');
}

static const char *
proto_word(uint8_t proto)
{
    switch (proto) {
    case INSP_PROTO_ICMP: return "ICMP";
    case INSP_PROTO_TCP: return "TCP";
    case INSP_PROTO_UDP: return "UDP";
    case INSP_PROTO_ICMPV6: return "IPv6-ICMP";
    case INSP_PROTO_SCTP: return "SCTP";
    default: return NULL;
    }
}

/* As Suricata says why a flow ended. */
static const char *
end_word_of_eve(uint8_t reason)
{
    switch (reason) {
    case INSP_END_NONE: return "active";
    case INSP_END_IDLE:
    case INSP_END_HALF_OPEN:
    case INSP_END_CLOSED: return "timeout";
    case INSP_END_SUPERSEDED: return "tcp_reuse";
    case INSP_END_FLUSHED: return "shutdown";
    default: return "forced";
    }
}

/* Closes and opens objects until 'to' is the one being written. */
static void
enter_object(struct writer *w, enum insp_json_object to)
{
    enum insp_json_object parent = insp_json_places[to].parent;

    if (w->open == to) {
        return;
    }
    while (w->open != INSP_OBJECT_TOP && w->open != parent) {
        insp_put_u8(w->put, '}');
        w->open = insp_json_places[w->open].parent;
        w->comma = true;
    }
    if (w->open == to) {
        return;
    } else if (w->open != parent) {
        enter_object(w, parent);
    }
    if (w->comma) {
        insp_put_u8(w->put, ',');
    }
    insp_put_u8(w->put, '"');
    insp_put_text(w->put, insp_json_places[to].key);
    insp_put_text(w->put, "\":{");
    w->open = to;
    w->comma = false;
}

static void
put_key(struct writer *w, const struct insp_field *field)
{
    const char *key;
    size_t size;

    if (w->open != field->object) {
        enter_object(w, field->object);
    }
    key = field->json + !w->comma;
    size = field->json_size + (size_t) w->comma;
    w->comma = true;
    if (!w->put->full && insp_put_left(w->put) > INSP_JSON_KEY) {
        memcpy(w->put->at, key, INSP_JSON_KEY + 1);
        w->put->at += size;
    } else {
        insp_put_bytes(w->put, key, size);
    }
}

static bool
is_due(const struct insp_field *field, const struct insp_record *record)
{
    uint8_t proto;

    if (field->when <= INSP_WHEN_NONZERO) {
        return true;
    }
    if (field->when == INSP_WHEN_ALERT) {
        return record->conn.alert;
    }
    proto = record->conn.proto;
    return (field->when == INSP_WHEN_TCP ? proto == INSP_PROTO_TCP
            : field->when == INSP_WHEN_PORTS
                ? insp_proto_has_ports(proto)
                : proto == INSP_PROTO_ICMP || proto == INSP_PROTO_ICMPV6);
}

/* Values of protocols. */

static void
put_hex_string(struct insp_put *put, const uint8_t *bytes, size_t size)
{
    insp_put_u8(put, '"');
    for (size_t i = 0; i < size; i++) {
        put_hex(put, bytes[i], 2);
    }
    insp_put_u8(put, '"');
}

static void
put_address(struct insp_put *put, const uint8_t *bytes, size_t size)
{
    uint8_t mapped[16] = { 0 };

    if (size == 16) {
        put_ip6(put, bytes);
    } else {
        memcpy(mapped + 12, bytes, 4);
        put_ip4(put, mapped);
    }
}

static void
put_value(struct insp_put *put, const struct insp_value *v)
{
    switch ((enum insp_value_kind) insp_app_fields[v->field].kind) {
    case INSP_VALUE_UINT: put_number(put, v->number); break;
    case INSP_VALUE_BOOL:
        insp_put_text(put, v->number ? "true" : "false");
        break;
    case INSP_VALUE_TIME: put_time(put, v->number); break;
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS: put_address(put, v->bytes, v->size); break;
    case INSP_VALUE_MAC: put_mac(put, v->bytes); break;
    case INSP_VALUE_HEX: put_hex_string(put, v->bytes, v->size); break;
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST:
    case INSP_VALUE_GROUP:
    case INSP_VALUE_RAW:
        insp_json_put_string(put, (const char *) v->bytes, v->size);
        break;
    }
}

static void
put_list(struct insp_put *put, const struct insp_app_run *run)
{
    const uint8_t *at = run->start;
    struct insp_value v;
    char before = '[';

    while (insp_value_next(&at, run->end, &v)) {
        insp_put_u8(put, (uint8_t) before);
        put_value(put, &v);
        before = ',';
    }
    insp_put_u8(put, ']');
}

/* Of "key=value" the key, with its '='. */
static size_t
key_size(const struct insp_value *v)
{
    const uint8_t *equals = memchr(v->bytes, '=', v->size);

    return equals ? (size_t) (equals - v->bytes) + 1 : v->size;
}

/* The values in [at, end) that begin with 'key'; how many there were, of
 * which none is written to NULL. */
static unsigned int
put_group_list(struct insp_put *put, const uint8_t *at, const uint8_t *end,
               const uint8_t *key, size_t size)
{
    unsigned int n = 0;
    struct insp_value v;

    while (insp_value_next(&at, end, &v)) {
        if (v.size >= size && !memcmp(v.bytes, key, size)) {
            if (put) {
                insp_put_u8(put, n ? ',' : '[');
                insp_json_put_string(put, (const char *) v.bytes + size,
                                     v.size - size);
            }
            n++;
        }
    }
    return n;
}

/* "A=1", "B=2", "A=3" as {"A":["1","3"],"B":["2"]}. */
static void
put_group(struct insp_put *put, const struct insp_app_run *run)
{
    const uint8_t *at = run->start, *start = at;
    struct insp_value v;
    char before = '{';

    for (; insp_value_next(&at, run->end, &v); start = at) {
        size_t size = key_size(&v);

        if (put_group_list(NULL, run->start, start, v.bytes, size)) {
            continue; /* Stands there already. */
        }
        insp_put_u8(put, (uint8_t) before);
        before = ',';
        insp_json_put_string(put, (const char *) v.bytes, size - 1);
        insp_put_u8(put, ':');
        (void) put_group_list(put, start, run->end, v.bytes, size);
        insp_put_u8(put, ']');
    }
    insp_put_u8(put, '}');
}

/* The objects that are open inside a protocol's. */
struct nest {
    struct insp_put *put;
    const char *open; /* "ja3." */
    size_t size;
    bool comma;
};

/* Closes and opens objects until those of 'key' are open, and returns what is
 * left of it. */
static const char *
enter_nest(struct nest *nest, const char *key)
{
    const char *dot = strrchr(key, '.');
    size_t size = dot ? (size_t) (dot - key) + 1 : 0, common = 0;

    for (size_t i = 0; i < INSP_MIN(size, nest->size); i++) {
        if (key[i] != nest->open[i]) {
            break;
        }
        common = key[i] == '.' ? i + 1 : common;
    }
    for (size_t i = common; i < nest->size; i++) {
        if (nest->open[i] == '.') {
            insp_put_u8(nest->put, '}');
            nest->comma = true;
        }
    }
    nest->open = key;
    nest->size = size;
    for (size_t i = common; i < size; i++) {
        size_t length = strcspn(key + i, ".");

        insp_put_text(nest->put, nest->comma ? ",\"" : "\"");
        insp_put_bytes(nest->put, key + i, length);
        insp_put_text(nest->put, "\":{");
        nest->comma = false;
        i += length;
    }
    return key + size;
}

static void
put_values(struct insp_put *put, const struct insp_values *values)
{
    struct nest nest = { put, "", 0, false };
    const uint8_t *at = values->bytes;
    struct insp_app_run run;

    insp_put_u8(put, '{');
    while (insp_app_run_next(&at, values->bytes + values->size, &run)) {
        const struct insp_app_field_info *info = &insp_app_fields[run.field];
        const char *key = enter_nest(&nest, info->key);
        struct insp_value v;

        insp_put_text(put, nest.comma ? ",\"" : "\"");
        insp_put_text(put, key);
        insp_put_text(put, "\":");
        nest.comma = true;
        if (info->kind == INSP_VALUE_LIST || info->kind == INSP_VALUE_IPS) {
            put_list(put, &run);
        } else if (info->kind == INSP_VALUE_GROUP) {
            put_group(put, &run);
        } else if (insp_value_next(&run.start, run.end, &v)) {
            put_value(put, &v);
        }
    }
    (void) enter_nest(&nest, "");
    insp_put_u8(put, '}');
}

/* The object that is called like the protocol. */
static void
put_app(struct writer *w, const struct insp_values *values)
{
    enter_object(w, INSP_OBJECT_TOP);
    insp_put_text(w->put, w->comma ? ",\"" : "\"");
    insp_put_text(w->put, insp_app_word(values->app));
    insp_put_text(w->put, "\":");
    put_values(w->put, values);
    w->comma = true;
}

static void put_fields(struct writer *, const struct context *,
                       const void *base);

static void
put_identity(struct writer *w, const struct insp_port *port)
{
    struct writer inner = { w->put, INSP_OBJECT_TOP, false };
    struct context context = { .shape = &insp_shapes[INSP_SHAPE_PORT] };

    insp_put_u8(w->put, '{');
    put_fields(&inner, &context, port);
    insp_put_u8(w->put, '}');
}

/* A field whose value alone says how it looks. */
static void
put_plain(struct writer *w, const struct insp_field *field,
          const uint8_t *member)
{
    bool always = field->when != INSP_WHEN_NONZERO;
    uint64_t value = 0;

    if (field->kind == INSP_KIND_TEXT || field->kind == INSP_KIND_KEYS) {
        value = member[0];
    } else if (field->kind == INSP_KIND_MAC) {
        for (unsigned int i = 0; i < field->size; i++) {
            value |= member[i];
        }
    } else if (field->size <= 8) {
        value = insp_member_read(member, field->size);
    }
    if (!always && !value) {
        return;
    }
    put_key(w, field);
    switch ((enum insp_field_kind) field->kind) {
    case INSP_KIND_UINT:
    case INSP_KIND_L4PORT: put_number(w->put, value); break;
    case INSP_KIND_WORD:
    case INSP_KIND_BOOL:
        put_word_or_number(w->put, insp_word(field->param, value), value);
        break;
    case INSP_KIND_TIME: put_time(w->put, value); break;
    case INSP_KIND_IP4: put_ip4(w->put, member); break;
    case INSP_KIND_IP6: put_ip6(w->put, member); break;
    case INSP_KIND_MAC: put_mac(w->put, member); break;
    case INSP_KIND_TEXT:
        insp_json_put_string(w->put, (const char *) member,
                             strnlen((const char *) member, field->size));
        break;
    case INSP_KIND_KEYS:
        put_keys(w->put, (const char *) member, field->size);
        break;
    case INSP_KIND_PROTO:
        put_word_or_number(w->put, proto_word((uint8_t) value), value);
        break;
    case INSP_KIND_VLAN:
        insp_put_u8(w->put, '[');
        put_number(w->put, value);
        insp_put_u8(w->put, ']');
        break;
    case INSP_KIND_ZONE:
        put_zone(w->put,
                 (const struct insp_zone
                      *) (const void *) (member -
                                         offsetof(struct insp_zone, kind)));
        break;
    case INSP_KIND_STATE:
        put_word(w->put, value & INSP_CONN_CLOSED        ? "closed"
                         : value & INSP_CONN_ESTABLISHED ? "established"
                                                         : "new");
        break;
    case INSP_KIND_TCP_HEX:
        insp_put_u8(w->put, '"');
        put_hex(w->put, field->size > 1 ? member[0] | member[1] : member[0],
                2);
        insp_put_u8(w->put, '"');
        break;
    case INSP_KIND_HEX16:
        insp_put_text(w->put, "\"0x");
        put_hex(w->put, value, 4);
        insp_put_u8(w->put, '"');
        break;
    case INSP_KIND_END_EVE:
        put_word(w->put, end_word_of_eve((uint8_t) value));
        break;
    case INSP_KIND_INTERIM:
        insp_put_text(w->put, value == INSP_END_NONE ? "true" : "false");
        break;
    case INSP_KIND_PORT_ID:
    case INSP_KIND_APP:
    case INSP_KIND_APP_FIELDS:
    case INSP_KIND_APP_CUT:
    case INSP_KIND_APP_NAME:
    case INSP_KIND_TYPECODE:
    case INSP_KIND_TEXT_AGAIN:
    case INSP_KIND_END_IPFIX:
    case INSP_KIND_FIREWALL:
    case INSP_KIND_EVENT:
    case INSP_KIND_SENSOR_NAME:
    case INSP_KIND_COMMUNITY:
    case INSP_KIND_AGE:
    case INSP_KIND_TCP_FLAG:
    case INSP_KIND_STATE_BIT: break;
    }
}

static const char *
event_type(const struct context *c)
{
    switch (c->record->type) {
    case INSP_RECORD_APP: return insp_app_word(c->record->app.values->app);
    case INSP_RECORD_CONNECTION:
        if (c->record->conn.alert) {
            return "alert";
        }
        break;
    default: break;
    }
    return c->shape->event_type;
}

static void
put_fields(struct writer *w, const struct context *c, const void *base)
{
    for (unsigned int i = 0; i < c->shape->n_fields; i++) {
        const struct insp_field *field = &c->shape->fields[i];
        const uint8_t *member = (const uint8_t *) base + field->offset;
        const struct insp_record_connection *conn;
        char text[INSP_COMMUNITY_ID_SIZE];
        const char *word;

        if (field->kind == INSP_KIND_APP_FIELDS) {
            put_app(w, c->record->app.values);
        }
        if (!field->json_size || !is_due(field, c->record)) {
            continue;
        }
        switch ((int) field->kind) {
        case INSP_KIND_EVENT:
            put_key(w, field);
            put_word(w->put, event_type(c));
            break;
        case INSP_KIND_SENSOR_NAME:
            put_key(w, field);
            insp_json_put_string(w->put, c->sensor, strlen(c->sensor));
            break;
        case INSP_KIND_COMMUNITY:
            insp_community_id(&c->record->conn, 0, text);
            if (text[0]) {
                put_key(w, field);
                put_word(w->put, text);
            }
            break;
        case INSP_KIND_AGE:
            conn = &c->record->conn;
            put_key(w, field);
            put_number(w->put,
                       conn->end_ns > conn->start_ns
                           ? (conn->end_ns - conn->start_ns) / 1000000000
                           : 0);
            break;
        case INSP_KIND_PORT_ID:
            if (c->ports[field->param]) {
                put_key(w, field);
                put_identity(w, c->ports[field->param]);
            }
            break;
        case INSP_KIND_APP:
            word = insp_word(INSP_WORDS_APP, *member);
            if (word) {
                put_key(w, field);
                put_word(w->put, word);
            }
            break;
        case INSP_KIND_APP_CUT:
            if (c->record->app.values->is_cut) {
                put_key(w, field);
                insp_put_text(w->put, "true");
            }
            break;
        case INSP_KIND_TCP_FLAG:
            if ((member[0] | member[1]) & field->param) {
                put_key(w, field);
                insp_put_text(w->put, "true");
            }
            break;
        case INSP_KIND_STATE_BIT:
            if (member[0] & field->param) {
                put_key(w, field);
                insp_put_text(w->put, "true");
            }
            break;
        default: put_plain(w, field, member); break;
        }
    }
}

bool
insp_json_put(struct insp_put *put, const char *sensor,
              const struct insp_record *record,
              const struct insp_port *const ports[2])
{
    enum insp_shape_id id = insp_record_shape(record);
    struct writer w = { put, INSP_OBJECT_TOP, false };
    struct context context = { sensor, NULL, record, ports };
    struct insp_put before = *put;

    if (id == INSP_N_SHAPES || !insp_shapes[id].event_type) {
        return true;
    }
    context.shape = &insp_shapes[id];
    insp_put_u8(put, '{');
    put_fields(&w, &context, record);
    for (; w.open != INSP_OBJECT_TOP;
         w.open = insp_json_places[w.open].parent) {
        insp_put_u8(put, '}');
    }
    insp_put_text(put, "}\n");
    if (put->full) {
        *put = before;
        return false;
    }
    return true;
}
