/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A plain count of references: until the ring hands it over there is one
 * owner, and behind the ring there is one thread.
 *
 * Values are put in order by counting: how many bytes each field has says
 * where its first one goes.  Each is then looked at once: is it valid, what
 * does it cost, is there as much left?
 */

#include <stdlib.h>

#include "base/utf8.h"
#include "record/app-fields.h"
#include "record/values.h"

struct insp_values *
insp_values_create(enum insp_app app, bool is_cut, const uint8_t *values,
                   size_t size, const uint8_t *more, size_t more_size)
{
    struct insp_values *v;

    if (size > UINT32_MAX / 4 || more_size > UINT32_MAX / 4) {
        return NULL;
    }
    v = malloc(sizeof *v + size + more_size);
    if (!v) {
        return NULL;
    }
    v->refs = 1;
    v->size = (uint32_t) (size + more_size);
    v->app = app;
    v->is_cut = is_cut;
    if (size) {
        memcpy(v->bytes, values, size);
    }
    if (more_size) {
        memcpy(v->bytes + size, more, more_size);
    }
    return v;
}

static bool
is_list(enum insp_app_field field)
{
    uint8_t kind = insp_app_fields[field].kind;

    return kind == INSP_VALUE_LIST || kind == INSP_VALUE_GROUP ||
           kind == INSP_VALUE_IPS;
}

static bool
is_valid(const struct insp_value *v)
{
    if (!insp_app_fields[v->field].key[0]) {
        return false;
    }
    switch ((enum insp_value_kind) insp_app_fields[v->field].kind) {
    case INSP_VALUE_UINT:
    case INSP_VALUE_TIME:
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST:
    case INSP_VALUE_HEX: return true;
    case INSP_VALUE_BOOL: return v->number;
    case INSP_VALUE_GROUP: return v->size && memchr(v->bytes, '=', v->size);
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS: return v->size == 4 || v->size == 16;
    case INSP_VALUE_MAC: return v->size == 6;
    case INSP_VALUE_RAW: break;
    }
    return false;
}

/* Copies what is valid and of the protocol, in the order of fields, to a
 * buffer of 'size' bytes; returns how many it has used. */
static size_t
sort(const struct insp_app_rows *rows, const uint8_t *values, size_t size,
     uint8_t *to)
{
    size_t begin[INSP_N_APP_FIELDS], total = 0;
    const uint8_t *at = values, *start = at;
    struct insp_value v;

    memset(begin + rows->first, 0, rows->n * sizeof begin[0]);
    for (; insp_value_next(&at, values + size, &v); start = at) {
        if (insp_app_rows_have(rows, v.field) && is_valid(&v)) {
            begin[v.field] += (size_t) (at - start);
        }
    }
    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        size_t n = begin[i];

        begin[i] = total;
        total += n;
    }
    for (at = values; insp_value_next(&at, values + size, &v);) {
        if (insp_app_rows_have(rows, v.field) && is_valid(&v)) {
            begin[v.field] +=
                insp_value_put(to + begin[v.field], size - begin[v.field], &v);
        }
    }
    return total;
}

/* Makes UTF-8 of a text.  Returns what it costs in JSON; '*size' is that of
 * the result, 'most' and three at most.  Stops when it costs more than
 * 'most'. */
static size_t
clean(const struct insp_value *v, size_t most, uint8_t *to, size_t *size)
{
    const uint8_t *at = v->bytes, *end = at + v->size;
    uint8_t *start = to;
    size_t cost = 0;

    while (at < end && cost <= most) {
        size_t n = INSP_MIN((size_t) (end - at), most - cost + 1);

        n = insp_plain_size(at, at + n);
        if (n) {
            memcpy(to, at, n);
            to += n;
            cost += n;
            at += n;
            continue;
        }
        n = insp_utf8_size(at, end);
        if (!n) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
            cost += 3;
            at++;
            continue;
        }
        cost += *at < 0x20 ? 6 : *at == '"' || *at == '\\' ? 2 : n;
        memcpy(to, at, n);
        to += n;
        at += n;
    }
    *size = (size_t) (to - start);
    return cost;
}

/* Digits, quotes, brackets, the longest time and address. */
#define COST_OF_VALUE 64

/* Appends a value, or cuts it off.  There is room for it as it is cleaned,
 * where it will stand. */
static void
add(struct insp_values *to, size_t *left, const struct insp_value *value)
{
    uint8_t *text = to->bytes + to->size + INSP_VALUE_HEAD;
    const struct insp_app_field_info *info = &insp_app_fields[value->field];
    size_t cost = COST_OF_VALUE + strlen(info->key);
    struct insp_value v = *value;

    if (cost > *left) {
        to->is_cut = true;
        return;
    }
    switch ((enum insp_value_kind) info->kind) {
    case INSP_VALUE_TEXT:
    case INSP_VALUE_LIST:
    case INSP_VALUE_GROUP:
        cost += clean(value, *left - cost, text, &v.size);
        v.bytes = text;
        break;
    case INSP_VALUE_HEX: cost += 2 * v.size; break;
    case INSP_VALUE_BOOL: v.number = 1; break;
    case INSP_VALUE_UINT:
    case INSP_VALUE_IP:
    case INSP_VALUE_IPS:
    case INSP_VALUE_MAC:
    case INSP_VALUE_TIME:
    case INSP_VALUE_RAW: break;
    }
    if (cost > *left) {
        to->is_cut = true;
        return;
    }
    *left -= cost;
    to->size += (uint32_t) insp_value_put(to->bytes + to->size,
                                          INSP_VALUES_COST_MAX - to->size, &v);
}

#define SMALL 2048 /* Of what most records have, and more. */

/* What tidy values may take.  Of each byte three can become; what has no room
 * in the bound is cleaned before that is known. */
static size_t
room_for(size_t size)
{
    return INSP_MIN(3 * size, INSP_VALUES_COST_MAX) + INSP_VALUE_HEAD + 8;
}

struct insp_values *
insp_values_tidy_rows(const struct insp_app_rows *rows, enum insp_app app,
                      bool is_cut, const uint8_t *values, size_t size)
{
    struct insp_values *v = malloc(sizeof *v + room_for(size)), *shrunk;
    uint8_t here[SMALL], *sorted = size > sizeof here ? malloc(size) : here;
    size_t left = INSP_VALUES_COST_MAX;
    const uint8_t *at = sorted;
    struct insp_app_run run;

    if (!v || !sorted) {
        free(v);
        if (sorted != here) {
            free(sorted);
        }
        return NULL;
    }
    *v = (struct insp_values){ .refs = 1, .app = app, .is_cut = is_cut };
    size = sort(rows, values, size, sorted);
    while (insp_app_run_next(&at, sorted + size, &run)) {
        struct insp_value value;

        while (insp_value_next(&run.start, run.end, &value)) {
            add(v, &left, &value);
            if (!is_list(run.field)) {
                break;
            }
        }
    }
    if (sorted != here) {
        free(sorted);
    }
    shrunk = realloc(v, sizeof *v + v->size);
    return shrunk ? shrunk : v;
}

struct insp_values *
insp_values_tidy(enum insp_app app, bool is_cut, const uint8_t *values,
                 size_t size)
{
    struct insp_app_rows rows = insp_app_rows(app);

    return insp_values_tidy_rows(&rows, app, is_cut, values, size);
}

void
insp_values_ref(struct insp_values *v)
{
    if (v) {
        v->refs++;
    }
}

void
insp_values_unref(struct insp_values *v)
{
    if (v && !--v->refs) {
        free(v);
    }
}

/* Texts of the wire are cut, what may be many is left out. */
void
insp_values_lean(struct insp_values *v)
{
    const uint8_t *at = v->bytes, *end = v->bytes + v->size;
    uint8_t *to = v->bytes;
    struct insp_value value;

    while (insp_value_next(&at, end, &value)) {
        switch ((enum insp_value_kind) insp_app_fields[value.field].kind) {
        case INSP_VALUE_LIST:
        case INSP_VALUE_GROUP:
        case INSP_VALUE_IPS:
        case INSP_VALUE_RAW: continue;
        case INSP_VALUE_TEXT:
        case INSP_VALUE_HEX:
            value.size = INSP_MIN(value.size, INSP_VALUES_LEAN_TEXT);
            break;
        case INSP_VALUE_UINT:
        case INSP_VALUE_BOOL:
        case INSP_VALUE_IP:
        case INSP_VALUE_MAC:
        case INSP_VALUE_TIME: break;
        }
        to += insp_value_move(to, &value);
    }
    v->size = (uint32_t) (to - v->bytes);
}
