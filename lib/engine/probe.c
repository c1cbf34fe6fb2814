/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: see probe.h.  Whoever sends notes when the first one went out that
 * has not come back; whoever gets one back clears that. */

#include "engine/probe.h"

#include <string.h>

static const uint8_t header[] = {
    0x02,
    'i',
    'n',
    's',
    'p',
    0x01, /* To nobody... */
    0x02,
    'i',
    'n',
    's',
    'p',
    0x00, /* ... from nobody. */
    INSP_PROBE_ETHERTYPE >> 8,
    INSP_PROBE_ETHERTYPE & 0xff,
    'i',
    'n',
    's',
    'p',
    '-',
    'p',
    'r',
    'o',
    'b',
    'e',
};

struct text {
    uint8_t header[sizeof header];
    uint8_t function[4];
    uint8_t secret[8];
};
_Static_assert(sizeof(struct text) <= INSP_PROBE_SIZE, "fits a frame");

void
insp_probe_build(const struct insp_function *f, uint8_t *frame)
{
    struct text text;

    memcpy(text.header, header, sizeof header);
    memcpy(text.function, &f->id, sizeof text.function);
    memcpy(text.secret, &f->probe_secret, sizeof text.secret);
    memset(frame, 0, INSP_PROBE_SIZE);
    memcpy(frame, &text, sizeof text);
}

bool
insp_probe_is_mine(const struct insp_function *f, const void *frame,
                   size_t size)
{
    struct text text;

    if (size < sizeof text) {
        return false;
    }
    memcpy(&text, frame, sizeof text);
    return !memcmp(text.header, header, sizeof header) &&
           !memcmp(text.function, &f->id, sizeof text.function) &&
           !memcmp(text.secret, &f->probe_secret, sizeof text.secret);
}

void
insp_probe_returned(struct insp_function *f, unsigned int worker)
{
    atomic_store_explicit(&f->unanswered_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&f->probe_seen, true, memory_order_relaxed);
    INSP_COUNT(f->tallies[worker].probes_returned, 1);
}

size_t
insp_engine_probe(struct insp_engine *engine, uint32_t id, uint64_t now_ns,
                  uint8_t frame[INSP_PROBE_SIZE], uint64_t *next_ns)
{
    struct insp_function *f;
    size_t size = 0;

    *next_ns = UINT64_MAX;
    pthread_mutex_lock(&engine->inspectors_mutex);
    f = insp_functions_find(engine, id);
    if (f && f->config.probe_interval_ms &&
        f->config.slot != INSP_SLOT_LEAVING &&
        INSP_READ(f->port_state) == INSP_FUNCTION_UP) {
        if (now_ns >= f->next_probe_ns) {
            uint64_t none = 0;

            insp_probe_build(f, frame);
            size = INSP_PROBE_SIZE;
            f->probes_sent++;
            f->next_probe_ns =
                now_ns + f->config.probe_interval_ms * UINT64_C(1000000);
            atomic_compare_exchange_strong(&f->unanswered_ns, &none, now_ns);
        }
        *next_ns = f->next_probe_ns;
    }
    pthread_mutex_unlock(&engine->inspectors_mutex);
    return size;
}
