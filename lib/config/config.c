/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * columns.def becomes one array of 'struct insp_column': what a key is called,
 * how its value reads, and where it goes in the result (column.c).  parse()
 * walks the columns of a table, not the list of settings, so that every
 * column is met, with the operator's value or with its default; then it looks
 * for keys that no column knows.  A value that is at fault leaves the default
 * in place.
 *
 * What needs more than one key comes last: a target, whose default port
 * depends on the format, limits that bound each other, what a slot takes.
 * Such a check speaks only of values that read well by themselves; or else it
 * would complain of a default that the operator never wrote. */

#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/column.h"

#define QUOTE          INSP_QUOTE
#define IPFIX_TLS_PORT 4740 /* RFC 7011, section 10.3.4. */

static const char *const words_mode[] = {
    [INSP_MODE_TAP] = "tap",
    [INSP_MODE_INLINE] = "inline",
    NULL,
};
static const char *const words_fail_mode[] = {
    [INSP_FAIL_OPEN] = "open",
    [INSP_FAIL_CLOSED] = "closed",
    NULL,
};
static const char *const words_select[] = {
    [INSP_SELECT_VM_TO_VM] = "vm-to-vm",
    [INSP_SELECT_VM] = "vm",
    [INSP_SELECT_ALL] = "all",
    [INSP_SELECT_FLOWS] = "flows",
    NULL,
};
static const char *const words_format[] = {
    [INSP_UPLINK_IPFIX] = "ipfix",
    [INSP_UPLINK_JSON] = "json",
    NULL,
};
static const char *const words_direction[] = {
    [INSP_DIRECTION_BOTH] = "both",
    [INSP_DIRECTION_FROM_VM] = "from-vm",
    [INSP_DIRECTION_TO_VM] = "to-vm",
    NULL,
};
static const char *const words_action[] = {
    [INSP_ACTION_ALLOW] = "allow", [INSP_ACTION_DROP] = "drop",
    [INSP_ACTION_RESET] = "reset", [INSP_ACTION_REDIRECT] = "redirect",
    [INSP_ACTION_ALERT] = "alert", NULL,
};
static const char *const words_step[] = {
#define INSP_STEP(NAME, WORD, TEXT) [INSP_STEP_##NAME] = WORD,
#include "record/step.def"
#undef INSP_STEP
    NULL,
};
static const char *const words_arms[] = {
    [INSP_ARMS_FIXED] = "fixed",
    [INSP_ARMS_BY_DIRECTION] = "by-direction",
    NULL,
};
static const char *const words_encap[] = {
    [INSP_ENCAP_NONE] = "none",
    [INSP_ENCAP_VLAN] = "vlan",
    [INSP_ENCAP_NSH] = "nsh",
    NULL,
};

/* A table of columns.def, and what its rows are parsed into. */
enum table {
    TABLE_INSPECTOR,
    TABLE_RULE,
    TABLE_FUNCTION,
    TABLE_SET,
    TABLE_UPLINK,
};

#define RESULT_INSPECTOR struct insp_config_inspector
#define RESULT_RULE      struct insp_config_rule
#define RESULT_FUNCTION  struct insp_config_function
#define RESULT_SET       struct insp_config_set
#define RESULT_UPLINK    struct insp_config_uplink

/* A kind in columns.def, and its words. */
#define K_NAME      INSP_COLUMN_NAME, NULL
#define K_BOOL      INSP_COLUMN_BOOL, NULL
#define K_UINT      INSP_COLUMN_UINT, NULL
#define K_LIMIT     INSP_COLUMN_LIMIT, NULL
#define K_PERCENT   INSP_COLUMN_PERCENT, NULL
#define K_SLOT      INSP_COLUMN_SLOT, NULL
#define K_WORD(W)   INSP_COLUMN_WORD, words_##W
#define K_FILE      INSP_COLUMN_FILE, NULL
#define K_TEXT      INSP_COLUMN_TEXT, NULL
#define K_KEYS      INSP_COLUMN_KEYS, NULL
#define K_APPS      INSP_COLUMN_APPS, NULL
#define K_TLS       INSP_COLUMN_TLS, NULL
#define K_TARGET    INSP_COLUMN_TARGET, NULL
#define K_TERMS     INSP_COLUMN_TERMS, NULL
#define K_SERVICES  INSP_COLUMN_SERVICES, NULL
#define K_ADDRESSES INSP_COLUMN_ADDRESSES, NULL

#define INSP_SETTING(TABLE, KEY, KIND, MEMBER, DEF, LOW, HIGH, SCALE, TEXT)   \
    { TABLE_##TABLE,                                                          \
      KEY,                                                                    \
      K_##KIND,                                                               \
      offsetof(RESULT_##TABLE, MEMBER),                                       \
      sizeof(((RESULT_##TABLE *) 0)->MEMBER),                                 \
      0,                                                                      \
      DEF,                                                                    \
      LOW,                                                                    \
      HIGH,                                                                   \
      SCALE,                                                                  \
      TEXT },
#define INSP_LIST(TABLE, KEY, KIND, MEMBER, COUNT, HIGH, TEXT)                \
    { TABLE_##TABLE,                                                          \
      KEY,                                                                    \
      K_##KIND,                                                               \
      offsetof(RESULT_##TABLE, MEMBER),                                       \
      sizeof(((RESULT_##TABLE *) 0)->MEMBER),                                 \
      offsetof(RESULT_##TABLE, COUNT),                                        \
      NULL,                                                                   \
      0,                                                                      \
      HIGH,                                                                   \
      1,                                                                      \
      TEXT },
#define INSP_LATER(TABLE, KEY, TEXT)                                          \
    {                                                                         \
        TABLE_##TABLE, KEY, INSP_COLUMN_LATER, NULL, 0, 0, 0, NULL, 0, 0, 0,  \
        TEXT                                                                  \
    },
#define INSP_ELSE(TABLE, KEY, TEXT)                                           \
    {                                                                         \
        TABLE_##TABLE, KEY, INSP_COLUMN_ELSE, NULL, 0, 0, 0, NULL, 0, 0, 0,   \
        TEXT                                                                  \
    },

static const struct insp_column columns[] = {
#include "config/columns.def"
};

#undef INSP_SETTING
#undef INSP_LIST
#undef INSP_LATER
#undef INSP_ELSE

#define FOR_EACH_COLUMN(C, TABLE)                                             \
    for (const struct insp_column *C = columns;                               \
         C < columns + INSP_ARRAY_SIZE(columns); C++)                         \
        if (C->table == (TABLE))

const char *
insp_select_word(enum insp_select select)
{
    return words_select[select];
}

const char *
insp_mode_word(enum insp_mode mode)
{
    return words_mode[mode];
}

const char *
insp_fail_mode_word(enum insp_fail_mode fail_mode)
{
    return words_fail_mode[fail_mode];
}

const char *
insp_uplink_format_word(enum insp_uplink_format format)
{
    return words_format[format];
}

const char *
insp_arms_word(enum insp_arms arms)
{
    return words_arms[arms];
}

const char *
insp_encap_word(enum insp_encap encap)
{
    return words_encap[encap];
}

static const char *
find_value(const struct insp_setting *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(settings[i].key, key)) {
            return settings[i].value;
        }
    }
    return NULL;
}

static const struct insp_column *
find_column(enum table table, const char *key)
{
    FOR_EACH_COLUMN(c, table)
    {
        if (!strcmp(c->key, key)) {
            return c;
        }
    }
    return NULL;
}

/* One value, or what stands for none. */
static void
parse_setting(const struct insp_column *c, const char *value, bool has_token,
              void *result, struct insp_faults *faults)
{
    if (c->def) {
        insp_column_read(c, c->def, result, faults);
    } else if (!value && !(has_token && c->kind == INSP_COLUMN_FILE)) {
        insp_fault(faults, "%s: must be set%s", c->key,
                   c->kind == INSP_COLUMN_FILE ? ", here or in table SSL"
                                               : "");
    }
    if (value) {
        insp_column_read(c, value, result, faults);
    }
}

/* Keys of one column stand together: a list of thousands is looked up
 * once. */
static void
warn_of_unknown(enum table table, const struct insp_setting *settings,
                size_t n, struct insp_faults *warnings)
{
    const char *last = "";

    for (size_t i = 0; i < n; i++) {
        if (strcmp(settings[i].key, last) &&
            !find_column(table, settings[i].key)) {
            insp_fault(warnings, QUOTE ": no such setting", settings[i].key);
        }
        last = settings[i].key;
    }
}

static void
parse(enum table table, const struct insp_setting *settings, size_t n,
      void *result, struct insp_faults *faults, struct insp_faults *warnings)
{
    const char *token = find_value(settings, n, "token_file");
    bool has_token = table == TABLE_UPLINK && token && *token;

    FOR_EACH_COLUMN(c, table)
    {
        const char *value = find_value(settings, n, c->key);

        if (insp_column_is_list(c)) {
            insp_column_read_list(c, settings, n, result, faults);
        } else if (insp_column_is_setting(c)) {
            parse_setting(c, value, has_token, result, faults);
        } else if (c->kind == INSP_COLUMN_LATER && value) {
            insp_fault(faults, "%s '" QUOTE "': %s: not in this version",
                       c->key, value, c->text);
        }
    }
    warn_of_unknown(table, settings, n, warnings);
}

/* Whether setting 'key' is not set, or reads well: then what is in the result
 * is what the operator wants. */
static bool
reads_well(enum table table, const struct insp_setting *settings, size_t n,
           const char *key)
{
    const char *value = find_value(settings, n, key);
    const struct insp_column *c = find_column(table, key);
    union {
        struct insp_config_inspector inspector;
        struct insp_config_rule rule;
        struct insp_config_function function;
        struct insp_config_set set;
        struct insp_config_uplink uplink;
    } scratch;
    struct insp_faults faults;

    insp_faults_init(&faults);
    return value ? insp_column_read(c, value, &scratch, &faults)
                 : c->def != NULL;
}

bool
insp_config_inspector_parse(const struct insp_setting *settings, size_t n,
                            struct insp_config_inspector *result,
                            struct insp_faults *faults,
                            struct insp_faults *warnings)
{
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(TABLE_INSPECTOR, settings, n, result, faults, warnings);
    if (result->base.half_open_limit > result->base.flow_limit) {
        insp_fault(faults,
                   "other_config:half-open-limit '%u': more than "
                   "flow_limit, which is %u",
                   result->base.half_open_limit, result->base.flow_limit);
    }
    return faults->n == n_before;
}

bool
insp_config_rule_parse(const struct insp_setting *settings, size_t n,
                       struct insp_config_rule *result,
                       struct insp_faults *faults,
                       struct insp_faults *warnings)
{
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(TABLE_RULE, settings, n, result, faults, warnings);
    if (reads_well(TABLE_RULE, settings, n, "slot") &&
        reads_well(TABLE_RULE, settings, n, "action") &&
        !insp_rule_check(&result->base, faults)) {
        return false;
    }
    return faults->n == n_before;
}

static void
check_slot(const struct insp_config_function *function,
           struct insp_faults *faults)
{
    if (function->base.slot < INSP_FIRST_SERVICE_SLOT) {
        insp_fault(faults,
                   "slot %u is built in: service functions go to "
                   "slots %d to %d",
                   function->base.slot, INSP_FIRST_SERVICE_SLOT,
                   INSP_N_SLOTS - 1);
    }
}

static void
check_arms(const struct insp_config_function *function,
           struct insp_faults *faults)
{
    if (function->base.arms == INSP_ARMS_BY_DIRECTION &&
        function->base.one_armed) {
        insp_fault(faults,
                   "arms 'by-direction': '" QUOTE "' is the only "
                   "port; output_port must be set to another one",
                   function->input_port);
    }
}

static void
check_probes(const struct insp_config_function *function,
             struct insp_faults *faults)
{
    uint32_t least = 2 * function->base.probe_interval_ms;

    if (function->base.probe_timeout_ms < least) {
        insp_fault(faults,
                   "probe_timeout '%u': must be at least %u, twice "
                   "the probe_interval",
                   function->base.probe_timeout_ms, least);
    }
}

bool
insp_config_function_parse(const struct insp_setting *settings, size_t n,
                           struct insp_config_function *result,
                           struct insp_faults *faults,
                           struct insp_faults *warnings)
{
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(TABLE_FUNCTION, settings, n, result, faults, warnings);
    if (!result->output_port[0]) {
        memcpy(result->output_port, result->input_port,
               sizeof result->output_port);
    }
    result->base.one_armed = !strcmp(result->input_port, result->output_port);
    if (reads_well(TABLE_FUNCTION, settings, n, "slot")) {
        check_slot(result, faults);
    }
    if (reads_well(TABLE_FUNCTION, settings, n, "input_port") &&
        reads_well(TABLE_FUNCTION, settings, n, "output_port")) {
        check_arms(result, faults);
    }
    if (reads_well(TABLE_FUNCTION, settings, n, "probe_interval") &&
        reads_well(TABLE_FUNCTION, settings, n, "probe_timeout")) {
        check_probes(result, faults);
    }
    return faults->n == n_before;
}

bool
insp_config_set_parse(const struct insp_setting *settings, size_t n,
                      struct insp_config_set *result,
                      struct insp_faults *faults, struct insp_faults *warnings)
{
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(TABLE_SET, settings, n, result, faults, warnings);
    if (!result->enabled) {
        /* Its addresses have been read for their faults only. */
        result->base.n = 0;
    }
    return faults->n == n_before;
}

void
insp_config_rule_uninit(struct insp_config_rule *rule)
{
    insp_rule_uninit(&rule->base);
}

void
insp_config_set_uninit(struct insp_config_set *set)
{
    insp_address_set_uninit(&set->base);
}

/* A token needs no certificates, and takes no others beside it. */
static void
check_credentials(const struct insp_setting *settings, size_t n,
                  const struct insp_uplink_config *base,
                  struct insp_faults *faults)
{
    static const char *const others[] = { "private_key", "certificate",
                                          "ca_cert", "crl_file" };

    for (size_t i = 0; base->token_file[0] && i < INSP_ARRAY_SIZE(others);
         i++) {
        if (find_value(settings, n, others[i])) {
            insp_fault(faults,
                       "%s: cannot be set beside token_file, which "
                       "stands in for certificates",
                       others[i]);
        }
    }
    if (base->token_file[0] && base->bootstrap_ca_cert) {
        insp_fault(faults, "bootstrap_ca_cert 'true': there is none to take "
                           "with token_file");
    }
}

bool
insp_config_uplink_parse(const struct insp_setting *settings, size_t n,
                         struct insp_config_uplink *result,
                         struct insp_faults *faults,
                         struct insp_faults *warnings)
{
    const char *target = find_value(settings, n, "target");
    struct insp_uplink_config *base = &result->base;
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(TABLE_UPLINK, settings, n, result, faults, warnings);
    if (target) {
        insp_config_targets(
            target, base->format == INSP_UPLINK_IPFIX ? IPFIX_TLS_PORT : 0,
            base, faults);
    }
    check_credentials(settings, n, base, faults);
    if (base->spool_dir[0] && base->spool_dir[0] != '/') {
        insp_fault(faults, "spool_dir '" QUOTE "': must begin with '/'",
                   base->spool_dir);
    }
    return faults->n == n_before;
}

static bool
print(enum table table, const void *result, const char *key, char *text,
      size_t size)
{
    const struct insp_column *c = find_column(table, key);

    return c && insp_column_print(c, result, text, size);
}

bool
insp_config_inspector_print(const struct insp_config_inspector *config,
                            const char *key, char *text, size_t size)
{
    return print(TABLE_INSPECTOR, config, key, text, size);
}

bool
insp_config_uplink_print(const struct insp_config_uplink *config,
                         const char *key, char *text, size_t size)
{
    return print(TABLE_UPLINK, config, key, text, size);
}

/* The 'i'-th column that is a setting. */
static const char *
setting_key(enum table table, size_t i)
{
    FOR_EACH_COLUMN(c, table)
    {
        if (insp_column_is_setting(c) && !i--) {
            return c->key;
        }
    }
    return NULL;
}

const char *
insp_config_inspector_key(size_t i)
{
    return setting_key(TABLE_INSPECTOR, i);
}

const char *
insp_config_uplink_key(size_t i)
{
    return setting_key(TABLE_UPLINK, i);
}

const char *
insp_config_rule_key(size_t i)
{
    return setting_key(TABLE_RULE, i);
}

const char *
insp_config_function_key(size_t i)
{
    return setting_key(TABLE_FUNCTION, i);
}

const char *
insp_config_set_key(size_t i)
{
    return setting_key(TABLE_SET, i);
}

bool
insp_config_has_key(const char *keys, const char *key)
{
    size_t length = strlen(key);

    while (*keys) {
        size_t n = strcspn(keys, "\n");

        if (n == length && !memcmp(keys, key, n)) {
            return true;
        }
        keys += n;
        keys += *keys == '\n';
    }
    return false;
}
