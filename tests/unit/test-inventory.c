/* SPDX-License-Identifier: Apache-2.0 */
/* Services that were seen to answer, and names that DHCP gives to addresses.
 * Mutations that make it fail: take a refused connection for an answered one;
 * let one port's services push out another's; tell every change at once;
 * believe an acknowledgement of another question; keep a lease for ever. */

#include <stdlib.h>

#include "engine/inventory.h"
#include "engine/leases.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

static const struct insp_hash_key secret = { { 1, 2, 3, 4 } };

static struct insp_record_connection
connection(uint32_t port_id, uint16_t l4_port, uint64_t end_s)
{
    struct insp_record_connection c = {
        .ip_version = 4,
        .proto = INSP_PROTO_TCP,
        .state = INSP_CONN_ANSWERED | INSP_CONN_ESTABLISHED,
        .end_reason = INSP_END_IDLE,
        .start_ns = (end_s - 1) * SECOND,
        .end_ns = end_s * SECOND,
        .l4_port = { 40000, l4_port },
        .port_id = { 99, port_id },
    };

    memset(c.addr[1] + 10, 0xff, 2);
    c.addr[1][12] = 10;
    c.addr[1][15] = (uint8_t) port_id;
    return c;
}

/* An event's values, put one behind the other. */
struct found {
    uint8_t bytes[1024];
    struct insp_event_report event;
};

static void
begin(struct found *f, enum insp_app app)
{
    memset(f, 0, sizeof *f);
    f->event.app = (uint8_t) app;
    f->event.values = f->bytes;
}

static void
add(struct found *f, enum insp_app_field field, const void *bytes, size_t size,
    uint64_t number)
{
    struct insp_value v = {
        .field = field, .bytes = bytes, .size = size, .number = number
    };

    f->event.size += insp_value_put(f->bytes + f->event.size,
                                    sizeof f->bytes - f->event.size, &v);
}

static void
add_text(struct found *f, enum insp_app_field field, const char *text)
{
    add(f, field, text, strlen(text), 0);
}

/* "why=new software=x versions=a weaknesses=b severity=high"; consumes. */
static const char *
told(struct insp_values *values)
{
    static char text[512];
    const uint8_t *at;
    struct insp_value v;
    size_t n = 0;

    text[0] = '\0';
    if (!values) {
        return text;
    }
    at = values->bytes;
    while (insp_value_next(&at, values->bytes + values->size, &v)) {
        const struct insp_app_field_info *info = &insp_app_fields[v.field];

        UNIT_EQ(info->app, INSP_APP_LISTENER);
        if (info->kind == INSP_VALUE_TEXT || info->kind == INSP_VALUE_LIST) {
            n += (size_t) snprintf(text + n, sizeof text - n, "%s%s=%.*s",
                                   n ? " " : "", info->key, (int) v.size,
                                   (const char *) v.bytes);
        } else if (info->kind == INSP_VALUE_UINT) {
            n += (size_t) snprintf(text + n, sizeof text - n, " %s=%d",
                                   info->key, (int) v.number);
        }
    }
    insp_values_unref(values);
    return text;
}

static void
test_who_listens(void)
{
    struct insp_record_connection c = connection(1, 80, 10);

    CU_ASSERT(insp_inventory_is_service(&c));
    c.state = INSP_CONN_ANSWERED | INSP_CONN_CLOSED; /* Refused. */
    CU_ASSERT(!insp_inventory_is_service(&c));
    c.state = INSP_CONN_ANSWERED | INSP_CONN_ESTABLISHED | INSP_CONN_MIDSTREAM;
    CU_ASSERT(!insp_inventory_is_service(&c));
    c.proto = INSP_PROTO_UDP;
    c.state = INSP_CONN_ANSWERED;
    CU_ASSERT(insp_inventory_is_service(&c));
    c.state = 0;
    CU_ASSERT(!insp_inventory_is_service(&c));
    c.state = INSP_CONN_ANSWERED; /* The answer was seen first. */
    c.l4_port[0] = 53;
    c.l4_port[1] = 40000;
    CU_ASSERT(!insp_inventory_is_service(&c));
    c.l4_port[0] = 67; /* Speaks to its client first. */
    c.l4_port[1] = 68;
    CU_ASSERT(!insp_inventory_is_service(&c));
    c.proto = INSP_PROTO_ICMP;
    CU_ASSERT(!insp_inventory_is_service(&c));
}

static void
test_news(void)
{
    struct insp_inventory *inv = insp_inventory_create(&secret);
    struct insp_record_connection c = connection(1, 22, 10);
    struct insp_listener l[2];
    struct found f;

    begin(&f, INSP_APP_SSH);
    add_text(&f, INSP_FIELD_SSH_SERVER_PROTO, "2.0");
    add_text(&f, INSP_FIELD_SSH_SERVER_SOFTWARE, "OpenSSH_9.2p1");
    c.app = INSP_APP_SSH;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)),
                "why=new connections=0 software=OpenSSH_9.2p1 versions=2.0");
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, NULL)), "");

    /* Other software within a minute is told when the minute is over. */
    begin(&f, INSP_APP_SSH);
    add_text(&f, INSP_FIELD_SSH_SERVER_SOFTWARE, "OpenSSH_9.3");
    c.end_ns = 40 * SECOND;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)), "");
    c.end_ns = 69 * SECOND;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, NULL)), "");
    c.end_ns = 70 * SECOND;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, NULL)),
                "why=changed connections=3 software=OpenSSH_9.3 "
                "versions=2.0");
    c.end_ns = 700 * SECOND;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)), "");

    /* What is worse than before is told at once, and once. */
    begin(&f, INSP_APP_SSH);
    add_text(&f, INSP_FIELD_SSH_SERVER_PROTO, "1.99");
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)),
                "why=changed connections=3 software=OpenSSH_9.3 "
                "versions=2.0 versions=1.99 weaknesses=ssh-1 severity=high");
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)), "");

    /* An interim report is no end. */
    c.end_reason = INSP_END_NONE;
    UNIT_STR_EQ(told(insp_inventory_see(inv, &c, NULL)), "");
    UNIT_EQ(insp_inventory_list(inv, l, 2), 1);
    UNIT_EQ(l[0].connections, 3);
    UNIT_EQ(l[0].first_ns / SECOND, 9);
    UNIT_EQ(l[0].last_ns / SECOND, 700);
    UNIT_EQ(l[0].conn.app, INSP_APP_SSH);
    insp_inventory_destroy(inv);
}

static void
test_weaknesses(void)
{
    static const struct {
        enum insp_app app;
        enum insp_app_field field;
        const char *text;
        uint64_t number;
        const char *told;
    } cases[] = {
        { INSP_APP_TLS, INSP_FIELD_TLS_VERSION, "SSLv3", 0,
          " versions=SSLv3 weaknesses=ssl severity=high" },
        { INSP_APP_TLS, INSP_FIELD_TLS_VERSION, "TLSv1", 0,
          " versions=TLSv1 weaknesses=tls-1.0 severity=medium" },
        { INSP_APP_TLS, INSP_FIELD_TLS_VERSION, "TLS 1.1", 0,
          " versions=TLS 1.1 weaknesses=tls-1.1 severity=medium" },
        { INSP_APP_TLS, INSP_FIELD_TLS_VERSION, "TLS 1.3", 0,
          " versions=TLS 1.3" },
        { INSP_APP_SMB, INSP_FIELD_SMB_DIALECT, "NT LM 0.12", 0,
          " versions=NT LM 0.12 weaknesses=smb-1 severity=high" },
        { INSP_APP_SMB, INSP_FIELD_SMB_DIALECT, "3.11", 0, " versions=3.11" },
        { INSP_APP_LDAP, INSP_FIELD_LDAP_CLEARTEXT_LOGIN, NULL, 1,
          " weaknesses=cleartext-login severity=high" },
        { INSP_APP_FTP, INSP_FIELD_FTP_CLEARTEXT_LOGIN, NULL, 1,
          " weaknesses=cleartext-login severity=high" },
        { INSP_APP_FTP, INSP_FIELD_FTP_CLEARTEXT_LOGIN, NULL, 0, "" },
        { INSP_APP_SNMP, INSP_FIELD_SNMP_VERSION, NULL, 2,
          " weaknesses=snmp-community severity=medium" },
        { INSP_APP_SNMP, INSP_FIELD_SNMP_VERSION, NULL, 3, "" },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        struct insp_inventory *inv = insp_inventory_create(&secret);
        struct insp_record_connection c = connection(1, 1234, 10);
        struct found f;
        char wanted[256];

        begin(&f, cases[i].app);
        add(&f, cases[i].field, cases[i].text,
            cases[i].text ? strlen(cases[i].text) : 0, cases[i].number);
        snprintf(wanted, sizeof wanted, "why=new connections=0%s",
                 cases[i].told);
        UNIT_STR_EQ(told(insp_inventory_see(inv, &c, &f.event)), wanted);
        insp_inventory_destroy(inv);
    }
}

static void
test_hostile_words(void)
{
    struct insp_inventory *inv = insp_inventory_create(&secret);
    struct insp_record_connection c = connection(1, 80, 10);
    struct insp_listener l;
    char text[64];
    struct found f;

    begin(&f, INSP_APP_HTTP);
    add(&f, INSP_FIELD_HTTP_SERVER,
        "a\xff"
        "b\0c",
        5, 0);
    add_text(&f, INSP_FIELD_TLS_VERSION, "x,y");
    add(&f, INSP_FIELD_TLS_VERSION, "\x80", 1, 0);
    told(insp_inventory_see(inv, &c, &f.event));
    (void) insp_inventory_list(inv, &l, 1);
    UNIT_STR_EQ(l.software, "a\xef\xbf\xbd"
                            "b");
    UNIT_STR_EQ(l.versions, "");

    /* Versions without end stay within their room. */
    for (unsigned int i = 0; i < 1000; i++) {
        begin(&f, INSP_APP_TLS);
        snprintf(text, sizeof text, "0x%04x", i);
        add_text(&f, INSP_FIELD_TLS_VERSION, text);
        told(insp_inventory_see(inv, &c, &f.event));
    }
    (void) insp_inventory_list(inv, &l, 1);
    CU_ASSERT(strlen(l.versions) > 50 && strlen(l.versions) < 64);
    insp_inventory_destroy(inv);
}

/* A VM with many services makes only its own go. */
static void
test_share(void)
{
    struct insp_inventory *inv = insp_inventory_create(&secret);
    struct insp_record_connection c = connection(1, 22, 10);
    struct insp_listener *all;
    unsigned int mine = 0, oldest = 0;
    size_t n;

    told(insp_inventory_see(inv, &c, NULL));
    for (unsigned int i = 0; i < 3 * INSP_LISTENERS_OF_PORT; i++) {
        c = connection(2, (uint16_t) (1000 + i), 20 + i);
        told(insp_inventory_see(inv, &c, NULL));
        c = connection(2, 1000, 20 + i); /* In use all the time. */
        told(insp_inventory_see(inv, &c, NULL));
    }
    n = insp_inventory_list(inv, NULL, 0);
    UNIT_EQ(n, INSP_LISTENERS_OF_PORT + 1);
    all = calloc(n, sizeof *all);
    UNIT_EQ(insp_inventory_list(inv, all, n), n);
    for (size_t i = 0; i < n; i++) {
        mine += all[i].conn.port_id[1] == 1;
        oldest += all[i].conn.l4_port[1] == 1000;
    }
    UNIT_EQ(mine, 1);
    UNIT_EQ(oldest, 1);
    free(all);
    insp_inventory_destroy(inv);
}

/* A capture has no ports: there is one bound for all. */
static void
test_bound(void)
{
    struct insp_inventory *inv = insp_inventory_create(&secret);

    for (unsigned int i = 0; i < INSP_LISTENERS_MAX + 100; i++) {
        struct insp_record_connection c = connection(0, (uint16_t) i, 10 + i);

        c.addr[1][14] = (uint8_t) (i >> 16);
        told(insp_inventory_see(inv, &c, NULL));
    }
    UNIT_EQ(insp_inventory_list(inv, NULL, 0), INSP_LISTENERS_MAX);
    insp_inventory_destroy(inv);
}

static void
test_gone(void)
{
    struct insp_inventory *inv = insp_inventory_create(&secret);
    struct insp_record_connection c, out;

    for (uint16_t i = 0; i < 4; i++) {
        c = connection(1 + i % 2, (uint16_t) (80 + i), 10 + i);
        c.packets[0] = 7;
        told(insp_inventory_see(inv, &c, NULL));
    }
    UNIT_STR_EQ(told(insp_inventory_take(inv, 2, 0, &out)),
                "why=gone connections=1");
    UNIT_EQ(out.l4_port[1], 81);
    UNIT_EQ(out.packets[0], 0);
    UNIT_STR_EQ(told(insp_inventory_take(inv, 2, 0, &out)),
                "why=gone connections=1");
    CU_ASSERT_PTR_NULL(insp_inventory_take(inv, 2, 0, &out));

    /* Of the others those that are too old. */
    UNIT_STR_EQ(told(insp_inventory_take(inv, 0, 11 * SECOND, &out)),
                "why=gone connections=1");
    UNIT_EQ(out.l4_port[1], 80);
    CU_ASSERT_PTR_NULL(insp_inventory_take(inv, 0, 11 * SECOND, &out));
    UNIT_EQ(insp_inventory_list(inv, NULL, 0), 1);
    insp_inventory_destroy(inv);
}

/* ------------------------------------------------------------------------ */

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t ip4[4] = { 10, 0, 0, 7 };
static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 7 };

static bool
dhcp(struct insp_lease *lease, const char *type, uint32_t id, const char *host,
     uint64_t seconds)
{
    struct found f;

    begin(&f, INSP_APP_DHCP);
    add(&f, INSP_FIELD_DHCP_ID, NULL, 0, id);
    add(&f, INSP_FIELD_DHCP_CLIENT_MAC, mac, sizeof mac, 0);
    if (seconds) {
        add(&f, INSP_FIELD_DHCP_ASSIGNED_IP, ip4, sizeof ip4, 0);
        add(&f, INSP_FIELD_DHCP_LEASE_TIME, NULL, 0, seconds);
    } else {
        add(&f, INSP_FIELD_DHCP_CLIENT_IP, ip4, sizeof ip4, 0);
    }
    add_text(&f, INSP_FIELD_DHCP_DHCP_TYPE, type);
    if (host) {
        add_text(&f, INSP_FIELD_DHCP_HOSTNAME, host);
    }
    return insp_lease_read(&f.event, lease);
}

static void
test_leases(void)
{
    struct insp_leases *leases = insp_leases_create(&secret);
    struct insp_lease lease;

    CU_ASSERT(!dhcp(&lease, "nak", 1, "x", 0));
    CU_ASSERT(!dhcp(&lease, "offer", 1, "x", 60));

    /* The server does not repeat the name. */
    CU_ASSERT(dhcp(&lease, "request", 7, "web1", 0));
    insp_leases_note(leases, 3, &lease, SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, SECOND), "");
    CU_ASSERT(dhcp(&lease, "ack", 8, NULL, 60));
    insp_leases_note(leases, 3, &lease, SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, SECOND), "");
    CU_ASSERT(dhcp(&lease, "ack", 7, NULL, 60));
    insp_leases_note(leases, 3, &lease, SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, SECOND), "web1");
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, 60 * SECOND), "web1");

    /* Nobody else's, not for ever, and not when it was given back. */
    UNIT_STR_EQ(insp_leases_name_of(leases, 4, mapped, SECOND), "");
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, 61 * SECOND), "");
    CU_ASSERT(dhcp(&lease, "release", 9, NULL, 0));
    insp_leases_note(leases, 3, &lease, 2 * SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, 2 * SECOND), "");

    /* The server does, and the newest name holds. */
    CU_ASSERT(dhcp(&lease, "ack", 10, "a.b.c.", UINT32_MAX));
    insp_leases_note(leases, 3, &lease, SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped, SECOND), "a.b.c");
    UNIT_STR_EQ(insp_leases_name_of(leases, 3, mapped,
                                    UINT64_C(31 * 24 * 3600) * SECOND),
                "");
    insp_leases_destroy(leases);
}

static void
test_host_names(void)
{
    static const char *const none[] = {
        "",     ".",        "a b",
        "a\nb", "\xc3\xa4", "a-name-of-a-host-that-is-longer-than-is-kept"
    };
    struct insp_lease lease;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(none); i++) {
        CU_ASSERT(dhcp(&lease, "ack", 1, none[i], 60));
        UNIT_STR_EQ(lease.host, "");
    }
}

static void
test_leases_v6(void)
{
    struct insp_leases *leases = insp_leases_create(&secret);
    static const uint8_t a[16] = { 0x20, 1, [15] = 1 };
    static const uint8_t b[16] = { 0x20, 1, [15] = 2 };
    struct insp_lease lease;
    struct found f;

    begin(&f, INSP_APP_DHCPV6);
    add_text(&f, INSP_FIELD_DHCPV6_TYPE, "reply");
    add_text(&f, INSP_FIELD_DHCPV6_FQDN, "six.example");
    add(&f, INSP_FIELD_DHCPV6_ADDRESSES, a, 16, 0);
    add(&f, INSP_FIELD_DHCPV6_ADDRESSES, b, 16, 0);
    add(&f, INSP_FIELD_DHCPV6_VALID, NULL, 0, 100);
    CU_ASSERT(insp_lease_read(&f.event, &lease));
    insp_leases_note(leases, 0, &lease, SECOND);
    UNIT_STR_EQ(insp_leases_name_of(leases, 0, a, SECOND), "six.example");
    UNIT_STR_EQ(insp_leases_name_of(leases, 0, b, SECOND), "six.example");
    insp_leases_destroy(leases);
}

/* Any number of leases finds a place, and the last one is known. */
static void
test_many_leases(void)
{
    struct insp_leases *leases = insp_leases_create(&secret);
    struct insp_lease lease;
    unsigned int known = 0;

    CU_ASSERT(dhcp(&lease, "ack", 1, "h", 3600));
    for (unsigned int i = 0; i < 200000; i++) {
        insp_leases_note(leases, i + 1, &lease, SECOND + i);
        known +=
            !strcmp(insp_leases_name_of(leases, i + 1, mapped, SECOND + i),
                    "h");
    }
    UNIT_EQ(known, 200000);
    insp_leases_destroy(leases);
}

UNIT_MAIN("inventory", UNIT_TEST(test_who_listens), UNIT_TEST(test_news),
          UNIT_TEST(test_weaknesses), UNIT_TEST(test_hostile_words),
          UNIT_TEST(test_share), UNIT_TEST(test_bound), UNIT_TEST(test_gone),
          UNIT_TEST(test_leases), UNIT_TEST(test_host_names),
          UNIT_TEST(test_leases_v6), UNIT_TEST(test_many_leases))
