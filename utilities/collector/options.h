/* SPDX-License-Identifier: Apache-2.0 */
/* Options
 * =======
 *
 * What the command line says.
 *
 * Above:    main.c.                Below:  libopenvswitch, lib/export/tls.h.
 * Threads:  one.
 * Memory:   the strings live as long as the process.
 * Time:     none.
 * Fails:    by the end of the process: status 2, and a sentence.
 */

#ifndef COLLECTOR_OPTIONS_H
#define COLLECTOR_OPTIONS_H 1

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "export/tls.h"

#define COLLECTOR_LISTENERS_MAX 16
#define COLLECTOR_DIALERS_MAX   1024

struct collector_listen_option {
    char *target; /* As the operator wrote it. */
    struct sockaddr_storage address;
    socklen_t address_size;
};

/* ssl:HOST:PORT[/SENSOR] */
struct collector_connect_option {
    char *target;
    char *host;
    uint16_t port;
    char *sensor; /* Who must answer; "": any. */
};

struct collector_options {
    struct collector_listen_option listen[COLLECTOR_LISTENERS_MAX];
    size_t n_listen;
    struct collector_connect_option connect[COLLECTOR_DIALERS_MAX];
    size_t n_connect;
    struct insp_tls_config tls;
    bool any_name;
    unsigned int max_connections;
    const char *journal; /* NULL: none. */
    uint64_t journal_max_bytes;
    const char *output; /* NULL: none. */
    unsigned int stats_interval;
    const char *unixctl;
};

void collector_options_parse(int argc, char *argv[],
                             struct collector_options *);

#endif /* options.h */
