/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * enable and disable: the bridge gets or loses the reference to an inspector,
 * and with enable come the inspector and the uplink, if there are none yet. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "inspectctl.h"
#include "smap.h"
#include "util.h"

/* The change, and what becomes of it. */
struct change {
    const char *bridge;
    bool enable;
    char *name; /* Of the inspector; NULL: none. */
    struct raised raised;
};

/* The lowest id that no row has. */
static int64_t
free_inspector_id(void)
{
    const struct ovsrec_inspector *inspector;
    int64_t id = 1;
    bool taken;

    do {
        taken = false;
        OVSREC_INSPECTOR_FOR_EACH(inspector, the_idl)
        {
            if (inspector->id == id) {
                taken = true;
                id++;
                break;
            }
        }
    } while (taken);
    return id;
}

/* Whom "enable" is about: who is named, or who works there already, or the
 * default one. */
static const struct ovsrec_inspector *
choose_inspector(const struct ovsrec_bridge *bridge, const char **name)
{
    *name = option("inspector");
    if (*name) {
        return find_inspector(*name);
    }
    if (bridge->n_inspectors > 1) {
        fail("bridge \"%s\" has %" PRIuSIZE " inspectors: say which with "
             "--inspector=NAME",
             bridge->name, bridge->n_inspectors);
    } else if (bridge->n_inspectors) {
        *name = bridge->inspectors[0]->name;
        return bridge->inspectors[0];
    }
    *name = "default";
    return find_inspector(*name);
}

static const struct ovsrec_inspect_uplink *
set_up_uplink(const char *inspector_name)
{
    const struct ovsrec_inspect_uplink *uplink, *found = NULL;
    const bool on = true;
    size_t n = 0;

    OVSREC_INSPECT_UPLINK_FOR_EACH(uplink, the_idl)
    {
        n++;
        if (!strcmp(uplink->target, option("uplink"))) {
            found = uplink;
        }
    }
    if (!found) {
        char *name = xstrdup(inspector_name);
        bool taken = true;

        while (taken) {
            taken = false;
            OVSREC_INSPECT_UPLINK_FOR_EACH(uplink, the_idl)
            {
                if (!strcmp(uplink->name, name)) {
                    taken = true;
                }
            }
            if (taken) {
                free(name);
                name = xasprintf("%s-%" PRIuSIZE, inspector_name, ++n);
            }
        }
        found = ovsrec_inspect_uplink_insert(the_txn);
        ovsrec_inspect_uplink_set_name(found, name);
        ovsrec_inspect_uplink_set_target(found, option("uplink"));
        free(name);
    }
    ovsrec_inspect_uplink_set_enabled(found, &on, 1);
    if (option("uplink-format")) {
        ovsrec_inspect_uplink_set_format(found, option("uplink-format"));
    }
    if (option("private-key")) {
        ovsrec_inspect_uplink_set_private_key(found, option("private-key"));
    }
    if (option("certificate")) {
        ovsrec_inspect_uplink_set_certificate(found, option("certificate"));
    }
    if (option("ca-cert")) {
        ovsrec_inspect_uplink_set_ca_cert(found, option("ca-cert"));
    }
    return found;
}

static void
compose_enable(struct change *change)
{
    const struct ovsrec_bridge *bridge = find_bridge(change->bridge);
    const struct ovsrec_inspector *inspector;
    const char *chosen;
    const bool on = true;

    inspector = choose_inspector(bridge, &chosen);
    change->name = xstrdup(chosen);
    if (!inspector) {
        inspector = ovsrec_inspector_insert(the_txn);
        ovsrec_inspector_set_name(inspector, change->name);
        ovsrec_inspector_set_id(inspector, free_inspector_id());
    }
    ovsrec_inspector_set_enabled(inspector, &on, 1);
    if (option("mode")) {
        ovsrec_inspector_set_mode(inspector, option("mode"));
    }
    if (option("select")) {
        ovsrec_inspector_set_select(inspector, option("select"));
    }
    if (option("uplink")) {
        ovsrec_inspector_update_uplinks_addvalue(inspector,
                                                 set_up_uplink(change->name));
    }
    ovsrec_bridge_update_inspectors_addvalue(bridge, inspector);
    raise_next_cfg(&change->raised, inspector);
}

static void
compose_disable(struct change *change)
{
    const struct ovsrec_bridge *bridge = find_bridge(change->bridge);

    for (size_t i = 0; i < bridge->n_inspectors; i++) {
        const struct ovsrec_inspector *inspector = bridge->inspectors[i];

        if (option("inspector") &&
            strcmp(inspector->name, option("inspector"))) {
            continue;
        }
        ovsrec_bridge_update_inspectors_delvalue(bridge, inspector);
        raise_next_cfg(&change->raised, inspector);
        free(change->name);
        change->name = xstrdup(inspector->name);
    }
    if (!change->name && option("inspector")) {
        fail("inspector \"%s\" does not work on bridge \"%s\"",
             option("inspector"), change->bridge);
    }
}

static void
compose(void *change_)
{
    struct change *change = change_;

    free(change->name);
    change->name = NULL;
    if (change->enable) {
        compose_enable(change);
    } else {
        compose_disable(change);
    }
}

static void
report_uplinks(const struct ovsrec_inspector *inspector)
{
    struct ds faults = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < inspector->n_uplinks; i++) {
        const struct ovsrec_inspect_uplink *uplink = inspector->uplinks[i];
        const char *error = smap_get(&uplink->status, "error");

        if (error) {
            ds_put_format(&faults, "%suplink %s: %s",
                          faults.length ? "\n    " : "", uplink->name, error);
        }
        printf("uplink %s to %s: %s\n", uplink->name, uplink->target,
               smap_get_def(&uplink->status, "state", "starting"));
    }
    if (faults.length) {
        fail("%s", ds_cstr(&faults));
    }
    ds_destroy(&faults);
}

/* Whether the list "br0, br1" has 'name'. */
static bool
names_bridge(const char *list, const char *name)
{
    struct sset bridges;
    bool found;

    sset_from_delimited_string(&bridges, list, ", ");
    found = sset_contains(&bridges, name);
    sset_destroy(&bridges);
    return found;
}

/* Says what has become of the inspector; fails when it was refused. */
static void
report(const struct change *change)
{
    const struct ovsrec_inspector *inspector = find_inspector(change->name);
    const char *name = change->name;
    const char *error, *bridges;

    if (!change->enable) {
        printf("inspector %s: no longer on %s\n", name, change->bridge);
        return;
    }
    error = smap_get(&inspector->status, "error");
    bridges = smap_get_def(&inspector->status, "bridges", "");
    if (error && !names_bridge(bridges, change->bridge)) {
        fail("inspector %s: %s", name, error);
    }
    printf("inspector %s (id %" PRId64 "): %s on %s\n", name, inspector->id,
           smap_get_def(&inspector->status, "state", "starting"), bridges);
    if (error) {
        fail("inspector %s: %s", name, error);
    }
    report_uplinks(inspector);
}

/* As what rules and uplinks are given: a value that makes no sense is refused
 * before anything is written, in the words of status:error. */
static void
check_inspector_options(void)
{
    struct insp_config_inspector *result = xmalloc(sizeof *result);
    struct insp_setting settings[4] = { { "name", "x" }, { "id", "1" } };
    struct insp_faults faults, warnings;
    size_t n = 2;

    if (option("mode")) {
        settings[n++] = (struct insp_setting){ "mode", option("mode") };
    }
    if (option("select")) {
        settings[n++] = (struct insp_setting){ "select", option("select") };
    }
    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    if (!insp_config_inspector_parse(settings, n, result, &faults,
                                     &warnings)) {
        fail("%s", faults.text);
    }
    free(result);
}

static void
check_uplink_options(void)
{
    static const char *const words[][2] = {
        { "uplink", "target" },           { "uplink-format", "format" },
        { "private-key", "private_key" }, { "certificate", "certificate" },
        { "ca-cert", "ca_cert" },
    };
    struct settings settings = { .kind = &kind_uplink };
    char *error;

    settings_add(&settings, "name", "x");
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (option(words[i][0])) {
            settings_add(&settings, words[i][1], option(words[i][0]));
        }
    }
    error = settings_check(&settings);
    if (error) {
        fail("uplink: %s", error);
    }
    settings_destroy(&settings);
}

void
command_switch(int argc OVS_UNUSED, char *argv[])
{
    struct change change = {
        .bridge = argv[1],
        .enable = !strcmp(argv[0], "enable"),
    };

    if (change.enable) {
        check_inspector_options();
    }
    if (change.enable && option("uplink")) {
        check_uplink_options();
    }
    raised_init(&change.raised);
    db_monitor();
    db_transact(compose, &change, &change.raised, "%s %s", argv[0], argv[1]);
    if (!change.name) {
        printf("bridge %s: no inspector was on it\n", argv[1]);
    } else if (!option("no-wait")) {
        await_raised(&change.raised);
        report(&change);
    }
    free(change.name);
    raised_destroy(&change.raised);
    db_close();
}
