/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration
 * =============
 *
 * Keys and values, as an operator wrote them, become the configuration of
 * an inspector or of an uplink: defaults filled in, every value checked, all
 * faults gathered with the operator's own words.
 *
 *     "flow_limit" = "x"  ->  flow_limit 'x': not a whole number from 1 to
 *                             100000000
 *
 * A key is a column of the row, or "other_config:KEY".  A key without a
 * value is not in the list.  columns.def says what there is.
 *
 * Above:    ovs-ext/rows.c, utilities/.    Below:  engine/engine.h.
 * Threads:  no state; any thread.
 * Memory:   none but the caller's.
 * Time:     none.
 * Fails:    a fault is text in the list that is passed in; the result is
 *           usable when no fault was added.
 */

#ifndef INSP_CONFIG_CONFIG_H
#define INSP_CONFIG_CONFIG_H 1

#include "base/faults.h"
#include "engine/engine.h"

/* What is inspected without a flow that says so. */
enum insp_select {
    INSP_SELECT_VM_TO_VM,
    INSP_SELECT_VM,
    INSP_SELECT_ALL,
    INSP_SELECT_FLOWS,
};

struct insp_setting {
    const char *key;
    const char *value;
};

struct insp_config_inspector {
    struct insp_inspector_config base;
    enum insp_select select;
    char identity_keys[INSP_EXTRA_SIZE]; /* Each ends in "\n". */
};

struct insp_config_uplink {
    struct insp_uplink_config base;
    bool enabled;
};

/* A column that is a set (source, destination, service, addresses) is in the
 * list of settings once for each of its values, under the same key. */
struct insp_config_rule {
    struct insp_rule base; /* 'number' is the caller's. */
    bool enabled;
};

struct insp_config_function {
    struct insp_function_config base; /* 'id' is the caller's. */
    bool enabled;
    char input_port[INSP_NAME_SIZE];
    char output_port[INSP_NAME_SIZE]; /* The same if it was not set. */
};

struct insp_config_set {
    struct insp_address_set base;
    bool enabled; /* False: no address is in it. */
};

/* Fills the result, with defaults for what is not in the list.  What stops
 * the row goes to 'faults'; what it can live with, such as an unknown key of
 * other_config, to 'warnings'.  Returns true when there is no new fault. */
bool insp_config_inspector_parse(const struct insp_setting *, size_t n,
                                 struct insp_config_inspector *,
                                 struct insp_faults *faults,
                                 struct insp_faults *warnings);
bool insp_config_uplink_parse(const struct insp_setting *, size_t n,
                              struct insp_config_uplink *,
                              struct insp_faults *faults,
                              struct insp_faults *warnings);

/* The same for rules, functions and sets; what was filled is to be given to
 * uninit, faults or not.  A rule whose slot does not take its action, and a
 * function in a slot that takes none, are faults. */
bool insp_config_rule_parse(const struct insp_setting *, size_t n,
                            struct insp_config_rule *,
                            struct insp_faults *faults,
                            struct insp_faults *warnings);
bool insp_config_function_parse(const struct insp_setting *, size_t n,
                                struct insp_config_function *,
                                struct insp_faults *faults,
                                struct insp_faults *warnings);
bool insp_config_set_parse(const struct insp_setting *, size_t n,
                           struct insp_config_set *,
                           struct insp_faults *faults,
                           struct insp_faults *warnings);
void insp_config_rule_uninit(struct insp_config_rule *);
void insp_config_set_uninit(struct insp_config_set *);

/* The value of setting 'key' as text that parses to the same, as much as
 * fits 'size' bytes; false when there is no such setting. */
bool insp_config_inspector_print(const struct insp_config_inspector *,
                                 const char *key, char *text, size_t size);
bool insp_config_uplink_print(const struct insp_config_uplink *,
                              const char *key, char *text, size_t size);

/* The settings by number, for help texts and tables; NULL after the last. */
const char *insp_config_inspector_key(size_t i);
const char *insp_config_uplink_key(size_t i);
const char *insp_config_rule_key(size_t i);
const char *insp_config_function_key(size_t i);
const char *insp_config_set_key(size_t i);

/* "ssl:HOST[:PORT]" or "pssl:[PORT][:ADDRESS]"; 'default_port' 0: must be
 * named. */
bool insp_config_target(const char *target, uint16_t default_port,
                        struct insp_uplink_target *, struct insp_faults *);

/* One of them, or several with commas between them; and back. */
bool insp_config_targets(const char *targets, uint16_t default_port,
                         struct insp_uplink_config *, struct insp_faults *);
void insp_config_targets_print(const struct insp_uplink_config *, char *text,
                               size_t size);

/* Whether "key" stands in a list of names that each end in "\n". */
bool insp_config_has_key(const char *keys, const char *key);

const char *insp_select_word(enum insp_select);
const char *insp_mode_word(enum insp_mode);
const char *insp_fail_mode_word(enum insp_fail_mode);
const char *insp_uplink_format_word(enum insp_uplink_format);
const char *insp_arms_word(enum insp_arms);
const char *insp_encap_word(enum insp_encap);

#endif /* config/config.h */
