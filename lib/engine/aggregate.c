/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * What is alike is found by first making the connection's record general: all
 * that the step does not tell apart is set to zero.  Two records are of one
 * sum when what remains of both is the same.  Sums stand in an array, in the
 * order of their first connection, and are taken from its end; an open hash
 * leads to them and is emptied when the array is empty.
 */

#include "engine/aggregate.h"

#include <stdlib.h>
#include <string.h>

#define PLACES (2 * INSP_AGGREGATES_MAX)

/* What tells one sum from another. */
struct likeness {
    uint8_t addr[2][16];
    struct insp_zone zone;
    uint32_t port_id[2];
    uint16_t service;
    uint8_t ip_version;
    uint8_t proto;
    uint8_t app;
    uint8_t verdict;
    uint8_t slot;
    char rule[INSP_NAME_SIZE];
};

static void
liken(const struct insp_record_connection *c, enum insp_step step,
      struct likeness *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->port_id, c->port_id, sizeof out->port_id);
    out->ip_version = c->ip_version;
    out->proto = c->proto;
    if (step < INSP_STEP_TOTALS) {
        memcpy(out->addr, c->addr, sizeof out->addr);
        out->zone = c->zone;
        out->service = c->l4_port[1];
        out->app = c->app;
        out->verdict = c->verdict;
        out->slot = c->slot;
        memcpy(out->rule, c->rule, sizeof out->rule);
    }
}

static uint32_t
hash(const struct likeness *l)
{
    const uint8_t *at = (const uint8_t *) l;
    uint32_t h = 0x811c9dc5;

    for (size_t i = 0; i < sizeof *l; i++) {
        h = (h ^ at[i]) * UINT32_C(0x01000193);
    }
    return h ^ h >> 15;
}

/* Nothing counted yet. */
static void
begin(struct insp_record_connection *sum, const struct likeness *l,
      const struct insp_record_connection *c, enum insp_step step)
{
    memset(sum, 0, sizeof *sum);
    memcpy(sum->addr, l->addr, sizeof sum->addr);
    sum->zone = l->zone;
    memcpy(sum->port_id, l->port_id, sizeof sum->port_id);
    sum->l4_port[1] = l->service;
    sum->ip_version = l->ip_version;
    sum->proto = l->proto;
    sum->app = l->app;
    sum->verdict = l->verdict;
    sum->slot = l->slot;
    memcpy(sum->rule, l->rule, sizeof sum->rule);
    sum->intra_host = c->intra_host;
    sum->start_ns = c->start_ns;
    sum->end_reason = INSP_END_AGGREGATED;
    sum->step = (uint8_t) step;
}

static void
add(struct insp_record_connection *sum, const struct insp_record_connection *c)
{
    for (unsigned int i = 0; i < 2; i++) {
        sum->packets[i] += c->packets[i];
        sum->bytes[i] += c->bytes[i];
        sum->tcp_flags[i] |= c->tcp_flags[i];
    }
    sum->n_connections += c->n_connections;
    sum->start_ns = INSP_MIN(sum->start_ns, c->start_ns);
    sum->end_ns = INSP_MAX(sum->end_ns, c->end_ns);
    sum->state |= c->state;
    sum->policy_version = INSP_MAX(sum->policy_version, c->policy_version);
}

static bool
prepare(struct insp_aggregates *a)
{
    if (!a->sums) {
        a->sums = calloc(INSP_AGGREGATES_MAX, sizeof *a->sums);
        a->places = calloc(PLACES, sizeof *a->places);
        if (!a->sums || !a->places) {
            insp_aggregates_uninit(a);
            return false;
        }
    }
    return true;
}

bool
insp_aggregates_add(struct insp_aggregates *a,
                    const struct insp_record_connection *c,
                    enum insp_step step)
{
    struct likeness wanted, there;
    uint32_t at;

    if (!prepare(a)) {
        return false;
    }
    liken(c, step, &wanted);
    for (at = hash(&wanted) % PLACES; a->places[at]; at = (at + 1) % PLACES) {
        struct insp_record_connection *sum = &a->sums[a->places[at] - 1];

        if (a->places[at] > a->n) {
            continue; /* It has been taken. */
        }
        liken(sum, (enum insp_step) sum->step, &there);
        if (sum->step == step && !memcmp(&there, &wanted, sizeof there)) {
            add(sum, c);
            return true;
        }
    }
    /* Places of what has been taken stay until all has. */
    if (a->n == INSP_AGGREGATES_MAX || a->n_places == PLACES / 4 * 3) {
        return false;
    }
    begin(&a->sums[a->n], &wanted, c, step);
    add(&a->sums[a->n], c);
    a->places[at] = (uint16_t) ++a->n;
    a->n_places++;
    return true;
}

bool
insp_aggregates_take(struct insp_aggregates *a,
                     struct insp_record_connection *out)
{
    if (!a->n) {
        return false;
    }
    *out = a->sums[--a->n];
    if (a->n) {
        return true;
    }
    memset(a->places, 0, PLACES * sizeof *a->places);
    a->n_places = 0;
    return true;
}

void
insp_aggregates_uninit(struct insp_aggregates *a)
{
    free(a->sums);
    free(a->places);
    memset(a, 0, sizeof *a);
}
