/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A hash of services, each of which also stands in the list of its port, those
 * that were seen last at the end.  So the one that makes room, and those that
 * nobody uses any more, are found at the beginning of a list.
 *
 * What there is to tell is decided when a service is seen: that it is new, has
 * a weakness or a version more, which ends by itself, or that it calls itself
 * otherwise than what was told, and that was long enough ago.
 */

#include "engine/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

struct insp_service_key {
    uint8_t addr[16];
    uint32_t port_id;
    uint16_t l4_port;
    uint8_t proto;
    uint8_t unused;
};
_Static_assert(sizeof(struct insp_service_key) == 24, "whole words");

struct entry {
    struct entry *next;          /* Of its place in the hash. */
    struct entry *older, *newer; /* Of its port. */
    struct owner *owner;
    struct insp_service_key key;
    struct insp_listener listener;
    uint64_t told_ns; /* Of its last record. */
    bool has_news;
    bool is_urgent; /* News of a kind that cannot go on. */
};

/* A port that has services. */
struct owner {
    struct owner *next; /* Of its place. */
    struct entry *oldest, *newest;
    uint32_t port_id;
    uint32_t n;
};

#define ENTRY_PLACES 16384
#define OWNER_PLACES 1024

struct insp_inventory {
    struct insp_hash_key secret;
    uint32_t n;
    struct entry *entries[ENTRY_PLACES];
    struct owner *owners[OWNER_PLACES];
};

/* ------------------------------------------------------------------------ */
/* Words. */

const char *
insp_severity_word(enum insp_severity severity)
{
    static const char *const words[] = { "", "low", "medium", "high" };

    return (unsigned int) severity < INSP_ARRAY_SIZE(words) ? words[severity]
                                                            : "";
}

static const struct {
    const char *word, *text;
    uint8_t severity;
} weaknesses[INSP_N_WEAKNESSES] = {
#define INSP_WEAKNESS(NAME, WORD, SEVERITY, TEXT)                             \
    [INSP_WEAKNESS_##NAME] = { WORD, TEXT, INSP_SEVERITY_##SEVERITY },
#include "engine/inventory.def"
};

const char *
insp_weakness_word(enum insp_weakness weakness)
{
    return weaknesses[weakness].word;
}

const char *
insp_weakness_text(enum insp_weakness weakness)
{
    return weaknesses[weakness].text;
}

enum insp_severity
insp_weaknesses_severity(uint32_t set)
{
    unsigned int worst = INSP_SEVERITY_NONE;

    for (unsigned int i = 0; i < INSP_N_WEAKNESSES; i++) {
        if (set >> i & 1) {
            worst = INSP_MAX(worst, weaknesses[i].severity);
        }
    }
    return (enum insp_severity) worst;
}

/* ------------------------------------------------------------------------ */
/* Places. */

static struct owner **
owner_place(struct insp_inventory *inv, uint32_t port_id)
{
    struct owner **at = &inv->owners[port_id % OWNER_PLACES];

    while (*at && (*at)->port_id != port_id) {
        at = &(*at)->next;
    }
    return at;
}

static struct entry **
entry_place(struct insp_inventory *inv, const struct insp_service_key *key)
{
    uint64_t hash = insp_hash_words(key, sizeof *key / 8, &inv->secret);
    struct entry **at = &inv->entries[hash % ENTRY_PLACES];

    while (*at && memcmp(&(*at)->key, key, sizeof *key)) {
        at = &(*at)->next;
    }
    return at;
}

static void
unlink_age(struct entry *e)
{
    struct owner *owner = e->owner;

    *(e->older ? &e->older->newer : &owner->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &owner->newest) = e->older;
}

static void
link_newest(struct entry *e)
{
    struct owner *owner = e->owner;

    e->older = owner->newest;
    e->newer = NULL;
    *(e->older ? &e->older->newer : &owner->oldest) = e;
    owner->newest = e;
}

static void
forget(struct insp_inventory *inv, struct entry *e)
{
    struct owner *owner = e->owner;

    *entry_place(inv, &e->key) = e->next;
    unlink_age(e);
    free(e);
    inv->n--;
    if (!--owner->n) {
        *owner_place(inv, owner->port_id) = owner->next;
        free(owner);
    }
}

/* The one of all that was not seen for longest. */
static struct entry *
oldest_of_all(const struct insp_inventory *inv)
{
    struct entry *oldest = NULL;

    for (size_t i = 0; i < OWNER_PLACES; i++) {
        for (struct owner *o = inv->owners[i]; o; o = o->next) {
            if (!oldest ||
                o->oldest->listener.last_ns < oldest->listener.last_ns) {
                oldest = o->oldest;
            }
        }
    }
    return oldest;
}

/* Where nobody stands behind a port, as in a capture, there is no share. */
static void
make_room(struct insp_inventory *inv, uint32_t port_id)
{
    struct owner *owner = *owner_place(inv, port_id);

    if (owner && port_id && owner->n >= INSP_LISTENERS_OF_PORT) {
        forget(inv, owner->oldest);
    } else if (inv->n >= INSP_LISTENERS_MAX) {
        forget(inv, owner ? owner->oldest : oldest_of_all(inv));
    }
}

static struct entry *
add(struct insp_inventory *inv, const struct insp_service_key *key)
{
    struct owner **at, *owner;
    struct entry *e = calloc(1, sizeof *e);

    make_room(inv, key->port_id);
    at = owner_place(inv, key->port_id);
    owner = *at ? *at : calloc(1, sizeof *owner);
    if (!e || !owner) {
        free(e);
        if (!*at) {
            free(owner);
        }
        return NULL;
    }
    owner->port_id = key->port_id;
    owner->n++;
    *at = owner;
    e->key = *key;
    e->owner = owner;
    *entry_place(inv, key) = e;
    link_newest(e);
    inv->n++;
    return e;
}

struct insp_inventory *
insp_inventory_create(const struct insp_hash_key *secret)
{
    struct insp_inventory *inv = calloc(1, sizeof *inv);

    if (inv) {
        inv->secret = *secret;
    }
    return inv;
}

void
insp_inventory_destroy(struct insp_inventory *inv)
{
    for (size_t i = 0; inv && i < OWNER_PLACES; i++) {
        while (inv->owners[i]) {
            forget(inv, inv->owners[i]->oldest);
        }
    }
    free(inv);
}

/* ------------------------------------------------------------------------ */
/* What readers have found. */

static void
set_software(struct entry *e, const struct insp_value *v)
{
    struct insp_listener *l = &e->listener;
    char raw[sizeof l->software], clean[sizeof l->software];
    size_t size = INSP_MIN(v->size, sizeof raw - 1);

    memcpy(raw, v->bytes, size);
    raw[size] = '\0';
    insp_utf8_clean(clean, sizeof clean, raw);
    if (clean[0] && strcmp(clean, l->software)) {
        memcpy(l->software, clean, sizeof clean);
        e->has_news = true;
    }
}

/* Whether 'word' is one of those in 'list'. */
static bool
is_listed(const char *list, const uint8_t *word, size_t size)
{
    for (;;) {
        size_t length = strcspn(list, ",");

        if (length == size && !memcmp(list, word, size)) {
            return true;
        }
        if (!list[length]) {
            return false;
        }
        list += length + 1;
    }
}

static void
add_version(struct entry *e, const struct insp_value *v)
{
    char *versions = e->listener.versions;
    size_t used = strlen(versions);

    for (size_t i = 0; i < v->size; i++) {
        if (v->bytes[i] < 0x20 || v->bytes[i] > 0x7e || v->bytes[i] == ',') {
            return;
        }
    }
    if (!v->size || used + !!used + v->size >= sizeof e->listener.versions ||
        (used && is_listed(versions, v->bytes, v->size))) {
        return;
    }
    if (used) {
        versions[used++] = ',';
    }
    memcpy(versions + used, v->bytes, v->size);
    versions[used + v->size] = '\0';
    e->is_urgent = true;
}

static bool
begins(const struct insp_value *v, const char *text)
{
    size_t size = strlen(text);

    return v->size >= size && !memcmp(v->bytes, text, size);
}

static uint32_t
weaknesses_of_app(enum insp_app app)
{
    uint32_t set = 0;

#define INSP_WEAK_APP(NAME, APP)                                              \
    set |= app == INSP_APP_##APP ? 1u << INSP_WEAKNESS_##NAME : 0;
#include "engine/inventory.def"
    return set;
}

static uint32_t
weaknesses_of_value(const struct insp_value *v)
{
    uint32_t set = 0;

#define INSP_WEAK_TEXT(NAME, FIELD, TEXT)                                     \
    set |= v->field == INSP_FIELD_##FIELD && begins(v, TEXT)                  \
               ? 1u << INSP_WEAKNESS_##NAME                                   \
               : 0;
#define INSP_WEAK_BELOW(NAME, FIELD, NUMBER)                                  \
    set |= v->field == INSP_FIELD_##FIELD && v->number < (NUMBER)             \
               ? 1u << INSP_WEAKNESS_##NAME                                   \
               : 0;
#define INSP_WEAK_KEY(NAME, KEY)                                              \
    set |= v->number && insp_app_fields[v->field].kind == INSP_VALUE_BOOL &&  \
                   !strcmp(insp_app_fields[v->field].key, KEY)                \
               ? 1u << INSP_WEAKNESS_##NAME                                   \
               : 0;
#include "engine/inventory.def"
    return set;
}

static void
add_weaknesses(struct entry *e, uint32_t set)
{
    if (set & ~e->listener.weaknesses) {
        e->listener.weaknesses |= set;
        e->is_urgent = true;
    }
}

static void
read_values(struct entry *e, const uint8_t *at, const uint8_t *end)
{
    struct insp_value v;

    while (at && insp_value_next(&at, end, &v)) {
        switch ((int) v.field) {
#define INSP_SOFTWARE(FIELD)                                                  \
    case INSP_FIELD_##FIELD:                                                  \
        set_software(e, &v);                                                  \
        break;
#define INSP_VERSION(FIELD)                                                   \
    case INSP_FIELD_##FIELD:                                                  \
        add_version(e, &v);                                                   \
        break;
#include "engine/inventory.def"
        default: break;
        }
        add_weaknesses(e, weaknesses_of_value(&v));
    }
}

/* ------------------------------------------------------------------------ */
/* What is told of it. */

struct telling {
    uint8_t *bytes;
    size_t size, used;
};

static void
put(struct telling *t, enum insp_app_field field, const void *bytes,
    size_t size, uint64_t number)
{
    struct insp_value v = {
        .field = field, .bytes = bytes, .size = size, .number = number
    };

    t->used += insp_value_put(t->bytes + t->used, t->size - t->used, &v);
}

static void
put_text(struct telling *t, enum insp_app_field field, const char *text)
{
    if (text[0]) {
        put(t, field, text, strlen(text), 0);
    }
}

static struct insp_values *
tell(const struct insp_listener *l, const char *why)
{
    uint8_t bytes[1024];
    struct telling t = { .bytes = bytes, .size = sizeof bytes };

    put_text(&t, INSP_FIELD_LISTENER_WHY, why);
    put(&t, INSP_FIELD_LISTENER_FIRST, NULL, 0, l->first_ns);
    put(&t, INSP_FIELD_LISTENER_LAST, NULL, 0, l->last_ns);
    put(&t, INSP_FIELD_LISTENER_CONNECTIONS, NULL, 0, l->connections);
    put_text(&t, INSP_FIELD_LISTENER_SOFTWARE, l->software);
    for (const char *at = l->versions; at[0]; at += at[0] == ',') {
        size_t length = strcspn(at, ",");

        put(&t, INSP_FIELD_LISTENER_VERSIONS, at, length, 0);
        at += length;
    }
    for (unsigned int i = 0; i < INSP_N_WEAKNESSES; i++) {
        if (l->weaknesses >> i & 1) {
            put_text(&t, INSP_FIELD_LISTENER_WEAKNESSES, weaknesses[i].word);
        }
    }
    put_text(&t, INSP_FIELD_LISTENER_SEVERITY,
             insp_severity_word(insp_weaknesses_severity(l->weaknesses)));
    return insp_values_create(INSP_APP_LISTENER, false, bytes, t.used, NULL,
                              0);
}

/* ------------------------------------------------------------------------ */
/* From outside. */

/* A DHCP server speaks to them first. */
static bool
is_client_port(uint16_t port)
{
    return port == 68 || port == 546;
}

/* Of TCP the handshake tells who listens.  Where its beginning was not seen,
 * nobody knows; of UDP a port that is well known on the other side alone says
 * that what came first was the answer. */
bool
insp_inventory_is_service(const struct insp_record_connection *conn)
{
    switch (conn->proto) {
    case INSP_PROTO_TCP:
        return (conn->state & (INSP_CONN_ESTABLISHED | INSP_CONN_MIDSTREAM)) ==
               INSP_CONN_ESTABLISHED;
    case INSP_PROTO_UDP:
    case INSP_PROTO_SCTP:
        return conn->state & INSP_CONN_ANSWERED &&
               !is_client_port(conn->l4_port[1]) &&
               (conn->l4_port[1] < 1024 || conn->l4_port[0] >= 1024);
    default: return false;
    }
}

static void
see_connection(struct entry *e, const struct insp_record_connection *conn)
{
    struct insp_listener *l = &e->listener;

    l->first_ns = l->first_ns ? l->first_ns : conn->start_ns;
    l->last_ns = INSP_MAX(l->last_ns, conn->end_ns);
    if (conn->app > INSP_APP_UNKNOWN && conn->app != l->conn.app) {
        l->conn.app = conn->app;
        e->has_news = true;
    }
    add_weaknesses(e, weaknesses_of_app((enum insp_app) conn->app));
}

/* As that which the record of the listener refers to. */
static void
keep_connection(struct insp_listener *l,
                const struct insp_record_connection *conn)
{
    uint8_t app = l->conn.app;

    l->conn = *conn;
    l->conn.app = app;
    memset(l->conn.packets, 0, sizeof l->conn.packets);
    memset(l->conn.bytes, 0, sizeof l->conn.bytes);
}

struct insp_values *
insp_inventory_see(struct insp_inventory *inv,
                   const struct insp_record_connection *conn,
                   const struct insp_event_report *event)
{
    struct insp_service_key key = {
        .port_id = conn->port_id[1],
        .l4_port = conn->l4_port[1],
        .proto = conn->proto,
    };
    struct insp_listener *l;
    struct entry *e;
    bool is_new;

    memcpy(key.addr, conn->addr[1], sizeof key.addr);
    e = *entry_place(inv, &key);
    is_new = !e;
    if (is_new) {
        e = add(inv, &key);
        if (!e) {
            return NULL;
        }
        e->is_urgent = true;
    }
    l = &e->listener;
    see_connection(e, conn);
    unlink_age(e);
    link_newest(e);
    if (event) {
        read_values(e, event->values, event->values + event->size);
        read_values(e, event->more, event->more + event->more_size);
    } else if (conn->end_reason != INSP_END_NONE) {
        l->connections++;
    }
    if (!e->is_urgent &&
        (!e->has_news || l->last_ns < e->told_ns + INSP_LISTENER_TELL_NS)) {
        return NULL;
    }
    e->has_news = false;
    e->is_urgent = false;
    e->told_ns = l->last_ns;
    keep_connection(l, conn);
    return tell(l, is_new ? "new" : "changed");
}

struct insp_values *
insp_inventory_take(struct insp_inventory *inv, uint32_t port_id,
                    uint64_t stale_ns, struct insp_record_connection *conn)
{
    struct insp_values *values;
    struct entry *e;

    if (stale_ns) {
        e = oldest_of_all(inv);
    } else {
        struct owner *owner = *owner_place(inv, port_id);

        e = owner ? owner->oldest : NULL;
    }
    if (!e || (stale_ns && e->listener.last_ns >= stale_ns)) {
        return NULL;
    }
    *conn = e->listener.conn;
    values = tell(&e->listener, "gone");
    forget(inv, e);
    return values;
}

size_t
insp_inventory_list(const struct insp_inventory *inv,
                    struct insp_listener *listeners, size_t n)
{
    size_t i = 0;

    for (size_t j = 0; inv && j < ENTRY_PLACES; j++) {
        for (const struct entry *e = inv->entries[j]; e && i < n;
             e = e->next) {
            listeners[i++] = e->listener;
        }
    }
    return inv ? inv->n : 0;
}
