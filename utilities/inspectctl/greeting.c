/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 *
 * To a collector that acknowledges we say HELLO, as an uplink of a name of
 * its own, and close when it is welcome: so it is known whether this sensor
 * may come with this credential.  Any other one is listened to for a second,
 * since with TLS 1.3 a refusal comes after the handshake. */

#include <config.h>

#include "greeting.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "export/frame.h"
#include "export/tls.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

#define ANSWER_MS 5000 /* For a WELCOME. */
#define LISTEN_MS 1000 /* For a refusal. */

const char *
greeting_alpn(void)
{
    return INSP_FRAME_ALPN;
}

static bool
wait_for(const struct greeting *g, enum insp_tls_result wanted,
         long long int until)
{
    struct pollfd pfd = {
        .fd = insp_tls_fd(g->tls),
        .events = wanted == INSP_TLS_WANT_WRITE ? POLLOUT : POLLIN,
    };
    long long int left = until - time_wall_msec();

    return left > 0 && poll(&pfd, 1, left) > 0;
}

static bool
say(const struct greeting *g, const struct insp_put *put, long long int until)
{
    for (;;) {
        enum insp_tls_result r =
            insp_tls_write(g->tls, put->start, insp_put_size(put));

        if (r == INSP_TLS_OK) {
            return true;
        } else if (r == INSP_TLS_CLOSED || r == INSP_TLS_FAILED ||
                   !wait_for(g, r, until)) {
            return false;
        }
    }
}

static bool
say_hello(const struct greeting *g, long long int until)
{
    struct insp_frame_hello hello = {
        .version = INSP_FRAME_VERSION,
        .format = g->json ? INSP_FRAME_JSON : INSP_FRAME_IPFIX,
        .incarnation = random_uint32() | 1,
        .next = 1,
        .uplink = "uplink-test",
    };
    uint8_t bytes[1024];
    struct insp_put put = insp_put(bytes, sizeof bytes);

    ovs_strlcpy(hello.sensor, g->sensor, sizeof hello.sensor);
    insp_frame_put_hello(&put, &hello);
    return say(g, &put, until);
}

static void
say_good_bye(const struct greeting *g)
{
    uint8_t bytes[64];
    struct insp_put put = insp_put(bytes, sizeof bytes);

    insp_frame_put_close(&put, "uplink-test");
    (void) say(g, &put, time_wall_msec() + LISTEN_MS);
}

/* What the first frame of the collector says. */
static bool
is_welcome(const struct greeting *g, const uint8_t *bytes, size_t length,
           char *text, size_t size)
{
    struct insp_uplink_frame frame;
    const char *wrong = insp_frame_read(bytes, length, &frame);

    if (wrong) {
        snprintf(text, size, "nonsense: %s", wrong);
    } else if (frame.type == INSP_FRAME_CLOSE) {
        snprintf(text, size, "refused: %s", frame.why);
    } else if (frame.type != INSP_FRAME_WELCOME) {
        snprintf(text, size, "nonsense: not a WELCOME");
    } else {
        snprintf(text, size, "welcome as %s; records will be acknowledged",
                 g->sensor);
        say_good_bye(g);
        return true;
    }
    return false;
}

/* Until it has said enough, or 'until'. */
static bool
listen_to(const struct greeting *g, bool framed, long long int until,
          char *text, size_t size)
{
    uint8_t bytes[2048];
    size_t used = 0;

    for (;;) {
        size_t n = 0, length;
        enum insp_tls_result r =
            insp_tls_read(g->tls, bytes + used, sizeof bytes - used, &n);

        if (r == INSP_TLS_CLOSED || r == INSP_TLS_FAILED) {
            snprintf(text, size, "%s", insp_tls_error(g->tls));
            return false;
        } else if (r != INSP_TLS_OK) {
            if (!wait_for(g, r, until)) {
                snprintf(text, size,
                         framed
                             ? "no WELCOME came"
                             : "none: the receiver does not acknowledge, what "
                               "TCP has taken counts as sent");
                return !framed;
            }
        } else if (framed) {
            enum insp_frame_extent extent;

            used += n;
            extent = insp_frame_extent(bytes, used, &length);
            if (extent == INSP_FRAME_WHOLE) {
                return is_welcome(g, bytes, length, text, size);
            } else if (extent == INSP_FRAME_ALIEN || used == sizeof bytes) {
                snprintf(text, size, "nonsense");
                return false;
            }
        }
    }
}

bool
exchange_greetings(const struct greeting *g, char *text, size_t size)
{
    bool framed = !strcmp(insp_tls_alpn(g->tls), INSP_FRAME_ALPN);
    long long int until = time_wall_msec() + (framed ? ANSWER_MS : LISTEN_MS);

    if (framed && !say_hello(g, until)) {
        snprintf(text, size, "%s", insp_tls_error(g->tls));
        return false;
    }
    return listen_to(g, framed, until, text, size);
}
