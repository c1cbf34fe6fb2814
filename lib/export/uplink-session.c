/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * With TLS 1.3 a client's handshake ends before the server has looked at the
 * client's credential.  So that a refusal does not swallow records, they are
 * held back ("settling").  A collector that speaks frame.h says WELCOME.  For
 * any other one it takes that something has come from it (a key update, a
 * session ticket), or twice the time of the handshake, at least 100 ms.  Who
 * has dialled us has shown its credential already.
 *
 * Files are looked at before each handshake and once a second.  A set that
 * does not fit together leaves the last one in use; a new one is used for the
 * next connection, and the peer of the one that stands is looked at again: it
 * is cut off if it would be refused now.
 */

#include <stdio.h>
#include <unistd.h>

#include "export/uplink-private.h"

#define MS              INSP_UPLINK_MS
#define HANDSHAKE_LIMIT (10000 * MS)
#define GUEST_LIMIT     (3000 * MS) /* Others may be waiting. */
#define SETTLE_LEAST    (100 * MS)
#define SETTLE_MOST     (1000 * MS)
#define CHECK_INTERVAL  (1000 * MS)
#define READS_PER_TURN  64

/* Files. */

static enum insp_tls_renewal
renew(struct insp_uplink *u)
{
    const struct insp_uplink_config *c = &u->config;
    const struct insp_tls_config config = {
        .private_key = c->private_key,
        .certificate = c->certificate,
        .ca_cert = c->ca_cert,
        .protocols = c->protocols,
        .ciphers = c->ciphers,
        .ciphersuites = c->ciphersuites,
        .crl_file = c->crl_file,
        .token_file = c->token_file,
        .peer_name = c->peer_name,
        .alpn = INSP_FRAME_ALPN,
        .server = c->targets[u->target].listens,
        .bootstrap = c->bootstrap_ca_cert && !c->targets[u->target].listens,
    };
    enum insp_tls_renewal r =
        insp_tls_context_renew(&u->context, &u->files_mark, &config,
                               u->files_why, sizeof u->files_why);

    if (r == INSP_TLS_RENEWED) {
        u->files_why[0] = '\0';
    }
    return r;
}

/* The session. */

void
insp_uplink_begin_session(struct insp_uplink *u, int fd, bool is_server,
                          uint64_t now)
{
    const char *host = u->config.targets[u->target].host;

    u->next_check = now + CHECK_INTERVAL;
    (void) renew(u);
    if (!u->context) {
        close(fd);
        insp_uplink_fail(u, now, "%s", u->files_why);
        return;
    }
    u->tls = insp_tls_create(u->context, fd, is_server ? NULL : host);
    if (!u->tls) {
        insp_uplink_fail(u, now, "cannot begin TLS with '%s'", host);
        return;
    }
    u->is_server = is_server;
    u->handshake_began = now;
    u->deadline = now + (is_server ? GUEST_LIMIT : HANDSHAKE_LIMIT);
    insp_uplink_enter(u, INSP_UPLINK_HANDSHAKE);
}

/* False: it goes on, or it has failed. */
static bool
finish_handshake(struct insp_uplink *u, uint64_t now)
{
    bool at_once;

    switch (insp_tls_handshake(u->tls)) {
    case INSP_TLS_OK: return true;
    case INSP_TLS_WANT_WRITE: u->want_write = true; /* fall through */
    case INSP_TLS_WANT_READ:
        if (now >= u->deadline) {
            insp_uplink_fail(u, now, "no answer to the TLS handshake");
        }
        return false;
    case INSP_TLS_CLOSED:
    case INSP_TLS_FAILED: break;
    }
    at_once = insp_tls_has_bootstrapped(u->tls);
    insp_uplink_fail(u, now, "%s", insp_tls_error(u->tls));
    if (at_once) {
        u->deadline = now; /* The next one can be verified. */
    }
    return false;
}

static void
settle(struct insp_uplink *u, uint64_t now)
{
    uint64_t took = 2 * (now - u->handshake_began);

    insp_tls_get_peer(u->tls, u->peer, sizeof u->peer);
    insp_tls_get_protocol(u->tls, u->protocol, sizeof u->protocol);
    u->is_framed = !strcmp(insp_tls_alpn(u->tls), INSP_FRAME_ALPN);
    u->is_settling = true;
    u->received_before = insp_tls_received(u->tls);
    u->deadline = now;
    if (u->is_framed) {
        u->deadline += INSP_FRAME_FIRST_MS * MS;
    } else if (!u->is_server && insp_tls_speaks_13(u->tls)) {
        u->deadline += INSP_MIN(INSP_MAX(took, SETTLE_LEAST), SETTLE_MOST);
    }
    insp_uplink_introduce(u);
}

static bool
is_settled(const struct insp_uplink *u, uint64_t now)
{
    return u->is_framed ? u->is_welcome
                        : now >= u->deadline ||
                              insp_tls_received(u->tls) != u->received_before;
}

static void
become_active(struct insp_uplink *u, uint64_t now)
{
    char target[300];

    u->is_settling = false;
    u->connects++;
    u->n_tried = 0;
    u->active_since = now;
    u->down_since = 0;
    u->linger_until = now;
    u->next_check = now + CHECK_INTERVAL;
    u->last_error[0] = '\0';
    insp_uplink_enter(u, INSP_UPLINK_ACTIVE);
    insp_uplink_print_target(&u->config.targets[u->target], target,
                             sizeof target);
    insp_log(u->host, INSP_LOG_INFO, "uplink %s (%s): connected to %s, %s%s",
             u->config.name, target, u->peer, u->protocol,
             u->is_framed ? ", with acknowledgements" : "");
    if (u->is_framed && !u->out_size) {
        insp_uplink_introduce(u);
    }
}

void
insp_uplink_shake_hands(struct insp_uplink *u, uint64_t now)
{
    u->want_write = false;
    if (!u->is_settling) {
        if (!finish_handshake(u, now)) {
            return;
        }
        settle(u, now);
    }
    if (!insp_uplink_write_out(u, now) && u->state != INSP_UPLINK_HANDSHAKE) {
        return;
    }
    if (!insp_uplink_receive(u, now)) {
        return;
    } else if (is_settled(u, now)) {
        become_active(u, now);
        insp_uplink_send(u, now);
    } else if (now >= u->deadline) {
        insp_uplink_fail(u, now, "the collector does not say WELCOME");
    }
}

/* What the other end says. */

static bool
take_welcome(struct insp_uplink *u, const struct insp_frame_welcome *w,
             uint64_t now)
{
    if (u->is_welcome) {
        insp_uplink_fail(u, now, "the collector has said WELCOME twice");
        return false;
    } else if (w->version != INSP_FRAME_VERSION) {
        insp_uplink_fail(u, now,
                         "the collector speaks version %u of the protocol; "
                         "%u is expected",
                         w->version, INSP_FRAME_VERSION);
        return false;
    }
    u->is_welcome = true;
    u->credit = w->credit;
    return true;
}

static bool
take_frame(struct insp_uplink *u, const uint8_t *bytes, size_t size,
           uint64_t now)
{
    struct insp_uplink_frame frame;
    const char *wrong = insp_frame_read(bytes, size, &frame);

    if (wrong) {
        insp_uplink_fail(u, now, "the collector has sent nonsense: %s", wrong);
        return false;
    }
    switch (frame.type) {
    case INSP_FRAME_WELCOME: return take_welcome(u, &frame.welcome, now);
    case INSP_FRAME_ACK: insp_uplink_acknowledge(u, &frame.ack); return true;
    case INSP_FRAME_CLOSE:
        insp_uplink_fail(u, now, "the collector says: %s", frame.why);
        return false;
    case INSP_FRAME_HELLO:
    case INSP_FRAME_MESSAGE:
    case INSP_FRAME_LOST: break;
    }
    insp_uplink_fail(u, now,
                     "the collector has sent what only a sensor sends");
    return false;
}

static bool
take_frames(struct insp_uplink *u, uint64_t now)
{
    size_t at = 0, size;

    for (;;) {
        switch (insp_frame_extent(u->in + at, u->in_size - at, &size)) {
        case INSP_FRAME_WHOLE: break;
        case INSP_FRAME_PART:
            u->in_size -= at;
            memmove(u->in, u->in + at, u->in_size);
            if (u->in_size < sizeof u->in) {
                return true;
            } /* fall through */
        case INSP_FRAME_ALIEN:
            insp_uplink_fail(u, now, "the collector has sent nonsense");
            return false;
        }
        if (!take_frame(u, u->in + at, size, now)) {
            return false;
        }
        at += size;
    }
}

/* Who does not speak frames cannot say why he closes; but one reason can be
 * seen from here. */
void
insp_uplink_broken(struct insp_uplink *u, uint64_t now)
{
    const char *why = insp_tls_error(u->tls);

    if (u->is_framed || !u->context ||
        insp_tls_context_is(u->context, u->sensor)) {
        insp_uplink_fail(u, now, "%s", why);
    } else {
        insp_uplink_fail(u, now,
                         "%s; perhaps because what we show is not "
                         "for '%s', the sensor's name",
                         why, u->sensor);
    }
}

bool
insp_uplink_receive(struct insp_uplink *u, uint64_t now)
{
    for (unsigned int i = 0; i < READS_PER_TURN; i++) {
        size_t n;

        switch (insp_tls_read(u->tls, u->in + u->in_size,
                              sizeof u->in - u->in_size, &n)) {
        case INSP_TLS_OK:
            /* To whoever does not speak frames there is nothing to say. */
            u->in_size += u->is_framed ? n : 0;
            if (!take_frames(u, now)) {
                return false;
            }
            break;
        case INSP_TLS_WANT_READ: return true;
        case INSP_TLS_WANT_WRITE: u->want_write = true; return true;
        case INSP_TLS_CLOSED:
        case INSP_TLS_FAILED: insp_uplink_broken(u, now); return false;
        }
    }
    return true;
}

/* Looking after it. */

/* The other end learns why, if nothing is in the way. */
static void
cut(struct insp_uplink *u, const char *why, uint64_t now)
{
    if (u->is_framed && !u->out_size) {
        uint8_t bytes[INSP_FRAME_HEADER_SIZE + INSP_FRAME_WHY_SIZE];
        struct insp_put put = insp_put(bytes, sizeof bytes);

        insp_frame_put_close(&put, why);
        (void) insp_tls_write(u->tls, bytes, insp_put_size(&put));
    }
    insp_uplink_fail(u, now, "%s", why);
}

static void
check_files(struct insp_uplink *u, uint64_t now)
{
    bool had = u->context != NULL;
    char why[384];

    switch (renew(u)) {
    case INSP_TLS_SAME: return;
    case INSP_TLS_STALE:
        insp_log(u->host, INSP_LOG_WARN, "uplink %s: %s%s", u->config.name,
                 u->files_why,
                 u->context ? "; the files before it stay in use" : "");
        break;
    case INSP_TLS_RENEWED:
        if (had) {
            insp_log(u->host, INSP_LOG_INFO, "uplink %s: new keys are in use",
                     u->config.name);
        }
        if (u->state == INSP_UPLINK_ACTIVE &&
            !insp_tls_recheck(u->tls, u->context, why, sizeof why)) {
            cut(u, why, now);
        }
        break;
    }
    if (u->state == INSP_UPLINK_BACKOFF) {
        u->deadline = now;
    }
}

void
insp_uplink_check(struct insp_uplink *u, uint64_t now)
{
    uint32_t limit = INSP_MAX(3 * u->config.inactivity_probe_ms, 3000U);

    u->next_check = now + CHECK_INTERVAL;
    check_files(u, now);
    if (u->state != INSP_UPLINK_ACTIVE || !u->config.inactivity_probe_ms) {
        return;
    } else if (!insp_dial_is_deaf(insp_tls_fd(u->tls), limit)) {
        u->deaf_since = 0;
    } else if (!u->deaf_since) {
        u->deaf_since = now;
    } else if (now - u->deaf_since > limit * MS) {
        insp_uplink_fail(u, now, "no answer from the other end for %u s",
                         limit / 1000);
    }
}
