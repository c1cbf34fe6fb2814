/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One line a number, its unit or name before it; groups of which there may be
 * many are indented below their sum, without those that are 0. */

#include <inttypes.h>
#include <stdio.h>

#include "progress.h"
#include "summary.h"

void
probe_summary_begin(struct probe_summary *s)
{
    s->begun_ns = probe_clock_ns();
}

void
probe_summary_unread(struct probe_summary *s, uint32_t link)
{
    s->unread_packets++;
    for (size_t i = 0; i < PROBE_UNREAD_LINKS; i++) {
        if (!s->unread[i].packets || s->unread[i].link == link) {
            s->unread[i].link = link;
            s->unread[i].packets++;
            return;
        }
    }
}

void
probe_summary_end(struct probe_summary *s)
{
    s->ended_ns = probe_clock_ns();
}

const char *
probe_summary_unread_links(const struct probe_summary *s, char *text,
                           size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < PROBE_UNREAD_LINKS && n < size; i++) {
        char name[64];

        if (s->unread[i].packets) {
            n += (size_t) snprintf(text + n, size - n, "%s%" PRIu64 " of %s",
                                   i ? ", " : "", s->unread[i].packets,
                                   probe_link_name(s->unread[i].link, name,
                                                   sizeof name));
        }
    }
    return text;
}

static void
line(const char *name, uint64_t n)
{
    fprintf(stderr, "%-24s %" PRIu64 "\n", name, n);
}

static void
part(const char *name, uint64_t n)
{
    if (n) {
        fprintf(stderr, "  %-22s %" PRIu64 "\n", name, n);
    }
}

static void
print_speed(const struct probe_summary *s,
            const struct probe_session_stats *stats)
{
    double seconds = (double) (s->ended_ns - s->begun_ns) / 1e9;

    line("packets", stats->packets);
    line("bytes", stats->bytes);
    fprintf(stderr, "%-24s %.6f\n", "captured seconds",
            (double) (stats->last_ns - stats->first_ns) / 1e9);
    fprintf(stderr, "%-24s %.3f\n", "seconds", seconds);
    if (seconds > 0) {
        fprintf(stderr, "%-24s %.0f\n", "packets/s",
                (double) stats->packets / seconds);
    }
}

static void
print_connections(const struct probe_session_stats *stats)
{
    line("connections", stats->begun);
    for (int i = 0; i < INSP_N_APPS; i++) {
        if (i != INSP_APP_NONE) {
            part(insp_app_word((enum insp_app) i), stats->connections[i]);
        }
    }
}

static void
print_records(const struct probe_output *output)
{
    const char *word;
    uint64_t n;

    fputs("records\n", stderr);
    for (size_t i = 0; probe_output_kind(output, i, &word, &n); i++) {
        part(word, n);
    }
}

/* Packets without a connection, and what readers could not do, each with its
 * reason. */
static void
print_unread(const struct probe_summary *s,
             const struct probe_session_stats *stats)
{
    char text[512];

    fputs("not read\n", stderr);
    for (int i = INSP_PACKET_OK + 1; i < INSP_N_PACKET_FACTS; i++) {
        part(insp_packet_fact_word((enum insp_packet_fact) i),
             stats->facts[i]);
    }
    for (int i = 0; i < INSP_N_REMAINDERS; i++) {
        part(insp_remainder_word((enum insp_remainder) i), stats->refused[i]);
    }
    for (int i = 0; i < INSP_N_READER_FACTS; i++) {
        part(insp_reader_fact_word((enum insp_reader_fact) i),
             stats->readers[i]);
    }
    part("older-than-before", stats->back);
    part("begun-anew", stats->restarts);
    if (s->unread_packets) {
        part("link-type", s->unread_packets);
        fprintf(stderr, "    %s\n",
                probe_summary_unread_links(s, text, sizeof text));
    }
}

void
probe_summary_print(const struct probe_summary *s,
                    const struct probe_session_stats *stats,
                    const struct probe_output *output)
{
    print_speed(s, stats);
    if (s->received) {
        line("received", s->received);
        line("lost before they were read", s->dropped);
    }
    print_connections(stats);
    print_records(output);
    print_unread(s, stats);
}
