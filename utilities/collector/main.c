/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 *     listen, dial ==> peers (TLS, frames, IPFIX or JSON) ==> sink
 *
 *     sink:  journal ==> disk ==> acknowledgements
 *                    \==> copy ==> output               with --journal
 *            output                                     without
 *
 * One thread and one loop, as Open vSwitch's daemons have it.  A turn accepts
 * who has come, lets every peer do what is due while the sink has room,
 * writes, acknowledges, copies, answers ovs-appctl, and waits. */

#include <config.h>

#include <stdlib.h>

#include "command-line.h"
#include "copy.h"
#include "daemon.h"
#include "dial.h"
#include "fatal-signal.h"
#include "listen.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "options.h"
#include "ovs-compat.h"
#include "peers.h"
#include "show.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector);

static struct collector_options options;
static struct collector_peer_config peer_config;
static struct collector_sink sink;
static struct collector_copy *copy;
static char *journal_trouble;
static bool exiting;

static void
command_reopen(struct unixctl_conn *conn, int argc OVS_UNUSED,
               const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    if (sink.output) {
        collector_output_reopen(sink.output);
    }
    unixctl_command_reply(conn, NULL);
}

static void
command_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    exiting = true;
    unixctl_command_reply(conn, NULL);
}

/* In the process that stays: each one that --monitor begins must take the
 * journal up as the last one has left it. */
static void
open_journal(void)
{
    struct collector_journal_stats s;
    char why[512];

    if (!options.journal) {
        return;
    }
    sink.journal =
        collector_journal_open(options.journal, options.journal_max_bytes, why,
                               sizeof why);
    if (!sink.journal) {
        ovs_fatal(0, "%s", why);
    }
    collector_journal_get_stats(sink.journal, &s);
    VLOG_INFO("journal %s: %" PRIu64 " files, %" PRIu64 " bytes, %" PRIuSIZE
              " streams",
              s.folder, s.files, s.bytes,
              collector_streams_count(
                  collector_journal_streams(sink.journal)));
    if (s.cut) {
        VLOG_INFO("journal %s: %" PRIu64
                  " bytes that were half written are cut off; nobody was told "
                  "that they are here",
                  s.folder, s.cut);
    }
    if (s.damaged) {
        VLOG_ERR("journal %s: %" PRIu64 " bytes are damaged, and passed over",
                 s.folder, s.damaged);
    }
}

static void
open_copy(void)
{
    char *why;

    if (sink.journal && sink.output) {
        copy = collector_copy_open(sink.journal, sink.output, &why);
        if (!copy) {
            ovs_fatal(0, "%s", why);
        }
    }
}

/* Says once what the journal's trouble is, and that it is over. */
static void
log_trouble(void)
{
    struct collector_journal_stats s;

    collector_journal_get_stats(sink.journal, &s);
    if (s.trouble &&
        (!journal_trouble || strcmp(s.trouble, journal_trouble))) {
        VLOG_WARN("journal %s: %s; nothing is acknowledged, and sensors have "
                  "to wait until it goes on",
                  s.folder, s.trouble);
        free(journal_trouble);
        journal_trouble = xstrdup(s.trouble);
    } else if (!s.trouble && journal_trouble) {
        VLOG_INFO("journal %s: writing goes on", s.folder);
        free(journal_trouble);
        journal_trouble = NULL;
    }
}

static void
run_journal(void)
{
    collector_journal_run(sink.journal, time_msec());
    collector_peers_acknowledge(&sink);
    log_trouble();
}

/* False: it is over. */
static bool
run_output(void)
{
    if (copy) {
        collector_copy_run(copy);
    }
    return !sink.output || collector_output_run(sink.output);
}

static void
wait_sink(void)
{
    if (sink.journal) {
        int64_t until = collector_journal_wait(sink.journal);

        if (until != INT64_MAX) {
            poll_timer_wait_until(until);
        }
    }
    if (copy) {
        collector_copy_wait(copy);
    }
    if (sink.output) {
        collector_output_wait(sink.output);
    }
}

static void
run_until_exit(struct unixctl_server *unixctl)
{
    while (!exiting) {
        collector_peers_run(&sink);
        collector_listen_run();
        collector_dial_run();
        if (sink.journal) {
            run_journal();
        }
        if (!run_output()) {
            VLOG_INFO("nobody reads standard output any more");
            break;
        }
        collector_show_log(options.stats_interval);
        unixctl_server_run(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }

        collector_peers_wait(&sink);
        collector_listen_wait();
        collector_dial_wait();
        wait_sink();
        unixctl_server_wait(unixctl);
        poll_block();
    }
}

/* Also when a signal ends the process. */
static void
save(void *aux OVS_UNUSED)
{
    if (sink.journal) {
        collector_journal_run_now(sink.journal, time_msec());
        collector_peers_acknowledge(&sink);
    }
    for (int i = 0; copy && i < 16; i++) {
        run_output();
    }
    collector_copy_close(copy);
    collector_output_close(sink.output);
    collector_journal_close(sink.journal);
    copy = NULL;
    sink.output = NULL;
    sink.journal = NULL;
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    char *why;
    int error;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    collector_options_parse(argc, argv, &options);
    fatal_ignore_sigpipe();
    peer_config.any_name = options.any_name;

    /* All that may be wrong is said before the daemon detaches. */
    collector_listen_open(&options, &peer_config);
    collector_dial_open(&options, &peer_config);
    if (options.output) {
        sink.output = collector_output_open(options.output,
                                            options.journal != NULL, &why);
        if (!sink.output) {
            ovs_fatal(0, "%s", why);
        }
    }

    detach();
    open_journal();
    open_copy();
    fatal_signal_add_hook(save, NULL, NULL, true);
    error = unixctl_server_create(options.unixctl, &unixctl);
    if (error) {
        ovs_fatal(error, "cannot make the control socket");
    }
    collector_show_init(&options, &sink, copy);
    unixctl_command_register("collector/reopen", "", 0, 0, command_reopen,
                             NULL);
    unixctl_command_register("exit", "", 0, 0, command_exit, NULL);
    daemonize_complete();

    run_until_exit(unixctl);

    if (sink.journal) {
        collector_journal_run_now(sink.journal, time_msec());
        collector_peers_acknowledge(&sink);
    }
    collector_peers_destroy("the collector ends");
    save(NULL);
    collector_listen_close();
    collector_dial_close();
    unixctl_server_destroy(unixctl);
    return EXIT_SUCCESS;
}
