/* SPDX-License-Identifier: Apache-2.0 */
/* Depth
 * =====
 *
 * How deep a worker inspects packets for an inspector: as deep as it can
 * within the part of the worker's cycles that inspection may take.
 *
 *     some batches: cycles before, cycles after --every window--> depth
 *
 * Each worker decides for itself, about each inspector: one that has too much
 * to do takes nothing from the others.  What is not measured for a while is
 * at full depth again.
 *
 * Above:    engine/worker.c, overload.c.   Below:  record/record.h.
 * Threads:  W worker: only its own.  A any, by the atomic members.
 * Memory:   its own.
 * Time:     the batch's.
 * Fails:    never.
 */

#ifndef INSP_ENGINE_DEPTH_H
#define INSP_ENGINE_DEPTH_H 1

#include <stdatomic.h>

#include "record/record.h"

#define INSP_DEPTH_WINDOW_NS UINT64_C(50000000)
/* Without a window for so long, there is no load. */
#define INSP_DEPTH_GAP_NS    UINT64_C(1000000000)

struct insp_depth_config {
    uint32_t budget_ppm; /* Of the worker's cycles; 0: no budget. */
    uint8_t last;        /* The last step that may be taken. */
};

/* One worker's, of one inspector. */
struct insp_depth_worker {
    uint32_t skip;         /* W; batches that go at full depth until
                            * one is measured... */
    uint32_t weight;       /* W; ... which stands for so many. */
    _Atomic uint8_t depth; /* W; enum insp_depth. */
    uint8_t n_over;        /* W; windows in a row. */
    bool rose;             /* W; the last step was taken back. */
    uint32_t draw;         /* W; for 'skip'. */
    uint64_t begin_ns;     /* W; of the window... */
    uint64_t begin_cycles;
    uint64_t spent;               /* W; ... and in it: cycles, */
    uint64_t packets;             /* W; and packets that took them. */
    _Atomic uint64_t looked_ns;   /* W; the end of the last window. */
    uint64_t since_ns;            /* W; of the step. */
    uint64_t calm_ns;             /* W; less would be enough since then. */
    uint64_t patience_ns;         /* W; until a step is taken back to see. */
    uint64_t cost[INSP_N_DEPTHS]; /* W; 1/16 cycles a packet, when it was
                                   * last known. */
    _Atomic uint32_t share_ppm;   /* W; of the cycles of the last window. */
    _Atomic uint32_t excess_ppm;  /* W; the same when the last step was
                                   * taken... */
    _Atomic uint64_t excess_ns;   /* ... and when that was. */
    _Atomic uint64_t packets_at[INSP_N_DEPTHS]; /* W; but for FULL. */
} INSP_LINE_ALIGNED;

/* Worker, when 'skip' is 0: the depth for a batch of 'n' packets. */
enum insp_depth insp_depth_of_batch(struct insp_depth_worker *,
                                    const struct insp_depth_config *, size_t n,
                                    uint64_t now_ns);

/* Worker: that batch went from cycle 'before' to cycle 'after'. */
void insp_depth_measured(struct insp_depth_worker *,
                         const struct insp_depth_config *, size_t n,
                         uint64_t before, uint64_t after, uint64_t now_ns);

/* Any thread: the depth as it is at 'now_ns'. */
enum insp_depth insp_depth_seen(const struct insp_depth_worker *,
                                uint64_t now_ns);

#endif /* engine/depth.h */
