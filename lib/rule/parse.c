/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A value is told by how it begins: a "!", a word, a word and a colon, six
 * pairs of hexadecimal digits, or else an address.  Parsers look at the whole
 * value and add one fault, which begins with the column and the operator's
 * words and says what was found where and what could stand there. */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "packet/packet.h"
#include "rule/text.h"

#define QUOTE_MAX  80 /* Bytes of the operator's words. */
#define APPS_SHOWN 12 /* Protocols that a fault names. */

#define TEXT_OF(X)     #X
#define NUMBER_TEXT(X) TEXT_OF(X)

/* What is parsed, for faults. */
struct value {
    const char *column;
    const char *text;
    struct insp_faults *faults;
};

struct quote {
    char text[QUOTE_MAX + 1];
};

/* As much of the words as may stand in a fault: no control characters, and
 * not half a character of UTF-8. */
static struct quote
quote(const char *words)
{
    struct quote q;
    size_t n = strnlen(words, QUOTE_MAX);

    while (n && words[n] && ((unsigned char) words[n] & 0xc0) == 0x80) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char) words[i];

        q.text[i] = c < ' ' || c == 0x7f ? '?' : (char) c;
    }
    q.text[n] = '\0';
    return q;
}

/* "source 'x': what", and always false. */
static bool
refuse(const struct value *v, const char *what)
{
    insp_fault(v->faults, "%s '%s': %s", v->column, quote(v->text).text, what);
    return false;
}

static bool
begins_with(const char *text, const char *word)
{
    return !strncmp(text, word, strlen(word));
}

static bool
has_control(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char) *text;

        if (c < ' ' || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool
copy_text(const struct value *v, const char *text, char **copy)
{
    *copy = strdup(text);
    return *copy || refuse(v, "no memory");
}

/* A decimal number up to 'max' of 'size' bytes; 'part' is what it is
 * called. */
static bool
parse_number(const struct value *v, const char *part, const char *words,
             size_t size, unsigned int max, unsigned int *number)
{
    struct quote quoted = quote(words);
    bool digits = size > 0;
    unsigned int n = 0;

    if (size < QUOTE_MAX) {
        quoted.text[size] = '\0';
    }
    for (size_t i = 0; i < size; i++) {
        digits &= isdigit((unsigned char) words[i]) != 0;
        n = n > max ? n : n * 10 + (unsigned int) (words[i] - '0');
    }
    if (digits && n <= max) {
        *number = n;
        return true;
    }
    if (digits) {
        insp_fault(v->faults, "%s '%s': %s %s: not in 0..%u", v->column,
                   quote(v->text).text, part, quoted.text, max);
    } else {
        insp_fault(v->faults, "%s '%s': %s '%s': not a whole number",
                   v->column, quote(v->text).text, part, quoted.text);
    }
    return false;
}

/* "5", "5-9": numbers up to 'max'. */
static bool
parse_range(const struct value *v, const char *part, const char *words,
            unsigned int max, struct insp_service *service)
{
    size_t size = strcspn(words, "-");
    const char *rest = words[size] ? words + size + 1 : NULL;
    unsigned int first;
    unsigned int last;

    if (!parse_number(v, part, words, size, max, &first)) {
        return false;
    }
    last = first;
    if (rest && !parse_number(v, part, rest, strlen(rest), max, &last)) {
        return false;
    }
    if (last < first) {
        insp_fault(v->faults,
                   "%s '%s': the last %s %u is less than the "
                   "first one %u",
                   v->column, quote(v->text).text, part, last, first);
        return false;
    }
    service->first = (uint16_t) first;
    service->last = (uint16_t) last;
    return true;
}

static void
clear_host_bits(uint8_t addr[16], unsigned int length)
{
    for (unsigned int i = 0; i < 16; i++) {
        unsigned int bits = length > 8 * i ? length - 8 * i : 0;

        if (bits < 8) {
            addr[i] &= (uint8_t) (0xff00 >> bits);
        }
    }
}

/* Whether 'text' can only be meant as an address or a prefix. */
static bool
is_address_like(const char *text)
{
    size_t n = strspn(text, "0123456789abcdefABCDEF.:");

    return n && strcspn(text, ".:") < n && (!text[n] || text[n] == '/');
}

/* An address or a prefix; 'else_' is the fault when it is neither. */
static bool
parse_prefix(const struct value *v, const char *text, const char *else_,
             uint8_t addr[16], uint8_t *prefix_length)
{
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t) (slash - text) : strlen(text);
    char only[INET6_ADDRSTRLEN];
    unsigned int bits = 128;
    unsigned int length;

    if (n >= sizeof only) {
        return refuse(v, else_);
    }
    memcpy(only, text, n);
    only[n] = '\0';
    memset(addr, 0, 16);
    if (inet_pton(AF_INET, only, addr + 12) == 1) {
        addr[10] = addr[11] = 0xff;
        bits = 32;
    } else if (inet_pton(AF_INET6, only, addr) != 1) {
        return refuse(v, else_);
    } else if (insp_addr_is_ip4(addr)) {
        return refuse(v, "an IPv4-mapped IPv6 address: write it as IPv4");
    }
    length = bits;
    if (slash && !parse_number(v, "prefix length", slash + 1,
                               strlen(slash + 1), bits, &length)) {
        return false;
    }
    *prefix_length = (uint8_t) (length + 128 - bits);
    clear_host_bits(addr, *prefix_length);
    return true;
}

/* Six pairs of digits; false without a fault when it is something else. */
static bool
parse_mac(const char *text, uint8_t mac[6])
{
    if (strlen(text) != 17) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        const char *at = text + 3 * i;

        if (!isxdigit((unsigned char) at[0]) ||
            !isxdigit((unsigned char) at[1]) || (i < 5 && at[2] != ':')) {
            return false;
        }
        mac[i] = (uint8_t) strtoul(at, NULL, 16);
    }
    return true;
}

/* What stands behind "iface:" and the like. */
static bool
parse_name(const struct value *v, const char *name, struct insp_term *term)
{
    size_t max =
        term->kind == INSP_TERM_ID ? INSP_ID_TEXT_MAX : INSP_NAME_SIZE - 1;
    const char *prefix = insp_term_prefix(term->kind);
    char what[64];

    if (!*name) {
        snprintf(what, sizeof what, "nothing behind '%s'", prefix);
        return refuse(v, what);
    }
    if (has_control(name)) {
        return refuse(v, "has a control character");
    }
    if (strlen(name) > max) {
        snprintf(what, sizeof what, "more than %zu bytes behind '%s'", max,
                 prefix);
        return refuse(v, what);
    }
    if (term->kind == INSP_TERM_ID && (*name == '=' || !strchr(name, '='))) {
        return refuse(v, "not id:KEY=VALUE");
    }
    return copy_text(v, name, &term->text);
}

static bool
parse_positive(const struct value *v, const char *text, struct insp_term *term)
{
    static const enum insp_term_kind named[] = {
        INSP_TERM_IFACE, INSP_TERM_VM, INSP_TERM_PORT,
        INSP_TERM_SET,   INSP_TERM_ID,
    };
    static const char else_[] =
        "not any, an address or prefix, a MAC, iface:ID, vm:UUID, port:NAME, "
        "set:NAME or id:KEY=VALUE";

    if (!strcmp(text, "any")) {
        term->kind = INSP_TERM_ANY;
        return !term->negated || refuse(v, "would match nothing");
    }
    for (size_t i = 0; i < INSP_ARRAY_SIZE(named); i++) {
        const char *prefix = insp_term_prefix(named[i]);

        if (begins_with(text, prefix)) {
            term->kind = (uint8_t) named[i];
            return parse_name(v, text + strlen(prefix), term);
        }
    }
    if (parse_mac(text, term->mac)) {
        term->kind = INSP_TERM_MAC;
        return true;
    }
    term->kind = INSP_TERM_PREFIX;
    return parse_prefix(v, text,
                        is_address_like(text)
                            ? "not an IPv4 or IPv6 address or prefix"
                            : else_,
                        term->addr, &term->prefix_length);
}

bool
insp_term_parse(const char *text, const char *column, struct insp_term *term,
                struct insp_faults *faults)
{
    struct value v = { column, text, faults };

    memset(term, 0, sizeof *term);
    term->negated = *text == '!';
    if (parse_positive(&v, text + term->negated, term)) {
        return true;
    }
    insp_term_uninit(term);
    return false;
}

bool
insp_address_parse(const char *text, const char *column,
                   struct insp_address *address, struct insp_faults *faults)
{
    struct value v = { column, text, faults };

    memset(address, 0, sizeof *address);
    return parse_prefix(&v, text, "not an IPv4 or IPv6 address or prefix",
                        address->addr, &address->prefix_length);
}

/* A letter, a digit, '-' or '_', whatever the locale. */
static bool
is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void
lower(char *text)
{
    for (; *text; text++) {
        *text = (char) (*text >= 'A' && *text <= 'Z' ? *text + ('a' - 'A')
                                                     : *text);
    }
}

/* "tls, dns, http, ... (47 in all)": protocols that begin like the word that
 * is none, then others. */
static void
name_apps(char first, char *text, size_t size)
{
    size_t at = 0;
    unsigned int n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int app = INSP_APP_UNREAD; app < INSP_N_APPS; app++) {
            const char *word = insp_app_word(app);

            if (n < APPS_SHOWN && (word[0] == first) == !pass &&
                insp_app_is_spoken((enum insp_app) app)) {
                at += (size_t) snprintf(text + at, size - at, "%s, ", word);
                n++;
            }
        }
    }
    snprintf(text + at, size - at, "... (%d in all)",
             INSP_N_APPS - INSP_APP_UNREAD - 1);
}

/* What stands behind "app:". */
static bool
parse_app(const struct value *v, const char *text,
          struct insp_service *service)
{
    char word[INSP_NAME_SIZE];
    char known[APPS_SHOWN * INSP_NAME_SIZE];
    char what[sizeof known + 64];
    size_t n = 0;

    while (is_of_word(text[n])) {
        n++;
    }
    if (!n || text[n] || n >= sizeof word) {
        return refuse(v, "not app:PROTOCOL");
    }
    memcpy(word, text, n + 1);
    lower(word);
    service->app = (uint8_t) insp_app_by_word(word);
    if (!insp_app_is_spoken((enum insp_app) service->app)) {
        name_apps(word[0], known, sizeof known);
        snprintf(what, sizeof what, "no such protocol: there are %s", known);
        return refuse(v, what);
    }
    return true;
}

/* What stands behind "sni:". */
static bool
parse_sni(const struct value *v, const char *name,
          struct insp_service *service)
{
    bool below = begins_with(name, "*.");
    const char *at = name + (below ? 2 : 0);
    unsigned int n_labels = 1;
    size_t n = strlen(name);

    if (n && at[0] && name[n - 1] == '.') {
        n--; /* The root. */
    }
    for (const char *c = at; c < name + n; c++) {
        bool ends = *c == '.' && c > at && c[-1] != '.' && c + 1 < name + n;

        n_labels += *c == '.';
        if (!ends && !is_of_word(*c)) {
            return refuse(v, "not sni:SERVER-NAME");
        }
    }
    if (at >= name + n || *at == '-') {
        return refuse(v, "not sni:SERVER-NAME");
    }
    if (n > INSP_APP_NAME_MAX) {
        return refuse(v, "more than " NUMBER_TEXT(
                             INSP_APP_NAME_MAX) " bytes behind 'sni:'");
    }
    if (below && n_labels > INSP_SNI_LABELS) {
        return refuse(v, "more than " NUMBER_TEXT(
                             INSP_SNI_LABELS) " labels behind '*.'");
    }
    if (!copy_text(v, name, &service->text)) {
        return false;
    }
    service->text[n] = '\0';
    lower(service->text);
    return true;
}

/* Services that are a word, and perhaps a slash and numbers. */
static const struct numbered {
    const char *word;
    uint8_t kind;
    uint8_t proto;
    uint16_t max;
    const char *part;
} numbered[] = {
    { "tcp", INSP_SERVICE_PORTS, INSP_PROTO_TCP, 65535, "port" },
    { "udp", INSP_SERVICE_PORTS, INSP_PROTO_UDP, 65535, "port" },
    { "sctp", INSP_SERVICE_PORTS, INSP_PROTO_SCTP, 65535, "port" },
    { "icmp", INSP_SERVICE_ICMP, INSP_PROTO_ICMP, 255, "type" },
    { "icmp6", INSP_SERVICE_ICMP, INSP_PROTO_ICMPV6, 255, "type" },
};

/* False without a fault, and '*known' false: it is no such service. */
static bool
parse_numbered(const struct value *v, struct insp_service *service,
               bool *known)
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(numbered); i++) {
        const struct numbered *n = &numbered[i];
        size_t size = strlen(n->word);

        if (begins_with(v->text, n->word) &&
            (!v->text[size] || v->text[size] == '/')) {
            *known = true;
            service->kind = n->kind;
            service->proto = n->proto;
            service->last = n->max;
            return !v->text[size] ||
                   parse_range(v, n->part, v->text + size + 1, n->max,
                               service);
        }
    }
    *known = false;
    return false;
}

static bool
parse_service(const struct value *v, struct insp_service *service)
{
    const char *text = v->text;
    unsigned int number;
    bool known;
    bool ok;

    if (!strcmp(text, "any")) {
        service->kind = INSP_SERVICE_ANY;
        return true;
    }
    if (!strcmp(text, "arp")) {
        service->kind = INSP_SERVICE_ARP;
        return true;
    }
    if (!strcmp(text, "nd")) {
        service->kind = INSP_SERVICE_ND;
        return true;
    }
    if (begins_with(text, "app:") || begins_with(text, "sni:")) {
        service->kind = *text == 'a' ? INSP_SERVICE_APP : INSP_SERVICE_SNI;
        return *text == 'a' ? parse_app(v, text + 4, service)
                            : parse_sni(v, text + 4, service);
    }
    if (begins_with(text, "proto/")) {
        service->kind = INSP_SERVICE_PROTO;
        if (!parse_number(v, "protocol", text + 6, strlen(text + 6), 255,
                          &number)) {
            return false;
        }
        service->proto = (uint8_t) number;
        return true;
    }
    ok = parse_numbered(v, service, &known);
    return known ? ok
           : *text == '!'
               ? refuse(v, "only source and destination take exceptions")
               : refuse(v, "not any, tcp/PORT, udp/FIRST-LAST, sctp/PORT, "
                           "icmp, icmp6/TYPE, proto/NUMBER, arp, nd, "
                           "app:PROTOCOL or sni:SERVER-NAME");
}

bool
insp_service_parse(const char *text, const char *column,
                   struct insp_service *service, struct insp_faults *faults)
{
    struct value v = { column, text, faults };

    memset(service, 0, sizeof *service);
    if (parse_service(&v, service)) {
        return true;
    }
    insp_service_uninit(service);
    return false;
}
