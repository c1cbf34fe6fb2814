/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The words of inspect/explain become a packet that has never been: each
 * word fills one place, what is needed and missing is said, what can be taken
 * for granted is taken, and named in 'assumed'.  Services and addresses are
 * read by the parsers of rules, so that both understand the same. */

#include <config.h>

#include "ovs-ext/appctl-packet.h"

#include <arpa/inet.h>

#include "ovs-ext/rows.h"
#include "packet/packet.h"
#include "packets.h"
#include "util.h"

#define ASSUMED_SPORT          49152 /* The first ephemeral port, RFC 6335. */
#define ECHO_REQUEST           8
#define ECHO_REQUEST6          128
#define NEIGHBOUR_SOLICITATION 135

/* What has been said, before it is put together. */
struct words {
    const char *src, *dst; /* NULL: not said. */
    const char *service;
    const char *dport, *sport, *icmp_type;
    const char *src_mac, *dst_mac;
    const char *in, *out;
    const char *app, *sni;
};

static const struct {
    const char *key;
    size_t offset;
} keys[] = {
    { "in", offsetof(struct words, in) },
    { "out", offsetof(struct words, out) },
    { "src", offsetof(struct words, src) },
    { "dst", offsetof(struct words, dst) },
    { "service", offsetof(struct words, service) },
    { "proto", offsetof(struct words, service) },
    { "sport", offsetof(struct words, sport) },
    { "dport", offsetof(struct words, dport) },
    { "icmp_type", offsetof(struct words, icmp_type) },
    { "src_mac", offsetof(struct words, src_mac) },
    { "dst_mac", offsetof(struct words, dst_mac) },
    { "app", offsetof(struct words, app) },
    { "sni", offsetof(struct words, sni) },
};

static void OVS_PRINTF_FORMAT(2, 3)
    assume(struct ovsext_packet *p, const char *format, ...)
{
    va_list args;

    ds_put_cstr(&p->assumed, p->assumed.length ? "; " : "");
    va_start(args, format);
    ds_put_format_valist(&p->assumed, format, args);
    va_end(args);
}

/* "src=10.0.0.1", or a service that stands alone: "tcp/80", "arp". */
static char *
read_word(struct words *words, const char *word)
{
    const char *equals = strchr(word, '=');
    const char **place;

    if (!equals) {
        if (words->service) {
            return xasprintf("'%s': the service has been said already", word);
        }
        words->service = word;
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strlen(keys[i].key) == equals - word &&
            !strncmp(keys[i].key, word, equals - word)) {
            place =
                ALIGNED_CAST(const char **, (char *) words + keys[i].offset);
            if (*place) {
                return xasprintf("'%s': has been said already", word);
            } else if (!equals[1]) {
                return xasprintf("'%s': a value is missing", word);
            }
            *place = equals + 1;
            return NULL;
        }
    }
    return xasprintf("'%s': no such key; there are in, out, src, dst, "
                     "service, proto, sport, dport, icmp_type, src_mac, "
                     "dst_mac, app and sni",
                     word);
}

/* By its name, else by iface-id, else by the id of its VM. */
static char *
find_port(const struct ovsext_port_list *ports, const char *key,
          const char *word, const struct insp_port **port)
{
    size_t n = 0;

    for (size_t i = 0; i < ports->n; i++) {
        const struct insp_port *p = &ports->array[i];

        if (!strcmp(p->name, word)) {
            *port = p;
            return NULL;
        }
    }
    for (size_t i = 0; i < ports->n; i++) {
        const struct insp_port *p = &ports->array[i];

        if (!strcmp(p->iface_id, word) || !strcmp(p->vm_id, word)) {
            *port = p;
            n++;
        }
    }
    return (
        n == 1 ? NULL
        : n    ? xasprintf("%s='%s': %" PRIuSIZE " ports have it; name one by "
                              "its iface-id or its name",
                           key, word, n)
            : xasprintf("%s='%s': no port is called that, and none has it as "
                        "iface-id or VM id",
                        key, word));
}

static char *
read_end(const struct ovsext_port_list *ports, const char *key,
         const char *port_word, const char *mac_word,
         struct insp_subject_end *end, const struct insp_port **port)
{
    struct eth_addr mac;
    char *error;

    if (port_word && strcmp(port_word, "none")) {
        error = find_port(ports, key, port_word, port);
        if (error) {
            return error;
        }
        end->port_id = (*port)->id;
        memcpy(end->mac, (*port)->mac, sizeof end->mac);
    }
    if (mac_word) {
        if (!eth_addr_from_string(mac_word, &mac)) {
            return xasprintf("'%s': not a MAC address", mac_word);
        }
        memcpy(end->mac, mac.ea, sizeof end->mac);
    }
    return NULL;
}

static char *
read_number(const char *key, const char *word, unsigned int max,
            unsigned int *value)
{
    if (!str_to_uint(word, 10, value) || *value > max) {
        return xasprintf("%s='%s': not a number from 0 to %u", key, word, max);
    }
    return NULL;
}

static char *
read_address(const char *key, const char *word, uint8_t addr[16])
{
    struct insp_address address;
    struct insp_faults faults;

    insp_faults_init(&faults);
    if (!insp_address_parse(word, key, &address, &faults)) {
        return xstrdup(faults.text);
    } else if (address.prefix_length != 128) {
        return xasprintf("%s '%s': a packet has one address, not a prefix",
                         key, word);
    }
    memcpy(addr, address.addr, 16);
    return NULL;
}

static bool
is_v4(const uint8_t addr[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    return !memcmp(addr, mapped, sizeof mapped);
}

/* Both, and of one family. */
static char *
read_addresses(const struct words *words, struct ovsext_packet *p)
{
    char *error;

    if (!words->src || !words->dst) {
        return xasprintf("%s is missing: say %s=ADDRESS",
                         words->src ? "dst" : "src",
                         words->src ? "dst" : "src");
    }
    error = read_address("src", words->src, p->subject.source.addr);
    if (!error) {
        error = read_address("dst", words->dst, p->subject.destination.addr);
    }
    if (error) {
        return error;
    }
    p->v4 = is_v4(p->subject.source.addr);
    if (p->v4 != is_v4(p->subject.destination.addr)) {
        return xasprintf("src '%s' and dst '%s': not of one IP version",
                         words->src, words->dst);
    }
    return NULL;
}

bool
ovsext_packet_has_ports(const struct ovsext_packet *p)
{
    return p->subject.kind == INSP_SUBJECT_IP &&
           (p->subject.proto == INSP_PROTO_TCP ||
            p->subject.proto == INSP_PROTO_UDP ||
            p->subject.proto == INSP_PROTO_SCTP);
}

/* 'service' has one port, or any, or is of a protocol without ports. */
static char *
read_l4_ports(const struct words *words, const struct insp_service *service,
              struct ovsext_packet *p)
{
    bool one = (service->kind == INSP_SERVICE_PORTS &&
                service->first == service->last);
    bool any = (service->kind != INSP_SERVICE_PORTS ||
                (!service->first && service->last == UINT16_MAX));
    unsigned int sport = ASSUMED_SPORT, dport = service->first;
    char *error = NULL;

    if (one && words->dport) {
        return xasprintf("dport='%s': '%s' says the port already",
                         words->dport, words->service);
    } else if (!one && !any) {
        return xasprintf("'%s': a packet has one port, not a range",
                         words->service);
    } else if (!one && !words->dport) {
        return xasprintf("dport is missing: say dport=NUMBER, or the service "
                         "as %s/NUMBER",
                         words->service);
    }
    if (!one) {
        error = read_number("dport", words->dport, UINT16_MAX, &dport);
    }
    if (!error && words->sport) {
        error = read_number("sport", words->sport, UINT16_MAX, &sport);
    } else if (!error) {
        assume(p, "sport=%d", ASSUMED_SPORT);
    }
    p->subject.source.l4_port = sport;
    p->subject.destination.l4_port = dport;
    return error;
}

static char *
read_icmp_type(const struct words *words, const struct insp_service *service,
               unsigned int assumed, struct ovsext_packet *p)
{
    unsigned int type = assumed;
    char *error = NULL;

    if (service->kind == INSP_SERVICE_ICMP &&
        service->first == service->last) {
        type = service->first;
    } else if (words->icmp_type) {
        error = read_number("icmp_type", words->icmp_type, UINT8_MAX, &type);
    } else {
        assume(p, "icmp_type=%u", type);
    }
    p->subject.source.l4_port =
        insp_icmp_reverse(p->subject.proto, (uint8_t) type);
    p->subject.destination.l4_port = (uint16_t) type;
    return error;
}

static char *
read_ip(const struct words *words, const struct insp_service *service,
        struct ovsext_packet *p)
{
    char *error = read_addresses(words, p);

    p->subject.kind =
        (service->kind == INSP_SERVICE_ND ? INSP_SUBJECT_ND : INSP_SUBJECT_IP);
    p->subject.proto = (service->kind == INSP_SERVICE_ND ? INSP_PROTO_ICMPV6
                                                         : service->proto);
    if (error) {
        return error;
    }
    if (p->subject.proto == (p->v4 ? INSP_PROTO_ICMPV6 : INSP_PROTO_ICMP)) {
        return xasprintf("'%s' and src '%s': not of one IP version",
                         words->service, words->src);
    }
    if (p->subject.kind == INSP_SUBJECT_ND) {
        return read_icmp_type(words, service, NEIGHBOUR_SOLICITATION, p);
    } else if (ovsext_packet_has_ports(p)) {
        return read_l4_ports(words, service, p);
    } else if (p->subject.proto == INSP_PROTO_ICMP) {
        return read_icmp_type(words, service, ECHO_REQUEST, p);
    } else if (p->subject.proto == INSP_PROTO_ICMPV6) {
        return read_icmp_type(words, service, ECHO_REQUEST6, p);
    } else if (words->dport || words->sport) {
        return xasprintf("'%s' has no ports", words->service);
    }
    return NULL;
}

static char *
read_service(const struct words *words, struct ovsext_packet *p)
{
    struct insp_service service;
    struct insp_faults faults;
    unsigned int number;
    char *text, *error;
    bool ok;

    if (!words->service) {
        return xstrdup("service is missing: say service=tcp/80, proto=tcp "
                       "dport=80, icmp, arp, nd, ...");
    }
    insp_faults_init(&faults);
    text = (str_to_uint(words->service, 10, &number)
                ? xasprintf("proto/%u", number)
                : xstrdup(words->service));
    ok = insp_service_parse(text, "service", &service, &faults);
    free(text);
    if (!ok) {
        return xstrdup(faults.text);
    }

    switch ((enum insp_service_kind) service.kind) {
    case INSP_SERVICE_ARP:
        p->subject.kind = INSP_SUBJECT_ARP;
        error = NULL;
        break;
    case INSP_SERVICE_PORTS:
    case INSP_SERVICE_ICMP:
    case INSP_SERVICE_PROTO:
    case INSP_SERVICE_ND: error = read_ip(words, &service, p); break;
    case INSP_SERVICE_ANY:
        error = xstrdup("service 'any': a packet has one: tcp/80, icmp, arp, "
                        "...");
        break;
    case INSP_SERVICE_APP:
    case INSP_SERVICE_SNI:
        error = xasprintf("service '%s': is found in what a connection "
                          "carries, not in a packet: say protocol and port, "
                          "and app=PROTOCOL or sni=NAME",
                          words->service);
        break;
    default: OVS_NOT_REACHED();
    }
    insp_service_uninit(&service);
    return error;
}

/* "app:tls", "sni:www.example.com": as the service of a rule. */
static char *
parse_learnt(const char *prefix, const char *word,
             struct insp_service *service)
{
    struct insp_faults faults;
    char *text = xasprintf("%s:%s", prefix, word);
    bool ok;

    insp_faults_init(&faults);
    ok = insp_service_parse(text, "service", service, &faults);
    free(text);
    return ok ? NULL : xstrdup(faults.text);
}

/* What the packet's connection is known to speak. */
static char *
read_app(const char *word, struct ovsext_packet *p)
{
    struct insp_service service;
    char *error = parse_learnt("app", word, &service);

    if (!error) {
        p->subject.app = service.app;
        insp_service_uninit(&service);
    }
    return error;
}

/* The server that it asks for. */
static char *
read_sni(const char *word, struct ovsext_packet *p)
{
    struct insp_service service;
    char *error;

    if (*word == '*') {
        return xasprintf("sni='%s': a connection asks for one name", word);
    }
    error = parse_learnt("sni", word, &service);
    if (!error) {
        ovs_strlcpy(p->name, service.text, sizeof p->name);
        p->subject.name = p->name;
        insp_service_uninit(&service);
    }
    return error;
}

/* What has been learnt of the connection by then. */
static char *
read_learnt(const struct words *words, struct ovsext_packet *p)
{
    char *error = NULL;

    if ((words->app || words->sni) && p->subject.kind != INSP_SUBJECT_IP) {
        return xasprintf("'%s' has neither app nor sni", words->service);
    }
    if (words->app) {
        error = read_app(words->app, p);
    }
    if (!error && words->sni) {
        error = read_sni(words->sni, p);
    }
    if (!words->app && !words->sni && p->subject.kind == INSP_SUBJECT_IP) {
        assume(p, "app and sni are not known yet");
    }
    return error;
}

static void
note_assumptions(struct ovsext_packet *p)
{
    if (!p->in) {
        assume(p, "in=none: it comes from a port that is no VM's");
    }
    if (!p->out) {
        assume(p, "out=none: it goes to a port that is no VM's");
    }
    if (p->in && p->out && p->in->role == INSP_PORT_VM &&
        p->out->role == INSP_PORT_VM) {
        assume(p, "its zone is that of the ports %" PRIu32 " and %" PRIu32,
               p->in->id, p->out->id);
    } else if (p->in && p->in->role == INSP_PORT_VM) {
        assume(p, "its zone is that of port %" PRIu32, p->in->id);
    } else if (p->out && p->out->role == INSP_PORT_VM) {
        assume(p, "its zone is that of port %" PRIu32, p->out->id);
    } else {
        assume(p, "its zone is that of its bridge and VLAN");
    }
    assume(p, "it begins a connection, or is judged anew");
}

char *
ovsext_packet_read(struct ovsext_packet *p, const struct svec *svec,
                   const struct ovsext_port_list *ports)
{
    struct words words;
    char *error = NULL;

    memset(p, 0, sizeof *p);
    memset(&words, 0, sizeof words);
    ds_init(&p->assumed);
    for (size_t i = 0; i < svec->n && !error; i++) {
        error = read_word(&words, svec->names[i]);
    }
    if (!error && !words.in && !words.out) {
        error = xstrdup("in and out are missing: say in=PORT and out=PORT, "
                        "by name or iface-id; none: a port that is no VM's");
    }
    if (!error) {
        error = read_end(ports, "in", words.in, words.src_mac,
                         &p->subject.source, &p->in);
    }
    if (!error) {
        error = read_end(ports, "out", words.out, words.dst_mac,
                         &p->subject.destination, &p->out);
    }
    if (!error) {
        error = read_service(&words, p);
    }
    if (!error) {
        error = read_learnt(&words, p);
    }
    if (!error) {
        note_assumptions(p);
    }
    return error;
}

static void
put_address(struct ds *ds, const struct ovsext_packet *p,
            const struct insp_subject_end *end)
{
    char text[INET6_ADDRSTRLEN];
    bool ports = ovsext_packet_has_ports(p);

    inet_ntop(p->v4 ? AF_INET : AF_INET6, end->addr + (p->v4 ? 12 : 0), text,
              sizeof text);
    if (ports && !p->v4) {
        ds_put_format(ds, "[%s]:%u", text, end->l4_port);
    } else if (ports) {
        ds_put_format(ds, "%s:%u", text, end->l4_port);
    } else {
        ds_put_cstr(ds, text);
    }
}

void
ovsext_packet_format(const struct ovsext_packet *p, struct ds *ds)
{
    const struct insp_subject *s = &p->subject;

    if (s->kind == INSP_SUBJECT_ARP) {
        ds_put_cstr(ds, "arp");
        return;
    }
    switch (s->proto) {
    case INSP_PROTO_TCP: ds_put_cstr(ds, "tcp"); break;
    case INSP_PROTO_UDP: ds_put_cstr(ds, "udp"); break;
    case INSP_PROTO_SCTP: ds_put_cstr(ds, "sctp"); break;
    case INSP_PROTO_ICMP:
        ds_put_format(ds, "icmp/%u", s->destination.l4_port);
        break;
    case INSP_PROTO_ICMPV6:
        ds_put_format(
            ds, s->kind == INSP_SUBJECT_ND ? "nd (icmp6/%u)" : "icmp6/%u",
            s->destination.l4_port);
        break;
    default: ds_put_format(ds, "proto/%u", s->proto); break;
    }
    ds_put_char(ds, ' ');
    put_address(ds, p, &s->source);
    ds_put_cstr(ds, " > ");
    put_address(ds, p, &s->destination);
    if (s->app != INSP_APP_NONE) {
        ds_put_format(ds, " app=%s", insp_app_word(s->app));
    }
    if (s->name) {
        ds_put_format(ds, " sni=%s", s->name);
    }
}

void
ovsext_packet_destroy(struct ovsext_packet *p)
{
    ds_destroy(&p->assumed);
}
