/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregate
 * =========
 *
 * Connections that are reported as one: a bounded table of sums, for the steps
 * in which metadata must be few.
 *
 *     connection's report --add--> sum of its like --take--> one record
 *
 * Packets, bytes and the number of connections that have ended are sums, so
 * that totals over all records stay exact (RFC 7015: deltaFlowCount).
 *
 * Above:    engine/report.c.       Below:  engine/step.h, record/record.h.
 * Threads:  the control thread.
 * Memory:   taken at the first use.
 * Time:     none.
 * Fails:    add with false: no room, or no memory; take some first, or report
 *           the connection by itself.
 */

#ifndef INSP_ENGINE_AGGREGATE_H
#define INSP_ENGINE_AGGREGATE_H 1

#include "engine/step.h"
#include "record/record.h"

#define INSP_AGGREGATES_MAX 4096

struct insp_aggregates {
    struct insp_record_connection *sums; /* NULL until it is used. */
    uint16_t *places;                    /* Hash: index of sums + 1. */
    uint32_t n;
    uint32_t n_places; /* In use. */
};

/* 'step' is AGGREGATES or TOTALS. */
bool insp_aggregates_add(struct insp_aggregates *,
                         const struct insp_record_connection *,
                         enum insp_step) INSP_MUST_USE;

/* One of them; false: there are none. */
bool insp_aggregates_take(struct insp_aggregates *,
                          struct insp_record_connection *) INSP_MUST_USE;

void insp_aggregates_uninit(struct insp_aggregates *);

#endif /* engine/aggregate.h */
