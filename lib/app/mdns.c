/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Multicast DNS (RFC 6762) has the messages of DNS, without numbers and mostly
 * about names below "local."; its port or these two tell it from DNS.
 *
 * Everybody hears everything, and whoever knows announces it to all: a
 * question has no one answer, and what answers it belongs to another
 * connection.  So each message is a record alone: what it asks, or what it
 * says, additional records included, which are where addresses stand.
 */

#include "app/dns-message.h"

#define PORT 5353

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_dns_message m;

    if (r->is_stream) {
        return INSP_GUESS_NO;
    }
    if (insp_dns_guess_reading(r) != INSP_GUESS_YES ||
        !insp_dns_message_init(&m, r->bytes, r->size)) {
        return INSP_GUESS_NO;
    }
    return r->port[0] == PORT || r->port[1] == PORT ||
                   (!m.id && insp_dns_is_below(&m, ".local"))
               ? INSP_GUESS_YES
               : INSP_GUESS_NO;
}

static size_t
read_datagram(struct insp_reading *r)
{
    struct insp_dns_message m;
    struct insp_event *e;

    if (insp_dns_message_init(&m, r->bytes, r->size) &&
        (m.flags & INSP_DNS_QR || m.count[INSP_DNS_QUESTION])) {
        e = insp_event_begin(r, INSP_APP_DNS, 0);
        insp_dns_put_question(e, &m);
        if (m.flags & INSP_DNS_QR) {
            insp_dns_put_answer(e, &m, true);
        }
        insp_event_end(r, e);
    }
    return r->size;
}

const struct insp_reader insp_reader_mdns = {
    .detect = detect,
    .read = read_datagram,
};
