/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * SSH in clear (RFC 4253): each side says a banner, "SSH-2.0-SOFTWARE COMMENT"
 * (section 4.2), the server perhaps some lines before it, and then packets:
 *
 *     size 32 | padding 8 | payload | padding
 *
 * The first of each side is its KEXINIT (section 7.1), ten lists of the
 * algorithms that it has.  When both are there, the one record of the
 * connection goes out, and nothing more is read: what follows is encrypted
 * soon.  Version 1 of the protocol has other packets; its record says the
 * banners.
 *
 * HASSH is the MD5 of four of the lists with ';' between them: key exchange,
 * encryption, MAC and compression, the last three of the direction in which
 * the side speaks.  The exporter makes it.
 *
 * What both agree on is what the client names first of what the server has
 * too; for that the lists of the side that speaks first are kept.
 */

#include "app/event.h"

#define BANNER         "SSH-"
#define BANNER_MAX     512 /* RFC 4253 says 255. */
#define LINES_MAX      64  /* Before the banner. */
#define PACKET_HEAD    5
#define PACKET_MAX     (INSP_READER_WINDOW - 4)
#define PACKETS_MAX    8 /* Before KEXINIT. */
#define MSG_KEXINIT    20
#define COOKIE_SIZE    16
#define SOFTWARE_MAX   256
#define HASSH_MAX      4096
#define NAMES_MAX      128 /* Of a list, that are compared. */
#define SSH_PORT       22
#define GUESS_LINE_MAX 255

enum list {
    LIST_KEX,
    LIST_HOST_KEY,
    LIST_CIPHER,      /* From client to server, ... */
    LIST_CIPHER_BACK, /* ... and back. */
    LIST_MAC,
    LIST_MAC_BACK,
    LIST_COMPRESSION,
    LIST_COMPRESSION_BACK,
    LISTS,
};

enum step {
    STEP_BANNER,
    STEP_PACKET,
    STEP_DONE,
};

struct side {
    uint8_t step;
    uint8_t n_lines;
    uint8_t n_packets;
    bool has_lists;
};

struct state {
    struct side side[2];
    bool is_old; /* A side has version 1 only. */
};

_Static_assert(sizeof(struct state) <= INSP_READER_STATE, "must fit");

struct list_text {
    const uint8_t *at;
    size_t size;
};

/* Lists that are kept. */
struct kept {
    uint16_t size[LISTS];
    uint8_t bytes[1520];
};

_Static_assert(sizeof(struct kept) <= 1536,
               "leaves room for the other side's lists");

/* ------------------------------------------------------------------------ */
/* Detection. */

/* "SSH-2.0-" or "SSH-1.99-": a digit, a dot and a digit. */
static enum insp_guess
guess_banner(const uint8_t *at, size_t size)
{
    static const char form[] = "SSH-0.0";

    for (size_t i = 0; i < size && i < sizeof form - 1; i++) {
        bool fits = form[i] == '0' ? at[i] >= '0' && at[i] <= '9'
                                   : at[i] == (uint8_t) form[i];

        if (!fits) {
            return INSP_GUESS_NO;
        }
    }
    return size < sizeof form - 1 ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

static bool
is_text(const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] < ' ' && at[i] != '\t' && at[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* A server may say lines before its banner.  Elsewhere than on SSH's port
 * text is not waited for. */
static enum insp_guess
detect(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    enum insp_guess guess;

    if (!r->is_stream) {
        return INSP_GUESS_NO;
    }
    guess = guess_banner(c.at, insp_cursor_left(&c));
    for (int i = 0; guess == INSP_GUESS_NO && i < LINES_MAX; i++) {
        size_t left = insp_cursor_left(&c);
        const uint8_t *end = left ? memchr(c.at, '\n', left) : NULL;
        size_t size = end ? (size_t) (end - c.at) : left;

        if (size > GUESS_LINE_MAX || !is_text(c.at, size)) {
            return INSP_GUESS_NO;
        }
        if (!end) {
            break;
        }
        insp_cursor_skip(&c, size + 1);
        guess = guess_banner(c.at, insp_cursor_left(&c));
    }
    if (guess == INSP_GUESS_YES) {
        return INSP_GUESS_YES;
    }
    if (guess == INSP_GUESS_MAYBE && c.at == r->bytes) {
        return INSP_GUESS_MAYBE;
    }
    return r->side == 1 && r->port[1] == SSH_PORT ? INSP_GUESS_MAYBE
                                                  : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* Banner. */

static struct insp_event *
event_of(struct insp_reading *r)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SSH, 0);

    return e ? e : insp_event_begin(r, INSP_APP_SSH, 0);
}

static void
read_banner(struct insp_reading *r, struct state *s, const uint8_t *line,
            size_t size)
{
    struct insp_cursor c = insp_cursor(line, size);
    struct insp_event *e = event_of(r);
    const uint8_t *version, *end;
    size_t version_size, software_size;

    insp_cursor_skip(&c, sizeof BANNER - 1);
    version = c.at;
    end = memchr(c.at, '-', insp_cursor_left(&c));
    version_size = end ? (size_t) (end - c.at) : insp_cursor_left(&c);
    insp_event_bytes(
        e, r->side ? INSP_FIELD_SSH_SERVER_PROTO : INSP_FIELD_SSH_CLIENT_PROTO,
        version, INSP_MIN(version_size, 16));
    if (version_size && version[0] == '1' &&
        !(version_size == 4 && !memcmp(version, "1.99", 4))) {
        s->is_old = true;
    }
    insp_cursor_skip(&c, INSP_MIN(version_size + 1, insp_cursor_left(&c)));
    end = memchr(c.at, ' ', insp_cursor_left(&c));
    software_size = end ? (size_t) (end - c.at) : insp_cursor_left(&c);
    if (software_size) {
        insp_event_bytes(e,
                         r->side ? INSP_FIELD_SSH_SERVER_SOFTWARE
                                 : INSP_FIELD_SSH_CLIENT_SOFTWARE,
                         c.at, INSP_MIN(software_size, SOFTWARE_MAX));
    }
}

/* Both sides have said what they have to. */
static void
end_when_done(struct insp_reading *r, struct state *s)
{
    bool banners =
        s->side[0].step > STEP_BANNER && s->side[1].step > STEP_BANNER;
    bool done = s->side[0].step == STEP_DONE && s->side[1].step == STEP_DONE;

    if (done || (banners && s->is_old)) {
        insp_event_end(r, insp_event_find(r, INSP_APP_SSH, 0));
        insp_reading_stop(r);
    }
}

/* One line, the banner or one before it; false: it is not complete. */
static bool
read_line(struct insp_reading *r, struct state *s, struct side *side,
          struct insp_cursor *c)
{
    size_t left = insp_cursor_left(c);
    const uint8_t *line = c->at;
    const uint8_t *end = left ? memchr(line, '\n', left) : NULL;
    size_t size = end ? (size_t) (end - line) : left;

    if (!end && left < BANNER_MAX) {
        return false;
    }
    insp_cursor_skip(c, end ? size + 1 : size);
    if (size && line[size - 1] == '\r') {
        size--;
    }
    if (guess_banner(line, size) == INSP_GUESS_YES) {
        read_banner(r, s, line, size);
        side->step = STEP_PACKET;
        end_when_done(r, s);
    } else if (++side->n_lines == LINES_MAX) {
        side->step = STEP_DONE;
        insp_reading_stop_side(r);
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* Key exchange. */

static void
set_hassh(struct insp_reading *r, const struct list_text *lists)
{
    unsigned int back = r->side;
    const struct list_text *parts[] = { &lists[LIST_KEX],
                                        &lists[LIST_CIPHER + back],
                                        &lists[LIST_MAC + back],
                                        &lists[LIST_COMPRESSION + back] };
    uint8_t text[HASSH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < 4; i++) {
        /* A fingerprint of less than all would be another one. */
        if (parts[i]->size + 1 > sizeof text - n) {
            return;
        }
        if (i) {
            text[n++] = ';';
        }
        memcpy(text + n, parts[i]->at, parts[i]->size);
        n += parts[i]->size;
    }
    insp_event_bytes(event_of(r),
                     r->side ? INSP_FIELD_SSH_SERVER_HASSH_STRING
                             : INSP_FIELD_SSH_CLIENT_HASSH_STRING,
                     text, n);
}

static void
keep_lists(struct insp_reading *r, const struct list_text *lists)
{
    struct kept *kept = insp_reading_memory(r, 0, sizeof *kept);
    size_t n = 0;

    for (size_t i = 0; kept && i < LISTS; i++) {
        /* Without one of them there is nothing to compare. */
        size_t size =
            lists[i].size <= sizeof kept->bytes - n ? lists[i].size : 0;

        memcpy(kept->bytes + n, lists[i].at, size);
        kept->size[i] = (uint16_t) size;
        n += size;
    }
}

static bool
get_lists(struct insp_reading *r, struct list_text *lists)
{
    const struct kept *kept = insp_reading_memory(r, 0, sizeof *kept);
    size_t n = 0;

    for (size_t i = 0; kept && i < LISTS; i++) {
        lists[i] = (struct list_text){ kept->bytes + n, kept->size[i] };
        n += kept->size[i];
    }
    return kept;
}

/* The next name of a list, which is moved behind it. */
static struct list_text
next_name(struct list_text *list)
{
    const uint8_t *comma = memchr(list->at, ',', list->size);
    struct list_text name = { list->at, comma ? (size_t) (comma - list->at)
                                              : list->size };
    size_t n = comma ? name.size + 1 : name.size;

    list->at += n;
    list->size -= n;
    return name;
}

static bool
has_name(struct list_text list, const struct list_text *name)
{
    for (int i = 0; i < NAMES_MAX && list.size; i++) {
        struct list_text other = next_name(&list);

        if (other.size == name->size &&
            !memcmp(other.at, name->at, name->size)) {
            return true;
        }
    }
    return false;
}

/* Sets the client's first name that the server has. */
static struct list_text
set_common(struct insp_event *e, enum insp_app_field field,
           struct list_text client, const struct list_text *server)
{
    for (int i = 0; i < NAMES_MAX && client.size; i++) {
        struct list_text name = next_name(&client);

        if (name.size && has_name(*server, &name)) {
            insp_event_bytes(e, field, name.at, INSP_MIN(name.size, 64));
            return name;
        }
    }
    return (struct list_text){ client.at, 0 };
}

/* Ciphers that authenticate what they encrypt: the MAC that was agreed on is
 * not used. */
static bool
has_own_mac(const struct list_text *cipher)
{
    static const char *const parts[] = { "gcm", "GCM", "poly1305" };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]);

        for (size_t at = 0; at + n <= INSP_MIN(cipher->size, 64); at++) {
            if (!memcmp(cipher->at + at, parts[i], n)) {
                return true;
            }
        }
    }
    return false;
}

static void
set_agreed(struct insp_reading *r, const struct list_text *client,
           const struct list_text *server)
{
    struct insp_event *e = event_of(r);
    struct list_text cipher;

    set_common(e, INSP_FIELD_SSH_KEX, client[LIST_KEX], &server[LIST_KEX]);
    set_common(e, INSP_FIELD_SSH_HOST_KEY, client[LIST_HOST_KEY],
               &server[LIST_HOST_KEY]);
    cipher = set_common(e, INSP_FIELD_SSH_CIPHER, client[LIST_CIPHER],
                        &server[LIST_CIPHER]);
    if (!has_own_mac(&cipher)) {
        set_common(e, INSP_FIELD_SSH_MAC, client[LIST_MAC], &server[LIST_MAC]);
    }
    set_common(e, INSP_FIELD_SSH_COMPRESSION, client[LIST_COMPRESSION],
               &server[LIST_COMPRESSION]);
}

/* The payload behind the message's number. */
static void
read_kexinit(struct insp_reading *r, struct state *s, struct insp_cursor *c)
{
    struct list_text lists[LISTS], others[LISTS];

    insp_cursor_skip(c, COOKIE_SIZE);
    for (size_t i = 0; i < LISTS; i++) {
        lists[i].size = insp_cursor_be32(c);
        lists[i].at = insp_cursor_take(c, lists[i].size);
        if (!lists[i].at) {
            return;
        }
    }
    set_hassh(r, lists);
    s->side[r->side].has_lists = true;
    if (!s->side[!r->side].has_lists) {
        keep_lists(r, lists);
    } else if (get_lists(r, others)) {
        set_agreed(r, r->side ? others : lists, r->side ? lists : others);
    }
}

/* False: there are not enough bytes. */
static bool
read_packet(struct insp_reading *r, struct state *s, struct side *side,
            struct insp_cursor *c)
{
    uint32_t size;
    uint8_t padding, message;
    struct insp_cursor packet;

    if (insp_cursor_left(c) < PACKET_HEAD + 1) {
        return false;
    }
    size = insp_be32(c->at);
    packet = *c;
    insp_cursor_skip(&packet, 4);
    padding = insp_cursor_u8(&packet);
    message = insp_cursor_u8(&packet);
    if (size > PACKET_MAX || size < padding + 2u ||
        ++side->n_packets > PACKETS_MAX) {
        side->step = STEP_DONE;
        return true;
    }
    if (insp_cursor_left(c) - 4 < size) {
        side->n_packets--;
        return false;
    }
    insp_cursor_skip(c, 4u + size);
    if (message == MSG_KEXINIT) {
        insp_cursor_limit(&packet, size - padding - 2u);
        read_kexinit(r, s, &packet);
        side->step = STEP_DONE;
    }
    return true;
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct state *s = r->state;
    struct side *side = &s->side[r->side];
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    bool more = true;

    while (more && side->step != STEP_DONE && !r->stop) {
        more = side->step == STEP_BANNER ? read_line(r, s, side, &c)
                                         : read_packet(r, s, side, &c);
    }
    if (side->step == STEP_DONE) {
        insp_reading_stop_side(r);
        end_when_done(r, s);
    }
    return r->size - insp_cursor_left(&c);
}

const struct insp_reader insp_reader_ssh = {
    .detect = detect,
    .read = read_bytes,
};
