/* SPDX-License-Identifier: Apache-2.0 */
/* Engine
 * ======
 *
 * All inspectors of a process: the packet path (insp_worker_run), the
 * control thread that ends connections and puts configurations in force,
 * and the exporter thread that drains records to the uplinks.
 *
 *     configuration: main thread -> apply -> control thread -> snapshot
 *     packet:        worker -> parse -> table -> verdict -> back
 *     record:        control thread -> ring -> exporter thread -> uplink
 *
 * Above:    ovs-ext/, utilities/.   Below:  every room of lib/ but config.
 *     The probe has the same without threads: an engine that is passive does
 *     nothing but what its one caller lets it do.
 *
 * Threads:  said at each function.  A worker is any thread that holds a slot
 *           (0 to INSP_MAX_WORKERS - 1) that no other thread holds at the
 *           same time; who hands slots on must order the last use before the
 *           first one (release, acquire).
 * Memory:   taken by create() and apply(); the packet path allocates none.
 * Time:     'now_ns' of a batch is monotonic, from the caller.
 * Fails:    create() with a positive errno; a configuration that cannot be
 *           put in force says so in the state of its inspector.
 */

#ifndef INSP_ENGINE_ENGINE_H
#define INSP_ENGINE_ENGINE_H 1

#include "app/dialog.h"
#include "base/host.h"
#include "engine/inventory.h"
#include "engine/step.h"
#include "export/drain.h"
#include "record/record.h"
#include "rule/policy.h"

#define INSP_BATCH_MAX 32

/* What the action, or automatic insertion, says of a batch. */
enum insp_context_flag {
    INSP_CONTEXT_TAP = 0x01,       /* No verdict may touch it. */
    INSP_CONTEXT_AUTO = 0x02,      /* Inserted, not written in a flow. */
    INSP_CONTEXT_FLOOD = 0x04,     /* One copy of several. */
    INSP_CONTEXT_NAT_SPLIT = 0x08, /* The translation was cleared. */
};

/* A function that can be reached from where the batch is: the caller has a
 * way to output a packet to that arm of it. */
struct insp_way {
    uint32_t function; /* Its id. */
    uint8_t arm;       /* 0: input_port, 1: output_port. */
};

#define INSP_MAX_WAYS 32
#define INSP_REST_MAX 736

struct insp_context {
    uint32_t inspector; /* Inspector.id. */
    uint32_t flags;     /* enum insp_context_flag. */
    uint32_t in_port;   /* Port ids; 0: none or unknown. */
    uint32_t out_port;
    struct insp_zone zone;
    const uint64_t *times_ns; /* When each frame came, never going
                               * back; NULL: all at 'now_ns'. */
    const struct insp_way *ways;
    size_t n_ways; /* <= INSP_MAX_WAYS. */

    /* What is left to do with the packets, in the caller's own terms: it is
     * kept for those that go to a function and handed back when they return.
     * Longer than INSP_REST_MAX: they cannot go. */
    const void *rest;
    size_t rest_size;
};

/* What is to happen to a packet. */
enum insp_encap {
    INSP_ENCAP_NONE,
    INSP_ENCAP_VLAN, /* One more tag, its VLAN id is the
                      * cookie. */
    INSP_ENCAP_NSH,  /* RFC 8300. */
};

struct insp_verdict {
    uint8_t kind;      /* enum insp_verdict_kind. */
    uint8_t arm;       /* REDIRECT: of the function... */
    uint8_t encap;     /* ... in this (enum insp_encap)... */
    uint32_t function; /* ... with this id. */
    uint32_t cookie;   /* Names the flight, 24 bits. */
};

/* The original direction before NAT, when connection tracking knows it. */
struct insp_nat_tuple {
    uint8_t src[16]; /* 4 or 16 bytes, by 'ip_version'. */
    uint8_t dst[16];
    uint16_t src_port; /* Host order. */
    uint16_t dst_port;
    uint8_t ip_version;
    uint8_t proto;
    uint8_t icmp_type; /* Of ICMP, else 0. */
    bool reply;        /* The packet is of the other one. */
};

struct insp_frame {
    const void *data;                 /* From the Ethernet header on. */
    uint32_t size;                    /* Bytes at 'data'. */
    uint32_t wire_size;               /* Bytes of the packet. */
    const struct insp_nat_tuple *nat; /* NULL: not translated. */
};

enum insp_skip { /* Deliberately not inspected. */
#define INSP_SKIP(NAME, WORD, TEXT) INSP_SKIP_##NAME,
#define INSP_LOST(NAME, WORD, TEXT)
#include "engine/event.def"
#undef INSP_SKIP
#undef INSP_LOST
    INSP_N_SKIPS
};

enum insp_lost { /* Should have been, could not. */
#define INSP_SKIP(NAME, WORD, TEXT)
#define INSP_LOST(NAME, WORD, TEXT) INSP_LOST_##NAME,
#include "engine/event.def"
#undef INSP_SKIP
#undef INSP_LOST
    INSP_N_LOSTS
};

/* Of an array of counters, such as one by enum insp_skip. */
static inline uint64_t
insp_sum(const uint64_t *counters, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += counters[i];
    }
    return sum;
}

const char *insp_skip_word(enum insp_skip);
const char *insp_lost_word(enum insp_lost);

/* One row of Inspector that is in force. */
enum insp_mode {
    INSP_MODE_TAP,
    INSP_MODE_INLINE
};
enum insp_fail_mode {
    INSP_FAIL_OPEN,
    INSP_FAIL_CLOSED
};

struct insp_inspector_config {
    char name[INSP_NAME_SIZE];
    uint32_t id;
    bool enabled;
    bool keeps_table; /* While it is not enabled: it will be
                       * soon, or ought to be. */
    enum insp_mode mode;
    enum insp_fail_mode fail_mode;
    uint32_t flow_limit;
    uint32_t half_open_limit; /* 0: flow_limit / 4. */
    uint32_t port_quota;      /* 0: none. */
    uint32_t active_timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t pickup_time_ms;
    uint32_t statistics_interval_ms;  /* Of sensor records. */
    uint32_t flight_limit;            /* Flows in functions at a time. */
    struct insp_step_config metadata; /* How much is sent; zeros: all. */
    uint32_t cycle_budget_ppm;        /* Of a worker's cycles that it may
                                       * take; 0: all. */
    bool dns_names;                   /* Rules know what DNS has told. */
    uint64_t readers_off;             /* Bit by enum insp_app. */

    /* The rules, or NULL: none.  apply() takes references of its own; both
     * go with the version of the policy. */
    struct insp_binding *binding;
    const struct insp_function_config *functions;
    size_t n_functions; /* <= INSP_MAX_FUNCTIONS. */
};

/* A service function that is in force, or leaving: its row is gone or
 * disabled and packets that are in it may still come back. */
#define INSP_MAX_FUNCTIONS 16 /* Of an inspector, leaving or not. */
#define INSP_SLOT_LEAVING  0xff

enum insp_arms {
    INSP_ARMS_FIXED,
    INSP_ARMS_BY_DIRECTION
};

struct insp_function_config {
    char name[INSP_NAME_SIZE];
    uint32_t id;       /* Never reused in a process. */
    uint8_t slot;      /* 4 to 11, or INSP_SLOT_LEAVING. */
    uint8_t arms;      /* enum insp_arms. */
    uint8_t fail_mode; /* enum insp_fail_mode. */
    uint8_t encap;     /* enum insp_encap. */
    bool one_armed;    /* Comes back by the port it enters. */
    uint32_t flight_timeout_ms;
    uint32_t probe_interval_ms; /* 0: no probes. */
    uint32_t probe_timeout_ms;  /* >= 2 * probe_interval_ms. */
};

struct insp_engine_config {
    char sensor[INSP_NAME_SIZE]; /* Open_vSwitch system-id. */
    const struct insp_inspector_config *inspectors;
    size_t n_inspectors; /* <= INSP_MAX_INSPECTORS. */
    const struct insp_port *ports;
    size_t n_ports;
    const struct insp_uplink_config *uplinks;
    size_t n_uplinks;
};

struct insp_engine;

/* Main thread: starts the control and the exporter thread. */
int insp_engine_create(const struct insp_host *,
                       struct insp_engine **) INSP_MUST_USE;

/* The same without threads, for a host that has one: what the control thread
 * does is done in insp_engine_turn(), by the host's clocks, and records are
 * taken with insp_engine_next_record().  The host must not call what waits for
 * the control thread, and needs no worker slot but 0. */
int insp_engine_create_passive(const struct insp_host *,
                               struct insp_engine **) INSP_MUST_USE;

enum insp_turn {
    INSP_TURN_CALM,  /* Next one when time has passed... */
    INSP_TURN_BUSY,  /* ... at once, as soon as records
                      * have been taken. */
    INSP_TURN_ENDED, /* Nothing is left to report. */
};

/* Passive: one turn, every 1 to 100 ms of the packets' time. */
enum insp_turn insp_engine_turn(struct insp_engine *);

/* Passive: after a turn that was calm and until a packet comes, a turn before
 * this time would do nothing; 0: the next one may have something to do. */
uint64_t insp_engine_due_ns(const struct insp_engine *);

/* Passive: no packet will come any more; turns end all connections, until
 * INSP_TURN_ENDED. */
void insp_engine_end(struct insp_engine *);

/* Passive: the next record, to be given to insp_record_uninit(); false: there
 * is none before the next turn. */
bool insp_engine_next_record(struct insp_engine *,
                             struct insp_record *) INSP_MUST_USE;

/* Main thread: hands a whole new configuration over (a copy) and returns its
 * serial number at once, or 0 when memory is out and the old one stays. */
uint64_t insp_engine_apply(struct insp_engine *,
                           const struct insp_engine_config *) INSP_MUST_USE;

/* Any thread: the serial number that is in force; every packet whose batch
 * begins from now on is judged by it. */
uint64_t insp_engine_applied(const struct insp_engine *);

/* Any thread: an inspector of it got no table for want of memory, so that
 * applying the same once more may do better. */
bool insp_engine_lacks_memory(const struct insp_engine *);

/* Worker: inspects 'n' frames (<= INSP_BATCH_MAX) of one context and says
 * what is to happen to each.  Returns true when all are to be allowed.  No
 * lock, no allocation, no log, no system call. */
bool insp_worker_run(struct insp_engine *, unsigned int worker,
                     const struct insp_context *, const struct insp_frame *,
                     size_t n, uint64_t now_ns, struct insp_verdict *);

/* Worker: the caller could not output a packet whose verdict was REDIRECT
 * after all, and is to drop it. */
void insp_worker_cancel(struct insp_engine *, unsigned int worker,
                        uint32_t inspector, const struct insp_verdict *);

/* Any thread: packets that a function has returned had nowhere to go any more,
 * because the port that they were for is gone. */
void insp_engine_count_undeliverable(struct insp_engine *, uint32_t inspector,
                                     uint64_t packets);

/* Packets that have come in by a port of a function. */
struct insp_return_context {
    uint32_t inspector;
    uint32_t function; /* Its id... */
    uint8_t arm;       /* ... and by which of its ports. */
    const struct insp_way *ways;
    size_t n_ways;
    const uint32_t *cookies; /* Of each frame, when the function
                              * has an encap; 0: had none. */
};

struct insp_return {
    struct insp_verdict verdict; /* ALLOW: do 'rest' now.  REDIRECT:
                                  * on to the next function.  DROP. */
    uint16_t rest_size;
    uint8_t rest[INSP_REST_MAX] __attribute__((aligned(8)));
};

/* Worker: finds what is to happen to 'n' frames (<= INSP_BATCH_MAX) that a
 * function has sent.  Nothing but what was sent to it goes on.  Probes are
 * noted and dropped. */
void insp_worker_return(struct insp_engine *, unsigned int worker,
                        const struct insp_return_context *,
                        const struct insp_frame *, size_t n, uint64_t now_ns,
                        struct insp_return *);

/* Any thread but a worker: what is known of a function's port, from outside
 * (UP, NO_PORT or LINK_DOWN). */
enum insp_function_state {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT) INSP_FUNCTION_##NAME,
#define INSP_MISS(NAME, WORD, TEXT)
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT)
#include "engine/function.def"
    INSP_N_FUNCTION_STATES
};

enum insp_miss {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT)
#define INSP_MISS(NAME, WORD, TEXT) INSP_MISS_##NAME,
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT)
#include "engine/function.def"
    INSP_N_MISSES
};

enum insp_flight_loss {
#define INSP_FUNCTION_STATE(NAME, WORD, TEXT)
#define INSP_MISS(NAME, WORD, TEXT)
#define INSP_FLIGHT_LOSS(NAME, WORD, TEXT) INSP_FLIGHT_LOSS_##NAME,
#include "engine/function.def"
    INSP_N_FLIGHT_LOSSES
};

const char *insp_function_state_word(enum insp_function_state);
const char *insp_function_state_text(enum insp_function_state);
const char *insp_miss_word(enum insp_miss);
const char *insp_flight_loss_word(enum insp_flight_loss);

void insp_engine_set_function_port(struct insp_engine *, uint32_t function,
                                   enum insp_function_state);

/* Any thread but a worker: fills 'frame' with the next probe of a function,
 * to be output to its input_port right now, and returns its size; 0: it is not
 * to be probed, or not yet.  '*next_ns' is when to ask again, by the clock of
 * insp_worker_run().  RFC 7042's ethertype for local experiments; a function
 * is to forward it as any frame. */
#define INSP_PROBE_SIZE 64
size_t insp_engine_probe(struct insp_engine *, uint32_t function,
                         uint64_t now_ns, uint8_t frame[INSP_PROBE_SIZE],
                         uint64_t *next_ns);

/* Any thread that has no slot: counts what could not be inspected. */
void insp_engine_count_lost(struct insp_engine *, uint32_t inspector,
                            enum insp_lost, uint64_t packets, uint64_t bytes);

/* Any thread: ends and reports all connections of an inspector (0: of all);
 * returns when their records are with the exporter, false when 'timeout_ms'
 * passed before that. */
bool insp_engine_flush(struct insp_engine *, uint32_t inspector,
                       int timeout_ms);

struct insp_inspector_stats {
    char name[INSP_NAME_SIZE];
    uint32_t id;
    char error[512]; /* "": in force. */
    uint64_t seen_packets, seen_bytes;
    uint64_t inspected_packets, inspected_bytes;
    uint64_t skipped[INSP_N_SKIPS]; /* Packets. */
    uint64_t lost[INSP_N_LOSTS];
    uint64_t verdicts[4]; /* By enum insp_verdict_kind. */
    uint64_t facts[INSP_N_PACKET_FACTS];
    uint64_t catch_all_packets;         /* Remainders without an entry. */
    struct insp_table_stats table;      /* Counters: over all tables that it
                                         * has had. */
    struct insp_dialogs_stats readers;  /* The same. */
    uint64_t evicted_now;               /* Of those evicted: by the table that
                                         * is in force. */
    enum insp_step step;                /* How much metadata is sent, ... */
    uint64_t step_since_ns;             /* ... since then (wall clock), ... */
    uint64_t step_sent, step_allowed;   /* ... bytes in the last 60 s. */
    enum insp_depth depth;              /* How deep the worker looks that looks
                                         * least deep, ... */
    uint64_t depth_since_ns;            /* ... since then (wall clock), ... */
    enum insp_depth depth_last;         /* ... and how far it may go. */
    unsigned int shallow_workers;       /* At less than full depth. */
    uint32_t share_ppm;                 /* Of its cycles that inspection takes
                                         * of the worker that has most of it,
                                         * in millionths... */
    uint32_t cycle_budget_ppm;          /* ... and may take; 0: all. */
    uint64_t packets_at[INSP_N_DEPTHS]; /* Inspected at that depth; FULL: not
                                         * counted. */
    uint64_t depth_ns[INSP_N_DEPTHS];   /* How long 'depth' was each. */
    uint32_t policy_version;            /* 0: no rules. */
    uint32_t policy_rules;              /* How many. */
    uint64_t missed_open;               /* Redirects that did not happen... */
    uint64_t missed_closed;             /* ... by fail_mode of the function. */
    uint64_t undeliverable;             /* Came back, but its port is gone. */
    uint32_t flights;                   /* Entries in use. */
};

/* Any thread.  Each worker's part is as of the end of one of its batches. */
size_t insp_engine_get_stats(struct insp_engine *,
                             struct insp_inspector_stats *, size_t n);

/* Packets of an id that no inspector has. */
uint64_t insp_engine_unknown_id(const struct insp_engine *);

/* Per port id: what came in and went out inspected, for coverage. */
struct insp_port_stats {
    uint32_t id;
    uint64_t in_packets, in_bytes;
    uint64_t out_packets, out_bytes;
};
size_t insp_engine_get_port_stats(struct insp_engine *,
                                  struct insp_port_stats *, size_t n);

/* A live connection, for "flows". */
struct insp_flow_row {
    struct insp_record_connection conn; /* Packets and bytes: totals since
                                         * the connection began. */
    uint64_t idle_ns;
};

/* Any thread but a worker: up to 'n' live connections of an inspector
 * (0: of all), in no order; waits for the control thread at most
 * 'timeout_ms'.  Returns how many. */
size_t insp_engine_list(struct insp_engine *, uint32_t inspector,
                        struct insp_flow_row *, size_t n, int timeout_ms);

/* A rule in force, for "rules", in the order in which they are looked at. */
struct insp_rule_row {
    uint32_t inspector;
    struct insp_policy_rule rule;
    uint64_t judged;  /* Since the rule is in force under */
    uint64_t dropped; /* its number, over all versions. */
};

/* Any thread but a worker, as insp_engine_list().  Owned by the caller:
 * '*rows' is malloc'ed. */
size_t insp_engine_rules(struct insp_engine *, uint32_t inspector,
                         struct insp_rule_row **rows, int timeout_ms);

/* The services that were seen to answer; as insp_engine_rules(). */
size_t insp_engine_listeners(struct insp_engine *, uint32_t inspector,
                             struct insp_listener **, int timeout_ms);

/* A function, for "functions" and its row's status.
 * in + injected = out + the sum of lost + in_flight, each counted at its own
 * event; in_flight is counted last. */
struct insp_function_row {
    uint32_t inspector;
    struct insp_function_config config;
    enum insp_function_state state;
    uint64_t since_ns; /* Of the state; wall clock. */
    uint64_t in_packets, in_bytes;
    uint64_t out_packets, out_bytes;
    uint64_t injected;
    uint64_t changed; /* Came back with other addresses;
                       * fail_mode=open: a part of out. */
    uint64_t lost[INSP_N_FLIGHT_LOSSES];
    uint64_t in_flight;
    uint64_t bypassed[INSP_N_MISSES]; /* fail_mode=open: passed it by. */
    uint64_t refused[INSP_N_MISSES];  /* fail_mode=closed: dropped. */
    uint64_t probes_sent, probes_returned;
};

size_t insp_engine_functions(struct insp_engine *, uint32_t inspector,
                             struct insp_function_row *, size_t n,
                             int timeout_ms);

/* The same for packets of an imagined kind: which rule of each slot matches,
 * what comes of it, under which version.  Returns false when there is no such
 * inspector, or no answer in time. */
struct insp_explanation {
    uint32_t version; /* 0: no rules. */
    struct insp_slot_matches matches[INSP_N_SLOTS];
    struct insp_judgement judgement;
    bool tap; /* Nothing of it is carried out. */
    struct insp_policy_rule rules[2 * INSP_N_SLOTS]; /* That match. */
    size_t n_rules;
    struct insp_function_row functions[INSP_MAX_FUNCTIONS];
    size_t n_functions;
};
bool insp_engine_explain(struct insp_engine *, uint32_t inspector,
                         const struct insp_subject *,
                         struct insp_explanation *, int timeout_ms);

/* The drain, for the state of the uplinks. */
struct insp_drain *insp_engine_drain(struct insp_engine *);

/* For a crash report: what the calling worker is inspecting right now, or
 * NULL.  Async-signal-safe. */
const struct insp_frame *insp_engine_current_frame(const struct insp_engine *,
                                                   unsigned int worker);

/* The same: whose reader is at work on it, INSP_APP_NONE: none. */
enum insp_app insp_engine_current_app(const struct insp_engine *,
                                      unsigned int worker);

/* Main thread, when no worker can come any more: ends all connections,
 * sends what can be sent in 'timeout_ms', frees. */
void insp_engine_destroy(struct insp_engine *, int timeout_ms);

#endif /* engine/engine.h */
