/* SPDX-License-Identifier: Apache-2.0 */
/* Staging: a configuration on its way from the main to the control thread.
 *
 * Everything is copied into one allocation, laid out as
 *
 *     struct insp_staged | inspectors | functions of each | ports | uplinks
 *
 * so that there is one thing to hand over and one to free.  Bindings are not
 * copied: it holds a reference to each. */

#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

/* Passes 'size' bytes at '*at', kept aligned, and returns where they begin;
 * with a NULL '*base' it only measures. */
static void *
place(char *base, size_t *at, const void *from, size_t size)
{
    size_t begin = *at;

    *at += (size + 15) & ~(size_t) 15;
    if (!base) {
        return NULL;
    }
    if (size) {
        memcpy(base + begin, from, size);
    }
    return base + begin;
}

static size_t
lay_out(char *base, const struct insp_engine_config *from,
        struct insp_engine_config *to)
{
    size_t at = (sizeof(struct insp_staged) + 15) & ~(size_t) 15;
    struct insp_inspector_config *inspectors;

    inspectors = place(base, &at, from->inspectors,
                       from->n_inspectors * sizeof *from->inspectors);
    for (size_t i = 0; i < from->n_inspectors; i++) {
        const struct insp_inspector_config *f = &from->inspectors[i];
        void *functions = place(base, &at, f->functions,
                                f->n_functions * sizeof *f->functions);

        if (base) {
            inspectors[i].functions = functions;
            if (f->binding) {
                inspectors[i].binding = insp_binding_ref(f->binding);
            }
        }
    }
    if (base) {
        *to = *from;
        to->inspectors = inspectors;
        to->ports =
            place(base, &at, from->ports, from->n_ports * sizeof *from->ports);
        to->uplinks = place(base, &at, from->uplinks,
                            from->n_uplinks * sizeof *from->uplinks);
    } else {
        place(base, &at, NULL, from->n_ports * sizeof *from->ports);
        place(base, &at, NULL, from->n_uplinks * sizeof *from->uplinks);
    }
    return at;
}

struct insp_staged *
insp_stage(const struct insp_engine_config *config)
{
    struct insp_staged *staged = malloc(lay_out(NULL, config, NULL));

    if (staged) {
        lay_out((char *) staged, config, &staged->config);
    }
    return staged;
}

void
insp_staged_destroy(struct insp_staged *staged)
{
    if (staged) {
        for (size_t i = 0; i < staged->config.n_inspectors; i++) {
            insp_binding_unref(staged->config.inspectors[i].binding);
        }
        free(staged);
    }
}
