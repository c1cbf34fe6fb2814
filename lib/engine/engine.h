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

#include "base/host.h"
#include "export/drain.h"
#include "record/record.h"
#include "rule/policy.h"

#define INSP_BATCH_MAX 32

/* What the action, or automatic insertion, says of a batch. */
enum insp_context_flag {
    INSP_CONTEXT_TAP = 0x01,            /* No verdict may touch it. */
    INSP_CONTEXT_AUTO = 0x02,           /* Inserted, not written in a flow. */
    INSP_CONTEXT_FLOOD = 0x04,          /* One copy of several. */
    INSP_CONTEXT_NAT_SPLIT = 0x08,      /* The translation was cleared. */
};

struct insp_context {
    uint32_t inspector;                 /* Inspector.id. */
    uint32_t flags;                     /* enum insp_context_flag. */
    uint32_t in_port;                   /* Port ids; 0: none or unknown. */
    uint32_t out_port;
    struct insp_zone zone;
};

/* The original direction before NAT, when connection tracking knows it. */
struct insp_nat_tuple {
    uint8_t src[16];                    /* 4 or 16 bytes, by 'ip_version'. */
    uint8_t dst[16];
    uint16_t src_port;                  /* Host order. */
    uint16_t dst_port;
    uint8_t ip_version;
    uint8_t proto;
    bool reply;                         /* The packet is of the other one. */
};

struct insp_frame {
    const void *data;                   /* From the Ethernet header on. */
    uint32_t size;                      /* Bytes at 'data'. */
    uint32_t wire_size;                 /* Bytes of the packet. */
    const struct insp_nat_tuple *nat;   /* NULL: not translated. */
};

enum insp_skip {                        /* Deliberately not inspected. */
#define INSP_SKIP(NAME, WORD, TEXT) INSP_SKIP_##NAME,
#define INSP_LOST(NAME, WORD, TEXT)
#include "engine/event.def"
#undef INSP_SKIP
#undef INSP_LOST
    INSP_N_SKIPS
};

enum insp_lost {                        /* Should have been, could not. */
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
enum insp_mode { INSP_MODE_TAP, INSP_MODE_INLINE };
enum insp_fail_mode { INSP_FAIL_OPEN, INSP_FAIL_CLOSED };

struct insp_inspector_config {
    char name[INSP_NAME_SIZE];
    uint32_t id;
    bool enabled;
    enum insp_mode mode;
    enum insp_fail_mode fail_mode;
    uint32_t flow_limit;
    uint32_t half_open_limit;           /* 0: flow_limit / 4. */
    uint32_t port_quota;                /* 0: none. */
    uint32_t active_timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t pickup_time_ms;
    uint32_t statistics_interval_ms;    /* Of sensor records. */
    const struct insp_policy_rule *rules;
    size_t n_rules;
};

struct insp_engine_config {
    char sensor[INSP_NAME_SIZE];        /* Open_vSwitch system-id. */
    const struct insp_inspector_config *inspectors;
    size_t n_inspectors;                /* <= INSP_MAX_INSPECTORS. */
    const struct insp_port *ports;
    size_t n_ports;
    const struct insp_uplink_config *uplinks;
    size_t n_uplinks;
};

struct insp_engine;

/* Main thread: starts the control and the exporter thread. */
int insp_engine_create(const struct insp_host *, struct insp_engine **)
    INSP_MUST_USE;

/* Main thread: hands a whole new configuration over (a copy) and returns its
 * serial number at once, or 0 when memory is out and the old one stays. */
uint64_t insp_engine_apply(struct insp_engine *,
                           const struct insp_engine_config *) INSP_MUST_USE;

/* Any thread: the serial number that is in force; every packet whose batch
 * begins from now on is judged by it. */
uint64_t insp_engine_applied(const struct insp_engine *);

/* Worker: inspects 'n' frames (<= INSP_BATCH_MAX) of one context and says
 * what is to happen to each.  Returns true when all are to be allowed.  No
 * lock, no allocation, no log, no system call. */
bool insp_worker_run(struct insp_engine *, unsigned int worker,
                     const struct insp_context *, const struct insp_frame *,
                     size_t n, uint64_t now_ns, struct insp_verdict *);

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
    char error[256];                    /* "": in force. */
    uint64_t seen_packets, seen_bytes;
    uint64_t inspected_packets, inspected_bytes;
    uint64_t skipped[INSP_N_SKIPS];     /* Packets. */
    uint64_t lost[INSP_N_LOSTS];
    uint64_t verdicts[4];               /* By enum insp_verdict_kind. */
    uint64_t facts[INSP_N_PACKET_FACTS];
    uint64_t catch_all_packets;         /* Remainders without an entry. */
    struct insp_table_stats table;
    uint32_t policy_version;
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

/* The drain, for the state of the uplinks. */
struct insp_drain *insp_engine_drain(struct insp_engine *);

/* For a crash report: what the calling worker is inspecting right now, or
 * NULL.  Async-signal-safe. */
const struct insp_frame *insp_engine_current_frame(const struct insp_engine *,
                                                   unsigned int worker);

/* Main thread, when no worker can come any more: ends all connections,
 * sends what can be sent in 'timeout_ms', frees. */
void insp_engine_destroy(struct insp_engine *, int timeout_ms);

#endif /* engine/engine.h */
