/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * One batch of about sixteen is measured, at uneven distances, so that no
 * pattern of the traffic hides from it; each stands for those before it.  The
 * part of the worker's time that inspection takes is what they took of all the
 * cycles of a window, so the length of a cycle does not matter.  A worker that
 * sleeps or polls in vain spends nothing.
 *
 *     over the budget in two windows running ---------------> a step down
 *     the step above would be well within it for a second --> a step back
 *     nobody knows what it would take, for 'patience' ------> the same, to see
 *
 * What the step above would take is known from when it was last taken: by
 * what a packet cost there and costs here.  That was other traffic, perhaps.
 * So after some seconds it is tried; if it was too much, for longer the next
 * time. */

#include "engine/depth.h"

#define SECOND_NS    UINT64_C(1000000000)
#define OVER_WINDOWS 2
#define CALM_NS      SECOND_NS
#define TRIAL_NS     (2 * SECOND_NS) /* How soon a trial has failed. */
#define PATIENCE_MIN (4 * SECOND_NS)
#define PATIENCE_MAX (64 * SECOND_NS)
#define UNMEASURED   64 /* Batches, without a budget. */
/* A packet that took longer has met a thread that was put aside. */
#define CYCLES_MAX   UINT64_C(65536)

/* Of 1 to 32 batches one is measured; all that are not inspected in full. */
static void
set_skip(struct insp_depth_worker *d)
{
    d->skip = 0;
    if (INSP_READ(d->depth) == INSP_DEPTH_FULL) {
        d->draw = d->draw * 1664525 + 1013904223;
        d->skip = d->draw >> 27;
    }
    d->weight = d->skip + 1;
}

static void
begin_window(struct insp_depth_worker *d, uint64_t now_ns, uint64_t cycles)
{
    d->begin_ns = now_ns;
    d->begin_cycles = cycles;
    d->spent = 0;
    d->packets = 0;
}

static void
set_depth(struct insp_depth_worker *d, enum insp_depth depth, uint64_t now_ns)
{
    d->rose = depth < INSP_READ(d->depth);
    d->n_over = 0;
    d->since_ns = now_ns;
    d->calm_ns = now_ns;
    atomic_store_explicit(&d->depth, (uint8_t) depth, memory_order_relaxed);
}

enum insp_depth
insp_depth_seen(const struct insp_depth_worker *d, uint64_t now_ns)
{
    uint64_t looked_ns = INSP_READ(d->looked_ns);

    return now_ns > looked_ns && now_ns - looked_ns > INSP_DEPTH_GAP_NS
               ? INSP_DEPTH_FULL
               : (enum insp_depth) INSP_READ(d->depth);
}

enum insp_depth
insp_depth_of_batch(struct insp_depth_worker *d,
                    const struct insp_depth_config *config, size_t n,
                    uint64_t now_ns)
{
    enum insp_depth depth = insp_depth_seen(d, now_ns);

    depth =
        config->budget_ppm ? INSP_MIN(depth, config->last) : INSP_DEPTH_FULL;
    if (depth != INSP_READ(d->depth)) {
        set_depth(d, depth, now_ns);
    }
    if (depth != INSP_DEPTH_FULL) {
        INSP_COUNT(d->packets_at[depth], n);
    }
    return depth;
}

static void
step_down(struct insp_depth_worker *d, enum insp_depth depth, uint64_t now_ns)
{
    bool failed = d->rose && now_ns - d->since_ns < TRIAL_NS;

    d->patience_ns = failed ? INSP_MIN(2 * d->patience_ns, PATIENCE_MAX)
                            : INSP_MAX(d->patience_ns, PATIENCE_MIN);
    set_depth(d, (enum insp_depth)(depth + 1), now_ns);
}

/* The part that the step above would take. */
static uint64_t
foresee(const struct insp_depth_worker *d, enum insp_depth depth,
        uint64_t share_ppm)
{
    return d->cost[depth] ? share_ppm * d->cost[depth - 1] / d->cost[depth]
                          : share_ppm;
}

static void
decide(struct insp_depth_worker *d, const struct insp_depth_config *config,
       uint64_t share_ppm, uint64_t now_ns)
{
    enum insp_depth depth = (enum insp_depth) INSP_READ(d->depth);

    if (share_ppm > config->budget_ppm) {
        d->calm_ns = now_ns;
        if (++d->n_over >= OVER_WINDOWS) {
            d->n_over = 0;
            if (depth < config->last) {
                atomic_store_explicit(&d->excess_ppm, (uint32_t) share_ppm,
                                      memory_order_relaxed);
                atomic_store_explicit(&d->excess_ns, now_ns,
                                      memory_order_relaxed);
                step_down(d, depth, now_ns);
            }
        }
        return;
    }
    d->n_over = 0;
    if (depth == INSP_DEPTH_FULL) {
        if (now_ns - d->since_ns >= d->patience_ns) {
            d->patience_ns = PATIENCE_MIN;
        }
        return;
    }
    if (foresee(d, depth, share_ppm) > config->budget_ppm / 4 * 3) {
        d->calm_ns = now_ns;
    }
    if (now_ns - d->calm_ns >= CALM_NS ||
        now_ns - d->since_ns >= d->patience_ns) {
        set_depth(d, (enum insp_depth)(depth - 1), now_ns);
    }
}

/* A window has ended. */
static void
look(struct insp_depth_worker *d, const struct insp_depth_config *config,
     uint64_t cycles, uint64_t now_ns)
{
    uint64_t all = cycles > d->begin_cycles ? cycles - d->begin_cycles : 0;
    uint64_t share_ppm = 0;

    if (all) {
        share_ppm = (uint64_t) ((unsigned __int128) d->spent * 1000000 / all);
        share_ppm = INSP_MIN(share_ppm, 1000000);
    }
    if (d->packets) {
        d->cost[INSP_READ(d->depth)] = 16 * d->spent / d->packets;
    }
    atomic_store_explicit(&d->share_ppm, (uint32_t) share_ppm,
                          memory_order_relaxed);
    atomic_store_explicit(&d->looked_ns, now_ns, memory_order_relaxed);
    decide(d, config, share_ppm, now_ns);
}

void
insp_depth_measured(struct insp_depth_worker *d,
                    const struct insp_depth_config *config, size_t n,
                    uint64_t before, uint64_t after, uint64_t now_ns)
{
    uint64_t took = after > before ? after - before : 0;

    if (!config->budget_ppm) {
        d->skip = UNMEASURED;
        d->begin_ns = 0;
        return;
    }
    if (now_ns < d->begin_ns || now_ns - d->begin_ns > INSP_DEPTH_GAP_NS) {
        begin_window(d, now_ns, before);
        d->weight = 1;
    }
    d->spent += INSP_MIN(took, n * CYCLES_MAX) * d->weight;
    d->packets += n * d->weight;
    if (now_ns - d->begin_ns >= INSP_DEPTH_WINDOW_NS) {
        look(d, config, after, now_ns);
        begin_window(d, now_ns, after);
    }
    set_skip(d);
}
