/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Kinds of commands, told apart by their first word:
 *
 *     enable, add-rule, ...     a transaction of our own on the database,
 *                               then wait until ovs-vswitchd has taken it up
 *     show, flows, top, ...     asked of ovs-vswitchd over its control socket
 *     doctor                    everything that can be looked at
 *     rules, functions, sets    both: the database's words, live counters
 *     list, set, create, ...    Open vSwitch's generic database commands
 *
 * Options of ours may stand before or behind the command; of the generic ones
 * they stand before it, as with ovs-vsctl.  Exit status: 0 done, 1 failed, 2
 * used wrongly. */

#include <config.h>

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "daemon.h"
#include "db-ctl-base.h"
#include "dirs.h"
#include "doctor.h"
#include "fatal-signal.h"
#include "inspectctl.h"
#include "openvswitch/vlog.h"
#include "stream-ssl.h"
#include "table.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspectctl);

#define EXIT_USAGE 2

/* Options, by long name; what an option without a value got is "". */
static struct shash options = SHASH_INITIALIZER(&options);
static const char *remote;
static unsigned int timeout;
static struct table_style table_style = TABLE_STYLE_DEFAULT;

const char *
option(const char *name)
{
    return shash_find_data(&options, name);
}

unsigned int
option_timeout(void)
{
    return timeout;
}

void
fail(const char *format, ...)
{
    va_list args;
    char *message;

    va_start(args, format);
    message = xvasprintf(format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program_name, message);
    exit(EXIT_FAILURE);
}

void
fail_usage(const char *format, ...)
{
    va_list args;
    char *message;

    va_start(args, format);
    message = xvasprintf(format, args);
    va_end(args);
    fprintf(stderr, "%s: %s (use --help for help)\n", program_name, message);
    exit(EXIT_USAGE);
}

/* The help, in the parts that a line of C can hold. */
static void
usage_of_changes(void)
{
    printf("\
Commands that change the configuration:\n\
  enable BRIDGE             inspect BRIDGE\n\
    --inspector=NAME        by this inspector (default: the bridge's, or one\n\
                            called \"default\", made if there is none)\n\
    --mode=tap|inline       whether verdicts touch packets\n\
    --select=vm-to-vm|vm|all|flows\n\
                            what is inspected without a flow that says so\n\
    --uplink=TARGET         send records to ssl:HOST[:PORT]\n\
    --uplink-format=ipfix|json  in this encoding\n\
    --private-key=FILE --certificate=FILE --ca-cert=FILE\n\
                            with these (default: table SSL)\n\
  disable BRIDGE            inspect BRIDGE no longer\n\
    --inspector=NAME        by this inspector (default: by any)\n\
\n\
  add-rule INSPECTOR NAME [KEY=VALUE]...\n\
                            give INSPECTOR a rule\n\
    slot=N                  slot 0 to 11 (default: 2, the firewall)\n\
    priority=N              the higher one is looked at first (1000)\n\
    direction=both|from-vm|to-vm\n\
    source=TERM[,TERM]...   any, address or prefix, MAC, iface:ID, vm:ID,\n\
    destination=TERM[,...]  port:NAME, set:NAME, id:KEY=VALUE, and !TERM for\n\
                            what it is not\n\
    service=SERVICE[,...]   any, tcp/80, udp/5000-5999, sctp/N, icmp,\n\
                            icmp/8, icmp6, proto/47, arp, nd, app:tls,\n\
                            sni:NAME\n\
    action=allow|drop|reset|redirect|alert\n\
    symmetric               the packets of the other way, too\n\
    log                     leave an alert record as well\n\
    enabled=false           keep it, but do not use it\n\
  del-rule INSPECTOR NAME...  take rules away\n\
  load-rules INSPECTOR FILE   add the rules in FILE (-: standard input), one\n\
                            a line as behind \"add-rule INSPECTOR\", all at\n\
                            once or none\n\
    --prune                 and take all others of INSPECTOR away\n\
\n");
}

static void
usage_of_functions(void)
{
    printf("\
  add-function INSPECTOR NAME slot=N input=PORT [KEY=VALUE]...\n\
                            a service function behind ports of the bridge\n\
    slot=N                  slot 4 to 11\n\
    input=PORT              where packets go in, and\n\
    output=PORT             where they come out (default: the same)\n\
    arms=fixed|by-direction  to-vm packets the other way round\n\
    fail_mode=open|closed   while it is down: skip it, or drop\n\
    encap=none|vlan|nsh     what carries the context of a packet\n\
    flight_timeout=MS probe_interval=MS probe_timeout=MS\n\
  del-function INSPECTOR NAME\n\
  swap-slots NAME NAME      exchange the slots of two functions at once\n\
\n\
  add-set NAME ADDRESS...   addresses and prefixes for set:NAME in rules;\n\
                            @FILE stands for what is in FILE\n\
  del-set NAME\n\
  add-address NAME ADDRESS...\n\
  del-address NAME ADDRESS...\n\
\n\
  --may-exist               add-...: what is there already stays as it is\n\
  --replace                 add-..., load-rules: it gets the new settings\n\
  --if-exists               del-...: what is not there is no error\n\
  --no-wait                 all of these: do not wait until ovs-vswitchd has\n\
                            taken it up\n\
\n");
}

static void
usage_of_uplinks(void)
{
    printf("\
  add-uplink INSPECTOR NAME target=TARGET [KEY=VALUE]...\n\
                            send records of INSPECTOR to a collector\n\
    target=TARGET[,TARGET]...  ssl:HOST[:PORT], in the order of trying; or\n\
                            pssl:[PORT][:ADDRESS], where it dials\n\
    format=ipfix|json       in this encoding\n\
    private_key=FILE certificate=FILE ca_cert=FILE\n\
                            with these (default: table SSL)\n\
    crl_file=FILE           certificates that have been revoked\n\
    bootstrap_ca_cert       take the collector's CA on first sight\n\
    token_file=FILE         or with a push token instead (see token)\n\
    spool_dir=DIR spool_max_bytes=N\n\
                            what memory has no room for goes to disk\n\
    max_backoff=MS inactivity_probe=MS\n\
  del-uplink INSPECTOR NAME\n\
  token FILE [IDENTITY]     make a push token and write it to FILE, for its\n\
                            owner only (default: the switch's system-id)\n\
\n");
}

static void
usage_of_looking(void)
{
    printf("\
Commands that look (all with --json; most may be given the name of an\n\
INSPECTOR):\n\
  doctor                    what is wrong with this installation, and what to\n\
                            do; exits 0: nothing, 1: warnings, 2: errors\n\
  size [FLOW_LIMIT]...      memory that so many connections need, and what\n\
                            there is (default: the inspectors'; no --json)\n\
  show                      inspectors, uplinks and what they do\n\
  rules                     rules in the order in which they are looked at,\n\
                            with counters; load-rules reads the same\n\
  functions                 service functions: state and counters\n\
  sets [NAME]               address sets\n\
  explain INSPECTOR in=PORT out=PORT src=ADDRESS dst=ADDRESS SERVICE\n\
                            which rules match such a packet, slot by slot,\n\
                            and what becomes of it\n\
    sport=N dport=N icmp_type=N src_mac=MAC dst_mac=MAC\n\
    app=PROTOCOL sni=NAME     what its connection is known to speak\n\
  flows [--limit=N] [--sort]  connections now; --sort: the largest first\n\
  top [--interval=SECS] [-n N | --once]\n\
                            the busiest connections, again and again\n\
  listeners                 services that were seen to answer, the weakest\n\
                            first\n\
  stats                     every counter\n\
  uplinks                   connections to collectors\n\
  uplink-test NAME          dial from here as the uplink does, and say what\n\
                            is wrong (no --json)\n\
  coverage                  VM ports: what of their traffic is inspected\n\
  flush                     end all connections and report them\n");
}

OVS_NO_RETURN static void
usage(void)
{
    printf("\
%s: watches over the packets inside Open vSwitch\n\
usage: %s [OPTIONS] COMMAND [ARG...]\n\
\n",
           program_name, program_name);
    usage_of_changes();
    usage_of_uplinks();
    usage_of_functions();
    usage_of_looking();
    printf("\
%s\
%s\
\n\
Options:\n\
  --db=DATABASE             connect to DATABASE\n\
                            (default: %s)\n\
  --target=TARGET           pidfile or socket of ovs-vswitchd\n\
                            (default: %s)\n\
  -T, --timeout=SECS        give up after SECS seconds\n\
  --json                    answer in JSON\n",
           ctl_get_db_cmd_usage(), ctl_list_db_tables_usage(),
           ctl_default_db(), ask_get_target());
    table_usage();
    vlog_usage();
    printf("\
\n\
Other options:\n\
  -h, --help                display this help message\n\
  -V, --version             display version information\n");
    exit(EXIT_SUCCESS);
}

/* The command line. */
#define ENABLE_OPTIONS                                                        \
    "inspector mode select uplink uplink-format "                             \
    "private-key certificate ca-cert no-wait"

static const struct command {
    const char *name;
    int min_args, max_args;
    const char *needs; /* For who gives others. */
    const char *takes; /* Options of its own. */
    bool changes;      /* The configuration. */
    void (*run)(int argc, char *argv[]);
} own_commands[] = {
    { "enable", 1, 1, "the name of a bridge, and nothing else", ENABLE_OPTIONS,
      true, command_switch },
    { "disable", 1, 1, "the name of a bridge, and nothing else",
      "inspector no-wait", true, command_switch },
    { "add-rule", 2, INT_MAX, "an inspector, a name and KEY=VALUE...",
      "may-exist replace no-wait", true, command_add_rule },
    { "del-rule", 2, INT_MAX, "an inspector and names of rules",
      "if-exists no-wait", true, command_del_rule },
    { "load-rules", 2, 2, "an inspector and a file",
      "may-exist replace prune no-wait", true, command_load_rules },
    { "add-function", 2, INT_MAX, "an inspector, a name and KEY=VALUE...",
      "may-exist replace no-wait", true, command_add_function },
    { "del-function", 2, 2, "an inspector and the name of a function",
      "if-exists no-wait", true, command_del_function },
    { "swap-slots", 2, 2, "the names of two functions", "no-wait", true,
      command_swap_slots },
    { "add-set", 1, INT_MAX, "a name and addresses",
      "may-exist replace no-wait", true, command_add_set },
    { "del-set", 1, 1, "the name of a set", "if-exists no-wait", true,
      command_del_set },
    { "add-address", 2, INT_MAX, "the name of a set and addresses", "no-wait",
      true, command_change_set },
    { "del-address", 2, INT_MAX, "the name of a set and addresses",
      "if-exists no-wait", true, command_change_set },
    { "add-uplink", 2, INT_MAX, "an inspector, a name and KEY=VALUE...",
      "may-exist replace no-wait", true, command_add_uplink },
    { "del-uplink", 2, 2, "an inspector and the name of an uplink",
      "if-exists no-wait", true, command_del_uplink },
    { "token", 1, 2, "a file, and perhaps an identity", "replace", false,
      command_token },
    { "uplink-test", 1, 1, "the name of an uplink", "", false,
      command_uplink_test },
    { "doctor", 0, 0, "no argument", "json", false, command_doctor },
    { "size", 0, INT_MAX, "numbers of connections, or nothing", "", false,
      command_size },
    { "rules", 0, 1, NULL, "json", false, command_rules },
    { "functions", 0, 1, NULL, "json", false, command_functions },
    { "sets", 0, 1, "the name of a set, or nothing", "json", false,
      command_sets },
    { "explain", 1, INT_MAX, "an inspector and what to explain", "json", false,
      command_ask },
    { "show", 0, 1, NULL, "json", false, command_ask },
    { "flows", 0, 1, NULL, "json limit sort", false, command_ask },
    { "top", 0, 1, NULL, "interval iterations once", false, command_top },
    { "listeners", 0, 1, NULL, "json", false, command_ask },
    { "stats", 0, 1, NULL, "json", false, command_ask },
    { "uplinks", 0, 0, "no argument", "json", false, command_ask },
    { "coverage", 0, 0, "no argument", "json", false, command_ask },
    { "flush", 0, 1, NULL, "json", false, command_ask },
};

enum {
    OPT_DB = UCHAR_MAX + 1,
    OPT_TARGET,
    OPT_OWN,
    OPT_LOCAL,
    VLOG_OPTION_ENUMS,
    TABLE_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
};

static const struct option long_options[] = {
    { "db", required_argument, NULL, OPT_DB },
    { "target", required_argument, NULL, OPT_TARGET },
    { "timeout", required_argument, NULL, 'T' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "json", no_argument, NULL, OPT_OWN },
    { "inspector", required_argument, NULL, OPT_OWN },
    { "mode", required_argument, NULL, OPT_OWN },
    { "select", required_argument, NULL, OPT_OWN },
    { "uplink", required_argument, NULL, OPT_OWN },
    { "uplink-format", required_argument, NULL, OPT_OWN },
    { "private-key", required_argument, NULL, 'p' },
    { "certificate", required_argument, NULL, 'c' },
    { "ca-cert", required_argument, NULL, 'C' },
    { "no-wait", no_argument, NULL, OPT_OWN },
    { "limit", required_argument, NULL, OPT_OWN },
    { "sort", no_argument, NULL, OPT_OWN },
    { "interval", required_argument, NULL, OPT_OWN },
    { "iterations", required_argument, NULL, 'n' },
    { "once", no_argument, NULL, OPT_OWN },
    { "may-exist", no_argument, NULL, OPT_OWN },
    { "replace", no_argument, NULL, OPT_OWN },
    { "prune", no_argument, NULL, OPT_OWN },
    VLOG_LONG_OPTIONS,
    TABLE_LONG_OPTIONS,
    { NULL, 0, NULL, 0 },
};

/* Of ours, and of the generic commands with a meaning of their own. */
static const struct option if_exists = {
    "if-exists",
    no_argument,
    NULL,
    OPT_OWN,
};

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(own_commands); i++) {
        if (!strcmp(own_commands[i].name, name)) {
            return &own_commands[i];
        }
    }
    return NULL;
}

/* Whether option 'word' takes the next word as its value. */
static bool
takes_next(const char *word)
{
    if (!strncmp(word, "--", 2)) {
        for (const struct option *o = long_options; o->name; o++) {
            if (!strcmp(o->name, word + 2)) {
                return o->has_arg == required_argument;
            }
        }
        return false;
    }
    for (const struct option *o = long_options; o->name; o++) {
        if (o->val == word[1] && !word[2]) {
            return o->has_arg == required_argument;
        }
    }
    return false;
}

/* The command, if it is one of ours: the first word that is neither an
 * option nor the value of one. */
static const struct command *
guess_command(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            return find_command(argv[i]);
        } else if (!strcmp(argv[i], "--")) {
            return NULL;
        }
        i += takes_next(argv[i]);
    }
    return NULL;
}

static void
keep_option(const char *name, const char *value)
{
    shash_replace(&options, name, value ? value : "");
}

/* All options: for one of our commands ours, for others the generic ones. */
static struct option *
list_options(const struct command *own, size_t *n_global)
{
    size_t n_options = ARRAY_SIZE(long_options) - 1;
    size_t allocated = ARRAY_SIZE(long_options) + 1;
    struct option *all = xcalloc(allocated, sizeof *all);

    memcpy(all, long_options, sizeof long_options);
    *n_global = n_options;
    if (own) {
        all[n_options] = if_exists;
        *n_global = n_options + 1;
    } else {
        ctl_add_cmd_options(&all, &n_options, &allocated, OPT_LOCAL);
    }
    return all;
}

static void
keep_local_option(struct shash *local_options, const char *name)
{
    if (shash_find(local_options, name)) {
        fail_usage("--%s is given twice", name);
    }
    shash_add_nocopy(local_options, xasprintf("--%s", name),
                     nullable_xstrdup(optarg));
}

static void
parse_option(int c, const char *name, struct shash *local_options)
{
    switch (c) {
    case OPT_DB: remote = optarg; break;
    case OPT_TARGET: ask_set_target(optarg); break;
    case OPT_OWN: keep_option(name, optarg); break;
    case OPT_LOCAL: keep_local_option(local_options, name); break;
    case 'n': keep_option("iterations", optarg); break;
    case 'p': keep_option("private-key", optarg); break;
    case 'c': keep_option("certificate", optarg); break;
    case 'C': keep_option("ca-cert", optarg); break;

    case 'T':
        if (!str_to_uint(optarg, 10, &timeout) || !timeout) {
            fail_usage("--timeout=%s: not a number of seconds", optarg);
        }
        break;

    case 'h': usage();

    case 'V':
        ovs_print_version(0, 0);
        printf("DB Schema %s\n", ovsrec_get_db_version());
        exit(EXIT_SUCCESS);

        VLOG_OPTION_HANDLERS
        TABLE_OPTION_HANDLERS(&table_style)

    case '?': exit(EXIT_USAGE);

    case 0: break;

    default: OVS_NOT_REACHED();
    }
}

static void
parse_options(int argc, char *argv[], const struct command *own,
              struct shash *local_options)
{
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    char *all_short = xasprintf("%s%s", own ? "" : "+", short_options);
    size_t n_global;
    struct option *all = list_options(own, &n_global);

    for (;;) {
        int index = -1;
        int c = getopt_long(argc, argv, all_short, all, &index);

        if (c == -1) {
            break;
        }
        parse_option(c, index >= 0 ? all[index].name : NULL, local_options);
    }
    for (size_t i = n_global; all[i].name; i++) {
        free(CONST_CAST(char *, all[i].name));
    }
    free(all);
    free(all_short);
    free(short_options);
}

/* An option that the command has no use for is a mistake. */
static void
check_options(const struct command *own)
{
    struct sset takes;
    struct shash_node *node;

    sset_from_delimited_string(&takes, own ? own->takes : "", " ");
    SHASH_FOR_EACH (node, &options) {
        if (!sset_contains(&takes, node->name)) {
            fail_usage("%s does not take --%s",
                       own ? own->name : "that command", node->name);
        }
    }
    sset_destroy(&takes);
    if (!option("uplink")) {
        static const char *const of_uplink[] = {
            "uplink-format",
            "private-key",
            "certificate",
            "ca-cert",
        };

        for (size_t i = 0; i < ARRAY_SIZE(of_uplink); i++) {
            if (option(of_uplink[i])) {
                fail_usage("--%s needs --uplink", of_uplink[i]);
            }
        }
    }
}

static void
run_own(const struct command *own, int argc, char *argv[])
{
    if (!argc || own != find_command(argv[0])) {
        fail_usage("'%s' is not a command", argc ? argv[0] : own->name);
    }
    if (argc - 1 < own->min_args || argc - 1 > own->max_args) {
        fail_usage("%s needs %s", own->name,
                   own->needs ? own->needs
                              : "the name of an inspector, or nothing");
    }

    /* What changes something waits for ovs-vswitchd no longer than that. */
    if (!own->changes) {
        ctl_timeout_setup(timeout);
    }
    own->run(argc, argv);
}

int
main(int argc, char *argv[])
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    const struct command *own;

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    vlog_set_levels(NULL, VLF_SYSLOG, VLL_OFF);
    generic_init();

    own = guess_command(argc, argv);
    parse_options(argc, argv, own, &local_options);
    check_options(own);
    db_set_remote(remote ? remote : ctl_default_db());
    if (own) {
        run_own(own, argc - optind, argv + optind);
    } else {
        ctl_timeout_setup(timeout);
        generic_run(argc - optind, argv + optind, &local_options,
                    &table_style);
    }
    return EXIT_SUCCESS;
}
