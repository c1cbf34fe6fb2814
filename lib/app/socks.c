/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * SOCKS 5 (RFC 1928), 4 and 4a: a client asks for a connection to somebody
 * else, and then speaks with that one.
 *
 *     -->  5 | n | methods        <--  5 | method
 *     -->  1 | user | password    <--  1 | status          RFC 1929
 *     -->  5 | command | 0 | kind | address | port
 *                                 <--  5 | reply | 0 | kind | address | port
 *
 *     -->  4 | command | port | IPv4 | user, zero | name, zero (4a)
 *                                 <--  0 | reply | port | IPv4
 *
 * After a yes what follows is another protocol, in both directions.  The name
 * that was asked for is the server name that rules look at.
 *
 * The first words are few, so that they are no proof: of version 5 the request
 * must be there too, unless the port says the same, and all parts must be such
 * as clients send.  What the server says is never a proof.
 */

#include "app/line.h"
#include "app/text.h"

#define METHODS_MAX 16
#define HOST_MIN    3
#define USER_MAX    128
#define USER4_MAX   64
#define BOUND_MAX   262 /* A reply with the longest name. */

enum {
    V4 = 4,
    V5 = 5,
    CONNECT = 1,
    BIND = 2,
    ASSOCIATE = 3,
    IP4 = 1,
    NAME = 3,
    IP6 = 4,
    LOGIN = 1, /* Version of RFC 1929. */
    METHOD_NONE = 0,
    METHOD_GSSAPI = 1,
    METHOD_PASSWORD = 2,
    METHOD_REFUSED = 255,
    GRANTED4 = 90,
};

enum step {
    STEP_GREETING, /* What the client says next... */
    STEP_REQUEST,  /* (or a login in front of it) */
    STEP_DONE,
};

enum server_step {
    STEP_METHOD, /* ... and the server. */
    STEP_LOGIN,
    STEP_REPLY,
};

struct state {
    uint8_t client; /* 1 + its side; 0: not known. */
    uint8_t version;
    uint8_t step;        /* Of the client. */
    uint8_t server_step; /* Of the server. */
    uint8_t command;
    uint8_t n_replies;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* An address and a port. */
struct target {
    uint8_t kind;
    const uint8_t *at;
    size_t size;
    uint16_t port;
};

/* ------------------------------------------------------------------------ */
/* Parts.  MAYBE: some of it is missing. */

/* RFC 1123, section 2.1; some clients send addresses as text. */
static bool
is_host(const uint8_t *at, size_t size)
{
    if (size < HOST_MIN) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
              c == ':')) {
            return false;
        }
    }
    return true;
}

/* Section 3: methods are told once each, and most are assigned. */
static enum insp_guess
take_greeting(struct insp_cursor *c)
{
    uint8_t version = insp_cursor_u8(c), n;
    uint64_t seen[4] = { 0 };

    if (version != V5) {
        return INSP_GUESS_NO;
    }
    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    n = insp_cursor_u8(c);
    if (!n || n > METHODS_MAX) {
        return INSP_GUESS_NO;
    }
    for (unsigned int i = 0; i < n; i++) {
        uint8_t method;

        if (!insp_cursor_left(c)) {
            return INSP_GUESS_MAYBE;
        }
        method = insp_cursor_u8(c);
        if ((method > 9 && method < 0x80) || method == METHOD_REFUSED ||
            seen[method / 64] >> (method & 63) & 1) {
            return INSP_GUESS_NO;
        }
        seen[method / 64] |= UINT64_C(1) << (method & 63);
    }
    return INSP_GUESS_YES;
}

/* RFC 1929; the password is passed. */
static enum insp_guess
take_login(struct insp_cursor *c, struct insp_cursor *user)
{
    uint8_t size;

    if (!insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    if (insp_cursor_u8(c) != LOGIN) {
        return INSP_GUESS_NO;
    }
    size = insp_cursor_u8(c);
    *user = insp_cursor_sub(c, size);
    if (!c->failed && !size) {
        return INSP_GUESS_NO;
    }
    size = insp_cursor_u8(c);
    (void) insp_cursor_skip(c, size);
    return c->failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

/* Section 5, behind the kind. */
static enum insp_guess
take_target(struct insp_cursor *c, struct target *target)
{
    target->kind = insp_cursor_u8(c);
    if (c->failed) {
        return INSP_GUESS_MAYBE;
    }
    switch (target->kind) {
    case IP4: target->size = 4; break;
    case IP6: target->size = 16; break;
    case NAME: target->size = insp_cursor_u8(c); break;
    default: return INSP_GUESS_NO;
    }
    target->at = insp_cursor_take(c, target->size);
    target->port = insp_cursor_be16(c);
    return c->failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

/* Section 4. */
static enum insp_guess
take_request(struct insp_cursor *c, uint8_t *command, struct target *target)
{
    uint8_t version = insp_cursor_u8(c);
    enum insp_guess guess;

    if (!c->failed && version != V5) {
        return INSP_GUESS_NO;
    }
    *command = insp_cursor_u8(c);
    if (!c->failed && (*command < CONNECT || *command > ASSOCIATE)) {
        return INSP_GUESS_NO;
    }
    if (insp_cursor_u8(c)) {
        return INSP_GUESS_NO;
    }
    guess = take_target(c, target);
    if (guess == INSP_GUESS_YES &&
        ((target->kind == NAME && !is_host(target->at, target->size)) ||
         (*command == CONNECT && !target->port))) {
        return INSP_GUESS_NO;
    }
    return guess;
}

/* Up to a zero, printable, which is passed; 'max' bytes at most. */
static enum insp_guess
take_zero(struct insp_cursor *c, size_t max, struct insp_cursor *text)
{
    size_t n = 0;

    while (n < insp_cursor_left(c) && c->at[n]) {
        if (c->at[n] < ' ' || c->at[n] > '~' || n == max) {
            return INSP_GUESS_NO;
        }
        n++;
    }
    if (n == insp_cursor_left(c)) {
        return INSP_GUESS_MAYBE;
    }
    *text = insp_cursor_sub(c, n + 1);
    text->end--;
    return INSP_GUESS_YES;
}

static enum insp_guess
take_request4(struct insp_cursor *c, uint8_t *command, struct target *target,
              struct insp_cursor *user)
{
    uint8_t version = insp_cursor_u8(c);
    struct insp_cursor name;
    enum insp_guess guess;

    if (version != V4) {
        return INSP_GUESS_NO;
    }
    *command = insp_cursor_u8(c);
    if (!c->failed && *command != CONNECT && *command != BIND) {
        return INSP_GUESS_NO;
    }
    target->port = insp_cursor_be16(c);
    target->at = insp_cursor_take(c, 4);
    target->kind = IP4;
    target->size = 4;
    if (c->failed) {
        return INSP_GUESS_MAYBE;
    }
    if (!target->port || target->at[0] >= 224) {
        return INSP_GUESS_NO;
    }
    guess = take_zero(c, USER4_MAX, user);
    if (guess != INSP_GUESS_YES || target->at[0]) {
        return guess;
    }
    /* 0.0.0.x: a name follows. */
    if (target->at[1] || target->at[2] || !target->at[3]) {
        return INSP_GUESS_NO;
    }
    guess = take_zero(c, UINT8_MAX, &name);
    if (guess == INSP_GUESS_YES) {
        target->kind = NAME;
        target->at = name.at;
        target->size = insp_cursor_left(&name);
        return is_host(target->at, target->size) ? guess : INSP_GUESS_NO;
    }
    return guess;
}

/* ------------------------------------------------------------------------ */
/* Detection. */

static bool
is_at_port(const struct insp_reading *r)
{
    return insp_app_has_port(INSP_APP_SOCKS, r->port[1]);
}

static enum insp_guess
guess_5(const struct insp_reading *r, struct insp_cursor c)
{
    enum insp_guess guess = take_greeting(&c);
    struct insp_cursor user;
    struct target target;
    uint8_t command;

    if (guess == INSP_GUESS_YES && !insp_cursor_left(&c)) {
        return is_at_port(r) && !r->side ? INSP_GUESS_YES : INSP_GUESS_MAYBE;
    }
    if (guess == INSP_GUESS_YES && c.at[0] == LOGIN) {
        guess = take_login(&c, &user);
    }
    if (guess == INSP_GUESS_YES) {
        guess = take_request(&c, &command, &target);
    }
    /* Clients wait for the answer. */
    return guess == INSP_GUESS_YES && insp_cursor_left(&c) ? INSP_GUESS_NO
                                                           : guess;
}

static enum insp_guess
guess_4(struct insp_cursor c)
{
    struct insp_cursor user;
    struct target target;
    uint8_t command;
    enum insp_guess guess = take_request4(&c, &command, &target, &user);

    return guess == INSP_GUESS_YES && insp_cursor_left(&c) ? INSP_GUESS_NO
                                                           : guess;
}

/* What a server may have said while the client is waited for. */
static enum insp_guess
guess_server(struct insp_cursor c)
{
    uint8_t version = insp_cursor_u8(&c), method = insp_cursor_u8(&c), next;

    if (version == 0 && !c.failed && method >= GRANTED4 &&
        method <= GRANTED4 + 3) {
        return insp_cursor_left(&c) <= 6 ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
    }
    if (version != V5 ||
        (!c.failed && method > METHOD_PASSWORD && method != METHOD_REFUSED)) {
        return INSP_GUESS_NO;
    }
    if (!insp_cursor_left(&c)) {
        return INSP_GUESS_MAYBE;
    }
    next = insp_cursor_u8(&c);
    if (next == LOGIN && method == METHOD_PASSWORD) {
        (void) insp_cursor_u8(&c);
        next = insp_cursor_left(&c) ? insp_cursor_u8(&c) : V5;
    }
    if (next != V5 || insp_cursor_left(&c) > BOUND_MAX) {
        return INSP_GUESS_NO;
    }
    return insp_cursor_u8(&c) <= 8 && !insp_cursor_u8(&c) ? INSP_GUESS_MAYBE
                                                          : INSP_GUESS_NO;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    guess = c.at[0] == V4 ? guess_4(c) : guess_5(r, c);
    return INSP_MAX(guess, guess_server(c));
}

/* ------------------------------------------------------------------------ */
/* What is said. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SOCKS, 0);

    return e ? e : insp_event_begin(r, INSP_APP_SOCKS, 0);
}

static void
end_record(struct insp_reading *r)
{
    struct insp_event *e = event_of(r);

    insp_event_uint(e, INSP_FIELD_SOCKS_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

static void
end_and_stop(struct insp_reading *r)
{
    end_record(r);
    insp_reading_stop(r);
}

static void
read_request(struct insp_reading *r, uint8_t command,
             const struct target *target)
{
    static const char *const commands[] = {
        [CONNECT] = "connect",
        [BIND] = "bind",
        [ASSOCIATE] = "udp_associate",
    };
    struct state *s = r->state;
    struct insp_event *e = event_of(r);
    uint8_t text[64];
    struct insp_put p = insp_put(text, sizeof text);

    s->command = command;
    s->step = STEP_DONE;
    insp_event_text(e, INSP_FIELD_SOCKS_COMMAND, commands[command]);
    if (target->kind == NAME) {
        insp_event_bytes(e, INSP_FIELD_SOCKS_HOST, target->at, target->size);
        insp_reading_set_name(r, target->at, target->size);
    } else if (target->kind == IP4) {
        insp_text_ip4(&p, target->at);
    } else {
        insp_text_ip6(&p, target->at);
    }
    if (target->kind != NAME) {
        insp_event_bytes(e, INSP_FIELD_SOCKS_HOST, text, insp_put_size(&p));
    }
    insp_event_uint(e, INSP_FIELD_SOCKS_PORT, target->port);
}

static void
read_user(struct insp_reading *r, struct insp_cursor user)
{
    insp_line_set(event_of(r), INSP_FIELD_SOCKS_USER, user, USER_MAX);
}

static enum insp_guess
read_of_client_4(struct insp_reading *r, struct insp_cursor *c)
{
    struct insp_cursor user;
    struct target target;
    uint8_t command;
    enum insp_guess guess = take_request4(c, &command, &target, &user);

    if (guess == INSP_GUESS_YES) {
        insp_event_uint(event_of(r), INSP_FIELD_SOCKS_VERSION, V4);
        read_user(r, user);
        read_request(r, command, &target);
    }
    return guess;
}

static enum insp_guess
read_of_client_5(struct insp_reading *r, struct insp_cursor *c)
{
    struct state *s = r->state;
    struct insp_cursor user;
    struct target target;
    enum insp_guess guess;
    uint8_t command;

    if (s->step == STEP_GREETING) {
        guess = take_greeting(c);
        if (guess == INSP_GUESS_YES) {
            insp_event_uint(event_of(r), INSP_FIELD_SOCKS_VERSION, V5);
            s->step = STEP_REQUEST;
        }
    } else if (c->at[0] == LOGIN) {
        guess = take_login(c, &user);
        if (guess == INSP_GUESS_YES) {
            read_user(r, user);
            insp_event_uint(event_of(r), INSP_FIELD_SOCKS_CLEARTEXT_LOGIN, 1);
        }
    } else {
        guess = take_request(c, &command, &target);
        if (guess == INSP_GUESS_YES) {
            read_request(r, command, &target);
        }
    }
    return guess;
}

/* ------------------------------------------------------------------------ */
/* What the server says. */

static enum insp_guess
read_method(struct insp_reading *r, struct insp_cursor *c)
{
    struct state *s = r->state;
    struct insp_event *e = event_of(r);
    uint8_t version = insp_cursor_u8(c), method = insp_cursor_u8(c);
    uint8_t text[20];
    struct insp_put p = insp_put(text, sizeof text);

    if (c->failed) {
        return INSP_GUESS_MAYBE;
    }
    if (version != V5) {
        return INSP_GUESS_NO;
    }
    s->server_step = STEP_REPLY;
    switch (method) {
    case METHOD_NONE: insp_put_text(&p, "none"); break;
    case METHOD_PASSWORD:
        insp_put_text(&p, "password");
        s->server_step = STEP_LOGIN;
        break;
    case METHOD_GSSAPI: insp_put_text(&p, "gssapi"); break;
    case METHOD_REFUSED: insp_put_text(&p, "refused"); break;
    default: insp_text_uint(&p, method); break;
    }
    insp_event_bytes(e, INSP_FIELD_SOCKS_METHOD, text, insp_put_size(&p));
    if (method != METHOD_NONE && method != METHOD_PASSWORD) {
        end_and_stop(r);
    }
    return INSP_GUESS_YES;
}

static enum insp_guess
read_status(struct insp_reading *r, struct insp_cursor *c)
{
    struct state *s = r->state;
    uint8_t version = insp_cursor_u8(c), status = insp_cursor_u8(c);

    if (c->failed) {
        return INSP_GUESS_MAYBE;
    }
    if (version != LOGIN) {
        return INSP_GUESS_NO;
    }
    s->server_step = STEP_REPLY;
    if (status) {
        insp_event_text(event_of(r), INSP_FIELD_SOCKS_STATUS, "login_refused");
        end_and_stop(r);
    }
    return INSP_GUESS_YES;
}

static const char *
status_of(uint8_t version, uint8_t reply)
{
    static const char *const texts[] = {
        "succeeded",       "failed",           "not_allowed",
        "net_unreachable", "host_unreachable", "refused",
        "ttl_expired",     "bad_command",      "bad_address",
    };

    if (version == V4) {
        return reply == GRANTED4       ? "succeeded"
               : reply == GRANTED4 + 1 ? "failed"
                                       : "login_refused";
    }
    return reply < INSP_ARRAY_SIZE(texts) ? texts[reply] : "unassigned";
}

static void
answer(struct insp_reading *r, uint8_t reply)
{
    struct state *s = r->state;
    struct insp_event *e = event_of(r);
    bool is_ok = reply == (s->version == V4 ? GRANTED4 : 0);

    insp_event_uint(e, INSP_FIELD_SOCKS_REPLY, reply);
    if (s->command == BIND && is_ok && !s->n_replies++) {
        return; /* Somebody is waited for now, and told then. */
    }
    insp_event_text(e, INSP_FIELD_SOCKS_STATUS, status_of(s->version, reply));
    end_record(r);
    if (is_ok && s->command != ASSOCIATE) {
        insp_reading_again(r);
    } else {
        insp_reading_stop(r);
    }
}

static enum insp_guess
read_reply(struct insp_reading *r, struct insp_cursor *c)
{
    struct target bound;
    uint8_t version = insp_cursor_u8(c), reply = insp_cursor_u8(c);
    enum insp_guess guess;

    if (version != V5) {
        return INSP_GUESS_NO;
    }
    if (insp_cursor_u8(c)) {
        return INSP_GUESS_NO;
    }
    guess = take_target(c, &bound);
    if (guess == INSP_GUESS_YES) {
        answer(r, reply);
    }
    return guess;
}

static enum insp_guess
read_reply4(struct insp_reading *r, struct insp_cursor *c)
{
    uint8_t version = insp_cursor_u8(c), reply = insp_cursor_u8(c);

    insp_cursor_skip(c, 6);
    if (version ||
        (!c->failed && (reply < GRANTED4 || reply > GRANTED4 + 3))) {
        return INSP_GUESS_NO;
    }
    if (c->failed) {
        return INSP_GUESS_MAYBE;
    }
    answer(r, reply);
    return INSP_GUESS_YES;
}

static enum insp_guess
read_of_server(struct insp_reading *r, struct insp_cursor *c)
{
    const struct state *s = r->state;

    return s->version == V4                ? read_reply4(r, c)
           : s->server_step == STEP_METHOD ? read_method(r, c)
           : s->server_step == STEP_LOGIN  ? read_status(r, c)
                                           : read_reply(r, c);
}

/* ------------------------------------------------------------------------ */
/* Reading. */

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    size_t at = 0;

    if (!s->client && r->size) {
        s->client = (uint8_t) (1 + r->side); /* Only it is a proof. */
        s->version = r->bytes[0];
    }
    while (at < r->size && !r->stop && !r->again) {
        struct insp_cursor c = insp_cursor(r->bytes + at, r->size - at);
        bool is_client = s->client == 1 + r->side;
        enum insp_guess guess;

        if (is_client && s->step == STEP_DONE) {
            break; /* Of what is next: after the answer. */
        }
        guess = !is_client         ? read_of_server(r, &c)
                : s->version == V4 ? read_of_client_4(r, &c)
                                   : read_of_client_5(r, &c);
        if (guess == INSP_GUESS_NO) {
            insp_reading_stop(r);
        }
        if (guess != INSP_GUESS_YES) {
            break;
        }
        at = r->size - insp_cursor_left(&c);
    }
    return at;
}

const struct insp_reader insp_reader_socks = {
    .detect = detect,
    .read = read_bytes,
};
