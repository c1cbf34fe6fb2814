/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Lines are looked at from both ends: a method is a token before a blank, a
 * version is what looks like one at the end, and what is between them is the
 * target, even with blanks in it.  Headers are found in a list that is short
 * enough to be gone through for each.
 */

#include "app/http.h"

#define EARLY_SIZE 200 /* Of a start line that is long. */

/* ------------------------------------------------------------------------ */
/* Start lines. */

/* Characters of a token (RFC 9110, section 5.6.2). */
static bool
is_of_token(uint8_t c)
{
    return (insp_text_lower(c) >= 'a' && insp_text_lower(c) <= 'z') ||
           insp_text_is_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* "HTTP/D.D", in any case; scanners send others. */
static bool
is_version(const uint8_t *at, size_t size)
{
    if (!insp_text_begins(at, size, "http/") || size < 6 ||
        size > INSP_HTTP_VERSION_MAX) {
        return false;
    }
    for (size_t i = 5; i < size; i++) {
        if (!insp_text_is_digit(at[i]) && at[i] != '.') {
            return false;
        }
    }
    return insp_text_is_digit(at[5]);
}

/* Methods that other protocols do not have as well. */
static bool
is_known_method(const uint8_t *at, size_t size)
{
    static const char *const methods[] = {
        "get",     "post",    "head",     "put",       "delete",
        "connect", "patch",   "propfind", "proppatch", "mkcol",
        "copy",    "move",    "lock",     "unlock",    "report",
        "search",  "options", "trace",    "notify",    "subscribe"
    };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (insp_text_is(at, size, methods[i])) {
            return true;
        }
    }
    return false;
}

/* Size of the method, with a blank behind it; 0: it is none, or not complete
 * ('*may_be'). */
size_t
insp_http_method_size(const uint8_t *at, size_t size, bool *may_be)
{
    size_t i = 0;

    while (i < size && i <= INSP_HTTP_METHOD_MAX && is_of_token(at[i])) {
        i++;
    }
    *may_be = i == size && i <= INSP_HTTP_METHOD_MAX;
    return i && i <= INSP_HTTP_METHOD_MAX && i < size && at[i] == ' ' ? i : 0;
}

/* The end of a line, where the version stands; returns its size, 0: none. */
size_t
insp_http_version_size(const uint8_t *at, size_t size)
{
    size_t i = size;

    while (i && size - i <= INSP_HTTP_VERSION_MAX && at[i - 1] != ' ' &&
           at[i - 1] != '\t') {
        i--;
    }
    return i && is_version(at + i, size - i) ? size - i : 0;
}

/* A whole line without its end. */
bool
insp_http_parse_request(const uint8_t *at, size_t size,
                        struct insp_http_request *request)
{
    bool may_be;
    struct insp_text line = insp_text_trim(at, size);
    size_t method =
        line.at == at ? insp_http_method_size(at, size, &may_be) : 0;
    size_t version = insp_http_version_size(line.at, line.size);

    if (!method || method + 1 >= line.size) {
        return false;
    }
    request->method = (struct insp_text){ at, method };
    request->version =
        (struct insp_text){ line.at + line.size - version, version };
    request->target =
        insp_text_trim(at + method, line.size - method - version);
    if (!request->target.size) {
        return false;
    }
    /* HTTP/0.9 has GET only, and no proxies. */
    return version ||
           (insp_text_is(at, method, "get") && request->target.at[0] == '/' &&
            !memchr(request->target.at, ' ', request->target.size));
}

/* "HTTP/1.1 200"; what is behind it is not looked at. */
bool
insp_http_is_status_line(const uint8_t *at, size_t size)
{
    return size >= 12 && is_version(at, 8) && at[8] == ' ' && at[9] >= '1' &&
           at[9] <= '9' && insp_text_is_digit(at[10]) &&
           insp_text_is_digit(at[11]) &&
           (size == 12 || !insp_text_is_digit(at[12]));
}

/* ------------------------------------------------------------------------ */
/* Guesses. */

enum insp_guess
insp_http_guess_request(const uint8_t *at, size_t size)
{
    const uint8_t *end = memchr(at, '\n', INSP_MIN(size, INSP_HTTP_LINE_MAX));
    struct insp_http_request request;
    bool may_be;
    size_t method;

    if (end) {
        /* The preface of HTTP/2 looks like a request on purpose. */
        return insp_http_parse_request(at, (size_t) (end - at), &request) &&
                       !insp_text_is(request.version.at, request.version.size,
                                     "http/2.0")
                   ? INSP_GUESS_YES
                   : INSP_GUESS_NO;
    }
    method = insp_http_method_size(at, size, &may_be);
    if (!method) {
        return may_be ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
    }
    if (size >= EARLY_SIZE && is_known_method(at, method) &&
        (at[method + 1] == '/' ||
         insp_text_begins(at + method + 1, size - method - 1, "http"))) {
        return INSP_GUESS_YES;
    }
    return INSP_GUESS_MAYBE;
}

enum insp_guess
insp_http_guess_response(const uint8_t *at, size_t size)
{
    static const char form[] = "http/1.1 200";

    for (size_t i = 0; i < size && i < sizeof form - 1; i++) {
        bool fits = insp_text_is_digit((uint8_t) form[i])
                        ? insp_text_is_digit(at[i])
                        : insp_text_lower(at[i]) == (uint8_t) form[i];

        if (!fits) {
            return INSP_GUESS_NO;
        }
    }
    return size < sizeof form - 1               ? INSP_GUESS_MAYBE
           : insp_http_is_status_line(at, size) ? INSP_GUESS_YES
                                                : INSP_GUESS_NO;
}

/* Where a response begins: behind what may be the end of a body. */
size_t
insp_http_seek_response(const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size, *h = at;

    while (h < end && (h = memchr(h, 'H', (size_t) (end - h))) != NULL) {
        if (insp_http_guess_response(h, (size_t) (end - h)) ==
            INSP_GUESS_YES) {
            return (size_t) (h - at);
        }
        h++;
    }
    return size;
}

/* Where a request begins, at a line's beginning. */
size_t
insp_http_seek_request(const uint8_t *at, size_t size)
{
    const uint8_t *end = at + size, *line = at;
    bool may_be;

    do {
        size_t left = (size_t) (end - line);
        size_t method = insp_http_method_size(line, left, &may_be);

        if (method && (line == at || is_known_method(line, method)) &&
            insp_http_guess_request(line, left) == INSP_GUESS_YES) {
            return (size_t) (line - at);
        }
        line = left ? memchr(line, '\n', left) : NULL;
    } while (line && ++line < end);
    return size;
}

/* ------------------------------------------------------------------------ */
/* Headers. */

enum insp_http_header
insp_http_header_of(const void *name, size_t size)
{
#define NAME(TEXT, HEADER)                                                    \
    {                                                                         \
        TEXT, sizeof TEXT - 1, HEADER                                         \
    }
    static const struct {
        const char *name;
        size_t size;
        enum insp_http_header header;
    } headers[] = {
        NAME("host", INSP_HTTP_HOST),
        NAME("user-agent", INSP_HTTP_USER_AGENT),
        NAME("x-forwarded-for", INSP_HTTP_XFF),
        NAME("content-type", INSP_HTTP_CONTENT_TYPE),
        NAME("referer", INSP_HTTP_REFERER),
        NAME("location", INSP_HTTP_LOCATION),
        NAME("server", INSP_HTTP_SERVER),
        NAME("content-length", INSP_HTTP_CONTENT_LENGTH),
        NAME("transfer-encoding", INSP_HTTP_TRANSFER_ENCODING),
        NAME("upgrade", INSP_HTTP_UPGRADE),
        NAME(":authority", INSP_HTTP_HOST),
        NAME(":method", INSP_HTTP_METHOD),
        NAME(":path", INSP_HTTP_PATH),
        NAME(":status", INSP_HTTP_STATUS),
    };
#undef NAME

    /* Most names have a size that none of these has. */
    for (size_t i = 0; i < INSP_ARRAY_SIZE(headers); i++) {
        if (headers[i].size == size &&
            insp_text_is(name, size, headers[i].name)) {
            return headers[i].header;
        }
    }
    return INSP_HTTP_OTHER;
}

void
insp_http_set_text(struct insp_event *e, enum insp_app_field field,
                   const void *text, size_t size, size_t max)
{
    if (e && size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, text, INSP_MIN(size, max));
    }
}

/* "HOST[:PORT]" behind "USER@" (RFC 3986, section 3.2). */
static void
set_host(struct insp_event *e, const uint8_t *at, size_t size)
{
    size_t i, host = size;
    uint64_t port = 0;

    for (i = 0; i < size; i++) {
        if (at[i] == '@') {
            at += i + 1;
            size -= i + 1;
            i = SIZE_MAX;
        }
    }
    host = i = size;
    while (i && insp_text_is_digit(at[i - 1])) {
        i--;
    }
    if (i && at[i - 1] == ':') {
        host = i - 1;
    }
    if (!host || insp_event_has(e, INSP_FIELD_HTTP_HOSTNAME)) {
        return;
    }
    insp_http_set_text(e, INSP_FIELD_HTTP_HOSTNAME, at, host,
                       INSP_HTTP_VALUE_MAX);
    for (; host < size && i < size && port <= UINT16_MAX; i++) {
        port = port * 10 + (at[i] - '0');
    }
    if (port && port <= UINT16_MAX) {
        insp_event_uint(e, INSP_FIELD_HTTP_PORT, port);
    }
}

/* The authority of a target that has one (RFC 9112, section 3.2). */
void
insp_http_set_target_host(struct insp_event *e,
                          const struct insp_http_request *request)
{
    const uint8_t *at = request->target.at;
    size_t size = request->target.size, n = 0;

    if (insp_text_is(request->method.at, request->method.size, "connect")) {
        while (n < size && !insp_text_is_blank(at[n])) {
            n++;
        }
        if (n && at[0] != '/') { /* Else its header says more. */
            set_host(e, at, n);
        }
        return;
    }
    while (n < size && n < 16 && is_of_token(at[n])) {
        n++;
    }
    if (n && size - n > 3 && !memcmp(at + n, "://", 3)) {
        at += n + 3;
        size -= n + 3;
        n = 0;
        while (n < size && at[n] != '/' && at[n] != '?' && at[n] != '#') {
            n++;
        }
        set_host(e, at, n);
    }
}

/* "TYPE/SUBTYPE" without parameters. */
static void
set_type(struct insp_event *e, const uint8_t *at, size_t size)
{
    const uint8_t *end = memchr(at, ';', size);
    struct insp_text type =
        insp_text_trim(at, end ? (size_t) (end - at) : size);

    insp_http_set_text(e, INSP_FIELD_HTTP_CONTENT_TYPE, type.at, type.size,
                       INSP_HTTP_VALUE_MAX);
}

void
insp_http_set(struct insp_event *e, enum insp_http_header header,
              unsigned int status, const void *value, size_t size)
{
    enum insp_app_field field = INSP_N_APP_FIELDS;

    if (!e || !size) {
        return;
    }
    switch (header) {
    case INSP_HTTP_HOST:
        if (!status) {
            set_host(e, value, size);
        }
        return;
    case INSP_HTTP_CONTENT_TYPE:
        if (status) {
            set_type(e, value, size);
        }
        return;
    case INSP_HTTP_USER_AGENT: field = INSP_FIELD_HTTP_USER_AGENT; break;
    case INSP_HTTP_XFF: field = INSP_FIELD_HTTP_XFF; break;
    case INSP_HTTP_REFERER: field = INSP_FIELD_HTTP_REFERER; break;
    case INSP_HTTP_LOCATION: field = INSP_FIELD_HTTP_REDIRECT; break;
    case INSP_HTTP_SERVER: field = INSP_FIELD_HTTP_SERVER; break;
    case INSP_HTTP_OTHER:
    case INSP_HTTP_CONTENT_LENGTH:
    case INSP_HTTP_TRANSFER_ENCODING:
    case INSP_HTTP_UPGRADE:
    case INSP_HTTP_METHOD:
    case INSP_HTTP_PATH:
    case INSP_HTTP_STATUS: return;
    }
    if (field == INSP_FIELD_HTTP_REDIRECT ? status / 100 != 3
        : field == INSP_FIELD_HTTP_SERVER ? !status
                                          : status != 0) {
        return;
    }
    insp_http_set_text(e, field, value, size, INSP_HTTP_VALUE_MAX);
}
