/* SPDX-License-Identifier: Apache-2.0 */
/* lib/export/tls*.c: what must be refused is refused by one end or by both,
 * and both can say why: each sentence is compared.  Where the other end is not
 * to be trusted to be ours (somebody in between, an old or careless program),
 * it is plain OpenSSL, in this process or as "openssl s_server". */

#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "meet.h"

/* Tests: certificates that are refused. */

static void
test_refused_server_certificate(void)
{
    static const struct {
        const char *pair, *client, *server;
    } cases[] = {
        { "old-server", FAILED "CN=collector has expired, on 20",
          REFUSED "this end's certificate (CN=collector) has expired, on 20" },
        { "new-server", FAILED "CN=collector is not valid before 20",
          REFUSED "this end's certificate (CN=collector) is not valid before "
                  "20" },
        { "revoked-server",
          FAILED "CN=collector has been revoked by its CA (CN=test "
                 "authority): it needs a new one",
          REFUSED "this end's certificate (CN=collector) has been revoked: "
                  "get a new one from CN=test authority" },
        { "other-server",
          FAILED "CN=collector is signed by a CA that is not in ca_cert "
                 "(CN=another authority)",
          REFUSED "it does not trust the CA of this end's certificate "
                  "(CN=another authority), or has no CRL of it" },
        { "namesake-server",
          FAILED "CN=collector is not signed by the CA of ca_cert, but by "
                 "another one of the same name (CN=test authority)",
          REFUSED },
        { "alone-server",
          FAILED "CN=collector is self-signed: it must be signed by a CA of "
                 "ca_cert",
          REFUSED "it does not trust the CA of this end's certificate "
                  "(CN=collector), or has no CRL of it" },
        { "elsewhere",
          FAILED "it is not for 'localhost' but for elsewhere, "
                 "elsewhere.example",
          REFUSED "this end's certificate is not for the name that it "
                  "expects, but for elsewhere, elsewhere.example, or not "
                  "valid yet by its clock" },
    };
    static const char *const protocols[] = { "TLSv1.2", "TLSv1.3" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        for (unsigned int j = 0; j < 2; j++) {
            refuse(&f,
                   &(struct side){ .pair = "client",
                                   .crl = "crl.pem",
                                   .protocols = protocols[j] },
                   &(struct side){ .pair = cases[i].pair }, cases[i].client,
                   cases[i].server);
        }
    }
    end(&f);
}

static void
test_refused_client_certificate(void)
{
    static const struct {
        const char *pair, *client, *server;
    } cases[] = {
        { "old-client",
          REFUSED "this end's certificate (CN=sensor-1) has expired, on 20",
          FAILED "CN=sensor-1 has expired, on 20" },
        { "new-client",
          REFUSED "this end's certificate (CN=sensor-1) is not valid before "
                  "20",
          FAILED "CN=sensor-1 is not valid before 20" },
        { "revoked-client",
          REFUSED "this end's certificate (CN=sensor-1) has been revoked: "
                  "get a new one from CN=test authority",
          FAILED "CN=sensor-1 has been revoked by its CA (CN=test authority): "
                 "it needs a new one" },
        { "other-client",
          REFUSED "it does not trust the CA of this end's certificate "
                  "(CN=another authority), or has no CRL of it",
          FAILED "CN=sensor-1 is signed by a CA that is not in ca_cert "
                 "(CN=another authority)" },
        { "alone-client",
          REFUSED "it does not trust the CA of this end's certificate "
                  "(CN=sensor-1), or has no CRL of it",
          FAILED "CN=sensor-1 is self-signed: it must be signed by a CA of "
                 "ca_cert" },
        { "elsewhere",
          REFUSED "this end's certificate is not for the name that it "
                  "expects, but for elsewhere, elsewhere.example, or not "
                  "valid yet by its clock",
          FAILED "it is not for 'sensor-1' but for elsewhere, "
                 "elsewhere.example" },
    };
    static const char *const protocols[] = { "TLSv1.2", "TLSv1.3" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        for (unsigned int j = 0; j < 2; j++) {
            refuse(&f,
                   &(struct side){ .pair = cases[i].pair,
                                   .protocols = protocols[j] },
                   &(struct side){ .pair = "server",
                                   .crl = "crl.pem",
                                   .peer_name = "sensor-1" },
                   cases[i].client, cases[i].server);
        }
    }
    end(&f);
}

/* A list that has run out does not protect, and one of another CA neither. */
static void
test_crl(void)
{
    static const struct {
        const char *crl, *client, *server;
    } cases[] = {
        { "crl-old.pem",
          FAILED "the CRL of CN=test authority in crl_file has expired, on 20",
          REFUSED "it says that this end's certificate (CN=collector, valid "
                  "until 20" },
        { "crl-other.pem",
          FAILED "crl_file has no CRL of the CA that has signed CN=collector "
                 "(CN=test authority)",
          REFUSED },
    };
    struct meeting m = { .keep = false };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        refuse(&f, &(struct side){ .pair = "client", .crl = cases[i].crl },
               &plain_server, cases[i].client, cases[i].server);
    }
    meet(&f, &m, &(struct side){ .pair = "client", .crl = "crl.pem" },
         &(struct side){ .pair = "server", .crl = "crl.pem" });
    CU_ASSERT(is_well(&m));
    part(&m);
    expect_no_context(&f, &(struct side){ .pair = "client", .crl = "ca.pem" },
                      false, "no CRL in ");
    expect_no_context(&f, &(struct side){ .pair = "client", .crl = "absent" },
                      false, "cannot read CRL ");
    end(&f);
}

static void
test_no_certificate(void)
{
    struct fixture f;

    begin(&f);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct meeting m = { .keep = false };
        SSL_CTX *client = plain_context(&f, NULL, false);

        SSL_CTX_set_max_proto_version(client, version);
        meet_plain_client(&f, &m, client, &plain_server);
        expect_refusal(&m,
                       version == TLS1_2_VERSION ? "alert 40" : "alert 116",
                       "it has shown no certificate, and came with no token");
        client = plain_context(&f, NULL, false);
        SSL_CTX_set_max_proto_version(client, version);
        meet_plain_client(&f, &m, client, &mixed_server);
        expect_refusal(&m,
                       version == TLS1_2_VERSION ? "alert 40" : "alert 116",
                       "it has shown no certificate, and came with no token");
    }
    end(&f);
}

/* Tests: what is too old or too weak. */

static void
test_old_protocols(void)
{
    static const char too_old[] =
        "it does not speak TLS 1.2 or newer, or none "
        "that is enabled here (see protocols)";
    static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < 2; i++) {
        struct meeting m = { .keep = false };
        SSL_CTX *plain = plain_context(&f, "client", false);

        SSL_CTX_set_max_proto_version(plain, versions[i]);
        meet_plain_client(&f, &m, plain, &plain_server);
        expect_refusal(&m, "alert 70", too_old);
        plain = plain_context(&f, "server", true);
        SSL_CTX_set_max_proto_version(plain, versions[i]);
        meet_plain_server(&f, &m, &plain_client, plain);
        expect_refusal(&m,
                       REFUSED "no TLS version in common: this end needs TLS "
                               "1.2 or 1.3, see protocols on both",
                       "unsupported protocol");
    }
    refuse(&f, &(struct side){ .pair = "client", .protocols = "TLSv1.2" },
           &(struct side){ .pair = "server", .protocols = "TLSv1.3" },
           REFUSED "no TLS version in common: this end needs TLS 1.2 or 1.3, "
                   "see protocols on both",
           too_old);
    expect_no_context(
        &f, &(struct side){ .pair = "client", .protocols = "TLSv1.1" }, false,
        "protocols 'TLSv1.1': neither TLSv1.2 nor TLSv1.3");
    expect_no_context(
        &f, &(struct side){ .tokens = "one", .protocols = "TLSv1.2" }, false,
        "protocols 'TLSv1.2': tokens need TLSv1.3 too");
    end(&f);
}

/* Not even if the operator of one end asks for them. */
static void
test_weak_ciphers(void)
{
    static const char *const weak[] = { "NULL", "aNULL", "ADH", "SHA1+ECDHE",
                                        "AES128-SHA" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(weak); i++) {
        struct meeting m = { .keep = false };
        SSL_CTX *plain = plain_context(&f, "client", false);
        char list[64];

        snprintf(list, sizeof list, "%s:@SECLEVEL=0", weak[i]);
        SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
        CU_ASSERT(SSL_CTX_set_cipher_list(plain, list) == 1);
        meet_plain_client(&f, &m, plain, &plain_server);
        expect_refusal(&m, "alert 40",
                       "it offers only cipher suites that are too weak, or "
                       "not enabled here (see ciphers)");
        plain = plain_context(&f, "server", true);
        SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
        CU_ASSERT(SSL_CTX_set_cipher_list(plain, list) == 1);
        meet_plain_server(&f, &m, &plain_client, plain);
        expect_refusal(&m,
                       REFUSED "no strong cipher suite in common (see ciphers "
                               "on both ends), or it does not take this end's "
                               "kind of credential",
                       "no shared cipher");
    }
    expect_no_context(
        &f, &(struct side){ .pair = "client", .ciphers = "aNULL:eNULL" },
        false, "ciphers 'aNULL:eNULL': none of them is both known and strong");
    {
        /* What the operator enables weakens no more than that. */
        struct meeting m = { .keep = false };
        SSL_CTX *plain = plain_context(&f, "client", false);

        SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
        CU_ASSERT(SSL_CTX_set_cipher_list(plain, "aNULL:eNULL:@SECLEVEL=0"));
        meet_plain_client(&f, &m, plain,
                          &(struct side){ .pair = "server",
                                          .ciphers = "ALL:COMPLEMENTOFALL:"
                                                     "@SECLEVEL=0" });
        expect_refusal(&m, "alert 40",
                       "it offers only cipher suites that are too weak");
        plain = plain_context(&f, "client", false);
        SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
        CU_ASSERT(SSL_CTX_set_cipher_list(plain, "SHA1+ECDHE:@SECLEVEL=0"));
        meet_plain_client(&f, &m, plain,
                          &(struct side){ .pair = "server",
                                          .ciphers = "HIGH" });
        CU_ASSERT(m.server.done && !m.server.over);
        part(&m);
    }
    end(&f);
}

/* A key that is too short, of either end, whatever the operator says. */
static void
test_weak_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);
    struct meeting m = { .keep = false };
    X509 *certificate;
    struct fixture f;

    begin(&f);
    CU_ASSERT_FATAL(key != NULL);
    certificate = pki_sign("sensor-1", key, f.pki.ca, f.pki.ca_key, NULL);
    pki_save_pair(&f.pki, "weak", key, certificate);
    expect_no_context(
        &f, &(struct side){ .pair = "weak", .ciphers = "HIGH:@SECLEVEL=0" },
        false, "is too weak (ee key too small): make one with at least");
    meet_plain_client(&f, &m, plain_context(&f, "weak", false),
                      &(struct side){ .pair = "server",
                                      .ciphers = "HIGH:@SECLEVEL=0" });
    expect_refusal(&m, "alert 42",
                   FAILED "the key of CN=sensor-1 is too weak: RSA 2048 or "
                          "P-256 at the least");
    X509_free(certificate);
    EVP_PKEY_free(key);
    end(&f);
}

/* Tests: tokens that are refused. */

#define UNKNOWN_HERE                                                          \
    "it came with the token 'sensor-1', which is not in this end's token "    \
    "file: revoked, or never issued"
#define UNKNOWN_THERE                                                         \
    REFUSED "it does not know the token 'sensor-1': it has been revoked, or " \
            "its line is not in the other end's token file"

static void
test_refused_token(void)
{
    static const char wrong_here[] = "it came with the token 'sensor-1', and "
                                     "its secret is not the one in this end's "
                                     "token file";
    static const char wrong_there[] = REFUSED
        "its secret for the token 'sensor-1' is another one: the same line "
        "must be in both token files";
    static const struct side wrong = { .tokens = "one-wrong" };
    struct fixture f;

    begin(&f);
    refuse(&f, &wrong, &token_server, wrong_there, wrong_here);
    refuse(&f, &wrong, &mixed_server, wrong_there, wrong_here);
    refuse(&f, &token_client, &(struct side){ .tokens = "two" }, UNKNOWN_THERE,
           UNKNOWN_HERE);
    refuse(&f, &token_client, &(struct side){ .tokens = "none" },
           UNKNOWN_THERE, UNKNOWN_HERE);
    refuse(&f, &token_client,
           &(struct side){ .pair = "server", .tokens = "two" }, UNKNOWN_THERE,
           UNKNOWN_HERE);
    refuse(&f, &token_client,
           &(struct side){ .tokens = "both", .peer_name = "sensor-2" },
           REFUSED "it knows the token 'sensor-1', and expects another",
           "it came with the token 'sensor-1', which is not that of "
           "'sensor-2'");
    /* One end has a token, the other certificates. */
    refuse(&f, &plain_client, &token_server,
           REFUSED "it takes tokens only, and this end has a certificate",
           "it came without a token, and this end takes nothing else");
    refuse(&f, &token_client, &plain_server,
           "it shows a certificate (CN=collector) instead of taking the token "
           "'sensor-1': it does not know that, or somebody is in between",
           REFUSED "it came with the token 'sensor-1' and takes nothing else, "
                   "but this end has no token file");
    refuse(&f, &token_client,
           &(struct side){ .pair = "server", .protocols = "TLSv1.2" },
           REFUSED "it does not speak TLS 1.3, which a token needs",
           "it does not speak TLS 1.2 or newer, or none that is enabled here");
    end(&f);
}

/* Somebody in between, with a certificate that the world, or even our own CA,
 * has signed, and who speaks whatever is wanted: a sensor that has a token
 * says nothing to them, on either side of TLS.  Mutation: let decide() in
 * tls-peer.c go on to verify(). */
static void
test_man_in_the_middle(void)
{
    static const char *const pairs[] = { "server", "other-server",
                                         "alone-server" };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(pairs); i++) {
        struct meeting m = { .keep = true };
        char text[512];

        meet_plain_server(&f, &m, &token_client,
                          plain_context(&f, pairs[i], true));
        CU_ASSERT(!m.client.done);
        CU_ASSERT(insp_tls_get_chain(m.client.tls, 0, text, sizeof text));
        CU_ASSERT(!strncmp(text, "CN=collector; ", 14));
        expect_refusal(&m,
                       "it shows a certificate (CN=collector) instead of "
                       "taking the token 'sensor-1': it does not know that, "
                       "or somebody is in between",
                       "alert 40");
    }
    for (unsigned int i = 0; i < 2; i++) {
        struct meeting m = { .keep = false };

        meet_plain_client(&f, &m,
                          plain_context(&f, i ? "client" : NULL, false),
                          &token_server);
        CU_ASSERT(!m.server.done);
        expect_refusal(&m, "alert 115",
                       "it came without a token, and this end takes nothing "
                       "else");
    }
    end(&f);
}

/* The right secret, as most programs would use it: for SHA-256. */
static int
offer_sha256(SSL *ssl, const EVP_MD *digest, const unsigned char **identity,
             size_t *size, SSL_SESSION **session)
{
    static const unsigned char suite[2] = { 0x13, 0x01 };
    unsigned char secret[32];
    size_t n;

    (void) digest;
    CU_ASSERT(
        OPENSSL_hexstr2buf_ex(secret, sizeof secret, &n, SECRET_1, '\0') == 1);
    *session = SSL_SESSION_new();
    CU_ASSERT(SSL_SESSION_set1_master_key(*session, secret, n) == 1);
    CU_ASSERT(SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)));
    CU_ASSERT(SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION));
    *identity = (const unsigned char *) "sensor-1";
    *size = 8;
    return 1;
}

static void
test_weak_token(void)
{
    static const char *const suites[] = {
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
        "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
    };
    static const char says[] =
        "it came with the token 'sensor-1', but not for "
        "AES-256-GCM and SHA-384";
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < 6; i++) {
        const struct side *server = i < 3 ? &token_server : &mixed_server;
        struct meeting m = { .keep = false };
        SSL_CTX *plain = plain_context(&f, "client", false);

        SSL_CTX_set_psk_use_session_callback(plain, offer_sha256);
        CU_ASSERT(SSL_CTX_set_ciphersuites(plain, suites[i % 3]) == 1);
        meet_plain_client(&f, &m, plain, server);
        CU_ASSERT(!m.server.done);
        expect_refusal(&m, "", says);
    }
    end(&f);
}

/* What does not speak TLS at all. */
static void
test_strangers(void)
{
    static const struct {
        const char *bytes, *says;
    } cases[] = {
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
          "it speaks plain HTTP: is this the right port?" },
        { "SSH-2.0-OpenSSH_9.2p1\r\n",
          "it does not speak TLS: is this the right port?" },
        { "{\"event_type\":\"flow\"}\n",
          "it does not speak TLS: is this the right port?" },
        { "", "closed by the other end during the handshake" },
    };
    struct fixture f;

    begin(&f);
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        struct end e;
        int fds[2];

        sockets(fds);
        give(&e, context_of(&f, &plain_server, true), fds[1], true, NULL);
        CU_ASSERT(write(fds[0], cases[i].bytes, strlen(cases[i].bytes)) >= 0);
        shutdown(fds[0], SHUT_WR);
        step(&e);
        CU_ASSERT(e.over);
        expect_sentence("server", e.error, cases[i].says);
        hang_up(&e);
        close(fds[0]);
    }
    end(&f);
}

/* The server refuses, and resets the connection because of what it has not
 * read: the client, who was only writing, hears why all the same. */
static void
test_refused_while_writing(void)
{
    struct meeting m = { .keep = true };
    struct fixture f;
    char bytes[1000];
    int fds[2];

    begin(&f);
    memset(bytes, 'x', sizeof bytes);
    sockets(fds);
    give(&m.client,
         context_of(&f, &(struct side){ .pair = "old-client" }, false), fds[0],
         false, "localhost");
    give(&m.server, context_of(&f, &plain_server, true), fds[1], true, NULL);
    while (!m.client.done) {
        step(&m.client);
        if (!m.client.done) {
            step(&m.server);
        }
    }
    UNIT_EQ(insp_tls_write(m.client.tls, bytes, sizeof bytes), INSP_TLS_OK);
    step(&m.server);
    CU_ASSERT(m.server.over);
    hang_up(&m.server);
    UNIT_EQ(insp_tls_write(m.client.tls, bytes, sizeof bytes),
            INSP_TLS_FAILED);
    expect_sentence("client", insp_tls_error(m.client.tls),
                    REFUSED "this end's certificate (CN=sensor-1) has "
                            "expired, on 20");
    part(&m);
    end(&f);
}

/* The programs of OpenSSL. */

struct program {
    pid_t pid;
    int in; /* Stays open: s_server goes when its input ends. */
    FILE *out;
};

static void
start(struct program *p, char *const argv[])
{
    int fds[2], in[2];

    CU_ASSERT_FATAL(!pipe(fds) && !pipe(in));
    p->pid = fork();
    CU_ASSERT_FATAL(p->pid >= 0);
    if (!p->pid) {
        dup2(in[0], 0);
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(in[0]);
        close(in[1]);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(fds[1]);
    p->in = in[1];
    p->out = fdopen(fds[0], "r");
}

static void
stop(struct program *p)
{
    kill(p->pid, SIGTERM);
    waitpid(p->pid, NULL, 0);
    close(p->in);
    fclose(p->out);
}

static unsigned int
port_of(struct program *p)
{
    char line[256];
    unsigned int port = 0;

    while (!port && fgets(line, sizeof line, p->out)) {
        (void) sscanf(line, "ACCEPT 127.0.0.1:%u", &port);
    }
    return port;
}

static void
dial(const struct fixture *f, struct end *e, const struct side *client,
     unsigned int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons((uint16_t) port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_FATAL(!connect(fd, (struct sockaddr *) &a, sizeof a));
    CU_ASSERT(!fcntl(fd, F_SETFL, O_NONBLOCK));
    give(e, context_of(f, client, false), fd, false, "localhost");
    for (unsigned int i = 0; i < 200 && !e->over && !e->done; i++) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };

        step(e);
        if (!e->over && !e->done) {
            poll(&pfd, 1, 100);
        }
    }
}

/* The PSK of sensor-1 as s_server reads it; with -psk alone it would take
 * AES-128 and SHA-256. */
static void
save_session(const struct fixture *f, const char *file)
{
    static const unsigned char suite[2] = { 0x13, 0x02 };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_SESSION *session = SSL_SESSION_new();
    unsigned char secret[32];
    size_t n;
    FILE *out = fopen(pki_path(&f->pki, file), "w");

    CU_ASSERT_FATAL(out != NULL);
    CU_ASSERT(
        OPENSSL_hexstr2buf_ex(secret, sizeof secret, &n, SECRET_1, '\0') == 1);
    CU_ASSERT(SSL_SESSION_set1_master_key(session, secret, n) == 1);
    CU_ASSERT(SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, suite)));
    CU_ASSERT(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION));
    CU_ASSERT(PEM_write_SSL_SESSION(out, session) == 1);
    fclose(out);
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void
test_s_server(void)
{
    static const struct {
        const char *identity;
        bool certificate;
        const char *says; /* NULL: it is good. */
        const char *groups;
    } cases[] = {
        { "sensor-1", false, NULL, NULL },
        /* It asks for another key share first. */
        { "sensor-1", true, NULL, "P-521" },
        /* It has both, and takes the PSK. */
        { "sensor-1", true, NULL, NULL },
        /* It has not ours. */
        { "sensor-2", true,
          "it shows a certificate (CN=collector) instead of taking the token "
          "'sensor-1': it does not know that, or somebody is in between",
          NULL },
        { NULL, true,
          "it shows a certificate (CN=collector) instead of taking the token "
          "'sensor-1': it does not know that, or somebody is in between",
          NULL },
        { "sensor-2", false,
          REFUSED "it takes no tokens, or not with AES-256-GCM and SHA-384",
          NULL },
    };
    struct fixture f;

    if (system("openssl version >/dev/null 2>&1")) {
        unit_skip("no openssl program: apt-get install openssl");
        return;
    }
    begin(&f);
    save_session(&f, "session");
    for (unsigned int i = 0; i < INSP_ARRAY_SIZE(cases); i++) {
        char key[128], certificate[128], session[128], identity[32];
        char *argv[20] = { (char *) "openssl", (char *) "s_server",
                           (char *) "-accept", (char *) "127.0.0.1:0",
                           (char *) "-tls1_3", (char *) "-naccept",
                           (char *) "1" };
        unsigned int n = 7, port;
        struct program p;
        struct end e;

        snprintf(key, sizeof key, "%s/server.key", f.pki.dir);
        snprintf(certificate, sizeof certificate, "%s/server.pem", f.pki.dir);
        snprintf(session, sizeof session, "%s/session", f.pki.dir);
        if (cases[i].identity) {
            snprintf(identity, sizeof identity, "%s", cases[i].identity);
            argv[n++] = (char *) "-psk_session";
            argv[n++] = session;
            argv[n++] = (char *) "-psk_identity";
            argv[n++] = identity;
        }
        if (cases[i].certificate) {
            argv[n++] = (char *) "-key";
            argv[n++] = key;
            argv[n++] = (char *) "-cert";
            argv[n++] = certificate;
        } else {
            argv[n++] = (char *) "-nocert";
        }
        if (cases[i].groups) {
            argv[n++] = (char *) "-groups";
            argv[n++] = (char *) "P-521";
        }
        start(&p, argv);
        port = port_of(&p);
        CU_ASSERT_FATAL(port != 0);
        dial(&f, &e, &token_client, port);
        if (cases[i].says) {
            CU_ASSERT(e.over && !e.done);
            expect_sentence("client", e.error, cases[i].says);
        } else {
            UNIT_STR_EQ(e.error, "");
            CU_ASSERT(e.done);
            UNIT_STR_EQ(insp_tls_token(e.tls), "sensor-1");
        }
        hang_up(&e);
        stop(&p);
    }
    end(&f);
}

UNIT_MAIN("tls-refused", UNIT_TEST(test_refused_server_certificate),
          UNIT_TEST(test_refused_client_certificate), UNIT_TEST(test_crl),
          UNIT_TEST(test_no_certificate), UNIT_TEST(test_old_protocols),
          UNIT_TEST(test_weak_ciphers), UNIT_TEST(test_weak_key),
          UNIT_TEST(test_refused_token), UNIT_TEST(test_man_in_the_middle),
          UNIT_TEST(test_weak_token), UNIT_TEST(test_strangers),
          UNIT_TEST(test_refused_while_writing), UNIT_TEST(test_s_server))
