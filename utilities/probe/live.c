/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * libpcap lends a packet until the next one is asked for, so it is copied to
 * the buffer, with room for another header in front of it.  When there is
 * none, next() says so, and waits in the call after that: by then all that had
 * come has been dealt with.  The waiting is our own: libpcap's lasts for as
 * long as nothing comes at all. */

#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build-config.h"

#ifdef HAVE_LIBPCAP

#include <pcap/pcap.h>
#include <poll.h>

#define BUFFER_SIZE   (2 * PROBE_PACKET_MAX)
#define KERNEL_BUFFER (16 * 1024 * 1024)
#define WAIT_MS       50
#define PASSED_NS     UINT64_C(200000000)

struct probe_live {
    pcap_t *pcap;
    char name[64];
    uint32_t link;
    bool has_ns;  /* Resolution of time stamps. */
    bool is_idle; /* There was no packet. */
    char error[512];
    size_t used;
    uint8_t buffer[BUFFER_SIZE];
};

static pcap_t *volatile open_pcap; /* For the signal handler. */

bool
probe_live_is_built(void)
{
    return true;
}

static const char *
fault_of(pcap_t *pcap, int code)
{
    const char *text = pcap_geterr(pcap);

    return text[0] ? text : pcap_statustostr(code);
}

static bool
activate(struct probe_live *live, uint32_t snaplen, char *error, size_t size)
{
    char fault[PCAP_ERRBUF_SIZE] = "";
    int code;

    (void) pcap_set_snaplen(live->pcap, (int) snaplen);
    (void) pcap_set_promisc(live->pcap, 1);
    (void) pcap_set_timeout(live->pcap, WAIT_MS);
    (void) pcap_set_buffer_size(live->pcap, KERNEL_BUFFER);
    (void) pcap_set_tstamp_precision(live->pcap, PCAP_TSTAMP_PRECISION_NANO);
    code = pcap_activate(live->pcap);
    if (code < 0) {
        snprintf(error, size, "%s: %s", live->name,
                 fault_of(live->pcap, code));
        return false;
    }
    if (pcap_setnonblock(live->pcap, 1, fault)) {
        snprintf(error, size, "%s: %s", live->name, fault);
        return false;
    }
    live->has_ns =
        pcap_get_tstamp_precision(live->pcap) == PCAP_TSTAMP_PRECISION_NANO;
    return true;
}

static bool
set_filter(struct probe_live *live, const char *filter, char *error,
           size_t size)
{
    struct bpf_program program;
    bool ok;

    if (pcap_compile(live->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN)) {
        snprintf(error, size, "--filter: %s", pcap_geterr(live->pcap));
        return false;
    }
    ok = !pcap_setfilter(live->pcap, &program);
    if (!ok) {
        snprintf(error, size, "--filter: %s", pcap_geterr(live->pcap));
    }
    pcap_freecode(&program);
    return ok;
}

/* DLT_* and LINKTYPE_* differ in the few types that came first. */
static uint32_t
link_of(pcap_t *pcap)
{
    int link = pcap_datalink(pcap);

    return link == DLT_RAW ? 101 : (uint32_t) link;
}

struct probe_live *
probe_live_open(const char *interface, uint32_t snaplen, const char *filter,
                char *error, size_t size)
{
    struct probe_live *live = malloc(sizeof *live);
    char fault[PCAP_ERRBUF_SIZE] = "";
    char name[64];

    if (!live) {
        snprintf(error, size, "%s: out of memory", interface);
        return NULL;
    }
    memset(live, 0, offsetof(struct probe_live, buffer));
    snprintf(live->name, sizeof live->name, "%s", interface);
    live->pcap = pcap_create(interface, fault);
    if (!live->pcap) {
        snprintf(error, size, "%s: %s", interface, fault);
        probe_live_close(live);
        return NULL;
    }
    if (!activate(live, snaplen, error, size) ||
        (filter && !set_filter(live, filter, error, size))) {
        probe_live_close(live);
        return NULL;
    }
    live->link = link_of(live->pcap);
    if (!probe_link_is_read(live->link)) {
        snprintf(error, size, "%s: %s is not read", interface,
                 probe_link_name(live->link, name, sizeof name));
        probe_live_close(live);
        return NULL;
    }
    open_pcap = live->pcap;
    return live;
}

/* Until there is a packet, for a moment, or until a signal comes. */
static void
wait_for_packet(const struct probe_live *live)
{
    struct pollfd fd = { pcap_get_selectable_fd(live->pcap), POLLIN, 0 };

    (void) poll(&fd, 1, WAIT_MS);
}

enum probe_next
probe_live_next(struct probe_live *live, struct probe_packet *packet)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    uint8_t *to;

    if (live->is_idle) {
        wait_for_packet(live);
        live->is_idle = false;
    }
    if (live->used + PROBE_HEADROOM + PROBE_PACKET_MAX > BUFFER_SIZE) {
        return PROBE_WAIT;
    }
    switch (pcap_next_ex(live->pcap, &header, &bytes)) {
    case 1: break;
    case 0: live->is_idle = true; return PROBE_WAIT;
    case PCAP_ERROR_BREAK: return PROBE_END;
    default:
        snprintf(live->error, sizeof live->error, "%s: %s", live->name,
                 pcap_geterr(live->pcap));
        return PROBE_FAILED;
    }
    to = &live->buffer[live->used + PROBE_HEADROOM];
    packet->bytes = to;
    packet->size = INSP_MIN(header->caplen, PROBE_PACKET_MAX);
    probe_packet_set_wire_size(packet, header->len);
    packet->link = live->link;
    packet->time_ns =
        (uint64_t) header->ts.tv_sec * 1000000000 +
        (uint64_t) header->ts.tv_usec * (live->has_ns ? 1 : 1000);
    memcpy(to, bytes, packet->size);
    live->used += PROBE_HEADROOM + packet->size;
    return PROBE_PACKET;
}

void
probe_live_recycle(struct probe_live *live)
{
    live->used = 0;
}

const char *
probe_live_error(const struct probe_live *live)
{
    return live->error;
}

/* What the kernel has may be as old as a block of its ring takes to come. */
uint64_t
probe_live_passed_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec -
           PASSED_NS;
}

void
probe_live_stop(void)
{
    if (open_pcap) {
        pcap_breakloop(open_pcap);
    }
}

void
probe_live_count(struct probe_live *live, uint64_t *received,
                 uint64_t *dropped)
{
    struct pcap_stat stat;

    if (!pcap_stats(live->pcap, &stat)) {
        *received = stat.ps_recv;
        *dropped = stat.ps_drop;
    }
}

void
probe_live_close(struct probe_live *live)
{
    open_pcap = NULL;
    if (live->pcap) {
        pcap_close(live->pcap);
    }
    free(live);
}

#else /* !HAVE_LIBPCAP */

bool
probe_live_is_built(void)
{
    return false;
}

struct probe_live *
probe_live_open(const char *interface, uint32_t snaplen INSP_UNUSED,
                const char *filter INSP_UNUSED, char *error, size_t size)
{
    snprintf(error, size, "%s: built without libpcap", interface);
    return NULL;
}

enum probe_next
probe_live_next(struct probe_live *live INSP_UNUSED,
                struct probe_packet *packet INSP_UNUSED)
{
    return PROBE_END;
}

void
probe_live_recycle(struct probe_live *live INSP_UNUSED)
{
}

const char *
probe_live_error(const struct probe_live *live INSP_UNUSED)
{
    return "";
}

uint64_t
probe_live_passed_ns(void)
{
    return 0;
}

void
probe_live_stop(void)
{
}

void
probe_live_count(struct probe_live *live INSP_UNUSED,
                 uint64_t *received INSP_UNUSED, uint64_t *dropped INSP_UNUSED)
{
}

void
probe_live_close(struct probe_live *live INSP_UNUSED)
{
}

#endif /* HAVE_LIBPCAP */
