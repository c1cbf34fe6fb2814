/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: a service function: what comes in by one of its two interfaces
 * goes out by the other, whole and in order; with one interface it goes back.
 *
 *     forward [--mark LETTER] [--no-probes] [--log FILE] IFACE [IFACE]
 *
 * --mark appends LETTER to the marks of windowed.c's packets, wherever they
 * are in the frame (behind VLAN tags, behind an NSH).  No header changes, the
 * checksum neither: a number beside the marks makes up for them.  --log
 * writes, at the end, a line "LETTER RUN ID NS" for each packet marked, in the
 * order in which they came.  --no-probes swallows the inspector's probes.
 *
 * VLAN tags: the kernel takes the outermost one out of the frame and tells of
 * it aside; it is put back.  On SIGTERM: one JSON object with the counters. */

#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "windowed.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define BATCH           64
#define FRAME_MAX       9216
#define TAG_SIZE        4
#define ETHERTYPE_PROBE 0x88b5
#define ETHERTYPE_NSH   0x894f
#define LOG_MAX         4000000

/* In front of each frame there is room for the tag that goes back in. */
struct buffer {
    uint8_t room[TAG_SIZE];
    uint8_t frame[FRAME_MAX];
};

struct arm {
    int fd;
    uint64_t received, sent, marked, kernel_drops;
};

struct entry {
    uint64_t run, id, ns;
};

static struct arm arms[2];
static unsigned int n_arms;
static char letter;
static bool no_probes;
static const char *log_name;
static struct entry *entries;
static size_t n_entries;
static volatile sig_atomic_t ends_now;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "forward: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(2);
}

static void
on_term(int signal)
{
    ends_now = signal;
}

static void
open_arm(struct arm *arm, const char *name)
{
    struct sockaddr_ll to = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_ALL) };
    struct packet_mreq promisc = { .mr_type = PACKET_MR_PROMISC };
    int on = 1, bytes = 64 << 20;

    to.sll_ifindex = (int) if_nametoindex(name);
    promisc.mr_ifindex = to.sll_ifindex;
    arm->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (!to.sll_ifindex || arm->fd < 0 ||
        setsockopt(arm->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
                   sizeof on) ||
        setsockopt(arm->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) ||
        setsockopt(arm->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc,
                   sizeof promisc) ||
        setsockopt(arm->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
                   sizeof bytes) ||
        bind(arm->fd, (struct sockaddr *) &to, sizeof to)) {
        die("%s: %s", name, strerror(errno));
    }
}

/* The mark
 * -------- */

static unsigned int
get16(const uint8_t *p)
{
    return (unsigned int) p[0] << 8 | p[1];
}

/* Where the IPv4 header is, behind tags and an NSH; 0: there is none. */
static size_t
find_ip(const uint8_t *f, size_t size)
{
    size_t at = 12;

    while (at + 2 + 20 <= size) {
        switch (get16(f + at)) {
        case 0x8100:
        case 0x88a8: at += TAG_SIZE; break;
        case ETHERTYPE_NSH:
            /* Its length in words; an Ethernet frame follows. */
            at += 2 + (size_t) (f[at + 3] & 0x3f) * 4 + 12;
            break;
        case ETHERTYPE_IP: return at + 2;
        default: return 0;
        }
    }
    return 0;
}

static size_t
find_payload(const uint8_t *f, size_t size, size_t ip)
{
    size_t at = ip + 20 + (f[ip + 9] == 6 ? 20 : 8);

    return at + sizeof(struct windowed_payload) <= size ? at : 0;
}

static uint32_t
sum_of(const struct windowed_payload *p)
{
    const uint8_t *bytes = (const uint8_t *) p;
    uint32_t sum = 0;

    for (size_t i = 0; i < sizeof *p; i += 2) {
        sum += get16(bytes + i);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Chooses new's balance so that both have one sum, in ones' complement. */
static void
balance(const struct windowed_payload *old, struct windowed_payload *new)
{
    uint32_t more;

    memset(new->balance, 0, sizeof new->balance);
    more = sum_of(old) + (0xffff - sum_of(new));
    more = (more & 0xffff) + (more >> 16);
    new->balance[0] = (uint8_t) (more >> 8);
    new->balance[1] = (uint8_t) more;
}

static void
note(const struct windowed_payload *p)
{
    struct timespec t;

    if (!entries || n_entries == LOG_MAX) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    entries[n_entries++] = (struct entry){
        p->run,
        p->id,
        (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec,
    };
}

static void
mark(struct arm *arm, uint8_t *f, size_t size)
{
    size_t ip = find_ip(f, size);
    size_t at = ip ? find_payload(f, size, ip) : 0;
    struct windowed_payload old, new;

    if (!at) {
        return;
    }
    memcpy(&old, f + at, sizeof old);
    if (old.magic != WINDOWED_MAGIC) {
        return;
    }
    new = old;
    if (new.n_marks < WINDOWED_MARKS) {
        new.marks[new.n_marks++] = (uint8_t) letter;
    }
    balance(&old, &new);
    memcpy(f + at, &new, sizeof new);
    arm->marked++;
    note(&new);
}

/* From arm to arm
 * --------------- */

/* Puts the tag that the kernel took out back in; where the frame begins. */
static uint8_t *
untake_tag(struct buffer *b, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct tpacket_auxdata aux;
        uint8_t *f = b->frame - TAG_SIZE;

        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) {
            continue;
        }
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        if (!(aux.tp_status & TP_STATUS_VLAN_VALID)) {
            continue;
        }
        memmove(f, b->frame, 12);
        f[12] = (uint8_t) (aux.tp_vlan_tpid >> 8);
        f[13] = (uint8_t) aux.tp_vlan_tpid;
        f[14] = (uint8_t) (aux.tp_vlan_tci >> 8);
        f[15] = (uint8_t) aux.tp_vlan_tci;
        return f;
    }
    return b->frame;
}

static void
send_all(struct arm *to, struct iovec *iov, unsigned int n)
{
    struct mmsghdr m[BATCH];
    unsigned int sent = 0;

    memset(m, 0, sizeof m);
    for (unsigned int i = 0; i < n; i++) {
        m[i].msg_hdr.msg_iov = &iov[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    while (sent < n) {
        int got = sendmmsg(to->fd, m + sent, n - sent, 0);

        if (got > 0) {
            sent += (unsigned int) got;
        } else if (errno == ENETDOWN || errno == EMSGSIZE) {
            return;
        } else if (errno != EINTR && errno != ENOBUFS && errno != EAGAIN) {
            die("send: %s", strerror(errno));
        }
    }
    to->sent += n;
}

static bool
is_probe(const uint8_t *f, size_t size)
{
    return size >= 14 && get16(f + 12) == ETHERTYPE_PROBE;
}

static void
pump(struct arm *from, struct arm *to)
{
    static struct buffer buffers[BATCH];
    static uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct tpacket_auxdata))]
        __attribute__((aligned(8)));
    struct mmsghdr m[BATCH];
    struct iovec in[BATCH], out[BATCH];
    unsigned int n_out = 0;
    int n;

    memset(m, 0, sizeof m);
    for (int i = 0; i < BATCH; i++) {
        in[i] = (struct iovec){ buffers[i].frame, FRAME_MAX };
        m[i].msg_hdr.msg_iov = &in[i];
        m[i].msg_hdr.msg_iovlen = 1;
        m[i].msg_hdr.msg_control = controls[i];
        m[i].msg_hdr.msg_controllen = sizeof controls[i];
    }
    n = recvmmsg(from->fd, m, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        uint8_t *f = untake_tag(&buffers[i], &m[i].msg_hdr);
        size_t size = m[i].msg_len + (size_t) (buffers[i].frame - f);

        from->received++;
        if (no_probes && is_probe(f, size)) {
            continue;
        }
        if (letter) {
            mark(from, f, size);
        }
        out[n_out++] = (struct iovec){ f, size };
    }
    send_all(to, out, n_out);
}

/* Beginning and end
 * ----------------- */

static void
count_drops(struct arm *arm)
{
    struct tpacket_stats stats;
    socklen_t size = sizeof stats;

    if (!getsockopt(arm->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size)) {
        arm->kernel_drops += stats.tp_drops;
    }
}

static void
report(void)
{
    for (unsigned int i = 0; i < n_arms; i++) {
        const struct arm *arm = &arms[i];

        count_drops(&arms[i]);
        printf("%s{\"received\": %" PRIu64 ", \"sent\": %" PRIu64
               ", \"marked\": %" PRIu64 ", \"kernel_drops\": %" PRIu64 "}",
               i ? ", " : "[", arm->received, arm->sent, arm->marked,
               arm->kernel_drops);
    }
    printf("]\n");
}

static void
write_log(void)
{
    FILE *f = fopen(log_name, "w");

    if (!f) {
        die("%s: %s", log_name, strerror(errno));
    }
    for (size_t i = 0; i < n_entries; i++) {
        fprintf(f, "%c %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", letter,
                entries[i].run, entries[i].id, entries[i].ns);
    }
    fclose(f);
}

static void
parse_options(int argc, char *argv[])
{
    static const struct option known[] = {
        { "mark", required_argument, NULL, 'm' },
        { "no-probes", no_argument, NULL, 'n' },
        { "log", required_argument, NULL, 'l' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'm': letter = optarg[0]; break;
        case 'n': no_probes = true; break;
        case 'l': log_name = optarg; break;
        default: exit(2);
        }
    }
    n_arms = (unsigned int) (argc - optind);
    if (n_arms != 1 && n_arms != 2) {
        die("usage: forward [--mark LETTER] [--no-probes] [--log FILE] "
            "IFACE [IFACE]");
    }
}

int
main(int argc, char *argv[])
{
    struct sigaction action = { .sa_handler = on_term };

    parse_options(argc, argv);
    for (unsigned int i = 0; i < n_arms; i++) {
        open_arm(&arms[i], argv[optind + (int) i]);
    }
    if (log_name) {
        entries = calloc(LOG_MAX, sizeof *entries);
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (!ends_now) {
        struct pollfd p[2] = {
            { .fd = arms[0].fd, .events = POLLIN },
            { .fd = arms[1].fd, .events = POLLIN },
        };

        poll(p, n_arms, 1000);
        for (unsigned int i = 0; i < n_arms; i++) {
            if (p[i].revents) {
                pump(&arms[i], &arms[n_arms - 1 - i]);
            }
        }
    }
    report();
    if (log_name) {
        write_log();
    }
    free(entries);
    return 0;
}
