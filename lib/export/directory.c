/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A chained hash on the id (ids count upwards, so the low bits will do) that
 * doubles as it fills, and a list in the order of use.  An entry that is gone
 * and not referred to moves to the old end of that list and waits there for
 * insp_directory_reap(), so nothing is freed under a caller's feet.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "export/directory.h"

struct insp_directory {
    struct insp_identity **buckets;
    size_t mask;
    size_t n;
    size_t limit;
    size_t n_dead; /* Waiting to be reaped. */
    struct insp_identity *newest;
    struct insp_identity *oldest;
};

int
insp_directory_create(size_t limit, struct insp_directory **dp)
{
    struct insp_directory *d = calloc(1, sizeof *d);

    *dp = NULL;
    if (!d) {
        return ENOMEM;
    }
    d->mask = 63;
    d->limit = limit;
    d->buckets = calloc(d->mask + 1, sizeof *d->buckets);
    if (!d->buckets) {
        free(d);
        return ENOMEM;
    }
    *dp = d;
    return 0;
}

static void
detach(struct insp_directory *d, struct insp_identity *e)
{
    *(e->newer ? &e->newer->older : &d->newest) = e->older;
    *(e->older ? &e->older->newer : &d->oldest) = e->newer;
}

static void
make_newest(struct insp_directory *d, struct insp_identity *e)
{
    e->newer = NULL;
    e->older = d->newest;
    *(d->newest ? &d->newest->newer : &d->oldest) = e;
    d->newest = e;
}

static void
make_oldest(struct insp_directory *d, struct insp_identity *e)
{
    e->older = NULL;
    e->newer = d->oldest;
    *(d->oldest ? &d->oldest->older : &d->newest) = e;
    d->oldest = e;
}

static void
discard(struct insp_directory *d, struct insp_identity *e)
{
    struct insp_identity **link = &d->buckets[e->port.id & d->mask];

    while (*link != e) {
        link = &(*link)->chain;
    }
    *link = e->chain;
    detach(d, e);
    d->n--;
    free(e);
}

/* Stays as it is when memory is out: only slower. */
static void
grow(struct insp_directory *d)
{
    size_t mask = 2 * d->mask + 1;
    struct insp_identity **buckets = calloc(mask + 1, sizeof *buckets);

    if (!buckets) {
        return;
    }
    for (struct insp_identity *e = d->newest; e; e = e->older) {
        e->chain = buckets[e->port.id & mask];
        buckets[e->port.id & mask] = e;
    }
    free(d->buckets);
    d->buckets = buckets;
    d->mask = mask;
}

/* Both encodings promise UTF-8; the texts are made so once, here. */
static void
copy_port(struct insp_port *to, const struct insp_port *from)
{
    *to = *from;
    insp_utf8_clean(to->name, sizeof to->name, from->name);
    insp_utf8_clean(to->bridge, sizeof to->bridge, from->bridge);
    insp_utf8_clean(to->iface_id, sizeof to->iface_id, from->iface_id);
    insp_utf8_clean(to->vm_id, sizeof to->vm_id, from->vm_id);
    insp_utf8_clean(to->extra, sizeof to->extra, from->extra);
}

static struct insp_identity *
look_up(const struct insp_directory *d, uint32_t id)
{
    struct insp_identity *e = d->buckets[id & d->mask];

    while (e && e->port.id != id) {
        e = e->chain;
    }
    return e;
}

struct insp_identity *
insp_directory_add(struct insp_directory *d, const struct insp_port *port)
{
    struct insp_identity *e = look_up(d, port->id);

    if (!port->id || (e && e->gone)) {
        return NULL;
    } else if (e) {
        copy_port(&e->port, port);
        return e;
    }
    if (d->limit && d->n >= d->limit) {
        discard(d, d->oldest);
    }
    e = calloc(1, sizeof *e);
    if (!e) {
        return NULL;
    }
    copy_port(&e->port, port);
    if (d->n > d->mask) {
        grow(d);
    }
    e->chain = d->buckets[port->id & d->mask];
    d->buckets[port->id & d->mask] = e;
    make_newest(d, e);
    d->n++;
    return e;
}

struct insp_identity *
insp_directory_find(struct insp_directory *d, uint32_t id)
{
    struct insp_identity *e = look_up(d, id);

    if (!e || e->gone) {
        return NULL;
    }
    if (d->limit && e != d->newest) {
        detach(d, e);
        make_newest(d, e);
    }
    return e;
}

static void
bury(struct insp_directory *d, struct insp_identity *e)
{
    detach(d, e);
    make_oldest(d, e);
    d->n_dead++;
}

void
insp_directory_ref(struct insp_identity *e)
{
    if (e) {
        e->refs++;
    }
}

void
insp_directory_unref(struct insp_directory *d, struct insp_identity *e)
{
    if (e && !--e->refs && e->gone) {
        bury(d, e);
    }
}

void
insp_directory_gone(struct insp_directory *d, uint32_t id)
{
    struct insp_identity *e = look_up(d, id);

    if (e && !e->gone) {
        e->gone = true;
        if (!e->refs) {
            bury(d, e);
        }
    }
}

uint32_t
insp_directory_reap(struct insp_directory *d)
{
    uint32_t id = 0;

    if (d->n_dead) {
        id = d->oldest->port.id;
        d->n_dead--;
        discard(d, d->oldest);
    }
    return id;
}

size_t
insp_directory_count(const struct insp_directory *d)
{
    return d->n;
}

void
insp_directory_destroy(struct insp_directory *d)
{
    if (d) {
        while (d->newest) {
            discard(d, d->newest);
        }
        free(d->buckets);
        free(d);
    }
}
