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
    char identity_keys[INSP_EXTRA_SIZE];    /* Each ends in "\n". */
};

struct insp_config_uplink {
    struct insp_uplink_config base;
    bool enabled;
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

/* The value of setting 'key' as text that parses to the same, as much as
 * fits 'size' bytes; false when there is no such setting. */
bool insp_config_inspector_print(const struct insp_config_inspector *,
                                 const char *key, char *text, size_t size);
bool insp_config_uplink_print(const struct insp_config_uplink *,
                              const char *key, char *text, size_t size);

/* The settings by number, for help texts and tables; NULL after the last. */
const char *insp_config_inspector_key(size_t i);
const char *insp_config_uplink_key(size_t i);

/* "ssl:HOST:PORT" into host and port; 'default_port' 0: must be named. */
bool insp_config_target(const char *target, uint16_t default_port, char *host,
                        size_t host_size, uint16_t *port,
                        struct insp_faults *);

/* Whether "key" stands in a list of names that each end in "\n". */
bool insp_config_has_key(const char *keys, const char *key);

const char *insp_select_word(enum insp_select);
const char *insp_mode_word(enum insp_mode);
const char *insp_fail_mode_word(enum insp_fail_mode);
const char *insp_uplink_format_word(enum insp_uplink_format);

#endif /* config/config.h */
