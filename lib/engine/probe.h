/* SPDX-License-Identifier: Apache-2.0 */
/* Probe
 * =====
 *
 * The frame that is sent through a service function to see whether it still
 * forwards: one of the ethertypes for local experiments (RFC 7042, appendix
 * B), to a locally administered address that no one has, so that a learning
 * bridge floods it.
 *
 *     to[6] from[6] 88 b5 | "insp-probe" | function (4) | secret (8)
 *
 * The secret keeps others from answering in its stead.
 *
 * Above:    engine/function.c, redirect.c.   Below:  engine/internal.h.
 * Threads:  build: any but a worker; the others: worker.
 * Memory:   the caller's.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_ENGINE_PROBE_H
#define INSP_ENGINE_PROBE_H 1

#include "engine/internal.h"

#define INSP_PROBE_ETHERTYPE 0x88b5

/* Fills all INSP_PROBE_SIZE bytes. */
void insp_probe_build(const struct insp_function *, uint8_t *frame);

/* 'frame' has that ethertype, without tags. */
bool insp_probe_is_mine(const struct insp_function *, const void *frame,
                        size_t size);

void insp_probe_returned(struct insp_function *, unsigned int worker);

#endif /* engine/probe.h */
