/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: one reader of lib/app/ for each program (FUZZ_APP), through
 * the whole of what feeds it: dialog, stream, detection, events.  The input is
 * what two sides say:
 *
 *     first byte: 0 TCP, 1 UDP, 2 GRE; plus 3: at the protocol's port
 *     then pieces: flags (bit 0: the side that answers; bit 1: 40 bytes
 *     of it are overtaken by what follows; bit 2: FIN; bit 3: half of it was
 *     not captured), size (two bytes), bytes
 *
 * Only this reader is on.  Each piece is an allocation of its own, so that a
 * sanitizer sees every read beyond it.  What comes out must be well formed,
 * and every block must have come back at the end. */

#include "app/dialog.h"
#include "app/event.h"
#include "fuzz.h"

static void
check_values(const uint8_t *values, size_t size, uint8_t app)
{
    const uint8_t *at = values;
    struct insp_value v;

    while (insp_value_next(&at, values + size, &v)) {
        const struct insp_app_field_info *info = &insp_app_fields[v.field];

        FUZZ_PROMISE(info->app == app);
        FUZZ_PROMISE(info->kind != INSP_VALUE_BOOL || v.number <= 1);
        FUZZ_PROMISE(info->kind != INSP_VALUE_MAC || v.size == 6);
        FUZZ_PROMISE(
            (info->kind != INSP_VALUE_IP && info->kind != INSP_VALUE_IPS) ||
            v.size == 4 || v.size == 16);
    }
    FUZZ_PROMISE(at == values + size);
}

static unsigned int
take_events(struct insp_dialogs *ds)
{
    struct insp_event_report report;
    unsigned int n = 0;

    while (insp_dialogs_next(ds, &report)) {
        FUZZ_PROMISE(report.app < INSP_N_APPS_READ);
        check_values(report.values, report.size, report.app);
        if (report.more) {
            check_values(report.more, report.more_size, report.app);
        }
        n++;
    }
    return n;
}

static void
feed(struct insp_dialogs *ds, struct insp_conn *conn, unsigned int side,
     struct insp_payload *p, const uint8_t *bytes)
{
    uint8_t *copy = malloc(p->captured ? p->captured : 1);

    FUZZ_PROMISE(copy != NULL);
    memcpy(copy, bytes, p->captured);
    p->bytes = copy;
    if (insp_dialog_wants(conn, side, (uint32_t) p->size, p->tcp_flags)) {
        (void) insp_dialog_feed(ds, conn, side, p);
    }
    free(copy);
}

static void
talk(struct insp_dialogs *ds, struct insp_conn *conn, struct insp_cursor *c)
{
    uint32_t seq[2] = { 1000, 0xfffffff0 };
    uint64_t now_ns = 1000000000;

    while (insp_cursor_left(c) >= 3) {
        uint8_t flags = insp_cursor_u8(c);
        size_t size = insp_cursor_be16(c);
        unsigned int side = flags & 1;
        struct insp_payload p = { .now_ns = now_ns += 1000000 };
        const uint8_t *bytes;

        size = INSP_MIN(size, insp_cursor_left(c));
        bytes = insp_cursor_take(c, size);
        p.size = size;
        p.captured = flags & 8 ? size / 2 : size;
        p.tcp_seq = seq[side];
        p.tcp_flags = flags & 4 ? INSP_TCP_FIN : 0;
        p.expected = seq[side];
        p.has_expected = true;
        if (flags & 2 && size > 40) {
            p.tcp_seq += 40;
            p.size = p.captured = size - 40;
            feed(ds, conn, side, &p, bytes + 40);
            p.tcp_seq -= 40;
            p.size = p.captured = 40;
        }
        feed(ds, conn, side, &p, bytes);
        seq[side] += (uint32_t) size;
        if (now_ns % 7000000 == 0) {
            (void) take_events(ds);
        }
    }
}

/* The first port of the protocol, or one that no protocol has. */
static uint16_t
port_of(bool is_known)
{
    for (unsigned int port = 1; is_known && port <= UINT16_MAX; port++) {
        if (insp_app_has_port(FUZZ_APP, (uint16_t) port)) {
            return (uint16_t) port;
        }
    }
    return 1234;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t protos[] = { INSP_PROTO_TCP, INSP_PROTO_UDP, 47 };
    static const struct insp_dialogs_config config = { 4, 32, 8 };
    static struct insp_conn conn;
    static struct insp_dialogs *ds;
    static uint16_t ports[2];
    struct insp_cursor c = insp_cursor(data, size);
    uint8_t first = insp_cursor_u8(&c);
    struct insp_dialogs_stats stats;

    if (!ds) {
        FUZZ_PROMISE(!insp_dialogs_create(&config, &ds));
        ports[0] = port_of(false);
        ports[1] = port_of(true);
        for (unsigned int i = 0; i < INSP_N_APPS; i++) {
            insp_dialogs_switch(ds, (enum insp_app) i, i == FUZZ_APP);
        }
    }
    memset((void *) &conn, 0, sizeof conn);
    conn.key.ip_version = 4;
    conn.key.proto = protos[first % 3];
    conn.key.port[0] = 40000;
    conn.key.port[1] = ports[first / 3 % 2];
    conn.life = 7;
    talk(ds, &conn, &c);
    insp_dialog_end(ds, &conn);
    (void) take_events(ds);
    insp_dialogs_get_stats(ds, &stats);
    FUZZ_PROMISE(!stats.used && !stats.used_blocks);
    return 0;
}
