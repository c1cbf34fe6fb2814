/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/listeners: the services that the inventory has seen to answer
 * (engine/inventory.h), the worst first, then by address and port. */

#include <config.h>

#include "ovs-ext/appctl-command.h"
#include "timeval.h"
#include "util.h"

static int
compare_listeners(const void *a_, const void *b_)
{
    const struct insp_listener *a = a_;
    const struct insp_listener *b = b_;
    int a_worst = insp_weaknesses_severity(a->weaknesses);
    int b_worst = insp_weaknesses_severity(b->weaknesses);
    int order;

    if (a_worst != b_worst) {
        return b_worst - a_worst;
    }
    order = memcmp(a->conn.addr[1], b->conn.addr[1], sizeof a->conn.addr[1]);
    if (order) {
        return order;
    }
    if (a->conn.l4_port[1] != b->conn.l4_port[1]) {
        return a->conn.l4_port[1] < b->conn.l4_port[1] ? -1 : 1;
    }
    return a->conn.proto - b->conn.proto;
}

static char *
time_text(uint64_t ns)
{
    return xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z",
                           (long long int) (ns / 1000000), true);
}

/* "smb-1 (high), tls-1.0 (medium)" */
static char *
weaknesses_text(uint32_t set)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (unsigned int i = 0; i < INSP_N_WEAKNESSES; i++) {
        if (set >> i & 1) {
            ds_put_format(
                &s, "%s%s (%s)", s.length ? ", " : "", insp_weakness_word(i),
                insp_severity_word(insp_weaknesses_severity(1u << i)));
        }
    }
    return ds_steal_cstr(&s);
}

static void
put_line(struct ovsext_out *out, const struct insp_listener *l,
         const struct insp_port *port)
{
    char end[OVSEXT_END_SIZE], proto[OVSEXT_PROTO_SIZE];
    char *weaknesses = weaknesses_text(l->weaknesses);
    char *first = time_text(l->first_ns), *last = time_text(l->last_ns);
    const char *app = insp_app_word(l->conn.app);

    ovsext_out_line(out,
                    "%s %s, %s%s%s%s%s%s%s, connections %" PRIu64
                    ", first %s, last %s%s%s",
                    ovsext_proto_word(l->conn.proto, proto),
                    ovsext_conn_end(&l->conn, 1, end),
                    ovsext_port_called(port), app[0] ? ", " : "", app,
                    l->software[0] ? ", " : "", l->software,
                    l->versions[0] ? ", " : "", l->versions, l->connections,
                    first, last, weaknesses[0] ? ", weak: " : "", weaknesses);
    free(weaknesses);
    free(first);
    free(last);
}

static void
put_object(struct ovsext_out *out, const struct insp_listener *l,
           const struct insp_port *port)
{
    char address[INET6_ADDRSTRLEN], proto[OVSEXT_PROTO_SIZE];

    ovsext_out_item(out, " ");
    ovsext_out_text(out, "proto", ovsext_proto_word(l->conn.proto, proto));
    ovsext_out_text(out, "ip", ovsext_conn_address(&l->conn, 1, address));
    ovsext_out_number(out, "port", l->conn.l4_port[1]);
    ovsext_put_end(out, "vm", port, l->conn.port_id[1]);
    ovsext_out_text(out, "app_proto", insp_app_word(l->conn.app));
    ovsext_out_text(out, "host", l->conn.host[1]);
    ovsext_out_text(out, "software", l->software);
    ovsext_out_text(out, "versions", l->versions);
    ovsext_out_number(out, "connections", l->connections);
    ovsext_out_number(out, "first_seen_ms", l->first_ns / 1000000);
    ovsext_out_number(out, "last_seen_ms", l->last_ns / 1000000);
    ovsext_out_text(out, "severity",
                    insp_severity_word(
                        insp_weaknesses_severity(l->weaknesses)));
    ovsext_out_list(out, "weaknesses");
    for (unsigned int i = 0; i < INSP_N_WEAKNESSES; i++) {
        if (l->weaknesses >> i & 1) {
            ovsext_out_item(out, " ");
            ovsext_out_text(out, "weakness", insp_weakness_word(i));
            ovsext_out_text(out, "text", insp_weakness_text(i));
            ovsext_out_end(out);
        }
    }
    ovsext_out_end(out);
    ovsext_out_end(out);
}

char *
ovsext_answer_listeners(const struct ovsext_question *q,
                        struct ovsext_out *out)
{
    struct insp_listener *listeners;
    struct ovsext_names *names;
    size_t n;

    if (!q->rows->engine) {
        return xstrdup("no inspector is in force");
    }
    n = insp_engine_listeners(q->rows->engine, q->id, &listeners,
                              OVSEXT_ANSWER_MS);
    if (n) {
        qsort(listeners, n, sizeof *listeners, compare_listeners);
    }
    names = ovsext_names_create(q->rows->ports);
    ovsext_out_list(out, "listeners");
    for (size_t i = 0; i < n; i++) {
        const struct insp_port *port =
            ovsext_names_find(names, listeners[i].conn.port_id[1]);

        if (out->json) {
            put_object(out, &listeners[i], port);
        } else {
            put_line(out, &listeners[i], port);
        }
    }
    ovsext_out_end(out);
    if (!n && !out->json) {
        ovsext_out_line(out, "nobody has answered yet");
    }
    ovsext_names_destroy(names);
    free(listeners);
    return NULL;
}
