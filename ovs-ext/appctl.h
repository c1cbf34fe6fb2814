/* Appctl
 * ======
 *
 * The inspect/... commands of ovs-appctl, each as text and, with --json, as
 * one JSON object.
 *
 * Above:    ovs-ext/rows.c.        Below:  rows.h, out.h, engine/engine.h.
 * Threads:  the main thread; what must wait for the engine waits on a thread
 *           of its own and is answered later.
 * Memory:   bounded: at most a few waiting commands and MAX_FLOWS rows each.
 * Time:     tables are formatted in pieces of at most --limit rows.
 * Fails:    with an error reply that says what was wrong.
 */

#ifndef OVSEXT_APPCTL_H
#define OVSEXT_APPCTL_H 1

void ovsext_appctl_init(void);
void ovsext_appctl_run(void);
void ovsext_appctl_wait(void);
void ovsext_appctl_exit(void);

#endif /* ovs-ext/appctl.h */
