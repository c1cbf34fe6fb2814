/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * All dialogs of a flow table, in one mapping, and what is asked or told of
 * all of them: how many there may be, which protocols are read, what has been
 * counted, which names DNS has given to addresses.
 */

#include "app/dialog-private.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/memory.h"

const char *
insp_reader_fact_word(enum insp_reader_fact fact)
{
    static const char *const words[INSP_N_READER_FACTS] = {
#define INSP_READER_FACT(NAME, WORD, TEXT) [INSP_READER_##NAME] = WORD,
#include "app/reader.def"
#undef INSP_READER_FACT
    };

    return (unsigned int) fact < INSP_N_READER_FACTS ? words[fact] : "?";
}

/* ------------------------------------------------------------------------ */
/* Life. */

void
insp_dialogs_config_for(uint32_t flow_limit, struct insp_dialogs_config *c)
{
    c->n_dialogs = INSP_MAX(flow_limit / 4, 64);
    c->n_small = INSP_MIN(INSP_MAX(flow_limit / 2, 256), 131072);
    c->n_large = INSP_MIN(INSP_MAX(flow_limit / 64, 32), 4096);
}

static size_t
map_size(uint32_t n_dialogs)
{
    size_t size = sizeof(struct insp_dialogs) +
                  (size_t) n_dialogs * sizeof(struct insp_dialog);

    return (size + 4095) & ~(size_t) 4095;
}

size_t
insp_dialogs_size(const struct insp_dialogs_config *c)
{
    return map_size(c->n_dialogs) + insp_store_size(c->n_small, c->n_large);
}

int
insp_dialogs_create(const struct insp_dialogs_config *c,
                    struct insp_dialogs **dsp)
{
    size_t size = map_size(c->n_dialogs);
    struct insp_dialogs *ds;
    int error;

    *dsp = NULL;
    ds = mmap(NULL, size, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ds == MAP_FAILED) {
        return errno;
    }
    error = insp_store_init(&ds->store, c->n_small, c->n_large);
    if (error) {
        munmap(ds, size);
        return error;
    }
    ds->map_size = size;
    ds->dialogs = (struct insp_dialog *) (ds + 1);
    ds->n = c->n_dialogs;
    ds->ready = INSP_STACK_END;
    insp_stack_init(&ds->free, &ds->dialogs[0].link, sizeof ds->dialogs[0]);
    insp_stack_init(&ds->ended, ds->store.classes[0].links,
                    sizeof ds->store.classes[0].links[0]);
    *dsp = ds;
    return 0;
}

void
insp_dialogs_destroy(struct insp_dialogs *ds)
{
    if (ds) {
        insp_names_destroy(atomic_load(&ds->names));
        insp_store_uninit(&ds->store);
        munmap(ds, ds->map_size);
    }
}

uint64_t
insp_dialogs_untouched(const struct insp_dialogs *ds)
{
    return insp_memory_untouched(ds, ds->map_size) +
           insp_memory_untouched(ds->store.map, ds->store.map_size);
}

void
insp_dialogs_switch(struct insp_dialogs *ds, enum insp_app app, bool on)
{
    if ((unsigned int) app < INSP_N_APPS) {
        atomic_store_explicit(&ds->off[app], !on, memory_order_relaxed);
    }
}

bool
insp_dialogs_reads(const struct insp_dialogs *ds, enum insp_app app)
{
    return (unsigned int) app < INSP_N_APPS && !INSP_READ(ds->off[app]);
}

void
insp_dialogs_get_stats(const struct insp_dialogs *ds,
                       struct insp_dialogs_stats *stats)
{
    stats->n_dialogs = ds->n;
    stats->used = INSP_READ(ds->shares.used);
    stats->n_blocks = insp_store_n(&ds->store);
    stats->bytes = ds->map_size + ds->store.map_size +
                   insp_names_size(atomic_load(&ds->names));
    stats->used_blocks = insp_store_used(&ds->store);
    for (unsigned int i = 0; i < INSP_N_READER_FACTS; i++) {
        stats->facts[i] = INSP_READ(ds->facts[i]);
    }
    for (unsigned int i = 0; i < INSP_N_APPS; i++) {
        stats->connections[i] = INSP_READ(ds->connections[i]);
    }
}

size_t
insp_dialogs_held(const struct insp_dialogs *ds, const struct insp_conn *conn,
                  size_t *records)
{
    uint32_t number = INSP_READ(conn->dialog);
    const struct insp_dialog *d = number ? &ds->dialogs[number - 1] : NULL;

    *records = d ? d->event_bytes : 0;
    return d ? insp_dialog_borrowed(d) : 0;
}

/* ------------------------------------------------------------------------ */
/* Names that DNS has told. */

#define NAMES     16384
/* Seconds: a client may ask for a name well before it connects, and goes on
 * using old answers. */
#define LEAST_TTL 30
#define MOST_TTL  3600

void
insp_dialogs_want_names(struct insp_dialogs *ds, bool wanted)
{
    atomic_store_explicit(&ds->wants_names, wanted, memory_order_relaxed);
}

int
insp_dialogs_keep_names(struct insp_dialogs *ds, bool on,
                        const struct insp_hash_key *secret)
{
    struct insp_names *names = atomic_load(&ds->names);

    if (on && !names) {
        int error = insp_names_create(NAMES, secret, &names);

        if (error) {
            return error;
        }
        atomic_store(&ds->names, names);
    }
    atomic_store(&ds->keeps_names, on);
    return 0;
}

/* Whose names: of who began 'conn'. */
static void
make_name_key(const struct insp_conn *conn, struct insp_name_key *key)
{
    memcpy(key->client, conn->key.addr[conn->initiator], sizeof key->client);
    key->port_id = INSP_READ(conn->flow[conn->initiator].port);
}

bool
insp_reading_learns(const struct insp_reading *r)
{
    return atomic_load_explicit(&r->dialogs->names, memory_order_relaxed) &&
           INSP_READ(r->dialogs->keeps_names);
}

void
insp_reading_learn(struct insp_reading *r, const char *name, size_t size,
                   const uint8_t *addr, size_t addr_size, uint32_t seconds)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct insp_names *names =
        atomic_load_explicit(&r->dialogs->names, memory_order_acquire);
    struct insp_reading clean = { .name_size = 0 };
    struct insp_name_key key;

    if (!names || !INSP_READ(r->dialogs->keeps_names)) {
        return;
    }
    insp_reading_set_name(&clean, name, size);
    make_name_key(insp_dialog_conn(r->dialog), &key);
    if (addr_size == 4) {
        memcpy(key.server, mapped, sizeof mapped);
        memcpy(key.server + 12, addr, 4);
    } else {
        memcpy(key.server, addr, sizeof key.server);
    }
    seconds = INSP_MIN(INSP_MAX(seconds, LEAST_TTL), MOST_TTL);
    insp_names_learn(names, &key, clean.name, clean.name_size, r->now_ns,
                     seconds * UINT64_C(1000000000));
}

bool
insp_dialogs_find_name(const struct insp_dialogs *ds,
                       const struct insp_conn *conn, uint64_t now_ns,
                       char *name)
{
    const struct insp_names *names =
        atomic_load_explicit(&ds->names, memory_order_acquire);
    struct insp_name_key key;

    if (!names || !INSP_READ(ds->keeps_names)) {
        return false;
    }
    make_name_key(conn, &key);
    memcpy(key.server, conn->key.addr[!conn->initiator], sizeof key.server);
    return insp_names_find(names, &key, now_ns, name);
}
