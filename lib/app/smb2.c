/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * A message of SMB 2 or 3 ([MS-SMB2]) is a head, which is always the same, and
 * a body, whose parts stand where offsets from the head's beginning say.  A
 * request begins a record, and the response with its message's number ends it.
 * Those that read and write are counted only, until their file is closed.
 */

#include "app/smb-private.h"

enum {
    SMB2_NEGOTIATE,
    SMB2_SESSION_SETUP,
    SMB2_LOGOFF,
    SMB2_TREE_CONNECT,
    SMB2_TREE_DISCONNECT,
    SMB2_CREATE,
    SMB2_CLOSE,
    SMB2_SET_INFO = 17,

    SMB2_IS_RESPONSE = 1,
    SMB2_IS_ASYNC = 2,
};

#define STATUS_PENDING UINT32_C(0x00000103)

/* [MS-SMB2], section 2.2.1. */
bool
insp_smb2_head_read(struct insp_cursor c, struct insp_smb2_head *head)
{
    insp_cursor_skip(&c, 8);
    head->status = insp_little_u32(&c);
    head->command = insp_little_u16(&c);
    insp_cursor_skip(&c, 2);
    head->flags = insp_little_u32(&c);
    head->next = insp_little_u32(&c);
    head->message = insp_little_u32(&c);
    insp_cursor_skip(&c, 8);
    head->tree = insp_little_u32(&c);
    head->session = insp_little_u64(&c);
    insp_cursor_skip(&c, 16);
    return !c.failed;
}

/* Never 0. */
static uint32_t
file_id(const uint8_t *id)
{
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a. */

    for (unsigned int i = 0; i < INSP_GUID_SIZE; i++) {
        hash = (hash ^ id[i]) * UINT32_C(16777619);
    }
    return hash | 1;
}

static void
put_guid(struct insp_event *e, enum insp_app_field field, const uint8_t *guid)
{
    char text[INSP_GUID_TEXT_SIZE];

    if (guid) {
        insp_guid_text(guid, true, text);
        insp_event_bytes(e, field, text, sizeof text);
    }
}

static const char *
smb2_command_text(uint16_t command)
{
    switch (command) {
    case SMB2_NEGOTIATE: return "SMB2_COMMAND_NEGOTIATE_PROTOCOL";
    case SMB2_SESSION_SETUP: return "SMB2_COMMAND_SESSION_SETUP";
    case SMB2_LOGOFF: return "SMB2_COMMAND_SESSION_LOGOFF";
    case SMB2_TREE_CONNECT: return "SMB2_COMMAND_TREE_CONNECT";
    case SMB2_TREE_DISCONNECT: return "SMB2_COMMAND_TREE_DISCONNECT";
    case SMB2_CREATE: return "SMB2_COMMAND_CREATE";
    case SMB2_CLOSE: return "SMB2_COMMAND_CLOSE";
    case SMB2_SET_INFO: return "SMB2_COMMAND_SET_INFO";
    default: return NULL;
    }
}

/* ------------------------------------------------------------------------ */
/* Requests. */

/* Section 2.2.3. */
static void
ask_negotiate(struct insp_event *e, const struct insp_cursor *body)
{
    struct insp_cursor c = *body;
    uint16_t n;

    insp_cursor_skip(&c, 2);
    n = insp_little_u16(&c);
    insp_cursor_skip(&c, 8);
    put_guid(e, INSP_FIELD_SMB_CLIENT_GUID,
             insp_cursor_take(&c, INSP_GUID_SIZE));
    insp_cursor_skip(&c, 8);
    for (unsigned int i = 0; i < n && i < INSP_SMB_OFFERS; i++) {
        uint16_t dialect = insp_little_u16(&c);

        if (c.failed) {
            break;
        }
        insp_smb_put_dialect(e, INSP_FIELD_SMB_CLIENT_DIALECTS, dialect);
    }
}

/* Section 2.2.13. */
static void
ask_create(struct insp_event *e, const struct insp_cursor *message,
           const struct insp_cursor *body)
{
    struct insp_cursor c = *body, name;
    uint32_t disposition, options;
    uint16_t offset, size;
    bool is_directory;

    insp_cursor_skip(&c, 36);
    disposition = insp_little_u32(&c);
    options = insp_little_u32(&c);
    offset = insp_little_u16(&c);
    size = insp_little_u16(&c);
    if (c.failed) {
        return;
    }
    is_directory = options & 1;
    if (size) {
        name = insp_little_part(message, offset, size);
        insp_smb_put_text(e,
                          is_directory ? INSP_FIELD_SMB_DIRECTORY
                                       : INSP_FIELD_SMB_FILENAME,
                          &name, true);
    } else {
        insp_event_text(e, INSP_FIELD_SMB_FILENAME, "<share_root>");
    }
    insp_smb_put_disposition(e, disposition);
    insp_event_text(e, INSP_FIELD_SMB_ACCESS,
                    options & 0x1000 ? "delete on close" : "normal");
}

enum {
    FILE_RENAME_INFO = 10,
    FILE_DISPOSITION_INFO = 13
};

/* Section 2.2.39: of what can be set, names and deletion. */
static bool
is_notable_set(struct insp_cursor c)
{
    uint8_t type, class;

    insp_cursor_skip(&c, 2);
    type = insp_cursor_u8(&c);
    class = insp_cursor_u8(&c);
    return !c.failed && type == 1 &&
           (class == FILE_RENAME_INFO || class == FILE_DISPOSITION_INFO);
}

static void
ask_set_info(struct insp_event *e, const struct insp_cursor *message,
             const struct insp_cursor *body)
{
    struct insp_cursor c = *body, buffer;
    uint8_t class;
    uint32_t size;
    uint16_t offset;

    insp_cursor_skip(&c, 3);
    class = insp_cursor_u8(&c);
    size = insp_little_u32(&c);
    offset = insp_little_u16(&c);
    insp_cursor_skip(&c, 6);
    insp_event_text(e, INSP_FIELD_SMB_INFO_CLASS, "FILE_INFO");
    insp_event_text(e, INSP_FIELD_SMB_INFO_LEVEL,
                    class == FILE_RENAME_INFO ? "SMB2_FILE_RENAME_INFO"
                                              : "SMB2_FILE_DISPOSITION_INFO");
    put_guid(e, INSP_FIELD_SMB_FUID, insp_cursor_take(&c, INSP_GUID_SIZE));
    if (class == FILE_RENAME_INFO) {
        buffer = insp_little_part(message, offset, size);
        insp_cursor_skip(&buffer, 16);
        size = insp_little_u32(&buffer);
        buffer = insp_cursor_sub(&buffer, size);
        insp_smb_put_text(e, INSP_FIELD_SMB_RENAME_TO, &buffer, true);
    }
}

static void
ask_transfer(struct insp_smb *smb, uint32_t message,
             const struct insp_cursor *body)
{
    struct insp_cursor id = insp_little_part(body, 16, INSP_GUID_SIZE);

    if (!id.failed) {
        insp_smb_transfer_begin(smb, message, file_id(id.at));
    }
}

/* A file that bytes were moved of is closed. */
static void
ask_close(struct insp_reading *r, const struct insp_smb2_head *head,
          const struct insp_cursor *body)
{
    struct insp_cursor id = insp_little_part(body, 8, INSP_GUID_SIZE);
    uint64_t bytes[2];
    struct insp_event *e;

    if (id.failed || !insp_smb_transferred(r->state, file_id(id.at), bytes)) {
        return;
    }
    e = insp_smb_begin(r, head->message, smb2_command_text(SMB2_CLOSE));
    insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, head->session);
    insp_event_uint(e, INSP_FIELD_SMB_TREE_ID, head->tree);
    put_guid(e, INSP_FIELD_SMB_FUID, id.at);
    insp_event_uint(e, INSP_FIELD_SMB_READ_BYTES, bytes[0]);
    insp_event_uint(e, INSP_FIELD_SMB_WRITTEN_BYTES, bytes[1]);
}

static struct insp_cursor
buffer_of(const struct insp_cursor *message, const struct insp_cursor *body,
          size_t at)
{
    struct insp_cursor c = *body;
    uint16_t offset, size;

    insp_cursor_skip(&c, at);
    offset = insp_little_u16(&c);
    size = insp_little_u16(&c);
    if (c.failed) {
        return c;
    }
    /* A long ticket may not be looked at to its end. */
    c = *message;
    if (insp_cursor_skip(&c, offset)) {
        insp_cursor_limit(&c, size);
    }
    return c;
}

/* Pipes are reached by a share of that name. */
static void
put_share(struct insp_event *e, const struct insp_cursor *share)
{
    static const uint8_t pipes[] = { 'I', 0, 'P', 0, 'C', 0, '$', 0 };
    size_t size = insp_cursor_left(share);
    bool is_pipe = size >= sizeof pipes &&
                   !memcmp(share->end - sizeof pipes, pipes, sizeof pipes);

    insp_smb_put_text(
        e, is_pipe ? INSP_FIELD_SMB_NAMED_PIPE : INSP_FIELD_SMB_SHARE, share,
        true);
}

static void
ask_smb2(struct insp_reading *r, const struct insp_smb2_head *head,
         const struct insp_cursor *message, const struct insp_cursor *body)
{
    const char *command = smb2_command_text(head->command);
    struct insp_cursor part;
    struct insp_event *e;

    if (head->command == INSP_SMB2_READ || head->command == INSP_SMB2_WRITE) {
        ask_transfer(r->state, head->message, body);
        return;
    }
    if (head->command == SMB2_CLOSE) {
        ask_close(r, head, body);
        return;
    }
    if (!command ||
        (head->command == SMB2_SET_INFO && !is_notable_set(*body))) {
        return;
    }
    e = insp_smb_begin(r,
                       head->command == SMB2_NEGOTIATE ? INSP_SMB_TAG_NEGOTIATE
                                                       : head->message,
                       command);
    insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, head->session);
    insp_event_uint(e, INSP_FIELD_SMB_TREE_ID, head->tree);
    switch (head->command) {
    case SMB2_NEGOTIATE: ask_negotiate(e, body); break;
    case SMB2_SESSION_SETUP:
        part = buffer_of(message, body, 12);
        insp_smb_put_login(e, &part);
        break;
    case SMB2_TREE_CONNECT:
        part = buffer_of(message, body, 4);
        put_share(e, &part);
        break;
    case SMB2_CREATE: ask_create(e, message, body); break;
    case SMB2_SET_INFO: ask_set_info(e, message, body); break;
    default: break;
    }
}

/* ------------------------------------------------------------------------ */
/* Responses. */

/* Section 2.2.4. */
static void
answer_negotiate(struct insp_reading *r, struct insp_event *e,
                 const struct insp_cursor *body)
{
    struct insp_cursor c = *body;
    uint16_t security, dialect;
    const uint8_t *guid;
    uint32_t read_size, write_size;

    insp_cursor_skip(&c, 2);
    security = insp_little_u16(&c);
    dialect = insp_little_u16(&c);
    insp_cursor_skip(&c, 2);
    guid = insp_cursor_take(&c, INSP_GUID_SIZE);
    insp_cursor_skip(&c, 8);
    read_size = insp_little_u32(&c);
    write_size = insp_little_u32(&c);
    if (c.failed) {
        return;
    }
    insp_smb_set_dialect(r, e, dialect);
    put_guid(e, INSP_FIELD_SMB_SERVER_GUID, guid);
    insp_event_uint(e, INSP_FIELD_SMB_MAX_READ, read_size);
    insp_event_uint(e, INSP_FIELD_SMB_MAX_WRITE, write_size);
    insp_smb_put_signing(e, security & 1, security & 2);
}

/* Section 2.2.14. */
static void
answer_create(struct insp_event *e, const struct insp_cursor *body)
{
    struct insp_cursor c = *body;
    uint64_t size;
    const uint8_t *id;

    insp_cursor_skip(&c, 48);
    size = insp_little_u64(&c);
    insp_cursor_skip(&c, 8);
    id = insp_cursor_take(&c, INSP_GUID_SIZE);
    if (id) {
        insp_event_uint(e, INSP_FIELD_SMB_SIZE, size);
        put_guid(e, INSP_FIELD_SMB_FUID, id);
    }
}

/* Section 2.2.10. */
static void
answer_tree_connect(struct insp_event *e, const struct insp_cursor *body)
{
    static const char *const texts[] = { "UNKNOWN", "FILE", "PIPE", "PRINT" };
    struct insp_cursor c = *body;
    uint8_t type;

    insp_cursor_skip(&c, 2);
    type = insp_cursor_u8(&c);
    if (!c.failed) {
        insp_event_text(e, INSP_FIELD_SMB_SHARE_TYPE,
                        texts[type < INSP_ARRAY_SIZE(texts) ? type : 0]);
    }
}

static void
answer_smb2(struct insp_reading *r, const struct insp_smb2_head *head,
            const struct insp_cursor *body)
{
    struct insp_cursor c = *body;
    struct insp_event *e;

    if (head->command == INSP_SMB2_READ || head->command == INSP_SMB2_WRITE) {
        insp_cursor_skip(&c, 4);
        insp_smb_transfer_end(r->state, head->message,
                              head->command == INSP_SMB2_WRITE,
                              insp_little_u32(&c));
        return;
    }
    if (head->status == STATUS_PENDING && head->flags & SMB2_IS_ASYNC) {
        return;
    }
    e = insp_event_find(r, INSP_APP_SMB,
                        head->command == SMB2_NEGOTIATE
                            ? INSP_SMB_TAG_NEGOTIATE
                            : head->message);
    if (!e && head->command == SMB2_NEGOTIATE) {
        /* The answer says most of it: the question was missed. */
        e = insp_smb_begin(r, INSP_SMB_TAG_NEGOTIATE,
                           smb2_command_text(SMB2_NEGOTIATE));
    }
    if (!e) {
        return;
    }
    if (head->session) {
        insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, head->session);
    }
    if (head->status) {
        insp_smb_end(r, e, head->status);
        return;
    }
    switch (head->command) {
    case SMB2_NEGOTIATE: answer_negotiate(r, e, body); break;
    case SMB2_TREE_CONNECT:
        insp_event_uint(e, INSP_FIELD_SMB_TREE_ID, head->tree);
        answer_tree_connect(e, body);
        break;
    case SMB2_CREATE: answer_create(e, body); break;
    default: break;
    }
    insp_smb_end(r, e, head->status);
}

void
insp_smb2_read(struct insp_reading *r, struct insp_cursor message)
{
    struct insp_cursor body = message;
    struct insp_smb2_head head;

    if (!insp_smb2_head_read(message, &head)) {
        return;
    }
    insp_cursor_skip(&body, INSP_SMB2_HEAD);
    if (head.flags & SMB2_IS_RESPONSE) {
        answer_smb2(r, &head, &body);
    } else {
        ask_smb2(r, &head, &message, &body);
    }
}
