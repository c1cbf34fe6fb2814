/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a pointer to the rows that are current, behind a mutex that
 * is held for as long as it takes to count a reference.  The last one who lets
 * go of them frees them, whichever thread that is. */

#include <config.h>

#include "ovs-ext/row-shared.h"

#include "ovs-thread.h"
#include "util.h"
#include "uuid.h"

static struct ovs_mutex current_mutex = OVS_MUTEX_INITIALIZER;
static struct ovsext_rows *current OVS_GUARDED_BY(current_mutex);

struct ovsext_rows *
ovsext_rows_create(void)
{
    struct ovsext_rows *new = xzalloc(sizeof *new);

    ovs_refcount_init(&new->ref_cnt);
    return new;
}

struct ovsext_rows *
ovsext_rows_keep(struct ovsext_rows *which)
{
    ovs_refcount_ref(&which->ref_cnt);
    return which;
}

static void
destroy_rows(struct ovsext_rows *old)
{
    for (size_t i = 0; i < old->n_bridges; i++) {
        free(old->bridges[i].name);
        free(old->bridges[i].inspectors);
    }
    for (size_t i = 0; i < old->n_inspectors; i++) {
        free(old->inspectors[i].name);
        free(old->inspectors[i].bridges);
        free(old->inspectors[i].absent);
    }
    for (size_t i = 0; i < old->n_functions; i++) {
        free(old->functions[i].name);
        free(old->functions[i].inspector);
    }
    for (size_t i = 0; i < old->n_uplinks; i++) {
        free(old->uplinks[i].name);
    }
    free(old->bridges);
    free(old->inspectors);
    free(old->functions);
    free(old->uplinks);
    ovsext_port_list_unref(old->ports);
    free(old->error);
    free(old);
}

const struct ovsext_rows *
ovsext_rows_ref(void)
{
    struct ovsext_rows *which;

    ovs_mutex_lock(&current_mutex);
    which = ovsext_rows_keep(current);
    ovs_mutex_unlock(&current_mutex);
    return which;
}

void
ovsext_rows_unref(const struct ovsext_rows *which)
{
    struct ovsext_rows *old = CONST_CAST(struct ovsext_rows *, which);

    if (old && ovs_refcount_unref(&old->ref_cnt) == 1) {
        destroy_rows(old);
    }
}

void
ovsext_rows_show(struct ovsext_rows *new)
{
    struct ovsext_rows *old;

    ovs_mutex_lock(&current_mutex);
    old = current;
    current = new ? ovsext_rows_keep(new) : NULL;
    ovs_mutex_unlock(&current_mutex);
    ovsext_rows_unref(old);
}

const struct ovsext_inspector *
ovsext_rows_inspector(const struct ovsext_rows *which, const char *name)
{
    for (size_t i = 0; i < which->n_inspectors; i++) {
        if (!strcmp(which->inspectors[i].name, name)) {
            return &which->inspectors[i];
        }
    }
    return NULL;
}

const struct ovsext_bridge *
ovsext_rows_bridge(const struct ovsext_rows *which, const struct uuid *uuid)
{
    for (size_t i = 0; i < which->n_bridges; i++) {
        if (uuid_equals(&which->bridges[i].uuid, uuid)) {
            return &which->bridges[i];
        }
    }
    return NULL;
}
