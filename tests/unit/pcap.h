/* SPDX-License-Identifier: Apache-2.0 */
/* Pcap
 * ====
 *
 * Reads the Ethernet frames of a capture file, in either format (pcap in
 * both byte orders and time units, pcapng) and from any capture that is
 * whole enough to be read; what cannot be read ends it.
 *
 *     struct pcap pcap;
 *     struct pcap_frame frame;
 *
 *     if (pcap_open(&pcap, "a.pcap")) {
 *         while (pcap_next(&pcap, &frame)) {
 *             ... frame.bytes, frame.size, frame.wire_size ...
 *         }
 *         pcap_close(&pcap);
 *     }
 *
 * Above:    tests/.                Below:  base/cursor.h.
 * Threads:  a reader belongs to one thread.
 * Memory:   the whole file; frames are borrowed until pcap_close().
 * Time:     none; time stamps are not read.
 * Fails:    pcap_open() returns false for what is no capture.
 *
 * draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */

#ifndef INSP_TEST_PCAP_H
#define INSP_TEST_PCAP_H 1

#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"

enum {
    PCAP_ETHERNET = 1, /* Link type. */
    PCAP_MAX_INTERFACES = 16,

    PCAPNG_SECTION = 0x0a0d0d0a,
    PCAPNG_INTERFACE = 1,
    PCAPNG_SIMPLE = 3,
    PCAPNG_ENHANCED = 6,
};

struct pcap {
    uint8_t *file;
    struct insp_cursor c;
    bool is_ng;
    bool swapped; /* Little-endian. */
    uint32_t link[PCAP_MAX_INTERFACES];
    uint32_t n_links;
};

struct pcap_frame {
    const uint8_t *bytes;
    size_t size;
    size_t wire_size;
};

static inline uint32_t
pcap_u32(const struct pcap *p, struct insp_cursor *c)
{
    uint32_t value = insp_cursor_be32(c);

    return p->swapped ? __builtin_bswap32(value) : value;
}

static inline uint16_t
pcap_u16(const struct pcap *p, struct insp_cursor *c)
{
    uint16_t value = insp_cursor_be16(c);

    return p->swapped ? __builtin_bswap16(value) : value;
}

static inline bool
pcap_begin(struct pcap *p)
{
    struct insp_cursor peek = p->c;
    uint32_t magic = insp_cursor_be32(&peek);

    if (magic == PCAPNG_SECTION) {
        p->is_ng = true;
        return true;
    }
    p->swapped = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1;
    if (!p->swapped && magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
        return false;
    }
    insp_cursor_skip(&p->c, 20);
    p->link[0] = pcap_u32(p, &p->c) & 0xffff;
    p->n_links = 1;
    return !p->c.failed;
}

static inline bool
pcap_open(struct pcap *p, const char *name)
{
    FILE *file = fopen(name, "rb");
    long size = -1;

    *p = (struct pcap){ .file = NULL };
    if (!file) {
        return false;
    }
    if (!fseek(file, 0, SEEK_END)) {
        size = ftell(file);
    }
    if (size > 0 && !fseek(file, 0, SEEK_SET)) {
        p->file = malloc((size_t) size);
        if (p->file && fread(p->file, (size_t) size, 1, file) == 1) {
            p->c = insp_cursor(p->file, (size_t) size);
            fclose(file);
            if (pcap_begin(p)) {
                return true;
            }
            free(p->file);
            return false;
        }
    }
    free(p->file);
    fclose(file);
    return false;
}

static inline void
pcap_close(struct pcap *p)
{
    free(p->file);
    p->file = NULL;
}

static inline bool
pcap_classic_next(struct pcap *p, struct pcap_frame *frame)
{
    insp_cursor_skip(&p->c, 8);
    frame->size = pcap_u32(p, &p->c);
    frame->wire_size = pcap_u32(p, &p->c);
    frame->bytes = insp_cursor_take(&p->c, frame->size);
    return frame->bytes && p->link[0] == PCAP_ETHERNET;
}

/* A block's content, behind type and length; true when it held a frame. */
static inline bool
pcap_block(struct pcap *p, uint32_t type, struct insp_cursor *body,
           struct pcap_frame *frame)
{
    uint32_t link = 0;

    if (type == PCAPNG_INTERFACE) {
        link = pcap_u16(p, body);
        if (p->n_links < PCAP_MAX_INTERFACES) {
            p->link[p->n_links++] = link;
        }
        return false;
    }
    if (type == PCAPNG_ENHANCED) {
        link = pcap_u32(p, body);
        insp_cursor_skip(body, 8);
        frame->size = pcap_u32(p, body);
        frame->wire_size = pcap_u32(p, body);
    } else if (type == PCAPNG_SIMPLE) {
        frame->wire_size = pcap_u32(p, body);
        frame->size = INSP_MIN(frame->wire_size, insp_cursor_left(body));
    } else {
        return false;
    }
    frame->bytes = insp_cursor_take(body, frame->size);
    return frame->bytes && link < p->n_links && p->link[link] == PCAP_ETHERNET;
}

static inline bool
pcap_ng_next(struct pcap *p, struct pcap_frame *frame)
{
    while (insp_cursor_left(&p->c) >= 12) {
        struct insp_cursor peek = p->c;
        uint32_t type = insp_cursor_be32(&peek), size;
        struct insp_cursor body;

        if (type == PCAPNG_SECTION) { /* Tells its own byte order. */
            insp_cursor_skip(&peek, 4);
            p->swapped = insp_cursor_be32(&peek) == 0x4d3c2b1a;
            p->n_links = 0;
        } else if (p->swapped) {
            type = __builtin_bswap32(type);
        }
        insp_cursor_skip(&p->c, 4);
        size = pcap_u32(p, &p->c);
        if (size < 12) {
            return false;
        }
        body = insp_cursor_sub(&p->c, size - 12);
        insp_cursor_skip(&p->c, 4);
        if (pcap_block(p, type, &body, frame)) {
            return true;
        }
        if (p->c.failed) {
            return false;
        }
    }
    return false;
}

/* The next frame of an Ethernet interface, or false at the end. */
static inline bool
pcap_next(struct pcap *p, struct pcap_frame *frame)
{
    return p->is_ng ? pcap_ng_next(p, frame) : pcap_classic_next(p, frame);
}

#endif /* tests/unit/pcap.h */
