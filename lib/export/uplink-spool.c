/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The spool is opened when the uplink begins or its configuration says so,
 * and tried again once a minute when that fails: an uplink without its spool
 * still sends.  From three quarters of queue_limit on the oldest records go
 * to disk, so that memory has room for what comes while the disk is slow; and
 * all of them when there has been no connection for a second, since nobody
 * knows how long that will last, and what is in memory dies with the process.
 * When the disk takes no more the oldest in memory are dropped: what is on
 * the disk already is safe and would free more than is needed.
 *
 * A watermark is stored at each turn.  When there is one of another
 * incarnation at the start, this is a restart, and an inspector-restart
 * record goes ahead of all others.  It says what is missing: what had been
 * produced and recovered, less what had come to an end and less what is on
 * the disk.  What never became a record, the counters of open connections,
 * is missing from the last record on.
 */

#include <stdio.h>

#include "export/uplink-private.h"

#define OPEN_AGAIN    (60000 * INSP_UPLINK_MS)
#define PATIENCE      (1000 * INSP_UPLINK_MS) /* With who is away. */
#define MARK_INTERVAL (1000 * INSP_UPLINK_MS) /* If nothing changes. */

static uint64_t
less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

/* What the last process had and this one has not. */
static uint64_t
lost_in_crash(const struct insp_watermark_values *was, uint64_t recovered)
{
    uint64_t had = was->produced + was->recovered;
    uint64_t through = was->acknowledged + was->sent + was->dropped;

    return less(less(had, through), recovered) + was->lost;
}

static void
report_restart(struct insp_uplink *u, const struct insp_watermark_values *was,
               const struct insp_spool_counts *counts, uint64_t now)
{
    struct insp_identity *const nobody[2] = { NULL, NULL };
    uint64_t wall = u->host->wall_ns(u->host->aux);
    struct insp_record r = {
        .type = INSP_RECORD_RESTART,
        .inspector = u->config.n_inspectors ? u->config.inspectors[0] : 0,
        .time_ns = wall,
        .restart = {
            .lost = lost_in_crash(was, counts->recovered - counts->again),
            .recovered = counts->recovered,
            .since_ns = was->report_ns ? was->report_ns : was->time_ns,
            .last_ns = was->time_ns,
            .incarnation = u->incarnation,
            .previous = was->incarnation,
        },
    };

    u->lost_before = r.restart.lost;
    insp_log(u->host, r.restart.lost ? INSP_LOG_WARN : INSP_LOG_INFO,
             "uplink %s: the last process left %llu records in the spool; "
             "%llu are lost",
             u->config.name, (unsigned long long) r.restart.recovered,
             (unsigned long long) r.restart.lost);
    insp_uplink_push(u, &r, nobody, now);
    u->last_report_ns = was->report_ns;
}

void
insp_uplink_open_spool(struct insp_uplink *u, uint64_t now)
{
    struct insp_spool_config config = {
        .dir = u->config.spool_dir,
        .uplink = u->config.name,
        .sensor = u->sensor,
        .max_bytes = u->config.spool_max_bytes,
        .incarnation = u->incarnation,
    };
    const struct insp_watermark_values *was;
    struct insp_spool_counts counts;

    u->next_open = now + OPEN_AGAIN;
    if (!u->config.spool_dir[0] || u->spool) {
        return;
    }
    if (insp_spool_open(u->host, &config, &u->spool, u->spool_why,
                        sizeof u->spool_why)) {
        u->spool = NULL;
        insp_log(u->host, INSP_LOG_WARN, "uplink %s: %s", u->config.name,
                 u->spool_why);
        return;
    }
    u->spool_why[0] = '\0';
    insp_spool_count(u->spool, &counts);
    u->recovered += counts.recovered;
    was = insp_spool_previous(u->spool);
    if (was->incarnation && was->incarnation != u->incarnation) {
        report_restart(u, was, &counts, now);
    }
    u->next_mark = 0;
    insp_uplink_mark(u, now);
}

bool
insp_uplink_spool(struct insp_uplink *u, const struct insp_queued *item,
                  uint64_t now)
{
    if (!u->spool || !item->number) {
        return false;
    }
    if (!insp_uplink_held(u)) {
        u->lowest_spooled = 0;
    }
    if (insp_spool_append(u->spool, item, item->number, now) !=
        INSP_SPOOL_KEPT) {
        return false;
    }
    u->is_lost_told |= item->record.type == INSP_RECORD_RESTART;
    if (!u->lowest_spooled || item->number < u->lowest_spooled) {
        u->lowest_spooled = item->number;
    }
    return true;
}

uint64_t
insp_uplink_held(const struct insp_uplink *u)
{
    struct insp_spool_counts counts;

    if (!u->spool) {
        return 0;
    }
    insp_spool_count(u->spool, &counts);
    return counts.held;
}

bool
insp_uplink_has_spooled(const struct insp_uplink *u)
{
    struct insp_spool_counts counts;

    if (!u->spool) {
        return false;
    }
    insp_spool_count(u->spool, &counts);
    return counts.held > counts.passed;
}

/* What the spool itself had to drop. */
static void
take_losses(struct insp_uplink *u)
{
    struct insp_record_loss loss;
    uint64_t first, count;
    uint32_t id;

    while (insp_spool_next_loss(u->spool, &id, &loss)) {
        u->dropped += loss.records;
        insp_uplink_add_loss(u, id, &loss);
    }
    while (insp_spool_next_lost(u->spool, &id, &first, &count)) {
        insp_uplink_add_lost(u, id, first, count);
    }
}

void
insp_uplink_mark(struct insp_uplink *u, uint64_t now)
{
    struct insp_watermark_values values;
    struct insp_spool_counts counts;

    memset(&values, 0, sizeof values); /* For memcmp(). */
    values.incarnation = u->incarnation;
    values.produced = u->produced;
    values.recovered = u->recovered;
    values.acknowledged = u->acknowledged;
    values.sent = u->sent;
    values.dropped = u->dropped;
    values.lost = u->is_lost_told ? 0 : u->lost_before;
    values.report_ns = u->last_report_ns;

    insp_spool_count(u->spool, &counts);
    values.spooled = counts.held;
    if (memcmp(&values, &u->marked, sizeof values) || now >= u->next_mark) {
        insp_spool_mark(u->spool, &values);
        u->marked = values;
        u->next_mark = now + MARK_INTERVAL;
    }
}

static void
move_oldest(struct insp_uplink *u, struct insp_queue *q, size_t high,
            uint64_t now)
{
    while (insp_uplink_in_memory(u) >= high && q->n &&
           insp_uplink_spool(u, insp_queue_peek(q), now)) {
        insp_uplink_let_go(u, insp_queue_peek(q));
        insp_queue_pop(q);
    }
    insp_queue_trim(q);
}

void
insp_uplink_run_spool(struct insp_uplink *u, uint64_t now)
{
    bool is_away = u->down_since && now - u->down_since >= PATIENCE;
    size_t high = is_away ? 1 : u->limit / 4 * 3;

    if (!u->spool) {
        if (u->config.spool_dir[0] && now >= u->next_open) {
            insp_uplink_open_spool(u, now);
        }
        return;
    }
    /* Only while the disk takes them: what is above that mark is no loss. */
    move_oldest(u, &u->queue, high, now);
    if (is_away) {
        move_oldest(u, &u->urgent, high, now);
    }
    insp_spool_run(u->spool, now);
    take_losses(u);
    insp_uplink_mark(u, now);
}

void
insp_uplink_close_spool(struct insp_uplink *u, uint64_t *held)
{
    if (held) {
        *held = 0;
    }
    if (!u->spool) {
        return;
    }
    insp_uplink_make_room(u, 1);
    (void) insp_spool_flush(u->spool);
    take_losses(u);
    insp_uplink_mark(u, UINT64_MAX);
    if (held) {
        *held = insp_uplink_held(u);
    }
    insp_spool_close(u->spool);
    u->spool = NULL;
    u->lowest_spooled = 0;
}
