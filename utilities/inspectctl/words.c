/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Plain words on one side, a row on the other, a list of settings between
 * them: the same list that ovs-vswitchd makes of the row, and the same parser
 * (lib/config/) says what is wrong with it.  So a value is refused here,
 * before it is written, with the sentence that status:error would have.
 *
 *     NAME KEY=VALUE[,VALUE]... --> settings --check--> faults
 *                                     |  ^
 *                               write v  | init_from_row
 *                                     row
 *
 * Which keys there are, and which take several values, is nowhere said here:
 * the keys come from columns.def, the rest from the type of the column. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "openvswitch/json.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-types.h"
#include "util.h"

static bool
check_rule(const struct insp_setting *settings, size_t n,
           struct insp_faults *faults)
{
    struct insp_config_rule *result = xmalloc(sizeof *result);
    struct insp_faults warnings;
    bool ok;

    insp_faults_init(&warnings);
    ok = insp_config_rule_parse(settings, n, result, faults, &warnings);
    insp_config_rule_uninit(result);
    free(result);
    return ok;
}

static bool
check_function(const struct insp_setting *settings, size_t n,
               struct insp_faults *faults)
{
    struct insp_config_function *result = xmalloc(sizeof *result);
    struct insp_faults warnings;
    bool ok;

    insp_faults_init(&warnings);
    ok = insp_config_function_parse(settings, n, result, faults, &warnings);
    free(result);
    return ok;
}

static bool
check_set(const struct insp_setting *settings, size_t n,
          struct insp_faults *faults)
{
    struct insp_config_set *result = xmalloc(sizeof *result);
    struct insp_faults warnings;
    bool ok;

    insp_faults_init(&warnings);
    ok = insp_config_set_parse(settings, n, result, faults, &warnings);
    insp_config_set_uninit(result);
    free(result);
    return ok;
}

/* Keys that are not set may be in the switch's table SSL. */
static bool
check_uplink(const struct insp_setting *settings, size_t n,
             struct insp_faults *faults)
{
    static const char *const keys[] = { "private_key", "certificate",
                                        "ca_cert", "token_file" };
    struct insp_config_uplink *result = xmalloc(sizeof *result);
    struct insp_setting *all = xcalloc(n + ARRAY_SIZE(keys), sizeof *all);
    struct insp_faults warnings;
    bool set[ARRAY_SIZE(keys)];
    size_t n_all = n;
    bool ok;

    if (n) {
        memcpy(all, settings, n * sizeof *all);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        set[i] = false;
        for (size_t j = 0; j < n; j++) {
            set[i] |= !strcmp(settings[j].key, keys[i]);
        }
    }
    for (size_t i = 0; i < 3 && !set[3]; i++) {
        if (!set[i]) {
            all[n_all++] = (struct insp_setting){ keys[i], "/" };
        }
    }
    insp_faults_init(&warnings);
    ok = insp_config_uplink_parse(all, n_all, result, faults, &warnings);
    free(all);
    free(result);
    return ok;
}

static const char *const function_aliases[][2] = {
    { "input", "input_port" },
    { "output", "output_port" },
    { NULL, NULL },
};
static const char *const no_aliases[][2] = { { NULL, NULL } };

const struct kind kind_rule = {
    "rule",     &ovsrec_table_inspect_rule, insp_config_rule_key, check_rule,
    no_aliases,
};
const struct kind kind_function = {
    "function",
    &ovsrec_table_inspect_function,
    insp_config_function_key,
    check_function,
    function_aliases,
};
const struct kind kind_set = {
    "set",
    &ovsrec_table_inspect_address_set,
    insp_config_set_key,
    check_set,
    no_aliases,
};

const struct kind kind_uplink = {
    "uplink",
    &ovsrec_table_inspect_uplink,
    insp_config_uplink_key,
    check_uplink,
    no_aliases,
};

/* Columns. */
const struct ovsdb_idl_column *
kind_column(const struct kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->table->n_columns; i++) {
        if (!strcmp(kind->table->columns[i].name, name)) {
            return &kind->table->columns[i];
        }
    }
    return NULL;
}

static bool
is_list(const struct ovsdb_idl_column *column)
{
    return column->type.n_max > 1;
}

static bool
is_flag(const struct ovsdb_idl_column *column)
{
    return column->type.key.type == OVSDB_TYPE_BOOLEAN;
}

/* The column behind a key that an operator may set, or NULL: no such key.
 * Keys within other_config are left to "set". */
static const struct ovsdb_idl_column *
column_of(const struct kind *kind, const char *key)
{
    const char *known;

    for (size_t i = 0; (known = kind->key(i)); i++) {
        if (!strcmp(known, key) && strcmp(key, "name")) {
            return kind_column(kind, key);
        }
    }
    return NULL;
}

static const char *
unalias(const struct kind *kind, const char *key)
{
    for (size_t i = 0; kind->aliases[i][0]; i++) {
        if (!strcmp(kind->aliases[i][0], key)) {
            return kind->aliases[i][1];
        }
    }
    return key;
}

/* What there is to set, for whoever missed it: "priority, slot and ..." */
static char *
list_keys(const struct kind *kind)
{
    struct ds keys = DS_EMPTY_INITIALIZER;
    const char *key;

    for (size_t i = 0; (key = kind->key(i)); i++) {
        if (column_of(kind, key)) {
            ds_put_format(&keys, "%s%s", keys.length ? ", " : "", key);
        }
    }
    return ds_steal_cstr(&keys);
}

/* Settings. */
void
settings_add(struct settings *s, const char *key, const char *value)
{
    if (s->n == s->n_allocated) {
        s->array = x2nrealloc(s->array, &s->n_allocated, sizeof *s->array);
    }
    s->array[s->n].key = xstrdup(key);
    s->array[s->n++].value = xstrdup(value);
}

const char *
settings_get(const struct settings *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!strcmp(s->array[i].key, key)) {
            return s->array[i].value;
        }
    }
    return NULL;
}

void
settings_destroy(struct settings *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(CONST_CAST(char *, s->array[i].key));
        free(CONST_CAST(char *, s->array[i].value));
    }
    free(s->array);
}

/* "a,b\,c": a and "b,c".  An empty part is a mistake. */
static bool
add_list(struct settings *s, const char *key, const char *values)
{
    struct ds value = DS_EMPTY_INITIALIZER;
    bool ok = true;

    for (const char *p = values; ok; p++) {
        if (*p == '\\' && (p[1] == ',' || p[1] == '\\')) {
            ds_put_char(&value, *++p);
        } else if (*p && *p != ',') {
            ds_put_char(&value, *p);
        } else {
            ok = value.length > 0;
            if (ok) {
                settings_add(s, key, ds_cstr(&value));
            }
            ds_clear(&value);
            if (!*p) {
                break;
            }
        }
    }
    ds_destroy(&value);
    return ok;
}

static char *
add_word(struct settings *s, const char *word)
{
    const struct ovsdb_idl_column *column;
    const char *equals = strchr(word, '=');
    char *name = equals ? xmemdup0(word, equals - word) : xstrdup(word);
    const char *key = unalias(s->kind, name);
    char *error = NULL;

    column = column_of(s->kind, key);
    if (!column) {
        char *keys = list_keys(s->kind);

        error = xasprintf("'%s': no such setting; there are %s", word, keys);
        free(keys);
    } else if (!equals && !is_flag(column)) {
        error = xasprintf("'%s': needs a value: %s=VALUE", word, name);
    } else if (is_list(column)) {
        if (!add_list(s, key, equals + 1)) {
            error = xasprintf("'%s': a value is empty", word);
        }
    } else if (settings_get(s, key)) {
        error = xasprintf("'%s': %s is set twice", word, name);
    } else if (equals && !equals[1]) {
        error = xasprintf("'%s': a value is missing", word);
    } else {
        settings_add(s, key, equals ? equals + 1 : "true");
    }
    free(name);
    return error;
}

char *
settings_init(struct settings *s, const struct kind *kind,
              const char *const *words, size_t n)
{
    char *error = NULL;

    memset(s, 0, sizeof *s);
    s->kind = kind;
    if (!n || !*words[0]) {
        return xasprintf("a %s needs a name", kind->noun);
    }
    if (column_of(kind, unalias(kind, words[0])) ||
        (strchr(words[0], '=') && n == 1)) {
        return xasprintf("'%s': the name of the %s comes first", words[0],
                         kind->noun);
    }
    settings_add(s, "name", words[0]);
    for (size_t i = 1; i < n && !error; i++) {
        error = add_word(s, words[i]);
    }
    return error;
}

static char *
atom_to_text(const union ovsdb_atom *atom, enum ovsdb_atomic_type type)
{
    switch (type) {
    case OVSDB_TYPE_INTEGER: return xasprintf("%" PRId64, atom->integer);
    case OVSDB_TYPE_BOOLEAN: return xstrdup(atom->boolean ? "true" : "false");
    case OVSDB_TYPE_STRING: return xstrdup(json_string(atom->s));
    case OVSDB_TYPE_VOID:
    case OVSDB_TYPE_REAL:
    case OVSDB_TYPE_UUID:
    case OVSDB_N_TYPES: break;
    }
    return xstrdup("");
}

static void
add_column(struct settings *s, const struct ovsdb_idl_row *row,
           const struct ovsdb_idl_column *column, const char *key)
{
    const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);
    enum ovsdb_atomic_type type = column->type.key.type;

    for (size_t i = 0; i < datum->n; i++) {
        char *text = atom_to_text(&datum->keys[i], type);

        /* A string that must be there but is empty is not set. */
        if (*text) {
            settings_add(s, key, text);
        }
        free(text);
    }
}

void
settings_init_from_row(struct settings *s, const struct kind *kind,
                       const struct ovsdb_idl_row *row)
{
    const char *key;

    memset(s, 0, sizeof *s);
    s->kind = kind;
    settings_add(s, "name", row_name(kind, row));
    for (size_t i = 0; (key = kind->key(i)); i++) {
        const struct ovsdb_idl_column *column = column_of(kind, key);

        if (column) {
            add_column(s, row, column, key);
        }
    }
}

char *
settings_check(const struct settings *s)
{
    struct insp_faults faults;

    insp_faults_init(&faults);
    if (s->kind->check(s->array, s->n, &faults)) {
        return NULL;
    }
    return xstrdup(faults.text);
}

/* All values of 'key' as ovs-vsctl would be given them. */
static char *
value_text(const struct settings *s, const char *key,
           const struct ovsdb_idl_column *column)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < s->n; i++) {
        if (!strcmp(s->array[i].key, key)) {
            ds_put_cstr(&text, text.length ? "," : "");
            if (column->type.key.type == OVSDB_TYPE_STRING) {
                json_string_escape(s->array[i].value, &text);
            } else {
                ds_put_cstr(&text, s->array[i].value);
            }
        }
    }
    if (!text.length) {
        ds_put_cstr(&text,
                    !column->type.n_min                           ? "[]"
                    : column->type.key.type == OVSDB_TYPE_STRING  ? "\"\""
                    : column->type.key.type == OVSDB_TYPE_BOOLEAN ? "false"
                                                                  : "0");
    }
    return ds_steal_cstr(&text);
}

static void
write_column(const struct settings *s, const struct ovsdb_idl_row *row,
             const char *key, const struct ovsdb_idl_column *column)
{
    char *text = value_text(s, key, column);
    struct ovsdb_datum datum;
    char *error = ovsdb_datum_from_string(&datum, &column->type, text, NULL);

    if (error) {
        fail("%s %s: %s: %s", s->kind->noun, settings_get(s, "name"), key,
             error);
    }
    ovsdb_idl_txn_write(row, column, &datum);
    free(text);
}

void
settings_write(const struct settings *s, const struct ovsdb_idl_row *row)
{
    const char *key;

    /* The name of a row cannot be changed, not even to the same. */
    if (!*row_name(s->kind, row)) {
        write_column(s, row, "name", kind_column(s->kind, "name"));
    }
    for (size_t i = 0; (key = s->kind->key(i)); i++) {
        const struct ovsdb_idl_column *column = column_of(s->kind, key);

        if (column) {
            write_column(s, row, key, column);
        }
    }
}

/* Text. */
static void
put_word(struct ds *ds, const char *word)
{
    if (*word && !strpbrk(word, " \t\"#")) {
        ds_put_cstr(ds, word);
        return;
    }
    ds_put_char(ds, '"');
    for (const char *p = word; *p; p++) {
        if (*p == '"') {
            ds_put_char(ds, '\\');
        }
        ds_put_char(ds, *p);
    }
    ds_put_char(ds, '"');
}

static void
put_values(struct ds *ds, const struct settings *s, const char *key, bool list)
{
    bool first = true;

    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->array[i].key, key)) {
            continue;
        }
        ds_put_cstr(ds, first ? "" : ",");
        first = false;
        for (const char *p = s->array[i].value; *p; p++) {
            if (list && (*p == ',' || *p == '\\')) {
                ds_put_char(ds, '\\');
            }
            ds_put_char(ds, *p);
        }
    }
}

void
settings_print(const struct settings *s, struct ds *ds)
{
    const char *key;

    put_word(ds, settings_get(s, "name"));
    for (size_t i = 0; (key = s->kind->key(i)); i++) {
        const struct ovsdb_idl_column *column = column_of(s->kind, key);
        struct ds word = DS_EMPTY_INITIALIZER;

        if (column && settings_get(s, key)) {
            ds_put_format(&word, "%s=", key);
            put_values(&word, s, key, is_list(column));
            ds_put_char(ds, ' ');
            put_word(ds, ds_cstr(&word));
        }
        ds_destroy(&word);
    }
}

static struct json *
value_to_json(const char *value, enum ovsdb_atomic_type type)
{
    return (type == OVSDB_TYPE_INTEGER
                ? json_integer_create(strtoll(value, NULL, 10))
            : type == OVSDB_TYPE_BOOLEAN
                ? json_boolean_create(!strcmp(value, "true"))
                : json_string_create(value));
}

struct json *
settings_to_json(const struct settings *s)
{
    struct json *object = json_object_create();

    for (size_t i = 0; i < s->n; i++) {
        const char *key = s->array[i].key;
        const struct ovsdb_idl_column *column = kind_column(s->kind, key);
        enum ovsdb_atomic_type type = column->type.key.type;
        struct json *value = value_to_json(s->array[i].value, type);
        struct json *list;

        if (is_list(column)) {
            list = shash_find_data(json_object(object), key);
            if (!list) {
                list = json_array_create_empty();
                json_object_put(object, key, list);
            }
            json_array_add(list, value);
        } else {
            json_object_put(object, key, value);
        }
    }
    return object;
}

bool
line_words(const char *line, struct svec *words)
{
    struct ds word = DS_EMPTY_INITIALIZER;
    bool quoted = false, any = false;

    for (const char *p = line;; p++) {
        if (quoted ? !*p
                   : !*p || strchr(" \t\r\n", *p) || (*p == '#' && !any)) {
            if (any) {
                svec_add(words, ds_cstr(&word));
            }
            ds_clear(&word);
            any = false;
            if (!*p || *p == '#') {
                break;
            }
        } else if (*p == '"') {
            quoted = !quoted;
            any = true;
        } else {
            if (quoted && *p == '\\' && p[1] == '"') {
                p++;
            }
            ds_put_char(&word, *p);
            any = true;
        }
    }
    ds_destroy(&word);
    return !quoted;
}
