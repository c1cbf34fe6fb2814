/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A table of protocols: over what they go, and a function that knows the first
 * words of one side.  It is asked when no reader has understood a side, so
 * that what is not read is at least called by its name.
 *
 * A name must not be a guess: each test asks for more than a few bytes that
 * others, or chance, could say: a word and the rest of its line, a size that
 * fits, a value where few are allowed.  Where two protocols begin with the
 * same words ("220 ": SMTP and FTP) the port decides between them, and never
 * alone.
 */

#include "app/line.h"
#include "packet/packet.h"

/* ------------------------------------------------------------------------ */
/* Words. */

static bool
is_port(const struct insp_reading *r, uint16_t port)
{
    return r->port[1] == port || r->port[0] == port;
}

static struct insp_cursor
all(const struct insp_reading *r)
{
    return insp_cursor(r->bytes, r->size);
}

/* ------------------------------------------------------------------------ */
/* Lines of text. */

/* RFC 7826 and 2326. */
static bool
is_rtsp(const struct insp_reading *r)
{
    struct insp_cursor line = insp_line_first(all(r));

    if (insp_line_begins(line, "RTSP/1.0 ") ||
        insp_line_begins(line, "RTSP/2.0 ")) {
        return true;
    }
    return insp_cursor_left(&line) > 12 &&
           (!memcmp(line.end - 9, " RTSP/1.0", 9) ||
            !memcmp(line.end - 9, " RTSP/2.0", 9));
}

/* RFC 2812: a client that introduces itself, a server that welcomes. */
static bool
is_irc(const struct insp_reading *r)
{
    struct insp_cursor c = all(r), line = insp_line_first(c);

    if (insp_line_says(line, "CAP LS") || insp_line_says(line, "CAP REQ ")) {
        return true;
    }
    if (insp_line_says(line, "NICK ")) {
        return insp_line_has(c, "\nUSER ") || is_port(r, 6667);
    }
    if (insp_line_says(line, "USER ") && insp_line_has(line, " :")) {
        return insp_line_has(c, "\nNICK ") || is_port(r, 6667);
    }
    return insp_line_begins(line, ":") &&
           (insp_line_has(line, " NOTICE AUTH :") ||
            insp_line_has(line, " NOTICE * :") ||
            insp_line_has(line, " 001 "));
}

static bool
is_rsync(const struct insp_reading *r)
{
    struct insp_cursor line = insp_line_first(all(r));

    return insp_line_begins(line, "@RSYNCD: ") &&
           insp_cursor_left(&line) > 9 && insp_is_digit(line.at[9]);
}

static bool
is_nats(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);

    return (insp_line_begins(c, "INFO {") &&
            insp_line_has(c, "\"SERVER_ID\"")) ||
           (insp_line_begins(c, "CONNECT {") &&
            insp_line_has(c, "\"VERBOSE\""));
}

/* Draft of the UPnP forum: HTTP over UDP. */
static bool
is_ssdp(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);

    return insp_line_begins(c, "M-SEARCH * HTTP/1.1\r\n") ||
           insp_line_begins(c, "NOTIFY * HTTP/1.1\r\n") ||
           (insp_line_begins(c, "HTTP/1.1 200 OK\r\n") &&
            insp_line_has(c, "\nUSN:"));
}

/* RFC 7047, section 4. */
static bool
is_ovsdb(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);

    return insp_line_begins(c, "{") && insp_line_has(c, "\"METHOD\"") &&
           (insp_line_has(c, "\"LIST_DBS\"") ||
            insp_line_has(c, "\"GET_SCHEMA\"") ||
            insp_line_has(c, "\"TRANSACT\"") ||
            insp_line_has(c, "\"MONITOR") ||
            insp_line_has(c, "\"GET_SERVER_ID\"") ||
            insp_line_has(c, "\"SET_DB_CHANGE_AWARE\""));
}

static bool
is_ceph(const struct insp_reading *r)
{
    return insp_line_begins(all(r), "ceph v027") ||
           insp_line_begins(all(r), "ceph v2\n");
}

/* RFC 6143, section 7.1.1: "RFB 003.008\n". */
static bool
is_rfb(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    const uint8_t *b = insp_cursor_take(&c, 12);

    if (!b || insp_cursor_left(&c) || memcmp(b, "RFB 00", 6) || b[7] != '.' ||
        b[11] != '\n') {
        return false;
    }
    return insp_is_digit(b[6]) && insp_is_digit(b[8]) && insp_is_digit(b[9]) &&
           insp_is_digit(b[10]);
}

/* ------------------------------------------------------------------------ */
/* Streams of bytes. */

/* MQTT 3.1, 3.1.1 and 5, section 3.1: CONNECT. */
static bool
is_mqtt(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    size_t size = 0;
    uint8_t b, level;

    if (insp_cursor_u8(&c) != 0x10) {
        return false;
    }
    for (unsigned int shift = 0;; shift += 7) {
        b = insp_cursor_u8(&c);
        size |= (size_t) (b & 0x7f) << shift;
        if (!(b & 0x80)) {
            break;
        }
        if (shift == 21) {
            return false;
        }
    }
    if (c.failed || size < 10 || insp_cursor_left(&c) < 10) {
        return false;
    }
    if (!memcmp(c.at, "\0\4MQTT", 6)) {
        level = c.at[6];
        return level == 4 || level == 5;
    }
    return !memcmp(c.at, "\0\6MQIsdp", 8) && c.at[8] == 3;
}

/* RFC 4271, section 4.1, 4.2. */
static bool
is_bgp(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    const uint8_t *marker = insp_cursor_take(&c, 16);
    uint16_t size = insp_cursor_be16(&c);
    uint8_t type = insp_cursor_u8(&c);

    if (c.failed || size < 19 || size > 4096 || !type || type > 5) {
        return false;
    }
    for (unsigned int i = 0; i < 16; i++) {
        if (marker[i] != 0xff) {
            return false;
        }
    }
    return type != 1 || (size >= 29 && insp_cursor_u8(&c) == 4);
}

/* RFC 7143, section 11.12: a login request with its names. */
static bool
is_iscsi(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    const uint8_t *head = insp_cursor_take(&c, 48);

    return head && head[0] == 0x43 && !head[2] && !head[3] && !head[4] &&
           insp_line_has(c, "INITIATORNAME=");
}

/* OpenFlow switch specification: HELLO, with versions or without. */
static bool
is_openflow(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint8_t version = insp_cursor_u8(&c);
    uint8_t type = insp_cursor_u8(&c);
    uint16_t size = insp_cursor_be16(&c);

    insp_cursor_skip(&c, 4);
    if (c.failed || !version || version > 6 || type || size > r->size) {
        return false;
    }
    if (size == 8) {
        return is_port(r, 6633) || is_port(r, 6653);
    }
    return size == 16 && insp_cursor_be16(&c) == 1 &&
           insp_cursor_be16(&c) == 8;
}

/* MS-TDS, section 2.2.6.5: PRELOGIN, whose first option is the version; of
 * the server the same as a response. */
static bool
is_tds(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    const uint8_t *head = insp_cursor_take(&c, 8);
    const uint8_t *option = insp_cursor_take(&c, 5);

    return option && (head[0] == 0x12 || head[0] == 0x04) && head[1] == 1 &&
           insp_be16(head + 2) == r->size && !head[7] && !option[0] &&
           !option[1] && option[2] < 64 && insp_be16(option + 3) == 6;
}

/* A packet that connects, with its description. */
static bool
is_tns(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint16_t size = insp_cursor_be16(&c), sum = insp_cursor_be16(&c);
    uint8_t type = insp_cursor_u8(&c);

    return !c.failed && size >= 34 && size <= r->size && !sum && type == 1 &&
           (insp_line_has(c, "(CONNECT_DATA=") ||
            insp_line_has(c, "(DESCRIPTION="));
}

/* Native protocol, versions 3 to 5: OPTIONS or STARTUP. */
static bool
is_cassandra(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint8_t version = insp_cursor_u8(&c), flags = insp_cursor_u8(&c), opcode;
    uint32_t size;

    insp_cursor_skip(&c, 2);
    opcode = insp_cursor_u8(&c);
    size = insp_cursor_be32(&c);
    if (c.failed || version < 3 || version > 5 || flags > 0x1f ||
        size != insp_cursor_left(&c)) {
        return false;
    }
    return (opcode == 5 && !size) ||
           (opcode == 1 && insp_line_has(c, "CQL_VERSION"));
}

/* ConnectRequest: version 0, last zxid, timeout, session, password. */
static bool
is_zookeeper(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint32_t size = insp_cursor_be32(&c), version = insp_cursor_be32(&c);
    uint32_t timeout;

    insp_cursor_skip(&c, 8);
    timeout = insp_cursor_be32(&c);
    insp_cursor_skip(&c, 8);
    return insp_cursor_be32(&c) == 16 && !c.failed &&
           (size == 44 || size == 45) && r->size == size + 4 && !version &&
           timeout >= 100 && timeout <= 3600000;
}

/* ------------------------------------------------------------------------ */
/* Datagrams. */

/* RFC 1350: a name and a mode. */
static bool
is_tftp(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint16_t opcode = insp_cursor_be16(&c);
    size_t size, mode_size;
    const uint8_t *name = insp_cursor_zero(&c, &size);
    struct insp_cursor mode = c;

    if (!name || (opcode != 1 && opcode != 2) ||
        !insp_is_printable(name, size) || !insp_cursor_zero(&c, &mode_size)) {
        return false;
    }
    insp_cursor_limit(&mode, mode_size);
    return (mode_size == 5 && insp_line_has(mode, "OCTET")) ||
           (mode_size == 8 && insp_line_has(mode, "NETASCII")) ||
           (mode_size == 4 && insp_line_has(mode, "MAIL"));
}

/* RFC 2408, 7296 section 3.1; behind four zeros with NAT (RFC 3948). */
static bool
is_ike(const struct insp_reading *r)
{
    static const uint8_t zeros[8];
    struct insp_cursor c = all(r);
    const uint8_t *head;
    uint8_t version, type;

    if (insp_begins(c, zeros, 4)) {
        insp_cursor_skip(&c, 4);
    }
    head = insp_cursor_take(&c, 28);
    if (!head || !memcmp(head, zeros, 8) ||
        insp_be32(head + 24) != 28 + insp_cursor_left(&c)) {
        return false;
    }
    version = head[17];
    type = head[18];
    return (version == 0x10 && (type == 1 || type == 2 || type == 4 ||
                                type == 5 || type == 6 || type == 32)) ||
           (version == 0x20 && type >= 34 && type <= 37);
}

/* WireGuard's protocol: types 1 to 3 have one size each. */
static bool
is_wireguard(const struct insp_reading *r)
{
    static const uint16_t sizes[] = { 0, 148, 92, 64 };
    struct insp_cursor c = all(r);
    const uint8_t *b = insp_cursor_take(&c, 4);

    return b && b[0] >= 1 && b[0] <= 3 && !b[1] && !b[2] && !b[3] &&
           r->size == sizes[b[0]];
}

/* The client's first reset: session, no acknowledgements, number 0; with a
 * signature when the port says so too. */
static bool
is_openvpn(const struct insp_reading *r)
{
    static const uint8_t zeros[5];
    struct insp_cursor c = all(r);

    if (r->is_stream && insp_cursor_be16(&c) != insp_cursor_left(&c)) {
        return false;
    }
    if (insp_cursor_left(&c) < 14 || c.at[0] != 7 << 3) {
        return false;
    }
    if (insp_cursor_left(&c) == 14) {
        return !memcmp(c.at + 9, zeros, sizeof zeros);
    }
    return is_port(r, 1194) &&
           (insp_cursor_left(&c) == 42 || insp_cursor_left(&c) == 54 ||
            insp_cursor_left(&c) == 86);
}

/* RFC 8489, section 5. */
static bool
is_stun(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint16_t type = insp_cursor_be16(&c), size = insp_cursor_be16(&c);
    uint32_t cookie = insp_cursor_be32(&c);

    insp_cursor_skip(&c, 12);
    return !c.failed && type < 0x4000 && cookie == 0x2112a442 && !(size & 3) &&
           (r->is_stream || size == insp_cursor_left(&c));
}

/* BEP 3 and 5. */
static bool
is_bittorrent(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);

    if (r->is_stream) {
        return insp_line_begins(c, "\x13"
                                   "BitTorrent protocol");
    }
    return (insp_line_begins(c, "d1:ad2:id20:") ||
            insp_line_begins(c, "d1:rd2:id20:") ||
            insp_line_begins(c, "d2:ip6:") || insp_line_begins(c, "d1:eli")) &&
           insp_line_has(c, "1:Y1:");
}

/* RFC 2865, section 3: attributes that fill it. */
static bool
is_radius(const struct insp_reading *r)
{
    struct insp_cursor c = all(r);
    uint8_t code = insp_cursor_u8(&c);
    uint16_t size;

    insp_cursor_skip(&c, 1);
    size = insp_cursor_be16(&c);
    insp_cursor_skip(&c, 16);
    if (c.failed || size != r->size || size < 23 || size > 4096 ||
        !((code >= 1 && code <= 5) || (code >= 11 && code <= 13) ||
          (code >= 40 && code <= 45))) {
        return false;
    }
    while (insp_cursor_left(&c)) {
        uint8_t type = insp_cursor_u8(&c), length = insp_cursor_u8(&c);

        if (!type || length < 2 || !insp_cursor_skip(&c, length - 2u)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ */
/* All of them. */

enum over {
    OVER_TCP = 1,
    OVER_UDP = 2,
    OVER_BOTH = 3,
};

static const struct {
    uint8_t app;
    uint8_t over;
    bool (*is_it)(const struct insp_reading *);
} firsts[] = {
    { INSP_APP_MQTT, OVER_TCP, is_mqtt },
    { INSP_APP_RFB, OVER_TCP, is_rfb },
    { INSP_APP_BGP, OVER_TCP, is_bgp },
    { INSP_APP_RTSP, OVER_TCP, is_rtsp },
    { INSP_APP_TFTP, OVER_UDP, is_tftp },
    { INSP_APP_IKE, OVER_UDP, is_ike },
    { INSP_APP_WIREGUARD, OVER_UDP, is_wireguard },
    { INSP_APP_OPENVPN, OVER_BOTH, is_openvpn },
    { INSP_APP_STUN, OVER_BOTH, is_stun },
    { INSP_APP_BITTORRENT, OVER_BOTH, is_bittorrent },
    { INSP_APP_IRC, OVER_TCP, is_irc },
    { INSP_APP_RSYNC, OVER_TCP, is_rsync },
    { INSP_APP_NATS, OVER_TCP, is_nats },
    { INSP_APP_ISCSI, OVER_TCP, is_iscsi },
    { INSP_APP_CEPH, OVER_TCP, is_ceph },
    { INSP_APP_OVSDB, OVER_TCP, is_ovsdb },
    { INSP_APP_OPENFLOW, OVER_TCP, is_openflow },
    { INSP_APP_RADIUS, OVER_UDP, is_radius },
    { INSP_APP_SSDP, OVER_UDP, is_ssdp },
    { INSP_APP_TDS, OVER_TCP, is_tds },
    { INSP_APP_TNS, OVER_TCP, is_tns },
    { INSP_APP_CASSANDRA, OVER_TCP, is_cassandra },
    { INSP_APP_ZOOKEEPER, OVER_TCP, is_zookeeper },
};
#define INSP_FIRST(NAME, WORD, TEXT) +1
_Static_assert(INSP_ARRAY_SIZE(firsts) == 0
#include "app/first.def"
               ,
               "first.def and this table have the same rows");

enum insp_app
insp_app_by_first(const struct insp_reading *r)
{
    unsigned int over = r->is_stream                 ? OVER_TCP
                        : r->proto == INSP_PROTO_UDP ? OVER_UDP
                                                     : 0;

    for (size_t i = 0; r->size && i < INSP_ARRAY_SIZE(firsts); i++) {
        if (firsts[i].over & over && firsts[i].is_it(r)) {
            return (enum insp_app) firsts[i].app;
        }
    }
    return INSP_APP_UNKNOWN;
}
