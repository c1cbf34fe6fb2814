/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * Messages of ONC RPC (RFC 5531), as datagrams, or in a stream as records in
 * fragments with their length in front (section 11).  A message is read from
 * the beginning of its first fragment; the rest, and further fragments, are
 * passed.
 *
 *     call:  record, tag = xid        (names, what it asks for, credentials)
 *     reply: ended                    (status, latency)
 *
 * What moves data or only looks is no record of its own: all reads, and all
 * writes, of some seconds are one record with the count of calls and bytes;
 * calls for attributes are none.
 *
 * NFS 2 (RFC 1094) and 3 (RFC 1813) are read here; version 4 has nothing but
 * lists of operations, which nfs4.c reads.
 */

#include "app/nfs-private.h"

#define MARK_SIZE 4
#define MARK_LAST UINT32_C(0x80000000)
#define HEAD_SIZE 24 /* Of a call, to its procedure. */
#define WANT      2048
#define TEXT_MAX  256
#define PERIOD_NS UINT64_C(5000000000)

#define TAG_READ  UINT32_C(0xfffffffe)
#define TAG_WRITE UINT32_C(0xffffffff)

enum {
    PORTMAP = 100000,
    NFS = 100003,
    MOUNT = 100005,
    NLM = 100021,
    STATUS = 100024,
    NFSACL = 100227,

    CALL = 0,
    REPLY = 1,

    AUTH_SYS = 1,
};

/* A call that waits for a reply which is not just a status. */
struct transfer {
    uint32_t xid;
    uint8_t kind; /* 0: none. */
    uint8_t unused[3];
};

enum {
    FREE,
    READ_2,
    WRITE_2,
    READ_3,
    WRITE_3,
    COMPOUND_4,
    OTHER,   /* Its results do not begin with a status... */
    GETPORT, /* ... but with a port. */
};

/* Reads or writes that one record stands for. */
struct sum {
    uint64_t begun_ns; /* 0: there are none. */
    uint64_t bytes;
    uint32_t n;
    uint32_t unused;
};

struct nfs {
    bool in_record[2]; /* The fragment is not a record's last one. */
    uint8_t next_transfer;
    uint32_t n;
    struct sum sums[2]; /* Reads, writes. */
    struct transfer transfers[8];
};

_Static_assert(sizeof(struct nfs) <= INSP_READER_STATE, "too long");

static const char *
program_text(uint32_t program)
{
    switch (program) {
    case NFS: return "nfs";
    case PORTMAP: return "portmap";
    case MOUNT: return "mount";
    case NLM: return "nlm";
    case NFSACL: return "nfsacl";
    case STATUS: return "status";
    default: return NULL;
    }
}

struct call {
    uint32_t xid, program, version, procedure;
};

/* Section 9; 'c' has passed it up to the credentials. */
static bool
read_call_head(struct insp_cursor *c, struct call *call)
{
    uint32_t type, version;

    call->xid = insp_cursor_be32(c);
    type = insp_cursor_be32(c);
    version = insp_cursor_be32(c);
    call->program = insp_cursor_be32(c);
    call->version = insp_cursor_be32(c);
    call->procedure = insp_cursor_be32(c);
    return !c->failed && type == CALL && version == 2 &&
           program_text(call->program) && call->version <= 8 &&
           call->procedure < 64;
}

/* A reply does not say of which program it is: it will do behind a gap, where
 * that is known. */
static bool
is_reply(struct insp_cursor c)
{
    uint32_t type, denied;

    insp_cursor_skip(&c, 4);
    type = insp_cursor_be32(&c);
    denied = insp_cursor_be32(&c);
    return !c.failed && type == REPLY && denied <= 1;
}

static enum insp_guess
detect(const struct insp_reading *r)
{
    /* Type, version of RPC, the first half of the program's number. */
    static const uint8_t fixed[] = { 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
    size_t offset = r->is_stream ? MARK_SIZE + 4 : 4, size;
    struct insp_cursor c = insp_cursor(r->bytes, r->size);
    struct call call;

    if (r->is_stream && r->size >= MARK_SIZE) {
        uint32_t mark = insp_cursor_be32(&c) & ~MARK_LAST;

        if (r->after_gap && is_reply(c)) {
            return INSP_GUESS_YES;
        }
        if (mark < HEAD_SIZE + 16 || mark > 1 << 24) {
            return INSP_GUESS_NO;
        }
    }
    if (r->size > offset) {
        size = INSP_MIN(r->size - offset, sizeof fixed);
        if (memcmp(r->bytes + offset, fixed, size)) {
            return INSP_GUESS_NO;
        }
    } else if (!r->size || (r->bytes[0] & 0x7f && r->is_stream)) {
        return INSP_GUESS_NO;
    }
    if (r->size < offset - 4 + HEAD_SIZE) {
        return r->is_stream ? INSP_GUESS_MAYBE : INSP_GUESS_NO;
    }
    return read_call_head(&c, &call) ? INSP_GUESS_YES : INSP_GUESS_NO;
}

/* ------------------------------------------------------------------------ */
/* XDR (RFC 4506). */

bool
insp_nfs_put_string(struct insp_event *e, enum insp_app_field field,
                    struct insp_cursor *c)
{
    uint32_t size = insp_cursor_be32(c);
    const uint8_t *at = insp_cursor_take(c, size);

    if (!at) {
        return false;
    }
    if (size && !insp_event_has(e, field)) {
        insp_event_bytes(e, field, at, INSP_MIN(size, TEXT_MAX));
    }
    return insp_cursor_skip(c, -size & 3);
}

/* ------------------------------------------------------------------------ */
/* Names of numbers. */

static size_t
put_digits(char *text, size_t size, uint32_t number)
{
    size_t at = size;

    do {
        text[--at] = (char) ('0' + number % 10);
        number /= 10;
    } while (number);
    memmove(text, text + at, size - at);
    return size - at;
}

void
insp_nfs_put_word(struct insp_event *e, enum insp_app_field field,
                  const char *word, uint32_t number)
{
    char digits[10];

    if (word) {
        insp_event_text(e, field, word);
    } else {
        insp_event_bytes(e, field, digits,
                         put_digits(digits, sizeof digits, number));
    }
}

static const char *
nfs_procedure_text(uint32_t version, uint32_t procedure)
{
    static const char *const v2[] = {
        "NULL", "GETATTR",    "SETATTR", "ROOT",   "LOOKUP",  "READLINK",
        "READ", "WRITECACHE", "WRITE",   "CREATE", "REMOVE",  "RENAME",
        "LINK", "SYMLINK",    "MKDIR",   "RMDIR",  "READDIR", "STATFS",
    };
    static const char *const v3[] = {
        "NULL",   "GETATTR", "SETATTR",  "LOOKUP", "ACCESS",  "READLINK",
        "READ",   "WRITE",   "CREATE",   "MKDIR",  "SYMLINK", "MKNOD",
        "REMOVE", "RMDIR",   "RENAME",   "LINK",   "READDIR", "READDIRPLUS",
        "FSSTAT", "FSINFO",  "PATHCONF", "COMMIT",
    };
    static const char *const v4[] = { "NULL", "COMPOUND" };

    return version == 2   ? INSP_NFS_WORD(v2, procedure)
           : version == 3 ? INSP_NFS_WORD(v3, procedure)
           : version == 4 ? INSP_NFS_WORD(v4, procedure)
                          : NULL;
}

static const char *
procedure_text(const struct call *call)
{
    static const char *const portmap[] = { "NULL",    "SET",  "UNSET",
                                           "GETPORT", "DUMP", "CALLIT" };
    static const char *const rpcbind[] = {
        "NULL",     "SET",         "UNSET",       "GETADDR",     "DUMP",
        "BCAST",    "GETTIME",     "UADDR2TADDR", "TADDR2UADDR", "GETVERSADDR",
        "INDIRECT", "GETADDRLIST", "GETSTAT",
    };
    static const char *const mount[] = { "NULL", "MNT",     "DUMP",
                                         "UMNT", "UMNTALL", "EXPORT" };

    switch (call->program) {
    case NFS: return nfs_procedure_text(call->version, call->procedure);
    case MOUNT: return INSP_NFS_WORD(mount, call->procedure);
    case PORTMAP:
        return call->version == 2 ? INSP_NFS_WORD(portmap, call->procedure)
                                  : INSP_NFS_WORD(rpcbind, call->procedure);
    default: return call->procedure ? NULL : "NULL";
    }
}

static const char *
status_text(uint32_t status)
{
    static const struct {
        uint32_t code;
        const char *text;
    } table[] = {
        { 0, "OK" },
        { 1, "ERR_PERM" },
        { 2, "ERR_NOENT" },
        { 5, "ERR_IO" },
        { 6, "ERR_NXIO" },
        { 13, "ERR_ACCES" },
        { 17, "ERR_EXIST" },
        { 18, "ERR_XDEV" },
        { 19, "ERR_NODEV" },
        { 20, "ERR_NOTDIR" },
        { 21, "ERR_ISDIR" },
        { 22, "ERR_INVAL" },
        { 27, "ERR_FBIG" },
        { 28, "ERR_NOSPC" },
        { 30, "ERR_ROFS" },
        { 31, "ERR_MLINK" },
        { 63, "ERR_NAMETOOLONG" },
        { 66, "ERR_NOTEMPTY" },
        { 69, "ERR_DQUOT" },
        { 70, "ERR_STALE" },
        { 71, "ERR_REMOTE" },
        { 10001, "ERR_BADHANDLE" },
        { 10002, "ERR_NOT_SYNC" },
        { 10003, "ERR_BAD_COOKIE" },
        { 10004, "ERR_NOTSUPP" },
        { 10005, "ERR_TOOSMALL" },
        { 10006, "ERR_SERVERFAULT" },
        { 10007, "ERR_BADTYPE" },
        { 10008, "ERR_DELAY" },
        { 10009, "ERR_SAME" },
        { 10010, "ERR_DENIED" },
        { 10011, "ERR_EXPIRED" },
        { 10012, "ERR_LOCKED" },
        { 10013, "ERR_GRACE" },
        { 10014, "ERR_FHEXPIRED" },
        { 10015, "ERR_SHARE_DENIED" },
        { 10016, "ERR_WRONGSEC" },
        { 10018, "ERR_RESOURCE" },
        { 10020, "ERR_NOFILEHANDLE" },
        { 10021, "ERR_MINOR_VERS_MISMATCH" },
        { 10022, "ERR_STALE_CLIENTID" },
        { 10023, "ERR_STALE_STATEID" },
        { 10024, "ERR_OLD_STATEID" },
        { 10025, "ERR_BAD_STATEID" },
        { 10029, "ERR_SYMLINK" },
        { 10036, "ERR_BADXDR" },
        { 10052, "ERR_BADSESSION" },
        { 10071, "ERR_OP_NOT_IN_SESSION" },
    };

    for (size_t i = 0; i < INSP_ARRAY_SIZE(table); i++) {
        if (table[i].code == status) {
            return table[i].text;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------ */
/* Calls. */

/* Handles of NFS 2 have a size of their own. */
static void
skip_handle(struct insp_cursor *c, uint32_t version)
{
    if (version == 2) {
        insp_cursor_skip(c, 32);
    } else {
        insp_nfs_skip_opaque(c);
    }
}

/* Names that stand behind the handle of a directory. */
static void
put_names(struct insp_event *e, const struct call *call, struct insp_cursor *c)
{
    const char *procedure = procedure_text(call);
    static const char *const named[] = { "LOOKUP",  "CREATE", "MKDIR",
                                         "SYMLINK", "MKNOD",  "REMOVE",
                                         "RMDIR" };

    skip_handle(c, call->version);
    if (!procedure || c->failed) {
        return;
    }
    if (!strcmp(procedure, "RENAME")) {
        if (insp_nfs_put_string(e, INSP_FIELD_NFS_RENAME_FROM, c)) {
            skip_handle(c, call->version);
            insp_nfs_put_string(e, INSP_FIELD_NFS_RENAME_TO, c);
        }
    } else if (!strcmp(procedure, "LINK")) {
        skip_handle(c, call->version);
        insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, c);
    } else {
        for (size_t i = 0; i < INSP_ARRAY_SIZE(named); i++) {
            if (!strcmp(procedure, named[i])) {
                insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, c);
                return;
            }
        }
    }
}

/* Which of them a call is; FREE: its results begin with a status. */
static uint8_t
transfer_kind(const struct call *call)
{
    if (call->program == PORTMAP && call->version == 2 &&
        call->procedure == 3) {
        return GETPORT;
    }
    if (!call->procedure || (call->program != NFS && call->program != MOUNT &&
                             call->program != NFSACL)) {
        return OTHER;
    }
    if (call->program != NFS) {
        return FREE;
    }
    if (call->version == 2) {
        return call->procedure == 6   ? READ_2
               : call->procedure == 8 ? WRITE_2
                                      : FREE;
    }
    if (call->version == 3) {
        return call->procedure == 6   ? READ_3
               : call->procedure == 7 ? WRITE_3
                                      : FREE;
    }
    return FREE;
}

static void
begin_transfer(struct nfs *nfs, uint32_t xid, uint8_t kind)
{
    struct transfer *t = &nfs->transfers[nfs->next_transfer++ %
                                         INSP_ARRAY_SIZE(nfs->transfers)];

    t->xid = xid;
    t->kind = kind;
}

/* Looks at attributes, or makes sure of what was written. */
static bool
is_quiet_call(const struct call *call)
{
    if (call->program != NFS) {
        return false;
    }
    return call->version == 3 ? call->procedure == 1 || call->procedure == 4 ||
                                    call->procedure == 21
                              : call->version == 2 && call->procedure == 1;
}

static const char *
auth_text(uint32_t flavor)
{
    static const char *const texts[] = { "NULL", "UNIX", "SHORT", "DH",
                                         "KERB", "RSA",  "GSS" };

    return INSP_NFS_WORD(texts, flavor);
}

/* Credentials of AUTH_SYS (RFC 5531, appendix A). */
static void
put_credentials(struct insp_event *e, uint32_t flavor, struct insp_cursor c)
{
    uint32_t uid, gid;

    insp_nfs_put_word(e, INSP_FIELD_NFS_AUTH, auth_text(flavor), flavor);
    if (flavor != AUTH_SYS) {
        return;
    }
    insp_cursor_skip(&c, 4);
    insp_nfs_put_string(e, INSP_FIELD_NFS_MACHINE, &c);
    uid = insp_cursor_be32(&c);
    gid = insp_cursor_be32(&c);
    if (!c.failed) {
        insp_event_uint(e, INSP_FIELD_NFS_UID, uid);
        insp_event_uint(e, INSP_FIELD_NFS_GID, gid);
    }
}

static void
put_call(struct insp_reading *r, struct insp_event *e, const struct call *call)
{
    struct nfs *nfs = r->state;

    insp_event_text(e, INSP_FIELD_NFS_PROGRAM, program_text(call->program));
    insp_event_uint(e, INSP_FIELD_NFS_VERSION, call->version);
    insp_nfs_put_word(e, INSP_FIELD_NFS_PROCEDURE, procedure_text(call),
                      call->procedure);
    insp_event_uint(e, INSP_FIELD_NFS_ID, ++nfs->n);
}

static void
put_arguments(struct insp_event *e, const struct call *call,
              struct insp_cursor c)
{
    struct insp_nfs4_summary unused;

    if (call->program == NFS && call->version == 4) {
        if (call->procedure == 1) {
            insp_nfs4_read_call(e, c, &unused);
        }
    } else if (call->program == NFS) {
        put_names(e, call, &c);
    } else if (call->program == MOUNT &&
               (call->procedure == 1 || call->procedure == 3)) {
        insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, &c);
    }
}

static void
read_call(struct insp_reading *r, struct insp_cursor c)
{
    struct call call;
    struct insp_cursor credentials;
    struct insp_nfs4_summary summary = { false, false };
    struct insp_event *e;
    uint32_t flavor;
    uint8_t kind;

    if (!read_call_head(&c, &call)) {
        return;
    }
    flavor = insp_cursor_be32(&c);
    credentials = insp_cursor_sub(&c, insp_cursor_be32(&c));
    insp_cursor_skip(&c, 4); /* Verifier. */
    insp_nfs_skip_opaque(&c);
    kind = transfer_kind(&call);
    if (call.program == NFS && call.version == 4 && call.procedure == 1) {
        insp_nfs4_read_call(NULL, c, &summary);
        kind = summary.moves_data ? COMPOUND_4 : FREE;
    }
    if (kind != FREE) {
        begin_transfer(r->state, call.xid, kind);
    }
    /* Of a short first fragment what there is. */
    if ((kind >= READ_2 && kind <= WRITE_3) || summary.is_quiet ||
        is_quiet_call(&call)) {
        return;
    }
    e = insp_event_begin(r, INSP_APP_NFS, call.xid);
    put_call(r, e, &call);
    insp_event_uint(e, INSP_FIELD_NFS_XID, call.xid);
    put_credentials(e, flavor, credentials);
    put_arguments(e, &call, c);
}

/* ------------------------------------------------------------------------ */
/* Replies. */

void
insp_nfs_add_bytes(struct insp_reading *r, bool is_write, uint32_t version,
                   uint32_t bytes)
{
    struct nfs *nfs = r->state;
    struct sum *sum = &nfs->sums[is_write];
    uint32_t tag = is_write ? TAG_WRITE : TAG_READ;
    struct insp_event *e = insp_event_find(r, INSP_APP_NFS, tag);

    if (e && r->now_ns - sum->begun_ns > PERIOD_NS) {
        insp_event_end(r, e);
        e = NULL;
    }
    if (!e) {
        e = insp_event_begin(r, INSP_APP_NFS, tag);
        insp_event_text(e, INSP_FIELD_NFS_PROGRAM, program_text(NFS));
        insp_event_uint(e, INSP_FIELD_NFS_VERSION, version);
        insp_event_text(e, INSP_FIELD_NFS_PROCEDURE,
                        is_write ? "WRITE" : "READ");
        insp_event_uint(e, INSP_FIELD_NFS_ID, ++nfs->n);
        *sum = (struct sum){ .begun_ns = r->now_ns };
    }
    sum->n++;
    sum->bytes += bytes;
    insp_event_uint(e, INSP_FIELD_NFS_CALLS, sum->n);
    insp_event_uint(e, INSP_FIELD_NFS_BYTES, sum->bytes);
}

/* RFC 1813, sections 3.3.6 and 3.3.7; RFC 1094, section 2.2.7 and 2.2.9,
 * where a write does not say how much was. */
static void
read_result(struct insp_reading *r, uint8_t kind, struct insp_cursor c)
{
    bool is_write = kind == WRITE_2 || kind == WRITE_3;

    if (insp_cursor_be32(&c) || c.failed) {
        return;
    }
    switch (kind) {
    case READ_2: insp_cursor_skip(&c, 68); break;
    case READ_3: insp_cursor_skip(&c, insp_cursor_be32(&c) ? 84 : 0); break;
    case WRITE_3:
        insp_cursor_skip(&c, insp_cursor_be32(&c) ? 24 : 0);
        insp_cursor_skip(&c, insp_cursor_be32(&c) ? 84 : 0);
        break;
    default: insp_nfs_add_bytes(r, is_write, 2, 0); return;
    }
    if (!c.failed) {
        uint32_t bytes = insp_cursor_be32(&c);

        if (!c.failed) {
            insp_nfs_add_bytes(r, is_write, kind == READ_2 ? 2 : 3, bytes);
        }
    }
}

/* Returns what it was. */
static uint8_t
end_transfer(struct insp_reading *r, uint32_t xid,
             const struct insp_cursor *results)
{
    struct nfs *nfs = r->state;

    for (size_t i = 0; i < INSP_ARRAY_SIZE(nfs->transfers); i++) {
        struct transfer *t = &nfs->transfers[i];
        uint8_t kind = t->kind;

        if (kind == FREE || t->xid != xid) {
            continue;
        }
        t->kind = FREE;
        if (kind == COMPOUND_4) {
            insp_nfs4_read_reply(r, *results);
        } else if (kind < COMPOUND_4) {
            read_result(r, kind, *results);
        }
        return kind;
    }
    return FREE;
}

/* RFC 5531, section 9: accepted, and how, or denied. */
static void
read_reply(struct insp_reading *r, struct insp_cursor c)
{
    static const char *const accepts[] = {
        [1] = "PROG_UNAVAIL", [2] = "PROG_MISMATCH", [3] = "PROC_UNAVAIL",
        [4] = "GARBAGE_ARGS", [5] = "SYSTEM_ERR",
    };
    uint32_t xid = insp_cursor_be32(&c), denied, accept = 0;
    uint8_t kind = FREE;
    struct insp_event *e;

    insp_cursor_skip(&c, 4);
    denied = insp_cursor_be32(&c);
    if (!denied) {
        insp_cursor_skip(&c, 4); /* Verifier. */
        insp_nfs_skip_opaque(&c);
        accept = insp_cursor_be32(&c);
    }
    if (c.failed) {
        return;
    }
    if (!denied && !accept) {
        kind = end_transfer(r, xid, &c);
    }
    e = insp_event_find(r, INSP_APP_NFS, xid);
    if (!e) {
        return;
    }
    insp_event_text(e, INSP_FIELD_NFS_RPC_STATUS,
                    denied ? "DENIED" : "ACCEPTED");
    if (accept) {
        insp_nfs_put_word(e, INSP_FIELD_NFS_STATUS,
                          INSP_NFS_WORD(accepts, accept), accept);
    } else if (!denied && kind != OTHER && insp_cursor_left(&c) >= 4) {
        uint32_t value = insp_cursor_be32(&c);

        if (kind == GETPORT) {
            insp_event_uint(e, INSP_FIELD_NFS_PORT, value);
        } else {
            insp_nfs_put_word(e, INSP_FIELD_NFS_STATUS, status_text(value),
                              value);
        }
    }
    insp_event_uint(e, INSP_FIELD_NFS_LATENCY, insp_event_age_us(r, e));
    insp_event_end(r, e);
}

static void
read_message(struct insp_reading *r, struct insp_cursor c)
{
    struct insp_cursor head = c;
    uint32_t type;

    insp_cursor_skip(&head, 4);
    type = insp_cursor_be32(&head);
    if (head.failed) {
        return;
    }
    if (type == CALL) {
        read_call(r, c);
    } else if (type == REPLY) {
        read_reply(r, c);
    }
}

static size_t
read_bytes(struct insp_reading *r)
{
    struct nfs *nfs = r->state;
    size_t at = 0;

    if (!r->is_stream) {
        read_message(r, insp_cursor(r->bytes, r->size));
        return r->size;
    }
    if (r->after_gap) {
        nfs->in_record[r->side] = false;
    }
    while (r->size - at >= MARK_SIZE) {
        size_t left = r->size - at - MARK_SIZE;
        uint32_t mark = insp_be32(r->bytes + at);
        uint32_t size = mark & ~MARK_LAST;

        if (!nfs->in_record[r->side]) {
            if (left < INSP_MIN(size, WANT)) {
                break;
            }
            left = INSP_MIN(left, size);
            read_message(r, insp_cursor(r->bytes + at + MARK_SIZE, left));
        }
        nfs->in_record[r->side] = !(mark & MARK_LAST);
        left = INSP_MIN(left, size);
        insp_reading_pass(r, size - left);
        at += MARK_SIZE + left;
    }
    return at;
}

const struct insp_reader insp_reader_nfs = {
    .detect = detect,
    .read = read_bytes,
    .resyncs = true,
};
