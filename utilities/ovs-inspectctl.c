/* How it works
 *
 * Three kinds of commands, told apart by their first word:
 *
 *     enable, disable           a transaction of our own on the database,
 *                               then wait until ovs-vswitchd has taken it up
 *     show, flows, top, ...     asked of ovs-vswitchd over its control socket
 *     list, set, create, ...    Open vSwitch's generic database commands
 *
 * Options of the first two kinds may stand before or behind the command; of
 * the third they stand before it, as with ovs-vsctl.  Exit status: 0 done,
 * 1 failed, 2 used wrongly. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "command-line.h"
#include "compiler.h"
#include "daemon.h"
#include "db-ctl-base.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "hash.h"
#include "jsonrpc.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "sset.h"
#include "stream-ssl.h"
#include "svec.h"
#include "table.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspectctl);

#define EXIT_USAGE 2
#define WAIT_SECONDS 5              /* For ovs-vswitchd to take it up. */
#define TOP_FLOWS "5000"            /* That "top" chooses from. */

/* Options, by long name; what an option without a value got is "". */
static struct shash options = SHASH_INITIALIZER(&options);
static const char *db;
static const char *target = "ovs-vswitchd";
static unsigned int timeout;
static struct table_style table_style = TABLE_STYLE_DEFAULT;

static struct ovsdb_idl *the_idl;
static struct ovsdb_idl_txn *the_txn;

static const char *
option(const char *name)
{
    return shash_find_data(&options, name);
}

OVS_NO_RETURN static void OVS_PRINTF_FORMAT(1, 2)
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

OVS_NO_RETURN static void OVS_PRINTF_FORMAT(1, 2)
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

OVS_NO_RETURN static void
usage(void)
{
    printf("\
%s: watches over the packets inside Open vSwitch\n\
usage: %s [OPTIONS] COMMAND [ARG...]\n\
\n\
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
  Both wait until ovs-vswitchd has taken it up, unless --no-wait is given.\n\
\n\
Commands that look (all with --json; show, flows and flush may be given the\n\
name of an INSPECTOR):\n\
  show                      inspectors, uplinks and what they do\n\
  flows [--limit=N] [--sort]  connections now; --sort: the largest first\n\
  top [--interval=SECS] [-n N | --once]\n\
                            the busiest connections, again and again\n\
  stats                     every counter\n\
  uplinks                   connections to collectors\n\
  coverage                  VM ports: what of their traffic is inspected\n\
  flush                     end all connections and report them\n\
%s\
%s\
\n\
Options:\n\
  --db=DATABASE             connect to DATABASE\n\
                            (default: %s)\n\
  --target=TARGET           pidfile or socket of ovs-vswitchd\n\
                            (default: %s)\n\
  -T, --timeout=SECS        give up after SECS seconds\n\
  --json                    answer in JSON\n\
",
           program_name, program_name, ctl_get_db_cmd_usage(),
           ctl_list_db_tables_usage(), ctl_default_db(), target);
    table_usage();
    vlog_usage();
    printf("\
\n\
Other options:\n\
  -h, --help                display this help message\n\
  -V, --version             display version information\n");
    exit(EXIT_SUCCESS);
}

/* The control socket. */
static char *
socket_of_target(void)
{
    char *pidfile, *path;
    pid_t pid;

    if (target[0] == '/') {
        return xstrdup(target);
    }
    pidfile = xasprintf("%s/%s.pid", ovs_rundir(), target);
    pid = read_pidfile(pidfile);
    if (pid < 0) {
        fail("cannot reach %s: is it running? (%s: %s)", target, pidfile,
             ovs_strerror(-pid));
    }
    path = xasprintf("%s/%s.%ld.ctl", ovs_rundir(), target, (long int) pid);
    free(pidfile);
    return path;
}

/* Asks ovs-vswitchd; the caller frees the answer. */
static char *
ask(const char *command, struct svec *args)
{
    char *path = socket_of_target();
    char *result, *error;
    struct jsonrpc *client;
    int retval;

    retval = unixctl_client_create(path, &client);
    if (retval) {
        fail("cannot reach ovs-vswitchd at %s: is it running? (%s)", path,
             ovs_strerror(retval));
    }
    retval = unixctl_client_transact(client, command, args->n, args->names,
                                     &result, &error);
    if (retval) {
        fail("%s: ovs-vswitchd did not answer (%s)", path,
             ovs_retval_to_string(retval));
    }
    if (error) {
        if (strstr(error, "is not a valid command")) {
            fail("ovs-vswitchd at %s cannot inspect: it has been built (or "
                 "started) without the inspector", path);
        }
        error[strcspn(error, "\n")] = '\0';
        fail("%s", error);
    }
    jsonrpc_close(client);
    free(path);
    return result;
}

/* "show", "flows", ...: what ovs-vswitchd says is what is printed. */
static void
command_ask(int argc, char *argv[])
{
    char *command = xasprintf("inspect/%s", argv[0]);
    struct svec args = SVEC_EMPTY_INITIALIZER;
    char *answer;

    if (option("json")) {
        svec_add(&args, "--json");
    }
    if (option("sort")) {
        svec_add(&args, "--sort");
    }
    if (option("limit")) {
        svec_add_nocopy(&args, xasprintf("--limit=%s", option("limit")));
    }
    for (int i = 1; i < argc; i++) {
        svec_add(&args, argv[i]);
    }
    answer = ask(command, &args);
    fputs(answer, stdout);
    free(answer);
    svec_destroy(&args);
    free(command);
}

/* top */
struct talk {                       /* A connection in one answer. */
    struct hmap_node node;
    char *key;
    const struct json *flow;
    double bytes, packets;          /* So far. */
    double byte_rate, packet_rate;
};

struct snapshot {
    struct json *json;
    struct hmap by_key;
    struct talk *talks;
    size_t n;
    long long int when;             /* Monotonic, ms. */
};

static double
number_of(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return (!value ? 0
            : value->type == JSON_INTEGER ? (double) value->integer
            : value->type == JSON_REAL ? value->real : 0);
}

static const char *
text_of(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return value && value->type == JSON_STRING ? json_string(value) : "";
}

static const char *
end_of(const struct json *flow, const char *key)
{
    const struct json *end = shash_find_data(json_object(flow), key);
    const char *name;

    if (!end || end->type != JSON_OBJECT) {
        return "-";
    }
    name = text_of(end, "vm_id");
    if (!*name) {
        name = text_of(end, "port");
    }
    return *name ? name : "-";
}

static char *
endpoint_of(const struct json *flow, const char *ip, const char *port)
{
    const char *address = text_of(flow, ip);
    bool v6 = strchr(address, ':') != NULL;

    if (!shash_find(json_object(flow), port)) {
        return xstrdup(address);
    }
    return xasprintf(v6 ? "[%s]:%.0f" : "%s:%.0f", address,
                     number_of(flow, port));
}

static struct talk *
find_talk(const struct snapshot *s, const char *key)
{
    struct talk *talk;

    HMAP_FOR_EACH_WITH_HASH (talk, node, hash_string(key, 0), &s->by_key) {
        if (!strcmp(talk->key, key)) {
            return talk;
        }
    }
    return NULL;
}

static void
take_snapshot(struct snapshot *s, int argc, char *argv[])
{
    struct svec args = SVEC_EMPTY_INITIALIZER;
    const struct json *flows;
    char *answer;

    svec_add(&args, "--json");
    svec_add(&args, "--sort");
    svec_add(&args, "--limit=" TOP_FLOWS);
    if (argc > 1) {
        svec_add(&args, argv[1]);
    }
    memset(s, 0, sizeof *s);
    hmap_init(&s->by_key);
    answer = ask("inspect/flows", &args);
    s->when = time_msec();
    s->json = json_from_string(answer);
    free(answer);
    svec_destroy(&args);

    flows = (s->json->type == JSON_OBJECT
             ? shash_find_data(json_object(s->json), "flows") : NULL);
    if (!flows || flows->type != JSON_ARRAY) {
        fail("ovs-vswitchd's answer makes no sense");
    }
    s->n = json_array(flows)->n;
    s->talks = xcalloc(s->n, sizeof *s->talks);
    for (size_t i = 0; i < s->n; i++) {
        const struct json *flow = json_array(flows)->elems[i];
        struct talk *talk = &s->talks[i];

        talk->flow = flow;
        talk->bytes = (number_of(flow, "bytes_toserver")
                       + number_of(flow, "bytes_toclient"));
        talk->packets = (number_of(flow, "pkts_toserver")
                         + number_of(flow, "pkts_toclient"));
        talk->key = xasprintf("%s %s %.0f %s %.0f %s %s %.0f",
                              text_of(flow, "proto"), text_of(flow, "src_ip"),
                              number_of(flow, "src_port"),
                              text_of(flow, "dest_ip"),
                              number_of(flow, "dest_port"),
                              end_of(flow, "src"), end_of(flow, "dest"),
                              number_of(flow, "start_ms"));
        hmap_insert(&s->by_key, &talk->node, hash_string(talk->key, 0));
    }
}

static void
free_snapshot(struct snapshot *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->talks[i].key);
    }
    free(s->talks);
    hmap_destroy(&s->by_key);
    json_destroy(s->json);
}

/* Rates since 'last'; of a connection that was not there, and if there is
 * no 'last', since it began. */
static void
set_rates(struct snapshot *s, const struct snapshot *last)
{
    for (size_t i = 0; i < s->n; i++) {
        struct talk *talk = &s->talks[i];
        const struct talk *before = last ? find_talk(last, talk->key) : NULL;
        double seconds;

        if (before) {
            seconds = (s->when - last->when) / 1e3;
            talk->byte_rate = talk->bytes - before->bytes;
            talk->packet_rate = talk->packets - before->packets;
        } else {
            seconds = (time_wall_msec()
                       - number_of(talk->flow, "start_ms")) / 1e3;
            talk->byte_rate = talk->bytes;
            talk->packet_rate = talk->packets;
        }
        seconds = MAX(seconds, 0.001);
        talk->byte_rate = MAX(talk->byte_rate, 0) / seconds;
        talk->packet_rate = MAX(talk->packet_rate, 0) / seconds;
    }
}

static int
compare_talks(const void *a_, const void *b_)
{
    const struct talk *a = a_, *b = b_;

    if (a->byte_rate != b->byte_rate) {
        return a->byte_rate > b->byte_rate ? -1 : 1;
    }
    return a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

static const char *
human(double value, char buffer[16])
{
    static const char units[] = " kMGTP";
    size_t unit = 0;

    while (value >= 999.5 && unit < sizeof units - 2) {
        value /= 1000;
        unit++;
    }
    snprintf(buffer, 16, unit ? "%.1f%c" : "%.0f", value, units[unit]);
    return buffer;
}

static void
print_top(struct snapshot *s, bool screen)
{
    struct winsize size = { .ws_row = 0 };
    size_t rows = s->n;
    double bytes = 0, packets = 0;
    char total[2][16];

    if (screen && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)
        && size.ws_row > 4) {
        rows = MIN(rows, size.ws_row - 3u);
    }
    for (size_t i = 0; i < s->n; i++) {
        bytes += s->talks[i].byte_rate;
        packets += s->talks[i].packet_rate;
    }

    /* The nodes move with the rows: the map is of no use any more. */
    hmap_clear(&s->by_key);
    qsort(s->talks, s->n, sizeof *s->talks, compare_talks);

    if (screen) {
        fputs("\033[H\033[2J", stdout);
    }
    printf("%"PRIuSIZE" connections, %s bytes/s, %s packets/s\n", s->n,
           human(bytes, total[0]), human(packets, total[1]));
    printf("%8s %8s %-5s %-24s %-24s %-12s %s\n", "BYTES/S", "PKTS/S",
           "PROTO", "FROM", "TO", "STATE", "WHO");
    for (size_t i = 0; i < rows; i++) {
        const struct talk *talk = &s->talks[i];
        char *from = endpoint_of(talk->flow, "src_ip", "src_port");
        char *to = endpoint_of(talk->flow, "dest_ip", "dest_port");
        char rate[2][16];

        printf("%8s %8s %-5s %-24s %-24s %-12s %s > %s\n",
               human(talk->byte_rate, rate[0]),
               human(talk->packet_rate, rate[1]),
               text_of(talk->flow, "proto"), from, to,
               text_of(talk->flow, "state"), end_of(talk->flow, "src"),
               end_of(talk->flow, "dest"));
        free(from);
        free(to);
    }
    fflush(stdout);
}

static void
command_top(int argc, char *argv[])
{
    bool screen = isatty(STDOUT_FILENO) && !option("once");
    unsigned int interval = 2, n = option("once") ? 1 : 0;
    struct snapshot last, now;

    if (option("interval")
        && (!str_to_uint(option("interval"), 10, &interval) || !interval)) {
        fail_usage("--interval=%s: not a number of seconds",
                   option("interval"));
    }
    if (option("iterations")
        && (!str_to_uint(option("iterations"), 10, &n) || !n)) {
        fail_usage("-n %s: not a number", option("iterations"));
    }
    for (unsigned int i = 0; !n || i < n; i++) {
        if (i) {
            xsleep(interval);
        }
        take_snapshot(&now, argc, argv);
        set_rates(&now, i ? &last : NULL);
        if (i) {
            free_snapshot(&last);
        }
        print_top(&now, screen);

        /* Rows were sorted: their keys have to be found again. */
        for (size_t j = 0; j < now.n; j++) {
            hmap_insert(&now.by_key, &now.talks[j].node,
                        hash_string(now.talks[j].key, 0));
        }
        last = now;
        hmap_moved(&last.by_key);
    }
    free_snapshot(&last);
}

/* The database. */
OVS_NO_RETURN static void
exit_db(int status)
{
    if (the_txn) {
        ovsdb_idl_txn_abort(the_txn);
        ovsdb_idl_txn_destroy(the_txn);
    }
    ovsdb_idl_destroy(the_idl);
    exit(status);
}

static void
open_db(void)
{
    the_idl = ovsdb_idl_create_unconnected(&ovsrec_idl_class, false);
    ovsdb_idl_set_remote(the_idl, db, false);
    ovsdb_idl_set_db_change_aware(the_idl, false);
}

/* Waits until the database has changed; fails if it has gone. */
static void
wait_db(unsigned int *seqno)
{
    for (;;) {
        ovsdb_idl_run(the_idl);
        if (!ovsdb_idl_is_alive(the_idl)) {
            fail("cannot reach the database at %s: is ovsdb-server running? "
                 "(%s)", db,
                 ovs_retval_to_string(ovsdb_idl_get_last_error(the_idl)));
        }
        if (ovsdb_idl_get_seqno(the_idl) != *seqno) {
            *seqno = ovsdb_idl_get_seqno(the_idl);
            return;
        }
        ovsdb_idl_wait(the_idl);
        poll_block();
    }
}

/* enable, disable */
static const struct ovsrec_bridge *
find_bridge(const char *name)
{
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (bridge, the_idl) {
        if (!strcmp(bridge->name, name)) {
            return bridge;
        }
    }
    fail("there is no bridge named \"%s\"", name);
}

static const struct ovsrec_inspector *
find_inspector(const char *name)
{
    const struct ovsrec_inspector *inspector;

    OVSREC_INSPECTOR_FOR_EACH (inspector, the_idl) {
        if (!strcmp(inspector->name, name)) {
            return inspector;
        }
    }
    return NULL;
}

/* The lowest id that no row has. */
static int64_t
free_inspector_id(void)
{
    const struct ovsrec_inspector *inspector;
    int64_t id = 1;
    bool taken;

    do {
        taken = false;
        OVSREC_INSPECTOR_FOR_EACH (inspector, the_idl) {
            if (inspector->id == id) {
                taken = true;
                id++;
                break;
            }
        }
    } while (taken);
    return id;
}

/* Whom "enable" is about: who is named, or who works there already, or the
 * default one. */
static const struct ovsrec_inspector *
choose_inspector(const struct ovsrec_bridge *bridge, const char **name)
{
    *name = option("inspector");
    if (*name) {
        return find_inspector(*name);
    }
    if (bridge->n_inspectors > 1) {
        fail("bridge \"%s\" has %"PRIuSIZE" inspectors: say which with "
             "--inspector=NAME", bridge->name, bridge->n_inspectors);
    } else if (bridge->n_inspectors) {
        *name = bridge->inspectors[0]->name;
        return bridge->inspectors[0];
    }
    *name = "default";
    return find_inspector(*name);
}

static const struct ovsrec_inspect_uplink *
set_up_uplink(const char *inspector_name)
{
    const struct ovsrec_inspect_uplink *uplink, *found = NULL;
    const bool on = true;
    size_t n = 0;

    OVSREC_INSPECT_UPLINK_FOR_EACH (uplink, the_idl) {
        n++;
        if (!strcmp(uplink->target, option("uplink"))) {
            found = uplink;
        }
    }
    if (!found) {
        char *name = xstrdup(inspector_name);
        bool taken = true;

        while (taken) {
            taken = false;
            OVSREC_INSPECT_UPLINK_FOR_EACH (uplink, the_idl) {
                if (!strcmp(uplink->name, name)) {
                    taken = true;
                }
            }
            if (taken) {
                free(name);
                name = xasprintf("%s-%"PRIuSIZE, inspector_name, ++n);
            }
        }
        found = ovsrec_inspect_uplink_insert(the_txn);
        ovsrec_inspect_uplink_set_name(found, name);
        ovsrec_inspect_uplink_set_target(found, option("uplink"));
        free(name);
    }
    ovsrec_inspect_uplink_set_enabled(found, &on, 1);
    if (option("uplink-format")) {
        ovsrec_inspect_uplink_set_format(found, option("uplink-format"));
    }
    if (option("private-key")) {
        ovsrec_inspect_uplink_set_private_key(found, option("private-key"));
    }
    if (option("certificate")) {
        ovsrec_inspect_uplink_set_certificate(found, option("certificate"));
    }
    if (option("ca-cert")) {
        ovsrec_inspect_uplink_set_ca_cert(found, option("ca-cert"));
    }
    return found;
}

/* Sets in motion that cur_cfg follows; returns what it will be. */
static int64_t
raise_next_cfg(const struct ovsrec_inspector *inspector)
{
    int64_t next = inspector->next_cfg + 1;

    ovsrec_inspector_set_next_cfg(inspector, next);
    return next;
}

/* Composes the change in 'the_txn'; returns the number to wait for, and the
 * name of the inspector, which the caller frees. */
static int64_t
compose_enable(const char *bridge_name, char **name)
{
    const struct ovsrec_bridge *bridge = find_bridge(bridge_name);
    const struct ovsrec_inspector *inspector;
    const char *chosen;
    const bool on = true;

    inspector = choose_inspector(bridge, &chosen);
    *name = xstrdup(chosen);
    if (!inspector) {
        inspector = ovsrec_inspector_insert(the_txn);
        ovsrec_inspector_set_name(inspector, *name);
        ovsrec_inspector_set_id(inspector, free_inspector_id());
    }
    ovsrec_inspector_set_enabled(inspector, &on, 1);
    if (option("mode")) {
        ovsrec_inspector_set_mode(inspector, option("mode"));
    }
    if (option("select")) {
        ovsrec_inspector_set_select(inspector, option("select"));
    }
    if (option("uplink")) {
        ovsrec_inspector_update_uplinks_addvalue(inspector,
                                                 set_up_uplink(*name));
    }
    ovsrec_bridge_update_inspectors_addvalue(bridge, inspector);
    return raise_next_cfg(inspector);
}

static int64_t
compose_disable(const char *bridge_name, char **name)
{
    const struct ovsrec_bridge *bridge = find_bridge(bridge_name);
    int64_t next = 0;

    *name = NULL;
    for (size_t i = 0; i < bridge->n_inspectors; i++) {
        const struct ovsrec_inspector *inspector = bridge->inspectors[i];

        if (option("inspector")
            && strcmp(inspector->name, option("inspector"))) {
            continue;
        }
        ovsrec_bridge_update_inspectors_delvalue(bridge, inspector);
        next = raise_next_cfg(inspector);
        free(*name);
        *name = xstrdup(inspector->name);
    }
    if (!*name && option("inspector")) {
        fail("inspector \"%s\" does not work on bridge \"%s\"",
             option("inspector"), bridge_name);
    }
    return next;
}

static void
report_uplinks(const struct ovsrec_inspector *inspector)
{
    for (size_t i = 0; i < inspector->n_uplinks; i++) {
        const struct ovsrec_inspect_uplink *uplink = inspector->uplinks[i];
        const char *error = smap_get(&uplink->status, "error");

        if (error) {
            fail("uplink %s: %s", uplink->name, error);
        }
        printf("uplink %s to %s: %s\n", uplink->name, uplink->target,
               smap_get_def(&uplink->status, "state", "starting"));
    }
}

/* Whether the list "br0, br1" has 'name'. */
static bool
names_bridge(const char *list, const char *name)
{
    struct sset bridges;
    bool found;

    sset_from_delimited_string(&bridges, list, ", ");
    found = sset_contains(&bridges, name);
    sset_destroy(&bridges);
    return found;
}

/* Waits until ovs-vswitchd says that 'next' is in force, or has been
 * refused, and says what has become of it. */
static void
await_and_report(const char *name, int64_t next, const char *bridge,
                 bool enable)
{
    long long int deadline;
    const struct ovsrec_inspector *inspector;
    const char *error, *bridges;

    deadline = time_msec() + 1000LL * (timeout ? timeout : WAIT_SECONDS);
    ovsdb_idl_enable_reconnect(the_idl);
    for (;;) {
        ovsdb_idl_run(the_idl);
        inspector = find_inspector(name);
        if (!inspector) {
            fail("inspector %s has gone meanwhile", name);
        } else if (inspector->cur_cfg >= next) {
            break;
        } else if (time_msec() >= deadline) {
            fail("the database has it, but ovs-vswitchd has not taken it up "
                 "in time: is it running, and has it the inspector?");
        }
        ovsdb_idl_wait(the_idl);
        poll_timer_wait_until(deadline);
        poll_block();
    }

    error = smap_get(&inspector->status, "error");
    bridges = smap_get_def(&inspector->status, "bridges", "");
    if (!enable) {
        printf("inspector %s: no longer on %s\n", name, bridge);
        return;
    }
    if (error && !names_bridge(bridges, bridge)) {
        fail("inspector %s: %s", name, error);
    }
    printf("inspector %s (id %"PRId64"): %s on %s\n", name, inspector->id,
           smap_get_def(&inspector->status, "state", "starting"), bridges);
    if (error) {
        fail("inspector %s: %s", name, error);
    }
    report_uplinks(inspector);
}

static void
monitor_tables(void)
{
    ovsdb_idl_add_column(the_idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(the_idl, &ovsrec_bridge_col_inspectors);
    for (size_t i = 0; i < OVSREC_INSPECTOR_N_COLUMNS; i++) {
        ovsdb_idl_add_column(the_idl, &ovsrec_inspector_columns[i]);
    }
    for (size_t i = 0; i < OVSREC_INSPECT_UPLINK_N_COLUMNS; i++) {
        ovsdb_idl_add_column(the_idl, &ovsrec_inspect_uplink_columns[i]);
    }
}

static void
command_switch(int argc OVS_UNUSED, char *argv[])
{
    bool enable = !strcmp(argv[0], "enable");
    enum ovsdb_idl_txn_status status;
    unsigned int seqno = 0;
    int64_t next;
    char *name;

    open_db();
    monitor_tables();
    do {
        wait_db(&seqno);
        the_txn = ovsdb_idl_txn_create(the_idl);
        ovsdb_idl_txn_add_comment(the_txn, "ovs-inspectctl: %s %s", argv[0],
                                  argv[1]);
        next = enable ? compose_enable(argv[1], &name)
                      : compose_disable(argv[1], &name);
        status = ovsdb_idl_txn_commit_block(the_txn);
        if (status != TXN_SUCCESS && status != TXN_UNCHANGED
            && status != TXN_TRY_AGAIN) {
            const char *error = ovsdb_idl_txn_get_error(the_txn);

            fail("the database refuses: %s",
                 error ? error : ovsdb_idl_txn_status_to_string(status));
        }
        ovsdb_idl_txn_destroy(the_txn);
        the_txn = NULL;
        if (status == TXN_TRY_AGAIN) {
            free(name);
        }
    } while (status == TXN_TRY_AGAIN);

    if (!name) {
        printf("bridge %s: no inspector was on it\n", argv[1]);
    } else if (!option("no-wait")) {
        await_and_report(name, next, argv[1], enable);
    }
    free(name);
    ovsdb_idl_destroy(the_idl);
}

/* list, set, create, ... */
static const struct ctl_table_class tables[OVSREC_N_TABLES] = {
    [OVSREC_TABLE_BRIDGE].row_ids[0] = {&ovsrec_bridge_col_name, NULL, NULL},
    [OVSREC_TABLE_PORT].row_ids[0] = {&ovsrec_port_col_name, NULL, NULL},
    [OVSREC_TABLE_INTERFACE].row_ids[0]
        = {&ovsrec_interface_col_name, NULL, NULL},
    [OVSREC_TABLE_INSPECTOR].row_ids[0]
        = {&ovsrec_inspector_col_name, NULL, NULL},
    [OVSREC_TABLE_INSPECT_UPLINK].row_ids[0]
        = {&ovsrec_inspect_uplink_col_name, NULL, NULL},
};

static void
begin_outputs(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_init(&commands[i].output);
        commands[i].table = NULL;
    }
}

static void
discard_outputs(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ds_destroy(&commands[i].output);
        table_destroy(commands[i].table);
        free(commands[i].table);
    }
}

static void
run_prerequisites(struct ctl_command *commands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ctl_context ctx;

        if (!commands[i].syntax->prerequisites) {
            continue;
        }
        begin_outputs(&commands[i], 1);
        ctl_context_init(&ctx, &commands[i], the_idl, NULL, NULL, NULL);
        commands[i].syntax->prerequisites(&ctx);
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        ctl_context_done(&ctx, &commands[i]);
    }
}

/* Runs 'each' of a command; false: something it waits for is not there. */
static bool
run_each(struct ctl_command *commands, size_t n,
         struct ovsdb_symbol_table *symtab, bool post)
{
    for (size_t i = 0; i < n; i++) {
        struct ctl_command *c = &commands[i];
        void (*each)(struct ctl_context *) = (post ? c->syntax->postprocess
                                              : c->syntax->run);
        struct ctl_context ctx;
        bool try_again;

        if (!each) {
            continue;
        }
        ctl_context_init(&ctx, c, the_idl, the_txn, symtab, NULL);
        ctx.last_command = i == n - 1;
        each(&ctx);
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        try_again = ctx.try_again;
        ctl_context_done(&ctx, c);
        if (try_again) {
            return false;
        }
    }
    return true;
}

/* True when the commands have been carried out. */
static bool
try_commands(struct ctl_command *commands, size_t n)
{
    struct ovsdb_symbol_table *symtab = ovsdb_symbol_table_create();
    enum ovsdb_idl_txn_status status = TXN_TRY_AGAIN;

    the_txn = ovsdb_idl_txn_create(the_idl);
    begin_outputs(commands, n);
    if (run_each(commands, n, symtab, false)) {
        status = ovsdb_idl_txn_commit_block(the_txn);
        if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
            run_each(commands, n, symtab, true);
        } else if (status != TXN_TRY_AGAIN) {
            const char *error = ovsdb_idl_txn_get_error(the_txn);

            ctl_fatal("transaction error: %s",
                      error ? error
                            : ovsdb_idl_txn_status_to_string(status));
        }
    }
    if (status == TXN_TRY_AGAIN) {
        ovsdb_idl_txn_abort(the_txn);
        discard_outputs(commands, n);
    }
    ovsdb_idl_txn_destroy(the_txn);
    the_txn = NULL;
    ovsdb_symbol_table_destroy(symtab);
    return status != TXN_TRY_AGAIN;
}

static void
run_db_commands(struct ctl_command *commands, size_t n)
{
    unsigned int seqno = 0;

    open_db();
    run_prerequisites(commands, n);
    do {
        wait_db(&seqno);
    } while (!try_commands(commands, n));

    for (size_t i = 0; i < n; i++) {
        if (commands[i].table) {
            table_print(commands[i].table, &table_style);
        } else {
            fputs(ds_cstr(&commands[i].output), stdout);
        }
        shash_destroy_free_data(&commands[i].options);
    }
    discard_outputs(commands, n);
    free(commands);
    ovsdb_idl_destroy(the_idl);
}

/* The command line. */
static const struct command {
    const char *name;
    int min_args, max_args;
    const char *takes;              /* Options of its own. */
    void (*run)(int argc, char *argv[]);
} own_commands[] = {
    { "enable", 1, 1,
      "inspector mode select uplink uplink-format private-key certificate "
      "ca-cert no-wait", command_switch },
    { "disable", 1, 1, "inspector no-wait", command_switch },
    { "show", 0, 1, "json", command_ask },
    { "flows", 0, 1, "json limit sort", command_ask },
    { "top", 0, 1, "interval iterations once", command_top },
    { "stats", 0, 1, "json", command_ask },
    { "uplinks", 0, 0, "json", command_ask },
    { "coverage", 0, 0, "json", command_ask },
    { "flush", 0, 1, "json", command_ask },
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
    {"db", required_argument, NULL, OPT_DB},
    {"target", required_argument, NULL, OPT_TARGET},
    {"timeout", required_argument, NULL, 'T'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"json", no_argument, NULL, OPT_OWN},
    {"inspector", required_argument, NULL, OPT_OWN},
    {"mode", required_argument, NULL, OPT_OWN},
    {"select", required_argument, NULL, OPT_OWN},
    {"uplink", required_argument, NULL, OPT_OWN},
    {"uplink-format", required_argument, NULL, OPT_OWN},
    {"private-key", required_argument, NULL, 'p'},
    {"certificate", required_argument, NULL, 'c'},
    {"ca-cert", required_argument, NULL, 'C'},
    {"no-wait", no_argument, NULL, OPT_OWN},
    {"limit", required_argument, NULL, OPT_OWN},
    {"sort", no_argument, NULL, OPT_OWN},
    {"interval", required_argument, NULL, OPT_OWN},
    {"iterations", required_argument, NULL, 'n'},
    {"once", no_argument, NULL, OPT_OWN},
    VLOG_LONG_OPTIONS,
    TABLE_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
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

static void
parse_options(int argc, char *argv[], const struct command *own,
              struct shash *local_options)
{
    char *short_options = ovs_cmdl_long_options_to_short_options(
        long_options);
    char *all_short = xasprintf("%s%s", own ? "" : "+", short_options);
    size_t n_global = ARRAY_SIZE(long_options) - 1;
    size_t n_options = n_global, allocated = ARRAY_SIZE(long_options);
    struct option *all = xmemdup(long_options, sizeof long_options);

    if (!own) {
        ctl_add_cmd_options(&all, &n_options, &allocated, OPT_LOCAL);
    }
    for (;;) {
        int index = -1;
        int c = getopt_long(argc, argv, all_short, all, &index);

        if (c == -1) {
            break;
        }
        switch (c) {
        case OPT_DB: db = optarg; break;
        case OPT_TARGET: target = optarg; break;
        case OPT_OWN: keep_option(all[index].name, optarg); break;
        case 'n': keep_option("iterations", optarg); break;
        case 'p': keep_option("private-key", optarg); break;
        case 'c': keep_option("certificate", optarg); break;
        case 'C': keep_option("ca-cert", optarg); break;

        case 'T':
            if (!str_to_uint(optarg, 10, &timeout) || !timeout) {
                fail_usage("--timeout=%s: not a number of seconds", optarg);
            }
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(0, 0);
            printf("DB Schema %s\n", ovsrec_get_db_version());
            exit(EXIT_SUCCESS);

        VLOG_OPTION_HANDLERS

        case OPT_LOCAL:
            if (shash_find(local_options, all[index].name)) {
                fail_usage("--%s is given twice", all[index].name);
            }
            shash_add_nocopy(local_options,
                             xasprintf("--%s", all[index].name),
                             nullable_xstrdup(optarg));
            break;

        case '?':
            exit(EXIT_USAGE);

        TABLE_OPTION_HANDLERS(&table_style)

        case 0:
            break;

        default:
            OVS_NOT_REACHED();
        }
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
            fail_usage("%s does not take --%s", own ? own->name
                       : "that command", node->name);
        }
    }
    sset_destroy(&takes);
    if (!option("uplink")) {
        static const char *const of_uplink[] = {
            "uplink-format", "private-key", "certificate", "ca-cert",
        };

        for (size_t i = 0; i < ARRAY_SIZE(of_uplink); i++) {
            if (option(of_uplink[i])) {
                fail_usage("--%s needs --uplink", of_uplink[i]);
            }
        }
    }
}

int
main(int argc, char *argv[])
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    const struct command *own;
    struct ctl_command *commands;
    size_t n_commands;
    char *error;

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    vlog_set_levels(NULL, VLF_SYSLOG, VLL_OFF);
    ctl_init(&ovsrec_idl_class, ovsrec_table_classes, tables, NULL, exit_db);

    own = guess_command(argc, argv);
    parse_options(argc, argv, own, &local_options);
    check_options(own);
    if (!db) {
        db = ctl_default_db();
    }
    argc -= optind;
    argv += optind;
    if (own) {
        if (!argc || own != find_command(argv[0])) {
            fail_usage("'%s' is not a command",
                       argc ? argv[0] : own->name);
        }
        if (argc - 1 < own->min_args || argc - 1 > own->max_args) {
            fail_usage("%s needs %s", own->name, own->min_args
                       ? "the name of a bridge, and nothing else"
                       : own->max_args
                       ? "the name of an inspector, or nothing"
                       : "no argument");
        }
        if (strcmp(own->name, "enable") && strcmp(own->name, "disable")) {
            ctl_timeout_setup(timeout);
        }
        own->run(argc, argv);
        return EXIT_SUCCESS;
    }

    ctl_timeout_setup(timeout);
    error = ctl_parse_commands(argc, argv, &local_options, &commands,
                               &n_commands);
    if (error) {
        error[strcspn(error, "(")] = '\0';
        while (*error && error[strlen(error) - 1] == ' ') {
            error[strlen(error) - 1] = '\0';
        }
        fail_usage("%s", error);
    }
    run_db_commands(commands, n_commands);
    return EXIT_SUCCESS;
}
