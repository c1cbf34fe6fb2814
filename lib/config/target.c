/* How it works
 *
 * From left to right: the scheme, the host up to ":" or between brackets, the
 * port.  A host is checked for its letters only, so that a mistake shows at
 * once; whether it exists is seen when it is dialled. */

#include "config/column.h"

#include <arpa/inet.h>
#include <string.h>

#define QUOTE INSP_QUOTE

/* A host name as in RFC 1123 (and underscores, which exist), or an IPv4
 * address, which has the same letters. */
static bool
is_host_name(const char *host)
{
    size_t length = strlen(host);

    return length && length <= 253 && host[0] != '-' && host[0] != '.'
           && !host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
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

bool
insp_config_target(const char *target, uint16_t default_port, char *host,
                   size_t host_size, uint16_t *port,
                   struct insp_faults *faults)
{
    const char *rest, *end, *digits;
    uint64_t number = default_port;
    bool bracket;

    if (!strncmp(target, "pssl:", 5)) {
        insp_fault(faults, "target '" QUOTE "': listening for the collector "
                   "is not in this version; dial out with ssl:HOST:PORT",
                   target);
        return false;
    }
    if (strncmp(target, "ssl:", 4)) {
        insp_fault(faults, !strncmp(target, "tcp:", 4)
                           || !strncmp(target, "udp:", 4)
                   ? "target '" QUOTE "': a plain uplink cannot be "
                     "configured; records go over TLS only: ssl:HOST:PORT"
                   : "target '" QUOTE "': not ssl:HOST:PORT", target);
        return false;
    }

    rest = target + 4;
    bracket = *rest == '[';
    rest += bracket;
    end = bracket ? strchr(rest, ']') : rest + strcspn(rest, ":");
    if (!end || (size_t) (end - rest) >= host_size) {
        insp_fault(faults, "target '" QUOTE "': %s", target,
                   end ? "the host name is too long" : "']' is missing");
        return false;
    }
    memcpy(host, rest, end - rest);
    host[end - rest] = '\0';

    digits = end + bracket;
    if (!bracket && *digits && strchr(digits + 1, ':')) {
        insp_fault(faults, "target '" QUOTE "': an IPv6 address stands in "
                   "brackets: ssl:[ADDRESS]:PORT", target);
        return false;
    }
    if (!(bracket ? is_ipv6(host) : is_host_name(host))) {
        insp_fault(faults, "target '" QUOTE "': '" QUOTE "' is no %s", target,
                   host, bracket ? "IPv6 address" : "host name");
        return false;
    }
    if (*digits && (*digits != ':' || !insp_config_uint(digits + 1, &number)
                    || !number || number > UINT16_MAX)) {
        insp_fault(faults, "target '" QUOTE "': port '" QUOTE "' is not a "
                   "whole number from 1 to 65535", target,
                   digits + (*digits == ':'));
        return false;
    }
    if (!number) {
        insp_fault(faults, "target '" QUOTE "': the port must be named for "
                   "this format: ssl:HOST:PORT", target);
        return false;
    }
    *port = number;
    return true;
}
