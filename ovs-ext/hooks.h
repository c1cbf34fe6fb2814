/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks
 * =====
 *
 * All that the patched files of Open vSwitch see of the extension (besides
 * two files that become part of one of theirs: inside-ofp-actions.h and
 * inside-xlate.h).
 *
 *     lib/odp-util.c        text of the datapath action
 *     lib/odp-execute.c     runs it
 *     lib/dpif.c            keeps a dropped packet from being freed twice,
 *                           says that a port's number has changed hands
 *     ofproto/...           frozen state, refusal, revalidation
 *     vswitchd/bridge.c     hands the database over, each turn
 *
 * Above:    patched files.         Below:  the rest of ovs-ext/.
 * Threads:  said at each function.
 * Memory:   as Open vSwitch does.
 * Time:     none.
 * Fails:    as said.
 */

#ifndef OVSEXT_HOOKS_H
#define OVSEXT_HOOKS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;
struct dp_packet_batch;
struct dpif;
struct ds;
struct hmap;
struct nlattr;
struct ofpact;
struct ofpbuf;
struct ovs_list;
struct ovsdb_idl;
struct parse_odp_context;

/* What a translation must still know when it resumes after recirculation.
 * No padding: compared and hashed as bytes. */
#define OVSEXT_MAX_MET 8

enum ovsext_frozen_flags {
    OVSEXT_FROZEN_INGRESS = 1 << 0,   /* 'in_...' are set. */
    OVSEXT_FROZEN_NAT_SPLIT = 1 << 1, /* A translation was forgotten. */
    OVSEXT_FROZEN_FLOOD = 1 << 2,     /* A copy of a flood... */
    OVSEXT_FROZEN_MIRROR = 1 << 3,    /* ... or for a mirror. */
};

struct ovsext_frozen {
    uint32_t met[OVSEXT_MAX_MET]; /* Inspectors that the packet has
                                   * met; 0: free. */
    uint32_t in_xport[4];         /* UUID of the port that it came in
                                   * by: Open vSwitch forgets it when
                                   * in_port is no port. */
    uint32_t in_key;              /* Tunnel key that it came in with. */
    uint16_t in_vid;              /* VLAN id that it came in with. */
    uint16_t flags;               /* OVSEXT_FROZEN_*. */
};

/* lib/odp-util.c.  Any thread. */
typedef int ovsext_parse_list_func(struct parse_odp_context *, const char *,
                                   struct ofpbuf *);
void ovsext_format_odp(struct ds *, const struct nlattr *,
                       const struct hmap *portno_names);
int ovsext_parse_odp(const char *, struct parse_odp_context *,
                     ovsext_parse_list_func *, struct ofpbuf *);

/* lib/odp-execute.c.  Any thread.  Runs an inspect action, which is at the
 * beginning of the 'left' bytes that are left of its list, on 'batch', and
 * takes the packets out of it that were dropped or sent elsewhere: they are
 * gone whoever owned them, as with every action that shrinks a batch. */
typedef void ovsext_execute_func(void *dp, struct dp_packet_batch *,
                                 const struct nlattr *action, bool steal);
void ovsext_execute(void *dp, struct dp_packet_batch *,
                    const struct nlattr *inspect, size_t left,
                    ovsext_execute_func *);

/* lib/dpif.c.  A port of a datapath with that number is about to go, or has
 * come: what is kept for packets that are in a function, and would go out by
 * that number, is void.  Any thread. */
void ovsext_port_changed(odp_port_t);

/* lib/dpif.c.  Between the two, the actions run on a copy of a packet of a
 * userspace datapath, because its owner frees the packet by itself. */
struct dp_packet *ovsext_help_begin(const struct dpif *, struct dp_packet *);
void ovsext_help_end(struct dp_packet_batch *, struct dp_packet *);

/* ofproto/ofproto-dpif.c.  Main thread (and, for flows that are learned,
 * any).  'supported' is dpif_backer_support.inspect of the bridge.  Changed
 * is true once for each view that was put in force since '*serial', which it
 * brings up to date. */
bool ovsext_datapath_can_inspect(const struct dpif *);
bool ovsext_refuse_actions(bool supported, const char *bridge,
                           const struct ofpact *, size_t ofpacts_len);
bool ovsext_refuse_buckets(bool supported, const char *bridge,
                           const struct ovs_list *buckets);
bool ovsext_view_changed(uint64_t *serial);

/* ofproto/ofproto-dpif.c.  Main thread.  Between the two it closes a handle
 * of a datapath, which must be the last one. */
void ovsext_datapath_close_begin(void);
void ovsext_datapath_close_end(void);

/* vswitchd/bridge.c.  Main thread.  Init comes after Open vSwitch has said
 * which columns it does not want (so that ours may be taken out: the
 * configuration thread reads them over a connection of its own to the same
 * 'remote', see rows.c).  Run, before it runs its bridges, starts that thread
 * when there is a first inspector, and answers commands; wait wakes when there
 * is another view.  Exit, when no bridge and no datapath is left, ends the
 * thread and the engine. */
void ovsext_bridge_init(struct ovsdb_idl *, const char *remote);
void ovsext_bridge_run(struct ovsdb_idl *);
void ovsext_bridge_wait(struct ovsdb_idl *);
void ovsext_exit(void);

#endif /* ovs-ext/hooks.h */
