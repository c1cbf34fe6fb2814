/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * An event is a small block: a head that says of which connection it is, then
 * values, each with the number of its field and its size in front. When they
 * have no room, a second block takes the rest of them, which is replaced by a
 * larger one as it must be.
 *
 * Open events hang on their dialog, oldest first.  One that is ended goes onto
 * a stack, from which the control thread takes all at once; it gives the
 * block back when it has made a record of it.  So the number of blocks bounds
 * everything, and nobody waits.
 */

#include "app/dialog-private.h"

const struct insp_app_field_info insp_app_fields[INSP_N_APP_FIELDS] = {
#define INSP_APP_FIELD(APP, NAME, KIND, PEN, ID, KEY, TEXT)                   \
    [INSP_FIELD_##                                                            \
        NAME] = { KEY, TEXT, PEN, ID, INSP_APP_##APP, INSP_VALUE_##KIND },
#include "app/field.def"
};

static bool
is_number(enum insp_app_field field)
{
    uint8_t kind = insp_app_fields[field].kind;

    return kind == INSP_VALUE_UINT || kind == INSP_VALUE_BOOL ||
           kind == INSP_VALUE_TIME;
}

bool
insp_value_next(const uint8_t **at, const uint8_t *end, struct insp_value *v)
{
    uint16_t head[2];

    if ((size_t) (end - *at) < INSP_VALUE_HEAD) {
        return false;
    }
    memcpy(head, *at, sizeof head);
    if (head[0] >= INSP_N_APP_FIELDS ||
        (size_t) (end - *at) - INSP_VALUE_HEAD < head[1]) {
        return false;
    }
    v->field = (enum insp_app_field) head[0];
    v->bytes = *at + INSP_VALUE_HEAD;
    v->size = head[1];
    v->number = 0;
    if (is_number(v->field)) {
        if (head[1] != sizeof v->number) {
            return false;
        }
        memcpy(&v->number, v->bytes, sizeof v->number);
    }
    *at = v->bytes + head[1];
    return true;
}

size_t
insp_value_put(uint8_t *to, size_t left, const struct insp_value *v)
{
    bool number = is_number(v->field);
    size_t size = number ? sizeof v->number : v->size;
    uint16_t head[2] = { (uint16_t) v->field, (uint16_t) size };

    if (size > UINT16_MAX || left < INSP_VALUE_HEAD + size) {
        return 0;
    }
    memcpy(to, head, sizeof head);
    if (number) {
        memcpy(to + INSP_VALUE_HEAD, &v->number, size);
    } else if (size && v->bytes != to + INSP_VALUE_HEAD) {
        memcpy(to + INSP_VALUE_HEAD, v->bytes, size);
    }
    return INSP_VALUE_HEAD + size;
}

size_t
insp_value_move(uint8_t *to, const struct insp_value *v)
{
    uint16_t head[2] = { (uint16_t) v->field, (uint16_t) v->size };

    memmove(to + INSP_VALUE_HEAD, v->bytes, v->size);
    memcpy(to, head, sizeof head);
    return INSP_VALUE_HEAD + v->size;
}

static struct insp_event *
event_at(const struct insp_dialogs *ds, uint32_t block)
{
    return block ? insp_block_at(&ds->store, block) : NULL;
}

static void
unlink_event(struct insp_dialogs *ds, struct insp_dialog *d,
             const struct insp_event *e)
{
    uint32_t *at = &d->events;

    while (*at && *at != e->block) {
        at = &event_at(ds, *at)->next;
    }
    if (*at) {
        *at = e->next;
        d->n_events--;
        d->event_bytes -=
            (uint32_t) (insp_block_size(e->block) + insp_block_size(e->more));
    }
}

static void
end(struct insp_dialogs *ds, struct insp_dialog *d, struct insp_event *e,
    uint64_t now_ns)
{
    unlink_event(ds, d, e);
    e->ended_ns = now_ns;
    e->conn_app = INSP_READ(insp_dialog_conn(d)->app);
    e->conn_state = INSP_READ(insp_dialog_conn(d)->state);
    if (e->is_cut) {
        insp_dialogs_note(ds, INSP_READER_CUT);
    }
    insp_stack_push(&ds->ended, e->block - 1);
}

struct insp_event *
insp_event_begin(struct insp_reading *r, enum insp_app app, uint32_t tag)
{
    struct insp_dialogs *ds = r->dialogs;
    struct insp_dialog *d = r->dialog;
    const struct insp_conn *conn = insp_dialog_conn(d);
    struct insp_event *e;
    uint32_t block, *at;

    if (d->n_events == INSP_EVENTS_OPEN) {
        insp_event_end_oldest(ds, d, r->now_ns);
    }
    block = insp_store_take(&ds->store, INSP_BLOCK_SMALL, d->share);
    if (!block) {
        insp_dialogs_note(ds, INSP_READER_NO_BLOCK);
        return NULL;
    }
    e = insp_block_at(&ds->store, block);
    memset(e, 0, offsetof(struct insp_event, values));
    e->dialogs = ds;
    e->dialog = d;
    e->begun_ns = r->now_ns;
    e->first_ns = insp_conn_first_ns(conn);
    e->key = conn->key;
    e->block = block;
    e->tag = tag;
    e->index = d->index;
    e->port_id[0] = INSP_READ(conn->flow[0].port);
    e->port_id[1] = INSP_READ(conn->flow[1].port);
    e->initiator = conn->initiator;
    e->app = (uint8_t) app;

    for (at = &d->events; *at; at = &event_at(ds, *at)->next) {
        continue;
    }
    *at = block;
    d->n_events++;
    d->event_bytes += INSP_BLOCK_SMALL;
    return e;
}

struct insp_event *
insp_event_find(const struct insp_reading *r, enum insp_app app, uint32_t tag)
{
    struct insp_event *e = event_at(r->dialogs, r->dialog->events);

    while (e && (e->app != app || e->tag != tag)) {
        e = event_at(r->dialogs, e->next);
    }
    return e;
}

struct insp_event *
insp_event_oldest(const struct insp_reading *r, enum insp_app app)
{
    struct insp_event *e = event_at(r->dialogs, r->dialog->events);

    while (e && e->app != app) {
        e = event_at(r->dialogs, e->next);
    }
    return e;
}

/* Where the number of 'field' stands in 'values', or NULL. */
static uint8_t *
find(uint8_t *values, size_t size, enum insp_app_field field)
{
    const uint8_t *at = values;
    struct insp_value v;

    while (insp_value_next(&at, values + size, &v)) {
        if (v.field == field) {
            return values + (v.bytes - values);
        }
    }
    return NULL;
}

static uint64_t
mark(enum insp_app_field field)
{
    return UINT64_C(1) << (field & 63);
}

static uint8_t *
find_in(struct insp_event *e, enum insp_app_field field)
{
    uint8_t *at;

    if (!(e->seen & mark(field))) {
        return NULL;
    }
    at = find(e->values, e->size, field);
    if (!at && e->more) {
        at = find(insp_block_at(&e->dialogs->store, e->more), e->more_size,
                  field);
    }
    return at;
}

bool
insp_event_has(const struct insp_event *e, enum insp_app_field field)
{
    return e && find_in((struct insp_event *) e, field);
}

/* A second block with room for 'size' bytes more; false: there is none. */
static bool
make_room(struct insp_event *e, size_t size)
{
    struct insp_store *store = &e->dialogs->store;
    size_t need = e->more_size + size;
    uint32_t block;

    if (need <= insp_block_size(e->more)) {
        return true;
    }
    if (!insp_block_size_for(need)) {
        return false;
    }
    block = insp_store_take(store, need, e->dialog->share);
    if (!block) {
        insp_dialogs_note(e->dialogs, INSP_READER_NO_BLOCK);
        return false;
    }
    e->dialog->event_bytes +=
        (uint32_t) (insp_block_size(block) - insp_block_size(e->more));
    if (e->more) {
        memcpy(insp_block_at(store, block), insp_block_at(store, e->more),
               e->more_size);
        insp_store_give(store, e->more);
    }
    e->more = block;
    return true;
}

static void
put(struct insp_event *e, const struct insp_value *v)
{
    size_t n;

    e->seen |= mark(v->field);
    if (!e->more) {
        n = insp_value_put(e->values + e->size, INSP_EVENT_ROOM - e->size, v);
        e->size = (uint16_t) (e->size + n);
        if (n) {
            return;
        }
    }
    n = INSP_VALUE_HEAD + (is_number(v->field) ? sizeof v->number : v->size);
    if (make_room(e, n)) {
        uint8_t *more = insp_block_at(&e->dialogs->store, e->more);

        n = insp_value_put(more + e->more_size, n, v);
        e->more_size = (uint16_t) (e->more_size + n);
    } else {
        e->is_cut = true;
    }
}

void
insp_event_uint(struct insp_event *e, enum insp_app_field field, uint64_t n)
{
    struct insp_value v = { .field = field, .number = n };
    uint8_t *at;

    if (!e) {
        return;
    }
    at = find_in(e, field);
    if (at) {
        memcpy(at, &n, sizeof n);
    } else {
        put(e, &v);
    }
}

void
insp_event_bytes(struct insp_event *e, enum insp_app_field field,
                 const void *bytes, size_t size)
{
    struct insp_value v = { .field = field, .bytes = bytes, .size = size };

    if (e) {
        put(e, &v);
    }
}

void
insp_event_text(struct insp_event *e, enum insp_app_field field,
                const char *text)
{
    insp_event_bytes(e, field, text, strlen(text));
}

void
insp_event_pair(struct insp_event *e, enum insp_app_field field,
                const char *key, const void *bytes, size_t size)
{
    char text[512];
    size_t key_size = strlen(key);

    if (!e || key_size + 1 >= sizeof text) {
        return;
    }
    size = INSP_MIN(size, sizeof text - key_size - 1);
    memcpy(text, key, key_size);
    text[key_size] = '=';
    memcpy(text + key_size + 1, bytes, size);
    insp_event_bytes(e, field, text, key_size + 1 + size);
}

uint64_t
insp_event_age_us(const struct insp_reading *r, const struct insp_event *e)
{
    return e && r->now_ns > e->begun_ns ? (r->now_ns - e->begun_ns) / 1000 : 0;
}

void
insp_event_end(struct insp_reading *r, struct insp_event *e)
{
    if (e) {
        end(r->dialogs, r->dialog, e, r->now_ns);
    }
}

static void
give_back(struct insp_dialogs *ds, struct insp_event *e)
{
    if (e->more) {
        insp_store_give(&ds->store, e->more);
    }
    insp_store_give(&ds->store, e->block);
}

void
insp_event_end_oldest(struct insp_dialogs *ds, struct insp_dialog *d,
                      uint64_t now_ns)
{
    end(ds, d, event_at(ds, d->events), now_ns);
}

void
insp_events_end_all(struct insp_dialogs *ds, struct insp_dialog *d,
                    uint64_t now_ns)
{
    while (d->events) {
        insp_event_end_oldest(ds, d, now_ns);
    }
}

bool
insp_dialogs_next(struct insp_dialogs *ds, struct insp_event_report *report)
{
    const struct insp_event *e;

    if (ds->taken) {
        give_back(ds, event_at(ds, ds->taken));
        ds->taken = 0;
    }
    if (ds->ready == INSP_STACK_END) {
        ds->ready = insp_stack_take_oldest_first(&ds->ended);
        if (ds->ready == INSP_STACK_END) {
            return false;
        }
    }
    ds->taken = ds->ready + 1;
    ds->ready = insp_stack_below(&ds->ended, ds->ready);
    e = event_at(ds, ds->taken);
    *report = (struct insp_event_report){
        .key = &e->key,
        .index = e->index,
        .first_ns = e->first_ns,
        .ended_ns = e->ended_ns,
        .port_id = { e->port_id[0], e->port_id[1] },
        .initiator = e->initiator,
        .app = e->app,
        .conn_app = e->conn_app,
        .conn_state = e->conn_state,
        .is_cut = e->is_cut,
        .values = e->values,
        .size = e->size,
        .more = e->more ? insp_block_at(&ds->store, e->more) : NULL,
        .more_size = e->more_size,
    };
    return true;
}
