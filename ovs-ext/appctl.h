/* SPDX-License-Identifier: Apache-2.0 */
/* Appctl
 * ======
 *
 * The inspect/... commands of ovs-appctl, each as text and, with --json, as
 * one JSON object.
 *
 *     main thread       callback: words -> job        run(): reply
 *                                      |                  ^
 *     job's thread                     +--> command, format
 *
 * Above:    ovs-ext/rows.c.        Below:  rows.h, out.h, engine/engine.h.
 * Threads:  init, run, wait and exit: the main thread, which neither asks the
 *           engine nor formats nor waits.  A command runs on a thread of its
 *           own.
 * Memory:   bounded: at most a few commands at a time and MAX_FLOWS rows
 *           each.
 * Time:     the engine is given a few seconds to answer.
 * Fails:    with an error reply that says what was wrong.
 */

#ifndef OVSEXT_APPCTL_H
#define OVSEXT_APPCTL_H 1

void ovsext_appctl_init(void);
void ovsext_appctl_run(void);
void ovsext_appctl_wait(void);

/* Waits for the commands that are under way: call it before what they use is
 * taken down. */
void ovsext_appctl_exit(void);

#endif /* ovs-ext/appctl.h */
