/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 *     capture file, interface --> session (the engine) --> output
 *
 * One thread.  This file has the two loops: over files, which ends with the
 * last packet, and over an interface, which ends with a signal or when there
 * is enough. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "file.h"
#include "live.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "summary.h"

static struct probe_options options;
static struct probe_output *output;
static struct probe_session *session;
static struct probe_summary summary;
static volatile sig_atomic_t stopped;
static int status = EXIT_SUCCESS;

static void complain(const char *, ...) INSP_PRINTF(1, 2);

/* Something could not be done; what can be done goes on. */
static void
complain(const char *format, ...)
{
    va_list args;

    probe_progress_clear();
    fputs("ovs-inspect-probe: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    status = EXIT_FAILURE;
}

static void
stop(int number INSP_UNUSED)
{
    stopped = 1;
    probe_live_stop();
}

/* ------------------------------------------------------------------------ */
/* Packets. */

static void
take_record(void *aux INSP_UNUSED, struct insp_record *record)
{
    probe_output_put(output, record);
}

static bool
is_enough(void)
{
    return stopped || probe_output_error(output) ||
           (options.max_packets && summary.packets >= options.max_packets);
}

/* False: there is no going on. */
static bool
inspect(struct probe_packet *packet)
{
    int error;

    probe_packet_cut(packet, options.snaplen);
    if (INSP_UNLIKELY(!probe_packet_to_ethernet(packet))) {
        probe_summary_unread(&summary, packet->link);
        return true;
    }
    summary.packets++;
    error = probe_session_add(session, packet);
    if (INSP_UNLIKELY(error)) {
        complain("%" PRIu32 " connections (--flow-limit): %s",
                 options.session.flow_limit, strerror(error));
        return false;
    }
    return true;
}

static bool
read_file(const char *name)
{
    struct probe_packet packet;
    struct probe_file *file;
    bool goes_on = true;
    char error[512];

    file = probe_file_open(name, error, sizeof error);
    if (!file) {
        complain("%s", error);
        return true;
    }
    while (goes_on && !is_enough()) {
        switch (probe_file_next(file, &packet)) {
        case PROBE_PACKET: goes_on = inspect(&packet); continue;
        case PROBE_WAIT:
            probe_session_flush(session);
            probe_progress(probe_file_offset(file), probe_file_size(file),
                           summary.packets);
            if (!probe_file_size(file)) {
                probe_output_flush(output); /* A pipe may be slow. */
            }
            probe_file_fill(file);
            continue;
        case PROBE_FAILED: complain("%s", probe_file_error(file)); break;
        case PROBE_END: break;
        }
        break;
    }
    probe_session_flush(session);
    probe_file_close(file);
    return goes_on;
}

static void
read_files(void)
{
    for (size_t i = 0; i < options.n_files && !is_enough(); i++) {
        if (!read_file(options.files[i])) {
            break;
        }
    }
    probe_progress_clear();
    if (stopped) {
        complain("interrupted: what had been read is reported");
    }
}

static uint64_t
wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static void
read_interface(void)
{
    uint64_t end_ns = options.max_seconds
                          ? wall_ns() + options.max_seconds * 1000000000
                          : UINT64_MAX;
    struct probe_packet packet;
    struct probe_live *live;
    bool goes_on = true;
    char error[512];

    live = probe_live_open(options.interface, options.snaplen, options.filter,
                           error, sizeof error);
    if (!live) {
        complain("%s", error);
        return;
    }
    while (goes_on && !is_enough() && wall_ns() < end_ns) {
        switch (probe_live_next(live, &packet)) {
        case PROBE_PACKET: goes_on = inspect(&packet); break;
        case PROBE_WAIT: /* All that had come is in the session. */
            probe_session_pass(session, probe_live_passed_ns());
            probe_output_flush(output);
            probe_live_recycle(live);
            break;
        case PROBE_FAILED:
            complain("%s", probe_live_error(live));
            goes_on = false;
            break;
        case PROBE_END: goes_on = false; break;
        }
    }
    probe_session_flush(session);
    probe_live_count(live, &summary.received, &summary.dropped);
    probe_live_close(live);
}

/* ------------------------------------------------------------------------ */

static void
begin(void)
{
    struct sigaction action = { .sa_handler = stop,
                                .sa_flags = (int) SA_RESETHAND };
    char error[2048];
    bool is_usage;

    /* A reader that has gone away is an error of write(), a second signal
     * ends at once. */
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    options.output.may_wait = !options.interface;
    output =
        probe_output_create(&options.output, error, sizeof error, &is_usage);
    if (!output) {
        if (is_usage) {
            probe_usage_error("%s", error);
        }
        complain("%s", error);
        exit(EXIT_FAILURE);
    }
    options.session.record = take_record;
    options.session.is_secret = options.interface != NULL;
    if (probe_session_create(&options.session, &session)) {
        complain("%s", strerror(ENOMEM));
        exit(EXIT_FAILURE);
    }
    probe_progress_begin(!options.is_quiet && options.n_files);
    probe_summary_begin(&summary);
}

static void
end(void)
{
    char error[512];

    probe_session_end(session);
    probe_summary_end(&summary);
    probe_output_flush(output);
    if (summary.unread_packets) {
        complain("%" PRIu64 " packets were not read: %s",
                 summary.unread_packets,
                 probe_summary_unread_links(&summary, error, sizeof error));
    }
    if (options.wants_stats) {
        probe_summary_print(&summary, probe_session_stats(session), output);
    }
    if (!probe_output_close(output, error, sizeof error)) {
        complain("%s", error);
    }
    probe_session_destroy(session);
}

int
main(int argc, char *argv[])
{
    probe_options_parse(argc, argv, &options);
    begin();
    if (options.interface) {
        read_interface();
    } else {
        read_files();
    }
    end();
    return status;
}
