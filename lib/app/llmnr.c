/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * LLMNR (RFC 4795) is DNS at another port, asked of a group: nothing in its
 * messages says which of both it is, so the port does.  Answers come from an
 * address of their own, so that they are another connection, and a record
 * without the time that it took.
 */

#include "app/dns-message.h"

#define PORT 5355

static enum insp_guess
detect(const struct insp_reading *r)
{
    return r->port[0] == PORT || r->port[1] == PORT ? insp_dns_guess_reading(r)
                                                    : INSP_GUESS_NO;
}

const struct insp_reader insp_reader_llmnr = {
    .detect = detect,
    .read = insp_dns_read,
    .resyncs = true,
};
