/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 *     read() --> |headroom| done | packets lent | at ... end |   buffer
 *
 * next() looks at what is in the buffer and takes nothing before the whole of
 * it is there; otherwise it asks for more, and fill() moves what is left to
 * the front.  A block of pcapng that nobody wants, or what stands behind the
 * packet in one, is passed over as it comes, whatever its length says.
 *
 * Nothing that the file says is believed: lengths are held against what they
 * must fit into, and a file that is damaged ends there, with the offset. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "file.h"

#define BUFFER_SIZE         (512 * 1024)
#define INTERFACES_MAX      65536 /* Of a section. */
#define INTERFACE_BLOCK_MAX 65536
#define BILLION             UINT64_C(1000000000)

enum {
    PCAP_US = 0xa1b2c3d4,
    PCAP_NS = 0xa1b23c4d,
    PCAP_PATCHED = 0xa1b2cd34, /* Larger record headers. */
    PCAP_HEADER_SIZE = 24,
    PCAP_RECORD_SIZE = 16,

    NG_SECTION = 0x0a0d0d0a,
    NG_BYTE_ORDER = 0x1a2b3c4d,
    NG_SECTION_SIZE = 24,
    NG_INTERFACE = 1,
    NG_INTERFACE_SIZE = 16,
    NG_OLD_PACKET = 2,
    NG_SIMPLE = 3,
    NG_SIMPLE_SIZE = 12,
    NG_ENHANCED = 6,
    NG_ENHANCED_SIZE = 28,
    NG_TRAILER_SIZE = 4,
    NG_BLOCK_MIN = 12,

    NG_OPTION_END = 0,
    NG_OPTION_TSRESOL = 9,
    NG_OPTION_TSOFFSET = 14,
};

struct interface {
    uint32_t link;
    uint32_t snaplen;   /* 0: none. */
    uint8_t resolution; /* As if_tsresol says it. */
    uint64_t offset_ns; /* May be "negative". */
};

struct probe_file {
    char *name;
    int fd;
    bool at_eof;
    bool is_swapped; /* Numbers are little-endian. */
    bool is_ng;
    bool is_ns;                   /* pcap. */
    uint32_t link;                /* pcap. */
    struct interface *interfaces; /* pcapng; of this section. */
    size_t n_interfaces, allocated;
    uint64_t skip;    /* pcapng: to be passed over, then */
    uint32_t trailer; /* this length again; 0: neither. */
    uint64_t last_ns; /* For packets without a time. */
    uint64_t n_packets;

    uint64_t size;          /* 0: not known. */
    uint64_t buffer_offset; /* Of the buffer's first byte. */
    size_t at, end;
    char error[512];
    uint8_t headroom[PROBE_HEADROOM]; /* Of the first packet. */
    uint8_t buffer[BUFFER_SIZE];
};
_Static_assert(offsetof(struct probe_file, buffer) ==
                   offsetof(struct probe_file, headroom) + PROBE_HEADROOM,
               "headroom stands in front");
_Static_assert(BUFFER_SIZE > PROBE_PACKET_MAX + NG_ENHANCED_SIZE &&
                   BUFFER_SIZE > INTERFACE_BLOCK_MAX,
               "what is asked for fits");

/* ------------------------------------------------------------------------ */
/* The buffer. */

uint64_t
probe_file_offset(const struct probe_file *f)
{
    return f->buffer_offset + f->at;
}

uint64_t
probe_file_size(const struct probe_file *f)
{
    return f->size;
}

const char *
probe_file_error(const struct probe_file *f)
{
    return f->error;
}

static enum probe_next fail(struct probe_file *, const char *, ...)
    INSP_PRINTF(2, 3);

static enum probe_next
fail(struct probe_file *f, const char *format, ...)
{
    va_list args;
    char what[256];

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(f->error, sizeof f->error,
             "%s: %s, at offset %llu behind packet %llu", f->name, what,
             (unsigned long long) probe_file_offset(f),
             (unsigned long long) f->n_packets);
    return PROBE_FAILED;
}

/* The next 'n' bytes, which may be read; or NULL. */
static uint8_t *
look(struct probe_file *f, size_t n)
{
    return f->end - f->at >= n ? &f->buffer[f->at] : NULL;
}

/* What next() says when look() gave NULL. */
static enum probe_next
more(struct probe_file *f)
{
    if (!f->at_eof) {
        return PROBE_WAIT;
    }
    return f->at == f->end && !f->skip && !f->trailer
               ? PROBE_END
               : fail(f, "the file ends too early");
}

void
probe_file_fill(struct probe_file *f)
{
    ssize_t n;

    memmove(f->buffer, &f->buffer[f->at], f->end - f->at);
    f->buffer_offset += f->at;
    f->end -= f->at;
    f->at = 0;
    n = read(f->fd, &f->buffer[f->end], BUFFER_SIZE - f->end);
    if (n > 0) {
        f->end += (size_t) n;
    } else if (!n) {
        f->at_eof = true;
    } else if (errno != EINTR) {
        (void) fail(f, "cannot be read: %s", strerror(errno));
    }
}

static uint32_t
get32(const struct probe_file *f, const uint8_t *b)
{
    return f->is_swapped ? __builtin_bswap32(insp_be32(b)) : insp_be32(b);
}

static uint16_t
get16(const struct probe_file *f, const uint8_t *b)
{
    return f->is_swapped ? __builtin_bswap16(insp_be16(b)) : insp_be16(b);
}

/* ------------------------------------------------------------------------ */
/* pcap. */

static enum probe_next
next_of_pcap(struct probe_file *f, struct probe_packet *packet)
{
    uint8_t *record = look(f, PCAP_RECORD_SIZE);
    uint32_t size;

    if (INSP_UNLIKELY(!record)) {
        return more(f);
    }
    size = get32(f, record + 8);
    if (INSP_UNLIKELY(size > PROBE_PACKET_MAX)) {
        return fail(f, "the file is damaged: a packet of %u bytes", size);
    }
    if (INSP_UNLIKELY(!look(f, PCAP_RECORD_SIZE + size))) {
        return more(f);
    }
    packet->time_ns = get32(f, record) * BILLION +
                      get32(f, record + 4) * (uint64_t) (f->is_ns ? 1 : 1000);
    packet->bytes = record + PCAP_RECORD_SIZE;
    packet->size = size;
    probe_packet_set_wire_size(packet, get32(f, record + 12));
    packet->link = f->link;
    f->at += PCAP_RECORD_SIZE + size;
    f->n_packets++;
    return PROBE_PACKET;
}

/* ------------------------------------------------------------------------ */
/* pcapng. */

/* Powers of ten up to nanoseconds, finer ones, powers of two. */
static uint64_t
time_of(const struct interface *i, uint64_t ticks)
{
    unsigned int power = i->resolution & 0x7f;
    uint64_t ns = ticks;

    if (!(i->resolution & 0x80)) {
        for (; power < 9; power++) {
            ns *= 10;
        }
        for (; power > 9 && ns; power--) {
            ns /= 10;
        }
    } else if (power < 64) {
        uint64_t whole = ticks >> power;
        uint64_t part = ticks & ((UINT64_C(1) << power) - 1);

        ns = whole * BILLION +
             (uint64_t) ((unsigned __int128) part * BILLION >> power);
    } else {
        ns = 0;
    }
    return ns + i->offset_ns;
}

static enum probe_next
begin_section(struct probe_file *f, const uint8_t *block)
{
    uint32_t order = insp_be32(block + 8);
    uint32_t length;

    if (order != NG_BYTE_ORDER && order != __builtin_bswap32(NG_BYTE_ORDER)) {
        return fail(f, "the file is damaged: a section without byte order");
    }
    f->is_swapped = order != NG_BYTE_ORDER;
    length = get32(f, block + 4);
    if (length < NG_SECTION_SIZE + NG_TRAILER_SIZE || length % 4) {
        return fail(f, "the file is damaged: a block of %u bytes", length);
    }
    if (get16(f, block + 12) != 1) {
        return fail(f, "version %u of pcapng is not known",
                    get16(f, block + 12));
    }
    f->n_interfaces = 0;
    f->at += NG_SECTION_SIZE;
    f->skip = length - NG_SECTION_SIZE - NG_TRAILER_SIZE;
    f->trailer = length;
    return PROBE_PACKET;
}

static void
take_option(const struct probe_file *f, struct interface *i, uint16_t code,
            const uint8_t *value, uint16_t size)
{
    if (code == NG_OPTION_TSRESOL && size == 1) {
        i->resolution = value[0];
    } else if (code == NG_OPTION_TSOFFSET && size == 8) {
        uint64_t high = get32(f, value + (f->is_swapped ? 4 : 0));
        uint64_t low = get32(f, value + (f->is_swapped ? 0 : 4));

        i->offset_ns = (high << 32 | low) * BILLION;
    }
}

static enum probe_next
take_interface(struct probe_file *f, const uint8_t *block, uint32_t length)
{
    struct insp_cursor c =
        insp_cursor(block + NG_INTERFACE_SIZE,
                    length - NG_INTERFACE_SIZE - NG_TRAILER_SIZE);
    struct interface *i;

    if (f->n_interfaces == f->allocated) {
        size_t n = f->allocated ? 2 * f->allocated : 16;
        void *larger =
            n <= INTERFACES_MAX ? realloc(f->interfaces, n * sizeof *i) : NULL;

        if (!larger) {
            return fail(f, "too many interfaces (%zu)", f->n_interfaces);
        }
        f->interfaces = larger;
        f->allocated = n;
    }
    i = &f->interfaces[f->n_interfaces++];
    *i = (struct interface){ .link = get16(f, block + 8),
                             .snaplen = get32(f, block + 12),
                             .resolution = 6 };
    while (insp_cursor_left(&c) >= 4) {
        const uint8_t *option = insp_cursor_take(&c, 4);
        uint16_t code = get16(f, option);
        uint16_t size = get16(f, option + 2);
        const uint8_t *value = insp_cursor_take(&c, size);

        if (!value || code == NG_OPTION_END) {
            break;
        }
        take_option(f, i, code, value, size);
        (void) insp_cursor_skip(&c, -size & 3);
    }
    f->at += length - NG_TRAILER_SIZE;
    f->trailer = length;
    return PROBE_PACKET;
}

/* The packet of a block whose header has 'header_size' bytes. */
static enum probe_next
take_packet(struct probe_file *f, uint8_t *block, uint32_t length,
            uint32_t header_size, const struct interface *i,
            struct probe_packet *packet)
{
    if (packet->size > PROBE_PACKET_MAX ||
        packet->size > length - header_size - NG_TRAILER_SIZE) {
        return fail(f, "the file is damaged: a packet of %u bytes",
                    packet->size);
    }
    if (!look(f, header_size + packet->size)) {
        return more(f);
    }
    packet->bytes = block + header_size;
    probe_packet_set_wire_size(packet, packet->wire_size);
    packet->link = i->link;
    f->last_ns = packet->time_ns;
    f->at += header_size + packet->size;
    f->skip = length - header_size - packet->size - NG_TRAILER_SIZE;
    f->trailer = length;
    f->n_packets++;
    return PROBE_PACKET;
}

static enum probe_next
take_simple(struct probe_file *f, uint8_t *block, uint32_t length,
            struct probe_packet *packet)
{
    const struct interface *i = f->interfaces;
    uint32_t room = length - NG_SIMPLE_SIZE - NG_TRAILER_SIZE;

    if (!f->n_interfaces) {
        return fail(f, "the file is damaged: a packet before any interface");
    }
    packet->wire_size = get32(f, block + 8);
    packet->size = INSP_MIN(packet->wire_size, room);
    if (i->snaplen) {
        packet->size = INSP_MIN(packet->size, i->snaplen);
    }
    packet->time_ns = f->last_ns;
    return take_packet(f, block, length, NG_SIMPLE_SIZE, i, packet);
}

static enum probe_next
take_enhanced(struct probe_file *f, uint8_t *block, uint32_t length,
              bool is_old, struct probe_packet *packet)
{
    uint32_t number = is_old ? get16(f, block + 8) : get32(f, block + 8);
    const struct interface *i;

    if (number >= f->n_interfaces) {
        return fail(f, "the file is damaged: there is no interface %u",
                    number);
    }
    i = &f->interfaces[number];
    packet->time_ns = time_of(i, (uint64_t) get32(f, block + 12) << 32 |
                                     get32(f, block + 16));
    packet->size = get32(f, block + 20);
    packet->wire_size = get32(f, block + 24);
    return take_packet(f, block, length, NG_ENHANCED_SIZE, i, packet);
}

/* What stands between two blocks: the rest of the one, and its length once
 * more.  PROBE_PACKET: the next block begins at 'at'. */
static enum probe_next
end_block(struct probe_file *f)
{
    const uint8_t *trailer;
    size_t n = f->end - f->at;

    n = (size_t) INSP_MIN(n, f->skip);
    f->at += n;
    f->skip -= n;
    if (f->skip) {
        return more(f);
    }
    if (f->trailer) {
        trailer = look(f, NG_TRAILER_SIZE);
        if (!trailer) {
            return more(f);
        }
        if (get32(f, trailer) != f->trailer) {
            return fail(f,
                        "the file is damaged: a block of %u bytes that "
                        "ends as one of %u",
                        f->trailer, get32(f, trailer));
        }
        f->at += NG_TRAILER_SIZE;
        f->trailer = 0;
    }
    return PROBE_PACKET;
}

/* Takes the block at 'at'; '*is_packet' when it is one. */
static enum probe_next
take_block(struct probe_file *f, struct probe_packet *packet, bool *is_packet)
{
    uint8_t *block = look(f, NG_BLOCK_MIN);
    uint32_t type, length, least;

    *is_packet = false;
    if (!block) {
        return more(f);
    }
    type = get32(f, block);
    if (type == NG_SECTION) { /* The same in both orders. */
        return look(f, NG_SECTION_SIZE) ? begin_section(f, block) : more(f);
    }
    least = type == NG_INTERFACE ? NG_INTERFACE_SIZE
            : type == NG_SIMPLE  ? NG_SIMPLE_SIZE
            : type == NG_ENHANCED || type == NG_OLD_PACKET
                ? NG_ENHANCED_SIZE
                : NG_BLOCK_MIN - NG_TRAILER_SIZE;
    length = get32(f, block + 4);
    if (length < least + NG_TRAILER_SIZE || length % 4 ||
        (type == NG_INTERFACE && length > INTERFACE_BLOCK_MAX)) {
        return fail(f, "the file is damaged: a block of %u bytes", length);
    }
    if (!look(f, type == NG_INTERFACE ? length : least)) {
        return more(f);
    }
    *is_packet = true;
    switch (type) {
    case NG_SIMPLE: return take_simple(f, block, length, packet);
    case NG_OLD_PACKET:
    case NG_ENHANCED:
        return take_enhanced(f, block, length, type == NG_OLD_PACKET, packet);
    }
    *is_packet = false;
    if (type == NG_INTERFACE) {
        return take_interface(f, block, length);
    }
    f->at += least;
    f->skip = length - least - NG_TRAILER_SIZE;
    f->trailer = length;
    return PROBE_PACKET;
}

static enum probe_next
next_of_ng(struct probe_file *f, struct probe_packet *packet)
{
    bool is_packet = false;

    while (!is_packet) {
        enum probe_next next = end_block(f);

        if (next == PROBE_PACKET) {
            next = take_block(f, packet, &is_packet);
        }
        if (next != PROBE_PACKET) {
            return next;
        }
    }
    return PROBE_PACKET;
}

/* ------------------------------------------------------------------------ */

enum probe_next
probe_file_next(struct probe_file *f, struct probe_packet *packet)
{
    if (INSP_UNLIKELY(f->error[0])) {
        return PROBE_FAILED;
    }
    return f->is_ng ? next_of_ng(f, packet) : next_of_pcap(f, packet);
}

/* What else a file may be, by its first bytes. */
static const char *
other_format(const uint8_t *b)
{
    return b[0] == 0x1f && b[1] == 0x8b        ? "gzip"
           : !memcmp(b, "\x28\xb5\x2f\xfd", 4) ? "zstd"
           : !memcmp(b,
                     "\xfd"
                     "7zX",
                     4)
               ? "xz"
           : !memcmp(b, "BZh", 3) ? "bzip2"
                                  : NULL;
}

/* Reads the file's header, or the first 12 bytes of pcapng's. */
static bool
begin(struct probe_file *f, char *error, size_t size)
{
    const uint8_t *header;
    const char *other;
    uint32_t magic;
    char name[64];

    while (!look(f, PCAP_HEADER_SIZE) && !f->at_eof && !f->error[0]) {
        probe_file_fill(f);
    }
    header = look(f, PCAP_HEADER_SIZE);
    if (f->error[0]) {
        snprintf(error, size, "%s", f->error);
        return false;
    }
    if (!header) {
        snprintf(error, size, "%s: %s", f->name,
                 f->end ? "no capture: too short" : "empty: no capture");
        return false;
    }
    magic = insp_be32(header);
    if (magic == NG_SECTION) {
        f->is_ng = true;
        return true;
    }
    f->is_swapped = magic == __builtin_bswap32(PCAP_US) ||
                    magic == __builtin_bswap32(PCAP_NS) ||
                    magic == __builtin_bswap32(PCAP_PATCHED);
    magic = get32(f, header);
    f->is_ns = magic == PCAP_NS;
    if (magic != PCAP_US && magic != PCAP_NS) {
        other = other_format(header);
        snprintf(error, size, "%s: %s%s%s", f->name,
                 magic == PCAP_PATCHED
                     ? "pcap of a patched libpcap is not read"
                 : other ? "compressed with "
                         : "no capture (pcap or pcapng)",
                 other ? other : "",
                 other ? ": pipe what unpacks it to '-r -'" : "");
        return false;
    }
    f->link = get32(f, header + 20) & 0xffff; /* Above: checksums kept. */
    if (!probe_link_is_read(f->link)) {
        snprintf(error, size, "%s: %s is not read", f->name,
                 probe_link_name(f->link, name, sizeof name));
        return false;
    }
    f->at += PCAP_HEADER_SIZE;
    return true;
}

struct probe_file *
probe_file_open(const char *name, char *error, size_t size)
{
    bool is_stdin = !strcmp(name, "-");
    struct probe_file *f = malloc(sizeof *f);
    struct stat s;

    if (!f) {
        snprintf(error, size, "%s: %s", name, strerror(ENOMEM));
        return NULL;
    }
    memset(f, 0, offsetof(struct probe_file, buffer));
    f->name = strdup(is_stdin ? "stdin" : name);
    f->fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0 || !f->name || fstat(f->fd, &s)) {
        snprintf(error, size, "%s: %s", name, strerror(errno));
        probe_file_close(f);
        return NULL;
    }
    if (S_ISREG(s.st_mode)) {
        f->size = (uint64_t) s.st_size;
        (void) posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    if (!begin(f, error, size)) {
        probe_file_close(f);
        return NULL;
    }
    return f;
}

void
probe_file_close(struct probe_file *f)
{
    if (f) {
        if (f->fd > STDIN_FILENO) {
            close(f->fd);
        }
        free(f->interfaces);
        free(f->name);
        free(f);
    }
}
