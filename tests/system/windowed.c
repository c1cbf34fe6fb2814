/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: sends numbered packets over many connections between two ends
 * and says what became of each: that none is lost, none comes twice, and that
 * those of a connection keep their order.
 *
 *     windowed [OPTION]... NETNS:IFACE NETNS:IFACE
 *
 * One process holds both ends, raw sockets in two network namespaces, so that
 * one clock and one table see both sides.  Each direction has at most
 * --window packets under way: no queue on the way can overflow, and what is
 * missing in the end was lost by who forwards, or dropped on purpose.  With
 * --rate packets are sent by the clock, as long as the window lets them.
 *
 * The namespaces must have no addresses, or their own stacks would answer.
 *
 * A receiver keeps for each connection and direction the number that it
 * expects next and which of the last 64 it has had: enough to tell a duplicate
 * from one that is late.
 *
 * Prints one JSON object; exits with 0 when nothing was lost, duplicated,
 * misordered, stray or wrongly marked (--may-lose: but for lost ones). */

#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "windowed.h"

#define BATCH           64
#define FRAME_MAX       1514
#define ETH_IP_SIZE     (14 + 20)
#define PROTO_TCP       6
#define PROTO_UDP       17
#define MAX_CONNECTIONS 65536
/* Without a packet for that long it ends; with --may-lose, what is missing is
 * written off.  Otherwise that would be two windows under way, as soon as
 * someone is merely slow. */
#define GIVE_UP_NS      UINT64_C(60000000000)
#define WRITE_OFF_NS    UINT64_C(1000000000)
#define MAX_TRACES      8
#define LATENCY_US      2000000 /* Beyond: in the last bucket. */
#define MAX_RUNS        64

struct options {
    uint64_t packets;
    uint64_t window;
    uint64_t rate; /* Packets a second; 0: as many as go. */
    unsigned int connections;
    unsigned int size; /* Of a frame. */
    uint8_t proto;
    bool one_way;
    bool may_lose;
    bool may_overtake;
    bool alike; /* As little as possible tells packets of a
                 * connection apart. */
    bool runs;
    const char *until; /* Ends when this file is there. */
    const char *traces[MAX_TRACES];
    size_t n_traces;
};

/* One direction of one connection. */
struct stream {
    uint64_t next_out;              /* To be sent next. */
    uint64_t next_in;               /* Expected next. */
    uint64_t had;                   /* Bit n: next_in - 1 - n has come. */
    uint64_t after[MAX_TRACES + 1]; /* Next one expected, of a trace. */
};

/* All of one direction. */
struct direction {
    struct stream *streams;
    unsigned int turn; /* Connection that sends next. */
    uint64_t sent;
    uint64_t received;    /* Different ones. */
    uint64_t written_off; /* No longer waited for. */
    uint64_t left_out;    /* That --rate would have sent. */
    uint64_t duplicates;
    uint64_t misordered;
    uint64_t misordered_in_trace;
};

struct end {
    int fd;
    uint8_t mac[6];
};

struct packet {
    uint8_t frame[FRAME_MAX];
};

static struct options options = {
    .packets = 100000,
    .window = 64,
    .connections = 1,
    .size = 128,
    .proto = PROTO_UDP,
};
static struct end ends[2];
static struct direction directions[2];
static uint64_t run_id;
static uint64_t next_id;
static uint64_t stray;                  /* Marked packets of another end. */
static uint64_t traces[MAX_TRACES + 1]; /* The last: none of these. */
static char wrong_trace[WINDOWED_MARKS + 1];
static uint32_t latency[LATENCY_US + 1];
static uint64_t *sent_at; /* By id, with --runs: wall clock, */
static bool *came;        /* and whether it arrived. */

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "windowed: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(2);
}

static uint64_t
clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static uint64_t
now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void *
allocate(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (!p) {
        die("out of memory");
    }
    return p;
}

/* The ends
 * -------- */

static void
enter_netns(const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET)) {
        die("%s: %s", path, strerror(errno));
    }
    close(fd);
}

/* SPEC is NETNS:IFACE. */
static void
open_end(struct end *end, const char *spec)
{
    const char *colon = strchr(spec, ':');
    struct sockaddr_ll to = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_IP) };
    struct ifreq ifr = { .ifr_name = "" };
    int bytes = 64 << 20;
    char netns[64];

    if (!colon || (size_t) (colon - spec) >= sizeof netns) {
        die("%s: not NETNS:IFACE", spec);
    }
    snprintf(netns, sizeof netns, "%.*s", (int) (colon - spec), spec);
    enter_netns(netns);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", colon + 1);
    end->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (end->fd < 0 || ioctl(end->fd, SIOCGIFHWADDR, &ifr)) {
        die("%s: %s", spec, strerror(errno));
    }
    memcpy(end->mac, ifr.ifr_hwaddr.sa_data, sizeof end->mac);
    to.sll_ifindex = (int) if_nametoindex(colon + 1);
    if (setsockopt(end->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
                   sizeof bytes) ||
        bind(end->fd, (struct sockaddr *) &to, sizeof to)) {
        die("%s: %s", spec, strerror(errno));
    }
}

/* Drops at the receiving sockets themselves: must be none. */
static uint64_t
socket_drops(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 2; i++) {
        struct tpacket_stats stats;
        socklen_t size = sizeof stats;

        if (!getsockopt(ends[i].fd, SOL_PACKET, PACKET_STATISTICS, &stats,
                        &size)) {
            sum += stats.tp_drops;
        }
    }
    return sum;
}

/* So that nothing is flooded: everyone learns both addresses. */
static void
announce(void)
{
    for (int i = 0; i < 2; i++) {
        uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

        memcpy(frame + 6, ends[i].mac, 6);
        frame[12] = 0x88;
        frame[13] = 0xb6; /* For local experiments. */
        if (send(ends[i].fd, frame, sizeof frame, 0) < 0) {
            die("send: %s", strerror(errno));
        }
    }
    usleep(200000);
}

/* A packet
 * -------- */

static uint32_t
sum16(uint32_t sum, const void *p_, size_t n)
{
    const uint8_t *p = p_;

    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (uint32_t) p[i] << 8;
    }
    return sum;
}

static void
put_sum(uint8_t *where, uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = ~sum;
    where[0] = (uint8_t) (sum >> 8);
    where[1] = (uint8_t) sum;
}

static void
put16(uint8_t *p, unsigned int value)
{
    p[0] = (uint8_t) (value >> 8);
    p[1] = (uint8_t) value;
}

static void
put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

static size_t
l4_size(void)
{
    return options.proto == PROTO_TCP ? 20 : 8;
}

static size_t
payload_offset(void)
{
    return ETH_IP_SIZE + l4_size();
}

/* 10.66.0.1:10000+c to 10.66.0.2:9, and back. */
static void
put_headers(uint8_t *f, unsigned int direction, uint32_t connection,
            uint64_t seq)
{
    static const uint8_t addrs[2][4] = { { 10, 66, 0, 1 }, { 10, 66, 0, 2 } };
    uint8_t *ip = f + 14;

    memset(f, 0, payload_offset());
    memcpy(f, ends[!direction].mac, 6);
    memcpy(f + 6, ends[direction].mac, 6);
    put16(f + 12, ETHERTYPE_IP);
    ip[0] = 0x45;
    put16(ip + 2, options.size - 14);
    ip[6] = 0x40; /* Not to be fragmented. */
    ip[8] = 64;
    ip[9] = options.proto;
    memcpy(ip + 12, addrs[direction], 4);
    memcpy(ip + 16, addrs[!direction], 4);
    if (!options.alike) {
        put16(ip + 4, seq & 0xffff);
    }
    /* A second server address for what does not fit the ports. */
    ip[direction ? 13 : 17] = (uint8_t) (66 + connection / 50000);
    put_sum(ip + 10, sum16(0, ip, 20));
    put16(ip + (direction ? 22 : 20), 10000 + connection % 50000);
    put16(ip + (direction ? 20 : 22), 9);
}

/* As if each packet carried the whole rest: SYN first, then data. */
static void
put_tcp(uint8_t *f, unsigned int direction, uint64_t seq)
{
    uint8_t *ip = f + 14, *tcp = ip + 20;
    size_t size = options.size - ETH_IP_SIZE;

    put32(tcp + 4, (uint32_t) (seq * (size - 20)));
    tcp[12] = 0x50;
    tcp[13] = seq ? 0x18 : direction ? 0x12 : 0x02;
    put16(tcp + 14, 0xffff);
    put_sum(tcp + 16, sum16(PROTO_TCP + (uint32_t) size + sum16(0, ip + 12, 8),
                            tcp, size));
}

static void
put_udp(uint8_t *f)
{
    uint8_t *ip = f + 14, *udp = ip + 20;
    size_t size = options.size - ETH_IP_SIZE;

    put16(udp + 4, (unsigned int) size);
    if (!options.alike) {
        put_sum(udp + 6,
                sum16(PROTO_UDP + (uint32_t) size + sum16(0, ip + 12, 8), udp,
                      size));
    }
}

static void
make_packet(struct packet *p, unsigned int direction, uint32_t connection)
{
    struct stream *s = &directions[direction].streams[connection];
    struct windowed_payload payload = {
        .magic = WINDOWED_MAGIC,
        .run = run_id,
        .id = next_id++,
        .sent_ns = now_ns(),
        .seq = s->next_out++,
        .connection = connection,
        .direction = (uint16_t) direction,
    };

    put_headers(p->frame, direction, connection, payload.seq);
    memcpy(p->frame + payload_offset(), &payload, sizeof payload);
    if (options.proto == PROTO_TCP) {
        put_tcp(p->frame, direction, payload.seq);
    } else {
        put_udp(p->frame);
    }
    if (options.runs) {
        sent_at[payload.id] = clock_ns(CLOCK_REALTIME);
    }
}

/* Sending
 * ------- */

static bool
is_over(uint64_t started)
{
    static uint64_t next_look;
    uint64_t now;

    if (next_id >= options.packets) {
        return true;
    }
    if (!options.until) {
        return false;
    }
    now = now_ns();
    if (now < next_look) {
        return false;
    }
    next_look = (now > started ? now : started) + 10000000;
    if (!access(options.until, F_OK)) {
        options.packets = next_id;
    }
    return next_id >= options.packets;
}

static uint64_t
outstanding(const struct direction *d)
{
    uint64_t done = d->received + d->written_off;

    return d->sent > done ? d->sent - done : 0;
}

/* How many may be sent right now. */
static uint64_t
allowance(struct direction *d, uint64_t started)
{
    uint64_t left = options.packets - next_id;
    uint64_t out = outstanding(d);
    uint64_t n = out < options.window ? options.window - out : 0;

    if (options.rate) {
        uint64_t due =
            (now_ns() - started) / 1000 * options.rate / 1000000 + 1;
        uint64_t more;

        /* What it could not send in time it leaves out: no bursts. */
        due = (options.one_way ? due : due / 2) - d->left_out;
        more = due > d->sent ? due - d->sent : 0;
        if (more > BATCH / 2) {
            d->left_out += more - BATCH / 2;
            more = BATCH / 2;
        }
        n = more < n ? more : n;
    }
    n = n < left ? n : left;
    return n < BATCH ? n : BATCH;
}

/* The connection that sends next: the server answers only who has begun. */
static bool
take_turn(unsigned int direction, uint32_t *connection)
{
    struct direction *d = &directions[direction];

    for (unsigned int i = 0; i < options.connections; i++) {
        *connection = d->turn;
        d->turn = d->turn + 1 < options.connections ? d->turn + 1 : 0;
        if (!direction || options.may_lose ||
            directions[0].streams[*connection].next_in) {
            return true;
        }
    }
    return false;
}

static unsigned int
send_some(unsigned int direction, uint64_t started)
{
    static struct packet packets[BATCH];
    struct direction *d = &directions[direction];
    uint64_t n = is_over(started) ? 0 : allowance(d, started);
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    unsigned int made = 0, sent = 0;

    memset(m, 0, sizeof m);
    while (made < n) {
        uint32_t connection;

        if (!take_turn(direction, &connection)) {
            break;
        }
        make_packet(&packets[made], direction, connection);
        iov[made] = (struct iovec){ packets[made].frame, options.size };
        m[made].msg_hdr.msg_iov = &iov[made];
        m[made].msg_hdr.msg_iovlen = 1;
        made++;
    }
    while (sent < made) {
        int got = sendmmsg(ends[direction].fd, m + sent, made - sent, 0);

        if (got > 0) {
            sent += (unsigned int) got;
        } else if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
            die("send: %s", strerror(errno));
        }
    }
    d->sent += made;
    return made;
}

/* Receiving
 * --------- */

/* Which of the expected traces a packet has; MAX_TRACES: none of them. */
static size_t
note_trace(const struct windowed_payload *p)
{
    char marks[WINDOWED_MARKS + 1] = "";
    size_t n = p->n_marks < WINDOWED_MARKS ? p->n_marks : WINDOWED_MARKS;

    memcpy(marks, p->marks, n);
    for (size_t i = 0; i < options.n_traces; i++) {
        if (!strcmp(marks, options.traces[i])) {
            traces[i]++;
            return i;
        }
    }
    traces[MAX_TRACES]++;
    memcpy(wrong_trace, marks, sizeof wrong_trace);
    return MAX_TRACES;
}

/* Order among the packets that went the same way. */
static void
note_order(struct direction *d, uint64_t *after, uint64_t seq)
{
    if (seq < *after) {
        d->misordered_in_trace++;
    } else {
        *after = seq + 1;
    }
}

/* Counts a packet by its number; false: it came before. */
static bool
note_seq(struct direction *d, struct stream *s, uint64_t seq)
{
    uint64_t behind, gap;

    if (seq >= s->next_in) {
        gap = seq - s->next_in + 1;
        s->had = gap < 64 ? s->had << gap | 1 : 1;
        s->next_in = seq + 1;
        return true;
    }
    behind = s->next_in - 1 - seq;
    if (behind >= 64 || s->had & UINT64_C(1) << behind) {
        d->duplicates++;
        return false;
    }
    s->had |= UINT64_C(1) << behind;
    d->misordered++;
    return true;
}

static void
note_latency(uint64_t sent_ns)
{
    uint64_t us = (now_ns() - sent_ns) / 1000;

    latency[us < LATENCY_US ? us : LATENCY_US]++;
}

static void
receive(unsigned int end, const uint8_t *frame, size_t size)
{
    struct windowed_payload p;
    struct direction *d;
    struct stream *s;

    if (size < payload_offset() + sizeof p) {
        return;
    }
    memcpy(&p, frame + payload_offset(), sizeof p);
    if (p.magic != WINDOWED_MAGIC || p.run != run_id) {
        return;
    }
    if (p.direction != !end || p.connection >= options.connections ||
        p.id >= next_id ||
        p.seq >= directions[p.direction].streams[p.connection].next_out) {
        stray++;
        return;
    }
    d = &directions[p.direction];
    s = &d->streams[p.connection];
    if (!note_seq(d, s, p.seq)) {
        return;
    }
    d->received++;
    note_latency(p.sent_ns);
    note_order(d, &s->after[note_trace(&p)], p.seq);
    if (options.runs) {
        came[p.id] = true;
    }
}

static unsigned int
receive_some(unsigned int end)
{
    static uint8_t frames[BATCH][2048];
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    int n;

    memset(m, 0, sizeof m);
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){ frames[i], sizeof frames[i] };
        m[i].msg_hdr.msg_iov = &iov[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    n = recvmmsg(ends[end].fd, m, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        receive(end, frames[i], m[i].msg_len);
    }
    return n > 0 ? (unsigned int) n : 0;
}

/* The whole
 * --------- */

static void
write_off(void)
{
    for (int i = 0; i < 2; i++) {
        directions[i].written_off += outstanding(&directions[i]);
    }
}

static void
wait_for_something(void)
{
    struct pollfd p[2] = {
        { .fd = ends[0].fd, .events = POLLIN },
        { .fd = ends[1].fd, .events = POLLIN },
    };
    /* By the clock: half a millisecond is how late a packet may be. */
    struct timespec wait = { .tv_nsec = options.rate ? 500000 : 10000000 };

    ppoll(p, 2, &wait, NULL);
}

/* Until all has been sent and has come, or nothing comes any more. */
static void
run(uint64_t started)
{
    uint64_t progress = now_ns();

    for (;;) {
        unsigned int moved = 0, sent = 0;

        for (unsigned int i = 0; i < 2; i++) {
            moved += receive_some(i);
        }
        for (unsigned int i = 0; i < (options.one_way ? 1 : 2); i++) {
            sent += send_some(i, started);
        }
        if (moved || sent) {
            progress = now_ns();
            continue;
        }
        if (is_over(started) && !outstanding(&directions[0]) &&
            !outstanding(&directions[1])) {
            return;
        }
        if (now_ns() - progress > GIVE_UP_NS) {
            return;
        }
        if (options.may_lose && now_ns() - progress > WRITE_OFF_NS) {
            if (is_over(started)) {
                return;
            }
            write_off();
            progress = now_ns();
        }
        wait_for_something();
    }
}

/* What comes when nothing should. */
static void
linger(void)
{
    for (int i = 0; i < 10; i++) {
        usleep(20000);
        while (receive_some(0) + receive_some(1)) {
            continue;
        }
    }
}

/* The report
 * ---------- */

static unsigned int
percentile(uint64_t total, double share)
{
    uint64_t sum = 0;

    for (unsigned int us = 0; us <= LATENCY_US; us++) {
        sum += latency[us];
        if (sum && (double) sum >= share * (double) total) {
            return us;
        }
    }
    return 0;
}

static void
print_traces(void)
{
    printf(", \"traces\": {");
    for (size_t i = 0; i < options.n_traces; i++) {
        printf("\"%s\": %" PRIu64 ", ", options.traces[i], traces[i]);
    }
    printf("\"wrong\": %" PRIu64 "}, \"wrong_trace\": \"%s\"",
           traces[MAX_TRACES], wrong_trace);
}

/* Stretches of packets that came, or did not, by when they were sent. */
static void
print_runs(void)
{
    unsigned int n = 0;

    printf(", \"runs\": [");
    for (uint64_t from = 0, to; from < next_id; from = to) {
        for (to = from; to < next_id && came[to] == came[from]; to++) {
            continue;
        }
        if (n++ < MAX_RUNS) {
            printf("%s{\"came\": %s, \"packets\": %" PRIu64
                   ", \"from\": %" PRIu64 ".%06" PRIu64 ", \"to\": %" PRIu64
                   ".%06" PRIu64 "}",
                   n > 1 ? ", " : "", came[from] ? "true" : "false", to - from,
                   sent_at[from] / 1000000000,
                   sent_at[from] % 1000000000 / 1000,
                   sent_at[to - 1] / 1000000000,
                   sent_at[to - 1] % 1000000000 / 1000);
        }
    }
    printf("], \"n_runs\": %u", n);
}

static bool
report(uint64_t took_ns)
{
    const struct direction *a = &directions[0], *b = &directions[1];
    uint64_t sent = a->sent + b->sent, received = a->received + b->received;
    uint64_t duplicates = a->duplicates + b->duplicates;
    uint64_t misordered = a->misordered + b->misordered;
    uint64_t in_trace = a->misordered_in_trace + b->misordered_in_trace;
    uint64_t drops = socket_drops();

    printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64
           ", \"lost\": %" PRIu64 ", \"duplicates\": %" PRIu64
           ", \"misordered\": %" PRIu64 ", \"misordered_in_trace\": %" PRIu64
           ", \"stray\": %" PRIu64 ", \"socket_drops\": %" PRIu64,
           sent, received, sent - received, duplicates, misordered, in_trace,
           stray, drops);
    printf(", \"connections\": %u, \"seconds\": %.3f, \"pps\": %.0f",
           options.connections, (double) took_ns / 1e9,
           (double) received * 1e9 / (double) took_ns);
    printf(", \"us\": {\"p50\": %u, \"p99\": %u, \"max\": %u}",
           percentile(received, 0.5), percentile(received, 0.99),
           percentile(received, 1));
    if (options.n_traces) {
        print_traces();
    }
    if (options.runs) {
        print_runs();
    }
    printf("}\n");
    return (sent == received || options.may_lose) && !duplicates &&
           !(options.may_overtake ? in_trace : misordered) && !stray &&
           !drops && !(options.n_traces && traces[MAX_TRACES]);
}

static const char usage_text[] =
    "usage: windowed [OPTION]... NETNS:IFACE NETNS:IFACE\n"
    "  --packets N        in both directions together (100000)\n"
    "  --connections N    1 to 65536 (1)\n"
    "  --window N         under way, each direction (64)\n"
    "  --rate N           packets a second at most, in both directions\n"
    "  --size N           bytes of a frame (128)\n"
    "  --tcp              instead of UDP\n"
    "  --alike            UDP without checksum and IP id\n"
    "  --one-way          only from the first to the second\n"
    "  --until FILE       ends as well when FILE is there\n"
    "  --may-lose         lost packets are no failure\n"
    "  --may-overtake     order counts among packets with equal marks only\n"
    "  --trace MARKS      each packet must have these marks, in this order;\n"
    "                     several: one of them\n"
    "  --runs             print which packets came, by when they were sent\n";

static uint64_t
number(const char *text, uint64_t min, uint64_t max)
{
    char *tail;
    uint64_t n = strtoull(text, &tail, 10);

    if (*tail || n < min || n > max) {
        die("%s: not a number from %" PRIu64 " to %" PRIu64, text, min, max);
    }
    return n;
}

static void
set_option(int option, const char *value)
{
    switch (option) {
    case 'p': options.packets = number(value, 1, UINT64_C(1) << 40); break;
    case 'c':
        options.connections = (unsigned int) number(value, 1, MAX_CONNECTIONS);
        break;
    case 'w': options.window = number(value, 1, 100000); break;
    case 'r': options.rate = number(value, 1, 10000000); break;
    case 's':
        options.size = (unsigned int) number(value, 128, FRAME_MAX);
        break;
    case 't': options.proto = PROTO_TCP; break;
    case 'a': options.alike = true; break;
    case 'o': options.one_way = true; break;
    case 'u': options.until = value; break;
    case 'l': options.may_lose = true; break;
    case 'O': options.may_overtake = true; break;
    case 'R': options.runs = true; break;
    case 'T':
        if (options.n_traces == MAX_TRACES) {
            die("too many --trace");
        }
        options.traces[options.n_traces++] = value;
        break;
    default: fputs(usage_text, stderr); exit(2);
    }
}

static void
parse_options(int argc, char *argv[])
{
    static const struct option known[] = {
        { "packets", required_argument, NULL, 'p' },
        { "connections", required_argument, NULL, 'c' },
        { "window", required_argument, NULL, 'w' },
        { "rate", required_argument, NULL, 'r' },
        { "size", required_argument, NULL, 's' },
        { "tcp", no_argument, NULL, 't' },
        { "alike", no_argument, NULL, 'a' },
        { "one-way", no_argument, NULL, 'o' },
        { "until", required_argument, NULL, 'u' },
        { "may-lose", no_argument, NULL, 'l' },
        { "may-overtake", no_argument, NULL, 'O' },
        { "trace", required_argument, NULL, 'T' },
        { "runs", no_argument, NULL, 'R' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        set_option(c, optarg);
    }
    if (argc - optind != 2) {
        set_option('?', NULL);
    }
    if (options.runs && options.packets > 10000000) {
        die("--runs with more than 10000000 packets");
    }
}

int
main(int argc, char *argv[])
{
    uint64_t started;
    bool ok;

    parse_options(argc, argv);
    run_id = clock_ns(CLOCK_REALTIME);
    for (int i = 0; i < 2; i++) {
        open_end(&ends[i], argv[optind + i]);
        directions[i].streams =
            allocate(options.connections, sizeof *directions[i].streams);
    }
    if (options.runs) {
        sent_at = allocate(options.packets, sizeof *sent_at);
        came = allocate(options.packets, sizeof *came);
    }
    announce();
    started = now_ns();
    run(started);
    linger();
    ok = report(now_ns() - started);
    for (int i = 0; i < 2; i++) {
        free(directions[i].streams);
        close(ends[i].fd);
    }
    free(sent_at);
    free(came);
    return ok ? 0 : 1;
}
