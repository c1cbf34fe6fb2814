/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * SPNEGO is not taken apart: the token of the mechanism stands in it byte for
 * byte, and is looked for by its signature.  NTLM begins with "NTLMSSP" and a
 * zero ([MS-NLMP], section 2.2.1); Kerberos with its OID and the number of an
 * AP-REQ (RFC 4121, section 4.1), whose ticket says for which service it is.
 */

#include "app/gss.h"

#include "app/ber.h"
#include "app/little.h"

#define NTLM_UNICODE UINT32_C(0x00000001)
#define NTLM_VERSION UINT32_C(0x02000000)

static const uint8_t ntlm_signature[] = {
    'N', 'T', 'L', 'M', 'S', 'S', 'P', 0
};
/* 1.2.840.113554.1.2.2, and KRB_AP_REQ. */
static const uint8_t krb5_signature[] = { 0x06, 0x09, 0x2a, 0x86, 0x48,
                                          0x86, 0xf7, 0x12, 0x01, 0x02,
                                          0x02, 0x01, 0x00 };

/* A cursor at the first place where 'what' stands. */
static bool
find(const struct insp_cursor *token, const uint8_t *what, size_t size,
     struct insp_cursor *found)
{
    struct insp_cursor c = *token;

    while (!c.failed && insp_cursor_left(&c) >= size) {
        const uint8_t *first =
            memchr(c.at, what[0], insp_cursor_left(&c) - size + 1);

        if (!first) {
            return false;
        }
        insp_cursor_skip(&c, (size_t) (first - c.at));
        if (!memcmp(c.at, what, size)) {
            *found = c;
            return true;
        }
        insp_cursor_skip(&c, 1);
    }
    return false;
}

/* Length, room and offset; the bytes stand somewhere in 'whole'. */
static struct insp_cursor
ntlm_part(struct insp_cursor *c, const struct insp_cursor *whole)
{
    uint16_t size = insp_little_u16(c);
    uint32_t offset;

    insp_cursor_skip(c, 2);
    offset = insp_little_u32(c);
    return insp_little_part(whole, offset, size);
}

/* [MS-NLMP], section 2.2.1.3. */
static void
read_ntlm_login(const struct insp_cursor *whole, struct insp_cursor *c,
                struct insp_gss *gss)
{
    uint32_t flags;

    insp_cursor_skip(c, 16); /* Answers to the challenge. */
    gss->domain = ntlm_part(c, whole);
    gss->user = ntlm_part(c, whole);
    gss->host = ntlm_part(c, whole);
    insp_cursor_skip(c, 8); /* Session key. */
    flags = insp_little_u32(c);
    gss->is_unicode = flags & NTLM_UNICODE;
    if (c->failed) {
        return;
    }
    gss->kind = INSP_GSS_NTLM_LOGIN;
    if (flags & NTLM_VERSION) {
        gss->major = insp_cursor_u8(c);
        gss->minor = insp_cursor_u8(c);
        gss->build = insp_little_u16(c);
        insp_cursor_skip(c, 3);
        gss->revision = insp_cursor_u8(c);
        gss->has_version = !c->failed;
    }
}

static void
read_ntlm(const struct insp_cursor *whole, struct insp_gss *gss)
{
    struct insp_cursor c = *whole;

    insp_cursor_skip(&c, sizeof ntlm_signature);
    switch (insp_little_u32(&c)) {
    case 1: gss->kind = INSP_GSS_NTLM_NEGOTIATE; break;
    case 2: gss->kind = INSP_GSS_NTLM_CHALLENGE; break;
    case 3: read_ntlm_login(whole, &c, gss); break;
    default: break;
    }
}

unsigned int
insp_gss_principal(struct insp_cursor *c,
                   struct insp_cursor names[INSP_GSS_NAMES])
{
    struct insp_cursor principal, part, list;
    unsigned int n = 0;

    if (!insp_ber_open(c, INSP_BER_SEQUENCE, &principal) ||
        !insp_ber_open(&principal, 0xa0, &part) ||
        !insp_ber_open(&principal, 0xa1, &part) ||
        !insp_ber_open(&part, INSP_BER_SEQUENCE, &list)) {
        return 0;
    }
    while (n < INSP_GSS_NAMES && insp_cursor_left(&list)) {
        uint8_t tag;

        if (!insp_ber_next(&list, &tag, &names[n])) {
            break;
        }
        n++;
    }
    return n;
}

int64_t
insp_gss_ticket(struct insp_cursor *c, struct insp_gss *gss)
{
    struct insp_cursor part, number;
    int64_t type = 0;

    if (!insp_ber_enter(c, 0x61) || !insp_ber_enter(c, INSP_BER_SEQUENCE) ||
        !insp_ber_open(c, 0xa0, &part) || !insp_ber_open(c, 0xa1, &part)) {
        return 0;
    }
    insp_ber_open(&part, 0x1b, &gss->realm);
    if (insp_ber_open(c, 0xa2, &part)) {
        gss->n_services = insp_gss_principal(&part, gss->service);
    }
    if (insp_ber_enter(c, 0xa3) && insp_ber_enter(c, INSP_BER_SEQUENCE) &&
        insp_ber_open(c, 0xa0, &part) &&
        insp_ber_open(&part, INSP_BER_INTEGER, &number)) {
        (void) insp_ber_number(&number, &type);
    }
    return type;
}

/* AP-REQ ::= [APPLICATION 14] { pvno, msg-type, options, ticket, ... }. */
static void
read_kerberos(struct insp_cursor *c, struct insp_gss *gss)
{
    struct insp_cursor part;

    gss->kind = INSP_GSS_KERBEROS;
    if (insp_ber_enter(c, 0x6e) && insp_ber_enter(c, INSP_BER_SEQUENCE) &&
        insp_ber_open(c, 0xa0, &part) && insp_ber_open(c, 0xa1, &part) &&
        insp_ber_open(c, 0xa2, &part) && insp_ber_enter(c, 0xa3)) {
        (void) insp_gss_ticket(c, gss);
    }
}

void
insp_gss_read(const struct insp_cursor *token, struct insp_gss *gss)
{
    struct insp_cursor c;

    memset(gss, 0, sizeof *gss);
    if (find(token, ntlm_signature, sizeof ntlm_signature, &c)) {
        read_ntlm(&c, gss);
    } else if (find(token, krb5_signature, sizeof krb5_signature, &c)) {
        insp_cursor_skip(&c, sizeof krb5_signature);
        read_kerberos(&c, gss);
    }
}

size_t
insp_gss_text(const struct insp_gss *gss, const struct insp_cursor *from,
              char *text, size_t room)
{
    size_t size = insp_cursor_left(from);

    if (from->failed || !size) {
        return 0;
    }
    if (gss->is_unicode) {
        return insp_little_text(from->at, size, text, room);
    }
    size = INSP_MIN(size, room);
    memcpy(text, from->at, size);
    return size;
}
