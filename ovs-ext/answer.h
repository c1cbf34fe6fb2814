/* SPDX-License-Identifier: Apache-2.0 */
/* Answer
 * ======
 *
 * What both ends of a refused packet are told: the frame to the destination
 * takes the place of the packet and goes on as that would have; the one to
 * the source goes back by the port that the packet came in by.
 *
 * Above:    action-run.c.
 * Below:    packet/refuse.h, action-codec.h, libopenvswitch.
 * Threads:  workers, each with the bucket of its slot.
 * Memory:   none but the frame to the source, from the heap.
 * Time:     'now_ns' is the batch's.
 * Fails:    beyond OVSEXT_ANSWER_RATE a second and worker nothing is said.
 */

#ifndef OVSEXT_ANSWER_H
#define OVSEXT_ANSWER_H 1

#include <stdbool.h>
#include <stdint.h>

struct dp_packet;
struct ovsext_reset;

#define OVSEXT_ANSWER_RATE 100

/* True if the worker may answer one more packet now. */
bool ovsext_answer_allowed(unsigned int worker, uint64_t now_ns);

/* A frame to the source of 'packet', ready to be output to reset->port, or
 * NULL when nothing may be said. */
struct dp_packet *ovsext_answer_source(const struct dp_packet *packet,
                                       const struct ovsext_reset *);

/* Makes a frame to the destination of 'packet'; false: nothing may be
 * said, and the packet is as it was. */
bool ovsext_answer_destination(struct dp_packet *packet);

#endif /* ovs-ext/answer.h */
