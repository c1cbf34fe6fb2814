/* SPDX-License-Identifier: Apache-2.0 */
/* Options
 * =======
 *
 * The command line.
 *
 * Above:    main.c.                Below:  session.h, output.h.
 * Threads:  one.
 * Memory:   texts are borrowed from argv.
 * Time:     none.
 * Fails:    by ending the program, with a reason.
 */

#ifndef PROBE_OPTIONS_H
#define PROBE_OPTIONS_H 1

#include "output.h"
#include "session.h"

#define PROBE_EXIT_USAGE 2
#define PROBE_FILES_MAX  1024

/* Either files or an interface. */
struct probe_options {
    const char *files[PROBE_FILES_MAX];
    size_t n_files;
    const char *interface; /* NULL: files. */
    const char *filter;    /* NULL: none. */
    uint64_t max_packets;  /* 0: no limit. */
    uint64_t max_seconds;  /* The same. */
    uint32_t snaplen;
    bool wants_stats;
    bool is_quiet;
    struct probe_session_config session;
    struct probe_output_config output;
    struct insp_uplink_config uplink; /* 'output' refers to it. */
};

void probe_options_parse(int argc, char *argv[], struct probe_options *);

/* Ends the program: what was asked for cannot be. */
void probe_usage_error(const char *, ...) INSP_PRINTF(1, 2)
    __attribute__((noreturn));

#endif /* probe/options.h */
