/* SPDX-License-Identifier: Apache-2.0 */
/* DNS message
 * ===========
 *
 * The one form of message that DNS, multicast DNS and LLMNR have (RFC 1035,
 * section 4; RFC 6762, section 18; RFC 4795, section 2.1), and what a record
 * says of it.
 *
 * Above:    app/dns.c, mdns.c, llmnr.c.    Below:  app/event.h.
 * Threads:  the reading's.
 * Memory:   borrows the bytes.
 * Time:     in proportion to the bytes, whatever names point to.
 * Fails:    never: what is odd is left out.
 */

#ifndef INSP_APP_DNS_MESSAGE_H
#define INSP_APP_DNS_MESSAGE_H 1

#include "app/event.h"

enum {
    INSP_DNS_HEAD = 12, /* Bytes. */

    INSP_DNS_QR = 0x8000, /* Flags: an answer. */
    INSP_DNS_AA = 0x0400,
    INSP_DNS_TC = 0x0200,
    INSP_DNS_RD = 0x0100,
    INSP_DNS_RA = 0x0080,
    INSP_DNS_Z = 0x0040,
    INSP_DNS_AD = 0x0020,
    INSP_DNS_CD = 0x0010,

    INSP_DNS_QUERY = 0, /* Operations. */
    INSP_DNS_NOTIFY = 4,
    INSP_DNS_UPDATE = 5,

    INSP_DNS_UNICAST = 0x8000, /* Class, multicast: answer to me alone, or:
                                * this replaces all others. */

    INSP_DNS_IXFR = 251, /* Types: a zone, or what changed in it. */
    INSP_DNS_AXFR = 252,
};

enum insp_dns_section {
    INSP_DNS_QUESTION,
    INSP_DNS_ANSWER,
    INSP_DNS_AUTHORITY,
    INSP_DNS_ADDITIONAL,
};

struct insp_dns_message {
    const uint8_t *bytes;
    size_t size;
    uint16_t id;
    uint16_t flags;
    uint16_t count[4]; /* By enum insp_dns_section. */
    uint32_t question; /* Hash of the first question; 0: none. */
    uint16_t type;     /* Its type. */
};

/* A name as text.  As many characters as 255 bytes can give, all of them
 * escaped. */
struct insp_dns_name {
    size_t size;
    char text[1024];
};

static inline unsigned int
insp_dns_opcode(const struct insp_dns_message *m)
{
    return m->flags >> 11 & 15;
}

/* What stands behind the head. */
static inline struct insp_cursor
insp_dns_body(const struct insp_dns_message *m)
{
    struct insp_cursor c = insp_cursor(m->bytes, m->size);

    insp_cursor_skip(&c, INSP_DNS_HEAD);
    return c;
}

/* Reads the name at the cursor, which passes it.  False: it is none. */
bool insp_dns_read_name(const struct insp_dns_message *, struct insp_cursor *,
                        struct insp_dns_name *);
/* Passes a name without following it. */
void insp_dns_skip_name(struct insp_cursor *);

/* Reads the head and looks at the first question; false: too short. */
bool insp_dns_message_init(struct insp_dns_message *, const uint8_t *bytes,
                           size_t size);

/* Whether the bytes are a message, or the beginning of one ('is_whole': MAYBE
 * becomes NO). */
enum insp_guess insp_dns_guess(const uint8_t *bytes, size_t size,
                               bool is_whole);
/* The same of what is shown: over TCP a length stands in front. */
enum insp_guess insp_dns_guess_reading(const struct insp_reading *);

/* Whether the first name that the message speaks of ends in 'end', which is
 * in lower case. */
bool insp_dns_is_below(const struct insp_dns_message *, const char *end);

/* What the sections say (dns-sections.c). */

/* What is asked, and how. */
void insp_dns_put_question(struct insp_event *,
                           const struct insp_dns_message *);
/* What is answered; 'more': records of the additional section as well. */
void insp_dns_put_answer(struct insp_event *, const struct insp_dns_message *,
                         bool more);

/* Of an answer to what was asked: its addresses go by the asked name for who
 * asked, wherever a chain of other names has led. */
void insp_dns_learn(struct insp_reading *, const struct insp_dns_message *);

/* Questions and their answers, over UDP and TCP (dns.c). */
size_t insp_dns_read(struct insp_reading *);

#endif /* app/dns-message.h */
