/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Questions to a key distribution centre and its answers (RFC 4120, section
 * 5.4), as datagrams or in a stream with their length in front (section
 * 7.2.2).  An answer does not say in clear which question it answers: it ends
 * the oldest record of its kind, and an error the oldest of all.
 */

#include "app/ber.h"
#include "app/event.h"
#include "app/gss.h"

#define LENGTH_SIZE 4
/* Bytes of a message that must be there. */
#define WANT        INSP_READER_WAIT
#define ETYPES_MAX  16
#define TEXT_MAX    256

enum {
    AS_REQ = 10,
    AS_REP = 11,
    TGS_REQ = 12,
    TGS_REP = 13,
    ERROR = 30,
};

/* Identifier of an [APPLICATION n]. */
#define TAG_OF(TYPE) (uint8_t)(0x60 | (TYPE))

static const char *
type_text(uint8_t type)
{
    switch (type) {
    case AS_REQ: return "KRB_AS_REQ";
    case AS_REP: return "KRB_AS_REP";
    case TGS_REQ: return "KRB_TGS_REQ";
    case TGS_REP: return "KRB_TGS_REP";
    case ERROR: return "KRB_ERROR";
    default: return NULL;
    }
}

/* What a message is, and its fields behind version and type; false: none.  The
 * end of it may not be there. */
static bool
open_message(struct insp_cursor *c, uint8_t *type)
{
    struct insp_cursor part;
    struct insp_ber_head head;
    uint64_t version = 0, said = 0;
    uint8_t tag;

    if (insp_ber_look(c, &head) != INSP_BER_OK) {
        return false;
    }
    *type = head.tag & 0x1f;
    if (head.tag != TAG_OF(*type) || !type_text(*type)) {
        return false;
    }
    /* Numbers of fields begin with 1 in questions, with 0 in answers. */
    tag = *type == AS_REQ || *type == TGS_REQ ? 0xa1 : 0xa0;
    return insp_ber_enter(c, head.tag) &&
           insp_ber_enter(c, INSP_BER_SEQUENCE) &&
           insp_ber_open(c, tag, &part) &&
           insp_ber_uint(&part, INSP_BER_INTEGER, &version) &&
           insp_ber_open(c, (uint8_t) (tag + 1), &part) &&
           insp_ber_uint(&part, INSP_BER_INTEGER, &said) && version == 5 &&
           said == *type;
}

/* 'size': of the message, by the one who carries it. */
static bool
is_message(const uint8_t *bytes, size_t left, size_t size)
{
    struct insp_cursor c = insp_cursor(bytes, left);
    struct insp_ber_head head;
    uint8_t type;

    return insp_ber_look(&c, &head) == INSP_BER_OK &&
           head.head_size + head.size == size && open_message(&c, &type);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    const uint8_t *at = r->bytes;
    uint32_t size;

    if (!r->is_stream) {
        return is_message(at, r->size, r->size) ? INSP_GUESS_YES
                                                : INSP_GUESS_NO;
    }
    /* The length, below 2^24 for whatever is sensible, then the tag. */
    if (r->size && at[0]) {
        return INSP_GUESS_NO;
    }
    if (r->size <= LENGTH_SIZE) {
        return r->size ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
    }
    size = insp_be32(at);
    if (is_message(at + LENGTH_SIZE, r->size - LENGTH_SIZE, size)) {
        return INSP_GUESS_YES;
    }
    return type_text(at[LENGTH_SIZE] & 0x1f) &&
                   at[LENGTH_SIZE] == TAG_OF(at[LENGTH_SIZE] & 0x1f) &&
                   r->size < LENGTH_SIZE + 24
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Values. */

static void
put_bytes(struct insp_event *e, enum insp_app_field field,
          const struct insp_cursor *c)
{
    size_t size = insp_cursor_left(c);

    if (!c->failed && size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, c->at, INSP_MIN(size, TEXT_MAX));
    }
}

static void
put_realm(struct insp_event *e, struct insp_cursor *part)
{
    struct insp_cursor text;

    if (insp_ber_open(part, 0x1b, &text)) {
        put_bytes(e, INSP_FIELD_KRB5_REALM, &text);
    }
}

/* "krbtgt/EXAMPLE.ORG". */
static void
put_principal(struct insp_event *e, enum insp_app_field field,
              struct insp_cursor *part)
{
    struct insp_cursor names[INSP_GSS_NAMES];
    unsigned int n = insp_gss_principal(part, names);
    char text[TEXT_MAX];
    size_t at = 0;

    for (unsigned int i = 0; i < n; i++) {
        size_t size = insp_cursor_left(&names[i]);

        if (i && at < sizeof text) {
            text[at++] = '/';
        }
        size = INSP_MIN(size, sizeof text - at);
        if (size) {
            memcpy(text + at, names[i].at, size);
            at += size;
        }
    }
    if (at && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, text, at);
    }
}

static void
put_number(struct insp_event *e, enum insp_app_field field, int64_t number)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t left = number < 0 ? -(uint64_t) number : (uint64_t) number;

    do {
        text[--at] = (char) ('0' + left % 10);
        left /= 10;
    } while (left);
    if (number < 0) {
        text[--at] = '-';
    }
    insp_event_bytes(e, field, text + at, sizeof text - at);
}

/* IANA, Kerberos encryption type numbers. */
static const char *
encryption_text(int64_t type)
{
    switch (type) {
    case 1: return "DES_CBC_CRC";
    case 2: return "DES_CBC_MD4";
    case 3: return "DES_CBC_MD5";
    case 5: return "DES3_CBC_MD5";
    case 7: return "DES3_CBC_SHA1";
    case 16: return "DES3_CBC_SHA1_KD";
    case 17: return "AES128_CTS_HMAC_SHA1_96";
    case 18: return "AES256_CTS_HMAC_SHA1_96";
    case 19: return "AES128_CTS_HMAC_SHA256_128";
    case 20: return "AES256_CTS_HMAC_SHA384_192";
    case 23: return "ARCFOUR_HMAC_MD5";
    case 24: return "ARCFOUR_HMAC_MD5_56";
    case 25: return "CAMELLIA128_CTS_CMAC";
    case 26: return "CAMELLIA256_CTS_CMAC";
    default: return NULL;
    }
}

static bool
is_weak(int64_t type)
{
    return !((type >= 17 && type <= 20) || type == 25 || type == 26);
}

static void
put_encryption(struct insp_event *e, enum insp_app_field field, int64_t type)
{
    const char *text = encryption_text(type);

    if (text) {
        insp_event_text(e, field, text);
    } else {
        put_number(e, field, type);
    }
}

/* RFC 4120, section 7.5.9; RFC 4556 and 6113 for what came later. */
static const char *
error_text(int64_t code)
{
    static const char *const texts[] = {
        [0] = "KDC_ERR_NONE",
        [1] = "KDC_ERR_NAME_EXP",
        [2] = "KDC_ERR_SERVICE_EXP",
        [3] = "KDC_ERR_BAD_PVNO",
        [4] = "KDC_ERR_C_OLD_MAST_KVNO",
        [5] = "KDC_ERR_S_OLD_MAST_KVNO",
        [6] = "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        [7] = "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        [8] = "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
        [9] = "KDC_ERR_NULL_KEY",
        [10] = "KDC_ERR_CANNOT_POSTDATE",
        [11] = "KDC_ERR_NEVER_VALID",
        [12] = "KDC_ERR_POLICY",
        [13] = "KDC_ERR_BADOPTION",
        [14] = "KDC_ERR_ETYPE_NOSUPP",
        [15] = "KDC_ERR_SUMTYPE_NOSUPP",
        [16] = "KDC_ERR_PADATA_TYPE_NOSUPP",
        [17] = "KDC_ERR_TRTYPE_NOSUPP",
        [18] = "KDC_ERR_CLIENT_REVOKED",
        [19] = "KDC_ERR_SERVICE_REVOKED",
        [20] = "KDC_ERR_TGT_REVOKED",
        [21] = "KDC_ERR_CLIENT_NOTYET",
        [22] = "KDC_ERR_SERVICE_NOTYET",
        [23] = "KDC_ERR_KEY_EXPIRED",
        [24] = "KDC_ERR_PREAUTH_FAILED",
        [25] = "KDC_ERR_PREAUTH_REQUIRED",
        [26] = "KDC_ERR_SERVER_NOMATCH",
        [27] = "KDC_ERR_MUST_USE_USER2USER",
        [28] = "KDC_ERR_PATH_NOT_ACCEPTED",
        [29] = "KDC_ERR_SVC_UNAVAILABLE",
        [31] = "KRB_AP_ERR_BAD_INTEGRITY",
        [32] = "KRB_AP_ERR_TKT_EXPIRED",
        [33] = "KRB_AP_ERR_TKT_NYV",
        [34] = "KRB_AP_ERR_REPEAT",
        [35] = "KRB_AP_ERR_NOT_US",
        [36] = "KRB_AP_ERR_BADMATCH",
        [37] = "KRB_AP_ERR_SKEW",
        [38] = "KRB_AP_ERR_BADADDR",
        [39] = "KRB_AP_ERR_BADVERSION",
        [40] = "KRB_AP_ERR_MSG_TYPE",
        [41] = "KRB_AP_ERR_MODIFIED",
        [42] = "KRB_AP_ERR_BADORDER",
        [44] = "KRB_AP_ERR_BADKEYVER",
        [45] = "KRB_AP_ERR_NOKEY",
        [46] = "KRB_AP_ERR_MUT_FAIL",
        [47] = "KRB_AP_ERR_BADDIRECTION",
        [48] = "KRB_AP_ERR_METHOD",
        [49] = "KRB_AP_ERR_BADSEQ",
        [50] = "KRB_AP_ERR_INAPP_CKSUM",
        [51] = "KRB_AP_PATH_NOT_ACCEPTED",
        [52] = "KRB_ERR_RESPONSE_TOO_BIG",
        [60] = "KRB_ERR_GENERIC",
        [61] = "KRB_ERR_FIELD_TOOLONG",
        [62] = "KDC_ERR_CLIENT_NOT_TRUSTED",
        [63] = "KDC_ERR_KDC_NOT_TRUSTED",
        [64] = "KDC_ERR_INVALID_SIG",
        [65] = "KDC_ERR_KEY_TOO_WEAK",
        [66] = "KDC_ERR_CERTIFICATE_MISMATCH",
        [67] = "KRB_AP_ERR_NO_TGT",
        [68] = "KDC_ERR_WRONG_REALM",
        [69] = "KRB_AP_ERR_USER_TO_USER_REQUIRED",
    };

    return code >= 0 && (uint64_t) code < INSP_ARRAY_SIZE(texts) ? texts[code]
                                                                 : NULL;
}

/* ------------------------------------------------------------------------ */
/* Messages. */

static void
put_offers(struct insp_event *e, struct insp_cursor *part)
{
    struct insp_cursor list, number;

    if (!insp_ber_open(part, INSP_BER_SEQUENCE, &list)) {
        return;
    }
    for (int i = 0; i < ETYPES_MAX && insp_cursor_left(&list); i++) {
        int64_t type;

        if (!insp_ber_open(&list, INSP_BER_INTEGER, &number) ||
            !insp_ber_number(&number, &type)) {
            return;
        }
        put_encryption(e, INSP_FIELD_KRB5_ETYPES, type);
    }
}

/* KDC-REQ-BODY, section 5.4.1; its fields stand in order. */
static void
read_request(struct insp_reading *r, struct insp_cursor *c, uint8_t type)
{
    struct insp_event *e = insp_event_begin(r, INSP_APP_KRB5, type);
    struct insp_cursor part;

    (void) insp_ber_option(c, 0xa3, &part); /* padata. */
    if (!insp_ber_enter(c, 0xa4) || !insp_ber_enter(c, INSP_BER_SEQUENCE) ||
        !insp_ber_open(c, 0xa0, &part)) {
        return;
    }
    if (insp_ber_option(c, 0xa1, &part)) {
        put_principal(e, INSP_FIELD_KRB5_CNAME, &part);
    }
    if (insp_ber_open(c, 0xa2, &part)) {
        put_realm(e, &part);
    }
    if (insp_ber_option(c, 0xa3, &part)) {
        put_principal(e, INSP_FIELD_KRB5_SNAME, &part);
    }
    for (uint8_t tag = 0xa4; tag <= 0xa7; tag++) { /* Times, nonce. */
        (void) insp_ber_option(c, tag, &part);
    }
    if (insp_ber_option(c, 0xa8, &part)) {
        put_offers(e, &part);
    }
}

static void
end(struct insp_reading *r, struct insp_event *e)
{
    insp_event_uint(e, INSP_FIELD_KRB5_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

/* KDC-REP, section 5.4.2. */
static void
read_reply(struct insp_reading *r, struct insp_cursor *c, uint8_t type)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_KRB5, type - 1u);
    struct insp_cursor part, number;
    struct insp_gss ticket;
    int64_t encryption = 0;

    if (!e) {
        e = insp_event_begin(r, INSP_APP_KRB5, type);
    }
    memset(&ticket, 0, sizeof ticket);
    insp_event_text(e, INSP_FIELD_KRB5_MSG_TYPE, type_text(type));
    (void) insp_ber_option(c, 0xa2, &part); /* padata. */
    if (insp_ber_open(c, 0xa3, &part)) {
        put_realm(e, &part);
    }
    if (insp_ber_open(c, 0xa4, &part)) {
        put_principal(e, INSP_FIELD_KRB5_CNAME, &part);
    }
    if (insp_ber_open(c, 0xa5, &part)) {
        struct insp_cursor service = part;

        encryption = insp_gss_ticket(&part, &ticket);
        if (encryption) {
            put_encryption(e, INSP_FIELD_KRB5_TICKET_ENCRYPTION, encryption);
            insp_event_uint(e, INSP_FIELD_KRB5_TICKET_WEAK,
                            is_weak(encryption));
        }
        if (insp_ber_enter(&service, 0x61) &&
            insp_ber_enter(&service, INSP_BER_SEQUENCE) &&
            insp_ber_open(&service, 0xa0, &part) &&
            insp_ber_open(&service, 0xa1, &part) &&
            insp_ber_open(&service, 0xa2, &part)) {
            put_principal(e, INSP_FIELD_KRB5_SNAME, &part);
        }
    }
    if (insp_ber_enter(c, 0xa6) && insp_ber_enter(c, INSP_BER_SEQUENCE) &&
        insp_ber_open(c, 0xa0, &part) &&
        insp_ber_open(&part, INSP_BER_INTEGER, &number) &&
        insp_ber_number(&number, &encryption)) {
        put_encryption(e, INSP_FIELD_KRB5_ENCRYPTION, encryption);
        insp_event_uint(e, INSP_FIELD_KRB5_WEAK, is_weak(encryption));
    }
    end(r, e);
}

/* KRB-ERROR, section 5.9.1. */
static void
read_error(struct insp_reading *r, struct insp_cursor *c)
{
    struct insp_event *e = insp_event_oldest(r, INSP_APP_KRB5);
    struct insp_cursor part, number;
    const char *failed = "UNKNOWN", *text;
    int64_t code;

    if (!e) {
        e = insp_event_begin(r, INSP_APP_KRB5, ERROR);
    } else if (e == insp_event_find(r, INSP_APP_KRB5, AS_REQ)) {
        failed = type_text(AS_REQ);
    } else if (e == insp_event_find(r, INSP_APP_KRB5, TGS_REQ)) {
        failed = type_text(TGS_REQ);
    }
    insp_event_text(e, INSP_FIELD_KRB5_MSG_TYPE, type_text(ERROR));
    insp_event_text(e, INSP_FIELD_KRB5_FAILED_REQUEST, failed);
    for (uint8_t tag = 0xa2; tag <= 0xa5; tag++) { /* Times. */
        (void) insp_ber_option(c, tag, &part);
    }
    if (insp_ber_open(c, 0xa6, &part) &&
        insp_ber_open(&part, INSP_BER_INTEGER, &number) &&
        insp_ber_number(&number, &code)) {
        text = error_text(code);
        if (text) {
            insp_event_text(e, INSP_FIELD_KRB5_ERROR_CODE, text);
        } else {
            put_number(e, INSP_FIELD_KRB5_ERROR_CODE, code);
        }
    }
    (void) insp_ber_option(c, 0xa7, &part); /* The client's realm. */
    if (insp_ber_option(c, 0xa8, &part)) {
        put_principal(e, INSP_FIELD_KRB5_CNAME, &part);
    }
    if (insp_ber_option(c, 0xa9, &part)) {
        put_realm(e, &part);
    }
    if (insp_ber_option(c, 0xaa, &part)) {
        put_principal(e, INSP_FIELD_KRB5_SNAME, &part);
    }
    end(r, e);
}

static bool
read_message(struct insp_reading *r, struct insp_cursor c)
{
    uint8_t type;

    if (!open_message(&c, &type)) {
        return false;
    }
    switch (type) {
    case AS_REQ:
    case TGS_REQ: read_request(r, &c, type); break;
    case AS_REP:
    case TGS_REP: read_reply(r, &c, type); break;
    default: read_error(r, &c); break;
    }
    return true;
}

static size_t
read_bytes(struct insp_reading *r)
{
    size_t at = 0;

    if (!r->is_stream) {
        (void) read_message(r, insp_cursor(r->bytes, r->size));
        return r->size;
    }
    while (r->size - at > LENGTH_SIZE) {
        const uint8_t *here = r->bytes + at;
        size_t left = r->size - at - LENGTH_SIZE;
        uint32_t size = insp_be32(here) & 0x7fffffff;

        if (left < INSP_MIN(size, WANT)) {
            break;
        }
        left = INSP_MIN(left, size);
        if (!read_message(r, insp_cursor(here + LENGTH_SIZE, left))) {
            insp_reading_stop_side(r);
            return at;
        }
        insp_reading_pass(r, size - left);
        at += LENGTH_SIZE + left;
    }
    return at;
}

const struct insp_reader insp_reader_krb5 = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
