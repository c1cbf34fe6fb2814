/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Values stand in the order of rows, so that both loops, over lines and over
 * elements, walk them once.  Whether a value goes into the lines too is asked
 * of the value, not tried: is_exact() says for each form of element what it
 * cannot say.
 */

#include <arpa/inet.h>
#include <stdio.h>

#include "export/ipfix-app.h"
#include "export/ipfix.h"
#include "record/fields.h"

#define S  UINT64_C(1000000000)
#define MS UINT64_C(1000000)

void
insp_ipfix_app_init(struct insp_ipfix_app *app)
{
    for (unsigned int i = 0; i < INSP_N_APPS_TOLD; i++) {
        app->rows[i] = insp_app_rows((enum insp_app) i);
    }
    for (unsigned int i = 0; i < INSP_N_APP_FIELDS; i++) {
        app->elements[i] = insp_app_element((enum insp_app_field) i);
    }
}

/* Writing. */

static bool
is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

static bool
is_exact_number(const struct insp_app_element *element, uint64_t n)
{
    switch ((enum insp_app_form) element->form) {
    case INSP_FORM_UNSIGNED:
        return n && (element->length >= 8 || !(n >> 8 * element->length));
    case INSP_FORM_BOOLEAN: return true;
    case INSP_FORM_SECONDS: return n && !(n % S) && n / S <= UINT32_MAX;
    case INSP_FORM_MILLISECONDS: return n && !(n % MS);
    case INSP_FORM_NANOSECONDS:
        return insp_ipfix_time_back(insp_ipfix_time(n)) == n;
    case INSP_FORM_NONE:
    case INSP_FORM_TEXT:
    case INSP_FORM_OCTETS:
    case INSP_FORM_ADDRESS: break;
    }
    return false;
}

/* True when the element says all that there is to say. */
static bool
is_exact(const struct insp_app_element *element,
         const struct insp_app_run *run)
{
    const uint8_t *at = run->start;
    struct insp_value v;

    while (insp_value_next(&at, run->end, &v)) {
        switch ((enum insp_app_form) element->form) {
        case INSP_FORM_NONE: return false;
        case INSP_FORM_TEXT:
            if (!v.size || memchr(v.bytes, '\0', v.size) ||
                (insp_app_fields[v.field].kind == INSP_VALUE_LIST &&
                 memchr(v.bytes, ',', v.size))) {
                return false;
            }
            break;
        case INSP_FORM_OCTETS:
            if (!v.size) {
                return false;
            }
            break;
        case INSP_FORM_ADDRESS:
            if (v.size != element->length || is_zero(v.bytes, v.size)) {
                return false;
            }
            break;
        case INSP_FORM_UNSIGNED:
        case INSP_FORM_BOOLEAN:
        case INSP_FORM_SECONDS:
        case INSP_FORM_MILLISECONDS:
        case INSP_FORM_NANOSECONDS:
            if (!is_exact_number(element, v.number)) {
                return false;
            }
            break;
        }
    }
    return true;
}

static void
put_formatted(struct insp_put *put, const char *format, uint64_t n)
{
    char text[24];

    snprintf(text, sizeof text, format, (unsigned long long) n);
    insp_put_text(put, text);
}

static void
put_escaped(struct insp_put *put, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = bytes[i];

        if (c == '\\' || c == '\n') {
            insp_put_u8(put, '\\');
            insp_put_u8(put, c == '\n' ? 'n' : c);
        } else if (c < 0x20 || c == 0x7f) {
            put_formatted(put, "\\x%02llx", c);
        } else {
            insp_put_u8(put, c);
        }
    }
}

static void
put_line_value(struct insp_put *put, const struct insp_value *v)
{
    char text[INET6_ADDRSTRLEN];

    switch ((enum insp_value_kind) insp_app_fields[v->field].kind) {
    case INSP_VALUE_UINT:
    case INSP_VALUE_TIME: put_formatted(put, "%llu", v->number); break;
    case INSP_VALUE_BOOL: insp_put_text(put, v->number ? "1" : "0"); break;
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST:
    case INSP_VALUE_GROUP: put_escaped(put, v->bytes, v->size); break;
    case INSP_VALUE_HEX:
    case INSP_VALUE_MAC:
        for (size_t i = 0; i < v->size; i++) {
            put_formatted(put, "%02llx", v->bytes[i]);
        }
        break;
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS:
        if (inet_ntop(v->size == 4 ? AF_INET : AF_INET6, v->bytes, text,
                      sizeof text)) {
            insp_put_text(put, text);
        }
        break;
    case INSP_VALUE_RAW: break;
    }
}

void
insp_ipfix_app_put_lines(const struct insp_ipfix_app *app,
                         struct insp_put *put,
                         const struct insp_values *values)
{
    const uint8_t *at = values->bytes;
    struct insp_app_run run;

    while (insp_app_run_next(&at, values->bytes + values->size, &run)) {
        struct insp_value v;

        if (is_exact(&app->elements[run.field], &run)) {
            continue;
        }
        while (insp_value_next(&run.start, run.end, &v)) {
            insp_put_text(put, insp_app_fields[v.field].key);
            insp_put_u8(put, '=');
            put_line_value(put, &v);
            insp_put_u8(put, '\n');
        }
    }
}

static void
put_var_size(struct insp_put *put, size_t size)
{
    if (size < 255) {
        insp_put_u8(put, (uint8_t) size);
    } else {
        insp_put_u8(put, 255);
        insp_put_be16(put, (uint16_t) size);
    }
}

/* Receivers take a zero for the end of a text. */
static size_t
text_size(const struct insp_value *v)
{
    const uint8_t *zero = v->size ? memchr(v->bytes, '\0', v->size) : NULL;

    return zero ? (size_t) (zero - v->bytes) : v->size;
}

/* Texts with a comma between. */
static void
put_texts(struct insp_put *put, const struct insp_app_run *run)
{
    const uint8_t *at = run->start;
    struct insp_value v;
    size_t size = run->n - 1;

    while (insp_value_next(&at, run->end, &v)) {
        size += text_size(&v);
    }
    put_var_size(put, size);
    at = run->start;
    for (unsigned int i = 0; insp_value_next(&at, run->end, &v); i++) {
        if (i) {
            insp_put_u8(put, ',');
        }
        insp_put_bytes(put, v.bytes, text_size(&v));
    }
}

static uint64_t
number_of(const struct insp_app_element *element, uint64_t n)
{
    switch ((enum insp_app_form) element->form) {
    case INSP_FORM_BOOLEAN: return n ? 1 : 2;
    case INSP_FORM_SECONDS: return n / S <= UINT32_MAX ? n / S : 0;
    case INSP_FORM_MILLISECONDS: return n / MS;
    case INSP_FORM_NANOSECONDS: return insp_ipfix_time(n);
    case INSP_FORM_UNSIGNED: return is_exact_number(element, n) ? n : 0;
    case INSP_FORM_NONE:
    case INSP_FORM_TEXT:
    case INSP_FORM_OCTETS:
    case INSP_FORM_ADDRESS: break;
    }
    return n;
}

static void
put_element(struct insp_put *put, const struct insp_app_element *element,
            const struct insp_app_run *run)
{
    const uint8_t *at = run->start;
    struct insp_value v;

    if (element->form == INSP_FORM_TEXT) {
        put_texts(put, run);
    } else if (!insp_value_next(&at, run->end, &v)) {
        return;
    } else if (element->form == INSP_FORM_OCTETS) {
        put_var_size(put, v.size);
        insp_put_bytes(put, v.bytes, v.size);
    } else if (element->form != INSP_FORM_ADDRESS) {
        insp_put_be(put, number_of(element, v.number), element->length);
    } else if (v.size == element->length) {
        insp_put_bytes(put, v.bytes, v.size);
    } else {
        insp_put_be(put, 0, element->length);
    }
}

void
insp_ipfix_app_put_elements(const struct insp_ipfix_app *app,
                            struct insp_put *put,
                            const struct insp_values *values)
{
    const struct insp_app_rows *rows = &app->rows[values->app];
    const uint8_t *at = values->bytes, *end = at + values->size;
    struct insp_app_run run;
    bool has_run = insp_app_run_next(&at, end, &run);

    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        const struct insp_app_element *element = &app->elements[i];

        while (has_run && run.field < i) {
            has_run = insp_app_run_next(&at, end, &run);
        }
        if (element->form == INSP_FORM_NONE) {
            continue;
        } else if (has_run && run.field == i) {
            put_element(put, element, &run);
        } else if (element->length == INSP_FIELD_VAR) {
            insp_put_u8(put, 0);
        } else {
            for (unsigned int j = 0; j < element->length; j++) {
                insp_put_u8(put, 0);
            }
        }
    }
}

/* Reading. */

static void
keep(struct insp_put *values, const struct insp_value *v)
{
    size_t n = insp_value_put(values->at, insp_put_left(values), v);

    values->at += n;
    values->full |= !n;
}

/* Undoes put_escaped(); returns the size. */
static size_t
unescape(const uint8_t *at, const uint8_t *end, uint8_t *to)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *start = to;

    while (at < end) {
        uint8_t c = *at++;

        if (c != '\\' || at == end) {
            *to++ = c;
        } else if (*at == 'n') {
            *to++ = '\n';
            at++;
        } else if (*at == 'x' && end - at >= 3 && at[1] && at[2] &&
                   strchr(digits, at[1]) && strchr(digits, at[2])) {
            *to++ = (uint8_t) ((strchr(digits, at[1]) - digits) << 4 |
                               (strchr(digits, at[2]) - digits));
            at += 3;
        } else {
            *to++ = *at++;
        }
    }
    return (size_t) (to - start);
}

static bool
read_decimal(const uint8_t *at, const uint8_t *end, uint64_t *n)
{
    *n = 0;
    if (at == end) {
        return false;
    }
    for (; at < end; at++) {
        uint8_t digit = (uint8_t) (*at - '0');

        if (digit > 9 || *n > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *n = *n * 10 + digit;
    }
    return true;
}

static bool
read_hex(const uint8_t *at, const uint8_t *end, uint8_t *to, size_t *size)
{
    static const char digits[] = "0123456789abcdef";

    *size = (size_t) (end - at) / 2;
    if ((end - at) % 2) {
        return false;
    }
    for (; at < end; at += 2, to++) {
        const char *high = at[0] ? strchr(digits, at[0]) : NULL;
        const char *low = at[1] ? strchr(digits, at[1]) : NULL;

        if (!high || !low) {
            return false;
        }
        *to = (uint8_t) ((high - digits) << 4 | (low - digits));
    }
    return true;
}

static bool
read_address(const uint8_t *at, const uint8_t *end, uint8_t *to, size_t *size)
{
    char text[INET6_ADDRSTRLEN];

    if ((size_t) (end - at) >= sizeof text) {
        return false;
    }
    memcpy(text, at, (size_t) (end - at));
    text[end - at] = '\0';
    *size = strchr(text, ':') ? 16 : 4;
    return inet_pton(*size == 16 ? AF_INET6 : AF_INET, text, to) == 1;
}

static bool
read_line_value(const uint8_t *at, const uint8_t *end, uint8_t *text,
                struct insp_value *v)
{
    v->bytes = text;
    switch ((enum insp_value_kind) insp_app_fields[v->field].kind) {
    case INSP_VALUE_UINT:
    case INSP_VALUE_BOOL:
    case INSP_VALUE_TIME: return read_decimal(at, end, &v->number);
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST:
    case INSP_VALUE_GROUP: v->size = unescape(at, end, text); return true;
    case INSP_VALUE_HEX:
    case INSP_VALUE_MAC: return read_hex(at, end, text, &v->size);
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS: return read_address(at, end, text, &v->size);
    case INSP_VALUE_RAW: break;
    }
    return false;
}

void
insp_ipfix_app_read_lines(const struct insp_app_rows *rows,
                          const uint8_t *bytes, size_t size, uint8_t *text,
                          struct insp_put *values,
                          struct insp_ipfix_app_seen *seen)
{
    const uint8_t *at = bytes, *end = bytes + size, *line_end;

    for (; at < end; at = line_end + (line_end < end)) {
        const uint8_t *equals;
        struct insp_value v = { .field = INSP_N_APP_FIELDS };

        line_end = memchr(at, '\n', (size_t) (end - at));
        line_end = line_end ? line_end : end;
        equals = memchr(at, '=', (size_t) (line_end - at));
        if (equals) {
            v.field = insp_app_field_by_key(rows, at, (size_t) (equals - at));
        }
        if (v.field != INSP_N_APP_FIELDS &&
            read_line_value(equals + 1, line_end, text, &v)) {
            seen->field[v.field] = true;
            keep(values, &v);
        }
    }
}

static void
keep_texts(struct insp_put *values, struct insp_value *v, const uint8_t *bytes,
           size_t size)
{
    const uint8_t *end = bytes + size, *comma;

    for (const uint8_t *at = bytes; at <= end; at = comma + 1) {
        comma = insp_app_fields[v->field].kind == INSP_VALUE_LIST && at < end
                    ? memchr(at, ',', (size_t) (end - at))
                    : NULL;
        comma = comma ? comma : end;
        v->bytes = at;
        v->size = (size_t) (comma - at);
        keep(values, v);
    }
}

static bool
read_number(const struct insp_app_element *element, uint64_t n, uint64_t *to)
{
    *to = n;
    switch ((enum insp_app_form) element->form) {
    case INSP_FORM_BOOLEAN: *to = n == 1; break;
    case INSP_FORM_SECONDS: *to = n <= UINT32_MAX ? n * S : 0; break;
    case INSP_FORM_MILLISECONDS:
        *to = n <= UINT64_MAX / MS ? n * MS : UINT64_MAX;
        break;
    case INSP_FORM_NANOSECONDS: *to = insp_ipfix_time_back(n); break;
    case INSP_FORM_UNSIGNED:
    case INSP_FORM_NONE:
    case INSP_FORM_TEXT:
    case INSP_FORM_OCTETS:
    case INSP_FORM_ADDRESS: break;
    }
    return n != 0;
}

void
insp_ipfix_app_read_element(const struct insp_ipfix_app *app,
                            enum insp_app_field field, const uint8_t *bytes,
                            size_t size, struct insp_put *values)
{
    const struct insp_app_element *element = &app->elements[field];
    struct insp_value v = { .field = field, .bytes = bytes, .size = size };
    uint64_t n = 0;

    if (!size) {
        return;
    }
    switch ((enum insp_app_form) element->form) {
    case INSP_FORM_NONE: break;
    case INSP_FORM_TEXT: keep_texts(values, &v, bytes, size); break;
    case INSP_FORM_OCTETS: keep(values, &v); break;
    case INSP_FORM_ADDRESS:
        if (size == element->length && !is_zero(bytes, size)) {
            keep(values, &v);
        }
        break;
    case INSP_FORM_UNSIGNED:
    case INSP_FORM_BOOLEAN:
    case INSP_FORM_SECONDS:
    case INSP_FORM_MILLISECONDS:
    case INSP_FORM_NANOSECONDS:
        for (size_t i = 0; i < size && size <= 8; i++) {
            n = n << 8 | bytes[i];
        }
        if (read_number(element, n, &v.number)) {
            keep(values, &v);
        }
        break;
    }
}
