/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A question begins a record, the answer with its number and its question ends
 * it; of eight that are open the oldest goes out as it is.  Over UDP each
 * datagram is a message, over TCP a length stands in front of each (RFC 1035,
 * sections 4.1 and 4.2; RFC 7766).  Of a message that is longer than READ_MAX
 * the beginning is read and the rest is passed.
 *
 * An event is found by its tag: a hash of number, side and first question.  As
 * an answer may leave the question out, the tags of the last questions are
 * kept beside their numbers.
 *
 * An answer to a question that nobody has seen makes a record alone.  All but
 * the first message of a zone transfer (RFC 5936, section 2.2) are such
 * answers, and make none.
 */

#include "app/dns-message.h"

#define READ_MAX INSP_READER_WAIT

struct asked {
    uint32_t tag; /* 0: nothing. */
    uint16_t id;
    uint8_t side;
};

struct dns_state {
    struct asked asked[INSP_EVENTS_OPEN];
    uint8_t next; /* Place of the next one. */
    bool in_transfer;
    uint16_t transfer_id;
};
_Static_assert(sizeof(struct dns_state) <= INSP_READER_STATE, "state");

static enum insp_guess
detect(const struct insp_reading *r)
{
    return insp_dns_guess_reading(r);
}

static uint32_t
tag_of(const struct insp_dns_message *m, unsigned int asker)
{
    uint32_t tag = (m->question ^ (uint32_t) m->id << 16 ^ asker) | 1;

    return tag * 2654435761U | 1;
}

/* The question that is answered, by its number alone when the answer does not
 * repeat it. */
static struct asked *
find_asked(struct dns_state *s, const struct insp_dns_message *m,
           unsigned int asker)
{
    uint32_t tag = tag_of(m, asker);

    for (unsigned int i = 0; i < INSP_EVENTS_OPEN; i++) {
        struct asked *a = &s->asked[i];

        if (a->tag && (m->question ? a->tag == tag
                                   : a->id == m->id && a->side == asker)) {
            return a;
        }
    }
    return NULL;
}

static void
read_question(struct insp_reading *r, const struct insp_dns_message *m)
{
    struct dns_state *s = r->state;
    uint32_t tag = tag_of(m, r->side);
    struct insp_event *e = insp_event_find(r, INSP_APP_DNS, tag);

    if (e) {
        return; /* Asked again. */
    }
    e = insp_event_begin(r, INSP_APP_DNS, tag);
    if (!e) {
        return;
    }
    insp_dns_put_question(e, m);
    s->asked[s->next] = (struct asked){ tag, m->id, r->side };
    s->next = (uint8_t) ((s->next + 1) % INSP_EVENTS_OPEN);
}

static void
read_answer(struct insp_reading *r, const struct insp_dns_message *m)
{
    struct dns_state *s = r->state;
    unsigned int asker = !r->side;
    struct asked *asked = find_asked(s, m, asker);
    struct insp_event *e = NULL;

    if (asked) {
        e = insp_event_find(r, INSP_APP_DNS, asked->tag);
        asked->tag = 0;
    }
    if (e) {
        insp_event_uint(e, INSP_FIELD_DNS_QR, 1);
        insp_event_uint(e, INSP_FIELD_DNS_LATENCY, insp_event_age_us(r, e));
        if (!asker) {
            insp_dns_learn(r, m);
        }
        s->in_transfer = m->type == INSP_DNS_AXFR || m->type == INSP_DNS_IXFR;
        s->transfer_id = m->id;
    } else if (s->in_transfer && s->transfer_id == m->id) {
        return;
    } else {
        e = insp_event_begin(r, INSP_APP_DNS, tag_of(m, asker));
        insp_dns_put_question(e, m);
    }
    insp_dns_put_answer(e, m, false);
    insp_event_end(r, e);
}

static void
read_message(struct insp_reading *r, const uint8_t *bytes, size_t size)
{
    struct insp_dns_message m;

    if (!insp_dns_message_init(&m, bytes, size)) {
        return;
    }
    if (m.flags & INSP_DNS_QR) {
        read_answer(r, &m);
    } else if (m.count[INSP_DNS_QUESTION]) {
        read_question(r, &m);
    }
}

static size_t
read_stream(struct insp_reading *r)
{
    struct insp_cursor c = insp_cursor(r->bytes, r->size);

    for (;;) {
        size_t at = r->size - insp_cursor_left(&c);
        size_t size = insp_cursor_be16(&c);
        size_t wanted = INSP_MIN(size, READ_MAX);
        size_t left = insp_cursor_left(&c);

        if (c.failed || (left < wanted && !r->is_last)) {
            return at;
        }
        read_message(r, c.at, INSP_MIN(wanted, left));
        if (left < size) {
            insp_reading_pass(r, size - left);
            return r->size;
        }
        insp_cursor_skip(&c, size);
    }
}

size_t
insp_dns_read(struct insp_reading *r)
{
    if (r->is_stream) {
        return read_stream(r);
    }
    read_message(r, r->bytes, r->size);
    return r->size;
}

const struct insp_reader insp_reader_dns = {
    .detect = detect,
    .read = insp_dns_read,
    .resyncs = true,
};
