/* SPDX-License-Identifier: Apache-2.0 */
/* Flow table, inside
 * ==================
 *
 * What the files of the flow table share, and nobody else sees.
 *
 * Above:    flow/{table,begin,count,control,evict,report,tcp}.c.
 * Below:    flow/table.h, fragment.h, quota.h, base/stack.h, wheel.h.
 * Threads:  grouped by who writes: see struct insp_table.
 * Memory:   one mapping, laid out in table.c.
 * Time:     in ticks of 2^24 ns (about 17 ms) where 32 bits must do.
 * Fails:    never.
 */

#ifndef INSP_FLOW_TABLE_PRIVATE_H
#define INSP_FLOW_TABLE_PRIVATE_H 1

#include "base/stack.h"
#include "base/wheel.h"
#include "flow/fragment.h"
#include "flow/quota.h"
#include "flow/table.h"

#define INSP_TICK_SHIFT  24
#define INSP_WHEEL_SLOTS 1024 /* A horizon of 17 s. */
#define INSP_CHAIN_MAX   64   /* Entries that a lookup visits. */
#define INSP_MOVES_MAX   256  /* Owner moves in one grace period. */
#define INSP_ASKS        64

/* Where free entries come from: used ones first, so that few are touched,
 * then ones that nobody has had yet. */
struct insp_pool {
    struct insp_stack free;
    _Atomic uint32_t fresh INSP_LINE_ALIGNED; /* How many were handed out;
                                               * may run a little over. */
    uint32_t first;                           /* Index of the first. */
    uint32_t n;
};

enum insp_pool_id {
    INSP_POOL_CONNS,
    INSP_POOL_REMAINDERS,
    INSP_N_POOLS
};

/* One worker's counters: only it writes. */
struct insp_worker_line {
    _Atomic uint64_t foreign_packets;
    _Atomic uint64_t refused[INSP_N_REMAINDERS];
} INSP_LINE_ALIGNED;

/* Where the control thread has an entry. */
enum insp_stage {
    INSP_STAGE_NONE,    /* Free, or begun and not taken in yet. */
    INSP_STAGE_LIVE,    /* On the wheel. */
    INSP_STAGE_INTERIM, /* Live, waiting for an interim report. */
    INSP_STAGE_ENDED,   /* Out of the chain; limbo, then ready. */
};

/* Heads in the array 'due', behind the entries; the wheel's slots follow. */
enum insp_due_head {
    INSP_DUE_INTERIM, /* To be reported, running. */
    INSP_DUE_ENDED,   /* Unlinked since the last ticket. */
    INSP_DUE_LIMBO,   /* Waiting for the ticket to pass. */
    INSP_DUE_READY,   /* To be reported, final. */
    INSP_DUE_WHEEL,
    INSP_N_DUE_HEADS = INSP_DUE_WHEEL + INSP_WHEEL_SLOTS
};

/* What all reports of an entry together have had, by side. */
struct insp_reported {
    uint64_t packets[2];
    uint64_t bytes[2];
};

struct insp_move {
    uint32_t index;
    uint16_t worker;
    uint8_t side;
};

struct insp_table {
    /* Written at creation. */
    struct insp_conn *conns;
    _Atomic uint64_t *buckets; /* tag << 32 | index + 1; 0: empty. */
    uint32_t bucket_mask;
    uint32_t n_entries; /* Of both pools. */
    insp_quota_slot *quota;
    struct insp_fragments *fragments;
    struct insp_epoch *epoch;
    struct insp_table_config config; /* With defaults filled in. */
    uint32_t active_ticks;           /* 0: no interim reports. */
    size_t size;

    /* Written by workers. */
    struct insp_pool pools[INSP_N_POOLS];
    struct insp_stack born;
    struct insp_stack attention;
    _Atomic uint32_t half_open INSP_LINE_ALIGNED;
    /* Quota slots + 1 that refused a connection; a hint that may be lost. */
    _Atomic uint32_t asks[INSP_ASKS] INSP_LINE_ALIGNED;
    struct insp_worker_line workers[INSP_MAX_WORKERS];

    /* Written by the control thread, read by any. */
    _Atomic uint32_t n_live[INSP_N_POOLS] INSP_LINE_ALIGNED;
    _Atomic uint32_t n_held[INSP_N_POOLS]; /* Live, ending, waiting. */
    _Atomic uint64_t begun;
    _Atomic uint64_t ended[INSP_N_ENDS];
    _Atomic uint64_t owner_moves;
    _Atomic uint64_t misplaced;

    /* Control thread. */
    uint64_t now; /* Of the last maintain. */
    struct insp_wheel wheel;
    uint64_t wheel_filled[INSP_WHEEL_WORDS(INSP_WHEEL_SLOTS)];
    struct insp_ilink *due;     /* n_entries + INSP_N_DUE_HEADS. */
    struct insp_ilink *half;    /* Half-open ones, oldest first; one head. */
    struct insp_ilink *by_port; /* Oldest first; a head for each slot. */
    uint32_t *port_live;        /* Live ones of each quota slot. */
    uint32_t *reported_tick;    /* Of the last report, of each entry... */
    struct insp_reported *reported_sums; /* ... and what it covers. */
    uint8_t *stage;                      /* enum insp_stage, of each entry. */
    uint64_t ticket;
    bool waiting;          /* For 'ticket'. */
    uint32_t hand;         /* Where eviction samples next. */
    uint32_t reported;     /* Entry whose final report is out, to be
                            * recycled; or INSP_NO_CONN. */
    unsigned int n_moves;  /* Since the last ticket... */
    unsigned int n_moving; /* ... and waiting for it. */
    struct insp_move moves[INSP_MOVES_MAX];
    struct insp_move moving[INSP_MOVES_MAX];
};

static inline uint32_t
insp_tick(uint64_t ns)
{
    return (uint32_t) (ns >> INSP_TICK_SHIFT);
}

static inline uint32_t
insp_index_of(const struct insp_table *t, const struct insp_conn *conn)
{
    return (uint32_t) (conn - t->conns);
}

static inline enum insp_pool_id
insp_pool_of(const struct insp_table *t, uint32_t index)
{
    return index < t->pools[INSP_POOL_CONNS].n ? INSP_POOL_CONNS
                                               : INSP_POOL_REMAINDERS;
}

static inline _Atomic uint64_t *
insp_bucket_of(const struct insp_table *t, uint32_t hash)
{
    return &t->buckets[hash & t->bucket_mask];
}

static inline uint32_t
insp_due_head(const struct insp_table *t, enum insp_due_head head)
{
    return t->n_entries + (uint32_t) head;
}

static inline bool
insp_is_live(const struct insp_table *t, uint32_t index)
{
    return t->stage[index] == INSP_STAGE_LIVE ||
           t->stage[index] == INSP_STAGE_INTERIM;
}

/* How many entries of a pool were ever used. */
static inline uint32_t
insp_pool_used(const struct insp_pool *pool)
{
    uint32_t fresh = INSP_READ(pool->fresh);

    return INSP_MIN(fresh, pool->n);
}

/* Worker or control: sets state bits, and sees to it that the control thread
 * looks at 'conn'.  Returns the state before. */
uint8_t insp_conn_raise(struct insp_table *, struct insp_conn *, uint8_t bits);

/* Worker or control: 'conn' is not half-open any more. */
void insp_conn_not_half_open(struct insp_table *, struct insp_conn *);

/* Control: ends a live entry. */
void insp_control_end(struct insp_table *, uint32_t index,
                      enum insp_end_reason);

/* Control: takes in what workers have begun or want attention for. */
void insp_control_take_in(struct insp_table *);

/* Control: puts a live entry on the wheel, for when it may be due. */
void insp_control_arm(struct insp_table *, uint32_t index);

/* Control: makes room ahead of need. */
void insp_evict(struct insp_table *);

/* Control: gives the entry whose final report was taken to the next user. */
void insp_report_recycle(struct insp_table *);

#endif /* flow/table-private.h */
