/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Sets of four entries under a keyed hash.  An entry is guarded by a sequence
 * number: odd while it is written.  A writer makes it odd by compare and swap,
 * or gives up; a reader copies and looks whether it has stayed the same.  The
 * members are atomic words, so that a copy that is thrown away is no race;
 * they are stored with release and loaded with acquire, so that who sees a new
 * one sees the odd number too.
 */

#include "app/names.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define WAYS       4
#define KEY_WORDS  5
#define NAME_WORDS 32

_Static_assert(sizeof(struct insp_name_key) == KEY_WORDS * 8, "words");
_Static_assert(INSP_APP_NAME_MAX < NAME_WORDS * 8, "a name has room");

struct entry {
    _Atomic uint32_t sequence;
    _Atomic uint32_t size; /* Of the name; 0: empty. */
    _Atomic uint64_t until_ns;
    _Atomic uint64_t key[KEY_WORDS];
    _Atomic uint64_t name[NAME_WORDS];
} INSP_LINE_ALIGNED;

struct insp_names {
    struct insp_hash_key secret;
    size_t map_size;
    uint32_t set_mask;
    struct entry entries[] INSP_LINE_ALIGNED;
};

int
insp_names_create(uint32_t n, const struct insp_hash_key *secret,
                  struct insp_names **namesp)
{
    struct insp_names *names;
    uint32_t n_sets = 1;
    size_t size;

    *namesp = NULL;
    while (n_sets < n / WAYS) {
        n_sets *= 2;
    }
    size = sizeof *names + (size_t) n_sets * WAYS * sizeof(struct entry);
    names = mmap(NULL, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (names == MAP_FAILED) {
        return errno;
    }
    names->secret = *secret;
    names->map_size = size;
    names->set_mask = n_sets - 1;
    *namesp = names;
    return 0;
}

void
insp_names_destroy(struct insp_names *names)
{
    if (names) {
        munmap(names, names->map_size);
    }
}

size_t
insp_names_size(const struct insp_names *names)
{
    return names ? names->map_size : 0;
}

static const struct entry *
set_of(const struct insp_names *names, const struct insp_name_key *key)
{
    uint64_t hash = insp_hash_words(key, KEY_WORDS, &names->secret);
    uint32_t set = (uint32_t) (hash ^ hash >> 32) & names->set_mask;

    return &names->entries[(size_t) set * WAYS];
}

static void
load(const _Atomic uint64_t *from, void *to, size_t n)
{
    uint8_t *at = to;

    for (size_t i = 0; i < n; i++) {
        uint64_t word = atomic_load_explicit(&from[i], memory_order_acquire);

        memcpy(at + 8 * i, &word, 8);
    }
}

static void
store(_Atomic uint64_t *to, const void *from, size_t size)
{
    const uint8_t *at = from;

    for (size_t i = 0; i * 8 < size; i++) {
        uint64_t word = 0;

        memcpy(&word, at + 8 * i, INSP_MIN(size - 8 * i, 8));
        atomic_store_explicit(&to[i], word, memory_order_release);
    }
}

static bool
has_key(const struct entry *e, const struct insp_name_key *key)
{
    struct insp_name_key copy;

    load(e->key, &copy, KEY_WORDS);
    return INSP_READ(e->size) && !memcmp(&copy, key, sizeof copy);
}

/* The one with that key, else the one that is nearest to its end. */
static struct entry *
choose(struct entry *set, const struct insp_name_key *key)
{
    struct entry *chosen = &set[0];

    for (unsigned int i = 0; i < WAYS; i++) {
        if (has_key(&set[i], key)) {
            return &set[i];
        }
        if (INSP_READ(set[i].until_ns) < INSP_READ(chosen->until_ns)) {
            chosen = &set[i];
        }
    }
    return chosen;
}

void
insp_names_learn(struct insp_names *names, const struct insp_name_key *key,
                 const char *name, size_t size, uint64_t now_ns,
                 uint64_t ttl_ns)
{
    struct entry *e = choose((struct entry *) set_of(names, key), key);
    uint32_t sequence = INSP_READ(e->sequence);

    if (!size || size > INSP_APP_NAME_MAX || sequence & 1 ||
        !atomic_compare_exchange_strong_explicit(
            &e->sequence, &sequence, sequence + 1, memory_order_acquire,
            memory_order_relaxed)) {
        return;
    }
    store(e->key, key, sizeof *key);
    store(e->name, name, size);
    atomic_store_explicit(&e->size, (uint32_t) size, memory_order_release);
    atomic_store_explicit(&e->until_ns, now_ns + ttl_ns, memory_order_release);
    atomic_store_explicit(&e->sequence, sequence + 2, memory_order_release);
}

/* Copies the name of 'e' if it has that key; '*size' 0: it has not. */
static bool
copy(const struct entry *e, const struct insp_name_key *key, uint64_t now_ns,
     uint8_t bytes[NAME_WORDS * 8], uint32_t *size)
{
    uint32_t before = atomic_load_explicit(&e->sequence, memory_order_acquire);

    *size = 0;
    if (has_key(e, key) &&
        now_ns < atomic_load_explicit(&e->until_ns, memory_order_acquire)) {
        *size = atomic_load_explicit(&e->size, memory_order_acquire);
        load(e->name, bytes, NAME_WORDS);
    }
    return !(before & 1) && before == INSP_READ(e->sequence) &&
           *size <= INSP_APP_NAME_MAX;
}

bool
insp_names_find(const struct insp_names *names,
                const struct insp_name_key *key, uint64_t now_ns, char *name)
{
    const struct entry *set = set_of(names, key);
    uint8_t bytes[NAME_WORDS * 8];
    uint32_t size;

    for (unsigned int i = 0; i < WAYS; i++) {
        if (copy(&set[i], key, now_ns, bytes, &size) && size) {
            memcpy(name, bytes, size);
            name[size] = '\0';
            return true;
        }
    }
    return false;
}
