/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * The cursor is the next record to be read: a block, and a place in it.  A
 * block is loaded whole, its checksum compared, and decoded message by
 * message as a session of its own, so that its port ids are looked up among
 * its own identities.  The n-th data record of a block has its n-th number;
 * one that this build does not know has a number as well, so those that the
 * reader skips are counted along.
 *
 * A block that was never written is read from memory in the same way.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "export/spool-private.h"

#define FIRST_RENAMED 0x80000000
#define RENAMED_MAX   65536

/* Port ids of other processes. */

static size_t
find_key(const struct insp_spool_ports *p, uint64_t key)
{
    size_t at = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (at &= p->mask; p->keys[at] && p->keys[at] != key;
         at = (at + 1) & p->mask) {
        continue;
    }
    return at;
}

static void
ports_free(struct insp_spool_ports *p)
{
    free(p->keys);
    free(p->ids);
    p->keys = NULL;
    p->ids = NULL;
    p->n = p->mask = 0;
}

/* Begins anew when it has grown too large: then ports get one more number,
 * and are told of again. */
static void
ports_grow(struct insp_spool_ports *p)
{
    struct insp_spool_ports old = *p, new = *p;

    if (old.n >= RENAMED_MAX) {
        ports_free(p);
        old.keys = NULL;
        new.n = new.mask = 0;
    }
    new.mask = old.keys ? 2 * old.mask + 1 : 63;
    new.keys = calloc(new.mask + 1, sizeof *new.keys);
    new.ids = calloc(new.mask + 1, sizeof *new.ids);
    if (!new.keys || !new.ids) {
        free(new.keys);
        free(new.ids);
        return;
    }
    for (size_t i = 0; old.keys && i <= old.mask; i++) {
        if (old.keys[i]) {
            size_t at = find_key(&new, old.keys[i]);

            new.keys[at] = old.keys[i];
            new.ids[at] = old.ids[i];
        }
    }
    if (old.keys) {
        ports_free(p);
    }
    *p = new;
}

static uint32_t
rename_port(struct insp_spool_ports *p, uint32_t incarnation, uint32_t id)
{
    uint64_t key = (uint64_t) incarnation << 32 | id;
    uint32_t renamed;
    size_t at;

    if (!id) {
        return 0;
    }
    if (p->keys && p->keys[at = find_key(p, key)]) {
        return p->ids[at];
    }
    if (!p->keys || p->n > p->mask / 2) {
        ports_grow(p);
    }
    renamed = FIRST_RENAMED | p->next++;
    if (p->keys && p->n < p->mask) {
        at = find_key(p, key);
        p->keys[at] = key;
        p->ids[at] = renamed;
        p->n++;
    }
    return renamed;
}

/* Loading. */

void
insp_spool_unload(struct insp_spool *s)
{
    struct insp_spool_reading *r = &s->reading;

    insp_ipfix_reader_destroy(r->ipfix);
    insp_directory_destroy(r->directory);
    r->ipfix = NULL;
    r->directory = NULL;
    r->block = NULL;
    r->has_item = false;
}

void
insp_spool_close_read(struct insp_spool *s)
{
    if (s->read_fd >= 0) {
        close(s->read_fd);
    }
    s->read_fd = -1;
    s->read_segment = NULL;
}

void
insp_spool_reading_uninit(struct insp_spool *s)
{
    insp_spool_unload(s);
    insp_spool_close_read(s);
    ports_free(&s->ports);
    free(s->reading.body);
    s->reading.body = NULL;
}

enum loaded {
    LOADED,
    DAMAGED,
    LATER, /* The process has no memory or no descriptors. */
};

static enum loaded
open_read(struct insp_spool *s, struct insp_spool_segment *segment)
{
    char name[INSP_SPOOL_NAME_SIZE];

    if (s->read_segment == segment) {
        return LOADED;
    }
    insp_spool_close_read(s);
    insp_spool_segment_name(segment->number, name);
    s->read_fd = openat(s->folder, name,
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (s->read_fd < 0) {
        int error = errno;

        insp_spool_fail(s, "cannot open '%s': %s", name, strerror(error));
        return error == EMFILE || error == ENFILE || error == ENOMEM ? LATER
                                                                     : DAMAGED;
    }
    s->read_segment = segment;
    return LOADED;
}

static bool
read_all(int fd, uint8_t *bytes, size_t size, uint64_t offset)
{
    while (size) {
        ssize_t n = pread(fd, bytes, size, (off_t) offset);

        if (n > 0) {
            bytes += n;
            size -= (size_t) n;
            offset += (uint64_t) n;
        } else if (!n || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static enum loaded
load(struct insp_spool *s, struct insp_spool_block *b)
{
    struct insp_spool_reading *r = &s->reading;

    insp_spool_unload(s);
    r->body = r->body ? r->body : malloc(INSP_SPOOL_BODY_MAX);
    if (!r->body) {
        return LATER;
    }
    if (b->segment) {
        enum loaded opened = open_read(s, b->segment);

        if (opened != LOADED) {
            return opened;
        } else if (!read_all(s->read_fd, r->body, b->body_size,
                             b->offset + b->head_size)) {
            return DAMAGED;
        }
    } else {
        memcpy(r->body, s->body.start, b->body_size);
    }
    if (insp_crc32c(0, r->body, b->body_size) != b->body_crc) {
        return DAMAGED;
    }
    if (insp_ipfix_reader_create(&r->ipfix) ||
        insp_directory_create(0, &r->directory)) {
        insp_spool_unload(s);
        return LATER;
    }
    r->block = b;
    r->at = 0;
    r->in_message = false;
    r->decoded = 0;
    r->unknown = 0;
    r->run = 0;
    r->run_at = 0;
    return LOADED;
}

/* Decoding. */

/* Records of a newer build: what they say is lost, their numbers are not. */
static void
skip_unknown(struct insp_spool *s)
{
    struct insp_spool_reading *r = &s->reading;
    uint64_t unknown = insp_ipfix_counts(r->ipfix)->unknown;

    for (; r->unknown < unknown; r->unknown++) {
        if (r->decoded < r->block->n_records) {
            insp_spool_drop_damaged(s, r->block, r->decoded, r->decoded + 1);
        }
        r->decoded++;
    }
}

/* Decodes to the end of the next record, which is number 'decoded - 1' of the
 * block.  False: there is none. */
static bool
decode(struct insp_spool *s)
{
    struct insp_spool_reading *r = &s->reading;
    size_t left, size;

    for (;;) {
        left = r->block->body_size - r->at;
        if (!r->in_message) {
            if (insp_ipfix_frame(r->body + r->at, left, &size) !=
                    INSP_IPFIX_WHOLE ||
                !insp_ipfix_read(r->ipfix, r->body + r->at, size)) {
                return false;
            }
            r->at += size;
            r->in_message = true;
        }
        switch (insp_ipfix_next(r->ipfix, &r->got)) {
        case INSP_IPFIX_END:
            skip_unknown(s);
            r->in_message = false;
            break;
        case INSP_IPFIX_RECORD:
            skip_unknown(s);
            r->decoded++;
            return r->decoded <= r->block->n_records;
        case INSP_IPFIX_PORT:
            (void) !insp_directory_add(r->directory, &r->got.port);
            break;
        case INSP_IPFIX_PORT_GONE:
        case INSP_IPFIX_EXPORTER: break;
        case INSP_IPFIX_FAULT: return false;
        }
    }
}

static uint64_t
number_of(struct insp_spool_reading *r, uint32_t place)
{
    const struct insp_spool_block *b = r->block;

    while (place - r->run_at >= b->runs[r->run].count) {
        r->run_at += b->runs[r->run++].count;
    }
    return b->runs[r->run].first + (place - r->run_at);
}

static uint32_t *
port_ids(struct insp_record *r)
{
    switch ((enum insp_record_type) r->type) {
    case INSP_RECORD_CONNECTION:
    case INSP_RECORD_APP: return r->conn.port_id;
    case INSP_RECORD_REMAINDER: return r->remainder.port_id;
    default: return NULL;
    }
}

static void
make_item(struct insp_spool *s, uint32_t place)
{
    struct insp_spool_reading *r = &s->reading;
    struct insp_spooled *item = &r->item;
    bool is_ours = r->block->incarnation == s->incarnation;
    uint32_t *ids;

    item->record = r->got.record;
    item->incarnation = r->block->incarnation;
    item->number = number_of(r, place);
    item->port[0] = item->port[1] = NULL;
    ids = port_ids(&item->record);
    for (unsigned int i = 0; ids && i < 2; i++) {
        const struct insp_identity *e =
            insp_directory_find(r->directory, ids[i]);

        item->port[i] = e ? &e->port : NULL;
        if (!is_ours) {
            ids[i] = rename_port(&s->ports, item->incarnation, ids[i]);
            if (e) {
                r->renamed[i] = e->port;
                r->renamed[i].id = ids[i];
                item->port[i] = &r->renamed[i];
            }
        }
    }
    if (ids && ids[0] == ids[1]) {
        item->port[1] = item->port[0]; /* Who sends it looks for that. */
    }
    r->has_item = true;
    r->item_at = place;
}

/* Moves on to the next block. */
static void
leave(struct insp_spool *s)
{
    struct insp_spool_block *b = s->cursor;

    insp_spool_unload(s);
    s->cursor = b->newer;
    s->cursor_at = 0;
    insp_spool_tidy(s, b);
}

/* What the cursor points to and what comes behind it in the block. */
static void
give_up(struct insp_spool *s)
{
    struct insp_spool_block *b = s->cursor;

    s->counts.damaged_blocks++;
    insp_spool_drop_damaged(s, b, s->cursor_at, b->n_records);
    s->cursor_at = b->n_records;
}

const struct insp_spooled *
insp_spool_peek(struct insp_spool *s)
{
    struct insp_spool_reading *r = &s->reading;

    if (!s->cursor && s->open && s->head.n_records && !insp_spool_seal(s)) {
        return NULL;
    }
    while (s->cursor) {
        struct insp_spool_block *b = s->cursor;
        bool at_end = s->cursor_at >= b->n_records;

        if (at_end || b->n_finished == b->n_records) {
            leave(s);
        } else if (insp_spool_is_finished(b, s->cursor_at)) {
            s->cursor_at++;
        } else if (r->has_item && r->item_at == s->cursor_at) {
            return &r->item;
        } else if (r->block != b) {
            switch (load(s, b)) {
            case LOADED: break;
            case DAMAGED: give_up(s); break;
            case LATER: return NULL;
            }
        } else if (!decode(s)) {
            give_up(s);
        } else if (r->decoded > s->cursor_at) {
            make_item(s, r->decoded - 1);
        }
        if (!s->cursor && s->open && s->head.n_records &&
            !insp_spool_seal(s)) {
            return NULL;
        }
    }
    return NULL;
}

void
insp_spool_pass(struct insp_spool *s)
{
    if (s->reading.has_item) {
        s->reading.has_item = false;
        s->cursor_at++;
        s->counts.passed++;
    }
}

void
insp_spool_rewind(struct insp_spool *s)
{
    insp_spool_unload(s);
    s->cursor = s->front;
    s->cursor_at = 0;
    s->counts.passed = 0;
}
