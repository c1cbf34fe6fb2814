/* SPDX-License-Identifier: Apache-2.0 */
/* OVS compat
 * ==========
 *
 * What differs between the versions of Open vSwitch whose library
 * ovs-inspectctl is built with; see also ovs-ext/ovs-compat.h.
 *
 * Above:    utilities/inspectctl/.  Below:  libopenvswitch.
 * Threads:  no state.
 * Memory:   answers are the caller's.
 * Time:     none.
 * Fails:    as the functions do that it stands for.
 */

#ifndef INSPECTCTL_OVS_COMPAT_H
#define INSPECTCTL_OVS_COMPAT_H 1

#include "openvswitch/json.h"
#include "ovs-ext/sources.h"
#include "unixctl.h"
#include "util.h"

static inline size_t
list_size(const struct json *list)
{
#if OVSEXT_OVS_VERSION >= 40000
    return json_array_size(list);
#else
    return json_array(list)->n;
#endif
}

static inline const struct json *
list_at(const struct json *list, size_t i)
{
#if OVSEXT_OVS_VERSION >= 40000
    return json_array_at(list, i);
#else
    return json_array(list)->elems[i];
#endif
}

#if OVSEXT_OVS_VERSION >= 30500
/* An answer may be JSON since then; ours are text, which comes as a string of
 * it. */
static inline char *
text_of_answer(struct json *answer)
{
    char *text =
        (!answer                       ? NULL
         : answer->type == JSON_STRING ? xstrdup(json_string(answer))
                                       : json_to_string(answer, JSSF_SORT));

    json_destroy(answer);
    return text;
}
#endif

/* A command and its words over a control socket.  Both texts are the caller's,
 * or NULL. */
static inline int
transact(struct jsonrpc *client, const char *command, int argc, char *argv[],
         char **result, char **error)
{
#if OVSEXT_OVS_VERSION >= 30500
    struct json *result_json, *error_json;
    int retval = unixctl_client_transact(client, command, argc, argv,
                                         &result_json, &error_json);

    *result = text_of_answer(result_json);
    *error = text_of_answer(error_json);
    return retval;
#else
    return unixctl_client_transact(client, command, argc, argv, result, error);
#endif
}

#endif /* utilities/inspectctl/ovs-compat.h */
