/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The engine is asked for its functions twice a second; when one is in another
 * state than before, status is written at once.  What the rows say of
 * themselves (errors, unused, disabled) comes before what the engine says. */

#include <config.h>

#include "ovs-ext/status-part.h"

#include "engine/engine.h"
#include "lib/vswitch-idl.h"
#include "ovs-ext/row-policy.h"
#include "ovs-ext/rows.h"
#include "ovs-ext/status.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

#define LOOK_MS   500
#define ANSWER_MS 100 /* That the engine may take. */

/* As the engine said last. */
static struct insp_function_row *functions;
static size_t n_functions;
static long long int look_at; /* When to look again. */

static const struct insp_function_row *
function_of(const struct insp_function_row *all, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].config.id == id) {
            return &all[i];
        }
    }
    return NULL;
}

/* What the engine has counted of it, in force or leaving. */
static void
write_statistics(const struct ovsrec_inspect_function *row,
                 const struct insp_function_row *f)
{
    const char *keys[] = {
        "in",          "injected",        "out",
        "dropped",     "in_flight",       "bypassed",
        "refused",     "in_bytes",        "out_bytes",
        "probes_sent", "probes_returned",
    };
    const int64_t values[] = {
        f->in_packets,
        f->injected,
        f->out_packets,
        insp_sum(f->lost, INSP_N_FLIGHT_LOSSES),
        f->in_flight,
        insp_sum(f->bypassed, INSP_N_MISSES),
        insp_sum(f->refused, INSP_N_MISSES),
        f->in_bytes,
        f->out_bytes,
        f->probes_sent,
        f->probes_returned,
    };

    BUILD_ASSERT_DECL(ARRAY_SIZE(keys) == ARRAY_SIZE(values));
    ovsrec_inspect_function_set_statistics(row, keys, values,
                                           ARRAY_SIZE(keys));
}

/* The state of one that is in force. */
static void
compose_state(const struct ovsext_function_row *function,
              const struct insp_function_row *f, struct smap *status)
{
    enum insp_function_state state = f ? f->state : INSP_FUNCTION_STARTING;

    smap_add(status, "state", insp_function_state_word(state));
    smap_add(status, "reason", insp_function_state_text(state));
    if (state != INSP_FUNCTION_UP) {
        smap_add(status, "effect",
                 function->config.base.fail_mode == INSP_FAIL_OPEN
                     ? "packets bypass it"
                     : "packets are dropped");
    }
    if (f && f->since_ns) {
        char *since =
            xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", f->since_ns / 1000000, true);

        smap_add_nocopy(status, xstrdup("since"), since);
    }
}

static void
compose_texts(const struct ovsext_row_status *row, struct smap *status)
{
    ovsext_status_put_text(status, "error", row->error);
    ovsext_status_put_text(status, "warning", row->warning);
}

void
ovsext_status_functions_write(const struct ovsext_told *told, bool refresh)
{
    const struct ovsext_functions *rows = &told->policies->functions;

    for (size_t i = 0; i < rows->n; i++) {
        const struct ovsext_function_row *function = rows->sorted[i];
        const struct ovsrec_inspect_function *row;
        const struct insp_function_row *f;
        struct smap status;

        row = ovsrec_inspect_function_get_for_uuid(told->idl,
                                                   &function->row.uuid);
        if (!row || !function->row.status.state) {
            continue;
        }
        f = function_of(functions, n_functions, function->config.base.id);
        smap_init(&status);
        if (function->in_force) {
            compose_state(function, f, &status);
        } else {
            smap_add(&status, "state", function->row.status.state);
            if (f) {
                smap_add(&status, "reason",
                         insp_function_state_text(f->state));
            }
        }
        compose_texts(&function->row.status, &status);
        if (f && (refresh || !row->n_statistics)) {
            write_statistics(row, f);
        }
        ovsrec_inspect_function_set_status(row, &status);
        smap_destroy(&status);
    }
}

static bool
look(const struct ovsext_told *told)
{
    /* A row that has gone may have left one that is leaving. */
    size_t n_max = told->policies->functions.n + INSP_MAX_FUNCTIONS;
    struct insp_function_row *now = xcalloc(n_max, sizeof *now);
    bool changed = false;
    size_t n;

    n = insp_engine_functions(told->rows->engine, 0, now, n_max, ANSWER_MS);
    n = MIN(n, n_max);
    for (size_t i = 0; i < n; i++) {
        const struct insp_function_row *f;

        f = function_of(functions, n_functions, now[i].config.id);
        changed |= !f || f->state != now[i].state;
    }
    changed |= n != n_functions;
    free(functions);
    functions = now;
    n_functions = n;
    return changed;
}

bool
ovsext_status_functions_look(const struct ovsext_told *told, bool now)
{
    if (!told->rows->engine ||
        (!told->policies->functions.n && !n_functions) ||
        (!now && time_msec() < look_at)) {
        return false;
    }
    look_at = time_msec() + LOOK_MS;
    return look(told);
}

long long int
ovsext_status_functions_next(void)
{
    return n_functions ? look_at : LLONG_MAX;
}

void
ovsext_status_functions_exit(void)
{
    free(functions);
    functions = NULL;
    n_functions = 0;
}
