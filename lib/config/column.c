/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * A switch over the kind, once for each direction.  Numbers, words and truth
 * values go through one pair of functions that knows how wide the member is,
 * so that a setting may stand in a byte of a compact struct.
 *
 * A list is counted first and then read into one allocation.  A value at
 * fault is left out of it; the row is not used then. */

#include "config/column.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE INSP_QUOTE

/* Stricter than strtoull(). */
bool
insp_config_uint(const char *value, uint64_t *result)
{
    char *end;

    if (!*value || value[strspn(value, "0123456789")]) {
        return false;
    }
    errno = 0;
    *result = strtoull(value, &end, 10);
    return !errno;
}

static void
store(const struct insp_column *c, void *result, uint64_t number)
{
    void *member = (char *) result + c->offset;

    if (c->size == sizeof(uint8_t)) {
        memcpy(member, &(uint8_t){ number }, sizeof(uint8_t));
    } else if (c->size == sizeof number) {
        memcpy(member, &number, sizeof number);
    } else {
        memcpy(member, &(uint32_t){ number }, sizeof(uint32_t));
    }
}

static uint64_t
load(const struct insp_column *c, const void *result)
{
    const void *member = (const char *) result + c->offset;
    uint64_t longer;
    uint32_t number;
    uint8_t byte;

    if (c->size == sizeof byte) {
        memcpy(&byte, member, sizeof byte);
        return byte;
    } else if (c->size == sizeof longer) {
        memcpy(&longer, member, sizeof longer);
        return longer;
    }
    memcpy(&number, member, sizeof number);
    return number;
}

static bool
has_control(const char *value)
{
    for (; *value; value++) {
        if (iscntrl((unsigned char) *value)) {
            return true;
        }
    }
    return false;
}

static bool
read_text(const struct insp_column *c, const char *value, char *member,
          struct insp_faults *faults)
{
    size_t length = strlen(value);

    if (length >= c->size) {
        insp_fault(faults, "%s '" QUOTE "...': longer than %zu bytes", c->key,
                   value, c->size - 1);
        return false;
    }
    if (has_control(value)) {
        insp_fault(faults, "%s: has control characters in it", c->key);
        return false;
    }
    memcpy(member, value, length + 1);
    return true;
}

static bool
read_bool(const struct insp_column *c, const char *value, void *member,
          struct insp_faults *faults)
{
    bool truth = !strcmp(value, "true");

    if (!truth && strcmp(value, "false")) {
        insp_fault(faults, "%s '" QUOTE "': neither true nor false", c->key,
                   value);
        return false;
    }
    memcpy(member, &truth, sizeof truth);
    return true;
}

static bool
read_uint(const struct insp_column *c, const char *value, void *result,
          struct insp_faults *faults)
{
    bool none = c->kind == INSP_COLUMN_LIMIT;
    uint64_t number;

    if (insp_config_uint(value, &number) &&
        ((number >= c->low && number <= c->high) || (none && !number))) {
        store(c, result, number * c->scale);
        return true;
    }
    insp_fault(faults,
               "%s '" QUOTE "': not %sa whole number from %llu to "
               "%llu",
               c->key, value, none && c->low ? "0, nor " : "",
               (unsigned long long) c->low, (unsigned long long) c->high);
    return false;
}

/* "0.25": at most four decimals, so that it is a whole number of
 * millionths. */
static bool
read_percent(const struct insp_column *c, const char *value, void *result,
             struct insp_faults *faults)
{
    const char *point = strchr(value, '.');
    size_t n_decimals = point ? strlen(point + 1) : 0;
    uint64_t whole, part = 0;
    char text[16] = "";

    if (strlen(value) < sizeof text && n_decimals <= 4 &&
        (!point || n_decimals)) {
        memcpy(text, value, point ? (size_t) (point - value) : strlen(value));
        if (insp_config_uint(text, &whole) &&
            (!point || insp_config_uint(point + 1, &part)) &&
            whole * 10000 <= c->high) {
            for (size_t i = n_decimals; i < 4; i++) {
                part *= 10;
            }
            whole = whole * 10000 + part;
            if (whole >= c->low && whole <= c->high) {
                store(c, result, whole);
                return true;
            }
        }
    }
    insp_fault(faults,
               "%s '" QUOTE "': not a number of percent from %llu to "
               "%llu, such as 0.5",
               c->key, value, (unsigned long long) c->low / 10000,
               (unsigned long long) c->high / 10000);
    return false;
}

/* A number that is none and a slot that is not there are two mistakes. */
static bool
read_slot(const struct insp_column *c, const char *value, void *result,
          struct insp_faults *faults)
{
    uint64_t number;

    if (insp_config_uint(value, &number) && number >= INSP_N_SLOTS) {
        insp_fault(faults, "%s " QUOTE ": there are slots 0 to %d", c->key,
                   value, INSP_N_SLOTS - 1);
        return false;
    }
    return read_uint(c, value, result, faults);
}

/* "tap, inline" */
static void
join_words(const char *const *words, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; words[i]; i++) {
        size_t used = strlen(text);

        snprintf(text + used, size - used, "%s%s", i ? ", " : "", words[i]);
    }
}

static bool
read_word(const struct insp_column *c, const char *value, void *result,
          struct insp_faults *faults)
{
    char words[128];

    for (uint32_t word = 0; c->words[word]; word++) {
        if (!strcmp(c->words[word], value)) {
            store(c, result, word);
            return true;
        }
    }
    join_words(c->words, words, sizeof words);
    insp_fault(faults, "%s '" QUOTE "': not one of %s", c->key, value, words);
    return false;
}

static const char separators[] = ", \t\n";

/* "smb, nfs" */
static bool
read_apps(const struct insp_column *c, const char *value, void *member,
          struct insp_faults *faults)
{
    uint64_t apps = 0;

    for (value += strspn(value, separators); *value;
         value += strspn(value, separators)) {
        size_t length = strcspn(value, separators);
        char word[32] = "";
        enum insp_app app;

        memcpy(word, value, INSP_MIN(length, sizeof word - 1));
        app = insp_app_by_word(word);
        if (!insp_reader_of(app)) {
            insp_fault(faults,
                       "%s '" QUOTE "': no protocol that is read, "
                       "such as tls, dns, http",
                       c->key, word);
            return false;
        }
        apps |= UINT64_C(1) << app;
        value += length;
    }
    memcpy(member, &apps, sizeof apps);
    return true;
}

/* Appends each word of 'value' and "\n". */
static bool
read_keys(const struct insp_column *c, const char *value, char *member,
          struct insp_faults *faults)
{
    size_t used = 0;

    member[0] = '\0';
    for (value += strspn(value, separators); *value;
         value += strspn(value, separators)) {
        size_t length = strcspn(value, separators);

        if (used + length + 2 > c->size) {
            insp_fault(faults, "%s '" QUOTE "...': longer than %zu bytes",
                       c->key, value, c->size - 2);
            member[0] = '\0';
            return false;
        }
        memcpy(member + used, value, length);
        used += length;
        member[used++] = '\n';
        member[used] = '\0';
        value += length;
    }
    return true;
}

static bool
read_tls(const struct insp_column *c, const char *value, char *member,
         struct insp_faults *faults)
{
    for (const char *word = value; *word;) {
        size_t length = strcspn(word, ",");

        if (length != 7 ||
            (memcmp(word, "TLSv1.2", 7) && memcmp(word, "TLSv1.3", 7))) {
            insp_fault(faults, "%s '%.*s': neither TLSv1.2 nor TLSv1.3",
                       c->key, (int) INSP_MIN(length, 80), word);
            return false;
        }
        word += length;
        word += *word == ',';
    }
    return read_text(c, value, member, faults);
}

bool
insp_column_read(const struct insp_column *c, const char *value, void *result,
                 struct insp_faults *faults)
{
    void *member = (char *) result + c->offset;

    switch (c->kind) {
    case INSP_COLUMN_NAME:
    case INSP_COLUMN_FILE:
        if (!*value) {
            insp_fault(faults, "%s: is empty", c->key);
            return false;
        }
        return read_text(c, value, member, faults);

    case INSP_COLUMN_TEXT: return read_text(c, value, member, faults);
    case INSP_COLUMN_APPS: return read_apps(c, value, member, faults);
    case INSP_COLUMN_KEYS: return read_keys(c, value, member, faults);
    case INSP_COLUMN_TLS: return read_tls(c, value, member, faults);
    case INSP_COLUMN_BOOL: return read_bool(c, value, member, faults);
    case INSP_COLUMN_UINT:
    case INSP_COLUMN_LIMIT: return read_uint(c, value, result, faults);
    case INSP_COLUMN_PERCENT: return read_percent(c, value, result, faults);
    case INSP_COLUMN_SLOT: return read_slot(c, value, result, faults);
    case INSP_COLUMN_WORD: return read_word(c, value, result, faults);

    case INSP_COLUMN_TARGET:
    case INSP_COLUMN_TERMS:
    case INSP_COLUMN_SERVICES:
    case INSP_COLUMN_ADDRESSES:
    case INSP_COLUMN_LATER:
    case INSP_COLUMN_ELSE: break;
    }
    return true;
}

static size_t
element_size(const struct insp_column *c)
{
    return c->kind == INSP_COLUMN_TERMS      ? sizeof(struct insp_term)
           : c->kind == INSP_COLUMN_SERVICES ? sizeof(struct insp_service)
                                             : sizeof(struct insp_address);
}

static bool
read_element(const struct insp_column *c, const char *value, void *element,
             struct insp_faults *faults)
{
    return c->kind == INSP_COLUMN_TERMS
               ? insp_term_parse(value, c->key, element, faults)
           : c->kind == INSP_COLUMN_SERVICES
               ? insp_service_parse(value, c->key, element, faults)
               : insp_address_parse(value, c->key, element, faults);
}

void
insp_column_read_list(const struct insp_column *c,
                      const struct insp_setting *settings, size_t n,
                      void *result, struct insp_faults *faults)
{
    size_t n_values = 0, count = 0;
    char *list;

    for (size_t i = 0; i < n; i++) {
        n_values += !strcmp(settings[i].key, c->key);
    }
    if (!n_values) {
        return;
    }
    if (c->high && n_values > c->high) {
        insp_fault(faults, "%s: has %zu values; %llu is the most", c->key,
                   n_values, (unsigned long long) c->high);
        return;
    }
    list = calloc(n_values, element_size(c));
    if (!list) {
        insp_fault(faults, "%s: no memory for %zu values", c->key, n_values);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(settings[i].key, c->key)) {
            count += read_element(c, settings[i].value,
                                  list + count * element_size(c), faults);
        }
    }
    memcpy((char *) result + c->offset, &list, sizeof list);
    memcpy((char *) result + c->count_offset, &count, sizeof count);
}

static void
print_keys(const char *keys, char *text, size_t size)
{
    snprintf(text, size, "%s", keys);
    for (char *p = text; *p; p++) {
        if (*p == '\n') {
            *p = p[1] ? ',' : '\0';
        }
    }
}

static void
print_percent(uint32_t millionths, char *text, size_t size)
{
    uint32_t decimals = millionths % 10000;
    int n = snprintf(text, size, "%u", millionths / 10000);

    if (decimals && n > 0 && (size_t) n < size) {
        snprintf(text + n, size - (size_t) n, ".%04u", decimals);
        for (char *end = text + strlen(text); end[-1] == '0';) {
            *--end = '\0';
        }
    }
}

bool
insp_column_print(const struct insp_column *c, const void *result, char *text,
                  size_t size)
{
    const void *member = (const char *) result + c->offset;
    uint64_t apps;
    bool truth;

    switch (c->kind) {
    case INSP_COLUMN_NAME:
    case INSP_COLUMN_FILE:
    case INSP_COLUMN_TEXT:
    case INSP_COLUMN_TLS:
        snprintf(text, size, "%s", (const char *) member);
        return true;

    case INSP_COLUMN_KEYS: print_keys(member, text, size); return true;

    case INSP_COLUMN_APPS:
        memcpy(&apps, member, sizeof apps);
        insp_apps_print(apps, text, size);
        return true;

    case INSP_COLUMN_BOOL:
        memcpy(&truth, member, sizeof truth);
        snprintf(text, size, "%s", truth ? "true" : "false");
        return true;

    case INSP_COLUMN_UINT:
    case INSP_COLUMN_LIMIT:
    case INSP_COLUMN_SLOT:
        snprintf(text, size, "%llu",
                 (unsigned long long) (load(c, result) / c->scale));
        return true;

    case INSP_COLUMN_PERCENT:
        print_percent((uint32_t) load(c, result), text, size);
        return true;

    case INSP_COLUMN_WORD:
        snprintf(text, size, "%s", c->words[load(c, result)]);
        return true;

    case INSP_COLUMN_TARGET:
        insp_config_targets_print(member, text, size);
        return true;

    case INSP_COLUMN_TERMS:
    case INSP_COLUMN_SERVICES:
    case INSP_COLUMN_ADDRESSES:
    case INSP_COLUMN_LATER:
    case INSP_COLUMN_ELSE: break;
    }
    return false;
}
