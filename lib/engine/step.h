/* SPDX-License-Identifier: Apache-2.0 */
/* Step
 * ====
 *
 * How much metadata an inspector sends: as much as its uplinks may carry, a
 * stated part of the bytes that it inspects, and never less than a floor.
 *
 *     wire bytes, inspected bytes --every second--> step
 *
 * When what was sent in the last 60 s comes near what may be sent and more of
 * the same is coming, the next step is taken; when it is less than half of it
 * for as long, the step is taken back.  Nothing that a step does is lost from
 * the sums: see aggregate.h.
 *
 * Above:    engine/control.c, report.c.    Below:  record/record.h.
 * Threads:  the control thread.
 * Memory:   its own.
 * Time:     the caller's.
 * Fails:    never.
 */

#ifndef INSP_ENGINE_STEP_H
#define INSP_ENGINE_STEP_H 1

#include "record/record.h"

#define INSP_STEP_WINDOW 60 /* Seconds. */

struct insp_step_config {
    enum insp_step level; /* The lowest step. */
    uint32_t budget_ppm;  /* Of inspected bytes, in millionths;
                           * 0: no budget. */
    uint32_t floor;       /* Bytes in a window that may always
                           * be sent. */
};

struct insp_stepper {
    enum insp_step step;
    enum insp_step level;     /* As configured at the last look. */
    uint64_t since_ns;        /* Of the step. */
    uint64_t jumped_ns;       /* When more than one was taken. */
    uint64_t due_ns;          /* Of the next look. */
    uint64_t wire, inspected; /* Totals at the last look. */
    unsigned int at;          /* In 'second', the oldest. */
    struct {
        uint64_t wire, inspected; /* In that second. */
    } second[INSP_STEP_WINDOW];
};

/* Looks, when a second has passed.  'wire' is what the uplinks have written,
 * TLS included, 'inspected' what was inspected, both in all. */
void insp_stepper_turn(struct insp_stepper *, const struct insp_step_config *,
                       uint64_t now_ns, uint64_t wire, uint64_t inspected);

/* Sums of the window: what was sent, and what may be. */
void insp_stepper_window(const struct insp_stepper *,
                         const struct insp_step_config *, uint64_t *sent,
                         uint64_t *allowed);

#endif /* engine/step.h */
