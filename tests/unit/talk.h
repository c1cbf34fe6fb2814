/* SPDX-License-Identifier: Apache-2.0 */
/* Talk
 * ====
 *
 * For the tests of readers: two ends of one connection say things, and what
 * the readers made of it is a text, a line an event:
 *
 *     dns id=7 rrname=a.example answers=A=1.2.3.4
 *
 * UINT and BOOL are numbers, texts stand as they came (a byte that is not
 * printable as \xNN), HEX, RAW, IP, IPS and MAC as hexadecimal digits.
 *
 *     struct talk t;
 *     talk_begin(&t, INSP_PROTO_TCP, 40000, 80);
 *     talk_text(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *     talk_hex(&t, 1, "48 54 54 50 ...");
 *     UNIT_STR_EQ(talk_end(&t), "http ...\n");
 *
 * 'segment' cuts what is said into TCP segments of that size, so that the same
 * test can be run byte by byte.
 *
 * Above:    tests/unit/test-app-*.c.    Below:  app/dialog.h.
 * Threads:  one.
 * Memory:   its own; talk_end() gives it back.
 * Time:     1 ms a call, or what the caller adds to now_ns.
 * Fails:    by the assertions of CUnit.
 */

#ifndef INSP_TALK_H
#define INSP_TALK_H 1

#include <stdarg.h>
#include <stdlib.h>

#include "app/dialog.h"
#include "app/event.h"
#include "unit.h"

struct talk {
    struct insp_dialogs *dialogs;
    struct insp_conn *conn;
    uint32_t seq[2];
    size_t segment; /* 0: as it is said. */
    uint64_t now_ns;
    size_t size;
    char text[65536];
    char name[INSP_APP_NAME_MAX + 1]; /* After talk_end(). */
    enum insp_app app;                /* The same. */
};

static inline void
talk_begin(struct talk *t, uint8_t proto, uint16_t from, uint16_t to)
{
    static const struct insp_dialogs_config config = { 8, 64, 16 };

    memset(t, 0, sizeof *t);
    t->conn = aligned_alloc(INSP_CACHE_LINE, sizeof *t->conn);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t->conn);
    CU_ASSERT_EQUAL_FATAL(insp_dialogs_create(&config, &t->dialogs), 0);
    insp_dialogs_want_names(t->dialogs, true);
    memset((void *) t->conn, 0, sizeof *t->conn);
    t->conn->key.ip_version = 4;
    t->conn->key.proto = proto;
    t->conn->key.port[0] = from;
    t->conn->key.port[1] = to;
    t->conn->life = 1;
    t->seq[0] = 1000;
    t->seq[1] = UINT32_MAX - 5; /* Wraps. */
    t->now_ns = 1000000000;
}

static inline INSP_PRINTF(2, 3) void talk_put(struct talk *t,
                                              const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->text + t->size, sizeof t->text - t->size, format, args);
    va_end(args);
    t->size += n > 0 ? (size_t) n : 0;
    if (t->size >= sizeof t->text) {
        t->size = sizeof t->text - 1;
    }
}

static inline void
talk_put_values(struct talk *t, const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size;
    struct insp_value v;

    while (insp_value_next(&at, end, &v)) {
        const struct insp_app_field_info *info = &insp_app_fields[v.field];

        talk_put(t, " %s=", info->key[0] ? info->key : "(raw)");
        switch ((enum insp_value_kind) info->kind) {
        case INSP_VALUE_UINT:
        case INSP_VALUE_BOOL:
        case INSP_VALUE_TIME:
            talk_put(t, "%llu", (unsigned long long) v.number);
            break;
        case INSP_VALUE_TEXT:
        case INSP_VALUE_LIST:
        case INSP_VALUE_GROUP:
            for (size_t i = 0; i < v.size; i++) {
                if (v.bytes[i] < 0x20 || v.bytes[i] > 0x7e) {
                    talk_put(t, "\\x%02x", v.bytes[i]);
                } else {
                    talk_put(t, "%c", v.bytes[i]);
                }
            }
            break;
        case INSP_VALUE_HEX:
        case INSP_VALUE_IP:
        case INSP_VALUE_IPS:
        case INSP_VALUE_MAC:
        case INSP_VALUE_RAW:
            for (size_t i = 0; i < v.size; i++) {
                talk_put(t, "%02x", v.bytes[i]);
            }
            break;
        }
    }
}

static inline void
talk_take(struct talk *t)
{
    struct insp_event_report report;

    while (insp_dialogs_next(t->dialogs, &report)) {
        talk_put(t, "%s", insp_app_word((enum insp_app) report.app));
        talk_put_values(t, report.values, report.size);
        if (report.more) {
            talk_put_values(t, report.more, report.more_size);
        }
        talk_put(t, report.is_cut ? " (cut)\n" : "\n");
    }
}

/* Side 0 is who began. */
static inline void
talk_flags(struct talk *t, unsigned int side, const void *bytes, size_t size,
           uint8_t flags)
{
    size_t step =
        t->segment && t->conn->key.proto == INSP_PROTO_TCP ? t->segment : size;

    t->now_ns += 1000000;
    for (size_t at = 0; at < size || (!size && flags); at += step) {
        size_t n = size - at < step ? size - at : step;
        struct insp_payload p = {
            .captured = n,
            .size = n,
            .tcp_seq = t->seq[side],
            .expected = t->seq[side],
            .has_expected = true,
            .tcp_flags = at + n >= size ? flags : 0,
            .now_ns = t->now_ns,
        };
        uint8_t *copy = malloc(n ? n : 1);

        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        memcpy(copy, (const uint8_t *) bytes + at, n);
        p.bytes = copy;
        if (insp_dialog_wants(t->conn, side, (uint32_t) n, p.tcp_flags)) {
            (void) insp_dialog_feed(t->dialogs, t->conn, side, &p);
        }
        free(copy);
        t->seq[side] += (uint32_t) n;
        talk_take(t);
        if (!size) {
            break;
        }
    }
}

static inline void
talk_say(struct talk *t, unsigned int side, const void *bytes, size_t size)
{
    talk_flags(t, side, bytes, size, 0);
}

static inline void
talk_text(struct talk *t, unsigned int side, const char *text)
{
    talk_say(t, side, text, strlen(text));
}

/* Blanks are passed over. */
static inline void
talk_hex(struct talk *t, unsigned int side, const char *hex)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    size_t n = 0;
    unsigned int byte;

    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    for (; *hex; hex += 2) {
        while (*hex == ' ' || *hex == '\n') {
            hex++;
        }
        if (!*hex) {
            break;
        }
        CU_ASSERT_EQUAL_FATAL(sscanf(hex, "%2x", &byte), 1);
        bytes[n++] = (uint8_t) byte;
    }
    talk_say(t, side, bytes, n);
    free(bytes);
}

static inline void
talk_fin(struct talk *t, unsigned int side)
{
    talk_flags(t, side, "", 0, INSP_TCP_FIN);
}

/* Ends the connection; all blocks must have come back.  The text, valid until
 * the next talk_begin(). */
static inline const char *
talk_end(struct talk *t)
{
    struct insp_dialogs_stats stats;

    insp_dialog_name(t->dialogs, t->conn, t->name);
    insp_dialog_end(t->dialogs, t->conn);
    t->app = (enum insp_app) INSP_READ(t->conn->app);
    talk_take(t);
    insp_dialogs_get_stats(t->dialogs, &stats);
    UNIT_EQ(stats.used, 0);
    UNIT_EQ(stats.used_blocks, 0);
    insp_dialogs_destroy(t->dialogs);
    free((void *) t->conn);
    return t->text;
}

#endif /* tests/unit/talk.h */
