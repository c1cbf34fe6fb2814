/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a list, of which another one is first each turn, so that all
 * get their share of the sink's room.  When there are too many strangers, the
 * one that has been here longest goes: a crowd of silent ones does not keep
 * sensors out. */

#include <config.h>

#include "peers.h"

#include <stdlib.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_peers);

#define MAX_STRANGERS 256

struct ovs_list collector_peers = OVS_LIST_INITIALIZER(&collector_peers);
static struct collector_peers_counts counts;

const struct collector_peers_counts *
collector_peers_count(void)
{
    return &counts;
}

void
collector_peers_count_refusal(void)
{
    counts.refused++;
}

static void
end_peer(struct collector_peer_node *node)
{
    ovs_list_remove(&node->node);
    counts.now--;
    if (node->owner->ended) {
        node->owner->ended(node->owner, node->peer);
    }
    collector_peer_destroy(node->peer);
    free(node);
}

static void
end_oldest_stranger(void)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct collector_peer_node *node, *oldest = NULL;
    struct collector_peer_stats s, of_oldest;

    LIST_FOR_EACH (node, node, &collector_peers) {
        collector_peer_get_stats(node->peer, &s);
        if (collector_peer_is_stranger(node->peer) &&
            (!oldest || s.since_ms < of_oldest.since_ms)) {
            oldest = node;
            of_oldest = s;
        }
    }
    if (oldest) {
        VLOG_WARN_RL(&rl,
                     "%s: refused: %d others are in their TLS handshake "
                     "too",
                     of_oldest.address, MAX_STRANGERS);
        counts.refused++;
        counts.strangers--;
        end_peer(oldest);
    }
}

void
collector_peers_add(struct collector_peer *peer, struct collector_owner *owner)
{
    struct collector_peer_node *node = xmalloc(sizeof *node);

    node->peer = peer;
    node->owner = owner;
    ovs_list_push_back(&collector_peers, &node->node);
    counts.now++;
    if (++counts.strangers > MAX_STRANGERS) {
        end_oldest_stranger();
    }
}

void
collector_peers_run(struct collector_sink *sink)
{
    struct collector_peer_node *node, *next;

    counts.strangers = 0;
    LIST_FOR_EACH_SAFE (node, next, node, &collector_peers) {
        bool was_accepted = collector_peer_is_accepted(node->peer);
        enum collector_peer_end end = collector_peer_run(node->peer, sink);

        if (!was_accepted && collector_peer_is_accepted(node->peer)) {
            counts.accepted++;
        }
        if (end == PEER_ALIVE) {
            counts.strangers += collector_peer_is_stranger(node->peer);
        } else {
            counts.refused += end == PEER_REFUSED;
            end_peer(node);
        }
    }
    if (counts.now > 1) {
        ovs_list_push_back(&collector_peers,
                           ovs_list_pop_front(&collector_peers));
    }
}

void
collector_peers_acknowledge(const struct collector_sink *sink)
{
    struct collector_peer_node *node;

    LIST_FOR_EACH (node, node, &collector_peers) {
        collector_peer_acknowledge(node->peer, sink);
    }
}

void
collector_peers_wait(const struct collector_sink *sink)
{
    struct collector_peer_node *node;

    LIST_FOR_EACH (node, node, &collector_peers) {
        collector_peer_wait(node->peer, sink);
    }
}

void
collector_peers_recheck(const struct collector_owner *owner,
                        const struct insp_tls_context *context)
{
    struct collector_peer_node *node;

    LIST_FOR_EACH (node, node, &collector_peers) {
        if (node->owner == owner) {
            collector_peer_recheck(node->peer, context);
        }
    }
}

void
collector_peers_destroy(const char *why)
{
    struct collector_peer_node *node, *next;

    LIST_FOR_EACH_SAFE (node, next, node, &collector_peers) {
        collector_peer_bye(node->peer, why);
        end_peer(node);
    }
}
