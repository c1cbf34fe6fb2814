/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A port is looked up in the policy's identities by all that it is: its
 * iface-id, its VM, its name, and each line of 'extra'.  The union of what is
 * found is the port's quad, in vectors of the binding's own pool, behind an
 * open hash of port ids that is at most half full. */

#include "rule/frozen.h"

static void
join(struct insp_binding *binding, struct insp_quad *quad,
     enum insp_term_kind kind, const char *text, size_t size,
     uint64_t *scratch, struct insp_budget *budget)
{
    const struct insp_policy *policy = binding->policy;
    const struct insp_quad *found;

    if (!size) {
        return;
    }
    found = insp_identities_find(&policy->identities, kind, text, size);
    for (int i = 0; found && i < INSP_N_QUAD_PARTS; i++) {
        if (found->vector[i]) {
            insp_pool_expand(&binding->pool, quad->vector[i], scratch);
            insp_pool_expand(&policy->pool, found->vector[i], scratch);
            quad->vector[i] = insp_pool_add(&binding->pool, scratch, budget);
            insp_dense_clear(scratch, &binding->pool.shape);
        }
    }
}

static void
bind_port(struct insp_binding *binding, const struct insp_port *port,
          uint64_t *scratch, struct insp_budget *budget)
{
    uint32_t i = insp_number_hash(port->id) & binding->mask;
    struct insp_bound *bound;
    const char *line = port->extra;
    const char *end;

    while (binding->slots[i].port_id) {
        i = (i + 1) & binding->mask;
    }
    bound = &binding->slots[i];
    bound->port_id = port->id;
    bound->is_vm = port->role == INSP_PORT_VM;
    join(binding, &bound->quad, INSP_TERM_IFACE, port->iface_id,
         strlen(port->iface_id), scratch, budget);
    join(binding, &bound->quad, INSP_TERM_VM, port->vm_id, strlen(port->vm_id),
         scratch, budget);
    join(binding, &bound->quad, INSP_TERM_PORT, port->name, strlen(port->name),
         scratch, budget);
    for (; (end = strchr(line, '\n')); line = end + 1) {
        join(binding, &bound->quad, INSP_TERM_ID, line, (size_t) (end - line),
             scratch, budget);
    }
}

static void
bind_ports(struct insp_binding *binding, const struct insp_port *ports,
           size_t n, struct insp_budget *budget)
{
    uint64_t *scratch = insp_dense_create(budget, &binding->policy->shape);

    insp_pool_init(&binding->pool, &binding->policy->shape, budget);
    binding->mask = 3;
    while (binding->mask < 2 * n) {
        binding->mask = binding->mask * 2 + 1;
    }
    binding->slots =
        insp_budget_alloc(budget, binding->mask + 1, sizeof *binding->slots);
    for (size_t i = 0; !budget->error && i < n; i++) {
        if (ports[i].id) {
            bind_port(binding, &ports[i], scratch, budget);
        }
    }
    free(scratch);
    if (!budget->error) {
        insp_pool_seal(&binding->pool);
    }
}

int
insp_binding_create(struct insp_policy *policy, const struct insp_port *ports,
                    size_t n_ports, struct insp_binding **bindingp)
{
    struct insp_budget budget = { 0, 0 };
    struct insp_binding *binding = calloc(1, sizeof *binding);

    *bindingp = NULL;
    if (!binding) {
        return ENOMEM;
    }
    atomic_init(&binding->refs, 1);
    binding->policy = insp_policy_ref(policy);
    bind_ports(binding, ports, n_ports, &budget);
    if (budget.error) {
        insp_binding_unref(binding);
        return budget.error;
    }
    *bindingp = binding;
    return 0;
}

struct insp_binding *
insp_binding_ref(struct insp_binding *binding)
{
    atomic_fetch_add_explicit(&binding->refs, 1, memory_order_relaxed);
    return binding;
}

struct insp_policy *
insp_binding_policy(const struct insp_binding *binding)
{
    return binding->policy;
}

void
insp_binding_unref(struct insp_binding *binding)
{
    if (binding && atomic_fetch_sub_explicit(&binding->refs, 1,
                                             memory_order_acq_rel) == 1) {
        insp_pool_uninit(&binding->pool);
        free(binding->slots);
        insp_policy_unref(binding->policy);
        free(binding);
    }
}
