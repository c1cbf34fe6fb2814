/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: getopt_long(), with the families of options that all daemons
 * of Open vSwitch have; what cannot be together is said at the end. */

#include <config.h>

#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "daemon.h"
#include "journal.h"
#include "openvswitch/vlog.h"
#include "util.h"

#define EXIT_USAGE          2
#define JOURNAL_MAX_DEFAULT "1G"

OVS_NO_RETURN static void
usage(const struct collector_options *o)
{
    printf("%s: receives records of inspectors over TLS\n"
           "usage: %s [OPTIONS] --listen=pssl:PORT[:IP]\n"
           "       %s [OPTIONS] --connect=ssl:HOST:PORT[/SENSOR]\n"
           "\nReceiving:\n"
           "  --listen=pssl:PORT[:IP]     where sensors connect to (may come "
           "again)\n"
           "  --connect=ssl:HOST:PORT[/SENSOR]  a sensor that listens "
           "(may come again)\n"
           "  -p, --private-key=FILE      our private key\n"
           "  -c, --certificate=FILE      our certificate\n"
           "  -C, --ca-cert=FILE          authority of the sensors' "
           "certificates\n"
           "  --crl-file=FILE             certificates that are revoked\n"
           "  --token-file=FILE           push tokens, IDENTITY:SECRET a "
           "line\n"
           "  --ssl-protocols=LIST        TLSv1.2, TLSv1.3 (default: both)\n"
           "  --ssl-ciphers=LIST          of TLS 1.2 (default: forward "
           "secret, AEAD)\n"
           "  --ssl-ciphersuites=LIST     of TLS 1.3 (default: OpenSSL's)\n"
           "  --allow-any-sensor-name     a sensor's name need not be in its "
           "certificate\n"
           "  --max-connections=N         at the same time (default: %u)\n"
           "\nWriting:\n"
           "  --journal=DIR               keep records there, and "
           "acknowledge them\n"
           "  --journal-max-bytes=N       remove the oldest beyond that "
           "(default: " JOURNAL_MAX_DEFAULT ")\n"
           "  -o, --output=FILE           append JSON lines to FILE (default: "
           "-, stdout;\n"
           "                              with --journal: none)\n"
           "  --stats-interval=SECONDS    log totals that often (default: "
           "never)\n",
           program_name, program_name, program_name, o->max_connections);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET            where ovs-appctl finds the "
           "collector\n"
           "  -h, --help                  this text\n"
           "  -V, --version               which release this is\n");
    exit(EXIT_SUCCESS);
}

OVS_NO_RETURN static void usage_error(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);

OVS_NO_RETURN static void
usage_error(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", program_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; use --help for help\n");
    exit(EXIT_USAGE);
}

static unsigned int
parse_number(const char *option, const char *text, unsigned int least)
{
    unsigned int number;

    if (!str_to_uint(text, 10, &number) || number < least) {
        usage_error("--%s=%s: not a number of at least %u", option, text,
                    least);
    }
    return number;
}

/* "123", "64M", "10G", "1T" */
static uint64_t
parse_bytes(const char *option, const char *text, uint64_t least)
{
    static const char units[] = "kMGT";
    size_t digits = strspn(text, "0123456789");
    const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
    uint64_t number = strtoull(text, NULL, 10);

    if (!digits || digits > 15 || (text[digits] && !unit) ||
        (unit && text[digits + 1])) {
        usage_error("--%s=%s: not a number of bytes, such as 64M or 10G",
                    option, text);
    }
    for (ptrdiff_t i = unit ? unit - units + 1 : 0; i > 0; i--) {
        if (number > UINT64_MAX / 4096) {
            usage_error("--%s=%s: too many bytes", option, text);
        }
        number *= 1024;
    }
    if (number < least) {
        usage_error("--%s=%s: less than %" PRIu64 " bytes", option, text,
                    least);
    }
    return number;
}

static uint16_t
parse_port(const char *option, const char *target, const char *text, char end,
           const char **after)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long int port = strtoul(text, NULL, 10);

    if (!digits || digits > 5 || !port || port > 65535 ||
        (text[digits] && text[digits] != end)) {
        usage_error("--%s=%s: no port number (1 to 65535) in it", option,
                    target);
    }
    *after = text + digits + (text[digits] == end);
    return (uint16_t) port;
}

/* "pssl:PORT[:IP]", an IPv6 address with or without brackets. */
static void
parse_listen(struct collector_options *o, const char *target)
{
    struct collector_listen_option *l = &o->listen[o->n_listen];
    struct sockaddr_in *in4 = (struct sockaddr_in *) &l->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &l->address;
    char host[INET6_ADDRSTRLEN + 2];
    const char *at;
    uint16_t port;

    if (o->n_listen >= COLLECTOR_LISTENERS_MAX) {
        usage_error("more than %d times --listen", COLLECTOR_LISTENERS_MAX);
    } else if (strncmp(target, "pssl:", 5)) {
        usage_error("--listen=%s: not of the form pssl:PORT[:IP] (there is "
                    "no listening without TLS)",
                    target);
    }
    port = parse_port("listen", target, target + 5, ':', &at);
    ovs_strlcpy(host, at + (at[0] == '['), sizeof host);
    if (at[0] == '[') {
        host[strcspn(host, "]")] = '\0';
    }
    if (!host[0] || inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
        in4->sin_port = htons(port);
        l->address_size = sizeof *in4;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        l->address_size = sizeof *in6;
    } else {
        usage_error("--listen=%s: '%s' is no IP address", target, at);
    }
    l->target = xstrdup(target);
    o->n_listen++;
}

static void
parse_connect(struct collector_options *o, const char *target)
{
    struct collector_connect_option *c = &o->connect[o->n_connect];
    const char *host = target + 4, *end, *sensor;

    if (o->n_connect >= COLLECTOR_DIALERS_MAX) {
        usage_error("more than %d times --connect", COLLECTOR_DIALERS_MAX);
    } else if (strncmp(target, "ssl:", 4)) {
        usage_error("--connect=%s: not of the form ssl:HOST:PORT[/SENSOR] "
                    "(there is no connection without TLS)",
                    target);
    }
    if (host[0] == '[') {
        host++;
        end = strchr(host, ']');
        end = end && end[1] == ':' ? end : NULL;
    } else {
        end = strchr(host, ':');
    }
    if (!end || end == host || end - host > 253) {
        usage_error("--connect=%s: not of the form ssl:HOST:PORT[/SENSOR]",
                    target);
    }
    c->host = xmemdup0(host, (size_t) (end - host));
    c->port = parse_port("connect", target, end + (*end == ']' ? 2 : 1), '/',
                         &sensor);
    c->sensor = xstrdup(sensor);
    c->target = xstrdup(target);
    o->n_connect++;
}

static void
check(struct collector_options *o, bool has_output)
{
    const struct insp_tls_config *t = &o->tls;
    bool has_all = t->private_key[0] && t->certificate[0] && t->ca_cert[0];
    bool has_some = t->private_key[0] || t->certificate[0] || t->ca_cert[0];

    if (!o->n_listen && !o->n_connect) {
        usage_error("--listen is missing, or --connect");
    } else if (!has_all && (has_some || !t->token_file[0])) {
        usage_error("--private-key, --certificate and --ca-cert are needed, "
                    "or --token-file");
    } else if (t->crl_file[0] && !has_all) {
        usage_error("--crl-file is of use with --ca-cert only");
    } else if (o->n_connect && has_all && t->token_file[0]) {
        usage_error("--connect takes either certificates or --token-file: run "
                    "a second collector for the others");
    }
    if (!has_output && o->journal) {
        o->output = NULL;
    }
    if (get_detach() && o->output && !strcmp(o->output, "-")) {
        usage_error("--detach needs --output=FILE or --journal=DIR: there is "
                    "no standard output then");
    }
}

void
collector_options_parse(int argc, char *argv[], struct collector_options *o)
{
    enum {
        OPT_LISTEN = UCHAR_MAX + 1,
        OPT_CONNECT,
        OPT_CRL,
        OPT_TOKENS,
        OPT_PROTOCOLS,
        OPT_CIPHERS,
        OPT_CIPHERSUITES,
        OPT_ANY_NAME,
        OPT_MAX_CONNECTIONS,
        OPT_JOURNAL,
        OPT_JOURNAL_MAX,
        OPT_STATS_INTERVAL,
        OPT_UNIXCTL,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        { "listen", required_argument, NULL, OPT_LISTEN },
        { "connect", required_argument, NULL, OPT_CONNECT },
        { "private-key", required_argument, NULL, 'p' },
        { "certificate", required_argument, NULL, 'c' },
        { "ca-cert", required_argument, NULL, 'C' },
        { "crl-file", required_argument, NULL, OPT_CRL },
        { "token-file", required_argument, NULL, OPT_TOKENS },
        { "ssl-protocols", required_argument, NULL, OPT_PROTOCOLS },
        { "ssl-ciphers", required_argument, NULL, OPT_CIPHERS },
        { "ssl-ciphersuites", required_argument, NULL, OPT_CIPHERSUITES },
        { "allow-any-sensor-name", no_argument, NULL, OPT_ANY_NAME },
        { "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
        { "journal", required_argument, NULL, OPT_JOURNAL },
        { "journal-max-bytes", required_argument, NULL, OPT_JOURNAL_MAX },
        { "output", required_argument, NULL, 'o' },
        { "stats-interval", required_argument, NULL, OPT_STATS_INTERVAL },
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        { NULL, 0, NULL, 0 },
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    struct insp_tls_config *tls = &o->tls;
    bool has_output = false;
    int c;

    memset(o, 0, sizeof *o);
    *tls = (struct insp_tls_config){ .private_key = "",
                                     .certificate = "",
                                     .ca_cert = "",
                                     .protocols = "",
                                     .ciphers = "",
                                     .crl_file = "",
                                     .token_file = "" };
    o->max_connections = 4096;
    o->output = "-";
    o->journal_max_bytes =
        parse_bytes("journal-max-bytes", JOURNAL_MAX_DEFAULT, 0);
    while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        switch (c) {
        case OPT_LISTEN: parse_listen(o, optarg); break;
        case OPT_CONNECT: parse_connect(o, optarg); break;
        case 'p': tls->private_key = abs_file_name(NULL, optarg); break;
        case 'c': tls->certificate = abs_file_name(NULL, optarg); break;
        case 'C': tls->ca_cert = abs_file_name(NULL, optarg); break;
        case OPT_CRL: tls->crl_file = abs_file_name(NULL, optarg); break;
        case OPT_TOKENS: tls->token_file = abs_file_name(NULL, optarg); break;
        case OPT_PROTOCOLS: tls->protocols = optarg; break;
        case OPT_CIPHERS: tls->ciphers = optarg; break;
        case OPT_CIPHERSUITES: tls->ciphersuites = optarg; break;
        case OPT_ANY_NAME: o->any_name = true; break;
        case OPT_MAX_CONNECTIONS:
            o->max_connections = parse_number("max-connections", optarg, 1);
            break;
        case OPT_JOURNAL: o->journal = abs_file_name(NULL, optarg); break;
        case OPT_JOURNAL_MAX:
            o->journal_max_bytes = parse_bytes("journal-max-bytes", optarg,
                                               COLLECTOR_JOURNAL_MIN);
            break;
        case 'o':
            o->output = optarg;
            has_output = true;
            break;
        case OPT_STATS_INTERVAL:
            o->stats_interval = parse_number("stats-interval", optarg, 1);
            break;
        case OPT_UNIXCTL: o->unixctl = optarg; break;
        case 'h': usage(o);
        case 'V':
            ovs_print_version(0, 0);
            exit(EXIT_SUCCESS);
            DAEMON_OPTION_HANDLERS
            VLOG_OPTION_HANDLERS
        case '?': exit(EXIT_USAGE);
        default: abort();
        }
    }
    free(short_options);
    if (optind < argc) {
        usage_error("'%s' is no option", argv[optind]);
    }
    check(o, has_output);
}
