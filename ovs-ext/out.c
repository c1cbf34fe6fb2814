/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Text goes straight to a string, indented by four for each open item or
 * group.  JSON grows as a tree; the stack holds the path to where the next
 * value goes, which is an object or an array by what was opened. */

#include <config.h>

#include "ovs-ext/out.h"

#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "util.h"

void
ovsext_out_init(struct ovsext_out *out, bool json)
{
    memset(out, 0, sizeof *out);
    out->json = json;
    ds_init(&out->text);
    if (json) {
        out->stack[0] = json_object_create();
    }
}

static void
open_json(struct ovsext_out *out, const char *key, struct json *value,
          bool indent)
{
    ovs_assert(out->depth + 1 < OVSEXT_OUT_DEPTH);
    if (out->json) {
        struct json *parent = out->stack[out->depth];

        if (parent->type == JSON_ARRAY) {
            json_array_add(parent, value);
        } else {
            json_object_put(parent, key, value);
        }
        out->stack[out->depth + 1] = value;
    }
    out->depth++;
    out->indents[out->depth] = indent;
    out->indent += indent;
}

void
ovsext_out_list(struct ovsext_out *out, const char *key)
{
    open_json(out, key, out->json ? json_array_create_empty() : NULL, false);
}

void
ovsext_out_item(struct ovsext_out *out, const char *heading, ...)
{
    va_list args;

    if (!out->json) {
        ds_put_char_multiple(&out->text, ' ', 4 * out->indent);
        va_start(args, heading);
        ds_put_format_valist(&out->text, heading, args);
        va_end(args);
        ds_put_char(&out->text, '\n');
    }
    open_json(out, NULL, out->json ? json_object_create() : NULL, true);
}

void
ovsext_out_group(struct ovsext_out *out, const char *key)
{
    if (!out->json) {
        ds_put_char_multiple(&out->text, ' ', 4 * out->indent);
        ds_put_format(&out->text, "%s\n", key);
    }
    open_json(out, key, out->json ? json_object_create() : NULL, true);
}

void
ovsext_out_end(struct ovsext_out *out)
{
    out->indent -= out->indents[out->depth];
    out->depth--;
}

static void
put_line(struct ovsext_out *out, const char *key, const char *value)
{
    ds_put_char_multiple(&out->text, ' ', 4 * out->indent);
    ds_put_format(&out->text, "%s: %s\n", key, value);
}

void
ovsext_out_text(struct ovsext_out *out, const char *key, const char *value)
{
    char clean[4096];

    if (!value || !*value) {
        return;
    }
    insp_utf8_clean(clean, sizeof clean, value);
    if (out->json) {
        json_object_put_string(out->stack[out->depth], key, clean);
    } else {
        put_line(out, key, clean);
    }
}

void
ovsext_out_number(struct ovsext_out *out, const char *key, uint64_t value)
{
    char digits[24];

    if (out->json) {
        json_object_put(out->stack[out->depth], key,
                        json_integer_create(MIN(value, INT64_MAX)));
    } else {
        snprintf(digits, sizeof digits, "%" PRIu64, value);
        put_line(out, key, digits);
    }
}

void
ovsext_out_real(struct ovsext_out *out, const char *key, double value)
{
    char digits[32];

    if (out->json) {
        json_object_put(out->stack[out->depth], key, json_real_create(value));
    } else {
        snprintf(digits, sizeof digits, "%.1f", value);
        put_line(out, key, digits);
    }
}

void
ovsext_out_bool(struct ovsext_out *out, const char *key, bool value)
{
    if (out->json) {
        json_object_put(out->stack[out->depth], key,
                        json_boolean_create(value));
    } else {
        put_line(out, key, value ? "true" : "false");
    }
}

void
ovsext_out_line(struct ovsext_out *out, const char *format, ...)
{
    va_list args;

    if (!out->json) {
        ds_put_char_multiple(&out->text, ' ', 4 * out->indent);
        va_start(args, format);
        ds_put_format_valist(&out->text, format, args);
        va_end(args);
        ds_put_char(&out->text, '\n');
    }
}

char *
ovsext_out_finish(struct ovsext_out *out)
{
    char *result;

    if (!out->json) {
        return ds_steal_cstr(&out->text);
    }
    result = json_to_string(out->stack[0], JSSF_SORT);
    json_destroy(out->stack[0]);
    ds_destroy(&out->text);
    return result;
}
