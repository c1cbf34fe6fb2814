/* SPDX-License-Identifier: Apache-2.0 */
/* Out
 * ===
 *
 * One description, two forms: indented lines for people, JSON for programs.
 * A command describes what it has to say once, in order, and gets either.
 *
 *     ovsext_out_list(&out, "inspectors");
 *     ovsext_out_item(&out, "inspector %s", name);   inspector i1
 *     ovsext_out_number(&out, "id", 1);                  id: 1
 *     ovsext_out_end(&out);
 *     ovsext_out_end(&out);
 *
 * Above:    ovs-ext/appctl.c.      Below:  libopenvswitch: json.
 * Threads:  one.
 * Memory:   grows with what is said.
 * Time:     none.
 * Fails:    never; text that is no UTF-8 is mended.
 */

#ifndef OVSEXT_OUT_H
#define OVSEXT_OUT_H 1

#include "openvswitch/compiler.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"

#define OVSEXT_OUT_DEPTH 8

struct ovsext_out {
    bool json;
    struct ds text; /* The lines so far. */
    unsigned int indent;
    struct json *stack[OVSEXT_OUT_DEPTH]; /* What is open, outermost
                                           * first. */
    bool indents[OVSEXT_OUT_DEPTH];       /* Whether its end ends an indent. */
    size_t depth;
};

void ovsext_out_init(struct ovsext_out *, bool json);

/* Opens a list in the innermost object, an object in the innermost list
 * (with a heading, as text), or an object in the innermost object. */
void ovsext_out_list(struct ovsext_out *, const char *key);
void ovsext_out_item(struct ovsext_out *, const char *heading, ...)
    OVS_PRINTF_FORMAT(2, 3);
void ovsext_out_group(struct ovsext_out *, const char *key);
void ovsext_out_end(struct ovsext_out *);

/* A member of the innermost object.  An empty or missing text is left out. */
void ovsext_out_text(struct ovsext_out *, const char *key, const char *);
void ovsext_out_number(struct ovsext_out *, const char *key, uint64_t);
void ovsext_out_real(struct ovsext_out *, const char *key, double);
void ovsext_out_bool(struct ovsext_out *, const char *key, bool);

/* A line that is in the text only. */
void ovsext_out_line(struct ovsext_out *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* The whole; the caller frees it. */
char *ovsext_out_finish(struct ovsext_out *);

#endif /* ovs-ext/out.h */
