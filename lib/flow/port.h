/* SPDX-License-Identifier: Apache-2.0 */
/* Port
 * ====
 *
 * Who is behind a port id: one attachment of an interface with one identity.
 * Rules match it, records name it.
 *
 * Above:    rule/, record/, engine/.   Below:  base/compiler.h.
 * Threads:  plain values.
 * Memory:   fixed size.
 * Time:     none.
 * Fails:    never.
 */

#ifndef INSP_FLOW_PORT_H
#define INSP_FLOW_PORT_H 1

#include "base/compiler.h"

enum insp_port_role {
    INSP_PORT_VM,             /* vm-uuid or vm-id, or listed. */
    INSP_PORT_INFRASTRUCTURE, /* iface-id only: router, DHCP. */
    INSP_PORT_OTHER,          /* Uplinks and the rest. */
};

#define INSP_NAME_SIZE  64
#define INSP_EXTRA_SIZE 256

struct insp_port {
    uint32_t id; /* Never reused in a process. */
    uint32_t bridge_id;
    enum insp_port_role role;
    uint16_t vlan;             /* Access VLAN, 0: none or trunk. */
    uint8_t mac[6];            /* attached-mac; zero: unknown. */
    char name[INSP_NAME_SIZE]; /* Interface.name. */
    char bridge[INSP_NAME_SIZE];
    char iface_id[INSP_NAME_SIZE]; /* external_ids:iface-id. */
    char vm_id[INSP_NAME_SIZE];    /* external_ids:vm-uuid, vm-id. */
    char extra[INSP_EXTRA_SIZE];   /* "key=value\n" for each of
                                    * other_config:identity-keys that
                                    * the interface has, and for each
                                    * key that a rule names by id:. */
};

#endif /* flow/port.h */
