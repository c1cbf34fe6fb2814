/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     SEQUENCE { version, community, PDU }             RFC 1157, RFC 3416
 *     SEQUENCE { 3, { id, size, flags, model }, security parameters,
 *                { engine, context, PDU } or it encrypted }     RFC 3412
 *
 * A datagram that is one such SEQUENCE from its first byte to its last, with a
 * version that exists and what belongs behind it, is nothing else.
 *
 * A question begins a record, under its number (of the message in version 3,
 * where the other is often encrypted), and what comes back with that number
 * ends it: a response, or a report, which is how engines get to know each
 * other.  Traps have no answer.
 */

#include "app/ber.h"
#include "app/event.h"

#define VARS_MAX 16
#define TEXT_MAX 255
#define OID_MAX  256

enum {
    PDU_GET = 0xa0, /* Context, constructed. */
    PDU_RESPONSE = 0xa2,
    PDU_TRAP_V1 = 0xa4,
    PDU_TRAP_V2 = 0xa7,
    PDU_REPORT = 0xa8,

    IP_ADDRESS = 0x40, /* Application (RFC 2578, section 7.1.5). */

    MODEL_USM = 3,      /* RFC 3411, section 6. */
    FLAG_ENCRYPTED = 2, /* RFC 3412, section 6.4. */
};

struct message {
    uint8_t version; /* As people say it: 1, 2, 3. */
    struct insp_cursor community;
    bool is_encrypted;
    struct insp_cursor engine;
    struct insp_cursor user;
    uint8_t type; /* Of the PDU; 0: encrypted. */
    struct insp_cursor pdu;
    uint32_t id;
};

static bool
is_question(uint8_t type)
{
    return type >= PDU_GET && type < PDU_TRAP_V2 && type != PDU_RESPONSE &&
           type != PDU_TRAP_V1;
}

static bool
is_answer(uint8_t type)
{
    return type == PDU_RESPONSE || type == PDU_REPORT;
}

static bool
read_pdu(struct message *m, struct insp_cursor *c)
{
    return insp_ber_next(c, &m->type, &m->pdu) && m->type >= PDU_GET &&
           m->type <= PDU_REPORT;
}

/* RFC 3414, section 2.4: engine, boots, time, user, digest, salt. */
static bool
read_usm(struct message *m, struct insp_cursor *c)
{
    struct insp_cursor list;
    uint64_t n;

    return insp_ber_open(c, INSP_BER_SEQUENCE, &list) &&
           insp_ber_open(&list, INSP_BER_OCTETS, &m->engine) &&
           insp_ber_uint(&list, INSP_BER_INTEGER, &n) &&
           insp_ber_uint(&list, INSP_BER_INTEGER, &n) &&
           insp_ber_open(&list, INSP_BER_OCTETS, &m->user);
}

/* RFC 3412, section 6. */
static bool
read_v3(struct message *m, struct insp_cursor *c)
{
    struct insp_cursor head, flags, security, scoped, octets;
    uint64_t id, size, model;

    if (!insp_ber_open(c, INSP_BER_SEQUENCE, &head) ||
        !insp_ber_uint(&head, INSP_BER_INTEGER, &id) ||
        !insp_ber_uint(&head, INSP_BER_INTEGER, &size) ||
        !insp_ber_open(&head, INSP_BER_OCTETS, &flags) ||
        !insp_ber_uint(&head, INSP_BER_INTEGER, &model) ||
        insp_cursor_left(&flags) != 1 || size < 484 ||
        !insp_ber_open(c, INSP_BER_OCTETS, &security) ||
        (model == MODEL_USM && !read_usm(m, &security))) {
        return false;
    }
    m->id = (uint32_t) id;
    m->is_encrypted = *flags.at & FLAG_ENCRYPTED;
    if (m->is_encrypted) {
        return insp_ber_open(c, INSP_BER_OCTETS, &octets);
    }
    return insp_ber_open(c, INSP_BER_SEQUENCE, &scoped) &&
           insp_ber_open(&scoped, INSP_BER_OCTETS, &octets) &&
           insp_ber_open(&scoped, INSP_BER_OCTETS, &octets) &&
           read_pdu(m, &scoped);
}

static bool
read_message(struct message *m, const uint8_t *bytes, size_t size)
{
    struct insp_cursor c = insp_cursor(bytes, size), all;
    uint64_t version;

    memset(m, 0, sizeof *m);
    if (!insp_ber_open(&c, INSP_BER_SEQUENCE, &all) || insp_cursor_left(&c) ||
        !insp_ber_uint(&all, INSP_BER_INTEGER, &version)) {
        return false;
    }
    if (version == 3) {
        m->version = 3;
        return read_v3(m, &all);
    }
    m->version = (uint8_t) (version + 1);
    return version <= 1 &&
           insp_ber_open(&all, INSP_BER_OCTETS, &m->community) &&
           read_pdu(m, &all);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct message m;

    return r->proto == 17 && read_message(&m, r->bytes, r->size)
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

/* RFC 3416, section 3. */
static const char *
pdu_word(uint8_t type)
{
    static const char *const words[] = {
        "get_request",    "get_next_request", "response",
        "set_request",    "trap_v1",          "get_bulk_request",
        "inform_request", "trap_v2",          "report",
    };

    return words[type - PDU_GET];
}

static void
put_error(struct insp_event *e, uint64_t error)
{
    static const char *const words[] = {
        "no_error",
        "too_big",
        "no_such_name",
        "bad_value",
        "read_only",
        "gen_err",
        "no_access",
        "wrong_type",
        "wrong_length",
        "wrong_encoding",
        "wrong_value",
        "no_creation",
        "inconsistent_value",
        "resource_unavailable",
        "commit_failed",
        "undo_failed",
        "authorization_error",
        "not_writable",
        "inconsistent_name",
    };

    if (error) {
        insp_event_text(e, INSP_FIELD_SNMP_ERROR,
                        error < INSP_ARRAY_SIZE(words) ? words[error]
                                                       : "other");
    }
}

static void
put_oid(struct insp_event *e, enum insp_app_field field,
        const struct insp_cursor *oid)
{
    char text[OID_MAX];
    size_t size = insp_ber_oid_text(oid, text, sizeof text);

    if (size) {
        insp_event_bytes(e, field, text, size);
    }
}

/* SEQUENCE OF SEQUENCE { name, value }. */
static void
put_vars(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor list, var, oid;

    if (!insp_ber_open(c, INSP_BER_SEQUENCE, &list)) {
        return;
    }
    for (int i = 0; i < VARS_MAX && insp_cursor_left(&list); i++) {
        if (!insp_ber_open(&list, INSP_BER_SEQUENCE, &var) ||
            !insp_ber_open(&var, INSP_BER_OID, &oid)) {
            break;
        }
        put_oid(e, INSP_FIELD_SNMP_VARS, &oid);
    }
}

/* RFC 1157, section 4.1.6: enterprise, address, what happened, time, vars. */
static void
put_trap(struct insp_event *e, const struct insp_cursor *pdu)
{
    static const char *const words[] = {
        "cold_start",
        "warm_start",
        "link_down",
        "link_up",
        "authentication_failure",
        "egp_neighbor_loss",
        "enterprise_specific",
    };
    struct insp_cursor c = *pdu, body;
    uint64_t type, code;
    uint8_t tag;

    if (!insp_ber_open(&c, INSP_BER_OID, &body)) {
        return;
    }
    put_oid(e, INSP_FIELD_SNMP_TRAP_OID, &body);
    if (!insp_ber_open(&c, IP_ADDRESS, &body)) {
        return;
    }
    if (insp_cursor_left(&body) == 4) {
        insp_event_bytes(e, INSP_FIELD_SNMP_TRAP_ADDRESS, body.at, 4);
    }
    if (!insp_ber_uint(&c, INSP_BER_INTEGER, &type)) {
        return;
    }
    insp_event_text(e, INSP_FIELD_SNMP_TRAP_TYPE,
                    type < INSP_ARRAY_SIZE(words) ? words[type] : "other");
    if (insp_ber_uint(&c, INSP_BER_INTEGER, &code) &&
        insp_ber_next(&c, &tag, &body)) {
        put_vars(e, &c);
    }
}

/* Of other PDUs: number, error, where the error is, vars. */
static bool
read_head(const struct message *m, struct insp_cursor *c, uint32_t *id,
          uint64_t *error)
{
    struct insp_cursor body;
    int64_t number;

    *c = m->pdu;
    *id = 0;
    *error = 0;
    if (!insp_ber_open(c, INSP_BER_INTEGER, &body) ||
        !insp_ber_number(&body, &number)) {
        return false;
    }
    *id = (uint32_t) number;
    return insp_ber_uint(c, INSP_BER_INTEGER, error) &&
           insp_ber_open(c, INSP_BER_INTEGER, &body);
}

/* RFC 3411, section 5: neither has more than 32 bytes; who does not know the
 * engine yet leaves both out. */
static void
put_octets(struct insp_event *e, enum insp_app_field field,
           const struct insp_cursor *c)
{
    size_t size = INSP_MIN(insp_cursor_left(c), 32);

    if (size) {
        insp_event_bytes(e, field, c->at, size);
    }
}

static struct insp_event *
begin(struct insp_reading *r, const struct message *m, uint32_t id)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_SNMP, id);

    insp_event_uint(e, INSP_FIELD_SNMP_VERSION, m->version);
    if (m->version < 3) {
        insp_event_bytes(e, INSP_FIELD_SNMP_COMMUNITY, m->community.at,
                         INSP_MIN(insp_cursor_left(&m->community), TEXT_MAX));
    }
    put_octets(e, INSP_FIELD_SNMP_USM, &m->user);
    put_octets(e, INSP_FIELD_SNMP_ENGINE, &m->engine);
    if (m->is_encrypted) {
        insp_event_uint(e, INSP_FIELD_SNMP_ENCRYPTED, 1);
    } else {
        insp_event_text(e, INSP_FIELD_SNMP_PDU_TYPE, pdu_word(m->type));
    }
    if (m->type != PDU_TRAP_V1) {
        insp_event_uint(e, INSP_FIELD_SNMP_ID, id);
    }
    return e;
}

static void
read_answer(struct insp_reading *r, const struct message *m,
            struct insp_cursor *vars, uint32_t id, uint64_t error)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SNMP, id);

    if (e) {
        if (m->type) {
            insp_event_text(e, INSP_FIELD_SNMP_ANSWER, pdu_word(m->type));
        }
        insp_event_uint(e, INSP_FIELD_SNMP_LATENCY, insp_event_age_us(r, e));
    } else {
        e = begin(r, m, id);
        put_vars(e, vars);
    }
    put_error(e, error);
    insp_event_end(r, e);
}

/* Who began asks, when it cannot be seen. */
static void
read_encrypted(struct insp_reading *r, const struct message *m)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SNMP, m->id);

    if (r->side && e) {
        insp_event_uint(e, INSP_FIELD_SNMP_LATENCY, insp_event_age_us(r, e));
        insp_event_end(r, e);
    } else if (!e) {
        (void) begin(r, m, m->id);
    }
}

static void
read_clear(struct insp_reading *r, const struct message *m)
{
    struct insp_cursor c;
    struct insp_event *e;
    uint64_t error;
    uint32_t id;

    if (m->type == PDU_TRAP_V1) {
        e = begin(r, m, 0);
        put_trap(e, &m->pdu);
        insp_event_end(r, e);
        return;
    }
    (void) read_head(m, &c, &id, &error);
    id = m->version == 3 ? m->id : id;
    if (is_answer(m->type)) {
        read_answer(r, m, &c, id, error);
        return;
    }
    if (insp_event_find(r, INSP_APP_SNMP, id)) {
        return; /* Asked again. */
    }
    e = begin(r, m, id);
    put_vars(e, &c);
    if (!is_question(m->type)) {
        insp_event_end(r, e);
    }
}

static size_t
read_datagram(struct insp_reading *r)
{
    struct message m;

    if (read_message(&m, r->bytes, r->size)) {
        if (m.is_encrypted) {
            read_encrypted(r, &m);
        } else {
            read_clear(r, &m);
        }
    }
    return r->size;
}

const struct insp_reader insp_reader_snmp = {
    .detect = detect,
    .read = read_datagram,
};
