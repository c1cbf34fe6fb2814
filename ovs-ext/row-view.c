/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The view is built whole each time; view.c sees whether anything of it is
 * new.  An inspector that can be called by its id is in it even if it is off,
 * so that its flows say so. */

#include <config.h>

#include "ovs-ext/row-view.h"

#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/row-inspector.h"
#include "ovs-ext/view.h"

VLOG_DEFINE_THIS_MODULE(inspect_view);

BUILD_ASSERT_DECL(OVSEXT_MAX_FUNCTIONS >= INSP_MAX_FUNCTIONS);

static enum ovsext_select
select_in_view(enum insp_select select)
{
    switch (select) {
    case INSP_SELECT_FLOWS: return OVSEXT_SELECT_FLOWS;
    case INSP_SELECT_VM_TO_VM: return OVSEXT_SELECT_VM_TO_VM;
    case INSP_SELECT_VM: return OVSEXT_SELECT_VM;
    case INSP_SELECT_ALL: break;
    }
    return OVSEXT_SELECT_ALL;
}

/* Those that are leaving, too: what is in them comes back. */
static void
add_functions(struct ovsext_view_inspector *view,
              const struct ovsext_policy *policy)
{
    for (size_t i = 0; i < policy->n_functions; i++) {
        const struct insp_function_config *config = &policy->functions[i];

        view->functions[view->n_functions++] = (struct ovsext_view_function){
            .id = config->id,
            .encap = config->encap,
            .both_arms = config->arms == INSP_ARMS_BY_DIRECTION,
            .ports = { policy->ports[i][0], policy->ports[i][1] },
        };
    }
}

static void
add_inspector(struct ovsext_view_builder *builder,
              const struct ovsext_inspector *inspector,
              const struct ovsext_policy *policy)
{
    const struct insp_inspector_config *config = &inspector->config.base;
    struct ovsext_view_inspector view = {
        .id = config->id,
        .enabled = config->enabled && !inspector->faults.n,
        .tap = config->mode == INSP_MODE_TAP,
        .fail_closed = config->fail_mode == INSP_FAIL_CLOSED,
    };

    if (policy) {
        add_functions(&view, policy);
    }
    ovsext_view_builder_add_inspector(builder, &view);
}

static void
add_bridge(struct ovsext_view_builder *builder, const struct ovsext_rows *rows,
           const struct ovsext_bridge *bridge)
{
    ovsext_view_builder_add_bridge(builder, bridge->name, bridge->id);
    for (size_t i = 0; !bridge->fault && i < bridge->n_inspectors; i++) {
        size_t index = bridge->inspectors[i];
        const struct insp_config_inspector *config;

        config = &rows->inspectors[index].config;
        if (ovsext_inspector_is_callable(rows, index)) {
            ovsext_view_builder_add_bridge_inspector(
                builder, bridge->name, config->base.id,
                select_in_view(config->select));
        }
    }
}

bool
ovsext_rows_publish_view(const struct ovsext_rows *rows,
                         const struct ovsext_policies *policies)
{
    struct ovsext_view_builder *builder = ovsext_view_builder_create();
    uint64_t began_ns = ovsext_monotonic_ns();
    bool changed;

    for (size_t i = 0; i < rows->n_inspectors; i++) {
        if (ovsext_inspector_is_callable(rows, i)) {
            add_inspector(builder, &rows->inspectors[i],
                          ovsext_policies_find(policies,
                                               &rows->inspectors[i].uuid));
        }
    }
    for (size_t i = 0; i < rows->n_bridges; i++) {
        add_bridge(builder, rows, &rows->bridges[i]);
    }
    ovsext_ports_to_view(rows->ports, builder);
    changed = ovsext_view_publish(builder);
    if (changed) {
        VLOG_DBG("published a view of %" PRIuSIZE " ports in %" PRIu64 " us",
                 rows->ports->n, (ovsext_monotonic_ns() - began_ns) / 1000);
    }
    return changed;
}
