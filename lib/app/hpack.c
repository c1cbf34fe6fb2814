/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A header block is a row of representations (RFC 7541, section 6):
 *
 *     form and number | number ... | [name] | [value]
 *
 * which a machine reads byte by byte, because frames may cut it anywhere.
 *
 * Tables.  An index counts from the entry that was put in last, and eviction
 * removes from the other end: so neither sizes nor eviction need be followed
 * to know what an index means.  What the sender has evicted it does not name;
 * an entry that is larger than the whole table empties it (section 4.4), and
 * counting it here does not move what comes later.  Each entry has the number
 * under which it was put in, of which two bytes are enough, because those that
 * are older than half of what they count are removed:
 *
 *     number 16 | header 8 | size 8 | text      size NO_TEXT: it was too long
 *
 * Strings are decoded only when they are wanted: names that stand there in
 * full, and values of headers that records want.
 *
 * Huffman.  The code of Appendix B is canonical: codes of one length are
 * consecutive, in the order of their symbols.  Two short tables are therefore
 * all it takes: how many codes there are of each length, and the symbols in
 * the order of their codes.
 */

#include "app/hpack.h"

enum step {
    STEP_FORM,
    STEP_NUMBER, /* Of the form. */
    STEP_NAME_FORM,
    STEP_NAME_NUMBER,
    STEP_NAME,
    STEP_VALUE_FORM,
    STEP_VALUE_NUMBER,
    STEP_VALUE,
};

enum form {
    FORM_INDEXED,    /* Section 6.1. */
    FORM_INDEXING,   /* 6.2.1. */
    FORM_LITERAL,    /* 6.2.2 and 6.2.3. */
    FORM_TABLE_SIZE, /* 6.3. */
};

#define STATIC_ENTRIES 61

/* ------------------------------------------------------------------------ */
/* Huffman code. */

#define CODE_BITS_MAX 30

static const uint8_t codes_of_length[CODE_BITS_MAX + 1] = {
    0, 0, 0, 0, 0, 10, 26, 32, 6,  0, 5,  3,  2,  6, 2, 3,
    0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 3,
};

static const uint8_t symbols[256] = {
    48,  49,  50,  97,  99,  101, 105, 111, 115, 116, 32,  37,  45,  46,  47,
    51,  52,  53,  54,  55,  56,  57,  61,  65,  95,  98,  100, 102, 103, 104,
    108, 109, 110, 112, 114, 117, 58,  66,  67,  68,  69,  70,  71,  72,  73,
    74,  75,  76,  77,  78,  79,  80,  81,  82,  83,  84,  85,  86,  87,  89,
    106, 107, 113, 118, 119, 120, 121, 122, 38,  42,  44,  59,  88,  90,  33,
    34,  40,  41,  63,  39,  43,  124, 35,  62,  0,   36,  64,  91,  93,  126,
    94,  125, 60,  96,  123, 92,  195, 208, 128, 130, 131, 162, 184, 194, 224,
    226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129,
    132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181,
    185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1,   135, 137, 138, 139,
    140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174,
    175, 180, 182, 183, 188, 191, 197, 231, 239, 9,   142, 144, 145, 148, 159,
    171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202,
    205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214,
    221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2,
    3,   4,   5,   6,   7,   8,   11,  12,  14,  15,  16,  17,  18,  19,  20,
    21,  23,  24,  25,  26,  27,  28,  29,  30,  31,  127, 220, 249, 10,  13,
    22,
};

static void
begin_code(struct insp_hpack *h)
{
    h->code = h->first = 0;
    h->offset = 0;
    h->n_bits = 0;
}

/* One bit more; returns the symbol that it completes, -1: none yet, -2: it is
 * none (the end-of-string code, which must not be used: section 5.2). */
static int
add_bit(struct insp_hpack *h, unsigned int bit)
{
    uint8_t shorter = codes_of_length[h->n_bits];
    int symbol;

    h->first = (h->first + shorter) << 1;
    h->offset = (uint16_t) (h->offset + shorter);
    h->code = h->code << 1 | bit;
    h->n_bits++;
    if (h->code - h->first < codes_of_length[h->n_bits]) {
        symbol = symbols[h->offset + (h->code - h->first)];
        begin_code(h);
        return symbol;
    }
    return h->n_bits == CODE_BITS_MAX ? -2 : -1;
}

/* ------------------------------------------------------------------------ */
/* Tables. */

#define ENTRY_HEAD 4
#define NO_TEXT    255
#define AGE_MAX    0x7fff

struct table {
    uint8_t *bytes;
    uint16_t *size;
    size_t room;
};

static struct table
table_of(struct insp_hpack *h, enum insp_http_header header)
{
    if (header == INSP_HTTP_PATH || header == INSP_HTTP_REFERER ||
        header == INSP_HTTP_LOCATION) {
        return (struct table){ h->paths, &h->paths_size, sizeof h->paths };
    }
    return (struct table){ h->texts, &h->texts_size, sizeof h->texts };
}

static size_t
entry_size(const uint8_t *entry)
{
    return ENTRY_HEAD + (entry[3] == NO_TEXT ? 0u : entry[3]);
}

/* 1: it was put in last. */
static uint16_t
entry_age(const struct insp_hpack *h, const uint8_t *entry)
{
    return (uint16_t) (h->n_entries - (uint32_t) (entry[0] << 8 | entry[1]));
}

/* Room for 'size' bytes; what is too old to be told from others goes too. */
static void
make_room(const struct insp_hpack *h, struct table t, size_t size)
{
    size_t n = 0;

    while (n < *t.size && (*t.size - n + size > t.room ||
                           entry_age(h, t.bytes + n) >= AGE_MAX)) {
        n += entry_size(t.bytes + n);
    }
    if (n) {
        memmove(t.bytes, t.bytes + n, *t.size - n);
        *t.size = (uint16_t) (*t.size - n);
    }
}

static void
put_entry(struct insp_hpack *h, const uint8_t *value)
{
    struct table t = table_of(h, (enum insp_http_header) h->header);
    uint16_t number = (uint16_t) h->n_entries++;
    size_t size = h->value_size;
    bool has_text = size < NO_TEXT && ENTRY_HEAD + size <= t.room;
    uint8_t *entry;

    make_room(h, table_of(h, INSP_HTTP_PATH), 0);
    make_room(h, table_of(h, INSP_HTTP_OTHER), 0);
    if (h->header == INSP_HTTP_OTHER) {
        return;
    }
    size = has_text ? size : 0;
    make_room(h, t, ENTRY_HEAD + size);
    entry = t.bytes + *t.size;
    entry[0] = (uint8_t) (number >> 8);
    entry[1] = (uint8_t) number;
    entry[2] = h->header;
    entry[3] = (uint8_t) (has_text ? size : NO_TEXT);
    memcpy(entry + ENTRY_HEAD, value, size);
    *t.size = (uint16_t) (*t.size + ENTRY_HEAD + size);
}

static const uint8_t *
find_in(const struct insp_hpack *h, struct table t, uint32_t age)
{
    for (size_t n = 0; n < *t.size; n += entry_size(t.bytes + n)) {
        if (entry_age(h, t.bytes + n) == age) {
            return t.bytes + n;
        }
    }
    return NULL;
}

struct static_entry {
    uint8_t header;
    const char *value;
};

/* Those of Appendix A that records want. */
static const struct static_entry static_entries[STATIC_ENTRIES + 1] = {
    [1] = { INSP_HTTP_HOST, "" },
    [2] = { INSP_HTTP_METHOD, "GET" },
    [3] = { INSP_HTTP_METHOD, "POST" },
    [4] = { INSP_HTTP_PATH, "/" },
    [5] = { INSP_HTTP_PATH, "/index.html" },
    [8] = { INSP_HTTP_STATUS, "200" },
    [9] = { INSP_HTTP_STATUS, "204" },
    [10] = { INSP_HTTP_STATUS, "206" },
    [11] = { INSP_HTTP_STATUS, "304" },
    [12] = { INSP_HTTP_STATUS, "400" },
    [13] = { INSP_HTTP_STATUS, "404" },
    [14] = { INSP_HTTP_STATUS, "500" },
    [31] = { INSP_HTTP_CONTENT_TYPE, "" },
    [38] = { INSP_HTTP_HOST, "" },
    [46] = { INSP_HTTP_LOCATION, "" },
    [51] = { INSP_HTTP_REFERER, "" },
    [54] = { INSP_HTTP_SERVER, "" },
    [58] = { INSP_HTTP_USER_AGENT, "" },
};

/* Whether there is time for one more header of the block. */
static bool
may_want(struct insp_hpack *h)
{
    if (h->n_wanted == INSP_HPACK_WANTED_MAX) {
        return false;
    }
    h->n_wanted++;
    return true;
}

/* The entry with that index; NULL: it was never put in, is of no interest, or
 * is not kept. */
static const uint8_t *
entry_of(struct insp_hpack *h, uint32_t index)
{
    uint32_t age = index - STATIC_ENTRIES;
    const uint8_t *entry;

    if (age > h->n_entries || age >= AGE_MAX) {
        return NULL;
    }
    entry = find_in(h, table_of(h, INSP_HTTP_OTHER), age);
    return entry ? entry : find_in(h, table_of(h, INSP_HTTP_PATH), age);
}

static enum insp_http_header
name_of(struct insp_hpack *h, uint32_t index)
{
    const uint8_t *entry;

    if (index <= STATIC_ENTRIES) {
        return (enum insp_http_header) static_entries[index].header;
    }
    entry = may_want(h) ? entry_of(h, index) : NULL;
    return entry ? (enum insp_http_header) entry[2] : INSP_HTTP_OTHER;
}

/* Header and value of an entry; false: it is of no interest, or not kept. */
static bool
get_entry(struct insp_hpack *h, uint32_t index, uint8_t *value)
{
    const uint8_t *entry;

    h->header = INSP_HTTP_OTHER;
    if (index <= STATIC_ENTRIES) {
        const char *text = static_entries[index].value;

        h->header = static_entries[index].header;
        h->value_size = (uint16_t) (text ? strlen(text) : 0);
        memcpy(value, text ? text : "", h->value_size);
        return text;
    }
    entry = entry_of(h, index);
    if (!entry || entry[3] == NO_TEXT) {
        return false;
    }
    h->header = entry[2];
    h->value_size = entry[3];
    memcpy(value, entry + ENTRY_HEAD, h->value_size);
    return true;
}

/* ------------------------------------------------------------------------ */
/* Representations. */

/* The first byte of a number, of which 'mask' are the bits (section 5.1);
 * false: more bytes of it follow. */
static bool
begin_number(struct insp_hpack *h, uint8_t byte, uint8_t mask)
{
    h->number = byte & mask;
    h->shift = 0;
    return h->number < mask;
}

/* One byte more: 1: it was the last, 0: it was not, -1: too large. */
static int
add_to_number(struct insp_hpack *h, uint8_t byte)
{
    if (h->shift > 21) {
        return -1;
    }
    h->number += (uint32_t) (byte & 0x7f) << h->shift;
    h->shift = (uint8_t) (h->shift + 7);
    return !(byte & 0x80);
}

static bool
begin_form(struct insp_hpack *h, uint8_t byte)
{
    h->header = INSP_HTTP_OTHER;
    h->name_size = 0;
    h->value_size = 0;
    h->step = STEP_NUMBER;
    if (byte & 0x80) {
        h->form = FORM_INDEXED;
        return begin_number(h, byte, 0x7f);
    } else if (byte & 0x40) {
        h->form = FORM_INDEXING;
        return begin_number(h, byte, 0x3f);
    } else if (byte & 0x20) {
        h->form = FORM_TABLE_SIZE;
        return begin_number(h, byte, 0x1f);
    }
    h->form = FORM_LITERAL;
    return begin_number(h, byte, 0x0f);
}

static enum insp_hpack_result
end_number(struct insp_hpack *h, uint8_t *value)
{
    h->step = STEP_FORM;
    switch ((enum form) h->form) {
    case FORM_INDEXED:
        if (!h->number) {
            return INSP_HPACK_BAD;
        }
        return may_want(h) && get_entry(h, h->number, value) ? INSP_HPACK_FIELD
                                                             : INSP_HPACK_MORE;
    case FORM_TABLE_SIZE: return INSP_HPACK_MORE;
    case FORM_INDEXING:
    case FORM_LITERAL:
        h->step = h->number ? STEP_VALUE_FORM : STEP_NAME_FORM;
        h->header = (uint8_t) name_of(h, h->number);
        return INSP_HPACK_MORE;
    }
    return INSP_HPACK_BAD;
}

static void
put_name_byte(struct insp_hpack *h, uint8_t byte)
{
    if (h->name_size < sizeof h->name) {
        h->name[h->name_size] = (char) byte;
    }
    h->name_size = (uint8_t) INSP_MIN(h->name_size + 1u, sizeof h->name + 1);
}

static void
put_value_byte(struct insp_hpack *h, uint8_t *value, uint8_t byte)
{
    if (h->value_size < INSP_HPACK_VALUE_MAX) {
        value[h->value_size++] = byte;
    }
}

static void
put_byte(struct insp_hpack *h, uint8_t *value, uint8_t byte)
{
    if (h->step == STEP_NAME) {
        put_name_byte(h, byte);
    } else {
        put_value_byte(h, value, byte);
    }
}

/* What there is of the string, into the name or the value; false: it is not
 * well formed. */
static bool
read_string(struct insp_hpack *h, struct insp_cursor *c, uint8_t *value)
{
    size_t n = INSP_MIN((size_t) h->left, insp_cursor_left(c));
    const uint8_t *bytes = insp_cursor_take(c, n);

    h->left -= (uint32_t) n;
    if (!bytes || (h->step == STEP_VALUE && h->header == INSP_HTTP_OTHER)) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (!h->is_huffman) {
            put_byte(h, value, bytes[i]);
            continue;
        }
        for (unsigned int bit = 8; bit-- > 0;) {
            int symbol = add_bit(h, bytes[i] >> bit & 1);

            if (symbol >= 0) {
                put_byte(h, value, (uint8_t) symbol);
            } else if (symbol == -2) {
                return false;
            }
        }
    }
    return true;
}

static enum insp_hpack_result
end_string(struct insp_hpack *h, const uint8_t *value)
{
    if (h->step == STEP_NAME) {
        if (h->name_size <= sizeof h->name) {
            h->header = (uint8_t) insp_http_header_of(h->name, h->name_size);
        }
        h->step = STEP_VALUE_FORM;
        return INSP_HPACK_MORE;
    }
    h->step = STEP_FORM;
    if (h->form == FORM_INDEXING) {
        put_entry(h, value);
    }
    return h->header != INSP_HTTP_OTHER && may_want(h) ? INSP_HPACK_FIELD
                                                       : INSP_HPACK_MORE;
}

static bool
begin_string(struct insp_hpack *h, uint8_t byte)
{
    h->is_huffman = byte & 0x80;
    begin_code(h);
    h->step++;
    return begin_number(h, byte, 0x7f);
}

/* The string's size is known. */
static enum insp_hpack_result
end_size(struct insp_hpack *h, const uint8_t *value)
{
    h->left = h->number;
    h->step++;
    return h->left ? INSP_HPACK_MORE : end_string(h, value);
}

/* One step, by one byte or, of a string, by as many as there are. */
static enum insp_hpack_result
step(struct insp_hpack *h, struct insp_cursor *c, uint8_t *value)
{
    int end;

    switch ((enum step) h->step) {
    case STEP_FORM:
        return begin_form(h, insp_cursor_u8(c)) ? end_number(h, value)
                                                : INSP_HPACK_MORE;
    case STEP_NAME_FORM:
    case STEP_VALUE_FORM:
        return begin_string(h, insp_cursor_u8(c)) ? end_size(h, value)
                                                  : INSP_HPACK_MORE;
    case STEP_NUMBER:
    case STEP_NAME_NUMBER:
    case STEP_VALUE_NUMBER:
        end = add_to_number(h, insp_cursor_u8(c));
        if (end <= 0) {
            return end ? INSP_HPACK_BAD : INSP_HPACK_MORE;
        }
        return h->step == STEP_NUMBER ? end_number(h, value)
                                      : end_size(h, value);
    case STEP_NAME:
    case STEP_VALUE:
        if (!read_string(h, c, value)) {
            return INSP_HPACK_BAD;
        }
        return h->left ? INSP_HPACK_MORE : end_string(h, value);
    }
    return INSP_HPACK_BAD;
}

enum insp_hpack_result
insp_hpack_next(struct insp_hpack *h, struct insp_cursor *c, uint8_t *value,
                struct insp_hpack_field *field)
{
    while (insp_cursor_left(c)) {
        enum insp_hpack_result result = step(h, c, value);

        if (result == INSP_HPACK_FIELD) {
            field->header = (enum insp_http_header) h->header;
            field->value = value;
            field->size = h->value_size;
        }
        if (result != INSP_HPACK_MORE) {
            return result;
        }
    }
    return INSP_HPACK_MORE;
}

void
insp_hpack_begin(struct insp_hpack *h)
{
    h->n_wanted = 0;
}

bool
insp_hpack_is_whole(const struct insp_hpack *h)
{
    return h->step == STEP_FORM;
}

size_t
insp_hpack_kept(const struct insp_hpack *h)
{
    return h->step == STEP_VALUE && h->header != INSP_HTTP_OTHER
               ? h->value_size
               : 0;
}

void
insp_hpack_forget(struct insp_hpack *h)
{
    h->header = INSP_HTTP_OTHER;
    h->value_size = 0;
}
