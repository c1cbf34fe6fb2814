/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * XMPP (RFC 6120): each side says one long XML document.  Of it the tags are
 * looked at one by one, without what holds what, and until the stream is
 * encrypted, somebody has logged in, or the first message goes by:
 *
 *     -->  <stream:stream to='example.org' ...>
 *     <--  <stream:stream from='example.org' id='1' ...> <stream:features> ...
 *     -->  <starttls .../>
 *     <--  <proceed .../>              TLS is next
 *
 *     -->  <auth mechanism='PLAIN'>base64</auth>
 *     <--  <success/>                  ends the record, and the reading
 *
 * Text between tags is passed, but for that of a login's first response and
 * of a name (XEP-0078).
 */

#include "app/line.h"

#define TAG_MAX      2048
#define TAGS_MAX     256 /* Of both sides. */
#define TEXT_MAX     256
#define FAILURES_MAX 16

struct state {
    uint8_t client; /* 1 + its side; 0: not known. */
    uint8_t login;  /* enum insp_login. */
    uint8_t n_failures;
    bool wants_response; /* The client's text is of interest. */
    bool wants_user;
    bool has_password;
    uint16_t n_tags;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

static const char stream_tag[] = "<STREAM:STREAM";

static void
skip_blanks(struct insp_cursor *c)
{
    while (insp_cursor_left(c) && (c->at[0] == ' ' || c->at[0] == '\t' ||
                                   c->at[0] == '\r' || c->at[0] == '\n')) {
        insp_cursor_skip(c, 1);
    }
}

/* Behind "<?xml ... ?>"; false: its end has not come. */
static bool
skip_declaration(struct insp_cursor *c)
{
    size_t left = INSP_MIN(insp_cursor_left(c), INSP_LINE_SEARCHED);
    const uint8_t *end = left ? memchr(c->at, '>', left) : NULL;

    if (!end) {
        return false;
    }
    insp_cursor_skip(c, (size_t) (end - c->at) + 1);
    skip_blanks(c);
    return true;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    guess = insp_line_guess(c, "<?XML");
    if (guess == INSP_GUESS_YES && !skip_declaration(&c)) {
        return insp_line_is_text(c) ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
    }
    if (guess != INSP_GUESS_MAYBE) {
        guess = insp_line_guess(c, stream_tag);
    }
    if (guess == INSP_GUESS_YES) {
        return insp_line_has(c, "JABBER:") ||
                       insp_line_has(c, "ETHERX.JABBER.ORG")
                   ? INSP_GUESS_YES
               : insp_line_is_text(c) ? INSP_GUESS_MAYBE
                                      : INSP_GUESS_NO;
    }
    return guess;
}

/* ------------------------------------------------------------------------ */
/* Tags. */

/* Takes one, without its brackets; false: it is not there, or too long. */
static bool
take_tag(struct insp_cursor *c, struct insp_cursor *tag)
{
    size_t left = INSP_MIN(insp_cursor_left(c), TAG_MAX);
    uint8_t quote = 0;

    for (size_t i = 1; i < left; i++) {
        uint8_t at = c->at[i];

        if (quote) {
            quote = at == quote ? 0 : quote;
        } else if (at == '"' || at == '\'') {
            quote = at;
        } else if (at == '>') {
            *tag = insp_cursor_sub(c, i + 1);
            insp_cursor_skip(tag, 1);
            tag->end--;
            return true;
        }
    }
    return false;
}

static bool
is_of_name(uint8_t c)
{
    return c > ' ' && c != '/' && c != '=' && c != '\'' && c != '"';
}

/* The next name; with a '/' in front when the tag ends something. */
static struct insp_cursor
name_of(struct insp_cursor *tag)
{
    size_t n = insp_cursor_left(tag) && tag->at[0] == '/' ? 1 : 0;

    while (n < insp_cursor_left(tag) && is_of_name(tag->at[n])) {
        n++;
    }
    return insp_cursor_sub(tag, n);
}

/* The next attribute; false: there is none more. */
static bool
next_attribute(struct insp_cursor *tag, struct insp_cursor *name,
               struct insp_cursor *value)
{
    const uint8_t *end;

    skip_blanks(tag);
    *name = name_of(tag);
    skip_blanks(tag);
    if (!insp_cursor_left(name) || insp_cursor_u8(tag) != '=') {
        return false;
    }
    skip_blanks(tag);
    if (insp_cursor_left(tag) < 2 ||
        (tag->at[0] != '"' && tag->at[0] != '\'')) {
        return false;
    }
    end = memchr(tag->at + 1, tag->at[0], insp_cursor_left(tag) - 1);
    if (!end) {
        return false;
    }
    *value = insp_cursor_sub(tag, (size_t) (end - tag->at));
    insp_cursor_skip(value, 1);
    insp_cursor_skip(tag, 1);
    return true;
}

/* Empty when the tag has no such attribute. */
static struct insp_cursor
attribute(struct insp_cursor tag, const char *wanted)
{
    struct insp_cursor name, value;

    while (next_attribute(&tag, &name, &value)) {
        if (insp_line_is(name, wanted)) {
            return value;
        }
    }
    return insp_cursor(NULL, 0);
}

/* ------------------------------------------------------------------------ */
/* What tags say. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_XMPP, 0);

    return e ? e : insp_event_begin(r, INSP_APP_XMPP, 0);
}

static void
end_record(struct insp_reading *r)
{
    insp_event_end(r, insp_event_find(r, INSP_APP_XMPP, 0));
    insp_reading_stop(r);
}

/* Section 4.7. */
static void
read_stream_tag(struct insp_reading *r, struct insp_cursor tag)
{
    struct state *s = r->state;
    struct insp_event *e = event_of(r);
    struct insp_cursor id = attribute(tag, "ID");

    if (!s->client) {
        /* Only a server gives streams a number. */
        s->client =
            (uint8_t) (1 + (insp_cursor_left(&id) ? !r->side : r->side));
    }
    if (s->client == 1 + r->side) {
        insp_line_set(e, INSP_FIELD_XMPP_TO, attribute(tag, "TO"), TEXT_MAX);
        insp_line_set(e, INSP_FIELD_XMPP_FROM, attribute(tag, "FROM"),
                      TEXT_MAX);
        insp_line_set(e, INSP_FIELD_XMPP_NAMESPACE, attribute(tag, "XMLNS"),
                      TEXT_MAX);
    } else {
        insp_line_set(e, INSP_FIELD_XMPP_SERVER, attribute(tag, "FROM"),
                      TEXT_MAX);
    }
}

static void
read_of_client(struct insp_reading *r, struct insp_cursor name,
               struct insp_cursor tag)
{
    struct state *s = r->state;
    struct insp_cursor mechanism;

    if (insp_line_is(name, "AUTH")) {
        mechanism = attribute(tag, "MECHANISM");
        s->login = (uint8_t) insp_login_of(mechanism);
        insp_line_set(event_of(r), INSP_FIELD_XMPP_LOGIN, mechanism, 32);
        s->wants_response = true;
    } else if (insp_line_is(name, "RESPONSE")) {
        s->wants_response = true;
    } else if (insp_line_is(name, "USERNAME")) {
        s->wants_user = true;
    } else if (insp_line_is(name, "PASSWORD")) {
        insp_event_uint(event_of(r), INSP_FIELD_XMPP_CLEARTEXT_LOGIN, 1);
        s->has_password = true;
    } else if (insp_line_is(name, "MESSAGE") ||
               insp_line_is(name, "PRESENCE") ||
               (insp_line_is(name, "/IQ") && s->has_password)) {
        end_record(r);
    }
}

static void
read_of_server(struct insp_reading *r, struct insp_cursor name)
{
    struct state *s = r->state;
    struct insp_event *e;

    if (insp_line_is(name, "PROCEED")) {
        e = event_of(r);
        insp_event_uint(e, INSP_FIELD_XMPP_STARTTLS, 1);
        insp_event_end(r, e);
        insp_reading_again(r);
    } else if (insp_line_is(name, "SUCCESS")) {
        insp_line_set_word(event_of(r), INSP_FIELD_XMPP_STATUS, "success");
        end_record(r);
    } else if (insp_line_is(name, "FAILURE")) {
        e = event_of(r);
        insp_line_set_word(e, INSP_FIELD_XMPP_STATUS, "failure");
        insp_event_end(r, e);
        s->wants_response = false;
        if (++s->n_failures == FAILURES_MAX) {
            insp_reading_stop(r);
        }
    } else if (insp_line_is(name, "COMPRESSED") ||
               insp_line_is(name, "MESSAGE") ||
               insp_line_is(name, "/STREAM:STREAM")) {
        end_record(r);
    }
}

static void
read_tag(struct insp_reading *r, struct insp_cursor tag)
{
    struct state *s = r->state;
    struct insp_cursor name = name_of(&tag);

    if (insp_line_is(name, stream_tag + 1)) {
        read_stream_tag(r, tag);
    } else if (s->client == 1 + r->side) {
        read_of_client(r, name, tag);
    } else if (s->client) {
        read_of_server(r, name);
    }
    if (++s->n_tags == TAGS_MAX && !r->stop && !r->again) {
        end_record(r);
    }
}

/* Text of a tag that was of interest. */
static void
read_text(struct insp_reading *r, struct insp_cursor text)
{
    struct state *s = r->state;
    struct insp_event *e = event_of(r);
    enum insp_login login = (enum insp_login) s->login;

    if (s->wants_user) {
        insp_line_set(e, INSP_FIELD_XMPP_USER, text, TEXT_MAX);
    } else if (insp_cursor_left(&text) > 1) {
        insp_login_set_user(e, INSP_FIELD_XMPP_USER, login, text);
        insp_event_uint(e, INSP_FIELD_XMPP_CLEARTEXT_LOGIN,
                        insp_login_is_clear(login));
    }
    s->wants_user = s->wants_response = false;
}

/* False: more bytes are needed. */
static bool
read_next(struct insp_reading *r, struct insp_cursor *c)
{
    struct state *s = r->state;
    bool wants =
        (s->wants_user || s->wants_response) && s->client == 1 + r->side;
    size_t left = insp_cursor_left(c);
    const uint8_t *tag_at = left ? memchr(c->at, '<', left) : NULL;
    size_t n = tag_at ? (size_t) (tag_at - c->at) : left;
    struct insp_cursor text, tag;

    if (wants && !tag_at && left < TAG_MAX) {
        return false;
    }
    text = insp_cursor_sub(c, n);
    if (wants) {
        read_text(r, text);
    }
    if (!tag_at) {
        return false;
    }
    if (!take_tag(c, &tag)) {
        if (insp_cursor_left(c) >= TAG_MAX) {
            end_record(r);
        }
        return false;
    }
    read_tag(r, tag);
    return true;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    while (!r->stop && !r->again && read_next(r, &c)) {
        continue;
    }
    return r->size - insp_cursor_left(&c);
}

const struct insp_reader insp_reader_xmpp = {
    .detect = detect,
    .read = read_bytes,
};
