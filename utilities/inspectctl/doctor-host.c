/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Three things are held against each other: the database's schema, the
 * ovs-vswitchd that runs, and the programs that the shell finds.  Each may be
 * of another package after an upgrade.
 *
 * A clock that was set while ovs-vswitchd ran is seen from its pidfile: the
 * file's time is the wall clock's at the start; the kernel knows the start by
 * a clock that nobody sets, and both were then the same moment. */

#include <config.h>

#include "doctor.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/release.h"
#include "daemon.h"
#include "dirs.h"
#include "inspectctl.h"
#include "smap.h"
#include "util.h"

#define STEP_SECONDS 5.0

/* ovs-vswitchd's process, or 0. */
static pid_t
pid_of_switch(struct stat *pidfile)
{
    char *path = xasprintf("%s/%s.pid", ovs_rundir(), ask_get_target());
    pid_t pid = ask_get_target()[0] == '/' ? -1 : read_pidfile(path);

    if (pid > 0 && stat(path, pidfile)) {
        pid = -1;
    }
    free(path);
    return MAX(pid, 0);
}

/* A program that has been replaced on disk goes on running. */
static void
examine_process(void)
{
    struct stat pidfile;
    pid_t pid = pid_of_switch(&pidfile);
    char *path = xasprintf("/proc/%ld/exe", (long int) pid);
    static const char gone[] = " (deleted)";
    char target[1024];
    ssize_t n = pid ? readlink(path, target, sizeof target - 1) : -1;

    free(path);
    if (n < (ssize_t) strlen(gone)) {
        return;
    }
    target[n] = '\0';
    if (!strcmp(target + n - strlen(gone), gone)) {
        target[n - strlen(gone)] = '\0';
        finding(SEVERITY_WARNING, "version", "ovs-vswitchd",
                "restart it when it suits: ovs-ctl restart (keeps flows), or "
                "the service openvswitch-switch",
                "%s has been replaced since it was started: the old program "
                "runs",
                target);
    }
}

bool
examine_switch(void)
{
    struct svec args = SVEC_EMPTY_INITIALIZER;
    char *error, *answer;
    const char *release;
    struct json *json;

    svec_add(&args, "--json");
    answer = try_to_ask("inspect/show", &args, &error);
    svec_destroy(&args);
    if (!answer) {
        finding(
            SEVERITY_ERROR, "ovs-vswitchd", "",
            strstr(error, "cannot inspect")
                ? "start the ovs-vswitchd that came with ovs-inspectctl (on "
                  "Debian: update-alternatives --config ovs-vswitchd, then "
                  "restart openvswitch-switch)"
                : "start it: ovs-ctl start, or the service "
                  "openvswitch-switch",
            "%s", error);
        free(error);
        return false;
    }
    json = json_from_string(answer);
    free(answer);
    release = json->type == JSON_OBJECT ? json_text_of(json, "release") : "";
    if (strcmp(release, insp_release())) {
        finding(SEVERITY_WARNING, "version", "ovs-vswitchd",
                "install both from one release, and restart ovs-vswitchd",
                "the inspector that runs is of release %s, ovs-inspectctl of "
                "%s",
                release[0] ? release : "(unknown)", insp_release());
    }
    json_destroy(json);
    examine_process();
    return true;
}

/* Schema. */
static const struct ovsdb_idl_table_class *const tables[] = {
    &ovsrec_table_inspector,           &ovsrec_table_inspect_uplink,
    &ovsrec_table_inspect_rule,        &ovsrec_table_inspect_function,
    &ovsrec_table_inspect_address_set,
};

static void
miss(struct ds *missing, const char *table, const char *column)
{
    ds_put_format(missing, "%s%s%s%s", missing->length ? ", " : "", table,
                  column ? "." : "", column ? column : "");
}

bool
examine_schema(void)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    bool good;

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        const struct ovsdb_idl_table_class *t = tables[i];

        if (!ovsdb_idl_server_has_table(the_idl, t)) {
            miss(&missing, t->name, NULL);
            continue;
        }
        for (size_t k = 0; k < t->n_columns; k++) {
            if (!ovsdb_idl_server_has_column(the_idl, &t->columns[k])) {
                miss(&missing, t->name, t->columns[k].name);
            }
        }
    }
    if (!ovsdb_idl_server_has_column(the_idl, &ovsrec_bridge_col_inspectors)) {
        miss(&missing, "Bridge", "inspectors");
    }
    good = !missing.length;
    if (!good) {
        char *advice = xasprintf(
            "ovs-ctl restart, with the ovs-ctl that came with "
            "ovs-inspectctl: it converts the database and keeps all rows.  By "
            "hand: ovsdb-client convert %s %s/vswitch.ovsschema, and restart "
            "ovsdb-server, which tells others of its new schema only then",
            db_get_remote(), ovs_pkgdatadir());

        finding(SEVERITY_ERROR, "schema", "", advice,
                "the database's schema is older than this program, or not of "
                "ovs-ext; it lacks: %s",
                ds_cstr(&missing));
        free(advice);
    }
    ds_destroy(&missing);
    return good;
}

/* The first line that a command prints, standard error included, which has
 * 'word' in it; NULL: none.  '*status' is that of the command. */
static char *
line_of(const char *command, const char *word, int *status)
{
    FILE *pipe = popen(command, "r");
    char *found = NULL;
    char line[512];

    if (!pipe) {
        *status = -1;
        return NULL;
    }
    while (fgets(line, sizeof line, pipe)) {
        if (!found && strstr(line, word)) {
            line[strcspn(line, "\n")] = '\0';
            found = xstrdup(line);
        }
    }
    *status = pclose(pipe);
    return found;
}

static void
examine_ofctl(void)
{
    int status;
    char *line = line_of("ovs-ofctl parse-flow 'actions=inspect(id=1)' 2>&1",
                         "", &status);

    if (status) {
        finding(SEVERITY_WARNING, "version", "ovs-ofctl",
                "put the folder of ovs-inspectctl first in PATH, or install "
                "the tools of ovs-ext",
                "the ovs-ofctl that the shell finds does not know the action "
                "\"inspect\" (%s)",
                line ? line : "it cannot be run");
    }
    free(line);
}

static void
examine_vsctl(const char *db)
{
    char *command, *line;
    int status;

    /* It goes to a shell; and it would need our keys. */
    if (strchr(db, '\'') || strstr(db, "ssl:")) {
        return;
    }
    command = xasprintf("ovs-vsctl --timeout=3 --no-wait --dry-run --db='%s' "
                        "--columns=name list Inspector 2>&1",
                        db);
    line = line_of(command, "", &status);
    if (status) {
        finding(SEVERITY_WARNING, "version", "ovs-vsctl",
                "put the folder of ovs-inspectctl first in PATH, or install "
                "the tools of ovs-ext",
                "the ovs-vsctl that the shell finds does not know the table "
                "Inspector (%s)",
                line ? line : "it cannot be run");
    }
    free(line);
    free(command);
}

void
examine_tools(const char *db)
{
    examine_ofctl();
    examine_vsctl(db);
}

/* Options of Open vSwitch that matter. */
static int64_t
meminfo(const char *key)
{
    FILE *file = fopen("/proc/meminfo", "re");
    int64_t value = 0;
    char line[128];

    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, key, strlen(key))) {
            value = strtoll(line + strlen(key), NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    return value;
}

void
examine_options(void)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(the_idl);
    const char *dpdk;

    if (!ovs) {
        return;
    }
    dpdk = smap_get_def(&ovs->other_config, "dpdk-init", "false");
    if (strcmp(dpdk, "false") && !ovs->dpdk_initialized) {
        finding(SEVERITY_ERROR, "dpdk", "",
                "reserve huge pages (vm.nr_hugepages, or hugepagesz= on the "
                "kernel's command line) and look for \"EAL\" in the log of "
                "ovs-vswitchd; an ovs-vswitchd without DPDK cannot use it "
                "(ovs-vswitchd --version)",
                "other_config:dpdk-init=%s, and DPDK does not run; huge pages "
                "of %" PRId64 " kB: %" PRId64 ", free %" PRId64,
                dpdk, meminfo("Hugepagesize:"), meminfo("HugePages_Total:"),
                meminfo("HugePages_Free:"));
    }
    if (smap_get_bool(&ovs->other_config, "hw-offload", false)) {
        finding(SEVERITY_WARNING, "offload", "",
                "ovs-vsctl remove Open_vSwitch . other_config hw-offload, and "
                "restart ovs-vswitchd",
                "other_config:hw-offload=true: packets of flows that were "
                "offloaded to a device before are not seen");
    }
}

void
examine_crashes(void)
{
    char *pattern = xasprintf("%s/inspect-crash.*", ovs_logdir());
    glob_t found;

    if (!glob(pattern, 0, NULL, &found)) {
        finding(SEVERITY_WARNING, "crash", found.gl_pathv[found.gl_pathc - 1],
                "send it in, and move it away; see \"A crash\" in "
                "troubleshooting.md",
                "%" PRIuSIZE " crash report%s of ovs-vswitchd", found.gl_pathc,
                found.gl_pathc > 1 ? "s" : "");
        globfree(&found);
    }
    free(pattern);
}

/* Clock. */
static double
seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* When a process began, in seconds since boot; negative: unknown. */
static double
start_of(pid_t pid)
{
    char *path = xasprintf("/proc/%ld/stat", (long int) pid);
    FILE *file = fopen(path, "re");
    double ticks = -1;
    char line[1024];
    char *at;

    free(path);
    if (!file) {
        return -1;
    }
    if (fgets(line, sizeof line, file) && (at = strrchr(line, ')'))) {
        for (int field = 2; at && field < 22; field++) {
            at = strchr(at + 1, ' ');
        }
        ticks = at ? strtod(at, NULL) : -1;
    }
    fclose(file);
    return ticks < 0 ? -1 : ticks / (double) sysconf(_SC_CLK_TCK);
}

static void
examine_steps(void)
{
    struct stat pidfile;
    pid_t pid = pid_of_switch(&pidfile);
    double start = pid ? start_of(pid) : -1;
    double then, step;

    if (start < 0) {
        return;
    }
    then = (double) pidfile.st_mtim.tv_sec +
           (double) pidfile.st_mtim.tv_nsec / 1e9;
    step =
        (seconds(CLOCK_REALTIME) - then) - (seconds(CLOCK_BOOTTIME) - start);
    if (fabs(step) > STEP_SECONDS) {
        finding(SEVERITY_WARNING, "clock", "",
                "run one time service only, and let it slew; records from "
                "before and after the step do not fit together",
                "it was set by %+.0f s since ovs-vswitchd was started", step);
    }
}

void
examine_clock(void)
{
    struct timex timex;

    examine_steps();
    memset(&timex, 0, sizeof timex);
    if (adjtimex(&timex) == TIME_ERROR && timex.status & STA_UNSYNC) {
        finding(SEVERITY_NOTE, "clock", "",
                "run chrony, ntpd or systemd-timesyncd (in a container: on "
                "its host)",
                "nothing keeps this host's clock: times in records of several "
                "hosts do not compare");
    }
}
