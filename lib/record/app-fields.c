/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A field goes out as an element of its own when its row names one whose type
 * can say what the field's kind is.  The types of texts and bytes follow from
 * the kind; those of all other elements that rows name stand in a list here,
 * as IANA and CERT have published them.
 */

#include "record/app-fields.h"
#include "record/fields.h"

#define PEN_CERT 6871

/* Elements that are neither texts nor bytes. */
static const struct {
    uint32_t pen;
    uint16_t id;
    uint8_t form;
    uint16_t length;
} types[] = {
    { 0, 56, INSP_FORM_ADDRESS, 6 },          /* sourceMacAddress */
    { 0, 80, INSP_FORM_ADDRESS, 6 },          /* destinationMacAddress */
    { 0, 351, INSP_FORM_UNSIGNED, 8 },        /* layer2SegmentId */
    { 0, 457, INSP_FORM_UNSIGNED, 2 },        /* httpStatusCode */
    { PEN_CERT, 174, INSP_FORM_UNSIGNED, 1 }, /* dnsQueryResponse */
    { PEN_CERT, 175, INSP_FORM_UNSIGNED, 2 }, /* dnsQRType */
    { PEN_CERT, 176, INSP_FORM_UNSIGNED, 1 }, /* dnsAuthoritative */
    { PEN_CERT, 177, INSP_FORM_UNSIGNED, 1 }, /* dnsNXDomain */
    { PEN_CERT, 178, INSP_FORM_UNSIGNED, 1 }, /* dnsRRSection */
    { PEN_CERT, 181, INSP_FORM_UNSIGNED, 2 }, /* dnsMXPreference */
    { PEN_CERT, 185, INSP_FORM_UNSIGNED, 4 }, /* sslCipher */
    { PEN_CERT, 186, INSP_FORM_UNSIGNED, 1 }, /* sslClientVersion */
    { PEN_CERT, 187, INSP_FORM_UNSIGNED, 4 }, /* sslServerCipher */
    { PEN_CERT, 188, INSP_FORM_UNSIGNED, 1 }, /* sslCompressionMethod */
    { PEN_CERT, 189, INSP_FORM_UNSIGNED, 1 }, /* sslCertVersion */
    { PEN_CERT, 199, INSP_FORM_UNSIGNED, 4 }, /* dnsTTL */
    { PEN_CERT, 209, INSP_FORM_UNSIGNED, 4 }, /* dnsSOASerial */
    { PEN_CERT, 210, INSP_FORM_UNSIGNED, 4 }, /* dnsSOARefresh */
    { PEN_CERT, 211, INSP_FORM_UNSIGNED, 4 }, /* dnsSOARetry */
    { PEN_CERT, 212, INSP_FORM_UNSIGNED, 4 }, /* dnsSOAExpire */
    { PEN_CERT, 213, INSP_FORM_UNSIGNED, 4 }, /* dnsSOAMinimum */
    { PEN_CERT, 216, INSP_FORM_UNSIGNED, 2 }, /* dnsSRVPriority */
    { PEN_CERT, 217, INSP_FORM_UNSIGNED, 2 }, /* dnsSRVWeight */
    { PEN_CERT, 218, INSP_FORM_UNSIGNED, 2 }, /* dnsSRVPort */
    { PEN_CERT, 224, INSP_FORM_UNSIGNED, 1 }, /* mysqlCommandCode */
    { PEN_CERT, 226, INSP_FORM_UNSIGNED, 2 }, /* dnsID */
    { PEN_CERT, 241, INSP_FORM_UNSIGNED, 2 }, /* dnsFlags */
    { PEN_CERT, 250, INSP_FORM_UNSIGNED, 2 }, /* sslPublicKeyLength */
    { PEN_CERT, 288, INSP_FORM_UNSIGNED, 2 }, /* sslRecordVersion */
    { PEN_CERT, 302, INSP_FORM_ADDRESS, 4 },  /* rrIPv4 */
    { PEN_CERT, 303, INSP_FORM_ADDRESS, 16 }, /* rrIPv6 */
};

static enum insp_app
owner_of(enum insp_app app)
{
    switch ((int) app) {
    case INSP_APP_DTLS: return INSP_APP_TLS;
    case INSP_APP_MDNS:
    case INSP_APP_LLMNR: return INSP_APP_DNS;
    case INSP_APP_HTTP2: return INSP_APP_HTTP;
    default: return app;
    }
}

struct insp_app_rows
insp_app_rows(enum insp_app app)
{
    enum insp_app owner = owner_of(app);
    struct insp_app_rows rows = { 0, 0 };

    while (rows.first < INSP_N_APP_FIELDS &&
           insp_app_fields[rows.first].app != owner) {
        rows.first++;
    }
    while (rows.first + rows.n < INSP_N_APP_FIELDS &&
           insp_app_fields[rows.first + rows.n].app == owner) {
        rows.n++;
    }
    return rows;
}

enum insp_app_field
insp_app_field_by_key(const struct insp_app_rows *rows, const void *key,
                      size_t size)
{
    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        if (size && strlen(insp_app_fields[i].key) == size &&
            !memcmp(insp_app_fields[i].key, key, size)) {
            return (enum insp_app_field) i;
        }
    }
    return INSP_N_APP_FIELDS;
}

/* True when the head of protocols' records, or an earlier row of the same
 * protocol, has the element. */
static bool
is_taken(enum insp_app_field field)
{
    const struct insp_app_field_info *info = &insp_app_fields[field];

    for (unsigned int i = INSP_SHAPE_APP_IP4; i <= INSP_SHAPE_APP_IP6; i++) {
        for (unsigned int j = 0; j < insp_shapes[i].n_fields; j++) {
            if (insp_shapes[i].fields[j].pen == info->pen &&
                insp_shapes[i].fields[j].id == info->id) {
                return true;
            }
        }
    }
    for (unsigned int i = field; i-- && insp_app_fields[i].app == info->app;) {
        if (insp_app_fields[i].pen == info->pen &&
            insp_app_fields[i].id == info->id) {
            return true;
        }
    }
    return false;
}

static struct insp_app_element
type_of(const struct insp_app_field_info *info)
{
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(types); i++) {
        if (types[i].pen == info->pen && types[i].id == info->id) {
            return (struct insp_app_element){ types[i].form, types[i].length };
        }
    }
    return (struct insp_app_element){
        info->kind == INSP_VALUE_HEX ? INSP_FORM_OCTETS : INSP_FORM_TEXT,
        INSP_FIELD_VAR,
    };
}

static bool
can_say(uint8_t form, uint8_t kind)
{
    switch ((enum insp_value_kind) kind) {
    case INSP_VALUE_UINT: return form == INSP_FORM_UNSIGNED;
    case INSP_VALUE_BOOL:
        return form == INSP_FORM_UNSIGNED || form == INSP_FORM_BOOLEAN;
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST: return form == INSP_FORM_TEXT;
    case INSP_VALUE_HEX: return form == INSP_FORM_OCTETS;
    case INSP_VALUE_IP:
    case INSP_VALUE_MAC: return form == INSP_FORM_ADDRESS;
    case INSP_VALUE_TIME:
        return form == INSP_FORM_SECONDS || form == INSP_FORM_MILLISECONDS ||
               form == INSP_FORM_NANOSECONDS;
    case INSP_VALUE_GROUP:
    case INSP_VALUE_IPS:
    case INSP_VALUE_RAW: break;
    }
    return false;
}

struct insp_app_element
insp_app_element(enum insp_app_field field)
{
    const struct insp_app_field_info *info = &insp_app_fields[field];
    struct insp_app_element element = { INSP_FORM_NONE, 0 };

    if (info->id && info->key[0]) {
        element = type_of(info);
        if (!can_say(element.form, info->kind) || is_taken(field)) {
            element.form = INSP_FORM_NONE;
        }
    }
    return element;
}

bool
insp_app_run_next(const uint8_t **at, const uint8_t *end,
                  struct insp_app_run *run)
{
    const uint8_t *next = *at;
    struct insp_value v;

    if (!insp_value_next(&next, end, &v)) {
        return false;
    }
    *run = (struct insp_app_run){ v.field, 0, *at, *at };
    do {
        run->n++;
        run->end = next;
    } while (insp_value_next(&next, end, &v) && v.field == run->field);
    *at = run->end;
    return true;
}
