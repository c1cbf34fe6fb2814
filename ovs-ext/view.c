/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a view is three hash tables that are only read once they
 * have been published, so that readers need nothing but RCU.  Publishing
 * compares the new view with the one in force, member by member, because the
 * caller rebuilds it whenever anything in the database moves, and every
 * change costs a translation of all datapath flows. */

#include <config.h>

#include "ovs-ext/view.h"

#include <stdatomic.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "ovs-ext/hooks.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "util.h"

struct inspector_node {
    struct hmap_node node;           /* In ovsext_view.inspectors, by id. */
    struct ovsext_view_inspector up; /* Owns the names of ports. */
};

struct bridge_node {
    struct ovsext_view_bridge up;
    struct ovsext_view_attachment *attachments;
};

struct ovsext_view {
    uint64_t serial;
    struct hmap inspectors;
    struct shash bridges; /* Of struct bridge_node. */
    struct shash ports;   /* Of struct ovsext_view_port. */
    bool inserts;
};

struct ovsext_view_builder {
    struct ovsext_view *view;
};

static OVSRCU_TYPE(struct ovsext_view *) in_force = OVSRCU_INITIALIZER(NULL);
static _Atomic uint64_t view_serial; /* Of the view in force. */

static struct ovsext_view *
view_create(void)
{
    struct ovsext_view *view = xzalloc(sizeof *view);

    hmap_init(&view->inspectors);
    shash_init(&view->bridges);
    shash_init(&view->ports);
    return view;
}

static void
inspector_clear(struct inspector_node *inspector)
{
    for (size_t i = 0; i < inspector->up.n_functions; i++) {
        for (int arm = 0; arm < 2; arm++) {
            free(CONST_CAST(char *, inspector->up.functions[i].ports[arm]));
        }
    }
}

static void
view_free(struct ovsext_view *view)
{
    struct inspector_node *inspector;
    struct shash_node *node;

    HMAP_FOR_EACH_POP(inspector, node, &view->inspectors)
    {
        inspector_clear(inspector);
        free(inspector);
    }
    hmap_destroy(&view->inspectors);
    SHASH_FOR_EACH (node, &view->bridges) {
        struct bridge_node *bridge = node->data;

        free(bridge->attachments);
    }
    shash_destroy_free_data(&view->bridges);
    shash_destroy_free_data(&view->ports);
    free(view);
}

struct ovsext_view_builder *
ovsext_view_builder_create(void)
{
    struct ovsext_view_builder *b = xmalloc(sizeof *b);

    b->view = view_create();
    return b;
}

static struct inspector_node *
find_inspector(const struct ovsext_view *view, uint32_t id)
{
    struct inspector_node *inspector;

    HMAP_FOR_EACH_WITH_HASH(inspector, node, hash_int(id, 0),
                            &view->inspectors)
    {
        if (inspector->up.id == id) {
            return inspector;
        }
    }
    return NULL;
}

void
ovsext_view_builder_add_inspector(struct ovsext_view_builder *b,
                                  const struct ovsext_view_inspector *up)
{
    struct inspector_node *inspector = find_inspector(b->view, up->id);

    if (inspector) {
        inspector_clear(inspector);
    } else {
        inspector = xzalloc(sizeof *inspector);
        hmap_insert(&b->view->inspectors, &inspector->node,
                    hash_int(up->id, 0));
    }
    inspector->up = *up;
    for (size_t i = 0; i < up->n_functions; i++) {
        for (int arm = 0; arm < 2; arm++) {
            inspector->up.functions[i].ports[arm] =
                nullable_xstrdup(up->functions[i].ports[arm]);
        }
    }
}

void
ovsext_view_builder_add_bridge(struct ovsext_view_builder *b, const char *name,
                               uint32_t id)
{
    struct bridge_node *bridge = shash_find_data(&b->view->bridges, name);

    if (!bridge) {
        struct shash_node *node;

        bridge = xzalloc(sizeof *bridge);
        node = shash_add(&b->view->bridges, name, bridge);
        bridge->up.name = node->name;
    }
    bridge->up.id = id;
}

void
ovsext_view_builder_add_bridge_inspector(struct ovsext_view_builder *b,
                                         const char *name,
                                         uint32_t inspector_id,
                                         enum ovsext_select select)
{
    struct bridge_node *bridge = shash_find_data(&b->view->bridges, name);

    if (bridge) {
        size_t n = bridge->up.n_attachments++;

        bridge->attachments = xrealloc(bridge->attachments,
                                       (n + 1) * sizeof *bridge->attachments);
        bridge->attachments[n] = (struct ovsext_view_attachment){
            .id = inspector_id,
            .select = select,
        };
        bridge->up.attachments = bridge->attachments;
        b->view->inserts |= select != OVSEXT_SELECT_FLOWS;
    }
}

void
ovsext_view_builder_add_port(struct ovsext_view_builder *b,
                             const struct ovsext_view_port *up)
{
    struct ovsext_view_port *port = xmemdup(up, sizeof *up);
    struct shash_node *node;

    free(shash_find_and_delete(&b->view->ports, up->name));
    node = shash_add(&b->view->ports, up->name, port);
    port->name = node->name;
}

static bool
functions_equal(const struct ovsext_view_function *a,
                const struct ovsext_view_function *b)
{
    return (a->id == b->id && a->encap == b->encap &&
            a->both_arms == b->both_arms &&
            nullable_string_is_equal(a->ports[0], b->ports[0]) &&
            nullable_string_is_equal(a->ports[1], b->ports[1]));
}

static bool
inspectors_equal(const struct ovsext_view_inspector *a,
                 const struct ovsext_view_inspector *b)
{
    if (a->enabled != b->enabled || a->tap != b->tap ||
        a->fail_closed != b->fail_closed || a->n_functions != b->n_functions) {
        return false;
    }
    for (size_t i = 0; i < a->n_functions; i++) {
        if (!functions_equal(&a->functions[i], &b->functions[i])) {
            return false;
        }
    }
    return true;
}

static bool
ports_equal(const struct ovsext_view_port *a, const struct ovsext_view_port *b)
{
    return (a->id == b->id && a->role == b->role &&
            eth_addr_equals(a->mac, b->mac) && a->function == b->function &&
            a->inspector == b->inspector && a->arm == b->arm &&
            a->encap == b->encap);
}

static bool
bridges_equal(const struct ovsext_view_bridge *a,
              const struct ovsext_view_bridge *b)
{
    if (a->id != b->id || a->n_attachments != b->n_attachments) {
        return false;
    }
    for (size_t i = 0; i < a->n_attachments; i++) {
        if (a->attachments[i].id != b->attachments[i].id ||
            a->attachments[i].select != b->attachments[i].select) {
            return false;
        }
    }
    return true;
}

static bool
views_equal(const struct ovsext_view *a, const struct ovsext_view *b)
{
    const struct inspector_node *inspector;
    const struct shash_node *node;

    if (hmap_count(&a->inspectors) != hmap_count(&b->inspectors) ||
        shash_count(&a->bridges) != shash_count(&b->bridges) ||
        shash_count(&a->ports) != shash_count(&b->ports)) {
        return false;
    }
    HMAP_FOR_EACH (inspector, node, &a->inspectors) {
        const struct inspector_node *other =
            find_inspector(b, inspector->up.id);

        if (!other || !inspectors_equal(&inspector->up, &other->up)) {
            return false;
        }
    }
    SHASH_FOR_EACH (node, &a->bridges) {
        const struct bridge_node *bridge = node->data;
        const struct bridge_node *other =
            shash_find_data(&b->bridges, node->name);

        if (!other || !bridges_equal(&bridge->up, &other->up)) {
            return false;
        }
    }
    SHASH_FOR_EACH (node, &a->ports) {
        const struct ovsext_view_port *port = node->data;
        const struct ovsext_view_port *other =
            shash_find_data(&b->ports, node->name);

        if (!other || !ports_equal(port, other)) {
            return false;
        }
    }
    return true;
}

/* An interface that nothing else is known of is a function's all the same.
 * When two functions name one port, it is the older one's. */
static void
mark_port(struct ovsext_view *view, const struct inspector_node *inspector,
          const struct ovsext_view_function *function, uint8_t arm)
{
    const char *name = function->ports[arm];
    struct ovsext_view_port *port = shash_find_data(&view->ports, name);

    if (!port) {
        port = xzalloc(sizeof *port);
        port->name = shash_add(&view->ports, name, port)->name;
    }
    if (!port->function || function->id < port->function) {
        port->function = function->id;
        port->inspector = inspector->up.id;
        port->arm = arm;
        port->encap = function->encap;
    }
}

static void
mark_functions(struct ovsext_view *view)
{
    const struct inspector_node *inspector;

    HMAP_FOR_EACH (inspector, node, &view->inspectors) {
        for (size_t i = 0; i < inspector->up.n_functions; i++) {
            const struct ovsext_view_function *function =
                &inspector->up.functions[i];

            for (uint8_t arm = 0; arm < 2; arm++) {
                if (function->ports[arm]) {
                    mark_port(view, inspector, function, arm);
                }
            }
        }
    }
}

bool
ovsext_view_publish(struct ovsext_view_builder *b)
{
    struct ovsext_view *old =
        ovsrcu_get_protected(struct ovsext_view *, &in_force);
    struct ovsext_view *new = b->view;

    free(b);
    mark_functions(new);
    if (old && views_equal(old, new)) {
        view_free(new);
        return false;
    }

    new->serial = atomic_load_explicit(&view_serial, memory_order_relaxed) + 1;
    ovsrcu_set(&in_force, new);
    if (old) {
        ovsrcu_postpone(view_free, old);
    }

    /* Each datapath notices in its type_run(), which comes in the next turn
     * of the main loop. */
    atomic_store_explicit(&view_serial, new->serial, memory_order_release);
    return true;
}

void
ovsext_view_builder_destroy(struct ovsext_view_builder *b)
{
    view_free(b->view);
    free(b);
}

const struct ovsext_view *
ovsext_view_get(void)
{
    static const struct ovsext_view empty = {
        .inspectors = HMAP_INITIALIZER(&empty.inspectors),
        .bridges = SHASH_INITIALIZER(&empty.bridges),
        .ports = SHASH_INITIALIZER(&empty.ports),
    };
    const struct ovsext_view *view =
        ovsrcu_get(struct ovsext_view *, &in_force);

    return view ? view : &empty;
}

const struct ovsext_view_inspector *
ovsext_view_inspector(const struct ovsext_view *view, uint32_t id)
{
    const struct inspector_node *inspector = find_inspector(view, id);

    return inspector ? &inspector->up : NULL;
}

const struct ovsext_view_bridge *
ovsext_view_bridge(const struct ovsext_view *view, const char *name)
{
    const struct bridge_node *bridge = shash_find_data(&view->bridges, name);

    return bridge ? &bridge->up : NULL;
}

const struct ovsext_view_port *
ovsext_view_port(const struct ovsext_view *view, const char *name)
{
    return shash_find_data(&view->ports, name);
}

const struct ovsext_view_attachment *
ovsext_view_attachment(const struct ovsext_view_bridge *bridge,
                       uint32_t inspector_id)
{
    for (size_t i = 0; bridge && i < bridge->n_attachments; i++) {
        if (bridge->attachments[i].id == inspector_id) {
            return &bridge->attachments[i];
        }
    }
    return NULL;
}

uint64_t
ovsext_view_serial(const struct ovsext_view *view)
{
    return view->serial;
}

bool
ovsext_view_is_idle(const struct ovsext_view *view)
{
    return hmap_is_empty(&view->inspectors);
}

bool
ovsext_view_inserts(const struct ovsext_view *view)
{
    return view->inserts;
}

bool
ovsext_view_changed(uint64_t *serial)
{
    uint64_t now = atomic_load_explicit(&view_serial, memory_order_acquire);
    bool changed = *serial != now;

    *serial = now;
    return changed;
}

void
ovsext_view_destroy(void)
{
    struct ovsext_view *old =
        ovsrcu_get_protected(struct ovsext_view *, &in_force);

    if (old) {
        ovsrcu_set(&in_force, NULL);
        ovsrcu_postpone(view_free, old);
    }
}
