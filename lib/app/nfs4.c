/* SPDX-License-Identifier: Apache-2.0 */
/* How it works
 * ------------
 *
 * NFS 4 (RFC 7530, 8881) has one procedure, COMPOUND, which is a list of
 * operations.  An operation says not how long it is, so a list is read up to
 * the first one whose arguments, or results, are not known here.
 */

#include "app/nfs-private.h"

#define OPS_MAX  64 /* Operations that are followed... */
#define OPS_SAID 16 /* ... and that are said. */

/* Names of operations, by number (RFC 7531, 7863). */
static const char *const operations[] = {
    [3] = "ACCESS",
    [4] = "CLOSE",
    [5] = "COMMIT",
    [6] = "CREATE",
    [7] = "DELEGPURGE",
    [8] = "DELEGRETURN",
    [9] = "GETATTR",
    [10] = "GETFH",
    [11] = "LINK",
    [12] = "LOCK",
    [13] = "LOCKT",
    [14] = "LOCKU",
    [15] = "LOOKUP",
    [16] = "LOOKUPP",
    [17] = "NVERIFY",
    [18] = "OPEN",
    [19] = "OPENATTR",
    [20] = "OPEN_CONFIRM",
    [21] = "OPEN_DOWNGRADE",
    [22] = "PUTFH",
    [23] = "PUTPUBFH",
    [24] = "PUTROOTFH",
    [25] = "READ",
    [26] = "READDIR",
    [27] = "READLINK",
    [28] = "REMOVE",
    [29] = "RENAME",
    [30] = "RENEW",
    [31] = "RESTOREFH",
    [32] = "SAVEFH",
    [33] = "SECINFO",
    [34] = "SETATTR",
    [35] = "SETCLIENTID",
    [36] = "SETCLIENTID_CONFIRM",
    [37] = "VERIFY",
    [38] = "WRITE",
    [39] = "RELEASE_LOCKOWNER",
    [40] = "BACKCHANNEL_CTL",
    [41] = "BIND_CONN_TO_SESSION",
    [42] = "EXCHANGE_ID",
    [43] = "CREATE_SESSION",
    [44] = "DESTROY_SESSION",
    [45] = "FREE_STATEID",
    [46] = "GET_DIR_DELEGATION",
    [47] = "GETDEVICEINFO",
    [48] = "GETDEVICELIST",
    [49] = "LAYOUTCOMMIT",
    [50] = "LAYOUTGET",
    [51] = "LAYOUTRETURN",
    [52] = "SECINFO_NO_NAME",
    [53] = "SEQUENCE",
    [54] = "SET_SSV",
    [55] = "TEST_STATEID",
    [56] = "WANT_DELEGATION",
    [57] = "DESTROY_CLIENTID",
    [58] = "RECLAIM_COMPLETE",
    [59] = "ALLOCATE",
    [60] = "COPY",
    [61] = "COPY_NOTIFY",
    [62] = "DEALLOCATE",
    [63] = "IO_ADVISE",
    [64] = "LAYOUTERROR",
    [65] = "LAYOUTSTATS",
    [66] = "OFFLOAD_CANCEL",
    [67] = "OFFLOAD_STATUS",
    [68] = "READ_PLUS",
    [69] = "SEEK",
    [70] = "WRITE_SAME",
    [71] = "CLONE",
    [72] = "GETXATTR",
    [73] = "SETXATTR",
    [74] = "LISTXATTRS",
    [75] = "REMOVEXATTR",
};

enum operation {
    OP_ACCESS = 3,
    OP_CLOSE = 4,
    OP_COMMIT = 5,
    OP_CREATE = 6,
    OP_DELEGRETURN = 8,
    OP_GETATTR = 9,
    OP_GETFH = 10,
    OP_LINK = 11,
    OP_LOOKUP = 15,
    OP_LOOKUPP = 16,
    OP_OPEN = 18,
    OP_PUTFH = 22,
    OP_PUTPUBFH = 23,
    OP_PUTROOTFH = 24,
    OP_READ = 25,
    OP_READDIR = 26,
    OP_READLINK = 27,
    OP_REMOVE = 28,
    OP_RENAME = 29,
    OP_RENEW = 30,
    OP_RESTOREFH = 31,
    OP_SAVEFH = 32,
    OP_SECINFO = 33,
    OP_SETATTR = 34,
    OP_WRITE = 38,
    OP_SEQUENCE = 53,
};

/* ------------------------------------------------------------------------ */
/* Calls. */

static bool
skip_bitmap(struct insp_cursor *c)
{
    uint32_t n = insp_cursor_be32(c);

    return n <= 8 && insp_cursor_skip(c, n * (size_t) 4);
}

/* RFC 7530, section 16.16; only what names a file is said. */
static bool
follow_open(struct insp_event *e, struct insp_cursor *c)
{
    insp_cursor_skip(c, 4 + 4 + 4 + 8); /* Sequence, access, deny, client. */
    insp_nfs_skip_opaque(c);
    if (insp_cursor_be32(c)) { /* Create... */
        uint32_t how = insp_cursor_be32(c);

        if (how >= 2) {
            insp_cursor_skip(c, 8);
        }
        if (how != 2 && (!skip_bitmap(c) || !insp_nfs_skip_opaque(c))) {
            return false;
        }
    }
    if (insp_cursor_be32(c)) { /* ... by a name. */
        return false;
    }
    return insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, c);
}

/* Passes the arguments of an operation; false: cannot. */
static bool
follow(struct insp_event *e, uint32_t operation, struct insp_cursor *c)
{
    switch (operation) {
    case OP_GETFH:
    case OP_LOOKUPP:
    case OP_PUTPUBFH:
    case OP_PUTROOTFH:
    case OP_READLINK:
    case OP_RESTOREFH:
    case OP_SAVEFH: return true;
    case OP_ACCESS: return insp_cursor_skip(c, 4);
    case OP_CLOSE: return insp_cursor_skip(c, 4 + 16);
    case OP_COMMIT: return insp_cursor_skip(c, 8 + 4);
    case OP_DELEGRETURN: return insp_cursor_skip(c, 16);
    case OP_GETATTR: return skip_bitmap(c);
    case OP_READ: return insp_cursor_skip(c, 16 + 8 + 4);
    case OP_RENEW: return insp_cursor_skip(c, 8);
    case OP_SEQUENCE: return insp_cursor_skip(c, 16 + 4 * 4);
    case OP_PUTFH: return insp_nfs_skip_opaque(c);
    case OP_READDIR:
        return insp_cursor_skip(c, 8 + 8 + 4 + 4) && skip_bitmap(c);
    case OP_SETATTR:
        return insp_cursor_skip(c, 16) && skip_bitmap(c) &&
               insp_nfs_skip_opaque(c);
    case OP_LINK:
    case OP_LOOKUP:
    case OP_REMOVE:
    case OP_SECINFO: return insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, c);
    case OP_RENAME:
        return insp_nfs_put_string(e, INSP_FIELD_NFS_RENAME_FROM, c) &&
               insp_nfs_put_string(e, INSP_FIELD_NFS_RENAME_TO, c);
    case OP_OPEN: return follow_open(e, c);
    case OP_CREATE: {
        uint32_t type = insp_cursor_be32(c);

        /* Links and devices have more before the name. */
        if ((type == 5 && !insp_nfs_skip_opaque(c)) ||
            ((type == 3 || type == 4) && !insp_cursor_skip(c, 8))) {
            return false;
        }
        return insp_nfs_put_string(e, INSP_FIELD_NFS_FILENAME, c) &&
               skip_bitmap(c) && insp_nfs_skip_opaque(c);
    }
    case OP_WRITE:
        return insp_cursor_skip(c, 16 + 8 + 4) && insp_nfs_skip_opaque(c);
    default: return false;
    }
}

/* Operations that alone make no record. */
static bool
is_quiet(uint32_t operation)
{
    switch (operation) {
    case OP_SEQUENCE:
    case OP_PUTFH:
    case OP_GETATTR:
    case OP_GETFH:
    case OP_ACCESS:
    case OP_READ:
    case OP_WRITE:
    case OP_COMMIT:
    case OP_RENEW: return true;
    default: return false;
    }
}

/* The head of a COMPOUND; returns how many operations there are. */
static uint32_t
enter_compound(struct insp_cursor *c)
{
    insp_nfs_skip_opaque(c); /* Tag. */
    insp_cursor_skip(c, 4);  /* Minor version. */
    return insp_cursor_be32(c);
}

void
insp_nfs4_read_call(struct insp_event *e, struct insp_cursor c,
                    struct insp_nfs4_summary *summary)
{
    uint32_t n = enter_compound(&c);

    *summary = (struct insp_nfs4_summary){ true, false };
    for (uint32_t i = 0; i < n && i < OPS_MAX; i++) {
        uint32_t operation = insp_cursor_be32(&c);

        if (c.failed) {
            return;
        }
        if (i < OPS_SAID) {
            insp_nfs_put_word(e, INSP_FIELD_NFS_OPERATIONS,
                              INSP_NFS_WORD(operations, operation), operation);
        }
        summary->is_quiet &= is_quiet(operation);
        summary->moves_data |= operation == OP_READ || operation == OP_WRITE;
        if (!follow(e, operation, &c)) {
            return;
        }
    }
}

/* ------------------------------------------------------------------------ */
/* Replies. */

/* Passes the result of an operation that has gone well; false: cannot. */
static bool
follow_result(struct insp_reading *r, uint32_t operation,
              struct insp_cursor *c)
{
    uint32_t bytes;

    switch (operation) {
    case OP_PUTFH:
    case OP_PUTROOTFH:
    case OP_SAVEFH:
    case OP_RESTOREFH:
    case OP_LOOKUP: return true;
    case OP_SEQUENCE: return insp_cursor_skip(c, 16 + 5 * 4);
    case OP_ACCESS: return insp_cursor_skip(c, 8);
    case OP_GETFH: return insp_nfs_skip_opaque(c);
    case OP_GETATTR: return skip_bitmap(c) && insp_nfs_skip_opaque(c);
    case OP_READ:
        insp_cursor_skip(c, 4);
        bytes = insp_cursor_be32(c);
        if (c->failed) {
            return false;
        }
        insp_nfs_add_bytes(r, false, 4, bytes);
        insp_cursor_skip(c, bytes);
        return insp_cursor_skip(c, -bytes & 3);
    case OP_WRITE:
        bytes = insp_cursor_be32(c);
        if (c->failed) {
            return false;
        }
        insp_nfs_add_bytes(r, true, 4, bytes);
        return insp_cursor_skip(c, 4 + 8);
    default: return false;
    }
}

void
insp_nfs4_read_reply(struct insp_reading *r, struct insp_cursor c)
{
    uint32_t n;

    insp_cursor_skip(&c, 4);  /* Status. */
    insp_nfs_skip_opaque(&c); /* Tag. */
    n = insp_cursor_be32(&c);
    for (uint32_t i = 0; i < n && i < OPS_MAX; i++) {
        uint32_t operation = insp_cursor_be32(&c);
        uint32_t status = insp_cursor_be32(&c);

        if (c.failed || status || !follow_result(r, operation, &c)) {
            return;
        }
    }
}
