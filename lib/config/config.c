/* How it works
 *
 * columns.def becomes two arrays of 'struct rule', one a table: what a key is
 * called, how its value reads, and where it goes in the result.  parse()
 * walks the rules, not the list, so that every rule is met, with the
 * operator's value or with its default; then it looks for keys that no rule
 * knows.  A value that is at fault leaves the default in place.
 *
 * Two things need more than one key and come last: the target, whose default
 * port depends on the format, and the limits that bound each other. */

#include "config/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPFIX_TLS_PORT 4740     /* RFC 7011, section 10.3.4. */
#define QUOTE "%.80s"           /* Of the operator's words, at most. */

enum kind {
    KIND_NAME,
    KIND_BOOL,
    KIND_UINT,
    KIND_LIMIT,
    KIND_WORD,
    KIND_FILE,
    KIND_TEXT,
    KIND_KEYS,
    KIND_TLS,
    KIND_TARGET,
    KIND_LATER,
    KIND_ELSE,
};

struct rule {
    const char *key;
    enum kind kind;
    const char *const *words;   /* WORD: by value, then NULL. */
    size_t offset;              /* Of the member in the result. */
    size_t size;
    const char *def;            /* NULL: must be set. */
    uint64_t low, high;
    uint32_t scale;
    const char *text;
};

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

/* A kind in columns.def, and its words. */
#define K_NAME    KIND_NAME, NULL
#define K_BOOL    KIND_BOOL, NULL
#define K_UINT    KIND_UINT, NULL
#define K_LIMIT   KIND_LIMIT, NULL
#define K_WORD(W) KIND_WORD, words_##W
#define K_FILE    KIND_FILE, NULL
#define K_TEXT    KIND_TEXT, NULL
#define K_KEYS    KIND_KEYS, NULL
#define K_TLS     KIND_TLS, NULL
#define K_TARGET  KIND_TARGET, NULL

/* A row of columns.def falls into the array of its table only. */
#define RULE(STRUCT, KEY, KIND, MEMBER, DEF, LOW, HIGH, SCALE, TEXT)        \
    { KEY, K_##KIND, offsetof(struct STRUCT, MEMBER),                       \
      sizeof(((struct STRUCT *) 0)->MEMBER), DEF, LOW, HIGH, SCALE, TEXT },
#define OTHER_RULE(KIND, KEY, TEXT)                                         \
    { KEY, KIND, NULL, 0, 0, NULL, 0, 0, 0, TEXT },

#define INSP_SETTING(TABLE, ...) SETTING_##TABLE(__VA_ARGS__)
#define INSP_LATER(TABLE, ...)   OTHER_##TABLE(KIND_LATER, __VA_ARGS__)
#define INSP_ELSE(TABLE, ...)    OTHER_##TABLE(KIND_ELSE, __VA_ARGS__)

static const struct rule inspector_rules[] = {
#define SETTING_INSPECTOR(...) RULE(insp_config_inspector, __VA_ARGS__)
#define OTHER_INSPECTOR(...)   OTHER_RULE(__VA_ARGS__)
#define SETTING_UPLINK(...)
#define OTHER_UPLINK(...)
#include "config/columns.def"
#undef SETTING_INSPECTOR
#undef OTHER_INSPECTOR
#undef SETTING_UPLINK
#undef OTHER_UPLINK
};

static const struct rule uplink_rules[] = {
#define SETTING_INSPECTOR(...)
#define OTHER_INSPECTOR(...)
#define SETTING_UPLINK(...) RULE(insp_config_uplink, __VA_ARGS__)
#define OTHER_UPLINK(...)   OTHER_RULE(__VA_ARGS__)
#include "config/columns.def"
#undef SETTING_INSPECTOR
#undef OTHER_INSPECTOR
#undef SETTING_UPLINK
#undef OTHER_UPLINK
};

#undef INSP_SETTING
#undef INSP_LATER
#undef INSP_ELSE

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

/* Stricter than strtoull(): digits and nothing else. */
static bool
parse_uint(const char *value, uint64_t *result)
{
    char *end;

    if (!*value || value[strspn(value, "0123456789")]) {
        return false;
    }
    errno = 0;
    *result = strtoull(value, &end, 10);
    return !errno;
}

static bool
parse_bool(const char *value, bool *result)
{
    *result = !strcmp(value, "true");
    return *result || !strcmp(value, "false");
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
parse_text(const struct rule *r, const char *value, char *member,
           struct insp_faults *faults)
{
    size_t length = strlen(value);

    if (length >= r->size) {
        insp_fault(faults, "%s '" QUOTE "...': longer than %zu bytes", r->key,
                   value, r->size - 1);
        return false;
    }
    if (has_control(value)) {
        insp_fault(faults, "%s: has control characters in it", r->key);
        return false;
    }
    memcpy(member, value, length + 1);
    return true;
}

/* Appends each word of 'value' and "\n". */
static bool
parse_keys(const struct rule *r, const char *value, char *member,
           struct insp_faults *faults)
{
    static const char separators[] = ", \t\n";
    size_t used = 0;

    member[0] = '\0';
    for (value += strspn(value, separators); *value;
         value += strspn(value, separators)) {
        size_t length = strcspn(value, separators);

        if (used + length + 2 > r->size) {
            insp_fault(faults, "%s '" QUOTE "...': longer than %zu bytes",
                       r->key, value, r->size - 2);
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
parse_tls(const struct rule *r, const char *value, char *member,
          struct insp_faults *faults)
{
    for (const char *word = value; *word;) {
        size_t length = strcspn(word, ",");

        if (length != 7
            || (memcmp(word, "TLSv1.2", 7) && memcmp(word, "TLSv1.3", 7))) {
            insp_fault(faults, "%s '%.*s': neither TLSv1.2 nor TLSv1.3",
                       r->key, (int) INSP_MIN(length, 80), word);
            return false;
        }
        word += length;
        word += *word == ',';
    }
    return parse_text(r, value, member, faults);
}

/* A host name as in RFC 1123 (and underscores, which exist), or an IPv4
 * address, which has the same letters. */
static bool
is_host_name(const char *host)
{
    size_t length = strlen(host);

    return length && length <= 253 && host[0] != '-' && host[0] != '.'
           && !host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-._")];
}

/* "fe80::1%eth0" has a zone that inet_pton() does not know. */
static bool
is_ipv6(const char *host)
{
    size_t length = strcspn(host, "%");
    char address[INET6_ADDRSTRLEN];
    struct in6_addr in6;

    if (length >= sizeof address || (host[length] && !host[length + 1])) {
        return false;
    }
    memcpy(address, host, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &in6) == 1;
}

bool
insp_config_target(const char *target, uint16_t default_port, char *host,
                   size_t host_size, uint16_t *port,
                   struct insp_faults *faults)
{
    const char *rest, *end, *digits;
    uint64_t number = default_port;
    bool bracket;

    if (!strncmp(target, "pssl:", 5)) {
        insp_fault(faults, "target '" QUOTE "': listening for the collector "
                   "is not in this version; dial out with ssl:HOST:PORT",
                   target);
        return false;
    }
    if (strncmp(target, "ssl:", 4)) {
        insp_fault(faults, !strncmp(target, "tcp:", 4)
                           || !strncmp(target, "udp:", 4)
                   ? "target '" QUOTE "': a plain uplink cannot be "
                     "configured; records go over TLS only: ssl:HOST:PORT"
                   : "target '" QUOTE "': not ssl:HOST:PORT", target);
        return false;
    }

    rest = target + 4;
    bracket = *rest == '[';
    rest += bracket;
    end = bracket ? strchr(rest, ']') : rest + strcspn(rest, ":");
    if (!end || (size_t) (end - rest) >= host_size) {
        insp_fault(faults, "target '" QUOTE "': %s", target,
                   end ? "the host name is too long" : "']' is missing");
        return false;
    }
    memcpy(host, rest, end - rest);
    host[end - rest] = '\0';

    digits = end + bracket;
    if (!bracket && *digits && strchr(digits + 1, ':')) {
        insp_fault(faults, "target '" QUOTE "': an IPv6 address stands in "
                   "brackets: ssl:[ADDRESS]:PORT", target);
        return false;
    }
    if (!(bracket ? is_ipv6(host) : is_host_name(host))) {
        insp_fault(faults, "target '" QUOTE "': '" QUOTE "' is no %s", target,
                   host, bracket ? "IPv6 address" : "host name");
        return false;
    }
    if (*digits && (*digits != ':' || !parse_uint(digits + 1, &number)
                    || !number || number > UINT16_MAX)) {
        insp_fault(faults, "target '" QUOTE "': port '" QUOTE "' is not a "
                   "whole number from 1 to 65535", target,
                   digits + (*digits == ':'));
        return false;
    }
    if (!number) {
        insp_fault(faults, "target '" QUOTE "': the port must be named for "
                   "this format: ssl:HOST:PORT", target);
        return false;
    }
    *port = number;
    return true;
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

/* Stores 'value' in its member of 'result'. */
static bool
parse_value(const struct rule *r, const char *value, void *result,
            struct insp_faults *faults)
{
    void *member = (char *) result + r->offset;
    uint64_t number;
    unsigned int word;
    char words[128];
    bool truth;

    switch (r->kind) {
    case KIND_NAME:
    case KIND_FILE:
        if (!*value) {
            insp_fault(faults, "%s: is empty", r->key);
            return false;
        }
        return parse_text(r, value, member, faults);

    case KIND_TEXT: return parse_text(r, value, member, faults);
    case KIND_KEYS: return parse_keys(r, value, member, faults);
    case KIND_TLS: return parse_tls(r, value, member, faults);

    case KIND_BOOL:
        if (!parse_bool(value, &truth)) {
            insp_fault(faults, "%s '" QUOTE "': neither true nor false",
                       r->key, value);
            return false;
        }
        memcpy(member, &truth, sizeof truth);
        return true;

    case KIND_UINT:
    case KIND_LIMIT:
        if (!parse_uint(value, &number)
            || ((number < r->low || number > r->high)
                && !(r->kind == KIND_LIMIT && !number))) {
            bool zero = r->kind == KIND_LIMIT && r->low;

            insp_fault(faults, "%s '" QUOTE "': not %sa whole number from "
                       "%llu to %llu", r->key, value, zero ? "0, nor " : "",
                       (unsigned long long) r->low,
                       (unsigned long long) r->high);
            return false;
        }
        memcpy(member, &(uint32_t) { number * r->scale }, sizeof(uint32_t));
        return true;

    case KIND_WORD:
        for (word = 0; r->words[word]; word++) {
            if (!strcmp(r->words[word], value)) {
                memcpy(member, &word, sizeof word);
                return true;
            }
        }
        join_words(r->words, words, sizeof words);
        insp_fault(faults, "%s '" QUOTE "': not one of %s", r->key, value,
                   words);
        return false;

    case KIND_TARGET:
    case KIND_LATER:
    case KIND_ELSE:
        break;
    }
    return true;
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

static const struct rule *
find_rule(const struct rule *rules, size_t n_rules, const char *key)
{
    for (size_t i = 0; i < n_rules; i++) {
        if (!strcmp(rules[i].key, key)) {
            return &rules[i];
        }
    }
    return NULL;
}

static void
parse(const struct rule *rules, size_t n_rules,
      const struct insp_setting *settings, size_t n, void *result,
      struct insp_faults *faults, struct insp_faults *warnings)
{
    for (size_t i = 0; i < n_rules; i++) {
        const struct rule *r = &rules[i];
        const char *value = find_value(settings, n, r->key);

        if (r->kind == KIND_ELSE) {
            continue;
        } else if (r->kind == KIND_LATER) {
            if (value) {
                insp_fault(faults, "%s '" QUOTE "': %s: not in this version",
                           r->key, value, r->text);
            }
            continue;
        }
        if (r->def) {
            parse_value(r, r->def, result, faults);
        } else if (!value) {
            insp_fault(faults, "%s: must be set%s", r->key,
                       r->kind == KIND_FILE ? ", here or in table SSL" : "");
        }
        if (value) {
            parse_value(r, value, result, faults);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!find_rule(rules, n_rules, settings[i].key)) {
            insp_fault(warnings, QUOTE ": no such setting",
                       settings[i].key);
        }
    }
}

bool
insp_config_inspector_parse(const struct insp_setting *settings, size_t n,
                            struct insp_config_inspector *result,
                            struct insp_faults *faults,
                            struct insp_faults *warnings)
{
    unsigned int n_before = faults->n;

    memset(result, 0, sizeof *result);
    parse(inspector_rules, INSP_ARRAY_SIZE(inspector_rules), settings, n,
          result, faults, warnings);
    if (result->base.half_open_limit > result->base.flow_limit) {
        insp_fault(faults, "other_config:half-open-limit '%u': more than "
                   "flow_limit, which is %u", result->base.half_open_limit,
                   result->base.flow_limit);
    }
    return faults->n == n_before;
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
    parse(uplink_rules, INSP_ARRAY_SIZE(uplink_rules), settings, n, result,
          faults, warnings);
    if (target) {
        insp_config_target(target,
                           base->format == INSP_UPLINK_IPFIX ? IPFIX_TLS_PORT
                                                             : 0,
                           base->host, sizeof base->host, &base->port,
                           faults);
    }
    return faults->n == n_before;
}

static bool
print(const struct rule *rules, size_t n_rules, const void *result,
      const char *key, char *text, size_t size)
{
    const struct rule *r = find_rule(rules, n_rules, key);
    const void *member;
    unsigned int word;
    uint32_t number;
    bool truth;

    if (!r) {
        return false;
    }
    member = (const char *) result + r->offset;
    switch (r->kind) {
    case KIND_NAME:
    case KIND_FILE:
    case KIND_TEXT:
    case KIND_TLS:
        snprintf(text, size, "%s", (const char *) member);
        return true;

    case KIND_KEYS:
        snprintf(text, size, "%s", (const char *) member);
        for (char *p = text; *p; p++) {
            if (*p == '\n') {
                *p = p[1] ? ',' : '\0';
            }
        }
        return true;

    case KIND_BOOL:
        memcpy(&truth, member, sizeof truth);
        snprintf(text, size, "%s", truth ? "true" : "false");
        return true;

    case KIND_UINT:
    case KIND_LIMIT:
        memcpy(&number, member, sizeof number);
        snprintf(text, size, "%u", number / r->scale);
        return true;

    case KIND_WORD:
        memcpy(&word, member, sizeof word);
        snprintf(text, size, "%s", r->words[word]);
        return true;

    case KIND_TARGET: {
        const struct insp_uplink_config *uplink = member;
        bool bracket = strchr(uplink->host, ':') != NULL;

        snprintf(text, size, "ssl:%s%s%s:%u", bracket ? "[" : "",
                 uplink->host, bracket ? "]" : "", uplink->port);
        return true;
    }

    case KIND_LATER:
    case KIND_ELSE:
        break;
    }
    return false;
}

bool
insp_config_inspector_print(const struct insp_config_inspector *config,
                            const char *key, char *text, size_t size)
{
    return print(inspector_rules, INSP_ARRAY_SIZE(inspector_rules), config,
                 key, text, size);
}

bool
insp_config_uplink_print(const struct insp_config_uplink *config,
                         const char *key, char *text, size_t size)
{
    return print(uplink_rules, INSP_ARRAY_SIZE(uplink_rules), config, key,
                 text, size);
}

/* The 'i'-th rule that is a setting. */
static const char *
setting_key(const struct rule *rules, size_t n_rules, size_t i)
{
    for (size_t j = 0; j < n_rules; j++) {
        if (rules[j].kind < KIND_LATER && !i--) {
            return rules[j].key;
        }
    }
    return NULL;
}

const char *
insp_config_inspector_key(size_t i)
{
    return setting_key(inspector_rules, INSP_ARRAY_SIZE(inspector_rules), i);
}

const char *
insp_config_uplink_key(size_t i)
{
    return setting_key(uplink_rules, INSP_ARRAY_SIZE(uplink_rules), i);
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
