/* SPDX-License-Identifier: Apache-2.0 */
/* Frames
 * ======
 *
 * Builds frames for tests, header after header, with lengths that are right
 * unless a test then spoils them.
 *
 *     struct frame f;
 *
 *     frame_begin(&f);
 *     frame_eth(&f, 0x0800);
 *     frame_ip4(&f, 6, 20 + 5);
 *     frame_tcp(&f, 1000, 80, 0x18);
 *     frame_bytes(&f, "hello", 5);
 *
 * Above:    tests/unit/.           Below:  base/put.h.
 * Threads:  a frame belongs to one thread.
 * Memory:   in the struct; a frame has up to 4096 bytes.
 * Time:     none.
 * Fails:    f.put.full, when it is too long.
 */

#ifndef INSP_TEST_FRAMES_H
#define INSP_TEST_FRAMES_H 1

#include <string.h>

#include "base/put.h"

struct frame {
    uint8_t bytes[4096];
    struct insp_put put;
};

static inline void
frame_begin(struct frame *f)
{
    memset(f->bytes, 0xee, sizeof f->bytes);
    f->put = insp_put(f->bytes, sizeof f->bytes);
}

static inline size_t
frame_size(const struct frame *f)
{
    return insp_put_size(&f->put);
}

static inline void
frame_bytes(struct frame *f, const void *bytes, size_t size)
{
    insp_put_bytes(&f->put, bytes, size);
}

static inline void
frame_fill(struct frame *f, size_t size)
{
    uint8_t *at = insp_put_reserve(&f->put, size);

    if (at) {
        memset(at, 0, size);
    }
}

/* From 02:00:00:00:00:01 to 02:00:00:00:00:02. */
static inline void
frame_eth(struct frame *f, uint16_t type)
{
    frame_bytes(f, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
    insp_put_be16(&f->put, type);
}

/* The tag behind its TPID: 'type' is what follows. */
static inline void
frame_vlan(struct frame *f, uint16_t tci, uint16_t type)
{
    insp_put_be16(&f->put, tci);
    insp_put_be16(&f->put, type);
}

/* 10.0.0.1 to 10.0.0.2, TTL 64, with 'options_size' bytes of options (a
 * multiple of 4), 'fragment' flags and offset as on the wire, id 0x1234. */
static inline void
frame_ip4_full(struct frame *f, uint8_t proto, size_t size,
               size_t options_size, uint16_t fragment)
{
    insp_put_u8(&f->put, (uint8_t) (0x45 + options_size / 4));
    insp_put_u8(&f->put, 0);
    insp_put_be16(&f->put, (uint16_t) (20 + options_size + size));
    insp_put_be16(&f->put, 0x1234);
    insp_put_be16(&f->put, fragment);
    insp_put_u8(&f->put, 64);
    insp_put_u8(&f->put, proto);
    insp_put_be16(&f->put, 0);
    frame_bytes(f, "\12\0\0\1\12\0\0\2", 8);
    for (size_t i = 0; i < options_size; i++) {
        insp_put_u8(&f->put, 1); /* "No operation". */
    }
}

static inline void
frame_ip4(struct frame *f, uint8_t proto, size_t size)
{
    frame_ip4_full(f, proto, size, 0, 0x4000);
}

/* fd00::1 to fd00::2, hop limit 63. */
static inline void
frame_ip6(struct frame *f, uint8_t next, size_t size)
{
    insp_put_be32(&f->put, 0x60000000);
    insp_put_be16(&f->put, (uint16_t) size);
    insp_put_u8(&f->put, next);
    insp_put_u8(&f->put, 63);
    for (uint8_t i = 1; i <= 2; i++) {
        insp_put_be64(&f->put, (uint64_t) 0xfd << 56);
        insp_put_be64(&f->put, i);
    }
}

/* An extension header of 'size' bytes (a multiple of 8). */
static inline void
frame_ext(struct frame *f, uint8_t next, size_t size)
{
    insp_put_u8(&f->put, next);
    insp_put_u8(&f->put, (uint8_t) (size / 8 - 1));
    frame_fill(f, size - 2);
}

/* 'offset_flags' as on the wire, id 0x12345678. */
static inline void
frame_ext_fragment(struct frame *f, uint8_t next, uint16_t offset_flags)
{
    insp_put_u8(&f->put, next);
    insp_put_u8(&f->put, 0);
    insp_put_be16(&f->put, offset_flags);
    insp_put_be32(&f->put, 0x12345678);
}

/* An authentication header of 'size' bytes (a multiple of 4). */
static inline void
frame_ah(struct frame *f, uint8_t next, size_t size)
{
    insp_put_u8(&f->put, next);
    insp_put_u8(&f->put, (uint8_t) (size / 4 - 2));
    frame_fill(f, size - 2);
}

/* Sequence 0x01020304, acknowledges 0x05060708, window 0x7210. */
static inline void
frame_tcp_full(struct frame *f, uint16_t src, uint16_t dst, uint8_t flags,
               size_t options_size)
{
    insp_put_be16(&f->put, src);
    insp_put_be16(&f->put, dst);
    insp_put_be32(&f->put, 0x01020304);
    insp_put_be32(&f->put, 0x05060708);
    insp_put_u8(&f->put, (uint8_t) ((5 + options_size / 4) << 4));
    insp_put_u8(&f->put, flags);
    insp_put_be16(&f->put, 0x7210);
    insp_put_be32(&f->put, 0);
    for (size_t i = 0; i < options_size; i++) {
        insp_put_u8(&f->put, 1);
    }
}

static inline void
frame_tcp(struct frame *f, uint16_t src, uint16_t dst, uint8_t flags)
{
    frame_tcp_full(f, src, dst, flags, 0);
}

/* 'size' is that of header and payload. */
static inline void
frame_udp(struct frame *f, uint16_t src, uint16_t dst, size_t size)
{
    insp_put_be16(&f->put, src);
    insp_put_be16(&f->put, dst);
    insp_put_be16(&f->put, (uint16_t) size);
    insp_put_be16(&f->put, 0);
}

static inline void
frame_sctp(struct frame *f, uint16_t src, uint16_t dst)
{
    insp_put_be16(&f->put, src);
    insp_put_be16(&f->put, dst);
    frame_fill(f, 8);
}

static inline void
frame_icmp(struct frame *f, uint8_t type, uint8_t code, uint16_t id)
{
    insp_put_u8(&f->put, type);
    insp_put_u8(&f->put, code);
    insp_put_be16(&f->put, 0);
    insp_put_be16(&f->put, id);
    insp_put_be16(&f->put, 1);
}

#endif /* tests/unit/frames.h */
