/* SPDX-License-Identifier: Apache-2.0 */
/* Peers
 * =====
 *
 * All connections, whoever made them.
 *
 * Above:    listen.c, dial.c, main.c, show.c.   Below:  peer.h.
 * Threads:  one.
 * Memory:   a node a connection.
 * Time:     a turn looks at each once.
 * Fails:    never.
 */

#ifndef COLLECTOR_PEERS_H
#define COLLECTOR_PEERS_H 1

#include "openvswitch/list.h"
#include "peer.h"

/* Who is told that a connection is over. */
struct collector_owner {
    void (*ended)(struct collector_owner *, const struct collector_peer *);
};

struct collector_peer_node {
    struct ovs_list node; /* In collector_peers. */
    struct collector_peer *peer;
    struct collector_owner *owner;
};

extern struct ovs_list collector_peers;

struct collector_peers_counts {
    size_t now;
    size_t strangers;
    uint64_t accepted; /* Since the start. */
    uint64_t refused;
};
const struct collector_peers_counts *collector_peers_count(void);

/* 'peer' is owned by the list from now on. */
void collector_peers_add(struct collector_peer *, struct collector_owner *);

/* Somebody was turned away before there was a peer. */
void collector_peers_count_refusal(void);

void collector_peers_run(struct collector_sink *);
void collector_peers_acknowledge(const struct collector_sink *);
void collector_peers_wait(const struct collector_sink *);

/* Those of 'owner', against new credentials. */
void collector_peers_recheck(const struct collector_owner *,
                             const struct insp_tls_context *);

/* Ends all of them. */
void collector_peers_destroy(const char *why);

#endif /* peers.h */
