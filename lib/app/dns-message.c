/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     head | questions | answers | authorities | additional records
 *
 * A name is a row of labels, which a pointer may continue anywhere else in the
 * message (RFC 1035, section 4.1.4).  No name has more than 255 bytes, and at
 * most JUMPS_MAX pointers are followed: so a loop ends, and a name costs a
 * bounded time.  Names whose text nobody needs are passed without following
 * anything, so that what follows them is found in time proportional to the
 * bytes.
 *
 * What tells a message from other bytes: counts that are small, flags that fit
 * what it claims to be, and a first name that is well formed, followed by a
 * class that exists.  The form is that of NetBIOS names as well (RFC 1002),
 * whose labels of 32 letters from A to P give them away.
 */

#include "app/dns-message.h"
#include "base/put.h"
#include "base/utf8.h"

#define JUMPS_MAX 64
#define NAME_MAX  255 /* RFC 1035, section 2.3.4. */
#define POINTER   0xc0

enum {
    TYPE_NB = 32, /* NetBIOS. */
    TYPE_NBSTAT = 33,

    CLASS_IN = 1,
};

/* ------------------------------------------------------------------------ */
/* Names. */

/* Printed as in zone files (RFC 1035, section 5.1), but for blanks and letters
 * of other languages, which names of services are full of (RFC 6763, section
 * 4.1.1). */
static void
put_label(struct insp_put *p, const uint8_t *label, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = label[i];
        size_t letter = insp_utf8_size(label + i, label + size);

        if (c == '.' || c == '\\') {
            insp_put_u8(p, '\\');
            insp_put_u8(p, c);
        } else if (c >= ' ' && c != 0x7f && letter) {
            insp_put_bytes(p, label + i, letter);
            i += letter - 1;
        } else {
            insp_put_u8(p, '\\');
            insp_put_u8(p, (uint8_t) ('0' + c / 100));
            insp_put_u8(p, (uint8_t) ('0' + c / 10 % 10));
            insp_put_u8(p, (uint8_t) ('0' + c % 10));
        }
    }
}

void
insp_dns_skip_name(struct insp_cursor *c)
{
    uint8_t size;

    for (int n = 0; n <= NAME_MAX; n++) {
        size = insp_cursor_u8(c);
        if (size >= POINTER) {
            insp_cursor_skip(c, 1);
            return;
        }
        if (size > 63) {
            c->failed = true;
        }
        if (!size || !insp_cursor_skip(c, size)) {
            return;
        }
    }
}

bool
insp_dns_read_name(const struct insp_dns_message *m, struct insp_cursor *c,
                   struct insp_dns_name *name)
{
    struct insp_put p = insp_put(name->text, sizeof name->text);
    struct insp_cursor at = *c;
    size_t left = NAME_MAX;
    int jumps = 0;

    name->size = 0;
    insp_dns_skip_name(c);
    for (;;) {
        uint8_t size = insp_cursor_u8(&at);
        const uint8_t *label;

        if (size >= POINTER) {
            size_t to = (size_t) (size & ~POINTER) << 8 | insp_cursor_u8(&at);

            if (at.failed || to >= m->size || ++jumps > JUMPS_MAX) {
                return false;
            }
            at = insp_cursor(m->bytes + to, m->size - to);
            continue;
        }
        if (!size || at.failed) {
            break;
        }
        label = insp_cursor_take(&at, size);
        if (!label || size > 63 || size + 1U >= left) {
            return false;
        }
        left -= size + 1U;
        if (insp_put_size(&p)) {
            insp_put_u8(&p, '.');
        }
        put_label(&p, label, size);
    }
    if (!insp_put_size(&p)) {
        insp_put_u8(&p, '.');
    }
    name->size = insp_put_size(&p);
    return !at.failed && !p.full;
}

static uint8_t
lower(uint8_t c)
{
    return (uint8_t) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The same for the same name in other letter cases; never 0. */
static uint32_t
hash_question(const struct insp_dns_name *name, uint16_t type)
{
    uint32_t hash = 2166136261U ^ type; /* FNV-1a. */

    for (size_t i = 0; i < name->size; i++) {
        hash = (hash ^ lower((uint8_t) name->text[i])) * 16777619U;
    }
    return hash ? hash : 1;
}

/* ------------------------------------------------------------------------ */
/* Is it one? */

static bool
is_class(uint16_t class)
{
    class &= (uint16_t) ~INSP_DNS_UNICAST;
    return class == CLASS_IN || class == 3 || class == 4 || class == 254 ||
           class == 255;
}

/* Type, class and name of NetBIOS: "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA". */
static bool
is_netbios(struct insp_cursor name, uint16_t type)
{
    const uint8_t *label;

    if ((type != TYPE_NB && type != TYPE_NBSTAT) ||
        insp_cursor_u8(&name) != 32) {
        return false;
    }
    label = insp_cursor_take(&name, 32);
    for (int i = 0; label && i < 32; i++) {
        if (label[i] < 'A' || label[i] > 'P') {
            return false;
        }
    }
    return label != NULL;
}

static bool
are_query_counts(const struct insp_dns_message *m)
{
    const uint16_t *n = m->count;

    switch (insp_dns_opcode(m)) {
    case INSP_DNS_UPDATE: return n[0] == 1 && n[3] <= 4;
    case INSP_DNS_NOTIFY: return n[0] == 1 && n[1] <= 1 && n[3] <= 4;
    default:
        /* Multicast: several questions, with the answers that are known. */
        return m->id ? n[0] == 1 && !n[1] && n[2] <= 1 && n[3] <= 4
                     : n[0] >= 1 && n[0] <= 64 && n[1] <= 255 && n[2] <= 64 &&
                           n[3] <= 8;
    }
}

static bool
are_answer_counts(const struct insp_dns_message *m)
{
    const uint16_t *n = m->count;

    /* A question that could not be read is not repeated. */
    if (!n[0] && !n[1]) {
        return (m->flags & 15 || insp_dns_opcode(m) == INSP_DNS_UPDATE) &&
               !n[2] && n[3] <= 1;
    }
    return n[0] <= 1 && n[1] <= 4096 && n[2] <= 256 && n[3] <= 512;
}

static bool
is_head(const struct insp_dns_message *m)
{
    unsigned int opcode = insp_dns_opcode(m);

    if (m->flags & INSP_DNS_Z || opcode == 3 || opcode > INSP_DNS_UPDATE) {
        return false;
    }
    return m->flags & INSP_DNS_QR
               ? are_answer_counts(m)
               : !(m->flags & (15 | INSP_DNS_RA)) && are_query_counts(m);
}

static inline void
read_head(struct insp_dns_message *m, struct insp_cursor *c)
{
    m->id = insp_cursor_be16(c);
    m->flags = insp_cursor_be16(c);
    for (int i = 0; i < 4; i++) {
        m->count[i] = insp_cursor_be16(c);
    }
}

/* The first name cannot point to an earlier one. */
static enum insp_guess
guess_name(struct insp_cursor *c)
{
    size_t left = NAME_MAX;
    uint8_t size;

    while ((size = insp_cursor_u8(c))) {
        if (size > 63 || size + 1U >= left) {
            return INSP_GUESS_NO;
        }
        left -= size + 1U;
        insp_cursor_skip(c, size);
    }
    return c->failed ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

enum insp_guess
insp_dns_guess(const uint8_t *bytes, size_t size, bool is_whole)
{
    enum insp_guess unsure = is_whole ? INSP_GUESS_NO : INSP_GUESS_MAYBE;
    struct insp_dns_message m = { .bytes = bytes, .size = size };
    struct insp_cursor c = insp_cursor(bytes, size), name;
    enum insp_guess guess;
    uint16_t type, class;

    read_head(&m, &c);
    if (c.failed) {
        return unsure;
    }
    if (!is_head(&m)) {
        return INSP_GUESS_NO;
    }
    if (!m.count[0] && !m.count[1]) {
        return is_whole && size != INSP_DNS_HEAD && !m.count[3]
                   ? INSP_GUESS_NO
                   : INSP_GUESS_YES;
    }
    name = c;
    guess = guess_name(&c);
    if (guess != INSP_GUESS_YES) {
        return guess == INSP_GUESS_NO ? guess : unsure;
    }
    type = insp_cursor_be16(&c);
    class = insp_cursor_be16(&c);
    if (c.failed) {
        return unsure;
    }
    return type && is_class(class) && !is_netbios(name, type) ? INSP_GUESS_YES
                                                              : INSP_GUESS_NO;
}

enum insp_guess
insp_dns_guess_reading(const struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    size_t size, left;

    if (!r->is_stream) {
        return r->proto == 17 ? insp_dns_guess(r->bytes, r->size, true)
                              : INSP_GUESS_NO;
    }
    size = insp_cursor_be16(&c); /* RFC 1035, section 4.2.2. */
    left = insp_cursor_left(&c);
    if (c.failed) {
        return INSP_GUESS_MAYBE;
    }
    if (size < INSP_DNS_HEAD) {
        return INSP_GUESS_NO;
    }
    return insp_dns_guess(c.at, INSP_MIN(size, left), left >= size);
}

/* ------------------------------------------------------------------------ */
/* Reading. */

bool
insp_dns_message_init(struct insp_dns_message *m, const uint8_t *bytes,
                      size_t size)
{
    struct insp_cursor c = insp_cursor(bytes, size);
    struct insp_dns_name name;

    memset(m, 0, sizeof *m);
    m->bytes = bytes;
    m->size = size;
    read_head(m, &c);
    if (c.failed) {
        return false;
    }
    if (m->count[0] && insp_dns_read_name(m, &c, &name)) {
        m->type = insp_cursor_be16(&c);
        m->question = c.failed ? 0 : hash_question(&name, m->type);
    }
    return true;
}

bool
insp_dns_is_below(const struct insp_dns_message *m, const char *end)
{
    struct insp_cursor c = insp_dns_body(m);
    struct insp_dns_name name;
    size_t size = strlen(end);

    if (!insp_dns_read_name(m, &c, &name) || name.size < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t letter = (uint8_t) name.text[name.size - size + i];

        if (lower(letter) != (uint8_t) end[i]) {
            return false;
        }
    }
    return true;
}
