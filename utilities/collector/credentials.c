/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: insp_tls_context_renew() compares the files and decides; here
 * is when, and what the log says. */

#include <config.h>

#include "credentials.h"

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(collector_credentials);

#define LOOK_MS 1000

static enum insp_tls_renewal
look(struct collector_credentials *c)
{
    enum insp_tls_renewal r;
    char why[sizeof c->fault] = "";

    c->next_look = time_msec() + LOOK_MS;
    r = insp_tls_context_renew(&c->context, &c->mark, &c->config, why,
                               sizeof why);
    if (r != INSP_TLS_SAME) {
        ovs_strlcpy(c->fault, why, sizeof c->fault);
    }
    return r;
}

bool
collector_credentials_init(struct collector_credentials *c,
                           const struct insp_tls_config *config)
{
    memset(c, 0, sizeof *c);
    c->config = *config;
    return look(c) == INSP_TLS_RENEWED;
}

bool
collector_credentials_run(struct collector_credentials *c)
{
    if (time_msec() < c->next_look) {
        return false;
    }
    switch (look(c)) {
    case INSP_TLS_SAME: break;
    case INSP_TLS_RENEWED:
        VLOG_INFO("certificate and token files were read again");
        return true;
    case INSP_TLS_STALE:
        VLOG_WARN("%s; what was read before stays in use", c->fault);
        break;
    }
    return false;
}

void
collector_credentials_wait(const struct collector_credentials *c)
{
    poll_timer_wait_until(c->next_look);
}

void
collector_credentials_uninit(struct collector_credentials *c)
{
    insp_tls_context_destroy(c->context);
    c->context = NULL;
}
