/* SPDX-License-Identifier: Apache-2.0 */
/* Flow table
 * ==========
 *
 * Finds the connection of a packet, or begins one; counts; and, on the
 * control thread, ends connections when their time has come.
 *
 * Above:    engine/worker.c, engine/control.c.
 * Below:    flow/key.h, base/epoch.h, base/stack.h, base/wheel.h.
 * Inside:   table.c (life of the table), begin.c and count.c (workers),
 *           control.c, evict.c and report.c (control thread), quota.c,
 *           fragment.c; tcp.h follows TCP.
 * Threads:  "worker" functions: any thread that is inside the epoch with a
 *           slot of its own.  "control" functions: one thread.  No function
 *           takes a lock; worker functions allocate nothing.
 * Memory:   all taken in insp_table_create(); full means a remainder.
 * Time:     the caller's; no function here reads a clock.
 * Fails:    only insp_table_create(), with ENOMEM.
 *
 * The life of an entry:
 *
 *    free stack --begin--> chain + born stack --control--> timer wheel
 *        ^                                                     |
 *        |                              superseded, closed, idle, evicted,
 *        |                              flushed: ENDING, out of the chain
 *        |                                                     |
 *        +---- recycle <-- record <-- counters read <-- grace period
 *
 * An entry that is ENDING is invisible to lookups: the next packet begins
 * another connection.  The counters of an ended entry are final when the
 * grace period has passed, so sums over records are exact.
 */

#ifndef INSP_FLOW_TABLE_H
#define INSP_FLOW_TABLE_H 1

#include <stdatomic.h>

#include "base/compiler.h"
#include "base/epoch.h"
#include "flow/key.h"

#define INSP_NO_OWNER     UINT16_MAX
#define INSP_MOVING_OWNER (UINT16_MAX - 1) /* Between two owners. */
#define INSP_NO_CONN      UINT32_MAX

/* State bits of a connection (atomic, any worker sets them). */
enum insp_conn_state {
    INSP_CONN_ENDING = 0x01,      /* Invisible to lookups. */
    INSP_CONN_ATTENTION = 0x02,   /* On the attention stack. */
    INSP_CONN_ANSWERED = 0x04,    /* Both directions have been seen. */
    INSP_CONN_ESTABLISHED = 0x08, /* TCP: three-way handshake seen, or
                                   * picked up with data both ways; other
                                   * protocols: answered. */
    INSP_CONN_CLOSED = 0x10,      /* TCP: both FINs acknowledged, or RST. */
    INSP_CONN_NAT_SPLIT = 0x20,
    INSP_CONN_MIDSTREAM = 0x40, /* TCP: did not begin with a SYN. */
    INSP_CONN_HALF_OPEN = 0x80, /* TCP, one direction only; counted
                                 * against half_open_limit. */
};

/* Why a connection ended. */
enum insp_end_reason {
#define INSP_END(NAME, WORD, IPFIX, TEXT) INSP_END_##NAME,
#include "flow/end.def"
#undef INSP_END
    INSP_N_ENDS
};

const char *insp_end_reason_word(enum insp_end_reason);

/* Whether anybody reads what a direction says (app/dialog.h). */
enum insp_reads {
    INSP_READS_FRESH, /* It has said nothing yet. */
    INSP_READS_ON,
    INSP_READS_DONE,
};

/* One direction.  Its owner counts with relaxed loads and stores; no other
 * thread stores to 'packets', 'bytes' and the TCP sequence.  Later changes of
 * 'owner' are the control thread's.
 *
 * How the owner stays the only one:
 *
 * - INSP_NO_OWNER: no packet yet.  A worker takes it by compare and swap.
 * - To move it, the control thread stores INSP_MOVING_OWNER, waits a grace
 *   period, and stores the new owner (release).  In between everyone counts
 *   foreign.  The old owner's last store comes before it leaves the epoch
 *   (release), that before the control thread sees the grace period over
 *   (acquire), that before the new owner reads 'owner' (acquire): so the new
 *   one goes on from the old one's last value.
 * - A slot may pass to another thread.  The host gives it a happens-before
 *   edge (a lock, a join) from the old thread's last leave to the new one's
 *   first enter; then the slot counts as one thread. */
struct insp_flow {
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes;
    _Atomic uint64_t first_ns; /* 0: no packet yet. */
    _Atomic uint64_t last_ns;
    _Atomic uint64_t judgement;     /* Of its packets, in the terms of
                                     * who judges; 0: none yet.  Whoever
                                     * judges last stores it. */
    _Atomic uint32_t alert;         /* The same; the next report has it,
                                     * once. */
    _Atomic uint32_t port;          /* Port id that it comes in by. */
    _Atomic uint32_t seq_next;      /* TCP: highest sequence + 1. */
    _Atomic uint32_t retransmitted; /* TCP: segments seen again. */
    _Atomic uint16_t out_of_order;  /* TCP: gaps; saturates. */
    _Atomic uint16_t owner;         /* Worker slot, or INSP_NO_OWNER. */
    _Atomic uint8_t tcp_flags;      /* Union of all flags seen; or'ed by
                                     * any worker. */
    _Atomic uint8_t reads;          /* enum insp_reads. */
    _Atomic uint8_t told;           /* Of side 0: how often what rules look
                                     * at has changed; wraps. */
} INSP_LINE_ALIGNED;

_Static_assert(sizeof(struct insp_flow) == INSP_CACHE_LINE,
               "a direction is one line");

struct insp_conn {
    /* Line 0: read for every packet, written when the entry begins. */
    _Atomic uint32_t next; /* In the chain. */
    uint32_t hash;
    struct insp_key key;
    _Atomic uint8_t state; /* enum insp_conn_state. */
    uint8_t initiator;     /* Side that sent first: 0 or 1; of a
                            * SYN with ACK, the other one. */
    uint8_t end_reason;    /* Control thread. */
    _Atomic uint8_t app;   /* enum insp_app; who reads it. */

    /* Lines 1 and 2: one direction each, index = sending side. */
    struct insp_flow flow[2];

    /* Line 3: seldom touched. */
    _Atomic uint64_t foreign_packets[2]; /* Counted by workers that do */
    _Atomic uint64_t foreign_bytes[2];   /* not own the direction. */
    _Atomic uint64_t ack_ns; /* TCP: third step of the handshake. */
    uint32_t life;           /* How often this entry has begun:
                              * index and life name a connection
                              * for good. */
    uint32_t quota_slot;     /* Of the port that began it. */
    _Atomic uint32_t link;   /* Free or born stack. */
    _Atomic uint32_t attention_link;
    _Atomic uint16_t claim; /* Worker that wants to own a flow:
                             * slot << 1 | side. */
    uint8_t icmp_type;      /* Of the query, or the first packet. */
    uint8_t icmp_code;
    _Atomic uint32_t dialog; /* What is read of it: in the terms of
                              * who reads; 0: nothing. */
} INSP_LINE_ALIGNED;

_Static_assert(sizeof(struct insp_conn) == 4 * INSP_CACHE_LINE,
               "an entry is four lines");

/* Whether a packet that 'side' sends goes to another port than is known of the
 * connection; 0: it is not known where to. */
static inline bool
insp_conn_goes_elsewhere(const struct insp_conn *conn, unsigned int side,
                         uint32_t out_port)
{
    return out_port && out_port != INSP_READ(conn->flow[!side].port);
}

/* When the connection began, by the first packet of whoever was seen first:
 * met in the middle, who began it may speak later, or never.  It never
 * changes. */
static inline uint64_t
insp_conn_first_ns(const struct insp_conn *conn)
{
    uint64_t a = INSP_READ(conn->flow[0].first_ns);
    uint64_t b = INSP_READ(conn->flow[1].first_ns);

    return !a || (b && b < a) ? b : a;
}

/* Control: when the last packet of either direction came; monotonic. */
static inline uint64_t
insp_conn_last_ns(const struct insp_conn *conn)
{
    uint64_t a = INSP_READ(conn->flow[0].last_ns);
    uint64_t b = INSP_READ(conn->flow[1].last_ns);

    return INSP_MAX(a, b);
}

/* Control: what 'side' has sent since the connection began, counted by its
 * owner and by others. */
static inline void
insp_conn_total(const struct insp_conn *conn, unsigned int side,
                uint64_t *packets, uint64_t *bytes)
{
    *packets = INSP_READ(conn->flow[side].packets) +
               INSP_READ(conn->foreign_packets[side]);
    *bytes = INSP_READ(conn->flow[side].bytes) +
             INSP_READ(conn->foreign_bytes[side]);
}

struct insp_table_config {
    uint32_t flow_limit;      /* Connections; remainders are extra. */
    uint32_t half_open_limit; /* 0: flow_limit / 4. */
    uint32_t port_quota;      /* Connections that one port may have
                               * begun; 0: no quota. */
    uint64_t idle_timeout_ns;
    uint64_t active_timeout_ns;
    uint64_t half_open_timeout_ns; /* 0: min(idle, 5 s). */
    uint64_t closed_linger_ns;     /* 0: 1 s. */
    struct insp_hash_key secret;
};

struct insp_table;

/* Bytes that a table of that configuration takes. */
size_t insp_table_size(const struct insp_table_config *);

/* Bytes of it that the kernel still owes (base/memory.h). */
uint64_t insp_table_untouched(const struct insp_table *);

/* ENOMEM also for a table larger than the machine's memory, which the kernel
 * might promise and not be able to give. */
int insp_table_create(const struct insp_table_config *, struct insp_epoch *,
                      struct insp_table **) INSP_MUST_USE;

/* What a worker says of a packet that it counts. */
struct insp_flow_packet {
    uint64_t now_ns; /* Monotonic, of the batch. */
    uint32_t wire_size;
    uint32_t in_port;      /* Port id, 0: unknown. */
    uint32_t out_port;     /* The same; the port of the other direction
                            * until that has a packet of its own. */
    uint32_t payload_size; /* TCP. */
    uint32_t tcp_seq;
    uint16_t worker; /* Slot. */
    uint8_t tcp_flags;
    uint8_t icmp_type;
    uint8_t icmp_code;
    bool is_tcp; /* And no later fragment. */
    bool nat_split;
};

/* Worker: the connection of 'key', found or begun with this packet (whose
 * sending side is 'side').  A SYN on a closed connection, or another port
 * behind the same address in a zone that does not name ports (EXPLICIT,
 * BRIDGE), supersedes the old one.  Returns NULL and sets '*why' when there is
 * none to be had: TABLE_FULL (also: too many half-open ones, or a chain too
 * long) or QUOTA.  Valid until the worker leaves the epoch.  Does not count
 * the packet: the caller does, exactly once. */
struct insp_conn *insp_table_get(struct insp_table *, const struct insp_key *,
                                 uint32_t hash, unsigned int side,
                                 const struct insp_flow_packet *,
                                 enum insp_remainder *why);

/* Worker: the same, found only: NULL when one would have to begin. */
struct insp_conn *insp_table_find(struct insp_table *, const struct insp_key *,
                                  uint32_t hash, unsigned int side,
                                  const struct insp_flow_packet *);

/* Worker: the remainder of 'key' (insp_key_remainder()), found or begun, or
 * NULL when even their reserve is used up. */
struct insp_conn *insp_table_get_remainder(struct insp_table *,
                                           const struct insp_key *,
                                           uint32_t hash,
                                           const struct insp_flow_packet *);

/* Worker: counts one packet of 'side' on 'conn' and follows TCP. */
void insp_table_count(struct insp_table *, struct insp_conn *,
                      unsigned int side, const struct insp_flow_packet *);

/* Worker: counts several packets on a remainder, of which the last one came
 * with 'now_ns' and 'worker' of the description. */
void insp_table_count_sum(struct insp_table *, struct insp_conn *,
                          const struct insp_flow_packet *, uint64_t packets,
                          uint64_t bytes);

/* Worker: remembers protocol and ports (or ICMP type, code, id) of a first
 * fragment, or finds those of a later one and sets them in the packet (by
 * zone, addresses, protocol and IP id; RFC 791, 8200).  Shared by all workers,
 * fixed size, forgets after 30 s or when overwritten. */
void insp_table_fragment_note(struct insp_table *, const struct insp_packet *,
                              const struct insp_zone *, uint64_t now_ns);
bool insp_table_fragment_find(struct insp_table *, struct insp_packet *,
                              const struct insp_zone *, uint64_t now_ns);

/* What an ended or running connection has to report since its last report:
 * final and exact when 'final'. */
struct insp_conn_report {
    struct insp_conn *conn; /* Valid until the next call. */
    uint32_t index;
    bool final;
    enum insp_end_reason reason;
    uint64_t packets[2]; /* By side, since the last report. */
    uint64_t bytes[2];
    uint32_t alert[2]; /* By side; 0: none since then. */
};

/* Any: the place of an entry; the same for as long as the table lives. */
uint32_t insp_table_index(const struct insp_table *, const struct insp_conn *);

/* Worker: something about the connection is to be reported soon, not only
 * when its time has come. */
void insp_table_report_soon(struct insp_table *, struct insp_conn *);

/* Control: does all that is due at 'now_ns': takes in new connections, moves
 * owners, turns the wheel, evicts ahead of need, recycles what has been
 * reported.  Call it every millisecond to 100 ms, less than 100 ms apart
 * while there is traffic. */
void insp_table_maintain(struct insp_table *, uint64_t now_ns);

/* Control: when no packet comes and all reports have been taken, the next
 * maintain before this time does nothing. */
uint64_t insp_table_due_ns(const struct insp_table *);

/* Control: the next report, until false.  Call after each maintain until it
 * returns false, or stop early and go on later: what is not taken waits and
 * is not recycled. */
bool insp_table_next_report(struct insp_table *,
                            struct insp_conn_report *) INSP_MUST_USE;

/* Control: ends every connection (INSP_END_FLUSHED), or those that a port is
 * part of (INSP_END_DETACHED; pass a predicate for a set of dead ports).
 * Their reports come after the next two maintains and a grace period.  A port
 * must be dead to the workers, and a grace period over, before its
 * connections are ended, or one may begin just behind the walk.  Both walk
 * all entries ever used: end many ports at once. */
void insp_table_flush(struct insp_table *);
void insp_table_end_ports(struct insp_table *,
                          bool (*is_dead)(const void *aux, uint32_t port_id),
                          const void *aux);

/* Control: true when nothing is alive, ending or waiting to be reported; to be
 * asked when no worker is inside. */
bool insp_table_is_empty(const struct insp_table *);

struct insp_table_stats {
    uint32_t flow_limit;
    uint32_t connections; /* Live as the control thread knows,
                           * remainders not counted. */
    uint32_t half_open;
    uint32_t remainders;
    uint64_t begun;
    uint64_t ended[INSP_N_ENDS];
    uint64_t refused[INSP_N_REMAINDERS]; /* TABLE_FULL, QUOTA. */
    uint64_t foreign_packets;            /* Counted on the slow path. */
    uint64_t owner_moves;
    uint64_t misplaced; /* Entries that were not in their chain
                         * when they ended: 0, or a fault here. */
    size_t bytes;       /* Of memory. */
};

/* Any thread. */
void insp_table_get_stats(const struct insp_table *,
                          struct insp_table_stats *);

/* A connection as it was for a moment. */
struct insp_conn_copy {
    struct insp_conn conn; /* 'packets' and 'bytes' include what
                            * others than the owner counted. */
    uint64_t packets[2];   /* By side, not reported yet. */
    uint64_t bytes[2];
};

/* Control: copies of up to 'n' live entries from position '*at' on (0 at
 * first), for "flows"; returns how many and moves '*at'; 0 at the end. */
size_t insp_table_list(const struct insp_table *, uint32_t *at,
                       struct insp_conn_copy *copies, size_t n);

/* Control: frees.  No worker may reach the table any more. */
void insp_table_destroy(struct insp_table *);

/* Any thread: how many more connections find an entry, as the control thread
 * knows: exact after a maintain without traffic. */
uint32_t insp_table_n_free(const struct insp_table *);

#endif /* flow/table.h */
