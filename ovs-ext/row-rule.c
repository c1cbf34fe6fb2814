/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * One hash table a kind of row, by uuid.  read() walks the rows of the
 * database, looks at those whose number of changes is another, parses those
 * of them whose settings are, and forgets those that it has not met.  Then
 * rules are linked to the sets that they name; that is done each time,
 * because a set may come and go without its rules.
 *
 * Everything that is parsed gets a stamp that nothing else has had, so that
 * row-policy.c can compare policies by stamps.
 *
 * Numbers go up and around; one that is taken is passed over.  So the number
 * of a rule that has gone comes again after a million others. */

#include <config.h>

#include "ovs-ext/row-rule.h"

#include "bitmap.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "ovs-ext/row-settings.h"
#include "ovsdb-idl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(inspect_rules);

/* Stamps are never 0. */
static uint64_t
next_stamp(void)
{
    static uint64_t last;

    return ++last;
}

struct ovsext_row *
ovsext_row_find(const struct hmap *rows, const struct uuid *uuid)
{
    struct ovsext_row *row;

    HMAP_FOR_EACH_WITH_HASH(row, node, uuid_hash(uuid), rows)
    {
        if (uuid_equals(&row->uuid, uuid)) {
            return row;
        }
    }
    return NULL;
}

static unsigned int
seqno_of(const struct ovsdb_idl_row *row)
{
    unsigned int inserted =
        ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT);
    unsigned int modified =
        ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_MODIFY);

    return MAX(inserted, modified);
}

bool
ovsext_row_meet(struct hmap *rows, const struct ovsdb_idl_row *idl_row,
                const char *name, unsigned int turn,
                struct ovsext_row *(*create)(void *aux), void *aux,
                struct ovsext_row **rowp)
{
    struct ovsext_row *row = ovsext_row_find(rows, &idl_row->uuid);
    unsigned int seqno = seqno_of(idl_row);
    bool changed = !row || row->seqno != seqno;

    if (!row) {
        row = create(aux);
        row->uuid = idl_row->uuid;
        row->name = xstrdup(name);
        hmap_insert(rows, &row->node, uuid_hash(&row->uuid));
    }
    row->seqno = seqno;
    row->turn = turn;
    *rowp = row;
    return changed;
}

bool
ovsext_row_differs(struct ovsext_row *row,
                   const struct ovsext_settings *settings)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool same;

    for (size_t i = 0; i < settings->n; i++) {
        const struct insp_setting *setting = &settings->array[i];

        /* With the zeros, so that nothing can be taken for another. */
        ds_put_buffer(&ds, setting->key, strlen(setting->key) + 1);
        ds_put_buffer(&ds, setting->value, strlen(setting->value) + 1);
    }
    same = row->text && row->text_size == ds.length &&
           !memcmp(row->text, ds_cstr(&ds), ds.length);
    free(row->text);
    row->text_size = ds.length;
    row->text = ds_steal_cstr(&ds);
    return !same;
}

void
ovsext_row_parsed(struct ovsext_row *row, const struct insp_faults *faults,
                  const struct insp_faults *warnings)
{
    free(row->faults);
    free(row->warnings);
    row->faults = faults->n ? xstrdup(faults->text) : NULL;
    row->warnings = warnings->n ? xstrdup(warnings->text) : NULL;
    row->stamp = next_stamp();
}

void
ovsext_row_uninit(struct ovsext_row *row)
{
    free(row->name);
    free(row->text);
    free(row->faults);
    free(row->warnings);
    free(row->status.error);
    free(row->status.warning);
}

char *
ovsext_join_faults(const char *a, char *b)
{
    char *both;

    if (!a || !b) {
        return a ? xstrdup(a) : b;
    }
    both = xasprintf("%s; %s", a, b);
    free(b);
    return both;
}

void
ovsext_row_status_set(struct ovsext_row *row, const char *table,
                      const char *state, char *error, char *warning,
                      uint32_t version)
{
    struct ovsext_row_status *status = &row->status;
    bool same_error = nullable_string_is_equal(error, status->error);

    if (status->state == state && status->version == version && same_error &&
        nullable_string_is_equal(warning, status->warning)) {
        free(error);
        free(warning);
        return;
    }
    if (error && !same_error) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 20);

        VLOG_WARN_RL(&rl, "%s %s: %s", table, row->name, error);
    }
    free(status->error);
    free(status->warning);
    status->state = state;
    status->error = error;
    status->warning = warning;
    status->version = version;
    status->stamp = next_stamp();
}

void
ovsext_rules_init(struct ovsext_rules *rules)
{
    memset(rules, 0, sizeof *rules);
    hmap_init(&rules->rules);
    hmap_init(&rules->sets);
    shash_init(&rules->sets_by_name);
    rules->keys = xstrdup("");
    rules->numbers = bitmap_allocate(INSP_RULE_NUMBER_MAX + 1);
}

static uint32_t
take_number(struct ovsext_rules *rules)
{
    for (uint32_t n = 0; n < INSP_RULE_NUMBER_MAX; n++) {
        rules->last_number = rules->last_number % INSP_RULE_NUMBER_MAX + 1;
        if (!bitmap_is_set(rules->numbers, rules->last_number)) {
            bitmap_set1(rules->numbers, rules->last_number);
            return rules->last_number;
        }
    }
    return 0;
}

static struct ovsext_row *
create_rule(void *rules)
{
    struct ovsext_rule *rule = xzalloc(sizeof *rule);

    rule->config.base.number = take_number(rules);
    return &rule->row;
}

static struct ovsext_row *
create_set(void *rules OVS_UNUSED)
{
    struct ovsext_set *set = xzalloc(sizeof *set);

    return &set->row;
}

static void
destroy_rule(struct ovsext_rules *rules, struct ovsext_rule *rule)
{
    hmap_remove(&rules->rules, &rule->row.node);
    bitmap_set0(rules->numbers, rule->config.base.number);
    insp_config_rule_uninit(&rule->config);
    free(rule->link_faults);
    free(rule->link_warnings);
    ovsext_row_uninit(&rule->row);
    free(rule);
}

static void
destroy_set(struct ovsext_rules *rules, struct ovsext_set *set)
{
    hmap_remove(&rules->sets, &set->row.node);
    insp_config_set_uninit(&set->config);
    ovsext_row_uninit(&set->row);
    free(set);
}

static bool
names_sets(const struct insp_term *terms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (terms[i].kind == INSP_TERM_SET) {
            return true;
        }
    }
    return false;
}

static void
parse_rule(struct ovsext_rule *rule, const struct ovsext_settings *settings)
{
    uint32_t number = rule->config.base.number;
    struct insp_faults faults, warnings;

    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    insp_config_rule_uninit(&rule->config);
    insp_config_rule_parse(settings->array, settings->n, &rule->config,
                           &faults, &warnings);
    rule->config.base.number = number;
    rule->has_sets =
        names_sets(rule->config.base.sources, rule->config.base.n_sources) ||
        names_sets(rule->config.base.destinations,
                   rule->config.base.n_destinations);
    if (!number) {
        insp_fault(&faults, "there are more than %u rules",
                   INSP_RULE_NUMBER_MAX);
    }
    ovsext_row_parsed(&rule->row, &faults, &warnings);
}

static void
parse_set(struct ovsext_set *set, const struct ovsext_settings *settings)
{
    struct insp_faults faults, warnings;

    insp_faults_init(&faults);
    insp_faults_init(&warnings);
    insp_config_set_uninit(&set->config);
    insp_config_set_parse(settings->array, settings->n, &set->config, &faults,
                          &warnings);
    ovsext_row_parsed(&set->row, &faults, &warnings);
}

static void
read_sets(struct ovsext_rules *rules, const struct ovsdb_idl *idl)
{
    const struct ovsrec_inspect_address_set *idl_row;
    struct ovsext_settings settings;
    struct ovsext_set *set;
    struct ovsext_row *row;

    OVSREC_INSPECT_ADDRESS_SET_FOR_EACH(idl_row, idl)
    {
        if (ovsext_row_meet(&rules->sets, &idl_row->header_, idl_row->name,
                            rules->turn, create_set, NULL, &row)) {
            ovsext_settings_read(&settings, &idl_row->header_);
            if (ovsext_row_differs(row, &settings)) {
                parse_set(CONTAINER_OF(row, struct ovsext_set, row),
                          &settings);
                rules->n_parsed++;
            }
            ovsext_settings_destroy(&settings);
        }
    }
    shash_clear(&rules->sets_by_name);
    HMAP_FOR_EACH_SAFE(set, row.node, &rules->sets)
    {
        if (set->row.turn != rules->turn) {
            destroy_set(rules, set);
        } else {
            shash_add(&rules->sets_by_name, set->row.name, set);
        }
    }
}

/* What is wrong with a set for a rule that names it, or NULL. */
static const char *
set_fault(const struct ovsext_set *set)
{
    return (!set              ? "there is no Inspect_Address_Set of that name"
            : set->row.faults ? "the Inspect_Address_Set of that name is in "
                                "error"
            : !set->config.enabled ? "the Inspect_Address_Set of that name "
                                     "is disabled"
                                   : NULL);
}

static void
link_terms(const struct ovsext_rules *rules, const char *column,
           const struct insp_term *terms, size_t n, struct insp_faults *faults)
{
    for (size_t i = 0; i < n; i++) {
        const char *fault;
        char text[128];

        if (terms[i].kind != INSP_TERM_SET) {
            continue;
        }
        fault =
            set_fault(shash_find_data(&rules->sets_by_name, terms[i].text));
        if (fault) {
            insp_term_print(&terms[i], text, sizeof text);
            insp_fault(faults, "%s '%s': %s", column, text, fault);
        }
    }
}

static void
link_rule(const struct ovsext_rules *rules, struct ovsext_rule *rule)
{
    const struct insp_rule *base = &rule->config.base;
    struct insp_faults faults;

    free(rule->link_faults);
    rule->link_faults = NULL;
    if (rule->has_sets && !rule->row.faults) {
        insp_faults_init(&faults);
        link_terms(rules, "source", base->sources, base->n_sources, &faults);
        link_terms(rules, "destination", base->destinations,
                   base->n_destinations, &faults);
        rule->link_faults = faults.n ? xstrdup(faults.text) : NULL;
    }
}

static void
add_keys(struct ds *keys, const struct insp_term *terms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (terms[i].kind == INSP_TERM_ID) {
            char *key = xmemdup0(terms[i].text, strcspn(terms[i].text, "="));

            if (!insp_config_has_key(ds_cstr(keys), key)) {
                ds_put_format(keys, "%s\n", key);
            }
            free(key);
        }
    }
}

/* In the order of the rules' numbers, so that the same rules always make the
 * same list. */
static int
compare_numbers(const void *a_, const void *b_)
{
    const struct ovsext_rule *const *a = a_;
    const struct ovsext_rule *const *b = b_;
    uint32_t a_number = (*a)->config.base.number;
    uint32_t b_number = (*b)->config.base.number;

    return a_number < b_number ? -1 : a_number > b_number;
}

static void
gather_keys(struct ovsext_rules *rules)
{
    struct ds keys = DS_EMPTY_INITIALIZER;
    const struct ovsext_rule **sorted;
    struct ovsext_rule *rule;
    size_t n = 0;

    sorted = xcalloc(hmap_count(&rules->rules), sizeof *sorted);
    HMAP_FOR_EACH (rule, row.node, &rules->rules) {
        if (ovsext_rule_is_good(rule)) {
            sorted[n++] = rule;
        }
    }
    qsort(sorted, n, sizeof *sorted, compare_numbers);
    for (size_t i = 0; i < n; i++) {
        const struct insp_rule *base = &sorted[i]->config.base;

        add_keys(&keys, base->sources, base->n_sources);
        add_keys(&keys, base->destinations, base->n_destinations);
    }
    free(sorted);
    free(rules->keys);
    rules->keys = ds_steal_cstr(&keys);
}

void
ovsext_rules_read(struct ovsext_rules *rules, const struct ovsdb_idl *idl)
{
    const struct ovsrec_inspect_rule *idl_row;
    struct ovsext_settings settings;
    struct ovsext_rule *rule;
    struct ovsext_row *row;

    rules->turn++;
    rules->n_parsed = 0;
    read_sets(rules, idl);
    OVSREC_INSPECT_RULE_FOR_EACH(idl_row, idl)
    {
        if (ovsext_row_meet(&rules->rules, &idl_row->header_, idl_row->name,
                            rules->turn, create_rule, rules, &row)) {
            ovsext_settings_read(&settings, &idl_row->header_);
            if (ovsext_row_differs(row, &settings)) {
                parse_rule(CONTAINER_OF(row, struct ovsext_rule, row),
                           &settings);
                rules->n_parsed++;
            }
            ovsext_settings_destroy(&settings);
        }
    }
    HMAP_FOR_EACH_SAFE(rule, row.node, &rules->rules)
    {
        if (rule->row.turn != rules->turn) {
            destroy_rule(rules, rule);
        } else {
            link_rule(rules, rule);
        }
    }
    gather_keys(rules);
}

struct ovsext_rule *
ovsext_rules_find(const struct ovsext_rules *rules, const struct uuid *uuid)
{
    struct ovsext_row *row = ovsext_row_find(&rules->rules, uuid);

    return row ? CONTAINER_OF(row, struct ovsext_rule, row) : NULL;
}

bool
ovsext_rule_is_good(const struct ovsext_rule *rule)
{
    return !rule->row.faults && !rule->link_faults && rule->config.enabled;
}

static void
sets_of_terms(const struct ovsext_rules *rules, const struct insp_term *terms,
              size_t n, void (*each)(struct ovsext_set *, void *aux),
              void *aux)
{
    for (size_t i = 0; i < n; i++) {
        if (terms[i].kind == INSP_TERM_SET) {
            each(shash_find_data(&rules->sets_by_name, terms[i].text), aux);
        }
    }
}

void
ovsext_rule_sets(const struct ovsext_rules *rules,
                 const struct ovsext_rule *rule,
                 void (*each)(struct ovsext_set *, void *aux), void *aux)
{
    const struct insp_rule *base = &rule->config.base;

    if (rule->has_sets) {
        sets_of_terms(rules, base->sources, base->n_sources, each, aux);
        sets_of_terms(rules, base->destinations, base->n_destinations, each,
                      aux);
    }
}

void
ovsext_rules_destroy(struct ovsext_rules *rules)
{
    struct ovsext_rule *rule;
    struct ovsext_set *set;

    HMAP_FOR_EACH_SAFE(rule, row.node, &rules->rules)
    {
        destroy_rule(rules, rule);
    }
    HMAP_FOR_EACH_SAFE(set, row.node, &rules->sets)
    {
        destroy_set(rules, set);
    }
    hmap_destroy(&rules->rules);
    hmap_destroy(&rules->sets);
    shash_destroy(&rules->sets_by_name);
    free(rules->keys);
    bitmap_free(rules->numbers);
}
