/* SPDX-License-Identifier: Apache-2.0 */
/* Records for tests
 * =================
 *
 * Random and extreme records and identities, and the line that each gives.
 *
 * Above:    test-json.c, test-ipfix.c, test-uplink.c.   Below:  lib/export/.
 * Threads:  one.
 * Memory:   the caller's, who frees what a record owns by
 *           insp_record_uninit().
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_TEST_RECORDS_H
#define INSP_TEST_RECORDS_H 1

#include <stdio.h>
#include <stdlib.h>

#include "export/json.h"
#include "record/app-fields.h"
#include "record/record.h"

static inline uint64_t
some_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Numbers as extreme as they come about half of the time. */
static inline uint64_t
some_number(uint64_t *state, unsigned int n_bits)
{
    uint64_t mask = n_bits < 64 ? (UINT64_C(1) << n_bits) - 1 : UINT64_MAX;
    uint64_t r = some_random(state);

    switch (r >> 61) {
    case 0: return 0;
    case 1: return mask;
    case 2: return mask >> 1;
    case 3: return 1;
    default: return some_random(state) & mask;
    }
}

/* From 1970 to 2104, what NTP's form can say. */
static inline uint64_t
some_time(uint64_t *state)
{
    static const uint64_t edges[] = {
        0,
        1,
        999999999,
        1000000000,
        UINT64_C(2085978495999999999),
        UINT64_C(2085978496000000000),
        UINT64_C(2085978496000000001),
        UINT64_C(951825599999999999),
        UINT64_C(951825600000000000),
        UINT64_C(1709164800123456789),
        UINT64_C(4102444799999999999),
    };
    uint64_t r = some_random(state);

    return r & 1 ? edges[(r >> 1) % INSP_ARRAY_SIZE(edges)]
                 : (r >> 1) % UINT64_C(4230000000000000000);
}

/* Text, some of it hostile. */
static inline void
some_text(uint64_t *state, char *text, size_t size)
{
    static const char *const pieces[] = {
        "tap0",
        "\"",
        "\\",
        "\xff",
        "\xc3\xa9",
        "\x01",
        "\x7f",
        "\xe2\x82",
        "\xf0\x9f\x98\x80",
        "</script>",
        "=",
        "\n",
        "web-1",
        "\xed\xa0\x80",
        "\xc0\x80",
    };
    size_t n = some_random(state) % 12, length = 0;

    memset(text, 0, size);
    while (n--) {
        const char *piece =
            pieces[some_random(state) % INSP_ARRAY_SIZE(pieces)];

        if (length + strlen(piece) >= size) {
            break;
        }
        memcpy(text + length, piece, strlen(piece));
        length += strlen(piece);
    }
}

static inline void
some_port(uint64_t *state, struct insp_port *port, uint32_t id)
{
    memset(port, 0, sizeof *port);
    port->id = id;
    port->bridge_id = (uint32_t) some_number(state, 32);
    port->role = (enum insp_port_role)(some_random(state) % 3);
    port->vlan = (uint16_t) some_number(state, 12);
    for (unsigned int i = 0; i < 6; i++) {
        port->mac[i] = (uint8_t) some_number(state, 8);
    }
    some_text(state, port->name, sizeof port->name);
    some_text(state, port->bridge, sizeof port->bridge);
    some_text(state, port->iface_id, sizeof port->iface_id);
    some_text(state, port->vm_id, sizeof port->vm_id);
    some_text(state, port->extra, sizeof port->extra);
    if (some_random(state) & 1) {
        snprintf(port->extra, sizeof port->extra,
                 "project=p-%u\nsecurity-groups=web,db\n=\nnothing\n", id);
    }
}

static inline void
some_zone(uint64_t *state, struct insp_zone *zone)
{
    zone->kind = (uint8_t) (some_random(state) % (INSP_N_ZONE_KINDS + 1));
    zone->a = (uint32_t) some_number(state, 32);
    zone->b = (uint32_t) some_number(state, 32);
    zone->vlan = (uint16_t) some_number(state, 12);
}

static inline void
some_connection(uint64_t *state, struct insp_record_connection *c)
{
    static const uint8_t protos[] = { 1, 6, 17, 58, 132, 47, 0, 255 };
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0,    0,
                                        0, 0, 0, 0, 0xff, 0xff };

    c->flow_id = some_number(state, 53);
    c->start_ns = some_time(state);
    c->end_ns = some_time(state);
    c->ip_version = some_random(state) & 1 ? 4 : 6;
    c->proto = protos[some_random(state) % sizeof protos];
    for (unsigned int i = 0; i < 2; i++) {
        c->packets[i] = some_number(state, 64);
        c->bytes[i] = some_number(state, 64);
        c->l4_port[i] = (uint16_t) some_number(state, 16);
        c->port_id[i] = (uint32_t) (some_random(state) % 4);
        c->rtt_us[i] = (uint32_t) some_number(state, 32);
        c->retransmitted[i] = (uint32_t) some_number(state, 32);
        c->out_of_order[i] = (uint16_t) some_number(state, 16);
        c->tcp_flags[i] = (uint8_t) some_number(state, 8);
        for (unsigned int j = 0; j < 16; j++) {
            c->addr[i][j] = (uint8_t) some_number(state, 8);
        }
        if (c->ip_version == 4) {
            memcpy(c->addr[i], mapped, 12);
        }
    }
    some_zone(state, &c->zone);
    c->policy_version = (uint32_t) some_number(state, 32);
    c->icmp_type = (uint8_t) some_number(state, 8);
    c->icmp_code = (uint8_t) some_number(state, 8);
    c->state = (uint8_t) some_number(state, 8);
    c->end_reason = (uint8_t) (some_random(state) % (INSP_N_ENDS + 1));
    c->verdict = (uint8_t) (some_random(state) % 5);
    c->intra_host = some_random(state) & 1;
    c->app = (uint8_t) (some_random(state) % (INSP_N_APPS + 2));
}

/* A value for 'field', whatever its kind; 'text' is where its bytes go. */
static inline void
some_value(uint64_t *state, enum insp_app_field field, char text[512],
           struct insp_value *v)
{
    static const char *const keys[] = { "A=", "B=", "\xff\"=", "=", "" };
    uint8_t kind = insp_app_fields[field].kind;

    *v = (struct insp_value){ .field = field, .bytes = (uint8_t *) text };
    if (some_random(state) % 16 == 0) {
        v->size = some_random(state) % 512;
        for (size_t i = 0; i < v->size; i++) {
            text[i] = (char) some_random(state);
        }
    } else if (kind == INSP_VALUE_GROUP) {
        const char *key = keys[some_random(state) % INSP_ARRAY_SIZE(keys)];

        strcpy(text, key);
        some_text(state, text + strlen(key), 64);
        v->size = strlen(text);
    } else {
        some_text(state, text, 64);
        if (some_random(state) % 4 == 0) {
            strcat(text, ",\\n\\");
        }
        v->size = strlen(text);
    }
    switch (kind) {
    case INSP_VALUE_UINT: v->number = some_number(state, 64); break;
    case INSP_VALUE_BOOL: v->number = some_number(state, 2); break;
    case INSP_VALUE_TIME:
        v->number =
            some_random(state) % 4 ? some_time(state) : some_number(state, 64);
        if (some_random(state) & 1) {
            v->number -= v->number % 1000000000;
        }
        break;
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS:
    case INSP_VALUE_MAC:
        v->size = kind == INSP_VALUE_MAC ? 6 : some_random(state) & 1 ? 4 : 16;
        for (size_t i = 0; i < v->size; i++) {
            text[i] = (char) some_number(state, 8);
        }
        if (some_random(state) % 8 == 0) {
            memset(text, 0, v->size);
        } else if (some_random(state) % 8 == 0) {
            v->size = 7;
        }
        break;
    default: break;
    }
}

/* Values of any protocol that has rows, in any order, tidied. */
static inline struct insp_values *
some_values(uint64_t *state)
{
    enum {
        ROOM = 16384
    };
    uint8_t *bytes = malloc(ROOM);
    struct insp_values *values;
    struct insp_app_rows rows;
    enum insp_app app;
    size_t size = 0, n;

    do {
        app = (enum insp_app)(some_random(state) % INSP_N_APPS_TOLD);
        rows = insp_app_rows(app);
    } while (!rows.n);
    n = some_random(state) % (some_random(state) % 64 == 0 ? 400 : 40);
    for (size_t i = 0; i < n; i++) {
        unsigned int field = rows.first + some_random(state) % rows.n;
        struct insp_value v;
        char text[512];

        some_value(state, (enum insp_app_field) field, text, &v);
        size += insp_value_put(bytes + size, ROOM - size, &v);
    }
    values = insp_values_tidy(app, some_random(state) % 4 == 0, bytes, size);
    free(bytes);
    return values;
}

/* Any record that has a line, of inspector 1 to 3, with port ids 0 to 3. */
static inline void
some_record(uint64_t *state, struct insp_record *r)
{
    memset(r, 0, sizeof *r);
    r->inspector = (uint32_t) (1 + some_random(state) % 3);
    r->time_ns = some_time(state);
    switch (some_random(state) % 8) {
    case 0:
        r->type = INSP_RECORD_REMAINDER;
        r->remainder.start_ns = some_time(state);
        r->remainder.end_ns = some_time(state);
        r->remainder.packets = some_number(state, 64);
        r->remainder.bytes = some_number(state, 64);
        r->remainder.port_id[0] = (uint32_t) (some_random(state) % 4);
        r->remainder.port_id[1] = (uint32_t) (some_random(state) % 4);
        some_zone(state, &r->remainder.zone);
        r->remainder.ethertype = (uint16_t) some_number(state, 16);
        r->remainder.reason =
            (uint8_t) (some_random(state) % (INSP_N_REMAINDERS + 2));
        if (r->remainder.reason == INSP_N_REMAINDERS) {
            r->remainder.reason = INSP_REASON_CATCH_ALL;
        }
        break;
    case 1:
        r->type = INSP_RECORD_SENSOR;
        r->sensor.seen_packets = some_number(state, 64);
        r->sensor.seen_bytes = some_number(state, 64);
        r->sensor.inspected_packets = some_number(state, 64);
        r->sensor.inspected_bytes = some_number(state, 64);
        r->sensor.skipped_packets = some_number(state, 64);
        r->sensor.lost_packets = some_number(state, 64);
        r->sensor.dropped_packets = some_number(state, 64);
        r->sensor.begun = some_number(state, 64);
        r->sensor.ended = some_number(state, 64);
        r->sensor.evicted = some_number(state, 64);
        r->sensor.connections = (uint32_t) some_number(state, 32);
        r->sensor.flow_limit = (uint32_t) some_number(state, 32);
        r->sensor.incarnation = (uint32_t) some_number(state, 32);
        r->sensor.shallow_packets = some_number(state, 64);
        r->sensor.depth = (uint8_t) (some_random(state) % INSP_N_DEPTHS);
        break;
    case 2:
        r->type = INSP_RECORD_LOSS;
        r->loss.records = some_number(state, 64);
        r->loss.packets = some_number(state, 64);
        r->loss.bytes = some_number(state, 64);
        r->loss.since_ns = some_time(state);
        break;
    case 5:
        r->type = INSP_RECORD_RESTART;
        r->restart.lost = some_number(state, 64);
        r->restart.recovered = some_number(state, 64);
        r->restart.since_ns = some_time(state);
        r->restart.last_ns = some_time(state);
        r->restart.incarnation = (uint32_t) some_number(state, 32);
        r->restart.previous = (uint32_t) some_number(state, 32);
        break;
    case 3:
    case 4:
        r->type = INSP_RECORD_APP;
        some_connection(state, &r->conn);
        memset(r->conn.packets, 0, sizeof r->conn.packets);
        memset(r->conn.bytes, 0, sizeof r->conn.bytes);
        r->conn.icmp_type = r->conn.icmp_code = 0;
        r->app.values = some_values(state);
        break;
    default:
        r->type = INSP_RECORD_CONNECTION;
        some_connection(state, &r->conn);
        break;
    }
}

/* An ordinary TCP connection from 10.0.0.1:40000 to 10.0.0.2:80. */
static inline void
some_ordinary(struct insp_record *r, uint64_t flow_id)
{
    static const uint8_t addr[2][16] = {
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1 },
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2 },
    };

    memset(r, 0, sizeof *r);
    r->type = INSP_RECORD_CONNECTION;
    r->inspector = 1;
    r->time_ns = UINT64_C(1763855999123456789);
    r->conn.flow_id = flow_id;
    r->conn.start_ns = UINT64_C(1763855990000001000);
    r->conn.end_ns = UINT64_C(1763855998999999000);
    r->conn.packets[0] = 5;
    r->conn.packets[1] = 4;
    r->conn.bytes[0] = 500;
    r->conn.bytes[1] = 4000;
    memcpy(r->conn.addr, addr, sizeof addr);
    r->conn.l4_port[0] = 40000;
    r->conn.l4_port[1] = 80;
    r->conn.port_id[0] = 1;
    r->conn.port_id[1] = 2;
    r->conn.zone = (struct insp_zone){ 1, 2, 0, INSP_ZONE_PAIR, 0 };
    r->conn.ip_version = 4;
    r->conn.proto = 6;
    r->conn.tcp_flags[0] = 0x1b;
    r->conn.tcp_flags[1] = 0x13;
    r->conn.rtt_us[0] = 120;
    r->conn.rtt_us[1] = 340;
    r->conn.state =
        INSP_CONN_ANSWERED | INSP_CONN_ESTABLISHED | INSP_CONN_CLOSED;
    r->conn.end_reason = INSP_END_CLOSED;
    r->conn.policy_version = 7;
    r->conn.intra_host = true;
}

#endif /* tests/unit/records.h */
