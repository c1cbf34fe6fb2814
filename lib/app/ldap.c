/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * LDAP (RFC 4511) is a row of BER elements, each a number and an operation.
 * A request begins a record, the answer with the same number ends it; entries
 * that a search finds are counted and passed.  Passwords are not looked at,
 * nor the values that are searched for or written.
 *
 * After StartTLS (section 4.14) TLS is next.  After a SASL login messages may
 * be wrapped (RFC 4422, section 3.7): they begin with a length instead of a
 * SEQUENCE, and nothing more is read.
 */

#include "app/ber.h"
#include "app/event.h"

#define WANT        2048 /* Of a message, bytes that are looked at... */
#define WANT_ENTRY  20   /* ... when it is something found. */
#define WANT_DETECT 20
#define LIST_MAX    16
#define FILTER_MAX  128 /* Elements of a filter. */
#define TEXT_MAX    256
#define N_SEARCHES  INSP_EVENTS_OPEN

enum {
    BIND_REQUEST = 0x60,
    BIND_RESPONSE = 0x61,
    UNBIND = 0x42,
    SEARCH_REQUEST = 0x63,
    SEARCH_ENTRY = 0x64,
    SEARCH_DONE = 0x65,
    MODIFY_REQUEST = 0x66,
    MODIFY_RESPONSE = 0x67,
    ADD_REQUEST = 0x68,
    ADD_RESPONSE = 0x69,
    DELETE_REQUEST = 0x4a,
    DELETE_RESPONSE = 0x6b,
    RENAME_REQUEST = 0x6c,
    RENAME_RESPONSE = 0x6d,
    COMPARE_REQUEST = 0x6e,
    COMPARE_RESPONSE = 0x6f,
    ABANDON = 0x50,
    SEARCH_REFERENCE = 0x73,
    EXTENDED_REQUEST = 0x77,
    EXTENDED_RESPONSE = 0x78,
    INTERMEDIATE = 0x79,
};

struct ldap {
    uint32_t start_tls; /* Number of the message that asked for it. */
    uint32_t next_search;
    struct {
        uint32_t id;
        uint32_t n_entries;
    } searches[N_SEARCHES];
};

_Static_assert(sizeof(struct ldap) <= INSP_READER_STATE, "too long");

static const char start_tls_oid[] = "1.3.6.1.4.1.1466.20037";

static const char *
operation_text(uint8_t tag)
{
    switch (tag) {
    case BIND_REQUEST: return "bind_request";
    case BIND_RESPONSE: return "bind_response";
    case UNBIND: return "unbind_request";
    case SEARCH_REQUEST: return "search_request";
    case SEARCH_ENTRY: return "search_result_entry";
    case SEARCH_DONE: return "search_result_done";
    case SEARCH_REFERENCE: return "search_result_reference";
    case MODIFY_REQUEST: return "modify_request";
    case MODIFY_RESPONSE: return "modify_response";
    case ADD_REQUEST: return "add_request";
    case ADD_RESPONSE: return "add_response";
    case DELETE_REQUEST: return "del_request";
    case DELETE_RESPONSE: return "del_response";
    case RENAME_REQUEST: return "mod_dn_request";
    case RENAME_RESPONSE: return "mod_dn_response";
    case COMPARE_REQUEST: return "compare_request";
    case COMPARE_RESPONSE: return "compare_response";
    case ABANDON: return "abandon_request";
    case EXTENDED_REQUEST: return "extended_request";
    case EXTENDED_RESPONSE: return "extended_response";
    case INTERMEDIATE: return "intermediate_response";
    default: return NULL;
    }
}

struct message {
    uint64_t size; /* Of the whole of it. */
    uint32_t id;
    uint8_t tag; /* Of the operation. */
};

/* A message's head: SEQUENCE, number, operation.  'c' has passed the heads of
 * all of them when it is OK. */
static enum insp_ber_state
read_head(struct insp_cursor *c, struct message *m)
{
    const uint8_t *start = c->at;
    struct insp_ber_head head;
    enum insp_ber_state state = insp_ber_look(c, &head);
    uint64_t id = 0, before;

    if (insp_cursor_left(c) && *start != INSP_BER_SEQUENCE) {
        return INSP_BER_BAD;
    }
    if (state != INSP_BER_OK) {
        return state;
    }
    m->size = head.head_size + head.size;
    insp_cursor_skip(c, head.head_size);
    state = insp_ber_look(c, &head);
    if (insp_cursor_left(c) && *c->at != INSP_BER_INTEGER) {
        return INSP_BER_BAD;
    }
    if (state != INSP_BER_OK) {
        return state;
    }
    if (head.size < 1 || head.size > 5) {
        return INSP_BER_BAD;
    }
    if (head.head_size + head.size >= insp_cursor_left(c)) {
        return INSP_BER_SHORT;
    }
    if (!insp_ber_uint(c, INSP_BER_INTEGER, &id) || id > INT32_MAX) {
        return INSP_BER_BAD;
    }
    if (!operation_text(*c->at)) {
        return INSP_BER_BAD;
    }
    state = insp_ber_look(c, &head);
    if (state != INSP_BER_OK) {
        return state;
    }
    before = (uint64_t) (c->at - start);
    if (before + head.head_size + head.size > m->size) {
        return INSP_BER_BAD;
    }
    insp_cursor_skip(c, head.head_size);
    insp_cursor_limit(c, (size_t) INSP_MIN(head.size, SIZE_MAX));
    m->id = (uint32_t) id;
    m->tag = head.tag;
    return INSP_BER_OK;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct message m = { 0, 0, 0 };

    switch (read_head(&c, &m)) {
    case INSP_BER_OK:
        return r->is_stream || m.size <= r->size ? INSP_GUESS_YES
                                                 : INSP_GUESS_NO;
    case INSP_BER_SHORT:
        return r->is_stream && r->size && r->size < WANT_DETECT
                   ? INSP_GUESS_MAYBE
                   : INSP_GUESS_NO;
    default: return INSP_GUESS_NO;
    }
}

/* ------------------------------------------------------------------------ */
/* Values. */

static void
put_text(struct insp_event *e, enum insp_app_field field,
         const struct insp_cursor *c)
{
    size_t size = insp_cursor_left(c);

    if (!c->failed && size) {
        insp_event_bytes(e, field, c->at, INSP_MIN(size, TEXT_MAX));
    }
}

/* An OCTET STRING, as much of it as there is. */
static bool
put_octets(struct insp_event *e, enum insp_app_field field,
           struct insp_cursor *c)
{
    struct insp_cursor text;

    if (!insp_ber_open(c, INSP_BER_OCTETS, &text)) {
        return false;
    }
    put_text(e, field, &text);
    return true;
}

/* Section 4.1.9 and appendix A. */
static const char *
result_text(uint64_t code)
{
    static const char *const texts[] = {
        [0] = "success",
        [1] = "operations_error",
        [2] = "protocol_error",
        [3] = "time_limit_exceeded",
        [4] = "size_limit_exceeded",
        [5] = "compare_false",
        [6] = "compare_true",
        [7] = "auth_method_not_supported",
        [8] = "stronger_auth_required",
        [10] = "referral",
        [11] = "admin_limit_exceeded",
        [12] = "unavailable_critical_extension",
        [13] = "confidentiality_required",
        [14] = "sasl_bind_in_progress",
        [16] = "no_such_attribute",
        [17] = "undefined_attribute_type",
        [18] = "inappropriate_matching",
        [19] = "constraint_violation",
        [20] = "attribute_or_value_exists",
        [21] = "invalid_attribute_syntax",
        [32] = "no_such_object",
        [33] = "alias_problem",
        [34] = "invalid_dn_syntax",
        [36] = "alias_dereferencing_problem",
        [48] = "inappropriate_authentication",
        [49] = "invalid_credentials",
        [50] = "insufficient_access_rights",
        [51] = "busy",
        [52] = "unavailable",
        [53] = "unwilling_to_perform",
        [54] = "loop_detect",
        [64] = "naming_violation",
        [65] = "object_class_violation",
        [66] = "not_allowed_on_non_leaf",
        [67] = "not_allowed_on_rdn",
        [68] = "entry_already_exists",
        [69] = "object_class_mods_prohibited",
        [71] = "affects_multiple_dsas",
        [80] = "other",
    };

    return code < INSP_ARRAY_SIZE(texts) ? texts[code] : NULL;
}

static void
put_result(struct insp_event *e, uint64_t code)
{
    const char *text = result_text(code);
    char digits[20];
    size_t at = sizeof digits;

    if (text) {
        insp_event_text(e, INSP_FIELD_LDAP_RESULT, text);
        return;
    }
    do {
        digits[--at] = (char) ('0' + code % 10);
        code /= 10;
    } while (code);
    insp_event_bytes(e, INSP_FIELD_LDAP_RESULT, digits + at,
                     sizeof digits - at);
}

/* ------------------------------------------------------------------------ */
/* Requests. */

/* Section 4.2. */
static void
ask_bind(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor name, part;
    uint64_t version = 0;

    if (!insp_ber_uint(c, INSP_BER_INTEGER, &version)) {
        return;
    }
    insp_event_uint(e, INSP_FIELD_LDAP_BIND_VERSION, version);
    if (!insp_ber_open(c, INSP_BER_OCTETS, &name)) {
        return;
    }
    put_text(e, INSP_FIELD_LDAP_BIND_NAME, &name);
    if (insp_cursor_left(c) && *c->at == 0x80) {
        struct insp_ber_head head;
        bool is_empty = insp_ber_look(c, &head) == INSP_BER_OK && !head.size;

        insp_event_text(e, INSP_FIELD_LDAP_BIND_AUTH,
                        is_empty ? "anonymous" : "simple");
        if (!is_empty && insp_cursor_left(&name)) {
            /* Behind StartTLS it would not have been seen. */
            insp_event_uint(e, INSP_FIELD_LDAP_CLEARTEXT_LOGIN, 1);
        }
    } else if (insp_cursor_left(c) && *c->at == 0xa3) {
        insp_event_text(e, INSP_FIELD_LDAP_BIND_AUTH, "sasl");
        if (insp_ber_enter(c, 0xa3) &&
            insp_ber_open(c, INSP_BER_OCTETS, &part)) {
            put_text(e, INSP_FIELD_LDAP_BIND_MECHANISM, &part);
        }
    }
}

/* Names of attributes in a filter (section 4.5.1).  What holds filters is
 * entered, what is one is passed: so all of them come by in order, without a
 * stack. */
static void
put_filter(struct insp_event *e, struct insp_cursor c)
{
    unsigned int n = 0;

    for (int i = 0; i < FILTER_MAX && n < LIST_MAX; i++) {
        struct insp_cursor item, name;
        uint8_t tag;

        if (!insp_cursor_left(&c)) {
            return;
        }
        tag = *c.at;
        if (tag >= 0xa0 && tag <= 0xa2) { /* And, or, not. */
            insp_ber_enter(&c, tag);
            continue;
        }
        if (!insp_ber_next(&c, &tag, &item)) {
            return;
        }
        if (tag == 0x87) { /* Present. */
            name = item;
        } else if (tag == 0xa9) { /* Matching rule. */
            (void) insp_ber_option(&item, 0x81, &name);
            if (!insp_ber_option(&item, 0x82, &name)) {
                continue;
            }
        } else if (!insp_ber_open(&item, INSP_BER_OCTETS, &name)) {
            return;
        }
        put_text(e, INSP_FIELD_LDAP_SEARCH_FILTER, &name);
        n++;
    }
}

static void
ask_search(struct insp_event *e, struct insp_cursor *c)
{
    uint64_t scope = 0, unused;
    struct insp_cursor list, filter;
    struct insp_ber_head head;
    bool flag;

    if (!put_octets(e, INSP_FIELD_LDAP_SEARCH_BASE, c) ||
        !insp_ber_uint(c, INSP_BER_ENUM, &scope)) {
        return;
    }
    insp_event_uint(e, INSP_FIELD_LDAP_SEARCH_SCOPE, scope);
    flag = insp_ber_uint(c, INSP_BER_ENUM, &unused) &&
           insp_ber_uint(c, INSP_BER_INTEGER, &unused) &&
           insp_ber_uint(c, INSP_BER_INTEGER, &unused) &&
           insp_ber_open(c, INSP_BER_BOOLEAN, &list);
    if (!flag || insp_ber_look(c, &head) != INSP_BER_OK) {
        return;
    }
    filter = *c;
    insp_cursor_limit(&filter, (size_t) (head.head_size + head.size));
    put_filter(e, filter);
    if (!insp_cursor_skip(c, (size_t) (head.head_size + head.size)) ||
        !insp_ber_enter(c, INSP_BER_SEQUENCE)) {
        return;
    }
    for (int i = 0; i < LIST_MAX && insp_cursor_left(c); i++) {
        if (!put_octets(e, INSP_FIELD_LDAP_SEARCH_ATTRIBUTES, c)) {
            return;
        }
    }
}

/* Section 4.6. */
static void
ask_modify(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor change, attribute;
    uint64_t how;

    if (!put_octets(e, INSP_FIELD_LDAP_MODIFY_OBJECT, c) ||
        !insp_ber_enter(c, INSP_BER_SEQUENCE)) {
        return;
    }
    for (int i = 0; i < LIST_MAX && insp_cursor_left(c); i++) {
        if (!insp_ber_open(c, INSP_BER_SEQUENCE, &change) ||
            !insp_ber_uint(&change, INSP_BER_ENUM, &how) ||
            !insp_ber_open(&change, INSP_BER_SEQUENCE, &attribute) ||
            !put_octets(e, INSP_FIELD_LDAP_MODIFY_ATTRIBUTES, &attribute)) {
            return;
        }
    }
}

/* Section 4.12. */
static void
ask_extended(struct insp_reading *r, struct insp_event *e, uint32_t id,
             struct insp_cursor *c)
{
    struct ldap *ldap = r->state;
    struct insp_cursor name;

    if (!insp_ber_open(c, 0x80, &name)) {
        return;
    }
    put_text(e, INSP_FIELD_LDAP_EXTENDED_NAME, &name);
    if (insp_cursor_left(&name) == sizeof start_tls_oid - 1 &&
        !memcmp(name.at, start_tls_oid, sizeof start_tls_oid - 1)) {
        ldap->start_tls = id;
    }
}

static void
begin_search(struct ldap *ldap, uint32_t id)
{
    unsigned int at = ldap->next_search++ % N_SEARCHES;

    ldap->searches[at].id = id;
    ldap->searches[at].n_entries = 0;
}

static void
ask(struct insp_reading *r, const struct message *m, struct insp_cursor *c)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_LDAP, m->id);

    insp_event_uint(e, INSP_FIELD_LDAP_MESSAGE_ID, m->id);
    insp_event_text(e, INSP_FIELD_LDAP_OPERATION, operation_text(m->tag));
    switch (m->tag) {
    case BIND_REQUEST: ask_bind(e, c); break;
    case SEARCH_REQUEST:
        begin_search(r->state, m->id);
        ask_search(e, c);
        break;
    case MODIFY_REQUEST: ask_modify(e, c); break;
    case ADD_REQUEST: put_octets(e, INSP_FIELD_LDAP_ADD_ENTRY, c); break;
    case DELETE_REQUEST: put_text(e, INSP_FIELD_LDAP_DELETE_DN, c); break;
    case RENAME_REQUEST:
        if (put_octets(e, INSP_FIELD_LDAP_RENAME_ENTRY, c)) {
            put_octets(e, INSP_FIELD_LDAP_RENAME_TO, c);
        }
        break;
    case COMPARE_REQUEST:
        if (put_octets(e, INSP_FIELD_LDAP_COMPARE_ENTRY, c) &&
            insp_ber_enter(c, INSP_BER_SEQUENCE)) {
            put_octets(e, INSP_FIELD_LDAP_COMPARE_ATTRIBUTE, c);
        }
        break;
    case EXTENDED_REQUEST: ask_extended(r, e, m->id, c); break;
    default: break;
    }
}

/* ------------------------------------------------------------------------ */
/* Answers. */

static void
count_entry(struct ldap *ldap, uint32_t id)
{
    for (unsigned int i = 0; i < N_SEARCHES; i++) {
        if (ldap->searches[i].id == id) {
            ldap->searches[i].n_entries++;
        }
    }
}

static void
put_entries(const struct ldap *ldap, struct insp_event *e, uint32_t id)
{
    for (unsigned int i = 0; i < N_SEARCHES; i++) {
        if (ldap->searches[i].id == id) {
            insp_event_uint(e, INSP_FIELD_LDAP_ENTRIES,
                            ldap->searches[i].n_entries);
            return;
        }
    }
}

/* LDAPResult, section 4.1.9. */
static void
answer(struct insp_reading *r, const struct message *m, struct insp_cursor *c)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_LDAP, m->id);
    struct ldap *ldap = r->state;
    uint64_t code = UINT64_MAX;

    insp_event_text(e, INSP_FIELD_LDAP_RESPONSE, operation_text(m->tag));
    if (m->tag == SEARCH_DONE) {
        put_entries(ldap, e, m->id);
    }
    if (insp_ber_uint(c, INSP_BER_ENUM, &code)) {
        put_result(e, code);
        if (put_octets(e, INSP_FIELD_LDAP_MATCHED, c)) {
            put_octets(e, INSP_FIELD_LDAP_DIAGNOSTIC, c);
        }
    }
    insp_event_uint(e, INSP_FIELD_LDAP_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
    if (m->tag == EXTENDED_RESPONSE && ldap->start_tls == m->id && m->id &&
        !code) {
        insp_reading_again(r);
    }
}

static void
read_message(struct insp_reading *r, const struct message *m,
             struct insp_cursor *c)
{
    switch (m->tag) {
    case BIND_REQUEST:
    case SEARCH_REQUEST:
    case MODIFY_REQUEST:
    case ADD_REQUEST:
    case DELETE_REQUEST:
    case RENAME_REQUEST:
    case COMPARE_REQUEST:
    case EXTENDED_REQUEST: ask(r, m, c); break;
    case SEARCH_ENTRY: count_entry(r->state, m->id); break;
    case BIND_RESPONSE:
    case SEARCH_DONE:
    case MODIFY_RESPONSE:
    case ADD_RESPONSE:
    case DELETE_RESPONSE:
    case RENAME_RESPONSE:
    case COMPARE_RESPONSE:
    case EXTENDED_RESPONSE: answer(r, m, c); break;
    default: break; /* Unbind, abandon, references. */
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    size_t at = 0;

    while (at < r->size && !r->again) {
        size_t size = r->size - at, want;
        struct insp_cursor c = insp_cursor(r->bytes + at, size);
        struct message m = { 0, 0, 0 };
        enum insp_ber_state state = read_head(&c, &m);

        if (state == INSP_BER_BAD) {
            insp_reading_stop(r); /* Wrapped. */
            return at;
        }
        if (state == INSP_BER_SHORT) {
            break;
        }
        want = m.tag == SEARCH_ENTRY || m.tag == SEARCH_REFERENCE ? WANT_ENTRY
                                                                  : WANT;
        if (r->is_stream && size < INSP_MIN(m.size, want)) {
            break;
        }
        read_message(r, &m, &c);
        size = (size_t) INSP_MIN(m.size, size);
        insp_reading_pass(r, m.size - size);
        at += size;
    }
    return at;
}

const struct insp_reader insp_reader_ldap = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
