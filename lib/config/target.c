/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Several targets stand with commas between them: a set of the database would
 * not keep their order.  Each from left to right: the scheme, the host up to
 * ":" or between brackets, the port; or the port and then an address.  A host
 * is checked for its letters only, so that a mistake shows at once; whether it
 * exists is seen when it is dialled. */

#include "config/column.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define QUOTE INSP_QUOTE

/* A host name as in RFC 1123 (and underscores, which exist), or an IPv4
 * address, which has the same letters. */
static bool
is_host_name(const char *host)
{
    size_t length = strlen(host);

    return length && length <= 253 && host[0] != '-' && host[0] != '.' &&
           !host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
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

static bool
read_port(const char *target, const char *digits, size_t length,
          uint16_t default_port, uint16_t *port, struct insp_faults *faults)
{
    uint64_t number = default_port;
    char text[8] = "";

    if (length < sizeof text) {
        memcpy(text, digits, length);
    }
    if (length && (length >= sizeof text || !insp_config_uint(text, &number) ||
                   !number || number > UINT16_MAX)) {
        number = UINT64_MAX;
    }
    if (number == UINT64_MAX || (!length && !default_port)) {
        insp_fault(faults,
                   "target '" QUOTE "': port '%.*s' is not a whole "
                   "number from 1 to 65535",
                   target, (int) INSP_MIN(length, 80), digits);
        return false;
    }
    *port = (uint16_t) number;
    return true;
}

/* "HOST" or "[ADDRESS]", and where it ends. */
static const char *
read_host(const char *target, const char *rest,
          struct insp_uplink_target *result, struct insp_faults *faults)
{
    bool bracket = *rest == '[';
    const char *end;

    rest += bracket;
    end = bracket ? strchr(rest, ']') : rest + strcspn(rest, ":");
    if (!end || (size_t) (end - rest) >= sizeof result->host) {
        insp_fault(faults, "target '" QUOTE "': %s", target,
                   end ? "the host name is too long" : "']' is missing");
        return NULL;
    }
    memcpy(result->host, rest, (size_t) (end - rest));
    result->host[end - rest] = '\0';
    if (!bracket && *end && strchr(end + 1, ':')) {
        insp_fault(faults,
                   "target '" QUOTE "': an IPv6 address stands in "
                   "brackets: ssl:[ADDRESS]:PORT",
                   target);
        return NULL;
    }
    if (!(bracket ? is_ipv6(result->host) : is_host_name(result->host))) {
        insp_fault(faults, "target '" QUOTE "': '" QUOTE "' is no %s", target,
                   result->host, bracket ? "IPv6 address" : "host name");
        return NULL;
    }
    return end + bracket;
}

/* HOST[:PORT] */
static bool
read_active(const char *target, const char *rest, uint16_t default_port,
            struct insp_uplink_target *result, struct insp_faults *faults)
{
    const char *digits = read_host(target, rest, result, faults);

    if (!digits) {
        return false;
    }
    if (!*digits && !default_port) {
        insp_fault(faults,
                   "target '" QUOTE "': the port must be named for "
                   "this format: ssl:HOST:PORT",
                   target);
        return false;
    }
    if (*digits && *digits != ':') {
        insp_fault(faults,
                   "target '" QUOTE "': port '" QUOTE "' is not a "
                   "whole number from 1 to 65535",
                   target, digits);
        return false;
    }
    return read_port(target, digits + 1, *digits ? strlen(digits + 1) : 0,
                     *digits ? 0 : default_port, &result->port, faults);
}

/* PORT[:ADDRESS] */
static bool
read_passive(const char *target, const char *rest, uint16_t default_port,
             struct insp_uplink_target *result, struct insp_faults *faults)
{
    size_t length = strcspn(rest, ":");
    const char *host = rest + length + 1;
    struct in_addr in;

    result->listens = true;
    if (!read_port(target, rest, length, default_port, &result->port,
                   faults)) {
        return false;
    }
    if (!rest[length]) {
        return true; /* Any address. */
    }
    if (*host == '[') {
        host = read_host(target, host, result, faults);
        if (host && *host) {
            insp_fault(faults,
                       "target '" QUOTE "': something stands behind "
                       "the address",
                       target);
            host = NULL;
        }
        return host != NULL;
    }
    if (inet_pton(AF_INET, host, &in) != 1) {
        insp_fault(faults,
                   "target '" QUOTE "': '" QUOTE "' is no address "
                   "to listen on: pssl:PORT:ADDRESS",
                   target, host);
        return false;
    }
    memcpy(result->host, host, strlen(host) + 1);
    return true;
}

bool
insp_config_target(const char *target, uint16_t default_port,
                   struct insp_uplink_target *result,
                   struct insp_faults *faults)
{
    memset(result, 0, sizeof *result);
    if (!strncmp(target, "pssl:", 5)) {
        return read_passive(target, target + 5, default_port, result, faults);
    } else if (!strncmp(target, "ssl:", 4)) {
        return read_active(target, target + 4, default_port, result, faults);
    }
    insp_fault(faults,
               !strncmp(target, "tcp:", 4) || !strncmp(target, "udp:", 4) ||
                       !strncmp(target, "ptcp:", 5)
                   ? "target '" QUOTE "': a plain uplink cannot be "
                     "configured; records go over TLS only: ssl:HOST:PORT"
                   : "target '" QUOTE "': not ssl:HOST:PORT",
               target);
    return false;
}

bool
insp_config_targets(const char *targets, uint16_t default_port,
                    struct insp_uplink_config *result,
                    struct insp_faults *faults)
{
    unsigned int n_before = faults->n;
    bool listens = false;

    result->n_targets = 0;
    for (const char *at = targets;;) {
        char one[600] = "";
        size_t length;

        at += strspn(at, " ");
        length = strcspn(at, ",");
        memcpy(one, at, INSP_MIN(length, sizeof one - 1));
        if (result->n_targets == INSP_MAX_TARGETS) {
            insp_fault(faults,
                       "target '" QUOTE "': one too many; %d is the "
                       "most",
                       one, INSP_MAX_TARGETS);
            break;
        }
        if (insp_config_target(one, default_port,
                               &result->targets[result->n_targets], faults)) {
            listens |= result->targets[result->n_targets].listens;
            result->n_targets++;
        }
        at += length;
        if (!*at++) {
            break;
        }
    }
    if (listens && result->n_targets > 1) {
        insp_fault(faults,
                   "target '" QUOTE "': what listens for the "
                   "collector must be the only one",
                   targets);
    }
    return faults->n == n_before;
}

static int
print_target(const struct insp_uplink_target *t, char *text, size_t size)
{
    bool bracket = strchr(t->host, ':') != NULL;
    const char *open = bracket ? "[" : "", *close = bracket ? "]" : "";

    return t->listens ? snprintf(text, size, "pssl:%u%s%s%s%s", t->port,
                                 t->host[0] ? ":" : "", open, t->host, close)
                      : snprintf(text, size, "ssl:%s%s%s:%u", open, t->host,
                                 close, t->port);
}

void
insp_config_targets_print(const struct insp_uplink_config *uplink, char *text,
                          size_t size)
{
    size_t used = 0;

    if (size) {
        text[0] = '\0';
    }
    for (unsigned int i = 0; i < uplink->n_targets && used + 1 < size; i++) {
        int n = 0;

        if (i) {
            text[used++] = ',';
            text[used] = '\0';
        }
        n = print_target(&uplink->targets[i], text + used, size - used);
        used += n > 0 ? (size_t) n : 0;
    }
}
