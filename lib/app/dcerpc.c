/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The connection-oriented protocol of DCE 1.1 RPC (C706, chapter 12;
 * [MS-RPCE]), over TCP: fragments, each with a header of 16 bytes that says
 * what it is, how long, to which call it belongs, and how its numbers are
 * written.  A bind offers interfaces as contexts, which are remembered, so
 * that the record of a call can name the interface behind its context.
 *
 *     bind, alter context:  record, ended by its acknowledgement
 *     first fragment of a request:  record, tag = call id;
 *     last fragment of its response, or a fault:  ended
 *
 * Of stubs only the size is read: their bytes are passed.
 */

#include "app/event.h"
#include "app/gss.h"
#include "app/little.h"

#define HEAD_SIZE    16
#define CALL_SIZE    24   /* Header of a request or a response. */
#define WANT_CALL    32   /* Bytes that must be there: of a call, */
#define WANT_BIND    2048 /* of anything else. */
#define CONTEXTS_MAX 6
#define TEXT_MAX     256

enum {
    REQUEST = 0,
    RESPONSE = 2,
    FAULT = 3,
    BIND = 11,
    BIND_ACK = 12,
    BIND_NAK = 13,
    ALTER_CONTEXT = 14,
    ALTER_CONTEXT_ACK = 15,
    AUTH3 = 16,
    LAST_TYPE = 19,

    IS_FIRST = 1,
    IS_LAST = 2,
    HAS_OBJECT = 0x80,
};

/* What has been said of a call in one direction. */
struct course {
    uint32_t call;
    uint32_t n_fragments;
    uint64_t stub;
};

struct dcerpc {
    struct course course[2];
    uint8_t n_contexts;
    uint8_t next_context;
    struct {
        uint16_t id, major, minor;
        uint8_t uuid[INSP_GUID_SIZE];
    } contexts[CONTEXTS_MAX];
};

_Static_assert(sizeof(struct dcerpc) <= INSP_READER_STATE, "too long");

struct head {
    uint8_t minor, type, flags;
    bool is_little;
    uint16_t size, auth_size;
    uint32_t call;
};

static uint16_t
next_16(struct insp_cursor *c, bool is_little)
{
    return is_little ? insp_little_u16(c) : insp_cursor_be16(c);
}

static uint32_t
next_32(struct insp_cursor *c, bool is_little)
{
    return is_little ? insp_little_u32(c) : insp_cursor_be32(c);
}

/* Section 12.6.3.1; false: not one. */
static bool
read_head(struct insp_cursor c, struct head *head)
{
    uint8_t major = insp_cursor_u8(&c), integers, reals;

    head->minor = insp_cursor_u8(&c);
    head->type = insp_cursor_u8(&c);
    head->flags = insp_cursor_u8(&c);
    integers = insp_cursor_u8(&c);
    reals = insp_cursor_u8(&c);
    head->is_little = integers == 0x10;
    if (major != 5 || head->minor > 1 || head->type > LAST_TYPE ||
        (integers & 0xef) || reals > 3 || insp_cursor_be16(&c)) {
        return false;
    }
    head->size = next_16(&c, head->is_little);
    head->auth_size = next_16(&c, head->is_little);
    head->call = next_32(&c, head->is_little);
    return !c.failed && head->size >= HEAD_SIZE &&
           head->auth_size <= head->size - HEAD_SIZE;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    /* Major version, what can be minor ones. */
    static const uint8_t begins[][2] = { { 5, 0 }, { 5, 1 } };
    struct head head;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (memcmp(r->bytes, begins[0], INSP_MIN(r->size, 2)) &&
        memcmp(r->bytes, begins[1], INSP_MIN(r->size, 2))) {
        return INSP_GUESS_NO;
    }
    if (r->size < HEAD_SIZE) {
        return r->size > 2 && r->bytes[2] > LAST_TYPE ? INSP_GUESS_NO
                                                      : INSP_GUESS_MAYBE;
    }
    if (!read_head(insp_cursor(r->bytes, r->size), &head) ||
        (head.type > FAULT && head.type < BIND) || head.type == 1 ||
        head.size < CALL_SIZE) {
        return INSP_GUESS_NO;
    }
    return INSP_GUESS_YES;
}

/* ------------------------------------------------------------------------ */
/* Interfaces. */

static const char *
service_text(const char *uuid)
{
    static const struct {
        char uuid[INSP_GUID_TEXT_SIZE + 1];
        const char *service;
    } table[] = {
        { "e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper" },
        { "12345778-1234-abcd-ef00-0123456789ab", "lsarpc" },
        { "12345778-1234-abcd-ef00-0123456789ac", "samr" },
        { "12345678-1234-abcd-ef00-01234567cffb", "netlogon" },
        { "12345678-1234-abcd-ef00-0123456789ab", "spoolss" },
        { "e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi" },
        { "367abb81-9844-35f1-ad32-98f038001003", "svcctl" },
        { "1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc" },
        { "86d35949-83c9-4044-b424-db363231fd0c", "ITaskSchedulerService" },
        { "4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc" },
        { "6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc" },
        { "338cd001-2244-31f1-aaaa-900038001003", "winreg" },
        { "000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator" },
        { "99fcfec4-5260-101b-bbcb-00aa0021347a", "IOXIDResolver" },
        { "a4f1db00-ca47-1067-b31f-00dd010662da", "emsmdb" },
        { "f5cc5a18-4264-101a-8c59-08002b2f8426", "nspi" },
        { "f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "eventlog" },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(table); i++) {
        if (!memcmp(uuid, table[i].uuid, INSP_GUID_TEXT_SIZE)) {
            return table[i].service;
        }
    }
    return NULL;
}

static size_t
put_number(char *text, unsigned int number)
{
    char digits[10];
    size_t n = 0, at = 0;

    do {
        digits[n++] = (char) ('0' + number % 10);
        number /= 10;
    } while (number);
    while (n) {
        text[at++] = digits[--n];
    }
    return at;
}

static void
put_interface(struct insp_event *e, const uint8_t *uuid, bool is_little,
              uint16_t major, uint16_t minor)
{
    char text[INSP_GUID_TEXT_SIZE], version[24];
    const char *service;
    size_t n;

    insp_guid_text(uuid, is_little, text);
    insp_event_pair(e, INSP_FIELD_DCERPC_INTERFACES, "uuid", text,
                    sizeof text);
    n = put_number(version, major);
    version[n++] = '.';
    n += put_number(version + n, minor);
    insp_event_pair(e, INSP_FIELD_DCERPC_INTERFACES, "version", version, n);
    service = service_text(text);
    if (service) {
        insp_event_pair(e, INSP_FIELD_DCERPC_INTERFACES, "service", service,
                        strlen(service));
    }
}

static void
remember(struct dcerpc *rpc, uint16_t id, const uint8_t *uuid, bool is_little,
         uint16_t major, uint16_t minor)
{
    unsigned int at = rpc->n_contexts;

    for (unsigned int i = 0; i < rpc->n_contexts; i++) {
        if (rpc->contexts[i].id == id) {
            at = i;
        }
    }
    if (at == CONTEXTS_MAX) {
        at = rpc->next_context++ % CONTEXTS_MAX;
    } else if (at == rpc->n_contexts) {
        rpc->n_contexts++;
    }
    rpc->contexts[at].id = id;
    rpc->contexts[at].major = major;
    rpc->contexts[at].minor = minor;
    memcpy(rpc->contexts[at].uuid, uuid, INSP_GUID_SIZE);
    if (!is_little) {
        /* Kept in one form. */
        static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6 };

        for (unsigned int i = 0; i < sizeof order; i++) {
            rpc->contexts[at].uuid[i] = uuid[order[i]];
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Fragments. */

static struct insp_event *
begin(struct insp_reading *r, const struct head *head, const char *request)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_DCERPC, head->call);

    insp_event_text(e, INSP_FIELD_DCERPC_REQUEST, request);
    insp_event_uint(e, INSP_FIELD_DCERPC_CALL_ID, head->call);
    insp_event_text(e, INSP_FIELD_DCERPC_VERSION, head->minor ? "5.1" : "5.0");
    return e;
}

static void
end(struct insp_reading *r, struct insp_event *e, const char *response)
{
    insp_event_text(e, INSP_FIELD_DCERPC_RESPONSE, response);
    insp_event_uint(e, INSP_FIELD_DCERPC_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

/* Who logs in, in the token at the end of a fragment. */
static void
put_login(struct insp_event *e, const struct insp_cursor *token)
{
    static const enum insp_app_field fields[] = {
        INSP_FIELD_DCERPC_USER,
        INSP_FIELD_DCERPC_DOMAIN,
        INSP_FIELD_DCERPC_HOST,
    };
    struct insp_gss gss;
    char text[TEXT_MAX];

    insp_gss_read(token, &gss);
    if (gss.kind == INSP_GSS_NTLM_LOGIN) {
        const struct insp_cursor *values[] = { &gss.user, &gss.domain,
                                               &gss.host };

        for (size_t i = 0; i < INSP_ARRAY_SIZE(fields); i++) {
            size_t size = insp_gss_text(&gss, values[i], text, sizeof text);

            if (size) {
                insp_event_bytes(e, fields[i], text, size);
            }
        }
    }
}

/* Sections 12.6.4.3 and 12.6.4.1. */
static void
read_bind(struct insp_reading *r, const struct head *head,
          struct insp_cursor c)
{
    bool is_little = head->is_little;
    struct insp_event *e =
        begin(r, head, head->type == BIND ? "BIND" : "ALTER_CONTEXT");
    uint8_t n;

    put_login(e, &c);
    insp_cursor_skip(&c, 8);
    n = insp_cursor_u8(&c);
    insp_cursor_skip(&c, 3);
    while (n--) {
        uint16_t id = next_16(&c, is_little), major, minor;
        uint32_t version;
        uint8_t n_syntaxes = insp_cursor_u8(&c);
        const uint8_t *uuid;

        insp_cursor_skip(&c, 1);
        uuid = insp_cursor_take(&c, INSP_GUID_SIZE);
        version = next_32(&c, is_little);
        major = (uint16_t) (version & UINT16_MAX);
        minor = (uint16_t) (version >> 16);
        insp_cursor_skip(&c, n_syntaxes * (size_t) 20);
        if (c.failed) {
            return;
        }
        put_interface(e, uuid, is_little, major, minor);
        remember(r->state, id, uuid, is_little, major, minor);
    }
}

/* Section 12.6.4.4. */
static void
read_bind_ack(struct insp_reading *r, const struct head *head,
              const struct insp_cursor *body)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_DCERPC, head->call);
    struct insp_cursor c = *body;
    bool is_little = head->is_little;
    uint16_t size;
    uint8_t n;

    insp_cursor_skip(&c, 8);
    size = next_16(&c, is_little);
    insp_cursor_skip(&c, size);
    insp_cursor_skip(&c, (size_t) - (c.at - body->at) & 3);
    n = insp_cursor_u8(&c);
    insp_cursor_skip(&c, 3);
    while (n-- && !c.failed) {
        uint16_t result = next_16(&c, is_little);
        char text[10];

        insp_cursor_skip(&c, 22);
        if (!c.failed) {
            insp_event_pair(e, INSP_FIELD_DCERPC_INTERFACES, "ack_result",
                            text, put_number(text, result));
        }
    }
    end(r, e, head->type == BIND_ACK ? "BINDACK" : "ALTER_CONTEXT_RESP");
}

/* The size of a fragment's stub; it may end with padding. */
static uint32_t
stub_size(const struct head *head, uint32_t head_size)
{
    uint32_t behind = head->auth_size ? head->auth_size + 8u : 0;

    return head->size > head_size + behind ? head->size - head_size - behind
                                           : 0;
}

/* Counts a fragment; true: the call has been said to its end. */
static bool
count(struct course *course, const struct head *head, uint32_t head_size)
{
    if (head->flags & IS_FIRST || course->call != head->call) {
        course->call = head->call;
        course->n_fragments = 0;
        course->stub = 0;
    }
    course->n_fragments++;
    course->stub += stub_size(head, head_size);
    return head->flags & IS_LAST;
}

static void
read_request(struct insp_reading *r, const struct head *head,
             struct insp_cursor c)
{
    struct dcerpc *rpc = r->state;
    struct course *course = &rpc->course[r->side];
    uint16_t context, opnum;
    struct insp_event *e;
    bool is_last = count(course, head,
                         head->flags & HAS_OBJECT ? CALL_SIZE + INSP_GUID_SIZE
                                                  : CALL_SIZE);

    insp_cursor_skip(&c, 4);
    context = next_16(&c, head->is_little);
    opnum = next_16(&c, head->is_little);
    if (c.failed) {
        return;
    }
    if (head->flags & IS_FIRST) {
        e = begin(r, head, "REQUEST");
        insp_event_uint(e, INSP_FIELD_DCERPC_OPNUM, opnum);
        for (unsigned int i = 0; i < rpc->n_contexts; i++) {
            if (rpc->contexts[i].id == context) {
                put_interface(e, rpc->contexts[i].uuid, true,
                              rpc->contexts[i].major, rpc->contexts[i].minor);
            }
        }
    } else {
        e = insp_event_find(r, INSP_APP_DCERPC, head->call);
    }
    if (is_last) {
        insp_event_uint(e, INSP_FIELD_DCERPC_REQ_FRAGMENTS,
                        course->n_fragments);
        insp_event_uint(e, INSP_FIELD_DCERPC_REQ_STUB, course->stub);
    }
}

static void
read_response(struct insp_reading *r, const struct head *head)
{
    struct dcerpc *rpc = r->state;
    struct course *course = &rpc->course[r->side];
    struct insp_event *e;

    if (!count(course, head, CALL_SIZE)) {
        return;
    }
    e = insp_event_find(r, INSP_APP_DCERPC, head->call);
    insp_event_uint(e, INSP_FIELD_DCERPC_RES_FRAGMENTS, course->n_fragments);
    insp_event_uint(e, INSP_FIELD_DCERPC_RES_STUB, course->stub);
    end(r, e, "RESPONSE");
}

static void
read_fault(struct insp_reading *r, const struct head *head,
           struct insp_cursor c)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_DCERPC, head->call);
    char hex[INSP_HEX_TEXT_SIZE];
    uint32_t status;

    insp_cursor_skip(&c, 8);
    status = next_32(&c, head->is_little);
    if (!c.failed) {
        insp_event_bytes(e, INSP_FIELD_DCERPC_FAULT, hex,
                         insp_hex_text(status, hex));
    }
    end(r, e, "FAULT");
}

/* The third leg of a login belongs to no answer: a record of its own. */
static void
read_auth3(struct insp_reading *r, const struct head *head,
           const struct insp_cursor *body)
{
    struct insp_event *e = begin(r, head, "AUTH3");

    put_login(e, body);
    insp_event_end(r, e);
}

static void
read_fragment(struct insp_reading *r, const struct head *head,
              struct insp_cursor c)
{
    insp_cursor_skip(&c, HEAD_SIZE);
    switch (head->type) {
    case REQUEST: read_request(r, head, c); break;
    case RESPONSE: read_response(r, head); break;
    case FAULT: read_fault(r, head, c); break;
    case BIND:
    case ALTER_CONTEXT: read_bind(r, head, c); break;
    case BIND_ACK:
    case ALTER_CONTEXT_ACK: read_bind_ack(r, head, &c); break;
    case BIND_NAK:
        end(r, insp_event_find(r, INSP_APP_DCERPC, head->call), "BINDNAK");
        break;
    case AUTH3: read_auth3(r, head, &c); break;
    default: break;
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    size_t at = 0;

    while (r->size - at >= HEAD_SIZE) {
        size_t size = r->size - at, want;
        struct head head;

        if (!read_head(insp_cursor(r->bytes + at, size), &head)) {
            insp_reading_stop_side(r);
            return at;
        }
        want = head.type <= FAULT ? WANT_CALL : WANT_BIND;
        if (size < INSP_MIN(head.size, want)) {
            break;
        }
        size = INSP_MIN(size, head.size);
        read_fragment(r, &head, insp_cursor(r->bytes + at, size));
        insp_reading_pass(r, head.size - size);
        at += size;
    }
    return at;
}

const struct insp_reader insp_reader_dcerpc = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
