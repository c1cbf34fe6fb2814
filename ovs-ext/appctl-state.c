/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * What several commands look up.  The engine's state is a copy of a moment:
 * each worker's part is as of the end of one of its batches.  Names are
 * found by a hash of the port id, made for one reply. */

#include <config.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "ovs-ext/appctl-command.h"
#include "util.h"

struct ovsext_engine_state *
ovsext_engine_state_read(const struct ovsext_rows *rows)
{
    struct ovsext_engine_state *state = xzalloc(sizeof *state);
    struct insp_engine *engine = rows->engine;

    if (engine) {
        state->n_inspectors =
            MIN(INSP_MAX_INSPECTORS,
                insp_engine_get_stats(engine, state->inspectors,
                                      INSP_MAX_INSPECTORS));
        state->n_uplinks =
            MIN(INSP_MAX_UPLINKS,
                insp_drain_get_status(insp_engine_drain(engine),
                                      state->uplinks, INSP_MAX_UPLINKS));
    }
    return state;
}

const struct insp_inspector_stats *
ovsext_engine_state_inspector(const struct ovsext_engine_state *state,
                              const struct ovsext_inspector *inspector)
{
    for (size_t i = 0; inspector->n_bridges && i < state->n_inspectors; i++) {
        if (state->inspectors[i].id == inspector->config.base.id) {
            return &state->inspectors[i];
        }
    }
    return NULL;
}

const struct insp_uplink_status *
ovsext_engine_state_uplink(const struct ovsext_engine_state *state,
                           const struct ovsext_uplink *uplink)
{
    for (size_t i = 0; i < state->n_uplinks; i++) {
        if (!strcmp(state->uplinks[i].name, uplink->name)) {
            return &state->uplinks[i];
        }
    }
    return NULL;
}

struct name {
    struct hmap_node node;
    const struct insp_port *port;
};

struct ovsext_names {
    struct hmap by_id;
    struct name *array;
};

struct ovsext_names *
ovsext_names_create(const struct ovsext_port_list *ports)
{
    struct ovsext_names *names = xmalloc(sizeof *names);

    hmap_init(&names->by_id);
    hmap_reserve(&names->by_id, ports->n);
    names->array = xcalloc(ports->n, sizeof *names->array);
    for (size_t i = 0; i < ports->n; i++) {
        names->array[i].port = &ports->array[i];
        hmap_insert(&names->by_id, &names->array[i].node,
                    hash_int(ports->array[i].id, 0));
    }
    return names;
}

const struct insp_port *
ovsext_names_find(const struct ovsext_names *names, uint32_t id)
{
    const struct name *name;

    HMAP_FOR_EACH_WITH_HASH(name, node, hash_int(id, 0), &names->by_id)
    {
        if (name->port->id == id) {
            return name->port;
        }
    }
    return NULL;
}

void
ovsext_names_destroy(struct ovsext_names *names)
{
    hmap_destroy(&names->by_id);
    free(names->array);
    free(names);
}
