/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP text
 * =========
 *
 * What HTTP says in text, without any memory of what was said before: start
 * lines (RFC 9112), and headers with the fields of a record that they go into
 * (RFC 9110), which version 2 has as well.
 *
 * Above:    app/http.c, http-field.c, http2.c, hpack.c.
 * Below:    app/event.h.
 * Threads:  any.
 * Memory:   the event's.
 * Time:     the size of what is looked at.
 * Fails:    never.
 */

#ifndef INSP_APP_HTTP_H
#define INSP_APP_HTTP_H 1

#include "app/event.h"

/* ------------------------------------------------------------------------ */
/* Pieces of text. */

struct insp_text {
    const uint8_t *at;
    size_t size;
};

static inline uint8_t
insp_text_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t) (c + ('a' - 'A')) : c;
}

static inline bool
insp_text_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Blanks, and what ends lines: inside of a folded line it is one as well. */
static inline bool
insp_text_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* 'word' is in lower case. */
static inline bool
insp_text_is(const uint8_t *text, size_t size, const char *word)
{
    if (size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (insp_text_lower(text[i]) != (uint8_t) word[i]) {
            return false;
        }
    }
    return true;
}

static inline bool
insp_text_begins(const uint8_t *text, size_t size, const char *word)
{
    size_t n = strlen(word);

    return size >= n && insp_text_is(text, n, word);
}

static inline struct insp_text
insp_text_trim(const uint8_t *at, size_t size)
{
    while (size && insp_text_is_blank(at[0])) {
        at++;
        size--;
    }
    while (size && insp_text_is_blank(at[size - 1])) {
        size--;
    }
    return (struct insp_text){ at, size };
}

/* ------------------------------------------------------------------------ */
/* Start lines. */

#define INSP_HTTP_LINE_MAX    INSP_READER_WAIT /* A longer one is cut. */
#define INSP_HTTP_METHOD_MAX  32
#define INSP_HTTP_VERSION_MAX 9 /* "HTTP/1.1" has 8. */

struct insp_http_request {
    struct insp_text method;
    struct insp_text target;
    struct insp_text version; /* Empty: HTTP/0.9. */
};

/* A whole line, with or without its end. */
bool insp_http_parse_request(const uint8_t *line, size_t size,
                             struct insp_http_request *);
/* Size of the method at the beginning, when a blank is behind it; else 0, and
 * '*may_be' says whether more bytes could make it one. */
size_t insp_http_method_size(const uint8_t *line, size_t size, bool *may_be);
/* Size of the version at the end of a line that is trimmed; 0: it has none. */
size_t insp_http_version_size(const uint8_t *line, size_t size);
/* "HTTP/1.1 200"; what is behind it is not looked at. */
bool insp_http_is_status_line(const uint8_t *line, size_t size);

/* Whether a request, a response begins with these bytes. */
enum insp_guess insp_http_guess_request(const uint8_t *, size_t size);
enum insp_guess insp_http_guess_response(const uint8_t *, size_t size);
/* Where among these one may begin; 'size': nowhere. */
size_t insp_http_seek_request(const uint8_t *, size_t size);
size_t insp_http_seek_response(const uint8_t *, size_t size);

/* ------------------------------------------------------------------------ */
/* Headers. */

enum insp_http_header {
    INSP_HTTP_OTHER, /* Of no interest. */
    INSP_HTTP_HOST,  /* Also ":authority". */
    INSP_HTTP_USER_AGENT,
    INSP_HTTP_XFF,
    INSP_HTTP_CONTENT_TYPE,
    INSP_HTTP_REFERER,
    INSP_HTTP_LOCATION,
    INSP_HTTP_SERVER,
    /* Version 1 only: what frames the messages. */
    INSP_HTTP_CONTENT_LENGTH,
    INSP_HTTP_TRANSFER_ENCODING,
    INSP_HTTP_UPGRADE,
    /* Version 2 only: what a start line says in version 1. */
    INSP_HTTP_METHOD,
    INSP_HTTP_PATH,
    INSP_HTTP_STATUS,
};

/* Values that go into records are cut behind that many bytes. */
#define INSP_HTTP_VALUE_MAX 256
#define INSP_HTTP_URL_MAX   1024

/* By its name, in any case. */
enum insp_http_header insp_http_header_of(const void *name, size_t size);

/* Sets the header's field, if it has one there and is not set yet.  'status'
 * is that of the response whose header it is, 0: it is a request's. */
void insp_http_set(struct insp_event *, enum insp_http_header,
                   unsigned int status, const void *value, size_t size);

/* Sets a text that is not set yet, cut behind 'max' bytes. */
void insp_http_set_text(struct insp_event *, enum insp_app_field,
                        const void *text, size_t size, size_t max);

/* The authority of a target that has one (RFC 9112, section 3.2). */
void insp_http_set_target_host(struct insp_event *,
                               const struct insp_http_request *);

#endif /* app/http.h */
