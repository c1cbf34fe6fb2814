/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     head (236 bytes) | 63 82 53 63 | options: number, size, value
 *
 * RFC 2131, section 2, and RFC 2132.  The four bytes are the magic that tells
 * it from all else; BOOTP without them is not read.
 *
 * Questions and answers go between other addresses each, often to everybody:
 * they are not one connection, so each message is a record alone.
 */

#include "app/event.h"
#include "app/text.h"

#define HEAD_SIZE   236
#define MAGIC       0x63825363
#define OPTIONS_MAX 128
#define ADDRS_MAX   8
#define TEXT_MAX    255

enum {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTERS = 3,
    OPTION_DNS = 6,
    OPTION_HOSTNAME = 12,
    OPTION_DOMAIN = 15,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMS = 55,
    OPTION_MESSAGE = 56,
    OPTION_RENEWAL = 58,
    OPTION_REBINDING = 59,
    OPTION_VENDOR = 60,
    OPTION_CLIENT_ID = 61,
    OPTION_FQDN = 81,
    OPTION_END = 255,
};

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    uint8_t op = insp_cursor_u8(&c);
    uint8_t hops;

    insp_cursor_skip(&c, 1);
    if (r->proto != 17 || (op != 1 && op != 2) || insp_cursor_u8(&c) > 16) {
        return INSP_GUESS_NO;
    }
    hops = insp_cursor_u8(&c);
    insp_cursor_skip(&c, HEAD_SIZE - 4);
    return insp_cursor_be32(&c) == MAGIC && hops <= 16 ? INSP_GUESS_YES
                                                       : INSP_GUESS_NO;
}

/* An address of the head; 0.0.0.0 is none. */
static void
put_head_ip(struct insp_event *e, enum insp_app_field field,
            struct insp_cursor *c)
{
    const uint8_t *ip = insp_cursor_take(c, 4);

    if (ip && insp_be32(ip)) {
        insp_event_bytes(e, field, ip, 4);
    }
}

static void
put_ip(struct insp_event *e, enum insp_app_field field, struct insp_cursor *c)
{
    const uint8_t *ip = insp_cursor_take(c, 4);

    if (ip && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, ip, 4);
    }
}

static void
put_ips(struct insp_event *e, enum insp_app_field field, struct insp_cursor *c)
{
    if (insp_event_has(e, field)) {
        return;
    }
    for (int i = 0; i < ADDRS_MAX && insp_cursor_left(c) >= 4; i++) {
        insp_event_bytes(e, field, insp_cursor_take(c, 4), 4);
    }
}

static void
put_seconds(struct insp_event *e, enum insp_app_field field,
            struct insp_cursor *c)
{
    uint32_t seconds = insp_cursor_be32(c);

    if (!c->failed) {
        insp_event_uint(e, field, seconds);
    }
}

/* Some add a zero at the end. */
static void
put_bytes(struct insp_event *e, enum insp_app_field field,
          struct insp_cursor *c)
{
    size_t size = INSP_MIN(insp_cursor_left(c), TEXT_MAX);

    if (insp_app_fields[field].kind == INSP_VALUE_TEXT) {
        while (size && !c->at[size - 1]) {
            size--;
        }
    }
    if (size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, c->at, size);
    }
}

/* RFC 4702, section 2: flags, two old results, a name, which is in the form of
 * DNS when a flag says so. */
static void
put_fqdn(struct insp_event *e, struct insp_cursor *c)
{
    uint8_t flags = insp_cursor_u8(c), text[TEXT_MAX];
    struct insp_put p = insp_put(text, sizeof text);

    insp_cursor_skip(c, 2);
    if (!(flags & 4)) {
        put_bytes(e, INSP_FIELD_DHCP_FQDN, c);
        return;
    }
    insp_text_labels(&p, c);
    if (insp_put_size(&p) && !insp_event_has(e, INSP_FIELD_DHCP_FQDN)) {
        insp_event_bytes(e, INSP_FIELD_DHCP_FQDN, text, insp_put_size(&p));
    }
}

/* RFC 2132, section 9.6; RFC 3203; RFC 4388; RFC 6926; RFC 7724. */
static void
put_type(struct insp_event *e, struct insp_cursor *c)
{
    static const char *const words[] = {
        "unknown",
        "discover",
        "offer",
        "request",
        "decline",
        "ack",
        "nak",
        "release",
        "inform",
        "force_renew",
        "lease_query",
        "lease_unassigned",
        "lease_unknown",
        "lease_active",
        "bulk_lease_query",
        "lease_query_done",
        "active_lease_query",
        "lease_query_status",
        "tls",
    };
    uint8_t type = insp_cursor_u8(c);

    if (!insp_event_has(e, INSP_FIELD_DHCP_DHCP_TYPE)) {
        insp_event_text(e, INSP_FIELD_DHCP_DHCP_TYPE,
                        words[type < INSP_ARRAY_SIZE(words) ? type : 0]);
    }
}

/* Where else options stand: 1 in the file's name, 2 in the server's. */
static unsigned int
read_option(struct insp_event *e, uint8_t number, struct insp_cursor *c)
{
    switch (number) {
    case OPTION_MASK: put_ip(e, INSP_FIELD_DHCP_SUBNET_MASK, c); break;
    case OPTION_ROUTERS: put_ips(e, INSP_FIELD_DHCP_ROUTERS, c); break;
    case OPTION_DNS: put_ips(e, INSP_FIELD_DHCP_DNS_SERVERS, c); break;
    case OPTION_HOSTNAME: put_bytes(e, INSP_FIELD_DHCP_HOSTNAME, c); break;
    case OPTION_DOMAIN: put_bytes(e, INSP_FIELD_DHCP_DOMAIN, c); break;
    case OPTION_REQUESTED: put_ip(e, INSP_FIELD_DHCP_REQUESTED_IP, c); break;
    case OPTION_LEASE: put_seconds(e, INSP_FIELD_DHCP_LEASE_TIME, c); break;
    case OPTION_OVERLOAD: return insp_cursor_u8(c) & 3;
    case OPTION_TYPE: put_type(e, c); break;
    case OPTION_SERVER: put_ip(e, INSP_FIELD_DHCP_SERVER_ID, c); break;
    case OPTION_PARAMS: put_bytes(e, INSP_FIELD_DHCP_PARAMS, c); break;
    case OPTION_MESSAGE: put_bytes(e, INSP_FIELD_DHCP_MESSAGE, c); break;
    case OPTION_RENEWAL:
        put_seconds(e, INSP_FIELD_DHCP_RENEWAL_TIME, c);
        break;
    case OPTION_REBINDING:
        put_seconds(e, INSP_FIELD_DHCP_REBINDING_TIME, c);
        break;
    case OPTION_VENDOR: put_bytes(e, INSP_FIELD_DHCP_VENDOR_CLASS, c); break;
    case OPTION_CLIENT_ID: put_bytes(e, INSP_FIELD_DHCP_CLIENT_ID, c); break;
    case OPTION_FQDN: put_fqdn(e, c); break;
    default: break;
    }
    return 0;
}

static unsigned int
read_options(struct insp_event *e, struct insp_cursor *c)
{
    unsigned int elsewhere = 0;

    for (int i = 0; i < OPTIONS_MAX && insp_cursor_left(c); i++) {
        uint8_t number = insp_cursor_u8(c);
        struct insp_cursor value;

        if (number == OPTION_PAD) {
            continue;
        }
        if (number == OPTION_END) {
            break;
        }
        value = insp_cursor_sub(c, insp_cursor_u8(c));
        if (c->failed) {
            break;
        }
        elsewhere |= read_option(e, number, &value);
    }
    return elsewhere;
}

static void
read_head(struct insp_event *e, struct insp_cursor *c)
{
    uint8_t op = insp_cursor_u8(c), hardware = insp_cursor_u8(c);
    uint8_t size = insp_cursor_u8(c);
    const uint8_t *mac;

    insp_cursor_skip(c, 1);
    insp_event_text(e, INSP_FIELD_DHCP_TYPE, op == 1 ? "request" : "reply");
    insp_event_uint(e, INSP_FIELD_DHCP_ID, insp_cursor_be32(c));
    insp_cursor_skip(c, 4);
    put_head_ip(e, INSP_FIELD_DHCP_CLIENT_IP, c);
    put_head_ip(e, INSP_FIELD_DHCP_ASSIGNED_IP, c);
    put_head_ip(e, INSP_FIELD_DHCP_NEXT_SERVER_IP, c);
    put_head_ip(e, INSP_FIELD_DHCP_RELAY_IP, c);
    mac = insp_cursor_take(c, 16);
    if (mac && hardware == 1 && size == 6) {
        insp_event_bytes(e, INSP_FIELD_DHCP_CLIENT_MAC, mac, 6);
    }
}

static size_t
read_datagram(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct insp_cursor server, file;
    struct insp_event *e;
    unsigned int elsewhere;

    if (detect(r) != INSP_GUESS_YES) {
        return r->size;
    }
    e = insp_event_begin(r, INSP_APP_DHCP, 0);
    read_head(e, &c);
    server = insp_cursor_sub(&c, 64);
    file = insp_cursor_sub(&c, 128);
    insp_cursor_skip(&c, 4);
    elsewhere = read_options(e, &c);
    if (elsewhere & 1) {
        (void) read_options(e, &file);
    }
    if (elsewhere & 2) {
        (void) read_options(e, &server);
    }
    insp_event_end(r, e);
    return r->size;
}

const struct insp_reader insp_reader_dhcp = {
    .detect = detect,
    .read = read_datagram,
};
