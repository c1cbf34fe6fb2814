/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * inspect/coverage: for each VM port, the bytes that its devices have carried
 * beside those that the engine has inspected, and if there is a gap, why: by
 * what the inspectors of its bridge reach at best.  Asking a device for its
 * counters takes a system call or so, and is all that this thread does as
 * one that RCU knows of. */

#include <config.h>

#include "ovs-ext/appctl-command.h"
#include "ovs-ext/status.h"
#include "ovs-rcu.h"
#include "util.h"

/* What of a port's traffic the inspectors of its bridge should see. */
enum reach {
    REACH_NONE,
    REACH_FLOWS, /* What flows say. */
    REACH_VM_TO_VM,
    REACH_ALL, /* All of a VM port's. */
};

struct coverage {
    const char *state;
    const char *why;
    uint64_t carried;
    uint64_t inspected;
};

/* What is needed for one port's answer. */
struct answer {
    const struct ovsext_rows *rows;
    const struct ovsext_engine_state *state;
    struct insp_port_stats *stats; /* By port id. */
    size_t n_stats;
};

/* Returns what the bridge's inspectors reach, and if that is nothing, why. */
static enum reach
reach_of(const struct answer *a, const struct ovsext_bridge *bridge,
         const char **why)
{
    enum reach reach = REACH_NONE;

    *why = "no inspector on its bridge";
    for (size_t i = 0; i < bridge->n_inspectors; i++) {
        const struct ovsext_inspector *inspector =
            &a->rows->inspectors[bridge->inspectors[i]];
        const struct insp_inspector_stats *stats =
            ovsext_engine_state_inspector(a->state, inspector);
        enum reach its = REACH_ALL;

        if (strcmp(ovsext_inspector_state(inspector, stats), "active")) {
            *why = inspector->config.base.enabled
                       ? "its inspector is in error; see status:error"
                       : "its inspector is disabled";
            continue;
        }
        switch (inspector->config.select) {
        case INSP_SELECT_FLOWS: its = REACH_FLOWS; break;
        case INSP_SELECT_VM_TO_VM: its = REACH_VM_TO_VM; break;
        case INSP_SELECT_VM:
        case INSP_SELECT_ALL: break;
        }
        reach = MAX(reach, its);
    }
    return reach;
}

/* Why a port that some inspector reaches has carried more than was
 * inspected. */
static const char *
why_partly(enum reach reach)
{
    return (reach == REACH_FLOWS
                ? "select=flows, and flows have a part of it inspected"
            : reach == REACH_VM_TO_VM
                ? "select=vm-to-vm: the rest was not between VMs here, was "
                  "flooded to it, or came before the inspector was on"
                : "packets that flows drop, or that were carried while the "
                  "inspector was off, are not inspected");
}

static const char *
why_nothing(enum reach reach)
{
    return (reach == REACH_FLOWS
                ? "select=flows, and no flow has had it inspected"
            : reach == REACH_VM_TO_VM
                ? "select=vm-to-vm, and it has not talked to a VM here"
                : "it has carried packets of which none was inspected");
}

static void
judge_coverage(const struct answer *a, const struct ovsext_bridge *bridge,
               struct coverage *c)
{
    const char *why;
    enum reach reach;

    c->why = NULL;
    if (bridge->fault) {
        c->state = "blind";
        c->why = bridge->fault;
        return;
    }
    reach = reach_of(a, bridge, &why);
    if (reach == REACH_NONE) {
        c->state = "unprotected";
        c->why = why;
    } else if ((!c->carried && reach > REACH_FLOWS) ||
               (c->inspected && c->inspected >= c->carried)) {
        c->state = "protected";
    } else if (!c->inspected) {
        c->state = "unprotected";
        c->why = why_nothing(reach);
    } else {
        c->state = "partly";
        c->why = why_partly(reach);
    }
}

static int
compare_stats(const void *a_, const void *b_)
{
    const struct insp_port_stats *a = a_, *b = b_;

    return a->id < b->id ? -1 : a->id > b->id;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct insp_port *const *a = a_;
    const struct insp_port *const *b = b_;
    int order = strcmp((*a)->bridge, (*b)->bridge);

    return order ? order : strcmp((*a)->name, (*b)->name);
}

static void
put_coverage(struct ovsext_out *out, const struct insp_port *port,
             const struct coverage *c)
{
    if (!out->json) {
        ovsext_out_line(out,
                        "%s on %s (%s): %s, %" PRIu64 " of %" PRIu64
                        " bytes inspected%s%s",
                        port->name, port->bridge,
                        port->vm_id[0]      ? port->vm_id
                        : port->iface_id[0] ? port->iface_id
                                            : "listed",
                        c->state, c->inspected, c->carried, c->why ? "; " : "",
                        c->why ? c->why : "");
        return;
    }
    ovsext_out_item(out, " ");
    ovsext_out_text(out, "port", port->name);
    ovsext_out_text(out, "bridge", port->bridge);
    ovsext_out_text(out, "vm_id", port->vm_id);
    ovsext_out_text(out, "iface_id", port->iface_id);
    ovsext_out_number(out, "port_id", port->id);
    ovsext_out_text(out, "state", c->state);
    ovsext_out_text(out, "why", c->why);
    ovsext_out_number(out, "forwarded_bytes", c->carried);
    ovsext_out_number(out, "inspected_bytes", c->inspected);
    ovsext_out_end(out);
}

static void
answer_port(struct ovsext_out *out, const struct answer *a, size_t i)
{
    const struct ovsext_port_list *ports = a->rows->ports;
    struct insp_port_stats key = { .id = ports->array[i].id };
    const struct ovsext_bridge *bridge;
    const struct insp_port_stats *s;
    struct coverage c;

    bridge = ovsext_rows_bridge(a->rows, &ports->details[i].bridge_uuid);
    if (!bridge) {
        return;
    }
    s = a->n_stats ? bsearch(&key, a->stats, a->n_stats, sizeof *a->stats,
                             compare_stats)
                   : NULL;
    memset(&c, 0, sizeof c);
    c.inspected = s ? s->in_bytes + s->out_bytes : 0;
    ovsrcu_quiesce_end();
    ovsext_port_carried(ports, i, &c.carried);
    ovsrcu_quiesce_start();
    judge_coverage(a, bridge, &c);
    put_coverage(out, &ports->array[i], &c);
}

static void
ask_engine(struct answer *a)
{
    size_t n_max = a->rows->ports->n;

    a->state = ovsext_engine_state_read(a->rows);
    a->stats = xcalloc(n_max, sizeof *a->stats);
    if (a->rows->engine && n_max) {
        a->n_stats = MIN(n_max, insp_engine_get_port_stats(a->rows->engine,
                                                           a->stats, n_max));
        qsort(a->stats, a->n_stats, sizeof *a->stats, compare_stats);
    }
}

char *
ovsext_answer_coverage(const struct ovsext_question *q, struct ovsext_out *out)
{
    const struct ovsext_port_list *ports = q->rows->ports;
    struct answer a = { .rows = q->rows };
    const struct insp_port **order;
    size_t n = 0;

    ask_engine(&a);
    order = xcalloc(ports->n, sizeof *order);
    for (size_t i = 0; i < ports->n; i++) {
        if (ports->array[i].role == INSP_PORT_VM) {
            order[n++] = &ports->array[i];
        }
    }
    qsort(order, n, sizeof *order, compare_ports);

    ovsext_out_list(out, "ports");
    for (size_t i = 0; i < n; i++) {
        answer_port(out, &a, order[i] - ports->array);
    }
    ovsext_out_end(out);
    if (!n) {
        ovsext_out_line(out,
                        q->rows->n_inspectors
                            ? "no VM port: none has external_ids:vm-uuid or "
                              "vm-id, and Inspector.ports lists none"
                            : "no inspector is configured");
    }
    free(order);
    free(a.stats);
    free(CONST_CAST(struct ovsext_engine_state *, a.state));
    return NULL;
}
