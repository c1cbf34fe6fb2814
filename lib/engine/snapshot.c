/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot: see engine/internal.h.
 *
 * Open addressing with linear probing at a load of at most one half, so a
 * miss, too, ends after a step or two.  Nothing is ever removed: a change
 * builds another snapshot. */

#include "engine/internal.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
hash_mac(const uint8_t mac[6])
{
    uint64_t word = 0;

    memcpy(&word, mac, 6);
    return (uint32_t) (word * UINT64_C(0x9e3779b97f4a7c15) >> 29);
}

static bool
is_zero(const uint8_t mac[6])
{
    static const uint8_t zero[6];

    return !memcmp(mac, zero, 6);
}

struct insp_snapshot *
insp_snapshot_create(size_t n_ports)
{
    struct insp_snapshot *snapshot = calloc(1, sizeof *snapshot);
    size_t n = 16;

    while (n < 2 * n_ports) {
        n *= 2;
    }
    if (snapshot) {
        snapshot->port_mask = (uint32_t) n - 1;
        snapshot->by_id = calloc(n, sizeof *snapshot->by_id);
        snapshot->by_mac = calloc(n, sizeof *snapshot->by_mac);
        if (!snapshot->by_id || !snapshot->by_mac) {
            insp_snapshot_destroy(snapshot);
            return NULL;
        }
    }
    return snapshot;
}

static struct insp_snapshot_port *
find_mac(const struct insp_snapshot *snapshot, const uint8_t mac[6])
{
    uint32_t i = hash_mac(mac) & snapshot->port_mask;

    while (snapshot->by_mac[i].id && memcmp(snapshot->by_mac[i].mac, mac, 6)) {
        i = (i + 1) & snapshot->port_mask;
    }
    return &snapshot->by_mac[i];
}

static struct insp_snapshot_port *
find_id(const struct insp_snapshot *snapshot, uint32_t id)
{
    uint32_t i = insp_port_hash(id) & snapshot->port_mask;

    while (snapshot->by_id[i].id && snapshot->by_id[i].id != id) {
        i = (i + 1) & snapshot->port_mask;
    }
    return &snapshot->by_id[i];
}

/* Two ports with one MAC (a bond, or two tenants): neither is known by it,
 * rather than one being taken for the other. */
void
insp_snapshot_add_port(struct insp_snapshot *snapshot,
                       const struct insp_port *port, uint64_t since_ns)
{
    struct insp_snapshot_port *place = find_id(snapshot, port->id);

    place->id = port->id;
    place->since_ns = since_ns;
    memcpy(place->mac, port->mac, 6);
    if (!is_zero(port->mac)) {
        place = find_mac(snapshot, port->mac);
        place->id = place->id ? UINT32_MAX : port->id;
        memcpy(place->mac, port->mac, 6);
    }
}

bool
insp_snapshot_has_port(const struct insp_snapshot *snapshot, uint32_t id)
{
    return find_id(snapshot, id)->id != 0;
}

uint64_t
insp_snapshot_port_since(const struct insp_snapshot *snapshot, uint32_t id)
{
    return find_id(snapshot, id)->since_ns;
}

uint32_t
insp_snapshot_port_of_mac(const struct insp_snapshot *snapshot,
                          const uint8_t mac[6])
{
    uint32_t id = find_mac(snapshot, mac)->id;

    return id == UINT32_MAX ? 0 : id;
}

void
insp_snapshot_destroy(struct insp_snapshot *snapshot)
{
    if (snapshot) {
        free(snapshot->by_id);
        free(snapshot->by_mac);
        free(snapshot);
    }
}
