/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Two snapshots of the connections, a while apart: what has grown most comes
 * first.  A connection is the same one in both when its protocol, its
 * addresses, its ends and its beginning are. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "inspectctl.h"
#include "openvswitch/hmap.h"
#include "ovs-compat.h"
#include "timeval.h"
#include "util.h"

#define TOP_FLOWS "5000" /* That "top" chooses from. */

struct talk { /* A connection in one answer. */
    struct hmap_node node;
    char *key;
    const struct json *flow;
    double bytes, packets; /* So far. */
    double byte_rate, packet_rate;
};

struct snapshot {
    struct json *json;
    struct hmap by_key;
    struct talk *talks;
    size_t n;
    long long int when; /* Monotonic, ms. */
};

static const char *
end_of(const struct json *flow, const char *key)
{
    const struct json *end = shash_find_data(json_object(flow), key);
    const char *name;

    if (!end || end->type != JSON_OBJECT) {
        return "-";
    }
    name = json_text_of(end, "vm_id");
    if (!*name) {
        name = json_text_of(end, "port");
    }
    return *name ? name : "-";
}

static char *
endpoint_of(const struct json *flow, const char *ip, const char *port)
{
    const char *address = json_text_of(flow, ip);
    bool v6 = strchr(address, ':') != NULL;

    if (!shash_find(json_object(flow), port)) {
        return xstrdup(address);
    }
    return xasprintf(v6 ? "[%s]:%.0f" : "%s:%.0f", address,
                     json_number_of(flow, port));
}

static struct talk *
find_talk(const struct snapshot *s, const char *key)
{
    struct talk *talk;

    HMAP_FOR_EACH_WITH_HASH(talk, node, hash_string(key, 0), &s->by_key)
    {
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
                 ? shash_find_data(json_object(s->json), "flows")
                 : NULL);
    if (!flows || flows->type != JSON_ARRAY) {
        fail("ovs-vswitchd's answer makes no sense");
    }
    s->n = list_size(flows);
    s->talks = xcalloc(s->n, sizeof *s->talks);
    for (size_t i = 0; i < s->n; i++) {
        const struct json *flow = list_at(flows, i);
        struct talk *talk = &s->talks[i];

        talk->flow = flow;
        talk->bytes = (json_number_of(flow, "bytes_toserver") +
                       json_number_of(flow, "bytes_toclient"));
        talk->packets = (json_number_of(flow, "pkts_toserver") +
                         json_number_of(flow, "pkts_toclient"));
        talk->key = xasprintf(
            "%s %s %.0f %s %.0f %s %s %.0f", json_text_of(flow, "proto"),
            json_text_of(flow, "src_ip"), json_number_of(flow, "src_port"),
            json_text_of(flow, "dest_ip"), json_number_of(flow, "dest_port"),
            end_of(flow, "src"), end_of(flow, "dest"),
            json_number_of(flow, "start_ms"));
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
            seconds =
                (time_wall_msec() - json_number_of(talk->flow, "start_ms")) /
                1e3;
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

    if (screen && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) &&
        size.ws_row > 4) {
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
    printf("%" PRIuSIZE " connections, %s bytes/s, %s packets/s\n", s->n,
           human(bytes, total[0]), human(packets, total[1]));
    printf("%8s %8s %-5s %-24s %-24s %-12s %s\n", "BYTES/S", "PKTS/S", "PROTO",
           "FROM", "TO", "STATE", "WHO");
    for (size_t i = 0; i < rows; i++) {
        const struct talk *talk = &s->talks[i];
        char *from = endpoint_of(talk->flow, "src_ip", "src_port");
        char *to = endpoint_of(talk->flow, "dest_ip", "dest_port");
        char rate[2][16];

        printf("%8s %8s %-5s %-24s %-24s %-12s %s > %s\n",
               human(talk->byte_rate, rate[0]),
               human(talk->packet_rate, rate[1]),
               json_text_of(talk->flow, "proto"), from, to,
               json_text_of(talk->flow, "state"), end_of(talk->flow, "src"),
               end_of(talk->flow, "dest"));
        free(from);
        free(to);
    }
    fflush(stdout);
}

void
command_top(int argc, char *argv[])
{
    bool screen = isatty(STDOUT_FILENO) && !option("once");
    unsigned int interval = 2, n = option("once") ? 1 : 0;
    struct snapshot last, now;

    if (option("interval") &&
        (!str_to_uint(option("interval"), 10, &interval) || !interval)) {
        fail_usage("--interval=%s: not a number of seconds",
                   option("interval"));
    }
    if (option("iterations") &&
        (!str_to_uint(option("iterations"), 10, &n) || !n)) {
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
