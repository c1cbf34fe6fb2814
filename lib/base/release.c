/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The number is configure's, on the compiler's command line: base/ reads no
 * file outside lib/. */

#include "base/release.h"

const char *
insp_release(void)
{
    return INSP_RELEASE;
}
