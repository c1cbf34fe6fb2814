/* SPDX-License-Identifier: Apache-2.0 */
/* GSS
 * ===
 *
 * Who logs in, as far as tokens of NTLMSSP and Kerberos say so in clear: they
 * stand in SMB, DCE/RPC, LDAP and others, bare or in SPNEGO (RFC 4178).
 *
 * Above:    readers.               Below:  app/ber.h, app/little.h.
 * Threads:  any.
 * Memory:   borrows the bytes.
 * Time:     one pass over the token.
 * Fails:    by INSP_GSS_NONE, and by what is empty.
 */

#ifndef INSP_APP_GSS_H
#define INSP_APP_GSS_H 1

#include "base/cursor.h"

enum insp_gss_kind {
    INSP_GSS_NONE,
    INSP_GSS_NTLM_NEGOTIATE, /* Says nothing of interest... */
    INSP_GSS_NTLM_CHALLENGE, /* ... nor does this... */
    INSP_GSS_NTLM_LOGIN,     /* ... but this: user, domain, host. */
    INSP_GSS_KERBEROS,       /* Realm and service of the ticket. */
};

#define INSP_GSS_NAMES 4

struct insp_gss {
    enum insp_gss_kind kind;
    bool is_unicode; /* NTLM's texts are UTF-16. */
    bool has_version;
    uint8_t major, minor, revision;
    uint16_t build;
    struct insp_cursor user, domain, host;

    struct insp_cursor realm;
    struct insp_cursor service[INSP_GSS_NAMES];
    unsigned int n_services;
};

/* What the token in these bytes is, and what it says. */
void insp_gss_read(const struct insp_cursor *token, struct insp_gss *);

/* A text of NTLM as UTF-8; returns its length. */
size_t insp_gss_text(const struct insp_gss *, const struct insp_cursor *,
                     char *text, size_t room);

/* A ticket of Kerberos (RFC 4120, section 5.3), [APPLICATION 1] and all, the
 * end of which may not be there: realm and names of its service; returns its
 * encryption type, 0: not found. */
int64_t insp_gss_ticket(struct insp_cursor *, struct insp_gss *);

/* Names in a PrincipalName (section 5.2.2); returns how many of them, at most
 * INSP_GSS_NAMES, and 'c' has passed it. */
unsigned int insp_gss_principal(struct insp_cursor *c,
                                struct insp_cursor names[INSP_GSS_NAMES]);

#endif /* app/gss.h */
