/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The other way round of parse.c: what is printed parses to the same.  What
 * is the default is not printed: the length of a single address, all ports of
 * a protocol. */

#include <arpa/inet.h>
#include <stdio.h>

#include "app/app.h"
#include "packet/packet.h"
#include "rule/text.h"

static int
print_prefix(const struct insp_term *term, const char * not, char *text,
             size_t size)
{
    bool ip4 = insp_addr_is_ip4(term->addr) && term->prefix_length >= 96;
    char addr[INET6_ADDRSTRLEN];

    inet_ntop(ip4 ? AF_INET : AF_INET6, term->addr + (ip4 ? 12 : 0), addr,
              sizeof addr);
    return term->prefix_length == 128
               ? snprintf(text, size, "%s%s", not, addr)
               : snprintf(text, size, "%s%s/%d", not, addr,
                          term->prefix_length - (ip4 ? 96 : 0));
}

int
insp_term_print(const struct insp_term *term, char *text, size_t size)
{
    const char *not = term->negated ? "!" : "";
    const uint8_t *mac = term->mac;

    switch ((enum insp_term_kind) term->kind) {
    case INSP_TERM_ANY: return snprintf(text, size, "%sany", not );
    case INSP_TERM_PREFIX: return print_prefix(term, not, text, size);
    case INSP_TERM_MAC:
        return snprintf(text, size, "%s%02x:%02x:%02x:%02x:%02x:%02x", not,
                        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    case INSP_TERM_IFACE:
    case INSP_TERM_VM:
    case INSP_TERM_PORT:
    case INSP_TERM_SET:
    case INSP_TERM_ID: break;
    }
    return snprintf(text, size, "%s%s%s", not, insp_term_prefix(term->kind),
                    term->text);
}

static int
print_range(const char *word, const struct insp_service *s, unsigned int max,
            char *text, size_t size)
{
    return s->first == 0 && s->last == max ? snprintf(text, size, "%s", word)
           : s->first == s->last
               ? snprintf(text, size, "%s/%d", word, s->first)
               : snprintf(text, size, "%s/%d-%d", word, s->first, s->last);
}

int
insp_service_print(const struct insp_service *s, char *text, size_t size)
{
    switch ((enum insp_service_kind) s->kind) {
    case INSP_SERVICE_ANY: break;
    case INSP_SERVICE_PORTS:
        return print_range(s->proto == INSP_PROTO_TCP   ? "tcp"
                           : s->proto == INSP_PROTO_UDP ? "udp"
                                                        : "sctp",
                           s, UINT16_MAX, text, size);
    case INSP_SERVICE_ICMP:
        return print_range(s->proto == INSP_PROTO_ICMP ? "icmp" : "icmp6", s,
                           UINT8_MAX, text, size);
    case INSP_SERVICE_PROTO: return snprintf(text, size, "proto/%d", s->proto);
    case INSP_SERVICE_ARP: return snprintf(text, size, "arp");
    case INSP_SERVICE_ND: return snprintf(text, size, "nd");
    case INSP_SERVICE_APP:
        return snprintf(text, size, "app:%s", insp_app_word(s->app));
    case INSP_SERVICE_SNI: return snprintf(text, size, "sni:%s", s->text);
    }
    return snprintf(text, size, "any");
}

const char *
insp_direction_word(enum insp_direction direction)
{
    switch (direction) {
    case INSP_DIRECTION_BOTH: return "both";
    case INSP_DIRECTION_FROM_VM: return "from-vm";
    case INSP_DIRECTION_TO_VM: return "to-vm";
    }
    return "?";
}

const char *
insp_action_word(enum insp_action action)
{
    switch (action) {
    case INSP_ACTION_ALLOW: return "allow";
    case INSP_ACTION_DROP: return "drop";
    case INSP_ACTION_RESET: return "reset";
    case INSP_ACTION_REDIRECT: return "redirect";
    case INSP_ACTION_ALERT: return "alert";
    }
    return "?";
}
