/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * The rows of each table become an array sorted by name.  Then the bridges
 * say which inspectors are attached where, and those say which uplinks they
 * feed.
 *
 * Reading is all or nothing in cost but not in effect: a row with a fault is
 * left out (or kept, disabled, if it has an id by which flows may call it),
 * the others are not touched. */

#include <config.h>

#include "ovs-ext/row-inspector.h"

#include "dpif.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/row-settings.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_row);

static struct ovsext_inspector *
inspector_by_uuid(const struct ovsext_rows *rows, const struct uuid *uuid)
{
    for (size_t i = 0; i < rows->n_inspectors; i++) {
        if (uuid_equals(&rows->inspectors[i].uuid, uuid)) {
            return &rows->inspectors[i];
        }
    }
    return NULL;
}

static struct ovsext_uplink *
uplink_by_uuid(const struct ovsext_rows *rows, const struct uuid *uuid)
{
    for (size_t i = 0; i < rows->n_uplinks; i++) {
        if (uuid_equals(&rows->uplinks[i].uuid, uuid)) {
            return &rows->uplinks[i];
        }
    }
    return NULL;
}

static int
compare_inspectors(const void *a_, const void *b_)
{
    const struct ovsext_inspector *a = a_, *b = b_;

    return strcmp(a->name, b->name);
}

static int
compare_uplinks(const void *a_, const void *b_)
{
    const struct ovsext_uplink *a = a_, *b = b_;

    return strcmp(a->name, b->name);
}

static void
read_inspector(const struct ovsrec_inspector *row,
               struct ovsext_inspector *inspector)
{
    struct ovsext_settings settings;

    inspector->uuid = row->header_.uuid;
    inspector->name = xstrdup(row->name);
    inspector->bridges = xstrdup("");
    inspector->next_cfg = row->next_cfg;
    insp_faults_init(&inspector->faults);
    insp_faults_init(&inspector->warnings);
    insp_faults_init(&inspector->bridge_faults);
    insp_faults_init(&inspector->policy_faults);
    ovsext_settings_read(&settings, &row->header_);
    insp_config_inspector_parse(settings.array, settings.n, &inspector->config,
                                &inspector->faults, &inspector->warnings);
    ovsext_settings_destroy(&settings);
}

static void
read_inspectors(struct ovsext_rows *rows, const struct ovsdb_idl *idl)
{
    const struct ovsrec_inspector *row;
    size_t n = 0;

    OVSREC_INSPECTOR_FOR_EACH(row, idl)
    {
        n++;
    }
    rows->inspectors = xcalloc(n, sizeof *rows->inspectors);
    OVSREC_INSPECTOR_FOR_EACH(row, idl)
    {
        read_inspector(row, &rows->inspectors[rows->n_inspectors++]);
    }
    qsort(rows->inspectors, n, sizeof *rows->inspectors, compare_inspectors);
    for (size_t i = INSP_MAX_INSPECTORS; i < n; i++) {
        insp_fault(&rows->inspectors[i].faults,
                   "there are %" PRIuSIZE
                   " inspectors; the first %d by name are in force",
                   n, INSP_MAX_INSPECTORS);
    }
}

/* Where an uplink does not say, it uses what the switch itself does. */
static void
add_ssl_defaults(struct ovsext_settings *settings,
                 const struct ovsrec_ssl *ssl)
{
    const char *const defaults[][2] = {
        { "private_key", ssl->private_key },
        { "certificate", ssl->certificate },
        { "ca_cert", ssl->ca_cert },
    };
    bool own_ca = ovsext_settings_have(settings, "ca_cert");

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        if (defaults[i][1][0] &&
            !ovsext_settings_have(settings, defaults[i][0])) {
            ovsext_settings_add(settings, defaults[i][0], defaults[i][1]);
        }
    }
    if (ssl->bootstrap_ca_cert && !own_ca &&
        !ovsext_settings_have(settings, "bootstrap_ca_cert")) {
        ovsext_settings_add(settings, "bootstrap_ca_cert", "true");
    }
}

static void
read_uplink(const struct ovsrec_inspect_uplink *row,
            const struct ovsrec_open_vswitch *ovs,
            struct ovsext_uplink *uplink)
{
    struct ovsext_settings settings;

    uplink->uuid = row->header_.uuid;
    uplink->name = xstrdup(row->name);
    insp_faults_init(&uplink->faults);
    insp_faults_init(&uplink->warnings);
    ovsext_settings_read(&settings, &row->header_);
    if (ovs && ovs->ssl && !ovsext_settings_have(&settings, "token_file")) {
        add_ssl_defaults(&settings, ovs->ssl);
    }
    insp_config_uplink_parse(settings.array, settings.n, &uplink->config,
                             &uplink->faults, &uplink->warnings);
    ovsext_settings_destroy(&settings);
}

static void
read_uplinks(struct ovsext_rows *rows, const struct ovsdb_idl *idl)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(idl);
    const struct ovsrec_inspect_uplink *row;
    size_t n = 0;

    OVSREC_INSPECT_UPLINK_FOR_EACH(row, idl)
    {
        n++;
    }
    rows->uplinks = xcalloc(n, sizeof *rows->uplinks);
    OVSREC_INSPECT_UPLINK_FOR_EACH(row, idl)
    {
        read_uplink(row, ovs, &rows->uplinks[rows->n_uplinks++]);
    }
    qsort(rows->uplinks, n, sizeof *rows->uplinks, compare_uplinks);
    for (size_t i = INSP_MAX_UPLINKS; i < n; i++) {
        insp_fault(&rows->uplinks[i].faults,
                   "there are %" PRIuSIZE
                   " uplinks; the first %d by name are in force",
                   n, INSP_MAX_UPLINKS);
    }
}

/* Whether the datapath of that type is the userspace one; asked of the
 * datapath itself, because tests put another one behind a type.  Negative:
 * it is not there yet. */
static int
is_userspace(const char *type)
{
    static struct shash known = SHASH_INITIALIZER(&known);
    static char yes, no;
    void *answer = shash_find_data(&known, type);

    if (!answer) {
        char *name = xasprintf("ovs-%s", type);
        struct dpif *dpif;
        int error = dpif_open(name, type, &dpif);

        free(name);
        if (error) {
            return -error;
        }
        answer = ovsext_datapath_can_inspect(dpif) ? &yes : &no;
        dpif_close(dpif);
        shash_add(&known, type, answer);
    }
    return answer == &yes;
}

/* Why nothing can be inspected on a bridge, as the operator is told, or
 * NULL. */
static const char *
bridge_fault(const struct ovsrec_bridge *bridge)
{
    static const char kernel[] = "its datapath is the kernel's, which cannot "
                                 "inspect; set datapath_type=netdev";
    const char *type = dpif_normalize_type(bridge->datapath_type);

    if (!strcmp(type, "netdev")) {
        return NULL;
    }
    switch (is_userspace(type)) {
    case true: return NULL;
    case false: return kernel;
    default:
        /* Where the kernel has no such module there is nothing to open. */
        return strcmp(type, "system") ? "its datapath cannot be opened (yet?)"
                                      : kernel;
    }
}

static void
add_bridge_name(struct ovsext_inspector *inspector, const char *name)
{
    char *bridges = xasprintf("%s%s%s", inspector->bridges,
                              inspector->n_bridges ? ", " : "", name);

    free(inspector->bridges);
    inspector->bridges = bridges;
    inspector->n_bridges++;
}

static void
read_bridge(struct ovsext_rows *rows, const struct ovsrec_bridge *row,
            struct ovsext_bridge *bridge)
{
    bridge->uuid = row->header_.uuid;
    bridge->name = xstrdup(row->name);
    bridge->fault = bridge_fault(row);
    bridge->inspectors =
        xcalloc(row->n_inspectors, sizeof *bridge->inspectors);
    for (size_t i = 0; i < row->n_inspectors; i++) {
        struct ovsext_inspector *inspector;

        inspector = inspector_by_uuid(rows, &row->inspectors[i]->header_.uuid);
        if (!inspector) {
            continue;
        }
        bridge->inspectors[bridge->n_inspectors++] =
            (inspector - rows->inspectors);
        inspector->referenced = true;
        if (bridge->fault) {
            insp_fault(&inspector->bridge_faults, "bridge '%s': %s", row->name,
                       bridge->fault);
        } else {
            add_bridge_name(inspector, row->name);
        }
    }
}

/* By name, so that status names them in the same order each time. */
static void
read_bridges(struct ovsext_rows *rows, const struct ovsdb_idl *idl)
{
    struct shash by_name = SHASH_INITIALIZER(&by_name);
    const struct ovsrec_bridge *row;
    const struct shash_node **nodes;

    OVSREC_BRIDGE_FOR_EACH(row, idl)
    {
        shash_add(&by_name, row->name, row);
    }
    nodes = shash_sort(&by_name);
    rows->n_bridges = shash_count(&by_name);
    rows->bridges = xcalloc(rows->n_bridges, sizeof *rows->bridges);
    for (size_t i = 0; i < rows->n_bridges; i++) {
        read_bridge(rows, nodes[i]->data, &rows->bridges[i]);
    }
    free(nodes);
    shash_destroy(&by_name);
}

/* In an order of their own, so that nothing seems to change. */
static void
sort_ids(uint32_t *ids, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t id = ids[i];
        size_t j;

        for (j = i; j && ids[j - 1] > id; j--) {
            ids[j] = ids[j - 1];
        }
        ids[j] = id;
    }
}

/* Tells each uplink which inspectors feed it. */
static void
connect_uplinks(struct ovsext_rows *rows, const struct ovsdb_idl *idl)
{
    const struct ovsrec_inspector *row;

    OVSREC_INSPECTOR_FOR_EACH(row, idl)
    {
        struct ovsext_inspector *inspector;

        inspector = inspector_by_uuid(rows, &row->header_.uuid);
        if (!inspector || inspector->faults.n || !inspector->n_bridges) {
            continue;
        }
        for (size_t i = 0; i < row->n_uplinks; i++) {
            struct ovsext_uplink *uplink;

            uplink = uplink_by_uuid(rows, &row->uplinks[i]->header_.uuid);
            if (uplink) {
                struct insp_uplink_config *config = &uplink->config.base;

                config->inspectors[config->n_inspectors++] =
                    inspector->config.base.id;
            }
        }
    }
    for (size_t i = 0; i < rows->n_uplinks; i++) {
        struct insp_uplink_config *config = &rows->uplinks[i].config.base;

        sort_ids(config->inspectors, config->n_inspectors);
    }
}

void
ovsext_read_inspectors(struct ovsext_rows *rows, const struct ovsdb_idl *idl)
{
    read_inspectors(rows, idl);
    read_uplinks(rows, idl);
    read_bridges(rows, idl);
    connect_uplinks(rows, idl);
}

bool
ovsext_inspector_is_callable(const struct ovsext_rows *rows, size_t i)
{
    const struct ovsext_inspector *inspector = &rows->inspectors[i];

    return i < INSP_MAX_INSPECTORS && inspector->n_bridges &&
           inspector->config.base.id && inspector->config.base.name[0];
}

char *
ovsext_identity_keys(const struct ovsext_rows *rows)
{
    struct ds keys = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < rows->n_inspectors; i++) {
        const char *key = rows->inspectors[i].config.identity_keys;

        while (*key) {
            size_t length = strcspn(key, "\n");
            char *copy = xmemdup0(key, length);

            if (!insp_config_has_key(ds_cstr(&keys), copy)) {
                ds_put_format(&keys, "%s\n", copy);
            }
            free(copy);
            key += length + (key[length] == '\n');
        }
    }
    return ds_steal_cstr(&keys);
}

void
ovsext_listed_ports(const struct ovsdb_idl *idl, struct sset *listed)
{
    const struct ovsrec_inspector *row;

    sset_init(listed);
    OVSREC_INSPECTOR_FOR_EACH(row, idl)
    {
        for (size_t i = 0; i < row->n_ports; i++) {
            sset_add(listed, row->ports[i]);
        }
    }
}

/* Everything that a port can be listed by. */
static void
gather_port_names(const struct ovsext_port_list *ports, struct sset *names)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct ovsext_port_detail *detail = &ports->details[i];

        sset_add(names, ports->array[i].name);
        sset_add(names, ports->array[i].iface_id);
        for (size_t j = 0; j < detail->n_members; j++) {
            sset_add(names, detail->members[j]);
        }
    }
}

/* A listed port that does not exist may be a typing error. */
void
ovsext_check_listed_ports(struct ovsext_rows *rows,
                          const struct ovsdb_idl *idl)
{
    struct sset known = SSET_INITIALIZER(&known);
    const struct ovsrec_inspector *row;

    OVSREC_INSPECTOR_FOR_EACH(row, idl)
    {
        struct ovsext_inspector *inspector;

        inspector = inspector_by_uuid(rows, &row->header_.uuid);
        if (row->n_ports && sset_is_empty(&known)) {
            gather_port_names(rows->ports, &known);
        }
        for (size_t i = 0; inspector && i < row->n_ports; i++) {
            if (!sset_contains(&known, row->ports[i])) {
                insp_fault(&inspector->warnings,
                           "ports '%.80s': neither an "
                           "interface's name nor an iface-id",
                           row->ports[i]);
            }
        }
    }
    sset_destroy(&known);
}

static void
log_faults(const char *table, const char *name, const struct insp_faults *old,
           const struct insp_faults *new)
{
    if (new->n && (!old || strcmp(old->text, new->text))) {
        VLOG_WARN("%s %s: %s", table, name, new->text);
    }
}

void
ovsext_log_faults(const struct ovsext_rows *old, const struct ovsext_rows *new)
{
    for (size_t i = 0; i < new->n_inspectors; i++) {
        const struct ovsext_inspector *now = &new->inspectors[i];
        const struct ovsext_inspector *was = NULL;

        if (old) {
            was = inspector_by_uuid(old, &now->uuid);
        }
        log_faults("Inspector", now->name, was ? &was->faults : NULL,
                   &now->faults);
        log_faults("Inspector", now->name, was ? &was->policy_faults : NULL,
                   &now->policy_faults);
    }
    for (size_t i = 0; i < new->n_uplinks; i++) {
        const struct ovsext_uplink *now = &new->uplinks[i];
        const struct ovsext_uplink *was = NULL;

        if (old) {
            was = uplink_by_uuid(old, &now->uuid);
        }
        log_faults("Inspect_Uplink", now->name, was ? &was->faults : NULL,
                   &now->faults);
    }
}
