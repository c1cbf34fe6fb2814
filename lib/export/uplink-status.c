/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Each count is kept where what it counts happens; only what lies in memory
 * or on disk is looked up.  What is on its way to a receiver that does not
 * acknowledge counts as queued, as long as the socket has not taken it.
 */

#include <stdio.h>

#include "export/uplink-private.h"

static const char *const state_words[] = {
    [INSP_UPLINK_BACKOFF] = "backoff",
    [INSP_UPLINK_LISTENING] = "listening",
    [INSP_UPLINK_RESOLVING] = "connecting",
    [INSP_UPLINK_CONNECTING] = "connecting",
    [INSP_UPLINK_HANDSHAKE] = "handshake",
    [INSP_UPLINK_ACTIVE] = "active",
};

static void
get_records(const struct insp_uplink *u, struct insp_uplink_status *s)
{
    struct insp_spool_counts counts = { .held = 0 };
    uint64_t on_the_way;

    if (u->spool) {
        insp_spool_count(u->spool, &counts);
    }
    s->produced = u->produced;
    s->recovered = u->recovered;
    s->acknowledged = u->acknowledged;
    s->sent = u->sent;
    s->dropped = u->dropped;
    s->resent = u->resent;
    s->lost_before = u->lost_before;
    s->queued = u->queue.n + u->urgent.n;
    s->spooled = counts.held - counts.passed;
    s->spool_bytes = counts.bytes;
    on_the_way = u->kept.n_open - u->kept.n_spooled - u->kept.n_notes;
    if (u->is_framed) {
        s->unacknowledged = on_the_way + counts.passed;
    } else {
        s->queued += on_the_way;
        s->spooled += counts.passed;
    }
    s->unacknowledged_bytes = u->kept.bytes;
}

/* Ages are of the monotonic clock, but for what is on disk. */
static uint64_t
get_lag(const struct insp_uplink *u)
{
    uint64_t now = u->host->monotonic_ns(u->host->aux), lag;
    uint64_t since = insp_unacknowledged_since(&u->kept, now);
    const struct insp_queued *item = insp_queue_peek(&u->queue);

    if (item) {
        since = INSP_MIN(since, item->since_ns);
    }
    item = insp_queue_peek(&u->urgent);
    if (item) {
        since = INSP_MIN(since, item->since_ns);
    }
    lag = now - since;
    if (u->spool) {
        uint64_t wall = u->host->wall_ns(u->host->aux);
        struct insp_spool_counts counts;

        insp_spool_count(u->spool, &counts);
        if (counts.held && counts.oldest_ns && counts.oldest_ns < wall) {
            lag = INSP_MAX(lag, wall - counts.oldest_ns);
        }
    }
    return lag;
}

void
insp_uplink_get_status(const struct insp_uplink *u,
                       struct insp_uplink_status *s)
{
    const char *error = u->last_error[0] ? u->last_error : u->files_why;

    memset(s, 0, sizeof *s);
    memcpy(s->name, u->config.name, sizeof s->name);
    s->is_connected = u->state == INSP_UPLINK_ACTIVE;
    s->acknowledges = s->is_connected && u->is_framed;
    snprintf(s->state, sizeof s->state, "%s", state_words[u->state]);
    s->since_ns = u->state_since_ns;
    snprintf(s->last_error, sizeof s->last_error, "%s", error);
    insp_uplink_print_target(&u->config.targets[u->target], s->target,
                             sizeof s->target);
    memcpy(s->peer, u->peer, sizeof s->peer);
    memcpy(s->protocol, u->protocol, sizeof s->protocol);
    if (s->is_connected) {
        s->peer_expiry = insp_tls_peer_expiry(u->tls);
    }
    s->expiry = u->context ? insp_tls_context_expiry(u->context) : 0;
    s->incarnation = u->incarnation;
    get_records(u, s);
    s->lag_ns = get_lag(u);
    snprintf(s->spool_error, sizeof s->spool_error, "%s",
             u->spool ? insp_spool_error(u->spool) : u->spool_why);
    s->wire_bytes = u->wire_before + (u->tls ? insp_tls_sent(u->tls) : 0);
    s->connects = u->connects;
    memcpy(s->inspectors, u->config.inspectors, sizeof s->inspectors);
    s->n_inspectors = u->config.n_inspectors;
}
