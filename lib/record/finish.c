/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * What the reader has found is copied to a scratch buffer, what can be made of
 * it is appended there, and insp_values_tidy() makes the values of the record
 * from both; it leaves out what has no key.
 *
 * Servers show the same certificate to everybody, and to take it apart costs
 * more than all the rest of a record: what was made of one is kept, under its
 * SHA-256, in the one place that this says, until another comes there.
 *
 * TLS and QUIC have the same rows under different numbers: struct rows says
 * which.
 */

#include <stdlib.h>

#include "base/put.h"
#include "record/certificate.h"
#include "record/finish.h"
#include "record/hello.h"

/* As much as is ever appended. */
#define MADE_MAX 32768

#define CERTIFICATES 128 /* A power of two. */

/* Values, as they go into a record. */
struct made {
    uint8_t sha256[32];
    bool whole;
    size_t size;
    uint8_t bytes[];
};

struct insp_finisher {
    struct insp_digests digests;
    struct insp_app_rows rows[INSP_N_APPS];
    struct made *certificates[CERTIFICATES];
    uint8_t *scratch;
    size_t room;
};

struct rows {
    enum insp_app_field client, ciphers, extensions, groups, points,
        signatures, server, server_extensions;
    enum insp_app_field ja3_hash, ja3_string, ja3s_hash, ja3s_string, ja4;
};

#define ROWS(APP)                                                             \
    {                                                                         \
        .client = INSP_FIELD_##APP##_RAW_CLIENT,                              \
        .ciphers = INSP_FIELD_##APP##_RAW_CIPHERS,                            \
        .extensions = INSP_FIELD_##APP##_RAW_EXTENSIONS,                      \
        .groups = INSP_FIELD_##APP##_RAW_GROUPS,                              \
        .points = INSP_FIELD_##APP##_RAW_POINTS,                              \
        .signatures = INSP_FIELD_##APP##_RAW_SIGNATURES,                      \
        .server = INSP_FIELD_##APP##_RAW_SERVER,                              \
        .server_extensions = INSP_FIELD_##APP##_RAW_SERVER_EXTENSIONS,        \
        .ja3_hash = INSP_FIELD_##APP##_JA3_HASH,                              \
        .ja3_string = INSP_FIELD_##APP##_JA3_STRING,                          \
        .ja3s_hash = INSP_FIELD_##APP##_JA3S_HASH,                            \
        .ja3s_string = INSP_FIELD_##APP##_JA3S_STRING,                        \
        .ja4 = INSP_FIELD_##APP##_JA4,                                        \
    }

static const struct rows tls_rows = ROWS(TLS);
static const struct rows quic_rows = ROWS(QUIC);

/* The first value of a field, or nothing. */
static struct insp_bytes
find(const struct insp_values *values, enum insp_app_field field)
{
    const uint8_t *at = values->bytes;
    struct insp_value v;

    while (insp_value_next(&at, values->bytes + values->size, &v)) {
        if (v.field == field) {
            return (struct insp_bytes){ v.bytes, v.size };
        }
    }
    return (struct insp_bytes){ NULL, 0 };
}

static void
make(struct insp_put *put, enum insp_app_field field, const void *bytes,
     size_t size)
{
    struct insp_value v = { .field = field, .bytes = bytes, .size = size };

    if (size) {
        put->at += insp_value_put(put->at, insp_put_left(put), &v);
    }
}

static void
make_text(struct insp_put *put, enum insp_app_field field, const char *text)
{
    make(put, field, text, strlen(text));
}

/* A text and its MD5, in digits. */
static void
make_pair(struct insp_finisher *f, struct insp_put *put,
          enum insp_app_field string, enum insp_app_field hash,
          const char *text, size_t size)
{
    uint8_t md5[16];
    char digits[32];

    if (size) {
        make(put, string, text, size);
        if (insp_digest(&f->digests, INSP_MD5, text, size, md5)) {
            insp_hex_put(digits, md5, sizeof md5);
            make(put, hash, digits, sizeof digits);
        }
    }
}

static void
make_fingerprints(struct insp_finisher *f, struct insp_put *put,
                  const struct insp_values *values, const struct rows *rows)
{
    const struct insp_hello hello = {
        .client = find(values, rows->client),
        .ciphers = find(values, rows->ciphers),
        .extensions = find(values, rows->extensions),
        .groups = find(values, rows->groups),
        .points = find(values, rows->points),
        .signatures = find(values, rows->signatures),
        .server = find(values, rows->server),
        .server_extensions = find(values, rows->server_extensions),
    };
    char text[INSP_HELLO_MAX], ja4[INSP_JA4_SIZE];

    make_pair(f, put, rows->ja3_string, rows->ja3_hash, text,
              insp_ja3(&hello, text));
    make_pair(f, put, rows->ja3s_string, rows->ja3s_hash, text,
              insp_ja3s(&hello, text));
    make(put, rows->ja4, ja4, insp_ja4(&f->digests, &hello, ja4));
}

/* Returns false when there are more names than it could say. */
static bool
take_apart(struct insp_finisher *f, struct insp_put *put,
           const struct insp_bytes *der, const uint8_t sha256[32])
{
    struct insp_certificate certificate;
    char text[INSP_FINGERPRINT_SIZE];
    uint8_t sha1[20];

    if (insp_digest(&f->digests, INSP_SHA1, der->at, der->size, sha1)) {
        insp_certificate_fingerprint(sha1, text);
        make_text(put, INSP_FIELD_TLS_FINGERPRINT, text);
        make(put, INSP_FIELD_TLS_SHA256, sha256, 32);
    }
    if (!insp_certificate_read(der->at, der->size, &certificate)) {
        return true;
    }
    make_text(put, INSP_FIELD_TLS_SUBJECT, certificate.subject);
    make_text(put, INSP_FIELD_TLS_ISSUER, certificate.issuer);
    make_text(put, INSP_FIELD_TLS_SERIAL, certificate.serial);
    make_text(put, INSP_FIELD_TLS_NOT_BEFORE, certificate.not_before);
    make_text(put, INSP_FIELD_TLS_NOT_AFTER, certificate.not_after);
    for (unsigned int i = 0; i < certificate.n_names; i++) {
        make_text(put, INSP_FIELD_TLS_ALT_NAMES, certificate.names[i]);
    }
    return !certificate.more_names;
}

/* Without memory it is taken apart again the next time. */
static void
keep(struct made **place, const uint8_t sha256[32], bool whole,
     const uint8_t *bytes, size_t size)
{
    struct made *made = malloc(sizeof *made + size);

    if (made) {
        memcpy(made->sha256, sha256, sizeof made->sha256);
        made->whole = whole;
        made->size = size;
        memcpy(made->bytes, bytes, size);
        free(*place);
        *place = made;
    }
}

static bool
make_certificate(struct insp_finisher *f, struct insp_put *put,
                 const struct insp_values *values)
{
    struct insp_bytes der = find(values, INSP_FIELD_TLS_RAW_CERTIFICATE);
    const uint8_t *start = put->at;
    struct made **place;
    uint8_t sha256[32];
    bool whole;

    if (!der.size ||
        !insp_digest(&f->digests, INSP_SHA256, der.at, der.size, sha256)) {
        return true;
    }
    place = &f->certificates[sha256[0] % CERTIFICATES];
    if (*place && !memcmp((*place)->sha256, sha256, sizeof sha256)) {
        insp_put_bytes(put, (*place)->bytes, (*place)->size);
        return (*place)->whole;
    }
    whole = take_apart(f, put, &der, sha256);
    keep(place, sha256, whole, start, (size_t) (put->at - start));
    return whole;
}

static void
make_hassh(struct insp_finisher *f, struct insp_put *put,
           const struct insp_values *values, enum insp_app_field string,
           enum insp_app_field hash)
{
    struct insp_bytes text = find(values, string);
    uint8_t md5[16];

    if (text.size &&
        insp_digest(&f->digests, INSP_MD5, text.at, text.size, md5)) {
        make(put, hash, md5, sizeof md5);
    }
}

struct insp_finisher *
insp_finisher_create(void)
{
    struct insp_finisher *f = calloc(1, sizeof *f);

    for (unsigned int i = 0; f && i < INSP_N_APPS; i++) {
        f->rows[i] = insp_app_rows((enum insp_app) i);
    }
    return f;
}

static bool
make_room(struct insp_finisher *f, size_t size)
{
    if (f->room < size) {
        uint8_t *scratch = realloc(f->scratch, size);

        if (!scratch) {
            return false;
        }
        f->scratch = scratch;
        f->room = size;
    }
    return true;
}

/* The values with all that can be made of them, or NULL. */
static struct insp_values *
finish(struct insp_finisher *f, const struct insp_values *values)
{
    bool whole = true;
    struct insp_put put;

    if (!make_room(f, values->size + (size_t) MADE_MAX)) {
        return NULL;
    }
    put = insp_put(f->scratch, f->room);
    insp_put_bytes(&put, values->bytes, values->size);
    switch ((int) values->app) {
    case INSP_APP_TLS:
    case INSP_APP_DTLS:
        make_fingerprints(f, &put, values, &tls_rows);
        whole = make_certificate(f, &put, values);
        break;
    case INSP_APP_QUIC: make_fingerprints(f, &put, values, &quic_rows); break;
    case INSP_APP_SSH:
        make_hassh(f, &put, values, INSP_FIELD_SSH_CLIENT_HASSH_STRING,
                   INSP_FIELD_SSH_CLIENT_HASSH);
        make_hassh(f, &put, values, INSP_FIELD_SSH_SERVER_HASSH_STRING,
                   INSP_FIELD_SSH_SERVER_HASSH);
        break;
    default: break;
    }
    return insp_values_tidy_rows(&f->rows[values->app], values->app,
                                 values->is_cut || !whole, put.start,
                                 insp_put_size(&put));
}

bool
insp_record_finish(struct insp_finisher *f, struct insp_record *record)
{
    struct insp_values *finished;

    if (record->type != INSP_RECORD_APP) {
        return true;
    } else if (!record->app.values) {
        return false;
    }
    finished = finish(f, record->app.values);
    insp_values_unref(record->app.values);
    record->app.values = finished;
    if (finished && record->conn.step == INSP_STEP_LEAN) {
        insp_values_lean(finished);
    }
    return finished != NULL;
}

void
insp_finisher_destroy(struct insp_finisher *f)
{
    if (f) {
        for (unsigned int i = 0; i < CERTIFICATES; i++) {
            free(f->certificates[i]);
        }
        insp_digests_uninit(&f->digests);
        free(f->scratch);
        free(f);
    }
}
