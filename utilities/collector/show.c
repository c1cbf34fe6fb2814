/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: one function a part, twice, as JSON and as text.  What a
 * sensor calls itself is printed so that no terminal obeys it. */

#include <config.h>

#include "show.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dial.h"
#include "listen.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "peers.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_show);

static const struct collector_options *options;
static const struct collector_sink *sink;
static const struct collector_copy *copy;

static void
put_number(struct json *to, const char *name, uint64_t number)
{
    json_object_put(to, name, json_integer_create((long long int) number));
}

/* JSON. */

static struct json *
output_json(void)
{
    struct json *o = json_object_create();
    struct collector_output_stats s;

    collector_output_get_stats(sink->output, &s);
    json_object_put_string(o, "file", s.path);
    put_number(o, "lines", s.lines);
    put_number(o, "bytes", s.bytes);
    put_number(o, "waiting_bytes", s.waiting);
    if (copy) {
        put_number(o, "behind_bytes", collector_copy_behind(copy));
    }
    if (s.trouble) {
        json_object_put_string(o, "trouble", s.trouble);
    }
    return o;
}

static struct json *
journal_json(void)
{
    struct json *o = json_object_create();
    struct collector_journal_stats s;

    collector_journal_get_stats(sink->journal, &s);
    json_object_put_string(o, "folder", s.folder);
    put_number(o, "files", s.files);
    put_number(o, "bytes", s.bytes);
    put_number(o, "max_bytes", s.max_bytes);
    put_number(o, "waiting_bytes", s.waiting);
    put_number(o, "commits", s.commits);
    put_number(o, "cut_bytes", s.cut);
    put_number(o, "damaged_bytes", s.damaged);
    if (s.trouble) {
        json_object_put_string(o, "trouble", s.trouble);
    }
    return o;
}

static struct json *
connection_json(const struct collector_peer *peer)
{
    const struct collector_sensor *s = collector_peer_sensor(peer);
    struct json *row = json_object_create();
    struct collector_peer_stats p;

    collector_peer_get_stats(peer, &p);
    json_object_put_string(row, "sensor", s ? s->name : "");
    json_object_put_string(row, "uplink", p.uplink);
    json_object_put_string(row, "address", p.address);
    json_object_put_string(row, "format", p.format);
    json_object_put_string(row, "protocol", p.protocol);
    json_object_put_string(row, "subject", p.subject);
    json_object_put(row, "acknowledged", json_boolean_create(p.uplink[0]));
    json_object_put(row, "dialled", json_boolean_create(p.is_dialled));
    put_number(row, "incarnation", p.incarnation);
    put_number(row, "expires", (uint64_t) p.expires);
    put_number(row, "since_ms", (uint64_t) p.since_ms);
    put_number(row, "records", p.records);
    put_number(row, "duplicates", p.duplicates);
    put_number(row, "unacknowledged", p.unacknowledged);
    put_number(row, "bytes", p.bytes);
    put_number(row, "lost", p.lost);
    if (p.lag_ms >= 0) {
        put_number(row, "lag_ms", (uint64_t) p.lag_ms);
    }
    return row;
}

static struct json *
connections_json(void)
{
    struct json *rows = json_array_create_empty();
    struct collector_peer_node *node;

    LIST_FOR_EACH (node, node, &collector_peers) {
        json_array_add(rows, connection_json(node->peer));
    }
    return rows;
}

static struct json *
sensors_json(void)
{
    struct json *rows = json_array_create_empty();
    struct collector_sensor **all = collector_sensors_sort();

    for (size_t i = 0; i < collector_sensors_count(); i++) {
        const struct collector_sensor *s = all[i];
        struct json *row = json_object_create();

        json_object_put_string(row, "sensor", s->name);
        json_object_put(row, "connected",
                        json_boolean_create(s->n_connected > 0));
        put_number(row, "connects", s->connects);
        put_number(row, "records", s->records);
        put_number(row, "duplicates", s->duplicates);
        put_number(row, "bytes", s->bytes);
        put_number(row, "lost", s->lost);
        put_number(row, "last_record_ms", s->last_ms);
        put_number(row, "cut_off", s->cut_off);
        put_number(row, "forgotten", s->forgotten);
        if (s->last_error[0]) {
            json_object_put_string(row, "last_error", s->last_error);
        }
        json_array_add(rows, row);
    }
    free(all);
    return rows;
}

static struct json *
streams_json(void)
{
    struct json *rows = json_array_create_empty();
    const struct collector_stream *s =
        collector_streams_first(collector_journal_streams(sink->journal));

    for (; s; s = s->next) {
        struct json *row = json_object_create();
        size_t n_gaps;

        json_object_put_string(row, "sensor", s->sensor);
        json_object_put_string(row, "uplink", s->uplink);
        put_number(row, "incarnation", s->incarnation);
        put_number(row, "records", s->records);
        put_number(row, "duplicates", s->duplicates);
        put_number(row, "lost", s->lost);
        put_number(row, "missing", s->missing);
        put_number(row, "outstanding",
                   collector_stream_outstanding(s, &n_gaps));
        put_number(row, "gaps", n_gaps);
        put_number(row, "floor", s->floor);
        json_array_add(rows, row);
    }
    return rows;
}

static struct json *
targets_json(void)
{
    struct json *rows = json_array_create_empty();
    struct collector_dial_stats s;

    for (size_t i = 0; collector_dial_get_stats(i, &s); i++) {
        struct json *row = json_object_create();

        json_object_put_string(row, "target", s.target);
        json_object_put_string(row, "state", s.state);
        json_object_put_string(row, "last_error", s.last_error);
        put_number(row, "connects", s.connects);
        json_array_add(rows, row);
    }
    return rows;
}

static struct json *
show_json(void)
{
    struct json *all = json_object_create(), *list = json_array_create_empty();

    for (size_t i = 0; i < options->n_listen; i++) {
        json_array_add(list, json_string_create(options->listen[i].target));
    }
    json_object_put(all, "listen", list);
    json_object_put(all, "connect", targets_json());
    if (collector_listen_fault()[0]) {
        json_object_put_string(all, "fault", collector_listen_fault());
    }
    if (sink->output) {
        json_object_put(all, "output", output_json());
    }
    if (sink->journal) {
        json_object_put(all, "journal", journal_json());
        json_object_put(all, "streams", streams_json());
    }
    put_number(all, "accepted", collector_peers_count()->accepted);
    put_number(all, "refused", collector_peers_count()->refused);
    json_object_put(all, "connections", connections_json());
    json_object_put(all, "sensors", sensors_json());
    return all;
}

/* Text. */

static void
put_name(struct ds *out, const char *name)
{
    ds_put_printable(out, name, strlen(name));
}

/* 'what' is what could not be done, where 'trouble' does not say it. */
static void
put_trouble(struct ds *out, const char *what, const char *trouble)
{
    if (trouble) {
        ds_put_format(out, ", %s%s", what, trouble);
    }
    ds_put_char(out, '\n');
}

static void
show_places(struct ds *out)
{
    struct collector_journal_stats j;
    struct collector_output_stats o;
    struct collector_dial_stats d;

    for (size_t i = 0; i < options->n_listen; i++) {
        ds_put_format(out, "listen: %s\n", options->listen[i].target);
    }
    for (size_t i = 0; collector_dial_get_stats(i, &d); i++) {
        ds_put_format(out, "connect: %s, %s%s%s\n", d.target, d.state,
                      d.last_error[0] ? ", last error: " : "", d.last_error);
    }
    if (collector_listen_fault()[0]) {
        ds_put_format(out, "files: %s; what was read before stays in use\n",
                      collector_listen_fault());
    }
    if (sink->journal) {
        collector_journal_get_stats(sink->journal, &j);
        ds_put_format(out,
                      "journal: %s, %" PRIu64 " files, %" PRIu64 " of %" PRIu64
                      " bytes, %" PRIu64 " waiting",
                      j.folder, j.files, j.bytes, j.max_bytes, j.waiting);
        put_trouble(out, "", j.trouble);
    }
    if (sink->output) {
        collector_output_get_stats(sink->output, &o);
        ds_put_format(out, "output: %s, %" PRIu64 " lines, %" PRIu64 " bytes",
                      o.path, o.lines, o.bytes);
        if (copy) {
            ds_put_format(out, ", %" PRIu64 " bytes behind",
                          collector_copy_behind(copy));
        }
        put_trouble(out, "cannot write: ", o.trouble);
    }
}

static void
show_connections(struct ds *out)
{
    struct collector_peer_node *node;

    ds_put_format(out,
                  "connections: %" PRIuSIZE " now, %" PRIu64 " accepted, "
                  "%" PRIu64 " refused\n",
                  collector_peers_count()->now,
                  collector_peers_count()->accepted,
                  collector_peers_count()->refused);
    LIST_FOR_EACH (node, node, &collector_peers) {
        const struct collector_sensor *s = collector_peer_sensor(node->peer);
        struct collector_peer_stats p;

        collector_peer_get_stats(node->peer, &p);
        ds_put_cstr(out, "  ");
        put_name(out, s ? s->name : "?");
        ds_put_format(out, "  %s  %s%s%s  %s  %s  %lld s  %" PRIu64 " records",
                      p.address, p.format, p.uplink[0] ? "  uplink " : "",
                      p.uplink, p.protocol, p.subject,
                      (time_wall_msec() - p.since_ms) / 1000, p.records);
        if (p.uplink[0]) {
            ds_put_format(out, ", %" PRIu64 " not acknowledged",
                          p.unacknowledged);
        }
        if (p.lag_ms >= 0) {
            ds_put_format(out, ", lag %lld ms", p.lag_ms);
        }
        ds_put_char(out, '\n');
    }
}

static void
show_sensors(struct ds *out)
{
    struct collector_sensor **all = collector_sensors_sort();
    const struct collector_stream *s;

    ds_put_format(out, "sensors: %" PRIuSIZE "\n", collector_sensors_count());
    for (size_t i = 0; i < collector_sensors_count(); i++) {
        ds_put_cstr(out, "  ");
        put_name(out, all[i]->name);
        ds_put_format(out,
                      "  %s, %" PRIu64 " records, %" PRIu64 " duplicates, "
                      "%" PRIu64 " bytes, %" PRIu64 " lost",
                      all[i]->n_connected ? "connected" : "not connected",
                      all[i]->records, all[i]->duplicates, all[i]->bytes,
                      all[i]->lost);
        if (all[i]->forgotten) {
            ds_put_format(out, ", %" PRIu64 " streams forgotten",
                          all[i]->forgotten);
        }
        if (all[i]->cut_off) {
            ds_put_format(out, ", cut off %" PRIu64 " times, at last: ",
                          all[i]->cut_off);
            put_name(out, all[i]->last_error);
        }
        ds_put_char(out, '\n');
    }
    free(all);
    if (!sink->journal) {
        return;
    }
    s = collector_streams_first(collector_journal_streams(sink->journal));
    ds_put_format(out, "streams: %" PRIuSIZE "\n",
                  collector_streams_count(
                      collector_journal_streams(sink->journal)));
    for (; s; s = s->next) {
        size_t n_gaps;
        uint64_t outstanding = collector_stream_outstanding(s, &n_gaps);

        ds_put_cstr(out, "  ");
        put_name(out, s->sensor);
        ds_put_format(out,
                      "  uplink %s  incarnation %08" PRIx32 "  %" PRIu64
                      " records, %" PRIu64 " duplicates, %" PRIu64 " lost, "
                      "%" PRIu64 " missing, %" PRIu64 " outstanding",
                      s->uplink, s->incarnation, s->records, s->duplicates,
                      s->lost, s->missing, outstanding);
        if (n_gaps) {
            ds_put_format(out, " in %" PRIuSIZE " gaps", n_gaps);
        }
        ds_put_char(out, '\n');
    }
}

static void
command_show(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    if (argc > 1 && strcmp(argv[1], "--json")) {
        unixctl_command_reply_error(conn, "the only option is --json");
    } else if (argc > 1) {
        struct json *json = show_json();
        char *text = json_to_string(json, JSSF_SORT);

        unixctl_command_reply(conn, text);
        free(text);
        json_destroy(json);
    } else {
        struct ds out = DS_EMPTY_INITIALIZER;

        show_places(&out);
        show_connections(&out);
        show_sensors(&out);
        unixctl_command_reply(conn, ds_cstr(&out));
        ds_destroy(&out);
    }
}

void
collector_show_init(const struct collector_options *o,
                    const struct collector_sink *s,
                    const struct collector_copy *c)
{
    options = o;
    sink = s;
    copy = c;
    unixctl_command_register("collector/show", "[--json]", 0, 1, command_show,
                             NULL);
}

void
collector_show_log(unsigned int interval_s)
{
    static long long int next;

    if (!interval_s) {
        return;
    }
    if (!next || time_msec() >= next) {
        if (next) {
            struct collector_totals t = collector_sensors_sum();

            VLOG_INFO("%" PRIuSIZE " sensors connected, %" PRIu64 " records, "
                      "%" PRIu64 " bytes received, %" PRIu64 " records lost",
                      t.connected, t.records, t.bytes, t.lost);
        }
        next = time_msec() + interval_s * 1000LL;
    }
    poll_timer_wait_until(next);
}
