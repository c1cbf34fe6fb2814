/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A message of SMB 1 ([MS-CIFS], section 2.2.3) is a header, a count of 16-bit
 * parameters and those, a count of bytes and those.  Commands of the AndX kind
 * carry another command behind them, whose place their first parameters say:
 * what such a chain says goes into one record, which is called like its first
 * command.
 *
 * Strings are UTF-16 when a flag says so, and then begin at an even offset.
 */

#include "app/gss.h"
#include "app/smb-private.h"

#define SMB1_HEAD     32
#define CHAIN_MAX     4
#define TAG(PID, MID) ((uint32_t) (PID) << 16 | (MID))

enum {
    MAKE_DIRECTORY = 0x00,
    REMOVE_DIRECTORY = 0x01,
    OPEN = 0x02,
    CREATE = 0x03,
    CLOSE = 0x04,
    DELETE = 0x06,
    RENAME = 0x07,
    OPEN_ANDX = 0x2d,
    READ_ANDX = 0x2e,
    WRITE_ANDX = 0x2f,
    TREE_CONNECT = 0x70,
    TREE_DISCONNECT = 0x71,
    NEGOTIATE = 0x72,
    SESSION_SETUP_ANDX = 0x73,
    LOGOFF_ANDX = 0x74,
    TREE_CONNECT_ANDX = 0x75,
    NT_CREATE_ANDX = 0xa2,
    NO_ANDX = 0xff,

    IS_RESPONSE = 0x80,    /* Flags. */
    IS_NT_STATUS = 0x4000, /* Flags 2. */
    IS_UNICODE = 0x8000,
};

static const char *const dialects[INSP_SMB_OFFERS] = {
    [1] = "PC NETWORK PROGRAM 1.0",
    [2] = "MICROSOFT NETWORKS 1.03",
    [3] = "MICROSOFT NETWORKS 3.0",
    [4] = "LANMAN1.0",
    [5] = "LM1.2X002",
    [6] = "DOS LM1.2X002",
    [7] = "LANMAN2.1",
    [8] = "DOS LANMAN2.1",
    [9] = "Windows for Workgroups 3.1a",
    [10] = "Samba",
    [11] = "NT LANMAN 1.0",
    [12] = "NT LM 0.12",
    [13] = "SMB 2.002",
    [14] = "SMB 2.???",
};

const char *
insp_smb1_dialect_text(unsigned int number)
{
    return number < INSP_SMB_OFFERS ? dialects[number] : NULL;
}

static const char *
command_text(uint8_t command)
{
    switch (command) {
    case MAKE_DIRECTORY: return "SMB1_COMMAND_CREATE_DIRECTORY";
    case REMOVE_DIRECTORY: return "SMB1_COMMAND_DELETE_DIRECTORY";
    case OPEN: return "SMB1_COMMAND_OPEN";
    case CREATE: return "SMB1_COMMAND_CREATE";
    case CLOSE: return "SMB1_COMMAND_CLOSE";
    case DELETE: return "SMB1_COMMAND_DELETE";
    case RENAME: return "SMB1_COMMAND_RENAME";
    case OPEN_ANDX: return "SMB1_COMMAND_OPEN_ANDX";
    case TREE_CONNECT: return "SMB1_COMMAND_TREE_CONNECT";
    case TREE_DISCONNECT: return "SMB1_COMMAND_TREE_DISCONNECT";
    case NEGOTIATE: return "SMB1_COMMAND_NEGOTIATE_PROTOCOL";
    case SESSION_SETUP_ANDX: return "SMB1_COMMAND_SESSION_SETUP_ANDX";
    case LOGOFF_ANDX: return "SMB1_COMMAND_LOGOFF_ANDX";
    case TREE_CONNECT_ANDX: return "SMB1_COMMAND_TREE_CONNECT_ANDX";
    case NT_CREATE_ANDX: return "SMB1_COMMAND_NT_CREATE_ANDX";
    default: return NULL;
    }
}

/* One command of a message. */
struct part {
    const struct insp_cursor *message;
    struct insp_cursor words;
    struct insp_cursor bytes;
    unsigned int n_words;
    uint8_t command;
    bool is_unicode;
};

static bool
read_part(const struct insp_cursor *message, size_t offset, struct part *part)
{
    struct insp_cursor c = *message;
    uint16_t size;

    insp_cursor_skip(&c, offset);
    part->message = message;
    part->n_words = insp_cursor_u8(&c);
    part->words = insp_cursor_sub(&c, part->n_words * (size_t) 2);
    size = insp_little_u16(&c);
    insp_cursor_limit(&c, size);
    part->bytes = c;
    return !c.failed;
}

/* The next string of 'c', and passes it. */
static struct insp_cursor
next_string(const struct part *part, struct insp_cursor *c, bool is_unicode)
{
    struct insp_cursor text;
    size_t size = 0;

    if (!is_unicode) {
        const uint8_t *zero =
            insp_cursor_left(c) ? memchr(c->at, 0, insp_cursor_left(c)) : NULL;

        size = zero ? (size_t) (zero - c->at) : insp_cursor_left(c);
        text = insp_cursor_sub(c, size);
        insp_cursor_skip(c, zero ? 1 : 0);
        return text;
    }
    if (insp_cursor_left(c) && (c->at - part->message->at) & 1) {
        insp_cursor_skip(c, 1);
    }
    while (insp_cursor_left(c) - size >= 2 &&
           (c->at[size] || c->at[size + 1])) {
        size += 2;
    }
    text = insp_cursor_sub(c, size);
    insp_cursor_skip(c, INSP_MIN(2, insp_cursor_left(c)));
    return text;
}

static void
put_string(struct insp_event *e, enum insp_app_field field,
           const struct part *part, struct insp_cursor *c, bool is_unicode)
{
    struct insp_cursor text = next_string(part, c, is_unicode);

    if (!text.failed) {
        insp_smb_put_text(e, field, &text, is_unicode);
    }
}

/* A string with the byte 4 in front of it. */
static void
put_format_string(struct insp_event *e, enum insp_app_field field,
                  const struct part *part, struct insp_cursor *c)
{
    if (insp_cursor_u8(c) == 4) {
        put_string(e, field, part, c, part->is_unicode);
    }
}

/* ------------------------------------------------------------------------ */
/* Requests. */

/* Section 2.2.4.52.1. */
static void
ask_negotiate(struct insp_smb *smb, struct insp_event *e,
              const struct part *part)
{
    struct insp_cursor c = part->bytes;

    smb->offers = 0;
    for (unsigned int i = 0;
         i < INSP_SMB_OFFERS && insp_cursor_u8(&c) == 2 && !c.failed; i++) {
        struct insp_cursor name = next_string(part, &c, false);
        size_t size = insp_cursor_left(&name);

        insp_smb_put_text(e, INSP_FIELD_SMB_CLIENT_DIALECTS, &name, false);
        for (unsigned int j = 1; size && j < INSP_SMB_OFFERS - 1; j++) {
            if (strlen(dialects[j]) == size &&
                !memcmp(dialects[j], name.at, size)) {
                smb->offers |= (uint64_t) j << (4 * i);
            }
        }
    }
}

/* Section 2.2.4.53.1; with 12 words [MS-SMB], section 2.2.4.6.1. */
static void
ask_session_setup(struct insp_event *e, const struct part *part)
{
    struct insp_cursor words = part->words, c = part->bytes, token;
    uint16_t size, other = 0;

    insp_cursor_skip(&words, 14);
    size = insp_little_u16(&words);
    if (part->n_words == 12) {
        token = c;
        insp_cursor_limit(&token, size);
        insp_smb_put_login(e, &token);
    } else if (part->n_words == 13) {
        other = insp_little_u16(&words);
    } else {
        return;
    }
    if (!insp_cursor_skip(&c, (size_t) size + other)) {
        return;
    }
    if (part->n_words == 13) {
        put_string(e, INSP_FIELD_SMB_USER, part, &c, part->is_unicode);
        put_string(e, INSP_FIELD_SMB_DOMAIN, part, &c, part->is_unicode);
    }
    put_string(e, INSP_FIELD_SMB_REQUEST_OS, part, &c, part->is_unicode);
    put_string(e, INSP_FIELD_SMB_REQUEST_LM, part, &c, part->is_unicode);
}

/* Section 2.2.4.55.1. */
static void
ask_tree_connect(struct insp_event *e, const struct part *part)
{
    struct insp_cursor words = part->words, c = part->bytes;

    insp_cursor_skip(&words, 6);
    insp_cursor_skip(&c, insp_little_u16(&words));
    put_string(e, INSP_FIELD_SMB_SHARE, part, &c, part->is_unicode);
    put_string(e, INSP_FIELD_SMB_SERVICE_REQUEST, part, &c, false);
}

/* Section 2.2.4.64.1. */
static void
ask_nt_create(struct insp_event *e, const struct part *part)
{
    struct insp_cursor words = part->words, c = part->bytes;
    uint32_t disposition, options;

    insp_cursor_skip(&words, 35);
    disposition = insp_little_u32(&words);
    options = insp_little_u32(&words);
    if (words.failed) {
        return;
    }
    put_string(
        e, options & 1 ? INSP_FIELD_SMB_DIRECTORY : INSP_FIELD_SMB_FILENAME,
        part, &c, part->is_unicode);
    insp_smb_put_disposition(e, disposition);
    insp_event_text(e, INSP_FIELD_SMB_ACCESS,
                    options & 0x1000 ? "delete on close" : "normal");
}

static void
ask(struct insp_reading *r, struct insp_event *e, const struct part *part)
{
    struct insp_cursor c = part->bytes;

    switch (part->command) {
    case NEGOTIATE: ask_negotiate(r->state, e, part); break;
    case SESSION_SETUP_ANDX: ask_session_setup(e, part); break;
    case TREE_CONNECT_ANDX: ask_tree_connect(e, part); break;
    case TREE_CONNECT:
        put_format_string(e, INSP_FIELD_SMB_SHARE, part, &c);
        break;
    case NT_CREATE_ANDX: ask_nt_create(e, part); break;
    case OPEN_ANDX:
        put_string(e, INSP_FIELD_SMB_FILENAME, part, &c, part->is_unicode);
        break;
    case MAKE_DIRECTORY:
    case REMOVE_DIRECTORY:
        put_format_string(e, INSP_FIELD_SMB_DIRECTORY, part, &c);
        break;
    case OPEN:
    case CREATE:
    case DELETE:
        put_format_string(e, INSP_FIELD_SMB_FILENAME, part, &c);
        break;
    case RENAME:
        put_format_string(e, INSP_FIELD_SMB_RENAME_FROM, part, &c);
        put_format_string(e, INSP_FIELD_SMB_RENAME_TO, part, &c);
        break;
    default: break;
    }
}

/* ------------------------------------------------------------------------ */
/* Responses. */

static void
put_fid(struct insp_event *e, uint16_t fid)
{
    static const char digits[] = "0123456789abcdef";
    char text[4];

    for (unsigned int i = 0; i < sizeof text; i++) {
        text[i] = digits[fid >> (12 - 4 * i) & 15];
    }
    insp_event_bytes(e, INSP_FIELD_SMB_FUID, text, sizeof text);
}

/* Section 2.2.4.52.2. */
static void
answer_negotiate(struct insp_reading *r, struct insp_event *e,
                 const struct part *part)
{
    const struct insp_smb *smb = r->state;
    struct insp_cursor words = part->words;
    uint16_t index = insp_little_u16(&words);
    uint8_t security = insp_cursor_u8(&words);

    if (index < INSP_SMB_OFFERS) {
        insp_smb_set_dialect(r, e, smb->offers >> (4 * index) & 15);
    }
    if (!words.failed) {
        insp_smb_put_signing(e, security & 4, security & 8);
    }
}

/* Section 2.2.4.53.2; with 4 words [MS-SMB], section 2.2.4.6.2. */
static void
answer_session_setup(struct insp_event *e, const struct part *part)
{
    struct insp_cursor words = part->words, c = part->bytes;

    if (part->n_words == 4) {
        insp_cursor_skip(&words, 6);
        insp_cursor_skip(&c, insp_little_u16(&words));
    }
    put_string(e, INSP_FIELD_SMB_RESPONSE_OS, part, &c, part->is_unicode);
    put_string(e, INSP_FIELD_SMB_RESPONSE_LM, part, &c, part->is_unicode);
}

/* Section 2.2.4.64.2. */
static void
answer_nt_create(struct insp_event *e, const struct part *part)
{
    struct insp_cursor words = part->words;
    uint16_t fid;
    uint64_t size;

    insp_cursor_skip(&words, 5);
    fid = insp_little_u16(&words);
    insp_cursor_skip(&words, 48);
    size = insp_little_u64(&words);
    if (!words.failed) {
        insp_event_uint(e, INSP_FIELD_SMB_SIZE, size);
        put_fid(e, fid);
    }
}

static void
answer(struct insp_reading *r, struct insp_event *e, const struct part *part)
{
    struct insp_cursor c = part->bytes;

    switch (part->command) {
    case NEGOTIATE: answer_negotiate(r, e, part); break;
    case SESSION_SETUP_ANDX: answer_session_setup(e, part); break;
    case TREE_CONNECT_ANDX:
        put_string(e, INSP_FIELD_SMB_SERVICE_RESPONSE, part, &c, false);
        break;
    case NT_CREATE_ANDX: answer_nt_create(e, part); break;
    default: break;
    }
}

/* ------------------------------------------------------------------------ */
/* Messages. */

struct head {
    uint32_t status;
    uint16_t flags2, tree, process, user, message;
    uint8_t command, flags;
};

/* Section 2.2.3.1. */
static bool
read_head(struct insp_cursor c, struct head *head)
{
    insp_cursor_skip(&c, 4);
    head->command = insp_cursor_u8(&c);
    head->status = insp_little_u32(&c);
    head->flags = insp_cursor_u8(&c);
    head->flags2 = insp_little_u16(&c);
    insp_cursor_skip(&c, 12);
    head->tree = insp_little_u16(&c);
    head->process = insp_little_u16(&c);
    head->user = insp_little_u16(&c);
    head->message = insp_little_u16(&c);
    return !c.failed;
}

static bool
is_andx(uint8_t command)
{
    return command == SESSION_SETUP_ANDX || command == TREE_CONNECT_ANDX ||
           command == LOGOFF_ANDX || command == OPEN_ANDX ||
           command == NT_CREATE_ANDX;
}

/* The command and those that are chained to it; offsets go forward only. */
static void
read_parts(struct insp_reading *r, struct insp_event *e,
           const struct insp_cursor *message, const struct head *head)
{
    struct part part = {
        .command = head->command,
        .is_unicode = head->flags2 & IS_UNICODE,
    };
    size_t offset = SMB1_HEAD;

    for (unsigned int i = 0; i < CHAIN_MAX; i++) {
        struct insp_cursor words;
        uint16_t next;

        if (!read_part(message, offset, &part)) {
            return;
        }
        if (head->flags & IS_RESPONSE) {
            answer(r, e, &part);
        } else {
            ask(r, e, &part);
        }
        words = part.words;
        if (!is_andx(part.command) || !part.n_words) {
            return;
        }
        part.command = insp_cursor_u8(&words);
        insp_cursor_skip(&words, 1);
        next = insp_little_u16(&words);
        if (words.failed || part.command == NO_ANDX || next <= offset) {
            return;
        }
        offset = next;
    }
}

/* Sections 2.2.4.42 and 2.2.4.43: which file, then how many bytes. */
static void
read_transfer(struct insp_smb *smb, const struct insp_cursor *message,
              const struct head *head)
{
    uint32_t tag = TAG(head->process, head->message);
    bool is_write = head->command == WRITE_ANDX;
    struct part part;

    if (!read_part(message, SMB1_HEAD, &part)) {
        return;
    }
    if (head->flags & IS_RESPONSE) {
        insp_cursor_skip(&part.words, is_write ? 4 : 10);
        insp_smb_transfer_end(smb, tag, is_write,
                              insp_little_u16(&part.words));
    } else {
        insp_cursor_skip(&part.words, 4);
        insp_smb_transfer_begin(smb, tag,
                                insp_little_u16(&part.words) | 0x10000);
    }
}

static void
begin(struct insp_reading *r, const struct insp_cursor *message,
      const struct head *head, uint32_t tag)
{
    uint64_t bytes[2];
    struct insp_event *e;
    struct part part;
    uint16_t fid = 0;

    if (head->command == CLOSE) {
        if (!read_part(message, SMB1_HEAD, &part)) {
            return;
        }
        fid = insp_little_u16(&part.words);
        if (!insp_smb_transferred(r->state, fid | 0x10000, bytes)) {
            return;
        }
    }
    e = insp_smb_begin(r, tag, command_text(head->command));
    insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, head->user);
    insp_event_uint(e, INSP_FIELD_SMB_TREE_ID, head->tree);
    if (head->command == CLOSE) {
        put_fid(e, fid);
        insp_event_uint(e, INSP_FIELD_SMB_READ_BYTES, bytes[0]);
        insp_event_uint(e, INSP_FIELD_SMB_WRITTEN_BYTES, bytes[1]);
    } else {
        read_parts(r, e, message, head);
    }
}

/* Errors before NT: class and code (section 2.2.2.4). */
static void
end_dos(struct insp_reading *r, struct insp_event *e, uint32_t status)
{
    static const char *const classes[] = { "SUCCESS", "ERRDOS", "ERRSRV",
                                           "ERRHRD" };
    char hex[INSP_HEX_TEXT_SIZE];
    uint8_t class = status & 0xff;

    insp_event_text(e, INSP_FIELD_SMB_STATUS,
                    class < INSP_ARRAY_SIZE(classes) ? classes[class]
                                                     : "UNKNOWN");
    insp_event_bytes(e, INSP_FIELD_SMB_STATUS_CODE, hex,
                     insp_hex_text(status >> 16, hex));
    insp_smb_finish(r, e);
}

static void
end(struct insp_reading *r, const struct insp_cursor *message,
    const struct head *head, uint32_t tag)
{
    struct insp_event *e = insp_event_find(r, INSP_APP_SMB, tag);

    if (!e) {
        return;
    }
    insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, head->user);
    insp_event_uint(e, INSP_FIELD_SMB_TREE_ID, head->tree);
    read_parts(r, e, message, head);
    if (head->status && !(head->flags2 & IS_NT_STATUS)) {
        end_dos(r, e, head->status);
    } else {
        insp_smb_end(r, e, head->status);
    }
}

void
insp_smb1_read(struct insp_reading *r, struct insp_cursor message)
{
    struct head head;
    uint32_t tag;

    if (!read_head(message, &head)) {
        return;
    }
    if (head.command == READ_ANDX || head.command == WRITE_ANDX) {
        read_transfer(r->state, &message, &head);
        return;
    }
    if (!command_text(head.command)) {
        return;
    }
    tag = head.command == NEGOTIATE ? INSP_SMB_TAG_NEGOTIATE
                                    : TAG(head.process, head.message);
    if (head.flags & IS_RESPONSE) {
        end(r, &message, &head, tag);
    } else {
        begin(r, &message, &head, tag);
    }
}
