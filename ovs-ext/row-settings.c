/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The columns are found by the description that the database layer has of
 * them, so that a new setting needs no line here.  References to other rows
 * and maps but other_config are no settings; nor are sets of names whose
 * reader looks at the row itself. */

#include <config.h>

#include "ovs-ext/row-settings.h"

#include "openvswitch/json.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-types.h"
#include "util.h"

void
ovsext_settings_add(struct ovsext_settings *settings, const char *key,
                    const char *value)
{
    if (settings->n == settings->n_allocated) {
        settings->array = x2nrealloc(settings->array, &settings->n_allocated,
                                     sizeof *settings->array);
    }
    settings->array[settings->n].key = key;
    settings->array[settings->n].value = value;
    settings->n++;
}

static const char *
own(struct ovsext_settings *settings, char *text)
{
    if (settings->n_owned == settings->n_owned_allocated) {
        settings->owned =
            x2nrealloc(settings->owned, &settings->n_owned_allocated,
                       sizeof *settings->owned);
    }
    settings->owned[settings->n_owned++] = text;
    return text;
}

static const char *
atom_to_text(struct ovsext_settings *settings, const union ovsdb_atom *atom,
             enum ovsdb_atomic_type type)
{
    switch (type) {
    case OVSDB_TYPE_INTEGER:
        return own(settings, xasprintf("%" PRId64, atom->integer));
    case OVSDB_TYPE_BOOLEAN: return atom->boolean ? "true" : "false";
    case OVSDB_TYPE_STRING: return json_string(atom->s);
    case OVSDB_TYPE_VOID:
    case OVSDB_TYPE_REAL:
    case OVSDB_TYPE_UUID:
    case OVSDB_N_TYPES: break;
    }
    return NULL;
}

/* A string that must be set but is empty reads as not set. */
static bool
is_unset(const struct ovsdb_datum *datum, const struct ovsdb_type *type)
{
    return !datum->n || (type->key.type == OVSDB_TYPE_STRING && type->n_min &&
                         !json_string(datum->keys[0].s)[0]);
}

static bool
is_setting(const struct ovsdb_idl_column *column)
{
    return column->type.value.type == OVSDB_TYPE_VOID &&
           column->type.key.type != OVSDB_TYPE_UUID &&
           strcmp(column->name, "ports");
}

void
ovsext_settings_read(struct ovsext_settings *settings,
                     const struct ovsdb_idl_row *row)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;

    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

        if (!strcmp(column->name, "other_config")) {
            for (size_t j = 0; j < datum->n; j++) {
                const char *key = json_string(datum->keys[j].s);

                ovsext_settings_add(
                    settings, own(settings, xasprintf("other_config:%s", key)),
                    json_string(datum->values[j].s));
            }
        } else if (is_setting(column) && !is_unset(datum, &column->type)) {
            for (size_t j = 0; j < datum->n; j++) {
                ovsext_settings_add(settings, column->name,
                                    atom_to_text(settings, &datum->keys[j],
                                                 column->type.key.type));
            }
        }
    }
}

bool
ovsext_settings_have(const struct ovsext_settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->n; i++) {
        if (!strcmp(settings->array[i].key, key)) {
            return true;
        }
    }
    return false;
}

void
ovsext_settings_destroy(struct ovsext_settings *settings)
{
    for (size_t i = 0; i < settings->n_owned; i++) {
        free(settings->owned[i]);
    }
    free(settings->owned);
    free(settings->array);
}
