/* SPDX-License-Identifier: Apache-2.0 */
/* Record
 * ======
 *
 * One exported fact, as it travels from the control thread to the exporter.
 * record.def says what each field is called in IPFIX and in JSON.
 *
 * Above:    export/, engine/control.c.   Below:  flow/, rule/, base/ring.h.
 * Threads:  a record belongs to who holds it; the ring passes it on.
 * Memory:   fixed size, plain values; owns what 'port' points to, and a
 *           reference to 'app.values'.
 * Time:     wall clock in nanoseconds since 1970, converted from the
 *           packet's monotonic time when the record is filled.
 * Fails:    never.
 */

#ifndef INSP_RECORD_RECORD_H
#define INSP_RECORD_RECORD_H 1

#include "flow/port.h"
#include "flow/table.h"
#include "record/values.h"
#include "rule/policy.h"

enum insp_record_type {
    INSP_RECORD_CONNECTION, /* Biflow, RFC 5103. */
    INSP_RECORD_REMAINDER,  /* Packets without a connection. */
    INSP_RECORD_SENSOR,     /* Statistics with the conservation terms. */
    INSP_RECORD_LOSS,       /* Records that an uplink had to drop. */
    INSP_RECORD_PORT,       /* Identity of a port id, before its use. */
    INSP_RECORD_PORT_GONE,  /* No later record names the port id. */
    INSP_RECORD_APP,        /* What a protocol's reader has found. */
    INSP_RECORD_RESTART,    /* What the process before this one lost. */
    INSP_N_RECORD_TYPES
};

const char *insp_verdict_word(enum insp_verdict_kind);

const char *insp_port_role_word(enum insp_port_role);

/* Longer names that DHCP gives to addresses are not kept. */
#define INSP_HOST_SIZE 40

/* How much metadata is sent. */
enum insp_step {
#define INSP_STEP(NAME, WORD, TEXT) INSP_STEP_##NAME,
#include "record/step.def"
#undef INSP_STEP
    INSP_N_STEPS
};

const char *insp_step_word(enum insp_step);

/* How deep packets are inspected. */
enum insp_depth {
#define INSP_DEPTH(NAME, WORD, TEXT) INSP_DEPTH_##NAME,
#include "record/depth.def"
#undef INSP_DEPTH
    INSP_N_DEPTHS
};

const char *insp_depth_word(enum insp_depth);

/* Packets and bytes are since the last report of the same connection;
 * index 0 is from the initiator (the source), 1 from the responder. */
struct insp_record_connection {
    uint64_t flow_id; /* The same in all reports; < 2^53. */
    uint64_t start_ns;
    uint64_t end_ns; /* Of the last packet. */
    uint64_t packets[2];
    uint64_t bytes[2];
    uint8_t addr[2][16]; /* IPv4 as ::ffff:a.b.c.d. */
    uint16_t l4_port[2];
    uint32_t port_id[2]; /* 0: unknown. */
    struct insp_zone zone;
    uint32_t rtt_us[2]; /* Handshake: to the initiator [0], to the
                         * responder [1]; 0: not measured. */
    uint32_t retransmitted[2];
    uint16_t out_of_order[2];
    uint32_t policy_version;
    uint8_t ip_version;
    uint8_t proto;
    uint8_t tcp_flags[2];
    uint8_t icmp_type;
    uint8_t icmp_code;
    uint8_t state;                /* enum insp_conn_state bits. */
    uint8_t end_reason;           /* enum insp_end_reason; NONE: interim. */
    uint8_t verdict;              /* enum insp_verdict_kind. */
    uint8_t slot;                 /* Of 'rule'. */
    uint8_t alert;                /* 1: says only that 'rule' has matched. */
    uint8_t step;                 /* enum insp_step;
                                   * above CONNECTIONS a sum of several. */
    uint32_t n_connections;       /* Ended ones that the record speaks of. */
    uint8_t app;                  /* enum insp_app; who it is read as. */
    bool intra_host;              /* Both ends are VM ports of this host. */
    char host[2][INSP_HOST_SIZE]; /* Names by DHCP; "": none. */
    char rule[INSP_NAME_SIZE];    /* That decided; "": none did. */
};

/* Counts nothing: packets and bytes are 0. */
struct insp_record_app {
    struct insp_record_connection conn; /* First: 'conn' of the record. */
    struct insp_values *values;         /* A reference. */
};

/* The reason of what no entry was free for: behind all that the table will
 * ever have, so that a new one does not move it for receivers. */
#define INSP_REASON_CATCH_ALL 255

struct insp_record_remainder {
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t packets;
    uint64_t bytes;
    uint32_t port_id[2]; /* In, out; 0: unknown. */
    struct insp_zone zone;
    uint16_t ethertype;
    uint8_t reason; /* enum insp_remainder or
                     * INSP_REASON_CATCH_ALL. */
};

/* seen = inspected + skipped + lost, each counted at its own event. */
struct insp_record_sensor {
    uint64_t seen_packets, seen_bytes;
    uint64_t inspected_packets, inspected_bytes;
    uint64_t skipped_packets;
    uint64_t lost_packets;
    uint64_t dropped_packets; /* By verdict; a part of inspected. */
    uint64_t begun, ended, evicted;
    uint32_t connections;
    uint32_t flow_limit;
    uint32_t incarnation;     /* Random, new with each process. */
    uint64_t shallow_packets; /* Inspected at less than full depth. */
    uint8_t depth;            /* enum insp_depth. */
};

struct insp_record_loss {
    uint64_t records;
    uint64_t packets; /* That the lost records spoke of. */
    uint64_t bytes;
    uint64_t since_ns;
};

/* Of one uplink. */
struct insp_record_restart {
    uint64_t lost;      /* Records that were not in the spool. */
    uint64_t recovered; /* That were. */
    uint64_t since_ns;  /* Of the last record: what connections
                         * counted since then is lost. */
    uint64_t last_ns;   /* When the last process was seen alive. */
    uint32_t incarnation;
    uint32_t previous; /* Of that process. */
};

struct insp_record {
    uint8_t type;       /* enum insp_record_type. */
    uint32_t inspector; /* Inspector.id. */
    uint64_t time_ns;   /* When it was made. */
    union {
        struct insp_record_connection conn; /* APP as well. */
        struct insp_record_app app;
        struct insp_record_remainder remainder;
        struct insp_record_sensor sensor;
        struct insp_record_loss loss;
        struct insp_record_restart restart;
        struct insp_port *port; /* PORT: malloc'ed, owned. */
        uint32_t port_id;       /* PORT_GONE. */
    };
};

/* The port ids that a record names (two of them), or NULL: none. */
const uint32_t *insp_record_port_ids(const struct insp_record *);

/* Frees what the record owns. */
void insp_record_uninit(struct insp_record *);

/* The Community ID v1 of a connection ("1:" and base64 of a SHA-1), into a
 * buffer of at least 31 bytes; "" for what has none. */
#define INSP_COMMUNITY_ID_SIZE 32
void insp_community_id(const struct insp_record_connection *, uint16_t seed,
                       char *text);

#endif /* record/record.h */
