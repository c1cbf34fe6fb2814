/* How it works
 *
 *     pssl:PORT ==> peers (TLS, IPFIX or JSON) ==> lines ==> output
 *
 * One thread and one loop, as Open vSwitch's daemons have it.  A turn accepts
 * who has come, lets every peer do what is due while the output has room,
 * writes, answers ovs-appctl, and waits. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command-line.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "peer.h"
#include "socket-util.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector);

#define EXIT_USAGE       2
#define MAX_LISTENERS    16
#define MAX_SENSORS      10000
#define MAX_HANDSHAKES   256 /* Of the connections: strangers. */
#define ACCEPTS_PER_TURN 32
#define CHECK_FILES_MS   1000

struct listener {
    char *target; /* As the operator wrote it. */
    struct sockaddr_storage address;
    socklen_t address_size;
    int fd;
};

struct peer_node {
    struct ovs_list node;
    struct collector_peer *peer;
};

/* The options. */
static struct listener listeners[MAX_LISTENERS];
static size_t n_listeners;
static struct insp_tls_config tls_config = { .private_key = "",
                                             .certificate = "",
                                             .ca_cert = "",
                                             .protocols = "",
                                             .ciphers = "",
                                             .server = true };
static const char *output_path = "-";
static const char *unixctl_path;
static unsigned int stats_interval;
static unsigned int max_connections = 4096;

/* What they are used for. */
static struct collector_peer_config peer_config;
static struct insp_tls_context *tls;
static uint64_t tls_mark;
static long long int tls_check_at;
static struct collector_output *output;
static struct ovs_list peers = OVS_LIST_INITIALIZER(&peers);
static size_t n_peers;
static struct shash sensors = SHASH_INITIALIZER(&sensors);
static uint64_t n_accepted, n_refused;
static bool exiting;

OVS_NO_RETURN static void
usage(void)
{
    printf("%s: receives records of inspectors over TLS\n"
           "usage: %s [OPTIONS] --listen=pssl:PORT[:IP]\n"
           "\nReceiving:\n"
           "  --listen=pssl:PORT[:IP]     where sensors connect to (may come "
           "again)\n"
           "  -p, --private-key=FILE      our private key\n"
           "  -c, --certificate=FILE      our certificate\n"
           "  -C, --ca-cert=FILE          authority of the sensors' "
           "certificates\n"
           "  --ssl-protocols=LIST        TLSv1.2, TLSv1.3 (default: both)\n"
           "  --ssl-ciphers=LIST          of TLS 1.2 (default: OpenSSL's)\n"
           "  --allow-any-sensor-name     a sensor's name need not be in its "
           "certificate\n"
           "  --max-connections=N         at the same time (default: %u)\n"
           "\nWriting:\n"
           "  -o, --output=FILE           append JSON lines to FILE (default: "
           "-, stdout)\n"
           "  --stats-interval=SECONDS    log totals that often (default: "
           "never)\n",
           program_name, program_name, max_connections);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET            override default control socket "
           "name\n"
           "  -h, --help                  display this help message\n"
           "  -V, --version               display version information\n");
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

/* Listening. */

/* "pssl:PORT[:IP]", an IPv6 address with or without brackets. */
static void
parse_target(struct listener *l)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *) &l->address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &l->address;
    const char *target = l->target;
    const char *at = target + 5;
    char host[INET6_ADDRSTRLEN + 2];
    size_t digits;
    unsigned int port;

    if (strncmp(target, "pssl:", 5)) {
        usage_error("--listen=%s: not of the form pssl:PORT[:IP] (there is "
                    "no listening without TLS)",
                    target);
    }
    digits = strspn(at, "0123456789");
    ovs_strlcpy(host, at, MIN(digits + 1, sizeof host));
    if (!digits || digits > 5 || !str_to_uint(host, 10, &port) || !port ||
        port > 65535 || (at[digits] && at[digits] != ':')) {
        usage_error("--listen=%s: no port number (1 to 65535) behind 'pssl:'",
                    target);
    }
    at += digits + (at[digits] == ':');
    if (at[0] == '[' && strlen(at) < sizeof host) {
        ovs_strlcpy(host, at + 1, sizeof host);
        host[strcspn(host, "]")] = '\0';
    } else {
        ovs_strlcpy(host, at, sizeof host);
    }
    if (!host[0] || inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
        in4->sin_port = htons((uint16_t) port);
        l->address_size = sizeof *in4;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t) port);
        l->address_size = sizeof *in6;
    } else {
        usage_error("--listen=%s: '%s' is no IP address", target, at);
    }
}

static char *
address_text(const struct sockaddr_storage *ss)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in4 = (const struct sockaddr_in *) ss;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) ss;

    if (ss->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        return xasprintf("[%s]:%u", host, ntohs(in6->sin6_port));
    }
    inet_ntop(AF_INET, &in4->sin_addr, host, sizeof host);
    return xasprintf("%s:%u", host, ntohs(in4->sin_port));
}

static void
open_listener(struct listener *l)
{
    sa_family_t family = l->address.ss_family;
    char *text = address_text(&l->address);
    int one = 1;

    l->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        (family == AF_INET6 &&
         setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one)) ||
        bind(l->fd, (struct sockaddr *) &l->address, l->address_size) ||
        listen(l->fd, 128)) {
        ovs_fatal(errno, "%s: cannot listen on %s", l->target, text);
    }
    VLOG_INFO("listening on %s", text);
    free(text);
}

/* TLS. */

static void
load_tls(void)
{
    char why[512];
    struct insp_tls_context *fresh;

    tls_check_at = time_msec() + CHECK_FILES_MS;
    tls_mark = insp_tls_files_mark(&tls_config);
    fresh = insp_tls_context_create(&tls_config, why, sizeof why);
    if (fresh) {
        if (tls) {
            VLOG_INFO("certificate files were read again");
        }
        insp_tls_context_destroy(tls);
        tls = fresh;
    } else if (tls) {
        VLOG_WARN("%s; what was read before stays in use", why);
    } else {
        ovs_fatal(0, "%s", why);
    }
}

static void
check_tls_files(void)
{
    if (time_msec() >= tls_check_at) {
        tls_check_at = time_msec() + CHECK_FILES_MS;
        if (insp_tls_files_mark(&tls_config) != tls_mark) {
            load_tls();
        }
    }
    poll_timer_wait_until(tls_check_at);
}

/* Peers. */

static struct collector_sensor *
find_sensor(const char *name)
{
    struct collector_sensor *s = shash_find_data(&sensors, name);

    if (!s && shash_count(&sensors) < MAX_SENSORS) {
        s = xzalloc(sizeof *s);
        s->name = xstrdup(name);
        shash_add(&sensors, name, s);
    }
    return s;
}

static void
set_keepalive(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 30 },
        { IPPROTO_TCP, TCP_KEEPINTVL, 10 },
        { IPPROTO_TCP, TCP_KEEPCNT, 3 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (setsockopt(fd, options[i].level, options[i].name,
                       &options[i].value, sizeof options[i].value)) {
            VLOG_WARN_ONCE("cannot set a keepalive option: %s",
                           ovs_strerror(errno));
        }
    }
}

static void
end_peer(struct peer_node *node)
{
    ovs_list_remove(&node->node);
    collector_peer_destroy(node->peer);
    free(node);
    n_peers--;
}

/* Lets go of the stranger who has been here longest, so that a crowd of
 * silent ones does not keep sensors out. */
static void
end_oldest_stranger(void)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct peer_node *node, *oldest = NULL;
    struct collector_peer_stats s, of_oldest;

    LIST_FOR_EACH (node, node, &peers) {
        collector_peer_get_stats(node->peer, &s);
        if (collector_peer_is_stranger(node->peer) &&
            (!oldest || s.since_ms < of_oldest.since_ms)) {
            oldest = node;
            of_oldest = s;
        }
    }
    if (oldest) {
        VLOG_WARN_RL(&rl,
                     "%s: refused: %d others are in their TLS handshake "
                     "too",
                     of_oldest.address, MAX_HANDSHAKES);
        n_refused++;
        end_peer(oldest);
    }
}

static void
accept_from(struct listener *l, size_t *n_strangers)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage ss;
        socklen_t size = sizeof ss;
        struct collector_peer *peer;
        struct peer_node *node;
        char *address;
        int fd = accept(l->fd, (struct sockaddr *) &ss, &size);

        if (fd < 0) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                VLOG_WARN_RL(&rl, "%s: accept: %s", l->target,
                             ovs_strerror(errno));
            }
            return;
        }
        address = address_text(&ss);
        if (n_peers >= max_connections) {
            VLOG_WARN_RL(&rl,
                         "%s: refused: there are %u connections, and "
                         "--max-connections is that",
                         address, max_connections);
            close(fd);
            n_refused++;
        } else if (set_nonblocking(fd)) {
            close(fd);
        } else {
            set_keepalive(fd);
            peer = collector_peer_create(&peer_config, tls, fd, address);
            if (peer) {
                node = xmalloc(sizeof *node);
                node->peer = peer;
                ovs_list_push_back(&peers, &node->node);
                n_peers++;
                if (++*n_strangers > MAX_HANDSHAKES) {
                    end_oldest_stranger();
                    --*n_strangers;
                }
            }
        }
        free(address);
    }
}

/* Begins with another one each turn, so that all get their share of the
 * output's room. */
static size_t
run_peers(void)
{
    struct peer_node *node, *next;
    size_t n_strangers = 0;

    LIST_FOR_EACH_SAFE (node, next, node, &peers) {
        bool was_accepted = collector_peer_is_accepted(node->peer);
        enum collector_peer_end end = collector_peer_run(node->peer, output);

        if (!was_accepted && collector_peer_is_accepted(node->peer)) {
            n_accepted++;
        }
        if (end == PEER_ALIVE) {
            n_strangers += collector_peer_is_stranger(node->peer);
        } else {
            n_refused += end == PEER_REFUSED;
            end_peer(node);
        }
    }
    if (n_peers > 1) {
        ovs_list_push_back(&peers, ovs_list_pop_front(&peers));
    }
    return n_strangers;
}

/* Reports. */

static void
count_totals(uint64_t *records, uint64_t *bytes, uint64_t *lost,
             size_t *n_connected)
{
    struct shash_node *n;

    *records = *bytes = *lost = *n_connected = 0;
    SHASH_FOR_EACH (n, &sensors) {
        const struct collector_sensor *s = n->data;

        *records += s->records;
        *bytes += s->bytes;
        *lost += s->lost;
        *n_connected += s->n_connected > 0;
    }
}

static void
log_stats(void)
{
    static long long int next;
    uint64_t records, bytes, lost;
    size_t n;

    if (!stats_interval) {
        return;
    }
    if (!next || time_msec() >= next) {
        if (next) {
            count_totals(&records, &bytes, &lost, &n);
            VLOG_INFO("%" PRIuSIZE " sensors connected, %" PRIu64 " records, "
                      "%" PRIu64 " bytes received, %" PRIu64 " records lost",
                      n, records, bytes, lost);
        }
        next = time_msec() + stats_interval * 1000LL;
    }
    poll_timer_wait_until(next);
}

static struct json *
show_json(void)
{
    struct json *all = json_object_create(), *list = json_array_create_empty();
    struct json *file = json_object_create(), *rows;
    struct collector_output_stats o;
    struct peer_node *node;
    const struct shash_node **sorted = shash_sort(&sensors);

    for (size_t i = 0; i < n_listeners; i++) {
        json_array_add(list, json_string_create(listeners[i].target));
    }
    json_object_put(all, "listen", list);

    collector_output_get_stats(output, &o);
    json_object_put_string(file, "file", o.path);
    json_object_put(file, "lines", json_integer_create((long long) o.lines));
    json_object_put(file, "bytes", json_integer_create((long long) o.bytes));
    json_object_put(file, "waiting_bytes",
                    json_integer_create((long long) o.waiting));
    if (o.trouble) {
        json_object_put_string(file, "trouble", o.trouble);
    }
    json_object_put(all, "output", file);
    json_object_put(all, "accepted",
                    json_integer_create((long long) n_accepted));
    json_object_put(all, "refused",
                    json_integer_create((long long) n_refused));

    rows = json_array_create_empty();
    LIST_FOR_EACH (node, node, &peers) {
        const struct collector_sensor *s = collector_peer_sensor(node->peer);
        struct json *row = json_object_create();
        struct collector_peer_stats p;

        collector_peer_get_stats(node->peer, &p);
        json_object_put_string(row, "sensor", s ? s->name : "");
        json_object_put_string(row, "address", p.address);
        json_object_put_string(row, "format", p.format);
        json_object_put_string(row, "protocol", p.protocol);
        json_object_put_string(row, "subject", p.subject);
        json_object_put(row, "since_ms", json_integer_create(p.since_ms));
        json_object_put(row, "records",
                        json_integer_create((long long) p.records));
        json_object_put(row, "bytes",
                        json_integer_create((long long) p.bytes));
        json_object_put(row, "lost", json_integer_create((long long) p.lost));
        json_array_add(rows, row);
    }
    json_object_put(all, "connections", rows);

    rows = json_array_create_empty();
    for (size_t i = 0; i < shash_count(&sensors); i++) {
        const struct collector_sensor *s = sorted[i]->data;
        struct json *row = json_object_create();

        json_object_put_string(row, "sensor", s->name);
        json_object_put(row, "connected",
                        json_boolean_create(s->n_connected > 0));
        json_object_put(row, "connects",
                        json_integer_create((long long) s->connects));
        json_object_put(row, "records",
                        json_integer_create((long long) s->records));
        json_object_put(row, "bytes",
                        json_integer_create((long long) s->bytes));
        json_object_put(row, "lost", json_integer_create((long long) s->lost));
        json_object_put(row, "last_record_ms",
                        json_integer_create((long long) s->last_ms));
        json_array_add(rows, row);
    }
    free(sorted);
    json_object_put(all, "sensors", rows);
    return all;
}

static void
show_text(struct ds *out)
{
    struct collector_output_stats o;
    struct peer_node *node;
    const struct shash_node **sorted = shash_sort(&sensors);

    for (size_t i = 0; i < n_listeners; i++) {
        ds_put_format(out, "listen: %s\n", listeners[i].target);
    }
    collector_output_get_stats(output, &o);
    ds_put_format(out,
                  "output: %s, %" PRIu64 " lines, %" PRIu64 " bytes%s%s\n",
                  o.path, o.lines, o.bytes,
                  o.trouble ? ", cannot write: " : "",
                  o.trouble ? o.trouble : "");
    ds_put_format(out,
                  "connections: %" PRIuSIZE " now, %" PRIu64 " accepted, "
                  "%" PRIu64 " refused\n",
                  n_peers, n_accepted, n_refused);
    LIST_FOR_EACH (node, node, &peers) {
        const struct collector_sensor *s = collector_peer_sensor(node->peer);
        struct collector_peer_stats p;

        collector_peer_get_stats(node->peer, &p);
        ds_put_cstr(out, "  ");
        if (s) {
            ds_put_printable(out, s->name, strlen(s->name));
        } else {
            ds_put_char(out, '?');
        }
        ds_put_format(out, "  %s  %s  %s  %lld s  %" PRIu64 " records\n",
                      p.address, p.format, p.protocol,
                      (time_wall_msec() - p.since_ms) / 1000, p.records);
    }
    ds_put_format(out, "sensors: %" PRIuSIZE "\n", shash_count(&sensors));
    for (size_t i = 0; i < shash_count(&sensors); i++) {
        const struct collector_sensor *s = sorted[i]->data;

        ds_put_cstr(out, "  ");
        ds_put_printable(out, s->name, strlen(s->name));
        ds_put_format(out,
                      "  %s, %" PRIu64 " records, %" PRIu64 " bytes, "
                      "%" PRIu64 " lost\n",
                      s->n_connected ? "connected" : "not connected",
                      s->records, s->bytes, s->lost);
    }
    free(sorted);
}

static void
command_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    if (argc > 1 && strcmp(argv[1], "--json")) {
        unixctl_command_reply_error(conn, "the only option is --json");
    } else if (argc > 1) {
        struct json *json = show_json();
        char *text = json_to_string(json, JSSF_SORT);

        unixctl_command_reply(conn, text);
        free(text);
        json_destroy(json);
    } else {
        struct ds out = DS_EMPTY_INITIALIZER;

        show_text(&out);
        unixctl_command_reply(conn, ds_cstr(&out));
        ds_destroy(&out);
    }
}

static void
command_reopen(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    collector_output_reopen(output);
    unixctl_command_reply(conn, NULL);
}

static void
command_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    exiting = true;
    unixctl_command_reply(conn, NULL);
}

/* The beginning and the end. */

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_LISTEN = UCHAR_MAX + 1,
        OPT_PROTOCOLS,
        OPT_CIPHERS,
        OPT_ANY_NAME,
        OPT_MAX_CONNECTIONS,
        OPT_STATS_INTERVAL,
        OPT_UNIXCTL,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        { "listen", required_argument, NULL, OPT_LISTEN },
        { "private-key", required_argument, NULL, 'p' },
        { "certificate", required_argument, NULL, 'c' },
        { "ca-cert", required_argument, NULL, 'C' },
        { "ssl-protocols", required_argument, NULL, OPT_PROTOCOLS },
        { "ssl-ciphers", required_argument, NULL, OPT_CIPHERS },
        { "allow-any-sensor-name", no_argument, NULL, OPT_ANY_NAME },
        { "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
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
    int c;

    while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        switch (c) {
        case OPT_LISTEN:
            if (n_listeners >= MAX_LISTENERS) {
                usage_error("more than %d times --listen", MAX_LISTENERS);
            }
            listeners[n_listeners].target = xstrdup(optarg);
            parse_target(&listeners[n_listeners++]);
            break;
        case 'p': tls_config.private_key = abs_file_name(NULL, optarg); break;
        case 'c': tls_config.certificate = abs_file_name(NULL, optarg); break;
        case 'C': tls_config.ca_cert = abs_file_name(NULL, optarg); break;
        case OPT_PROTOCOLS: tls_config.protocols = optarg; break;
        case OPT_CIPHERS: tls_config.ciphers = optarg; break;
        case OPT_ANY_NAME: peer_config.any_name = true; break;
        case OPT_MAX_CONNECTIONS:
            max_connections = parse_number("max-connections", optarg, 1);
            break;
        case 'o': output_path = optarg; break;
        case OPT_STATS_INTERVAL:
            stats_interval = parse_number("stats-interval", optarg, 1);
            break;
        case OPT_UNIXCTL: unixctl_path = optarg; break;
        case 'h': usage();
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
    } else if (!n_listeners) {
        usage_error("--listen is missing");
    } else if (!tls_config.private_key[0] || !tls_config.certificate[0] ||
               !tls_config.ca_cert[0]) {
        usage_error("--private-key, --certificate and --ca-cert are needed");
    } else if (get_detach() && !strcmp(output_path, "-")) {
        usage_error("--detach needs --output=FILE: there is no standard "
                    "output then");
    }
}

static void
save_lines(void *aux OVS_UNUSED)
{
    collector_output_close(output);
    output = NULL;
}

static void
run_until_exit(struct unixctl_server *unixctl)
{
    while (!exiting) {
        struct peer_node *node;
        size_t n_strangers = run_peers();

        for (size_t i = 0; i < n_listeners; i++) {
            accept_from(&listeners[i], &n_strangers);
            poll_fd_wait(listeners[i].fd, POLLIN);
        }
        if (!collector_output_run(output)) {
            VLOG_INFO("nobody reads standard output any more");
            break;
        }
        check_tls_files();
        log_stats();
        unixctl_server_run(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }

        LIST_FOR_EACH (node, node, &peers) {
            collector_peer_wait(node->peer, output);
        }
        collector_output_wait(output);
        unixctl_server_wait(unixctl);
        poll_block();
    }
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    struct peer_node *node, *next;
    char *why;
    int error;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();
    peer_config.find_sensor = find_sensor;

    /* All that may be wrong is said before the daemon detaches. */
    load_tls();
    for (size_t i = 0; i < n_listeners; i++) {
        open_listener(&listeners[i]);
    }
    output = collector_output_open(output_path, &why);
    if (!output) {
        ovs_fatal(0, "%s", why);
    }

    daemonize_start(false);
    fatal_signal_add_hook(save_lines, NULL, NULL, true);
    error = unixctl_server_create(unixctl_path, &unixctl);
    if (error) {
        ovs_fatal(error, "cannot make the control socket");
    }
    unixctl_command_register("collector/show", "[--json]", 0, 1, command_show,
                             NULL);
    unixctl_command_register("collector/reopen", "", 0, 0, command_reopen,
                             NULL);
    unixctl_command_register("exit", "", 0, 0, command_exit, NULL);
    daemonize_complete();

    run_until_exit(unixctl);

    LIST_FOR_EACH_SAFE (node, next, node, &peers) {
        end_peer(node);
    }
    save_lines(NULL);
    for (size_t i = 0; i < n_listeners; i++) {
        close(listeners[i].fd);
        free(listeners[i].target);
    }
    insp_tls_context_destroy(tls);
    unixctl_server_destroy(unixctl);
    return EXIT_SUCCESS;
}
