/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Telnet (RFC 854): text, with commands in it that begin with the byte 255:
 *
 *     255 | WILL, WONT, DO or DONT | option
 *     255 | SB | option ... 255 | SE
 *     255 | another command
 *
 * Options (RFC 855) that a side wants or offers are told once each.  When the
 * text ends with what asks for a name or a password, or 512 bytes of text have
 * passed, the record goes out and nothing more is read: what is typed is
 * looked at only until then, and never kept.
 */

#include "app/line.h"
#include "app/text.h"

#define TEXT_MAX    512
#define BYTES_MAX   4096 /* With all commands. */
#define OPTIONS_MAX 64
#define TAIL_SIZE   10 /* "user name:". */

enum {
    SE = 240,
    SB = 250,
    WILL = 251,
    DO = 253,
    DONT = 254,
    IAC = 255,
};

enum step {
    STEP_TEXT,
    STEP_COMMAND, /* Behind 255. */
    STEP_OPTION,  /* Behind WILL and its like. */
    STEP_INSIDE,  /* Of what SB begins. */
    STEP_END,     /* Behind 255 in that. */
};

struct side {
    uint64_t seen[2]; /* Options of WILL, of DO: a bit each. */
    uint8_t step;
    uint8_t command; /* Of STEP_OPTION. */
    uint8_t tail[TAIL_SIZE];
};

struct state {
    struct side side[2];
    uint16_t n_text;
    uint16_t n_bytes;
};
_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "state");

/* ------------------------------------------------------------------------ */
/* Detection. */

static bool
is_negotiation(const uint8_t *at, size_t size)
{
    return at[0] == IAC && (size < 2 || (at[1] >= WILL && at[1] <= DONT)) &&
           (size < 3 || at[2] < OPTIONS_MAX);
}

/* At its port a prompt will do. */
static bool
has_prompt(const struct insp_reading *r, struct insp_cursor c)
{
    return insp_reading_at_port(r, INSP_APP_TELNET) && insp_line_is_text(c) &&
           (insp_line_has(c, "LOGIN:") || insp_line_has(c, "USERNAME:") ||
            insp_line_has(c, "PASSWORD:"));
}

/* Commands about options: all of it, or two in front of text. */
static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    unsigned int n = 0;

    if (!r->is_stream || !r->size) {
        return INSP_GUESS_NO;
    }
    if (c.at[0] != IAC) {
        return has_prompt(r, c) ? INSP_GUESS_YES : INSP_GUESS_NO;
    }
    while (n < 2 && insp_cursor_left(&c) >= 3 &&
           is_negotiation(c.at, insp_cursor_left(&c))) {
        insp_cursor_skip(&c, 3);
        n++;
    }
    if (n == 2 || (n == 1 && (!insp_cursor_left(&c) ||
                              insp_reading_at_port(r, INSP_APP_TELNET)))) {
        return INSP_GUESS_YES;
    }
    return insp_cursor_left(&c) < 3 &&
                   is_negotiation(c.at, insp_cursor_left(&c))
               ? INSP_GUESS_MAYBE
               : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Options. */

static const char *
option_name(uint8_t option)
{
    switch (option) {
    case 0: return "binary";
    case 1: return "echo";
    case 3: return "suppress-go-ahead";
    case 5: return "status";
    case 6: return "timing-mark";
    case 23: return "send-location";
    case 24: return "terminal-type";
    case 25: return "end-of-record";
    case 31: return "window-size";
    case 32: return "terminal-speed";
    case 33: return "remote-flow-control";
    case 34: return "linemode";
    case 35: return "x-display-location";
    case 36: return "environment";
    case 37: return "authentication";
    case 38: return "encryption";
    case 39: return "new-environment";
    case 40: return "tn3270e";
    case 42: return "charset";
    case 44: return "com-port-control";
    case 46: return "start-tls";
    default: return NULL;
    }
}

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_TELNET, 0);

    return e ? e : insp_event_begin(r, INSP_APP_TELNET, 0);
}

static void
read_option(struct insp_reading *r, struct side *side, uint8_t option)
{
    static const enum insp_app_field fields[2][2] = {
        { INSP_FIELD_TELNET_CLIENT_WILL, INSP_FIELD_TELNET_CLIENT_DO },
        { INSP_FIELD_TELNET_SERVER_WILL, INSP_FIELD_TELNET_SERVER_DO },
    };
    unsigned int is_do = side->command == DO;
    const char *name = option_name(option);
    uint8_t digits[20];
    struct insp_put p;

    if ((side->command != WILL && !is_do) || option >= OPTIONS_MAX ||
        side->seen[is_do] >> option & 1) {
        return;
    }
    side->seen[is_do] |= UINT64_C(1) << option;
    if (name) {
        insp_event_text(event_of(r), fields[r->side][is_do], name);
        return;
    }
    p = insp_put(digits, sizeof digits);
    insp_text_uint(&p, option);
    insp_event_bytes(event_of(r), fields[r->side][is_do], digits,
                     insp_put_size(&p));
}

/* ------------------------------------------------------------------------ */
/* Text. */

/* Whether what was said last asks who is there. */
static bool
is_prompt(const uint8_t tail[TAIL_SIZE])
{
    static const char *const prompts[] = { "login:",    "password:",
                                           "username:", "user name:",
                                           "passwd:",   "passcode:" };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(prompts); i++) {
        size_t size = strlen(prompts[i]);

        if (!memcmp(tail + TAIL_SIZE - size, prompts[i], size)) {
            return true;
        }
    }
    return false;
}

static void
end_record(struct insp_reading *r, bool is_login)
{
    struct insp_event *e = event_of(r);

    insp_event_uint(e, INSP_FIELD_TELNET_CLEARTEXT_LOGIN, is_login);
    insp_event_end(r, e);
    insp_reading_stop(r);
}

static void
read_text(struct insp_reading *r, struct side *side, uint8_t c)
{
    struct state *s = r->state;

    memmove(side->tail, side->tail + 1, TAIL_SIZE - 1);
    side->tail[TAIL_SIZE - 1] = c >= 'A' && c <= 'Z' ? (uint8_t) (c + 32) : c;
    if (c == ':' && is_prompt(side->tail)) {
        end_record(r, true);
    } else if (++s->n_text == TEXT_MAX) {
        end_record(r, false);
    }
}

static void
read_byte(struct insp_reading *r, struct side *side, uint8_t c)
{
    switch ((enum step) side->step) {
    case STEP_TEXT:
        if (c == IAC) {
            side->step = STEP_COMMAND;
        } else {
            read_text(r, side, c);
        }
        break;
    case STEP_COMMAND:
        side->command = c;
        side->step = c == SB                  ? STEP_INSIDE
                     : c >= WILL && c <= DONT ? STEP_OPTION
                                              : STEP_TEXT;
        break;
    case STEP_OPTION:
        read_option(r, side, c);
        side->step = STEP_TEXT;
        break;
    case STEP_INSIDE:
        if (c == IAC) {
            side->step = STEP_END;
        }
        break;
    case STEP_END: side->step = c == SE ? STEP_TEXT : STEP_INSIDE; break;
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    while (!r->stop && insp_cursor_left(&c)) {
        read_byte(r, &s->side[r->side], insp_cursor_u8(&c));
        if (!r->stop && ++s->n_bytes == BYTES_MAX) {
            end_record(r, false);
        }
    }
    return r->size - insp_cursor_left(&c);
}

const struct insp_reader insp_reader_telnet = {
    .detect = detect,
    .read = read_bytes,
};
