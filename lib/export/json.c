/* How it works
 * ------------
 *
 * A loop over the rows of record.def.  Each row names the object that its key
 * stands in; when that is another one than the row before had, objects are
 * closed and opened on the way from one to the other.  An object none of whose
 * rows has a value is never opened.  Rows of one object stand together, so
 * that no key comes twice.
 */

#include <stdio.h>

#include "export/json.h"
#include "export/utf8.h"
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
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char) ('0' + value % 10);
        value /= 10;
    } while (value);
    insp_put_bytes(put, digits + at, sizeof digits - at);
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

        while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' &&
               *at != '\\') {
            at++;
        }
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
    insp_put_u8(put, '"');
    insp_put_text(put, word);
    insp_put_u8(put, '"');
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
    if (w->open != field->object) {
        enter_object(w, field->object);
    }
    if (w->comma) {
        insp_put_u8(w->put, ',');
    }
    insp_put_bytes(w->put, field->json, field->json_size);
    w->comma = true;
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

static bool
is_alert(const struct context *c)
{
    return c->record->type == INSP_RECORD_CONNECTION && c->record->conn.alert;
}

static void
put_fields(struct writer *w, const struct context *c, const void *base)
{
    for (unsigned int i = 0; i < c->shape->n_fields; i++) {
        const struct insp_field *field = &c->shape->fields[i];
        const uint8_t *member = (const uint8_t *) base + field->offset;
        const struct insp_record_connection *conn;
        char text[INSP_COMMUNITY_ID_SIZE];

        if (!field->json_size || !is_due(field, c->record)) {
            continue;
        }
        switch ((int) field->kind) {
        case INSP_KIND_EVENT:
            put_key(w, field);
            put_word(w->put, is_alert(c) ? "alert" : c->shape->event_type);
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
