/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * uplink-test does from here what ovs-vswitchd does with the row: the same
 * settings, the same parser, the same code for names, sockets and TLS, one
 * target after the other.  Each step is told as it happens:
 *
 *     files --> address --> connection --> handshake --> greeting.c
 *
 * It runs as whoever calls it, on this host; what files ovs-vswitchd may read
 * is another question. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export/resolve.h"
#include "export/tls.h"
#include "greeting.h"
#include "inspectctl.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

#define STEP_MS 5000 /* For each step, at most. */

struct attempt {
    const struct insp_config_uplink *config;
    const struct insp_uplink_target *target;
    const char *sensor;
    struct insp_tls_context *context;
    struct insp_tls *tls;
    bool doubtful; /* Some target may refuse what we show. */
};

static void OVS_PRINTF_FORMAT(2, 3)
    tell(const char *step, const char *format, ...)
{
    va_list args;

    printf("  %-12s", step);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static bool
wait_for(int fd, short events, long long int until)
{
    struct pollfd pfd = { fd, events, 0 };
    long long int left = until - time_wall_msec();

    return left > 0 && poll(&pfd, 1, left) > 0;
}

static bool
look_up(const struct insp_uplink_target *target, struct insp_dial *dial)
{
    long long int until = time_wall_msec() + STEP_MS;
    struct insp_resolve *resolve;
    enum insp_resolved state;
    char why[200];

    memset(dial, 0, sizeof *dial);
    resolve = insp_resolve_begin(target->host, target->port, why, sizeof why);
    if (!resolve) {
        tell("address", "%s", why);
        return false;
    }
    (void) wait_for(insp_resolve_fd(resolve), POLLIN, until);
    state = insp_resolve_finish(resolve, dial, why, sizeof why);
    if (state == INSP_RESOLVE_OK) {
        tell("address", "%u found", dial->n);
        return true;
    } else if (state == INSP_RESOLVE_WAIT) {
        insp_resolve_cancel(resolve);
        snprintf(why, sizeof why, "no answer from the resolver");
    }
    tell("address", "%s", why);
    return false;
}

/* A connected socket, or -1. */
static int
reach(const struct insp_uplink_target *target)
{
    char why[200] = "cannot connect: no answer";
    struct insp_dial dial;
    int fd;

    if (!look_up(target, &dial)) {
        return -1;
    }
    while ((fd = insp_dial_next(&dial, 0, why, sizeof why)) >= 0) {
        long long int began = time_wall_msec();

        if (!wait_for(fd, POLLOUT, began + STEP_MS)) {
            snprintf(why, sizeof why, "cannot connect: no answer");
        } else if (insp_dial_finish(fd, why, sizeof why)) {
            tell("connection", "made in %lld ms", time_wall_msec() - began);
            return fd;
        }
        close(fd);
    }
    tell("connection", "%s", why);
    return -1;
}

static void
tell_chain(const struct insp_tls *tls)
{
    char text[512];

    for (unsigned int i = 0; insp_tls_get_chain(tls, i, text, sizeof text);
         i++) {
        tell(i ? "" : "shows", "%s", text);
    }
}

static bool
shake_hands(struct attempt *a)
{
    long long int until = time_wall_msec() + STEP_MS;
    char text[512];

    for (;;) {
        enum insp_tls_result r = insp_tls_handshake(a->tls);
        short events = r == INSP_TLS_WANT_WRITE ? POLLOUT : POLLIN;

        if (r == INSP_TLS_OK) {
            break;
        } else if (r == INSP_TLS_CLOSED || r == INSP_TLS_FAILED) {
            tell_chain(a->tls);
            tell("handshake", "%s", insp_tls_error(a->tls));
            return false;
        } else if (!wait_for(insp_tls_fd(a->tls), events, until)) {
            tell("handshake", "no answer");
            return false;
        }
    }
    tell_chain(a->tls);
    insp_tls_get_protocol(a->tls, text, sizeof text);
    tell("handshake", "%s", text);
    insp_tls_get_peer(a->tls, text, sizeof text);
    tell("peer", "%s", text);
    return true;
}

static bool
read_files(struct attempt *a)
{
    const struct insp_uplink_config *c = &a->config->base;
    const struct insp_tls_config config = {
        .private_key = c->private_key,
        .certificate = c->certificate,
        .ca_cert = c->ca_cert,
        .protocols = c->protocols,
        .ciphers = c->ciphers,
        .ciphersuites = c->ciphersuites,
        .crl_file = c->crl_file,
        .token_file = c->token_file,
        .peer_name = c->peer_name,
        .alpn = greeting_alpn(),
        .server = a->target->listens,
    };
    char why[512];
    int64_t expiry;

    a->context = insp_tls_context_create(&config, why, sizeof why);
    if (!a->context) {
        tell("files", "%s", why);
        return false;
    }
    expiry = insp_tls_context_expiry(a->context);
    if (expiry) {
        char *text =
            xastrftime_msec("%Y-%m-%d %H:%M:%S UTC", expiry * 1000, true);

        tell("files", "good; the certificate expires at %s", text);
        free(text);
    } else {
        tell("files", "good");
    }
    return true;
}

/* A receiver that is not ours may not mind, so this alone refuses nothing. */
static void
compare_name(struct attempt *a)
{
    if (!insp_tls_context_is(a->context, a->sensor)) {
        tell("name",
             "what we show is not for '%s', the switch's system-id: "
             "ovs-inspect-collector refuses that",
             a->sensor);
        a->doubtful = true;
    }
}

static bool
greet(struct attempt *a)
{
    const struct greeting greeting = {
        .tls = a->tls,
        .sensor = a->sensor,
        .json = a->config->base.format == INSP_UPLINK_JSON,
    };
    char text[512];
    bool good = exchange_greetings(&greeting, text, sizeof text);

    tell("greeting", "%s", text);
    return good;
}

static bool
try_target(struct attempt *a)
{
    bool good = false;
    int fd;

    if (!read_files(a)) {
        return false;
    }
    compare_name(a);
    if (a->target->listens) {
        tell("connection", "it is the collector that dials: nothing to "
                           "try from here");
        good = true;
    } else {
        fd = reach(a->target);
        if (fd >= 0) {
            a->tls = insp_tls_create(a->context, fd, a->target->host);
            good = a->tls && shake_hands(a) && greet(a);
            insp_tls_destroy(a->tls);
            a->tls = NULL;
        }
    }
    insp_tls_context_destroy(a->context);
    return good;
}

/* The row as ovs-vswitchd reads it. */
static void
read_row(const struct ovsrec_inspect_uplink *row,
         const struct ovsrec_open_vswitch *ovs,
         struct insp_config_uplink *config)
{
    struct insp_faults faults, warnings;
    struct settings s;
    struct smap_node *node;

    settings_init_from_row(&s, &kind_uplink, &row->header_);
    SMAP_FOR_EACH (node, &row->other_config) {
        char *key = xasprintf("other_config:%s", node->key);

        settings_add(&s, key, node->value);
        free(key);
    }
    if (ovs && ovs->ssl && !settings_get(&s, "token_file")) {
        const char *const defaults[][2] = {
            { "private_key", ovs->ssl->private_key },
            { "certificate", ovs->ssl->certificate },
            { "ca_cert", ovs->ssl->ca_cert },
        };

        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
            if (defaults[i][1][0] && !settings_get(&s, defaults[i][0])) {
                settings_add(&s, defaults[i][0], defaults[i][1]);
            }
        }
    }
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    if (!insp_config_uplink_parse(s.array, s.n, config, &faults, &warnings)) {
        fail("uplink %s: %s", row->name, faults.text);
    }
    settings_destroy(&s);
}

void
command_uplink_test(int argc OVS_UNUSED, char *argv[])
{
    struct insp_config_uplink *config = xzalloc(sizeof *config);
    struct attempt attempt = { .config = config };
    const struct ovsrec_inspect_uplink *row;
    const struct ovsrec_open_vswitch *ovs;
    unsigned int n_good = 0, n;
    char *sensor;

    db_monitor();
    row = find_uplink(argv[1]);
    if (!row) {
        fail("there is no uplink named \"%s\"", argv[1]);
    }
    ovs = ovsrec_open_vswitch_first(the_idl);
    read_row(row, ovs, config);
    sensor =
        xstrdup(ovs ? smap_get_def(&ovs->external_ids, "system-id", "") : "");
    if (!*sensor) {
        free(sensor);
        sensor = xzalloc(256);
        if (gethostname(sensor, 255)) {
            ovs_strlcpy(sensor, "unnamed", 256);
        }
    }
    db_close();

    attempt.sensor = sensor;
    n = config->base.n_targets;
    for (unsigned int i = 0; i < n; i++) {
        struct insp_uplink_config one = config->base;
        char text[300];

        one.targets[0] = one.targets[i];
        one.n_targets = 1;
        insp_config_targets_print(&one, text, sizeof text);
        printf("uplink %s, %s:\n", argv[1], text);
        attempt.target = &config->base.targets[i];
        n_good += try_target(&attempt);
    }
    free(sensor);
    free(config);
    if (n_good < n) {
        fail("uplink %s: %u of %u targets cannot be used", argv[1], n - n_good,
             n);
    }
    puts(attempt.doubtful ? "all targets can be reached; mind the name"
                          : "all is well");
}
