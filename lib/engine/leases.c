/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A hash of sets of WAYS places.  A lease whose set is full takes the place of
 * the one that ends first; one that has ended counts as an empty place.
 *
 * Clients tell their names when they ask, and not every server repeats them in
 * its answer: what was asked last waits in places of its own.
 */

#include "engine/leases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAYS  4
#define SETS  16384
#define ASKED 1024

/* A client that asked for an infinite lease would stay for ever. */
#define SECONDS_MAX (30 * 24 * 3600)

struct place {
    uint8_t addr[16];
    uint64_t until_ns;
    uint32_t port_id;
    char host[INSP_HOST_SIZE];
};

struct asked {
    uint32_t id;
    uint8_t mac[6];
    char host[INSP_HOST_SIZE];
};

struct insp_leases {
    struct insp_hash_key secret;
    struct asked asked[ASKED];
    struct place places[SETS][WAYS];
};

struct insp_leases *
insp_leases_create(const struct insp_hash_key *secret)
{
    struct insp_leases *leases = calloc(1, sizeof *leases);

    if (leases) {
        leases->secret = *secret;
    }
    return leases;
}

void
insp_leases_destroy(struct insp_leases *leases)
{
    free(leases);
}

/* ------------------------------------------------------------------------ */
/* What an event says. */

static bool
is(const struct insp_value *v, const char *text)
{
    return v->size == strlen(text) && !memcmp(v->bytes, text, v->size);
}

static void
add_addr(struct insp_lease *lease, const struct insp_value *v)
{
    uint8_t *addr;

    if (lease->n_addrs == INSP_ARRAY_SIZE(lease->addrs) ||
        (v->size != 4 && v->size != 16)) {
        return;
    }
    addr = lease->addrs[lease->n_addrs++];
    memset(addr, 0, 16);
    if (v->size == 4) {
        memset(addr + 10, 0xff, 2);
    }
    memcpy(addr + 16 - v->size, v->bytes, v->size);
}

/* A name as hosts have them (RFC 1123), else it is none. */
static void
set_host(struct insp_lease *lease, const struct insp_value *v)
{
    size_t size = v->size;

    if (size && v->bytes[size - 1] == '.') {
        size--;
    }
    if (!size || size >= sizeof lease->host) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = v->bytes[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_')) {
            return;
        }
    }
    memcpy(lease->host, v->bytes, size);
    lease->host[size] = '\0';
}

/* Of a message's type; false: none that matters. */
static bool
set_kind(struct insp_lease *lease, const struct insp_value *v)
{
    static const struct {
        const char *word;
        enum insp_lease_kind kind;
    } kinds[] = {
        { "discover", INSP_LEASE_ASKED },   { "request", INSP_LEASE_ASKED },
        { "solicit", INSP_LEASE_ASKED },    { "renew", INSP_LEASE_ASKED },
        { "rebind", INSP_LEASE_ASKED },     { "ack", INSP_LEASE_GIVEN },
        { "reply", INSP_LEASE_GIVEN },      { "release", INSP_LEASE_RETURNED },
        { "decline", INSP_LEASE_RETURNED },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(kinds); i++) {
        if (is(v, kinds[i].word)) {
            lease->kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

bool
insp_lease_read(const struct insp_event_report *event,
                struct insp_lease *lease)
{
    const uint8_t *at = event->values;
    bool is_one = false;
    struct insp_value v;

    if (event->app != INSP_APP_DHCP && event->app != INSP_APP_DHCPV6) {
        return false;
    }
    memset(lease, 0, sizeof *lease);
    while (insp_value_next(&at, event->values + event->size, &v)) {
        switch ((int) v.field) {
        case INSP_FIELD_DHCP_DHCP_TYPE:
        case INSP_FIELD_DHCPV6_TYPE: is_one = set_kind(lease, &v); break;
        case INSP_FIELD_DHCP_ID:
        case INSP_FIELD_DHCPV6_ID: lease->id = (uint32_t) v.number; break;
        case INSP_FIELD_DHCP_ASSIGNED_IP:
        case INSP_FIELD_DHCP_CLIENT_IP:
        case INSP_FIELD_DHCPV6_ADDRESSES: add_addr(lease, &v); break;
        case INSP_FIELD_DHCP_CLIENT_MAC:
        case INSP_FIELD_DHCPV6_CLIENT_MAC:
            memcpy(lease->mac, v.bytes, INSP_MIN(v.size, sizeof lease->mac));
            break;
        case INSP_FIELD_DHCP_HOSTNAME:
        case INSP_FIELD_DHCP_FQDN:
        case INSP_FIELD_DHCPV6_FQDN: set_host(lease, &v); break;
        case INSP_FIELD_DHCP_LEASE_TIME:
        case INSP_FIELD_DHCPV6_VALID:
            lease->seconds = (uint32_t) INSP_MIN(v.number, SECONDS_MAX);
            break;
        default: break;
        }
    }
    return is_one;
}

/* ------------------------------------------------------------------------ */
/* Places. */

static struct place *
set_of(const struct insp_leases *leases, uint32_t port_id,
       const uint8_t addr[16])
{
    uint64_t words[3];

    memcpy(words, addr, 16);
    words[2] = port_id;
    return (struct place *)
        leases->places[insp_hash_words(words, 3, &leases->secret) % SETS];
}

static struct place *
find(const struct insp_leases *leases, uint32_t port_id,
     const uint8_t addr[16])
{
    struct place *set = set_of(leases, port_id, addr);

    for (unsigned int i = 0; i < WAYS; i++) {
        if (set[i].until_ns && set[i].port_id == port_id &&
            !memcmp(set[i].addr, addr, 16)) {
            return &set[i];
        }
    }
    return NULL;
}

static void
give(struct insp_leases *leases, uint32_t port_id, const uint8_t addr[16],
     const char *host, uint64_t until_ns)
{
    struct place *place = find(leases, port_id, addr);

    if (!place) {
        struct place *set = set_of(leases, port_id, addr);

        place = set;
        for (unsigned int i = 1; i < WAYS; i++) {
            place = set[i].until_ns < place->until_ns ? &set[i] : place;
        }
    }
    memcpy(place->addr, addr, sizeof place->addr);
    place->port_id = port_id;
    place->until_ns = until_ns;
    snprintf(place->host, sizeof place->host, "%s", host);
}

static void
take_back(struct insp_leases *leases, uint32_t port_id, const uint8_t addr[16])
{
    struct place *place = find(leases, port_id, addr);

    if (place) {
        place->until_ns = 0;
    }
}

static struct asked *
asked_place(struct insp_leases *leases, const struct insp_lease *lease)
{
    uint64_t words[2] = { lease->id, 0 };

    memcpy(&words[1], lease->mac, sizeof lease->mac);
    return &leases->asked[insp_hash_words(words, 2, &leases->secret) % ASKED];
}

/* The name with which the client asked for 'lease', or "". */
static const char *
asked_host(struct insp_leases *leases, const struct insp_lease *lease)
{
    const struct asked *asked = asked_place(leases, lease);

    return asked->id == lease->id &&
                   !memcmp(asked->mac, lease->mac, sizeof asked->mac)
               ? asked->host
               : "";
}

static void
ask(struct insp_leases *leases, const struct insp_lease *lease)
{
    struct asked *asked = asked_place(leases, lease);

    asked->id = lease->id;
    memcpy(asked->mac, lease->mac, sizeof asked->mac);
    memcpy(asked->host, lease->host, sizeof asked->host);
}

void
insp_leases_note(struct insp_leases *leases, uint32_t port_id,
                 const struct insp_lease *lease, uint64_t now_ns)
{
    const char *host =
        lease->host[0] ? lease->host : asked_host(leases, lease);
    uint64_t until_ns = now_ns + lease->seconds * UINT64_C(1000000000);

    if (lease->kind == INSP_LEASE_ASKED) {
        if (lease->host[0]) {
            ask(leases, lease);
        }
        return;
    }
    for (unsigned int i = 0; i < lease->n_addrs; i++) {
        if (lease->kind == INSP_LEASE_RETURNED) {
            take_back(leases, port_id, lease->addrs[i]);
        } else if (host[0] && lease->seconds) {
            give(leases, port_id, lease->addrs[i], host, until_ns);
        }
    }
}

const char *
insp_leases_name_of(const struct insp_leases *leases, uint32_t port_id,
                    const uint8_t addr[16], uint64_t now_ns)
{
    const struct place *place = find(leases, port_id, addr);

    return place && place->until_ns > now_ns ? place->host : "";
}
