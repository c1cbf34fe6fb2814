/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Options are taken one by one into the one struct; what they must be together
 * is looked at when all are there.  A fault ends the program at once, with the
 * word that is at fault. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build-config.h"
#include "config/config.h"
#include "live.h"
#include "options.h"

#define COUNT_MAX UINT64_C(1000000000000000000)

void
probe_usage_error(const char *format, ...)
{
    va_list args;

    fputs("ovs-inspect-probe: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; try --help\n", stderr);
    exit(PROBE_EXIT_USAGE);
}

static struct probe_options *options; /* That are being parsed. */

static void fail(const char *, const char *) __attribute__((noreturn));

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "ovs-inspect-probe: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void
usage(void)
{
    printf(
        "ovs-inspect-probe: what an inspector has to say of captured traffic\n"
        "usage: ovs-inspect-probe [OPTION]... -r FILE...\n"
        "       ovs-inspect-probe [OPTION]... -i INTERFACE\n"
        "\nReading:\n"
        "  -r, --read=FILE         pcap, pcapng; -: stdin; may come again\n"
        "  -i, --interface=NAME    live traffic, until a signal%s\n"
        "  -f, --filter=EXPR       of live traffic, as tcpdump has it\n"
        "  -c, --count=N           stop after N packets\n"
        "  -d, --duration=SECONDS  stop live traffic after that time\n"
        "  -s, --snaplen=N         cut packets as if captured to N bytes\n"
        "\nInspecting:\n"
        "  --flow-limit=N          connections in memory (default: %u)\n"
        "  --idle-timeout=SECONDS  without a packet, ends a connection (60)\n"
        "  --active-timeout=SECONDS\n"
        "                          between reports of a long one (60)\n"
        "  --batch=N               packets inspected at a time, 1 to %d;\n"
        "                          changes nothing in the output\n"
        "\nWriting:\n"
        "  -w, --write=FILE        default: -, stdout\n"
        "  --format=FORMAT         json (default): one object a line; ipfix:\n"
        "                          messages one behind the other\n"
        "  --only=WORD,...         only these records: flow, remainder,\n"
        "                          stats, or protocols such as tls,dns\n"
        "  --sensor=NAME           in records (default: probe)\n"
        "  -S, --stats             sums on stderr at the end\n"
        "  -q, --quiet             no progress bar\n"
        "\nTo a collector instead of a file:\n"
        "  -u, --uplink=ssl:HOST:PORT\n"
        "                          over TLS\n"
        "  -p, --private-key=FILE  our key\n"
        "  --certificate=FILE      our certificate\n"
        "  -C, --ca-cert=FILE      authority of the collector's certificate\n"
        "  --uplink-format=FORMAT  ipfix (default) or json\n"
        "\nOther options:\n"
        "  -h, --help              this text\n"
        "  -V, --version           display version information\n",
        probe_live_is_built() ? "" : " (not in this build)",
        options->session.flow_limit, INSP_BATCH_MAX);
    exit(EXIT_SUCCESS);
}

static uint64_t
number(const char *option, const char *text, uint64_t low, uint64_t high)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && value <= high; at++) {
        value = value * 10 + (uint64_t) (*at - '0');
    }
    if (*at || at == text || value < low || value > high) {
        probe_usage_error("--%s=%s: not a whole number from %" PRIu64
                          " to %" PRIu64,
                          option, text, low, high);
    }
    return value;
}

static enum insp_uplink_format
format(const char *option, const char *text)
{
    for (int i = INSP_UPLINK_IPFIX; i <= INSP_UPLINK_JSON; i++) {
        if (!strcmp(text,
                    insp_uplink_format_word((enum insp_uplink_format) i))) {
            return (enum insp_uplink_format) i;
        }
    }
    probe_usage_error("--%s=%s: not json or ipfix", option, text);
}

static void
set_path(const char *option, char to[INSP_PATH_SIZE], const char *path)
{
    if (strlen(path) >= INSP_PATH_SIZE) {
        probe_usage_error("--%s=%s: the name is too long", option, path);
    }
    memcpy(to, path, strlen(path) + 1);
}

enum {
    OPTION_ACTIVE = 256,
    OPTION_BATCH,
    OPTION_CERTIFICATE,
    OPTION_FLOW_LIMIT,
    OPTION_FORMAT,
    OPTION_IDLE,
    OPTION_ONLY,
    OPTION_SENSOR,
    OPTION_UPLINK_FORMAT,
};

static const char short_options[] = "r:i:f:c:d:s:w:Squ:p:C:hV";
static const struct option long_options[] = {
    { "read", required_argument, NULL, 'r' },
    { "interface", required_argument, NULL, 'i' },
    { "filter", required_argument, NULL, 'f' },
    { "count", required_argument, NULL, 'c' },
    { "duration", required_argument, NULL, 'd' },
    { "snaplen", required_argument, NULL, 's' },
    { "flow-limit", required_argument, NULL, OPTION_FLOW_LIMIT },
    { "idle-timeout", required_argument, NULL, OPTION_IDLE },
    { "active-timeout", required_argument, NULL, OPTION_ACTIVE },
    { "batch", required_argument, NULL, OPTION_BATCH },
    { "write", required_argument, NULL, 'w' },
    { "format", required_argument, NULL, OPTION_FORMAT },
    { "only", required_argument, NULL, OPTION_ONLY },
    { "sensor", required_argument, NULL, OPTION_SENSOR },
    { "stats", no_argument, NULL, 'S' },
    { "quiet", no_argument, NULL, 'q' },
    { "uplink", required_argument, NULL, 'u' },
    { "private-key", required_argument, NULL, 'p' },
    { "certificate", required_argument, NULL, OPTION_CERTIFICATE },
    { "ca-cert", required_argument, NULL, 'C' },
    { "uplink-format", required_argument, NULL, OPTION_UPLINK_FORMAT },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

static void
set_uplink(const char *target)
{
    struct insp_faults faults;

    insp_faults_init(&faults);
    if (!insp_config_targets(target, 4740, &options->uplink, &faults)) {
        probe_usage_error("--uplink: %s", faults.text);
    }
    snprintf(options->uplink.name, sizeof options->uplink.name, "%.63s",
             target);
    options->output.uplink = &options->uplink;
}

static void
add_file(const char *name)
{
    if (options->n_files == PROBE_FILES_MAX) {
        probe_usage_error("more than %d files", PROBE_FILES_MAX);
    }
    options->files[options->n_files++] = name;
}

static void
take_option(int c)
{
    switch (c) {
    case 'r': add_file(optarg); break;
    case 'i': options->interface = optarg; break;
    case 'f': options->filter = optarg; break;
    case 'c':
        options->max_packets = number("count", optarg, 1, COUNT_MAX);
        break;
    case 'd':
        options->max_seconds = number("duration", optarg, 1, 31536000);
        break;
    case 's':
        options->snaplen =
            (uint32_t) number("snaplen", optarg, 1, PROBE_PACKET_MAX);
        break;
    case OPTION_FLOW_LIMIT:
        options->session.flow_limit =
            (uint32_t) number("flow-limit", optarg, 1, 100000000);
        break;
    case OPTION_IDLE:
        options->session.idle_timeout_ms =
            1000 * (uint32_t) number("idle-timeout", optarg, 1, 86400);
        break;
    case OPTION_ACTIVE:
        options->session.active_timeout_ms =
            1000 * (uint32_t) number("active-timeout", optarg, 1, 86400);
        break;
    case OPTION_BATCH:
        options->session.batch =
            (unsigned int) number("batch", optarg, 1, INSP_BATCH_MAX);
        break;
    case 'w': options->output.file = optarg; break;
    case OPTION_FORMAT:
        options->output.format = format("format", optarg);
        break;
    case OPTION_ONLY: options->output.only = optarg; break;
    case OPTION_SENSOR:
        if (!*optarg || strlen(optarg) >= INSP_NAME_SIZE) {
            probe_usage_error("--sensor=%s: not a name of 1 to %d bytes",
                              optarg, INSP_NAME_SIZE - 1);
        }
        options->output.sensor = optarg;
        break;
    case 'S': options->wants_stats = true; break;
    case 'q': options->is_quiet = true; break;
    case 'u': set_uplink(optarg); break;
    case 'p':
        set_path("private-key", options->uplink.private_key, optarg);
        break;
    case OPTION_CERTIFICATE:
        set_path("certificate", options->uplink.certificate, optarg);
        break;
    case 'C': set_path("ca-cert", options->uplink.ca_cert, optarg); break;
    case OPTION_UPLINK_FORMAT:
        options->uplink.format = format("uplink-format", optarg);
        break;
    case 'h': usage(); break;
    case 'V':
        printf("ovs-inspect-probe (ovs-ext) %s\n", PACKAGE_VERSION);
        exit(EXIT_SUCCESS);
    default:
        fputs("try --help\n", stderr); /* getopt() has said why. */
        exit(PROBE_EXIT_USAGE);
    }
}

/* An uplink has all of its files, and nothing has them without one. */
static void
check_uplink(void)
{
    const char *paths[] = { options->uplink.private_key,
                            options->uplink.certificate,
                            options->uplink.ca_cert };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(paths); i++) {
        if (!options->output.uplink && paths[i][0]) {
            probe_usage_error("keys and certificates are for --uplink");
        }
        if (options->output.uplink && !paths[i][0]) {
            probe_usage_error(
                "--uplink needs --private-key, --certificate and "
                "--ca-cert");
        }
        if (options->output.uplink && access(paths[i], R_OK)) {
            fail(paths[i], strerror(errno));
        }
    }
    if (options->output.uplink && options->output.file) {
        probe_usage_error("records go to --uplink or to --write, not to both");
    }
}

static void
set_defaults(void)
{
    *options = (struct probe_options){
        .snaplen = PROBE_PACKET_MAX,
        .session = { .batch = INSP_BATCH_MAX,
                     .flow_limit = 262144,
                     .idle_timeout_ms = 60000,
                     .active_timeout_ms = 60000 },
        .output = { .format = INSP_UPLINK_JSON, .sensor = "probe" },
        .uplink = { .format = INSP_UPLINK_IPFIX,
                    .max_backoff_ms = 8000,
                    .queue_limit = 65536,
                    .inspectors = { PROBE_INSPECTOR },
                    .n_inspectors = 1 },
    };
}

static void
check_input(void)
{
    if (!options->n_files == !options->interface) {
        probe_usage_error(options->n_files
                              ? "either files or an interface, not both"
                              : "neither a file (-r) nor an interface (-i)");
    }
    if (options->n_files && (options->filter || options->max_seconds)) {
        probe_usage_error("--%s is for live traffic",
                          options->filter ? "filter" : "duration");
    }
    if (options->interface && !probe_live_is_built()) {
        fail(options->interface,
             "built without libpcap, which live traffic needs");
    }
}

void
probe_options_parse(int argc, char *argv[], struct probe_options *to)
{
    int c;

    options = to;
    set_defaults();
    while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) !=
           -1) {
        take_option(c);
    }
    if (optind < argc) {
        probe_usage_error("%s: files are read with -r", argv[optind]);
    }
    check_input();
    check_uplink();
}
