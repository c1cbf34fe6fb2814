/* SPDX-License-Identifier: Apache-2.0 */
/* Release
 * =======
 *
 * Which release of ovs-ext this library is of, for programs that ask each
 * other.
 *
 * Above:    ovs-ext/appctl-show.c, ovs-inspectctl.     Below:  nothing.
 * Threads:  no state.
 * Memory:   none.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_BASE_RELEASE_H
#define INSP_BASE_RELEASE_H 1

const char *insp_release(void);

#endif /* base/release.h */
