/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A ring of 60 seconds.  "Near" is four fifths of what may be sent; "more of
 * the same" is the rate of the last five seconds, held against the same part
 * of what was inspected in them.  A step has five seconds to show what it does
 * before the next is taken, and a whole window before it is taken back.
 *
 * Step by step a flood of short connections would have sent too much for the
 * whole minute before the right one is reached.  So when two seconds running
 * were far over, the step that should do is taken at once, by what steps are
 * known to leave.  One second alone may be a spool that was drained.
 */

#include "engine/step.h"

#define SECOND_NS UINT64_C(1000000000)
#define RECENT    5
#define FAR_OVER  2 /* Times. */
#define SETTLE_NS (RECENT * SECOND_NS)

/* Of the last 'n' seconds. */
static void
sum(const struct insp_stepper *s, unsigned int n, uint64_t *wire,
    uint64_t *inspected)
{
    *wire = 0;
    *inspected = 0;
    for (unsigned int i = 1; i <= n; i++) {
        unsigned int at = (s->at + INSP_STEP_WINDOW - i) % INSP_STEP_WINDOW;

        *wire += s->second[at].wire;
        *inspected += s->second[at].inspected;
    }
}

static uint64_t
allowed(const struct insp_step_config *config, uint64_t inspected,
        unsigned int seconds)
{
    uint64_t part = inspected / 1000000 * config->budget_ppm +
                    inspected % 1000000 * config->budget_ppm / 1000000;
    uint64_t least = (uint64_t) config->floor * seconds / INSP_STEP_WINDOW;

    return INSP_MAX(part, least);
}

void
insp_stepper_window(const struct insp_stepper *s,
                    const struct insp_step_config *config, uint64_t *sent,
                    uint64_t *may)
{
    uint64_t inspected;

    sum(s, INSP_STEP_WINDOW, sent, &inspected);
    *may = allowed(config, inspected, INSP_STEP_WINDOW);
}

/* What a step leaves of what is sent in full, in per mille: for many short
 * connections, rather too much than too little. */
static const uint16_t leaves[INSP_N_STEPS] = {
    [INSP_STEP_FULL] = 1000,       [INSP_STEP_LEAN] = 700,
    [INSP_STEP_CONNECTIONS] = 500, [INSP_STEP_AGGREGATES] = 50,
    [INSP_STEP_TOTALS] = 5,
};

/* Whether the second 'ago' seconds back sent far more than its part. */
static bool
was_far_over(const struct insp_stepper *s,
             const struct insp_step_config *config, unsigned int ago)
{
    unsigned int at = (s->at + INSP_STEP_WINDOW - ago) % INSP_STEP_WINDOW;

    return s->second[at].wire >
           FAR_OVER * allowed(config, s->second[at].inspected, 1);
}

/* The step that brings what the last second sent to half of its part, because
 * much of the minute's was sent by now; or the last one. */
static enum insp_step
step_for(const struct insp_stepper *s, const struct insp_step_config *config)
{
    unsigned int step = s->step;
    uint64_t wire, inspected;

    sum(s, 1, &wire, &inspected);
    while (step + 1 < INSP_N_STEPS && wire / leaves[s->step] * leaves[step] >
                                          allowed(config, inspected, 1) / 2) {
        step++;
    }
    return (enum insp_step) step;
}

static void
take(struct insp_stepper *s, enum insp_step step, uint64_t now_ns)
{
    s->step = step;
    s->since_ns = now_ns;
}

static void
decide(struct insp_stepper *s, const struct insp_step_config *config,
       uint64_t now_ns)
{
    uint64_t sent, may, recent, inspected;

    /* Who changes the level wants to see that; the budget acts from there. */
    if (s->level != config->level || !config->budget_ppm) {
        s->level = config->level;
        if (s->step != config->level) {
            take(s, config->level, now_ns);
        }
        return;
    }
    insp_stepper_window(s, config, &sent, &may);
    sum(s, RECENT, &recent, &inspected);
    if (sent > may / 5 * 4 && now_ns - s->jumped_ns >= SETTLE_NS &&
        was_far_over(s, config, 1) && was_far_over(s, config, 2) &&
        step_for(s, config) > s->step) {
        s->jumped_ns = now_ns;
        take(s, step_for(s, config), now_ns);
    } else if (sent > may / 5 * 4 &&
               recent > allowed(config, inspected, RECENT) &&
               s->step + 1 < INSP_N_STEPS &&
               now_ns - s->since_ns >= SETTLE_NS) {
        take(s, (enum insp_step)(s->step + 1), now_ns);
    } else if (s->step > config->level && sent < may / 2 &&
               now_ns - s->since_ns >= INSP_STEP_WINDOW * SECOND_NS) {
        take(s, (enum insp_step)(s->step - 1), now_ns);
    }
}

void
insp_stepper_turn(struct insp_stepper *s,
                  const struct insp_step_config *config, uint64_t now_ns,
                  uint64_t wire, uint64_t inspected)
{
    if (now_ns < s->due_ns) {
        return;
    }
    /* A total that went back is another uplink's. */
    s->second[s->at].wire = wire > s->wire ? wire - s->wire : 0;
    s->second[s->at].inspected =
        inspected > s->inspected ? inspected - s->inspected : 0;
    s->at = (s->at + 1) % INSP_STEP_WINDOW;
    s->wire = wire;
    s->inspected = inspected;
    s->due_ns = now_ns + SECOND_NS;
    decide(s, config, now_ns);
}
