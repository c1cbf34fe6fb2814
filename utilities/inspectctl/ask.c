/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * ovs-vswitchd is asked over its control socket, as ovs-appctl does: a command
 * and words there, a text back.  What it says is printed as it is, or, where
 * it goes beside columns of the database, read as JSON. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "dirs.h"
#include "inspectctl.h"
#include "jsonrpc.h"
#include "ovs-compat.h"
#include "unixctl.h"
#include "util.h"

static const char *target = "ovs-vswitchd";

void
ask_set_target(const char *name)
{
    target = name;
}

const char *
ask_get_target(void)
{
    return target;
}

/* The control socket, or NULL and why not in '*error'. */
static char *
socket_of_target(char **error)
{
    char *pidfile, *path = NULL;
    pid_t pid;

    *error = NULL;
    if (target[0] == '/') {
        return xstrdup(target);
    }
    pidfile = xasprintf("%s/%s.pid", ovs_rundir(), target);
    pid = read_pidfile(pidfile);
    if (pid < 0) {
        *error = xasprintf("cannot reach %s: is it running? (%s: %s)", target,
                           pidfile, ovs_strerror(-pid));
    } else {
        path =
            xasprintf("%s/%s.%ld.ctl", ovs_rundir(), target, (long int) pid);
    }
    free(pidfile);
    return path;
}

/* What the error of a command comes down to. */
static char *
refusal(const char *path, char *text)
{
    if (strstr(text, "is not a valid command")) {
        return xasprintf("ovs-vswitchd at %s cannot inspect: it has been "
                         "built (or started) without the inspector",
                         path);
    }
    text[strcspn(text, "\n")] = '\0';
    return xstrdup(text);
}

/* The answer, or NULL and why not in '*error'. */
char *
try_to_ask(const char *command, const struct svec *args, char **error)
{
    char *path = socket_of_target(error);
    char *result = NULL, *refused = NULL;
    struct jsonrpc *client;
    int retval;

    if (!path) {
        return NULL;
    }
    retval = unixctl_client_create(path, &client);
    if (retval) {
        *error = xasprintf("cannot reach ovs-vswitchd at %s: is it running? "
                           "(%s)",
                           path, ovs_strerror(retval));
        free(path);
        return NULL;
    }
    retval =
        transact(client, command, args->n, args->names, &result, &refused);
    if (retval) {
        *error = xasprintf("%s: ovs-vswitchd did not answer (%s)", path,
                           ovs_retval_to_string(retval));
    } else if (refused) {
        *error = refusal(path, refused);
    }
    free(refused);
    jsonrpc_close(client);
    free(path);
    return result;
}

char *
ask(const char *command, const struct svec *args)
{
    char *error;
    char *answer = try_to_ask(command, args, &error);

    if (error) {
        fail("%s", error);
    }
    return answer;
}

struct json *
ask_if_running(const char *command, const struct svec *args)
{
    char *error;
    char *answer = try_to_ask(command, args, &error);
    struct json *json = NULL;

    if (!error) {
        json = json_from_string(answer);
        if (json->type != JSON_OBJECT) {
            json_destroy(json);
            json = NULL;
        }
    }
    free(answer);
    free(error);
    return json;
}

/* "show", "flows", ...: what ovs-vswitchd says is what is printed. */
void
command_ask(int argc, char *argv[])
{
    char *command = xasprintf("inspect/%s", argv[0]);
    struct svec args = SVEC_EMPTY_INITIALIZER;
    char *answer;

    if (option("json")) {
        svec_add(&args, "--json");
    }
    if (option("sort")) {
        svec_add(&args, "--sort");
    }
    if (option("limit")) {
        svec_add_nocopy(&args, xasprintf("--limit=%s", option("limit")));
    }
    for (int i = 1; i < argc; i++) {
        svec_add(&args, argv[i]);
    }
    answer = ask(command, &args);
    fputs(answer, stdout);
    free(answer);
    svec_destroy(&args);
    free(command);
}

double
json_number_of(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return (!value                        ? 0
            : value->type == JSON_INTEGER ? (double) value->integer
            : value->type == JSON_REAL    ? value->real
                                          : 0);
}

const char *
json_text_of(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return value && value->type == JSON_STRING ? json_string(value) : "";
}

const struct json *
json_list_of(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return value && value->type == JSON_ARRAY ? value : NULL;
}
