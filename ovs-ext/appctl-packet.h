/* SPDX-License-Identifier: Apache-2.0 */
/* Appctl packet
 * =============
 *
 * The imagined packet of inspect/explain: from words to what rules look at.
 *
 *     in=vm1 out=vm2 src=10.0.0.1 dst=10.0.0.2 tcp/80 --> struct insp_subject
 *
 * Above:    appctl-explain.c.      Below:  ports.h, rule/policy.h, app/app.h.
 * Threads:  one.
 * Memory:   as Open vSwitch allocates; borrows the ports and the words.
 * Time:     none.
 * Fails:    returns what is missing or wrong, which the caller frees.
 */

#ifndef OVSEXT_APPCTL_PACKET_H
#define OVSEXT_APPCTL_PACKET_H 1

#include "app/app.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-ext/ports.h"
#include "rule/policy.h"
#include "svec.h"

struct ovsext_packet {
    struct insp_subject subject;
    char name[INSP_APP_NAME_MAX + 1]; /* What 'subject.name' points to. */
    const struct insp_port *in, *out; /* NULL: no VM's. */
    bool v4;
    struct ds assumed; /* What nobody has said. */
};

/* Give it to destroy, error or not; not to be copied. */
char *ovsext_packet_read(struct ovsext_packet *, const struct svec *words,
                         const struct ovsext_port_list *);
bool ovsext_packet_has_ports(const struct ovsext_packet *);
void ovsext_packet_format(const struct ovsext_packet *, struct ds *);
void ovsext_packet_destroy(struct ovsext_packet *);

#endif /* ovs-ext/appctl-packet.h */
