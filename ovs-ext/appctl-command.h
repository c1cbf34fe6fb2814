/* SPDX-License-Identifier: Apache-2.0 */
/* Appctl command
 * ==============
 *
 * What a command of appctl.h is made of: a question that has been read, and
 * a function that answers it.
 *
 *     inspect/rules --json i1  -->  struct ovsext_question  --answer-->  out
 *
 * Above:    appctl.c (calls the answers), appctl-*.c (are the answers).
 * Below:    rows.h, out.h, engine/engine.h.
 * Threads:  an answer runs on a thread of its own, which counts as quiescent
 *           for RCU, and may wait for the engine.
 * Memory:   as Open vSwitch allocates; freed with the reply.
 * Time:     an answer waits for the engine at most OVSEXT_ANSWER_MS, a flush
 *           at most OVSEXT_FLUSH_MS.
 * Fails:    an answer returns the error text, which the caller frees.
 */

#ifndef OVSEXT_APPCTL_COMMAND_H
#define OVSEXT_APPCTL_COMMAND_H 1

#include <netinet/in.h>

#include "engine/engine.h"
#include "ovs-ext/out.h"
#include "ovs-ext/rows.h"
#include "svec.h"

#define OVSEXT_MAX_FLOWS 100000 /* Rows that --limit may ask for. */
#define OVSEXT_ANSWER_MS 5000   /* That the engine may take. */
#define OVSEXT_FLUSH_MS  30000

/* What the words of a command line come down to. */
struct ovsext_question {
    bool json;
    bool sort; /* The busiest first. */
    unsigned int limit;
    struct svec words; /* KEY=VALUE, of commands that take it. */
    const struct ovsext_inspector *inspector; /* In 'rows'; NULL: all. */
    uint32_t id;                              /* Of it; 0: all. */
    const struct ovsext_rows *rows;           /* As of when it was asked. */
};

/* Says the answer and returns NULL, or returns what went wrong. */
typedef char *ovsext_answer(const struct ovsext_question *,
                            struct ovsext_out *);

/* appctl-show.c */
ovsext_answer ovsext_answer_show;
ovsext_answer ovsext_answer_stats;
ovsext_answer ovsext_answer_uplinks;

/* appctl-flows.c */
ovsext_answer ovsext_answer_flows;
ovsext_answer ovsext_answer_flush;

/* The same, for who shows connections: "tcp"; an address; "10.0.0.1:80" or
 * "[::1]:80"; what a person would call the VM or port, "-": nobody knows. */
#define OVSEXT_PROTO_SIZE 8
#define OVSEXT_END_SIZE   (INET6_ADDRSTRLEN + 8)
const char *ovsext_proto_word(uint8_t proto, char buffer[OVSEXT_PROTO_SIZE]);
const char *ovsext_conn_address(const struct insp_record_connection *,
                                int side, char text[INET6_ADDRSTRLEN]);
const char *ovsext_conn_end(const struct insp_record_connection *, int side,
                            char text[OVSEXT_END_SIZE]);
const char *ovsext_port_called(const struct insp_port *);
/* An object with what is known of a port. */
void ovsext_put_end(struct ovsext_out *, const char *key,
                    const struct insp_port *, uint32_t id);

/* appctl-listeners.c */
ovsext_answer ovsext_answer_listeners;

/* appctl-coverage.c */
ovsext_answer ovsext_answer_coverage;

/* appctl-policy.c */
ovsext_answer ovsext_answer_rules;
ovsext_answer ovsext_answer_functions;

/* appctl-explain.c */
ovsext_answer ovsext_answer_explain;

/* appctl-state.c: all that the engine says of its inspectors and uplinks. */
struct ovsext_engine_state {
    struct insp_inspector_stats inspectors[INSP_MAX_INSPECTORS];
    size_t n_inspectors;
    struct insp_uplink_status uplinks[INSP_MAX_UPLINKS];
    size_t n_uplinks;
};

/* Of now; the caller frees. */
struct ovsext_engine_state *ovsext_engine_state_read(
    const struct ovsext_rows *);

/* NULL when the engine does not have it. */
const struct insp_inspector_stats *ovsext_engine_state_inspector(
    const struct ovsext_engine_state *, const struct ovsext_inspector *);
const struct insp_uplink_status *ovsext_engine_state_uplink(
    const struct ovsext_engine_state *, const struct ovsext_uplink *);

/* appctl-state.c: port ids to identities. */
struct ovsext_names;
struct ovsext_names *ovsext_names_create(const struct ovsext_port_list *);
const struct insp_port *ovsext_names_find(const struct ovsext_names *,
                                          uint32_t id); /* NULL: gone. */
void ovsext_names_destroy(struct ovsext_names *);

/* Whether a question is about an inspector. */
static inline bool
ovsext_question_concerns(const struct ovsext_question *q,
                         const struct ovsext_inspector *inspector)
{
    return !q->inspector || q->inspector == inspector;
}

#endif /* ovs-ext/appctl-command.h */
