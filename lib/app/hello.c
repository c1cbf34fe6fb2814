/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A hello is read once, from front to back, into pointers to its parts; then
 * the parts are copied to the event.  Nothing is computed of them here: that
 * is the exporter's work (see tls.def).
 *
 * An extension that comes twice is listed twice and read once.  One whose
 * content is not as specified, is listed and not read.  When their lengths
 * contradict that of the message, what came before the contradiction counts.
 */

#include "app/hello.h"

#include "app/text.h"

enum {
    EXT_SERVER_NAME = 0,
    EXT_GROUPS = 10,
    EXT_POINTS = 11,
    EXT_SIGNATURES = 13,
    EXT_ALPN = 16,
    EXT_PRE_SHARED_KEY = 41,
    EXT_VERSIONS = 43,
    EXT_KEY_SHARE = 51,
    EXT_TRANSPORT = 57,           /* RFC 9001, section 8.2... */
    EXT_TRANSPORT_DRAFT = 0xffa5, /* ... and before it. */
    EXT_ECH = 0xfe0d,

    RANDOM_SIZE = 32,
    SNI_MAX = 256,
    ALPN_MAX = 32, /* Names. */
};

const struct insp_tls_rows insp_tls_rows_tls = {
    .sni = INSP_FIELD_TLS_SNI,
    .client_version = INSP_FIELD_TLS_CLIENT_VERSION,
    .version = INSP_FIELD_TLS_VERSION,
    .client_alpns = INSP_FIELD_TLS_CLIENT_ALPNS,
    .server_alpns = INSP_FIELD_TLS_SERVER_ALPNS,
    .cipher_number = INSP_FIELD_TLS_CIPHER_NUMBER,
    .cipher = INSP_FIELD_TLS_CIPHER,
    .group = INSP_FIELD_TLS_GROUP,
    .resumed = INSP_FIELD_TLS_RESUMED,
    .ech = INSP_FIELD_TLS_ECH,
    .client = INSP_FIELD_TLS_RAW_CLIENT,
    .ciphers = INSP_FIELD_TLS_RAW_CIPHERS,
    .extensions = INSP_FIELD_TLS_RAW_EXTENSIONS,
    .groups = INSP_FIELD_TLS_RAW_GROUPS,
    .points = INSP_FIELD_TLS_RAW_POINTS,
    .signatures = INSP_FIELD_TLS_RAW_SIGNATURES,
    .server = INSP_FIELD_TLS_RAW_SERVER,
    .server_extensions = INSP_FIELD_TLS_RAW_SERVER_EXTENSIONS,
};

/* The version is always 1.3, and the server's ALPN always encrypted. */
const struct insp_tls_rows insp_tls_rows_quic = {
    .sni = INSP_FIELD_QUIC_SNI,
    .client_version = INSP_N_APP_FIELDS,
    .version = INSP_N_APP_FIELDS,
    .client_alpns = INSP_FIELD_QUIC_CLIENT_ALPNS,
    .server_alpns = INSP_N_APP_FIELDS,
    .cipher_number = INSP_FIELD_QUIC_CIPHER_NUMBER,
    .cipher = INSP_FIELD_QUIC_CIPHER,
    .group = INSP_FIELD_QUIC_GROUP,
    .resumed = INSP_FIELD_QUIC_RESUMED,
    .ech = INSP_FIELD_QUIC_ECH,
    .client = INSP_FIELD_QUIC_RAW_CLIENT,
    .ciphers = INSP_FIELD_QUIC_RAW_CIPHERS,
    .extensions = INSP_FIELD_QUIC_RAW_EXTENSIONS,
    .groups = INSP_FIELD_QUIC_RAW_GROUPS,
    .points = INSP_FIELD_QUIC_RAW_POINTS,
    .signatures = INSP_FIELD_QUIC_RAW_SIGNATURES,
    .server = INSP_FIELD_QUIC_RAW_SERVER,
    .server_extensions = INSP_FIELD_QUIC_RAW_SERVER_EXTENSIONS,
};

/* ------------------------------------------------------------------------ */
/* Versions. */

/* The higher, the newer; 0: not of this protocol (GREASE among them).  Drafts
 * of TLS 1.3 stand between 1.2 and 1.3: 0x7f00 and the draft's number, and
 * experiments with it.  DTLS counts downwards. */
static unsigned int
rank(uint16_t version, bool is_dtls)
{
    unsigned int low = version & 0xff;

    switch (version >> 8) {
    case 0x03: return is_dtls || low > 4 ? 0 : (low + 1) << 8;
    case 0x7e:
    case 0x7f:
    case 0xfb: return is_dtls ? 0 : (4 << 8) + (low ? low : 1);
    case 0xfe: return is_dtls ? 0x100 - low : 0;
    default: return 0;
    }
}

bool
insp_tls_is_13(uint16_t version)
{
    return version == 0xfefc || rank(version, false) > 4 << 8;
}

const char *
insp_tls_version(uint16_t version, char *buffer)
{
    static const char draft[] = "TLS 1.3 draft-";
    struct insp_put p = insp_put(buffer, 23);
    uint8_t wire[2] = { (uint8_t) (version >> 8), (uint8_t) version };

    switch (version) {
    case 0x0002: return "SSLv2";
    case 0x0300: return "SSLv3";
    case 0x0301: return "TLSv1";
    case 0x0302: return "TLS 1.1";
    case 0x0303: return "TLS 1.2";
    case 0x0304: return "TLS 1.3";
    case 0xfeff: return "DTLS 1.0";
    case 0xfefd: return "DTLS 1.2";
    case 0xfefc: return "DTLS 1.3";
    default: break;
    }
    if (version >> 8 == 0x7f) {
        insp_put_bytes(&p, draft, sizeof draft - 1);
        insp_text_uint(&p, version & 0xff);
    } else {
        insp_put_bytes(&p, "0x", 2);
        insp_text_hex(&p, wire, sizeof wire);
    }
    buffer[insp_put_size(&p)] = '\0';
    return buffer;
}

static const struct cipher {
    uint16_t number;
    const char *name;
} ciphers[] = {
#define INSP_CIPHER(NUMBER, NAME) { NUMBER, NAME },
#include "app/cipher.def"
};

const char *
insp_tls_cipher(uint16_t number)
{
    size_t from = 0, to = sizeof ciphers / sizeof ciphers[0];

    while (from < to) {
        size_t middle = (from + to) / 2;

        if (ciphers[middle].number == number) {
            return ciphers[middle].name;
        }
        if (ciphers[middle].number < number) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */
/* Parts of both hellos. */

/* A list behind a length of two bytes that fills all of 'c'. */
static struct insp_cursor
whole_list(struct insp_cursor c)
{
    struct insp_cursor list = insp_cursor_sub(&c, insp_cursor_be16(&c));

    list.failed |= insp_cursor_left(&c) != 0;
    return list;
}

static void
read_name(struct insp_tls_hello *h, struct insp_cursor c)
{
    struct insp_cursor list = whole_list(c);
    uint8_t type = insp_cursor_u8(&list);
    struct insp_cursor name = insp_cursor_sub(&list, insp_cursor_be16(&list));

    h->has_name = true;
    if (!type && !name.failed) {
        h->name = name;
    }
}

static void
read_alpn(struct insp_tls_hello *h, struct insp_cursor c)
{
    struct insp_cursor list = whole_list(c);

    h->has_alpn = true;
    if (!list.failed) {
        h->alpn = list;
    }
}

static void
read_versions(struct insp_tls_hello *h, struct insp_cursor c, bool is_dtls)
{
    struct insp_cursor list = insp_cursor_sub(&c, insp_cursor_u8(&c));
    unsigned int best = 0;

    while (insp_cursor_left(&list) >= 2) {
        uint16_t version = insp_cursor_be16(&list);
        unsigned int n = rank(version, is_dtls);

        if (n > best) {
            best = n;
            h->best = version;
        }
    }
}

static void
keep_list(struct insp_cursor *to, struct insp_cursor c)
{
    struct insp_cursor list = whole_list(c);

    if (!list.failed && !to->at) {
        *to = list;
    }
}

static void
read_client_extension(struct insp_tls_hello *h, uint16_t type,
                      struct insp_cursor c, bool is_dtls)
{
    switch (type) {
    case EXT_SERVER_NAME:
        if (!h->has_name) {
            read_name(h, c);
        }
        break;
    case EXT_GROUPS: keep_list(&h->groups, c); break;
    case EXT_SIGNATURES: keep_list(&h->signatures, c); break;
    case EXT_POINTS:
        if (!h->points.at) {
            h->points = insp_cursor_sub(&c, insp_cursor_u8(&c));
        }
        break;
    case EXT_ALPN:
        if (!h->has_alpn) {
            read_alpn(h, c);
        }
        break;
    case EXT_VERSIONS: read_versions(h, c, is_dtls); break;
    case EXT_TRANSPORT:
    case EXT_TRANSPORT_DRAFT: h->transport = c; break;
    case EXT_ECH: h->ech = true; break;
    default: break;
    }
}

static void
read_server_extension(struct insp_tls_hello *h, uint16_t type,
                      struct insp_cursor c)
{
    switch (type) {
    case EXT_ALPN:
        if (!h->has_alpn) {
            read_alpn(h, c);
        }
        break;
    case EXT_VERSIONS:
        if (insp_cursor_left(&c) == 2) {
            h->best = insp_cursor_be16(&c);
        }
        break;
    case EXT_KEY_SHARE: h->group = insp_cursor_be16(&c); break;
    case EXT_PRE_SHARED_KEY: h->resumed = true; break;
    default: break;
    }
}

static void
read_extensions(struct insp_tls_hello *h, struct insp_cursor *c,
                bool is_client, bool is_dtls)
{
    size_t size = insp_cursor_be16(c);

    insp_cursor_limit(c, size);
    while (insp_cursor_left(c) >= 4) {
        const uint8_t *at = c->at;
        uint16_t type = insp_cursor_be16(c);
        struct insp_cursor content = insp_cursor_sub(c, insp_cursor_be16(c));

        if (content.failed) {
            return;
        }
        if (h->n_types < INSP_TLS_EXTENSIONS) {
            memcpy(h->types + 2 * h->n_types++, at, 2);
        }
        if (is_client) {
            read_client_extension(h, type, content, is_dtls);
        } else {
            read_server_extension(h, type, content);
        }
    }
}

static void
clear(struct insp_tls_hello *h)
{
    memset(h, 0, offsetof(struct insp_tls_hello, types));
}

/* ------------------------------------------------------------------------ */
/* The hellos. */

bool
insp_tls_client(struct insp_tls_hello *h, const uint8_t *body, size_t size,
                bool is_dtls)
{
    struct insp_cursor c = insp_cursor(body, size);

    clear(h);
    h->version = h->best = insp_cursor_be16(&c);
    insp_cursor_skip(&c, RANDOM_SIZE);
    h->session = insp_cursor_sub(&c, insp_cursor_u8(&c));
    if (is_dtls) {
        insp_cursor_skip(&c, insp_cursor_u8(&c)); /* Cookie. */
    }
    h->ciphers = insp_cursor_sub(&c, insp_cursor_be16(&c));
    insp_cursor_skip(&c, insp_cursor_u8(&c)); /* Compression. */
    if (c.failed || !rank(h->version, is_dtls) ||
        insp_cursor_left(&h->ciphers) % 2 ||
        insp_cursor_left(&h->session) > 32) {
        return false;
    }
    read_extensions(h, &c, true, is_dtls);
    return true;
}

/* A HelloRetryRequest is a ServerHello with a random of its own: the SHA-256
 * of "HelloRetryRequest" (RFC 8446, section 4.1.3). */
static bool
is_retry_random(const uint8_t *random)
{
    static const uint8_t retry[RANDOM_SIZE] = {
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
        0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
        0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    };

    return !memcmp(random, retry, sizeof retry);
}

bool
insp_tls_server(struct insp_tls_hello *h, const uint8_t *body, size_t size,
                bool is_dtls)
{
    struct insp_cursor c = insp_cursor(body, size);
    const uint8_t *random;
    bool is_old_draft;

    clear(h);
    h->version = h->best = insp_cursor_be16(&c);
    /* Up to draft 21 of TLS 1.3 there is no session and no compression. */
    is_old_draft = h->version >> 8 == 0x7f && (h->version & 0xff) <= 21;
    random = insp_cursor_take(&c, RANDOM_SIZE);
    if (!is_old_draft) {
        h->session = insp_cursor_sub(&c, insp_cursor_u8(&c));
    }
    h->cipher = insp_cursor_be16(&c);
    if (!is_old_draft) {
        insp_cursor_skip(&c, 1);
    }
    if (c.failed || !rank(h->version, is_dtls) ||
        insp_cursor_left(&h->session) > 32) {
        return false;
    }
    h->is_retry = is_retry_random(random);
    read_extensions(h, &c, false, is_dtls);
    return true;
}

struct insp_cursor
insp_tls_leaf(const uint8_t *body, size_t size)
{
    struct insp_cursor c = insp_cursor(body, size);
    struct insp_cursor none = insp_cursor(body, 0);
    size_t list, leaf;

    list = (size_t) insp_cursor_u8(&c) << 16;
    list |= insp_cursor_be16(&c);
    leaf = (size_t) insp_cursor_u8(&c) << 16;
    leaf |= insp_cursor_be16(&c);
    if (leaf + 3 > list || leaf > INSP_TLS_LEAF_MAX) {
        return none;
    }
    c = insp_cursor_sub(&c, leaf);
    return c.failed ? none : c;
}

/* ------------------------------------------------------------------------ */
/* Into the event. */

static void
put(struct insp_event *e, enum insp_app_field field,
    const struct insp_cursor *c)
{
    if (insp_cursor_left(c) && field != INSP_N_APP_FIELDS) {
        insp_event_bytes(e, field, c->at, insp_cursor_left(c));
    }
}

static void
put_version(struct insp_event *e, enum insp_app_field field, uint16_t version)
{
    char buffer[24];

    if (field != INSP_N_APP_FIELDS) {
        insp_event_text(e, field, insp_tls_version(version, buffer));
    }
}

static void
put_alpns(struct insp_event *e, enum insp_app_field field,
          struct insp_cursor alpn)
{
    for (int i = 0; i < ALPN_MAX && insp_cursor_left(&alpn); i++) {
        struct insp_cursor name =
            insp_cursor_sub(&alpn, insp_cursor_u8(&alpn));

        if (!name.failed && field != INSP_N_APP_FIELDS) {
            put(e, field, &name);
        }
    }
}

/* See TLS_RAW_CLIENT in tls.def. */
static void
put_head(struct insp_event *e, const struct insp_tls_rows *rows,
         const struct insp_tls_hello *h, char transport)
{
    uint8_t head[7 + 255];
    struct insp_cursor alpn = h->alpn;
    uint8_t size = insp_cursor_u8(&alpn);
    const uint8_t *name = insp_cursor_take(&alpn, size);

    if (rows->client == INSP_N_APP_FIELDS) {
        return;
    }
    if (!name) {
        size = 0;
    }
    head[0] = (uint8_t) transport;
    head[1] = (uint8_t) (h->has_name | h->has_alpn << 1 | h->is_ssl2 << 2);
    head[2] = (uint8_t) (h->version >> 8);
    head[3] = (uint8_t) h->version;
    head[4] = (uint8_t) (h->best >> 8);
    head[5] = (uint8_t) h->best;
    head[6] = size;
    if (size) {
        memcpy(head + 7, name, size);
    }
    insp_event_bytes(e, rows->client, head, 7u + size);
}

void
insp_tls_put_client(struct insp_reading *r, struct insp_event *e,
                    const struct insp_tls_rows *rows,
                    const struct insp_tls_hello *h, char transport)
{
    struct insp_cursor name = h->name;

    insp_cursor_limit(&name, SNI_MAX);
    if (insp_cursor_left(&name)) {
        insp_reading_set_name(r, name.at, insp_cursor_left(&name));
    }
    put(e, rows->sni, &name);
    put_version(e, rows->client_version, h->best);
    put_alpns(e, rows->client_alpns, h->alpn);
    if (h->ech) {
        insp_event_uint(e, rows->ech, 1);
    }
    put_head(e, rows, h, transport);
    put(e, rows->ciphers, &h->ciphers);
    if (h->n_types && rows->extensions != INSP_N_APP_FIELDS) {
        insp_event_bytes(e, rows->extensions, h->types, 2 * h->n_types);
    }
    put(e, rows->groups, &h->groups);
    put(e, rows->points, &h->points);
    put(e, rows->signatures, &h->signatures);
}

void
insp_tls_put_server(struct insp_event *e, const struct insp_tls_rows *rows,
                    const struct insp_tls_hello *h)
{
    const char *cipher = insp_tls_cipher(h->cipher);
    uint8_t head[6] = {
        (uint8_t) (h->version >> 8), (uint8_t) h->version,
        (uint8_t) (h->best >> 8),    (uint8_t) h->best,
        (uint8_t) (h->cipher >> 8),  (uint8_t) h->cipher,
    };

    put_version(e, rows->version, h->best);
    put_alpns(e, rows->server_alpns, h->alpn);
    insp_event_uint(e, rows->cipher_number, h->cipher);
    if (h->group) {
        insp_event_uint(e, rows->group, h->group);
    }
    if (cipher) {
        insp_event_text(e, rows->cipher, cipher);
    }
    if (h->resumed) {
        insp_event_uint(e, rows->resumed, 1);
    }
    insp_event_bytes(e, rows->server, head, sizeof head);
    if (h->n_types) {
        insp_event_bytes(e, rows->server_extensions, h->types, 2 * h->n_types);
    }
}
