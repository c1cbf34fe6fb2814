/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Behind the head stand questions, then records in three sections:
 *
 *     question:  name | type | class
 *     record:    name | type | class | time | size | data
 *
 * Each is gone through from the beginning, names passed over where nobody
 * needs them.  Of records, those of the types that are shown go into the group
 * of their type, as a zone file has them; GROUPED_MAX and TRIED_MAX bound what
 * that costs.  The record of EDNS (RFC 6891) stands among the additional ones
 * and speaks of the message.
 */

#include "app/dns-message.h"
#include "app/text.h"

#define GROUPED_MAX 32
#define TRIED_MAX   64  /* Records that are tried for it. */
#define VALUE_MAX   511 /* Bytes of one value. */

enum {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_HINFO = 13,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_OPT = 41,
    TYPE_SSHFP = 44,
    TYPE_SVCB = 64,
    TYPE_HTTPS = 65,
    TYPE_SPF = 99,

    OPTION_SUBNET = 8, /* RFC 7871, section 6. */
};

/* ------------------------------------------------------------------------ */
/* Words. */

struct word {
    uint16_t number;
    const char *word;
};

/* A number by its word, or by "PREFIX" and itself. */
static void
put_word(struct insp_put *p, const struct word *words, size_t n,
         uint16_t number, const char *prefix)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].number == number) {
            insp_put_text(p, words[i].word);
            return;
        }
    }
    insp_put_text(p, prefix);
    insp_text_uint(p, number);
}

/* IANA's registry of types; TYPE<n> for others, as RFC 3597, section 5. */
static void
put_type(struct insp_put *p, uint16_t type)
{
    static const struct word words[] = {
        { 1, "A" },       { 28, "AAAA" },    { 2, "NS" },
        { 3, "MD" },      { 4, "MF" },       { 5, "CNAME" },
        { 6, "SOA" },     { 7, "MB" },       { 8, "MG" },
        { 9, "MR" },      { 10, "NULL" },    { 11, "WKS" },
        { 12, "PTR" },    { 13, "HINFO" },   { 14, "MINFO" },
        { 15, "MX" },     { 16, "TXT" },     { 17, "RP" },
        { 18, "AFSDB" },  { 19, "X25" },     { 20, "ISDN" },
        { 21, "RT" },     { 22, "NSAP" },    { 23, "NSAP-PTR" },
        { 24, "SIG" },    { 25, "KEY" },     { 26, "PX" },
        { 27, "GPOS" },   { 29, "LOC" },     { 30, "NXT" },
        { 31, "EID" },    { 32, "NIMLOC" },  { 33, "SRV" },
        { 34, "ATMA" },   { 35, "NAPTR" },   { 36, "KX" },
        { 37, "CERT" },   { 38, "A6" },      { 39, "DNAME" },
        { 40, "SINK" },   { 41, "OPT" },     { 42, "APL" },
        { 43, "DS" },     { 44, "SSHFP" },   { 45, "IPSECKEY" },
        { 46, "RRSIG" },  { 47, "NSEC" },    { 48, "DNSKEY" },
        { 49, "DHCID" },  { 50, "NSEC3" },   { 51, "NSEC3PARAM" },
        { 52, "TLSA" },   { 53, "SMIMEA" },  { 55, "HIP" },
        { 56, "NINFO" },  { 57, "RKEY" },    { 58, "TALINK" },
        { 59, "CDS" },    { 60, "CDNSKEY" }, { 61, "OPENPGPKEY" },
        { 62, "CSYNC" },  { 63, "ZONEMD" },  { 64, "SVCB" },
        { 65, "HTTPS" },  { 99, "SPF" },     { 108, "EUI48" },
        { 109, "EUI64" }, { 249, "TKEY" },   { 250, "TSIG" },
        { 251, "IXFR" },  { 252, "AXFR" },   { 253, "MAILB" },
        { 254, "MAILA" }, { 255, "ANY" },    { 256, "URI" },
        { 257, "CAA" },   { 32768, "TA" },   { 32769, "DLV" },
    };

    put_word(p, words, INSP_ARRAY_SIZE(words), type, "TYPE");
}

static void
put_class(struct insp_put *p, uint16_t class)
{
    static const struct word words[] = {
        { 1, "IN" }, { 3, "CH" }, { 4, "HS" }, { 254, "NONE" }, { 255, "ANY" },
    };

    put_word(p, words, INSP_ARRAY_SIZE(words), class, "CLASS");
}

/* RFC 6895, section 2.3. */
static void
put_rcode(struct insp_put *p, uint16_t rcode)
{
    static const struct word words[] = {
        { 0, "NOERROR" },   { 1, "FORMERR" },    { 2, "SERVFAIL" },
        { 3, "NXDOMAIN" },  { 4, "NOTIMP" },     { 5, "REFUSED" },
        { 6, "YXDOMAIN" },  { 7, "YXRRSET" },    { 8, "NXRRSET" },
        { 9, "NOTAUTH" },   { 10, "NOTZONE" },   { 11, "DSOTYPENI" },
        { 16, "BADVERS" },  { 17, "BADKEY" },    { 18, "BADTIME" },
        { 19, "BADMODE" },  { 20, "BADNAME" },   { 21, "BADALG" },
        { 22, "BADTRUNC" }, { 23, "BADCOOKIE" },
    };

    put_word(p, words, INSP_ARRAY_SIZE(words), rcode, "RCODE");
}

static void
put_field(struct insp_event *e, enum insp_app_field field, uint16_t number,
          void (*put)(struct insp_put *, uint16_t))
{
    char text[16];
    struct insp_put p = insp_put(text, sizeof text);

    put(&p, number);
    insp_event_bytes(e, field, text, insp_put_size(&p));
}

static void
put_flag(struct insp_event *e, enum insp_app_field field, bool flag)
{
    if (flag) {
        insp_event_uint(e, field, 1);
    }
}

/* ------------------------------------------------------------------------ */
/* Records. */

/* A record's head, behind its name; 'data' is what it says. */
struct resource {
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    struct insp_cursor data;
};

static bool
read_resource(struct insp_cursor *c, struct resource *rr)
{
    rr->type = insp_cursor_be16(c);
    rr->class = insp_cursor_be16(c);
    rr->ttl = insp_cursor_be32(c);
    rr->data = insp_cursor_sub(c, insp_cursor_be16(c));
    return !c->failed;
}

/* Passes what is asked.  False: the message ends in it. */
static bool
pass_questions(const struct insp_dns_message *m, struct insp_cursor *c)
{
    for (uint16_t i = 0; i < m->count[0] && !c->failed; i++) {
        insp_dns_skip_name(c);
        insp_cursor_skip(c, 4);
    }
    return !c->failed;
}

static uint32_t
record_count(const struct insp_dns_message *m)
{
    return (uint32_t) m->count[1] + m->count[2] + m->count[3];
}

/* ------------------------------------------------------------------------ */
/* EDNS. */

/* RFC 7871, section 6: family, prefix, scope, as many bytes as the prefix
 * needs. */
static void
put_subnet(struct insp_event *e, struct insp_cursor *c)
{
    uint16_t family = insp_cursor_be16(c);
    uint8_t prefix = insp_cursor_u8(c), ip[16] = { 0 };
    size_t size;
    char text[48];
    struct insp_put p = insp_put(text, sizeof text);

    insp_cursor_skip(c, 1);
    size = insp_cursor_left(c);
    if (c->failed || (family != 1 && family != 2) ||
        size > (family == 1 ? 4 : 16) || prefix > (family == 1 ? 32 : 128) ||
        insp_event_has(e, INSP_FIELD_DNS_EDNS_SUBNET)) {
        return;
    }
    insp_cursor_copy(c, ip, size);
    if (family == 1) {
        insp_text_ip4(&p, ip);
    } else {
        insp_text_ip6(&p, ip);
    }
    insp_put_u8(&p, '/');
    insp_text_uint(&p, prefix);
    insp_event_bytes(e, INSP_FIELD_DNS_EDNS_SUBNET, text, insp_put_size(&p));
}

/* RFC 6891, section 6.1: the size is in place of the class; flags and the
 * upper part of the result are in place of the time. */
static void
put_edns(struct insp_event *e, const struct resource *rr, bool is_question)
{
    struct insp_cursor c = rr->data;

    if (is_question) {
        insp_event_uint(e, INSP_FIELD_DNS_EDNS_SIZE, rr->class);
        put_flag(e, INSP_FIELD_DNS_EDNS_DO, rr->ttl & 0x8000);
    }
    while (!c.failed && insp_cursor_left(&c) >= 4) {
        uint16_t option = insp_cursor_be16(&c);
        struct insp_cursor value = insp_cursor_sub(&c, insp_cursor_be16(&c));

        if (option == OPTION_SUBNET && !value.failed) {
            put_subnet(e, &value);
            break;
        }
    }
}

/* The record of EDNS; false: there is none. */
static bool
find_edns(const struct insp_dns_message *m, struct resource *rr)
{
    struct insp_cursor c = insp_dns_body(m);
    uint32_t n = record_count(m);

    if (!m->count[3] || !pass_questions(m, &c)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        insp_dns_skip_name(&c);
        if (!read_resource(&c, rr)) {
            return false;
        }
        if (rr->type == TYPE_OPT) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/* Questions. */

/* The first question, and all when there are several. */
static void
put_names(struct insp_event *e, const struct insp_dns_message *m)
{
    struct insp_cursor c = insp_dns_body(m);
    struct insp_dns_name name;
    uint16_t n = INSP_MIN(m->count[0], GROUPED_MAX);

    for (uint16_t i = 0; i < n && insp_dns_read_name(m, &c, &name); i++) {
        uint16_t type = insp_cursor_be16(&c);
        uint16_t class = insp_cursor_be16(&c);
        char key[16];
        struct insp_put p = insp_put(key, sizeof key - 1);

        if (c.failed) {
            break;
        }
        if (!i) {
            insp_event_bytes(e, INSP_FIELD_DNS_RRNAME, name.text, name.size);
            put_field(e, INSP_FIELD_DNS_RRTYPE, type, put_type);
            put_field(e, INSP_FIELD_DNS_RRCLASS,
                      class & (uint16_t) ~INSP_DNS_UNICAST, put_class);
        }
        if (n > 1) {
            put_type(&p, type);
            *p.at = '\0';
            insp_event_pair(e, INSP_FIELD_DNS_QUESTIONS, key, name.text,
                            name.size);
        }
    }
}

void
insp_dns_put_question(struct insp_event *e, const struct insp_dns_message *m)
{
    struct resource edns;

    insp_event_uint(e, INSP_FIELD_DNS_ID, m->id);
    insp_event_uint(e, INSP_FIELD_DNS_QR, (m->flags & INSP_DNS_QR) != 0);
    insp_event_uint(e, INSP_FIELD_DNS_OPCODE, insp_dns_opcode(m));
    put_names(e, m);
    put_flag(e, INSP_FIELD_DNS_RD, m->flags & INSP_DNS_RD);
    put_flag(e, INSP_FIELD_DNS_CD, m->flags & INSP_DNS_CD);
    if (!(m->flags & INSP_DNS_QR)) {
        put_flag(e, INSP_FIELD_DNS_TC, m->flags & INSP_DNS_TC);
        if (e && find_edns(m, &edns)) {
            put_edns(e, &edns, true);
        }
    }
}

/* ------------------------------------------------------------------------ */
/* What records say. */

static bool
put_name(struct insp_put *p, const struct insp_dns_message *m,
         struct insp_cursor *c)
{
    struct insp_dns_name name;

    if (!insp_dns_read_name(m, c, &name)) {
        return false;
    }
    insp_put_bytes(p, name.text, INSP_MIN(name.size, insp_put_left(p)));
    return true;
}

/* Numbers of 'size' bytes, each with a blank in front or behind. */
static void
put_number(struct insp_put *p, struct insp_cursor *c, size_t size,
           const char *before, const char *after)
{
    uint32_t n = size == 4   ? insp_cursor_be32(c)
                 : size == 2 ? insp_cursor_be16(c)
                             : insp_cursor_u8(c);

    insp_put_text(p, before);
    insp_text_uint(p, n);
    insp_put_text(p, after);
}

/* Strings with their length in front, one behind the other. */
static void
put_strings(struct insp_put *p, struct insp_cursor *c)
{
    while (insp_cursor_left(c)) {
        size_t size = insp_cursor_u8(c);
        const uint8_t *bytes;

        size = INSP_MIN(size, insp_cursor_left(c));
        bytes = insp_cursor_take(c, size);
        insp_put_bytes(p, bytes, INSP_MIN(size, insp_put_left(p)));
    }
}

/* mname rname serial refresh retry expire minimum, as in a zone file. */
static bool
put_soa(struct insp_put *p, const struct insp_dns_message *m,
        struct insp_cursor *c)
{
    if (!put_name(p, m, c)) {
        return false;
    }
    insp_put_text(p, " ");
    if (!put_name(p, m, c)) {
        return false;
    }
    for (int i = 0; i < 5; i++) {
        put_number(p, c, 4, " ", "");
    }
    return !c->failed;
}

/* What a record says, as a zone file has it; false: it is not of a type that
 * is shown, or is malformed. */
static bool
put_data(struct insp_put *p, const struct insp_dns_message *m,
         const struct resource *rr)
{
    struct insp_cursor c = rr->data;
    const uint8_t *ip;

    switch (rr->type) {
    case TYPE_A:
        ip = insp_cursor_take(&c, 4);
        if (ip) {
            insp_text_ip4(p, ip);
        }
        break;
    case TYPE_AAAA:
        ip = insp_cursor_take(&c, 16);
        if (ip) {
            insp_text_ip6(p, ip);
        }
        break;
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
    case TYPE_DNAME: return put_name(p, m, &c);
    case TYPE_MX: insp_cursor_skip(&c, 2); return put_name(p, m, &c);
    case TYPE_SRV:
        put_number(p, &c, 2, "", " ");
        put_number(p, &c, 2, "", " ");
        put_number(p, &c, 2, "", " ");
        return put_name(p, m, &c);
    case TYPE_SVCB:
    case TYPE_HTTPS: put_number(p, &c, 2, "", " "); return put_name(p, m, &c);
    case TYPE_SOA: return put_soa(p, m, &c);
    case TYPE_TXT:
    case TYPE_SPF: put_strings(p, &c); break;
    case TYPE_SSHFP:
        put_number(p, &c, 1, "", " ");
        put_number(p, &c, 1, "", " ");
        insp_text_hex(p, c.at, insp_cursor_left(&c));
        break;
    default: return false;
    }
    return !c.failed;
}

/* A record into the group of its type. */
static bool
put_resource(struct insp_event *e, const struct insp_dns_message *m,
             const struct resource *rr)
{
    char key[16], value[VALUE_MAX];
    struct insp_put k = insp_put(key, sizeof key - 1);
    struct insp_put v = insp_put(value, sizeof value);

    put_type(&k, rr->type);
    *k.at = '\0';
    if (!put_data(&v, m, rr)) {
        return false;
    }
    insp_event_pair(e, INSP_FIELD_DNS_GROUPED, key, value, insp_put_size(&v));
    return true;
}

/* An answer that no question stands in front of is about its first record. */
static void
put_owner(struct insp_event *e, const struct insp_dns_message *m,
          const struct insp_cursor *at, const struct resource *rr)
{
    struct insp_cursor c = *at;
    struct insp_dns_name name;

    if (insp_event_has(e, INSP_FIELD_DNS_RRNAME) ||
        !insp_dns_read_name(m, &c, &name)) {
        return;
    }
    insp_event_bytes(e, INSP_FIELD_DNS_RRNAME, name.text, name.size);
    put_field(e, INSP_FIELD_DNS_RRTYPE, rr->type, put_type);
    put_field(e, INSP_FIELD_DNS_RRCLASS,
              rr->class & (uint16_t) ~INSP_DNS_UNICAST, put_class);
}

static void
put_resources(struct insp_event *e, const struct insp_dns_message *m,
              bool more)
{
    struct insp_cursor c = insp_dns_body(m);
    uint32_t n = record_count(m), ttl = UINT32_MAX;
    unsigned int n_grouped = 0, n_tried = 0;
    struct resource rr;

    if (!e || !pass_questions(m, &c)) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct insp_cursor at = c;
        bool is_answer = i < m->count[1];

        insp_dns_skip_name(&c);
        if (!read_resource(&c, &rr) || (!is_answer && !more)) {
            break;
        }
        if (is_answer) {
            ttl = INSP_MIN(ttl, rr.ttl);
        }
        if (!i && is_answer) {
            put_owner(e, m, &at, &rr);
        }
        if (n_grouped < GROUPED_MAX && n_tried++ < TRIED_MAX) {
            n_grouped += put_resource(e, m, &rr);
        }
    }
    if (ttl != UINT32_MAX) {
        insp_event_uint(e, INSP_FIELD_DNS_TTL, ttl);
    }
}

void
insp_dns_put_answer(struct insp_event *e, const struct insp_dns_message *m,
                    bool more)
{
    uint16_t rcode = m->flags & 15;
    struct resource edns;

    put_flag(e, INSP_FIELD_DNS_AA, m->flags & INSP_DNS_AA);
    put_flag(e, INSP_FIELD_DNS_TC, m->flags & INSP_DNS_TC);
    put_flag(e, INSP_FIELD_DNS_RA, m->flags & INSP_DNS_RA);
    put_flag(e, INSP_FIELD_DNS_AD, m->flags & INSP_DNS_AD);
    if (e && find_edns(m, &edns)) {
        rcode |= (uint16_t) (edns.ttl >> 24 << 4);
        put_edns(e, &edns, false);
    }
    put_field(e, INSP_FIELD_DNS_RCODE, rcode, put_rcode);
    insp_event_uint(e, INSP_FIELD_DNS_ANSWERS, m->count[1]);
    put_resources(e, m, more);
}

void
insp_dns_learn(struct insp_reading *r, const struct insp_dns_message *m)
{
    struct insp_cursor c = insp_dns_body(m), at = c;
    struct insp_dns_name name;
    struct resource rr;

    if (!m->count[0] || !m->count[1] || !insp_reading_learns(r) ||
        !insp_dns_read_name(m, &at, &name) || !pass_questions(m, &c)) {
        return;
    }
    for (unsigned int i = 0; i < INSP_MIN(m->count[1], GROUPED_MAX); i++) {
        size_t size;

        insp_dns_skip_name(&c);
        if (!read_resource(&c, &rr)) {
            return;
        }
        size = insp_cursor_left(&rr.data);
        if ((rr.type == TYPE_A && size == 4) ||
            (rr.type == TYPE_AAAA && size == 16)) {
            insp_reading_learn(r, name.text, name.size, rr.data.at, size,
                               rr.ttl);
        }
    }
}
