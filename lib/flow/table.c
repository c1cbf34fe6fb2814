/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * All memory is one mapping, laid out once:
 *
 *     | struct insp_table | entries | buckets | quota | fragments | due |
 *     | half | by_port | port_live | reported_tick, sums | stage |
 *
 * Zeros mean "empty" wherever there are many of a thing (heads and links hold
 * index + 1), so creation touches only the links of the control thread, and
 * the kernel gives a page when it is first used.  Entries are never unmapped
 * while the table lives: a stale index always leads to an entry, which the
 * grace period keeps from being reused too early.
 */

#include "flow/table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "flow/table-private.h"

#define SECOND_NS UINT64_C(1000000000)

const char *
insp_end_reason_word(enum insp_end_reason reason)
{
    static const char *const words[] = {
#define INSP_END(NAME, WORD, IPFIX, TEXT) [INSP_END_##NAME] = WORD,
#include "flow/end.def"
#undef INSP_END
    };

    return reason < INSP_N_ENDS ? words[reason] : "unknown";
}

struct layout {
    uint64_t n_entries;
    uint64_t n_buckets;
    size_t conns, buckets, quota, fragments;
    size_t due, half, by_port, port_live, stage;
    size_t reported_tick, reported_sums;
    size_t size;
};

static uint32_t
n_remainders(const struct insp_table_config *config)
{
    return INSP_MAX(1024, config->flow_limit / 64);
}

/* Says where 'n' elements lie that come next. */
static size_t
place(struct layout *l, uint64_t n, size_t element_size)
{
    size_t at = l->size;

    l->size += (n * element_size + INSP_CACHE_LINE - 1) &
               ~(size_t) (INSP_CACHE_LINE - 1);
    return at;
}

static void
lay_out(struct layout *l, const struct insp_table_config *config)
{
    memset(l, 0, sizeof *l);
    l->n_entries = (uint64_t) config->flow_limit + n_remainders(config);
    for (l->n_buckets = 1024; l->n_buckets < l->n_entries * 3 / 2;) {
        l->n_buckets *= 2;
    }
    (void) place(l, 1, sizeof(struct insp_table));
    l->conns = place(l, l->n_entries, sizeof(struct insp_conn));
    l->buckets = place(l, l->n_buckets, sizeof(uint64_t));
    l->quota = place(l, INSP_QUOTA_SLOTS + 1, sizeof(insp_quota_slot));
    l->fragments = place(l, 1, sizeof(struct insp_fragments));
    l->due =
        place(l, l->n_entries + INSP_N_DUE_HEADS, sizeof(struct insp_ilink));
    l->half = place(l, l->n_entries + 1, sizeof(struct insp_ilink));
    l->by_port = place(l, l->n_entries + INSP_QUOTA_SLOTS + 1,
                       sizeof(struct insp_ilink));
    l->port_live = place(l, INSP_QUOTA_SLOTS + 1, sizeof(uint32_t));
    l->reported_tick = place(l, l->n_entries, sizeof(uint32_t));
    l->reported_sums = place(l, l->n_entries, sizeof(struct insp_reported));
    l->stage = place(l, l->n_entries, sizeof(uint8_t));
}

size_t
insp_table_size(const struct insp_table_config *config)
{
    struct layout l;

    lay_out(&l, config);
    return l.size;
}

uint64_t
insp_table_untouched(const struct insp_table *t)
{
    return insp_memory_untouched(t, t->size);
}

/* The kernel promises memory that the machine does not have. */
static bool
is_absurd(const struct layout *l)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);

    return l->n_entries >= UINT32_MAX - INSP_QUOTA_SLOTS - 1 ||
           (pages > 0 && page > 0 && l->size / (size_t) page > (size_t) pages);
}

static void
fill_in(struct insp_table_config *config)
{
    if (!config->half_open_limit) {
        config->half_open_limit = INSP_MAX(1, config->flow_limit / 4);
    }
    if (!config->half_open_timeout_ns) {
        config->half_open_timeout_ns =
            INSP_MIN(config->idle_timeout_ns, 5 * SECOND_NS);
    }
    if (!config->closed_linger_ns) {
        config->closed_linger_ns = SECOND_NS;
    }
}

static uint32_t
ticks_of(uint64_t ns)
{
    uint64_t ticks =
        (ns + (UINT64_C(1) << INSP_TICK_SHIFT) - 1) >> INSP_TICK_SHIFT;

    return (uint32_t) INSP_MIN(ticks, INT32_MAX);
}

static void
init_lists(struct insp_table *t)
{
    for (uint32_t i = 0; i < INSP_N_DUE_HEADS; i++) {
        insp_ilist_init(t->due, t->n_entries + i);
    }
    insp_ilist_init(t->half, t->n_entries);
    for (uint32_t i = 0; i <= INSP_QUOTA_SLOTS; i++) {
        insp_ilist_init(t->by_port, t->n_entries + i);
    }
    insp_wheel_init(&t->wheel, t->due, t->wheel_filled,
                    insp_due_head(t, INSP_DUE_WHEEL), INSP_WHEEL_SLOTS, 0);
}

int
insp_table_create(const struct insp_table_config *config,
                  struct insp_epoch *epoch, struct insp_table **tp)
{
    struct layout l;
    struct insp_table *t;
    uint8_t *base;

    *tp = NULL;
    lay_out(&l, config);
    if (is_absurd(&l)) {
        return ENOMEM;
    }
    base = mmap(NULL, l.size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return ENOMEM;
    }
    /* Lookups are random: huge pages save a miss each.  A refusal costs
     * speed, nothing else. */
    (void) madvise(base, l.size, MADV_HUGEPAGE);

    t = (void *) base;
    t->size = l.size;
    t->config = *config;
    fill_in(&t->config);
    t->active_ticks = ticks_of(config->active_timeout_ns);
    t->epoch = epoch;
    t->n_entries = (uint32_t) l.n_entries;
    t->bucket_mask = (uint32_t) (l.n_buckets - 1);
    t->conns = (void *) (base + l.conns);
    t->buckets = (void *) (base + l.buckets);
    t->quota = (void *) (base + l.quota);
    t->fragments = (void *) (base + l.fragments);
    t->due = (void *) (base + l.due);
    t->half = (void *) (base + l.half);
    t->by_port = (void *) (base + l.by_port);
    t->port_live = (void *) (base + l.port_live);
    t->reported_tick = (void *) (base + l.reported_tick);
    t->reported_sums = (void *) (base + l.reported_sums);
    t->stage = base + l.stage;
    t->reported = INSP_NO_CONN;

    t->pools[INSP_POOL_CONNS].n = config->flow_limit;
    t->pools[INSP_POOL_REMAINDERS].first = config->flow_limit;
    t->pools[INSP_POOL_REMAINDERS].n = n_remainders(config);
    for (int i = 0; i < INSP_N_POOLS; i++) {
        insp_stack_init(&t->pools[i].free, &t->conns->link, sizeof *t->conns);
    }
    insp_stack_init(&t->born, &t->conns->link, sizeof *t->conns);
    insp_stack_init(&t->attention, &t->conns->attention_link,
                    sizeof *t->conns);
    init_lists(t);
    *tp = t;
    return 0;
}

void
insp_table_fragment_note(struct insp_table *t,
                         const struct insp_packet *packet,
                         const struct insp_zone *zone, uint64_t now_ns)
{
    insp_fragments_note(t->fragments, packet, zone, &t->config.secret, now_ns);
}

bool
insp_table_fragment_find(struct insp_table *t, struct insp_packet *packet,
                         const struct insp_zone *zone, uint64_t now_ns)
{
    return insp_fragments_find(t->fragments, packet, zone, &t->config.secret,
                               now_ns);
}

bool
insp_table_is_empty(const struct insp_table *t)
{
    return insp_stack_is_empty(&t->born) && !INSP_READ(t->n_held[0]) &&
           !INSP_READ(t->n_held[1]);
}

uint32_t
insp_table_n_free(const struct insp_table *t)
{
    return t->config.flow_limit - INSP_READ(t->n_held[INSP_POOL_CONNS]);
}

void
insp_table_get_stats(const struct insp_table *t,
                     struct insp_table_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->flow_limit = t->config.flow_limit;
    stats->connections = INSP_READ(t->n_live[INSP_POOL_CONNS]);
    stats->remainders = INSP_READ(t->n_live[INSP_POOL_REMAINDERS]);
    stats->half_open = INSP_READ(t->half_open);
    stats->begun = INSP_READ(t->begun);
    stats->owner_moves = INSP_READ(t->owner_moves);
    stats->misplaced = INSP_READ(t->misplaced);
    stats->bytes = t->size;
    for (int i = 0; i < INSP_N_ENDS; i++) {
        stats->ended[i] = INSP_READ(t->ended[i]);
    }
    for (int i = 0; i < INSP_MAX_WORKERS; i++) {
        const struct insp_worker_line *worker = &t->workers[i];

        stats->foreign_packets += INSP_READ(worker->foreign_packets);
        for (int j = 0; j < INSP_N_REMAINDERS; j++) {
            stats->refused[j] += INSP_READ(worker->refused[j]);
        }
    }
}

/* Each atomic by itself, because workers go on counting. */
static void
copy_conn(struct insp_conn *to, const struct insp_conn *from)
{
    memset(to, 0, sizeof *to);
    to->hash = from->hash;
    to->key = from->key;
    to->state = INSP_READ(from->state);
    to->initiator = from->initiator;
    to->life = from->life;
    to->quota_slot = from->quota_slot;
    to->ack_ns = INSP_READ(from->ack_ns);
    to->claim = INSP_READ(from->claim);
    to->icmp_type = from->icmp_type;
    to->icmp_code = from->icmp_code;
    atomic_init(&to->app, INSP_READ(from->app));
    for (int i = 0; i < 2; i++) {
        const struct insp_flow *f = &from->flow[i];

        to->foreign_packets[i] = INSP_READ(from->foreign_packets[i]);
        to->foreign_bytes[i] = INSP_READ(from->foreign_bytes[i]);
        to->flow[i].packets = INSP_READ(f->packets) + to->foreign_packets[i];
        to->flow[i].bytes = INSP_READ(f->bytes) + to->foreign_bytes[i];
        to->flow[i].first_ns = INSP_READ(f->first_ns);
        to->flow[i].last_ns = INSP_READ(f->last_ns);
        to->flow[i].port = INSP_READ(f->port);
        to->flow[i].seq_next = INSP_READ(f->seq_next);
        to->flow[i].retransmitted = INSP_READ(f->retransmitted);
        to->flow[i].out_of_order = INSP_READ(f->out_of_order);
        to->flow[i].owner = INSP_READ(f->owner);
        to->flow[i].tcp_flags = INSP_READ(f->tcp_flags);
        to->flow[i].judgement = INSP_READ(f->judgement);
    }
}

size_t
insp_table_list(const struct insp_table *t, uint32_t *at,
                struct insp_conn_copy *copies, size_t n)
{
    uint32_t used = insp_pool_used(&t->pools[INSP_POOL_CONNS]);
    size_t n_copies = 0;

    for (; *at < used && n_copies < n; (*at)++) {
        if (insp_is_live(t, *at)) {
            struct insp_conn_copy *copy = &copies[n_copies++];
            const struct insp_reported *sums = &t->reported_sums[*at];

            copy_conn(&copy->conn, &t->conns[*at]);
            for (unsigned int i = 0; i < 2; i++) {
                copy->packets[i] =
                    copy->conn.flow[i].packets - sums->packets[i];
                copy->bytes[i] = copy->conn.flow[i].bytes - sums->bytes[i];
            }
        }
    }
    return n_copies;
}

void
insp_table_destroy(struct insp_table *t)
{
    if (t) {
        (void) munmap(t, t->size);
    }
}
