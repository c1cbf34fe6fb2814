/* How it works
 *
 * The rows are read over a connection of our own to the database server, not
 * over the one of bridge.c: there, every change of ours (an interface's
 * external_ids, a counter's reset) would make Open vSwitch configure all of
 * its bridges again.  bridge.c's connection keeps one column of ours,
 * Inspector.name, and ours is opened when there is a first row in it, so
 * that a switch without an inspector is as it was.
 *
 * One turn, on the main thread:
 *
 *     waiting for the engine?   in force yet: publish the view, go on
 *                               not yet: look again in a millisecond
 *     rows or devices changed?  read all rows, hand them to the engine, wait
 *     status                    (status.c)
 *
 * Rows are not read again while the engine works on the last ones, so that
 * the view never names a port id that the engine does not know.  The other
 * way round holds as well: ids that have died stay in datapath flows until
 * revalidation is through, and the engine counts their packets as
 * remainders.
 *
 * Reading is all or nothing in cost but not in effect: a row with a fault is
 * left out (or kept, disabled, if it has an id by which flows may call it),
 * the others are not touched, and what has not changed is not handed over. */

#include <config.h>

#include "ovs-ext/rows.h"

#include <errno.h>
#include <unistd.h>

#include "connectivity.h"
#include "dpif.h"
#include "engine/engine.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/action-run.h"
#include "ovs-ext/appctl.h"
#include "ovs-ext/crash.h"
#include "ovs-ext/hooks.h"
#include "ovs-ext/host.h"
#include "ovs-ext/status.h"
#include "ovs-ext/test-policy.h"
#include "ovs-ext/view.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_rows);

#define RETRY_MS 1000               /* After memory was out. */
#define EXIT_FLUSH_MS 1000          /* For last records at exit. */

static struct ovsext_rows rows;
static char *remote;

/* What was read last. */
static unsigned int idl_seqno;
static uint64_t device_seqno;
static unsigned int policy_generation;
static unsigned int pending_generation;

/* What is on its way to the engine, or 0; when to try again, or 0. */
static uint64_t pending_serial;
static long long int retry_at;

/* What the engine got last, to see whether there is anything new. */
static struct {
    char sensor[INSP_NAME_SIZE];
    struct insp_inspector_config inspectors[INSP_MAX_INSPECTORS];
    size_t n_inspectors;
    struct insp_uplink_config uplinks[INSP_MAX_UPLINKS];
    size_t n_uplinks;
    bool valid;
} applied;

struct ovsext_rows *
ovsext_rows(void)
{
    return &rows;
}

const struct ovsext_inspector *
ovsext_inspector_by_name(const char *name)
{
    for (size_t i = 0; i < rows.n_inspectors; i++) {
        if (!strcmp(rows.inspectors[i].name, name)) {
            return &rows.inspectors[i];
        }
    }
    return NULL;
}

/* Settings of a row: every column that holds one value, and every pair of
 * other_config, by the name that columns.def has for it. */
struct settings {
    struct insp_setting *array;
    size_t n, n_allocated;
};

static void
add_setting(struct settings *settings, char *key, char *value)
{
    if (settings->n == settings->n_allocated) {
        settings->array = x2nrealloc(settings->array, &settings->n_allocated,
                                     sizeof *settings->array);
    }
    settings->array[settings->n].key = key;
    settings->array[settings->n].value = value;
    settings->n++;
}

static char *
atom_to_text(const union ovsdb_atom *atom, enum ovsdb_atomic_type type)
{
    switch (type) {
    case OVSDB_TYPE_INTEGER: return xasprintf("%"PRId64, atom->integer);
    case OVSDB_TYPE_BOOLEAN: return xstrdup(atom->boolean ? "true" : "false");
    case OVSDB_TYPE_STRING: return xstrdup(json_string(atom->s));
    case OVSDB_TYPE_VOID:
    case OVSDB_TYPE_REAL:
    case OVSDB_TYPE_UUID:
    case OVSDB_N_TYPES:
        break;
    }
    return NULL;
}

/* A string that must be set but is empty reads as not set. */
static bool
is_unset(const struct ovsdb_datum *datum, const struct ovsdb_type *type)
{
    return !datum->n
           || (type->key.type == OVSDB_TYPE_STRING && type->n_min
               && !json_string(datum->keys[0].s)[0]);
}

static void
read_settings(const struct ovsdb_idl_row *row, struct settings *settings)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;

    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct ovsdb_datum *datum = ovsdb_idl_read(row, column);

        if (!strcmp(column->name, "other_config")) {
            for (size_t j = 0; j < datum->n; j++) {
                add_setting(settings,
                            xasprintf("other_config:%s",
                                      json_string(datum->keys[j].s)),
                            xstrdup(json_string(datum->values[j].s)));
            }
        } else if (column->type.n_max == 1
                   && column->type.value.type == OVSDB_TYPE_VOID
                   && column->type.key.type != OVSDB_TYPE_UUID
                   && !is_unset(datum, &column->type)) {
            add_setting(settings, xstrdup(column->name),
                        atom_to_text(&datum->keys[0],
                                     column->type.key.type));
        }
    }
}

static bool
has_setting(const struct settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->n; i++) {
        if (!strcmp(settings->array[i].key, key)) {
            return true;
        }
    }
    return false;
}

static void
free_settings(struct settings *settings)
{
    for (size_t i = 0; i < settings->n; i++) {
        free(CONST_CAST(char *, settings->array[i].key));
        free(CONST_CAST(char *, settings->array[i].value));
    }
    free(settings->array);
}

static void
free_rows(void)
{
    for (size_t i = 0; i < rows.n_inspectors; i++) {
        free(rows.inspectors[i].name);
        free(rows.inspectors[i].bridges);
    }
    for (size_t i = 0; i < rows.n_uplinks; i++) {
        free(rows.uplinks[i].name);
    }
    free(rows.inspectors);
    free(rows.uplinks);
    rows.inspectors = NULL;
    rows.uplinks = NULL;
    rows.n_inspectors = rows.n_uplinks = 0;
}

static struct ovsext_inspector *
inspector_by_uuid(const struct uuid *uuid)
{
    for (size_t i = 0; i < rows.n_inspectors; i++) {
        if (uuid_equals(&rows.inspectors[i].uuid, uuid)) {
            return &rows.inspectors[i];
        }
    }
    return NULL;
}

static struct ovsext_uplink *
uplink_by_uuid(const struct uuid *uuid)
{
    for (size_t i = 0; i < rows.n_uplinks; i++) {
        if (uuid_equals(&rows.uplinks[i].uuid, uuid)) {
            return &rows.uplinks[i];
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
read_inspectors(void)
{
    const struct ovsrec_inspector *row;
    size_t n = 0;

    OVSREC_INSPECTOR_FOR_EACH (row, rows.idl) {
        n++;
    }
    rows.inspectors = xcalloc(n, sizeof *rows.inspectors);
    OVSREC_INSPECTOR_FOR_EACH (row, rows.idl) {
        struct ovsext_inspector *inspector;
        struct settings settings;

        inspector = &rows.inspectors[rows.n_inspectors++];
        inspector->uuid = row->header_.uuid;
        inspector->name = xstrdup(row->name);
        inspector->bridges = xstrdup("");
        inspector->next_cfg = row->next_cfg;
        insp_faults_init(&inspector->faults);
        insp_faults_init(&inspector->warnings);
        insp_faults_init(&inspector->bridge_faults);
        read_settings(&row->header_, &settings);
        insp_config_inspector_parse(settings.array, settings.n,
                                    &inspector->config, &inspector->faults,
                                    &inspector->warnings);
        free_settings(&settings);
    }
    qsort(rows.inspectors, n, sizeof *rows.inspectors, compare_inspectors);
    for (size_t i = INSP_MAX_INSPECTORS; i < n; i++) {
        insp_fault(&rows.inspectors[i].faults, "there are %"PRIuSIZE
                   " inspectors; the first %d by name are in force", n,
                   INSP_MAX_INSPECTORS);
    }
}

static void
read_uplinks(void)
{
    const struct ovsrec_open_vswitch *ovs;
    const struct ovsrec_inspect_uplink *row;
    size_t n = 0;

    ovs = ovsrec_open_vswitch_first(rows.idl);
    OVSREC_INSPECT_UPLINK_FOR_EACH (row, rows.idl) {
        n++;
    }
    rows.uplinks = xcalloc(n, sizeof *rows.uplinks);
    OVSREC_INSPECT_UPLINK_FOR_EACH (row, rows.idl) {
        struct ovsext_uplink *uplink = &rows.uplinks[rows.n_uplinks++];
        struct settings settings;

        uplink->uuid = row->header_.uuid;
        uplink->name = xstrdup(row->name);
        insp_faults_init(&uplink->faults);
        insp_faults_init(&uplink->warnings);
        read_settings(&row->header_, &settings);
        if (ovs && ovs->ssl) {
            const struct ovsrec_ssl *ssl = ovs->ssl;
            const char *const defaults[][2] = {
                { "private_key", ssl->private_key },
                { "certificate", ssl->certificate },
                { "ca_cert", ssl->ca_cert },
            };

            for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
                if (defaults[i][1][0]
                    && !has_setting(&settings, defaults[i][0])) {
                    add_setting(&settings, xstrdup(defaults[i][0]),
                                xstrdup(defaults[i][1]));
                }
            }
        }
        insp_config_uplink_parse(settings.array, settings.n, &uplink->config,
                                 &uplink->faults, &uplink->warnings);
        free_settings(&settings);
    }
    qsort(rows.uplinks, n, sizeof *rows.uplinks, compare_uplinks);
    for (size_t i = INSP_MAX_UPLINKS; i < n; i++) {
        insp_fault(&rows.uplinks[i].faults, "there are %"PRIuSIZE
                   " uplinks; the first %d by name are in force", n,
                   INSP_MAX_UPLINKS);
    }
}

/* Whether the datapath of that type is the userspace one; asked of the
 * datapath itself, because tests put another one behind a type.  Negative:
 * it is not there yet. */
static int
is_userspace(const char *type)
{
    static struct shash known = SHASH_INITIALIZER(&known);
    void *answer = shash_find_data(&known, type);
    struct dpif *dpif;
    char *name;
    int error;

    if (answer) {
        return answer != &known;
    }
    name = xasprintf("ovs-%s", type);
    error = dpif_open(name, type, &dpif);
    free(name);
    if (error) {
        return -error;
    }
    answer = ovsext_datapath_can_inspect(dpif) ? &rows : (void *) &known;
    dpif_close(dpif);
    shash_add(&known, type, answer);
    return answer != &known;
}

const char *
ovsext_bridge_fault(const struct ovsrec_bridge *bridge)
{
    static const char kernel[] = "its datapath is the kernel's, which cannot "
                                 "inspect; set datapath_type=netdev";
    const char *type = dpif_normalize_type(bridge->datapath_type);

    if (!strcmp(type, "netdev")) {
        return NULL;
    }
    switch (is_userspace(type)) {
    case true:
        return NULL;
    case false:
        return kernel;
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
read_bridge(const struct ovsrec_bridge *bridge)
{
    const char *fault = NULL;

    if (bridge->n_inspectors) {
        fault = ovsext_bridge_fault(bridge);
    }
    for (size_t i = 0; i < bridge->n_inspectors; i++) {
        struct ovsext_inspector *inspector;

        inspector = inspector_by_uuid(&bridge->inspectors[i]->header_.uuid);
        if (!inspector) {
            continue;
        }
        inspector->referenced = true;
        if (fault) {
            insp_fault(&inspector->bridge_faults, "bridge '%s': %s",
                       bridge->name, fault);
        } else {
            add_bridge_name(inspector, bridge->name);
        }
    }
}

/* By name, so that status names them in the same order each time. */
static void
read_bridges(void)
{
    struct shash by_name = SHASH_INITIALIZER(&by_name);
    const struct shash_node **nodes;
    const struct ovsrec_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (bridge, rows.idl) {
        shash_add(&by_name, bridge->name, bridge);
    }
    nodes = shash_sort(&by_name);
    for (size_t i = 0; i < shash_count(&by_name); i++) {
        read_bridge(nodes[i]->data);
    }
    free(nodes);
    shash_destroy(&by_name);
}

/* Tells each uplink which inspectors feed it. */
static void
connect_uplinks(void)
{
    const struct ovsrec_inspector *row;

    OVSREC_INSPECTOR_FOR_EACH (row, rows.idl) {
        struct ovsext_inspector *inspector;

        inspector = inspector_by_uuid(&row->header_.uuid);
        if (!inspector || inspector->faults.n || !inspector->n_bridges) {
            continue;
        }
        for (size_t i = 0; i < row->n_uplinks; i++) {
            struct ovsext_uplink *uplink;

            uplink = uplink_by_uuid(&row->uplinks[i]->header_.uuid);
            if (uplink) {
                struct insp_uplink_config *config = &uplink->config.base;

                config->inspectors[config->n_inspectors++]
                    = inspector->config.base.id;
            }
        }
    }
    for (size_t i = 0; i < rows.n_uplinks; i++) {
        struct insp_uplink_config *config = &rows.uplinks[i].config.base;

        /* In an order of their own, so that nothing seems to change. */
        for (size_t j = 1; j < config->n_inspectors; j++) {
            uint32_t id = config->inspectors[j];
            size_t k;

            for (k = j; k && config->inspectors[k - 1] > id; k--) {
                config->inspectors[k] = config->inspectors[k - 1];
            }
            config->inspectors[k] = id;
        }
    }
}

/* The keys that any inspector wants, each once. */
static char *
gather_identity_keys(void)
{
    struct ds keys = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < rows.n_inspectors; i++) {
        const char *key = rows.inspectors[i].config.identity_keys;

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

static void
gather_listed_ports(struct sset *listed)
{
    const struct ovsrec_inspector *row;

    sset_init(listed);
    OVSREC_INSPECTOR_FOR_EACH (row, rows.idl) {
        for (size_t i = 0; i < row->n_ports; i++) {
            sset_add(listed, row->ports[i]);
        }
    }
}

/* A listed port that does not exist may be a typing error. */
static void
check_listed_ports(const struct sset *listed)
{
    const struct ovsrec_inspector *row;
    struct sset known = SSET_INITIALIZER(&known);
    const char *member;

    if (sset_is_empty(listed)) {
        return;
    }
    for (size_t i = 0; i < rows.ports.n; i++) {
        sset_add(&known, rows.ports.array[i].name);
        sset_add(&known, rows.ports.array[i].iface_id);
        SSET_FOR_EACH (member, &rows.ports.owners[i]->members) {
            sset_add(&known, member);
        }
    }
    OVSREC_INSPECTOR_FOR_EACH (row, rows.idl) {
        for (size_t i = 0; i < row->n_ports; i++) {
            struct ovsext_inspector *inspector;

            inspector = inspector_by_uuid(&row->header_.uuid);
            if (inspector && !sset_contains(&known, row->ports[i])) {
                insp_fault(&inspector->warnings, "ports '%.80s': neither an "
                           "interface's name nor an iface-id",
                           row->ports[i]);
            }
        }
    }
    sset_destroy(&known);
}

/* Whether flows can call it by its id, even if it does nothing then. */
static bool
can_be_called(const struct ovsext_inspector *inspector, size_t index)
{
    return index < INSP_MAX_INSPECTORS && inspector->n_bridges
           && inspector->config.base.id && inspector->config.base.name[0];
}

static size_t
make_inspectors(struct insp_inspector_config *configs)
{
    size_t n = 0;

    for (size_t i = 0; i < rows.n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows.inspectors[i];
        struct insp_inspector_config *config = &configs[n];
        const struct ovsext_test_policy *policy;

        if (!can_be_called(inspector, i)) {
            continue;
        }
        *config = inspector->config.base;
        if (inspector->faults.n) {
            /* Off; but its table stays as it was, so that the connections
             * in it do not end for a slip of the pen. */
            for (size_t j = 0; applied.valid && j < applied.n_inspectors;
                 j++) {
                if (applied.inspectors[j].id == config->id) {
                    *config = applied.inspectors[j];
                }
            }
            config->enabled = false;
        }
        policy = ovsext_test_policy_get(config->id);
        config->rules = policy ? policy->rules : NULL;
        config->n_rules = policy ? policy->n_rules : 0;
        n++;
    }
    return n;
}

static size_t
make_uplinks(struct insp_uplink_config *configs)
{
    size_t n = 0;

    for (size_t i = 0; i < rows.n_uplinks && n < INSP_MAX_UPLINKS; i++) {
        const struct ovsext_uplink *uplink = &rows.uplinks[i];

        if (!uplink->faults.n && uplink->config.enabled
            && uplink->config.base.n_inspectors) {
            configs[n++] = uplink->config.base;
        }
    }
    return n;
}

static void
read_sensor(char *sensor, size_t size)
{
    const struct ovsrec_open_vswitch *ovs;
    const char *id;

    ovs = ovsrec_open_vswitch_first(rows.idl);
    id = ovs ? smap_get(&ovs->external_ids, "system-id") : NULL;
    memset(sensor, 0, size);
    if (id && *id) {
        ovs_strlcpy(sensor, id, size);
    } else if (gethostname(sensor, size - 1)) {
        ovs_strlcpy(sensor, "unnamed", size);
    }
}

static enum ovsext_select
select_in_view(enum insp_select select)
{
    switch (select) {
    case INSP_SELECT_FLOWS: return OVSEXT_SELECT_FLOWS;
    case INSP_SELECT_VM_TO_VM: return OVSEXT_SELECT_VM_TO_VM;
    case INSP_SELECT_VM: return OVSEXT_SELECT_VM;
    case INSP_SELECT_ALL: break;
    }
    return OVSEXT_SELECT_ALL;
}

static void
publish_view(void)
{
    struct ovsext_view_builder *builder = ovsext_view_builder_create();
    uint64_t began_ns = ovsext_monotonic_ns();
    const struct ovsrec_bridge *bridge;

    for (size_t i = 0; i < rows.n_inspectors; i++) {
        const struct ovsext_inspector *inspector = &rows.inspectors[i];
        const struct insp_inspector_config *config = &inspector->config.base;
        const struct ovsext_test_policy *policy;
        struct ovsext_view_inspector view;

        if (!can_be_called(inspector, i)) {
            continue;
        }
        view = (struct ovsext_view_inspector) {
            .id = config->id,
            .enabled = config->enabled && !inspector->faults.n,
            .tap = config->mode == INSP_MODE_TAP,
            .fail_closed = config->fail_mode == INSP_FAIL_CLOSED,
        };
        policy = ovsext_test_policy_get(config->id);
        for (size_t j = 0; policy && j < OVSEXT_N_SLOTS; j++) {
            view.function_ports[j] = policy->function_ports[j];
        }
        ovsext_view_builder_add_inspector(builder, &view);
    }
    OVSREC_BRIDGE_FOR_EACH (bridge, rows.idl) {
        ovsext_view_builder_add_bridge(
            builder, bridge->name,
            ovsext_ports_bridge_id(&rows.ports, &bridge->header_.uuid));
        for (size_t i = 0; i < bridge->n_inspectors; i++) {
            const struct ovsext_inspector *inspector;

            inspector = inspector_by_uuid(
                &bridge->inspectors[i]->header_.uuid);
            if (inspector
                && can_be_called(inspector, inspector - rows.inspectors)
                && !ovsext_bridge_fault(bridge)) {
                ovsext_view_builder_add_bridge_inspector(
                    builder, bridge->name, inspector->config.base.id,
                    select_in_view(inspector->config.select));
            }
        }
    }
    ovsext_ports_to_view(&rows.ports, builder);
    if (ovsext_view_publish(builder)) {
        VLOG_DBG("published a view of %"PRIuSIZE" ports in %"PRIu64" us",
                 rows.ports.n, (ovsext_monotonic_ns() - began_ns) / 1000);
    }
}

static bool
start_engine(void)
{
    struct insp_host host;
    int error;

    if (rows.engine) {
        return true;
    }
    ovsext_host_init(&host);
    error = insp_engine_create(&host, &rows.engine);
    if (error) {
        rows.engine = NULL;
        rows.error = xasprintf("the inspector cannot start: %s",
                               ovs_strerror(error));
        VLOG_ERR("%s", rows.error);
        return false;
    }
    ovsext_run_set_engine(rows.engine);
    ovsext_crash_set_engine(rows.engine);
    return true;
}

/* Hands what has been read to the engine, if it is new. */
static void
apply(bool ports_changed)
{
    static struct insp_inspector_config inspectors[INSP_MAX_INSPECTORS];
    static struct insp_uplink_config uplinks[INSP_MAX_UPLINKS];
    unsigned int generation = ovsext_test_policy_generation();
    struct insp_engine_config config;
    uint64_t serial;

    memset(&config, 0, sizeof config);
    memset(inspectors, 0, sizeof inspectors);
    memset(uplinks, 0, sizeof uplinks);
    config.inspectors = inspectors;
    config.n_inspectors = make_inspectors(inspectors);
    config.uplinks = uplinks;
    config.n_uplinks = make_uplinks(uplinks);
    config.ports = rows.ports.array;
    config.n_ports = rows.ports.n;
    read_sensor(config.sensor, sizeof config.sensor);

    pending_generation = generation;
    if (applied.valid && !ports_changed && policy_generation == generation
        && !strcmp(applied.sensor, config.sensor)
        && applied.n_inspectors == config.n_inspectors
        && applied.n_uplinks == config.n_uplinks
        && !memcmp(applied.inspectors, inspectors,
                   config.n_inspectors * sizeof *inspectors)
        && !memcmp(applied.uplinks, uplinks,
                   config.n_uplinks * sizeof *uplinks)) {
        /* In force already, but for the view. */
        pending_serial = insp_engine_applied(rows.engine);
        return;
    }

    serial = insp_engine_apply(rows.engine, &config);
    if (!serial) {
        rows.error = xstrdup("no memory for a new configuration; the last "
                             "one stays in force");
        VLOG_ERR("%s", rows.error);
        applied.valid = false;
        retry_at = time_msec() + RETRY_MS;
        return;
    }
    memcpy(applied.sensor, config.sensor, sizeof applied.sensor);
    memcpy(applied.inspectors, inspectors, sizeof inspectors);
    memcpy(applied.uplinks, uplinks, sizeof uplinks);
    applied.n_inspectors = config.n_inspectors;
    applied.n_uplinks = config.n_uplinks;
    applied.valid = true;
    policy_generation = generation;
    pending_serial = serial;
}

static void
reread(void)
{
    uint64_t began_ns = ovsext_monotonic_ns();
    bool devices = seq_read(connectivity_seq_get()) != device_seqno;
    struct sset listed;
    bool ports_changed;
    char *keys;

    idl_seqno = ovsdb_idl_get_seqno(rows.idl);
    device_seqno = seq_read(connectivity_seq_get());
    retry_at = 0;

    free_rows();
    read_inspectors();
    read_uplinks();
    read_bridges();
    connect_uplinks();

    keys = gather_identity_keys();
    gather_listed_ports(&listed);
    if (rows.n_inspectors) {
        ports_changed = ovsext_ports_update(&rows.ports, rows.idl, keys,
                                            &listed, devices);
    } else {
        ports_changed = rows.ports.n > 0;
        ovsext_ports_clear(&rows.ports);
    }
    check_listed_ports(&listed);
    sset_destroy(&listed);
    free(keys);

    free(rows.error);
    rows.error = NULL;
    if (rows.engine || rows.n_inspectors) {
        if (start_engine()) {
            apply(ports_changed);
        } else {
            retry_at = time_msec() + RETRY_MS;
        }
    }
    rows.all_in_force = !pending_serial;
    rows.serial++;
    VLOG_DBG("read rows, %"PRIuSIZE" ports, in %"PRIu64" us", rows.ports.n,
             (ovsext_monotonic_ns() - began_ns) / 1000);
}

static bool
must_reread(void)
{
    return ovsdb_idl_get_seqno(rows.idl) != idl_seqno
           || seq_read(connectivity_seq_get()) != device_seqno
           || ovsext_test_policy_generation() != pending_generation
           || (retry_at && time_msec() >= retry_at);
}

/* Columns that we only write must not report themselves as changes. */
static void
monitor_output(struct ovsdb_idl *idl, const struct ovsdb_idl_column *column)
{
    ovsdb_idl_add_column(idl, column);
    ovsdb_idl_omit_alert(idl, column);
}

static void
connect_database(void)
{
    struct ovsdb_idl *idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false,
                                             true);
    size_t i;

    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_external_ids);
    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_other_config);
    ovsdb_idl_add_column(idl, &ovsrec_open_vswitch_col_ssl);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_private_key);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_certificate);
    ovsdb_idl_add_column(idl, &ovsrec_ssl_col_ca_cert);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_datapath_type);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_ports);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_inspectors);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_interfaces);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_tag);
    ovsdb_idl_add_column(idl, &ovsrec_port_col_vlan_mode);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_type);
    ovsdb_idl_add_column(idl, &ovsrec_interface_col_external_ids);
    for (i = 0; i < OVSREC_INSPECTOR_N_COLUMNS; i++) {
        ovsdb_idl_add_column(idl, &ovsrec_inspector_columns[i]);
    }
    for (i = 0; i < OVSREC_INSPECT_UPLINK_N_COLUMNS; i++) {
        ovsdb_idl_add_column(idl, &ovsrec_inspect_uplink_columns[i]);
    }
    monitor_output(idl, &ovsrec_inspector_col_status);
    monitor_output(idl, &ovsrec_inspector_col_statistics);
    monitor_output(idl, &ovsrec_inspector_col_cur_cfg);
    monitor_output(idl, &ovsrec_inspect_uplink_col_status);
    monitor_output(idl, &ovsrec_inspect_uplink_col_statistics);
    monitor_output(idl, &ovsrec_inspect_uplink_col_is_connected);
    rows.idl = idl;
    idl_seqno = ovsdb_idl_get_seqno(idl);
}

void
ovsext_bridge_init(struct ovsdb_idl *idl, const char *remote_)
{
    size_t i;

    for (i = 0; i < OVSREC_INSPECTOR_N_COLUMNS; i++) {
        if (&ovsrec_inspector_columns[i] != &ovsrec_inspector_col_name) {
            ovsdb_idl_omit(idl, &ovsrec_inspector_columns[i]);
        }
    }
    for (i = 0; i < OVSREC_INSPECT_UPLINK_N_COLUMNS; i++) {
        ovsdb_idl_omit(idl, &ovsrec_inspect_uplink_columns[i]);
    }
    ovsdb_idl_omit(idl, &ovsrec_bridge_col_inspectors);

    remote = xstrdup(remote_);
    ovsext_ports_init(&rows.ports);
    ovsext_test_policy_init();
    ovsext_appctl_init();
    ovsext_crash_init();
    rows.all_in_force = true;
}

void
ovsext_bridge_run(struct ovsdb_idl *bridge_idl)
{
    ovsext_appctl_run();
    if (!rows.idl) {
        if (!ovsrec_inspector_first(bridge_idl)) {
            ovsext_test_policy_in_force(ovsext_test_policy_generation());
            return;
        }
        connect_database();
    }
    ovsdb_idl_run(rows.idl);
    if (!ovsdb_idl_has_ever_connected(rows.idl)) {
        return;
    }

    if (pending_serial && insp_engine_applied(rows.engine) >= pending_serial) {
        pending_serial = 0;
        publish_view();
        ovsext_test_policy_in_force(pending_generation);
        rows.all_in_force = true;
        rows.serial++;
    }
    if (!pending_serial && must_reread()) {
        reread();
    }
    if (ovsext_ports_note_baselines(&rows.ports)) {
        poll_immediate_wake();
    }
    ovsext_status_run(&rows);
}

void
ovsext_bridge_wait(struct ovsdb_idl *bridge_idl OVS_UNUSED)
{
    ovsext_appctl_wait();
    if (!rows.idl) {
        return;
    }
    ovsdb_idl_wait(rows.idl);
    if (pending_serial) {
        poll_timer_wait(1);
    } else if (ovsdb_idl_has_ever_connected(rows.idl)) {
        if (must_reread()) {
            poll_immediate_wake();
        }
        seq_wait(connectivity_seq_get(), device_seqno);
        if (retry_at) {
            poll_timer_wait_until(retry_at);
        }
        ovsext_status_wait(&rows);
    }
}

void
ovsext_exit(void)
{
    ovsext_appctl_exit();
    ovsext_status_exit();
    ovsext_run_set_engine(NULL);
    ovsext_crash_set_engine(NULL);
    if (rows.engine) {
        insp_engine_destroy(rows.engine, EXIT_FLUSH_MS);
        rows.engine = NULL;
    }
    ovsdb_idl_destroy(rows.idl);
    rows.idl = NULL;
    free_rows();
    free(rows.error);
    ovsext_ports_destroy(&rows.ports);
    ovsext_test_policy_destroy();
    ovsext_view_destroy();
    free(remote);
    remote = NULL;
}
