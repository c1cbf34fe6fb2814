/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * An uplink's status says what happened last; certificates' dates stand there
 * as well, read by whoever uses them. */

#include <config.h>

#include "doctor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "inspectctl.h"
#include "smap.h"
#include "util.h"

#define DAY            86400
#define SOON_DAYS      30
#define LAG_SECONDS    30 /* More than any collector needs. */
#define NEARLY_PERCENT 80

static int64_t
statistic(const struct ovsrec_inspect_uplink *u, const char *key)
{
    for (size_t k = 0; k < u->n_statistics; k++) {
        if (!strcmp(u->key_statistics[k], key)) {
            return u->value_statistics[k];
        }
    }
    return 0;
}

static bool
is_used(const struct ovsrec_inspect_uplink *u)
{
    const struct ovsrec_inspector *i;

    OVSREC_INSPECTOR_FOR_EACH(i, the_idl)
    {
        for (size_t k = 0; k < i->n_uplinks; k++) {
            if (i->uplinks[k] == u) {
                return true;
            }
        }
    }
    return false;
}

static void
examine_expiry(const struct ovsrec_inspect_uplink *u, const char *key,
               const char *whose, const char *advice)
{
    const char *text = smap_get_def(&u->status, key, "");
    struct tm tm;
    double left;

    memset(&tm, 0, sizeof tm);
    if (!strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        return;
    }
    left = difftime(timegm(&tm), time(NULL));
    if (left <= 0) {
        finding(SEVERITY_ERROR, "certificate", u->name, advice,
                "%s certificate has expired, at %s", whose, text);
    } else if (left < SOON_DAYS * DAY) {
        finding(SEVERITY_WARNING, "certificate", u->name, advice,
                "%s certificate expires in %.1f days, at %s", whose,
                left / DAY, text);
    }
}

static void
examine_spool(const struct ovsrec_inspect_uplink *u)
{
    const char *error = smap_get_def(&u->status, "spool_error", "");
    int64_t most = u->n_spool_max_bytes ? u->spool_max_bytes[0] : 1 << 30;
    int64_t used = statistic(u, "spool_bytes");
    char a[INSP_MEMORY_TEXT_SIZE], b[INSP_MEMORY_TEXT_SIZE];

    if (error[0]) {
        finding(SEVERITY_ERROR, "spool", u->name,
                "look at the folder's file system and permissions", "%s",
                error);
    }
    if (u->spool_dir && u->spool_dir[0] &&
        used > most / 100 * NEARLY_PERCENT) {
        finding(SEVERITY_WARNING, "spool", u->name,
                "get the collector going again (ovs-inspectctl uplink-test "
                "NAME), or raise spool_max_bytes",
                "%s of %s in %s are used: when it is full the oldest records "
                "are dropped",
                insp_memory_text(used, a), insp_memory_text(most, b),
                u->spool_dir);
    }
}

static void
examine_connection(const struct ovsrec_inspect_uplink *u)
{
    const char *error = smap_get_def(&u->status, "error", "");
    const char *last = smap_get_def(&u->status, "last_error", "");
    long long int lag = atoll(smap_get_def(&u->status, "lag_seconds", "0"));
    int64_t dropped = statistic(u, "dropped");
    char *test = xasprintf("ovs-inspectctl uplink-test %s tells step by step "
                           "what is wrong",
                           u->name);

    if (error[0]) {
        finding(SEVERITY_ERROR, "uplink", u->name,
                "correct the row; see ovs-vswitchd.conf.db(5)", "%s", error);
    } else if (!u->is_connected) {
        finding(SEVERITY_ERROR, "uplink", u->name, test,
                "not connected to %s: %s", u->target,
                last[0] ? last : "no attempt has ended yet");
    } else if (lag > LAG_SECONDS) {
        finding(SEVERITY_WARNING, "uplink", u->name,
                "on the collector's host: ovs-appctl -t ovs-inspect-collector "
                "collector/show says whether its disk is full",
                "connected, but the oldest record waits for %lld s: the "
                "collector does not take them, or not as fast",
                lag);
    }
    if (dropped) {
        finding(SEVERITY_WARNING, "uplink", u->name,
                "give it a spool (spool_dir) or a larger "
                "other_config:queue-limit; see uplink.md",
                "%" PRId64 " records were dropped on this host", dropped);
    }
    free(test);
}

void
examine_uplinks(void)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(the_idl);
    const struct ovsrec_inspect_uplink *u;

    OVSREC_INSPECT_UPLINK_FOR_EACH(u, the_idl)
    {
        if (u->n_enabled && !u->enabled[0]) {
            finding(SEVERITY_NOTE, "uplink", u->name,
                    "ovs-vsctl set Inspect_Uplink NAME enabled=true",
                    "it is switched off (enabled=false)");
        } else if (!is_used(u)) {
            finding(SEVERITY_WARNING, "uplink", u->name,
                    "ovs-inspectctl --may-exist add-uplink INSPECTOR NAME",
                    "no inspector names it, so it carries nothing");
        } else {
            examine_connection(u);
        }
        examine_spool(u);
        examine_expiry(u, "certificate_expires", "this host's",
                       "put the new one in the same file: it is read when it "
                       "changes");
        examine_expiry(u, "peer_expires", "the collector's",
                       "renew it on the collector's host");
    }
    if (ovsrec_inspect_uplink_first(the_idl) &&
        (!ovs || !smap_get(&ovs->external_ids, "system-id"))) {
        finding(SEVERITY_WARNING, "system-id", "",
                "ovs-vsctl set Open_vSwitch . external_ids:system-id=NAME, "
                "the name in this host's certificate",
                "the switch has no external_ids:system-id: collectors know it "
                "by its host name only");
    }
}
