/* SPDX-License-Identifier: Apache-2.0 */
/* Engine, inside
 * ==============
 *
 * The types that the files of this room share; nobody else includes it.
 *
 * Above:    engine/ only.          Below:  engine/engine.h, flow/table.h.
 * Threads:  marked at each member: W worker, C control thread, X exporter
 *           thread, A any (atomic, or under 'mutex').
 * Memory:   see engine.h.
 * Time:     none.
 * Fails:    see engine.h.
 */

#ifndef INSP_ENGINE_INTERNAL_H
#define INSP_ENGINE_INTERNAL_H 1

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/epoch.h"
#include "engine/aggregate.h"
#include "engine/depth.h"
#include "engine/engine.h"
#include "engine/leases.h"
#include "flow/table.h"

/* One worker's part of an inspector's counters.  The worker writes at the
 * end of a batch between two steps of 'sequence' (odd: being written), so a
 * reader that finds it even and unchanged has a consistent copy. */
struct insp_tally {
    uint64_t seen_packets, seen_bytes;
    uint64_t inspected_packets, inspected_bytes;
    uint64_t catch_all_packets, catch_all_bytes;
    uint64_t skipped[INSP_N_SKIPS];
    uint64_t lost[INSP_N_LOSTS];
    uint64_t verdicts[4];
    uint64_t facts[INSP_N_PACKET_FACTS];
    uint64_t missed_open, missed_closed;
};

#define INSP_TALLY_WORDS (sizeof(struct insp_tally) / sizeof(uint64_t))

struct insp_worker_tally {
    _Atomic uint32_t sequence;                /* W */
    _Atomic uint64_t words[INSP_TALLY_WORDS]; /* W; struct insp_tally */
} INSP_LINE_ALIGNED;

/* A word of a tally, in a set of them. */
#define INSP_TALLY_BIT(WORD, TALLY)                                           \
    (UINT64_C(1) << (size_t) ((const uint64_t *) (WORD) -                     \
                              (const uint64_t *) (TALLY)))
_Static_assert(INSP_TALLY_WORDS <= 64, "a set of its words is one word");

/* Adds those words of 'batch' that are in the set 'changed' to what
 * 'worker_tally' has; its worker only. */
void insp_tally_publish(struct insp_worker_tally *, const struct insp_tally *,
                        uint64_t changed);

/* Adds a consistent copy of 'worker_tally' to '*sum'; any thread. */
void insp_tally_read(const struct insp_worker_tally *, struct insp_tally *sum);

/* A service function, from the first configuration that names it until no
 * worker can hold it. */
struct insp_function_tally {
    _Atomic uint64_t in_packets, in_bytes;
    _Atomic uint64_t out_packets, out_bytes;
    _Atomic uint64_t injected;
    _Atomic uint64_t changed;
    _Atomic uint64_t lost[INSP_N_FLIGHT_LOSSES];
    _Atomic uint64_t bypassed[INSP_N_MISSES];
    _Atomic uint64_t refused[INSP_N_MISSES];
    _Atomic uint64_t probes_returned;
} INSP_LINE_ALIGNED;

struct insp_function {
    struct insp_function *next; /* Under 'inspectors_mutex'. */
    uint32_t id;                /* Of the configuration. */
    uint32_t inspector;
    struct insp_function_config config; /* C; others under the mutex. */
    uint32_t mark;                      /* C; of the last apply. */
    uint64_t left_ticket;               /* C; 0: it is configured. */
    enum insp_function_state state;     /* C; as of its last turn... */
    uint64_t since_ns;                  /* ... since then, wall clock. */
    uint64_t timed_out;                 /* C; packets. */
    uint64_t next_probe_ns;             /* Under the mutex. */
    uint64_t probes_sent;               /* Under the mutex. */
    uint64_t probe_secret;

    /* What workers ask whenever a packet is to go there. */
    _Atomic uint8_t port_state INSP_LINE_ALIGNED; /* A */
    _Atomic bool probe_seen;                      /* W sets, A clears. */
    _Atomic uint64_t unanswered_ns; /* The first probe that has not come
                                     * back was sent then; 0: none. */

    struct insp_function_tally tallies[INSP_MAX_WORKERS]; /* W */
};

/* How a function is, by what is known at 'now_ns'. */
enum insp_function_state insp_function_state(
    const struct insp_function *, const struct insp_function_config *,
    uint64_t now_ns);

/* What a rule has counted under versions that are out of force. */
struct insp_rule_total {
    uint64_t judged;
    uint64_t dropped;
    char name[INSP_NAME_SIZE];
    uint8_t slot;
};

/* An Inspector row, from its first appearance until its last connection is
 * reported. */
struct insp_inspector {
    _Atomic uint32_t id;                    /* A; 0: this place is free. */
    struct insp_inspector_config config;    /* C; without pointers. */
    struct insp_table_config table_config;  /* C */
    struct insp_table *table;               /* C; NULL: not in force. */
    struct insp_dialogs *dialogs;           /* C; of that table. */
    struct insp_table_stats past;           /* C; sum over its tables that are
                                             * gone, and ... */
    struct insp_dialogs_stats past_readers; /* C; ... of what read them. */
    struct insp_binding *binding;           /* C; a reference. */
    struct insp_flights *flights;           /* C; NULL: never had functions. */
    uint64_t since_ns;                 /* C; monotonic, of its first table. */
    char error[512];                   /* C */
    uint64_t next_sensor_ns;           /* C; monotonic. */
    uint64_t catch_all_reported[2];    /* C; packets, bytes. */
    uint64_t catch_all_since_ns;       /* C; monotonic. */
    struct insp_stepper stepper;       /* C */
    struct insp_aggregates aggregates; /* C */
    uint64_t aggregates_due_ns;        /* C; monotonic. */
    struct insp_inventory *inventory;  /* C; NULL: nobody has answered. */
    struct insp_leases *leases;        /* C; NULL: none was given. */
    uint64_t inventory_due_ns;         /* C; monotonic. */
    struct insp_depth_config depth_config; /* C */
    enum insp_depth depth;                 /* C; the least of any worker... */
    uint64_t depth_since_ns;               /* C; ... since then, monotonic. */
    uint64_t depth_ns[INSP_N_DEPTHS];      /* C; how long it was each. */
    uint64_t depth_turn_ns;       /* C; monotonic, of the last look. */
    unsigned int shallow_workers; /* C; at less than full depth. */
    uint32_t share_ppm;           /* C; the largest of any worker. */
    uint64_t depth_log_ns;        /* C; see overload.c. */
    enum insp_depth depth_said;   /* C; in the log, last... */
    uint32_t depth_changes;       /* C; ... changes since then. */
    uint32_t mark;                /* C; of the last apply. */
    uint64_t left_round;          /* C; no worker sees it by then. */
    _Atomic uint64_t lost_shared[INSP_N_LOSTS];         /* A */
    _Atomic uint64_t lost_shared_bytes;                 /* A */
    _Atomic uint64_t undeliverable;                     /* A */
    struct insp_worker_tally tallies[INSP_MAX_WORKERS]; /* W */
    struct insp_depth_worker depths[INSP_MAX_WORKERS];  /* W */
};

struct insp_snapshot_function {
    struct insp_function *function;
    struct insp_function_config config;
};

/* What workers see of an inspector, frozen with the snapshot. */
struct insp_snapshot_inspector {
    uint32_t id;
    bool enabled;
    bool tap;
    bool fail_closed;
    struct insp_inspector *inspector;
    struct insp_table *table;           /* NULL: not in force. */
    struct insp_dialogs *dialogs;       /* NULL: nothing is read. */
    const struct insp_binding *binding; /* NULL: no rules. */
    const struct insp_policy *policy;   /* The binding's. */
    uint32_t version;                   /* The policy's; 0: no rules. */
    bool reads_apps;                    /* Rules look at what is read. */
    struct insp_depth_config depth;
    uint64_t pickup_until_ns;
    uint64_t pickup_ns;
    struct insp_hash_key secret;
    struct insp_flights *flights;
    size_t n_functions;
    struct insp_snapshot_function functions[INSP_MAX_FUNCTIONS];
    struct insp_snapshot_function *by_slot[INSP_N_SERVICE_SLOTS];
};

struct insp_snapshot_port {
    uint64_t since_ns; /* By id: first configured. */
    uint32_t id;       /* 0: empty place. */
    uint8_t mac[6];
};

/* A configuration in force.  Both port arrays are open hash tables of
 * 'port_mask' + 1 places, one by id, one by MAC (those that have one). */
struct insp_snapshot {
    size_t n_inspectors;
    struct insp_snapshot_inspector inspectors[INSP_MAX_INSPECTORS];
    uint32_t port_mask;
    struct insp_snapshot_port *by_id;
    struct insp_snapshot_port *by_mac;
};

/* Where a port id's place is looked for first, in any table of them. */
static inline uint32_t
insp_port_hash(uint32_t id)
{
    return id * UINT32_C(0x9e3779b1) >> 7;
}

struct insp_snapshot *insp_snapshot_create(size_t n_ports);
void insp_snapshot_add_port(struct insp_snapshot *, const struct insp_port *,
                            uint64_t since_ns);
bool insp_snapshot_has_port(const struct insp_snapshot *, uint32_t id);
/* When it came; 0: no such port. */
uint64_t insp_snapshot_port_since(const struct insp_snapshot *, uint32_t id);
uint32_t insp_snapshot_port_of_mac(const struct insp_snapshot *,
                                   const uint8_t mac[6]);
void insp_snapshot_destroy(struct insp_snapshot *);

/* An identity that records may still refer to. */
struct insp_known_port {
    struct insp_port_stats stats; /* C; of connections reported. */
    enum insp_port_role role;
    uint64_t since_ns; /* Monotonic: first configured. */
    uint32_t mark;     /* Of the last apply that named it. */
    bool dead;
    bool ends_told;      /* Its connections are ended. */
    uint64_t gone_round; /* All reports are out by then. */
};

/* A question that another thread puts to the control thread.  Two hold it;
 * who lets go last frees it, so an answer that comes too late harms nobody. */
enum insp_request_kind {
    INSP_REQUEST_FLUSH,
    INSP_REQUEST_LIST,
    INSP_REQUEST_PORT_STATS,
    INSP_REQUEST_RULES,
    INSP_REQUEST_FUNCTIONS,
    INSP_REQUEST_EXPLAIN,
    INSP_REQUEST_LISTENERS,
};

struct insp_request {
    struct insp_request *next; /* Under 'mutex' until taken. */
    enum insp_request_kind kind;
    uint32_t inspector;               /* 0: all. */
    unsigned int holders;             /* Under 'mutex'. */
    bool answered;                    /* Under 'mutex'. */
    bool begun;                       /* C; FLUSH. */
    uint64_t round;                   /* C; FLUSH: answered by then. */
    struct insp_subject subject;      /* EXPLAIN... */
    char name[INSP_APP_NAME_MAX + 1]; /* ... and what its name points to. */
    size_t n;                         /* Rows that were filled... */
    size_t max;                       /* ... of as many; RULES: of any
                                       * number. */
    union {
        struct insp_flow_row *flows;
        struct insp_port_stats *ports;
        struct insp_rule_row *rules;
        struct insp_function_row *functions;
        struct insp_explanation *explanation;
        struct insp_listener *listeners;
        void *rows; /* Owned. */
    };
};

/* What the control thread needs no more, but workers may still hold. */
struct insp_retired {
    struct insp_retired *next;
    uint64_t ticket;
    struct insp_snapshot *snapshot;
    struct insp_binding *binding;
    bool is_last; /* Of its policy: fold counters. */
};

/* A table that is out of force and is being emptied. */
struct insp_leaving_table {
    struct insp_leaving_table *next;
    struct insp_inspector *inspector;
    struct insp_table *table;
    struct insp_dialogs *dialogs;
    uint64_t ticket;
    bool flushed;
};

/* What a worker is at, for a crash report. */
struct insp_worker_place {
    _Atomic(const struct insp_frame *) frame; /* W */
    _Atomic uint8_t app;                      /* W; whose reader is at
                                               * work on it. */
} INSP_LINE_ALIGNED;

struct insp_engine {
    struct insp_host host;
    struct insp_epoch epoch;                           /* A */
    struct insp_worker_place places[INSP_MAX_WORKERS]; /* W */
    _Atomic(struct insp_snapshot *) snapshot;          /* C writes */
    _Atomic uint64_t applied;                          /* C writes */
    _Atomic bool lacks_memory;                         /* C writes */
    _Atomic uint64_t unknown_id;                       /* A */
    struct insp_inspector *inspectors; /* INSP_MAX_INSPECTORS; A by id. */
    size_t n_places;                   /* C; of these, that were ever used. */

    /* Control thread. */
    struct insp_known_port *ports; /* Open hash by stats.id. */
    uint32_t ports_mask;
    uint32_t n_ports; /* Dead ones included. */
    unsigned int n_dead;
    uint64_t steps_due_ns; /* Monotonic. */
    uint64_t round;        /* See control.c. */
    uint64_t round_ticket;
    struct insp_leaving_table *leaving; /* Changed under the mutex. */
    struct insp_retired *retired;
    struct insp_function *functions; /* Changed under the mutex. */
    struct insp_rule_total *rules;   /* By number. */
    uint32_t n_rules;
    struct insp_request *working;
    uint32_t mark;
    uint64_t flow_id_secret;
    uint32_t incarnation;
    _Atomic uint64_t wall_offset_ns; /* Wall clock less monotonic. */

    struct insp_ring *ring;   /* C to X. */
    struct insp_drain *drain; /* X. */
    pthread_t control;
    pthread_t exporter;
    bool control_started, exporter_started;
    _Atomic bool stop_exporter;

    pthread_mutex_t mutex;
    pthread_cond_t wake;           /* Control thread. */
    pthread_cond_t answered;       /* Who asked. */
    struct insp_staged *staged;    /* Under 'mutex'. */
    struct insp_request *requests; /* Under 'mutex'. */
    uint64_t last_serial;          /* Under 'mutex'. */
    bool stop_control;             /* Under 'mutex'. */
    bool stopping;                 /* C */
    uint64_t stop_by_ns;           /* Under 'mutex'; monotonic. */

    /* Held by the control thread while it changes what members of
     * 'inspectors' marked C point to, and by others while they read it. */
    pthread_mutex_t inspectors_mutex;
};

/* A configuration on its way to the control thread (stage.c). */
struct insp_staged {
    uint64_t serial;
    struct insp_engine_config config; /* Points into this allocation. */
};
struct insp_staged *insp_stage(const struct insp_engine_config *);
void insp_staged_destroy(struct insp_staged *);

/* Control thread (apply.c): puts 'staged' in force. */
void insp_apply(struct insp_engine *, const struct insp_staged *);
/* Control thread (apply.c): takes every inspector out of force. */
void insp_apply_nothing(struct insp_engine *);
/* Control thread (apply.c): frees what no worker can hold any more. */
void insp_reclaim(struct insp_engine *);

/* Control thread (port.c): the identities that records may refer to. */
struct insp_known_port *insp_ports_find(const struct insp_engine *,
                                        uint32_t id);
void insp_ports_apply(struct insp_engine *, const struct insp_port *,
                      size_t n);
/* Ends connections of dead ports, and forgets those that no record can name
 * any more. */
void insp_ports_turn(struct insp_engine *);

/* Control thread (function.c), under 'inspectors_mutex': the functions of an
 * inspector as its configuration has them; what the configuration no longer
 * names. */
void insp_functions_apply(struct insp_engine *, struct insp_inspector *,
                          const struct insp_inspector_config *,
                          struct insp_snapshot_inspector *);
void insp_functions_leave(struct insp_engine *);
/* Control thread, or any under the mutex. */
struct insp_function *insp_functions_find(const struct insp_engine *,
                                          uint32_t id);
/* Notes states, counts what did not come back, frees what nobody holds. */
void insp_functions_turn(struct insp_engine *, uint64_t now_ns);
void insp_function_fill(const struct insp_engine *,
                        const struct insp_function *,
                        struct insp_function_row *);
/* At the end. */
void insp_functions_destroy(struct insp_engine *);

/* Control thread (rules.c): what is known of rules by number. */
void insp_rules_note(struct insp_engine *, const struct insp_policy *);
void insp_rules_fold(struct insp_engine *, const struct insp_policy *);
const struct insp_rule_total *insp_rules_find(const struct insp_engine *,
                                              uint32_t number);

/* Control thread (report.c): moves all reports that are due into the ring;
 * false when the ring was full first. */
bool insp_report_table(struct insp_engine *, struct insp_inspector *,
                       struct insp_table *, struct insp_dialogs *);
/* The same for sums of connections: when they are due, or 'now'. */
bool insp_report_aggregates(struct insp_engine *, struct insp_inspector *,
                            uint64_t now_ns, bool now);
/* The same for services that nobody has used for long. */
bool insp_report_stale(struct insp_engine *, struct insp_inspector *,
                       uint64_t now_ns);
bool insp_report_catch_all(struct insp_engine *, struct insp_inspector *,
                           uint64_t now_ns);
bool insp_report_sensor(struct insp_engine *, struct insp_inspector *);
/* These wait until the ring has room.  The services of a port go with it. */
void insp_report_port(struct insp_engine *, const struct insp_port *);
void insp_report_port_gone(struct insp_engine *, uint32_t id);
/* The record of a connection as it is; packets and bytes are the caller's. */
void insp_report_fill(const struct insp_engine *,
                      const struct insp_inspector *, const struct insp_conn *,
                      uint32_t index, struct insp_record_connection *);

/* Control thread (request.c): takes what others ask, before the tables take
 * in what workers began, so that an answer covers all that came before its
 * question; works on it, after. */
void insp_requests_take(struct insp_engine *);
void insp_requests_turn(struct insp_engine *);
/* When the control thread is gone: nobody waits any more. */
void insp_requests_abandon(struct insp_engine *);

/* Control thread (overload.c): how deep each inspector inspects, for who looks
 * at it. */
void insp_overload_turn(struct insp_engine *, uint64_t now_ns);

/* Any thread (overload.c): packets that were inspected at that depth, which is
 * not FULL. */
uint64_t insp_packets_at(const struct insp_inspector *, enum insp_depth);

/* Any thread (thread.c): what the engine's threads do first; the time, by
 * the monotonic clock, 'ms' from now. */
void insp_thread_begin(void);
struct timespec insp_deadline(uint64_t ms);

/* Control thread (control.c): one turn of it. */
enum insp_turn insp_control_turn(struct insp_engine *);

/* Threads (control.c, exporter.c). */
void *insp_control_main(void *engine);
void *insp_exporter_main(void *engine);

/* Any thread (stats.c): the sum over workers. */
void insp_inspector_sum(const struct insp_inspector *, struct insp_tally *);

/* What all tables of an inspector have counted, those that are gone as well:
 * what an operator sees goes on when there is another one.  Returns how many
 * connections had to make room in the table that is in force.  Control, or
 * with the mutex. */
uint64_t insp_inspector_sum_tables(const struct insp_engine *,
                                   const struct insp_inspector *,
                                   struct insp_table_stats *);

/* The same of what has read for them. */
void insp_inspector_sum_readers(const struct insp_engine *,
                                const struct insp_inspector *,
                                struct insp_dialogs_stats *);

/* Before a table is gone, which is in no list any more.  With the mutex. */
void insp_inspector_fold_table(const struct insp_leaving_table *);

#endif /* engine/internal.h */
