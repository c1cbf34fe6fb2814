/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Which slot takes which action is a table of masks; the fault says what the
 * slot takes and where the action belongs.  Copying a rule copies its text
 * last, so that one which ran out of memory on the way is taken apart like
 * any other. */

#include "rule/rule.h"

#include <stdlib.h>
#include <string.h>

#define ACTION(NAME) (1u << INSP_ACTION_##NAME)

static unsigned int
actions_of(unsigned int slot)
{
    return slot == INSP_SLOT_FIREWALL
               ? ACTION(ALLOW) | ACTION(DROP) | ACTION(RESET) | ACTION(ALERT)
           : slot >= INSP_FIRST_SERVICE_SLOT
               ? ACTION(ALLOW) | ACTION(REDIRECT) | ACTION(ALERT)
               : ACTION(ALERT);
}

static const char *
actions_text(unsigned int slot)
{
    return slot == INSP_SLOT_FIREWALL        ? "allow, drop, reset and alert"
           : slot >= INSP_FIRST_SERVICE_SLOT ? "allow, redirect and alert"
                                             : "alert";
}

static const char *
where_text(enum insp_action action)
{
    switch (action) {
    case INSP_ACTION_ALLOW: return "only slots 2 and 4 to 11 allow";
    case INSP_ACTION_DROP: return "only slot 2 drops";
    case INSP_ACTION_RESET: return "only slot 2 resets";
    case INSP_ACTION_REDIRECT: return "only slots 4 to 11 redirect";
    case INSP_ACTION_ALERT: break;
    }
    return "slots 1 to 11 alert";
}

bool
insp_rule_check(const struct insp_rule *rule, struct insp_faults *faults)
{
    unsigned int slot = rule->slot;

    if (slot >= INSP_N_SLOTS) {
        insp_fault(faults, "slot %u: not in 1..%d", slot, INSP_N_SLOTS - 1);
        return false;
    }
    if (!slot) {
        insp_fault(faults, "slot 0 takes no rule: it only counts");
        return false;
    }
    if (!(actions_of(slot) >> rule->action & 1)) {
        insp_fault(faults, "slot %u takes %s, not %s: %s", slot,
                   actions_text(slot), insp_action_word(rule->action),
                   where_text(rule->action));
        return false;
    }
    return true;
}

static bool
copy_text(char **text)
{
    if (*text) {
        *text = strdup(*text);
        return *text != NULL;
    }
    return true;
}

static bool
clone_terms(struct insp_term **to, size_t *n_to, const struct insp_term *from,
            size_t n)
{
    bool ok = true;

    *to = n ? malloc(n * sizeof **to) : NULL;
    if (n && !*to) {
        return false;
    }
    *n_to = n;
    for (size_t i = 0; i < n; i++) {
        (*to)[i] = from[i];
        ok &= copy_text(&(*to)[i].text);
    }
    return ok;
}

static bool
clone_services(struct insp_rule *to, const struct insp_rule *from)
{
    size_t n = from->n_services;
    bool ok = true;

    to->services = n ? malloc(n * sizeof *to->services) : NULL;
    if (n && !to->services) {
        return false;
    }
    to->n_services = n;
    for (size_t i = 0; i < n; i++) {
        to->services[i] = from->services[i];
        ok &= copy_text(&to->services[i].text);
    }
    return ok;
}

bool
insp_rule_clone(struct insp_rule *to, const struct insp_rule *from)
{
    bool ok = true;

    *to = *from;
    to->sources = NULL;
    to->n_sources = 0;
    to->destinations = NULL;
    to->n_destinations = 0;
    to->services = NULL;
    to->n_services = 0;
    ok &= clone_terms(&to->sources, &to->n_sources, from->sources,
                      from->n_sources);
    ok &= clone_terms(&to->destinations, &to->n_destinations,
                      from->destinations, from->n_destinations);
    ok &= clone_services(to, from);
    if (!ok) {
        insp_rule_uninit(to);
        memset(to, 0, sizeof *to);
    }
    return ok;
}

void
insp_term_uninit(struct insp_term *term)
{
    free(term->text);
    term->text = NULL;
}

void
insp_service_uninit(struct insp_service *service)
{
    free(service->text);
    service->text = NULL;
}

void
insp_rule_uninit(struct insp_rule *rule)
{
    for (size_t i = 0; i < rule->n_sources; i++) {
        insp_term_uninit(&rule->sources[i]);
    }
    for (size_t i = 0; i < rule->n_destinations; i++) {
        insp_term_uninit(&rule->destinations[i]);
    }
    for (size_t i = 0; i < rule->n_services; i++) {
        insp_service_uninit(&rule->services[i]);
    }
    free(rule->sources);
    free(rule->destinations);
    free(rule->services);
    rule->sources = NULL;
    rule->n_sources = 0;
    rule->destinations = NULL;
    rule->n_destinations = 0;
    rule->services = NULL;
    rule->n_services = 0;
}

void
insp_address_set_uninit(struct insp_address_set *set)
{
    free(set->addresses);
    set->addresses = NULL;
    set->n = 0;
}
