/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: the identities that records may refer to, and how one ends.
 *
 *     attached  PORT record to the exporter, then part of the snapshot
 *     detached  out of the next snapshot; no worker that reads that one
 *               begins a connection with it any more
 *     a round   later: what had begun meanwhile is ended too
 *     some rounds later: all its reports are out; PORT_GONE, forgotten
 *
 * A round (see control.c) is a grace period followed by a complete drain of
 * all tables.  An ended connection is out after at most three of them: one
 * for it to be taken off the attention stack, one for its grace period, one
 * for its report. */

#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_UNTIL_REPORTED 4

static uint32_t
place_of(const struct insp_known_port *ports, uint32_t mask, uint32_t id)
{
    uint32_t i = insp_port_hash(id) & mask;

    while (ports[i].stats.id && ports[i].stats.id != id) {
        i = (i + 1) & mask;
    }
    return i;
}

struct insp_known_port *
insp_ports_find(const struct insp_engine *engine, uint32_t id)
{
    struct insp_known_port *port;

    if (!engine->ports || !id) {
        return NULL;
    }
    port = &engine->ports[place_of(engine->ports, engine->ports_mask, id)];
    return port->stats.id ? port : NULL;
}

/* Makes a table with room for 'n_more'; with 'forget_gone', without the ports
 * that no record can name any more.  The old one stays when memory is out. */
static bool
rebuild(struct insp_engine *engine, size_t n_more, bool forget_gone)
{
    size_t n = 64;
    struct insp_known_port *ports;
    uint32_t kept = 0;

    while (n < 2 * (engine->n_ports + n_more)) {
        n *= 2;
    }
    ports = calloc(n, sizeof *ports);
    if (!ports) {
        return false;
    }
    for (size_t i = 0; engine->ports && i <= engine->ports_mask; i++) {
        const struct insp_known_port *old = &engine->ports[i];

        if (!old->stats.id) {
            continue;
        }
        if (forget_gone && old->dead && old->ends_told &&
            engine->round >= old->gone_round) {
            insp_report_port_gone(engine, old->stats.id);
            engine->n_dead--;
            continue;
        }
        ports[place_of(ports, (uint32_t) n - 1, old->stats.id)] = *old;
        kept++;
    }
    free(engine->ports);
    engine->ports = ports;
    engine->ports_mask = (uint32_t) n - 1;
    engine->n_ports = kept;
    return true;
}

void
insp_ports_apply(struct insp_engine *engine, const struct insp_port *ports,
                 size_t n)
{
    if (!rebuild(engine, n, false)) {
        insp_log(&engine->host, INSP_LOG_ERROR,
                 "no memory for %zu ports: identities stay as they were", n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct insp_known_port *port;

        port = &engine->ports[place_of(engine->ports, engine->ports_mask,
                                       ports[i].id)];
        if (!port->stats.id) {
            port->stats.id = ports[i].id;
            port->role = ports[i].role;
            port->since_ns = engine->host.monotonic_ns(engine->host.aux);
            engine->n_ports++;
            insp_report_port(engine, &ports[i]);
        }
        port->mark = engine->mark;
    }
    for (size_t i = 0; i <= engine->ports_mask; i++) {
        struct insp_known_port *port = &engine->ports[i];

        if (port->stats.id && port->mark != engine->mark && !port->dead) {
            port->dead = true;
            /* The round under way began before the new snapshot. */
            port->gone_round = engine->round + 2;
            engine->n_dead++;
        }
    }
}

static bool
is_ending(const void *engine_, uint32_t id)
{
    const struct insp_engine *engine = engine_;
    const struct insp_known_port *port = insp_ports_find(engine, id);

    return port && port->dead && !port->ends_told &&
           engine->round >= port->gone_round;
}

void
insp_ports_turn(struct insp_engine *engine)
{
    bool ends_due = false;
    bool gone_due = false;

    if (!engine->n_dead) {
        return;
    }
    for (size_t i = 0; i <= engine->ports_mask; i++) {
        const struct insp_known_port *port = &engine->ports[i];

        if (port->stats.id && port->dead &&
            engine->round >= port->gone_round) {
            ends_due |= !port->ends_told;
            gone_due |= port->ends_told;
        }
    }
    if (gone_due) {
        rebuild(engine, 0, true);
    }
    if (!ends_due) {
        return;
    }
    for (size_t i = 0; i < INSP_MAX_INSPECTORS; i++) {
        if (engine->inspectors[i].table) {
            insp_table_end_ports(engine->inspectors[i].table, is_ending,
                                 engine);
        }
    }
    for (size_t i = 0; i <= engine->ports_mask; i++) {
        struct insp_known_port *port = &engine->ports[i];

        if (port->stats.id && is_ending(engine, port->stats.id)) {
            port->ends_told = true;
            port->gone_round = engine->round + ROUNDS_UNTIL_REPORTED;
        }
    }
}
