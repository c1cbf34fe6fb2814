/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * When a template arrives, each of its elements is looked up in the rows of
 * the shape that the template has (a shape is known by its mark, see
 * record/fields.h), so that a data record is read by one loop over the
 * template: a row says where the value goes, no row says how much to skip.
 *
 * What a protocol's template has besides the rows of its shape are elements of
 * that protocol; which one it is stands in each record.  So where such a value
 * is in the bytes is noted while the record is read, and when all of it has
 * been, it goes to the field that the protocol has for that element.  To keep
 * what one record costs within bounds, a template has at most SPARE_MAX of
 * them.
 *
 * A stream cannot be trusted after a fault in its structure, so there is no
 * attempt to go on after one.  RFC 7011, section 8: over TCP a template may
 * be withdrawn, and then sent anew, but not be redefined while it is in
 * force.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "export/ipfix-app.h"
#include "export/ipfix-read.h"
#include "export/ipfix.h"

#define N_BUCKETS   256
#define NO_ROW      UINT16_MAX
#define SPARE_MAX   64
#define SPARE_ROW   (NO_ROW - SPARE_MAX) /* And the numbers above it. */
#define VALUES_ROOM (6 * 65536)          /* Before they are tidy. */

struct specifier {
    uint32_t pen;
    uint16_t id;
    uint16_t length;
    uint16_t row; /* Of the shape, SPARE_ROW + n, or NO_ROW. */
};

/* A value in the message. */
struct span {
    const uint8_t *at;
    size_t size;
};

/* What a record of a protocol consists of. */
struct app_spans {
    struct span name;
    struct span lines;
    bool is_cut;
    const struct specifier *spare[SPARE_MAX];
    struct span spare_at[SPARE_MAX];
    unsigned int n_spare;
};

struct template
{
    struct template *chain;
    uint32_t domain;
    uint16_t id;
    uint16_t n_scope;
    uint16_t n;
    uint32_t min_size;              /* Of a record. */
    const struct insp_shape *shape; /* NULL: not ours. */
    struct specifier fields[];
};

struct domain {
    uint32_t id;
    uint32_t expected; /* Sequence number of the next message. */
    bool is_certain;   /* False after a set that was not counted. */
};

struct insp_ipfix_reader {
    struct template *buckets[N_BUCKETS];
    unsigned int n_templates;
    unsigned int n_fields;
    struct domain domains[INSP_IPFIX_DOMAINS_MAX];
    unsigned int n_domains;

    /* The message being read. */
    struct insp_cursor message;
    struct insp_cursor set;
    const struct template *template; /* Of the set; NULL: between sets. */
    struct domain *domain;

    /* Of protocols. */
    struct insp_ipfix_app app;
    struct insp_values *values; /* Of the last record, or NULL. */
    uint8_t *room;              /* VALUES_ROOM, then 65536 of scratch, taken
                                 * when first needed. */

    struct insp_ipfix_counts counts;
    char fault[160];
};

int
insp_ipfix_reader_create(struct insp_ipfix_reader **rp)
{
    *rp = calloc(1, sizeof **rp);
    if (!*rp) {
        return ENOMEM;
    }
    insp_ipfix_app_init(&(*rp)->app);
    return 0;
}

enum insp_ipfix_framing
insp_ipfix_frame(const void *bytes, size_t n, size_t *size)
{
    struct insp_cursor c = insp_cursor(bytes, n);
    uint16_t version = insp_cursor_be16(&c);

    *size = insp_cursor_be16(&c);
    if (n >= 1 && *(const uint8_t *) bytes != 0) {
        return INSP_IPFIX_ALIEN;
    } else if (c.failed) {
        return INSP_IPFIX_PART;
    } else if (version != INSP_IPFIX_VERSION ||
               *size < INSP_IPFIX_HEADER_SIZE) {
        return INSP_IPFIX_ALIEN;
    }
    return *size <= n ? INSP_IPFIX_WHOLE : INSP_IPFIX_PART;
}

static bool fault(struct insp_ipfix_reader *r, const char *format, ...)
    INSP_PRINTF(2, 3);

static bool
fault(struct insp_ipfix_reader *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->fault, sizeof r->fault, format, args);
    va_end(args);
    return false;
}

static struct template **
find_template(struct insp_ipfix_reader *r, uint32_t domain, uint16_t id)
{
    struct template **link = &r->buckets[(domain * 31 + id) % N_BUCKETS];

    while (*link && ((*link)->id != id || (*link)->domain != domain)) {
        link = &(*link)->chain;
    }
    return link;
}

static void
forget_template(struct insp_ipfix_reader *r, struct template **link)
{
    struct template *t = *link;

    *link = t->chain;
    r->n_templates--;
    r->n_fields -= t->n;
    free(t);
}

/* True when values of 'length' bytes can be read into the row. */
static bool
is_readable(const struct insp_field *field, uint16_t length)
{
    switch ((enum insp_field_kind) field->kind) {
    case INSP_KIND_UINT:
    case INSP_KIND_WORD:
    case INSP_KIND_L4PORT:
    case INSP_KIND_PORT_ID:
    case INSP_KIND_PROTO:
    case INSP_KIND_VLAN:
    case INSP_KIND_ZONE:
    case INSP_KIND_STATE:
    case INSP_KIND_TCP_HEX:
    case INSP_KIND_HEX16: return length >= 1 && length <= 8;
    case INSP_KIND_TEXT:
    case INSP_KIND_KEYS:
    case INSP_KIND_APP:
    case INSP_KIND_APP_FIELDS:
    case INSP_KIND_APP_NAME: return true;
    case INSP_KIND_APP_CUT:
    case INSP_KIND_BOOL:
    case INSP_KIND_TIME:
    case INSP_KIND_IP4:
    case INSP_KIND_IP6:
    case INSP_KIND_MAC:
    case INSP_KIND_TYPECODE: return length == field->length;
    default: return false;
    }
}

static bool
has_element(const struct template *t, uint32_t pen, uint16_t id)
{
    for (unsigned int j = 0; j < t->n; j++) {
        if (t->fields[j].id == id && t->fields[j].pen == pen) {
            return true;
        }
    }
    return false;
}

static const struct insp_shape *
shape_of(const struct template *t)
{
    const struct insp_shape *found = NULL;

    for (unsigned int i = 0; i < INSP_N_SHAPES; i++) {
        const struct insp_shape *shape = &insp_shapes[i];
        bool is_app = i == INSP_SHAPE_APP_IP4 || i == INSP_SHAPE_APP_IP6;

        if (!t->n_scope == !shape->n_scope && (!found || is_app) &&
            has_element(t, shape->mark_pen, shape->mark_id) &&
            (!shape->also_id || has_element(t, 0, shape->also_id))) {
            found = shape;
        }
    }
    return found;
}

static uint16_t
row_of(const struct insp_shape *shape, const struct specifier *s)
{
    for (uint16_t i = 0; i < shape->n_fields; i++) {
        const struct insp_field *field = &shape->fields[i];

        if (field->id && field->id == s->id && field->pen == s->pen &&
            is_readable(field, s->length)) {
            return i;
        }
    }
    return NO_ROW;
}

/* True when any protocol has a field that is this element. */
static bool
is_of_apps(const struct insp_ipfix_app *app, const struct specifier *s)
{
    for (unsigned int i = 0; i < INSP_N_APP_FIELDS; i++) {
        if (insp_app_fields[i].id == s->id &&
            insp_app_fields[i].pen == s->pen &&
            app->elements[i].form != INSP_FORM_NONE) {
            return true;
        }
    }
    return false;
}

static void
bind_rows(const struct insp_ipfix_app *app, struct template *t)
{
    uint16_t n_spare = 0;
    bool is_app;

    t->shape = shape_of(t);
    is_app = t->shape == &insp_shapes[INSP_SHAPE_APP_IP4] ||
             t->shape == &insp_shapes[INSP_SHAPE_APP_IP6];
    for (unsigned int j = 0; j < t->n && t->shape; j++) {
        struct specifier *s = &t->fields[j];

        s->row = row_of(t->shape, s);
        if (is_app && s->row == NO_ROW && n_spare < SPARE_MAX &&
            is_of_apps(app, s)) {
            s->row = (uint16_t) (SPARE_ROW + n_spare++);
        }
    }
}

/* Reads the field specifiers of a template, and keeps it unless it is there
 * already. */
static bool
read_fields(struct insp_ipfix_reader *r, uint16_t id, uint16_t n,
            uint16_t n_scope)
{
    struct template **link = find_template(r, r->domain->id, id);
    struct template *t, *old = *link;
    uint64_t min_size = 0;

    /* A specifier has at least four bytes, which bounds what is taken. */
    if (n > insp_cursor_left(&r->set) / 4) {
        return fault(r, "template %u says it has %u fields, more than fit", id,
                     n);
    } else if (!old && (r->n_templates >= INSP_IPFIX_TEMPLATES_MAX ||
                        r->n_fields + n > INSP_IPFIX_FIELDS_MAX)) {
        return fault(r, "more templates than one session may have");
    }
    t = calloc(1, sizeof *t + n * sizeof *t->fields);
    if (!t) {
        return fault(r, "out of memory for a template");
    }
    t->domain = r->domain->id;
    t->id = id;
    t->n_scope = n_scope;
    t->n = n;
    for (unsigned int i = 0; i < n; i++) {
        struct specifier *s = &t->fields[i];
        uint16_t element = insp_cursor_be16(&r->set);

        s->length = insp_cursor_be16(&r->set);
        s->id = element & 0x7fff;
        s->pen = element & 0x8000 ? insp_cursor_be32(&r->set) : 0;
        s->row = NO_ROW;
        min_size += s->length == INSP_FIELD_VAR ? 1 : s->length;
    }
    if (r->set.failed || !min_size) {
        free(t);
        return fault(r, "template %u is %s", id,
                     min_size ? "truncated" : "of records without a byte");
    }
    t->min_size = (uint32_t) INSP_MIN(min_size, UINT32_MAX);
    bind_rows(&r->app, t);
    if (old) {
        bool same = (old->n == n && old->n_scope == n_scope &&
                     !memcmp(old->fields, t->fields, n * sizeof *t->fields));

        free(t);
        return same || fault(r, "template %u was redefined", id);
    }
    *link = t;
    r->n_templates++;
    r->n_fields += n;
    return true;
}

static void
withdraw_all(struct insp_ipfix_reader *r, bool options)
{
    for (unsigned int i = 0; i < N_BUCKETS; i++) {
        struct template **link = &r->buckets[i];

        while (*link) {
            if ((*link)->domain == r->domain->id &&
                options == ((*link)->n_scope > 0)) {
                forget_template(r, link);
            } else {
                link = &(*link)->chain;
            }
        }
    }
}

/* A template set (id 2) or an options template set (3). */
static bool
read_templates(struct insp_ipfix_reader *r, uint16_t set_id)
{
    while (insp_cursor_left(&r->set) >= 4) {
        uint16_t id = insp_cursor_be16(&r->set);
        uint16_t n = insp_cursor_be16(&r->set);
        uint16_t n_scope = 0;

        if (!n) {
            struct template **link = find_template(r, r->domain->id, id);

            if (id == set_id) {
                withdraw_all(r, id == 3);
            } else if (*link && !(*link)->n_scope == (set_id == 2)) {
                forget_template(r, link);
            } else if (!id) {
                return true; /* Padding. */
            }
            continue;
        }
        if (id < 256) {
            return fault(r,
                         "template with the number %u, which must be 256 "
                         "or more",
                         id);
        }
        if (set_id == 3) {
            n_scope = insp_cursor_be16(&r->set);
            if (!n_scope || n_scope > n) {
                return fault(r,
                             "options template %u with %u scope fields "
                             "of %u",
                             id, n_scope, n);
            }
        }
        if (!read_fields(r, id, n, n_scope)) {
            return false;
        }
    }
    return true;
}

static struct domain *
find_domain(struct insp_ipfix_reader *r, uint32_t id, uint32_t sequence)
{
    if (r->domain && r->domain->id == id) {
        return r->domain;
    }
    for (unsigned int i = 0; i < r->n_domains; i++) {
        if (r->domains[i].id == id) {
            return &r->domains[i];
        }
    }
    if (r->n_domains >= INSP_IPFIX_DOMAINS_MAX) {
        return NULL;
    }
    r->domains[r->n_domains] = (struct domain){ id, sequence, true };
    return &r->domains[r->n_domains++];
}

bool
insp_ipfix_read(struct insp_ipfix_reader *r, const void *message, size_t size)
{
    uint16_t version, length;
    uint32_t sequence, id;

    r->message = insp_cursor(message, size);
    r->set = insp_cursor(NULL, 0);
    r->template = NULL;
    version = insp_cursor_be16(&r->message);
    length = insp_cursor_be16(&r->message);
    (void) insp_cursor_skip(&r->message, 4); /* Export time. */
    sequence = insp_cursor_be32(&r->message);
    id = insp_cursor_be32(&r->message);
    if (r->message.failed || version != INSP_IPFIX_VERSION || length != size) {
        return fault(r, "no IPFIX message header");
    }
    r->domain = find_domain(r, id, sequence);
    if (!r->domain) {
        return fault(r, "more than %d observation domains",
                     INSP_IPFIX_DOMAINS_MAX);
    }
    if (r->domain->is_certain) {
        uint32_t gap = sequence - r->domain->expected;

        /* A number from the past says nothing about loss. */
        r->counts.lost += gap < UINT32_MAX / 2 ? gap : 0;
    }
    r->domain->expected = sequence;
    r->domain->is_certain = true;
    r->counts.messages++;
    return true;
}

/* Opens the next set of the message; true also when it is to be skipped. */
static bool
next_set(struct insp_ipfix_reader *r)
{
    uint16_t id = insp_cursor_be16(&r->message);
    uint16_t size = insp_cursor_be16(&r->message);

    if (r->message.failed || size < 4) {
        return fault(r, "set %u with a length of %u", id, size);
    }
    r->set = insp_cursor_sub(&r->message, size - 4U);
    if (r->set.failed) {
        return fault(r, "set %u is longer than its message", id);
    }
    if (id == 2 || id == 3) {
        return read_templates(r, id);
    } else if (id < 256) {
        return fault(r, "set with the reserved number %u", id);
    }
    r->template = *find_template(r, r->domain->id, id);
    if (!r->template) {
        r->counts.unknown_sets++;
        r->domain->is_certain = false;
    }
    return true;
}

static uint64_t
read_uint(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void
store_number(uint8_t *member, size_t size, uint64_t value)
{
    uint64_t most = size < 8 ? (UINT64_C(1) << 8 * size) - 1 : UINT64_MAX;
    uint64_t u64 = INSP_MIN(value, most);
    uint32_t u32 = (uint32_t) u64;
    uint16_t u16 = (uint16_t) u64;

    switch (size) {
    case 8: memcpy(member, &u64, 8); break;
    case 4: memcpy(member, &u32, 4); break;
    case 2: memcpy(member, &u16, 2); break;
    default: *member = (uint8_t) u64; break;
    }
}

static enum insp_app
app_by_word(const struct span *word)
{
    char text[32];

    if (word->size >= sizeof text) {
        return INSP_APP_NONE;
    }
    if (word->size) {
        memcpy(text, word->at, word->size);
    }
    text[word->size] = '\0';
    return insp_app_by_word(text);
}

/* 'app' is where parts of a protocol's record go. */
static void
store_value(const struct insp_field *field, uint8_t *base,
            struct app_spans *app, const uint8_t *bytes, size_t size)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0,    0,
                                        0, 0, 0, 0, 0xff, 0xff };
    uint8_t *member = base + field->offset;

    switch ((enum insp_field_kind) field->kind) {
    case INSP_KIND_TCP_HEX: *member = bytes[size - 1]; break;
    case INSP_KIND_APP:
        *member = (uint8_t) app_by_word(&(struct span){ bytes, size });
        break;
    case INSP_KIND_APP_NAME: app->name = (struct span){ bytes, size }; break;
    case INSP_KIND_APP_FIELDS:
        app->lines = (struct span){ bytes, size };
        break;
    case INSP_KIND_APP_CUT: app->is_cut = bytes[0] == 1; break;
    case INSP_KIND_BOOL: *member = bytes[0] == 1; break;
    case INSP_KIND_TIME:
        store_number(member, 8, insp_ipfix_time_back(read_uint(bytes, 8)));
        break;
    case INSP_KIND_IP4:
        memcpy(member, mapped, 12);
        memcpy(member + 12, bytes, 4);
        break;
    case INSP_KIND_IP6:
    case INSP_KIND_MAC:
    case INSP_KIND_TYPECODE: memcpy(member, bytes, size); break;
    case INSP_KIND_TEXT:
    case INSP_KIND_KEYS:
        size = INSP_MIN(size, field->size - 1U);
        memset(member, 0, field->size);
        memcpy(member, bytes, size);
        break;
    default: store_number(member, field->size, read_uint(bytes, size)); break;
    }
}

static bool
read_record(struct insp_ipfix_reader *r, uint8_t *base, struct app_spans *app)
{
    const struct template *t = r->template;

    for (unsigned int i = 0; i < t->n; i++) {
        const struct specifier *s = &t->fields[i];
        size_t size = s->length;
        const uint8_t *bytes;

        if (size == INSP_FIELD_VAR) {
            size = insp_cursor_u8(&r->set);
            if (size == 255) {
                size = insp_cursor_be16(&r->set);
            }
        }
        bytes = insp_cursor_take(&r->set, size);
        if (!bytes) {
            return fault(r, "record of template %u is longer than its set",
                         t->id);
        }
        if (s->row == NO_ROW || !base || !size) {
            continue;
        } else if (s->row >= SPARE_ROW) {
            app->spare[app->n_spare] = s;
            app->spare_at[app->n_spare++] = (struct span){ bytes, size };
        } else {
            store_value(&t->shape->fields[s->row], base, app, bytes, size);
        }
    }
    r->domain->expected++;
    return true;
}

static enum insp_app_field
field_of(const struct insp_ipfix_app *app, const struct insp_app_rows *rows,
         const struct specifier *s)
{
    for (unsigned int i = rows->first; i < rows->first + rows->n; i++) {
        if (insp_app_fields[i].id == s->id &&
            insp_app_fields[i].pen == s->pen &&
            app->elements[i].form != INSP_FORM_NONE) {
            return (enum insp_app_field) i;
        }
    }
    return INSP_N_APP_FIELDS;
}

/* Makes values of the parts of a protocol's record.  False: fault. */
static bool
read_values(struct insp_ipfix_reader *r, const struct app_spans *spans,
            struct insp_record *record)
{
    struct insp_ipfix_app_seen seen = { .field = { false } };
    enum insp_app app = app_by_word(&spans->name);
    const struct insp_app_rows *rows;
    struct insp_put values;

    if (app <= INSP_APP_UNKNOWN || app >= INSP_N_APPS_TOLD) {
        return true; /* Of a newer sensor. */
    }
    rows = &r->app.rows[app];
    if (!r->room) {
        r->room = malloc(VALUES_ROOM + 65536);
        if (!r->room) {
            return fault(r, "out of memory for a record");
        }
    }
    values = insp_put(r->room, VALUES_ROOM);
    if (spans->lines.size) {
        insp_ipfix_app_read_lines(rows, spans->lines.at, spans->lines.size,
                                  r->room + VALUES_ROOM, &values, &seen);
    }
    for (unsigned int i = 0; i < spans->n_spare; i++) {
        enum insp_app_field field = field_of(&r->app, rows, spans->spare[i]);

        if (field != INSP_N_APP_FIELDS && !seen.field[field]) {
            insp_ipfix_app_read_element(&r->app, field, spans->spare_at[i].at,
                                        spans->spare_at[i].size, &values);
        }
    }
    r->values = insp_values_tidy(app, spans->is_cut || values.full, r->room,
                                 insp_put_size(&values));
    record->app.values = r->values;
    return r->values || fault(r, "out of memory for a record");
}

static enum insp_ipfix_got
read_item(struct insp_ipfix_reader *r, struct insp_ipfix_item *item)
{
    enum insp_shape_id id =
        (enum insp_shape_id)(r->template->shape - insp_shapes);
    static const enum insp_record_type types[] = {
        [INSP_SHAPE_CONNECTION_IP4] = INSP_RECORD_CONNECTION,
        [INSP_SHAPE_CONNECTION_IP6] = INSP_RECORD_CONNECTION,
        [INSP_SHAPE_REMAINDER] = INSP_RECORD_REMAINDER,
        [INSP_SHAPE_SENSOR] = INSP_RECORD_SENSOR,
        [INSP_SHAPE_LOSS] = INSP_RECORD_LOSS,
        [INSP_SHAPE_PORT] = INSP_RECORD_PORT,
        [INSP_SHAPE_PORT_GONE] = INSP_RECORD_PORT_GONE,
        [INSP_SHAPE_EXPORTER] = INSP_N_RECORD_TYPES,
        [INSP_SHAPE_APP_IP4] = INSP_RECORD_APP,
        [INSP_SHAPE_APP_IP6] = INSP_RECORD_APP,
        [INSP_SHAPE_RESTART] = INSP_RECORD_RESTART,
    };
    struct app_spans app = { .n_spare = 0 };
    uint8_t *base = id == INSP_SHAPE_PORT       ? (uint8_t *) &item->port
                    : id == INSP_SHAPE_EXPORTER ? (uint8_t *) &item->exporter
                                                : (uint8_t *) &item->record;

    memset(&item->record, 0, sizeof item->record);
    if (id == INSP_SHAPE_PORT) {
        memset(&item->port, 0, sizeof item->port);
    } else if (id == INSP_SHAPE_EXPORTER) {
        memset(&item->exporter, 0, sizeof item->exporter);
    }
    item->record.type = (uint8_t) types[id];
    item->record.inspector = r->domain->id;
    if (!read_record(r, base, &app) ||
        (types[id] == INSP_RECORD_APP &&
         !read_values(r, &app, &item->record))) {
        return INSP_IPFIX_FAULT;
    }
    switch (id) {
    case INSP_SHAPE_PORT: item->record.port = NULL; return INSP_IPFIX_PORT;
    case INSP_SHAPE_PORT_GONE: return INSP_IPFIX_PORT_GONE;
    case INSP_SHAPE_EXPORTER: return INSP_IPFIX_EXPORTER;
    case INSP_SHAPE_CONNECTION_IP4:
    case INSP_SHAPE_APP_IP4: item->record.conn.ip_version = 4; break;
    case INSP_SHAPE_CONNECTION_IP6:
    case INSP_SHAPE_APP_IP6: item->record.conn.ip_version = 6; break;
    case INSP_SHAPE_REMAINDER:
    case INSP_SHAPE_SENSOR:
    case INSP_SHAPE_LOSS:
    case INSP_SHAPE_RESTART:
    case INSP_N_SHAPES: break;
    }
    return INSP_IPFIX_RECORD;
}

enum insp_ipfix_got
insp_ipfix_next(struct insp_ipfix_reader *r, struct insp_ipfix_item *item)
{
    insp_values_unref(r->values);
    r->values = NULL;
    for (;;) {
        if (r->template &&
            insp_cursor_left(&r->set) >= r->template->min_size) {
            if (r->template->shape) {
                enum insp_ipfix_got got = read_item(r, item);

                if (got != INSP_IPFIX_RECORD ||
                    insp_record_shape(&item->record) != INSP_N_SHAPES) {
                    r->counts.records += got != INSP_IPFIX_FAULT;
                    return got;
                }
            } else if (!read_record(r, NULL, NULL)) {
                return INSP_IPFIX_FAULT;
            }
            r->counts.unknown++;
            continue;
        }
        r->template = NULL; /* What is left is padding. */
        if (!insp_cursor_left(&r->message)) {
            return INSP_IPFIX_END;
        } else if (!next_set(r)) {
            return INSP_IPFIX_FAULT;
        }
    }
}

const char *
insp_ipfix_fault(const struct insp_ipfix_reader *r)
{
    return r->fault;
}

const struct insp_ipfix_counts *
insp_ipfix_counts(const struct insp_ipfix_reader *r)
{
    return &r->counts;
}

void
insp_ipfix_reader_destroy(struct insp_ipfix_reader *r)
{
    if (r) {
        for (unsigned int i = 0; i < N_BUCKETS; i++) {
            while (r->buckets[i]) {
                forget_template(r, &r->buckets[i]);
            }
        }
        insp_values_unref(r->values);
        free(r->room);
        free(r);
    }
}
