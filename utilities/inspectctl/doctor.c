/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * Every examination looks at one thing as it is and adds findings; nothing is
 * changed.  They go from the ground up, and what cannot be looked at without
 * something below is left out when that is missing:
 *
 *     database -> schema -> rows -+-> uplinks, policy, options
 *     ovs-vswitchd ---------------+-> coverage
 *     tools, clock, crash reports
 *
 * The worst comes first in the answer, and decides the exit status. */

#include <config.h>

#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "util.h"

struct found {
    enum severity severity;
    const char *check;
    char *subject;
    char *text;
    char *advice;
};

static struct found *all;
static size_t n_found, n_allocated;

static const char *const words[] = {
    [SEVERITY_NOTE] = "note",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_ERROR] = "error",
};

void
finding(enum severity severity, const char *check, const char *subject,
        const char *advice, const char *format, ...)
{
    struct found *f;
    va_list args;

    if (n_found == n_allocated) {
        all = x2nrealloc(all, &n_allocated, sizeof *all);
    }
    f = &all[n_found++];
    f->severity = severity;
    f->check = check;
    f->subject = xstrdup(subject);
    f->advice = xstrdup(advice);
    va_start(args, format);
    f->text = xvasprintf(format, args);
    va_end(args);
}

static size_t
count(enum severity severity)
{
    size_t n = 0;

    for (size_t i = 0; i < n_found; i++) {
        n += all[i].severity == severity;
    }
    return n;
}

static void
print_text(void)
{
    static const enum severity order[] = {
        SEVERITY_ERROR,
        SEVERITY_WARNING,
        SEVERITY_NOTE,
    };

    for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
        for (size_t i = 0; i < n_found; i++) {
            const struct found *f = &all[i];

            if (f->severity == order[k]) {
                printf("%s: %s%s%s: %s\n", words[f->severity], f->check,
                       f->subject[0] ? " " : "", f->subject, f->text);
                printf("    -> %s\n", f->advice);
            }
        }
    }
    printf("%" PRIuSIZE " errors, %" PRIuSIZE " warnings, %" PRIuSIZE
           " notes\n",
           count(SEVERITY_ERROR), count(SEVERITY_WARNING),
           count(SEVERITY_NOTE));
}

static void
print_json(void)
{
    struct json *object = json_object_create();
    struct json *list = json_array_create_empty();
    char *text;

    for (size_t i = 0; i < n_found; i++) {
        struct json *one = json_object_create();

        json_object_put_string(one, "severity", words[all[i].severity]);
        json_object_put_string(one, "check", all[i].check);
        json_object_put_string(one, "subject", all[i].subject);
        json_object_put_string(one, "text", all[i].text);
        json_object_put_string(one, "advice", all[i].advice);
        json_array_add(list, one);
    }
    json_object_put(object, "findings", list);
    json_object_put(object, "errors",
                    json_integer_create(count(SEVERITY_ERROR)));
    json_object_put(object, "warnings",
                    json_integer_create(count(SEVERITY_WARNING)));
    json_object_put(object, "notes",
                    json_integer_create(count(SEVERITY_NOTE)));
    text = json_to_string(object, JSSF_SORT);
    puts(text);
    free(text);
    json_destroy(object);
}

static void
examine_rows(bool is_running)
{
    examine_bridges();
    examine_inspectors();
    examine_policy();
    examine_uplinks();
    examine_options();
    if (is_running) {
        examine_coverage();
    }
}

void
command_doctor(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    bool is_running = examine_switch();
    char *why = db_try_monitor();

    if (why) {
        finding(SEVERITY_ERROR, "database", "",
                "start ovsdb-server (\"ovs-ctl start\", or the service "
                "openvswitch-switch or ovsdb-server), or name it with "
                "--db=DATABASE",
                "%s", why);
        free(why);
    } else {
        if (examine_schema()) {
            examine_rows(is_running);
            examine_tools(db_get_remote());
        }
        db_close();
    }
    examine_crashes();
    examine_clock();
    if (option("json")) {
        print_json();
    } else {
        print_text();
    }
    exit(count(SEVERITY_ERROR) ? 2 : count(SEVERITY_WARNING) ? 1 : 0);
}
