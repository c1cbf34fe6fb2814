/* SPDX-License-Identifier: Apache-2.0 */
/* Column
 * ======
 *
 * One column of a row: how the text in it reads, and where it goes in the
 * result.  config.c makes one of each row of columns.def.
 *
 *     "probe_interval" = "20"  ->  result + offset: 20, as 'size' bytes
 *
 * Above:    config/config.c, config/target.c.   Below:  rule/rule.h.
 * Threads:  no state; any thread.
 * Memory:   lists of terms, services and addresses are malloc'ed; the result
 *           owns them.
 * Time:     none.
 * Fails:    a fault is text in the list that is passed in; the member keeps
 *           what it had.
 */

#ifndef INSP_CONFIG_COLUMN_H
#define INSP_CONFIG_COLUMN_H 1

#include "config/config.h"

/* Of the operator's words, at most. */
#define INSP_QUOTE "%.80s"

enum insp_column_kind {
    INSP_COLUMN_NAME,
    INSP_COLUMN_BOOL,
    INSP_COLUMN_UINT,
    INSP_COLUMN_LIMIT,
    INSP_COLUMN_PERCENT,
    INSP_COLUMN_SLOT,
    INSP_COLUMN_WORD,
    INSP_COLUMN_FILE,
    INSP_COLUMN_TEXT,
    INSP_COLUMN_KEYS,
    INSP_COLUMN_APPS,
    INSP_COLUMN_TLS,
    INSP_COLUMN_TARGET,

    /* Lists: one value of the column is one element. */
    INSP_COLUMN_TERMS,
    INSP_COLUMN_SERVICES,
    INSP_COLUMN_ADDRESSES,

    /* No settings. */
    INSP_COLUMN_LATER,
    INSP_COLUMN_ELSE,
};

struct insp_column {
    unsigned int table; /* The caller's. */
    const char *key;
    enum insp_column_kind kind;
    const char *const *words; /* WORD: by value, then NULL. */
    size_t offset;            /* Of the member in the result; of a list the
                               * pointer... */
    size_t size;
    size_t count_offset; /* ... and the size_t. */
    const char *def;     /* NULL: must be set. */
    uint64_t low, high;  /* List: at most 'high' values; 0: any. */
    uint32_t scale;
    const char *text;
};

static inline bool
insp_column_is_setting(const struct insp_column *c)
{
    return c->kind < INSP_COLUMN_LATER;
}

static inline bool
insp_column_is_list(const struct insp_column *c)
{
    return c->kind >= INSP_COLUMN_TERMS && c->kind <= INSP_COLUMN_ADDRESSES;
}

/* Digits and nothing else. */
bool insp_config_uint(const char *value, uint64_t *) INSP_MUST_USE;

/* Stores 'value' in its member of 'result'.  Not for lists; a TARGET is left
 * to insp_config_target(). */
bool insp_column_read(const struct insp_column *, const char *value,
                      void *result, struct insp_faults *);

/* Stores a list of all values of the column among 'settings'. */
void insp_column_read_list(const struct insp_column *,
                           const struct insp_setting *settings, size_t n,
                           void *result, struct insp_faults *);

/* The member as text that reads to the same; false for lists and for what is
 * no setting. */
bool insp_column_print(const struct insp_column *, const void *result,
                       char *text, size_t size);

#endif /* config/column.h */
