/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     type, number (3 bytes) | options: number, size (2 bytes each), value
 *
 * RFC 8415, sections 8 and 21.  Relays wrap a message into an option of their
 * own, some of them several times (section 9).  Identity associations are
 * options with options inside.
 *
 * There is no magic: it is told by options that fill the datagram to its end,
 * and by a DUID of a known type among them, or the port.
 *
 * Questions go to everybody and answers to one: they are not one connection,
 * so each message is a record alone.
 */

#include "app/event.h"
#include "app/text.h"

#define OPTIONS_MAX 64
#define ADDRS_MAX   8
#define RELAYS_MAX  8 /* Section 7.6 has 8 hops. */
#define TYPE_MAX    36
#define DUID_MAX    130 /* Section 11.1. */
#define TEXT_MAX    255

enum {
    TYPE_RELAY_FORWARD = 12,
    TYPE_RELAY_REPLY = 13,

    OPTION_CLIENT = 1,
    OPTION_SERVER = 2,
    OPTION_IA_NA = 3,
    OPTION_IA_TA = 4,
    OPTION_ADDR = 5,
    OPTION_RELAYED = 9,
    OPTION_STATUS = 13,
    OPTION_VENDOR_CLASS = 16,
    OPTION_DNS = 23,
    OPTION_IA_PD = 25,
    OPTION_PREFIX = 26,
    OPTION_FQDN = 39,
};

struct option {
    uint16_t number;
    struct insp_cursor value;
};

static bool
next_option(struct insp_cursor *c, struct option *option)
{
    option->number = insp_cursor_be16(c);
    option->value = insp_cursor_sub(c, insp_cursor_be16(c));
    return !c->failed;
}

static bool
is_relay(uint8_t type)
{
    return type == TYPE_RELAY_FORWARD || type == TYPE_RELAY_REPLY;
}

/* Section 11: by time, by enterprise, by hardware, UUID. */
static bool
is_duid(struct insp_cursor c)
{
    size_t size = insp_cursor_left(&c);
    uint16_t type = insp_cursor_be16(&c);

    return size > 4 && size <= DUID_MAX && type >= 1 && type <= 4;
}

static bool
has_port(const struct insp_reading *r)
{
    return r->port[0] == 546 || r->port[0] == 547 || r->port[1] == 546 ||
           r->port[1] == 547;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint8_t type = insp_cursor_u8(&c);
    bool known = has_port(r);
    struct option option;

    if (r->proto != 17 || !type || type > TYPE_MAX) {
        return INSP_GUESS_NO;
    }
    insp_cursor_skip(&c, is_relay(type) ? 33 : 3);
    if (insp_cursor_left(&c) < 4) {
        return INSP_GUESS_NO;
    }
    for (int i = 0; i < OPTIONS_MAX && insp_cursor_left(&c); i++) {
        if (!next_option(&c, &option) || !option.number ||
            option.number > 255) {
            return INSP_GUESS_NO;
        }
        known |= (option.number == OPTION_CLIENT ||
                  option.number == OPTION_SERVER) &&
                 is_duid(option.value);
    }
    return known && !c.failed && !insp_cursor_left(&c) ? INSP_GUESS_YES
                                                       : INSP_GUESS_NO;
}

/* IANA's registry of message types. */
static const char *
type_word(uint8_t type)
{
    static const char *const words[] = {
        "unknown",
        "solicit",
        "advertise",
        "request",
        "confirm",
        "renew",
        "rebind",
        "reply",
        "release",
        "decline",
        "reconfigure",
        "information_request",
        "relay_forward",
        "relay_reply",
        "lease_query",
        "lease_query_reply",
        "lease_query_done",
        "lease_query_data",
        "reconfigure_request",
        "reconfigure_reply",
        "dhcpv4_query",
        "dhcpv4_response",
    };

    return words[type < INSP_ARRAY_SIZE(words) ? type : 0];
}

static const char *
status_word(uint16_t status)
{
    static const char *const words[] = {
        "success",     "unspec_fail",   "no_addrs_avail",  "no_binding",
        "not_on_link", "use_multicast", "no_prefix_avail",
    };

    return status < INSP_ARRAY_SIZE(words) ? words[status] : "other";
}

static void
put_duid(struct insp_event *e, enum insp_app_field field,
         struct insp_cursor *c)
{
    uint16_t type, hardware;

    if (insp_event_has(e, field)) {
        return;
    }
    insp_event_bytes(e, field, c->at, INSP_MIN(insp_cursor_left(c), DUID_MAX));
    type = insp_cursor_be16(c);
    hardware = insp_cursor_be16(c);
    if (type == 1) {
        insp_cursor_skip(c, 4);
    }
    if (field == INSP_FIELD_DHCPV6_CLIENT_DUID && !c->failed &&
        (type == 1 || type == 3) && hardware == 1 &&
        insp_cursor_left(c) == 6) {
        insp_event_bytes(e, INSP_FIELD_DHCPV6_CLIENT_MAC, c->at, 6);
    }
}

/* RFC 4704, section 4: flags, a name in the form of DNS, perhaps without its
 * end. */
static void
put_fqdn(struct insp_event *e, struct insp_cursor *c)
{
    uint8_t text[TEXT_MAX];
    struct insp_put p = insp_put(text, sizeof text);

    insp_cursor_skip(c, 1);
    insp_text_labels(&p, c);
    if (insp_put_size(&p) && !insp_event_has(e, INSP_FIELD_DHCPV6_FQDN)) {
        insp_event_bytes(e, INSP_FIELD_DHCPV6_FQDN, text, insp_put_size(&p));
    }
}

/* Section 21.16: an enterprise, then texts with their size in front. */
static void
put_vendor_class(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor text;

    insp_cursor_skip(c, 4);
    text = insp_cursor_sub(c, insp_cursor_be16(c));
    if (!text.failed && !insp_event_has(e, INSP_FIELD_DHCPV6_VENDOR_CLASS)) {
        insp_event_bytes(e, INSP_FIELD_DHCPV6_VENDOR_CLASS, text.at,
                         INSP_MIN(insp_cursor_left(&text), TEXT_MAX));
    }
}

static void
put_status(struct insp_event *e, struct insp_cursor *c)
{
    uint16_t status = insp_cursor_be16(c);

    if (status && !insp_event_has(e, INSP_FIELD_DHCPV6_STATUS)) {
        insp_event_text(e, INSP_FIELD_DHCPV6_STATUS, status_word(status));
    }
}

static void
put_ips(struct insp_event *e, enum insp_app_field field, struct insp_cursor *c)
{
    for (int i = 0; i < ADDRS_MAX && insp_cursor_left(c) >= 16; i++) {
        insp_event_bytes(e, field, insp_cursor_take(c, 16), 16);
    }
}

static void
put_lifetimes(struct insp_event *e, struct insp_cursor *c)
{
    uint32_t preferred = insp_cursor_be32(c), valid = insp_cursor_be32(c);

    if (!c->failed && !insp_event_has(e, INSP_FIELD_DHCPV6_VALID)) {
        insp_event_uint(e, INSP_FIELD_DHCPV6_PREFERRED, preferred);
        insp_event_uint(e, INSP_FIELD_DHCPV6_VALID, valid);
    }
}

/* Section 21.6. */
static void
put_addr(struct insp_event *e, struct insp_cursor *c)
{
    const uint8_t *ip = insp_cursor_take(c, 16);

    if (ip) {
        insp_event_bytes(e, INSP_FIELD_DHCPV6_ADDRESSES, ip, 16);
        put_lifetimes(e, c);
    }
}

/* Section 21.22. */
static void
put_prefix(struct insp_event *e, struct insp_cursor *c)
{
    struct insp_cursor times = insp_cursor_sub(c, 8);
    uint8_t size = insp_cursor_u8(c);
    const uint8_t *ip = insp_cursor_take(c, 16);
    char text[48];
    struct insp_put p = insp_put(text, sizeof text);

    if (ip) {
        insp_text_ip6(&p, ip);
        insp_put_u8(&p, '/');
        insp_text_uint(&p, size);
        insp_event_bytes(e, INSP_FIELD_DHCPV6_PREFIXES, text,
                         insp_put_size(&p));
        put_lifetimes(e, &times);
    }
}

/* Sections 21.4, 21.5, 21.21: a number, of some two times, options. */
static void
read_association(struct insp_event *e, struct insp_cursor *c, size_t head)
{
    struct option option;

    insp_cursor_skip(c, head);
    for (int i = 0; i < ADDRS_MAX && insp_cursor_left(c); i++) {
        if (!next_option(c, &option)) {
            break;
        }
        switch (option.number) {
        case OPTION_ADDR: put_addr(e, &option.value); break;
        case OPTION_PREFIX: put_prefix(e, &option.value); break;
        case OPTION_STATUS: put_status(e, &option.value); break;
        default: break;
        }
    }
}

static void
read_option(struct insp_event *e, struct option *option)
{
    struct insp_cursor *c = &option->value;

    switch (option->number) {
    case OPTION_CLIENT: put_duid(e, INSP_FIELD_DHCPV6_CLIENT_DUID, c); break;
    case OPTION_SERVER: put_duid(e, INSP_FIELD_DHCPV6_SERVER_DUID, c); break;
    case OPTION_IA_NA:
    case OPTION_IA_PD: read_association(e, c, 12); break;
    case OPTION_IA_TA: read_association(e, c, 4); break;
    case OPTION_STATUS: put_status(e, c); break;
    case OPTION_VENDOR_CLASS: put_vendor_class(e, c); break;
    case OPTION_DNS: put_ips(e, INSP_FIELD_DHCPV6_DNS_SERVERS, c); break;
    case OPTION_FQDN: put_fqdn(e, c); break;
    default: break;
    }
}

/* What the innermost relay says, and what it relays; false: nothing. */
static bool
unwrap(struct insp_cursor *c, const uint8_t **link, const uint8_t **peer)
{
    struct option option;

    insp_cursor_skip(c, 2); /* Type, hops. */
    *link = insp_cursor_take(c, 16);
    *peer = insp_cursor_take(c, 16);
    for (int i = 0; i < OPTIONS_MAX && insp_cursor_left(c); i++) {
        if (!next_option(c, &option)) {
            return false;
        }
        if (option.number == OPTION_RELAYED) {
            *c = option.value;
            return insp_cursor_left(c) > 0;
        }
    }
    return false;
}

static size_t
read_datagram(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    const uint8_t *link = NULL, *peer = NULL;
    struct option option;
    struct insp_event *e;
    uint8_t type;

    for (int i = 0; i < RELAYS_MAX; i++) {
        if (!insp_cursor_left(&c) || !is_relay(c.at[0])) {
            break;
        }
        if (!unwrap(&c, &link, &peer)) {
            return r->size;
        }
    }
    type = insp_cursor_u8(&c);
    if (!type || type > TYPE_MAX || is_relay(type)) {
        return r->size;
    }
    e = insp_event_begin(r, INSP_APP_DHCPV6, 0);
    insp_event_text(e, INSP_FIELD_DHCPV6_TYPE, type_word(type));
    insp_event_uint(e, INSP_FIELD_DHCPV6_ID,
                    (uint32_t) insp_cursor_u8(&c) << 16 |
                        insp_cursor_be16(&c));
    if (link && peer) {
        insp_event_bytes(e, INSP_FIELD_DHCPV6_LINK, link, 16);
        insp_event_bytes(e, INSP_FIELD_DHCPV6_PEER, peer, 16);
    }
    for (int i = 0; i < OPTIONS_MAX && insp_cursor_left(&c); i++) {
        if (!next_option(&c, &option)) {
            break;
        }
        read_option(e, &option);
    }
    insp_event_end(r, e);
    return r->size;
}

const struct insp_reader insp_reader_dhcpv6 = {
    .detect = detect,
    .read = read_datagram,
};
