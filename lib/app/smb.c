/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * SMB stands in frames of the NetBIOS session service (RFC 1002, section
 * 4.3), a byte of type and a length, over port 139 and in the same form over
 * port 445.  A frame holds one message of SMB 1 (smb1.c), or a chain of SMB 2
 * ([MS-SMB2], section 2.2.1; smb2.c), each with the offset of the next.
 *
 *     frame --> message --> request:  a record begins, tag = message id
 *                       --> response: it ends with status and latency
 *
 * Requests that move data are no records: their bytes are counted by file,
 * and the record of its closing says how many.  Of each message only the
 * beginning is looked at; the rest is passed.  From the first encrypted
 * message on nothing is read.
 */

#include "app/gss.h"
#include "app/smb-private.h"

#define NETBIOS_HEAD  4
#define SMB_WANT      2048 /* Bytes of a message that are looked at... */
#define SMB_WANT_BULK 128  /* ... when it moves data. */

/* ------------------------------------------------------------------------ */
/* What both versions share. */

struct code_text {
    uint32_t code;
    const char *text;
};

static const char *
text_of(const struct code_text *table, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].code == code) {
            return table[i].text;
        }
    }
    return NULL;
}

/* [MS-ERREF], section 2.3.1: those that servers of files answer. */
static const char *
status_text(uint32_t status)
{
    static const struct code_text table[] = {
        { 0x00000000, "STATUS_SUCCESS" },
        { 0x00000103, "STATUS_PENDING" },
        { 0x0000010b, "STATUS_NOTIFY_CLEANUP" },
        { 0x0000010c, "STATUS_NOTIFY_ENUM_DIR" },
        { 0x80000005, "STATUS_BUFFER_OVERFLOW" },
        { 0x80000006, "STATUS_NO_MORE_FILES" },
        { 0x8000002d, "STATUS_STOPPED_ON_SYMLINK" },
        { 0xc0000001, "STATUS_UNSUCCESSFUL" },
        { 0xc0000002, "STATUS_NOT_IMPLEMENTED" },
        { 0xc0000003, "STATUS_INVALID_INFO_CLASS" },
        { 0xc0000004, "STATUS_INFO_LENGTH_MISMATCH" },
        { 0xc0000008, "STATUS_INVALID_HANDLE" },
        { 0xc000000d, "STATUS_INVALID_PARAMETER" },
        { 0xc000000f, "STATUS_NO_SUCH_FILE" },
        { 0xc0000010, "STATUS_INVALID_DEVICE_REQUEST" },
        { 0xc0000011, "STATUS_END_OF_FILE" },
        { 0xc0000016, "STATUS_MORE_PROCESSING_REQUIRED" },
        { 0xc0000022, "STATUS_ACCESS_DENIED" },
        { 0xc0000023, "STATUS_BUFFER_TOO_SMALL" },
        { 0xc0000033, "STATUS_OBJECT_NAME_INVALID" },
        { 0xc0000034, "STATUS_OBJECT_NAME_NOT_FOUND" },
        { 0xc0000035, "STATUS_OBJECT_NAME_COLLISION" },
        { 0xc000003a, "STATUS_OBJECT_PATH_NOT_FOUND" },
        { 0xc000003b, "STATUS_OBJECT_PATH_SYNTAX_BAD" },
        { 0xc0000043, "STATUS_SHARING_VIOLATION" },
        { 0xc0000054, "STATUS_FILE_LOCK_CONFLICT" },
        { 0xc0000055, "STATUS_LOCK_NOT_GRANTED" },
        { 0xc0000056, "STATUS_DELETE_PENDING" },
        { 0xc0000061, "STATUS_PRIVILEGE_NOT_HELD" },
        { 0xc0000064, "STATUS_NO_SUCH_USER" },
        { 0xc000006a, "STATUS_WRONG_PASSWORD" },
        { 0xc000006d, "STATUS_LOGON_FAILURE" },
        { 0xc000006e, "STATUS_ACCOUNT_RESTRICTION" },
        { 0xc000006f, "STATUS_INVALID_LOGON_HOURS" },
        { 0xc0000070, "STATUS_INVALID_WORKSTATION" },
        { 0xc0000071, "STATUS_PASSWORD_EXPIRED" },
        { 0xc0000072, "STATUS_ACCOUNT_DISABLED" },
        { 0xc000007f, "STATUS_DISK_FULL" },
        { 0xc000009a, "STATUS_INSUFFICIENT_RESOURCES" },
        { 0xc00000ac, "STATUS_PIPE_NOT_AVAILABLE" },
        { 0xc00000ae, "STATUS_PIPE_BUSY" },
        { 0xc00000b5, "STATUS_IO_TIMEOUT" },
        { 0xc00000ba, "STATUS_FILE_IS_A_DIRECTORY" },
        { 0xc00000bb, "STATUS_NOT_SUPPORTED" },
        { 0xc00000c9, "STATUS_NETWORK_NAME_DELETED" },
        { 0xc00000ca, "STATUS_NETWORK_ACCESS_DENIED" },
        { 0xc00000cb, "STATUS_BAD_DEVICE_TYPE" },
        { 0xc00000cc, "STATUS_BAD_NETWORK_NAME" },
        { 0xc00000d0, "STATUS_REQUEST_NOT_ACCEPTED" },
        { 0xc0000101, "STATUS_DIRECTORY_NOT_EMPTY" },
        { 0xc0000103, "STATUS_NOT_A_DIRECTORY" },
        { 0xc000010b, "STATUS_CANCELLED_BY_USER" },
        { 0xc0000120, "STATUS_CANCELLED" },
        { 0xc0000128, "STATUS_FILE_CLOSED" },
        { 0xc000015b, "STATUS_LOGON_TYPE_NOT_GRANTED" },
        { 0xc0000192, "STATUS_NETLOGON_NOT_STARTED" },
        { 0xc0000193, "STATUS_ACCOUNT_EXPIRED" },
        { 0xc0000203, "STATUS_USER_SESSION_DELETED" },
        { 0xc0000224, "STATUS_PASSWORD_MUST_CHANGE" },
        { 0xc0000225, "STATUS_NOT_FOUND" },
        { 0xc0000234, "STATUS_ACCOUNT_LOCKED_OUT" },
        { 0xc0000257, "STATUS_PATH_NOT_COVERED" },
        { 0xc000035c, "STATUS_NETWORK_SESSION_EXPIRED" },
    };

    return text_of(table, INSP_ARRAY_SIZE(table), status);
}

const char *
insp_smb_dialect_text(uint16_t dialect)
{
    static const struct code_text table[] = {
        { 0x0202, "2.02" }, { 0x0210, "2.10" }, { 0x0222, "2.22" },
        { 0x0224, "2.24" }, { 0x02ff, "2.??" }, { 0x0300, "3.00" },
        { 0x0302, "3.02" }, { 0x0310, "3.10" }, { 0x0311, "3.11" },
    };

    return dialect < INSP_SMB_OFFERS
               ? insp_smb1_dialect_text(dialect)
               : text_of(table, INSP_ARRAY_SIZE(table), dialect);
}

void
insp_smb_put_dialect(struct insp_event *e, enum insp_app_field field,
                     uint16_t dialect)
{
    const char *text = insp_smb_dialect_text(dialect);
    char hex[INSP_HEX_TEXT_SIZE];

    if (text) {
        insp_event_text(e, field, text);
    } else if (dialect) {
        insp_event_bytes(e, field, hex, insp_hex_text(dialect, hex));
    }
}

void
insp_smb_set_dialect(struct insp_reading *r, struct insp_event *e,
                     uint16_t dialect)
{
    struct insp_smb *smb = r->state;

    smb->dialect = dialect;
    if (!insp_event_has(e, INSP_FIELD_SMB_DIALECT)) {
        insp_smb_put_dialect(e, INSP_FIELD_SMB_DIALECT, dialect);
    }
}

struct insp_event *
insp_smb_begin(struct insp_reading *r, uint32_t tag, const char *command)
{
    struct insp_smb *smb = r->state;
    struct insp_event *e = insp_event_begin(r, INSP_APP_SMB, tag);

    insp_event_uint(e, INSP_FIELD_SMB_ID, ++smb->n);
    if (smb->dialect && tag != INSP_SMB_TAG_NEGOTIATE) {
        insp_smb_put_dialect(e, INSP_FIELD_SMB_DIALECT, smb->dialect);
    }
    if (command) {
        insp_event_text(e, INSP_FIELD_SMB_COMMAND, command);
    }
    return e;
}

void
insp_smb_finish(struct insp_reading *r, struct insp_event *e)
{
    insp_event_uint(e, INSP_FIELD_SMB_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

void
insp_smb_end(struct insp_reading *r, struct insp_event *e, uint32_t status)
{
    const char *text = status_text(status);
    char hex[INSP_HEX_TEXT_SIZE];
    size_t size = insp_hex_text(status, hex);

    if (text) {
        insp_event_text(e, INSP_FIELD_SMB_STATUS, text);
    } else {
        insp_event_bytes(e, INSP_FIELD_SMB_STATUS, hex, size);
    }
    insp_event_bytes(e, INSP_FIELD_SMB_STATUS_CODE, hex, size);
    insp_smb_finish(r, e);
}

void
insp_smb_put_text(struct insp_event *e, enum insp_app_field field,
                  const struct insp_cursor *from, bool is_unicode)
{
    const struct insp_gss gss = { .is_unicode = is_unicode };
    char text[INSP_SMB_TEXT];
    size_t size = insp_gss_text(&gss, from, text, sizeof text);

    if (size) {
        insp_event_bytes(e, field, text, size);
    }
}

/* "6.1 build 7601 rev 15". */
static void
put_version(struct insp_event *e, const struct insp_gss *gss)
{
    const struct {
        const char *before;
        uint16_t number;
    } parts[] = {
        { "", gss->major },
        { ".", gss->minor },
        { " build ", gss->build },
        { " rev ", gss->revision },
    };
    char text[64];
    size_t at = 0;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(parts); i++) {
        char digits[5];
        size_t n = 0, before = strlen(parts[i].before);
        unsigned int number = parts[i].number;

        memcpy(text + at, parts[i].before, before);
        at += before;
        do {
            digits[n++] = (char) ('0' + number % 10);
            number /= 10;
        } while (number);
        while (n) {
            text[at++] = digits[--n];
        }
    }
    insp_event_bytes(e, INSP_FIELD_SMB_NTLM_VERSION, text, at);
}

void
insp_smb_put_login(struct insp_event *e, const struct insp_cursor *token)
{
    struct insp_gss gss;

    insp_gss_read(token, &gss);
    if (gss.kind == INSP_GSS_NTLM_LOGIN) {
        insp_smb_put_text(e, INSP_FIELD_SMB_NTLM_DOMAIN, &gss.domain,
                          gss.is_unicode);
        insp_smb_put_text(e, INSP_FIELD_SMB_NTLM_USER, &gss.user,
                          gss.is_unicode);
        insp_smb_put_text(e, INSP_FIELD_SMB_NTLM_HOST, &gss.host,
                          gss.is_unicode);
        if (gss.has_version) {
            put_version(e, &gss);
        }
    } else if (gss.kind == INSP_GSS_KERBEROS) {
        insp_smb_put_text(e, INSP_FIELD_SMB_KRB_REALM, &gss.realm, false);
        for (unsigned int i = 0; i < gss.n_services; i++) {
            insp_smb_put_text(e, INSP_FIELD_SMB_KRB_SNAMES, &gss.service[i],
                              false);
        }
    }
}

void
insp_smb_put_disposition(struct insp_event *e, uint32_t disposition)
{
    static const char *const texts[] = {
        "FILE_SUPERSEDE", "FILE_OPEN",      "FILE_CREATE",
        "FILE_OPEN_IF",   "FILE_OVERWRITE", "FILE_OVERWRITE_IF",
    };

    insp_event_text(e, INSP_FIELD_SMB_DISPOSITION,
                    disposition < INSP_ARRAY_SIZE(texts) ? texts[disposition]
                                                         : "UNKNOWN");
}

void
insp_smb_put_signing(struct insp_event *e, bool enabled, bool required)
{
    insp_event_text(e, INSP_FIELD_SMB_SIGNING,
                    required  ? "required"
                    : enabled ? "enabled"
                              : "disabled");
}

void
insp_smb_transfer_begin(struct insp_smb *smb, uint32_t tag, uint32_t file)
{
    unsigned int at = smb->next_transfer++ % INSP_ARRAY_SIZE(smb->transfers);

    smb->transfers[at].tag = tag;
    smb->transfers[at].file = file;
}

/* The oldest one makes room. */
static struct insp_smb_file *
file_of(struct insp_smb *smb, uint32_t id)
{
    struct insp_smb_file *file;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(smb->files); i++) {
        if (smb->files[i].id == id) {
            return &smb->files[i];
        }
    }
    file = &smb->files[smb->next_file++ % INSP_ARRAY_SIZE(smb->files)];
    memset(file, 0, sizeof *file);
    file->id = id;
    return file;
}

void
insp_smb_transfer_end(struct insp_smb *smb, uint32_t tag, bool is_write,
                      uint32_t bytes)
{
    for (size_t i = 0; bytes && i < INSP_ARRAY_SIZE(smb->transfers); i++) {
        if (smb->transfers[i].file && smb->transfers[i].tag == tag) {
            file_of(smb, smb->transfers[i].file)->bytes[is_write] += bytes;
            smb->transfers[i].file = 0;
            return;
        }
    }
}

bool
insp_smb_transferred(struct insp_smb *smb, uint32_t id, uint64_t bytes[2])
{
    for (size_t i = 0; i < INSP_ARRAY_SIZE(smb->files); i++) {
        struct insp_smb_file *file = &smb->files[i];

        if (file->id == id && (file->bytes[0] || file->bytes[1])) {
            bytes[0] = file->bytes[0];
            bytes[1] = file->bytes[1];
            memset(file, 0, sizeof *file);
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------ */
/* Frames. */

enum {
    SMB_1 = 0xff,
    SMB_2 = 0xfe,
    SMB_ENCRYPTED = 0xfd,
    SMB_COMPRESSED = 0xfc,

    NETBIOS_MESSAGE = 0x00,
    NETBIOS_REQUEST = 0x81,
    NETBIOS_KEEPALIVE = 0x85,
};

/* "\xffSMB" and its kin; fewer bytes may be the beginning of it. */
static bool
is_smb(const uint8_t *at, size_t size)
{
    static const uint8_t word[] = { 'S', 'M', 'B' };

    return !size || (at[0] >= SMB_COMPRESSED &&
                     !memcmp(at + 1, word, INSP_MIN(size - 1, sizeof word)));
}

/* A request for a session names who is called: 32 letters that stand for 16
 * bytes (RFC 1001, section 14.1). */
static bool
is_session_request(const uint8_t *at, size_t size)
{
    static const uint8_t head[] = { NETBIOS_REQUEST, 0, 0, 68, 32 };

    if (memcmp(at, head, INSP_MIN(size, sizeof head))) {
        return false;
    }
    for (size_t i = sizeof head; i < INSP_MIN(size, sizeof head + 32); i++) {
        if (at[i] < 'A' || at[i] > 'P') {
            return false;
        }
    }
    return true;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    const uint8_t *at = r->bytes;
    size_t size = r->size;

    if (!r->is_stream || !size) {
        return INSP_GUESS_NO;
    }
    if (at[0] == NETBIOS_REQUEST) {
        return !is_session_request(at, size) ? INSP_GUESS_NO
               : size < 37                   ? INSP_GUESS_MAYBE
                                             : INSP_GUESS_YES;
    }
    if (at[0] != NETBIOS_MESSAGE) {
        return INSP_GUESS_NO;
    }
    if (size <= NETBIOS_HEAD) {
        return INSP_GUESS_MAYBE;
    }
    if (!is_smb(at + NETBIOS_HEAD, size - NETBIOS_HEAD)) {
        return INSP_GUESS_NO;
    }
    return size < NETBIOS_HEAD + 4 ? INSP_GUESS_MAYBE : INSP_GUESS_YES;
}

/* How many bytes of the next message, of at most 'left' bytes, must be there
 * before it is read; '*unit' is how long it is, when it does not end with the
 * frame. */
static size_t
wanted(const uint8_t *at, size_t size, uint32_t *unit)
{
    struct insp_smb2_head head;
    bool is_bulk = false;

    if (at[0] == SMB_2) {
        if (*unit < INSP_SMB2_HEAD) {
            return *unit;
        }
        if (!insp_smb2_head_read(insp_cursor(at, size), &head)) {
            return INSP_SMB2_HEAD;
        }
        if (head.next >= INSP_SMB2_HEAD && head.next < *unit) {
            *unit = head.next;
        }
        is_bulk =
            head.command == INSP_SMB2_READ || head.command == INSP_SMB2_WRITE;
    } else if (at[0] == SMB_1 && size > 4) {
        is_bulk = at[4] == 0x2e || at[4] == 0x2f;
    } else if (at[0] == SMB_COMPRESSED) {
        return 1;
    }
    return INSP_MIN(*unit, (uint32_t) (is_bulk ? SMB_WANT_BULK : SMB_WANT));
}

/* Passes 'n' bytes from 'at' on; returns where reading goes on. */
static size_t
pass(struct insp_reading *r, size_t at, uint32_t n)
{
    size_t here = INSP_MIN(r->size - at, n);

    insp_reading_pass(r, n - here);
    return at + here;
}

/* Begins a frame; false: this is not one. */
static bool
begin_frame(struct insp_reading *r, size_t *at)
{
    const uint8_t *head = r->bytes + *at;
    struct insp_smb *smb = r->state;
    uint32_t size = insp_be32(head) & 0xffffff;

    *at += NETBIOS_HEAD;
    if (head[0] == NETBIOS_MESSAGE) {
        smb->left[r->side] = size;
        return true;
    }
    if (head[0] >= NETBIOS_REQUEST && head[0] <= NETBIOS_KEEPALIVE) {
        *at = pass(r, *at, size & 0x1ffff);
        return true;
    }
    return false;
}

/* [MS-SMB2], section 2.2.41: nothing but the session can be told. */
static void
read_encrypted(struct insp_reading *r, struct insp_cursor message)
{
    struct insp_event *e = insp_smb_begin(r, 0, NULL);

    insp_cursor_skip(&message, 44);
    insp_event_uint(e, INSP_FIELD_SMB_SESSION_ID, insp_little_u64(&message));
    insp_event_uint(e, INSP_FIELD_SMB_ENCRYPTED, true);
    insp_event_end(r, e);
    insp_reading_stop(r);
}

static void
read_message(struct insp_reading *r, struct insp_cursor message)
{
    switch (*message.at) {
    case SMB_1: insp_smb1_read(r, message); break;
    case SMB_2: insp_smb2_read(r, message); break;
    case SMB_ENCRYPTED: read_encrypted(r, message); break;
    default: break;
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct insp_smb *smb = r->state;
    uint32_t *left = &smb->left[r->side];
    size_t at = 0;

    if (r->after_gap) {
        *left = 0;
    }
    while (at < r->size && !r->stop) {
        const uint8_t *here = r->bytes + at;
        size_t size = r->size - at;
        uint32_t unit = *left;

        if (!unit) {
            if (size < NETBIOS_HEAD) {
                break;
            }
            if (!begin_frame(r, &at)) {
                insp_reading_stop_side(r);
                return at;
            }
            continue;
        }
        if (!is_smb(here, size)) {
            insp_reading_stop_side(r);
            return at;
        }
        if (size < INSP_MIN(4, unit) || size < wanted(here, size, &unit)) {
            break;
        }
        read_message(r, insp_cursor(here, INSP_MIN(size, unit)));
        *left -= unit;
        at = pass(r, at, unit);
    }
    return at;
}

const struct insp_reader insp_reader_smb = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
