/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A session begins with two messages of X.224 in TPKT (RFC 1006): the client
 * asks, with a cookie and the kinds of security that it knows, and the server
 * chooses ([MS-RDPBCGR], sections 2.2.1.1 and 2.2.1.2).  When that is TLS, in
 * any of its forms, TLS is next.  Else the client's first message of T.125 is
 * in clear, and says what it is (section 2.2.1.3); behind it nothing is read.
 *
 *     client: connection request ------> record begins
 *     server: connection confirm ------> ended, when TLS follows
 *     client: MCS connect initial -----> ended
 */

#include "app/event.h"
#include "app/little.h"

#define TPKT_HEAD    4
#define X224_HEAD    7 /* Length indicator and what it counts. */
#define NEGO_SIZE    8
#define WANT         2048
#define COOKIE_MAX   256
#define CHANNELS_MAX 16

enum {
    CONNECTION_REQUEST = 0xe0,
    CONNECTION_CONFIRM = 0xd0,
    DATA = 0xf0,

    NEGO_REQUEST = 1,
    NEGO_RESPONSE = 2,
    NEGO_FAILURE = 3,

    CS_CORE = 0xc001,
    CS_NET = 0xc003,
};

static const char cookie_word[] = "Cookie: mstshash=";
static const char token_word[] = "Cookie: msts=";

/* A TPKT: version 3, a zero, its length. */
static bool
read_tpkt(const uint8_t *at, size_t size, uint16_t *length)
{
    *length = size >= TPKT_HEAD ? insp_be16(at + 2) : 0;
    return at[0] == 3 && (size < 2 || !at[1]) &&
           (size < TPKT_HEAD || *length >= TPKT_HEAD + 3);
}

static bool
begins_with(const struct insp_cursor *c, const char *word)
{
    return insp_cursor_left(c) >= strlen(word) &&
           !memcmp(c->at, word, strlen(word));
}

/* Behind the head of a connection request or confirm: "Cookie: ...", or
 * RDP_NEG_REQ and its answers, which have a length of 8. */
static bool
is_negotiation(const uint8_t *at, size_t size, uint8_t code)
{
    if (code == CONNECTION_REQUEST && size >= 7 && !memcmp(at, "Cookie:", 7)) {
        return true;
    }
    return size >= NEGO_SIZE && at[2] == NEGO_SIZE && !at[3] &&
           (code == CONNECTION_REQUEST
                ? at[0] == NEGO_REQUEST
                : at[0] == NEGO_RESPONSE || at[0] == NEGO_FAILURE);
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    const uint8_t *at = r->bytes;
    uint16_t length;
    size_t head = TPKT_HEAD + X224_HEAD;

    if (!r->is_stream || !r->size || !read_tpkt(at, r->size, &length)) {
        return INSP_GUESS_NO;
    }
    if (r->size < TPKT_HEAD + 2) {
        return INSP_GUESS_MAYBE;
    }
    if ((at[5] != CONNECTION_REQUEST && at[5] != CONNECTION_CONFIRM) ||
        at[4] + TPKT_HEAD + 1u != length || length < head) {
        return INSP_GUESS_NO;
    }
    if (length == head) {
        /* Before there was anything to negotiate: as in other protocols of
         * X.224. */
        return insp_reading_at_port(r, INSP_APP_RDP) ? INSP_GUESS_YES
                                                     : INSP_GUESS_NO;
    }
    if (is_negotiation(at + head, r->size > head ? r->size - head : 0,
                       at[5])) {
        return INSP_GUESS_YES;
    }
    return r->size < head + NEGO_SIZE && r->size < length ? INSP_GUESS_MAYBE
                                                          : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* X.224. */

struct bit_text {
    uint32_t bit;
    const char *text;
};

static void
put_bits(struct insp_event *e, enum insp_app_field field, uint32_t bits,
         const struct bit_text *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bits & table[i].bit) {
            insp_event_text(e, field, table[i].text);
        }
    }
}

static const struct bit_text protocols[] = {
    { 1, "ssl" },       { 2, "hybrid" },   { 4, "rds_tls" },
    { 8, "hybrid_ex" }, { 16, "rds_aad" },
};

/* Section 2.2.1.1. */
static void
read_request(struct insp_reading *r, struct insp_cursor c)
{
    static const struct bit_text flags[] = {
        { 1, "restricted_admin_mode_required" },
        { 2, "redirected_authentication_mode_required" },
        { 8, "correlation_info_present" },
    };
    struct insp_event *e = insp_event_begin(r, INSP_APP_RDP, 0);
    uint32_t offered = 0;

    insp_cursor_skip(&c, X224_HEAD);
    if (begins_with(&c, cookie_word) || begins_with(&c, token_word)) {
        bool is_cookie = begins_with(&c, cookie_word);
        const uint8_t *end = memchr(c.at, '\r', insp_cursor_left(&c));
        size_t size;

        insp_cursor_skip(&c, strlen(is_cookie ? cookie_word : token_word));
        size =
            end && end >= c.at ? (size_t) (end - c.at) : insp_cursor_left(&c);
        if (is_cookie) {
            insp_event_bytes(e, INSP_FIELD_RDP_COOKIE, c.at,
                             INSP_MIN(size, COOKIE_MAX));
        }
        insp_cursor_skip(&c, size);
        insp_cursor_skip(&c, 2);
    }
    if (insp_cursor_left(&c) >= NEGO_SIZE && *c.at == NEGO_REQUEST) {
        insp_cursor_skip(&c, 1);
        put_bits(e, INSP_FIELD_RDP_FLAGS, insp_cursor_u8(&c), flags,
                 INSP_ARRAY_SIZE(flags));
        insp_cursor_skip(&c, 2);
        offered = insp_little_u32(&c);
    }
    if (offered) {
        put_bits(e, INSP_FIELD_RDP_REQUESTED, offered, protocols,
                 INSP_ARRAY_SIZE(protocols));
    } else {
        insp_event_text(e, INSP_FIELD_RDP_REQUESTED, "rdp");
    }
}

static const char *
failure_text(uint32_t code)
{
    static const char *const texts[] = {
        [1] = "ssl required by server",
        [2] = "ssl not allowed by server",
        [3] = "ssl cert not on server",
        [4] = "inconsistent flags",
        [5] = "hybrid required by server",
        [6] = "ssl with user auth required by server",
    };

    return code && code < INSP_ARRAY_SIZE(texts) ? texts[code] : "unknown";
}

/* RDP_NEG_RSP; true: TLS follows. */
static bool
read_choice(struct insp_event *e, uint8_t flags, uint32_t protocol)
{
    static const struct bit_text supports[] = {
        { 1, "extended_client_data" },
        { 2, "dynvc_gfx" },
        { 8, "restricted_admin" },
        { 16, "redirected_authentication" },
    };

    put_bits(e, INSP_FIELD_RDP_SUPPORTS, flags, supports,
             INSP_ARRAY_SIZE(supports));
    for (size_t i = 0; i < INSP_ARRAY_SIZE(protocols); i++) {
        if (protocol == protocols[i].bit) {
            insp_event_text(e, INSP_FIELD_RDP_PROTOCOL, protocols[i].text);
            return true;
        }
    }
    insp_event_text(e, INSP_FIELD_RDP_PROTOCOL, protocol ? "unknown" : "rdp");
    return false;
}

/* Section 2.2.1.2. */
static void
read_confirm(struct insp_reading *r, struct insp_cursor c)
{
    struct insp_event *e = insp_event_oldest(r, INSP_APP_RDP);
    uint8_t type, flags;
    uint32_t value;

    if (!e) {
        e = insp_event_begin(r, INSP_APP_RDP, 0);
    }
    insp_event_uint(e, INSP_FIELD_RDP_LATENCY, insp_event_age_us(r, e));
    insp_cursor_skip(&c, X224_HEAD);
    type = insp_cursor_u8(&c);
    flags = insp_cursor_u8(&c);
    insp_cursor_skip(&c, 2);
    value = insp_little_u32(&c);
    if (c.failed || (type != NEGO_RESPONSE && type != NEGO_FAILURE)) {
        insp_event_text(e, INSP_FIELD_RDP_PROTOCOL, "rdp");
        return;
    }
    if (type == NEGO_FAILURE) {
        insp_event_uint(e, INSP_FIELD_RDP_ERROR, value);
        insp_event_text(e, INSP_FIELD_RDP_REASON, failure_text(value));
        insp_event_end(r, e);
        insp_reading_stop(r);
    } else if (read_choice(e, flags, value)) {
        insp_event_end(r, e);
        insp_reading_again(r);
    }
}

/* ------------------------------------------------------------------------ */
/* T.125. */

static const char *
build_text(uint32_t build)
{
    static const struct {
        uint32_t build;
        const char *text;
    } table[] = {
        { 2195, "Windows 2000" },        { 2600, "Windows XP" },
        { 3790, "Windows Server 2003" }, { 6000, "Windows Vista" },
        { 6001, "Windows Vista SP1" },   { 6002, "Windows Vista SP2" },
        { 7600, "Windows 7" },           { 7601, "Windows 7 SP1" },
        { 9200, "Windows 8" },           { 9600, "Windows 8.1" },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(table); i++) {
        if (table[i].build == build) {
            return table[i].text;
        }
    }
    return build >= 22000   ? "Windows 11"
           : build >= 10240 ? "Windows 10"
                            : NULL;
}

/* Section 2.2.1.3.2: 0x00080001 is 4.0, 0x00080004 5.0 to 8.1, then 10.0 and
 * on. */
static const char *
version_text(uint32_t version)
{
    static const char *const tens[] = {
        "v10.0", "v10.1", "v10.2", "v10.3",  "v10.4",  "v10.5",  "v10.6",
        "v10.7", "v10.8", "v10.9", "v10.10", "v10.11", "v10.12",
    };

    if (version == 0x00080001) {
        return "v4";
    }
    if (version == 0x00080004) {
        return "v5";
    }
    return version - 0x00080005 < INSP_ARRAY_SIZE(tens)
               ? tens[version - 0x00080005]
               : "unknown";
}

static void
put_wide(struct insp_event *e, enum insp_app_field field,
         struct insp_cursor *c, size_t size)
{
    const uint8_t *at = insp_cursor_take(c, size);
    char text[96];
    size_t n = at ? insp_little_text(at, size, text, sizeof text) : 0;

    if (n) {
        insp_event_bytes(e, field, text, n);
    }
}

/* TS_UD_CS_CORE; older clients end it sooner. */
static void
read_core(struct insp_event *e, struct insp_cursor *c)
{
    uint32_t version = insp_little_u32(c), keyboard, build;
    uint16_t width = insp_little_u16(c), height = insp_little_u16(c);
    char hex[INSP_HEX_TEXT_SIZE];
    const char *text;

    insp_cursor_skip(c, 4);
    keyboard = insp_little_u32(c);
    build = insp_little_u32(c);
    if (c->failed) {
        return;
    }
    insp_event_text(e, INSP_FIELD_RDP_CLIENT_VERSION, version_text(version));
    insp_event_uint(e, INSP_FIELD_RDP_CLIENT_WIDTH, width);
    insp_event_uint(e, INSP_FIELD_RDP_CLIENT_HEIGHT, height);
    insp_event_bytes(e, INSP_FIELD_RDP_CLIENT_KEYBOARD, hex,
                     insp_hex_text(keyboard, hex));
    text = build_text(build);
    if (text) {
        insp_event_text(e, INSP_FIELD_RDP_CLIENT_BUILD, text);
    } else {
        insp_event_bytes(e, INSP_FIELD_RDP_CLIENT_BUILD, hex,
                         insp_hex_text(build, hex));
    }
    put_wide(e, INSP_FIELD_RDP_CLIENT_NAME, c, 32);
    insp_cursor_skip(c, 12 + 64 + 2 + 2 + 4 + 2 + 2 + 2);
    put_wide(e, INSP_FIELD_RDP_CLIENT_PRODUCT, c, 64);
}

/* TS_UD_CS_NET: names of eight bytes. */
static void
read_channels(struct insp_event *e, struct insp_cursor *c)
{
    uint32_t n = insp_little_u32(c);

    for (unsigned int i = 0; i < n && i < CHANNELS_MAX; i++) {
        const uint8_t *name = insp_cursor_take(c, 12);
        size_t size = 0;

        if (!name) {
            return;
        }
        while (size < 8 && name[size]) {
            size++;
        }
        if (size) {
            insp_event_bytes(e, INSP_FIELD_RDP_CHANNELS, name, size);
        }
    }
}

/* Where the client's blocks begin: the user data of GCC are behind the key
 * "Duca" and their length in PER (T.124, section 8.7). */
static bool
find_blocks(struct insp_cursor *c)
{
    while (insp_cursor_left(c) >= 4) {
        const uint8_t *at = memchr(c->at, 'D', insp_cursor_left(c) - 3);

        if (!at) {
            return false;
        }
        insp_cursor_skip(c, (size_t) (at - c->at));
        if (!memcmp(at, "Duca", 4)) {
            insp_cursor_skip(c, 4);
            if (insp_cursor_u8(c) & 0x80) {
                insp_cursor_skip(c, 1);
            }
            return !c->failed;
        }
        insp_cursor_skip(c, 1);
    }
    return false;
}

static void
read_initial(struct insp_reading *r, struct insp_cursor c)
{
    struct insp_event *e = insp_event_oldest(r, INSP_APP_RDP);

    if (!find_blocks(&c)) {
        return;
    }
    if (!e) {
        e = insp_event_begin(r, INSP_APP_RDP, 0);
    }
    while (insp_cursor_left(&c) >= 4) {
        uint16_t type = insp_little_u16(&c), size = insp_little_u16(&c);
        struct insp_cursor block = c;

        if (size < 4) {
            break;
        }
        insp_cursor_limit(&block, size - 4u);
        if (type == CS_CORE &&
            !insp_event_has(e, INSP_FIELD_RDP_CLIENT_WIDTH)) {
            read_core(e, &block);
        } else if (type == CS_NET &&
                   !insp_event_has(e, INSP_FIELD_RDP_CHANNELS)) {
            read_channels(e, &block);
        }
        insp_cursor_skip(&c, size - 4u);
    }
    insp_event_end(r, e);
    insp_reading_stop(r);
}

/* Connect-Initial, [APPLICATION 101], in X.224 data. */
static bool
is_initial(const struct insp_cursor *c)
{
    static const uint8_t head[] = { 2, DATA, 0x80, 0x7f, 0x65 };

    return insp_cursor_left(c) > sizeof head &&
           !memcmp(c->at, head, sizeof head);
}

static void
read_message(struct insp_reading *r, struct insp_cursor c)
{
    uint8_t code = c.at[1];

    if (insp_cursor_left(&c) >= X224_HEAD && code == CONNECTION_REQUEST) {
        read_request(r, c);
    } else if (insp_cursor_left(&c) >= X224_HEAD &&
               code == CONNECTION_CONFIRM) {
        read_confirm(r, c);
    } else if (is_initial(&c)) {
        read_initial(r, c);
    } else {
        insp_reading_stop(r);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    size_t at = 0;

    while (r->size - at >= TPKT_HEAD + 3 && !r->stop && !r->again) {
        const uint8_t *here = r->bytes + at;
        size_t size = r->size - at;
        uint16_t length;

        if (!read_tpkt(here, size, &length)) {
            insp_reading_stop(r);
            break;
        }
        if (size < INSP_MIN(length, WANT)) {
            break;
        }
        size = INSP_MIN(size, length);
        read_message(r, insp_cursor(here + TPKT_HEAD, size - TPKT_HEAD));
        insp_reading_pass(r, length - size);
        at += size;
    }
    return at;
}

const struct insp_reader insp_reader_rdp = {
    .detect = detect,
    .read = read_bytes,
};
