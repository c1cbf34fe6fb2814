/* SPDX-License-Identifier: Apache-2.0 */
/* Meet
 * ====
 *
 * Two ends of TLS over a pair of sockets, in one thread, with what they need
 * in a directory: certificates good and bad, lists of revoked ones, tokens.
 * Either end may be plain OpenSSL instead of ours.
 *
 *     meet(&f, &m, &(struct side){ .pair = "old-client" }, &plain_server);
 *     expect_refusal(&m, "what the client says", "what the server says");
 *
 * Above:    test-tls.c, test-tls-refused.c.   Below:  pki.h, export/tls.h.
 * Threads:  one.
 * Memory:   begin() and end(); part() after each meeting.
 * Time:     as long as the handshakes take; nothing waits.
 * Fails:    by assertion.
 */

#ifndef INSP_TEST_MEET_H
#define INSP_TEST_MEET_H 1

#include <signal.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "export/tls.h"
#include "pki.h"

#define SECRET_1                                                              \
    "2b7e151628aed2a6abf7158809cf4f3c00112233445566778899aabbccddeeff"
#define SECRET_2                                                              \
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b0123456789abcdef"

struct fixture {
    struct pki pki;
    struct pki other;    /* Another authority, */
    struct pki namesake; /* and one with the name of the first. */
};

/* What an end is given; names of files in the PKI's directory. */
struct side {
    const char *pair; /* NAME.pem and NAME.key. */
    const char *ca;   /* NULL: ca.pem when there is a pair. */
    const char *crl;
    const char *tokens;
    const char *identity;
    const char *peer_name;
    const char *alpn;
    const char *protocols;
    const char *ciphers;
    bool bootstrap;
    bool any_host; /* Dials without knowing whom. */
};

struct end {
    struct insp_tls *tls; /* Ours, or */
    SSL *ssl;             /* plain OpenSSL. */
    int fd;
    bool done;
    bool over;
    bool is_server;
    char error[512];
};

struct meeting {
    struct end client;
    struct end server;
    bool keep; /* Destroys no end that has failed. */
};

static inline void
copy_pair(const struct fixture *f, const struct pki *from, const char *name)
{
    static const char *const ends[] = { "key", "pem" };

    for (unsigned int i = 0; i < 2; i++) {
        char source[128], target[128];

        snprintf(source, sizeof source, "%s/pair.%s", from->dir, ends[i]);
        snprintf(target, sizeof target, "%s/%s.%s", f->pki.dir, name, ends[i]);
        CU_ASSERT_FATAL(!rename(source, target));
    }
}

static inline void
begin(struct fixture *f)
{
    static const char server_names[] = "DNS:localhost,IP:127.0.0.1";
    static const char *const revoked[] = { "revoked-server.pem",
                                           "revoked-client.pem", NULL };
    static const char *const nobody[] = { NULL };

    pki_create(&f->pki);
    pki_create_named(&f->other, "another authority");
    pki_create(&f->namesake);
    pki_issue(&f->pki, "server", "collector", server_names);
    pki_issue(&f->pki, "client", "sensor-1", NULL);
    pki_issue(&f->pki, "named", "sensor-1",
              "DNS:sensor-1.example,URI:urn:uuid:0de7,IP:192.0.2.1");
    pki_issue(&f->pki, "elsewhere", "elsewhere", "DNS:elsewhere.example");
    pki_issue_for(&f->pki, "old-server", "collector", server_names, -7200,
                  -3600);
    pki_issue_for(&f->pki, "old-client", "sensor-1", NULL, -7200, -3600);
    pki_issue_for(&f->pki, "new-server", "collector", server_names, 3600,
                  7200);
    pki_issue_for(&f->pki, "new-client", "sensor-1", NULL, 3600, 7200);
    pki_issue(&f->pki, "revoked-server", "collector", server_names);
    pki_issue(&f->pki, "revoked-client", "sensor-1", NULL);
    pki_issue_alone(&f->pki, "alone-server", "collector", server_names);
    pki_issue_alone(&f->pki, "alone-client", "sensor-1", NULL);
    pki_issue(&f->other, "pair", "collector", server_names);
    copy_pair(f, &f->other, "other-server");
    pki_issue(&f->other, "pair", "sensor-1", NULL);
    copy_pair(f, &f->other, "other-client");
    pki_issue(&f->namesake, "pair", "collector", server_names);
    copy_pair(f, &f->namesake, "namesake-server");
    pki_revoke(&f->pki, "crl.pem", -60, 3600, revoked);
    pki_revoke(&f->pki, "crl-empty.pem", -60, 3600, nobody);
    pki_revoke(&f->pki, "crl-old.pem", -7200, -3600, revoked);
    pki_revoke(&f->other, "pair.pem", -60, 3600, nobody);
    CU_ASSERT_FATAL(!rename(pki_path(&f->other, "pair.pem"),
                            pki_path(&f->pki, "crl-other.pem")));
    pki_write(&f->pki, "one", "sensor-1:" SECRET_1 "\n");
    pki_write(&f->pki, "one-wrong", "sensor-1:" SECRET_2 "\n");
    pki_write(&f->pki, "two", "sensor-2:" SECRET_2 "\n");
    pki_write(&f->pki, "both",
              "# Of all sensors.\nsensor-2:" SECRET_2
              "\r\n\n  sensor-1 : " SECRET_1);
    pki_write(&f->pki, "none", "");
}

static inline void
end(struct fixture *f)
{
    pki_remove(&f->namesake);
    pki_remove(&f->other);
    pki_remove(&f->pki);
}

static inline const char *
path_or_null(const struct fixture *f, const char *file)
{
    return file ? pki_path(&f->pki, file) : NULL;
}

/* The strings are good until the eighth path from now on. */
static inline struct insp_tls_config
config_of(const struct fixture *f, const struct side *s, bool server)
{
    struct insp_tls_config config = {
        .protocols = s->protocols,
        .ciphers = s->ciphers,
        .server = server,
        .crl_file = path_or_null(f, s->crl),
        .token_file = path_or_null(f, s->tokens),
        .token_identity = s->identity,
        .peer_name = s->peer_name,
        .alpn = s->alpn,
        .bootstrap = s->bootstrap,
    };
    char file[64];

    if (s->pair) {
        snprintf(file, sizeof file, "%s.key", s->pair);
        config.private_key = pki_path(&f->pki, file);
        snprintf(file, sizeof file, "%s.pem", s->pair);
        config.certificate = pki_path(&f->pki, file);
        config.ca_cert = pki_path(&f->pki, s->ca ? s->ca : "ca.pem");
    }
    return config;
}

static inline struct insp_tls_context *
context_of(const struct fixture *f, const struct side *s, bool server)
{
    struct insp_tls_config config = config_of(f, s, server);
    char why[512] = "";
    struct insp_tls_context *context =
        insp_tls_context_create(&config, why, sizeof why);

    if (!context) {
        printf("# %s\n", why);
    }
    CU_ASSERT_FATAL(context != NULL);
    return context;
}

static inline void
expect_no_context(const struct fixture *f, const struct side *s, bool server,
                  const char *expected)
{
    struct insp_tls_config config = config_of(f, s, server);
    char why[512] = "";

    CU_ASSERT_PTR_NULL(insp_tls_context_create(&config, why, sizeof why));
    if (!strstr(why, expected)) {
        UNIT_STR_EQ(why, expected);
    }
}

/* Meetings. */

static inline void
hang_up(struct end *e)
{
    if (e->tls) {
        insp_tls_destroy(e->tls);
    } else if (e->ssl) {
        SSL_free(e->ssl);
        shutdown(e->fd, SHUT_WR);
        close(e->fd);
    }
    e->tls = NULL;
    e->ssl = NULL;
}

static inline void
step_plain(struct end *e)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* Only here. */
    char byte;
    int code;

    ERR_clear_error();
    code = e->done ? SSL_read(e->ssl, &byte, 1) : SSL_do_handshake(e->ssl);
    if (code == 1) {
        e->done = true;
    } else if (SSL_get_error(e->ssl, code) != SSL_ERROR_WANT_READ &&
               SSL_get_error(e->ssl, code) != SSL_ERROR_WANT_WRITE) {
        int reason = ERR_GET_REASON(ERR_peek_error());
        const char *text = ERR_reason_error_string(ERR_peek_error());

        if (reason >= SSL_AD_REASON_OFFSET) {
            snprintf(e->error, sizeof e->error, "alert %d",
                     reason - SSL_AD_REASON_OFFSET);
        } else {
            snprintf(e->error, sizeof e->error, "%s", text ? text : "closed");
        }
        e->over = true;
    }
    signal(SIGPIPE, before);
}

/* A handshake, then reading, which is when a client of TLS 1.3 hears that it
 * has been refused. */
static inline void
step(struct end *e)
{
    enum insp_tls_result r;
    char byte;
    size_t n;

    if (e->over) {
        return;
    } else if (!e->tls) {
        step_plain(e);
        return;
    }
    r = e->done ? insp_tls_read(e->tls, &byte, 1, &n)
                : insp_tls_handshake(e->tls);
    if (!e->done && r == INSP_TLS_OK) {
        e->done = true;
        if (e->is_server) {
            insp_tls_accept(e->tls);
        }
    } else if (r == INSP_TLS_FAILED || r == INSP_TLS_CLOSED) {
        snprintf(e->error, sizeof e->error, "%s", insp_tls_error(e->tls));
        e->over = true;
    }
}

static inline void
run(struct meeting *m)
{
    for (unsigned int i = 0; i < 100; i++) {
        struct end *ends[] = { &m->client, &m->server };

        for (unsigned int j = 0; j < 2; j++) {
            step(ends[j]);
            if (ends[j]->over && !m->keep) {
                hang_up(ends[j]);
            }
        }
    }
}

static inline void
sockets(int fds[2])
{
    CU_ASSERT_FATAL(!socketpair(
        AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
}

static inline void
give(struct end *e, struct insp_tls_context *context, int fd, bool server,
     const char *host)
{
    memset(e, 0, sizeof *e);
    e->is_server = server;
    e->tls = insp_tls_create(context, fd, host);
    CU_ASSERT_FATAL(e->tls != NULL);
    insp_tls_context_destroy(context);
}

static inline void
meet(const struct fixture *f, struct meeting *m, const struct side *client,
     const struct side *server)
{
    int fds[2];

    sockets(fds);
    give(&m->client, context_of(f, client, false), fds[0], false,
         client->any_host ? NULL : "localhost");
    give(&m->server, context_of(f, server, true), fds[1], true, NULL);
    run(m);
}

static inline void
part(struct meeting *m)
{
    hang_up(&m->client);
    hang_up(&m->server);
}

static inline bool
is_well(const struct meeting *m)
{
    if (m->client.error[0] || m->server.error[0]) {
        printf("# client: %s\n# server: %s\n", m->client.error,
               m->server.error);
    }
    return m->client.done && m->server.done && !m->client.over &&
           !m->server.over;
}

static inline void
expect_sentence(const char *who, const char *got, const char *expected)
{
    /* The times in it are of today. */
    if (strncmp(got, expected, strlen(expected))) {
        printf("# %s says: %s\n", who, got);
        UNIT_STR_EQ(got, expected);
    }
    CU_ASSERT(!strstr(got, "2b7e15") && !strstr(got, "8e73b0"));
}

static inline void
expect_refusal(struct meeting *m, const char *client, const char *server)
{
    CU_ASSERT(m->client.over);
    CU_ASSERT(m->server.over);
    expect_sentence("client", m->client.error, client);
    expect_sentence("server", m->server.error, server);
    part(m);
}

static inline void
refuse(const struct fixture *f, const struct side *client,
       const struct side *server, const char *client_says,
       const char *server_says)
{
    struct meeting m = { .keep = false };

    meet(f, &m, client, server);
    expect_refusal(&m, client_says, server_says);
}

/* Plain OpenSSL. */

static inline SSL_CTX *
plain_context(const struct fixture *f, const char *pair, bool server)
{
    SSL_CTX *ctx =
        SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    char file[64];

    CU_ASSERT_FATAL(ctx != NULL);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    CU_ASSERT(SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"));
    if (pair) {
        snprintf(file, sizeof file, "%s.pem", pair);
        CU_ASSERT(SSL_CTX_use_certificate_chain_file(
                      ctx, pki_path(&f->pki, file)) == 1);
        snprintf(file, sizeof file, "%s.key", pair);
        CU_ASSERT(SSL_CTX_use_PrivateKey_file(ctx, pki_path(&f->pki, file),
                                              SSL_FILETYPE_PEM) == 1);
    }
    return ctx;
}

static inline void
give_plain(struct end *e, SSL_CTX *ctx, int fd, bool server)
{
    memset(e, 0, sizeof *e);
    e->is_server = server;
    e->fd = fd;
    e->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    CU_ASSERT_FATAL(e->ssl != NULL && SSL_set_fd(e->ssl, fd) == 1);
    if (server) {
        SSL_set_accept_state(e->ssl);
    } else {
        SSL_set_connect_state(e->ssl);
    }
}

static inline void
meet_plain_server(const struct fixture *f, struct meeting *m,
                  const struct side *client, SSL_CTX *server)
{
    int fds[2];

    sockets(fds);
    give(&m->client, context_of(f, client, false), fds[0], false,
         client->any_host ? NULL : "localhost");
    give_plain(&m->server, server, fds[1], true);
    run(m);
}

static inline void
meet_plain_client(const struct fixture *f, struct meeting *m, SSL_CTX *client,
                  const struct side *server)
{
    int fds[2];

    sockets(fds);
    give_plain(&m->client, client, fds[0], false);
    give(&m->server, context_of(f, server, true), fds[1], true, NULL);
    run(m);
}

static const struct side plain_server = { .pair = "server" };
static const struct side plain_client = { .pair = "client" };
static const struct side token_client = { .tokens = "one" };
static const struct side token_server = { .tokens = "both" };
static const struct side mixed_server = { .pair = "server", .tokens = "both" };

/* How a refusal begins: of what we verify, and of what we hear. */
#define FAILED  "certificate verify failed: "
#define REFUSED "refused by the other end: "

#endif /* tests/unit/meet.h */
