/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Values as operators write them: what they become, what they print as, and
 * each fault word by word.  Then what a slot takes.
 *
 * Mutations that make it fail: any change of a fault's text; 'n > max' to
 * 'n >= max' in parse_number(); leaving out clear_host_bits(), the refusal of
 * mapped addresses, or the bound of a name in parse.c; a server name that
 * keeps its final dot; a wrong row in actions_of() of rule.c. */

#include <stdlib.h>

#include "app/app.h"
#include "packet/packet.h"
#include "rule/rule.h"
#include "unit.h"

#define NAME63                                                                \
    "a23456789012345678901234567890123456789012345678901234567890123"
#define NAME59   "a2345678901234567890123456789012345678901234567890123456789"
#define LABELS16 "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"
#define TERM_ELSE                                                             \
    "not any, an address or prefix, a MAC, iface:ID, vm:UUID, port:NAME, "    \
    "set:NAME or id:KEY=VALUE"
#define DOTS        "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19"
#define PREFIX_ELSE "not an IPv4 or IPv6 address or prefix"
#define SERVICE_ELSE                                                          \
    "not any, tcp/PORT, udp/FIRST-LAST, sctp/PORT, icmp, icmp6/TYPE, "        \
    "proto/NUMBER, arp, nd, app:PROTOCOL or sni:SERVER-NAME"

struct pair {
    const char *text;
    const char *expected;
};

/* Printed, and parsed and printed again. */
static void
test_terms(void)
{
    static const struct pair pairs[] = {
        { "any", "any" },
        { "10.0.0.1", "10.0.0.1" },
        { "10.0.0.1/32", "10.0.0.1" },
        { "10.1.2.3/8", "10.0.0.0/8" },
        { "10.1.2.3/9", "10.0.0.0/9" },
        { "255.255.255.255/31", "255.255.255.254/31" },
        { "0.0.0.0/0", "0.0.0.0/0" },
        { "1.2.3.4/0", "0.0.0.0/0" },
        { "!192.0.2.0/24", "!192.0.2.0/24" },
        { "2001:DB8::1", "2001:db8::1" },
        { "2001:db8::1/33", "2001:db8::/33" },
        { "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
        { "::/0", "::/0" },
        { "::", "::" },
        { "::1/128", "::1" },
        { "!fd00::/8", "!fd00::/8" },
        { "02:00:00:00:00:0A", "02:00:00:00:00:0a" },
        { "!ff:ff:ff:ff:ff:ff", "!ff:ff:ff:ff:ff:ff" },
        { "iface:a b", "iface:a b" },
        { "vm:1-2-3", "vm:1-2-3" },
        { "port:tap0", "port:tap0" },
        { "port:" NAME63, "port:" NAME63 },
        { "set:bad guys", "set:bad guys" },
        { "!set:x", "!set:x" },
        { "set:\xc3\xa9", "set:\xc3\xa9" },
        { "id:k=", "id:k=" },
        { "!id:project=a=b", "!id:project=a=b" },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct insp_faults faults;
        struct insp_term term;
        char text[300];
        char again[300];
        int n;

        insp_faults_init(&faults);
        CU_ASSERT(insp_term_parse(pairs[i].text, "source", &term, &faults));
        UNIT_STR_EQ(faults.text, "");
        n = insp_term_print(&term, text, sizeof text);
        UNIT_STR_EQ(text, pairs[i].expected);
        UNIT_EQ(n, strlen(text));
        UNIT_EQ(insp_term_print(&term, again, 3), n);
        UNIT_EQ(strlen(again), 2);
        insp_term_uninit(&term);
        CU_ASSERT(insp_term_parse(text, "source", &term, &faults));
        insp_term_print(&term, again, sizeof again);
        UNIT_STR_EQ(again, text);
        insp_term_uninit(&term);
    }
}

/* What the members are. */
static void
test_term_members(void)
{
    static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 10, 1 };
    struct insp_faults faults;
    struct insp_term term;

    insp_faults_init(&faults);
    CU_ASSERT(insp_term_parse("!10.1.0.0/16", "source", &term, &faults));
    UNIT_EQ(term.kind, INSP_TERM_PREFIX);
    UNIT_EQ(term.negated, true);
    UNIT_EQ(term.prefix_length, 112);
    CU_ASSERT(!memcmp(term.addr, mapped, 16));
    CU_ASSERT_PTR_NULL(term.text);
    CU_ASSERT(insp_term_parse("0a:0b:0c:0d:0e:0f", "source", &term, &faults));
    UNIT_EQ(term.kind, INSP_TERM_MAC);
    UNIT_EQ(term.mac[0], 0x0a);
    UNIT_EQ(term.mac[5], 0x0f);
    CU_ASSERT(insp_term_parse("id:k=v", "source", &term, &faults));
    UNIT_EQ(term.kind, INSP_TERM_ID);
    UNIT_STR_EQ(term.text, "k=v");
    insp_term_uninit(&term);
    UNIT_EQ(faults.n, 0);
}

static void
test_term_faults(void)
{
    static const struct pair pairs[] = {
        { "", "source '': " TERM_ELSE },
        { "foo", "source 'foo': " TERM_ELSE },
        { "Any", "source 'Any': " TERM_ELSE },
        { " any", "source ' any': " TERM_ELSE },
        { "!", "source '!': " TERM_ELSE },
        { "!!any", "source '!!any': " TERM_ELSE },
        { "abc", "source 'abc': " TERM_ELSE },
        { "foo:bar", "source 'foo:bar': " TERM_ELSE },
        { "!any", "source '!any': would match nothing" },
        { "10.0.0.0/33",
          "source '10.0.0.0/33': prefix length 33: not in 0..32" },
        { "10.0.0.0/99999999999999999999",
          "source '10.0.0.0/99999999999999999999': prefix length "
          "99999999999999999999: not in 0..32" },
        { "fd00::/129",
          "source 'fd00::/129': prefix length 129: not in 0..128" },
        { "10.0.0.0/", "source '10.0.0.0/': prefix length '': not a whole "
                       "number" },
        { "10.0.0.0/-1", "source '10.0.0.0/-1': prefix length '-1': not a "
                         "whole number" },
        { "10.0.0.0/255.0.0.0",
          "source '10.0.0.0/255.0.0.0': prefix length '255.0.0.0': not a "
          "whole number" },
        { "10.0.0", "source '10.0.0': " PREFIX_ELSE },
        { "10.0.0.256", "source '10.0.0.256': " PREFIX_ELSE },
        { "10.0.0.01", "source '10.0.0.01': " PREFIX_ELSE },
        { "fd00:::1", "source 'fd00:::1': " PREFIX_ELSE },
        { "fe80::1%eth0", "source 'fe80::1%eth0': " TERM_ELSE },
        { DOTS, "source '" DOTS "': " PREFIX_ELSE },
        { "::ffff:10.0.0.1", "source '::ffff:10.0.0.1': an IPv4-mapped IPv6 "
                             "address: write it as IPv4" },
        { "::ffff:0:0/96", "source '::ffff:0:0/96': an IPv4-mapped IPv6 "
                           "address: write it as IPv4" },
        { "02:00:00:00:00:0g", "source '02:00:00:00:00:0g': " TERM_ELSE },
        { "02:00:00:00:00", "source '02:00:00:00:00': " PREFIX_ELSE },
        { "iface:", "source 'iface:': nothing behind 'iface:'" },
        { "!set:", "source '!set:': nothing behind 'set:'" },
        { "port:a\tb", "source 'port:a?b': has a control character" },
        { "vm:\x7f", "source 'vm:?': has a control character" },
        { "port:" NAME63 "4",
          "source 'port:" NAME63 "4': more than 63 bytes behind 'port:'" },
        { "id:key", "source 'id:key': not id:KEY=VALUE" },
        { "id:=x", "source 'id:=x': not id:KEY=VALUE" },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct insp_faults faults;
        struct insp_term term;

        insp_faults_init(&faults);
        CU_ASSERT(!insp_term_parse(pairs[i].text, "source", &term, &faults));
        UNIT_STR_EQ(faults.text, pairs[i].expected);
        UNIT_EQ(faults.n, 1);
        CU_ASSERT_PTR_NULL(term.text);
    }
}

/* A long value is quoted in part, and not in the middle of a character. */
static void
test_quote(void)
{
    struct insp_faults faults;
    struct insp_term term;
    char text[400];

    insp_faults_init(&faults);
    memset(text, 'x', sizeof text);
    memcpy(text, "id:", 3);
    text[3 + 254] = '\0';
    text[10] = '=';
    CU_ASSERT(insp_term_parse(text, "source", &term, &faults));
    UNIT_EQ(strlen(term.text), 254);
    insp_term_uninit(&term);
    text[3 + 254] = 'x';
    text[3 + 255] = '\0';
    memcpy(text + 79, "\xc3\xa9", 2);
    CU_ASSERT(!insp_term_parse(text, "source", &term, &faults));
    UNIT_EQ(strstr(faults.text, "': more than 254 bytes behind 'id:'") -
                faults.text,
            strlen("source '") + 79);
}

static void
test_services(void)
{
    static const struct pair pairs[] = {
        { "any", "any" },
        { "arp", "arp" },
        { "nd", "nd" },
        { "tcp", "tcp" },
        { "tcp/0-65535", "tcp" },
        { "tcp/80", "tcp/80" },
        { "tcp/080", "tcp/80" },
        { "tcp/0", "tcp/0" },
        { "udp/5000-5999", "udp/5000-5999" },
        { "udp/7-7", "udp/7" },
        { "sctp/36412", "sctp/36412" },
        { "sctp", "sctp" },
        { "tcp/65535", "tcp/65535" },
        { "icmp", "icmp" },
        { "icmp/8", "icmp/8" },
        { "icmp/0", "icmp/0" },
        { "icmp/3-4", "icmp/3-4" },
        { "icmp6", "icmp6" },
        { "icmp6/128", "icmp6/128" },
        { "icmp6/0-255", "icmp6" },
        { "proto/47", "proto/47" },
        { "proto/0", "proto/0" },
        { "proto/255", "proto/255" },
        { "app:TLS", "app:tls" },
        { "app:unknown", "app:unknown" },
        { "app:BitTorrent-DHT", "app:bittorrent-dht" },
        { "sni:Example.COM", "sni:example.com" },
        { "sni:example.com.", "sni:example.com" },
        { "sni:localhost", "sni:localhost" },
        { "sni:_a-1.b-", "sni:_a-1.b-" },
        { "sni:*.example.com", "sni:*.example.com" },
        { "sni:*.COM.", "sni:*.com" },
        { "sni:*." LABELS16, "sni:*." LABELS16 },
        { "sni:a." LABELS16, "sni:a." LABELS16 },
        { "sni:*." NAME63 "." NAME63 "." NAME63 "." NAME59,
          "sni:*." NAME63 "." NAME63 "." NAME63 "." NAME59 },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct insp_faults faults;
        struct insp_service service;
        char text[300];
        char again[300];

        insp_faults_init(&faults);
        CU_ASSERT(
            insp_service_parse(pairs[i].text, "service", &service, &faults));
        UNIT_STR_EQ(faults.text, "");
        insp_service_print(&service, text, sizeof text);
        UNIT_STR_EQ(text, pairs[i].expected);
        insp_service_uninit(&service);
        CU_ASSERT(insp_service_parse(text, "service", &service, &faults));
        insp_service_print(&service, again, sizeof again);
        UNIT_STR_EQ(again, text);
        insp_service_uninit(&service);
    }
}

static void
test_service_members(void)
{
    struct insp_faults faults;
    struct insp_service s;

    insp_faults_init(&faults);
    CU_ASSERT(insp_service_parse("udp/5000-5999", "service", &s, &faults));
    UNIT_EQ(s.kind, INSP_SERVICE_PORTS);
    UNIT_EQ(s.proto, INSP_PROTO_UDP);
    UNIT_EQ(s.first, 5000);
    UNIT_EQ(s.last, 5999);
    CU_ASSERT(insp_service_parse("icmp6", "service", &s, &faults));
    UNIT_EQ(s.kind, INSP_SERVICE_ICMP);
    UNIT_EQ(s.proto, INSP_PROTO_ICMPV6);
    UNIT_EQ(s.first, 0);
    UNIT_EQ(s.last, 255);
    CU_ASSERT(insp_service_parse("proto/47", "service", &s, &faults));
    UNIT_EQ(s.kind, INSP_SERVICE_PROTO);
    UNIT_EQ(s.proto, 47);
    CU_ASSERT(insp_service_parse("app:Tls", "service", &s, &faults));
    UNIT_EQ(s.kind, INSP_SERVICE_APP);
    UNIT_EQ(s.app, INSP_APP_TLS);
    CU_ASSERT_PTR_NULL(s.text);
    CU_ASSERT(insp_service_parse("sni:*.A.b.", "service", &s, &faults));
    UNIT_EQ(s.kind, INSP_SERVICE_SNI);
    UNIT_EQ(s.app, INSP_APP_NONE);
    UNIT_STR_EQ(s.text, "*.a.b");
    insp_service_uninit(&s);
}

/* Every protocol that there is can be named; of what is none it is said what
 * there is, first what begins like it. */
static void
test_apps(void)
{
    struct insp_faults faults;
    struct insp_service s;
    char text[64];

    insp_faults_init(&faults);
    for (int app = INSP_APP_UNREAD; app < INSP_N_APPS; app++) {
        snprintf(text, sizeof text, "app:%s", insp_app_word(app));
        if (insp_app_is_spoken((enum insp_app) app)) {
            CU_ASSERT(insp_service_parse(text, "service", &s, &faults));
            UNIT_EQ(s.app, app);
        }
    }
    UNIT_STR_EQ(faults.text, "");
    CU_ASSERT(!insp_service_parse("app:listener", "service", &s, &faults));
    insp_faults_init(&faults);
    CU_ASSERT(!insp_service_parse("app:Kerberos", "service", &s, &faults));
    snprintf(text, sizeof text, ", ... (%d in all)",
             INSP_N_APPS - INSP_APP_UNREAD - 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(faults.text, text));
    text[0] = '\0';
    CU_ASSERT(strstr(faults.text,
                     "service 'app:Kerberos': no such protocol: "
                     "there are krb5, kafka, unread, unknown, ") ==
              faults.text);
    UNIT_EQ(faults.n, 1);
}

static void
test_service_faults(void)
{
    static const struct pair pairs[] = {
        { "", "service '': " SERVICE_ELSE },
        { "http", "service 'http': " SERVICE_ELSE },
        { "tcp80", "service 'tcp80': " SERVICE_ELSE },
        { "TCP/80", "service 'TCP/80': " SERVICE_ELSE },
        { "icmp6x", "service 'icmp6x': " SERVICE_ELSE },
        { "proto", "service 'proto': " SERVICE_ELSE },
        { "nd/1", "service 'nd/1': " SERVICE_ELSE },
        { "!tcp/80", "service '!tcp/80': only source and destination take "
                     "exceptions" },
        { "tcp/70000", "service 'tcp/70000': port 70000: not in 0..65535" },
        { "tcp/65536", "service 'tcp/65536': port 65536: not in 0..65535" },
        { "tcp/1-70000",
          "service 'tcp/1-70000': port 70000: not in 0..65535" },
        { "tcp/", "service 'tcp/': port '': not a whole number" },
        { "tcp/x", "service 'tcp/x': port 'x': not a whole number" },
        { "tcp/ 8", "service 'tcp/ 8': port ' 8': not a whole number" },
        { "tcp/8-", "service 'tcp/8-': port '': not a whole number" },
        { "tcp/1-2-3", "service 'tcp/1-2-3': port '2-3': not a whole "
                       "number" },
        { "tcp/90-80", "service 'tcp/90-80': the last port 80 is less than "
                       "the first one 90" },
        { "icmp/256", "service 'icmp/256': type 256: not in 0..255" },
        { "icmp6/x", "service 'icmp6/x': type 'x': not a whole number" },
        { "proto/256", "service 'proto/256': protocol 256: not in 0..255" },
        { "proto/", "service 'proto/': protocol '': not a whole number" },
        { "app:", "service 'app:': not app:PROTOCOL" },
        { "app:a.b", "service 'app:a.b': not app:PROTOCOL" },
        { "app:a\nb", "service 'app:a?b': not app:PROTOCOL" },
        { "app:" NAME63 "4", "service 'app:" NAME63 "4': not app:PROTOCOL" },
        { "sni:", "service 'sni:': not sni:SERVER-NAME" },
        { "sni:*", "service 'sni:*': not sni:SERVER-NAME" },
        { "sni:*.", "service 'sni:*.': not sni:SERVER-NAME" },
        { "sni:a..b", "service 'sni:a..b': not sni:SERVER-NAME" },
        { "sni:a.*.b", "service 'sni:a.*.b': not sni:SERVER-NAME" },
        { "sni:a/b", "service 'sni:a/b': not sni:SERVER-NAME" },
        { "sni:.", "service 'sni:.': not sni:SERVER-NAME" },
        { "sni:.a", "service 'sni:.a': not sni:SERVER-NAME" },
        { "sni:*..", "service 'sni:*..': not sni:SERVER-NAME" },
        { "sni:*..a", "service 'sni:*..a': not sni:SERVER-NAME" },
        { "sni:a..", "service 'sni:a..': not sni:SERVER-NAME" },
        { "sni:-a", "service 'sni:-a': not sni:SERVER-NAME" },
        { "sni:*." NAME63 "." NAME63 "." NAME63 "." NAME59 "2",
          "service 'sni:*." NAME63 ".a234567890': more than 253 bytes behind "
          "'sni:'" },
        { "sni:*.q." LABELS16,
          "service 'sni:*.q." LABELS16 "': more than 16 labels behind '*.'" },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct insp_faults faults;
        struct insp_service service;

        insp_faults_init(&faults);
        CU_ASSERT(
            !insp_service_parse(pairs[i].text, "service", &service, &faults));
        UNIT_STR_EQ(faults.text, pairs[i].expected);
        CU_ASSERT_PTR_NULL(service.text);
    }
}

static void
test_addresses(void)
{
    struct insp_faults faults;
    struct insp_address a;

    insp_faults_init(&faults);
    CU_ASSERT(insp_address_parse("192.0.2.77/24", "addresses", &a, &faults));
    UNIT_EQ(a.prefix_length, 120);
    UNIT_EQ(a.addr[14], 2);
    UNIT_EQ(a.addr[15], 0);
    CU_ASSERT(insp_address_parse("fd00::1", "addresses", &a, &faults));
    UNIT_EQ(a.prefix_length, 128);
    UNIT_EQ(faults.n, 0);
    CU_ASSERT(!insp_address_parse("any", "addresses", &a, &faults));
    CU_ASSERT(!insp_address_parse("!10.0.0.1", "addresses", &a, &faults));
    CU_ASSERT(!insp_address_parse("10.0.0.1/40", "addresses", &a, &faults));
    UNIT_STR_EQ(faults.text,
                "addresses 'any': " PREFIX_ELSE
                "; addresses '!10.0.0.1': " PREFIX_ELSE
                "; addresses '10.0.0.1/40': prefix length 40: not in 0..32");
}

static void
test_check(void)
{
    /* By slot and action: allow, drop, reset, redirect, alert. */
    static const char takes[INSP_N_SLOTS][6] = {
        "-----", "----x", "xxx-x", "----x", "x--xx", "x--xx",
        "x--xx", "x--xx", "x--xx", "x--xx", "x--xx", "x--xx",
    };
    static const struct {
        uint8_t slot;
        uint8_t action;
        const char *text;
    } faults_of[] = {
        { 5, INSP_ACTION_DROP,
          "slot 5 takes allow, redirect and alert, not "
          "drop: only slot 2 drops" },
        { 1, INSP_ACTION_RESET,
          "slot 1 takes alert, not reset: only slot 2 "
          "resets" },
        { 3, INSP_ACTION_ALLOW,
          "slot 3 takes alert, not allow: only slots 2 "
          "and 4 to 11 allow" },
        { 2, INSP_ACTION_REDIRECT,
          "slot 2 takes allow, drop, reset and "
          "alert, not redirect: only slots 4 to 11 "
          "redirect" },
        { 0, INSP_ACTION_ALERT, "slot 0 takes no rule: it only counts" },
        { 12, INSP_ACTION_ALERT, "slot 12: not in 1..11" },
    };
    struct insp_rule rule = { .slot = 0 };
    struct insp_faults faults;

    for (uint8_t slot = 0; slot < INSP_N_SLOTS; slot++) {
        for (uint8_t action = 0; action < 5; action++) {
            rule.slot = slot;
            rule.action = action;
            insp_faults_init(&faults);
            UNIT_EQ(insp_rule_check(&rule, &faults),
                    takes[slot][action] == 'x');
            UNIT_EQ(faults.n, takes[slot][action] != 'x');
        }
    }
    for (size_t i = 0; i < sizeof faults_of / sizeof *faults_of; i++) {
        rule.slot = faults_of[i].slot;
        rule.action = faults_of[i].action;
        insp_faults_init(&faults);
        CU_ASSERT(!insp_rule_check(&rule, &faults));
        UNIT_STR_EQ(faults.text, faults_of[i].text);
    }
}

static void
test_clone(void)
{
    struct insp_rule rule = { .name = "a", .number = 3, .priority = -1 };
    struct insp_rule copy;
    struct insp_faults faults;
    char text[64];

    insp_faults_init(&faults);
    rule.n_sources = 2;
    rule.sources = calloc(2, sizeof *rule.sources);
    rule.n_services = 1;
    rule.services = calloc(1, sizeof *rule.services);
    CU_ASSERT(insp_term_parse("set:x", "source", &rule.sources[0], &faults));
    CU_ASSERT(
        insp_term_parse("!10.0.0.1", "source", &rule.sources[1], &faults));
    CU_ASSERT(
        insp_service_parse("sni:a.b", "service", &rule.services[0], &faults));
    CU_ASSERT(insp_rule_clone(&copy, &rule));
    insp_rule_uninit(&rule);
    UNIT_EQ(rule.n_sources, 0);
    UNIT_STR_EQ(copy.name, "a");
    UNIT_EQ(copy.number, 3);
    UNIT_EQ(copy.n_sources, 2);
    UNIT_EQ(copy.n_destinations, 0);
    CU_ASSERT_PTR_NULL(copy.destinations);
    insp_term_print(&copy.sources[0], text, sizeof text);
    UNIT_STR_EQ(text, "set:x");
    insp_term_print(&copy.sources[1], text, sizeof text);
    UNIT_STR_EQ(text, "!10.0.0.1");
    insp_service_print(&copy.services[0], text, sizeof text);
    UNIT_STR_EQ(text, "sni:a.b");
    insp_rule_uninit(&copy);
    insp_rule_uninit(&copy);
}

static void
test_words(void)
{
    UNIT_STR_EQ(insp_direction_word(INSP_DIRECTION_BOTH), "both");
    UNIT_STR_EQ(insp_direction_word(INSP_DIRECTION_FROM_VM), "from-vm");
    UNIT_STR_EQ(insp_direction_word(INSP_DIRECTION_TO_VM), "to-vm");
    UNIT_STR_EQ(insp_direction_word(9), "?");
    UNIT_STR_EQ(insp_action_word(INSP_ACTION_ALLOW), "allow");
    UNIT_STR_EQ(insp_action_word(INSP_ACTION_DROP), "drop");
    UNIT_STR_EQ(insp_action_word(INSP_ACTION_RESET), "reset");
    UNIT_STR_EQ(insp_action_word(INSP_ACTION_REDIRECT), "redirect");
    UNIT_STR_EQ(insp_action_word(INSP_ACTION_ALERT), "alert");
    UNIT_STR_EQ(insp_action_word(9), "?");
}

UNIT_MAIN("rule", UNIT_TEST(test_terms), UNIT_TEST(test_term_members),
          UNIT_TEST(test_term_faults), UNIT_TEST(test_quote),
          UNIT_TEST(test_services), UNIT_TEST(test_service_members),
          UNIT_TEST(test_apps), UNIT_TEST(test_service_faults),
          UNIT_TEST(test_addresses), UNIT_TEST(test_check),
          UNIT_TEST(test_clone), UNIT_TEST(test_words))
