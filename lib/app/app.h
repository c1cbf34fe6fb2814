/* SPDX-License-Identifier: Apache-2.0 */
/* Application
 * ===========
 *
 * Which protocols there are, what their records can say, and what a reader
 * is: the code that understands one of them.
 *
 * Above:    every reader, rule/, record/, engine/.   Below:  base/cursor.h.
 * Threads:  a reader is called by the worker that has the packet, or by the
 *           control thread; one at a time for each connection.
 * Memory:   a reader takes none: INSP_READER_STATE bytes a connection are
 *           lent to it, and events (app/event.h) for what it has found.
 * Time:     the packet's.  Work is bounded by the bytes that are shown.
 * Fails:    never: what is odd is not of the protocol, or is left out.
 */

#ifndef INSP_APP_APP_H
#define INSP_APP_APP_H 1

#include "base/cursor.h"

enum insp_app {
    INSP_APP_NONE,    /* Nothing was read, or not enough yet. */
    INSP_APP_UNREAD,  /* Not read, for want of memory. */
    INSP_APP_UNKNOWN, /* Read, and not understood. */
#define PORTS(...)
#define INSP_APP(NAME, WORD, READER, PORTS, TEXT) INSP_APP_##NAME,
#include "app/app.def"
    INSP_N_APPS_READ,
    /* No protocol, but has records like one: see app/listener.def. */
    INSP_APP_LISTENER = INSP_N_APPS_READ,
    INSP_N_APPS_TOLD,
    /* Known by their first words only (app/first.def); no records. */
    INSP_APP_BEFORE_FIRST = INSP_N_APPS_TOLD - 1,
#define INSP_FIRST(NAME, WORD, TEXT) INSP_APP_##NAME,
#include "app/first.def"
    INSP_N_APPS
};

/* "tls"; "unknown"; "" for INSP_APP_NONE and what is none. */
const char *insp_app_word(enum insp_app);
/* By its word; INSP_APP_NONE: there is no such. */
enum insp_app insp_app_by_word(const char *word);
/* Whether a connection can speak it, or be UNREAD or UNKNOWN. */
static inline bool
insp_app_is_spoken(enum insp_app app)
{
    return app != INSP_APP_NONE && app < INSP_N_APPS &&
           app != INSP_APP_LISTENER;
}

/* "dns,smb": the words of a set of protocols that are read, a bit each. */
_Static_assert(INSP_N_APPS_READ <= 64, "a set of them is one word");
void insp_apps_print(uint64_t apps, char *text, size_t size);

enum insp_value_kind {
    INSP_VALUE_UINT,  /* Number. */
    INSP_VALUE_BOOL,  /* 0 or 1. */
    INSP_VALUE_TEXT,  /* Bytes as they came. */
    INSP_VALUE_LIST,  /* Texts, one a call, in order. */
    INSP_VALUE_GROUP, /* "KEY=value", one a call: an object of
                       * lists. */
    INSP_VALUE_HEX,   /* Bytes, shown as hexadecimal digits. */
    INSP_VALUE_IP,    /* 4 or 16 bytes. */
    INSP_VALUE_IPS,   /* The same, one a call: a list. */
    INSP_VALUE_MAC,   /* 6 bytes. */
    INSP_VALUE_TIME,  /* Nanoseconds since 1970, as a number. */
    INSP_VALUE_RAW,   /* Bytes that the exporter makes other fields
                       * of (record/finish.c). */
};

enum insp_app_field {
#define INSP_APP_FIELD(APP, NAME, KIND, PEN, ID, KEY, TEXT) INSP_FIELD_##NAME,
#include "app/field.def"
    INSP_N_APP_FIELDS
};

/* What a reader keeps of a connection, at most. */
#define INSP_READER_STATE 192

/* A server name that rules can match: any that DNS can hold (RFC 1035, section
 * 2.3.4, less the length bytes and the root), so that none is too long to be
 * known. */
#define INSP_APP_NAME_MAX 253

/* What a reader is shown, and what it says of it. */
struct insp_reading {
    /* What there is to read: of a stream the bytes that follow those which
     * the reader is done with, in order and without a gap; else one datagram.
     * The same bytes are shown again, with more behind them, until the reader
     * is done with them. */
    const uint8_t *bytes;
    size_t size;
    bool is_stream;    /* TCP. */
    bool is_last;      /* Stream: nothing will follow. */
    bool after_gap;    /* Stream, reader that resyncs: bytes are
                        * missing before these; set once. */
    uint64_t unpassed; /* Stream: of the bytes that were to be passed,
                        * those that have not come; 0 unless the
                        * stream has ended before them. */
    uint8_t side;      /* 0: sent by who began, 1: by who answers. */
    uint8_t proto;     /* IP protocol. */
    uint16_t port[2];  /* Of who began, of who answers. */
    uint64_t now_ns;   /* Monotonic. */
    void *state;       /* INSP_READER_STATE bytes, aligned to 8,
                        * zero when the connection's first bytes are
                        * shown. */

    /* Set through the functions below. */
    uint64_t pass;
    bool stop;
    bool stop_side;
    bool again;
    struct insp_dialog *dialog; /* Of the connection; for event.c. */
    struct insp_dialogs *dialogs;
    uint8_t name_size;
    char name[INSP_APP_NAME_MAX + 1];
};

enum insp_guess {
    INSP_GUESS_NO,
    INSP_GUESS_MAYBE, /* Stream: more bytes will tell. */
    INSP_GUESS_YES,
};

struct insp_reader {
    /* Are these bytes the beginning of what one side says in the protocol?
     * Must say NO to what is not: every reader is asked, and the first YES
     * has the connection.  Looks at nothing but 'r', and keeps nothing. */
    enum insp_guess (*detect)(const struct insp_reading *r);

    /* Reads.  Returns how many of r->bytes it is done with; the rest is shown
     * again when more has come.  What cannot be shown at once, because it is
     * longer than INSP_READER_WINDOW, must be passed (insp_reading_pass). */
    size_t (*read)(struct insp_reading *r);

    /* Can go on behind a gap, when detect() says YES to what follows. */
    bool resyncs;

    /* Where in what follows a gap a message begins, r->size: nowhere.  Need
     * not be there: then it must begin with one. */
    size_t (*seek)(const struct insp_reading *r);
};

/* As many bytes of a stream as are kept for a reader that is not done. */
#define INSP_READER_WINDOW 3136

/* For so many bytes of one message a reader may wait, and have the message's
 * head beside them.  More may be shown at once, when one segment has them. */
#define INSP_READER_WAIT 3072

/* 'n' bytes behind those that read() returns are not to be shown. */
static inline void
insp_reading_pass(struct insp_reading *r, uint64_t n)
{
    r->pass = n;
}

/* Nothing more that this connection, or this side of it, says is of
 * interest. */
static inline void
insp_reading_stop(struct insp_reading *r)
{
    r->stop = true;
}

static inline void
insp_reading_stop_side(struct insp_reading *r)
{
    r->stop_side = true;
}

/* Another protocol begins, in both directions, behind the bytes that read()
 * returns: STARTTLS, CONNECT, an upgrade. */
static inline void
insp_reading_again(struct insp_reading *r)
{
    r->again = true;
}

/* The server name that "sni:" in rules is held against: of a client's hello,
 * or what else names who is spoken to.  Kept in lower case and without a final
 * dot; a name that is longer than INSP_APP_NAME_MAX or has other characters
 * than letters, digits, '-', '_' and '.' is none. */
void insp_reading_set_name(struct insp_reading *, const void *name,
                           size_t size);

/* The answer that who began has got: 'name' has this address (4 or 16 bytes),
 * for so many seconds.  Rules may know its connections to the address by that
 * name. */
bool insp_reading_learns(const struct insp_reading *); /* Somebody asks. */
void insp_reading_learn(struct insp_reading *, const char *name, size_t size,
                        const uint8_t *addr, size_t addr_size,
                        uint32_t seconds);

/* For readers of datagrams that carry a stream of their own (QUIC's CRYPTO
 * frames, a message of DTLS in fragments): puts the bytes of this side in
 * order, wherever each came.  'at' is the place of 'bytes' in that stream,
 * which is at most INSP_READER_WINDOW long.  '*whole' is what there is without
 * a gap from its beginning, and valid until the next call; what it holds of
 * 'bytes' is kept for the next time only by insp_reading_keep().
 *
 * Returns false for what cannot be kept; then '*whole' is empty. */
struct insp_assembly {
    const uint8_t *bytes;
    size_t size;
};
bool insp_reading_assemble(struct insp_reading *, uint32_t at,
                           const void *bytes, size_t size,
                           struct insp_assembly *whole);
void insp_reading_keep(struct insp_reading *, const struct insp_assembly *);
/* The stream of this side begins again, at 0. */
void insp_reading_forget(struct insp_reading *);

/* Memory beyond 'state', for what a reader cannot do without, such as the
 * tables of a header compression: borrowed from the blocks that all
 * connections share, and given back when the connection's reading ends or
 * another protocol begins.  There are INSP_READING_MEMORIES pieces, 'i' says
 * which; the first call for one sets 'size' bytes to zero, later ones return
 * the same.  Aligned to 64.  A piece of up to 448 bytes is cheap, a larger
 * one, of up to 3136, is not: with all that waits a connection may have 4096
 * bytes.  NULL: there is none. */
#define INSP_READING_MEMORIES 4
void *insp_reading_memory(struct insp_reading *, unsigned int i, size_t size);
/* Gives one back early; nothing happens when it was not borrowed. */
void insp_reading_free_memory(struct insp_reading *, unsigned int i);

#define INSP_READER(READER)                                                   \
    extern const struct insp_reader insp_reader_##READER;
#define PORTS(...)
#define INSP_APP(NAME, WORD, READER, PORTS, TEXT) INSP_READER(READER)
#include "app/app.def"
#undef INSP_READER

/* Of a protocol below INSP_N_APPS_READ; else NULL. */
const struct insp_reader *insp_reader_of(enum insp_app);
/* Whether a connection to that port may well speak it: its reader is asked
 * first. */
bool insp_app_has_port(enum insp_app, uint16_t port);
/* All protocols of which that is true, a bit for each. */
uint64_t insp_apps_at_port(uint16_t port);
/* The same of either end of a connection. */
static inline bool
insp_reading_at_port(const struct insp_reading *r, enum insp_app app)
{
    return insp_app_has_port(app, r->port[1]) ||
           insp_app_has_port(app, r->port[0]);
}

/* What is known by its first words alone, or INSP_APP_UNKNOWN (first.c). */
enum insp_app insp_app_by_first(const struct insp_reading *r);

#endif /* app/app.h */
