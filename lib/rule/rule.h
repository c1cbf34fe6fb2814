/* SPDX-License-Identifier: Apache-2.0 */
/* Rule
 * ====
 *
 * A rule in source form: what an operator wrote in one row of Inspect_Rule,
 * parsed and checked.  policy.h freezes many of them into the form that
 * judges packets.
 *
 *     source, destination    any  10.0.0.0/8  2001:db8::/32  02:00:00:00:00:01
 *                            iface:ID  vm:UUID  port:NAME  set:NAME
 *                            id:KEY=VALUE, each with an optional leading "!"
 *     service                any  tcp/80  udp/5000-5999  sctp/36412  icmp
 *                            icmp/8  icmp6  icmp6/128  proto/47  arp  nd
 *                            app:tls  sni:*.example.com
 *
 * Terms of one column are alternatives.  Those with "!" are exceptions: they
 * take away from what the others match, or from everything when there are no
 * others.  No term at all is the same as any.
 *
 * What a packet's service is: the protocol and the *destination* port of that
 * packet, whoever began the connection.  So "from-vm ... tcp/80" is what the
 * VM sends to web servers, and not what a web server in it answers.
 * What a connection speaks (app:) and which server it asks for (sni:) is said
 * of its packets both ways, from the one on in which it becomes known; before,
 * such a service is that of none.
 *
 * Above:    rule/policy.h, config/, ovs-ext/rows.c.
 * Below:    base/faults.h.
 * Threads:  plain values, no state.
 * Memory:   terms are malloc'ed and owned by the rule.
 * Time:     none.
 * Fails:    parsers add a fault in the operator's own words and return false;
 *           they cope with any text.  ENOMEM is such a fault, too.
 */

#ifndef INSP_RULE_RULE_H
#define INSP_RULE_RULE_H 1

#include "base/faults.h"
#include "flow/port.h"

#define INSP_N_SLOTS            12
#define INSP_SLOT_REPUTATION    1
#define INSP_SLOT_FIREWALL      2
#define INSP_SLOT_SIGNATURES    3
#define INSP_FIRST_SERVICE_SLOT 4 /* 4 to 11 take service functions. */
#define INSP_N_SERVICE_SLOTS    (INSP_N_SLOTS - INSP_FIRST_SERVICE_SLOT)

/* A rule's number is its name where there is no room for a name: unique
 * while the row exists, and not soon used again. */
#define INSP_RULE_NUMBER_BITS 20
#define INSP_RULE_NUMBER_MAX  ((1u << INSP_RULE_NUMBER_BITS) - 1)

enum insp_direction {
    INSP_DIRECTION_BOTH,
    INSP_DIRECTION_FROM_VM,
    INSP_DIRECTION_TO_VM,
};

enum insp_action {
    INSP_ACTION_ALLOW,
    INSP_ACTION_DROP,
    INSP_ACTION_RESET,
    INSP_ACTION_REDIRECT,
    INSP_ACTION_ALERT,
};

enum insp_term_kind {
    INSP_TERM_ANY,
    INSP_TERM_PREFIX, /* addr, prefix_length. */
    INSP_TERM_MAC,    /* mac. */
    INSP_TERM_IFACE,  /* text: external_ids:iface-id. */
    INSP_TERM_VM,     /* text: vm-uuid or vm-id. */
    INSP_TERM_PORT,   /* text: Interface.name. */
    INSP_TERM_SET,    /* text: Inspect_Address_Set.name. */
    INSP_TERM_ID,     /* text: "KEY=VALUE" of external_ids. */
};

struct insp_term {
    uint8_t kind; /* enum insp_term_kind. */
    bool negated;
    uint8_t prefix_length; /* Of 128: 96 more for IPv4. */
    uint8_t mac[6];
    uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d; host bits zero. */
    char *text;       /* Owned; NULL for other kinds. */
};

enum insp_service_kind {
    INSP_SERVICE_ANY,   /* Any IP. */
    INSP_SERVICE_PORTS, /* TCP, UDP, SCTP: proto, first to last. */
    INSP_SERVICE_ICMP,  /* ICMP or ICMPv6 by proto: types first to
                         * last (0 to 255: all).  Neighbour discovery
                         * is not in it. */
    INSP_SERVICE_PROTO, /* Any packet of 'proto' (but ND). */
    INSP_SERVICE_ARP,
    INSP_SERVICE_ND,  /* ICMPv6 types 133 to 137, RFC 4861. */
    INSP_SERVICE_APP, /* app: protocol that a reader found. */
    INSP_SERVICE_SNI, /* text: server name in lower case, without a
                       * final dot.  With "*." in front all names
                       * below it, and not itself. */
};

/* What may stand behind a "*." at most. */
#define INSP_SNI_LABELS 16

struct insp_service {
    uint8_t kind; /* enum insp_service_kind. */
    uint8_t proto;
    uint8_t app;    /* enum insp_app (app/app.h). */
    uint16_t first; /* Ports, or ICMP types. */
    uint16_t last;
    char *text; /* Owned; NULL for other kinds. */
};

struct insp_rule {
    char name[INSP_NAME_SIZE];
    uint32_t number;   /* 1 to INSP_RULE_NUMBER_MAX. */
    int32_t priority;  /* The higher one first... */
    uint8_t slot;      /* ... within a slot; ties by name. */
    uint8_t direction; /* enum insp_direction. */
    uint8_t action;    /* enum insp_action. */
    bool symmetric;    /* The reverse packets, too: source and
                        * destination, from-vm and to-vm exchanged,
                        * service by the source port. */
    bool log;          /* Leaves an alert record as well. */
    struct insp_term *sources;
    size_t n_sources;
    struct insp_term *destinations;
    size_t n_destinations;
    struct insp_service *services;
    size_t n_services;
};

/* Inspect_Address_Set: prefixes and single addresses. */
struct insp_address {
    uint8_t addr[16]; /* As in struct insp_term. */
    uint8_t prefix_length;
};

struct insp_address_set {
    char name[INSP_NAME_SIZE];
    struct insp_address *addresses;
    size_t n;
};

/* Of one value of a column; 'column' begins the text of a fault:
 * "source '10.0.0.0/33': prefix length 33: not in 0..32". */
bool insp_term_parse(const char *text, const char *column, struct insp_term *,
                     struct insp_faults *) INSP_MUST_USE;
bool insp_service_parse(const char *text, const char *column,
                        struct insp_service *,
                        struct insp_faults *) INSP_MUST_USE;
bool insp_address_parse(const char *text, const char *column,
                        struct insp_address *,
                        struct insp_faults *) INSP_MUST_USE;

/* Whether the slot takes the action (the table in Documentation/rules.md);
 * adds a fault that says which slots do. */
bool insp_rule_check(const struct insp_rule *,
                     struct insp_faults *) INSP_MUST_USE;

/* Text that parses to the same, as much as fits; returns what snprintf()
 * would. */
int insp_term_print(const struct insp_term *, char *text, size_t size);
int insp_service_print(const struct insp_service *, char *text, size_t size);

const char *insp_direction_word(enum insp_direction);
const char *insp_action_word(enum insp_action);

/* A copy that shares nothing; false when memory is out, and then 'to' is
 * empty. */
bool insp_rule_clone(struct insp_rule *to,
                     const struct insp_rule *from) INSP_MUST_USE;

void insp_term_uninit(struct insp_term *);
void insp_service_uninit(struct insp_service *);
void insp_rule_uninit(struct insp_rule *); /* Frees its terms. */
void insp_address_set_uninit(struct insp_address_set *);

#endif /* rule/rule.h */
