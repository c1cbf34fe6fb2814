/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A port is looked up in the policy's identities by all that it is: its
 * iface-id, its VM, its name, and each line of 'extra'.  The union of what is
 * found is the port's quad, in vectors of the binding's own pool, behind an
 * open hash of port ids that is at most half full.
 *
 * The names that no port has are those of the policy's identities that remain
 * when what any port is has been ticked off. */

#include <stddef.h>
#include <stdio.h>

#include "rule/frozen.h"
#include "rule/text.h"

/* Calls 'use' with all that a port is. */
static void
each_name(const struct insp_port *port,
          void (*use)(enum insp_term_kind, const char *text, size_t size,
                      void *aux),
          void *aux)
{
    const char *line = port->extra;
    const char *end;

    use(INSP_TERM_IFACE, port->iface_id, strlen(port->iface_id), aux);
    use(INSP_TERM_VM, port->vm_id, strlen(port->vm_id), aux);
    use(INSP_TERM_PORT, port->name, strlen(port->name), aux);
    for (; (end = strchr(line, '\n')); line = end + 1) {
        use(INSP_TERM_ID, line, (size_t) (end - line), aux);
    }
}

struct joining {
    struct insp_binding *binding;
    struct insp_quad *quad;
    uint64_t *scratch;
    struct insp_budget *budget;
};

static void
join(enum insp_term_kind kind, const char *text, size_t size, void *joining_)
{
    const struct joining *j = joining_;
    struct insp_binding *binding = j->binding;
    const struct insp_policy *policy = binding->policy;
    const struct insp_quad *found;

    if (!size) {
        return;
    }
    found = insp_identities_find(&policy->identities, kind, text, size);
    for (int i = 0; found && i < INSP_N_QUAD_PARTS; i++) {
        if (found->vector[i]) {
            insp_pool_expand(&binding->pool, j->quad->vector[i], j->scratch);
            insp_pool_expand(&policy->pool, found->vector[i], j->scratch);
            j->quad->vector[i] =
                insp_pool_add(&binding->pool, j->scratch, j->budget);
            insp_dense_clear(j->scratch, &binding->pool.shape);
        }
    }
}

static void
bind_port(struct insp_binding *binding, const struct insp_port *port,
          uint64_t *scratch, struct insp_budget *budget)
{
    uint32_t i = insp_number_hash(port->id) & binding->mask;
    struct joining joining = { binding, NULL, scratch, budget };
    struct insp_bound *bound;

    while (binding->slots[i].port_id) {
        i = (i + 1) & binding->mask;
    }
    bound = &binding->slots[i];
    bound->port_id = port->id;
    bound->is_vm = port->role == INSP_PORT_VM;
    joining.quad = &bound->quad;
    each_name(port, join, &joining);
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

/* Names that no port has. */

struct ticking {
    const struct insp_identities *identities;
    bool *is_there; /* Of each label. */
};

static void
tick(enum insp_term_kind kind, const char *text, size_t size, void *ticking_)
{
    const struct ticking *t = ticking_;
    const struct insp_quad *found =
        size ? insp_identities_find(t->identities, kind, text, size) : NULL;

    if (found) {
        const char *label =
            (const char *) found - offsetof(struct insp_identity_label, quad);

        t->is_there[(const struct insp_identity_label *) (const void *) label -
                    t->identities->labels] = true;
    }
}

/* Room for " and 4294967295 more". */
#define AND_MORE 24

static size_t
list_absent(const struct ticking *t, char *text, size_t size)
{
    size_t n = 0, shown = 0, at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < t->identities->n; i++) {
        const struct insp_identity_label *label = &t->identities->labels[i];
        const char *prefix = insp_term_prefix(label->kind);
        size_t needed = strlen(prefix) + strlen(label->text) + 2;

        if (t->is_there[i]) {
            continue;
        }
        /* Once one has not fit, none behind it is shown. */
        if (shown == n && at + needed + AND_MORE < size) {
            at += (size_t) snprintf(text + at, size - at, "%s%s%s",
                                    shown ? ", " : "", prefix, label->text);
            shown++;
        }
        n++;
    }
    if (n > shown) {
        snprintf(text + at, size - at, shown ? " and %zu more" : "%zu names",
                 n - shown);
    }
    return n;
}

size_t
insp_binding_absent(const struct insp_binding *binding,
                    const struct insp_port *ports, size_t n_ports, char *text,
                    size_t size)
{
    const struct insp_identities *identities = &binding->policy->identities;
    struct ticking t = { identities,
                         calloc(identities->n + 1, sizeof *t.is_there) };
    size_t n = 0;

    text[0] = '\0';
    if (t.is_there) {
        for (size_t i = 0; i < n_ports; i++) {
            if (ports[i].id) {
                each_name(&ports[i], tick, &t);
            }
        }
        n = list_absent(&t, text, size);
        free(t.is_there);
    }
    return n;
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
