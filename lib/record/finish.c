/* How it works
 * ------------
 *
 * What the reader has found is copied to a scratch buffer, what can be made of
 * it is appended there, and insp_values_tidy() makes the values of the record
 * from both; it leaves out what has no key.
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

/* A text and its MD5. */
static void
make_pair(struct insp_put *put, enum insp_app_field string,
          enum insp_app_field hash, const char *text, size_t size)
{
    char md5[INSP_MD5_SIZE];

    if (size) {
        make(put, string, text, size);
        make(put, hash, md5, insp_md5_text(text, size, md5));
    }
}

static void
make_fingerprints(struct insp_put *put, const struct insp_values *values,
                  const struct rows *rows)
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

    make_pair(put, rows->ja3_string, rows->ja3_hash, text,
              insp_ja3(&hello, text));
    make_pair(put, rows->ja3s_string, rows->ja3s_hash, text,
              insp_ja3s(&hello, text));
    make(put, rows->ja4, ja4, insp_ja4(&hello, ja4));
}

/* Returns false when there are more names than it could say. */
static bool
make_certificate(struct insp_put *put, const struct insp_values *values)
{
    struct insp_bytes der = find(values, INSP_FIELD_TLS_RAW_CERTIFICATE);
    struct insp_certificate certificate;
    char sha1[INSP_FINGERPRINT_SIZE];
    uint8_t sha256[32];

    if (!der.size) {
        return true;
    }
    if (insp_certificate_hash(der.at, der.size, sha1, sha256)) {
        make_text(put, INSP_FIELD_TLS_FINGERPRINT, sha1);
        make(put, INSP_FIELD_TLS_SHA256, sha256, sizeof sha256);
    }
    if (!insp_certificate_read(der.at, der.size, &certificate)) {
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

static void
make_hassh(struct insp_put *put, const struct insp_values *values,
           enum insp_app_field string, enum insp_app_field hash)
{
    struct insp_bytes text = find(values, string);
    uint8_t md5[16];

    if (text.size && insp_md5(text.at, text.size, md5)) {
        make(put, hash, md5, sizeof md5);
    }
}

/* The values with all that can be made of them, or NULL. */
static struct insp_values *
finish(const struct insp_values *values)
{
    size_t room = values->size + (size_t) MADE_MAX;
    uint8_t *scratch = malloc(room);
    struct insp_put put = insp_put(scratch, scratch ? room : 0);
    struct insp_values *finished;
    bool whole = true;

    if (!scratch) {
        return NULL;
    }
    insp_put_bytes(&put, values->bytes, values->size);
    switch ((int) values->app) {
    case INSP_APP_TLS:
    case INSP_APP_DTLS:
        make_fingerprints(&put, values, &tls_rows);
        whole = make_certificate(&put, values);
        break;
    case INSP_APP_QUIC: make_fingerprints(&put, values, &quic_rows); break;
    case INSP_APP_SSH:
        make_hassh(&put, values, INSP_FIELD_SSH_CLIENT_HASSH_STRING,
                   INSP_FIELD_SSH_CLIENT_HASSH);
        make_hassh(&put, values, INSP_FIELD_SSH_SERVER_HASSH_STRING,
                   INSP_FIELD_SSH_SERVER_HASSH);
        break;
    default: break;
    }
    finished = insp_values_tidy(values->app, values->is_cut || !whole, scratch,
                                insp_put_size(&put));
    free(scratch);
    return finished;
}

bool
insp_record_finish(struct insp_record *record)
{
    struct insp_values *finished;

    if (record->type != INSP_RECORD_APP) {
        return true;
    } else if (!record->app.values) {
        return false;
    }
    finished = finish(record->app.values);
    insp_values_unref(record->app.values);
    record->app.values = finished;
    if (finished && record->conn.step == INSP_STEP_LEAN) {
        insp_values_lean(finished);
    }
    return finished != NULL;
}
