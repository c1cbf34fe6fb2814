/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/flows and inspect/flush: both are put to the engine's control
 * thread.  Flows are sorted and formatted here, one line or one object each;
 * the engine is asked for one more than is shown, which tells whether there
 * are more. */

#include <config.h>

#include <arpa/inet.h>

#include "ovs-ext/appctl-command.h"
#include "util.h"

static int
compare_busy(const void *a_, const void *b_)
{
    const struct insp_record_connection *a =
        &((const struct insp_flow_row *) a_)->conn;
    const struct insp_record_connection *b =
        &((const struct insp_flow_row *) b_)->conn;
    uint64_t a_bytes = a->bytes[0] + a->bytes[1];
    uint64_t b_bytes = b->bytes[0] + b->bytes[1];

    return a_bytes > b_bytes ? -1 : a_bytes < b_bytes;
}

static const char *
flow_state(const struct insp_record_connection *conn)
{
    if (conn->state & INSP_CONN_CLOSED) {
        return "closed";
    } else if (conn->state & INSP_CONN_ESTABLISHED) {
        return "established";
    } else if (conn->state & INSP_CONN_ANSWERED) {
        return "answered";
    }
    return "new";
}

const char *
ovsext_proto_word(uint8_t proto, char buffer[OVSEXT_PROTO_SIZE])
{
    switch (proto) {
    case INSP_PROTO_ICMP: return "icmp";
    case INSP_PROTO_TCP: return "tcp";
    case INSP_PROTO_UDP: return "udp";
    case INSP_PROTO_ICMPV6: return "icmp6";
    case INSP_PROTO_SCTP: return "sctp";
    }
    snprintf(buffer, OVSEXT_PROTO_SIZE, "ip/%u", proto);
    return buffer;
}

static bool
has_ports(uint8_t proto)
{
    return proto == INSP_PROTO_TCP || proto == INSP_PROTO_UDP ||
           proto == INSP_PROTO_SCTP;
}

const char *
ovsext_conn_address(const struct insp_record_connection *conn, int side,
                    char text[INET6_ADDRSTRLEN])
{
    const uint8_t *addr = conn->addr[side];

    if (conn->ip_version == 4) {
        inet_ntop(AF_INET, addr + 12, text, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
    }
    return text;
}

const char *
ovsext_conn_end(const struct insp_record_connection *conn, int side,
                char text[OVSEXT_END_SIZE])
{
    bool brackets = conn->ip_version == 6;
    char address[INET6_ADDRSTRLEN];
    size_t n;

    n = snprintf(text, OVSEXT_END_SIZE, "%s%s%s", brackets ? "[" : "",
                 ovsext_conn_address(conn, side, address),
                 brackets ? "]" : "");
    if (has_ports(conn->proto)) {
        snprintf(text + n, OVSEXT_END_SIZE - n, ":%u", conn->l4_port[side]);
    }
    return text;
}

const char *
ovsext_port_called(const struct insp_port *port)
{
    return !port ? "-" : port->vm_id[0] ? port->vm_id : port->name;
}

void
ovsext_put_end(struct ovsext_out *out, const char *key,
               const struct insp_port *port, uint32_t id)
{
    if (!id) {
        return;
    }
    ovsext_out_group(out, key);
    ovsext_out_number(out, "port_id", id);
    if (port) {
        ovsext_out_text(out, "vm_id", port->vm_id);
        ovsext_out_text(out, "iface_id", port->iface_id);
        ovsext_out_text(out, "port", port->name);
        ovsext_out_text(out, "bridge", port->bridge);
        ovsext_out_text(out, "role", insp_port_role_word(port->role));
    }
    ovsext_out_end(out);
}

static void
put_flow_line(struct ovsext_out *out, const struct insp_flow_row *row,
              const struct insp_port *const ends[2])
{
    const struct insp_record_connection *conn = &row->conn;
    char from[OVSEXT_END_SIZE], to[OVSEXT_END_SIZE];
    char proto[OVSEXT_PROTO_SIZE];

    ovsext_out_line(out,
                    "%s %s > %s, %s > %s, "
                    "packets %" PRIu64 "/%" PRIu64 ", bytes %" PRIu64
                    "/%" PRIu64 ", %s%s%s, age %.1fs, idle %.1fs%s%s",
                    ovsext_proto_word(conn->proto, proto),
                    ovsext_conn_end(conn, 0, from),
                    ovsext_conn_end(conn, 1, to), ovsext_port_called(ends[0]),
                    ovsext_port_called(ends[1]), conn->packets[0],
                    conn->packets[1], conn->bytes[0], conn->bytes[1],
                    insp_app_word(conn->app), conn->app ? ", " : "",
                    flow_state(conn),
                    (conn->end_ns - conn->start_ns + row->idle_ns) / 1e9,
                    row->idle_ns / 1e9, conn->verdict ? ", " : "",
                    conn->verdict ? insp_verdict_word(conn->verdict) : "");
}

static void
put_flow_object(struct ovsext_out *out, const struct insp_flow_row *row,
                const struct insp_port *const ends[2])
{
    const struct insp_record_connection *conn = &row->conn;
    char address[INET6_ADDRSTRLEN];
    char proto[OVSEXT_PROTO_SIZE];

    ovsext_out_item(out, " ");
    ovsext_out_text(out, "proto", ovsext_proto_word(conn->proto, proto));
    ovsext_out_text(out, "src_ip", ovsext_conn_address(conn, 0, address));
    ovsext_out_text(out, "dest_ip", ovsext_conn_address(conn, 1, address));
    if (has_ports(conn->proto)) {
        ovsext_out_number(out, "src_port", conn->l4_port[0]);
        ovsext_out_number(out, "dest_port", conn->l4_port[1]);
    } else if (conn->proto == INSP_PROTO_ICMP ||
               conn->proto == INSP_PROTO_ICMPV6) {
        ovsext_out_number(out, "icmp_type", conn->icmp_type);
        ovsext_out_number(out, "icmp_code", conn->icmp_code);
    }
    ovsext_put_end(out, "src", ends[0], conn->port_id[0]);
    ovsext_put_end(out, "dest", ends[1], conn->port_id[1]);
    ovsext_out_number(out, "pkts_toserver", conn->packets[0]);
    ovsext_out_number(out, "pkts_toclient", conn->packets[1]);
    ovsext_out_number(out, "bytes_toserver", conn->bytes[0]);
    ovsext_out_number(out, "bytes_toclient", conn->bytes[1]);
    ovsext_out_text(out, "app_proto", insp_app_word(conn->app));
    ovsext_out_text(out, "state", flow_state(conn));
    ovsext_out_text(out, "verdict", insp_verdict_word(conn->verdict));
    ovsext_out_number(out, "policy_version", conn->policy_version);
    ovsext_out_bool(out, "intra_host", conn->intra_host);
    ovsext_out_number(out, "start_ms", conn->start_ns / 1000000);
    ovsext_out_number(out, "idle_ms", row->idle_ns / 1000000);
    ovsext_out_end(out);
}

static void
put_flow(struct ovsext_out *out, const struct ovsext_names *names,
         const struct insp_flow_row *row)
{
    const struct insp_port *const ends[2] = {
        ovsext_names_find(names, row->conn.port_id[0]),
        ovsext_names_find(names, row->conn.port_id[1]),
    };

    if (out->json) {
        put_flow_object(out, row, ends);
    } else {
        put_flow_line(out, row, ends);
    }
}

char *
ovsext_answer_flows(const struct ovsext_question *q, struct ovsext_out *out)
{
    size_t n_max = (q->sort ? OVSEXT_MAX_FLOWS : q->limit) + 1;
    struct ovsext_names *names;
    struct insp_flow_row *rows;
    size_t n;

    if (!q->rows->engine) {
        return xstrdup("no inspector is in force");
    }
    rows = calloc(n_max, sizeof *rows);
    if (!rows) {
        return xstrdup("not enough memory");
    }
    n = insp_engine_list(q->rows->engine, q->id, rows, n_max,
                         OVSEXT_ANSWER_MS);
    if (q->sort) {
        qsort(rows, n, sizeof *rows, compare_busy);
    }

    names = ovsext_names_create(q->rows->ports);
    ovsext_out_list(out, "flows");
    for (size_t i = 0; i < MIN(n, q->limit); i++) {
        put_flow(out, names, &rows[i]);
    }
    ovsext_out_end(out);
    if (out->json) {
        ovsext_out_bool(out, "complete", n <= q->limit);
    } else if (n > q->limit) {
        ovsext_out_line(out,
                        "there are more; --limit=N shows up to N, "
                        "%d at most",
                        OVSEXT_MAX_FLOWS);
    }
    ovsext_names_destroy(names);
    free(rows);
    return NULL;
}

char *
ovsext_answer_flush(const struct ovsext_question *q, struct ovsext_out *out)
{
    if (!q->rows->engine) {
        return xstrdup("no inspector is in force");
    }
    if (!insp_engine_flush(q->rows->engine, q->id, OVSEXT_FLUSH_MS)) {
        return xstrdup("the inspector did not answer in time");
    }
    if (out->json) {
        ovsext_out_bool(out, "flushed", true);
    }
    return NULL;
}
